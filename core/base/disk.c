/* SPDX-License-Identifier: Apache-2.0 */
/* disk - see disk.h. */
#include "disk.h"
#include "util.h"
#include <stdio.h>
#include <sys/statvfs.h>

#define LOOK_MS 1000u

bool disk_below(bool was, uint64_t free_bytes, uint64_t limit)
{
    return free_bytes < limit + (was ? limit / 8 : 0);
}

bool disk_low(struct disk *d)
{
    struct statvfs v;
    uint64_t now = mono_ms();
    if (!d->keep_free || now < d->again)
        return d->low;
    d->again = now + LOOK_MS;
    if (statvfs(d->path, &v) < 0)
        return d->low = d->tight = false;
    d->free_bytes = (uint64_t)v.f_bavail * v.f_frsize;
    d->low = disk_below(d->low, d->free_bytes, d->keep_free);
    d->tight = disk_below(d->tight, d->free_bytes, d->keep_free / 2);
    return d->low;
}

char *disk_words(const struct disk *d, char *out, size_t cap)
{
    (void)snprintf(out, cap,
                   "%llu MiB are free on the hub's disk, and %llu MiB are kept free (limits: "
                   "keep_free)",
                   (unsigned long long)(d->free_bytes >> 20),
                   (unsigned long long)(d->keep_free >> 20));
    return out;
}
