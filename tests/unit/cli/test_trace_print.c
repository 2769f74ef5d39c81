/* SPDX-License-Identifier: Apache-2.0 */
/* What `trace` says about journal rows, in words. */
#include "cli/trace_print.h"
#include "base/err.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

/* 2026-01-15T09:00:00Z */
#define NOW 1768467600000u

static char *told(const char *json)
{
    struct tree *rows = NULL;
    struct err e;
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);
    assert_non_null(out);
    assert_int_equal(tree_from_json(json, strlen(json), &rows, &e), 0);
    trace_print(rows, NOW, out);
    assert_int_equal(fclose(out), 0);
    tree_free(rows);
    return text;
}

static void has(const char *text, const char *part)
{
    if (!strstr(text, part))
        fail_msg("\"%s\" is not in:\n%s", part, text);
}

#define ROW(event, more)                                                                           \
    "{\"time\":\"T\",\"event\":\"" event "\",\"id\":\"m1\",\"type\":\"t\",\"subject\":\"s\"," more \
    "\"process\":\"p\"}"
#define ACCEPTED                                                                       \
    ROW("accepted",                                                                    \
        "\"party\":\"funder\",\"connector\":\"grants\",\"detail\":{\"destinations\":[" \
        "{\"destination\":\"a\",\"route\":\"r1\"},{\"destination\":\"b\",\"route\":\"r2\"}]},")

static void a_message_with_two_fates(void **state)
{
    (void)state;
    char *t =
        told("[" ACCEPTED "," ROW("delivered", "\"destination\":\"a\",\"attempt\":1,") "," ROW(
            "attempt", "\"destination\":\"b\",\"attempt\":1,\"code\":\"retry\",\"text\":\"busy\","
                       "\"next_ms\":1768467660000,") "]");
    has(t, "accepted from funder (grants); for a by route r1, b by route r2\n");
    has(t, "delivered to a, attempt 1\n");
    has(t, "b did not take it, attempt 1: busy [retry]; next try at 2026-01-15T09:01:00.000Z, in "
           "1m\n");
    has(t, "=> a: delivered\n");
    has(t, "=> b: not delivered yet: busy [retry]; next try at");
    free(t);
}

static void what_is_not_tried_yet_waits(void **state)
{
    (void)state;
    char *t = told("[" ACCEPTED "]");
    has(t, "=> a: waits in the queue\n");
    free(t);
}

static void a_final_row_is_not_hidden_by_a_late_one(void **state)
{
    (void)state;
    char *t = told("[" ACCEPTED "," ROW("delivered", "\"destination\":\"a\",") "," ROW(
        "down",
        "\"destination\":\"a\","
        "\"text\":\"x\",") "," ROW("dead", "\"destination\":\"b\",\"code\":\"rejected\",\"text\":"
                                           "\"no\",") "," ROW("replayed", "\"destination"
                                                                          "\":\"b\","
                                                                          "\"detail\":{"
                                                                          "\"by\":"
                                                                          "\"ann\"},") "]");
    has(t, "=> a: delivered\n");
    has(t, "sent again to b, by ann\n");
    has(t, "=> b: waits in the queue again\n");
    free(t);
}

static void a_moved_message_stands_where_it_went(void **state)
{
    (void)state;
    char *t = told("[" ACCEPTED "," ROW("down", "\"destination\":\"a\",\"text\":\"x\",") "," ROW(
        "moved", "\"destination\":\"c\",\"text\":\"closed\",\"detail\":{\"by\":\"ann\","
                 "\"from\":\"a\"},") "]");
    has(t, "moved to c from a, by ann: closed\n");
    has(t, "=> a: moved to c\n");
    has(t, "=> c: waits in the queue, moved there from a\n");
    free(t);
    t = told(
        "[" ACCEPTED "," ROW("moved", "\"destination\":\"c\",\"detail\":{\"from\":\"a\"},") "," ROW(
            "down", "\"destination\":\"a\",") "," ROW("delivered", "\"destination\":\"c\",") "]");
    has(t, "=> a: moved to c\n");
    has(t, "=> c: delivered\n");
    free(t);
}

static void a_destination_that_was_renamed_is_not_waiting_for_ever(void **state)
{
    (void)state;
    char *t = told("[" ACCEPTED "," ROW(
        "delivered", "\"destination\":\"n\",\"detail\":{\"was\":[\"x\",\"a\"]},") "]");
    has(t, "=> a: is now n\n");
    has(t, "=> n: delivered\n");
    free(t);
}

static void repeated_failures_are_one_line(void **state)
{
    (void)state;
    char *t = told("[" ACCEPTED "," ROW("down", "\"destination\":\"a\",\"text\":\"x\",") "," ROW(
        "down",
        "\"destination\":"
        "\"a\",\"text\":"
        "\"x\",") "," ROW("down",
                          "\"destination\":\"a\",\"text\":\"x\",") "," ROW("down",
                                                                           "\"destination\":\"a\","
                                                                           "\"text\":\"y\",") "]");
    has(t, "a was not reachable, 3 times: x\n");
    has(t, "a was not reachable: y\n");
    free(t);
}

static void unrouted_says_where_or_why_not(void **state)
{
    (void)state;
    char *t = told("[" ROW("unrouted", "\"text\":\"we do not want these\",") "]");
    has(t, "matched no route and was dropped: we do not want these\n");
    free(t);
    t = told("[" ROW(
        "accepted",
        "\"party\":\"f\",\"connector\":\"g\",\"detail\":{\"destinations\":"
        "[{\"destination\":\"tr\",\"route\":null}]},") "," ROW("unrouted",
                                                               "\"destination\":\"tr\",") "]");
    has(t, "for tr\n");
    has(t, "matched no route: for tr, where unrouted messages go\n");
    has(t, "=> tr: waits in the queue\n");
    free(t);
}

static void a_submission_has_a_block_of_its_own(void **state)
{
    (void)state;
    char *t = told(
        "[{\"time\":\"T\",\"event\":\"submitted\",\"receipt\":\"r\",\"party\":\"f\",\"connector\":"
        "\"g\",\"detail\":"
        "{\"accepted\":3,\"new\":1,\"changed\":1,\"unchanged\":1,\"refused\":1,\"unrouted\":0}},"
        "{\"time\":\"T\",\"event\":\"refused\",\"receipt\":\"r\",\"subject\":\"x-1\",\"code\":"
        "\"date\",\"text\":\"not a date\"}," ACCEPTED "]");
    has(t, "submission r\n");
    has(t, "was accepted from f (g): 3 records, 1 new, 1 changed, 1 unchanged, 1 refused\n");
    has(t, "record x-1 was refused: not a date [date]\n");
    has(t, "message m1\n");
    free(t);
}

static void nothing_from_outside_is_printed_raw(void **state)
{
    (void)state;
    char *t = told("[{\"time\":\"T\",\"event\":\"dead\",\"id\":\"\\u001b[1m\",\"type\":\"\\n\","
                   "\"subject\":\"\\u0007\",\"source\":\"\\u001b\","
                   "\"destination\":\"\\u001b\",\"text\":\"\\u001b[2J\",\"code\":\"\\r\"}]");
    assert_null(strpbrk(t, "\033\a\r"));
    free(t);
}

static void many_messages_are_counted(void **state)
{
    (void)state;
    struct buf b = BUF_INIT(1u << 20);
    assert_int_equal(buf_addc(&b, '['), 0);
    for (int i = 0; i < 50; i++) {
        assert_int_equal(buf_addf(&b,
                                  "%s{\"time\":\"T\",\"event\":\"accepted\",\"id\":\"m%d\","
                                  "\"detail\":{\"destinations\":[{\"destination\":\"a\"},"
                                  "{\"destination\":\"b\"}]}},{\"time\":\"T\",\"event\":\"%s\","
                                  "\"id\":\"m%d\",\"destination\":\"a\"}",
                                  i ? "," : "", i, i % 5 ? "delivered" : "dead", i),
                         0);
    }
    assert_int_equal(buf_addc(&b, ']'), 0);
    char *t = told(b.p);
    has(t, "message m19\n");
    assert_null(strstr(t, "message m20\n"));
    has(t, "50 messages in all");
    has(t, "=> a: 40 delivered, 10 dead letters, 0 thrown away, 0 waiting\n");
    has(t, "=> b: 0 delivered, 0 dead letters, 0 thrown away, 50 waiting\n");
    free(t);
    buf_done(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_message_with_two_fates),
        cmocka_unit_test(what_is_not_tried_yet_waits),
        cmocka_unit_test(a_final_row_is_not_hidden_by_a_late_one),
        cmocka_unit_test(a_moved_message_stands_where_it_went),
        cmocka_unit_test(a_destination_that_was_renamed_is_not_waiting_for_ever),
        cmocka_unit_test(repeated_failures_are_one_line),
        cmocka_unit_test(unrouted_says_where_or_why_not),
        cmocka_unit_test(a_submission_has_a_block_of_its_own),
        cmocka_unit_test(nothing_from_outside_is_printed_raw),
        cmocka_unit_test(many_messages_are_counted),
    };
    return cmocka_run_group_tests_name("trace_print", tests, NULL, NULL);
}
