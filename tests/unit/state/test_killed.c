/* SPDX-License-Identifier: Apache-2.0 */
/* Commits and what kills: the process that commits (either store), the server, its sessions.
 * Whatever was said to be committed is there, nothing is there by half, and nothing twice. */
#include "lib/forked.h"
#include "lib/patience.h"
#include "lib/store.h"
#include "base/util.h"
#include <libpq-fe.h>
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#define SUBJECTS 300u

static struct err e;
static unsigned seed;

static void choose_seed(void)
{
    const char *given = getenv("REEVE_SEED");
    seed = given ? (unsigned)strtoul(given, NULL, 10) : (unsigned)(wall_ms() ^ (uint64_t)getpid());
    print_message("seed %u (REEVE_SEED)\n", seed);
}

static void pause_us(unsigned us)
{
    struct timespec d = {.tv_sec = us / 1000000, .tv_nsec = (long)(us % 1000000) * 1000};
    (void)nanosleep(&d, NULL);
}

static void digest_of(uint32_t what, uint32_t n, uint8_t out[SHA256_LEN])
{
    uint32_t both[2] = {what, n};
    sha256(both, sizeof(both), out);
}

static bool look(struct state *s, uint32_t subject, uint32_t batch, uint32_t receipt,
                 struct subject_verdict *ret)
{
    uint8_t k[SHA256_LEN], c[SHA256_LEN], r[SHA256_LEN];
    digest_of(1, subject, k);
    digest_of(2, batch, c);
    digest_of(3, receipt, r);
    return state_subject(s, k, c, r, ret, &e) == 0;
}

/* Batch n: every subject gets content n, the key says n, and the submission n is completed. false:
 * a look-up failed, nothing is staged. */
static bool stage(struct state *s, uint32_t n)
{
    char text[16];
    uint8_t keys[SUBJECTS][SHA256_LEN], receipt[SHA256_LEN];
    digest_of(3, n, receipt);
    for (uint32_t i = 0; i < SUBJECTS; i++)
        digest_of(1, i, keys[i]);
    for (uint32_t i = 0; i < SUBJECTS; i++) {
        struct subject_verdict v;
        uint8_t c[SHA256_LEN];
        digest_of(2, n, c);
        if ((!state_at_hand(s, keys[i], receipt) &&
             state_prefetch(s, receipt, keys[i], SUBJECTS - i, &e) < 0) ||
            !look(s, i, n, n, &v)) {
            state_rollback(s);
            return false;
        }
        assert_int_equal(state_subject_put(s, keys[i], c, &v, receipt, &e), 0);
    }
    (void)snprintf(text, sizeof(text), "%u", n);
    assert_int_equal(state_put(s, "n", text, strlen(text), &e), 0);
    assert_int_equal(state_receipt_put(s, receipt, NULL, text, strlen(text), 1000 + n, &e), 0);
    return true;
}

/* The number of the last batch that is there; each is there as a whole, and once. */
static uint32_t last_batch(struct state *s)
{
    const void *p;
    size_t len;
    char text[16] = "", *json;
    uint64_t ms;
    uint8_t receipt[SHA256_LEN];
    int r = state_get(s, "n", &p, &len, &e);
    if (r == -ENOENT)
        return 0;
    if (r < 0)
        fail_msg("%s", e.text);
    memcpy(text, p, len < sizeof(text) ? len : sizeof(text) - 1);
    uint32_t n = (uint32_t)strtoul(text, NULL, 10);
    digest_of(3, n, receipt);
    assert_int_equal(state_receipt(s, receipt, &json, &len, &ms, &e), 0);
    assert_string_equal(json, text);
    free(json);
    assert_int_equal(state_is_last(s, receipt, &e), 1);
    for (uint32_t i = 0; i < SUBJECTS; i++) {
        struct subject_verdict v;
        assert_true(look(s, i, n, UINT32_MAX, &v));
        assert_int_equal(v.change, CHANGE_UNCHANGED);
        assert_int_equal(v.generation, n - 1); /* counted once for each batch */
    }
    return n;
}

/* ---- the process ---- */
static void commit_until_killed(struct state *s, uint32_t n, int tell)
{
    for (;; n++) {
        if (!stage(s, n) || state_commit(s, &e) < 0 || write(tell, &n, sizeof(n)) != sizeof(n))
            _exit(1);
    }
}

static void nothing_is_lost_or_half_there_when_the_process_is_killed(void **state)
{
    (void)state;
    choose_seed();
    uint32_t before = 0;
    unsigned span_us = 150000;
    for (unsigned round = 0; round < 15; round++) {
        int told[2];
        assert_int_equal(pipe(told), 0);
        pid_t child = forked();
        if (child == 0)
            commit_until_killed(store_open(), before + 1, told[1]);
        (void)close(told[1]);
        pause_us(20000 + (unsigned)rand_r(&seed) % span_us);
        (void)kill(child, SIGKILL);
        forked_was_killed(child);
        uint32_t n, said = before;
        while (read(told[0], &n, sizeof(n)) == sizeof(n))
            said = n;
        (void)close(told[0]);
        struct state *s = store_open();
        uint32_t there = last_batch(s);
        state_close(s);
        assert_in_range(there, said, said + 1);
        if (there == before && span_us < 4000000)
            span_us *= 2; /* a slow machine: nothing was done yet */
        before = there;
    }
    print_message("%u batches\n", before);
    assert_true(before > 0);
}

/* ---- the server ---- */
struct commits {
    uint32_t done;
    unsigned away;
};

/* Commits until the time is over; what failed is tried again, and must come through. */
static struct commits commit_until(struct state *s, uint64_t end)
{
    struct commits c = {0};
    uint64_t give_up = end + patience_ms(20000); /* nothing is killed any more */
    while (mono_ms() < end || c.done == 0) {
        if (!stage(s, c.done + 1)) {
            assert_string_equal(e.code, "state-away");
            assert_true(mono_ms() < give_up);
            c.away++;
            pause_us(20000);
            continue;
        }
        while (state_commit(s, &e) < 0) {
            assert_string_equal(e.code, "state-away"); /* never a conflict with itself */
            assert_true(mono_ms() < give_up);
            c.away++;
        }
        c.done++;
    }
    return c;
}

struct killer {
    uint64_t end;
    unsigned times;
};

/* Leaves it running. */
static void *kill_server(void *arg)
{
    struct killer *k = arg;
    unsigned own = seed;
    while (mono_ms() < k->end) {
        pause_us(100000 + (unsigned)rand_r(&own) % 700000);
        store_server("kill");
        store_server("start");
        k->times++;
    }
    return NULL;
}

/* Sessions end at any moment of a commit: its outcome is unknown, and must be found out. */
static void *end_sessions(void *arg)
{
    struct killer *k = arg;
    unsigned own = seed;
    PGconn *c = PQconnectdb(store_conninfo());
    while (mono_ms() < k->end) {
        pause_us(20000 + (unsigned)rand_r(&own) % 100000);
        PGresult *r = PQexec(c, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                                " WHERE application_name = 'reeve s'");
        k->times += (unsigned)PQntuples(r);
        PQclear(r);
    }
    PQfinish(c);
    return NULL;
}

static void while_something_kills(void *(*killer)(void *), uint64_t ms, const char *what)
{
    pthread_t thread;
    store_needs_server();
    choose_seed();
    struct state *s = store_open();
    struct killer k = {.end = mono_ms() + ms};
    assert_int_equal(pthread_create(&thread, NULL, killer, &k), 0);
    struct commits c = commit_until(s, k.end);
    (void)pthread_join(thread, NULL);
    state_close(s);
    s = store_open();
    assert_int_equal(last_batch(s), c.done);
    state_close(s);
    print_message("%u batches of %u subjects, %u %s, away %u times\n", c.done, SUBJECTS, k.times,
                  what, c.away);
    assert_true(k.times > 0 && c.done > 0);
}

static void what_was_committed_outlives_the_server(void **state)
{
    (void)state;
    while_something_kills(kill_server, 8000, "kills of the server");
}

static void a_commit_whose_outcome_is_unknown_is_stored_once(void **state)
{
    (void)state;
    while_something_kills(end_sessions, 5000, "sessions ended");
}

static void a_server_that_is_away_is_said_and_comes_back(void **state)
{
    const void *p;
    size_t len;
    (void)state;
    store_needs_server();
    struct state *s = store_open();
    assert_true(stage(s, 1));
    store_server("kill");
    assert_true(state_commit(s, &e) < 0);
    assert_string_equal(e.code, "state-away");
    assert_true(state_get(s, "other", &p, &len, &e) < 0);
    assert_string_equal(e.code, "state-away");
    assert_int_equal(state_get(s, "n", &p, &len, &e), 0); /* staged still */
    store_server("start");
    uint64_t end = patience_ends(20000);
    while (state_commit(s, &e) < 0)
        assert_true(mono_ms() < end);
    assert_int_equal(last_batch(s), 1);
    state_close(s);
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, store_init, store_done)
    const struct CMUnitTest tests[] = {
        CASE(nothing_is_lost_or_half_there_when_the_process_is_killed),
        CASE(what_was_committed_outlives_the_server),
        CASE(a_commit_whose_outcome_is_unknown_is_stored_once),
        CASE(a_server_that_is_away_is_said_and_comes_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
