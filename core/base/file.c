/* SPDX-License-Identifier: Apache-2.0 */
/* file - whole reads and writes, directories, unlinked files. Every descriptor made here is
 * close-on-exec. */
#include "util.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define READ_STEP 65536

int write_all(int fd, const void *data, size_t len)
{
    const char *p = data;
    while (len > 0) {
        ssize_t n = write(fd, p, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        if (n == 0)
            return -EIO;
        p += n;
        len -= (size_t)n;
    }
    return 0;
}

/* The size to start with: what the file system says, one byte more to see the end, or a step when
 * it says nothing. */
static size_t first_size(int fd, size_t max)
{
    struct stat st;
    size_t size = READ_STEP;
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > 0 &&
        (uint64_t)st.st_size < SIZE_MAX)
        size = (size_t)st.st_size + 1;
    return size > max ? max + 1 : size;
}

int read_fd(int fd, size_t max, char **ret, size_t *ret_len)
{
    if (max > SSIZE_MAX - 2)
        max = SSIZE_MAX - 2;
    size_t cap = first_size(fd, max), len = 0;
    _cleanup_free_ char *p = malloc(cap + 1);
    if (!p)
        return -ENOMEM;
    for (;;) {
        if (len == cap) { /* cap never passes max + 1: the byte that shows the file is too big */
            cap = cap > (max + 1) / 2 ? max + 1 : cap * 2;
            char *more = realloc(p, cap + 1);
            if (!more)
                return -ENOMEM;
            p = more;
        }
        ssize_t n = read(fd, p + len, cap - len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        if (n == 0)
            break;
        len += (size_t)n;
        if (len > max)
            return -EFBIG;
    }
    p[len] = '\0';
    *ret = TAKE_PTR(p);
    if (ret_len)
        *ret_len = len;
    return 0;
}

int read_file(const char *path, size_t max, char **ret, size_t *ret_len)
{
    _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        return -errno;
    return read_fd(fd, max, ret, ret_len);
}

int open_private(const char *path, int flags)
{
    _cleanup_close_ int fd = open(path, flags | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) < 0)
        return -errno;
    if ((st.st_mode & 07777) != 0600 && fchmod(fd, 0600) < 0)
        return -errno;
    return TAKE_FD(fd);
}

static int make_dir(const char *path)
{
    if (mkdir(path, 0700) == 0)
        return chmod(path, 0700) < 0 ? -errno : 0; /* a umask may have taken our own rights */
    int r = -errno;
    struct stat st;
    /* asked second, so that a directory on a read-only file system or above our rights is no error
     */
    if (stat(path, &st) == 0)
        return S_ISDIR(st.st_mode) ? 0 : -ENOTDIR;
    return r;
}

int make_dirs(const char *path)
{
    size_t len = strlen(path);
    if (len == 0)
        return -EINVAL;
    if (len >= PATH_MAX)
        return -ENAMETOOLONG;
    char part[PATH_MAX];
    memcpy(part, path, len + 1);
    for (char *p = part + 1; *p; p++) {
        if (*p != '/' || p[-1] == '/')
            continue;
        *p = '\0';
        int r = make_dir(part);
        if (r < 0)
            return r;
        *p = '/';
    }
    return make_dir(part);
}

int unlinked_file(const char *dir)
{
    int fd = open(dir, O_TMPFILE | O_EXCL | O_RDWR | O_CLOEXEC, 0600);
    if (fd >= 0)
        return fd;
    if (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL)
        return -errno;
    _cleanup_free_ char *path = path_join(dir, ".unlinked-XXXXXX");
    if (!path)
        return -ENOMEM;
    fd = mkostemp(path, O_CLOEXEC);
    if (fd < 0)
        return -errno;
    if (unlink(path) < 0) {
        int r = -errno;
        (void)close(fd);
        return r;
    }
    return fd;
}

char *path_join(const char *dir, const char *name)
{
    size_t nd = strlen(dir), nn = strlen(name);
    if (name[0] == '/' || nd == 0)
        return strdup(name);
    bool slash = dir[nd - 1] != '/';
    char *p = malloc(nd + slash + nn + 1);
    if (!p)
        return NULL;
    memcpy(p, dir, nd);
    if (slash)
        p[nd] = '/';
    memcpy(p + nd + slash, name, nn + 1);
    return p;
}
