/* SPDX-License-Identifier: Apache-2.0 */
/* hub_xml: one activity as a tree, for its translation, and simple values of the hub record that
 * XML writes otherwise. */
#include "hub.h"
#include <stdlib.h>
#include <string.h>

#define LETTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
#define DIGITS  "0123456789"

xmlDocPtr xml_read(const char *p, size_t len)
{
    if (p == NULL || len == 0 || len > INT32_MAX)
        return NULL;
    xmlDocPtr d = xmlReadMemory(p, (int)len, NULL, "UTF-8",
                                XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING |
                                    XML_PARSE_NOCDATA | XML_PARSE_BIG_LINES | XML_PARSE_HUGE);
    if (d != NULL && (d->intSubset != NULL || xmlDocGetRootElement(d) == NULL)) {
        xmlFreeDoc(d);
        return NULL;
    }
    return d;
}

bool xml_is(const xmlNode *n, const char *name)
{
    return n != NULL && n->type == XML_ELEMENT_NODE && n->ns == NULL &&
           strcmp((const char *)n->name, name) == 0;
}

static xmlNodePtr from(xmlNodePtr n, const char *name)
{
    while (n != NULL && !xml_is(n, name))
        n = n->next;
    return n;
}

xmlNodePtr xml_child(const xmlNode *parent, const char *name)
{
    return parent != NULL ? from(parent->children, name) : NULL;
}

xmlNodePtr xml_next(const xmlNode *n, const char *name)
{
    return from(n->next, name);
}

char *xml_get(const xmlNode *n, const char *attribute)
{
    return (char *)xmlGetNoNsProp(n, (const xmlChar *)attribute);
}

void xml_drop(xmlNodePtr n, const char *attribute)
{
    xmlAttrPtr a = xmlHasNsProp(n, (const xmlChar *)attribute, NULL);
    if (a != NULL && a->type == XML_ATTRIBUTE_NODE)
        (void)xmlRemoveProp(a);
}

void xml_remove(xmlNodePtr n)
{
    xmlUnlinkNode(n);
    xmlFreeNode(n);
}

bool xml_is_empty(const xmlNode *n)
{
    if (n->properties != NULL)
        return false;
    for (const xmlNode *c = n->children; c != NULL; c = c->next)
        if (c->type == XML_ELEMENT_NODE ||
            (c->type == XML_TEXT_NODE &&
             !value_all_space((const char *)c->content, strlen((const char *)c->content))))
            return false;
    return true;
}

bool hub_is_language(const char *s)
{
    size_t n = s != NULL ? strspn(s, LETTERS) : 0;
    if (n < 2 || n > 8)
        return false;
    for (s += n; *s == '-'; s += n + 1)
        if ((n = strspn(s + 1, LETTERS DIGITS)) < 1 || n > 8)
            return false;
    return *s == 0;
}

bool hub_from_decimal(const char *s, char out[HUB_DECIMAL_MAX + 1])
{
    size_t len, at = 0;
    if (!value_valid(TYPE_DECIMAL, s))
        return false;
    s = value_trimmed(s, &len);
    const char *end = s + len;
    if (*s == '-')
        out[at++] = '-';
    s += *s == '-' || *s == '+';
    while (s + 1 < end && *s == '0' && s[1] != '.')
        s++;
    if (end[-1] == '.')
        end--; /* 5. is 5 */
    bool zero = s == end || *s == '.';
    if (at + zero + (size_t)(end - s) > HUB_DECIMAL_MAX)
        return false;
    if (zero)
        out[at++] = '0';
    memcpy(out + at, s, (size_t)(end - s));
    out[at + (size_t)(end - s)] = 0;
    return true;
}
