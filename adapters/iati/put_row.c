/* SPDX-License-Identifier: Apache-2.0 */
/* put_row: one member of the record as what stands for it in an activity. */
#include "lib/formats.h"
#include "put.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The day of a date that has one, NULL when it is less precise. */
const char *day_of(const struct json_node *o, const char *name, char out[11])
{
    const struct json_node *v = node_member(o, name);
    if (!hub_is_date(v) || v->len < 10 || !date_exists(v->text, v->len))
        return NULL;
    (void)snprintf(out, 11, "%.10s", v->text);
    return out;
}

/* ---- members ---- */

void put_narrative(xmlNodePtr n, const char *text, const char *language)
{
    xmlNodePtr narrative = put_child(n, "narrative");
    put_content(narrative, text);
    if (narrative != NULL && language != NULL)
        put_language_of(narrative, language);
}

static void put_words(struct giving *g, const struct row *r, const struct json_node *o,
                      xmlNodePtr n)
{
    const struct json_node *translations = node_member(o, "translations");
    const char *text = member_text(o, r->hub);
    xmlNodePtr at = r->way == WAY_NARRATIVE ? n : NULL;
    if (text != NULL && !value_all_space(text, strlen(text))) {
        at = at != NULL ? at : put_child(n, r->own);
        put_narrative(at, text, g->language);
    }
    if (!node_is(translations, JSON_OBJECT))
        return;
    for (const struct json_node *t = translations->first; t != NULL; t = t->next) {
        text = member_text(t, r->hub);
        if (text == NULL || value_all_space(text, strlen(text)) || !hub_is_language(t->name))
            continue;
        at = at != NULL ? at : put_child(n, r->own);
        put_narrative(at, text, t->name);
    }
}

/* What stands behind a scheme's beginning. */
static const char *behind(const char *s, const char *prefix)
{
    size_t len = strlen(prefix);
    return s != NULL && strncmp(s, prefix, len) == 0 && s[len] != 0 ? s + len : NULL;
}

static void put_scheme(const struct row *r, const char *scheme, xmlNodePtr n)
{
    const char *vocabulary = behind(scheme, r->scheme);
    if (vocabulary != NULL) {
        put_value(n, r->own, vocabulary);
    } else if (r->way == WAY_SCHEME) {
        if (scheme != NULL && r->must)
            put_value(n, r->own, scheme);
    } else {
        put_value(n, r->own, "99"); /* the publisher's own */
        if (scheme != NULL && strchr(scheme, ':') != NULL && value_valid(TYPE_URI, scheme))
            put_value(n, "vocabulary-uri", scheme);
    }
}

static void put_identifier(const struct row *r, const struct json_node *o, xmlNodePtr n)
{
    char text[1100];
    for (const struct json_node *i = first_item(o, r->hub); i != NULL; i = i->next) {
        const char *scheme = member_text(i, "scheme"), *id = member_text(i, "id");
        if (r->way == WAY_REGION) {
            if (behind(scheme, r->scheme) == NULL || id == NULL)
                continue;
            put_value(n, "vocabulary", behind(scheme, r->scheme));
            put_value(n, r->own, id);
            return;
        }
        if (scheme == NULL || id == NULL || strcmp(scheme, "charity-number") == 0 ||
            strcmp(scheme, "company-number") == 0 || hub_identifier_text(i, text, sizeof text) != 0)
            continue;
        put_value(n, r->own, text);
        return;
    }
}

static const char *code_in(const struct json_node *v, const char *scheme)
{
    const char *is = member_text(v, "scheme");
    return is != NULL && strcmp(is, scheme) == 0 ? member_text(v, "code") : NULL;
}

static void put_attribute(const struct row *r, const struct json_node *o, xmlNodePtr n)
{
    const struct json_node *v = node_member(o, r->hub);
    const char *text = member_text(o, r->hub);
    switch (r->way) {
    case WAY_SCHEME:
    case WAY_OWN:
        put_scheme(r, text, n);
        return;
    case WAY_ORG_ID:
    case WAY_REGION:
        put_identifier(r, o, n);
        return;
    case WAY_CODE:
        text = code_in(v, r->scheme);
        break;
    case WAY_YES_NO:
        text = node_is(v, JSON_TRUE) ? "true" : node_is(v, JSON_FALSE) ? "false" : NULL;
        text = text != NULL ? code_for(r->words, text) : NULL;
        break;
    case WAY_WORD:
        text = text != NULL ? code_for(r->words, text) : NULL;
        break;
    case WAY_SHARE:
        text = hub_is_decimal(v) ? text : NULL;
        break;
    case WAY_COUNTRY:
        text = hub_is_country(v) ? text : NULL;
        break;
    default:
        break;
    }
    if (text != NULL && *text != 0)
        put_value(n, r->own, text);
}

void put_money(const struct row *r, const struct json_node *o, xmlNodePtr n)
{
    char day[11];
    const struct json_node *money = node_member(o, r->hub), *amount = node_member(money, "amount"),
                           *currency = node_member(money, "currency");
    if (!hub_is_decimal(amount) || !hub_is_currency(currency))
        return;
    xmlNodePtr value = put_child(n, r->own);
    put_value(value, "currency", currency->text);
    if (day_of(o, "valueDate", day) != NULL)
        put_value(value, "value-date", day);
    put_content(value, amount->text);
}

static void put_point(const struct json_node *o, xmlNodePtr n)
{
    char text[2 * HUB_DECIMAL_MAX + 2];
    const struct json_node *north = node_member(o, "latitude"), *east = node_member(o, "longitude");
    if (!hub_is_decimal(north) || !hub_is_decimal(east))
        return;
    (void)snprintf(text, sizeof text, "%s %s", north->text, east->text);
    xmlNodePtr point = put_child(n, "point");
    put_value(point, "srsName", "http://www.opengis.net/def/crs/EPSG/0/4326");
    put_content(point != NULL ? put_child(point, "pos") : NULL, text);
}

static void put_code(xmlNodePtr n, const char *name, const char *attribute, const char *value)
{
    if (value != NULL && *value != 0 && only_child(n, name) == NULL)
        put_value(put_child(n, name), attribute, value);
}

void put_row(struct giving *g, const struct row *r, const struct json_node *o, xmlNodePtr n)
{
    char day[11];
    const char *text = member_text(o, r->hub);
    const struct json_node *v = node_member(o, r->hub);
    if (way_is_attribute(r->way)) {
        put_attribute(r, o, n);
        return;
    }
    switch (r->way) {
    case WAY_NARRATIVE:
    case WAY_WORDS:
        put_words(g, r, o, n);
        break;
    case WAY_DATE:
        put_code(n, r->own, "iso-date", day_of(o, r->hub, day));
        break;
    case WAY_KIND:
        put_code(n, r->own, "code", text != NULL ? code_for(r->words, text) : NULL);
        break;
    case WAY_CODED:
        put_code(n, r->own, "code", code_in(v, r->scheme));
        break;
    case WAY_LANGUAGE:
        put_code(n, r->own, "code", text);
        break;
    case WAY_MONEY:
        put_money(r, o, n);
        break;
    case WAY_POINT:
        put_point(o, n);
        break;
    case WAY_PERIOD:
        put_code(n, "period-start", "iso-date", day_of(v, "start", day));
        put_code(n, "period-end", "iso-date", day_of(v, "end", day));
        break;
    default:
        break;
    }
}
