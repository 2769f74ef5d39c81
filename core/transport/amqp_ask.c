/* SPDX-License-Identifier: Apache-2.0 */
/* amqp_ask - see amqp_ask.h. */
#include "amqp_ask.h"
#include "base/util.h"
#include <amqp_framing.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#define CONFIRM_MS 30000u /* a large message to a busy broker */
#define AGAIN_MS   20u
#define BACK_MS    200u

static int reopen(amqp_connection_state_t c, amqp_channel_t channel, struct err *e)
{
    amqp_channel_close_ok_t ok = {.dummy = '\0'};
    int r = amqp_send_method(c, channel, AMQP_CHANNEL_CLOSE_OK_METHOD, &ok);
    if (r != AMQP_STATUS_OK)
        return err_set(e, -EIO, "transport", "closing a channel: %s", amqp_error_string2(r));
    return amqp_link_channel(c, channel, e);
}

/* The broker closed the channel and why is in e: opens it, and returns r unless that fails. */
static int after_close(amqp_connection_state_t c, amqp_channel_t channel, int r, struct err *e)
{
    struct err again;
    int o = reopen(c, channel, &again);
    if (o < 0)
        *e = again;
    return o < 0 ? o : r;
}

static bool closed_channel(const amqp_rpc_reply_t *reply)
{
    return reply->reply_type == AMQP_RESPONSE_SERVER_EXCEPTION &&
           reply->reply.id == AMQP_CHANNEL_CLOSE_METHOD;
}

int amqp_ask_reply(amqp_connection_state_t c, amqp_channel_t channel, const char *what,
                   struct err *e)
{
    amqp_rpc_reply_t reply = amqp_get_rpc_reply(c);
    int r = amqp_link_reply(c, what, e);
    if (r < 0 && closed_channel(&reply))
        return after_close(c, channel, r, e);
    amqp_maybe_release_buffers(c);
    return r;
}

int amqp_ask_count(amqp_connection_state_t c, const char *queue, uint64_t *ret_ready,
                   uint32_t *ret_consumers, struct err *e)
{
    const amqp_queue_declare_ok_t *ok =
        amqp_queue_declare(c, 1, amqp_text(queue), 1, 0, 0, 0, amqp_empty_table);
    if (ok) {
        *ret_ready = ok->message_count;
        if (ret_consumers)
            *ret_consumers = ok->consumer_count;
    }
    return amqp_ask_reply(c, 1, "asking for a queue", e);
}

int amqp_ask_get(amqp_connection_state_t c, amqp_channel_t channel, const char *queue,
                 struct amqp_got *ret, struct err *e)
{
    amqp_maybe_release_buffers(c);
    amqp_rpc_reply_t reply = amqp_basic_get(c, channel, amqp_text(queue), 0);
    if (reply.reply_type != AMQP_RESPONSE_NORMAL) {
        int r = amqp_link_reply(c, "taking a message", e);
        if (r == 0)
            r = err_set(e, -EIO, "transport", "taking a message: %s",
                        amqp_error_string2(reply.library_error));
        return closed_channel(&reply) ? after_close(c, channel, r, e) : r;
    }
    if (reply.reply.id != AMQP_BASIC_GET_OK_METHOD)
        return 0;
    const amqp_basic_get_ok_t *ok = reply.reply.decoded;
    ret->tag = ok->delivery_tag;
    ret->left = ok->message_count;
    reply = amqp_read_message(c, channel, &ret->m, 0);
    if (reply.reply_type != AMQP_RESPONSE_NORMAL)
        return err_set(e, -EIO, "transport", "reading a message: %s",
                       amqp_error_string2(reply.library_error));
    amqp_marks_get(&ret->m.properties, &ret->hold, &ret->marks);
    return 1;
}

void amqp_got_done(struct amqp_got *g)
{
    amqp_destroy_message(&g->m);
}

int amqp_ask_close(amqp_connection_state_t c, amqp_channel_t channel, struct err *e)
{
    amqp_rpc_reply_t reply = amqp_channel_close(c, channel, AMQP_REPLY_SUCCESS);
    return reply.reply_type == AMQP_RESPONSE_NORMAL
               ? 0
               : err_set(e, -EIO, "transport", "the connection to the broker is lost");
}

int amqp_ask_give_back(amqp_connection_state_t c, amqp_channel_t channel, struct err *e)
{
    int r = amqp_ask_close(c, channel, e);
    return r < 0 ? r : amqp_link_channel(c, channel, e);
}

int amqp_ask_wait_back(amqp_connection_state_t c, const char *queue, uint64_t at_least,
                       struct err *e)
{
    uint64_t ready = 0, until = mono_ms() + BACK_MS;
    for (;;) {
        int r = amqp_ask_count(c, queue, &ready, NULL, e);
        if (r < 0 || ready >= at_least || mono_ms() >= until)
            return r;
        (void)poll(NULL, 0, 1);
    }
}

int amqp_ask_ack(amqp_connection_state_t c, amqp_channel_t channel, uint64_t tag, struct err *e)
{
    int r = amqp_basic_ack(c, channel, tag, 0);
    return r == AMQP_STATUS_OK
               ? 0
               : err_set(e, -EIO, "transport", "acknowledging: %s", amqp_error_string2(r));
}

int amqp_ask_confirm_mode(amqp_connection_state_t c, amqp_channel_t channel, struct err *e)
{
    (void)amqp_confirm_select(c, channel);
    return amqp_ask_reply(c, channel, "asking for confirms", e);
}

struct outcome {
    bool ended, returned, blocked;
    int r;
};

/* A return is followed by its message, and later by an ack. */
static int read_return(amqp_connection_state_t c, amqp_channel_t channel, struct outcome *o,
                       struct err *e)
{
    amqp_message_t m;
    o->returned = true;
    amqp_rpc_reply_t reply = amqp_read_message(c, channel, &m, 0);
    if (reply.reply_type != AMQP_RESPONSE_NORMAL)
        return err_set(e, -EIO, "transport", "reading what came back: %s",
                       amqp_error_string2(reply.library_error));
    amqp_destroy_message(&m);
    return 0;
}

static int one_frame(amqp_connection_state_t c, amqp_channel_t channel, const amqp_frame_t *f,
                     const char *key, struct outcome *o, struct err *e)
{
    const amqp_channel_close_t *ch;
    const amqp_connection_close_t *co;
    if (f->frame_type != AMQP_FRAME_METHOD)
        return 0;
    switch (f->payload.method.id) {
    case AMQP_BASIC_RETURN_METHOD:
        return read_return(c, channel, o, e);
    case AMQP_BASIC_ACK_METHOD:
        o->ended = true;
        return o->returned ? err_set(e, -ENOENT, "destination-unknown",
                                     "no queue in the broker takes messages for %s", key)
                           : 0;
    case AMQP_BASIC_NACK_METHOD:
        o->ended = true;
        return err_set(e, -ENOSPC, "destination-full", "the broker's queue for %s takes no more",
                       key);
    case AMQP_CHANNEL_CLOSE_METHOD:
        ch = f->payload.method.decoded;
        return after_close(c, channel,
                           amqp_close_reason(ch->reply_code, ch->reply_text, "publishing", e), e);
    case AMQP_CONNECTION_CLOSE_METHOD:
        co = f->payload.method.decoded;
        return amqp_close_reason(co->reply_code, co->reply_text, "publishing", e);
    case AMQP_CONNECTION_BLOCKED_METHOD:
        o->blocked = true;
        return 0;
    case AMQP_CONNECTION_UNBLOCKED_METHOD:
        o->blocked = false;
        return 0;
    default:
        return 0;
    }
}

int amqp_ask_publish(amqp_connection_state_t c, amqp_channel_t channel, const char *exchange,
                     const char *key, const amqp_basic_properties_t *props, amqp_bytes_t body,
                     struct err *e)
{
    struct outcome o = {.ended = false};
    uint64_t until = mono_ms() + CONFIRM_MS;
    int r = amqp_basic_publish(c, channel, amqp_text(exchange), amqp_text(key), 1, 0, props, body);
    if (r != AMQP_STATUS_OK)
        return err_set(e, -EIO, "transport", "publishing: %s", amqp_error_string2(r));
    while (!o.ended) {
        uint64_t now = mono_ms();
        if (now >= until)
            return err_set(e, -ETIMEDOUT, "transport", "%s",
                           o.blocked ? "the broker takes no messages: it is short of memory or disk"
                                     : "the broker does not confirm");
        struct timeval wait = amqp_wait_of(until - now);
        amqp_frame_t f;
        amqp_maybe_release_buffers(c);
        r = amqp_simple_wait_frame_noblock(c, &f, &wait);
        if (r == AMQP_STATUS_TIMEOUT)
            continue;
        if (r != AMQP_STATUS_OK)
            return err_set(e, -EIO, "transport", "waiting for a confirm: %s",
                           amqp_error_string2(r));
        r = one_frame(c, channel, &f, key, &o, e);
        if (r < 0)
            return r;
    }
    return 0;
}

int amqp_ask_lock(amqp_connection_state_t c, const char *name, struct err *e)
{
    char queue[AMQP_NAME_SIZE];
    (void)snprintf(queue, sizeof queue, AMQP_LOCK_PREFIX "%s", name);
    for (uint64_t until = mono_ms() + AMQP_WAIT_MS;;) {
        (void)amqp_queue_declare(c, 1, amqp_text(queue), 0, 0, 1, 1, amqp_empty_table);
        int r = amqp_ask_reply(c, 1, "locking", e);
        if (r != -EBUSY)
            return r;
        if (mono_ms() >= until)
            return err_set(e, -EBUSY, "busy", "another one is at it (%s)", queue);
        (void)poll(NULL, 0, AGAIN_MS);
    }
}

int amqp_ask_unlock(amqp_connection_state_t c, const char *name, struct err *e)
{
    char queue[AMQP_NAME_SIZE];
    (void)snprintf(queue, sizeof queue, AMQP_LOCK_PREFIX "%s", name);
    (void)amqp_queue_delete(c, 1, amqp_text(queue), 0, 0);
    return amqp_ask_reply(c, 1, "unlocking", e);
}
