/* SPDX-License-Identifier: Apache-2.0 */
/* What becomes of a spend file: messages, refusals and issues. */
#include "lib/adapter_host.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define HEAD "Body,Date,Number,Amount,Supplier,Note\r\n"

static reeve_rc decode_bytes(struct adapter_host *h, const char *p, size_t len)
{
    adapter_host_reset(h);
    return adapter_host_decode(h, p, len, "text/csv", NULL, 0);
}

static reeve_rc decode(struct adapter_host *h, const char *text)
{
    return decode_bytes(h, text, strlen(text));
}

static const char *attribute(const struct adapter_host *h, size_t i, const char *name)
{
    const char *value = message_get(h->messages[i], name);
    return value != NULL ? value : "(none)";
}

static void assert_body(const struct adapter_host *h, size_t i, const char *want)
{
    size_t len = 0;
    const char *p = message_body(h->messages[i], &len);
    if (len != strlen(want) || memcmp(p, want, len) != 0)
        fail_msg("%.*s", (int)len, p);
}

static void a_row_becomes_one_payment(void **state)
{
    struct adapter_host *h = *state;
    assert_int_equal(decode(h, "Spend over 500 pounds\r\n\r\n"
                               "Body Name,Body Code,Payment Date,Transaction Number,Net "
                               "Amount,Gross Amount,Irrecoverable VAT,Supplier Name,Supplier "
                               "ID,Expense Code,Purpose,Card Transaction,,Own\r\n"
                               "Exampleshire,GB-LAE-EXA,01/04/2026,4711,\"1,234.50\",1481.40,12,"
                               "\"Acme \"\"X\"\" Ltd\",77,R1,Chairs,Yes,left,over\r\n"),
                     REEVE_OK);
    assert_int_equal(h->messages_n, 1);
    assert_int_equal(h->refused, 0);
    assert_int_equal(h->issues_n, 1);
    assert_non_null(adapter_host_issue(h, "title-row"));
    assert_body(h, 0,
                "{\"body\":\"Exampleshire\",\"bodyCode\":\"GB-LAE-EXA\",\"date\":\"2026-04-01\","
                "\"number\":\"4711\",\"amount\":\"1234.50\",\"currency\":\"GBP\",\"basis\":\"net\","
                "\"vat\":\"12\",\"supplier\":\"Acme \\\"X\\\" Ltd\",\"supplierId\":\"77\",\"code\":"
                "\"R1\",\"purpose\":\"Chairs\",\"card\":true,\"extras\":{\"Gross "
                "Amount\":\"1481.40\",\"column 13\":\"left\",\"Own\":\"over\"}}");
    static const char *const want[][2] = {
        {"type", "funding.payment"},
        {"dataschema", "urn:reeve:spend-csv:1"},
        {"funder", "GB-LAE-EXA"},
        {"recipient", "77"},
        {"amount", "1234"},
        {"exactamount", "1234.50"},
        {"currency", "GBP"},
        {"category", "R1"},
        {"line", "4"},
        {"datacategory", "(none)"},
        {"columns",
         "body=Body Name; bodyCode=Body Code; date=Payment Date; number=Transaction Number; "
         "amount=Net Amount; vat=Irrecoverable VAT; supplier=Supplier Name; supplierId=Supplier "
         "ID; code=Expense Code; purpose=Purpose; card=Card Transaction"},
    };
    for (size_t i = 0; i < sizeof want / sizeof want[0]; i++)
        assert_string_equal(attribute(h, 0, want[i][0]), want[i][1]);
    assert_int_equal(strncmp(attribute(h, 0, "subject"), "GB-LAE-EXA/4711/", 16), 0);
}

/* Two equal rows are two payments; the same file has the same subjects, and a row more changes none
 * of the others. */
static void equal_rows_are_told_apart_the_same_way_every_time(void **state)
{
    struct adapter_host *h = *state;
    static const char *const row = "B,01/04/2026,1,5.00,S,\n";
    char text[4096] = HEAD, subject[6][256];
    for (int i = 0; i < 5; i++)
        (void)strncat(text, row, sizeof text - strlen(text) - 1);
    assert_int_equal(decode(h, text), REEVE_OK);
    assert_int_equal(h->messages_n, 5);
    for (size_t i = 0; i < 5; i++)
        (void)snprintf(subject[i], sizeof subject[i], "%s", attribute(h, i, "subject"));
    for (size_t i = 0; i < 5; i++)
        for (size_t k = i + 1; k < 5; k++)
            assert_string_not_equal(subject[i], subject[k]);
    (void)snprintf(text, sizeof text, "%sB,01/04/2026,1,6.00,S,\n%s\n%s\n", HEAD, row, row);
    assert_int_equal(decode(h, text), REEVE_OK);
    assert_int_equal(h->messages_n, 3);
    assert_string_equal(attribute(h, 1, "subject"), subject[0]);
    assert_string_equal(attribute(h, 2, "subject"), subject[1]);
    assert_string_not_equal(attribute(h, 0, "subject"), subject[0]);
}

static void warts_are_handled_or_named_with_their_line(void **state)
{
    static const struct {
        const char *rows; /* below HEAD */
        size_t messages, refused;
        const char *code, *where; /* NULL: nothing is said */
    } cases[] = {
        {"B,01/04/2026,1,5.00,S,\n", 1, 0, NULL, NULL},
        {"B,1/4/26,1,(5.00),S\n", 1, 0, NULL, NULL},
        {",,,,,\n\n , ,\nB,01/04/2026,1,5.00,S,\n", 1, 0, NULL, NULL},
        {"B,01/04/2026,1,5.00,S,,,,,\n", 1, 0, NULL, NULL},
        {"B,00:00:00,1,5,S,\nB,00:00:00,2,5,S,\n", 2, 0, "date-time-only", "line 2, column Date"},
        {"B,,1,5,S,\n", 1, 0, "date-missing", "line 2, column Date"},
        {"B,01/04/2026,1,5,,\n", 1, 0, "supplier-missing", "line 2, column Supplier"},
        {"B,31/04/2026,1,5,S,\n", 0, 1, "date-format", "line 2, column Date"},
        {"B,04/13/2026,1,5,S,\n", 0, 1, "date-format", "line 2, column Date"},
        {"B,01/04/2026,1,tbc,S,\n", 0, 1, "amount-format", "line 2, column Amount"},
        {"B,01/04/2026,1,,S,\n", 0, 1, "amount-missing", "line 2, column Amount"},
        {"B,01/04/2026,1,5,S,n,more\n", 0, 1, "row-length", "line 2"},
        {"B,01/04/2026,1,5,\"S\nS\",\nB,01/04/2026,1,x,S,\n", 1, 1, "amount-format",
         "line 4, column Amount"},
        {"B,01/04/2026,1,5,\"S\"x,\n", 1, 0, "stray-quote", "line 2"},
        {"B,01/04/2026,1,5,caf\xe9,\n", 1, 0, "not-utf8", "line 2"},
        {"B,01/04/2026,1,5,\x81,\n", 0, 1, "no-character", "line 2"},
        {HEAD "B,01/04/2026,1,5,S,\n", 1, 0, "heading-again", "line 2"},
        /* totals */
        {"B,01/04/2026,1,5,S,\nTotal,,,5,,\n", 1, 0, "total-row", "line 3"},
        {"B,01/04/2026,1,5,S,\n,,Grand Total:,5,,\n", 1, 0, "total-row", "line 3"},
        {"B,01/04/2026,1,5,S,\n,Sub-total,,5,,\n", 1, 0, "total-row", "line 3"},
        {"B,01/04/2026,1,5,S,\n,,,5,Total for April,\n", 1, 0, "total-row", "line 3"},
        {"B,01/04/2026,1,5,S,\n,,,5,,\n", 1, 0, "total-row", "line 3"},
        {"B,01/04/2026,1,5,Total Gas and Power,\n", 1, 0, NULL, NULL},
        {"B,,1,5,Total Gas and Power,\n", 1, 0, "date-missing", "line 2, column Date"},
        {"B,,,5,Notes of a clerk,\n", 1, 0, "date-missing", "line 2, column Date"},
        {"Note: payments below 500 pounds are left out,,,,,\n", 0, 1, "amount-missing",
         "line 2, column Amount"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct adapter_host *h = *state;
        char text[1024];
        (void)snprintf(text, sizeof text, "%s%s", HEAD, cases[i].rows);
        assert_int_equal(decode(h, text), REEVE_OK);
        const struct seen_issue *said =
            cases[i].code != NULL ? adapter_host_issue(h, cases[i].code) : NULL;
        if (h->messages_n != cases[i].messages || h->refused != cases[i].refused ||
            h->issues_n != (cases[i].code != NULL) || (said == NULL) != (cases[i].code == NULL) ||
            (said != NULL && strcmp(said->where, cases[i].where) != 0))
            fail_msg("%s: %zu messages, %zu refused, %zu issues, %s at %s", cases[i].rows,
                     h->messages_n, h->refused, h->issues_n,
                     h->issues_n > 0 ? h->issues[0].code : "",
                     h->issues_n > 0 ? h->issues[0].where : "");
    }
}

static void what_is_no_table_is_refused_with_advice(void **state)
{
    static const struct {
        const char *bytes;
        size_t len;
        const char *code;
    } cases[] = {
#define BYTES(s) s, sizeof(s) - 1
        {BYTES(""), "heading-missing"},
        {BYTES("\n\n"), "heading-missing"},
        {BYTES("a,b,c\n1,2,3\n"), "heading-missing"},
        {BYTES("{\"grants\":[]}"), "heading-missing"},
        {BYTES("<html>Amount,Date</html>"), "heading-missing"},
        {BYTES("PK\x03\x04 rest of a workbook"), "spreadsheet"},
        {BYTES("\xd0\xcf\x11\xe0\xa1\xb1"), "spreadsheet"},
        {BYTES("D\0a\0t\0e\0,\0A\0m\0o\0u\0n\0t\0\n\0"), "zero-byte"},
        {BYTES(HEAD "B,01/04/2026,1,\0,S,\n"), "zero-byte"},
        {BYTES(HEAD "B,01/04/2026,1,5,\"S,\nB,1,2\n"), "quote-open"},
        {BYTES("\xff\xfe"
               "D\0a"),
         "no-character"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct adapter_host *h = *state;
        if (decode_bytes(h, cases[i].bytes, cases[i].len) != REEVE_REJECT || h->issues_n != 1 ||
            h->issues[0].severity != REEVE_ISSUE_UNREADABLE ||
            strcmp(h->issues[0].code, cases[i].code) != 0)
            fail_msg("case %zu: %zu issues, %s", i, h->issues_n,
                     h->issues_n > 0 ? h->issues[0].code : "");
    }
    assert_int_equal(decode(*state, HEAD), REEVE_OK);
    assert_int_equal(adapter_host_issue(*state, "rows-missing")->severity, REEVE_ISSUE_PACKAGE);
}

static void any_separator_and_encoding_gives_the_same_payment(void **state)
{
    static const struct {
        const char *bytes;
        size_t len;
    } cases[] = {
        {BYTES("Date,Amount,Supplier\n01/04/2026,5,caf\xc3\xa9\n")},
        {BYTES("\xef\xbb\xbf"
               "Date,Amount,Supplier\r\n01/04/2026,5,caf\xc3\xa9\r\n")},
        {BYTES("Date;Amount;Supplier\r01/04/2026;5;caf\xe9\r")},
        {BYTES("sep=;\nDate;Amount;Supplier\n01/04/2026;5;caf\xe9")},
        {BYTES("Date\tAmount\tSupplier\n01/04/2026\t5\t\"caf\xc3\xa9\"\n")},
        {BYTES("\xff\xfe"
               "D\0a\0t\0e\0\t\0A\0m\0o\0u\0n\0t\0\t\0S\0u\0p\0p\0l\0i\0e\0r\0\n\0"
               "0\0001\0/\0000\0004\0/\0002\0000\0002\0006\0\t\0005\0\t\0c\0a\0f\0\xe9\0\n\0")},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct adapter_host *h = *state;
        assert_int_equal(decode_bytes(h, cases[i].bytes, cases[i].len), REEVE_OK);
        assert_int_equal(h->messages_n, 1);
        assert_body(h, 0,
                    "{\"date\":\"2026-04-01\",\"amount\":\"5\",\"currency\":\"GBP\",\"supplier\":"
                    "\"caf\xc3\xa9\"}");
    }
}

static void a_person_is_marked_and_a_withheld_name_is_told(void **state)
{
    struct adapter_host *h = *state;
    assert_int_equal(decode(h, "Date,Amount,Supplier,Supplier ID\n01/04/2026,5,Mr A Smith,1\n"
                               "01/04/2026,5,REDACTED PERSONAL DATA,2\n01/04/2026,5,Mrs,3\n"
                               "01/04/2026,5,Drury Ltd,4\n"),
                     REEVE_OK);
    assert_int_equal(h->messages_n, 4);
    static const char *const want[][2] = {
        {"personal", "(none)"}, {"(none)", "(none)"}, {"(none)", "3"}, {"(none)", "4"}};
    for (size_t i = 0; i < 4; i++) {
        assert_string_equal(attribute(h, i, "datacategory"), want[i][0]);
        assert_string_equal(attribute(h, i, "recipient"), want[i][1]);
    }
    assert_body(h, 1,
                "{\"date\":\"2026-04-01\",\"amount\":\"5\",\"currency\":\"GBP\",\"supplier\":"
                "\"REDACTED PERSONAL DATA\",\"supplierId\":\"2\",\"redacted\":true}");
}

static void a_currency_is_never_guessed(void **state)
{
    struct adapter_host *h = *state;
    assert_int_equal(decode(h, "Date,Amount,Currency\n01/04/2026,5,EUR\n01/04/2026,\xc2\xa3"
                               "5,EUR\n01/04/2026,5,pounds\n01/04/2026,\xe2\x82\xac"
                               "5,\n01/04/2026,5,\xc2\xa3\n"),
                     REEVE_OK);
    assert_int_equal(h->messages_n, 3);
    assert_int_equal(h->refused, 2);
    assert_string_equal(attribute(h, 0, "currency"), "EUR");
    assert_string_equal(attribute(h, 1, "currency"), "EUR");
    assert_string_equal(attribute(h, 2, "currency"), "GBP");
    assert_string_equal(adapter_host_issue(h, "currency-unknown")->where,
                        "line 3, column Currency");
}

static void what_does_not_fit_its_column_stays_with_the_extras(void **state)
{
    struct adapter_host *h = *state;
    assert_int_equal(decode(h, "Date,Amount,Irrecoverable VAT,Card,Date\n"
                               "00:00:00,5,n/a,perhaps,again\n"),
                     REEVE_OK);
    assert_non_null(adapter_host_issue(h, "vat-format"));
    assert_body(h, 0,
                "{\"amount\":\"5\",\"currency\":\"GBP\",\"extras\":{\"Date\":\"00:00:00\","
                "\"Irrecoverable VAT\":\"n/a\",\"Card\":\"perhaps\",\"Date (column "
                "5)\":\"again\"}}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_row_becomes_one_payment, adapter_host_setup,
                                        adapter_host_teardown),
        cmocka_unit_test_setup_teardown(equal_rows_are_told_apart_the_same_way_every_time,
                                        adapter_host_setup, adapter_host_teardown),
        cmocka_unit_test_setup_teardown(warts_are_handled_or_named_with_their_line,
                                        adapter_host_setup, adapter_host_teardown),
        cmocka_unit_test_setup_teardown(what_is_no_table_is_refused_with_advice, adapter_host_setup,
                                        adapter_host_teardown),
        cmocka_unit_test_setup_teardown(any_separator_and_encoding_gives_the_same_payment,
                                        adapter_host_setup, adapter_host_teardown),
        cmocka_unit_test_setup_teardown(a_person_is_marked_and_a_withheld_name_is_told,
                                        adapter_host_setup, adapter_host_teardown),
        cmocka_unit_test_setup_teardown(a_currency_is_never_guessed, adapter_host_setup,
                                        adapter_host_teardown),
        cmocka_unit_test_setup_teardown(what_does_not_fit_its_column_stays_with_the_extras,
                                        adapter_host_setup, adapter_host_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
