/* SPDX-License-Identifier: Apache-2.0 */
/* The boundary scan: what it cuts, and that the size of the pieces it reads does not matter. */
#include "lib/json_cut.h"
#include "plugin/host.h"
#include <stdarg.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

/* Writes what was cut as one line: "m:key=value r0=value … end|broken line:column". */
static void cut(const char *text, size_t len, const char *wanted, size_t limit, char *out,
                size_t cap)
{
    reeve_reader r;
    struct json_cut c;
    size_t n = 0;
    out[0] = 0;
    host_reader_memory(&r, text, len);
    json_cut_init(&c, &r, wanted, limit);
    for (bool more = true; more && n < cap;) {
        switch (json_cut_next(&c)) {
        case JSON_CUT_MEMBER:
            n += (size_t)snprintf(out + n, cap - n, "m:%.*s=%.*s ", (int)c.key_len, c.key,
                                  (int)c.value_len, c.value);
            break;
        case JSON_CUT_ARRAY:
            n += (size_t)snprintf(out + n, cap - n, "array ");
            break;
        case JSON_CUT_RECORD:
            n += (size_t)snprintf(out + n, cap - n, "r%zu=%.*s ", c.index, (int)c.value_len,
                                  c.value);
            break;
        case JSON_CUT_TOO_BIG:
            n += (size_t)snprintf(out + n, cap - n, "big%zd ", (ssize_t)c.index);
            break;
        case JSON_CUT_END:
            n += (size_t)snprintf(out + n, cap - n, "end");
            more = false;
            break;
        default:
            n += (size_t)snprintf(out + n, cap - n, "broken %llu:%llu", (unsigned long long)c.line,
                                  (unsigned long long)c.column);
            more = false;
        }
    }
    json_cut_done(&c);
    host_reader_done(&r);
}

static void records_are_cut_whole(void **state)
{
    static const struct {
        const char *text, *wanted, *want;
    } cases[] = {
        {"{\"g\":[{\"a\":\"}]\\\"\"},[1,2],3,\"x\",true]}", "g",
         "array r0={\"a\":\"}]\\\"\"} r1=[1,2] r2=3 r3=\"x\" r4=true end"},
        {" { \"v\" : \"1\" , \"g\" : [ ] , \"n\":null } \n", "g", "m:v=\"1\" array m:n=null end"},
        {"{}", "g", "end"},
        {"{\"g\":5}", "g", "m:g=5 end"},
        {"{\"g\":[1],\"g\":[2]}", "g", "array r0=1 m:g=[2] end"},
        {"[{}, 7 ]", NULL, "r0={} r1=7 end"},
        {"[]", NULL, "end"},
        {"\xef\xbb\xbf[1]", NULL, "r0=1 end"},
        {"[\"\\\\\",\"\\\\\\\"\"]", NULL, "r0=\"\\\\\" r1=\"\\\\\\\"\" end"},
        {"[1,\n\n  ]", NULL, "r0=1 broken 3:3"},
        {"[1 2]", NULL, "r0=1 broken 1:4"},
        {"[1", NULL, "r0=1 broken 1:3"},
        {"[{", NULL, "broken 1:2"},
        {"[]]", NULL, "broken 1:3"},
        {"{\"g\":[1]", "g", "array r0=1 broken 1:9"},
        {"{\"g\"}", "g", "broken 1:5"},
        /* the same member, written with an escape: its records were once passed over in silence */
        {"{\"\\u0067\":[1]}", "g", "array r0=1 end"},
        {"{\"g\\u0000\":[1]}", "g", "m:g=[1] end"},
        {"{\"\\x\":1}", "g", "broken 1:2"},
        {"{\"\t\":1}", "g", "broken 1:2"},
        {"{\"\\ud800\":1}", "g", "broken 1:2"},
        {"{\"\xff\":1}", "g", "broken 1:2"},
        {"{g:1}", "g", "broken 1:2"},
        {"{\"a\":1,}", "g", "m:a=1 broken 1:8"},
        {"{\"a\":}", "g", "broken 1:6"},
        {"[,1]", NULL, "broken 1:2"},
        {"7", NULL, "broken 1:1"},
        {"", NULL, "broken 1:1"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char out[512];
        cut(cases[i].text, strlen(cases[i].text), cases[i].wanted, 1000, out, sizeof out);
        if (strcmp(out, cases[i].want) != 0)
            fail_msg("%s: %s, not %s", cases[i].text, out, cases[i].want);
    }
}

static void a_record_over_the_limit_is_passed_over_and_the_rest_comes(void **state)
{
    (void)state;
    size_t big = 3u << 20;
    char *text = malloc(big + 100), out[256];
    assert_non_null(text);
    size_t n = (size_t)sprintf(text, "{\"g\":[1,{\"x\":\"");
    memset(text + n, '\\', big); /* an even number of backslashes: the hardest string to end */
    n += big;
    n += (size_t)sprintf(text + n, "\"},3]}");
    cut(text, n, "g", 100000, out, sizeof out);
    assert_string_equal(out, "array r0=1 big1 r2=3 end");
    free(text);
}

/* Backslashes up to the end of what was read, and beyond it: every second one escapes. */
static void escapes_cross_the_read_buffer_unharmed(void **state)
{
    enum { BUFFER = 256 << 10 };
    char *text = malloc(BUFFER + 100), *out = malloc(BUFFER + 200), *want = malloc(BUFFER + 200);
    (void)state;
    assert_true(text != NULL && out != NULL && want != NULL);
    for (int n = BUFFER - 24; n < BUFFER + 8; n++) {
        char *run = text + sprintf(text, "[\"");
        memset(run, '\\', (size_t)n);
        (void)sprintf(run + n, "%s,7]", n % 2 == 0 ? "\"" : "\"]\"");
        (void)sprintf(want, "r0=%.*s r1=7 end", (int)strlen(text) - 4, text + 1);
        cut(text, strlen(text), NULL, BUFFER + 100, out, BUFFER + 200);
        if (strcmp(out, want) != 0)
            fail_msg("%d backslashes", n);
        (void)sprintf(want, "big0 r1=7 end");
        cut(text, strlen(text), NULL, 1000, out, BUFFER + 200);
        assert_string_equal(out, want);
    }
    free(want);
    free(out);
    free(text);
}

static void many_records_cross_the_read_buffer_unharmed(void **state)
{
    (void)state;
    char *text = malloc(6u << 20);
    assert_non_null(text);
    size_t n = 0;
    unsigned records = 40000;
    text[n++] = '[';
    for (unsigned i = 0; i < records; i++)
        n += (size_t)sprintf(text + n, "%s{\"id\":%u,\"t\":\"%.*s\\\"\"}", i > 0 ? ",\n" : "", i,
                             (int)(i % 97),
                             "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
                             "xxxxxxxxxxxxxxxxxxxxxxxxxxxxx");
    text[n++] = ']';
    reeve_reader r;
    struct json_cut c;
    host_reader_memory(&r, text, n);
    json_cut_init(&c, &r, NULL, 1000);
    for (unsigned i = 0; i < records; i++) {
        char want[32];
        assert_int_equal(json_cut_next(&c), JSON_CUT_RECORD);
        int len = snprintf(want, sizeof want, "{\"id\":%u,", i);
        assert_memory_equal(c.value, want, (size_t)len);
        assert_int_equal(c.value[c.value_len - 1], '}');
        assert_int_equal(c.line, i + 1);
    }
    assert_int_equal(json_cut_next(&c), JSON_CUT_END);
    json_cut_done(&c);
    host_reader_done(&r);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(records_are_cut_whole),
        cmocka_unit_test(a_record_over_the_limit_is_passed_over_and_the_rest_comes),
        cmocka_unit_test(escapes_cross_the_read_buffer_unharmed),
        cmocka_unit_test(many_records_cross_the_read_buffer_unharmed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
