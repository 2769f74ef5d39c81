/* SPDX-License-Identifier: Apache-2.0 */
/* pg - see pg.h. libpq never blocks here except while it connects (connect_timeout): a server that
 * is stopped or cut off keeps a socket open for many minutes. */
#include "pg.h"
#include "pg_schema.h"
#include "base/util.h"
#include <arpa/inet.h>
#include <endian.h>
#include <errno.h>
#include <poll.h>
#include <string.h>

#define ANSWER_MS      30000u /* longer than the server's own limits below */
#define BACK_OFF_MS    100u
#define BACK_OFF_MAX_S 5u

/* The limits are for what another process leaves behind: a transaction of a machine that has gone
 * must not hold the lock on a connector for ever. What is committed is on the disk: a session that
 * would be told so before that is set right. */
const char pg_settings[] =
    "SET client_min_messages = warning; SET statement_timeout = '25s'; SET lock_timeout = '10s';"
    "SET idle_in_transaction_session_timeout = '3s';"
    "SET default_transaction_isolation = 'read committed';"
    "SELECT set_config('synchronous_commit', 'on', false)"
    " WHERE current_setting('synchronous_commit') IN ('off', 'local')";

int pg_init(struct pg *p, const char *conninfo, const char *application,
            const struct pg_statement *statements, size_t n, struct err *e)
{
    *p = (struct pg){.conninfo = strdup(conninfo),
                     .application = strdup(application),
                     .statements = statements,
                     .statements_n = n};
    return p->conninfo && p->application ? 0 : err_set(e, -ENOMEM, "memory", "out of memory");
}

void pg_drop(struct pg *p)
{
    PQfinish(p->c);
    p->c = NULL;
    p->in_pipeline = false;
}

void pg_done(struct pg *p)
{
    pg_drop(p);
    free(p->conninfo);
    free(p->application);
    p->conninfo = p->application = NULL;
}

size_t pg_parameters(const char *conninfo, const char *application, const char *keys[],
                     const char *values[])
{
    static const char *const defaults[][2] = {
        {"connect_timeout", "5"},
        {"keepalives_idle", "5"},
        {"keepalives_interval", "2"},
        {"keepalives_count", "3"},
        {"tcp_user_timeout", "10000"},
        {"target_session_attrs", "read-write"}, /* not a standby of several hosts */
    };
    size_t n = 0;
    for (; n < ARRAY_SIZE(defaults); n++) {
        keys[n] = defaults[n][0];
        values[n] = defaults[n][1];
    }
    keys[n] = "fallback_application_name", values[n++] = application;
    keys[n] = "dbname", values[n++] = conninfo; /* expanded; what stands before it is overridden */
    keys[n] = "client_encoding", values[n++] = "UTF8";
    keys[n] = values[n] = NULL;
    return n;
}

/* ---- errors ---- */
struct answer {
    const char *state; /* the beginning of an SQLSTATE (PostgreSQL, appendix A) */
    int ret;
    const char *code;
};

static const struct answer *answer_for(const char *state)
{
    static const struct answer answers[] = {
        {"53100", -ENOSPC, "db-disk-full"}, {"53200", -ENOMEM, "db-memory"},
        {"40", -ESTALE, "state-conflict"}, /* serialization failure, deadlock */
        {"08", -ENOTCONN, "state-away"},    {"53", -ENOTCONN, "state-away"},
        {"57P", -ENOTCONN, "state-away"},   /* is shutting down, starting, has crashed */
        {"57014", -ENOTCONN, "state-away"}, /* took too long */
        {"55P03", -ENOTCONN, "state-away"}, {"25P", -ENOTCONN, "state-away"},
        {"25006", -ENOTCONN, "state-away"}, /* has become a standby */
        {"28", -EACCES, "state-refused"},   {"3D", -EACCES, "state-refused"},
        {"3F", -EACCES, "state-refused"},   {"42501", -EACCES, "state-refused"},
        {"XX", -EUCLEAN, "db-corrupt"},
    };
    static const struct answer other = {"", -EIO, "db-io"};
    for (size_t i = 0; i < ARRAY_SIZE(answers); i++)
        if (strncmp(state, answers[i].state, strlen(answers[i].state)) == 0)
            return &answers[i];
    return &other;
}

static int away(struct pg *p, const char *why, struct err *e)
{
    size_t n = strcspn(why ? why : "", "\n"); /* libpq's second line repeats the first */
    int r = err_set(e, -ENOTCONN, "state-away", "PostgreSQL is away: %.*s", (int)n, why ? why : "");
    pg_drop(p);
    return r;
}

int pg_error(struct pg *p, const PGresult *r, struct err *e)
{
    const char *state = r ? PQresultErrorField(r, PG_DIAG_SQLSTATE) : NULL;
    const char *text = r ? PQresultErrorField(r, PG_DIAG_MESSAGE_PRIMARY) : NULL;
    if (!state || PQstatus(p->c) == CONNECTION_BAD)
        return away(p, text ? text : PQerrorMessage(p->c), e);
    const struct answer *a = answer_for(state);
    int ret = err_set(e, a->ret, a->code, "PostgreSQL: %s (SQLSTATE %s)", text ? text : "", state);
    if (a->ret == -ENOTCONN)
        pg_drop(p);
    return ret;
}

static bool success(const PGresult *r)
{
    ExecStatusType s = PQresultStatus(r);
    return s == PGRES_COMMAND_OK || s == PGRES_TUPLES_OK;
}

/* ---- waiting ---- */
/* Sends what is to be sent and reads until the next result is there. */
static int wait_result(struct pg *p, struct err *e)
{
    uint64_t end = mono_ms() + ANSWER_MS;
    for (;;) {
        int more = PQflush(p->c);
        if (more < 0)
            return away(p, PQerrorMessage(p->c), e);
        if (!PQisBusy(p->c))
            return 0;
        uint64_t now = mono_ms();
        struct pollfd f = {.fd = PQsocket(p->c), .events = (short)(POLLIN | (more ? POLLOUT : 0))};
        int n = now < end ? poll(&f, 1, (int)(end - now)) : 0;
        if (n == 0)
            return away(p, "it does not answer", e);
        if (n < 0 && errno != EINTR)
            return away(p, strerror(errno), e);
        if (n > 0 && !PQconsumeInput(p->c))
            return away(p, PQerrorMessage(p->c), e);
    }
}

/* All results of what was sent outside a pipeline; *ret is the last. */
static int last_result(struct pg *p, PGresult **ret, struct err *e)
{
    PGresult *kept = NULL;
    int r;
    while ((r = wait_result(p, e)) == 0) {
        PGresult *next = PQgetResult(p->c);
        if (!next)
            break;
        if (!kept || success(kept)) {
            PQclear(kept);
            kept = next;
        } else {
            PQclear(next); /* the first error is the cause */
        }
    }
    if (r == 0 && !success(kept))
        r = pg_error(p, kept, e);
    if (r == 0 && ret)
        *ret = kept;
    else
        PQclear(kept);
    return r;
}

/* ---- connecting ---- */
static int prepare_all(struct pg *p, struct err *e)
{
    int r = p->statements_n ? pg_pipeline(p, e) : 0;
    if (!p->statements_n)
        return 0;
    for (size_t i = 0; r == 0 && i < p->statements_n; i++)
        if (!PQsendPrepare(p->c, p->statements[i].name, p->statements[i].sql, 0, NULL))
            r = away(p, PQerrorMessage(p->c), e);
    if (r == 0)
        r = pg_flush(p, e);
    for (size_t i = 0; r == 0 && i < p->statements_n; i++)
        r = pg_next(p, NULL, e);
    pg_finish(p);
    return r;
}

static int dial(struct pg *p, struct err *e)
{
    const char *keys[PG_PARAMETERS], *values[PG_PARAMETERS];
    pg_parameters(p->conninfo, p->application, keys, values);
    p->c = PQconnectdbParams(keys, values, 1);
    if (!p->c)
        return err_set(e, -ENOMEM, "memory", "out of memory");
    if (PQstatus(p->c) != CONNECTION_OK) {
        /* libpq gives no SQLSTATE here; a wrong password is mended by nobody but the operator, yet
         * it is tried again like everything else */
        return away(p, PQerrorMessage(p->c), e);
    }
    if (PQsetnonblocking(p->c, 1) != 0)
        return away(p, PQerrorMessage(p->c), e);
    int r = pg_exec(p, pg_settings, NULL, NULL, e);
    if (r == 0)
        r = pg_schema_ensure(p, e);
    return r < 0 ? r : prepare_all(p, e);
}

int pg_connect(struct pg *p, struct err *e)
{
    if (p->c)
        return 0;
    if (mono_ms() < p->again_ms)
        return err_set(e, -ENOTCONN, "state-away", "PostgreSQL is away; it is tried again soon");
    int r = dial(p, e);
    if (r == 0) {
        p->failures = 0;
        return 0;
    }
    pg_drop(p);
    uint64_t pause = (uint64_t)BACK_OFF_MS << (p->failures < 6 ? p->failures : 6);
    if (pause > BACK_OFF_MAX_S * 1000)
        pause = BACK_OFF_MAX_S * 1000;
    p->failures++;
    p->again_ms = mono_ms() + pause;
    return r;
}

/* ---- parameters ---- */
void pg_arg(struct pg_args *a, const void *p, size_t len)
{
    a->value[a->n] = p;
    a->len[a->n++] = (int)len;
}

void pg_arg_int4(struct pg_args *a, uint32_t v)
{
    uint32_t n = htonl(v);
    memcpy(&a->number[a->n], &n, sizeof(n));
    pg_arg(a, &a->number[a->n], sizeof(n));
}

void pg_arg_int8(struct pg_args *a, uint64_t v)
{
    a->number[a->n] = htobe64(v);
    pg_arg(a, &a->number[a->n], sizeof(v));
}

static int add_int4(struct buf *b, uint32_t v)
{
    uint32_t n = htonl(v);
    return buf_add(b, &n, sizeof(n));
}

int pg_array(struct buf *b, uint32_t type, size_t n)
{
    const uint32_t head[] = {n ? 1 : 0 /* dimensions */, 1 /* may hold NULL */, type};
    int r = 0;
    for (size_t i = 0; r == 0 && i < ARRAY_SIZE(head); i++)
        r = add_int4(b, head[i]);
    if (r == 0 && n)
        r = add_int4(b, (uint32_t)n);
    return r < 0 || !n ? r : add_int4(b, 1); /* the first index */
}

int pg_element(struct buf *b, const void *p, size_t len)
{
    int r = add_int4(b, p ? (uint32_t)len : UINT32_MAX);
    return r < 0 || !p || !len ? r : buf_add(b, p, len);
}

int pg_element_int8(struct buf *b, uint64_t v)
{
    uint64_t n = htobe64(v);
    return pg_element(b, &n, sizeof(n));
}

/* ---- asking ---- */
static const int binary[PG_ARGS] = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1};
static const struct pg_args no_args;

static int ask_once(struct pg *p, const char *statement, const struct pg_args *a, PGresult **ret,
                    struct err *e)
{
    int r = pg_connect(p, e);
    if (r < 0)
        return r;
    if (!PQsendQueryPrepared(p->c, statement, a->n, a->value, a->len, binary, 1))
        return away(p, PQerrorMessage(p->c), e);
    return last_result(p, ret, e);
}

int pg_ask(struct pg *p, const char *statement, const struct pg_args *a, PGresult **ret,
           struct err *e)
{
    bool was_connected = p->c != NULL;
    int r = ask_once(p, statement, a, ret, e);
    return r == -ENOTCONN && was_connected ? ask_once(p, statement, a, ret, e) : r;
}

int pg_exec(struct pg *p, const char *sql, const struct pg_args *a, PGresult **ret, struct err *e)
{
    int sent = a ? PQsendQueryParams(p->c, sql, a->n, NULL, a->value, a->len, binary, 1)
                 : PQsendQuery(p->c, sql);
    return sent ? last_result(p, ret, e) : away(p, PQerrorMessage(p->c), e);
}

int pg_pipeline(struct pg *p, struct err *e)
{
    if (!PQenterPipelineMode(p->c))
        return away(p, PQerrorMessage(p->c), e);
    p->in_pipeline = true;
    return 0;
}

int pg_send(struct pg *p, const char *statement, const struct pg_args *a, struct err *e)
{
    if (!a)
        a = &no_args;
    if (!PQsendQueryPrepared(p->c, statement, a->n, a->value, a->len, binary, 1))
        return away(p, PQerrorMessage(p->c), e);
    return 0;
}

int pg_flush(struct pg *p, struct err *e)
{
    return PQpipelineSync(p->c) ? 0 : away(p, PQerrorMessage(p->c), e);
}

int pg_next(struct pg *p, PGresult **ret, struct err *e)
{
    int r = wait_result(p, e);
    if (r < 0)
        return r;
    PGresult *one = PQgetResult(p->c);
    r = success(one) ? wait_result(p, e) : pg_error(p, one, e);
    if (r == 0) { /* each ends with NULL */
        PGresult *end = PQgetResult(p->c);
        PQclear(end);
    }
    if (r == 0 && ret)
        *ret = one;
    else
        PQclear(one);
    return r;
}

void pg_finish(struct pg *p)
{
    struct err ignored;
    bool synced = false;
    unsigned nothing = 0; /* in a row: one ends each statement's results */
    while (p->c && p->in_pipeline && !synced && nothing < 2) {
        if (wait_result(p, &ignored) < 0)
            return; /* it was dropped */
        PGresult *r = PQgetResult(p->c);
        nothing = r ? 0 : nothing + 1;
        synced = PQresultStatus(r) == PGRES_PIPELINE_SYNC;
        PQclear(r);
    }
    if (p->c && p->in_pipeline && !PQexitPipelineMode(p->c))
        pg_drop(p);
    p->in_pipeline = false;
}

/* ---- columns ---- */
uint64_t pg_int8(const PGresult *r, int row, int column)
{
    uint64_t v = 0;
    if (PQgetlength(r, row, column) == sizeof(v))
        memcpy(&v, PQgetvalue(r, row, column), sizeof(v));
    return be64toh(v);
}

uint32_t pg_int4(const PGresult *r, int row, int column)
{
    uint32_t v = 0;
    if (PQgetlength(r, row, column) == sizeof(v))
        memcpy(&v, PQgetvalue(r, row, column), sizeof(v));
    return ntohl(v);
}

int pg_bytes(const PGresult *r, int row, int column, void *out, size_t len, struct err *e)
{
    if (PQgetisnull(r, row, column) || (size_t)PQgetlength(r, row, column) != len)
        return err_set(e, -EUCLEAN, "db-corrupt", "a digest in the state is damaged");
    memcpy(out, PQgetvalue(r, row, column), len);
    return 0;
}
