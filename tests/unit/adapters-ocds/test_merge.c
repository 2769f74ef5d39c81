/* SPDX-License-Identifier: Apache-2.0 */
/* Releases of one process put together: what each rule of the standard's merging gives, in whatever
 * order they come, and what is kept of them. */
#include "merge.h"
#include "process.h"
#include <stdarg.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define OCID    "\"ocid\":\"ocds-213czf-1\""
#define DAY(d)  ",\"date\":\"2026-01-0" d "T00:00:00Z\""
#define R(d, m) "{" OCID ",\"id\":\"r" d "\"" DAY(d) ",\"tag\":[\"tender\"]" m "}"
#define WHOLE(d, m)                                \
    "{" OCID ",\"id\":\"ocds-213czf-1-2026-01-0" d \
    "T00:00:00Z\"" DAY(d) ",\"tag\":[\"compiled\"]" m "}"
#define CEILING ((size_t)16 << 20)

struct step { /* what is kept from release to release */
    char *kept;
    size_t len;
    char *whole; /* "" when the release was all there is */
    const char *why;
};

static void step_free(struct step *s)
{
    free(s->kept);
    free(s->whole);
    *s = (struct step){.kept = NULL};
}

static enum process_verdict take(struct step *s, const char *text)
{
    struct json_parser *p = json_parser_new(BODY_DEPTH_MAX);
    const struct json_node *release = json_parse(p, text, strlen(text));
    struct json_write now, whole;
    assert_non_null(release);
    json_write_init(&now, CEILING);
    json_write_init(&whole, CEILING);
    enum process_verdict v =
        process_take(s->kept, s->len, release, text, strlen(text), &now, &whole, &s->why);
    if (v == PROCESS_TAKEN) {
        free(s->kept);
        free(s->whole);
        s->kept = strndup(now.p, now.len);
        s->len = now.len;
        s->whole = strndup(whole.len > 0 ? whole.p : "", whole.len);
    }
    json_write_done(&whole);
    json_write_done(&now);
    json_parser_free(p);
    return v;
}

static void each_rule_of_merging_gives_what_the_standard_says(void **state)
{
    static const struct {
        const char *first, *second, *whole;
    } cases[] = {
        {",\"a\":1", ",\"b\":2", ",\"a\":1,\"b\":2"},
        {",\"a\":1", ",\"a\":2", ",\"a\":2"},
        {",\"a\":1,\"b\":2", ",\"a\":null", ",\"b\":2"},
        {",\"a\":null", "", ""},
        {",\"a\":{\"x\":1,\"y\":1}", ",\"a\":{\"y\":2,\"z\":2}",
         ",\"a\":{\"x\":1,\"y\":2,\"z\":2}"},
        {",\"a\":{\"x\":1}", ",\"a\":{}", ",\"a\":{\"x\":1}"},
        {",\"a\":{\"x\":{\"y\":1}}", ",\"a\":{\"x\":null}", ",\"a\":{}"},
        {",\"a\":{\"x\":1}", ",\"a\":3", ",\"a\":3"},
        {",\"a\":3", ",\"a\":{\"x\":1}", ",\"a\":{\"x\":1}"},
        {",\"a\":[1,2]", ",\"a\":[3]", ",\"a\":[3]"},
        {",\"a\":[{\"id\":1,\"x\":1},{\"id\":\"2\"}]", ",\"a\":[{\"id\":3},{\"id\":1,\"y\":2}]",
         ",\"a\":[{\"id\":1,\"x\":1,\"y\":2},{\"id\":\"2\"},{\"id\":3}]"},
        {",\"a\":[{\"id\":1,\"x\":[{\"id\":\"p\",\"v\":1}]}]",
         ",\"a\":[{\"id\":1,\"x\":[{\"id\":\"q\"},{\"id\":\"p\",\"v\":null}]}]",
         ",\"a\":[{\"id\":1,\"x\":[{\"id\":\"p\"},{\"id\":\"q\"}]}]"},
        {",\"a\":[{\"id\":1}]", ",\"a\":[]", ",\"a\":[{\"id\":1}]"},
        {",\"a\":[{\"x\":1}]", ",\"a\":[{\"x\":2}]", ",\"a\":[{\"x\":2}]"},
        {",\"a\":[{\"id\":1}]", ",\"a\":[{\"id\":2},{\"x\":null}]",
         ",\"a\":[{\"id\":2},{\"x\":null}]"},
        {",\"i\":{\"additionalClassifications\":[{\"id\":\"1\"}]}",
         ",\"i\":{\"additionalClassifications\":[{\"id\":\"2\"}]}",
         ",\"i\":{\"additionalClassifications\":[{\"id\":\"2\"}]}"},
        {",\"i\":{\"additionalIdentifiers\":[{\"id\":\"1\"}]}",
         ",\"i\":{\"additionalIdentifiers\":[]}", ",\"i\":{\"additionalIdentifiers\":[]}"},
        {",\"n\":1.10,\"t\":\"\\u0007\"", "", ",\"n\":1.10,\"t\":\"\\u0007\""},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct step s = {.kept = NULL};
        char first[512], second[512], whole[512];
        (void)snprintf(first, sizeof first, R("1", "%s"), cases[i].first);
        (void)snprintf(second, sizeof second, R("2", "%s"), cases[i].second);
        (void)snprintf(whole, sizeof whole, WHOLE("2", "%s"), cases[i].whole);
        assert_int_equal(take(&s, first), PROCESS_TAKEN);
        assert_string_equal(s.whole, "");
        assert_int_equal(take(&s, second), PROCESS_TAKEN);
        assert_string_equal(s.whole, whole);
        step_free(&s);
    }
}

static const char *const story[] = {
    R("1", ",\"a\":1,\"c\":[{\"id\":1,\"v\":1}]"),
    R("2", ",\"a\":null,\"c\":[{\"id\":2,\"v\":2}]"),
    R("3", ",\"b\":3,\"c\":[{\"id\":1,\"v\":3}]"),
};
#define STORY_END WHOLE("3", ",\"c\":[{\"id\":1,\"v\":3},{\"id\":2,\"v\":2}],\"b\":3")

static void the_end_is_the_same_whatever_order_releases_come_in(void **state)
{
    static const unsigned orders[][5] = {{0, 1, 2, 2, 2}, {0, 2, 1, 0, 2}, {1, 0, 2, 1, 1},
                                         {1, 2, 0, 2, 1}, {2, 0, 1, 0, 0}, {2, 1, 0, 0, 1}};
    (void)state;
    for (size_t i = 0; i < sizeof orders / sizeof orders[0]; i++) {
        struct step s = {.kept = NULL};
        for (size_t k = 0; k < 5; k++)
            assert_int_equal(take(&s, story[orders[i][k]]), PROCESS_TAKEN);
        assert_string_equal(s.whole, STORY_END);
        step_free(&s);
    }
}

static void of_one_date_the_one_that_came_later_counts_and_zones_are_minded(void **state)
{
    static const char same[] =
        "{" OCID ",\"id\":\"s\",\"date\":\"2026-01-01T01:00:00+01:00\",\"a\":2}",
                      before[] =
                          "{" OCID ",\"id\":\"b\",\"date\":\"2026-01-01T00:30:00+01:00\",\"a\":3}";
    struct step s = {.kept = NULL};
    (void)state;
    assert_int_equal(take(&s, R("1", ",\"a\":1")), PROCESS_TAKEN);
    assert_int_equal(take(&s, same), PROCESS_TAKEN);
    assert_non_null(strstr(s.whole, "\"a\":2"));
    assert_int_equal(take(&s, before), PROCESS_TAKEN);
    assert_non_null(strstr(s.whole, "\"a\":2"));
    step_free(&s);
}

static void a_release_said_again_takes_the_place_of_the_one_before(void **state)
{
    struct step s = {.kept = NULL};
    (void)state;
    assert_int_equal(take(&s, R("1", ",\"a\":1")), PROCESS_TAKEN);
    assert_int_equal(take(&s, R("1", ",\"b\":2")), PROCESS_TAKEN);
    assert_string_equal(s.whole, ""); /* it is all there is */
    assert_int_equal(take(&s, R("2", "")), PROCESS_TAKEN);
    assert_string_equal(s.whole, WHOLE("2", ",\"b\":2"));
    step_free(&s);
}

static void a_publishers_compiled_release_is_the_state_of_all_before_it(void **state)
{
    static const char compiled[] =
        "{" OCID ",\"id\":\"k\"" DAY("2") ",\"tag\":[\"compiled\"],\"b\":2}";
    struct step s = {.kept = NULL};
    (void)state;
    assert_int_equal(take(&s, R("1", ",\"a\":1")), PROCESS_TAKEN);
    assert_int_equal(take(&s, compiled), PROCESS_TAKEN);
    assert_string_equal(s.whole, ""); /* as it came */
    assert_null(strstr(s.kept, "\"r1\""));
    assert_int_equal(take(&s, R("1", ",\"a\":1")), PROCESS_TAKEN); /* late: it stands in it */
    assert_string_equal(s.whole, WHOLE("2", ",\"b\":2"));
    assert_int_equal(take(&s, R("3", ",\"c\":3")), PROCESS_TAKEN);
    assert_string_equal(s.whole, WHOLE("3", ",\"b\":2,\"c\":3"));
    step_free(&s);
}

/* A release of about `size` bytes, of the n-th second. */
static char *large(unsigned n, size_t size)
{
    char *text = malloc(size + 256), *p = text;
    assert_non_null(text);
    p += sprintf(
        p, "{" OCID ",\"id\":\"l%u\",\"date\":\"2026-02-01T00:%02u:%02uZ\",\"m%u\":%u,\"t\":\"", n,
        n / 60, n % 60, n, n);
    memset(p, 'x', size);
    (void)strcpy(p + size, "\"}");
    return text;
}

static void a_long_story_is_kept_short_and_what_comes_too_late_is_refused(void **state)
{
    struct step s = {.kept = NULL};
    char member[32];
    (void)state;
    for (unsigned n = 0; n < 40; n++) {
        char *text = large(n, 1u << 20);
        assert_int_equal(take(&s, text), PROCESS_TAKEN);
        assert_true(s.len < ((size_t)5 << 20) + 4096);
        free(text);
    }
    for (unsigned n = 0; n < 40; n++) { /* nothing of it is gone */
        (void)snprintf(member, sizeof member, "\"m%u\":%u", n, n);
        assert_non_null(strstr(s.whole, member));
    }
    char *early = large(0, 16), *late = large(39, 16);
    assert_int_equal(take(&s, early), PROCESS_REFUSED);
    assert_non_null(strstr(s.why, "cannot be put in its place"));
    assert_int_equal(take(&s, late), PROCESS_TAKEN); /* that one still stands by itself */
    free(late);
    free(early);
    step_free(&s);
}

static void what_cannot_be_kept_is_refused_with_its_reason(void **state)
{
    static const struct {
        unsigned ones; /* values */
        size_t size;
        const char *why;
    } cases[] = {
        {0, (size_t)9 << 20, "more than can be kept"},
        {600000, 0, "more values than can be looked at"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct step s = {.kept = NULL};
        enum process_verdict v = PROCESS_TAKEN;
        for (unsigned n = 1; n < 4 && v == PROCESS_TAKEN; n++) {
            char *text = large(n, cases[i].size + 2 * (size_t)cases[i].ones + 10), *p;
            if (cases[i].ones > 0) {
                p = strstr(text, ",\"t\":") + sprintf(strstr(text, ",\"t\":"), ",\"t\":[0");
                for (unsigned k = 0; k < cases[i].ones; k++)
                    p += sprintf(p, ",1");
                (void)strcpy(p, "]}");
            }
            v = take(&s, text);
            assert_true(n > 1 || v == PROCESS_TAKEN);
            free(text);
        }
        assert_int_equal(v, PROCESS_REFUSED);
        if (strstr(s.why, cases[i].why) == NULL)
            fail_msg("%zu: %s", i, s.why);
        step_free(&s);
    }
}

/* As many members, and items, as a body can hold: put together in a moment, not in their square. */
static void a_great_many_members_and_items_are_put_together(void **state)
{
    static char text[2][4u << 20];
    struct step s = {.kept = NULL};
    (void)state;
    for (int k = 0; k < 2; k++) {
        char *p = text[k];
        p += sprintf(p, "{" OCID ",\"id\":\"g%d\",\"date\":\"2026-03-0%dT00:00:00Z\",\"l\":[", k,
                     k + 1);
        for (unsigned i = 0; i < 50000; i++)
            p += sprintf(p, "%s{\"id\":%u}", i > 0 ? "," : "", i * 2 + (unsigned)k);
        p += sprintf(p, "]");
        for (unsigned i = 0; i < 100000; i++)
            p += sprintf(p, ",\"m%u\":%d", i, k);
        (void)strcpy(p, "}");
        assert_int_equal(take(&s, text[k]), PROCESS_TAKEN);
    }
    assert_non_null(strstr(s.whole, "{\"id\":99998},{\"id\":1},{\"id\":3}"));
    assert_non_null(strstr(s.whole, "\"m99999\":1"));
    step_free(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_rule_of_merging_gives_what_the_standard_says),
        cmocka_unit_test(the_end_is_the_same_whatever_order_releases_come_in),
        cmocka_unit_test(of_one_date_the_one_that_came_later_counts_and_zones_are_minded),
        cmocka_unit_test(a_release_said_again_takes_the_place_of_the_one_before),
        cmocka_unit_test(a_publishers_compiled_release_is_the_state_of_all_before_it),
        cmocka_unit_test(a_long_story_is_kept_short_and_what_comes_too_late_is_refused),
        cmocka_unit_test(what_cannot_be_kept_is_refused_with_its_reason),
        cmocka_unit_test(a_great_many_members_and_items_are_put_together),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
