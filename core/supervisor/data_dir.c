/* SPDX-License-Identifier: Apache-2.0 */
/* data_dir - the directories of the data directory, made before anything runs, and its lock: one
 * supervisor at a time. */
#include "sup.h"
#include "base/util.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* A copy by other hands (a restored backup) has loosened them. DATA itself is the operator's: what
 * is put there beside our own may be meant for others. */
static int tighten(const struct plan *p, struct err *e)
{
    _cleanup_free_ char *key = path_join(p->data, "key");
    if (!key)
        return err_set(e, -ENOMEM, "memory", "out of memory");
    if (chmod(p->run, 0700) < 0)
        return err_set(e, -errno, "data-run", "%s: %s", p->run, strerror(errno));
    if (chmod(key, 0600) < 0 && errno != ENOENT)
        return err_set(e, -errno, "data-key", "%s: %s", key, strerror(errno));
    return 0;
}

static int make_below(const char *data, const char *name, struct err *e)
{
    _cleanup_free_ char *path = path_join(data, name);
    int r = path ? make_dirs(path) : -ENOMEM;
    if (r == 0 && chmod(path, 0700) < 0) /* as tighten() */
        r = -errno;
    return r < 0
               ? err_set(e, r, "data-directory", "cannot make %s/%s: %s", data, name, strerror(-r))
               : 0;
}

/* run/ may lie in a directory that others can write to: it must be ours alone, and no link. */
static int check_run(const char *run, struct err *e)
{
    struct stat st;
    if (lstat(run, &st) < 0)
        return err_set(e, -errno, "data-run", "%s: %s", run, strerror(errno));
    if (!S_ISDIR(st.st_mode) || st.st_uid != geteuid() || (st.st_mode & 022) != 0)
        return err_set(e, -EPERM, "data-run",
                       "%s is not a directory that only this user can write to", run);
    return 0;
}

/* Commands look for DATA/run: when the sockets are elsewhere it is a link to that place. */
static int link_run(const struct plan *p, struct err *e)
{
    _cleanup_free_ char *own = path_join(p->data, "run");
    if (!own)
        return err_set(e, -ENOMEM, "memory", "out of memory");
    if (strcmp(own, p->run) == 0)
        return 0;
    if (unlink(own) < 0 && errno != ENOENT && errno != EISDIR && errno != EPERM)
        return err_set(e, -errno, "data-run", "%s: %s", own, strerror(errno));
    if (symlink(p->run, own) < 0 && errno != EEXIST)
        return err_set(e, -errno, "data-run", "%s: %s", own, strerror(errno));
    return 0;
}

#define LOOKING      "looking" /* in the lock instead of a pid: it is over soon */
#define LOOK_WAIT_MS 25000u
#define LOOK_STEP_MS 20

static void read_lock(int fd, char who[32])
{
    ssize_t n = pread(fd, who, 31, 0);
    who[n > 0 ? n : 0] = '\0';
}

static bool lives(const char *who)
{
    long pid = strtol(who, NULL, 10);
    return pid > 0 && pid <= INT_MAX && (kill((pid_t)pid, 0) == 0 || errno == EPERM);
}

/* Who only looks at the queues of a hub that does not run does not keep it from starting; nor does
 * whoever has the lock and has not written into it yet: then it has what the last one wrote, or
 * nothing. */
static int take(int fd)
{
    for (uint64_t end = mono_ms() + LOOK_WAIT_MS;;) {
        char who[32];
        if (flock(fd, LOCK_EX | LOCK_NB) == 0)
            return 0;
        if (errno != EWOULDBLOCK)
            return -errno;
        read_lock(fd, who);
        if (lives(who) || mono_ms() >= end)
            return -EWOULDBLOCK;
        (void)poll(NULL, 0, LOOK_STEP_MS);
    }
}

static int refuse_second(int fd, const char *data, struct err *e)
{
    char who[32];
    read_lock(fd, who);
    who[strspn(who, "0123456789")] = '\0';
    return err_set(e, -EBUSY, "already-running", "a hub is already running in %s%s%s", data,
                   *who ? ", pid " : "", who);
}

static int lock(const char *data, bool look, int *ret, struct err *e)
{
    _cleanup_free_ char *path = path_join(data, "lock");
    char pid[32];
    if (!path)
        return err_set(e, -ENOMEM, "memory", "out of memory");
    _cleanup_close_ int fd = open_private(path, O_RDWR);
    if (fd < 0)
        return err_set(e, fd, "data-lock", "%s: %s", path, strerror(-fd));
    int r = take(fd);
    if (r < 0)
        return r == -EWOULDBLOCK ? refuse_second(fd, data, e)
                                 : err_set(e, r, "data-lock", "%s: %s", path, strerror(-r));
    int n = look ? snprintf(pid, sizeof pid, LOOKING "\n")
                 : snprintf(pid, sizeof pid, "%d\n", (int)getpid());
    if (ftruncate(fd, 0) < 0 || pwrite(fd, pid, (size_t)n, 0) != n)
        return err_set(e, -EIO, "data-lock", "%s: cannot write the process number", path);
    *ret = TAKE_FD(fd);
    return 0;
}

static bool is_there(const char *data, const char *name)
{
    _cleanup_free_ char *path = path_join(data, name);
    return path && access(path, F_OK) == 0;
}

static const char *const below[] = {"spool", "state", "journal", "stage"};

/* `data: /var` is a slip of the pen: /var/spool is there and belongs to others, who would find it
 * closed. */
static int refuse_foreign(const char *data, struct err *e)
{
    /* manifest.json: a backup that was put here; where the queue is a broker's it has no spool/ */
    if (is_there(data, "lock") || is_there(data, "key") || is_there(data, "spool/spool.db") ||
        is_there(data, "manifest.json"))
        return 0;
    const char *other = is_there(data, "run") ? "run" : NULL;
    for (size_t i = 0; !other && i < ARRAY_SIZE(below); i++)
        other = is_there(data, below[i]) ? below[i] : NULL;
    if (!other)
        return 0;
    return err_set(e, -EEXIST, "data-foreign",
                   "%s has a %s/ already, and nothing there says that it is a hub's; give the hub "
                   "a directory of its own as `data:`",
                   data, other);
}

int data_dir_open(const struct plan *p, bool look, int *ret_lock, struct err *e)
{
    int fd = -1;
    int r = make_dirs(p->data);
    if (r < 0)
        return err_set(e, r, "data-directory", "cannot make %s: %s", p->data, strerror(-r));
    r = refuse_foreign(p->data, e);
    if (r == 0)
        r = lock(p->data, look, &fd, e);
    for (size_t i = 0; r == 0 && i < ARRAY_SIZE(below); i++)
        r = make_below(p->data, below[i], e);
    if (r == 0) {
        r = make_dirs(p->run);
        if (r < 0)
            (void)err_set(e, r, "data-run", "cannot make %s: %s", p->run, strerror(-r));
    }
    if (r == 0)
        r = check_run(p->run, e);
    if (r == 0)
        r = tighten(p, e);
    if (r == 0)
        r = link_run(p, e);
    if (r < 0) {
        if (fd >= 0)
            (void)close(fd);
        return r;
    }
    *ret_lock = fd;
    return 0;
}
