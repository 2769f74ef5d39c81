/* SPDX-License-Identifier: Apache-2.0 */
/* amqp - a party's own RabbitMQ as a system: its queues are read (receive.c), its exchanges are
 * published to (deliver.c). Nothing is ever declared there: what its broker looks like is the
 * party's. */
#include "rabbit.h"
#include <stdlib.h>

struct both {
    struct inbox *in;
    struct outbox *out;
};

/* Which side this instance is shows in the first call. */
static reeve_rc rabbit_open(reeve_ctx *ctx, void **inst)
{
    struct both *b = calloc(1, sizeof(*b));
    if (!b)
        return reeve_fail(ctx, REEVE_FATAL, "out of memory");
    *inst = b;
    return REEVE_OK;
}

static void rabbit_close(reeve_ctx *ctx, void *inst)
{
    struct both *b = inst;
    (void)ctx;
    inbox_free(b->in);
    outbox_free(b->out);
    free(b);
}

static reeve_rc rabbit_poll(reeve_ctx *ctx, void *inst)
{
    struct both *b = inst;
    if (!b->in)
        b->in = inbox_new(ctx);
    return b->in ? inbox_poll(ctx, b->in) : REEVE_FATAL;
}

static void rabbit_settled(reeve_ctx *ctx, void *inst, uint64_t token, reeve_rc rc,
                           const reeve_report *report)
{
    struct both *b = inst;
    if (b->in)
        inbox_settled(ctx, b->in, token, rc, report);
}

static reeve_rc rabbit_deliver(reeve_ctx *ctx, void *inst, reeve_job *const *jobs, size_t n)
{
    struct both *b = inst;
    if (!b->out)
        b->out = outbox_new(ctx);
    return b->out ? outbox_deliver(ctx, b->out, jobs, n) : REEVE_FATAL;
}

/* The queue or the exchange is there, and the user may see it. */
static reeve_rc look(reeve_ctx *ctx, struct link *l)
{
    const char *queue = reeve_conf(ctx, "queue", 0), *exchange = reeve_conf(ctx, "exchange", 0);
    bool ok = true;
    if (queue) {
        (void)amqp_queue_declare(l->conn, 1, amqp_cstring_bytes(queue), 1, 0, 0, 0,
                                 amqp_empty_table);
        ok = link_reply(l, "looking for the queue", amqp_get_rpc_reply(l->conn));
    } else if (exchange && *exchange) {
        (void)amqp_exchange_declare(l->conn, 1, amqp_cstring_bytes(exchange), amqp_empty_bytes, 1,
                                    0, 0, 0, amqp_empty_table);
        ok = link_reply(l, "looking for the exchange", amqp_get_rpc_reply(l->conn));
    }
    return ok ? REEVE_OK : reeve_fail(ctx, REEVE_DOWN, "%s", l->why);
}

static reeve_rc rabbit_check(reeve_ctx *ctx, void *inst)
{
    static const struct link_events none;
    struct link l;
    (void)inst;
    if (link_init(&l, &none, NULL) < 0)
        return reeve_fail(ctx, REEVE_RETRY, "no thread for a connection");
    link_lock(&l);
    reeve_rc rc = link_open(ctx, &l);
    if (rc == REEVE_OK)
        rc = look(ctx, &l);
    link_close(&l);
    link_unlock(&l);
    link_done(&l);
    return rc;
}

#define RECEIVE REEVE_OPT_RECEIVE
#define DELIVER REEVE_OPT_DELIVER
static const struct reeve_option options[] = {
    {.key = "brokers",
     .type = REEVE_T_STR,
     .flags = REEVE_OPT_REQUIRED | REEVE_OPT_LIST,
     .help = "HOST:PORT of the broker; of several, the first that takes us."},
    {.key = "vhost", .type = REEVE_T_STR, .def = "/", .help = "The virtual host."},
    {.key = "user", .type = REEVE_T_STR, .help = "The user's name; guest when there is none."},
    {.key = "password", .type = REEVE_T_SECRET, .help = "The user's password."},
    {.key = "tls",
     .type = REEVE_T_BOOL,
     .help = "TLS, also without ca; false: plain AMQP to another machine is meant."},
    {.key = "ca",
     .type = REEVE_T_PATH,
     .help = "File of the certificates to trust, instead of the system's; with it TLS is spoken."},
    {.key = "certificate",
     .type = REEVE_T_PATH,
     .help = "File of our certificate (PEM); without a password it says who we are."},
    {.key = "key", .type = REEVE_T_PATH, .help = "File of its key (PEM), when it is another."},
    {.key = "heartbeat",
     .type = REEVE_T_SECONDS,
     .def = "10s",
     .allowed = "1s..10m",
     .help = "A peer that is silent for twice as long is away."},
    {.key = "timeout",
     .type = REEVE_T_SECONDS,
     .def = "30s",
     .allowed = "1s..10m",
     .help = "For the confirms of one batch, and at most 10 s of it for connecting."},
    {.key = "queue",
     .type = REEVE_T_STR,
     .flags = REEVE_OPT_REQUIRED | RECEIVE,
     .help = "The queue to consume; it must be there."},
    {.key = "prefetch",
     .type = REEVE_T_INT,
     .def = "100",
     .allowed = "1..1000",
     .flags = RECEIVE,
     .help = "Messages that are held at a time, not yet acknowledged."},
    {.key = "rejected",
     .type = REEVE_T_CHOICE,
     .allowed = "dead-letter|drop",
     .def = "dead-letter",
     .flags = RECEIVE,
     .help = "What the hub refuses: rejected, for the queue's dead-letter exchange, or dropped."},
    {.key = "max_size",
     .type = REEVE_T_BYTES,
     .def = "128M",
     .allowed = "1..1G",
     .flags = RECEIVE,
     .help = "Larger messages are refused."},
    {.key = "content_type",
     .type = REEVE_T_STR,
     .flags = RECEIVE,
     .help = "What messages are that do not say it themselves."},
    {.key = "wrap",
     .type = REEVE_T_STR,
     .flags = RECEIVE,
     .help = "A message that is no CloudEvent becomes one of this type."},
    {.key = "properties",
     .type = REEVE_T_CHOICE,
     .allowed = "drop|keep",
     .def = "drop",
     .flags = RECEIVE,
     .help = "Keep the AMQP properties and headers of events in the attribute " KEPT_ATTRIBUTE "."},
    {.key = "exchange",
     .type = REEVE_T_STR,
     .flags = DELIVER,
     .help = "The exchange to publish to; none: the default exchange."},
    {.key = "routing_key",
     .type = REEVE_T_STR,
     .flags = REEVE_OPT_REQUIRED | DELIVER,
     .help = "The routing key; {type} stands for that attribute of the message."},
    {.key = "prefix",
     .type = REEVE_T_CHOICE,
     .allowed = "cloudEvents_|cloudEvents:|ce-|none",
     .def = "cloudEvents_",
     .flags = DELIVER,
     .help = "Binary events: what the headers of attributes begin with, or that there are none."},
    {.key = NULL}};

REEVE_PLUGIN(.name = "amqp", .version = "1.0",
             .summary = "queues of a party's own RabbitMQ, messages published to it",
             .options = options, .open = rabbit_open, .close = rabbit_close, .check = rabbit_check,
             .poll = rabbit_poll, .settled = rabbit_settled, .deliver = rabbit_deliver,
             .max_batch = WINDOW_MESSAGES, .source_flags = REEVE_SOURCE_COMPETES);
