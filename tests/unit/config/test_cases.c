/* SPDX-License-Identifier: Apache-2.0 */
/* Cases: what `reeve test` is given to run; a misspelt expectation is never a case that passes. */
#include "place.h"

static void cases_are_read_from_beside_the_configuration(void **state)
{
    (void)state;
    struct diagnostics d = {0};
    struct tree *list = NULL;
    struct buf b = BUF_INIT(1u << 20);
    char cwd[4096], want[14000];
    place_write(
        "c/cases/a.yaml",
        "- name: one\n  file: data/x.json\n  from: s\n  expect: {destinations: [t, d, t], "
        "accepted: 2}\n"
        "- {file: data/x.json, from: s, content_type: text/csv, expect: {destinations: {d: 3}}}\n",
        0644);
    place_write("c/cases/b.yml",
                "file: data/x.json\nfrom: s\nexpect: {destinations: [], unrouted: 1, refused: 0}\n",
                0644);
    place_write("c/cases/data/x.json", "{}", 0644);
    assert_int_equal(config_cases("c", NULL, NULL, &d, &list), 0);
    assert_int_equal(d.n, 0);
    assert_int_equal(tree_to_json(list, &b, false), 0);
    assert_non_null(getcwd(cwd, sizeof(cwd)));
    (void)snprintf(
        want, sizeof(want),
        "[{\"name\":\"one\",\"place\":\"c/cases/a.yaml:1:3\",\"file\":\"%s/c/cases/data/"
        "x.json\",\"from\":\"s\","
        "\"expect\":{\"destinations\":[\"d\",\"t\"],\"accepted\":2}},"
        "{\"name\":\"a.yaml\",\"place\":\"c/cases/a.yaml:5:3\",\"file\":\"%s/c/cases/data/"
        "x.json\",\"from\":\"s\","
        "\"content_type\":\"text/csv\",\"expect\":{\"destinations\":[\"d\"],\"counts\":{\"d\":3}}},"
        "{\"name\":\"b.yml\",\"place\":\"c/cases/b.yml:1:1\",\"file\":\"%s/c/cases/data/"
        "x.json\",\"from\":\"s\","
        "\"expect\":{\"destinations\":[],\"refused\":0,\"unrouted\":1}}]",
        cwd, cwd, cwd);
    assert_string_equal(buf_str(&b), want);
    buf_done(&b);
    tree_free(list);
    list = NULL;
    assert_int_equal(config_cases("c", "c/cases/b.yml", NULL, &d, &list), 0);
    assert_int_equal(list->n, 1);
    tree_free(list);
    list = NULL;
    place_write("f/hub.yaml", "", 0644);
    assert_int_equal(config_cases("f/hub.yaml", NULL, NULL, &d, &list), -ENOENT);
    assert_int_equal(config_cases("f", NULL, NULL, &d, &list), -ENOENT);
    assert_int_equal(d.n, 0);
}

static void faults_in_cases_are_errors_at_their_place(void **state)
{
    (void)state;
    static const struct {
        const char *yaml, *findings;
    } rows[] = {
        {"file: data/x.json\nfrom: s\nexpct: {}\n",
         "f/t.yaml:1:1 error missing-key\nf/t.yaml:3:1 error unknown-key\n"},
        {"file: data/x.json\nfrom: s\nexpect: {destination: [d]}\n",
         "f/t.yaml:3:10 error unknown-key\n"},
        {"file: data/x.json\nfrom: s\nexpect: {}\n", "f/t.yaml:3:9 error missing-key\n"},
        {"file: data/none\nfrom: s\nexpect: {accepted: 1}\n", "f/t.yaml:1:7 error case-file\n"},
        {"file: data/x.json\nfrom: x\nexpect: {destinations: [d, e]}\n",
         "f/t.yaml:2:7 error unknown-connector\nf/t.yaml:3:28 error unknown-destination\n"},
        {"file: data/x.json\nfrom: s\nexpect: {destinations: {d: none}}\n",
         "f/t.yaml:3:28 error bad-value\n"},
        {"- a\n", "f/t.yaml:1:3 error wrong-kind\n"},
        {"", "f/t.yaml:1:1 error missing-key\n"},
        {"a: [\n", "f/t.yaml:2:1 error yaml-syntax\n"},
    };
    static const char plan_json[] = "{\"destinations\":[\"d\"],\"processes\":[{\"kind\":\"source\","
                                    "\"part\":{\"connector\":\"s\"}}]}";
    struct tree *plan = NULL;
    struct err e;
    assert_int_equal(tree_from_json(plan_json, strlen(plan_json), &plan, &e), 0);
    place_write("f/data/x.json", "{}", 0644);
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct diagnostics d = {0};
        struct tree *list = NULL;
        place_write("f/t.yaml", rows[i].yaml, 0644);
        assert_int_equal(config_cases("f", "f/t.yaml", plan, &d, &list), -EINVAL);
        assert_null(list);
        char *got = place_findings(&d);
        assert_string_equal(got, rows[i].findings);
        free(got);
        diagnostics_done(&d);
    }
    tree_free(plan);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cases_are_read_from_beside_the_configuration),
        cmocka_unit_test(faults_in_cases_are_errors_at_their_place),
    };
    return cmocka_run_group_tests(tests, place_setup, place_teardown);
}
