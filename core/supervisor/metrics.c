/* SPDX-License-Identifier: Apache-2.0 */
/* metrics - the status document as OpenMetrics 1.0, or as Prometheus text 0.0.4 for those who read
 * only that.
 *
 * One table (metrics_table.c) says which figure becomes which metric; the writer goes through it
 * family by family, as the format wants all samples of a family together. Labels are names of the
 * configuration (process, connector, destination) and words of closed lists; nothing that travels
 * in a message becomes one. Figures of a process count from its start: the counter's _created says
 * when. A figure that is not there has no sample. */
#include "metrics.h"
#include "plan.h"
#include "view.h"
#include "base/histogram.h"
#include "base/util.h"
#include <stdio.h>
#include <string.h>

#define LABELS_MAX 256

struct writer {
    const struct tree *status;
    bool open_metrics;
    struct buf *out;
    uint64_t start_ms;
    int r; /* the first failure; everything after it does nothing */
};

static void keep(struct writer *w, int r)
{
    if (w->r == 0 && r < 0)
        w->r = r;
}

#define emit(w, ...) keep((w), (w)->r < 0 ? 0 : buf_addf((w)->out, __VA_ARGS__))

/* ---- labels: {a="x",b="y"}, values escaped as both formats want it */

static void add_value(char *out, const char *s)
{
    size_t n = strlen(out);
    for (; *s && n + 3 < LABELS_MAX; s++) {
        if (*s == '\\' || *s == '"' || *s == '\n')
            out[n++] = '\\';
        out[n++] = *s == '\n' ? 'n' : *s;
    }
    out[n] = '\0';
}

static void add_label(char *out, const char *name, const char *value)
{
    char both[LABELS_MAX] = "";
    if (!name)
        return;
    add_value(both, value);
    size_t n = strlen(out);
    (void)snprintf(out + n, LABELS_MAX - n, "%s%s=\"%s\"", n ? "," : "", name, both);
}

/* ---- numbers */

static uint64_t wall_of(const char *text)
{
    int64_t ms = 0;
    return text && rfc3339_parse(text, strlen(text), &ms) == 0 && ms > 0 ? (uint64_t)ms : 0;
}

static void put_ms(struct writer *w, uint64_t ms)
{
    emit(w, "%llu.%03llu", (unsigned long long)(ms / 1000), (unsigned long long)(ms % 1000));
}

static void put_number(struct writer *w, const char *text, enum metric_number number)
{
    int64_t n = 0;
    switch (number) {
    case TIME:
        put_ms(w, wall_of(text));
        return;
    case FLAG:
        emit(w, "%d", strcmp(text, "true") == 0);
        return;
    case UP:
        emit(w, "%d", strcmp(text, "ready") == 0);
        return;
    default:
        break;
    }
    if (parse_i64(text, &n) < 0 || n < 0)
        n = 0;
    if (number == FROM_MS)
        put_ms(w, (uint64_t)n);
    else
        emit(w, "%llu", (unsigned long long)n * (number == FROM_KB ? 1024 : 1));
}

static void put_created(struct writer *w, const char *name, const char *labels, uint64_t created)
{
    if (!w->open_metrics || !created)
        return;
    emit(w, "%s_created%s%s%s ", name, *labels ? "{" : "", labels, *labels ? "}" : "");
    put_ms(w, created);
    emit(w, "\n");
}

static void put_histogram(struct writer *w, const char *name, const char *labels,
                          const struct tree *t, uint64_t created)
{
    const char *comma = *labels ? "," : "", *open = *labels ? "{" : "", *end = *labels ? "}" : "";
    uint64_t sum = 0, n = 0;
    if (!tree_is_list(t) || t->n != HISTOGRAM_BOUNDS + 2)
        return;
    for (size_t i = 0; i <= HISTOGRAM_BOUNDS; i++) {
        int64_t v = 0;
        n += parse_i64(tree_text(t->child[i]) ? tree_text(t->child[i]) : "", &v) == 0 && v > 0
                 ? (uint64_t)v
                 : 0;
        emit(w, "%s_bucket{%s%sle=\"%s\"} %llu\n", name, labels, comma,
             i < HISTOGRAM_BOUNDS ? histogram_le[i] : "+Inf", (unsigned long long)n);
    }
    const char *us = tree_text(t->child[HISTOGRAM_BOUNDS + 1]);
    int64_t v = 0;
    if (us && parse_i64(us, &v) == 0 && v > 0)
        sum = (uint64_t)v;
    emit(w, "%s_count%s%s%s %llu\n", name, open, labels, end, (unsigned long long)n);
    emit(w, "%s_sum%s%s%s %llu.%06llu\n", name, open, labels, end,
         (unsigned long long)(sum / 1000000), (unsigned long long)(sum % 1000000));
    put_created(w, name, labels, created);
}

/* ---- samples */

static void put_series(struct writer *w, const struct metric_family *f,
                       const struct metric_series *s, const struct tree *of, const char *label,
                       const char *value, uint64_t created)
{
    char labels[LABELS_MAX] = "";
    const struct tree *t = tree_at(of, s->path);
    const char *text = tree_text(t), *suffix = f->type == COUNTER ? "_total" : "";
    add_label(labels, label, value);
    add_label(labels, s->name, s->text);
    if (f->type == HISTOGRAM) {
        put_histogram(w, f->name, labels, t, created);
        return;
    }
    if (!text)
        return;
    if (f->type == INFO) {
        add_label(labels, s->path, text);
        emit(w, "%s_info{%s} 1\n", f->name, labels);
        return;
    }
    emit(w, "%s%s%s%s%s ", f->name, suffix, *labels ? "{" : "", labels, *labels ? "}" : "");
    put_number(w, text, f->number);
    emit(w, "\n");
    if (f->type == COUNTER)
        put_created(w, f->name, labels, created);
}

static void put_all_series(struct writer *w, const struct metric_family *f, const struct tree *of,
                           const char *label, const char *value, uint64_t created)
{
    for (size_t i = 0; i < ARRAY_SIZE(f->series) && f->series[i].path; i++)
        put_series(w, f, &f->series[i], of, label, value, created);
}

static void put_list(struct writer *w, const struct metric_family *f, const struct tree *list,
                     const char *label, const char *key, uint64_t created)
{
    for (size_t i = 0; tree_is_list(list) && i < list->n; i++)
        put_all_series(w, f, list->child[i], label, tree_gets(list->child[i], key, ""), created);
}

static void put_process(struct writer *w, const struct metric_family *f, const struct tree *p)
{
    const char *kind = tree_gets(p, "kind", "");
    uint64_t created = tree_getu(p, "stats/started_ms", 0);
    bool queues = process_kind_keeps_queues(kind), door = strcmp(kind, "door") == 0;
    switch (f->over) {
    case EACH_PROCESS:
        put_all_series(w, f, p, "process", tree_gets(p, "name", ""),
                       f->type == HISTOGRAM ? created : w->start_ms);
        break;
    case EACH_SOURCE:
        if (strcmp(kind, "source") == 0)
            put_all_series(w, f, p, "connector", tree_gets(p, "stats/connector", ""), created);
        break;
    case EACH_SINK:
        if (strcmp(kind, "sink") == 0)
            put_all_series(w, f, p, "destination", tree_gets(p, "stats/destination", ""), created);
        break;
    case SPOOL:
        if (queues)
            put_all_series(w, f, p, NULL, NULL, created);
        break;
    case DOOR:
        if (door)
            put_all_series(w, f, p, NULL, NULL, created);
        break;
    case EACH_QUEUE:
        if (queues)
            put_list(w, f, tree_at(p, "stats/destinations"), "destination", "name", created);
        break;
    case EACH_PATH:
        if (door)
            put_list(w, f, tree_at(p, "stats/paths"), "connector", "connector", created);
        break;
    default:
        break;
    }
}

/* How many alarms of one process and code there are, told by the first of them. */
static const char *closed(const char *code)
{
    for (size_t i = 0; alarm_codes[i]; i++)
        if (strcmp(alarm_codes[i], code) == 0)
            return alarm_codes[i];
    return "other";
}

static bool same_alarm(const struct tree *a, const struct tree *b)
{
    return strcmp(tree_gets(a, "process", ""), tree_gets(b, "process", "")) == 0 &&
           strcmp(tree_gets(a, "destination", ""), tree_gets(b, "destination", "")) == 0 &&
           strcmp(closed(tree_gets(a, "code", "")), closed(tree_gets(b, "code", ""))) == 0;
}

static void put_alarms(struct writer *w, const struct metric_family *f)
{
    const struct tree *list = tree_get(w->status, "alarms");
    for (size_t i = 0; tree_is_list(list) && i < list->n; i++) {
        char labels[LABELS_MAX] = "";
        size_t n = 1, k = 0;
        while (k < i && !same_alarm(list->child[k], list->child[i]))
            k++;
        if (k < i)
            continue;
        for (k = i + 1; k < list->n; k++)
            n += same_alarm(list->child[k], list->child[i]);
        add_label(labels, "process", tree_gets(list->child[i], "process", "supervisor"));
        if (tree_gets(list->child[i], "destination", NULL))
            add_label(labels, "destination", tree_gets(list->child[i], "destination", ""));
        add_label(labels, "code", closed(tree_gets(list->child[i], "code", "")));
        emit(w, "%s{%s} %zu\n", f->name, labels, n);
    }
}

/* ---- families */

static void put_head(struct writer *w, const struct metric_family *f)
{
    static const char *const types[] = {"gauge", "counter", "info", "histogram"};
    const char *suffix = "", *type = types[f->type];
    if (!w->open_metrics) {
        suffix = f->type == COUNTER ? "_total" : f->type == INFO ? "_info" : "";
        type = f->type == INFO ? "gauge" : type;
    }
    emit(w, "# HELP %s%s %s\n# TYPE %s%s %s\n", f->name, suffix, f->help, f->name, suffix, type);
    if (w->open_metrics && *f->unit)
        emit(w, "# UNIT %s %s\n", f->name, f->unit);
}

static void put_family(struct writer *w, const struct metric_family *f)
{
    const struct tree *processes = tree_get(w->status, "processes");
    put_head(w, f);
    if (f->over == ALARMS)
        put_alarms(w, f);
    else if (f->over == HUB)
        put_all_series(w, f, w->status, NULL, NULL, w->start_ms);
    for (size_t i = 0; tree_is_list(processes) && i < processes->n; i++)
        put_process(w, f, processes->child[i]);
}

int metrics_write(const struct tree *status, bool open_metrics, struct buf *out)
{
    struct writer w = {.status = status,
                       .open_metrics = open_metrics,
                       .out = out,
                       .start_ms = wall_of(tree_gets(status, "since", NULL))};
    for (const struct metric_family *f = metric_families; w.r == 0 && f->name; f++)
        put_family(&w, f);
    if (open_metrics)
        emit(&w, "# EOF\n");
    return w.r;
}
