/* SPDX-License-Identifier: Apache-2.0 */
/* slate - what a plugin has in hand, written where it survives the process: a small file mapped
 * into memory.
 *
 * Before a message (or, at a source, a document) is given to foreign code its name is put on the
 * slate. It is wiped off when the call has returned and, of a message, its verdict is with the
 * transport: harm that shows only after the call (a heap written over, descriptors closed) is
 * charged too, else such a message would come back and end the process for ever. What stands there
 * when the process starts again was in hand when the last one died: only that is charged. If it was
 * alone, it is charged with a crash; if it had company, everybody on the slate becomes a suspect
 * and must go alone until the culprit is known. Names are kept as SHA-256. Survives a crash of the
 * process, not a loss of power (nothing crashed then). One thread. */
#ifndef REEVE_WORKER_SLATE_H
#define REEVE_WORKER_SLATE_H
#include "base/err.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SLATE_ENTRIES     1024
#define SLATE_CRASHES_MAX 3 /* crashes alone after which a message is given up */

struct slate;
/* Opens or creates the file; a file that is not a slate is begun anew. Charges what is in hand, as
 * said above. Codes: "slate-open", "slate-format" (a newer reeve has written it). */
int slate_open(const char *path, struct slate **ret, struct err *e);
void slate_close(struct slate *s);
size_t slate_suspects(const struct slate *s);

/* True when the name was in hand at a crash and has not been cleared since: it must go alone. */
bool slate_suspect(const struct slate *s, const char *name);
uint32_t slate_crashes(const struct slate *s, const char *name); /* crashes alone */
/* Its place (>= 0), or -ENOSPC: too many in hand (the caller gives fewer to the plugin). A name
 * that is put twice is wiped twice. */
int slate_put(struct slate *s, const char *name);
/* The process is about to end in the middle of a call, and the call is not to blame (it was asked
 * to stop, and had no time): what is in hand is not charged. */
void slate_excuse(struct slate *s);
/* Not in hand any more: all about it is forgotten. -1: nothing. */
void slate_wipe(struct slate *s, int place);

#endif
