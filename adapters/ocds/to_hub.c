/* SPDX-License-Identifier: Apache-2.0 */
/* to_hub: a release as the hub record of information.contract, a payment (a release with one
 * transaction) as that of funding.payment, by the rows of hub_tables.c.
 *
 * The record of a contract says what holds now: before anything is translated a release is put
 * together with those of its process that came before (process.h). Nobody who reads records has to
 * know that a release may say one thing only, or that the next one says the same amount again. */
#include "hub.h"
#include "lib/formats.h"
#include "merge.h"
#include "process.h"
#include <stdio.h>
#include <string.h>

#define KEY_MAX      960u               /* as much as the host's state surely takes */
#define KEPT_CEILING ((size_t)16 << 20) /* likewise, of a value */

static bool has_implementation(const struct json_node *release)
{
    for (const struct json_node *c = first_item(release, "contracts"); c != NULL; c = c->next)
        if (node_member(c, "implementation") != NULL)
            return true;
    return false;
}

/* Which stages the tags tell of: awardUpdate is of the award, contractTermination of the contract.
 * The tag of a compiled release tells of none: then it is what stands in it. */
static bool has_stage(const struct json_node *release, const char *stage, bool compiled)
{
    if (compiled && strcmp(stage, "implementation") == 0)
        return has_implementation(release);
    if (compiled)
        return node_member(release, stage) != NULL ||
               (strcmp(stage, "award") == 0 && first_item(release, "awards") != NULL) ||
               (strcmp(stage, "contract") == 0 && first_item(release, "contracts") != NULL);
    for (const struct json_node *t = first_item(release, "tag"); t != NULL; t = t->next)
        if (node_is(t, JSON_STRING) && strncmp(t->text, stage, strlen(stage)) == 0)
            return true;
    return false;
}

static void write_stages(struct json_write *w, const struct json_node *release)
{
    static const char *const stages[] = {"planning", "tender", "award", "contract",
                                         "implementation"};
    bool begun = false, compiled = is_compiled(release);
    for (size_t i = 0; i < sizeof stages / sizeof stages[0]; i++) {
        if (!has_stage(release, stages[i], compiled))
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
    return s != NULL && *s != 0 && strlen(s) <= OCID_MAX;
}

static bool is_dated(const struct json_node *release)
{
    const char *date = member_text(release, "date");
    return date != NULL && strlen(date) <= RELEASE_DATE_MAX && format_date_time(date, strlen(date));
}

/* NULL, or why the release is no such record. */
static const char *lacks(const struct json_node *release, bool payment)
{
    if (!is_name(member_text(release, "ocid")))
        return "the release has no ocid, and what nobody can name is not translated";
    if (!payment)
        return is_name(member_text(release, "id")) && is_dated(release)
                   ? NULL
                   : "the release has no id, or no date, by which it is told from the others of "
                     "its "
                     "process";
    if (!is_name(member_text(release, "id")))
        return "the payment has no id, and what nobody can name is not translated";
    const struct json_node *list = node_member(
        node_member(first_item(release, "contracts"), "implementation"), "transactions");
    return node_is(list, JSON_ARRAY) && list->n == 1 && list->first->kind == JSON_OBJECT
               ? NULL
               : "the payment is no release with one transaction";
}

static void write_record(struct json_write *w, const struct json_node *release, bool payment)
{
    json_write_object(w);
    hub_head(w, payment ? "funding.payment" : "information.contract");
    if (payment)
        json_write_member(w, "kind", "expenditure");
    else
        write_stages(w, release);
    hub_table_write(w, "ocds", payment ? &hub_payment : &hub_contract, release);
    json_write_end(w);
}

/* ---- the process ---- */

/* Two who publish under one ocid do not write into each other's process. */
static bool make_key(const reeve_msg *in, const struct json_node *release, char key[KEY_MAX])
{
    const char *source = reeve_msg_get(in, "source");
    int n = snprintf(key, KEY_MAX, "process %s %s", source != NULL ? source : "",
                     member_text(release, "ocid"));
    return n > 0 && (size_t)n < KEY_MAX;
}

/* A translation in progress: the parsers of what came and of what was put together, and the texts.
 */
struct translation {
    reeve_ctx *ctx;
    const reeve_msg *in;
    struct json_parser *first, *second;
    struct json_write now, whole, record;
    const char *body;
    size_t len;
};

static reeve_rc no_memory(const struct translation *t)
{
    return reeve_fail(t->ctx, REEVE_RETRY, "out of memory");
}

/* *release becomes what all releases of its process say together, and is kept. */
static reeve_rc put_together(struct translation *t, const struct json_node **release)
{
    char key[KEY_MAX];
    size_t kept_len = 0;
    const char *why = "";
    if (!make_key(t->in, *release, key))
        return reeve_fail(t->ctx, REEVE_REJECT,
                          "its source and ocid are too long to remember the process by");
    const char *kept = reeve_state_get(t->ctx, key, &kept_len);
    enum process_verdict v =
        process_take(kept, kept_len, *release, t->body, t->len, &t->now, &t->whole, &why);
    if (v == PROCESS_REFUSED)
        return reeve_fail(t->ctx, REEVE_REJECT, "%s", why);
    if (v == PROCESS_FAILED)
        return no_memory(t);
    if (reeve_state_put(t->ctx, key, t->now.p, t->now.len) != 0)
        return reeve_fail(t->ctx, REEVE_RETRY, "the release cannot be kept for its process");
    if (t->whole.len == 0)
        return REEVE_OK;
    *release = json_parse(t->second, t->whole.p, t->whole.len);
    return *release != NULL ? REEVE_OK
                            : reeve_fail(t->ctx, REEVE_REJECT,
                                         "the releases of its process hold more values than can be "
                                         "looked at together");
}

/* ---- one message ---- */

/* The record says what was paid, or there is none. */
static reeve_rc check_value(struct translation *t)
{
    const struct json_node *record =
        t->record.failed ? NULL : json_parse(t->first, t->record.p, t->record.len);
    if (record != NULL && node_member(record, "value") == NULL)
        return reeve_fail(t->ctx, REEVE_REJECT,
                          "the payment has no value with an amount and a currency");
    return REEVE_OK;
}

static reeve_rc make_record(struct translation *t, const char *type)
{
    bool payment = type != NULL && strcmp(type, "funding.payment") == 0;
    const struct json_node *release =
        t->body != NULL ? json_parse(t->first, t->body, t->len) : NULL;
    if (!node_is(release, JSON_OBJECT) ||
        (!payment && (type == NULL || strcmp(type, "information.contract") != 0)))
        return reeve_fail(t->ctx, REEVE_REJECT, "the message is no release and no payment");
    const char *reason = lacks(release, payment);
    if (reason != NULL)
        return reeve_fail(t->ctx, REEVE_REJECT, "%s", reason);
    reeve_rc rc = payment ? REEVE_OK : put_together(t, &release);
    if (rc != REEVE_OK)
        return rc;
    write_record(&t->record, release, payment);
    return payment ? check_value(t) : REEVE_OK;
}

reeve_rc ocds_to_hub(reeve_ctx *ctx, void *inst, const reeve_msg *in, reeve_out *out)
{
    (void)inst;
    size_t max = (size_t)reeve_limit(ctx, "message");
    const char *type = reeve_msg_get(in, "type");
    struct translation t = {.ctx = ctx,
                            .in = in,
                            .first = json_parser_new(BODY_DEPTH_MAX),
                            .second = json_parser_new(BODY_DEPTH_MAX)};
    t.body = reeve_msg_body(in, &t.len);
    json_write_init(&t.now, KEPT_CEILING);
    json_write_init(&t.whole, max);
    json_write_init(&t.record, max);
    reeve_rc rc = t.first != NULL && t.second != NULL ? make_record(&t, type) : no_memory(&t);
    if (rc == REEVE_OK)
        rc = hub_emit(ctx, out, in, type, &t.record);
    json_write_done(&t.record);
    json_write_done(&t.whole);
    json_write_done(&t.now);
    json_parser_free(t.second);
    json_parser_free(t.first);
    return rc;
}
