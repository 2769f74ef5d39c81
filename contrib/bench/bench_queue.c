/* SPDX-License-Identifier: Apache-2.0 */
/* bench_queue - what bench.py does to the queues of a RabbitMQ on this machine (user guest).
 *
 * bench_queue PORT VHOST declare QUEUE: a durable quorum queue
 * bench_queue PORT VHOST empty QUEUE
 * bench_queue PORT VHOST fill EXCHANGE KEY N: publishes N events of 512 bytes, durable when it ends
 * bench_queue PORT VHOST watch QUEUE FROM TO: waits until FROM and then until TO messages are ready
 *   in it (FROM above TO: until no more than that), and prints {"messages", "seconds"} of the way
 *   between, as the queue itself counts
 * bench_queue PORT VHOST forward QUEUE TO N: N messages from one queue of the hub to another
 * through the amqp engine, each acknowledged when the copy is confirmed; prints {"cpu_us": of a
 * message} */
#include "base/util.h"
#include "transport/amqp_link.h"
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#define SIZE     512
#define WINDOW   100u
#define PREFETCH 256u /* as a worker has it */
#define LOOK_MS  10
#define GIVE_UP  30000u /* ms without a change */

static struct tree *part_of(const char *port, const char *vhost)
{
    struct tree *t = tree_map(), *list = tree_list(), *b = tree_map();
    int r = tree_puts(t, "engine", "amqp");
    r = r < 0 ? r : tree_puts(b, "host", "127.0.0.1");
    r = r < 0 ? r : tree_putu(b, "port", strtoul(port, NULL, 10));
    r = r < 0 ? r : tree_append(list, b);
    r = r < 0 ? r : tree_put(t, "brokers", list);
    r = r < 0 ? r : tree_puts(t, "vhost", vhost);
    r = r < 0 ? r : tree_puts(t, "user", "guest");
    r = r < 0 ? r : tree_puts(t, "password", "guest");
    r = r < 0 ? r : tree_puts(t, "name", "bench");
    r = r < 0 ? r : tree_puts(t, "queue", "quorum");
    r = r < 0 ? r : tree_put(t, "destinations", tree_list());
    return r < 0 ? NULL : t;
}

static amqp_connection_state_t connect_to(const char *port, const char *vhost)
{
    struct tree *t = part_of(port, vhost);
    struct amqp_place p;
    struct err e = {.text = "out of memory"};
    amqp_connection_state_t c = NULL;
    if (t && amqp_place_read(t, &p, &e) == 0) {
        if (amqp_link_open(&p, &c, &e) < 0)
            c = NULL;
        amqp_place_done(&p);
    }
    if (!c)
        (void)fprintf(stderr, "bench_queue: %s\n", e.text);
    tree_free(t);
    return c;
}

static int checked(amqp_connection_state_t c, const char *what)
{
    struct err e;
    int r = amqp_link_reply(c, what, &e);
    if (r < 0)
        (void)fprintf(stderr, "bench_queue: %s\n", e.text);
    return r;
}

static int declare(amqp_connection_state_t c, const char *queue)
{
    amqp_table_entry_t quorum = {
        .key = amqp_text("x-queue-type"),
        .value = {.kind = AMQP_FIELD_KIND_UTF8, .value.bytes = amqp_text("quorum")}};
    amqp_table_t arguments = {.num_entries = 1, .entries = &quorum};
    (void)amqp_queue_declare(c, 1, amqp_text(queue), 0, 1, 0, 0, arguments);
    return checked(c, "declaring");
}

static int empty(amqp_connection_state_t c, const char *queue)
{
    (void)amqp_queue_purge(c, 1, amqp_text(queue));
    return checked(c, "emptying");
}

/* ---- fill ---- */

static void write_event(unsigned number, char id[32], char event[SIZE + 1])
{
    (void)snprintf(id, 32, "m%08u", number);
    int len =
        snprintf(event, SIZE,
                 "{\"specversion\":\"1.0\",\"id\":\"%s\",\"source\":\"https://bench.example/a\","
                 "\"type\":\"information.measure\",\"subject\":\"s%u\",\"time\":\"2026-04-21T"
                 "09:12:44Z\",\"datacontenttype\":\"application/json\",\"place\":"
                 "\"E07000901\",\"data\":{\"text\":\"",
                 id, number);
    memset(event + len, 'e', SIZE - 3 - (size_t)len);
    memcpy(event + SIZE - 3, "\"}}", 4);
}

static unsigned read_confirms(amqp_connection_state_t c, uint64_t *last)
{
    amqp_frame_t f;
    struct timeval wait = amqp_wait_of(GIVE_UP);
    unsigned n = 0;
    if (amqp_simple_wait_frame_noblock(c, &f, &wait) == AMQP_STATUS_OK &&
        f.frame_type == AMQP_FRAME_METHOD && f.payload.method.id == AMQP_BASIC_ACK_METHOD) {
        const amqp_basic_ack_t *a = f.payload.method.decoded;
        n = a->multiple ? (unsigned)(a->delivery_tag - *last) : 1; /* one queue: in order */
        *last = a->delivery_tag;
    }
    amqp_maybe_release_buffers(c);
    return n;
}

static int fill(amqp_connection_state_t c, const char *exchange, const char *key, unsigned total)
{
    static char event[SIZE + 1];
    unsigned sent = 0, confirmed = 0;
    uint64_t last = 0;
    (void)amqp_confirm_select(c, 1);
    while (confirmed < total) {
        for (; sent < total && sent - confirmed < 10 * WINDOW; sent++) {
            char id[32];
            amqp_basic_properties_t props;
            amqp_table_entry_t table[AMQP_HEADERS_MAX];
            write_event(sent, id, event);
            amqp_marks_put(&(struct amqp_marks){.id = id, .first_ms = wall_ms()}, &props, table);
            (void)amqp_basic_publish(c, 1, amqp_text(exchange), amqp_text(key), 0, 0, &props,
                                     (amqp_bytes_t){.len = SIZE, .bytes = event});
        }
        unsigned n = read_confirms(c, &last);
        if (n == 0)
            return -1;
        confirmed += n;
    }
    return 0;
}

/* ---- watch ---- */

/* Waits until the queue is at `bound` or past it; returns how many are ready then, or -1. */
static int64_t wait_count(amqp_connection_state_t c, const char *queue, int64_t bound, bool rising)
{
    int64_t before = -1;
    for (uint64_t changed = mono_ms(); mono_ms() - changed < GIVE_UP;) {
        const amqp_queue_declare_ok_t *ok =
            amqp_queue_declare(c, 1, amqp_text(queue), 1, 0, 0, 0, amqp_empty_table);
        int64_t n = ok ? (int64_t)ok->message_count : -1;
        amqp_maybe_release_buffers(c);
        if (n < 0) {
            (void)checked(c, "counting");
            return -1;
        }
        if (rising ? n >= bound : n <= bound)
            return n;
        if (n != before)
            changed = mono_ms();
        before = n;
        (void)poll(NULL, 0, LOOK_MS);
    }
    (void)fprintf(stderr, "bench_queue: %s stays at %lld messages\n", queue, (long long)before);
    return -1;
}

static int watch(amqp_connection_state_t c, const char *queue, int64_t from, int64_t to)
{
    int64_t first = wait_count(c, queue, from, to > from);
    uint64_t start = mono_us();
    int64_t last = first < 0 ? -1 : wait_count(c, queue, to, to > from);
    if (last < 0)
        return -1;
    (void)printf("{\"messages\": %lld, \"seconds\": %.3f}\n",
                 (long long)(last > first ? last - first : first - last),
                 (double)(mono_us() - start) / 1e6);
    return 0;
}

/* ---- forward ---- */

struct forward {
    struct transport *from_t, *to_t; /* the one consumes, the other publishes */
    const char *dest[1];
    struct transport_job *held[PREFETCH];
    unsigned from, n; /* of held: those that wait for the window */
    struct transport_job *sent[WINDOW];
    unsigned settled, failed;
};

static void pump(struct forward *f)
{
    for (; f->n > 0; f->n--) {
        struct transport_job *job = f->held[f->from];
        unsigned tag = 0;
        while (tag < WINDOW && f->sent[tag])
            tag++;
        if (tag == WINDOW ||
            transport_publish(f->to_t, tag, job->id, job->bytes, job->len, f->dest, 1) < 0)
            return;
        f->sent[tag] = job;
        f->from = (f->from + 1) % PREFETCH;
    }
}

static void on_job(void *arg, struct transport_job *job)
{
    struct forward *f = arg;
    f->held[(f->from + f->n++) % PREFETCH] = job;
}

static void on_confirmed(void *arg, uint64_t tag)
{
    struct forward *f = arg;
    struct transport_job *job = f->sent[tag];
    f->sent[tag] = NULL;
    (void)transport_settle(f->from_t, job, SETTLE_DONE, 0, NULL, NULL);
}

static void on_failed(void *arg, uint64_t tag, const struct err *why)
{
    struct forward *f = arg;
    (void)fprintf(stderr, "bench_queue: message %u: %s\n", (unsigned)tag, why->text);
    f->failed++;
}

static void on_settled(void *arg, uint64_t handle)
{
    (void)handle;
    ((struct forward *)arg)->settled++;
}

static void run_both(struct forward *f)
{
    struct pollfd p[2] = {{.events = 0}, {.events = 0}};
    p[0].fd = transport_fd(f->from_t, &p[0].events);
    p[1].fd = transport_fd(f->to_t, &p[1].events);
    (void)poll(p, 2, 1000);
    (void)transport_run(f->from_t);
    (void)transport_run(f->to_t);
    pump(f);
}

static int forward(const struct tree *part, const char *from, const char *to, unsigned total)
{
    static struct forward f;
    struct transport_events in = {.arg = &f, .job = on_job, .settled = on_settled};
    struct transport_events out = {.arg = &f, .confirmed = on_confirmed, .failed = on_failed};
    struct err e;
    struct rusage before, after;
    f.dest[0] = to;
    if (transport_open(part, &in, &f.from_t, &e) < 0 ||
        transport_open(part, &out, &f.to_t, &e) < 0 ||
        transport_wait_usable(f.from_t, 10000, &e) < 0 ||
        transport_wait_usable(f.to_t, 10000, &e) < 0) {
        (void)fprintf(stderr, "bench_queue: %s\n", e.text);
        return -1;
    }
    (void)getrusage(RUSAGE_SELF, &before);
    (void)transport_consume(f.from_t, from, PREFETCH);
    while (f.settled < total && !f.failed)
        run_both(&f);
    (void)getrusage(RUSAGE_SELF, &after);
    transport_close(f.from_t);
    transport_close(f.to_t);
    int64_t us = (after.ru_utime.tv_sec - before.ru_utime.tv_sec + after.ru_stime.tv_sec -
                  before.ru_stime.tv_sec) *
                     1000000 +
                 after.ru_utime.tv_usec - before.ru_utime.tv_usec + after.ru_stime.tv_usec -
                 before.ru_stime.tv_usec;
    (void)printf("{\"cpu_us\": %.1f}\n", (double)us / total);
    return f.failed ? -1 : 0;
}

int main(int argc, char **argv)
{
    const char *what = argc > 4 ? argv[3] : "";
    int r = -1;
    if (argc == 7 && strcmp(what, "forward") == 0) {
        struct tree *part = part_of(argv[1], argv[2]);
        r = part ? forward(part, argv[4], argv[5], (unsigned)strtoul(argv[6], NULL, 10)) : -1;
        tree_free(part);
        return r < 0;
    }
    amqp_connection_state_t c = argc > 4 ? connect_to(argv[1], argv[2]) : NULL;
    if (!c)
        return 1;
    if (argc == 5 && strcmp(what, "declare") == 0)
        r = declare(c, argv[4]);
    else if (argc == 5 && strcmp(what, "empty") == 0)
        r = empty(c, argv[4]);
    else if (argc == 7 && strcmp(what, "fill") == 0)
        r = fill(c, argv[4], argv[5], (unsigned)strtoul(argv[6], NULL, 10));
    else if (argc == 7 && strcmp(what, "watch") == 0)
        r = watch(c, argv[4], (int64_t)strtoul(argv[5], NULL, 10),
                  (int64_t)strtoul(argv[6], NULL, 10));
    else
        (void)fprintf(stderr, "usage: see the head of bench_queue.c\n");
    amqp_link_close(c);
    return r < 0;
}
