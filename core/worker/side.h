/* SPDX-License-Identifier: Apache-2.0 */
/* side - what a source's and a sink's process have in common: a main thread that never blocks, the
 * plugin's thread beside it, and the end of both. */
#ifndef REEVE_WORKER_SIDE_H
#define REEVE_WORKER_SIDE_H
#include "base/control.h"

struct side {
    void *arg; /* of start, run and finish, which the main thread calls */
    struct child **child;
    struct tree **part; /* of the plan; both are set before start */
    int (*start)(void *arg, struct err *e);
    void *(*plugin_thread)(void *arg); /* runs from the end of start until run returns */
    void *plugin_arg;
    const struct err *fault; /* what the plugin's thread ended of; code empty: nothing */
    /* Until the plugin's thread has ended: the exit code. EXIT_BUG, with e filled in: it may be
     * anywhere, and nothing is tidied up. */
    int (*run)(void *arg, struct err *e);
    void (*finish)(void *arg); /* frees what start made, the child and the part */
};

/* The whole life of the process. Returns its exit code (base/control.h). */
int side_run(const char *part_file, const struct child_events *events, const struct side *side);

/* The exit code for a plugin that could not be opened: EXIT_CONFIG for what the operator must mend,
 * EXIT_RETRY for what may pass by itself. */
int side_open_failed(int rc);

#endif
