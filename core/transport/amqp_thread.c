/* SPDX-License-Identifier: Apache-2.0 */
/* amqp_thread - the client's own thread: connects, reads frames, hands them to whom they concern,
 * and all again after a loss. One loop over the socket and the caller's eventfd.
 *
 * Guarantees: no synchronous call of the library after connecting, so nothing waits for an answer
 * while a heartbeat is due; an error closes only the channel it concerns; what breaks the
 * connection is told as usable(false, why) and cured by another one, with back-off, at the next
 * broker of the list. */
#include "amqp_client.h"
#include "base/log.h"
#include "base/util.h"
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#define BACKOFF_LAST_MS 2000u
#define SETTLED_DOWN_MS 5000u /* a connection that lasted this long has earned a quick retry */
#define TURN_FRAMES     96    /* then the caller hears of it */
#define RELEASE_FRAMES  16    /* the library keeps what it has read until it is told not to */
#define IDLE_MS         1000u /* heartbeats are served inside the library's calls only */
#define WATCH_MS        30000u
#define DRAIN_MS        1500u /* at the end: copies under way */

void ac_broken(struct amqp_client *c, const char *fmt, ...)
{
    if (c->n.broken || !c->n.conn)
        return;
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(c->n.why, sizeof c->n.why, fmt, ap);
    va_end(ap);
    c->n.broken = true;
}

void ac_broken_for(struct amqp_client *c, const struct err *e)
{
    if (strcmp(e->code, "transport") == 0)
        ac_broken(c, "%s", e->text);
    else
        ac_broken(c, "%s: %s", e->code, e->text);
}

bool ac_ready(const struct amqp_client *c)
{
    return c->n.conn && !c->n.broken && !c->n.blocked;
}

void ac_wake_at(struct amqp_client *c, uint64_t at)
{
    c->n.wake_at = ac_earlier(c->n.wake_at, at);
}

static void written(struct amqp_client *c, int status)
{
    if (status != AMQP_STATUS_OK)
        ac_broken(c, "the connection to RabbitMQ ended: %s", amqp_error_string2(status));
}

void ac_send(struct amqp_client *c, amqp_channel_t channel, amqp_method_number_t id, void *method)
{
    if (c->n.conn && !c->n.broken)
        written(c, amqp_send_method(c->n.conn, channel, id, method));
}

void ac_open_channel(struct amqp_client *c, amqp_channel_t channel)
{
    amqp_channel_open_t m = {.out_of_band = amqp_empty_bytes};
    ac_send(c, channel, AMQP_CHANNEL_OPEN_METHOD, &m);
}

bool ac_put(struct amqp_client *c, amqp_channel_t channel, const char *exchange, const char *key,
            bool mandatory, const amqp_basic_properties_t *props, const char *bytes, size_t len)
{
    if (!c->n.conn || c->n.broken)
        return false;
    amqp_bytes_t body = {.len = len, .bytes = (void *)(uintptr_t)bytes}; /* only read */
    written(c, amqp_basic_publish(c->n.conn, channel, amqp_text(exchange), amqp_text(key),
                                  mandatory, 0, props, body));
    return !c->n.broken;
}

/* ---- what the caller hears ---- */

void ac_state(struct amqp_client *c, const char *why)
{
    struct ac_engine *n = &c->n;
    bool usable = n->conn && !n->broken && n->publishing && !n->blocked;
    for (size_t i = 0; i < n->subs_n; i++)
        usable = usable && !n->sub[i]->bad;
    if (usable == n->told_usable && !(why && !usable))
        return;
    struct ac_usable *u = xcalloc(1, sizeof *u);
    if (!u)
        return; /* told with the next change */
    n->told_usable = usable;
    u->usable = usable;
    (void)snprintf(u->why, sizeof u->why, "%s", why && !usable ? why : "");
    u->item.kind = AC_USABLE;
    STAILQ_INSERT_TAIL(&n->tell, &u->item, link);
}

static void tell(struct amqp_client *c)
{
    if (STAILQ_EMPTY(&c->n.tell))
        return;
    uint64_t one = 1;
    (void)pthread_mutex_lock(&c->lock);
    STAILQ_CONCAT(&c->to_caller, &c->n.tell);
    if (!c->caller_woken)
        (void)!write(c->caller_fd, &one, sizeof one);
    c->caller_woken = true;
    (void)pthread_mutex_unlock(&c->lock);
}

/* ---- the connection ---- */

static void set_socket(struct amqp_client *c, int fd)
{
    (void)pthread_mutex_lock(&c->lock);
    c->socket = fd;
    (void)pthread_mutex_unlock(&c->lock);
}

static void back_off(struct ac_engine *n)
{
    n->retry_at = n->now + n->backoff_ms;
    n->backoff_ms = ac_earlier(n->backoff_ms * 2, BACKOFF_LAST_MS);
}

static void connect_now(struct amqp_client *c)
{
    struct ac_engine *n = &c->n;
    struct err e = {.text = ""};
    amqp_connection_state_t conn = NULL;
    if (amqp_link_open(&n->place, &conn, &e) < 0) {
        n->now = mono_ms();
        (void)err_prefix(&e, 0, "%s",
                         strcmp(e.code, "transport") ? e.code : "cannot reach RabbitMQ");
        ac_state(c, e.text);
        back_off(n);
        return;
    }
    n->now = n->up_since = mono_ms();
    n->conn = conn;
    n->broken = n->blocked = n->publishing = n->asking = false;
    set_socket(c, amqp_get_sockfd(conn));
    amqp_confirm_select_t confirm = {.nowait = 0};
    ac_send(c, AC_PUBLISHING, AMQP_CONFIRM_SELECT_METHOD, &confirm);
    ac_open_channel(c, AC_ASKING);
    if (n->subs_n)
        ac_open_channel(c, AC_CONTROL);
    for (size_t i = 0; i < n->subs_n; i++)
        ac_sub_start(c, n->sub[i]);
}

static void disconnect(struct amqp_client *c, bool orderly)
{
    struct ac_engine *n = &c->n;
    set_socket(c, -1);
    if (orderly)
        amqp_link_close(n->conn);
    else
        (void)amqp_destroy_connection(n->conn);
    n->conn = NULL;
    n->broken = n->blocked = n->publishing = n->asking = false;
    for (size_t i = 0; i < n->subs_n; i++)
        ac_sub_lost(c, n->sub[i]);
    ac_copies_drop(c);
    ac_publish_lost(c);
    ac_asking_lost(c);
    ac_job_free(n->question.job);
    n->question = n->returned = (struct ac_content){.what = AC_NOTHING};
}

static void lost(struct amqp_client *c)
{
    struct ac_engine *n = &c->n;
    log_debug("transport-lost", NULL, "%s", n->why);
    if (n->now - n->up_since >= SETTLED_DOWN_MS)
        n->backoff_ms = AC_BACKOFF_MS;
    disconnect(c, false);
    ac_state(c, n->why);
    back_off(n);
}

/* ---- frames ---- */

static void connection_frame(struct amqp_client *c, const amqp_frame_t *f)
{
    struct err e;
    if (f->frame_type != AMQP_FRAME_METHOD)
        return;
    if (f->payload.method.id == AMQP_CONNECTION_CLOSE_METHOD) {
        const amqp_connection_close_t *m = f->payload.method.decoded;
        amqp_connection_close_ok_t ok = {.dummy = 0};
        (void)amqp_close_reason(m->reply_code, m->reply_text, "the connection was closed", &e);
        ac_send(c, 0, AMQP_CONNECTION_CLOSE_OK_METHOD, &ok);
        ac_broken_for(c, &e);
    } else if (f->payload.method.id == AMQP_CONNECTION_BLOCKED_METHOD) {
        const amqp_connection_blocked_t *m = f->payload.method.decoded;
        char shown[ERR_TEXT_MAX / 2] = "";
        c->n.blocked = true;
        (void)snprintf(c->n.blocked_why, sizeof c->n.blocked_why, "blocked: %s",
                       m->reason.len
                           ? escape_text(shown, sizeof shown, m->reason.bytes, m->reason.len)
                           : "the broker takes nothing");
        ac_state(c, c->n.blocked_why);
    } else if (f->payload.method.id == AMQP_CONNECTION_UNBLOCKED_METHOD) {
        c->n.blocked = false;
        c->n.pump = true;
        ac_state(c, NULL);
    }
}

static void dispatch(struct amqp_client *c, const amqp_frame_t *f)
{
    size_t sub = (size_t)f->channel - AC_FIRST_SUB;
    if (f->channel == 0)
        connection_frame(c, f);
    else if (f->channel == AC_PUBLISHING)
        ac_publish_frame(c, f);
    else if (f->channel == AC_ASKING)
        ac_asking_frame(c, f);
    else if (f->channel == AC_CONTROL)
        ac_control_frame(c, f);
    else if (sub < c->n.subs_n)
        ac_sub_frame(c, c->n.sub[sub], f);
}

/* All that is there, in bounded portions. true: there may be more. */
static bool read_frames(struct amqp_client *c)
{
    struct timeval none = {0, 0};
    for (int i = 0; i < TURN_FRAMES && !c->n.broken; i++) {
        amqp_frame_t f;
        int r = amqp_simple_wait_frame_noblock(c->n.conn, &f, &none);
        if (r == AMQP_STATUS_TIMEOUT) {
            amqp_maybe_release_buffers(c->n.conn);
            return false;
        }
        if (r != AMQP_STATUS_OK) {
            ac_broken(c, "the connection to RabbitMQ ended: %s", amqp_error_string2(r));
            return false;
        }
        dispatch(c, &f);
        if (i % RELEASE_FRAMES == RELEASE_FRAMES - 1)
            amqp_maybe_release_buffers(c->n.conn);
    }
    return !c->n.broken;
}

/* ---- commands ---- */

static void consume(struct amqp_client *c, struct ac_consume *cmd)
{
    struct ac_engine *n = &c->n;
    n->sub[n->subs_n++] = cmd->sub;
    free(cmd);
    if (n->conn && !n->broken) {
        if (n->subs_n == 1)
            ac_open_channel(c, AC_CONTROL);
        ac_sub_start(c, n->sub[n->subs_n - 1]);
    }
}

static void command(struct amqp_client *c, struct ac_item *item)
{
    if (item->kind == AC_PUBLISH) {
        ac_publish_new(c, (struct ac_entry *)(void *)item);
    } else if (item->kind == AC_SETTLE) {
        ac_settle(c, ac_job_of(item));
    } else if (item->kind == AC_CONSUME) {
        consume(c, (struct ac_consume *)(void *)item);
    } else {
        struct ac_pause *p = (struct ac_pause *)(void *)item;
        ac_sub_pause(c, p->sub, p->paused);
        free(p);
    }
}

static bool commands(struct amqp_client *c)
{
    (void)pthread_mutex_lock(&c->lock);
    struct ac_item *item = STAILQ_FIRST(&c->to_thread);
    STAILQ_INIT(&c->to_thread);
    bool stop = c->stop;
    (void)pthread_mutex_unlock(&c->lock);
    while (item) {
        struct ac_item *next = STAILQ_NEXT(item, link);
        command(c, item);
        item = next;
    }
    return stop;
}

/* ---- the loop ---- */

/* Several small messages are written as few segments. */
static void cork(const struct ac_engine *n, int on)
{
    if (n->conn)
        (void)setsockopt(amqp_get_sockfd(n->conn), IPPROTO_TCP, TCP_CORK, &on, sizeof on);
}

static void write_all_due(struct amqp_client *c)
{
    struct ac_engine *n = &c->n;
    bool many = n->pump && TAILQ_FIRST(&n->pending) && TAILQ_NEXT(TAILQ_FIRST(&n->pending), link) &&
                !n->blocked;
    if (many)
        cork(n, 1);
    ac_publish_pump(c);
    ac_copies_pump(c);
    if (many)
        cork(n, 0);
    for (size_t i = 0; i < n->subs_n; i++) {
        ac_sub_tick(c, n->sub[i]);
        ac_ack_flush(c, n->sub[i]);
    }
    if (n->now >= n->watch_at) {
        n->watch_at = n->now + WATCH_MS;
        for (size_t i = 0; i < n->subs_n; i++)
            ac_sub_watch(c, n->sub[i]);
    }
}

static void sleep_for_work(struct amqp_client *c)
{
    struct ac_engine *n = &c->n;
    (void)pthread_mutex_lock(&c->lock);
    bool work = !STAILQ_EMPTY(&c->to_thread);
    c->thread_sleeps = !work;
    (void)pthread_mutex_unlock(&c->lock);
    if (work)
        return;
    uint64_t until = n->conn ? ac_earlier(n->wake_at, n->now + IDLE_MS) : n->retry_at, drain;
    uint64_t now = mono_ms();
    struct pollfd p[2] = {{.fd = c->thread_fd, .events = POLLIN},
                          {.fd = n->conn ? amqp_get_sockfd(n->conn) : -1, .events = POLLIN}};
    atomic_store(&c->busy_since, 0);
    (void)poll(p, 2, until > now ? (int)ac_earlier(until - now, 60000) : 0);
    atomic_store(&c->busy_since, mono_ms());
    if (p[0].revents)
        (void)!read(c->thread_fd, &drain, sizeof drain);
    (void)pthread_mutex_lock(&c->lock);
    c->thread_sleeps = false;
    (void)pthread_mutex_unlock(&c->lock);
}

static void turn(struct amqp_client *c)
{
    struct ac_engine *n = &c->n;
    bool more = false;
    n->now = mono_ms();
    n->wake_at = UINT64_MAX;
    if (!n->conn && n->now >= n->retry_at)
        connect_now(c);
    if (n->conn) {
        more = read_frames(c);
        write_all_due(c);
        if (n->broken)
            lost(c);
    }
    tell(c);
    if (!more)
        sleep_for_work(c);
}

static void begin(struct ac_engine *n)
{
    n->backoff_ms = AC_BACKOFF_MS;
    n->number = (uint32_t)wall_ms(); /* so that processes differ */
    TAILQ_INIT(&n->pending);
    TAILQ_INIT(&n->sent);
    TAILQ_INIT(&n->copies);
    STAILQ_INIT(&n->asks);
    STAILQ_INIT(&n->tell);
}

void *ac_thread(void *client)
{
    struct amqp_client *c = client;
    struct ac_engine *n = &c->n;
    uint64_t until = UINT64_MAX;
    begin(n);
    atomic_store(&c->busy_since, mono_ms());
    for (;;) {
        bool stop = commands(c);
        if (stop && until == UINT64_MAX)
            until = mono_ms() + DRAIN_MS;
        if (stop && n->conn)
            write_all_due(c); /* what was settled */
        if (stop && (!n->conn || n->broken || TAILQ_EMPTY(&n->copies) || mono_ms() >= until))
            break;
        turn(c);
    }
    if (n->conn)
        disconnect(c, !n->broken);
    tell(c); /* so that it is freed */
    ac_publish_done(c);
    (void)pthread_mutex_lock(&c->lock);
    c->thread_ended = true;
    bool last = c->abandoned;
    (void)pthread_cond_signal(&c->ended);
    (void)pthread_mutex_unlock(&c->lock);
    if (last)
        ac_free(c);
    return NULL;
}
