/* SPDX-License-Identifier: Apache-2.0 */
/* try_host - see try_host.h. Settlements come while the plugin waits, as in a worker. */
#include "try_host.h"
#include "base/util.h"
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define SLICE_MS 50u

static bool stop_asked(void *host)
{
    const struct try_host *h = host;
    return mono_ms() >= h->until;
}

static void on_issue(void *host, const struct reeve_issue *issue)
{
    static const char *const words[] = {"issue", "warning", "error", "error", "error"};
    char text[512] = "";
    (void)host;
    const char *say = issue->text ? issue->text : "";
    (void)escape_text(text, sizeof(text), say, strlen(say));
    fprintf(stderr, "%s: %s: %s [%s]\n", issue->where ? issue->where : "",
            words[issue->severity <= 4 ? issue->severity : 0], text, issue->code);
}

static void print_submission(const struct try_host *h, const char *type, const char *name,
                             uint64_t bytes)
{
    struct tree *t = tree_map();
    struct buf out = BUF_INIT(1u << 20);
    char shown[512] = "";
    if (h->json) {
        if (tree_puts(t, "name", name) == 0 && tree_puts(t, "content_type", type) == 0 &&
            tree_putu(t, "bytes", bytes) == 0 && tree_to_json(t, &out, false) == 0)
            puts(buf_str(&out));
    } else {
        printf("submitted %s (%s, %" PRIu64 " bytes)\n",
               escape_text(shown, sizeof(shown), name ? name : "-", strlen(name ? name : "-")),
               type && *type ? type : "type not known", bytes);
    }
    (void)fflush(stdout);
    tree_free(t);
    buf_done(&out);
}

static reeve_rc take(struct try_host *h, uint64_t token, const char *type, const char *name,
                     uint64_t bytes)
{
    if (h->pending_n >= TRY_PENDING_MAX)
        return REEVE_RETRY;
    h->pending[h->pending_n++] = token;
    h->submitted++;
    print_submission(h, type, name, bytes);
    return REEVE_OK;
}

static reeve_rc on_submit(void *host, uint64_t token, const char *type, const char *name, int fd,
                          const void *p, size_t len)
{
    struct stat st = {.st_size = (off_t)len};
    (void)p;
    if (fd >= 0) {
        (void)fstat(fd, &st);
        (void)close(fd);
    }
    return take(host, token, type, name, (uint64_t)st.st_size);
}

static reeve_rc on_submit_request(void *host, reeve_req *req, uint64_t token)
{
    return take(host, token, reeve_req_get(req, "h:content-type"), NULL, req->body_len);
}

void try_host_settle(struct try_host *h)
{
    struct reeve_report report = {.accepted = h->settle_with == REEVE_OK,
                                  .receipt = "",
                                  .text = "settled by `reeve plugin try`\n",
                                  .json = "{\"detail\": \"settled by reeve plugin try\"}\n"};
    while (h->pending_n > 0) {
        uint64_t token = h->pending[--h->pending_n];
        if (h->plugin->api.settled)
            h->plugin->api.settled(h->ctx, h->inst, token, h->settle_with, &report);
    }
}

static int on_wait(void *host, int fd, uint64_t ms)
{
    struct try_host *h = host;
    uint64_t began = mono_ms();
    for (;;) {
        try_host_settle(h);
        uint64_t spent = mono_ms() - began;
        if (stop_asked(h))
            return -1;
        uint64_t left = spent < ms ? ms - spent : 0;
        struct pollfd p = {.fd = fd, .events = POLLIN};
        int r = poll(&p, fd >= 0 ? 1 : 0, (int)(left < SLICE_MS ? left : SLICE_MS));
        if (r > 0)
            return 1;
        if (r < 0 && errno != EINTR)
            return -1;
        if (left == 0)
            return 0;
    }
}

static int state_get(void *host, const char *key, const void **ret, size_t *ret_len)
{
    return memory_get(((struct try_host *)host)->state, key, ret, ret_len);
}

static int state_put(void *host, const char *key, const void *p, size_t len)
{
    return memory_put(((struct try_host *)host)->state, key, p, len);
}

static const struct host_ops ops = {.issue = on_issue,
                                    .submit = on_submit,
                                    .submit_request = on_submit_request,
                                    .wait = on_wait,
                                    .stop_asked = stop_asked,
                                    .state_get = state_get,
                                    .state_put = state_put};

/* What host_options() leaves open, since it does not know the side. */
static int required(const struct plugin *p, uint32_t side, const struct tree *options,
                    struct err *e)
{
    struct reeve_option o;
    for (size_t i = 0; plugin_option(p, i, &o); i++) {
        if ((o.flags & REEVE_OPT_REQUIRED) && (o.flags & side) && !tree_get(options, o.key))
            return err_set(e, -EINVAL, "option-required", "option %s is required: %s", o.key,
                           o.help ? o.help : "");
    }
    return 0;
}

int try_host_open(struct try_host *h, const struct plugin *p, uint32_t side,
                  const char *const *options, size_t n, struct err *e)
{
    h->plugin = p;
    h->state = memory_new();
    int r = host_options(p, options, n, &h->options, e);
    if (r == 0)
        r = required(p, side, h->options, e);
    if (r < 0)
        return r;
    h->ctx = host_ctx_new(p, h->options, &ops, h, MESSAGE_BYTES_MAX);
    if (!h->ctx || !h->state)
        return err_set(e, -ENOMEM, "out-of-memory", "out of memory");
    reeve_rc rc = p->api.open ? p->api.open(h->ctx, &h->inst) : REEVE_OK;
    if (rc == REEVE_OK)
        return 0;
    r = err_set(e, -EIO, "plugin-open", "open says %s: %s", host_verdict_name(rc),
                host_ctx_reason(h->ctx));
    host_ctx_free(h->ctx);
    h->ctx = NULL;
    return r;
}

void try_host_close(struct try_host *h)
{
    if (h->ctx) {
        try_host_settle(h);
        if (h->plugin->api.close)
            h->plugin->api.close(h->ctx, h->inst);
        host_ctx_free(h->ctx);
    }
    tree_free(h->options);
    map_free(h->state);
}
