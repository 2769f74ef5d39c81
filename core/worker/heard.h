/* SPDX-License-Identifier: Apache-2.0 */
/* heard - when a document of this source was last accepted, and since when that is looked for: kept
 * in its state, so that a silence is noticed over restarts (`receive: {expect:}`). */
#ifndef REEVE_WORKER_HEARD_H
#define REEVE_WORKER_HEARD_H
#include "source.h"

/* Reads both; the first time ever stores that it is looked for from now on. */
int heard_open(struct source *s, struct err *e);
/* A document was accepted (also one that brought nothing new). Stages; the caller commits. */
void heard_now(struct source *s);
/* What other hubs have accepted meanwhile counts too, where they share the state: looked up now, or
 * once in a while. */
void heard_look(struct source *s);
void heard_turn(struct source *s);

#endif
