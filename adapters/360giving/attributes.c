/* SPDX-License-Identifier: Apache-2.0 */
/* attributes: what routing needs of a grant, lifted into the envelope. Attributes may be logged, so
 * nothing personal goes there: a grant to an individual carries no recipient, and no place finer
 * than a district. */
#include "giving.h"
#include "lib/attribute.h"
#include "lib/formats.h"
#include "lib/hub_record.h"
#include <string.h>

/* Countries, regions, counties, districts, London boroughs, and the like of Wales, Scotland and
 * Northern Ireland. */
static bool gss_district_or_wider(const char *s)
{
    static const char *const prefixes[] = {"E06", "E07", "E08", "E09", "E10", "E11",
                                           "E12", "E47", "E92", "K02", "K03", "K04",
                                           "N09", "N92", "S12", "S92", "W06", "W92"};
    for (size_t i = 0; i < sizeof prefixes / sizeof prefixes[0]; i++)
        if (strncmp(s, prefixes[i], 3) == 0)
            return true;
    return false;
}

static const char *place_in(const struct json_node *first, bool personal)
{
    for (; first != NULL; first = first->next) {
        const char *code = member_text(first, "geoCode");
        if (hub_is_gss(code) && (!personal || gss_district_or_wider(code)))
            return code;
    }
    return NULL;
}

static const char *place_of(const struct json_node *grant, bool personal)
{
    const char *code = place_in(first_item(grant, "beneficiaryLocation"), personal);
    if (code != NULL || personal)
        return code;
    return place_in(first_item(first_item(grant, "recipientOrganization"), "location"), false);
}

void grant_attributes(reeve_msg *m, const struct json_node *grant)
{
    const struct json_node *amount = node_member(grant, "amountAwarded");
    bool personal = node_member(grant, "recipientIndividual") != NULL;
    (void)reeve_msg_set(m, "type", "funding.award");
    (void)reeve_msg_set(m, "dataschema", GIVING_SCHEMA);
    attribute_set_escaped(m, "subject", member_text(grant, "id"));
    attribute_set(m, "funder", member_text(first_item(grant, "fundingOrganization"), "id"));
    if (personal)
        (void)reeve_msg_set(m, "datacategory", "personal");
    else
        attribute_set(m, "recipient",
                      member_text(first_item(grant, "recipientOrganization"), "id"));
    attribute_set_money(m, node_is(amount, JSON_NUMBER) ? amount->text : NULL,
                        member_text(grant, "currency"));
    attribute_set(m, "category", member_text(first_item(grant, "classifications"), "code"));
    attribute_set(m, "place", place_of(grant, personal));
}
