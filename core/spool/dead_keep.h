/* SPDX-License-Identifier: Apache-2.0 */
/* dead_keep - how long a dead letter stays: what somebody has looked at for `keep`; what nobody has
 * looked at raises an alarm before it is that old, and goes at `unseen`, never before the alarm has
 * stood for the time of warning (7 days, or half of `keep` when that is less), however long the hub
 * was off meanwhile. */
#ifndef REEVE_SPOOL_DEAD_KEEP_H
#define REEVE_SPOOL_DEAD_KEEP_H
#include "base/err.h"
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
/* Pure. All times of one clock; seen_ms and warned_ms 0: not yet. */
enum dead_fate dead_fate(const struct dead_rule *r, uint64_t now, uint64_t dead_ms,
                         uint64_t seen_ms, uint64_t warned_ms);

struct dead_keeping {
    struct dead_rule rule;
    uint64_t again;              /* when to begin the next pass */
    uint64_t after;              /* of the pass under way: looked at up to this number */
    uint64_t counted, oldest_ms; /* of it: letters that are warned of */
    char alarm[ERR_TEXT_MAX];    /* what the last pass found; "" = nothing to warn of */
};

#endif
