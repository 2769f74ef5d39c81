/* SPDX-License-Identifier: Apache-2.0 */
/* keep - what lies in done/ longer than the hub keeps it is removed, so many files a turn.
 *
 * The age counts from the move (the inode's time of change), not from the document's own time. A
 * directory of a million files is walked through in pieces: nothing waits for it. */
#include "file.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define FILES_A_TURN 256u
#define AGAIN_MS     3600000u

static uint64_t age_ms(const struct stat *st)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    int64_t ms = (now.tv_sec - st->st_ctim.tv_sec) * INT64_C(1000) +
                 (now.tv_nsec - st->st_ctim.tv_nsec) / 1000000;
    return ms > 0 ? (uint64_t)ms : 0;
}

static void look(reeve_ctx *ctx, struct keeper *k, const char *name, uint64_t keep_ms)
{
    struct stat st;
    int dir = dirfd(k->walk);
    if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(st.st_mode) ||
        age_ms(&st) < keep_ms)
        return;
    if (unlinkat(dir, name, 0) == 0)
        k->removed++;
    else if (errno != ENOENT)
        reeve_log(ctx, 4, "done/%s is older than the hub keeps it and cannot be removed: %s", name,
                  strerror(errno));
}

static void begin(struct keeper *k, int dir)
{
    int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    k->walk = fd >= 0 ? fdopendir(fd) : NULL;
    if (fd >= 0 && !k->walk)
        (void)close(fd);
}

void keeper_turn(reeve_ctx *ctx, struct keeper *k, int dir, uint64_t now_ms)
{
    uint64_t keep_ms = reeve_limit(ctx, "done");
    if (!keep_ms || (!k->walk && now_ms < k->next))
        return;
    if (!k->walk)
        begin(k, dir);
    const struct dirent *e = NULL;
    for (unsigned i = 0; k->walk && i < FILES_A_TURN && (e = readdir(k->walk)); i++)
        look(ctx, k, e->d_name, keep_ms);
    if (e)
        return; /* there may be more: the next turn */
    keeper_done(k);
    if (k->removed)
        reeve_log(ctx, 6, "%zu files of done/ were older than the hub keeps them", k->removed);
    k->removed = 0;
    k->next = now_ms + (keep_ms / 8 < AGAIN_MS ? keep_ms / 8 + 1 : AGAIN_MS);
}

uint64_t keeper_next(reeve_ctx *ctx, const struct keeper *k)
{
    return !reeve_limit(ctx, "done") ? UINT64_MAX : k->walk ? 0 : k->next;
}

void keeper_done(struct keeper *k)
{
    if (k->walk)
        (void)closedir(k->walk);
    k->walk = NULL;
}
