/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_backup - `reeve backup DIR`: a copy of what a hub has stored, while it runs or not;
 * `--verify`: whether such a copy is whole. Restoring is copying: config/README.md. */
#include "cli.h"
#include "backup.h"
#include "base/util.h"
#include "hub.h"
#include "supervisor/supervisor.h"
#include <errno.h>
#include <getopt.h>
#include <string.h>

#define ASK_MS 2000u

/* The running hub's name; NULL: it does not run. free() it. */
static char *hub_name(const char *data)
{
    struct tree *request = tree_map(), *status = NULL;
    char *name = NULL;
    struct err e;
    if (request && tree_puts(request, "command", "status") == 0 &&
        control_call(data, request, ASK_MS, &status, &e) == 0 && tree_gets(status, "hub", NULL))
        name = strdup(tree_gets(status, "hub", ""));
    tree_free(request);
    tree_free(status);
    return name;
}

static void print(const char *dir, const struct tree *manifest)
{
    const struct tree *files = tree_get(manifest, "files");
    uint64_t bytes = 0;
    for (size_t i = 0; i < files->n; i++)
        bytes += tree_getu(files->child[i], "bytes", 0);
    printf("%s: %s%sas of %s, %zu files, %llu bytes, by reeve %s\n", dir,
           tree_gets(manifest, "hub", ""), tree_get(manifest, "hub") ? " " : "",
           tree_gets(manifest, "begun", "?"), files->n, (unsigned long long)bytes,
           tree_gets(manifest, "version", "?"));
}

static int make(const struct hub_options *o, const char *dir, struct tree **ret, struct err *e)
{
    struct hub h;
    int r = hub_open(o, &h, e);
    if (r < 0)
        return r;
    _cleanup_free_ char *hub = hub_name(h.data), *spool = path_join(h.data, "spool/spool.db");
    if (spool && access(spool, F_OK) < 0)
        return err_set(e, -ENOENT, "backup-read", "%s: there is nothing to back up: %s", spool,
                       strerror(errno));
    return backup_make(h.data, dir, hub, ret, e);
}

int cmd_backup(int argc, char **argv)
{
    static const struct option options[] = {{"config", required_argument, NULL, 'c'},
                                            {"data", required_argument, NULL, 'd'},
                                            {"verify", no_argument, NULL, 'v'},
                                            {NULL, 0, NULL, 0}};
    struct hub_options o = {.config = NULL};
    struct tree *manifest = NULL;
    struct err e;
    bool verify = false;
    int c;
    while ((c = getopt_long(argc, argv, "c:", options, NULL)) != -1) {
        if (c == 'c')
            o.config = optarg;
        else if (c == 'd')
            o.data = optarg;
        else if (c == 'v')
            verify = true;
        else
            return cli_usage("backup");
    }
    if (optind != argc - 1)
        return cli_usage("backup");
    int r =
        verify ? backup_verify(argv[optind], &manifest, &e) : make(&o, argv[optind], &manifest, &e);
    if (r < 0) {
        cli_complain("backup", &e);
        return CLI_FAILED;
    }
    print(argv[optind], manifest);
    tree_free(manifest);
    return CLI_OK;
}
