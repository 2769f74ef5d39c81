/* SPDX-License-Identifier: Apache-2.0 */
/* page_map - the hub as it is now: alarms, the drawing, and the same in tables. */
#include "console.h"
#include "base/util.h"
#include <errno.h>
#include <string.h>

/* ---- alarms */

static uint64_t time_of(const struct tree *t, const char *key)
{
    const char *text = tree_gets(t, key, "");
    int64_t at = 0;
    return rfc3339_parse(text, strlen(text), &at) == 0 && at > 0 ? (uint64_t)at : 0;
}

static void one_alarm(struct ask *a, const struct tree *t)
{
    struct html *h = &a->to->h;
    const char *about =
        tree_gets(t, "destination", tree_gets(t, "connector", tree_gets(t, "process", "the hub")));
    html(h, "<li><b>%s</b> <span class=\"value\">%s</span> <code>%s</code>", about,
         tree_gets(t, "text", ""), tree_gets(t, "code", "?"));
    if (time_of(t, "since")) {
        html(h, ", since ");
        frame_ago(h, a->now_ms, time_of(t, "since"));
    }
    html(h, "</li>");
}

static void alarms(struct ask *a, const struct tree *status)
{
    struct html *h = &a->to->h;
    const struct tree *list = tree_get(status, "alarms");
    size_t n = tree_is_list(list) ? list->n : 0;
    if (n == 0) {
        html(h, "<p class=\"note good\">No alarms.</p>");
        return;
    }
    html(h,
         "<section class=\"alarms\" aria-labelledby=\"alarms\"><h2 id=\"alarms\">%zu %s</h2><ul>",
         n, n == 1 ? "alarm" : "alarms");
    for (size_t i = 0; i < n; i++)
        one_alarm(a, list->child[i]);
    html(h, "</ul></section>");
}

/* ---- tables */

static void begin_table(struct html *h, const char *title, const char *caption,
                        const char *const *heads, size_t n)
{
    html(h,
         "<section><h2>%s</h2><div class=\"scroll\" role=\"region\" aria-label=\"%s\" "
         "tabindex=\"0\">"
         "<table><caption>%s</caption><thead><tr>",
         title, title, caption);
    for (size_t i = 0; i < n; i++)
        html(h,
             heads[i][0] == '#' ? "<th scope=\"col\" class=\"number\">%s</th>"
                                : "<th scope=\"col\">%s</th>",
             heads[i][0] == '#' ? heads[i] + 1 : heads[i]);
    html(h, "</tr></thead><tbody>");
}

static void end_table(struct html *h)
{
    html(h, "</tbody></table></div></section>");
}

static void rate_cell(struct html *h, double rate)
{
    html(h,
         rate >= 10 || rate <= 0 ? "<td class=\"number\">%.0f</td>"
                                 : "<td class=\"number\">%.1f</td>",
         rate);
}

static void name_cell(struct html *h, const char *key, const char *name)
{
    int first = 1;
    html(h, "<tr><th scope=\"row\"><a href=\"" CONSOLE_ROOT "/journal");
    html_query(h, key, name, &first);
    html(h, "\">%s</a></th>", name);
}

static void state_cell(struct html *h, const struct node_state *s)
{
    html(h, "<td><span class=\"mark %s\">%s</span></td>", s->kind, s->word);
}

static void sources(struct ask *a, const struct tree *status, const struct flow *flow)
{
    static const char *const heads[] = {"Connector", "Party", "By", "State", "#Messages a minute"};
    const struct tree *list = tree_get(a->c->part, "connectors");
    struct html *h = &a->to->h;
    begin_table(h, "Receive", "Where documents come in", heads, ARRAY_SIZE(heads));
    for (size_t i = 0; tree_is_list(list) && i < list->n; i++) {
        const struct tree *c = list->child[i];
        const char *name = tree_gets(c, "name", "?");
        struct node_state s;
        if (!tree_get(c, "receive"))
            continue;
        node_state(a->c->part, status, name, "receive", &s);
        name_cell(h, "connector", name);
        html(h, "<td>%s</td><td>%s</td>", tree_gets(c, "party", ""), s.about);
        state_cell(h, &s);
        rate_cell(h, flow_rate(flow, name, NULL, NULL));
        html(h, "</tr>");
    }
    end_table(h);
}

/* "register 4/min, scrutiny" */
static void route_ends(struct html *h, const struct flow *flow, const char *route, bool to)
{
    bool any = false;
    for (size_t i = 0; i < flow->n; i++) {
        const struct flow_edge *e = &flow->edge[i];
        const char *name = to ? e->destination : e->connector;
        bool again = strcmp(e->route, route) != 0;
        for (size_t k = 0; !again && k < i; k++) {
            const struct flow_edge *o = &flow->edge[k];
            again = strcmp(o->route, route) == 0 &&
                    strcmp(to ? o->destination : o->connector, name) == 0;
        }
        if (again)
            continue;
        html(h, any ? ", %s" : "%s", name);
        html(h, " <small>%.1f/min</small>",
             flow_rate(flow, to ? NULL : name, route, to ? name : NULL));
        any = true;
    }
    if (!any)
        html(h, "–");
}

static void one_route(struct ask *a, const struct flow *flow, const char *name,
                      const struct tree *to)
{
    struct html *h = &a->to->h;
    html(h, "<tr><th scope=\"row\">%s</th><td>", *name ? name : "no route");
    for (size_t i = 0; tree_is_list(to) && i < to->n; i++) {
        const char *text = tree_text(to->child[i]);
        bool again = false;
        for (size_t k = 0; text && k < i; k++)
            again = again || strcmp(tree_text(to->child[k]), text) == 0;
        if (text && !again)
            html(h, i ? ", %s" : "%s", text);
    }
    html(h, "</td><td>");
    route_ends(h, flow, name, false);
    html(h, "</td><td>");
    route_ends(h, flow, name, true);
    html(h, "</td>");
    rate_cell(h, flow_rate(flow, NULL, name, NULL));
    html(h, "</tr>");
}

static void routes(struct ask *a, const struct flow *flow)
{
    static const char *const heads[] = {"Route", "May go to", "Came from", "Went to",
                                        "#Messages a minute"};
    const struct tree *list = tree_get(a->c->part, "routes"),
                      *rest = tree_get(a->c->part, "unrouted");
    struct html *h = &a->to->h;
    begin_table(h, "Routes", "Which messages go where", heads, ARRAY_SIZE(heads));
    for (size_t i = 0; tree_is_list(list) && i < list->n; i++)
        one_route(a, flow, tree_gets(list->child[i], "name", "?"), tree_get(list->child[i], "to"));
    if (tree_is_list(rest) && rest->n)
        one_route(a, flow, "", rest);
    end_table(h);
}

static void failure_cell(struct ask *a, const struct tree *queue)
{
    struct html *h = &a->to->h;
    const struct tree *e = tree_get(queue, "last_error");
    html(h, "<td class=\"value\">");
    if (e) {
        html(h, "%s <code>%s</code>", tree_gets(e, "text", ""), tree_gets(e, "code", "?"));
        if (tree_getu(e, "time", 0)) {
            html(h, ", ");
            frame_ago(h, a->now_ms, tree_getu(e, "time", 0));
        }
    }
    html(h, "</td>");
}

/* Where several machines deliver: which of them take from the queue. */
static void takers_cell(struct html *h, const struct tree *machines)
{
    html(h, "<td>");
    for (size_t i = 0; tree_is_list(machines) && i < machines->n; i++)
        html(h, "%s%s%s", i ? ", " : "", tree_gets(machines->child[i], "name", "?"),
             tree_getb(machines->child[i], "paused", false) ? " (paused)" : "");
    html(h, "</td>");
}

static void one_destination(struct ask *a, const struct tree *status, const char *name,
                            const char *party)
{
    struct html *h = &a->to->h;
    const struct tree *q = status_queue(status, name);
    struct node_state s;
    char oldest[32] = "–";
    uint64_t dead = tree_getu(q, "dead", 0), ms = tree_getu(q, "oldest_ms", 0);
    node_state(a->c->part, status, name, "deliver", &s);
    if (ms)
        format_duration(ms, oldest);
    name_cell(h, "destination", name);
    html(h, "<td>%s</td>", party);
    state_cell(h, &s);
    html(h, "<td class=\"number\">%s</td><td class=\"number\">%s</td><td class=\"number\">%s</td>",
         tree_gets(q, "ready", "–"), tree_gets(q, "delayed", "–"), tree_gets(q, "inflight", "–"));
    html(h, "<td class=\"number\">%s</td><td class=\"number\">", oldest);
    if (dead) {
        int first = 1;
        html(h, "<a href=\"" CONSOLE_ROOT "/dead");
        html_query(h, "destination", name, &first);
        html(h, "\">%llu</a></td>", (unsigned long long)dead);
    } else {
        html(h, "%s</td>", tree_gets(q, "dead", "–"));
    }
    failure_cell(a, q);
    if (tree_get(a->c->part, "machine"))
        takers_cell(h, tree_get(q, "machines"));
    html(h, "</tr>");
}

static void destinations(struct ask *a, const struct tree *status)
{
    static const char *const heads[] = {
        "Destination", "Party",         "State",         "#Waiting",     "#Delayed",
        "#Under way",  "#Oldest waits", "#Dead letters", "Last failure", "Taken by"};
    bool several = tree_get(a->c->part, "machine");
    const struct tree *list = tree_get(a->c->part, "connectors"),
                      *queues = tree_get(status, "destinations");
    struct html *h = &a->to->h;
    begin_table(h, "Deliver", "Where messages go, and what waits for it", heads,
                ARRAY_SIZE(heads) - !several);
    for (size_t i = 0; tree_is_list(list) && i < list->n; i++)
        if (tree_get(list->child[i], "deliver"))
            one_destination(a, status, tree_gets(list->child[i], "name", "?"),
                            tree_gets(list->child[i], "party", ""));
    for (size_t i = 0; tree_is_list(queues) && i < queues->n; i++)
        if (!tree_getb(queues->child[i], "configured", true))
            one_destination(a, status, tree_gets(queues->child[i], "name", "?"), "–");
    end_table(h);
}

static void one_process(struct ask *a, const struct tree *t)
{
    struct html *h = &a->to->h;
    const char *state = tree_gets(t, "state", "?");
    uint64_t kb = tree_getu(t, "pss_kb", tree_getu(t, "rss_kb", 0));
    bool paused = tree_getb(t, "paused", false);
    const char *holder = tree_gets(t, "stats/lease/holder", "");
    html(h, "<tr><th scope=\"row\">%s</th><td><span class=\"mark %s\">%s</span></td>",
         tree_gets(t, "name", "?"),
         paused                        ? "paused"
         : strcmp(state, "ready") == 0 ? "good"
                                       : "waiting",
         paused ? "paused" : state);
    html(h, "<td class=\"number\">%s</td><td class=\"number\">%s</td><td>",
         tree_gets(t, "pid", "–"), tree_gets(t, "restarts", "0"));
    if (time_of(t, "since"))
        frame_ago(h, a->now_ms, time_of(t, "since"));
    html(h, "</td><td class=\"number\">");
    if (kb)
        html(h, "%.1f MB", (double)kb / 1024);
    html(h, "</td><td class=\"value\">%s", tree_gets(t, "last_exit", tree_gets(t, "status", "")));
    if (tree_getb(t, "stats/lease/held", false))
        html(h, "polls");
    else if (tree_at(t, "stats/lease"))
        html(h, "waits: %s polls", *holder ? holder : "nobody");
    html(h, "</td></tr>");
}

static void processes(struct ask *a, const struct tree *status)
{
    static const char *const heads[] = {"Process", "State",   "#Pid", "#Restarts",
                                        "Since",   "#Memory", "Said"};
    const struct tree *list = tree_get(status, "processes");
    struct html *h = &a->to->h;
    begin_table(h, "Processes", "What the supervisor watches", heads, ARRAY_SIZE(heads));
    for (size_t i = 0; tree_is_list(list) && i < list->n; i++)
        one_process(a, list->child[i]);
    end_table(h);
}

/* ---- the page */

static void heading(struct ask *a, const struct tree *status)
{
    struct html *h = &a->to->h;
    const char *machine = tree_gets(status, "machine", NULL);
    html(h, "<p class=\"lead\">The hub is <b>%s</b>", tree_gets(status, "state", "not known"));
    if (machine)
        html(h, " on %s", machine);
    if (time_of(status, "since")) {
        html(h, ", started ");
        frame_ago(h, a->now_ms, time_of(status, "since"));
    }
    if (time_of(status, "reloaded")) {
        html(h, ", reloaded ");
        frame_ago(h, a->now_ms, time_of(status, "reloaded"));
    }
    html(h, ", version %s.</p>", tree_gets(status, "version", "?"));
}

static void key(struct ask *a, const struct flow *flow)
{
    struct html *h = &a->to->h;
    char d[32];
    format_duration((flow->until_ms - flow->since_ms + 30000) / 60000 * 60000, d);
    if (flow->until_ms - flow->since_ms < 60000)
        format_duration(flow->until_ms - flow->since_ms, d);
    html(h,
         "<p class=\"key\">A line is as wide as what flowed in the last %s; dashed: nothing did. "
         "<span class=\"mark good\">works</span> <span class=\"mark paused\">paused</span> "
         "<span class=\"mark bad\">alarm</span> <span class=\"mark waiting\">off, or not "
         "ready</span>"
         "</p>",
         d);
}

void page_map(struct ask *a)
{
    struct html *h = &a->to->h;
    const struct tree *status = console_status(a->c);
    const struct flow *flow = console_flow(a->c);
    frame_begin(a, "Map");
    html(h, "<h1>What passes through %s</h1><div data-live=\"map\">", a->c->hub);
    if (status) {
        heading(a, status);
        alarms(a, status);
    } else {
        frame_note(a, "bad", a->c->status_error.text);
    }
    map_draw(a);
    key(a, flow);
    destinations(a, status);
    sources(a, status, flow);
    routes(a, flow);
    processes(a, status);
    html(h, "</div>");
    frame_end(a);
}
