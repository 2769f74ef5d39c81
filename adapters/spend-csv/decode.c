/* SPDX-License-Identifier: Apache-2.0 */
/* decode: a spend file, streaming. Each row that is a payment becomes one funding.payment. Memory:
 * one row, and 28 bytes for each row seen, up to SPEND_SEEN_MAX of them. */
#include "spend.h"
#include "lib/json_check.h"
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define CELL_SHOWN 120 /* characters of a cell in an issue, and no longer ones are read */

enum once { ONCE_TIME = 1, ONCE_NO_DATE = 2, ONCE_NO_SUPPLIER = 4 };

static struct csv_field cell(const struct spend *s, const struct csv_record *row, enum target t)
{
    size_t i = s->heading.column[t];
    return i != SPEND_NONE ? csv_cell(row, i) : (struct csv_field){"", 0};
}

/* Its text in out; false: it is longer than anything of its kind can be. */
static bool cell_text(const struct csv_field *f, char out[CELL_SHOWN + 1])
{
    size_t n = f->len < CELL_SHOWN ? f->len : CELL_SHOWN;
    memcpy(out, f->p, n);
    out[n] = 0;
    return f->len <= CELL_SHOWN;
}

/* ---- what is said ---- */
static void say(struct spend *s, const struct csv_record *row, uint32_t severity, const char *code,
                enum target t, const char *found, const char *wanted, const char *text)
{
    size_t i = t < TARGETS ? s->heading.column[t] : SPEND_NONE;
    csv_issue(s->doc.ctx, severity, code, row->line, i != SPEND_NONE ? s->heading.name[i] : NULL,
              found, wanted, text);
}

static void warn_once(struct spend *s, const struct csv_record *row, enum once what,
                      const char *code, enum target t, const char *wanted, const char *text)
{
    if ((s->told & what) != 0)
        return;
    s->told |= what;
    say(s, row, REEVE_ISSUE_WARNING, code, t, NULL, wanted, text);
}

/* ---- rows that are no payments ---- */
bool is_total_label(const char *text, bool exactly)
{
    static const char *const labels[] = {
        "total",         "totals",           "grandtotal", "subtotal",       "subtotals",
        "overalltotal",  "reporttotal",      "totalspend", "totalamount",    "totalpaid",
        "totalpayments", "totalexpenditure", "sumtotal",   "totalforperiod", "totalforreport"};
    char plain[64];
    if (strcasestr(text, "total") == NULL) /* nearly all cells */
        return false;
    csv_plain(text, plain, sizeof plain);
    for (size_t i = 0; i < sizeof labels / sizeof labels[0]; i++)
        if (exactly ? strcmp(plain, labels[i]) == 0
                    : strncmp(plain, labels[i], strlen(labels[i])) == 0)
            return true;
    return false;
}

static bool is_figure(const struct csv_field *f)
{
    char text[CELL_SHOWN + 1], amount[SPEND_AMOUNT_MAX + 1], currency[4];
    return cell_text(f, text) && spend_amount(text, amount, currency);
}

/* A label says so where a payment would have its date and number; or nothing but figures stands in
 * a row whose other columns are empty. */
static bool is_total(const struct spend *s, const struct csv_record *row)
{
    struct csv_field date = cell(s, row, DATE), number = cell(s, row, NUMBER);
    const struct heading *h = &s->heading;
    bool told = h->column[DATE] != SPEND_NONE || h->column[NUMBER] != SPEND_NONE;
    bool bare = true, label = false;
    for (size_t i = 0; i < row->n; i++) {
        struct csv_field f = csv_cell(row, i);
        if (f.len == 0)
            continue;
        char text[CELL_SHOWN + 1];
        (void)cell_text(&f, text);
        bool amount = i < h->n && (h->means[i] == h->amount || h->means[i] == VAT);
        bare = bare && is_figure(&f) && (amount || (i < h->n && h->means[i] == TARGETS));
        label = label || is_total_label(text, !told);
        if (f.p == date.p && is_total_label(text, false))
            date.len = 0;
        if (f.p == number.p && is_total_label(text, false))
            number.len = 0;
    }
    return bare || (label && date.len == 0 && number.len == 0);
}

static bool is_heading_again(const struct spend *s, const struct csv_record *row)
{
    size_t i = s->heading.column[s->heading.amount];
    struct csv_field f = csv_cell(row, i);
    return strlen(s->heading.name[i]) == f.len && memcmp(s->heading.name[i], f.p, f.len) == 0;
}

static bool passed_over(struct spend *s, const struct csv_record *row)
{
    if (is_heading_again(s, row)) {
        say(s, row, REEVE_ISSUE_WARNING, "heading-again", TARGETS, NULL, "the heading once",
            "the row is the heading again and was passed over");
        return true;
    }
    if (is_total(s, row)) {
        say(s, row, REEVE_ISSUE_WARNING, "total-row", TARGETS, NULL, "payments alone",
            "the row is a total, not a payment, and was passed over");
        return true;
    }
    return false;
}

/* ---- cells ---- */
static bool read_amount(struct spend *s, struct payment *p)
{
    enum target t = s->heading.amount;
    struct csv_field f = cell(s, p->row, t);
    char text[CELL_SHOWN + 1];
    if (cell_text(&f, text) && spend_amount(text, p->amount, p->currency))
        return true;
    say(s, p->row, REEVE_ISSUE_ERROR, "amount-format", t, text,
        "pounds and pence such as 1234.50, 1,234.50 or -12.00", "this is not an amount");
    return false;
}

/* A currency of the file wins; then the sign beside the amount; the Code is about pounds. */
static bool read_currency(struct spend *s, struct payment *p)
{
    struct csv_field f = cell(s, p->row, CURRENCY);
    char text[CELL_SHOWN + 1];
    bool whole = cell_text(&f, text);
    if (f.len == 0) {
        if (p->currency[0] == 0)
            memcpy(p->currency, "GBP", 4);
        return true;
    }
    if (strcmp(text, "\xc2\xa3") == 0)
        memcpy(text, "GBP", 4);
    if (whole && strlen(text) == 3 && currency_known(text) &&
        (p->currency[0] == 0 || strcmp(p->currency, text) == 0)) {
        memcpy(p->currency, text, 4);
        return true;
    }
    say(s, p->row, REEVE_ISSUE_ERROR, "currency-unknown", CURRENCY, text,
        "an ISO 4217 code such as GBP, the same as beside the amount",
        "this is not the currency of the amount");
    return false;
}

static bool read_date(struct spend *s, struct payment *p)
{
    struct csv_field f = cell(s, p->row, DATE);
    char text[CELL_SHOWN + 1];
    if (f.len == 0) {
        warn_once(s, p->row, ONCE_NO_DATE, "date-missing", DATE, "the date of the payment",
                  "the payment has no date; said once for the file");
        return true;
    }
    bool whole = cell_text(&f, text);
    switch (whole ? spend_date(text, p->date) : DATE_WRONG) {
    case DATE_DAY:
    case DATE_MONTH:
        return true;
    case DATE_TIME_ONLY:
        warn_once(s, p->row, ONCE_TIME, "date-time-only", DATE, "the date of the payment",
                  "a time of day stands where the date should, so the payment has no date; said "
                  "once for the file");
        return true;
    case DATE_WRONG:
        break;
    }
    say(s, p->row, REEVE_ISSUE_ERROR, "date-format", DATE, text,
        "day, month, year such as 28/02/2026, or 2026-02-28", "this is not a date that exists");
    return false;
}

/* What is no amount or no flag stays with the extras. */
static void read_others(struct spend *s, struct payment *p)
{
    char text[CELL_SHOWN + 1], currency[4];
    struct csv_field vat = cell(s, p->row, VAT), card = cell(s, p->row, CARD);
    if (vat.len > 0 && (!cell_text(&vat, text) || !spend_amount(text, p->vat, currency))) {
        p->vat[0] = 0;
        say(s, p->row, REEVE_ISSUE_WARNING, "vat-format", VAT, text, "an amount, or nothing",
            "this is not an amount; it is kept as it stands");
    }
    p->card = card.len > 0 && cell_text(&card, text) ? spend_flag(text) : -1;
}

/* A supplier who is a person by his title; the rest of the name may be anything. */
static bool has_title(const char *name)
{
    static const char *const titles[] = {"Mr", "Mrs", "Ms",  "Miss", "Mx",
                                         "Dr", "Rev", "Sir", "Lady", "Master"};
    size_t word = strcspn(name, " .");
    for (size_t i = 0; i < sizeof titles / sizeof titles[0] && name[word] != 0; i++)
        if (word == strlen(titles[i]) && strncasecmp(name, titles[i], word) == 0)
            return true;
    return false;
}

static void read_supplier(struct spend *s, struct payment *p)
{
    struct csv_field f = cell(s, p->row, SUPPLIER);
    char text[CELL_SHOWN + 1];
    (void)cell_text(&f, text);
    if (f.len == 0)
        warn_once(s, p->row, ONCE_NO_SUPPLIER, "supplier-missing", SUPPLIER,
                  "who was paid, or that it is withheld",
                  "the payment does not say who was paid; said once for the file");
    p->redacted = strcasestr(text, "redact") != NULL || strcasestr(text, "withheld") != NULL;
    p->personal = !p->redacted && has_title(text);
}

/* ---- the table ---- */
static unsigned on_score(void *arg, const struct csv_record *row)
{
    (void)arg;
    return heading_score(row);
}

static reeve_rc on_heading(void *arg, const struct csv_record *row)
{
    struct spend *s = arg;
    return heading_set(&s->heading, row) == 0
               ? REEVE_OK
               : reeve_fail(s->doc.ctx, REEVE_RETRY, "out of memory");
}

static reeve_rc on_row(void *arg, const struct csv_record *row)
{
    struct spend *s = arg;
    struct payment p = {.row = row};
    if (passed_over(s, row))
        return REEVE_OK;
    if (cell(s, row, s->heading.amount).len == 0) {
        say(s, row, REEVE_ISSUE_ERROR, "amount-missing", s->heading.amount, NULL,
            "the amount that was paid", "the row says no amount, so it is no payment");
        reeve_refuse(s->doc.out, NULL);
        return REEVE_OK;
    }
    bool amount = read_amount(s, &p), date = read_date(s, &p);
    read_others(s, &p);
    read_supplier(s, &p);
    if (amount && read_currency(s, &p) && date)
        return record_emit(s, &p);
    reeve_refuse(s->doc.out, NULL);
    return REEVE_OK;
}

reeve_rc spend_decode(reeve_ctx *ctx, void *inst, reeve_reader *r, const char *content_type,
                      reeve_out *out)
{
    (void)inst;
    (void)content_type; /* the bytes decide: servers label tables in many ways */
    static const struct csv_reading reading = {on_score, on_heading, on_row};
    struct spend s = {.doc = {.ctx = ctx,
                              .out = out,
                              .wanted = "a table with a heading: an amount, and a date or a "
                                        "supplier"},
                      .seen = print_set_new()};
    reeve_rc rc = s.seen != NULL ? csv_document_read(&s.doc, r, &reading, &s)
                                 : reeve_fail(ctx, REEVE_RETRY, "out of memory");
    heading_done(&s.heading);
    print_set_free(s.seen);
    return rc;
}
