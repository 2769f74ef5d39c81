/* SPDX-License-Identifier: Apache-2.0 */
/* state - opening, keys of plugins and steps, commit and rollback; see state.h. */
#include "state.h"
#include "inner.h"
#include "base/util.h"
#include <errno.h>
#include <string.h>

#define FORMAT    1
#define VALUE_MAX (16u << 20)

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
    [ST_COMMIT] = "COMMIT",
    [ST_GET] = "SELECT value FROM kv WHERE key = ?",
    [ST_PUT] = "INSERT OR REPLACE INTO kv VALUES(?, ?)",
    [ST_REMOVE] = "DELETE FROM kv WHERE key = ?",
    [ST_SUBJECT] =
        "SELECT content, generation, run, base, base_generation FROM subject WHERE key=?",
    [ST_SUBJECT_PUT] = "INSERT OR REPLACE INTO subject VALUES(?, ?, ?, ?, ?, ?)",
    [ST_RUN_PUT] = "INSERT OR REPLACE INTO run VALUES(?, ?)",
    [ST_RUN_DONE] = "DELETE FROM run WHERE receipt = ?",
    [ST_ANSWER] = "SELECT json, ms FROM submission WHERE receipt = ?",
    [ST_ANSWER_PUT] = "INSERT OR REPLACE INTO submission VALUES(?, ?, ?)",
    [ST_KEY] = "SELECT receipt, ms FROM idempotency WHERE key = ?",
    [ST_KEY_PUT] = "INSERT OR REPLACE INTO idempotency VALUES(?, ?, ?)",
    [ST_KEY_EXPIRE] = "DELETE FROM idempotency WHERE ms < ?",
    [ST_ANSWER_EXPIRE] = "DELETE FROM submission WHERE receipt IN (SELECT receipt FROM submission"
                         " WHERE ms < ?1 AND receipt IS NOT ?2 ORDER BY ms LIMIT ?3)",
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

int state_do(struct state *s, int st, struct err *e)
{
    int r = db_step(s->db, s->st[st], e);
    state_clear(s, st);
    return r < 0 ? r : 0;
}

int state_begin(struct state *s, struct err *e)
{
    return sqlite3_get_autocommit(s->db) ? state_do(s, ST_BEGIN, e) : 0;
}

void state_end(struct state *s)
{
    if (!sqlite3_get_autocommit(s->db))
        (void)sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL);
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
    int r = db_prepare(s->db, "SELECT next_run, last FROM head", &st, e);
    if (r == 0)
        r = db_step(s->db, st, e);
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
        int r = db_prepare(s->db, statements[i], &s->st[i], e);
        if (r < 0)
            return r;
    }
    return 0;
}

int state_open(const char *path, struct state **ret, struct err *e)
{
    struct state *s = xcalloc(1, sizeof(*s));
    if (!s)
        return state_no_memory(e);
    buf_init(&s->value, SIZE_MAX / 2);
    s->kv = map_new(free);
    s->by_key = map_new(NULL);
    int r = s->kv && s->by_key ? 0 : state_no_memory(e);
    if (r == 0)
        r = db_open(path, 0, &form, &s->db, e);
    if (r == 0) /* subjects are looked up at random: 32 MiB of pages */
        r = db_exec(s->db, "PRAGMA cache_size=-32768", e);
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

void state_close(struct state *s)
{
    if (!s)
        return;
    for (int i = 0; i < ST_N; i++)
        db_finalize(&s->st[i]);
    db_close(s->db);
    subjects_forget(s);
    answers_forget(s);
    free(s->rows);
    free(s->runs);
    free(s->answers);
    map_free(s->kv);
    map_free(s->by_key);
    buf_done(&s->value);
    free(s);
}

int state_get(struct state *s, const char *key, const void **ret, size_t *ret_len, struct err *e)
{
    const struct value *v = map_get(s->kv, key, strlen(key));
    if (v && !v->removed) {
        *ret = v->p;
        *ret_len = v->len;
        return 0;
    }
    int r = 0;
    if (!v) {
        sqlite3_bind_blob(s->st[ST_GET], 1, key, (int)strlen(key), SQLITE_STATIC);
        r = db_step(s->db, s->st[ST_GET], e);
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
    if (map_put(s->kv, key, key_len, v) < 0) {
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

static int store_head(struct state *s, struct err *e)
{
    sqlite3_stmt *st = s->st[ST_HEAD_PUT];
    const uint8_t *last = s->answers_n  ? s->answers[s->answers_n - 1].receipt
                          : s->has_last ? s->last
                                        : NULL;
    sqlite3_bind_int64(st, 1, (sqlite3_int64)s->next_run);
    if (last)
        sqlite3_bind_blob(st, 2, last, SHA256_LEN, SQLITE_STATIC);
    return state_do(s, ST_HEAD_PUT, e);
}

static int store_all(struct state *s, struct err *e)
{
    struct storing w = {s, e};
    int r = map_each(s->kv, store_value, &w);
    if (r == 0)
        r = subjects_store(s, e);
    if (r == 0)
        r = answers_store(s, e);
    if (r == 0 && (s->rows_n || s->answers_n))
        r = store_head(s, e);
    if (r == 0)
        r = state_do(s, ST_COMMIT, e);
    return r;
}

static void committed(struct state *s)
{
    for (size_t i = 0; i < s->runs_n; i++)
        s->runs[i].stored = true;
    for (size_t i = 0; i < s->answers_n; i++) {
        runs_close(s, s->answers[i].receipt);
        memcpy(s->last, s->answers[i].receipt, SHA256_LEN);
        s->has_last = true;
    }
    map_clear(s->kv);
    subjects_forget(s);
    answers_forget(s);
}

int state_commit(struct state *s, struct err *e)
{
    if (map_count(s->kv) == 0 && s->rows_n == 0 && s->answers_n == 0) {
        state_end(s);
        return 0;
    }
    int r = state_begin(s, e);
    if (r == 0)
        r = store_all(s, e);
    if (r < 0) {
        state_end(s);
        return r;
    }
    committed(s);
    return 0;
}

void state_rollback(struct state *s)
{
    map_clear(s->kv);
    subjects_forget(s);
    answers_forget(s);
    state_end(s);
    while (s->runs_n && !s->runs[s->runs_n - 1].stored) /* what was never stored is not known */
        s->runs_n--;
}
