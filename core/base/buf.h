/* SPDX-License-Identifier: Apache-2.0 */
/* buf - a growing byte buffer that cannot grow past the ceiling given when it was made.
 * Always zero-terminated behind len (the zero is not counted), so .p can be printed. */
#ifndef REEVE_BASE_BUF_H
#define REEVE_BASE_BUF_H
#include <stdarg.h>
#include <stddef.h>

struct buf {
    char *p; /* NULL until something was added; use buf_str() for "" then */
    size_t len, cap, max;
};

#define BUF_INIT(ceiling)                               \
    {                                                   \
        .p = NULL, .len = 0, .cap = 0, .max = (ceiling) \
    }

void buf_init(struct buf *b, size_t max);
void buf_done(struct buf *b);  /* frees; the buffer may be used again. NULL is fine */
void buf_reset(struct buf *b); /* len = 0, memory kept */
const char *buf_str(const struct buf *b);

/* All return 0, -EFBIG (over the ceiling; nothing was added) or -ENOMEM (nothing was added).
 * What is added must not lie in the same buffer. */
int buf_reserve(struct buf *b, size_t more); /* room for `more` bytes behind len */
int buf_add(struct buf *b, const void *p, size_t len);
int buf_adds(struct buf *b, const char *s);
int buf_addc(struct buf *b, char c);
int buf_addf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
int buf_vaddf(struct buf *b, const char *fmt, va_list ap) __attribute__((format(printf, 2, 0)));
/* Takes the memory (free() it); the buffer is empty afterwards. NULL only when out of memory. */
char *buf_take(struct buf *b, size_t *ret_len);

#endif
