/* SPDX-License-Identifier: Apache-2.0 */
/* html - see html.h. */
#include "html.h"
#include "base/utf8.h"
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

void html_init(struct html *h, size_t max)
{
    buf_init(&h->out, max);
    h->error = 0;
}

void html_done(struct html *h)
{
    buf_done(&h->out);
}

static void add(struct html *h, const char *p, size_t len)
{
    if (h->error == 0)
        h->error = buf_add(&h->out, p, len);
}

static void add_hex(struct html *h, const uint8_t *p, size_t n)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < n; i++) {
        const char x[4] = {'\\', 'x', digits[p[i] >> 4], digits[p[i] & 15]};
        add(h, x, sizeof x);
    }
}

/* U+061C, U+200E, U+200F, U+202A..U+202E, U+2066..U+2069: invisible, and text reads otherwise than
 * it stands. */
static bool turns_text(const uint8_t *p, size_t n)
{
    if (n == 2)
        return p[0] == 0xd8 && p[1] == 0x9c;
    if (n != 3 || p[0] != 0xe2)
        return false;
    if (p[1] == 0x80)
        return p[2] == 0x8e || p[2] == 0x8f || (p[2] >= 0xaa && p[2] <= 0xae);
    return p[1] == 0x81 && p[2] >= 0xa6 && p[2] <= 0xa9;
}

static const char *entity(uint8_t c)
{
    switch (c) {
    case '&':
        return "&amp;";
    case '<':
        return "&lt;";
    case '>':
        return "&gt;";
    case '"':
        return "&quot;";
    case '\'':
        return "&#39;";
    default:
        return NULL;
    }
}

/* One character; returns its bytes. */
static size_t add_one(struct html *h, const uint8_t *p, const uint8_t *end)
{
    size_t n = utf8_step(p, end);
    const char *e = n == 1 ? entity(*p) : NULL;
    union {
        const uint8_t *u;
        const char *c;
    } at = {.u = p};
    if (e)
        add(h, e, strlen(e));
    else if (n == 0 || (n == 1 && (*p < 0x20 || *p == 0x7f)) ||
             (n == 2 && *p == 0xc2 && p[1] < 0xa0) || turns_text(p, n))
        add_hex(h, p, n ? n : 1);
    else
        add(h, at.c, n);
    return n ? n : 1;
}

void html_short(struct html *h, const char *text, size_t most)
{
    union {
        const char *c;
        const uint8_t *u;
    } at = {.c = text ? text : ""};
    const uint8_t *p = at.u, *end = p + strlen(at.c);
    for (size_t i = 0; p < end; i++) {
        if (i == most) {
            add(h, "\xe2\x80\xa6", 3);
            return;
        }
        p += add_one(h, p, end);
    }
}

void html_text(struct html *h, const char *text)
{
    html_short(h, text, SIZE_MAX);
}

void html_query(struct html *h, const char *key, const char *value, int *first)
{
    static const char digits[] = "0123456789ABCDEF";
    if (!value || !*value)
        return;
    html(h, *first ? "?%s=" : "&amp;%s=", key);
    *first = 0;
    for (const char *p = value; *p; p++) {
        uint8_t c = (uint8_t)*p;
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                     strchr("-._~", c);
        const char x[3] = {'%', digits[c >> 4], digits[c & 15]};
        add(h, plain ? p : x, plain ? 1 : sizeof x);
    }
}

static void keep(struct html *h, int r)
{
    if (h->error == 0)
        h->error = r;
}

/* Writes one conversion; returns what is behind it. ap goes on by its argument. */
static const char *conversion(struct html *h, const char *p, va_list *ap)
{
    if (p[0] == '%') {
        add(h, "%", 1);
        return p + 1;
    }
    if (p[0] == 's') {
        html_text(h, va_arg(*ap, const char *));
        return p + 1;
    }
    if (p[0] == 'd') {
        keep(h, buf_addf(&h->out, "%d", va_arg(*ap, int)));
        return p + 1;
    }
    if (p[0] == 'u') {
        keep(h, buf_addf(&h->out, "%u", va_arg(*ap, unsigned)));
        return p + 1;
    }
    if (strncmp(p, "zu", 2) == 0) {
        keep(h, buf_addf(&h->out, "%zu", va_arg(*ap, size_t)));
        return p + 2;
    }
    if (strncmp(p, "llu", 3) == 0) {
        keep(h, buf_addf(&h->out, "%llu", va_arg(*ap, unsigned long long)));
        return p + 3;
    }
    if (strncmp(p, ".0f", 3) == 0) {
        keep(h, buf_addf(&h->out, "%.0f", va_arg(*ap, double)));
        return p + 3;
    }
    if (strncmp(p, ".1f", 3) == 0) {
        keep(h, buf_addf(&h->out, "%.1f", va_arg(*ap, double)));
        return p + 3;
    }
    abort(); /* a conversion that this page writer does not know */
}

void html(struct html *h, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    for (const char *p = fmt; *p;) {
        size_t n = strcspn(p, "%");
        add(h, p, n);
        p += n;
        if (*p)
            p = conversion(h, p + 1, &ap);
    }
    va_end(ap);
}
