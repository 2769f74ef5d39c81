/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_names - what shell completion asks for: names of connectors, destinations and modules, one a
 * line; and `grammar`, the keys of a configuration. Nothing is said about what is wrong: whoever
 * completes a line wants names or none. */
#include "cli.h"
#include "base/util.h"
#include "supervisor/supervisor.h"
#include "config/config.h"
#include "plugin/loader.h"
#include <getopt.h>
#include <limits.h>
#include <string.h>

#define ASK_MS  2000u
#define OUT_MAX (4u << 20)

struct asked {
    const char *config, *data;
};

static void print_list(const struct tree *list)
{
    for (size_t i = 0; tree_is_list(list) && i < list->n; i++)
        if (tree_text(list->child[i]))
            puts(tree_text(list->child[i]));
}

static void modules(enum plugin_kind kind)
{
    struct tree *files = NULL;
    struct err e;
    if (plugin_list(kind, &files, &e) < 0)
        return;
    for (size_t i = 0; i < files->n; i++) {
        const char *file = tree_text(files->child[i]), *slash = file ? strrchr(file, '/') : NULL;
        const char *name = slash ? slash + 1 : file;
        if (name)
            printf("%.*s\n", (int)strcspn(name, "."), name);
    }
    tree_free(files);
}

/* Of the running hub: the queues there are, also those without a destination. */
static bool running_queues(const struct asked *a)
{
    char data[PATH_MAX] = "";
    struct err e;
    struct tree *request = tree_map(), *status = NULL;
    bool any = false;
    const char *where = a->data;
    if (!where && cli_data_dir(cli_config_path(a->config), data, sizeof data, &e) == 0)
        where = data;
    if (where && tree_puts(request, "command", "status") == 0 &&
        control_call(where, request, ASK_MS, &status, &e) == 0) {
        const struct tree *processes = tree_get(status, "processes");
        for (size_t i = 0; tree_is_list(processes) && i < processes->n; i++) {
            const struct tree *queues = tree_at(processes->child[i], "stats/destinations");
            for (size_t k = 0; tree_is_list(queues) && k < queues->n; k++, any = true)
                puts(tree_gets(queues->child[k], "name", ""));
        }
    }
    tree_free(request);
    tree_free(status);
    return any;
}

static void sources(const struct tree *plan)
{
    const struct tree *processes = tree_get(plan, "processes");
    for (size_t i = 0; tree_is_list(processes) && i < processes->n; i++)
        if (strcmp(tree_gets(processes->child[i], "kind", ""), "source") == 0)
            puts(tree_gets(processes->child[i], "part/connector", ""));
}

static void configured(const struct asked *a, bool destinations)
{
    struct diagnostics d = {0};
    struct tree *plan = NULL;
    if (cli_compile(cli_config_path(a->config), CONFIG_WITHOUT_SECRETS | CONFIG_EVERY_MACHINE, &d,
                    &plan, NULL) == 0) {
        if (destinations)
            print_list(tree_get(plan, "destinations"));
        else
            sources(plan);
    }
    diagnostics_done(&d);
    tree_free(plan);
}

/* What only YAML tells: this machine's data directory, and which machines there are. */
static int place(const struct asked *a, bool machines)
{
    char *data = NULL;
    struct tree *names = NULL;
    struct err e;
    int r = cli_place(a->config, machines ? NULL : &data, machines ? &names : NULL, &e);
    if (r < 0)
        cli_complain("names", &e);
    if (data)
        puts(data);
    print_list(names);
    tree_free(names);
    free(data);
    return r < 0 ? CLI_FAILED : CLI_OK;
}

int cmd_names(int argc, char **argv)
{
    static const struct option options[] = {{"config", required_argument, NULL, 'c'},
                                            {"data", required_argument, NULL, 'd'},
                                            {NULL, 0, NULL, 0}};
    struct asked a = {0};
    int c;
    while ((c = getopt_long(argc, argv, "c:", options, NULL)) != -1) {
        if (c == 'c')
            a.config = optarg;
        else if (c == 'd')
            a.data = optarg;
        else
            return CLI_USAGE;
    }
    const char *what = optind == argc - 1 ? argv[optind] : "";
    if (strcmp(what, "data") == 0 || strcmp(what, "machine") == 0)
        return place(&a, what[0] == 'm');
    bool module = strcmp(what, "module") == 0;
    if (module || strcmp(what, "plugin") == 0)
        modules(PLUGIN_KIND_PLUGIN);
    if (module || strcmp(what, "adapter") == 0)
        modules(PLUGIN_KIND_ADAPTER);
    if (strcmp(what, "connector") == 0)
        configured(&a, false);
    if (strcmp(what, "destination") == 0 && !running_queues(&a))
        configured(&a, true);
    return CLI_OK;
}

int cmd_grammar(int argc, char **argv)
{
    (void)argv;
    struct tree *t = argc == 1 ? config_grammar() : NULL;
    struct buf out = BUF_INIT(OUT_MAX);
    int r = t ? tree_to_json(t, &out, true) : -1;
    if (r == 0)
        puts(buf_str(&out));
    buf_done(&out);
    tree_free(t);
    return r == 0 ? CLI_OK : argc == 1 ? CLI_FAILED : CLI_USAGE;
}
