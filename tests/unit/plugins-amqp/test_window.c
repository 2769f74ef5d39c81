/* SPDX-License-Identifier: Apache-2.0 */
/* The accounts of plugin amqp: confirms that come in any order, returns, and which acknowledgements
 * go out. */
#include "rabbit.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static struct window w;

static void send_some(size_t n, uint64_t first)
{
    static char ids[WINDOW_MESSAGES][24];
    window_clear(&w, first);
    for (size_t i = 0; i < n; i++) {
        (void)snprintf(ids[i], sizeof(ids[i]), "m%zu", i);
        window_add(&w, ids[i], "key", 10);
    }
}

static void fates_are(const char *want) /* s sent, t taken, r refused, R returned */
{
    for (size_t i = 0; want[i]; i++)
        assert_int_equal("strR"[w.sent[i].fate], want[i]);
}

static void confirms_come_in_any_order_single_and_multiple(void **state)
{
    (void)state;
    static const struct {
        struct {
            uint64_t tag;
            bool multiple, taken;
        } answers[4];
        size_t n;
        const char *fates;
        size_t open;
    } cases[] = {
        {{{11, false, true}}, 1, "stsss", 4},
        {{{14, false, true}, {10, false, false}}, 2, "rssst", 3},
        {{{12, true, true}}, 1, "tttss", 2},
        {{{11, false, false}, {13, true, true}}, 2, "trtts", 1},
        {{{0, true, true}}, 1, "ttttt", 0},
        {{{12, true, true}, {12, true, false}, {12, false, false}}, 3, "tttss", 2},
        {{{9, false, true}, {15, false, true}, {0, false, true}}, 3, "sssss", 5},
        {{{UINT64_MAX, true, false}}, 1, "rrrrr", 0},
        {{{9, true, true}, {3, true, true}}, 2, "sssss", 5},
    };
    for (size_t c = 0; c < sizeof(cases) / sizeof(cases[0]); c++) {
        send_some(5, 10);
        for (size_t i = 0; i < cases[c].n; i++)
            window_answer(&w, cases[c].answers[i].tag, cases[c].answers[i].multiple,
                          cases[c].answers[i].taken);
        fates_are(cases[c].fates);
        assert_int_equal(w.open, cases[c].open);
        assert_int_equal(w.bytes, cases[c].open * 10);
    }
}

static void a_returned_message_is_not_taken_though_it_is_confirmed(void **state)
{
    (void)state;
    send_some(3, 1);
    window_returned(&w, amqp_cstring_bytes("m1"), amqp_cstring_bytes("key"));
    window_returned(&w, amqp_cstring_bytes("m2"), amqp_cstring_bytes("other"));
    window_returned(&w, amqp_cstring_bytes("m"), amqp_cstring_bytes("key"));
    fates_are("sRs");
    assert_int_equal(w.open, 3); /* the confirm is still to come */
    window_answer(&w, 3, true, true);
    fates_are("tRt");
    assert_int_equal(w.open, 0);
    window_clear(&w, 4); /* the same id twice: one return each */
    window_add(&w, "a", "key", 1);
    window_add(&w, "a", "key", 1);
    window_returned(&w, amqp_cstring_bytes("a"), amqp_cstring_bytes("key"));
    fates_are("Rs");
    window_returned(&w, amqp_cstring_bytes("a"), amqp_cstring_bytes("key"));
    fates_are("RR");
}

static void the_window_is_bounded_in_messages_and_bytes(void **state)
{
    (void)state;
    window_clear(&w, 1);
    assert_true(window_has_room(&w, SIZE_MAX / 2)); /* a large one may travel alone */
    window_add(&w, "a", "k", 2 * WINDOW_BYTES);
    assert_false(window_has_room(&w, 0));
    window_answer(&w, 1, false, true);
    assert_true(window_has_room(&w, WINDOW_BYTES));
    window_add(&w, "b", "k", 10);
    assert_true(window_has_room(&w, WINDOW_BYTES - 10));
    assert_false(window_has_room(&w, WINDOW_BYTES - 9));
    assert_false(window_has_room(&w, SIZE_MAX));
    send_some(WINDOW_MESSAGES, 7);
    window_answer(&w, 0, true, true);
    assert_false(window_has_room(&w, 1));
}

/* o open, a to acknowledge, n to reject; planned: "+3" ack, "*3" multiple ack, "-3" nack. */
static void acknowledgements_share_one_frame_where_they_can(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"", ""},
        {"ooo", ""},
        {"a", "+1"},
        {"aaa", "*3"},
        {"aao", "*2"},
        {"oaa", "+2 +3"},
        {"aoaa", "+1 +3 +4"},
        {"nnn", "-1 -2 -3"},
        {"anao", "-2 *3"}, /* the nack first: the multiple ack would take it */
        {"nao", "-1 +2"},
        {"anoan", "-2 +1 +4 -5"},
    };
    for (size_t c = 0; c < sizeof(cases) / sizeof(cases[0]); c++) {
        struct settlement s[8];
        struct ack out[8];
        char got[64] = "";
        size_t n = strlen(cases[c][0]), at = 0;
        for (size_t i = 0; i < n; i++) {
            char x = cases[c][0][i];
            s[i] = (struct settlement){i + 1, x == 'a'   ? OUTCOME_ACK
                                              : x == 'n' ? OUTCOME_NACK
                                                         : OUTCOME_OPEN};
        }
        size_t made = acks_plan(s, n, out);
        for (size_t i = 0; i < made; i++)
            at += (size_t)snprintf(got + at, sizeof(got) - at, "%s%c%d", i ? " " : "",
                                   out[i].nack       ? '-'
                                   : out[i].multiple ? '*'
                                                     : '+',
                                   (int)out[i].tag);
        assert_string_equal(got, cases[c][1]);
    }
}

static void an_address_is_a_host_and_maybe_a_port(void **state)
{
    (void)state;
    static const struct {
        const char *text, *host;
        int port;
    } cases[] = {
        {"mq.example", "mq.example", 5672},
        {"mq.example:5671", "mq.example", 5671},
        {"[::1]:5673", "::1", 5673},
        {"[fe80::1]", "fe80::1", 5672},
        {"::1", "::1", 5672},
        {"127.0.0.1:1", "127.0.0.1", 1},
        {"", NULL, 0},
        {":5672", NULL, 0},
        {"mq:", NULL, 0},
        {"mq:0", NULL, 0},
        {"mq:65536", NULL, 0},
        {"mq:99999999999999999999", NULL, 0},
        {"mq:56x", NULL, 0},
        {"[::1", NULL, 0},
        {"[::1]x", NULL, 0},
        {"[]:1", NULL, 0},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct address a;
        bool ok = address_parse(cases[i].text, 5672, &a);
        assert_int_equal(ok, cases[i].host != NULL);
        if (!ok)
            continue;
        assert_string_equal(a.host, cases[i].host);
        assert_int_equal(a.port, cases[i].port);
        assert_int_equal(address_is_here(&a), a.host[0] == '1' || strcmp(a.host, "::1") == 0);
    }
}

static void a_routing_key_is_made_of_attributes(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"plain", "plain"},
        {"a.{type}.b", "a.funding.award.b"},
        {"{subject}{subject}", "ss"},
        {"", ""},
        {"open{type", "open{type"},
        {"}", "}"},
        {"{nothing}", NULL},
        {"{}", NULL},
        {"{aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
         "aaaaaaa}",
         NULL},
    };
    char out[SHORTSTR_MAX + 1], large[300];
    reeve_msg *m = reeve_msg_new(NULL);
    assert_int_equal(reeve_msg_set(m, "type", "funding.award"), 0);
    assert_int_equal(reeve_msg_set(m, "subject", "s"), 0);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const char *bad = key_expand(cases[i][0], m, out);
        assert_int_equal(bad == NULL, cases[i][1] != NULL);
        if (!bad)
            assert_string_equal(out, cases[i][1]);
    }
    memset(large, 'x', sizeof(large) - 1);
    large[sizeof(large) - 1] = '\0';
    assert_non_null(key_expand(large, m, out));
    large[SHORTSTR_MAX] = '\0';
    assert_null(key_expand(large, m, out));
    reeve_msg_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(confirms_come_in_any_order_single_and_multiple),
        cmocka_unit_test(a_returned_message_is_not_taken_though_it_is_confirmed),
        cmocka_unit_test(the_window_is_bounded_in_messages_and_bytes),
        cmocka_unit_test(acknowledgements_share_one_frame_where_they_can),
        cmocka_unit_test(an_address_is_a_host_and_maybe_a_port),
        cmocka_unit_test(a_routing_key_is_made_of_attributes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
