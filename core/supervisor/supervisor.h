/* SPDX-License-Identifier: Apache-2.0 */
/* supervisor - starts, watches, restarts, reloads and ends the processes of a hub. It executes a
 * checked plan and reads no foreign bytes: what it parses is the plan of our own compiler, control
 * frames, and commands of the same user.
 *
 * Guarantees: one supervisor a data directory (lock); every child it started is reaped before it
 * returns; children see the end of their control channel when it dies and drain by themselves. */
#ifndef REEVE_SUPERVISOR_SUPERVISOR_H
#define REEVE_SUPERVISOR_SUPERVISOR_H
#include "base/err.h"
#include "base/tree.h"
#include <stdbool.h>
#include <stdint.h>

struct supervisor_options {
    const char *config; /* file or directory, given to the compiler */
    uint64_t drain_ms; /* 0: 30 s. For door, sources and sinks together; who keeps the queues has 10
                          s of its own */
    uint64_t watchdog_ms; /* 0: 30 s. Silence of a process before it is ended */
    uint64_t start_ms;    /* 0: 60 s. From spawning to READY */
    bool cores;           /* children may leave core files (they can hold personal data) */
    bool verbose;         /* debug records too */
    const char *log;      /* settings of log_set(), checked; NULL: those of the configuration */
};

/* Runs the hub in the foreground until SIGTERM or SIGINT (drain; a second one ends at once). SIGHUP
 * is a reload. Returns the exit code: 0 drained, 1 bad configuration or already running, EXIT_BUG.
 * Once a process. */
int supervisor_run(const struct supervisor_options *o);

/* While no hub runs: what the stored queues hold. plan: as the compiler made it. *ret: the figures
 * of the process that keeps the queues (control.h, STATS), which changes nothing meanwhile. Takes
 * the hub's lock meanwhile. Codes: "already-running", "peek", those of a plan and of the data
 * directory. */
int supervisor_peek(const struct tree *plan, struct tree **ret, struct err *e);

/* While no hub runs: takes the lock of the plan's data directory, until the descriptor is closed.
 * Codes as above. */
int supervisor_lock(const struct tree *plan, int *ret_fd, struct err *e);

/* Commands on DATA/run/control.sock (mode 0600): one JSON object a line each way. Requests:
 * {"command": "ping" | "status" | "transport" | "reload" | "pause" | "resume", "name":
 * destination}. Answers: {"ok": true, …} or {"ok": false, "code", "text", …}; "machine" (and to
 * "ping" and "status" all of them, "machines") where the configuration has `machines`: to "pause"
 * and "resume" it means that the others are still to be told. Those two are answered when the
 * process has done it, or with "late": true. To "transport": "kind" ("spool", "amqp") and, of amqp,
 * "transport", the map by which its admin connects. */
#define SUPERVISOR_STATUS_FORMAT 1 /* of the answer to "status"; config/README.md has its keys */
#define SUPERVISOR_LINE_MAX      (8u << 20)
/* One command to the supervisor of a data directory; waits for the answer at most timeout_ms. 0 and
 * the answer (whatever its "ok" says); -ECONNREFUSED: no hub runs there (code "not-running"). */
int control_call(const char *data, const struct tree *request, unsigned timeout_ms,
                 struct tree **ret, struct err *e);

#endif
