/* SPDX-License-Identifier: Apache-2.0 */
/* put - inside of from_hub: members of a hub record become an activity's tree. */
#ifndef ADAPTERS_IATI_PUT_H
#define ADAPTERS_IATI_PUT_H
#include "hub.h"

struct giving {
    const char *language; /* that narratives must name; NULL: the activity's is theirs */
};

/* ---- trees; out of memory is seen in what comes out (put_xml.c) ---- */
xmlNodePtr put_child(xmlNodePtr parent, const char *name);
void put_value(xmlNodePtr n, const char *name, const char *value); /* keeps one that is there */
void put_content(xmlNodePtr n, const char *s);
void put_language_of(xmlNodePtr n, const char *language); /* xml:lang */
/* The child that may stand there once and does; NULL. */
xmlNodePtr only_child(xmlNodePtr parent, const char *name);
const struct element *element_of(const xmlNode *n); /* what the grammar has for it; NULL */
/* Fills in empty codes, and puts children in order. false: something else that the schema requires
 * is absent. */
bool complete(const struct element *e, xmlNodePtr n);
/* What `other` of a record or of a part of it holds of this standard; NULL: nothing. */
const struct json_node *left_of(const struct json_node *o);
/* Puts it into the tree: write_left() of take.h the other way. */
void put_left(xmlNodePtr n, const struct json_node *left);

/* ---- rows (put_row.c) ---- */
/* The day of a date that has one and exists; NULL when it is less precise. */
const char *day_of(const struct json_node *o, const char *name, char out[11]);
void put_row(struct giving *g, const struct row *r, const struct json_node *o, xmlNodePtr n);
void put_money(const struct row *r, const struct json_node *o, xmlNodePtr n);
void put_narrative(xmlNodePtr n, const char *text, const char *language);

/* ---- objects (put.c) ---- */
void put_members(struct giving *g, const struct shape *s, const struct json_node *o, xmlNodePtr n);

#endif
