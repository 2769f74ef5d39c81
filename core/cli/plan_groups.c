/* SPDX-License-Identifier: Apache-2.0 */
/* plan_groups - see plan_groups.h. */
#include "plan_groups.h"
#include "base/buf.h"
#include "base/util.h"
#include <errno.h>
#include <string.h>

#define GROUPS_MAX   2000 /* ways a message can change */
#define COUNTERS_MAX 100  /* routes, and types, of one way */
#define EXAMPLES     5

struct counter {
    uint64_t n;
    struct tree *what; /* put into the report with "messages" */
};
struct counters {
    struct map *map; /* text -> struct counter */
    uint64_t others; /* beyond the bound */
};
struct group {
    struct counter head;
    struct counters route, type;
    char *example[EXAMPLES];
    size_t examples;
};
struct groups {
    struct map *map; /* text -> struct group */
    uint64_t others;
};

struct plan_groups {
    const struct plan_config *c;
    struct groups moved, held[2];
    uint64_t kind[5];
    struct buf key, key2;
    const char **names; /* scratch, for one message */
};

enum kind { UNROUTABLE, NOT_RECEIVED, ELSEWHERE, NOW_ROUTED, NEWLY_RECEIVED };
static const char *const kind_names[] = {"unroutable", "not_received", "elsewhere", "now_routed",
                                         "newly_received"};

static enum kind kind_of(const struct plan_outcome o[2])
{
    if (o[1].rank == PLAN_NOT_RECEIVED)
        return NOT_RECEIVED;
    if (o[0].rank == PLAN_NOT_RECEIVED)
        return NEWLY_RECEIVED;
    if (o[0].rank == o[1].rank)
        return ELSEWHERE;
    return o[1].rank < o[0].rank ? UNROUTABLE : NOW_ROUTED;
}

static void counter_free(void *p)
{
    struct counter *c = p;
    tree_free(c->what);
    free(c);
}

static void group_free(void *p)
{
    struct group *g = p;
    tree_free(g->head.what);
    map_free(g->route.map);
    map_free(g->type.map);
    for (size_t i = 0; i < g->examples; i++)
        free(g->example[i]);
    free(g);
}

struct plan_groups *plan_groups_new(const struct plan_config c[2])
{
    struct plan_groups *g = xcalloc(1, sizeof(*g));
    if (!g)
        return NULL;
    size_t n = c[0].n > c[1].n ? c[0].n : c[1].n;
    g->c = c;
    buf_init(&g->key, 16u << 20);
    buf_init(&g->key2, 16u << 20);
    g->names = xcalloc(n + 1, sizeof(*g->names));
    g->moved.map = map_new(group_free);
    g->held[0].map = map_new(group_free);
    g->held[1].map = map_new(group_free);
    if (g->names && g->moved.map && g->held[0].map && g->held[1].map)
        return g;
    plan_groups_free(g);
    return NULL;
}

void plan_groups_free(struct plan_groups *g)
{
    if (!g)
        return;
    map_free(g->moved.map);
    map_free(g->held[0].map);
    map_free(g->held[1].map);
    buf_done(&g->key);
    buf_done(&g->key2);
    free(g->names);
    free(g);
}

uint64_t plan_groups_unroutable(const struct plan_groups *g)
{
    return g->kind[UNROUTABLE];
}

/* ---- counting ---- */

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* "RANK a b c ": the same text for the same outcome, whatever the order of the files. */
static int key_of(struct plan_groups *g, int side, const struct plan_outcome *o, struct buf *out)
{
    int rc = buf_addf(out, "%d", (int)o->rank);
    for (size_t i = 0; i < o->n; i++)
        g->names[i] = g->c[side].destination[o->to[i]].name;
    if (o->n)
        qsort(g->names, o->n, sizeof(*g->names), by_name);
    for (size_t i = 0; rc == 0 && i < o->n; i++)
        rc = buf_addf(out, " %s", g->names[i]);
    return rc < 0 ? rc : buf_addc(out, '\n');
}

static struct tree *outcome_tree(struct plan_groups *g, int side, const struct plan_outcome *o)
{
    static const char *const ranks[] = {"not_received", "dropped", "unrouted", "matched"};
    struct tree *t = tree_map(), *list = tree_list();
    struct buf scratch = BUF_INIT(16u << 20);
    int rc = key_of(g, side, o, &scratch) | tree_puts(t, "how", ranks[o->rank]); /* sorts names */
    buf_done(&scratch);
    for (size_t i = 0; rc == 0 && i < o->n; i++)
        rc = tree_appends(list, g->names[i]);
    rc |= tree_put(t, "destinations", list);
    if (rc == 0)
        return t;
    tree_free(t);
    return NULL;
}

/* The routes that name the destinations, each once; of `first` with the alternative taken. */
static int routes_of(struct plan_groups *g, int side, const struct plan_outcome *o, struct buf *out)
{
    const struct plan_config *c = &g->c[side];
    int rc = 0;
    bool any = false;
    for (size_t i = 0; rc == 0 && o->rank == PLAN_MATCHED && i < o->n; i++) {
        bool known = false;
        for (size_t k = 0; k < i; k++)
            known = known || (o->hit[k].route == o->hit[i].route &&
                              o->hit[k].alternative == o->hit[i].alternative);
        if (known)
            continue;
        rc = buf_addf(out, "%s%s", any ? ", " : "", route_name(c->routes, o->hit[i].route));
        if (rc == 0 && o->hit[i].alternative >= 0)
            rc = buf_addf(out, " (alternative %d)", (int)o->hit[i].alternative + 1);
        any = true;
    }
    return rc < 0 || any ? rc : buf_adds(out, "no route");
}

/* Finds or makes; NULL and 0: beyond the bound. */
static int counter_get(struct counters *c, const char *key, size_t len, struct counter **ret)
{
    *ret = NULL;
    if (!c->map && !(c->map = map_new(counter_free)))
        return -ENOMEM;
    *ret = map_get(c->map, key, len);
    if (*ret || map_count(c->map) >= COUNTERS_MAX)
        return 0;
    struct counter *n = xcalloc(1, sizeof(*n));
    if (n && map_put(c->map, key, len, n) == 0) {
        *ret = n;
        return 0;
    }
    free(n);
    return -ENOMEM;
}

static int count(struct counters *c, const char *key, size_t len, struct counter **ret)
{
    int rc = counter_get(c, key, len, ret);
    if (*ret)
        (*ret)->n++;
    else if (rc == 0)
        c->others++;
    return rc;
}

static int count_type(struct group *g, const char *type)
{
    struct counter *n;
    int rc = count(&g->type, type, strlen(type), &n);
    if (!n || n->what)
        return rc;
    n->what = tree_map();
    return n->what ? tree_puts(n->what, "type", type) : -ENOMEM;
}

static int count_route(struct plan_groups *g, struct group *to, const struct plan_outcome o[2])
{
    struct counter *n;
    buf_reset(&g->key2);
    int rc = routes_of(g, 0, &o[0], &g->key2) | buf_addc(&g->key2, '\n');
    size_t split = g->key2.len;
    rc |= routes_of(g, 1, &o[1], &g->key2);
    rc = rc ? -ENOMEM : count(&to->route, g->key2.p, g->key2.len, &n);
    if (rc < 0 || !n || n->what)
        return rc;
    n->what = tree_map();
    g->key2.p[split - 1] = '\0';
    return tree_puts(n->what, "old", g->key2.p) | tree_puts(n->what, "new", g->key2.p + split);
}

static int example(struct group *g, const char *id)
{
    if (g->examples == EXAMPLES)
        return 0;
    g->example[g->examples] = strdup(id);
    return g->example[g->examples] ? (g->examples++, 0) : -ENOMEM;
}

/* The group of a key; NULL and 0: beyond the bound. *ret_new: it has no words yet. */
static int group_get(struct groups *all, const struct buf *key, struct group **ret, bool *ret_new)
{
    *ret = map_get(all->map, key->p, key->len);
    *ret_new = !*ret;
    if (*ret)
        return 0;
    if (map_count(all->map) >= GROUPS_MAX) {
        all->others++;
        return 0;
    }
    struct group *g = xcalloc(1, sizeof(*g));
    if (!g || map_put(all->map, key->p, key->len, g) < 0) {
        free(g);
        return -ENOMEM;
    }
    g->head.what = tree_map();
    *ret = g;
    return g->head.what ? 0 : -ENOMEM;
}

int plan_groups_moved(struct plan_groups *g, const struct plan_outcome o[2], const char *type,
                      const char *id)
{
    struct group *group;
    bool fresh;
    enum kind kind = kind_of(o);
    g->kind[kind]++;
    buf_reset(&g->key);
    if (key_of(g, 0, &o[0], &g->key) < 0 || key_of(g, 1, &o[1], &g->key) < 0)
        return -ENOMEM;
    int rc = group_get(&g->moved, &g->key, &group, &fresh);
    if (rc < 0 || !group)
        return rc;
    group->head.n++;
    if (fresh)
        rc = tree_puts(group->head.what, "change", kind_names[kind]) |
             tree_put(group->head.what, "from", outcome_tree(g, 0, &o[0])) |
             tree_put(group->head.what, "to", outcome_tree(g, 1, &o[1]));
    rc |= count_type(group, type) | count_route(g, group, o) | example(group, id);
    return rc ? -ENOMEM : 0;
}

int plan_groups_held(struct plan_groups *g, enum plan_held what, const struct plan_destination *d,
                     const char *type, const char *id)
{
    struct group *group;
    bool fresh;
    buf_reset(&g->key);
    if (buf_adds(&g->key, d->name) < 0)
        return -ENOMEM;
    int rc = group_get(&g->held[what], &g->key, &group, &fresh);
    if (rc < 0 || !group)
        return rc;
    group->head.n++;
    if (fresh)
        rc = tree_puts(group->head.what, "destination", d->name) |
             tree_puts(group->head.what, "party", d->party ? d->party_name : NULL);
    rc |= count_type(group, type) | example(group, id);
    return rc ? -ENOMEM : 0;
}

/* ---- the result ---- */

struct sorted {
    const struct counter **c;
    const char **key;
    size_t n;
};

static int take(void *arg, const char *key, size_t len, void *value)
{
    struct sorted *s = arg;
    (void)len;
    s->key[s->n] = key;
    s->c[s->n++] = value;
    return 0;
}

/* The most messages first; then as the words have it, so that two runs print the same. */
static void sort(struct sorted *s)
{
    for (size_t i = 1; i < s->n; i++) {
        const struct counter *c = s->c[i];
        const char *key = s->key[i];
        size_t at = i;
        for (; at > 0 && (s->c[at - 1]->n < c->n ||
                          (s->c[at - 1]->n == c->n && strcmp(s->key[at - 1], key) > 0));
             at--) {
            s->c[at] = s->c[at - 1];
            s->key[at] = s->key[at - 1];
        }
        s->c[at] = c;
        s->key[at] = key;
    }
}

/* fn for each value of the map in that order. */
static int each_sorted(const struct map *map, int (*fn)(struct tree *list, const struct counter *c),
                       struct tree *list)
{
    size_t n = map ? map_count(map) : 0;
    struct sorted s = {.c = xcalloc(n + 1, sizeof(*s.c)), .key = xcalloc(n + 1, sizeof(*s.key))};
    int rc = s.c && s.key && list ? 0 : -ENOMEM;
    if (rc == 0 && map)
        (void)map_each(map, take, &s);
    sort(&s);
    for (size_t i = 0; rc == 0 && i < s.n; i++)
        rc = fn(list, s.c[i]);
    free(s.c);
    free(s.key);
    return rc;
}

static int put_counter(struct tree *list, const struct counter *c)
{
    struct tree *t = tree_copy(c->what);
    int rc = tree_putu(t, "messages", c->n);
    return rc | tree_append(list, t);
}

static int put_counters(struct tree *t, const char *name, const struct counters *c)
{
    struct tree *list = tree_list();
    int rc = each_sorted(c->map, put_counter, list);
    if (rc == 0 && c->others) {
        struct tree *x = tree_map();
        rc = tree_putb(x, "others", true) | tree_putu(x, "messages", c->others);
        rc |= tree_append(list, x);
    }
    return rc | tree_put(t, name, list);
}

static int put_group(struct tree *list, const struct counter *head)
{
    const struct group *g = (const struct group *)(const void *)head; /* its first member */
    struct tree *t = tree_copy(head->what), *ids = tree_list();
    int rc = tree_putu(t, "messages", head->n) | put_counters(t, "types", &g->type);
    if (g->route.map)
        rc |= put_counters(t, "routes", &g->route);
    for (size_t i = 0; rc == 0 && i < g->examples; i++)
        rc = tree_appends(ids, g->example[i]);
    rc |= tree_put(t, "examples", ids);
    return rc | tree_append(list, t);
}

static int put_groups(struct tree *t, const char *name, const struct groups *all)
{
    struct tree *list = tree_list();
    int rc = each_sorted(all->map, put_group, list);
    return rc | tree_put(t, name, list);
}

int plan_groups_report(const struct plan_groups *g, struct tree *t)
{
    struct tree *kinds = tree_map();
    int rc = 0;
    for (size_t i = 0; i < ARRAY_SIZE(kind_names); i++)
        rc |= tree_putu(kinds, kind_names[i], g->kind[i]);
    rc |= tree_put(t, "changes", kinds);
    rc |= put_groups(t, "moved", &g->moved);
    rc |= tree_putu(t, "moved_in_other_ways", g->moved.others);
    rc |= put_groups(t, "refused", &g->held[PLAN_REFUSED]);
    rc |= put_groups(t, "waiting", &g->held[PLAN_WAITING]);
    return rc ? -ENOMEM : 0;
}
