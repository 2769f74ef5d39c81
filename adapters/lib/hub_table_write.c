/* SPDX-License-Identifier: Apache-2.0 */
/* hub_table: from a standard to the hub record. What fits a row of the table goes to its place;
 * everything else, nulls and empty lists that would vanish in a shared one included, stays in
 * `other` of the object it stood in. */
#include "lib/hub_table.h"
#include "lib/formats.h"
#include "lib/hub_record.h"
#include <string.h>

#define LETTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

struct side {
    struct json_write *w;
    const char *standard;
};

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

/* {"amount", "currency"}, and nothing else that would be lost */
static bool is_value(const struct json_node *v)
{
    char amount[HUB_DECIMAL_MAX + 1];
    const struct json_node *number = node_member(v, "amount");
    return node_is(v, JSON_OBJECT) && v->n == 2 && node_is(number, JSON_NUMBER) &&
           hub_is_currency(node_member(v, "currency")) && hub_decimal(number->text, amount);
}

/* BCP 47's form: parts of one to eight letters and digits, the first of two letters or more */
static bool is_language(const char *s)
{
    size_t n = strspn(s, LETTERS);
    if (n < 2)
        return false;
    while (n <= 8 && s[n] == '-') {
        s += n + 1;
        n = strspn(s, LETTERS "0123456789");
        if (n == 0)
            return false;
    }
    return n <= 8 && s[n] == 0;
}

/* An integer as JSON writes it: it comes back as it was. */
static bool is_integer(const struct json_node *v)
{
    return node_is(v, JSON_NUMBER) && v->len <= HUB_DECIMAL_MAX &&
           strspn(v->text + (v->text[0] == '-'), "0123456789") == v->len - (v->text[0] == '-');
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
    if (a->instead != NULL && node_member(o, a->instead) != NULL)
        return false;
    char decimal[HUB_DECIMAL_MAX + 1];
    size_t n = 0;
    switch (a->way) {
    case WAY_TEXT:
    case WAY_TITLE:
    case WAY_CODE:
        return node_is(v, JSON_STRING);
    case WAY_NAME:
        return is_integer(v) || (plain_text(v) && v->len > 0);
    case WAY_LANGUAGE:
        return plain_text(v) && is_language(v->text);
    case WAY_WORD:
        return plain_text(v) && hub_word(a, v->text, true, &n) != NULL;
    case WAY_VALUE:
        return is_value(v);
    case WAY_ID:
    case WAY_RELATED_1:
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
    case WAY_TEXTS:
        return all_texts(v, false);
    case WAY_RELATED:
        return all_texts(v, true);
    case WAY_OBJECT:
    case WAY_ITEM:
    case WAY_INTO:
        return node_is(v, JSON_OBJECT);
    case WAY_INTO_1:
        return all_objects(v) && v->n == 1;
    case WAY_SELF:
        break;
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
    const struct json_node *v = a->own != NULL ? node_member(o, a->own) : NULL;
    return v != NULL && fits(t, a, o, v) ? v : NULL;
}

static void write_rows(const struct side *s, const struct answers *t, const struct json_node *o);
static void write_members(const struct side *s, const struct answers *t, const struct json_node *o);

/* The object that is read into the record's own. */
static const struct json_node *inside(const struct answer *a, const struct json_node *v)
{
    return a->way == WAY_INTO_1 ? v->first : v;
}

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

static void write_object(const struct side *s, const struct answer *a, const struct json_node *o)
{
    json_write_object(s->w);
    if (a->way == WAY_TRANSACTIONS)
        json_write_member(s->w, "kind", a->scheme);
    write_members(s, a->of, o);
    json_write_end(s->w);
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

static void write_related(struct json_write *w, const struct json_node *v)
{
    json_write_object(w);
    write_pair(w, "id", v);
    json_write_end(w);
}

static void write_items(const struct side *s, const struct answer *a, const struct json_node *v)
{
    for (const struct json_node *i = v->first; i != NULL; i = i->next) {
        if (a->way == WAY_CODES)
            write_code(s->w, a, i);
        else if (a->way == WAY_TEXTS)
            json_write_text(s->w, i->text, i->len);
        else if (a->way == WAY_RELATED)
            write_related(s->w, i);
        else
            write_object(s, a, i);
    }
}

static void write_word(struct json_write *w, const struct answer *a, const struct json_node *v)
{
    size_t n = 0;
    const char *word = hub_word(a, v->text, true, &n);
    json_write_text(w, word, n);
}

static void write_value(const struct side *s, const struct answer *a, const struct json_node *o,
                        const struct json_node *v)
{
    struct json_write *w = s->w;
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
    case WAY_VALUE:
        write_money(w, v, node_member(v, "amount"));
        break;
    case WAY_WORD:
        write_word(w, a, v);
        break;
    case WAY_RELATED_1:
        write_related(w, v);
        break;
    case WAY_TITLE:
    case WAY_CODE:
        write_code(w, a, v);
        break;
    case WAY_CODES:
    case WAY_TEXTS:
    case WAY_RELATED:
    case WAY_OBJECTS:
        json_write_array(w);
        write_items(s, a, v);
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
    case WAY_ITEM:
        write_object(s, a, v);
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
        write_items(s, a, v);
        break;
    default:
        json_write_text(w, v->text, v->len);
    }
}

/* The rows from i on that share a group; returns the one behind them. */
static size_t write_group(const struct side *s, const struct answers *t, size_t i,
                          const struct json_node *o)
{
    struct json_write *w = s->w;
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
        write_value(s, &t->row[i], o, v);
    }
    if (begun)
        json_write_end(w);
    return i;
}

static const struct answer *row_of(const struct answers *t, const struct json_node *member)
{
    for (size_t i = 0; i < t->n; i++)
        if (t->row[i].own != NULL && strlen(t->row[i].own) == member->name_len &&
            memcmp(t->row[i].own, member->name, member->name_len) == 0)
            return &t->row[i];
    return NULL;
}

static bool is_into(const struct answer *a)
{
    return a != NULL && (a->way == WAY_INTO || a->way == WAY_INTO_1);
}

/* All of the member stands in the record, as it will be read back. a: its row, NULL: it has none */
static bool has_place(const struct answers *t, const struct answer *a, const struct json_node *o,
                      const struct json_node *member)
{
    for (size_t i = 0; a == NULL && i < t->n; i++) {
        const struct answers *self = t->row[i].way == WAY_SELF ? t->row[i].of : NULL;
        const struct answer *b = self != NULL ? row_of(self, member) : NULL;
        if (b != NULL)
            return has_place(self, b, o, member);
    }
    if (a == NULL || !fits(t, a, o, member))
        return false;
    return a->way != WAY_NAME || node_is(member, JSON_STRING); /* that it was a number is kept */
}

/* An object for what has no place; it and those around it are begun when there is something to
 * stand in it, so that every member is asked once. */
struct rest {
    struct rest *up;
    const char *name;
    bool begun;
};

static void begin_rest(struct json_write *w, struct rest *r)
{
    if (r == NULL || r->begun)
        return;
    begin_rest(w, r->up);
    json_write_name(w, r->name);
    json_write_object(w);
    r->begun = true;
}

static void end_rest(struct json_write *w, const struct rest *r)
{
    if (r->begun)
        json_write_end(w);
}

/* Of members of one name the last one counts. The others are passed over before anything is asked
 * of them: what looks for a neighbour costs the length of o, and is then done once a row at most.
 */
static void write_rest(struct json_write *w, const struct answers *t, const struct json_node *o,
                       struct rest *rest)
{
    for (const struct json_node *m = o->first; m != NULL; m = m->next) {
        if (m->repeated)
            continue;
        const struct answer *a = row_of(t, m);
        if (is_into(a) && fits(t, a, o, m)) {
            struct rest within = {.up = rest, .name = a->own};
            if (inside(a, m)->n == 0)
                begin_rest(w, &within);
            write_rest(w, a->of, inside(a, m), &within);
            end_rest(w, &within);
        } else if (!has_place(t, a, o, m)) {
            begin_rest(w, rest);
            json_write_name_len(w, m->name, m->name_len);
            json_write_node(w, m);
        }
    }
}

static void write_self(const struct side *s, const struct answer *a, const struct json_node *o)
{
    json_write_name(s->w, a->hub);
    json_write_object(s->w);
    write_rows(s, a->of, o);
    json_write_end(s->w);
}

static void write_rows(const struct side *s, const struct answers *t, const struct json_node *o)
{
    for (size_t i = 0; i < t->n;) {
        const struct answer *a = &t->row[i];
        const struct json_node *v = a->way != WAY_CURRENCY ? fitting(t, a, o) : NULL;
        if (a->group != NULL) {
            i = write_group(s, t, i, o);
            continue;
        }
        if (a->way == WAY_SELF) {
            write_self(s, a, o);
        } else if (v != NULL && is_into(a)) {
            write_rows(s, a->of, inside(a, v));
        } else if (v != NULL) {
            json_write_name(s->w, a->hub);
            write_value(s, a, o, v);
        }
        i++;
    }
}

static void write_members(const struct side *s, const struct answers *t, const struct json_node *o)
{
    struct rest other = {.name = "other"}, own = {.up = &other, .name = s->standard};
    write_rows(s, t, o);
    write_rest(s->w, t, o, &own);
    end_rest(s->w, &own);
    end_rest(s->w, &other);
}

void hub_table_write(struct json_write *w, const char *standard, const struct answers *t,
                     const struct json_node *o)
{
    struct side s = {w, standard};
    write_members(&s, t, o);
}
