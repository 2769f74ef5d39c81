/* SPDX-License-Identifier: Apache-2.0 */
/* walk - what the parts of the walk share; of libxml2's SAX2 events. */
#ifndef IATI_WALK_H
#define IATI_WALK_H
#include "iati.h"

/* ---- walk.c ---- */
/* A fault of the schema, at the open element of this depth; attribute, found, wanted may be NULL.
 */
void walk_fault(struct walk *w, size_t depth, const char *code, const char *attribute,
                const char *found, const char *wanted, const char *text);
/* Nothing more can be read: it is not a document of the standard. */
void walk_unreadable(struct walk *w, uint64_t line, const char *code, const char *wanted,
                     const char *text);

bool walk_personal(const struct walk *w); /* what stands here may be about people */

/* ---- schema.c: a file of the official schema, when there is one ---- */
/* Both are for a walk that was begun with a schema, and do nothing for any other. */
bool official_begin(struct walk *w, struct official *o); /* false: out of memory */
void official_end(struct walk *w);
/* The events, after the grammar has seen them and before anything is made of them. */
void official_start_element(struct walk *w, const xmlChar *name, const xmlChar *prefix,
                            const xmlChar *uri, int ns_n, const xmlChar **ns, int n, int defaulted,
                            const xmlChar **attributes);
void official_text(struct walk *w, const xmlChar *text, int len);
void official_end_element(struct walk *w, const xmlChar *name, const xmlChar *prefix,
                          const xmlChar *uri);

/* ---- grammar_check.c ---- */
/* Finds the element that starts in the grammar; *f is its frame. */
void grammar_place(struct walk *w, struct frame *f, const xmlChar *name, const xmlChar *prefix,
                   const xmlChar *uri);
void grammar_attributes(struct walk *w, const struct element *e);
/* Of an element of another namespace. */
void grammar_lax_attributes(struct walk *w);
/* Parts of the element at this depth that must have come, from one to before another. */
void grammar_missing(struct walk *w, size_t depth, size_t from, size_t to);
/* Which namespaces the activity takes from the root: its bytes alone must declare them too. */
void walk_namespaces(struct walk *w, const xmlChar *prefix, const xmlChar *uri, int ns_n,
                     const xmlChar **ns);

#endif
