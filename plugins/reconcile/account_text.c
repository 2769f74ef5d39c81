/* SPDX-License-Identifier: Apache-2.0 */
/* account_text: an account as lines of fields that are parted by tabs; no field can hold one.
 *
 *     1                                              the form's number
 *     A <time> <id> <amount> <currency>              the award, once it is known
 *     T <part> <n> <sum> <currency>                  one total
 *     R <part> <amount> <currency> <line> <subject>  one record */
#include "account.h"
#include "fields.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FORM "1"

char *account_write(const struct account *a, size_t *ret_len)
{
    char *text = NULL, amount[MONEY_TEXT_MAX];
    FILE *f = open_memstream(&text, ret_len);
    if (f == NULL)
        return NULL;
    (void)fputs(FORM "\n", f);
    if (a->known) {
        money_text(a->amount, amount);
        (void)fprintf(f, "A\t%" PRId64 "\t%s\t%s\t%s\n", a->version.time_us, a->version.id, amount,
                      a->currency);
    }
    for (size_t i = 0; i < a->totals_n; i++) {
        const struct total *t = &a->totals[i];
        money_text(t->sum, amount);
        (void)fprintf(f, "T\t%d\t%" PRIu64 "\t%s\t%s\n", (int)t->part, t->n, amount, t->currency);
    }
    for (size_t i = 0; i < a->records_n; i++) {
        const struct record *r = &a->records[i];
        money_text(r->amount, amount);
        (void)fprintf(f, "R\t%d\t%s\t%s\t%s\t%s\n", (int)r->part, amount, r->currency, r->line,
                      r->subject);
    }
    bool failed = ferror(f) != 0;
    if (fclose(f) != 0 || failed) {
        free(text);
        return NULL;
    }
    return text;
}

/* ---- reading ---- */
static enum part field_part(struct fields *f)
{
    int64_t v = field_number(f);
    f->bad |= v != PART_PAYMENT && v != PART_GRANT;
    return v == PART_GRANT ? PART_GRANT : PART_PAYMENT;
}

static bool read_line(struct account *a, const char *line, const char *end)
{
    struct fields f = {.at = line, .end = end};
    char kind[4];
    (void)field_text(&f, kind, sizeof kind);
    if (strcmp(kind, "A") == 0) {
        a->known = true;
        a->version.time_us = field_number(&f);
        (void)field_text(&f, a->version.id, sizeof a->version.id);
        a->amount = field_money(&f, MONEY_SUM_DIGITS);
        (void)field_text(&f, a->currency, sizeof a->currency);
    } else if (strcmp(kind, "T") == 0 && a->totals_n < CURRENCIES_MAX) {
        struct total *t = &a->totals[a->totals_n++];
        t->part = field_part(&f);
        t->n = (uint64_t)field_number(&f);
        t->sum = field_money(&f, MONEY_SUM_DIGITS);
        (void)field_text(&f, t->currency, sizeof t->currency);
    } else if (strcmp(kind, "R") == 0 && a->records_n < RECORDS_MAX) {
        struct record *r = &a->records[a->records_n++];
        r->part = field_part(&f);
        r->amount = field_money(&f, MONEY_SUM_DIGITS);
        (void)field_text(&f, r->currency, sizeof r->currency);
        (void)field_text(&f, r->line, sizeof r->line);
        (void)field_text(&f, r->subject, sizeof r->subject);
    } else {
        return false;
    }
    return fields_end(&f);
}

bool account_read(struct account *a, const char *text, size_t len)
{
    *a = (struct account){0};
    const char *p = text, *end = text + len;
    if (len == 0)
        return true;
    for (bool first = true; p < end; first = false) {
        const char *line = memchr(p, '\n', (size_t)(end - p));
        if (line == NULL)
            return false;
        if (first ? (size_t)(line - p) != strlen(FORM) || memcmp(p, FORM, strlen(FORM)) != 0
                  : !read_line(a, p, line))
            return false;
        p = line + 1;
    }
    return true;
}
