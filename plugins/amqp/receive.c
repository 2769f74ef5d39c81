/* SPDX-License-Identifier: Apache-2.0 */
/* receive - a queue whose messages are documents. A message is held, unacknowledged, from the
 * broker's delivery until the hub has it durably, or has refused it; only then the broker is told.
 * A crash anywhere, or a lost connection, makes the broker deliver it again: the hub gives it the
 * same id.
 *
 * What is held is bounded by the prefetch and by HELD_BYTES: beyond them the socket is not read. */
#include "rabbit.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HELD_BYTES   ((size_t)64 << 20)
#define PREFETCH_MAX 1000
#define CONSUMER     "reeve"
#define ROUND_MS     1000u /* a poll hands over to the host so often */
#define AGAIN_MIN    1000u
#define AGAIN_MAX    60000u

struct held {
    struct held *next;
    uint64_t tag, token; /* token 0: not submitted */
    uint64_t not_before, pause;
    enum message_kind kind;
    enum outcome outcome;
    bool whole, composed, own_id;
    const char *refused; /* before anybody read it: why */
    char *type;          /* content type */
    struct text kept;    /* its properties */
    struct text head;    /* of an event: its attributes */
    struct text body;    /* the body, then the document */
};

struct inbox {
    struct link link;
    struct held *first, *last; /* in the order of delivery */
    size_t n, bytes;
    size_t open_n, settled_n; /* of n: the hub has them; it has said so, and the broker waits */
    uint64_t next_token, max_bytes;
    uint64_t host_again; /* the host took no more: not before */
    bool polling, consuming, keep;
    struct wrap wrap; /* type NULL: plain messages stay plain */
    const char *default_type;
};

/* ---- what the broker sends; with the lock held, from either thread ---- */
static char *type_of(const struct inbox *in, const amqp_basic_properties_t *p)
{
    if ((p->_flags & AMQP_BASIC_CONTENT_TYPE_FLAG) && p->content_type.len > 0)
        return memchr(p->content_type.bytes, 0, p->content_type.len)
                   ? strdup("")
                   : strndup(p->content_type.bytes, p->content_type.len);
    return strdup(in->default_type ? in->default_type : "");
}

static void describe(struct inbox *in, struct held *h, const amqp_basic_properties_t *p)
{
    h->kind = message_kind(p);
    if (h->kind == MESSAGE_BINARY) {
        event_begin(&h->head, p);
        h->own_id = true;
    } else if (h->kind == MESSAGE_PLAIN && in->wrap.type) {
        event_begin_plain(&h->head, p, &in->wrap);
        h->own_id = (p->_flags & AMQP_BASIC_MESSAGE_ID_FLAG) && p->message_id.len > 0;
    }
    if (in->keep && h->head.len)
        h->refused = properties_write(&h->kept, p);
}

static void on_header(void *arg, const struct delivery *d, const amqp_basic_properties_t *p,
                      uint64_t bytes)
{
    struct inbox *in = arg;
    struct held *h = in->n < PREFETCH_MAX ? calloc(1, sizeof(*h)) : NULL;
    char *type = h ? type_of(in, p) : NULL;
    if (!type) { /* the connection is given up: it all comes again */
        free(h);
        (void)link_status(&in->link, "a message was not taken", AMQP_STATUS_NO_MEMORY);
        return;
    }
    h->tag = d->tag;
    h->type = type;
    if (in->last)
        in->last->next = h;
    else
        in->first = h;
    in->last = h;
    in->n++;
    if (bytes > in->max_bytes)
        h->refused = "it is larger than max_size";
    else
        describe(in, h, p);
    if (!h->refused)
        text_reserve(&h->body, (size_t)bytes);
}

static void on_body(void *arg, const void *p, size_t len)
{
    struct inbox *in = arg;
    struct held *h = in->last;
    if (!h || h->refused)
        return;
    text_add(&h->body, p, len);
    in->bytes += len;
    if (h->body.bad)
        (void)link_status(&in->link, "a message was not taken", AMQP_STATUS_NO_MEMORY);
}

static void on_whole(void *arg)
{
    struct inbox *in = arg;
    struct held *h = in->last;
    if (h)
        h->whole = true;
    in->link.hold = in->bytes >= HELD_BYTES;
}

/* ---- what is held ---- */
static void count(struct inbox *in)
{
    in->bytes = in->open_n = in->settled_n = 0;
    for (const struct held *h = in->first; h; h = h->next) {
        in->bytes += h->body.len;
        in->settled_n += h->outcome != OUTCOME_OPEN;
        in->open_n += h->token && h->outcome == OUTCOME_OPEN;
    }
    in->link.hold = in->bytes >= HELD_BYTES;
}

static void held_free(struct held *h)
{
    free(h->type);
    text_free(&h->kept);
    text_free(&h->head);
    text_free(&h->body);
    free(h);
}

/* Forgets those that fit; in order. */
static void forget(struct inbox *in, bool (*fits)(const struct held *))
{
    in->last = NULL;
    for (struct held **at = &in->first; *at;) {
        struct held *h = *at;
        if (!fits(h)) {
            at = &h->next;
            in->last = h;
            continue;
        }
        *at = h->next;
        held_free(h);
        in->n--;
    }
    count(in);
}

static bool settled_ones(const struct held *h)
{
    return h->outcome != OUTCOME_OPEN;
}

static bool all_ones(const struct held *h)
{
    (void)h;
    return true;
}

static bool not_submitted(const struct held *h)
{
    return h->whole && h->token == 0 && h->outcome == OUTCOME_OPEN;
}

/* ---- acknowledging ---- */
static void send_ack(struct link *l, const struct ack *a)
{
    if (!link_up(l))
        return;
    int r = a->nack ? amqp_basic_nack(l->conn, 1, a->tag, 0, 0)
                    : amqp_basic_ack(l->conn, 1, a->tag, a->multiple);
    (void)link_status(l, "acknowledging", r);
}

/* What has been settled is told to the broker and forgotten. Should the connection be lost in
 * between, it comes again. */
static void tell_broker(struct inbox *in)
{
    struct settlement s[PREFETCH_MAX];
    struct ack acks[PREFETCH_MAX];
    size_t n = 0;
    if (in->settled_n == 0)
        return;
    for (const struct held *h = in->first; h && n < PREFETCH_MAX; h = h->next)
        s[n++] = (struct settlement){.tag = h->tag, .outcome = h->outcome};
    link_guard(&in->link, 10000);
    size_t made = acks_plan(s, n, acks);
    for (size_t i = 0; i < made; i++)
        send_ack(&in->link, &acks[i]);
    link_guard(&in->link, 0);
    forget(in, settled_ones);
}

/* Many at a time, but never so few that the broker, which sends no more than the prefetch, and the
 * hub wait for each other. */
static bool worth_telling(const struct inbox *in)
{
    return in->open_n == 0 || in->settled_n >= in->n / 2;
}

static void settle(struct inbox *in, struct held *h, enum outcome outcome)
{
    h->outcome = outcome;
    in->settled_n++;
}

static void refuse(reeve_ctx *ctx, struct inbox *in, struct held *h)
{
    const char *how = reeve_conf(ctx, "rejected", 0);
    settle(in, h, how && strcmp(how, "drop") == 0 ? OUTCOME_ACK : OUTCOME_NACK);
}

static void say_refused(reeve_ctx *ctx, const struct held *h, const char *why, const char *receipt)
{
    reeve_log(ctx, 4, "a message was refused and is %s: %s%s%s",
              h->outcome == OUTCOME_ACK ? "dropped" : "rejected to the broker", why,
              receipt ? ", receipt " : "", receipt ? receipt : "");
}

static void again_later(struct held *h)
{
    h->token = 0;
    h->pause = h->pause ? h->pause * 2 : AGAIN_MIN;
    if (h->pause > AGAIN_MAX)
        h->pause = AGAIN_MAX;
    h->not_before = monotonic_ms() + h->pause;
}

void inbox_settled(reeve_ctx *ctx, struct inbox *in, uint64_t token, reeve_rc rc,
                   const reeve_report *report)
{
    link_lock(&in->link);
    struct held *h = in->first;
    while (h && h->token != token)
        h = h->next;
    in->open_n -= h != NULL;
    if (h && rc == REEVE_OK) {
        settle(in, h, OUTCOME_ACK);
    } else if (h && rc == REEVE_REJECT) {
        refuse(ctx, in, h);
        say_refused(ctx, h, "the hub's journal has the reasons",
                    reeve_report_get(report, "receipt"));
    } else if (h) {
        again_later(h);
    } /* else: of a connection that was lost; the broker delivers it again */
    if (h && link_up(&in->link) && (!in->polling || worth_telling(in)))
        tell_broker(in);
    link_unlock(&in->link);
}

/* ---- submitting ---- */
static void compose(reeve_ctx *ctx, const struct inbox *in, struct held *h)
{
    struct text *out = &h->head;
    h->composed = true;
    if (h->kind == MESSAGE_STRUCTURED || (h->kind == MESSAGE_PLAIN && !in->wrap.type))
        return;
    if (!h->own_id)
        event_plain_id(out, h->type, h->body.p, h->body.len);
    if (h->kept.len)
        event_member(out, KEPT_ATTRIBUTE, h->kept.p, h->kept.len);
    event_end(ctx, out, h->type, h->body.p, h->body.len);
    text_free(&h->body);
    h->body = h->head;
    h->head = (struct text){.p = NULL};
    free(h->type);
    h->type = strdup("application/cloudevents+json");
}

/* With the lock held; it is given up while the host is at work. false: the host takes no more now.
 */
static bool submit(reeve_ctx *ctx, struct inbox *in, struct held *h)
{
    if (!h->composed)
        compose(ctx, in, h);
    if (h->body.bad || !h->type) {
        again_later(h);
        return false;
    }
    h->token = in->next_token++;
    link_unlock(&in->link);
    reeve_rc rc = reeve_submit(ctx, h->token, *h->type ? h->type : NULL, NULL, -1,
                               h->body.p ? h->body.p : "", h->body.len);
    link_lock(&in->link);
    if (rc == REEVE_OK) {
        in->open_n++;
        return true;
    }
    h->token = 0;
    in->host_again = monotonic_ms() + AGAIN_MIN;
    return false;
}

static struct held *next_ready(struct inbox *in, uint64_t now)
{
    struct held *h = in->host_again > now ? NULL : in->first;
    while (h && (!h->whole || h->token || h->outcome != OUTCOME_OPEN || h->not_before > now))
        h = h->next;
    return h;
}

static void submit_ready(reeve_ctx *ctx, struct inbox *in, uint64_t until)
{
    struct held *h;
    while ((h = next_ready(in, monotonic_ms())) && link_up(&in->link)) {
        if (h->refused) {
            refuse(ctx, in, h);
            say_refused(ctx, h, h->refused, NULL);
        } else if (!submit(ctx, in, h) || monotonic_ms() >= until) {
            break;
        }
        (void)link_turn(&in->link);
    }
    tell_broker(in);
    count(in);
}

/* ---- connecting ---- */
static reeve_rc subscribe(reeve_ctx *ctx, struct inbox *in)
{
    struct link *l = &in->link;
    amqp_bytes_t queue = amqp_cstring_bytes(in->wrap.queue);
    (void)amqp_queue_declare(l->conn, 1, queue, 1, 0, 0, 0, amqp_empty_table);
    bool ok = link_reply(l, "looking for the queue", amqp_get_rpc_reply(l->conn));
    if (ok) {
        (void)amqp_basic_qos(l->conn, 1, 0, (uint16_t)reeve_conf_int(ctx, "prefetch"), 0);
        ok = link_reply(l, "setting the prefetch", amqp_get_rpc_reply(l->conn));
    }
    if (ok) {
        (void)amqp_basic_consume(l->conn, 1, queue, amqp_cstring_bytes(CONSUMER), 0, 0, 0,
                                 amqp_empty_table);
        ok = link_reply(l, "consuming", amqp_get_rpc_reply(l->conn));
    }
    in->consuming = ok;
    if (ok) {
        reeve_log(ctx, 6, "consumes queue %.100s at %.100s", in->wrap.queue,
                  reeve_conf(ctx, "brokers", l->at));
        return REEVE_OK;
    }
    reeve_rc rc = reeve_fail(ctx, REEVE_DOWN, "%s", l->why);
    link_close(l);
    forget(in, all_ones);
    return rc;
}

/* What the lost connection had delivered is unknown to the next one. */
static reeve_rc drop(reeve_ctx *ctx, struct inbox *in)
{
    reeve_rc rc = reeve_fail(ctx, REEVE_DOWN, "%s", in->link.why);
    link_close(&in->link);
    forget(in, all_ones);
    return rc;
}

static reeve_rc connect(reeve_ctx *ctx, struct inbox *in)
{
    link_close(&in->link);
    forget(in, all_ones);
    reeve_rc rc = link_open(ctx, &in->link);
    return rc == REEVE_OK ? subscribe(ctx, in) : rc;
}

/* Asked to stop, or paused: others may have what the hub has not seen. What it has seen is
 * acknowledged as it is settled. */
static void stand_down(struct inbox *in)
{
    struct link *l = &in->link;
    link_guard(l, 5000);
    for (const struct held *h = in->first; h && link_up(l); h = h->next) {
        if (not_submitted(h))
            (void)link_status(l, "giving back", amqp_basic_nack(l->conn, 1, h->tag, 0, 1));
    }
    link_guard(l, 0);
    forget(in, not_submitted);
}

static void cancel(struct inbox *in)
{
    struct link *l = &in->link;
    in->consuming = false;
    link_guard(l, 5000);
    if (link_up(l)) {
        (void)amqp_basic_cancel(l->conn, 1, amqp_cstring_bytes(CONSUMER));
        (void)link_reply(l, "ceasing to consume", amqp_get_rpc_reply(l->conn));
    }
    link_guard(l, 0);
    if (link_turn(l))
        stand_down(in);
}

/* ---- the poll ---- */
static uint64_t patience(struct inbox *in)
{
    uint64_t now = monotonic_ms(), ms = link_patience(&in->link);
    for (const struct held *h = in->first; h; h = h->next) {
        if (!h->whole || h->token || h->outcome != OUTCOME_OPEN)
            continue;
        uint64_t at = h->not_before > in->host_again ? h->not_before : in->host_again;
        uint64_t left = at > now ? at - now : 0;
        ms = left < ms ? left : ms;
    }
    return ms;
}

static reeve_rc go_round(reeve_ctx *ctx, struct inbox *in)
{
    uint64_t until = monotonic_ms() + ROUND_MS;
    while (monotonic_ms() < until) {
        if (!link_turn(&in->link))
            return drop(ctx, in);
        submit_ready(ctx, in, until);
        if (!link_up(&in->link))
            return drop(ctx, in);
        uint64_t ms = patience(in);
        int fd = in->link.hold ? -1 : in->link.fd;
        if (amqp_data_in_buffer(in->link.conn) || amqp_frames_enqueued(in->link.conn))
            ms = 0;
        link_unlock(&in->link);
        int r = reeve_wait(ctx, fd, ms);
        link_lock(&in->link);
        if (r < 0) {
            cancel(in);
            return REEVE_OK;
        }
        tell_broker(in);
    }
    return REEVE_OK;
}

reeve_rc inbox_poll(reeve_ctx *ctx, struct inbox *in)
{
    reeve_rc rc = REEVE_OK;
    link_lock(&in->link);
    in->polling = true;
    if (!link_up(&in->link))
        rc = connect(ctx, in);
    else if (!in->consuming) /* resumed: what was submitted before is still held */
        rc = subscribe(ctx, in);
    if (rc == REEVE_OK)
        rc = go_round(ctx, in);
    in->polling = false;
    link_unlock(&in->link);
    return rc;
}

/* ---- opening ---- */
static const struct link_events events = {.header = on_header, .body = on_body, .whole = on_whole};

struct inbox *inbox_new(reeve_ctx *ctx)
{
    struct inbox *in = calloc(1, sizeof(*in));
    if (!in || link_init(&in->link, &events, in) < 0) {
        free(in);
        (void)reeve_fail(ctx, REEVE_FATAL, "no memory or no thread for a connection");
        return NULL;
    }
    const char *properties = reeve_conf(ctx, "properties", 0);
    in->next_token = 1;
    in->max_bytes = (uint64_t)reeve_conf_int(ctx, "max_size");
    in->keep = properties && strcmp(properties, "keep") == 0;
    in->wrap.type = reeve_conf(ctx, "wrap", 0);
    in->wrap.vhost = reeve_conf(ctx, "vhost", 0);
    in->wrap.queue = reeve_conf(ctx, "queue", 0);
    in->default_type = reeve_conf(ctx, "content_type", 0);
    return in;
}

void inbox_free(struct inbox *in)
{
    if (!in)
        return;
    link_lock(&in->link);
    if (link_up(&in->link))
        tell_broker(in);
    link_close(&in->link);
    forget(in, all_ones);
    link_unlock(&in->link);
    link_done(&in->link);
    free(in);
}
