/* SPDX-License-Identifier: Apache-2.0 */
/* door_end - see door_end.h. */
#include "door_end.h"
#include "frame.h"
#include "log.h"
#include "util.h"
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#define PEERS_MAX   16
#define HEADERS_MAX 200u
#define DAY_MS      86400000u

struct peer {
    uint64_t serial; /* 0: free */
    struct channel *channel;
    bool greeted;
};
struct door_end {
    bool (*take)(void *arg, struct door_request *r);
    void *arg;
    int fd;
    char *path;
    uint64_t serial;
    struct peer peer[PEERS_MAX];
    struct buf scratch;
};

void door_request_free(struct door_request *r)
{
    if (!r)
        return;
    if (r->fd >= 0)
        (void)close(r->fd);
    free(r->headers);
    free(r);
}

const char *door_request_header(const struct door_request *r, const char *name)
{
    for (size_t i = 0; i < r->headers_n; i++)
        if (strcmp(r->headers[i].name, name) == 0)
            return r->headers[i].value;
    return NULL;
}

int door_end_open(const char *path, bool (*take)(void *arg, struct door_request *r), void *arg,
                  struct door_end **ret, struct err *e)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof(a.sun_path))
        return err_set(e, -ENAMETOOLONG, "socket", "%s: the path of a socket may have 107 bytes",
                       path);
    memcpy(a.sun_path, path, strlen(path) + 1);
    struct door_end *d = xcalloc(1, sizeof(*d));
    if (!d || !(d->path = strdup(path))) {
        free(d);
        return err_set(e, -ENOMEM, "out-of-memory", "out of memory");
    }
    d->take = take;
    d->arg = arg;
    buf_init(&d->scratch, DOOR_FRAME_MAX);
    d->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    (void)unlink(path); /* of a predecessor; the data directory is locked by our supervisor */
    mode_t before = umask(0177);
    int rc = d->fd < 0 || bind(d->fd, (struct sockaddr *)&a, sizeof(a)) < 0 || listen(d->fd, 64) < 0
                 ? -errno
                 : 0;
    (void)umask(before);
    if (rc < 0) {
        door_end_close(d);
        return err_set(e, rc, "socket", "%s: %s", path, strerror(-rc));
    }
    *ret = d;
    return 0;
}

static void drop(struct peer *p)
{
    channel_free(p->channel);
    *p = (struct peer){0};
}

void door_end_close(struct door_end *d)
{
    if (!d)
        return;
    for (size_t i = 0; i < PEERS_MAX; i++)
        if (d->peer[i].serial)
            drop(&d->peer[i]);
    if (d->fd >= 0) {
        (void)close(d->fd);
        (void)unlink(d->path);
    }
    buf_done(&d->scratch);
    free(d->path);
    free(d);
}

size_t door_end_poll(struct door_end *d, struct pollfd *p, size_t cap)
{
    size_t n = 0;
    if (n < cap)
        p[n++] = (struct pollfd){.fd = d->fd, .events = POLLIN};
    for (size_t i = 0; i < PEERS_MAX && n < cap; i++)
        if (d->peer[i].serial)
            p[n++] = (struct pollfd){
                .fd = channel_fd(d->peer[i].channel),
                .events =
                    (short)(POLLIN | (channel_wants_write(d->peer[i].channel) ? POLLOUT : 0))};
    return n;
}

static void accept_peers(struct door_end *d)
{
    for (size_t i = 0; i < PEERS_MAX; i++) {
        if (d->peer[i].serial)
            continue;
        int fd = accept4(d->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd < 0)
            return;
        struct channel *c = channel_new(fd, DOOR_FRAME_MAX);
        if (!c) {
            (void)close(fd);
            return;
        }
        d->peer[i] = (struct peer){.serial = ++d->serial, .channel = c};
    }
}

/* Copies a field of the frame with a zero behind it. NULL: broken. */
static char *text_field(struct unpack *u, char **at)
{
    size_t len;
    const uint8_t *p = unpack_bytes(u, &len);
    if (!p || (len && memchr(p, 0, len)))
        return NULL;
    char *to = *at;
    memcpy(to, p, len);
    to[len] = '\0';
    *at += len + 1;
    return to;
}

static bool read_headers(struct unpack *u, struct door_request *r, char **at)
{
    uint32_t n = unpack_u32(u);
    if (n > HEADERS_MAX || u->bad)
        return false;
    r->headers = xcalloc(n + 1, sizeof(*r->headers));
    for (uint32_t i = 0; r->headers && i < n; i++) {
        r->headers[i].name = text_field(u, at);
        r->headers[i].value = r->headers[i].name ? text_field(u, at) : NULL;
        if (!r->headers[i].value)
            return false;
    }
    r->headers_n = n;
    return r->headers;
}

static bool read_fields(struct unpack *u, struct door_request *r)
{
    char *at = r->strings;
    r->number = unpack_u64(u);
    r->method = text_field(u, &at);
    r->path = r->method ? text_field(u, &at) : NULL;
    r->query = r->path ? text_field(u, &at) : NULL;
    if (!r->query || !read_headers(u, r, &at))
        return false;
    uint64_t total = unpack_u64(u);
    size_t len;
    const uint8_t *body = unpack_bytes(u, &len);
    uint64_t deadline = unpack_u64(u);
    if (!body && len)
        return false;
    if (unpack_end(u) < 0 || (r->fd < 0 && total != len) || (r->fd >= 0 && len))
        return false;
    memcpy(at, body ? (const char *)body : "", len);
    at[len] = '\0';
    r->body = r->fd < 0 ? at : NULL;
    r->body_len = r->fd < 0 ? len : (size_t)total;
    r->deadline_ms = mono_ms() + (deadline < DAY_MS ? deadline : DAY_MS);
    return true;
}

int door_request_read(const struct frame *f, struct door_request **ret)
{
    /* every field gains a zero and loses four bytes of length: the frame's size is enough */
    struct door_request *r = xcalloc(1, sizeof(*r) + f->len + 8);
    struct unpack u;
    if (!r) {
        if (f->fd >= 0)
            (void)close(f->fd);
        return -ENOMEM;
    }
    r->fd = f->fd;
    unpack_start(&u, f->p, f->len);
    if (!read_fields(&u, r)) {
        door_request_free(r);
        return -EPROTO;
    }
    *ret = r;
    return 0;
}

/* Takes the frame's descriptor. False: the peer is broken, or nothing can be taken. */
static bool on_request(struct door_end *d, const struct peer *p, const struct frame *f)
{
    struct door_request *r;
    if (door_request_read(f, &r) < 0)
        return false;
    r->peer = p->serial;
    return d->take(d->arg, r);
}

static bool on_frame(struct door_end *d, struct peer *p, const struct frame *f)
{
    if (!p->greeted) {
        struct unpack u;
        unpack_start(&u, f->p, f->len);
        p->greeted =
            f->type == DOOR_HELLO && unpack_u32(&u) == DOOR_WIRE_VERSION && unpack_end(&u) == 0;
        return p->greeted;
    }
    if (f->type == DOOR_REQUEST)
        return on_request(d, p, f);
    return f->type ==
           DOOR_CANCEL; /* what is under way completes: the sender's retry finds it done */
}

static void read_peer(struct door_end *d, struct peer *p)
{
    struct frame f;
    int rc = channel_fill(p->channel), more;
    while ((more = channel_next(p->channel, &f)) == 1) {
        bool ok = on_frame(d, p, &f);
        if (f.fd >= 0 && f.type != DOOR_REQUEST)
            (void)close(f.fd);
        if (!ok) {
            log_warning("door-wire", NULL,
                        "the door sent something that cannot be taken; its connection is closed");
            rc = -EPROTO;
            break;
        }
    }
    if (rc < 0 || more < 0 || channel_flush(p->channel) < 0)
        drop(p);
}

void door_end_run(struct door_end *d, const struct pollfd *p, size_t n)
{
    if (n && p[0].revents)
        accept_peers(d);
    for (size_t k = 1; k < n; k++)
        for (size_t i = 0; p[k].revents && i < PEERS_MAX; i++)
            if (d->peer[i].serial && channel_fd(d->peer[i].channel) == p[k].fd)
                read_peer(d, &d->peer[i]);
}

void door_end_flush(struct door_end *d)
{
    for (size_t i = 0; i < PEERS_MAX; i++)
        if (d->peer[i].serial && channel_wants_write(d->peer[i].channel) &&
            channel_flush(d->peer[i].channel) < 0)
            drop(&d->peer[i]);
}

static int pack_answer(struct buf *b, uint64_t number, const struct door_answer *a)
{
    int rc = a->headers_n > DOOR_HEADERS_MAX ? -EFBIG : pack_u64(b, number);
    rc = rc ? rc : pack_u32(b, a->status);
    rc = rc ? rc : pack_str(b, a->content_type);
    rc = rc ? rc : pack_u32(b, a->retry_after);
    rc = rc ? rc : pack_u32(b, (uint32_t)a->headers_n);
    for (size_t i = 0; rc == 0 && i < a->headers_n; i++) {
        rc = pack_str(b, a->headers[i].name);
        rc = rc ? rc : pack_str(b, a->headers[i].value);
    }
    return rc ? rc : pack_bytes(b, a->len ? a->body : "", a->len);
}

void door_end_answer(struct door_end *d, const struct door_request *r, const struct door_answer *a)
{
    for (size_t i = 0; i < PEERS_MAX; i++) {
        struct peer *p = &d->peer[i];
        if (p->serial != r->peer || !p->serial)
            continue;
        struct buf *b = &d->scratch;
        buf_reset(b);
        if (pack_answer(b, r->number, a) < 0 ||
            channel_send(p->channel, DOOR_ANSWER, 0, b->p, b->len, -1) < 0)
            drop(p);
    }
}
