/* SPDX-License-Identifier: Apache-2.0 */
/* encode: one event structured (or binary, by option), several as a batch. */
#include "events.h"
#include <stdio.h>
#include <string.h>

#define HEADER_VALUE_MAX 24576

static reeve_rc too_large(reeve_ctx *ctx)
{
    return reeve_fail(ctx, REEVE_REJECT, "the event is larger than the message limit");
}

static reeve_rc encode_binary(reeve_ctx *ctx, const reeve_msg *m, reeve_buf *out)
{
    char name[128], value[HEADER_VALUE_MAX];
    const char *attribute, *type = reeve_msg_get(m, "datacontenttype");
    size_t len = 0;
    const void *body = reeve_msg_body(m, &len);
    for (size_t i = 0; (attribute = reeve_msg_name(m, i)) != NULL; i++) {
        if (strcmp(attribute, "datacontenttype") == 0)
            continue;
        if (header_encode(reeve_msg_get(m, attribute), value, sizeof value) != 0)
            return reeve_fail(ctx, REEVE_REJECT, "attribute %s is too long for an HTTP header",
                              attribute);
        (void)snprintf(name, sizeof name, "h:ce-%.100s", attribute);
        if (reeve_buf_set(out, name, value) != 0)
            return too_large(ctx);
    }
    if (type == NULL && body != NULL)
        type = "application/json"; /* JSON format, section 3.1: what its absence means there must be
                                      said here */
    if (type != NULL && reeve_buf_set(out, "content-type", type) != 0)
        return too_large(ctx);
    return body == NULL || reeve_buf_add(out, body, len) == 0 ? REEVE_OK : too_large(ctx);
}

reeve_rc events_encode(reeve_ctx *ctx, void *inst, const reeve_msg *const *msgs, size_t n,
                       reeve_buf *out)
{
    (void)inst;
    const char *mode = reeve_conf(ctx, "mode", 0);
    if (n == 1 && mode != NULL && strcmp(mode, "binary") == 0)
        return encode_binary(ctx, msgs[0], out);
    int r = reeve_buf_set(out, "content-type",
                          n == 1 ? "application/cloudevents+json"
                                 : "application/cloudevents-batch+json");
    if (n > 1)
        r |= reeve_buf_add(out, "[", 1);
    for (size_t i = 0; i < n && r == 0; i++) {
        if (i > 0)
            r |= reeve_buf_add(out, ",\n", 2);
        r |= reeve_msg_to_json(msgs[i], out);
    }
    if (n > 1)
        r |= reeve_buf_add(out, "]", 1);
    return r == 0 ? REEVE_OK : too_large(ctx);
}
