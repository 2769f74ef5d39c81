/* SPDX-License-Identifier: Apache-2.0 */
/* to_hub: an activity, or what was taken out of one, as a hub record. What goes to a member of the
 * record is taken out of the tree; what is left in the end stands in `other`. So nothing is lost
 * here and nothing said twice. */
#include "take.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- what an activity says as a whole ---- */

/* The record is in the language of the title. */
static void set_language(struct taking *t, xmlNodePtr activity)
{
    const xmlNode *title = xml_child(activity, "title");
    const xmlNode *first = title != NULL ? xml_child(title, "narrative") : NULL;
    t->spoken = language_at(activity);
    if (t->spoken != NULL && !hub_is_language(t->spoken)) {
        free(t->spoken);
        t->spoken = NULL;
    }
    t->language = first != NULL ? language_of(t, first) : NULL;
    if (t->language != NULL && !hub_is_language(t->language)) {
        free(t->language);
        t->language = NULL;
    }
    t->currency = xml_get(activity, "default-currency");
}

static void take_language(struct taking *t, xmlNodePtr activity)
{
    if (t->language == NULL)
        return;
    say(t, "language", t->language);
    if (t->spoken != NULL && strcmp(t->spoken, t->language) == 0)
        (void)xmlUnsetNsProp(activity,
                             xmlSearchNsByHref(activity->doc, activity, XML_XML_NAMESPACE),
                             (const xmlChar *)"lang");
}

/* The first activity-date of the type that is nothing but a date. */
static char *take_date_of(xmlNodePtr activity, const char *type, const char *only)
{
    for (xmlNodePtr n = xml_child(activity, "activity-date"); n != NULL;
         n = xml_next(n, "activity-date")) {
        char *is = xml_get(n, "type"), *date = xml_get(n, "iso-date");
        bool it = is != NULL && strcmp(is, type) == 0 && is_day(date) &&
                  (only == NULL || strcmp(date, only) == 0);
        free(is);
        if (it) {
            xml_drop(n, "type");
            xml_drop(n, "iso-date");
            if (xml_is_empty(n)) {
                xml_remove(n);
                return date;
            }
            (void)xmlNewProp(n, (const xmlChar *)"type", (const xmlChar *)type);
            (void)xmlNewProp(n, (const xmlChar *)"iso-date", (const xmlChar *)date);
        }
        free(date);
    }
    return NULL;
}

static char *take_date(xmlNodePtr activity, const char *type)
{
    return take_date_of(activity, type, NULL);
}

static void take_dates(struct taking *t, xmlNodePtr activity)
{
    static const char *const members[] = {"planned", "actual"};
    for (size_t i = 0; i < 2; i++) {
        char *start = take_date(activity, hub_date_types[2 * i]),
             *end = take_date(activity, hub_date_types[2 * i + 1]);
        if (start != NULL || end != NULL) {
            json_write_name(t->w, members[i]);
            json_write_array(t->w);
            json_write_object(t->w);
            if (start != NULL)
                say(t, "start", start);
            if (end != NULL)
                say(t, "end", end);
            json_write_end(t->w);
            json_write_end(t->w);
        }
        free(start);
        free(end);
    }
}

/* ---- the award: its outgoing commitments ---- */

struct committed {
    size_t n;
    xmlNodePtr first;
    fixed sum;
    size_t decimals; /* most digits behind the point */
    char amount[HUB_DECIMAL_MAX + 1], currency[4], date[11];
    bool mixed; /* cannot be added exactly, or of several currencies, or one has no date */
};
#define SUM_MAX (FIXED_ONE * 10000000000000000000U) /* what one amount is below; 17 of them fit */

static void add_commitment(struct committed *c, const char *amount, const char *currency,
                           const char *date)
{
    const char *point = strchr(amount, '.');
    size_t decimals = point != NULL ? strlen(point + 1) : 0;
    fixed v = 0;
    bool dated = is_day(date);
    if (c->n++ == 0) {
        (void)snprintf(c->amount, sizeof c->amount, "%s", amount);
        (void)snprintf(c->currency, sizeof c->currency, "%s", currency);
        (void)snprintf(c->date, sizeof c->date, "%s", dated ? date : "");
    } else if (strcmp(c->currency, currency) != 0) {
        c->mixed = true;
    }
    if (!value_fixed(amount, &v) || decimals > 18 || c->sum > SUM_MAX || c->sum < -SUM_MAX) {
        c->mixed = c->mixed || c->n > 1;
        c->decimals = SIZE_MAX; /* one alone is its own text */
        return;
    }
    c->mixed = c->mixed || c->decimals == SIZE_MAX;
    c->sum += v;
    c->decimals = decimals > c->decimals ? decimals : c->decimals;
    if (dated && (c->date[0] == 0 || strcmp(date, c->date) < 0))
        (void)snprintf(c->date, sizeof c->date, "%s", date);
}

/* the money of a transaction */
static const struct row paid = {.own = "value", .hub = "value", .way = WAY_MONEY};

static void find_commitments(struct taking *t, xmlNodePtr activity, struct committed *c)
{
    for (xmlNodePtr n = xml_child(activity, "transaction"); n != NULL;
         n = xml_next(n, "transaction")) {
        const xmlNode *type = xml_child(n, "transaction-type"),
                      *day = xml_child(n, "transaction-date");
        char *code = type != NULL ? xml_get(type, "code") : NULL,
             *date = day != NULL ? xml_get(day, "iso-date") : NULL;
        struct found f = {0};
        if (code != NULL && strcmp(code, "2") == 0) {
            c->first = c->n == 0 ? n : c->first;
            if (row_find(t, &paid, n, &f))
                add_commitment(c, f.decimal, f.second, date);
            else
                c->mixed = true;
        }
        found_done(&f);
        free(code);
        free(date);
    }
}

static void sum_text(const struct committed *c, char *out, size_t cap)
{
    fixed whole = c->sum / FIXED_ONE, rest = c->sum % FIXED_ONE;
    char behind[20];
    rest = rest < 0 ? -rest : rest;
    (void)snprintf(behind, sizeof behind, "%018llu", (unsigned long long)rest);
    /* below 17 times 10^19: two halves of it */
    whole = whole < 0 ? -whole : whole;
    unsigned long long high = (unsigned long long)(whole / 1000000000000000000LL),
                       low = (unsigned long long)(whole % 1000000000000000000LL);
    int n = high > 0 ? snprintf(out, cap, "%s%llu%018llu", c->sum < 0 ? "-" : "", high, low)
                     : snprintf(out, cap, "%s%llu", c->sum < 0 ? "-" : "", low);
    if (c->decimals > 0)
        (void)snprintf(out + n, cap - (size_t)n, ".%.*s", (int)c->decimals, behind);
}

/* A commitment that says no more than its amount and day. */
static bool is_bare(const xmlNode *transaction, const char *date)
{
    size_t children = 0;
    const xmlNode *value = xml_child(transaction, "value");
    char *value_date = value != NULL ? xml_get(value, "value-date") : NULL;
    bool bare = transaction->properties == NULL && value_date != NULL && *date != 0 &&
                strcmp(value_date, date) == 0;
    free(value_date);
    for (const xmlNode *c = transaction->children; c != NULL; c = c->next)
        children += c->type == XML_ELEMENT_NODE;
    for (const xmlAttr *a = value != NULL ? value->properties : NULL; a != NULL; a = a->next)
        bare = bare && a->ns == NULL;
    return bare && children == 3;
}

/* The award is what is committed, from the day of the first commitment. One that says nothing
 * else is the award itself and no transaction beside it. */
static void take_award(struct taking *t, xmlNodePtr activity)
{
    struct committed c = {0};
    char sum[HUB_DECIMAL_MAX + 1];
    find_commitments(t, activity, &c);
    if (c.n == 0 || c.mixed)
        return;
    if (c.n > 1)
        sum_text(&c, sum, sizeof sum);
    json_write_name(t->w, "awarded");
    json_write_object(t->w);
    say(t, "amount", c.n > 1 ? sum : c.amount);
    say(t, "currency", c.currency);
    json_write_end(t->w);
    if (c.date[0] != 0)
        say(t, "date", c.date);
    if (c.n == 1 && is_bare(c.first, c.date))
        xml_remove(c.first);
    free(take_date_of(activity, "", c.date)); /* where there was no other date */
}

/* ---- the three records ---- */

/* Takes the identifier: text without white space around it; NULL: none that can be said. */
static char *take_identifier(xmlNodePtr activity)
{
    xmlNodePtr n = xml_child(activity, "iati-identifier");
    char *all = n != NULL ? (char *)xmlNodeGetContent(n) : NULL;
    size_t len = 0;
    const char *s = all != NULL ? value_trimmed(all, &len) : "";
    char *id = len > 0 && len <= 1024 ? strndup(s, len) : NULL;
    free(all);
    if (id != NULL) {
        remove_texts(n);
        remove_empty(n);
    }
    return id;
}

static void write_award_of(struct taking *t, const char *identifier)
{
    json_write_name(t->w, "award");
    json_write_object(t->w);
    say(t, "id", identifier);
    say(t, "type", "funding.award");
    json_write_end(t->w);
}

/* What is left of the transaction stands beside what is left of its activity. */
static void write_payment(struct taking *t, xmlNodePtr activity, xmlNodePtr transaction)
{
    take_members(t, &hub_payment, transaction);
    remove_texts(transaction);
    xmlUnlinkNode(transaction);
    json_write_name(t->w, "other");
    json_write_object(t->w);
    json_write_name(t->w, "iati");
    json_write_object(t->w);
    json_write_name(t->w, "activity");
    write_left(t, activity);
    if (!xml_is_empty(transaction)) {
        json_write_name(t->w, "transaction");
        write_left(t, transaction);
    }
    json_write_end(t->w);
    json_write_end(t->w);
    xmlFreeNode(transaction);
}

static const char *write_record(struct taking *t, xmlNodePtr activity, const char *type,
                                const char *subject)
{
    char *id = take_identifier(activity);
    xmlNodePtr transaction = xml_child(activity, "transaction"),
               reporting = xml_child(activity, "reporting-org");
    bool award = strcmp(type, "funding.award") == 0;
    const char *fault = NULL;
    struct found f = {0};
    set_language(t, activity);
    if (reporting != NULL)
        drop_unsaid(reporting, "type");
    if (id == NULL || (!award && subject == NULL)) {
        fault = "the activity has no identifier, and what nobody can name is not translated";
    } else if (strcmp(type, "funding.payment") == 0) {
        if (transaction == NULL || xml_next(transaction, "transaction") != NULL)
            fault = "the payment is not one transaction of an activity";
        else if (!row_find(t, &paid, transaction, &f))
            fault = "the payment has no currency, so its amount is no money";
    } else if (award && (xml_child(activity, "title") == NULL ||
                         main_narrative(t, xml_child(activity, "title")) == NULL)) {
        fault = "the activity has no title that says something in a language that can be named";
    }
    found_done(&f);
    if (fault == NULL) {
        json_write_object(t->w);
        hub_head(t->w, type);
        say(t, "id", award ? id : subject);
        take_language(t, activity);
        if (!award)
            write_award_of(t, id);
        if (award) {
            take_award(t, activity);
            take_dates(t, activity);
        }
        if (strcmp(type, "funding.payment") == 0)
            write_payment(t, activity, transaction);
        else
            write_members(t, award ? &hub_award : &hub_report, activity);
        json_write_end(t->w);
    }
    free(id);
    return fault;
}

reeve_rc iati_to_hub(reeve_ctx *ctx, void *inst, const reeve_msg *in, reeve_out *out)
{
    (void)inst;
    size_t len = 0;
    const char *type = reeve_msg_get(in, "type"), *body = reeve_msg_body(in, &len);
    struct json_write w;
    struct taking t = {.w = &w};
    if (!hub_translates(type))
        return reeve_fail(ctx, REEVE_REJECT, "the message is no activity or part of one");
    xmlDocPtr d = xml_read(body, len);
    xmlNodePtr root = d != NULL ? xmlDocGetRootElement(d) : NULL;
    if (!xml_is(root, "iati-activity")) {
        xmlFreeDoc(d);
        return reeve_fail(ctx, REEVE_REJECT, "the body of the message is no iati-activity");
    }
    json_write_init(&w, (size_t)reeve_limit(ctx, "message"));
    const char *fault = write_record(&t, root, type, reeve_msg_get(in, "subject"));
    reeve_rc rc = t.no_memory     ? reeve_fail(ctx, REEVE_RETRY, "out of memory")
                  : fault != NULL ? reeve_fail(ctx, REEVE_REJECT, "%s", fault)
                                  : hub_emit(ctx, out, in, type, &w);
    json_write_done(&w);
    free(t.language);
    free(t.spoken);
    free(t.currency);
    xmlFreeDoc(d);
    return rc;
}
