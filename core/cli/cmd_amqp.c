/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_amqp - `reeve-worker amqp`: the process that answers for the queues where RabbitMQ keeps
 * them, executed by the supervisor. */
#include "cli.h"
#include "transport/amqp_process.h"
#include <string.h>

int cmd_amqp(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "--part") == 0)
        return amqp_process_run(argv[2]);
    return argc == 1 ? amqp_process_run(NULL) : cli_usage(argv[0]);
}
