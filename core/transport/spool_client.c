/* SPDX-License-Identifier: Apache-2.0 */
/* spool_client - the connection of a worker to reeve-spool: connect, greet, read, write, and all
 * again after a loss.
 *
 * Guarantees: what is in the window is published again after every loss, in the order of the first
 * time and with the same bytes; callbacks run from sc_run() only. Frames are written once for each
 * run, not once for each message. Diagnostics: the usable() callback with the reason of the last
 * loss; a refusal of the spool (wrong token, a queue of somebody else) is such a reason too, and is
 * tried again like any other, since a restart with a new plan may cure it. */
#include "spool_client.h"
#include "base/util.h"
#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#define BACKOFF_FIRST_MS 50u
#define BACKOFF_LAST_MS  2000u
#define HELLO_WAIT_MS    5000u
#define SETTLED_DOWN_MS  5000u /* a connection that lasted this long has earned a quick retry */

int sc_connect(const char *path)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    size_t len = strlen(path);
    if (len == 0 || len >= sizeof a.sun_path)
        return -ENAMETOOLONG;
    memcpy(a.sun_path, path, len);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    int room = 1 << 20; /* a whole window in one write, where the system allows it */
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &room, sizeof room);
    if (connect(fd, (const struct sockaddr *)&a, sizeof a) < 0) {
        int r = -errno; /* EAGAIN: the listen queue is full; later is soon enough */
        (void)close(fd);
        return r;
    }
    return fd;
}

int sc_send_hello(const struct spool_client *c, struct channel *ch)
{
    struct buf b = BUF_INIT(4096);
    int r = pack_u32(&b, SPOOL_WIRE_VERSION);
    r = r < 0 ? r : pack_str(&b, c->name);
    r = r < 0 ? r : pack_str(&b, c->token);
    r = r < 0 ? r : channel_send(ch, SPOOL_HELLO, 0, b.p, b.len, -1);
    buf_done(&b);
    return r;
}

static void back_off(struct spool_client *c)
{
    c->retry_at = mono_ms() + c->backoff_ms;
    c->backoff_ms *= 2;
    if (c->backoff_ms > BACKOFF_LAST_MS)
        c->backoff_ms = BACKOFF_LAST_MS;
}

void sc_lost(struct spool_client *c, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(c->why, sizeof c->why, fmt, ap);
    va_end(ap);
    if (c->state == SC_UP && mono_ms() - c->up_since >= SETTLED_DOWN_MS)
        c->backoff_ms = BACKOFF_FIRST_MS;
    channel_free(c->channel);
    c->channel = NULL;
    c->state = SC_DOWN;
    c->epoch++;
    buf_reset(&c->done);
    back_off(c);
}

static void try_connect(struct spool_client *c)
{
    int fd = sc_connect(c->socket);
    if (fd < 0) {
        (void)snprintf(c->why, sizeof c->why, "cannot connect to the spool: %s", strerror(-fd));
        back_off(c);
        return;
    }
    c->channel = channel_new(fd, SPOOL_MESSAGE_CEILING + SPOOL_FRAME_SLACK);
    if (!c->channel) {
        (void)close(fd);
        back_off(c);
        return;
    }
    c->state = SC_HELLO;
    c->retry_at = mono_ms() + HELLO_WAIT_MS;
    if (sc_send_hello(c, c->channel) < 0)
        sc_lost(c, "out of memory");
}

static int welcome(struct spool_client *c, const struct frame *f)
{
    struct unpack u;
    unpack_start(&u, f->p, f->len);
    uint32_t version = unpack_u32(&u);
    uint64_t max = unpack_u64(&u);
    if (unpack_end(&u) < 0 || version != SPOOL_WIRE_VERSION || c->state != SC_HELLO)
        return -EPROTO;
    if (max > SPOOL_MESSAGE_CEILING)
        return -EPROTO;
    c->message_max = (size_t)max;
    c->state = SC_UP;
    c->up_since = mono_ms();
    c->why[0] = '\0';
    int r = sc_consume_again(c);
    return r < 0 ? r : sc_publish_again(c);
}

static int refused(struct spool_client *c, const struct frame *f)
{
    struct unpack u;
    char code[SPOOL_CODE_MAX + 1], text[ERR_TEXT_MAX / 2], shown[ERR_TEXT_MAX / 2] = "";
    unpack_start(&u, f->p, f->len);
    unpack_str(&u, code, sizeof code);
    unpack_str(&u, text, sizeof text);
    if (unpack_end(&u) < 0)
        return -EPROTO;
    sc_lost(c, "%s: %s", code, escape_text(shown, sizeof shown, text, strlen(text)));
    return 0;
}

static int handle(struct spool_client *c, const struct frame *f)
{
    if (f->fd >= 0) {
        (void)close(f->fd);
        return -EPROTO;
    }
    if (f->type == SPOOL_WELCOME)
        return welcome(c, f);
    if (f->type == SPOOL_REFUSED)
        return refused(c, f);
    if (c->state != SC_UP)
        return -EPROTO;
    c->backoff_ms = BACKOFF_FIRST_MS; /* it works for us */
    switch (f->type) {
    case SPOOL_CONFIRMED:
        return sc_confirmed(c, f);
    case SPOOL_FAILED:
        return sc_failed(c, f);
    case SPOOL_JOB:
        return sc_job(c, f);
    case SPOOL_SETTLED:
        return sc_settled(c, f);
    default:
        return -EPROTO;
    }
}

/* Reads all there is. A callback may have published, settled or consumed, never closed. */
static void read_frames(struct spool_client *c)
{
    int r = channel_fill(c->channel);
    int end = r;
    struct frame f;
    while (c->channel && (r = channel_next(c->channel, &f)) == 1) {
        r = handle(c, &f);
        if (r < 0 && c->channel)
            sc_lost(c, "the spool broke the protocol (%s)", strerror(-r));
    }
    if (!c->channel)
        return;
    if (r < 0)
        sc_lost(c, "the spool broke the protocol (%s)", strerror(-r));
    else if (end < 0)
        sc_lost(c, "the connection to the spool ended%s%s", end == -EPIPE ? "" : ": ",
                end == -EPIPE ? "" : strerror(-end));
}

static void write_frames(struct spool_client *c)
{
    if (!c->channel)
        return;
    int r = sc_send_done(c);
    r = r < 0 ? r : channel_flush(c->channel);
    if (r == -EPIPE)
        read_frames(c); /* the spool may have said why */
    if (r < 0 && c->channel)
        sc_lost(c, "the connection to the spool ended: %s", strerror(-r));
}

static void tell_usable(struct spool_client *c)
{
    bool usable = c->state == SC_UP;
    if (c->told ? usable == c->told_usable : (!usable && c->state == SC_HELLO))
        return;
    c->told = true;
    c->told_usable = usable;
    if (c->base.events.usable)
        c->base.events.usable(c->base.events.arg, usable, c->why);
}

static int sc_run(struct transport *t)
{
    struct spool_client *c = (struct spool_client *)t;
    if (c->state == SC_DOWN && mono_ms() >= c->retry_at)
        try_connect(c);
    else if (c->state == SC_HELLO && mono_ms() >= c->retry_at)
        sc_lost(c, "the spool does not answer");
    write_frames(c);
    if (c->channel)
        read_frames(c);
    tell_usable(c);
    sc_tell_refused(c);
    write_frames(c);
    tell_usable(c);
    return 0;
}

static int sc_fd(const struct transport *t, short *ret_events)
{
    const struct spool_client *c = (const struct spool_client *)t;
    if (!c->channel) {
        *ret_events = 0;
        return -1;
    }
    bool out = channel_wants_write(c->channel) || c->done.len > 0;
    *ret_events = (short)(POLLIN | (out ? POLLOUT : 0));
    return channel_fd(c->channel);
}

static uint64_t sc_timeout(const struct transport *t)
{
    const struct spool_client *c = (const struct spool_client *)t;
    if (c->refused_n)
        return 0;
    if (c->state == SC_UP)
        return UINT64_MAX;
    uint64_t now = mono_ms();
    return c->retry_at > now ? c->retry_at - now : 0;
}

static bool sc_usable(const struct transport *t, const char **ret_why)
{
    const struct spool_client *c = (const struct spool_client *)t;
    *ret_why = c->why;
    return c->state == SC_UP;
}

static void sc_close(struct transport *t)
{
    struct spool_client *c = (struct spool_client *)t;
    if (c->channel) { /* what was settled should not be delivered again for want of one write */
        (void)sc_send_done(c);
        (void)channel_flush(c->channel);
    }
    channel_free(c->channel);
    sc_publish_done(c);
    sc_consume_done(c);
    buf_done(&c->done);
    buf_done(&c->scratch);
    free(c->list);
    free(c->socket);
    free(c->name);
    free(c->token);
    free(c);
}

int sc_take_list(struct spool_client *c, const struct frame *f, size_t *ret_n)
{
    size_t n = 0;
    if (spool_list_count(f, &n) < 0)
        return -EPROTO;
    void *p = c->list;
    int r = grow_array(&p, &c->list_cap, n, sizeof *c->list);
    c->list = p;
    if (r < 0)
        return r;
    for (size_t i = 0; i < n; i++)
        c->list[i] = spool_list_at(f, i);
    *ret_n = n;
    return 0;
}

static const struct transport_ops ops = {
    .close = sc_close,
    .usable = sc_usable,
    .fd = sc_fd,
    .timeout = sc_timeout,
    .run = sc_run,
    .publish = sc_publish,
    .consume = sc_consume,
    .pause = sc_pause,
    .settle = sc_settle,
    .dead_list = sc_dead_list,
    .dead_replay = sc_dead_replay,
    .dead_discard = sc_dead_discard,
    .queue_move = sc_queue_move,
    .status = sc_status,
};

int spool_client_open(const struct tree *part, const struct transport_events *events,
                      struct transport **ret, struct err *e)
{
    const char *socket_path = tree_gets(part, "socket", NULL);
    const char *name = tree_gets(part, "name", NULL), *token = tree_gets(part, "token", NULL);
    struct sockaddr_un a;
    if (!socket_path || !name || !token)
        return err_set(e, -EINVAL, "transport-part",
                       "the spool's part of the plan needs socket, name and token");
    if (strlen(socket_path) >= sizeof a.sun_path)
        return err_set(e, -ENAMETOOLONG, "transport-part",
                       "the path of the spool's socket is longer than %zu bytes; choose a shorter "
                       "data directory",
                       sizeof a.sun_path - 1);
    struct spool_client *c = xcalloc(1, sizeof *c);
    if (!c)
        return err_set(e, -ENOMEM, "memory", "out of memory");
    c->base.ops = &ops;
    c->base.events = *events;
    c->message_max = SPOOL_MESSAGE_CEILING;
    c->backoff_ms = BACKOFF_FIRST_MS;
    c->epoch = 1;
    buf_init(&c->done, SIZE_MAX / 2);
    buf_init(&c->scratch, 64u << 10);
    (void)snprintf(c->why, sizeof c->why, "not connected yet");
    c->socket = strdup(socket_path);
    c->name = strdup(name);
    c->token = strdup(token);
    if (!c->socket || !c->name || !c->token) {
        sc_close(&c->base);
        return err_set(e, -ENOMEM, "memory", "out of memory");
    }
    *ret = &c->base;
    return 0;
}
