/* SPDX-License-Identifier: Apache-2.0 */
/* host_msg - messages as plugins see them, and where they put what they make. */
#include "ctx.h"
#include "base/log.h"
#include "base/util.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define WHERE_MAX 512u

reeve_msg *host_msg_wrap(struct message *m)
{
    if (!m)
        return NULL;
    reeve_msg *msg = xcalloc(1, sizeof(*msg));
    if (!msg) {
        message_free(m);
        return NULL;
    }
    msg->m = m;
    return msg;
}

struct message *host_msg_unwrap(reeve_msg *msg)
{
    if (!msg)
        return NULL;
    struct message *m = msg->m;
    free(msg);
    return m;
}

reeve_msg *reeve_msg_new(reeve_ctx *ctx)
{
    (void)ctx;
    return host_msg_wrap(message_new());
}

reeve_msg *reeve_msg_copy(const reeve_msg *msg)
{
    return host_msg_wrap(message_copy(msg->m));
}

void reeve_msg_free(reeve_msg *msg)
{
    message_free(host_msg_unwrap(msg));
}

const char *reeve_msg_id(const reeve_msg *msg)
{
    const char *id = message_get(msg->m, "id");
    return id ? id : "";
}

const char *reeve_msg_get(const reeve_msg *msg, const char *attribute)
{
    return message_get(msg->m, attribute);
}

const char *reeve_msg_name(const reeve_msg *msg, size_t i)
{
    return i < message_count(msg->m) ? message_at(msg->m, i).name : NULL;
}

int reeve_msg_kind(const reeve_msg *msg, const char *attribute)
{
    struct attribute a;
    if (!message_find(msg->m, attribute, &a))
        return 0;
    return a.type == ATTRIBUTE_INTEGER ? 'i' : a.type == ATTRIBUTE_BOOLEAN ? 'b' : 's';
}

static int said(int r, const char *what, const struct err *e)
{
    if (r == 0)
        return 0;
    log_warning("plugin-message", NULL, "%s: %s", what, e->text);
    return -1;
}

int reeve_msg_set(reeve_msg *msg, const char *attribute, const char *val)
{
    struct err e;
    if (!val) {
        message_remove(msg->m, attribute);
        return 0;
    }
    return said(message_sets(msg->m, attribute, val, &e), "attribute not set", &e);
}

int reeve_msg_set_int(reeve_msg *msg, const char *attribute, int32_t val)
{
    struct err e;
    return said(message_set_integer(msg->m, attribute, val, &e), "attribute not set", &e);
}

int reeve_msg_set_bool(reeve_msg *msg, const char *attribute, int val)
{
    struct err e;
    return said(message_set_boolean(msg->m, attribute, val != 0, &e), "attribute not set", &e);
}

const void *reeve_msg_body(const reeve_msg *msg, size_t *len)
{
    size_t n = 0;
    const char *p = message_body(msg->m, &n);
    if (len)
        *len = p ? n : 0;
    return p;
}

int reeve_msg_set_body(reeve_msg *msg, const char *content_type, const void *p, size_t len)
{
    struct err e;
    if (!p) {
        message_remove_body(msg->m);
        return 0;
    }
    return said(message_set_body(msg->m, content_type, p, len, &e), "body not set", &e);
}

reeve_msg *reeve_msg_from_json(reeve_ctx *ctx, const char *where, const void *p, size_t len)
{
    struct message *m = NULL;
    char pointer[64] = "", full[WHERE_MAX];
    struct err e;
    if (message_parse(p ? p : "", p ? len : 0, (size_t)ctx->message_max, &m, pointer, &e) == 0)
        return host_msg_wrap(m);
    (void)snprintf(full, sizeof(full), "%s%s", where ? where : "", pointer);
    /* text that is not JSON leaves nothing to be an event */
    bool json = strcmp(e.code, "json-syntax") != 0 && strcmp(e.code, "json-utf8") != 0;
    struct reeve_issue issue = {.size = sizeof(issue),
                                .severity = json ? REEVE_ISSUE_ERROR : REEVE_ISSUE_UNREADABLE,
                                .code = e.code,
                                .where = full,
                                .text = e.text};
    reeve_issue(ctx, &issue);
    return NULL;
}

int reeve_msg_to_json(const reeve_msg *msg, reeve_buf *b)
{
    return message_write(msg->m, b->out) < 0 ? -1 : 0;
}

int reeve_emit(reeve_out *out, reeve_msg *msg)
{
    struct message *m = host_msg_unwrap(msg);
    if (!m)
        return -1;
    if (out->emit)
        return out->emit(out->arg, m);
    message_free(m);
    return -1;
}

void reeve_refuse(reeve_out *out, const char *subject)
{
    if (out->refuse)
        out->refuse(out->arg, subject);
}

/* ---- what encode writes ---- */

int reeve_buf_add(reeve_buf *b, const void *p, size_t len)
{
    return len == 0 || buf_add(b->out, p, len) == 0 ? 0 : -1;
}

/* A name that can stand in front of a header's colon (RFC 9110 section 5.1: token). */
static bool is_token(const char *s)
{
    if (!*s)
        return false;
    for (; *s; s++) {
        if (!((*s >= 'a' && *s <= 'z') || (*s >= 'A' && *s <= 'Z') || (*s >= '0' && *s <= '9') ||
              strchr("!#$%&'*+-.^_`|~", *s)))
            return false;
    }
    return true;
}

static bool is_line(const char *s)
{
    for (; *s; s++) {
        if (((unsigned char)*s < ' ' && *s != '\t') || *s == 0x7f)
            return false;
    }
    return true;
}

/* tree_put that replaces. Keys stay where they are, so the map's index stays true. */
static int put_setting(struct tree *map, const char *key, const char *val)
{
    for (size_t i = 0; i < map->n; i++) {
        if (strcmp(map->key[i]->text, key) != 0)
            continue;
        struct tree *fresh = tree_scalar(val, false);
        if (!fresh)
            return -ENOMEM;
        tree_free(map->child[i]);
        map->child[i] = fresh;
        return 0;
    }
    return tree_puts(map, key, val);
}

int reeve_buf_set(reeve_buf *b, const char *what, const char *val)
{
    const char *name = strncmp(what, "h:", 2) == 0 ? what + 2 : what;
    if (!b->settings || !val || !is_token(name) || !is_line(val))
        return -1;
    return put_setting(b->settings, what, val) < 0 ? -1 : 0;
}

/* ---- a buffer of the plugin's own ---- */

struct own_buf {
    struct reeve_buf b; /* first: what the plugin holds */
    struct buf bytes;
};

reeve_buf *reeve_buf_new(reeve_ctx *ctx)
{
    struct own_buf *own = xcalloc(1, sizeof(*own));
    uint64_t max = ctx->message_max ? ctx->message_max : MESSAGE_BYTES_MAX;
    if (!own)
        return NULL;
    buf_init(&own->bytes, max < SIZE_MAX / 4 ? (size_t)max * 2 + (1u << 20) : SIZE_MAX);
    own->b.out = &own->bytes;
    return &own->b;
}

const void *reeve_buf_data(const reeve_buf *b, size_t *len)
{
    if (len)
        *len = b->out->len;
    return buf_str(b->out);
}

void reeve_buf_clear(reeve_buf *b)
{
    buf_reset(b->out);
}

void reeve_buf_free(reeve_buf *b)
{
    if (!b)
        return;
    buf_done(b->out);
    free(b); /* own_buf begins with it */
}
