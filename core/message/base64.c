/* SPDX-License-Identifier: Apache-2.0 */
/* base64 - see base64.h. */
#include "base64.h"
#include <errno.h>
#include <string.h>

static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

int base64_add(struct buf *out, const void *data, size_t len)
{
    const uint8_t *p = data;
    int r = buf_reserve(out, BASE64_LEN(len));
    if (r < 0)
        return r;
    char *to = out->p + out->len;
    for (; len >= 3; p += 3, len -= 3) {
        uint32_t v = (uint32_t)p[0] << 16 | (uint32_t)p[1] << 8 | p[2];
        *to++ = letters[v >> 18];
        *to++ = letters[v >> 12 & 63];
        *to++ = letters[v >> 6 & 63];
        *to++ = letters[v & 63];
    }
    if (len > 0) {
        uint32_t v = (uint32_t)p[0] << 16 | (len == 2 ? (uint32_t)p[1] << 8 : 0);
        *to++ = letters[v >> 18];
        *to++ = letters[v >> 12 & 63];
        *to++ = len == 2 ? letters[v >> 6 & 63] : '=';
        *to++ = '=';
    }
    out->len = (size_t)(to - out->p);
    out->p[out->len] = '\0';
    return 0;
}

static int sextet(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* Four letters with no padding, or -1. */
static int32_t quad(const char *p)
{
    int a = sextet(p[0]), b = sextet(p[1]), c = sextet(p[2]), d = sextet(p[3]);
    if ((a | b | c | d) < 0)
        return -1;
    return a << 18 | b << 12 | c << 6 | d;
}

/* The last four letters. Appends their 1 to 3 bytes at to; how many, or -1. */
static int last_quad(const char *p, char *to)
{
    if (p[3] != '=') {
        int32_t v = quad(p);
        if (v < 0)
            return -1;
        to[0] = (char)(v >> 16);
        to[1] = (char)(v >> 8);
        to[2] = (char)v;
        return 3;
    }
    int a = sextet(p[0]), b = sextet(p[1]), c = p[2] == '=' ? 0 : sextet(p[2]);
    if ((a | b | c) < 0)
        return -1;
    to[0] = (char)(a << 2 | b >> 4);
    if (p[2] == '=')
        return (b & 15) ? -1 : 1;
    to[1] = (char)(b << 4 | c >> 2);
    return (c & 3) ? -1 : 2;
}

int base64_decode(struct buf *out, const char *p, size_t len)
{
    if (len % 4 != 0)
        return -EINVAL;
    int r = buf_reserve(out, len / 4 * 3 + 1);
    if (r < 0 || len == 0)
        return r;
    char *to = out->p + out->len;
    for (; len > 4; p += 4, len -= 4) {
        int32_t v = quad(p);
        if (v < 0)
            return -EINVAL;
        *to++ = (char)(v >> 16);
        *to++ = (char)(v >> 8);
        *to++ = (char)v;
    }
    char last[3];
    int n = last_quad(p, last);
    if (n < 0)
        return -EINVAL;
    memcpy(to, last, (size_t)n);
    out->len = (size_t)(to - out->p) + (size_t)n;
    out->p[out->len] = '\0';
    return 0;
}
