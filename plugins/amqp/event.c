/* SPDX-License-Identifier: Apache-2.0 */
/* event - see rabbit.h. There is no CloudEvents binding for AMQP 0-9-1: structured mode is the body
 * alone; in binary mode the names are those that RabbitMQ turns into the ones of the AMQP 1.0
 * binding (cloudEvents_ and cloudEvents:, section 3.1.3.1), and ce-, which others use. The adapter
 * judges: what is no attribute is written down so that it refuses it by its name. */
#include "rabbit.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#define STRUCTURED "application/cloudevents"

amqp_bytes_t header_attribute(amqp_bytes_t header)
{
    static const char *const prefixes[] = {"cloudEvents_", "cloudEvents:", "ce-", "ce_"};
    for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++) {
        size_t len = strlen(prefixes[i]);
        if (header.len > len && strncasecmp(header.bytes, prefixes[i], len) == 0)
            return (amqp_bytes_t){header.len - len, (char *)header.bytes + len};
    }
    return amqp_empty_bytes;
}

enum message_kind message_kind(const amqp_basic_properties_t *p)
{
    size_t len = strlen(STRUCTURED);
    if ((p->_flags & AMQP_BASIC_CONTENT_TYPE_FLAG) && p->content_type.len >= len &&
        strncasecmp(p->content_type.bytes, STRUCTURED, len) == 0)
        return MESSAGE_STRUCTURED;
    for (int i = 0; (p->_flags & AMQP_BASIC_HEADERS_FLAG) && i < p->headers.num_entries; i++) {
        amqp_bytes_t a = header_attribute(p->headers.entries[i].key);
        if (bytes_equal(a, "specversion") || bytes_equal(a, "id"))
            return MESSAGE_BINARY;
    }
    return MESSAGE_PLAIN;
}

static void begin_member(struct text *out, const void *name, size_t len)
{
    text_adds(out, out->len ? "," : "{");
    text_json(out, name, len);
    text_adds(out, ":");
}

void event_member(struct text *out, const char *name, const void *value, size_t len)
{
    begin_member(out, name, strlen(name));
    text_json(out, value, len);
}

/* Seconds since 1970, in AMQP 0-9-1; RFC 3339 has four digits for the year. */
static void write_time(struct text *out, uint64_t s)
{
    time_t t = (time_t)s;
    struct tm tm;
    char text[32] = "";
    if (s > INT64_C(253402300799) || !gmtime_r(&t, &tm) ||
        strftime(text, sizeof(text), "\"%Y-%m-%dT%H:%M:%SZ\"", &tm) == 0)
        text_addf(out, "%" PRIu64, s); /* refused: no attribute of ours is such a number */
    else
        text_adds(out, text);
}

static void write_attribute(struct text *out, const amqp_field_value_t *v)
{
    switch (v->kind) {
    case AMQP_FIELD_KIND_UTF8:
        text_json(out, v->value.bytes.bytes, v->value.bytes.len);
        break;
    case AMQP_FIELD_KIND_BYTES:
        text_adds(out, "\"");
        text_base64(out, v->value.bytes.bytes, v->value.bytes.len);
        text_adds(out, "\"");
        break;
    case AMQP_FIELD_KIND_BOOLEAN:
        text_adds(out, v->value.boolean ? "true" : "false");
        break;
    case AMQP_FIELD_KIND_I8:
        text_addf(out, "%d", v->value.i8);
        break;
    case AMQP_FIELD_KIND_U8:
        text_addf(out, "%u", v->value.u8);
        break;
    case AMQP_FIELD_KIND_I16:
        text_addf(out, "%d", v->value.i16);
        break;
    case AMQP_FIELD_KIND_U16:
        text_addf(out, "%u", v->value.u16);
        break;
    case AMQP_FIELD_KIND_I32:
        text_addf(out, "%" PRId32, v->value.i32);
        break;
    case AMQP_FIELD_KIND_U32:
        text_addf(out, "%" PRIu32, v->value.u32);
        break;
    case AMQP_FIELD_KIND_I64:
        text_addf(out, "%" PRId64, v->value.i64);
        break;
    case AMQP_FIELD_KIND_U64:
        text_addf(out, "%" PRIu64, v->value.u64);
        break;
    case AMQP_FIELD_KIND_TIMESTAMP:
        write_time(out, v->value.u64);
        break;
    case AMQP_FIELD_KIND_TABLE:
        text_adds(out, "{}");
        break;
    case AMQP_FIELD_KIND_ARRAY:
        text_adds(out, "[]");
        break;
    case AMQP_FIELD_KIND_VOID: /* as a member that is null: absent */
        text_adds(out, "null");
        break;
    default:
        text_adds(out, "0.5"); /* f, d, D: a number with a fraction is no attribute */
    }
}

void event_begin(struct text *out, const amqp_basic_properties_t *p)
{
    for (int i = 0; (p->_flags & AMQP_BASIC_HEADERS_FLAG) && i < p->headers.num_entries; i++) {
        const amqp_table_entry_t *e = &p->headers.entries[i];
        amqp_bytes_t a = header_attribute(e->key);
        if (a.len == 0)
            continue;
        begin_member(out, a.bytes, a.len);
        write_attribute(out, &e->value);
    }
}

/* RFC 3986 section 2.1: what a segment of a path may hold. */
static void add_segment(struct text *out, const char *s)
{
    for (; *s; s++) {
        unsigned char c = (unsigned char)*s;
        if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
            strchr("-._~", c))
            text_add(out, s, 1);
        else
            text_addf(out, "%%%02X", c);
    }
}

void event_begin_plain(struct text *out, const amqp_basic_properties_t *p, const struct wrap *w)
{
    struct text source = {.p = NULL};
    event_member(out, "specversion", "1.0", 3);
    event_member(out, "type", w->type, strlen(w->type));
    text_adds(&source, "/amqp/");
    add_segment(&source, w->vhost);
    text_adds(&source, "/");
    add_segment(&source, w->queue);
    event_member(out, "source", source.p ? source.p : "", source.len);
    out->bad |= source.bad;
    text_free(&source);
    if ((p->_flags & AMQP_BASIC_MESSAGE_ID_FLAG) && p->message_id.len > 0)
        event_member(out, "id", p->message_id.bytes, p->message_id.len);
}

void event_plain_id(struct text *out, const char *content_type, const void *body, size_t len)
{
    struct text id = {.p = NULL};
    const amqp_bytes_t parts[] = {
        amqp_cstring_bytes(content_type), {1, (char[]){'\n'}}, {len, (void *)(uintptr_t)body}};
    text_digest(&id, parts, sizeof(parts) / sizeof(parts[0]));
    event_member(out, "id", id.p ? id.p : "", id.len);
    out->bad |= id.bad;
    text_free(&id);
}

static bool is_json(const char *type)
{
    size_t len = strcspn(type, "; \t");
    return (len >= 5 && strncasecmp(type + len - 5, "/json", 5) == 0) ||
           (len >= 5 && strncasecmp(type + len - 5, "+json", 5) == 0);
}

static void add_json(reeve_ctx *ctx, struct text *out, const void *body, size_t len)
{
    reeve_msg *m = reeve_msg_new(ctx);
    size_t n = 0;
    if (!m) {
        out->bad = true;
        return;
    }
    if (reeve_msg_set_body(m, "application/json", body, len) == 0) {
        const void *p = reeve_msg_body(m, &n);
        text_add(out, p, n);
        text_adds(out, "}");
    } else { /* on a line of its own, and with an end that no body can turn into JSON */
        text_adds(out, "\n");
        text_add(out, body, len);
        text_adds(out, "\n!");
    }
    reeve_msg_free(m);
}

void event_end(reeve_ctx *ctx, struct text *out, const char *content_type, const void *body,
               size_t len)
{
    const amqp_bytes_t bytes = {len, (void *)(uintptr_t)body};
    if (content_type && *content_type)
        event_member(out, "datacontenttype", content_type, strlen(content_type));
    if (len == 0) {
        text_adds(out, out->len ? "}" : "{}");
    } else if (content_type && is_json(content_type)) {
        begin_member(out, "data", 4);
        add_json(ctx, out, body, len);
    } else if (content_type && *content_type && bytes_utf8(bytes)) {
        event_member(out, "data", body, len);
        text_adds(out, "}");
    } else {
        begin_member(out, "data_base64", 11);
        text_adds(out, "\"");
        text_base64(out, body, len);
        text_adds(out, "\"}");
    }
}
