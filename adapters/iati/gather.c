/* SPDX-License-Identifier: Apache-2.0 */
/* gather: what messages need of an activity, noted as it goes by: its identifier, what is promoted,
 * and where in the bytes the pieces lie of which payments and reports are made. Of an activity that
 * is over the limit nothing more is noted. */
#include "iati.h"
#include "lib/attribute.h"
#include "lib/hub_record.h"
#include <stdlib.h>
#include <string.h>

#define FNV_START 0xcbf29ce484222325u /* FNV-1a, 64 bits */
#define FNV_PRIME 0x100000001b3u

const char *activity_text(const struct activity *a, size_t at)
{
    return at == 0 || at >= a->pool_len ? NULL : a->pool + at;
}

static void *grown(void *p, size_t *cap, size_t n, size_t each, bool *no_memory)
{
    if (n < *cap)
        return p;
    size_t more = *cap < 8 ? 16 : *cap * 2;
    void *bigger = reallocarray(p, more, each);
    if (bigger == NULL) {
        *no_memory = true;
        return p;
    }
    *cap = more;
    return bigger;
}

static void add_piece(struct activity *a, struct pieces *to, uint64_t from, uint64_t end)
{
    to->at = grown(to->at, &to->cap, to->n, sizeof *to->at, &a->no_memory);
    if (!a->no_memory)
        to->at[to->n++] = (struct piece){from, end};
}

/* White space around it does not count. 0: empty, or out of memory. */
static size_t keep_text(struct activity *a, const char *s)
{
    size_t len;
    s = value_trimmed(s, &len);
    if (len == 0 || a->no_memory || a->too_large)
        return 0;
    if (a->pool_cap - a->pool_len < len + 2) {
        char *bigger = realloc(a->pool, a->pool_cap * 2 + len + 256);
        if (bigger == NULL) {
            a->no_memory = true;
            return 0;
        }
        a->pool = bigger;
        a->pool_cap = a->pool_cap * 2 + len + 256;
    }
    if (a->pool_len == 0)
        a->pool[a->pool_len++] = 0;
    size_t at = a->pool_len;
    memcpy(a->pool + at, s, len);
    a->pool[at + len] = 0;
    a->pool_len += len + 1;
    return at;
}

static size_t keep_attribute(struct walk *w, const char *name)
{
    char value[ATTRIBUTE_VALUE_MAX + 1];
    return walk_get(w, name, value, sizeof value) ? keep_text(&w->activity, value) : 0;
}

static void first(size_t *to, struct walk *w, const char *name)
{
    if (*to == 0)
        *to = keep_attribute(w, name);
}

/* ---- what a transaction says, whatever its white space ---- */

static void mix(struct activity *a, const char *p, size_t len)
{
    for (size_t i = 0; i < len; i++)
        a->now.content = (a->now.content ^ (unsigned char)p[i]) * FNV_PRIME;
}

static void mix_tag(struct walk *w)
{
    struct activity *a = &w->activity;
    const struct step *s = &w->step[w->depth - 1];
    mix(a, "<", 1);
    mix(a, s->name, strlen(s->name));
    for (int i = 0; i < w->attributes_n; i++) {
        const xmlChar **x = &w->attributes[5 * i];
        mix(a, " ", 1);
        mix(a, (const char *)x[0], strlen((const char *)x[0]));
        mix(a, "=", 1);
        mix(a, (const char *)x[3], (size_t)(x[4] - x[3]));
    }
    mix(a, ">", 1);
    a->solid = false;
}

void gather_text(struct walk *w, const char *p, size_t len)
{
    struct activity *a = &w->activity;
    for (size_t i = 0; a->in_transaction && i < len; i++) {
        bool space = value_is_space(p[i]);
        if (!space && a->solid && a->space)
            mix(a, " ", 1);
        if (!space)
            mix(a, &p[i], 1);
        a->space = space;
        a->solid = a->solid || !space;
    }
}

/* ---- starts ---- */

void gather_activity_start(struct walk *w)
{
    struct activity *a = &w->activity;
    gather_reset(a);
    a->index = w->activities;
    a->start = w->frame[w->depth - 1].start;
    a->currency = keep_attribute(w, "default-currency");
}

static void start_place(struct walk *w)
{
    char code[16];
    if (w->activity.place == 0 && walk_get(w, "code", code, sizeof code) && hub_is_gss(code))
        w->activity.place = keep_text(&w->activity, code);
}

static void start_of_activity(struct walk *w, enum is is)
{
    struct activity *a = &w->activity;
    char role[8];
    switch (is) {
    case IS_REPORTING_ORG:
        first(&a->reporting_ref, w, "ref");
        break;
    case IS_PARTICIPATING_ORG:
        (void)walk_get(w, "role", role, sizeof role);
        if (strcmp(role, "1") == 0)
            first(&a->funder, w, "ref");
        else if (strcmp(role, "4") == 0)
            first(&a->recipient, w, "ref");
        break;
    case IS_STATUS:
        first(&a->status, w, "code");
        break;
    case IS_SECTOR:
        first(&a->category, w, "code");
        break;
    case IS_RELATED:
        (void)walk_get(w, "type", role, sizeof role);
        a->parents = a->parents || (strcmp(role, "1") == 0 && a->parent != 0);
        if (strcmp(role, "1") == 0)
            first(&a->parent, w, "ref");
        break;
    case IS_TRANSACTION:
        a->now = (struct payment){.content = FNV_START};
        a->now.piece.from = w->frame[w->depth - 1].start;
        a->now.ref = keep_attribute(w, "ref");
        a->now_type[0] = 0;
        a->in_transaction = true;
        break;
    default:
        break;
    }
}

static void start_of_transaction(struct walk *w, enum is is)
{
    struct activity *a = &w->activity;
    switch (is) {
    case IS_TRANSACTION_TYPE:
        (void)walk_get(w, "code", a->now_type, sizeof a->now_type);
        break;
    case IS_VALUE:
        a->now.currency = keep_attribute(w, "currency");
        break;
    case IS_PROVIDER:
        first(&a->now.funder, w, "ref");
        break;
    case IS_RECEIVER:
        first(&a->now.recipient, w, "ref");
        break;
    case IS_TRANSACTION_SECTOR:
        first(&a->now.category, w, "code");
        break;
    default:
        break;
    }
}

void gather_start(struct walk *w)
{
    enum is is = walk_is(w, 0), up = walk_is(w, 1);
    if (w->activity.too_large)
        return;
    if (up == IS_ACTIVITY)
        start_of_activity(w, is);
    else if (up == IS_TRANSACTION)
        start_of_transaction(w, is);
    if (is == IS_LOCATION_CODE)
        start_place(w);
    if (w->activity.in_transaction)
        mix_tag(w);
}

/* ---- ends ---- */

static void commit(struct activity *a)
{
    size_t currency = a->now.currency != 0 ? a->now.currency : a->currency;
    if (a->committed_some && strcmp(a->pool + currency, a->pool + a->committed_currency) != 0)
        a->committed_mixed = true;
    a->committed_some = true;
    a->committed_inexact = a->committed_inexact || a->now.inexact;
    a->committed_currency = currency;
    if (__builtin_add_overflow(a->committed, a->now.amount, &a->committed))
        a->committed_mixed = true; /* no figure is better than a wrong one */
}

static void end_transaction(struct activity *a, uint64_t end)
{
    a->in_transaction = false;
    a->now.piece.to = end;
    if (strcmp(a->now_type, "2") == 0 && a->pool != NULL)
        commit(a);
    if (strcmp(a->now_type, "3") != 0 && strcmp(a->now_type, "4") != 0)
        return;
    a->payments =
        grown(a->payments, &a->payments_cap, a->payments_n, sizeof *a->payments, &a->no_memory);
    if (!a->no_memory)
        a->payments[a->payments_n++] = a->now;
}

static void end_of_activity(struct walk *w, enum is is, uint64_t from, uint64_t end)
{
    struct activity *a = &w->activity;
    switch (is) {
    case IS_IDENTIFIER:
        if (a->identifier == 0 && !w->text_cut)
            a->identifier = keep_text(a, w->text);
        add_piece(a, &a->head, from, end);
        break;
    case IS_DESCRIPTION: /* the first will do */
        if (!a->has_description)
            add_piece(a, &a->head, from, end);
        a->has_description = true;
        break;
    case IS_REPORTING_ORG:
    case IS_TITLE:
    case IS_PARTICIPATING_ORG:
    case IS_STATUS:
    case IS_ACTIVITY_DATE:
    case IS_COUNTRY:
    case IS_REGION:
    case IS_LOCATION:
    case IS_SECTOR:
        add_piece(a, &a->head, from, end);
        break;
    case IS_TRANSACTION:
        end_transaction(a, end);
        break;
    case IS_RESULT:
        add_piece(a, &a->results, from, end);
        break;
    default:
        break;
    }
}

void gather_end(struct walk *w, uint64_t end)
{
    struct activity *a = &w->activity;
    enum is is = walk_is(w, 0), up = walk_is(w, 1);
    if (a->too_large)
        return;
    if (a->in_transaction) {
        mix(a, "/", 1);
        a->solid = false;
    }
    if (up == IS_ACTIVITY)
        end_of_activity(w, is, w->frame[w->depth - 1].start, end);
    else if (up == IS_TRANSACTION && is == IS_VALUE && !value_fixed(w->text, &a->now.amount)) {
        a->now.inexact = true;
        a->now.amount = w->text[strspn(w->text, " \t\r\n")] == '-' ? INT32_MIN * FIXED_ONE
                                                                   : INT32_MAX * FIXED_ONE;
    }
}

/* ---- the life of it ---- */

void gather_reset(struct activity *a)
{
    struct activity fresh = {.pool = a->pool,
                             .pool_cap = a->pool_cap,
                             .head = {.at = a->head.at, .cap = a->head.cap},
                             .results = {.at = a->results.at, .cap = a->results.cap},
                             .payments = a->payments,
                             .payments_cap = a->payments_cap};
    *a = fresh;
}

void gather_free(struct activity *a)
{
    free(a->pool);
    free(a->head.at);
    free(a->results.at);
    free(a->payments);
    *a = (struct activity){0};
}
