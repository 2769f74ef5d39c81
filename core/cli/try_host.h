/* SPDX-License-Identifier: Apache-2.0 */
/* try_host - the host of `plugin try`: state in memory, submissions printed and settled with one
 * verdict. */
#ifndef REEVE_CLI_TRY_HOST_H
#define REEVE_CLI_TRY_HOST_H
#include "plugin/host.h"
#include "plugin/memory.h"

#define TRY_PENDING_MAX 64u

struct try_host {
    const struct plugin *plugin;
    reeve_ctx *ctx;
    void *inst;
    struct tree *options;
    struct map *state;
    uint64_t until; /* mono ms: asked to stop from then on; UINT64_MAX: never */
    reeve_rc settle_with;
    bool json;
    uint64_t pending[TRY_PENDING_MAX]; /* tokens that are not settled yet */
    size_t pending_n, submitted;
};

/* Options checked, instance opened. h is zeroed but for settle_with, until and json. 0, or *e says
 * why not. */
int try_host_open(struct try_host *h, const struct plugin *p, uint32_t side,
                  const char *const *options, size_t n, struct err *e);
void try_host_close(struct try_host *h); /* settles what is pending, then closes */
void try_host_settle(struct try_host *h);

#endif
