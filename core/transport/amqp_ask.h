/* SPDX-License-Identifier: Apache-2.0 */
/* amqp_ask - synchronous questions to RabbitMQ on a connection that asks nothing else: counts, one
 * message at a time, a publish that waits for its confirm, a lock. Private to amqp_declare.c and
 * amqp_query*.c.
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
/* How many are ready and how many consume, by a passive declaration. -ENOENT: no such queue. */
int amqp_ask_count(amqp_connection_state_t c, const char *queue, uint64_t *ret_ready,
                   uint32_t *ret_consumers, struct err *e);

struct amqp_got {
    amqp_message_t m;
    uint64_t tag;  /* to acknowledge with, on the channel it was taken on */
    uint64_t left; /* ready behind it */
    struct amqp_marks marks;
    struct amqp_marks_text hold;
};
/* Takes the first without acknowledging it. 1 (then amqp_got_done()), or 0: empty. */
int amqp_ask_get(amqp_connection_state_t c, amqp_channel_t channel, const char *queue,
                 struct amqp_got *ret, struct err *e);
void amqp_got_done(struct amqp_got *g);
/* Gives everything that was taken on the channel back, in its order. */
int amqp_ask_give_back(amqp_connection_state_t c, amqp_channel_t channel, struct err *e);
int amqp_ask_ack(amqp_connection_state_t c, amqp_channel_t channel, uint64_t tag, struct err *e);

/* Publishes (mandatory) and waits for the confirm; the channel must be in confirm mode. Returned:
 * -ENOENT, "destination-unknown"; nack: -ENOSPC, "destination-full". */
int amqp_ask_confirm_mode(amqp_connection_state_t c, amqp_channel_t channel, struct err *e);
int amqp_ask_publish(amqp_connection_state_t c, amqp_channel_t channel, const char *exchange,
                     const char *key, const amqp_basic_properties_t *props, amqp_bytes_t body,
                     struct err *e);

/* Makes the exclusive queue reeve.lock.NAME: one connection has it, until it gives it up or ends.
 * Waits for another one AMQP_WAIT_MS at most: -EBUSY, "busy". */
int amqp_ask_lock(amqp_connection_state_t c, const char *name, struct err *e);
int amqp_ask_unlock(amqp_connection_state_t c, const char *name, struct err *e);

/* "register" + ".dead" */
void amqp_name_of(const char *destination, const char *end, char out[AMQP_NAME_SIZE]);

#endif
