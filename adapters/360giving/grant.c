/* SPDX-License-Identifier: Apache-2.0 */
/* grant: what the official schema says of a grant as a whole. */
#include "giving.h"

static void check_recipient(struct check *c, const struct place *at, const struct json_node *grant)
{
    bool org = node_member(grant, "recipientOrganization") != NULL;
    bool person = node_member(grant, "recipientIndividual") != NULL;
    if (org && person)
        check_report(c, REEVE_ISSUE_ERROR, "recipient-both", at, NULL,
                     "either recipientOrganization or recipientIndividual",
                     "a grant goes to organisations or to an individual, not to both");
    else if (!org && !person)
        check_report(c, REEVE_ISSUE_ERROR, "recipient-missing", at, NULL,
                     "recipientOrganization or recipientIndividual",
                     "the grant does not say who received it");
}

void grant_check(struct check *c, const struct place *at, const struct json_node *grant)
{
    if (node_is(grant, JSON_OBJECT))
        check_recipient(c, at, grant);
    schema_check(c, &giving_grant, at, grant);
}
