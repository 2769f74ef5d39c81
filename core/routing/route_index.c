/* SPDX-License-Identifier: Apache-2.0 */
/* route_index - finds the routes that can match, so that the others cost nothing.
 *
 * From a route's condition it takes the tests that must hold for the whole to hold: the tests of
 * `match`, and in `when` the top-level operands of AND that are attribute = 'text', attribute =
 * number, attribute IN (constants), or an OR of such tests on one attribute. Each route is filed
 * under the one of these that fewest routes share, with a key for every text that the attribute can
 * have then. A message meets a key by the canonical text of its attribute, so a route is found at
 * most once.
 *
 * Finding is necessary, not sufficient: the caller still evaluates what is found, unless the route
 * is `proved`. That keeps casts and errors exactly as they are without the index: attribute =
 * 'text'  the attribute is cast to String: its canonical text is the key; attribute = number  it is
 * cast to Integer: a second look-up by the number's text; attribute IN (…)    the elements are cast
 * to its type: every element is filed as String, Integer and Boolean. */
#include "base/map.h"
#include "base/util.h"
#include "route_private.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct want { /* a text under which a route may be filed */
    uint32_t slot, len;
    const char *text;
    uint32_t key; /* once known */
};
struct option { /* one necessary test: want[at..at+n) */
    uint32_t at, n;
    uint32_t test, node; /* which one: of match, or of when; the other is NONE */
    bool
        exact; /* test and look-up agree for every value, so that the test need not be made again */
};
struct builder {
    struct route_table *t;
    struct arena arena; /* texts of casts */
    struct want *want;
    size_t n_want, cap_want;
    struct option *option;
    size_t n_option, cap_option;
    uint32_t *option_at; /* per route: its first option; one more at the end */
    uint8_t *required;
    size_t cap_required;
    uint32_t *count; /* per key: how many routes could be filed under it */
    size_t n_key, cap_key;
    bool failed;
};

static void add_want(struct builder *b, uint32_t slot, struct value text)
{
    if (b->failed ||
        grow_array((void **)&b->want, &b->cap_want, b->n_want + 1, sizeof(*b->want)) < 0) {
        b->failed = true;
        return;
    }
    b->want[b->n_want++] = (struct want){slot, (uint32_t)text.len, text.p, NONE};
}

static void add_cast(struct builder *b, uint32_t slot, struct value v)
{
    char *buf = arena_take(&b->arena, INTEGER_TEXT);
    if (!buf)
        b->failed = true;
    else
        add_want(b, slot, cast_string(&v, buf));
}

static void add_option(struct builder *b, size_t from, uint32_t test, uint32_t node, bool exact)
{
    if (b->failed ||
        grow_array((void **)&b->option, &b->cap_option, b->n_option + 1, sizeof(*b->option)) < 0) {
        b->failed = true;
        return;
    }
    b->option[b->n_option++] =
        (struct option){(uint32_t)from, (uint32_t)(b->n_want - from), test, node, exact};
}

/* ---------------------------------------------------------------- what a condition needs */
static void want_element(struct builder *b, uint32_t slot, const struct value *v)
{
    int32_t i;
    bool yes;
    add_cast(b, slot, *v);
    if (v->type != VALUE_INTEGER && cast_integer(v, &i) == 0)
        add_cast(b, slot, value_integer(i));
    if (v->type != VALUE_BOOLEAN && cast_boolean(v, &yes) == 0)
        add_cast(b, slot, value_boolean(yes));
}

/* Adds what a single test wants, if it is one of the indexable ones on *slot (NONE: any, and set).
 */
static bool want_test(struct builder *b, const struct node *node, const struct node *n,
                      uint32_t *slot, bool *exact)
{
    const struct node *l = &node[n->left];
    if (n->flags & NODE_CONST || (n->kind != NODE_COMPARE && n->kind != NODE_IN) ||
        l->kind != NODE_SLOT)
        return false;
    uint32_t at = l->n;
    if (n->kind == NODE_COMPARE) {
        const struct node *r = &node[n->right];
        if (n->op != OP_EQ || !(r->flags & NODE_CONST) || r->value.type == VALUE_BOOLEAN)
            return false;
        if (r->value.type == VALUE_INTEGER)
            at |= SLOT_INTEGER;
        if (*slot != NONE && *slot != at)
            return false;
        add_cast(b, at, r->value);
    } else {
        if (!(n->flags & NODE_SET) || n->flags & NODE_INVERT || (*slot != NONE && *slot != at))
            return false;
        for (uint32_t m = n->right; m != NONE; m = node[m].right)
            want_element(b, at, &node[node[m].left].value);
        *exact = false;
    }
    *slot = at;
    return true;
}

/* A required node: one test, or an OR of tests on one attribute. */
static void want_node(struct builder *b, const struct cesql *c, uint32_t at)
{
    const struct node *n = &c->node[at];
    size_t from = b->n_want;
    uint32_t slot = NONE;
    bool exact = true, usable = true;
    if (n->kind != NODE_LOGIC) {
        usable = want_test(b, c->node, n, &slot, &exact);
    } else {
        /* every operand below must be a test; what belongs to a test is passed over with it */
        for (uint32_t i = at; usable; i--) {
            const struct node *m = &c->node[i];
            if (m->kind == NODE_LOGIC && m->op == WORD_OR && !(m->flags & (NODE_CONST | NODE_PASS)))
                ;
            else if (m->kind != NODE_LOGIC_MARK && !want_test(b, c->node, m, &slot, &exact))
                usable = false;
            else if (m->kind != NODE_LOGIC_MARK)
                i = m->first;
            if (i <= n->first)
                break;
        }
    }
    if (usable && slot != NONE)
        add_option(b, from, NONE, at, exact);
    else
        b->n_want = from;
}

/* Marks the nodes that must be true when the whole is. */
static bool mark_required(struct builder *b, const struct cesql *c)
{
    if (grow_array((void **)&b->required, &b->cap_required, c->n_node, 1) < 0) {
        b->failed = true;
        return false;
    }
    memset(b->required, 0, c->n_node);
    b->required[c->n_node - 1] = 1;
    for (uint32_t i = (uint32_t)c->n_node; i-- > 0;) {
        const struct node *n = &c->node[i];
        if (!b->required[i] || n->flags & NODE_CONST || n->kind != NODE_LOGIC || n->op != WORD_AND)
            continue;
        b->required[i] = 0; /* its operands say the same */
        b->required[n->right] = 1;
        b->required[n->left] = !(n->flags & NODE_PASS);
    }
    return true;
}

static void want_when(struct builder *b, const struct cesql *c)
{
    if (!mark_required(b, c))
        return;
    for (uint32_t i = 0; i < c->n_node; i++) {
        if (b->required[i] && !(c->node[i].flags & NODE_CONST))
            want_node(b, c, i);
    }
}

static void want_match(struct builder *b, const struct match_test *m, size_t test)
{
    size_t from = b->n_want;
    for (size_t i = 0; i < value_set_count(m->set); i++)
        add_want(b, m->slot, value_set_text(m->set, i));
    add_option(b, from, (uint32_t)test, NONE, true);
}

static void collect(struct builder *b)
{
    for (size_t i = 0; i < b->t->n; i++) {
        const struct condition *c = &b->t->route[i].condition;
        b->option_at[i] = (uint32_t)b->n_option;
        for (size_t m = 0; m < c->n_test; m++)
            want_match(b, &c->test[m], m);
        if (c->when)
            want_when(b, c->when);
    }
    b->option_at[b->t->n] = (uint32_t)b->n_option;
}

/* ---------------------------------------------------------------- keys */
static uint64_t key_hash(uint32_t slot, const char *p, size_t len)
{
    return hash_bytes(p, len) ^ (slot + 1) * 0x9e3779b97f4a7c15ull;
}

static struct key *key_place(const struct route_index *x, uint32_t slot, const char *p, size_t len,
                             uint64_t hash)
{
    for (size_t i = hash & x->mask;; i = (i + 1) & x->mask) {
        struct key *k = &x->key[i];
        if (k->slot == NONE || (k->hash == hash && k->slot == slot && k->len == len &&
                                (len == 0 || memcmp(k->text, p, len) == 0)))
            return k;
    }
}

const struct key *route_index_find(const struct route_index *x, uint32_t slot, const char *p,
                                   size_t len)
{
    const struct key *k = key_place(x, slot, p, len, key_hash(slot, p, len));
    return k->slot == NONE ? NULL : k;
}

static int make_table(struct route_index *x, size_t keys)
{
    size_t size = 8;
    while (size - size / 4 < keys)
        size *= 2;
    free(x->key);
    x->key = size < SIZE_MAX / sizeof(*x->key) ? aligned_alloc(64, size * sizeof(*x->key)) : NULL;
    if (!x->key)
        return -ENOMEM;
    memset(x->key, 0, size * sizeof(*x->key));
    for (size_t i = 0; i < size; i++)
        x->key[i].slot = NONE;
    x->mask = size - 1;
    return 0;
}

static struct key *enter(struct route_index *x, const struct want *w)
{
    uint64_t hash = key_hash(w->slot, w->text, w->len);
    struct key *k = key_place(x, w->slot, w->text, w->len, hash);
    if (k->slot == NONE)
        *k = (struct key){.hash = hash, .slot = w->slot, .len = w->len, .text = w->text};
    return k;
}

/* How many routes an option would share its fullest key with; fewer keys win a draw. */
static uint64_t option_cost(const struct builder *b, const struct option *o)
{
    uint64_t most = 0;
    for (uint32_t i = 0; i < o->n; i++) {
        const struct want *w = &b->want[o->at + i];
        const struct key *k = route_index_find(&b->t->index, w->slot, w->text, w->len);
        if (k && k->n > most)
            most = k->n;
    }
    return most << 32 | o->n;
}

/* The best option of every route; NONE: it has none and is always tried. */
static int choose(struct builder *b, uint32_t *chosen)
{
    struct route_index *x = &b->t->index;
    if (make_table(x, b->n_want) < 0)
        return -ENOMEM;
    for (size_t i = 0; i < b->n_want; i++)
        enter(x, &b->want[i])->n++;
    for (size_t i = 0; i < b->t->n; i++) {
        uint64_t best = UINT64_MAX;
        chosen[i] = NONE;
        for (uint32_t o = b->option_at[i]; o < b->option_at[i + 1]; o++) {
            uint64_t cost = option_cost(b, &b->option[o]);
            if (cost >= best)
                continue;
            best = cost;
            chosen[i] = o;
        }
    }
    return 0;
}

/* Moves the texts of the keys out of the arena: into the key, or the long ones beside each other.
 */
static int keep_texts(struct route_index *x)
{
    size_t bytes = 1;
    for (size_t i = 0; i <= x->mask; i++)
        bytes += x->key[i].len > KEY_INSIDE ? x->key[i].len : 0;
    char *at = x->bytes = malloc(bytes);
    if (!at)
        return -ENOMEM;
    for (size_t i = 0; i <= x->mask; i++) {
        struct key *k = &x->key[i];
        if (k->slot == NONE)
            continue;
        char *to = k->len > KEY_INSIDE ? at : k->inside;
        if (k->len > 0)
            memcpy(to, k->text, k->len);
        k->text = to;
        at += k->len > KEY_INSIDE ? k->len : 0;
    }
    return 0;
}

/* File route `r` under every different text of its option. A text twice (IN ('a', 'a')) must not
 * file it twice. */
static void file_route(struct builder *b, uint32_t r, const struct option *o, bool write)
{
    struct route_index *x = &b->t->index;
    for (uint32_t i = 0; i < o->n; i++) {
        struct key *k = enter(x, &b->want[o->at + i]);
        if (!write) {
            k->n++;
        } else if (k->n == 0 || x->list[k->at + k->n - 1] != r) {
            x->list[k->at + k->n++] = r;
        }
    }
}

/* ---------------------------------------------------------------- what is left to do */
static void add_rest(struct builder *b, struct rest_test test)
{
    struct route_index *x = &b->t->index;
    if (b->failed ||
        grow_array((void **)&x->test, &x->cap_test, x->n_test + 1, sizeof(*x->test)) < 0)
        b->failed = true;
    else
        x->test[x->n_test++] = test;
}

/* Equal texts become one, which stays in the cache when all routes test it. */
static void add_rest_text(struct builder *b, uint32_t slot, struct value v)
{
    struct map *texts = b->t->index.texts;
    char *text = map_get(texts, v.p, v.len);
    if (!text) {
        text = arena_take(&b->t->index.pool, v.len + 1);
        if (!text || map_put(texts, v.p, v.len, text) < 0) {
            b->failed = true;
            return;
        }
        if (v.len > 0)
            memcpy(text, v.p, v.len);
    }
    add_rest(b, (struct rest_test){.slot = slot, .n = (uint32_t)v.len, .text = text});
}

/* `when` as tests: possible when all its required operands are attribute = 'text', or known to
 * hold. */
static bool when_as_tests(struct builder *b, const struct cesql *c, const struct option *o)
{
    size_t before = b->t->index.n_test;
    if (!mark_required(b, c))
        return false;
    for (uint32_t i = 0; i < c->n_node; i++) {
        const struct node *n = &c->node[i];
        if (!b->required[i] || (o && o->node == i && o->exact))
            continue;
        if (n->flags & NODE_CONST && n->value.type == VALUE_BOOLEAN && n->value.integer)
            continue;
        if (n->flags & NODE_CONST || n->kind != NODE_COMPARE || n->op != OP_EQ ||
            c->node[n->left].kind != NODE_SLOT || !(c->node[n->right].flags & NODE_CONST) ||
            c->node[n->right].value.type != VALUE_STRING) {
            b->t->index.n_test = before;
            return false;
        }
        add_rest_text(b, c->node[n->left].n, c->node[n->right].value);
    }
    return true;
}

static void make_rest(struct builder *b, uint32_t i, const struct option *o)
{
    struct route_index *x = &b->t->index;
    const struct route *r = &b->t->route[i];
    struct rest *rest = &x->rest[i];
    *rest = (struct rest){.test = (uint32_t)x->n_test,
                          .to = r->to.n == 1 ? b->t->target[r->to.at] : r->to.at,
                          .n_to = r->to.n,
                          .alternative = r->alternative,
                          .n_alternative = r->n_alternative};
    for (size_t m = 0; m < r->condition.n_test; m++) {
        const struct match_test *test = &r->condition.test[m];
        if (o && o->test == m)
            continue;
        if (value_set_count(test->set) == 1)
            add_rest_text(b, test->slot, value_set_text(test->set, 0));
        else
            add_rest(b, (struct rest_test){.slot = test->slot, .n = NONE, .set = test->set});
    }
    if (r->condition.when && !when_as_tests(b, r->condition.when, o))
        rest->when = r->condition.when;
    rest->n_test = (uint32_t)x->n_test - rest->test;
}

static int file_all(struct builder *b, const uint32_t *chosen)
{
    struct route_table *t = b->t;
    struct route_index *x = &t->index;
    size_t keys = 0;
    for (size_t i = 0; i < t->n; i++)
        keys += chosen[i] == NONE ? 0 : b->option[chosen[i]].n;
    x->list = xcalloc(keys + 1, sizeof(*x->list));
    x->always = xcalloc(t->n + 1, sizeof(*x->always));
    x->indexed = xcalloc(symbols_count(t->symbols) + 1, 1);
    x->rest = xcalloc(t->n + 1, sizeof(*x->rest));
    x->texts = map_new(NULL);
    if (!x->list || !x->always || !x->indexed || !x->rest || !x->texts || make_table(x, keys) < 0)
        return -ENOMEM;
    for (uint32_t i = 0; i < t->n; i++) {
        if (chosen[i] != NONE)
            file_route(b, i, &b->option[chosen[i]], false);
    }
    uint32_t at = 0;
    for (size_t i = 0; i <= x->mask; i++) {
        struct key *k = &x->key[i];
        if (k->slot == NONE)
            continue;
        x->indexed[k->slot & ~SLOT_INTEGER] |= k->slot & SLOT_INTEGER ? 2 : 1;
        k->at = at;
        at += k->n;
        k->n = 0;
    }
    for (uint32_t i = 0; i < t->n; i++) {
        const struct option *o = chosen[i] == NONE ? NULL : &b->option[chosen[i]];
        if (o)
            file_route(b, i, o, true);
        else
            x->always[x->n_always++] = i;
        make_rest(b, i, o);
    }
    if (b->failed)
        return -ENOMEM;
    for (size_t i = 0; i <= x->mask; i++) {
        if (x->key[i].slot != NONE && x->key[i].n == 1)
            x->key[i].at = x->list[x->key[i].at];
    }
    return keep_texts(x);
}

int route_index_build(struct route_table *t, struct err *e)
{
    t->index.pool.max = SIZE_MAX / 4;
    struct builder b = {.t = t, .arena = {.max = SIZE_MAX / 4}};
    int r = -ENOMEM;
    uint32_t *chosen = xcalloc(t->n + 1, sizeof(*chosen));
    b.option_at = xcalloc(t->n + 1, sizeof(*b.option_at));
    if (chosen && b.option_at) {
        collect(&b);
        if (!b.failed && choose(&b, chosen) == 0)
            r = file_all(&b, chosen);
    }
    free(chosen);
    free(b.option_at);
    free(b.option);
    free(b.want);
    free(b.required);
    arena_done(&b.arena);
    map_free(t->index.texts);
    t->index.texts = NULL;
    return r < 0 ? err_set(e, r, "memory", "out of memory") : 0;
}

void route_index_done(struct route_index *x)
{
    free(x->key);
    free(x->list);
    free(x->always);
    free(x->indexed);
    free(x->bytes);
    free(x->rest);
    free(x->test);
    map_free(x->texts);
    arena_done(&x->pool);
}
