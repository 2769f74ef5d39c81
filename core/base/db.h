/* SPDX-License-Identifier: Apache-2.0 */
/* db - SQLite the way reeve uses it: WAL, synchronous=FULL, one writing process per file,
 * secure_delete off, mode 0600, a format number in user_version (a newer file is refused in a
 * sentence). */
#ifndef REEVE_BASE_DB_H
#define REEVE_BASE_DB_H
#include "err.h"
#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>

#define DB_READONLY 1u /* for looking while another process writes */
/* Opens (creates) path, or ":memory:" in tests; when user_version is 0 and the file empty, runs
 * `schema` (no BEGIN or COMMIT inside; may be NULL) and sets it to `format`, both in one
 * transaction. Any other format is refused. Codes: "db-open", "db-format", "db-disk-full", "db-io",
 * "db-busy", "db-corrupt", "db-memory", "db-constraint" (-EEXIST). One thread at a time per handle.
 */
int db_open(const char *path, unsigned flags, const char *schema, int format, sqlite3 **ret,
            struct err *e);
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
