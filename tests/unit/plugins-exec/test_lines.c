/* SPDX-License-Identifier: Apache-2.0 */
/* What comes from a program: bytes into lines, lines into what they say. */
#include "exec.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

/* In pieces of any size. */
static void feed(struct lines *l, const char *p, size_t len, size_t piece)
{
    while (len > 0) {
        size_t room = 0, n = piece < len ? piece : len;
        char *to = lines_room(l, &room);
        assert_non_null(to);
        n = n < room ? n : room;
        memcpy(to, p, n);
        lines_filled(l, n);
        p += n;
        len -= n;
    }
}

static void bytes_are_cut_into_lines_whatever_pieces_they_come_in(void **state)
{
    static const char text[] = "one\n\ntwo and more\nhalf";
    static const char *const wanted[] = {"one", "", "two and more"};
    (void)state;
    for (size_t piece = 1; piece <= sizeof text; piece++) {
        struct lines l = {.max = 12};
        const char *line = NULL;
        size_t len = 0, n = 0;
        for (size_t at = 0; at < sizeof text - 1; at += piece) {
            size_t left = sizeof text - 1 - at;
            feed(&l, text + at, piece < left ? piece : left, piece);
            while (lines_next(&l, &line, &len)) {
                assert_true(n < 3);
                assert_int_equal(len, strlen(wanted[n]));
                assert_memory_equal(line, wanted[n], len);
                n++;
            }
            assert_false(lines_too_long(&l));
        }
        assert_int_equal(n, 3);
        assert_int_equal(lines_rest(&l), 4);
        lines_free(&l);
    }
}

static void a_line_that_is_too_long_is_not_gathered(void **state)
{
    static const char *const texts[] = {"12345", "12345\n", "a\n12345"};
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct lines l = {.max = 4};
        const char *line = NULL;
        size_t len = 0, room = 0;
        feed(&l, texts[i], strlen(texts[i]), 100);
        assert_int_equal(lines_next(&l, &line, &len), i == 2);
        assert_false(lines_next(&l, &line, &len));
        assert_true(lines_too_long(&l));
        assert_null(lines_room(&l, &room));
        lines_free(&l);
    }
}

static void a_long_line_leaves_no_memory_behind(void **state)
{
    struct lines l = {.max = 8u << 20};
    static char much[4u << 20];
    const char *line = NULL;
    size_t len = 0, room = 0;
    (void)state;
    memset(much, 'x', sizeof much);
    much[sizeof much - 1] = '\n';
    feed(&l, much, sizeof much, sizeof much);
    assert_true(lines_next(&l, &line, &len));
    assert_int_equal(len, sizeof much - 1);
    assert_non_null(lines_room(&l, &room));
    assert_true(l.cap < 1u << 20);
    lines_free(&l);
}

/* ---- what a line says ---- */

static void lines_are_read_or_refused_with_a_reason(void **state)
{
    static const struct {
        const char *line, *wrong; /* NULL: it is right */
        struct said said;
    } cases[] = {
        {"{\"reeve\":1,\"name\":\"n\"}", NULL, {.version = 1, .name = "n"}},
        {" { \"reeve\" : 2 } \r", NULL, {.version = 2}},
        {"{}", NULL, {.version = 0}},
        {"{\"seq\":7,\"verdict\":\"ok\"}", NULL, {.has_seq = true, .seq = 7, .verdict = SAID_OK}},
        {"{\"verdict\":\"retry\",\"after_ms\":500,\"seq\":0}",
         NULL,
         {.has_seq = true, .verdict = SAID_RETRY, .after_ms = 500}},
        {"{\"seq\":999999999999999,\"verdict\":\"reject\",\"code\":\"c\",\"text\":"
         "\"\\u00e4\\n\\\"\"}",
         NULL,
         {.has_seq = true,
          .seq = 999999999999999,
          .verdict = SAID_REJECT,
          .code = "c",
          .text = "\xc3\xa4\n\""}},
        {"{\"seq\":1,\"verdict\":\"down\",\"more\":{\"a\":[1,{\"b\":\"}]\\\"\"}],\"seq\":2},\"x\":"
         "null}",
         NULL,
         {.has_seq = true, .seq = 1, .verdict = SAID_DOWN}},
        {"", "no JSON object", {0}},
        {"[]", "no JSON object", {0}},
        {"garbage", "no JSON object", {0}},
        {"{\"seq\":1", "no JSON object", {0}},
        {"{\"seq\":1,}", "no JSON object", {0}},
        {"{\"seq\" 1}", "no JSON object", {0}},
        {"{\"seq\":1 \"verdict\":\"ok\"}", "no JSON object", {0}},
        {"{\"seq\":}", "no JSON object", {0}},
        {"{\"text\":\"half}", "no JSON object", {0}},
        {"{\"x\":[1,2}", "no JSON object", {0}},
        {"{\"seq\":1}{\"seq\":2}", "goes on behind", {0}},
        {"{\"seq\":1}x", "goes on behind", {0}},
        {"{\"seq\":1,\"seq\":1}", "two members seq", {0}},
        {"{\"seq\":-1}", "member seq is not a whole number", {0}},
        {"{\"seq\":1.0}", "member seq is not", {0}},
        {"{\"seq\":\"1\"}", "member seq is not", {0}},
        {"{\"seq\":1234567890123456}", "member seq is not", {0}},
        {"{\"reeve\":0}", "member reeve is not", {0}},
        {"{\"verdict\":\"OK\"}", "member verdict is not ok, retry, reject or down", {0}},
        {"{\"verdict\":\"fatal\"}", "member verdict is not", {0}},
        {"{\"text\":5}", "member text is not a text", {0}},
        {"{\"text\":\"\\x\"}", "member text is not a text", {0}},
        {"{\"text\":\"\xff\"}", "member text is not a text", {0}},
        {"{\"emit\":{}}", "member emit is not an array", {0}},
        {"{\"event\":[]}", "member event is not an object", {0}},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct said s;
        char why[WHY_MAX] = "";
        int rc = said_read(cases[i].line, strlen(cases[i].line), &s, why, sizeof why);
        if (cases[i].wrong != NULL) {
            if (rc != -1 || strstr(why, cases[i].wrong) == NULL)
                fail_msg("%s: %d %s", cases[i].line, rc, why);
            continue;
        }
        if (rc != 0)
            fail_msg("%s: %s", cases[i].line, why);
        assert_int_equal(s.version, cases[i].said.version);
        assert_int_equal(s.has_seq, cases[i].said.has_seq);
        assert_int_equal(s.seq, cases[i].said.seq);
        assert_int_equal(s.verdict, cases[i].said.verdict);
        assert_int_equal(s.after_ms, cases[i].said.after_ms);
        assert_string_equal(s.name, cases[i].said.name);
        assert_string_equal(s.code, cases[i].said.code);
        assert_string_equal(s.text, cases[i].said.text);
    }
}

static void a_long_text_is_cut_at_a_whole_character(void **state)
{
    char line[2000] = "{\"text\":\"x";
    struct said s;
    char why[WHY_MAX];
    (void)state;
    size_t at = strlen(line);
    for (int i = 0; i < 500; i++, at += 2)
        memcpy(line + at, "\xc3\xa4", 2);
    memcpy(line + at, "\"}", 3);
    assert_int_equal(said_read(line, at + 2, &s, why, sizeof why), 0);
    assert_int_equal(strlen(s.text), sizeof s.text - 1);
    assert_int_equal((unsigned char)s.text[sizeof s.text - 2], 0xa4);
}

static void the_items_of_an_array_are_found(void **state)
{
    static const struct {
        const char *array;
        int n; /* -1: it is none */
    } cases[] = {
        {"[]", 0},    {"[ ]", 0},   {"[{}]", 1},   {"[ {} , 1 ]", 2}, {"[\"],\",[[]],{}]", 3},
        {"[1,]", -1}, {"[,1]", -1}, {"[1 2]", -1}, {"[1", -1},        {"[1]]", -1},
        {"", -1}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct slice rest = {cases[i].array, strlen(cases[i].array)}, item;
        int n = 0, rc;
        while ((rc = said_item(&rest, &item)) == 1) {
            assert_true(item.len > 0);
            n++;
        }
        if ((rc < 0 ? -1 : n) != cases[i].n)
            fail_msg("%s: %d items, %d", cases[i].array, n, rc);
    }
}

static void a_reason_is_never_empty(void **state)
{
    char text[100];
    (void)state;
    said_reason(&(struct said){.code = "c", .text = "t"}, text, sizeof text);
    assert_string_equal(text, "c: t");
    said_reason(&(struct said){.text = "t"}, text, sizeof text);
    assert_string_equal(text, "t");
    said_reason(&(struct said){.code = "c"}, text, sizeof text);
    assert_string_equal(text, "c");
    said_reason(&(struct said){0}, text, sizeof text);
    assert_string_equal(text, "the program gave no reason");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_are_cut_into_lines_whatever_pieces_they_come_in),
        cmocka_unit_test(a_line_that_is_too_long_is_not_gathered),
        cmocka_unit_test(a_long_line_leaves_no_memory_behind),
        cmocka_unit_test(lines_are_read_or_refused_with_a_reason),
        cmocka_unit_test(a_long_text_is_cut_at_a_whole_character),
        cmocka_unit_test(the_items_of_an_array_are_found),
        cmocka_unit_test(a_reason_is_never_empty),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
