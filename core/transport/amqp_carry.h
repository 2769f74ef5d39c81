/* SPDX-License-Identifier: Apache-2.0 */
/* amqp_carry - everything that waits in RabbitMQ out of it and into it, while no hub runs
 * (carried.h); and the queues of a destination that has another name now. Synchronous, on one
 * connection. */
#ifndef REEVE_TRANSPORT_AMQP_CARRY_H
#define REEVE_TRANSPORT_AMQP_CARRY_H
#include "base/tree.h"
#include "carried.h"

struct amqp_carry;
/* part: the "transport" map of the admin. Declares the topology and connects. Codes of
 * amqp_topology_declare() and amqp_link_open(). */
int amqp_carry_open(const struct tree *part, struct amqp_carry **ret, struct err *e);
void amqp_carry_close(struct amqp_carry *c); /* what was taken and not kept is back; NULL is fine */

/* Puts one in, behind the others of its destination: durable (confirmed) when it returns 0. A
 * delay is rounded up to a rung. */
int amqp_carry_add(struct amqp_carry *c, const struct carried *m, struct err *e);
/* Gives everything, page by page: by destination what waits in its order, then what is delayed,
 * then dead letters; acknowledges a page when `keep` gave 0. Refused before anything is given:
 * "destination-unknown" (a queue that no destination has), "queue-busy" (somebody consumes: another
 * machine's hub). */
int amqp_carry_out(struct amqp_carry *c, carried_take *take, carried_keep *keep, void *arg,
                   struct carried_totals *ret, struct err *e);

struct amqp_place;
/* What is in the queues of `old` goes behind that of `name`, attempts and reasons kept: each is
 * published, confirmed and only then taken away. Nothing while somebody consumes `old`. A queue
 * that is not there has nothing. *ret: how many. */
int amqp_carry_rename(struct amqp_place *place, const char *old, const char *name, uint64_t *ret,
                      struct err *e);

#endif
