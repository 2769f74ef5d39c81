/* SPDX-License-Identifier: Apache-2.0 */
/* decode: a grant package, streaming; a table is sheet.c's. The boundary scan cuts it, each grant
 * is parsed and checked on its own and becomes one funding.award whose body is the grant as it
 * stands. Memory: one grant, and 28 bytes for each grant seen (equal grants and ids). */
#include "sheet.h"
#include "lib/json_document.h"
#include <string.h>

struct decoding {
    struct json_document doc;
    struct json_unique unique;
    bool array_seen, array_wrong;
};

/* Package rule uniqueItems; and the same id with other content, which the schema lets pass. */
static bool check_unique(struct decoding *d, struct check *c, const struct place *at,
                         const struct json_node *grant)
{
    const char *id = member_text(grant, "id");
    struct print key = id != NULL ? text_print(id, strlen(id)) : (struct print){0, 0};
    return json_document_unique(&d->unique, c, at, grant, id != NULL ? &key : NULL);
}

static reeve_rc decode_grant(void *arg)
{
    struct decoding *d = arg;
    const struct json_node *grant = NULL;
    reeve_msg *m = NULL;
    struct place root = {.name = "grants"}, at = {.up = &root, .index = d->doc.cut.index};
    struct check c = {.ctx = d->doc.ctx};
    reeve_rc rc = json_document_parse(&d->doc, &grant);
    if (rc != REEVE_OK || grant == NULL)
        return rc;
    rc = json_document_body(&d->doc, &m);
    if (rc != REEVE_OK)
        return rc;
    d->doc.taken++;
    grant_judge(&c, &at, grant);
    json_document_repeats(&d->doc, &c, &at);
    if (!check_unique(d, &c, &at, grant)) {
        reeve_msg_free(m);
        return REEVE_RETRY;
    }
    return grant_settle(d->doc.out, &c, grant, m);
}

/* A member of the package beside the grants: its rules concern the whole package. */
static reeve_rc decode_member(void *arg)
{
    struct decoding *d = arg;
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
    /* Required ones are checked nowhere, the table has none at this level. */
    json_document_member(&d->doc, &giving_package, value);
    return REEVE_OK;
}

static void decode_array(void *arg)
{
    struct decoding *d = arg;
    if (d->array_seen)
        json_document_issue(&d->doc, REEVE_ISSUE_PACKAGE, "duplicate-key", "/grants",
                            "one array of grants", "the package has `grants` twice");
    d->array_seen = true;
}

static reeve_rc decode_end(void *arg)
{
    struct decoding *d = arg;
    json_document_bom(&d->doc);
    if (!d->array_seen)
        json_document_issue(&d->doc, REEVE_ISSUE_PACKAGE, "grants-missing", "",
                            "a member `grants` with an array", "the package has no grants");
    else if (d->doc.taken == 0 && !d->array_wrong)
        json_document_issue(&d->doc, REEVE_ISSUE_PACKAGE, "grants-empty", "/grants",
                            "at least one grant", "the array of grants is empty");
    return REEVE_OK;
}

/* JSON, or what an error about JSON explains best: nothing at all, and markup. */
static bool is_package(const char *peek)
{
    static const char *const marks[] = {"\xef\xbb\xbf", "\xff\xfe"};
    for (size_t i = 0; i < 2; i++)
        if (strncmp(peek, marks[i], strlen(marks[i])) == 0)
            peek += strlen(marks[i]);
    peek += strspn(peek, " \t\r\n");
    return *peek == 0 || strchr("{[<", *peek) != NULL;
}

static reeve_rc decode_package(reeve_ctx *ctx, reeve_reader *r, reeve_out *out)
{
    static const struct json_reading reading = {decode_member, decode_array, decode_grant,
                                                decode_end};
    struct decoding d = {
        .unique = {.records = print_set_new(),
                   .ids = print_set_new(),
                   .code = "duplicate-grant",
                   .wanted = "each grant once",
                   .text = "the very same grant stands in the package before",
                   .id_wanted = "an identifier of its own for each grant",
                   .id_text = "another grant of this package has the same identifier; the later "
                              "one is taken as its correction"}};
    reeve_rc rc = REEVE_RETRY;
    if (json_document_init(&d.doc, ctx, r, out, "grants",
                           "a 360Giving package: {\"grants\": [ … ]}") &&
        d.unique.records != NULL && d.unique.ids != NULL)
        rc = json_document_read(&d.doc, &reading, &d);
    print_set_free(d.unique.ids);
    print_set_free(d.unique.records);
    json_document_done(&d.doc);
    return rc;
}

reeve_rc giving_decode(reeve_ctx *ctx, void *inst, reeve_reader *r, const char *content_type,
                       reeve_out *out)
{
    (void)inst;
    (void)content_type; /* the bytes decide: senders label documents in many ways */
    const char *peek = reeve_reader_get(r, "peek");
    return peek == NULL || is_package(peek) ? decode_package(ctx, r, out)
                                            : sheet_decode(ctx, r, out);
}
