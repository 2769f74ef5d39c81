/* SPDX-License-Identifier: Apache-2.0 */
/* What becomes of an IATI activity file: messages, refusals and issues. */
#include "lib/adapter_host.h"
#include <stdarg.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#define ROOT(inside) "<iati-activities version=\"2.03\">" inside "</iati-activities>"
#define ORG                                                            \
    "<reporting-org ref=\"GB-LAE-EXA\" type=\"11\"><narrative>Council" \
    "</narrative></reporting-org>"
#define TITLE       "<title><narrative>Warm rooms</narrative></title>"
#define DESCRIPTION "<description><narrative>Heating</narrative></description>"
#define PARTIES                                                             \
    "<participating-org role=\"1\" ref=\"GB-LAE-EXA\"/><participating-org " \
    "role=\"4\" ref=\"GB-CHC-1112223\"/>"
#define STATUS         "<activity-status code=\"2\"/>"
#define DATE           "<activity-date type=\"2\" iso-date=\"2026-01-15\"/>"
#define COUNTRY        "<recipient-country code=\"GB\"/>"
#define SECTOR         "<sector code=\"16010\"/>"
#define START_TAG      "<iati-activity default-currency=\"GBP\" xml:lang=\"en\">"
#define ID             "<iati-identifier>GB-LAE-EXA-7</iati-identifier>"
#define UP_TO_DATE     ID ORG TITLE DESCRIPTION PARTIES STATUS DATE
#define ACTIVITY(more) START_TAG UP_TO_DATE COUNTRY SECTOR more "</iati-activity>"
#define TRANSACTION(ref, type, value)                                                        \
    "<transaction" ref "><transaction-type code=\"" type                                     \
    "\"/><transaction-date iso-date=\"2026-02-01\"/><value value-date=\"2026-02-01\">" value \
    "</value></transaction>"

static reeve_rc decode_bytes(struct adapter_host *h, const char *p, size_t len)
{
    adapter_host_reset(h);
    return adapter_host_decode(h, p, len, "", NULL, 0);
}

static reeve_rc decode(struct adapter_host *h, const char *text)
{
    return decode_bytes(h, text, strlen(text));
}

static const char *get(const struct adapter_host *h, size_t i, const char *attribute)
{
    return message_get(h->messages[i], attribute);
}

/* A schema of which the grammar knows nothing: every activity has a hierarchy, and at most ten
 * elements. */
static const char stricter[] =
    "<xs:schema xmlns:xs=\"http://www.w3.org/2001/XMLSchema\"><xs:element "
    "name=\"iati-activities\"><xs:complexType><xs:sequence><xs:element name=\"iati-activity\" "
    "maxOccurs=\"unbounded\"><xs:complexType><xs:sequence><xs:any processContents=\"skip\" "
    "minOccurs=\"0\" maxOccurs=\"10\"/></xs:sequence><xs:attribute name=\"hierarchy\" "
    "use=\"required\"/><xs:anyAttribute processContents=\"skip\"/></xs:complexType></xs:element>"
    "</xs:sequence><xs:anyAttribute processContents=\"skip\"/></xs:complexType></xs:element>"
    "</xs:schema>";

static struct adapter_host *with_schema(const char *text, char path[32])
{
    char option[64];
    (void)snprintf(path, 32, "/tmp/reeve-schema-XXXXXX");
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    assert_int_equal(close(fd), 0);
    (void)snprintf(option, sizeof option, "schema=%s", path);
    return adapter_host_new(option);
}

static void the_operators_schema_is_asked_before_an_activity_goes_on(void **state)
{
#define WITH_LEVEL(more) \
    "<iati-activity hierarchy=\"1\" default-currency=\"GBP\">" more "</iati-activity>"
    char path[32];
    (void)state;
    struct adapter_host *h = with_schema(stricter, path);
    assert_int_equal(decode(h, ROOT(ACTIVITY("") WITH_LEVEL(UP_TO_DATE COUNTRY SECTOR) WITH_LEVEL(
                                   UP_TO_DATE COUNTRY SECTOR TRANSACTION("", "3", "1")
                                       TRANSACTION("", "3", "2") TRANSACTION("", "3", "3")))),
                     REEVE_OK);
    assert_int_equal(h->messages_n, 1); /* the second has all, and not more than ten */
    assert_int_equal(h->refused, 2);
    const struct seen_issue *i = adapter_host_issue(h, "schema-invalid");
    assert_non_null(i);
    assert_string_equal(i->where, "line 1, /iati-activities/iati-activity[1]");
    adapter_host_free(h);
    (void)unlink(path);
}

static void an_award_names_the_one_activity_it_is_a_part_of(void **state)
{
#define RELATED(type, ref) "<related-activity type=\"" type "\" ref=\"" ref "\"/>"
    struct adapter_host *h = *state;
    assert_int_equal(decode(h, ROOT(ACTIVITY(RELATED("2", "X") RELATED("1", "GB-1-P")))), REEVE_OK);
    assert_string_equal(get(h, 0, "correlationid"), "GB-1-P");
    assert_int_equal(decode(h, ROOT(ACTIVITY(RELATED("1", "P") RELATED("1", "Q")))), REEVE_OK);
    assert_null(get(h, 0, "correlationid"));
}

static void a_sum_that_cannot_be_told_exactly_is_not_told(void **state)
{
    struct adapter_host *h = *state;
    assert_int_equal(decode(h, ROOT(ACTIVITY(TRANSACTION("", "2", "0.01")
                                                 TRANSACTION("", "2", "99999999999999999999")))),
                     REEVE_OK);
    assert_string_equal(get(h, 0, "amount"), "2147483647");
    assert_null(get(h, 0, "exactamount"));
    assert_int_equal(decode(h, ROOT(ACTIVITY(TRANSACTION("", "2", "0.10") TRANSACTION(
                                   "", "2", "12345.000000000000000001")))),
                     REEVE_OK);
    assert_string_equal(get(h, 0, "exactamount"), "12345.100000000000000001");
}

static void an_activity_becomes_an_award_and_its_payments(void **state)
{
    struct adapter_host *h = *state;
    static const char activity[] = ACTIVITY(TRANSACTION(" ref=\"C1\"", "2", "3000.99") TRANSACTION(
        " ref=\"P1\"", "3", " 1250.50 ") TRANSACTION("", "4", "-20"));
    size_t len = 0;
    assert_int_equal(decode(h, ROOT(ACTIVITY(TRANSACTION(" ref=\"C1\"", "2", "3000.99") TRANSACTION(
                                   " ref=\"P1\"", "3", " 1250.50 ") TRANSACTION("", "4", "-20")))),
                     REEVE_OK);
    assert_int_equal(h->issues_n, 0);
    assert_int_equal(h->messages_n, 3);
    static const char *const want[][3] = {
        {"type", "funding.award", "funding.payment"},
        {"subject", "GB-LAE-EXA-7", "GB-LAE-EXA-7/P1"},
        {"funder", "GB-LAE-EXA", "GB-LAE-EXA"},
        {"amount", "3000", "1250"},
        {"exactamount", "3000.99", "1250.5"},
        {"currency", "GBP", "GBP"},
        {"category", "16010", "16010"},
        {"status", "2", "2"},
        {"datacontenttype", "application/xml", "application/xml"}};
    for (size_t i = 0; i < sizeof want / sizeof want[0]; i++)
        for (size_t k = 0; k < 2; k++)
            assert_string_equal(get(h, k, want[i][0]), want[i][k + 1]);
    assert_string_equal(get(h, 0, "recipient"), "GB-CHC-1112223");
    assert_string_equal(get(h, 1, "correlationid"), "GB-LAE-EXA-7");
    assert_string_equal(get(h, 2, "amount"), "-20");
    assert_string_equal(get(h, 2, "exactamount"), "-20");
    assert_null(get(h, 0, "correlationid"));
    const char *body = message_body(h->messages[0], &len);
    assert_int_equal(len, strlen(activity));
    assert_memory_equal(body, activity, len); /* byte for byte */
    body = message_body(h->messages[1], &len);
    assert_non_null(strstr(body, UP_TO_DATE COUNTRY SECTOR "<transaction ref=\"P1\">"));
    assert_null(strstr(body, "C1"));
}

static void results_become_a_report(void **state)
{
    struct adapter_host *h = *state;
    assert_int_equal(
        decode(h, ROOT(ACTIVITY("<result type=\"1\">" TITLE "<indicator measure=\"5\">" TITLE
                                "</indicator></result>"))),
        REEVE_OK);
    assert_int_equal(h->messages_n, 2);
    assert_string_equal(get(h, 1, "type"), "funding.report");
    assert_string_equal(get(h, 1, "subject"), "GB-LAE-EXA-7/report");
}

/* Identities of payments: a ref while it is alone, else what the transaction says. */
static void payments_keep_their_names(void **state)
{
    struct adapter_host *h = *state;
    char first[64], second[64];
    assert_int_equal(decode(h, ROOT(ACTIVITY(TRANSACTION("", "3", "1") TRANSACTION("", "3", "2")
                                                 TRANSACTION("", "3", "1")))),
                     REEVE_OK);
    (void)snprintf(first, sizeof first, "%s", get(h, 1, "subject"));
    (void)snprintf(second, sizeof second, "%s-2", get(h, 1, "subject"));
    assert_string_not_equal(first, get(h, 2, "subject"));
    assert_string_equal(second, get(h, 3, "subject"));
    /* another order, other white space: the same names */
    assert_int_equal(
        decode(h, ROOT(ACTIVITY(TRANSACTION("", "3", "2") TRANSACTION("", "3", "\n 1\n")))),
        REEVE_OK);
    assert_string_equal(first, get(h, 2, "subject"));
    /* a ref that two have is none */
    assert_int_equal(decode(h, ROOT(ACTIVITY(TRANSACTION(" ref=\"A\"", "3", "1")
                                                 TRANSACTION(" ref=\"A\"", "3", "2")))),
                     REEVE_OK);
    assert_string_not_equal(get(h, 1, "subject"), "GB-LAE-EXA-7/A");
    assert_string_not_equal(get(h, 1, "subject"), get(h, 2, "subject"));
}

/* The day of the last update is not part of a payment: it would change it every month. */
static void an_update_elsewhere_leaves_payments_unchanged(void **state)
{
    struct adapter_host *h = *state;
    static const char *const tags[] = {
        "<iati-activity last-updated-datetime=\"2026-01-01T00:00:00Z\" default-currency='GBP'>",
        "<iati-activity default-currency='GBP' \n last-updated-datetime = '2026-02-01T00:00:00Z' "
        ">"};
    char *bodies[2];
    for (size_t i = 0; i < 2; i++) {
        char text[4096];
        size_t len = 0;
        (void)snprintf(text, sizeof text,
                       "<iati-activities version=\"2.03\">%s%s</iati-activity></iati-activities>",
                       tags[i], UP_TO_DATE TRANSACTION("", "3", "1"));
        assert_int_equal(decode(h, text), REEVE_OK);
        assert_int_equal(h->messages_n, 2);
        const char *body = message_body(h->messages[1], &len);
        bodies[i] = strndup(body, len);
        assert_non_null(bodies[i]);
    }
    assert_null(strstr(bodies[0], "last-updated"));
    assert_null(strstr(bodies[1], "last-updated"));
    free(bodies[0]);
    free(bodies[1]);
}

static void namespaces_of_the_root_go_along(void **state)
{
    struct adapter_host *h = *state;
    size_t len = 0;
    assert_int_equal(decode(h, "<iati-activities version=\"2.03\" xmlns:a=\"urn:a&amp;&lt;\" "
                               "xmlns:b=\"urn:b\">" ACTIVITY("<a:own/>")
                                   ACTIVITY("") "</iati-activities>"),
                     REEVE_OK);
    assert_int_equal(h->messages_n, 2);
    const char *body = message_body(h->messages[0], &len);
    assert_non_null(strstr(body, "<iati-activity xmlns:a=\"urn:a&amp;&lt;\" default-currency"));
    assert_null(strstr(body, "urn:b"));
    body = message_body(h->messages[1], &len);
    assert_memory_equal(body, START_TAG, strlen(START_TAG));
}

static void every_fault_is_reported_with_line_and_path(void **state)
{
    static const struct {
        const char *activity, *code, *where;
    } cases[] = {
        {START_TAG "\n" ID ORG TITLE DESCRIPTION PARTIES STATUS "</iati-activity>",
         "element-missing", "line 2, /iati-activities/iati-activity[1]"},
        {START_TAG ID TITLE "\n\n" ORG DESCRIPTION PARTIES STATUS DATE "</iati-activity>",
         "element-order", "line 4, /iati-activities/iati-activity[1]/reporting-org"},
        {ACTIVITY("") "\r\r\n" ACTIVITY("<own/>"), "element-unexpected",
         "line 4, /iati-activities/iati-activity[2]/own"},
        {ACTIVITY("<capital-spend percentage=\"1\"/>\r<capital-spend percentage=\"2\"/>"),
         "element-repeated", "line 3, /iati-activities/iati-activity[1]/capital-spend[2]"},
        {ACTIVITY("<transaction/>"), "element-missing",
         "line 2, /iati-activities/iati-activity[1]/transaction[1]"},
        {ACTIVITY(TRANSACTION("", "3", "1,000")), "not-a-number",
         "line 2, /iati-activities/iati-activity[1]/transaction[1]/value"},
        {ACTIVITY("<capital-spend/>"), "attribute-missing",
         "line 2, /iati-activities/iati-activity[1]/capital-spend/@percentage"},
        {ACTIVITY("<conditions attached=\"yes\"/>"), "not-a-boolean",
         "line 2, /iati-activities/iati-activity[1]/conditions/@attached"},
        {ACTIVITY("<related-activity ref=\"a\" type=\"1\" own=\"b\"/>"), "attribute-unknown",
         "line 2, /iati-activities/iati-activity[1]/related-activity[1]/@own"},
        {ACTIVITY("<related-activity ref=\"a\" type=\"1\" xml:lang=\"en\"/>"), "attribute-unknown",
         "line 2, /iati-activities/iati-activity[1]/related-activity[1]/@lang"},
        {ACTIVITY("text"), "text-unexpected", "line 2, /iati-activities/iati-activity[1]"},
        {ACTIVITY("<![CDATA[text]]>"), "text-unexpected",
         "line 2, /iati-activities/iati-activity[1]"},
        {ACTIVITY("<a:own/>"), "prefix-unknown", "line 2, /iati-activities/iati-activity[1]/a:own"},
        {ACTIVITY("<own xmlns=\"urn:x\"><sector xmlns=\"\"/></own>"), "attribute-missing",
         "line 2, /iati-activities/iati-activity[1]/own/sector/@code"},
        {ACTIVITY("<own xmlns=\"urn:x\"/><capital-spend percentage=\"1\"/>"), "element-order",
         "line 2, /iati-activities/iati-activity[1]/capital-spend"},
    };
    struct adapter_host *h = *state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[4096];
        (void)snprintf(text, sizeof text,
                       "<iati-activities version=\"2.03\">\n%s</iati-activities>",
                       cases[i].activity);
        assert_int_equal(decode(h, text), REEVE_OK);
        assert_int_equal(h->refused, 1);
        const struct seen_issue *issue = adapter_host_issue(h, cases[i].code);
        assert_non_null(issue);
        assert_string_equal(issue->where, cases[i].where);
        assert_int_equal(issue->severity, REEVE_ISSUE_ERROR);
    }
}

static void a_faulty_activity_leaves_the_others(void **state)
{
    struct adapter_host *h = *state;
    assert_int_equal(decode(h, ROOT(ACTIVITY("") START_TAG "</iati-activity>" ACTIVITY(""))),
                     REEVE_OK);
    assert_int_equal(h->messages_n, 2);
    assert_int_equal(h->refused, 1);
    assert_non_null(adapter_host_issue(h, "identifier-duplicate"));
}

static void faults_of_the_root_refuse_the_whole(void **state)
{
    static const char *const texts[] = {
        "<iati-activities>" ACTIVITY("") "</iati-activities>",
        "<iati-activities version=\"2.03\"/>",
        "<iati-activities version=\"2.03\" generated-datetime=\"today\">" ACTIVITY(
            "") "</iati-activities>",
        "<iati-activities version=\"2.03\"><own/>" ACTIVITY("") "</iati-activities>",
        ROOT("<x:y xmlns:x=\"urn:x\"/>" ACTIVITY("")),
    };
    struct adapter_host *h = *state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        assert_int_equal(decode(h, texts[i]), REEVE_OK);
        assert_true(h->issues_n > 0);
        assert_int_equal(h->issues[0].severity, REEVE_ISSUE_PACKAGE);
    }
}

/* ---- what cannot be read ---- */

static void unreadable(struct adapter_host *h, const char *p, size_t len, const char *code)
{
    assert_int_equal(decode_bytes(h, p, len), REEVE_REJECT);
    assert_true(h->issues_n > 0);
    const struct seen_issue *issue = &h->issues[h->issues_n - 1];
    assert_string_equal(issue->code, code);
    assert_int_equal(issue->severity, REEVE_ISSUE_UNREADABLE);
    assert_memory_equal(issue->where, "line ", 5);
}

static void what_is_not_an_activity_file_is_unreadable(void **state)
{
    static const struct {
        const char *text, *code;
    } cases[] = {
        {"", "xml-syntax"},
        {"{}", "xml-syntax"},
        {"<html><body/></html>", "not-iati"},
        {"<iati-organisations version=\"2.03\"/>", "not-iati"},
        {"<iati-activities xmlns=\"urn:x\" version=\"2.03\"/>", "not-iati"},
        {"<iati-activities version=\"2.03\"><iati-activity>", "xml-syntax"},
        {ROOT(ACTIVITY("")) "x", "xml-syntax"},
        {ROOT(ACTIVITY("&undefined;")), "xml-syntax"},
        {ROOT(ACTIVITY("<a></b>")), "xml-syntax"},
        {"<!DOCTYPE iati-activities>" ROOT(ACTIVITY("")), "doctype"},
        {"<!DOCTYPE r SYSTEM \"file:///etc/passwd\">" ROOT(ACTIVITY("")), "doctype"},
        {"<!DOCTYPE r [<!ENTITY e SYSTEM \"file:///etc/passwd\">]>" ROOT(ACTIVITY("&e;")),
         "doctype"},
        {"<!DOCTYPE r [<!ENTITY a \"ha\"><!ENTITY b \"&a;&a;&a;&a;\"><!ENTITY c "
         "\"&b;&b;&b;&b;\">]>" ROOT(ACTIVITY("&c;")),
         "doctype"},
        {"<?xml version=\"1.0\" encoding=\"no-such\"?>" ROOT(""), "encoding"},
        {"<?xml version=\"1.0\" encoding=\"UTF-16\"?>" ROOT(""), "encoding"},
        {ROOT(ACTIVITY("<!-- \xc3( -->")), "encoding"},
        {ROOT(ACTIVITY("<!-- \xc1\x81 -->")), "encoding"},
        {ROOT(ACTIVITY("<!-- \xed\xa0\x80 -->")), "encoding"},
        {ROOT(ACTIVITY("<!-- \xf4\x90\x80\x80 -->")), "encoding"},
        {ROOT(ACTIVITY("<!-- \x01 -->")), "xml-syntax"},
        {ROOT("<!-- \xe2\x82"), "encoding"},
    };
    struct adapter_host *h = *state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        unreadable(h, cases[i].text, strlen(cases[i].text), cases[i].code);
    unreadable(h, "PK\x03\x04\0\0", 6, "xml-syntax");
}

static void a_file_that_is_cut_anywhere_is_unreadable(void **state)
{
    static const char whole[] = ROOT(ACTIVITY("<!-- c --><own xmlns=\"urn:x\">&amp;</own>"));
    for (size_t len = 0; len + 1 < sizeof whole - 1; len++)
        unreadable(*state, whole, len, "xml-syntax");
    assert_int_equal(decode(*state, whole), REEVE_OK);
    assert_int_equal(((struct adapter_host *)*state)->messages_n, 1);
}

static char *repeated(const char *before, const char *what, size_t n, const char *after,
                      size_t *ret_len)
{
    size_t a = strlen(before), b = strlen(what), c = strlen(after);
    char *text = malloc(a + b * n + c + 1);
    assert_non_null(text);
    memcpy(text, before, a);
    for (size_t i = 0; i < n; i++)
        memcpy(text + a + b * i, what, b);
    memcpy(text + a + b * n, after, c + 1);
    *ret_len = a + b * n + c;
    return text;
}

static void what_is_beyond_the_limits_is_refused(void **state)
{
    static const struct {
        const char *before, *what;
        size_t n;
        const char *after, *code;
    } cases[] = {
        {"<iati-activities version=\"2.03\">", "<a>", 100000, "", "too-deep"},
        {"<iati-activities version=\"2.03\"><iati-activity ", "a=\"1\" ", 100000, "/>",
         "too-large"},
        {"<iati-activities version=\"2.03\"><iati-activity a=\"", "x", 20 << 20, "\"/>",
         "too-large"},
        {"<iati-activities version=\"2.03\"><!--", "x", 20 << 20, "-->", "too-large"},
        {"<iati-activities version=\"2.03\"><?x ", "x", 20 << 20, "?>", "too-large"},
        {"<iati-activities version=\"2.03\"><", "x", 20 << 20, "/>", "too-large"},
        {"<iati-activities ", "xmlns:a=\"b\" ", 1000, ">", "xml-syntax"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        size_t len = 0;
        char *text = repeated(cases[i].before, cases[i].what, cases[i].n, cases[i].after, &len);
        unreadable(*state, text, len, cases[i].code);
        free(text);
    }
}

static void an_activity_over_the_message_limit_is_refused_and_the_next_is_read(void **state)
{
    struct adapter_host *h = *state;
    static const char *const what[] = {TRANSACTION("", "3", "1"), "<!-- a comment -->", "\n"};
    for (size_t i = 0; i < sizeof what / sizeof what[0]; i++) {
        size_t len = 0;
        char *text =
            repeated("<iati-activities version=\"2.03\">" START_TAG UP_TO_DATE COUNTRY SECTOR,
                     what[i], (17u << 20) / strlen(what[i]),
                     "</iati-activity>\n" ACTIVITY("") "</iati-activities>", &len);
        assert_int_equal(decode_bytes(h, text, len), REEVE_OK);
        free(text);
        assert_int_equal(h->refused, 1);
        assert_int_equal(h->messages_n, 1);
        assert_string_equal(adapter_host_issue(h, "too-large")->where,
                            "line 1, /iati-activities/iati-activity[1]");
        assert_string_equal(adapter_host_issue(h, "too-large")->subject, "GB-LAE-EXA-7");
    }
}

/* ---- encodings ---- */

static void a_byte_order_mark_is_taken(void **state)
{
    assert_int_equal(decode(*state, "\xef\xbb\xbf" ROOT(ACTIVITY(""))), REEVE_OK);
    assert_int_equal(((struct adapter_host *)*state)->messages_n, 1);
}

static size_t wide(const char *s, bool big, bool mark, char *out)
{
    size_t n = 0;
    if (mark) {
        out[n++] = (char)(big ? 0xfe : 0xff);
        out[n++] = (char)(big ? 0xff : 0xfe);
    }
    for (; *s != 0; s++) {
        out[n++] = big ? 0 : *s;
        out[n++] = big ? *s : 0;
    }
    return n;
}

static void utf_16_is_read(void **state)
{
    struct adapter_host *h = *state;
    char bytes[8192];
    for (int i = 0; i < 4; i++) {
        size_t len = wide("<?xml version=\"1.0\" encoding=\"UTF-16\"?>\n" ROOT(ACTIVITY("")),
                          (i & 1) != 0, (i & 2) != 0, bytes);
        assert_int_equal(decode_bytes(h, bytes, len), REEVE_OK);
        assert_int_equal(h->messages_n, 1);
        assert_int_equal(h->issues_n, 0);
        unreadable(h, bytes, len - 1, "encoding"); /* half a character */
    }
}

static void declared_encodings_become_utf_8(void **state)
{
    struct adapter_host *h = *state;
    size_t len = 0;
    assert_int_equal(
        decode(h, "<?xml version='1.0' encoding='ISO-8859-1'?>" ROOT(ACTIVITY("<!-- caf\xe9 -->"))),
        REEVE_OK);
    assert_non_null(strstr(message_body(h->messages[0], &len), "<!-- caf\xc3\xa9 -->"));
    assert_int_equal(
        decode(h, "<?xml version='1.0' encoding='windows-1252'?>" ROOT(ACTIVITY("<!-- \x80 -->"))),
        REEVE_OK);
    assert_non_null(strstr(message_body(h->messages[0], &len), "<!-- \xe2\x82\xac -->"));
    static const char us[] = "<?xml version='1.0' encoding='US-ASCII'?>\n" ROOT("<!-- \xe9 -->");
    unreadable(h, us, sizeof us - 1, "encoding");
    assert_memory_equal(h->issues[h->issues_n - 1].where, "line 2", 6);
}

/* ---- rules ---- */

static void rules_are_warnings_unless_the_operator_refuses(void **state)
{
    static const char text[] = ROOT(ACTIVITY("<policy-marker code=\"1\"/>"));
    struct adapter_host *h = *state;
    assert_int_equal(decode(h, text), REEVE_OK);
    assert_int_equal(h->messages_n, 1);
    assert_int_equal(adapter_host_issue(h, "rule-6-14-1")->severity, REEVE_ISSUE_WARNING);
    struct adapter_host *strict = adapter_host_new("rules=refuse");
    assert_int_equal(decode(strict, text), REEVE_OK);
    assert_int_equal(strict->messages_n, 0);
    assert_int_equal(strict->refused, 1);
    assert_int_equal(adapter_host_issue(strict, "rule-6-14-1")->severity, REEVE_ISSUE_ERROR);
    adapter_host_free(strict);
    struct adapter_host *off = adapter_host_new("rules=off");
    assert_int_equal(decode(off, text), REEVE_OK);
    assert_int_equal(off->issues_n, 0);
    adapter_host_free(off);
}

/* ---- encode ---- */

static void encoded(struct adapter_host *h, const char *want_part, size_t activities)
{
    size_t len = 0;
    char *text = adapter_host_encode(h, &len, NULL);
    assert_non_null(text);
    assert_int_equal(decode_bytes(h, text, len), REEVE_OK);
    assert_int_equal(h->refused, 0);
    size_t n = 0;
    for (size_t i = 0; i < h->messages_n; i++)
        n += strcmp(get(h, i, "type"), "funding.award") == 0 ? 1 : 0;
    assert_int_equal(n, activities);
    if (want_part != NULL) {
        char *found = memmem(text, len, want_part, strlen(want_part));
        assert_non_null(found);
    }
    free(text);
}

/* Takes the message at i out of what was gathered. */
static void forget(struct adapter_host *h, size_t i)
{
    message_free(h->messages[i]);
    memmove(h->messages + i, h->messages + i + 1, (--h->messages_n - i) * sizeof *h->messages);
}

static void payments_go_with_their_award_or_together(void **state)
{
    struct adapter_host *h = *state;
    static const char text[] = ROOT(
        ACTIVITY(TRANSACTION("", "3", "1") TRANSACTION("", "3", "1") TRANSACTION("", "4", "2")));
    assert_int_equal(decode(h, text), REEVE_OK);
    assert_int_equal(h->messages_n, 4);
    encoded(h,
            ACTIVITY(TRANSACTION("", "3", "1") TRANSACTION("", "3", "1")
                         TRANSACTION("", "4", "2")) "\n</iati-activities>",
            1);
    assert_int_equal(h->messages_n, 4);
    forget(h, 0); /* without the award: two equal payments are still two */
    encoded(h,
            UP_TO_DATE COUNTRY SECTOR TRANSACTION("", "3", "1") TRANSACTION("", "3", "1")
                TRANSACTION("", "4", "2") "</iati-activity>",
            1);
    assert_int_equal(h->messages_n, 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, adapter_host_setup, adapter_host_teardown)
        T(the_operators_schema_is_asked_before_an_activity_goes_on),
        T(an_award_names_the_one_activity_it_is_a_part_of),
        T(a_sum_that_cannot_be_told_exactly_is_not_told),
        T(an_activity_becomes_an_award_and_its_payments),
        T(results_become_a_report),
        T(payments_keep_their_names),
        T(an_update_elsewhere_leaves_payments_unchanged),
        T(namespaces_of_the_root_go_along),
        T(every_fault_is_reported_with_line_and_path),
        T(a_faulty_activity_leaves_the_others),
        T(faults_of_the_root_refuse_the_whole),
        T(what_is_not_an_activity_file_is_unreadable),
        T(a_file_that_is_cut_anywhere_is_unreadable),
        T(what_is_beyond_the_limits_is_refused),
        T(an_activity_over_the_message_limit_is_refused_and_the_next_is_read),
        T(a_byte_order_mark_is_taken),
        T(utf_16_is_read),
        T(declared_encodings_become_utf_8),
        T(rules_are_warnings_unless_the_operator_refuses),
        T(payments_go_with_their_award_or_together),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
