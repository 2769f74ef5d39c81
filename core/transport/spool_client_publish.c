/* SPDX-License-Identifier: Apache-2.0 */
/* spool_client_publish - the window of unconfirmed messages.
 *
 * Each publish keeps its encoded frame until it is confirmed or failed, so publishing again after a
 * lost connection is sending the same bytes. At most WINDOW_MESSAGES and WINDOW_BYTES are under
 * way; a message larger than that goes when nothing else is. The number in a frame is serial << 8 |
 * place: answers find their place without a search, and an answer to something that is no longer
 * there is noticed. */
#include "spool_client.h"
#include "base/util.h"
#include <errno.h>
#include <string.h>

_Static_assert(WINDOW_MESSAGES <= 256, "a place must fit the low byte of the number");

static struct sc_publish *free_place(struct spool_client *c)
{
    for (size_t i = 0; i < WINDOW_MESSAGES; i++) {
        struct sc_publish *p = &c->window[(c->serial + i) % WINDOW_MESSAGES];
        if (!p->payload.p)
            return p;
    }
    return NULL;
}

static void release(struct spool_client *c, struct sc_publish *p)
{
    c->window_n--;
    c->window_bytes -= p->payload.len;
    if (p->refused)
        c->refused_n--;
    buf_done(&p->payload);
    p->refused = NULL;
}

/* A refusal on this side must reach the caller like any other: by failed(), from run(). */
static int refuse(struct spool_client *c, struct sc_publish *p, uint64_t tag, const char *code)
{
    buf_init(&p->payload, 64);
    int r = pack_u64(&p->payload, tag);
    if (r < 0)
        return r;
    p->tag = tag;
    p->refused = code;
    c->refused_n++;
    c->window_n++;
    c->window_bytes += p->payload.len;
    return 0;
}

int sc_publish(struct transport *t, uint64_t tag, const char *id, const char *bytes, size_t len,
               const char *const *destinations, size_t n)
{
    struct spool_client *c = (struct spool_client *)t;
    struct sc_publish *p = c->window_n < WINDOW_MESSAGES ? free_place(c) : NULL;
    if (!p)
        return -EAGAIN;
    if (len > c->message_max)
        return refuse(c, p, tag, "too-large");
    if (c->window_n > 0 && c->window_bytes + len > WINDOW_BYTES)
        return -EAGAIN;
    uint64_t no = (c->serial + 1) << 8 | (uint64_t)(p - c->window);
    buf_init(&p->payload, len + SPOOL_FRAME_SLACK);
    int r = spool_put_publish(&p->payload, no, id, bytes, len, destinations, n);
    if (r == 0 && c->state == SC_UP)
        r = channel_send(c->channel, SPOOL_PUBLISH, 0, p->payload.p, p->payload.len, -1);
    if (r < 0) {
        buf_done(&p->payload);
        return r == -EFBIG ? refuse(c, p, tag, "too-large") : r;
    }
    c->serial++;
    p->tag = tag;
    p->no = no;
    p->event_len = len;
    c->window_n++;
    c->window_bytes += p->payload.len;
    return 0;
}

int sc_publish_again(struct spool_client *c)
{
    uint64_t last = 0;
    for (;;) { /* in the order of the serials; the window is small */
        struct sc_publish *next = NULL;
        for (size_t i = 0; i < WINDOW_MESSAGES; i++) {
            struct sc_publish *p = &c->window[i];
            if (p->payload.p && !p->refused && p->no > last && (!next || p->no < next->no))
                next = p;
        }
        if (!next)
            return 0;
        last = next->no;
        if (next->event_len > c->message_max) { /* it was taken before the spool said its limit */
            next->refused = "too-large";
            c->refused_n++;
            continue;
        }
        int r = channel_send(c->channel, SPOOL_PUBLISH, 0, next->payload.p, next->payload.len, -1);
        if (r < 0)
            return r;
    }
}

static struct sc_publish *find(struct spool_client *c, uint64_t no)
{
    size_t place = no & 0xff;
    if (place >= WINDOW_MESSAGES)
        return NULL;
    struct sc_publish *p = &c->window[place];
    return p->payload.p && !p->refused && p->no == no ? p : NULL;
}

int sc_confirmed(struct spool_client *c, const struct frame *f)
{
    size_t n = 0;
    int r = sc_take_list(c, f, &n);
    for (size_t i = 0; i < n && r == 0; i++) {
        struct sc_publish *p = find(c, c->list[i]);
        if (!p)
            return -EPROTO;
        uint64_t tag = p->tag;
        release(c, p); /* first, so that the callback can publish into this place */
        c->base.events.confirmed(c->base.events.arg, tag);
    }
    return r;
}

int sc_failed(struct spool_client *c, const struct frame *f)
{
    struct unpack u;
    unpack_start(&u, f->p, f->len);
    uint64_t no = unpack_u64(&u);
    struct spool_text code = spool_get_text(&u, SPOOL_CODE_MAX);
    struct spool_text text = spool_get_text(&u, SPOOL_TEXT_MAX);
    struct sc_publish *p = find(c, no);
    if (unpack_end(&u) < 0 || !p)
        return -EPROTO;
    struct err why;
    char name[ERR_CODE_MAX];
    size_t len = code.len < sizeof name ? code.len : sizeof name - 1;
    memcpy(name, code.p, len);
    name[len] = '\0';
    (void)err_set(&why, -EIO, name, "%.*s", (int)text.len, text.p);
    uint64_t tag = p->tag;
    release(c, p);
    c->base.events.failed(c->base.events.arg, tag, &why);
    return 0;
}

void sc_tell_refused(struct spool_client *c)
{
    for (size_t i = 0; i < WINDOW_MESSAGES && c->refused_n; i++) {
        struct sc_publish *p = &c->window[i];
        if (!p->payload.p || !p->refused)
            continue;
        struct err why;
        (void)err_set(&why, -EFBIG, p->refused, "the message is larger than %zu bytes",
                      c->message_max);
        uint64_t tag = p->tag;
        release(c, p);
        c->base.events.failed(c->base.events.arg, tag, &why);
    }
}

void sc_publish_done(struct spool_client *c)
{
    for (size_t i = 0; i < WINDOW_MESSAGES; i++)
        buf_done(&c->window[i].payload);
}
