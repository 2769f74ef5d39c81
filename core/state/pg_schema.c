/* SPDX-License-Identifier: Apache-2.0 */
/* pg_schema - see pg_schema.h.
 *
 * Texts of plugins and senders are only ever looked up whole, and may be longer than an index
 * takes: they are found by their SHA-256 ("hash"). reeve_lease has a second unique index so that
 * the server takes a change of the epoch for one of a key: a commit that holds the row FOR KEY
 * SHARE keeps others from taking the lease over, and lets its holder renew it. */
#include "pg_schema.h"
#include <errno.h>
#include <stdio.h>

static const char *const steps[] = {
    "CREATE TABLE reeve_process(process integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,"
    " name text NOT NULL UNIQUE, last bytea, last_writer bytea,"
    " completed bigint NOT NULL DEFAULT 0);"
    "CREATE TABLE reeve_writer(process integer, writer bytea, batch bigint NOT NULL,"
    " at timestamptz NOT NULL DEFAULT now(), PRIMARY KEY(process, writer));"
    "CREATE TABLE reeve_kv(process integer, hash bytea, key bytea NOT NULL, value bytea NOT NULL,"
    " PRIMARY KEY(process, hash));"
    "CREATE TABLE reeve_subject(process integer, key bytea, content bytea NOT NULL,"
    " generation bigint NOT NULL, run bigint NOT NULL, base bytea, base_generation bigint,"
    " PRIMARY KEY(process, key));"
    "CREATE TABLE reeve_run(run bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,"
    " process integer NOT NULL, receipt bytea NOT NULL, UNIQUE(process, receipt));"
    "CREATE TABLE reeve_submission(process integer, receipt bytea, ms bigint NOT NULL,"
    " json bytea NOT NULL, PRIMARY KEY(process, receipt));"
    "CREATE INDEX reeve_submission_ms ON reeve_submission(process, ms);"
    "CREATE TABLE reeve_idempotency(process integer, hash bytea, receipt bytea NOT NULL,"
    " ms bigint NOT NULL, PRIMARY KEY(process, hash));"
    "CREATE INDEX reeve_idempotency_ms ON reeve_idempotency(process, ms);"
    "CREATE TABLE reeve_lease(name text PRIMARY KEY, epoch bigint NOT NULL, holder text NOT NULL,"
    " nonce bytea NOT NULL, expires timestamptz NOT NULL, UNIQUE(name, epoch))"};

const struct pg_form pg_form = {steps, sizeof(steps) / sizeof(steps[0])};

static const char make[] =
    "CREATE TABLE IF NOT EXISTS reeve_format(one boolean PRIMARY KEY DEFAULT true CHECK(one),"
    " format integer NOT NULL)";

/* 0: there are none. */
static int look(struct pg *p, int *ret, struct err *e)
{
    static const struct pg_args none;
    PGresult *r = NULL;
    *ret = 0;
    int rc = pg_exec(p,
                     "SELECT 1 FROM pg_class WHERE relname = 'reeve_format' AND relkind = 'r'"
                     " AND relnamespace = current_schema()::regnamespace",
                     &none, &r, e);
    bool there = rc == 0 && PQntuples(r) > 0;
    PQclear(r);
    r = NULL;
    if (there)
        rc = pg_exec(p, "SELECT format FROM reeve_format", &none, &r, e);
    if (rc == 0 && there && PQntuples(r) > 0)
        *ret = (int)pg_int4(r, 0, 0);
    PQclear(r);
    return rc;
}

static int too_new(int there, const struct pg_form *form, struct err *e)
{
    return err_set(e, -EPROTONOSUPPORT, "db-format",
                   "the tables in PostgreSQL are of format %d and this reeve knows up to %d: they "
                   "were made by a newer one; install that, or restore the data base from before",
                   there, form->format);
}

static int climb(struct pg *p, const struct pg_form *form, struct err *e)
{
    char sql[160];
    int there = 0;
    /* one at a time; the number is any that nobody else uses */
    int rc = pg_exec(p, "SELECT pg_advisory_xact_lock(1919247731, hashtext(current_schema()))",
                     NULL, NULL, e);
    if (rc == 0)
        rc = look(p, &there, e);
    if (rc == 0 && there > form->format)
        rc = too_new(there, form, e);
    if (rc == 0 && there == 0)
        rc = pg_exec(p, make, NULL, NULL, e);
    for (int i = there; rc == 0 && i < form->format; i++)
        rc = pg_exec(p, form->steps[i], NULL, NULL, e);
    (void)snprintf(sql, sizeof(sql),
                   "INSERT INTO reeve_format(format) VALUES(%d)"
                   " ON CONFLICT (one) DO UPDATE SET format = EXCLUDED.format",
                   form->format);
    return rc < 0 || there == form->format ? rc : pg_exec(p, sql, NULL, NULL, e);
}

int pg_bring_up(struct pg *p, const struct pg_form *form, struct err *e)
{
    int there;
    int rc = look(p, &there, e);
    if (rc < 0 || there == form->format)
        return rc;
    if (there > form->format)
        return too_new(there, form, e);
    rc = pg_exec(p, "BEGIN", NULL, NULL, e);
    if (rc == 0)
        rc = climb(p, form, e);
    struct err ignored;
    int end = p->c ? pg_exec(p, rc == 0 ? "COMMIT" : "ROLLBACK", NULL, NULL, rc ? &ignored : e) : 0;
    return rc < 0 ? err_prefix(e, rc, "the tables of state") : end;
}

int pg_schema_ensure(struct pg *p, struct err *e)
{
    return pg_bring_up(p, &pg_form, e);
}
