/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_backup - `reeve backup DIR`: a copy of what a hub has stored, while it runs or not;
 * `--verify`: whether such a copy is whole. Restoring is copying: config/README.md. */
#include "cli.h"
#include "backup.h"
#include "base/util.h"
#include "config/config.h"
#include "hub.h"
#include "supervisor/supervisor.h"
#include <errno.h>
#include <string.h>

#define ASK_MS 2000u

/* What the running hub says of itself; NULL: it does not run. */
static struct tree *running(const char *data)
{
    struct tree *request = tree_map(), *status = NULL;
    struct err e;
    if (request && tree_puts(request, "command", "status") == 0 &&
        control_call(data, request, ASK_MS, &status, &e) < 0)
        status = NULL;
    tree_free(request);
    return status;
}

static bool has_process(const struct tree *status, const char *kind)
{
    const struct tree *all = tree_get(status, "processes");
    for (size_t i = 0; tree_is_list(all) && i < all->n; i++)
        if (strcmp(tree_gets(all->child[i], "kind", ""), kind) == 0)
            return true;
    return false;
}

/* The plan of a hub that does not run, as far as its configuration is in order; else NULL. */
static struct tree *configured(const struct hub *h)
{
    struct diagnostics d = {0};
    struct tree *plan = NULL;
    (void)cli_compile(cli_config_path(h->config), CONFIG_WITHOUT_SECRETS, &d, &plan, NULL);
    diagnostics_done(&d);
    return plan;
}

static bool remembers_elsewhere(const struct tree *plan)
{
    const struct tree *all = tree_get(plan, "processes");
    for (size_t i = 0; tree_is_list(all) && i < all->n; i++)
        if (tree_at(all->child[i], "part/state"))
            return true;
    return false;
}

static bool is_there(const char *data, const char *name)
{
    _cleanup_free_ char *path = path_join(data, name);
    return path && access(path, F_OK) == 0;
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
    if (strcmp(tree_gets(manifest, "queue", ""), "broker") == 0)
        puts("What waits, and the dead letters, are the broker's: they are not in this backup.");
    if (strcmp(tree_gets(manifest, "state", ""), "postgresql") == 0)
        puts("What connectors remember is in PostgreSQL: it is not in this backup. Dump it with "
             "pg_dump, after this.");
    if (tree_get(manifest, "machine"))
        printf("This is %s: each machine has a journal of its own.\n",
               tree_gets(manifest, "machine", ""));
}

static int make(const struct hub_options *o, const char *dir, struct tree **ret, struct err *e)
{
    struct hub h;
    int r = hub_open(o, &h, e);
    if (r < 0)
        return r;
    bool spool = is_there(h.data, "spool/spool.db");
    if (!spool && !is_there(h.data, "journal"))
        return err_set(e, -ENOENT, "backup-read", "%s: there is nothing to back up", h.data);
    struct tree *status = running(h.data), *plan = status || !h.found ? NULL : configured(&h);
    const struct backup_about about = {
        .hub = tree_gets(status, "hub", NULL),
        .machine = tree_gets(status ? status : plan, "machine", NULL),
        .broker = status ? has_process(status, "amqp") : !spool,
        .shared = status ? tree_get(status, "state_store") != NULL : remembers_elsewhere(plan)};
    r = backup_make(h.data, dir, &about, ret, e);
    tree_free(status);
    tree_free(plan);
    return r;
}

int cmd_backup(int argc, char **argv)
{
    struct hub_options o;
    struct tree *manifest = NULL;
    struct err e;
    bool verify;
    if (!hub_options_read(argc, argv, "verify", &verify, &o) || optind != argc - 1)
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
