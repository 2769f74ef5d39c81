/* SPDX-License-Identifier: Apache-2.0 */
/* describe_file - the description of a file that nobody vouches for: a child loads it, and what
 * becomes of the child (a crash, a hang, an exit in a constructor) becomes a sentence about the
 * file. The child is a process group of its own, so that nothing it starts outlives the limit. */
#include "base/buf.h"
#include "base/util.h"
#include "loader.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#define LIMIT_MS   10000u
#define OUTPUT_MAX (1u << 20)

extern char **environ;

static int spawn_child(const char *worker, const char *file, int out, pid_t *ret)
{
    char command[] = "describe";
    _cleanup_free_ char *program = strdup(worker);
    _cleanup_free_ char *path = strdup(file);
    char *argv[] = {program, command, path, NULL};
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attr;
    if (!program || !path)
        return -ENOMEM;
    int r = posix_spawn_file_actions_init(&actions);
    if (r != 0)
        return -r;
    r = posix_spawnattr_init(&attr);
    if (r == 0) {
        r = posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
        if (r == 0)
            r = posix_spawn_file_actions_adddup2(&actions, out, 1);
        if (r == 0)
            r = posix_spawn_file_actions_addclosefrom_np(&actions, 3);
        if (r == 0)
            r = posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETPGROUP);
        if (r == 0)
            r = posix_spawn(ret, program, &actions, &attr, argv, environ);
        (void)posix_spawnattr_destroy(&attr);
    }
    (void)posix_spawn_file_actions_destroy(&actions);
    return -r;
}

/* Everything up to the end of file. -ETIMEDOUT, -EFBIG, or what read() says. */
static int collect(int fd, struct buf *out)
{
    uint64_t until = mono_ms() + LIMIT_MS;
    for (;;) {
        uint64_t now = mono_ms();
        struct pollfd p = {.fd = fd, .events = POLLIN};
        if (now >= until)
            return -ETIMEDOUT;
        int r = poll(&p, 1, (int)(until - now));
        if (r < 0 && errno != EINTR)
            return -errno;
        if (r <= 0)
            continue;
        r = buf_reserve(out, 4096);
        if (r < 0)
            return r;
        ssize_t n = read(fd, out->p + out->len, 4096);
        if (n < 0 && errno != EINTR)
            return -errno;
        if (n == 0)
            return 0;
        if (n > 0)
            out->len += (size_t)n;
    }
}

/* Ended output does not mean an ended process: what still runs is ended. */
static int reap(pid_t pid, bool kill_now, int *ret_status)
{
    for (unsigned i = 0; !kill_now && i < LIMIT_MS / 5; i++) {
        pid_t r = waitpid(pid, ret_status, WNOHANG);
        if (r == pid)
            return 0;
        if (r < 0 && errno != EINTR)
            return -errno;
        (void)poll(NULL, 0, 5);
    }
    (void)kill(-pid, SIGKILL);
    while (waitpid(pid, ret_status, 0) < 0) {
        if (errno != EINTR)
            return -errno;
    }
    return 0;
}

static int judge(const char *file, int collected, int status, const struct buf *out,
                 struct tree **ret, struct err *e)
{
    struct tree *t = NULL;
    if (collected == -ETIMEDOUT)
        return err_set(e, -ETIMEDOUT, "plugin-hang", "%s: loading it did not end within %u s", file,
                       LIMIT_MS / 1000);
    if (collected < 0)
        return err_set(e, collected, "plugin-describe", "%s: its description cannot be read: %s",
                       file, strerror(-collected));
    if (WIFSIGNALED(status))
        return err_set(e, -ENOEXEC, "plugin-crash", "%s: loading it crashed (%s)", file,
                       strsignal(WTERMSIG(status)));
    struct err why;
    if (tree_from_json(out->p ? out->p : "", out->len, &t, &why) < 0 || !tree_is_map(t)) {
        tree_free(t);
        return err_set(e, -ENOEXEC, "plugin-crash",
                       "%s: the process that loaded it ended (exit %d) without a description", file,
                       WEXITSTATUS(status));
    }
    const struct tree *error = tree_get(t, "error");
    if (error || WEXITSTATUS(status) != 0) {
        (void)err_set(e, -ENOEXEC, tree_gets(error, "code", "plugin-describe"), "%s",
                      tree_gets(error, "text", "no reason given"));
        tree_free(t);
        return -ENOEXEC;
    }
    *ret = t;
    return 0;
}

int plugin_describe_file(const char *worker, const char *file, struct tree **ret, struct err *e)
{
    int fds[2], status = 0;
    pid_t pid = -1;
    struct buf out = BUF_INIT(OUTPUT_MAX);
    if (pipe2(fds, O_CLOEXEC) < 0)
        return err_set(e, -errno, "plugin-describe", "%s: no pipe: %s", file, strerror(errno));
    int r = spawn_child(worker, file, fds[1], &pid);
    (void)close(fds[1]);
    if (r < 0) {
        (void)close(fds[0]);
        return err_set(e, r, "plugin-describe", "%s: %s cannot be started: %s", file, worker,
                       strerror(-r));
    }
    int collected = collect(fds[0], &out);
    (void)close(fds[0]);
    r = reap(pid, collected < 0, &status);
    if (r < 0)
        r = err_set(e, r, "plugin-describe", "%s: its process cannot be waited for: %s", file,
                    strerror(-r));
    else
        r = judge(file, collected, status, &out, ret, e);
    buf_done(&out);
    return r;
}

/* ---- the child ---- */

static int print(int fd, const struct tree *t)
{
    struct buf out = BUF_INIT(OUTPUT_MAX);
    int r = tree_to_json(t, &out, false);
    if (r == 0)
        r = buf_addc(&out, '\n');
    if (r == 0)
        r = write_all(fd, out.p, out.len);
    buf_done(&out);
    return r;
}

static struct tree *refusal(const struct err *e)
{
    struct tree *t = tree_map(), *error = tree_map();
    if (!t || !error || tree_puts(error, "code", e->code) < 0 ||
        tree_puts(error, "text", e->text) < 0) {
        tree_free(t);
        tree_free(error);
        return NULL;
    }
    if (tree_put(t, "error", error) < 0) {
        tree_free(t);
        return NULL;
    }
    return t;
}

int plugin_describe_child(const char *file)
{
    struct plugin *p = NULL;
    struct tree *t = NULL;
    struct err e;
    int out = fcntl(1, F_DUPFD_CLOEXEC, 3);
    if (out < 0 || dup2(2, 1) < 0)
        return 1;
    int r = plugin_load(file, &p, &e);
    if (r == 0)
        r = plugin_describe(p, &t, &e);
    if (r < 0)
        t = refusal(&e);
    if (!t || print(out, t) < 0)
        r = -EIO;
    tree_free(t);
    plugin_unload(p);
    (void)close(out);
    return r < 0 ? 1 : 0;
}
