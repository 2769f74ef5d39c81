/* SPDX-License-Identifier: Apache-2.0 */
/* decode: a grant package, streaming. The boundary scan cuts it, each grant is parsed and checked
 * on its own and becomes one funding.award whose body is the grant as it stands. Memory: one grant,
 * and 32 bytes for each grant seen (equal grants and ids). */
#include "giving.h"
#include "lib/json_document.h"
#include <string.h>

struct decoding {
    struct json_document doc;
    struct print_set *grants, *ids;
    bool array_seen, array_wrong;
};

/* Package rule uniqueItems; and the same id with other content, which the schema lets pass. */
static int check_unique(struct decoding *d, struct check *c, const struct place *at,
                        const struct json_node *grant)
{
    int fresh = print_set_add(d->grants, json_print(grant));
    if (fresh < 0)
        return -1;
    if (fresh == 0)
        check_report(c, REEVE_ISSUE_ERROR, "duplicate-grant", at, NULL, "each grant once",
                     "the very same grant stands in the package before");
    const char *id = member_text(grant, "id");
    if (id == NULL)
        return 0;
    int fresh_id = print_set_add(d->ids, text_print(id, strlen(id)));
    if (fresh_id == 0 && fresh == 1) {
        struct place here = {.up = at, .name = "id"};
        check_report(c, REEVE_ISSUE_WARNING, "duplicate-id", &here, node_member(grant, "id"),
                     "an identifier of its own for each grant",
                     "another grant of this package has the same identifier; the later one is "
                     "taken as its correction");
    }
    return fresh_id < 0 ? -1 : 0;
}

static int check_grant(struct decoding *d, struct check *c, const struct place *at,
                       const struct json_node *grant)
{
    bool object = node_is(grant, JSON_OBJECT);
    c->subject = member_text(grant, "id");
    c->personal = object && node_member(grant, "recipientIndividual") != NULL;
    grant_check(c, at, grant);
    if (check_unique(d, c, at, grant) < 0)
        return -1;
    if (object)
        rules_check(c, at, grant);
    if (json_parser_repeats(d->doc.parser))
        check_report(c, REEVE_ISSUE_WARNING, "duplicate-key", at, NULL, "each member once",
                     "a member stands twice in one object; the last one was checked, and receivers "
                     "may take the first");
    return 0;
}

static reeve_rc decode_grant(struct decoding *d)
{
    const struct json_node *grant = NULL;
    reeve_msg *m = NULL;
    struct place root = {.name = "grants"}, at = {.up = &root, .index = d->doc.cut.index};
    struct check c = {.ctx = d->doc.ctx};
    reeve_rc rc = json_document_parse(&d->doc, &grant);
    if (rc != REEVE_OK || grant == NULL)
        return rc;
    rc = json_document_body(&d->doc, &m);
    if (rc == REEVE_OK && check_grant(d, &c, &at, grant) < 0)
        rc = REEVE_RETRY;
    d->doc.taken++;
    if (rc == REEVE_OK && c.errors > 0) {
        reeve_refuse(d->doc.out, c.subject);
    } else if (rc == REEVE_OK) {
        grant_attributes(m, grant);
        rc = reeve_emit(d->doc.out, m) == 0 ? REEVE_OK : REEVE_RETRY;
        m = NULL;
    }
    if (m != NULL)
        reeve_msg_free(m);
    return rc;
}

/* A member of the package beside the grants: its rules concern the whole package. */
static reeve_rc decode_member(struct decoding *d)
{
    const struct json_node *value = NULL;
    reeve_msg *scratch = NULL;
    reeve_rc rc = json_document_parse(&d->doc, &value);
    if (rc != REEVE_OK || value == NULL)
        return rc;
    rc = json_document_body(&d->doc, &scratch);
    if (rc != REEVE_OK)
        return rc;
    reeve_msg_free(scratch);
    if (strcmp(d->doc.cut.key, "grants") == 0 && d->doc.cut.key_len == strlen("grants")) {
        json_document_issue(
            &d->doc, REEVE_ISSUE_PACKAGE, d->array_seen ? "duplicate-key" : "not-an-array",
            "/grants", "one array of grants",
            d->array_seen ? "the package has `grants` twice" : "`grants` is not an array");
        d->array_seen = d->array_wrong = true;
        return REEVE_OK;
    }
    /* As a package of this member alone. Required ones are checked nowhere, the table has none at
     * this level. */
    struct json_node member = *value, package = {.kind = JSON_OBJECT, .n = 1, .first = &member};
    struct check c = {.ctx = d->doc.ctx};
    member.name = d->doc.cut.key;
    member.name_len = d->doc.cut.key_len;
    schema_check(&c, &giving_package, NULL, &package);
    if (c.errors > 0)
        json_document_issue(
            &d->doc, REEVE_ISSUE_PACKAGE, "package-metadata", "", NULL,
            "the package's own description is not valid, so nothing of it is taken");
    return REEVE_OK;
}

static reeve_rc decode_end(struct decoding *d)
{
    if (d->doc.cut.bom)
        json_document_issue(&d->doc, REEVE_ISSUE_WARNING, "bom", "line 1",
                            "UTF-8 without byte order mark",
                            "the file begins with a byte order mark");
    if (!d->array_seen)
        json_document_issue(&d->doc, REEVE_ISSUE_PACKAGE, "grants-missing", "",
                            "a member `grants` with an array", "the package has no grants");
    else if (d->doc.taken == 0 && !d->array_wrong)
        json_document_issue(&d->doc, REEVE_ISSUE_PACKAGE, "grants-empty", "/grants",
                            "at least one grant", "the array of grants is empty");
    return REEVE_OK;
}

static reeve_rc decode_all(struct decoding *d)
{
    for (;;) {
        reeve_rc rc = REEVE_OK;
        switch (json_cut_next(&d->doc.cut)) {
        case JSON_CUT_MEMBER:
            if ((rc = decode_member(d)) != REEVE_OK)
                return rc;
            break;
        case JSON_CUT_ARRAY:
            if (d->array_seen)
                json_document_issue(&d->doc, REEVE_ISSUE_PACKAGE, "duplicate-key", "/grants",
                                    "one array of grants", "the package has `grants` twice");
            d->array_seen = true;
            break;
        case JSON_CUT_RECORD:
            if ((rc = decode_grant(d)) != REEVE_OK)
                return rc;
            break;
        case JSON_CUT_TOO_BIG:
            json_document_over_limit(&d->doc, "too-large", "a record within the message limit",
                                     "the record is larger than a message may be");
            break;
        case JSON_CUT_END:
            return decode_end(d);
        case JSON_CUT_BROKEN:
            return json_document_broken(&d->doc);
        case JSON_CUT_FAILED:
            return reeve_fail(d->doc.ctx, REEVE_RETRY, "the document could not be read to its end");
        }
    }
}

reeve_rc giving_decode(reeve_ctx *ctx, void *inst, reeve_reader *r, const char *content_type,
                       reeve_out *out)
{
    (void)inst;
    (void)content_type; /* the bytes decide: senders label packages in many ways */
    struct decoding d = {.grants = print_set_new(), .ids = print_set_new()};
    reeve_rc rc = REEVE_RETRY;
    if (json_document_init(&d.doc, ctx, r, out, "grants",
                           "a 360Giving package: {\"grants\": [ … ]}") &&
        d.grants != NULL && d.ids != NULL)
        rc = decode_all(&d);
    print_set_free(d.ids);
    print_set_free(d.grants);
    json_document_done(&d.doc);
    return rc;
}
