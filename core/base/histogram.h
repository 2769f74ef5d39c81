/* SPDX-License-Identifier: Apache-2.0 */
/* histogram - how long things took, in buckets with fixed bounds, for `/-/metrics`.
 *
 * Adding is a few compares and two relaxed atomic additions: no lock, no allocation, any thread. A
 * reader may see the count of an addition and not yet its sum; the next look has both. One table of
 * bounds for all (1 ms to 1 day): what is accepted in milliseconds may be delivered after a night.
 * In figures (control.h, STATS) it is a list of numbers: the count of each bucket, not cumulated,
 * the last one without a bound; then the sum in microseconds. */
#ifndef REEVE_BASE_HISTOGRAM_H
#define REEVE_BASE_HISTOGRAM_H
#include "tree.h"
#include <stdatomic.h>

#define HISTOGRAM_BOUNDS 18
extern const uint64_t histogram_bound_us[HISTOGRAM_BOUNDS];
/* The same in seconds, as OpenMetrics 1.0 wants the label `le` ("Considerations: Canonical
 * Numbers"): "0.001", "1.0". */
extern const char *const histogram_le[HISTOGRAM_BOUNDS];

struct histogram { /* zeroed is empty */
    _Atomic(uint64_t) bucket[HISTOGRAM_BOUNDS + 1], sum_us;
};

/* An observation belongs to the first bucket whose bound is not below it. */
void histogram_add(struct histogram *h, uint64_t us);
/* Puts the list described above into map under key. 0, or as tree_put(). */
int histogram_put(const struct histogram *h, struct tree *map, const char *key);

#endif
