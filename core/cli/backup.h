/* SPDX-License-Identifier: Apache-2.0 */
/* backup - a copy of what a hub has stored, made while it runs, and whether one is whole.
 *
 * A backup is a directory with the SQLite files as they lie in DATA (spool/, state/, journal/) and
 * manifest.json, which is written last: without it there is no backup. It does not hold DATA/key (a
 * restored hub makes a new one) and nothing of run/ and stage/.
 *
 * The files are copied one after the other while all of them change, so their order decides what a
 * restored hub is:
 *   1. state of receive sides     what a connector knows to be accepted …
 *   2. journal of receive sides   … and what was written down as accepted …
 *   3. the queue                  … is in the queue by then, or was settled before;
 *   4. state of deliver sides     what was settled before the queue was copied
 *   5. journal of deliver sides   is written down here (and the operators' doings).
 * Each process commits journal, then state, then settles: so nothing that was accepted is missing,
 * nothing is written down as delivered that was not, and what was delivered while the backup was
 * being made may be delivered again, with the same id. */
#ifndef REEVE_CLI_BACKUP_H
#define REEVE_CLI_BACKUP_H
#include "base/err.h"
#include "base/tree.h"
#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

#define BACKUP_FORMAT   1
#define BACKUP_MANIFEST "manifest.json"

enum { BACKUP_PHASES = 5 };
/* Which files the phase (0…) copies: the directory below DATA, and whether the file belongs to it.
 * Pure. */
const char *backup_room(int phase);
bool backup_takes(int phase, const char *name);

struct backup_about {          /* what the manifest says of the hub */
    const char *hub, *machine; /* NULL: not known; none */
    bool broker;               /* the queue is a broker's and not in it ("queue": "broker") */
    bool shared; /* so is what connectors remember, in PostgreSQL ("state": "postgresql") */
};
/* Makes the backup of the data directory `data` in `dir`, which must not be there or be empty; on
 * failure nothing stays in it. *ret: the manifest. Codes: "backup-directory", "backup-room" (not
 * enough space), "backup-write", those of base/db.h. */
int backup_make(const char *data, const char *dir, const struct backup_about *about,
                struct tree **ret, struct err *e);
/* Is the backup in `dir` whole? Reads every byte. *ret: the manifest. Codes: "backup-incomplete"
 * (no manifest: it was cut short), "backup-format", "backup-damaged" (the text says what). */
int backup_verify(const char *dir, struct tree **ret, struct err *e);

/* Length and SHA-256 of a file. 0 or negative errno. */
int backup_digest(const char *path, uint64_t *ret_bytes, char hex[65]);

#endif
