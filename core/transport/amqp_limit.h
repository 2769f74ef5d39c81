/* SPDX-License-Identifier: Apache-2.0 */
/* amqp_limit - may one more message go to a destination that has limits? Pure; private to this
 * room.
 *
 * The broker is asked how many wait (a passive declaration) only when what is known says that the
 * limit is near: what waited at the last count, and all that was sent since. It is asked while
 * nothing of ours is under way, so that a count is exact for one publisher; several publishers
 * together may pass the limit by what they send between two counts. AMQP does not tell bytes: they
 * are this publisher's own account, brought down in proportion when fewer messages wait than it
 * sent. */
#ifndef REEVE_TRANSPORT_AMQP_LIMIT_H
#define REEVE_TRANSPORT_AMQP_LIMIT_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum amqp_admission {
    AMQP_ADMIT,
    AMQP_REFUSE,
    AMQP_ASK, /* count now, then decide again */
    AMQP_HOLD /* our own are under way: decide again when they have ended */
};

struct amqp_limit {
    uint64_t max_messages, max_bytes; /* 0: none */
    bool counted;                     /* on this connection */
    bool fresh;     /* counted just now: what does not fit is refused without asking again */
    uint64_t count; /* waiting when counted, and sent since */
    uint64_t under_way;
    uint64_t own, bytes; /* of those: sent by us, and their bytes */
};

enum amqp_admission amqp_limit_decide(const struct amqp_limit *l, size_t len);
void amqp_limit_sent(struct amqp_limit *l, size_t len);
void amqp_limit_ended(struct amqp_limit *l, size_t len, bool stored);
void amqp_limit_counted(struct amqp_limit *l, uint64_t count);
void amqp_limit_lost(struct amqp_limit *l); /* the connection: nothing is known of what was sent */

#endif
