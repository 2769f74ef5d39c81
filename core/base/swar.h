/* SPDX-License-Identifier: Apache-2.0 */
/* swar - eight bytes looked at in one register, for the scanners of this room. In the results the
 * lowest marked byte is always exact; marks above it may be false, so only the lowest is to be
 * used. */
#ifndef REEVE_BASE_SWAR_H
#define REEVE_BASE_SWAR_H
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define SWAR_ONES 0x0101010101010101ull
#define SWAR_TOPS 0x8080808080808080ull

/* The byte at the lowest address becomes the lowest byte of the number, on every machine. */
static inline uint64_t swar_load(const void *p)
{
    uint64_t x;
    memcpy(&x, p, sizeof(x));
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    x = __builtin_bswap64(x);
#endif
    return x;
}

static inline uint64_t swar_zero(uint64_t x)
{
    return (x - SWAR_ONES) & ~x & SWAR_TOPS;
}

static inline uint64_t swar_equal(uint64_t x, uint8_t c)
{
    return swar_zero(x ^ (SWAR_ONES * c));
}

static inline uint64_t swar_below(uint64_t x, uint8_t c) /* c <= 0x80 */
{
    return (x - SWAR_ONES * c) & ~x & SWAR_TOPS;
}

static inline size_t swar_first(uint64_t marks) /* marks != 0 */
{
    return (size_t)__builtin_ctzll(marks) >> 3;
}

#endif
