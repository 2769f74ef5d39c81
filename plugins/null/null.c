/* SPDX-License-Identifier: Apache-2.0 */
/* null - takes every message and keeps none: for measuring, and for routes whose outcome is not
 * wanted yet. */
#include <reeve/plugin.h>

static reeve_rc null_deliver(reeve_ctx *ctx, void *inst, reeve_job *const *jobs, size_t n)
{
    uint64_t bytes = 0;
    int64_t delay = reeve_conf_int(ctx, "delay");
    (void)inst;
    for (size_t i = 0; i < n; i++) {
        size_t len = 0;
        (void)reeve_job_body(jobs[i], &len);
        bytes += len;
    }
    if (delay > 0 && reeve_wait(ctx, -1, (uint64_t)delay) < 0)
        return reeve_fail(ctx, REEVE_RETRY, "asked to stop");
    reeve_count(ctx, "discarded_messages", n);
    reeve_count(ctx, "discarded_bytes", bytes);
    return REEVE_OK;
}

static const struct reeve_option options[] = {{.key = "delay",
                                               .type = REEVE_T_SECONDS,
                                               .def = "0ms",
                                               .allowed = "0ms..1h",
                                               .flags = REEVE_OPT_DELIVER,
                                               .help = "How long each batch is made to take."},
                                              {.key = NULL}};

REEVE_PLUGIN(.name = "null", .version = "1.0", .summary = "takes every message and keeps none",
             .options = options, .deliver = null_deliver, .max_batch = 256);
