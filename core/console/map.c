/* SPDX-License-Identifier: Apache-2.0 */
/* map - the hub as a drawing: parties, the connectors that receive, routes, destinations, and what
 * flows between them. SVG made here; the tables of page_map.c say the same in text.
 *
 * What can flow from a connector to a route depends on the messages; what did in the last minutes
 * is drawn as a line as wide as its rate. From a route to its destinations the configuration is
 * drawn, dashed where nothing flowed. */
#include "console.h"
#include "base/util.h"
#include <stdio.h>
#include <string.h>

#define COLUMNS  4
#define NODES    800u /* more are not drawn */
#define WIDTH    212.0
#define GAP      92.0
#define HEIGHT   66.0
#define PITCH    84.0
#define TOP      34.0
#define EDGE     6.0
#define NAME_LEN 19u
#define SUB_LEN  28u

enum column { PARTY, RECEIVE, ROUTE, DELIVER };

struct node {
    enum column column;
    const char *name, *sub; /* borrowed; sub may be NULL */
    const char *party;      /* of a connector */
    const struct tree *to;  /* of a route */
    double y, order;
};

struct drawing {
    struct ask *a;
    struct html *h;
    const struct tree *part, *status;
    const struct flow *flow;
    struct node *node;
    size_t n, count[COLUMNS];
    double height;
};

static struct node *add_node(struct drawing *d, enum column column, const char *name)
{
    if (d->n == NODES)
        return NULL;
    struct node *x = &d->node[d->n++];
    *x = (struct node){.column = column, .name = name, .order = (double)d->count[column]++};
    return x;
}

static const struct node *find_node(const struct drawing *d, enum column column, const char *name)
{
    for (size_t i = 0; i < d->n; i++)
        if (d->node[i].column == column && strcmp(d->node[i].name, name) == 0)
            return &d->node[i];
    return NULL;
}

static const struct tree *party_of(const struct drawing *d, const char *name)
{
    return tree_named(tree_get(d->part, "parties"), name);
}

/* ---- what is there */

static void add_sources(struct drawing *d)
{
    const struct tree *parties = tree_get(d->part, "parties"),
                      *list = tree_get(d->part, "connectors");
    for (size_t p = 0; tree_is_list(parties) && p < parties->n; p++) {
        const char *party = tree_gets(parties->child[p], "name", "");
        bool has = false;
        for (size_t i = 0; tree_is_list(list) && i < list->n; i++) {
            const struct tree *c = list->child[i];
            if (!tree_get(c, "receive") || strcmp(tree_gets(c, "party", ""), party) != 0)
                continue;
            struct node *x = add_node(d, RECEIVE, tree_gets(c, "name", "?"));
            if (x)
                x->party = party;
            has = true;
        }
        struct node *x = has ? add_node(d, PARTY, party) : NULL;
        if (x)
            x->sub = tree_gets(parties->child[p], "role", NULL);
    }
}

static void add_destinations(struct drawing *d)
{
    const struct tree *list = tree_get(d->part, "connectors"),
                      *queues = tree_get(d->status, "destinations");
    for (size_t i = 0; tree_is_list(list) && i < list->n; i++) {
        const struct tree *c = list->child[i];
        struct node *x =
            tree_get(c, "deliver") ? add_node(d, DELIVER, tree_gets(c, "name", "?")) : NULL;
        if (x)
            x->party = tree_gets(c, "party", "");
    }
    for (size_t i = 0; tree_is_list(queues) && i < queues->n; i++) /* orphans */
        if (!find_node(d, DELIVER, tree_gets(queues->child[i], "name", "")))
            (void)add_node(d, DELIVER, tree_gets(queues->child[i], "name", "?"));
}

static void add_routes(struct drawing *d)
{
    const struct tree *list = tree_get(d->part, "routes"), *rest = tree_get(d->part, "unrouted");
    for (size_t i = 0; tree_is_list(list) && i < list->n; i++) {
        struct node *x = add_node(d, ROUTE, tree_gets(list->child[i], "name", "?"));
        if (x)
            x->to = tree_get(list->child[i], "to");
    }
    if (tree_is_list(rest) && rest->n) {
        struct node *x = add_node(d, ROUTE, "");
        if (x)
            x->to = rest;
    }
}

/* Routes lie where their destinations lie, so that fewer lines cross. */
static void order_routes(struct drawing *d)
{
    for (size_t i = 0; i < d->n; i++) {
        struct node *x = &d->node[i];
        double sum = 0;
        size_t n = 0;
        for (size_t k = 0; x->column == ROUTE && tree_is_list(x->to) && k < x->to->n; k++) {
            const struct node *to = find_node(d, DELIVER, tree_text(x->to->child[k]));
            if (to) {
                sum += to->order;
                n++;
            }
        }
        if (x->column == ROUTE && n)
            x->order = sum / (double)n;
    }
}

static int by_place(const void *a, const void *b)
{
    const struct node *x = a, *y = b;
    if (x->column != y->column)
        return x->column < y->column ? -1 : 1;
    if (x->order < y->order || x->order > y->order)
        return x->order < y->order ? -1 : 1;
    return strcmp(x->name, y->name);
}

static void place_nodes(struct drawing *d)
{
    size_t most = 1, at[COLUMNS] = {0};
    for (size_t i = 0; i < COLUMNS; i++)
        most = d->count[i] > most ? d->count[i] : most;
    d->height = (double)most * PITCH;
    qsort(d->node, d->n, sizeof *d->node, by_place);
    for (size_t i = 0; i < d->n; i++) {
        struct node *x = &d->node[i];
        double step = d->height / (double)d->count[x->column];
        x->y = TOP + step * ((double)at[x->column]++ + 0.5) - HEIGHT / 2;
    }
    /* A party stands in the middle of its connectors. */
    for (size_t i = 0; i < d->n; i++) {
        double sum = 0;
        size_t n = 0;
        for (size_t k = 0; d->node[i].column == PARTY && k < d->n; k++)
            if (d->node[k].column == RECEIVE && strcmp(d->node[k].party, d->node[i].name) == 0) {
                sum += d->node[k].y;
                n++;
            }
        if (n)
            d->node[i].y = sum / (double)n;
    }
}

/* ---- lines */

static double left_of(enum column c)
{
    return EDGE + (double)c * (WIDTH + GAP);
}

/* A little wider with every threefold of the rate. */
static double width_of(double rate)
{
    double width = rate > 0 ? 2.0 : 1.2;
    for (double step = 0.3; step < rate && width < 13; step *= 3)
        width += 1.0;
    return width;
}

static void line(struct drawing *d, double x1, double y1, double x2, double y2, double rate)
{
    double middle = (x1 + x2) / 2, width = width_of(rate);
    html(d->h,
         rate > 0 ? "<path class=\"flow\" stroke-width=\"%.1f\" d=\"M%.1f %.1fC%.1f %.1f %.1f %.1f "
                    "%.1f %.1f\"/>"
                  : "<path class=\"idle\" stroke-width=\"%.1f\" d=\"M%.1f %.1fC%.1f %.1f %.1f %.1f "
                    "%.1f %.1f\"/>",
         width, x1, y1, middle, y1, middle, y2, x2, y2);
}

static void join(struct drawing *d, const struct node *a, const struct node *b, double rate)
{
    line(d, left_of(a->column) + WIDTH, a->y + HEIGHT / 2, left_of(b->column), b->y + HEIGHT / 2,
         rate);
}

/* Connector to route: what was seen; a connector or a route of which nothing was seen has a line to
 * the router between them. */
static void join_router(struct drawing *d, const struct node *x)
{
    double bar = left_of(ROUTE) - GAP / 2, y = x->y + HEIGHT / 2;
    bool any = false;
    for (size_t i = 0; x->column == RECEIVE && i < d->n; i++) {
        const struct node *route = &d->node[i];
        double rate = route->column == ROUTE ? flow_rate(d->flow, x->name, route->name, NULL) : 0;
        if (rate > 0)
            join(d, x, route, rate);
        any = any || rate > 0;
    }
    if (x->column == ROUTE)
        any = flow_rate(d->flow, NULL, x->name, NULL) > 0;
    if (any)
        return;
    if (x->column == RECEIVE)
        line(d, left_of(RECEIVE) + WIDTH, y, bar, y, 0);
    else
        line(d, bar, y, left_of(ROUTE), y, 0);
}

static void draw_lines(struct drawing *d)
{
    html(d->h, "<g aria-hidden=\"true\">");
    if (d->count[ROUTE])
        html(d->h,
             "<rect class=\"router\" x=\"%.1f\" y=\"%.1f\" width=\"6\" height=\"%.1f\" rx=\"3\"/>",
             left_of(ROUTE) - GAP / 2 - 3, TOP + 8, d->height - 16);
    for (size_t i = 0; i < d->n; i++) {
        const struct node *x = &d->node[i];
        const struct node *party = x->column == RECEIVE ? find_node(d, PARTY, x->party) : NULL;
        if (party)
            join(d, party, x, flow_rate(d->flow, x->name, NULL, NULL));
        if (x->column == RECEIVE || x->column == ROUTE)
            join_router(d, x);
        for (size_t k = 0; x->column == ROUTE && tree_is_list(x->to) && k < x->to->n; k++) {
            const char *name = tree_text(x->to->child[k]);
            const struct node *to = name ? find_node(d, DELIVER, name) : NULL;
            bool again = false; /* an ordered choice may name one twice */
            for (size_t m = 0; name && m < k; m++)
                again = again || strcmp(tree_text(x->to->child[m]), name) == 0;
            if (to && !again)
                join(d, x, to, flow_rate(d->flow, NULL, x->name, name));
        }
    }
    html(d->h, "</g>");
}

/* ---- nodes */

/* A mark that differs in shape, not in colour alone: a disc, two bars, a triangle, a ring. */
static void draw_mark(struct drawing *d, const char *kind, double x, double y)
{
    html(d->h, "<g class=\"shape %s\" aria-hidden=\"true\">", kind);
    if (strcmp(kind, "good") == 0)
        html(d->h, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"5\"/>", x, y);
    else if (strcmp(kind, "paused") == 0)
        html(d->h,
             "<rect x=\"%.1f\" y=\"%.1f\" width=\"4\" height=\"11\"/><rect x=\"%.1f\" y=\"%.1f\" "
             "width=\"4\" height=\"11\"/>",
             x - 5, y - 5.5, x + 1, y - 5.5);
    else if (strcmp(kind, "bad") == 0)
        html(d->h, "<path d=\"M%.1f %.1fl7 12h-14z\"/>", x, y - 7);
    else
        html(d->h, "<circle class=\"ring\" cx=\"%.1f\" cy=\"%.1f\" r=\"4\"/>", x, y);
    html(d->h, "</g>");
}

static void third_line(struct drawing *d, const struct node *x, const struct node_state *s)
{
    struct html *h = d->h;
    double rate = x->column == RECEIVE ? flow_rate(d->flow, x->name, NULL, NULL)
                  : x->column == ROUTE ? flow_rate(d->flow, NULL, x->name, NULL)
                                       : flow_rate(d->flow, NULL, NULL, x->name);
    if (x->column == PARTY)
        return;
    if (x->column != ROUTE)
        html(h, "%s, ", s->word);
    if (x->column == DELIVER && s->waiting)
        html(h, "%llu waiting, ", (unsigned long long)s->waiting);
    if (x->column == DELIVER && s->dead)
        html(h, "%llu dead, ", (unsigned long long)s->dead);
    html(h, rate >= 10 || rate <= 0 ? "%.0f/min" : "%.1f/min", rate);
}

static void node_link(struct drawing *d, const struct node *x)
{
    static const char *const keys[] = {"party", "connector", NULL, "destination"};
    int first = 1;
    html(d->h, "<a href=\"" CONSOLE_ROOT "/journal");
    html_query(d->h, keys[x->column], x->name, &first);
    html(d->h, "\">");
}

static void draw_node(struct drawing *d, const struct node *x)
{
    const struct tree *party = party_of(d, x->column == PARTY ? x->name : x->party ? x->party : "");
    const char *title = tree_gets(party, "title", NULL), *name = x->name, *sub = x->sub;
    struct node_state s = {.kind = "good", .word = ""};
    double left = left_of(x->column);
    bool linked = x->column != ROUTE;
    if (x->column == RECEIVE || x->column == DELIVER)
        node_state(d->part, d->status, x->name, x->column == RECEIVE ? "receive" : "deliver", &s);
    if (x->column == PARTY && title)
        name = title;
    if (x->column == DELIVER)
        sub = title ? title : "nobody delivers these";
    if (x->column == RECEIVE)
        sub = s.about;
    if (x->column == ROUTE && !*name)
        name = "no route";
    if (linked)
        node_link(d, x);
    html(d->h, "<g class=\"node %s\"><title>%s</title>", s.kind, name);
    html(d->h, "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" rx=\"9\"/>", left, x->y,
         WIDTH, HEIGHT);
    html(d->h, "<text class=\"name\" x=\"%.1f\" y=\"%.1f\">", left + 14, x->y + 22);
    html_short(d->h, name, NAME_LEN);
    html(d->h, "</text><text class=\"sub\" x=\"%.1f\" y=\"%.1f\">", left + 14, x->y + 39);
    html_short(d->h, sub ? sub : x->column == ROUTE ? "route" : "", SUB_LEN);
    html(d->h, "</text><text class=\"sub\" x=\"%.1f\" y=\"%.1f\">", left + 14, x->y + 56);
    third_line(d, x, &s);
    html(d->h, "</text>");
    if (x->column == RECEIVE || x->column == DELIVER)
        draw_mark(d, s.kind, left + WIDTH - 16, x->y + 17);
    html(d->h, linked ? "</g></a>\n" : "</g>\n");
}

static void draw_all(struct drawing *d)
{
    static const char *const heads[COLUMNS] = {"Parties", "Receive", "Routes", "Deliver"};
    double width = 2 * EDGE + COLUMNS * WIDTH + (COLUMNS - 1) * GAP;
    html(d->h,
         "<div class=\"scroll map\" role=\"region\" aria-label=\"Map\" tabindex=\"0\">"
         "<svg viewBox=\"0 0 %.0f %.0f\" width=\"%.0f\" height=\"%.0f\" role=\"group\" "
         "aria-label=\"Parties, connectors that receive, routes and destinations\">",
         width, d->height + TOP, width, d->height + TOP);
    for (int i = 0; i < COLUMNS; i++)
        html(d->h, "<text class=\"head\" aria-hidden=\"true\" x=\"%.1f\" y=\"18\">%s</text>",
             left_of((enum column)i), heads[i]);
    draw_lines(d);
    for (size_t i = 0; i < d->n; i++)
        draw_node(d, &d->node[i]);
    html(d->h, "</svg></div>");
}

void map_draw(struct ask *a)
{
    struct drawing d = {.a = a,
                        .h = &a->to->h,
                        .part = a->c->part,
                        .status = console_status(a->c),
                        .flow = console_flow(a->c)};
    d.node = xcalloc(NODES, sizeof *d.node);
    if (!d.node)
        return;
    add_sources(&d);
    add_destinations(&d);
    add_routes(&d);
    if (d.n == NODES) {
        frame_note(a, "waiting",
                   "This hub is too large to be drawn; the tables below have it all.");
    } else {
        order_routes(&d);
        place_nodes(&d);
        draw_all(&d);
    }
    free(d.node);
}
