/* SPDX-License-Identifier: Apache-2.0 */
/* views - `/-/health` and `/-/metrics`: what the supervisor tells about the hub (control.h, ASK and
 * TOLD), passed on as it came.
 *
 * A view is kept for VIEW_FRESH_MS and asked for once at a time, whatever the number of readers.
 * Without a supervisor that answers, and on the way out, the hub is not well: health says "down",
 * metrics are a 503. */
#include "door.h"
#include "base/log.h"
#include "base/util.h"
#include <stdio.h>
#include <string.h>

#define VIEW_FRESH_MS 1000u
#define VIEW_LIMIT_MS 3000u

static const struct {
    const char *name, *type;
} views[DOOR_VIEWS] = {
    [DOOR_METRICS] = {"metrics", "application/openmetrics-text; version=1.0.0; charset=utf-8"},
    [DOOR_METRICS_TEXT] = {"metrics-text", "text/plain; version=0.0.4; charset=utf-8"},
    [DOOR_HEALTH] = {"health", "application/json"},
    [DOOR_HEALTH_TERSE] = {"health-terse", "application/json"},
};

void views_init(struct door *d)
{
    for (size_t i = 0; i < DOOR_VIEWS; i++) {
        buf_init(&d->view[i].text, CONTROL_TOLD_MAX);
        buf_init(&d->view[i].coming, CONTROL_TOLD_MAX);
    }
}

void views_done(struct door *d)
{
    for (size_t i = 0; i < DOOR_VIEWS; i++) {
        buf_done(&d->view[i].text);
        buf_done(&d->view[i].coming);
    }
}

static void answer(struct request *r, unsigned status, const char *type, const char *p, size_t len)
{
    r->answer.status = status;
    r->answer.retry_after = status == 503 ? 1 : 0;
    (void)snprintf(r->answer.type, sizeof r->answer.type, "%s", type);
    buf_done(&r->answer.body);
    buf_init(&r->answer.body, CONTROL_TOLD_MAX);
    if (buf_add(&r->answer.body, p, len) < 0)
        request_refuse(r, 503, "memory", "there is no memory for the answer", 1);
}

static void answer_health(struct request *r, unsigned status, const char *word)
{
    char text[64];
    int n = snprintf(text, sizeof text, "{\"status\":\"%s\"}\n", word);
    answer(r, status, "application/json", text, (size_t)n);
}

static void answer_from(struct request *r, const struct view *v)
{
    answer(r, v->status, views[r->view].type, buf_str(&v->text), v->text.len);
}

void view_ask(struct request *r)
{
    struct door *d = r->door;
    struct view *v = &d->view[r->view];
    uint64_t now = mono_ms();
    if (v->told_ms && now - v->told_ms < VIEW_FRESH_MS && !d->draining) {
        answer_from(r, v);
        return;
    }
    if (!v->asked_ms || now - v->asked_ms >= VIEW_LIMIT_MS) {
        v->asked_ms = child_ask(d->child, views[r->view].name) < 0 ? 0 : now;
    }
    if (!v->asked_ms || d->draining ||
        map_put(d->waiting, (const char *)&r->number, sizeof r->number, r) < 0) {
        view_late(r);
        return;
    }
    r->phase = PHASE_WAITING;
    r->deadline_ms = now + VIEW_LIMIT_MS;
}

void view_late(struct request *r)
{
    if (r->access.what == WHAT_HEALTH)
        answer_health(r, 503, "down");
    else
        request_refuse(r, 503, "metrics", "the hub's figures did not come in time", 5);
}

struct due {
    unsigned view;
    struct request *first;
};

static int find_due(void *arg, const char *key, size_t len, void *value)
{
    struct due *x = arg;
    struct request *r = value;
    (void)key;
    (void)len;
    if (!request_wants_view(r) || r->view != x->view)
        return 0;
    x->first = r;
    return 1;
}

void views_told(void *arg, const struct child_told *t)
{
    struct door *d = arg;
    struct due x = {.view = 0};
    while (x.view < DOOR_VIEWS && strcmp(views[x.view].name, t->view) != 0)
        x.view++;
    struct view *v = x.view < DOOR_VIEWS ? &d->view[x.view] : NULL;
    if (!v || !v->asked_ms)
        return;
    v->cut = v->cut || buf_add(&v->coming, t->p, t->len) < 0;
    if (!t->last)
        return;
    v->asked_ms = 0;
    if (v->cut) { /* the readers' deadlines answer them */
        log_warning("view", NULL, "there is no memory for %s", t->view);
        buf_reset(&v->coming);
        v->cut = false;
        return;
    }
    struct buf old = v->text;
    v->text = v->coming;
    v->coming = old;
    buf_reset(&v->coming);
    v->status = t->status;
    v->told_ms = mono_ms();
    while (map_each(d->waiting, find_due, &x) == 1) {
        answer_from(x.first, v);
        request_answered(x.first);
    }
}
