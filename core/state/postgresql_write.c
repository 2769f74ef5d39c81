/* SPDX-License-Identifier: Apache-2.0 */
/* postgresql_write - a batch into PostgreSQL: one transaction in two round trips, and exactly once.
 *
 * First, in one pipeline: the row of the process is locked, so that commits of one name run one
 * after the other, those of a connection that was lost included; is the batch there already (by its
 * writer and number)? is the lease held? are the subjects what they were when they were looked at?
 * and everything is written. Then, when all that is as it should be, COMMIT; else ROLLBACK.
 *
 * A row that holds the same content and generation already stays: two hubs took the same document
 * at the same time, and the messages that they sent have the same ids. */
#include "postgresql.h"
#include "base/util.h"
#include <errno.h>
#include <string.h>
#include <time.h>

#define PATIENCE_MS 10000u /* with a server that is away, for one call */

const struct pg_statement pg_writing[] = {
    {"begin", "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE"},
    {"commit", "COMMIT"},
    {"rollback", "ROLLBACK"},
    {"lock", "SELECT last, last_writer, completed FROM reeve_process WHERE process = $1"
             " FOR UPDATE"},
    {"written", "SELECT 1 FROM reeve_writer WHERE process = $1 AND writer = $2 AND batch >= $3"},
    {"held", "SELECT 1 FROM reeve_lease WHERE name = $1::text AND epoch = $2"
             " AND expires > clock_timestamp() FOR KEY SHARE"},
    {"changed",
     "SELECT u.key FROM unnest($2::bytea[], $3::bytea[], $4::bigint[], $5::bytea[], $6::bigint[])"
     " AS u(key, was, was_generation, content, generation)"
     " LEFT JOIN reeve_subject s ON s.process = $1 AND s.key = u.key"
     " WHERE (s.content, s.generation) IS DISTINCT FROM (u.was, u.was_generation)"
     " AND (s.content, s.generation) IS DISTINCT FROM (u.content, u.generation) LIMIT 1"},
    {"mark", "INSERT INTO reeve_writer(process, writer, batch) VALUES($1, $2, $3)"
             " ON CONFLICT (process, writer) DO UPDATE SET batch = EXCLUDED.batch, at = now()"},
    {"kv", "INSERT INTO reeve_kv SELECT $1, u.hash, u.key, u.value"
           " FROM unnest($2::bytea[], $3::bytea[], $4::bytea[]) AS u(hash, key, value)"
           " WHERE u.value IS NOT NULL"
           " ON CONFLICT (process, hash) DO UPDATE SET value = EXCLUDED.value"},
    {"kv_remove", "DELETE FROM reeve_kv WHERE process = $1 AND hash IN (SELECT u.hash"
                  " FROM unnest($2::bytea[], $3::bytea[], $4::bytea[]) AS u(hash, key, value)"
                  " WHERE u.value IS NULL)"},
    {"runs", "INSERT INTO reeve_run(process, receipt) SELECT $1, u.receipt"
             " FROM unnest($2::bytea[]) AS u(receipt) WHERE NOT EXISTS (SELECT 1 FROM reeve_run r"
             " WHERE r.process = $1 AND r.receipt = u.receipt) ON CONFLICT DO NOTHING"},
    {"runs_over", "DELETE FROM reeve_run WHERE process = $1 AND receipt = ANY($2::bytea[])"},
    {"subjects",
     "INSERT INTO reeve_subject AS s(process, key, content, generation, run, base,"
     " base_generation) SELECT $1, u.key, u.content, u.generation, coalesce(r.run, 0), u.base,"
     " u.base_generation FROM unnest($2::bytea[], $3::bytea[], $4::bigint[], $5::bytea[],"
     " $6::bytea[], $7::bigint[]) AS u(key, content, generation, receipt, base, base_generation)"
     " LEFT JOIN reeve_run r ON r.process = $1 AND r.receipt = u.receipt"
     " ON CONFLICT (process, key) DO UPDATE SET content = EXCLUDED.content,"
     " generation = EXCLUDED.generation, run = EXCLUDED.run, base = EXCLUDED.base,"
     " base_generation = EXCLUDED.base_generation"
     " WHERE (s.content, s.generation) IS DISTINCT FROM (EXCLUDED.content, EXCLUDED.generation)"},
    {"answers", "INSERT INTO reeve_submission SELECT $1, u.receipt, u.ms, u.json"
                " FROM unnest($2::bytea[], $3::bigint[], $4::bytea[]) AS u(receipt, ms, json)"
                " ON CONFLICT (process, receipt) DO UPDATE SET ms = EXCLUDED.ms,"
                " json = EXCLUDED.json"},
    {"keys", "INSERT INTO reeve_idempotency SELECT $1, u.hash, u.receipt, u.ms"
             " FROM unnest($2::bytea[], $3::bytea[], $4::bigint[]) AS u(hash, receipt, ms)"
             " ON CONFLICT (process, hash) DO UPDATE SET receipt = EXCLUDED.receipt,"
             " ms = EXCLUDED.ms"},
    {"keys_expire", "DELETE FROM reeve_idempotency WHERE process = $1 AND ms < $2"},
    {"head", "UPDATE reeve_process SET last = $2, last_writer = $3, completed = completed + 1"
             " WHERE process = $1"},
    {"expire", "DELETE FROM reeve_submission WHERE process = $1 AND receipt IN (SELECT s.receipt"
               " FROM reeve_submission s, reeve_process p WHERE p.process = $1 AND s.process = $1"
               " AND s.ms < $2 AND s.receipt IS DISTINCT FROM p.last ORDER BY s.ms LIMIT $3)"},
};
const size_t pg_writing_n = ARRAY_SIZE(pg_writing);

/* ---- the answers ---- */
static int conflict(struct err *e, const char *what)
{
    return err_set(e, -ESTALE, "state-conflict",
                   "another hub %s at the same time; try again, and it is counted from there",
                   what);
}

/* Did another process complete a submission that this batch completes, after it was last looked
 * what the last one is? */
static int completed_elsewhere(const struct postgresql *t, const PGresult *r, const struct batch *b,
                               struct err *e)
{
    if (PQntuples(r) == 0)
        return err_set(e, -EUCLEAN, "db-corrupt", "the process is not known to the state any more");
    if (PQgetisnull(r, 0, 0) || PQgetlength(r, 0, 0) != SHA256_LEN)
        return 0;
    if (pg_int8(r, 0, 2) <= t->completed_before ||
        (PQgetlength(r, 0, 1) == WRITER_LEN &&
         memcmp(PQgetvalue(r, 0, 1), t->writer, WRITER_LEN) == 0))
        return 0;
    return batch_answers(b, (const uint8_t *)PQgetvalue(r, 0, 0))
               ? conflict(e, "completed the same document")
               : 0;
}

/* 1: it is there already. 0: to be committed. */
static int judge(struct sending *x, const struct batch *b)
{
    int verdict = 0;
    bool there = false;
    for (size_t i = 0; i < x->n; i++) {
        PGresult *r = NULL;
        struct err why;
        int rc = pg_next(&x->t->store, &r, x->e);
        if (rc < 0)
            return rc;
        int rows = PQntuples(r);
        if (x->expected[i] == LOCK)
            rc = completed_elsewhere(x->t, r, b, &why);
        else if (x->expected[i] == HELD && rows == 0)
            rc = err_set(&why, -EOWNERDEAD, "lease-lost",
                         "the lease %s is not held any more: another process may have taken over",
                         x->t->lease);
        else if (x->expected[i] == CHANGED && rows > 0)
            rc = conflict(&why, "stored one of these subjects");
        there |= x->expected[i] == WRITTEN && rows > 0;
        PQclear(r);
        if (rc < 0 && verdict == 0) {
            verdict = rc;
            *x->e = why;
        }
    }
    return there ? 1 : verdict;
}

static int end(struct postgresql *t, const char *how, struct err *e)
{
    PGresult *r = NULL;
    int rc = pg_pipeline(&t->store, e);
    if (rc == 0)
        rc = pg_send(&t->store, how, NULL, e);
    if (rc == 0)
        rc = pg_flush(&t->store, e);
    if (rc == 0)
        rc = pg_next(&t->store, &r, e);
    if (rc == 0 && strcmp(how, "commit") == 0 && strcmp(PQcmdStatus(r), "COMMIT") != 0)
        rc = err_set(e, -EIO, "db-io", "PostgreSQL did not commit");
    PQclear(r);
    pg_finish(&t->store);
    return rc;
}

static void roll_back(struct postgresql *t)
{
    struct err ignored;
    if (t->store.c && end(t, "rollback", &ignored) < 0)
        pg_drop(&t->store); /* which rolls back as well */
}

static int attempt(struct postgresql *t, const struct batch *b, struct err *e)
{
    struct sending x = {.t = t, .e = e};
    struct err ignored;
    int rc = pg_connect(&t->store, e);
    if (rc == 0)
        rc = pg_pipeline(&t->store, e);
    if (rc < 0)
        return rc;
    postgresql_send_begin(&x);
    postgresql_send_batch(&x, b);
    rc = x.rc;
    int flushed = t->store.c ? pg_flush(&t->store, rc < 0 ? &ignored : e) : 0;
    if (rc == 0)
        rc = flushed;
    if (rc == 0)
        rc = judge(&x, b);
    pg_finish(&t->store);
    if (rc == 0)
        return end(t, "commit", e);
    roll_back(t);
    return rc > 0 ? 0 : rc;
}

static void pause_ms(long ms)
{
    struct timespec d = {.tv_nsec = ms * 1000000};
    (void)nanosleep(&d, NULL);
}

int postgresql_write(struct store *base, const struct batch *b, struct err *e)
{
    struct postgresql *t = (struct postgresql *)base;
    uint64_t until = mono_ms() + PATIENCE_MS;
    int rc;
    while ((rc = attempt(t, b, e)) == -ENOTCONN && mono_ms() < until) {
        while (mono_ms() < t->store.again_ms && mono_ms() < until)
            pause_ms(20);
    }
    return rc;
}

int postgresql_expire(struct store *base, uint64_t before_ms, unsigned most, struct err *e)
{
    struct postgresql *t = (struct postgresql *)base;
    struct pg_args lock = {.n = 0}, a = {.n = 0};
    PGresult *r = NULL;
    pg_arg_int4(&lock, t->process);
    pg_arg_int4(&a, t->process);
    pg_arg_int8(&a, before_ms);
    pg_arg_int8(&a, most);
    struct sending x = {.t = t, .e = e};
    int n = 0, rc = pg_connect(&t->store, e);
    if (rc == 0)
        rc = pg_pipeline(&t->store, e);
    if (rc < 0)
        return rc;
    postgresql_send(&x, ANY, "begin", NULL);
    postgresql_send(&x, ANY, "lock", &lock); /* so that it meets no commit in the middle */
    postgresql_send(&x, ANY, "expire", &a);
    rc = x.rc < 0 ? x.rc : pg_flush(&t->store, e);
    for (size_t i = 0; rc == 0 && i < x.n; i++) {
        PQclear(r);
        r = NULL;
        rc = pg_next(&t->store, &r, e);
    }
    int64_t removed = 0;
    if (rc == 0 && parse_i64(PQcmdTuples(r), &removed) == 0)
        n = (int)removed;
    PQclear(r);
    pg_finish(&t->store);
    if (rc == 0)
        rc = end(t, "commit", e);
    else
        roll_back(t);
    return rc < 0 ? rc : n;
}
