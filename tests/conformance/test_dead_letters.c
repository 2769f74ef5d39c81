/* SPDX-License-Identifier: Apache-2.0 */
/* test_dead_letters - dead letters: listed, replayed, discarded. */
#include "conformance/stage.h"
#include "base/util.h"
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

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
    uint64_t ago = wall_ms() - 60000, hence = ago + 120000;
    assert_int_equal(list_dead(&(struct dead_filter){.from_ms = hence}, 0, 99, false).n, 0);
    assert_int_equal(list_dead(&(struct dead_filter){.from_ms = ago}, 0, 99, false).n, 17);
    assert_int_equal(list_dead(&(struct dead_filter){.to_ms = hence}, 0, 99, false).n, 17);
    assert_int_equal(list_dead(&(struct dead_filter){.to_ms = ago}, 0, 99, false).n, 0);
    figure_gets(&pub, "register", "dead", 12);
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

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
int main(void)
{
    static const struct CMUnitTest tests[] = {
        T(dead_letters_are_listed_in_pages_and_by_filter),
        T(a_dead_letter_survives_a_restart_and_is_replayed_or_discarded),
        T(a_dead_copy_of_a_shared_message_keeps_its_event),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
