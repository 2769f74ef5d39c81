/* SPDX-License-Identifier: Apache-2.0 */
/* take_words: narratives, which say one thing in several languages. */
#include "take.h"
#include <stdlib.h>
#include <string.h>

char *language_at(const xmlNode *n)
{
    return (char *)xmlGetNsProp(n, (const xmlChar *)"lang", XML_XML_NAMESPACE);
}

/* A narrative that a member can hold: some text, and nothing but its language beside it. */
static bool is_plain(const xmlNode *n)
{
    if (!xml_is(n, "narrative"))
        return false;
    for (const xmlAttr *a = n->properties; a != NULL; a = a->next)
        if (a->ns == NULL || !xmlStrEqual(a->ns->href, XML_XML_NAMESPACE) ||
            !xmlStrEqual(a->name, (const xmlChar *)"lang"))
            return false;
    bool some = false;
    for (const xmlNode *c = n->children; c != NULL; c = c->next) {
        if (c->type == XML_ELEMENT_NODE)
            return false;
        some =
            some || ((c->type == XML_TEXT_NODE) &&
                     !value_all_space((const char *)c->content, strlen((const char *)c->content)));
    }
    return some;
}

/* The language a narrative is in; free it. NULL: nobody says. */
char *language_of(const struct taking *t, const xmlNode *narrative)
{
    char *own = language_at(narrative);
    if (own != NULL && *own == 0) { /* the standard: not known */
        free(own);
        return NULL;
    }
    return own != NULL ? own : t->spoken != NULL ? strdup(t->spoken) : NULL;
}

/* The narrative in the record's language. */
xmlNodePtr main_narrative(const struct taking *t, const xmlNode *of)
{
    for (xmlNodePtr n = xml_child(of, "narrative"); n != NULL; n = xml_next(n, "narrative")) {
        char *language = language_of(t, n);
        bool it = is_plain(n) &&
                  (language == NULL || (t->language != NULL && strcmp(language, t->language) == 0));
        free(language);
        if (it)
            return n;
    }
    return NULL;
}

static bool has_translation(const struct object *o, const char *language, const char *member)
{
    for (size_t i = 0; i < o->n; i++)
        if (strcmp(o->in[i].language, language) == 0 && strcmp(o->in[i].member, member) == 0)
            return true;
    return false;
}

/* What is left of the narratives in other languages, each language once. */
void take_translations(struct taking *t, struct object *o, xmlNodePtr of, const char *member)
{
    for (xmlNodePtr n = xml_child(of, "narrative"), next; n != NULL; n = next) {
        next = xml_next(n, "narrative");
        char *language = is_plain(n) ? language_of(t, n) : NULL;
        if (!hub_is_language(language) || o->n == TRANSLATIONS_MAX ||
            (t->language != NULL && strcmp(language, t->language) == 0) ||
            has_translation(o, language, member)) {
            free(language);
            continue;
        }
        char *text = (char *)xmlNodeGetContent(n);
        t->no_memory = t->no_memory || text == NULL;
        o->in[o->n++] = (struct translation){member, language, text};
        xml_remove(n);
    }
}

void write_translations(struct taking *t, struct object *o)
{
    if (o->n > 0) {
        json_write_name(t->w, "translations");
        json_write_object(t->w);
    }
    for (size_t i = 0; i < o->n; i++) {
        bool first = true; /* of its language? */
        for (size_t k = 0; k < i && first; k++)
            first = strcmp(o->in[k].language, o->in[i].language) != 0;
        if (!first)
            continue;
        json_write_name(t->w, o->in[i].language);
        json_write_object(t->w);
        for (size_t k = i; k < o->n; k++) {
            if (strcmp(o->in[k].language, o->in[i].language) != 0 || o->in[k].text == NULL)
                continue;
            say(t, o->in[k].member, o->in[k].text);
        }
        json_write_end(t->w);
    }
    if (o->n > 0)
        json_write_end(t->w);
    for (size_t i = 0; i < o->n; i++) {
        free(o->in[i].language);
        free(o->in[i].text);
    }
}
