/* SPDX-License-Identifier: Apache-2.0 */
/* lease - what only one process of several hubs may do (poll a source, watch a directory): whoever
 * holds the lease of that name in PostgreSQL does it; when it dies another takes over.
 *
 * A lease lasts LEASE_TTL_MS from its last renewal by the server's clock (clock_timestamp() of the
 * one server; nobody else's wall clock counts), and is renewed every LEASE_RENEW_MS. The holder
 * goes by its own clock (CLOCK_BOOTTIME, which runs on while the machine sleeps) and counts from
 * before it asked: for it the lease ends LEASE_MARGIN_MS earlier, so it has let go before another
 * can take over. Another takes over at most LEASE_TTL_MS + LEASE_LOOK_MS after the last renewal.
 *
 * Every take-over has a new epoch, one more than the last. A process may be stopped between its
 * look at the clock and what it does next: what must not happen twice is committed under the epoch
 * (state_guard()), and the server refuses an old one in the same transaction. So a clock of the
 * server that is set forward may move the lease early, but never lets two commit.
 *
 * One connection of its own. One thread. lease_run() never blocks, but where libpq does: it
 * resolves host names (an address in the conninfo avoids it). Callbacks are called from lease_run()
 * only, and must not close the lease. */
#ifndef REEVE_STATE_LEASE_H
#define REEVE_STATE_LEASE_H
#include "base/err.h"
#include <stdbool.h>
#include <stdint.h>

#define LEASE_TTL_MS    6000
#define LEASE_RENEW_MS  2000
#define LEASE_MARGIN_MS 1000
#define LEASE_LOOK_MS   1000 /* between looks of those who wait for it */

struct lease;
struct lease_events {
    void *arg;
    void (*taken)(void *arg, uint64_t epoch);
    void (*lost)(void *arg, const char *why); /* stop at once; it is tried again by itself */
};

/* conninfo: as for state_open(), the same search path. name: of what is to be done
 * ("feed.receive"). holder: who we are, for people ("hub-a"). Connects in the background; an error
 * is only "memory" or what the conninfo says against itself ("state-refused"). */
int lease_open(const char *conninfo, const char *name, const char *holder,
               const struct lease_events *events, struct lease **ret, struct err *e);
/* Gives the lease back when it is held, so that another need not wait (half a second at most). */
void lease_close(struct lease *l);

/* For the caller's poll(): descriptor (may change; -1: none now), events wanted, and when to call
 * lease_run() at the latest (milliseconds from now). */
int lease_fd(const struct lease *l, short *ret_events);
uint64_t lease_timeout(const struct lease *l);
void lease_run(struct lease *l);

/* Is it held at this very moment? Looks at the clock: ask before everything that needs it, also
 * between two calls of lease_run(). */
bool lease_held(const struct lease *l);
/* Until when it is held if nothing else happens, by boot_ms(); 0: it is not held. For another
 * thread that looks at the clock by itself. */
uint64_t lease_until(const struct lease *l);
uint64_t lease_epoch(const struct lease *l); /* of the last take-over by this process; 0: none */
/* Who holds it, as far as is known; "" nobody. Borrowed until the next lease_run(). */
const char *lease_holder(const struct lease *l);
/* Why there is no connection; "" when there is one. Likewise. */
const char *lease_trouble(const struct lease *l);

#endif
