/* SPDX-License-Identifier: Apache-2.0 */
/* What only an adapter says: members of objects, the calls it offers, issues, and base64. */
#include "exec.h"
#include "base/buf.h"
#include "plugin/host.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

static struct slice slice(const char *text)
{
    return (struct slice){text, strlen(text)};
}

static void the_members_of_an_object_come_one_by_one(void **state)
{
    static const struct {
        const char *json, *want; /* key=value; and the last result */
    } rows[] = {
        {"{}", "0"},
        {"{ }", "0"},
        {"{\"a\":1}", "a=1;0"},
        {"{ \"a\" : [1,{}] , \"b\\\"\":\"}\" }", "a=[1,{}];b\\\"=\"}\";0"},
        {"{\"a\":1,}", "a=1;-1"},
        {"{\"a\":1", "-1"},
        {"{\"a\"}", "-1"},
        {"{\"a\":1}x", "-1"},
        {"[1]", "-1"},
        {"{,\"a\":1}", "-1"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct slice rest = slice(rows[i].json), key, value;
        char got[200] = "";
        int rc;
        while ((rc = said_member(&rest, &key, &value)) == 1)
            (void)snprintf(got + strlen(got), sizeof got - strlen(got), "%.*s=%.*s;", (int)key.len,
                           key.p, (int)value.len, value.p);
        (void)snprintf(got + strlen(got), sizeof got - strlen(got), "%d", rc);
        assert_string_equal(got, rows[i].want);
    }
}

static void a_hello_offers_calls_and_those_of_a_later_version_are_passed_over(void **state)
{
    static const struct {
        const char *json;
        unsigned offers;
        const char *words;
    } rows[] = {
        {"[\"decode\"]", OFFER_DECODE, "decode"},
        {"[\"from_hub\",\"to_hub\",\"later\",\"encode\"]",
         OFFER_ENCODE | OFFER_TO_HUB | OFFER_FROM_HUB, "encode, to_hub, from_hub"},
        {"[\"decode\",\"decode\",\"encode\",\"to_hub\",\"from_hub\"]", 15,
         "decode, encode, to_hub, from_hub"},
        {"[]", 0, ""},
        {"[\"later\"]", 0, ""},
        {"[\"decode\",1]", 0, ""},
        {"[\"decode\"", 0, ""},
        {"\"decode\"", 0, ""},
        {"{}", 0, ""},
    };
    char why[WHY_MAX], words[64];
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        why[0] = '\0';
        assert_int_equal(said_offers(slice(rows[i].json), why, sizeof why), rows[i].offers);
        assert_int_equal(*why == '\0', rows[i].offers != 0);
        offers_words(rows[i].offers, words, sizeof words);
        assert_string_equal(words, rows[i].words);
    }
    assert_int_equal(said_offers((struct slice){NULL, 0}, why, sizeof why), 0);
}

static void an_issue_is_taken_as_a_whole_or_with_a_reason_not(void **state)
{
    static const struct {
        const char *json, *wrong;
    } rows[] = {
        {"{\"severity\":\"error\"}", "without code"},
        {"{\"severity\":\"error\",\"code\":\"\"}", "without code"},
        {"{\"severity\":\"error\",\"code\":null}", "without code"},
        {"{\"code\":\"x\"}", "without severity"},
        {"{\"code\":\"x\",\"severity\":\"bad\"}", "member severity is not"},
        {"{\"code\":\"x\",\"severity\":2}", "member severity is not"},
        {"{\"code\":5,\"severity\":\"error\"}", "member code is not"},
        {"{\"personal\":1}", "member personal is not"},
        {"{\"found\":{}}", "member found is not"},
        {"[]", "without being an object"},
        {"{\"code\":\"x\",\"severity\":\"error\",}", "without being an object"},
    };
    struct said_issue i;
    char why[WHY_MAX];
    (void)state;
    for (size_t k = 0; k < sizeof rows / sizeof rows[0]; k++) {
        assert_int_equal(said_issue_read(slice(rows[k].json), &i, why, sizeof why), -1);
        assert_non_null(strstr(why, rows[k].wrong));
    }
    assert_int_equal(said_issue_read(slice("{\"severity\":\"package\",\"code\":\"c\",\"where\":"
                                           "\"line 1\",\"found\":\"\\u00e4\",\"wanted\":null,"
                                           "\"personal\":true,\"later\":[1]}"),
                                     &i, why, sizeof why),
                     0);
    assert_int_equal(i.issue.severity, REEVE_ISSUE_PACKAGE);
    assert_int_equal(i.issue.flags, REEVE_ISSUE_PERSONAL);
    assert_string_equal(i.issue.code, "c");
    assert_string_equal(i.issue.where, "line 1");
    assert_string_equal(i.issue.found, "\xc3\xa4");
    assert_null(i.issue.wanted);
    assert_null(i.issue.text);
}

static void long_texts_of_an_issue_are_cut_between_characters(void **state)
{
    char json[2000] = "{\"severity\":\"warning\",\"code\":\"c\",\"text\":\"a", why[WHY_MAX];
    struct said_issue i;
    (void)state;
    for (int n = 0; n < 600; n++)
        (void)strcat(json, "\xc3\xa4");
    (void)strcat(json, "\"}");
    assert_int_equal(said_issue_read(slice(json), &i, why, sizeof why), 0);
    assert_int_equal(strlen(i.text), sizeof i.text - 1);
    assert_int_equal((unsigned char)i.text[strlen(i.text) - 1], 0xa4);
}

static void base64_goes_there_and_back_in_pieces_of_any_size(void **state)
{
    static unsigned char bytes[BASE64_PIECE * 2 + 5];
    (void)state;
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (unsigned char)(i * 7 + i / 251);
    static const size_t sizes[] = {1, 2, 3, 4, 1000, BASE64_PIECE - 1, BASE64_PIECE};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        struct buf text = BUF_INIT(1u << 20), back = BUF_INIT(1u << 20);
        struct reeve_buf t = {.out = &text}, b = {.out = &back};
        assert_int_equal(add_base64(&t, bytes, sizes[i]), 0);
        assert_int_equal(text.len, (sizes[i] + 2) / 3 * 4);
        assert_int_equal(add_bytes_of_base64(&b, text.p, text.len), 0);
        assert_int_equal(back.len, sizes[i]);
        assert_memory_equal(back.p, bytes, sizes[i]);
        buf_done(&text);
        buf_done(&back);
    }
    struct buf all = BUF_INIT(1u << 20), back = BUF_INIT(1u << 20);
    struct reeve_buf t = {.out = &all}, b = {.out = &back};
    assert_int_equal(add_base64(&t, bytes, BASE64_PIECE), 0);
    assert_int_equal(add_base64(&t, bytes + BASE64_PIECE, BASE64_PIECE), 0);
    assert_int_equal(add_base64(&t, bytes + 2 * BASE64_PIECE, 5), 0);
    assert_int_equal(add_bytes_of_base64(&b, all.p, all.len), 0);
    assert_int_equal(back.len, sizeof bytes);
    assert_memory_equal(back.p, bytes, sizeof bytes);
    buf_done(&all);
    buf_done(&back);
}

static void what_is_no_base64_and_what_is_too_much_is_told_apart(void **state)
{
    static const char *const bad[] = {
        "A", "AA", "AAA", "A===", "====", "AA=A", " AAA", "AAA\n", "AAA-", "AA==AAAA"};
    struct buf small = BUF_INIT(2);
    struct reeve_buf b = {.out = &small};
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(add_bytes_of_base64(&b, bad[i], strlen(bad[i])), -2);
    assert_int_equal(add_bytes_of_base64(&b, "", 0), 0);
    assert_int_equal(small.len, 0);
    assert_int_equal(add_bytes_of_base64(&b, "AAAAAAAAAAAA", 12), -1);
    assert_int_equal(add_base64(&b, "abcdef", 6), -1);
    buf_done(&small);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_members_of_an_object_come_one_by_one),
        cmocka_unit_test(a_hello_offers_calls_and_those_of_a_later_version_are_passed_over),
        cmocka_unit_test(an_issue_is_taken_as_a_whole_or_with_a_reason_not),
        cmocka_unit_test(long_texts_of_an_issue_are_cut_between_characters),
        cmocka_unit_test(base64_goes_there_and_back_in_pieces_of_any_size),
        cmocka_unit_test(what_is_no_base64_and_what_is_too_much_is_told_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
