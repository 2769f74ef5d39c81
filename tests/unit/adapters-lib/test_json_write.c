/* SPDX-License-Identifier: Apache-2.0 */
/* JSON that is written: commas, escapes, the ceiling, and that what was read comes out again. */
#include "lib/json_write.h"
#include <stdarg.h>
#include <setjmp.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

static void assert_written(struct json_write *w, const char *want)
{
    assert_false(w->failed);
    assert_int_equal(w->len, strlen(want));
    assert_memory_equal(w->p, want, w->len);
    json_write_done(w);
}

static void values_are_separated(void **state)
{
    struct json_write w;
    (void)state;
    json_write_init(&w, 1000);
    json_write_object(&w);
    json_write_name(&w, "a");
    json_write_array(&w);
    json_write_bare(&w, "1.50", 4);
    json_write_object(&w);
    json_write_end(&w);
    json_write_array(&w);
    json_write_end(&w);
    json_write_text(&w, "x", 1);
    json_write_end(&w);
    json_write_name(&w, "b");
    json_write_bare(&w, "null", 4);
    json_write_end(&w);
    assert_written(&w, "{\"a\":[1.50,{},[],\"x\"],\"b\":null}");
}

static void texts_are_escaped_where_they_must(void **state)
{
    struct json_write w;
    (void)state;
    json_write_init(&w, 1000);
    json_write_text(&w, "a\"b\\c\n\t\r\b\f\x01\0/\xc3\xa9\x7f", 16);
    assert_written(&w, "\"a\\\"b\\\\c\\n\\t\\r\\b\\f\\u0001\\u0000/\xc3\xa9\x7f\"");
}

static void what_was_read_comes_out_again(void **state)
{
    static const char text[] = "{\"a\":[1,-0,1.50,1e3,true,false,null,\"\\\"\\u0000\"],\"\":{},"
                               "\"a\":{\"b\":[[]]}}";
    struct json_parser *p = json_parser_new(63);
    struct json_write w;
    (void)state;
    json_write_init(&w, 1000);
    json_write_node(&w, json_parse(p, text, sizeof text - 1));
    assert_written(&w, text);
    json_parser_free(p);
}

static void a_failure_is_kept(void **state)
{
    struct json_write w;
    (void)state;
    json_write_init(&w, 10);
    json_write_text(&w, "123456789", 9); /* 11 with its quotes */
    assert_true(w.failed);
    json_write_text(&w, "1", 1);
    assert_true(w.failed);
    json_write_done(&w);
    json_write_init(&w, 1000);
    for (unsigned i = 0; i < JSON_WRITE_DEPTH; i++)
        json_write_array(&w);
    assert_false(w.failed);
    json_write_array(&w);
    assert_true(w.failed);
    json_write_done(&w);
    json_write_init(&w, 1000);
    json_write_end(&w); /* of nothing */
    assert_true(w.failed);
    json_write_done(&w);
}

static void a_large_text_grows_to_the_ceiling_exactly(void **state)
{
    static char text[5000];
    struct json_write w;
    (void)state;
    memset(text, 'x', sizeof text);
    json_write_init(&w, sizeof text + 2);
    json_write_text(&w, text, sizeof text);
    assert_false(w.failed);
    assert_int_equal(w.len, sizeof text + 2);
    json_write_bare(&w, "1", 1);
    assert_true(w.failed);
    json_write_done(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_are_separated),
        cmocka_unit_test(texts_are_escaped_where_they_must),
        cmocka_unit_test(what_was_read_comes_out_again),
        cmocka_unit_test(a_failure_is_kept),
        cmocka_unit_test(a_large_text_grows_to_the_ceiling_exactly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
