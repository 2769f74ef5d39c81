/* SPDX-License-Identifier: Apache-2.0 */
/* sqlite - state in a file of the process's own: opening it, look-ups, and what surrounds a commit.
 * Two connections, so that a look-up never waits for what is being stored. */
#include "sqlite.h"
#include "base/util.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define FORMAT    1
#define LOG_PAGES 2000 /* as in base/db.c */

static const char schema[] =
    "CREATE TABLE head(one INTEGER PRIMARY KEY CHECK(one = 1), next_run INTEGER NOT NULL,"
    " last BLOB);"
    "INSERT INTO head VALUES(1, 1, NULL);"
    "CREATE TABLE kv(key BLOB PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE subject(key BLOB PRIMARY KEY, content BLOB NOT NULL, generation INTEGER NOT NULL,"
    " run INTEGER NOT NULL, base BLOB, base_generation INTEGER)"
    " WITHOUT ROWID;"
    "CREATE TABLE run(run INTEGER PRIMARY KEY, receipt BLOB NOT NULL);"
    "CREATE TABLE submission(receipt BLOB PRIMARY KEY, ms INTEGER NOT NULL, json BLOB NOT NULL);"
    "CREATE INDEX submission_ms ON submission(ms);"
    "CREATE TABLE idempotency(key BLOB PRIMARY KEY, receipt BLOB NOT NULL, ms INTEGER NOT NULL)"
    " WITHOUT ROWID;"
    "CREATE INDEX idempotency_ms ON idempotency(ms);";

static const struct db_form form = {.schema = schema, .format = FORMAT};

static const char *const statements[ST_N] = {
    [ST_BEGIN] = "BEGIN",
    [ST_GET] = "SELECT value FROM kv WHERE key = ?",
    [ST_SUBJECT] =
        "SELECT content, generation, run, base, base_generation FROM subject WHERE key=?",
    [ST_ANSWER] = "SELECT json, ms FROM submission WHERE receipt = ?",
    [ST_KEY] = "SELECT receipt, ms FROM idempotency WHERE key = ?",
    [ST_STORE_BEGIN] = "BEGIN IMMEDIATE",
    [ST_STORE_COMMIT] = "COMMIT",
    [ST_PUT] = "INSERT OR REPLACE INTO kv VALUES(?, ?)",
    [ST_REMOVE] = "DELETE FROM kv WHERE key = ?",
    [ST_SUBJECT_PUT] = "INSERT OR REPLACE INTO subject VALUES(?, ?, ?, ?, ?, ?)",
    [ST_RUN_PUT] = "INSERT OR REPLACE INTO run VALUES(?, ?)",
    [ST_RUN_DONE] = "DELETE FROM run WHERE run = ?",
    [ST_ANSWER_PUT] = "INSERT OR REPLACE INTO submission VALUES(?, ?, ?)",
    [ST_KEY_PUT] = "INSERT OR REPLACE INTO idempotency VALUES(?, ?, ?)",
    [ST_KEY_EXPIRE] = "DELETE FROM idempotency WHERE ms < ?",
    [ST_ANSWER_EXPIRE] = ("DELETE FROM submission WHERE receipt IN (SELECT receipt FROM submission"
                          " WHERE ms < ?1 AND receipt IS NOT ?2 ORDER BY ms LIMIT ?3)"),
    [ST_HEAD_PUT] = "UPDATE head SET next_run = ?, last = ?",
};

static sqlite3 *connection(const struct sqlite *t, int st)
{
    return st < ST_STORE ? t->look : t->store;
}

static void clear(struct sqlite *t, int st)
{
    (void)sqlite3_reset(t->st[st]);
    (void)sqlite3_clear_bindings(t->st[st]);
}

int sqlite_do(struct sqlite *t, int st, struct err *e)
{
    int r = db_step(connection(t, st), t->st[st], e);
    clear(t, st);
    return r < 0 ? r : 0;
}

/* Opens the look-ups' transaction unless it is open. Many share one: to take and give back the
 * locks of the file costs more than the look-up itself. */
static int begin(struct sqlite *t, struct err *e)
{
    return sqlite3_get_autocommit(t->look) ? sqlite_do(t, ST_BEGIN, e) : 0;
}

static void roll_back(sqlite3 *db)
{
    if (!sqlite3_get_autocommit(db)) /* the library may have done it by itself */
        (void)sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
}

static void end(struct sqlite *t)
{
    roll_back(t->look);
}

/* Writes the log back when it is long. Only while no look-up holds a place in it: then it can be
 * written back to its end, and begins anew. What cannot be done now will be the next time. */
static void write_back(struct sqlite *t)
{
    if (t->log_pages >= LOG_PAGES)
        (void)sqlite3_wal_checkpoint_v2(t->store, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
}

int sqlite_digest(sqlite3_stmt *st, int column, uint8_t out[SHA256_LEN], struct err *e)
{
    const void *p = sqlite3_column_blob(st, column);
    if (!p || sqlite3_column_bytes(st, column) != SHA256_LEN)
        return err_set(e, -EUCLEAN, "db-corrupt", "a digest in the state file is damaged");
    memcpy(out, p, SHA256_LEN);
    return 0;
}

static int load_head(struct sqlite *t, struct err *e)
{
    sqlite3_stmt *st = NULL;
    int r = db_prepare(t->look, "SELECT next_run, last FROM head", &st, e);
    if (r == 0)
        r = db_step(t->look, st, e);
    if (r == 0)
        r = err_set(e, -EUCLEAN, "db-corrupt", "the state file has no head");
    if (r > 0) {
        t->next_run = (uint64_t)sqlite3_column_int64(st, 0);
        t->has_last = sqlite3_column_type(st, 1) != SQLITE_NULL;
        r = t->has_last ? sqlite_digest(st, 1, t->last, e) : 0;
    }
    db_finalize(&st);
    return r;
}

static int prepare_all(struct sqlite *t, struct err *e)
{
    for (int i = 0; i < ST_N; i++) {
        int r = db_prepare(connection(t, i), statements[i], &t->st[i], e);
        if (r < 0)
            return r;
    }
    return 0;
}

static int note_log(void *arg, sqlite3 *db, const char *name, int pages)
{
    struct sqlite *t = arg;
    (void)db;
    (void)name;
    t->log_pages = pages;
    return SQLITE_OK;
}

static int open_connections(struct sqlite *t, const char *path, struct err *e)
{
    int r = db_open(path, 0, &form, &t->store, e);
    if (r == 0) /* subjects are stored and looked up at random */
        r = db_exec(t->store, "PRAGMA cache_size=-8192", e);
    if (r == 0)
        r = db_open(path, DB_READONLY, &form, &t->look, e);
    if (r == 0) /* the library empties this one's pages whenever the other has stored something */
        r = db_exec(t->look, "PRAGMA cache_size=-4096", e);
    if (r == 0)
        (void)sqlite3_wal_hook(t->store, note_log, t); /* instead of checkpoints by itself */
    return r;
}

/* Binds bytes to the first parameter of a look-up and steps. 1: a row is there, until clear(). */
static int find(struct sqlite *t, int st, const void *key, size_t len, struct err *e)
{
    sqlite3_bind_blob(t->st[st], 1, key, (int)len, SQLITE_STATIC);
    return db_step(t->look, t->st[st], e);
}

static int column(sqlite3_stmt *st, int n, struct buf *ret, struct err *e)
{
    int r = buf_add(ret, sqlite3_column_blob(st, n), (size_t)sqlite3_column_bytes(st, n));
    return r < 0 ? state_no_memory(e) : 1;
}

static int get(struct store *base, const char *key, struct buf *ret, struct err *e)
{
    struct sqlite *t = (struct sqlite *)base;
    int r = find(t, ST_GET, key, strlen(key), e);
    if (r > 0)
        r = column(t->st[ST_GET], 0, ret, e);
    clear(t, ST_GET);
    return r;
}

static int read_row(struct sqlite *t, sqlite3_stmt *st, struct subject_seen *ret, struct err *e)
{
    ret->generation = (uint64_t)sqlite3_column_int64(st, 1);
    ret->has_base = sqlite3_column_type(st, 3) != SQLITE_NULL;
    ret->base_generation = (uint64_t)sqlite3_column_int64(st, 4);
    int r = sqlite_digest(st, 0, ret->content, e);
    if (r == 0 && ret->has_base)
        r = sqlite_digest(st, 3, ret->base, e);
    const struct run *run = runs_find(t, (uint64_t)sqlite3_column_int64(st, 2));
    ret->open = run != NULL;
    if (run)
        memcpy(ret->receipt, run->receipt, SHA256_LEN);
    return r < 0 ? r : 1;
}

static int subject(struct store *base, const uint8_t key[SHA256_LEN],
                   const uint8_t receipt[SHA256_LEN], struct subject_seen *ret, struct err *e)
{
    struct sqlite *t = (struct sqlite *)base;
    (void)receipt;
    int r = begin(t, e);
    if (r == 0)
        r = find(t, ST_SUBJECT, key, SHA256_LEN, e);
    if (r > 0)
        r = read_row(t, t->st[ST_SUBJECT], ret, e);
    clear(t, ST_SUBJECT);
    return r;
}

static int answer(struct store *base, const uint8_t receipt[SHA256_LEN], struct buf *ret_json,
                  uint64_t *ret_ms, struct err *e)
{
    struct sqlite *t = (struct sqlite *)base;
    int r = find(t, ST_ANSWER, receipt, SHA256_LEN, e);
    if (r > 0) {
        *ret_ms = (uint64_t)sqlite3_column_int64(t->st[ST_ANSWER], 1);
        r = column(t->st[ST_ANSWER], 0, ret_json, e);
    }
    clear(t, ST_ANSWER);
    return r;
}

static int named(struct store *base, const char *key, uint8_t ret_receipt[SHA256_LEN],
                 uint64_t *ret_ms, struct err *e)
{
    struct sqlite *t = (struct sqlite *)base;
    int r = find(t, ST_KEY, key, strlen(key), e);
    if (r > 0) {
        *ret_ms = (uint64_t)sqlite3_column_int64(t->st[ST_KEY], 1);
        r = sqlite_digest(t->st[ST_KEY], 0, ret_receipt, e);
        r = r < 0 ? r : 1;
    }
    clear(t, ST_KEY);
    return r;
}

static int last(struct store *base, uint8_t ret_receipt[SHA256_LEN], struct err *e)
{
    const struct sqlite *t = (const struct sqlite *)base;
    (void)e;
    memcpy(ret_receipt, t->last, SHA256_LEN);
    return t->has_last;
}

static int freeze(struct store *base, struct batch *b, struct err *e)
{
    struct sqlite *t = (struct sqlite *)base;
    int r = runs_freeze(t, b, e);
    if (r < 0)
        return r;
    const uint8_t *accepted = b->answers_n ? b->answers[b->answers_n - 1].receipt : t->last;
    memcpy(t->frozen.last, accepted, SHA256_LEN);
    t->frozen.has_last = b->answers_n || t->has_last;
    t->frozen.next_run = t->next_run;
    return 0;
}

static int write_batch(struct store *base, const struct batch *b, struct err *e)
{
    struct sqlite *t = (struct sqlite *)base;
    int r = sqlite_do(t, ST_STORE_BEGIN, e);
    if (r == 0)
        r = sqlite_store_batch(t, b, e);
    if (r == 0)
        r = sqlite_do(t, ST_STORE_COMMIT, e);
    if (r < 0)
        roll_back(t->store);
    return r;
}

static void written(struct store *base, const struct batch *b)
{
    struct sqlite *t = (struct sqlite *)base;
    runs_stored(t, b);
    memcpy(t->last, t->frozen.last, SHA256_LEN);
    t->has_last = t->frozen.has_last;
    end(t); /* the next look-up sees what was stored */
    write_back(t);
}

static void idle(struct store *base, bool forget)
{
    struct sqlite *t = (struct sqlite *)base;
    if (forget) {
        runs_thaw(t);
        runs_forget(t);
    }
    end(t);
}

static int expire(struct store *base, uint64_t before_ms, unsigned most, struct err *e)
{
    struct sqlite *t = (struct sqlite *)base;
    sqlite3_stmt *st = t->st[ST_ANSWER_EXPIRE];
    sqlite3_bind_int64(st, 1, (sqlite3_int64)before_ms);
    if (t->has_last)
        sqlite3_bind_blob(st, 2, t->last, SHA256_LEN, SQLITE_STATIC);
    sqlite3_bind_int64(st, 3, most);
    int r = sqlite_do(t, ST_ANSWER_EXPIRE, e);
    if (r < 0)
        return r;
    int n = sqlite3_changes(t->store);
    end(t);
    write_back(t);
    if (n > 0 && (unsigned)n < most)
        db_empty_log(t->store);
    return n;
}

static void close_store(struct store *base)
{
    struct sqlite *t = (struct sqlite *)base;
    for (int i = 0; i < ST_N; i++)
        db_finalize(&t->st[i]);
    db_close(t->look); /* first: the last one to close tidies the log away, and must be able to */
    db_close(t->store);
    runs_thaw(t);
    free(t->runs);
    free(t);
}

static const struct store_ops ops = {.close = close_store,
                                     .get = get,
                                     .subject = subject,
                                     .answer = answer,
                                     .named = named,
                                     .last = last,
                                     .freeze = freeze,
                                     .write = write_batch,
                                     .written = written,
                                     .idle = idle,
                                     .expire = expire};

static int path_of(const struct tree *part, const char **ret, struct err *e)
{
    *ret = tree_gets(part, "path", NULL);
    return *ret ? 0 : err_set(e, -EINVAL, "plan", "the plan names no file for the state");
}

int store_sqlite_open(const struct tree *part, struct store **ret, struct err *e)
{
    const char *path;
    int r = path_of(part, &path, e);
    if (r < 0)
        return r;
    struct sqlite *t = xcalloc(1, sizeof(*t));
    if (!t)
        return state_no_memory(e);
    t->base.ops = &ops;
    r = open_connections(t, path, e);
    if (r == 0)
        r = prepare_all(t, e);
    if (r == 0)
        r = load_head(t, e);
    if (r == 0)
        r = runs_load(t, e);
    if (r < 0) {
        close_store(&t->base);
        return r;
    }
    *ret = &t->base;
    return 0;
}

int store_sqlite_take_over(const struct tree *from, const struct tree *part, struct err *e)
{
    sqlite3 *db = NULL;
    const char *old, *path;
    int r = path_of(from, &old, e);
    if (r == 0)
        r = path_of(part, &path, e);
    if (r < 0)
        return r;
    if (access(path, F_OK) == 0 || access(old, F_OK) != 0)
        return 0;
    r = db_open(old, 0, &form, &db, e); /* what stands in its log belongs into the file first */
    if (r == 0)
        r = db_exec(db, "PRAGMA wal_checkpoint(TRUNCATE)", e);
    db_close(db); /* the last to close it removes the log */
    if (r == 0 && rename(old, path) < 0)
        r = err_set(e, -errno, "db-io", "%s cannot become %s: %s", old, path, strerror(errno));
    return r < 0 ? r : 1;
}
