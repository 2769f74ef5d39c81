/* SPDX-License-Identifier: Apache-2.0 */
/* dead_rule - how long a dead letter stays: what somebody has looked at for `keep`; what nobody has
 * looked at raises an alarm before it is that old, and goes at `unseen`, never before the alarm has
 * stood for the time of warning (7 days, or half of `keep` when that is less), however long the hub
 * was off meanwhile. Pure; for all engines. */
#ifndef REEVE_TRANSPORT_DEAD_RULE_H
#define REEVE_TRANSPORT_DEAD_RULE_H
#include <stddef.h>
#include <stdint.h>

struct dead_rule { /* milliseconds; keep_ms 0: everything is kept for ever */
    uint64_t keep_ms, unseen_ms, warn_ms;
};
/* unseen_ms is at least keep_ms. */
void dead_rule_set(struct dead_rule *r, uint64_t keep_ms, uint64_t unseen_ms);

enum dead_fate {
    DEAD_KEEP,
    DEAD_WARN,   /* begin to warn of it */
    DEAD_WARNED, /* it is being warned of */
    DEAD_TAKE
};
/* All times of one clock; seen_ms and warned_ms 0: not yet. */
enum dead_fate dead_fate(const struct dead_rule *r, uint64_t now, uint64_t dead_ms,
                         uint64_t seen_ms, uint64_t warned_ms);
/* The words of the alarm "dead-unseen" about `counted` letters, the oldest of oldest_ms (wall
 * clock); "" when there are none. */
void dead_unseen_words(const struct dead_rule *r, uint64_t counted, uint64_t oldest_ms, char *out,
                       size_t cap);

#endif
