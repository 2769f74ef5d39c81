/* SPDX-License-Identifier: Apache-2.0 */
/* Items by what names them: all of one key, in the order of the array, and no others. */
#include "lib/node_index.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static struct print by_text(const struct json_node *item)
{
    return text_print(item->text, item->len);
}

/* The places of the items with this text, a blank behind each. */
static const char *places(const struct node_index *x, const char *text)
{
    static char out[256];
    size_t n = 0, len = 0;
    const struct node_entry *e = node_index_find(x, text_print(text, strlen(text)), &n);
    out[0] = 0;
    for (; n > 0; n--, e++) {
        assert_string_equal(e->item->text, text);
        len += (size_t)snprintf(out + len, sizeof out - len, "%zu ", e->at);
    }
    return out;
}

static void items_of_one_key_are_found_in_the_order_of_the_array(void **state)
{
    static const char list[] = "[\"b\",\"a\",\"b\",\"c\",\"a\",\"b\",\"\"]";
    struct json_parser *p = json_parser_new(2);
    (void)state;
    struct node_index *x = node_index_new(json_parse(p, list, strlen(list))->first, by_text);
    assert_non_null(x);
    assert_string_equal(places(x, "b"), "0 2 5 ");
    assert_string_equal(places(x, "a"), "1 4 ");
    assert_string_equal(places(x, "c"), "3 ");
    assert_string_equal(places(x, ""), "6 ");
    assert_string_equal(places(x, "d"), "");
    node_index_free(x);
    json_parser_free(p);
}

static void an_empty_array_has_none(void **state)
{
    (void)state;
    struct node_index *x = node_index_new(NULL, by_text);
    assert_non_null(x);
    assert_string_equal(places(x, "a"), "");
    node_index_free(x);
    node_index_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(items_of_one_key_are_found_in_the_order_of_the_array),
        cmocka_unit_test(an_empty_array_has_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
