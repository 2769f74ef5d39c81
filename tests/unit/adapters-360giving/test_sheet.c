/* SPDX-License-Identifier: Apache-2.0 */
/* What becomes of a table of grants: headings of every form, rows that are put together, and issues
 * that name row and column. */
#include "lib/adapter_host.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define HEAD                                                                                  \
    "Identifier,Title,Description,Currency,Amount Awarded,Award Date,Funding Org:Identifier," \
    "Funding Org:Name,Recipient Org:Identifier,Recipient Org:Name"
#define ROW(id) \
    id ",Warm rooms,Heating,GBP,1250.50,2026-01-15,GB-LAE-EXA,Exampleshire,GB-CHC-1112223,A hall"
#define GRANT(id)                                                                                \
    "{\"id\":\"" id "\",\"title\":\"Warm rooms\",\"description\":\"Heating\",\"currency\":"      \
    "\"GBP\",\"amountAwarded\":1250.50,\"awardDate\":\"2026-01-15\",\"fundingOrganization\":[{"  \
    "\"id\":\"GB-LAE-EXA\",\"name\":\"Exampleshire\"}],\"recipientOrganization\":[{\"id\":\"GB-" \
    "CHC-1112223\",\"name\":\"A hall\""

static reeve_rc decode(struct adapter_host *h, const char *text)
{
    return adapter_host_decode_text(h, text, "text/csv");
}

static const char *body(const struct adapter_host *h, size_t i)
{
    size_t len = 0;
    return message_body(h->messages[i], &len); /* a zero stands behind it */
}

static void a_row_becomes_one_award(void **state)
{
    struct adapter_host *h = *state;
    assert_int_equal(decode(h, "\xef\xbb\xbf" HEAD "\r\n" ROW("360G-ex-1") "\r\n"), REEVE_OK);
    assert_int_equal(h->issues_n, 0);
    assert_int_equal(h->messages_n, 1);
    assert_string_equal(body(h, 0), GRANT("360G-ex-1") "}]}");
    static const char *const want[][2] = {{"type", "funding.award"},
                                          {"subject", "360G-ex-1"},
                                          {"funder", "GB-LAE-EXA"},
                                          {"recipient", "GB-CHC-1112223"},
                                          {"amount", "1250"},
                                          {"currency", "GBP"},
                                          {"line", "2"}};
    for (size_t i = 0; i < sizeof want / sizeof want[0]; i++)
        assert_string_equal(message_get(h->messages[0], want[i][0]), want[i][1]);
}

/* Columns behind HEAD's, and what they add to the recipient and to the grant. */
static void headings_of_every_form_find_their_place(void **state)
{
    static const struct {
        const char *heading, *cells, *recipient, *grant;
    } cases[] = {
        {"Recipient Org:City", "Town", ",\"addressLocality\":\"Town\"", ""},
        {"recipient_org:postal code", "EX1", ",\"postalCode\":\"EX1\"", ""},
        {"Recipient Org:0:County", "Shire", ",\"addressRegion\":\"Shire\"", ""},
        {"recipientOrganization/0/addressCountry", "GB", ",\"addressCountry\":\"GB\"", ""},
        {"Recipient Org:Location:Geographic Code", "E07000178",
         ",\"location\":[{\"geoCode\":\"E07000178\"}]", ""},
        {"Recipient Org:0:Location:1:Name,Recipient Org:Location:0:Name", "b,a",
         ",\"location\":[{\"name\":\"a\"},{\"name\":\"b\"}]", ""},
        {"Recipient Org:0:Location:1:Name,Recipient Org:Location:0:Name", "b,",
         ",\"location\":[{\"name\":\"b\"}]", ""},
        {"Planned Dates:Duration (months),Planned Dates:Start Date", "12,2026-01-01", "",
         ",\"plannedDates\":[{\"duration\":12,\"startDate\":\"2026-01-01\"}]"},
        {"From An Open Call?,Last Modified,For Regrant Type", "Yes,2026-01-15T10:00:00Z,FRG010", "",
         ",\"fromOpenCall\":\"Yes\",\"dateModified\":\"2026-01-15T10:00:00Z\",\"regrantType\":"
         "\"FRG010\""},
        {"Related Document:1:Web Address", "https://e.example/", "",
         ",\"relatedDocument\":[{\"url\":\"https://e.example/\"}]"},
        {"commitmentTransaction/0/value", "5", "", ",\"commitmentTransaction\":[{\"value\":5}]"},
        {"/amountAppliedFor", "5", "", ",\"amountAppliedFor\":5"},
        {"amountAppliedFor", "007.50", "", ",\"amountAppliedFor\":7.50"},
        {"Amount  Applied For", ".5", "", ",\"amountAppliedFor\":0.5"},
        {"Amount Applied For", "1e3", "", ",\"amountAppliedFor\":1e3"},
        {"Amount Applied For", "+0", "", ",\"amountAppliedFor\":0"},
        {"Amount Applied For", "5.", "", ",\"amountAppliedFor\":5"},
        {"Related Activity", "\"360G-ex-2; 360G-ex-3 ;\"", "",
         ",\"relatedActivity\":[\"360G-ex-2\",\"360G-ex-3\"]"},
        {"Related Activity:1,Related Activity:0", "b,a", "", ",\"relatedActivity\":[\"a\",\"b\"]"},
        {"To Individuals Details:Grant Purpose", "GTIP010;GTIP020", "",
         ",\"toIndividualsDetails\":{\"grantPurpose\":[\"GTIP010\",\"GTIP020\"]}"},
        /* columns of the publisher's own are kept as they are called */
        {"School / Building,Co-applicant(s)", "x,y", "",
         ",\"School / Building\":\"x\",\"Co-applicant(s)\":\"y\""},
        {"Recipient Org:Own", "x", ",\"Own\":\"x\"", ""},
        {"Own:Part:0,Own:Part:2", "x,y", "", ",\"Own\":{\"Part\":[\"x\",\"y\"]}"},
        {"a:b:c:d:e:f:g:h:i:j:k:l:m:n", "x", "", ",\"a:b:c:d:e:f:g:h:i:j:k:l:m:n\":\"x\""},
        {"Own::x", "y", "", ",\"Own::x\":\"y\""},
        {"", "x", "", ",\"column 11\":\"x\""},
        /* empty cells are absent, and white space is no text */
        {"URL,Data Source,Beneficiary Location:Name", ", ,\xc2\xa0", "", ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct adapter_host *h = *state;
        char text[2048], want[2048];
        (void)snprintf(text, sizeof text, HEAD ",%s\n" ROW("360G-ex-1") ",%s\n", cases[i].heading,
                       cases[i].cells);
        (void)snprintf(want, sizeof want, GRANT("360G-ex-1") "%s}]%s}", cases[i].recipient,
                       cases[i].grant);
        assert_int_equal(decode(h, text), REEVE_OK);
        if (h->messages_n != 1 || h->issues_n != 0 || strcmp(body(h, 0), want) != 0)
            fail_msg("%s: %s, wanted %s; %zu issues, %s at %s", cases[i].heading,
                     h->messages_n == 1 ? body(h, 0) : "nothing", want, h->issues_n,
                     h->issues_n > 0 ? h->issues[0].code : "",
                     h->issues_n > 0 ? h->issues[0].where : "");
    }
}

static void issues_name_row_and_column(void **state)
{
    static const struct {
        const char *heading, *cells, *code, *where;
    } cases[] = {
        {"Amount Applied For", "\"1,000\"", "not-a-number", "line 2, column Amount Applied For"},
        {"Amount Applied For", "tbc", "not-a-number", "line 2, column Amount Applied For"},
        {"Planned Dates:Start Date", "01/02/2026", "date-format",
         "line 2, column Planned Dates:Start Date"},
        {"Recipient Org:Web Address", "www.example.org", "uri-format",
         "line 2, column Recipient Org:Web Address"},
        {"From An Open Call?", "Y", "yes-no", "line 2, column From An Open Call?"},
        {"Recipient Org:1:Name", "B", "missing", "line 2, /recipientOrganization/1/id"},
        {"Recipient Org:2:Name,Recipient Org:2:Identifier", ",x", "missing",
         "line 2, column Recipient Org:2:Name"},
        {"Recipient Ind:Identifier", "i", "recipient-both", "line 2"},
        {"Beneficiary Location", "x", "not-an-array", "line 2, column Beneficiary Location"},
        {"Title", "again", "heading-twice", "line 1, column Title"},
        {"Title:More", "again", "heading-twice", "line 1, column Title:More"},
        {"Own", "x,y", "row-length", "line 2"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct adapter_host *h = *state;
        char text[2048];
        (void)snprintf(text, sizeof text, HEAD ",%s\n" ROW("360G-ex-1") ",%s\n", cases[i].heading,
                       cases[i].cells);
        assert_int_equal(decode(h, text), REEVE_OK);
        const struct seen_issue *said = adapter_host_issue(h, cases[i].code);
        if (said == NULL || strcmp(said->where, cases[i].where) != 0)
            fail_msg("%s: %s at %s", cases[i].heading, h->issues_n > 0 ? h->issues[0].code : "",
                     h->issues_n > 0 ? h->issues[0].where : "");
        if (strcmp(said->code, "heading-twice") != 0)
            assert_int_equal(h->refused, 1);
        assert_int_equal(h->messages_n + h->refused, 1);
    }
}

static void a_column_that_means_the_same_is_kept_under_its_heading(void **state)
{
    struct adapter_host *h = *state;
    assert_int_equal(decode(h, HEAD ",title,Title\n" ROW("360G-ex-1") ",b,c\n"), REEVE_OK);
    assert_int_equal(h->messages_n, 1);
    assert_string_equal(body(h, 0),
                        GRANT("360G-ex-1") "}],\"title (column 11)\":\"b\",\"Title\":\"c\"}");
}

static void rows_of_one_grant_are_put_together(void **state)
{
    struct adapter_host *h = *state;
    assert_int_equal(
        decode(h, HEAD ",Beneficiary Location:Name,Related Activity,Grant Programme:Code\n" ROW(
                      "360G-ex-1") ",North,a,\n" ROW("360G-ex-2") ",,,\n"
                                                                  "360G-ex-1,,,,,,,,GB-COH-"
                                                                  "01234567,Another,South,b;a,P\n"
                                                                  "360G-ex-1,,,,,,,,GB-CHC-"
                                                                  "1112223,,South,,P\n"),
        REEVE_OK);
    assert_int_equal(h->issues_n, 0);
    assert_int_equal(h->messages_n, 2);
    assert_string_equal(
        body(h, 0), GRANT("360G-ex-1") "},{\"id\":\"GB-COH-01234567\",\"name\":\"Another\"}],"
                                       "\"beneficiaryLocation\":[{\"name\":\"North\"},{\"name\":"
                                       "\"South\"}],\"relatedActivity\":[\"a\",\"b\"],"
                                       "\"grantProgramme\":[{\"code\":\"P\"}]}");
    assert_string_equal(message_get(h->messages[0], "line"), "2");
    assert_string_equal(body(h, 1), GRANT("360G-ex-2") "}]}");
}

/* So many that what is not linear in them does not end. */
static void very_long_lists_of_one_grant_are_put_together(void **state)
{
    const size_t n = 60000;
    struct adapter_host *h = *state;
    char *text = malloc(2 * n * 8 + 1024);
    assert_non_null(text);
    size_t len = (size_t)sprintf(text, HEAD ",Related Activity\n");
    for (size_t row = 0; row < 2; row++) {
        len += (size_t)sprintf(text + len, ROW("360G-ex-1") ",");
        for (size_t i = 0; i < n; i++)
            len += (size_t)sprintf(text + len, "%zu;", i + row * n / 2);
        len += (size_t)sprintf(text + len, "\n");
    }
    assert_int_equal(decode(h, text), REEVE_OK);
    assert_int_equal(h->issues_n, 0);
    assert_int_equal(h->messages_n, 1);
    const char *list = strstr(body(h, 0), "\"relatedActivity\":");
    size_t items = 0;
    for (const char *s = list; (s = strchr(s, ',')) != NULL; s++)
        items++;
    assert_int_equal(items + 1, n + n / 2);
    assert_non_null(strstr(list, "\"59999\",\"60000\""));
    assert_non_null(strstr(list, ",\"89999\"]"));
    free(text);
}

static void rows_that_contradict_each_other_are_refused_with_their_column(void **state)
{
    struct adapter_host *h = *state;
    assert_int_equal(decode(h, HEAD "\n" ROW("360G-ex-1") "\n360G-ex-1,Cold rooms,,,1250.5,,,,GB-"
                                                          "CHC-1112223,A house\n" ROW("360G-ex-"
                                                                                      "2") "\n"),
                     REEVE_OK);
    assert_int_equal(h->messages_n, 1);
    assert_int_equal(h->refused, 1);
    assert_int_equal(h->issues_n, 2);
    assert_string_equal(h->issues[0].code, "rows-contradict");
    assert_string_equal(h->issues[0].where, "line 3, column Title");
    assert_string_equal(h->issues[1].where, "line 3, column Recipient Org:Name");
}

/* The window is of 64 grants: a row behind it is never taken for a grant of its own. */
static void rows_far_apart_are_refused(void **state)
{
    struct adapter_host *h = *state;
    char *text = malloc(1 << 16);
    assert_non_null(text);
    for (unsigned between = 62; between <= 64; between++) {
        size_t n = (size_t)snprintf(text, 1 << 16, HEAD "\n" ROW("360G-ex-0") "\n");
        for (unsigned i = 1; i <= between; i++)
            n += (size_t)snprintf(text + n, (1 << 16) - n, ROW("360G-ex-%u") "\n", i);
        (void)snprintf(text + n, (1 << 16) - n, "%s", ROW("360G-ex-0") "\n");
        assert_int_equal(decode(h, text), REEVE_OK);
        assert_int_equal(h->messages_n, between + 1);
        assert_int_equal(h->refused, between == 64);
        assert_int_equal(adapter_host_issue(h, "rows-apart") != NULL, between == 64);
    }
    free(text);
}

static void a_grant_of_too_many_rows_is_refused(void **state)
{
    struct adapter_host *h = *state;
    size_t cap = 1 << 16, n = 0;
    char *text = malloc(cap);
    assert_non_null(text);
    n = (size_t)snprintf(text, cap, HEAD "\n" ROW("360G-ex-1") "\n");
    for (unsigned i = 0; i < 1200; i++)
        n += (size_t)snprintf(text + n, cap - n, "360G-ex-1,,,,,,,,,\n");
    (void)snprintf(text + n, cap - n, "%s", ROW("360G-ex-2") "\n");
    assert_int_equal(decode(h, text), REEVE_OK);
    assert_int_equal(h->messages_n, 1);
    assert_int_equal(h->refused, 1);
    assert_int_equal(h->issues_n, 1);
    assert_string_equal(h->issues[0].code, "rows-many");
    assert_string_equal(h->issues[0].where, "line 1002");
    free(text);
}

static void a_grant_to_an_individual_is_personal_here_too(void **state)
{
    struct adapter_host *h = *state;
    assert_int_equal(decode(h, "Identifier,Title,Description,Currency,Amount Awarded,Award "
                               "Date,Funding Org:Identifier,Funding Org:Name,Recipient "
                               "Ind:Identifier,Recipient Ind:Name\n"
                               "360G-ex-1,t,d,GBP,x,2026-01-15,GB-LAE-EXA,E,360G-i,One\n"
                               "360G-ex-2,t,d,GBP,5,2026-01-15,GB-LAE-EXA,E,360G-i,One\n"),
                     REEVE_OK);
    assert_int_equal(h->issues[0].flags & REEVE_ISSUE_PERSONAL, REEVE_ISSUE_PERSONAL);
    assert_int_equal(h->messages_n, 1);
    assert_string_equal(message_get(h->messages[0], "datacategory"), "personal");
    assert_null(message_get(h->messages[0], "recipient"));
}

static void workbooks_are_refused_with_advice(void **state)
{
    assert_int_equal(decode(*state, "PK\x03\x04 and more"), REEVE_REJECT);
    assert_non_null(adapter_host_issue(*state, "spreadsheet"));
    assert_int_equal(decode(*state, HEAD "\n"), REEVE_OK);
    assert_int_equal(adapter_host_issue(*state, "rows-missing")->severity, REEVE_ISSUE_PACKAGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_row_becomes_one_award, adapter_host_setup,
                                        adapter_host_teardown),
        cmocka_unit_test_setup_teardown(headings_of_every_form_find_their_place, adapter_host_setup,
                                        adapter_host_teardown),
        cmocka_unit_test_setup_teardown(issues_name_row_and_column, adapter_host_setup,
                                        adapter_host_teardown),
        cmocka_unit_test_setup_teardown(a_column_that_means_the_same_is_kept_under_its_heading,
                                        adapter_host_setup, adapter_host_teardown),
        cmocka_unit_test_setup_teardown(rows_of_one_grant_are_put_together, adapter_host_setup,
                                        adapter_host_teardown),
        cmocka_unit_test_setup_teardown(very_long_lists_of_one_grant_are_put_together,
                                        adapter_host_setup, adapter_host_teardown),
        cmocka_unit_test_setup_teardown(
            rows_that_contradict_each_other_are_refused_with_their_column, adapter_host_setup,
            adapter_host_teardown),
        cmocka_unit_test_setup_teardown(rows_far_apart_are_refused, adapter_host_setup,
                                        adapter_host_teardown),
        cmocka_unit_test_setup_teardown(a_grant_of_too_many_rows_is_refused, adapter_host_setup,
                                        adapter_host_teardown),
        cmocka_unit_test_setup_teardown(a_grant_to_an_individual_is_personal_here_too,
                                        adapter_host_setup, adapter_host_teardown),
        cmocka_unit_test_setup_teardown(workbooks_are_refused_with_advice, adapter_host_setup,
                                        adapter_host_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
