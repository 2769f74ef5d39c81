/* SPDX-License-Identifier: Apache-2.0 */
/* reload - from one plan to the next, and the order in which processes end and start.
 *
 * Order: what is to end goes first (door, then sources, sinks, who keeps the queues), and only when
 * all of it is gone what is new starts (the queues, then sinks, sources, door); so a cursor, a
 * queue and a listening address never have two owners. Processes that did not change run on.
 * Everything that can fail is done before anything is changed. */
#include "sup.h"
#include "queues.h"
#include "base/log.h"
#include "base/util.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define QUEUES_DRAIN_MS 10000u
#define SETTLE_LIMIT_MS 60000u
#define QUEUES_WAIT_MS  5000u

/* ---- starting and ending */

static bool gone(const struct unit *u)
{
    return u->restart.state == RESTART_DONE;
}

static void remove_unit(struct sup *s, size_t i)
{
    unit_free(s->unit[i]);
    s->unit[i] = s->unit[--s->n];
    s->unit[s->n] = NULL;
}

/* Those that have left become what they are to be, or are forgotten. */
static void collect(struct sup *s)
{
    for (size_t i = s->n; s->state != SUP_ENDING && i-- > 0;) {
        struct unit *u = s->unit[i];
        if (!u->leaving || !gone(u))
            continue;
        if (u->next_part)
            unit_become(u);
        else
            remove_unit(s, i);
    }
}

static uint64_t drain_time(const struct sup *s, const struct unit *u)
{
    uint64_t now = mono_ms();
    if (process_keeps_queues(u->kind))
        return QUEUES_DRAIN_MS;
    if (s->state != SUP_ENDING)
        return s->o.drain_ms;
    return s->drain_end_ms > now + 1000 ? s->drain_end_ms - now : 1000;
}

/* Tells the last in the order of starting to end. True: something is still on its way out. */
static bool end_some(struct sup *s)
{
    for (int kind = PROCESS_KINDS - 1; kind >= 0; kind--) {
        bool any = false;
        for (size_t i = 0; i < s->n; i++) {
            struct unit *u = s->unit[i];
            if (!u->leaving || (int)u->kind != kind || gone(u))
                continue;
            /* Whoever is still connected then stays, and connects again to what comes after it. */
            u->at_once = process_keeps_queues(u->kind) && s->state != SUP_ENDING;
            if (u->restart.state != RESTART_DRAINING)
                unit_event(u, &s->env, RESTART_DRAIN, drain_time(s, u));
            any = any || !gone(u);
        }
        if (any)
            return true;
    }
    return false;
}

static bool gate_open(const struct sup *s, enum process_kind kind)
{
    for (size_t i = 0; i < s->n; i++)
        if (s->unit[i]->kind < kind &&
            !unit_settled(s->unit[i], process_keeps_queues(s->unit[i]->kind)))
            return false;
    return true;
}

void sup_advance(struct sup *s)
{
    bool busy = end_some(s);
    collect(s);
    if (busy || s->state != SUP_RUNNING)
        return;
    for (size_t i = 0; i < s->n; i++)
        if (s->unit[i]->restart.state == RESTART_OFF && gate_open(s, s->unit[i]->kind))
            unit_event(s->unit[i], &s->env, RESTART_START, 0);
}

/* ---- changing over */

struct change {
    struct unit *old, *fresh; /* changed: both; new: fresh; removed: old */
    bool kick; /* unchanged, but waits for something: a reload is a reason to try again */
};

struct change_list {
    struct sup *s;
    struct tree *report; /* {"changed": [], "new": [], "removed": [], "unchanged": n} */
    struct change *c;
    size_t n;
    uint64_t unchanged;
};

static int note(struct change_list *l, const char *key, const char *name)
{
    for (size_t i = 0; i < l->report->n; i++)
        if (strcmp(l->report->key[i]->text, key) == 0)
            return tree_appends(l->report->child[i], name);
    return -ENOENT;
}

static int prepare_one(void *arg, enum plan_change change, const struct plan_process *p)
{
    struct change_list *l = arg;
    struct change *c = &l->c[l->n];
    int r = 0;
    if (change != PLAN_NEW)
        c->old = sup_find(l->s, p->name);
    if (change == PLAN_SAME) {
        l->unchanged++;
        c->kick = true;
    } else if (change == PLAN_REMOVED) {
        r = note(l, "removed", p->name);
    } else {
        c->fresh = unit_new(p);
        r = c->fresh ? note(l, change == PLAN_NEW ? "new" : "changed", p->name) : -ENOMEM;
    }
    l->n++;
    return r;
}

static int prepare(struct change_list *l, const struct plan *next, struct err *e)
{
    static const char *const keys[] = {"changed", "new", "removed"};
    size_t most = l->s->n + next->n;
    int r = 0;
    l->report = tree_map();
    l->c = xcalloc(most ? most : 1, sizeof *l->c);
    if (!l->report || !l->c ||
        grow_array((void **)&l->s->unit, &l->s->cap, most, sizeof(struct unit *)) < 0)
        return err_set(e, -ENOMEM, "memory", "out of memory");
    for (size_t i = 0; r == 0 && i < ARRAY_SIZE(keys); i++)
        r = tree_put(l->report, keys[i], tree_list());
    if (r == 0)
        r = plan_diff(l->s->plan, next, prepare_one, l);
    if (r == 0)
        r = tree_putu(l->report, "unchanged", l->unchanged);
    return r == 0 ? 0 : err_set(e, r, "memory", "out of memory");
}

static void apply(struct change_list *l)
{
    struct sup *s = l->s;
    for (size_t i = 0; i < l->n; i++) {
        struct change *c = &l->c[i];
        if (c->old && c->fresh)
            unit_replace(c->old, TAKE_PTR(c->fresh));
        else if (c->fresh)
            s->unit[s->n++] = TAKE_PTR(c->fresh);
        else if (c->old && !c->kick)
            c->old->leaving = true;
        else if (c->old && (c->old->restart.state == RESTART_HELD ||
                            c->old->restart.state == RESTART_WAITING))
            unit_event(c->old, &s->env, RESTART_START, 0);
    }
}

static void change_list_done(struct change_list *l)
{
    for (size_t i = 0; i < l->n; i++)
        unit_free(l->c[i].fresh);
    free(l->c);
    tree_free(l->report);
}

/* What waits in the queues, as far as it is known; NULL: it is not. */
static const struct tree *queues_now(const struct sup *s)
{
    const struct unit *u = sup_queues(s);
    if (!u || u->restart.state != RESTART_UP || u->stats_asked)
        return NULL;
    return tree_get(u->stats, "destinations");
}

static int change_over(struct sup *s, struct plan *next, struct err *e)
{
    struct change_list l = {.s = s};
    int r = s->plan ? plan_may_follow(s->plan, next, e) : 0;
    if (r == 0 && s->plan)
        r = queues_allow(queues_now(s), s->plan, next, e);
    if (r == 0)
        r = prepare(&l, next, e);
    if (r == 0) {
        apply(&l);
        plan_free(s->plan);
        s->plan = next;
        sup_log_follow(s);
        s->reload_report = TAKE_PTR(l.report);
    }
    change_list_done(&l);
    return r;
}

/* ---- the compiler's answer */

static void first_plan(struct sup *s, struct plan *plan, struct err *e)
{
    int r = data_dir_open(plan, false, &s->lock_fd, e);
    if (r == 0)
        r = change_over(s, plan, e);
    if (r < 0) {
        plan_free(plan);
    } else {
        s->state = SUP_RUNNING;
        r = control_open(s, e);
        tree_free(TAKE_PTR(s->reload_report));
    }
    if (r < 0) {
        log_error(e->code, NULL, "%s", e->text);
        s->exit_code = 1;
        s->state = SUP_ENDING;
        for (size_t i = 0; i < s->n; i++)
            s->unit[i]->leaving = true;
        return;
    }
    log_info("hub-starts", NULL, "%s, %zu processes, data in %s", s->plan->hub, s->n,
             s->plan->data);
}

static void reload_failed(struct sup *s, const struct err *e)
{
    log_error("reload-failed", NULL, "%s: %s (nothing was changed)", e->code, e->text);
    s->reload_error = *e;
    s->reload_wall_ms = wall_ms();
    s->reloading = false;
    control_reload_done(s, s->compile ? compile_diagnostics(s->compile) : "");
}

void reload_compiled(struct sup *s)
{
    struct err e;
    struct plan *plan = NULL;
    int r = compile_result(s->compile, &plan, &e);
    if (s->state == SUP_LOADING) {
        if (r == 0) {
            first_plan(s, plan, &e);
        } else {
            log_error(e.code, NULL, "%s", e.text);
            s->exit_code = 1;
            s->state = SUP_ENDING;
        }
    } else if (s->state == SUP_RUNNING && r == 0) {
        /* What waits in the queues is asked now: it was another time when the reload began. */
        s->next = plan;
        s->next_end_ms = mono_ms() + QUEUES_WAIT_MS;
        sup_ask_stats(s);
    } else if (s->state == SUP_RUNNING) {
        reload_failed(s, &e);
    } else {
        plan_free(plan);
    }
    compile_free(TAKE_PTR(s->compile));
    sup_advance(s);
}

/* The compiled plan waits for the queues' figures; then it comes into force, or does not. */
static void take_next(struct sup *s)
{
    const struct unit *u = sup_queues(s);
    struct err e;
    if (!s->next ||
        (u && u->restart.state == RESTART_UP && u->stats_asked && mono_ms() < s->next_end_ms))
        return;
    struct plan *next = TAKE_PTR(s->next);
    if (change_over(s, next, &e) < 0) {
        plan_free(next);
        reload_failed(s, &e);
        return;
    }
    s->reload_changed_over = true;
    s->reload_end_ms = mono_ms() + s->o.drain_ms + SETTLE_LIMIT_MS;
    sup_advance(s);
}

static int add_not_ready(struct tree *list, const struct unit *u)
{
    struct tree *t = tree_map();
    if (!t)
        return -ENOMEM;
    (void)tree_puts(t, "name", u->name);
    (void)tree_puts(t, "state", restart_state_name(u->restart.state));
    (void)tree_puts(t, "text", u->last_exit[0] ? u->last_exit : "not ready yet");
    return tree_append(list, t);
}

void reload_watch(struct sup *s)
{
    size_t bad = 0;
    take_next(s);
    if (!s->reload_changed_over)
        return;
    bool late = mono_ms() >= s->reload_end_ms;
    for (size_t i = 0; i < s->n; i++) {
        const struct unit *u = s->unit[i];
        if (!late && (u->leaving || !unit_settled(u, false)))
            return;
        bad += u->restart.state != RESTART_UP;
    }
    struct tree *list = tree_list();
    for (size_t i = 0; list && i < s->n; i++)
        if (s->unit[i]->restart.state != RESTART_UP)
            (void)add_not_ready(list, s->unit[i]);
    (void)tree_put(s->reload_report, "not_ready", list);
    memset(&s->reload_error, 0, sizeof s->reload_error);
    if (bad)
        (void)err_set(&s->reload_error, -EAGAIN, "reload-not-ready",
                      "the new configuration is in force, but %zu processes are not ready", bad);
    log_info("reloaded", NULL, "%s",
             bad ? s->reload_error.text : "the new configuration is in force");
    s->reload_wall_ms = wall_ms();
    s->reload_changed_over = s->reloading = false;
    control_reload_done(s, "");
    tree_free(TAKE_PTR(s->reload_report));
}
