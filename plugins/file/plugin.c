/* SPDX-License-Identifier: Apache-2.0 */
/* file - documents from a directory (receive.c), messages into one (deliver.c). */
#include "file.h"
#include <stdlib.h>

/* Which side this instance is shows in the first call: what a side needs is made then. */
static reeve_rc file_open(reeve_ctx *ctx, void **inst)
{
    struct file *f = calloc(1, sizeof(*f));
    if (!f)
        return reeve_fail(ctx, REEVE_FATAL, "out of memory");
    *inst = f;
    return REEVE_OK;
}

static void file_close(reeve_ctx *ctx, void *inst)
{
    struct file *f = inst;
    (void)ctx;
    inbox_free(f->in);
    outbox_free(f->out);
    free(f);
}

static reeve_rc file_check(reeve_ctx *ctx, void *inst)
{
    const char *path = reeve_conf(ctx, "directory", 0);
    struct stat st;
    (void)inst;
    if (!path || stat(path, &st) < 0)
        return reeve_fail(ctx, REEVE_DOWN, "%s: is not there (it is made when needed)",
                          path ? path : "directory");
    return S_ISDIR(st.st_mode) ? REEVE_OK
                               : reeve_fail(ctx, REEVE_DOWN, "%s: is not a directory", path);
}

static reeve_rc file_poll(reeve_ctx *ctx, void *inst)
{
    struct file *f = inst;
    if (!f->in)
        f->in = inbox_new(ctx);
    return f->in ? inbox_poll(ctx, f->in) : REEVE_DOWN; /* the reason is recorded */
}

static void file_settled(reeve_ctx *ctx, void *inst, uint64_t token, reeve_rc rc,
                         const reeve_report *report)
{
    struct file *f = inst;
    if (f->in)
        inbox_settled(ctx, f->in, token, rc, report);
}

static reeve_rc file_deliver(reeve_ctx *ctx, void *inst, reeve_job *const *jobs, size_t n)
{
    struct file *f = inst;
    if (!f->out)
        f->out = outbox_new(ctx);
    return f->out ? outbox_deliver(ctx, f->out, jobs, n) : REEVE_RETRY;
}

static const struct reeve_option options[] = {
    {.key = "directory",
     .type = REEVE_T_PATH,
     .flags = REEVE_OPT_REQUIRED,
     .help = "Where the files are, or are put; made when it is not there."},
    {.key = "match",
     .type = REEVE_T_STR,
     .flags = REEVE_OPT_RECEIVE,
     .help = "Only files whose name fits this pattern (*.json)."},
    {.key = "content_type",
     .type = REEVE_T_STR,
     .flags = REEVE_OPT_RECEIVE,
     .help = "What the files are, instead of what their endings say."},
    {.key = "settle",
     .type = REEVE_T_SECONDS,
     .def = "2s",
     .allowed = "0s..1h",
     .flags = REEVE_OPT_RECEIVE,
     .help = "A file that was not moved in is taken when it has not changed for so long."},
    {.key = "rescan",
     .type = REEVE_T_SECONDS,
     .def = "60s",
     .allowed = "100ms..1d",
     .flags = REEVE_OPT_RECEIVE,
     .help = "The directory is looked through at least so often."},
    {.key = "mode",
     .type = REEVE_T_CHOICE,
     .allowed = "files|lines",
     .def = "files",
     .flags = REEVE_OPT_DELIVER,
     .help = "One file a message, or one JSON line a message in one file."},
    {.key = "file",
     .type = REEVE_T_STR,
     .def = "messages.jsonl",
     .flags = REEVE_OPT_DELIVER,
     .help = "Mode lines: the name of the file in the directory."},
    {.key = NULL}};

REEVE_PLUGIN(.name = "file", .version = "1.0",
             .summary = "documents from a directory, messages into one", .options = options,
             .open = file_open, .close = file_close, .check = file_check, .poll = file_poll,
             .settled = file_settled, .deliver = file_deliver, .max_batch = 64);
