/* SPDX-License-Identifier: Apache-2.0 */
/* tidy - the retention of a worker's own files, a small batch at a time between its other work.
 *
 * Used by the plugin thread, which owns state and journal. While there is other work a batch comes
 * every TIDY_BUSY_MS at most; otherwise one after the other. */
#ifndef REEVE_WORKER_TIDY_H
#define REEVE_WORKER_TIDY_H
#include "base/tree.h"
#include "journal/journal.h"
#include "state/state.h"

struct tidy {
    uint64_t journal_ms, receipts_ms; /* kept for so long; 0: for ever */
    uint64_t again, last;             /* mono_ms() */
    bool more;                        /* the last batch was full */
    bool failed;                      /* told already */
};
/* part: a worker's part of the plan. */
void tidy_open(struct tidy *t, const struct tree *part);
/* A batch, when one is due. state may be NULL. busy: other work waits. */
void tidy_turn(struct tidy *t, struct journal *journal, struct state *state, bool busy);
/* How long the caller may sleep; UINT64_MAX: as long as it likes. */
uint64_t tidy_wait(const struct tidy *t);

#endif
