/* SPDX-License-Identifier: Apache-2.0 */
/* from_hub: the hub record of funding.award as a grant. The same rows as in to_hub, read the other
 * way; then what `other` holds of this standard. What comes out is held to the official schema
 * before it leaves: a record that lacks what a grant must have is refused with the member's name,
 * nothing is invented. */
#include "hub.h"
#include <stdio.h>
#include <string.h>

static bool text_is(const struct json_node *v, const char *s)
{
    return node_is(v, JSON_STRING) && strcmp(v->text, s) == 0;
}

/* The currency of an object: that of its first money. 360Giving has one for all. */
static const struct json_node *currency_of(const struct answers *t, const struct json_node *o)
{
    for (size_t i = 0; i < t->n; i++) {
        const struct json_node *m =
            t->row[i].way == WAY_MONEY ? node_member(o, t->row[i].hub) : NULL;
        if (hub_is_decimal(node_member(m, "amount")) && hub_is_currency(node_member(m, "currency")))
            return node_member(m, "currency");
    }
    return NULL;
}

static const struct json_node *amount_of(const struct answers *t, const struct json_node *o,
                                         const struct json_node *money)
{
    const struct json_node *amount = node_member(money, "amount"), *one = currency_of(t, o);
    return hub_is_decimal(amount) && one != NULL &&
                   text_is(node_member(money, "currency"), one->text)
               ? amount
               : NULL;
}

static const struct json_node *code_of(const struct answer *a, const struct json_node *v)
{
    const struct json_node *title = node_member(v, "title"), *code = node_member(v, "code");
    if (a->scheme != NULL)
        return text_is(node_member(v, "scheme"), a->scheme) && node_is(code, JSON_STRING) ? code
                                                                                          : NULL;
    const struct json_node *first = a->way == WAY_TITLE ? title : code,
                           *second = a->way == WAY_TITLE ? code : title;
    return node_is(first, JSON_STRING) ? first : node_is(second, JSON_STRING) ? second : NULL;
}

/* The one identifier of a list that the row's member can hold. */
static const struct json_node *identifier_of(const struct answer *a, const struct json_node *list)
{
    const struct json_node *found = NULL;
    if (a->way == WAY_NUMBER)
        return hub_identifier_of(list, a->scheme);
    if (a->way == WAY_AREA && (found = hub_identifier_of(list, "GSS")) == NULL)
        return hub_identifier_of(list, "local");
    if (a->way != WAY_ORG_ID || !node_is(list, JSON_ARRAY))
        return found;
    for (found = list->first; found != NULL; found = found->next) {
        const struct json_node *scheme = node_member(found, "scheme");
        if (!text_is(scheme, "charity-number") && !text_is(scheme, "company-number"))
            break;
    }
    return found;
}

static void write_members(struct json_write *w, const struct answers *t, const struct json_node *o);

static void begin_member(struct json_write *w, const struct answer *a)
{
    json_write_name(w, a->own);
}

static void write_text(struct json_write *w, const struct answer *a, const struct json_node *v)
{
    if (!node_is(v, JSON_STRING))
        return;
    begin_member(w, a);
    json_write_text(w, v->text, v->len);
}

static void write_identifier(struct json_write *w, const struct answer *a,
                             const struct json_node *identifier)
{
    char text[1100];
    if (a->way != WAY_ORG_ID && a->way != WAY_PARTY) {
        write_text(w, a, node_member(identifier, "id"));
    } else if (hub_identifier_text(identifier, text, sizeof text) == 0) {
        begin_member(w, a);
        json_write_text(w, text, strlen(text));
    }
}

static bool item_is_for(const struct answer *a, const struct json_node *item)
{
    switch (a->way) {
    case WAY_CODES:
        return code_of(a, item) != NULL;
    case WAY_RELATED:
        return node_is(node_member(item, "id"), JSON_STRING);
    case WAY_TRANSACTIONS:
        return text_is(node_member(item, "kind"), a->scheme);
    default:
        return node_is(item, JSON_OBJECT);
    }
}

static void write_item(struct json_write *w, const struct answer *a, const struct json_node *item)
{
    if (a->way == WAY_CODES || a->way == WAY_RELATED) {
        const struct json_node *v =
            a->way == WAY_CODES ? code_of(a, item) : node_member(item, "id");
        json_write_text(w, v->text, v->len);
        return;
    }
    json_write_object(w);
    write_members(w, a->of, item);
    json_write_end(w);
}

/* A list that had items and none for this member is left out; an empty one stays. */
static void write_list(struct json_write *w, const struct answer *a, const struct json_node *list)
{
    bool begun = false;
    if (!node_is(list, JSON_ARRAY))
        return;
    for (const struct json_node *i = list->first; i != NULL; i = i->next) {
        if (!item_is_for(a, i))
            continue;
        if (!begun) {
            begin_member(w, a);
            json_write_array(w);
            begun = true;
        }
        write_item(w, a, i);
    }
    if (!begun && list->n == 0 && a->way != WAY_TRANSACTIONS) {
        begin_member(w, a);
        json_write_array(w);
        begun = true;
    }
    if (begun)
        json_write_end(w);
}

static void write_bare(struct json_write *w, const struct answer *a, const struct json_node *v)
{
    if (v == NULL)
        return;
    begin_member(w, a);
    json_write_bare(w, v->text, v->len);
}

static void write_row(struct json_write *w, const struct answers *t, const struct answer *a,
                      const struct json_node *o)
{
    bool list = a->group != NULL && way_joins_list(a->way);
    const struct json_node *in = a->group != NULL && !list ? node_member(o, a->group) : o;
    const struct json_node *v = list                     ? node_member(o, a->group)
                                : a->way == WAY_CURRENCY ? currency_of(t, o)
                                                         : node_member(in, a->hub);
    if (v == NULL)
        return;
    switch (a->way) {
    case WAY_DECIMAL:
        write_bare(w, a, hub_is_decimal(v) ? v : NULL);
        break;
    case WAY_MONEY:
        write_bare(w, a, amount_of(t, o, v));
        break;
    case WAY_YES_NO:
        if (v->kind == JSON_TRUE || v->kind == JSON_FALSE) {
            begin_member(w, a);
            json_write_text(w, v->kind == JSON_TRUE ? "Yes" : "No", v->kind == JSON_TRUE ? 3 : 2);
        }
        break;
    case WAY_TITLE:
    case WAY_CODE:
        write_text(w, a, code_of(a, v));
        break;
    case WAY_PARTY:
        write_identifier(w, a, hub_identifier_of(node_member(v, "identifiers"), NULL));
        break;
    case WAY_ORG_ID:
    case WAY_NUMBER:
    case WAY_AREA:
        write_identifier(w, a, identifier_of(a, v));
        break;
    case WAY_CODES:
    case WAY_RELATED:
    case WAY_OBJECTS:
    case WAY_TRANSACTIONS:
        write_list(w, a, v);
        break;
    case WAY_OBJECT:
        if (node_is(v, JSON_OBJECT)) {
            begin_member(w, a);
            json_write_object(w);
            write_members(w, a->of, v);
            json_write_end(w);
        }
        break;
    default:
        write_text(w, a, v);
    }
}

/* What `other` holds of this standard, but for members that were written from their place. */
static void write_other(struct json_write *w, const struct answers *t, const struct json_node *o,
                        uint64_t written)
{
    const struct json_node *other = node_member(node_member(o, "other"), "360giving");
    if (!node_is(other, JSON_OBJECT))
        return;
    for (const struct json_node *m = other->first; m != NULL; m = m->next) {
        size_t i = 0;
        while (i < t->n && (strcmp(t->row[i].own, m->name) != 0 || (written >> i & 1) == 0))
            i++;
        if (i < t->n)
            continue;
        json_write_name_len(w, m->name, m->name_len);
        json_write_node(w, m);
    }
}

static void write_members(struct json_write *w, const struct answers *t, const struct json_node *o)
{
    uint64_t written = 0; /* a bit a row */
    for (size_t i = 0; i < t->n; i++) {
        size_t before = w->len;
        write_row(w, t, &t->row[i], o);
        written |= (uint64_t)(w->len > before) << i;
    }
    write_other(w, t, o, written);
}

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
        write_members(&w, &hub_grant, record);
        json_write_end(&w);
        rc = emit_grant(ctx, in, &w, q, out);
    }
    json_write_done(&w);
    json_parser_free(q);
    json_parser_free(p);
    return rc;
}
