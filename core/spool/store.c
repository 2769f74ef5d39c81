/* SPDX-License-Identifier: Apache-2.0 */
/* store - see store.h. This file: opening, transactions, destinations and copies; store_dead.c:
 * dead letters.
 *
 * Statements are prepared once. Counters and rows change in one transaction, so a crash leaves
 * neither ahead. Known limits: the file does not shrink after a backlog; its free pages are used
 * again. */
#include "store.h"
#include "store_sql.h"
#include "base/util.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>

#define FORMAT 2
static const char schema[] =
    "CREATE TABLE destination(no INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE,"
    " messages INTEGER NOT NULL, bytes INTEGER NOT NULL, dead INTEGER NOT NULL);"
    "CREATE TABLE copy(key INTEGER PRIMARY KEY, first_ms INTEGER NOT NULL, attempts INTEGER NOT "
    "NULL,"
    " due INTEGER NOT NULL, body INTEGER NOT NULL, size INTEGER NOT NULL, id TEXT NOT NULL,"
    " code TEXT, text TEXT, bytes BLOB);"
    "CREATE TABLE body(no INTEGER PRIMARY KEY, bytes BLOB NOT NULL);"
    "CREATE TABLE share(body INTEGER PRIMARY KEY, copies INTEGER NOT NULL);"
    "CREATE TABLE later(dest INTEGER NOT NULL, due INTEGER NOT NULL, key INTEGER NOT NULL,"
    " PRIMARY KEY(dest, due, key)) WITHOUT ROWID;"
    "CREATE TABLE dead(number INTEGER PRIMARY KEY AUTOINCREMENT, dest INTEGER NOT NULL,"
    " first_ms INTEGER NOT NULL, dead_ms INTEGER NOT NULL, attempts INTEGER NOT NULL,"
    " body INTEGER NOT NULL, size INTEGER NOT NULL, id TEXT NOT NULL, code TEXT NOT NULL,"
    " text TEXT NOT NULL, bytes BLOB, seen_ms INTEGER NOT NULL DEFAULT 0,"
    " warned_ms INTEGER NOT NULL DEFAULT 0);";

static const char *const upgrades[] = {
    "ALTER TABLE dead ADD COLUMN seen_ms INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE dead ADD COLUMN warned_ms INTEGER NOT NULL DEFAULT 0", /* 1 to 2 */
};

static const struct db_form form = {.schema = schema, .format = FORMAT, .upgrades = upgrades};

#define COPY_COLUMNS "key, first_ms, attempts, due, body, size, id, bytes"
static const char *const texts[ST_COUNT] = {
    [ST_BEGIN] = "BEGIN IMMEDIATE",
    [ST_COMMIT] = "COMMIT",
    [ST_ROLLBACK] = "ROLLBACK",
    [ST_DEST_ADD] = "INSERT INTO destination(name, messages, bytes, dead) VALUES(?1, 0, 0, 0)",
    [ST_DEST_FIND] = "SELECT messages + dead, no FROM destination WHERE name=?1",
    [ST_DEST_RENAME] = "UPDATE destination SET name=?2 WHERE name=?1",
    [ST_DEST_REMOVE] = "DELETE FROM destination WHERE name=?1",
    [ST_DEST_EACH] = "SELECT no, name, messages, bytes, dead FROM destination ORDER BY no",
    [ST_DEST_TOTALS] = "UPDATE destination SET messages=?2, bytes=?3, dead=?4 WHERE no=?1",
    [ST_DEST_LAST] = "SELECT max(key) FROM copy WHERE key BETWEEN ?1 AND ?2",
    [ST_DEST_DELAYED] = "SELECT count(*) FROM later WHERE dest=?1",
    [ST_DEST_OLDEST] = "SELECT first_ms FROM copy WHERE key BETWEEN ?1 AND ?2 ORDER BY key LIMIT 1",
    [ST_BODY_ADD] = "INSERT INTO body(no, bytes) VALUES(NULL, ?1)",
    [ST_BODY_GET] = "SELECT bytes FROM body WHERE no=?1",
    [ST_BODY_REMOVE] = "DELETE FROM body WHERE no=?1",
    [ST_SHARE_ADD] = "INSERT INTO share(body, copies) VALUES(?1, ?2)",
    [ST_SHARE_LESS] = "UPDATE share SET copies = copies - 1 WHERE body=?1",
    [ST_SHARE_GET] = "SELECT copies FROM share WHERE body=?1",
    [ST_SHARE_REMOVE] = "DELETE FROM share WHERE body=?1",
    [ST_COPY_ADD] = "INSERT INTO copy(key, first_ms, attempts, due, body, size, id, bytes)"
                    " VALUES(?1, ?2, ?3, 0, ?4, ?5, ?6, ?7)",
    [ST_COPY_REMOVE] = "DELETE FROM copy WHERE key=?1",
    [ST_COPY_REMOVE_RUN] = "DELETE FROM copy WHERE key BETWEEN ?1 AND ?2",
    [ST_COPY_MOVE] = "UPDATE copy SET key=?2, first_ms=?3, attempts=0, due=0, code=NULL, text=NULL"
                     " WHERE key=?1",
    [ST_COPY_DELAY] = "UPDATE copy SET attempts=?2, due=?3, code=?4, text=?5 WHERE key=?1",
    [ST_COPY_DELAY_ONLY] = "UPDATE copy SET attempts=?2, due=?3 WHERE key=?1",
    [ST_COPY_GET] = "SELECT " COPY_COLUMNS " FROM copy WHERE key=?1",
    [ST_COPY_PAGE] = "SELECT " COPY_COLUMNS " FROM copy WHERE key > ?1 AND key <= ?2"
                     " ORDER BY key LIMIT ?3",
    [ST_LATER_ADD] = "INSERT OR IGNORE INTO later(dest, due, key) VALUES(?1, ?2, ?3)",
    [ST_LATER_REMOVE] = "DELETE FROM later WHERE dest=?1 AND due=?2 AND key=?3",
    [ST_LATER_PAGE] = "SELECT due, key FROM later WHERE dest=?1 AND (due, key) > (?2, ?3)"
                      " ORDER BY due, key LIMIT ?4",
    [ST_DEAD_ADD] =
        "INSERT INTO dead(dest, first_ms, dead_ms, attempts, body, size, id, code, text, bytes)"
        " SELECT ?2, first_ms, ?3, ?4, body, size, id, ?5, ?6, bytes FROM copy WHERE key=?1",
    [ST_DEAD_GET] =
        "SELECT number, dest, first_ms, dead_ms, attempts, body, size, id, code, text, NULL,"
        " seen_ms, warned_ms FROM dead WHERE number=?1",
    [ST_DEAD_REPLAY] = "INSERT INTO copy(key, first_ms, attempts, due, body, size, id, bytes)"
                       " SELECT ?2, ?3, 0, 0, body, size, id, bytes FROM dead WHERE number=?1",
    [ST_DEAD_REMOVE] = "DELETE FROM dead WHERE number=?1",
    [ST_DEAD_PAGE] =
        "SELECT number, dest, first_ms, dead_ms, attempts, body, size, id, code, text, bytes,"
        " seen_ms, warned_ms FROM dead WHERE number > ?1 ORDER BY number LIMIT ?2",
    [ST_DEAD_SEEN] = "UPDATE dead SET seen_ms=?2 WHERE number=?1",
    [ST_DEAD_WARNED] = "UPDATE dead SET warned_ms=?2 WHERE number=?1",
};

int store_lock(const char *dir, int *ret_fd, struct err *e)
{
    _cleanup_free_ char *path = path_join(dir, "spool.lock");
    if (!path)
        return err_set(e, -ENOMEM, "memory", "out of memory");
    _cleanup_close_ int fd = open_private(path, O_RDWR);
    if (fd < 0)
        return err_set(e, fd, "spool-locked", "cannot open %s: %s", path, strerror(-fd));
    if (flock(fd, LOCK_EX | LOCK_NB) < 0)
        return err_set(e, -EBUSY, "spool-locked",
                       "another reeve-spool already works on %s; only one may", dir);
    *ret_fd = TAKE_FD(fd);
    return 0;
}

int store_open(const char *path, struct store **ret, struct err *e)
{
    struct store *s = xcalloc(1, sizeof *s);
    if (!s)
        return err_set(e, -ENOMEM, "memory", "out of memory");
    int r = db_open(path, DB_LARGE_PAGES, &form, &s->db, e);
    if (r == 0)
        r = db_exec(s->db, "PRAGMA cache_size=-16384", e);
    for (size_t i = 0; i < ST_COUNT && r == 0; i++)
        r = db_prepare(s->db, texts[i], &s->st[i], e);
    if (r < 0) {
        store_close(s);
        return r;
    }
    *ret = s;
    return 0;
}

void store_close(struct store *s)
{
    if (!s)
        return;
    if (s->db && s->open)
        store_rollback(s);
    for (size_t i = 0; i < ST_COUNT; i++)
        db_finalize(&s->st[i]);
    db_close(s->db);
    free(s);
}

int store_do(struct store *s, enum store_statement i, struct err *e)
{
    int r = db_step(s->db, s->st[i], e);
    if (r > 0) /* a row that nobody asked for */
        (void)sqlite3_reset(s->st[i]);
    return r < 0 ? r : 0;
}

int store_do1(struct store *s, enum store_statement i, uint64_t a, struct err *e)
{
    (void)sqlite3_bind_int64(s->st[i], 1, (int64_t)a);
    return store_do(s, i, e);
}

int store_number(struct store *s, enum store_statement i, uint64_t *ret, struct err *e)
{
    int r = db_step(s->db, s->st[i], e);
    if (r < 0)
        return r;
    *ret = r > 0 ? (uint64_t)sqlite3_column_int64(s->st[i], 0) : 0;
    (void)sqlite3_reset(s->st[i]);
    return 0;
}

int store_begin(struct store *s, struct err *e)
{
    int r = store_do(s, ST_BEGIN, e);
    s->open = r == 0;
    return r;
}

int store_commit(struct store *s, struct err *e)
{
    int r = store_do(s, ST_COMMIT, e);
    if (r == 0)
        s->open = false;
    return r;
}

void store_rollback(struct store *s)
{
    struct err ignored;
    s->open = false;
    if (!sqlite3_get_autocommit(s->db)) /* the library may have rolled back by itself */
        (void)store_do(s, ST_ROLLBACK, &ignored);
}

uint64_t store_file_bytes(struct store *s)
{
    sqlite3_stmt *st = NULL;
    struct err e;
    uint64_t n = 0;
    if (db_prepare(s->db, "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size",
                   &st, &e) < 0)
        return 0;
    if (db_step(s->db, st, &e) > 0)
        n = (uint64_t)sqlite3_column_int64(st, 0);
    db_finalize(&st);
    return n;
}

/* ---- destinations ---- */

int store_dest_add(struct store *s, const char *name, uint32_t *ret_no, struct err *e)
{
    sqlite3_stmt *st = s->st[ST_DEST_ADD];
    (void)sqlite3_bind_text(st, 1, name, -1, SQLITE_TRANSIENT);
    int r = store_do(s, ST_DEST_ADD, e);
    int64_t no = sqlite3_last_insert_rowid(s->db);
    if (r == 0 && no > DEST_NO_MAX)
        return err_set(e, -EOVERFLOW, "spool-destinations", "too many destinations");
    if (r == 0)
        *ret_no = (uint32_t)no;
    return r;
}

static int find_by_name(struct store *s, const char *name, uint64_t *ret_rows, struct err *e)
{
    (void)sqlite3_bind_text(s->st[ST_DEST_FIND], 1, name, -1, SQLITE_TRANSIENT);
    int r = db_step(s->db, s->st[ST_DEST_FIND], e);
    *ret_rows = r > 0 ? (uint64_t)sqlite3_column_int64(s->st[ST_DEST_FIND], 0) : 0;
    (void)sqlite3_reset(s->st[ST_DEST_FIND]);
    return r;
}

static int by_name(struct store *s, enum store_statement i, const char *name, const char *other,
                   struct err *e)
{
    (void)sqlite3_bind_text(s->st[i], 1, name, -1, SQLITE_TRANSIENT);
    if (other)
        (void)sqlite3_bind_text(s->st[i], 2, other, -1, SQLITE_TRANSIENT);
    return store_do(s, i, e);
}

int store_dest_rename(struct store *s, const char *old, const char *name, struct err *e)
{
    uint64_t rows = 0, taken = 0;
    int r = find_by_name(s, old, &rows, e);
    if (r <= 0)
        return r;
    int there = find_by_name(s, name, &taken, e);
    if (there < 0)
        return there;
    if (taken)
        return err_set(e, -EEXIST, "queue-twice",
                       "%s cannot become %s, which holds messages of its own: it stays as it is "
                       "(`reeve queue move %s %s`)",
                       old, name, old, name);
    r = store_begin(s, e);
    if (r == 0 && there)
        r = by_name(s, ST_DEST_REMOVE, name, NULL, e);
    if (r == 0)
        r = by_name(s, ST_DEST_RENAME, old, name, e);
    if (r == 0)
        r = store_commit(s, e);
    if (r < 0)
        store_rollback(s);
    return r < 0 ? r : 1;
}

int store_dest_each(struct store *s, int (*fn)(void *arg, const struct dest_row *d), void *arg,
                    struct err *e)
{
    sqlite3_stmt *st = s->st[ST_DEST_EACH];
    int r;
    while ((r = db_step(s->db, st, e)) > 0) {
        struct dest_row d = {.no = (uint32_t)sqlite3_column_int64(st, 0),
                             .name = (const char *)sqlite3_column_text(st, 1),
                             .messages = (uint64_t)sqlite3_column_int64(st, 2),
                             .bytes = (uint64_t)sqlite3_column_int64(st, 3),
                             .dead = (uint64_t)sqlite3_column_int64(st, 4)};
        r = d.name ? fn(arg, &d) : -ENOMEM;
        if (r < 0) {
            (void)sqlite3_reset(st);
            return err_set(e, r, "memory", "out of memory");
        }
    }
    return r;
}

int store_dest_totals(struct store *s, const struct dest_row *d, struct err *e)
{
    sqlite3_stmt *st = s->st[ST_DEST_TOTALS];
    (void)sqlite3_bind_int64(st, 1, d->no);
    (void)sqlite3_bind_int64(st, 2, (int64_t)d->messages);
    (void)sqlite3_bind_int64(st, 3, (int64_t)d->bytes);
    (void)sqlite3_bind_int64(st, 4, (int64_t)d->dead);
    return store_do(s, ST_DEST_TOTALS, e);
}

static uint64_t key_low(uint32_t no)
{
    return (uint64_t)no << KEY_SHIFT;
}

int store_dest_last(struct store *s, uint32_t no, uint64_t *ret_key, struct err *e)
{
    sqlite3_stmt *st = s->st[ST_DEST_LAST];
    (void)sqlite3_bind_int64(st, 1, (int64_t)key_low(no));
    (void)sqlite3_bind_int64(st, 2, (int64_t)(key_low(no) | KEY_MASK));
    return store_number(s, ST_DEST_LAST, ret_key, e);
}

int store_dest_delayed(struct store *s, uint32_t no, uint64_t *ret, struct err *e)
{
    (void)sqlite3_bind_int64(s->st[ST_DEST_DELAYED], 1, no);
    return store_number(s, ST_DEST_DELAYED, ret, e);
}

int store_dest_oldest(struct store *s, uint32_t no, uint64_t *ret_first_ms, struct err *e)
{
    sqlite3_stmt *st = s->st[ST_DEST_OLDEST];
    (void)sqlite3_bind_int64(st, 1, (int64_t)key_low(no));
    (void)sqlite3_bind_int64(st, 2, (int64_t)(key_low(no) | KEY_MASK));
    return store_number(s, ST_DEST_OLDEST, ret_first_ms, e);
}

/* ---- copies ---- */

int store_body_add(struct store *s, const char *bytes, size_t size, size_t copies, uint64_t *ret,
                   struct err *e)
{
    sqlite3_stmt *st = s->st[ST_BODY_ADD];
    (void)sqlite3_bind_blob64(st, 1, bytes, size, SQLITE_STATIC);
    int r = store_do(s, ST_BODY_ADD, e);
    if (r < 0)
        return r;
    *ret = (uint64_t)sqlite3_last_insert_rowid(s->db);
    if (copies < 2)
        return 0;
    (void)sqlite3_bind_int64(s->st[ST_SHARE_ADD], 2, (int64_t)copies);
    return store_do1(s, ST_SHARE_ADD, *ret, e);
}

int store_copy_add(struct store *s, const struct copy_row *row, struct err *e)
{
    sqlite3_stmt *st = s->st[ST_COPY_ADD];
    (void)sqlite3_bind_int64(st, 1, (int64_t)row->key);
    (void)sqlite3_bind_int64(st, 2, (int64_t)row->first_ms);
    (void)sqlite3_bind_int64(st, 3, row->attempts);
    (void)sqlite3_bind_int64(st, 4, (int64_t)row->body);
    (void)sqlite3_bind_int64(st, 5, (int64_t)row->size);
    (void)sqlite3_bind_text(st, 6, row->id, (int)row->id_len, SQLITE_STATIC);
    if (row->body)
        (void)sqlite3_bind_null(st, 7);
    else
        (void)sqlite3_bind_blob64(st, 7, row->bytes, row->size, SQLITE_STATIC);
    return store_do(s, ST_COPY_ADD, e);
}

int store_copy_remove_run(struct store *s, uint64_t first, uint64_t last, struct err *e)
{
    if (first == last)
        return store_do1(s, ST_COPY_REMOVE, first, e);
    (void)sqlite3_bind_int64(s->st[ST_COPY_REMOVE_RUN], 2, (int64_t)last);
    return store_do1(s, ST_COPY_REMOVE_RUN, first, e);
}

int store_body_less(struct store *s, uint64_t body, struct err *e)
{
    uint64_t copies = 0;
    int r = store_do1(s, ST_SHARE_LESS, body, e);
    if (r == 0 && sqlite3_changes(s->db) > 0) { /* without a share row it was the only copy */
        (void)sqlite3_bind_int64(s->st[ST_SHARE_GET], 1, (int64_t)body);
        r = store_number(s, ST_SHARE_GET, &copies, e);
        if (r == 0 && copies == 0)
            r = store_do1(s, ST_SHARE_REMOVE, body, e);
    }
    return r < 0 || copies > 0 ? r : store_do1(s, ST_BODY_REMOVE, body, e);
}

static int later(struct store *s, enum store_statement i, uint64_t due, uint64_t key, struct err *e)
{
    (void)sqlite3_bind_int64(s->st[i], 2, (int64_t)due);
    (void)sqlite3_bind_int64(s->st[i], 3, (int64_t)key);
    return store_do1(s, i, key >> KEY_SHIFT, e);
}

int store_copy_remove(struct store *s, uint64_t key, uint64_t body, uint64_t due, struct err *e)
{
    int r = store_do1(s, ST_COPY_REMOVE, key, e);
    if (r == 0 && body)
        r = store_body_less(s, body, e);
    if (r == 0 && due)
        r = later(s, ST_LATER_REMOVE, due, key, e);
    return r;
}

int store_copy_delay(struct store *s, uint64_t key, uint64_t old_due, uint64_t due,
                     uint32_t attempts, const char *code, const char *text, struct err *e)
{
    int r = old_due ? later(s, ST_LATER_REMOVE, old_due, key, e) : 0;
    if (r == 0 && due)
        r = later(s, ST_LATER_ADD, due, key, e);
    if (r < 0)
        return r;
    enum store_statement i = code ? ST_COPY_DELAY : ST_COPY_DELAY_ONLY;
    sqlite3_stmt *st = s->st[i];
    (void)sqlite3_bind_int64(st, 2, attempts);
    (void)sqlite3_bind_int64(st, 3, (int64_t)due);
    if (code) {
        (void)sqlite3_bind_text(st, 4, code, -1, SQLITE_TRANSIENT);
        (void)sqlite3_bind_text(st, 5, text ? text : "", -1, SQLITE_TRANSIENT);
    }
    return store_do1(s, i, key, e);
}

int store_copy_move(struct store *s, uint64_t key, uint64_t new_key, uint64_t due,
                    uint64_t first_ms, struct err *e)
{
    sqlite3_stmt *st = s->st[ST_COPY_MOVE];
    (void)sqlite3_bind_int64(st, 2, (int64_t)new_key);
    (void)sqlite3_bind_int64(st, 3, (int64_t)first_ms);
    int r = store_do1(s, ST_COPY_MOVE, key, e);
    return r < 0 || !due ? r : later(s, ST_LATER_REMOVE, due, key, e);
}

static void read_copy(sqlite3_stmt *st, struct copy_row *row)
{
    *row = (struct copy_row){.key = (uint64_t)sqlite3_column_int64(st, 0),
                             .first_ms = (uint64_t)sqlite3_column_int64(st, 1),
                             .attempts = (uint32_t)sqlite3_column_int64(st, 2),
                             .due = (uint64_t)sqlite3_column_int64(st, 3),
                             .body = (uint64_t)sqlite3_column_int64(st, 4),
                             .size = (size_t)sqlite3_column_int64(st, 5)};
    row->id = (const char *)sqlite3_column_text(st, 6);
    row->id_len = row->id ? (size_t)sqlite3_column_bytes(st, 6) : 0;
    row->id = row->id ? row->id : "";
    if (row->body)
        return;
    row->bytes = sqlite3_column_blob(st, 7);
    size_t here = (size_t)sqlite3_column_bytes(st, 7);
    row->size = here; /* an empty event has no blob pointer */
    row->bytes = row->bytes ? row->bytes : "";
}

int store_copy_get(struct store *s, uint64_t key, struct copy_row *ret, struct err *e)
{
    sqlite3_stmt *st = s->st[ST_COPY_GET];
    (void)sqlite3_reset(st);
    (void)sqlite3_bind_int64(st, 1, (int64_t)key);
    int r = db_step(s->db, st, e);
    if (r < 0)
        return r;
    if (r == 0)
        return err_set(e, -ENOENT, "spool-store", "a queued message is not in the file");
    read_copy(st, ret); /* the statement stays open for the borrowed columns */
    return 0;
}

int store_body_get(struct store *s, uint64_t body, const char **ret, size_t *ret_size,
                   struct err *e)
{
    sqlite3_stmt *st = s->st[ST_BODY_GET];
    (void)sqlite3_reset(st);
    (void)sqlite3_bind_int64(st, 1, (int64_t)body);
    int r = db_step(s->db, st, e);
    if (r < 0)
        return r;
    if (r == 0)
        return err_set(e, -ENOENT, "spool-store", "the event of a message is not in the file");
    const char *p = sqlite3_column_blob(st, 0);
    *ret_size = (size_t)sqlite3_column_bytes(st, 0);
    *ret = p ? p : "";
    return 0;
}

void store_read_done(struct store *s)
{
    (void)sqlite3_reset(s->st[ST_COPY_GET]);
    (void)sqlite3_reset(s->st[ST_BODY_GET]);
}

int store_copy_page(struct store *s, uint32_t no, uint64_t after, size_t limit,
                    int (*fn)(void *arg, const struct copy_row *row), void *arg, struct err *e)
{
    sqlite3_stmt *st = s->st[ST_COPY_PAGE];
    uint64_t low = key_low(no);
    (void)sqlite3_bind_int64(st, 1, (int64_t)(after < low ? low : after));
    (void)sqlite3_bind_int64(st, 2, (int64_t)(low | KEY_MASK));
    (void)sqlite3_bind_int64(st, 3, (int64_t)limit);
    int r;
    while ((r = db_step(s->db, st, e)) > 0) {
        struct copy_row row;
        read_copy(st, &row);
        r = fn(arg, &row);
        if (r == 0)
            continue;
        (void)sqlite3_reset(st);
        return r < 0 ? err_set(e, r, "memory", "out of memory") : 0;
    }
    return r;
}

int store_later_page(struct store *s, uint32_t no, uint64_t due, uint64_t key, size_t limit,
                     int (*fn)(void *arg, uint64_t due, uint64_t key), void *arg, struct err *e)
{
    sqlite3_stmt *st = s->st[ST_LATER_PAGE];
    (void)sqlite3_bind_int64(st, 1, no);
    (void)sqlite3_bind_int64(st, 2, (int64_t)due);
    (void)sqlite3_bind_int64(st, 3, (int64_t)key);
    (void)sqlite3_bind_int64(st, 4, (int64_t)limit);
    int r;
    while ((r = db_step(s->db, st, e)) > 0) {
        r = fn(arg, (uint64_t)sqlite3_column_int64(st, 0), (uint64_t)sqlite3_column_int64(st, 1));
        if (r < 0) {
            (void)sqlite3_reset(st);
            return err_set(e, r, "memory", "out of memory");
        }
    }
    return r;
}
