/* SPDX-License-Identifier: Apache-2.0 */
/* restart - when a process is started, given up, started again and ended: a table [state][event].
 * Pure: no clock, no system call; the caller passes the time and does what the action says.
 *
 * Rules: a process that dies before READY, or within 60 s of it, is started again after 1 s, 2 s, 4
 * s … 60 s (with jitter); one that served longer starts at once. Exit 78 (bad configuration) waits
 * for a change; exit 75 always waits. A process that is silent longer than the watchdog gets ABRT
 * (it may leave a core), then KILL. */
#ifndef REEVE_SUPERVISOR_RESTART_H
#define REEVE_SUPERVISOR_RESTART_H
#include <stdint.h>

#define RESTART_FIRST_MS  1000u
#define RESTART_LAST_MS   60000u
#define RESTART_SERVED_MS 60000u
#define RESTART_NEVER     UINT64_MAX

enum restart_state {
    RESTART_OFF,      /* not started yet */
    RESTART_STARTING, /* spawned, READY awaited */
    RESTART_UP,       /* at work */
    RESTART_WAITING,  /* died; starts again when the timer is due */
    RESTART_HELD,     /* its configuration is bad; starts again when told */
    RESTART_STUCK,    /* silent: ABRT was sent, then KILL */
    RESTART_DRAINING, /* told to end */
    RESTART_DONE,     /* ended for good */
    RESTART_STATES
};

enum restart_event {
    RESTART_START,       /* the caller wants it to run */
    RESTART_READY,       /* it said READY */
    RESTART_BEAT,        /* it said BEAT */
    RESTART_DIED,        /* it is gone (or could not be spawned) */
    RESTART_DIED_RETRY,  /* it is gone with exit 75 */
    RESTART_DIED_CONFIG, /* it is gone with exit 78 */
    RESTART_TIMER,       /* timer_ms has come */
    RESTART_DRAIN,       /* the caller wants it to end */
    RESTART_EVENTS
};

enum restart_action {
    RESTART_DO_NOTHING,
    RESTART_DO_SPAWN,
    RESTART_DO_ABORT,   /* SIGABRT */
    RESTART_DO_KILL,    /* SIGKILL */
    RESTART_DO_DRAIN,   /* send DRAIN */
    RESTART_DO_FORGET,  /* DONE now, nothing runs */
    RESTART_DO_COMPLAIN /* this pair cannot happen: log it; nothing changed */
};

struct restart_limits {
    uint64_t start_ms;    /* spawn to READY */
    uint64_t watchdog_ms; /* between two BEATs */
    uint64_t abort_ms;    /* ABRT to KILL */
};

struct restart {
    enum restart_state state;
    unsigned failures; /* deaths in a row without long service */
    uint64_t ready_ms; /* when the running process said READY; 0: it has not */
    uint64_t timer_ms; /* when RESTART_TIMER is due; RESTART_NEVER: none */
};

void restart_init(struct restart *r);
/* now_ms: monotonic. drain_ms: for RESTART_DRAIN, how long until KILL. random: any value, for the
 * jitter. */
enum restart_action restart_step(struct restart *r, enum restart_event event,
                                 const struct restart_limits *limits, uint64_t now_ms,
                                 uint64_t drain_ms, uint32_t random);
/* The delay before start number failures + 1: in [base, base * 5/4], base doubling from 1 s, never
 * over 60 s. */
uint64_t restart_delay(unsigned failures, uint32_t random);
const char *restart_state_name(
    enum restart_state s); /* "off" "starting" "ready" "waiting" "held" "stuck" "draining" "done" */

#endif
