/* SPDX-License-Identifier: Apache-2.0 */
/* amqp_link - one connection to RabbitMQ, and what is said the same way on each: where the broker
 * is, how a message of ours looks in AMQP, what the queues and exchanges are called. Private to
 * this room; only amqp*.c includes amqp.h.
 *
 * TOPOLOGY. The virtual host belongs to one hub (or to several machines of one hub). NAME is a
 * destination; MS a rung of the ladder in milliseconds.
 *
 *   exchange reeve           direct   bound with key NAME to queue NAME. A destination that left
 *                                     the plan is unbound: what is published to it comes back
 *                                     (mandatory), what waits stays
 *   queue    NAME            durable, quorum (or classic), x-overflow reject-publish;
 *                                     `order: strict`: x-single-active-consumer
 *   queue    NAME.head       durable, `order: strict` only: a message that is tried again goes
 *                                     here, and nobody takes one from NAME before this is empty
 *   exchange reeve.back      topic    what a consumer gives back, key = queue: NAME, NAME.head,
 *                                     NAME.dead. Topic, because RabbitMQ can then allow a user
 *                                     certain keys only (topic permissions)
 *   queue    NAME.dead       durable: the dead letters
 *   exchange reeve.retry.MS  topic    bound with key "#" to queue reeve.retry.MS; publish with key
 *                                     NAME. Topic for the same reason
 *   queue    reeve.retry.MS  durable, x-message-ttl MS, x-dead-letter-exchange "" (the message
 *                                     keeps its key NAME), x-dead-letter-strategy at-least-once,
 *                                     x-overflow reject-publish. Quorum also when the others are
 *                                     classic: classic queues dead-letter at most once
 *   exchange reeve.control   fanout   every client that consumes has an exclusive queue on it,
 * named by the broker (amq.gen-*), and answers a question with what AMQP does not tell: in flight,
 * paused, last error exchange reeve.answer    direct   the answers; key: the question's reply_to
 *   queue    reeve.names     durable, classic, x-max-length 1: one message, the JSON list of all
 *                                     destinations that were ever declared here, each {"name",
 *                                     "configured", "order", "limit_…"} as of the last declaration:
 *                                     one that left the plan is still found. On reeve.back, too
 *   queue    reeve.moving    durable, quorum: a note of the move that is under way, for whoever
 * finds that it was cut off (amqp_query_move.c). On reeve.back, too queue    reeve.lock.*
 * exclusive, for a moment: whoever has it is alone at something
 *
 * Limits of a destination are no arguments of its queue (they could not be changed without deleting
 * it): the publisher keeps them, by the count that a passive declaration gives, and `reeve topology
 * --json` has them as policies for the broker to keep as well. No x-delivery-limit: the broker
 * charges a dropped connection to everything that was prefetched (measured with 3.10.8).
 *
 * MESSAGE. Body: the structured event. Properties: message_id = id (AMQP_H_ID instead when it is
 * longer than the 255 bytes of AMQP's short strings),
 * content_type application/cloudevents+json, delivery_mode 2, timestamp =
 * acceptance by the transport (seconds; AMQP has no finer one). Headers only after the first
 * attempt: see AMQP_H_*.
 *
 * RIGHTS. Nobody but the hub's own user needs the default exchange. A deliver side may configure
 * amq.gen-* (its control queue), write reeve.back and reeve.retry.* with the key NAME only,
 * reeve.answer and amq.gen-*, and read NAME, NAME.head, reeve.control and amq.gen-*; a receive side
 * may write reeve; an admin may look and move everywhere. Passive declarations need no right.
 *
 * SOURCES. AMQP 0-9-1 specification and RabbitMQ's extensions (confirms, consumer-cancel,
 * connection.blocked, quorum queues 3.10). */
#ifndef REEVE_TRANSPORT_AMQP_LINK_H
#define REEVE_TRANSPORT_AMQP_LINK_H
#include "base/err.h"
#include "base/tree.h"
#include "transport.h"
#include <amqp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/time.h>

#define AMQP_X_HUB        "reeve"
#define AMQP_X_BACK       "reeve.back" /* key: NAME, NAME.head or NAME.dead */
#define AMQP_X_CONTROL    "reeve.control"
#define AMQP_X_ANSWER     "reeve.answer"
#define AMQP_RETRY_PREFIX "reeve.retry." /* exchange and queue; then the rung in milliseconds */
#define AMQP_Q_NAMES      "reeve.names"
#define AMQP_Q_MOVING     "reeve.moving"
#define AMQP_LOCK_PREFIX  "reeve.lock."
#define AMQP_HEAD_END     ".head"
#define AMQP_DEAD_END     ".dead"

#define AMQP_H_ID       "reeve-id"       /* of more than 255 bytes */
#define AMQP_H_ATTEMPTS "reeve-attempts" /* charged so far; absent: 0 */
#define AMQP_H_CODE     "reeve-code"     /* of the last failure, of a dead letter */
#define AMQP_H_TEXT     "reeve-text"
#define AMQP_H_DUE      "reeve-due"    /* wall clock, ms: NAME.head only, not before */
#define AMQP_H_DEAD     "reeve-dead"   /* wall clock, ms: when it became a dead letter */
#define AMQP_H_NUMBER   "reeve-number" /* of a dead letter: dead_ms << 12 | a counter */

#define AMQP_WAIT_MS     5000u /* for an answer while connecting and in synchronous questions */
#define AMQP_HEARTBEAT_S 5
#define AMQP_FRAME_MAX   131072
#define AMQP_BROKERS_MAX 16u
#define AMQP_NAME_SIZE   160u                /* of queues and exchanges, with the zero */
#define AMQP_UNACKED_MS  (25ull * 60 * 1000) /* the broker's consumer_timeout is 30 minutes */

struct amqp_destination {
    char *name;
    bool strict;
    uint64_t limit_messages, limit_bytes; /* 0: none */
};

/* The "transport" map of a process's part, read: {"engine": "amqp", "brokers": [{"host", "port"}],
 * "vhost", "user", "password", "external": bool (SASL EXTERNAL instead of PLAIN), "tls": {"ca",
 * "certificate"?, "key"?}?, "name": the process, "machine"?: which of several hubs,
 * "machines"?: [all of them], "queue":
 * "quorum"|"classic", "message_max": bytes, "destinations": [{"name", "order", "limit_messages",
 * "limit_bytes"}] (all of the hub)}. */
struct amqp_place {
    struct {
        char *host;
        int port;
    } broker[AMQP_BROKERS_MAX];
    size_t brokers_n;
    size_t next; /* which broker is tried next: after a loss the one after it */
    char *vhost, *user, *password, *name, *machine, *ca, *certificate, *key;
    bool external, tls, classic;
    size_t message_max;
    struct amqp_destination *dest;
    size_t dest_n;
    struct tree *machines; /* a list; NULL: there is one, without a name */
};
int amqp_place_read(const struct tree *part, struct amqp_place *ret, struct err *e);
void amqp_place_done(struct amqp_place *p); /* wipes the password */
const struct amqp_destination *amqp_place_find(const struct amqp_place *p, const char *name);

/* Connects, greets (announcing connection.blocked, consumer_cancel_notify and the process's name as
 * connection_name) and opens channel 1. Waits AMQP_WAIT_MS at most for each broker of the list, and
 * tries each once, beginning with place->next. 0; negative errno with code "transport" (nobody
 * reachable; the text has each broker's reason) or "not-allowed" (credentials, virtual host). */
int amqp_link_open(struct amqp_place *place, amqp_connection_state_t *ret, struct err *e);
void amqp_link_close(amqp_connection_state_t c); /* an orderly end if the broker still listens,
                                                    bounded; NULL is fine */
int amqp_link_channel(amqp_connection_state_t c, amqp_channel_t channel,
                      struct err *e); /* opens one more */
/* After a synchronous call of the library: 0, or what went wrong as one sentence without the
 * broker's control characters. -ENOENT, "destination-unknown" (404); -EPERM, "not-allowed" (403,
 * access refused, and 530: virtual host); -EBUSY, "queue-busy" (405, resource locked); -EINVAL,
 * "topology" (406, other arguments); -EIO, "transport" (all else). */
int amqp_link_reply(amqp_connection_state_t c, const char *what, struct err *e);
/* The same mapping for a channel.close or connection.close that was read. */
int amqp_close_reason(uint16_t code, amqp_bytes_t text, const char *what, struct err *e);

/* ---- how a message of ours looks (amqp_message.c; pure) ---- */
struct amqp_marks { /* what travels beside the event; texts borrowed */
    const char *id;
    uint64_t first_ms; /* whole seconds */
    uint32_t attempts;
    const char *code, *text;          /* NULL: none */
    uint64_t due_ms, dead_ms, number; /* 0: none */
};
#define AMQP_HEADERS_MAX 8
#define AMQP_ID_MAX      1024u /* bytes; longer codes and texts are cut */
#define AMQP_CODE_MAX    64u
#define AMQP_TEXT_MAX    2048u
/* Fills in `props`, with `table` (AMQP_HEADERS_MAX entries) for its headers; all borrowed. */
void amqp_marks_put(const struct amqp_marks *m, amqp_basic_properties_t *props,
                    amqp_table_entry_t *table);
struct amqp_marks_text { /* texts of a message that was read, terminated and bounded */
    char id[AMQP_ID_MAX + 1], code[AMQP_CODE_MAX + 1], text[AMQP_TEXT_MAX + 1];
};
/* Reads what the broker gave, which may come from anybody: an absent or odd one (an id that is too
 * long or no text) is 0 or "". ret's texts point into hold; its `text` is escaped. */
void amqp_marks_get(const amqp_basic_properties_t *props, struct amqp_marks_text *hold,
                    struct amqp_marks *ret);

/* Text borrowed from zero-terminated. */
static inline amqp_bytes_t amqp_text(const char *s)
{
    return amqp_cstring_bytes(s);
}
static inline struct timeval amqp_wait_of(uint64_t ms)
{
    return (struct timeval){.tv_sec = (time_t)(ms / 1000),
                            .tv_usec = (suseconds_t)(ms % 1000) * 1000};
}
/* "reeve.retry.MS" of the rung for this delay (rounded up). */
void amqp_retry_name(uint64_t delay_ms, char out[AMQP_NAME_SIZE]);

/* ---- topology (amqp_topology.c) ---- */
/* Declares everything of the place (idempotent), on channel 1; binds what is configured, unbinds
 * what left the plan (of every machine: they do not take a new one at the same moment), adds the
 * names. A queue that is there with other arguments: -EINVAL,
 * "topology", naming both; nothing is ever deleted. */
int amqp_topology_declare(const struct amqp_place *place, struct err *e);
/* Passive checks only, for a user that may not configure: are `names` there? */
int amqp_topology_check(amqp_connection_state_t c, const struct amqp_place *place,
                        const char *const *names, size_t n, struct err *e);
/* The destinations of the last declaration (of the place, if there was none) of each machine, and
 * of the earlier ones those that are not empty: a list of maps {"name", "configured": bool,
 * "order", "limit_messages", "limit_bytes", "machines"?: [in whose configuration it is]}. Whether
 * it is empty is told as amqp_ask_count() tells it. */
int amqp_topology_registry(amqp_connection_state_t c, const struct amqp_place *place,
                           struct tree **ret, struct err *e);
/* Their names, appended to list as text; whether one is empty, as amqp_ask_sure() tells it. */
int amqp_topology_names(amqp_connection_state_t c, const struct amqp_place *place,
                        struct tree *list, struct err *e);
/* RabbitMQ's definitions (the format of its `export_definitions`): vhost, exchanges, queues,
 * bindings, policies with the limits, and for each process in `users` (maps {"name", "publish":
 * bool, "consume": [names], "admin": bool}) the least rights. Without passwords. */
int amqp_topology_json(const struct amqp_place *place, const struct tree *users, struct tree **ret,
                       struct err *e);

/* ---- the client's synchronous questions (amqp_query*.c): each on a connection of its own ---- */
int amqp_dead_list(struct amqp_place *place, const struct dead_filter *f, uint64_t after,
                   size_t limit, bool with_bytes, int (*fn)(void *arg, const struct dead_letter *d),
                   void *arg, struct err *e);
int amqp_dead_replay(struct amqp_place *place, uint64_t number, struct err *e);
int amqp_dead_discard(struct amqp_place *place, uint64_t number, struct err *e);
/* Several, in ascending order, in one look at the queues. *ret: how many of them there were, and
 * are not any more, on an error too. */
int amqp_dead_discard_all(struct amqp_place *place, const uint64_t *numbers, size_t n, size_t *ret,
                          struct err *e);
int amqp_queue_move(struct amqp_place *place, const char *from, const char *to, size_t limit,
                    void (*fn)(void *arg, const char *id), void *arg, uint64_t *ret_left,
                    struct err *e);
int amqp_status(struct amqp_place *place, struct tree **ret, struct err *e);
int amqp_pause_all(struct amqp_place *place, const char *destination, bool paused,
                   struct tree **ret, struct err *e);
/* The control question and its answer: {"client", "machine"?, "destination", "inflight": n,
 * "paused": bool, "told"?: "pause"|"resume", "last_error"?: {"code","text","time"}} for each
 * subscription; the asker publishes to AMQP_X_CONTROL with reply_to and correlation_id, body empty.
 * With type "pause" or "resume" it is an order for the subscriptions to the destination that
 * message_id names: only these answer, "told" says what they do now (without it they are of a
 * version that knows no orders). An answer goes to exchange
 * AMQP_X_ANSWER with the question's reply_to as key and its correlation_id. (Not to the default
 * exchange: who may publish there reaches every queue.) */

#endif
