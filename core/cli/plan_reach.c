/* SPDX-License-Identifier: Apache-2.0 */
/* plan_reach - which party can get what of whom, in each of two configurations.
 *
 * Asked of the routes, for every source, every type that its adapter may emit, and every
 * destination (routing/route.h, route_possible()); messages about people count only where an
 * agreement lets them through. Beside it stands how many of the replayed messages the party would
 * get. What a step or a CloudEvents sender may add is not known before: of their messages every
 * attribute is taken as open. */
#include "plan.h"
#include "base/util.h"
#include "message/identity.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define ENTRIES_MAX   20000
#define OPEN_TYPE     "(any other type)" /* of a source with `types: open` */
#define ATTRIBUTE_MAX 80

struct entry {                 /* one thing that a party may get in a configuration, or not */
    char *party, *type, *from; /* type NULL: a data class, in `from` */
    bool possible[2], personal;
    char *route[2];             /* the first by which it may; "" = unrouted */
    struct tree *attributes[2]; /* maps used as sets; NULL: none known */
    bool any_attribute[2];
    uint64_t seen[2];
};

struct reach {
    struct map *map;       /* "party\ntype\nfrom" -> struct entry */
    struct entry **sorted; /* for the report */
    uint64_t left_out;
    /* while asking the configurations */
    const struct plan_config *c;
    int side;
    const struct tree *part, *emit;
    const char *type;
    struct tree *constants; /* types that routes of either name: a map used as a set */
    uint32_t *route;
    char source[400];
    int rc;
};

static void entry_free(void *p)
{
    struct entry *e = p;
    for (int i = 0; i < 2; i++) {
        free(e->route[i]);
        tree_free(e->attributes[i]);
    }
    free(e->party);
    free(e->type);
    free(e->from);
    free(e);
}

struct reach *reach_new(void)
{
    struct reach *r = xcalloc(1, sizeof(*r));
    if (r && !(r->map = map_new(entry_free))) {
        free(r);
        r = NULL;
    }
    return r;
}

void reach_free(struct reach *r)
{
    if (!r)
        return;
    map_free(r->map);
    free(r);
}

/* NULL and 0: beyond the bound. */
static int entry_get(struct reach *r, const char *party, const char *type, const char *from,
                     struct entry **ret)
{
    char key[512];
    int n = snprintf(key, sizeof(key), "%s\n%s\n%s", party, type ? type : "", from);
    *ret = NULL;
    if (n < 0 || (size_t)n >= sizeof(key)) {
        r->left_out++;
        return 0;
    }
    *ret = map_get(r->map, key, (size_t)n);
    if (*ret)
        return 0;
    if (map_count(r->map) >= ENTRIES_MAX) {
        r->left_out++;
        return 0;
    }
    struct entry *e = xcalloc(1, sizeof(*e));
    if (!e)
        return -ENOMEM;
    e->party = strdup(party);
    e->type = type ? strdup(type) : NULL;
    e->from = strdup(from);
    if (!e->party || (type && !e->type) || !e->from || map_put(r->map, key, (size_t)n, e) < 0) {
        entry_free(e);
        return -ENOMEM;
    }
    *ret = e;
    return 0;
}

/* ---- asking the configurations ---- */

static void add_attribute(struct reach *r, struct entry *e, const char *name)
{
    struct tree **set = &e->attributes[r->side];
    if (!*set)
        *set = tree_map();
    if (!*set || tree_put(*set, name, tree_scalar("", false)) == -ENOMEM)
        r->rc = -ENOMEM;
}

static void may_get(struct reach *r, const struct plan_destination *d, const char *route,
                    bool personal)
{
    struct entry *e;
    if (!d->party || (personal && !d->personal))
        return;
    int rc = entry_get(r, d->party_name, r->type, tree_gets(r->part, "party/name", ""), &e);
    if (rc < 0 || !e) {
        r->rc = rc < 0 ? rc : r->rc;
        return;
    }
    e->possible[r->side] = true;
    e->personal |= personal;
    if (!e->route[r->side] && !(e->route[r->side] = strdup(route)))
        r->rc = -ENOMEM;
    const struct tree *names = tree_get(r->emit, "attributes");
    for (size_t i = 0; names && i < names->n; i++) {
        const char *name = tree_text(names->child[i]);
        if (name && strcmp(name, "*") == 0)
            e->any_attribute[r->side] = true;
        else if (name)
            add_attribute(r, e, name);
    }
}

#define FACTS_MAX 64

static struct route_fact value_fact(const char *name, const char *text)
{
    return (struct route_fact){
        name, ROUTE_KNOWN_VALUE, {.type = VALUE_STRING, .p = text, .len = strlen(text)}};
}

/* What is known of a message of this source and type: returns the number; *ret_others of all other
 * attributes. */
static size_t facts_of(struct reach *r, bool fixed, struct route_fact f[FACTS_MAX],
                       enum route_known *ret_others)
{
    static const char *const sometimes[] = {"subject", "dataschema", "datacontenttype",
                                            "datacategory"};
    static const char *const always[] = {"id", "time"};
    const struct tree *names = tree_get(r->emit, "attributes"), *steps = tree_get(r->part, "steps");
    bool open = !fixed || (steps && steps->n) || !names || names->n + 16 > FACTS_MAX;
    size_t n = 0;
    f[n++] = value_fact("type", r->type);
    f[n++] = value_fact("party", tree_gets(r->part, "party/name", ""));
    f[n++] = value_fact("specversion", "1.0");
    f[n] = (struct route_fact){"source", ROUTE_KNOWN_PRESENT, {.type = VALUE_ABSENT}};
    if (fixed) { /* as worker/intake.c makes it */
        (void)snprintf(r->source, sizeof(r->source), "//%s/%s/%s", r->c[r->side].hub,
                       tree_gets(r->part, "party/name", ""),
                       tree_gets(r->part, "adapter/name", ""));
        f[n] = value_fact("source", r->source);
    }
    n++;
    for (size_t i = 0; i < ARRAY_SIZE(always); i++)
        f[n++] = (struct route_fact){always[i], ROUTE_KNOWN_PRESENT, {.type = VALUE_ABSENT}};
    *ret_others = open ? ROUTE_UNKNOWN : ROUTE_KNOWN_ABSENT;
    for (size_t i = 0; !open && i < ARRAY_SIZE(sometimes); i++)
        f[n++] = (struct route_fact){sometimes[i], ROUTE_UNKNOWN, {.type = VALUE_ABSENT}};
    for (size_t i = 0; !open && i < names->n; i++) {
        const char *name = tree_text(names->child[i]);
        if (name)
            f[n++] = (struct route_fact){name, ROUTE_UNKNOWN, {.type = VALUE_ABSENT}};
    }
    return n;
}

/* fixed: the adapter names this type; otherwise its sender may send anything. */
static void ask(struct reach *r, const char *type, bool fixed)
{
    const struct plan_config *c = &r->c[r->side];
    struct route_fact f[FACTS_MAX];
    enum route_known others;
    bool unrouted, personal = message_personal_by(type, NULL) ||
                              (fixed && tree_getb(r->emit, "personal", false));
    r->type = type;
    size_t n = facts_of(r, fixed, f, &others);
    int rc = route_possible(c->routes, f, n, others, r->route, &unrouted);
    if (rc < 0) {
        r->rc = rc;
        return;
    }
    for (size_t d = 0; d < c->n; d++)
        if (r->route[d] != ROUTE_NONE)
            may_get(r, &c->destination[d], route_name(c->routes, r->route[d]), personal);
    for (size_t i = 0; unrouted && i < c->unrouted_n; i++)
        may_get(r, &c->destination[c->unrouted[i]], "", personal);
}

static void ask_open(struct reach *r)
{
    for (size_t i = 0; i < message_types_n; i++)
        ask(r, message_types[i].name, false);
    if (strcmp(tree_gets(r->part, "types", "closed"), "open") != 0)
        return;
    for (size_t i = 0; i < r->constants->n; i++)
        if (!message_type_find(tree_text(r->constants->key[i])))
            ask(r, tree_text(r->constants->key[i]), false);
    ask(r, OPEN_TYPE, false);
}

static void ask_source(struct reach *r, const struct tree *about)
{
    const struct tree *emits = tree_get(about, "emits"), *steps = tree_get(r->part, "steps");
    bool open = (steps && steps->n) || !emits || emits->n == 0;
    for (size_t i = 0; emits && i < emits->n && r->rc == 0; i++) {
        const char *type = tree_gets(emits->child[i], "type", "*");
        r->emit = emits->child[i];
        if (strcmp(type, "*") == 0)
            open = true;
        else
            ask(r, type, true);
    }
    if (open) {
        r->emit = emits && emits->n ? emits->child[0] : NULL;
        ask_open(r);
    }
}

static void add_constant(void *arg, const char *p, size_t len)
{
    struct reach *r = arg;
    char text[128];
    if (len >= sizeof(text) || len == 0)
        return;
    memcpy(text, p, len);
    text[len] = '\0';
    if (tree_put(r->constants, text, tree_scalar("", false)) == -ENOMEM)
        r->rc = -ENOMEM;
}

int reach_possible(struct reach *r, const struct plan_config c[2],
                   int (*describe)(void *arg, const char *file, struct tree **ret, struct err *e),
                   void *arg, struct err *e)
{
    int rc = 0;
    r->c = c;
    r->constants = tree_map();
    r->route = xcalloc(c[0].n + c[1].n + 1, sizeof(*r->route));
    r->rc = r->constants && r->route ? 0 : -ENOMEM;
    for (int i = 0; r->rc == 0 && i < 2; i++)
        route_constants(c[i].routes, "type", add_constant, r);
    for (r->side = 0; r->side < 2; r->side++) {
        const struct tree *list = tree_get(c[r->side].plan, "processes");
        for (size_t i = 0; list && i < list->n && r->rc == 0 && rc == 0; i++) {
            struct tree *about = NULL;
            r->part = tree_get(list->child[i], "part");
            if (strcmp(tree_gets(r->part, "kind", ""), "source") != 0)
                continue;
            rc = describe(arg, tree_gets(r->part, "adapter/file", ""), &about, e);
            if (rc == 0)
                ask_source(r, about);
            tree_free(about);
        }
    }
    tree_free(TAKE_PTR(r->constants));
    free(TAKE_PTR(r->route));
    if (r->rc < 0)
        return err_set(e, r->rc, "out-of-memory", "out of memory");
    return rc;
}

/* ---- counting replayed messages ---- */

static int count_class(struct reach *r, const char *party, int side, const char *name,
                       const char *value)
{
    char both[ATTRIBUTE_MAX];
    struct entry *e;
    if (!value)
        return 0;
    (void)snprintf(both, sizeof(both), "%s=%s", name, value);
    int rc = entry_get(r, party, NULL, both, &e);
    if (e) {
        e->seen[side]++;
        e->possible[side] = true;
    }
    return rc;
}

static int count_party(struct reach *r, const char *party, int side, const struct reach_message *m)
{
    struct entry *e;
    int rc = entry_get(r, party, m->type, m->from, &e);
    if (e) {
        e->seen[side]++;
        e->possible[side] = true; /* it happens, whatever was thought possible */
        e->personal |= m->personal;
    }
    rc = rc < 0 ? rc : count_class(r, party, side, "datacategory", m->category);
    rc = rc < 0 ? rc : count_class(r, party, side, "dataclassification", m->classification);
    return rc < 0 ? rc : count_class(r, party, side, "dataregulation", m->regulation);
}

int reach_count(struct reach *r, const struct plan_config *c, int side,
                const struct reach_message *m, const uint32_t *to, size_t n)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < n; i++) {
        const char *party = c->destination[to[i]].party_name;
        bool counted = false; /* a party with several destinations gets it once */
        for (size_t k = 0; k < i; k++)
            counted = counted || strcmp(c->destination[to[k]].party_name, party) == 0;
        if (!counted)
            rc = count_party(r, party, side, m);
    }
    return rc;
}

/* ---- the result ---- */

static int collect(void *arg, const char *key, size_t len, void *value)
{
    struct entry ***at = arg;
    (void)key;
    (void)len;
    *(*at)++ = value;
    return 0;
}

static int by_party(const void *a, const void *b)
{
    const struct entry *x = *(const struct entry *const *)a, *y = *(const struct entry *const *)b;
    int r = strcmp(x->party, y->party);
    r = r ? r : (y->type != NULL) - (x->type != NULL);
    r = r || !x->type ? r : strcmp(x->type, y->type);
    return r ? r : strcmp(x->from, y->from);
}

/* Of all that a party gets in a configuration: has it anything, anything about people? */
static void party_has(struct entry *const *e, size_t n, int side, bool *ret_any, bool *ret_personal)
{
    *ret_any = *ret_personal = false;
    for (size_t i = 0; i < n; i++) {
        if (!e[i]->type || !e[i]->possible[side])
            continue;
        *ret_any = true;
        *ret_personal |= e[i]->personal;
    }
}

/* Attributes that come only on this side. NULL: out of memory. */
static struct tree *attributes_of(const struct entry *e, int side)
{
    struct tree *list = tree_list();
    const struct tree *here = e->attributes[side], *there = e->attributes[!side];
    int rc = list ? 0 : -ENOMEM;
    if (e->any_attribute[!side] || !e->type)
        return list;
    if (e->any_attribute[side])
        rc = tree_appends(list, "*");
    for (size_t i = 0; rc == 0 && here && i < here->n; i++)
        if (!tree_get(there, tree_text(here->key[i])))
            rc = tree_appends(list, tree_text(here->key[i]));
    if (rc == 0)
        return list;
    tree_free(list);
    return NULL;
}

static int put_entry(struct tree *list, const struct entry *e, int side)
{
    bool gained = e->possible[side] && !e->possible[!side];
    if (!e->possible[side])
        return 0;
    struct tree *attributes = attributes_of(e, side);
    if (attributes && !gained && attributes->n == 0) {
        tree_free(attributes);
        return 0;
    }
    struct tree *t = tree_map();
    const char *route = e->route[side];
    int rc = attributes ? 0 : -ENOMEM;
    rc |= e->type ? tree_puts(t, "type", e->type) | tree_puts(t, "from", e->from)
                  : tree_puts(t, "data_class", e->from);
    if (e->type)
        rc |= tree_putb(t, "personal", e->personal) | tree_putb(t, "whole", gained);
    if (route)
        rc |= *route ? tree_puts(t, "route", route) : tree_putb(t, "unrouted", true);
    rc |= tree_putu(t, "messages", e->seen[side]);
    if (attributes && attributes->n)
        rc |= tree_put(t, "attributes", TAKE_PTR(attributes));
    tree_free(attributes);
    return rc | tree_append(list, t);
}

static int put_party(struct tree *all, struct entry *const *e, size_t n, int side,
                     const struct plan_config *c)
{
    struct tree *list = tree_list(), *t = tree_map();
    bool any, personal, any_other, personal_other;
    int rc = list && t ? 0 : -ENOMEM;
    party_has(e, n, side, &any, &personal);
    party_has(e, n, !side, &any_other, &personal_other);
    for (size_t i = 0; rc == 0 && i < n; i++)
        rc = put_entry(list, e[i], side);
    if (rc == 0 && list->n == 0) {
        tree_free(list);
        tree_free(t);
        return 0;
    }
    rc |= tree_puts(t, "party", e[0]->party);
    for (size_t d = 0; d < c->n; d++) {
        if (strcmp(c->destination[d].party_name, e[0]->party) != 0)
            continue;
        rc |= tree_puts(t, "name", tree_gets(c->destination[d].party, "title", NULL)) |
              tree_puts(t, "role", tree_gets(c->destination[d].party, "role", NULL));
        break;
    }
    rc |= tree_putb(t, "everything", any && !any_other) |
          tree_putb(t, "all_personal", personal && !personal_other);
    rc |= tree_put(t, "what", list);
    return rc | tree_append(all, t);
}

int reach_report(const struct reach *r, const struct plan_config c[2], struct tree *t)
{
    static const char *const names[] = {"no_longer_possible", "newly_possible"};
    size_t n = map_count(r->map);
    struct entry **e = xcalloc(n + 1, sizeof(struct entry *)), **at = e;
    if (!e)
        return -ENOMEM;
    (void)map_each(r->map, collect, &at);
    if (n)
        qsort(e, n, sizeof(struct entry *), by_party);
    int rc = tree_putu(t, "reach_left_out", r->left_out);
    for (int side = 1; side >= 0; side--) {
        struct tree *all = tree_list();
        for (size_t i = 0, k; rc == 0 && i < n; i = k) {
            for (k = i; k < n && strcmp(e[k]->party, e[i]->party) == 0;)
                k++;
            rc = put_party(all, e + i, k - i, side, &c[side]);
        }
        rc |= tree_put(t, names[side], all);
    }
    free(e);
    return rc ? -ENOMEM : 0;
}
