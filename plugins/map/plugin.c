/* SPDX-License-Identifier: Apache-2.0 */
/* map - a step that makes other messages of a message: by a jq program (JSON) or by an XSLT
 * stylesheet (XML). Both belong to the operator; what they work on is hostile. */
#include "map.h"
#include "lib/dropped.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PROGRAM_MAX (1u << 20)

struct map {
    struct jq_program *jq;
    struct stylesheet *xslt;
    int whole;
};

/* The file's text, to be freed; NULL: why[] has the reason. */
static char *file_text(const char *path, char *why, size_t size)
{
    FILE *f = fopen(path, "re");
    char *text = f ? malloc(PROGRAM_MAX + 1) : NULL;
    size_t n = text ? fread(text, 1, PROGRAM_MAX + 1, f) : 0;
    if (text == NULL || ferror(f) || n > PROGRAM_MAX || memchr(text, '\0', n)) {
        (void)snprintf(why, size, "%s: %s", path,
                       n > PROGRAM_MAX ? "more than 1 MiB"
                       : n             ? "there is a zero byte in it"
                                       : strerror(errno));
        free(text);
        text = NULL;
    } else {
        text[n] = '\0';
    }
    if (f)
        (void)fclose(f);
    return text;
}

static int load(struct map *m, reeve_ctx *ctx, char *why, size_t size)
{
    const char *text = reeve_conf(ctx, "jq", 0), *path = reeve_conf(ctx, "jq_file", 0);
    const char *xslt = reeve_conf(ctx, "xslt", 0);
    if (!!text + !!path + !!xslt != 1) {
        (void)snprintf(why, size, "exactly one of jq, jq_file and xslt is needed");
        return -1;
    }
    if (text)
        m->jq = jq_program_new(text, "jq", why, size);
    if (xslt)
        m->xslt = stylesheet_new(xslt, why, size);
    if (path) {
        char *read = file_text(path, why, size);
        m->jq = read ? jq_program_new(read, path, why, size) : NULL;
        free(read);
    }
    return m->jq || m->xslt ? 0 : -1;
}

static reeve_rc map_open(reeve_ctx *ctx, void **inst)
{
    char why[400];
    struct map *m = calloc(1, sizeof *m);
    if (m == NULL)
        return reeve_fail(ctx, REEVE_FATAL, "out of memory");
    if (load(m, ctx, why, sizeof why) < 0) {
        free(m);
        return reeve_fail(ctx, REEVE_FATAL, "%s", why);
    }
    m->whole = strcmp(reeve_conf(ctx, "input", 0), "event") == 0;
    *inst = m;
    return REEVE_OK;
}

static void map_close(reeve_ctx *ctx, void *inst)
{
    struct map *m = inst;
    (void)ctx;
    jq_program_free(m->jq);
    stylesheet_free(m->xslt);
    free(m);
}

void map_dropped(reeve_ctx *ctx, const reeve_msg *msg, const char *text)
{
    message_dropped(ctx, msg, "map-dropped", text);
}

static reeve_rc map_step(reeve_ctx *ctx, void *inst, const reeve_msg *in, reeve_out *out)
{
    struct map *m = inst;
    return m->jq ? jq_program_run(m->jq, ctx, m->whole, in, out)
                 : stylesheet_run(m->xslt, ctx, in, out);
}

static const struct reeve_option options[] = {
    {.key = "jq", .type = REEVE_T_STR, .help = "A jq program."},
    {.key = "jq_file", .type = REEVE_T_PATH, .help = "The file of a jq program, instead of jq."},
    {.key = "xslt",
     .type = REEVE_T_PATH,
     .help = "The file of an XSLT 1.0 stylesheet, instead of a jq program."},
    {.key = "input",
     .type = REEVE_T_CHOICE,
     .allowed = "body|event",
     .def = "body",
     .help = "With jq: whether the program sees and makes bodies, or events with their "
             "attributes and the body as data."},
    {.key = NULL}};

REEVE_PLUGIN(.name = "map", .version = "1.0",
             .summary = "a step that changes messages by a jq program or an XSLT stylesheet",
             .options = options, .open = map_open, .close = map_close, .step = map_step);
