/* SPDX-License-Identifier: Apache-2.0 */
/* bench_state - what it takes to remember 10,000 subjects in PostgreSQL, and to find them
 * unchanged, beside a bare loop that looks 256 up at a time and inserts 2,000 a transaction: no
 * runs, no check of what others did, no answers. The same on SQLite is shown for comparison.
 * REEVE_POSTGRESQL is the server's conninfo (tests/with_postgresql). */
#include "state/pg.h"
#include "state/state.h"
#include "base/digest.h"
#include "base/util.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SUBJECTS 10000u
#define BATCH    2000u
#define ROUNDS   5

static struct err e;
static uint8_t keys[SUBJECTS][SHA256_LEN], contents[SUBJECTS][SHA256_LEN];
static char conninfo[1024];

static void die(const char *what)
{
    (void)fprintf(stderr, "bench_state: %s: %s\n", what, e.text);
    exit(1);
}

static struct state *open_state(const struct tree *part)
{
    struct state *s = NULL;
    if (state_open(part, &s, &e) < 0)
        die("opening");
    return s;
}

/* One document: microseconds a subject. */
static double pass(struct state *s, uint8_t number)
{
    uint8_t receipt[SHA256_LEN] = {number};
    uint64_t begin = mono_us();
    for (size_t i = 0; i < SUBJECTS; i++) {
        struct subject_verdict v;
        if (!state_at_hand(s, keys[i], receipt) &&
            state_prefetch(s, receipt, keys[i], SUBJECTS - i, &e) < 0)
            die("fetching");
        if (state_subject(s, keys[i], contents[i], receipt, &v, &e) < 0 ||
            (v.change != CHANGE_UNCHANGED &&
             state_subject_put(s, keys[i], contents[i], &v, receipt, &e) < 0))
            die("a subject");
        if ((i + 1) % BATCH == 0 && state_commit(s, &e) < 0)
            die("commit");
    }
    if (state_receipt_put(s, receipt, NULL, "{}", 2, 1, &e) < 0 || state_commit(s, &e) < 0)
        die("the answer");
    return (double)(mono_us() - begin) / SUBJECTS;
}

static void ours(const struct tree *part, double *fresh, double *known)
{
    struct state *s = open_state(part);
    *fresh = pass(s, 1);
    *known = pass(s, 2);
    state_close(s);
}

/* ---- the bare loop ---- */
static const struct pg_statement bare_statements[] = {
    {"look", "SELECT key, content, generation FROM bare WHERE key = ANY($1::bytea[])"},
    {"put", "INSERT INTO bare SELECT * FROM unnest($1::bytea[], $2::bytea[], $3::bigint[])"},
};

static void ask(struct pg *p, const char *statement, struct buf *columns, size_t n)
{
    struct pg_args a = {.n = 0};
    PGresult *r = NULL;
    for (size_t i = 0; i < n; i++)
        pg_arg(&a, columns[i].p, columns[i].len);
    if (pg_ask(p, statement, &a, &r, &e) < 0)
        die(statement);
    PQclear(r);
}

static void bare_look(struct pg *p, size_t at, size_t n)
{
    struct buf b = BUF_INIT(1u << 20);
    (void)pg_array(&b, PG_BYTEA, n);
    for (size_t i = at; i < at + n; i++)
        (void)pg_element(&b, keys[i], SHA256_LEN);
    ask(p, "look", &b, 1);
    buf_done(&b);
}

static void bare_put(struct pg *p, size_t at, size_t n)
{
    struct buf b[3];
    for (size_t i = 0; i < 3; i++) {
        buf_init(&b[i], 1u << 20);
        (void)pg_array(&b[i], i < 2 ? PG_BYTEA : PG_INT8, n);
    }
    for (size_t i = at; i < at + n; i++) {
        (void)pg_element(&b[0], keys[i], SHA256_LEN);
        (void)pg_element(&b[1], contents[i], SHA256_LEN);
        (void)pg_element_int8(&b[2], 0);
    }
    ask(p, "put", b, 3); /* by itself a transaction */
    for (size_t i = 0; i < 3; i++)
        buf_done(&b[i]);
}

static void bare(struct pg *p, double *fresh, double *known)
{
    uint64_t begin = mono_us();
    for (size_t i = 0; i < SUBJECTS; i += 250) {
        bare_look(p, i, 250);
        if ((i + 250) % BATCH == 0)
            bare_put(p, i + 250 - BATCH, BATCH);
    }
    *fresh = (double)(mono_us() - begin) / SUBJECTS;
    begin = mono_us();
    for (size_t i = 0; i < SUBJECTS; i += 250)
        bare_look(p, i, 250);
    *known = (double)(mono_us() - begin) / SUBJECTS;
}

static void open_bare(struct pg *p)
{
    struct pg first;
    if (pg_init(&first, conninfo, "bench", NULL, 0, &e) < 0 || pg_connect(&first, &e) < 0 ||
        pg_exec(&first,
                "DROP TABLE IF EXISTS bare; CREATE TABLE bare(key bytea PRIMARY KEY,"
                " content bytea NOT NULL, generation bigint NOT NULL)",
                NULL, NULL, &e) < 0)
        die("the bare table");
    pg_done(&first);
    if (pg_init(p, conninfo, "bench", bare_statements, ARRAY_SIZE(bare_statements), &e) < 0 ||
        pg_connect(p, &e) < 0)
        die("the bare connection");
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *v)
{
    qsort(v, ROUNDS, sizeof(*v), by_size);
    return v[ROUNDS / 2];
}

static void figure(const char *what, double *us, double *bare_us)
{
    printf("{\"name\": \"%s\", \"unit\": \"us\", \"ours\": %.2f, \"bare\": %.2f, \"better\": "
           "\"less\"}\n",
           what, median(us), median(bare_us));
}

int main(void)
{
    double fresh[ROUNDS], known[ROUNDS], bare_fresh[ROUNDS], bare_known[ROUNDS];
    double file_fresh[ROUNDS], file_known[ROUNDS];
    char dir[] = "/tmp/bench-state-XXXXXX", path[64];
    const char *server = getenv("REEVE_POSTGRESQL");
    if (!server || !mkdtemp(dir))
        return 1;
    (void)snprintf(conninfo, sizeof(conninfo), "%s", server);
    for (uint32_t i = 0; i < SUBJECTS; i++) {
        uint32_t c = ~i;
        sha256(&i, sizeof(i), keys[i]);
        sha256(&c, sizeof(c), contents[i]);
    }
    for (unsigned i = 0; i < ROUNDS; i++) {
        struct tree *shared = tree_map(), *file = tree_map();
        struct pg p;
        (void)tree_puts(shared, "engine", "postgresql");
        (void)tree_puts(shared, "conninfo", conninfo);
        (void)tree_put(shared, "process", tree_scalarf(false, "bench%u", i));
        (void)tree_put(file, "path", tree_scalarf(false, "%s/%u.db", dir, i));
        ours(shared, &fresh[i], &known[i]);
        open_bare(&p);
        bare(&p, &bare_fresh[i], &bare_known[i]);
        pg_done(&p);
        ours(file, &file_fresh[i], &file_known[i]);
        (void)snprintf(path, sizeof(path), "%s/%u.db", dir, i);
        (void)unlink(path);
        tree_free(shared);
        tree_free(file);
    }
    (void)rmdir(dir);
    figure("state on PostgreSQL, a new subject", fresh, bare_fresh);
    figure("state on PostgreSQL, an unchanged one", known, bare_known);
    printf("on SQLite: %.2f us a new subject, %.2f us an unchanged one\n", median(file_fresh),
           median(file_known));
    return 0;
}
