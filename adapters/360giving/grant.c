/* SPDX-License-Identifier: Apache-2.0 */
/* grant: what is said of a grant as a whole, wherever it stood. */
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

void grant_judge(struct check *c, const struct place *at, const struct json_node *grant)
{
    bool object = node_is(grant, JSON_OBJECT);
    c->subject = member_text(grant, "id");
    c->personal = object && node_member(grant, "recipientIndividual") != NULL;
    grant_check(c, at, grant);
    if (object)
        rules_check(c, at, grant);
}

reeve_rc grant_settle(reeve_out *out, const struct check *c, const struct json_node *grant,
                      reeve_msg *m)
{
    if (c->errors > 0) {
        reeve_refuse(out, c->subject);
        reeve_msg_free(m);
        return REEVE_OK;
    }
    grant_attributes(m, grant);
    return reeve_emit(out, m) == 0 ? REEVE_OK : REEVE_RETRY;
}
