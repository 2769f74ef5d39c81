/* SPDX-License-Identifier: Apache-2.0 */
/* dead_keep - the spool's walk through the dead letters that are too old (transport/dead_rule.h).
 */
#ifndef REEVE_SPOOL_DEAD_KEEP_H
#define REEVE_SPOOL_DEAD_KEEP_H
#include "base/err.h"
#include "transport/dead_rule.h"
#include <stdint.h>

struct dead_keeping {
    struct dead_rule rule;
    uint64_t again;              /* when to begin the next pass */
    uint64_t after;              /* of the pass under way: looked at up to this number */
    uint64_t counted, oldest_ms; /* of it: letters that are warned of */
    char alarm[ERR_TEXT_MAX];    /* what the last pass found; "" = nothing to warn of */
};

#endif
