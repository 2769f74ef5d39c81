/* SPDX-License-Identifier: Apache-2.0 */
/* amqp_message - the marks of a message to and from AMQP properties and headers. Pure; see
 * amqp_link.h. What is read may come from anybody who can publish: types, lengths and contents are
 * checked here and nowhere else. */
#include "amqp_link.h"
#include "base/util.h"
#include <amqp_framing.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define SHORT_MAX 255u /* of a short string in AMQP 0-9-1, and so of message_id */

/* At most max bytes of s, cut between characters. */
static amqp_bytes_t bounded(const char *s, size_t max)
{
    size_t n = strnlen(s, max + 1);
    if (n > max)
        for (n = max; n > 0 && ((unsigned char)s[n] & 0xc0) == 0x80;)
            n--;
    return (amqp_bytes_t){.len = n, .bytes = (void *)(uintptr_t)s}; /* the library never writes */
}

static void put_text(amqp_table_t *t, const char *key, amqp_bytes_t text)
{
    t->entries[t->num_entries++] = (amqp_table_entry_t){
        .key = amqp_text(key), .value = {.kind = AMQP_FIELD_KIND_UTF8, .value = {.bytes = text}}};
}

static void put_number(amqp_table_t *t, const char *key, uint64_t n)
{
    if (n)
        t->entries[t->num_entries++] = (amqp_table_entry_t){
            .key = amqp_text(key),
            .value = {.kind = AMQP_FIELD_KIND_I64,
                      .value = {.i64 = n > INT64_MAX ? INT64_MAX : (int64_t)n}}};
}

void amqp_marks_put(const struct amqp_marks *m, amqp_basic_properties_t *props,
                    amqp_table_entry_t *table)
{
    amqp_table_t headers = {.num_entries = 0, .entries = table};
    memset(props, 0, sizeof *props);
    props->content_type = amqp_text("application/cloudevents+json");
    props->delivery_mode = AMQP_DELIVERY_PERSISTENT;
    props->timestamp = m->first_ms / 1000;
    props->_flags =
        AMQP_BASIC_CONTENT_TYPE_FLAG | AMQP_BASIC_DELIVERY_MODE_FLAG | AMQP_BASIC_TIMESTAMP_FLAG;
    if (strlen(m->id) <= SHORT_MAX) {
        props->message_id = amqp_text(m->id);
        props->_flags |= AMQP_BASIC_MESSAGE_ID_FLAG;
    } else {
        put_text(&headers, AMQP_H_ID, bounded(m->id, AMQP_ID_MAX));
    }
    put_number(&headers, AMQP_H_ATTEMPTS, m->attempts);
    if (m->code && *m->code)
        put_text(&headers, AMQP_H_CODE, bounded(m->code, AMQP_CODE_MAX));
    if (m->text && *m->text)
        put_text(&headers, AMQP_H_TEXT, bounded(m->text, AMQP_TEXT_MAX));
    put_number(&headers, AMQP_H_DUE, m->due_ms);
    put_number(&headers, AMQP_H_DEAD, m->dead_ms);
    put_number(&headers, AMQP_H_NUMBER, m->number);
    if (headers.num_entries) {
        props->headers = headers;
        props->_flags |= AMQP_BASIC_HEADERS_FLAG;
    }
}

static const amqp_field_value_t *header(const amqp_basic_properties_t *props, const char *key)
{
    if (!(props->_flags & AMQP_BASIC_HEADERS_FLAG))
        return NULL;
    size_t len = strlen(key);
    for (int i = 0; i < props->headers.num_entries; i++) {
        const amqp_table_entry_t *h = &props->headers.entries[i];
        if (h->key.len == len && memcmp(h->key.bytes, key, len) == 0)
            return &h->value;
    }
    return NULL;
}

static uint64_t not_negative(int64_t n)
{
    return n < 0 ? 0 : (uint64_t)n;
}

static uint64_t number(const amqp_basic_properties_t *props, const char *key)
{
    const amqp_field_value_t *v = header(props, key);
    switch (v ? v->kind : AMQP_FIELD_KIND_VOID) {
    case AMQP_FIELD_KIND_I8:
        return not_negative(v->value.i8);
    case AMQP_FIELD_KIND_U8:
        return v->value.u8;
    case AMQP_FIELD_KIND_I16:
        return not_negative(v->value.i16);
    case AMQP_FIELD_KIND_U16:
        return v->value.u16;
    case AMQP_FIELD_KIND_I32:
        return not_negative(v->value.i32);
    case AMQP_FIELD_KIND_U32:
        return v->value.u32;
    case AMQP_FIELD_KIND_I64:
        return not_negative(v->value.i64);
    case AMQP_FIELD_KIND_U64:
    case AMQP_FIELD_KIND_TIMESTAMP:
        return v->value.u64;
    default:
        return 0;
    }
}

/* A whole text of at most cap - 1 bytes of UTF-8 without a zero, or "": half an id would be
 * another one's. */
static void whole_text(amqp_bytes_t from, char *out, size_t cap)
{
    out[0] = '\0';
    if (!from.bytes || from.len == 0 || from.len >= cap || memchr(from.bytes, 0, from.len) ||
        !utf8_valid(from.bytes, from.len))
        return;
    memcpy(out, from.bytes, from.len);
    out[from.len] = '\0';
}

static amqp_bytes_t header_text(const amqp_basic_properties_t *props, const char *key)
{
    const amqp_field_value_t *v = header(props, key);
    return v && (v->kind == AMQP_FIELD_KIND_UTF8 || v->kind == AMQP_FIELD_KIND_BYTES)
               ? v->value.bytes
               : amqp_empty_bytes;
}

void amqp_marks_get(const amqp_basic_properties_t *props, struct amqp_marks_text *hold,
                    struct amqp_marks *ret)
{
    bool in_header = !(props->_flags & AMQP_BASIC_MESSAGE_ID_FLAG);
    whole_text(in_header ? header_text(props, AMQP_H_ID) : props->message_id, hold->id,
               sizeof hold->id);
    whole_text(header_text(props, AMQP_H_CODE), hold->code, sizeof hold->code);
    amqp_bytes_t text = header_text(props, AMQP_H_TEXT);
    hold->text[0] = '\0'; /* only shown: whatever it is, as one line */
    if (text.bytes)
        (void)escape_text(hold->text, sizeof hold->text, text.bytes, text.len);
    uint64_t seconds = props->_flags & AMQP_BASIC_TIMESTAMP_FLAG ? props->timestamp : 0;
    uint64_t attempts = number(props, AMQP_H_ATTEMPTS);
    *ret = (struct amqp_marks){.id = hold->id,
                               .first_ms = seconds > UINT64_MAX / 1000 ? 0 : seconds * 1000,
                               .attempts = attempts > UINT32_MAX ? 0 : (uint32_t)attempts,
                               .code = hold->code,
                               .text = hold->text,
                               .due_ms = number(props, AMQP_H_DUE),
                               .dead_ms = number(props, AMQP_H_DEAD),
                               .number = number(props, AMQP_H_NUMBER)};
}

void amqp_retry_name(uint64_t delay_ms, char out[AMQP_NAME_SIZE])
{
    (void)snprintf(out, AMQP_NAME_SIZE, AMQP_RETRY_PREFIX "%" PRIu64, transport_rung(delay_ms));
}
