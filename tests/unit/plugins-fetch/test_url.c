/* SPDX-License-Identifier: Apache-2.0 */
/* What fetch takes for a URL, where it may be led, and where the next page is. */
#include "fetch.h"
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

static void only_urls_that_can_be_fetched_without_a_secret_are_taken(void **state)
{
    static const struct {
        const char *url, *why; /* NULL: fine */
    } cases[] = {
        {"https://funder.example/grants.json", NULL},
        {"http://127.0.0.1:8080/", NULL},
        {"file:///srv/grants.json", NULL},
        {"https://me:secret@funder.example/", "name or password"},
        {"https://me@funder.example/", "name or password"},
        {"ftp://funder.example/", "scheme ftp"},
        {"gopher://x/", "scheme gopher"},
        {"funder.example/grants.json", "not a URL"},
        {"", "not a URL"},
        {"https://", "not a URL"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char why[WHY_MAX] = "";
        int rc = url_check(cases[i].url, why, sizeof why);
        assert_int_equal(rc, cases[i].why ? -1 : 0);
        if (cases[i].why)
            assert_non_null(strstr(why, cases[i].why));
    }
}

static void references_are_resolved(void **state)
{
    static const char *const cases[][3] = {
        {"https://a.example/x/y?z=1", "?page=2", "https://a.example/x/y?page=2"},
        {"https://a.example/x/y", "/other", "https://a.example/other"},
        {"https://a.example/x/y", "z", "https://a.example/x/z"},
        {"https://a.example/x", "http://b.example/", "http://b.example/"},
    };
    char out[URL_MAX], large[2 * URL_MAX];
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(url_resolve(cases[i][0], cases[i][1], out), 0);
        assert_string_equal(out, cases[i][2]);
    }
    memset(large, 'x', sizeof large);
    large[sizeof large - 1] = '\0';
    assert_int_equal(url_resolve("https://a.example/", large, out), -1);
}

static void an_origin_is_scheme_host_and_port(void **state)
{
    static const struct {
        const char *a, *b;
        bool same, may_lead;
    } cases[] = {
        {"https://a.example/x", "https://a.example:443/y?z", true, true},
        {"https://a.example/x", "https://A.Example/y", true, true},
        {"https://a.example/", "https://b.example/", false, true},
        {"https://a.example/", "http://a.example/", false, false},
        {"http://a.example/", "https://a.example/", false, true},
        {"http://a.example/", "http://a.example:8080/", false, true},
        {"http://a.example/", "file:///etc/passwd", false, false},
        {"https://a.example/", "file:///etc/passwd", false, false},
        {"file:///a", "http://a.example/", false, false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(url_same_origin(cases[i].a, cases[i].b), cases[i].same);
        assert_int_equal(url_may_lead(cases[i].a, cases[i].b), cases[i].may_lead);
    }
}

static void the_next_page_of_a_link_field_is_found(void **state)
{
    static const char *const cases[][2] = {
        {"<https://a.example/?page=2>; rel=\"next\"", "https://a.example/?page=2"},
        {"</p/1>; rel=prev, </p/3>; rel=next", "/p/3"},
        {"</p/3>;title=\"a, <b>; rel=next\";rel=\"last next\"", "/p/3"},
        {"</p/3> ; REL = Next", "/p/3"},
        {"</p/3>; rel=\"nextish\"", NULL},
        {"</p/3>; x=next; rel=prev", NULL},
        {"<>; rel=next", NULL},
        {"</p/3", NULL},
        {"", NULL},
        {"</a>; rel=\"next", "/a"},
        {"<<<>>>;;;===,,,\"\"\"", NULL},
    };
    char out[URL_MAX];
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(link_next(cases[i][0], out), cases[i][1] != NULL);
        if (cases[i][1])
            assert_string_equal(out, cases[i][1]);
    }
}

static void the_next_page_of_a_document_is_found(void **state)
{
    static const struct {
        const char *json, *pointer, *next;
        int rc;
    } cases[] = {
        {"{\"links\":{\"next\":\"/p/2\"}}", "/links/next", "/p/2", 1},
        {"{\"links\":{\"next\":null}}", "/links/next", NULL, 0},
        {"{\"links\":{\"next\":\"\"}}", "/links/next", NULL, 0},
        {"{\"links\":{}}", "/links/next", NULL, 0},
        {"[]", "/links/next", NULL, 0},
        {"{\"next\":2}", "/next", NULL, -1},
        {"{\"next\":\"a\\u0000b\"}", "/next", NULL, -1},
        {"{\"next\":", "/next", NULL, -1},
        {"<html>", "/next", NULL, -1},
        {"", "/next", NULL, -1},
    };
    char out[URL_MAX], why[WHY_MAX];
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int rc = pointer_next(cases[i].json, strlen(cases[i].json), cases[i].pointer, out, why,
                              sizeof why);
        assert_int_equal(rc, cases[i].rc);
        if (rc == 1)
            assert_string_equal(out, cases[i].next);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_urls_that_can_be_fetched_without_a_secret_are_taken),
        cmocka_unit_test(references_are_resolved),
        cmocka_unit_test(an_origin_is_scheme_host_and_port),
        cmocka_unit_test(the_next_page_of_a_link_field_is_found),
        cmocka_unit_test(the_next_page_of_a_document_is_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
