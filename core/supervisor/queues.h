/* SPDX-License-Identifier: Apache-2.0 */
/* queues - whether the queues that there are allow the next plan. Pure. */
#ifndef REEVE_SUPERVISOR_QUEUES_H
#define REEVE_SUPERVISOR_QUEUES_H
#include "plan.h"

/* A destination that goes away must be empty, or be the former name (`was:`) of one whose queue
 * holds nothing yet: its messages would wait for nobody. queues: "destinations" of the figures
 * of the process that keeps the queues, NULL = not known, which is enough only when no destination
 * goes away. Orphans are no matter of this change. Codes: "reload-waiting", "reload-rename",
 * "reload-unknown". */
int queues_allow(const struct tree *queues, const struct plan *now, const struct plan *next,
                 struct err *e);

#endif
