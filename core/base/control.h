/* SPDX-License-Identifier: Apache-2.0 */
/* control - the conversation between the supervisor and its children on descriptor 3 (frame.h), and
 * the child's end of it.
 *
 * A child is executed with fd 3 = control channel, fd 4 = its part of the plan (JSON in a sealed
 * memory file). It sends READY once it can work, BEAT from its main loop (never from another
 * thread), STATS when asked. End of file on fd 3 means that the supervisor is gone: drain and exit.
 * Every frame carries the generation that the supervisor gave (environment REEVE_GENERATION), so
 * late frames of a dead child are told from its successor's. A child ignores no frame: an unknown
 * type makes it exit(70). */
#ifndef REEVE_BASE_CONTROL_H
#define REEVE_BASE_CONTROL_H
#include "err.h"
#include "tree.h"
#include <stdbool.h>
#include <stdint.h>

#define CONTROL_VERSION 1
#define CONTROL_FD      3
#define CONTROL_PART_FD 4
#define CONTROL_BEAT_MS 1000

enum control_type {
    /* child -> supervisor */
    CONTROL_READY = 1,  /* u32 CONTROL_VERSION */
    CONTROL_BEAT = 2,   /* empty */
    CONTROL_STATUS = 3, /* bytes: one line for people, "" = nothing to say */
    CONTROL_STATS = 4,  /* bytes: JSON object: figures for `status` */
    CONTROL_FAULT = 5,  /* bytes code, bytes text: why it is about to exit */
    CONTROL_ALARM = 6,  /* bytes code, bytes text ("" = the alarm is over) */
    CONTROL_PAUSED = 8, /* u8: from now on it is paused, or is not: the answer to each PAUSE and
                           RESUME, or another machine's operator said so */
    CONTROL_ASK = 7, /* bytes view: what the hub looks like, rendered ("metrics", "health" …; see
                        supervisor/view.h). From the door only, and one of a view at a time */
    /* supervisor -> child */
    CONTROL_DRAIN = 64, /* finish what is under way and exit 0; u32 seconds at most */
    CONTROL_PAUSE = 65,
    CONTROL_RESUME = 66,
    CONTROL_ASK_STATS = 67,
    CONTROL_TOLD = 68, /* bytes view, u32 HTTP status, u8 last, bytes piece: an answer to ASK, in as
                          many frames as it takes; the status counts in the last */
    CONTROL_LOG = 69   /* bytes settings, as for log_set() */
};

/* Exit codes of children, from sysexits.h. Everything else is a crash. */
#define EXIT_BUG    70 /* own invariant or protocol broken */
#define EXIT_RETRY  75 /* cannot work now: start again with back-off */
#define EXIT_CONFIG 78 /* bad configuration: do not start again until it changes */

#define CONTROL_VIEW_MAX  32           /* a view's name, with its zero */
#define CONTROL_TOLD_MAX  (16u << 20)  /* an answer to ASK */
#define CONTROL_PIECE_MAX (256u << 10) /* what one TOLD carries of it */

struct child;       /* the child's end */
struct child_told { /* borrowed */
    const char *view;
    uint32_t status;
    bool last;
    const char *p;
    size_t len;
};
struct child_events {
    void *arg;
    void (*drain)(void *arg, uint32_t seconds); /* also when the supervisor is gone */
    void (*pause)(void *arg, bool paused);
    void (*stats)(void *arg,
                  struct tree *figures); /* fill the map; started_ms (wall clock) is in it */
    bool (*stats_now)(void *arg); /* false: the figures are told later, by child_stats(). NULL:
                                     always now */
    void (*told)(void *arg, const struct child_told *t); /* NULL: TOLD breaks the protocol */
};
/* Reads the part from fd 4 and takes over fd 3. A process started by hand gives part_file instead
 * and has no control channel: the calls below then do nothing. */
int child_start(const char *part_file, const struct child_events *events, struct child **ret,
                struct tree **ret_part, struct err *e);
void child_free(struct child *c);
int child_fd(const struct child *c); /* for poll(); -1 without a supervisor */
short child_poll_events(const struct child *c);
/* Handles what came and sends a BEAT when one is due; call it at least every CONTROL_BEAT_MS. 0, or
 * negative errno: exit(EXIT_BUG). */
int child_run(struct child *c);
int child_ready(struct child *c);
/* Tells the figures that were asked for while stats_now() said false. 0 or negative errno. */
int child_stats(struct child *c);
void child_status(struct child *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* code: stands in the list of supervisor/metrics_table.c, or metrics call it "other". */
void child_alarm(struct child *c, const char *code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* It was paused or resumed, and not by its supervisor, who is to know it. */
void child_paused(struct child *c, bool paused);
/* Asks for a view: told() is called later, or never when the supervisor goes away. Negative errno:
 * not sent (-ENOTCONN: there is no supervisor). */
int child_ask(struct child *c, const char *view);
void child_fault(struct child *c, const struct err *e); /* flushed before it returns */

#endif
