/* SPDX-License-Identifier: Apache-2.0 */
/* record - a staged message: identity and attributes ready for the router, then the structured
 * event without its id.
 *
 * So nothing has to be parsed again when the submission is published: the id is spliced in behind
 * the opening brace. Form: key, content, flags, hex of content, number of attributes; each
 * attribute as type, integer, two lengths, name and text with a zero behind each; the event. Native
 * order: it never leaves the process. */
#include "source.h"
#include <errno.h>
#include <string.h>

struct head {
    uint8_t key[SHA256_LEN], content[SHA256_LEN];
    char hex[SHA256_HEX];
    uint8_t own_id;
    uint16_t attributes;
    uint32_t bytes; /* of the attributes */
};
struct attribute_head {
    uint32_t type;
    int32_t integer;
    uint32_t name_len, text_len;
};

int record_stage(struct stage *stage, const struct record *r, struct buf *scratch,
                 uint64_t message_max, struct err *e)
{
    struct head h = {.own_id = r->own_id, .attributes = (uint16_t)message_count(r->m)};
    memcpy(h.key, r->key, SHA256_LEN);
    memcpy(h.content, r->content, SHA256_LEN);
    memcpy(h.hex, r->hex, sizeof(h.hex));
    buf_reset(scratch);
    int rc = buf_add(scratch, &h, sizeof(h));
    for (size_t i = 0; rc == 0 && i < h.attributes; i++) {
        struct attribute a = message_at(r->m, i);
        struct attribute_head x = {.type = a.type,
                                   .integer = a.integer,
                                   .name_len = (uint32_t)a.name_len,
                                   .text_len = (uint32_t)a.text_len};
        rc = buf_add(scratch, &x, sizeof(x));
        rc = rc < 0 ? rc : buf_add(scratch, a.name, a.name_len + 1);
        rc = rc < 0 ? rc : buf_add(scratch, a.text, a.text_len + 1);
    }
    if (rc == 0) {
        h.bytes = (uint32_t)(scratch->len - sizeof(h));
        memcpy(scratch->p, &h, sizeof(h));
    }
    size_t at = scratch->len;
    rc = rc < 0 ? rc : message_write(r->m, scratch);
    if (rc == -EFBIG || (rc == 0 && scratch->len - at + MESSAGE_ID_LEN + 8 > message_max))
        return err_set(e, -EFBIG, "too-large", "the message is larger than %llu bytes",
                       (unsigned long long)message_max);
    if (rc < 0)
        return err_set(e, rc, "out-of-memory", "the message cannot be written: %s", strerror(-rc));
    return stage_add(stage, scratch->p, scratch->len, NULL, 0, e);
}

static struct value value_of(const struct attribute_head *x, const char *text)
{
    struct value v = {.type = VALUE_STRING, .integer = x->integer, .p = text, .len = x->text_len};
    if (x->type == ATTRIBUTE_INTEGER)
        v.type = VALUE_INTEGER;
    else if (x->type == ATTRIBUTE_BOOLEAN)
        v.type = VALUE_BOOLEAN;
    return v;
}

void record_read(const uint8_t *p, size_t len, struct staged *ret)
{
    struct head h;
    memcpy(&h, p, sizeof(h));
    ret->key = p + offsetof(struct head, key);
    ret->content = p + offsetof(struct head, content);
    ret->hex = (const char *)p + offsetof(struct head, hex);
    ret->own_id = h.own_id;
    ret->source = ret->type = "";
    ret->subject = ret->id = ret->traceparent = NULL;
    ret->attributes_n = 0;
    const char *at = (const char *)p + sizeof(h);
    for (size_t i = 0; i < h.attributes && ret->attributes_n < MESSAGE_ATTRIBUTES_MAX; i++) {
        struct attribute_head x;
        memcpy(&x, at, sizeof(x));
        const char *name = at + sizeof(x), *text = name + x.name_len + 1;
        at = text + x.text_len + 1;
        ret->attribute[ret->attributes_n++] = (struct route_attribute){
            .name = name, .name_len = x.name_len, .value = value_of(&x, text)};
        if (strcmp(name, "source") == 0)
            ret->source = text;
        else if (strcmp(name, "type") == 0)
            ret->type = text;
        else if (strcmp(name, "subject") == 0)
            ret->subject = text;
        else if (strcmp(name, "id") == 0)
            ret->id = text;
        else if (strcmp(name, "traceparent") == 0)
            ret->traceparent = text;
    }
    ret->tail = (const char *)p + sizeof(h) + h.bytes;
    ret->tail_len = len - sizeof(h) - h.bytes;
}
