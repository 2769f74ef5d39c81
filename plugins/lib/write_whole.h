/* SPDX-License-Identifier: Apache-2.0 */
/* write_whole - all of the bytes, however the system takes them. */
#ifndef REEVE_PLUGINS_WRITE_WHOLE_H
#define REEVE_PLUGINS_WRITE_WHOLE_H
#include <errno.h>
#include <stddef.h>
#include <unistd.h>

/* 0, or -errno: then some of them may be written. */
static inline int write_whole(int fd, const void *bytes, size_t len)
{
    const char *p = bytes;
    while (len > 0) {
        ssize_t n = write(fd, p, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 ? -errno : -EIO;
        p += n;
        len -= (size_t)n;
    }
    return 0;
}

#endif
