/* SPDX-License-Identifier: Apache-2.0 */
/* state - opening, keys of plugins and steps, commit and rollback; see state.h. */
#include "state.h"
#include "inner.h"
#include "base/util.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define FORMAT    1
#define VALUE_MAX (16u << 20)
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

struct value { /* a staged key: bytes follow */
    size_t len;
    bool removed;
    unsigned char p[];
};

int state_no_memory(struct err *e)
{
    return err_set(e, -ENOMEM, "memory", "no memory for what the connector remembers");
}

static sqlite3 *connection(const struct state *s, int st)
{
    return st < ST_STORE ? s->look : s->store;
}

int state_do(struct state *s, int st, struct err *e)
{
    int r = db_step(connection(s, st), s->st[st], e);
    state_clear(s, st);
    return r < 0 ? r : 0;
}

int state_begin(struct state *s, struct err *e)
{
    return sqlite3_get_autocommit(s->look) ? state_do(s, ST_BEGIN, e) : 0;
}

static void roll_back(sqlite3 *db)
{
    if (!sqlite3_get_autocommit(db)) /* the library may have done it by itself */
        (void)sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
}

void state_end(struct state *s)
{
    roll_back(s->look);
}

void state_write_back(struct state *s)
{
    if (s->log_pages >= LOG_PAGES)
        (void)sqlite3_wal_checkpoint_v2(s->store, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
}

void state_clear(struct state *s, int st)
{
    (void)sqlite3_reset(s->st[st]);
    (void)sqlite3_clear_bindings(s->st[st]);
}

int state_digest_column(sqlite3_stmt *st, int column, uint8_t out[SHA256_LEN], struct err *e)
{
    const void *p = sqlite3_column_blob(st, column);
    if (!p || sqlite3_column_bytes(st, column) != SHA256_LEN)
        return err_set(e, -EUCLEAN, "db-corrupt", "a digest in the state file is damaged");
    memcpy(out, p, SHA256_LEN);
    return 0;
}

static int load_head(struct state *s, struct err *e)
{
    sqlite3_stmt *st = NULL;
    int r = db_prepare(s->look, "SELECT next_run, last FROM head", &st, e);
    if (r == 0)
        r = db_step(s->look, st, e);
    if (r == 0)
        r = err_set(e, -EUCLEAN, "db-corrupt", "the state file has no head");
    if (r > 0) {
        s->next_run = (uint64_t)sqlite3_column_int64(st, 0);
        s->has_last = sqlite3_column_type(st, 1) != SQLITE_NULL;
        r = s->has_last ? state_digest_column(st, 1, s->last, e) : 0;
    }
    db_finalize(&st);
    return r;
}

static int prepare_all(struct state *s, struct err *e)
{
    for (int i = 0; i < ST_N; i++) {
        int r = db_prepare(connection(s, i), statements[i], &s->st[i], e);
        if (r < 0)
            return r;
    }
    return 0;
}

static int batch_init(struct batch *b)
{
    b->kv = map_new(free);
    b->by_key = map_new(NULL);
    return b->kv && b->by_key ? 0 : -ENOMEM;
}

void batch_clear(struct batch *b)
{
    if (b->kv)
        map_clear(b->kv);
    if (b->by_key)
        map_clear(b->by_key);
    for (size_t i = 0; i < b->answers_n; i++) {
        free(b->answers[i].json);
        free(b->answers[i].key);
    }
    free(b->runs);
    free(b->runs_over);
    b->runs = NULL;
    b->runs_over = NULL;
    b->rows_n = b->answers_n = b->runs_n = b->runs_over_n = 0;
}

static void batch_done(struct batch *b)
{
    batch_clear(b);
    map_free(b->kv);
    map_free(b->by_key);
    free(b->rows);
    free(b->answers);
}

static bool batch_empty(const struct batch *b)
{
    return map_count(b->kv) == 0 && b->rows_n == 0 && b->answers_n == 0;
}

static int note_log(void *arg, sqlite3 *db, const char *name, int pages)
{
    struct state *s = arg;
    (void)db;
    (void)name;
    s->log_pages = pages;
    return SQLITE_OK;
}

static int open_connections(struct state *s, const char *path, struct err *e)
{
    int r = db_open(path, 0, &form, &s->store, e);
    if (r == 0) /* subjects are stored and looked up at random */
        r = db_exec(s->store, "PRAGMA cache_size=-8192", e);
    if (r == 0)
        r = db_open(path, DB_READONLY, &form, &s->look, e);
    if (r == 0) /* the library empties this one's pages whenever the other has stored something */
        r = db_exec(s->look, "PRAGMA cache_size=-4096", e);
    if (r == 0)
        (void)sqlite3_wal_hook(s->store, note_log, s); /* instead of checkpoints by itself */
    return r;
}

int state_open(const char *path, struct state **ret, struct err *e)
{
    struct state *s = xcalloc(1, sizeof(*s));
    if (!s)
        return state_no_memory(e);
    buf_init(&s->value, SIZE_MAX / 2);
    int r = batch_init(&s->now) < 0 || batch_init(&s->frozen) < 0 ? state_no_memory(e) : 0;
    if (r == 0)
        r = open_connections(s, path, e);
    if (r == 0)
        r = prepare_all(s, e);
    if (r == 0)
        r = load_head(s, e);
    if (r == 0)
        r = subjects_load(s, e);
    if (r < 0) {
        state_close(s);
        return r;
    }
    *ret = s;
    return 0;
}

int state_take_over(const char *old, const char *path, struct err *e)
{
    sqlite3 *db = NULL;
    if (access(path, F_OK) == 0 || access(old, F_OK) != 0)
        return 0;
    int r = db_open(old, 0, &form, &db, e); /* what stands in its log belongs into the file first */
    if (r == 0)
        r = db_exec(db, "PRAGMA wal_checkpoint(TRUNCATE)", e);
    db_close(db); /* the last to close it removes the log */
    if (r == 0 && rename(old, path) < 0)
        r = err_set(e, -errno, "db-io", "%s cannot become %s: %s", old, path, strerror(errno));
    return r < 0 ? r : 1;
}

void state_close(struct state *s)
{
    if (!s)
        return;
    for (int i = 0; i < ST_N; i++)
        db_finalize(&s->st[i]);
    db_close(s->look); /* first: the last one to close tidies the log away, and must be able to */
    db_close(s->store);
    batch_done(&s->now);
    batch_done(&s->frozen);
    free(s->runs);
    buf_done(&s->value);
    free(s);
}

int state_get(struct state *s, const char *key, const void **ret, size_t *ret_len, struct err *e)
{
    const struct value *v = map_get(s->now.kv, key, strlen(key));
    if (!v)
        v = map_get(s->frozen.kv, key, strlen(key));
    if (v && !v->removed) {
        *ret = v->p;
        *ret_len = v->len;
        return 0;
    }
    int r = 0;
    if (!v) {
        sqlite3_bind_blob(s->st[ST_GET], 1, key, (int)strlen(key), SQLITE_STATIC);
        r = db_step(s->look, s->st[ST_GET], e);
    }
    if (r > 0) {
        buf_reset(&s->value);
        r = buf_add(&s->value, sqlite3_column_blob(s->st[ST_GET], 0),
                    (size_t)sqlite3_column_bytes(s->st[ST_GET], 0));
        r = r < 0 ? state_no_memory(e) : 1;
    }
    state_clear(s, ST_GET);
    if (r < 0)
        return r;
    if (r == 0)
        return err_set(e, -ENOENT, "absent", "there is no such key");
    *ret = buf_str(&s->value);
    *ret_len = s->value.len;
    return 0;
}

int state_put(struct state *s, const char *key, const void *p, size_t len, struct err *e)
{
    size_t key_len = strlen(key);
    if (len > VALUE_MAX || key_len > VALUE_MAX)
        return err_set(e, -EFBIG, "too-large", "a remembered value of %zu bytes is over %u", len,
                       VALUE_MAX);
    if (!p)
        len = 0;
    struct value *v = malloc(sizeof(*v) + len + 1); /* 1: so that a value is never of no size */
    if (!v)
        return state_no_memory(e);
    v->len = len;
    v->removed = !p;
    if (len)
        memcpy(v->p, p, len);
    if (map_put(s->now.kv, key, key_len, v) < 0) {
        free(v);
        return state_no_memory(e);
    }
    return 0;
}

struct storing {
    struct state *s;
    struct err *e;
};

static int store_value(void *arg, const char *key, size_t len, void *value)
{
    struct storing *w = arg;
    const struct value *v = value;
    int st = v->removed ? ST_REMOVE : ST_PUT;
    sqlite3_bind_blob(w->s->st[st], 1, key, (int)len, SQLITE_STATIC);
    if (!v->removed)
        sqlite3_bind_blob(w->s->st[st], 2, v->p, (int)v->len, SQLITE_STATIC);
    return state_do(w->s, st, w->e);
}

static int store_head(struct state *s, const struct batch *b, struct err *e)
{
    sqlite3_stmt *st = s->st[ST_HEAD_PUT];
    sqlite3_bind_int64(st, 1, (sqlite3_int64)b->next_run);
    if (b->has_last)
        sqlite3_bind_blob(st, 2, b->last, SHA256_LEN, SQLITE_STATIC);
    return state_do(s, ST_HEAD_PUT, e);
}

static int store_all(struct state *s, const struct batch *b, struct err *e)
{
    struct storing w = {s, e};
    int r = map_each(b->kv, store_value, &w);
    if (r == 0)
        r = subjects_store(s, b, e);
    if (r == 0)
        r = answers_store(s, b, e);
    if (r == 0 && (b->rows_n || b->answers_n))
        r = store_head(s, b, e);
    if (r == 0)
        r = state_do(s, ST_STORE_COMMIT, e);
    return r;
}

int state_freeze(struct state *s, struct err *e)
{
    if (s->is_frozen)
        return 1;
    if (batch_empty(&s->now)) {
        state_end(s);
        return 0;
    }
    int r = runs_freeze(s, &s->now, e);
    if (r < 0)
        return r;
    const uint8_t *last = s->now.answers_n ? s->now.answers[s->now.answers_n - 1].receipt : s->last;
    memcpy(s->now.last, last, SHA256_LEN);
    s->now.has_last = s->now.answers_n || s->has_last;
    s->now.next_run = s->next_run;
    struct batch empty = s->frozen;
    s->frozen = s->now;
    s->now = empty;
    s->is_frozen = true;
    return 1;
}

int state_store(struct state *s, struct err *e)
{
    int r = state_do(s, ST_STORE_BEGIN, e);
    if (r == 0)
        r = store_all(s, &s->frozen, e);
    if (r < 0)
        roll_back(s->store);
    return r;
}

void state_stored(struct state *s)
{
    struct batch *b = &s->frozen;
    runs_stored(s, b);
    memcpy(s->last, b->last, SHA256_LEN);
    s->has_last = b->has_last;
    batch_clear(b);
    s->is_frozen = false;
    state_end(s); /* the next look-up sees what was stored */
    state_write_back(s);
}

int state_commit(struct state *s, struct err *e)
{
    int r;
    while ((r = state_freeze(s, e)) > 0) { /* twice, when an earlier attempt has failed */
        r = state_store(s, e);
        if (r < 0)
            return r;
        state_stored(s);
    }
    return r;
}

void state_rollback(struct state *s)
{
    batch_clear(&s->now);
    batch_clear(&s->frozen);
    s->is_frozen = false;
    runs_forget(s);
    state_end(s);
}
