/* SPDX-License-Identifier: Apache-2.0 */
/* test_limits - how much there can be of everything: in a queue, in the window, in a message, in
 * memory. */
#include "conformance/stage.h"
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

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
    figure_gets(&pub, "register", "ready", 5);
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
    figure_gets(&pub, "small", "ready", 3);
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
    figure_gets(&pub, "register", "ready", N);
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

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
int main(void)
{
    static const struct CMUnitTest tests[] = {
        T(a_full_destination_refuses_and_others_do_not_notice),
        T(many_in_one_window_never_pass_the_limit),
        T(the_window_is_a_hundred_messages_and_a_mebibyte),
        T(a_message_over_the_maximum_fails_and_the_rest_goes_on),
        T(a_long_queue_does_not_live_in_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
