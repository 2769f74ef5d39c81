/* SPDX-License-Identifier: Apache-2.0 */
/* to_hub: a release as the hub record of information.contract, a payment (a release with one
 * transaction) as that of funding.payment, by the rows of hub_tables.c. */
#include "hub.h"
#include <string.h>

#define NAME_MAX_BYTES 1024 /* of the record's `id` */

/* Which stages the tags tell of: awardUpdate is of the award, contractTermination of the contract.
 */
static void write_stages(struct json_write *w, const struct json_node *release)
{
    static const char *const stages[] = {"planning", "tender", "award", "contract",
                                         "implementation"};
    bool begun = false;
    for (size_t i = 0; i < sizeof stages / sizeof stages[0]; i++) {
        const struct json_node *t = first_item(release, "tag");
        while (t != NULL &&
               !(node_is(t, JSON_STRING) && strncmp(t->text, stages[i], strlen(stages[i])) == 0))
            t = t->next;
        if (t == NULL)
            continue;
        if (!begun) {
            json_write_name(w, "stages");
            json_write_array(w);
        }
        begun = true;
        json_write_text(w, stages[i], strlen(stages[i]));
    }
    if (begun)
        json_write_end(w);
}

static bool is_name(const char *s)
{
    return s != NULL && *s != 0 && strlen(s) <= NAME_MAX_BYTES;
}

/* NULL, or why the release is no such record. */
static const char *lacks(const struct json_node *release, bool payment)
{
    if (!is_name(member_text(release, "ocid")))
        return "the release has no ocid, and what nobody can name is not translated";
    if (!payment)
        return NULL;
    if (!is_name(member_text(release, "id")))
        return "the payment has no id, and what nobody can name is not translated";
    const struct json_node *list = node_member(
        node_member(first_item(release, "contracts"), "implementation"), "transactions");
    return node_is(list, JSON_ARRAY) && list->n == 1 && list->first->kind == JSON_OBJECT
               ? NULL
               : "the payment is no release with one transaction";
}

static reeve_rc write_record(reeve_ctx *ctx, struct json_write *w, const struct json_node *release,
                             bool payment)
{
    const char *reason = lacks(release, payment);
    if (reason != NULL)
        return reeve_fail(ctx, REEVE_REJECT, "%s", reason);
    json_write_object(w);
    hub_head(w, payment ? "funding.payment" : "information.contract");
    if (payment)
        json_write_member(w, "kind", "expenditure");
    else
        write_stages(w, release);
    hub_table_write(w, "ocds", payment ? &hub_payment : &hub_contract, release);
    json_write_end(w);
    return REEVE_OK;
}

/* The record says what was paid, or there is none. */
static reeve_rc check_value(reeve_ctx *ctx, struct json_parser *p, const struct json_write *w)
{
    const struct json_node *record = w->failed ? NULL : json_parse(p, w->p, w->len);
    if (record != NULL && node_member(record, "value") == NULL)
        return reeve_fail(ctx, REEVE_REJECT,
                          "the payment has no value with an amount and a currency");
    return REEVE_OK;
}

reeve_rc ocds_to_hub(reeve_ctx *ctx, void *inst, const reeve_msg *in, reeve_out *out)
{
    (void)inst;
    size_t len = 0;
    const char *type = reeve_msg_get(in, "type"), *body = reeve_msg_body(in, &len);
    bool payment = type != NULL && strcmp(type, "funding.payment") == 0;
    struct json_parser *p = json_parser_new(BODY_DEPTH_MAX);
    if (p == NULL)
        return reeve_fail(ctx, REEVE_RETRY, "out of memory");
    const struct json_node *release = body != NULL ? json_parse(p, body, len) : NULL;
    struct json_write w;
    json_write_init(&w, (size_t)reeve_limit(ctx, "message"));
    reeve_rc rc = REEVE_REJECT;
    if (!node_is(release, JSON_OBJECT) ||
        (!payment && (type == NULL || strcmp(type, "information.contract") != 0)))
        rc = reeve_fail(ctx, REEVE_REJECT, "the message is no release and no payment");
    else
        rc = write_record(ctx, &w, release, payment);
    if (rc == REEVE_OK && payment)
        rc = check_value(ctx, p, &w);
    if (rc == REEVE_OK)
        rc = hub_emit(ctx, out, in, type, &w);
    json_write_done(&w);
    json_parser_free(p);
    return rc;
}
