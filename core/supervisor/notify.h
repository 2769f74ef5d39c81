/* SPDX-License-Identifier: Apache-2.0 */
/* notify - tells the service manager how the hub is, by the protocol of sd_notify(3): one datagram
 * of NAME=VALUE lines to the socket that $NOTIFY_SOCKET names (a path, or with @ an abstract name).
 * Without that variable nothing is done. Failures are not the hub's: they are passed over.
 *
 * READY=1 when every process is ready for the first time, or has failed once and will be tried
 * again, or waits for a broker that cannot be reached: the hub then does what it can, and `reeve
 * status` says the rest. RELOADING=1 with MONOTONIC_USEC while a reload is under way, READY=1 at
 * its end, done or refused. STOPPING=1 when it drains. STATUS with the number of processes.
 * WATCHDOG=1 twice in every WATCHDOG_USEC, from the event loop: it says that the supervisor itself
 * is alive. */
#ifndef REEVE_SUPERVISOR_NOTIFY_H
#define REEVE_SUPERVISOR_NOTIFY_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum notify_told { NOTIFY_NOTHING, NOTIFY_READY, NOTIFY_RELOADING, NOTIFY_STOPPING };

struct notify_view { /* what there is to be told */
    bool ending, reloading;
    bool settled;    /* every process is ready, or has been tried */
    const char *hub; /* "" = not known yet */
    size_t ready, n; /* processes */
    bool reload_bad; /* the last reload was refused or not everything came up */
};

struct notify; /* NULL: nobody listens; all functions accept it */
/* Takes the variables out of the environment, so that no child speaks for the hub. */
struct notify *notify_open(void);
void notify_free(struct notify *n);
/* After every event: sends what has changed since the last call, and the sign of life when it is
 * due. */
void notify_follow(struct notify *n, const struct notify_view *v);
uint64_t notify_deadline(const struct notify *n); /* monotonic ms; UINT64_MAX: none */

/* The rule, pure: what to tell after `told`; the same = nothing new. */
enum notify_told notify_next(enum notify_told told, const struct notify_view *v);

#endif
