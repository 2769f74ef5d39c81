/* SPDX-License-Identifier: Apache-2.0 */
/* postgresql - state in PostgreSQL, shared with the same process of other hubs: opening it and
 * look-ups. Look-ups are not part of a transaction: they see what anybody has committed. */
#include "postgresql.h"
#include "base/util.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define FETCHED_MS 2000 /* longer than it takes to use them, shorter than a submission's retry */

static const struct pg_statement looking[] = {
    {"get", "SELECT value FROM reeve_kv WHERE process = $1 AND hash = $2"},
    {"subjects", "SELECT s.key, s.content, s.generation, s.base, s.base_generation, r.receipt"
                 " FROM reeve_subject s LEFT JOIN reeve_run r ON r.run = s.run"
                 " WHERE s.process = $1 AND s.key = ANY($2::bytea[])"},
    {"answer", "SELECT json, ms FROM reeve_submission WHERE process = $1 AND receipt = $2"},
    {"named", "SELECT receipt, ms FROM reeve_idempotency WHERE process = $1 AND hash = $2"},
    {"last", "SELECT last, completed FROM reeve_process WHERE process = $1"},
};

/* ---- look-ups ---- */
/* One that is asked by process and bytes. 1: *ret has one row. */
static int find(struct postgresql *t, const char *statement, const void *key, size_t len,
                PGresult **ret, struct err *e)
{
    struct pg_args a = {.n = 0};
    pg_arg_int4(&a, t->process);
    if (key)
        pg_arg(&a, key, len);
    int r = pg_ask(&t->look, statement, &a, ret, e);
    return r < 0 ? r : PQntuples(*ret) > 0;
}

static int column(const PGresult *r, int n, struct buf *ret, struct err *e)
{
    int rc = buf_add(ret, PQgetvalue(r, 0, n), (size_t)PQgetlength(r, 0, n));
    return rc < 0 ? state_no_memory(e) : 1;
}

static int get(struct store *base, const char *key, struct buf *ret, struct err *e)
{
    struct postgresql *t = (struct postgresql *)base;
    uint8_t hash[SHA256_LEN];
    PGresult *r = NULL;
    sha256(key, strlen(key), hash);
    int rc = find(t, "get", hash, sizeof(hash), &r, e);
    if (rc > 0)
        rc = column(r, 0, ret, e);
    PQclear(r);
    return rc;
}

static int answer(struct store *base, const uint8_t receipt[SHA256_LEN], struct buf *ret_json,
                  uint64_t *ret_ms, struct err *e)
{
    struct postgresql *t = (struct postgresql *)base;
    PGresult *r = NULL;
    int rc = find(t, "answer", receipt, SHA256_LEN, &r, e);
    if (rc > 0) {
        *ret_ms = pg_int8(r, 0, 1);
        rc = column(r, 0, ret_json, e);
    }
    PQclear(r);
    return rc;
}

static int named(struct store *base, const char *key, uint8_t ret_receipt[SHA256_LEN],
                 uint64_t *ret_ms, struct err *e)
{
    struct postgresql *t = (struct postgresql *)base;
    uint8_t hash[SHA256_LEN];
    PGresult *r = NULL;
    sha256(key, strlen(key), hash);
    int rc = find(t, "named", hash, sizeof(hash), &r, e);
    if (rc > 0) {
        *ret_ms = pg_int8(r, 0, 1);
        rc = pg_bytes(r, 0, 0, ret_receipt, SHA256_LEN, e);
        rc = rc < 0 ? rc : 1;
    }
    PQclear(r);
    return rc;
}

static int last(struct store *base, uint8_t ret_receipt[SHA256_LEN], struct err *e)
{
    struct postgresql *t = (struct postgresql *)base;
    PGresult *r = NULL;
    int rc = find(t, "last", NULL, 0, &r, e);
    if (rc > 0)
        t->completed = pg_int8(r, 0, 1);
    if (rc > 0 && PQgetisnull(r, 0, 0))
        rc = 0;
    if (rc > 0) {
        rc = pg_bytes(r, 0, 0, ret_receipt, SHA256_LEN, e);
        rc = rc < 0 ? rc : 1;
    }
    PQclear(r);
    return rc;
}

/* ---- subjects ---- */
static int read_row(const PGresult *r, int i, struct subject_seen *ret, struct err *e)
{
    *ret = (struct subject_seen){.there = true,
                                 .has_base = !PQgetisnull(r, i, 3),
                                 .open = !PQgetisnull(r, i, 5),
                                 .generation = pg_int8(r, i, 2),
                                 .base_generation = pg_int8(r, i, 4)};
    int rc = pg_bytes(r, i, 1, ret->content, SHA256_LEN, e);
    if (rc == 0 && ret->has_base)
        rc = pg_bytes(r, i, 3, ret->base, SHA256_LEN, e);
    if (rc == 0 && ret->open)
        rc = pg_bytes(r, i, 5, ret->receipt, SHA256_LEN, e);
    return rc;
}

static int ask_subjects(struct postgresql *t, const uint8_t *keys, size_t n, PGresult **ret,
                        struct err *e)
{
    struct buf b = BUF_INIT(1u << 20);
    struct pg_args a = {.n = 0};
    int rc = pg_array(&b, PG_BYTEA, n);
    for (size_t i = 0; rc == 0 && i < n; i++)
        rc = pg_element(&b, keys + i * SHA256_LEN, SHA256_LEN);
    pg_arg_int4(&a, t->process);
    pg_arg(&a, b.p, b.len);
    rc = rc < 0 ? state_no_memory(e) : pg_ask(&t->look, "subjects", &a, ret, e);
    buf_done(&b);
    return rc;
}

static const struct subject_seen *at_hand(const struct postgresql *t, const uint8_t *key,
                                          const uint8_t *receipt)
{
    if (memcmp(t->fetched_receipt, receipt, SHA256_LEN) != 0 ||
        mono_ms() - t->fetched_ms > FETCHED_MS)
        return NULL;
    return map_get(t->fetched, (const char *)key, SHA256_LEN);
}

static bool is_at_hand(const struct store *base, const uint8_t key[SHA256_LEN],
                       const uint8_t receipt[SHA256_LEN])
{
    return at_hand((const struct postgresql *)base, key, receipt) != NULL;
}

static int subject(struct store *base, const uint8_t key[SHA256_LEN],
                   const uint8_t receipt[SHA256_LEN], struct subject_seen *ret, struct err *e)
{
    struct postgresql *t = (struct postgresql *)base;
    const struct subject_seen *seen = at_hand(t, key, receipt);
    PGresult *r = NULL;
    if (seen) {
        *ret = *seen;
        return seen->there;
    }
    int rc = ask_subjects(t, key, 1, &r, e);
    if (rc == 0 && PQntuples(r) > 0) {
        rc = read_row(r, 0, ret, e);
        rc = rc < 0 ? rc : 1;
    }
    PQclear(r);
    return rc;
}

static int hold(struct postgresql *t, const void *key, const struct subject_seen *seen,
                struct err *e)
{
    struct subject_seen *copy = malloc(sizeof(*copy));
    if (copy)
        *copy = *seen;
    if (!copy || map_put(t->fetched, key, SHA256_LEN, copy) < 0) {
        free(copy);
        return state_no_memory(e);
    }
    return 0;
}

static int prefetch(struct store *base, const uint8_t receipt[SHA256_LEN], const uint8_t *keys,
                    size_t n, struct err *e)
{
    static const struct subject_seen absent;
    struct postgresql *t = (struct postgresql *)base;
    PGresult *r = NULL;
    map_clear(t->fetched);
    t->fetched_ms = mono_ms(); /* as old as the question */
    memcpy(t->fetched_receipt, receipt, SHA256_LEN);
    int rc = n ? ask_subjects(t, keys, n, &r, e) : 0;
    for (size_t i = 0; rc == 0 && i < n; i++)
        rc = hold(t, keys + i * SHA256_LEN, &absent, e);
    for (int i = 0; rc == 0 && r && i < PQntuples(r); i++) {
        struct subject_seen seen;
        rc = read_row(r, i, &seen, e);
        if (rc == 0 && PQgetlength(r, i, 0) == SHA256_LEN)
            rc = hold(t, PQgetvalue(r, i, 0), &seen, e);
    }
    PQclear(r);
    if (rc < 0)
        map_clear(t->fetched);
    return rc;
}

/* ---- batches ---- */
static int freeze(struct store *base, struct batch *b, struct err *e)
{
    struct postgresql *t = (struct postgresql *)base;
    (void)b;
    (void)e;
    t->batch++;
    t->completed_before = t->completed;
    return 0;
}

static void written(struct store *base, const struct batch *b)
{
    struct postgresql *t = (struct postgresql *)base;
    (void)b;
    map_clear(t->fetched); /* older than what was just stored */
}

static void idle(struct store *base, bool forget)
{
    struct postgresql *t = (struct postgresql *)base;
    if (forget)
        map_clear(t->fetched);
}

static int guard(struct store *base, const char *name, uint64_t epoch, struct err *e)
{
    struct postgresql *t = (struct postgresql *)base;
    char *copy = name ? strdup(name) : NULL;
    if (name && !copy)
        return state_no_memory(e);
    free(t->lease);
    t->lease = copy;
    t->epoch = epoch;
    return 0;
}

/* ---- opening ---- */
static void close_store(struct store *base)
{
    struct postgresql *t = (struct postgresql *)base;
    pg_done(&t->look);
    pg_done(&t->store);
    map_free(t->fetched);
    free(t->lease);
    free(t);
}

static const struct store_ops ops = {.close = close_store,
                                     .get = get,
                                     .subject = subject,
                                     .answer = answer,
                                     .named = named,
                                     .last = last,
                                     .freeze = freeze,
                                     .write = postgresql_write,
                                     .written = written,
                                     .idle = idle,
                                     .expire = postgresql_expire,
                                     .prefetch = prefetch,
                                     .at_hand = is_at_hand,
                                     .guard = guard};

struct place {
    const char *conninfo, *process;
};

static int place_of(const struct tree *part, struct place *ret, struct err *e)
{
    ret->conninfo = tree_gets(part, "conninfo", NULL);
    ret->process = tree_gets(part, "process", NULL);
    if (!ret->conninfo || !ret->process)
        return err_set(e, -EINVAL, "plan", "the plan names no conninfo and process for the state");
    return 0;
}

/* The number of the process's name, which is given one if it has none. What is left of writers and
 * runs of long ago goes. */
static int enter(struct postgresql *t, const char *name, struct err *e)
{
    PGresult *r = NULL;
    struct pg_args a = {.n = 0}, of_process = {.n = 0};
    pg_arg(&a, name, strlen(name));
    int rc = pg_connect(&t->store, e);
    if (rc == 0) /* not by the conflict alone: each would use up a number */
        rc = pg_exec(&t->store,
                     "INSERT INTO reeve_process(name) SELECT $1::text WHERE NOT EXISTS"
                     " (SELECT 1 FROM reeve_process WHERE name = $1::text) ON CONFLICT DO NOTHING",
                     &a, NULL, e);
    if (rc == 0)
        rc =
            pg_exec(&t->store, "SELECT process, completed FROM reeve_process WHERE name = $1::text",
                    &a, &r, e);
    if (rc == 0 && PQntuples(r) == 0)
        rc = err_set(e, -EIO, "db-io", "the name of the process went away");
    if (rc == 0) {
        t->process = pg_int4(r, 0, 0);
        t->completed = pg_int8(r, 0, 1);
    }
    PQclear(r);
    pg_arg_int4(&of_process, t->process);
    if (rc == 0)
        rc = pg_exec(&t->store,
                     "DELETE FROM reeve_writer WHERE process = $1"
                     " AND at < now() - interval '7 days'",
                     &of_process, NULL, e);
    pg_arg_int8(&of_process, RUNS_MAX);
    if (rc == 0)
        rc = pg_exec(&t->store,
                     "DELETE FROM reeve_run WHERE process = $1 AND run <="
                     " (SELECT run FROM reeve_run WHERE process = $1 ORDER BY run DESC"
                     " LIMIT 1 OFFSET $2)",
                     &of_process, NULL, e);
    return rc;
}

int store_postgresql_open(const struct tree *part, struct store **ret, struct err *e)
{
    struct place at;
    char application[80];
    int rc = place_of(part, &at, e);
    if (rc < 0)
        return rc;
    struct postgresql *t = xcalloc(1, sizeof(*t));
    if (!t)
        return state_no_memory(e);
    t->base.ops = &ops;
    t->fetched = map_new(free);
    (void)snprintf(application, sizeof(application), "reeve %s", at.process);
    rc = !t->fetched || random_bytes(t->writer, sizeof(t->writer)) < 0 ? state_no_memory(e) : 0;
    if (rc == 0)
        rc = pg_init(&t->look, at.conninfo, application, looking, ARRAY_SIZE(looking), e);
    if (rc == 0)
        rc = pg_init(&t->store, at.conninfo, application, pg_writing, pg_writing_n, e);
    if (rc == 0)
        rc = enter(t, at.process, e);
    if (rc < 0) {
        close_store(&t->base);
        return rc;
    }
    *ret = &t->base;
    return 0;
}

int store_postgresql_take_over(const struct tree *old, const struct tree *part, struct err *e)
{
    struct place from, to;
    struct pg p = {.c = NULL};
    struct pg_args a = {.n = 0};
    PGresult *r = NULL;
    int rc = place_of(old, &from, e);
    if (rc == 0)
        rc = place_of(part, &to, e);
    if (rc < 0)
        return rc;
    pg_arg(&a, from.process, strlen(from.process));
    pg_arg(&a, to.process, strlen(to.process));
    rc = pg_init(&p, to.conninfo, "reeve", NULL, 0, e);
    if (rc == 0)
        rc = pg_connect(&p, e);
    if (rc == 0)
        rc = pg_exec(&p,
                     "UPDATE reeve_process SET name = $2::text WHERE name = $1::text"
                     " AND NOT EXISTS (SELECT 1 FROM reeve_process WHERE name = $2::text)",
                     &a, &r, e);
    if (rc == 0)
        rc = strcmp(PQcmdTuples(r), "1") == 0;
    PQclear(r);
    pg_done(&p);
    return rc;
}
