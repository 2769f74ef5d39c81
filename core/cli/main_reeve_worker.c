/* SPDX-License-Identifier: Apache-2.0 */
/* reeve-worker - everything that loads a module, speaks to a transport or looks into a body: one
 * side of one connector, or one command. Executed by the supervisor or by `reeve`, never installed
 * in a directory of commands. */
#include "cli.h"
#include "base/util.h"
#include <string.h>

/* A command whose room is not linked says so instead of failing the link. */
#pragma weak cmd_check
#pragma weak cmd_compile
#pragma weak cmd_explain
#pragma weak cmd_test
#pragma weak cmd_decode
#pragma weak cmd_encode
#pragma weak cmd_eval
#pragma weak cmd_trace
#pragma weak cmd_status
#pragma weak cmd_dead
#pragma weak cmd_plugin
#pragma weak cmd_describe
#pragma weak cmd_source
#pragma weak cmd_sink

static const struct {
    const char *name;
    int (*run)(int argc, char **argv);
} commands[] = {
    {"check", cmd_check}, {"compile", cmd_compile},   {"explain", cmd_explain},
    {"test", cmd_test},   {"decode", cmd_decode},     {"encode", cmd_encode},
    {"eval", cmd_eval},   {"trace", cmd_trace},       {"status", cmd_status},
    {"dead", cmd_dead},   {"plugin", cmd_plugin},     {"source", cmd_source},
    {"sink", cmd_sink},   {"describe", cmd_describe},
};

int main(int argc, char **argv)
{
    if (argc >= 2 && strcmp(argv[1], "--version") == 0) {
        printf("reeve-worker %s\n", REEVE_VERSION);
        return CLI_OK;
    }
    for (size_t i = 0; argc >= 2 && i < ARRAY_SIZE(commands); i++) {
        if (strcmp(argv[1], commands[i].name) != 0)
            continue;
        if (!commands[i].run) {
            fprintf(stderr, "reeve %s: not built in\n", argv[1]);
            return CLI_FAILED;
        }
        if (cli_wants_help(argc - 1, argv + 1)) {
            help_one(stdout, help_find(argv[1]));
            return CLI_OK;
        }
        return commands[i].run(argc - 1, argv + 1);
    }
    fputs("reeve-worker is executed by `reeve`; see reeve --help\n", stderr);
    return CLI_USAGE;
}
