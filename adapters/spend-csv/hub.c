/* SPDX-License-Identifier: Apache-2.0 */
/* hub: a spend record and the hub record of funding.payment. What has no place there stays in
 * `other`, which only this adapter reads back; so does the name of a person, and one that is
 * withheld. */
#include "spend.h"
#include "lib/hub_record.h"
#include <string.h>

#define OWN "spend-csv"

enum way {
    WAY_TEXT,
    WAY_ID, /* text: identifier */
    WAY_DATE,
    WAY_MONEY, /* decimal text, with `currency` beside it */
    WAY_CURRENCY,
    WAY_FLAG,
    WAY_RELATED /* text: {"id"} */
};
/* A member of ours and its place: hub, or inside of the object (list: of its one item) up. */
struct answer {
    const char *own, *hub;
    enum way way;
    const char *up;
    bool list;
    bool who; /* says who was paid: it stays in `other` for a person, and when it is withheld */
};
static const struct answer answers[] = {
    {.own = "contract", .hub = "contract", .way = WAY_RELATED},
    {.own = "date", .hub = "date", .way = WAY_DATE},
    {.own = "amount", .hub = "value", .way = WAY_MONEY},
    {.own = "currency", .hub = "value", .way = WAY_CURRENCY},
    {.own = "vat", .hub = "vat", .way = WAY_MONEY},
    {.own = "bodyCode", .hub = "identifiers", .way = WAY_ID, .up = "payer"},
    {.own = "body", .hub = "name", .up = "payer"},
    {.own = "department", .hub = "department", .up = "payer"},
    {.own = "supplierId", .hub = "identifiers", .way = WAY_ID, .up = "payee", .who = true},
    {.own = "supplier", .hub = "name", .up = "payee", .who = true},
    {.own = "purpose", .hub = "description"},
    {.own = "number", .hub = "number"},
    {.own = "line", .hub = "line"},
    {.own = "card", .hub = "card", .way = WAY_FLAG},
    {.own = "code", .hub = "code", .up = "classifications", .list = true},
    {.own = "category", .hub = "title", .up = "classifications", .list = true},
};
#define ANSWERS (sizeof answers / sizeof answers[0])

/* ---- to the hub ---- */
struct spoken { /* a record being translated */
    const struct json_node *record;
    bool hidden; /* who was paid is a person, or withheld */
};

static bool is_money(const struct json_node *record, const struct json_node *v)
{
    return hub_is_decimal(v) && hub_is_currency(node_member(record, "currency"));
}

static bool fits(const struct spoken *s, const struct answer *a, const struct json_node *v)
{
    bool text = node_is(v, JSON_STRING) && v->len > 0 && strlen(v->text) == v->len;
    if (a->who && s->hidden)
        return false;
    switch (a->way) {
    case WAY_TEXT:
        return text;
    case WAY_ID:
    case WAY_RELATED:
        return text && v->len <= 1024;
    case WAY_DATE:
        return hub_is_date(v);
    case WAY_MONEY:
        return is_money(s->record, v);
    case WAY_CURRENCY:
        return is_money(s->record, node_member(s->record, "amount"));
    case WAY_FLAG:
        return node_is(v, JSON_TRUE) || node_is(v, JSON_FALSE);
    }
    return false;
}

static void write_value(struct json_write *w, const struct spoken *s, const struct answer *a,
                        const struct json_node *v)
{
    switch (a->way) {
    case WAY_ID:
        json_write_array(w);
        hub_identifier(w, v->text, v->len);
        json_write_end(w);
        break;
    case WAY_MONEY:
        json_write_object(w);
        json_write_member(w, "amount", v->text);
        json_write_member(w, "currency", member_text(s->record, "currency"));
        json_write_end(w);
        break;
    case WAY_RELATED:
        json_write_object(w);
        json_write_member(w, "id", v->text);
        json_write_end(w);
        break;
    default:
        json_write_node(w, v);
    }
}

static bool same_object(const char *a, const char *b)
{
    return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

/* The rows from i on that stand in one object; returns the one behind them. */
static size_t write_answers(struct json_write *w, const struct spoken *s, size_t i)
{
    const struct answer *first = &answers[i];
    bool begun = false;
    for (; i < ANSWERS && same_object(answers[i].up, first->up); i++) {
        const struct answer *a = &answers[i];
        const struct json_node *v = node_member(s->record, a->own);
        if (v == NULL || a->way == WAY_CURRENCY || !fits(s, a, v))
            continue;
        if (!begun && a->up != NULL) {
            json_write_name(w, a->up);
            if (a->list)
                json_write_array(w);
            json_write_object(w);
        }
        begun = true;
        json_write_name(w, a->hub);
        write_value(w, s, a, v);
    }
    for (int n = first->up == NULL || !begun ? 0 : first->list ? 2 : 1; n > 0; n--)
        json_write_end(w);
    return i;
}

static bool has_place(const struct spoken *s, const struct json_node *member)
{
    for (size_t i = 0; i < ANSWERS; i++)
        if (strlen(answers[i].own) == member->name_len &&
            memcmp(answers[i].own, member->name, member->name_len) == 0)
            return fits(s, &answers[i], member);
    return false;
}

static void write_other(struct json_write *w, const struct spoken *s)
{
    bool begun = false;
    for (const struct json_node *m = s->record->first; m != NULL; m = m->next) {
        if (m->repeated || has_place(s, m))
            continue; /* of a name that stands there twice the last one counts */
        if (!begun) {
            json_write_name(w, "other");
            json_write_object(w);
            json_write_name(w, OWN);
            json_write_object(w);
        }
        begun = true;
        json_write_name_len(w, m->name, m->name_len);
        json_write_node(w, m);
    }
    for (int n = begun ? 2 : 0; n > 0; n--)
        json_write_end(w);
}

reeve_rc spend_to_hub(reeve_ctx *ctx, void *inst, const reeve_msg *in, reeve_out *out)
{
    (void)inst;
    size_t len = 0;
    const char *type = reeve_msg_get(in, "type"), *body = reeve_msg_body(in, &len),
               *subject = reeve_msg_get(in, "subject"), *about = reeve_msg_get(in, "datacategory");
    struct json_parser *p = json_parser_new(BODY_DEPTH_MAX);
    if (p == NULL)
        return reeve_fail(ctx, REEVE_RETRY, "out of memory");
    struct spoken s = {.record = body != NULL ? json_parse(p, body, len) : NULL};
    s.hidden = node_is(node_member(s.record, "redacted"), JSON_TRUE) ||
               (about != NULL && strcmp(about, "personal") == 0);
    struct json_write w;
    json_write_init(&w, (size_t)reeve_limit(ctx, "message"));
    reeve_rc rc = REEVE_OK;
    if (type == NULL || strcmp(type, "funding.payment") != 0 || !node_is(s.record, JSON_OBJECT)) {
        rc = reeve_fail(ctx, REEVE_REJECT, "the message is no payment of a spend file");
    } else if (subject == NULL) {
        rc = reeve_fail(ctx, REEVE_REJECT, "the payment has no subject, so nobody can name it");
    } else if (!is_money(s.record, node_member(s.record, "amount"))) {
        rc = reeve_fail(ctx, REEVE_REJECT, "the payment has no amount with its currency");
    } else {
        json_write_object(&w);
        hub_head(&w, "funding.payment");
        json_write_member(&w, "id", subject);
        for (size_t i = 0; i < ANSWERS;)
            i = write_answers(&w, &s, i);
        write_other(&w, &s);
        json_write_end(&w);
        rc = hub_emit(ctx, out, in, "funding.payment", &w);
    }
    json_write_done(&w);
    json_parser_free(p);
    return rc;
}

/* ---- from the hub ---- */
/* What the record says in the place of an answer; NULL: nothing that fits. */
static const struct json_node *said(const struct json_node *record, const struct answer *a)
{
    const struct json_node *in = a->up == NULL ? record
                                 : a->list     ? first_item(record, a->up)
                                               : node_member(record, a->up);
    const struct json_node *v = node_member(in, a->hub);
    switch (a->way) {
    case WAY_ID:
        v = first_item(in, a->hub);
        return node_is(v, JSON_OBJECT) ? v : NULL;
    case WAY_MONEY:
        v = node_member(v, "amount");
        return hub_is_decimal(v) ? v : NULL;
    case WAY_CURRENCY:
        v = node_member(v, "currency");
        return hub_is_currency(v) ? v : NULL;
    case WAY_RELATED:
        v = node_member(v, "id");
        break;
    case WAY_DATE: /* a day or a month; a time of day is left out, a year is not said */
        return hub_is_date(v) && v->len >= 7 ? v : NULL;
    case WAY_FLAG:
        return node_is(v, JSON_TRUE) || node_is(v, JSON_FALSE) ? v : NULL;
    default:
        break;
    }
    return node_is(v, JSON_STRING) && v->len > 0 ? v : NULL;
}

static bool same_currency(const struct json_node *record, const struct answer *a)
{
    const char *one = member_text(node_member(record, "value"), "currency"),
               *two = member_text(node_member(record, a->hub), "currency");
    return one != NULL && two != NULL && strcmp(one, two) == 0;
}

static bool write_own(struct json_write *w, const struct json_node *record,
                      const struct json_node *other, const struct answer *a)
{
    const struct json_node *v = said(record, a);
    char text[2048];
    if (v == NULL || node_member(other, a->own) != NULL ||
        (a->way == WAY_MONEY && !same_currency(record, a)) ||
        (a->way == WAY_ID && hub_identifier_text(v, text, sizeof text) != 0))
        return false;
    json_write_name(w, a->own);
    if (a->way == WAY_ID)
        json_write_text(w, text, strlen(text));
    else if (a->way == WAY_DATE)
        json_write_text(w, v->text, v->len > 10 ? 10 : v->len);
    else
        json_write_node(w, v);
    return true;
}

/* A message that is `in` but for its body. */
static reeve_rc emit_own(reeve_ctx *ctx, const reeve_msg *in, const struct json_write *w,
                         reeve_out *out)
{
    reeve_msg *m = w->failed ? NULL : reeve_msg_copy(in);
    if (m == NULL)
        return w->failed
                   ? reeve_fail(ctx, REEVE_REJECT, "the record would be over the message limit")
                   : reeve_fail(ctx, REEVE_RETRY, "out of memory");
    if (reeve_msg_set(m, "dataschema", SPEND_SCHEMA) != 0 ||
        reeve_msg_set_body(m, "application/json", w->p, w->len) != 0) {
        reeve_msg_free(m);
        return reeve_fail(ctx, REEVE_REJECT, "the record cannot be the body of a message");
    }
    return reeve_emit(out, m) == 0 ? REEVE_OK : REEVE_RETRY;
}

/* All members; false: there is no amount. */
static bool write_record(struct json_write *w, const struct json_node *record)
{
    const struct json_node *other = node_member(node_member(record, "other"), OWN);
    bool amount = false;
    json_write_object(w);
    for (size_t i = 0; i < ANSWERS; i++)
        if (write_own(w, record, other, &answers[i]))
            amount = amount || strcmp(answers[i].own, "amount") == 0;
    for (const struct json_node *m = node_is(other, JSON_OBJECT) ? other->first : NULL; m != NULL;
         m = m->next) {
        if (m->repeated)
            continue;
        json_write_name_len(w, m->name, m->name_len);
        json_write_node(w, m);
    }
    json_write_end(w);
    return amount;
}

reeve_rc spend_from_hub(reeve_ctx *ctx, void *inst, const reeve_msg *in, reeve_out *out)
{
    (void)inst;
    reeve_rc rc = REEVE_RETRY;
    struct json_parser *p = json_parser_new(BODY_DEPTH_MAX);
    if (p == NULL)
        return reeve_fail(ctx, REEVE_RETRY, "out of memory");
    const struct json_node *record = hub_read(ctx, p, in, "funding.payment", &rc);
    struct json_write w;
    json_write_init(&w, (size_t)reeve_limit(ctx, "message"));
    if (record != NULL && !write_record(&w, record))
        rc = reeve_fail(ctx, REEVE_REJECT, "the payment has no /value with amount and currency");
    else if (record != NULL)
        rc = emit_own(ctx, in, &w, out);
    json_write_done(&w);
    json_parser_free(p);
    return rc;
}
