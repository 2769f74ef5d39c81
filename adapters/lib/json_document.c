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

reeve_rc json_document_broken(struct json_document *d)
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
