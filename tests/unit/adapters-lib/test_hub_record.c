/* SPDX-License-Identifier: Apache-2.0 */
/* The simple values of the hub record, as tables. */
#include "lib/hub_record.h"
#include <stdarg.h>
#include <setjmp.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

static void a_number_becomes_a_decimal_exactly(void **state)
{
    static const char *const cases[][2] = {
        {"0", "0"},
        {"-0", "-0"},
        {"1250.50", "1250.50"},
        {"41133.770000000004", "41133.770000000004"},
        {"1e3", "1000"},
        {"1E+3", "1000"},
        {"1.5e3", "1500"},
        {"-1.25e1", "-12.5"},
        {"1.5e-3", "0.0015"},
        {"100e-2", "1.00"},
        {"0e5", "0"},
        {"0.5e1", "5"},
        {"0.05e1", "0.5"},
        {"12e-1", "1.2"},
        {"1e62", "100000000000000000000000000000000000000000000000000000000000000"},
        {"1e64", NULL},
        {"1e-63", NULL},
        {"1e999999999999999999999999", NULL},
        {"1e-999999999999999999999999", NULL},
        {"1234567890123456789012345678901234567890123456789012345678901234",
         "1234567890123456789012345678901234567890123456789012345678901234"},
        {"12345678901234567890123456789012345678901234567890123456789012345", NULL},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char out[HUB_DECIMAL_MAX + 1] = "";
        assert_int_equal(hub_decimal(cases[i][0], out), cases[i][1] != NULL);
        if (cases[i][1] == NULL)
            continue;
        assert_string_equal(out, cases[i][1]);
        struct json_node v = {.kind = JSON_STRING, .text = out, .len = strlen(out)};
        assert_true(hub_is_decimal(&v));
    }
}

static void forms_are_told_apart(void **state)
{
    static const struct {
        const char *text;
        bool decimal, date, currency, country, url;
    } cases[] = {
        {"", 0, 0, 0, 0, 0},
        {"-", 0, 0, 0, 0, 0},
        {"1", 1, 0, 0, 0, 0},
        {"01", 0, 0, 0, 0, 0},
        {"1.", 0, 0, 0, 0, 0},
        {".5", 0, 0, 0, 0, 0},
        {"-0.50", 1, 0, 0, 0, 0},
        {"1e3", 0, 0, 0, 0, 0},
        {"1,000", 0, 0, 0, 0, 0},
        {" 1", 0, 0, 0, 0, 0},
        {"2026", 1, 1, 0, 0, 0},
        {"2026-03", 0, 1, 0, 0, 0},
        {"2026-13", 0, 0, 0, 0, 0},
        {"2026-03-15", 0, 1, 0, 0, 0},
        {"15/03/2026", 0, 0, 0, 0, 0},
        {"2026-03-15T09:30:00Z", 0, 1, 0, 0, 0},
        {"2026-03-15T09:30:00", 0, 0, 0, 0, 0},
        {"GBP", 0, 0, 1, 0, 0},
        {"gbp", 0, 0, 0, 0, 0},
        {"GB", 0, 0, 0, 1, 0},
        {"urn:x:y", 0, 0, 0, 0, 1},
        {"www.example.org", 0, 0, 0, 0, 0},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct json_node v = {
            .kind = JSON_STRING, .text = cases[i].text, .len = strlen(cases[i].text)};
        assert_int_equal(hub_is_decimal(&v), cases[i].decimal);
        assert_int_equal(hub_is_date(&v), cases[i].date);
        assert_int_equal(hub_is_currency(&v), cases[i].currency);
        assert_int_equal(hub_is_country(&v), cases[i].country);
        assert_int_equal(hub_is_url(&v), cases[i].url);
        v.kind = JSON_NUMBER;
        assert_false(hub_is_decimal(&v)); /* only texts */
    }
    assert_true(hub_is_gss("E07000178"));
    assert_false(hub_is_gss("E0700017"));
    assert_false(hub_is_gss("EX1 2MP"));
    assert_false(hub_is_gss(NULL));
}

static void an_identifier_gets_its_scheme_and_stays_what_it_is(void **state)
{
    static const char *const cases[][3] = {
        {"GB-CHC-1112223", "GB-CHC", "1112223"},
        {"GB-COH-SC123456", "GB-COH", "SC123456"},
        {"XM-DAC-41114-X", "XM-DAC", "41114-X"},
        {"360G-exa-2026/1", "360G", "exa-2026/1"},
        {"CA_AB-REG-7", "CA_AB-REG", "7"},
        {"GB-LAE-EXA", "GB-LAE", "EXA"},
        {"gb-chc-1112223", "local", "gb-chc-1112223"}, /* not repaired */
        {"GB-CHC-", "local", "GB-CHC-"},
        {"GB-CHC", "local", "GB-CHC"},
        {"GB", "local", "GB"},
        {"G", "local", "G"},
        {"360G-", "local", "360G-"},
        {"1112223", "local", "1112223"},
        {"CA_-REG-7", "local", "CA_-REG-7"},
        {"a b", "local", "a b"},
    };
    struct json_parser *p = json_parser_new(63);
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct json_write w;
        char text[64];
        json_write_init(&w, 1000);
        hub_identifier(&w, cases[i][0], strlen(cases[i][0]));
        const struct json_node *v = json_parse(p, w.p, w.len);
        assert_string_equal(node_member(v, "scheme")->text, cases[i][1]);
        assert_string_equal(node_member(v, "id")->text, cases[i][2]);
        assert_int_equal(hub_identifier_text(v, text, sizeof text), 0);
        assert_string_equal(text, cases[i][0]);
        assert_int_equal(hub_identifier_text(v, text, strlen(cases[i][0])), -1); /* too short */
        json_write_done(&w);
    }
    json_parser_free(p);
}

static void the_first_identifier_of_a_scheme_is_found(void **state)
{
    static const char text[] =
        "[{\"scheme\":\"a\",\"id\":\"1\"},7,{\"scheme\":\"b\",\"id\":\"2\"},{"
        "\"scheme\":\"b\",\"id\":\"3\"}]";
    struct json_parser *p = json_parser_new(63);
    (void)state;
    const struct json_node *list = json_parse(p, text, sizeof text - 1);
    assert_string_equal(node_member(hub_identifier_of(list, "b"), "id")->text, "2");
    assert_string_equal(node_member(hub_identifier_of(list, NULL), "id")->text, "1");
    assert_null(hub_identifier_of(list, "c"));
    assert_null(hub_identifier_of(NULL, "c"));
    json_parser_free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_number_becomes_a_decimal_exactly),
        cmocka_unit_test(forms_are_told_apart),
        cmocka_unit_test(an_identifier_gets_its_scheme_and_stays_what_it_is),
        cmocka_unit_test(the_first_identifier_of_a_scheme_is_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
