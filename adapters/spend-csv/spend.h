/* SPDX-License-Identifier: Apache-2.0 */
/* spend - inside of the adapter for councils' spend files (Local Government Transparency Code 2015,
 * England, section 29: each payment over 500 pounds). */
#ifndef ADAPTERS_SPEND_CSV_SPEND_H
#define ADAPTERS_SPEND_CSV_SPEND_H
#include "lib/csv_document.h"
#include "lib/json_write.h"
#include "lib/print.h"
#include <reeve/plugin.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SPEND_SCHEMA "urn:reeve:spend-csv:1"

/* ---- columns ---- */
enum target { /* what a column can mean, in the order of the record's members */
              BODY,
              BODY_CODE,
              DEPARTMENT,
              DATE,
              NUMBER,
              LINE,
              NET, /* of these three one is the amount: the first that the file has */
              AMOUNT,
              GROSS,
              CURRENCY,
              VAT,
              SUPPLIER,
              SUPPLIER_ID,
              CATEGORY,
              CODE,
              PURPOSE,
              KIND,
              CARD,
              CONTRACT,
              GRANT,
              VCSE,
              TARGETS
};
struct meaning {
    const char *member;  /* of the record; NULL: `amount` */
    const char *heading; /* that encode writes */
    const char *aliases; /* headings in their plain form, the best first, blanks between them */
};
extern const struct meaning spend_meaning[TARGETS];

#define SPEND_NONE    SIZE_MAX
#define SPEND_COLUMNS 1024u /* characters of the list below */
struct heading {
    char **name; /* the headings without white space around them, each once; "column 7" where none
                    is */
    enum target *means; /* of a column; TARGETS: nothing, it is an extra */
    size_t n;
    size_t column[TARGETS]; /* SPEND_NONE: the file has none */
    enum target amount;
    char columns[SPEND_COLUMNS + 1]; /* "amount=Net Amount; date=Paid Date" */
};
/* How many meanings were found; 0: no amount, or neither date nor supplier. */
unsigned heading_score(const struct csv_record *row);
/* 0, or -1: out of memory. heading_done() in both cases. */
int heading_set(struct heading *h, const struct csv_record *row);
void heading_done(struct heading *h);

/* ---- values ---- */
enum date_verdict { DATE_DAY, DATE_MONTH, DATE_TIME_ONLY, DATE_WRONG };
/* s is not empty. out: YYYY-MM-DD or YYYY-MM. */
enum date_verdict spend_date(const char *s, char out[11]);
#define SPEND_AMOUNT_MAX 64u
/* s is not empty; out: decimal text, digits behind the point as they came. currency: of a sign
 * beside it, else "". false: it is no amount. */
bool spend_amount(const char *s, char out[SPEND_AMOUNT_MAX + 1], char currency[4]);
/* 1 yes, 0 no, -1 neither */
int spend_flag(const char *s);

/* ---- a file under way ---- */
struct spend {
    struct csv_document doc;
    struct heading heading;
    struct print_set *seen; /* rows, to number equal ones */
    size_t seen_n;
    unsigned told; /* what was said once for the file, as bits */
};
#define SPEND_SEEN_MAX ((size_t)1500000) /* rows of a file that are remembered: 48 MiB at most */

struct payment { /* a row, understood */
    const struct csv_record *row;
    char amount[SPEND_AMOUNT_MAX + 1], vat[SPEND_AMOUNT_MAX + 1], currency[4], date[11];
    bool redacted, personal;
    int card; /* as spend_flag() */
};
/* The record as JSON. */
void record_write(struct json_write *w, const struct heading *h, const struct payment *p);
/* Emits the message; false: out of memory. */
reeve_rc record_emit(struct spend *s, const struct payment *p);

/* The text begins as the label of a total does; exactly: it is one. */
bool is_total_label(const char *text, bool exactly);

reeve_rc spend_decode(reeve_ctx *ctx, void *inst, reeve_reader *r, const char *content_type,
                      reeve_out *out);
reeve_rc spend_encode(reeve_ctx *ctx, void *inst, const reeve_msg *const *msgs, size_t n,
                      reeve_buf *out);
reeve_rc spend_to_hub(reeve_ctx *ctx, void *inst, const reeve_msg *in, reeve_out *out);
reeve_rc spend_from_hub(reeve_ctx *ctx, void *inst, const reeve_msg *in, reeve_out *out);

#endif
