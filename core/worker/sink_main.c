/* SPDX-License-Identifier: Apache-2.0 */
/* sink_main - the main thread of a sink: control channel, transport, and the clock over the
 * plugin's calls. See source_main.c. */
#include "worker.h"
#include "side.h"
#include "sink.h"
#include "base/log.h"
#include "base/util.h"
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#define TURN_MS     250
#define DRAIN_S_MAX 600u
#define PREFETCH    256u

struct sink_process {
    struct sink s;
    struct tree *part;
    struct child *child;
    struct transport *transport;
    uint64_t deadline_ms, drain_until, resume_at; /* mono_ms(); 0: none */
    bool ready, paused_now;
    char down_text[ERR_TEXT_MAX], reject_text[ERR_TEXT_MAX];
    uint64_t started;
    size_t held;        /* jobs that the plugin thread has */
    uint64_t settled_n; /* jobs that came back from it, ever */
    size_t under_way;   /* settlements that the transport has not told the end of */
};

/* ---- pausing: by the operator, because the peer is down, or because it refuses everything ---- */
static void apply_pause(struct sink_process *p)
{
    struct sink_flags *f = &p->s.flags;
    bool want = atomic_load(&f->paused) || atomic_load(&f->rejecting) || p->resume_at ||
                p->drain_until || !p->ready;
    if (want == p->paused_now || !p->transport)
        return;
    if (transport_pause(p->transport, p->s.destination, want) == 0)
        p->paused_now = want;
}

static const char *paused_why(struct sink_process *p)
{
    struct sink_flags *f = &p->s.flags;
    if (atomic_load(&f->paused))
        return "by the operator";
    if (atomic_load(&f->rejecting))
        return "it refused many messages in a row for the same reason";
    return p->resume_at ? "it is down" : NULL;
}

/* ---- transport ---- */
static void on_confirmed(void *arg, uint64_t tag)
{
    (void)arg;
    (void)tag; /* a sink publishes nothing */
}

static void on_failed(void *arg, uint64_t tag, const struct err *why)
{
    (void)arg;
    (void)tag;
    (void)why;
}

static void on_job(void *arg, struct transport_job *job)
{
    struct sink_process *p = arg;
    struct hand *h = xcalloc(1, sizeof(*h));
    if (!h) {
        p->under_way += transport_settle(p->transport, job, SETTLE_RELEASE, 1000, NULL, NULL) == 0;
        return;
    }
    h->item.kind = SINK_HAND;
    h->job = job;
    h->place = -1;
    p->held++;
    thread_queue_push(&p->s.inbox, &h->item.node);
}

static void on_settled(void *arg, uint64_t handle)
{
    struct sink_process *p = arg;
    (void)handle;
    p->under_way -= p->under_way > 0;
}

static void on_usable(void *arg, bool usable, const char *why)
{
    struct sink_process *p = arg;
    if (!usable)
        p->under_way = 0; /* of what was, no word may come any more */
    if (usable)
        log_info("transport-usable", NULL, "the transport is usable");
    else
        log_warning("transport-lost", NULL, "the transport is not usable: %s",
                    why ? why : "no reason given");
    child_alarm(p->child, "transport", "%s", usable ? "" : why ? why : "not usable");
}

static void settle(struct sink_process *p, struct hand *h)
{
    const char *code = h->how == SETTLE_RETRY || h->how == SETTLE_DEAD ? h->code : NULL;
    int rc =
        transport_settle(p->transport, h->job, h->how, h->delay_ms, code, code ? h->reason : NULL);
    if (rc == -ESTALE)
        log_info("settle-late", NULL,
                 "the transport had taken a message back; it comes again with the same id");
    p->under_way += rc == 0;
    p->held--;
    p->settled_n++;
    free(h);
}

static void on_notice(struct sink_process *p, const struct notice *n)
{
    switch (n->item.kind) {
    case SINK_DOWN:
        p->resume_at = mono_ms() + n->ms;
        (void)snprintf(p->down_text, sizeof(p->down_text), "%s", n->text);
        child_alarm(p->child, "down", "%s is down: %s", p->s.destination, n->text);
        break;
    case SINK_UP:
        p->resume_at = 0;
        child_alarm(p->child, "down", "%s", "");
        break;
    case SINK_REJECTS:
        (void)snprintf(p->reject_text, sizeof(p->reject_text), "%s", n->text);
        child_alarm(p->child, "rejecting",
                    "%s refused %d messages in a row for the same reason and is paused (`reeve "
                    "resume %s`): %s",
                    p->s.destination, VERDICT_SAME_REJECTS_MAX, p->s.destination, n->text);
        break;
    case SINK_JOURNAL:
        child_alarm(p->child, "journal", "%s", n->text);
        break;
    case SINK_HAND:
        break;
    }
    apply_pause(p);
}

static void take_outbox(struct sink_process *p)
{
    struct queue_node *n = thread_queue_take(&p->s.outbox);
    while (n) {
        struct queue_node *next = n->next;
        struct sink_item *i = (struct sink_item *)n;
        if (i->kind == SINK_HAND) {
            settle(p, (struct hand *)i);
        } else {
            on_notice(p, (struct notice *)i);
            free(i);
        }
        n = next;
    }
}

/* ---- control ---- */
static void on_drain(void *arg, uint32_t seconds)
{
    struct sink_process *p = arg;
    if (p->drain_until)
        return;
    p->drain_until = mono_ms() + (uint64_t)(seconds < DRAIN_S_MAX ? seconds : DRAIN_S_MAX) * 1000;
    atomic_store(&p->s.flags.stopping, true);
    apply_pause(p);
    thread_queue_wake(&p->s.inbox);
}

static void on_pause(void *arg, bool paused)
{
    struct sink_process *p = arg;
    atomic_store(&p->s.flags.paused, paused);
    if (!paused && atomic_exchange(&p->s.flags.rejecting, false))
        child_alarm(p->child, "rejecting", "%s", "");
    log_info(paused ? "paused" : "resumed", NULL, "by the operator");
    apply_pause(p);
    thread_queue_wake(&p->s.inbox);
}

/* By the operator of another machine. */
static void on_told(void *arg, const char *destination, bool paused)
{
    struct sink_process *p = arg;
    (void)destination; /* there is one */
    if (atomic_load(&p->s.flags.paused) == paused && !atomic_load(&p->s.flags.rejecting))
        return;
    on_pause(p, paused);
    child_paused(p->child, paused);
}

static void on_stats(void *arg, struct tree *f)
{
    struct sink_process *p = arg;
    struct sink_flags *x = &p->s.flags;
    (void)tree_puts(f, "side", "deliver");
    (void)tree_puts(f, "connector", p->s.connector);
    (void)tree_puts(f, "destination", p->s.destination);
    (void)tree_putu(f, "delivered", atomic_load(&x->delivered));
    (void)tree_putu(f, "retried", atomic_load(&x->retried));
    (void)tree_putu(f, "dead", atomic_load(&x->dead));
    (void)tree_putu(f, "down", atomic_load(&x->downs));
    (void)tree_putu(f, "in_hand", p->held);
    static const char *const verdicts[] = {"ok", "retry", "reject", "down", "fatal"};
    struct tree *by_kind = tree_map();
    for (size_t i = 0; by_kind && i < ARRAY_SIZE(verdicts); i++)
        (void)tree_putu(by_kind, verdicts[i], atomic_load(&x->verdicts[i]));
    (void)tree_put(f, "verdicts", by_kind);
    (void)histogram_put(&x->delivery, f, "delivery");
    (void)room_put_calls(&p->s.room, f);
    (void)tree_putu(f, "uptime_ms", mono_ms() - p->started);
    const char *why = paused_why(p);
    (void)tree_putb(f, "paused", why != NULL);
    (void)tree_puts(f, "paused_why", why);
    (void)pthread_mutex_lock(&p->s.last_lock);
    if (*p->s.last_error) {
        char time[RFC3339_MAX];
        rfc3339_ms(p->s.last_error_ms, time);
        (void)tree_puts(f, "last_error", p->s.last_error);
        (void)tree_puts(f, "last_error_time", time);
    }
    (void)pthread_mutex_unlock(&p->s.last_lock);
}

static void check_deadline(struct sink_process *p)
{
    uint64_t since = atomic_load(&p->s.room.guard.since);
    if (!since || !p->deadline_ms || mono_ms() < since + p->deadline_ms)
        return;
    const char *what = atomic_load(&p->s.room.guard.what);
    struct err e;
    (void)err_set(&e, -ETIMEDOUT, "call-deadline",
                  "%s did not come back within %llu s; this process ends and is started again",
                  what ? what : "a call", (unsigned long long)(p->deadline_ms / 1000));
    log_error(e.code, NULL, "%s", e.text);
    child_fault(p->child, &e);
    _exit(EXIT_RETRY);
}

static int become_ready(struct sink_process *p, struct err *e)
{
    if (p->ready || !atomic_load(&p->s.flags.opened) ||
        transport_wait_usable(p->transport, 0, e) < 0)
        return 0;
    bool strict = strcmp(tree_gets(p->part, "order", "free"), "strict") == 0;
    int rc = transport_consume(p->transport, p->s.destination, strict ? 1 : PREFETCH);
    if (rc < 0)
        return err_set(e, rc, "transport", "%s cannot be consumed: %s", p->s.destination,
                       strerror(-rc));
    p->ready = true;
    apply_pause(p);
    log_info("worker-ready", NULL, "delivers to party %s", tree_gets(p->s.party, "name", "-"));
    return child_ready(p->child) < 0 ? err_set(e, -EIO, "control", "the supervisor cannot be told")
                                     : 0;
}

static int turn(struct sink_process *p, struct err *e)
{
    short events = 0;
    int fd = transport_fd(p->transport, &events);
    struct pollfd f[3] = {{.fd = p->s.outbox.fd, .events = POLLIN},
                          {.fd = child_fd(p->child), .events = child_poll_events(p->child)},
                          {.fd = fd, .events = events}};
    uint64_t wait = transport_timeout(p->transport);
    (void)poll(f, 3, (int)(wait < TURN_MS ? wait : TURN_MS));
    if (child_run(p->child) < 0)
        return err_set(e, -EPROTO, "control", "the control channel is broken");
    if (p->resume_at && mono_ms() >= p->resume_at) {
        p->resume_at = 0; /* one more try; the alarm stays until it succeeds */
        apply_pause(p);
        thread_queue_wake(&p->s.inbox);
    }
    take_outbox(p);
    int rc = transport_run(p->transport);
    atomic_store(&p->s.flags.told, p->settled_n); /* it is on its way */
    if (p->under_way == 0)
        atomic_store(&p->s.flags.settled, p->settled_n);
    if (rc < 0)
        return err_set(e, rc, "transport", "the transport is broken for good: %s", strerror(-rc));
    check_deadline(p);
    return become_ready(p, e);
}

static int run(void *arg, struct err *e)
{
    struct sink_process *p = arg;
    while (!atomic_load(&p->s.flags.ended)) {
        if (turn(p, e) < 0)
            return EXIT_BUG;
        if (p->drain_until && mono_ms() > p->drain_until) {
            log_warning("drain-over", NULL,
                        "a delivery under way is left; its message comes again with the same id");
            if (atomic_load(&p->s.flags.opened))
                slate_excuse(p->s.slate);
            _exit(0);
        }
    }
    return p->s.fault_exit;
}

/* What the ended plugin thread settled must reach the transport. */
static void last_settlements(struct sink_process *p)
{
    take_outbox(p);
    uint64_t until = mono_ms() + 1000;
    short events = 0;
    while (transport_run(p->transport) == 0 && mono_ms() < until) {
        struct pollfd f = {.fd = transport_fd(p->transport, &events)};
        if (f.fd < 0 || !(events & POLLOUT))
            return;
        f.events = events;
        (void)poll(&f, 1, 50);
    }
}

static int start(void *arg, struct err *e)
{
    struct sink_process *p = arg;
    struct sink *s = &p->s;
    s->part = p->part;
    s->party = tree_get(p->part, "party");
    s->name = tree_gets(p->part, "name", "sink");
    s->connector = tree_gets(p->part, "connector", s->name);
    s->destination = tree_gets(p->part, "destination", s->connector);
    log_open(s->name, log_max_level());
    p->deadline_ms = tree_getu(p->part, "deadline_ms", 120000);
    p->started = mono_ms();
    int rc = thread_queue_open(&s->inbox);
    rc = rc < 0 ? rc : thread_queue_open(&s->outbox);
    if (rc == 0)
        rc = -pthread_mutex_init(&s->last_lock, NULL);
    if (rc < 0)
        return err_set(e, rc, "queue", "no queue between the threads: %s", strerror(-rc));
    struct transport_events events = {.arg = p,
                                      .confirmed = on_confirmed,
                                      .failed = on_failed,
                                      .job = on_job,
                                      .settled = on_settled,
                                      .usable = on_usable,
                                      .told = on_told};
    return transport_open(tree_get(p->part, "transport"), &events, &p->transport, e);
}

static void finish(void *arg)
{
    struct sink_process *p = arg;
    last_settlements(p);
    for (struct queue_node *n = thread_queue_take(&p->s.inbox), *next; n;
         n = next) { /* came too late: the transport keeps them */
        next = n->next;
        free(n);
    }
    transport_close(p->transport);
    thread_queue_close(&p->s.inbox);
    thread_queue_close(&p->s.outbox);
    (void)pthread_mutex_destroy(&p->s.last_lock);
    child_free(p->child);
    tree_free(p->part);
}

int worker_sink(const char *part_file)
{
    static struct sink_process p; /* large, and one a process */
    const struct child_events events = {
        .arg = &p, .drain = on_drain, .pause = on_pause, .stats = on_stats};
    const struct side side = {.arg = &p,
                              .child = &p.child,
                              .part = &p.part,
                              .start = start,
                              .plugin_thread = sink_thread,
                              .plugin_arg = &p.s,
                              .fault = &p.s.fault,
                              .run = run,
                              .finish = finish};
    return side_run(part_file, &events, &side);
}
