/* SPDX-License-Identifier: Apache-2.0 */
/* probe - see probe.h. */
#include "lib/probe.h"
#include "base/util.h"
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

static void ended(struct probe *p, uint64_t tag, unsigned char how)
{
    if (tag >= PROBE_TAGS)
        return;
    p->twice += p->ended[tag] != 0;
    p->ended[tag] = how;
}

static void on_confirmed(void *arg, uint64_t tag)
{
    struct probe *p = arg;
    p->confirmed++;
    ended(p, tag, 1);
}

static void on_failed(void *arg, uint64_t tag, const struct err *why)
{
    struct probe *p = arg;
    p->failed++;
    ended(p, tag, 2);
    (void)snprintf(p->code, sizeof p->code, "%s", why->code);
    (void)snprintf(p->text, sizeof p->text, "%s", why->text);
}

static void on_job(void *arg, struct transport_job *job)
{
    struct probe *p = arg;
    void *mem = p->got;
    assert_int_equal(grow_array(&mem, &p->got_cap, p->jobs + 1, sizeof *p->got), 0);
    p->got = mem;
    struct probe_job *j = &p->got[p->jobs++];
    *j = (struct probe_job){.job = job,
                            .attempts = job->attempts,
                            .len = job->len,
                            .first_ms = job->first_ms,
                            .at_ms = mono_ms()};
    if (job->len) {
        j->first = (unsigned char)job->bytes[0];
        j->last = (unsigned char)job->bytes[job->len - 1];
    }
    (void)snprintf(j->id, sizeof j->id, "%s", job->id);
    (void)snprintf(j->destination, sizeof j->destination, "%s", job->destination);
    if (p->settle_done)
        probe_settle(p, p->jobs - 1, SETTLE_DONE, 0, NULL);
}

static void on_settled(void *arg, uint64_t handle)
{
    struct probe *p = arg;
    (void)handle;
    p->settled++;
}

static void on_usable(void *arg, bool usable, const char *why)
{
    struct probe *p = arg;
    p->usable = usable;
    p->losses += !usable;
    if (!usable)
        (void)snprintf(p->why, sizeof p->why, "%s", why);
}

static void on_told(void *arg, const char *destination, bool paused)
{
    struct probe *p = arg;
    p->told++;
    p->told_paused = paused;
    if (transport_pause(p->t, destination, paused) < 0)
        fail_msg("%s is not consumed here", destination);
}

void probe_open_only(struct probe *p, struct engine *g, const char *name)
{
    memset(p, 0, sizeof *p);
    p->engine = g;
    struct transport_events ev = {.arg = p,
                                  .confirmed = on_confirmed,
                                  .failed = on_failed,
                                  .job = on_job,
                                  .settled = on_settled,
                                  .usable = on_usable,
                                  .told = on_told};
    p->t = engine_open(g, name, &ev);
    assert_non_null(p->t);
}

void probe_open(struct probe *p, struct engine *g, const char *name)
{
    struct err e;
    probe_open_only(p, g, name);
    if (transport_wait_usable(p->t, engine_wait_ms(), &e) < 0)
        fail_msg("%s", e.text);
}

void probe_close(struct probe *p)
{
    transport_close(p->t);
    free(p->got);
    p->t = NULL;
    p->got = NULL;
}

void probe_publish(struct probe *p, uint64_t tag, const char *id, const char *event, size_t len,
                   const char *const *destinations, size_t n)
{
    int r;
    uint64_t until = mono_ms() + 2 * engine_wait_ms();
    while ((r = transport_publish(p->t, tag, id, event, len, destinations, n)) == -EAGAIN) {
        if (mono_ms() > until)
            fail_msg("the window stays full: %s", p->why);
        struct pollfd pf = {.events = 0};
        pf.fd = transport_fd(p->t, &pf.events);
        (void)poll(&pf, 1, 20);
        assert_int_equal(transport_run(p->t), 0);
    }
    assert_int_equal(r, 0);
}

void probe_send(struct probe *p, uint64_t tag, const char *destination)
{
    char id[32], event[21];
    (void)snprintf(id, sizeof id, "m%llu", (unsigned long long)tag);
    (void)snprintf(event, sizeof event, "{\"n\": %13llu}", (unsigned long long)tag);
    probe_publish(p, tag, id, event, strlen(event), &destination, 1);
}

void probe_wait(struct probe *p, const unsigned *counter, unsigned want)
{
    engine_run(p->t, counter, want, engine_wait_ms());
    if (*counter < want)
        fail_msg("waited in vain for %u, got %u (%s %s %s)", want, *counter, p->why, p->code,
                 p->text);
}

void probe_idle(struct probe *p, unsigned ms)
{
    engine_run(p->t, NULL, 0, ms);
}

void probe_settle(struct probe *p, size_t i, enum settle how, uint64_t delay_ms, const char *code)
{
    struct transport_job *job = p->got[i].job;
    p->got[i].job = NULL;
    assert_non_null(job);
    assert_int_equal(transport_settle(p->t, job, how, delay_ms, code, code ? "because" : NULL), 0);
}

struct tree *probe_status(struct probe *p)
{
    struct tree *t = NULL;
    struct err e;
    if (transport_status(p->t, &t, &e) < 0)
        fail_msg("%s", e.text);
    return t;
}

uint64_t probe_figure(struct probe *p, const char *destination, const char *figure)
{
    struct tree *t = probe_status(p);
    const struct tree *list = tree_get(t, "destinations");
    uint64_t n = UINT64_MAX;
    for (size_t i = 0; list && i < list->n; i++) {
        const char *name = tree_gets(list->child[i], "name", "");
        const char *text = tree_gets(list->child[i], figure, "");
        if (strcmp(name, destination) == 0)
            n = strcmp(text, "true") == 0    ? 1
                : strcmp(text, "false") == 0 ? 0
                                             : tree_getu(list->child[i], figure, UINT64_MAX);
    }
    tree_free(t);
    return n;
}
