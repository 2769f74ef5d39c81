/* SPDX-License-Identifier: Apache-2.0 */
/* Payments as hub records and back, and as a table again. */
#include "lib/adapter_host.h"
#include "lib/json_check.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define HUB "{\"record\":1,\"type\":\"funding.payment\",\"id\":\"x/1\","

static void set(struct message *m, const char *name, const char *value)
{
    struct err e = {0};
    assert_int_equal(message_set(m, name, value, strlen(value), &e), 0);
}

static struct message *payment(const char *body, bool personal)
{
    struct message *m = message_new();
    struct err e = {0};
    assert_non_null(m);
    set(m, "type", "funding.payment");
    set(m, "subject", "x/1");
    if (personal)
        set(m, "datacategory", "personal");
    assert_int_equal(message_set_body(m, "application/json", body, strlen(body), &e), 0);
    return m;
}

static const char *body(const struct adapter_host *h, size_t i)
{
    size_t len = 0;
    return message_body(h->messages[i], &len);
}

static void every_member_has_its_place_and_comes_back(void **state)
{
    static const struct {
        const char *own, *hub;
        bool personal;
    } cases[] = {
        {"{\"amount\":\"5.00\",\"currency\":\"GBP\"}",
         HUB "\"value\":{\"amount\":\"5.00\",\"currency\":\"GBP\"}}", false},
        {"{\"body\":\"B\",\"bodyCode\":\"GB-LAE-EXA\",\"department\":\"D\",\"date\":\"2026-04-01\","
         "\"number\":\"1\",\"line\":\"2\",\"amount\":\"-5\",\"currency\":\"GBP\",\"vat\":\"1\","
         "\"supplier\":\"S\",\"supplierId\":\"77\",\"category\":\"C\",\"code\":\"c\",\"purpose\":"
         "\"P\",\"card\":true,\"contract\":\"K\"}",
         HUB "\"contract\":{\"id\":\"K\"},\"date\":\"2026-04-01\",\"value\":{\"amount\":\"-5\","
             "\"currency\":\"GBP\"},\"vat\":{\"amount\":\"1\",\"currency\":\"GBP\"},\"payer\":{"
             "\"identifiers\":[{\"scheme\":\"GB-LAE\",\"id\":\"EXA\"}],\"name\":\"B\","
             "\"department\":\"D\"},\"payee\":{\"identifiers\":[{\"scheme\":\"local\",\"id\":"
             "\"77\"}],\"name\":\"S\"},\"description\":\"P\",\"number\":\"1\",\"line\":\"2\","
             "\"card\":true,\"classifications\":[{\"code\":\"c\",\"title\":\"C\"}]}",
         false},
        {"{\"amount\":\"5\",\"currency\":\"GBP\",\"date\":\"2026-04\",\"basis\":\"net\",\"kind\":"
         "\"Capital\",\"grant\":\"G\",\"vcse\":\"Y\",\"extras\":{\"Own\":\"x\"},\"new\":[1]}",
         HUB "\"date\":\"2026-04\",\"value\":{\"amount\":\"5\",\"currency\":\"GBP\"},\"other\":{"
             "\"spend-csv\":{\"basis\":\"net\",\"kind\":\"Capital\",\"grant\":\"G\",\"vcse\":"
             "\"Y\",\"extras\":{\"Own\":\"x\"},\"new\":[1]}}}",
         false},
        /* nobody who is a person, or withheld, stands where another standard finds him */
        {"{\"amount\":\"5\",\"currency\":\"GBP\",\"supplier\":\"Mr A\",\"supplierId\":\"7\"}",
         HUB "\"value\":{\"amount\":\"5\",\"currency\":\"GBP\"},\"other\":{\"spend-csv\":{"
             "\"supplier\":\"Mr A\",\"supplierId\":\"7\"}}}",
         true},
        {"{\"amount\":\"5\",\"currency\":\"GBP\",\"supplier\":\"REDACTED\",\"redacted\":true}",
         HUB "\"value\":{\"amount\":\"5\",\"currency\":\"GBP\"},\"other\":{\"spend-csv\":{"
             "\"supplier\":\"REDACTED\",\"redacted\":true}}}",
         false},
        /* a name with a zero inside is another name */
        {"{\"amount\":\"5\",\"currency\":\"GBP\",\"amount\\u0000\":\"6\",\"a\\u0000\":1}",
         HUB "\"value\":{\"amount\":\"5\",\"currency\":\"GBP\"},\"other\":{\"spend-csv\":{"
             "\"amount\\u0000\":\"6\",\"a\\u0000\":1}}}",
         false},
        /* what does not fit its place */
        {"{\"amount\":\"5\",\"currency\":\"GBP\",\"date\":\"1 April\",\"vat\":\"x\",\"number\":1,"
         "\"card\":\"Y\",\"body\":\"\"}",
         HUB "\"value\":{\"amount\":\"5\",\"currency\":\"GBP\"},\"other\":{\"spend-csv\":{"
             "\"date\":\"1 April\",\"vat\":\"x\",\"number\":1,\"card\":\"Y\",\"body\":\"\"}}}",
         false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct adapter_host *h = *state;
        struct message *m = payment(cases[i].own, cases[i].personal);
        adapter_host_reset(h);
        assert_int_equal(adapter_host_to_hub(h, m), REEVE_OK);
        message_free(m);
        assert_int_equal(h->messages_n, 1);
        assert_string_equal(body(h, 0), cases[i].hub);
        assert_string_equal(message_get(h->messages[0], "dataschema"),
                            "urn:reeve:hub:1:funding.payment");
        assert_int_equal(adapter_host_from_hub(h, h->messages[0]), REEVE_OK);
        assert_int_equal(h->messages_n, 2);
        assert_string_equal(message_get(h->messages[1], "dataschema"), "urn:reeve:spend-csv:1");
        /* members may come in another order: again in the hub's, it is the same record */
        assert_int_equal(adapter_host_to_hub(h, h->messages[1]), REEVE_OK);
        assert_string_equal(body(h, 2), cases[i].hub);
        assert_int_equal(strlen(body(h, 1)), strlen(cases[i].own));
    }
}

/* So many that what is not linear in them does not end. */
static void very_many_unknown_members_are_kept_and_of_one_name_the_last(void **state)
{
    const size_t n = 200000;
    struct adapter_host *h = *state;
    char *own = malloc(n * 32);
    assert_non_null(own);
    size_t len = (size_t)sprintf(own, "{\"amount\":\"5\",\"currency\":\"GBP\"");
    for (size_t i = 0; i < n; i++)
        len += (size_t)sprintf(own + len, ",\"m%zu\":1,\"x\":%d", i, i + 1 < n ? 2 : 3);
    (void)sprintf(own + len, "}");
    struct message *m = payment(own, false);
    adapter_host_reset(h);
    assert_int_equal(adapter_host_to_hub(h, m), REEVE_OK);
    assert_non_null(strstr(body(h, 0), ",\"m199999\":1,\"x\":3}}}"));
    assert_null(strstr(body(h, 0), "\"x\":2"));
    assert_int_equal(adapter_host_from_hub(h, h->messages[0]), REEVE_OK);
    assert_non_null(strstr(body(h, 1), ",\"m199999\":1,\"x\":3}"));
    message_free(m);
    free(own);
}

static void what_others_say_of_a_payment_is_taken(void **state)
{
    static const struct {
        const char *hub, *own; /* NULL: refused */
    } cases[] = {
        {HUB
         "\"value\":{\"amount\":\"5.00\",\"currency\":\"EUR\"},\"date\":\"2026-04-01T10:00:00Z\","
         "\"vat\":{\"amount\":\"1\",\"currency\":\"GBP\"},\"payee\":{\"identifiers\":[{"
         "\"scheme\":\"GB-CHC\",\"id\":\"1\"}]},\"award\":{\"id\":\"a\"},\"other\":{\"iati\":{"
         "\"x\":1}}}",
         "{\"date\":\"2026-04-01\",\"amount\":\"5.00\",\"currency\":\"EUR\",\"supplierId\":"
         "\"GB-CHC-1\"}"},
        {HUB "\"value\":{\"amount\":\"5\",\"currency\":\"GBP\"},\"date\":\"2026\",\"number\":\"\","
             "\"payer\":[],\"classifications\":[]}",
         "{\"amount\":\"5\",\"currency\":\"GBP\"}"},
        {HUB "\"value\":{\"amount\":5,\"currency\":\"GBP\"}}", NULL},
        {HUB "\"value\":{\"amount\":\"5\"}}", NULL},
        {HUB "\"vat\":{\"amount\":\"5\",\"currency\":\"GBP\"}}", NULL},
        {"{\"record\":2,\"type\":\"funding.payment\",\"id\":\"x\"}", NULL},
        {"{}", NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct adapter_host *h = *state;
        struct message *m = payment(cases[i].hub, false);
        adapter_host_reset(h);
        reeve_rc rc = adapter_host_from_hub(h, m);
        message_free(m);
        assert_int_equal(rc, cases[i].own != NULL ? REEVE_OK : REEVE_REJECT);
        if (cases[i].own != NULL)
            assert_string_equal(body(h, 0), cases[i].own);
        else
            assert_string_not_equal(adapter_host_reason(h), "");
    }
}

static void what_is_no_payment_does_not_become_a_record(void **state)
{
    static const char *const bodies[] = {"{}", "[]", "{\"amount\":5,\"currency\":\"GBP\"}",
                                         "{\"amount\":\"5\"}",
                                         "{\"amount\":\"5,00\",\"currency\":\"GBP\"}"};
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        struct message *m = payment(bodies[i], false);
        assert_int_equal(adapter_host_to_hub(*state, m), REEVE_REJECT);
        message_free(m);
    }
}

/* ---- as a table ---- */
static struct print print_of(const char *text)
{
    struct json_parser *p = json_parser_new(BODY_DEPTH_MAX);
    struct print print = json_print(json_parse(p, text, strlen(text)));
    json_parser_free(p);
    return print;
}

static void a_table_is_read_again_as_the_same_records(void **state)
{
    static const char *const tables[] = {
        "Date,Amount,Supplier\n01/04/2026,5,\"A, \"\"B\"\"\nC\"\n",
        "Body,Paid Date,Net Amount,Amount,Gross Amount,Supplier,Card\n"
        "B,01/04/2026,5,6,7,S,Y\nB,Apr-26,5,,,T,n\n",
        "Paid Date,Payment Date,Value,Payee,,Own\n00:00:00,00:00:00,5,S,x,y\n,1/4/26,6,,,\n",
        "Date,Gross,Irrecoverable VAT,Currency\n1/4/26,5,n/a,EUR\n1/4/26,-5,1,\n",
        "Amount,Beneficiary,Department,Organisational Unit\n5,S,a,b\n",
        "Date,Date,Amount,Amount\n1/4/26,2/4/26,5,6\n",
    };
    for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++) {
        struct adapter_host *h = *state;
        size_t len = 0;
        adapter_host_reset(h);
        assert_int_equal(adapter_host_decode(h, tables[i], strlen(tables[i]), "text/csv", NULL, 0),
                         REEVE_OK);
        size_t n = h->messages_n;
        assert_true(n > 0);
        char *again = adapter_host_encode(h, &len, NULL);
        assert_int_equal(adapter_host_decode(h, again, len, "text/csv", NULL, 0), REEVE_OK);
        free(again);
        assert_int_equal(h->messages_n, 2 * n);
        for (size_t k = 0; k < n; k++) {
            struct print was = print_of(body(h, k)), is = print_of(body(h, n + k));
            if (was.a != is.a || was.b != is.b)
                fail_msg("%s became %s", body(h, k), body(h, n + k));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_member_has_its_place_and_comes_back,
                                        adapter_host_setup, adapter_host_teardown),
        cmocka_unit_test_setup_teardown(very_many_unknown_members_are_kept_and_of_one_name_the_last,
                                        adapter_host_setup, adapter_host_teardown),
        cmocka_unit_test_setup_teardown(what_others_say_of_a_payment_is_taken, adapter_host_setup,
                                        adapter_host_teardown),
        cmocka_unit_test_setup_teardown(what_is_no_payment_does_not_become_a_record,
                                        adapter_host_setup, adapter_host_teardown),
        cmocka_unit_test_setup_teardown(a_table_is_read_again_as_the_same_records,
                                        adapter_host_setup, adapter_host_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
