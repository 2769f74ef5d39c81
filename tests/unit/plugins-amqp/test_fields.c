/* SPDX-License-Identifier: Apache-2.0 */
/* The mappings of plugin amqp: properties and headers as text and back, hostile ones too, and
 * events out of headers. */
#include "plugin/host.h"
#include "rabbit.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define ALL_HEADERS                                                                                \
    "{\"correlation_id\":{\"base64\":\"/wA=\"},\"reply_to\":\"a\\u00e9\",\"expiration\":\"60\","   \
    "\"type\":\"t\",\"user_id\":\"me\",\"app_id\":\"\",\"timestamp\":18446744073709551615,"        \
    "\"priority\":255,\"headers\":{\"t\":{\"t\":true},\"b\":{\"b\":-128},\"B\":{\"B\":255},"       \
    "\"s\":{\"s\":-32768},\"u\":{\"u\":65535},\"I\":{\"I\":-2147483648},\"i\":{\"i\":4294967295}," \
    "\"l\":{\"l\":-9223372036854775808},\"L\":{\"L\":18446744073709551615},\"T\":{\"T\":1},"       \
    "\"f\":{\"f\":\"1.5\"},\"d\":{\"d\":\"0.10000000000000001\"},\"nan\":{\"d\":\"nan\"},"         \
    "\"D\":{\"D\":[2,1250]},\"S\":{\"S\":\"\\ud83d\\ude00\\u0001\\\"\"},\"S64\":{\"S64\":\"/"      \
    "w==\"},"                                                                                      \
    "\"x\":{\"x\":\"AAEC\"},\"x0\":{\"x\":\"\"},\"A\":{\"A\":[{\"I\":1},{\"A\":[]}]},"             \
    "\"F\":{\"F\":{\"k\":{\"F\":{}}}},\"V\":{\"V\":null}}}"

/* text -> properties -> the wire's form of the table -> text: the same. */
static void every_type_of_header_survives_the_way_as_text_and_over_the_wire(void **state)
{
    (void)state;
    amqp_pool_t pool;
    amqp_basic_properties_t p = {0}, wire;
    static char bytes[65536];
    size_t at = 0, back = 0;
    struct text again = {.p = NULL};
    init_amqp_pool(&pool, 4096);
    assert_true(properties_read(ALL_HEADERS, "me", &pool, &p));
    assert_int_equal(amqp_encode_table((amqp_bytes_t){sizeof(bytes), bytes}, &p.headers, &at), 0);
    wire = p;
    assert_int_equal(amqp_decode_table((amqp_bytes_t){at, bytes}, &pool, &wire.headers, &back), 0);
    assert_null(properties_write(&again, &wire));
    assert_string_equal(again.p, ALL_HEADERS);
    text_free(&again);
    empty_amqp_pool(&pool);
}

static void what_is_not_ours_to_send_stays_away(void **state)
{
    (void)state;
    amqp_pool_t pool;
    amqp_basic_properties_t p = {0};
    init_amqp_pool(&pool, 4096);
    assert_true(properties_read(
        "{\"user_id\":\"me\",\"message_id\":\"m\",\"expiration\":\"1 min\",\"headers\":{\"CC\":"
        "{\"A\":[]},\"BCC\":{\"A\":[]},\"x-death\":{\"A\":[]},\"x-first-death-queue\":{\"S\":\"q\"}"
        ","
        "\"x-delay\":{\"I\":1},\"x-ours\":{\"I\":1},\"Cc\":{\"I\":2}}}",
        "you", &pool, &p));
    assert_int_equal(p._flags, AMQP_BASIC_HEADERS_FLAG);
    assert_int_equal(p.headers.num_entries, 2);
    /* what is there already stands */
    p = (amqp_basic_properties_t){._flags = AMQP_BASIC_TYPE_FLAG, .type = amqp_cstring_bytes("x")};
    assert_true(properties_read("{\"type\":\"y\"}", "me", &pool, &p));
    assert_true(bytes_equal(p.type, "x"));
    empty_amqp_pool(&pool);
}

static void a_text_that_is_none_of_ours_is_refused(void **state)
{
    (void)state;
    static const char *const cases[] = {
        "",
        "x",
        "[]",
        "{\"priority\":256}",
        "{\"priority\":\"1\"}",
        "{\"type\":1}",
        "{\"type\":{}}",
        "{\"type\":{\"base64\":\"x\"}}",
        "{\"headers\":1}",
        "{\"headers\":{\"a\":1}}",
        "{\"headers\":{\"a\":{}}}",
        "{\"headers\":{\"a\":{\"I\":1,\"l\":2}}}",
        "{\"headers\":{\"a\":{\"I\":2147483648}}}",
        "{\"headers\":{\"a\":{\"b\":-129}}}",
        "{\"headers\":{\"a\":{\"I\":1.5}}}",
        "{\"headers\":{\"a\":{\"t\":1}}}",
        "{\"headers\":{\"a\":{\"d\":\"1x\"}}}",
        "{\"headers\":{\"a\":{\"D\":[1]}}}",
        "{\"headers\":{\"a\":{\"D\":[256,1]}}}",
        "{\"headers\":{\"a\":{\"A\":{}}}}",
        "{\"headers\":{\"a\":{\"Z\":1}}}",
        "{\"headers\":{\"a\":{\"V\":0}}}",
        "{\"headers\":{\"a\":{\"x\":\"=AAA\"}}}",
        "{\"type\":\"a\"}{}",
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        amqp_pool_t pool;
        amqp_basic_properties_t p = {0};
        init_amqp_pool(&pool, 4096);
        if (properties_read(cases[i], "me", &pool, &p))
            fail_msg("%s was read", cases[i]);
        empty_amqp_pool(&pool);
    }
    char *deep = malloc(200000);
    size_t at = (size_t)snprintf(deep, 200000, "{\"headers\":{\"a\":");
    for (int i = 0; i < 1000; i++)
        at += (size_t)snprintf(deep + at, 200000 - at, "{\"A\":[");
    amqp_pool_t pool;
    amqp_basic_properties_t p = {0};
    init_amqp_pool(&pool, 4096);
    assert_false(properties_read(deep, "me", &pool, &p));
    memset(deep, ' ', 100000);
    deep[100000] = '\0';
    assert_false(properties_read(deep, "me", &pool, &p)); /* too long */
    empty_amqp_pool(&pool);
    free(deep);
}

static amqp_table_entry_t entry(const char *key, amqp_field_value_t v)
{
    return (amqp_table_entry_t){.key = amqp_cstring_bytes(key), .value = v};
}

static amqp_field_value_t text(const char *s)
{
    return (amqp_field_value_t){.kind = AMQP_FIELD_KIND_UTF8,
                                .value = {.bytes = amqp_cstring_bytes(s)}};
}

static void headers_too_deep_too_many_or_not_text_are_not_kept(void **state)
{
    (void)state;
    amqp_field_value_t nest[FIELD_DEPTH_MAX + 1];
    nest[FIELD_DEPTH_MAX] = text("deepest");
    for (int i = (int)FIELD_DEPTH_MAX - 1; i >= 0; i--)
        nest[i] = (amqp_field_value_t){.kind = AMQP_FIELD_KIND_ARRAY,
                                       .value = {.array = {1, &nest[i + 1]}}};
    for (int at = 0; at < 2; at++) { /* one level less is right */
        amqp_table_entry_t e = entry("deep", nest[at]);
        amqp_basic_properties_t p = {._flags = AMQP_BASIC_HEADERS_FLAG, .headers = {1, &e}};
        struct text out = {.p = NULL};
        const char *bad = properties_write(&out, &p);
        assert_int_equal(bad != NULL, at == 0);
        text_free(&out);
    }
    static amqp_table_entry_t many[20000];
    for (size_t i = 0; i < sizeof(many) / sizeof(many[0]); i++)
        many[i] = entry("n", text("v"));
    amqp_basic_properties_t p = {._flags = AMQP_BASIC_HEADERS_FLAG,
                                 .headers = {sizeof(many) / sizeof(many[0]), many}};
    struct text out = {.p = NULL};
    assert_non_null(properties_write(&out, &p));
    assert_true(out.len < 2 * KEPT_MAX); /* and it did not write all of them first */
    text_free(&out);
    amqp_table_entry_t odd = entry("\xff", text("v"));
    p.headers = (amqp_table_t){1, &odd};
    assert_non_null(properties_write(&out, &p));
    text_free(&out);
    amqp_table_entry_t own = entry("ce-id", text("v")); /* an attribute is no property */
    p.headers = (amqp_table_t){1, &own};
    assert_null(properties_write(&out, &p));
    assert_int_equal(out.len, 0);
    text_free(&out);
}

static void a_header_is_an_attribute_by_its_prefix(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"cloudEvents_id", "id"},
        {"cloudEvents:id", "id"},
        {"CLOUDEVENTS:id", "id"},
        {"ce-id", "id"},
        {"CE_id", "id"},
        {"ce_", ""},
        {"ce", ""},
        {"", ""},
        {"ceid", ""},
        {"x-ce-id", ""},
        {"cloudEvents", ""},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_true(bytes_equal(header_attribute(amqp_cstring_bytes(cases[i][0])), cases[i][1]));
}

static void what_a_message_is_shows_in_type_and_headers(void **state)
{
    (void)state;
    amqp_table_entry_t e[] = {entry("other", text("x")), entry("ce-type", text("x")),
                              entry("cloudEvents_id", text("x"))};
    amqp_basic_properties_t p = {._flags = AMQP_BASIC_HEADERS_FLAG, .headers = {2, e}};
    assert_int_equal(message_kind(&p), MESSAGE_PLAIN);
    p.headers.num_entries = 3;
    assert_int_equal(message_kind(&p), MESSAGE_BINARY);
    p._flags |= AMQP_BASIC_CONTENT_TYPE_FLAG;
    p.content_type = amqp_cstring_bytes("Application/CloudEvents+json; charset=utf-8");
    assert_int_equal(message_kind(&p), MESSAGE_STRUCTURED);
    p.content_type = amqp_cstring_bytes("application/cloudevent");
    assert_int_equal(message_kind(&p), MESSAGE_BINARY);
    p._flags = 0;
    assert_int_equal(message_kind(&p), MESSAGE_PLAIN);
}

static amqp_field_value_t number(amqp_field_value_kind_t kind, uint64_t v)
{
    amqp_field_value_t x = {.kind = (uint8_t)kind, .value = {.u64 = 0}};
    x.value.u64 = v;
    return x;
}

static void attributes_have_the_types_of_json(void **state)
{
    (void)state;
    amqp_table_entry_t e[] = {
        entry("ce-a", text("q\"\\\n\x7f")),
        entry("ce-b", number(AMQP_FIELD_KIND_BOOLEAN, 1)),
        entry("ce-c", number(AMQP_FIELD_KIND_I32, (uint32_t)-5)),
        entry("other", text("x")),
        entry("ce-d", number(AMQP_FIELD_KIND_TIMESTAMP, 1770113700)),
        entry("ce-e", (amqp_field_value_t){.kind = AMQP_FIELD_KIND_BYTES,
                                           .value = {.bytes = {2, (char[]){'\0', '\xff'}}}}),
        entry("ce-f", number(AMQP_FIELD_KIND_I64, 1ull << 40)),
        entry("ce-g", number(AMQP_FIELD_KIND_F64, 0)),
        entry("ce-h", (amqp_field_value_t){.kind = AMQP_FIELD_KIND_TABLE}),
        entry("ce-i", (amqp_field_value_t){.kind = AMQP_FIELD_KIND_ARRAY}),
        entry("ce-j", (amqp_field_value_t){.kind = AMQP_FIELD_KIND_VOID}),
        entry("ce-k", number(AMQP_FIELD_KIND_TIMESTAMP, UINT64_MAX)),
    };
    amqp_basic_properties_t p = {._flags = AMQP_BASIC_HEADERS_FLAG,
                                 .headers = {sizeof(e) / sizeof(e[0]), e}};
    struct text out = {.p = NULL};
    event_begin(&out, &p);
    assert_string_equal(out.p, "{\"a\":\"q\\\"\\\\\\u000a\\u007f\",\"b\":true,\"c\":-5,"
                               "\"d\":\"2026-02-03T10:15:00Z\",\"e\":\"AP8=\",\"f\":1099511627776,"
                               "\"g\":0.5,\"h\":{},\"i\":[],\"j\":null,\"k\":18446744073709551615");
    text_free(&out);
}

static void a_plain_message_becomes_an_event(void **state)
{
    (void)state;
    const struct wrap w = {.type = "t", .vhost = "/", .queue = "a b/c"};
    amqp_basic_properties_t p = {._flags = AMQP_BASIC_MESSAGE_ID_FLAG,
                                 .message_id = amqp_cstring_bytes("m\"1")};
    struct text out = {.p = NULL};
    event_begin_plain(&out, &p, &w);
    event_end(NULL, &out, "text/plain", "hi", 2);
    assert_string_equal(
        out.p, "{\"specversion\":\"1.0\",\"type\":\"t\",\"source\":\"/amqp/%2F/a%20b%2Fc\","
               "\"id\":\"m\\\"1\",\"datacontenttype\":\"text/plain\",\"data\":\"hi\"}");
    text_free(&out);
    event_plain_id(&out, "text/plain", "hi", 2); /* printf 'text/plain\nhi' | sha256sum */
    assert_string_equal(
        out.p, "{\"id\":\"75ffc1310a599fe5735066b4d546aa2542fc5fe25ec0c22b343a03fdff237ac7\"");
    text_free(&out);
}

/* What the body is, and what the event's end is then; no body can end the document by itself. */
static void a_body_is_spliced_in_only_when_it_is_json(void **state)
{
    (void)state;
    static const struct {
        const char *type, *body, *want;
    } cases[] = {
        {"application/json", " {\"a\" : 1.10} ",
         "{\"datacontenttype\":\"application/json\",\"data\":{\"a\":1.10}}"},
        {"x/y+JSON; v=1", "[]", "{\"datacontenttype\":\"x/y+JSON; v=1\",\"data\":[]}"},
        {"text/plain", "\"", "{\"datacontenttype\":\"text/plain\",\"data\":\"\\\"\"}"},
        {"text/plain", "\xff", "{\"datacontenttype\":\"text/plain\",\"data_base64\":\"/w==\"}"},
        {"", "{}", "{\"data_base64\":\"e30=\"}"},
        {"", "", "{}"},
        {"application/json", "", "{\"datacontenttype\":\"application/json\"}"},
        {"application/json", "1}", NULL},
        {"application/json", "1,\"party\":\"x\"}", NULL},
        {"application/json", "1,\"x\":\"", NULL},
        {"application/json", "\"", NULL},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct text out = {.p = NULL};
        event_end(NULL, &out, cases[i].type, cases[i].body, strlen(cases[i].body));
        assert_false(out.bad);
        if (cases[i].want) {
            assert_string_equal(out.p, cases[i].want);
        } else { /* it is no JSON at all, whatever the body tries */
            struct message *m = NULL;
            struct err e;
            assert_true(message_parse(out.p, out.len, 0, &m, NULL, &e) < 0);
            assert_true(strncmp(e.code, "json-", 5) == 0);
        }
        text_free(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_type_of_header_survives_the_way_as_text_and_over_the_wire),
        cmocka_unit_test(what_is_not_ours_to_send_stays_away),
        cmocka_unit_test(a_text_that_is_none_of_ours_is_refused),
        cmocka_unit_test(headers_too_deep_too_many_or_not_text_are_not_kept),
        cmocka_unit_test(a_header_is_an_attribute_by_its_prefix),
        cmocka_unit_test(what_a_message_is_shows_in_type_and_headers),
        cmocka_unit_test(attributes_have_the_types_of_json),
        cmocka_unit_test(a_plain_message_becomes_an_event),
        cmocka_unit_test(a_body_is_spliced_in_only_when_it_is_json),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
