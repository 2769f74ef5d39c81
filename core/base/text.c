/* SPDX-License-Identifier: Apache-2.0 */
/* text - UTF-8 checking, making foreign text printable, and suggesting names. */
#include "util.h"
#include "swar.h"
#include "utf8.h"
#include <stdio.h>

#define NAME_MAX_LEN 64 /* longer names get no suggestion */

bool utf8_valid(const char *text, size_t len)
{
    const uint8_t *p = (const uint8_t *)text, *end = p + len;
    while (p < end) {
        if (end - p >= 8 && (swar_load(p) & SWAR_TOPS) == 0) {
            p += 8;
            continue;
        }
        size_t n = utf8_step(p, end);
        if (n == 0)
            return false;
        p += n;
    }
    return true;
}

/* Characters that move the cursor or turn the direction of the line: C0, DEL, C1, line and
 * paragraph separators, and the bidirectional controls. n is the length of the valid character at
 * p. */
static bool is_control(const uint8_t *p, size_t n)
{
    if (n == 1)
        return p[0] < 0x20 || p[0] == 0x7f;
    if (n == 2)
        return p[0] == 0xc2 && p[1] < 0xa0;
    if (n == 3 && p[0] == 0xe2 && p[1] == 0x80) /* U+200E, 200F, 2028..202E */
        return p[2] == 0x8e || p[2] == 0x8f || (p[2] >= 0xa8 && p[2] <= 0xae);
    if (n == 3 && p[0] == 0xe2 && p[1] == 0x81) /* U+2066..2069 */
        return p[2] >= 0xa6 && p[2] <= 0xa9;
    return false;
}

char *escape_text(char *out, size_t cap, const char *text, size_t len)
{
    static const char hex[] = "0123456789abcdef";
    if (cap == 0)
        return out;
    size_t at = strnlen(out, cap - 1);
    const uint8_t *p = (const uint8_t *)text, *end = p + len;
    while (p < end) {
        size_t n = utf8_step(p, end);
        if (n > 0 && !is_control(p, n)) {
            if (n > cap - 1 - at)
                break;
            memcpy(out + at, p, n);
            at += n;
            p += n;
            continue;
        }
        n = n ? n : 1;
        if (4 * n > cap - 1 - at)
            break;
        for (; n > 0; n--, p++) {
            out[at++] = '\\';
            out[at++] = 'x';
            out[at++] = hex[*p >> 4];
            out[at++] = hex[*p & 15];
        }
    }
    out[at] = '\0';
    return out;
}

static char fold(char c)
{
    if (c == '_')
        return '-';
    return (char)(c >= 'A' && c <= 'Z' ? c + 32 : c);
}

static unsigned min3(unsigned a, unsigned b, unsigned c)
{
    unsigned m = a < b ? a : b;
    return m < c ? m : c;
}

/* Insertions, deletions, replacements and swaps of neighbours, each counted once; letter case costs
 * nothing. */
static unsigned edit_distance(const char *a, size_t na, const char *b, size_t nb)
{
    unsigned rows[3][NAME_MAX_LEN + 1];
    unsigned *before = rows[0], *prev = rows[1], *cur = rows[2];
    for (size_t j = 0; j <= nb; j++)
        prev[j] = (unsigned)j;
    for (size_t i = 1; i <= na; i++) {
        cur[0] = (unsigned)i;
        for (size_t j = 1; j <= nb; j++) {
            unsigned cost = fold(a[i - 1]) != fold(b[j - 1]);
            cur[j] = min3(prev[j] + 1, cur[j - 1] + 1, prev[j - 1] + cost);
            if (i > 1 && j > 1 && fold(a[i - 1]) == fold(b[j - 2]) &&
                fold(a[i - 2]) == fold(b[j - 1]) && before[j - 2] + 1 < cur[j])
                cur[j] = before[j - 2] + 1;
        }
        unsigned *spare = before;
        before = prev;
        prev = cur;
        cur = spare;
    }
    return prev[nb];
}

const char *did_you_mean(const char *s, const char *const *names, size_t n)
{
    size_t len = strnlen(s, NAME_MAX_LEN + 1);
    if (len == 0 || len > NAME_MAX_LEN)
        return NULL;
    /* a third of the letters may be wrong, but never more than three */
    unsigned limit = len < 3 ? 1 : (unsigned)len / 3;
    if (limit > 3)
        limit = 3;
    const char *best = NULL;
    for (size_t i = 0; i < n; i++) {
        size_t other = strnlen(names[i], NAME_MAX_LEN + 1);
        if (other == 0 || other > NAME_MAX_LEN)
            continue;
        unsigned d = edit_distance(s, len, names[i], other);
        if (d > limit || d >= len || d >= other)
            continue;
        best = names[i];
        if (d == 0)
            break;
        limit = d - 1; /* only a nearer one replaces it */
    }
    return best;
}
