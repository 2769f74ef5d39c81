/* SPDX-License-Identifier: Apache-2.0 */
/* http - documents pushed to the hub over HTTP, and messages pushed by the hub to others.
 *
 * Receiving, everything that a web server does is the door's (TLS, who may send, limits, answers):
 * the plugin hands the request's document on. Delivering: deliver.c. */
#include "http.h"
#include <string.h>

static reeve_rc http_request(reeve_ctx *ctx, void *inst, reeve_req *req)
{
    const char *method = reeve_req_get(req, "method");
    (void)inst;
    if (!method || (strcmp(method, "POST") != 0 && strcmp(method, "PUT") != 0))
        return reeve_fail(ctx, REEVE_REJECT, "documents are sent with POST or PUT");
    return reeve_submit_request(ctx, req, 0);
}

static void http_settled(reeve_ctx *ctx, void *inst, uint64_t token, reeve_rc rc,
                         const reeve_report *report)
{
    (void)ctx, (void)inst, (void)token, (void)rc, (void)report; /* the host answers the sender */
}

static const struct reeve_option options[] = {
    {.key = "url",
     .type = REEVE_T_URL,
     .flags = REEVE_OPT_REQUIRED | REEVE_OPT_DELIVER,
     .help = "Where messages are sent (http or https)."},
    {.key = "method",
     .type = REEVE_T_CHOICE,
     .allowed = "POST|PUT|PATCH",
     .def = "POST",
     .flags = REEVE_OPT_DELIVER,
     .help = "The request method."},
    {.key = "headers",
     .type = REEVE_T_MAP,
     .flags = REEVE_OPT_DELIVER,
     .help = "Header fields to send besides."},
    {.key = "bearer",
     .type = REEVE_T_SECRET,
     .flags = REEVE_OPT_DELIVER,
     .help = "Token for Authorization: Bearer."},
    {.key = "basic",
     .type = REEVE_T_SECRET,
     .flags = REEVE_OPT_DELIVER,
     .help = "USER:PASSWORD for Authorization: Basic; bearer goes before it."},
    {.key = "ca",
     .type = REEVE_T_PATH,
     .flags = REEVE_OPT_DELIVER,
     .help = "File of the certificates to trust, instead of the system's."},
    {.key = "timeout",
     .type = REEVE_T_SECONDS,
     .def = "30s",
     .allowed = "100ms..1h",
     .flags = REEVE_OPT_DELIVER,
     .help = "For one whole request."},
    {.key = "concurrency",
     .type = REEVE_T_INT,
     .def = "8",
     .allowed = "1..64",
     .flags = REEVE_OPT_DELIVER,
     .help = "Requests under way at the peer at a time."},
    {.key = NULL}};

REEVE_PLUGIN(.name = "http", .version = "1.0",
             .summary = "documents pushed over HTTP, messages pushed over HTTP", .options = options,
             .check = http_check, .request = http_request, .settled = http_settled,
             .deliver = http_deliver, .max_batch = HTTP_BATCH);
