/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_pause - `reeve pause DESTINATION` and `resume`, the second half, where several machines run
 * one configuration: the supervisor here has done it, and now all others are told through the
 * broker. Says who heard it, and of whom nothing was heard. */
#include "cli.h"
#include "hub.h"
#include <errno.h>
#include <getopt.h>
#include <string.h>

struct order {
    const char *command, *destination;
    struct tree *machines; /* all there are */
    struct tree *answers;
};

static bool heard(const struct order *o, const char *machine)
{
    for (size_t i = 0; i < o->answers->n; i++)
        if (tree_get(o->answers->child[i], "told") &&
            strcmp(tree_gets(o->answers->child[i], "machine", ""), machine) == 0)
            return true;
    return false;
}

/* The names of those that did, or of those that did not. false: there are none. */
static bool print_machines(const struct order *o, bool did, const char *before)
{
    size_t n = 0;
    for (size_t i = 0; o->machines && i < o->machines->n; i++) {
        const char *name = tree_text(o->machines->child[i]);
        if (name && heard(o, name) == did)
            printf("%s%s", n++ ? ", " : before, name);
    }
    return n > 0;
}

/* One whose version knows no orders answers without "told". */
static int print(const struct order *o)
{
    bool old = false;
    for (size_t i = 0; i < o->answers->n; i++)
        old |= !tree_get(o->answers->child[i], "told");
    printf("%s: ", o->destination);
    if (!print_machines(o, true, o->command[0] == 'p' ? "paused on " : "resumed on "))
        fputs("no machine delivers it now", stdout);
    if (print_machines(o, false, "; not heard from "))
        fputs(" (does not run, or does not deliver it)", stdout);
    putchar('\n');
    if (old)
        fprintf(stderr,
                "reeve %s: %s: a hub of an older version delivers it, too, and cannot be told from "
                "here: do it on its machine [version]\n",
                o->command, o->destination);
    return old ? CLI_FAILED : CLI_OK;
}

static int tell(struct order *o, const struct hub_options *where, struct err *e)
{
    struct hub h;
    struct transport *t = NULL;
    int r = hub_open(where, &h, e);
    r = r < 0 ? r : hub_machines(&h, NULL, &o->machines, e);
    r = r < 0 ? r : hub_transport(&h, &t, e);
    r = r < 0 ? r : transport_pause_all(t, o->destination, o->command[0] == 'p', &o->answers, e);
    transport_close(t);
    return r;
}

int cmd_pause(int argc, char **argv)
{
    static const struct option options[] = {{"config", required_argument, NULL, 'c'},
                                            {"data", required_argument, NULL, 'd'},
                                            {NULL, 0, NULL, 0}};
    struct hub_options where = {0};
    struct order o = {.command = argv[0]};
    struct err e, why;
    int c;
    while ((c = getopt_long(argc, argv, "c:", options, NULL)) != -1) {
        if (c == 'c')
            where.config = optarg;
        else if (c == 'd')
            where.data = optarg;
        else
            return cli_usage(argv[0]);
    }
    if (optind != argc - 1)
        return cli_usage(argv[0]);
    o.destination = argv[optind];
    int r = tell(&o, &where, &why);
    if (r == 0)
        c = print(&o);
    else
        (void)err_set(&e, r, why.code, "%s: done here; other machines could not be told: %s",
                      o.destination, why.text);
    if (r < 0)
        cli_complain(argv[0], &e);
    tree_free(o.machines);
    tree_free(o.answers);
    return r < 0 ? CLI_FAILED : c;
}
