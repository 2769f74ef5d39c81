/* SPDX-License-Identifier: Apache-2.0 */
/* encode: awards become a package again; each grant's bytes are its message's body. */
#include "giving.h"
#include <string.h>

static int adds(reeve_buf *out, const char *s)
{
    return reeve_buf_add(out, s, strlen(s));
}

reeve_rc giving_encode(reeve_ctx *ctx, void *inst, const reeve_msg *const *msgs, size_t n,
                       reeve_buf *out)
{
    (void)inst;
    int r = reeve_buf_set(out, "content-type", "application/json") |
            adds(out, "{\"version\":\"1.4\",\"grants\":[");
    for (size_t i = 0; i < n; i++) {
        size_t len = 0;
        const char *type = reeve_msg_get(msgs[i], "type"), *body = reeve_msg_body(msgs[i], &len);
        if (type == NULL || strcmp(type, "funding.award") != 0)
            return reeve_fail(ctx, REEVE_REJECT,
                              "a 360Giving package holds funding.award only, this is %s",
                              type != NULL ? type : "untyped");
        if (body == NULL || len == 0 || body[0] != '{')
            return reeve_fail(ctx, REEVE_REJECT, "the award %s has no grant as its body",
                              reeve_msg_id(msgs[i]));
        r |= (i > 0 ? adds(out, ",\n") : 0) | reeve_buf_add(out, body, len);
    }
    r |= adds(out, "]}\n");
    return r == 0 ? REEVE_OK
                  : reeve_fail(ctx, REEVE_REJECT, "the package would be over the message limit");
}
