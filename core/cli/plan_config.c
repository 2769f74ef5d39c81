/* SPDX-License-Identifier: Apache-2.0 */
/* plan_config - a compiled configuration, ready to send messages through. */
#include "plan.h"
#include "base/util.h"
#include "worker/agreement.h"
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

static const struct tree *part_of(const struct tree *plan, const char *kind, const char *key,
                                  const char *value)
{
    const struct tree *list = tree_get(plan, "processes");
    for (size_t i = 0; list && i < list->n; i++) {
        const struct tree *part = tree_get(list->child[i], "part");
        const char *have = key ? tree_gets(part, key, NULL) : NULL;
        if (strcmp(tree_gets(part, "kind", ""), kind) == 0 &&
            (!key || (have && strcmp(have, value) == 0)))
            return part;
    }
    return NULL;
}

const struct tree *plan_source(const struct plan_config *c, const char *connector,
                               const struct tree *like)
{
    const struct tree *part = part_of(c->plan, "source", "connector", connector);
    const char *path = part ? NULL : tree_gets(like, "path", NULL);
    return path ? part_of(c->plan, "source", "path", path) : part;
}

int plan_destination(const struct plan_config *c, const char *name)
{
    for (size_t i = 0; i < c->n; i++)
        if (strcmp(c->destination[i].name, name) == 0)
            return (int)i;
    return -1;
}

static int open_destinations(struct plan_config *c)
{
    const struct tree *list = tree_get(c->plan, "destinations");
    char today[RFC3339_MAX];
    rfc3339_ms(wall_ms(), today);
    today[10] = '\0';
    c->n = list ? list->n : 0;
    c->destination = xcalloc(c->n + 1, sizeof(*c->destination));
    for (size_t i = 0; c->destination && i < c->n; i++) {
        struct plan_destination *d = &c->destination[i];
        d->name = tree_text(list->child[i]);
        d->party = tree_get(part_of(c->plan, "sink", "destination", d->name), "party");
        d->party_name = tree_gets(d->party, "name", "");
        d->personal = d->party && agreement_covers_personal(d->party, today);
    }
    return c->destination ? 0 : -ENOMEM;
}

static int open_unrouted(struct plan_config *c, const struct tree *part)
{
    const struct tree *to = tree_at(part, "unrouted/to");
    size_t n = tree_is_list(to) ? to->n : 0;
    c->drop = tree_gets(part, "unrouted/drop", NULL);
    c->unrouted = xcalloc(n + 1, sizeof(*c->unrouted));
    for (size_t i = 0; c->unrouted && i < n; i++) {
        int d = plan_destination(c, tree_text(to->child[i]));
        if (d >= 0)
            c->unrouted[c->unrouted_n++] = (uint32_t)d;
    }
    return c->unrouted ? 0 : -ENOMEM;
}

/* Every source has the whole table. A configuration that receives nothing has an empty one. */
static int open_routes(struct plan_config *c, const struct tree *part, struct err *e)
{
    const char **names = xcalloc(c->n + 1, sizeof(*names));
    if (!names)
        return -ENOMEM;
    for (size_t i = 0; i < c->n; i++)
        names[i] = c->destination[i].name;
    int r = route_table_build(tree_get(part, "routes"), names, c->n, &c->routes, e);
    free(names);
    if (r < 0)
        return r;
    c->work = route_work_new(c->routes);
    return c->work ? 0 : -ENOMEM;
}

static char *root_of(const char *config)
{
    struct stat st;
    char *root = strdup(config);
    char *slash = root ? strrchr(root, '/') : NULL;
    if (slash && slash != root && stat(config, &st) == 0 && !S_ISDIR(st.st_mode))
        *slash = '\0';
    return root;
}

int plan_config_open(const char *path, struct tree *plan, struct plan_config *ret, struct err *e)
{
    struct plan_config c = {.path = path, .plan = plan, .hub = tree_gets(plan, "hub", "")};
    const struct tree *part = part_of(plan, "source", NULL, NULL);
    c.root = root_of(tree_gets(plan, "config", ""));
    int r = c.root ? open_destinations(&c) : -ENOMEM;
    if (r == 0)
        r = open_unrouted(&c, part);
    if (r == 0)
        r = open_routes(&c, part, e);
    *ret = c;
    if (r == -ENOMEM)
        (void)err_set(e, r, "out-of-memory", "out of memory");
    return r;
}

void plan_config_done(struct plan_config *c)
{
    route_work_free(c->work);
    route_table_free(c->routes);
    free(c->destination);
    free(c->unrouted);
    free(c->root);
    tree_free(c->plan);
    *c = (struct plan_config){.n = 0};
}
