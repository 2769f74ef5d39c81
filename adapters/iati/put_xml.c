/* SPDX-License-Identifier: Apache-2.0 */
/* put_xml: elements in the order of the grammar, and those that `other` kept as XML. */
#include "put.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- trees ---- */

xmlNodePtr put_child(xmlNodePtr parent, const char *name)
{
    return xmlNewChild(parent, NULL, (const xmlChar *)name, NULL);
}

void put_value(xmlNodePtr n, const char *name, const char *value)
{
    if (n != NULL && xmlHasNsProp(n, (const xmlChar *)name, NULL) == NULL)
        (void)xmlNewProp(n, (const xmlChar *)name, (const xmlChar *)value);
}

void put_content(xmlNodePtr n, const char *s)
{
    if (n != NULL)
        (void)xmlAddChild(n, xmlNewDocText(n->doc, (const xmlChar *)s));
}

void put_language_of(xmlNodePtr n, const char *language)
{
    (void)xmlNewNsProp(n, xmlSearchNsByHref(n->doc, n, XML_XML_NAMESPACE), (const xmlChar *)"lang",
                       (const xmlChar *)language);
}

static const struct part *part_of(const struct element *e, const char *name)
{
    for (const struct part *p = e != NULL ? e->parts : NULL; p != NULL && p->element != NULL; p++)
        if (strcmp(p->element->name, name) == 0)
            return p;
    return NULL;
}

const struct element *element_of(const xmlNode *n)
{
    if (n->parent == NULL || n->parent->type != XML_ELEMENT_NODE)
        return grammar_global((const char *)n->name);
    const struct element *up = element_of(n->parent);
    const struct part *p = n->ns == NULL ? part_of(up, (const char *)n->name) : NULL;
    return p != NULL ? p->element : NULL;
}

/* The child that may stand there once and does. */
xmlNodePtr only_child(xmlNodePtr parent, const char *name)
{
    const struct part *p = part_of(element_of(parent), name);
    return p != NULL && p->max == 1 ? xml_child(parent, name) : NULL;
}

/* ---- what `other` holds ---- */

const struct json_node *left_of(const struct json_node *o)
{
    return node_member(node_member(o, "other"), "iati");
}

/* Nothing that would end a name in a tag; the parser at the way out knows the other alphabets
 * (xmlValidateNCName() has those of an older edition of XML). */
static bool is_name(const char *s)
{
    if (*s == 0 || strchr("-.:0123456789", *s) != NULL)
        return false;
    for (; *s != 0; s++)
        if ((unsigned char)*s < 0x80 &&
            strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                   "0123456789_-.:",
                   *s) == NULL)
            return false;
    return true;
}

static void put_left_attribute(xmlNodePtr n, const struct json_node *m)
{
    const char *end = m->name[0] == '{' ? strchr(m->name, '}') : NULL;
    if (!node_is(m, JSON_STRING) || strlen(m->text) != m->len || strlen(m->name) != m->name_len)
        return;
    if (end == NULL) {
        if (is_name(m->name))
            put_value(n, m->name, m->text);
        return;
    }
    xmlChar *uri = xmlStrndup((const xmlChar *)m->name + 1, (int)(end - m->name - 1));
    if (uri != NULL && *uri != 0 && is_name(end + 1) &&
        xmlHasNsProp(n, (const xmlChar *)end + 1, uri) == NULL) {
        xmlNsPtr ns = xmlSearchNsByHref(n->doc, n, uri);
        char prefix[16];
        for (unsigned i = 1; ns == NULL && i < 1000; i++) { /* the first that is free */
            (void)snprintf(prefix, sizeof prefix, "n%u", i);
            if (xmlSearchNs(n->doc, n, (const xmlChar *)prefix) == NULL)
                ns = xmlNewNs(n, uri, (const xmlChar *)prefix);
        }
        if (ns != NULL)
            (void)xmlNewNsProp(n, ns, (const xmlChar *)end + 1, (const xmlChar *)m->text);
    }
    xmlFree(uri);
}

/* Joins what is left of an element that is there already with it. */
static void merge(xmlNodePtr into, xmlNodePtr left)
{
    for (const xmlAttr *a = left->properties; a != NULL; a = a->next) {
        xmlChar *value = a->ns == NULL ? xmlGetNoNsProp(left, a->name) : NULL;
        if (value != NULL)
            put_value(into, (const char *)a->name, (const char *)value);
        xmlFree(value);
    }
    for (xmlNodePtr c = left->children; c != NULL; c = c->next) {
        if (c->type != XML_ELEMENT_NODE)
            continue;
        xmlNodePtr there = only_child(into, (const char *)c->name);
        if (there != NULL)
            merge(there, c);
        else
            (void)xmlAddChild(into, xmlDocCopyNode(c, into->doc, 1));
    }
}

static void put_left_element(xmlNodePtr n, const struct json_node *v)
{
    xmlDocPtr d = node_is(v, JSON_STRING) ? xml_read(v->text, v->len) : NULL;
    if (d == NULL)
        return;
    xmlNodePtr root = xmlDocGetRootElement(d);
    xmlNodePtr there = root->ns == NULL ? only_child(n, (const char *)root->name) : NULL;
    if (there != NULL)
        merge(there, root);
    else
        (void)xmlAddChild(n, xmlDocCopyNode(root, n->doc, 1));
    xmlFreeDoc(d);
}

void put_left(xmlNodePtr n, const struct json_node *left)
{
    const struct json_node *attributes = node_member(left, "attributes");
    if (node_is(attributes, JSON_OBJECT))
        for (const struct json_node *m = attributes->first; m != NULL; m = m->next)
            put_left_attribute(n, m);
    for (const struct json_node *i = first_item(left, "elements"); i != NULL; i = i->next)
        put_left_element(n, i);
}

/* ---- in the order of the grammar, complete ---- */

/* Children in the order of the parts, those that are none of them last. */
static void in_order(const struct element *e, xmlNodePtr n)
{
    xmlNodePtr end = e->parts != NULL ? n->last : NULL;
    for (const struct part *p = e->parts; p != NULL && p->element != NULL && end != NULL; p++) {
        bool last = false;
        for (xmlNodePtr c = n->children, next; c != NULL && !last; c = next) {
            next = c->next;
            last = c == end;
            if (!xml_is(c, p->element->name))
                continue;
            if (c == end)
                end = c->prev;
            xmlUnlinkNode(c);
            /* behind those that were moved before */
            (void)xmlAddChild(n, c);
        }
        if (end == NULL)
            break;
    }
    /* what was never moved stands in front now: to the end with it */
    for (xmlNodePtr c = n->children, next; c != NULL && end != NULL; c = next) {
        next = c->next;
        bool it = c == end;
        xmlUnlinkNode(c);
        (void)xmlAddChild(n, c);
        if (it)
            break;
    }
}

/* The date that a value's exchange rate has when nobody says another: when it was paid, or the
 * first day of the budget. */
static void fill_value_date(xmlNodePtr n)
{
    static const char *const days[] = {"transaction-date", "period-start"};
    xmlNodePtr value = xml_child(n, "value");
    for (size_t i = 0; i < 2 && value != NULL; i++) {
        xmlNodePtr day = xml_child(n, days[i]);
        char *date = day != NULL ? xml_get(day, "iso-date") : NULL;
        if (date != NULL)
            put_value(value, "value-date", date);
        free(date);
    }
}

/* Fills in empty codes, and sorts. false: something else that the schema requires is absent. */
bool complete(const struct element *e, xmlNodePtr n)
{
    bool ok = true;
    if (e == NULL)
        return true;
    fill_value_date(n);
    for (const struct attribute *a = e->attributes; a != NULL && a->name != NULL; a++)
        if (a->required && a->type == TYPE_STRING)
            put_value(n, a->name, "");
        else if (a->required)
            ok = ok && xmlHasNsProp(n, (const xmlChar *)a->name, NULL) != NULL;
    for (const struct part *p = e->parts; p != NULL && p->element != NULL; p++) {
        bool plain = p->element->parts == NULL && p->element->text == TYPE_NONE;
        xmlNodePtr child = p->min > 0 ? xml_child(n, p->element->name) : NULL;
        if (p->min > 0 && child == NULL && plain)
            ok = ok && complete(p->element, put_child(n, p->element->name));
        else if (p->min > 0)
            ok = ok && child != NULL;
    }
    in_order(e, n);
    return ok;
}
