/* SPDX-License-Identifier: Apache-2.0 */
/* route_eval - where one message goes. No allocation, no lock; the table is shared, the work is one
 * thread's.
 *
 * The plain way tries every route in file order. The indexed way tries those the index gives, in
 * any order, and keeps for each destination the route that comes first in the file: the same
 * result. */
#include "base/util.h"
#include "route.h"
#include "route_private.h"
#include <stdlib.h>
#include <string.h>

#define SORT_SMALL 16

void route_work_free(struct route_work *w)
{
    if (!w)
        return;
    cesql_scratch_free(w->scratch);
    free(w->slot);
    free(w->touched);
    free(w->mark);
    free(w->hit);
    free(w->found);
    free(w->out);
    free(w);
}

struct route_work *route_work_new(const struct route_table *t)
{
    struct route_work *w = xcalloc(1, sizeof(*w));
    if (!w)
        return NULL;
    size_t slots = symbols_count(t->symbols) + 1, n = t->n_destination + 1;
    w->scratch = cesql_scratch_new();
    w->slot = xcalloc(slots, sizeof(*w->slot));
    w->touched = xcalloc(slots, sizeof(*w->touched));
    w->mark = xcalloc(n, sizeof(*w->mark));
    w->hit = xcalloc(n, sizeof(*w->hit));
    w->found = xcalloc(n, sizeof(*w->found));
    w->out = xcalloc(n, sizeof(*w->out));
    if (!w->scratch || !w->slot || !w->touched || !w->mark || !w->hit || !w->found || !w->out) {
        route_work_free(w);
        return NULL;
    }
    return w;
}

void route_set_slots(const struct route_table *t, struct route_work *w,
                     const struct route_attribute *a, size_t n)
{
    for (size_t i = 0; i < w->n_touched; i++)
        w->slot[w->touched[i]].type = VALUE_ABSENT;
    w->n_touched = 0;
    for (size_t i = 0; i < n; i++) {
        int slot = symbols_find_lower(t->symbols, a[i].name, a[i].name_len);
        if (slot < 0 || a[i].value.type == VALUE_ABSENT)
            continue;
        if (w->slot[slot].type == VALUE_ABSENT)
            w->touched[w->n_touched++] = (uint32_t)slot;
        w->slot[slot] = a[i].value;
    }
}

bool match_holds(const struct match_test *m, const struct value *slots)
{
    const struct value *v = &slots[m->slot];
    char buf[INTEGER_TEXT];
    if (v->type == VALUE_ABSENT)
        return false;
    struct value text = cast_string(v, buf);
    return value_set_has_text(m->set, text.p, text.len);
}

bool condition_holds(const struct condition *c, struct route_work *w)
{
    for (size_t i = 0; i < c->n_test; i++) {
        if (!match_holds(&c->test[i], w->slot))
            return false;
    }
    return !c->when || cesql_matches(c->when, w->slot, w->scratch);
}

static void start(struct route_work *w)
{
    w->turn++;
    w->n_found = 0;
}

static inline void hit_one(struct route_work *w, uint32_t d, uint32_t route, int32_t alternative)
{
    if (w->mark[d] != w->turn) {
        w->mark[d] = w->turn;
        w->found[w->n_found++] = d;
    } else if (w->hit[d].route <= route) {
        return;
    }
    w->hit[d] = (struct route_hit){d, route, alternative};
}

static void hit(const struct route_table *t, struct route_work *w, struct targets to,
                uint32_t route, int32_t alternative)
{
    for (uint32_t i = 0; i < to.n; i++)
        hit_one(w, t->target[to.at + i], route, alternative);
}

/* The condition of the route holds: the first of these whose own does. */
static void take_first(const struct route_table *t, struct route_work *w, uint32_t route,
                       uint32_t at, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        const struct alternative *a = &t->alternative[at + i];
        if (!condition_holds(&a->condition, w))
            continue;
        hit(t, w, a->to, route, (int32_t)i);
        return;
    }
}

static int by_number(const void *a, const void *b)
{
    uint32_t x, y;
    memcpy(&x, a, sizeof(x));
    memcpy(&y, b, sizeof(y));
    return (x > y) - (x < y);
}

/* The hits in order of destination. Few: insertion; a good part of all: one walk over the marks;
 * else qsort. */
static size_t finish(const struct route_table *t, struct route_work *w,
                     const struct route_hit **ret)
{
    size_t n = w->n_found;
    if (n > SORT_SMALL && n > t->n_destination / 16) {
        size_t out = 0;
        for (size_t d = 0; d < t->n_destination; d++) {
            if (w->mark[d] == w->turn)
                w->out[out++] = w->hit[d];
        }
        *ret = w->out;
        return out;
    }
    if (n > SORT_SMALL)
        qsort(w->found, n, sizeof(*w->found), by_number);
    for (size_t i = 1; n <= SORT_SMALL && i < n; i++) {
        uint32_t d = w->found[i];
        size_t at = i;
        for (; at > 0 && w->found[at - 1] > d; at--)
            w->found[at] = w->found[at - 1];
        w->found[at] = d;
    }
    for (size_t i = 0; i < n; i++)
        w->out[i] = w->hit[w->found[i]];
    *ret = w->out;
    return n;
}

static __attribute__((noinline)) bool rest_cast(const struct rest_test *test, const struct value *v)
{
    char buf[INTEGER_TEXT];
    struct value text = cast_string(v, buf);
    if (test->n == NONE)
        return value_set_has_text(test->set, text.p, text.len);
    return text.len == test->n && (test->n == 0 || memcmp(text.p, test->text, test->n) == 0);
}

static inline bool rest_holds(const struct route_index *x, const struct rest *r,
                              struct route_work *w)
{
    for (uint32_t i = 0; i < r->n_test; i++) {
        const struct rest_test *test = &x->test[r->test + i];
        const struct value *v = &w->slot[test->slot];
        if (v->type == VALUE_ABSENT)
            return false;
        if (v->type != VALUE_STRING || test->n == NONE) {
            if (!rest_cast(test, v))
                return false;
        } else if (v->len != test->n || (v->len > 0 && memcmp(v->p, test->text, v->len) != 0)) {
            return false;
        }
    }
    return !r->when || cesql_matches(r->when, w->slot, w->scratch);
}

static void try_route(const struct route_table *t, struct route_work *w, uint32_t route)
{
    const struct rest *r = &t->index.rest[route];
    if (!rest_holds(&t->index, r, w))
        return;
    if (r->n_to == 1)
        hit_one(w, r->to, route, -1);
    else
        hit(t, w, (struct targets){r->to, r->n_to}, route, -1);
    if (r->n_alternative > 0)
        take_first(t, w, route, r->alternative, r->n_alternative);
}

static void try_key(const struct route_table *t, struct route_work *w, uint32_t slot,
                    struct value text)
{
    const struct key *k = route_index_find(&t->index, slot, text.p, text.len);
    if (!k)
        return;
    if (k->n == 1) {
        try_route(t, w, k->at);
        return;
    }
    for (uint32_t i = 0; i < k->n; i++)
        try_route(t, w, t->index.list[k->at + i]);
}

static void try_attribute(const struct route_table *t, struct route_work *w, uint32_t slot)
{
    const struct value *v = &w->slot[slot];
    char buf[INTEGER_TEXT];
    int32_t number;
    unsigned by = t->index.indexed[slot];
    if (by & 1)
        try_key(t, w, slot, cast_string(v, buf));
    if (by & 2 && cast_integer(v, &number) == 0) {
        struct value i = value_integer(number);
        try_key(t, w, slot | SLOT_INTEGER, cast_string(&i, buf));
    }
}

size_t route_eval(const struct route_table *t, struct route_work *w,
                  const struct route_attribute *a, size_t n, const struct route_hit **ret)
{
    route_set_slots(t, w, a, n);
    start(w);
    for (size_t i = 0; i < w->n_touched; i++) {
        if (t->index.indexed[w->touched[i]])
            try_attribute(t, w, w->touched[i]);
    }
    for (size_t i = 0; i < t->index.n_always; i++)
        try_route(t, w, t->index.always[i]);
    return finish(t, w, ret);
}

size_t route_eval_plain(const struct route_table *t, struct route_work *w,
                        const struct route_attribute *a, size_t n, const struct route_hit **ret)
{
    route_set_slots(t, w, a, n);
    start(w);
    for (uint32_t i = 0; i < t->n; i++) {
        const struct route *r = &t->route[i];
        if (!condition_holds(&r->condition, w))
            continue;
        hit(t, w, r->to, i, -1);
        take_first(t, w, i, r->alternative, r->n_alternative);
    }
    return finish(t, w, ret);
}
