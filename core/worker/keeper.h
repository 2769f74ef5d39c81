/* SPDX-License-Identifier: Apache-2.0 */
/* keeper - the thread that keeps a source's lease (state/lease.h): it renews it whatever the others
 * do, be it a plugin that thinks for minutes or a commit that waits for a server.
 *
 * It must not keep others from work that this process cannot do. A process that is stuck altogether
 * is ended by its supervisor (no beat from the main thread, no return from a call), and its lease
 * moves. One that is well but cannot use its transport or its disk says so with keeper_want(), and
 * after KEEPER_IDLE_MS the lease is given back until it can. */
#ifndef REEVE_WORKER_KEEPER_H
#define REEVE_WORKER_KEEPER_H
#include "base/err.h"
#include "base/tree.h"
#include "thread_queue.h"
#include <stdbool.h>
#include <stdint.h>

#define KEEPER_IDLE_MS 10000

struct keeper;
/* As for lease_open(). The queue's reader is woken when the lease is taken or lost. */
int keeper_start(const char *conninfo, const char *name, const char *holder,
                 struct thread_queue *told, struct keeper **ret, struct err *e);
/* Gives the lease back when it is held, and ends the thread. NULL is fine. */
void keeper_stop(struct keeper *k);

/* Any thread: the epoch under which the lease is held at this very moment; 0: it is not. */
uint64_t keeper_holds(struct keeper *k);
/* Any thread: whether the lease can be put to use. It is taken to be so at first. */
void keeper_want(struct keeper *k, bool want);
/* Any thread: "lease": {"held", "holder" ("": nobody, as far as is known), "trouble" ("": none)}.
 * 0 or -ENOMEM. */
int keeper_put(struct keeper *k, struct tree *figures);
/* Any thread: why nothing is known of the lease for longer than it takes to connect again; "" when
 * there is a connection. True when it has changed since the last call. One caller. */
bool keeper_trouble(struct keeper *k, char text[ERR_TEXT_MAX]);

#endif
