/* SPDX-License-Identifier: Apache-2.0 */
/* bench_amqp - the two legs of the amqp engine, each against a bare single-thread loop of
 * librabbitmq that sends and reads the same frames: intake (publish, confirmed; window of 100) and
 * delivery (prefetch of 256, acknowledged).
 *
 * 512 byte messages into one quorum queue. Rounds alternate, medians are printed; beside the rate,
 * the processor time of this process for each message. REEVE_ENGINE=amqp is set here;
 * REEVE_RABBITMQ as in tests/lib/engine.h. Environment: BENCH_N messages a round, BENCH_ROUNDS.
 * SKIP where RabbitMQ is not installed. */
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
#define QUEUE    "register"

static unsigned n_messages = 30000, rounds = 5;
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

static struct figure since(uint64_t start_us, double cpu)
{
    return (struct figure){.rate = n_messages / ((double)(mono_us() - start_us) / 1e6),
                           .cpu_us = (cpu_seconds() - cpu) * 1e6 / n_messages};
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

static struct figure intake_ours(void)
{
    static const char *const dest[] = {QUEUE};
    struct load l;
    unsigned sent = 0;
    if (open_load(&l, "source") < 0)
        return (struct figure){0};
    double cpu = cpu_seconds();
    uint64_t start = mono_us();
    while (l.confirmed < n_messages && !l.failed) {
        for (char id[32]; sent < n_messages; sent++) {
            (void)snprintf(id, sizeof id, "m%08u", sent);
            if (transport_publish(l.t, sent, id, event, SIZE, dest, 1) < 0)
                break;
        }
        wait_run(&l);
    }
    struct figure f = since(start, cpu);
    transport_close(l.t);
    return f;
}

static struct figure delivery_ours(void)
{
    struct load l;
    if (open_load(&l, QUEUE ".deliver") < 0)
        return (struct figure){0};
    double cpu = cpu_seconds();
    uint64_t start = mono_us();
    (void)transport_consume(l.t, QUEUE, PREFETCH);
    while (l.settled < n_messages)
        wait_run(&l);
    struct figure f = since(start, cpu);
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

/* Reads what is there, waiting for the first. Confirms count by how far they reach. */
static unsigned bare_confirms(amqp_connection_state_t c, uint64_t *last)
{
    amqp_frame_t f;
    unsigned n = 0;
    struct timeval none = {0, 0};
    while (amqp_simple_wait_frame_noblock(c, &f, n ? &none : NULL) == AMQP_STATUS_OK) {
        if (f.frame_type == AMQP_FRAME_METHOD && f.payload.method.id == AMQP_BASIC_ACK_METHOD) {
            const amqp_basic_ack_t *a = f.payload.method.decoded;
            n += a->multiple ? (unsigned)(a->delivery_tag - *last) : 1; /* one queue: in order */
            *last = a->delivery_tag;
        }
        amqp_maybe_release_buffers(c);
    }
    return n;
}

static struct figure intake_bare(void)
{
    amqp_connection_state_t c = bare_open("source");
    unsigned sent = 0, confirmed = 0;
    uint64_t last = 0;
    if (!c)
        return (struct figure){0};
    (void)amqp_confirm_select(c, 1);
    double cpu = cpu_seconds();
    uint64_t start = mono_us();
    while (confirmed < n_messages) {
        for (; sent < n_messages && sent - confirmed < WINDOW; sent++) {
            char id[32];
            amqp_basic_properties_t props;
            amqp_table_entry_t table[AMQP_HEADERS_MAX];
            (void)snprintf(id, sizeof id, "m%08u", sent);
            amqp_marks_put(&(struct amqp_marks){.id = id, .first_ms = wall_ms()}, &props, table);
            (void)amqp_basic_publish(c, 1, amqp_text(AMQP_X_HUB), amqp_text(QUEUE), 1, 0, &props,
                                     (amqp_bytes_t){.len = SIZE, .bytes = event});
        }
        confirmed += bare_confirms(c, &last);
    }
    struct figure f = since(start, cpu);
    amqp_link_close(c);
    return f;
}

static struct figure delivery_bare(void)
{
    amqp_connection_state_t c = bare_open(QUEUE ".deliver");
    struct timeval none = {0, 0};
    unsigned got = 0, acked = 0;
    uint64_t tag = 0;
    if (!c)
        return (struct figure){0};
    (void)amqp_basic_qos(c, 1, 0, PREFETCH, 0);
    double cpu = cpu_seconds();
    uint64_t start = mono_us();
    (void)amqp_basic_consume(c, 1, amqp_text(QUEUE), amqp_empty_bytes, 0, 0, 0, amqp_empty_table);
    while (got < n_messages) {
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
    struct figure f = since(start, cpu);
    amqp_link_close(c);
    return f;
}

/* ---- rounds ---- */

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static double median(const struct figure *f, bool cpu)
{
    double v[64];
    for (unsigned i = 0; i < rounds; i++)
        v[i] = cpu ? f[i].cpu_us : f[i].rate;
    qsort(v, rounds, sizeof *v, by_size);
    return v[rounds / 2];
}

static void show(const char *leg, const struct figure *ours, const struct figure *bare)
{
    printf("{\"name\": \"RabbitMQ, %s\", \"unit\": \"messages/s\", \"ours\": %.0f, \"bare\": %.0f, "
           "\"better\": \"more\"}\n",
           leg, median(ours, false), median(bare, false));
    printf("{\"name\": \"RabbitMQ, %s, processor time\", \"unit\": \"us/message\", \"ours\": %.1f, "
           "\"bare\": %.1f, \"better\": \"less\"}\n",
           leg, median(ours, true), median(bare, true));
}

int main(void)
{
    static const struct engine_dest dests[] = {{.name = QUEUE}, {.name = NULL}};
    static struct figure in_ours[64], in_bare[64], out_ours[64], out_bare[64];
    n_messages = setting("BENCH_N", n_messages, 10000000);
    rounds = setting("BENCH_ROUNDS", rounds, 64);
    if (access("/usr/lib/rabbitmq/bin/rabbitmq-server", X_OK) < 0) {
        printf("SKIP: rabbitmq-server is not installed\n");
        return 0;
    }
    memset(event, 'e', SIZE);
    (void)setenv("REEVE_ENGINE", "amqp", 1);
    if (engine_init(&g, dests) < 0 || engine_start(&g) < 0)
        return 1;
    for (unsigned i = 0; i < rounds; i++) {
        in_ours[i] = intake_ours();
        out_bare[i] = delivery_bare();
        in_bare[i] = intake_bare();
        out_ours[i] = delivery_ours();
    }
    show("intake: published and confirmed", in_ours, in_bare);
    show("delivery: consumed and acknowledged", out_ours, out_bare);
    engine_done(&g);
    return 0;
}
