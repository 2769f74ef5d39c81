/* SPDX-License-Identifier: Apache-2.0 */
/* alarm - what the figures of the processes and the plan's rules say is wrong with the hub's
 * traffic: queues that are too old, queues that nobody delivers, sources that are silent. Pure: no
 * clock, no log. */
#ifndef REEVE_SUPERVISOR_ALARM_H
#define REEVE_SUPERVISOR_ALARM_H
#include "base/tree.h"
#include <stdint.h>

/* rules: the plan's "alarms" (core/README.md), may be NULL. queues: "destinations" of the figures
 * of the process that keeps the queues, may be NULL (unknown: nothing is said of them). sources: a
 * list of {"process", "heard_ms", "watched_ms"} (wall clock; heard_ms 0 or absent: never), may be
 * NULL. now_ms: wall clock. *ret: a list of {"code", "text", "destination" | "process" and
 * "connector"}; codes: "oldest", "orphan-queue", "silent". 0 or -ENOMEM. */
int alarm_judge(const struct tree *rules, const struct tree *queues, const struct tree *sources,
                uint64_t now_ms, struct tree **ret);
/* The fresh list with the times at which its alarms began ("since", RFC 3339): of `before` where
 * the same was there already, else now. Calls fn for each alarm that is new (over false) or that is
 * no longer there (over true). Changes fresh. 0 or -ENOMEM. */
int alarm_follow(const struct tree *before, struct tree *fresh, uint64_t now_ms,
                 void (*fn)(void *arg, const struct tree *alarm, bool over), void *arg);

#endif
