/* SPDX-License-Identifier: Apache-2.0 */
/* submissions - receipts, the answers given, and the keys that senders name their attempts with;
 * see state.h. */
#include "inner.h"
#include "base/util.h"
#include <errno.h>
#include <string.h>

static const struct answer *in_batch(const struct batch *b, const uint8_t receipt[SHA256_LEN])
{
    for (size_t i = b->answers_n; i > 0; i--)
        if (b->answers[i - 1].json && memcmp(b->answers[i - 1].receipt, receipt, SHA256_LEN) == 0)
            return &b->answers[i - 1];
    return NULL;
}

static const struct answer *staged(const struct state *s, const uint8_t receipt[SHA256_LEN])
{
    const struct answer *a = in_batch(&s->now, receipt);
    return a ? a : in_batch(&s->frozen, receipt);
}

static char *copy(const void *p, size_t len)
{
    char *c = malloc(len + 1);
    if (!c)
        return NULL;
    if (len)
        memcpy(c, p, len);
    c[len] = '\0';
    return c;
}

static int absent(struct err *e, const char *what)
{
    return err_set(e, -ENOENT, "absent", "there is no such %s", what);
}

int state_receipt(struct state *s, const uint8_t receipt[SHA256_LEN], char **ret_json,
                  size_t *ret_len, uint64_t *ret_ms, struct err *e)
{
    const struct answer *a = staged(s, receipt);
    sqlite3_stmt *st = s->st[ST_ANSWER];
    const void *json = a ? a->json : NULL;
    size_t len = a ? a->len : 0;
    uint64_t ms = a ? a->ms : 0;
    if (!a) {
        sqlite3_bind_blob(st, 1, receipt, SHA256_LEN, SQLITE_STATIC);
        int r = db_step(s->look, st, e);
        if (r <= 0) {
            state_clear(s, ST_ANSWER);
            return r < 0 ? r : absent(e, "receipt");
        }
        json = sqlite3_column_blob(st, 0);
        len = (size_t)sqlite3_column_bytes(st, 0);
        ms = (uint64_t)sqlite3_column_int64(st, 1);
    }
    char *text = copy(json, len);
    state_clear(s, ST_ANSWER);
    if (!text)
        return state_no_memory(e);
    *ret_json = text;
    *ret_len = len;
    if (ret_ms)
        *ret_ms = ms;
    return 0;
}

int state_receipt_put(struct state *s, const uint8_t receipt[SHA256_LEN],
                      const char *idempotency_key, const char *json, size_t len, uint64_t now_ms,
                      struct err *e)
{
    struct batch *b = &s->now;
    void *p = b->answers;
    if (len > INT32_MAX || now_ms > INT64_MAX)
        return err_set(e, -EFBIG, "too-large", "an answer of %zu bytes is too large", len);
    if (grow_array(&p, &b->answers_cap, b->answers_n + 1, sizeof(*b->answers)) < 0)
        return state_no_memory(e);
    b->answers = p;
    struct answer a = {.len = len, .ms = now_ms, .json = json ? copy(json, len) : NULL};
    memcpy(a.receipt, receipt, SHA256_LEN);
    if (idempotency_key)
        a.key = copy(idempotency_key, strlen(idempotency_key));
    if ((json && !a.json) || (idempotency_key && !a.key)) {
        free(a.json);
        free(a.key);
        return state_no_memory(e);
    }
    b->answers[b->answers_n++] = a;
    return 0;
}

bool state_is_last(struct state *s, const uint8_t receipt[SHA256_LEN])
{
    const struct batch *b = s->now.answers_n ? &s->now : s->frozen.answers_n ? &s->frozen : NULL;
    if (b)
        return memcmp(b->answers[b->answers_n - 1].receipt, receipt, SHA256_LEN) == 0;
    return s->has_last && memcmp(s->last, receipt, SHA256_LEN) == 0;
}

/* A clock that was set back makes nothing expire. */
static bool expired(uint64_t ms, uint64_t now_ms)
{
    return now_ms > ms && now_ms - ms >= IDEMPOTENCY_MS;
}

static const struct answer *named(const struct batch *b, const char *key)
{
    for (size_t i = b->answers_n; i > 0; i--) {
        const struct answer *a = &b->answers[i - 1];
        if (a->key && strcmp(a->key, key) == 0)
            return a;
    }
    return NULL;
}

int state_idempotency(struct state *s, const char *key, uint64_t now_ms,
                      uint8_t ret_receipt[SHA256_LEN], struct err *e)
{
    const struct answer *a = named(&s->now, key);
    if (!a)
        a = named(&s->frozen, key);
    if (a) {
        if (expired(a->ms, now_ms))
            return absent(e, "key");
        memcpy(ret_receipt, a->receipt, SHA256_LEN);
        return 0;
    }
    sqlite3_stmt *st = s->st[ST_KEY];
    uint8_t receipt[SHA256_LEN];
    sqlite3_bind_blob(st, 1, key, (int)strlen(key), SQLITE_STATIC);
    int r = db_step(s->look, st, e);
    if (r > 0)
        r = expired((uint64_t)sqlite3_column_int64(st, 1), now_ms) ? 0
            : state_digest_column(st, 0, receipt, e) < 0           ? -EUCLEAN
                                                                   : 1;
    state_clear(s, ST_KEY);
    if (r <= 0)
        return r < 0 ? r : absent(e, "key");
    memcpy(ret_receipt, receipt, SHA256_LEN);
    return 0;
}

static int store_key(struct state *s, const struct answer *a, struct err *e)
{
    sqlite3_stmt *st = s->st[ST_KEY_PUT];
    sqlite3_bind_blob(st, 1, a->key, (int)strlen(a->key), SQLITE_STATIC);
    sqlite3_bind_blob(st, 2, a->receipt, SHA256_LEN, SQLITE_STATIC);
    sqlite3_bind_int64(st, 3, (sqlite3_int64)a->ms);
    return state_do(s, ST_KEY_PUT, e);
}

static int store_answer(struct state *s, const struct answer *a, struct err *e)
{
    sqlite3_stmt *st = s->st[ST_ANSWER_PUT];
    sqlite3_bind_blob(st, 1, a->receipt, SHA256_LEN, SQLITE_STATIC);
    sqlite3_bind_int64(st, 2, (sqlite3_int64)a->ms);
    sqlite3_bind_blob(st, 3, a->json, (int)a->len, SQLITE_STATIC);
    return state_do(s, ST_ANSWER_PUT, e);
}

static int expire_keys(struct state *s, uint64_t now_ms, struct err *e)
{
    if (now_ms <= IDEMPOTENCY_MS)
        return 0;
    sqlite3_bind_int64(s->st[ST_KEY_EXPIRE], 1, (sqlite3_int64)(now_ms - IDEMPOTENCY_MS));
    return state_do(s, ST_KEY_EXPIRE, e);
}

int answers_store(struct state *s, const struct batch *b, struct err *e)
{
    int r = b->answers_n ? expire_keys(s, b->answers[b->answers_n - 1].ms, e) : 0;
    for (size_t i = 0; r == 0 && i < b->answers_n; i++) {
        const struct answer *a = &b->answers[i];
        r = a->json ? store_answer(s, a, e) : 0;
        if (r == 0 && a->key)
            r = store_key(s, a, e);
    }
    return r;
}

int state_expire(struct state *s, uint64_t before_ms, unsigned most, struct err *e)
{
    sqlite3_stmt *st = s->st[ST_ANSWER_EXPIRE];
    if (s->is_frozen)
        return err_set(e, -EBUSY, "db-busy", "a commit is under way");
    sqlite3_bind_int64(st, 1, before_ms > INT64_MAX ? INT64_MAX : (sqlite3_int64)before_ms);
    if (s->has_last)
        sqlite3_bind_blob(st, 2, s->last, SHA256_LEN, SQLITE_STATIC);
    sqlite3_bind_int64(st, 3, most);
    int r = state_do(s, ST_ANSWER_EXPIRE, e);
    if (r < 0)
        return err_prefix(e, r, "removing old receipts");
    int n = sqlite3_changes(s->store);
    state_end(s);
    state_write_back(s);
    if (n > 0 && (unsigned)n < most)
        db_empty_log(s->store);
    return n;
}
