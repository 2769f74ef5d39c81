/* SPDX-License-Identifier: Apache-2.0 */
/* host_ctx - one instance as its host sees it: options, the reason of the last failure, and the
 * services that only pass a question on to the host (issues, state, submissions, waiting, figures).
 *
 * Reasons and log texts of plugins are text from outside: they are cut and escaped here, once. */
#include "ctx.h"
#include "base/log.h"
#include "base/util.h"
#include "http_client.h"
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#define STOP_POLL_MS 100u

reeve_ctx *host_ctx_new(const struct plugin *p, const struct tree *options,
                        const struct host_ops *ops, void *host, uint64_t message_max)
{
    static const struct host_ops none;
    struct reeve_ctx *ctx = xcalloc(1, sizeof(*ctx));
    if (!ctx)
        return NULL;
    ctx->plugin = p;
    ctx->options = options;
    ctx->ops = ops ? ops : &none;
    ctx->host = host;
    ctx->message_max = message_max;
    return ctx;
}

void host_ctx_keep_done(reeve_ctx *ctx, uint64_t ms)
{
    ctx->done_ms = ms;
}

void host_ctx_free(reeve_ctx *ctx)
{
    if (!ctx)
        return;
    http_client_free(ctx->http);
    free(ctx);
}

const char *host_ctx_reason(const reeve_ctx *ctx)
{
    return ctx->reason;
}

uint64_t host_ctx_retry_after(const reeve_ctx *ctx)
{
    return ctx->retry_after;
}

void host_ctx_clear(reeve_ctx *ctx)
{
    ctx->reason[0] = '\0';
    ctx->retry_after = 0;
}

/* ---- texts ---- */

/* Takes a character that was cut in two off the end. */
static size_t whole_characters(const char *s, size_t len)
{
    for (size_t back = 1; back <= 4 && back <= len; back++) {
        unsigned char c = (unsigned char)s[len - back];
        if (c < 0x80)
            return len;
        if (c >= 0xc0) {
            size_t need = c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : 2;
            return back < need ? len - back : len;
        }
    }
    return len;
}

void host_text(char out[ERR_TEXT_MAX], const char *fmt, va_list ap)
{
    char raw[ERR_TEXT_MAX];
    int n = vsnprintf(raw, sizeof(raw), fmt, ap);
    out[0] = '\0';
    if (n < 0)
        return;
    size_t len = (size_t)n < sizeof(raw) ? (size_t)n : whole_characters(raw, sizeof(raw) - 1);
    (void)escape_text(out, ERR_TEXT_MAX, raw, len);
}

void host_missing(const struct reeve_ctx *ctx, const char *service)
{
    log_warning("plugin-service", NULL, "%s: %s is not available here", ctx->plugin->api.name,
                service);
}

uint32_t reeve_host_version(void)
{
    static const char text[] = REEVE_VERSION;
    uint32_t version = 0, part = 0;
    for (const char *p = text;; p++) {
        if (*p >= '0' && *p <= '9') {
            part = part * 10 + (uint32_t)(*p - '0');
            continue;
        }
        version = version << 8 | (part & 0xff);
        part = 0;
        if (*p != '.')
            return version;
    }
}

reeve_rc reeve_fail(reeve_ctx *ctx, reeve_rc rc, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    host_text(ctx->reason, fmt, ap);
    va_end(ap);
    return rc;
}

void reeve_retry_after(reeve_ctx *ctx, uint64_t ms)
{
    ctx->retry_after = ms;
}

void reeve_log(reeve_ctx *ctx, int level, const char *fmt, ...)
{
    char text[ERR_TEXT_MAX];
    va_list ap;
    if (level > log_max_level())
        return;
    va_start(ap, fmt);
    host_text(text, fmt, ap);
    va_end(ap);
    log_write(level, "plugin", NULL, "%s: %s", ctx->plugin->api.name, text);
}

/* ---- options ---- */

const char *reeve_conf(reeve_ctx *ctx, const char *key, size_t i)
{
    const struct tree *t = tree_get(ctx->options, key);
    if (!t)
        return NULL;
    if (t->kind == TREE_SCALAR)
        return i == 0 ? t->text : NULL;
    return i < t->n ? tree_text(t->child[i]) : NULL;
}

const char *reeve_conf_key(reeve_ctx *ctx, const char *key, size_t i)
{
    const struct tree *t = tree_get(ctx->options, key);
    return tree_is_map(t) && i < t->n ? tree_text(t->key[i]) : NULL;
}

int64_t reeve_conf_int(reeve_ctx *ctx, const char *key)
{
    const char *text = reeve_conf(ctx, key, 0);
    int64_t v = 0;
    if (text && strcmp(text, "true") == 0)
        return 1;
    return text && parse_i64(text, &v) == 0 ? v : 0;
}

uint64_t reeve_limit(reeve_ctx *ctx, const char *what)
{
    return strcmp(what, "message") == 0 ? ctx->message_max
           : strcmp(what, "done") == 0  ? ctx->done_ms
                                        : 0;
}

/* ---- questions to the host ---- */

void reeve_issue(reeve_ctx *ctx, const struct reeve_issue *issue)
{
    struct reeve_issue ours = {0};
    if (!issue || issue->size < offsetof(struct reeve_issue, where))
        return;
    memcpy(&ours, issue, issue->size < sizeof(ours) ? issue->size : sizeof(ours));
    ours.size = sizeof(ours);
    if (!ours.code)
        ours.code = "unnamed";
    if (ctx->ops->issue)
        ctx->ops->issue(ctx->host, &ours);
    else
        host_missing(ctx, "reporting issues");
}

reeve_rc reeve_submit(reeve_ctx *ctx, uint64_t token, const char *content_type, const char *name,
                      int fd, const void *p, size_t len)
{
    if (ctx->ops->submit)
        return ctx->ops->submit(ctx->host, token, content_type, name, fd, p, len);
    if (fd >= 0)
        (void)close(fd); /* taken in any case */
    return reeve_fail(ctx, REEVE_FATAL, "submitting is not available here");
}

reeve_rc reeve_submit_request(reeve_ctx *ctx, reeve_req *req, uint64_t token)
{
    if (ctx->ops->submit_request)
        return ctx->ops->submit_request(ctx->host, req, token);
    return reeve_fail(ctx, REEVE_FATAL, "submitting is not available here");
}

/* For hosts that have nothing of their own to do meanwhile. */
static int plain_wait(const struct reeve_ctx *ctx, int fd, uint64_t ms)
{
    uint64_t now = mono_ms();
    uint64_t until = ms > UINT64_MAX - now ? UINT64_MAX : now + ms;
    for (;; now = mono_ms()) {
        if (ctx->ops->stop_asked && ctx->ops->stop_asked(ctx->host))
            return -1;
        uint64_t left = now < until ? until - now : 0;
        struct pollfd p = {.fd = fd, .events = POLLIN};
        int r = poll(&p, fd >= 0 ? 1 : 0, (int)(left < STOP_POLL_MS ? left : STOP_POLL_MS));
        if (r > 0)
            return 1;
        if (r < 0 && errno != EINTR)
            return -1;
        if (left == 0)
            return 0;
    }
}

int reeve_wait(reeve_ctx *ctx, int fd, uint64_t ms)
{
    return ctx->ops->wait ? ctx->ops->wait(ctx->host, fd, ms) : plain_wait(ctx, fd, ms);
}

const void *reeve_state_get(reeve_ctx *ctx, const char *key, size_t *len)
{
    const void *p = NULL;
    size_t n = 0;
    if (!ctx->ops->state_get)
        host_missing(ctx, "state");
    else if (ctx->ops->state_get(ctx->host, key, &p, &n) < 0)
        p = NULL;
    if (len)
        *len = p ? n : 0;
    return p;
}

int reeve_state_put(reeve_ctx *ctx, const char *key, const void *val, size_t len)
{
    if (!ctx->ops->state_put) {
        host_missing(ctx, "state");
        return -1;
    }
    return ctx->ops->state_put(ctx->host, key, val, val ? len : 0) < 0 ? -1 : 0;
}

void reeve_count(reeve_ctx *ctx, const char *metric, uint64_t add)
{
    if (ctx->ops->count)
        ctx->ops->count(ctx->host, metric, add);
}

void reeve_gauge(reeve_ctx *ctx, const char *metric, double value)
{
    if (ctx->ops->gauge)
        ctx->ops->gauge(ctx->host, metric, value);
}

uint64_t reeve_now_ms(reeve_ctx *ctx)
{
    (void)ctx;
    return wall_ms();
}
