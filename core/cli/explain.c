/* SPDX-License-Identifier: Apache-2.0 */
/* explain - see explain.h. */
#include "explain.h"
#include "base/util.h"
#include "routing/route.h"
#include <errno.h>
#include <string.h>

struct table {
    struct route_table *routes;
    struct route_work *work;
    const char **names;
    size_t n;
};

static void table_done(struct table *t)
{
    route_work_free(t->work);
    route_table_free(t->routes);
    free(t->names);
}

static int table_open(const struct tree *part, struct table *ret, struct err *e)
{
    const struct tree *names = tree_get(part, "destinations");
    struct table t = {.n = tree_is_list(names) ? names->n : 0};
    t.names = xcalloc(t.n + 1, sizeof(*t.names));
    if (!t.names)
        return err_set(e, -ENOMEM, "out-of-memory", "out of memory");
    for (size_t i = 0; i < t.n; i++)
        t.names[i] = tree_text(names->child[i]);
    int rc = route_table_build(tree_get(part, "routes"), t.names, t.n, &t.routes, e);
    if (rc == 0 && !(t.work = route_work_new(t.routes)))
        rc = err_set(e, -ENOMEM, "out-of-memory", "out of memory");
    if (rc < 0) {
        table_done(&t);
        return rc;
    }
    *ret = t;
    return 0;
}

void explained_done(struct explained *x)
{
    tree_free(x->destinations);
    *x = (struct explained){0};
}

/* Adds one to the number of messages for a destination. */
static int count_destination(struct tree *map, const char *name)
{
    for (size_t i = 0; i < map->n; i++) {
        if (strcmp(tree_text(map->key[i]), name) != 0)
            continue;
        struct tree *more =
            tree_scalarf(true, "%llu", (unsigned long long)tree_getu(map, name, 0) + 1);
        if (!more)
            return -ENOMEM;
        tree_free(map->child[i]);
        map->child[i] = more;
        return 0;
    }
    return tree_putu(map, name, 1);
}

/* The destinations of one message: by the routes, else those for unrouted ones. NULL: out of
 * memory. */
static struct tree *destinations_of(const struct tree *part, struct table *t,
                                    const struct dry_message *m, bool *ret_unrouted)
{
    const struct route_hit *hits = NULL;
    size_t n = route_eval(t->routes, t->work, m->attributes, m->attributes_n, &hits);
    struct tree *list = tree_list();
    int rc = list ? 0 : -ENOMEM;
    for (size_t i = 0; rc == 0 && i < n; i++)
        rc = tree_appends(list, t->names[hits[i].destination]);
    const struct tree *to = tree_at(part, "unrouted/to");
    for (size_t i = 0; rc == 0 && n == 0 && tree_is_list(to) && i < to->n; i++)
        rc = tree_appends(list, tree_text(to->child[i]));
    if (rc == 0 && n == 0 && tree_text(to))
        rc = tree_appends(list, tree_text(to));
    if (rc < 0) {
        tree_free(list);
        return NULL;
    }
    *ret_unrouted = n == 0;
    return list;
}

int explain_document(const struct tree *part, struct dry *d, const struct document_file *f,
                     const char *content_type,
                     int (*per_message)(void *arg, const struct dry_message *m, struct tree *routes,
                                        struct tree *destinations, bool unrouted),
                     void *arg, struct explained *ret, struct err *e)
{
    struct table t = {0};
    struct dry_message m;
    int rc = table_open(part, &t, e);
    if (rc < 0)
        return rc;
    document_read(d, f, content_type);
    struct explained x = {
        .outcome = dry_outcome(d), .refused = d->result.refused, .dropped = d->result.dropped};
    x.destinations = tree_map();
    rc = x.destinations ? 0 : -ENOMEM;
    while (rc == 0 && x.outcome != DRY_FAILED && (rc = dry_next(d, &m, e)) > 0) {
        bool unrouted = false;
        struct tree *to = destinations_of(part, &t, &m, &unrouted), *routes = NULL;
        rc = to ? 0 : -ENOMEM;
        for (size_t i = 0; rc == 0 && i < to->n; i++)
            rc = count_destination(x.destinations, tree_text(to->child[i]));
        x.accepted++;
        x.unrouted += unrouted;
        if (rc == 0 && per_message) {
            rc = route_explain(t.routes, t.work, m.attributes, m.attributes_n, &routes);
            rc = rc < 0 ? rc : per_message(arg, &m, TAKE_PTR(routes), TAKE_PTR(to), unrouted);
        }
        tree_free(routes);
        tree_free(to);
    }
    table_done(&t);
    if (rc < 0) {
        explained_done(&x);
        return err_set(e, rc, "explain", "it cannot be explained: %s", strerror(-rc));
    }
    *ret = x;
    return 0;
}
