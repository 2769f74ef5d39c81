/* SPDX-License-Identifier: Apache-2.0 */
/* feed - a document's bytes as UTF-8, whatever encoding it comes in, with those kept that are still
 * needed. Offsets count UTF-8 bytes from the document's start. One thread. */
#ifndef ADAPTERS_IATI_FEED_H
#define ADAPTERS_IATI_FEED_H
#include <iconv.h>
#include <reeve/plugin.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum feed_rc {
    FEED_MORE,  /* there are new bytes */
    FEED_END,   /* the document has ended; there may be new bytes */
    FEED_WRONG, /* not in the encoding it says: `fault` */
    FEED_FAILED /* reading failed, or out of memory */
};
struct feed {
    reeve_reader *reader; /* NULL: memory */
    const char *memory;
    size_t memory_len;
    char *bytes; /* UTF-8 from offset `base`; those up to `valid` are given out */
    size_t len, cap;
    uint64_t base, valid, keep;
    uint64_t line, line_at; /* the line in which offset line_at lies */
    char line_before;       /* the byte before it */
    char raw[32768];        /* as read, not yet converted */
    size_t raw_len;
    uint64_t raw_at; /* offset of raw[0] in the document as it came */
    iconv_t iconv;
    bool started, converts, ended;
    char encoding[64], fault[192];
};
void feed_init_reader(struct feed *f, reeve_reader *r);
void feed_init_memory(struct feed *f, const char *p, size_t len);
void feed_done(struct feed *f);
enum feed_rc feed_more(struct feed *f);
void feed_keep(struct feed *f, uint64_t from); /* what lies before is not asked for any more */
const char *feed_at(const struct feed *f, uint64_t offset); /* NULL: not kept */
/* The last '<' before the offset; UINT64_MAX: none is kept. */
uint64_t feed_tag_before(const struct feed *f, uint64_t offset);
/* From 1; LF, CRLF and CR end a line. Cheapest in rising order. */
uint64_t feed_line(struct feed *f, uint64_t offset);

#endif
