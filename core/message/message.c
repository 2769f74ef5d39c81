/* SPDX-License-Identifier: Apache-2.0 */
/* message - making, copying and changing messages; see message.h and form.h. */
#include "message.h"
#include "form.h"
#include "rules.h"
#include "base/util.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

struct message *message_block(size_t slots, size_t text, char **ret_text)
{
    size_t size;
    if (slots > MESSAGE_ATTRIBUTES_MAX || text > SIZE_MAX / 2)
        return NULL;
    size = sizeof(struct message) + slots * sizeof(struct slot) + text;
    struct message *m = malloc(size);
    if (!m)
        return NULL;
    struct slot *slot = (struct slot *)(void *)(m + 1);
    *m = (struct message){.slot = slot, .cap = slots};
    buf_init(&m->body, SIZE_MAX / 2);
    *ret_text = (char *)(slot + slots);
    return m;
}

static char *append(char **text, const char *p, size_t len)
{
    char *at = *text;
    memcpy(at, p, len);
    at[len] = '\0';
    *text = at + len + 1;
    return at;
}

void message_fill(struct message *m, const struct attribute *a, char **text)
{
    struct slot *s = &m->slot[m->n++];
    s->own = NULL;
    s->a = *a;
    s->a.name = append(text, a->name, a->name_len);
    s->a.text = append(text, a->text, a->text_len);
    m->attribute_bytes += a->name_len + a->text_len;
}

struct message *message_new(void)
{
    static const struct attribute version = {"specversion", "1.0", 11, 3, ATTRIBUTE_STRING, 0};
    char *text;
    struct message *m = message_block(SLOTS_NEW, version.name_len + version.text_len + 2, &text);
    if (m)
        message_fill(m, &version, &text);
    return m;
}

struct message *message_copy(const struct message *m)
{
    char *text;
    size_t slots = m->n > SLOTS_NEW ? m->n : SLOTS_NEW;
    struct message *c = message_block(slots, m->attribute_bytes + 2 * m->n, &text);
    if (!c)
        return NULL;
    for (size_t i = 0; i < m->n; i++)
        message_fill(c, &m->slot[i].a, &text);
    c->kind = m->kind;
    if (m->body.len && buf_add(&c->body, m->body.p, m->body.len) < 0) {
        message_free(c);
        return NULL;
    }
    return c;
}

void message_free(struct message *m)
{
    if (!m)
        return;
    for (size_t i = 0; i < m->n; i++)
        free(m->slot[i].own);
    if (m->grown)
        free(m->slot);
    buf_done(&m->body);
    free(m);
}

size_t message_count(const struct message *m)
{
    return m->n;
}

struct attribute message_at(const struct message *m, size_t i)
{
    return m->slot[i].a;
}

size_t message_attribute_bytes(const struct message *m)
{
    return m->attribute_bytes;
}

int message_index(const struct message *m, const char *name, size_t len)
{
    for (size_t i = 0; i < m->n; i++)
        if (m->slot[i].a.name_len == len && memcmp(m->slot[i].a.name, name, len) == 0)
            return (int)i;
    return -1;
}

const char *message_get(const struct message *m, const char *name)
{
    int i = message_index(m, name, strlen(name));
    return i < 0 ? NULL : m->slot[i].a.text;
}

bool message_find(const struct message *m, const char *name, struct attribute *ret)
{
    int i = message_index(m, name, strlen(name));
    if (i < 0)
        return false;
    *ret = m->slot[i].a;
    return true;
}

static int add_slot(struct message *m, struct err *e)
{
    if (m->n >= MESSAGE_ATTRIBUTES_MAX)
        return err_set(e, -EFBIG, "too-large", "more than %d attributes", MESSAGE_ATTRIBUTES_MAX);
    if (m->n < m->cap)
        return 0;
    size_t cap = m->cap < SLOTS_NEW ? SLOTS_NEW : MESSAGE_ATTRIBUTES_MAX;
    struct slot *slot = xcalloc(cap, sizeof(*slot));
    if (!slot)
        return err_set(e, -ENOMEM, "memory", "no memory for an attribute");
    memcpy(slot, m->slot, m->n * sizeof(*slot));
    if (m->grown)
        free(m->slot);
    m->slot = slot;
    m->cap = cap;
    m->grown = true;
    return 0;
}

/* Stores a checked attribute. */
static int store(struct message *m, const struct attribute *a, struct err *e)
{
    int i = message_index(m, a->name, a->name_len);
    size_t old = i < 0 ? 0 : m->slot[i].a.name_len + m->slot[i].a.text_len;
    size_t size = a->name_len + a->text_len;
    if (m->attribute_bytes - old + size > MESSAGE_ATTRIBUTE_BYTES_MAX)
        return err_set(e, -EFBIG, "too-large", "the attributes are over %u bytes together",
                       MESSAGE_ATTRIBUTE_BYTES_MAX);
    if (i < 0) {
        int r = add_slot(m, e);
        if (r < 0)
            return r;
    }
    char *own = malloc(size + 2), *text = own;
    if (!own)
        return err_set(e, -ENOMEM, "memory", "no memory for an attribute");
    struct slot *s = i < 0 ? &m->slot[m->n++] : &m->slot[i];
    char *before = i < 0 ? NULL : s->own;
    s->a = *a;
    s->a.name = append(&text, a->name, a->name_len);
    s->a.text = append(&text, a->text, a->text_len);
    s->own = own;
    free(before);
    m->attribute_bytes += size - old;
    return 0;
}

static int check_name(const char *name, size_t len, struct err *e)
{
    const char *fault = rule_name(name, len);
    if (!fault)
        return 0;
    return err_set(e, -EINVAL, "attribute-name", "attribute name \"%.*s\" %s",
                   (int)(len > MESSAGE_NAME_MAX ? MESSAGE_NAME_MAX : len), name, fault);
}

bool message_body_fits(enum body_kind kind, const char *content_type, size_t len)
{
    bool json = !content_type || content_type_is_json(content_type, len);
    return kind == BODY_JSON ? json : kind == BODY_TEXT ? !json : true;
}

int message_set(struct message *m, const char *name, const char *text, size_t len, struct err *e)
{
    size_t name_len = strlen(name);
    int r = check_name(name, name_len, e);
    if (r < 0)
        return r;
    const char *fault = rule_value(name, name_len, text, len);
    if (fault)
        return err_set(e, -EINVAL, "attribute-value", "attribute %s %s", name, fault);
    struct attribute a = {name, text, name_len, len, ATTRIBUTE_STRING, 0};
    if (m->kind != BODY_NONE && strcmp(name, "datacontenttype") == 0 &&
        !message_body_fits(m->kind, text, len))
        return err_set(e, -EINVAL, "attribute-value", "attribute %s does not fit the body", name);
    return store(m, &a, e);
}

int message_sets(struct message *m, const char *name, const char *text, struct err *e)
{
    return message_set(m, name, text, strlen(text), e);
}

static int set_typed(struct message *m, const char *name, enum attribute_type type, int32_t value,
                     const char *text, struct err *e)
{
    size_t len = strlen(name);
    int r = check_name(name, len, e);
    if (r < 0)
        return r;
    if (rule_is_core(name, len))
        return err_set(e, -EINVAL, "attribute-value", "attribute %s must be text", name);
    struct attribute a = {name, text, len, strlen(text), type, value};
    return store(m, &a, e);
}

int message_set_integer(struct message *m, const char *name, int32_t value, struct err *e)
{
    char text[16];
    (void)snprintf(text, sizeof(text), "%d", (int)value);
    return set_typed(m, name, ATTRIBUTE_INTEGER, value, text, e);
}

int message_set_boolean(struct message *m, const char *name, bool value, struct err *e)
{
    return set_typed(m, name, ATTRIBUTE_BOOLEAN, value, value ? "true" : "false", e);
}

void message_remove(struct message *m, const char *name)
{
    int i = message_index(m, name, strlen(name));
    if (i < 0)
        return;
    if (m->kind == BODY_TEXT && strcmp(name, "datacontenttype") == 0)
        m->kind = BODY_BINARY; /* without a type `data` would be JSON */
    struct slot *s = &m->slot[i];
    m->attribute_bytes -= s->a.name_len + s->a.text_len;
    free(s->own);
    m->n--;
    memmove(s, s + 1, (m->n - (size_t)i) * sizeof(*s));
}

int message_complete(const struct message *m, struct err *e)
{
    static const char *const required[] = {"id", "source", "specversion", "type"};
    for (size_t i = 0; i < ARRAY_SIZE(required); i++)
        if (message_index(m, required[i], strlen(required[i])) < 0)
            return err_set(e, -EINVAL, "event-required", "attribute %s is missing", required[i]);
    return 0;
}
