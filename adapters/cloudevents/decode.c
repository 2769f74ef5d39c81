/* SPDX-License-Identifier: Apache-2.0 */
/* decode: CloudEvents in the three modes of the HTTP binding, chosen by content type (section 3),
 * and files that hold one event or a batch. Events keep their own id and source. */
#include "events.h"
#include "lib/json_cut.h"
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define HEADER_VALUE_MAX 8192

static void issue(reeve_ctx *ctx, uint32_t severity, const char *code, const char *where,
                  const char *wanted, const char *text)
{
    struct reeve_issue i = {.size = sizeof i,
                            .severity = severity,
                            .code = code,
                            .where = where,
                            .wanted = wanted,
                            .text = text};
    reeve_issue(ctx, &i);
}

static reeve_rc take_event(reeve_ctx *ctx, reeve_out *out, const char *where, const char *p,
                           size_t len)
{
    reeve_msg *m = reeve_msg_from_json(ctx, where, p, len);
    if (m == NULL) {
        reeve_refuse(out, NULL);
        return REEVE_OK;
    }
    return reeve_emit(out, m) == 0 ? REEVE_OK : REEVE_RETRY;
}

/* ---- structured ---- */
static reeve_rc decode_structured(reeve_ctx *ctx, reeve_reader *r, reeve_out *out)
{
    size_t len = 0;
    uint64_t limit = reeve_limit(ctx, "message");
    const char *p = reeve_read_all(r, limit > 0 ? (size_t)limit : (size_t)16 << 20, &len);
    if (p == NULL) {
        issue(ctx, REEVE_ISSUE_PACKAGE, "too-large", "", "an event within the message limit",
              "the event is larger than a message may be, or could not be read");
        return REEVE_OK;
    }
    if (len >= 3 && memcmp(p, "\xef\xbb\xbf", 3) == 0) { /* as batches are read */
        p += 3;
        len -= 3;
    }
    if (p[strspn(p, " \t\r\n")] != '{') {
        issue(ctx, REEVE_ISSUE_UNREADABLE, "event-not-object", "", "one JSON object",
              "this is not a CloudEvent in JSON");
        return REEVE_REJECT;
    }
    return take_event(ctx, out, "", p, len);
}

/* ---- batch ---- */
static reeve_rc batch_broken(reeve_ctx *ctx, const struct json_cut *cut)
{
    char where[64];
    (void)snprintf(where, sizeof where, "line %llu, column %llu", (unsigned long long)cut->line,
                   (unsigned long long)cut->column);
    issue(ctx, REEVE_ISSUE_UNREADABLE, "json-syntax", where, "a JSON array of events", cut->error);
    return REEVE_REJECT;
}

static reeve_rc decode_batch(reeve_ctx *ctx, reeve_reader *r, reeve_out *out)
{
    struct json_cut cut;
    uint64_t limit = reeve_limit(ctx, "message");
    reeve_rc rc = REEVE_OK;
    json_cut_init(&cut, r, NULL, limit > 0 ? (size_t)limit : (size_t)16 << 20);
    for (bool more = true; more && rc == REEVE_OK;) {
        char where[32];
        switch (json_cut_next(&cut)) {
        case JSON_CUT_RECORD:
            (void)snprintf(where, sizeof where, "/%zu", cut.index);
            rc = take_event(ctx, out, where, cut.value, cut.value_len);
            break;
        case JSON_CUT_TOO_BIG:
            (void)snprintf(where, sizeof where, "/%zu", cut.index);
            issue(ctx, REEVE_ISSUE_ERROR, "too-large", where, "an event within the message limit",
                  "the event is larger than a message may be");
            reeve_refuse(out, NULL);
            break;
        case JSON_CUT_BROKEN:
            rc = batch_broken(ctx, &cut);
            break;
        case JSON_CUT_FAILED:
            rc = reeve_fail(ctx, REEVE_RETRY, "the batch could not be read to its end");
            break;
        default: /* the end */
            more = false;
        }
    }
    json_cut_done(&cut);
    return rc;
}

/* ---- binary ---- */
/* One ce- header. false: reported. */
static bool take_header(reeve_ctx *ctx, reeve_msg *m, const char *name, const char *value)
{
    char text[HEADER_VALUE_MAX], where[96];
    const char *error = "the name or value breaks the CloudEvents type system";
    (void)snprintf(where, sizeof where, "header %.64s", name);
    if (strcmp(name, "ce-datacontenttype") == 0) {
        issue(ctx, REEVE_ISSUE_ERROR, "event-attribute-name", where, "Content-Type",
              "binary mode carries datacontenttype as Content-Type");
        return false;
    }
    if (reeve_msg_get(m, name + 3) != NULL && strcmp(name, "ce-specversion") != 0) {
        issue(ctx, REEVE_ISSUE_ERROR, "event-duplicate", where, "each attribute once",
              "the attribute came twice");
        return false;
    }
    if (header_decode(value, text, sizeof text, &error) == 0 &&
        reeve_msg_set(m, name + 3, text) == 0)
        return true;
    issue(ctx, REEVE_ISSUE_ERROR, "event-attribute-value", where,
          "a CloudEvents attribute in the HTTP binding's form", error);
    return false;
}

static bool take_headers(reeve_ctx *ctx, reeve_reader *r, reeve_msg *m)
{
    static const char *const required[] = {"id", "source", "type"};
    const char *value = NULL, *name, *version = reeve_reader_get(r, "h:ce-specversion");
    bool good = true;
    if (version == NULL || strcmp(version, "1.0") != 0) {
        issue(ctx, REEVE_ISSUE_ERROR, "event-specversion", "header ce-specversion", "1.0",
              "the version of CloudEvents is missing or not 1.0");
        return false;
    }
    for (size_t i = 0; (name = reeve_reader_header(r, i, &value)) != NULL; i++)
        if (strncmp(name, "ce-", 3) == 0)
            good = take_header(ctx, m, name, value) && good;
    for (size_t i = 0; i < sizeof required / sizeof required[0]; i++) {
        char where[32];
        if (reeve_msg_get(m, required[i]) != NULL)
            continue;
        (void)snprintf(where, sizeof where, "header ce-%s", required[i]);
        issue(ctx, REEVE_ISSUE_ERROR, "event-required", where, required[i],
              "a required attribute is missing");
        good = false;
    }
    return good;
}

static reeve_rc decode_binary(reeve_ctx *ctx, reeve_reader *r, const char *content_type,
                              reeve_out *out)
{
    size_t len = 0;
    uint64_t limit = reeve_limit(ctx, "message");
    reeve_msg *m = reeve_msg_new(ctx);
    if (m == NULL)
        return REEVE_RETRY;
    bool good = take_headers(ctx, r, m);
    const char *body = reeve_read_all(r, limit > 0 ? (size_t)limit : (size_t)16 << 20, &len);
    if (body == NULL ||
        (len > 0 &&
         reeve_msg_set_body(m, *content_type != 0 ? content_type : "application/octet-stream", body,
                            len) != 0)) {
        issue(ctx, REEVE_ISSUE_ERROR, "event-data", "", "a body of the content type that is given",
              "the body is over the message limit, or is not valid JSON although its content type "
              "says so");
        good = false;
    }
    if (!good) {
        reeve_refuse(out, reeve_msg_get(m, "subject"));
        reeve_msg_free(m);
        return REEVE_OK;
    }
    return reeve_emit(out, m) == 0 ? REEVE_OK : REEVE_RETRY;
}

/* ---- which mode ---- */
reeve_rc events_decode(reeve_ctx *ctx, void *inst, reeve_reader *r, const char *content_type,
                       reeve_out *out)
{
    (void)inst;
    if (strncasecmp(content_type, "application/cloudevents-batch", 29) == 0)
        return decode_batch(ctx, r, out);
    if (strncasecmp(content_type, "application/cloudevents", 23) == 0) {
        if (strncasecmp(content_type + 23, "+json", 5) == 0 || content_type[23] == 0 ||
            content_type[23] == ';')
            return decode_structured(ctx, r, out);
        issue(ctx, REEVE_ISSUE_UNREADABLE, "event-format", "header content-type",
              "application/cloudevents+json", "only the JSON event format is understood");
        return REEVE_REJECT;
    }
    if (reeve_reader_get(r, "h:ce-specversion") != NULL || reeve_reader_get(r, "h:ce-id") != NULL)
        return decode_binary(ctx, r, content_type, out);
    /* a file, or a sender who calls it plain JSON */
    const char *first = reeve_reader_get(r, "peek");
    if (first != NULL && first[strspn(first, "\xef\xbb\xbf \t\r\n")] == '[')
        return decode_batch(ctx, r, out);
    return decode_structured(ctx, r, out);
}
