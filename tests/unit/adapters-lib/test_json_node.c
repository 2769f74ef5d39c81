/* SPDX-License-Identifier: Apache-2.0 */
/* JSON as a tree: what is taken and what is refused, where the fault is, and what is found again.
 */
#include "lib/json_node.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define DEPTH 4

static struct json_parser *parser;

static int made(void **state)
{
    (void)state;
    parser = json_parser_new(DEPTH);
    return parser == NULL;
}

static int unmade(void **state)
{
    (void)state;
    json_parser_free(parser);
    return 0;
}

/* In memory of exactly its size, so that a sanitizer sees what is read beyond it. */
static const struct json_node *parse_bytes(const char *text, size_t len)
{
    char *exact = malloc(len > 0 ? len : 1);
    assert_non_null(exact);
    memcpy(exact, text, len);
    const struct json_node *v = json_parse(parser, exact, len);
    free(exact); /* need not stay */
    return v;
}

static const struct json_node *parse(const char *text)
{
    return parse_bytes(text, strlen(text));
}

static void what_is_json_is_taken(void **state)
{
    static const char *const good[] = {
        "0",
        "-0",
        "12.50",
        "1e3",
        "-1.0E-7",
        "1e+400",
        "123456789012345678901234567890",
        "true",
        "false",
        "null",
        "\"\"",
        "\"\\u0000\"",
        " [ ] ",
        "\t{\r\n}\n",
        "[1,[2,[3]]]",
        "\"\x7f\"",
        "{\"a\":1,\"a\":2}",
        "\"\xc3\xa9 long enough to be read in words of eight \xe2\x82\xac\""};
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        if (parse(good[i]) == NULL)
            fail_msg("refused: %s", good[i]);
}

static void what_is_no_json_is_refused_where_it_goes_wrong(void **state)
{
    static const struct {
        const char *text;
        size_t at;
    } bad[] = {{"", 0},         {"  ", 2},
               {"01", 0},       {"-", 0},
               {"+1", 0},       {"1.", 0},
               {".5", 0},       {"1e", 0},
               {"nul", 0},      {"True", 0},
               {"NaN", 0},      {"[1,]", 3},
               {"[1 2]", 3},    {"[", 1},
               {"{\"a\"}", 4},  {"{\"a\":}", 5},
               {"{a:1}", 1},    {"{\"a\":1,}", 7},
               {"1 2", 2},      {"\"a", 1},
               {"\"\\", 1},     {"\"\\x\"", 1},
               {"\"a\nb\"", 1}, {"\"\\ud800\"", 1},
               {"\"\xff\"", 1}, {"\"\xed\xa0\x80\"", 1},
               {"[1}", 2},      {"// 1", 0}};
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        const char *sentence = NULL;
        size_t at = 0;
        if (parse(bad[i].text) != NULL)
            fail_msg("taken: %s", bad[i].text);
        assert_int_equal(json_parser_fault(parser, &sentence, &at), JSON_BROKEN);
        assert_non_null(sentence);
        if (at != bad[i].at)
            fail_msg("%s: at %zu", bad[i].text, at);
    }
}

static void depth_and_number_of_values_have_a_limit(void **state)
{
    const char *sentence;
    size_t at;
    (void)state;
    assert_non_null(parse("[[{\"a\":[]}]]"));
    assert_null(parse("[[{\"a\":[[]]}]]"));
    assert_int_equal(json_parser_fault(parser, &sentence, &at), JSON_TOO_DEEP);
    size_t n = JSON_VALUES_MAX; /* and one for the array */
    char *many = malloc(2 * n + 2);
    assert_non_null(many);
    many[0] = '[';
    for (size_t i = 0; i < n; i++)
        memcpy(many + 1 + 2 * i, "0,", 2);
    many[2 * n] = ']';
    assert_null(parse_bytes(many, 2 * n + 1));
    assert_int_equal(json_parser_fault(parser, &sentence, &at), JSON_TOO_MANY);
    many[2 * n - 2] = ']';
    assert_non_null(parse_bytes(many, 2 * n - 1));
    free(many);
    assert_non_null(parse("[1]")); /* the next one is as if nothing had been */
}

static void members_items_texts_and_numbers_are_found(void **state)
{
    (void)state;
    const struct json_node *v =
        parse("{\"id\":\"360G-1\",\"t\\u0069tle\":\"a \\\"b\\\" \xc3\xa9\",\"amount\":-12.50,"
              "\"list\":[1,true,null,{\"x\":{}}],\"zero\":\"a\\u0000b\"}");
    assert_true(node_is(v, JSON_OBJECT));
    assert_int_equal(v->n, 5);
    assert_string_equal(node_member(v, "id")->text, "360G-1");
    assert_string_equal(node_member(v, "title")->text, "a \"b\" \xc3\xa9");
    assert_string_equal(node_member(v, "amount")->text, "-12.50");
    const struct json_node *item = node_member(v, "list")->first;
    assert_string_equal(item->text, "1");
    assert_true(node_is(item = item->next, JSON_TRUE));
    assert_true(node_is(item = item->next, JSON_NULL));
    assert_true(node_is(node_member(item = item->next, "x"), JSON_OBJECT));
    assert_null(item->next);
    assert_int_equal(node_member(v, "zero")->len, 3);
    assert_memory_equal(node_member(v, "zero")->text, "a\0b", 4);
    assert_null(node_member(v, "absent"));
    assert_null(node_member(item->next, "x"));
    assert_null(node_member(node_member(v, "id"), "x"));
    assert_false(node_is(NULL, JSON_NULL));
}

static void a_member_named_twice_is_noticed_and_the_last_counts(void **state)
{
    char many[2000] = "{";
    (void)state;
    assert_string_equal(node_member(parse("{\"a\":1,\"b\":2,\"\\u0061\":3}"), "a")->text, "3");
    assert_true(json_parser_repeats(parser));
    assert_non_null(parse("{\"a\":{\"a\":1},\"b\":{\"a\":2}}"));
    assert_false(json_parser_repeats(parser));
    size_t len = 1;
    for (int i = 0; i < 100; i++)
        len += (size_t)snprintf(many + len, sizeof many - len, "\"m%d\":%d,", i, i);
    memcpy(many + len - 1, "}", 2);
    assert_non_null(parse(many));
    assert_false(json_parser_repeats(parser));
    memcpy(many + len - 1, ",\"m7\":0}", 9);
    assert_non_null(parse(many));
    assert_true(json_parser_repeats(parser));
}

/* Which members of the first object are marked, one character each. */
static void assert_marked(const char *text, size_t from, const char *marks)
{
    const struct json_node *m = parse(text)->first;
    for (size_t i = 0; i < from; i++, m = m->next)
        assert_false(m->repeated);
    for (; *marks != 0; marks++, m = m->next)
        if (m->repeated != (*marks == 'x'))
            fail_msg("%s: %s", text, marks);
    assert_null(m);
}

static void a_member_is_marked_when_its_object_names_it_again_later(void **state)
{
    char many[2000] = "{";
    (void)state;
    assert_marked("{\"a\":1,\"b\":2,\"\\u0061\":3}", 0, "x..");
    assert_marked("{\"a\":1,\"a\":2,\"b\":3,\"a\":4,\"aa\":5,\"\":6}", 0, "xx....");
    assert_marked("{\"a\":{\"b\":1},\"b\":[{\"b\":1}]}", 0, "..");
    size_t len = 1;
    for (int i = 0; i < 100; i++)
        len += (size_t)snprintf(many + len, sizeof many - len, "\"m%d\":%d,", i, i);
    (void)snprintf(many + len, sizeof many - len,
                   "\"b\":1,\"a\":2,\"a\\u0000\":3,\"\":4,\"a\":5,\"b\":6,\"\":7,\"a\":8}");
    assert_marked(many, 100, "xx.xx...");
}

static void signs_are_told_without_rounding(void **state)
{
    static const struct {
        const char *text;
        int sign;
    } cases[] = {{"0", 0},      {"-0.00e9", 0}, {"0.0001", 1}, {"-3", -1},
                 {"1e-999", 1}, {"-0.01", -1},  {"\"5\"", 0},  {"true", 0}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_int_equal(node_sign(parse(cases[i].text)), cases[i].sign);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_json_is_taken),
        cmocka_unit_test(what_is_no_json_is_refused_where_it_goes_wrong),
        cmocka_unit_test(depth_and_number_of_values_have_a_limit),
        cmocka_unit_test(members_items_texts_and_numbers_are_found),
        cmocka_unit_test(a_member_named_twice_is_noticed_and_the_last_counts),
        cmocka_unit_test(a_member_is_marked_when_its_object_names_it_again_later),
        cmocka_unit_test(signs_are_told_without_rounding),
    };
    return cmocka_run_group_tests(tests, made, unmade);
}
