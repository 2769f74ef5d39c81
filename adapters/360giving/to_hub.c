/* SPDX-License-Identifier: Apache-2.0 */
/* to_hub: a grant as the hub record of funding.award. What fits a row of the table goes to its
 * place; everything else, nulls and empty lists that would vanish in a shared one included, stays
 * in `other` of the object it stood in. So nothing of a grant is lost here. */
#include "hub.h"
#include "lib/formats.h"
#include <string.h>

static bool plain_text(const struct json_node *v) /* no zero inside */
{
    return node_is(v, JSON_STRING) && strlen(v->text) == v->len;
}

static bool all_texts(const struct json_node *v, bool filled)
{
    if (!node_is(v, JSON_ARRAY))
        return false;
    for (const struct json_node *i = v->first; i != NULL; i = i->next)
        if (!node_is(i, JSON_STRING) || (filled && (i->len == 0 || i->len > 1024)))
            return false;
    return true;
}

static bool all_objects(const struct json_node *v)
{
    if (!node_is(v, JSON_ARRAY))
        return false;
    for (const struct json_node *i = v->first; i != NULL; i = i->next)
        if (!node_is(i, JSON_OBJECT))
            return false;
    return true;
}

static bool is_money(const struct json_node *o, const struct json_node *v)
{
    char amount[HUB_DECIMAL_MAX + 1];
    return node_is(v, JSON_NUMBER) && hub_is_currency(node_member(o, "currency")) &&
           hub_decimal(v->text, amount);
}

static bool fits(const struct answers *t, const struct answer *a, const struct json_node *o,
                 const struct json_node *v)
{
    char decimal[HUB_DECIMAL_MAX + 1];
    switch (a->way) {
    case WAY_TEXT:
    case WAY_TITLE:
    case WAY_CODE:
        return node_is(v, JSON_STRING);
    case WAY_ID:
    case WAY_ORG_ID:
    case WAY_NUMBER:
    case WAY_AREA:
    case WAY_PARTY:
        return plain_text(v) && v->len > 0 && v->len <= 1024;
    case WAY_DATE:
        return hub_is_date(v);
    case WAY_URL:
        return hub_is_url(v);
    case WAY_COUNTRY:
        return hub_is_country(v);
    case WAY_DECIMAL:
        return node_is(v, JSON_NUMBER) && hub_decimal(v->text, decimal);
    case WAY_YES_NO:
        return plain_text(v) && (strcmp(v->text, "Yes") == 0 || strcmp(v->text, "No") == 0);
    case WAY_MONEY:
        return is_money(o, v);
    case WAY_CURRENCY:
        for (size_t i = 0; i < t->n; i++)
            if (t->row[i].way == WAY_MONEY && is_money(o, node_member(o, t->row[i].own)))
                return true;
        return false;
    case WAY_CODES:
        return all_texts(v, false);
    case WAY_RELATED:
        return all_texts(v, true);
    case WAY_OBJECT:
        return node_is(v, JSON_OBJECT);
    case WAY_OBJECTS:
        return all_objects(v);
    case WAY_TRANSACTIONS:
        return all_objects(v) && v->n > 0; /* an empty one would vanish among the others */
    }
    return false;
}

/* The member of o that the row speaks of, if it goes to the row's place. */
static const struct json_node *fitting(const struct answers *t, const struct answer *a,
                                       const struct json_node *o)
{
    const struct json_node *v = node_member(o, a->own);
    return v != NULL && fits(t, a, o, v) ? v : NULL;
}

static void write_members(struct json_write *w, const struct answers *t, const struct json_node *o);

static void write_pair(struct json_write *w, const char *name, const struct json_node *v)
{
    json_write_name(w, name);
    json_write_text(w, v->text, v->len);
}

static void write_code(struct json_write *w, const struct answer *a, const struct json_node *v)
{
    json_write_object(w);
    if (a->scheme != NULL)
        json_write_member(w, "scheme", a->scheme);
    write_pair(w, a->way == WAY_TITLE ? "title" : "code", v);
    json_write_end(w);
}

static void write_object(struct json_write *w, const struct answer *a, const struct json_node *o)
{
    json_write_object(w);
    if (a->way == WAY_TRANSACTIONS)
        json_write_member(w, "kind", a->scheme);
    write_members(w, a->of, o);
    json_write_end(w);
}

static void write_decimal(struct json_write *w, const struct json_node *v)
{
    char decimal[HUB_DECIMAL_MAX + 1] = "";
    (void)hub_decimal(v->text, decimal);
    json_write_text(w, decimal, strlen(decimal));
}

static void write_money(struct json_write *w, const struct json_node *o, const struct json_node *v)
{
    json_write_object(w);
    json_write_name(w, "amount");
    write_decimal(w, v);
    write_pair(w, "currency", node_member(o, "currency"));
    json_write_end(w);
}

static void write_scheme_id(struct json_write *w, const char *scheme, const struct json_node *v)
{
    json_write_object(w);
    json_write_member(w, "scheme", scheme);
    write_pair(w, "id", v);
    json_write_end(w);
}

static void write_items(struct json_write *w, const struct answer *a, const struct json_node *v)
{
    for (const struct json_node *i = v->first; i != NULL; i = i->next) {
        if (a->way == WAY_CODES) {
            write_code(w, a, i);
        } else if (a->way == WAY_RELATED) {
            json_write_object(w);
            write_pair(w, "id", i);
            json_write_end(w);
        } else {
            write_object(w, a, i);
        }
    }
}

static void write_value(struct json_write *w, const struct answer *a, const struct json_node *o,
                        const struct json_node *v)
{
    switch (a->way) {
    case WAY_DECIMAL:
        write_decimal(w, v);
        break;
    case WAY_YES_NO:
        json_write_bare(w, v->len == 3 ? "true" : "false", v->len == 3 ? 4 : 5);
        break;
    case WAY_MONEY:
        write_money(w, o, v);
        break;
    case WAY_TITLE:
    case WAY_CODE:
        write_code(w, a, v);
        break;
    case WAY_CODES:
    case WAY_RELATED:
    case WAY_OBJECTS:
        json_write_array(w);
        write_items(w, a, v);
        json_write_end(w);
        break;
    case WAY_PARTY:
        json_write_object(w);
        json_write_name(w, "identifiers");
        json_write_array(w);
        hub_identifier(w, v->text, v->len);
        json_write_end(w);
        json_write_end(w);
        break;
    case WAY_OBJECT:
        write_object(w, a, v);
        break;
    case WAY_ORG_ID:
        hub_identifier(w, v->text, v->len);
        break;
    case WAY_NUMBER:
        write_scheme_id(w, a->scheme, v);
        break;
    case WAY_AREA:
        write_scheme_id(w, hub_is_gss(v->text) ? "GSS" : "local", v);
        break;
    case WAY_TRANSACTIONS:
        write_items(w, a, v);
        break;
    default:
        json_write_text(w, v->text, v->len);
    }
}

/* The rows from i on that share a group; returns the one behind them. */
static size_t write_group(struct json_write *w, const struct answers *t, size_t i,
                          const struct json_node *o)
{
    const char *group = t->row[i].group;
    bool list = way_joins_list(t->row[i].way), begun = false;
    for (; i < t->n && t->row[i].group != NULL && strcmp(t->row[i].group, group) == 0; i++) {
        const struct json_node *v = fitting(t, &t->row[i], o);
        if (v == NULL)
            continue;
        if (!begun) {
            json_write_name(w, group);
            list ? json_write_array(w) : json_write_object(w);
            begun = true;
        }
        if (!list)
            json_write_name(w, t->row[i].hub);
        write_value(w, &t->row[i], o, v);
    }
    if (begun)
        json_write_end(w);
    return i;
}

static bool has_place(const struct answers *t, const struct json_node *o,
                      const struct json_node *member)
{
    for (size_t i = 0; i < t->n; i++)
        if (strlen(t->row[i].own) == member->name_len &&
            memcmp(t->row[i].own, member->name, member->name_len) == 0)
            return fits(t, &t->row[i], o, member);
    return false;
}

static bool last_of_its_name(const struct json_node *member)
{
    for (const struct json_node *m = member->next; m != NULL; m = m->next)
        if (m->name_len == member->name_len && memcmp(m->name, member->name, m->name_len) == 0)
            return false;
    return true;
}

static void write_other(struct json_write *w, const struct answers *t, const struct json_node *o)
{
    bool begun = false;
    for (const struct json_node *m = o->first; m != NULL; m = m->next) {
        if (has_place(t, o, m) || !last_of_its_name(m))
            continue;
        if (!begun) {
            json_write_name(w, "other");
            json_write_object(w);
            json_write_name(w, "360giving");
            json_write_object(w);
            begun = true;
        }
        json_write_name_len(w, m->name, m->name_len);
        json_write_node(w, m);
    }
    if (begun) {
        json_write_end(w);
        json_write_end(w);
    }
}

static void write_members(struct json_write *w, const struct answers *t, const struct json_node *o)
{
    for (size_t i = 0; i < t->n;) {
        const struct answer *a = &t->row[i];
        if (a->group != NULL) {
            i = write_group(w, t, i, o);
            continue;
        }
        const struct json_node *v = a->way != WAY_CURRENCY ? fitting(t, a, o) : NULL;
        if (v != NULL) {
            json_write_name(w, a->hub);
            write_value(w, a, o, v);
        }
        i++;
    }
    write_other(w, t, o);
}

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
    } else if (!plain_text(id) || id->len == 0 || id->len > 1024) {
        rc = reeve_fail(ctx, REEVE_REJECT,
                        "the grant has no identifier, and what nobody can name is not translated");
    } else {
        json_write_object(&w);
        hub_head(&w, "funding.award");
        write_members(&w, &hub_grant, grant);
        json_write_end(&w);
        rc = hub_emit(ctx, out, in, "funding.award", &w);
    }
    json_write_done(&w);
    json_parser_free(p);
    return rc;
}
