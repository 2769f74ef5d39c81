/* SPDX-License-Identifier: Apache-2.0 */
/* hub_table: from the hub record to a standard: the same rows as on the way there, read the other
 * way; then what `other` holds of this standard. */
#include "lib/hub_record.h"
#include "lib/hub_table.h"
#include <stdint.h>
#include <string.h>

struct side {
    struct json_write *w;
    const char *standard;
};

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

static void write_members(const struct side *s, const struct answers *t, const struct json_node *o,
                          const struct json_node *other);

static void write_object(const struct side *s, const struct answers *t, const struct json_node *o)
{
    json_write_object(s->w);
    write_members(s, t, o, hub_other(o, s->standard));
    json_write_end(s->w);
}

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
    case WAY_TEXTS:
        return node_is(item, JSON_STRING);
    case WAY_RELATED:
        return node_is(node_member(item, "id"), JSON_STRING);
    case WAY_TRANSACTIONS:
        return text_is(node_member(item, "kind"), a->scheme);
    default:
        return node_is(item, JSON_OBJECT);
    }
}

static void write_item(const struct side *s, const struct answer *a, const struct json_node *item)
{
    const struct json_node *v = a->way == WAY_CODES     ? code_of(a, item)
                                : a->way == WAY_RELATED ? node_member(item, "id")
                                : a->way == WAY_TEXTS   ? item
                                                        : NULL;
    if (v != NULL)
        json_write_text(s->w, v->text, v->len);
    else
        write_object(s, a->of, item);
}

/* A list that had items and none for this member is left out; an empty one stays. */
static void write_list(const struct side *s, const struct answer *a, const struct json_node *list)
{
    struct json_write *w = s->w;
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
        write_item(s, a, i);
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

static void write_word(struct json_write *w, const struct answer *a, const struct json_node *v)
{
    size_t n = 0;
    const char *word = node_is(v, JSON_STRING) ? hub_word(a, v->text, false, &n) : NULL;
    if (word == NULL)
        return;
    begin_member(w, a);
    json_write_text(w, word, n);
}

static void write_value(struct json_write *w, const struct answer *a, const struct json_node *money)
{
    const struct json_node *amount = node_member(money, "amount"),
                           *currency = node_member(money, "currency");
    if (!hub_is_decimal(amount) || !hub_is_currency(currency))
        return;
    begin_member(w, a);
    json_write_object(w);
    json_write_name(w, "amount");
    json_write_bare(w, amount->text, amount->len);
    json_write_member(w, "currency", currency->text);
    json_write_end(w);
}

static void write_yes_no(struct json_write *w, const struct answer *a, const struct json_node *v)
{
    if (v->kind != JSON_TRUE && v->kind != JSON_FALSE)
        return;
    begin_member(w, a);
    json_write_text(w, v->kind == JSON_TRUE ? "Yes" : "No", v->kind == JSON_TRUE ? 3 : 2);
}

/* What the row asks of the record's object. */
static const struct json_node *source_of(const struct answers *t, const struct answer *a,
                                         const struct json_node *o)
{
    if (a->instead != NULL)
        return NULL;
    if (a->way == WAY_ITEM)
        return first_item(o, a->group);
    if (a->group != NULL && way_joins_list(a->way))
        return node_member(o, a->group);
    if (a->way == WAY_CURRENCY)
        return currency_of(t, o);
    return node_member(a->group != NULL ? node_member(o, a->group) : o, a->hub);
}

static bool is_into(const struct answer *a)
{
    return a->way == WAY_INTO || a->way == WAY_INTO_1;
}

/* The record has something that stands inside this member. */
static bool has_source(const struct answers *t, const struct json_node *o)
{
    for (size_t i = 0; i < t->n; i++) {
        const struct answer *a = &t->row[i];
        if (is_into(a) ? has_source(a->of, o) : source_of(t, a, o) != NULL)
            return true;
    }
    return false;
}

/* A member that is an object in the standard and not in the record. */
static void write_into(const struct side *s, const struct answer *a, const struct json_node *o,
                       const struct json_node *other)
{
    const struct json_node *rest = node_member(other, a->own);
    if (rest != NULL ? !node_is(rest, JSON_OBJECT) : !has_source(a->of, o))
        return;
    begin_member(s->w, a);
    if (a->way == WAY_INTO_1)
        json_write_array(s->w);
    json_write_object(s->w);
    write_members(s, a->of, o, rest);
    json_write_end(s->w);
    if (a->way == WAY_INTO_1)
        json_write_end(s->w);
}

static void write_row(const struct side *s, const struct answers *t, const struct answer *a,
                      const struct json_node *o)
{
    struct json_write *w = s->w;
    const struct json_node *v = source_of(t, a, o);
    if (v == NULL)
        return;
    switch (a->way) {
    case WAY_DECIMAL:
        write_bare(w, a, hub_is_decimal(v) ? v : NULL);
        break;
    case WAY_MONEY:
        write_bare(w, a, amount_of(t, o, v));
        break;
    case WAY_VALUE:
        write_value(w, a, v);
        break;
    case WAY_WORD:
        write_word(w, a, v);
        break;
    case WAY_YES_NO:
        write_yes_no(w, a, v);
        break;
    case WAY_TITLE:
    case WAY_CODE:
        write_text(w, a, code_of(a, v));
        break;
    case WAY_RELATED_1:
        write_text(w, a, node_member(v, "id"));
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
    case WAY_TEXTS:
    case WAY_RELATED:
    case WAY_OBJECTS:
    case WAY_TRANSACTIONS:
        write_list(s, a, v);
        break;
    case WAY_ITEM:
    case WAY_OBJECT:
        if (node_is(v, JSON_OBJECT)) {
            begin_member(w, a);
            write_object(s, a->of, v);
        }
        break;
    default:
        write_text(w, a, v);
    }
}

/* A bit a row that was written. */
static uint64_t write_rows(const struct side *s, const struct answers *t, const struct json_node *o,
                           const struct json_node *other)
{
    uint64_t written = 0;
    for (size_t i = 0; i < t->n; i++) {
        const struct answer *a = &t->row[i];
        size_t before = s->w->len;
        if (is_into(a))
            write_into(s, a, o, other);
        else if (a->way == WAY_SELF)
            (void)write_rows(s, a->of, node_member(o, a->hub), other);
        else if (a->way != WAY_NAME || node_member(other, a->own) == NULL)
            write_row(s, t, a, o);
        written |= (uint64_t)(s->w->len > before) << i;
    }
    return written;
}

/* The rows, then what `other` holds of this standard, but for members that were written from their
 * place. */
static void write_members(const struct side *s, const struct answers *t, const struct json_node *o,
                          const struct json_node *other)
{
    uint64_t written = write_rows(s, t, o, other);
    for (const struct json_node *m = other != NULL ? other->first : NULL; m != NULL; m = m->next) {
        size_t i = 0;
        while (i < t->n && (t->row[i].own == NULL || strcmp(t->row[i].own, m->name) != 0 ||
                            (written >> i & 1) == 0))
            i++;
        if (i < t->n)
            continue;
        json_write_name_len(s->w, m->name, m->name_len);
        json_write_node(s->w, m);
    }
}

void hub_table_read(struct json_write *w, const char *standard, const struct answers *t,
                    const struct json_node *o)
{
    struct side s = {w, standard};
    write_members(&s, t, o, hub_other(o, standard));
}
