/* SPDX-License-Identifier: Apache-2.0 */
/* plan_groups - messages that two configurations treat differently, counted by what changes for
 * them: from where to where, by route, by type, with a few ids. Bounded: what comes after the
 * bounds is counted together. */
#ifndef REEVE_CLI_PLAN_GROUPS_H
#define REEVE_CLI_PLAN_GROUPS_H
#include "plan.h"

enum plan_rank { PLAN_NOT_RECEIVED, PLAN_DROPPED, PLAN_UNROUTED, PLAN_MATCHED, PLAN_RANKS };
struct plan_outcome { /* of one message in one configuration */
    enum plan_rank rank;
    const struct route_hit *hit; /* PLAN_MATCHED: one for each of to */
    uint32_t *to;
    size_t n;
};
enum plan_held { PLAN_REFUSED, PLAN_WAITING };

struct plan_groups;
struct plan_groups *plan_groups_new(const struct plan_config c[2]);
void plan_groups_free(struct plan_groups *g);
/* A message that goes elsewhere: o[0] was, o[1] would be. 0 or -ENOMEM. */
int plan_groups_moved(struct plan_groups *g, const struct plan_outcome o[2], const char *type,
                      const char *id);
/* A message that a destination would refuse for want of an agreement, or keep because it is not
 * enabled, and that was not so before. */
int plan_groups_held(struct plan_groups *g, enum plan_held what, const struct plan_destination *d,
                     const char *type, const char *id);
uint64_t plan_groups_unroutable(const struct plan_groups *g);
int plan_groups_report(const struct plan_groups *g, struct tree *t);

#endif
