/* SPDX-License-Identifier: Apache-2.0 */
/* deliver - messages as files of a directory, or as lines of one file.
 *
 * files: each message is one file, written beside, synced and renamed; the directory is synced once
 * a batch and only then the batch is settled. The name comes from the message's id, so a repetition
 * replaces its own file. lines: a batch is one append and one fdatasync. A last line without its
 * end, which only a crash leaves and which nobody was told of, is cut off before the first append.
 * Repetitions are further lines with the same id. What the disk refuses (full, read-only, no
 * permission) is DOWN: no message is charged for it. */
#include "file.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

struct outbox {
    int dir;
    int lines; /* the open file of mode lines, or -1 */
    struct stat lines_are;
    bool swept;
};

struct outbox *outbox_new(reeve_ctx *ctx)
{
    struct outbox *out = calloc(1, sizeof(*out));
    if (!out) {
        (void)reeve_fail(ctx, REEVE_FATAL, "out of memory");
        return NULL;
    }
    out->dir = out->lines = -1;
    return out;
}

void outbox_free(struct outbox *out)
{
    if (!out)
        return;
    if (out->lines >= 0)
        (void)close(out->lines);
    if (out->dir >= 0)
        (void)close(out->dir);
    free(out);
}

static reeve_rc down(reeve_ctx *ctx, const char *what, int r)
{
    return reeve_fail(ctx, REEVE_DOWN, "%s/%s: %s", reeve_conf(ctx, "directory", 0), what,
                      strerror(-r));
}

/* Opened anew when it was removed or moved away meanwhile. */
static int ready_dir(reeve_ctx *ctx, struct outbox *out)
{
    const char *path = reeve_conf(ctx, "directory", 0);
    struct stat ours, named;
    if (out->dir >= 0 && fstat(out->dir, &ours) == 0 && path && stat(path, &named) == 0 &&
        ours.st_dev == named.st_dev && ours.st_ino == named.st_ino)
        return 0;
    if (out->dir >= 0)
        (void)close(out->dir);
    out->dir = path ? folder_open(path) : -EINVAL;
    if (out->dir < 0)
        return out->dir;
    if (!out->swept)
        folder_sweep(out->dir);
    out->swept = true;
    return 0;
}

/* ---- mode files ---- */

static int write_job(const struct outbox *out, const reeve_job *job)
{
    const reeve_msg *m = reeve_job_msg(job);
    const char *source = reeve_msg_get(m, "source");
    char name[NAME_BYTES];
    size_t len = 0;
    const void *body = reeve_job_body(job, &len);
    message_name(reeve_msg_id(m), source ? source : "",
                 ending_of_type(reeve_job_get(job, "content-type")), name);
    return folder_write(out->dir, name, body, len);
}

static reeve_rc deliver_files(reeve_ctx *ctx, struct outbox *out, reeve_job *const *jobs, size_t n)
{
    size_t done = 0;
    int r = 0;
    while (done < n && r == 0) {
        r = write_job(out, jobs[done]);
        done += r == 0;
    }
    if (done > 0 && fsync(out->dir) < 0)
        return down(ctx, "", -errno);
    for (size_t i = 0; i < done; i++)
        reeve_settle(jobs[i], REEVE_OK, 0, "%s", "");
    return r < 0 ? down(ctx, "a file", r) : REEVE_OK;
}

/* ---- mode lines ---- */

/* The size up to the last line feed. */
static off_t whole_lines(int fd, off_t size)
{
    char buf[4096];
    while (size > 0) {
        size_t n = size < (off_t)sizeof(buf) ? (size_t)size : sizeof(buf);
        ssize_t got = pread(fd, buf, n, size - (off_t)n);
        if (got != (ssize_t)n)
            return -1;
        const char *end = memrchr(buf, '\n', n);
        if (end)
            return size - (off_t)n + (end - buf) + 1;
        size -= (off_t)n;
    }
    return 0;
}

/* Locked by the caller. */
static int repair(reeve_ctx *ctx, int fd)
{
    struct stat st;
    if (fstat(fd, &st) < 0)
        return -errno;
    off_t whole = whole_lines(fd, st.st_size);
    if (whole < 0)
        return -EIO;
    if (whole == st.st_size)
        return 0;
    reeve_log(ctx, 4, "%lld bytes of a line that was never finished are cut off",
              (long long)(st.st_size - whole));
    return ftruncate(fd, whole) < 0 ? -errno : 0;
}

static int open_lines(struct outbox *out, const char *name)
{
    struct stat named;
    if (out->lines >= 0 && fstatat(out->dir, name, &named, 0) == 0 &&
        named.st_dev == out->lines_are.st_dev && named.st_ino == out->lines_are.st_ino)
        return 0;
    if (out->lines >= 0)
        (void)close(out->lines); /* moved away by whoever turns the files over */
    out->lines = openat(out->dir, name, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC, 0666);
    if (out->lines < 0)
        return -errno;
    if (fstat(out->lines, &out->lines_are) < 0 || fsync(out->dir) < 0)
        return -errno;
    return 0;
}

/* One JSON text on one line: line feeds stand only between its tokens (RFC 8259 section 2). */
static size_t put_line(char *to, const char *body, size_t len)
{
    for (size_t i = 0; i < len; i++)
        to[i] = body[i] == '\n' || body[i] == '\r' ? ' ' : body[i];
    to[len] = '\n';
    return len + 1;
}

/* All bodies as lines; NULL: out of memory, or *ret_len 0: one of them is not JSON. */
static char *make_lines(reeve_job *const *jobs, size_t n, size_t *ret_len)
{
    size_t total = 1, at = 0, len = 0;
    for (size_t i = 0; i < n; i++) {
        (void)reeve_job_body(jobs[i], &len);
        if (__builtin_add_overflow(total, len + 1, &total))
            return NULL;
    }
    char *all = malloc(total);
    for (size_t i = 0; all && i < n; i++) {
        const char *body = reeve_job_body(jobs[i], &len);
        at += put_line(all + at, body, len);
    }
    *ret_len = at;
    return all;
}

/* All or nothing: what was written of a batch that did not fit is taken back. */
static int append(int fd, const char *p, size_t len)
{
    struct stat st;
    if (fstat(fd, &st) < 0)
        return -errno;
    ssize_t n = write(fd, p, len);
    if (n == (ssize_t)len)
        return fdatasync(fd) < 0 ? -errno : 0;
    int r = n < 0 ? -errno : -ENOSPC;
    if (n > 0 && ftruncate(fd, st.st_size) < 0)
        return -errno; /* the tail is cut off before the next append */
    return r;
}

static reeve_rc deliver_lines(reeve_ctx *ctx, struct outbox *out, reeve_job *const *jobs, size_t n)
{
    const char *name = reeve_conf(ctx, "file", 0);
    size_t len = 0;
    if (!name || strchr(name, '/') || name[0] == '.' || strlen(name) >= NAME_BYTES)
        return reeve_fail(ctx, REEVE_DOWN, "the option `file` is the plain name of a file");
    for (size_t i = 0; i < n; i++) {
        const char *type = reeve_job_get(jobs[i], "content-type");
        if (!type_is_json(type))
            return reeve_fail(ctx, REEVE_DOWN,
                              "mode lines needs JSON, and this is %s: choose mode files",
                              type ? type : "of no known type");
    }
    int r = open_lines(out, name);
    if (r < 0)
        return down(ctx, name, r);
    char *all = make_lines(jobs, n, &len);
    if (!all)
        return reeve_fail(ctx, REEVE_RETRY, "out of memory");
    r = flock(out->lines, LOCK_EX) < 0 ? -errno : repair(ctx, out->lines);
    if (r == 0)
        r = append(out->lines, all, len);
    (void)flock(out->lines, LOCK_UN);
    free(all);
    return r < 0 ? down(ctx, name, r) : REEVE_OK;
}

reeve_rc outbox_deliver(reeve_ctx *ctx, struct outbox *out, reeve_job *const *jobs, size_t n)
{
    const char *mode = reeve_conf(ctx, "mode", 0);
    int r = ready_dir(ctx, out);
    if (r < 0)
        return down(ctx, "", r);
    return mode && strcmp(mode, "lines") == 0 ? deliver_lines(ctx, out, jobs, n)
                                              : deliver_files(ctx, out, jobs, n);
}
