/* SPDX-License-Identifier: Apache-2.0 */
/* sqlite_write - a batch into the file, inside a transaction; whatever thread. */
#include "sqlite.h"
#include "base/util.h"
#include <string.h>

struct storing {
    struct sqlite *t;
    struct err *e;
};

static int store_value(void *arg, const char *key, size_t len, void *value)
{
    struct storing *w = arg;
    const struct kept *v = value;
    int st = v->removed ? ST_REMOVE : ST_PUT;
    sqlite3_bind_blob(w->t->st[st], 1, key, (int)len, SQLITE_STATIC);
    if (!v->removed)
        sqlite3_bind_blob(w->t->st[st], 2, v->p, (int)v->len, SQLITE_STATIC);
    return sqlite_do(w->t, st, w->e);
}

static int store_head(struct sqlite *t, struct err *e)
{
    sqlite3_stmt *st = t->st[ST_HEAD_PUT];
    sqlite3_bind_int64(st, 1, (sqlite3_int64)t->frozen.next_run);
    if (t->frozen.has_last)
        sqlite3_bind_blob(st, 2, t->frozen.last, SHA256_LEN, SQLITE_STATIC);
    return sqlite_do(t, ST_HEAD_PUT, e);
}

static int store_row(struct sqlite *t, const struct row *row, struct err *e)
{
    sqlite3_stmt *st = t->st[ST_SUBJECT_PUT];
    sqlite3_bind_blob(st, 1, row->key, SHA256_LEN, SQLITE_STATIC);
    sqlite3_bind_blob(st, 2, row->is.content, SHA256_LEN, SQLITE_STATIC);
    sqlite3_bind_int64(st, 3, (sqlite3_int64)row->is.generation);
    sqlite3_bind_int64(st, 4, (sqlite3_int64)row->run);
    if (row->is.has_base) {
        sqlite3_bind_blob(st, 5, row->is.base, SHA256_LEN, SQLITE_STATIC);
        sqlite3_bind_int64(st, 6, (sqlite3_int64)row->is.base_generation);
    }
    return sqlite_do(t, ST_SUBJECT_PUT, e);
}

static int store_runs(struct sqlite *t, struct err *e)
{
    int r = 0;
    for (size_t i = 0; r == 0 && i < t->frozen.runs_n; i++) {
        sqlite3_bind_int64(t->st[ST_RUN_PUT], 1, (sqlite3_int64)t->frozen.runs[i].number);
        sqlite3_bind_blob(t->st[ST_RUN_PUT], 2, t->frozen.runs[i].receipt, SHA256_LEN,
                          SQLITE_STATIC);
        r = sqlite_do(t, ST_RUN_PUT, e);
    }
    for (size_t i = 0; r == 0 && i < t->frozen.runs_over_n; i++) {
        sqlite3_bind_int64(t->st[ST_RUN_DONE], 1, (sqlite3_int64)t->frozen.runs_over[i]);
        r = sqlite_do(t, ST_RUN_DONE, e);
    }
    return r;
}

static int store_rows(struct sqlite *t, const struct batch *b, struct err *e)
{
    const struct row **order = batch_in_order(b);
    if (!order)
        return state_no_memory(e);
    int r = store_runs(t, e);
    for (size_t i = 0; r == 0 && i < b->rows_n; i++)
        r = store_row(t, order[i], e);
    free(order);
    return r;
}

static int store_key(struct sqlite *t, const struct answer *a, struct err *e)
{
    sqlite3_stmt *st = t->st[ST_KEY_PUT];
    sqlite3_bind_blob(st, 1, a->key, (int)strlen(a->key), SQLITE_STATIC);
    sqlite3_bind_blob(st, 2, a->receipt, SHA256_LEN, SQLITE_STATIC);
    sqlite3_bind_int64(st, 3, (sqlite3_int64)a->ms);
    return sqlite_do(t, ST_KEY_PUT, e);
}

static int store_answer(struct sqlite *t, const struct answer *a, struct err *e)
{
    sqlite3_stmt *st = t->st[ST_ANSWER_PUT];
    sqlite3_bind_blob(st, 1, a->receipt, SHA256_LEN, SQLITE_STATIC);
    sqlite3_bind_int64(st, 2, (sqlite3_int64)a->ms);
    sqlite3_bind_blob(st, 3, a->json, (int)a->len, SQLITE_STATIC);
    return sqlite_do(t, ST_ANSWER_PUT, e);
}

static int expire_keys(struct sqlite *t, uint64_t now_ms, struct err *e)
{
    if (now_ms <= IDEMPOTENCY_MS)
        return 0;
    sqlite3_bind_int64(t->st[ST_KEY_EXPIRE], 1, (sqlite3_int64)(now_ms - IDEMPOTENCY_MS));
    return sqlite_do(t, ST_KEY_EXPIRE, e);
}

static int store_answers(struct sqlite *t, const struct batch *b, struct err *e)
{
    int r = b->answers_n ? expire_keys(t, b->answers[b->answers_n - 1].ms, e) : 0;
    for (size_t i = 0; r == 0 && i < b->answers_n; i++) {
        const struct answer *a = &b->answers[i];
        r = a->json ? store_answer(t, a, e) : 0;
        if (r == 0 && a->key)
            r = store_key(t, a, e);
    }
    return r;
}

int sqlite_store_batch(struct sqlite *t, const struct batch *b, struct err *e)
{
    struct storing w = {t, e};
    int r = map_each(b->kv, store_value, &w);
    if (r == 0)
        r = store_rows(t, b, e);
    if (r == 0)
        r = store_answers(t, b, e);
    if (r == 0 && (b->rows_n || b->answers_n))
        r = store_head(t, e);
    return r;
}
