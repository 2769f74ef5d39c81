/* SPDX-License-Identifier: Apache-2.0 */
/* body - setting and reading the body of a message; see message.h. */
#include "message.h"
#include "form.h"
#include "rules.h"
#include "base/json.h"
#include "base/util.h"
#include <errno.h>
#include <string.h>

enum body_kind message_body_kind(const struct message *m)
{
    return m->kind;
}

const char *message_body(const struct message *m, size_t *ret_len)
{
    *ret_len = m->body.len;
    return m->kind == BODY_NONE ? NULL : buf_str(&m->body);
}

void message_remove_body(struct message *m)
{
    buf_done(&m->body);
    buf_init(&m->body, SIZE_MAX / 2);
    m->kind = BODY_NONE;
}

/* One level less than an envelope may have, so that what is set here can be read back. */
static int add_json(struct buf *out, const char *p, size_t len, struct err *e)
{
    struct json_scan s;
    struct json_slice v;
    json_start(&s, p, len, JSON_DEPTH_MAX - 1);
    int r = json_value(&s, &v);
    if (r == 0)
        r = json_end(&s);
    if (r < 0) {
        *e = s.err;
        (void)err_prefix(e, r, "the body is not JSON");
        char words[ERR_TEXT_MAX];
        memcpy(words, e->text, sizeof(words));
        return err_set(e, -EINVAL, "body-json", "%s", words);
    }
    r = json_add_compact(out, v.p, v.len);
    return r < 0 ? err_set(e, r, "memory", "no memory for a body of %zu bytes", len) : 0;
}

static int set_type(struct message *m, const char *content_type, struct err *e)
{
    if (content_type)
        return message_sets(m, "datacontenttype", content_type, e);
    message_remove(m, "datacontenttype");
    return 0;
}

int message_set_body(struct message *m, const char *content_type, const char *p, size_t len,
                     struct err *e)
{
    if (content_type && !*content_type)
        content_type = NULL;
    if (len > MESSAGE_BYTES_MAX)
        return err_set(e, -EFBIG, "too-large", "a body of %zu bytes is over the limit of %u", len,
                       MESSAGE_BYTES_MAX);
    enum body_kind kind = BODY_BINARY;
    struct buf body = BUF_INIT(SIZE_MAX / 2);
    int r;
    if (!content_type || content_type_is_json(content_type, strlen(content_type))) {
        kind = BODY_JSON;
        r = add_json(&body, p, len, e);
    } else {
        if (utf8_valid(p, len) && (len == 0 || !memchr(p, '\0', len)))
            kind = BODY_TEXT;
        r = buf_add(&body, p, len);
        if (r < 0)
            (void)err_set(e, r, "memory", "no memory for a body of %zu bytes", len);
    }
    enum body_kind before = m->kind;
    m->kind = BODY_NONE; /* so that the new content type is not held against the old body */
    if (r == 0)
        r = set_type(m, content_type, e);
    if (r < 0) {
        m->kind = before;
        buf_done(&body);
        return r;
    }
    buf_done(&m->body);
    m->body = body;
    m->kind = kind;
    return 0;
}
