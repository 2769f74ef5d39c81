/* SPDX-License-Identifier: Apache-2.0 */
/* backup - making one; see backup.h for the order and why. Each file is copied as of one moment by
 * SQLite itself (VACUUM INTO on a read-only connection): writers go on, and the write-ahead log of
 * the file grows meanwhile by what they write. */
#include "backup.h"
#include "base/db.h"
#include "base/digest.h"
#include "base/util.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

static const struct phase {
    const char *room;
    bool receive; /* the files of receive sides, or all others */
} phases[BACKUP_PHASES] = {
    {"state", true}, {"journal", true}, {"spool", false}, {"state", false}, {"journal", false}};

struct making {
    const char *data, *dir;
    struct tree *files; /* of the manifest */
    struct err *e;
    uint64_t needed;
};

static bool ends_with(const char *s, const char *end)
{
    size_t n = strlen(s), m = strlen(end);
    return n > m && strcmp(s + n - m, end) == 0;
}

const char *backup_room(int phase)
{
    return phases[phase].room;
}

bool backup_takes(int phase, const char *name)
{
    return name[0] != '.' && ends_with(name, ".db") &&
           ends_with(name, ".receive.db") == phases[phase].receive;
}

/* Calls fn for the files of a phase, in the order of their names. A missing directory has none. */
static int each_file(struct making *m, int phase,
                     int (*fn)(struct making *m, const char *room, const char *name))
{
    _cleanup_free_ char *dir = path_join(m->data, phases[phase].room);
    struct dirent **list = NULL;
    int n = dir ? scandir(dir, &list, NULL, alphasort) : -1, r = 0;
    if (!dir)
        return err_set(m->e, -ENOMEM, "memory", "out of memory");
    if (n < 0 && errno != ENOENT)
        return err_set(m->e, -errno, "backup-read", "%s: %s", dir, strerror(errno));
    for (int i = 0; i < n; i++) {
        if (r == 0 && backup_takes(phase, list[i]->d_name))
            r = fn(m, phases[phase].room, list[i]->d_name);
        free(list[i]);
    }
    free(list);
    return r;
}

static char *joined(const char *dir, const char *room, const char *name)
{
    char *path = NULL;
    return asprintf(&path, "%s/%s/%s", dir, room, name) < 0 ? NULL : path;
}

static int add_size(struct making *m, const char *room, const char *name)
{
    static const char *const tails[] = {"", "-wal"};
    for (size_t i = 0; i < ARRAY_SIZE(tails); i++) {
        struct stat st;
        char path[PATH_MAX];
        if (snprintf(path, sizeof(path), "%s/%s/%s%s", m->data, room, name, tails[i]) <
                (int)sizeof(path) &&
            stat(path, &st) == 0)
            m->needed += (uint64_t)st.st_size;
    }
    return 0;
}

int backup_digest(const char *path, uint64_t *ret_bytes, char hex[SHA256_HEX])
{
    static char piece[256 << 10];
    uint8_t sum[SHA256_LEN];
    _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    struct digest *d = fd >= 0 ? digest_new() : NULL;
    ssize_t n = d ? 1 : -1;
    int r = fd < 0 ? -errno : -ENOMEM;
    *ret_bytes = 0;
    if (d)
        digest_start(d);
    while (n > 0) {
        n = read(fd, piece, sizeof(piece));
        if (n > 0) {
            digest_add(d, piece, (size_t)n);
            *ret_bytes += (uint64_t)n;
        }
        r = n < 0 ? -errno : 0;
    }
    if (r == 0) {
        digest_end(d, sum);
        hex_lower(sum, SHA256_LEN, hex);
    }
    digest_free(d);
    return r;
}

static int note_file(struct making *m, const char *room, const char *name, const char *path,
                     int64_t format)
{
    char hex[SHA256_HEX], where[300];
    uint64_t bytes = 0;
    int r = backup_digest(path, &bytes, hex);
    if (r < 0)
        return err_set(m->e, r, "backup-write", "%s: %s", path, strerror(-r));
    (void)snprintf(where, sizeof(where), "%.16s/%.256s", room, name);
    struct tree *t = tree_map();
    r = t ? tree_puts(t, "path", where) : -ENOMEM;
    r = r < 0 ? r : tree_putu(t, "format", (uint64_t)format);
    r = r < 0 ? r : tree_putu(t, "bytes", bytes);
    r = r < 0 ? r : tree_puts(t, "sha256", hex);
    if (r < 0)
        tree_free(t);
    else
        r = tree_append(m->files, t);
    return r < 0 ? err_set(m->e, r, "memory", "out of memory") : 0;
}

static int format_of(sqlite3 *db, int64_t *ret, struct err *e)
{
    sqlite3_stmt *st = NULL;
    int r = db_prepare(db, "PRAGMA user_version", &st, e);
    if (r == 0 && (r = db_step(db, st, e)) > 0)
        *ret = sqlite3_column_int64(st, 0);
    db_finalize(&st);
    return r < 0 ? r : 0;
}

static int copy_file(struct making *m, const char *room, const char *name)
{
    _cleanup_free_ char *from = joined(m->data, room, name), *to = joined(m->dir, room, name);
    sqlite3 *db = NULL;
    int64_t format = 0;
    if (!from || !to)
        return err_set(m->e, -ENOMEM, "memory", "out of memory");
    int r = db_open(from, DB_READONLY, NULL, &db, m->e);
    r = r < 0 ? r : db_copy(db, to, m->e);
    r = r < 0 ? r : format_of(db, &format, m->e);
    db_close(db);
    return r < 0 ? err_prefix(m->e, r, "copying %s", from) : note_file(m, room, name, to, format);
}

/* ---- the directory ---- */

static int other_files(const struct dirent *d)
{
    return strcmp(d->d_name, ".") != 0 && strcmp(d->d_name, "..") != 0;
}

static int take_directory(struct making *m)
{
    struct dirent **list = NULL;
    int r = make_dirs(m->dir);
    if (r < 0)
        return err_set(m->e, r, "backup-directory", "%s: %s", m->dir, strerror(-r));
    int n = scandir(m->dir, &list, other_files, NULL);
    if (n < 0)
        return err_set(m->e, -errno, "backup-directory", "%s: %s", m->dir, strerror(errno));
    for (int i = 0; i < n; i++)
        free(list[i]);
    free(list);
    if (n > 0)
        return err_set(m->e, -ENOTEMPTY, "backup-directory",
                       "%s is not empty; a backup is made in a directory of its own", m->dir);
    return 0;
}

static int check_room(struct making *m)
{
    struct statvfs v;
    for (int i = 0; i < BACKUP_PHASES; i++) {
        int r = each_file(m, i, add_size);
        if (r < 0)
            return r;
    }
    if (statvfs(m->dir, &v) < 0)
        return err_set(m->e, -errno, "backup-directory", "%s: %s", m->dir, strerror(errno));
    uint64_t free_bytes = (uint64_t)v.f_bavail * v.f_frsize;
    if (free_bytes < m->needed)
        return err_set(m->e, -ENOSPC, "backup-room",
                       "%s has %llu MiB free, and the backup may need %llu MiB", m->dir,
                       (unsigned long long)(free_bytes >> 20),
                       (unsigned long long)(m->needed >> 20) + 1);
    return 0;
}

static int make_rooms(struct making *m)
{
    for (int i = 0; i < BACKUP_PHASES; i++) {
        _cleanup_free_ char *path = path_join(m->dir, phases[i].room);
        int r = path ? make_dirs(path) : -ENOMEM;
        if (r < 0)
            return err_set(m->e, r, "backup-write", "%s/%s: %s", m->dir, phases[i].room,
                           strerror(-r));
    }
    return 0;
}

/* What was made of a backup that failed must not take the space of the hub. */
static void remove_made(const struct making *m)
{
    char path[PATH_MAX];
    for (int i = 0; i < BACKUP_PHASES; i++) {
        struct dirent **list = NULL;
        (void)snprintf(path, sizeof(path), "%.3800s/%s", m->dir, phases[i].room);
        int n = scandir(path, &list, other_files, NULL);
        for (int k = 0; k < n; k++) {
            (void)snprintf(path, sizeof(path), "%.3700s/%s/%.255s", m->dir, phases[i].room,
                           list[k]->d_name);
            (void)unlink(path);
            free(list[k]);
        }
        free(list);
        (void)snprintf(path, sizeof(path), "%.3800s/%s", m->dir, phases[i].room);
        (void)rmdir(path);
    }
    (void)snprintf(path, sizeof(path), "%.3800s/" BACKUP_MANIFEST ".part", m->dir);
    (void)unlink(path);
    (void)rmdir(m->dir);
}

/* ---- the manifest ---- */

static int sync_directory(const char *dir)
{
    _cleanup_close_ int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd < 0 || fsync(fd) < 0 ? -errno : 0;
}

static int write_whole(const char *dir, const struct buf *text)
{
    _cleanup_free_ char *part = path_join(dir, BACKUP_MANIFEST ".part"),
                        *name = path_join(dir, BACKUP_MANIFEST), *above = path_join(dir, "..");
    if (!part || !name || !above)
        return -ENOMEM;
    _cleanup_close_ int fd = open_private(part, O_WRONLY | O_TRUNC);
    int r = fd < 0 ? fd : write_all(fd, text->p, text->len);
    if (r == 0 && fsync(fd) < 0)
        r = -errno;
    r = r < 0 ? r : sync_directory(dir); /* the rooms are there before what names them */
    if (r == 0 && rename(part, name) < 0)
        r = -errno;
    r = r < 0 ? r : sync_directory(dir);
    return r < 0 ? r : sync_directory(above);
}

static struct tree *manifest_new(const char *data, const struct backup_about *about)
{
    char now[RFC3339_MAX];
    struct tree *t = tree_map();
    rfc3339_ms(wall_ms(), now);
    int r = t ? tree_putu(t, "format", BACKUP_FORMAT) : -ENOMEM;
    r = r < 0 ? r : tree_puts(t, "version", REEVE_VERSION);
    r = r < 0 ? r : tree_puts(t, "hub", about->hub);
    r = r < 0 ? r : tree_puts(t, "machine", about->machine);
    r = r < 0 ? r : tree_puts(t, "queue", about->broker ? "broker" : NULL);
    r = r < 0 ? r : tree_puts(t, "state", about->shared ? "postgresql" : NULL);
    r = r < 0 ? r : tree_puts(t, "data", data);
    r = r < 0 ? r : tree_puts(t, "begun", now);
    if (r == 0)
        return t;
    tree_free(t);
    return NULL;
}

static int manifest_write(struct making *m, struct tree *manifest)
{
    struct buf text = BUF_INIT(64u << 20);
    char now[RFC3339_MAX];
    rfc3339_ms(wall_ms(), now);
    int r = tree_puts(manifest, "finished", now);
    r = r < 0 ? r : tree_put(manifest, "files", TAKE_PTR(m->files));
    r = r < 0 ? r : tree_to_json(manifest, &text, true);
    r = r < 0 ? r : buf_addc(&text, '\n');
    r = r < 0 ? r : write_whole(m->dir, &text);
    buf_done(&text);
    return r < 0 ? err_set(m->e, r, "backup-write", "%s/" BACKUP_MANIFEST ": %s", m->dir,
                           strerror(-r))
                 : 0;
}

int backup_make(const char *data, const char *dir, const struct backup_about *about,
                struct tree **ret, struct err *e)
{
    struct making m = {.data = data, .dir = dir, .e = e};
    int r = take_directory(&m);
    if (r < 0)
        return r;
    struct tree *manifest = manifest_new(data, about);
    m.files = tree_list();
    r = manifest && m.files ? check_room(&m) : err_set(e, -ENOMEM, "memory", "out of memory");
    r = r < 0 ? r : make_rooms(&m);
    for (int i = 0; i < BACKUP_PHASES && r == 0; i++)
        r = each_file(&m, i, copy_file);
    r = r < 0 ? r : manifest_write(&m, manifest);
    tree_free(m.files);
    if (r < 0) {
        remove_made(&m);
        tree_free(manifest);
        return r;
    }
    *ret = manifest;
    return 0;
}
