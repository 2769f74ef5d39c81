/* SPDX-License-Identifier: Apache-2.0 */
/* host_http - the HTTP service as plugins see it, and the default map of an answer to a verdict (a
 * table). */
#include "ctx.h"
#include "base/util.h"
#include "http_client.h"
#include <string.h>
#include <strings.h>

/* Stands in where there is no memory for an answer: resps[i] is always set. Never freed, never
 * changed. */
static struct reeve_resp no_memory = {.end = HTTP_UNREACHED, .error = "out of memory"};

static bool stop_asked(void *arg)
{
    const reeve_ctx *ctx = arg;
    return ctx->ops->stop_asked && ctx->ops->stop_asked(ctx->host);
}

/* The plugin's struct may be shorter or longer than ours. */
static struct reeve_http *normal(const struct reeve_http *const *reqs, size_t n)
{
    struct reeve_http *all = xcalloc(n, sizeof(*all));
    for (size_t i = 0; all && i < n; i++) {
        size_t size = reqs[i]->size < sizeof(all[i]) ? reqs[i]->size : sizeof(all[i]);
        memcpy(&all[i], reqs[i], size);
    }
    return all;
}

reeve_rc reeve_http(reeve_ctx *ctx, const struct reeve_http *const *reqs, reeve_resp **resps,
                    size_t n)
{
    if (n == 0)
        return REEVE_OK;
    struct reeve_http *all = normal(reqs, n);
    bool complete = all != NULL;
    for (size_t i = 0; i < n; i++) {
        resps[i] = all ? xcalloc(1, sizeof(**resps)) : NULL;
        complete = complete && resps[i];
    }
    if (!ctx->http && complete)
        ctx->http = http_client_new();
    if (!complete || !ctx->http) {
        for (size_t i = 0; i < n; i++) {
            free(resps[i]);
            resps[i] = &no_memory;
        }
        free(all);
        return REEVE_OK;
    }
    int r = http_client_run(ctx->http, all, resps, n, stop_asked, ctx);
    free(all);
    return r < 0 ? REEVE_RETRY : REEVE_OK;
}

int reeve_resp_status(const reeve_resp *r)
{
    return r->status;
}

const char *reeve_resp_error(const reeve_resp *r)
{
    return r->error;
}

const char *reeve_resp_header(const reeve_resp *r, const char *name)
{
    size_t len = strlen(name);
    const char *end = r->headers.p + r->headers.len;
    for (const char *p = r->headers.p; p && p < end; p += strlen(p) + 1) {
        if (strncasecmp(p, name, len) == 0 && p[len] == ':')
            return p + len + 1 + strspn(p + len + 1, " \t");
    }
    return NULL;
}

const void *reeve_resp_body(const reeve_resp *r, size_t *len)
{
    if (len)
        *len = r->body.len;
    return buf_str(&r->body);
}

void reeve_resp_free(reeve_resp *r)
{
    if (!r || r == &no_memory)
        return;
    buf_done(&r->headers);
    buf_done(&r->body);
    free(r);
}

/* A number that is not listed is RETRY (only OK and REJECT are final), a class below stands for the
 * rest of it. */
static reeve_rc of_status(int status)
{
    static const struct {
        int status;
        reeve_rc rc;
    } map[] = {
        {400, REEVE_REJECT}, {401, REEVE_DOWN},   {402, REEVE_DOWN},   {403, REEVE_DOWN},
        {404, REEVE_DOWN},   {405, REEVE_DOWN},   {407, REEVE_DOWN},   {409, REEVE_REJECT},
        {410, REEVE_REJECT}, {413, REEVE_REJECT}, {415, REEVE_REJECT}, {422, REEVE_REJECT},
        {429, REEVE_DOWN},   {503, REEVE_DOWN},
    };
    for (size_t i = 0; i < ARRAY_SIZE(map); i++) {
        if (map[i].status == status)
            return map[i].rc;
    }
    if (status >= 200 && status < 300)
        return REEVE_OK;
    return status >= 300 && status < 400 ? REEVE_DOWN : REEVE_RETRY;
}

reeve_rc reeve_resp_verdict(const reeve_resp *r, uint64_t *after_ms)
{
    if (after_ms)
        *after_ms = r->retry_after;
    if (r->end == HTTP_ANSWERED)
        return of_status(r->status);
    return r->end == HTTP_UNREACHED ? REEVE_DOWN : REEVE_RETRY;
}
