/* SPDX-License-Identifier: Apache-2.0 */
/* The payments that a release becomes, each with those who take part in it. */
#include "lib/adapter_host.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define PACKAGE                                                                        \
    "{\"uri\":\"http://x.example/\",\"version\":\"1.1\",\"publishedDate\":"            \
    "\"2026-01-15T09:30:00Z\",\"publisher\":{\"name\":\"p\"},\"releases\":[{\"ocid\":" \
    "\"ocds-213czf-1\",\"id\":\"r1\",\"date\":\"2026-02-27T12:00:00Z\",\"tag\":["      \
    "\"contract\"],\"initiationType\":\"tender\",\"parties\":["
#define CONTRACT                                                                                \
    "],\"contracts\":[{\"id\":\"C1\",\"awardID\":\"A1\",\"implementation\":{\"transactions\":[" \
    "{\"id\":\"T\",\"payer\":{\"id\":\"none\"}}"

static reeve_rc decode(struct adapter_host *h, const char *text)
{
    return adapter_host_decode_text(h, text, "application/json");
}

/* What stands in `parties` of the last payment. */
static const char *parties(const struct adapter_host *h)
{
    static char out[512];
    size_t len = 0;
    const char *body = message_body(h->messages[h->messages_n - 1], &len);
    const char *from = strstr(body, "\"parties\":"), *to = strstr(body, ",\"contracts\":");
    assert_non_null(to);
    (void)snprintf(out, sizeof out, "%.*s", from != NULL ? (int)(to - from) - 10 : 0,
                   from != NULL ? from + 10 : "");
    return out;
}

static void a_payment_has_its_payer_and_payee_in_the_order_of_the_release(void **state)
{
    static const char many[] = "{\"id\":\"x\"},{\"id\":\"7\"},{\"id\":\"y\"},"
                               "{\"id\":\"7\",\"name\":\"again\"},{\"id\":\"z\"}";
    static const struct {
        const char *transaction, *parties;
    } cases[] = {
        {"\"payer\":{\"id\":\"x\"},\"payee\":{\"id\":\"y\"}", "[{\"id\":\"x\"},{\"id\":\"y\"}]"},
        {"\"payer\":{\"id\":\"y\"},\"payee\":{\"id\":\"x\"}", "[{\"id\":\"x\"},{\"id\":\"y\"}]"},
        {"\"payer\":{\"id\":\"y\"},\"payee\":{\"id\":\"7\"}",
         "[{\"id\":\"7\"},{\"id\":\"y\"},{\"id\":\"7\",\"name\":\"again\"}]"},
        {"\"payer\":{\"id\":\"z\"},\"payee\":{\"id\":\"z\"}", "[{\"id\":\"z\"}]"},
        {"\"payer\":{\"name\":\"x\"}", ""},
        {"\"payee\":{\"id\":\"none\"}", ""},
    };
    struct adapter_host *h = *state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[4096];
        (void)snprintf(text, sizeof text, PACKAGE "%s" CONTRACT ",{\"id\":\"L\",%s}]}}]}]}", many,
                       cases[i].transaction);
        assert_int_equal(decode(h, text), REEVE_OK);
        assert_int_equal(h->messages_n, 3);
        assert_string_equal(parties(h), cases[i].parties);
    }
}

/* So many that what is not linear in them does not end. */
static void very_many_payments_find_their_parties_among_very_many(void **state)
{
    const size_t n = 20000;
    struct adapter_host *h = *state;
    char *text = malloc(n * 200);
    assert_non_null(text);
    size_t len = (size_t)sprintf(text, PACKAGE "{\"id\":\"p\"}");
    for (size_t i = 0; i < n; i++)
        len += (size_t)sprintf(text + len, ",{\"id\":\"p%zu\"}", i);
    len += (size_t)sprintf(text + len, CONTRACT);
    for (size_t i = 0; i < n; i++)
        len += (size_t)sprintf(text + len,
                               ",{\"id\":\"t%zu\",\"payer\":{\"id\":\"p\"},\"payee\":{"
                               "\"id\":\"p%zu\"}}",
                               i, i);
    len += (size_t)sprintf(text + len, "]}}],\"m\":1");
    for (size_t i = 0; i < n; i++)
        len += (size_t)sprintf(text + len, ",\"m%zu\":1", i);
    len += (size_t)sprintf(text + len, "}]}");
    assert_int_equal(adapter_host_decode(h, text, len, "application/json", NULL, 0), REEVE_OK);
    assert_int_equal(h->messages_n, n + 2);
    assert_string_equal(parties(h), "[{\"id\":\"p\"},{\"id\":\"p19999\"}]");
    free(text);
}

/* A release of a megabyte does not become gigabytes: large parties are said in short. */
static void large_parties_are_said_by_id_and_name(void **state)
{
    struct adapter_host *h = *state;
    static char text[32768];
    (void)snprintf(text, sizeof text,
                   PACKAGE
                   "{\"id\":\"x\",\"name\":\"X\",\"note\":\"%09000d\"},"
                   "{\"id\":\"y\",\"name\":\"%09000d\"},{\"id\":\"x\",\"name\":\"again\"}" CONTRACT
                   ",{\"id\":\"L\",\"payer\":{\"id\":\"x\"},\"payee\":{\"id\":\"y\"}}]}}]}]}",
                   0, 0);
    assert_int_equal(decode(h, text), REEVE_OK);
    assert_int_equal(h->messages_n, 3);
    assert_string_equal(parties(h), "[{\"id\":\"x\",\"name\":\"X\"},{\"id\":\"y\"}]");
}

static void a_text_that_every_payment_would_repeat_is_bounded(void **state)
{
    struct adapter_host *h = *state;
    static char text[4096];
    for (int len = 1024; len <= 1025; len++) {
        (void)snprintf(text, sizeof text, PACKAGE CONTRACT "]}}],\"language\":\"%0*d\"}]}", len, 0);
        adapter_host_reset(h);
        (void)decode(h, text);
        assert_int_equal(adapter_host_issue(h, "too-large") != NULL, len > 1024);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            a_payment_has_its_payer_and_payee_in_the_order_of_the_release, adapter_host_setup,
            adapter_host_teardown),
        cmocka_unit_test_setup_teardown(large_parties_are_said_by_id_and_name, adapter_host_setup,
                                        adapter_host_teardown),
        cmocka_unit_test_setup_teardown(a_text_that_every_payment_would_repeat_is_bounded,
                                        adapter_host_setup, adapter_host_teardown),
        cmocka_unit_test_setup_teardown(very_many_payments_find_their_parties_among_very_many,
                                        adapter_host_setup, adapter_host_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
