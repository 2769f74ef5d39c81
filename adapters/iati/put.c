/* SPDX-License-Identifier: Apache-2.0 */
/* put: objects and lists of them. */
#include "put.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool has_all(const struct row *r, const xmlNode *n)
{
    for (size_t i = 0; i < r->of->n; i++)
        if (r->of->row[i].must && way_is_attribute(r->of->row[i].way) &&
            xmlHasNsProp(n, (const xmlChar *)r->of->row[i].own, NULL) == NULL)
            return false;
    return true;
}

static void put_object(struct giving *g, const struct row *r, const struct json_node *item,
                       xmlNodePtr n)
{
    if (!node_is(item, JSON_OBJECT) || only_child(n, r->own) != NULL)
        return;
    xmlNodePtr at = put_child(n, r->own);
    if (at == NULL)
        return;
    if (r->role != NULL)
        put_value(at, "role", r->role);
    put_members(g, r->of, item, at);
    if ((xml_is_empty(at) && r->way == WAY_OBJECT) || !has_all(r, at) ||
        !complete(element_of(at), at))
        xml_remove(at); /* it has no place here */
}

/* The rows from i on that share a list; returns the one behind them. */
static size_t put_list(struct giving *g, const struct shape *s, size_t i, const struct json_node *o,
                       xmlNodePtr n)
{
    const char *hub = s->row[i].hub;
    size_t end = i;
    while (end < s->n && s->row[end].way == WAY_OBJECTS && strcmp(s->row[end].hub, hub) == 0)
        end++;
    for (const struct json_node *v = first_item(o, hub); v != NULL; v = v->next)
        for (size_t k = i; k < end; k++)
            if (s->row[k].suits == NULL || s->row[k].suits(v)) {
                put_object(g, &s->row[k], v, n);
                break;
            }
    return end;
}

void put_members(struct giving *g, const struct shape *s, const struct json_node *o, xmlNodePtr n)
{
    for (size_t i = 0; i < s->n;) {
        const struct row *r = &s->row[i];
        if (r->way == WAY_OBJECTS) {
            i = put_list(g, s, i, o, n);
            continue;
        }
        if (r->way == WAY_OBJECT)
            put_object(g, r, node_member(o, r->hub), n);
        else
            put_row(g, r, o, n);
        i++;
    }
    const struct json_node *left = left_of(o);
    if (node_member(left, "activity") == NULL) /* a payment's is in two parts */
        put_left(n, left);
}
