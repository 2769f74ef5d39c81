/* SPDX-License-Identifier: Apache-2.0 */
/* frame - length-prefixed frames over a local stream socket, with an optional descriptor.
 *
 * One codec for all three conversations: supervisor and child (control.h), worker and spool
 * (transport/spool_wire.h), door and source worker (door_wire.h). Wire form, little-endian: u32
 * length of the payload, u16 type, u16 flags (bit 0: one descriptor travels with the first byte of
 * this frame, by SCM_RIGHTS), u32 generation, payload. A frame over the limit, an unknown flag or a
 * descriptor that did not come is -EPROTO: the peer is not to be trusted and the connection must be
 * closed. Sockets are non-blocking; the caller polls. Single-threaded per struct. */
#ifndef REEVE_BASE_FRAME_H
#define REEVE_BASE_FRAME_H
#include "buf.h"
#include "err.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FRAME_HEADER      12
#define FRAME_MAX_DEFAULT (1u << 20)

struct frame { /* what frame_next gives; borrowed until the next call on the channel */
    uint16_t type;
    uint32_t generation;
    const uint8_t *p;
    size_t len;
    int fd; /* -1, or a descriptor that now belongs to the caller */
};

struct channel; /* one end of a connection */
/* Takes fd (made non-blocking and close-on-exec). max: largest payload either way. NULL: out of
 * memory or no descriptor; fd is then still the caller's. */
struct channel *channel_new(int fd, size_t max_payload);
void channel_free(struct channel *c); /* closes */
int channel_fd(const struct channel *c);
bool channel_wants_write(const struct channel *c); /* output is waiting: poll for POLLOUT too */
size_t channel_queued(const struct channel *c);    /* bytes waiting to be written */

/* Reads what is there. 0 = read something or nothing there yet; -EPIPE = the peer closed (told only
 * after everything before it was given; frames may still wait in channel_next); other negative
 * errno. When frames are not taken by channel_next, reading stops at a full buffer. */
int channel_fill(struct channel *c);
/* 1 = *ret is the next whole frame; 0 = none yet; -EPROTO, also for a descriptor no frame announced
 * (it is closed). An error stays. */
int channel_next(struct channel *c, struct frame *ret);
/* Queues a frame (fd >= 0: duplicated, the caller keeps its own). -EFBIG over max, -ENOMEM,
 * also when more than 64 MiB and one frame are queued already. Nothing is written yet. */
int channel_send(struct channel *c, uint16_t type, uint32_t generation, const void *p, size_t len,
                 int fd);
/* Writes as much as the socket takes. 0 (check channel_wants_write) or negative errno. */
int channel_flush(struct channel *c);

/* Payload fields, written into a buf and read back in the same order. A reader that runs over the
 * end or leaves bytes over is broken: pack_end() returns -EPROTO. Little-endian integers; bytes =
 * u32 length + bytes. */
int pack_u8(struct buf *b, uint8_t v);
int pack_u32(struct buf *b, uint32_t v);
int pack_u64(struct buf *b, uint64_t v);
int pack_bytes(struct buf *b, const void *p, size_t len);
int pack_str(struct buf *b, const char *s); /* NULL is written as "" */

struct unpack {
    const uint8_t *p, *end;
    bool bad;
};
void unpack_start(struct unpack *u, const void *p, size_t len);
uint8_t unpack_u8(struct unpack *u);
uint32_t unpack_u32(struct unpack *u);
uint64_t unpack_u64(struct unpack *u);
const uint8_t *unpack_bytes(struct unpack *u, size_t *ret_len); /* borrowed; NULL when bad */
/* Copies into out (cap bytes); text with a zero byte in it or longer than cap - 1 is bad. */
void unpack_str(struct unpack *u, char *out, size_t cap);
int unpack_end(const struct unpack *u); /* 0, or -EPROTO */

#endif
