/* SPDX-License-Identifier: Apache-2.0 */
/* hub - how a grant's members and those of the hub record answer to each other: one table for both
 * directions. */
#ifndef ADAPTERS_360GIVING_HUB_H
#define ADAPTERS_360GIVING_HUB_H
#include "giving.h"
#include "lib/hub_record.h"

enum way {
    WAY_TEXT,
    WAY_ID,       /* a text that is not empty */
    WAY_DATE,     /* text */
    WAY_URL,      /* text */
    WAY_COUNTRY,  /* text */
    WAY_DECIMAL,  /* number: decimal text */
    WAY_YES_NO,   /* text: boolean */
    WAY_MONEY,    /* number, with `currency` beside it: money */
    WAY_CURRENCY, /* text: stands in the money of the same object */
    WAY_TITLE,    /* text: {"title"} */
    WAY_CODE,     /* text: {"scheme" (that of the row, if it has one), "code"} */
    WAY_CODES,    /* texts: list of the same */
    WAY_RELATED,  /* texts: list of {"id"} */
    WAY_PARTY,    /* text: {"identifiers": [ … ]} */
    WAY_OBJECT,   /* of: the same */
    WAY_OBJECTS,  /* array of them: the same */
    /* items of the group's list, to which several members go */
    WAY_ORG_ID,      /* text: identifier */
    WAY_NUMBER,      /* text: identifier of the row's scheme */
    WAY_AREA,        /* text: identifier; GSS where it has the form, else local */
    WAY_TRANSACTIONS /* array: objects with the row's scheme as kind */
};

struct answer { /* one member of 360Giving and its place */
    const char *own, *hub;
    enum way way;
    const struct answers *of;
    const char *scheme;
    const char *group; /* the member of the record that hub stands in, or whose list it joins; rows
                          of one group stand together */
};
struct answers {
    const struct answer *row;
    size_t n;
};
extern const struct answers hub_grant;
bool way_joins_list(enum way way);

reeve_rc giving_to_hub(reeve_ctx *ctx, void *inst, const reeve_msg *in, reeve_out *out);
reeve_rc giving_from_hub(reeve_ctx *ctx, void *inst, const reeve_msg *in, reeve_out *out);

#endif
