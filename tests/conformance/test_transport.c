/* SPDX-License-Identifier: Apache-2.0 */
/* test_transport - what every engine of the transport must do, said through transport.h alone.
 *
 * The fixture (tests/lib/engine.h) starts a real engine for each test. Delays are real: a rung of
 * the ladder is a second at least. */
#include "conformance/stage.h"
#include "base/util.h"
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

static void every_tag_ends_exactly_once(void **state)
{
    (void)state;
    probe_open(&pub, &g, "all");
    for (unsigned i = 0; i < 1000; i++)
        probe_send(&pub, i, i % 7 == 3 ? "nowhere" : "register");
    probe_wait(&pub, &pub.confirmed, 857);
    probe_wait(&pub, &pub.failed, 143);
    probe_idle(&pub, 50);
    assert_int_equal(pub.confirmed, 857);
    assert_int_equal(pub.failed, 143);
    assert_int_equal(pub.twice, 0);
    for (unsigned i = 0; i < 1000; i++)
        assert_int_equal(pub.ended[i], i % 7 == 3 ? 2 : 1);
    assert_string_equal(pub.code, "destination-unknown");
    assert_non_null(strstr(pub.text, "nowhere"));
}

static void several_destinations_get_one_copy_each(void **state)
{
    static const char *const three[] = {"register", "foodbank", "ledger"};
    static const char *const same[] = {"register", "register"};
    (void)state;
    probe_open(&pub, &g, "all");
    probe_open(&con, &g, "all");
    for (size_t i = 0; i < 3; i++)
        consume(&con, three[i], 100);
    probe_publish(&pub, 1, "one", "{\"a\":1}", 7, three, 3);
    probe_publish(&pub, 2, "two", "{\"b\":2}", 7, same, 2);
    probe_wait(&pub, &pub.confirmed, 2);
    con.settle_done = true;
    probe_wait(&con, &con.jobs, 4);
    probe_wait(&con, &con.settled, 4);
    probe_idle(&con, 100);
    assert_int_equal(con.jobs, 4);
    unsigned each[3] = {0};
    for (unsigned i = 0; i < 4; i++)
        for (size_t d = 0; d < 3; d++)
            each[d] += strcmp(con.got[i].destination, three[d]) == 0;
    assert_int_equal(each[0], 2);
    assert_int_equal(each[1], 1);
    assert_int_equal(each[2], 1);
}

static void attempts_are_charged_by_retry_only_and_the_message_stays_the_same(void **state)
{
    static const char *const dest[] = {"register"};
    (void)state;
    probe_open(&pub, &g, "all");
    probe_open(&con, &g, "register.deliver");
    consume(&con, "register", 10);
    probe_publish(&pub, 1, "the-id", "<event>", 7, dest, 1);
    static const enum settle how[] = {SETTLE_RELEASE, SETTLE_RETRY, SETTLE_RELEASE, SETTLE_RETRY,
                                      SETTLE_DONE};
    static const uint32_t charged[] = {0, 0, 1, 1, 2};
    probe_wait(&pub, &pub.confirmed, 1);
    for (unsigned i = 0; i < ARRAY_SIZE(how); i++) {
        probe_wait(&con, &con.jobs, i + 1);
        assert_string_equal(con.got[i].id, "the-id");
        assert_memory_equal(con.got[i].job->bytes, "<event>", 7);
        assert_int_equal(con.got[i].len, 7);
        assert_int_equal(con.got[i].attempts, charged[i]);
        assert_int_equal(con.got[i].first_ms, con.got[0].first_ms);
        probe_settle(&con, i, how[i], 0, "busy");
    }
    probe_wait(&con, &con.settled, (unsigned)ARRAY_SIZE(how));
    probe_idle(&con, 100);
    assert_int_equal(con.jobs, ARRAY_SIZE(how));
}

static void a_lost_consumer_charges_nothing_and_order_comes_back(void **state)
{
    (void)state;
    probe_open(&pub, &g, "all");
    probe_open(&con, &g, "register.deliver");
    consume(&con, "register", 5);
    publish_n("register", 0, 8);
    probe_wait(&con, &con.jobs, 5);
    probe_close(&con);
    probe_open(&con2, &g, "register.deliver");
    consume(&con2, "register", 100);
    probe_wait(&con2, &con2.jobs, 8);
    for (unsigned i = 0; i < 8; i++) {
        char id[32];
        (void)snprintf(id, sizeof id, "m%u", i);
        assert_string_equal(con2.got[i].id, id);
        assert_int_equal(con2.got[i].attempts, 0);
    }
}

static void jobs_of_a_lost_engine_are_void_and_come_again(void **state)
{
    (void)state;
    probe_open(&pub, &g, "all");
    probe_open(&con, &g, "register.deliver");
    consume(&con, "register", 10);
    publish_n("register", 0, 2);
    probe_wait(&con, &con.jobs, 2);
    probe_settle(&con, 0, SETTLE_DONE, 0, NULL);
    probe_wait(&con, &con.settled, 1);
    engine_kill(&g);
    assert_int_equal(engine_start(&g), 0);
    probe_wait(&con, &con.losses, 1);
    assert_memory_equal(con.got[1].job->bytes, "{", 1); /* still readable */
    assert_int_equal(transport_settle(con.t, con.got[1].job, SETTLE_DONE, 0, NULL, NULL), -ESTALE);
    probe_wait(&con, &con.jobs, 3);
    assert_string_equal(con.got[2].id, "m1");
    assert_int_equal(con.got[2].attempts, 0);
    probe_settle(&con, 2, SETTLE_DONE, 0, NULL);
    probe_wait(&con, &con.settled, 2);
    probe_idle(&con, 100);
    assert_int_equal(con.jobs, 3);
}

static void count_ids(unsigned *seen, unsigned n)
{
    for (unsigned i = 0; i < con.jobs; i++) {
        unsigned long v = strtoul(con.got[i].id + 1, NULL, 10);
        assert_true(v < n);
        seen[v]++;
    }
}

static void killing_the_engine_in_mid_window_loses_nothing(void **state)
{
    enum { N = 6000 };
    static unsigned seen[N];
    (void)state;
    memset(seen, 0, sizeof seen);
    probe_open(&pub, &g, "all");
    for (unsigned i = 0; i < N; i++) {
        probe_send(&pub, i, "register");
        if (i == 1000 || i == 2500 || i == 4321) { /* the window is full of unconfirmed ones */
            assert_int_equal(transport_run(pub.t), 0);
            engine_kill(&g);
            assert_int_equal(engine_start(&g), 0);
        }
    }
    probe_wait(&pub, &pub.confirmed, N);
    assert_int_equal(pub.failed, 0);
    assert_int_equal(pub.twice, 0);
    assert_int_equal(pub.losses, 3);
    engine_kill(&g);
    assert_int_equal(engine_start(&g), 0);
    probe_open(&con, &g, "register.deliver");
    con.settle_done = true;
    consume(&con, "register", 200);
    probe_wait(&con, &con.jobs, N);
    consumed(&con, "register");
    count_ids(seen, N);
    for (unsigned i = 0; i < N; i++) {
        assert_true(seen[i] >= 1);
        assert_true(seen[i] <= 4); /* a duplicate has the same id */
    }
}

static void killing_the_engine_while_consuming_loses_nothing_and_brings_back_nothing(void **state)
{
    enum { N = 3000 };
    static unsigned seen[N];
    (void)state;
    memset(seen, 0, sizeof seen);
    probe_open(&pub, &g, "all");
    publish_n("register", 0, N);
    probe_open(&con, &g, "register.deliver");
    con.settle_done = true;
    consume(&con, "register", 100);
    probe_wait(&con, &con.settled, 500);
    engine_kill(&g);
    assert_int_equal(engine_start(&g), 0);
    probe_wait(&con, &con.settled, N - 200); /* settled() may be lost with the connection */
    consumed(&con, "register");
    count_ids(seen, N);
    unsigned again = 0;
    for (unsigned i = 0; i < N; i++) {
        assert_true(seen[i] >= 1);
        again += seen[i] - 1;
    }
    assert_true(again <= 100); /* at most what was not settled: one prefetch */
}

/* Settles what has come in, mostly DONE, by a fixed pseudo-random rule. */
static void settle_somehow(struct probe *p, unsigned *next, uint64_t *x)
{
    for (; *next < p->jobs; ++*next) {
        *x = *x * 6364136223846793005u + 1442695040888963407u;
        unsigned dice = (unsigned)(*x >> 33) % 20;
        enum settle how = dice == 0 ? SETTLE_RETRY : dice == 1 ? SETTLE_RELEASE : SETTLE_DONE;
        struct transport_job *job = p->got[*next].job;
        p->got[*next].job = NULL;
        int r = transport_settle(p->t, job, how, 0, "busy", "because");
        assert_true(r == 0 || r == -ESTALE);
    }
}

/* First appearances, in the order of publishing; everything at least once. */
static void check_all_came(const struct probe *p, const char *destination, unsigned n, bool ordered)
{
    static unsigned char seen[PROBE_TAGS];
    unsigned next = 0, count = 0;
    memset(seen, 0, sizeof seen);
    for (unsigned i = 0; i < p->jobs; i++) {
        if (strcmp(p->got[i].destination, destination) != 0)
            continue;
        unsigned long v = strtoul(p->got[i].id + 1, NULL, 10);
        assert_true(v < n);
        if (seen[v]++)
            continue;
        count++;
        if (ordered)
            assert_int_equal(v, next++);
    }
    assert_int_equal(count, n);
}

static void random_kills_under_load_lose_nothing_and_keep_strict_order(void **state)
{
    enum { N = 3000 };
    static const char *const two[] = {"register", "ledger"};
    uint64_t x = 42;
    unsigned next = 0, sent = 0, kills = 0;
    (void)state;
    probe_open(&pub, &g, "all");
    probe_open(&con, &g, "all");
    consume(&con, "register", 50);
    consume(&con, "ledger", 50);
    uint64_t until = mono_ms() + 6 * engine_wait_ms();
    while (pub.confirmed < N && mono_ms() < until) {
        char id[32];
        (void)snprintf(id, sizeof id, "m%u", sent);
        while (sent < N && transport_publish(pub.t, sent, id, id, strlen(id), two, 2) == 0)
            (void)snprintf(id, sizeof id, "m%u", ++sent);
        engine_run(pub.t, NULL, 0, 2);
        engine_run(con.t, NULL, 0, 2);
        settle_somehow(&con, &next, &x);
        if (kills < 6 && pub.confirmed > (kills + 1) * 400) {
            engine_kill(&g);
            assert_int_equal(engine_start(&g), 0);
            kills++;
        }
    }
    assert_int_equal(pub.confirmed, N);
    assert_int_equal(pub.failed + pub.twice, 0);
    while (mono_ms() < until &&
           (next < con.jobs || probe_figure(&pub, "ledger", "ready") ||
            probe_figure(&pub, "register", "ready") || probe_figure(&pub, "ledger", "inflight") ||
            probe_figure(&pub, "register", "inflight"))) {
        for (unsigned i = 0; i < 200; i++) {
            engine_run(con.t, &con.jobs, next + 1, 5);
            settle_somehow(&con, &next, &x);
        }
    }
    assert_int_equal(kills, 6);
    check_all_came(&con, "register", N, false);
    check_all_came(&con, "ledger", N, true);
    figure_is("register", "bytes", 0);
    figure_is("ledger", "bytes", 0);
}

static void strict_order_holds_through_retry_and_release(void **state)
{
    (void)state;
    probe_open(&pub, &g, "all");
    probe_open(&con, &g, "ledger.deliver");
    probe_open(&con2, &g, "ledger.deliver");
    consume(&con, "ledger", 100);
    publish_n("ledger", 0, 4);
    probe_wait(&con, &con.jobs, 1);
    consume(&con2, "ledger", 100);
    probe_idle(&con2, 150);
    probe_idle(&con, 150);
    assert_int_equal(con.jobs, 1); /* one in flight, whoever asks */
    assert_int_equal(con2.jobs, 0);
    probe_close(&con2);
    probe_settle(&con, 0, SETTLE_RETRY, 1, "busy");
    uint64_t start = mono_ms();
    probe_wait(&con, &con.jobs, 2);
    assert_true(mono_ms() - start >= 900); /* the queue waited, nobody overtook */
    assert_string_equal(con.got[1].id, "m0");
    assert_int_equal(con.got[1].attempts, 1);
    probe_settle(&con, 1, SETTLE_RELEASE, 0, NULL);
    probe_wait(&con, &con.jobs, 3);
    assert_string_equal(con.got[2].id, "m0");
    assert_int_equal(con.got[2].attempts, 1);
    for (unsigned i = 0; i < 4; i++) {
        char id[32];
        (void)snprintf(id, sizeof id, "m%u", i);
        probe_wait(&con, &con.jobs, 3 + i);
        assert_string_equal(con.got[2 + i].id, id);
        assert_int_equal(con.jobs, 3 + i);
        probe_settle(&con, 2 + i, i == 1 ? SETTLE_DEAD : SETTLE_DONE, 0, "refused");
    }
    probe_wait(&con, &con.settled, 6);
}

static void a_paused_strict_consumer_hands_over_in_order(void **state)
{
    (void)state;
    probe_open(&pub, &g, "all");
    probe_open(&con, &g, "ledger.deliver");
    probe_open(&con2, &g, "ledger.deliver");
    consume(&con, "ledger", 10);
    publish_n("ledger", 0, 3);
    probe_wait(&con, &con.jobs, 1);
    con2.settle_done = true;
    consume(&con2, "ledger", 10);
    assert_int_equal(transport_pause(con.t, "ledger", true), 0);
    for (unsigned i = 0; i < 35; i++)
        both_idle(20); /* what is out here is overtaken by nobody elsewhere */
    assert_int_equal(con2.jobs, 0);
    probe_settle(&con, 0, SETTLE_RETRY, 1, "busy");
    both_wait(&con2.jobs, NULL, 3);
    assert_int_equal(con2.jobs, 3);
    assert_string_equal(con2.got[0].id, "m0");
    assert_int_equal(con2.got[0].attempts, 1);
    assert_string_equal(con2.got[1].id, "m1");
    assert_string_equal(con2.got[2].id, "m2");
    assert_int_equal(con.jobs, 1);
    assert_int_equal(transport_pause(con2.t, "ledger", true), 0);
    probe_idle(&con2, 50);
    assert_int_equal(transport_pause(con.t, "ledger", false), 0);
    publish_n("ledger", 3, 1);
    probe_wait(&con, &con.jobs, 2);
    assert_string_equal(con.got[1].id, "m3");
}

static void strict_order_holds_over_a_restart(void **state)
{
    (void)state;
    probe_open(&pub, &g, "all");
    probe_open(&con, &g, "ledger.deliver");
    consume(&con, "ledger", 10);
    publish_n("ledger", 0, 3);
    probe_wait(&con, &con.jobs, 1);
    probe_settle(&con, 0, SETTLE_RETRY, 1000, "busy");
    probe_wait(&con, &con.settled, 1);
    engine_kill(&g);
    assert_int_equal(engine_start(&g), 0);
    con.settle_done = true;
    probe_wait(&con, &con.jobs, 4);
    for (unsigned i = 0; i < 3; i++) {
        char id[32];
        (void)snprintf(id, sizeof id, "m%u", i);
        assert_string_equal(con.got[1 + i].id, id);
        assert_int_equal(con.got[1 + i].attempts, i == 0);
    }
}

static void free_order_lets_others_overtake(void **state)
{
    (void)state;
    probe_open(&pub, &g, "all");
    probe_open(&con, &g, "register.deliver");
    consume(&con, "register", 1);
    publish_n("register", 0, 3);
    probe_wait(&con, &con.jobs, 1);
    probe_settle(&con, 0, SETTLE_RETRY, 1000, "busy");
    con.settle_done = true;
    probe_wait(&con, &con.jobs, 4);
    assert_string_equal(con.got[1].id, "m1");
    assert_string_equal(con.got[2].id, "m2");
    assert_string_equal(con.got[3].id, "m0");
    assert_int_equal(con.got[3].attempts, 1);
}

static void delays_climb_to_a_rung_and_survive_a_restart(void **state)
{
    (void)state;
    probe_open(&pub, &g, "all");
    probe_open(&con, &g, "register.deliver");
    consume(&con, "register", 10);
    publish_n("register", 0, 1);
    probe_wait(&con, &con.jobs, 1);
    probe_settle(&con, 0, SETTLE_RETRY, 1, "busy");
    uint64_t start = mono_ms();
    probe_wait(&con, &con.jobs, 2);
    uint64_t took = mono_ms() - start;
    assert_true(took >= 950 && took <= 4500); /* 1 ms is rounded up to 1 s, and jitter added */
    assert_int_equal(con.got[1].attempts, 1);
    probe_settle(&con, 1, SETTLE_RETRY, 600, "busy");
    probe_wait(&con, &con.settled, 2);
    start = mono_ms();
    engine_kill(&g);
    assert_int_equal(engine_start(&g), 0);
    probe_wait(&con, &con.jobs, 3);
    assert_true(mono_ms() - start >= 900);
    assert_int_equal(con.got[2].attempts, 2);
    probe_settle(&con, 2, SETTLE_RELEASE, 900, NULL);
    start = mono_ms();
    probe_wait(&con, &con.jobs, 4);
    assert_true(mono_ms() - start >= 900);
    assert_int_equal(con.got[3].attempts, 2);
}

static void prefetch_bounds_what_a_slow_consumer_holds_and_others_get_their_share(void **state)
{
    (void)state;
    probe_open(&pub, &g, "all");
    probe_open(&con, &g, "register.deliver");
    probe_open(&con2, &g, "register.deliver");
    consume(&con, "register", 10);
    consume(&con2, "register", 10);
    both_idle(50);
    publish_n("register", 0, 100);
    probe_wait(&con, &con.jobs, 10);
    probe_wait(&con2, &con2.jobs, 10);
    probe_idle(&con, 100);
    assert_int_equal(con.jobs, 10);
    figure_gets(&con, "register", "inflight", 20);
    con2.settle_done = true; /* the slow one does not stop the other */
    for (unsigned i = 0; i < 10; i++)
        probe_settle(&con2, i, SETTLE_DONE, 0, NULL);
    probe_wait(&con2, &con2.settled, 90);
    assert_int_equal(con.jobs, 10);
    probe_settle(&con, 0, SETTLE_RELEASE, 0, NULL);
    probe_wait(&con, &con.settled, 1);
    both_wait(&con.jobs, &con2.jobs, 101); /* it comes again, to either */
    probe_idle(&con2, 100);
    assert_int_equal(con.jobs + con2.jobs, 101);
}

static void a_paused_consumer_gets_nothing_new(void **state)
{
    (void)state;
    probe_open(&pub, &g, "all");
    probe_open(&con, &g, "register.deliver");
    consume(&con, "register", 10);
    assert_int_equal(transport_pause(con.t, "register", true), 0);
    assert_int_equal(transport_pause(con.t, "foodbank", true), -ENOENT);
    figure_gets(&con, "register", "paused", 1);
    publish_n("register", 0, 5);
    probe_idle(&con, 150);
    assert_int_equal(con.jobs, 0);
    engine_kill(&g); /* and stays paused */
    assert_int_equal(engine_start(&g), 0);
    probe_wait(&con, &con.losses, 1);
    probe_idle(&con, 300);
    assert_int_equal(con.jobs, 0);
    assert_int_equal(transport_pause(con.t, "register", false), 0);
    probe_wait(&con, &con.jobs, 5);
}

/* ---- dead letters ---- */

struct listed {
    uint64_t number[64];
    unsigned n;
    char last_id[64], last_code[64], last_text[64], last_bytes[64];
    uint32_t attempts;
    size_t len;
    bool bytes;
};

static int on_dead(void *arg, const struct dead_letter *d)
{
    struct listed *l = arg;
    if (l->n < ARRAY_SIZE(l->number))
        l->number[l->n] = d->number;
    l->n++;
    l->attempts = d->attempts;
    l->len = d->len;
    l->bytes = d->bytes != NULL;
    (void)snprintf(l->last_id, sizeof l->last_id, "%s", d->id);
    (void)snprintf(l->last_code, sizeof l->last_code, "%s", d->code);
    (void)snprintf(l->last_text, sizeof l->last_text, "%s", d->text);
    (void)snprintf(l->last_bytes, sizeof l->last_bytes, "%.*s", d->bytes ? (int)d->len : 0,
                   d->bytes ? d->bytes : "");
    assert_true(d->dead_ms >= d->first_ms && d->first_ms > 0);
    return 0;
}

static struct listed list_dead(const struct dead_filter *f, uint64_t after, size_t limit,
                               bool bytes)
{
    struct listed l = {.n = 0};
    struct err e;
    if (transport_dead_list(pub.t, f, after, limit, bytes, on_dead, &l, &e) < 0)
        fail_msg("%s", e.text);
    return l;
}

static void make_dead(const char *destination, unsigned from, unsigned n, const char *code)
{
    publish_n(destination, from, n);
    unsigned base = con.jobs, settled = con.settled;
    probe_wait(&con, &con.jobs, base + n);
    for (unsigned i = 0; i < n; i++)
        probe_settle(&con, base + i, SETTLE_DEAD, 0, code);
    probe_wait(&con, &con.settled, settled + n);
}

static void dead_letters_are_listed_in_pages_and_by_filter(void **state)
{
    (void)state;
    probe_open(&pub, &g, "all");
    probe_open(&con, &g, "all");
    consume(&con, "register", 100);
    consume(&con, "foodbank", 100);
    make_dead("register", 0, 12, "bad-request");
    make_dead("foodbank", 100, 5, "gone");
    struct listed page = list_dead(NULL, 0, 10, false);
    assert_int_equal(page.n, 10);
    assert_false(page.bytes);
    assert_int_equal(page.len, 20);
    for (unsigned i = 1; i < 10; i++)
        assert_true(page.number[i] > page.number[i - 1]);
    page = list_dead(NULL, page.number[9], 10, true);
    assert_int_equal(page.n, 7);
    assert_string_equal(page.last_id, "m104");
    assert_string_equal(page.last_code, "gone");
    assert_string_equal(page.last_text, "because");
    assert_string_equal(page.last_bytes, "{\"n\":           104}");
    assert_int_equal(list_dead(&(struct dead_filter){.destination = "foodbank"}, 0, 99, false).n,
                     5);
    assert_int_equal(list_dead(&(struct dead_filter){.code = "bad-request"}, 0, 99, false).n, 12);
    assert_int_equal(list_dead(&(struct dead_filter){.id = "m3"}, 0, 99, false).n, 1);
    assert_int_equal(list_dead(&(struct dead_filter){.from_ms = wall_ms() + 9999}, 0, 9, false).n,
                     0);
    assert_int_equal(list_dead(&(struct dead_filter){.to_ms = wall_ms()}, 0, 99, false).n, 17);
    assert_int_equal(probe_figure(&pub, "register", "dead"), 12);
    assert_int_equal(probe_figure(&pub, "register", "ready"), 0);
}

static void a_dead_letter_survives_a_restart_and_is_replayed_or_discarded(void **state)
{
    struct err e;
    (void)state;
    probe_open(&pub, &g, "all");
    probe_open(&con, &g, "all");
    consume(&con, "register", 100);
    publish_n("register", 7, 1);
    probe_wait(&con, &con.jobs, 1);
    probe_settle(&con, 0, SETTLE_RETRY, 0, "busy");
    probe_wait(&con, &con.jobs, 2);
    probe_settle(&con, 1, SETTLE_DEAD, 0, "gone");
    probe_wait(&con, &con.settled, 2);
    engine_kill(&g);
    assert_int_equal(engine_start(&g), 0);
    struct listed l = list_dead(NULL, 0, 10, false);
    assert_int_equal(l.n, 1);
    assert_int_equal(l.attempts, 1);
    assert_int_equal(transport_dead_replay(pub.t, l.number[0], &e), 0);
    probe_wait(&con, &con.jobs, 3);
    assert_string_equal(con.got[2].id, "m7");
    assert_int_equal(con.got[2].attempts, 0);
    assert_int_equal(list_dead(NULL, 0, 10, false).n, 0);
    assert_int_equal(transport_dead_replay(pub.t, l.number[0], &e), -ENOENT);
    assert_string_equal(e.code, "dead-unknown");
    probe_settle(&con, 2, SETTLE_DEAD, 0, "gone");
    probe_wait(&con, &con.settled, 3);
    l = list_dead(NULL, 0, 10, false);
    assert_int_equal(transport_dead_discard(pub.t, l.number[0], &e), 0);
    assert_int_equal(list_dead(NULL, 0, 10, false).n, 0);
    assert_int_equal(transport_dead_discard(pub.t, l.number[0], &e), -ENOENT);
    assert_int_equal(probe_figure(&pub, "register", "dead"), 0);
}

static void a_dead_copy_of_a_shared_message_keeps_its_event(void **state)
{
    static const char *const two[] = {"register", "foodbank"};
    struct err e;
    (void)state;
    probe_open(&pub, &g, "all");
    probe_open(&con, &g, "all");
    consume(&con, "register", 10);
    consume(&con, "foodbank", 10);
    probe_publish(&pub, 1, "shared", "{\"both\":1}", 10, two, 2);
    probe_wait(&pub, &pub.confirmed, 1);
    probe_wait(&con, &con.jobs, 2);
    bool first = strcmp(con.got[0].destination, "register") == 0;
    probe_settle(&con, first ? 0 : 1, SETTLE_DEAD, 0, "gone");
    probe_settle(&con, first ? 1 : 0, SETTLE_DONE, 0, NULL);
    probe_wait(&con, &con.settled, 2);
    struct listed l = list_dead(NULL, 0, 10, true);
    assert_string_equal(l.last_bytes, "{\"both\":1}");
    assert_int_equal(transport_dead_replay(pub.t, l.number[0], &e), 0);
    con.settle_done = true;
    probe_wait(&con, &con.jobs, 3);
    assert_int_equal(con.got[2].len, 10);
    probe_wait(&con, &con.settled, 3);
}

/* ---- refusals ---- */

static void a_full_destination_refuses_and_others_do_not_notice(void **state)
{
    static const char *const both[] = {"register", "small"};
    (void)state;
    probe_open(&pub, &g, "all");
    publish_n("small", 0, 3);
    probe_send(&pub, 3, "small");
    probe_wait(&pub, &pub.failed, 1);
    assert_string_equal(pub.code, "destination-full");
    assert_non_null(strstr(pub.text, "small"));
    assert_non_null(strstr(pub.text, "3"));
    publish_n("register", 10, 5);
    probe_publish(&pub, 20, "m20", "x", 1, both, 2); /* all or none */
    probe_wait(&pub, &pub.failed, 2);
    assert_int_equal(probe_figure(&pub, "register", "ready"), 5);
    char big[900];
    memset(big, 'x', sizeof big);
    static const char *const narrow[] = {"narrow"};
    probe_publish(&pub, 30, "m30", big, sizeof big, narrow, 1);
    probe_publish(&pub, 31, "m31", big, sizeof big, narrow, 1);
    probe_wait(&pub, &pub.failed, 3);
    assert_string_equal(pub.code, "destination-full");
    assert_int_equal(pub.ended[30], 1);
    probe_open(&con, &g, "small.deliver");
    con.settle_done = true;
    consume(&con, "small", 10);
    probe_wait(&con, &con.settled, 3);
    publish_n("small", 40, 1); /* there is room again */
}

static void many_in_one_window_never_pass_the_limit(void **state)
{
    (void)state;
    probe_open(&pub, &g, "all");
    for (unsigned i = 0; i < 50; i++)
        probe_send(&pub, i, "small");
    probe_wait(&pub, &pub.failed, 47);
    assert_int_equal(pub.confirmed, 3);
    assert_int_equal(probe_figure(&pub, "small", "ready"), 3);
}

static void the_window_is_a_hundred_messages_and_a_mebibyte(void **state)
{
    static const char *const dest[] = {"register"};
    static char big[3 << 20], part[300 << 10];
    (void)state;
    probe_open(&pub, &g, "all");
    for (unsigned i = 0; i < 100; i++)
        assert_int_equal(transport_publish(pub.t, i, "id", "x", 1, dest, 1), 0);
    assert_int_equal(transport_publish(pub.t, 100, "id", "x", 1, dest, 1), -EAGAIN);
    probe_wait(&pub, &pub.confirmed, 100);
    unsigned n = 0;
    while (transport_publish(pub.t, 200 + n, "id", part, sizeof part, dest, 1) == 0)
        n++;
    assert_int_equal(n, 3);
    assert_int_equal(transport_publish(pub.t, 300, "id", big, sizeof big, dest, 1), -EAGAIN);
    probe_wait(&pub, &pub.confirmed, 103);
    memset(big, 'b', sizeof big);
    assert_int_equal(transport_publish(pub.t, 301, "large", big, sizeof big, dest, 1),
                     0); /* alone */
    assert_int_equal(transport_publish(pub.t, 302, "id", "x", 1, dest, 1), -EAGAIN);
    probe_wait(&pub, &pub.confirmed, 104);
    probe_open(&con, &g, "register.deliver");
    con.settle_done = true;
    consume(&con, "register", 1000);
    probe_wait(&con, &con.settled, 104);
    assert_int_equal(con.got[103].len, sizeof big);
    assert_true(con.got[103].first == 'b' && con.got[103].last == 'b');
    assert_int_equal(pub.failed, 0);
}

static void a_message_over_the_maximum_fails_and_the_rest_goes_on(void **state)
{
    static const char *const dest[] = {"register"};
    (void)state;
    size_t len = (16u << 20) + 1;
    char *big = calloc(1, len);
    assert_non_null(big);
    probe_open(&pub, &g, "all");
    probe_publish(&pub, 1, "too-big", big, len, dest, 1);
    probe_wait(&pub, &pub.failed, 1);
    assert_string_equal(pub.code, "too-large");
    engine_kill(&g); /* also when it was taken while nobody could say so */
    probe_wait(&pub, &pub.losses, 1);
    probe_publish(&pub, 3, "too-big", big, len, dest, 1);
    assert_int_equal(engine_start(&g), 0);
    probe_wait(&pub, &pub.failed, 2);
    probe_publish(&pub, 2, "largest", big, len - 1, dest, 1);
    probe_wait(&pub, &pub.confirmed, 1);
    free(big);
    probe_open(&con, &g, "register.deliver");
    con.settle_done = true;
    consume(&con, "register", 10);
    probe_wait(&con, &con.settled, 1);
    assert_int_equal(con.got[0].len, len - 1);
}

static void an_empty_event_and_odd_bytes_travel(void **state)
{
    static const char *const dest[] = {"register"};
    static const char odd[] = {0, 1, (char)0xff, 0};
    (void)state;
    probe_open(&pub, &g, "all");
    probe_publish(&pub, 1, "empty", "", 0, dest, 1);
    probe_publish(&pub, 2, "odd", odd, sizeof odd, dest, 1);
    probe_wait(&pub, &pub.confirmed, 2);
    engine_kill(&g);
    assert_int_equal(engine_start(&g), 0);
    probe_open(&con, &g, "register.deliver");
    consume(&con, "register", 10);
    probe_wait(&con, &con.jobs, 2);
    assert_int_equal(con.got[0].len, 0);
    assert_int_equal(con.got[1].len, sizeof odd);
    assert_memory_equal(con.got[1].job->bytes, odd, sizeof odd);
}

static void a_worker_reaches_its_own_queue_only(void **state)
{
    struct err e;
    struct tree *t = NULL;
    static struct probe other;
    (void)state;
    probe_open(&pub, &g, "all");
    publish_n("register", 0, 1);
    probe_open(&con, &g, "foodbank.deliver");
    consume(&con, "register", 10);
    probe_wait(&con, &con.losses, 1);
    assert_non_null(strstr(con.why, "not-allowed"));
    probe_idle(&con, 300);
    assert_int_equal(con.jobs, 0);
    probe_open(&con2, &g, "register.deliver"); /* may take, may not give or look */
    probe_send(&con2, 1, "register");
    probe_wait(&con2, &con2.failed, 1);
    assert_string_equal(con2.code, "not-allowed");
    assert_true(transport_status(con2.t, &t, &e) < 0);
    assert_string_equal(e.code, "not-allowed");
    assert_true(transport_dead_discard(con2.t, 1, &e) < 0);
    assert_string_equal(e.code, "not-allowed");
    probe_open_only(&other, &g, "stranger");
    assert_int_equal(transport_wait_usable(other.t, 500, &e), -ETIMEDOUT);
    assert_non_null(strstr(e.text, "not-allowed"));
    probe_close(&other);
}

/* ---- size and figures ---- */

static void a_long_queue_does_not_live_in_memory(void **state)
{
    enum { N = 40000, SIZE = 2000 };
    static unsigned char seen[N];
    static char event[SIZE];
    static const char *const dest[] = {"register"};
    (void)state;
    memset(seen, 0, sizeof seen);
    memset(event, 'e', sizeof event);
    probe_open(&pub, &g, "all");
    for (unsigned i = 0; i < N; i++) {
        char id[32];
        (void)snprintf(id, sizeof id, "m%u", i);
        probe_publish(&pub, i, id, event, SIZE, dest, 1);
    }
    probe_wait(&pub, &pub.confirmed, N);
    long stored = engine_rss_kb(&g);
    assert_int_equal(probe_figure(&pub, "register", "ready"), N);
    probe_open(&con, &g, "register.deliver");
    con.settle_done = true;
    consume(&con, "register", 500);
    probe_wait(&con, &con.settled, N);
    long read = engine_rss_kb(&g);
    for (unsigned i = 0; i < N; i++)
        seen[strtoul(con.got[i].id + 1, NULL, 10)]++;
    for (unsigned i = 0; i < N; i++)
        assert_int_equal(seen[i], 1);
    print_message("engine after storing 80 MB: %ld kB, after reading it: %ld kB\n", stored, read);
#ifndef __SANITIZE_ADDRESS__
    assert_true(stored < engine_rss_limit_kb() && read < engine_rss_limit_kb());
#endif
}

static void status_tells_what_waits_where(void **state)
{
    (void)state;
    probe_open(&pub, &g, "all");
    probe_open(&con, &g, "all");
    publish_n("register", 0, 10);
    consume(&con, "register", 4);
    probe_wait(&con, &con.jobs, 4);
    probe_settle(&con, 0, SETTLE_RETRY, 60000, "http-503");
    probe_settle(&con, 1, SETTLE_DEAD, 0, "http-400");
    probe_wait(&con, &con.settled, 2);
    figure_gets(&con, "register", "inflight", 4);
    figure_gets(&con, "register", "ready", 4);
    figure_gets(&con, "register", "delayed", 1);
    figure_gets(&con, "register", "dead", 1);
    figure_is("register", "bytes", 9 * 20);
    assert_int_equal(probe_figure(&pub, "register", "consumers"), 1);
    assert_int_equal(probe_figure(&pub, "register", "configured"), 1);
    assert_int_equal(probe_figure(&pub, "small", "limit_messages"), 3);
    assert_int_equal(probe_figure(&pub, "narrow", "limit_bytes"), 1000);
    if (engine_tells("oldest_ms"))
        assert_true(probe_figure(&pub, "register", "oldest_ms") < 10000);
    struct tree *t = probe_status(&pub);
    const struct tree *list = tree_get(t, "destinations");
    assert_true(tree_getu(t, "stored_bytes", 0) > 0 || !engine_tells("stored_bytes"));
    for (size_t i = 0; i < list->n; i++)
        if (strcmp(tree_gets(list->child[i], "name", ""), "register") == 0)
            assert_string_equal(tree_gets(list->child[i], "last_error/code", ""), "http-400");
    tree_free(t);
}

static void a_destination_that_left_the_plan_keeps_its_messages(void **state)
{
    (void)state;
    probe_open(&pub, &g, "all");
    publish_n("register", 0, 3);
    (void)engine_stop(&g);
    g.dests[0].name = "archive";
    assert_int_equal(engine_start(&g), 0);
    figure_gets(&pub, "register", "ready", 3);
    assert_int_equal(probe_figure(&pub, "register", "configured"), 0);
    assert_int_equal(probe_figure(&pub, "archive", "configured"), 1);
    probe_send(&pub, 9, "register");
    probe_wait(&pub, &pub.failed, 1);
    assert_string_equal(pub.code, "destination-unknown");
    (void)engine_stop(&g);
    g.dests[0].name = "register";
    assert_int_equal(engine_start(&g), 0);
    probe_open(&con, &g, "register.deliver");
    consume(&con, "register", 10);
    probe_wait(&con, &con.jobs, 3);
    assert_int_equal(probe_figure(&pub, "archive", "configured"),
                     UINT64_MAX); /* empty: forgotten */
}

static void publishing_while_the_engine_is_away_waits_in_the_window(void **state)
{
    (void)state;
    probe_open(&pub, &g, "all");
    engine_kill(&g);
    for (unsigned i = 0; i < 20; i++)
        probe_send(&pub, i, "register");
    probe_wait(&pub, &pub.losses, 1);
    assert_int_equal(pub.confirmed + pub.failed, 0);
    assert_int_equal(engine_start(&g), 0);
    probe_wait(&pub, &pub.confirmed, 20);
    assert_true(pub.usable);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
int main(void)
{
    static const struct CMUnitTest tests[] = {
        T(every_tag_ends_exactly_once),
        T(several_destinations_get_one_copy_each),
        T(attempts_are_charged_by_retry_only_and_the_message_stays_the_same),
        T(a_lost_consumer_charges_nothing_and_order_comes_back),
        T(jobs_of_a_lost_engine_are_void_and_come_again),
        T(killing_the_engine_in_mid_window_loses_nothing),
        T(killing_the_engine_while_consuming_loses_nothing_and_brings_back_nothing),
        T(random_kills_under_load_lose_nothing_and_keep_strict_order),
        T(strict_order_holds_through_retry_and_release),
        T(a_paused_strict_consumer_hands_over_in_order),
        T(strict_order_holds_over_a_restart),
        T(free_order_lets_others_overtake),
        T(delays_climb_to_a_rung_and_survive_a_restart),
        T(prefetch_bounds_what_a_slow_consumer_holds_and_others_get_their_share),
        T(a_paused_consumer_gets_nothing_new),
        T(dead_letters_are_listed_in_pages_and_by_filter),
        T(a_dead_letter_survives_a_restart_and_is_replayed_or_discarded),
        T(a_dead_copy_of_a_shared_message_keeps_its_event),
        T(a_full_destination_refuses_and_others_do_not_notice),
        T(many_in_one_window_never_pass_the_limit),
        T(the_window_is_a_hundred_messages_and_a_mebibyte),
        T(a_message_over_the_maximum_fails_and_the_rest_goes_on),
        T(an_empty_event_and_odd_bytes_travel),
        T(a_worker_reaches_its_own_queue_only),
        T(a_long_queue_does_not_live_in_memory),
        T(status_tells_what_waits_where),
        T(a_destination_that_left_the_plan_keeps_its_messages),
        T(publishing_while_the_engine_is_away_waits_in_the_window),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
