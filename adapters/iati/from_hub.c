/* SPDX-License-Identifier: Apache-2.0 */
/* from_hub: a hub record as an activity, by the rows of to_hub read the other way; then what
 * `other` holds of this standard, everything in the order of the grammar. A code that the schema
 * requires and the record does not say is written empty; nothing else is filled in. What comes out
 * is held to the grammar before it leaves. */
#include "put.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- what an activity must have, from where the record says it ---- */

static void put_dates(const struct json_node *o, xmlNodePtr n)
{
    static const char *const members[] = {"planned", "actual"}, *const ends[] = {"start", "end"};
    char day[11];
    for (size_t i = 0; i < 4; i++) {
        if (day_of(first_item(o, members[i / 2]), ends[i % 2], day) == NULL)
            continue;
        xmlNodePtr at = put_child(n, "activity-date");
        put_value(at, "type", hub_date_types[i]);
        put_value(at, "iso-date", day);
    }
}

static bool has_commitment(const struct json_node *o)
{
    for (const struct json_node *i = first_item(o, "transactions"); i != NULL; i = i->next) {
        const char *kind = member_text(i, "kind");
        if (kind != NULL && strcmp(kind, "commitment") == 0)
            return true;
    }
    return false;
}

/* The award as the commitment it is, when the record lists none. */
static const char *put_awarded(const struct json_node *o, xmlNodePtr n)
{
    static const struct row value = {.own = "value", .hub = "awarded", .way = WAY_MONEY};
    char day[11];
    if (node_member(o, "awarded") == NULL || has_commitment(o))
        return NULL;
    if (day_of(o, "date", day) == NULL)
        return "it has no date with a day, and a commitment needs one";
    xmlNodePtr at = put_child(n, "transaction");
    if (at == NULL)
        return NULL;
    put_value(put_child(at, "transaction-type"), "code", "2");
    put_value(put_child(at, "transaction-date"), "iso-date", day);
    put_money(&value, o, at);
    (void)complete(element_of(at), at);
    return NULL;
}

static void put_party(struct giving *g, xmlNodePtr n, const char *name, const char *role,
                      const struct json_node *who)
{
    static const struct row ref = {.own = "ref", .hub = "identifiers", .way = WAY_ORG_ID},
                            type = {.own = "type",
                                    .hub = "kind",
                                    .way = WAY_CODE,
                                    .scheme = "IATI-OrganisationType"},
                            words = {.own = "narrative", .hub = "name", .way = WAY_NARRATIVE};
    xmlNodePtr at = node_is(who, JSON_OBJECT) ? put_child(n, name) : NULL;
    if (at == NULL)
        return;
    put_row(g, &ref, who, at);
    put_row(g, &type, who, at);
    put_row(g, &words, who, at);
    if (role != NULL)
        put_value(at, "role", role);
    if (!complete(element_of(at), at))
        xml_remove(at);
}

static void put_text_of(struct giving *g, xmlNodePtr n, const char *name, const char *text)
{
    xmlNodePtr at = text != NULL && xml_child(n, name) == NULL ? put_child(n, name) : NULL;
    if (at != NULL)
        put_narrative(at, text, g->language);
}

/* Who reports an award is who gives it; who reports a payment, who pays. A payment is called what
 * it is for. */
static void put_required(struct giving *g, const char *type, const struct json_node *o,
                         xmlNodePtr n)
{
    char day[11];
    bool award = strcmp(type, "funding.award") == 0, payment = strcmp(type, "funding.payment") == 0;
    const struct json_node *who = award     ? first_item(o, "funders")
                                  : payment ? node_member(o, "payer")
                                            : node_member(o, "reporter");
    xmlNodePtr reporting = xml_child(n, "reporting-org");
    if (reporting == NULL)
        put_party(g, n, "reporting-org", NULL, who);
    else
        put_value(reporting, "type", ""); /* to_hub took an empty one for nothing said */
    if (xml_child(n, "activity-date") == NULL && day_of(o, "date", day) != NULL) {
        xmlNodePtr at = put_child(n, "activity-date");
        put_value(at, "type", ""); /* the day of an award is none of the standard's */
        put_value(at, "iso-date", day);
    }
    if (award)
        return;
    const char *title = member_text(o, "title"), *description = member_text(o, "description"),
               *of = member_text(node_member(o, "award"), "title");
    put_text_of(g, n, "title", of != NULL ? of : title != NULL ? title : description);
    put_text_of(g, n, "description", description != NULL ? description : title);
    if (xml_child(n, "participating-org") == NULL) {
        put_party(g, n, "participating-org", "1", payment ? who : NULL);
        put_party(g, n, "participating-org", "4",
                  payment ? node_member(o, "payee") : node_member(o, "reporter"));
    }
}

static void put_language(struct giving *g, const struct json_node *o, const struct json_node *left,
                         xmlNodePtr n)
{
    const char *language = member_text(o, "language");
    const struct json_node *attributes = node_member(left, "attributes");
    const char *own = member_text(attributes, "{http://www.w3.org/XML/1998/namespace}lang");
    if (!hub_is_language(language))
        return;
    if (own != NULL) /* the activity's is another */
        g->language = language;
    else
        put_language_of(n, language);
}

static const char *put_record(const char *type, const struct json_node *o, xmlNodePtr n)
{
    struct giving g = {.language = NULL};
    const struct json_node *left = left_of(o);
    bool award = strcmp(type, "funding.award") == 0, payment = strcmp(type, "funding.payment") == 0;
    const char *id = award ? member_text(o, "id") : member_text(node_member(o, "award"), "id"),
               *fault = NULL;
    if (id == NULL || *id == 0)
        return award ? "its id is no text" : "it does not say under which award";
    put_content(put_child(n, "iati-identifier"), id);
    if (payment)
        left = node_member(left, "activity");
    put_language(&g, o, left, n);
    if (award) {
        put_dates(o, n); /* before others of their types, which are left */
        put_members(&g, &hub_award, o, n);
        fault = put_awarded(o, n);
    } else if (payment) {
        xmlNodePtr at = put_child(n, "transaction");
        put_members(&g, &hub_payment, o, at);
        put_left(at, node_member(left_of(o), "transaction"));
        (void)complete(element_of(at), at);
        put_left(n, left);
    } else {
        put_members(&g, &hub_report, o, n);
    }
    put_required(&g, type, o, n);
    (void)complete(element_of(n), n);
    return fault;
}

/* ---- out with it ---- */

struct leaving {
    reeve_msg *m;
    const char *type;
    bool is_part; /* it has what the type wants */
};

static reeve_rc activity_done(void *arg, struct walk *w)
{
    struct leaving *l = arg;
    l->is_part = activity_attributes(l->m, &w->activity, l->type);
    return w->activity.no_memory ? REEVE_RETRY : REEVE_OK;
}

static reeve_rc emit(reeve_ctx *ctx, const reeve_msg *in, const char *type, xmlDocPtr d,
                     reeve_out *out)
{
    xmlBufferPtr b = xmlBufferCreate();
    struct leaving l = {.m = reeve_msg_copy(in), .type = type};
    struct walk w = {.ctx = ctx,
                     .quiet = true,
                     .activity_done = activity_done,
                     .arg = &l,
                     .limit = (size_t)reeve_limit(ctx, "message")};
    reeve_rc rc = REEVE_OK;
    if (l.m == NULL || b == NULL || xmlNodeDump(b, d, xmlDocGetRootElement(d), 0, 0) < 0) {
        rc = reeve_fail(ctx, REEVE_RETRY, "out of memory");
    } else {
        const char *body = (const char *)xmlBufferContent(b);
        size_t len = (size_t)xmlBufferLength(b);
        (void)reeve_msg_set(l.m, "recipient", NULL);
        rc = walk_body(&w, body, len);
        if (rc == REEVE_RETRY)
            rc = reeve_fail(ctx, rc, "out of memory");
        else if (rc != REEVE_OK || w.why[0] != 0)
            rc = reeve_fail(ctx, REEVE_REJECT, "it would be no valid activity: %s", w.why);
        else if (!l.is_part)
            rc = reeve_fail(ctx, REEVE_REJECT, "it would be no %s of an activity",
                            strcmp(type, "funding.payment") == 0 ? "disbursement or expenditure"
                                                                 : "result");
        else if (len > w.limit || reeve_msg_set(l.m, "dataschema", IATI_SCHEMA) != 0 ||
                 reeve_msg_set_body(l.m, "application/xml", body, len) != 0)
            rc = reeve_fail(ctx, REEVE_REJECT, "the activity cannot be the body of a message");
        walk_done(&w);
    }
    xmlBufferFree(b);
    if (rc == REEVE_OK)
        return reeve_emit(out, l.m) == 0 ? REEVE_OK : REEVE_RETRY;
    reeve_msg_free(l.m);
    return rc;
}

reeve_rc iati_from_hub(reeve_ctx *ctx, void *inst, const reeve_msg *in, reeve_out *out)
{
    (void)inst;
    const char *type = reeve_msg_get(in, "type"), *fault = NULL;
    struct json_parser *p = json_parser_new(BODY_DEPTH_MAX);
    xmlDocPtr d = xmlNewDoc((const xmlChar *)"1.0");
    xmlNodePtr n =
        d != NULL ? xmlNewDocNode(d, NULL, (const xmlChar *)"iati-activity", NULL) : NULL;
    reeve_rc rc = REEVE_OK;
    if (n != NULL)
        (void)xmlDocSetRootElement(d, n);
    if (!hub_translates(type)) {
        rc = reeve_fail(ctx, REEVE_REJECT, "there is no place for %s",
                        type != NULL ? type : "a message without type");
    } else if (p == NULL || n == NULL) {
        rc = reeve_fail(ctx, REEVE_RETRY, "out of memory");
    } else {
        const struct json_node *record = hub_read(ctx, p, in, type, &rc);
        if (record != NULL && (fault = put_record(type, record, n)) != NULL)
            rc = reeve_fail(ctx, REEVE_REJECT, "it would be no valid activity: %s", fault);
        else if (record != NULL)
            rc = emit(ctx, in, type, d, out);
    }
    xmlFreeDoc(d);
    json_parser_free(p);
    return rc;
}
