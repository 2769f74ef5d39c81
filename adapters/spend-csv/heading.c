/* SPDX-License-Identifier: Apache-2.0 */
/* heading: which column means what. Every meaning has aliases; a heading is compared in its plain
 * form (small letters and digits), then without what stands in brackets, then with one letter
 * wrong, left out or too much. The best match of all is settled first, then the next among what is
 * left. */
#include "spend.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LOOKED_AT ((size_t)128) /* columns; more are extras */
#define PLAIN_MAX ((size_t)64)

#define SCORE_EXACT    3000u
#define SCORE_BRACKETS 2000u
#define SCORE_NEAR     1000u
#define NEAR_FROM      ((size_t)7) /* a shorter word with a letter changed may be another word */

static void without_brackets(const char *s, char *out, size_t cap)
{
    size_t n = 0;
    for (unsigned depth = 0; *s != 0 && n + 1 < cap; s++) {
        depth += *s == '(';
        if (depth == 0)
            out[n++] = *s;
        depth -= *s == ')' && depth > 0;
    }
    out[n] = 0;
}

/* One letter changed, left out or put in. */
static bool near(const char *a, size_t a_len, const char *b, size_t b_len)
{
    size_t i = 0, more_a = a_len > b_len, more_b = b_len > a_len;
    if (a_len + 1 < b_len || b_len + 1 < a_len)
        return false;
    while (i < a_len && i < b_len && a[i] == b[i])
        i++;
    size_t skip_a = i + (more_b ? 0 : 1), skip_b = i + (more_a ? 0 : 1);
    return skip_a <= a_len && skip_b <= b_len && a_len - skip_a == b_len - skip_b &&
           memcmp(a + skip_a, b + skip_b, a_len - skip_a) == 0;
}

/* base less the place of the alias in its list; 0: no alias. */
static unsigned among(const char *aliases, const char *plain, unsigned base, bool roughly)
{
    size_t len = strlen(plain);
    unsigned place = 0;
    for (const char *s = aliases; *s != 0 && len > 0; place++) {
        size_t word = strcspn(s, " ");
        if (roughly ? len >= NEAR_FROM && word >= NEAR_FROM && near(plain, len, s, word)
                    : word == len && memcmp(s, plain, len) == 0)
            return base - place;
        s += word + (s[word] == ' ');
    }
    return 0;
}

static unsigned score_of(enum target t, const char *plain, const char *bare)
{
    const char *aliases = spend_meaning[t].aliases;
    unsigned score = among(aliases, plain, SCORE_EXACT, false);
    if (score == 0)
        score = among(aliases, bare, SCORE_BRACKETS, false);
    return score > 0 ? score : among(aliases, plain, SCORE_NEAR, true);
}

struct scores {
    unsigned of[TARGETS][LOOKED_AT];
};

static size_t scores_of(struct scores *s, const struct csv_record *row)
{
    size_t n = row->n < LOOKED_AT ? row->n : LOOKED_AT;
    for (size_t i = 0; i < n; i++) {
        char plain[PLAIN_MAX], bare[PLAIN_MAX], text[PLAIN_MAX * 2];
        csv_plain(row->field[i].p, plain, sizeof plain);
        without_brackets(row->field[i].p, text, sizeof text);
        csv_plain(text, bare, sizeof bare);
        for (enum target t = 0; t < TARGETS; t++)
            s->of[t][i] = plain[0] != 0 ? score_of(t, plain, bare) : 0;
    }
    return n;
}

/* The best of what is left; false: nothing is. */
static bool settle_one(struct scores *s, size_t n, size_t column[TARGETS])
{
    enum target best = TARGETS;
    size_t at = 0;
    for (enum target t = 0; t < TARGETS; t++)
        for (size_t i = 0; i < n; i++)
            if (s->of[t][i] > (best < TARGETS ? s->of[best][at] : 0)) {
                best = t;
                at = i;
            }
    if (best == TARGETS)
        return false;
    column[best] = at;
    for (enum target t = 0; t < TARGETS; t++)
        s->of[t][at] = 0;
    memset(s->of[best], 0, sizeof s->of[best]);
    return true;
}

static unsigned settle(const struct csv_record *row, size_t column[TARGETS])
{
    struct scores s;
    unsigned found = 0;
    size_t n = scores_of(&s, row);
    for (enum target t = 0; t < TARGETS; t++)
        column[t] = SPEND_NONE;
    while (settle_one(&s, n, column))
        found++;
    return found;
}

static enum target amount_of(const size_t column[TARGETS])
{
    return column[NET] != SPEND_NONE      ? NET
           : column[AMOUNT] != SPEND_NONE ? AMOUNT
           : column[GROSS] != SPEND_NONE  ? GROSS
                                          : TARGETS;
}

unsigned heading_score(const struct csv_record *row)
{
    size_t column[TARGETS];
    unsigned found = settle(row, column);
    bool whose = column[DATE] != SPEND_NONE || column[SUPPLIER] != SPEND_NONE;
    return amount_of(column) != TARGETS && whose ? found : 0;
}

/* ---- what is kept of it ---- */
static bool name_taken(const struct heading *h, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(h->name[i], name) == 0)
            return true;
    return false;
}

static char *name_of(const struct heading *h, size_t i, const struct csv_field *cell)
{
    size_t cap = cell->len + 48;
    char *name = malloc(cap);
    if (name == NULL)
        return NULL;
    memcpy(name, cell->p, cell->len);
    name[cell->len] = 0;
    if (cell->len == 0)
        (void)snprintf(name, cap, "column %zu", i + 1);
    if (cell->len > 0 && (i >= LOOKED_AT || name_taken(h, i, name)))
        (void)snprintf(name + strlen(name), cap - strlen(name), " (column %zu)", i + 1);
    return name;
}

/* "amount=Net Amount; date=Paid Date": what does not fit is left out. */
static void list_columns(struct heading *h)
{
    size_t n = 0;
    for (enum target t = 0; t < TARGETS; t++) {
        bool amount = t == NET || t == AMOUNT || t == GROSS;
        if (h->column[t] == SPEND_NONE || (amount && t != h->amount))
            continue;
        char one[256];
        int len = snprintf(one, sizeof one, "%s%s=%s", n > 0 ? "; " : "",
                           amount ? "amount" : spend_meaning[t].member, h->name[h->column[t]]);
        if (len < 0 || (size_t)len >= sizeof one || n + (size_t)len > SPEND_COLUMNS)
            continue;
        memcpy(h->columns + n, one, (size_t)len + 1);
        n += (size_t)len;
    }
}

int heading_set(struct heading *h, const struct csv_record *row)
{
    (void)settle(row, h->column);
    h->amount = amount_of(h->column);
    h->name = calloc(row->n, sizeof *h->name);
    h->means = calloc(row->n, sizeof *h->means);
    if (h->name == NULL || h->means == NULL)
        return -1;
    for (size_t i = 0; i < row->n; i++) {
        struct csv_field cell = csv_cell(row, i);
        if ((h->name[i] = name_of(h, i, &cell)) == NULL)
            return -1;
        h->means[i] = TARGETS;
        h->n = i + 1;
    }
    for (enum target t = 0; t < TARGETS; t++)
        if (h->column[t] != SPEND_NONE &&
            ((t != NET && t != AMOUNT && t != GROSS) || t == h->amount))
            h->means[h->column[t]] = t;
    list_columns(h);
    return 0;
}

void heading_done(struct heading *h)
{
    for (size_t i = 0; i < h->n; i++)
        free(h->name[i]);
    free(h->name);
    free(h->means);
    *h = (struct heading){.n = 0};
}
