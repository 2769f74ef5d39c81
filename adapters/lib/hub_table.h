/* SPDX-License-Identifier: Apache-2.0 */
/* hub_table - how the members of a JSON standard and those of the hub record answer to each other:
 * one table for both directions. A member that has no row, or a value that does not fit its row, is
 * kept in `other` of the same object, so nothing is lost on the way there and back. For adapters;
 * thread-safe. */
#ifndef ADAPTERS_LIB_HUB_TABLE_H
#define ADAPTERS_LIB_HUB_TABLE_H
#include "lib/json_node.h"
#include "lib/json_write.h"
#include <stdbool.h>
#include <stddef.h>

enum way {                /* the standard's: the record's */
           WAY_TEXT,      /* text */
           WAY_NAME,      /* a text that is not empty, or an integer: a text */
           WAY_ID,        /* a text that is not empty */
           WAY_DATE,      /* text */
           WAY_URL,       /* text */
           WAY_COUNTRY,   /* text */
           WAY_LANGUAGE,  /* text, of BCP 47's form */
           WAY_WORD,      /* text: the same, if it is one of `words` */
           WAY_DECIMAL,   /* number: decimal text */
           WAY_YES_NO,    /* text: boolean */
           WAY_MONEY,     /* number, with `currency` beside it: money */
           WAY_CURRENCY,  /* text: stands in the money of the same object */
           WAY_VALUE,     /* {"amount", "currency"} and nothing else: money */
           WAY_TITLE,     /* text: {"title"} */
           WAY_CODE,      /* text: {"scheme" (that of the row, if it has one), "code"} */
           WAY_CODES,     /* texts: list of the same */
           WAY_TEXTS,     /* texts: the same */
           WAY_RELATED,   /* texts: list of {"id"} */
           WAY_RELATED_1, /* text: {"id"} */
           WAY_PARTY,     /* text: {"identifiers": [ … ]} */
           WAY_OBJECT,    /* of: the same */
           WAY_OBJECTS,   /* array of them: the same */
           WAY_SELF,      /* no member: what `of` has of this object is an object of its own;
                             nothing of `of` goes into (WAY_INTO) */
           WAY_INTO,      /* object: what `of` has of it stands in the record's object itself */
           WAY_INTO_1,    /* array of one object: the same */
           /* items of the group's list, to which several members go */
           WAY_ORG_ID,      /* text: identifier */
           WAY_NUMBER,      /* text: identifier of the row's scheme */
           WAY_AREA,        /* text: identifier; GSS where it has the form, else local */
           WAY_ITEM,        /* of: the first of the list */
           WAY_TRANSACTIONS /* array: objects with the row's scheme as kind */
};

struct answer { /* one member of the standard and its place */
    const char *own, *hub;
    enum way way;
    const struct answers *of;
    const char *scheme;
    const char *words; /* of WAY_WORD, with a blank between them; own=hub where they differ */
    const char *group; /* the member of the record that hub stands in, or whose list it joins; rows
                          of one group stand together */
    const char *instead; /* an old name of this member: taken when it is absent, never written */
};
struct answers { /* 64 rows at most */
    const struct answer *row;
    size_t n;
};
#define ANSWERS(rows)                          \
    {                                          \
        rows, sizeof(rows) / sizeof((rows)[0]) \
    }
#define SAME(name_, way_)                       \
    {                                           \
        .own = name_, .hub = name_, .way = way_ \
    }

bool way_joins_list(enum way way);
/* The record's word for the standard's (own), or the other way: *ret_len bytes inside a->words.
 * NULL: there is none. */
const char *hub_word(const struct answer *a, const char *text, bool own, size_t *ret_len);
/* The members of the record that o, an object of the standard, becomes; inside an object that the
 * caller has begun. */
void hub_table_write(struct json_write *w, const char *standard, const struct answers *t,
                     const struct json_node *o);
/* The members of the standard's object that o, an object of the record, becomes. What does not fit
 * the standard comes out as it is: the caller holds the result to the schema. */
void hub_table_read(struct json_write *w, const char *standard, const struct answers *t,
                    const struct json_node *o);
/* What `other` of o holds of the standard; NULL: nothing. */
const struct json_node *hub_other(const struct json_node *o, const char *standard);

#endif
