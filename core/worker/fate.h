/* SPDX-License-Identifier: Apache-2.0 */
/* fate - what became of the messages of one submission, counted out of journal rows. Pure. */
#ifndef REEVE_WORKER_FATE_H
#define REEVE_WORKER_FATE_H
#include "base/tree.h"
#include <stdbool.h>
#include <stdint.h>

struct fate { /* copies: one for each destination of each message */
    uint64_t waiting, delivered, dead, discarded;
    bool partial; /* there were more rows than were read */
};
/* rows: of journal_trace(), by time. A copy's last row counts. 0 or -ENOMEM. */
int fate_count(const struct tree *rows, struct fate *ret);

#endif
