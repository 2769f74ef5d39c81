/* SPDX-License-Identifier: Apache-2.0 */
/* split - what steps make of one message sums to what came in: one reconcile step before them opens
 * the split, one behind them counts what they emit, and the first one judges when all is emitted.
 * The steps of a side run in one thread, inside each other. */
#ifndef REEVE_RECONCILE_SPLIT_H
#define REEVE_RECONCILE_SPLIT_H
#include "money.h"
#include <reeve/plugin.h>

struct amount { /* what a message is worth */
    bool some;
    money value;
    const char *currency; /* "": not said */
};

/* before: emits the message and compares. REJECT says what is missing or too much, and the outputs.
 */
reeve_rc split_before(reeve_ctx *, const reeve_msg *, const struct amount *, reeve_out *);
/* behind: counts and emits. FATAL: no split is open. */
reeve_rc split_after(reeve_ctx *, const reeve_msg *, const struct amount *, reeve_out *);

#endif
