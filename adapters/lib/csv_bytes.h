/* SPDX-License-Identifier: Apache-2.0 */
/* csv_bytes - the bytes of a text file by its byte order mark (Unicode 15, section 23.8): UTF-16 of
 * either order becomes UTF-8, the mark of UTF-8 is taken away, anything else passes as it is. By
 * pieces of any size. (iconv() would open files, which an adapter does not.) For adapters; not
 * thread-safe. */
#ifndef ADAPTERS_LIB_CSV_BYTES_H
#define ADAPTERS_LIB_CSV_BYTES_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct csv_bytes { /* zeroed: at the beginning of a file */
    bool broken;   /* it is UTF-16 and has half a character */
    /* private */
    int kind;
    unsigned char held[3]; /* of the mark, or of a unit */
    size_t held_n;
    int32_t high; /* the first half of a pair, 0: none */
};

/* sink gets what comes of the bytes; non-zero stops and is returned. */
int csv_bytes_feed(struct csv_bytes *b, const char *p, size_t len,
                   int (*sink)(void *arg, const char *p, size_t len), void *arg);
int csv_bytes_end(struct csv_bytes *b, int (*sink)(void *arg, const char *p, size_t len),
                  void *arg);

#endif
