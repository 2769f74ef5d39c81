/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_adapter - any bytes as a document of an adapter's standard, for its fuzz target: no crash,
 * no leak, bounded work; what is taken can be encoded and is taken again. A target may define
 * FUZZ_MAY_REFUSE(message): its encode() refuses such a one, as its README says. */
#ifndef TESTS_FUZZ_FUZZ_ADAPTER_H
#define TESTS_FUZZ_FUZZ_ADAPTER_H
#include "plugin/host.h"
#include "plugin/memory.h"
#include <stdint.h>
#include <stdlib.h>

#ifndef FUZZ_MAY_REFUSE
#define FUZZ_MAY_REFUSE(m) ((void)(m), false)
#endif

const struct reeve_plugin *reeve_plugin_entry(void);

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
    (void)host; /* the memory */
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

/* One half of a translation; NULL: refused. */
static inline struct message *translated(reeve_ctx *ctx, const struct message *m,
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

/* each (may be NULL): is given every message that was taken, with room for two more in kept. */
static inline int fuzz_adapter(const uint8_t *data, size_t size,
                               void (*each)(const struct reeve_plugin *api, reeve_ctx *ctx,
                                            const struct message *m))
{
    static const struct host_ops ops = {
        .issue = ignore_issue, .state_get = memory_get, .state_put = memory_put};
    struct map *memory = memory_new(); /* of this document alone: a crash needs its bytes only */
    struct plugin plugin = {.api = *reeve_plugin_entry()};
    struct buf bytes = BUF_INIT(8u << 20);
    struct reeve_buf out = {.out = &bytes, .settings = tree_map()};
    reeve_msg wrapped[64];
    const reeve_msg *msgs[64];
    reeve_ctx *ctx = host_ctx_new(&plugin, NULL, &ops, memory, 1u << 20);
    reeve_rc rc = decode(&plugin.api, ctx, (const char *)data, size);
    size_t n = kept_n;
    for (size_t i = 0; i < n; i++) {
        wrapped[i].m = kept[i];
        msgs[i] = &wrapped[i];
    }
    for (size_t i = 0; each && i < n && n < 64; i++)
        each(&plugin.api, ctx, kept[i]);
    if (rc == REEVE_OK && n > 0 && n < 64) {
        bool may_refuse = false;
        for (size_t i = 0; i < n; i++)
            may_refuse = may_refuse || FUZZ_MAY_REFUSE(&wrapped[i]);
        rc = plugin.api.encode(ctx, NULL, msgs, n, &out);
        if (rc == REEVE_OK ? decode(&plugin.api, ctx, bytes.p, bytes.len) != REEVE_OK ||
                                 kept_n != (2 * n < 64 ? 2 * n : 64)
                           : rc != REEVE_REJECT || !may_refuse)
            abort();
    }
    for (size_t i = 0; i < kept_n; i++)
        message_free(kept[i]);
    kept_n = 0;
    tree_free(out.settings);
    buf_done(&bytes);
    host_ctx_free(ctx);
    map_free(memory);
    return 0;
}

#endif
