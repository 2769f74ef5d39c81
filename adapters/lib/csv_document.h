/* SPDX-License-Identifier: Apache-2.0 */
/* csv_document - a table being decoded: finds separator and heading, hands the rows on one by one,
 * and reports what is wrong with the file itself.
 *
 * Separator (comma, semicolon, tab) and heading row are found together: of the first rows, the one
 * that the adapter likes best. What stands above it is a title. For adapters; not thread-safe. */
#ifndef ADAPTERS_LIB_CSV_DOCUMENT_H
#define ADAPTERS_LIB_CSV_DOCUMENT_H
#include "lib/csv.h"
#include <reeve/plugin.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CSV_HEAD_BYTES ((size_t)65536) /* the heading is looked for in so much, */
#define CSV_HEAD_ROWS  32u             /* and in so many rows that are not blank */

struct csv_document {
    reeve_ctx *ctx;
    reeve_out *out;
    const char *wanted; /* what the document should be, for people */
    size_t rows;        /* that are not blank, below the heading */
};

struct csv_reading {
    /* How much the row looks like the heading; 0: not at all. Called for one row after another,
     * with one separator after another. */
    unsigned (*score)(void *arg, const struct csv_record *row);
    reeve_rc (*heading)(void *arg, const struct csv_record *row);
    /* A row that is not blank, and has no more filled cells than the heading has columns. Texts as
     * they stand. */
    reeve_rc (*row)(void *arg, const struct csv_record *row);
};

/* Reads to the end. ctx, out and wanted must be set. The first verdict other than OK ends it. */
reeve_rc csv_document_read(struct csv_document *d, reeve_reader *r, const struct csv_reading *fn,
                           void *arg);

/* A place in a table: "line 12, column Net Amount". column NULL: the line alone. */
#define CSV_PLACE_MAX 256
void csv_place(char out[CSV_PLACE_MAX], uint64_t line, const char *column);
/* Reports an issue at such a place; line 0: none. column, found, wanted may be NULL. */
void csv_issue(reeve_ctx *ctx, uint32_t severity, const char *code, uint64_t line,
               const char *column, const char *found, const char *wanted, const char *text);
/* The attribute `line` of a message that was made of rows, the first of which begins there. */
void csv_set_line(reeve_msg *m, uint64_t line);

/* The cell without white space around it (also no-break spaces); n past the end: empty. */
struct csv_field csv_cell(const struct csv_record *row, size_t n);

/* What headings are compared by: the small letters and digits of a text alone, cut to cap - 1 of
 * them. */
void csv_plain(const char *s, char *out, size_t cap);

#endif
