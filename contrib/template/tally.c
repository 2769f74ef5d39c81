/* SPDX-License-Identifier: Apache-2.0 */
/* tally - a sink in one file: notes each message as a line "TYPE ID" in a file of yours.
 * Start your own connector from it: change the names, the options and what tally_deliver does. */
#include <errno.h>
#include <reeve/plugin.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static reeve_rc tally_open(reeve_ctx *ctx, void **inst)
{
    const char *path = reeve_conf(ctx, "file", 0); /* checked by the host: it is there */
    FILE *f = fopen(path, "ae");
    if (!f)
        return reeve_fail(ctx, REEVE_DOWN, "%s: %s", path, strerror(errno));
    *inst = f; /* handed to every other callback */
    return REEVE_OK;
}

static void tally_close(reeve_ctx *ctx, void *inst)
{
    (void)ctx;
    (void)fclose(inst);
}

/* A message may come again after a crash; its id is always the same. */
static reeve_rc tally_deliver(reeve_ctx *ctx, void *inst, reeve_job *const *jobs, size_t n)
{
    FILE *f = inst;
    for (size_t i = 0; i < n; i++) {
        const reeve_msg *m = reeve_job_msg(jobs[i]);
        const char *subject = reeve_msg_get(m, "subject");
        if (reeve_conf_int(ctx, "need_subject") && !subject) {
            reeve_settle(jobs[i], REEVE_REJECT, 0, "it has no subject");
            continue;
        }
        fprintf(f, "%s %s\n", reeve_msg_get(m, "type"), reeve_msg_id(m));
    }
    if (fflush(f) == EOF || fdatasync(fileno(f)) < 0)
        return reeve_fail(ctx, REEVE_DOWN, "cannot write: %s", strerror(errno));
    return REEVE_OK; /* of every message that was not settled above */
}

static const struct reeve_option options[] = {
    {.key = "file", .type = REEVE_T_PATH, .flags = REEVE_OPT_REQUIRED, .help = "Where to write."},
    {.key = "need_subject",
     .type = REEVE_T_BOOL,
     .def = "false",
     .help = "Refuse messages that have no subject."},
    {.key = NULL}};

REEVE_PLUGIN(.name = "tally", .version = "1.0", .summary = "notes each message in a file",
             .options = options, .open = tally_open, .close = tally_close, .deliver = tally_deliver,
             .max_batch = 64);
