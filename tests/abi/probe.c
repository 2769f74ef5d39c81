/* SPDX-License-Identifier: Apache-2.0 */
/* probe - a plugin with every role, built by tests against each frozen header
 * (tests/abi/N/reeve/plugin.h), against the present one and against longer and shorter ones, and
 * then run in the present host. It uses only what the first release of ABI 1 had; without
 * PROBE_STEP not its last callback. */
#include <reeve/plugin.h>
#include <stdlib.h>
#include <string.h>

struct probe {
    uint64_t settled_token;
};

static reeve_rc probe_open(reeve_ctx *ctx, void **inst)
{
    if (reeve_host_version() == 0)
        return reeve_fail(ctx, REEVE_FATAL, "no version");
    *inst = calloc(1, sizeof(struct probe));
    return *inst ? REEVE_OK : reeve_fail(ctx, REEVE_FATAL, "out of memory");
}

static void probe_close(reeve_ctx *ctx, void *inst)
{
    (void)ctx;
    free(inst);
}

static reeve_rc probe_check(reeve_ctx *ctx, void *inst)
{
    const struct probe *p = inst;
    return p->settled_token == 7 ? REEVE_OK : reeve_fail(ctx, REEVE_DOWN, "nothing was settled");
}

static reeve_rc probe_poll(reeve_ctx *ctx, void *inst)
{
    (void)inst;
    return reeve_submit(ctx, 7, "text/plain", "probe.txt", -1, "polled", 6);
}

static reeve_rc probe_request(reeve_ctx *ctx, void *inst, reeve_req *req)
{
    (void)inst;
    const char *method = reeve_req_get(req, "method");
    if (!method || strcmp(method, "POST") != 0)
        return reeve_fail(ctx, REEVE_REJECT, "POST it");
    return reeve_submit_request(ctx, req, 8);
}

static void probe_settled(reeve_ctx *ctx, void *inst, uint64_t token, reeve_rc rc,
                          const reeve_report *report)
{
    struct probe *p = inst;
    (void)ctx;
    if (rc == REEVE_OK && reeve_report_count(report, "accepted") == 1)
        p->settled_token = token;
}

static reeve_rc probe_deliver(reeve_ctx *ctx, void *inst, reeve_job *const *jobs, size_t n)
{
    (void)inst;
    for (size_t i = 0; i < n; i++) {
        size_t len = 0;
        const char *body = reeve_job_body(jobs[i], &len);
        if (len > 0)
            reeve_settle(jobs[i], REEVE_OK, 0, "%.*s", (int)len, body);
    }
    return reeve_fail(ctx, REEVE_RETRY, "the rest has no body");
}

static reeve_rc probe_decode(reeve_ctx *ctx, void *inst, reeve_reader *r, const char *content_type,
                             reeve_out *out)
{
    size_t len = 0;
    const char *all = reeve_read_all(r, 1000, &len);
    (void)inst;
    if (!all)
        return reeve_fail(ctx, REEVE_REJECT, "too long");
    reeve_msg *m = reeve_msg_new(ctx);
    if (!m || reeve_msg_set(m, "type", "probe.decoded") || reeve_msg_set_int(m, "amount", 12) ||
        reeve_msg_set_body(m, content_type, all, len)) {
        reeve_msg_free(m);
        return REEVE_RETRY;
    }
    struct reeve_issue issue;
    memset(&issue, 0, sizeof(issue));
    issue.size = sizeof(issue);
    issue.severity = REEVE_ISSUE_WARNING;
    issue.code = "probe-issue";
    issue.text = "one sentence";
    reeve_issue(ctx, &issue);
    return reeve_emit(out, m) ? REEVE_RETRY : REEVE_OK;
}

static reeve_rc probe_encode(reeve_ctx *ctx, void *inst, const reeve_msg *const *msgs, size_t n,
                             reeve_buf *b)
{
    (void)inst;
    for (size_t i = 0; i < n; i++) {
        if (reeve_msg_to_json(msgs[i], b) || reeve_buf_add(b, "\n", 1))
            return reeve_fail(ctx, REEVE_REJECT, "too long");
    }
    return reeve_buf_set(b, "content-type", "application/x-probe") ? REEVE_RETRY : REEVE_OK;
}

static reeve_rc copy_to(reeve_ctx *ctx, void *inst, const reeve_msg *msg, reeve_out *out)
{
    (void)ctx, (void)inst;
    return reeve_emit(out, reeve_msg_copy(msg)) ? REEVE_RETRY : REEVE_OK;
}

static const struct reeve_option options[] = {
    {.key = "first", .type = REEVE_T_STR, .def = "one", .help = "A text."},
    {.key = "second", .type = REEVE_T_INT, .def = "2", .allowed = "1..9", .help = "A number."},
    {.key = "third",
     .type = REEVE_T_URL,
     .help = "A list.",
     .flags = REEVE_OPT_LIST | REEVE_OPT_DELIVER},
    {.key = NULL}};

static const struct reeve_emits emits[] = {
    {.type = "probe.decoded", .attributes = "amount"},
    {.type = "probe.personal", .schema = "x:y", .flags = REEVE_EMITS_PERSONAL},
    {.type = NULL}};

REEVE_PLUGIN(.name = "probe", .version = "1.0", .summary = "every role", .options = options,
             .open = probe_open, .close = probe_close, .check = probe_check, .poll = probe_poll,
             .request = probe_request, .settled = probe_settled, .deliver = probe_deliver,
             .max_batch = 3, .decode = probe_decode, .encode = probe_encode, .to_hub = copy_to,
             .from_hub = copy_to, .emits = emits,
#ifdef PROBE_STEP
             .step = copy_to
#endif
);
