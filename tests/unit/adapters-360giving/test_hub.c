/* SPDX-License-Identifier: Apache-2.0 */
/* A grant as a hub record, and back: where each member goes, that nothing is lost, and what a
 * record must have to become a grant. */
#include "hub.h"
#include "lib/adapter_host.h"
#include <stdarg.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define ORG(id)  "[{\"id\":\"" id "\",\"name\":\"An organisation\"}]"
#define TO(more) "\"fundingOrganization\":" ORG("GB-LAE-EXA") more "}"
#define BASE                                                                      \
    "{\"id\":\"360G-ex-1\",\"title\":\"Warm rooms\",\"description\":\"Heating\"," \
    "\"currency\":\"GBP\",\"amountAwarded\":1250.50,\"awardDate\":\"2026-01-15\"," TO("")
#define GRANT(more)                                                                    \
    "{\"id\":\"360G-ex-1\",\"title\":\"Warm rooms\",\"description\":\"Heating\","      \
    "\"currency\":\"GBP\",\"amountAwarded\":1250.50,\"awardDate\":\"2026-01-15\"," TO( \
        ",\"recipientOrganization\":" ORG("GB-CHC-1112223") more)

static struct message *message_of(const char *body)
{
    struct message *m = message_new();
    struct err e;
    assert_non_null(m);
    assert_int_equal(message_sets(m, "type", "funding.award", &e), 0);
    assert_int_equal(message_set_body(m, "application/json", body, strlen(body), &e), 0);
    return m;
}

static char *body_of(const struct message *m)
{
    size_t len = 0;
    const char *p = message_body(m, &len);
    return strndup(p, len);
}

/* The text that to_hub makes of a grant; free it. */
static char *hub_of(struct adapter_host *h, const char *grant)
{
    struct message *m = message_of(grant);
    adapter_host_reset(h);
    if (adapter_host_to_hub(h, m) != REEVE_OK)
        fail_msg("%s: %s", grant, adapter_host_reason(h));
    assert_int_equal(h->messages_n, 1);
    assert_string_equal(message_get(h->messages[0], "dataschema"), "urn:reeve:hub:1:funding.award");
    message_free(m);
    return body_of(h->messages[0]);
}

/* The verdict on a record; the grant is the last message gathered. */
static reeve_rc back(struct adapter_host *h, const char *record)
{
    struct message *m = message_of(record);
    adapter_host_reset(h);
    reeve_rc rc = adapter_host_from_hub(h, m);
    message_free(m);
    return rc;
}

static void assert_same(const char *a, const char *b)
{
    struct json_parser *p = json_parser_new(64), *q = json_parser_new(64);
    const struct json_node *x = json_parse(p, a, strlen(a)), *y = json_parse(q, b, strlen(b));
    assert_non_null(x);
    assert_non_null(y);
    struct print i = json_print(x), j = json_print(y);
    if (i.a != j.a || i.b != j.b)
        fail_msg("\n%s\nis not\n%s", a, b);
    json_parser_free(p);
    json_parser_free(q);
}

/* What stands in the record, and that the grant comes back as it was. */
static const struct {
    const char *more, *hub; /* hub: a part of the record's text */
} places[] = {
    {"", "\"record\":1,\"type\":\"funding.award\",\"id\":\"360G-ex-1\""},
    {"", "\"awarded\":{\"amount\":\"1250.50\",\"currency\":\"GBP\"}"},
    {"", "\"date\":\"2026-01-15\""},
    {"", "\"funders\":[{\"identifiers\":[{\"scheme\":\"GB-LAE\",\"id\":\"EXA\"}],\"name\":\"An "
         "organisation\"}]"},
    {",\"amountAppliedFor\":1e3", "\"requested\":{\"amount\":\"1000\",\"currency\":\"GBP\"}"},
    {",\"amountDisbursed\":0.10", "\"disbursed\":{\"amount\":\"0.10\""},
    {",\"fromOpenCall\":\"Yes\"", "\"openCall\":true"},
    {",\"fromOpenCall\":\"No\"", "\"openCall\":false"},
    {",\"plannedDates\":[{\"startDate\":\"2026\",\"endDate\":\"2026-05\",\"duration\":5.5}]",
     "\"planned\":[{\"start\":\"2026\",\"end\":\"2026-05\",\"months\":\"5.5\"}]"},
    {",\"actualDates\":[{},{\"title\":\"\"}]", "\"actual\":[{},{\"title\":\"\"}]"},
    {",\"classifications\":[{\"vocabulary\":\"v\",\"code\":\"c\",\"title\":null}]",
     "\"classifications\":[{\"scheme\":\"v\",\"code\":\"c\",\"other\":{\"360giving\":{\"title\":"
     "null}}}]"},
    {",\"classifications\":[]", "\"classifications\":[]"},
    {",\"grantProgramme\":[{\"code\":\"p\",\"url\":\"http://x.example/\"}]",
     "\"programmes\":[{\"code\":\"p\",\"url\":\"http://x.example/\"}]"},
    {",\"beneficiaryLocation\":[{\"geoCode\":\"E07000178\",\"geoCodeType\":\"NMD\",\"latitude\":51."
     "50,\"countryCode\":\"GB\",\"id\":\"l1\"}]",
     "{\"id\":\"l1\",\"identifiers\":[{\"scheme\":\"GSS\",\"id\":\"E07000178\"}],\"kind\":{"
     "\"code\":\"NMD\"},\"country\":\"GB\",\"latitude\":\"51.50\"}"},
    {",\"beneficiaryLocation\":[{\"geoCode\":\"EX1 2MP\",\"geoCodeType\":null}]",
     "[{\"scheme\":\"local\",\"id\":\"EX1 2MP\"}]"},
    {",\"recipientOrganization\":[{\"id\":\"own-7\",\"name\":\"n\",\"charityNumber\":\"1\","
     "\"companyNumber\":\"2\",\"streetAddress\":\"s\",\"postalCode\":\"p\",\"email\":\"e\","
     "\"contactName\":\"Sam\",\"organisationType\":\"charity\",\"location\":[{}]}]",
     "{\"identifiers\":[{\"scheme\":\"local\",\"id\":\"own-7\"},{\"scheme\":\"charity-number\","
     "\"id\":\"1\"},{\"scheme\":\"company-number\",\"id\":\"2\"}],\"name\":\"n\",\"kind\":{"
     "\"title\":\"charity\"},\"address\":{\"street\":\"s\",\"postcode\":\"p\"},\"contact\":{"
     "\"email\":\"e\"},\"places\":[{}],\"other\":{\"360giving\":{\"contactName\":\"Sam\"}}}"},
    {",\"toIndividualsDetails\":{\"secondaryGrantReason\":\"GTIR020\",\"grantPurpose\":["
     "\"GTIP010\"],\"x\":1}",
     "\"grounds\":{\"secondary\":{\"scheme\":\"360G-GTIR\",\"code\":\"GTIR020\"},\"purposes\":[{"
     "\"scheme\":\"360G-GTIP\",\"code\":\"GTIP010\"}],\"other\":{\"360giving\":{\"x\":1}}}"},
    {",\"regrantType\":\"FRG010\",\"locationScope\":\"GLS030\"",
     "\"placeScope\":{\"scheme\":\"360G-GLS\",\"code\":\"GLS030\"},\"regrant\":{\"scheme\":"
     "\"360G-FRG\",\"code\":\"FRG010\"}"},
    {",\"relatedActivity\":[\"a\",\"b\"]", "\"related\":[{\"id\":\"a\"},{\"id\":\"b\"}]"},
    {",\"relatedActivity\":[\"a\",\"\"]",
     "\"other\":{\"360giving\":{\"relatedActivity\":[\"a\",\"\"]}}"},
    {",\"relatedDocument\":[{\"id\":\"d\",\"url\":\"http://d.example/\",\"documentType\":\"t\"}]",
     "\"documents\":[{\"id\":\"d\",\"url\":\"http://d.example/\",\"kind\":{\"title\":\"t\"}}]"},
    {",\"commitmentTransaction\":[{\"id\":\"c\",\"value\":7,\"currency\":\"EUR\"}],"
     "\"disbursementTransaction\":[{\"value\":8},{\"currency\":\"GBP\",\"provider\":\"GB-CHC-1\","
     "\"recipient\":null}]",
     "\"transactions\":[{\"kind\":\"commitment\",\"id\":\"c\",\"value\":{\"amount\":\"7\","
     "\"currency\":\"EUR\"}},{\"kind\":\"disbursement\",\"other\":{\"360giving\":{\"value\":8}}},{"
     "\"kind\":\"disbursement\",\"payer\":{\"identifiers\":[{\"scheme\":\"GB-CHC\",\"id\":\"1\"}]},"
     "\"other\":{\"360giving\":{\"currency\":\"GBP\",\"recipient\":null}}}]"},
    {",\"commitmentTransaction\":[],\"applicationTransaction\":[{}]",
     "\"transactions\":[{\"kind\":\"application\"}]"},
    {",\"dataSource\":null,\"dateModified\":\"2026-01-15T10:00:00Z\",\"url\":\"http://g.example/\"",
     "\"url\":\"http://g.example/\",\"updated\":\"2026-01-15T10:00:00Z\",\"other\":{\"360giving\":{"
     "\"dataSource\":null}}"},
    {",\"Own column\":{\"a\":[1.10,\"\\u0000\"]},\"\":\"\"",
     "\"other\":{\"360giving\":{\"Own column\":{\"a\":[1.10,\"\\u0000\"]},\"\":\"\"}}"},
    {",\"title\":\"\\u0000\\ud83d\\ude00\\\"\"", "\"title\":\"\\u0000\xf0\x9f\x98\x80\\\"\""},
    {",\"other\":{\"360giving\":{\"title\":\"x\"}}",
     "\"other\":{\"360giving\":{\"other\":{\"360giving\":{\"title\":\"x\"}}}}"},
    {",\"amountAppliedFor\":1e300", "\"other\":{\"360giving\":{\"amountAppliedFor\":1e300}}"},
};

static void every_member_has_its_place_and_comes_back(void **state)
{
    struct adapter_host *h = *state;
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        char grant[4096];
        size_t len = 0;
        (void)snprintf(grant, sizeof grant, "%.*s%s}", (int)(sizeof(GRANT("")) - 2), GRANT(""),
                       places[i].more);
        char *record = hub_of(h, grant);
        if (strstr(record, places[i].hub) == NULL)
            fail_msg("\n%s\ndoes not stand in\n%s", places[i].hub, record);
        if (back(h, record) != REEVE_OK)
            fail_msg("%s: %s", record, adapter_host_reason(h));
        char *again = body_of(h->messages[0]);
        struct json_parser *p = json_parser_new(64); /* the last of two members of a name counts */
        assert_non_null(json_parse(p, grant, strlen(grant)));
        if (!json_parser_repeats(p))
            assert_same(grant, again);
        json_parser_free(p);
        if (i == 0)
            assert_non_null(strstr(again, "\"amountAwarded\":1250.50,")); /* as it was written */
        assert_string_equal(message_get(h->messages[0], "funder"), "GB-LAE-EXA");
        free(again);
        free(record);
        (void)len;
    }
}

/* So many that what is not linear in them does not end. */
static void very_many_unknown_members_come_back_and_of_one_name_the_last(void **state)
{
    const size_t n = 200000;
    char *grant = malloc(n * 40);
    assert_non_null(grant);
    size_t len = (size_t)sprintf(grant, "%.*s", (int)strlen(GRANT("")) - 1, GRANT(""));
    for (size_t i = 0; i < n; i++)
        len += (size_t)sprintf(grant + len, ",\"m%zu\":%zu,\"currency\":\"%s\"", i, i,
                               i + 1 < n ? "old" : "EUR");
    (void)sprintf(grant + len, "}");
    char *record = hub_of(*state, grant);
    assert_non_null(strstr(record, "\"currency\":\"EUR\""));
    assert_null(strstr(record, "old"));
    assert_int_equal(back(*state, record), REEVE_OK);
    char *again = body_of(((struct adapter_host *)*state)->messages[0]);
    struct json_parser *p = json_parser_new(64);
    const struct json_node *v = json_parse(p, again, strlen(again));
    assert_int_equal(v->n, 8 + n);
    assert_false(json_parser_repeats(p));
    assert_string_equal(node_member(v, "m199999")->text, "199999");
    json_parser_free(p);
    free(again);
    free(record);
    free(grant);
}

static void a_grant_to_an_individual_stays_personal(void **state)
{
    struct adapter_host *h = *state;
    char grant[2048];
    (void)snprintf(grant, sizeof grant,
                   "%.*s,\"recipientIndividual\":{\"id\":\"p\",\"name\":\"A\"}}",
                   (int)(sizeof(BASE) - 2), BASE);
    char *record = hub_of(h, grant);
    assert_non_null(strstr(record, "\"individual\":{\"id\":\"p\",\"name\":\"A\"}"));
    struct message *m = message_of(record);
    struct err e;
    assert_int_equal(message_sets(m, "recipient", "GB-CHC-9", &e), 0); /* another adapter's slip */
    adapter_host_reset(h);
    assert_int_equal(adapter_host_from_hub(h, m), REEVE_OK);
    assert_string_equal(message_get(h->messages[0], "datacategory"), "personal");
    assert_null(message_get(h->messages[0], "recipient"));
    char *again = body_of(h->messages[0]);
    assert_same(grant, again);
    free(again);
    free(record);
    message_free(m);
}

#define HEAD "{\"record\":1,\"type\":\"funding.award\",\"id\":\"a\",\"title\":\"t\""
#define PARTY(name, id) \
    ",\"" name "\":[{\"identifiers\":[{\"scheme\":\"GB-CHC\",\"id\":\"" id "\"}],\"name\":\"n\"}]"
#define MONEY ",\"awarded\":{\"amount\":\"5\",\"currency\":\"GBP\"}"
#define REST \
    ",\"description\":\"d\"" MONEY PARTY("funders", "1112223") PARTY("recipients", "1112224")

static void a_record_that_is_no_grant_is_refused_with_what_it_lacks(void **state)
{
    static const struct {
        const char *record, *reason; /* NULL: taken */
    } cases[] = {
        {HEAD REST ",\"date\":\"2026-03-15\"}", NULL},
        {HEAD REST "}", "/awardDate: a required member is missing"},
        {HEAD REST ",\"date\":\"2026-03\"}", "/awardDate: "}, /* no day is invented */
        {HEAD REST ",\"date\":\"2026\"}", "/awardDate: "},
        {HEAD MONEY PARTY("funders", "1112223")
             PARTY("recipients", "1") ",\"date\":\"2026-03-15\"}",
         "/description"},
        {HEAD ",\"description\":\"d\",\"date\":\"2026-03-15\"" MONEY PARTY("recipients", "1") "}",
         "/fundingOrganization"},
        {HEAD ",\"description\":\"d\",\"date\":\"2026-03-15\"" MONEY PARTY("funders", "1") "}",
         "recipient"},
        {HEAD ",\"description\":\"d\",\"date\":\"2026-03-15\"" PARTY("funders", "1")
             PARTY("recipients", "1") "}",
         "/currency"},
        {HEAD REST ",\"date\":\"2026-03-15\",\"individual\":{\"id\":\"p\",\"name\":\"A\"}}",
         "not to both"},
        {HEAD REST ",\"date\":\"2026-03-15\",\"places\":[{\"country\":\"ZZ\"}]}", "countryCode"},
        {"{\"record\":2,\"type\":\"funding.award\",\"id\":\"a\"}", "of version 2, known is 1"},
        {"{\"record\":1,\"type\":\"funding.payment\",\"id\":\"a\"}",
         "no place for funding.payment"},
        {"{\"record\":1,\"type\":\"funding.award\"}", "no id"},
        {"{\"id\":\"360G-ex-1\"}", "no hub record"},
        {"[1]", "no hub record"},
    };
    struct adapter_host *h = *state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        reeve_rc rc = back(h, cases[i].record);
        if (rc != (cases[i].reason != NULL ? REEVE_REJECT : REEVE_OK))
            fail_msg("%s: %d %s", cases[i].record, rc, adapter_host_reason(h));
        if (cases[i].reason != NULL && strstr(adapter_host_reason(h), cases[i].reason) == NULL)
            fail_msg("%s: %s", cases[i].record, adapter_host_reason(h));
        assert_int_equal(h->issues_n, 0); /* one reason, no issues of a document that nobody sent */
    }
}

/* What another standard may say of an award, and what becomes of it. */
static void what_a_grant_cannot_hold_is_left_out(void **state)
{
    static const struct {
        const char *more, *with, *without;
    } cases[] = {
        {",\"requested\":{\"amount\":\"5\",\"currency\":\"EUR\"}", "\"currency\":\"GBP\"",
         "amountAppliedFor"},
        {",\"requested\":{\"amount\":\"5,0\",\"currency\":\"GBP\"}", "\"id\":\"a\"",
         "amountAppliedFor"},
        {",\"transactions\":[{\"kind\":\"expenditure\"},{\"kind\":\"commitment\",\"id\":\"c\"}]",
         "\"commitmentTransaction\":[{\"id\":\"c\"}]", "disbursementTransaction"},
        {",\"places\":[{\"identifiers\":[{\"scheme\":\"UPRN\",\"id\":\"1\"}],\"name\":\"p\"},{"
         "\"identifiers\":[{\"scheme\":\"UPRN\",\"id\":\"1\"},{\"scheme\":\"GSS\",\"id\":"
         "\"E07000178\"}]}]",
         "[{\"name\":\"p\"},{\"geoCode\":\"E07000178\"}]", "UPRN"},
        {",\"placeScope\":{\"scheme\":\"iati\",\"code\":\"4\"}", "\"id\":\"a\"", "locationScope"},
        {",\"other\":{\"iati\":{\"hierarchy\":\"1\"}}", "\"id\":\"a\"", "hierarchy"},
        {",\"other\":{\"360giving\":{\"title\":\"twice\",\"x\":1}}", "\"x\":1", "twice"},
        {",\"somethingNewer\":{\"a\":1}", "\"id\":\"a\"", "somethingNewer"},
        {",\"openCall\":\"maybe\"", "\"id\":\"a\"", "fromOpenCall"},
    };
    struct adapter_host *h = *state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char record[2048];
        (void)snprintf(record, sizeof record, HEAD REST ",\"date\":\"2026-03-15\"%s}",
                       cases[i].more);
        if (back(h, record) != REEVE_OK)
            fail_msg("%s: %s", record, adapter_host_reason(h));
        char *grant = body_of(h->messages[0]);
        if (strstr(grant, cases[i].with) == NULL || strstr(grant, cases[i].without) != NULL)
            fail_msg("%s gives\n%s", record, grant);
        free(grant);
    }
}

static bool says(const char *words, const char *word)
{
    size_t n = strlen(word);
    for (const char *p = words; (p = strstr(p, word)) != NULL; p += n)
        if ((p == words || p[-1] == ' ') && (p[n] == ' ' || p[n] == 0))
            return true;
    return false;
}

/* `reeve check` believes them. */
static void what_it_gives_and_needs_is_what_it_does(void **state)
{
    static const char *const without[][2] = {
        {"title", ",\"title\":\"t\""},
        {"description", ",\"description\":\"d\""},
        {"awarded", MONEY},
        {"date", ",\"date\":\"2026-03-15\""},
        {"funders", PARTY("funders", "1112223")},
        {"recipients|individual", PARTY("recipients", "1112224")},
    };
    struct adapter_host *h = *state;
    const struct reeve_emits *emits = h->plugin.api.emits;
    size_t words = 1;
    for (size_t i = 0; i < hub_grant.n; i++) {
        const struct answer *a = &hub_grant.row[i];
        if (a->way != WAY_CURRENCY && !says(emits->gives, a->group != NULL ? a->group : a->hub))
            fail_msg("%s is not said to be given", a->hub);
    }
    for (const char *p = emits->needs; *p != 0; p++)
        words += *p == ' ';
    assert_int_equal(words, sizeof without / sizeof without[0]);
    for (size_t i = 0; i < words; i++) {
        char record[2048], *cut;
        (void)snprintf(record, sizeof record, HEAD REST ",\"date\":\"2026-03-15\"}");
        assert_true(says(emits->needs, without[i][0]));
        cut = strstr(record, without[i][1]);
        assert_non_null(cut);
        memmove(cut, cut + strlen(without[i][1]), strlen(cut + strlen(without[i][1])) + 1);
        if (back(h, record) != REEVE_REJECT)
            fail_msg("needs no %s after all", without[i][0]);
    }
}

static void what_nobody_can_name_is_not_translated(void **state)
{
    static const char *const bodies[] = {"{\"id\":\"\"}", "{\"id\":7}", "{}", "[]",
                                         "{\"id\":\"\\u0000\"}"};
    struct adapter_host *h = *state;
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        struct message *m = message_of(bodies[i]);
        adapter_host_reset(h);
        assert_int_equal(adapter_host_to_hub(h, m), REEVE_REJECT);
        assert_int_equal(h->messages_n, 0);
        message_free(m);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_member_has_its_place_and_comes_back,
                                        adapter_host_setup, adapter_host_teardown),
        cmocka_unit_test_setup_teardown(
            very_many_unknown_members_come_back_and_of_one_name_the_last, adapter_host_setup,
            adapter_host_teardown),
        cmocka_unit_test_setup_teardown(a_grant_to_an_individual_stays_personal, adapter_host_setup,
                                        adapter_host_teardown),
        cmocka_unit_test_setup_teardown(a_record_that_is_no_grant_is_refused_with_what_it_lacks,
                                        adapter_host_setup, adapter_host_teardown),
        cmocka_unit_test_setup_teardown(what_a_grant_cannot_hold_is_left_out, adapter_host_setup,
                                        adapter_host_teardown),
        cmocka_unit_test_setup_teardown(what_it_gives_and_needs_is_what_it_does, adapter_host_setup,
                                        adapter_host_teardown),
        cmocka_unit_test_setup_teardown(what_nobody_can_name_is_not_translated, adapter_host_setup,
                                        adapter_host_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
