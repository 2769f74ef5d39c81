/* SPDX-License-Identifier: Apache-2.0 */
/* test_queue_move - waiting messages that are moved to another destination: each is in exactly one
 * queue at any time, in the same order, with the same id and bytes. */
#include "conformance/stage.h"
#include "lib/forked.h"
#include "base/util.h"
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static struct err e;

struct ids {
    unsigned n;
    char first[64], last[64];
};

static void on_id(void *arg, const char *id)
{
    struct ids *ids = arg;
    if (ids->n++ == 0)
        (void)snprintf(ids->first, sizeof ids->first, "%s", id);
    (void)snprintf(ids->last, sizeof ids->last, "%s", id);
}

/* Until nothing is left. 0, or the negative errno of the first that failed. */
static int move_all(const char *from, const char *to, struct ids *ids)
{
    uint64_t left = 1;
    int r = 0;
    *ids = (struct ids){0};
    while (r == 0 && left > 0)
        r = transport_queue_move(pub.t, from, to, 1000, on_id, ids, &left, &e);
    return r;
}

static void moved_messages_keep_id_order_and_bytes_and_begin_anew(void **state)
{
    struct ids ids;
    (void)state;
    probe_open(&pub, &g, "all");
    probe_open(&con, &g, "all");
    publish_n("register", 0, 700);
    publish_n("foodbank", 900, 2);
    assert_int_equal(move_all("register", "foodbank", &ids), 0);
    assert_int_equal(ids.n, 700);
    assert_string_equal(ids.first, "m0");
    assert_string_equal(ids.last, "m699");
    assert_int_equal(probe_figure(&pub, "register", "ready"), 0);
    figure_is("register", "bytes", 0);
    figure_gets(&pub, "foodbank", "ready", 702);
    con.settle_done = true;
    consume(&con, "foodbank", 100);
    probe_wait(&con, &con.settled, 702);
    assert_string_equal(con.got[0].id, "m900");
    for (unsigned i = 0; i < 700; i++) {
        char id[32];
        (void)snprintf(id, sizeof id, "m%u", i);
        assert_string_equal(con.got[i + 2].id, id);
        assert_int_equal(con.got[i + 2].len, 20);
    }
    assert_int_equal(probe_figure(&pub, "foodbank", "ready"), 0);
    publish_n("register", 1000, 1); /* the emptied queue works on */
    consume(&con, "register", 100);
    probe_wait(&con, &con.settled, 703);
}

static void delayed_messages_are_moved_with_their_attempts_forgiven(void **state)
{
    struct ids ids;
    (void)state;
    probe_open(&pub, &g, "all");
    probe_open(&con, &g, "all");
    consume(&con, "register", 100);
    publish_n("register", 0, 3);
    probe_wait(&con, &con.jobs, 3);
    for (unsigned i = 0; i < 3; i++)
        probe_settle(&con, i, SETTLE_RETRY, 3600000, "busy");
    probe_wait(&con, &con.settled, 3);
    assert_int_equal(move_all("register", "foodbank", &ids), -EPERM);
    assert_string_equal(e.code, "queue-busy"); /* somebody is given its messages */
    assert_int_equal(transport_pause(con.t, "register", true), 0);
    figure_gets(&con, "register", "paused", 1);
    figure_gets(&con, "register", "delayed", 3);
    assert_int_equal(move_all("register", "foodbank", &ids), 0);
    assert_int_equal(ids.n, 3);
    assert_int_equal(probe_figure(&pub, "register", "delayed"), 0);
    figure_gets(&pub, "foodbank", "ready", 3);
    consume(&con, "foodbank", 100);
    probe_wait(&con, &con.jobs, 6);
    assert_int_equal(con.got[5].attempts, 0);
    assert_int_equal(transport_pause(con.t, "register", false), 0);
    publish_n("register", 10, 1);
    probe_wait(&con, &con.jobs, 7);
    assert_string_equal(con.got[6].id, "m10");
}

static void messages_under_way_are_not_moved(void **state)
{
    struct ids ids;
    (void)state;
    probe_open(&pub, &g, "all");
    probe_open(&con, &g, "all");
    consume(&con, "register", 1);
    publish_n("register", 0, 3);
    probe_wait(&con, &con.jobs, 1);
    assert_int_equal(transport_pause(con.t, "register", true), 0);
    figure_gets(&con, "register", "paused", 1);
    assert_int_equal(move_all("register", "foodbank", &ids), -EPERM);
    assert_string_equal(e.code, "queue-busy");
    assert_non_null(strstr(e.text, "1 under way"));
    probe_settle(&con, 0, SETTLE_RELEASE, 0, NULL);
    probe_wait(&con, &con.settled, 1);
    assert_int_equal(move_all("register", "foodbank", &ids), 0);
    assert_int_equal(ids.n, 3);
}

static void a_shared_event_goes_with_its_copy_and_the_strict_queue_keeps_its_order(void **state)
{
    static const char *const two[] = {"register", "foodbank"};
    struct ids ids;
    (void)state;
    probe_open(&pub, &g, "all");
    probe_open(&con, &g, "all");
    for (unsigned i = 0; i < 5; i++) {
        char id[16];
        (void)snprintf(id, sizeof id, "both%u", i);
        probe_publish(&pub, i, id, "{\"both\":1}", 10, two, 2);
    }
    probe_wait(&pub, &pub.confirmed, 5);
    assert_int_equal(move_all("register", "ledger", &ids), 0);
    con.settle_done = true;
    consume(&con, "ledger", 1);
    probe_wait(&con, &con.settled, 5);
    assert_string_equal(con.got[0].id, "both0");
    assert_string_equal(con.got[4].id, "both4");
    assert_int_equal(con.got[4].len, 10);
    assert_int_equal(move_all("foodbank", "ledger", &ids), 0);
    probe_wait(&con, &con.settled, 10);
    assert_int_equal(con.got[9].len, 10);
}

static void all_is_moved_as_soon_as_the_engine_is_back(void **state)
{
    enum { N = 2000, ROUNDS = 4 };
    static const char *const names[] = {"register", "foodbank"};
    struct ids ids;
    (void)state;
    probe_open(&pub, &g, "all");
    publish_n("register", 0, N);
    for (unsigned round = 0; round < ROUNDS; round++) {
        engine_kill(&g);
        assert_int_equal(engine_start(&g), 0);
        assert_int_equal(move_all(names[round % 2], names[(round + 1) % 2], &ids), 0);
        assert_int_equal(ids.n, N);
    }
}

static void what_cannot_be_moved_is_refused_and_stays(void **state)
{
    static const struct {
        const char *from, *to, *code;
    } table[] = {{"nowhere", "register", "destination-unknown"},
                 {"register", "nowhere", "destination-unknown"},
                 {"register", "register", "destination-unknown"},
                 {"register", "small", "destination-full"}};
    struct ids ids;
    (void)state;
    probe_open(&pub, &g, "all");
    publish_n("register", 0, 5);
    for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
        assert_int_equal(move_all(table[i].from, table[i].to, &ids), -EPERM);
        assert_string_equal(e.code, table[i].code);
    }
    assert_int_equal(ids.n, 3); /* as many as there was room for */
    figure_gets(&pub, "register", "ready", 2);
    figure_gets(&pub, "small", "ready", 3);
    assert_int_equal(move_all("foodbank", "register", &ids), 0); /* an empty one: nothing to do */
    assert_int_equal(ids.n, 0);
    probe_open(&con, &g, "source");
    uint64_t left;
    assert_int_equal(transport_queue_move(con.t, "register", "foodbank", 1, on_id, &ids, &left, &e),
                     -EPERM);
    assert_string_equal(e.code, "not-allowed");
}

static uint64_t both_hold(void)
{
    return probe_figure(&pub, "register", "ready") + probe_figure(&pub, "foodbank", "ready");
}

static void a_crash_in_the_middle_leaves_each_message_in_one_queue(void **state)
{
    enum { N = 3000, ROUNDS = 12 };
    static unsigned char seen[N];
    static const char *const names[] = {"register", "foodbank"};
    const char *given = getenv("REEVE_SEED");
    unsigned seed = given ? (unsigned)strtoul(given, NULL, 10) : (unsigned)mono_ms();
    struct ids ids;
    (void)state;
    print_message("REEVE_SEED=%u\n", seed);
    srandom(seed);
    probe_open(&pub, &g, "all");
    publish_n("register", 0, N);
    for (unsigned round = 0; round < ROUNDS; round++) {
        bool back = probe_figure(&pub, "register", "ready") < N / 2;
        pid_t killer = forked();
        if (killer == 0) {
            (void)usleep((useconds_t)(random() % 30000));
            (void)kill(g.pid, SIGKILL);
            _exit(0);
        }
        (void)random(); /* the killer's went with it */
        (void)move_all(names[back], names[!back], &ids);
        assert_int_equal(waitpid(killer, NULL, 0), killer);
        engine_kill(&g);
        assert_int_equal(engine_start(&g), 0);
        assert_int_equal(transport_wait_usable(pub.t, engine_wait_ms(), &e), 0);
        for (uint64_t until = mono_ms() + engine_wait_ms(); both_hold() != N && mono_ms() < until;)
            probe_idle(&pub, 20); /* soon after its start RabbitMQ tells less */
        assert_int_equal(both_hold(), N);
    }
    probe_open(&con, &g, "all");
    con.settle_done = true;
    consume(&con, "register", 100);
    consume(&con, "foodbank", 100);
    probe_wait(&con, &con.settled, N);
    memset(seen, 0, sizeof seen);
    for (unsigned i = 0; i < N; i++) {
        unsigned number = (unsigned)strtoul(con.got[i].id + 1, NULL, 10);
        assert_true(number < N);
        assert_int_equal(seen[number]++, 0);
    }
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
int main(void)
{
    static const struct CMUnitTest tests[] = {
        T(moved_messages_keep_id_order_and_bytes_and_begin_anew),
        T(delayed_messages_are_moved_with_their_attempts_forgiven),
        T(messages_under_way_are_not_moved),
        T(a_shared_event_goes_with_its_copy_and_the_strict_queue_keeps_its_order),
        T(all_is_moved_as_soon_as_the_engine_is_back),
        T(what_cannot_be_moved_is_refused_and_stays),
        T(a_crash_in_the_middle_leaves_each_message_in_one_queue),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
