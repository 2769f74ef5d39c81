/* SPDX-License-Identifier: Apache-2.0 */
/* tenure - a source that polls, and shares its state with the same source of other hubs, polls only
 * while it holds the lease on that (keeper.h).
 *
 * What is done because of a poll is done under an epoch of the lease: calls, submissions, commits
 * (state_guard()). When that epoch is over, all of it that is not committed is given up at once:
 * whoever polls next finds the same documents and completes them, with the same ids. A message's id
 * follows from what is known of its subject, so nothing is published that was not looked up while
 * the lease was held.
 *
 * Pushed documents need no lease; they are committed under it while it is held, which is harmless.
 * Plugin thread only. */
#ifndef REEVE_WORKER_TENURE_H
#define REEVE_WORKER_TENURE_H
#include "source.h"

/* Takes part in the lease when this source needs one: its plugin polls, does not compete
 * (REEVE_SOURCE_COMPETES), and its state is shared.
 * The main thread looks at the keeper too, and stops it when this one has ended. */
int tenure_open(struct source *s, struct err *e);
/* Begins and ends tenures; once a turn, before anything is published or committed. */
void tenure_turn(struct source *s);
/* The epoch for what a poll does now; 0: none may be made. */
uint64_t tenure_epoch(const struct source *s);
/* Is what was begun under this epoch still that of the tenure at hand, as far as the last turn
 * knew? What is staged for it is committed under it, and the server looks again. */
bool tenure_same(const struct source *s, uint64_t epoch);
/* May what was begun under this epoch go on at this very moment? EPOCH_ANY: always. */
bool tenure_stands(const struct source *s, uint64_t epoch);

#endif
