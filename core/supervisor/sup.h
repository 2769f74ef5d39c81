/* SPDX-License-Identifier: Apache-2.0 */
/* sup - the supervisor's own state, shared by the files of this room. */
#ifndef REEVE_SUPERVISOR_SUP_H
#define REEVE_SUPERVISOR_SUP_H
#include "base/log.h"
#include "compile.h"
#include "notify.h"
#include "supervisor.h"
#include "unit.h"
#include "view.h"

struct control; /* the command socket, control_socket.c */

enum sup_state { SUP_LOADING, SUP_RUNNING, SUP_ENDING };

struct sup {
    struct supervisor_options o;
    struct unit_env env;
    enum sup_state state;
    struct plan *plan; /* the one that is executed; parts are copied into the units */
    struct unit **unit;
    size_t n, cap;
    struct compile *compile; /* under way */
    struct control *control;
    struct notify *notify; /* NULL: no service manager listens */
    int signal_fd, lock_fd;
    uint64_t start_wall_ms, start_ms; /* wall clock, monotonic */
    struct tree *alarms;              /* list, as alarm_follow() made it; NULL: none yet */
    bool watching;                    /* figures are asked for, to be judged when they are here */
    uint64_t watch_ms;                /* monotonic: when to look again */
    uint64_t drain_end_ms; /* monotonic: SUP_ENDING, when door, sources and sinks are to be gone */
    int exit_code;
    struct view_state view[VIEWS];
    char log_env[LOG_SETTINGS_MAX]; /* what our own environment said */
    /* reload */
    bool reloading;             /* compiling or changing over */
    struct plan *next;          /* compiled; waits until it is known what is in the queues */
    uint64_t next_end_ms;       /* monotonic: or until then */
    bool reload_changed_over;   /* the new plan is in force; waiting until everything is settled */
    uint64_t reload_end_ms;     /* then it is answered in any case */
    uint64_t reload_wall_ms;    /* the last one that ended */
    struct tree *reload_report; /* {"changed": [...], …} of the one under way */
    struct err reload_error;    /* of the last one; code "" = it went well */
};

/* supervisor.c */
int sup_reload(struct sup *s, struct err *e); /* starts one; -EBUSY when one is under way */
struct unit *sup_find(const struct sup *s, const char *name);
struct unit *sup_queues(const struct sup *s); /* the one that keeps the queues; NULL: none yet */

/* reload.c: the compiler ended; takes the plan into force or says why not. */
void reload_compiled(struct sup *s);
/* Gives processes that have left to what they become, starts what may start; called after every
 * event. */
void sup_advance(struct sup *s);
/* Takes a compiled plan into force when that can be decided, and answers the waiting client when
 * everything is settled. */
void reload_watch(struct sup *s);

/* data_dir.c */
/* Makes the directories of a plan and takes the lock. look: only for a moment, so that a hub that
 * starts meanwhile waits instead of being refused. Codes: "data-…", "already-running". */
int data_dir_open(const struct plan *p, bool look, int *ret_lock, struct err *e);

/* control_socket.c */
int control_open(struct sup *s, struct err *e);
void control_free(struct sup *s);
size_t control_pollfds(const struct control *c);                  /* how many there are at most */
size_t control_poll(const struct control *c, struct pollfd *out); /* fills them */
void control_run(struct sup *s);                                  /* reads, executes, writes */
uint64_t control_deadline(const struct control *c); /* monotonic ms; UINT64_MAX: none */
void control_reload_done(struct sup *s,
                         const char *diagnostics); /* answers those who wait for it */

void sup_ask_stats(struct sup *s); /* of every process that is up and has not been asked */

/* watch.c */
void watch_run(
    struct sup *s); /* after every event: asks for figures when it is time, judges them */
void watch_judge(struct sup *s);          /* with the figures that are there */
bool sup_stats_here(const struct sup *s); /* nobody owes any */

/* logging.c */
void sup_log_follow(struct sup *s); /* a plan has come into force, or there is none yet */

/* view.c */
void view_run(struct sup *s);                /* tells the door what it asked for */
uint64_t view_deadline(const struct sup *s); /* monotonic ms; UINT64_MAX: none */

/* status.c */
struct tree *status_make(const struct sup *s); /* NULL: out of memory */

#endif
