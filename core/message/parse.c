/* SPDX-License-Identifier: Apache-2.0 */
/* parse - structured JSON to a message: one walk over the text that validates everything and notes
 * where the members are, then one block for all attributes and one buffer for the body. */
#include "message.h"
#include "base64.h"
#include "form.h"
#include "rules.h"
#include "base/json.h"
#include "base/util.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define MEMBERS_MAX (MESSAGE_ATTRIBUTES_MAX + 2) /* and data, data_base64 */
#define WHERE_MAX   64                           /* what message.h promises for ret_where */

struct member {
    struct json_slice key;   /* unescaped */
    struct json_slice value; /* as it stands */
    enum attribute_type type;
    int32_t integer;
};

struct reading {
    struct member member[MEMBERS_MAX];
    size_t n;
    const struct member *data, *base64; /* NULL: not there */
    const struct member *twice;         /* a key that came again */
    bool too_many;
    struct buf keys; /* unescaped names of those that were escaped */
    struct buf text; /* unescaped values, all attributes */
    char where[WHERE_MAX];
    struct err *e;
};

/* "/name" with the two escapes of RFC 6901; cut where it does not fit. */
static void point_at(struct reading *r, struct json_slice key)
{
    char clean[WHERE_MAX] = "";
    escape_text(clean, sizeof(clean), key.p, key.len);
    size_t at = 0;
    r->where[at++] = '/';
    for (const char *p = clean; *p && at + 3 < WHERE_MAX; p++) {
        if (*p == '~' || *p == '/') {
            r->where[at++] = '~';
            r->where[at++] = *p == '~' ? '0' : '1';
        } else {
            r->where[at++] = *p;
        }
    }
    r->where[at] = '\0';
}

/* Fills *r->e for a member: "attribute NAME WORDS". */
static int fault(struct reading *r, const struct member *m, const char *code, const char *words)
{
    point_at(r, m->key);
    return err_set(r->e, -EINVAL, code, "%s %s", r->where + 1, words);
}

static int no_memory(struct reading *r)
{
    return err_set(r->e, -ENOMEM, "memory", "no memory to read an event");
}

static bool named(const struct member *m, const char *name)
{
    return m->key.len == strlen(name) && memcmp(m->key.p, name, m->key.len) == 0;
}

static struct member *find(struct reading *r, struct json_slice key)
{
    for (size_t i = 0; i < r->n; i++)
        if (r->member[i].key.len == key.len && memcmp(r->member[i].key.p, key.p, key.len) == 0)
            return &r->member[i];
    return NULL;
}

/* Names are compared as what they mean. The buffer of unescaped names has its room from the start:
 * nothing moves. */
static int plain_key(struct reading *r, struct json_slice raw, size_t whole, struct json_slice *ret)
{
    *ret = raw;
    if (!json_needs_unescape(raw))
        return 0;
    if (r->keys.cap == 0 && buf_reserve(&r->keys, whole) < 0)
        return no_memory(r);
    size_t before = r->keys.len;
    if (json_unescape(raw, &r->keys) < 0)
        return no_memory(r);
    *ret = (struct json_slice){r->keys.p + before, r->keys.len - before};
    return 0;
}

static int note(struct reading *r, struct json_slice raw, struct json_slice value, size_t whole)
{
    if (r->n == MEMBERS_MAX || r->too_many) {
        r->too_many = true;
        return 0;
    }
    struct json_slice key;
    int bad = plain_key(r, raw, whole, &key);
    if (bad < 0)
        return bad;
    struct member *before = find(r, key);
    if (before) {
        r->twice = r->twice ? r->twice : before;
        return 0;
    }
    r->member[r->n++] = (struct member){.key = key, .value = value};
    return 0;
}

static int scan_failed(struct reading *r, const struct json_scan *s, int bad)
{
    *r->e = s->err;
    return bad;
}

static int scan(struct reading *r, const char *p, size_t len)
{
    struct json_scan s;
    json_start(&s, p, len, JSON_DEPTH_MAX);
    char first_byte = json_peek(&s);
    if (first_byte != '{') {
        int bad = json_value(&s, NULL); /* not JSON at all is the better thing to say */
        if (bad == 0)
            bad = json_end(&s);
        if (bad < 0)
            return scan_failed(r, &s, bad);
        return err_set(r->e, -EINVAL, "event-not-object", "an event is a JSON object, this is %s",
                       first_byte == '[' ? "an array" : "a single value");
    }
    struct json_slice key, value;
    bool first = true;
    int more = json_enter(&s, '{');
    while (more == 0) {
        more = json_member(&s, &first, &key);
        if (more <= 0)
            break;
        more = json_value(&s, &value);
        if (more == 0)
            more = note(r, key, value, len);
        if (more < 0 && !s.err.code[0])
            return more;
    }
    if (more == 0)
        more = json_end(&s);
    return more < 0 ? scan_failed(r, &s, more) : 0;
}

static bool is_null(struct json_slice v)
{
    return v.p[0] == 'n';
}

/* Takes the body and the absent members out of the list. */
static void sort_out(struct reading *r, struct member body[2])
{
    size_t kept = 0;
    for (size_t i = 0; i < r->n; i++) {
        struct member m = r->member[i];
        if (named(&m, "data")) {
            body[0] = m;
            r->data = &body[0];
        } else if (is_null(m.value)) {
            continue;
        } else if (named(&m, "data_base64")) {
            body[1] = m;
            r->base64 = &body[1];
        } else {
            r->member[kept++] = m;
        }
    }
    r->n = kept;
}

static bool is_version_1(struct json_slice v)
{
    if (v.len == 5 && memcmp(v.p, "\"1.0\"", 5) == 0)
        return true;
    if (v.p[0] != '"' || v.len > 32)
        return false;
    struct buf text = BUF_INIT(64); /* written with escapes */
    bool same = json_unescape((struct json_slice){v.p + 1, v.len - 2}, &text) == 0 &&
                strcmp(buf_str(&text), "1.0") == 0;
    buf_done(&text);
    return same;
}

static int check_required(struct reading *r)
{
    static const char *const required[] = {"id", "source", "specversion", "type"};
    for (size_t i = 0; i < ARRAY_SIZE(required); i++) {
        struct member want = {.key = {required[i], strlen(required[i])}};
        if (!find(r, want.key))
            return fault(r, &want, "event-required", "is missing: an event must have it");
    }
    const struct member *v = find(r, (struct json_slice){"specversion", 11});
    return !v || is_version_1(v->value) ? 0 : fault(r, v, "event-specversion", "is not \"1.0\"");
}

static int read_string(struct reading *r, struct member *m)
{
    struct json_slice raw = {m->value.p + 1, m->value.len - 2};
    m->type = ATTRIBUTE_STRING;
    m->value = raw;
    if (json_needs_unescape(raw)) {
        size_t before = r->text.len;
        if (json_unescape(raw, &r->text) < 0)
            return no_memory(r);
        m->value = (struct json_slice){r->text.p + before, r->text.len - before};
    }
    const char *words = rule_value(m->key.p, m->key.len, m->value.p, m->value.len);
    return words ? fault(r, m, "event-attribute-value", words) : 0;
}

static int read_number(struct reading *r, struct member *m)
{
    int bad = rule_integer(m->value.p, m->value.len, &m->integer);
    if (bad == -ERANGE)
        return fault(r, m, "event-attribute-value", "is outside of -2147483648 to 2147483647");
    if (bad < 0)
        return fault(r, m, "event-attribute-type",
                     "is a number with a fraction or exponent: only whole numbers are allowed");
    m->type = ATTRIBUTE_INTEGER;
    if (m->integer == 0) /* "-0" has no canonical form of its own */
        m->value = (struct json_slice){"0", 1};
    return 0;
}

static int read_attribute(struct reading *r, struct member *m)
{
    const char *words = rule_name(m->key.p, m->key.len);
    if (words)
        return fault(r, m, "event-attribute-name", words);
    char c = m->value.p[0];
    if (c == '{' || c == '[')
        return fault(r, m, "event-attribute-type",
                     c == '{' ? "is an object: attributes are text, whole numbers or true/false"
                              : "is an array: attributes are text, whole numbers or true/false");
    if (c == '"')
        return read_string(r, m);
    if (rule_is_core(m->key.p, m->key.len))
        return fault(r, m, "event-attribute-type", "must be text");
    if (c != 't' && c != 'f')
        return read_number(r, m);
    m->type = ATTRIBUTE_BOOLEAN;
    m->integer = c == 't';
    return 0;
}

/* Unescaped texts must not move while members point into them, so there is room for all before the
 * first. */
static int read_attributes(struct reading *r, size_t *ret_bytes)
{
    size_t bytes = 0;
    for (size_t i = 0; i < r->n; i++)
        bytes += r->member[i].value.len;
    bool escaped = false;
    for (size_t i = 0; i < r->n && !escaped; i++)
        escaped = r->member[i].value.p[0] == '"' && json_needs_unescape(r->member[i].value);
    if (escaped && buf_reserve(&r->text, bytes) < 0)
        return no_memory(r);
    bytes = 0;
    for (size_t i = 0; i < r->n; i++) {
        int bad = read_attribute(r, &r->member[i]);
        if (bad < 0)
            return bad;
        bytes += r->member[i].key.len + r->member[i].value.len;
    }
    if (bytes > MESSAGE_ATTRIBUTE_BYTES_MAX)
        return err_set(r->e, -EFBIG, "event-too-large",
                       "the attributes are %zu bytes together, over the limit of %u", bytes,
                       MESSAGE_ATTRIBUTE_BYTES_MAX);
    *ret_bytes = bytes;
    return 0;
}

static int read_base64(struct reading *r, struct message *m)
{
    const struct member *b = r->base64;
    if (b->value.p[0] != '"')
        return fault(r, b, "event-base64", "must be text in base64");
    struct json_slice raw = {b->value.p + 1, b->value.len - 2};
    struct buf plain = BUF_INIT(SIZE_MAX / 2); /* "\/" is a way to write the slash */
    int bad = 0;
    if (json_needs_unescape(raw)) {
        bad = json_unescape(raw, &plain);
        raw = (struct json_slice){buf_str(&plain), plain.len};
    }
    if (bad == 0)
        bad = base64_decode(&m->body, raw.p, raw.len);
    buf_done(&plain);
    if (bad == -EINVAL)
        return fault(r, b, "event-base64", "is not base64 (RFC 4648 section 4, with padding)");
    m->kind = BODY_BINARY;
    return bad < 0 ? no_memory(r) : 0;
}

static int read_data(struct reading *r, struct message *m)
{
    const struct member *d = r->data;
    const char *type = message_get(m, "datacontenttype");
    int bad;
    if (!type || content_type_is_json(type, strlen(type))) {
        m->kind = BODY_JSON;
        bad = buf_reserve(&m->body, d->value.len);
        if (bad == 0)
            bad = json_add_compact(&m->body, d->value.p, d->value.len);
    } else if (d->value.p[0] != '"') {
        return fault(r, d, "event-attribute-type",
                     "must be text, because datacontenttype is not JSON");
    } else {
        m->kind = BODY_TEXT;
        bad = buf_reserve(&m->body, d->value.len);
        if (bad == 0)
            bad = json_unescape((struct json_slice){d->value.p + 1, d->value.len - 2}, &m->body);
    }
    return bad < 0 ? no_memory(r) : 0;
}

static int build(struct reading *r, size_t bytes, struct message **ret)
{
    char *text;
    struct message *m = message_block(r->n, bytes + 2 * r->n, &text);
    if (!m)
        return no_memory(r);
    for (size_t i = 0; i < r->n; i++) {
        const struct member *k = &r->member[i];
        struct attribute a = {k->key.p, k->value.p, k->key.len, k->value.len, k->type, k->integer};
        message_fill(m, &a, &text);
    }
    int bad = r->data ? read_data(r, m) : r->base64 ? read_base64(r, m) : 0;
    if (bad < 0) {
        message_free(m);
        return bad;
    }
    *ret = m;
    return 0;
}

static int read_event(struct reading *r, const char *p, size_t len, struct message **ret)
{
    struct member body[2];
    size_t bytes;
    int bad = scan(r, p, len);
    if (bad < 0)
        return bad;
    if (r->twice)
        return fault(r, r->twice, "event-duplicate", "is there twice");
    if (r->too_many)
        return err_set(r->e, -EFBIG, "event-too-large", "more than %d attributes",
                       MESSAGE_ATTRIBUTES_MAX);
    sort_out(r, body);
    if (r->n > MESSAGE_ATTRIBUTES_MAX)
        return err_set(r->e, -EFBIG, "event-too-large", "more than %d attributes",
                       MESSAGE_ATTRIBUTES_MAX);
    bad = check_required(r);
    if (bad == 0)
        bad = read_attributes(r, &bytes);
    if (bad < 0)
        return bad;
    if (r->data && r->base64)
        return fault(r, r->base64, "event-data-twice", "is there and data too: only one may be");
    return build(r, bytes, ret);
}

int message_parse(const char *p, size_t len, size_t max, struct message **ret, char *ret_where,
                  struct err *e)
{
    struct reading r;
    if (max == 0)
        max = MESSAGE_BYTES_MAX;
    if (ret_where)
        ret_where[0] = '\0';
    if (len > max)
        return err_set(e, -EFBIG, "event-too-large",
                       "an event of %zu bytes is over the limit of %zu", len, max);
    r.n = 0; /* the members are filled as they come */
    r.data = r.base64 = r.twice = NULL;
    r.too_many = false;
    r.where[0] = '\0';
    r.e = e;
    buf_init(&r.keys, SIZE_MAX / 2);
    buf_init(&r.text, SIZE_MAX / 2);
    int bad = read_event(&r, p, len, ret);
    if (bad < 0 && ret_where)
        memcpy(ret_where, r.where, strlen(r.where) + 1);
    buf_done(&r.keys);
    buf_done(&r.text);
    return bad;
}

int message_each_in_batch(const char *p, size_t len,
                          int (*fn)(void *arg, size_t index, const char *p, size_t len), void *arg,
                          struct err *e)
{
    struct json_scan s;
    struct json_slice v;
    bool first = true;
    json_start(&s, p, len, JSON_DEPTH_MAX + 1); /* an event may be as deep in a batch as alone */
    char c = json_peek(&s);
    if (c && c != '[')
        return err_set(e, -EINVAL, "event-not-array", "a batch is a JSON array of events");
    int more = json_enter(&s, '[');
    for (size_t i = 0; more == 0; i++) {
        more = json_element(&s, &first);
        if (more <= 0)
            break;
        more = json_value(&s, &v);
        if (more < 0)
            break;
        int stop = fn(arg, i, v.p, v.len);
        if (stop)
            return stop;
    }
    if (more == 0)
        more = json_end(&s);
    if (more < 0)
        *e = s.err;
    return more;
}
