/* SPDX-License-Identifier: Apache-2.0 */
/* amqp_strict - what a consumer of a destination with `order: strict` does next. Pure; private to
 * this room.
 *
 * NAME has a single active consumer and a prefetch of one. A message that is tried again travels
 * through NAME.head, which only the active consumer of NAME may read; it knows that it is the
 * active one when it is given a message of NAME, or when nobody else consumes. Nothing of NAME is
 * given out before NAME.head was found empty, so nobody overtakes, also after a crash. */
#ifndef REEVE_TRANSPORT_AMQP_STRICT_H
#define REEVE_TRANSPORT_AMQP_STRICT_H
#include <stdbool.h>
#include <stdint.h>

struct amqp_strict {           /* all zero: just begun to consume */
    bool active;               /* known to be the one active consumer */
    bool out;                  /* a message is in the caller's hands, or its copy is under way */
    bool getting;              /* NAME.head was asked for a message */
    bool head_empty;           /* found so, and nothing was put there since */
    bool has_head, has_name;   /* held here, not given out yet */
    uint64_t head_at, name_at; /* not before */
};

enum amqp_strict_step {
    AMQP_STRICT_NOTHING,
    AMQP_STRICT_WAIT, /* until *ret_at */
    AMQP_STRICT_GET,  /* basic.get of NAME.head */
    AMQP_STRICT_GIVE_HEAD,
    AMQP_STRICT_GIVE_NAME
};

enum amqp_strict_step amqp_strict_next(const struct amqp_strict *s, uint64_t now, uint64_t *ret_at);

#endif
