/* SPDX-License-Identifier: Apache-2.0 */
/* Making and changing messages, the attribute rules, the body, identity. */
#include "message/identity.h"
#include "message/message.h"
#include "message/rules.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

struct verdict {
    const char *text;
    bool good;
};

static void uri_references_follow_rfc_3986(void **state)
{
    static const struct verdict table[] = {
        {"/s", true},
        {"//hub/party/360giving", true},
        {"https://user:pw@example.org:8080/a/b?q=1&x=/?#frag", true},
        {"urn:uuid:6e8bc430-9c3a-11d9-9669-0800200c9a66", true},
        {"mailto:a@example.org", true},
        {"a/b:c", true},
        {"1-555-123-4567", true},
        {"http://[2001:db8::1]:80/", true},
        {"%41b", true},
        {"?q", true},
        {"#f", true},
        {"http://", true},
        {"1:b", false},
        {"a b", false},
        {"%4", false},
        {"%zz", false},
        {"a#b#c", false},
        {"http://[::1", false},
        {"http://[]/", false},
        {"http://a:b/", false},
        {"http://a[b]/", false},
        {"caf\xc3\xa9", false},
        {"a<b>", false},
        {"a\\b", false},
        {"a|b", false},
        {"a\"b", false},
        {"", false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
        if (rule_uri(table[i].text, strlen(table[i].text), false) != table[i].good)
            fail_msg("%s", table[i].text);
    assert_true(rule_uri("https://a/b", 11, true));
    assert_false(rule_uri("//a/b", 5, true));
    assert_false(rule_uri("a", 1, true));
}

static void media_types_follow_rfc_9110(void **state)
{
    static const struct verdict table[] = {
        {"application/json", true},
        {"text/plain; charset=utf-8", true},
        {"text/plain;charset=\"utf \\\" 8\" ; x=y", true},
        {"a/b;", true},
        {"json", false},
        {"/json", false},
        {"a/", false},
        {"a/b c", false},
        {"a/b;c", false},
        {"a/b;c=", false},
        {"a/b;c=\"d", false},
        {"a /b", false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
        if (rule_media_type(table[i].text, strlen(table[i].text)) != table[i].good)
            fail_msg("%s", table[i].text);
}

static void json_content_types_are_known_in_any_case(void **state)
{
    static const struct verdict table[] = {
        {"application/json", true},
        {"APPLICATION/JSON; charset=utf-8", true},
        {"text/json", true},
        {"application/fhir+json;v=4", true},
        {"x/y+JSON", true},
        {"application/json-seq", false},
        {"application/xjson", false},
        {"application/xml", false},
        {"json", false},
        {"text/plain; x=/json", false},
        {"", false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
        if (content_type_is_json(table[i].text, strlen(table[i].text)) != table[i].good)
            fail_msg("%s", table[i].text);
}

static void integers_are_canonical_and_32_bit(void **state)
{
    (void)state;
    int32_t v = 5;
    assert_int_equal(rule_integer("-2147483648", 11, &v), 0);
    assert_int_equal(v, INT32_MIN);
    assert_int_equal(rule_integer("2147483647", 10, &v), 0);
    assert_int_equal(v, INT32_MAX);
    assert_true(rule_integer("2147483648", 10, &v) < 0);
    assert_true(rule_integer("-", 1, &v) < 0);
    assert_true(rule_integer("", 0, &v) < 0);
    assert_true(rule_integer("01", 2, &v) < 0);
    assert_true(rule_integer("+1", 2, &v) < 0);
    assert_int_equal(v, INT32_MAX);
}

static void attributes_are_set_replaced_and_removed(void **state)
{
    (void)state;
    struct err e;
    struct message *m = message_new();
    assert_non_null(m);
    assert_string_equal(message_get(m, "specversion"), "1.0");
    assert_int_equal(message_sets(m, "id", "one", &e), 0);
    assert_int_equal(message_sets(m, "id", "a longer one", &e), 0);
    assert_int_equal(message_set(m, "subject", "abcdef", 3, &e), 0);
    assert_string_equal(message_get(m, "subject"), "abc");
    assert_int_equal(message_set_integer(m, "amount", -5, &e), 0);
    assert_int_equal(message_set_boolean(m, "flag", true, &e), 0);
    struct attribute a;
    assert_true(message_find(m, "amount", &a));
    assert_int_equal(a.type, ATTRIBUTE_INTEGER);
    assert_int_equal(a.integer, -5);
    assert_string_equal(a.text, "-5");
    assert_true(message_find(m, "flag", &a));
    assert_int_equal(a.type, ATTRIBUTE_BOOLEAN);
    assert_string_equal(a.text, "true");
    assert_int_equal(message_count(m), 5);
    assert_string_equal(message_at(m, 1).name, "id");
    message_remove(m, "id");
    message_remove(m, "nothere");
    assert_null(message_get(m, "id"));
    assert_int_equal(message_count(m), 4);
    assert_true(message_complete(m, &e) < 0);
    assert_string_equal(e.code, "event-required");
    assert_int_equal(message_sets(m, "id", "x", &e), 0);
    assert_int_equal(message_sets(m, "source", "/s", &e), 0);
    assert_int_equal(message_sets(m, "type", "t", &e), 0);
    assert_int_equal(message_complete(m, &e), 0);
    message_free(m);
    message_free(NULL);
}

static void bad_attributes_change_nothing(void **state)
{
    (void)state;
    struct err e;
    struct message *m = message_new();
    assert_true(message_sets(m, "Id", "x", &e) < 0);
    assert_string_equal(e.code, "attribute-name");
    assert_true(message_sets(m, "data", "x", &e) < 0);
    assert_true(message_sets(m, "data_base64", "x", &e) < 0);
    assert_true(message_sets(m, "", "x", &e) < 0);
    assert_true(message_sets(m, "id", "", &e) < 0);
    assert_string_equal(e.code, "attribute-value");
    assert_true(message_sets(m, "x", "\xff", &e) < 0);
    assert_true(message_sets(m, "x", "a\nb", &e) < 0);
    assert_true(message_sets(m, "specversion", "1.1", &e) < 0);
    assert_true(message_set_integer(m, "id", 5, &e) < 0);
    assert_true(message_set_boolean(m, "time", true, &e) < 0);
    assert_int_equal(message_count(m), 1);
    message_free(m);
}

static void attributes_are_bounded_in_number_and_bytes(void **state)
{
    (void)state;
    struct err e;
    char name[16];
    static char big[MESSAGE_ATTRIBUTE_BYTES_MAX];
    memset(big, 'x', sizeof(big) - 1);
    struct message *m = message_new();
    assert_true(message_sets(m, "big", big, &e) < 0);
    assert_string_equal(e.code, "too-large");
    for (int i = 1; i < MESSAGE_ATTRIBUTES_MAX; i++) {
        (void)snprintf(name, sizeof(name), "a%d", i);
        assert_int_equal(message_set_integer(m, name, i, &e), 0);
    }
    assert_true(message_sets(m, "onemore", "x", &e) < 0);
    assert_string_equal(e.code, "too-large");
    assert_int_equal(message_sets(m, "a1", "still replaced", &e), 0);
    struct message *c = message_copy(m);
    assert_int_equal(message_count(c), MESSAGE_ATTRIBUTES_MAX);
    assert_int_equal(message_attribute_bytes(c), message_attribute_bytes(m));
    message_free(m);
    assert_string_equal(message_get(c, "a1"), "still replaced");
    message_free(c);
}

static void a_body_is_kept_by_what_its_bytes_are(void **state)
{
    (void)state;
    struct err e;
    size_t len;
    struct message *m = message_new();
    assert_int_equal(message_set_body(m, "application/json", " { \"a\" : 1.0 } ", 15, &e), 0);
    assert_int_equal(message_body_kind(m), BODY_JSON);
    assert_string_equal(message_body(m, &len), "{\"a\":1.0}");
    assert_true(message_sets(m, "datacontenttype", "text/plain", &e) < 0);
    assert_true(message_set_body(m, "application/json", "{", 1, &e) < 0);
    assert_string_equal(e.code, "body-json");
    assert_true(message_set_body(m, NULL, "", 0, &e) < 0);
    assert_true(message_set_body(m, "no type", "x", 1, &e) < 0);
    assert_string_equal(e.code, "attribute-value");
    assert_string_equal(message_body(m, &len), "{\"a\":1.0}");
    assert_string_equal(message_get(m, "datacontenttype"), "application/json");
    /* the suffix counts however far back it stands; a fixed buffer once cut it off */
    char type[400] = "application/";
    memset(type + 12, 'x', 300);
    memcpy(type + 312, "+json", 6);
    assert_int_equal(message_sets(m, "datacontenttype", type, &e), 0);
    assert_int_equal(message_set_body(m, "application/xml", "<a/>", 4, &e), 0);
    assert_int_equal(message_body_kind(m), BODY_TEXT);
    message_remove(m, "datacontenttype");
    assert_int_equal(message_body_kind(m), BODY_BINARY);
    assert_string_equal(message_body(m, &len), "<a/>");
    assert_int_equal(message_set_body(m, "application/xml", "a\0b", 3, &e), 0);
    assert_int_equal(message_body_kind(m), BODY_BINARY);
    assert_int_equal(message_set_body(m, "image/png", "\x89PNG", 4, &e), 0);
    assert_int_equal(message_body_kind(m), BODY_BINARY);
    assert_int_equal(message_set_body(m, "", "[1]", 3, &e), 0);
    assert_int_equal(message_body_kind(m), BODY_JSON);
    assert_null(message_get(m, "datacontenttype"));
    assert_int_equal(message_set_body(m, "text/plain", "", 0, &e), 0);
    assert_int_equal(message_body_kind(m), BODY_TEXT);
    assert_non_null(message_body(m, &len));
    message_remove_body(m);
    assert_int_equal(message_body_kind(m), BODY_NONE);
    message_free(m);
}

static void the_deepest_body_can_be_read_back(void **state)
{
    (void)state;
    struct err e;
    char deep[200];
    memset(deep, '[', 63);
    memset(deep + 63, ']', 63);
    struct message *m = message_new(), *again = NULL;
    assert_int_equal(message_sets(m, "id", "1", &e), 0);
    assert_int_equal(message_sets(m, "source", "s", &e), 0);
    assert_int_equal(message_sets(m, "type", "t", &e), 0);
    assert_int_equal(message_set_body(m, NULL, deep, 126, &e), 0);
    struct buf b = BUF_INIT(1000);
    assert_int_equal(message_write(m, &b), 0);
    assert_int_equal(message_parse(b.p, b.len, 0, &again, NULL, &e), 0);
    message_free(again);
    message_free(m);
    buf_done(&b);
    m = message_new();
    memset(deep, '[', 64);
    memset(deep + 64, ']', 64);
    assert_true(message_set_body(m, NULL, deep, 128, &e) < 0);
    assert_string_equal(e.code, "body-json");
    message_free(m);
}

static void writing_over_the_ceiling_adds_nothing(void **state)
{
    (void)state;
    struct err e;
    struct message *m = message_new();
    assert_int_equal(message_set_body(m, NULL, "\"0123456789\"", 12, &e), 0);
    for (size_t max = 1; max < 42; max++) {
        struct buf b = BUF_INIT(max);
        assert_int_equal(buf_addc(&b, 'x'), 0);
        assert_true(message_write(m, &b) < 0);
        assert_int_equal(b.len, 1);
        assert_string_equal(b.p, "x");
        buf_done(&b);
    }
    struct buf b = BUF_INIT(42);
    assert_int_equal(buf_addc(&b, 'x'), 0);
    assert_int_equal(message_write(m, &b), 0);
    buf_reset(&b);
    assert_int_equal(message_write_attributes(m, &b), 0);
    assert_string_equal(b.p, "{\"specversion\":\"1.0\"}");
    message_remove(m, "specversion");
    buf_reset(&b);
    assert_int_equal(message_write(m, &b), 0);
    assert_string_equal(b.p, "{\"data\":\"0123456789\"}");
    buf_done(&b);
    message_free(m);
}

static struct message *sample(const char *type, const char *content_type, const char *body)
{
    struct err e;
    struct message *m = message_new();
    assert_int_equal(message_sets(m, "type", type, &e), 0);
    assert_int_equal(message_set_body(m, content_type, body, strlen(body), &e), 0);
    return m;
}

static void digest_of(const char *type, const char *content_type, const char *body, uint8_t *out)
{
    struct digest *d = digest_new();
    struct message *m = sample(type, content_type, body);
    message_content_digest(m, d, out);
    message_free(m);
    digest_free(d);
}

static void the_content_digest_ignores_layout_only(void **state)
{
    (void)state;
    uint8_t a[SHA256_LEN], b[SHA256_LEN];
    digest_of("t", "application/json", "{\"a\":1}", a);
    digest_of("t", "application/json", "{ \"a\" :\n1 }", b);
    assert_memory_equal(a, b, SHA256_LEN);
    digest_of("t", "application/json", "{\"a\":1.0}", b);
    assert_memory_not_equal(a, b, SHA256_LEN);
    digest_of("u", "application/json", "{\"a\":1}", b);
    assert_memory_not_equal(a, b, SHA256_LEN);
    digest_of("t", "text/json", "{\"a\":1}", b);
    assert_memory_not_equal(a, b, SHA256_LEN);
}

static void the_id_depends_on_every_field(void **state)
{
    (void)state;
    uint8_t content[SHA256_LEN] = {1};
    char a[MESSAGE_ID_LEN], b[MESSAGE_ID_LEN];
    struct digest *d = digest_new();
    message_make_id("//hub/p/s", "t", "1", content, 0, d, a);
    assert_int_equal(strlen(a), 40);
    assert_int_equal(strspn(a, "0123456789abcdef"), 40);
    message_make_id("//hub/p/s", "t", "1", content, 0, d, b);
    assert_string_equal(a, b);
    message_make_id("//hub/p/s", "t", "1", content, 1, d, b);
    assert_string_not_equal(a, b);
    message_make_id("//hub/p/s", "t1", "", content, 0, d, b);
    assert_string_not_equal(a, b);
    message_make_id("//hub/p/s", "t", NULL, content, 0, d, b);
    assert_string_not_equal(a, b);
    content[31] = 1;
    message_make_id("//hub/p/s", "t", "1", content, 0, d, b);
    assert_string_not_equal(a, b);
    digest_free(d);
}

static void client_types_and_categories_are_personal(void **state)
{
    (void)state;
    struct err e;
    assert_int_equal(message_types_n, 18);
    assert_true(message_type_find("client.referral")->personal);
    assert_false(message_type_find("funding.award")->personal);
    assert_null(message_type_find("funding"));
    struct message *m = sample("client.unheardof", NULL, "1");
    assert_true(message_is_personal(m));
    assert_int_equal(message_sets(m, "type", "funding.award", &e), 0);
    assert_false(message_is_personal(m));
    assert_int_equal(message_sets(m, "datacategory", "non-personal", &e), 0);
    assert_false(message_is_personal(m));
    assert_int_equal(message_sets(m, "datacategory", "financial, Personal", &e), 0);
    assert_true(message_is_personal(m));
    message_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(uri_references_follow_rfc_3986),
        cmocka_unit_test(media_types_follow_rfc_9110),
        cmocka_unit_test(json_content_types_are_known_in_any_case),
        cmocka_unit_test(integers_are_canonical_and_32_bit),
        cmocka_unit_test(attributes_are_set_replaced_and_removed),
        cmocka_unit_test(bad_attributes_change_nothing),
        cmocka_unit_test(attributes_are_bounded_in_number_and_bytes),
        cmocka_unit_test(a_body_is_kept_by_what_its_bytes_are),
        cmocka_unit_test(the_deepest_body_can_be_read_back),
        cmocka_unit_test(writing_over_the_ceiling_adds_nothing),
        cmocka_unit_test(the_content_digest_ignores_layout_only),
        cmocka_unit_test(the_id_depends_on_every_field),
        cmocka_unit_test(client_types_and_categories_are_personal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
