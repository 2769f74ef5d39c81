/* SPDX-License-Identifier: Apache-2.0 */
/* rabbit - what the files of this plugin share. From the bottom: text, field, event, window are
 * pure; link is one connection; receive and deliver are the two sides. */
#ifndef RABBIT_H
#define RABBIT_H
#include "lib/mono.h"
#include <reeve/plugin.h>
#include <amqp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#define KEPT_ATTRIBUTE                                                              \
    "amqpproperties"      /* the attribute that carries the properties of a message \
                           */
#define SHORTSTR_MAX 255u /* AMQP 0-9-1, 4.2.5.3 */

/* ---- text.c: text that grows. A failure sticks: ask once, at the end ---- */
struct text {
    char *p; /* zero-terminated when not NULL */
    size_t len, cap;
    bool bad; /* out of memory, or what was to be added is not what it must be */
};
void text_reserve(struct text *t, size_t len); /* what an empty one will need, when it is known */
void text_add(struct text *t, const void *p, size_t len);
void text_adds(struct text *t, const char *s);
void text_addf(struct text *t, const char *fmt, ...) REEVE_PRINTF(2, 3);
/* A JSON string (RFC 8259 section 7). Bytes from 0x80 on stay as they are. */
void text_json(struct text *t, const void *p, size_t len);
/* The same in ASCII only; bad when it is not UTF-8. */
void text_json_ascii(struct text *t, const void *p, size_t len);
void text_base64(struct text *t, const void *p, size_t len); /* RFC 4648 section 4 */
/* SHA-256 over the parts, as hexadecimal digits. */
void text_digest(struct text *t, const amqp_bytes_t *parts, size_t n);
void text_free(struct text *t);
bool bytes_utf8(amqp_bytes_t b); /* RFC 3629, and no U+0000 */
bool bytes_equal(amqp_bytes_t a, const char *s);

/* ---- field.c: the properties of a message as one JSON text and back, types included ----
 * {"correlation_id":"c-1","priority":5,"headers":{"region":{"S":"north"},"n":{"I":5}}}: a property
 * that is text is a string ({"base64":…} when it is not UTF-8), others are numbers; a header is an
 * object of one member, named by the type's letter on the wire (AMQP 0-9-1 with RabbitMQ's
 * errata): t b B s u I i l L T numbers or true and false; f d text; D [scale, value]; S text, S64
 * the same in base64 when it is not UTF-8; x base64; A an array of such objects; F an object of
 * them; V null. */
#define FIELD_DEPTH_MAX 16u
#define KEPT_MAX        (32u << 10) /* bytes of the whole text */
/* All but content_type, delivery_mode, and headers that carry attributes of an event. NULL, or why
 * they cannot be written. Nothing at all to write: out stays empty. */
const char *properties_write(struct text *out, const amqp_basic_properties_t *p);
/* Sets what may be sent again: not message_id, not user_id unless it is `user`, no header that
 * belongs to a broker (header_of_broker). What is there in *p already stands. Memory comes from the
 * pool. false: it is not such a text. */
bool properties_read(const char *json, const char *user, amqp_pool_t *pool,
                     amqp_basic_properties_t *p);
/* One that the next broker would act on or that the last one wrote: CC, BCC, x-death … */
bool header_of_broker(amqp_bytes_t name);
bool digits_only(amqp_bytes_t b); /* 1 to 19 of them */
/* Adds one entry; memory from the pool, the texts are borrowed. false: out of memory. */
bool table_add(amqp_pool_t *pool, amqp_table_t *t, amqp_bytes_t key, amqp_field_value_t value);

/* ---- event.c: a message that is, or becomes, a CloudEvent ---- */
enum message_kind {
    MESSAGE_PLAIN,      /* a document like any other */
    MESSAGE_STRUCTURED, /* content type application/cloudevents… */
    MESSAGE_BINARY      /* attributes in headers: cloudEvents_ cloudEvents: ce- ce_ */
};
enum message_kind message_kind(const amqp_basic_properties_t *p);
/* The attribute's name in a header of an event, or an empty one. The prefix is taken in any case.
 */
amqp_bytes_t header_attribute(amqp_bytes_t header);
/* Begins the structured form: the attributes in the headers as members, in JSON's types. Types that
 * no attribute can have are written so that the adapter refuses them with their name. */
void event_begin(struct text *out, const amqp_basic_properties_t *p);
struct wrap { /* how a plain message becomes an event */
    const char *type, *vhost, *queue;
};
/* The same for a plain message: id is the message's message_id, or a digest of type and body. */
void event_begin_plain(struct text *out, const amqp_basic_properties_t *p, const struct wrap *w);
void event_plain_id(struct text *out, const char *content_type, const void *body, size_t len);
/* Members besides, each once. */
void event_member(struct text *out, const char *name, const void *value, size_t len);
/* The body and the end. JSON is spliced in as it is when it is JSON; when it is not, the document
 * stays one that no adapter reads, so that it is refused with the place. */
void event_end(reeve_ctx *ctx, struct text *out, const char *content_type, const void *body,
               size_t len);

/* ---- window.c: which published messages are answered, by delivery tag ---- */
#define WINDOW_MESSAGES 100u
#define WINDOW_BYTES    (1u << 20)
enum fate { FATE_SENT, FATE_TAKEN, FATE_REFUSED, FATE_RETURNED };
struct sent {
    enum fate fate;
    size_t bytes;
    const char *id, *key; /* borrowed until the window is cleared */
};
struct window { /* tags first … next - 1 */
    uint64_t first, next;
    size_t open, bytes; /* not answered yet */
    struct sent sent[WINDOW_MESSAGES];
};
void window_clear(struct window *w, uint64_t first_tag);
/* One message larger than the window may travel alone. */
bool window_has_room(const struct window *w, size_t bytes);
void window_add(struct window *w, const char *id, const char *key, size_t bytes);
/* basic.ack and basic.nack: in any order, single and multiple mixed; 0 and multiple: all. Tags that
 * are not open are ignored. */
void window_answer(struct window *w, uint64_t tag, bool multiple, bool taken);
/* basic.return has no tag: the first open message of that message id and routing key. */
void window_returned(struct window *w, amqp_bytes_t id, amqp_bytes_t key);
/* In which delivery acknowledgements go out: `tag` in the order of delivery. */
enum outcome { OUTCOME_OPEN, OUTCOME_ACK, OUTCOME_NACK };
struct settlement {
    uint64_t tag;
    enum outcome outcome;
};
struct ack {
    uint64_t tag;
    bool multiple, nack;
};
/* out has room for n. What is settled before the first open one shares one multiple ack, after the
 * nacks among them; later ones are told one by one. */
size_t acks_plan(const struct settlement *s, size_t n, struct ack *out);

/* ---- place.c ---- */
struct address {
    char host[256];
    int port;
};
/* "host", "host:port", "[v6]:port". */
bool address_parse(const char *s, int port, struct address *ret);
bool address_is_here(const struct address *a); /* loopback, by name or number */
/* {attribute} in the pattern becomes the attribute's text. NULL, or why not. */
const char *key_expand(const char *pattern, const reeve_msg *m, char out[SHORTSTR_MAX + 1]);

/* ---- link.c: one connection with one channel ----
 *
 * The lock is held by whoever uses the link: the thread of the callbacks, or the link's own, which
 * serves heartbeats and reads while that thread is busy elsewhere, and ends a call that waits for a
 * broker that has stopped (link_guard). Events come with the lock held and may be called from
 * either thread: they call nothing of the host. */
struct delivery {
    uint64_t tag;
    bool redelivered;
    amqp_bytes_t exchange, key; /* borrowed */
};
struct link_events {
    void (*answer)(void *arg, uint64_t tag, bool multiple, bool taken);
    void (*returned)(void *arg, amqp_bytes_t id, amqp_bytes_t key, int code, amqp_bytes_t text);
    /* A message comes: its header, its body in pieces, its end. */
    void (*header)(void *arg, const struct delivery *d, const amqp_basic_properties_t *p,
                   uint64_t bytes);
    void (*body)(void *arg, const void *p, size_t len);
    void (*whole)(void *arg);
};
struct link {
    pthread_mutex_t lock, fd_lock;
    pthread_t heart;
    pthread_cond_t heart_stop;
    bool heart_runs, heart_ends;
    const struct link_events *events;
    void *arg;
    amqp_connection_state_t conn; /* NULL: not connected */
    int fd;                       /* under fd_lock */
    atomic_ullong guard;          /* mono ms at which the socket is shut down; 0: never */
    uint64_t last_turn, last_beat, heartbeat_ms;
    size_t at; /* broker to begin with */
    bool lost, hold;
    bool blocked;
    enum { CONTENT_NONE, CONTENT_DELIVER, CONTENT_RETURN } content;
    bool in_body;
    uint64_t left; /* bytes of the body to come */
    struct delivery delivery;
    int code;      /* of the server's last close or return */
    char why[256]; /* lost or blocked: the reason */
    char exchange[256], key[256], said[256];
    size_t exchange_len, key_len;
};
int link_init(struct link *l, const struct link_events *events, void *arg);
void link_done(struct link *l);
/* Below: with the lock held. */
void link_lock(struct link *l);
void link_unlock(struct link *l);
/* Connects to the first broker that takes us, logs in, opens the channel. OK or DOWN with the
 * reason. */
reeve_rc link_open(reeve_ctx *ctx, struct link *l);
void link_close(struct link *l);
/* Who we are there; NULL: whom the certificate names. */
const char *link_user(reeve_ctx *ctx);
bool link_up(const struct link *l);
/* Reads all that is there, without waiting. false: the link is lost, `why` says it. */
bool link_turn(struct link *l);
void link_guard(struct link *l, uint64_t ms); /* 0: none */
/* What a library call answered: true when it was right; else the link is lost. */
bool link_reply(struct link *l, const char *what, amqp_rpc_reply_t r);
bool link_status(struct link *l, const char *what, int status);
/* How long the thread of the callbacks may wait without looking at the link. */
uint64_t link_patience(const struct link *l);

/* ---- receive.c, deliver.c ---- */
struct inbox;
struct outbox;
struct inbox *inbox_new(reeve_ctx *ctx);
void inbox_free(struct inbox *in);
reeve_rc inbox_poll(reeve_ctx *ctx, struct inbox *in);
void inbox_settled(reeve_ctx *ctx, struct inbox *in, uint64_t token, reeve_rc rc,
                   const reeve_report *report);
struct outbox *outbox_new(reeve_ctx *ctx);
void outbox_free(struct outbox *out);
reeve_rc outbox_deliver(reeve_ctx *ctx, struct outbox *out, reeve_job *const *jobs, size_t n);

#endif
