/* SPDX-License-Identifier: Apache-2.0 */
/* verdict - what becomes of a job after a plugin's verdict: the hard decision of the sink, as a
 * pure function.
 *
 * Only OK and REJECT are final. A verdict that nobody knows counts as RETRY, so does a job that
 * nobody settled. */
#ifndef REEVE_WORKER_VERDICT_H
#define REEVE_WORKER_VERDICT_H
#include "reeve/plugin.h"
#include "transport/transport.h"
#include <stdbool.h>
#include <stdint.h>

struct verdict_case {
    reeve_rc rc;
    uint32_t attempts;         /* charged before this one */
    uint64_t after_ms;         /* asked for by the plugin, 0 = by the ladder */
    uint64_t first_ms, now_ms; /* wall clock: accepted by the transport; now */
    uint64_t for_ms;           /* retry: {for:}; 0 = for ever */
    bool cut_short; /* RETRY, because this process was asked to stop: charged to nobody */
};
struct verdict_action {
    enum settle how;
    uint64_t delay_ms;
    const char *code; /* "rejected", "tries-exhausted", "retry", "down", "stopped"; "" for DONE */
    bool pause;       /* the destination pauses: DOWN */
    bool fatal;       /* this process ends */
};
struct verdict_action verdict_decide(const struct verdict_case *c);

/* Pause of a destination that is down for the n-th time in a row (n >= 1): 1 s doubling to 1 min,
 * or what the peer asked for. */
uint64_t verdict_pause_ms(uint32_t n, uint64_t asked_ms);

#define VERDICT_SAME_REJECTS_MAX 20 /* so many equal REJECTs in a row pause the destination */
struct reject_run {                 /* zero it first */
    uint32_t n;
    uint64_t reason; /* hash */
};
/* Counts; true when this one is the last straw (the run begins anew then). */
bool reject_run_add(struct reject_run *r, const char *reason);
void reject_run_break(struct reject_run *r);

#endif
