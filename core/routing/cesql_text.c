/* SPDX-License-Identifier: Apache-2.0 */
/* cesql_text - strings as code points: length, positions, trimming, case and LIKE.
 *
 * Guarantees: never reads outside the bytes given, also when they are not UTF-8 (a stray byte
 * counts as one character). Case: ASCII and the simple (one to one) mappings of Latin-1, Latin
 * Extended-A, Latin Extended Additional, Greek and Cyrillic, as the Unicode character data has
 * them; other scripts are left as they are. No mapping makes a text longer. LIKE: one saved
 * position, so the cost is at most text x pattern and nothing recurses. */
#include "cesql_private.h"
#include <string.h>

size_t text_step(const char *p, const char *end)
{
    uint8_t c = (uint8_t)*p;
    size_t n = c < 0x80 ? 1 : c < 0xc2 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : c < 0xf5 ? 4 : 1;
    if (n > (size_t)(end - p))
        return 1;
    for (size_t i = 1; i < n; i++) {
        if (((uint8_t)p[i] & 0xc0) != 0x80)
            return 1;
    }
    return n;
}

size_t text_length(const char *p, size_t len)
{
    size_t n = 0;
    for (const char *end = p + len; p < end; n++)
        p += text_step(p, end);
    return n;
}

const char *text_skip(const char *p, size_t len, size_t chars)
{
    for (const char *end = p + len; p < end && chars > 0; chars--)
        p += text_step(p, end);
    return p;
}

static uint32_t decode(const char *p, size_t n)
{
    const uint8_t *s = (const uint8_t *)p;
    if (n == 2)
        return (s[0] & 0x1fu) << 6 | (s[1] & 0x3fu);
    if (n == 3)
        return (s[0] & 0x0fu) << 12 | (s[1] & 0x3fu) << 6 | (s[2] & 0x3fu);
    if (n == 4)
        return (s[0] & 0x07u) << 18 | (s[1] & 0x3fu) << 12 | (s[2] & 0x3fu) << 6 | (s[3] & 0x3fu);
    return s[0] < 0x80 ? s[0] : UINT32_MAX; /* a stray byte is no character */
}

static size_t encode(uint32_t c, char *out) /* c < 0x10000 */
{
    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    if (c < 0x800) {
        out[0] = (char)(0xc0 | c >> 6);
        out[1] = (char)(0x80 | (c & 0x3f));
        return 2;
    }
    out[0] = (char)(0xe0 | c >> 12);
    out[1] = (char)(0x80 | (c >> 6 & 0x3f));
    out[2] = (char)(0x80 | (c & 0x3f));
    return 3;
}

/* Unicode property White_Space (PropList.txt). */
static bool is_space(uint32_t c)
{
    return (c >= 0x09 && c <= 0x0d) || c == 0x20 || c == 0x85 || c == 0xa0 || c == 0x1680 ||
           (c >= 0x2000 && c <= 0x200a) || c == 0x2028 || c == 0x2029 || c == 0x202f ||
           c == 0x205f || c == 0x3000;
}

void text_trim(const char **p, size_t *len)
{
    const char *from = *p, *end = from + *len, *to = from;
    while (from < end) {
        size_t n = text_step(from, end);
        if (!is_space(decode(from, n)))
            break;
        from += n;
    }
    to = from;
    for (const char *at = from; at < end;) {
        size_t n = text_step(at, end);
        bool space = is_space(decode(at, n));
        at += n;
        if (!space)
            to = at;
    }
    *p = from;
    *len = (size_t)(to - from);
}

/* ---------------------------------------------------------------- case */
struct case_range { /* delta 0: pairs, upper then lower */
    uint16_t first, last;
    int16_t delta; /* from upper to lower */
};
static const struct case_range ranges[] = {
    {'A', 'Z', 32},      {0xc0, 0xd6, 32},   {0xd8, 0xde, 32},   {0x100, 0x12f, 0},
    {0x132, 0x137, 0},   {0x139, 0x148, 0},  {0x14a, 0x177, 0},  {0x178, 0x178, -121},
    {0x179, 0x17e, 0},   {0x370, 0x373, 0},  {0x376, 0x377, 0},  {0x37f, 0x37f, 116},
    {0x386, 0x386, 38},  {0x388, 0x38a, 37}, {0x38c, 0x38c, 64}, {0x38e, 0x38f, 63},
    {0x391, 0x3a1, 32},  {0x3a3, 0x3ab, 32}, {0x3cf, 0x3cf, 8},  {0x3d8, 0x3ef, 0},
    {0x3f7, 0x3f8, 0},   {0x3f9, 0x3f9, -7}, {0x3fa, 0x3fb, 0},  {0x3fd, 0x3ff, -130},
    {0x400, 0x40f, 80},  {0x410, 0x42f, 32}, {0x460, 0x481, 0},  {0x48a, 0x4bf, 0},
    {0x4c0, 0x4c0, 15},  {0x4c1, 0x4ce, 0},  {0x4d0, 0x52f, 0},  {0x1e00, 0x1e95, 0},
    {0x1ea0, 0x1eff, 0},
};
struct case_one { /* mappings that have no way back */
    uint16_t from, to;
};
static const struct case_one only_lower[] = {{0x130, 'i'}, {0x3f4, 0x3b8}, {0x1e9e, 0xdf}};
static const struct case_one only_upper[] = {
    {0xb5, 0x39c},  {0x131, 'I'},   {0x17f, 'S'},   {0x3c2, 0x3a3},
    {0x3d0, 0x392}, {0x3d1, 0x398}, {0x3d5, 0x3a6}, {0x3d6, 0x3a0},
    {0x3f0, 0x39a}, {0x3f1, 0x3a1}, {0x3f5, 0x395}, {0x1e9b, 0x1e60},
};

static uint32_t map_one(const struct case_one *t, size_t n, uint32_t c)
{
    for (size_t i = 0; i < n; i++) {
        if (t[i].from == c)
            return t[i].to;
    }
    return c;
}

static uint32_t lower_char(uint32_t c)
{
    for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++) {
        const struct case_range *r = &ranges[i];
        if (c < r->first || c > r->last)
            continue;
        if (r->delta != 0)
            return (uint32_t)((int32_t)c + r->delta);
        return (c - r->first) % 2 == 0 ? c + 1 : c;
    }
    return map_one(only_lower, sizeof(only_lower) / sizeof(only_lower[0]), c);
}

static uint32_t upper_char(uint32_t c)
{
    for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++) {
        const struct case_range *r = &ranges[i];
        uint32_t first = (uint32_t)((int32_t)r->first + r->delta);
        uint32_t last = (uint32_t)((int32_t)r->last + r->delta);
        if (c < first || c > last)
            continue;
        if (r->delta != 0)
            return (uint32_t)((int32_t)c - r->delta);
        return (c - first) % 2 == 1 ? c - 1 : c;
    }
    return map_one(only_upper, sizeof(only_upper) / sizeof(only_upper[0]), c);
}

static size_t map_case(const char *p, size_t len, char *out, bool upper)
{
    char *o = out;
    for (const char *end = p + len; p < end;) {
        size_t n = text_step(p, end);
        uint32_t c = decode(p, n);
        if (c < 0x80) {
            if (upper)
                *o++ = (char)(c >= 'a' && c <= 'z' ? c - 32 : c);
            else
                *o++ = (char)(c >= 'A' && c <= 'Z' ? c + 32 : c);
        } else if (c < 0x2000) {
            o += encode(upper ? upper_char(c) : lower_char(c), o);
        } else {
            memcpy(o, p, n);
            o += n;
        }
        p += n;
    }
    return (size_t)(o - out);
}

size_t text_lower(const char *p, size_t len, char *out)
{
    return map_case(p, len, out, false);
}

size_t text_upper(const char *p, size_t len, char *out)
{
    return map_case(p, len, out, true);
}

/* ---------------------------------------------------------------- LIKE (cesql section 3.4.3) */
size_t like_compile(const char *p, size_t len, char *out)
{
    char *o = out;
    for (const char *end = p + len; p < end; p++) {
        if (*p == '\\' && end - p > 1 && (p[1] == '%' || p[1] == '_'))
            *o++ = *++p;
        else if (*p == '%' && (o == out || (uint8_t)o[-1] != LIKE_RUN))
            *o++ = (char)LIKE_RUN;
        else if (*p == '_')
            *o++ = (char)LIKE_ONE;
        else if (*p != '%')
            *o++ = *p;
    }
    return (size_t)(o - out);
}

bool like_match(const char *p, size_t len, const char *pattern, size_t pattern_len)
{
    const char *end = p + len, *q = pattern, *q_end = pattern + pattern_len;
    const char *run = NULL,
               *run_at = NULL; /* behind the last run, and where its text ends so far */
    while (p < end) {
        if (q < q_end && (uint8_t)*q == LIKE_RUN) {
            run = ++q;
            run_at = p;
            if (q == q_end)
                return true;
        } else if (q < q_end && (uint8_t)*q == LIKE_ONE) {
            p += text_step(p, end);
            q++;
        } else if (q < q_end && *q == *p) {
            p++;
            q++;
        } else if (run) {
            run_at += text_step(run_at, end);
            p = run_at;
            q = run;
        } else {
            return false;
        }
    }
    while (q < q_end && (uint8_t)*q == LIKE_RUN)
        q++;
    return q == q_end;
}
