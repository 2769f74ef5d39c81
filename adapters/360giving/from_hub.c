/* SPDX-License-Identifier: Apache-2.0 */
/* from_hub: the hub record of funding.award as a grant, by the rows of hub_tables.c. What comes out
 * is held to the official schema before it leaves: a record that lacks what a grant must have is
 * refused with the member's name, nothing is invented. */
#include "hub.h"

static reeve_rc emit_grant(reeve_ctx *ctx, const reeve_msg *in, const struct json_write *w,
                           struct json_parser *p, reeve_out *out)
{
    char first[FAULT_MAX] = "";
    struct check c = {.ctx = ctx, .first = first};
    const struct json_node *grant = w->failed ? NULL : json_parse(p, w->p, w->len);
    if (grant == NULL)
        return reeve_fail(ctx, REEVE_REJECT,
                          "the grant would be over the message limit or nested too deep");
    grant_check(&c, NULL, grant);
    if (c.errors > 0)
        return reeve_fail(ctx, REEVE_REJECT, "it would be no valid grant: %s", first);
    reeve_msg *m = reeve_msg_copy(in);
    if (m == NULL)
        return reeve_fail(ctx, REEVE_RETRY, "out of memory");
    (void)reeve_msg_set(m, "recipient", NULL); /* a grant to an individual has none */
    grant_attributes(m, grant);
    if (reeve_msg_set_body(m, "application/json", w->p, w->len) != 0) {
        reeve_msg_free(m);
        return reeve_fail(ctx, REEVE_REJECT, "the grant cannot be the body of a message");
    }
    return reeve_emit(out, m) == 0 ? REEVE_OK : REEVE_RETRY;
}

reeve_rc giving_from_hub(reeve_ctx *ctx, void *inst, const reeve_msg *in, reeve_out *out)
{
    (void)inst;
    struct json_parser *p = json_parser_new(BODY_DEPTH_MAX), *q = json_parser_new(BODY_DEPTH_MAX);
    struct json_write w;
    reeve_rc rc = REEVE_OK;
    json_write_init(&w, (size_t)reeve_limit(ctx, "message"));
    const struct json_node *record =
        p != NULL && q != NULL ? hub_read(ctx, p, in, "funding.award", &rc) : NULL;
    if (p == NULL || q == NULL) {
        rc = reeve_fail(ctx, REEVE_RETRY, "out of memory");
    } else if (record != NULL) {
        json_write_object(&w);
        hub_table_read(&w, "360giving", &hub_grant, record);
        json_write_end(&w);
        rc = emit_grant(ctx, in, &w, q, out);
    }
    json_write_done(&w);
    json_parser_free(q);
    json_parser_free(p);
    return rc;
}
