/* SPDX-License-Identifier: Apache-2.0 */
#include "transport/amqp_link.h"
#include "base/util.h"
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <amqp_framing.h>
#include <string.h>

static amqp_basic_properties_t props;
static amqp_table_entry_t table[AMQP_HEADERS_MAX];
static struct amqp_marks_text hold;
static struct amqp_marks got;

static void there_and_back(const struct amqp_marks *m)
{
    amqp_marks_put(m, &props, table);
    amqp_marks_get(&props, &hold, &got);
}

static void a_first_message_has_no_headers(void **state)
{
    (void)state;
    there_and_back(&(struct amqp_marks){.id = "a/1", .first_ms = 1700000000999});
    assert_false(props._flags & AMQP_BASIC_HEADERS_FLAG);
    assert_int_equal(props.delivery_mode, 2);
    assert_int_equal(props.timestamp, 1700000000);
    assert_memory_equal(props.content_type.bytes, "application/cloudevents+json", 28);
    assert_string_equal(got.id, "a/1");
    assert_int_equal(got.first_ms, 1700000000000);
    assert_int_equal(got.attempts + got.due_ms + got.dead_ms + got.number, 0);
    assert_string_equal(got.code, "");
    assert_string_equal(got.text, "");
}

static void all_marks_come_back(void **state)
{
    (void)state;
    there_and_back(&(struct amqp_marks){.id = "x",
                                        .first_ms = 5000,
                                        .attempts = UINT32_MAX,
                                        .code = "http-503",
                                        .text = "caf\xc3\xa9 closed",
                                        .due_ms = 7,
                                        .dead_ms = 8,
                                        .number = 9});
    assert_int_equal(props.headers.num_entries, 6);
    assert_int_equal(got.attempts, UINT32_MAX);
    assert_string_equal(got.code, "http-503");
    assert_string_equal(got.text, "caf\xc3\xa9 closed");
    assert_int_equal(got.due_ms, 7);
    assert_int_equal(got.dead_ms, 8);
    assert_int_equal(got.number, 9);
}

static void a_long_id_travels_as_a_header_and_long_texts_are_cut_between_characters(void **state)
{
    char id[AMQP_ID_MAX + 1], text[AMQP_TEXT_MAX + 4];
    (void)state;
    memset(id, 'i', sizeof id);
    id[AMQP_ID_MAX] = '\0';
    memset(text, 't', sizeof text);
    memcpy(text + AMQP_TEXT_MAX - 1, "\xe2\x82\xac", 4); /* the last byte that fits begins a euro */
    there_and_back(&(struct amqp_marks){.id = id, .code = id, .text = text});
    assert_false(props._flags & AMQP_BASIC_MESSAGE_ID_FLAG);
    assert_string_equal(got.id, id);
    assert_int_equal(strlen(got.code), AMQP_CODE_MAX);
    assert_int_equal(strlen(got.text), AMQP_TEXT_MAX - 1);
    id[255] = '\0';
    there_and_back(&(struct amqp_marks){.id = id});
    assert_true(props._flags & AMQP_BASIC_MESSAGE_ID_FLAG);
    assert_int_equal(props.message_id.len, 255);
    assert_string_equal(got.id, id);
    id[255] = 'i';
    id[256] = '\0';
    there_and_back(&(struct amqp_marks){.id = id});
    assert_false(props._flags & AMQP_BASIC_MESSAGE_ID_FLAG);
    assert_string_equal(got.id, id);
}

static void get_attempts(amqp_field_value_t v)
{
    amqp_table_entry_t h = {.key = amqp_text(AMQP_H_ATTEMPTS), .value = v};
    props = (amqp_basic_properties_t){._flags = AMQP_BASIC_HEADERS_FLAG,
                                      .headers = {.num_entries = 1, .entries = &h}};
    amqp_marks_get(&props, &hold, &got);
}

static void numbers_of_any_width_are_read_and_odd_ones_are_none(void **state)
{
    static char digit[] = "8";
    const struct {
        amqp_field_value_t v;
        uint32_t want;
    } rows[] = {{{.kind = AMQP_FIELD_KIND_I8, .value = {.i8 = 3}}, 3},
                {{.kind = AMQP_FIELD_KIND_I8, .value = {.i8 = -3}}, 0},
                {{.kind = AMQP_FIELD_KIND_U8, .value = {.u8 = 200}}, 200},
                {{.kind = AMQP_FIELD_KIND_I16, .value = {.i16 = -1}}, 0},
                {{.kind = AMQP_FIELD_KIND_U16, .value = {.u16 = 60000}}, 60000},
                {{.kind = AMQP_FIELD_KIND_I32, .value = {.i32 = INT32_MIN}}, 0},
                {{.kind = AMQP_FIELD_KIND_I32, .value = {.i32 = 4}}, 4},
                {{.kind = AMQP_FIELD_KIND_U32, .value = {.u32 = UINT32_MAX}}, UINT32_MAX},
                {{.kind = AMQP_FIELD_KIND_I64, .value = {.i64 = INT64_MIN}}, 0},
                {{.kind = AMQP_FIELD_KIND_I64, .value = {.i64 = 5}}, 5},
                {{.kind = AMQP_FIELD_KIND_I64, .value = {.i64 = (int64_t)UINT32_MAX + 1}}, 0},
                {{.kind = AMQP_FIELD_KIND_U64, .value = {.u64 = UINT64_MAX}}, 0},
                {{.kind = AMQP_FIELD_KIND_TIMESTAMP, .value = {.u64 = 6}}, 6},
                {{.kind = AMQP_FIELD_KIND_F64, .value = {.f64 = 7.5}}, 0},
                {{.kind = AMQP_FIELD_KIND_BOOLEAN, .value = {.boolean = 1}}, 0},
                {{.kind = AMQP_FIELD_KIND_UTF8, .value = {.bytes = {.len = 1, .bytes = digit}}}, 0},
                {{.kind = AMQP_FIELD_KIND_VOID}, 0},
                {{.kind = AMQP_FIELD_KIND_ARRAY, .value = {.array = {.num_entries = 0}}}, 0}};
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        get_attempts(rows[i].v);
        assert_int_equal(got.attempts, rows[i].want);
    }
}

static void get_texts(amqp_bytes_t id, amqp_bytes_t text, uint8_t kind)
{
    amqp_table_entry_t h[] = {
        {.key = amqp_text(AMQP_H_TEXT), .value = {.kind = kind, .value = {.bytes = text}}},
        {.key = amqp_text(AMQP_H_CODE), .value = {.kind = kind, .value = {.bytes = text}}}};
    props =
        (amqp_basic_properties_t){._flags = AMQP_BASIC_HEADERS_FLAG | AMQP_BASIC_MESSAGE_ID_FLAG,
                                  .message_id = id,
                                  .headers = {.num_entries = 2, .entries = h}};
    amqp_marks_get(&props, &hold, &got);
}

static void texts_are_not_terminated_and_may_be_anything(void **state)
{
    static char long_text[5000];
    char exact[3] = {'a', 'b', 'c'}; /* no zero behind it */
    char with_zero[] = "a\0b", control[] = "\xff\n";
    (void)state;
    memset(long_text, 'z', sizeof long_text);
    amqp_bytes_t abc = {.len = 3, .bytes = exact};
    get_texts(abc, abc, AMQP_FIELD_KIND_UTF8);
    assert_string_equal(got.id, "abc");
    assert_string_equal(got.code, "abc");
    assert_string_equal(got.text, "abc");
    get_texts(abc, abc, AMQP_FIELD_KIND_I64); /* a number where a text should be */
    assert_string_equal(got.text, "");
    amqp_bytes_t lots = {.len = sizeof long_text, .bytes = long_text};
    get_texts(lots, lots, AMQP_FIELD_KIND_BYTES);
    assert_string_equal(got.id, ""); /* not half of it: that would be another message */
    assert_string_equal(got.code, "");
    assert_int_equal(strlen(got.text), AMQP_TEXT_MAX);
    amqp_bytes_t zero = {.len = 3, .bytes = with_zero};
    get_texts(zero, zero, AMQP_FIELD_KIND_UTF8);
    assert_string_equal(got.id, "");
    assert_string_equal(got.text, "a\\x00b");
    amqp_bytes_t bad = {.len = 2, .bytes = control};
    get_texts(bad, bad, AMQP_FIELD_KIND_UTF8);
    assert_string_equal(got.id, "");
    assert_string_equal(got.code, "");
    assert_string_equal(got.text, "\\xff\\x0a");
    get_texts(amqp_empty_bytes, amqp_empty_bytes, AMQP_FIELD_KIND_UTF8);
    assert_string_equal(got.id, "");
}

static void a_bare_message_and_an_impossible_time_are_read(void **state)
{
    (void)state;
    props = (amqp_basic_properties_t){._flags = 0};
    amqp_marks_get(&props, &hold, &got);
    assert_string_equal(got.id, "");
    assert_int_equal(got.first_ms, 0);
    props = (amqp_basic_properties_t){._flags = AMQP_BASIC_TIMESTAMP_FLAG, .timestamp = UINT64_MAX};
    amqp_marks_get(&props, &hold, &got);
    assert_int_equal(got.first_ms, 0);
}

static void a_rung_has_one_queue(void **state)
{
    static const struct {
        uint64_t ms;
        const char *name;
    } rows[] = {{1, "reeve.retry.1000"},
                {1000, "reeve.retry.1000"},
                {1001, "reeve.retry.5000"},
                {UINT64_MAX, "reeve.retry.3600000"}};
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        char name[AMQP_NAME_SIZE];
        amqp_retry_name(rows[i].ms, name);
        assert_string_equal(name, rows[i].name);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_first_message_has_no_headers),
        cmocka_unit_test(all_marks_come_back),
        cmocka_unit_test(a_long_id_travels_as_a_header_and_long_texts_are_cut_between_characters),
        cmocka_unit_test(numbers_of_any_width_are_read_and_odd_ones_are_none),
        cmocka_unit_test(texts_are_not_terminated_and_may_be_anything),
        cmocka_unit_test(a_bare_message_and_an_impossible_time_are_read),
        cmocka_unit_test(a_rung_has_one_queue),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
