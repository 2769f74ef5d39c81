/* SPDX-License-Identifier: Apache-2.0 */
/* carried - a message with all that is known of it, on its way from one engine to another while no
 * hub runs (`reeve migrate`). At least once: whoever takes a page makes it durable before whoever
 * gave it forgets it; a crash in between repeats the page, with the same ids. */
#ifndef REEVE_TRANSPORT_CARRIED_H
#define REEVE_TRANSPORT_CARRIED_H
#include "base/err.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CARRIED_PAGE  100u              /* messages … */
#define CARRIED_BYTES ((size_t)8 << 20) /* … and about so much of their events */

struct carried { /* all borrowed */
    const char *destination, *id, *bytes;
    size_t len;
    uint64_t first_ms; /* accepted by the transport; wall clock, as the others */
    uint64_t due_ms;   /* not before; 0: now */
    uint32_t attempts;
    bool dead;
    uint64_t dead_ms;
    const char *code, *text; /* of the last failure; NULL: not known */
};

struct carried_totals {
    uint64_t waiting, dead;
};

/* Takes a message; it is durable when the giver's page is over. 0 or negative with *e. */
typedef int carried_take(void *arg, const struct carried *m, struct err *e);
/* The page is over: makes it durable. */
typedef int carried_keep(void *arg, struct err *e);

#endif
