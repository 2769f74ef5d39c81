/* SPDX-License-Identifier: Apache-2.0 */
/* amqp_ask - synchronous questions to RabbitMQ on a connection that asks nothing else: counts, one
 * message at a time, a publish that waits for its confirm, a lock. Private to amqp_declare.c and
 * amqp_query*.c and amqp_carry.c.
 *
 * After a refusal the broker has closed the channel; every function here opens it again, so that
 * the caller may go on. What was taken on it and not acknowledged is back in its queue then.
 * Errors are those of amqp_link_reply() unless said otherwise. */
#ifndef REEVE_TRANSPORT_AMQP_ASK_H
#define REEVE_TRANSPORT_AMQP_ASK_H
#include "amqp_link.h"

/* Of the last call: 0, or its error with the channel opened again. */
int amqp_ask_reply(amqp_connection_state_t c, amqp_channel_t channel, const char *what,
                   struct err *e);
/* How many are ready and how many consume, by a passive declaration. -ENOENT: no such queue.
 * Soon after a start of the broker a quorum queue may tell none, or less than it has: its leader is
 * not elected or has not read its log (3.10). Good for figures, not for deciding that a queue is
 * empty. */
int amqp_ask_count(amqp_connection_state_t c, const char *queue, uint64_t *ret_ready,
                   uint32_t *ret_consumers, struct err *e);
/* The same, for decisions: the leader is waited for, by consuming nothing for a moment. With a
 * single active consumer: only where nobody else consumes. On 3.10 a queue that was declared within
 * half a second before a kill of the broker can stay without a leader until it is deleted: -EIO,
 * "transport" names it. */
int amqp_ask_sure(amqp_connection_state_t c, const char *queue, uint64_t *ret_ready,
                  uint32_t *ret_consumers, struct err *e);

struct amqp_got {
    amqp_message_t m;
    uint64_t tag;             /* to acknowledge with, on the channel it was taken on */
    uint64_t left;            /* ready behind it */
    char key[AMQP_NAME_SIZE]; /* it was published with; "" when longer. Scans only */
    struct amqp_marks marks;
    struct amqp_marks_text hold;
};
/* Takes the first without acknowledging it. 1 (then amqp_got_done()), or 0: empty. */
int amqp_ask_get(amqp_connection_state_t c, amqp_channel_t channel, const char *queue,
                 struct amqp_got *ret, struct err *e);
void amqp_got_done(struct amqp_got *g);
/* What was taken on the channel goes back. */
int amqp_ask_close(amqp_connection_state_t c, amqp_channel_t channel, struct err *e);
/* Closes the channel and opens it again: what was taken on it goes back. A quorum queue of 3.10
 * gives back what several amqp_ask_get() took in no order: take one, or scan. */
int amqp_ask_give_back(amqp_connection_state_t c, amqp_channel_t channel, struct err *e);
/* The broker closes a channel before its messages are back: waits until as many are ready, or a
 * fifth of a second (they may have gone elsewhere), so that the next who looks finds all. */
int amqp_ask_wait_back(amqp_connection_state_t c, const char *queue, uint64_t at_least,
                       struct err *e);
int amqp_ask_ack(amqp_connection_state_t c, amqp_channel_t channel, uint64_t tag, struct err *e);

/* Looks at the messages of a queue, from the first, without removing any: a consumer takes them
 * unacknowledged, one at a time in our memory, and the end of its channels gives them back (also
 * when we are killed). One consumer can hold 65,535; more need more channels (of 2 to 15). The
 * caller holds a lock: two scanners would share the messages.
 * Order: what was taken as a whole comes back in its order. A quorum queue keeps what came back
 * apart and gives it out first; a part of that, taken and given back once more, goes behind the
 * rest of it. So nothing here touches a queue whose order matters, except with one in hand. */
struct amqp_scan {
    amqp_connection_state_t c;
    const char *queue;      /* borrowed */
    uint64_t left;          /* of those that were ready at the beginning */
    uint64_t back;          /* that many should be ready again at the end */
    uint32_t room;          /* what the newest consumer may take still */
    amqp_channel_t channel; /* the newest; 0: none */
};
/* At most `max` are looked at; `first` (0: all it can) bounds what is taken at once to begin with.
 * -ENOENT: no such queue. amqp_scan_end() is due in any case. */
int amqp_scan_begin(struct amqp_scan *s, amqp_connection_state_t c, const char *queue, uint64_t max,
                    uint32_t first, struct err *e);
int amqp_scan_next(struct amqp_scan *s, struct amqp_got *ret, struct err *e); /* 1; 0: the end */
/* Acknowledges the one that was given last. */
int amqp_scan_remove(struct amqp_scan *s, uint64_t tag, struct err *e);
int amqp_scan_end(struct amqp_scan *s, struct err *e);
/* Waits for a delivery to any consumer of the connection. 1, 0: none came within wait_ms. */
int amqp_ask_delivery(amqp_connection_state_t c, unsigned wait_ms, amqp_envelope_t *ret,
                      struct err *e);

/* Publishes (mandatory) and waits for the confirm; the channel must be in confirm mode. Returned:
 * -ENOENT, "destination-unknown"; nack: -ENOSPC, "destination-full". */
int amqp_ask_confirm_mode(amqp_connection_state_t c, amqp_channel_t channel, struct err *e);
int amqp_ask_publish(amqp_connection_state_t c, amqp_channel_t channel, const char *exchange,
                     const char *key, const amqp_basic_properties_t *props, amqp_bytes_t body,
                     struct err *e);

/* The control question (amqp_link.h), on channels 1 (in confirm mode afterwards) and 2 (closed
 * afterwards): waits until
 * `enough` says that all have answered, and a moment longer for those nobody counts upon. Anybody
 * but an admin: -EPERM. */
#define AMQP_ANSWERS_MS 2000u /* for a question: a broker whose disk is slow */
struct amqp_gathered {
    const char *order, *destination; /* "pause" or "resume"; NULL: only a question */
    unsigned wait_ms;                /* at most, whoever is silent */
    bool (*enough)(void *arg, const struct tree *answers);
    void *arg;
    struct tree *answers; /* list of maps, each with a destination; tree_free() it in any case */
};
int amqp_gather(amqp_connection_state_t c, struct amqp_gathered *g, struct err *e);
/* How many of those that answered the broker counts as consumers of the destination: who is not
 * paused, or still holds messages (a quorum queue counts a cancelled consumer as long). */
uint32_t amqp_answers_counted(const struct tree *answers, const char *destination);

#define AMQP_LOCK_MOVE  "move"
#define AMQP_LOCK_RETRY "retry" /* for looking at the queues of the ladder */
/* Makes the exclusive queue reeve.lock.NAME: one connection has it, until it gives it up or ends.
 * Waits for another one AMQP_WAIT_MS at most: -EBUSY, "busy". */
int amqp_ask_lock(amqp_connection_state_t c, const char *name, struct err *e);
int amqp_ask_unlock(amqp_connection_state_t c, const char *name, struct err *e);

/* After a move that was cut off (amqp_query_move.c): takes the one message that may be in both
 * queues out of the one it came from. Nothing to do is 0; so is another move under way. Not by
 * anybody but an admin. */
int amqp_move_mend(amqp_connection_state_t c, struct err *e);

/* "register" + ".dead" */
void amqp_name_of(const char *destination, const char *end, char out[AMQP_NAME_SIZE]);

#endif
