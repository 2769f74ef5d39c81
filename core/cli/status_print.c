/* SPDX-License-Identifier: Apache-2.0 */
/* status_print - the people's form of `reeve status`: processes, queues, alarms. Texts from outside
 * are escaped. */
#include "cli.h"
#include "base/util.h"
#include <stdarg.h>
#include <string.h>

struct paint {
    FILE *out;
    bool colours;
};

#define RED    "31"
#define YELLOW "33"
#define GREEN  "32"
#define BOLD   "1"
#define BAR    10

static void painted(const struct paint *p, const char *colour, const char *text, int width)
{
    if (p->colours && colour)
        fprintf(p->out, "\033[%sm%-*s\033[0m", colour, width, text);
    else
        fprintf(p->out, "%-*s", width, text);
}

static void painted_line(const struct paint *p, const char *colour, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
static void painted_line(const struct paint *p, const char *colour, const char *fmt, ...)
{
    va_list ap;
    if (p->colours)
        fprintf(p->out, "\033[%sm", colour);
    va_start(ap, fmt);
    (void)vfprintf(p->out, fmt, ap);
    va_end(ap);
    if (p->colours)
        fputs("\033[0m", p->out);
}

static const char *shown(char *out, size_t cap, const char *text)
{
    out[0] = '\0';
    return escape_text(out, cap, text, strlen(text));
}

static const char *duration(char out[32], uint64_t ms)
{
    if (!ms)
        return "-";
    format_duration(ms, out);
    return out;
}

static const char *age(char out[32], uint64_t then_ms)
{
    uint64_t now = wall_ms();
    if (!then_ms)
        return "-";
    format_duration(now > then_ms ? now - then_ms : 0, out);
    return out;
}

static const char *age_of(char out[32], const char *rfc3339)
{
    int64_t t = 0;
    if (!rfc3339 || rfc3339_parse(rfc3339, strlen(rfc3339), &t) < 0 || t < 0)
        return "-";
    return age(out, (uint64_t)t);
}

static const char *state_colour(const char *state)
{
    if (strcmp(state, "ready") == 0)
        return GREEN;
    return strcmp(state, "starting") == 0 || strcmp(state, "draining") == 0 ? YELLOW : RED;
}

static int longest(const struct tree *list, const char *key, int least)
{
    size_t n = (size_t)least;
    for (size_t i = 0; list && i < list->n; i++) {
        size_t len = strlen(tree_gets(list->child[i], key, ""));
        n = len > n ? len : n;
    }
    return n > 60 ? 60 : (int)n;
}

/* Only one machine at a time polls a source. */
static void print_lease(const struct paint *p, const struct tree *lease)
{
    char text[800];
    const char *holder = tree_gets(lease, "holder", "");
    if (!lease)
        return;
    if (tree_getb(lease, "held", false))
        fputs("  polls", p->out);
    else if (*holder)
        fprintf(p->out, "  waits: %s polls", shown(text, sizeof text, holder));
    else
        painted(p, YELLOW, "  waits: nobody polls", 0);
}

static void print_processes(const struct paint *p, const struct tree *list)
{
    char a[32], text[800];
    int w = longest(list, "name", 8);
    if (!list || !list->n)
        return;
    painted_line(p, BOLD, "\n%-*s  %-8s %-8s %8s %10s %9s %8s\n", w, "PROCESS", "STATE", "PID",
                 "RESTARTS", "SINCE", "MEMORY", "A MINUTE");
    for (size_t i = 0; i < list->n; i++) {
        const struct tree *t = list->child[i];
        const char *state = tree_gets(t, "state", "?");
        char memory[32] = "-";
        uint64_t kb = tree_getu(t, "pss_kb", tree_getu(t, "rss_kb", 0));
        if (kb)
            (void)snprintf(memory, sizeof memory, "%.1f MB", (double)kb / 1024);
        fprintf(p->out, "%-*s  ", w, shown(text, sizeof text, tree_gets(t, "name", "?")));
        painted(p, state_colour(state), state, 8);
        fprintf(p->out, " %-8s %8s %10s %9s %8s", tree_gets(t, "pid", "-"),
                tree_gets(t, "restarts", "0"), age_of(a, tree_gets(t, "since", NULL)), memory,
                tree_gets(t, "per_minute", "-"));
        if (tree_getb(t, "paused", false))
            painted(p, YELLOW, "  paused", 0);
        if (*tree_gets(t, "status", ""))
            fprintf(p->out, "  %s", shown(text, sizeof text, tree_gets(t, "status", "")));
        print_lease(p, tree_at(t, "stats/lease"));
        fputc('\n', p->out);
        if (strcmp(state, "ready") != 0 && *tree_gets(t, "last_exit", ""))
            fprintf(p->out, "%*s  last: %s\n", w, "",
                    shown(text, sizeof text, tree_gets(t, "last_exit", "")));
    }
}

/* How many of BAR cells stand for n messages of at most `most`: by powers, so that ten in a queue
 * for a million are seen, and only a full one is full. */
static unsigned bar_cells(uint64_t n, uint64_t most)
{
    unsigned bits = 0, all = 0;
    if (n >= most)
        return n ? BAR : 0;
    for (; n >> bits; bits++)
        ;
    for (; most >> all; all++)
        ;
    unsigned cells = (bits * BAR + all - 1) / all;
    return cells < BAR ? cells : BAR - 1;
}

static void print_bar(const struct paint *p, const struct tree *t)
{
    uint64_t n = tree_getu(t, "ready", 0) + tree_getu(t, "delayed", 0) +
                 tree_getu(t, "inflight", 0),
             most = tree_getu(t, "limit_messages", 0);
    char bar[BAR + 1] = "";
    most = most ? most : 1000000;
    unsigned cells = bar_cells(n, most);
    for (unsigned i = 0; i < BAR; i++)
        bar[i] = i < cells ? '#' : '.';
    painted(p, n >= most / 10 * 9 ? RED : n >= most / 2 ? YELLOW : cells ? GREEN : NULL, bar, BAR);
}

/* Which machines take from it, where several do. */
static void print_takers(const struct paint *p, const struct tree *list, int w)
{
    char text[800];
    for (size_t i = 0; list && i < list->n; i++) {
        if (i == 0)
            fprintf(p->out, "%*s  taken by ", w, "");
        fprintf(p->out, "%s%s", i ? ", " : "",
                shown(text, sizeof text, tree_gets(list->child[i], "name", "?")));
        if (tree_getb(list->child[i], "paused", false))
            painted(p, YELLOW, " (paused)", 0);
    }
    if (list && list->n)
        fputc('\n', p->out);
}

static void print_queue(const struct paint *p, const struct tree *t, int w)
{
    char a[32], text[800];
    uint64_t dead = tree_getu(t, "dead", 0);
    fprintf(p->out, "%-*s  ", w, shown(text, sizeof text, tree_gets(t, "name", "?")));
    print_bar(p, t);
    /* a dash: the engine cannot tell (transport.h) */
    fprintf(p->out, " %8s %8s %9s ", tree_gets(t, "ready", "-"), tree_gets(t, "delayed", "-"),
            tree_gets(t, "inflight", "-"));
    (void)snprintf(text, sizeof text, "%6s", tree_gets(t, "dead", "0"));
    painted(p, dead ? RED : NULL, text, 6);
    fprintf(p->out, " %12s",
            tree_get(t, "oldest_ms") ? duration(a, tree_getu(t, "oldest_ms", 0)) : "-");
    if (!tree_getb(t, "configured", true))
        painted(p, RED, "  orphan: no connector delivers these", 0);
    if (tree_getb(t, "paused", false))
        painted(p, YELLOW, "  paused", 0);
    fputc('\n', p->out);
    print_takers(p, tree_get(t, "machines"), w);
    const char *why = tree_gets(t, "last_error/text", NULL);
    if (why)
        fprintf(p->out, "%*s  last failure: %s (%s)\n", w, "", shown(text, sizeof text, why),
                tree_gets(t, "last_error/code", "?"));
}

static void print_queues(const struct paint *p, const struct tree *list)
{
    int w = longest(list, "name", 11);
    if (!list || !list->n)
        return;
    painted_line(p, BOLD, "\n%-*s  %-*s %8s %8s %9s %6s %12s\n", w, "DESTINATION", BAR, "QUEUE",
                 "WAITING", "DELAYED", "UNDER WAY", "DEAD", "OLDEST");
    for (size_t i = 0; i < list->n; i++)
        print_queue(p, list->child[i], w);
}

static void print_alarms(const struct paint *p, const struct tree *list)
{
    char a[32], text[800];
    if (!list || !list->n)
        return;
    fputc('\n', p->out);
    for (size_t i = 0; i < list->n; i++) {
        const struct tree *t = list->child[i];
        painted(p, RED, "ALARM", 0);
        fprintf(p->out, " %s: %s [%s]", tree_gets(t, "destination", tree_gets(t, "process", "hub")),
                shown(text, sizeof text, tree_gets(t, "text", "")), tree_gets(t, "code", "?"));
        if (tree_gets(t, "since", NULL))
            fprintf(p->out, ", for %s", age_of(a, tree_gets(t, "since", NULL)));
        fputc('\n', p->out);
    }
}

int status_print(const struct tree *status, FILE *out, bool colours)
{
    struct paint p = {.out = out, .colours = colours};
    const struct tree *alarms = tree_get(status, "alarms");
    char a[32], text[800];
    const char *state = tree_gets(status, "state", "?");
    painted(&p, BOLD, shown(text, sizeof text, tree_gets(status, "hub", "hub")), 0);
    if (tree_gets(status, "machine", NULL))
        fprintf(out, " on %s", shown(text, sizeof text, tree_gets(status, "machine", "")));
    fputs(" is ", out);
    painted(&p, strcmp(state, "running") == 0 ? GREEN : YELLOW, state, 0);
    if (tree_gets(status, "since", NULL))
        fprintf(out, ", started %s ago, pid %s", age_of(a, tree_gets(status, "since", NULL)),
                tree_gets(status, "pid", "?"));
    fprintf(out, ", data in %s\n", shown(text, sizeof text, tree_gets(status, "data", "?")));
    print_processes(&p, tree_get(status, "processes"));
    print_queues(&p, tree_get(status, "destinations"));
    print_alarms(&p, alarms);
    return alarms && alarms->n ? CLI_FAILED : CLI_OK;
}
