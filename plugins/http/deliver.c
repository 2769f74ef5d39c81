/* SPDX-License-Identifier: Apache-2.0 */
/* deliver - a batch becomes as many requests at once, each with its message's id as
 * Idempotency-Key, so that a peer can tell a repetition. Every answer is its message's verdict by
 * the host's map. */
#include "http.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* Fields that belong to the connection or to the operator: an adapter cannot set them. */
static int reserved(const char *name)
{
    static const char *const names[] = {"host",       "content-length", "transfer-encoding",
                                        "connection", "authorization",  "idempotency-key",
                                        "te",         "upgrade",        "expect"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcasecmp(name, names[i]) == 0)
            return 1;
    }
    return 0;
}

static int add_credentials(reeve_ctx *ctx, struct lines *l)
{
    const char *bearer = reeve_conf(ctx, "bearer", 0), *basic = reeve_conf(ctx, "basic", 0);
    char *value = NULL;
    if (!bearer && !basic)
        return 0;
    if (!bearer)
        value = basic_credentials(basic);
    else if (asprintf(&value, "Bearer %s", bearer) < 0)
        return -1;
    int r = value ? lines_add(l, "Authorization", value) : -1;
    free(value);
    return r;
}

/* In this order, and the first that names a field has it: ours, the operator's, the adapter's. */
static int make_lines(reeve_ctx *ctx, const reeve_job *job, struct lines *l)
{
    char *key = quoted_string(reeve_msg_id(reeve_job_msg(job)));
    int r = key ? lines_add(l, "Idempotency-Key", key) : -1;
    free(key);
    if (r == 0)
        r = add_credentials(ctx, l);
    const char *name, *value = NULL;
    for (size_t i = 0; r == 0 && (name = reeve_conf_key(ctx, "headers", i)); i++)
        r = lines_add(l, name, reeve_conf(ctx, "headers", i));
    if (r == 0)
        r = lines_add(l, "Content-Type", reeve_job_get(job, "content-type"));
    for (size_t i = 0; r == 0 && (name = reeve_job_header(job, i, &value)); i++) {
        if (!reserved(name))
            r = lines_add(l, name, value);
    }
    return r;
}

static int personal(const reeve_msg *m)
{
    const char *type = reeve_msg_get(m, "type"), *category = reeve_msg_get(m, "datacategory");
    return (type && strncmp(type, "client.", 7) == 0) || (category && strstr(category, "personal"));
}

static void settle(reeve_job *job, const reeve_resp *r)
{
    char reason[REASON_MAX];
    uint64_t after = 0;
    reeve_rc rc = reeve_resp_verdict(r, &after);
    if (rc == REEVE_OK) {
        reeve_settle(job, REEVE_OK, 0, "HTTP %d", reeve_resp_status(r));
        return;
    }
    answer_reason(r, personal(reeve_job_msg(job)), reason);
    reeve_settle(job, rc, after, "%s", reason);
}

struct batch {
    struct lines lines[HTTP_BATCH];
    struct reeve_http req[HTTP_BATCH];
    const struct reeve_http *reqs[HTTP_BATCH];
    reeve_resp *resps[HTTP_BATCH];
};

static int prepare(reeve_ctx *ctx, struct batch *b, size_t i, const reeve_job *job)
{
    if (make_lines(ctx, job, &b->lines[i]) < 0)
        return -1;
    struct reeve_http *q = &b->req[i];
    q->size = sizeof(*q);
    q->method = reeve_conf(ctx, "method", 0);
    q->url = reeve_conf(ctx, "url", 0);
    q->headers = (const char *const *)b->lines[i].line;
    q->body = reeve_job_body(job, &q->body_len);
    q->timeout_ms = (uint64_t)reeve_conf_int(ctx, "timeout");
    q->ca = reeve_conf(ctx, "ca", 0);
    q->per_host = (uint32_t)reeve_conf_int(ctx, "concurrency");
    b->reqs[i] = q;
    return 0;
}

static reeve_rc send_batch(reeve_ctx *ctx, struct batch *b, reeve_job *const *jobs, size_t n)
{
    size_t ready = 0;
    while (ready < n && prepare(ctx, b, ready, jobs[ready]) == 0)
        ready++;
    if (ready < n) /* what is ready goes; the rest is offered again */
        reeve_settle(jobs[ready], REEVE_RETRY, 0, "its header fields cannot be made");
    reeve_rc rc = ready > 0 ? reeve_http(ctx, b->reqs, b->resps, ready) : REEVE_OK;
    for (size_t i = 0; i < ready; i++) {
        if (rc == REEVE_OK || reeve_resp_status(b->resps[i]) != 0)
            settle(jobs[i], b->resps[i]);
        reeve_resp_free(b->resps[i]);
    }
    return reeve_fail(ctx, REEVE_RETRY, "not sent");
}

reeve_rc http_deliver(reeve_ctx *ctx, void *inst, reeve_job *const *jobs, size_t n)
{
    (void)inst;
    if (!reeve_conf(ctx, "url", 0))
        return reeve_fail(ctx, REEVE_FATAL, "deliver: the option url is missing");
    if (n > HTTP_BATCH)
        n = HTTP_BATCH; /* the host keeps to max_batch */
    struct batch *b = calloc(1, sizeof(*b));
    if (!b)
        return reeve_fail(ctx, REEVE_RETRY, "out of memory");
    reeve_rc rc = send_batch(ctx, b, jobs, n);
    for (size_t i = 0; i < n; i++)
        lines_free(&b->lines[i]);
    free(b);
    return rc;
}

/* Any answer but "not you" shows that the peer is there; nothing is sent that it could act on. */
reeve_rc http_check(reeve_ctx *ctx, void *inst)
{
    struct lines l = {.n = 0};
    struct reeve_http q = {.size = sizeof(q), .method = "OPTIONS", .timeout_ms = 10000};
    const struct reeve_http *const reqs[] = {&q};
    reeve_resp *resp = NULL;
    char reason[REASON_MAX];
    reeve_rc rc = REEVE_OK;
    (void)inst;
    q.url = reeve_conf(ctx, "url", 0);
    q.ca = reeve_conf(ctx, "ca", 0);
    if (!q.url)
        return REEVE_OK; /* a receive side has no peer of its own */
    if (add_credentials(ctx, &l) < 0)
        return reeve_fail(ctx, REEVE_RETRY, "its header fields cannot be made");
    q.headers = (const char *const *)l.line;
    if (reeve_http(ctx, reqs, &resp, 1) == REEVE_OK) {
        int status = reeve_resp_status(resp);
        answer_reason(resp, 0, reason);
        if (status == 0 || status == 401 || status == 403 || status >= 500)
            rc = reeve_fail(ctx, REEVE_DOWN, "%s", reason);
    } else {
        rc = reeve_fail(ctx, REEVE_RETRY, "asked to stop");
    }
    reeve_resp_free(resp);
    lines_free(&l);
    return rc;
}
