/* SPDX-License-Identifier: Apache-2.0 */
/* account: see account.h. */
#include "account.h"
#include <stdio.h>
#include <string.h>

int version_order(const struct version *a, const struct version *b)
{
    if (a->time_us != b->time_us)
        return a->time_us < b->time_us ? -1 : 1;
    return strcmp(a->id, b->id);
}

/* ---- sums ---- */
static struct total *total_of(struct account *a, const struct record *r)
{
    for (size_t i = 0; i < a->totals_n; i++)
        if (a->totals[i].part == r->part && strcmp(a->totals[i].currency, r->currency) == 0)
            return &a->totals[i];
    return NULL;
}

static bool same_record(const struct record *a, const struct record *b)
{
    return a->part == b->part && strcmp(a->subject, b->subject) == 0;
}

static void records_forget(struct account *a, size_t i)
{
    a->records_n--;
    memmove(&a->records[i], &a->records[i + 1], (a->records_n - i) * sizeof a->records[0]);
}

bool account_add(struct account *a, const struct record *r)
{
    struct total *t = total_of(a, r);
    if (t == NULL) {
        if (a->totals_n == CURRENCIES_MAX)
            return false;
        t = &a->totals[a->totals_n++];
        *t = (struct total){.part = r->part};
        memcpy(t->currency, r->currency, sizeof t->currency);
    }
    t->n++;
    t->sum += r->amount;
    if (a->records_n == RECORDS_MAX)
        records_forget(a, 0);
    a->records[a->records_n++] = *r;
    return true;
}

void account_remove(struct account *a, const struct record *r)
{
    struct total *t = total_of(a, r);
    if (t == NULL)
        return;
    t->n--;
    t->sum -= r->amount;
    if (t->n == 0)
        *t = a->totals[--a->totals_n];
    for (size_t i = 0; i < a->records_n; i++)
        if (same_record(&a->records[i], r)) {
            records_forget(a, i);
            break;
        }
}

/* ---- the rules ---- */
static const char *const part_names[] = {"", "payments", "sub-grants"};

static const char *or_none(const char *currency)
{
    return *currency != '\0' ? currency : "no currency";
}

/* snprintf that goes on behind what stands; full: nothing more. */
__attribute__((format(printf, 3, 4))) static void add(char *text, size_t *at, const char *fmt, ...)
{
    __builtin_va_list ap;
    __builtin_va_start(ap, fmt);
    int n = vsnprintf(text + *at, FINDING_MAX - *at, fmt, ap);
    __builtin_va_end(ap);
    if (n > 0)
        *at = *at + (size_t)n < FINDING_MAX ? *at + (size_t)n : FINDING_MAX - 1;
}

static void add_records(const struct account *a, enum part part, uint64_t n, char *text, size_t *at)
{
    char amount[MONEY_TEXT_MAX];
    uint64_t told = 0;
    for (size_t i = a->records_n; i-- > 0;) {
        const struct record *r = &a->records[i];
        if (r->part != part && part != PART_NONE)
            continue;
        money_text(r->amount, amount);
        add(text, at, "%s%s%s%s %s %s", told++ ? ", " : "; the records, latest first: ", r->subject,
            *r->line ? " line " : "", r->line, amount, or_none(r->currency));
    }
    if (told < n)
        add(text, at, " and %llu more", (unsigned long long)(n - told));
}

/* The first of the parts' currencies that is not the one it has to be. */
static const struct total *odd_currency(const struct account *a)
{
    for (size_t i = 0; i < a->totals_n; i++) {
        const char *wanted = a->known ? a->currency : a->totals[0].currency;
        if (strcmp(a->totals[i].currency, wanted) != 0)
            return &a->totals[i];
    }
    return NULL;
}

static void tell_currency(const struct account *a, const struct total *odd, const char *name,
                          char *text, size_t *at)
{
    uint64_t n = 0;
    for (size_t i = 0; i < a->totals_n; i++)
        n += a->totals[i].n;
    add(text, at, "%s is %s in %s, and has %s in %s", name, a->known ? "awarded" : "paid",
        or_none(a->known ? a->currency : a->totals[0].currency), part_names[odd->part],
        or_none(odd->currency));
    add_records(a, PART_NONE, n, text, at);
}

static void tell_excess(const struct account *a, const struct total *t, const char *name,
                        char *text, size_t *at)
{
    char sum[MONEY_TEXT_MAX], excess[MONEY_TEXT_MAX], amount[MONEY_TEXT_MAX];
    money_text(t->sum, sum);
    money_text(t->sum - a->amount, excess);
    money_text(a->amount, amount);
    add(text, at, "%s: %s sum to %s %s, which is %s more than the %s awarded", name,
        part_names[t->part], sum, or_none(t->currency), excess, amount);
    add_records(a, t->part, t->n, text, at);
}

bool account_fine(const struct account *a, const char *name, char text[FINDING_MAX])
{
    size_t at = 0;
    text[0] = '\0';
    const struct total *odd = odd_currency(a);
    if (odd != NULL) {
        tell_currency(a, odd, name, text, &at);
        return false;
    }
    for (size_t i = 0; a->known && i < a->totals_n; i++)
        if (a->totals[i].sum > a->amount) {
            tell_excess(a, &a->totals[i], name, text, &at);
            return false;
        }
    return true;
}
