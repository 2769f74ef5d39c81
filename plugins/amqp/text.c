/* SPDX-License-Identifier: Apache-2.0 */
/* text - see rabbit.h. */
#include "rabbit.h"
#include <openssl/evp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool room(struct text *t, size_t more)
{
    size_t need;
    if (t->bad || __builtin_add_overflow(t->len, more, &need) || need > SIZE_MAX / 4) {
        t->bad = true;
        return false;
    }
    if (need + 1 <= t->cap)
        return true;
    size_t cap = need + need / 2 + 64;
    char *p = realloc(t->p, cap);
    if (!p) {
        t->bad = true;
        return false;
    }
    t->p = p;
    t->cap = cap;
    return true;
}

void text_reserve(struct text *t, size_t len)
{
    char *p = t->len == 0 && !t->p && len < SIZE_MAX / 4 ? malloc(len + 1) : NULL;
    if (p) { /* else it grows as it comes */
        p[0] = '\0';
        t->p = p;
        t->cap = len + 1;
    }
}

void text_add(struct text *t, const void *p, size_t len)
{
    if (!room(t, len))
        return;
    if (len > 0)
        memcpy(t->p + t->len, p, len);
    t->len += len;
    t->p[t->len] = '\0';
}

void text_adds(struct text *t, const char *s)
{
    text_add(t, s, strlen(s));
}

void text_addf(struct text *t, const char *fmt, ...)
{
    char piece[512];
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(piece, sizeof(piece), fmt, ap);
    va_end(ap);
    if (n < 0 || (size_t)n >= sizeof(piece))
        t->bad = true;
    else
        text_add(t, piece, (size_t)n);
}

void text_free(struct text *t)
{
    free(t->p);
    *t = (struct text){.p = NULL};
}

static void json_byte(struct text *t, unsigned char c)
{
    if (c == '"' || c == '\\') {
        const char pair[2] = {'\\', (char)c};
        text_add(t, pair, 2);
    } else if (c < 0x20 || c == 0x7f) {
        text_addf(t, "\\u%04x", c);
    } else {
        text_add(t, &c, 1);
    }
}

void text_json(struct text *t, const void *p, size_t len)
{
    const unsigned char *s = p;
    text_adds(t, "\"");
    for (size_t i = 0; i < len && !t->bad;) {
        size_t plain = i;
        while (plain < len && s[plain] >= 0x20 && s[plain] != '"' && s[plain] != '\\' &&
               s[plain] != 0x7f)
            plain++;
        text_add(t, s + i, plain - i);
        if (plain < len)
            json_byte(t, s[plain++]);
        i = plain;
    }
    text_adds(t, "\"");
}

/* The character at s and its length; 0: not UTF-8 (RFC 3629: no overlong forms, no surrogates). */
static size_t character(const unsigned char *s, size_t left, uint32_t *ret)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t n = *s < 0x80 ? 1 : *s < 0xc0 ? 0 : *s < 0xe0 ? 2 : *s < 0xf0 ? 3 : *s < 0xf8 ? 4 : 0;
    if (n == 0 || n > left)
        return 0;
    uint32_t c = n == 1 ? *s : *s & (0xffu >> (n + 1));
    for (size_t i = 1; i < n; i++) {
        if ((s[i] & 0xc0) != 0x80)
            return 0;
        c = c << 6 | (s[i] & 0x3fu);
    }
    if (c < least[n] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
        return 0;
    *ret = c;
    return n;
}

void text_json_ascii(struct text *t, const void *p, size_t len)
{
    const unsigned char *s = p;
    text_adds(t, "\"");
    for (size_t i = 0; i < len && !t->bad;) {
        uint32_t c = 0;
        size_t n = character(s + i, len - i, &c);
        if (n == 0)
            t->bad = true;
        else if (c < 0x80)
            json_byte(t, (unsigned char)c);
        else if (c < 0x10000)
            text_addf(t, "\\u%04x", c);
        else
            text_addf(t, "\\u%04x\\u%04x", 0xd800 + ((c - 0x10000) >> 10),
                      0xdc00 + ((c - 0x10000) & 0x3ff));
        i += n;
    }
    text_adds(t, "\"");
}

bool bytes_utf8(amqp_bytes_t b)
{
    const unsigned char *s = b.bytes;
    for (size_t i = 0, n; i < b.len; i += n) {
        uint32_t c = 0;
        n = character(s + i, b.len - i, &c);
        if (n == 0 || c == 0)
            return false;
    }
    return true;
}

bool bytes_equal(amqp_bytes_t a, const char *s)
{
    return a.len == strlen(s) && (a.len == 0 || memcmp(a.bytes, s, a.len) == 0);
}

void text_base64(struct text *t, const void *p, size_t len)
{
    const unsigned char *s = p;
    while (len > 0) { /* in pieces: EVP counts in int */
        size_t n = len < (size_t)3 << 20 ? len : (size_t)3 << 20;
        if (!room(t, (n + 2) / 3 * 4 + 1))
            return;
        int out = EVP_EncodeBlock((unsigned char *)t->p + t->len, s, (int)n);
        t->len += (size_t)out;
        t->p[t->len] = '\0';
        s += n;
        len -= n;
    }
}

void text_digest(struct text *t, const amqp_bytes_t *parts, size_t n)
{
    unsigned char d[EVP_MAX_MD_SIZE];
    unsigned len = 0;
    EVP_MD_CTX *c = EVP_MD_CTX_new();
    bool ok = c && EVP_DigestInit_ex(c, EVP_sha256(), NULL) == 1;
    for (size_t i = 0; ok && i < n; i++)
        ok = parts[i].len == 0 || EVP_DigestUpdate(c, parts[i].bytes, parts[i].len) == 1;
    ok = ok && EVP_DigestFinal_ex(c, d, &len) == 1;
    EVP_MD_CTX_free(c);
    if (!ok)
        t->bad = true;
    for (unsigned i = 0; ok && i < len; i++)
        text_addf(t, "%02x", d[i]);
}
