/* SPDX-License-Identifier: Apache-2.0 */
/* What became of each field, as a table: a record that went in, one that came back. */
#include "worker/fidelity.h"
#include "base/buf.h"
#include "base/util.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static struct tree *parse(const char *text)
{
    struct tree *t = NULL;
    struct err e;
    if (tree_from_json(text, strlen(text), &t, &e) < 0)
        fail_msg("%s: %s", text, e.text);
    return t;
}

static void note(void *arg, const struct fidelity_field *f)
{
    assert_int_equal(f->was == NULL, f->what == FIDELITY_ADDED);
    assert_int_equal(f->is == NULL, f->what == FIDELITY_LOST);
    assert_int_equal(buf_addf(arg, "%s%s %s", ((struct buf *)arg)->len ? "; " : "",
                              fidelity_names[f->what], f->path),
                     0);
}

static void note_field(void *arg, const struct fidelity_field *f)
{
    assert_int_equal(buf_addf(arg, "%s ", f->field), 0);
}

static void each_field_has_one_fate(void **state)
{
    static const struct {
        const char *was, *is, *want;
    } cases[] = {
        {"{}", "{}", ""},
        {"{\"a\":\"x\"}", "{\"a\":\"x\"}", "kept /a"},
        {"{\"a\":\"x\"}", "{}", "lost /a"},
        {"{}", "{\"a\":\"x\"}", "added /a"},
        {"{\"a\":\"x\"}", "{\"a\":\"y\"}", "changed /a"},
        {"{\"a\":\"2026-03-15\"}", "{\"a\":\"2026-03\"}", "widened /a"},
        {"{\"a\":\"2026-03-15T10:00:00Z\"}", "{\"a\":\"2026-03-15\"}", "widened /a"},
        {"{\"a\":\"2026-03\"}", "{\"a\":\"2026-03-01\"}", "changed /a"}, /* an invented day */
        {"{\"a\":\"a long text\"}", "{\"a\":\"a long\"}", "widened /a"},
        {"{\"a\":\"x\"}", "{\"a\":\"\"}", "changed /a"},
        {"{\"a\":\"1250.50\"}", "{\"a\":\"1250.5\"}", "kept /a"},
        {"{\"a\":\"1250.00\"}", "{\"a\":\"1250\"}", "kept /a"},
        {"{\"a\":\"1250.50\"}", "{\"a\":\"1250\"}", "changed /a"}, /* never only widened */
        {"{\"a\":\"1250\"}", "{\"a\":\"125\"}", "changed /a"},
        {"{\"a\":\"100\"}", "{\"a\":\"1\"}", "changed /a"},
        {"{\"a\":\"-1\"}", "{\"a\":\"1\"}", "changed /a"},
        {"{\"a\":\"007\"}", "{\"a\":\"7\"}", "changed /a"},
        {"{\"a\":1}", "{\"a\":\"1\"}", "changed /a"},
        {"{\"a\":true}", "{\"a\":true}", "kept /a"},
        {"{\"a\":true}", "{\"a\":false}", "changed /a"},
        {"{\"a\":null}", "{\"a\":null}", "kept /a"},
        {"{\"a\":{\"b\":\"x\",\"c\":\"y\"}}", "{\"a\":{\"b\":\"x\"}}", "kept /a/b; lost /a/c"},
        {"{\"a\":{\"b\":{\"c\":\"x\"}}}", "{}", "lost /a/b/c"},
        {"{\"a\":{\"b\":\"x\"}}", "{\"a\":\"x\"}", "lost /a/b; added /a"},
        {"{\"a\":[]}", "{\"a\":[]}", "kept /a"},
        {"{\"a\":[]}", "{}", "lost /a"},
        {"{\"a\":{}}", "{}", "lost /a"},
        {"{\"a~/b\":\"x\"}", "{}", "lost /a~0~1b"},
        {"{\"a\":[\"x\",\"y\"]}", "{\"a\":[\"y\",\"x\"]}", "kept /a/0; kept /a/1"},
        {"{\"a\":[\"x\",\"y\"]}", "{\"a\":[\"y\"]}", "lost /a/0; kept /a/1"},
        {"{\"a\":[\"x\"]}", "{\"a\":[\"x\",\"y\"]}", "kept /a/0; added /a/1"},
        {"{\"a\":[{\"id\":\"1\",\"v\":\"x\"},{\"id\":\"2\",\"v\":\"y\"}]}",
         "{\"a\":[{\"id\":\"2\",\"v\":\"z\"},{\"id\":\"1\",\"v\":\"x\"}]}",
         "kept /a/0/id; kept /a/0/v; kept /a/1/id; changed /a/1/v"},
        {"{\"a\":[{\"identifiers\":[{\"scheme\":\"s\",\"id\":\"7\"}],\"name\":\"n\"},{\"name\":"
         "\"m\"}]}",
         "{\"a\":[{\"name\":\"m\"},{\"identifiers\":[{\"scheme\":\"s\",\"id\":\"7\"}]}]}",
         "kept /a/0/identifiers/0/scheme; kept /a/0/identifiers/0/id; lost /a/0/name; kept "
         "/a/1/name"},
        {"{\"record\":1,\"a\":\"x\"}", "{\"record\":2,\"a\":\"x\"}", "kept /a"}, /* not looked at */
        {"{\"a\":{\"record\":1}}", "{}", "lost /a/record"},
        {"[\"x\"]", "{}", "lost /0; added "},
    };
    static const char *const skip[] = {"record", NULL};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct tree *was = parse(cases[i].was), *is = parse(cases[i].is);
        struct buf out = BUF_INIT(4096);
        assert_int_equal(fidelity_compare(was, is, skip, note, &out), 0);
        if (strcmp(buf_str(&out), cases[i].want) != 0)
            fail_msg("%s, %s: %s", cases[i].was, cases[i].is, buf_str(&out));
        buf_done(&out);
        tree_free(was);
        tree_free(is);
    }
}

static void fields_have_no_numbers(void **state)
{
    struct tree *was = parse("{\"a\":[{\"0\":[\"x\",\"y\"]}]}"), *is = parse("{\"a\":[]}");
    struct buf out = BUF_INIT(4096);
    (void)state;
    assert_int_equal(fidelity_compare(was, is, NULL, note_field, &out), 0);
    assert_string_equal(buf_str(&out), "/a/*/0/* /a/*/0/* ");
    buf_done(&out);
    tree_free(was);
    tree_free(is);
}

static void count_kept(void *arg, const struct fidelity_field *f)
{
    *(size_t *)arg += f->what == FIDELITY_KEPT;
}

/* Lists of any length in linear time, turned round by less than what is looked at. */
static void a_long_list_is_compared(void **state)
{
    struct buf a = BUF_INIT(8u << 20), b = BUF_INIT(8u << 20);
    enum { N = 100000 };
    size_t kept = 0;
    (void)state;
    for (int i = 0; i < N; i++) {
        (void)buf_addf(&a, "%s\"t%d\"", i ? "," : "[", i);
        (void)buf_addf(&b, "%s\"t%d\"", i ? "," : "[", i % 10 == 0 ? i + 9 : i - 1);
    }
    (void)buf_addc(&a, ']');
    (void)buf_addc(&b, ']');
    struct tree *was = parse(buf_str(&a)), *is = parse(buf_str(&b));
    assert_int_equal(fidelity_compare(was, is, NULL, count_kept, &kept), 0);
    assert_int_equal(kept, N);
    tree_free(was);
    tree_free(is);
    buf_done(&a);
    buf_done(&b);
}

static void count(void *arg, const struct fidelity_field *f)
{
    ((size_t *)arg)[f->what]++;
}

/* The first of a list has no partner, all others have: nobody walks over them for each. */
static void a_very_long_list_with_one_item_more_is_compared_to_its_end(void **state)
{
    const size_t n = 300000;
    struct tree *was = tree_list(), *is = tree_list();
    size_t counts[FIDELITIES] = {0};
    char text[32];
    (void)state;
    assert_int_equal(tree_appends(is, "new"), 0);
    for (size_t i = 0; i < n; i++) {
        (void)snprintf(text, sizeof(text), "%zu", i);
        assert_int_equal(tree_appends(was, text) | tree_appends(is, text), 0);
    }
    assert_int_equal(fidelity_compare(was, is, NULL, count, counts), 0);
    assert_int_equal(counts[FIDELITY_KEPT], n);
    assert_int_equal(counts[FIDELITY_ADDED], 1);
    tree_free(was);
    tree_free(is);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_field_has_one_fate),
        cmocka_unit_test(fields_have_no_numbers),
        cmocka_unit_test(a_long_list_is_compared),
        cmocka_unit_test(a_very_long_list_with_one_item_more_is_compared_to_its_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
