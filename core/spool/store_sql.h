/* SPDX-License-Identifier: Apache-2.0 */
/* store_sql - what store.c and store_dead.c share; private to the two. */
#ifndef REEVE_SPOOL_STORE_SQL_H
#define REEVE_SPOOL_STORE_SQL_H
#include "store.h"
#include "base/db.h"

enum store_statement {
    ST_BEGIN,
    ST_COMMIT,
    ST_ROLLBACK,
    ST_DEST_ADD,
    ST_DEST_FIND,
    ST_DEST_RENAME,
    ST_DEST_REMOVE,
    ST_DEST_EACH,
    ST_DEST_TOTALS,
    ST_DEST_LAST,
    ST_DEST_DELAYED,
    ST_DEST_OLDEST,
    ST_BODY_ADD,
    ST_BODY_GET,
    ST_BODY_REMOVE,
    ST_SHARE_ADD,
    ST_SHARE_LESS,
    ST_SHARE_GET,
    ST_SHARE_REMOVE,
    ST_COPY_ADD,
    ST_COPY_REMOVE,
    ST_COPY_REMOVE_RUN,
    ST_COPY_MOVE,
    ST_COPY_DELAY,
    ST_COPY_DELAY_ONLY,
    ST_COPY_GET,
    ST_COPY_PAGE,
    ST_LATER_ADD,
    ST_LATER_REMOVE,
    ST_LATER_PAGE,
    ST_DEAD_ADD,
    ST_DEAD_GET,
    ST_DEAD_REPLAY,
    ST_DEAD_REMOVE,
    ST_DEAD_PAGE,
    ST_DEAD_SEEN,
    ST_DEAD_WARNED,
    ST_COUNT
};

struct store {
    sqlite3 *db;
    bool open; /* a transaction is */
    sqlite3_stmt *st[ST_COUNT];
};

int store_do(struct store *s, enum store_statement i, struct err *e);
int store_do1(struct store *s, enum store_statement i, uint64_t a, struct err *e);
int store_number(struct store *s, enum store_statement i, uint64_t *ret, struct err *e);
int store_body_less(struct store *s, uint64_t body,
                    struct err *e); /* one copy fewer; removed with the last */

#endif
