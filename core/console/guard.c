/* SPDX-License-Identifier: Apache-2.0 */
/* guard - see guard.h. */
#include "guard.h"
#include "base/util.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define TOKEN_LEN_MAX 1024u

/* ---- the part of the plan */

static int unhex(const char *hex, uint8_t out[SHA256_LEN])
{
    static const char digits[] = "0123456789abcdef";
    if (!hex || strlen(hex) != 2 * (size_t)SHA256_LEN)
        return -EINVAL;
    for (size_t i = 0; i < SHA256_LEN; i++) {
        const char *a = strchr(digits, hex[2 * i]), *b = strchr(digits, hex[2 * i + 1]);
        if (!a || !b)
            return -EINVAL;
        out[i] = (uint8_t)((a - digits) << 4 | (b - digits));
    }
    return 0;
}

int guard_read(const struct tree *part, struct guard *ret, struct err *e)
{
    const struct tree *list = tree_get(part, "bearer_sha256");
    struct guard g = {.tokens = tree_is_list(list) ? list->n : 0,
                      .tls = tree_getb(part, "tls", false)};
    if (unhex(tree_gets(part, "secret", NULL), g.secret) < 0)
        return err_set(e, -EINVAL, "console-part", "the part of the plan has no secret");
    g.token = xcalloc(g.tokens + 1, sizeof *g.token);
    if (!g.token)
        return err_set(e, -ENOMEM, "memory", "out of memory");
    for (size_t i = 0; i < g.tokens; i++)
        if (unhex(tree_text(list->child[i]), g.token[i]) < 0) {
            guard_done(&g);
            return err_set(e, -EINVAL, "console-part", "a token digest is none");
        }
    *ret = g;
    return 0;
}

void guard_done(struct guard *g)
{
    explicit_bzero(g->secret, sizeof g->secret);
    free(g->token);
    g->token = NULL;
}

/* ---- signing */

static void sign(const struct guard *g, const char *what, const char *text, char out[SHA256_HEX])
{
    uint8_t mac[SHA256_LEN];
    char message[512];
    int n = snprintf(message, sizeof message, "%s\n%s", what, text);
    hmac_sha256(g->secret, sizeof g->secret, message, (size_t)n, mac);
    hex_lower(mac, sizeof mac, out);
}

static bool signed_by_us(const struct guard *g, const char *what, const char *text, const char *mac)
{
    char want[SHA256_HEX];
    sign(g, what, text, want);
    return strlen(mac) == SHA256_HEX - 1 && equal_constant_time(want, mac, SHA256_HEX - 1);
}

/* ---- tokens */

/* All are compared, whichever fits. -1: none. */
static int token_index(const struct guard *g, const char *token, size_t len)
{
    uint8_t digest[SHA256_LEN];
    int found = -1;
    if (len == 0 || len > TOKEN_LEN_MAX)
        return -1;
    sha256(token, len, digest);
    for (size_t i = 0; i < g->tokens; i++)
        if (equal_constant_time(g->token[i], digest, SHA256_LEN))
            found = (int)i;
    return found;
}

static void fingerprint(const struct guard *g, int token, char out[9])
{
    hex_lower(g->token[token], 4, out);
}

/* ---- sessions: "BEGIN-END-WHO-MAC" */

static void make_session(const struct guard *g, const char *who, uint64_t begin, uint64_t now_s,
                         struct visitor *v)
{
    char text[64], mac[SHA256_HEX];
    uint64_t end = now_s + SESSION_S, last = begin + SESSION_MOST_S;
    end = end < last ? end : last;
    (void)snprintf(text, sizeof text, "%llu-%llu-%s", (unsigned long long)begin,
                   (unsigned long long)end, who);
    sign(g, "session", text, mac);
    (void)snprintf(
        v->cookie, sizeof v->cookie,
        GUARD_COOKIE "=%s-%s; Path=/-/console; Max-Age=%llu; HttpOnly; SameSite=Strict%s", text,
        mac, (unsigned long long)(end > now_s ? end - now_s : 0), g->tls ? "; Secure" : "");
}

static void name_visitor(const char *who, uint64_t begin, struct visitor *v)
{
    (void)snprintf(v->who, sizeof v->who, "console %.8s", who);
    (void)snprintf(v->binding, sizeof v->binding, "%.8s-%llu", who, (unsigned long long)begin);
}

/* The value of our cookie in "a=b; c=d". */
static bool find_cookie(const char *header, char *out, size_t cap)
{
    static const char name[] = GUARD_COOKIE "=";
    for (const char *p = header; p && *p;) {
        p += strspn(p, " ;");
        size_t n = strcspn(p, ";");
        if (strncmp(p, name, sizeof name - 1) == 0) {
            size_t len = n - (sizeof name - 1);
            if (len >= cap)
                return false;
            memcpy(out, p + sizeof name - 1, len);
            out[len] = '\0';
            return true;
        }
        p += n;
    }
    return false;
}

static bool known_who(const struct guard *g, const char *who)
{
    char one[9];
    for (size_t i = 0; i < g->tokens; i++) {
        fingerprint(g, (int)i, one);
        if (strcmp(one, who) == 0)
            return true;
    }
    return false;
}

static bool in_session(const struct guard *g, const char *header, uint64_t now_s, struct visitor *v)
{
    char value[COOKIE_MAX], who[16];
    unsigned long long begin, end;
    if (!find_cookie(header, value, sizeof value))
        return false;
    char *mac = strrchr(value, '-');
    if (!mac)
        return false;
    *mac++ = '\0';
    if (!signed_by_us(g, "session", value, mac)) /* from here on it is our own text */
        return false;
    if (sscanf(value, "%20llu-%20llu-%8[0-9a-f]", &begin, &end, who) != 3 || now_s >= end ||
        begin > now_s + 60 || !known_who(g, who))
        return false;
    name_visitor(who, begin, v);
    if (end - now_s < SESSION_S / 2 && begin + SESSION_MOST_S > end)
        make_session(g, who, begin, now_s, v);
    return true;
}

bool guard_login(const struct guard *g, const char *token, uint64_t now_s, struct visitor *ret)
{
    char who[9];
    int i = token ? token_index(g, token, strlen(token)) : -1;
    memset(ret, 0, sizeof *ret);
    if (i < 0)
        return false;
    fingerprint(g, i, who);
    name_visitor(who, now_s, ret);
    make_session(g, who, now_s, now_s, ret);
    return true;
}

void guard_logout(const struct guard *g, char cookie[COOKIE_MAX])
{
    (void)snprintf(cookie, COOKIE_MAX,
                   GUARD_COOKIE "=; Path=/-/console; Max-Age=0; HttpOnly; SameSite=Strict%s",
                   g->tls ? "; Secure" : "");
}

/* ---- who asks */

/* localhost, 127.x.y.z or [::1], with or without a port. */
static bool is_this_machine(const char *host)
{
    size_t n = host ? strcspn(host, ":") : 0;
    if (!host)
        return false;
    if (strncmp(host, "[::1]", 5) == 0)
        return host[5] == '\0' || host[5] == ':';
    if (n == 9 && strncasecmp(host, "localhost", 9) == 0)
        return true;
    if (strncmp(host, "127.", 4) != 0)
        return false;
    return strspn(host, "0123456789.") == n;
}

enum guard_answer guard_check(const struct guard *g, const struct door_request *r, uint64_t now_s,
                              struct visitor *ret)
{
    const char *authorization = door_request_header(r, "authorization");
    char who[9];
    memset(ret, 0, sizeof *ret);
    if (g->tokens == 0) {
        (void)snprintf(ret->who, sizeof ret->who, "console");
        (void)snprintf(ret->binding, sizeof ret->binding, "open");
        return is_this_machine(door_request_header(r, "host")) ? GUARD_OPEN : GUARD_HOST;
    }
    if (authorization && strncasecmp(authorization, "Bearer ", 7) == 0) {
        const char *token = authorization + 7 + strspn(authorization + 7, " ");
        int i = token_index(g, token, strlen(token));
        if (i < 0)
            return GUARD_LOGIN;
        fingerprint(g, i, who);
        name_visitor(who, 0, ret);
        return GUARD_OPEN;
    }
    return in_session(g, door_request_header(r, "cookie"), now_s, ret) ? GUARD_OPEN : GUARD_LOGIN;
}

/* ---- what may change something */

bool guard_same_origin(const struct door_request *r)
{
    const char *site = door_request_header(r, "sec-fetch-site"),
               *origin = door_request_header(r, "origin"), *host = door_request_header(r, "host");
    if (site && strcmp(site, "same-origin") != 0)
        return false;
    if (origin) {
        const char *at = strstr(origin, "://");
        return at && host && strcasecmp(at + 3, host) == 0;
    }
    return site; /* a browser says one or the other */
}

void guard_form_token(const struct guard *g, const struct visitor *v, uint64_t now_s,
                      char out[FORM_TOKEN_MAX])
{
    char text[WHO_MAX * 2 + 32], mac[SHA256_HEX];
    unsigned long long end = now_s + FORM_S;
    (void)snprintf(text, sizeof text, "%llu-%s", end, v->binding);
    sign(g, "form", text, mac);
    (void)snprintf(out, FORM_TOKEN_MAX, "%llu-%s", end, mac);
}

bool guard_form_ok(const struct guard *g, const struct visitor *v, uint64_t now_s,
                   const char *token)
{
    char text[WHO_MAX * 2 + 32], number[24];
    size_t n = token ? strspn(token, "0123456789") : 0;
    int64_t end;
    if (n == 0 || n >= sizeof number || token[n] != '-')
        return false;
    memcpy(number, token, n);
    number[n] = '\0';
    (void)snprintf(text, sizeof text, "%s-%s", number, v->binding);
    return signed_by_us(g, "form", text, token + n + 1) && parse_i64(number, &end) == 0 &&
           now_s < (uint64_t)end;
}
