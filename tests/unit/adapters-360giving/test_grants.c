/* SPDX-License-Identifier: Apache-2.0 */
/* What becomes of a 360Giving package: messages, refusals and issues. */
#include "lib/adapter_host.h"
#include <stdarg.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define ORG(id) "[{\"id\":\"" id "\",\"name\":\"An organisation\"}]"
/* a valid grant, to which members can be appended (a later member of the same name wins in the
 * checks) */
#define GRANT_BUT(more)                                                                    \
    "{\"id\":\"360G-ex-1\",\"title\":\"Warm "                                              \
    "rooms\",\"description\":\"Heating\",\"currency\":\"GBP\","                            \
    "\"amountAwarded\":1250.50,\"awardDate\":\"2026-01-15\",\"fundingOrganization\":" ORG( \
        "GB-LAE-EXA") ",\"recipientOrganization\":" ORG("GB-CHC-1112223") more "}"
#define PACKAGE(grants) "{\"grants\":[" grants "]}"

static reeve_rc decode(struct adapter_host *h, const char *text)
{
    return adapter_host_decode_text(h, text, "application/json");
}

static void a_valid_grant_becomes_one_award(void **state)
{
    struct adapter_host *h = *state;
    size_t len = 0;
    assert_int_equal(
        decode(h, " {\n \"grants\" : [ " GRANT_BUT(",\"beneficiaryLocation\":[{\"geoCode\":"
                                                   "\"E07000178\"}],"
                                                   "\"classifications\":[{\"code\":\"food\"}],"
                                                   "\"own\": 1.10") " ] , \"version\":\"1.4\"}\n"),
        REEVE_OK);
    assert_int_equal(h->messages_n, 1);
    assert_int_equal(h->refused, 0);
    assert_int_equal(h->issues_n, 0);
    const struct message *m = h->messages[0];
    static const char *const want[][2] = {
        {"type", "funding.award"}, {"subject", "360G-ex-1"},
        {"funder", "GB-LAE-EXA"},  {"recipient", "GB-CHC-1112223"},
        {"amount", "1250"},        {"exactamount", "1250.50"},
        {"currency", "GBP"},       {"category", "food"},
        {"place", "E07000178"},    {"datacontenttype", "application/json"}};
    for (size_t i = 0; i < sizeof want / sizeof want[0]; i++)
        assert_string_equal(message_get(m, want[i][0]), want[i][1]);
    const char *body = message_body(m, &len);
    assert_non_null(strstr(body, "\"own\":1.10")); /* unknown members and number text are kept */
}

static void every_fault_of_a_grant_is_reported_with_its_place(void **state)
{
    static const struct {
        const char *more, *code, *where;
        bool refused;
    } cases[] = {
        {",\"awardDate\":\"24/07/2014\"", "date-format", "/grants/0/awardDate", true},
        {",\"awardDate\":\"43194\"", "date-format", "/grants/0/awardDate", true},
        {",\"awardDate\":\"2026-02-31\"", "date-impossible", "/grants/0/awardDate", false},
        {",\"awardDate\":\"2026-02-31T00:00:00Z\"", "date-format", "/grants/0/awardDate", true},
        {",\"amountAwarded\":\"1,000\"", "not-a-number", "/grants/0/amountAwarded", true},
        {",\"amountAwarded\":null", "not-a-number", "/grants/0/amountAwarded", true},
        {",\"amountAwarded\":0", "amount-zero", "/grants/0/amountAwarded", false},
        {",\"amountAwarded\":-1", "amount-negative", "/grants/0/amountAwarded", false},
        {",\"amountAwarded\":41133.770000000004", "amount-noise", "/grants/0/amountAwarded", false},
        {",\"currency\":\"GPB\"", "currency-unknown", "/grants/0/currency", true},
        {",\"fromOpenCall\":\"Y\"", "yes-no", "/grants/0/fromOpenCall", true},
        {",\"dateModified\":\"2026-01-01\"", "date-time-format", "/grants/0/dateModified", true},
        {",\"url\":\"www.example.org\"", "uri-format", "/grants/0/url", true},
        {",\"dataSource\":null", NULL, NULL, false},
        {",\"title\":null", "not-a-string", "/grants/0/title", true},
        {",\"plannedDates\":[{\"duration\":-3}]", "negative", "/grants/0/plannedDates/0/duration",
         true},
        {",\"plannedDates\":[{\"startDate\":\"2026\",\"endDate\":\"2026-05\"}]", NULL, NULL, false},
        {",\"plannedDates\":[{\"startDate\":\"2026-02-01\",\"endDate\":\"2026-01-01\"}]",
         "date-order", "/grants/0/plannedDates/0/endDate", false},
        {",\"plannedDates\":[7]", "not-an-object", "/grants/0/plannedDates/0", true},
        {",\"fundingOrganization\":[]", "empty-array", "/grants/0/fundingOrganization", true},
        {",\"recipientOrganization\":[{\"name\":\"No id\"}]", "missing",
         "/grants/0/recipientOrganization/0/id", true},
        {",\"recipientIndividual\":{\"id\":\"a\",\"name\":\"b\"}", "recipient-both", "/grants/0",
         true},
        {",\"beneficiaryLocation\":[{\"countryCode\":null}]", "not-a-string",
         "/grants/0/beneficiaryLocation/0/countryCode", true},
        {",\"beneficiaryLocation\":[{\"latitude\":null,\"geoCode\":null}]", NULL, NULL, false},
        {",\"beneficiaryLocation\":[{},{\"geoCode\":\"ex12mp\"}]", "geocode-postcode",
         "/grants/0/beneficiaryLocation/1/geoCode", false},
        {",\"recipientOrganization\":[{\"id\":\"360G-x-1\",\"name\":\"n\",\"location\":[{"
         "\"geoCode\":\"EX1 2MP\"}]}]",
         "geocode-postcode", "/grants/0/recipientOrganization/0/location/0/geoCode", false},
        {",\"description\":\"\xc3\x82\xc2\xa3"
         "500\"",
         "mojibake", "/grants/0/description", false},
        {",\"description\":\"\xc3\x83\xe2\x80\xb0t\xc3\x83\xc2\xa9\"", "mojibake",
         "/grants/0/description", false},
        {",\"fundingOrganization\":[{\"id\":\"360G-x-1\",\"name\":\"Caf\xc3\x83\xc2\xa9\"}]",
         "mojibake", "/grants/0/fundingOrganization/0/name", false},
        {",\"beneficiaryLocation\":[{\"geoCode\":\"EX1 2MP\"}]", "geocode-postcode",
         "/grants/0/beneficiaryLocation/0/geoCode", false},
        {",\"commitmentTransaction\":[{\"valueDate\":null}]", "not-a-string",
         "/grants/0/commitmentTransaction/0/valueDate", true},
        {",\"regrantType\":\"FRG015\"", "codelist", "/grants/0/regrantType", false},
        {",\"locationScope\":\"GLS099\"", NULL, NULL, false},
        {",\"relatedActivity\":[\"a\",1]", "not-a-string", "/grants/0/relatedActivity/1", true},
        {",\"description\":\"write to jo@example.org\"", "email-in-text", "/grants/0/description",
         false},
        {",\"id\":\"a\\nb\"", "id-line-break", "/grants/0/id", false},
        {",\"recipientOrganization\":[{\"id\":\"GB-CHC-12\",\"name\":\"x\"}]", "org-id-charity",
         "/grants/0/recipientOrganization/0/id", false},
        {",\"recipientOrganization\":[{\"id\":\"GB-COH-123\",\"name\":\"x\"}]", "org-id-company",
         "/grants/0/recipientOrganization/0/id", false},
        {",\"a/b~c\":1", NULL, NULL, false},
    };
    struct adapter_host *h = *state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[4096];
        (void)snprintf(text, sizeof text, "{\"grants\":[%.*s%s}]}",
                       (int)(sizeof(GRANT_BUT("")) - 2), GRANT_BUT(""), cases[i].more);
        assert_int_equal(decode(h, text), REEVE_OK);
        if (h->refused != (cases[i].refused ? 1u : 0u) ||
            (cases[i].code == NULL) != (h->issues_n == 0))
            fail_msg("%s: refused %zu, issues %zu (%s)", cases[i].more, h->refused, h->issues_n,
                     h->issues_n ? h->issues[0].code : "");
        assert_int_equal(h->messages_n, cases[i].refused ? 0 : 1);
        if (cases[i].code == NULL)
            continue;
        const struct seen_issue *issue = adapter_host_issue(h, cases[i].code);
        if (issue == NULL)
            fail_msg("%s: no issue %s but %s", cases[i].more, cases[i].code, h->issues[0].code);
        assert_string_equal(issue->where, cases[i].where);
        assert_int_equal(issue->severity,
                         cases[i].refused ? REEVE_ISSUE_ERROR : REEVE_ISSUE_WARNING);
    }
}

static void all_issues_of_a_grant_are_reported_at_once(void **state)
{
    struct adapter_host *h = *state;
    assert_int_equal(decode(h, PACKAGE("{\"id\":\"360G-x\",\"title\":9001,\"currency\":\"bad\","
                                       "\"amountAwarded\":\"ten\"}")),
                     REEVE_OK);
    assert_int_equal(h->refused, 1);
    assert_int_equal(
        h->issues_n,
        7); /* 3 wrong values; description, awardDate, fundingOrganization, recipient missing */
    for (size_t i = 0; i < h->issues_n; i++)
        assert_string_equal(h->issues[i].subject, "360G-x");
}

static void package_rules(void **state)
{
    static const struct {
        const char *text, *code;
        uint32_t severity;
        size_t messages;
    } cases[] = {
        {"{}", "grants-missing", REEVE_ISSUE_PACKAGE, 0},
        {"{\"grants\":[]}", "grants-empty", REEVE_ISSUE_PACKAGE, 0},
        {"{\"grants\":{}}", "not-an-array", REEVE_ISSUE_PACKAGE, 0},
        {"{\"grants\":[1]}", "not-an-object", REEVE_ISSUE_ERROR, 0},
        {"{\"grants\":[" GRANT_BUT("") "],\"grants\":[" GRANT_BUT("") "]}", "duplicate-key",
         REEVE_ISSUE_PACKAGE, 1},
        {"{\"grants\":[" GRANT_BUT("") "],\"version\":\"x\"}", "version-format", REEVE_ISSUE_ERROR,
         1},
        {"{\"grants\":[" GRANT_BUT("") "],\"publisher\":{}}", "missing", REEVE_ISSUE_ERROR, 1},
        {"{\"grants\":[" GRANT_BUT("") "],\"license\":\"CC\"}", "package-metadata",
         REEVE_ISSUE_PACKAGE, 1},
        {"{\"extensions\":[\"a\",\"a\"],\"grants\":[" GRANT_BUT("") "]}", "duplicate-item",
         REEVE_ISSUE_ERROR, 1},
        {"{\"grants\":[" GRANT_BUT("") "," GRANT_BUT("") "]}", "duplicate-grant", REEVE_ISSUE_ERROR,
         1},
        {"{\"grants\":[" GRANT_BUT("") "," GRANT_BUT(",\"a\":1") "]}", "duplicate-id",
         REEVE_ISSUE_WARNING, 2},
        {"\xef\xbb\xbf{\"grants\":[" GRANT_BUT("") "]}", "bom", REEVE_ISSUE_WARNING, 1},
    };
    struct adapter_host *h = *state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(decode(h, cases[i].text), REEVE_OK);
        const struct seen_issue *issue = adapter_host_issue(h, cases[i].code);
        if (issue == NULL)
            fail_msg("%s: no issue %s", cases[i].text, cases[i].code);
        assert_int_equal(issue->severity, cases[i].severity);
        assert_int_equal(h->messages_n, cases[i].messages);
    }
}

static void equal_grants_are_equal_whatever_their_order_and_numbers(void **state)
{
    struct adapter_host *h = *state;
    assert_int_equal(decode(h, PACKAGE("{\"a\":1.0,\"b\":[{\"c\":10}]},{\"b\":[{\"c\":1e1}],\"a\":"
                                       "1},{\"a\":1,\"b\":[{\"c\":11}]}")),
                     REEVE_OK);
    size_t n = 0;
    for (size_t i = 0; i < h->issues_n; i++)
        n += strcmp(h->issues[i].code, "duplicate-grant") == 0 ? 1 : 0;
    assert_int_equal(n, 1);
}

static void what_is_not_a_package_is_unreadable_with_its_place(void **state)
{
    static const char *const texts[] = {"",
                                        "Colour,Taste\n1,2\n",
                                        "<grants/>",
                                        "[" GRANT_BUT("") "]",
                                        "{\"grants\":[" GRANT_BUT("") "]",
                                        "{\"grants\":[" GRANT_BUT("") "]} x",
                                        "{\"grants\":[" GRANT_BUT("") ",]}",
                                        "{\"grants\":[" GRANT_BUT(",\"x\":[1,]") "]}",
                                        "{\"grants\":[" GRANT_BUT(",\"x\":tru") "]}",
                                        "{\"grants\":[" GRANT_BUT(",\"x\":\"\xff\"") "]}",
                                        "{\"grants\":[" GRANT_BUT(",\"x\":\"\\ud800\"") "]}",
                                        "{\"grants\":[" GRANT_BUT(",\"x\":\"a\tb\"") "]}",
                                        "{\"grants\":[" GRANT_BUT(",\"x\":01") "]}",
                                        "{\"grants\" [" GRANT_BUT("") "]}",
                                        "{grants: []}"};
    struct adapter_host *h = *state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        assert_int_equal(decode(h, texts[i]), REEVE_REJECT);
        const struct seen_issue *issue = h->issues_n > 0 ? &h->issues[h->issues_n - 1] : NULL;
        if (issue == NULL || issue->severity != REEVE_ISSUE_UNREADABLE)
            fail_msg("%s: taken", texts[i]);
        assert_int_equal(strncmp(issue->where, "line ", 5), 0);
    }
}

static void a_grant_to_an_individual_shows_nobody(void **state)
{
    struct adapter_host *h = *state;
    static const char grant[] = "{\"id\":\"360G-ex-2\",\"title\":\"t\",\"description\":\"d\","
                                "\"currency\":\"GBP\",\"amountAwarded\":\"x\","
                                "\"awardDate\":\"2026-01-15\",\"fundingOrganization\":" ORG(
                                    "GB-LAE-EXA") ","
                                                  "\"recipientIndividual\":{\"id\":\"360G-ex-i1\","
                                                  "\"name\":\"Recipient 1\"},"
                                                  "\"beneficiaryLocation\":[{\"geoCode\":"
                                                  "\"E05000123\"},{\"geoCode\":\"E07000178\"}]";
    char text[2048];
    (void)snprintf(text, sizeof text, "{\"grants\":[%s}]}", grant);
    assert_int_equal(decode(h, text), REEVE_OK);
    assert_int_equal(h->issues[0].flags & REEVE_ISSUE_PERSONAL, REEVE_ISSUE_PERSONAL);
    (void)snprintf(text, sizeof text, "{\"grants\":[%s,\"amountAwarded\":5}]}", grant);
    assert_int_equal(decode(h, text), REEVE_OK);
    assert_int_equal(h->messages_n, 1);
    assert_string_equal(message_get(h->messages[0], "datacategory"), "personal");
    assert_null(message_get(h->messages[0], "recipient"));
    assert_string_equal(message_get(h->messages[0], "place"), "E07000178"); /* not the ward */
}

static void an_identifier_with_a_line_break_is_kept_escaped(void **state)
{
    struct adapter_host *h = *state;
    assert_int_equal(decode(h, PACKAGE(GRANT_BUT(",\"id\":\"a%\\nb\""))), REEVE_OK);
    assert_string_equal(message_get(h->messages[0], "subject"), "a%25%0Ab");
}

static void amounts_saturate_for_routing_only(void **state)
{
    static const struct {
        const char *number, *want;
    } cases[] = {{"99999999999999999999999", "2147483647"},
                 {"-1e30", "-2147483648"},
                 {"1.999", "1"},
                 {"2147483648", "2147483647"},
                 {"1e3", "1000"},
                 {"-0.5", "0"}};
    struct adapter_host *h = *state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[2048];
        (void)snprintf(text, sizeof text, "{\"grants\":[%.*s,\"amountAwarded\":%s}]}",
                       (int)(sizeof(GRANT_BUT("")) - 2), GRANT_BUT(""), cases[i].number);
        assert_int_equal(decode(h, text), REEVE_OK);
        assert_string_equal(message_get(h->messages[0], "amount"), cases[i].want);
        size_t len = 0;
        assert_non_null(strstr(message_body(h->messages[0], &len), cases[i].number));
    }
}

static void a_package_encodes_and_decodes_to_equal_bodies(void **state)
{
    struct adapter_host *h = *state;
    struct adapter_host *again = adapter_host_new(NULL);
    size_t len = 0, a_len = 0, b_len = 0;
    assert_int_equal(
        decode(h, PACKAGE(GRANT_BUT(",\"x\":[ 1 , {} ]") "," GRANT_BUT(",\"y\":\"\\u00e9\""))),
        REEVE_OK);
    char *bytes = adapter_host_encode(h, &len, NULL);
    assert_int_equal(adapter_host_decode(again, bytes, len, "", NULL, 0), REEVE_OK);
    assert_int_equal(again->messages_n, 2);
    for (size_t i = 0; i < 2; i++) {
        const char *a = message_body(h->messages[i], &a_len),
                   *b = message_body(again->messages[i], &b_len);
        assert_int_equal(a_len, b_len);
        assert_memory_equal(a, b, a_len);
    }
    free(bytes);
    adapter_host_free(again);
}

/* A text with a zero character inside is not the text before it. */
static void a_zero_character_does_not_end_a_text(void **state)
{
    struct adapter_host *h = *state;
    assert_int_equal(decode(h, PACKAGE(GRANT_BUT(",\"fromOpenCall\":\"Yes\\u0000x\""))), REEVE_OK);
    assert_non_null(adapter_host_issue(h, "yes-no"));
    assert_int_equal(h->refused, 1);
    assert_int_equal(
        decode(h, PACKAGE(GRANT_BUT(
                      ",\"fundingOrganization\":[{\"id\":\"GB-GOV-1\\u0000x\",\"name\":\"n\"}]"))),
        REEVE_OK);
    assert_int_equal(h->messages_n, 1);
    assert_null(message_get(h->messages[0], "funder"));
}

static void json_that_only_the_parser_takes_is_refused_wherever_it_stands(void **state)
{
    static const char *const cases[] = {
        "{\"x\":NaN,\"grants\":[" GRANT_BUT("") "]}",
        "{\"x\":\"\t\",\"grants\":[" GRANT_BUT("") "]}",
        "{\"x\":\"\\ud800\",\"grants\":[" GRANT_BUT("") "]}",
        "{\"\t\":1,\"grants\":[" GRANT_BUT("") "]}",
        PACKAGE("{\"id\":5,\"x\":NaN}"), /* refused besides */
        PACKAGE("{\"id\t\":\"a\"}"),
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        if (decode(*state, cases[i]) != REEVE_REJECT ||
            adapter_host_issue(*state, "json-syntax") == NULL)
            fail_msg("%s", cases[i]);
}

static void a_grant_nested_too_deep_is_refused_and_the_next_is_read(void **state)
{
    struct adapter_host *h = *state;
    char deep[2 * 100 + 1] = "", text[4096];
    memset(deep, '[', 100);
    memset(deep + 100, ']', 100);
    (void)snprintf(text, sizeof text, "{\"grants\":[{\"x\":%s}," GRANT_BUT("") "]}", deep);
    assert_int_equal(decode(h, text), REEVE_OK);
    assert_string_equal(adapter_host_issue(h, "too-deep")->where, "/grants/0");
    assert_int_equal(h->refused, 1);
    assert_int_equal(h->messages_n, 1);
}

static void a_member_that_stands_twice_is_warned_of(void **state)
{
    struct adapter_host *h = *state;
    assert_int_equal(decode(h, PACKAGE(GRANT_BUT(",\"x\":[{\"a\":1,\"b\":\"::\",\"a\":2}]"))),
                     REEVE_OK);
    assert_int_equal(h->messages_n, 1);
    assert_string_equal(adapter_host_issue(h, "duplicate-key")->where, "/grants/0");
    assert_int_equal(decode(h, PACKAGE(GRANT_BUT(",\"x\":[{\"a\":1,\"b\":\"::\"}]"))), REEVE_OK);
    assert_int_equal(h->issues_n, 0);
}

/* The exponent is as long as the sender likes; adding to it once overflowed. */
static void a_monstrous_exponent_is_a_number(void **state)
{
    struct adapter_host *h = *state;
    assert_int_equal(
        decode(h, PACKAGE(GRANT_BUT(",\"x\":[10e99999999999999999999,"
                                    "1e-99999999999999999999,0.01e-9223372036854775807]"))),
        REEVE_OK);
    assert_int_equal(h->messages_n, 1);
}

static void null_is_found(void **state)
{
    assert_int_equal(decode(*state, PACKAGE(GRANT_BUT(",\"url\":null"))), REEVE_OK);
    assert_string_equal(adapter_host_issue(*state, "not-a-string")->found, "null");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_valid_grant_becomes_one_award, adapter_host_setup,
                                        adapter_host_teardown),
        cmocka_unit_test_setup_teardown(every_fault_of_a_grant_is_reported_with_its_place,
                                        adapter_host_setup, adapter_host_teardown),
        cmocka_unit_test_setup_teardown(all_issues_of_a_grant_are_reported_at_once,
                                        adapter_host_setup, adapter_host_teardown),
        cmocka_unit_test_setup_teardown(package_rules, adapter_host_setup, adapter_host_teardown),
        cmocka_unit_test_setup_teardown(equal_grants_are_equal_whatever_their_order_and_numbers,
                                        adapter_host_setup, adapter_host_teardown),
        cmocka_unit_test_setup_teardown(what_is_not_a_package_is_unreadable_with_its_place,
                                        adapter_host_setup, adapter_host_teardown),
        cmocka_unit_test_setup_teardown(a_grant_to_an_individual_shows_nobody, adapter_host_setup,
                                        adapter_host_teardown),
        cmocka_unit_test_setup_teardown(an_identifier_with_a_line_break_is_kept_escaped,
                                        adapter_host_setup, adapter_host_teardown),
        cmocka_unit_test_setup_teardown(amounts_saturate_for_routing_only, adapter_host_setup,
                                        adapter_host_teardown),
        cmocka_unit_test_setup_teardown(a_package_encodes_and_decodes_to_equal_bodies,
                                        adapter_host_setup, adapter_host_teardown),
        cmocka_unit_test_setup_teardown(a_zero_character_does_not_end_a_text, adapter_host_setup,
                                        adapter_host_teardown),
        cmocka_unit_test_setup_teardown(
            json_that_only_the_parser_takes_is_refused_wherever_it_stands, adapter_host_setup,
            adapter_host_teardown),
        cmocka_unit_test_setup_teardown(a_grant_nested_too_deep_is_refused_and_the_next_is_read,
                                        adapter_host_setup, adapter_host_teardown),
        cmocka_unit_test_setup_teardown(a_member_that_stands_twice_is_warned_of, adapter_host_setup,
                                        adapter_host_teardown),
        cmocka_unit_test_setup_teardown(a_monstrous_exponent_is_a_number, adapter_host_setup,
                                        adapter_host_teardown),
        cmocka_unit_test_setup_teardown(null_is_found, adapter_host_setup, adapter_host_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
