/* SPDX-License-Identifier: Apache-2.0 */
/* reeve-worker - everything that loads a module, speaks to a transport or looks into a body: one
 * side of one connector, or one command. Executed by the supervisor or by `reeve`, never installed
 * in a directory of commands. */
#include "cli.h"
#include "base/util.h"
#include <string.h>

static const struct {
    const char *name;
    int (*run)(int argc, char **argv);
} commands[] = {
    {"check", cmd_check},       {"compile", cmd_compile},   {"explain", cmd_explain},
    {"test", cmd_test},         {"decode", cmd_decode},     {"encode", cmd_encode},
    {"eval", cmd_eval},         {"trace", cmd_trace},       {"status", cmd_status},
    {"dead", cmd_dead},         {"plugin", cmd_plugin},     {"source", cmd_source},
    {"sink", cmd_sink},         {"describe", cmd_describe}, {"names", cmd_names},
    {"grammar", cmd_grammar},   {"plan", cmd_plan},         {"backup", cmd_backup},
    {"queue", cmd_queue},       {"console", cmd_console},   {"amqp", cmd_amqp},
    {"topology", cmd_topology}, {"migrate", cmd_migrate},   {"convert", cmd_convert},
    {"pause", cmd_pause},       {"resume", cmd_pause},
};

static int dispatch(int argc, char **argv)
{
    if (argc >= 2 && strcmp(argv[1], "--version") == 0) {
        printf("reeve-worker %s\n", REEVE_VERSION);
        return CLI_OK;
    }
    for (size_t i = 0; argc >= 2 && i < ARRAY_SIZE(commands); i++) {
        if (strcmp(argv[1], commands[i].name) != 0)
            continue;
        if (cli_wants_help(argc - 1, argv + 1)) {
            help_one(stdout, help_find(argv[1]));
            return CLI_OK;
        }
        return commands[i].run(argc - 1, argv + 1);
    }
    fputs("reeve-worker is executed by `reeve`; see reeve --help\n", stderr);
    return CLI_USAGE;
}

int main(int argc, char **argv)
{
    return cli_written(dispatch(argc, argv));
}
