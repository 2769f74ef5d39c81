/* SPDX-License-Identifier: Apache-2.0 */
/* compile - see compile.h. Plan and diagnostics are bounded; a compiler that hangs is killed at the
 * deadline. */
#include "compile.h"
#include "base/places.h"
#include "base/util.h"
#include "spawn.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>

#define PLAN_FD          5
#define DIAGNOSTICS_MAX  (1u << 20)
#define COMPILE_LIMIT_MS 60000u

extern char **environ;

struct compile {
    pid_t pid;
    int pidfd, plan_fd, diag_fd; /* -1: over */
    struct buf plan, diag;
    uint64_t deadline;
    bool late, too_large;
    siginfo_t end;
};

static void close_fd(int *fd)
{
    if (*fd >= 0)
        (void)close(*fd);
    *fd = -1;
}

static int make_pipe(int *ret_ours, int *ret_theirs)
{
    int p[2];
    if (pipe2(p, O_CLOEXEC) < 0)
        return -errno;
    (void)fcntl(p[0], F_SETFL, O_NONBLOCK);
    *ret_ours = p[0];
    *ret_theirs = spawn_move(p[1]);
    return *ret_theirs < 0 ? *ret_theirs : 0;
}

static int start(struct compile *c, const char *config, bool quiet, struct err *e)
{
    char path[PATH_MAX];
    _cleanup_close_ int plan_out = -1;
    _cleanup_close_ int diag_out = -1;
    int r = places_program("reeve-worker", path, sizeof path);
    if (r < 0)
        return err_set(e, r, "program", "reeve-worker is not beside reeve nor in ../libexec/reeve");
    r = make_pipe(&c->plan_fd, &plan_out);
    if (r == 0 && quiet)
        r = make_pipe(&c->diag_fd, &diag_out);
    if (r < 0)
        return err_set(e, r, "compile", "pipe: %s", strerror(-r));
    const char *const argv[] = {"reeve-worker", "compile", "-c", config, "--plan-fd", "5", NULL};
    const struct spawn_fd fds[] = {{plan_out, PLAN_FD}, {diag_out, STDERR_FILENO}};
    r = spawn(path, argv, environ, fds, quiet ? 2 : 1, &c->pid, &c->pidfd);
    return r < 0 ? err_set(e, r, "compile", "cannot execute %s: %s", path, strerror(-r)) : 0;
}

int compile_start(const char *config, bool quiet, struct compile **ret, struct err *e)
{
    struct compile *c = xcalloc(1, sizeof *c);
    if (!c)
        return err_set(e, -ENOMEM, "memory", "out of memory");
    c->pidfd = c->plan_fd = c->diag_fd = -1;
    buf_init(&c->plan, PLAN_BYTES_MAX);
    buf_init(&c->diag, DIAGNOSTICS_MAX);
    c->deadline = mono_ms() + COMPILE_LIMIT_MS;
    int r = start(c, config, quiet, e);
    if (r < 0) {
        compile_free(c);
        return r;
    }
    *ret = c;
    return 0;
}

void compile_free(struct compile *c)
{
    if (!c)
        return;
    if (c->pidfd >= 0) {
        siginfo_t si;
        (void)pidfd_send_signal(c->pidfd, SIGKILL, NULL, 0);
        (void)waitid(P_PIDFD, (id_t)c->pidfd, &si, WEXITED);
    }
    close_fd(&c->pidfd);
    close_fd(&c->plan_fd);
    close_fd(&c->diag_fd);
    if (c->plan.p)
        explicit_bzero(c->plan.p, c->plan.cap); /* secrets */
    buf_done(&c->plan);
    buf_done(&c->diag);
    free(c);
}

size_t compile_poll(const struct compile *c, struct pollfd *out)
{
    size_t n = 0;
    const int fds[] = {c->plan_fd, c->diag_fd, c->pidfd};
    for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
        if (fds[i] >= 0)
            out[n++] = (struct pollfd){.fd = fds[i], .events = POLLIN};
    return n;
}

uint64_t compile_deadline(const struct compile *c)
{
    return c->deadline;
}

/* Reads to the end of what is there. Over the ceiling the rest is thrown away. */
static void take(int *fd, struct buf *b, bool *too_large)
{
    char chunk[65536];
    while (*fd >= 0) {
        ssize_t n = read(*fd, chunk, sizeof chunk);
        if (n < 0 && (errno == EINTR))
            continue;
        if (n < 0 && errno == EAGAIN)
            return;
        if (n <= 0) {
            close_fd(fd);
            return;
        }
        if (buf_add(b, chunk, (size_t)n) < 0)
            *too_large = true;
    }
}

bool compile_run(struct compile *c)
{
    bool cut = false;
    take(&c->plan_fd, &c->plan, &c->too_large);
    take(&c->diag_fd, &c->diag, &cut); /* the first MiB of complaints is enough */
    if (!c->late && mono_ms() >= c->deadline && c->pidfd >= 0) {
        c->late = true;
        (void)pidfd_send_signal(c->pidfd, SIGKILL, NULL, 0);
    }
    siginfo_t si;
    memset(&si, 0, sizeof si);
    if (c->pidfd >= 0 && waitid(P_PIDFD, (id_t)c->pidfd, &si, WEXITED | WNOHANG) == 0 &&
        si.si_pid != 0) {
        c->end = si;
        close_fd(&c->pidfd);
        take(&c->plan_fd, &c->plan, &c->too_large);
        take(&c->diag_fd, &c->diag, &cut);
        /* Somebody it left behind may hold the pipes open; its plan was complete when it exited. */
        close_fd(&c->plan_fd);
        close_fd(&c->diag_fd);
    }
    return c->pidfd < 0;
}

int compile_result(struct compile *c, struct plan **ret, struct err *e)
{
    struct tree *t = NULL;
    if (c->late)
        return err_set(e, -ETIMEDOUT, "compile-late", "the configuration was not read within %u s",
                       COMPILE_LIMIT_MS / 1000);
    if (c->end.si_code != CLD_EXITED)
        return err_set(e, -EIO, "compile-crash", "the compiler was killed by signal %d",
                       c->end.si_status);
    if (c->end.si_status != 0)
        return err_set(e, -EINVAL, "compile", "the configuration has errors; nothing was changed");
    if (c->too_large)
        return err_set(e, -EFBIG, "plan", "the plan is larger than %u bytes", PLAN_BYTES_MAX);
    int r = tree_from_json(buf_str(&c->plan), c->plan.len, &t, e);
    if (r < 0)
        return err_prefix(e, r, "the plan");
    return plan_read(t, ret, e);
}

const char *compile_diagnostics(const struct compile *c)
{
    return buf_str(&c->diag);
}
