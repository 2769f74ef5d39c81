/* SPDX-License-Identifier: Apache-2.0 */
/* subjects - change detection: has this (source, type, subject) this content already, and how often
 * did it change? The rule; where rows lie is the store's business. */
#include "store.h"
#include "base/util.h"
#include <errno.h>
#include <string.h>

const struct row *batch_row(const struct batch *b, const uint8_t key[SHA256_LEN])
{
    uintptr_t number = (uintptr_t)map_get(b->by_key, (const char *)key, SHA256_LEN);
    return number ? &b->rows[number - 1] : NULL;
}

static int by_key(const void *a, const void *b)
{
    const struct row *const *x = a, *const *y = b;
    return memcmp((*x)->key, (*y)->key, SHA256_LEN);
}

const struct row **batch_in_order(const struct batch *b)
{
    const struct row **order = xcalloc(b->rows_n + 1, sizeof(*order));
    if (!order)
        return NULL;
    for (size_t i = 0; i < b->rows_n; i++)
        order[i] = &b->rows[i];
    qsort(order, b->rows_n, sizeof(*order), by_key);
    return order;
}

static const struct row *staged(const struct state *s, const uint8_t key[SHA256_LEN])
{
    const struct row *row = batch_row(&s->now, key);
    return row ? row : batch_row(&s->frozen, key);
}

static bool ours(const struct subject_seen *seen, const uint8_t receipt[SHA256_LEN])
{
    return seen->there && seen->open && memcmp(seen->receipt, receipt, SHA256_LEN) == 0;
}

static int look_up(struct state *s, const uint8_t key[SHA256_LEN],
                   const uint8_t receipt[SHA256_LEN], struct subject_seen *ret, struct err *e)
{
    const struct row *row = staged(s, key);
    if (row) {
        *ret = row->is;
        return 0;
    }
    *ret = (struct subject_seen){.there = false};
    int r = s->store->ops->subject(s->store, key, receipt, ret, e);
    ret->there = r > 0;
    return r < 0 ? r : 0;
}

/* What the rule says of a subject that was found so. */
static struct subject_verdict judge(const struct subject_seen *seen, const uint8_t *content,
                                    const uint8_t *receipt)
{
    struct subject_verdict v = {.change = CHANGE_NEW, .seen = *seen};
    bool mine = ours(seen, receipt);
    const uint8_t *before = !seen->there     ? NULL
                            : !mine          ? seen->content
                            : seen->has_base ? seen->base
                                             : NULL;
    uint64_t generation = mine ? seen->base_generation : seen->generation;
    if (before && memcmp(before, content, SHA256_LEN) == 0) {
        v.change = CHANGE_UNCHANGED;
        v.generation = generation;
    } else if (before) {
        v.change = CHANGE_CHANGED;
        v.generation = generation + 1;
    }
    v.resent = mine && v.change != CHANGE_UNCHANGED && v.generation <= seen->generation;
    return v;
}

int state_subject(struct state *s, const uint8_t key[SHA256_LEN], const uint8_t content[SHA256_LEN],
                  const uint8_t receipt[SHA256_LEN], struct subject_verdict *ret, struct err *e)
{
    struct subject_seen seen;
    int r = look_up(s, key, receipt, &seen, e);
    if (r == 0)
        *ret = judge(&seen, content, receipt);
    return r;
}

static int stage(struct batch *b, const struct row *row, struct err *e)
{
    uintptr_t number = (uintptr_t)map_get(b->by_key, (const char *)row->key, SHA256_LEN);
    if (number) {
        b->rows[number - 1] = *row;
        return 0;
    }
    void *p = b->rows;
    if (grow_array(&p, &b->rows_cap, b->rows_n + 1, sizeof(*b->rows)) < 0)
        return state_no_memory(e);
    b->rows = p;
    number = b->rows_n + 1;
    /* the value is a number that only looks like a pointer */
    if (map_put(b->by_key, (const char *)row->key, SHA256_LEN, (void *)number) < 0)
        return state_no_memory(e);
    b->rows[b->rows_n++] = *row;
    return 0;
}

/* What the store must hold when this row is stored. */
static void expect(const struct state *s, struct row *row, const struct subject_seen *seen)
{
    const struct row *now = batch_row(&s->now, row->key);
    const struct row *frozen = now ? NULL : batch_row(&s->frozen, row->key);
    const uint8_t *was = now ? now->was : frozen ? frozen->is.content : seen->content;
    row->had = now ? now->had : frozen ? true : seen->there;
    row->was_generation = now      ? now->was_generation
                          : frozen ? frozen->is.generation
                                   : seen->generation;
    memcpy(row->was, was, SHA256_LEN);
}

int state_subject_put(struct state *s, const uint8_t key[SHA256_LEN],
                      const uint8_t content[SHA256_LEN], const struct subject_verdict *v,
                      const uint8_t receipt[SHA256_LEN], struct err *e)
{
    const struct subject_seen *seen = &v->seen;
    if (v->change == CHANGE_UNCHANGED || v->generation > INT64_MAX)
        return err_set(e, -EINVAL, "state", "an unchanged subject has nothing to store");
    struct row row = {.is = *seen};
    memcpy(row.key, key, SHA256_LEN);
    expect(s, &row, seen);
    if (!ours(seen, receipt)) { /* the first time in this submission */
        row.is.has_base = seen->there;
        memcpy(row.is.base, seen->content, SHA256_LEN);
        row.is.base_generation = seen->generation;
        row.is.generation = 0;
    }
    memcpy(row.is.content, content, SHA256_LEN);
    memcpy(row.is.receipt, receipt, SHA256_LEN);
    row.is.there = row.is.open = true;
    if (row.is.generation < v->generation)
        row.is.generation = v->generation;
    return stage(&s->now, &row, e);
}

int state_prefetch(struct state *s, const uint8_t receipt[SHA256_LEN], const uint8_t *keys,
                   size_t n, struct err *e)
{
    uint8_t wanted[STATE_PREFETCH_MAX][SHA256_LEN];
    size_t wanted_n = 0;
    if (!s->store->ops->prefetch)
        return 0;
    for (size_t i = 0; i < n && wanted_n < STATE_PREFETCH_MAX; i++)
        if (!staged(s, keys + i * SHA256_LEN)) /* or the store would have an old one at hand, once
                                                  it is stored */
            memcpy(wanted[wanted_n++], keys + i * SHA256_LEN, SHA256_LEN);
    return s->store->ops->prefetch(s->store, receipt, wanted[0], wanted_n, e);
}

bool state_at_hand(const struct state *s, const uint8_t key[SHA256_LEN],
                   const uint8_t receipt[SHA256_LEN])
{
    return !s->store->ops->at_hand || staged(s, key) ||
           s->store->ops->at_hand(s->store, key, receipt);
}
