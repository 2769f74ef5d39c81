/* SPDX-License-Identifier: Apache-2.0 */
/* folder - see file.h. All paths are relative to an open directory, so that a directory that is
 * renamed or replaced while we work is not mixed up with its successor. */
#include "file.h"
#include "lib/write_whole.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define SWEEP_AFTER_S 3600
#define NUMBERS_MAX   100000u

int folder_open(const char *path)
{
    char *copy = strdup(path);
    if (!copy)
        return -ENOMEM;
    for (char *p = copy + 1; *p; p++) {
        if (*p != '/')
            continue;
        *p = '\0';
        (void)mkdir(copy, 0777); /* what matters is whether the last one can be opened */
        *p = '/';
    }
    (void)mkdir(copy, 0777);
    int fd = open(copy, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int r = fd < 0 ? -errno : fd;
    free(copy);
    return r;
}

int folder_write(int dir, const char *name, const void *p, size_t len)
{
    static unsigned long long counter;
    char temp[64];
    (void)snprintf(temp, sizeof(temp), ".reeve-%ld-%llu.tmp", (long)getpid(), counter++);
    int fd = openat(dir, temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0666);
    if (fd < 0 && errno == EEXIST) { /* of a process that had our number and died */
        (void)unlinkat(dir, temp, 0);
        fd = openat(dir, temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0666);
    }
    if (fd < 0)
        return -errno;
    int r = write_whole(fd, p, len);
    if (r == 0 && fsync(fd) < 0)
        r = -errno;
    if (close(fd) < 0 && r == 0)
        r = -errno;
    if (r == 0 && renameat(dir, temp, dir, name) < 0)
        r = -errno;
    if (r < 0)
        (void)unlinkat(dir, temp, 0);
    return r;
}

void folder_sweep(int dir)
{
    int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
    const struct dirent *entry;
    struct stat st;
    if (!d) {
        if (fd >= 0)
            (void)close(fd);
        return;
    }
    while ((entry = readdir(d))) {
        const char *n = entry->d_name;
        size_t len = strlen(n);
        if (strncmp(n, ".reeve-", 7) != 0 || len < 4 || strcmp(n + len - 4, ".tmp") != 0)
            continue;
        if (fstatat(dir, n, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
            time(NULL) - st.st_mtime > SWEEP_AFTER_S)
            (void)unlinkat(dir, n, 0);
    }
    (void)closedir(d);
}

/* Where the file system has no RENAME_NOREPLACE, a second name and the removal of the first do the
 * same. */
static int rename_new(int from, const char *name, int to, const char *target)
{
    if (renameat2(from, name, to, target, RENAME_NOREPLACE) == 0)
        return 0;
    if (errno != EINVAL && errno != ENOSYS)
        return -errno;
    if (linkat(from, name, to, target, 0) < 0)
        return -errno;
    return unlinkat(from, name, 0) < 0 ? -errno : 0;
}

int folder_free_name(int dir, const char *name, bool (*taken)(int dir, const char *name),
                     char out[NAME_BYTES])
{
    struct stat st;
    for (unsigned n = 1; n < NUMBERS_MAX; n++) {
        if (!numbered_name(name, n, out))
            return -ENAMETOOLONG;
        if (fstatat(dir, out, &st, AT_SYMLINK_NOFOLLOW) < 0 && errno == ENOENT && !taken(dir, out))
            return 0;
    }
    return -EEXIST;
}

int folder_move(int from, const char *name, int to, const char *target)
{
    int r = rename_new(from, name, to, target);
    if (r < 0)
        return r;
    return fsync(to) < 0 || fsync(from) < 0 ? -errno : 0;
}
