/* SPDX-License-Identifier: Apache-2.0 */
/* compile_config - core/config with the modules of this installation: descriptions come from
 * children, one a file, so that a broken module is an error of the line that names it and of
 * nothing else. */
#include "cli.h"
#include "base/places.h"
#include "config/config.h"
#include "plugin/loader.h"
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct installation {
    char worker[PATH_MAX];
};

static char *find(void *arg, enum config_kind kind, const char *name, struct err *e)
{
    (void)arg;
    return plugin_find(kind == CONFIG_ADAPTER ? PLUGIN_KIND_ADAPTER : PLUGIN_KIND_PLUGIN, name, e);
}

static int describe(void *arg, const char *file, struct tree **ret, struct err *e)
{
    const struct installation *i = arg;
    return plugin_describe_file(i->worker, file, ret, e);
}

#define HOST_MAX 65

static void say_machine(struct config_env *env, char host[HOST_MAX])
{
    env->machine = getenv("REEVE_MACHINE");
    env->host = host;
    if (gethostname(host, HOST_MAX) < 0)
        host[0] = '\0';
    host[HOST_MAX - 1] = '\0'; /* a longer one may have come without its end */
    host[strcspn(host, ".")] = '\0';
}

int cli_compile(const char *path, unsigned flags, struct diagnostics *d, struct tree **ret_plan,
                struct buf *print)
{
    struct installation i;
    char host[HOST_MAX];
    int r = places_program("reeve-worker", i.worker, sizeof i.worker);
    if (r < 0) {
        diagnostics_add(d, SEVERITY_ERROR, path, 1, 1, "installation",
                        "the program reeve-worker is not installed: %s", strerror(-r));
        return r;
    }
    struct config_env env = {.arg = &i, .find = find, .describe = describe};
    say_machine(&env, host);
    return config_compile(path, &env, flags, d, ret_plan, print);
}

int cli_place(const char *given, char **ret_data, struct tree **ret_machines, struct err *e)
{
    char host[HOST_MAX];
    struct config_env env = {0};
    say_machine(&env, host);
    return config_place(cli_config_path(given), &env, ret_data, ret_machines, e);
}

const struct tree *cli_part_of(const struct tree *plan, const char *kind)
{
    const struct tree *all = tree_get(plan, "processes");
    for (size_t i = 0; tree_is_list(all) && i < all->n; i++)
        if (strcmp(tree_gets(all->child[i], "kind", ""), kind) == 0)
            return tree_get(all->child[i], "part");
    return NULL;
}
