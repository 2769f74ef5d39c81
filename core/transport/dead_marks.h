/* SPDX-License-Identifier: Apache-2.0 */
/* dead_marks - which dead letters somebody has looked at, and of which ones it is being warned, for
 * an engine whose queue cannot hold that itself: a text file beside the hub's state, one line
 * "seen|warned NUMBER MS" each. Many may add to it, one (the process that removes old letters)
 * takes out what is no longer there. A file that is lost means letters that nobody has looked at:
 * they are kept longer, never shorter. */
#ifndef REEVE_TRANSPORT_DEAD_MARKS_H
#define REEVE_TRANSPORT_DEAD_MARKS_H
#include "base/err.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DEAD_MARKS_MAX                                                         \
    (32u << 20) /* bytes; a file that is full takes no more until it is tidied \
                 */

/* ms: wall clock. 0 or negative errno. */
int dead_marks_add(const char *path, bool seen, const uint64_t *numbers, size_t n, uint64_t ms);

struct dead_marks; /* as they were when they were read */
/* A file that is not there has none. Lines that are none are passed over. Code "dead-marks". */
int dead_marks_read(const char *path, struct dead_marks **ret, struct err *e);
void dead_marks_free(struct dead_marks *m); /* NULL is fine */
/* Since when, 0: not. Notes that the letter is there still. */
void dead_marks_find(struct dead_marks *m, uint64_t number, uint64_t *ret_seen_ms,
                     uint64_t *ret_warned_ms);
/* Writes the file anew with what dead_marks_find() was asked for and what was added since. */
int dead_marks_tidy(struct dead_marks *m, const char *path, struct err *e);

#endif
