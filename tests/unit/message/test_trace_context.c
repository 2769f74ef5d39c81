/* SPDX-License-Identifier: Apache-2.0 */
/* W3C Trace Context as tables: what is valid, what it becomes, and what happens to a message. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/util.h"
#include "message/trace_context.h"
#include <stdio.h>
#include <string.h>

#define T "0af7651916cd43dd8448eb211c80319c"
#define P "b7ad6b7169203331"

static void traceparents(void **state)
{
    (void)state;
    static const struct {
        const char *text, *becomes; /* NULL: not valid */
    } cases[] = {
        {"00-" T "-" P "-01", "00-" T "-" P "-01"},
        {"00-" T "-" P "-00", "00-" T "-" P "-00"},
        {"00-" T "-" P "-03", "00-" T "-" P "-03"},
        {"00-" T "-" P "-ff", "00-" T "-" P "-03"}, /* what is not defined is not passed on */
        {"01-" T "-" P "-05", "00-" T "-" P "-01"},
        {"cc-" T "-" P "-01-what-the-future-will-bring", "00-" T "-" P "-01"},
        {"cc-" T "-" P "-01.what-the-future-will-bring", NULL},
        {"00-" T "-" P "-01-extra", NULL},
        {"00-" T "-" P "-01 ", NULL},
        {"ff-" T "-" P "-01", NULL},
        {"00-" T "-" P "-0", NULL},
        {"00-" T "-" P, NULL},
        {"00-00000000000000000000000000000000-" P "-01", NULL},
        {"00-" T "-0000000000000000-01", NULL},
        {"00-0AF7651916CD43DD8448EB211C80319C-" P "-01", NULL},
        {"00-" T "-B7AD6B7169203331-01", NULL},
        {"0X-" T "-" P "-01", NULL},
        {"00-" T "-" P "-0g", NULL},
        {"00_" T "-" P "-01", NULL},
        {"00-" T "_" P "-01", NULL},
        {"00-" T "-" P "_01", NULL},
        {"", NULL},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        char got[TRACEPARENT_LEN] = "untouched";
        bool ok = traceparent_read(cases[i].text, strlen(cases[i].text), got);
        if (ok != (cases[i].becomes != NULL) ||
            strcmp(got, cases[i].becomes ? cases[i].becomes : "untouched") != 0)
            fail_msg("%s: %s", cases[i].text, got);
    }
}

static void tracestates(void **state)
{
    (void)state;
    char key256[257], key257[258], value256[257], value257[258], text[2000],
        got[TRACESTATE_MAX + 1];
    memset(key256, 'k', 256), key256[256] = '\0';
    memset(key257, 'k', 257), key257[257] = '\0';
    memset(value256, 'v', 256), value256[256] = '\0';
    memset(value257, 'v', 257), value257[257] = '\0';
    const struct {
        const char *text, *becomes;
    } cases[] = {
        {"", ""},
        {"foo=1", "foo=1"},
        {"foo=1,bar=2", "foo=1,bar=2"},
        {"foo=1 \t , \t bar=2, baz=3", "foo=1,bar=2,baz=3"},
        {",foo=1,,, ,bar=2,", "foo=1,bar=2"},
        {"t61@rp=x,1a-_*/=!~", "t61@rp=x,1a-_*/=!~"},
        {"foo= lead", "foo= lead"},
        {"foo=1,foo=1", NULL},
        {"foo=1,foo=2", NULL},
        {"foo", NULL},
        {"foo=", NULL},
        {"=1", NULL},
        {"foo =1", NULL},
        {"FOO=1", NULL},
        {"@foo=1", NULL},
        {"foo@=1@bar=2", NULL},
        {"foo=1;=2", NULL},
        {"foo=\x7f", NULL},
        {"foo=\xc3\xa9", NULL},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        bool ok = tracestate_read(cases[i].text, strlen(cases[i].text), got);
        if (ok != (cases[i].becomes != NULL) || (ok && strcmp(got, cases[i].becomes) != 0))
            fail_msg("\"%s\": %s", cases[i].text, ok ? got : "not valid");
    }
    (void)snprintf(text, sizeof text, "%s=1", key256);
    assert_true(tracestate_read(text, strlen(text), got));
    (void)snprintf(text, sizeof text, "%s=1", key257);
    assert_false(tracestate_read(text, strlen(text), got));
    (void)snprintf(text, sizeof text, "a=%s", value256);
    assert_true(tracestate_read(text, strlen(text), got));
    (void)snprintf(text, sizeof text, "a=%s", value257);
    assert_false(tracestate_read(text, strlen(text), got));
}

static void members(char *out, size_t cap, unsigned from, unsigned n, size_t value_len)
{
    size_t at = strlen(out);
    for (unsigned i = from; i < from + n; i++) {
        at += (size_t)snprintf(out + at, cap - at, "%sk%02u=", at ? "," : "", i);
        for (size_t k = 0; k < value_len; k++)
            out[at++] = 'v';
        out[at] = '\0';
    }
}

static void a_long_tracestate_loses_whole_members(void **state)
{
    (void)state;
    char text[8000] = "", got[TRACESTATE_MAX + 1];
    members(text, sizeof text, 0, 32, 1);
    assert_true(tracestate_read(text, strlen(text), got));
    assert_string_equal(got, text); /* 32 members, all of them */
    members(text, sizeof text, 32, 1, 1);
    assert_false(tracestate_read(text, strlen(text), got)); /* 33 */

    text[0] = '\0'; /* the long ones go first, the last of them before the others */
    members(text, sizeof text, 0, 1, 200);
    members(text, sizeof text, 1, 1, 50);
    members(text, sizeof text, 2, 1, 200);
    members(text, sizeof text, 3, 1, 60);
    members(text, sizeof text, 4, 1, 50);
    assert_true(tracestate_read(text, strlen(text), got));
    assert_true(strstr(got, "k00=") && strstr(got, "k01=") && !strstr(got, "k02=") &&
                strstr(got, "k03=") && strstr(got, "k04="));

    text[0] = '\0'; /* then from the end */
    members(text, sizeof text, 0, 8, 100);
    assert_true(tracestate_read(text, strlen(text), got));
    assert_true(strstr(got, "k03=") && !strstr(got, "k04=") && strlen(got) <= TRACESTATE_MAX);
}

static void made_ones_are_valid_and_new(void **state)
{
    (void)state;
    struct trace_context a, b;
    char next[TRACEPARENT_LEN], read[TRACEPARENT_LEN], id[TRACE_ID_LEN], next_id[TRACE_ID_LEN];
    for (int i = 0; i < 1000; i++) {
        trace_new(&a);
        trace_new(&b);
        assert_string_not_equal(a.parent, b.parent);
        assert_true(traceparent_read(a.parent, strlen(a.parent), read));
        assert_string_equal(read, a.parent);
        trace_next(&a, next);
        assert_true(traceparent_read(next, strlen(next), read));
        assert_string_not_equal(next, a.parent);
        trace_id_of(a.parent, id);
        trace_id_of(next, next_id);
        assert_string_equal(id, next_id);
        assert_int_equal(strlen(id), 32);
    }
}

static void a_message_keeps_a_good_one_and_gets_one_for_a_bad_one(void **state)
{
    (void)state;
    static const char good[] = "00-" T "-" P "-01", other[] = "00-" T "-" P "-00";
    static const struct {
        const char *parent, *trace_state, *wanted_parent, *wanted_state; /* NULL: absent */
        bool given;
    } cases[] = {
        {good, "a=1", good, "a=1", true},
        {good, "a=1", good, "a=1", false},
        {good, "A=1", good, NULL, true},
        {good, NULL, good, NULL, true}, /* not given's state: it belongs to given's parent */
        {"01-" T "-" P "-01-x", "a=1, b=2", good, "a=1,b=2", true},
        {"bad", "a=1", other, "g=1", true},
        {"bad", "a=1", NULL, NULL, false},
        {NULL, "a=1", other, "g=1", true},
        {NULL, NULL, NULL, NULL, false},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct message *m = message_new();
        struct err e;
        struct trace_context given;
        memcpy(given.parent, other, sizeof other);
        memcpy(given.state, "g=1", 4);
        if (cases[i].parent)
            assert_int_equal(message_sets(m, "traceparent", cases[i].parent, &e), 0);
        if (cases[i].trace_state)
            assert_int_equal(message_sets(m, "tracestate", cases[i].trace_state, &e), 0);
        assert_int_equal(trace_settle(m, cases[i].given ? &given : NULL, &e), 0);
        const char *parent = message_get(m, "traceparent"), *st = message_get(m, "tracestate");
        if (strcmp(parent ? parent : "-", cases[i].wanted_parent ? cases[i].wanted_parent : "-") ||
            strcmp(st ? st : "-", cases[i].wanted_state ? cases[i].wanted_state : "-"))
            fail_msg("case %zu: %s %s", i, parent, st);
        message_free(m);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(traceparents),
        cmocka_unit_test(tracestates),
        cmocka_unit_test(a_long_tracestate_loses_whole_members),
        cmocka_unit_test(made_ones_are_valid_and_new),
        cmocka_unit_test(a_message_keeps_a_good_one_and_gets_one_for_a_bad_one),
    };
    return cmocka_run_group_tests_name("trace_context", tests, NULL, NULL);
}
