/* SPDX-License-Identifier: Apache-2.0 */
/* unit - one process of the plan: its spawning, its control channel, its deaths, and what `status`
 * knows about it. */
#ifndef REEVE_SUPERVISOR_UNIT_H
#define REEVE_SUPERVISOR_UNIT_H
#include "base/control.h"
#include "base/frame.h"
#include "plan.h"
#include "restart.h"
#include <stdbool.h>
#include <sys/types.h>

#define UNIT_ALARMS 16
#define UNIT_REASON 700

struct unit_alarm {
    char code[ERR_CODE_MAX], text[ERR_TEXT_MAX];
    uint64_t since_ms; /* wall clock */
};

struct unit {
    char *name, *digest;
    enum process_kind kind;
    struct tree *part; /* own copy */
    struct restart restart;
    pid_t pid; /* 0: nothing runs */
    int pidfd;
    struct channel *channel; /* NULL: nothing runs, or it broke the protocol */
    uint32_t generation;
    uint64_t since_ms; /* wall clock of the last change of state */
    uint64_t restarts; /* spawns but the first */
    uint64_t spawned;
    char last_exit[UNIT_REASON]; /* why the last one ended, "" = none did */
    struct err fault;            /* what the running one said about its end */
    char status[256];
    struct tree *stats;                       /* NULL: none yet */
    bool stats_asked;                         /* asked and not answered */
    uint64_t counted, counted_ms, per_minute; /* messages it had moved, when (monotonic; 0: not
                                                 yet), and how fast it moves them */
    unsigned views_asked;                     /* bit i: view number i (view.h) is to be told */
    struct unit_alarm alarm[UNIT_ALARMS];
    size_t alarms;
    bool paused;
    unsigned pause_asked;   /* orders to pause or resume that have no answer yet */
    size_t poll_at;         /* where its descriptors are in the loop's array */
    bool at_once;           /* when it is drained: waits for nobody */
    bool leaving;           /* is to end: removed, replaced, or the hub ends */
    struct tree *next_part; /* what it becomes after it has left; NULL: nothing */
    char *next_digest;
    enum process_kind next_kind;
};

struct unit_env { /* what all units share */
    struct restart_limits limits;
    uint32_t generation; /* counts up with every spawn */
};

/* Copies what it needs of p. NULL: out of memory. */
struct unit *unit_new(const struct plan_process *p);
void unit_free(struct unit *u); /* NULL is fine; nothing may run any more */
/* Marks it as leaving and remembers what it is to become afterwards: what `fresh` (taken and freed)
 * is. */
void unit_replace(struct unit *u, struct unit *fresh);
/* After DONE: becomes what unit_replace() said, ready to be started. */
void unit_become(struct unit *u);

/* Runs the state machine and does what it says. drain_ms: for RESTART_DRAIN. */
void unit_event(struct unit *u, struct unit_env *env, enum restart_event event, uint64_t drain_ms);
/* Handles what came over the channel, writes what waits. */
void unit_talk(struct unit *u, struct unit_env *env);
/* Called when the pidfd is readable: reaps and runs the state machine. */
void unit_reap(struct unit *u, struct unit_env *env);
void unit_send(struct unit *u,
               uint16_t type); /* a frame without payload; nothing when nothing runs */
void unit_pause(struct unit *u, bool paused); /* it has done so when pause_asked is 0 again */
void unit_kill(struct unit *u);               /* SIGKILL, at once; its death is seen later */
/* Up, or has failed at least once: those after it need not wait. strict: only up. */
bool unit_settled(const struct unit *u, bool strict);

/* ---- spawn.c */
/* Executes the program for this kind with fd 3 and fd 4 set up. Fills pid, pidfd and channel, or
 * *e. */
int unit_spawn(struct unit *u, uint32_t generation, struct err *e);

#endif
