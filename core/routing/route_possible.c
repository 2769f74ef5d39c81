/* SPDX-License-Identifier: Apache-2.0 */
/* route_possible - where may a message go of which only some attributes are known?
 *
 * The nodes of an expression lie in postfix order, so one loop gives each node the outcomes it can
 * have: one known value, or any of true, false and an error. Operands are taken as independent of
 * each other, which can only call something possible that is not. An error that is reached is the
 * end of an evaluation, and nothing matches then (cesql_eval.c). */
#include "base/util.h"
#include "route.h"
#include "route_private.h"
#include <errno.h>
#include <string.h>

struct outcome {
    bool known; /* value, for certain and without an error; t and f are its Boolean */
    bool t, f, fails;
    struct value value;
};

static const struct outcome anything = {.t = true, .f = true, .fails = true};
static const struct outcome failure = {.fails = true};

struct look {
    const struct route_table *t;
    enum route_known *known; /* per slot */
    struct value *slot;      /* per slot: ROUTE_KNOWN_VALUE */
    struct outcome *node;    /* of the program that is looked at */
    size_t cap;
    struct arena arena; /* strings that functions make */
};

static struct outcome exactly(struct value v)
{
    struct outcome o = {.known = true, .value = v};
    bool b;
    if (cast_boolean(&v, &b) == 0) {
        o.t = b;
        o.f = !b;
    } else {
        o.fails = true; /* where a Boolean is wanted */
    }
    return o;
}

static struct outcome boolean(bool t, bool f, bool fails)
{
    if (t != f && !fails)
        return exactly(value_boolean(t));
    return (struct outcome){.t = t, .f = f, .fails = fails};
}

/* Fails, whatever the message has. */
static bool hopeless(const struct outcome *o)
{
    return !o->known && !o->t && !o->f;
}

static struct outcome logic(enum keyword op, const struct outcome *l, const struct outcome *r)
{
    switch (op) {
    case WORD_AND:
        return boolean(l->t && r->t, l->f || (l->t && r->f), l->fails || (l->t && r->fails));
    case WORD_OR:
        return boolean(l->t || (l->f && r->t), l->f && r->f, l->fails || (l->f && r->fails));
    default:
        return boolean((l->t && r->f) || (l->f && r->t), (l->t && r->t) || (l->f && r->f),
                       l->fails || r->fails);
    }
}

static struct outcome one_operand(const struct node *n, const struct outcome *o)
{
    int32_t i;
    if (n->kind == NODE_NOT)
        return boolean(o->f, o->t, o->fails);
    if (!o->known)
        return hopeless(o) ? failure : anything;
    if (cast_integer(&o->value, &i) != 0 || i == INT32_MIN)
        return failure;
    return exactly(value_integer(-i));
}

static struct outcome two_operands(const struct node *n, const struct outcome *l,
                                   const struct outcome *r)
{
    bool b;
    int32_t i;
    if (hopeless(l) || hopeless(r))
        return failure;
    if (!l->known || !r->known)
        return anything;
    if (n->kind == NODE_ARITHMETIC)
        return value_arithmetic((enum operator)n->op, &l->value, &r->value, &i)
                   ? failure
                   : exactly(value_integer(i));
    return value_compare((enum operator)n->op, &l->value, &r->value, &b)
               ? failure
               : exactly(value_boolean(b));
}

static struct outcome of_node(const struct look *x, const struct node *node, uint32_t i)
{
    return node[i].flags & NODE_CONST ? exactly(node[i].value) : x->node[i];
}

/* The order of the elements, which decides about errors, is not looked at. */
static struct outcome in_list(const struct look *x, const struct node *node, const struct node *n)
{
    struct outcome left = of_node(x, node, n->left), all = {.f = true};
    if (hopeless(&left))
        return failure;
    for (uint32_t m = n->right; m != NONE; m = node[m].right) {
        struct outcome element = of_node(x, node, node[m].left);
        bool same = false;
        if (!left.known || !element.known)
            all.t = all.fails = true;
        else if (value_compare(OP_EQ, &element.value, &left.value, &same) != 0)
            all.fails = true;
        else if (same)
            all.t = true, all.f = false;
    }
    return n->flags & NODE_INVERT ? boolean(all.f, all.t, all.fails)
                                  : boolean(all.t, all.f, all.fails);
}

#define ARGUMENTS 16 /* a call with more is not looked into */

static struct outcome call(struct look *x, const struct node *node, uint32_t at)
{
    const struct node *n = &node[at];
    struct value arg[ARGUMENTS], v;
    bool known = n->n <= ARGUMENTS;
    if (n->op == FN_NONE)
        return failure;
    uint32_t a = at - 1;
    for (uint32_t i = n->n; i > 0; i--, a = arg_before(node, a)) {
        struct outcome o = of_node(x, node, a);
        if (hopeless(&o))
            return failure;
        known = known && o.known;
        if (known)
            arg[i - 1] = o.value;
    }
    if (!known)
        return anything;
    return function_call((enum function)n->op, arg, n->n, &x->arena, &v) ? failure : exactly(v);
}

static struct outcome of_slot(const struct look *x, const struct node *n)
{
    enum route_known k = x->known[n->n];
    if (n->kind == NODE_EXISTS)
        return boolean(k != ROUTE_KNOWN_ABSENT, k == ROUTE_UNKNOWN || k == ROUTE_KNOWN_ABSENT,
                       false);
    if (k == ROUTE_KNOWN_VALUE)
        return exactly(x->slot[n->n]);
    return k == ROUTE_KNOWN_ABSENT ? failure : anything;
}

static struct outcome look_at(struct look *x, const struct node *node, uint32_t i)
{
    const struct node *n = &node[i];
    struct outcome l, r;
    switch (n->kind) {
    case NODE_SLOT:
    case NODE_EXISTS:
        return of_slot(x, n);
    case NODE_NOT:
    case NODE_NEGATE:
        l = of_node(x, node, n->left);
        return one_operand(n, &l);
    case NODE_ARITHMETIC:
    case NODE_COMPARE:
        l = of_node(x, node, n->left);
        r = of_node(x, node, n->right);
        return two_operands(n, &l, &r);
    case NODE_LOGIC:
        r = of_node(x, node, n->right);
        if (n->flags & NODE_PASS)
            return r;
        l = of_node(x, node, n->left);
        return logic((enum keyword)n->op, &l, &r);
    case NODE_LIKE:
        l = of_node(x, node, n->left);
        if (!l.known)
            return hopeless(&l) ? failure : anything;
        return exactly(
            value_boolean(value_like(&l.value, &n->value) != ((n->flags & NODE_INVERT) != 0)));
    case NODE_IN:
        return in_list(x, node, n);
    case NODE_CALL:
        return call(x, node, i);
    default:
        return anything; /* marks: nobody asks for theirs */
    }
}

/* As a filter: a Boolean and nothing else matches. */
static struct outcome program(struct look *x, const struct cesql *c)
{
    arena_reset(&x->arena);
    for (uint32_t i = 0; i < c->n_node; i++)
        if (!(c->node[i].flags & (NODE_DEAD | NODE_CONST)))
            x->node[i] = look_at(x, c->node, i);
    struct outcome o = of_node(x, c->node, (uint32_t)c->n_node - 1);
    return o.known && o.value.type != VALUE_BOOLEAN ? failure : o;
}

static struct outcome match_test(const struct look *x, const struct match_test *m)
{
    switch (x->known[m->slot]) {
    case ROUTE_KNOWN_VALUE:
        return exactly(value_boolean(match_holds(m, x->slot)));
    case ROUTE_KNOWN_ABSENT:
        return exactly(value_boolean(false));
    default:
        return boolean(value_set_count(m->set) > 0, true, false);
    }
}

static struct outcome condition(struct look *x, const struct condition *c)
{
    struct outcome all = exactly(value_boolean(true));
    for (size_t i = 0; i < c->n_test; i++) {
        struct outcome one = match_test(x, &c->test[i]);
        all = logic(WORD_AND, &all, &one);
    }
    if (!c->when || !all.t)
        return all;
    struct outcome when = program(x, c->when);
    return logic(WORD_AND, &all, &when);
}

static bool surely(const struct outcome *o)
{
    return o->t && !o->f && !o->fails;
}

static void may_reach(const struct look *x, struct targets to, uint32_t route, uint32_t *ret_route)
{
    for (uint32_t i = 0; i < to.n; i++) {
        uint32_t *d = &ret_route[x->t->target[to.at + i]];
        if (*d == ROUTE_NONE)
            *d = route;
    }
}

/* True when the route gives some destination for certain. */
static bool route_look(struct look *x, uint32_t route, uint32_t *ret_route)
{
    const struct route *r = &x->t->route[route];
    struct outcome whole = condition(x, &r->condition);
    if (!whole.t)
        return false;
    bool certain = surely(&whole), gives = r->to.n > 0;
    may_reach(x, r->to, route, ret_route);
    for (uint32_t i = 0; i < r->n_alternative; i++) {
        const struct alternative *a = &x->t->alternative[r->alternative + i];
        struct outcome o = condition(x, &a->condition);
        if (o.t)
            may_reach(x, a->to, route, ret_route);
        if (!surely(&o))
            continue;
        gives = true; /* this one, or one before it */
        break;
    }
    return certain && gives;
}

static int look_open(struct look *x, const struct route_fact *f, size_t n, enum route_known others)
{
    size_t slots = symbols_count(x->t->symbols);
    x->arena.max = (size_t)1 << 20;
    x->known = xcalloc(slots + 1, sizeof(*x->known));
    x->slot = xcalloc(slots + 1, sizeof(*x->slot));
    for (size_t i = 0; i < x->t->n + x->t->n_alternative; i++) {
        const struct condition *c =
            i < x->t->n ? &x->t->route[i].condition : &x->t->alternative[i - x->t->n].condition;
        if (c->when && c->when->n_node > x->cap)
            x->cap = c->when->n_node;
    }
    x->node = xcalloc(x->cap + 1, sizeof(*x->node));
    if (!x->known || !x->slot || !x->node)
        return -ENOMEM;
    for (size_t i = 0; i < slots; i++)
        x->known[i] = others;
    for (size_t i = 0; i < n; i++) {
        int slot = symbols_find(x->t->symbols, f[i].name, strlen(f[i].name));
        if (slot < 0)
            continue;
        x->known[slot] = f[i].known;
        x->slot[slot] = f[i].value;
    }
    return 0;
}

static void look_done(struct look *x)
{
    arena_done(&x->arena);
    free(x->known);
    free(x->slot);
    free(x->node);
}

int route_possible(const struct route_table *t, const struct route_fact *f, size_t n,
                   enum route_known others, uint32_t *ret_route, bool *ret_unrouted)
{
    struct look x = {.t = t};
    int r = look_open(&x, f, n, others);
    bool certain = false;
    for (size_t i = 0; r == 0 && i < t->n_destination; i++)
        ret_route[i] = ROUTE_NONE;
    for (uint32_t i = 0; r == 0 && i < t->n; i++)
        certain |= route_look(&x, i, ret_route);
    *ret_unrouted = !certain;
    look_done(&x);
    return r;
}

/* ---- constants ---- */
struct naming {
    const struct route_table *t;
    uint32_t slot;
    void (*fn)(void *arg, const char *p, size_t len);
    void *arg;
};

static void name_const(const struct naming *x, const struct node *n)
{
    if (n->flags & NODE_CONST && n->value.type == VALUE_STRING)
        x->fn(x->arg, n->value.p, n->value.len);
}

static void name_in_program(const struct naming *x, const struct cesql *c)
{
    for (size_t i = 0; i < c->n_node; i++) {
        const struct node *n = &c->node[i], *node = c->node;
        bool pair = n->kind == NODE_COMPARE, list = n->kind == NODE_IN;
        if (!pair && !list)
            continue;
        const struct node *l = &node[n->left];
        if (l->kind == NODE_SLOT && l->n == x->slot) {
            if (pair)
                name_const(x, &node[n->right]);
            for (uint32_t m = n->right; list && m != NONE; m = node[m].right)
                name_const(x, &node[node[m].left]);
        } else if (pair && node[n->right].kind == NODE_SLOT && node[n->right].n == x->slot) {
            name_const(x, l);
        }
    }
}

void route_constants(const struct route_table *t, const char *attribute,
                     void (*fn)(void *arg, const char *p, size_t len), void *arg)
{
    int slot = symbols_find(t->symbols, attribute, strlen(attribute));
    struct naming x = {t, (uint32_t)slot, fn, arg};
    for (size_t i = 0; slot >= 0 && i < t->n + t->n_alternative; i++) {
        const struct condition *c =
            i < t->n ? &t->route[i].condition : &t->alternative[i - t->n].condition;
        for (size_t k = 0; k < c->n_test; k++)
            for (size_t v = 0; c->test[k].slot == x.slot && v < value_set_count(c->test[k].set);
                 v++) {
                struct value text = value_set_text(c->test[k].set, v);
                fn(arg, text.p, text.len);
            }
        if (c->when)
            name_in_program(&x, c->when);
    }
}
