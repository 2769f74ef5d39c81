/* SPDX-License-Identifier: Apache-2.0 */
/* route_explain - why a message goes where it goes: for every route the test that decided, on which
 * values.
 *
 * It runs the programs of route_eval, range by range: the first operand of an AND that is not true,
 * the operand of an OR that is true; where no single operand decided, the whole. A route with
 * `first` also tells of each alternative tried. */
#include "base/util.h"
#include "route.h"
#include "route_private.h"
#include <errno.h>
#include <string.h>

#define EXPLAIN_TEXT_MAX ((size_t)64 * 1024)
#define VALUES_MAX       16 /* attributes shown for one predicate */
#define MATCH_SHOWN      8  /* values of a match shown */

struct decided {
    const struct match_test *test; /* or: */
    const struct cesql *program;
    uint32_t node;
    const struct condition *whole; /* both match and when held */
    bool result;
    unsigned errors;
};

static unsigned run_node(const struct cesql *c, uint32_t node, struct route_work *w, bool *ret)
{
    struct value v;
    arena_reset(scratch_arena(w->scratch));
    unsigned errors =
        cesql_run(c, c->node[node].code, c->node[node].code_end, w->slot, w->scratch, &v);
    if (!errors)
        errors = cast_boolean(&v, ret);
    return errors;
}

/* Goes down from the whole expression to the smallest part that decided. */
static uint32_t decide_node(const struct cesql *c, struct route_work *w, bool *ret,
                            unsigned *errors)
{
    uint32_t at = (uint32_t)c->n_node - 1;
    bool whole = false, left = false;
    *errors = run_node(c, at, w, &whole);
    for (;;) {
        const struct node *n = &c->node[at];
        if (n->kind != NODE_LOGIC || n->op == WORD_XOR || n->flags & NODE_CONST)
            break;
        bool stops = n->op == WORD_OR; /* the left value that decides alone */
        if (n->flags & NODE_PASS) {
            at = n->right;
            continue;
        }
        unsigned e = run_node(c, n->left, w, &left);
        if (e || left == stops)
            at = n->left;
        else if (*errors || whole == stops)
            at = n->right;
        else
            break;
    }
    *ret = whole;
    return at;
}

static struct decided decide(const struct condition *c, struct route_work *w)
{
    struct decided d = {.node = NONE, .result = true};
    for (size_t i = 0; i < c->n_test; i++) {
        if (match_holds(&c->test[i], w->slot))
            continue;
        bool absent = w->slot[c->test[i].slot].type == VALUE_ABSENT;
        d.test = &c->test[i];
        d.result = false;
        d.errors = absent ? CESQL_MISSING_ATTRIBUTE : 0;
        return d;
    }
    if (!c->when) {
        d.whole = c;
        return d;
    }
    bool holds = false;
    d.program = c->when;
    d.node = decide_node(c->when, w, &holds, &d.errors);
    /* a filter wants a Boolean: a string "true" as the whole expression does not pass */
    d.result = holds && !d.errors && cesql_matches(c->when, w->slot, w->scratch);
    if (d.result && c->n_test > 0)
        d.whole = c;
    return d;
}

/* ---------------------------------------------------------------- words */
static int say_text(struct buf *out, const char *p, size_t len)
{
    int r = buf_addc(out, '\'');
    for (size_t i = 0; i < len && r == 0; i++) {
        if (p[i] == '\'')
            r = buf_addc(out, '\\');
        if (r == 0)
            r = buf_addc(out, p[i]);
    }
    return r < 0 ? r : buf_addc(out, '\'');
}

static int say_value(struct buf *out, const char *name, const struct value *v)
{
    char text[INTEGER_TEXT];
    int r = out->len > 0 ? buf_adds(out, ", ") : 0;
    if (r == 0)
        r = buf_adds(out, name);
    if (r < 0)
        return r;
    if (v->type == VALUE_ABSENT)
        return buf_adds(out, " is absent");
    r = buf_adds(out, " = ");
    if (r < 0)
        return r;
    if (v->type == VALUE_STRING)
        return say_text(out, v->p, v->len);
    struct value t = cast_string(v, text);
    return buf_add(out, t.p, t.len);
}

static int say_test(struct buf *out, const struct route_table *t, const struct match_test *m)
{
    size_t n = value_set_count(m->set);
    int r = buf_addf(out, "%s%s", symbols_name(t->symbols, m->slot), n == 1 ? " = " : " IN (");
    for (size_t i = 0; i < n && i < MATCH_SHOWN && r == 0; i++) {
        struct value v = value_set_text(m->set, i);
        r = i > 0 ? buf_adds(out, ", ") : 0;
        if (r == 0)
            r = say_text(out, v.p, v.len);
    }
    if (r == 0 && n > MATCH_SHOWN)
        r = buf_addf(out, ", … %zu in all", n);
    return r == 0 && n != 1 ? buf_adds(out, ")") : r;
}

static int say_node(struct buf *out, const struct cesql *c, uint32_t node)
{
    const struct node *n = &c->node[node];
    uint32_t inside = n->flags & NODE_PAREN ? 1 : 0;
    const char *p = c->text + n->at + inside;
    size_t len = n->end - n->at - 2 * inside;
    text_trim(&p, &len);
    return buf_add(out, p, len);
}

static int say_whole(struct buf *out, const struct route_table *t, const struct condition *c)
{
    if (c->n_test == 0 && !c->when)
        return buf_adds(out, "TRUE");
    int r = 0;
    for (size_t i = 0; i < c->n_test && r == 0; i++) {
        r = i > 0 ? buf_adds(out, " AND ") : 0;
        if (r == 0)
            r = say_test(out, t, &c->test[i]);
    }
    if (r == 0 && c->when) {
        r = buf_adds(out, c->n_test > 0 ? " AND (" : "(");
        if (r == 0)
            r = say_node(out, c->when, (uint32_t)c->when->n_node - 1);
        if (r == 0)
            r = buf_adds(out, ")");
    }
    return r;
}

static int say_predicate(struct buf *out, const struct route_table *t, const struct decided *d)
{
    if (d->whole)
        return say_whole(out, t, d->whole);
    return d->test ? say_test(out, t, d->test) : say_node(out, d->program, d->node);
}

struct shown {
    uint32_t slot[VALUES_MAX];
    size_t n;
};

static int show(struct buf *out, const struct route_table *t, const struct route_work *w,
                uint32_t slot, struct shown *s)
{
    for (size_t i = 0; i < s->n; i++) {
        if (s->slot[i] == slot)
            return 0;
    }
    if (s->n == VALUES_MAX)
        return 0;
    s->slot[s->n++] = slot;
    return say_value(out, symbols_name(t->symbols, slot), &w->slot[slot]);
}

/* Every attribute that the predicate names, once, with its value. */
static int say_values(struct buf *out, const struct route_table *t, const struct route_work *w,
                      const struct decided *d)
{
    struct shown s = {.n = 0};
    int r = d->test ? show(out, t, w, d->test->slot, &s) : 0;
    for (size_t i = 0; d->whole && i < d->whole->n_test && r == 0; i++)
        r = show(out, t, w, d->whole->test[i].slot, &s);
    const struct cesql *c = d->whole ? d->whole->when : d->program;
    uint32_t last = d->whole && c ? (uint32_t)c->n_node - 1 : d->node;
    for (uint32_t i = c ? c->node[last].first : 0; c && i <= last && r == 0; i++) {
        if (c->node[i].kind == NODE_SLOT || c->node[i].kind == NODE_EXISTS)
            r = show(out, t, w, c->node[i].n, &s);
    }
    return r;
}

/* ---------------------------------------------------------------- the tree */
static struct tree *error_list(unsigned errors)
{
    struct tree *list = tree_list();
    for (unsigned bit = 1; list && bit <= CESQL_GENERIC; bit <<= 1) {
        if (errors & bit && tree_appends(list, cesql_error_name(bit)) < 0) {
            tree_free(list);
            return NULL;
        }
    }
    return list;
}

static struct tree *decided_tree(const struct route_table *t, const struct route_work *w,
                                 const struct decided *d)
{
    struct buf text = BUF_INIT(EXPLAIN_TEXT_MAX);
    struct tree *m = tree_map();
    int r = m ? say_predicate(&text, t, d) : -ENOMEM;
    if (r == 0)
        r = tree_puts(m, "predicate", buf_str(&text));
    buf_reset(&text);
    if (r == 0)
        r = say_values(&text, t, w, d);
    if (r == -EFBIG)
        r = 0; /* very long values are cut */
    if (r == 0)
        r = tree_puts(m, "value", buf_str(&text));
    if (r == 0)
        r = tree_puts(m, "result", d->result ? "true" : "false");
    if (r == 0 && d->errors)
        r = tree_put(m, "errors", error_list(d->errors));
    buf_done(&text);
    if (r < 0) {
        tree_free(m);
        return NULL;
    }
    return m;
}

static int add_targets(const struct route_table *t, struct targets to, struct tree *list)
{
    for (uint32_t i = 0; i < to.n; i++) {
        const char *name = t->destination[t->target[to.at + i]];
        if (!tree_has(list, name) && tree_appends(list, name) < 0)
            return -ENOMEM;
    }
    return 0;
}

/* Adds {"alternative", "matched", "decided"} for each one tried; *ret is the one that held, or -1.
 */
static int explain_first(const struct route_table *t, struct route_work *w,
                         const struct route *route, struct tree *list, struct decided *d,
                         int64_t *ret)
{
    *ret = -1;
    for (uint32_t i = 0; i < route->n_alternative && *ret < 0; i++) {
        *d = decide(&t->alternative[route->alternative + i].condition, w);
        struct tree *m = tree_map();
        int r = m ? tree_putu(m, "alternative", i) : -ENOMEM;
        if (r == 0)
            r = tree_putb(m, "matched", d->result);
        if (r == 0)
            r = tree_put(m, "decided", decided_tree(t, w, d));
        if (r < 0) {
            tree_free(m);
            return r;
        }
        r = tree_append(list, m);
        if (r < 0)
            return r;
        if (d->result)
            *ret = i;
    }
    return 0;
}

static bool no_condition(const struct condition *c)
{
    return c->n_test == 0 && !c->when;
}

static int explain_route(const struct route_table *t, struct route_work *w, uint32_t i,
                         struct tree *m)
{
    const struct route *route = &t->route[i];
    struct decided d = decide(&route->condition, w), choice = d;
    struct tree *tried = tree_list(), *to = tree_list();
    int64_t alternative = -1;
    int r = tried && to ? 0 : -ENOMEM;
    if (r == 0 && d.result)
        r = add_targets(t, route->to, to);
    if (r == 0 && d.result)
        r = explain_first(t, w, route, tried, &choice, &alternative);
    if (r == 0 && alternative >= 0)
        r = add_targets(t, t->alternative[route->alternative + (uint32_t)alternative].to, to);
    /* the route's own `to` or an alternative: without either it matched nothing */
    bool matched = d.result && (alternative >= 0 || route->n_alternative == 0 || route->to.n > 0);
    if (d.result && tried && tried->n > 0 && route->to.n == 0 &&
        (alternative < 0 ||
         !no_condition(&t->alternative[route->alternative + (uint32_t)alternative].condition)))
        d = choice;
    if (r == 0)
        r = tree_puts(m, "route", t->name[i]);
    if (r == 0)
        r = tree_putb(m, "matched", matched);
    if (r == 0 && alternative >= 0)
        r = tree_putu(m, "alternative", (uint64_t)alternative);
    if (r == 0)
        r = tree_put(m, "destinations", TAKE_PTR(to));
    if (r == 0)
        r = tree_put(m, "decided", decided_tree(t, w, &d));
    if (r == 0 && tried->n > 0)
        r = tree_put(m, "alternatives", TAKE_PTR(tried));
    tree_free(tried);
    tree_free(to);
    return r;
}

int route_explain(const struct route_table *t, struct route_work *w,
                  const struct route_attribute *a, size_t n, struct tree **ret)
{
    struct tree *list = tree_list();
    int r = list ? 0 : -ENOMEM;
    route_set_slots(t, w, a, n);
    for (uint32_t i = 0; i < t->n && r == 0; i++) {
        struct tree *m = tree_map();
        r = m ? explain_route(t, w, i, m) : -ENOMEM;
        if (r < 0)
            tree_free(m);
        else
            r = tree_append(list, m);
    }
    if (r < 0)
        tree_free(list);
    else
        *ret = list;
    return r;
}
