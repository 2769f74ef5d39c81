/* SPDX-License-Identifier: Apache-2.0 */
/* What a sender is told: always JSON, never what may be personal, counts that are complete when
 * texts are cut. */
#include "worker/answers.h"
#include "base/tree.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

static struct tree *parsed(const struct answer *a)
{
    struct buf b = BUF_INIT(4u << 20);
    struct tree *t = NULL;
    struct err e;
    assert_int_equal(answer_json(a, &b), 0);
    assert_true(b.len < (2u << 20));
    if (tree_from_json(b.p, b.len, &t, &e) < 0)
        fail_msg("%s: %.300s", e.text, b.p);
    buf_done(&b);
    return t;
}

static void accepted(void **state)
{
    (void)state;
    struct issues *s = issues_new();
    struct answer a = {.status = 202,
                       .receipt = "ab",
                       .accepted = 3,
                       .fresh = 2,
                       .unchanged = 1,
                       .ids = "\"x\",\"y\"",
                       .issues = s};
    struct tree *t = parsed(&a);
    assert_string_equal(tree_gets(t, "receipt", ""), "ab");
    assert_int_equal(tree_getu(t, "accepted", 0), 3);
    assert_int_equal(tree_getu(t, "new", 0), 2);
    assert_int_equal(tree_getu(t, "changed", 9), 0);
    assert_int_equal(tree_getu(t, "unchanged", 9), 1);
    assert_int_equal(tree_get(t, "messages")->n, 2);
    assert_null(tree_get(t, "issues"));
    tree_free(t);
    issues_free(s);
}

static void refused_with_hostile_texts(void **state)
{
    (void)state;
    struct issues *s = issues_new();
    for (int i = 0; i < 3000; i++)
        issues_say(s, i % 3 ? REEVE_ISSUE_ERROR : REEVE_ISSUE_WARNING,
                   i % 2 ? "date-format" : "missing", "/a/\"0\"", "id\n\x1b[31m",
                   "\xff\xfe bad\"\\", "text %d", i);
    struct answer a = {.status = 422,
                       .receipt = "ab",
                       .accepted = 3,
                       .refused = 7,
                       .ids = "",
                       .issues = s,
                       .standard = "x"};
    struct tree *t = parsed(&a);
    assert_int_equal(tree_getu(t, "status", 0), 422);
    assert_int_equal(tree_getu(t, "accepted", 9), 0);
    assert_int_equal(tree_getu(t, "refused", 0), 7);
    assert_int_equal(tree_get(t, "issues")->n, ISSUES_KEPT);
    assert_int_equal(tree_getu(t, "errors", 0), 2000);
    assert_int_equal(tree_getu(t, "warnings", 0), 1000);
    const struct tree *totals = tree_get(t, "totals");
    assert_int_equal(totals->n, 2);
    assert_int_equal(
        tree_getu(totals->child[0], "count", 0) + tree_getu(totals->child[1], "count", 0), 3000);
    tree_free(t);
    issues_free(s);
}

static void what_may_be_personal_is_not_shown(void **state)
{
    (void)state;
    struct issues *s = issues_new();
    issues_add(s, &(struct reeve_issue){.size = sizeof(struct reeve_issue),
                                        .severity = REEVE_ISSUE_ERROR,
                                        .flags = REEVE_ISSUE_PERSONAL,
                                        .code = "c",
                                        .found = "Jane Doe"});
    s->personal = true;
    issues_say(s, REEVE_ISSUE_ERROR, "c", NULL, NULL, "John Doe", "text");
    struct buf b = BUF_INIT(1u << 20);
    assert_int_equal(issues_list(s, ISSUES_KEPT, &b), 0);
    assert_null(strstr(b.p, "Doe"));
    assert_int_equal(issue_line(&s->kept[0], "f", &b), 0);
    assert_null(strstr(b.p, "Doe"));
    buf_done(&b);
    issues_free(s);
}

static void texts_too_long_for_an_answer_are_cut_the_counts_are_not(void **state)
{
    (void)state;
    struct issues *s = issues_new();
    char text[900], long_text[4000];
    memset(text, '\x01', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    memset(long_text, '"', sizeof(long_text) - 1);
    long_text[sizeof(long_text) - 1] = '\0';
    for (int i = 0; i < 1500; i++)
        issues_add(s, &(struct reeve_issue){.size = sizeof(struct reeve_issue),
                                            .severity = REEVE_ISSUE_ERROR,
                                            .code = "c",
                                            .where = long_text,
                                            .subject = long_text,
                                            .found = long_text,
                                            .wanted = long_text,
                                            .text = long_text});
    struct answer a = {
        .status = 422, .receipt = "ab", .refused = 1500, .ids = "", .issues = s, .standard = "x"};
    struct tree *t = parsed(&a);
    assert_true(tree_get(t, "issues")->n < ISSUES_KEPT && tree_get(t, "issues")->n > 100);
    assert_int_equal(tree_getu(t, "errors", 0), 1500);
    tree_free(t);
    issues_free(s);
}

static void many_codes_are_counted_as_other(void **state)
{
    (void)state;
    struct issues *s = issues_new();
    char code[32];
    for (int i = 0; i < 1000; i++) {
        (void)snprintf(code, sizeof(code), "code-%d", i);
        issues_say(s, REEVE_ISSUE_WARNING, code, NULL, NULL, NULL, "x");
    }
    uint64_t sum = 0;
    for (size_t i = 0; i < s->total_n; i++)
        sum += s->total[i].n;
    assert_int_equal(sum, 1000);
    assert_int_equal(s->total_n, ISSUES_CODES + 1);
    assert_string_equal(s->total[ISSUES_CODES].code, "other");
    issues_free(s);
}

static void unreadable_says_what_it_looks_like(void **state)
{
    (void)state;
    struct answer a = {.status = 400,
                       .receipt = "ab",
                       .standard = "360giving",
                       .looks_like = "a zip archive",
                       .ids = ""};
    struct tree *t = parsed(&a);
    assert_non_null(strstr(tree_gets(t, "detail", ""), "a zip archive"));
    assert_non_null(strstr(tree_gets(t, "detail", ""), "360giving"));
    tree_free(t);
    struct buf b = BUF_INIT(1u << 16);
    assert_int_equal(answer_problem(503, "transport", "say \"this\"", &b), 0);
    struct err e;
    assert_int_equal(tree_from_json(b.p, b.len, &t, &e), 0);
    tree_free(t);
    buf_done(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(accepted),
        cmocka_unit_test(refused_with_hostile_texts),
        cmocka_unit_test(what_may_be_personal_is_not_shown),
        cmocka_unit_test(texts_too_long_for_an_answer_are_cut_the_counts_are_not),
        cmocka_unit_test(many_codes_are_counted_as_other),
        cmocka_unit_test(unreadable_says_what_it_looks_like)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
