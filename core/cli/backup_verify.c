/* SPDX-License-Identifier: Apache-2.0 */
/* backup_verify - is a backup whole? Every byte is read and compared with the manifest, every file
 * is looked through by SQLite, and nothing is written: not even the helper files that opening a
 * data base makes (immutable=1). */
#include "backup.h"
#include "base/db.h"
#include "base/digest.h"
#include "base/util.h"
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define MANIFEST_MAX (64u << 20)

static int read_manifest(const char *dir, struct tree **ret, struct err *e)
{
    _cleanup_free_ char *path = path_join(dir, BACKUP_MANIFEST), *text = NULL;
    size_t len = 0;
    int r = path ? read_file(path, MANIFEST_MAX, &text, &len) : -ENOMEM;
    if (r == -ENOENT)
        return err_set(e, r, "backup-incomplete",
                       "%s has no " BACKUP_MANIFEST
                       ": it is no backup, or one that was cut short; make it anew",
                       dir);
    if (r < 0)
        return err_set(e, r, "backup-damaged", "%s: %s", path ? path : dir, strerror(-r));
    r = tree_from_json(text, len, ret, e);
    return r < 0 ? err_prefix(e, r, "%s", path) : 0;
}

static int check_format(const char *dir, const struct tree *manifest, struct err *e)
{
    uint64_t format = tree_getu(manifest, "format", 0);
    if (format > BACKUP_FORMAT)
        return err_set(e, -ENOTSUP, "backup-format",
                       "%s/" BACKUP_MANIFEST
                       " has format %llu, and this program (%s) knows formats up to %d: reeve %s "
                       "has written it; verify and restore it with that one",
                       dir, (unsigned long long)format, REEVE_VERSION, BACKUP_FORMAT,
                       tree_gets(manifest, "version", "of a later version"));
    if (format == 0 || !tree_is_list(tree_get(manifest, "files")))
        return err_set(e, -EINVAL, "backup-damaged", "%s/" BACKUP_MANIFEST " is no manifest", dir);
    return 0;
}

/* ROOM/NAME.db, as backup_make() writes them; nothing that leads elsewhere. */
static bool possible(const char *path)
{
    const char *slash = strchr(path, '/');
    for (int i = 0; slash && i < BACKUP_PHASES; i++) {
        const char *room = backup_room(i);
        if (strlen(room) == (size_t)(slash - path) && strncmp(room, path, strlen(room)) == 0 &&
            !strchr(slash + 1, '/') && backup_takes(i, slash + 1))
            return true;
    }
    return false;
}

static int damaged(struct err *e, const char *path, const char *what)
{
    return err_set(e, -EUCLEAN, "backup-damaged", "%s: %s", path, what);
}

static int ask(sqlite3 *db, const char *question, char *out, size_t cap, struct err *e)
{
    sqlite3_stmt *st = NULL;
    int r = db_prepare(db, question, &st, e);
    if (r == 0 && (r = db_step(db, st, e)) > 0) {
        const char *text = (const char *)sqlite3_column_text(st, 0);
        (void)snprintf(out, cap, "%s", text ? text : "");
    }
    db_finalize(&st);
    return r < 0 ? r : 0;
}

static int check_data_base(const char *path, uint64_t format, struct err *e)
{
    char found[32] = "", health[200] = "", uri[PATH_MAX * 3 + 32] = "file:";
    size_t n = 5;
    for (const char *p = path; *p && n + 4 < sizeof(uri); p++) /* RFC 3986: what is special here */
        n += (size_t)snprintf(uri + n, sizeof(uri) - n,
                              *p == '%' || *p == '?' || *p == '#' ? "%%%02X" : "%c",
                              (unsigned char)*p);
    (void)snprintf(uri + n, sizeof(uri) - n, "?immutable=1");
    sqlite3 *db = NULL;
    int r = 0;
    if (sqlite3_open_v2(uri, &db, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI, NULL) != SQLITE_OK)
        r = db_err(db, e, "opening");
    r = r < 0 ? r : ask(db, "PRAGMA user_version", found, sizeof(found), e);
    r = r < 0 ? r : ask(db, "PRAGMA quick_check(1)", health, sizeof(health), e);
    db_close(db);
    if (r < 0)
        return damaged(e, path, "SQLite cannot read it");
    if (strcmp(health, "ok") != 0)
        return damaged(e, path, health);
    if (strtoull(found, NULL, 10) != format)
        return damaged(e, path, "its format is not that of the manifest");
    return 0;
}

static int check_file(const char *dir, const struct tree *t, struct err *e)
{
    const char *name = tree_gets(t, "path", ""), *sum = tree_gets(t, "sha256", "");
    char hex[SHA256_HEX] = "";
    uint64_t bytes = 0;
    if (!possible(name))
        return damaged(e, BACKUP_MANIFEST, "it names a file that is none of a backup");
    _cleanup_free_ char *path = path_join(dir, name);
    int r = path ? backup_digest(path, &bytes, hex) : -ENOMEM;
    if (r < 0)
        return damaged(e, path ? path : name, strerror(-r));
    if (bytes != tree_getu(t, "bytes", UINT64_MAX))
        return damaged(e, path, "its length is not that of the manifest");
    if (strcmp(hex, sum) != 0)
        return damaged(e, path, "its content is not that of the manifest (SHA-256)");
    return check_data_base(path, tree_getu(t, "format", 0), e);
}

static bool listed(const struct tree *files, const char *path)
{
    for (size_t i = 0; i < files->n; i++)
        if (strcmp(tree_gets(files->child[i], "path", ""), path) == 0)
            return true;
    return false;
}

/* A file more would be taken for a part of the hub when it is restored. */
static int check_no_others(const char *dir, const struct tree *files, struct err *e)
{
    int r = 0;
    for (int i = 0; i < BACKUP_PHASES; i++) {
        _cleanup_free_ char *room = path_join(dir, backup_room(i));
        DIR *d = room ? opendir(room) : NULL;
        for (const struct dirent *x; r == 0 && d && (x = readdir(d));) {
            char path[300];
            (void)snprintf(path, sizeof(path), "%s/%.255s", backup_room(i), x->d_name);
            if (x->d_name[0] != '.' && !listed(files, path))
                r = damaged(e, path, "it is not in the manifest");
        }
        if (d)
            (void)closedir(d);
    }
    return r;
}

int backup_verify(const char *dir, struct tree **ret, struct err *e)
{
    struct tree *manifest = NULL;
    int r = read_manifest(dir, &manifest, e);
    r = r < 0 ? r : check_format(dir, manifest, e);
    const struct tree *files = r < 0 ? NULL : tree_get(manifest, "files");
    for (size_t i = 0; r == 0 && i < files->n; i++)
        r = check_file(dir, files->child[i], e);
    if (r == 0 && !listed(files, "spool/spool.db") &&
        strcmp(tree_gets(manifest, "queue", ""), "broker") != 0)
        r = damaged(e, dir, "the queue (spool/spool.db) is not in it");
    r = r < 0 ? r : check_no_others(dir, files, e);
    if (r < 0) {
        tree_free(manifest);
        return r;
    }
    *ret = manifest;
    return 0;
}
