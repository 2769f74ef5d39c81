/* SPDX-License-Identifier: Apache-2.0 */
/* pack - the fields of a frame's payload. A reader that has gone wrong gives zeros from then on and
 * says so at the end, so that a whole payload is read without a check after each field. */
#include "frame.h"
#include <errno.h>
#include <string.h>

static void put_le(uint8_t *out, uint64_t v, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        out[i] = (uint8_t)(v >> (8 * i));
}

static uint64_t get_le(const uint8_t *p, unsigned n)
{
    uint64_t v = 0;
    for (unsigned i = 0; i < n; i++)
        v |= (uint64_t)p[i] << (8 * i);
    return v;
}

int pack_u8(struct buf *b, uint8_t v)
{
    return buf_add(b, &v, 1);
}

int pack_u32(struct buf *b, uint32_t v)
{
    uint8_t raw[4];
    put_le(raw, v, 4);
    return buf_add(b, raw, 4);
}

int pack_u64(struct buf *b, uint64_t v)
{
    uint8_t raw[8];
    put_le(raw, v, 8);
    return buf_add(b, raw, 8);
}

int pack_bytes(struct buf *b, const void *p, size_t len)
{
    if (len > UINT32_MAX - 4u)
        return -EFBIG;
    int r = buf_reserve(b, len + 4); /* both parts or none */
    if (r < 0)
        return r;
    (void)pack_u32(b, (uint32_t)len);
    return buf_add(b, p, len);
}

int pack_str(struct buf *b, const char *s)
{
    return pack_bytes(b, s, s ? strlen(s) : 0);
}

void unpack_start(struct unpack *u, const void *p, size_t len)
{
    u->p = p;
    u->end = len ? u->p + len : u->p;
    u->bad = false;
}

static uint64_t number(struct unpack *u, unsigned n)
{
    if (u->bad || (size_t)(u->end - u->p) < n) {
        u->bad = true;
        return 0;
    }
    uint64_t v = get_le(u->p, n);
    u->p += n;
    return v;
}

uint8_t unpack_u8(struct unpack *u)
{
    return (uint8_t)number(u, 1);
}

uint32_t unpack_u32(struct unpack *u)
{
    return (uint32_t)number(u, 4);
}

uint64_t unpack_u64(struct unpack *u)
{
    return number(u, 8);
}

const uint8_t *unpack_bytes(struct unpack *u, size_t *ret_len)
{
    size_t len = unpack_u32(u);
    if (u->bad || (size_t)(u->end - u->p) < len) {
        u->bad = true;
        *ret_len = 0;
        return NULL;
    }
    const uint8_t *p = u->p;
    u->p += len;
    *ret_len = len;
    return p;
}

void unpack_str(struct unpack *u, char *out, size_t cap)
{
    size_t len;
    const uint8_t *p = unpack_bytes(u, &len);
    if (!p || len >= cap || memchr(p, '\0', len)) {
        u->bad = true;
        if (cap > 0)
            out[0] = '\0';
        return;
    }
    memcpy(out, p, len);
    out[len] = '\0';
}

int unpack_end(const struct unpack *u)
{
    return u->bad || u->p != u->end ? -EPROTO : 0;
}
