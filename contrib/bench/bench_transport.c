/* SPDX-License-Identifier: Apache-2.0 */
/* bench_transport - publish, confirm, deliver and settle through a real reeve-spool, against a bare
 * SQLite loop that makes the same two hops (insert a batch and commit; read a batch, delete it and
 * commit).
 *
 * 512 byte messages, synchronous=FULL on both sides, batches of 100 as the window has them. Rounds
 * alternate, medians are printed. REEVE_BUILD names the directory of reeve-spool. Environment:
 * BENCH_N messages a round, BENCH_ROUNDS. */
#include "../../tests/lib/engine.h"
#include "load.h"
#include "base/db.h"
#include "base/util.h"
#include <poll.h>
#include <stdio.h>
#include <string.h>

#define SIZE  512
#define BATCH 100

static unsigned n_messages = 100000, rounds = 5;
static char event[SIZE + 1];

static double seconds(uint64_t from)
{
    return (double)(mono_ms() - from) / 1000.0;
}

static double round_ours(struct engine *g)
{
    static const char *const dest[] = {"register"};
    struct load l = {.t = NULL};
    struct transport_events ev = load_events(&l);
    struct err e;
    struct transport *source = engine_open(g, "source", &ev);
    l.t = engine_open(g, "register.deliver", &ev);
    if (!source || !l.t || transport_wait_usable(source, 5000, &e) < 0 ||
        transport_wait_usable(l.t, 5000, &e) < 0)
        return 0;
    (void)transport_consume(l.t, dest[0], 500);
    uint64_t start = mono_ms();
    unsigned sent = 0;
    while (l.settled < n_messages && l.failed == 0) {
        char id[32];
        for (; sent < n_messages; sent++) {
            (void)snprintf(id, sizeof id, "m%08u", sent);
            if (transport_publish(source, sent, id, event, SIZE, dest, 1) < 0)
                break;
        }
        struct pollfd p[2] = {{.events = 0}, {.events = 0}};
        p[0].fd = transport_fd(source, &p[0].events);
        p[1].fd = transport_fd(l.t, &p[1].events);
        (void)poll(p, 2, 1000);
        (void)transport_run(source);
        (void)transport_run(l.t);
    }
    double s = seconds(start);
    transport_close(source);
    transport_close(l.t);
    return n_messages / s;
}

static int insert_batch(sqlite3 *db, sqlite3_stmt *add, unsigned from, struct err *e)
{
    int r = db_exec(db, "BEGIN IMMEDIATE", e);
    for (unsigned i = 0; i < BATCH && r == 0; i++) {
        char id[32];
        (void)snprintf(id, sizeof id, "m%08u", from + i);
        (void)sqlite3_bind_text(add, 1, id, -1, SQLITE_TRANSIENT);
        (void)sqlite3_bind_blob(add, 2, event, SIZE, SQLITE_STATIC);
        r = db_step(db, add, e);
    }
    return r < 0 ? r : db_exec(db, "COMMIT", e);
}

static int take_batch(sqlite3 *db, sqlite3_stmt *get, sqlite3_stmt *del, struct err *e)
{
    static char copy[SIZE];
    int64_t last = 0;
    int r = db_exec(db, "BEGIN IMMEDIATE", e);
    while (r >= 0 && (r = db_step(db, get, e)) > 0) {
        const void *p = sqlite3_column_blob(get, 2);
        if (p)
            memcpy(copy, p, SIZE);
        last = sqlite3_column_int64(get, 0);
    }
    (void)sqlite3_bind_int64(del, 1, last);
    r = r < 0 ? r : db_step(db, del, e);
    return r < 0 ? r : db_exec(db, "COMMIT", e);
}

static double round_bare(const char *dir)
{
    sqlite3 *db = NULL;
    sqlite3_stmt *add = NULL, *get = NULL, *del = NULL;
    struct err e;
    char *path = path_join(dir, "bare.db");
    static const struct db_form form = {
        .schema = "CREATE TABLE m(no INTEGER PRIMARY KEY, id TEXT, bytes BLOB)", .format = 1};
    int r = db_open(path, 0, &form, &db, &e);
    if (r == 0) /* bare: what is ours is measured against a file that forgets nothing */
        r = db_exec(db, "PRAGMA secure_delete=OFF", &e);
    r = r < 0 ? r : db_prepare(db, "INSERT INTO m(id, bytes) VALUES(?1, ?2)", &add, &e);
    r = r < 0 ? r : db_prepare(db, "SELECT no, id, bytes FROM m ORDER BY no LIMIT 100", &get, &e);
    r = r < 0 ? r : db_prepare(db, "DELETE FROM m WHERE no <= ?1", &del, &e);
    uint64_t start = mono_ms();
    for (unsigned i = 0; i < n_messages && r == 0; i += BATCH) {
        r = insert_batch(db, add, i, &e);
        r = r < 0 ? r : take_batch(db, get, del, &e);
    }
    double s = seconds(start);
    if (r < 0)
        (void)fprintf(stderr, "bare: %s\n", e.text);
    db_finalize(&add);
    db_finalize(&get);
    db_finalize(&del);
    db_close(db);
    (void)unlink(path);
    free(path);
    return r < 0 ? 0 : n_messages / s;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

int main(void)
{
    static const struct engine_dest dests[] = {{.name = "register"}, {.name = NULL}};
    struct engine g;
    double ours[32], bare[32];
    n_messages = setting("BENCH_N", n_messages, 10000000) / BATCH * BATCH;
    rounds = setting("BENCH_ROUNDS", rounds, ARRAY_SIZE(ours));
    memset(event, 'x', SIZE);
    if (engine_init(&g, dests) < 0 || engine_start(&g) < 0)
        return 1;
    for (unsigned i = 0; i < rounds; i++) {
        ours[i] = round_ours(&g);
        bare[i] = round_bare(g.dir);
        (void)fprintf(stderr, "round %u: ours %.0f, bare %.0f msg/s\n", i + 1, ours[i], bare[i]);
    }
    engine_done(&g);
    qsort(ours, rounds, sizeof ours[0], compare);
    qsort(bare, rounds, sizeof bare[0], compare);
    double o = ours[rounds / 2], b = bare[rounds / 2];
    (void)printf("{\"bench\": \"transport end to end\", \"unit\": \"msg/s\", \"ours\": %.0f, "
                 "\"bare\": %.0f, \"ratio\": %.2f}\n",
                 o, b, b > 0 ? o / b : 0.0);
    return o > 0 && b > 0 ? 0 : 1;
}
