/* SPDX-License-Identifier: Apache-2.0 */
/* status - what the supervisor knows, as one document for `reeve status`. */
#include "sup.h"
#include "base/util.h"
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static int put_time(struct tree *t, const char *key, uint64_t wall)
{
    char text[RFC3339_MAX];
    if (!wall)
        return 0;
    rfc3339_ms(wall, text);
    return tree_puts(t, key, text);
}

/* Rss and Pss of a process from smaps_rollup, in KiB. Absent when it is not ours to read. */
static int put_memory(struct tree *t, pid_t pid)
{
    char path[64], text[4096];
    (void)snprintf(path, sizeof path, "/proc/%d/smaps_rollup", (int)pid);
    _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
    uint64_t kb;
    int r = 0;
    if (n <= 0)
        return 0;
    text[n] = '\0';
    const char *rss = strstr(text, "\nRss:"), *pss = strstr(text, "\nPss:");
    if (rss && sscanf(rss, "\nRss: %" SCNu64, &kb) == 1)
        r = tree_putu(t, "rss_kb", kb);
    if (r == 0 && pss && sscanf(pss, "\nPss: %" SCNu64, &kb) == 1)
        r = tree_putu(t, "pss_kb", kb);
    return r;
}

static int add_alarm(struct tree *list, const char *process, const char *code, const char *text,
                     uint64_t since)
{
    struct tree *t = tree_map();
    int r = t ? 0 : -1;
    if (r == 0 && process)
        r = tree_puts(t, "process", process);
    if (r == 0)
        r = tree_puts(t, "code", code);
    if (r == 0)
        r = tree_puts(t, "text", text);
    if (r == 0)
        r = put_time(t, "since", since);
    if (r != 0) {
        tree_free(t);
        return r;
    }
    return tree_append(list, t);
}

static int put_alarms(struct tree *list, const struct unit *u)
{
    char text[UNIT_REASON + 64];
    int r = 0;
    for (size_t i = 0; r == 0 && i < u->alarms; i++)
        r = add_alarm(list, u->name, u->alarm[i].code, u->alarm[i].text, u->alarm[i].since_ms);
    if (r == 0 && u->restart.state == RESTART_HELD) {
        (void)snprintf(text, sizeof text, "waits for a change of its configuration: %s",
                       u->last_exit);
        r = add_alarm(list, u->name, "process-held", text, u->since_ms);
    } else if (r == 0 && u->restart.state == RESTART_WAITING) {
        (void)snprintf(text, sizeof text, "died and starts again soon: %s", u->last_exit);
        r = add_alarm(list, u->name, "process-failing", text, u->since_ms);
    } else if (r == 0 && u->restart.state == RESTART_STUCK) {
        r = add_alarm(list, u->name, "process-stuck", "is silent and is being ended", u->since_ms);
    }
    return r;
}

static int put_process(struct tree *t, const struct unit *u)
{
    uint64_t now = mono_ms();
    int r = tree_puts(t, "name", u->name);
    if (r == 0)
        r = tree_puts(t, "kind", process_kind_name(u->kind));
    if (r == 0)
        r = tree_puts(t, "state", restart_state_name(u->restart.state));
    if (r == 0 && u->pid)
        r = tree_putu(t, "pid", (uint64_t)u->pid);
    if (r == 0)
        r = put_time(t, "since", u->since_ms);
    if (r == 0)
        r = tree_putu(t, "restarts", u->restarts);
    if (r == 0 && u->last_exit[0])
        r = tree_puts(t, "last_exit", u->last_exit);
    if (r == 0 && u->restart.state == RESTART_WAITING)
        r = tree_putu(t, "next_try_ms", u->restart.timer_ms > now ? u->restart.timer_ms - now : 0);
    if (r == 0 && u->status[0])
        r = tree_puts(t, "status", u->status);
    if (r == 0 && u->paused)
        r = tree_putb(t, "paused", true);
    if (r == 0 && u->counted_ms)
        r = tree_putu(t, "per_minute", u->per_minute);
    if (r == 0 && u->pid)
        r = put_memory(t, u->pid);
    if (r == 0 && u->stats)
        r = tree_put(t, "stats", tree_copy(u->stats));
    return r;
}

static const char *state_name(const struct sup *s)
{
    if (s->state == SUP_ENDING)
        return "draining";
    if (s->state == SUP_LOADING)
        return "starting";
    if (s->reloading)
        return "reloading";
    for (size_t i = 0; i < s->n; i++)
        if (s->unit[i]->restart.state == RESTART_OFF ||
            s->unit[i]->restart.state == RESTART_STARTING)
            return "starting";
    return "running";
}

/* Where it is kept what connectors remember; NULL: in files here. */
static const char *state_store(const struct sup *s)
{
    const char *engine = NULL;
    for (size_t i = 0; i < s->n && !engine; i++)
        engine = tree_gets(s->unit[i]->part, "state/engine", NULL);
    return engine;
}

static int put_head(struct tree *t, const struct sup *s)
{
    int r = tree_putb(t, "ok", true);
    if (r == 0)
        r = tree_putu(t, "format", SUPERVISOR_STATUS_FORMAT);
    if (r == 0)
        r = tree_puts(t, "hub", s->plan->hub);
    if (r == 0)
        r = plan_put_machines(s->plan, t);
    if (r == 0)
        r = tree_puts(t, "state_store", state_store(s));
    if (r == 0)
        r = tree_puts(t, "state", state_name(s));
    if (r == 0)
        r = tree_putu(t, "pid", (uint64_t)getpid());
    if (r == 0)
        r = tree_puts(t, "version", REEVE_VERSION);
    if (r == 0)
        r = tree_puts(t, "config", s->o.config);
    if (r == 0)
        r = tree_puts(t, "data", s->plan->data);
    if (r == 0)
        r = put_time(t, "since", s->start_wall_ms);
    if (r == 0)
        r = put_time(t, "reloaded", s->reload_wall_ms);
    if (r == 0)
        r = tree_putu(t, "uptime_ms", mono_ms() - s->start_ms);
    if (r == 0)
        r = tree_putb(t, "reload_ok", s->reload_error.code[0] == '\0');
    if (r == 0)
        r = put_memory(t, getpid());
    return r;
}

/* What was said last of the queues: the same form as when no hub runs. */
static int put_queues(struct tree *t, const struct sup *s)
{
    const struct unit *u = sup_queues(s);
    const struct tree *queues = u ? tree_get(u->stats, "destinations") : NULL;
    return queues ? tree_put(t, "destinations", tree_copy(queues)) : 0;
}

struct tree *status_make(const struct sup *s)
{
    struct tree *t = tree_map(), *processes = tree_list(), *alarms = tree_list();
    int r = t && processes && alarms ? put_head(t, s) : -1;
    /* In the order of starting: units move about in the array. */
    for (int kind = 0; kind < PROCESS_KINDS; kind++)
        for (size_t i = 0; r == 0 && i < s->n; i++) {
            if ((int)s->unit[i]->kind != kind)
                continue;
            struct tree *p = tree_map();
            r = p ? put_process(p, s->unit[i]) : -1;
            if (r == 0)
                r = tree_append(processes, p);
            else
                tree_free(p);
            if (r == 0)
                r = put_alarms(alarms, s->unit[i]);
        }
    for (size_t i = 0; r == 0 && s->alarms && i < s->alarms->n; i++)
        r = tree_append(alarms, tree_copy(s->alarms->child[i]));
    if (r == 0 && s->reload_error.code[0])
        r = add_alarm(alarms, NULL, s->reload_error.code, s->reload_error.text, s->reload_wall_ms);
    if (r != 0) {
        tree_free(t);
        tree_free(processes);
        tree_free(alarms);
        return NULL;
    }
    r = tree_put(t, "processes", processes);
    if (r == 0)
        r = put_queues(t, s);
    if (tree_put(t, "alarms", alarms) != 0 || r != 0) {
        tree_free(t);
        return NULL;
    }
    return t;
}
