/* SPDX-License-Identifier: Apache-2.0 */
/* transport - picks the engine that the plan names and passes every call on to it.
 *
 * Everything here is the same for all engines. */
#include "transport.h"
#include "transport_ops.h"
#include "dead_marks.h"
#include "base/log.h"
#include "base/util.h"
#include <errno.h>
#include <poll.h>
#include <string.h>

static int open_engine(const struct tree *part, const struct transport_events *events,
                       struct transport **ret, struct err *e)
{
    const char *engine = tree_gets(part, "engine", NULL);
    if (!engine)
        return err_set(e, -EINVAL, "transport-part", "the plan names no transport engine");
    if (strcmp(engine, "spool") == 0)
        return spool_client_open(part, events, ret, e);
    if (strcmp(engine, "amqp") == 0)
        return amqp_client_open(part, events, ret, e);
    char shown[64] = "";
    return err_set(e, -EINVAL, "transport-engine", "unknown transport engine \"%s\"",
                   escape_text(shown, sizeof shown, engine, strlen(engine)));
}

int transport_open(const struct tree *part, const struct transport_events *events,
                   struct transport **ret, struct err *e)
{
    const char *path = tree_gets(part, "marks", NULL);
    char *marks = path ? strdup(path) : NULL;
    if (path && !marks)
        return err_set(e, -ENOMEM, "memory", "out of memory");
    int r = open_engine(part, events, ret, e);
    if (r == 0)
        (*ret)->marks = marks;
    else
        free(marks);
    return r;
}

void transport_close(struct transport *t)
{
    if (!t)
        return;
    free(t->marks);
    t->ops->close(t);
}

int transport_wait_usable(struct transport *t, uint64_t timeout_ms, struct err *e)
{
    uint64_t start = mono_ms();
    for (;;) {
        const char *why = "";
        int r = t->ops->run(t);
        if (r < 0)
            return err_set(e, r, "transport", "the transport broke: %s", strerror(-r));
        if (t->ops->usable(t, &why))
            return 0;
        uint64_t spent = mono_ms() - start;
        if (spent >= timeout_ms)
            return err_set(e, -ETIMEDOUT, "transport", "the transport is not usable: %s", why);
        uint64_t wait = timeout_ms - spent, asked = t->ops->timeout(t);
        wait = asked < wait ? asked : wait;
        struct pollfd p = {.events = 0};
        p.fd = t->ops->fd(t, &p.events);
        (void)poll(&p, 1, wait > 1000 ? 1000 : (int)wait);
    }
}

int transport_fd(const struct transport *t, short *ret_events)
{
    return t->ops->fd(t, ret_events);
}

uint64_t transport_timeout(const struct transport *t)
{
    return t->ops->timeout(t);
}

int transport_run(struct transport *t)
{
    return t->ops->run(t);
}

int transport_publish(struct transport *t, uint64_t tag, const char *id, const char *bytes,
                      size_t len, const char *const *destinations, size_t n)
{
    return t->ops->publish(t, tag, id, bytes, len, destinations, n);
}

int transport_consume(struct transport *t, const char *destination, uint32_t prefetch)
{
    return t->ops->consume(t, destination, prefetch);
}

int transport_pause(struct transport *t, const char *destination, bool paused)
{
    return t->ops->pause(t, destination, paused);
}

int transport_settle(struct transport *t, struct transport_job *job, enum settle how,
                     uint64_t delay_ms, const char *code, const char *text)
{
    return t->ops->settle(t, job, how, delay_ms, code, text);
}

/* ---- who looked at a dead letter, for engines that cannot hold that ---- */
struct looking {
    int (*fn)(void *arg, const struct dead_letter *d);
    void *arg;
    uint64_t *number;
    size_t n, cap;
};

static int look(void *arg, const struct dead_letter *d)
{
    struct looking *l = arg;
    void *p = l->number;
    int r = grow_array(&p, &l->cap, l->n + 1, sizeof *l->number);
    l->number = p;
    if (r < 0)
        return r;
    l->number[l->n++] = d->number;
    return l->fn(l->arg, d);
}

int transport_dead_list(struct transport *t, const struct dead_filter *f, uint64_t after,
                        size_t limit, bool with_bytes,
                        int (*fn)(void *arg, const struct dead_letter *d), void *arg, struct err *e)
{
    struct looking l = {.fn = fn, .arg = arg};
    if (!t->marks || (f && f->search))
        return t->ops->dead_list(t, f, after, limit, with_bytes, fn, arg, e);
    int r = t->ops->dead_list(t, f, after, limit, with_bytes, look, &l, e);
    int marked = dead_marks_add(t->marks, true, l.number, l.n, wall_ms());
    if (marked < 0) /* they count as letters that nobody has looked at, and are kept longer */
        log_warning("dead-marks", NULL, "%s: %s", t->marks, strerror(-marked));
    free(l.number);
    return r;
}

int transport_dead_replay(struct transport *t, uint64_t number, struct err *e)
{
    return t->ops->dead_replay(t, number, e);
}

int transport_dead_discard(struct transport *t, uint64_t number, struct err *e)
{
    return t->ops->dead_discard(t, number, e);
}

int transport_queue_move(struct transport *t, const char *from, const char *to, size_t limit,
                         void (*fn)(void *arg, const char *id), void *arg, uint64_t *ret_left,
                         struct err *e)
{
    return t->ops->queue_move(t, from, to, limit, fn, arg, ret_left, e);
}

int transport_status(struct transport *t, struct tree **ret, struct err *e)
{
    return t->ops->status(t, ret, e);
}

int transport_pause_all(struct transport *t, const char *destination, bool paused,
                        struct tree **ret, struct err *e)
{
    return t->ops->pause_all
               ? t->ops->pause_all(t, destination, paused, ret, e)
               : err_set(e, -ENOTSUP, "one-machine", "the embedded queue belongs to one machine");
}
