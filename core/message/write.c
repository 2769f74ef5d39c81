/* SPDX-License-Identifier: Apache-2.0 */
/* write - a message as structured JSON (CloudEvents JSON format 1.0, sections 2 and 3): compact,
 * attributes in their order. */
#include "message.h"
#include "base64.h"
#include "form.h"
#include "base/json.h"

static int add_attributes(const struct message *m, struct buf *out)
{
    int r = 0;
    /* most texts need no escape: with this much room the additions below allocate nothing; without
     * it they say so */
    (void)buf_reserve(out, m->attribute_bytes + 8 * m->n + 2);
    for (size_t i = 0; r == 0 && i < m->n; i++) {
        const struct attribute *a = &m->slot[i].a;
        r = buf_add(out, i ? ",\"" : "{\"", 2);
        if (r == 0)
            r = buf_add(out, a->name, a->name_len);
        if (r == 0)
            r = buf_add(out, "\":", 2);
        if (r == 0)
            r = a->type == ATTRIBUTE_STRING ? json_add_string(out, a->text, a->text_len)
                                            : buf_add(out, a->text, a->text_len);
    }
    return r < 0 || m->n > 0 ? r : buf_addc(out, '{');
}

int message_write_attributes(const struct message *m, struct buf *out)
{
    size_t before = out->len;
    int r = add_attributes(m, out);
    if (r == 0)
        r = buf_addc(out, '}');
    if (r < 0 && out->p)
        out->p[out->len = before] = '\0';
    return r;
}

static int add_member(const struct message *m, struct buf *out, const char *name)
{
    int r = m->n ? buf_addc(out, ',') : 0;
    return r < 0 ? r : buf_adds(out, name);
}

static int add_body(const struct message *m, struct buf *out)
{
    int r = 0;
    switch (m->kind) {
    case BODY_NONE:
        break;
    case BODY_JSON:
        r = add_member(m, out, "\"data\":");
        if (r == 0)
            r = buf_add(out, m->body.p, m->body.len);
        break;
    case BODY_TEXT:
        r = add_member(m, out, "\"data\":");
        if (r == 0)
            r = json_add_string(out, buf_str(&m->body), m->body.len);
        break;
    case BODY_BINARY:
        r = add_member(m, out, "\"data_base64\":\"");
        if (r == 0)
            r = base64_add(out, buf_str(&m->body), m->body.len);
        if (r == 0)
            r = buf_addc(out, '"');
        break;
    }
    return r;
}

int message_write(const struct message *m, struct buf *out)
{
    size_t before = out->len;
    int r = add_attributes(m, out);
    if (r == 0)
        r = add_body(m, out);
    if (r == 0)
        r = buf_addc(out, '}');
    if (r < 0 && out->p) /* nothing or all of it */
        out->p[out->len = before] = '\0';
    return r;
}
