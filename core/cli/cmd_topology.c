/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_topology - `reeve topology`: what the hub has in RabbitMQ and who may do what there, for the
 * broker's administrator. Nothing is asked of the broker, and nothing changed in it. */
#include "cli.h"
#include "base/util.h"
#include "config/config.h"
#include "transport/amqp_definitions.h"
#include <errno.h>
#include <getopt.h>
#include <string.h>

#define OUT_MAX (64u << 20)

static void print_arguments(const struct tree *map)
{
    for (size_t i = 0; tree_is_map(map) && i < map->n; i++)
        printf("%s%s=%s", i ? ", " : "  ", map->key[i]->text,
               tree_text(map->child[i]) ? tree_text(map->child[i]) : "?");
}

static void print_named(const struct tree *top, const char *key, const char *detail,
                        const char *arguments)
{
    const struct tree *list = tree_get(top, key);
    if (!list || !list->n)
        return;
    printf("\n%s\n", key);
    for (size_t i = 0; i < list->n; i++) {
        const struct tree *t = list->child[i];
        printf("  %-28s %s", tree_gets(t, "name", "?"), tree_gets(t, detail, ""));
        print_arguments(tree_get(t, arguments));
        putchar('\n');
    }
}

static void print_rights(const struct tree *top)
{
    const struct tree *list = tree_get(top, "permissions"),
                      *topics = tree_get(top, "topic_permissions");
    puts("\nrights (regular expressions)");
    for (size_t i = 0; list && i < list->n; i++) {
        const struct tree *t = list->child[i];
        const char *user = tree_gets(t, "user", "?");
        printf("  %s\n    configure %s\n    write     %s\n    read      %s\n", user,
               tree_gets(t, "configure", ""), tree_gets(t, "write", ""), tree_gets(t, "read", ""));
        for (size_t k = 0; topics && k < topics->n; k++)
            if (strcmp(tree_gets(topics->child[k], "user", ""), user) == 0)
                printf("    keys at %-22s %s\n", tree_gets(topics->child[k], "exchange", "?"),
                       tree_gets(topics->child[k], "write", ""));
    }
}

static void print(const struct tree *top)
{
    const struct tree *bindings = tree_get(top, "bindings"), *vhosts = tree_get(top, "vhosts");
    printf("virtual host %s\n",
           vhosts && vhosts->n ? tree_gets(vhosts->child[0], "name", "?") : "?");
    print_named(top, "exchanges", "type", "arguments");
    print_named(top, "queues", "type", "arguments");
    puts("\nbindings");
    for (size_t i = 0; bindings && i < bindings->n; i++)
        printf("  %-28s %-28s -> %s\n", tree_gets(bindings->child[i], "source", "?"),
               tree_gets(bindings->child[i], "routing_key", ""),
               tree_gets(bindings->child[i], "destination", "?"));
    print_named(top, "policies", "pattern", "definition");
    print_rights(top);
}

static int print_json(const struct tree *top)
{
    struct buf out = BUF_INIT(OUT_MAX);
    int r = tree_to_json(top, &out, true);
    if (r == 0)
        puts(buf_str(&out));
    buf_done(&out);
    return r;
}

static int show(const char *config, bool json, struct err *e)
{
    struct diagnostics d = {0};
    struct tree *plan = NULL, *top = NULL;
    int r = cli_compile(config, CONFIG_WITHOUT_SECRETS | CONFIG_EVERY_MACHINE, &d, &plan, NULL);
    diagnostics_done(&d);
    if (r < 0)
        return err_set(e, r, "config", "the configuration has errors; see reeve check");
    const struct tree *part = cli_part_of(plan, "amqp");
    r = part ? amqp_definitions(part, &top, e)
             : err_set(e, -ENOENT, "transport",
                       "this hub keeps its queues itself (`transport: spool`): there is nothing in "
                       "a broker");
    if (r == 0 && json)
        r = print_json(top);
    else if (r == 0)
        print(top);
    tree_free(top);
    tree_free(plan);
    return r;
}

int cmd_topology(int argc, char **argv)
{
    static const struct option options[] = {{"config", required_argument, NULL, 'c'},
                                            {"json", no_argument, NULL, 'j'},
                                            {NULL, 0, NULL, 0}};
    const char *config = NULL;
    struct err e;
    bool json = false;
    int c;
    while ((c = getopt_long(argc, argv, "c:", options, NULL)) != -1) {
        if (c == 'c')
            config = optarg;
        else if (c == 'j')
            json = true;
        else
            return cli_usage("topology");
    }
    if (optind != argc)
        return cli_usage("topology");
    if (show(cli_config_path(config), json, &e) == 0)
        return CLI_OK;
    cli_complain("topology", &e);
    return CLI_FAILED;
}
