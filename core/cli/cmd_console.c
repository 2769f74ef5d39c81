/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_console - `reeve-worker console`: the pages under /-/console, executed by the supervisor. */
#include "cli.h"
#include "console/console.h"
#include <string.h>

int cmd_console(int argc, char **argv)
{
    /* --part FILE: by hand, without a supervisor, for looking into trouble */
    if (argc == 3 && strcmp(argv[1], "--part") == 0)
        return console_run(argv[2]);
    return argc == 1 ? console_run(NULL) : cli_usage(argv[0]);
}
