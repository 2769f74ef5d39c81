/* SPDX-License-Identifier: Apache-2.0 */
/* csv - a reader of comma separated values (RFC 4180, and what spreadsheets and old systems write):
 * bytes go in by pieces of any size, records come out one by one.
 *
 * Any separator; fields in quotes with doubled quotes and line ends inside; lines that end with LF,
 * CR LF or CR. A quote inside a field that does not begin with one is a character like any, and so
 * is text behind a closing quote (flagged). Blank lines give no record. Texts are UTF-8; a field
 * that is not valid UTF-8 is read as Windows-1252 (flagged), each by itself, for files are put
 * together from several sources. Memory is bounded by CSV_RECORD_MAX. For adapters; not
 * thread-safe. */
#ifndef ADAPTERS_LIB_CSV_H
#define ADAPTERS_LIB_CSV_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CSV_RECORD_MAX ((size_t)1 << 20) /* bytes of its fields, and one for each of them */
#define CSV_FIELDS_MAX ((size_t)16384)   /* the columns of a spreadsheet */

struct csv_field { /* UTF-8 with a zero behind it, and none inside */
    const char *p;
    size_t len;
};

/* What is odd about a record. */
#define CSV_TOO_LARGE    1u /* over a bound above: it has no fields */
#define CSV_STRAY_QUOTE  2u /* text stands between a closing quote and the next separator */
#define CSV_CP1252       4u /* a field was not UTF-8 and is read as Windows-1252 */
#define CSV_NO_CHARACTER 8u /* nor Windows-1252: a byte of it is no character there. No fields */
struct csv_record {         /* borrowed until the callback returns */
    const struct csv_field *field;
    size_t n;
    uint64_t line; /* 1-based: where it begins in the file */
    unsigned faults;
};

enum csv_verdict {
    CSV_OK,
    CSV_NUL,      /* a zero byte, in csv.line: not a text file of one byte characters */
    CSV_UNCLOSED, /* the end, inside of a quote that was opened in csv.quote_line */
    CSV_STOPPED,  /* the callback said so */
    CSV_NO_MEMORY,
};

struct csv {
    uint64_t line, quote_line;
    /* private */
    int (*record)(void *arg, const struct csv_record *r);
    void *arg;
    char separator;
    char *text, *converted; /* of the record under way, its fields one behind the other; fields of
                               it that had to be converted */
    size_t len, cap, converted_cap;
    size_t *start; /* where fields begin in text */
    struct csv_field *field;
    size_t n, n_cap;
    uint64_t record_line;
    unsigned faults;
    int state;
    bool after_cr;
};

/* record: non-zero stops the reading. */
void csv_begin(struct csv *c, char separator, int (*record)(void *arg, const struct csv_record *r),
               void *arg);
void csv_done(struct csv *c);
/* After anything but CSV_OK nothing may be fed any more. */
enum csv_verdict csv_feed(struct csv *c, const char *p, size_t len);
enum csv_verdict csv_end(struct csv *c);

#endif
