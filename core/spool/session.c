/* SPDX-License-Identifier: Apache-2.0 */
/* session - the protocol of spool_wire.h, server side.
 *
 * A client that breaks it is refused in a sentence and closed; nobody else notices. One turn takes
 * TURN_FRAMES frames of a client at most, so that a fast producer does not keep the others waiting;
 * a client that does not read its answers is not read either (OUT_MAX). Diagnostics: one log line
 * for each refusal. */
#include "session.h"
#include "base/log.h"
#include "base/util.h"
#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <unistd.h>

#define TURN_FRAMES    512u
#define OUT_MAX        ((size_t)4 << 20)
#define JOB_OUT_MAX    ((size_t)1 << 20)
#define HELLO_WAIT_MS  10000u
#define DEAD_LIMIT_MAX 1000u

struct session {
    struct peer peer; /* first */
    struct spool *spool;
    const struct rights_list *all;
    const struct rights *rights; /* NULL: has not greeted */
    struct channel *channel;
    uint64_t deadline;
    struct consumer **subs;
    size_t subs_n, subs_cap;
    struct buf confirmed, settled; /* lists of this turn */
    struct buf refusal;            /* REFUSED, to be sent as the last frame */
    struct buf out;                /* a payload being made */
    bool has_more, refused, broken;
    bool came; /* as a consumer, in this turn */
    int pidfd; /* of the process that connected; -1: not known */
};

static void send_out(struct session *x, uint16_t type)
{
    if (x->broken)
        return;
    if (channel_send(x->channel, type, 0, x->out.p, x->out.len, -1) < 0)
        x->broken = true;
}

static void refuse(struct session *x, const char *code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
static void refuse(struct session *x, const char *code, const char *fmt, ...)
{
    char text[256];
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    log_warning(code, NULL, "client %s: %s", x->rights ? rights_name(x->rights) : "(unknown)",
                text);
    buf_reset(&x->refusal);
    if (x->refused || spool_put_words(&x->refusal, code, text) < 0)
        x->broken = true;
    x->refused = true;
    x->deadline = mono_ms() + HELLO_WAIT_MS; /* to take the refusal */
}

/* ---- answers ---- */

static void on_confirmed(struct peer *p, uint64_t no)
{
    struct session *x = (struct session *)p;
    if (pack_u64(&x->confirmed, no) < 0)
        x->broken = true;
}

static void on_settled(struct peer *p, uint64_t handle)
{
    struct session *x = (struct session *)p;
    if (pack_u64(&x->settled, handle) < 0)
        x->broken = true;
}

static void on_failed(struct peer *p, uint64_t no, const char *code, const char *text)
{
    struct session *x = (struct session *)p;
    buf_reset(&x->out);
    if (pack_u64(&x->out, no) < 0 || spool_put_words(&x->out, code, text) < 0)
        x->broken = true;
    send_out(x, SPOOL_FAILED);
}

static void on_answer(struct peer *p, const char *code, const char *text)
{
    struct session *x = (struct session *)p;
    buf_reset(&x->out);
    if (spool_put_words(&x->out, code, text) < 0)
        x->broken = true;
    send_out(x, SPOOL_ANSWER);
}

static void on_job(struct peer *p, const struct spool_job *j)
{
    struct session *x = (struct session *)p;
    buf_reset(&x->out);
    int r = pack_u64(&x->out, j->handle);
    r = r < 0 ? r : pack_u32(&x->out, j->sub);
    r = r < 0 ? r : pack_u32(&x->out, j->attempts);
    r = r < 0 ? r : pack_u64(&x->out, j->first_ms);
    r = r < 0 ? r : pack_bytes(&x->out, j->id.p, j->id.len);
    r = r < 0 ? r : pack_bytes(&x->out, j->event.p, j->event.len);
    if (r < 0)
        x->broken = true; /* the job goes back with the connection */
    send_out(x, SPOOL_JOB);
}

static void on_moved(struct peer *p, const struct buf *ids, uint64_t left)
{
    struct session *x = (struct session *)p;
    buf_reset(&x->out);
    if (pack_u64(&x->out, left) < 0 || buf_add(&x->out, ids->p, ids->len) < 0)
        x->broken = true;
    send_out(x, SPOOL_MOVED);
}

static bool can_take(struct peer *p)
{
    const struct session *x = (const struct session *)p;
    return !x->refused && !x->broken && channel_queued(x->channel) < JOB_OUT_MAX;
}

static const struct peer_ops peer_ops = {
    .confirmed = on_confirmed,
    .failed = on_failed,
    .settled = on_settled,
    .job = on_job,
    .can_take = can_take,
    .answer = on_answer,
    .moved = on_moved,
};

/* ---- requests ---- */

static int do_hello(struct session *x, const struct frame *f)
{
    struct spool_hello h;
    if (f->type != SPOOL_HELLO || spool_get_hello(f, &h) < 0)
        return -EPROTO;
    if (h.version != SPOOL_WIRE_VERSION) {
        refuse(x, "wire-version", "it speaks version %u, this spool %u", h.version,
               SPOOL_WIRE_VERSION);
        return 0;
    }
    x->rights = rights_find(x->all, h.name, h.token);
    if (!x->rights) {
        refuse(x, "not-allowed", "the name or the token is not known to this spool");
        return 0;
    }
    x->deadline = UINT64_MAX;
    buf_reset(&x->out);
    int r = pack_u32(&x->out, SPOOL_WIRE_VERSION);
    r = r < 0 ? r : pack_u64(&x->out, spool_message_max(x->spool));
    if (r == 0)
        send_out(x, SPOOL_WELCOME);
    return r;
}

static int do_publish(struct session *x, const struct frame *f)
{
    struct spool_publish p;
    if (spool_get_publish(f, &p) < 0)
        return -EPROTO;
    if (!rights_publish(x->rights))
        on_failed(&x->peer, p.no, "not-allowed", "this client may not publish");
    else
        spool_publish(x->spool, &x->peer, &p);
    return 0;
}

static int do_consume(struct session *x, const struct frame *f)
{
    struct spool_consume c;
    if (spool_get_consume(f, &c) < 0 || c.sub != x->subs_n)
        return -EPROTO;
    if (!rights_consume(x->rights, c.destination)) {
        refuse(x, "not-allowed", "it may not consume this destination");
        return 0;
    }
    if (x->subs_n >= rights_destinations(x->rights)) /* one each is enough */
        return -EPROTO;
    void *p = x->subs;
    int r = grow_array(&p, &x->subs_cap, x->subs_n + 1, sizeof(struct consumer *));
    x->subs = p;
    if (r < 0)
        return r;
    r = spool_consume(x->spool, &x->peer, &c, &x->subs[x->subs_n]);
    if (r == -ENOENT) {
        refuse(x, "destination-unknown", "there is no such destination");
        return 0;
    }
    x->subs_n += r == 0;
    x->came = r == 0;
    return r;
}

static int do_pause(struct session *x, const struct frame *f)
{
    struct unpack u;
    unpack_start(&u, f->p, f->len);
    uint32_t sub = unpack_u32(&u);
    uint8_t paused = unpack_u8(&u);
    if (unpack_end(&u) < 0 || sub >= x->subs_n || paused > 1)
        return -EPROTO;
    spool_pause(x->subs[sub], paused);
    return 0;
}

static int settle(struct session *x, const struct spool_settle *in)
{
    uint32_t sub = spool_handle_sub(in->handle);
    return sub < x->subs_n ? spool_settle(x->spool, x->subs[sub], in) : -EPROTO;
}

static int do_done(struct session *x, const struct frame *f)
{
    size_t n = 0;
    int r = spool_list_count(f, &n);
    for (size_t i = 0; i < n && r == 0; i++) {
        struct spool_settle in = {
            .handle = spool_list_at(f, i), .how = SETTLE_DONE, .code = {"", 0}, .text = {"", 0}};
        r = settle(x, &in);
    }
    return r;
}

static int do_settle(struct session *x, const struct frame *f)
{
    struct spool_settle in;
    return spool_get_settle(f, &in) < 0 ? -EPROTO : settle(x, &in);
}

static int do_status(struct session *x)
{
    struct err e;
    struct tree *t = NULL;
    struct buf json = BUF_INIT(16u << 20);
    int r = spool_status(x->spool, &t, &e);
    if (r == 0 && tree_to_json(t, &json, false) < 0)
        r = err_set(&e, -ENOMEM, "memory", "out of memory");
    buf_reset(&x->out);
    if (r == 0 && pack_bytes(&x->out, json.p, json.len) == 0)
        send_out(x, SPOOL_STATUS_IS);
    else
        on_answer(&x->peer, e.code, e.text);
    buf_done(&json);
    tree_free(t);
    return 0;
}

static int send_dead(void *arg, const struct dead_letter *d)
{
    struct session *x = arg;
    buf_reset(&x->out);
    int r = pack_u64(&x->out, d->number);
    r = r < 0 ? r : pack_u32(&x->out, d->attempts);
    r = r < 0 ? r : pack_u64(&x->out, d->first_ms);
    r = r < 0 ? r : pack_u64(&x->out, d->dead_ms);
    r = r < 0 ? r : pack_u64(&x->out, d->len);
    r = r < 0 ? r : pack_str(&x->out, d->destination);
    r = r < 0 ? r : pack_str(&x->out, d->id);
    r = r < 0 ? r : spool_put_words(&x->out, d->code, d->text);
    r = r < 0 ? r : pack_bytes(&x->out, d->bytes ? d->bytes : "", d->bytes ? d->len : 0);
    if (r == 0)
        send_out(x, SPOOL_DEAD_ITEM);
    return r;
}

static int do_dead_list(struct session *x, const struct frame *f)
{
    struct spool_dead_list in;
    struct err e;
    uint64_t upto = 0;
    bool more = false;
    if (spool_get_dead_list(f, &in) < 0)
        return -EPROTO;
    if (in.limit > DEAD_LIMIT_MAX)
        in.limit = DEAD_LIMIT_MAX;
    if (spool_dead_list(x->spool, &in, send_dead, x, &upto, &more, &e) < 0) {
        on_answer(&x->peer, e.code, e.text);
        return 0;
    }
    buf_reset(&x->out);
    int r = pack_u64(&x->out, upto);
    r = r < 0 ? r : pack_u8(&x->out, more);
    send_out(x, SPOOL_DEAD_END);
    return r;
}

static int do_dead_one(struct session *x, const struct frame *f)
{
    struct unpack u;
    unpack_start(&u, f->p, f->len);
    uint64_t number = unpack_u64(&u);
    if (unpack_end(&u) < 0)
        return -EPROTO;
    if (f->type == SPOOL_DEAD_REPLAY)
        spool_dead_replay(x->spool, &x->peer, number);
    else
        spool_dead_discard(x->spool, &x->peer, number);
    return 0;
}

static int do_move(struct session *x, const struct frame *f)
{
    struct spool_move in;
    if (spool_get_move(f, &in) < 0)
        return -EPROTO;
    spool_move(x->spool, &x->peer, &in);
    return 0;
}

static int do_admin(struct session *x, const struct frame *f)
{
    if (!rights_admin(x->rights)) {
        on_answer(&x->peer, "not-allowed", "this client may not look into the spool or mend it");
        return 0;
    }
    switch (f->type) {
    case SPOOL_STATUS:
        return f->len ? -EPROTO : do_status(x);
    case SPOOL_DEAD_LIST:
        return do_dead_list(x, f);
    case SPOOL_MOVE:
        return do_move(x, f);
    default:
        return do_dead_one(x, f);
    }
}

static int handle(struct session *x, const struct frame *f)
{
    if (f->fd >= 0) {
        (void)close(f->fd);
        return -EPROTO;
    }
    if (!x->rights)
        return do_hello(x, f);
    switch (f->type) {
    case SPOOL_PUBLISH:
        return do_publish(x, f);
    case SPOOL_CONSUME:
        return do_consume(x, f);
    case SPOOL_PAUSE:
        return do_pause(x, f);
    case SPOOL_DONE:
        return do_done(x, f);
    case SPOOL_SETTLE:
        return do_settle(x, f);
    case SPOOL_STATUS:
    case SPOOL_DEAD_LIST:
    case SPOOL_DEAD_REPLAY:
    case SPOOL_DEAD_DISCARD:
    case SPOOL_MOVE:
        return do_admin(x, f);
    default:
        return -EPROTO;
    }
}

/* Handles the frames that are there, as long as this client has its turn. What channel_next() said
 * last. */
static int take_frames(struct session *x, unsigned *n)
{
    struct frame f;
    int r = 0;
    while (!x->refused && !x->broken && *n < TURN_FRAMES &&
           (r = channel_next(x->channel, &f)) == 1) {
        r = handle(x, &f);
        (*n)++;
        if (r == -EPROTO)
            refuse(x, "protocol", "frame of type %u is not as agreed", f.type);
        else if (r < 0)
            refuse(x, "transport", "%s", strerror(-r));
    }
    return r;
}

void session_read(struct session *x, bool readable)
{
    int end, r;
    unsigned n = 0, before;
    x->has_more = false;
    do { /* one filling is a buffer's worth; the whole of a producer's window belongs into one
            commit */
        before = n;
        end = readable ? channel_fill(x->channel) : 0;
        r = take_frames(x, &n);
    } while (readable && end == 0 && r == 0 && n > before && n < TURN_FRAMES && !x->refused &&
             !x->broken);
    x->has_more = n == TURN_FRAMES;
    if (r < 0 && !x->refused)
        refuse(x, "protocol", "its frames cannot be read");
    if (end < 0 && !x->has_more)
        x->broken = true;
}

static void send_rest(struct session *x, struct buf *b, uint16_t type)
{
    if (b->len && !x->broken && channel_send(x->channel, type, 0, b->p, b->len, -1) < 0)
        x->broken = true;
    buf_reset(b);
}

void session_write(struct session *x)
{
    send_rest(x, &x->confirmed, SPOOL_CONFIRMED);
    send_rest(x, &x->settled, SPOOL_SETTLED);
    send_rest(x, &x->refusal, SPOOL_REFUSED); /* last: what it did before the fault counts */
    if (!x->broken && channel_wants_write(x->channel) && channel_flush(x->channel) < 0)
        x->broken = true;
}

static int process_of(int fd)
{
    struct ucred peer = {.pid = 0};
    socklen_t len = sizeof peer;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) < 0 || peer.pid <= 0)
        return -1;
    return pidfd_open(peer.pid, 0);
}

struct session *session_new(struct spool *s, const struct rights_list *rights, int fd)
{
    struct session *x = xcalloc(1, sizeof *x);
    struct channel *ch = x ? channel_new(fd, spool_message_max(s) + SPOOL_FRAME_SLACK) : NULL;
    if (!ch) {
        (void)close(fd);
        free(x);
        return NULL;
    }
    x->peer.ops = &peer_ops;
    x->pidfd = process_of(fd);
    x->spool = s;
    x->all = rights;
    x->channel = ch;
    x->deadline = mono_ms() + HELLO_WAIT_MS;
    buf_init(&x->confirmed, 16u << 20);
    buf_init(&x->settled, 16u << 20);
    buf_init(&x->refusal, 8192);
    buf_init(&x->out, spool_message_max(s) + SPOOL_FRAME_SLACK);
    return x;
}

void session_free(struct session *x)
{
    if (!x)
        return;
    spool_gone(x->spool, &x->peer, x->subs, x->subs_n);
    channel_free(x->channel);
    if (x->pidfd >= 0)
        (void)close(x->pidfd);
    buf_done(&x->confirmed);
    buf_done(&x->settled);
    buf_done(&x->refusal);
    buf_done(&x->out);
    free(x->subs);
    free(x);
}

int session_fd(const struct session *x)
{
    return channel_fd(x->channel);
}

bool session_wants_write(const struct session *x)
{
    return channel_wants_write(x->channel);
}

bool session_wants_read(const struct session *x)
{
    return !x->refused && !x->has_more && channel_queued(x->channel) < OUT_MAX;
}

bool session_has_more(const struct session *x)
{
    return x->has_more && !x->refused && !x->broken && channel_queued(x->channel) < OUT_MAX;
}

uint64_t session_deadline(const struct session *x)
{
    return x->deadline;
}

bool session_came(struct session *x)
{
    bool came = x->came;
    x->came = false;
    return came;
}

static bool has_died(int pidfd)
{
    struct pollfd p = {.fd = pidfd, .events = POLLIN};
    return pidfd >= 0 && poll(&p, 1, 0) == 1;
}

void session_give_way(struct session *x, const struct session *to)
{
    if (x == to || x->rights != to->rights || !x->subs_n || x->broken || !has_died(x->pidfd))
        return;
    log_info("replaced", NULL, "client %s: its process is dead, and its successor is there",
             rights_name(x->rights));
    x->broken = true;
}

bool session_ended(const struct session *x)
{
    return x->broken || (x->refused && !channel_wants_write(x->channel));
}
