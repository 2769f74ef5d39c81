/* SPDX-License-Identifier: Apache-2.0 */
/* bench_amqp - the two legs of the amqp engine, each against a bare single-thread loop of
 * librabbitmq that sends and reads the same frames: intake (publish, confirmed; window of 100
 * messages) and delivery (prefetch of 256, acknowledged). Then intake for 3 and for 10
 * destinations: the bare loop publishes each copy, too.
 *
 * 512 byte messages into quorum queues. Rounds alternate, medians are printed; beside the rate, the
 * processor time of this process for each message. REEVE_ENGINE=amqp is set here; REEVE_RABBITMQ as
 * in tests/lib/engine.h. Environment: BENCH_N copies a round, BENCH_ROUNDS. SKIP where RabbitMQ is
 * not installed. */
#include "lib/engine_amqp.h"
#include "load.h"
#include "base/util.h"
#include <amqp_framing.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#define SIZE     512
#define WINDOW   100u
#define PREFETCH 256u /* as a worker has it */
#define ROUNDS   64
#define FAN_MAX  10u

static const char *const queue[FAN_MAX] = {"register", "fan2", "fan3", "fan4", "fan5",
                                           "fan6",     "fan7", "fan8", "fan9", "fan10"};
static unsigned n_copies = 30000, rounds = 5;
static char event[SIZE + 1];
static struct engine g;

struct figure {
    double rate, cpu_us;
};

static double cpu_seconds(void)
{
    struct rusage u;
    (void)getrusage(RUSAGE_SELF, &u);
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
           (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

static struct figure since(uint64_t start_us, double cpu, unsigned n)
{
    return (struct figure){.rate = n / ((double)(mono_us() - start_us) / 1e6),
                           .cpu_us = (cpu_seconds() - cpu) * 1e6 / n};
}

/* ---- ours ---- */

static void wait_run(struct load *l)
{
    struct pollfd p = {.events = 0};
    uint64_t wait = transport_timeout(l->t);
    p.fd = transport_fd(l->t, &p.events);
    (void)poll(&p, 1, wait > 1000 ? 1000 : (int)wait);
    (void)transport_run(l->t);
}

static int open_load(struct load *l, const char *name)
{
    struct err e;
    struct transport_events ev = load_events(l);
    *l = (struct load){.t = NULL};
    l->t = engine_open(&g, name, &ev);
    return l->t && transport_wait_usable(l->t, 10000, &e) == 0 ? 0 : -1;
}

static struct figure intake_ours(unsigned fan)
{
    struct load l;
    unsigned sent = 0, n = n_copies / fan;
    if (open_load(&l, "source") < 0)
        return (struct figure){0};
    double cpu = cpu_seconds();
    uint64_t start = mono_us();
    while (l.confirmed < n && !l.failed) {
        for (char id[32]; sent < n; sent++) {
            (void)snprintf(id, sizeof id, "m%08u", sent);
            if (transport_publish(l.t, sent, id, event, SIZE, queue, fan) < 0)
                break;
        }
        wait_run(&l);
    }
    struct figure f = since(start, cpu, n);
    transport_close(l.t);
    return l.failed ? (struct figure){0} : f;
}

static struct figure delivery_ours(void)
{
    struct load l;
    if (open_load(&l, "register.deliver") < 0)
        return (struct figure){0};
    double cpu = cpu_seconds();
    uint64_t start = mono_us();
    (void)transport_consume(l.t, queue[0], PREFETCH);
    while (l.settled < n_copies)
        wait_run(&l);
    struct figure f = since(start, cpu, n_copies);
    transport_close(l.t);
    return f;
}

/* ---- bare ---- */

static amqp_connection_state_t bare_open(const char *name)
{
    struct amqp_place p;
    struct err e;
    amqp_connection_state_t c = NULL;
    if (engine_amqp_place(&g, name, &p) < 0)
        return NULL;
    if (amqp_link_open(&p, &c, &e) < 0)
        (void)fprintf(stderr, "%s\n", e.text);
    amqp_place_done(&p);
    return c;
}

struct confirms { /* they come out of order when several queues confirm */
    bool *done;   /* by tag, 1 to n_copies */
    uint64_t low; /* all up to this one */
    unsigned n;
};

static void count_confirm(struct confirms *k, const amqp_basic_ack_t *a)
{
    for (uint64_t t = a->multiple ? k->low + 1 : a->delivery_tag; t <= a->delivery_tag; t++) {
        k->n += !k->done[t];
        k->done[t] = true;
    }
    while (k->low < n_copies && k->done[k->low + 1])
        k->low++;
}

/* Reads what is there, waiting for the first. */
static int read_confirms(amqp_connection_state_t c, struct confirms *k)
{
    amqp_frame_t f;
    unsigned before = k->n;
    struct timeval none = {0, 0};
    int r;
    while ((r = amqp_simple_wait_frame_noblock(c, &f, k->n > before ? &none : NULL)) ==
           AMQP_STATUS_OK) {
        if (f.frame_type == AMQP_FRAME_METHOD && f.payload.method.id == AMQP_BASIC_ACK_METHOD)
            count_confirm(k, f.payload.method.decoded);
        amqp_maybe_release_buffers(c);
    }
    return r == AMQP_STATUS_TIMEOUT ? 0 : -1;
}

static void bare_publish(amqp_connection_state_t c, unsigned number, unsigned fan)
{
    char id[32];
    amqp_basic_properties_t props;
    amqp_table_entry_t table[AMQP_HEADERS_MAX];
    (void)snprintf(id, sizeof id, "m%08u", number);
    amqp_marks_put(&(struct amqp_marks){.id = id, .first_ms = wall_ms()}, &props, table);
    for (unsigned i = 0; i < fan; i++)
        (void)amqp_basic_publish(c, 1, amqp_text(AMQP_X_HUB), amqp_text(queue[i]), 1, 0, &props,
                                 (amqp_bytes_t){.len = SIZE, .bytes = event});
}

static struct figure intake_bare(unsigned fan)
{
    amqp_connection_state_t c = bare_open("source");
    struct confirms k = {.done = calloc(n_copies + 2, sizeof *k.done)};
    unsigned sent = 0, n = n_copies / fan;
    struct figure f = {0};
    if (c && k.done) {
        (void)amqp_confirm_select(c, 1);
        double cpu = cpu_seconds();
        uint64_t start = mono_us();
        int r = 0;
        while (k.n < n * fan && r == 0) {
            for (; sent < n && sent * fan < k.n + WINDOW * fan; sent++)
                bare_publish(c, sent, fan);
            r = read_confirms(c, &k);
        }
        if (r == 0)
            f = since(start, cpu, n);
    }
    free(k.done);
    amqp_link_close(c);
    return f;
}

static struct figure delivery_bare(void)
{
    amqp_connection_state_t c = bare_open("register.deliver");
    struct timeval none = {0, 0};
    unsigned got = 0, acked = 0;
    uint64_t tag = 0;
    if (!c)
        return (struct figure){0};
    (void)amqp_basic_qos(c, 1, 0, PREFETCH, 0);
    double cpu = cpu_seconds();
    uint64_t start = mono_us();
    (void)amqp_basic_consume(c, 1, amqp_text(queue[0]), amqp_empty_bytes, 0, 0, 0,
                             amqp_empty_table);
    while (got < n_copies) {
        amqp_frame_t f;
        int r = amqp_simple_wait_frame_noblock(c, &f, got > acked ? &none : NULL);
        if (r == AMQP_STATUS_TIMEOUT) {
            (void)amqp_basic_ack(c, 1, tag, 1);
            acked = got;
            continue;
        }
        if (r != AMQP_STATUS_OK)
            break;
        if (f.frame_type == AMQP_FRAME_METHOD && f.payload.method.id == AMQP_BASIC_DELIVER_METHOD)
            tag = ((amqp_basic_deliver_t *)f.payload.method.decoded)->delivery_tag;
        else if (f.frame_type == AMQP_FRAME_BODY)
            got++;
        amqp_maybe_release_buffers(c);
    }
    (void)amqp_basic_ack(c, 1, tag, 1);
    struct figure f = since(start, cpu, n_copies);
    amqp_link_close(c);
    return f;
}

/* ---- rounds ---- */

struct pair {
    struct figure ours[ROUNDS], bare[ROUNDS];
};

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(const struct figure *f, bool cpu)
{
    double v[ROUNDS];
    for (unsigned i = 0; i < rounds; i++)
        v[i] = cpu ? f[i].cpu_us : f[i].rate;
    qsort(v, rounds, sizeof *v, by_size);
    return v[rounds / 2];
}

/* wanted: of the bare speed; cpu_most: microseconds, 0: none is said. */
static void show(const char *leg, const struct pair *p, double wanted, double cpu_most)
{
    printf("{\"name\": \"RabbitMQ, %s\", \"unit\": \"msg/s\", \"ours\": %.0f, \"bare\": %.0f, "
           "\"better\": \"more\", \"wanted\": %.1f}\n",
           leg, median(p->ours, false), median(p->bare, false), wanted);
    printf("{\"name\": \"RabbitMQ, %s: processor time of a message\", \"unit\": \"us\", \"ours\": "
           "%.1f, \"bare\": %.1f, \"better\": \"less\"}\n",
           leg, median(p->ours, true), median(p->bare, true));
    if (cpu_most > 0)
        printf("{\"name\": \"RabbitMQ, %s: processor time of a message\", \"unit\": \"us\", "
               "\"found\": %.1f, \"most\": %.1f}\n",
               leg, median(p->ours, true), cpu_most);
}

static void empty_queues(void)
{
    amqp_connection_state_t c = bare_open("guest");
    for (unsigned i = 0; i < FAN_MAX && c; i++)
        (void)amqp_queue_purge(c, 1, amqp_text(queue[i]));
    amqp_link_close(c);
}

static void legs(void)
{
    static struct pair in, out;
    for (unsigned i = 0; i < rounds; i++) {
        in.ours[i] = intake_ours(1);
        out.bare[i] = delivery_bare();
        in.bare[i] = intake_bare(1);
        out.ours[i] = delivery_ours();
    }
    show("intake: published and confirmed", &in, 0.9, 15);
    show("delivery: consumed and acknowledged", &out, 0.9, 15);
}

static void fan_out(unsigned fan)
{
    static struct pair p;
    char leg[64];
    for (unsigned i = 0; i < rounds; i++) {
        p.ours[i] = intake_ours(fan);
        empty_queues();
        p.bare[i] = intake_bare(fan);
        empty_queues();
    }
    (void)snprintf(leg, sizeof leg, "intake for %u destinations", fan);
    show(leg, &p, 0.9, 0);
    printf("%u destinations: %.0f copies a second, bare %.0f\n", fan, median(p.ours, false) * fan,
           median(p.bare, false) * fan);
}

int main(void)
{
    struct engine_dest dests[FAN_MAX + 1] = {{.name = NULL}};
    n_copies = setting("BENCH_N", n_copies, 10000000);
    rounds = setting("BENCH_ROUNDS", rounds, ROUNDS);
    if (access("/usr/lib/rabbitmq/bin/rabbitmq-server", X_OK) < 0) {
        printf("SKIP: rabbitmq-server is not installed\n");
        return 0;
    }
    for (unsigned i = 0; i < FAN_MAX; i++)
        dests[i].name = queue[i];
    memset(event, 'e', SIZE);
    (void)setenv("REEVE_ENGINE", "amqp", 1);
    if (engine_init(&g, dests) < 0 || engine_start(&g) < 0)
        return 1;
    legs();
    fan_out(3);
    fan_out(10);
    engine_done(&g);
    return 0;
}
