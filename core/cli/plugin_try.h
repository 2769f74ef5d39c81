/* SPDX-License-Identifier: Apache-2.0 */
/* plugin_try - one side of a plugin in a host of its own, without configuration, transport or state
 * on disk. */
#ifndef REEVE_CLI_PLUGIN_TRY_H
#define REEVE_CLI_PLUGIN_TRY_H

/* `reeve plugin try …`; argv[0] = "try". Returns the exit code. */
int plugin_try(int argc, char **argv);

#endif
