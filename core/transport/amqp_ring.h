/* SPDX-License-Identifier: Apache-2.0 */
/* amqp_ring - what is under way on one AMQP channel, by delivery tag: publishes that await their
 * confirm, deliveries that await our acknowledgement. Pure; private to this room.
 *
 * Tags of a channel count from 1 without gaps, in both directions (AMQP 0-9-1, basic class; the
 * confirms of RabbitMQ likewise). They end in any order, so each has its own state. */
#ifndef REEVE_TRANSPORT_AMQP_RING_H
#define REEVE_TRANSPORT_AMQP_RING_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum amqp_slot_state {
    AMQP_SLOT_ENDED,
    AMQP_SLOT_OPEN,
    AMQP_SLOT_DUE /* deliveries: to be acknowledged with the next flush */
};

struct amqp_slot {
    void *owner;
    uint32_t part; /* the owner's */
    uint8_t state; /* enum amqp_slot_state */
    bool mark;     /* the owner's: returned; warned of */
    uint64_t at;   /* the owner's: when */
};

struct amqp_ring { /* all zero: empty, the first tag is 1. Done with amqp_ring_done() */
    struct amqp_slot *slot;
    size_t cap;          /* a power of two */
    uint64_t low, above; /* tags <= low have ended, tags > above were not given yet */
    size_t open;         /* how many have not ended */
};

void amqp_ring_done(struct amqp_ring *r);
void amqp_ring_reset(struct amqp_ring *r); /* a new channel: everything forgotten, memory kept */
/* The next tag, state OPEN. *ret_tag may be NULL. 0 or -ENOMEM. */
int amqp_ring_push(struct amqp_ring *r, void *owner, uint32_t part, uint64_t at, uint64_t *ret_tag);
/* NULL: ended already, or never given. */
struct amqp_slot *amqp_ring_at(const struct amqp_ring *r, uint64_t tag);
void amqp_ring_end(struct amqp_ring *r, uint64_t tag); /* one that has ended already: nothing */
/* Ends all that is DUE below the first OPEN one. The tag that acknowledges them at once
 * (basic.ack, multiple), or 0: there are none. */
uint64_t amqp_ring_ack_prefix(struct amqp_ring *r);

#endif
