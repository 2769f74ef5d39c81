/* SPDX-License-Identifier: Apache-2.0 */
/* spool_client_query - the questions that wait for their answer: status and dead letters.
 *
 * Each goes over a short connection of its own, so that waiting here never runs a callback of the
 * main connection and a command needs no event loop. Bounded by ANSWER_WAIT_MS without a byte from
 * the spool. */
#include "spool_client.h"
#include "base/util.h"
#include <errno.h>
#include <poll.h>
#include <string.h>

#define ANSWER_WAIT_MS 15000

struct query {
    struct channel *channel;
    int (*on)(struct query *q, const struct frame *f, struct err *e); /* 1 = finished */
    /* for the handlers */
    int (*fn)(void *arg, const struct dead_letter *d);
    void *arg;
    struct tree *tree;
    void (*moved)(void *arg, const char *id);
    size_t given;
    uint64_t upto;
    bool more;
    int stopped;
};

static int put_err(struct err *e, const struct frame *f, const char *what)
{
    struct unpack u;
    char code[ERR_CODE_MAX], text[SPOOL_TEXT_MAX + 1];
    unpack_start(&u, f->p, f->len);
    unpack_str(&u, code, sizeof code);
    unpack_str(&u, text, sizeof text);
    if (unpack_end(&u) < 0)
        return err_set(e, -EPROTO, "transport", "the spool gave an answer that is none");
    return err_set(e, -EPERM, code, "%s%s", what, text);
}

static int wait_frame(struct query *q, struct frame *f, struct err *e)
{
    for (;;) {
        int r = channel_next(q->channel, f);
        if (r == 1)
            return 0;
        r = r < 0 ? r : channel_flush(q->channel);
        if (r < 0)
            return err_set(e, r, "transport", "the spool ended the connection: %s", strerror(-r));
        struct pollfd p = {.fd = channel_fd(q->channel), .events = POLLIN};
        if (channel_wants_write(q->channel))
            p.events |= POLLOUT;
        int n = poll(&p, 1, ANSWER_WAIT_MS);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return err_set(e, -ETIMEDOUT, "transport", "the spool does not answer");
        r = channel_fill(q->channel);
        if (r < 0)
            return err_set(e, r, "transport", "the spool ended the connection: %s", strerror(-r));
    }
}

static int greet(const struct spool_client *c, struct query *q, struct err *e)
{
    int fd = sc_connect(c->socket);
    if (fd < 0)
        return err_set(e, fd, "transport", "cannot connect to the spool: %s", strerror(-fd));
    q->channel = channel_new(fd, SPOOL_MESSAGE_CEILING + SPOOL_FRAME_SLACK);
    if (!q->channel) {
        (void)close(fd);
        return err_set(e, -ENOMEM, "memory", "out of memory");
    }
    int r = sc_send_hello(c, q->channel);
    if (r < 0)
        return err_set(e, r, "transport", "cannot greet the spool: %s", strerror(-r));
    struct frame f;
    r = wait_frame(q, &f, e);
    if (r < 0)
        return r;
    if (f.type == SPOOL_REFUSED)
        return put_err(e, &f, "");
    if (f.type != SPOOL_WELCOME)
        return err_set(e, -EPROTO, "transport", "the spool gave an answer that is none");
    return 0;
}

static int ask(const struct spool_client *c, struct query *q, uint16_t type, const struct buf *b,
               struct err *e)
{
    int r = q->channel ? 0 : greet(c, q, e);
    if (r < 0)
        return r;
    r = channel_send(q->channel, type, 0, b->p, b->len, -1);
    if (r < 0)
        return err_set(e, r, "transport", "cannot ask the spool: %s", strerror(-r));
    for (;;) {
        struct frame f;
        r = wait_frame(q, &f, e);
        if (r < 0)
            return r;
        if (f.type == SPOOL_REFUSED)
            return put_err(e, &f, "");
        r = q->on(q, &f, e);
        if (r != 0)
            return r < 0 ? r : 0;
    }
}

static int on_answer(struct query *q, const struct frame *f, struct err *e)
{
    (void)q;
    if (f->type != SPOOL_ANSWER)
        return err_set(e, -EPROTO, "transport", "the spool gave an answer that is none");
    struct unpack u;
    unpack_start(&u, f->p, f->len);
    struct spool_text code = spool_get_text(&u, SPOOL_CODE_MAX);
    if (!u.bad && code.len == 0)
        return 1;
    int r = put_err(e, f, "");
    return strcmp(e->code, "dead-unknown") == 0 ? -ENOENT : r;
}

static int on_status(struct query *q, const struct frame *f, struct err *e)
{
    if (f->type == SPOOL_ANSWER)
        return put_err(e, f, "");
    if (f->type != SPOOL_STATUS_IS)
        return err_set(e, -EPROTO, "transport", "the spool gave an answer that is none");
    struct unpack u;
    size_t len = 0;
    unpack_start(&u, f->p, f->len);
    const uint8_t *p = unpack_bytes(&u, &len);
    if (!p || unpack_end(&u) < 0)
        return err_set(e, -EPROTO, "transport", "the spool gave an answer that is none");
    int r = tree_from_json((const char *)p, len, &q->tree, e);
    return r < 0 ? r : 1;
}

static int give_item(struct query *q, const struct frame *f, struct err *e)
{
    struct unpack u;
    char destination[SPOOL_NAME_MAX], id[SPOOL_ID_MAX + 1], code[SPOOL_CODE_MAX + 1],
        text[SPOOL_TEXT_MAX + 1];
    unpack_start(&u, f->p, f->len);
    struct dead_letter d = {.number = unpack_u64(&u)};
    d.attempts = unpack_u32(&u);
    d.first_ms = unpack_u64(&u);
    d.dead_ms = unpack_u64(&u);
    d.len = (size_t)unpack_u64(&u);
    unpack_str(&u, destination, sizeof destination);
    unpack_str(&u, id, sizeof id);
    unpack_str(&u, code, sizeof code);
    unpack_str(&u, text, sizeof text);
    size_t len = 0;
    d.bytes = (const char *)unpack_bytes(&u, &len);
    if (unpack_end(&u) < 0 || (len != 0 && len != d.len))
        return err_set(e, -EPROTO, "transport", "the spool gave an answer that is none");
    d.bytes = len ? d.bytes : NULL;
    d.destination = destination;
    d.id = id;
    d.code = code;
    d.text = text;
    q->given++;
    if (q->stopped == 0)
        q->stopped = q->fn(q->arg, &d);
    return 0;
}

static int on_dead(struct query *q, const struct frame *f, struct err *e)
{
    if (f->type == SPOOL_ANSWER)
        return put_err(e, f, "");
    if (f->type == SPOOL_DEAD_ITEM)
        return give_item(q, f, e);
    if (f->type != SPOOL_DEAD_END)
        return err_set(e, -EPROTO, "transport", "the spool gave an answer that is none");
    struct unpack u;
    unpack_start(&u, f->p, f->len);
    q->upto = unpack_u64(&u);
    q->more = unpack_u8(&u) != 0;
    if (unpack_end(&u) < 0)
        return err_set(e, -EPROTO, "transport", "the spool gave an answer that is none");
    return 1;
}

static int put_dead_list(struct buf *b, const struct dead_filter *f, uint64_t after, size_t limit,
                         bool with_bytes)
{
    static const struct dead_filter any = {.destination = NULL};
    f = f ? f : &any;
    int r = pack_u64(b, after);
    r = r < 0 ? r : pack_u32(b, limit > UINT32_MAX ? UINT32_MAX : (uint32_t)limit);
    r = r < 0 ? r : pack_u8(b, (uint8_t)(with_bytes | (f->search ? 2 : 0)));
    r = r < 0 ? r : pack_u64(b, f->from_ms);
    r = r < 0 ? r : pack_u64(b, f->to_ms);
    r = r < 0 ? r : pack_str(b, f->destination);
    r = r < 0 ? r : pack_str(b, f->code);
    return r < 0 ? r : pack_str(b, f->id);
}

int sc_dead_list(struct transport *t, const struct dead_filter *f, uint64_t after, size_t limit,
                 bool with_bytes, int (*fn)(void *arg, const struct dead_letter *d), void *arg,
                 struct err *e)
{
    struct query q = {.on = on_dead, .fn = fn, .arg = arg, .upto = after, .more = true};
    struct buf b = BUF_INIT(64u << 10);
    int r = 0;
    while (r == 0 && q.more && q.given < limit && q.stopped == 0) { /* the spool looks in strides */
        buf_reset(&b);
        r = put_dead_list(&b, f, q.upto, limit - q.given, with_bytes);
        r = r < 0 ? err_set(e, r, "memory", "out of memory")
                  : ask((const struct spool_client *)t, &q, SPOOL_DEAD_LIST, &b, e);
    }
    channel_free(q.channel);
    buf_done(&b);
    if (r == 0 && q.stopped)
        return err_set(e, q.stopped, "stopped", "the listing was stopped");
    return r;
}

static int one_number(struct transport *t, uint16_t type, uint64_t number, struct err *e)
{
    struct query q = {.on = on_answer};
    struct buf b = BUF_INIT(64);
    int r = pack_u64(&b, number);
    r = r < 0 ? err_set(e, r, "memory", "out of memory")
              : ask((const struct spool_client *)t, &q, type, &b, e);
    channel_free(q.channel);
    buf_done(&b);
    return r;
}

int sc_dead_replay(struct transport *t, uint64_t number, struct err *e)
{
    return one_number(t, SPOOL_DEAD_REPLAY, number, e);
}

int sc_dead_discard(struct transport *t, uint64_t number, struct err *e)
{
    return one_number(t, SPOOL_DEAD_DISCARD, number, e);
}

static int on_moved(struct query *q, const struct frame *f, struct err *e)
{
    char id[SPOOL_ID_MAX + 1];
    struct unpack u;
    if (f->type == SPOOL_ANSWER)
        return put_err(e, f, "");
    unpack_start(&u, f->p, f->len);
    q->upto = unpack_u64(&u);
    while (f->type == SPOOL_MOVED && !u.bad && u.p < u.end) {
        unpack_str(&u, id, sizeof id);
        if (!u.bad)
            q->moved(q->arg, id);
    }
    if (f->type != SPOOL_MOVED || unpack_end(&u) < 0)
        return err_set(e, -EPROTO, "transport", "the spool gave an answer that is none");
    return 1;
}

int sc_queue_move(struct transport *t, const char *from, const char *to, size_t limit,
                  void (*fn)(void *arg, const char *id), void *arg, uint64_t *ret_left,
                  struct err *e)
{
    struct query q = {.on = on_moved, .moved = fn, .arg = arg};
    struct buf b = BUF_INIT(4096);
    int r = pack_u32(&b, limit > UINT32_MAX ? UINT32_MAX : (uint32_t)limit);
    r = r < 0 ? r : pack_str(&b, from);
    r = r < 0 ? r : pack_str(&b, to);
    r = r < 0 ? err_set(e, r, "memory", "out of memory")
              : ask((const struct spool_client *)t, &q, SPOOL_MOVE, &b, e);
    channel_free(q.channel);
    buf_done(&b);
    if (r == 0)
        *ret_left = q.upto;
    return r;
}

int sc_status(struct transport *t, struct tree **ret, struct err *e)
{
    struct query q = {.on = on_status};
    struct buf b = BUF_INIT(64);
    int r = ask((const struct spool_client *)t, &q, SPOOL_STATUS, &b, e);
    channel_free(q.channel);
    buf_done(&b);
    if (r < 0)
        tree_free(q.tree);
    else
        *ret = q.tree;
    return r;
}
