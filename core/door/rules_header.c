/* SPDX-License-Identifier: Apache-2.0 */
/* rules_header - the fields of a request's head; see rules.h. What two readers could understand
 * differently is refused: lengths above all, since they decide where the next request begins. */
#include "rules.h"
#include <string.h>
#include <strings.h>

static bool refuse(struct refusal *no, unsigned status, const char *code, const char *detail)
{
    *no = (struct refusal){.status = status, .code = code, .detail = detail};
    return false;
}

/* RFC 9110 section 5.6.2 */
static bool is_token(const char *p, size_t len)
{
    static const char other[] = "!#$%&'*+-.^_`|~";
    for (size_t i = 0; i < len; i++) {
        char c = p[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!letter && (c == '\0' || !strchr(other, c)))
            return false;
    }
    return len > 0;
}

/* RFC 9110 section 5.5: visible characters, blanks, tabs, and bytes above 0x7f which we do not
 * interpret */
static bool is_value(const char *p, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)p[i];
        if ((c < 0x20 && c != '\t') || c == 0x7f)
            return false;
    }
    return true;
}

static bool named(const struct header *h, const char *name)
{
    return h->name_len == strlen(name) && strncasecmp(h->name, name, h->name_len) == 0;
}

static bool value_is(const struct header *h, const char *text)
{
    return h->value_len == strlen(text) && strncasecmp(h->value, text, h->value_len) == 0;
}

static bool host_ok(const struct header *h)
{
    static const char other[] = ".-_:[]%~";
    for (size_t i = 0; i < h->value_len; i++) {
        char c = h->value[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!letter && (c == '\0' || !strchr(other, c)))
            return false;
    }
    return h->value_len > 0 && h->value_len <= 255;
}

static bool length_ok(const struct header *h, struct head *ret)
{
    uint64_t n = 0;
    if (h->value_len == 0 || h->value_len > 18)
        return false;
    for (size_t i = 0; i < h->value_len; i++) {
        if (h->value[i] < '0' || h->value[i] > '9')
            return false;
        n = n * 10 + (uint64_t)(h->value[i] - '0');
    }
    ret->has_length = true;
    ret->length = n;
    return true;
}

/* Fields that may come once; two of them would leave it open which one counts. */
static const char *const single[] = {
    "host",   "content-length",   "transfer-encoding", "authorization", "content-type",
    "expect", "content-encoding", "idempotency-key",   "prefer",        "date"};
#define SINGLE (sizeof single / sizeof single[0])

static bool check_known(const struct header *h, size_t which, struct head *ret, struct refusal *no)
{
    switch (which) {
    case 0:
        return host_ok(h) || refuse(no, 400, "host", "the Host field is not a host");
    case 1:
        return length_ok(h, ret) ||
               refuse(no, 400, "content-length", "Content-Length is not a plain number");
    case 2:
        ret->chunked = true;
        return value_is(h, "chunked") ||
               refuse(no, 400, "transfer-encoding", "the only transfer coding is chunked");
    case 3:
        ret->authorization = h;
        return true;
    case 5:
        return value_is(h, "100-continue") ||
               refuse(no, 417, "expect", "the only expectation is 100-continue");
    case 6:
        return value_is(h, "identity") ||
               refuse(no, 415, "content-encoding",
                      "bodies are taken as they are: send this without Content-Encoding");
    default:
        return true;
    }
}

static bool check_one(const struct header *h, unsigned seen[SINGLE], struct head *ret,
                      struct refusal *no)
{
    if (!is_token(h->name, h->name_len))
        return refuse(no, 400, "header-name", "a header field has a name that is none");
    if (!is_value(h->value, h->value_len))
        return refuse(no, 400, "header-value",
                      "a header field has control characters in its value");
    for (size_t k = 0; k < SINGLE; k++) {
        if (!named(h, single[k]))
            continue;
        if (++seen[k] > 1)
            return refuse(no, 400, "header-twice", "a header field that may come once came twice");
        return check_known(h, k, ret, no);
    }
    return true;
}

bool header_check(const struct header *h, size_t n, const char *version, struct head *ret,
                  struct refusal *no)
{
    unsigned seen[SINGLE] = {0};
    bool one = strcmp(version, "HTTP/1.1") == 0, zero = strcmp(version, "HTTP/1.0") == 0;
    memset(ret, 0, sizeof *ret);
    if (!one && !zero)
        return refuse(no, 505, "version", "this server speaks HTTP/1.1");
    if (n > HEADERS_MAX)
        return refuse(no, 431, "headers", "too many header fields");
    for (size_t i = 0; i < n; i++)
        if (!check_one(&h[i], seen, ret, no))
            return false;
    if (one && seen[0] == 0)
        return refuse(no, 400, "host", "there is no Host field");
    if (ret->chunked && ret->has_length)
        return refuse(no, 400, "length-twice", "both Content-Length and Transfer-Encoding");
    if (ret->chunked && zero)
        return refuse(no, 400, "transfer-encoding", "HTTP/1.0 has no transfer codings");
    return true;
}

bool header_passes(const struct header *h, bool to_console)
{
    static const char *const never[] = {
        "connection",          "keep-alive",      "te",     "trailer",
        "transfer-encoding",   "upgrade",         "expect", "content-length",
        "proxy-authorization", "proxy-connection"};
    static const char *const console[] = {"authorization", "cookie", "host"};
    for (size_t i = 0; i < sizeof never / sizeof never[0]; i++)
        if (named(h, never[i]))
            return false;
    for (size_t i = 0; i < sizeof console / sizeof console[0]; i++)
        if (named(h, console[i]))
            return to_console;
    return true;
}

bool answer_field_ok(const char *name, const char *value)
{
    static const char *const known[] = {"content-language",
                                        "content-security-policy",
                                        "cross-origin-opener-policy",
                                        "cross-origin-resource-policy",
                                        "location",
                                        "referrer-policy",
                                        "set-cookie",
                                        "www-authenticate",
                                        "x-frame-options"};
    for (const char *p = value; *p; p++)
        if (*p < 0x20 || *p > 0x7e)
            return false;
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (strcmp(name, known[i]) == 0)
            return true;
    return false;
}

bool body_check(const struct head *h, const char *method, uint64_t limit, struct refusal *no)
{
    bool takes = strcmp(method, "POST") == 0;
    if (takes && !h->has_length && !h->chunked)
        return refuse(no, 411, "length-required",
                      "say how long the body is: Content-Length, or chunked");
    if (takes && h->has_length && h->length > limit)
        return refuse(no, 413, "too-large", "the body is larger than this path takes");
    if (!takes && (h->chunked || h->length > 0))
        return refuse(no, 400, "body", "this method takes no body");
    return true;
}
