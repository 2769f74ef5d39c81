/* SPDX-License-Identifier: Apache-2.0 */
/* amqp_keep - dead letters on RabbitMQ are kept no longer than the plan says (dead_rule.h). Looking
 * for old ones is a scan of all of them by an exclusive consumer, so it is done once an hour. What
 * the broker cannot hold, who looked at a letter and since when one is warned of, is in a file of
 * the data directory (dead_marks.h): with several machines each knows its own operators. */
#ifndef REEVE_TRANSPORT_AMQP_KEEP_H
#define REEVE_TRANSPORT_AMQP_KEEP_H
#include "base/err.h"
#include "base/tree.h"
#include <stdbool.h>
#include <stdint.h>

#define AMQP_KEEP_FIRST_MS 10000u   /* after the start */
#define AMQP_KEEP_EVERY_MS 3600000u /* at most */

struct amqp_place;
struct amqp_keep;
/* part: of the process "amqp": "transport/marks" and "retention". */
int amqp_keep_new(const struct tree *part, struct amqp_keep **ret, struct err *e);
void amqp_keep_free(struct amqp_keep *k); /* NULL is fine */
/* Looks at all letters once and removes those that are due. Blocks. Codes of amqp_dead_list(),
 * "dead-marks". */
int amqp_keep_pass(struct amqp_keep *k, struct amqp_place *place, struct err *e);
const char *amqp_keep_unseen(const struct amqp_keep *k); /* the alarm; "" = none */
uint64_t amqp_keep_again(const struct amqp_keep *k);     /* ms until the next pass */
/* It is being warned of letters, and somebody has looked at some since: a pass may end that. */
bool amqp_keep_seen(const struct amqp_keep *k);

#endif
