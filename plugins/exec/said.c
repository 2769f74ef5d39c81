/* SPDX-License-Identifier: Apache-2.0 */
/* said - see exec.h. The scanner says where the members of a line begin and end and is strict about
 * what is between them; events and positions are judged by the host, as every event is, and small
 * texts by json-c. */
#include "exec.h"
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>

static const char *skip_white(const char *p, const char *end)
{
    while (p < end && (*p == ' ' || *p == '\t' || *p == '\r' || *p == '\n'))
        p++;
    return p;
}

/* p stands on the first quote. Behind the last one, or NULL. */
static const char *skip_text(const char *p, const char *end)
{
    for (p++; p < end; p++) {
        if (*p == '"')
            return p + 1;
        if (*p == '\\')
            p++;
    }
    return NULL;
}

static const char *skip_nested(const char *p, const char *end)
{
    size_t depth = 0;
    while (p != NULL && p < end) {
        if (*p == '"') {
            p = skip_text(p, end);
            continue;
        }
        depth += *p == '{' || *p == '[';
        depth -= *p == '}' || *p == ']';
        p++;
        if (depth == 0)
            return p;
    }
    return NULL;
}

static const char *skip_value(const char *p, const char *end)
{
    if (p < end && *p == '"')
        return skip_text(p, end);
    if (p < end && (*p == '{' || *p == '['))
        return skip_nested(p, end);
    const char *from = p;
    while (p < end && ((*p >= '0' && *p <= '9') || (*p >= 'a' && *p <= 'z') || *p == 'E' ||
                       *p == '-' || *p == '+' || *p == '.'))
        p++;
    return p > from ? p : NULL;
}

/* ---- single values ---- */

static bool plain_text(struct slice v)
{
    for (size_t i = 1; i + 1 < v.len; i++) {
        if (v.p[i] < ' ' || v.p[i] > '~' || v.p[i] == '\\')
            return false;
    }
    return true;
}

void cut_text(char *out, size_t size, const char *text, size_t len)
{
    if (len >= size) {
        len = size - 1;
        while (len > 0 && ((unsigned char)text[len] & 0xc0) == 0x80)
            len--;
    }
    memcpy(out, text, len);
    out[len] = '\0';
}

bool said_whole_text(struct slice v, struct said_text *ret)
{
    *ret = (struct said_text){.p = NULL};
    if (v.p == NULL || v.len < 2 || v.len > INT32_MAX || *v.p != '"')
        return false;
    if (plain_text(v)) {
        ret->p = v.p + 1;
        ret->len = v.len - 2;
        return true;
    }
    struct json_tokener *t = json_tokener_new();
    if (t == NULL)
        return false;
    json_tokener_set_flags(t, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
    struct json_object *o = json_tokener_parse_ex(t, v.p, (int)v.len);
    if (json_tokener_get_error(t) == json_tokener_success && o != NULL &&
        json_object_is_type(o, json_type_string)) {
        ret->p = json_object_get_string(o);
        ret->len = (size_t)json_object_get_string_len(o);
        ret->owner = o;
    } else {
        json_object_put(o);
    }
    json_tokener_free(t);
    return ret->p != NULL;
}

void said_text_done(struct said_text *t)
{
    json_object_put(t->owner);
    *t = (struct said_text){.p = NULL};
}

bool said_cut_text(struct slice v, char *out, size_t size)
{
    struct said_text t;
    bool ok = said_whole_text(v, &t);
    if (ok)
        cut_text(out, size, t.p, t.len);
    said_text_done(&t);
    return ok;
}

static bool number_of(struct slice v, uint64_t *ret)
{
    uint64_t n = 0;
    if (v.len == 0 || v.len > 15) /* as far as every language counts exactly */
        return false;
    for (size_t i = 0; i < v.len; i++) {
        if (v.p[i] < '0' || v.p[i] > '9')
            return false;
        n = n * 10 + (uint64_t)(v.p[i] - '0');
    }
    *ret = n;
    return true;
}

static bool verdict_of(struct slice v, enum said_verdict *ret)
{
    static const char *const names[] = {
        [SAID_OK] = "ok", [SAID_RETRY] = "retry", [SAID_REJECT] = "reject", [SAID_DOWN] = "down"};
    char word[16];
    if (!said_cut_text(v, word, sizeof word))
        return false;
    for (size_t i = SAID_OK; i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(word, names[i]) == 0) {
            *ret = (enum said_verdict)i;
            return true;
        }
    }
    return false;
}

/* ---- members ---- */

/* Of an adapter only; looked at where they are asked for, so that others may say them as they like:
 * OFFERS and what follows. */
enum member {
    REEVE,
    NAME,
    SEQ,
    VERDICT,
    CODE,
    TEXT,
    AFTER,
    EMIT,
    EVENT,
    POSITION,
    OFFERS,
    ISSUE,
    REFUSE,
    DOCUMENT,
    DOCUMENT_BASE64,
    CONTENT_TYPE,
    MEMBERS
};
static const struct {
    const char *name, *wanted;
} members[MEMBERS] = {
    [REEVE] = {"reeve", "the number of a protocol version"},
    [NAME] = {"name", "a text"},
    [SEQ] = {"seq", "a whole number of at most 15 digits"},
    [VERDICT] = {"verdict", "ok, retry, reject or down"},
    [CODE] = {"code", "a text"},
    [TEXT] = {"text", "a text"},
    [AFTER] = {"after_ms", "a whole number of milliseconds"},
    [EMIT] = {"emit", "an array of events"},
    [EVENT] = {"event", "an object"},
    [POSITION] = {"position", "a value of at most 4096 bytes"},
    [OFFERS] = {"offers", ""},
    [ISSUE] = {"issue", ""},
    [REFUSE] = {"refuse", ""},
    [DOCUMENT] = {"document", ""},
    [DOCUMENT_BASE64] = {"document_base64", ""},
    [CONTENT_TYPE] = {"content_type", ""},
};

static bool take(struct said *s, enum member m, struct slice v)
{
    switch (m) {
    case REEVE:
        return number_of(v, &s->version) && s->version > 0;
    case NAME:
        return said_cut_text(v, s->name, sizeof s->name);
    case SEQ:
        return s->has_seq = number_of(v, &s->seq);
    case VERDICT:
        return verdict_of(v, &s->verdict);
    case CODE:
        return said_cut_text(v, s->code, sizeof s->code);
    case TEXT:
        return said_cut_text(v, s->text, sizeof s->text);
    case AFTER:
        return number_of(v, &s->after_ms);
    case EMIT:
        s->emit = v;
        return *v.p == '[';
    case EVENT:
        s->event = v;
        return *v.p == '{';
    case POSITION:
        s->position = v;
        return v.len <= POSITION_MAX;
    default:
        s->of_adapter[m - OFFERS] = v;
        return true;
    }
}

static enum member member_of(struct slice key)
{
    enum member m = 0;
    while (m < MEMBERS &&
           (strlen(members[m].name) != key.len || memcmp(members[m].name, key.p, key.len) != 0))
        m++;
    return m;
}

/* One member: its name without quotes, its value. Behind it, or NULL. */
static const char *next_member(const char *p, const char *end, struct slice *key,
                               struct slice *value)
{
    const char *q = p < end && *p == '"' ? skip_text(p, end) : NULL;
    if (q == NULL)
        return NULL;
    *key = (struct slice){p + 1, (size_t)(q - p) - 2};
    q = skip_white(q, end);
    if (q == end || *q != ':')
        return NULL;
    q = skip_white(q + 1, end);
    p = skip_value(q, end);
    if (p != NULL)
        *value = (struct slice){q, (size_t)(p - q)};
    return p;
}

/* Behind the closing brace, or NULL with why[]. */
static const char *read_members(const char *p, const char *end, struct said *s, char *why,
                                size_t size)
{
    bool had[MEMBERS + 1] = {false};
    for (;;) {
        struct slice key, value;
        p = next_member(p, end, &key, &value);
        if (p == NULL) {
            (void)snprintf(why, size, "it wrote a line that is no JSON object");
            return NULL;
        }
        enum member m = member_of(key);
        if (m < MEMBERS && had[m]) {
            (void)snprintf(why, size, "it wrote a line with two members %s", members[m].name);
            return NULL;
        }
        if (m < MEMBERS && !take(s, m, value)) {
            (void)snprintf(why, size, "it wrote a line whose member %s is not %s", members[m].name,
                           members[m].wanted);
            return NULL;
        }
        had[m] = true;
        p = skip_white(p, end);
        if (p < end && *p == '}')
            return p + 1;
        p = p < end && *p == ',' ? skip_white(p + 1, end) : end;
    }
}

int said_read(const char *line, size_t len, struct said *s, char *why, size_t size)
{
    const char *end = line + len, *p = skip_white(line, end);
    *s = (struct said){.version = 0};
    if (p == end || *p != '{') {
        (void)snprintf(why, size, "it wrote a line that is no JSON object");
        return -1;
    }
    p = skip_white(p + 1, end);
    p = p < end && *p == '}' ? p + 1 : read_members(p, end, s, why, size);
    if (p == NULL)
        return -1;
    if (skip_white(p, end) != end) {
        (void)snprintf(why, size, "it wrote a line that goes on behind its JSON object");
        return -1;
    }
    return 0;
}

/* rest stands on what opens, or on the comma before the next. 1: p stands on the next; 0: at the
 * end; -1: neither. */
static int enter(struct slice rest, char open, char close, const char **p)
{
    const char *end = rest.p + rest.len;
    if (rest.len == 0 || (*rest.p != open && *rest.p != ','))
        return -1;
    *p = skip_white(rest.p + 1, end);
    if (*rest.p == open && *p < end && **p == close)
        return skip_white(*p + 1, end) == end ? 0 : -1;
    return 1;
}

/* Behind one at p: what is left of it all. */
static int leave(struct slice *rest, const char *p, char close, const char *none)
{
    const char *end = rest->p + rest->len;
    p = skip_white(p, end);
    if (p < end && *p == ',') {
        *rest = (struct slice){p, (size_t)(end - p)};
        return 1;
    }
    if (p == end || *p != close || skip_white(p + 1, end) != end)
        return -1;
    *rest = (struct slice){none, 2};
    return 1;
}

int said_item(struct slice *rest, struct slice *item)
{
    const char *p = NULL, *end = rest->p + rest->len;
    int rc = enter(*rest, '[', ']', &p);
    if (rc != 1)
        return rc;
    const char *q = skip_value(p, end);
    if (q == NULL)
        return -1;
    *item = (struct slice){p, (size_t)(q - p)};
    return leave(rest, q, ']', "[]");
}

int said_member(struct slice *rest, struct slice *key, struct slice *value)
{
    const char *p = NULL, *end = rest->p + rest->len;
    int rc = enter(*rest, '{', '}', &p);
    if (rc != 1)
        return rc;
    p = next_member(p, end, key, value);
    return p != NULL ? leave(rest, p, '}', "{}") : -1;
}

void said_reason(const struct said *s, char *out, size_t size)
{
    (void)snprintf(out, size, "%s%s%s", s->code, *s->code && *s->text ? ": " : "",
                   *s->text || *s->code ? s->text : "the program gave no reason");
}
