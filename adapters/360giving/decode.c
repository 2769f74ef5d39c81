/* SPDX-License-Identifier: Apache-2.0 */
/* decode: a grant package, streaming. The boundary scan cuts it, each grant is parsed and checked
 * on its own and becomes one funding.award whose body is the grant as it stands. Memory: one grant,
 * and 32 bytes for each grant seen (equal grants and ids). */
#include "giving.h"
#include "lib/json_cut.h"
#include <stdio.h>
#include <string.h>

#define DEPTH_MAX 63 /* as deep as the host lets a body be */

struct decoding {
    reeve_ctx *ctx;
    reeve_out *out;
    struct json_cut cut;
    struct json_parser *parser;
    struct print_set *grants, *ids;
    bool array_seen, array_wrong;
    size_t emitted_or_refused;
};

static void document_issue(struct decoding *d, uint32_t severity, const char *code,
                           const char *where, const char *wanted, const char *text)
{
    struct reeve_issue issue = {.size = sizeof issue,
                                .severity = severity,
                                .code = code,
                                .where = where,
                                .wanted = wanted,
                                .text = text};
    reeve_issue(d->ctx, &issue);
}

static void unreadable_at(struct decoding *d, uint64_t line, uint64_t column, const char *text)
{
    char where[64];
    (void)snprintf(where, sizeof where, "line %llu, column %llu", (unsigned long long)line,
                   (unsigned long long)column);
    document_issue(d, REEVE_ISSUE_UNREADABLE, "json-syntax", where,
                   "a 360Giving package: {\"grants\": [ … ]}", text);
}

/* The value is over a limit, but where it ends is known: what follows is looked at all the same. */
static void over_limit(struct decoding *d, const char *code, const char *wanted, const char *text)
{
    char where[64] = "";
    bool grant = d->cut.index != SIZE_MAX;
    if (grant)
        (void)snprintf(where, sizeof where, "/grants/%zu", d->cut.index);
    document_issue(d, grant ? REEVE_ISSUE_ERROR : REEVE_ISSUE_PACKAGE, code, where, wanted, text);
    if (grant) {
        d->emitted_or_refused++;
        reeve_refuse(d->out, NULL);
    }
}

/* Parses a cut value. REEVE_REJECT: it was not JSON, which was reported. REEVE_OK and *ret NULL: it
 * is over a limit, which was reported. */
static reeve_rc parse(struct decoding *d, const struct json_node **ret)
{
    const char *sentence;
    size_t at;
    *ret = json_parse(d->parser, d->cut.value, d->cut.value_len);
    if (*ret != NULL)
        return REEVE_OK;
    switch (json_parser_fault(d->parser, &sentence, &at)) {
    case JSON_TOO_DEEP:
        over_limit(d, "too-deep", "at most 63 levels of { } and [ ]",
                   "values are nested deeper than the hub reads");
        return REEVE_OK;
    case JSON_TOO_MANY:
        over_limit(d, "too-large", "at most a million values in a record",
                   "the record has more values than the hub reads");
        return REEVE_OK;
    case JSON_NO_MEMORY:
        return reeve_fail(d->ctx, REEVE_RETRY, "out of memory");
    default:
        break;
    }
    uint64_t line = 0, column = 0;
    json_cut_place(&d->cut, at, &line, &column);
    unreadable_at(d, line, column, sentence);
    return REEVE_REJECT;
}

/* The cut value as the body of a new message. The host has the last word on what is JSON. */
static reeve_rc strict(struct decoding *d, reeve_msg **ret)
{
    *ret = reeve_msg_new(d->ctx);
    if (*ret == NULL)
        return REEVE_RETRY;
    if (reeve_msg_set_body(*ret, "application/json", d->cut.value, d->cut.value_len) == 0)
        return REEVE_OK;
    reeve_msg_free(*ret);
    *ret = NULL;
    unreadable_at(d, d->cut.line, d->cut.column,
                  "the value that begins here is not strict JSON (RFC 8259)");
    return REEVE_REJECT;
}

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
    if (json_parser_repeats(d->parser))
        check_report(c, REEVE_ISSUE_WARNING, "duplicate-key", at, NULL, "each member once",
                     "a member stands twice in one object; the last one was checked, and receivers "
                     "may take the first");
    return 0;
}

static reeve_rc decode_grant(struct decoding *d)
{
    const struct json_node *grant = NULL;
    reeve_msg *m = NULL;
    struct place root = {.name = "grants"}, at = {.up = &root, .index = d->cut.index};
    struct check c = {.ctx = d->ctx};
    reeve_rc rc = parse(d, &grant);
    if (rc != REEVE_OK || grant == NULL)
        return rc;
    rc = strict(d, &m);
    if (rc == REEVE_OK && check_grant(d, &c, &at, grant) < 0)
        rc = REEVE_RETRY;
    d->emitted_or_refused++;
    if (rc == REEVE_OK && c.errors > 0) {
        reeve_refuse(d->out, c.subject);
    } else if (rc == REEVE_OK) {
        grant_attributes(m, grant);
        rc = reeve_emit(d->out, m) == 0 ? REEVE_OK : REEVE_RETRY;
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
    reeve_rc rc = parse(d, &value);
    if (rc != REEVE_OK || value == NULL)
        return rc;
    rc = strict(d, &scratch);
    if (rc != REEVE_OK)
        return rc;
    reeve_msg_free(scratch);
    if (strcmp(d->cut.key, "grants") == 0 && d->cut.key_len == strlen("grants")) {
        document_issue(d, REEVE_ISSUE_PACKAGE, d->array_seen ? "duplicate-key" : "not-an-array",
                       "/grants", "one array of grants",
                       d->array_seen ? "the package has `grants` twice"
                                     : "`grants` is not an array");
        d->array_seen = d->array_wrong = true;
        return REEVE_OK;
    }
    /* As a package of this member alone. Required ones are checked nowhere, the table has none at
     * this level. */
    struct json_node member = *value, package = {.kind = JSON_OBJECT, .n = 1, .first = &member};
    struct check c = {.ctx = d->ctx};
    member.name = d->cut.key;
    member.name_len = d->cut.key_len;
    schema_check(&c, &giving_package, NULL, &package);
    if (c.errors > 0)
        document_issue(d, REEVE_ISSUE_PACKAGE, "package-metadata", "", NULL,
                       "the package's own description is not valid, so nothing of it is taken");
    return REEVE_OK;
}

static reeve_rc decode_broken(struct decoding *d)
{
    char text[160];
    char first = d->cut.first;
    const char *looks = first == 0     ? ""
                        : first == '<' ? " (it looks like XML or HTML)"
                        : first == '[' && d->cut.root_is_array
                            ? " (put the array into {\"grants\": …})"
                        : first != '{' && first != '[' && first != '"' && first != '-'
                            ? " (it looks like CSV or plain text)"
                            : "";
    (void)snprintf(text, sizeof text, "%s%s", d->cut.error, looks);
    unreadable_at(d, d->cut.line, d->cut.column, text);
    return REEVE_REJECT;
}

static reeve_rc decode_end(struct decoding *d)
{
    if (d->cut.bom)
        document_issue(d, REEVE_ISSUE_WARNING, "bom", "line 1", "UTF-8 without byte order mark",
                       "the file begins with a byte order mark");
    if (!d->array_seen)
        document_issue(d, REEVE_ISSUE_PACKAGE, "grants-missing", "",
                       "a member `grants` with an array", "the package has no grants");
    else if (d->emitted_or_refused == 0 && !d->array_wrong)
        document_issue(d, REEVE_ISSUE_PACKAGE, "grants-empty", "/grants", "at least one grant",
                       "the array of grants is empty");
    return REEVE_OK;
}

static reeve_rc decode_all(struct decoding *d)
{
    for (;;) {
        reeve_rc rc = REEVE_OK;
        switch (json_cut_next(&d->cut)) {
        case JSON_CUT_MEMBER:
            if ((rc = decode_member(d)) != REEVE_OK)
                return rc;
            break;
        case JSON_CUT_ARRAY:
            if (d->array_seen)
                document_issue(d, REEVE_ISSUE_PACKAGE, "duplicate-key", "/grants",
                               "one array of grants", "the package has `grants` twice");
            d->array_seen = true;
            break;
        case JSON_CUT_RECORD:
            if ((rc = decode_grant(d)) != REEVE_OK)
                return rc;
            break;
        case JSON_CUT_TOO_BIG:
            over_limit(d, "too-large", "a record within the message limit",
                       "the record is larger than a message may be");
            break;
        case JSON_CUT_END:
            return decode_end(d);
        case JSON_CUT_BROKEN:
            return decode_broken(d);
        case JSON_CUT_FAILED:
            return reeve_fail(d->ctx, REEVE_RETRY, "the document could not be read to its end");
        }
    }
}

reeve_rc giving_decode(reeve_ctx *ctx, void *inst, reeve_reader *r, const char *content_type,
                       reeve_out *out)
{
    (void)inst;
    (void)content_type; /* the bytes decide: senders label packages in many ways */
    uint64_t limit = reeve_limit(ctx, "message");
    struct decoding d = {.ctx = ctx, .out = out};
    reeve_rc rc = REEVE_RETRY;
    json_cut_init(&d.cut, r, "grants", limit > 0 ? (size_t)limit : (size_t)16 << 20);
    d.parser = json_parser_new(DEPTH_MAX);
    d.grants = print_set_new();
    d.ids = print_set_new();
    if (d.parser != NULL && d.grants != NULL && d.ids != NULL)
        rc = decode_all(&d);
    print_set_free(d.ids);
    print_set_free(d.grants);
    json_parser_free(d.parser);
    json_cut_done(&d.cut);
    return rc;
}
