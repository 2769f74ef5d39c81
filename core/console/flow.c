/* SPDX-License-Identifier: Apache-2.0 */
/* flow - see flow.h. */
#include "flow.h"
#include "base/util.h"
#include "journal/journal.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define EDGES_MAX 10000u

static void count(struct flow *f, const char *connector, const char *route, const char *destination)
{
    char key[512];
    int len = snprintf(key, sizeof key, "%.150s\n%.150s\n%.150s", connector, route, destination);
    uintptr_t at = (uintptr_t)map_get(f->index, key, (size_t)len);
    if (at) {
        f->edge[at - 1].n++;
        return;
    }
    void *p = f->edge;
    if (f->n >= EDGES_MAX || grow_array(&p, &f->cap, f->n + 1, sizeof *f->edge) < 0)
        return;
    f->edge = p;
    struct flow_edge *e = &f->edge[f->n];
    *e = (struct flow_edge){strdup(connector), strdup(route), strdup(destination), 1};
    f->n++; /* also half an edge: flow_done() frees it */
    if (!e->connector || !e->route || !e->destination ||
        map_put(f->index, key, (size_t)len, (void *)(uintptr_t)f->n) < 0) {
        f->n--;
        free(e->connector);
        free(e->route);
        free(e->destination);
    }
}

static void on_row(void *arg, const struct journal_row *row)
{
    struct flow *f = arg;
    struct tree *detail = NULL;
    struct err e;
    const char *from = row->connector ? row->connector : "";
    if (!row->event || strcmp(row->event, JOURNAL_ACCEPTED) != 0 || !row->detail ||
        tree_from_json(row->detail, strlen(row->detail), &detail, &e) < 0)
        return;
    const struct tree *to = tree_get(detail, "destinations");
    for (size_t i = 0; tree_is_list(to) && i < to->n; i++) {
        const struct tree *route = tree_get(to->child[i], "route");
        count(f, from, tree_text(route) && !route->plain ? route->text : "",
              tree_gets(to->child[i], "destination", ""));
    }
    tree_free(detail);
}

void flow_done(struct flow *f)
{
    for (size_t i = 0; i < f->n; i++) {
        free(f->edge[i].connector);
        free(f->edge[i].route);
        free(f->edge[i].destination);
    }
    free(f->edge);
    map_free(f->index);
    *f = (struct flow){.n = 0};
}

int flow_read(struct flow *f, const char *dir, uint64_t now_ms, struct err *e)
{
    flow_done(f);
    f->index = map_new(NULL);
    if (!f->index)
        return err_set(e, -ENOMEM, "memory", "out of memory");
    f->until_ms = now_ms;
    f->since_ms = now_ms > FLOW_WINDOW_MS ? now_ms - FLOW_WINDOW_MS : 0;
    int r = journal_recent(dir, f->since_ms, FLOW_ROWS, FLOW_MS, on_row, f, &f->since_ms, e);
    if (r < 0)
        flow_done(f);
    return r;
}

double flow_rate(const struct flow *f, const char *connector, const char *route,
                 const char *destination)
{
    uint64_t n = 0, span = f->until_ms > f->since_ms ? f->until_ms - f->since_ms : 1;
    for (size_t i = 0; i < f->n; i++) {
        const struct flow_edge *e = &f->edge[i];
        if ((!connector || strcmp(e->connector, connector) == 0) &&
            (!route || strcmp(e->route, route) == 0) &&
            (!destination || strcmp(e->destination, destination) == 0))
            n += e->n;
    }
    return (double)n * 60000.0 / (double)span;
}
