/* SPDX-License-Identifier: Apache-2.0 */
/* clang-format off */
/* spool_wire - what a worker and reeve-spool say to each other over the local socket.
 *
 * Frames of base/frame.h; generation is 0 and no descriptor ever travels. Integers little-endian;
 * str = u32 length + bytes without a zero byte; bytes = u32 length + anything; list = the rest of
 * the payload, 8 bytes each. The client speaks first (HELLO) and waits for WELCOME. Whoever breaks
 * a rule below loses its connection and nothing else is harmed: its jobs go back uncharged, what it
 * had published and not heard of it publishes again.
 *
 * client to server
 *   HELLO        u32 version, str name, str token                 once, first, within 10 s
 *   PUBLISH      u64 no, str id, u32 n (1..SPOOL_DESTINATIONS_MAX), n x str destination, bytes event
 *   CONSUME      u32 sub, u32 prefetch (1..SPOOL_PREFETCH_MAX), str destination
 *                                                                 sub: the client's number, from 0
 *   PAUSE        u32 sub, u8 paused
 *   DONE         list of handles                                  SETTLE_DONE for each
 *   SETTLE       u64 handle, u8 how (enum settle), u64 delay_ms, str code, str text
 *   STATUS       -
 *   DEAD_LIST    u64 after, u32 limit, u8 flags (1 with bytes, 2 not noted as seen), u64 from_ms,
 *                u64 to_ms, str destination, str code, str id     "" = any
 *   DEAD_REPLAY  u64 number
 *   DEAD_DISCARD u64 number
 *   MOVE         u32 limit, str from, str to                      so many waiting messages at most
 * server to client
 *   WELCOME      u32 version, u64 largest event in bytes
 *   REFUSED      str code, str text                               then the connection is closed
 *   CONFIRMED    list of no                                       durable at every destination
 *   FAILED       u64 no, str code, str text                       no destination has it
 *   JOB          u64 handle, u32 sub, u32 attempts, u64 first_ms, str id, bytes event
 *   SETTLED      list of handles                                  durable
 *   STATUS_IS    bytes JSON
 *   DEAD_ITEM    u64 number, u32 attempts, u64 first_ms, u64 dead_ms, u64 length, str destination,
 *                str id, str code, str text, bytes event          empty unless asked for
 *   DEAD_END     u64 looked_upto, u8 more                         more: ask again after looked_upto
 *   ANSWER       str code, str text                               code "" = done
 *   MOVED        u64 messages left, str id for each that was moved, durably
 *
 * A change of any layout is a new SPOOL_WIRE_VERSION; both sides come from one build, so no old
 * version is spoken. */
/* clang-format on */
#ifndef REEVE_TRANSPORT_SPOOL_WIRE_H
#define REEVE_TRANSPORT_SPOOL_WIRE_H
#include "base/buf.h"
#include "base/frame.h"
#include "transport.h"
#include <stddef.h>
#include <stdint.h>

#define SPOOL_WIRE_VERSION     1u
#define SPOOL_MESSAGE_MAX      (16u << 20) /* default of "message_max" in the plan */
#define SPOOL_MESSAGE_CEILING  (1u << 30)
#define SPOOL_FRAME_SLACK      (256u << 10) /* room for everything of a frame but the event */
#define SPOOL_DESTINATIONS_MAX 1024u
#define SPOOL_PREFETCH_MAX     10000u
#define SPOOL_NAME_MAX         256u /* destination and client names, with the closing zero */
#define SPOOL_ID_MAX           1024u
#define SPOOL_TOKEN_MAX        256u
#define SPOOL_CODE_MAX         64u
#define SPOOL_TEXT_MAX         2048u

enum spool_frame {
    SPOOL_HELLO = 1,
    SPOOL_PUBLISH,
    SPOOL_CONSUME,
    SPOOL_PAUSE,
    SPOOL_DONE,
    SPOOL_SETTLE,
    SPOOL_STATUS,
    SPOOL_DEAD_LIST,
    SPOOL_DEAD_REPLAY,
    SPOOL_DEAD_DISCARD,
    SPOOL_MOVE,
    SPOOL_WELCOME = 65,
    SPOOL_REFUSED,
    SPOOL_CONFIRMED,
    SPOOL_FAILED,
    SPOOL_JOB,
    SPOOL_SETTLED,
    SPOOL_STATUS_IS,
    SPOOL_DEAD_ITEM,
    SPOOL_DEAD_END,
    SPOOL_ANSWER,
    SPOOL_MOVED
};

struct spool_text { /* borrowed from the frame; not terminated, but without a zero byte */
    const char *p;
    size_t len;
};

/* Decoded frames. All decoders give 0 or -EPROTO and keep the limits above; what they point to is
 * the frame's. */
struct spool_hello {
    uint32_t version;
    struct spool_text name, token;
};
struct spool_publish {
    uint64_t no;
    struct spool_text id, event;
    uint32_t n;
    struct unpack destinations; /* n names, checked; read with spool_next_name() */
};
struct spool_consume {
    uint32_t sub, prefetch;
    struct spool_text destination;
};
struct spool_settle {
    uint64_t handle, delay_ms;
    enum settle how;
    struct spool_text code, text;
};
struct spool_dead_list {
    uint64_t after, from_ms, to_ms;
    uint32_t limit;
    bool with_bytes, search;
    struct spool_text destination, code, id;
};
struct spool_move {
    uint32_t limit;
    struct spool_text from, to;
};
struct spool_job {
    uint64_t handle, first_ms;
    uint32_t sub, attempts;
    struct spool_text id, event;
};

/* One str of at most max bytes; marks u bad otherwise. */
struct spool_text spool_get_text(struct unpack *u, size_t max);
int spool_get_hello(const struct frame *f, struct spool_hello *ret);
int spool_get_publish(const struct frame *f, struct spool_publish *ret);
struct spool_text spool_next_name(struct spool_publish *p);
int spool_get_consume(const struct frame *f, struct spool_consume *ret);
int spool_get_settle(const struct frame *f, struct spool_settle *ret);
int spool_get_dead_list(const struct frame *f, struct spool_dead_list *ret);
int spool_get_move(const struct frame *f, struct spool_move *ret);
int spool_get_job(const struct frame *f, struct spool_job *ret);
/* Lists (DONE, CONFIRMED, SETTLED): the count, or -EPROTO when the payload is not a whole number of
 * entries. */
int spool_list_count(const struct frame *f, size_t *ret);
uint64_t spool_list_at(const struct frame *f, size_t i);

int spool_put_publish(struct buf *b, uint64_t no, const char *id, const char *event, size_t len,
                      const char *const *destinations, size_t n);
/* code and text: cut to their limits, NULL = "". */
int spool_put_words(struct buf *b, const char *code, const char *text);
int spool_put_text(struct buf *b, const char *s, size_t max);

#endif
