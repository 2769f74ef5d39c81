/* SPDX-License-Identifier: Apache-2.0 */
/* alarm - see alarm.h. An alarm is the same as before when its code and what it is about are. */
#include "alarm.h"
#include "base/period.h"
#include "base/util.h"
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const struct tree *find(const struct tree *list, const char *key, const char *value)
{
    for (size_t i = 0; tree_is_list(list) && i < list->n; i++)
        if (strcmp(tree_gets(list->child[i], key, ""), value) == 0)
            return list->child[i];
    return NULL;
}

static struct tree *alarm_new(const char *code, const char *text)
{
    struct tree *t = tree_map();
    if (tree_puts(t, "code", code) < 0 || tree_puts(t, "text", text) < 0) {
        tree_free(t);
        return NULL;
    }
    return t;
}

static int add_queue(struct tree *list, const char *code, const char *name, const char *text)
{
    struct tree *t = alarm_new(code, text);
    if (!t || tree_puts(t, "destination", name) < 0) {
        tree_free(t);
        return -ENOMEM;
    }
    return tree_append(list, t);
}

static int judge_queue(const struct tree *rules, const struct tree *queue, struct tree *list)
{
    const char *name = tree_gets(queue, "name", "?");
    const struct tree *rule = find(tree_get(rules, "queues"), "destination", name);
    uint64_t waiting = tree_getu(queue, "ready", 0) + tree_getu(queue, "delayed", 0) +
                       tree_getu(queue, "inflight", 0),
             oldest = tree_getu(queue, "oldest_ms", 0), most = tree_getu(rule, "oldest_ms", 0);
    char text[400], a[32], b[32];
    if (!tree_getb(queue, "configured", true) && waiting > 0) {
        (void)snprintf(text, sizeof text,
                       "%" PRIu64 " messages wait in %s, which no connector delivers (`reeve queue "
                       "move %s OTHER`, or a connector with `was: %s`)",
                       waiting, name, name, name);
        return add_queue(list, "orphan-queue", name, text);
    }
    if (!most || !waiting || oldest <= most)
        return 0;
    format_duration(oldest, a);
    format_duration(most, b);
    (void)snprintf(text, sizeof text, "the oldest message for %s waits for %s, longer than %s",
                   name, a, b);
    return add_queue(list, "oldest", name, text);
}

static int judge_source(const struct tree *rule, const struct tree *sources, uint64_t now,
                        struct tree *list)
{
    const char *process = tree_gets(rule, "process", "");
    const struct tree *source = find(sources, "process", process);
    struct period every = {.months = (uint32_t)tree_getu(rule, "every_months", 0),
                           .ms = tree_getu(rule, "every_ms", 0)};
    uint64_t heard = tree_getu(source, "heard_ms", 0), grace = tree_getu(rule, "grace_ms", 0),
             from = heard ? heard : tree_getu(source, "watched_ms", 0);
    char text[400], when[RFC3339_MAX];
    if (!from) /* it has not told yet */
        return 0;
    uint64_t due = period_after(from, every);
    if (now <= due || now - due <= grace)
        return 0;
    rfc3339_ms(from, when);
    (void)snprintf(text, sizeof text,
                   "nothing was accepted from %s since %.19sZ%s; expected every %s",
                   tree_gets(rule, "connector", process), when,
                   heard ? "" : ", when it was first looked for", tree_gets(rule, "every", "?"));
    struct tree *t = alarm_new("silent", text);
    if (!t || tree_puts(t, "process", process) < 0 ||
        tree_puts(t, "connector", tree_gets(rule, "connector", process)) < 0) {
        tree_free(t);
        return -ENOMEM;
    }
    return tree_append(list, t);
}

int alarm_judge(const struct tree *rules, const struct tree *queues, const struct tree *sources,
                uint64_t now_ms, struct tree **ret)
{
    const struct tree *silence = tree_get(rules, "sources");
    struct tree *list = tree_list();
    int r = list ? 0 : -ENOMEM;
    for (size_t i = 0; r == 0 && tree_is_list(queues) && i < queues->n; i++)
        r = judge_queue(rules, queues->child[i], list);
    for (size_t i = 0; r == 0 && tree_is_list(silence) && i < silence->n; i++)
        r = judge_source(silence->child[i], sources, now_ms, list);
    if (r < 0) {
        tree_free(list);
        return r;
    }
    *ret = list;
    return 0;
}

static bool same(const struct tree *a, const struct tree *b)
{
    static const char *const keys[] = {"code", "destination", "process"};
    for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
        if (strcmp(tree_gets(a, keys[i], ""), tree_gets(b, keys[i], "")) != 0)
            return false;
    return true;
}

static const struct tree *among(const struct tree *list, const struct tree *alarm)
{
    for (size_t i = 0; list && i < list->n; i++)
        if (same(list->child[i], alarm))
            return list->child[i];
    return NULL;
}

int alarm_follow(const struct tree *before, struct tree *fresh, uint64_t now_ms,
                 void (*fn)(void *arg, const struct tree *alarm, bool over), void *arg)
{
    char now[RFC3339_MAX];
    rfc3339_ms(now_ms, now);
    for (size_t i = 0; i < fresh->n; i++) {
        const struct tree *was = among(before, fresh->child[i]);
        if (tree_puts(fresh->child[i], "since", tree_gets(was, "since", now)) < 0)
            return -ENOMEM;
        if (!was)
            fn(arg, fresh->child[i], false);
    }
    for (size_t i = 0; before && i < before->n; i++)
        if (!among(fresh, before->child[i]))
            fn(arg, before->child[i], true);
    return 0;
}
