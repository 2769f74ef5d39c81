/* SPDX-License-Identifier: Apache-2.0 */
/* A release and a payment as hub records, and back: where each member goes, that nothing is lost,
 * and what a record must have to become a release. */
#include "hub.h"
#include "lib/adapter_host.h"
#include <stdarg.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define CONTRACT "information.contract"
#define PAYMENT  "funding.payment"
#define RELEASE                                                                    \
    "{\"ocid\":\"ocds-213czf-1\",\"id\":\"r1\",\"date\":\"2026-02-27T12:00:00Z\"," \
    "\"tag\":[\"awardUpdate\",\"contract\"],\"initiationType\":\"tender\"%s}"
#define PAID                                                                    \
    "{\"ocid\":\"ocds-213czf-1\",\"id\":\"ocds-213czf-1/C1/T1\",\"date\":"      \
    "\"2026-02-27T12:00:00Z\",\"tag\":[\"implementation\"],\"initiationType\":" \
    "\"tender\",\"contracts\":[{\"id\":\"C1\",\"awardID\":\"A1\","              \
    "\"implementation\":{\"transactions\":[{\"id\":\"T1\"%s}]}}]}"
#define VALUE ",\"value\":{\"amount\":3000.10,\"currency\":\"GBP\"}"

typedef reeve_rc leg(struct adapter_host *h, struct message *m);

/* Verdict on a body; what it becomes is the last message gathered. */
static reeve_rc through(struct adapter_host *h, leg *fn, const char *type, const char *body)
{
    struct message *m = message_new();
    struct err e;
    assert_non_null(m);
    assert_int_equal(message_sets(m, "type", type, &e), 0);
    assert_int_equal(message_set_body(m, "application/json", body, strlen(body), &e), 0);
    adapter_host_reset(h);
    reeve_rc rc = fn(h, m);
    message_free(m);
    assert_int_equal(h->messages_n, rc == REEVE_OK ? 1 : 0);
    assert_int_equal(h->issues_n, 0); /* one reason, no issues of a document that nobody sent */
    return rc;
}

static char *made(const struct adapter_host *h)
{
    size_t len = 0;
    const char *p = message_body(h->messages[0], &len);
    return strndup(p, len);
}

static struct print print_of(const char *text)
{
    struct json_parser *p = json_parser_new(64);
    const struct json_node *v = json_parse(p, text, strlen(text));
    assert_non_null(v);
    struct print ret = json_print(v);
    json_parser_free(p);
    return ret;
}

/* What stands in the record, and that the release comes back as it was. */
static const struct {
    const char *type, *more, *hub; /* hub: a part of the record's text */
} places[] = {
    {CONTRACT, "",
     "{\"record\":1,\"type\":\"information.contract\",\"stages\":[\"award\",\"contract\"],\"id\":"
     "\"ocds-213czf-1\",\"release\":\"r1\",\"date\":\"2026-02-27T12:00:00Z\",\"tags\":["
     "\"awardUpdate\",\"contract\"],\"other\":{\"ocds\":{\"initiationType\":\"tender\"}}}"},
    {CONTRACT, ",\"buyer\":{\"id\":\"GB-LAE-EXT\",\"name\":\"A council\"}",
     "\"buyer\":{\"identifiers\":[{\"scheme\":\"GB-LAE\",\"id\":\"EXT\"}],\"name\":\"A council\"}"},
    {CONTRACT,
     ",\"parties\":[{\"id\":\"p\",\"name\":\"n\",\"address\":{\"postalCode\":\"EX1\"},\"roles\":["
     "\"buyer\"],\"contactPoint\":{\"name\":\"Sam\"}}]",
     "\"parties\":[{\"organisation\":{\"identifiers\":[{\"scheme\":\"local\",\"id\":\"p\"}],"
     "\"name\":\"n\",\"address\":{\"postcode\":\"EX1\"}},\"roles\":[\"buyer\"],\"other\":{\"ocds\":"
     "{\"contactPoint\":{\"name\":\"Sam\"}}}}]"},
    {CONTRACT,
     ",\"planning\":{\"rationale\":\"w\",\"budget\":{\"id\":7,\"amount\":{\"amount\":1e3,"
     "\"currency\":\"GBP\"}}}",
     "\"rationale\":\"w\",\"budget\":{\"amount\":\"1000\",\"currency\":\"GBP\"},\"other\":{"
     "\"ocds\":"
     "{\"initiationType\":\"tender\",\"planning\":{\"budget\":{\"id\":7}}}}"},
    {CONTRACT, ",\"planning\":{}", "\"planning\":{}"},
    {CONTRACT, ",\"planning\":{\"budget\":{}}", "\"planning\":{\"budget\":{}}"},
    {CONTRACT, ",\"planning\":{\"rationale\":null}", "\"planning\":{\"rationale\":null}"},
    {CONTRACT,
     ",\"tender\":{\"id\":7,\"status\":\"active\",\"procurementMethod\":\"open\","
     "\"tenderPeriod\":{\"startDate\":\"2026-01-01T00:00:00Z\",\"durationInDays\":3},"
     "\"minValue\":{\"amount\":5},\"items\":[{\"id\":\"i\",\"quantity\":2.50,\"classification\":"
     "{\"scheme\":\"CPV\",\"id\":\"45\",\"description\":\"d\"},\"unit\":{\"name\":\"hour\",\"id\":"
     "\"h\"}}],\"milestones\":[{\"id\":\"m\",\"status\":\"notMet\"}]}",
     "\"tender\":{\"id\":\"7\",\"status\":\"active\",\"method\":\"open\",\"period\":{\"start\":"
     "\"2026-01-01T00:00:00Z\",\"other\":{\"ocds\":{\"durationInDays\":3}}},\"items\":[{\"id\":"
     "\"i\",\"classifications\":[{\"scheme\":\"CPV\",\"code\":\"45\",\"title\":\"d\"}],"
     "\"quantity\":\"2.50\",\"unit\":\"hour\",\"other\":{\"ocds\":{\"unit\":{\"id\":\"h\"}}}}],"
     "\"milestones\":[{\"id\":\"m\",\"status\":\"not-met\"}],\"other\":{\"ocds\":{\"id\":7,"
     "\"minValue\":{\"amount\":5}}}}"},
    {CONTRACT,
     ",\"awards\":[{\"id\":\"A1\",\"date\":\"2026-01-01T00:00:00Z\",\"suppliers\":[],"
     "\"contractPeriod\""
     ":{\"endDate\":null},\"documents\":[{\"id\":\"d\",\"documentType\":\"notice\",\"url\":"
     "\"https://x.example/\",\"language\":\"en\"},{\"id\":\"e\",\"language\":\"e\"}]}]",
     "\"awards\":[{\"id\":\"A1\",\"date\":\"2026-01-01T00:00:00Z\",\"suppliers\":[],\"period\":{"
     "\"other\":{\"ocds\":{\"endDate\":null}}},\"documents\":[{\"id\":\"d\",\"kind\":{\"code\":"
     "\"notice\"},\"url\":\"https://x.example/\",\"language\":\"en\"},{\"id\":\"e\",\"other\":{"
     "\"ocds\":{\"language\":\"e\"}}}]}]"},
    {CONTRACT,
     ",\"contracts\":[{\"id\":\"C1\",\"awardID\":2,\"dateSigned\":\"2026-01-01T00:00:00Z\","
     "\"implementation\":{\"transactions\":[{\"id\":7" VALUE
     "}],\"milestones\":[{\"id\":\"m\"}]}},{\"id\":\"C2\",\"awardID\":\"A2\",\"implementation\":{"
     "\"transactions\":[]}}]",
     "\"contracts\":[{\"id\":\"C1\",\"award\":\"2\",\"signed\":\"2026-01-01T00:00:00Z\","
     "\"transactions\":[{\"kind\":\"expenditure\",\"id\":\"7\",\"value\":{\"amount\":\"3000.10\","
     "\"currency\":\"GBP\"},\"other\":{\"ocds\":{\"id\":7}}}],\"other\":{\"ocds\":{\"awardID\":2,"
     "\"implementation\":{\"milestones\":[{\"id\":\"m\"}]}}}},{\"id\":\"C2\",\"award\":\"A2\","
     "\"other\":{\"ocds\":{\"implementation\":{\"transactions\":[]}}}}]"},
    {CONTRACT, ",\"contracts\":[],\"own\":{\"a\":[1.10]},\"language\":null",
     "\"contracts\":[],\"other\":{\"ocds\":{\"initiationType\":\"tender\",\"own\":{\"a\":[1.10]},"
     "\"language\":null}}"},
    {PAYMENT, VALUE,
     "{\"record\":1,\"type\":\"funding.payment\",\"kind\":\"expenditure\",\"contract\":{\"id\":"
     "\"ocds-213czf-1\"},\"id\":\"ocds-213czf-1/C1/"
     "T1\",\"award\":{\"id\":\"A1\"},\"number\":\"T1\","
     "\"value\":{\"amount\":\"3000.10\",\"currency\":\"GBP\"},\"other\":{\"ocds\":{\"date\":"
     "\"2026-02-27T12:00:00Z\",\"tag\":[\"implementation\"],\"initiationType\":\"tender\","
     "\"contracts\":{\"id\":\"C1\"}}}}"},
    {PAYMENT,
     VALUE ",\"date\":\"2026-02-20T00:00:00Z\",\"payer\":{\"id\":\"GB-LAE-EXT\"},\"payee\":{"
           "\"name\":\"n\",\"x\":1},\"uri\":\"https://x.example/\",\"own\":null",
     "\"date\":\"2026-02-20T00:00:00Z\",\"value\":{\"amount\":\"3000.10\",\"currency\":\"GBP\"},"
     "\"payer\":{\"identifiers\":[{\"scheme\":\"GB-LAE\",\"id\":\"EXT\"}]},\"payee\":{\"name\":"
     "\"n\",\"other\":{\"ocds\":{\"x\":1}}},\"url\":\"https://x.example/\",\"other\":{\"ocds\":{"
     "\"date\":\"2026-02-27T12:00:00Z\",\"tag\":[\"implementation\"],\"initiationType\":\"tender\","
     "\"contracts\":{\"id\":\"C1\",\"implementation\":{\"transactions\":{\"own\":null}}}}}"},
};

static void every_member_has_its_place_and_comes_back(void **state)
{
    struct adapter_host *h = *state;
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        const char *type = places[i].type;
        char release[4096];
        (void)(strcmp(type, PAYMENT) == 0
                   ? snprintf(release, sizeof release, PAID, places[i].more)
                   : snprintf(release, sizeof release, RELEASE, places[i].more));
        if (through(h, adapter_host_to_hub, type, release) != REEVE_OK)
            fail_msg("%s: %s", release, adapter_host_reason(h));
        char *record = made(h);
        if (strstr(record, places[i].hub) == NULL)
            fail_msg("\n%s\ndoes not stand in\n%s", places[i].hub, record);
        if (through(h, adapter_host_from_hub, type, record) != REEVE_OK)
            fail_msg("%s: %s", record, adapter_host_reason(h));
        assert_string_equal(message_get(h->messages[0], "dataschema"), OCDS_SCHEMA);
        char *again = made(h);
        struct print was = print_of(release), is = print_of(again);
        if (was.a != is.a || was.b != is.b)
            fail_msg("\n%s\nis not\n%s", again, release);
        free(again);
        free(record);
    }
}

static void names_of_ocds_1_0_are_read_and_never_written(void **state)
{
    struct adapter_host *h = *state;
    char release[2048];
    (void)snprintf(release, sizeof release, PAID,
                   ",\"amount\":{\"amount\":5,\"currency\":\"GBP\"},\"providerOrganization\":{"
                   "\"id\":\"GB-LAE-EXT\",\"legalName\":\"n\"}");
    assert_int_equal(through(h, adapter_host_to_hub, PAYMENT, release), REEVE_OK);
    char *record = made(h);
    assert_non_null(strstr(record, "\"value\":{\"amount\":\"5\",\"currency\":\"GBP\"},\"payer\":{"
                                   "\"identifiers\":[{\"scheme\":\"GB-LAE\",\"id\":\"EXT\"}],"
                                   "\"name\":\"n\"}"));
    assert_int_equal(through(h, adapter_host_from_hub, PAYMENT, record), REEVE_OK);
    char *again = made(h);
    assert_non_null(strstr(again, "{\"id\":\"T1\",\"value\":{\"amount\":5,\"currency\":\"GBP\"},"
                                  "\"payer\":{\"id\":\"GB-LAE-EXT\",\"name\":\"n\"}}"));
    assert_null(strstr(again, "providerOrganization"));
    free(again);
    free(record);
}

/* A message of this source into the host; its record is the last message gathered. */
static reeve_rc release_of(struct adapter_host *h, const char *source, const char *body)
{
    struct message *m = message_new();
    struct err e;
    assert_non_null(m);
    assert_int_equal(message_sets(m, "type", CONTRACT, &e), 0);
    assert_int_equal(message_sets(m, "source", source, &e), 0);
    assert_int_equal(message_set_body(m, "application/json", body, strlen(body), &e), 0);
    adapter_host_reset(h);
    reeve_rc rc = adapter_host_to_hub(h, m);
    message_free(m);
    return rc;
}

#define OF(n, more)                                                                        \
    "{\"ocid\":\"ocds-213czf-2\",\"id\":\"r" n "\",\"date\":\"2026-02-0" n "T12:00:00Z\"," \
    "\"tag\":[\"award\"],\"initiationType\":\"tender\"" more "}"

static void a_record_says_what_all_releases_of_its_process_say_together(void **state)
{
    struct adapter_host *h = *state;
    static const char first[] = OF("1", ",\"awards\":[{\"id\":\"A\"" VALUE "}]"),
                      second[] = OF("2", ",\"contracts\":[{\"id\":\"C\",\"awardID\":\"A\","
                                         "\"implementation\":{}}]"),
                      other[] = "//hub/other/ocds";
    assert_int_equal(release_of(h, "//hub/a/ocds", first), REEVE_OK);
    char *record = made(h);
    assert_non_null(strstr(record, "\"stages\":[\"award\"],\"id\":\"ocds-213czf-2\",\"release\":"
                                   "\"r1\""));
    free(record);
    assert_int_equal(release_of(h, "//hub/a/ocds", second), REEVE_OK);
    record = made(h);
    assert_non_null(strstr(record, "\"stages\":[\"award\",\"contract\",\"implementation\"],"
                                   "\"id\":\"ocds-213czf-2\",\"release\":"
                                   "\"ocds-213czf-2-2026-02-02T12:00:00Z\""));
    assert_non_null(strstr(record, "\"awards\":[{\"id\":\"A\",\"value\":{\"amount\":\"3000.10\""));
    assert_int_equal(through(h, adapter_host_from_hub, CONTRACT, record), REEVE_OK);
    free(record);
    assert_int_equal(release_of(h, other, second), REEVE_OK); /* who publishes it keeps his own */
    record = made(h);
    assert_null(strstr(record, "\"awards\""));
    free(record);
}

static void a_process_that_cannot_be_named_or_kept_is_no_record(void **state)
{
    struct adapter_host *h = *state;
    char source[1100];
    memset(source, 's', sizeof source);
    source[sizeof source - 1] = 0;
    assert_int_equal(release_of(h, source, OF("1", "")), REEVE_REJECT);
    assert_non_null(strstr(adapter_host_reason(h), "too long to remember"));
    h->refuses_state = true;
    assert_int_equal(release_of(h, "//hub/a/ocds", OF("3", "")), REEVE_RETRY);
    assert_non_null(strstr(adapter_host_reason(h), "cannot be kept"));
    h->refuses_state = false;
}

#define HEAD "{\"record\":1,\"type\":\"information.contract\",\"id\":\"ocds-213czf-1\""
#define DATE ",\"date\":\"2026-02-27T12:00:00Z\""
#define REST DATE ",\"release\":\"r\",\"tags\":[\"award\"]"
#define PAY                                                                          \
    "{\"record\":1,\"type\":\"funding.payment\",\"id\":\"p\",\"value\":{\"amount\":" \
    "\"5\",\"currency\":\"GBP\"}"
#define UNDER ",\"contract\":{\"id\":\"ocds-213czf-1\"},\"award\":{\"id\":\"A\"},\"number\":\"7\""
#define OWN   ",\"other\":{\"ocds\":{\"contracts\":{\"id\":\"C1\"}}}"

static void a_record_that_is_no_release_is_refused_with_what_it_lacks(void **state)
{
    static const struct {
        const char *type, *record, *reason; /* NULL: taken */
    } cases[] = {
        {CONTRACT, HEAD REST "}", NULL},
        {CONTRACT, HEAD ",\"release\":\"r\",\"tags\":[\"award\"]}", "/date: "},
        {CONTRACT, HEAD ",\"date\":\"2026-02-27\",\"release\":\"r\",\"tags\":[\"award\"]}",
         "/date: "}, /* no time of day is invented */
        {CONTRACT, HEAD DATE ",\"tags\":[\"award\"]}", "/id: "},
        {CONTRACT, HEAD DATE ",\"release\":\"r\"}", "/tag: "},
        {CONTRACT, HEAD DATE ",\"release\":\"r\",\"tags\":[\"own\"]}", "/tag/0: "},
        {CONTRACT, HEAD REST ",\"awards\":[{}]}", "/awards/0/id: "},
        {CONTRACT, HEAD REST ",\"contracts\":[{\"id\":\"c\"}]}", "/contracts/0/awardID: "},
        {CONTRACT, HEAD REST ",\"somethingNewer\":{}}", NULL},
        {PAYMENT, PAY DATE UNDER OWN "}", NULL},
        {PAYMENT, PAY DATE UNDER OWN ",\"kind\":\"disbursement\"}", NULL},
        {PAYMENT, PAY DATE UNDER OWN ",\"kind\":\"commitment\"}", "went out"},
        {PAYMENT, PAY DATE UNDER "}", "/contracts/0/id: "},
        {PAYMENT, PAY UNDER OWN "}", "/date: "},
        {PAYMENT, PAY DATE OWN "}", "/ocid: "},
        {"funding.award", "{\"record\":1,\"type\":\"funding.award\",\"id\":\"a\"}",
         "no place for funding.award"},
        {CONTRACT, "{\"record\":2,\"type\":\"information.contract\",\"id\":\"a\"}",
         "of version 2, known is 1"},
        {CONTRACT, "[1]", "no hub record"},
    };
    struct adapter_host *h = *state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        reeve_rc rc = through(h, adapter_host_from_hub, cases[i].type, cases[i].record);
        if (rc != (cases[i].reason != NULL ? REEVE_REJECT : REEVE_OK))
            fail_msg("%s: %d %s", cases[i].record, rc, adapter_host_reason(h));
        if (cases[i].reason != NULL && strstr(adapter_host_reason(h), cases[i].reason) == NULL)
            fail_msg("%s: %s", cases[i].record, adapter_host_reason(h));
    }
}

static void what_cannot_be_a_record_is_refused_with_a_reason(void **state)
{
    static const struct {
        const char *type, *body, *reason;
    } cases[] = {
        {CONTRACT, "[]", "no release"},
        {CONTRACT, "{\"id\":\"r\"}", "no ocid"},
        {CONTRACT, "{\"ocid\":\"\"}", "no ocid"},
        {CONTRACT, "{\"ocid\":\"o\",\"date\":\"2026-02-27T12:00:00Z\"}", "no id, or no date"},
        {CONTRACT, "{\"ocid\":\"o\",\"id\":\"r\",\"date\":\"2026-02-27\"}", "no id, or no date"},
        {PAYMENT, "{\"ocid\":\"o\"}", "no id"},
        {PAYMENT, "{\"ocid\":\"o\",\"id\":\"p\"}", "one transaction"},
        {PAYMENT,
         "{\"ocid\":\"o\",\"id\":\"p\",\"contracts\":[{\"implementation\":{\"transactions\":[{},{}]"
         "}}]}",
         "one transaction"},
        {PAYMENT,
         "{\"ocid\":\"o\",\"id\":\"p\",\"contracts\":[{\"implementation\":{\"transactions\":[{"
         "\"value\":{\"amount\":5}}]}}]}",
         "no value with an amount and a currency"},
        {"funding.award", "{\"ocid\":\"o\"}", "no release"},
    };
    struct adapter_host *h = *state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        if (through(h, adapter_host_to_hub, cases[i].type, cases[i].body) != REEVE_REJECT ||
            strstr(adapter_host_reason(h), cases[i].reason) == NULL)
            fail_msg("%s: %s", cases[i].body, adapter_host_reason(h));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_member_has_its_place_and_comes_back),
        cmocka_unit_test(a_record_says_what_all_releases_of_its_process_say_together),
        cmocka_unit_test(a_process_that_cannot_be_named_or_kept_is_no_record),
        cmocka_unit_test(names_of_ocds_1_0_are_read_and_never_written),
        cmocka_unit_test(a_record_that_is_no_release_is_refused_with_what_it_lacks),
        cmocka_unit_test(what_cannot_be_a_record_is_refused_with_a_reason),
    };
    return cmocka_run_group_tests(tests, adapter_host_setup, adapter_host_teardown);
}
