/* SPDX-License-Identifier: Apache-2.0 */
/* url - see fetch.h. URLs are taken apart by libcurl, the one that will follow them. */
#include "fetch.h"
#include <curl/curl.h>
#include <json-c/json.h>
#include <json-c/json_pointer.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

struct parts {
    CURLU *handle;
    char *scheme, *host, *port;
};

static void parts_free(struct parts *p)
{
    curl_free(p->scheme);
    curl_free(p->host);
    curl_free(p->port);
    curl_url_cleanup(p->handle);
}

static int take_apart(const char *url, struct parts *p)
{
    *p = (struct parts){.handle = curl_url()};
    if (p->handle == NULL || curl_url_set(p->handle, CURLUPART_URL, url, 0) != CURLUE_OK ||
        curl_url_get(p->handle, CURLUPART_SCHEME, &p->scheme, 0) != CURLUE_OK)
        return -1;
    (void)curl_url_get(p->handle, CURLUPART_HOST, &p->host, 0); /* a file has none */
    (void)curl_url_get(p->handle, CURLUPART_PORT, &p->port, CURLU_DEFAULT_PORT);
    return 0;
}

static bool known_scheme(const char *scheme)
{
    return strcmp(scheme, "http") == 0 || strcmp(scheme, "https") == 0 ||
           strcmp(scheme, "sftp") == 0 || strcmp(scheme, "file") == 0;
}

int url_check(const char *url, char *why, size_t size)
{
    struct parts p;
    char *user = NULL;
    int rc = strlen(url) < URL_MAX ? take_apart(url, &p) : -1;
    if (strlen(url) >= URL_MAX) {
        (void)snprintf(why, size, "the URL is longer than %u bytes", URL_MAX - 1);
        return -1;
    }
    if (rc < 0)
        (void)snprintf(why, size, "this is not a URL with a scheme");
    else if (!known_scheme(p.scheme))
        (void)snprintf(why, size, "the scheme %.20s is not one of http, https, sftp and file",
                       p.scheme);
    else if (curl_url_get(p.handle, CURLUPART_USER, &user, 0) == CURLUE_OK)
        (void)snprintf(why, size,
                       "a name or password in the URL would be logged: say basic, or user");
    else
        rc = 1;
    curl_free(user);
    parts_free(&p);
    return rc == 1 ? 0 : -1;
}

int url_resolve(const char *base, const char *reference, char out[URL_MAX])
{
    CURLU *u = curl_url();
    char *whole = NULL;
    int rc = -1;
    if (u != NULL && curl_url_set(u, CURLUPART_URL, base, 0) == CURLUE_OK &&
        curl_url_set(u, CURLUPART_URL, reference, 0) == CURLUE_OK &&
        curl_url_get(u, CURLUPART_URL, &whole, 0) == CURLUE_OK && strlen(whole) < URL_MAX) {
        (void)snprintf(out, URL_MAX, "%s", whole);
        rc = 0;
    }
    curl_free(whole);
    curl_url_cleanup(u);
    return rc;
}

static bool same(const char *a, const char *b)
{
    return (a == NULL && b == NULL) || (a != NULL && b != NULL && strcasecmp(a, b) == 0);
}

bool url_same_origin(const char *a, const char *b)
{
    struct parts x, y;
    bool both = take_apart(a, &x) == 0;
    both = (take_apart(b, &y) == 0) && both;
    bool equal = both && same(x.scheme, y.scheme) && same(x.host, y.host) && same(x.port, y.port);
    parts_free(&x);
    parts_free(&y);
    return equal;
}

bool url_may_lead(const char *from, const char *to)
{
    bool secure = strncasecmp(to, "https://", 8) == 0;
    if (strncasecmp(from, "https://", 8) == 0)
        return secure;
    return strncasecmp(from, "http://", 7) == 0 && (secure || strncasecmp(to, "http://", 7) == 0);
}

/* ---- Link: <target>; name=value; name="value", <target> … ---- */

static const char *skip_space(const char *p)
{
    return p + strspn(p, " \t");
}

/* Is the word "next" among those of a relation ("prev next")? */
static bool has_next(const char *p, size_t n)
{
    while (n > 0) {
        size_t k = 0;
        while (k < n && p[k] != ' ')
            k++;
        if (k == 4 && strncasecmp(p, "next", 4) == 0)
            return true;
        k += k < n;
        p += k;
        n -= k;
    }
    return false;
}

/* One parameter, from behind its ";"; tells whether it is rel=next. */
static const char *parameter(const char *p, bool *next)
{
    p = skip_space(p);
    size_t name = strcspn(p, "=;, \t");
    bool rel = name == 3 && strncasecmp(p, "rel", 3) == 0;
    p = skip_space(p + name);
    if (*p != '=')
        return p;
    p = skip_space(p + 1);
    const char *value = p + (*p == '"');
    size_t n = *p == '"' ? strcspn(value, "\"") : strcspn(value, ";, \t");
    *next = *next || (rel && has_next(value, n));
    p = value + n;
    return *p == '"' ? p + 1 : p;
}

int link_next(const char *p, char out[URL_MAX])
{
    for (p = strchr(p, '<'); p != NULL; p = strchr(p, '<')) {
        const char *target = p + 1;
        size_t n = strcspn(target, ">");
        bool next = false;
        if (target[n] == '\0')
            return 0;
        p = skip_space(target + n + 1);
        while (*p == ';')
            p = skip_space(parameter(p + 1, &next));
        if (next && n > 0 && n < URL_MAX) {
            memcpy(out, target, n);
            out[n] = '\0';
            return 1;
        }
    }
    return 0;
}

/* ---- a member of the document ---- */

int pointer_next(const char *json, size_t len, const char *pointer, char out[URL_MAX], char *why,
                 size_t size)
{
    struct json_tokener *t = len <= INT32_MAX ? json_tokener_new_ex(64) : NULL;
    struct json_object *found = NULL, *whole = t ? json_tokener_parse_ex(t, json, (int)len) : NULL;
    int rc = -1;
    if (whole == NULL) {
        (void)snprintf(why, size, "the page is not JSON: where the next is cannot be seen");
    } else if (json_pointer_get(whole, pointer, &found) != 0 || found == NULL) {
        rc = 0;
    } else if (!json_object_is_type(found, json_type_string)) {
        (void)snprintf(why, size, "%.60s of the page is not text", pointer);
    } else {
        const char *text = json_object_get_string(found);
        rc = *text ? 1 : 0;
        if (strlen(text) >= URL_MAX || strlen(text) != (size_t)json_object_get_string_len(found)) {
            (void)snprintf(why, size, "%.60s of the page is not a URL", pointer);
            rc = -1;
        } else {
            (void)snprintf(out, URL_MAX, "%s", text);
        }
    }
    json_object_put(whole);
    if (t)
        json_tokener_free(t);
    return rc;
}
