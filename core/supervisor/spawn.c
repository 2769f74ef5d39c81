/* SPDX-License-Identifier: Apache-2.0 */
/* spawn - see spawn.h; and the descriptors of a unit: 3 = control channel, 4 = its part of the plan
 * in a sealed memory file.
 *
 * posix_spawn, not fork: nothing of ours runs between the two, and its cost does not grow with our
 * memory. PDEATHSIG is not possible this way; the end of file on descriptor 3 is the signal. */
#include "spawn.h"
#include "base/places.h"
#include "base/util.h"
#include "unit.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/wait.h>

extern char **environ;

int spawn_move(int fd)
{
    if (fd < 0 || fd >= SPAWN_FD_MIN)
        return fd;
    int moved = fcntl(fd, F_DUPFD_CLOEXEC, SPAWN_FD_MIN);
    int r = moved < 0 ? -errno : moved;
    (void)close(fd);
    return r;
}

static int set_files(posix_spawn_file_actions_t *a, const struct spawn_fd *fds, size_t n)
{
    int last = STDERR_FILENO;
    int r = posix_spawn_file_actions_addopen(a, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    if (r == 0)
        r = posix_spawn_file_actions_adddup2(a, STDERR_FILENO, STDOUT_FILENO);
    for (size_t i = 0; r == 0 && i < n; i++) {
        r = posix_spawn_file_actions_adddup2(a, fds[i].from, fds[i].to);
        if (fds[i].to > last)
            last = fds[i].to;
    }
    return r == 0 ? posix_spawn_file_actions_addclosefrom_np(a, last + 1) : r;
}

static int set_attributes(posix_spawnattr_t *attr)
{
    sigset_t none, all;
    (void)sigemptyset(&none);
    (void)sigfillset(&all);
    int r = posix_spawnattr_setsigmask(attr, &none);
    if (r == 0)
        r = posix_spawnattr_setsigdefault(attr, &all);
    if (r == 0)
        r = posix_spawnattr_setflags(attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF |
                                               POSIX_SPAWN_SETSID);
    return r;
}

int spawn(const char *path, const char *const argv[], char *const envp[],
          const struct spawn_fd *fds, size_t n, pid_t *ret_pid, int *ret_pidfd)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attr;
    pid_t pid = -1;
    int r = posix_spawn_file_actions_init(&actions);
    if (r != 0)
        return -r;
    r = posix_spawnattr_init(&attr);
    if (r != 0) {
        (void)posix_spawn_file_actions_destroy(&actions);
        return -r;
    }
    r = set_files(&actions, fds, n);
    if (r == 0)
        r = set_attributes(&attr);
    if (r == 0) {
        union {
            const char *const *c;
            char *const *p;
        } args = {.c = argv}; /* posix_spawn does not write to them */
        r = posix_spawn(&pid, path, &actions, &attr, args.p, envp);
    }
    (void)posix_spawn_file_actions_destroy(&actions);
    (void)posix_spawnattr_destroy(&attr);
    if (r != 0)
        return -r;
    int pidfd = pidfd_open(pid, 0);
    if (pidfd < 0) { /* we cannot watch it: better none than one that is lost */
        r = -errno;
        (void)kill(pid, SIGKILL);
        (void)waitpid(pid, NULL, 0);
        return r;
    }
    (void)fcntl(pidfd, F_SETFD, FD_CLOEXEC);
    *ret_pid = pid;
    *ret_pidfd = pidfd;
    return 0;
}

/* ---- a unit */

static int sealed_part(const struct tree *part)
{
    struct buf text = BUF_INIT(PLAN_BYTES_MAX);
    int fd = -1, r = tree_to_json(part, &text, false);
    if (r == 0) {
        fd = memfd_create("part", MFD_CLOEXEC | MFD_ALLOW_SEALING);
        r = fd < 0 ? -errno : write_all(fd, text.p, text.len);
    }
    if (r == 0 &&
        fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) < 0)
        r = -errno;
    if (text.p)
        explicit_bzero(text.p, text.cap); /* secrets */
    buf_done(&text);
    if (r < 0) {
        if (fd >= 0)
            (void)close(fd);
        return r;
    }
    return spawn_move(fd);
}

/* The environment with the generation. The strings stay environ's; only the array and `mine` are
 * ours. */
static char **with_generation(char mine[64], uint32_t generation)
{
    size_t n = 0, k = 0;
    while (environ[n])
        n++;
    char **env = xcalloc(n + 2, sizeof *env);
    if (!env)
        return NULL;
    for (size_t i = 0; i < n; i++)
        if (strncmp(environ[i], "REEVE_GENERATION=", 17) != 0)
            env[k++] = environ[i];
    (void)snprintf(mine, 64, "REEVE_GENERATION=%u", generation);
    env[k] = mine;
    return env;
}

static const char *const programs[PROCESS_KINDS][2] = {
    [PROCESS_SPOOL] = {"reeve-spool", NULL},   [PROCESS_AMQP] = {"reeve-worker", "amqp"},
    [PROCESS_SINK] = {"reeve-worker", "sink"}, [PROCESS_SOURCE] = {"reeve-worker", "source"},
    [PROCESS_DOOR] = {"reeve-door", NULL},     [PROCESS_CONSOLE] = {"reeve-worker", "console"},
};

static int start_program(struct unit *u, int control, int part, uint32_t generation, struct err *e)
{
    char path[PATH_MAX], mine[64];
    const char *program = programs[u->kind][0];
    const char *const argv[] = {program, programs[u->kind][1], NULL};
    int r = places_program(program, path, sizeof path);
    if (r < 0)
        return err_set(e, r, "program", "%s is not beside reeve nor in ../libexec/reeve", program);
    char **env = with_generation(mine, generation);
    if (!env)
        return err_set(e, -ENOMEM, "memory", "out of memory");
    const struct spawn_fd fds[] = {{control, CONTROL_FD}, {part, CONTROL_PART_FD}};
    r = spawn(path, argv, env, fds, ARRAY_SIZE(fds), &u->pid, &u->pidfd);
    free(env);
    return r < 0 ? err_set(e, r, "spawn", "cannot execute %s: %s", path, strerror(-r)) : 0;
}

int unit_spawn(struct unit *u, uint32_t generation, struct err *e)
{
    int sv[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv) < 0)
        return err_set(e, -errno, "spawn", "socketpair: %s", strerror(errno));
    _cleanup_close_ int ours = sv[0];
    _cleanup_close_ int theirs = spawn_move(sv[1]);
    _cleanup_close_ int part = sealed_part(u->part);
    if (theirs < 0 || part < 0)
        return err_set(e, theirs < 0 ? theirs : part, "spawn", "cannot make the descriptors: %s",
                       strerror(theirs < 0 ? -theirs : -part));
    struct channel *channel = channel_new(ours, FRAME_MAX_DEFAULT);
    if (!channel)
        return err_set(e, -ENOMEM, "memory", "out of memory");
    (void)TAKE_FD(ours);
    int r = start_program(u, theirs, part, generation, e);
    if (r < 0) {
        channel_free(channel);
        return r;
    }
    u->channel = channel;
    u->generation = generation;
    return 0;
}
