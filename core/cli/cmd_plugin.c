/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_plugin - `reeve plugin list|describe|try`, and `describe FILE`, the child that loads a module
 * for the others. List and describe load nothing into this process: a module that crashes is a line
 * of the list. */
#include "cli.h"
#include "plugin_try.h"
#include "base/buf.h"
#include "base/places.h"
#include "base/util.h"
#include "plugin/loader.h"
#include <errno.h>
#include <limits.h>
#include <string.h>

int cmd_describe(int argc, char **argv)
{
    return argc == 2 ? plugin_describe_child(argv[1]) : cli_usage("describe");
}

static int describe(const char *file, struct tree **ret, struct err *e)
{
    char worker[PATH_MAX];
    int r = places_program("reeve-worker", worker, sizeof(worker));
    if (r < 0)
        return err_set(e, r, "program-missing", "reeve-worker is not where it should be");
    return plugin_describe_file(worker, file, ret, e);
}

static void print_json(const struct tree *t)
{
    struct buf out = BUF_INIT(16u << 20);
    if (tree_to_json(t, &out, true) == 0)
        puts(buf_str(&out));
    buf_done(&out);
}

/* Texts of modules are text from outside. */
static void print_text(const char *text)
{
    char shown[1024] = "";
    fputs(escape_text(shown, sizeof(shown), text, strlen(text)), stdout);
}

static void print_words(const struct tree *list, const char *between)
{
    for (size_t i = 0; list && i < list->n; i++) {
        fputs(i ? between : "", stdout);
        print_text(tree_text(list->child[i]));
    }
}

/* ---- list ---- */

static void list_line(const char *kind, const struct tree *t)
{
    printf("%-8s %-16s %-8s ", kind, tree_gets(t, "name", ""), tree_gets(t, "version", ""));
    print_text(tree_gets(t, "summary", ""));
    fputs(" (", stdout);
    print_words(tree_get(t, "roles"), ", ");
    puts(")");
}

static struct tree *refused(const char *file, const struct err *e)
{
    struct tree *t = tree_map();
    if (tree_puts(t, "file", file) < 0 || tree_puts(t, "error", e->text) < 0 ||
        tree_puts(t, "code", e->code) < 0) {
        tree_free(t);
        return NULL;
    }
    return t;
}

/* Adds the descriptions to all. The number of modules that do not fit, or negative. */
static int list_kind(enum plugin_kind kind, const char *word, bool json, struct tree *all,
                     struct err *e)
{
    struct tree *files = NULL;
    int faults = 0, r = plugin_list(kind, &files, e);
    for (size_t i = 0; r == 0 && i < files->n; i++) {
        const char *file = tree_text(files->child[i]);
        struct tree *t = NULL;
        struct err why;
        if (describe(file, &t, &why) < 0) {
            faults++;
            if (!json)
                cli_complain("plugin list", &why);
            t = refused(file, &why);
        } else if (!json) {
            list_line(word, t);
        }
        if (t)
            (void)tree_puts(t, "kind", word);
        r = tree_append(all, t);
    }
    tree_free(files);
    return r < 0 ? r : faults;
}

static int list(int argc, char **argv)
{
    bool json = argc == 2 && strcmp(argv[1], "--json") == 0;
    struct tree *all = tree_list();
    struct err e = {.code = "out-of-memory", .text = "out of memory"};
    if (argc > 1 && !json)
        return cli_usage("plugin");
    int plugins = all ? list_kind(PLUGIN_KIND_PLUGIN, "plugin", json, all, &e) : -ENOMEM;
    int adapters = plugins >= 0 ? list_kind(PLUGIN_KIND_ADAPTER, "adapter", json, all, &e) : -1;
    if (plugins < 0 || adapters < 0)
        cli_complain("plugin list", &e);
    else if (json)
        print_json(all);
    tree_free(all);
    return plugins == 0 && adapters == 0 ? CLI_OK : CLI_FAILED;
}

/* ---- describe ---- */

static void print_option(const struct tree *o)
{
    const char *def = tree_gets(o, "default", NULL), *allowed = tree_gets(o, "allowed", NULL);
    const char *side = tree_gets(o, "side", "both");
    printf("  %s: %s", tree_gets(o, "key", ""), tree_gets(o, "type", ""));
    if (tree_getb(o, "list", false))
        fputs(", one or a list", stdout);
    if (allowed) {
        fputs(", ", stdout);
        print_text(allowed);
    }
    if (strcmp(side, "both") != 0)
        printf(", %s only", side);
    if (tree_getb(o, "required", false))
        fputs(", required", stdout);
    if (tree_getb(o, "deprecated", false))
        fputs(", deprecated", stdout);
    if (def) {
        fputs(", default ", stdout);
        print_text(def);
    }
    fputs("\n      ", stdout);
    print_text(tree_gets(o, "help", ""));
    putchar('\n');
}

static void print_emits(const struct tree *m)
{
    const struct tree *attributes = tree_get(m, "attributes");
    printf("  ");
    print_text(tree_gets(m, "type", ""));
    if (tree_getb(m, "personal", false))
        fputs(" (about people)", stdout);
    if (attributes && attributes->n > 0) {
        fputs(": ", stdout);
        print_words(attributes, ", ");
    }
    putchar('\n');
    static const char *const hub[][2] = {{"gives", "gives the hub record"},
                                         {"needs", "needs of the hub record"}};
    for (size_t i = 0; i < ARRAY_SIZE(hub); i++) {
        if (!tree_get(m, hub[i][0]))
            continue;
        printf("    %s: ", hub[i][1]);
        print_words(tree_get(m, hub[i][0]), ", ");
        putchar('\n');
    }
}

static void print_description(const struct tree *t)
{
    const struct tree *options = tree_get(t, "options"), *emits = tree_get(t, "emits");
    printf("%s %s: ", tree_gets(t, "name", ""), tree_gets(t, "version", ""));
    print_text(tree_gets(t, "summary", ""));
    fputs("\nfile: ", stdout);
    print_text(tree_gets(t, "file", ""));
    fputs("\nroles: ", stdout);
    print_words(tree_get(t, "roles"), ", ");
    printf("\nmessages a call: %llu\n", (unsigned long long)tree_getu(t, "max_batch", 1));
    if (options && options->n > 0)
        puts("options:");
    for (size_t i = 0; options && i < options->n; i++)
        print_option(options->child[i]);
    if (emits && emits->n > 0)
        puts("emits:");
    for (size_t i = 0; emits && i < emits->n; i++)
        print_emits(emits->child[i]);
}

static int describe_one(int argc, char **argv)
{
    const char *name = NULL;
    bool json = false;
    struct tree *t = NULL;
    struct err e, other;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--json") == 0)
            json = true;
        else if (!name && argv[i][0] != '-')
            name = argv[i];
        else
            return cli_usage("plugin");
    }
    if (!name)
        return cli_usage("plugin");
    _cleanup_free_ char *file = plugin_find(PLUGIN_KIND_PLUGIN, name, &e);
    if (!file)
        file = plugin_find(PLUGIN_KIND_ADAPTER, name, &other);
    if (!file || describe(file, &t, &e) < 0) {
        cli_complain("plugin describe", &e);
        return CLI_FAILED;
    }
    if (json)
        print_json(t);
    else
        print_description(t);
    tree_free(t);
    return CLI_OK;
}

int cmd_plugin(int argc, char **argv)
{
    if (argc >= 2 && strcmp(argv[1], "list") == 0)
        return list(argc - 1, argv + 1);
    if (argc >= 2 && strcmp(argv[1], "describe") == 0)
        return describe_one(argc - 1, argv + 1);
    if (argc >= 2 && strcmp(argv[1], "try") == 0)
        return plugin_try(argc - 1, argv + 1);
    return cli_usage("plugin");
}
