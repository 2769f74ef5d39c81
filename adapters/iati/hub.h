/* SPDX-License-Identifier: Apache-2.0 */
/* hub - how what stands in an activity and the members of the hub record answer to each other: one
 * table for both directions. */
#ifndef ADAPTERS_IATI_HUB_H
#define ADAPTERS_IATI_HUB_H
#include "iati.h"
#include "lib/hub_record.h"
#include <libxml/tree.h>

enum way {
    /* an attribute of the element */
    WAY_TEXT,    /* text that is not empty */
    WAY_URL,     /* text */
    WAY_TIME,    /* text, RFC 3339 with zone */
    WAY_COUNTRY, /* text */
    WAY_SHARE,   /* decimal text from 0 to 100 */
    WAY_WORD,    /* code: the row's word for it */
    WAY_YES_NO,  /* code: the row's word for it, true or false */
    WAY_CODE,    /* code: {"scheme" (the row's), "code"} */
    WAY_ORG_ID,  /* text: list of one identifier */
    WAY_SCHEME,  /* vocabulary: the row's scheme with it behind */
    WAY_OWN,     /* the same, but 99 is the publisher's own: vocabulary-uri, or no scheme */
    WAY_REGION,  /* code in a vocabulary: list of one identifier */
    /* what stands in it */
    WAY_NARRATIVE, /* narratives of the element itself: text and translations */
    WAY_WORDS,     /* an element with narratives: the same */
    WAY_DATE,      /* an element with iso-date: text */
    WAY_KIND,      /* an element with code: the row's word for it */
    WAY_CODED,     /* an element with code: {"scheme", "code"} */
    WAY_LANGUAGE,  /* an element with code: text */
    WAY_MONEY,     /* value: money */
    WAY_POINT,     /* point: latitude and longitude */
    WAY_PERIOD,    /* period-start and period-end: {"start", "end"} */
    WAY_OBJECT,    /* of */
    WAY_OBJECTS,   /* list of them; rows of one list stand together, the first that suits writes */
};

struct word { /* a code and the record's word for it; a list of them ends with NULL */
    const char *code, *word;
};
struct row {
    const char *own, *hub;
    enum way way;
    const struct shape *of;
    const struct word *words;
    const char *scheme;
    const char *role; /* objects: only those with this role, which is said by the place */
    bool must;        /* without it the object has no place in the record */
    bool (*suits)(const struct json_node *item); /* objects: NULL, any */
};
struct shape {
    const struct row *row;
    size_t n;
};
extern const struct shape hub_award, hub_payment, hub_report;
extern const char *const hub_date_types[4]; /* planned start and end, actual start and end */
bool hub_translates(const char *type);      /* is it one of the three? NULL: no */
bool way_is_attribute(enum way way);
const char *word_of(const struct word *words, const char *code);  /* NULL: none */
const char *code_for(const struct word *words, const char *word); /* NULL: none */

/* ---- trees of XML (hub_xml.c) ---- */
/* One element as a document of its own, nothing fetched; NULL: it is none, has a DOCTYPE, or there
 * is no memory. */
xmlDocPtr xml_read(const char *p, size_t len);
bool xml_is(const xmlNode *n, const char *name);               /* an element of no namespace */
xmlNodePtr xml_child(const xmlNode *parent, const char *name); /* the first; NULL */
xmlNodePtr xml_next(const xmlNode *n, const char *name);       /* behind n; NULL */
char *xml_get(const xmlNode *n, const char *attribute);        /* free(); NULL: absent */
void xml_drop(xmlNodePtr n, const char *attribute);
void xml_remove(xmlNodePtr n);
bool xml_is_empty(const xmlNode *n); /* says nothing */

/* Language tags as the hub record has them (BCP 47); NULL: no. */
bool hub_is_language(const char *s);
/* xs:decimal as decimal text, exact: +01250.50 is 1250.50. false: too long */
bool hub_from_decimal(const char *s, char out[HUB_DECIMAL_MAX + 1]);

reeve_rc iati_to_hub(reeve_ctx *ctx, void *inst, const reeve_msg *in, reeve_out *out);
reeve_rc iati_from_hub(reeve_ctx *ctx, void *inst, const reeve_msg *in, reeve_out *out);

#endif
