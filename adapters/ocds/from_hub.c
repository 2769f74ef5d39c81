/* SPDX-License-Identifier: Apache-2.0 */
/* from_hub: the hub records of information.contract and funding.payment as releases, by the rows of
 * hub_tables.c. What comes out is held to the official schema before it leaves: a record that lacks
 * what a release must have is refused with the member's name, nothing is invented. */
#include "hub.h"
#include <string.h>

/* The standard knows one way to begin a process, and one tag for what is paid. */
static void write_constants(struct json_write *w, const struct json_node *record, bool payment)
{
    const struct json_node *other = hub_other(record, "ocds"), *date = node_member(record, "date");
    if (node_member(other, "initiationType") == NULL)
        json_write_member(w, "initiationType", "tender");
    if (!payment)
        return;
    if (node_member(other, "date") == NULL && node_is(date, JSON_STRING))
        json_write_member(w, "date", date->text);
    if (node_member(other, "tag") != NULL)
        return;
    json_write_name(w, "tag");
    json_write_array(w);
    json_write_text(w, "implementation", strlen("implementation"));
    json_write_end(w);
}

/* Money that went out: a commitment is no transaction of a contract. */
static bool was_paid(const struct json_node *record)
{
    const char *kind = member_text(record, "kind");
    return node_member(record, "kind") == NULL ||
           (kind != NULL &&
            (strcmp(kind, "expenditure") == 0 || strcmp(kind, "disbursement") == 0));
}

static reeve_rc emit(reeve_ctx *ctx, const reeve_msg *in, const struct json_write *w,
                     struct json_parser *p, reeve_out *out)
{
    char first[FAULT_MAX] = "";
    struct check c = {.ctx = ctx, .first = first};
    const struct json_node *release = w->failed ? NULL : json_parse(p, w->p, w->len);
    if (release == NULL || json_parser_repeats(p))
        return reeve_fail(ctx, REEVE_REJECT,
                          "the release would be over the message limit, nested too deep, or say "
                          "one member twice");
    schema_check(&c, &ocds_release, NULL, release);
    if (c.errors > 0)
        return reeve_fail(ctx, REEVE_REJECT, "it would be no valid release: %s", first);
    reeve_msg *m = reeve_msg_copy(in);
    if (m == NULL)
        return reeve_fail(ctx, REEVE_RETRY, "out of memory");
    (void)reeve_msg_set(m, "dataschema", OCDS_SCHEMA);
    if (reeve_msg_set_body(m, "application/json", w->p, w->len) != 0) {
        reeve_msg_free(m);
        return reeve_fail(ctx, REEVE_REJECT, "the release cannot be the body of a message");
    }
    return reeve_emit(out, m) == 0 ? REEVE_OK : REEVE_RETRY;
}

reeve_rc ocds_from_hub(reeve_ctx *ctx, void *inst, const reeve_msg *in, reeve_out *out)
{
    (void)inst;
    const char *type = reeve_msg_get(in, "type");
    bool payment = type != NULL && strcmp(type, "funding.payment") == 0;
    struct json_parser *p = json_parser_new(BODY_DEPTH_MAX), *q = json_parser_new(BODY_DEPTH_MAX);
    struct json_write w;
    reeve_rc rc = REEVE_OK;
    json_write_init(&w, (size_t)reeve_limit(ctx, "message"));
    const struct json_node *record =
        p != NULL && q != NULL
            ? hub_read(ctx, p, in, payment ? "funding.payment" : "information.contract", &rc)
            : NULL;
    if (p == NULL || q == NULL) {
        rc = reeve_fail(ctx, REEVE_RETRY, "out of memory");
    } else if (record != NULL && payment && !was_paid(record)) {
        rc = reeve_fail(ctx, REEVE_REJECT,
                        "of payments OCDS has a place for money that went out only");
    } else if (record != NULL) {
        json_write_object(&w);
        hub_table_read(&w, "ocds", payment ? &hub_payment : &hub_contract, record);
        write_constants(&w, record, payment);
        json_write_end(&w);
        rc = emit(ctx, in, &w, q, out);
    }
    json_write_done(&w);
    json_parser_free(q);
    json_parser_free(p);
    return rc;
}
