/* SPDX-License-Identifier: Apache-2.0 */
/* state - opening, keys of plugins and steps, commit and rollback; see state.h. What is staged is
 * kept here, whatever the store. */
#include "store.h"
#include "base/util.h"
#include <errno.h>
#include <string.h>

#define VALUE_MAX (16u << 20)

int state_no_memory(struct err *e)
{
    return err_set(e, -ENOMEM, "memory", "no memory for what the connector remembers");
}

static int batch_init(struct batch *b)
{
    b->kv = map_new(free);
    b->by_key = map_new(NULL);
    return b->kv && b->by_key ? 0 : -ENOMEM;
}

static void batch_clear(struct batch *b)
{
    if (b->kv)
        map_clear(b->kv);
    if (b->by_key)
        map_clear(b->by_key);
    b->rows_n = 0;
    for (size_t i = 0; i < b->answers_n; i++) {
        free(b->answers[i].key);
        free(b->answers[i].json);
    }
    b->answers_n = 0;
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

/* 1: PostgreSQL, 0: a file; negative errno. */
static int is_shared(const struct tree *part, struct err *e)
{
    const char *engine = tree_gets(part, "engine", "sqlite");
    if (strcmp(engine, "sqlite") == 0)
        return 0;
    if (strcmp(engine, "postgresql") == 0)
        return 1;
    return err_set(e, -EINVAL, "plan", "there is no store of state called %s", engine);
}

int state_open(const struct tree *part, struct state **ret, struct err *e)
{
    struct state *s = xcalloc(1, sizeof(*s));
    if (!s)
        return state_no_memory(e);
    buf_init(&s->value, SIZE_MAX / 2);
    int r = batch_init(&s->now) < 0 || batch_init(&s->frozen) < 0 ? state_no_memory(e) : 0;
    if (r == 0)
        r = is_shared(part, e);
    if (r >= 0)
        r = r ? store_postgresql_open(part, &s->store, e) : store_sqlite_open(part, &s->store, e);
    if (r < 0) {
        state_close(s);
        return r;
    }
    *ret = s;
    return 0;
}

int state_take_over(const struct tree *old, const struct tree *part, struct err *e)
{
    int r = is_shared(part, e);
    return r < 0 ? r
           : r   ? store_postgresql_take_over(old, part, e)
                 : store_sqlite_take_over(old, part, e);
}

void state_close(struct state *s)
{
    if (!s)
        return;
    if (s->store)
        s->store->ops->close(s->store);
    batch_done(&s->now);
    batch_done(&s->frozen);
    buf_done(&s->value);
    free(s);
}

int state_get(struct state *s, const char *key, const void **ret, size_t *ret_len, struct err *e)
{
    const struct kept *v = map_get(s->now.kv, key, strlen(key));
    if (!v)
        v = map_get(s->frozen.kv, key, strlen(key));
    if (v && !v->removed) {
        *ret = v->p;
        *ret_len = v->len;
        return 0;
    }
    buf_reset(&s->value);
    int r = v ? 0 : s->store->ops->get(s->store, key, &s->value, e);
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
    struct kept *v = malloc(sizeof(*v) + len + 1); /* 1: so that a value is never of no size */
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

int state_freeze(struct state *s, struct err *e)
{
    if (s->is_frozen)
        return 1;
    if (batch_empty(&s->now)) {
        s->store->ops->idle(s->store, false);
        return 0;
    }
    int r = s->store->ops->freeze(s->store, &s->now, e);
    if (r < 0)
        return r;
    struct batch empty = s->frozen;
    s->frozen = s->now;
    s->now = empty;
    s->is_frozen = true;
    return 1;
}

int state_store(struct state *s, struct err *e)
{
    return s->store->ops->write(s->store, &s->frozen, e);
}

void state_stored(struct state *s)
{
    s->store->ops->written(s->store, &s->frozen);
    batch_clear(&s->frozen);
    s->is_frozen = false;
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
    s->store->ops->idle(s->store, true);
}

int state_guard(struct state *s, const char *name, uint64_t epoch, struct err *e)
{
    if (s->store->ops->guard)
        return s->store->ops->guard(s->store, name, epoch, e);
    return name ? err_set(e, -ENOTSUP, "plan", "a file of one's own has no leases") : 0;
}
