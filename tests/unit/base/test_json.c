/* SPDX-License-Identifier: Apache-2.0 */
/* The JSON scanner: what RFC 8259 allows passes, everything else is refused at the right place. */
#include "base/json.h"
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

struct text {
    const char *p;
    size_t len; /* 0: strlen */
};

/* The text is copied to memory of exactly its size, so that a sanitizer sees one byte too many. */
static int scan(const char *p, size_t len, unsigned depth, struct err *e)
{
    char *copy = malloc(len ? len : 1);
    assert_non_null(copy);
    memcpy(copy, p, len);
    struct json_scan s;
    json_start(&s, copy, len, depth);
    int r = json_value(&s, NULL);
    if (r == 0)
        r = json_end(&s);
    if (e)
        *e = s.err;
    free(copy);
    return r;
}

static void valid_texts_pass(void **state)
{
    static const char *const texts[] = {
        "null",
        "true",
        "false",
        " \t\r\n0 ",
        "-0",
        "0.5",
        "-0.0e-0",
        "1E+400",
        "123456789012345678901234567890",
        "\"\"",
        "\"a\"",
        "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\"",
        "\"\\uD83D\\ude00\"",
        "\"\\u0000\"",
        "\"\x7f\"",
        "\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\"",
        "\"\xef\xbf\xbf\"",
        "\"\xed\x9f\xbf\xee\x80\x80\"",
        "\"\xf4\x8f\xbf\xbf\"",
        "\"\xc2\x80\xdf\xbf\xe0\xa0\x80\xf0\x90\x80\x80\"",
        "[]",
        "{}",
        "[ ]",
        "{ }",
        "[1,2 , 3]",
        "[[],{},[{}]]",
        "{\"a\":1,\"a\":2}",
        "{\"\":null}",
        "{ \"a\" : [ { \"b\" : \"c\" } ] , \"d\" : 1e3 }",
        "\"12345678901234567890 long enough for whole words of eight\"",
        "[true,false,null]",
        "[-1,1.25e+3]",
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        struct err e;
        if (scan(texts[i], strlen(texts[i]), JSON_DEPTH_MAX, &e) != 0)
            fail_msg("%s: %s", texts[i], e.text);
    }
}

static void syntax_errors_are_refused(void **state)
{
    static const struct text texts[] = {
        {"", 0},
        {" ", 0},
        {"[1,]", 0},
        {"[,1]", 0},
        {"[1,,2]", 0},
        {"[", 0},
        {"]", 0},
        {"[1", 0},
        {"[1 2]", 0},
        {"{", 0},
        {"}", 0},
        {"{\"a\"}", 0},
        {"{\"a\":}", 0},
        {"{\"a\":1,}", 0},
        {"{,}", 0},
        {"{a:1}", 0},
        {"{'a':1}", 0},
        {"{\"a\":1 \"b\":2}", 0},
        {"{\"a\" 1}", 0},
        {"{1:2}", 0},
        {"{\"a\":1]", 0},
        {"[1}", 0},
        {"{\"a\":1", 0},
        {"{\"a\":", 0},
        {"{\"a\"", 0},
        {"{\"a", 0},
        {"01", 0},
        {"-", 0},
        {"-01", 0},
        {"+1", 0},
        {".5", 0},
        {"1.", 0},
        {"1.e3", 0},
        {"1e", 0},
        {"1e+", 0},
        {"0x10", 0},
        {"1_000", 0},
        {"NaN", 0},
        {"Infinity", 0},
        {"-Infinity", 0},
        {"nul", 0},
        {"nulll", 0},
        {"True", 0},
        {"tru", 0},
        {"truefalse", 0},
        {"1 2", 0},
        {"[] []", 0},
        {"\"", 0},
        {"\"a", 0},
        {"\"\\", 0},
        {"\"\\\"", 0},
        {"\"\\x41\"", 0},
        {"\"\\'\"", 0},
        {"\"\\u12\"", 0},
        {"\"\\u12g4\"", 0},
        {"\"\\u 123\"", 0},
        {"\"\\u", 0},
        {"\"\\U0041\"", 0},
        {"\"a\nb\"", 0},
        {"\"a\tb\"", 0},
        {"\"\x1f\"", 0},
        {"// no\n1", 0},
        {"/**/1", 0},
        {"\xef\xbb\xbf{}", 0},
        {"'a'", 0},
        {"\"a\0b\"", 5},
        {"1\0", 2},
        {"\0", 1},
        {"[1,\0]", 5},
        {"\"\\\0\"", 4},
        {"{\"a\":1}x", 0},
        {"\v1", 0},
        {"\xc2\xa0"
         "1",
         0},
        {"- 1", 0},
        {"[1,2", 0},
        {"\"12345678\x01\"", 0},
        {"\"1234567\n12345678\"", 0},
        {",", 0},
        {":", 0},
        {"{\"a\":1,\"b\"}", 0},
        {"{\"a\"::1}", 0},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        struct err e;
        size_t len = texts[i].len ? texts[i].len : strlen(texts[i].p);
        if (scan(texts[i].p, len, JSON_DEPTH_MAX, &e) != -EINVAL)
            fail_msg("accepted: %s", texts[i].p);
        assert_string_equal(e.code, "json-syntax");
        assert_memory_equal(e.text, "line ", 5);
    }
}

static void text_that_is_not_utf8_is_refused(void **state)
{
    static const char *const bodies[] = {
        "\x80",
        "\xbf",
        "\xc0\x80",
        "\xc1\xbf",
        "\xc3",
        "\xc3(",
        "\xe0\x80\x80",
        "\xe0\x9f\xbf",
        "\xe2\x82",
        "\xe2(\xa1",
        "\xe2\x82(",
        "\xed\xa0\x80",
        "\xed\xbf\xbf",
        "\xf0\x80\x80\x80",
        "\xf0\x8f\xbf\xbf",
        "\xf0\x9f\x98",
        "\xf4\x90\x80\x80",
        "\xf5\x80\x80\x80",
        "\xf8\x88\x80\x80\x80",
        "\xfe",
        "\xff",
        "\xf0(\x8c\xbc",
        "\xed\xa0\xbd\xed\xb8\x80",
        "1234567\xff",
        "12345678\xc3",
        "\\ud800",
        "\\udc00",
        "\\ud800x",
        "\\ud800\\n",
        "\\ud800\\u0041",
        "\\udbff\\ud800",
        "\\udc00\\ud800",
        "\\ud83d\\ude0",
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(bodies); i++) {
        for (int as_key = 0; as_key < 2; as_key++) {
            char text[64];
            struct err e;
            if (as_key)
                (void)snprintf(text, sizeof(text), "{\"%s\":1}", bodies[i]);
            else
                (void)snprintf(text, sizeof(text), "[\"%s\"]", bodies[i]);
            assert_int_equal(scan(text, strlen(text), JSON_DEPTH_MAX, &e), -EINVAL);
            assert_string_equal(e.code, "json-utf8");
        }
    }
}

static void every_cut_of_a_text_is_refused(void **state)
{
    static const char text[] =
        "{\"k\\u00e9y\":[1.5e-3,\"\xf0\x9f\x98\x80\\ud83d\\ude00 some longer text here\",true,{}]}";
    (void)state;
    for (size_t n = 0; n < sizeof(text) - 1; n++)
        assert_int_equal(scan(text, n, JSON_DEPTH_MAX, NULL), -EINVAL);
    assert_int_equal(scan(text, sizeof(text) - 1, JSON_DEPTH_MAX, NULL), 0);
}

static void depth_is_bounded_and_exact(void **state)
{
    static const struct {
        unsigned brackets, max;
        bool good;
    } rows[] = {{0, 0, true},        {1, 0, false},    {1, 1, true},      {64, 64, true},
                {65, 64, false},     {200, 200, true}, {201, 200, false}, {1024, 4096, true},
                {1025, 4096, false}, {65, 1024, true}};
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        for (int objects = 0; objects < 2; objects++) {
            struct buf b = BUF_INIT(100000);
            struct err e;
            for (unsigned n = 0; n < rows[i].brackets; n++)
                assert_int_equal(buf_adds(&b, objects && n % 2 ? "{\"a\":" : "["), 0);
            assert_int_equal(buf_adds(&b, "1"), 0);
            for (unsigned n = rows[i].brackets; n > 0; n--)
                assert_int_equal(buf_adds(&b, objects && (n - 1) % 2 ? "}" : "]"), 0);
            assert_int_equal(scan(b.p, b.len, rows[i].max, &e), rows[i].good ? 0 : -EINVAL);
            if (!rows[i].good)
                assert_string_equal(e.code, "json-depth");
            buf_done(&b);
        }
    }
}

static void a_million_brackets_need_no_stack(void **state)
{
    (void)state;
    char *p = malloc(1000000);
    assert_non_null(p);
    memset(p, '[', 1000000);
    assert_int_equal(scan(p, 1000000, 1000000, NULL), -EINVAL);
    free(p);
}

static void depth_counts_the_brackets_entered_by_hand(void **state)
{
    struct json_scan s;
    bool first = true;
    (void)state;
    json_start(&s, "[[[1]]]", 7, 2);
    assert_int_equal(json_enter(&s, '['), 0);
    assert_int_equal(json_element(&s, &first), 1);
    assert_int_equal(json_value(&s, NULL), -EINVAL);
    assert_string_equal(s.err.code, "json-depth");
}

static void errors_name_line_and_column(void **state)
{
    struct err e;
    (void)state;
    assert_int_equal(scan("{\n  \"a\": 1,\n  b", 15, 64, &e), -EINVAL);
    assert_memory_equal(e.text, "line 3, column 3:", 17);
    assert_int_equal(scan("[1,]", 4, 64, &e), -EINVAL);
    assert_memory_equal(e.text, "line 1, column 4:", 17);
}

static void an_error_stays(void **state)
{
    struct json_scan s;
    bool first = true;
    struct json_slice key;
    (void)state;
    json_start(&s, "x 1", 3, 64);
    assert_int_equal(json_peek(&s), 0);
    char text[ERR_TEXT_MAX];
    memcpy(text, s.err.text, sizeof(text));
    assert_int_equal(json_value(&s, NULL), -EINVAL);
    assert_int_equal(json_enter(&s, '{'), -EINVAL);
    assert_int_equal(json_member(&s, &first, &key), -EINVAL);
    assert_int_equal(json_element(&s, &first), -EINVAL);
    assert_int_equal(json_end(&s), -EINVAL);
    assert_string_equal(s.err.text, text);
}

static void an_object_is_walked_member_by_member(void **state)
{
    static const char text[] = " { \"a\" : 1 , \"b\\n\":[true, {}] ,\"c\":{\"d\":\"e\"} } ";
    static const char *const keys[] = {"a", "b\\n", "c"}, *const values[] = {"1", "[true, {}]",
                                                                             "{\"d\":\"e\"}"};
    struct json_scan s;
    struct json_slice key, value;
    bool first = true;
    (void)state;
    json_start(&s, text, sizeof(text) - 1, 64);
    assert_int_equal(json_peek(&s), '{');
    assert_int_equal(json_enter(&s, '{'), 0);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(json_member(&s, &first, &key), 1);
        assert_int_equal(key.len, strlen(keys[i]));
        assert_memory_equal(key.p, keys[i], key.len);
        assert_int_equal(json_value(&s, &value), 0);
        assert_int_equal(value.len, strlen(values[i]));
        assert_memory_equal(value.p, values[i], value.len);
    }
    assert_int_equal(json_member(&s, &first, &key), 0);
    assert_int_equal(s.depth, 0);
    assert_int_equal(json_end(&s), 0);
}

static int walk_object(const char *text)
{
    struct json_scan s;
    struct json_slice key;
    bool first = true;
    json_start(&s, text, strlen(text), 64);
    int r = json_enter(&s, '{');
    while (r == 0) {
        r = json_member(&s, &first, &key);
        if (r <= 0)
            break;
        r = json_value(&s, NULL);
    }
    return r == 0 ? json_end(&s) : r;
}

static int walk_array(const char *text)
{
    struct json_scan s;
    bool first = true;
    json_start(&s, text, strlen(text), 64);
    int r = json_enter(&s, '[');
    while (r == 0) {
        r = json_element(&s, &first);
        if (r <= 0)
            break;
        r = json_value(&s, NULL);
    }
    return r == 0 ? json_end(&s) : r;
}

static void walking_is_as_strict_as_passing_over(void **state)
{
    static const char *const good[] = {"{}", "{ }", "{\"a\":1}", "{\"a\":1 , \"b\":2}"};
    static const char *const bad[] = {
        "",        "[]",       "{",         "{,}",        "{\"a\":1,}", "{\"a\":1 \"b\":2}",
        "{\"a\"}", "{\"a\":}", "{\"a\":1]", "{\"a\":1}}", "{\"a\":01}", "{\"a\":1,,\"b\":2}",
        "{a:1}"};
    static const char *const good_lists[] = {"[]", "[ ]", "[1]", "[1 , 2]", "[[],[]]"};
    static const char *const bad_lists[] = {"",    "{}",   "[",    "[,]",    "[1,]", "[1 2]",
                                            "[1}", "[1]]", "[01]", "[1,,2]", "[1"};
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(good); i++)
        assert_int_equal(walk_object(good[i]), 0);
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
        assert_int_equal(walk_object(bad[i]), -EINVAL);
    for (size_t i = 0; i < ARRAY_SIZE(good_lists); i++)
        assert_int_equal(walk_array(good_lists[i]), 0);
    for (size_t i = 0; i < ARRAY_SIZE(bad_lists); i++)
        assert_int_equal(walk_array(bad_lists[i]), -EINVAL);
}

static void peek_tells_the_kind_without_consuming(void **state)
{
    static const char *const texts[] = {" {", "\n[", "\"", "true", "false", "null", "-1", "0", "9"};
    struct json_scan s;
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        json_start(&s, texts[i], strlen(texts[i]), 64);
        char c = texts[i][strspn(texts[i], " \n")];
        assert_int_equal(json_peek(&s), c);
        assert_int_equal(json_peek(&s), c);
    }
    json_start(&s, "  ", 2, 64);
    assert_int_equal(json_peek(&s), 0);
    json_start(&s, NULL, 0, 64);
    assert_int_equal(json_peek(&s), 0);
    assert_int_equal(json_value(&s, NULL), -EINVAL);
}

static void escapes_are_undone(void **state)
{
    static const struct {
        const char *raw;
        const char *text;
        size_t len;
    } rows[] = {
        {"", "", 0},
        {"plain", "plain", 5},
        {"\\\"\\\\\\/\\b\\f\\n\\r\\t", "\"\\/\b\f\n\r\t", 8},
        {"\\u0041", "A", 1},
        {"\\u00e9\\u00C9", "\xc3\xa9\xc3\x89", 4},
        {"\\u20AC", "\xe2\x82\xac", 3},
        {"\\uffff", "\xef\xbf\xbf", 3},
        {"\\ud83d\\uDE00x", "\xf0\x9f\x98\x80x", 5},
        {"\\udbff\\udfff", "\xf4\x8f\xbf\xbf", 4},
        {"a\\u0000b", "a\0b", 3},
        {"\\u07ff\\u0800\\u007f\\u0080", "\xdf\xbf\xe0\xa0\x80\x7f\xc2\x80", 8},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct buf b = BUF_INIT(100);
        struct json_slice raw = {rows[i].raw, strlen(rows[i].raw)};
        assert_int_equal(json_needs_unescape(raw), strchr(rows[i].raw, '\\') != NULL);
        assert_int_equal(buf_adds(&b, "<"), 0);
        assert_int_equal(json_unescape(raw, &b), 0);
        assert_int_equal(b.len, rows[i].len + 1);
        assert_memory_equal(b.p + 1, rows[i].text, rows[i].len + 1);
        buf_done(&b);
    }
}

static void bad_escapes_and_full_buffers_add_nothing(void **state)
{
    static const char *const raws[] = {
        "a\\", "a\\x", "a\\u12", "a\\u123g", "a\\ud800", "a\\ud800\\u0041", "a\\udc00", "a\\u"};
    struct buf b = BUF_INIT(6);
    (void)state;
    assert_int_equal(buf_adds(&b, "old"), 0);
    for (size_t i = 0; i < ARRAY_SIZE(raws); i++) {
        assert_int_equal(json_unescape((struct json_slice){raws[i], strlen(raws[i])}, &b), -EINVAL);
        assert_string_equal(b.p, "old");
    }
    assert_int_equal(json_unescape((struct json_slice){"ab\\ncd", 6}, &b), -EFBIG);
    assert_string_equal(b.p, "old");
    assert_int_equal(json_add_string(&b, "ab", 2), -EFBIG);
    assert_int_equal(json_add_string(&b, "\n", 1), -EFBIG);
    assert_string_equal(b.p, "old");
    assert_int_equal(json_add_string(&b, "a", 1), 0);
    assert_string_equal(b.p, "old\"a\"");
    buf_done(&b);
}

static void strings_are_written_with_the_least_escaping(void **state)
{
    static const struct {
        const char *text;
        size_t len;
        const char *json;
    } rows[] = {
        {"", 0, "\"\""},
        {"a/b'<>", 6, "\"a/b'<>\""},
        {"\"\\", 2, "\"\\\"\\\\\""},
        {"\b\f\n\r\t", 5, "\"\\b\\f\\n\\r\\t\""},
        {"\0\x01\x1f\x7f", 4, "\"\\u0000\\u0001\\u001f\x7f\""},
        {"\xc3\xa9", 2, "\"\xc3\xa9\""},
        {"12345678\n12345678\"", 18, "\"12345678\\n12345678\\\"\""},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct buf b = BUF_INIT(1000);
        assert_int_equal(json_add_string(&b, rows[i].text, rows[i].len), 0);
        assert_string_equal(b.p, rows[i].json);
        struct buf back = BUF_INIT(1000);
        assert_int_equal(json_unescape((struct json_slice){b.p + 1, b.len - 2}, &back), 0);
        assert_int_equal(back.len, rows[i].len);
        assert_memory_equal(back.p, rows[i].text, rows[i].len);
        buf_done(&back);
        buf_done(&b);
    }
}

static void compacting_touches_white_space_outside_strings_only(void **state)
{
    static const struct {
        const char *text, *compact;
    } rows[] = {
        {"1", "1"},
        {" [ 1 ,\t2\n] ", "[1,2]"},
        {"{ \"a b\" : \" c \\\" d \" , \"e\" : 1.10e+0 }",
         "{\"a b\":\" c \\\" d \",\"e\":1.10e+0}"},
        {"[\"\\\\\" , \"\\\\\\\" \" , 1]", "[\"\\\\\",\"\\\\\\\" \",1]"},
        {"[1,2]", "[1,2]"},
        {"\"a long string with blanks, and \\\" more than eight bytes \"",
         "\"a long string with blanks, and \\\" more than eight bytes \""},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct buf b = BUF_INIT(strlen(rows[i].compact) +
                                1); /* the ceiling counts what is left, not what came */
        assert_int_equal(buf_adds(&b, ">"), 0);
        assert_int_equal(json_add_compact(&b, rows[i].text, strlen(rows[i].text)), 0);
        assert_string_equal(b.p + 1, rows[i].compact);
        assert_int_equal(json_add_compact(&b, rows[i].text, strlen(rows[i].text)), -EFBIG);
        assert_int_equal(b.len, strlen(rows[i].compact) + 1);
        buf_done(&b);
    }
}

static void compacting_what_was_not_validated_stays_inside(void **state)
{
    static const char *const texts[] = {"\"", "\"\\", "[\"abc", "\"abcdefgh\\", " \" \\\" "};
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        size_t len = strlen(texts[i]);
        char *copy = malloc(len);
        struct buf b = BUF_INIT(100);
        assert_non_null(copy);
        memcpy(copy, texts[i], len);
        assert_int_equal(json_add_compact(&b, copy, len), 0);
        buf_done(&b);
        free(copy);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(valid_texts_pass),
        cmocka_unit_test(syntax_errors_are_refused),
        cmocka_unit_test(text_that_is_not_utf8_is_refused),
        cmocka_unit_test(every_cut_of_a_text_is_refused),
        cmocka_unit_test(depth_is_bounded_and_exact),
        cmocka_unit_test(a_million_brackets_need_no_stack),
        cmocka_unit_test(depth_counts_the_brackets_entered_by_hand),
        cmocka_unit_test(errors_name_line_and_column),
        cmocka_unit_test(an_error_stays),
        cmocka_unit_test(an_object_is_walked_member_by_member),
        cmocka_unit_test(walking_is_as_strict_as_passing_over),
        cmocka_unit_test(peek_tells_the_kind_without_consuming),
        cmocka_unit_test(escapes_are_undone),
        cmocka_unit_test(bad_escapes_and_full_buffers_add_nothing),
        cmocka_unit_test(strings_are_written_with_the_least_escaping),
        cmocka_unit_test(compacting_touches_white_space_outside_strings_only),
        cmocka_unit_test(compacting_what_was_not_validated_stays_inside),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
