/* SPDX-License-Identifier: Apache-2.0 */
/* memory - allocation with checked sizes, and the hash of in-memory tables. */
#include "util.h"
#include "swar.h"
#include <errno.h>
#include <stdatomic.h>
#include <sys/random.h>
#include <time.h>

void *xcalloc(size_t n, size_t size)
{
    size_t total;
    if (__builtin_mul_overflow(n, size, &total))
        return NULL;
    return calloc(n ? n : 1, size ? size : 1);
}

int grow_array(void **arr, size_t *cap, size_t want, size_t size)
{
    if (want <= *cap)
        return 0;
    size_t n = *cap ? *cap : 8;
    while (n < want)
        n = n > SIZE_MAX / 2 ? want : n * 2;
    size_t total;
    if (__builtin_mul_overflow(n, size, &total))
        return -ENOMEM;
    void *p = realloc(*arr, total);
    if (!p)
        return -ENOMEM;
    *arr = p;
    *cap = n;
    return 0;
}

/* 64 x 64 -> 128 bits, folded: each input bit reaches every output bit in one multiplication. */
static inline uint64_t mix(uint64_t a, uint64_t b)
{
    __extension__ unsigned __int128 m = (unsigned __int128)a * b;
    return (uint64_t)m ^ (uint64_t)(m >> 64);
}

static uint64_t hash_seed(void)
{
    static _Atomic uint64_t seed;
    uint64_t s = atomic_load_explicit(&seed, memory_order_relaxed);
    if (s != 0)
        return s;
    if (getrandom(&s, sizeof(s), GRND_NONBLOCK) != (ssize_t)sizeof(s)) {
        struct timespec t;
        (void)clock_gettime(CLOCK_MONOTONIC, &t);
        s = mix((uint64_t)t.tv_nsec + (uint64_t)(uintptr_t)&seed,
                0x9e3779b97f4a7c15ull ^ (uint64_t)getpid());
    }
    s |= 1;
    uint64_t none = 0;
    /* another thread may have been first: all must use the same */
    if (!atomic_compare_exchange_strong(&seed, &none, s))
        s = none;
    return s;
}

uint64_t hash_bytes(const void *data, size_t len)
{
    static const uint64_t k1 = 0xd6e8feb86659fd93ull, k2 = 0xa0761d65ca9b4d2bull;
    const uint8_t *p = data;
    size_t left = len;
    uint64_t h = hash_seed() ^ mix(len ^ k1, k2);
    for (; left > 16; left -= 16, p += 16)
        h = mix(swar_load(p) ^ k1 ^ h, swar_load(p + 8) ^ k2);
    uint64_t a = 0, b = 0;
    if (left >= 8) { /* the two words overlap in the middle */
        a = swar_load(p);
        b = swar_load(p + left - 8);
    } else {
        for (size_t i = 0; i < left; i++)
            a |= (uint64_t)p[i] << (8 * i);
    }
    return mix(mix(a ^ k2 ^ h, b ^ k1), k1 ^ len);
}
