/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_check - `reeve check`: everything that can be known before a run. The findings are the result
 * and go to standard output, one a line; with --print the effective configuration is, and they go
 * to standard error. The count is for people only. */
#include "cli.h"
#include "config/config.h"
#include <errno.h>
#include <string.h>

#define OUTPUT_MAX (64u << 20)

struct check {
    const char *path;
    bool print;
    unsigned flags;
};

static bool arguments(int argc, char **argv, struct check *k)
{
    const char *given = NULL;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--print") == 0)
            k->print = true;
        else if (strcmp(argv[i], "--without-secrets") == 0)
            k->flags |= CONFIG_WITHOUT_SECRETS;
        else if (strcmp(argv[i], "-c") == 0 && i + 1 < argc)
            given = argv[++i];
        else
            return false;
    }
    k->path = cli_config_path(given);
    return true;
}

static void count(const struct diagnostics *d, const char *path)
{
    if (d->errors + d->warnings == 0)
        fprintf(stderr, "%s: no errors\n", path);
    else
        fprintf(stderr, "%s: %zu error%s, %zu warning%s\n", path, d->errors,
                d->errors == 1 ? "" : "s", d->warnings, d->warnings == 1 ? "" : "s");
}

int cmd_check(int argc, char **argv)
{
    struct check k = {0};
    if (!arguments(argc, argv, &k))
        return cli_usage("check");
    struct diagnostics d = {0};
    struct tree *plan = NULL;
    struct buf text = BUF_INIT(OUTPUT_MAX), print = BUF_INIT(OUTPUT_MAX);
    int r = cli_compile(k.path, k.flags | CONFIG_EVERY_MACHINE, &d, &plan, k.print ? &print : NULL);
    if (diagnostics_write(&d, &text) == 0)
        fputs(buf_str(&text), k.print ? stderr : stdout);
    if (r == -ENOMEM)
        fputs("reeve check: out of memory\n", stderr);
    else
        count(&d, k.path);
    if (r == 0 && k.print)
        fputs(buf_str(&print), stdout);
    if (fflush(stdout) != 0)
        r = -EIO;
    tree_free(plan);
    buf_done(&text);
    buf_done(&print);
    diagnostics_done(&d);
    return r == 0 ? CLI_OK : CLI_FAILED;
}
