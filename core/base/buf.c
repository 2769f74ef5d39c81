/* SPDX-License-Identifier: Apache-2.0 */
/* buf - growing byte buffer with a ceiling. Memory doubles, one byte is always kept for the closing
 * zero, and a call that fails leaves the contents as they were. The bytes added must not lie inside
 * the same buffer. */
#include "buf.h"
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_CAP 64

void buf_init(struct buf *b, size_t max)
{
    *b = (struct buf)BUF_INIT(max);
}

void buf_done(struct buf *b)
{
    if (!b)
        return;
    free(b->p);
    b->p = NULL;
    b->len = b->cap = 0;
}

void buf_reset(struct buf *b)
{
    b->len = 0;
    if (b->p)
        b->p[0] = '\0';
}

const char *buf_str(const struct buf *b)
{
    return b->p ? b->p : "";
}

int buf_reserve(struct buf *b, size_t more)
{
    /* SIZE_MAX as a ceiling would leave no room for the zero */
    size_t max = b->max < SIZE_MAX ? b->max : SIZE_MAX - 1;
    if (b->len > max || more > max - b->len)
        return -EFBIG;
    size_t want = b->len + more + 1;
    if (want <= b->cap)
        return 0;
    size_t cap = b->cap ? b->cap : FIRST_CAP;
    while (cap < want)
        cap = cap > SIZE_MAX / 2 ? want : cap * 2;
    if (cap > max + 1)
        cap = max + 1;
    char *p = realloc(b->p, cap);
    if (!p)
        return -ENOMEM;
    p[b->len] = '\0';
    b->p = p;
    b->cap = cap;
    return 0;
}

int buf_add(struct buf *b, const void *p, size_t len)
{
    int r = buf_reserve(b, len);
    if (r < 0)
        return r;
    if (len > 0)
        memcpy(b->p + b->len, p, len);
    b->len += len;
    b->p[b->len] = '\0';
    return 0;
}

int buf_adds(struct buf *b, const char *s)
{
    return buf_add(b, s, strlen(s));
}

int buf_addc(struct buf *b, char c)
{
    return buf_add(b, &c, 1);
}

int buf_vaddf(struct buf *b, const char *fmt, va_list ap)
{
    char small[256];
    va_list again;
    va_copy(again, ap);
    int n = vsnprintf(small, sizeof(small), fmt, ap);
    int r = n < 0 ? -EINVAL : 0;
    if (r == 0 && (size_t)n < sizeof(small)) {
        r = buf_add(b, small, (size_t)n);
    } else if (r == 0) {
        r = buf_reserve(b, (size_t)n);
        if (r == 0) {
            (void)vsnprintf(b->p + b->len, (size_t)n + 1, fmt, again);
            b->len += (size_t)n;
        }
    }
    va_end(again);
    return r;
}

int buf_addf(struct buf *b, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    int r = buf_vaddf(b, fmt, ap);
    va_end(ap);
    return r;
}

char *buf_take(struct buf *b, size_t *ret_len)
{
    if (!b->p && buf_reserve(b, 0) < 0)
        return NULL;
    char *p = b->p;
    if (ret_len)
        *ret_len = b->len;
    b->p = NULL;
    b->len = b->cap = 0;
    return p;
}
