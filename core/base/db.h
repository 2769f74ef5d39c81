/* SPDX-License-Identifier: Apache-2.0 */
/* db - SQLite the way reeve uses it: WAL, synchronous=FULL, one writing process per file,
 * secure_delete on (the files hold personal data), mode 0600, a format number in user_version: a
 * newer file is refused in a sentence, an older one is copied and brought up to date. */
#ifndef REEVE_BASE_DB_H
#define REEVE_BASE_DB_H
#include "err.h"
#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>

#define DB_READONLY 1u /* for looking while another process writes */
/* A new file gets pages of 16 KiB instead of 4: for rows of a few KiB that are written in order.
 * Pages that hold one such row each are half empty, and every page costs two system calls at its
 * commit and two more at the checkpoint. */
#define DB_LARGE_PAGES 2u
struct db_form {        /* what a kind of file looks like */
    const char *schema; /* SQL that makes a new one (no BEGIN or COMMIT inside), or NULL */
    int format;         /* of a new one; from 1, and one more with every change of the tables */
    const char *const *upgrades; /* SQL; [i] leads from format i + 1 to i + 2, NULL: there is no
                                    way. NULL when no older format can be read */
};
/* Opens (creates) path, or ":memory:" in tests. An empty file gets form->schema and form->format,
 * in one transaction. A file of an older format is copied to PATH.format-N and then upgraded, in
 * one transaction (never by a reader: refused). form NULL, for readers: whatever it is. Codes:
 * "db-open", "db-format" (the text names file, both numbers and the cure), "db-disk-full", "db-io",
 * "db-busy", "db-corrupt", "db-memory", "db-constraint" (-EEXIST). One thread at a time per handle.
 */
int db_open(const char *path, unsigned flags, const struct db_form *form, sqlite3 **ret,
            struct err *e);
/* What is in the file now, as a whole file of its own: defragmented, mode 0600, synced, and there
 * under the name `to` (replacing it) only when it is complete. Writers are not disturbed. */
int db_copy(sqlite3 *db, const char *to, struct err *e);
/* Writes the write-ahead log back and empties it, so that what was deleted is not left there. Does
 * what it can: with readers at work it may be nothing. */
void db_empty_log(sqlite3 *db);
void db_close(sqlite3 *db); /* NULL is fine */
int db_exec(sqlite3 *db, const char *sql, struct err *e);
int db_prepare(sqlite3 *db, const char *sql, sqlite3_stmt **ret,
               struct err *e); /* persistent; db_finalize it */
void db_finalize(sqlite3_stmt **st);
/* Steps once: 1 = a row is there, 0 = done (reset), negative errno = failed (reset; *e filled from
 * the library). */
int db_step(sqlite3 *db, sqlite3_stmt *st, struct err *e);
/* Fills *e from the handle's last error, SQLITE_FULL as "db-disk-full". Returns a negative errno.
 */
int db_err(sqlite3 *db, struct err *e, const char *what);

#endif
