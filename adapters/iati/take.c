/* SPDX-License-Identifier: Apache-2.0 */
/* take: objects and lists of them, and what is left of each. */
#include "take.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- objects ---- */

static bool has_place(const struct taking *t, const struct row *r, xmlNodePtr n)
{
    struct found f;
    bool ok = true;
    if (r->role != NULL) {
        char *role = xml_get(n, "role");
        ok = role != NULL && strcmp(role, r->role) == 0;
        free(role);
    }
    for (size_t i = 0; i < r->of->n && ok; i++) {
        if (!r->of->row[i].must)
            continue;
        ok = row_find(t, &r->of->row[i], n, &f);
        found_done(&f);
    }
    return ok;
}

static void take_object(struct taking *t, const struct row *r, xmlNodePtr n)
{
    if (r->role != NULL)
        xml_drop(n, "role");
    json_write_object(t->w);
    write_members(t, r->of, n);
    json_write_end(t->w);
    xml_remove(n);
}

static void take_one(struct taking *t, const struct row *r, xmlNodePtr n)
{
    xmlNodePtr at = xml_child(n, r->own);
    if (at == NULL || !has_place(t, r, at))
        return;
    json_write_name(t->w, r->hub);
    take_object(t, r, at);
}

/* The rows from i on that fill one list; returns the one behind them. */
static size_t take_list(struct taking *t, const struct shape *s, size_t i, xmlNodePtr n)
{
    const char *hub = s->row[i].hub;
    bool begun = false;
    for (; i < s->n && s->row[i].way == WAY_OBJECTS && strcmp(s->row[i].hub, hub) == 0; i++) {
        const struct row *r = &s->row[i];
        for (xmlNodePtr c = xml_child(n, r->own), next; c != NULL; c = next) {
            next = xml_next(c, r->own);
            if (!has_place(t, r, c))
                continue;
            if (!begun) {
                json_write_name(t->w, hub);
                json_write_array(t->w);
                begun = true;
            }
            take_object(t, r, c);
        }
    }
    if (begun)
        json_write_end(t->w);
    return i;
}

/* ---- what is left ---- */

static void write_attribute(struct taking *t, const xmlNode *n, const xmlAttr *a)
{
    char *name = NULL;
    const char *uri = a->ns != NULL ? (const char *)a->ns->href : "";
    xmlChar *value =
        a->ns != NULL ? xmlGetNsProp(n, a->name, a->ns->href) : xmlGetNoNsProp(n, a->name);
    if (value == NULL || asprintf(&name, "%s%s%s%s", a->ns != NULL ? "{" : "", uri,
                                  a->ns != NULL ? "}" : "", (const char *)a->name) < 0) {
        t->no_memory = true;
        name = NULL;
    } else {
        say(t, name, (const char *)value);
    }
    free(name);
    xmlFree(value);
}

/* A copy of its own declares the namespaces it uses. */
static void write_element(struct taking *t, xmlNodePtr n)
{
    xmlDocPtr d = xmlNewDoc((const xmlChar *)"1.0");
    xmlNodePtr copy = d != NULL ? xmlDocCopyNode(n, d, 1) : NULL;
    xmlBufferPtr b = copy != NULL ? xmlBufferCreate() : NULL;
    if (copy != NULL)
        (void)xmlDocSetRootElement(d, copy);
    if (b != NULL && xmlNodeDump(b, d, copy, 0, 0) >= 0)
        json_write_text(t->w, (const char *)xmlBufferContent(b), (size_t)xmlBufferLength(b));
    else
        t->no_memory = true;
    xmlBufferFree(b);
    xmlFreeDoc(d);
}

/* {"attributes": {name: text}, "elements": [XML]}; a name in a namespace is {URI}name. */
void write_left(struct taking *t, const xmlNode *n)
{
    bool begun = false;
    json_write_object(t->w);
    for (const xmlAttr *a = n->properties; a != NULL; a = a->next) {
        if (!begun) {
            json_write_name(t->w, "attributes");
            json_write_object(t->w);
        }
        begun = true;
        write_attribute(t, n, a);
    }
    if (begun)
        json_write_end(t->w);
    begun = false;
    for (xmlNodePtr c = n->children; c != NULL; c = c->next) {
        if (c->type != XML_ELEMENT_NODE)
            continue;
        if (!begun) {
            json_write_name(t->w, "elements");
            json_write_array(t->w);
        }
        begun = true;
        write_element(t, c);
    }
    if (begun)
        json_write_end(t->w);
    json_write_end(t->w);
}

static void write_other(struct taking *t, const xmlNode *n)
{
    if (xml_is_empty(n))
        return;
    json_write_name(t->w, "other");
    json_write_object(t->w);
    json_write_name(t->w, "iati");
    write_left(t, n);
    json_write_end(t->w);
}

void take_members(struct taking *t, const struct shape *s, xmlNodePtr n)
{
    struct object o = {.n = 0};
    for (size_t i = 0; i < s->n;) {
        const struct row *r = &s->row[i];
        if (r->way == WAY_OBJECTS) {
            i = take_list(t, s, i, n);
            continue;
        }
        if (r->way == WAY_OBJECT)
            take_one(t, r, n);
        else
            take_row(t, &o, r, n);
        i++;
    }
    write_translations(t, &o);
}

void write_members(struct taking *t, const struct shape *s, xmlNodePtr n)
{
    take_members(t, s, n);
    remove_texts(n);
    write_other(t, n);
}
