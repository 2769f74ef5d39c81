/* SPDX-License-Identifier: Apache-2.0 */
/* disk - is there enough space left? A hub stops taking in before the disk is full, because what
 * lies in it already needs room to get out: settlements, journal, state.
 *
 * Below keep_free the disk is `low`: nothing new is taken in. Below half of it it is `tight`: the
 * queue takes nothing more from what is under way either. Each ends an eighth above where it began,
 * so that a level which swings about the limit does not open and close the door all the time. */
#ifndef REEVE_BASE_DISK_H
#define REEVE_BASE_DISK_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct disk {            /* one thread each */
    const char *path;    /* a directory of the file system; borrowed */
    uint64_t keep_free;  /* bytes; 0: not watched */
    uint64_t free_bytes; /* as last seen */
    uint64_t again;      /* mono_ms() when to look next */
    bool low, tight;
};

/* Looks, at most once a second, and tells `low`. A file system that cannot be asked is not low:
 * writing to it will say what is wrong. */
bool disk_low(struct disk *d);
/* "12 MiB are free on the hub's disk, and 256 MiB are kept free (limits: keep_free)": without the
 * path, since senders are told it too. Returns out. */
char *disk_words(const struct disk *d, char *out, size_t cap);
/* Pure: the new level, for a limit. */
bool disk_below(bool was, uint64_t free_bytes, uint64_t limit);

#endif
