/* SPDX-License-Identifier: Apache-2.0 */
/* carry - everything of a spool's file out of it and into it, while nobody else has it open
 * (transport/carried.h). */
#ifndef REEVE_SPOOL_CARRY_H
#define REEVE_SPOOL_CARRY_H
#include "base/tree.h"
#include "transport/carried.h"

struct carry;
/* DATA/spool/spool.db, locked; made when it is not there. destinations: those of the plan, with the
 * former names that are theirs (`was`). Codes "spool-locked", "db-…". */
int carry_open(const char *data, const struct tree *destinations, struct carry **ret,
               struct err *e);
void carry_close(struct carry *c); /* what was not committed is gone; NULL is fine */

/* Gives everything, page by page: waiting messages by destination in their order, then dead letters
 * in the order of their numbers; removes a page when `keep` gave 0. A queue that no destination has
 * is refused before anything is given: "destination-unknown". */
int carry_out(struct carry *c, carried_take *take, carried_keep *keep, void *arg,
              struct carried_totals *ret, struct err *e);
/* Puts one in, behind the others of its destination; durable with carry_commit(). */
int carry_add(struct carry *c, const struct carried *m, struct err *e);
int carry_commit(struct carry *c, struct err *e);

#endif
