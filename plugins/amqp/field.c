/* SPDX-License-Identifier: Apache-2.0 */
/* field - see rabbit.h. What comes off the wire is bounded by its frame (128 KiB); how deep it goes
 * and how long its text gets are bounded here. */
#include "rabbit.h"
#include <errno.h>
#include <inttypes.h>
#include <json-c/json.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define TOO_DEEP  "its headers are nested too deep to be kept"
#define NOT_TEXT  "the name of one of its headers is not UTF-8"
#define TOO_LONG  "its properties are too large to be kept"
#define NO_MEMORY "out of memory"

/* ---- the properties that are texts and numbers ---- */
#define BYTES_ROW(name, flag)                                                    \
    {                                                                            \
#name, AMQP_BASIC_##flag##_FLAG, offsetof(amqp_basic_properties_t, name) \
    }
static const struct row {
    const char *name;
    amqp_flags_t flag;
    size_t at;
} texts[] = {
    BYTES_ROW(content_encoding, CONTENT_ENCODING),
    BYTES_ROW(correlation_id, CORRELATION_ID),
    BYTES_ROW(reply_to, REPLY_TO),
    BYTES_ROW(expiration, EXPIRATION),
    BYTES_ROW(message_id, MESSAGE_ID),
    BYTES_ROW(type, TYPE),
    BYTES_ROW(user_id, USER_ID),
    BYTES_ROW(app_id, APP_ID),
    BYTES_ROW(cluster_id, CLUSTER_ID),
};

static amqp_bytes_t *bytes_of(amqp_basic_properties_t *p, const struct row *r)
{
    return (amqp_bytes_t *)(void *)((char *)p + r->at);
}

bool digits_only(amqp_bytes_t b)
{
    const char *s = b.bytes;
    for (size_t i = 0; i < b.len; i++) {
        if (s[i] < '0' || s[i] > '9')
            return false;
    }
    return b.len > 0 && b.len < 20;
}

bool header_of_broker(amqp_bytes_t name)
{
    static const char *const names[] = {"CC", "BCC", "x-delay", "x-delivery-count"};
    static const char *const prefixes[] = {"x-death",         "x-first-death-", "x-last-death-",
                                           "x-received-from", "x-stream-",      "x-shovelled"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (bytes_equal(name, names[i]))
            return true;
    }
    for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++) {
        size_t len = strlen(prefixes[i]);
        if (name.len >= len && memcmp(name.bytes, prefixes[i], len) == 0)
            return true;
    }
    return false;
}

/* ---- writing ---- */
static const char *write_table(struct text *out, const amqp_table_t *t, unsigned depth, bool all);

static void write_bytes(struct text *out, const char *plain, const char *coded, amqp_bytes_t b)
{
    bool text = plain && bytes_utf8(b);
    text_addf(out, "\"%s\":", text ? plain : coded);
    if (text) {
        text_json_ascii(out, b.bytes, b.len);
    } else {
        text_adds(out, "\"");
        text_base64(out, b.bytes, b.len);
        text_adds(out, "\"");
    }
}

static const char *write_value(struct text *out, const amqp_field_value_t *v, unsigned depth);

static const char *write_array(struct text *out, const amqp_array_t *a, unsigned depth)
{
    const char *bad = NULL;
    text_adds(out, "\"A\":[");
    for (int i = 0; i < a->num_entries && !bad; i++) {
        text_adds(out, i ? "," : "");
        bad = write_value(out, &a->entries[i], depth);
    }
    text_adds(out, "]");
    return bad;
}

static void write_number(struct text *out, const amqp_field_value_t *v)
{
    int64_t n = 0;
    switch (v->kind) {
    case AMQP_FIELD_KIND_I8:
        n = v->value.i8;
        break;
    case AMQP_FIELD_KIND_U8:
        n = v->value.u8;
        break;
    case AMQP_FIELD_KIND_I16:
        n = v->value.i16;
        break;
    case AMQP_FIELD_KIND_U16:
        n = v->value.u16;
        break;
    case AMQP_FIELD_KIND_I32:
        n = v->value.i32;
        break;
    case AMQP_FIELD_KIND_U32:
        n = v->value.u32;
        break;
    default:
        n = v->value.i64;
    }
    text_addf(out, "\"%c\":%" PRId64, (char)v->kind, n);
}

static const char *write_value(struct text *out, const amqp_field_value_t *v, unsigned depth)
{
    const char *bad = NULL;
    if (depth >= FIELD_DEPTH_MAX)
        return TOO_DEEP;
    if (out->len > KEPT_MAX)
        return TOO_LONG;
    text_adds(out, "{");
    switch (v->kind) {
    case AMQP_FIELD_KIND_BOOLEAN:
        text_addf(out, "\"t\":%s", v->value.boolean ? "true" : "false");
        break;
    case AMQP_FIELD_KIND_U64:
    case AMQP_FIELD_KIND_TIMESTAMP:
        text_addf(out, "\"%c\":%" PRIu64, (char)v->kind, v->value.u64);
        break;
    case AMQP_FIELD_KIND_F32: /* as text: exact, and what is no number has a form, too */
        text_addf(out, "\"f\":\"%.9g\"", (double)v->value.f32);
        break;
    case AMQP_FIELD_KIND_F64:
        text_addf(out, "\"d\":\"%.17g\"", v->value.f64);
        break;
    case AMQP_FIELD_KIND_DECIMAL:
        text_addf(out, "\"D\":[%u,%" PRIu32 "]", v->value.decimal.decimals, v->value.decimal.value);
        break;
    case AMQP_FIELD_KIND_UTF8:
        write_bytes(out, "S", "S64", v->value.bytes);
        break;
    case AMQP_FIELD_KIND_BYTES:
        write_bytes(out, NULL, "x", v->value.bytes);
        break;
    case AMQP_FIELD_KIND_ARRAY:
        bad = write_array(out, &v->value.array, depth + 1);
        break;
    case AMQP_FIELD_KIND_TABLE:
        text_adds(out, "\"F\":");
        bad = write_table(out, &v->value.table, depth + 1, true);
        break;
    case AMQP_FIELD_KIND_VOID:
        text_adds(out, "\"V\":null");
        break;
    default:
        write_number(out, v);
    }
    text_adds(out, "}");
    return bad;
}

static const char *write_table(struct text *out, const amqp_table_t *t, unsigned depth, bool all)
{
    const char *bad = NULL;
    bool any = false;
    text_adds(out, "{");
    for (int i = 0; i < t->num_entries && !bad; i++) {
        const amqp_table_entry_t *e = &t->entries[i];
        if (!all && header_attribute(e->key).len > 0)
            continue;
        if (!bytes_utf8(e->key))
            return NOT_TEXT;
        text_adds(out, any ? "," : "");
        any = true;
        text_json_ascii(out, e->key.bytes, e->key.len);
        text_adds(out, ":");
        bad = write_value(out, &e->value, depth);
    }
    text_adds(out, "}");
    return bad;
}

static bool has_own_headers(const amqp_basic_properties_t *p)
{
    for (int i = 0; (p->_flags & AMQP_BASIC_HEADERS_FLAG) && i < p->headers.num_entries; i++) {
        if (header_attribute(p->headers.entries[i].key).len == 0)
            return true;
    }
    return false;
}

static void member(struct text *out, const char *name)
{
    text_addf(out, "%s\"%s\":", out->len ? "," : "{", name);
}

const char *properties_write(struct text *out, const amqp_basic_properties_t *p)
{
    amqp_basic_properties_t copy = *p;
    const char *bad = NULL;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        if (!(p->_flags & texts[i].flag))
            continue;
        amqp_bytes_t b = *bytes_of(&copy, &texts[i]);
        member(out, texts[i].name);
        if (bytes_utf8(b)) {
            text_json_ascii(out, b.bytes, b.len);
        } else {
            text_adds(out, "{");
            write_bytes(out, NULL, "base64", b);
            text_adds(out, "}");
        }
    }
    if (p->_flags & AMQP_BASIC_TIMESTAMP_FLAG) {
        member(out, "timestamp");
        text_addf(out, "%" PRIu64, p->timestamp);
    }
    if (p->_flags & AMQP_BASIC_PRIORITY_FLAG) {
        member(out, "priority");
        text_addf(out, "%u", p->priority);
    }
    if (has_own_headers(p)) {
        member(out, "headers");
        bad = write_table(out, &p->headers, 0, false);
    }
    if (out->len)
        text_adds(out, "}");
    return bad ? bad : out->bad ? NO_MEMORY : out->len > KEPT_MAX ? TOO_LONG : NULL;
}

/* ---- reading ---- */
static bool read_table(struct json_object *o, amqp_pool_t *pool, amqp_table_t *t, bool all);
static bool read_value(struct json_object *o, amqp_pool_t *pool, amqp_field_value_t *v);

static bool read_text(struct json_object *o, amqp_pool_t *pool, amqp_bytes_t *b)
{
    if (!json_object_is_type(o, json_type_string))
        return false;
    size_t len = (size_t)json_object_get_string_len(o);
    amqp_pool_alloc_bytes(pool, len ? len : 1, b);
    if (!b->bytes)
        return false;
    memcpy(b->bytes, json_object_get_string(o), len);
    b->len = len;
    return true;
}

/* Strict: OpenSSL's reader passes over what it does not know at both ends. */
static bool read_base64(struct json_object *o, amqp_pool_t *pool, amqp_bytes_t *b)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    if (!json_object_is_type(o, json_type_string))
        return false;
    const char *s = json_object_get_string(o);
    size_t len = (size_t)json_object_get_string_len(o), plain = strspn(s, digits);
    size_t pads = len - plain;
    if (len % 4 != 0 || pads > 2 || strspn(s + plain, "=") != pads)
        return false;
    amqp_pool_alloc_bytes(pool, len + 1, b);
    if (!b->bytes)
        return false;
    int n = len ? EVP_DecodeBlock(b->bytes, (const unsigned char *)s, (int)len) : 0;
    b->len = n > 0 ? (size_t)n - pads : 0;
    return n >= 0;
}

bool table_add(amqp_pool_t *pool, amqp_table_t *t, amqp_bytes_t key, amqp_field_value_t value)
{
    if (t->num_entries % 16 == 0) {
        amqp_table_entry_t *more =
            amqp_pool_alloc(pool, ((size_t)t->num_entries + 16) * sizeof(*more));
        if (!more)
            return false;
        if (t->num_entries > 0)
            memcpy(more, t->entries, (size_t)t->num_entries * sizeof(*more));
        t->entries = more;
    }
    t->entries[t->num_entries++] = (amqp_table_entry_t){.key = key, .value = value};
    return true;
}

static bool read_array(struct json_object *o, amqp_pool_t *pool, amqp_array_t *a)
{
    if (!json_object_is_type(o, json_type_array))
        return false;
    size_t n = json_object_array_length(o);
    a->entries = amqp_pool_alloc(pool, (n + 1) * sizeof(*a->entries));
    for (size_t i = 0; a->entries && i < n; i++) {
        if (!read_value(json_object_array_get_idx(o, i), pool, &a->entries[i]))
            return false;
        a->num_entries++;
    }
    return a->entries;
}

static bool whole(struct json_object *o, int64_t least, int64_t most, int64_t *ret)
{
    *ret = json_object_get_int64(o);
    return json_object_is_type(o, json_type_int) && *ret >= least && *ret <= most;
}

static bool read_decimal(struct json_object *o, amqp_decimal_t *d)
{
    int64_t scale = 0, value = 0;
    if (!json_object_is_type(o, json_type_array) || json_object_array_length(o) != 2 ||
        !whole(json_object_array_get_idx(o, 0), 0, UINT8_MAX, &scale) ||
        !whole(json_object_array_get_idx(o, 1), 0, UINT32_MAX, &value))
        return false;
    *d = (amqp_decimal_t){.decimals = (uint8_t)scale, .value = (uint32_t)value};
    return true;
}

static bool read_float(struct json_object *o, double *ret)
{
    const char *s = json_object_is_type(o, json_type_string) ? json_object_get_string(o) : "";
    char *end = NULL;
    *ret = strtod(s, &end);
    return *s && *end == '\0';
}

static bool read_int(struct json_object *o, char kind, amqp_field_value_t *v)
{
    static const struct {
        char kind;
        int64_t least, most;
    } ranges[] = {{'b', INT8_MIN, INT8_MAX},   {'B', 0, UINT8_MAX},
                  {'s', INT16_MIN, INT16_MAX}, {'u', 0, UINT16_MAX},
                  {'I', INT32_MIN, INT32_MAX}, {'i', 0, UINT32_MAX},
                  {'l', INT64_MIN, INT64_MAX}};
    for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++) {
        int64_t n = 0;
        if (kind != ranges[i].kind)
            continue;
        if (!whole(o, ranges[i].least, ranges[i].most, &n))
            return false;
        switch (kind) {
        case 'b':
            v->value.i8 = (int8_t)n;
            break;
        case 'B':
            v->value.u8 = (uint8_t)n;
            break;
        case 's':
            v->value.i16 = (int16_t)n;
            break;
        case 'u':
            v->value.u16 = (uint16_t)n;
            break;
        case 'I':
            v->value.i32 = (int32_t)n;
            break;
        case 'i':
            v->value.u32 = (uint32_t)n;
            break;
        default:
            v->value.i64 = n;
        }
        return true;
    }
    return false;
}

static bool read_value(struct json_object *o, amqp_pool_t *pool, amqp_field_value_t *v)
{
    memset(v, 0, sizeof(*v));
    if (!json_object_is_type(o, json_type_object) || json_object_object_length(o) != 1)
        return false;
    struct json_object_iterator it = json_object_iter_begin(o);
    const char *kind = json_object_iter_peek_name(&it);
    struct json_object *x = json_object_iter_peek_value(&it);
    double number = 0;
    if (strcmp(kind, "S64") == 0) {
        v->kind = AMQP_FIELD_KIND_UTF8;
        return read_base64(x, pool, &v->value.bytes);
    }
    if (strlen(kind) != 1)
        return false;
    v->kind = (uint8_t)kind[0];
    switch (kind[0]) {
    case 't':
        v->value.boolean = json_object_get_boolean(x);
        return json_object_is_type(x, json_type_boolean);
    case 'T':
    case 'L':
        v->value.u64 = json_object_get_uint64(x);
        return json_object_is_type(x, json_type_int);
    case 'f':
        if (!read_float(x, &number))
            return false;
        v->value.f32 = (float)number;
        return true;
    case 'd':
        return read_float(x, &v->value.f64);
    case 'D':
        return read_decimal(x, &v->value.decimal);
    case 'S':
        return read_text(x, pool, &v->value.bytes);
    case 'x':
        return read_base64(x, pool, &v->value.bytes);
    case 'A':
        return read_array(x, pool, &v->value.array);
    case 'F':
        return read_table(x, pool, &v->value.table, true);
    case 'V':
        return x == NULL;
    default:
        return read_int(x, kind[0], v);
    }
}

static bool read_table(struct json_object *o, amqp_pool_t *pool, amqp_table_t *t, bool all)
{
    if (!json_object_is_type(o, json_type_object))
        return false;
    json_object_object_foreach(o, name, value)
    {
        amqp_field_value_t v;
        amqp_bytes_t key = {strlen(name), NULL};
        amqp_bytes_t borrowed = amqp_cstring_bytes(name);
        if (key.len > SHORTSTR_MAX || !read_value(value, pool, &v))
            return false;
        if (!all && header_of_broker(borrowed))
            continue;
        amqp_pool_alloc_bytes(pool, key.len ? key.len : 1, &key);
        if (!key.bytes)
            return false;
        key.len = borrowed.len;
        memcpy(key.bytes, name, key.len);
        if (!table_add(pool, t, key, v))
            return false;
    }
    return true;
}

static bool read_property(struct json_object *o, amqp_pool_t *pool, amqp_bytes_t *b)
{
    struct json_object *coded = NULL;
    bool ok = json_object_is_type(o, json_type_object)
                  ? json_object_object_get_ex(o, "base64", &coded) && read_base64(coded, pool, b)
                  : read_text(o, pool, b);
    return ok && b->len <= SHORTSTR_MAX;
}

/* It says that the message was sent by that user: a broker refuses anybody else. */
static bool may_send(const struct row *r, amqp_bytes_t b, const char *user)
{
    if (r->flag == AMQP_BASIC_USER_ID_FLAG)
        return user && bytes_equal(b, user);
    return r->flag != AMQP_BASIC_EXPIRATION_FLAG || digits_only(b);
}

static bool read_all(struct json_object *o, const char *user, amqp_pool_t *pool,
                     amqp_basic_properties_t *p)
{
    struct json_object *x = NULL;
    int64_t n = 0;
    if (!json_object_is_type(o, json_type_object))
        return false;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        amqp_bytes_t b = {0, NULL};
        if ((p->_flags & texts[i].flag) || texts[i].flag == AMQP_BASIC_MESSAGE_ID_FLAG ||
            !json_object_object_get_ex(o, texts[i].name, &x))
            continue;
        if (!read_property(x, pool, &b))
            return false;
        if (!may_send(&texts[i], b, user))
            continue;
        *bytes_of(p, &texts[i]) = b;
        p->_flags |= texts[i].flag;
    }
    if (json_object_object_get_ex(o, "timestamp", &x)) {
        p->timestamp = json_object_get_uint64(x);
        p->_flags |= AMQP_BASIC_TIMESTAMP_FLAG;
    }
    if (json_object_object_get_ex(o, "priority", &x)) {
        if (!whole(x, 0, UINT8_MAX, &n))
            return false;
        p->priority = (uint8_t)n;
        p->_flags |= AMQP_BASIC_PRIORITY_FLAG;
    }
    if (json_object_object_get_ex(o, "headers", &x)) {
        p->_flags |= AMQP_BASIC_HEADERS_FLAG;
        return read_table(x, pool, &p->headers, false);
    }
    return true;
}

bool properties_read(const char *json, const char *user, amqp_pool_t *pool,
                     amqp_basic_properties_t *p)
{
    size_t len = strlen(json);
    struct json_tokener *t = json_tokener_new_ex(3 * (int)FIELD_DEPTH_MAX);
    if (!t || len > 2 * KEPT_MAX) {
        if (t)
            json_tokener_free(t);
        return false;
    }
    json_tokener_set_flags(t, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
    struct json_object *o = json_tokener_parse_ex(t, json, (int)len + 1);
    bool ok = o && json_tokener_get_error(t) == json_tokener_success && read_all(o, user, pool, p);
    json_object_put(o);
    json_tokener_free(t);
    return ok;
}
