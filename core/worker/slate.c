/* SPDX-License-Identifier: Apache-2.0 */
/* slate - see slate.h. A table with a home for each name, so that what is there is found at once;
 * what is not is looked for only while there are suspects. */
#include "slate.h"
#include "base/digest.h"
#include "base/util.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#define SLATE_MAGIC "reeveSL1"

struct slate_entry {
    uint8_t name[SHA256_LEN];
    uint32_t used, in_hand, suspect, crashes;
};
struct slate_file {
    char magic[8];
    uint32_t excused, reserved0;
    struct slate_entry entry[SLATE_ENTRIES];
};
struct slate {
    struct slate_file *f;
    size_t suspects;
};

static void charge_what_was_in_hand(struct slate *s)
{
    size_t in_hand = 0;
    for (size_t i = 0; i < SLATE_ENTRIES; i++)
        in_hand += s->f->entry[i].used && s->f->entry[i].in_hand > 0;
    for (size_t i = 0; i < SLATE_ENTRIES; i++) {
        struct slate_entry *x = &s->f->entry[i];
        if (x->used && x->in_hand && s->f->excused && !x->suspect)
            memset(x, 0, sizeof(*x));
        if (x->used && x->in_hand) {
            x->suspect = 1;
            x->in_hand = 0;
            x->crashes += in_hand == 1 && !s->f->excused;
        }
        s->suspects += x->used && x->suspect;
    }
    s->f->excused = 0;
}

/* Before its size is looked at: a newer one may have another. */
static int refuse_newer(int fd, const char *path, struct err *e)
{
    char magic[8] = "";
    if (pread(fd, magic, 8, 0) != 8 || memcmp(magic, SLATE_MAGIC, 7) != 0 ||
        magic[7] <= SLATE_MAGIC[7] || magic[7] > '9')
        return 0;
    return err_set(e, -ENOTSUP, "slate-format",
                   "%s has format %c, and this program (%s) knows formats up to %c: a newer reeve "
                   "has written it; install that one again, or remove the file (it only says what "
                   "was in hand when a process ended)",
                   path, magic[7], REEVE_VERSION, SLATE_MAGIC[7]);
}

/* Its blocks are there before it is mapped: on a full disk a store into a hole would end the
 * process. */
static int make_room(int fd, const char *path, struct err *e)
{
    struct stat st;
    int r = fstat(fd, &st) < 0 ? -errno : 0;
    if (r == 0 && st.st_size != (off_t)sizeof(struct slate_file) && ftruncate(fd, 0) < 0)
        r = -errno;
    if (r == 0)
        r = -posix_fallocate(fd, 0, (off_t)sizeof(struct slate_file));
    return r < 0 ? err_set(e, r, "slate-open", "%s: %s", path, strerror(-r)) : 0;
}

int slate_open(const char *path, struct slate **ret, struct err *e)
{
    _cleanup_close_ int fd = open_private(path, O_RDWR);
    if (fd < 0)
        return err_set(e, fd, "slate-open", "%s: %s", path, strerror(-fd));
    int r = refuse_newer(fd, path, e);
    r = r < 0 ? r : make_room(fd, path, e);
    if (r < 0)
        return r;
    struct slate *s = xcalloc(1, sizeof(*s));
    if (!s)
        return err_set(e, -ENOMEM, "out-of-memory", "out of memory");
    void *p = mmap(NULL, sizeof(struct slate_file), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (p == MAP_FAILED) {
        int rc = -errno;
        free(s);
        return err_set(e, rc, "slate-open", "%s: %s", path, strerror(-rc));
    }
    s->f = p;
    if (memcmp(s->f->magic, SLATE_MAGIC, 8) != 0) {
        memset(s->f, 0, sizeof(*s->f));
        memcpy(s->f->magic, SLATE_MAGIC, 8);
    }
    charge_what_was_in_hand(s);
    *ret = s;
    return 0;
}

void slate_close(struct slate *s)
{
    if (!s)
        return;
    (void)munmap(s->f, sizeof(*s->f));
    free(s);
}

static size_t home_of(const uint8_t key[SHA256_LEN])
{
    return ((size_t)key[0] << 8 | key[1]) % SLATE_ENTRIES;
}

static struct slate_entry *find(const struct slate *s, const uint8_t key[SHA256_LEN])
{
    for (size_t i = 0, home = home_of(key); i < SLATE_ENTRIES; i++) {
        struct slate_entry *x = &s->f->entry[(home + i) % SLATE_ENTRIES];
        if (x->used && memcmp(x->name, key, SHA256_LEN) == 0)
            return x;
    }
    return NULL;
}

static const struct slate_entry *find_suspect(const struct slate *s, const char *name)
{
    uint8_t key[SHA256_LEN];
    if (s->suspects == 0)
        return NULL;
    sha256(name, strlen(name), key);
    const struct slate_entry *x = find(s, key);
    return x && x->suspect ? x : NULL;
}

size_t slate_suspects(const struct slate *s)
{
    return s->suspects;
}

bool slate_suspect(const struct slate *s, const char *name)
{
    return find_suspect(s, name);
}

uint32_t slate_crashes(const struct slate *s, const char *name)
{
    const struct slate_entry *x = find_suspect(s, name);
    return x ? x->crashes : 0;
}

static void clear(struct slate *s, struct slate_entry *x)
{
    s->suspects -= x->suspect;
    memset(x, 0, sizeof(*x));
}

/* Old suspects whose message never came back (expired, discarded) must not fill the slate for ever.
 */
static struct slate_entry *free_entry(struct slate *s, const uint8_t key[SHA256_LEN])
{
    struct slate_entry *idle = NULL;
    for (size_t i = 0, home = home_of(key); i < SLATE_ENTRIES; i++) {
        struct slate_entry *x = &s->f->entry[(home + i) % SLATE_ENTRIES];
        if (!x->used)
            return x;
        if (!x->in_hand && !idle)
            idle = x;
    }
    if (idle)
        clear(s, idle);
    return idle;
}

int slate_put(struct slate *s, const char *name)
{
    uint8_t key[SHA256_LEN];
    sha256(name, strlen(name), key);
    struct slate_entry *x = s->suspects ? find(s, key) : NULL;
    if (!x) {
        x = free_entry(s, key);
        if (!x)
            return -ENOSPC;
        memcpy(x->name, key, SHA256_LEN);
        x->used = 1;
    }
    x->in_hand++;
    return (int)(x - s->f->entry);
}

void slate_excuse(struct slate *s)
{
    s->f->excused = 1;
}

void slate_wipe(struct slate *s, int place)
{
    if (place < 0 || place >= SLATE_ENTRIES || !s->f->entry[place].in_hand)
        return;
    if (--s->f->entry[place].in_hand == 0)
        clear(s, &s->f->entry[place]);
}
