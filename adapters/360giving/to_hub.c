/* SPDX-License-Identifier: Apache-2.0 */
/* to_hub: a grant as the hub record of funding.award, by the rows of hub_tables.c. */
#include "hub.h"
#include <string.h>

reeve_rc giving_to_hub(reeve_ctx *ctx, void *inst, const reeve_msg *in, reeve_out *out)
{
    (void)inst;
    size_t len = 0;
    const char *type = reeve_msg_get(in, "type"), *body = reeve_msg_body(in, &len);
    struct json_parser *p = json_parser_new(BODY_DEPTH_MAX);
    if (p == NULL)
        return reeve_fail(ctx, REEVE_RETRY, "out of memory");
    const struct json_node *grant = body != NULL ? json_parse(p, body, len) : NULL;
    const struct json_node *id = node_member(grant, "id");
    struct json_write w;
    json_write_init(&w, (size_t)reeve_limit(ctx, "message"));
    reeve_rc rc = REEVE_OK;
    if (type == NULL || strcmp(type, "funding.award") != 0 || !node_is(grant, JSON_OBJECT)) {
        rc = reeve_fail(ctx, REEVE_REJECT, "the message is no grant");
    } else if (member_text(grant, "id") == NULL || id->len == 0 || id->len > 1024) {
        rc = reeve_fail(ctx, REEVE_REJECT,
                        "the grant has no identifier, and what nobody can name is not translated");
    } else {
        json_write_object(&w);
        hub_head(&w, "funding.award");
        hub_table_write(&w, "360giving", &hub_grant, grant);
        json_write_end(&w);
        rc = hub_emit(ctx, out, in, "funding.award", &w);
    }
    json_write_done(&w);
    json_parser_free(p);
    return rc;
}
