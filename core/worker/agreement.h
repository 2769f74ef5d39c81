/* SPDX-License-Identifier: Apache-2.0 */
/* agreement - may a message about identifiable people go to this party? Pure (the day is given). */
#ifndef REEVE_WORKER_AGREEMENT_H
#define REEVE_WORKER_AGREEMENT_H
#include "base/err.h"
#include "base/tree.h"
#include "message/message.h"
#include <stdbool.h>

/* party: of the sink's part of the plan. today: "2026-01-31", UTC; an agreement holds to the end of
 * its last day. A message that is not personal, and a party with role hub, need none. false: *why
 * has code "no-agreement" and who, what and the nearest agreement that does not cover it. */
bool agreement_allows(const struct tree *party, const struct message *m, const char *today,
                      struct err *why);

/* The same of any personal message. */
bool agreement_covers_personal(const struct tree *party, const char *today);

#endif
