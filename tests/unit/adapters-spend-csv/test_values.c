/* SPDX-License-Identifier: Apache-2.0 */
/* Dates, amounts and headings as councils write them. */
#include "spend.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

static void dates_are_read_as_councils_write_them(void **state)
{
    static const struct {
        const char *text, *want; /* "": a time alone; NULL: no date */
    } cases[] = {
        {"01/04/2017", "2017-04-01"},
        {"1/4/17", "2017-04-01"},
        {"31/12/2024", "2024-12-31"},
        {"2017-04-01", "2017-04-01"},
        {"2017/4/1", "2017-04-01"},
        {"01-04-2017", "2017-04-01"},
        {"01.04.2017", "2017-04-01"},
        {"01-Apr-2017", "2017-04-01"},
        {"1-apr-17", "2017-04-01"},
        {"01APR2017", NULL},
        {"1 April 2017", "2017-04-01"},
        {"1st April 2017", "2017-04-01"},
        {"22nd Sept 2017", "2017-09-22"},
        {"Sat, 1 April 2017", "2017-04-01"},
        {"April 1, 2017", "2017-04-01"},
        {"20170401", "2017-04-01"},
        {"42826", "2017-04-01"},
        {"42826.0", "2017-04-01"},
        {"42826.5", "2017-04-01"},
        {"42794", "2017-02-28"},
        {"43890", "2020-02-29"},
        {"44197", "2021-01-01"},
        {"29/02/2016", "2016-02-29"},
        /* a time of day says nothing */
        {"01/04/2017 00:00", "2017-04-01"},
        {"01/04/2017 00:00:00", "2017-04-01"},
        {"2017-04-01T00:00:00", "2017-04-01"},
        {"2017-04-01T00:00:00.000Z", "2017-04-01"},
        {"2017-04-01T09:30:00+01:00", "2017-04-01"},
        {"01/04/2017 12:00:00 AM", "2017-04-01"},
        {"00:00:00", ""},
        {"00:00.0", ""},
        {"12:30 PM", ""},
        /* a month is kept as one */
        {"Apr-17", "2017-04"},
        {"April 2017", "2017-04"},
        {"04/2017", "2017-04"},
        {"2017-04", "2017-04"},
        /* none of these is a date */
        {"31/02/2017", NULL},
        {"29/02/2017", NULL},
        {"04/13/2017", NULL},
        {"2017-13-01", NULL},
        {"00/04/2017", NULL},
        {"01/04/017", NULL},
        {"01/04/1817", NULL},
        {"01/04", NULL},
        {"04/17", NULL},
        {"1-Apr", NULL},
        {"2017", NULL},
        {"4282", NULL},
        {"99999", NULL},
        {"428260", NULL},
        {"42826.x", NULL},
        {"1/2/3/2017", NULL},
        {"1x/04/2017", NULL},
        {"tbc", NULL},
        {"-", NULL},
        {"01/Foo/2017", NULL},
        {"10:00:00 on Monday", NULL},
        {"123:45", NULL},
        {"01/04/201700:00", NULL},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char out[11];
        enum date_verdict v = spend_date(cases[i].text, out);
        const char *want = cases[i].want;
        bool good = want == NULL       ? v == DATE_WRONG
                    : want[0] == 0     ? v == DATE_TIME_ONLY
                    : strlen(want) < 8 ? v == DATE_MONTH && strcmp(out, want) == 0
                                       : v == DATE_DAY && strcmp(out, want) == 0;
        if (!good)
            fail_msg("%s: %d %s", cases[i].text, (int)v, out);
    }
}

static void every_serial_is_the_day_after_the_one_before(void **state)
{
    char day[11], was[11] = "";
    (void)state;
    for (unsigned n = 20000; n < 80000; n++) {
        char text[6] = {(char)('0' + n / 10000),    (char)('0' + n / 1000 % 10),
                        (char)('0' + n / 100 % 10), (char)('0' + n / 10 % 10),
                        (char)('0' + n % 10),       0};
        assert_int_equal(spend_date(text, day), DATE_DAY);
        assert_true(strcmp(was, day) < 0);
        memcpy(was, day, sizeof was);
    }
    assert_string_equal(day, "2119-01-10");
}

static void amounts_are_exact(void **state)
{
    static const struct {
        const char *text, *want, *currency;
    } cases[] = {
        {"1234.50", "1234.50", ""},
        {"1,234.50", "1234.50", ""},
        {"1,234,567", "1234567", ""},
        {"1 234.50", "1234.50", ""},
        {"1\xc2\xa0"
         "234",
         "1234", ""},
        {"\xc2\xa3"
         "12.00",
         "12.00", "GBP"},
        {"\xc2\xa3 12", "12", "GBP"},
        {"GBP 12", "12", "GBP"},
        {"12 gbp", "12", "GBP"},
        {"\xe2\x82\xac"
         "12",
         "12", "EUR"},
        {"-12.00", "-12.00", ""},
        {"- 12.00", "-12.00", ""},
        {"(12.00)", "-12.00", ""},
        {"( 1,200.00 )", "-1200.00", ""},
        {"(\xc2\xa3"
         "12.00)",
         "-12.00", "GBP"},
        {"\xc2\xa3(12.00)", "-12.00", "GBP"},
        {"-\xc2\xa3"
         "12",
         "-12", "GBP"},
        {"\xc2\xa3-12", "-12", "GBP"},
        {"12.00-", "-12.00", ""},
        {"12.00 CR", "-12.00", ""},
        {"12.00DR", "12.00", ""},
        {"\xe2\x88\x92"
         "12",
         "-12", ""},
        {"0012.50", "12.50", ""},
        {".50", "0.50", ""},
        {"12.", "12", ""},
        {"0.00", "0.00", ""},
        {"-0.00", "0.00", ""},
        {"-", "0", ""},
        {"\xc2\xa3-", "0", "GBP"},
        {" - ", "0", ""},
        {"0.005", "0.005", ""},
        {"12345678901234567890.123456789", "12345678901234567890.123456789", ""},
        /* none of these is an amount */
        {"abc", NULL, NULL},
        {"12abc", NULL, NULL},
        {"1.2.3", NULL, NULL},
        {"1,23", NULL, NULL},
        {"12,34,567", NULL, NULL},
        {"1234,567", NULL, NULL},
        {"1,234 567", NULL, NULL},
        {"1.234,50", NULL, NULL},
        {"1.2E+05", NULL, NULL},
        {"(12.00", NULL, NULL},
        {"12.00)", NULL, NULL},
        {"-(12.00)", NULL, NULL},
        {"--12", NULL, NULL},
        {"-12-", NULL, NULL},
        {"-12 CR", NULL, NULL},
        {"()", NULL, NULL},
        {"\xc2\xa3", NULL, NULL},
        {".", NULL, NULL},
        {"--", NULL, NULL},
        {"$12", NULL, NULL},
        {"\xc2\xa3"
         "12 EUR",
         NULL, NULL},
        {"12,", NULL, NULL},
        {"#REF!", NULL, NULL},
        {"99999999999999999999999999999999999999999999999999999999999999999", NULL, NULL},
        {"0.99999999999999999999999999999999999999999999999999999999999999999", NULL, NULL},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char out[SPEND_AMOUNT_MAX + 1], currency[4];
        bool good = spend_amount(cases[i].text, out, currency);
        if (good != (cases[i].want != NULL) ||
            (good && (strcmp(out, cases[i].want) != 0 || strcmp(currency, cases[i].currency) != 0)))
            fail_msg("%s: %d %s %s", cases[i].text, good, out, currency);
    }
}

/* ---- headings ---- */
static struct csv_record split(char *text, struct csv_field field[32])
{
    struct csv_record row = {.field = field, .line = 1};
    for (char *p = text; p != NULL && row.n < 32;) {
        char *end = strchr(p, ',');
        if (end != NULL)
            *end = 0;
        field[row.n++] = (struct csv_field){p, strlen(p)};
        p = end != NULL ? end + 1 : NULL;
    }
    return row;
}

static void columns_are_found_by_their_best_heading(void **state)
{
    static const struct {
        const char *heading, *want; /* NULL: no heading */
    } cases[] = {
        {"Body Name,Organisational Unit,Expenditure Category,Expenditure Code,Paid Date,Trans "
         "No,Amount,Type,Supplier ID,Supplier Name",
         "body=Body Name; department=Organisational Unit; date=Paid Date; number=Trans No; "
         "amount=Amount; supplier=Supplier Name; supplierId=Supplier ID; category=Expenditure "
         "Category; code=Expenditure Code; kind=Type"},
        {"Client,Service Area,Expenditure Catergory,Expenditure Code,Paid Date,Trans "
         "No,Amount,Type of Expenditure,Supplier ID,Supplier Name",
         "body=Client; department=Service Area; date=Paid Date; number=Trans No; amount=Amount; "
         "supplier=Supplier Name; supplierId=Supplier ID; category=Expenditure Catergory; "
         "code=Expenditure Code; kind=Type of Expenditure"},
        {"body_name,Organisatonal Unit,Expenditure Unit,Paid Date ,Trans No,Amount,caporrev",
         "body=body_name; department=Organisatonal Unit; date=Paid Date; number=Trans No; "
         "amount=Amount; category=Expenditure Unit; kind=caporrev"},
        /* net before plain before gross, whatever comes first */
        {"Gross Amount,Amount,Net Amount,Date", "date=Date; amount=Net Amount"},
        {"Gross Amount,Amount,Date", "date=Date; amount=Amount"},
        {"Amount (inc VAT),Date", "date=Date; amount=Amount (inc VAT)"},
        {"Amount (\xc2\xa3),Payment Date (dd/mm/yyyy)",
         "date=Payment Date (dd/mm/yyyy); amount=Amount (\xc2\xa3)"},
        {"AMOUNT EXCL. VAT \xc2\xa3,SUPPLIER",
         "amount=AMOUNT EXCL. VAT \xc2\xa3; supplier=SUPPLIER"},
        /* the better name wins, whichever stands first */
        {"Date,Payment Date,Amount", "date=Payment Date; amount=Amount"},
        {"Invoice Number,Transaction Number,Amount,Supplier",
         "number=Transaction Number; amount=Amount; supplier=Supplier"},
        {"Organisation/Body code URI,Transaction/Payment Date,Irrecoverable VAT,Supplier "
         "(Beneficiary) Name,Expenditure (Procurement) Category,CIPFA/SeRCOP or Expense "
         "Code,Purpose/Narrative,Net Amount,VCSE flag,Contract ID,Grant,Card transaction",
         "bodyCode=Organisation/Body code URI; date=Transaction/Payment Date; amount=Net Amount; "
         "vat=Irrecoverable VAT; supplier=Supplier (Beneficiary) Name; category=Expenditure "
         "(Procurement) Category; code=CIPFA/SeRCOP or Expense Code; purpose=Purpose/Narrative; "
         "card=Card transaction; contract=Contract ID; grant=Grant; vcse=VCSE flag"},
        {"Suplier Name,Payment Dates,Nett Amount",
         "date=Payment Dates; amount=Nett Amount; supplier=Suplier Name"},
        {"Amount,Amount,Date", "date=Date; amount=Amount"},
        /* no heading */
        {"Amount", NULL},
        {"Date,Supplier", NULL},
        {"Amount,Body", NULL},
        {"01/04/2017,Acme,12.00", NULL},
        {",,,", NULL},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[600];
        struct csv_field field[32];
        struct heading h = {.n = 0};
        assert_true(strlen(cases[i].heading) < sizeof text);
        memcpy(text, cases[i].heading, strlen(cases[i].heading) + 1);
        struct csv_record row = split(text, field);
        unsigned score = heading_score(&row);
        if ((score > 0) != (cases[i].want != NULL))
            fail_msg("%s: %u", cases[i].heading, score);
        if (score > 0)
            assert_int_equal(heading_set(&h, &row), 0);
        if (score > 0 && strcmp(h.columns, cases[i].want) != 0)
            fail_msg("%s: %s", cases[i].heading, h.columns);
        heading_done(&h);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dates_are_read_as_councils_write_them),
        cmocka_unit_test(every_serial_is_the_day_after_the_one_before),
        cmocka_unit_test(amounts_are_exact),
        cmocka_unit_test(columns_are_found_by_their_best_heading),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
