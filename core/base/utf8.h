/* SPDX-License-Identifier: Apache-2.0 */
/* utf8 - one step of a UTF-8 walk, for those who go through a text (RFC 3629 section 4: no overlong
 * forms, no surrogates, nothing above U+10FFFF). */
#ifndef REEVE_BASE_UTF8_H
#define REEVE_BASE_UTF8_H
#include <stddef.h>
#include <stdint.h>

static inline int utf8_tail(uint8_t c)
{
    return (c & 0xc0) == 0x80;
}

/* Bytes of the character at p (1..4), or 0 when it is not UTF-8 or cut off by end. p < end. */
static inline size_t utf8_step(const uint8_t *p, const uint8_t *end)
{
    size_t left = (size_t)(end - p);
    uint8_t c = p[0];
    if (c < 0x80)
        return 1;
    if (c < 0xc2) /* a tail byte, or a two byte form of ASCII */
        return 0;
    if (c < 0xe0)
        return left >= 2 && utf8_tail(p[1]) ? 2 : 0;
    if (c < 0xf0) {
        if (left < 3 || !utf8_tail(p[1]) || !utf8_tail(p[2]))
            return 0;
        if ((c == 0xe0 && p[1] < 0xa0) || (c == 0xed && p[1] > 0x9f))
            return 0;
        return 3;
    }
    if (c > 0xf4 || left < 4 || !utf8_tail(p[1]) || !utf8_tail(p[2]) || !utf8_tail(p[3]))
        return 0;
    if ((c == 0xf0 && p[1] < 0x90) || (c == 0xf4 && p[1] > 0x8f))
        return 0;
    return 4;
}

#endif
