/* SPDX-License-Identifier: Apache-2.0 */
/* http_client - many HTTP requests at once, with connections kept between calls. The only file
 * behind this header that knows libcurl.
 *
 * Policy, the same for all plugins: only http and https; certificates and host names are checked
 * (TLS 1.2 or later); redirects are not followed; the proxy is the one of the environment; at most
 * HTTP_BODY_KEPT bytes of an answer are kept and reading ends at HTTP_BODY_READ; header block at
 * most HTTP_HEADERS_MAX. One thread per client. */
#ifndef REEVE_PLUGIN_HTTP_CLIENT_H
#define REEVE_PLUGIN_HTTP_CLIENT_H
#include "base/buf.h"
#include "reeve/plugin.h"
#include <stdbool.h>

#define HTTP_BODY_KEPT      (1u << 20)
#define HTTP_BODY_READ      (16u << 20)
#define HTTP_HEADERS_MAX    (64u << 10)
#define HTTP_PER_HOST       8u /* requests to one host at a time, unless the caller says otherwise */
#define HTTP_AT_ONCE        128u /* in all */
#define HTTP_TIMEOUT_MS     30000u
#define HTTP_CONNECT_MS     10000u
#define HTTP_STOP_MS        5000u /* to be answered, for what runs when the host is asked to stop */
#define HTTP_RETRY_AFTER_MS (7u * 86400000u) /* a Retry-After beyond it is cut to it */

enum http_end {
    HTTP_ANSWERED,
    HTTP_UNREACHED, /* no connection: nothing was sent */
    HTTP_BROKEN,    /* sent, but no whole answer came (in time) */
    HTTP_STOPPED    /* given up because the host was asked to stop */
};

struct reeve_resp {
    enum http_end end;
    int status;         /* 0 unless HTTP_ANSWERED */
    char error[256];    /* "" when HTTP_ANSWERED */
    struct buf headers; /* "name: value\0" one behind the other, of the final answer */
    bool head_whole;    /* the empty line behind them has come */
    struct buf body;
    size_t body_seen;     /* bytes that came */
    uint64_t retry_after; /* ms */
};

struct http_client;
struct http_client *http_client_new(void); /* NULL: out of memory */
void http_client_free(struct http_client *c);

/* Runs all n; every resps[i] (made by the caller, zeroed) is filled. reqs are whole structs of this
 * header. stop (may be NULL) is asked about every 100 ms: then nothing more is started, and what
 * runs has HTTP_STOP_MS to end. 0, -ECANCELED when some were given up for that. */
int http_client_run(struct http_client *c, const struct reeve_http *reqs, reeve_resp *const *resps,
                    size_t n, bool (*stop)(void *), void *stop_arg);

/* Retry-After (RFC 9110 section 10.2.3): seconds or an HTTP date, as milliseconds from now (wall
 * clock, ms). 0: neither. */
uint64_t http_retry_after(const char *value, uint64_t now_ms);

#endif
