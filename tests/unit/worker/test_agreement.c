/* SPDX-License-Identifier: Apache-2.0 */
/* Who may be sent messages about people, and until when. */
#include "worker/agreement.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

static bool allowed(const char *party_json, const char *type, const char *category,
                    const char *today, struct err *why)
{
    struct tree *party = NULL;
    struct err e;
    struct message *m = message_new();
    assert_int_equal(tree_from_json(party_json, strlen(party_json), &party, &e), 0);
    assert_int_equal(message_sets(m, "type", type, &e), 0);
    if (category)
        assert_int_equal(message_sets(m, "datacategory", category, &e), 0);
    bool ok = agreement_allows(party, m, today, why);
    message_free(m);
    tree_free(party);
    return ok;
}

#define AGREED                                                                            \
    "{\"name\":\"p\",\"role\":\"provider\",\"agreements\":[{\"purpose\":\"x\",\"data\":[" \
    "\"personal\"],\"until\":\"2027-03-31\"}]}"
#define NONE "{\"name\":\"p\",\"role\":\"provider\"}"

static void messages_about_nobody_need_none(void **state)
{
    struct err why;
    (void)state;
    assert_true(allowed(NONE, "funding.award", NULL, "2026-01-01", &why));
    assert_true(allowed(NONE, "funding.award", "non-personal", "2026-01-01", &why));
}

static void messages_about_people_need_one(void **state)
{
    struct err why;
    (void)state;
    assert_false(allowed(NONE, "client.referral", NULL, "2026-01-01", &why));
    assert_string_equal(why.code, "no-agreement");
    assert_false(allowed(NONE, "funding.award", "personal", "2026-01-01", &why));
    assert_true(allowed(AGREED, "client.referral", NULL, "2026-01-01", &why));
    assert_true(allowed(AGREED, "funding.award", "personal", "2026-01-01", &why));
}

static void an_agreement_holds_to_the_end_of_its_last_day(void **state)
{
    struct err why;
    (void)state;
    assert_true(allowed(AGREED, "client.case", NULL, "2027-03-31", &why));
    assert_false(allowed(AGREED, "client.case", NULL, "2027-04-01", &why));
    assert_non_null(strstr(why.text, "2027-03-31"));
}

static void an_agreement_about_other_data_covers_nothing(void **state)
{
    struct err why;
    (void)state;
    assert_false(allowed("{\"name\":\"p\",\"role\":\"provider\",\"agreements\":[{\"purpose\":\"x\","
                         "\"data\":[\"statistics\"]}]}",
                         "client.case", NULL, "2026-01-01", &why));
    assert_true(allowed("{\"name\":\"p\",\"role\":\"provider\",\"agreements\":[{\"data\":["
                        "\"statistics\"]},{\"data\":[\"personal\"]}]}",
                        "client.case", NULL, "2026-01-01", &why));
}

static void the_hub_itself_needs_none(void **state)
{
    struct err why;
    (void)state;
    assert_true(
        allowed("{\"name\":\"c\",\"role\":\"hub\"}", "client.case", NULL, "2026-01-01", &why));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_about_nobody_need_none),
        cmocka_unit_test(messages_about_people_need_one),
        cmocka_unit_test(an_agreement_holds_to_the_end_of_its_last_day),
        cmocka_unit_test(an_agreement_about_other_data_covers_nothing),
        cmocka_unit_test(the_hub_itself_needs_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
