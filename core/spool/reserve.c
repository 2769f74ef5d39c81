/* SPDX-License-Identifier: Apache-2.0 */
/* reserve - a file that keeps some disk space back.
 *
 * Removing a message from SQLite needs room in its log first. When others have filled the disk, the
 * reserve is deleted and the settlements of the moment use its place; it is made again when writing
 * works again. */
#include "spool_types.h"
#include "base/util.h"
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#define RESERVE_BYTES    (4 << 20)
#define RESERVE_AGAIN_MS 10000u

void reserve_make(struct spool *s)
{
    int fd = open_private(s->reserve_path, O_WRONLY);
    int r = fd < 0 ? -fd : posix_fallocate(fd, 0, RESERVE_BYTES);
    if (fd >= 0)
        (void)close(fd);
    s->reserve_there = r == 0;
    s->reserve_again = s->now + RESERVE_AGAIN_MS;
    if (r != 0) /* part of it would only take what others need */
        (void)unlink(s->reserve_path);
}

bool reserve_release(struct spool *s)
{
    if (!s->reserve_there)
        return false;
    s->reserve_there = false;
    s->reserve_again = s->now + RESERVE_AGAIN_MS;
    return unlink(s->reserve_path) == 0;
}
