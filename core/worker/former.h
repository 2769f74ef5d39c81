/* SPDX-License-Identifier: Apache-2.0 */
/* former - a connector that has another name now (`was:`) goes on with what it remembered. */
#ifndef REEVE_WORKER_FORMER_H
#define REEVE_WORKER_FORMER_H
#include "base/tree.h"
#include "state/state.h"

/* Opens the state of the side whose part this is: what "state" in it names (state.h, without
 * "process"), else DATA/state/NAME.db. When there is none yet, what one of its former names ("was",
 * in their order) left becomes it. *ret_former: that name, borrowed from part;
 * NULL: none. */
int former_state_open(const struct tree *part, struct state **ret, const char **ret_former,
                      struct err *e);

#endif
