/* SPDX-License-Identifier: Apache-2.0 */
/* http_client - see http_client.h. Requests wait in our own queue, not in libcurl's: a request's
 * time begins when it is started, so that the last of a batch is not timed out for having waited
 * for the first.
 *
 * Known limit: the queue is walked from its start for each free place (n is a batch, not a crowd).
 */
#include "http_client.h"
#include "base/util.h"
#include <curl/curl.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define IDLE_MAX 64u
#define POLL_MS  100

enum state { WAITING, RUNNING, DONE };

struct transfer {
    enum state state;
    const struct reeve_http *req;
    reeve_resp *resp;
    CURL *easy;
    struct curl_slist *headers;
    char *authority; /* scheme://host:port: who shares the limit */
    char error[CURL_ERROR_SIZE];
};

struct http_client {
    CURLM *multi;
    CURL *idle[IDLE_MAX]; /* handles to use again; connections live in multi */
    size_t idle_n;
};

static void global_init(void)
{
    (void)curl_global_init(CURL_GLOBAL_DEFAULT);
}

struct http_client *http_client_new(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    (void)pthread_once(&once, global_init);
    struct http_client *c = xcalloc(1, sizeof(*c));
    if (!c)
        return NULL;
    c->multi = curl_multi_init();
    if (!c->multi) {
        free(c);
        return NULL;
    }
    (void)curl_multi_setopt(c->multi, CURLMOPT_MAXCONNECTS, (long)HTTP_AT_ONCE);
    return c;
}

void http_client_free(struct http_client *c)
{
    if (!c)
        return;
    for (size_t i = 0; i < c->idle_n; i++)
        curl_easy_cleanup(c->idle[i]);
    (void)curl_multi_cleanup(c->multi);
    free(c);
}

uint64_t http_retry_after(const char *value, uint64_t now_ms)
{
    uint64_t ms = 0;
    size_t digits = strspn(value, "0123456789");
    if (digits > 0 && value[digits] == '\0') {
        ms = digits > 9 ? HTTP_RETRY_AFTER_MS : strtoull(value, NULL, 10) * 1000;
    } else {
        time_t when = curl_getdate(value, NULL);
        if (when > 0 && (uint64_t)when * 1000 > now_ms)
            ms = (uint64_t)when * 1000 - now_ms;
    }
    return ms < HTTP_RETRY_AFTER_MS ? ms : HTTP_RETRY_AFTER_MS;
}

/* ---- what comes ---- */

static size_t on_body(char *p, size_t size, size_t n, void *arg)
{
    reeve_resp *r = arg;
    size_t len = size * n; /* size is always 1 */
    size_t room = HTTP_BODY_KEPT - r->body.len;
    r->body_seen += len;
    if (room > 0 && buf_add(&r->body, p, len < room ? len : room) < 0)
        return 0;
    return r->body_seen > HTTP_BODY_READ ? 0 : len;
}

static size_t on_header(char *p, size_t size, size_t n, void *arg)
{
    reeve_resp *r = arg;
    size_t len = size * n, all = len;
    if (len > 5 && memcmp(p, "HTTP/", 5) == 0) { /* an interim answer came before this one */
        buf_reset(&r->headers);
        r->head_whole = false;
        return all;
    }
    r->head_whole |= p[0] == '\n' || (len == 2 && p[0] == '\r' && p[1] == '\n');
    while (len > 0 && (p[len - 1] == '\r' || p[len - 1] == '\n' || p[len - 1] == ' '))
        len--;
    if (len == 0 || memchr(p, '\0', len) || !memchr(p, ':', len))
        return all;
    if (buf_add(&r->headers, p, len) < 0 || buf_addc(&r->headers, '\0') < 0)
        return 0;
    return all;
}

/* ---- what goes ---- */

static int fail(struct transfer *t, enum http_end end, const char *why)
{
    t->resp->end = end;
    t->resp->status = 0;
    (void)snprintf(t->resp->error, sizeof(t->resp->error), "%s", why);
    return -EINVAL;
}

/* The caller's headers; one line each, so that nothing can be slipped in behind it. */
static int make_headers(struct transfer *t)
{
    static const char *const quiet[] = {"Expect:", NULL}; /* its wait of a second helps nobody */
    bool has_type = false;
    const char *const *lists[] = {quiet, t->req->headers};
    for (size_t l = 0; l < ARRAY_SIZE(lists); l++) {
        for (const char *const *h = lists[l]; h && *h; h++) {
            const char *colon = strchr(*h, ':');
            if (!colon || colon == *h || strpbrk(*h, "\r\n"))
                return fail(t, HTTP_UNREACHED, "a request header is not one line \"Name: value\"");
            has_type = has_type || strncasecmp(*h, "content-type:", 13) == 0;
            /* libcurl takes "Name:" as "leave it out"; with a semicolon it is sent empty */
            _cleanup_free_ char *empty = NULL;
            if (l > 0 && colon[1 + strspn(colon + 1, " \t")] == '\0' &&
                asprintf(&empty, "%.*s;", (int)(colon - *h), *h) < 0)
                return fail(t, HTTP_UNREACHED, "out of memory");
            struct curl_slist *more = curl_slist_append(t->headers, empty ? empty : *h);
            if (!more)
                return fail(t, HTTP_UNREACHED, "out of memory");
            t->headers = more;
        }
    }
    if (!has_type) { /* else libcurl says that a body is a form */
        struct curl_slist *more = curl_slist_append(t->headers, "Content-Type:");
        t->headers = more ? more : t->headers;
    }
    return 0;
}

static int read_url(struct transfer *t)
{
    CURLU *u = curl_url();
    char *scheme = NULL, *host = NULL, *port = NULL;
    bool ok = u && curl_url_set(u, CURLUPART_URL, t->req->url ? t->req->url : "", 0) == CURLUE_OK &&
              curl_url_get(u, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK &&
              curl_url_get(u, CURLUPART_HOST, &host, 0) == CURLUE_OK &&
              curl_url_get(u, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) == CURLUE_OK;
    int r = 0;
    if (!ok)
        r = fail(t, HTTP_UNREACHED, "the URL cannot be read");
    else if (strcmp(scheme, "http") != 0 && strcmp(scheme, "https") != 0)
        r = fail(t, HTTP_UNREACHED, "only http and https URLs are supported");
    else if (asprintf(&t->authority, "%s://%s:%s", scheme, host, port) < 0)
        r = fail(t, HTTP_UNREACHED, "out of memory");
    curl_free(scheme);
    curl_free(host);
    curl_free(port);
    curl_url_cleanup(u);
    return r;
}

static bool method_ok(const char *m)
{
    size_t len = strlen(m);
    return len > 0 && len <= 20 && strspn(m, "ABCDEFGHIJKLMNOPQRSTUVWXYZ-") == len;
}

static CURLcode set_method(CURL *h, const struct reeve_http *q)
{
    const char *method = q->method ? q->method : q->body ? "POST" : "GET";
    bool body = q->body || strcmp(method, "POST") == 0 || strcmp(method, "PUT") == 0 ||
                strcmp(method, "PATCH") == 0;
    CURLcode r = CURLE_OK;
    if (body) {
        r = curl_easy_setopt(h, CURLOPT_POSTFIELDSIZE_LARGE,
                             (curl_off_t)(q->body ? q->body_len : 0));
        if (r == CURLE_OK)
            r = curl_easy_setopt(h, CURLOPT_POSTFIELDS, q->body ? q->body : "");
    } else if (strcmp(method, "HEAD") == 0) {
        return curl_easy_setopt(h, CURLOPT_NOBODY, 1L);
    } else {
        r = curl_easy_setopt(h, CURLOPT_HTTPGET, 1L);
    }
    return r == CURLE_OK ? curl_easy_setopt(h, CURLOPT_CUSTOMREQUEST, method) : r;
}

static CURLcode set_policy(CURL *h, const struct reeve_http *q)
{
    uint64_t timeout = q->timeout_ms ? q->timeout_ms : HTTP_TIMEOUT_MS;
    if (timeout > 86400000u)
        timeout = 86400000u;
    uint64_t connect = timeout < HTTP_CONNECT_MS ? timeout : HTTP_CONNECT_MS;
    const struct {
        CURLoption option;
        long value;
    } numbers[] = {
        {CURLOPT_NOSIGNAL, 1},
        {CURLOPT_FOLLOWLOCATION, 0},
        {CURLOPT_SSL_VERIFYPEER, 1},
        {CURLOPT_SSL_VERIFYHOST, 2},
        {CURLOPT_HTTP09_ALLOWED, 0},
        {CURLOPT_SSLVERSION, CURL_SSLVERSION_TLSv1_2},
        {CURLOPT_TCP_KEEPALIVE, 1},
        {CURLOPT_SUPPRESS_CONNECT_HEADERS, 1},
        {CURLOPT_TIMEOUT_MS, (long)timeout},
        {CURLOPT_CONNECTTIMEOUT_MS, (long)connect},
    };
    CURLcode r = CURLE_OK;
    for (size_t i = 0; r == CURLE_OK && i < ARRAY_SIZE(numbers); i++)
        r = curl_easy_setopt(h, numbers[i].option, numbers[i].value);
    if (r == CURLE_OK)
        r = curl_easy_setopt(h, CURLOPT_PROTOCOLS_STR, "http,https");
    if (r == CURLE_OK)
        r = curl_easy_setopt(h, CURLOPT_USERAGENT, "reeve/" REEVE_VERSION);
    if (r == CURLE_OK && q->ca) { /* instead of the system's, not besides them */
        r = curl_easy_setopt(h, CURLOPT_CAINFO, q->ca);
        if (r == CURLE_OK)
            r = curl_easy_setopt(h, CURLOPT_CAPATH, NULL);
    }
    return r;
}

static CURLcode set_callbacks(struct transfer *t)
{
    CURL *h = t->easy;
    CURLcode r = curl_easy_setopt(h, CURLOPT_URL, t->req->url);
    if (r == CURLE_OK)
        r = curl_easy_setopt(h, CURLOPT_HTTPHEADER, t->headers);
    if (r == CURLE_OK)
        r = curl_easy_setopt(h, CURLOPT_PRIVATE, t);
    if (r == CURLE_OK)
        r = curl_easy_setopt(h, CURLOPT_ERRORBUFFER, t->error);
    if (r == CURLE_OK)
        r = curl_easy_setopt(h, CURLOPT_WRITEFUNCTION, on_body);
    if (r == CURLE_OK)
        r = curl_easy_setopt(h, CURLOPT_WRITEDATA, t->resp);
    if (r == CURLE_OK)
        r = curl_easy_setopt(h, CURLOPT_HEADERFUNCTION, on_header);
    return r == CURLE_OK ? curl_easy_setopt(h, CURLOPT_HEADERDATA, t->resp) : r;
}

static int start(struct http_client *c, struct transfer *t)
{
    t->easy = c->idle_n > 0 ? c->idle[--c->idle_n] : curl_easy_init();
    if (!t->easy)
        return fail(t, HTTP_UNREACHED, "out of memory");
    curl_easy_reset(t->easy);
    CURLcode r = set_policy(t->easy, t->req);
    if (r == CURLE_OK)
        r = set_method(t->easy, t->req);
    if (r == CURLE_OK)
        r = set_callbacks(t);
    if (r != CURLE_OK)
        return fail(t, HTTP_UNREACHED, curl_easy_strerror(r));
    return curl_multi_add_handle(c->multi, t->easy) == CURLM_OK
               ? 0
               : fail(t, HTTP_UNREACHED, "the request cannot be started");
}

/* ---- the end of a transfer ---- */

static void release(struct http_client *c, struct transfer *t)
{
    if (t->easy) {
        (void)curl_multi_remove_handle(c->multi, t->easy);
        if (c->idle_n < IDLE_MAX) {
            curl_easy_reset(t->easy); /* no pointer of this transfer stays in it */
            c->idle[c->idle_n++] = t->easy;
        } else {
            curl_easy_cleanup(t->easy);
        }
        t->easy = NULL;
    }
    curl_slist_free_all(t->headers);
    t->headers = NULL;
    t->state = DONE;
}

/* Nothing can have been sent: the peer, not the message, is at fault. */
static bool unreached(CURL *h, CURLcode r)
{
    curl_off_t sent_at = 0;
    switch (r) {
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_COULDNT_CONNECT:
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL:
        return true;
    default:
        (void)curl_easy_getinfo(h, CURLINFO_PRETRANSFER_TIME_T, &sent_at);
        return r == CURLE_OPERATION_TIMEDOUT && sent_at == 0;
    }
}

static void judge(struct transfer *t, CURLcode r)
{
    long status = 0;
    (void)curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
    /* A body that is longer than we want to read is still an answer. */
    if (r == CURLE_WRITE_ERROR && t->resp->body_seen > HTTP_BODY_READ)
        r = CURLE_OK;
    if (r != CURLE_OK || status < 200 || status > 999) {
        enum http_end end = r != CURLE_OK && unreached(t->easy, r) ? HTTP_UNREACHED : HTTP_BROKEN;
        (void)fail(t, end, t->error[0] ? t->error : curl_easy_strerror(r));
        return;
    }
    if (!t->resp
             ->head_whole) { /* libcurl takes the end of the connection for the end of the head */
        (void)fail(t, HTTP_BROKEN, "the head of the answer was cut off");
        return;
    }
    t->resp->end = HTTP_ANSWERED;
    t->resp->status = (int)status;
    const char *after = reeve_resp_header(t->resp, "retry-after");
    t->resp->retry_after = after ? http_retry_after(after, wall_ms()) : 0;
}

/* ---- the queue ---- */

static size_t running_at(const struct transfer *ts, size_t n, const char *authority)
{
    size_t count = 0;
    for (size_t i = 0; i < n; i++)
        count += ts[i].state == RUNNING && strcmp(ts[i].authority, authority) == 0;
    return count;
}

static size_t start_more(struct http_client *c, struct transfer *ts, size_t n)
{
    size_t running = 0, waiting = 0;
    for (size_t i = 0; i < n; i++)
        running += ts[i].state == RUNNING;
    for (size_t i = 0; i < n; i++) {
        struct transfer *t = &ts[i];
        if (t->state != WAITING)
            continue;
        waiting++;
        size_t limit = t->req->per_host ? t->req->per_host : HTTP_PER_HOST;
        if (running >= HTTP_AT_ONCE)
            break;
        if (running_at(ts, n, t->authority) >= limit)
            continue;
        t->state = RUNNING;
        if (start(c, t) < 0)
            release(c, t);
        else
            running++;
    }
    return running + waiting;
}

/* A peer that is not there or does not answer is not asked again in this call: else a batch would
 * take as many times its patience as there are rounds, and its process be taken for one that hangs.
 */
static void spare(struct http_client *c, struct transfer *ts, size_t n, const struct transfer *bad)
{
    char why[sizeof(bad->resp->error)];
    (void)snprintf(why, sizeof(why), "not sent: %.200s", bad->resp->error);
    for (size_t i = 0; i < n; i++) {
        if (ts[i].state != WAITING || strcmp(ts[i].authority, bad->authority) != 0)
            continue;
        (void)fail(&ts[i], HTTP_UNREACHED, why);
        release(c, &ts[i]);
    }
}

static void collect(struct http_client *c, struct transfer *ts, size_t n)
{
    int left;
    CURLMsg *m;
    while ((m = curl_multi_info_read(c->multi, &left))) {
        struct transfer *t = NULL;
        if (m->msg != CURLMSG_DONE)
            continue;
        CURLcode r = m->data.result;
        (void)curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &t);
        judge(t, r);
        release(c, t);
        if (t->resp->end == HTTP_UNREACHED || r == CURLE_OPERATION_TIMEDOUT)
            spare(c, ts, n, t);
    }
}

/* Those in this state, or all that are not done. How many. */
static size_t give_up(struct http_client *c, struct transfer *ts, size_t n, bool waiting_only,
                      enum http_end end, const char *why)
{
    size_t given_up = 0;
    for (size_t i = 0; i < n; i++) {
        if (ts[i].state == DONE || (waiting_only && ts[i].state != WAITING))
            continue;
        (void)fail(&ts[i], end, why);
        release(c, &ts[i]);
        given_up++;
    }
    return given_up;
}

/* Asked to stop: nothing more is started, but what was sent has a while to be answered. A request
 * that is cut off has perhaps been acted upon, and its message goes there a second time. */
static int run(struct http_client *c, struct transfer *ts, size_t n, bool (*stop)(void *),
               void *stop_arg)
{
    uint64_t until = 0; /* asked to stop; mono_ms() */
    size_t given_up = 0;
    for (;;) {
        int running = 0;
        if (!until && stop && stop(stop_arg))
            until = mono_ms() + HTTP_STOP_MS;
        if (until)
            given_up += give_up(c, ts, n, mono_ms() < until, HTTP_STOPPED, "asked to stop");
        if (start_more(c, ts, n) == 0)
            return given_up ? -ECANCELED : 0;
        CURLMcode r = curl_multi_perform(c->multi, &running);
        collect(c, ts, n);
        if (r == CURLM_OK && running > 0)
            r = curl_multi_poll(c->multi, NULL, 0, POLL_MS, NULL);
        if (r != CURLM_OK) {
            (void)give_up(c, ts, n, false, HTTP_BROKEN, curl_multi_strerror(r));
            return 0;
        }
    }
}

int http_client_run(struct http_client *c, const struct reeve_http *reqs, reeve_resp *const *resps,
                    size_t n, bool (*stop)(void *), void *stop_arg)
{
    struct transfer *ts = xcalloc(n, sizeof(*ts));
    for (size_t i = 0; i < n; i++) {
        struct transfer one = {.req = &reqs[i], .resp = resps[i]};
        buf_init(&resps[i]->headers, HTTP_HEADERS_MAX);
        buf_init(&resps[i]->body, HTTP_BODY_KEPT);
        if (!ts) {
            (void)fail(&one, HTTP_UNREACHED, "out of memory");
            continue;
        }
        ts[i] = one;
        int r = one.req->method && !method_ok(one.req->method)
                    ? fail(&ts[i], HTTP_UNREACHED, "the method is not one")
                    : read_url(&ts[i]);
        if (r < 0 || make_headers(&ts[i]) < 0)
            release(c, &ts[i]);
    }
    int r = ts ? run(c, ts, n, stop, stop_arg) : 0;
    for (size_t i = 0; ts && i < n; i++)
        free(ts[i].authority);
    free(ts);
    return r;
}
