/* SPDX-License-Identifier: Apache-2.0 */
/* reeve - the command line. What needs a module, a transport or a body is executed as
 * `reeve-worker` in our place, so this program links nothing that parses foreign bytes. */
#include "cli.h"
#include "base/places.h"
#include "base/util.h"
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int exec_worker(int argc, char **argv)
{
    char path[PATH_MAX];
    const char *name = argc > 1 ? argv[1] : "";
    int r = places_program("reeve-worker", path, sizeof path);
    if (r == 0) {
        (void)execv(path, argv);
        r = -errno;
    }
    fprintf(stderr, "reeve %s: cannot execute reeve-worker: %s [program]\n", name, strerror(-r));
    return CLI_FAILED;
}

static int unknown(const char *name)
{
    const char *names[64], *near;
    char shown[256] = "";
    size_t n = 0;
    for (size_t i = 0; i < command_helps_n && n < ARRAY_SIZE(names); i++)
        if (!command_helps[i].hidden)
            names[n++] = command_helps[i].name;
    escape_text(shown, sizeof shown, name, strlen(name));
    near = did_you_mean(name, names, n);
    if (near)
        fprintf(stderr, "reeve: there is no command \"%s\"; did you mean \"%s\"?\n", shown, near);
    else
        fprintf(stderr, "reeve: there is no command \"%s\"; see reeve --help\n", shown);
    return CLI_USAGE;
}

static const struct {
    const char *name;
    int (*run)(int argc, char **argv);
} commands[] = {
    {"run", front_run},     {"status", front_status}, {"reload", front_reload},
    {"pause", front_pause}, {"resume", front_pause},  {"completion", front_completion},
};

static int help(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[2], "--json") == 0)
        return help_json(stdout);
    const char *name = argc > 2 && cli_wants_help(argc - 1, argv + 1) ? "help" : argv[2];
    const struct command_help *h = argc > 2 ? help_find(name) : NULL;
    if (argc > 2 && !h)
        return unknown(name);
    if (h)
        help_one(stdout, h);
    else
        help_all(stdout);
    return CLI_OK;
}

static int dispatch(int argc, char **argv)
{
    if (argc < 2) {
        help_all(stderr);
        return CLI_USAGE;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
        strcmp(argv[1], "help") == 0)
        return help(argc, argv);
    if (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "version") == 0) {
        printf("reeve %s\n", REEVE_VERSION);
        return CLI_OK;
    }
    const struct command_help *h = help_find(argv[1]);
    if (!h)
        return unknown(argv[1]);
    for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
        if (strcmp(argv[1], commands[i].name) != 0)
            continue;
        if (cli_wants_help(argc - 1, argv + 1)) {
            help_one(stdout, h);
            return CLI_OK;
        }
        int r = commands[i].run(argc - 1, argv + 1);
        return r == CLI_GO_ON ? exec_worker(argc, argv) : r;
    }
    return exec_worker(argc, argv);
}

static bool takes_machine(const char *command)
{
    const struct command_help *h = help_find(command);
    for (const struct command_option *o = h ? h->options : NULL; o && o->help; o++)
        if (o->name && strcmp(o->name, "machine") == 0)
            return true;
    return false;
}

/* `--machine NAME` is taken here for every command that has it, and handed on in the environment:
 * to reeve-worker in our place, and to the compiler of a hub that reloads. */
static bool take_machine(int *argc, char **argv)
{
    int n = 0;
    if (*argc < 2 || !takes_machine(argv[1]))
        return true;
    for (int i = 0; i < *argc; i++) {
        bool alone = strcmp(argv[i], "--machine") == 0;
        const char *name = alone ? argv[i + 1] : argv[i] + sizeof "--machine=" - 1;
        if (strcmp(argv[i], "--") == 0) {
            while (i < *argc)
                argv[n++] = argv[i++];
        } else if (!alone && strncmp(argv[i], "--machine=", sizeof "--machine=" - 1) != 0) {
            argv[n++] = argv[i];
        } else if (!name || !*name || setenv("REEVE_MACHINE", name, 1) < 0) {
            return false;
        } else {
            i += alone;
        }
    }
    argv[n] = NULL;
    *argc = n;
    return true;
}

int main(int argc, char **argv)
{
    if (!take_machine(&argc, argv))
        return cli_usage(argv[1]);
    return cli_written(dispatch(argc, argv));
}
