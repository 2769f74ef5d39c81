/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_sink - `reeve-worker sink`: the deliver side of one connector, executed by the supervisor. */
#include "cli.h"
#include "worker/worker.h"
#include <string.h>

int cmd_sink(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "--part") == 0)
        return worker_sink(argv[2]);
    return argc == 1 ? worker_sink(NULL) : cli_usage(argv[0]);
}
