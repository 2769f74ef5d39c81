/* SPDX-License-Identifier: Apache-2.0 */
/* spool_wire - reading and writing the payloads that spool_wire.h describes. Pure.
 *
 * Decoders copy nothing: they check lengths, limits and that text holds no zero byte, and point
 * into the frame. */
#include "spool_wire.h"
#include <errno.h>
#include <string.h>

struct spool_text spool_get_text(struct unpack *u, size_t max)
{
    struct spool_text t = {.p = "", .len = 0};
    size_t len = 0;
    const uint8_t *p = unpack_bytes(u, &len);
    if (!p || u->bad)
        return t;
    if (len > max || (len && memchr(p, 0, len))) {
        u->bad = true;
        return t;
    }
    t.p = (const char *)p;
    t.len = len;
    return t;
}

static struct spool_text get_event(struct unpack *u)
{
    struct spool_text t = {.p = "", .len = 0};
    size_t len = 0;
    const uint8_t *p = unpack_bytes(u, &len);
    if (p && !u->bad) {
        t.p = (const char *)p;
        t.len = len;
    }
    return t;
}

int spool_get_hello(const struct frame *f, struct spool_hello *ret)
{
    struct unpack u;
    unpack_start(&u, f->p, f->len);
    struct spool_hello h = {.version = unpack_u32(&u)};
    h.name = spool_get_text(&u, SPOOL_NAME_MAX - 1);
    h.token = spool_get_text(&u, SPOOL_TOKEN_MAX - 1);
    if (unpack_end(&u) < 0)
        return -EPROTO;
    *ret = h;
    return 0;
}

int spool_get_publish(const struct frame *f, struct spool_publish *ret)
{
    struct unpack u;
    unpack_start(&u, f->p, f->len);
    struct spool_publish p = {.no = unpack_u64(&u)};
    p.id = spool_get_text(&u, SPOOL_ID_MAX);
    p.n = unpack_u32(&u);
    p.destinations = u;
    if (u.bad || p.n == 0 || p.n > SPOOL_DESTINATIONS_MAX)
        return -EPROTO;
    for (uint32_t i = 0; i < p.n && !u.bad; i++)
        if (spool_get_text(&u, SPOOL_NAME_MAX - 1).len == 0)
            u.bad = true;
    p.event = get_event(&u);
    if (unpack_end(&u) < 0)
        return -EPROTO;
    *ret = p;
    return 0;
}

struct spool_text spool_next_name(struct spool_publish *p)
{
    return spool_get_text(&p->destinations, SPOOL_NAME_MAX - 1);
}

int spool_get_consume(const struct frame *f, struct spool_consume *ret)
{
    struct unpack u;
    unpack_start(&u, f->p, f->len);
    struct spool_consume c = {.sub = unpack_u32(&u)};
    c.prefetch = unpack_u32(&u);
    c.destination = spool_get_text(&u, SPOOL_NAME_MAX - 1);
    if (unpack_end(&u) < 0 || c.prefetch == 0 || c.prefetch > SPOOL_PREFETCH_MAX)
        return -EPROTO;
    *ret = c;
    return 0;
}

int spool_get_settle(const struct frame *f, struct spool_settle *ret)
{
    struct unpack u;
    unpack_start(&u, f->p, f->len);
    struct spool_settle s = {.handle = unpack_u64(&u)};
    uint8_t how = unpack_u8(&u);
    s.delay_ms = unpack_u64(&u);
    s.code = spool_get_text(&u, SPOOL_CODE_MAX);
    s.text = spool_get_text(&u, SPOOL_TEXT_MAX);
    if (unpack_end(&u) < 0 || how > SETTLE_DEAD)
        return -EPROTO;
    s.how = (enum settle)how;
    *ret = s;
    return 0;
}

int spool_get_dead_list(const struct frame *f, struct spool_dead_list *ret)
{
    struct unpack u;
    unpack_start(&u, f->p, f->len);
    struct spool_dead_list d = {.after = unpack_u64(&u)};
    d.limit = unpack_u32(&u);
    uint8_t flags = unpack_u8(&u);
    d.with_bytes = flags & 1;
    d.search = flags & 2;
    d.from_ms = unpack_u64(&u);
    d.to_ms = unpack_u64(&u);
    d.destination = spool_get_text(&u, SPOOL_NAME_MAX - 1);
    d.code = spool_get_text(&u, SPOOL_CODE_MAX);
    d.id = spool_get_text(&u, SPOOL_ID_MAX);
    if (unpack_end(&u) < 0)
        return -EPROTO;
    *ret = d;
    return 0;
}

int spool_get_move(const struct frame *f, struct spool_move *ret)
{
    struct unpack u;
    unpack_start(&u, f->p, f->len);
    struct spool_move m = {.limit = unpack_u32(&u)};
    m.from = spool_get_text(&u, SPOOL_NAME_MAX - 1);
    m.to = spool_get_text(&u, SPOOL_NAME_MAX - 1);
    if (unpack_end(&u) < 0 || m.limit == 0)
        return -EPROTO;
    *ret = m;
    return 0;
}

int spool_get_job(const struct frame *f, struct spool_job *ret)
{
    struct unpack u;
    unpack_start(&u, f->p, f->len);
    struct spool_job j = {.handle = unpack_u64(&u)};
    j.sub = unpack_u32(&u);
    j.attempts = unpack_u32(&u);
    j.first_ms = unpack_u64(&u);
    j.id = spool_get_text(&u, SPOOL_ID_MAX);
    j.event = get_event(&u);
    if (unpack_end(&u) < 0)
        return -EPROTO;
    *ret = j;
    return 0;
}

int spool_list_count(const struct frame *f, size_t *ret)
{
    if (f->len % 8)
        return -EPROTO;
    *ret = f->len / 8;
    return 0;
}

uint64_t spool_list_at(const struct frame *f, size_t i)
{
    struct unpack u;
    unpack_start(&u, f->p + i * 8, 8);
    return unpack_u64(&u);
}

int spool_put_text(struct buf *b, const char *s, size_t max)
{
    size_t len = s ? strlen(s) : 0;
    if (len > max) /* not in the middle of a character */
        for (len = max; len > 0 && ((unsigned char)s[len] & 0xc0) == 0x80;)
            len--;
    return pack_bytes(b, s ? s : "", len);
}

int spool_put_publish(struct buf *b, uint64_t no, const char *id, const char *event, size_t len,
                      const char *const *destinations, size_t n)
{
    if (n == 0 || n > SPOOL_DESTINATIONS_MAX || strlen(id) > SPOOL_ID_MAX)
        return -EINVAL;
    int r = pack_u64(b, no);
    r = r < 0 ? r : pack_str(b, id);
    r = r < 0 ? r : pack_u32(b, (uint32_t)n);
    for (size_t i = 0; i < n && r == 0; i++) {
        size_t l = strlen(destinations[i]);
        r = l == 0 || l >= SPOOL_NAME_MAX ? -EINVAL : pack_bytes(b, destinations[i], l);
    }
    return r < 0 ? r : pack_bytes(b, event, len);
}

int spool_put_words(struct buf *b, const char *code, const char *text)
{
    int r = spool_put_text(b, code, SPOOL_CODE_MAX);
    return r < 0 ? r : spool_put_text(b, text, SPOOL_TEXT_MAX);
}
