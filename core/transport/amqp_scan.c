/* SPDX-License-Identifier: Apache-2.0 */
/* amqp_scan - looking at a queue without disturbing it: see amqp_ask.h. */
#include "amqp_ask.h"
#include "base/util.h"
#include <amqp_framing.h>
#include <errno.h>
#include <string.h>

#define FIRST_CHANNEL 2
#define LAST_CHANNEL  15     /* and of amqp_ask_sure(), which is over before */
#define PREFETCH_MAX  65535u /* AMQP's 16 bits; 0 is no more: quorum queues take it for 2,000 */
#define TAG           "look"
#define SILENCE_MS    500u /* then the queue is asked again whether it has any */

/* What arrived when a delivery was waited for. 0: nothing that matters. */
static int odd_frame(amqp_connection_state_t c, struct err *e)
{
    amqp_frame_t f;
    struct timeval now = {.tv_sec = 0};
    int r = amqp_simple_wait_frame_noblock(c, &f, &now);
    if (r == AMQP_STATUS_TIMEOUT)
        return 0;
    if (r != AMQP_STATUS_OK)
        return err_set(e, -EIO, "transport", "taking messages: %s", amqp_error_string2(r));
    if (f.frame_type != AMQP_FRAME_METHOD)
        return 0;
    const amqp_channel_close_t *ch = f.payload.method.decoded;
    const amqp_connection_close_t *co = f.payload.method.decoded;
    switch (f.payload.method.id) {
    case AMQP_CHANNEL_CLOSE_METHOD:
        return amqp_close_reason(ch->reply_code, ch->reply_text, "taking messages", e);
    case AMQP_CONNECTION_CLOSE_METHOD:
        return amqp_close_reason(co->reply_code, co->reply_text, "taking messages", e);
    case AMQP_BASIC_CANCEL_METHOD:
        return err_set(e, -ENOENT, "destination-unknown", "a queue was deleted in the broker");
    default:
        return 0; /* blocked, unblocked: nothing is published here */
    }
}

int amqp_ask_delivery(amqp_connection_state_t c, unsigned wait_ms, amqp_envelope_t *ret,
                      struct err *e)
{
    for (uint64_t until = mono_ms() + wait_ms;;) {
        uint64_t now = mono_ms(), left = now < until ? until - now : 0;
        struct timeval wait = amqp_wait_of(left);
        amqp_maybe_release_buffers(c);
        amqp_rpc_reply_t reply = amqp_consume_message(c, ret, &wait, 0);
        if (reply.reply_type == AMQP_RESPONSE_NORMAL)
            return 1;
        if (reply.reply_type != AMQP_RESPONSE_LIBRARY_EXCEPTION)
            return err_set(e, -EIO, "transport", "taking messages: the broker ends it");
        if (reply.library_error == AMQP_STATUS_TIMEOUT)
            return 0;
        if (reply.library_error != AMQP_STATUS_UNEXPECTED_STATE)
            return err_set(e, -EIO, "transport", "taking messages: %s",
                           amqp_error_string2(reply.library_error));
        int r = odd_frame(c, e);
        if (r < 0)
            return r;
    }
}

static int consume(struct amqp_scan *s, amqp_channel_t channel, uint32_t prefetch,
                   amqp_table_t arguments, struct err *e)
{
    (void)amqp_basic_qos(s->c, channel, 0, (uint16_t)prefetch, 0);
    int r = amqp_ask_reply(s->c, channel, "bounding what is taken", e);
    if (r < 0)
        return r;
    (void)amqp_basic_consume(s->c, channel, amqp_text(s->queue), amqp_text(TAG), 0, 0, 0,
                             arguments);
    return amqp_ask_reply(s->c, channel, "taking messages", e);
}

static int more_room(struct amqp_scan *s, uint32_t prefetch, struct err *e)
{
    if (s->channel == LAST_CHANNEL)
        return err_set(e, -E2BIG, "transport", "queue %s holds too many messages to look at",
                       s->queue);
    amqp_channel_t next = s->channel ? (amqp_channel_t)(s->channel + 1) : FIRST_CHANNEL;
    int r = amqp_link_channel(s->c, next, e);
    if (r < 0)
        return r;
    s->channel = next;
    s->room = prefetch;
    return consume(s, next, prefetch, amqp_empty_table, e);
}

int amqp_scan_begin(struct amqp_scan *s, amqp_connection_state_t c, const char *queue, uint64_t max,
                    uint32_t first, struct err *e)
{
    uint64_t ready = 0;
    *s = (struct amqp_scan){.c = c, .queue = queue};
    int r = amqp_ask_sure(c, queue, &ready, NULL, e);
    s->back = ready;
    s->left = ready < max ? ready : max;
    if (r < 0 || s->left == 0)
        return r;
    return more_room(s, first && first < PREFETCH_MAX ? first : PREFETCH_MAX, e);
}

static void take_over(struct amqp_got *ret, amqp_envelope_t *d)
{
    ret->m = d->message;
    ret->tag = d->delivery_tag;
    ret->key[0] = '\0';
    if (d->routing_key.len < sizeof ret->key && d->routing_key.len > 0) {
        memcpy(ret->key, d->routing_key.bytes, d->routing_key.len);
        ret->key[d->routing_key.len] = '\0';
    }
    amqp_bytes_free(d->routing_key);
    amqp_bytes_free(d->exchange);
    amqp_bytes_free(d->consumer_tag);
    amqp_marks_get(&ret->m.properties, &ret->hold, &ret->marks);
}

int amqp_scan_next(struct amqp_scan *s, struct amqp_got *ret, struct err *e)
{
    amqp_envelope_t d;
    int r = 0;
    if (s->left > 0 && s->room == 0)
        r = more_room(s, PREFETCH_MAX, e);
    for (uint64_t until = mono_ms() + AMQP_WAIT_MS; r == 0 && s->left > 0;) {
        uint64_t ready = 0;
        r = amqp_ask_delivery(s->c, SILENCE_MS, &d, e);
        if (r != 0)
            break;
        r = amqp_ask_count(s->c, s->queue, &ready, NULL, e);
        if (r == 0 && ready == 0)
            s->left = 0; /* somebody else took them, or they expired */
        else if (r == 0 && mono_ms() >= until)
            r = err_set(e, -ETIMEDOUT, "transport", "the broker does not give what queue %s holds",
                        s->queue);
    }
    if (r != 1)
        return r;
    take_over(ret, &d);
    s->room--;
    ret->left = --s->left;
    return 1;
}

int amqp_scan_remove(struct amqp_scan *s, uint64_t tag, struct err *e)
{
    s->back -= s->back > 0;
    s->room++; /* the broker gives the next for it */
    return amqp_ask_ack(s->c, s->channel, tag, e);
}

/* Sends a method and reads until its answer is there. What is on its way still is thrown away: the
 * library would pile it up. */
static int call(struct amqp_scan *s, amqp_channel_t channel, amqp_method_number_t id, void *method,
                amqp_method_number_t answer, struct err *e)
{
    int r = amqp_send_method(s->c, channel, id, method);
    for (;;) {
        struct timeval wait = amqp_wait_of(AMQP_WAIT_MS);
        amqp_frame_t f;
        amqp_maybe_release_buffers(s->c);
        r = r == AMQP_STATUS_OK ? amqp_simple_wait_frame_noblock(s->c, &f, &wait) : r;
        if (r != AMQP_STATUS_OK)
            return err_set(e, -EIO, "transport", "giving messages back: %s", amqp_error_string2(r));
        if (f.frame_type == AMQP_FRAME_METHOD && f.channel == channel &&
            f.payload.method.id == answer)
            return 0;
    }
}

static int cancel(struct amqp_scan *s, amqp_channel_t channel, struct err *e)
{
    amqp_basic_cancel_t m = {.consumer_tag = amqp_text(TAG)};
    return call(s, channel, AMQP_BASIC_CANCEL_METHOD, &m, AMQP_BASIC_CANCEL_OK_METHOD, e);
}

static int leave(struct amqp_scan *s, amqp_channel_t channel, struct err *e)
{
    amqp_channel_close_t m = {.reply_code = AMQP_REPLY_SUCCESS};
    return call(s, channel, AMQP_CHANNEL_CLOSE_METHOD, &m, AMQP_CHANNEL_CLOSE_OK_METHOD, e);
}

/* First all consumers end: one that is left would be given what the others give back. */
int amqp_scan_end(struct amqp_scan *s, struct err *e)
{
    int r = 0;
    for (amqp_channel_t i = FIRST_CHANNEL; s->channel && i <= s->channel && r == 0; i++)
        r = cancel(s, i, e);
    for (amqp_channel_t i = FIRST_CHANNEL; s->channel && i <= s->channel && r == 0; i++)
        r = leave(s, i, e);
    r = r < 0 || !s->channel ? r : amqp_ask_wait_back(s->c, s->queue, s->back, e);
    s->channel = 0;
    return r;
}

/* A consumer without credit (an extension of RabbitMQ's) is given nothing; where that is not known,
 * it is one message at most, and it comes back. */
static int ask_leader(struct amqp_scan *s, struct err *e)
{
    amqp_table_entry_t none[] = {
        {.key = amqp_text("credit"), .value = {.kind = AMQP_FIELD_KIND_I64, .value.i64 = 0}},
        {.key = amqp_text("drain"), .value = {.kind = AMQP_FIELD_KIND_BOOLEAN}}};
    amqp_table_entry_t credit = {
        .key = amqp_text("x-credit"),
        .value = {.kind = AMQP_FIELD_KIND_TABLE,
                  .value.table = {.num_entries = ARRAY_SIZE(none), .entries = none}}};
    int r = amqp_link_channel(s->c, LAST_CHANNEL, e);
    if (r < 0)
        return r;
    struct err end;
    r = consume(s, LAST_CHANNEL, 1, (amqp_table_t){.num_entries = 1, .entries = &credit}, e);
    r = r < 0 ? r : cancel(s, LAST_CHANNEL, e);
    int left = r == -EIO ? 0 : leave(s, LAST_CHANNEL, r < 0 ? &end : e); /* who is silent is left */
    return r < 0 ? r : left;
}

/* Who is silent does not say of which queue. */
static int name_the_queue(int r, const char *queue, struct err *e)
{
    return r == -EIO ? err_prefix(e, r, "queue %s", queue) : r;
}

int amqp_ask_sure(amqp_connection_state_t c, const char *queue, uint64_t *ret_ready,
                  uint32_t *ret_consumers, struct err *e)
{
    struct amqp_scan s = {.c = c, .queue = queue};
    uint64_t before = 0;
    int r = amqp_ask_count(c, queue, &before, ret_consumers, e);
    if (r < 0)
        return name_the_queue(r, queue, e);
    r = ask_leader(&s, e);
    if (r < 0)
        return err_prefix(e, r, "queue %s, whose leader is to say what it holds", queue);
    r = amqp_ask_wait_back(c, queue, before, e);
    r = r < 0 ? r : amqp_ask_count(c, queue, ret_ready, NULL, e);
    return name_the_queue(r, queue, e);
}
