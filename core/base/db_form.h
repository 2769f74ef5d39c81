/* SPDX-License-Identifier: Apache-2.0 */
/* db_form - what db.c and db_form.c share; private to the two. */
#ifndef REEVE_BASE_DB_FORM_H
#define REEVE_BASE_DB_FORM_H
#include "db.h"

/* One number, the first column of the first row. */
int db_number(sqlite3 *db, const char *sql, int64_t *ret, struct err *e);
/* Makes a missing file with mode 0600 whatever the umask says; one that is there gets that mode. */
int db_create(const char *path, struct err *e);
/* Makes the tables of an empty file, brings an older file to the newest format, refuses the rest.
 */
int db_check_form(sqlite3 *db, const char *path, unsigned flags, const struct db_form *form,
                  struct err *e);

#endif
