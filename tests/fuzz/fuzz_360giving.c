/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a 360Giving package: no crash, no leak, bounded work; what is taken can be encoded
 * and is taken again; what becomes a hub record comes back from it as the same grant. */
#include "360giving/giving.h"
#include "plugin/host.h"
#include <stdint.h>
#include <stdlib.h>

const struct reeve_plugin *reeve_plugin_entry(void);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct message *kept[64];
static size_t kept_n;

static int keep(void *arg, struct message *m)
{
    (void)arg;
    if (kept_n < sizeof kept / sizeof kept[0])
        kept[kept_n++] = m;
    else
        message_free(m);
    return 0;
}

static void ignore_refusal(void *arg, const char *subject)
{
    (void)arg;
    (void)subject;
}

static void ignore_issue(void *host, const struct reeve_issue *issue)
{
    (void)host;
    (void)issue;
}

static reeve_rc decode(const struct reeve_plugin *api, reeve_ctx *ctx, const char *p, size_t len)
{
    reeve_reader r;
    struct reeve_out out = {.emit = keep, .refuse = ignore_refusal};
    host_reader_memory(&r, p, len);
    reeve_rc rc = api->decode(ctx, NULL, &r, "", &out);
    host_reader_done(&r);
    return rc;
}

/* false: the body could not be compared, since a member stands twice in it */
static bool print_of(const struct message *m, struct print *ret)
{
    size_t len = 0;
    const char *p = message_body(m, &len);
    struct json_parser *parser = json_parser_new(64);
    const struct json_node *v = json_parse(parser, p, len);
    if (v == NULL)
        abort();
    bool once = !json_parser_repeats(parser);
    *ret = json_print(v);
    json_parser_free(parser);
    return once;
}

static struct message *translated(reeve_ctx *ctx, const struct message *m,
                                  reeve_rc (*fn)(reeve_ctx *, void *, const reeve_msg *,
                                                 reeve_out *))
{
    struct message *copy = message_copy(m);
    reeve_msg in = {.m = copy};
    struct reeve_out out = {.emit = keep, .refuse = ignore_refusal};
    size_t before = kept_n;
    reeve_rc rc = fn(ctx, NULL, &in, &out);
    message_free(copy);
    if (rc != REEVE_OK)
        return NULL;
    if (kept_n != before + 1)
        abort();
    return kept[--kept_n];
}

static void there_and_back(const struct reeve_plugin *api, reeve_ctx *ctx, const struct message *m)
{
    struct print was, is;
    struct message *record = translated(ctx, m, api->to_hub); /* NULL: no id, or too deep */
    if (record == NULL)
        return;
    struct message *again = translated(ctx, record, api->from_hub);
    if (again == NULL)
        abort();
    if (print_of(m, &was) && print_of(again, &is) && (was.a != is.a || was.b != is.b))
        abort();
    message_free(again);
    message_free(record);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct host_ops ops = {.issue = ignore_issue};
    struct plugin plugin = {.api = *reeve_plugin_entry()};
    struct buf bytes = BUF_INIT(8u << 20);
    struct reeve_buf out = {.out = &bytes, .settings = tree_map()};
    reeve_msg wrapped[64];
    const reeve_msg *msgs[64];
    reeve_ctx *ctx = host_ctx_new(&plugin, NULL, &ops, NULL, 1u << 20);
    reeve_rc rc = decode(&plugin.api, ctx, (const char *)data, size);
    size_t n = kept_n;
    for (size_t i = 0; i < n; i++) {
        wrapped[i].m = kept[i];
        msgs[i] = &wrapped[i];
    }
    for (size_t i = 0; i < n && n < 64; i++)
        there_and_back(&plugin.api, ctx, kept[i]);
    if (rc == REEVE_OK && n > 0 && n < 64) {
        if (plugin.api.encode(ctx, NULL, msgs, n, &out) != REEVE_OK ||
            decode(&plugin.api, ctx, bytes.p, bytes.len) != REEVE_OK ||
            kept_n != (2 * n < 64 ? 2 * n : 64))
            abort();
    }
    for (size_t i = 0; i < kept_n; i++)
        message_free(kept[i]);
    kept_n = 0;
    tree_free(out.settings);
    buf_done(&bytes);
    host_ctx_free(ctx);
    return 0;
}
