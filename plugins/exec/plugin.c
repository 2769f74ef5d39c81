/* SPDX-License-Identifier: Apache-2.0 */
/* exec - a program in any language as a connector, a step or an adapter: it lives as long as the
 * worker, and lines of JSON go to and fro over its standard streams (PROTOCOL.md). */
#include "exec.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static reeve_rc exec_open(reeve_ctx *ctx, void **inst)
{
    const char *program = reeve_conf(ctx, "program", 0);
    struct stat st;
    if (stat(program, &st) < 0 || access(program, X_OK) < 0)
        return reeve_fail(ctx, REEVE_FATAL, "%s: %s", program, strerror(errno));
    if (!S_ISREG(st.st_mode))
        return reeve_fail(ctx, REEVE_FATAL, "%s: it is not a file", program);
    struct exec *x = calloc(1, sizeof *x);
    if (x == NULL)
        return reeve_fail(ctx, REEVE_FATAL, "out of memory");
    if (program_init(&x->program, ctx) < 0) {
        program_done(&x->program, ctx);
        free(x);
        return reeve_fail(ctx, REEVE_FATAL, "out of memory");
    }
    *inst = x;
    return REEVE_OK;
}

static void exec_close(reeve_ctx *ctx, void *inst)
{
    struct exec *x = inst;
    program_done(&x->program, ctx);
    inbox_free(x->inbox);
    free(x);
}

/* Does it start, and say hello? */
static reeve_rc exec_check(reeve_ctx *ctx, void *inst)
{
    struct exec *x = inst;
    const char *kind = reeve_conf(ctx, "standard", 0) != NULL ? "adapter" : "check";
    return program_ready(&x->program, ctx, kind, NULL, WAIT_PLAIN);
}

static const struct reeve_option options[] = {
    {.key = "program",
     .type = REEVE_T_PATH,
     .flags = REEVE_OPT_REQUIRED | REEVE_OPT_EXECUTABLE,
     .help = "The program's file; no shell comes between."},
    {.key = "standard",
     .type = REEVE_T_STR,
     .flags = REEVE_OPT_REQUIRED | REEVE_OPT_ADAPTER,
     .help = "The name of the standard that the program reads and writes, for the whole "
             "configuration."},
    {.key = "arguments", .type = REEVE_T_STR, .flags = REEVE_OPT_LIST, .help = "Its arguments."},
    {.key = "directory", .type = REEVE_T_PATH, .help = "Its working directory."},
    {.key = "environment",
     .type = REEVE_T_MAP,
     .help = "Its environment besides PATH and LANG; nothing of the hub's own goes along."},
    {.key = "settings", .type = REEVE_T_MAP, .help = "Texts that it is told when it starts."},
    {.key = "timeout",
     .type = REEVE_T_SECONDS,
     .def = "30s",
     .allowed = "100ms..1h",
     .help = "How long nothing may come while it has a message, or before its hello."},
    {.key = "every",
     .type = REEVE_T_SECONDS,
     .def = "1m",
     .allowed = "100ms..30d",
     .flags = REEVE_OPT_RECEIVE,
     .help = "How long a program that ended with exit code 0 rests before it is started again."},
    {.key = NULL}};

/* What the program makes is known to nobody beforehand. */
static const struct reeve_emits emits[] = {{.type = "*"}, {.type = NULL}};

REEVE_PLUGIN(.name = "exec", .version = "1.0",
             .summary = "a program in any language, spoken to by lines of JSON", .options = options,
             .open = exec_open, .close = exec_close, .check = exec_check, .poll = exec_poll,
             .settled = exec_settled, .deliver = exec_deliver, .max_batch = DELIVER_BATCH,
             .step = exec_step, .decode = exec_decode, .encode = exec_encode, .to_hub = exec_to_hub,
             .from_hub = exec_from_hub, .emits = emits, .adapter_flags = REEVE_ADAPTER_NAMED);
