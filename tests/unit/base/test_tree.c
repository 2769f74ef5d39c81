/* SPDX-License-Identifier: Apache-2.0 */
/* Documents: making, reading, and JSON there and back. */
#include "base/tree.h"
#include "base/util.h"
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
/* cmocka needs the headers above */
#include <cmocka.h>

static struct tree *from_json(const char *text)
{
    struct tree *t = NULL;
    struct err e;
    if (tree_from_json(text, strlen(text), &t, &e) != 0)
        fail_msg("%s: %s", text, e.text);
    return t;
}

static void json_comes_back_as_it_was(void **state)
{
    static const char *const texts[] = {
        "null",
        "\"\"",
        "1.10",
        "-0",
        "1e400",
        "123456789012345678901234567890",
        "[]",
        "{}",
        "[[],{},\"1\",1]",
        "{\"a\":{\"b\":[true,\"true\",null,\"null\"]},\"\":0}",
        "[\"a/b\",\"\\\"\\\\\\n\\u0000\\u001f\"]",
        "\"\xc3\xa9\xf0\x9f\x98\x80\"",
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        struct buf b = BUF_INIT(10000), pretty = BUF_INIT(10000), again = BUF_INIT(10000);
        struct tree *t = from_json(texts[i]);
        assert_int_equal(tree_to_json(t, &b, false), 0);
        assert_string_equal(b.p, texts[i]);
        assert_int_equal(tree_to_json(t, &pretty, true), 0);
        struct tree *t2 = from_json(pretty.p), *t3 = tree_copy(t2);
        assert_int_equal(tree_to_json(t3, &again, false), 0);
        assert_string_equal(again.p, texts[i]);
        tree_free(t);
        tree_free(t2);
        tree_free(t3);
        buf_done(&b);
        buf_done(&pretty);
        buf_done(&again);
    }
}

static void pretty_json_is_for_people(void **state)
{
    struct buf b = BUF_INIT(1000);
    struct tree *t = from_json("{\"a\":[1,{}],\"b\":{\"c\":[]}}");
    (void)state;
    assert_int_equal(tree_to_json(t, &b, true), 0);
    assert_string_equal(b.p,
                        "{\n  \"a\": [\n    1,\n    {}\n  ],\n  \"b\": {\n    \"c\": []\n  }\n}");
    tree_free(t);
    buf_done(&b);
}

static void bad_json_is_refused_with_its_code(void **state)
{
    static const struct {
        const char *text, *code;
        int r;
    } rows[] = {
        {"", "json-syntax", -EINVAL},
        {"{\"a\":1,}", "json-syntax", -EINVAL},
        {"[1] x", "json-syntax", -EINVAL},
        {"{\"a\":[1,{\"b\":tru}]}", "json-syntax", -EINVAL},
        {"\"\xff\"", "json-utf8", -EINVAL},
        {"{\"a\":1,\"b\":2,\"a\":3}", "json-duplicate", -EEXIST},
        {"{\"a\":1,\"\\u0061\":2}", "json-duplicate", -EEXIST},
        {"[{\"a\\u0000b\":1}]", "json-key", -EINVAL},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct tree *t = NULL;
        struct err e;
        assert_int_equal(tree_from_json(rows[i].text, strlen(rows[i].text), &t, &e), rows[i].r);
        assert_string_equal(e.code, rows[i].code);
        assert_null(t);
    }
}

static void depth_is_bounded_both_ways(void **state)
{
    char text[200];
    struct tree *t = NULL, *deep = tree_list();
    struct buf b = BUF_INIT(1000);
    struct err e;
    (void)state;
    memset(text, '[', 65);
    memset(text + 65, ']', 65);
    assert_int_equal(tree_from_json(text, 130, &t, &e), -EINVAL);
    assert_string_equal(e.code, "json-depth");
    assert_int_equal(tree_from_json(text + 1, 128, &t, &e), 0);
    assert_int_equal(tree_to_json(t, &b, false), 0);
    assert_int_equal(b.len, 128);
    assert_int_equal(tree_append(deep, t), 0);
    assert_int_equal(tree_to_json(deep, &b, false), -E2BIG);
    assert_int_equal(b.len, 128);
    assert_string_equal(b.p, "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[["
                             "]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]");
    tree_free(deep);
    buf_done(&b);
}

static void places_are_kept(void **state)
{
    struct tree *t = from_json("{\n  \"a\": 1,\n  \"b\": [\n    true, \"x\"]}");
    (void)state;
    assert_int_equal(t->line, 1);
    assert_int_equal(t->col, 1);
    assert_int_equal(t->child[0]->line, 2);
    assert_int_equal(t->child[0]->col, 8);
    const struct tree *list = tree_get(t, "b");
    assert_int_equal(list->line, 3);
    assert_int_equal(list->child[1]->line, 4);
    assert_int_equal(list->child[1]->col, 11);
    struct tree *copy = tree_copy(t);
    assert_int_equal(tree_get(copy, "b")->child[1]->col, 11);
    tree_free(copy);
    tree_free(t);
}

static void plain_text_that_is_no_json_word_becomes_a_string(void **state)
{
    static const struct {
        const char *text, *json;
    } rows[] = {{"1", "1"},
                {"-1.5e3", "-1.5e3"},
                {"true", "true"},
                {"null", "null"},
                {"01", "\"01\""},
                {"yes", "\"yes\""},
                {"~", "\"~\""},
                {"", "\"\""},
                {"1 ", "\"1 \""},
                {" 1", "\" 1\""},
                {"{}", "\"{}\""},
                {"[1]", "\"[1]\""},
                {"\"a\"", "\"\\\"a\\\"\""},
                {"1,2", "\"1,2\""},
                {".5", "\".5\""}};
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct buf b = BUF_INIT(100);
        struct tree *t = tree_scalar(rows[i].text, true);
        assert_int_equal(tree_to_json(t, &b, false), 0);
        assert_string_equal(b.p, rows[i].json);
        tree_free(t);
        buf_done(&b);
    }
}

static void text_that_is_not_utf8_is_not_written(void **state)
{
    struct buf b = BUF_INIT(100);
    struct tree *t = tree_list();
    (void)state;
    assert_int_equal(tree_appends(t, "fine"), 0);
    assert_int_equal(tree_appends(t, "\xff"), 0);
    assert_int_equal(tree_to_json(t, &b, false), -EILSEQ);
    assert_int_equal(b.len, 0);
    tree_free(t);
    buf_done(&b);
}

static void a_full_buffer_is_left_as_it_was(void **state)
{
    struct buf b = BUF_INIT(8);
    struct tree *t = from_json("[\"a long text\"]");
    (void)state;
    assert_int_equal(buf_adds(&b, "old"), 0);
    assert_int_equal(tree_to_json(t, &b, false), -EFBIG);
    assert_string_equal(b.p, "old");
    tree_free(t);
    buf_done(&b);
}

static void putting_takes_the_value_also_when_it_fails(void **state)
{
    struct tree *map = tree_map(), *list = tree_list();
    (void)state;
    assert_int_equal(tree_puts(map, "a", "x"), 0);
    assert_int_equal(tree_puts(map, "nothing", NULL), 0);
    assert_int_equal(tree_putu(map, "n", UINT64_MAX), 0);
    assert_int_equal(tree_putb(map, "b", true), 0);
    assert_int_equal(tree_put(map, "a", tree_scalar("y", false)), -EEXIST);
    assert_int_equal(tree_put(map, "c", NULL), -ENOMEM);
    assert_int_equal(tree_put(NULL, "c", tree_map()), -ENOMEM);
    assert_int_equal(tree_put(list, "c", tree_map()), -EINVAL);
    assert_int_equal(tree_append(map, tree_map()), -EINVAL);
    assert_int_equal(tree_append(NULL, tree_map()), -ENOMEM);
    assert_int_equal(tree_append(list, NULL), -ENOMEM);
    assert_int_equal(tree_append(list, tree_scalarf(false, "%d-%s", 5, "x")), 0);
    assert_int_equal(map->n, 3);
    assert_string_equal(tree_gets(map, "a", ""), "x");
    assert_string_equal(list->child[0]->text, "5-x");
    tree_free(map);
    tree_free(list);
    tree_free(NULL);
}

static void reading_gives_defaults_for_what_is_not_there(void **state)
{
    struct tree *t = from_json(
        "{\"a\":{\"b\":{\"n\":12,\"s\":\"text\",\"neg\":-1,\"big\":18446744073709551616,\"t\":true,"
        "\"f\":false,\"list\":[1]}},\"a/b\":1}");
    (void)state;
    assert_true(tree_getu(t, "a/b/n", 5) == 12);
    assert_true(tree_getu(t, "a/b/neg", 5) == 5);
    assert_true(tree_getu(t, "a/b/big", 5) == 5);
    assert_true(tree_getu(t, "a/b/s", 5) == 5);
    assert_true(tree_getu(t, "a/b/x", 5) == 5);
    assert_true(tree_getu(NULL, "a", 5) == 5);
    assert_string_equal(tree_gets(t, "a/b/s", "def"), "text");
    assert_string_equal(tree_gets(t, "a/b", "def"), "def");
    assert_string_equal(tree_gets(t, "a/b/s/more", "def"), "def");
    assert_null(tree_gets(NULL, "a", NULL));
    assert_true(tree_getb(t, "a/b/t", false));
    assert_false(tree_getb(t, "a/b/f", true));
    assert_false(tree_getb(t, "a/b/s", true));
    assert_true(tree_getb(t, "a/b/x", true));
    assert_non_null(tree_get(t, "a/b"));
    assert_true(tree_is_map(tree_at(t, "a/b")));
    assert_true(tree_is_list(tree_at(t, "a/b/list")));
    assert_null(tree_at(t, ""));
    assert_null(tree_at(t, "a//b"));
    assert_null(tree_get(tree_at(t, "a/b/list"), "0"));
    assert_null(tree_text(tree_at(t, "a")));
    assert_null(tree_text(NULL));
    assert_false(tree_is_map(NULL));
    assert_null(tree_copy(NULL));
    tree_free(t);
}

static void one_stands_for_a_list_of_one(void **state)
{
    struct tree *t = NULL;
    struct err e;
    static const char text[] = "{\"one\":\"a\",\"two\":[\"b\",{\"x\":1},\"a\"],\"none\":[],"
                               "\"named\":[\"b\",{\"name\":\"b\",\"n\":1},{\"name\":\"b\"}]}";
    (void)state;
    assert_int_equal(tree_from_json(text, sizeof text - 1, &t, &e), 0);
    const struct tree *one = tree_get(t, "one"), *two = tree_get(t, "two"),
                      *named = tree_get(t, "named");
    assert_int_equal(tree_items(NULL), 0);
    assert_int_equal(tree_items(tree_get(t, "none")), 0);
    assert_int_equal(tree_items(one), 1);
    assert_ptr_equal(tree_item(one, 0), one);
    assert_int_equal(tree_items(two), 3);
    assert_string_equal(tree_text(tree_item(two, 2)), "a");
    assert_true(tree_has(one, "a") && tree_has(two, "a"));
    assert_false(tree_has(one, "b") || tree_has(two, "x") || tree_has(NULL, "a"));
    assert_int_equal(tree_getu(tree_named(named, "b"), "n", 0), 1);
    assert_null(tree_named(named, "a"));
    assert_null(tree_named(one, "a"));
    assert_null(tree_named(NULL, "a"));
    tree_free(t);
}

static void a_map_of_many_keys_is_complete_and_quick(void **state)
{
    enum { KEYS = 20000 };
    struct tree *t = tree_map();
    char key[32];
    (void)state;
    for (unsigned i = 0; i < KEYS; i++) {
        (void)snprintf(key, sizeof(key), "key-%u", i);
        assert_int_equal(tree_putu(t, key, i), 0);
        assert_int_equal(tree_putu(t, key, i), -EEXIST);
    }
    struct tree *copy = tree_copy(t);
    assert_int_equal(copy->n, KEYS);
    for (unsigned i = 0; i < KEYS; i++) {
        (void)snprintf(key, sizeof(key), "key-%u", i);
        assert_true(tree_getu(copy, key, 0) == i);
        assert_string_equal(copy->key[i]->text, key);
    }
    assert_null(tree_get(t, "key-20000"));
    tree_free(copy);
    tree_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(json_comes_back_as_it_was),
        cmocka_unit_test(pretty_json_is_for_people),
        cmocka_unit_test(bad_json_is_refused_with_its_code),
        cmocka_unit_test(depth_is_bounded_both_ways),
        cmocka_unit_test(places_are_kept),
        cmocka_unit_test(plain_text_that_is_no_json_word_becomes_a_string),
        cmocka_unit_test(text_that_is_not_utf8_is_not_written),
        cmocka_unit_test(a_full_buffer_is_left_as_it_was),
        cmocka_unit_test(putting_takes_the_value_also_when_it_fails),
        cmocka_unit_test(reading_gives_defaults_for_what_is_not_there),
        cmocka_unit_test(one_stands_for_a_list_of_one),
        cmocka_unit_test(a_map_of_many_keys_is_complete_and_quick),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
