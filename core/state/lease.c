/* SPDX-License-Identifier: Apache-2.0 */
/* lease - see lease.h. One question at a time: who has it (LOOK); it is free, or ours from before:
 * take it (TAKE); it is ours: renew it (RENEW). A question or a connection that takes too long is
 * given up, with its connection. */
#include "lease.h"
#include "pg_schema.h"
#include "base/digest.h"
#include "base/util.h"
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#define DIAL_MS      3000u
#define ANSWER_MS    2000u
#define BACK_OFF_MS  200u /* and up to BACK_OFF_MAX: renewing must not wait long */
#define BACK_OFF_MAX 1000u
#define RELEASE_MS   500u
#define NONCE_LEN    16
#define NAME_MAX_LEN 200
#define SERVER_KEYS  3

enum phase { AWAY, DIALING, SETTLING, IDLE, LOOKING, TAKING, RENEWING };

struct lease {
    struct pg p; /* its conninfo, and the making of tables */
    PGconn *c;
    enum phase phase;
    short wanted;      /* poll events while dialing */
    uint64_t until_ms; /* of what is under way; or, when nothing is, when to begin the next */
    unsigned failures;
    char name[NAME_MAX_LEN + 1], holder[NAME_MAX_LEN + 1], seen_holder[NAME_MAX_LEN + 1];
    char trouble[ERR_TEXT_MAX];
    uint8_t nonce[NONCE_LEN];
    bool held;
    uint64_t epoch, held_until_ms, asked_ms;
    struct lease_events events;
    char *servers[SERVER_KEYS], *chosen[SERVER_KEYS]; /* hosts, addresses, ports */
    size_t servers_n, server;                         /* the next one to be tried */
};

#define TTL "clock_timestamp() + 6 * interval '1 second'" /* LEASE_TTL_MS */
_Static_assert(LEASE_TTL_MS == 6000, "TTL says the same");

static const char look[] =
    "SELECT (extract(epoch FROM expires - clock_timestamp()) * 1000)::bigint, nonce = $2, holder"
    " FROM reeve_lease WHERE name = $1::text";
static const char take[] =
    "INSERT INTO reeve_lease AS l(name, epoch, holder, nonce, expires)"
    " VALUES($1::text, 1, $3::text, $2, " TTL ")"
    " ON CONFLICT (name) DO UPDATE SET epoch = l.epoch + 1, holder = EXCLUDED.holder,"
    " nonce = EXCLUDED.nonce, expires = EXCLUDED.expires"
    " WHERE l.expires <= clock_timestamp() OR l.nonce = EXCLUDED.nonce RETURNING epoch";
static const char renew[] =
    "UPDATE reeve_lease SET expires = " TTL " WHERE name = $1::text AND nonce = $2 AND epoch = $3"
    " AND expires > clock_timestamp() RETURNING epoch";
static const char release[] = "UPDATE reeve_lease SET expires = clock_timestamp()"
                              " WHERE name = $1::text AND nonce = $2 AND epoch = $3";

bool lease_held(const struct lease *l)
{
    return boot_ms() < lease_until(l);
}

uint64_t lease_until(const struct lease *l)
{
    return l->held ? l->held_until_ms : 0;
}

uint64_t lease_epoch(const struct lease *l)
{
    return l->epoch;
}

const char *lease_holder(const struct lease *l)
{
    return l->seen_holder;
}

const char *lease_trouble(const struct lease *l)
{
    return l->trouble;
}

static void lose(struct lease *l, const char *why)
{
    if (!l->held)
        return;
    l->held = false;
    if (l->events.lost)
        l->events.lost(l->events.arg, why);
}

/* ---- the connection ---- */
static void hang_up(struct lease *l, const char *why)
{
    uint64_t pause = (uint64_t)BACK_OFF_MS << (l->failures < 3 ? l->failures : 3);
    (void)snprintf(l->trouble, sizeof(l->trouble), "%.*s", (int)strcspn(why, "\n"), why);
    PQfinish(l->c);
    l->c = NULL;
    l->phase = AWAY;
    l->failures++;
    l->until_ms = boot_ms() + (pause < BACK_OFF_MAX ? pause : BACK_OFF_MAX);
}

/* The nth of a list; the only one, if there is one. */
static char *nth(const char *list, size_t n)
{
    const char *only = list;
    while (n-- && list)
        list = strchr(list, ',') ? strchr(list, ',') + 1 : NULL;
    if (!list && !strchr(only, ','))
        list = only;
    return list ? strndup(list, strcspn(list, ",")) : NULL;
}

/* Of several servers each attempt takes the next one: libpq would wait at the first of them for as
 * long as the system does, when it is asked not to block. */
static void choose_server(struct lease *l, const char *keys[], const char *values[])
{
    static const char *const names[SERVER_KEYS] = {"host", "hostaddr", "port"};
    size_t n = 0;
    for (size_t i = 0; i < SERVER_KEYS && l->servers_n > 1; i++) {
        free(l->chosen[i]);
        l->chosen[i] = l->servers[i] ? nth(l->servers[i], l->server) : NULL;
        if (l->chosen[i]) {
            keys[n] = names[i];
            values[n++] = l->chosen[i];
        }
    }
    keys[n] = values[n] = NULL;
    if (l->servers_n)
        l->server = (l->server + 1) % l->servers_n;
}

static void dial(struct lease *l)
{
    const char *keys[PG_PARAMETERS], *values[PG_PARAMETERS];
    char application[NAME_MAX_LEN + 16];
    (void)snprintf(application, sizeof(application), "reeve lease %s", l->name);
    size_t n = pg_parameters(l->p.conninfo, application, keys, values);
    choose_server(l, keys + n, values + n);
    l->c = PQconnectStartParams(keys, values, 1);
    if (!l->c || PQstatus(l->c) == CONNECTION_BAD) {
        hang_up(l, l->c ? PQerrorMessage(l->c) : "out of memory");
        return;
    }
    l->phase = DIALING;
    l->wanted = POLLOUT;
    l->until_ms = boot_ms() + DIAL_MS;
}

static void go_on_dialing(struct lease *l)
{
    struct pollfd f = {.fd = PQsocket(l->c), .events = l->wanted};
    if (poll(&f, 1, 0) <= 0) /* libpq takes our word that it is ready */
        return;
    switch (PQconnectPoll(l->c)) {
    case PGRES_POLLING_READING:
        l->wanted = POLLIN;
        return;
    case PGRES_POLLING_WRITING:
        l->wanted = POLLOUT;
        return;
    case PGRES_POLLING_OK:
        break;
    default:
        hang_up(l, PQerrorMessage(l->c));
        return;
    }
    if (PQsetnonblocking(l->c, 1) != 0 || !PQsendQuery(l->c, pg_settings)) {
        hang_up(l, PQerrorMessage(l->c));
        return;
    }
    l->phase = SETTLING;
    l->until_ms = boot_ms() + ANSWER_MS;
}

/* Only while nobody has opened any state there: by a connection of its own, which waits. */
static void make_tables(struct lease *l)
{
    struct err e;
    if (pg_connect(&l->p, &e) < 0)
        hang_up(l, e.text);
    pg_drop(&l->p);
}

/* ---- questions ---- */
static void ask(struct lease *l, enum phase phase)
{
    static const char *const sql[] = {[LOOKING] = look, [TAKING] = take, [RENEWING] = renew};
    static const int binary[3] = {1, 1, 1};
    struct pg_args a = {.n = 0};
    pg_arg(&a, l->name, strlen(l->name));
    pg_arg(&a, l->nonce, NONCE_LEN);
    if (phase == TAKING)
        pg_arg(&a, l->holder, strlen(l->holder));
    if (phase == RENEWING)
        pg_arg_int8(&a, l->epoch);
    l->asked_ms = boot_ms(); /* before the server can count from it */
    if (!PQsendQueryParams(l->c, sql[phase], a.n, NULL, a.value, a.len, binary, 1)) {
        hang_up(l, PQerrorMessage(l->c));
        return;
    }
    l->phase = phase;
    l->until_ms = l->asked_ms + ANSWER_MS;
}

static void rest(struct lease *l, uint64_t ms)
{
    l->phase = IDLE;
    l->until_ms = boot_ms() + ms;
}

static void looked(struct lease *l, const PGresult *r)
{
    int64_t left = 0;
    l->seen_holder[0] = '\0';
    if (PQntuples(r) > 0) {
        left = *PQgetvalue(r, 0, 1) ? 0 : (int64_t)pg_int8(r, 0, 0); /* ours from before: at once */
        if (left > 0)
            (void)snprintf(l->seen_holder, sizeof(l->seen_holder), "%.*s", PQgetlength(r, 0, 2),
                           PQgetvalue(r, 0, 2));
    }
    if (left <= 0)
        ask(l, TAKING);
    else
        rest(l, left + 10 < LEASE_LOOK_MS ? (uint64_t)left + 10 : LEASE_LOOK_MS);
}

static void hold_from(struct lease *l, uint64_t asked_ms)
{
    l->held_until_ms = asked_ms + LEASE_TTL_MS - LEASE_MARGIN_MS;
    rest(l, LEASE_RENEW_MS);
}

static void took(struct lease *l, const PGresult *r)
{
    if (PQntuples(r) == 0) { /* another was faster */
        rest(l, LEASE_LOOK_MS);
        return;
    }
    l->epoch = pg_int8(r, 0, 0);
    hold_from(l, l->asked_ms);
    if (boot_ms() >= l->held_until_ms) { /* we slept over the answer */
        rest(l, 0);
        return;
    }
    (void)snprintf(l->seen_holder, sizeof(l->seen_holder), "%s", l->holder);
    l->held = true;
    if (l->events.taken)
        l->events.taken(l->events.arg, l->epoch);
}

static void renewed(struct lease *l, const PGresult *r)
{
    if (PQntuples(r) > 0) {
        hold_from(l, l->asked_ms);
        return;
    }
    lose(l, "another process has taken over");
    rest(l, 0);
}

static void answered(struct lease *l, const PGresult *r)
{
    const char *state = PQresultErrorField(r, PG_DIAG_SQLSTATE);
    ExecStatusType status = PQresultStatus(r);
    if (status != PGRES_TUPLES_OK) {
        hang_up(l, PQresultErrorMessage(r));
        if (state && strcmp(state, "42P01") == 0) /* undefined_table */
            make_tables(l);
        return;
    }
    l->failures = 0;
    l->trouble[0] = '\0';
    if (l->phase == SETTLING)
        rest(l, 0);
    else if (l->phase == LOOKING)
        looked(l, r);
    else if (l->phase == TAKING)
        took(l, r);
    else
        renewed(l, r);
}

/* The whole answer, if it is there. */
static void read_answer(struct lease *l)
{
    PGresult *last = NULL;
    if (!PQconsumeInput(l->c) || PQflush(l->c) < 0) {
        hang_up(l, PQerrorMessage(l->c));
        return;
    }
    while (!PQisBusy(l->c)) {
        PGresult *r = PQgetResult(l->c);
        if (!r) {
            if (last)
                answered(l, last);
            break;
        }
        PQclear(last);
        last = r;
        if (PQresultStatus(r) == PGRES_FATAL_ERROR) {
            answered(l, r);
            break;
        }
    }
    PQclear(last);
}

/* ---- outside ---- */
void lease_run(struct lease *l)
{
    uint64_t now = boot_ms();
    if (l->held && now >= l->held_until_ms)
        lose(l, *l->trouble ? l->trouble : "it could not be renewed in time");
    if (l->phase == DIALING)
        go_on_dialing(l);
    else if (l->phase > IDLE || l->phase == SETTLING)
        read_answer(l);
    else if (l->phase == IDLE && (!PQconsumeInput(l->c) || PQstatus(l->c) == CONNECTION_BAD))
        hang_up(l, PQerrorMessage(l->c));
    if (boot_ms() < l->until_ms)
        return;
    if (l->phase == AWAY)
        dial(l);
    else if (l->phase == IDLE)
        ask(l, l->held ? RENEWING : LOOKING);
    else
        hang_up(l, "it does not answer");
}

int lease_fd(const struct lease *l, short *ret_events)
{
    if (!l->c || l->phase == AWAY)
        return -1;
    *ret_events = l->phase == DIALING ? l->wanted : POLLIN;
    return PQsocket(l->c);
}

uint64_t lease_timeout(const struct lease *l)
{
    uint64_t now = boot_ms(), at = l->until_ms;
    if (l->held && l->held_until_ms < at)
        at = l->held_until_ms;
    return at > now ? at - now : 0;
}

/* What the conninfo says of servers: lists of the same length. */
static int note_servers(struct lease *l, const PQconninfoOption *options, struct err *e)
{
    static const char *const names[SERVER_KEYS] = {"host", "hostaddr", "port"};
    for (const PQconninfoOption *o = options; o->keyword; o++)
        for (size_t i = 0; i < SERVER_KEYS; i++) {
            if (!o->val || strcmp(o->keyword, names[i]) != 0)
                continue;
            l->servers[i] = strdup(o->val);
            if (!l->servers[i])
                return err_set(e, -ENOMEM, "memory", "no memory for a lease");
            size_t n = 1;
            for (const char *p = o->val; (p = strchr(p, ',')) != NULL; p++)
                n++;
            if (n > l->servers_n && i < 2)
                l->servers_n = n;
        }
    return 0;
}

static int read_conninfo(struct lease *l, const char *conninfo, struct err *e)
{
    char *why = NULL;
    PQconninfoOption *options = PQconninfoParse(conninfo, &why);
    int r = options ? 0
                    : err_set(e, -EINVAL, "state-refused", "the conninfo of PostgreSQL: %s",
                              why ? why : "out of memory");
    if (r == 0)
        r = note_servers(l, options, e);
    PQconninfoFree(options);
    PQfreemem(why);
    return r;
}

int lease_open(const char *conninfo, const char *name, const char *holder,
               const struct lease_events *events, struct lease **ret, struct err *e)
{
    if (strlen(name) > NAME_MAX_LEN)
        return err_set(e, -EINVAL, "plan", "the name of a lease has at most %d bytes",
                       NAME_MAX_LEN);
    struct lease *l = xcalloc(1, sizeof(*l));
    if (!l || random_bytes(l->nonce, NONCE_LEN) < 0) {
        free(l);
        return err_set(e, -ENOMEM, "memory", "no memory for a lease");
    }
    (void)snprintf(l->name, sizeof(l->name), "%s", name);
    (void)snprintf(l->holder, sizeof(l->holder), "%s", holder);
    l->events = *events;
    int r = read_conninfo(l, conninfo, e);
    if (r == 0)
        r = pg_init(&l->p, conninfo, "reeve lease", NULL, 0, e);
    if (r < 0) {
        lease_close(l);
        return r;
    }
    *ret = l;
    return 0;
}

static void give_back(struct lease *l)
{
    static const int binary[3] = {1, 1, 1};
    struct pg_args a = {.n = 0};
    uint64_t end = boot_ms() + RELEASE_MS;
    pg_arg(&a, l->name, strlen(l->name));
    pg_arg(&a, l->nonce, NONCE_LEN);
    pg_arg_int8(&a, l->epoch);
    if (!PQsendQueryParams(l->c, release, a.n, NULL, a.value, a.len, binary, 1))
        return;
    while (PQflush(l->c) >= 0 && PQisBusy(l->c) && boot_ms() < end) {
        struct pollfd f = {.fd = PQsocket(l->c), .events = POLLIN};
        if (poll(&f, 1, (int)(end - boot_ms())) <= 0 || !PQconsumeInput(l->c))
            return;
    }
}

void lease_close(struct lease *l)
{
    if (!l)
        return;
    if (lease_held(l) && l->c && l->phase == IDLE)
        give_back(l);
    PQfinish(l->c);
    pg_done(&l->p);
    for (size_t i = 0; i < SERVER_KEYS; i++) {
        free(l->servers[i]);
        free(l->chosen[i]);
    }
    free(l);
}
