/* SPDX-License-Identifier: Apache-2.0 */
/* take - inside of to_hub: what stands in an activity's tree is taken out of it and written into a
 * hub record. */
#ifndef ADAPTERS_IATI_TAKE_H
#define ADAPTERS_IATI_TAKE_H
#include "hub.h"

struct taking {
    struct json_write *w;
    char *language; /* of the record: that of the title; NULL: not said */
    char *spoken;   /* the activity's xml:lang */
    char *currency; /* the activity's default */
    bool no_memory;
};
void say(struct taking *t, const char *name, const char *s); /* a member that is text */

/* ---- texts in languages (take_words.c) ---- */
#define TRANSLATIONS_MAX 64u /* of one object; further ones stay in `other` */
struct object {
    struct translation {
        const char *member;
        char *language, *text;
    } in[TRANSLATIONS_MAX];
    size_t n;
};
char *language_at(const xmlNode *n); /* its xml:lang; free() */
/* The language a narrative is in; free it. NULL: nobody says. */
char *language_of(const struct taking *t, const xmlNode *narrative);
/* The narrative in the record's language. */
xmlNodePtr main_narrative(const struct taking *t, const xmlNode *of);
/* What is left of the narratives in other languages, each language once. */
void take_translations(struct taking *t, struct object *o, xmlNodePtr of, const char *member);
void write_translations(struct taking *t, struct object *o); /* and frees them */

/* ---- rows (take_row.c) ---- */
/* What a row finds; the texts are its own. */
struct found {
    char *text, *second;
    xmlNodePtr at;
    char decimal[HUB_DECIMAL_MAX + 1], other_decimal[HUB_DECIMAL_MAX + 1];
};
/* Finds what the row speaks of, if it goes to the row's place; found_done() in any case. */
bool row_find(const struct taking *t, const struct row *r, xmlNodePtr n, struct found *f);
void found_done(struct found *f);
void take_row(struct taking *t, struct object *o, const struct row *r, xmlNodePtr n);
bool is_day(const char *s);      /* YYYY-MM-DD; NULL: no */
void remove_empty(xmlNodePtr n); /* an element that says nothing any more goes; NULL is fine */
void remove_texts(xmlNodePtr n);
/* Empty codes say nothing: from_hub writes them where the schema wants one that nobody said. */
void drop_unsaid(xmlNodePtr n, const char *attribute);

/* ---- objects (take.c) ---- */
/* The members of an object, into one that the caller has begun; write_members() puts what is left
 * of it into `other`, take_members() leaves it in the tree. */
void take_members(struct taking *t, const struct shape *s, xmlNodePtr n);
void write_members(struct taking *t, const struct shape *s, xmlNodePtr n);
/* {"attributes": {name: text}, "elements": [XML]}; a name in a namespace is {URI}name. */
void write_left(struct taking *t, const xmlNode *n);

#endif
