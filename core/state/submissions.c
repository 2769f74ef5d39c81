/* SPDX-License-Identifier: Apache-2.0 */
/* submissions - receipts, the answers given, and the keys that senders name their attempts with;
 * see state.h. */
#include "store.h"
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
    struct buf json = BUF_INIT(SIZE_MAX / 2);
    uint64_t ms = a ? a->ms : 0;
    int r = 1;
    if (!a)
        r = s->store->ops->answer(s->store, receipt, &json, &ms, e);
    else if (buf_add(&json, a->json, a->len) < 0)
        r = state_no_memory(e);
    char *text = r > 0 ? buf_take(&json, ret_len) : NULL;
    buf_done(&json);
    if (r <= 0)
        return r < 0 ? r : absent(e, "receipt");
    if (!text)
        return state_no_memory(e);
    *ret_json = text;
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

int state_is_last(struct state *s, const uint8_t receipt[SHA256_LEN], struct err *e)
{
    const struct batch *b = s->now.answers_n ? &s->now : s->frozen.answers_n ? &s->frozen : NULL;
    uint8_t last[SHA256_LEN];
    if (b)
        return memcmp(b->answers[b->answers_n - 1].receipt, receipt, SHA256_LEN) == 0;
    int r = s->store->ops->last(s->store, last, e);
    return r > 0 ? memcmp(last, receipt, SHA256_LEN) == 0 : r;
}

bool batch_answers(const struct batch *b, const uint8_t receipt[SHA256_LEN])
{
    return in_batch(b, receipt) != NULL;
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
    uint8_t receipt[SHA256_LEN];
    uint64_t ms = 0;
    int r = s->store->ops->named(s->store, key, receipt, &ms, e);
    if (r < 0)
        return r;
    if (r == 0 || expired(ms, now_ms))
        return absent(e, "key");
    memcpy(ret_receipt, receipt, SHA256_LEN);
    return 0;
}

int state_expire(struct state *s, uint64_t before_ms, unsigned most, struct err *e)
{
    if (s->is_frozen)
        return err_set(e, -EBUSY, "db-busy", "a commit is under way");
    uint64_t before = before_ms > INT64_MAX ? INT64_MAX : before_ms;
    int n = s->store->ops->expire(s->store, before, most, e);
    return n < 0 ? err_prefix(e, n, "removing old receipts") : n;
}
