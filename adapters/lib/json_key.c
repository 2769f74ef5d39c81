/* SPDX-License-Identifier: Apache-2.0 */
/* json_key: see json_key.h. */
#include "lib/json_key.h"
#include "lib/utf8.h"
#include <stdint.h>
#include <string.h>

static int32_t hex4(const char *p, const char *end)
{
    int32_t v = 0;
    if (end - p < 4)
        return -1;
    for (int i = 0; i < 4; i++) {
        int c = (unsigned char)p[i] | 0x20;
        int digit = p[i] >= '0' && p[i] <= '9' ? p[i] - '0'
                    : c >= 'a' && c <= 'f'     ? c - 'a' + 10
                                               : -1;
        if (digit < 0)
            return -1;
        v = v * 16 + digit;
    }
    return v;
}

/* The character behind a backslash; *p is moved behind the escape. -1: there is no such escape. */
static int32_t escape(const char **p, const char *end)
{
    static const char names[] = "\"\\/bfnrt", means[] = "\"\\/\b\f\n\r\t";
    const char *s = *p, *name = s < end && *s != 0 ? strchr(names, *s) : NULL;
    if (name != NULL) {
        *p = s + 1;
        return means[name - names];
    }
    if (s == end || *s != 'u')
        return -1;
    int32_t c = hex4(s + 1, end);
    s += 5;
    if (c >= 0xd800 && c < 0xdc00) { /* the first half of a pair */
        int32_t low = end - s >= 6 && s[0] == '\\' && s[1] == 'u' ? hex4(s + 2, end) : -1;
        if (low < 0xdc00 || low > 0xdfff)
            return -1;
        c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
        s += 6;
    } else if (c >= 0xdc00 && c <= 0xdfff) {
        return -1;
    }
    *p = s;
    return c;
}

bool json_key(const char *raw, size_t len, char *out, size_t cap, size_t *ret_len)
{
    const char *p = raw, *end = raw + len;
    size_t n = 0;
    bool full = false;
    while (p < end) {
        char utf8[4];
        bool escaped = *p == '\\';
        p += escaped;
        int32_t c = escaped ? escape(&p, end) : utf8_read(&p, end);
        if (c < 0 || (c < 0x20 && !escaped))
            return false;
        size_t k = utf8_write(c, utf8);
        full = full || n + k >= cap; /* nothing may follow what was left out */
        if (!full) {
            memcpy(out + n, utf8, k);
            n += k;
        }
    }
    out[n] = 0;
    *ret_len = n;
    return true;
}
