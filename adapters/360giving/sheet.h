/* SPDX-License-Identifier: Apache-2.0 */
/* sheet - grants in a table (360Giving Data Standard, "Spreadsheet format"): columns named by
 * titles or field names, `Recipient Org:0:Name`, become a tree; a row that is laid into it is a
 * grant in JSON. */
#ifndef ADAPTERS_360GIVING_SHEET_H
#define ADAPTERS_360GIVING_SHEET_H
#include "giving.h"
#include "lib/csv_document.h"
#include "lib/json_write.h"

#define SHEET_COLUMNS_MAX ((size_t)2048)

enum sheet_shape { SHEET_CELL, SHEET_OBJECT, SHEET_ARRAY };
struct sheet_node {
    struct sheet_node *first, *next;
    enum sheet_shape shape;
    char *name;     /* a member's; NULL: an item of an array, */
    size_t number;  /* this one */
    enum kind kind; /* of a cell */
    size_t column;  /* likewise */
};
struct sheet_columns {
    struct sheet_node *root;
    char **heading; /* as it stands, without white space around it */
    size_t n, id;   /* columns; which of them is the grant's id: n if none is */
};
/* How many headings are of the standard; 0: too few for a table of grants. */
unsigned sheet_score(const struct csv_record *row);
/* twice: told of each column that means the same as one before; it is kept under its heading. 0, or
 * -1: out of memory. sheet_done() in both cases. */
int sheet_set(struct sheet_columns *s, const struct csv_record *row,
              void (*twice)(void *arg, const char *heading), void *arg);
void sheet_done(struct sheet_columns *s);
/* The grant of a row. */
void sheet_write(struct json_write *w, const struct sheet_columns *s, const struct csv_record *row);
/* The heading of the column that a place in a grant comes from; NULL: none that is known. */
const char *sheet_heading_of(const struct sheet_columns *s, const struct place *at);

/* ---- rows of one grant ---- */
/* Writes what both say together. Items of lists are the same when they have one `id` or are equal.
 * told of each member on which they contradict each other: the value of a stays. */
struct sheet_merge {
    struct json_write *w;
    void (*contradiction)(void *arg, const struct place *at);
    void *arg;
    bool no_memory; /* set when it ran out; w has failed then */
};
void sheet_merge(struct sheet_merge *m, const struct place *at, const struct json_node *a,
                 const struct json_node *b);

reeve_rc sheet_decode(reeve_ctx *ctx, reeve_reader *r, reeve_out *out);

#endif
