/* SPDX-License-Identifier: Apache-2.0 */
/* The CloudEvents adapter: three modes in, two out. */
#include "events.h"
#include "lib/adapter_host.h"
#include <stdarg.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define EVENT(id, more)                     \
    "{\"specversion\":\"1.0\",\"id\":\"" id \
    "\",\"source\":\"//cases\",\"type\":\"client.case\"" more "}"

static void modes_are_told_by_content_type_and_by_looking(void **state)
{
    static const struct {
        const char *text, *content_type;
        size_t messages;
    } cases[] = {
        {EVENT("1", ""), "application/cloudevents+json", 1},
        {EVENT("1", ""), "Application/CloudEvents+JSON; charset=utf-8", 1},
        {"[" EVENT("1", "") "," EVENT("2", "") "]", "application/cloudevents-batch+json", 2},
        {"[]", "application/cloudevents-batch+json", 0},
        {" [" EVENT("1", "") "]", "", 1},
        {"\n" EVENT("1", ""), "application/json", 1},
        {"\xef\xbb\xbf" EVENT("1", ""), "application/json", 1},
        {"\xef\xbb\xbf[" EVENT("1", "") "]", "", 1},
    };
    struct adapter_host *h = adapter_host_new(NULL);
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(adapter_host_decode_text(h, cases[i].text, cases[i].content_type),
                         REEVE_OK);
        assert_int_equal(h->messages_n, cases[i].messages);
        assert_int_equal(h->refused, 0);
    }
    assert_int_equal(adapter_host_decode_text(h, "x", "application/cloudevents+avro"),
                     REEVE_REJECT);
    assert_int_equal(h->issues[0].severity, REEVE_ISSUE_UNREADABLE);
    assert_int_equal(adapter_host_decode_text(h, "<event/>", ""), REEVE_REJECT);
    assert_int_equal(adapter_host_decode_text(h, "[" EVENT("1", ""), ""), REEVE_REJECT);
    adapter_host_free(h);
}

/* Text that is no JSON is no faulty event: the answer is "not that standard", not "put it right".
 */
static void what_is_not_json_is_unreadable(void **state)
{
    static const char *const cases[] = {"{oops", "{\"specversion\":\"1.0\"", EVENT("1", "") " x",
                                        EVENT("1", ",\"x\":\"\\ud800\""),
                                        "[" EVENT("1", "") ",{\"a\":tru}]"};
    struct adapter_host *h = adapter_host_new(NULL);
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        (void)adapter_host_decode_text(h, cases[i], "");
        if (h->issues_n == 0 || h->issues[0].severity != REEVE_ISSUE_UNREADABLE)
            fail_msg("%s", cases[i]);
    }
    (void)adapter_host_decode_text(h, EVENT("1", ",\"time\":5"), "");
    assert_int_equal(h->issues[0].severity, REEVE_ISSUE_ERROR);
    adapter_host_free(h);
}

static void a_faulty_event_of_a_batch_is_refused_with_its_place(void **state)
{
    struct adapter_host *h = adapter_host_new(NULL);
    (void)state;
    assert_int_equal(
        adapter_host_decode_text(
            h, "[" EVENT("1", "") "," EVENT("2", ",\"time\":\"yesterday\"") "," EVENT("3", "") "]",
            "application/cloudevents-batch+json"),
        REEVE_OK);
    assert_int_equal(h->messages_n, 2);
    assert_int_equal(h->refused, 1);
    assert_string_equal(h->issues[0].where, "/1/time");
    adapter_host_free(h);
}

static void binary_mode_reads_headers(void **state)
{
    static const struct door_header good[] = {
        {"ce-specversion", "1.0"},         {"ce-id", "a%20b"},
        {"ce-source", "//cases"},          {"ce-type", "client.case"},
        {"ce-subject", "\"Z\\\"%C3%BC\""}, {"content-type", "application/json"}};
    static const struct door_header bad[] = {{"ce-specversion", "1.0"},
                                             {"ce-id", "1"},
                                             {"ce-source", "//c"},
                                             {"ce-type", "t"},
                                             {"ce-subject", "%C0%A0"}};
    static const struct door_header twice[] = {{"ce-specversion", "1.0"},
                                               {"ce-id", "1"},
                                               {"ce-id", "2"},
                                               {"ce-source", "//c"},
                                               {"ce-type", "t"}};
    static const struct door_header lacking[] = {{"ce-specversion", "1.0"}, {"ce-id", "1"}};
    static const struct door_header old[] = {{"ce-specversion", "0.3"}, {"ce-id", "1"}};
    struct adapter_host *h = adapter_host_new(NULL);
    (void)state;
    assert_int_equal(adapter_host_decode(h, "{\"a\": 1}", 8, "application/json", good, 6),
                     REEVE_OK);
    assert_int_equal(h->messages_n, 1);
    assert_string_equal(message_get(h->messages[0], "id"), "a b");
    assert_string_equal(message_get(h->messages[0], "subject"), "Z\"\xc3\xbc");
    assert_string_equal(message_get(h->messages[0], "datacontenttype"), "application/json");
    struct {
        const struct door_header *headers;
        size_t n, issues;
        const char *code;
    } cases[] = {{bad, 5, 1, "event-attribute-value"},
                 {twice, 5, 1, "event-duplicate"},
                 {lacking, 2, 2, "event-required"},
                 {old, 2, 1, "event-specversion"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        adapter_host_reset(h);
        assert_int_equal(adapter_host_decode(h, "", 0, "", cases[i].headers, cases[i].n), REEVE_OK);
        assert_int_equal(h->messages_n, 0);
        assert_int_equal(h->refused, 1);
        assert_int_equal(h->issues_n, cases[i].issues);
        assert_string_equal(h->issues[0].code, cases[i].code);
    }
    adapter_host_reset(h);
    assert_int_equal(adapter_host_decode(h, "{oops", 5, "application/json", good, 6), REEVE_OK);
    assert_non_null(adapter_host_issue(h, "event-data"));
    adapter_host_free(h);
}

static void header_values_are_percent_coded(void **state)
{
    char out[64];
    const char *error = NULL;
    (void)state;
    assert_int_equal(header_encode("a b%\"\xe2\x82\xac~", out, sizeof out), 0);
    assert_string_equal(out, "a%20b%25%22%E2%82%AC~");
    assert_int_equal(header_decode("a%20b%25%22%e2%82%ac~", out, sizeof out, &error), 0);
    assert_string_equal(out, "a b%\"\xe2\x82\xac~");
    static const char *const wrong[] = {"%",      "%4",        "%zz",          "%00",  "\"a",
                                        "\"a\"b", "%ED%A0%80", "%F5%80%80%80", "\xff", "\"a\\"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        assert_int_equal(header_decode(wrong[i], out, sizeof out, &error), -1);
    assert_int_equal(header_encode("a b c d", out, 8), -1);
}

static void events_are_written_structured_batched_and_binary(void **state)
{
    struct adapter_host *h = adapter_host_new(NULL);
    struct adapter_host *b = adapter_host_new("mode=binary");
    struct tree *settings = NULL;
    size_t len = 0;
    (void)state;
    assert_int_equal(
        adapter_host_decode_text(h, EVENT("1", ",\"subject\":\"s t\",\"data\":{\"x\": 1.0}"), ""),
        REEVE_OK);
    char *one = adapter_host_encode(h, &len, &settings);
    assert_string_equal(tree_gets(settings, "content-type", ""), "application/cloudevents+json");
    assert_non_null(strstr(one, "\"data\":{\"x\":1.0}"));
    tree_free(settings);
    assert_int_equal(adapter_host_decode_text(b, one, "application/cloudevents+json"), REEVE_OK);
    char *body = adapter_host_encode(b, &len, &settings);
    assert_string_equal(body, "{\"x\":1.0}");
    assert_string_equal(tree_gets(settings, "content-type", ""), "application/json");
    assert_string_equal(tree_gets(settings, "h:ce-subject", ""), "s%20t");
    assert_string_equal(tree_gets(settings, "h:ce-specversion", ""), "1.0");
    tree_free(settings);
    free(body);
    free(one);
    assert_int_equal(adapter_host_decode_text(h, "[" EVENT("1", "") "," EVENT("2", "") "]", ""),
                     REEVE_OK);
    char *batch = adapter_host_encode(h, &len, &settings);
    assert_string_equal(tree_gets(settings, "content-type", ""),
                        "application/cloudevents-batch+json");
    tree_free(settings);
    assert_int_equal(adapter_host_decode_text(b, batch, "application/cloudevents-batch+json"),
                     REEVE_OK);
    assert_int_equal(b->messages_n, 2);
    free(batch);
    adapter_host_free(b);
    adapter_host_free(h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(modes_are_told_by_content_type_and_by_looking),
        cmocka_unit_test(what_is_not_json_is_unreadable),
        cmocka_unit_test(a_faulty_event_of_a_batch_is_refused_with_its_place),
        cmocka_unit_test(binary_mode_reads_headers),
        cmocka_unit_test(header_values_are_percent_coded),
        cmocka_unit_test(events_are_written_structured_batched_and_binary),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
