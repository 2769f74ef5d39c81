/* SPDX-License-Identifier: Apache-2.0 */
/* upstream - see upstream.h. A worker that breaks the protocol is treated as gone. */
#include "upstream.h"
#include "base/door_wire.h"
#include "base/frame.h"
#include "base/log.h"
#include "base/util.h"
#include "rules.h"
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#define AGAIN_FIRST_MS 100u
#define AGAIN_LAST_MS  2000u
#define BLOCKED_BYTES  (4u << 20)

struct upstream {
    const char *path;
    struct upstream_events events;
    struct channel *channel; /* NULL: not connected */
    uint64_t again_ms;       /* not before */
    uint64_t wait_ms;
    bool said; /* that it is not there: once */
};

struct upstream *upstream_new(const char *path, const struct upstream_events *events)
{
    struct upstream *u = xcalloc(1, sizeof *u);
    if (!u)
        return NULL;
    u->path = path;
    u->events = *events;
    u->wait_ms = AGAIN_FIRST_MS;
    return u;
}

void upstream_free(struct upstream *u)
{
    if (!u)
        return;
    channel_free(u->channel);
    free(u);
}

const char *upstream_path(const struct upstream *u)
{
    return u->path;
}

bool upstream_up(const struct upstream *u)
{
    return u->channel != NULL;
}

static int connect_socket(const char *path)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof a.sun_path)
        return -ENAMETOOLONG;
    memcpy(a.sun_path, path, strlen(path) + 1);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -errno;
    if (connect(fd, (const struct sockaddr *)&a, sizeof a) < 0) { /* local: at once, or EAGAIN */
        int r = -errno;
        (void)close(fd);
        return r;
    }
    return fd;
}

static int say_hello(struct channel *c)
{
    struct buf b = BUF_INIT(16);
    int r = pack_u32(&b, DOOR_WIRE_VERSION);
    if (r == 0)
        r = channel_send(c, DOOR_HELLO, 0, b.p, b.len, -1);
    if (r == 0)
        r = channel_flush(c);
    buf_done(&b);
    return r;
}

bool upstream_try(struct upstream *u)
{
    if (u->channel)
        return true;
    int fd = connect_socket(u->path), r = fd;
    if (fd >= 0) {
        u->channel = channel_new(fd, DOOR_FRAME_MAX);
        if (!u->channel)
            (void)close(fd);
        r = u->channel ? say_hello(u->channel) : -ENOMEM;
        if (r < 0) {
            channel_free(u->channel);
            u->channel = NULL;
        }
    }
    if (r < 0) {
        if (!u->said)
            log_warning("worker-absent", NULL, "%s: %s", u->path, strerror(-r));
        u->said = true;
        return false;
    }
    if (u->said)
        log_info("worker-there", NULL, "%s", u->path);
    u->said = false;
    u->wait_ms = AGAIN_FIRST_MS;
    return true;
}

void upstream_tick(struct upstream *u, uint64_t now_ms)
{
    if (u->channel || now_ms < u->again_ms)
        return;
    if (!upstream_try(u)) {
        u->again_ms = now_ms + u->wait_ms;
        u->wait_ms = u->wait_ms * 2 > AGAIN_LAST_MS ? AGAIN_LAST_MS : u->wait_ms * 2;
    }
}

bool upstream_blocked(const struct upstream *u)
{
    return u->channel && channel_queued(u->channel) > BLOCKED_BYTES;
}

static void lose(struct upstream *u, int why)
{
    log_warning("worker-lost", NULL, "%s: %s", u->path, strerror(-why));
    channel_free(u->channel);
    u->channel = NULL;
    u->said = true;
    u->again_ms = 0;
    u->events.lost(u->events.arg, u);
}

int upstream_send(struct upstream *u, uint16_t type, const struct buf *payload, int fd)
{
    if (!u->channel)
        return -ENOTCONN;
    int r = channel_send(u->channel, type, 0, payload->p, payload->len, fd);
    if (r < 0)
        return r;
    r = channel_flush(u->channel);
    if (r < 0) {
        lose(u, r);
        return -ENOTCONN;
    }
    return 0;
}

int upstream_fd(const struct upstream *u, short *ret_events)
{
    if (!u->channel)
        return -1;
    *ret_events = channel_wants_write(u->channel) ? POLLIN | POLLOUT : POLLIN;
    return channel_fd(u->channel);
}

static int take_fields(struct unpack *in, struct upstream_space *s, struct upstream_answer *a)
{
    uint32_t n = unpack_u32(in);
    if (n > DOOR_HEADERS_MAX)
        return -EPROTO;
    for (uint32_t i = 0; i < n; i++) {
        unpack_str(in, s->name[i], sizeof s->name[i]);
        unpack_str(in, s->value[i], sizeof s->value[i]);
        if (in->bad || !answer_field_ok(s->name[i], s->value[i]))
            return -EPROTO;
        s->field[i] = (struct door_header){s->name[i], s->value[i]};
    }
    a->field = s->field;
    a->fields = n;
    return 0;
}

int upstream_read_answer(const struct frame *f, struct upstream_space *space,
                         struct upstream_answer *ret)
{
    struct unpack in;
    struct upstream_answer a = {.content_type = space->type};
    if (f->type != DOOR_ANSWER || f->fd >= 0)
        return -EPROTO;
    unpack_start(&in, f->p, f->len);
    a.number = unpack_u64(&in);
    a.status = unpack_u32(&in);
    unpack_str(&in, space->type, sizeof space->type);
    a.retry_after = unpack_u32(&in);
    if (in.bad || take_fields(&in, space, &a) < 0)
        return -EPROTO;
    union {
        const uint8_t *u;
        const char *c;
    } body = {.u = unpack_bytes(&in, &a.len)};
    if (unpack_end(&in) < 0 || a.status < 200 || a.status > 599)
        return -EPROTO;
    for (const char *p = space->type; *p; p++) /* it becomes a header field */
        if (*p < 0x20 || *p > 0x7e)
            return -EPROTO;
    a.body = body.c;
    *ret = a;
    return 0;
}

static int take_answer(struct upstream *u, const struct frame *f)
{
    struct upstream_space space;
    struct upstream_answer a;
    if (f->fd >= 0)
        (void)close(f->fd);
    int r = upstream_read_answer(f, &space, &a);
    if (r == 0)
        u->events.answer(u->events.arg, &a);
    return r;
}

void upstream_run(struct upstream *u)
{
    struct frame f;
    if (!u->channel)
        return;
    int filled = channel_fill(u->channel), r;
    while ((r = channel_next(u->channel, &f)) == 1) {
        r = take_answer(u, &f);
        if (r < 0)
            break;
        if (!u->channel)
            return;
    }
    if (r == 0)
        r = filled < 0 ? filled : channel_flush(u->channel);
    if (r < 0)
        lose(u, r);
}
