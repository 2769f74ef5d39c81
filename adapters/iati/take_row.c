/* SPDX-License-Identifier: Apache-2.0 */
/* take_row: one member of the record, found in the tree, written, and taken out of it. */
#include "lib/formats.h"
#include "take.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- what a row finds ---- */

bool is_day(const char *s)
{
    return s != NULL && format_date_shape(s, strlen(s));
}

static bool capitals(const char *s, size_t n)
{
    return s != NULL && strlen(s) == n && strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == n;
}

static bool filled(const char *s)
{
    return s != NULL && *s != 0;
}

static bool is_share(const char *s)
{
    const char *point = strchr(s, '.');
    size_t whole = point != NULL ? (size_t)(point - s) : strlen(s);
    return *s != '-' && (whole < 3 || (whole == 3 && memcmp(s, "100", 3) == 0));
}

static bool find_money(const struct taking *t, const xmlNode *n, struct found *f)
{
    if ((f->at = xml_child(n, "value")) == NULL)
        return false;
    char *amount = (char *)xmlNodeGetContent(f->at);
    bool ok = amount != NULL && hub_from_decimal(amount, f->decimal);
    free(amount);
    f->second = xml_get(f->at, "currency");
    if (f->second == NULL && t->currency != NULL)
        f->second = strdup(t->currency);
    return ok && capitals(f->second, 3);
}

/* "latitude longitude" in EPSG 4326 */
static bool find_point(const xmlNode *n, struct found *f)
{
    f->at = xml_child(n, "point");
    const xmlNode *pos = xml_child(f->at, "pos");
    f->text = pos != NULL ? (char *)xmlNodeGetContent(pos) : NULL;
    f->second = f->at != NULL ? xml_get(f->at, "srsName") : NULL;
    if (f->text == NULL || f->second == NULL ||
        strcmp(f->second, "http://www.opengis.net/def/crs/EPSG/0/4326") != 0)
        return false;
    char *first = f->text + strspn(f->text, " \t\r\n");
    char *second = first + strcspn(first, " \t\r\n");
    if (*second != 0)
        *second++ = 0;
    return hub_from_decimal(first, f->decimal) && hub_from_decimal(second, f->other_decimal);
}

static bool find_attribute(const struct row *r, const xmlNode *n, struct found *f)
{
    f->text = xml_get(n, r->own);
    switch (r->way) {
    case WAY_URL:
        return filled(f->text) && format_uri(f->text, strlen(f->text));
    case WAY_TIME:
        return filled(f->text) && format_date_time(f->text, strlen(f->text));
    case WAY_COUNTRY:
        return capitals(f->text, 2);
    case WAY_SHARE:
        return filled(f->text) && hub_from_decimal(f->text, f->decimal) && is_share(f->decimal);
    case WAY_WORD:
    case WAY_YES_NO:
        return filled(f->text) && word_of(r->words, f->text) != NULL;
    case WAY_SCHEME: /* 1 is the standard's default */
        if (f->text == NULL)
            f->text = strdup("1");
        return filled(f->text);
    case WAY_OWN:
        f->second = xml_get(n, "vocabulary-uri");
        return filled(f->text) && (strcmp(f->text, "99") != 0 || f->second == NULL ||
                                   format_uri(f->second, strlen(f->second)));
    case WAY_REGION:
        f->second = xml_get(n, "vocabulary");
        if (f->second == NULL)
            f->second = strdup("1");
        return filled(f->text) && filled(f->second);
    default:
        return filled(f->text) && strlen(f->text) <= 1024;
    }
}

/* The element of a text: of several the first that is of no kind, or of the general one (codelist
 * DescriptionType). */
static xmlNodePtr words_at(const struct row *r, const xmlNode *n)
{
    for (xmlNodePtr at = xml_child(n, r->own); at != NULL; at = xml_next(at, r->own)) {
        char *type = xml_get(at, "type");
        bool it = type == NULL || strcmp(type, "1") == 0;
        free(type);
        if (it)
            return at;
    }
    return NULL;
}

/* Finds what the row speaks of, if it goes to the row's place. */
bool row_find(const struct taking *t, const struct row *r, xmlNodePtr n, struct found *f)
{
    *f = (struct found){0};
    if (way_is_attribute(r->way))
        return find_attribute(r, n, f);
    if (r->way == WAY_MONEY)
        return find_money(t, n, f);
    if (r->way == WAY_POINT)
        return find_point(n, f);
    f->at = r->way == WAY_NARRATIVE ? n
            : r->way == WAY_WORDS   ? words_at(r, n)
                                    : xml_child(n, r->own);
    if (f->at == NULL)
        return false;
    switch (r->way) {
    case WAY_NARRATIVE:
    case WAY_WORDS:
        if ((f->at = main_narrative(t, f->at)) != NULL)
            f->text = (char *)xmlNodeGetContent(f->at);
        return f->text != NULL;
    case WAY_DATE:
        return is_day(f->text = xml_get(f->at, "iso-date"));
    case WAY_KIND:
        f->text = xml_get(f->at, "code");
        return f->text != NULL && word_of(r->words, f->text) != NULL;
    case WAY_CODED:
        return filled(f->text = xml_get(f->at, "code"));
    case WAY_LANGUAGE:
        return hub_is_language(f->text = xml_get(f->at, "code"));
    case WAY_PERIOD: {
        const xmlNode *end = xml_child(n, "period-end");
        f->text = xml_get(f->at, "iso-date");
        f->second = end != NULL ? xml_get(end, "iso-date") : NULL;
        return is_day(f->text) && is_day(f->second);
    }
    default:
        return true;
    }
}

void found_done(struct found *f)
{
    free(f->text);
    free(f->second);
}

/* ---- writing it, and taking it out of the tree ---- */

void say(struct taking *t, const char *name, const char *s)
{
    json_write_member(t->w, name, s);
}

static void scheme_and(struct taking *t, const char *scheme, const char *behind, const char *member,
                       const char *value)
{
    char all[1100];
    (void)snprintf(all, sizeof all, "%s%.1024s", scheme, behind);
    json_write_object(t->w);
    say(t, "scheme", all);
    say(t, member, value);
    json_write_end(t->w);
}

static void write_found(struct taking *t, const struct row *r, const struct found *f)
{
    char scheme[1100];
    struct json_write *w = t->w;
    if (r->way == WAY_POINT) {
        say(t, "latitude", f->decimal);
        say(t, "longitude", f->other_decimal);
        return;
    }
    if (r->way == WAY_OWN && strcmp(f->text, "99") == 0) {
        if (f->second != NULL)
            say(t, r->hub, f->second);
        return;
    }
    json_write_name(w, r->hub);
    switch (r->way) {
    case WAY_SHARE:
        json_write_text(w, f->decimal, strlen(f->decimal));
        break;
    case WAY_WORD:
    case WAY_KIND:
        json_write_text(w, word_of(r->words, f->text), strlen(word_of(r->words, f->text)));
        break;
    case WAY_YES_NO:
        json_write_bare(w, word_of(r->words, f->text), strlen(word_of(r->words, f->text)));
        break;
    case WAY_CODE:
    case WAY_CODED:
        scheme_and(t, r->scheme, "", "code", f->text);
        break;
    case WAY_ORG_ID:
        json_write_array(w);
        hub_identifier(w, f->text, strlen(f->text));
        json_write_end(w);
        break;
    case WAY_REGION:
        json_write_array(w);
        scheme_and(t, r->scheme, f->second, "id", f->text);
        json_write_end(w);
        break;
    case WAY_SCHEME:
    case WAY_OWN:
        (void)snprintf(scheme, sizeof scheme, "%s%.1024s",
                       r->words != NULL && word_of(r->words, f->text) != NULL ? "" : r->scheme,
                       f->text);
        json_write_text(w, scheme, strlen(scheme));
        break;
    case WAY_MONEY:
        json_write_object(w);
        say(t, "amount", f->decimal);
        say(t, "currency", f->second);
        json_write_end(w);
        break;
    case WAY_PERIOD:
        json_write_object(w);
        say(t, "start", f->text);
        say(t, "end", f->second);
        json_write_end(w);
        break;
    default:
        json_write_text(w, f->text, strlen(f->text));
    }
}

/* An element that says nothing any more goes. */
void remove_empty(xmlNodePtr n)
{
    if (n != NULL && xml_is_empty(n))
        xml_remove(n);
}

void remove_texts(xmlNodePtr n)
{
    for (xmlNodePtr c = n->children, next; c != NULL; c = next) {
        next = c->next;
        if (c->type != XML_ELEMENT_NODE)
            xml_remove(c);
    }
}

static void drop_found(const struct row *r, xmlNodePtr n, struct found *f)
{
    if (way_is_attribute(r->way)) {
        xml_drop(n, r->own);
        if (r->way == WAY_REGION)
            xml_drop(n, "vocabulary");
        if (r->way == WAY_OWN && strcmp(f->text, "99") == 0)
            xml_drop(n, "vocabulary-uri");
        return;
    }
    switch (r->way) {
    case WAY_NARRATIVE:
    case WAY_WORDS:
        xml_remove(f->at);
        return;
    case WAY_DATE:
        xml_drop(f->at, "iso-date");
        break;
    case WAY_PERIOD: {
        xmlNodePtr end = xml_child(n, "period-end");
        xml_drop(end, "iso-date");
        remove_empty(end);
        xml_drop(f->at, "iso-date");
        break;
    }
    case WAY_MONEY:
        xml_drop(f->at, "currency");
        remove_texts(f->at);
        break;
    case WAY_POINT: {
        xmlNodePtr pos = xml_child(f->at, "pos");
        remove_texts(pos);
        remove_empty(pos);
        xml_drop(f->at, "srsName");
        break;
    }
    default:
        xml_drop(f->at, "code");
    }
    remove_empty(f->at);
}

/* The date of the exchange rate, once the money of a transaction is in its place. */
static void take_value_date(struct taking *t, const struct row *r, xmlNodePtr value)
{
    if (strcmp(r->hub, "value") != 0 || r->must)
        return; /* a budget's has no member */
    char *date = xml_get(value, "value-date");
    if (is_day(date)) {
        say(t, "valueDate", date);
        xml_drop(value, "value-date");
    }
    free(date);
}

void drop_unsaid(xmlNodePtr n, const char *attribute)
{
    char *value = xml_get(n, attribute);
    if (value != NULL && *value == 0)
        xml_drop(n, attribute);
    free(value);
}

/* An empty code of a row that found nothing. */
static void take_unsaid(const struct row *r, xmlNodePtr n)
{
    xmlNodePtr at = r->way == WAY_KIND || r->way == WAY_CODED ? xml_child(n, r->own) : NULL;
    if (r->way == WAY_TEXT || r->way == WAY_WORD)
        drop_unsaid(n, r->own);
    if (at != NULL)
        drop_unsaid(at, "code");
    remove_empty(at);
}

void take_row(struct taking *t, struct object *o, const struct row *r, xmlNodePtr n)
{
    struct found f;
    bool taken = row_find(t, r, n, &f);
    if (taken) {
        write_found(t, r, &f);
        if (r->way == WAY_MONEY)
            take_value_date(t, r, f.at);
        drop_found(r, n, &f);
    }
    if (!taken)
        take_unsaid(r, n);
    found_done(&f);
    if (r->way == WAY_NARRATIVE) {
        take_translations(t, o, n, r->hub);
    } else if (r->way == WAY_WORDS) {
        xmlNodePtr at = words_at(r, n);
        if (at != NULL) {
            size_t before = o->n;
            take_translations(t, o, at, r->hub);
            if (taken || o->n > before)
                xml_drop(at, "type");
            remove_empty(at);
        }
    }
}
