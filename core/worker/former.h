/* SPDX-License-Identifier: Apache-2.0 */
/* former - a connector that has another name now (`was:`) goes on with what it remembered. */
#ifndef REEVE_WORKER_FORMER_H
#define REEVE_WORKER_FORMER_H
#include "base/tree.h"
#include "state/state.h"

/* Opens DATA/state/NAME.db of the side whose part this is; when it is not there, what one of its
 * former names ("was", in their order) left becomes it. *ret_former: that name, borrowed from part;
 * NULL: none. */
int former_state_open(const struct tree *part, struct state **ret, const char **ret_former,
                      struct err *e);

#endif
