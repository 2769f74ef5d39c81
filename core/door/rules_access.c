/* SPDX-License-Identifier: Apache-2.0 */
/* rules_access - the path of a request and who may use it; see rules.h. */
#include "rules.h"
#include "base/digest.h"
#include "base/util.h"
#include <string.h>
#include <strings.h>

#define TOKEN_LEN_MAX 4096u

static bool refuse(struct refusal *no, unsigned status, const char *code, const char *detail)
{
    *no = (struct refusal){.status = status, .code = code, .detail = detail};
    return false;
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* The byte that %XX at p stands for, or -1. */
static int escaped(const char *p)
{
    int a = hex_value(p[1]), b = a < 0 ? -1 : hex_value(p[2]);
    return b < 0 ? -1 : a << 4 | b;
}

static bool query_check(const char *q, struct refusal *no)
{
    if (strlen(q) > QUERY_LEN_MAX)
        return refuse(no, 414, "target-length", "the query is too long");
    for (; *q; q++) {
        unsigned char c = (unsigned char)*q;
        if (c <= 0x20 || c > 0x7e || c == '#')
            return refuse(no, 400, "query", "the query has characters that must be escaped");
        if (*q == '%' && escaped(q) <= 0)
            return refuse(no, 400, "query", "the query has a bad escape");
    }
    return true;
}

/* No ".", "..", and nothing between two slashes; a slash at the end is also an empty segment. */
static bool segments_ok(const char *path)
{
    const char *p = path;
    while (*p == '/') {
        size_t n = strcspn(++p, "/");
        if (n == 0 || (n == 1 && p[0] == '.') || (n == 2 && p[0] == '.' && p[1] == '.'))
            return false;
        p += n;
    }
    return true;
}

bool path_check(const char *raw, char *path, const char **ret_query, struct refusal *no)
{
    size_t n = 0, len = strcspn(raw, "?");
    const char *query = raw[len] == '?' ? raw + len + 1 : "";
    if (raw[0] != '/')
        return refuse(no, 400, "target", "the request target must begin with a slash");
    if (len > PATH_LEN_MAX)
        return refuse(no, 414, "target-length", "the path is too long");
    for (size_t i = 0; i < len; i++) {
        int c = (unsigned char)raw[i];
        if (c == '%') {
            c = escaped(raw + i);
            if (c < 0 || c == '/')
                return refuse(no, 400, "path-escape", "the path has a bad escape");
            i += 2;
        } else if (c <= 0x20 || c > 0x7e || c == '#') {
            return refuse(no, 400, "path", "the path has characters that must be escaped");
        }
        if (c < 0x20 || c == 0x7f || c == '\\')
            return refuse(no, 400, "path", "the path has characters that no path here has");
        path[n++] = (char)c;
    }
    path[n] = '\0';
    if (n > 1 && !segments_ok(path))
        return refuse(no, 400, "path-segments", "the path has empty or dot segments");
    if (!utf8_valid(path, n))
        return refuse(no, 400, "path", "the path is not UTF-8");
    *ret_query = query;
    return query_check(query, no);
}

/* ---- who */

/* The token of "Bearer TOKEN" (RFC 6750 section 2.1; the scheme in any case), or NULL. */
static const char *bearer(const struct header *h, size_t *ret_len)
{
    static const char other[] = "-._~+/=";
    if (!h || h->value_len < 8 || strncasecmp(h->value, "Bearer ", 7) != 0)
        return NULL;
    const char *p = h->value + 7;
    size_t len = h->value_len - 7;
    while (len > 0 && *p == ' ') {
        p++;
        len--;
    }
    for (size_t i = 0; i < len; i++) {
        char c = p[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!letter && (c == '\0' || !strchr(other, c)))
            return NULL;
    }
    *ret_len = len;
    return len > 0 && len <= TOKEN_LEN_MAX ? p : NULL;
}

/* All are compared, whichever fits: time tells nothing about how near a guess was. */
static bool opens(const struct door_tokens *t, const uint8_t digest[SHA256_LEN])
{
    unsigned found = 0;
    for (size_t i = 0; i < t->n; i++)
        found |= equal_constant_time(t->digest[i], digest, SHA256_LEN);
    return found != 0;
}

/* ---- what */

/* PATH itself, or PATH/receipts/RECEIPT; of the console everything below it. */
static bool fits(const struct door_path *p, const char *path, enum what *ret)
{
    static const char receipts[] = "/receipts/";
    size_t len = strlen(p->path);
    if (strncmp(path, p->path, len) != 0)
        return false;
    if (p->console) {
        *ret = WHAT_CONSOLE;
        return path[len] == '\0' || path[len] == '/';
    }
    if (path[len] == '\0') {
        *ret = WHAT_SUBMIT;
        return true;
    }
    if (strncmp(path + len, receipts, sizeof receipts - 1) != 0)
        return false;
    const char *receipt = path + len + sizeof receipts - 1;
    *ret = WHAT_RECEIPT;
    return *receipt != '\0' && !strchr(receipt, '/');
}

static const struct door_path *find(const struct door_config *c, const char *path, enum what *ret)
{
    for (size_t i = 0; i < c->paths; i++)
        if (fits(&c->path[i], path, ret))
            return &c->path[i];
    return NULL;
}

static bool method_check(const char *method, struct access *a, struct refusal *no)
{
    bool get = strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0,
         post = strcmp(method, "POST") == 0;
    if (a->what == WHAT_CONSOLE ? get || post : a->what == WHAT_SUBMIT ? post : get)
        return true;
    a->allow = a->what == WHAT_CONSOLE  ? "GET, HEAD, POST"
               : a->what == WHAT_SUBMIT ? "POST"
                                        : "GET, HEAD";
    return refuse(no, 405, "method",
                  a->what == WHAT_SUBMIT ? "documents are pushed here with POST"
                                         : "this is read with GET");
}

static bool no_token(struct access *a, bool shown, bool bearer_shown, struct refusal *no)
{
    a->bad_token = shown;
    return refuse(no, 401, bearer_shown ? "token-unknown" : "token-missing",
                  bearer_shown ? "this token opens nothing here"
                               : "show a token: Authorization: Bearer TOKEN");
}

static bool not_found(struct refusal *no)
{
    return refuse(no, 404, "not-found", "there is nothing here for you under this path");
}

/* The hub's own paths; false: it is none of them. */
static bool own_path(const char *path, enum what *ret)
{
    static const struct {
        const char *path;
        enum what what;
    } own[] = {
        {"/-/health", WHAT_HEALTH}, {"/-/health/live", WHAT_LIVE}, {"/-/metrics", WHAT_METRICS}};
    for (size_t i = 0; i < sizeof own / sizeof own[0]; i++)
        if (strcmp(path, own[i].path) == 0) {
            *ret = own[i].what;
            return true;
        }
    return false;
}

static bool metrics_open(const struct door_config *c, const uint8_t *digest, bool shown,
                         struct access *a, struct refusal *no)
{
    if (c->metrics.n == 0)
        return c->local || not_found(no);
    return (digest && opens(&c->metrics, digest)) || no_token(a, shown, digest != NULL, no);
}

bool access_check(const struct door_config *c, const char *method, const char *path,
                  const struct header *authorization, struct access *ret, struct refusal *no)
{
    uint8_t digest[SHA256_LEN];
    size_t len = 0;
    bool known = false, any_closed = false;
    memset(ret, 0, sizeof *ret);
    const char *token = bearer(authorization, &len);
    if (token)
        sha256(token, len, digest);
    if (own_path(path, &ret->what))
        return (ret->what != WHAT_METRICS ||
                metrics_open(c, token ? digest : NULL, authorization != NULL, ret, no)) &&
               method_check(method, ret, no);
    for (size_t i = 0; i < c->paths; i++) {
        any_closed = any_closed || c->path[i].bearer.n > 0;
        if (token && opens(&c->path[i].bearer, digest))
            known = true;
    }
    const struct door_path *p = find(c, path, &ret->what);
    bool theirs = p && (p->bearer.n == 0 || (token && opens(&p->bearer, digest)));
    if (!theirs && any_closed && !known)
        return no_token(ret, authorization != NULL, token != NULL, no);
    if (!theirs)
        return not_found(no);
    ret->path = p;
    return method_check(method, ret, no);
}
