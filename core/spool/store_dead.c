/* SPDX-License-Identifier: Apache-2.0 */
/* store_dead - the dead letters' half of store.h.
 *
 * A dead letter keeps its event where it was: in its own row, or in `body`, whose count of copies
 * does not change when a copy dies or is replayed. Numbers are never used twice (AUTOINCREMENT):
 * the command that an operator typed for one letter cannot hit another. */
#include "store_sql.h"
#include <errno.h>
#include <string.h>

int store_dead_add(struct store *s, const struct copy_row *row, uint64_t dead_ms, const char *code,
                   const char *text, struct err *e)
{
    sqlite3_stmt *st = s->st[ST_DEAD_ADD];
    (void)sqlite3_bind_int64(st, 2, (int64_t)(row->key >> KEY_SHIFT));
    (void)sqlite3_bind_int64(st, 3, (int64_t)dead_ms);
    (void)sqlite3_bind_int64(st, 4, row->attempts);
    (void)sqlite3_bind_text(st, 5, code ? code : "", -1, SQLITE_TRANSIENT);
    (void)sqlite3_bind_text(st, 6, text ? text : "", -1, SQLITE_TRANSIENT);
    int r = store_do1(s, ST_DEAD_ADD, row->key, e);
    return r < 0 ? r : store_copy_remove(s, row->key, 0, row->due, e);
}

static const char *column_text(sqlite3_stmt *st, int i)
{
    const char *p = (const char *)sqlite3_column_text(st, i);
    return p ? p : "";
}

static void read_dead(sqlite3_stmt *st, struct dead_row *row)
{
    *row = (struct dead_row){.number = (uint64_t)sqlite3_column_int64(st, 0),
                             .dest = (uint32_t)sqlite3_column_int64(st, 1),
                             .first_ms = (uint64_t)sqlite3_column_int64(st, 2),
                             .dead_ms = (uint64_t)sqlite3_column_int64(st, 3),
                             .attempts = (uint32_t)sqlite3_column_int64(st, 4),
                             .body = (uint64_t)sqlite3_column_int64(st, 5),
                             .size = (size_t)sqlite3_column_int64(st, 6),
                             .id = column_text(st, 7),
                             .code = column_text(st, 8),
                             .text = column_text(st, 9),
                             .seen_ms = (uint64_t)sqlite3_column_int64(st, 11),
                             .warned_ms = (uint64_t)sqlite3_column_int64(st, 12)};
    row->id_len = strlen(row->id);
}

int store_dead_get(struct store *s, uint64_t number, struct dead_row *ret, struct err *e)
{
    sqlite3_stmt *st = s->st[ST_DEAD_GET];
    (void)sqlite3_reset(st);
    (void)sqlite3_bind_int64(st, 1, (int64_t)number);
    int r = db_step(s->db, st, e);
    if (r < 0)
        return r;
    if (r == 0)
        return err_set(e, -ENOENT, "dead-unknown", "there is no dead letter %llu",
                       (unsigned long long)number);
    read_dead(st, ret);
    ret->id = ret->code = ret->text =
        ""; /* only figures are wanted here, and the statement must end */
    (void)sqlite3_reset(st);
    return 0;
}

int store_dead_replay(struct store *s, uint64_t number, uint64_t key, uint64_t first_ms,
                      struct err *e)
{
    sqlite3_stmt *st = s->st[ST_DEAD_REPLAY];
    (void)sqlite3_bind_int64(st, 2, (int64_t)key);
    (void)sqlite3_bind_int64(st, 3, (int64_t)first_ms);
    int r = store_do1(s, ST_DEAD_REPLAY, number, e);
    return r < 0 ? r : store_do1(s, ST_DEAD_REMOVE, number, e);
}

int store_dead_discard(struct store *s, uint64_t number, uint64_t body, struct err *e)
{
    int r = store_do1(s, ST_DEAD_REMOVE, number, e);
    return r < 0 || !body ? r : store_body_less(s, body, e);
}

int store_dead_note(struct store *s, bool seen, const uint64_t *numbers, size_t n, uint64_t ms,
                    struct err *e)
{
    enum store_statement i = seen ? ST_DEAD_SEEN : ST_DEAD_WARNED;
    int r = store_begin(s, e);
    for (size_t k = 0; k < n && r == 0; k++) {
        (void)sqlite3_bind_int64(s->st[i], 2, (int64_t)ms);
        r = store_do1(s, i, numbers[k], e);
    }
    r = r < 0 ? r : store_commit(s, e);
    if (r < 0)
        store_rollback(s);
    return r;
}

int store_dead_page(struct store *s, uint64_t after, size_t limit, bool with_bytes,
                    int (*fn)(void *arg, const struct dead_row *row), void *arg, struct err *e)
{
    sqlite3_stmt *st = s->st[ST_DEAD_PAGE];
    (void)sqlite3_bind_int64(st, 2, (int64_t)limit);
    (void)sqlite3_bind_int64(st, 1, (int64_t)after);
    int r;
    while ((r = db_step(s->db, st, e)) > 0) {
        struct dead_row row;
        read_dead(st, &row);
        if (with_bytes && !row.body) {
            row.bytes = sqlite3_column_blob(st, 10);
            row.bytes = row.bytes ? row.bytes : "";
        }
        r = fn(arg, &row);
        if (r == 0)
            continue;
        (void)sqlite3_reset(st);
        return r < 0 ? err_set(e, r, "memory", "out of memory") : 0;
    }
    return r;
}
