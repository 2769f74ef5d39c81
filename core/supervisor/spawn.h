/* SPDX-License-Identifier: Apache-2.0 */
/* spawn - executes a program with exactly the descriptors it is to have, in a session of its own.
 */
#ifndef REEVE_SUPERVISOR_SPAWN_H
#define REEVE_SUPERVISOR_SPAWN_H
#include <sys/types.h>

struct spawn_fd {
    int from, to; /* `from` must be >= SPAWN_FD_MIN (spawn_move()), `to` below */
};
#define SPAWN_FD_MIN 16

/* A duplicate at or above SPAWN_FD_MIN, close-on-exec; closes fd. Negative errno. fd < 0 is passed
 * through. */
int spawn_move(int fd);
/* Standard input is empty, standard output goes to standard error; everything but fds is closed.
 * Default signals, none blocked. ret_pidfd: readable when it has ended. 0 or negative errno. */
int spawn(const char *path, const char *const argv[], char *const envp[],
          const struct spawn_fd *fds, size_t n, pid_t *ret_pid, int *ret_pidfd);

#endif
