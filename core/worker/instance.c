/* SPDX-License-Identifier: Apache-2.0 */
/* instance - see instance.h. */
#include "instance.h"
#include "base/log.h"
#include "base/util.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

/* ---- what host services ask of their host ---- */
static void on_issue(void *host, const struct reeve_issue *issue)
{
    const struct instance *i = host;
    if (i->room->issues)
        issues_add(i->room->issues, issue);
    else
        log_write(issue->severity == REEVE_ISSUE_WARNING ? LOG_LEVEL_WARNING : LOG_LEVEL_ERROR,
                  issue->code ? issue->code : "issue", NULL, "%s: %s", i->label,
                  issue->text ? issue->text : "");
}

static reeve_rc on_submit(void *host, uint64_t token, const char *content_type, const char *name,
                          int fd, const void *p, size_t len)
{
    const struct instance *i = host;
    if (i->room->submit)
        return i->room->submit(i->room->arg, token, content_type, name, fd, p, len);
    if (fd >= 0)
        (void)close(fd);
    return reeve_fail(i->ctx, REEVE_FATAL, "nothing can be submitted here");
}

static reeve_rc on_submit_request(void *host, reeve_req *req, uint64_t token)
{
    const struct instance *i = host;
    if (i->room->submit_request)
        return i->room->submit_request(i->room->arg, req, token);
    return reeve_fail(i->ctx, REEVE_FATAL, "nothing can be submitted here");
}

static int on_wait(void *host, int fd, uint64_t ms)
{
    const struct instance *i = host;
    return i->room->wait ? i->room->wait(i->room->arg, fd, ms) : -1;
}

static bool on_stop_asked(void *host)
{
    const struct instance *i = host;
    return i->room->stop_asked && i->room->stop_asked(i->room->arg);
}

/* Keys of different plugins and steps of one side must not meet. */
static bool state_key(const struct instance *i, const char *key, char *out, size_t cap)
{
    int n = snprintf(out, cap, "%s/%s", i->label, key);
    return n > 0 && (size_t)n < cap;
}

static int on_state_get(void *host, const char *key, const void **ret, size_t *ret_len)
{
    const struct instance *i = host;
    char full[1024];
    if (!i->room->state_get)
        return -ENOENT;
    return state_key(i, key, full, sizeof(full))
               ? i->room->state_get(i->room->arg, full, ret, ret_len)
               : -ENAMETOOLONG;
}

static int on_state_put(void *host, const char *key, const void *p, size_t len)
{
    const struct instance *i = host;
    char full[1024];
    if (!i->room->state_put)
        return -ENOSYS;
    return state_key(i, key, full, sizeof(full)) ? i->room->state_put(i->room->arg, full, p, len)
                                                 : -ENAMETOOLONG;
}

static void on_count(void *host, const char *metric, uint64_t add)
{
    const struct instance *i = host;
    if (i->room->count)
        i->room->count(i->room->arg, metric, (double)add, false);
}

static void on_gauge(void *host, const char *metric, double value)
{
    const struct instance *i = host;
    if (i->room->count)
        i->room->count(i->room->arg, metric, value, true);
}

static const struct host_ops ops = {.issue = on_issue,
                                    .submit = on_submit,
                                    .submit_request = on_submit_request,
                                    .wait = on_wait,
                                    .stop_asked = on_stop_asked,
                                    .state_get = on_state_get,
                                    .state_put = on_state_put,
                                    .count = on_count,
                                    .gauge = on_gauge};

/* ---- life ---- */
const char *const role_names[ROLES] = {"plugin", "adapter", "step"};

int instance_load(const char *kind, const struct tree *part, uint64_t message_max,
                  struct host_room *room, struct instance **ret, struct err *e)
{
    const char *file = tree_gets(part, "file", NULL), *name = tree_gets(part, "name", kind);
    if (!file)
        return err_set(e, -EINVAL, "plan", "the plan names no file for %s %s", kind, name);
    struct instance *i = xcalloc(1, sizeof(*i));
    if (!i)
        return err_set(e, -ENOMEM, "out-of-memory", "out of memory");
    i->room = room;
    while (i->role < ROLE_STEP && strcmp(kind, role_names[i->role]) != 0)
        i->role++;
    int rc = asprintf(&i->label, "%s %s", kind, name);
    if (rc < 0)
        i->label = NULL;
    i->name = strdup(name);
    rc = i->label && i->name ? plugin_load(file, &i->plugin, e)
                             : err_set(e, -ENOMEM, "out-of-memory", "out of memory");
    if (rc == 0) {
        i->ctx = host_ctx_new(i->plugin, tree_get(part, "options"), &ops, i, message_max);
        if (!i->ctx)
            rc = err_set(e, -ENOMEM, "out-of-memory", "out of memory");
    }
    if (rc < 0) {
        instance_free(i);
        return rc;
    }
    *ret = i;
    return 0;
}

int instance_open(struct instance *i, struct err *e)
{
    if (i->opened)
        return 0;
    if (i->plugin->api.open) {
        struct guard_mark m = instance_enter(i, "open");
        reeve_rc rc = i->plugin->api.open(i->ctx, &i->inst);
        instance_leave(i, m);
        if (rc != REEVE_OK)
            return err_set(e, rc == REEVE_RETRY || rc == REEVE_DOWN ? -EAGAIN : -EINVAL,
                           "plugin-open", "%s: %s", i->label, instance_reason(i, rc));
    }
    i->opened = true;
    return 0;
}

void instance_free(struct instance *i)
{
    if (!i)
        return;
    if (i->opened && i->plugin->api.close) {
        struct guard_mark m = instance_enter(i, "close");
        i->plugin->api.close(i->ctx, i->inst);
        instance_leave(i, m);
    }
    host_ctx_free(i->ctx);
    if (i->plugin)
        plugin_unload(i->plugin);
    free(i->label);
    free(i->name);
    free(i);
}

struct guard_mark instance_enter(struct instance *i, const char *what)
{
    struct guard *g = &i->room->guard;
    struct guard_mark m = {
        .since = atomic_load(&g->since), .began_us = mono_us(), .what = atomic_load(&g->what)};
    host_ctx_clear(i->ctx);
    atomic_store(&g->what, what);
    atomic_store(&g->since, m.began_us / 1000);
    return m;
}

void instance_leave(struct instance *i, struct guard_mark m)
{
    struct guard *g = &i->room->guard;
    uint64_t now = mono_us();
    histogram_add(&i->room->calls[i->role], now - m.began_us);
    atomic_store(&g->since, m.since ? now / 1000 : 0); /* the outer call gets its full time again */
    atomic_store(&g->what, m.what);
}

int room_put_calls(const struct host_room *room, struct tree *figures)
{
    struct tree *calls = tree_map();
    int r = calls ? 0 : -ENOMEM;
    for (size_t i = 0; r == 0 && i < ROLES; i++)
        r = histogram_put(&room->calls[i], calls, role_names[i]);
    if (r == 0)
        return tree_put(figures, "calls", calls);
    tree_free(calls);
    return r;
}

const char *verdict_name(reeve_rc rc)
{
    static const char *const names[] = {"OK", "RETRY", "REJECT", "DOWN", "FATAL"};
    return rc >= 0 && (size_t)rc < ARRAY_SIZE(names) ? names[rc] : "an unknown verdict";
}

const char *instance_reason(const struct instance *i, reeve_rc rc)
{
    const char *r = host_ctx_reason(i->ctx);
    if (r && *r)
        return r;
    switch (rc) {
    case REEVE_RETRY:
        return "it failed for now and gave no reason";
    case REEVE_REJECT:
        return "it was refused without a reason";
    case REEVE_DOWN:
        return "it is not available (no reason given)";
    case REEVE_FATAL:
        return "it cannot go on (no reason given)";
    default:
        return "it returned an unknown verdict";
    }
}

/* ---- steps ---- */
int steps_load(const struct tree *list, uint64_t message_max, struct host_room *room,
               struct steps *ret, struct err *e)
{
    size_t n = tree_is_list(list) ? list->n : 0;
    struct steps s = {.step = n ? xcalloc(n, sizeof(*s.step)) : NULL};
    if (n && !s.step)
        return err_set(e, -ENOMEM, "out-of-memory", "out of memory");
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < n; i++) {
        rc = instance_load("step", list->child[i], message_max, room, &s.step[i], e);
        if (rc == 0) {
            s.n++;
            rc = instance_open(s.step[i], e);
        }
        if (rc == 0 && !s.step[i]->plugin->api.step)
            rc = err_set(e, -EINVAL, "plugin-role", "%s is not a step", s.step[i]->label);
    }
    if (rc < 0) {
        steps_free(&s);
        return rc;
    }
    *ret = s;
    return 0;
}

void steps_free(struct steps *s)
{
    for (size_t i = 0; i < s->n; i++)
        instance_free(s->step[i]);
    free(s->step);
    *s = (struct steps){0};
}

struct run {
    const struct steps *s;
    size_t at;
    int (*emit)(void *arg, struct message *m);
    void *arg;
    struct steps_result *result;
};

static int run_from(struct run *r, struct message *m);

static int next_step(void *arg, struct message *m)
{
    struct run next = *(struct run *)arg;
    next.at++;
    return run_from(&next, m);
}

static int run_from(struct run *r, struct message *m)
{
    if (r->at == r->s->n) {
        r->result->out++;
        return r->emit(r->arg, m);
    }
    struct instance *i = r->s->step[r->at];
    reeve_msg *msg = host_msg_wrap(m);
    if (!msg)
        return -ENOMEM;
    struct reeve_out out = {.emit = next_step, .arg = r};
    struct guard_mark mark = instance_enter(i, i->label);
    reeve_rc rc = i->plugin->api.step(i->ctx, i->inst, msg, &out);
    instance_leave(i, mark);
    message_free(host_msg_unwrap(msg));
    if (rc != REEVE_OK && rc > r->result->rc) {
        r->result->rc = rc;
        r->result->code = rc == REEVE_REJECT ? i->plugin->api.name : NULL;
        r->result->after_ms = host_ctx_retry_after(i->ctx);
        (void)snprintf(r->result->reason, sizeof(r->result->reason), "step %s: %s", i->name,
                       instance_reason(i, rc));
    }
    return rc == REEVE_OK ? 0 : -ECANCELED;
}

void steps_run(const struct steps *s, struct message *m, int (*emit)(void *arg, struct message *m),
               void *arg, struct steps_result *ret)
{
    *ret = (struct steps_result){.rc = REEVE_OK};
    struct run r = {.s = s, .emit = emit, .arg = arg, .result = ret};
    int rc = run_from(&r, m);
    if (rc != 0 && ret->rc == REEVE_OK) {
        ret->rc = REEVE_RETRY;
        (void)snprintf(ret->reason, sizeof(ret->reason), "%s",
                       rc == -ENOMEM ? "out of memory" : "the message could not be taken");
    }
}
