/* SPDX-License-Identifier: Apache-2.0 */
/* link - the frames of one connection and who looks at them; see rabbit.h. Connecting: connect.c.
 *
 * librabbitmq serves heartbeats only inside its calls, and a write to a broker that has stopped
 * ends when the broker does. So the link has a thread of its own (the heart), which reads while the
 * other thread is busy elsewhere, and shuts the socket down under a call that is past its time:
 * that is the one thing that ends a blocked write. It never calls the host. */
#include "rabbit.h"
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#define TICK_MS 250 /* less than a second */
#define LOCK_MS 5000u

static struct timespec next_tick(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    t.tv_nsec += TICK_MS * 1000000L;
    if (t.tv_nsec >= 1000000000) {
        t.tv_sec++;
        t.tv_nsec -= 1000000000;
    }
    return t;
}

/* ---- the heart ---- */
static void cut(struct link *l)
{
    if (l->fd >= 0)
        (void)shutdown(l->fd, SHUT_RDWR);
}

static void serve(struct link *l)
{
    if (pthread_mutex_trylock(&l->lock) != 0)
        return; /* somebody is at it */
    if (link_up(l) && monotonic_ms() - l->last_turn > 2 * link_patience(l))
        (void)link_turn(l); /* lost: the other thread finds it so */
    (void)pthread_mutex_unlock(&l->lock);
}

static void *heart(void *arg)
{
    struct link *l = arg;
    (void)pthread_mutex_lock(&l->fd_lock);
    while (!l->heart_ends) {
        struct timespec until = next_tick();
        (void)pthread_cond_timedwait(&l->heart_stop, &l->fd_lock, &until);
        uint64_t guard = atomic_load(&l->guard);
        if (guard && monotonic_ms() >= guard)
            cut(l);
        (void)pthread_mutex_unlock(&l->fd_lock);
        serve(l);
        (void)pthread_mutex_lock(&l->fd_lock);
    }
    (void)pthread_mutex_unlock(&l->fd_lock);
    return NULL;
}

int link_init(struct link *l, const struct link_events *events, void *arg)
{
    pthread_condattr_t attr;
    sigset_t all, before;
    memset(l, 0, sizeof(*l));
    l->events = events;
    l->arg = arg;
    l->fd = -1;
    (void)pthread_mutex_init(&l->lock, NULL);
    (void)pthread_mutex_init(&l->fd_lock, NULL);
    (void)pthread_condattr_init(&attr);
    (void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&l->heart_stop, &attr);
    (void)pthread_condattr_destroy(&attr);
    (void)sigfillset(&all); /* signals are the host's */
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    int r = pthread_create(&l->heart, NULL, heart, l);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    l->heart_runs = r == 0;
    return -r;
}

void link_done(struct link *l)
{
    if (l->heart_runs) {
        (void)pthread_mutex_lock(&l->fd_lock);
        l->heart_ends = true;
        (void)pthread_cond_signal(&l->heart_stop);
        (void)pthread_mutex_unlock(&l->fd_lock);
        (void)pthread_join(l->heart, NULL);
    }
    (void)pthread_cond_destroy(&l->heart_stop);
    (void)pthread_mutex_destroy(&l->fd_lock);
    (void)pthread_mutex_destroy(&l->lock);
}

/* The heart, too, may be stuck in a write: then the socket is taken from it. */
void link_lock(struct link *l)
{
    const struct timespec moment = {.tv_nsec = 1000000};
    uint64_t until = monotonic_ms() + LOCK_MS;
    while (pthread_mutex_trylock(&l->lock) != 0) {
        if (monotonic_ms() >= until) {
            (void)pthread_mutex_lock(&l->fd_lock);
            cut(l);
            (void)pthread_mutex_unlock(&l->fd_lock);
            (void)pthread_mutex_lock(&l->lock);
            return;
        }
        (void)nanosleep(&moment, NULL);
    }
}

void link_unlock(struct link *l)
{
    (void)pthread_mutex_unlock(&l->lock);
}

void link_guard(struct link *l, uint64_t ms)
{
    atomic_store(&l->guard, ms ? monotonic_ms() + ms : 0);
}

bool link_up(const struct link *l)
{
    return l->conn && !l->lost;
}

uint64_t link_patience(const struct link *l)
{
    uint64_t ms = l->heartbeat_ms / 4;
    return ms > 0 && ms < 1000 ? ms : 1000;
}

/* ---- what goes wrong ---- */
static void lose(struct link *l, const char *what, const char *why, size_t len)
{
    if (l->lost)
        return; /* the first reason is the reason */
    l->lost = true;
    (void)snprintf(l->why, sizeof(l->why), "%s%s%.*s", what, *what && len ? ": " : "",
                   (int)(len < 180 ? len : 180), why);
}

bool link_status(struct link *l, const char *what, int status)
{
    if (status == AMQP_STATUS_OK)
        return true;
    const char *why = amqp_error_string2(status);
    lose(l, what, why, strlen(why));
    return false;
}

static void server_said(struct link *l, const char *what, int code, amqp_bytes_t text)
{
    char said[200];
    l->code = code;
    (void)snprintf(said, sizeof(said), "%d %.*s", code, (int)(text.len < 180 ? text.len : 180),
                   text.len ? (const char *)text.bytes : "");
    lose(l, what, said, strlen(said));
}

bool link_reply(struct link *l, const char *what, amqp_rpc_reply_t r)
{
    if (r.reply_type == AMQP_RESPONSE_NORMAL)
        return true;
    if (r.reply_type == AMQP_RESPONSE_LIBRARY_EXCEPTION)
        return link_status(l, what, r.library_error);
    if (r.reply.id == AMQP_CHANNEL_CLOSE_METHOD) {
        const amqp_channel_close_t *m = r.reply.decoded;
        server_said(l, what, m->reply_code, m->reply_text);
    } else if (r.reply.id == AMQP_CONNECTION_CLOSE_METHOD) {
        const amqp_connection_close_t *m = r.reply.decoded;
        server_said(l, what, m->reply_code, m->reply_text);
    } else {
        lose(l, what, "the broker did not answer as it must", 36);
    }
    return false;
}

/* ---- frames ---- */
static void keep_name(char to[256], size_t *ret_len, amqp_bytes_t b)
{
    *ret_len = b.len < 256 ? b.len : 255;
    if (*ret_len > 0)
        memcpy(to, b.bytes, *ret_len);
}

static void on_deliver(struct link *l, const amqp_basic_deliver_t *m)
{
    keep_name(l->exchange, &l->exchange_len, m->exchange);
    keep_name(l->key, &l->key_len, m->routing_key);
    l->delivery = (struct delivery){.tag = m->delivery_tag, .redelivered = m->redelivered};
    l->content = CONTENT_DELIVER;
}

static void on_return(struct link *l, const amqp_basic_return_t *m)
{
    keep_name(l->exchange, &l->exchange_len, m->exchange);
    keep_name(l->key, &l->key_len, m->routing_key);
    l->code = m->reply_code;
    (void)snprintf(l->said, sizeof(l->said), "%.*s",
                   (int)(m->reply_text.len < 200 ? m->reply_text.len : 200),
                   m->reply_text.len ? (const char *)m->reply_text.bytes : "");
    l->content = CONTENT_RETURN;
}

static void on_blocked(struct link *l, const amqp_connection_blocked_t *m)
{
    l->blocked = true;
    (void)snprintf(l->said, sizeof(l->said), "%.*s",
                   (int)(m->reason.len < 200 ? m->reason.len : 200),
                   m->reason.len ? (const char *)m->reason.bytes : "");
}

static void on_closed(struct link *l, const amqp_method_t *m, amqp_channel_t channel)
{
    if (m->id == AMQP_CHANNEL_CLOSE_METHOD) {
        const amqp_channel_close_t *c = m->decoded;
        amqp_channel_close_ok_t ok = {0};
        server_said(l, "the broker closed the channel", c->reply_code, c->reply_text);
        (void)amqp_send_method(l->conn, channel, AMQP_CHANNEL_CLOSE_OK_METHOD, &ok);
    } else {
        const amqp_connection_close_t *c = m->decoded;
        amqp_connection_close_ok_t ok = {0};
        server_said(l, "the broker closed the connection", c->reply_code, c->reply_text);
        (void)amqp_send_method(l->conn, 0, AMQP_CONNECTION_CLOSE_OK_METHOD, &ok);
    }
}

static void on_method(struct link *l, const amqp_method_t *m, amqp_channel_t channel)
{
    const amqp_basic_ack_t *ack = m->decoded;
    const amqp_basic_nack_t *nack = m->decoded;
    switch (m->id) {
    case AMQP_BASIC_ACK_METHOD:
        if (l->events->answer)
            l->events->answer(l->arg, ack->delivery_tag, ack->multiple, true);
        break;
    case AMQP_BASIC_NACK_METHOD:
        if (l->events->answer)
            l->events->answer(l->arg, nack->delivery_tag, nack->multiple, false);
        break;
    case AMQP_BASIC_RETURN_METHOD:
        on_return(l, m->decoded);
        break;
    case AMQP_BASIC_DELIVER_METHOD:
        on_deliver(l, m->decoded);
        break;
    case AMQP_BASIC_CANCEL_METHOD:
        lose(l, "the broker took the queue away", "it was deleted, or its node went down", 37);
        break;
    case AMQP_CHANNEL_CLOSE_METHOD:
    case AMQP_CONNECTION_CLOSE_METHOD:
        on_closed(l, m, channel);
        break;
    case AMQP_CONNECTION_BLOCKED_METHOD:
        on_blocked(l, m->decoded);
        break;
    case AMQP_CONNECTION_UNBLOCKED_METHOD:
        l->blocked = false;
        break;
    default:
        break; /* nothing that was asked for */
    }
}

static void content_done(struct link *l)
{
    if (l->content == CONTENT_DELIVER && l->events->whole)
        l->events->whole(l->arg);
    l->content = CONTENT_NONE;
    l->in_body = false;
}

static void on_header(struct link *l, const amqp_frame_t *f)
{
    const amqp_basic_properties_t *p = f->payload.properties.decoded;
    l->left = f->payload.properties.body_size;
    l->in_body = true;
    l->delivery.exchange = (amqp_bytes_t){l->exchange_len, l->exchange};
    l->delivery.key = (amqp_bytes_t){l->key_len, l->key};
    if (l->content == CONTENT_DELIVER && l->events->header)
        l->events->header(l->arg, &l->delivery, p, l->left);
    if (l->content == CONTENT_RETURN && l->events->returned)
        l->events->returned(
            l->arg, p->_flags & AMQP_BASIC_MESSAGE_ID_FLAG ? p->message_id : amqp_empty_bytes,
            l->delivery.key, l->code, amqp_cstring_bytes(l->said));
    if (l->left == 0)
        content_done(l);
}

static void on_body(struct link *l, amqp_bytes_t b)
{
    if (b.len > l->left) {
        lose(l, "the broker sent more of a message than it announced", "", 0);
        return;
    }
    if (l->content == CONTENT_DELIVER && l->events->body)
        l->events->body(l->arg, b.bytes, b.len);
    l->left -= b.len;
    if (l->left == 0)
        content_done(l);
}

static void on_frame(struct link *l, const amqp_frame_t *f)
{
    if (f->frame_type == AMQP_FRAME_METHOD)
        on_method(l, &f->payload.method, f->channel);
    else if (f->frame_type == AMQP_FRAME_HEADER && l->content != CONTENT_NONE && !l->in_body)
        on_header(l, f);
    else if (f->frame_type == AMQP_FRAME_BODY && l->in_body)
        on_body(l, f->payload.body_fragment);
    else if (f->frame_type == AMQP_FRAME_HEADER || f->frame_type == AMQP_FRAME_BODY)
        lose(l, "the broker sent a frame out of order", "", 0);
}

/* Nothing is read, so the library sends no heartbeats: what it would have sent. */
static bool beat(struct link *l)
{
    amqp_frame_t f = {.frame_type = AMQP_FRAME_HEARTBEAT, .channel = 0};
    uint64_t now = monotonic_ms();
    if (!l->heartbeat_ms || now - l->last_beat < l->heartbeat_ms / 2)
        return true;
    l->last_beat = now;
    return link_status(l, "the connection is lost", amqp_send_frame(l->conn, &f));
}

bool link_turn(struct link *l)
{
    l->last_turn = monotonic_ms();
    while (link_up(l)) {
        amqp_frame_t f;
        struct timeval none = {0, 0};
        if (l->hold && l->content == CONTENT_NONE)
            return beat(l);
        int r = amqp_simple_wait_frame_noblock(l->conn, &f, &none);
        if (r == AMQP_STATUS_TIMEOUT)
            return true;
        if (!link_status(l, "the connection is lost", r))
            return false;
        on_frame(l, &f);
        amqp_maybe_release_buffers_on_channel(l->conn, f.channel);
    }
    return link_up(l);
}
