/* SPDX-License-Identifier: Apache-2.0 */
/* csv_bytes: see csv_bytes.h. */
#include "lib/csv_bytes.h"
#include "lib/utf8.h"
#include <string.h>

enum kind { UNKNOWN, AS_IT_IS, UTF16_LITTLE, UTF16_BIG };

/* The file's first bytes, as many as are needed to know: 3 at most. */
static enum kind kind_of(const unsigned char *p, size_t n, bool *mark)
{
    static const unsigned char utf8_mark[] = {0xef, 0xbb, 0xbf};
    if (n >= 2 && p[0] == 0xff && p[1] == 0xfe)
        return UTF16_LITTLE;
    if (n >= 2 && p[0] == 0xfe && p[1] == 0xff)
        return UTF16_BIG;
    *mark = n == 3 && memcmp(p, utf8_mark, 3) == 0;
    bool perhaps = memcmp(p, utf8_mark, n) == 0 || (n == 1 && p[0] >= 0xfe);
    return perhaps && n < 3 ? UNKNOWN : AS_IT_IS;
}

/* One unit of UTF-16 (RFC 2781 section 2.2) as UTF-8 in out; the bytes written. */
static size_t unit(struct csv_bytes *b, int32_t u, char out[4])
{
    int32_t high = b->high;
    b->high = 0;
    if (u >= 0xdc00 && u <= 0xdfff && high != 0)
        return utf8_write(0x10000 + ((high - 0xd800) << 10) + (u - 0xdc00), out);
    if (high != 0 || (u >= 0xdc00 && u <= 0xdfff)) {
        b->broken = true;
        return 0;
    }
    if (u >= 0xd800 && u < 0xdc00) {
        b->high = u;
        return 0;
    }
    return utf8_write(u, out);
}

static int feed_utf16(struct csv_bytes *b, const char *p, size_t len,
                      int (*sink)(void *arg, const char *p, size_t len), void *arg)
{
    char out[4096];
    size_t n = 0;
    int r = 0;
    for (size_t i = 0; i < len && r == 0 && !b->broken; i++) {
        b->held[b->held_n++] = (unsigned char)p[i];
        if (b->held_n < 2)
            continue;
        b->held_n = 0;
        int low = b->kind == UTF16_LITTLE ? 0 : 1;
        n += unit(b, b->held[low] | b->held[1 - low] << 8, out + n);
        if (n > sizeof out - 4) {
            r = sink(arg, out, n);
            n = 0;
        }
    }
    return r != 0 || n == 0 ? r : sink(arg, out, n);
}

int csv_bytes_feed(struct csv_bytes *b, const char *p, size_t len,
                   int (*sink)(void *arg, const char *p, size_t len), void *arg)
{
    bool mark = false;
    while (b->kind == UNKNOWN && len > 0) {
        b->held[b->held_n++] = (unsigned char)*p++;
        len--;
        b->kind = (int)kind_of(b->held, b->held_n, &mark);
        if (b->kind == UNKNOWN)
            continue;
        size_t held = b->kind == AS_IT_IS && !mark ? b->held_n : 0;
        b->held_n = 0;
        int r = held > 0 ? sink(arg, (const char *)b->held, held) : 0;
        if (r != 0)
            return r;
    }
    if (len == 0)
        return 0;
    return b->kind == AS_IT_IS ? sink(arg, p, len) : feed_utf16(b, p, len, sink, arg);
}

int csv_bytes_end(struct csv_bytes *b, int (*sink)(void *arg, const char *p, size_t len), void *arg)
{
    size_t held = b->held_n;
    b->held_n = 0;
    if (b->kind == UNKNOWN)
        return held > 0 ? sink(arg, (const char *)b->held, held) : 0;
    b->broken = b->broken || held > 0 || b->high != 0;
    return 0;
}
