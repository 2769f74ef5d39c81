/* SPDX-License-Identifier: Apache-2.0 */
/* The log's settings, its JSON lines and its limit. Text lines and threads: test_basics.c. */
#include "base/log.h"
#include "base/log_limit.h"
#include "base/log_line.h"
#include "base/tree.h"
#include "base/util.h"
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
/* cmocka needs the headers above */
#include <cmocka.h>

static void settings_are_words_of_a_closed_list(void **state)
{
    (void)state;
    static const struct {
        const char *set, *after; /* NULL: refused */
    } cases[] = {
        {"json", "json,info"},
        {"debug", "json,debug"},
        {"text,error", "text,error"},
        {"warning,json", "json,warning"},
        {"", NULL},
        {"json,", NULL},
        {",json", NULL},
        {"json,text", NULL},
        {"info,debug", NULL},
        {"JSON", NULL},
        {"json,debug,x", NULL},
        {"json debug", NULL},
        {"text,info", "text,info"},
    };
    char now[LOG_SETTINGS_MAX], before[LOG_SETTINGS_MAX];
    assert_int_equal(log_set("text,info"), 0);
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        log_get(before);
        assert_int_equal(log_set(cases[i].set), cases[i].after ? 0 : -EINVAL);
        log_get(now);
        assert_string_equal(now, cases[i].after ? cases[i].after : before);
    }
}

static void read_back(const char *line, struct tree **ret)
{
    struct err e;
    size_t len = strlen(line);
    assert_true(len <= LOG_LINE_MAX && len > 2);
    assert_ptr_equal(strchr(line, '\n'), line + len - 1);
    if (tree_from_json(line, len - 1, ret, &e) < 0)
        fail_msg("%s: %s", e.text, line);
}

static void a_json_record_holds_what_was_said(void **state)
{
    (void)state;
    char line[LOG_LINE_MAX + 1];
    struct log_record r = {.wall_ms = 1768469400123,
                           .level = "info",
                           .process = "grants.receive",
                           .code = "a-code",
                           .id = "id \"quoted\" \\",
                           .text = "two\nlines\x1b[31m, tab\t, \xc3\xa9 and \xff\x7f"};
    struct tree *t = NULL;
    log_line_json(line, &r);
    read_back(line, &t);
    assert_string_equal(tree_gets(t, "time", ""), "2026-01-15T09:30:00.123Z");
    assert_string_equal(tree_gets(t, "level", ""), "info");
    assert_string_equal(tree_gets(t, "process", ""), "grants.receive");
    assert_string_equal(tree_gets(t, "code", ""), "a-code");
    assert_string_equal(tree_gets(t, "id", ""), r.id);
    assert_string_equal(tree_gets(t, "text", ""),
                        "two\nlines\x1b[31m, tab\t, \xc3\xa9 and \xef\xbf\xbd\x7f");
    tree_free(t);
    for (const char *p = line; *p != '\n'; p++) /* a terminal takes no harm either */
        assert_true((unsigned char)*p >= 0x20 && *p != 0x7f);
    r.id = NULL;
    log_line_json(line, &r);
    assert_null(strstr(line, "\"id\""));
}

/* Whatever is too long, and wherever the cut falls: the line is whole JSON. */
static void a_long_json_record_is_cut_and_stays_json(void **state)
{
    (void)state;
    static const char *const fills[] = {"z", "\n", "\xf0\x9f\x98\x80", "\"", "\xff"};
    static char big[4 * 3000 + 1];
    char line[LOG_LINE_MAX + 1];
    for (size_t k = 0; k < ARRAY_SIZE(fills); k++) {
        for (size_t n = 0; n < 2100; n++) {
            size_t len = strlen(fills[k]);
            for (size_t i = 0; i < n; i++)
                memcpy(big + i * len, fills[k], len);
            big[n * len] = '\0';
            struct log_record all[] = {{1, "info", "p", "c", NULL, big},
                                       {1, "info", "p", "c", big, "text"},
                                       {1, "info", big, "c", "id", "text"},
                                       {1, "info", "p", big, "id", big}};
            for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
                if (n % 97 && n < 1900) /* all of them near the ends, some of the others */
                    continue;
                struct tree *t = NULL;
                log_line_json(line, &all[i]);
                read_back(line, &t);
                tree_free(t);
                log_line_text(line, &all[i]);
                assert_ptr_equal(strchr(line, '\n'), line + strlen(line) - 1);
                assert_true(strlen(line) <= LOG_LINE_MAX);
                assert_true(utf8_valid(line, strlen(line)));
            }
        }
    }
}

static void one_code_cannot_flood_and_what_was_left_out_is_told(void **state)
{
    (void)state;
    static struct log_limits l;
    char code[LOG_LIMIT_CODE];
    uint32_t n;
    unsigned passed = 0;
    for (unsigned i = 0; i < 1000; i++) {
        passed += log_limit_pass(&l, "refused", 5000 + i, &n);
        assert_int_equal(n, 0);
    }
    assert_int_equal(passed, LOG_LIMIT);
    assert_true(log_limit_pass(&l, "other", 6000, &n)); /* its neighbours are not touched */
    assert_false(log_limit_over(&l, 6000, false, code, &n));
    assert_true(log_limit_pass(&l, "refused", 5000 + LOG_LIMIT_MS, &n));
    assert_int_equal(n, 1000 - LOG_LIMIT);
    assert_true(log_limit_pass(&l, "refused", 5001 + LOG_LIMIT_MS, &n));
    assert_int_equal(n, 0);
    for (unsigned i = 0; i < 1000; i++)
        (void)log_limit_pass(&l, "refused", 20000, &n);
    assert_true(
        log_limit_over(&l, 20000 + LOG_LIMIT_MS, false, code, &n)); /* nobody logs it again */
    assert_string_equal(code, "refused");
    assert_int_equal(n, 1002 - LOG_LIMIT);
    assert_false(log_limit_over(&l, 20000 + LOG_LIMIT_MS, true, code, &n));
}

/* Nothing is lost without a count when there are more codes than places; codes may be long. */
static void many_codes_share_the_places(void **state)
{
    (void)state;
    static struct log_limits l;
    uint64_t passed = 0, told = 0;
    char code[100], out[LOG_LIMIT_CODE];
    uint32_t n;
    for (unsigned i = 0; i < 50000; i++) {
        (void)snprintf(code, sizeof code, "code-%u-%s", i % 500,
                       i % 3 ? "" : "with-a-tail-that-is-cut-off");
        passed += log_limit_pass(&l, code, 1000 + i, &n);
        told += n;
    }
    while (log_limit_over(&l, 0, true, out, &n)) {
        told += n;
        assert_true(strlen(out) > 0);
    }
    assert_true(passed + told == 50000);
    assert_true(passed >= LOG_LIMIT && passed < 50000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(settings_are_words_of_a_closed_list),
        cmocka_unit_test(a_json_record_holds_what_was_said),
        cmocka_unit_test(a_long_json_record_is_cut_and_stays_json),
        cmocka_unit_test(one_code_cannot_flood_and_what_was_left_out_is_told),
        cmocka_unit_test(many_codes_share_the_places),
    };
    return cmocka_run_group_tests_name("log", tests, NULL, NULL);
}
