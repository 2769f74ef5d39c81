/* SPDX-License-Identifier: Apache-2.0 */
/* json_write: see json_write.h. Escaped is what RFC 8259 section 7 demands and nothing else. */
#include "lib/json_write.h"
#include <stdlib.h>
#include <string.h>

void json_write_init(struct json_write *w, size_t max)
{
    *w = (struct json_write){.max = max};
}

void json_write_done(struct json_write *w)
{
    free(w->p);
    *w = (struct json_write){.failed = true};
}

static void add(struct json_write *w, const char *s, size_t len)
{
    if (w->failed || len == 0)
        return;
    if (len > w->max - w->len) {
        w->failed = true;
        return;
    }
    if (len > w->cap - w->len) {
        size_t cap = w->cap < 512 ? 512 : w->cap;
        while (cap - w->len < len)
            cap = cap > w->max / 2 ? w->max : cap * 2;
        char *p = realloc(w->p, cap);
        if (p == NULL) {
            w->failed = true;
            return;
        }
        w->p = p;
        w->cap = cap;
    }
    memcpy(w->p + w->len, s, len);
    w->len += len;
}

/* Before a value or a member's name. */
static void separate(struct json_write *w)
{
    if (w->named) {
        w->named = false;
        return;
    }
    if (w->depth == 0)
        return;
    uint64_t level = UINT64_C(1) << (w->depth - 1);
    if ((w->items & level) != 0)
        add(w, ",", 1);
    w->items |= level;
}

static void begin(struct json_write *w, bool object)
{
    separate(w);
    if (w->depth == JSON_WRITE_DEPTH) {
        w->failed = true;
        return;
    }
    uint64_t level = UINT64_C(1) << w->depth++;
    w->items &= ~level;
    w->objects = object ? w->objects | level : w->objects & ~level;
    add(w, object ? "{" : "[", 1);
}

void json_write_object(struct json_write *w)
{
    begin(w, true);
}

void json_write_array(struct json_write *w)
{
    begin(w, false);
}

void json_write_end(struct json_write *w)
{
    if (w->failed || w->depth == 0) {
        w->failed = true;
        return;
    }
    bool object = (w->objects >> --w->depth & 1) != 0;
    add(w, object ? "}" : "]", 1);
}

static void quoted(struct json_write *w, const char *s, size_t len)
{
    static const char hex[] = "0123456789abcdef";
    size_t from = 0;
    add(w, "\"", 1);
    if (len > w->max - w->len) /* it does not fit: it need not be read */
        w->failed = true;
    for (size_t i = 0; i < len && !w->failed; i++) {
        unsigned char c = (unsigned char)s[i];
        if (c >= 0x20 && c != '"' && c != '\\')
            continue;
        add(w, s + from, i - from);
        from = i + 1;
        const char *at = strchr("\"\"\\\\\bb\ff\nn\rr\tt", c);
        if (c != 0 && at != NULL) {
            add(w, (const char[]){'\\', at[1]}, 2);
        } else {
            add(w, "\\u00", 4);
            add(w, (const char[]){hex[c >> 4], hex[c & 15]}, 2);
        }
    }
    add(w, s + from, len - from);
    add(w, "\"", 1);
}

void json_write_name_len(struct json_write *w, const char *name, size_t len)
{
    separate(w);
    quoted(w, name, len);
    add(w, ":", 1);
    w->named = true;
}

void json_write_name(struct json_write *w, const char *name)
{
    json_write_name_len(w, name, strlen(name));
}

void json_write_text(struct json_write *w, const char *s, size_t len)
{
    separate(w);
    quoted(w, s, len);
}

void json_write_member(struct json_write *w, const char *name, const char *s)
{
    json_write_name(w, name);
    json_write_text(w, s, strlen(s));
}

void json_write_bare(struct json_write *w, const char *s, size_t len)
{
    separate(w);
    add(w, s, len);
}

void json_write_node(struct json_write *w, const struct json_node *v)
{
    static const char *const words[] = {
        [JSON_NULL] = "null", [JSON_FALSE] = "false", [JSON_TRUE] = "true"};
    switch (v->kind) {
    case JSON_OBJECT:
    case JSON_ARRAY:
        begin(w, v->kind == JSON_OBJECT);
        for (const struct json_node *m = v->first; m != NULL && !w->failed; m = m->next) {
            if (v->kind == JSON_OBJECT)
                json_write_name_len(w, m->name, m->name_len);
            json_write_node(w, m);
        }
        json_write_end(w);
        break;
    case JSON_STRING:
        json_write_text(w, v->text, v->len);
        break;
    case JSON_NUMBER:
        json_write_bare(w, v->text, v->len);
        break;
    default:
        json_write_bare(w, words[v->kind], strlen(words[v->kind]));
    }
}
