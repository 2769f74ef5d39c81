/* SPDX-License-Identifier: Apache-2.0 */
/* source_main - the main thread of a source: control channel, transport, door socket, and the clock
 * over the plugin's calls.
 *
 * Nothing here blocks and nothing here is foreign: a plugin may think for minutes without the
 * transport noticing. A call that is past its deadline ends the process (exit 75): no other worker
 * is touched, and the slate says what was in hand. */
#include "worker.h"
#include "side.h"
#include "source.h"
#include "base/log.h"
#include "base/util.h"
#include "transport/transport.h"
#include <errno.h>
#include <poll.h>
#include <string.h>

#define TURN_MS     250
#define DRAIN_S_MAX 600u
#define REFILL      50u /* of the transport's window of 100 */

struct source_process {
    struct source s;
    struct tree *part;
    struct child *child;
    struct transport *transport;
    struct door_end *door;
    struct queue_node *waiting, **waiting_end; /* publishes that found the window full */
    size_t in_engine;                          /* handed to the transport, unanswered */
    uint64_t deadline_ms, drain_until;         /* 0: not draining */
    bool ready;
    uint64_t started;
};

/* ---- transport ---- */
static void on_confirmed(void *arg, uint64_t tag)
{
    struct source_process *p = arg;
    struct publish *x = (struct publish *)(uintptr_t)tag;
    p->in_engine--;
    x->item.kind = ITEM_CONFIRMED;
    thread_queue_push(&p->s.inbox, &x->item.node);
}

static void on_failed(void *arg, uint64_t tag, const struct err *why)
{
    struct source_process *p = arg;
    struct publish *x = (struct publish *)(uintptr_t)tag;
    p->in_engine--;
    x->item.kind = ITEM_FAILED;
    x->why = *why;
    thread_queue_push(&p->s.inbox, &x->item.node);
}

static void on_job(void *arg, struct transport_job *job)
{
    (void)arg;
    (void)job; /* a source consumes nothing */
}

static void on_usable(void *arg, bool usable, const char *why)
{
    struct source_process *p = arg;
    if (atomic_exchange(&p->s.flags.usable, usable) == usable)
        return;
    if (usable) {
        log_info("transport-usable", NULL, "the transport is usable");
        child_alarm(p->child, "transport", "%s", "");
    } else {
        log_warning("transport-lost", NULL, "the transport is not usable: %s",
                    why ? why : "no reason given");
        child_alarm(p->child, "transport", "%s", why ? why : "not usable");
    }
    thread_queue_wake(&p->s.inbox);
}

/* In order, as far as the window goes. While much is under way it is refilled by halves: each
 * hand-over costs the engine a durable write, and answers come back in the pieces in which messages
 * went out. */
static void publish_waiting(struct source_process *p)
{
    if (p->in_engine > REFILL)
        return;
    while (p->waiting) {
        struct publish *x = (struct publish *)p->waiting;
        struct queue_node *next = p->waiting->next;
        int rc = transport_publish(p->transport, (uint64_t)(uintptr_t)x, x->id, x->bytes, x->len,
                                   x->destinations, x->destinations_n);
        if (rc == -EAGAIN)
            return;
        p->waiting = next;
        if (!next)
            p->waiting_end = &p->waiting;
        if (rc == 0)
            p->in_engine++;
        if (rc < 0) {
            struct err why;
            p->in_engine++; /* on_failed() takes it off */
            (void)err_set(&why, rc, "transport", "the transport does not take the message: %s",
                          strerror(-rc));
            on_failed(p, (uint64_t)(uintptr_t)x, &why);
        }
    }
}

/* ---- the door ---- */
static bool on_request(void *arg, struct door_request *door)
{
    struct source_process *p = arg;
    struct request *r = request_new(door);
    if (r)
        thread_queue_push(&p->s.inbox, &r->item.node);
    return r;
}

static void answer_door(struct source_process *p, struct request *r)
{
    const struct door_answer a = {.status = r->status,
                                  .retry_after = r->retry_after,
                                  .content_type = r->content_type,
                                  .body = r->body.p,
                                  .len = r->body.len};
    if (p->door)
        door_end_answer(p->door, r->door, &a);
    request_free(r);
}

static void take_outbox(struct source_process *p)
{
    struct queue_node *n = thread_queue_take(&p->s.outbox);
    while (n) {
        struct queue_node *next = n->next;
        struct item *i = (struct item *)n;
        n->next = NULL;
        if (i->kind == ITEM_PUBLISH) {
            *p->waiting_end = n;
            p->waiting_end = &n->next;
        } else {
            answer_door(p, (struct request *)i);
        }
        n = next;
    }
}

/* ---- control ---- */
static void on_drain(void *arg, uint32_t seconds)
{
    struct source_process *p = arg;
    if (p->drain_until)
        return;
    p->drain_until = mono_ms() + (uint64_t)(seconds < DRAIN_S_MAX ? seconds : DRAIN_S_MAX) * 1000;
    atomic_store(&p->s.flags.stopping, true);
    thread_queue_wake(&p->s.inbox);
}

static void on_pause(void *arg, bool paused)
{
    struct source_process *p = arg;
    atomic_store(&p->s.flags.paused, paused);
    log_info(paused ? "paused" : "resumed", NULL, "by the operator");
    thread_queue_wake(&p->s.inbox);
}

static void on_stats(void *arg, struct tree *f)
{
    struct source_process *p = arg;
    struct source_flags *x = &p->s.flags;
    const struct {
        const char *name;
        uint64_t n;
    } figures[] = {{"submissions", atomic_load(&x->submissions)},
                   {"submissions_accepted", atomic_load(&x->submissions_accepted)},
                   {"submissions_refused", atomic_load(&x->documents_refused)},
                   {"submissions_failed", atomic_load(&x->failed)},
                   {"accepted", atomic_load(&x->accepted)},
                   {"new", atomic_load(&x->fresh)},
                   {"changed", atomic_load(&x->changed)},
                   {"unchanged", atomic_load(&x->unchanged)},
                   {"refused", atomic_load(&x->refused)},
                   {"published", atomic_load(&x->messages)},
                   {"in_flight", atomic_load(&x->in_flight)}};
    (void)tree_puts(f, "side", "receive");
    (void)tree_puts(f, "connector", p->s.connector);
    for (size_t i = 0; i < ARRAY_SIZE(figures); i++)
        (void)tree_putu(f, figures[i].name, figures[i].n);
    (void)room_put_calls(&p->s.room, f);
    (void)tree_putu(f, "uptime_ms", mono_ms() - p->started);
    (void)tree_putu(f, "heard_ms", atomic_load(&x->heard_ms));
    (void)tree_putu(f, "watched_ms", atomic_load(&x->watched_ms));
    if (atomic_load(&x->opened) && p->s.tenure.keeper)
        (void)keeper_put(p->s.tenure.keeper, f);
    (void)tree_putb(f, "usable", atomic_load(&x->usable));
    (void)tree_putb(f, "paused", atomic_load(&x->paused));
}

/* The lease is of use to nobody here while nothing can be passed on. */
static void look_at_lease(struct source_process *p)
{
    struct source_flags *x = &p->s.flags;
    char trouble[ERR_TEXT_MAX];
    struct keeper *k = atomic_load(&x->opened) ? p->s.tenure.keeper : NULL;
    if (!k)
        return;
    keeper_want(k, atomic_load(&x->usable) && !atomic_load(&x->disk_low));
    if (keeper_trouble(k, trouble))
        child_alarm(p->child, "lease", "%s%s",
                    *trouble ? "who may poll cannot be asked, so nobody here does: " : "", trouble);
}

static void check_deadline(struct source_process *p)
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

static int become_ready(struct source_process *p, struct err *e)
{
    if (p->ready || !atomic_load(&p->s.flags.opened) || !atomic_load(&p->s.flags.usable))
        return 0;
    const char *socket = tree_gets(p->part, "socket", NULL);
    if (socket) {
        int rc = door_end_open(socket, on_request, p, &p->door, e);
        if (rc < 0)
            return rc;
    }
    p->ready = true;
    log_info("worker-ready", NULL, "receives for party %s", p->s.party);
    return child_ready(p->child) < 0 ? err_set(e, -EIO, "control", "the supervisor cannot be told")
                                     : 0;
}

static int turn(struct source_process *p, struct err *e)
{
    struct pollfd f[32];
    size_t n = 0;
    f[n++] = (struct pollfd){.fd = p->s.outbox.fd, .events = POLLIN};
    f[n++] = (struct pollfd){.fd = child_fd(p->child), .events = child_poll_events(p->child)};
    short events = 0;
    int fd = transport_fd(p->transport, &events);
    f[n++] = (struct pollfd){.fd = fd, .events = events};
    const size_t first = n;
    if (p->door)
        n += door_end_poll(p->door, f + n, ARRAY_SIZE(f) - n);
    uint64_t wait = transport_timeout(p->transport);
    (void)poll(f, n, (int)(wait < TURN_MS ? wait : TURN_MS));
    if (child_run(p->child) < 0)
        return err_set(e, -EPROTO, "control", "the control channel is broken");
    take_outbox(p);
    publish_waiting(p);
    if (p->door)
        door_end_run(p->door, f + first, n - first);
    int rc = transport_run(p->transport);
    if (rc < 0)
        return err_set(e, rc, "transport", "the transport is broken for good: %s", strerror(-rc));
    if (p->waiting) { /* confirms made room */
        publish_waiting(p);
        (void)transport_run(p->transport);
    }
    if (p->door)
        door_end_flush(p->door);
    check_deadline(p);
    look_at_lease(p);
    return become_ready(p, e);
}

static int run(void *arg, struct err *e)
{
    struct source_process *p = arg;
    while (!atomic_load(&p->s.flags.ended)) {
        int rc = turn(p, e);
        if (rc < 0)
            return EXIT_BUG;
        if (p->drain_until && mono_ms() > p->drain_until) {
            log_warning("drain-over", NULL,
                        "submissions under way are left; their senders will send them again");
            _exit(0);
        }
    }
    return p->s.fault_exit;
}

/* Answers that the ended plugin thread left behind. */
static void last_words(struct source_process *p)
{
    take_outbox(p);
    for (int i = 0; p->door && i < 20; i++) {
        door_end_flush(p->door);
        (void)poll(NULL, 0, 5);
    }
}

static int start(void *arg, struct err *e)
{
    struct source_process *p = arg;
    struct source *s = &p->s;
    s->part = p->part;
    s->name = tree_gets(p->part, "name", "source");
    s->connector = tree_gets(p->part, "connector", s->name);
    s->party = tree_gets(p->part, "party/name", "-");
    log_open(s->name, log_max_level());
    p->deadline_ms = tree_getu(p->part, "deadline_ms", 120000);
    p->waiting_end = &p->waiting;
    p->started = mono_ms();
    int rc = thread_queue_open(&s->inbox);
    rc = rc < 0 ? rc : thread_queue_open(&s->outbox);
    if (rc < 0)
        return err_set(e, rc, "queue", "no queue between the threads: %s", strerror(-rc));
    struct transport_events events = {.arg = p,
                                      .confirmed = on_confirmed,
                                      .failed = on_failed,
                                      .job = on_job,
                                      .usable = on_usable};
    return transport_open(tree_get(p->part, "transport"), &events, &p->transport, e);
}

static void finish(void *arg)
{
    struct source_process *p = arg;
    keeper_stop(p->s.tenure.keeper); /* all that was polled is committed, or given up */
    last_words(p);
    while (p->waiting) {
        struct queue_node *n = p->waiting;
        p->waiting = n->next;
        free(n);
    }
    door_end_close(p->door);
    transport_close(p->transport);
    thread_queue_close(&p->s.inbox);
    thread_queue_close(&p->s.outbox);
    child_free(p->child);
    tree_free(p->part);
}

int worker_source(const char *part_file)
{
    static struct source_process p; /* large, and one a process */
    const struct child_events events = {
        .arg = &p, .drain = on_drain, .pause = on_pause, .stats = on_stats};
    const struct side side = {.arg = &p,
                              .child = &p.child,
                              .part = &p.part,
                              .start = start,
                              .plugin_thread = source_thread,
                              .plugin_arg = &p.s,
                              .fault = &p.s.fault,
                              .run = run,
                              .finish = finish};
    return side_run(part_file, &events, &side);
}
