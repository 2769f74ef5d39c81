/* SPDX-License-Identifier: Apache-2.0 */
/* ledger: see ledger.h.
 *
 * Keys: "a/SUBJECT" an account (account_text.c); "p/KIND/SOURCE SUBJECT" which version of a part
 * was counted last and where: fields TIME ID AMOUNT CURRENCY LINE ACCOUNT, parted by tabs. */
#include "account.h"
#include "fields.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PART_MAX (NAME_MAX + 400)

/* ---- the store ---- */
static bool key_of(char out[PART_MAX], const char *kind, const char *a, const char *b)
{
    int n = snprintf(out, PART_MAX, "%s/%s%s%s", kind, a, *b != '\0' ? " " : "", b);
    return n > 0 && n < (int)PART_MAX;
}

static bool account_get(const struct store *s, const char *name, struct account *ret)
{
    char key[PART_MAX];
    size_t len = 0;
    if (!key_of(key, "a", name, ""))
        return false;
    const char *text = s->get(s->arg, key, &len);
    return account_read(ret, text, text != NULL ? len : 0);
}

static bool account_put(const struct store *s, const char *name, const struct account *a)
{
    char key[PART_MAX];
    size_t len = 0;
    char *text = key_of(key, "a", name, "") ? account_write(a, &len) : NULL;
    bool done = text != NULL && s->put(s->arg, key, text, len) == 0;
    free(text);
    return done;
}

struct counted { /* a part as it was counted last */
    struct version version;
    struct record record;
    char of[NAME_MAX];
};

static bool part_get(const struct store *s, const char *key, struct counted *ret, bool *ret_some)
{
    size_t len = 0;
    const char *found = s->get(s->arg, key, &len);
    *ret_some = found != NULL;
    if (found == NULL)
        return true;
    struct fields f = {.at = found, .end = found + len};
    ret->version.time_us = field_number(&f);
    (void)field_text(&f, ret->version.id, sizeof ret->version.id);
    ret->record.amount = field_money(&f, MONEY_DIGITS_MAX);
    (void)field_text(&f, ret->record.currency, sizeof ret->record.currency);
    (void)field_text(&f, ret->record.line, sizeof ret->record.line);
    (void)field_text(&f, ret->of, sizeof ret->of);
    return fields_end(&f);
}

static bool part_put(const struct store *s, const char *key, const struct counted *c)
{
    char text[PART_MAX * 2], amount[MONEY_TEXT_MAX];
    money_text(c->record.amount, amount);
    int n = snprintf(text, sizeof text, "%" PRId64 "\t%s\t%s\t%s\t%s\t%s", c->version.time_us,
                     c->version.id, amount, c->record.currency, c->record.line, c->of);
    return n > 0 && n < (int)sizeof text && s->put(s->arg, key, text, (size_t)n) == 0;
}

/* ---- taking an entry down ---- */
static struct version version_of(const struct entry *e)
{
    struct version v = {.time_us = e->time_us};
    (void)snprintf(v.id, sizeof v.id, "%s", e->id);
    return v;
}

static bool counted_of(const struct entry *e, struct counted *ret)
{
    *ret = (struct counted){.version = version_of(e)};
    ret->record.part = e->part;
    ret->record.amount = e->amount;
    memcpy(ret->record.currency, e->currency, sizeof ret->record.currency);
    (void)snprintf(ret->record.line, sizeof ret->record.line, "%s", e->line ? e->line : "");
    int subject = snprintf(ret->record.subject, NAME_MAX, "%s", e->subject),
        of = snprintf(ret->of, NAME_MAX, "%s", e->of);
    return subject < (int)NAME_MAX && of < (int)NAME_MAX;
}

/* Takes a part out of the account that it was in before, as another one has it now. */
static bool take_away(const struct store *s, const struct counted *before)
{
    struct account *a = malloc(sizeof *a);
    bool done = a != NULL && account_get(s, before->of, a);
    if (done) {
        account_remove(a, &before->record);
        done = account_put(s, before->of, a);
    }
    free(a);
    return done;
}

static enum verdict failed(struct finding *f)
{
    (void)snprintf(f->text, sizeof f->text, "what was seen so far cannot be read or kept");
    return LEDGER_FAILED;
}

static enum verdict judge(const struct account *a, const char *name, struct finding *f)
{
    return account_fine(a, name, f->text) ? LEDGER_FINE : LEDGER_VIOLATED;
}

static enum verdict take_part(const struct store *s, const struct entry *e, struct account *a,
                              struct finding *f)
{
    struct counted now, before = {0};
    char key[PART_MAX];
    bool some;
    if (!counted_of(e, &now) ||
        !key_of(key, e->part == PART_PAYMENT ? "p/payment" : "p/grant", e->source, e->subject)) {
        (void)snprintf(f->text, sizeof f->text, "its identifiers are too long to be kept");
        return LEDGER_VIOLATED;
    }
    if (!account_get(s, e->of, a) || !part_get(s, key, &before, &some))
        return failed(f);
    f->known = a->known;
    if (some && version_order(&now.version, &before.version) <= 0)
        return judge(a, e->of, f); /* seen before, or an older version */
    before.record.part = now.record.part;
    memcpy(before.record.subject, now.record.subject, sizeof before.record.subject);
    bool moved = some && strcmp(before.of, now.of) != 0;
    if (some && !moved)
        account_remove(a, &before.record);
    if (!account_add(a, &now.record)) {
        (void)snprintf(f->text, sizeof f->text, "%s has parts in %u currencies already", e->of,
                       CURRENCIES_MAX);
        return LEDGER_VIOLATED;
    }
    if ((moved && !take_away(s, &before)) || !account_put(s, e->of, a) || !part_put(s, key, &now))
        return failed(f);
    return judge(a, e->of, f);
}

static enum verdict take_whole(const struct store *s, const struct entry *e, struct account *a,
                               struct finding *f)
{
    struct version now = version_of(e);
    if (!account_get(s, e->subject, a))
        return failed(f);
    if (!a->known || version_order(&now, &a->version) > 0) {
        a->known = true;
        a->version = now;
        a->amount = e->amount;
        memcpy(a->currency, e->currency, sizeof a->currency);
        if (!account_put(s, e->subject, a))
            return failed(f);
    }
    return judge(a, e->subject, f);
}

enum verdict ledger_take(const struct store *s, const struct entry *e, struct finding *f)
{
    struct account *a = malloc(sizeof *a);
    enum verdict v = LEDGER_FINE, w = LEDGER_FINE;
    struct finding *of_whole = e->whole ? calloc(1, sizeof *of_whole) : NULL;
    *f = (struct finding){.known = true};
    if (a == NULL || (e->whole && of_whole == NULL))
        v = failed(f);
    if (v == LEDGER_FINE && e->part != PART_NONE && strcmp(e->of, e->subject) != 0)
        v = take_part(s, e, a, f);
    if (v != LEDGER_FAILED && e->whole) {
        w = take_whole(s, e, a, of_whole);
        if (w > v)
            memcpy(f->text, of_whole->text, sizeof f->text);
    }
    free(of_whole);
    free(a);
    return w > v ? w : v;
}
