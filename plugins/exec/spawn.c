/* SPDX-License-Identifier: Apache-2.0 */
/* spawn - see exec.h. Between fork and exec only what POSIX lets a process with threads do
 * (async-signal-safe calls); what fails there comes back through a pipe that exec closes. */
#include "exec.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum trouble { TROUBLE_NONE, TROUBLE_STREAMS, TROUBLE_DIRECTORY, TROUBLE_EXEC };
struct failure {
    enum trouble what;
    int error;
};
struct ends { /* pipes: [0] is read, [1] is written */
    int in[2], out[2], err[2], status[2];
};

static void close_pair(int fd[2])
{
    for (int i = 0; i < 2; i++) {
        if (fd[i] >= 0)
            (void)close(fd[i]);
        fd[i] = -1;
    }
}

static void close_all(struct ends *e)
{
    close_pair(e->in);
    close_pair(e->out);
    close_pair(e->err);
    close_pair(e->status);
}

static int open_all(struct ends *e)
{
    int *const pairs[] = {e->in, e->out, e->err, e->status};
    *e = (struct ends){{-1, -1}, {-1, -1}, {-1, -1}, {-1, -1}};
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        if (pipe2(pairs[i], O_CLOEXEC) < 0)
            return -1;
        if (pairs[i][0] < 3 || pairs[i][1] < 3) { /* our own standard streams are closed */
            errno = EBADF;
            return -1;
        }
    }
    return 0;
}

static _Noreturn void give_up(int status, enum trouble what)
{
    struct failure f = {what, errno};
    ssize_t n = write(status, &f, sizeof f);
    _exit(n == (ssize_t)sizeof f ? 127 : 126);
}

static _Noreturn void become(const struct spawn *s, const struct ends *e, pid_t parent)
{
    struct sigaction plain;
    sigset_t none;
    (void)setsid();
    if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0 || getppid() != parent)
        _exit(126); /* whom it belongs to is gone already */
    memset(&plain, 0, sizeof plain);
    plain.sa_handler = SIG_DFL;
    for (int i = 1; i < NSIG; i++)
        (void)sigaction(i, &plain, NULL);
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    if (dup2(e->in[0], 0) < 0 || dup2(e->out[1], 1) < 0 || dup2(e->err[1], 2) < 0 ||
        close_range(3, ~0u, CLOSE_RANGE_CLOEXEC) < 0)
        give_up(e->status[1], TROUBLE_STREAMS);
    if (s->directory != NULL && chdir(s->directory) < 0)
        give_up(e->status[1], TROUBLE_DIRECTORY);
    (void)execve(s->program, s->argv, s->env);
    give_up(e->status[1], TROUBLE_EXEC);
}

/* What became of it: it runs, or why not. */
static int outcome(const struct spawn *s, int status, char *why, size_t size)
{
    struct failure f = {TROUBLE_NONE, 0};
    ssize_t n;
    do
        n = read(status, &f, sizeof f);
    while (n < 0 && errno == EINTR);
    if (n == 0)
        return 0;
    if (f.what == TROUBLE_DIRECTORY)
        (void)snprintf(why, size, "the directory %s: %s", s->directory, strerror(f.error));
    else
        (void)snprintf(why, size, "%s cannot be started: %s", s->program,
                       strerror(n < 0 ? errno : f.error));
    return -1;
}

static int keep_ours(struct ends *e, struct process *ret)
{
    const int ours[] = {e->in[1], e->out[0], e->err[0]};
    for (size_t i = 0; i < 3; i++) {
        if (fcntl(ours[i], F_SETFL, O_NONBLOCK) < 0)
            return -1;
    }
    ret->pidfd = pidfd_open(ret->pid, 0);
    if (ret->pidfd < 0)
        return -1;
    ret->in = e->in[1];
    ret->out = e->out[0];
    ret->err = e->err[0];
    e->in[1] = e->out[0] = e->err[0] = -1;
    return 0;
}

int spawn(const struct spawn *s, struct process *ret, char *why, size_t size)
{
    struct ends e;
    pid_t self = getpid();
    int rc = -1;
    *ret = (struct process){.pid = 0, .pidfd = -1, .in = -1, .out = -1, .err = -1};
    if (open_all(&e) == 0)
        ret->pid = fork();
    else
        ret->pid = -1;
    if (ret->pid == 0)
        become(s, &e, self);
    if (ret->pid < 0) {
        (void)snprintf(why, size, "no process can be started: %s", strerror(errno));
    } else {
        (void)close(e.status[1]);
        e.status[1] = -1;
        rc = outcome(s, e.status[0], why, size);
        if (rc == 0 && keep_ours(&e, ret) < 0) {
            (void)snprintf(why, size, "no process can be started: %s", strerror(errno));
            (void)kill(ret->pid, SIGKILL);
            rc = -1;
        }
        if (rc < 0)
            (void)waitpid(ret->pid, NULL, 0);
    }
    close_all(&e);
    if (rc < 0)
        ret->pid = 0;
    return rc;
}
