/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/json_document.h"
#include <stdio.h>
#include <string.h>

bool json_document_init(struct json_document *d, reeve_ctx *ctx, reeve_reader *r, reeve_out *out,
                        const char *array, const char *wanted)
{
    uint64_t limit = reeve_limit(ctx, "message");
    *d = (struct json_document){.ctx = ctx, .out = out, .array = array, .wanted = wanted};
    json_cut_init(&d->cut, r, array, limit > 0 ? (size_t)limit : (size_t)16 << 20);
    d->parser = json_parser_new(BODY_DEPTH_MAX);
    return d->parser != NULL;
}

void json_document_done(struct json_document *d)
{
    json_parser_free(d->parser);
    json_cut_done(&d->cut);
}

void json_document_issue(struct json_document *d, uint32_t severity, const char *code,
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

static void unreadable_at(struct json_document *d, uint64_t line, uint64_t column, const char *text)
{
    char where[64];
    (void)snprintf(where, sizeof where, "line %llu, column %llu", (unsigned long long)line,
                   (unsigned long long)column);
    json_document_issue(d, REEVE_ISSUE_UNREADABLE, "json-syntax", where, d->wanted, text);
}

void json_document_over_limit(struct json_document *d, const char *code, const char *wanted,
                              const char *text)
{
    char where[64] = "";
    bool record = d->cut.index != SIZE_MAX;
    if (record)
        (void)snprintf(where, sizeof where, "/%s/%zu", d->array, d->cut.index);
    json_document_issue(d, record ? REEVE_ISSUE_ERROR : REEVE_ISSUE_PACKAGE, code, where, wanted,
                        text);
    if (record) {
        d->taken++;
        reeve_refuse(d->out, NULL);
    }
}

reeve_rc json_document_parse(struct json_document *d, const struct json_node **ret)
{
    const char *sentence;
    size_t at;
    *ret = json_parse(d->parser, d->cut.value, d->cut.value_len);
    if (*ret != NULL)
        return REEVE_OK;
    switch (json_parser_fault(d->parser, &sentence, &at)) {
    case JSON_TOO_DEEP:
        json_document_over_limit(d, "too-deep", "at most 63 levels of { } and [ ]",
                                 "values are nested deeper than the hub reads");
        return REEVE_OK;
    case JSON_TOO_MANY:
        json_document_over_limit(d, "too-large", "at most a million values in a record",
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

reeve_rc json_document_body(struct json_document *d, reeve_msg **ret)
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

/* Says what is wrong, and what the bytes look like instead. */
static reeve_rc broken(struct json_document *d)
{
    char text[160], array[64];
    char first = d->cut.first;
    (void)snprintf(array, sizeof array, " (put the array into {\"%s\": …})", d->array);
    const char *looks = first == 0                             ? ""
                        : first == '<'                         ? " (it looks like XML or HTML)"
                        : first == '[' && d->cut.root_is_array ? array
                        : first != '{' && first != '[' && first != '"' && first != '-'
                            ? " (it looks like CSV or plain text)"
                            : "";
    (void)snprintf(text, sizeof text, "%s%s", d->cut.error, looks);
    unreadable_at(d, d->cut.line, d->cut.column, text);
    return REEVE_REJECT;
}

reeve_rc json_document_read(struct json_document *d, const struct json_reading *fn, void *arg)
{
    for (;;) {
        reeve_rc rc = REEVE_OK;
        switch (json_cut_next(&d->cut)) {
        case JSON_CUT_MEMBER:
            rc = fn->member(arg);
            break;
        case JSON_CUT_ARRAY:
            fn->array(arg);
            break;
        case JSON_CUT_RECORD:
            rc = fn->record(arg);
            break;
        case JSON_CUT_TOO_BIG:
            json_document_over_limit(d, "too-large", "a record within the message limit",
                                     "the record is larger than a message may be");
            break;
        case JSON_CUT_END:
            return fn->end(arg);
        case JSON_CUT_BROKEN:
            return broken(d);
        case JSON_CUT_FAILED:
            return reeve_fail(d->ctx, REEVE_RETRY, "the document could not be read to its end");
        }
        if (rc != REEVE_OK)
            return rc;
    }
}

/* ---- what every package is asked ---- */

void json_document_member(struct json_document *d, const struct object *package,
                          const struct json_node *value)
{
    struct json_node member = *value, alone = {.kind = JSON_OBJECT, .n = 1, .first = &member};
    struct check c = {.ctx = d->ctx};
    member.name = d->cut.key;
    member.name_len = d->cut.key_len;
    member.next = NULL;
    schema_check(&c, package, NULL, &alone);
    if (c.errors > 0)
        json_document_issue(
            d, REEVE_ISSUE_PACKAGE, "package-metadata", "", NULL,
            "the package's own description is not valid, so nothing of it is taken");
}

void json_document_bom(struct json_document *d)
{
    if (d->cut.bom)
        json_document_issue(d, REEVE_ISSUE_WARNING, "bom", "line 1",
                            "UTF-8 without byte order mark",
                            "the file begins with a byte order mark");
}

void json_document_repeats(struct json_document *d, struct check *c, const struct place *at)
{
    if (json_parser_repeats(d->parser))
        check_report(c, REEVE_ISSUE_WARNING, "duplicate-key", at, NULL, "each member once",
                     "a member stands twice in one object; the last one was checked, and receivers "
                     "may take the first");
}

bool json_document_unique(const struct json_unique *u, struct check *c, const struct place *at,
                          const struct json_node *record, const struct print *id)
{
    int fresh = print_set_add(u->records, json_print(record));
    if (fresh == 0)
        check_report(c, REEVE_ISSUE_ERROR, u->code, at, NULL, u->wanted, u->text);
    if (fresh < 0 || id == NULL)
        return fresh >= 0;
    int fresh_id = print_set_add(u->ids, *id);
    if (fresh_id == 0 && fresh == 1) {
        struct place here = {.up = at, .name = "id"};
        check_report(c, REEVE_ISSUE_WARNING, "duplicate-id", &here, node_member(record, "id"),
                     u->id_wanted, u->id_text);
    }
    return fresh_id >= 0;
}
