/* SPDX-License-Identifier: Apache-2.0 */
/* pg - a connection to PostgreSQL as this room uses it: prepared statements, binary parameters, an
 * end to every wait, and reconnecting with back-off. Private to this room. One thread at a time.
 *
 * Codes: "state-away" (-ENOTCONN: no connection, or it was lost or gave no answer in time; it is
 * closed then), "state-refused" (-EACCES), "state-conflict" (-ESTALE), "db-disk-full", "db-format",
 * "db-corrupt", "db-memory", "db-io" (whatever else the server says, with its SQLSTATE). */
#ifndef REEVE_STATE_PG_H
#define REEVE_STATE_PG_H
#include "base/buf.h"
#include "base/err.h"
#include <libpq-fe.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PG_ARGS 12

struct pg_statement {
    const char *name, *sql;
};

struct pg {
    PGconn *c; /* NULL: not connected */
    char *conninfo, *application;
    const struct pg_statement *statements; /* prepared with every connection */
    size_t statements_n;
    uint64_t again_ms; /* mono_ms(): not before, after a failure */
    unsigned failures;
    bool in_pipeline;
};

/* conninfo and application are copied; statements are borrowed. 0 or -ENOMEM. Connects to nothing.
 */
int pg_init(struct pg *p, const char *conninfo, const char *application,
            const struct pg_statement *statements, size_t n, struct err *e);
void pg_done(struct pg *p);
/* The connection is there, or is made: settings, tables (pg_schema.h), statements. */
int pg_connect(struct pg *p, struct err *e);
void pg_drop(struct pg *p); /* closes it; the next use connects again */
/* What a connection attempt is made with: our defaults, then the conninfo, then what must be so.
 * keys and values: PG_PARAMETERS places each. Returns where the closing NULL stands; a few more may
 * be added from there. */
#define PG_PARAMETERS 16
size_t pg_parameters(const char *conninfo, const char *application, const char *keys[],
                     const char *values[]);
/* What every session is told first; ends in one result. */
extern const char pg_settings[];

/* ---- parameters, in their order ---- */
struct pg_args {
    const char *value[PG_ARGS];
    int len[PG_ARGS];
    int n;
    uint64_t number[PG_ARGS];
};
void pg_arg(struct pg_args *a, const void *p, size_t len); /* borrowed; p NULL: NULL */
void pg_arg_int4(struct pg_args *a, uint32_t v);
void pg_arg_int8(struct pg_args *a, uint64_t v);
/* One-dimensional arrays in the server's binary form (src/backend/utils/adt/arrayfuncs.c,
 * array_recv), made in a buffer: n elements follow. */
enum { PG_BYTEA = 17, PG_INT8 = 20 };
int pg_array(struct buf *b, uint32_t type, size_t n);
int pg_element(struct buf *b, const void *p, size_t len); /* p NULL: NULL */
int pg_element_int8(struct buf *b, uint64_t v);

/* ---- asking ---- */
/* One prepared statement. A connection that turns out to be lost is made again, once, and asked
 * again: for statements that may run twice. *ret: PQclear() it. */
int pg_ask(struct pg *p, const char *statement, const struct pg_args *a, PGresult **ret,
           struct err *e);
/* Without preparing; sql may hold several statements when a is NULL: the last one's result. */
int pg_exec(struct pg *p, const char *sql, const struct pg_args *a, PGresult **ret, struct err *e);
/* Several in one round trip: send each, then pg_flush(), then pg_next() once for each, in order,
 * and pg_finish(). After an error go straight to pg_finish(). */
int pg_pipeline(struct pg *p, struct err *e);
int pg_send(struct pg *p, const char *statement, const struct pg_args *a, struct err *e);
int pg_flush(struct pg *p, struct err *e);
int pg_next(struct pg *p, PGresult **ret, struct err *e);
void pg_finish(struct pg *p);
/* Why this result is no success (NULL: the connection). Never 0. Drops a connection that is lost.
 */
int pg_error(struct pg *p, const PGresult *r, struct err *e);

/* Columns of binary results. */
uint64_t pg_int8(const PGresult *r, int row, int column);
uint32_t pg_int4(const PGresult *r, int row, int column);
/* 0, or "db-corrupt" when it has not this length. */
int pg_bytes(const PGresult *r, int row, int column, void *out, size_t len, struct err *e);

#endif
