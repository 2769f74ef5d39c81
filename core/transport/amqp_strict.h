/* SPDX-License-Identifier: Apache-2.0 */
/* amqp_strict - what a consumer of a destination with `order: strict` does next. Pure; private to
 * this room.
 *
 * NAME has a single active consumer and a prefetch of one. A message that is tried again travels
 * through NAME.head, which only the active consumer of NAME may read; it knows that it is the
 * active one when it is given a message of NAME, or when nobody else consumes. Nothing of NAME is
 * given out before NAME.head was found empty, so nobody overtakes, also after a crash.
 *
 * Found empty may be too early: what a consumer held whose channel is gone is still counted as its
 * own until RabbitMQ has noticed, which after its own crash may be later than our first question,
 * and for NAME.head later than for NAME. So for a while after we began to consume, and after we
 * became the active one, it is asked again, for long when we held a message of it ourselves; and
 * when there is nothing to do, now and then. */
#ifndef REEVE_TRANSPORT_AMQP_STRICT_H
#define REEVE_TRANSPORT_AMQP_STRICT_H
#include <stdbool.h>
#include <stdint.h>

struct amqp_strict {           /* all zero: just begun to consume */
    bool active;               /* known to be the one active consumer */
    bool out;                  /* a message is in the caller's hands, or its copy is under way */
    bool getting;              /* NAME.head was asked for a message */
    bool head_empty;           /* found so for certain, and nothing was put there since */
    bool has_head, has_name;   /* held here, not given out yet */
    bool out_head;             /* what is out came from NAME.head */
    uint64_t head_at, name_at; /* not before */
    uint64_t get_at;           /* NAME.head is asked again, not before */
    uint64_t sure_at;          /* from then on empty is empty */
};

#define AMQP_STRICT_SURE_MS  1000u  /* after either: for what others held */
#define AMQP_STRICT_HELD_MS  30000u /* for what we held */
#define AMQP_STRICT_AGAIN_MS 200u
#define AMQP_STRICT_IDLE_MS  5000u

enum amqp_strict_step {
    AMQP_STRICT_NOTHING,
    AMQP_STRICT_WAIT, /* until *ret_at */
    AMQP_STRICT_GET,  /* basic.get of NAME.head */
    AMQP_STRICT_GIVE_HEAD,
    AMQP_STRICT_GIVE_NAME
};

/* It is the one active consumer, by what was heard now. */
void amqp_strict_active(struct amqp_strict *s, uint64_t now);

/* NAME.head said that it is empty. */
void amqp_strict_empty(struct amqp_strict *s, uint64_t now);

enum amqp_strict_step amqp_strict_next(const struct amqp_strict *s, uint64_t now, uint64_t *ret_at);

#endif
