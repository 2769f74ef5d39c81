/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_source - `reeve-worker source`: the receive side of one connector, executed by the
 * supervisor. */
#include "cli.h"
#include "worker/worker.h"
#include <string.h>

int cmd_source(int argc, char **argv)
{
    /* --part FILE: by hand, without a supervisor, for looking into trouble */
    if (argc == 3 && strcmp(argv[1], "--part") == 0)
        return worker_source(argv[2]);
    return argc == 1 ? worker_source(NULL) : cli_usage(argv[0]);
}
