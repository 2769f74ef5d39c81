/* SPDX-License-Identifier: Apache-2.0 */
/* found - reading the journals of all processes: opening each file in turn, rows to trees, order by
 * time. */
#include "inner.h"
#include "base/util.h"
#include <dirent.h>
#include <errno.h>
#include <string.h>

enum { COL_N, COL_WALL, COL_EVENT, COL_ATTEMPT = 11, COL_NEXT, COL_ATTRIBUTES = 15, COL_DETAIL };

struct found_row {
    struct tree *tree;
    const char *process; /* in the tree */
    uint64_t wall_ms;
    int64_t number;
    int rank;
};

/* In one millisecond: causes before effects. */
static int rank_of(const char *event)
{
    if (strcmp(event, JOURNAL_SUBMITTED) == 0)
        return 0;
    return strcmp(event, JOURNAL_ACCEPTED) == 0 || strcmp(event, JOURNAL_UNCHANGED) == 0 ? 1 : 2;
}

/* A string that is good UTF-8: what others stored may not be. */
static struct tree *clean_scalar(const char *p, size_t len)
{
    if (utf8_valid(p, len))
        return tree_scalar(p, false);
    size_t cap = 4 * len + 1;
    char *text = xcalloc(1, cap);
    struct tree *t = text ? tree_scalar(escape_text(text, cap, p, len), false) : NULL;
    free(text);
    return t;
}

static struct tree *column_tree(sqlite3_stmt *st, int column)
{
    const char *p = (const char *)sqlite3_column_text(st, column);
    size_t len = (size_t)sqlite3_column_bytes(st, column);
    struct tree *t = NULL;
    struct err e;
    if (!p)
        return NULL;
    if (column >= COL_ATTRIBUTES && tree_from_json(p, len, &t, &e) == 0)
        return t;
    return clean_scalar(p, len);
}

static struct tree *row_tree(const char *process, sqlite3_stmt *st)
{
    char time[RFC3339_MAX];
    struct tree *t = tree_map();
    if (!t)
        return NULL;
    rfc3339_ms((uint64_t)sqlite3_column_int64(st, COL_WALL), time);
    int r = tree_puts(t, "time", time);
    for (int i = COL_WALL; r == 0 && i <= COL_DETAIL; i++) {
        const char *name = sqlite3_column_name(st, i);
        if (sqlite3_column_type(st, i) == SQLITE_NULL)
            continue;
        if (i == COL_WALL || i == COL_ATTEMPT || i == COL_NEXT)
            r = tree_putu(t, name, (uint64_t)sqlite3_column_int64(st, i));
        else
            r = tree_put(t, name, column_tree(st, i));
    }
    if (r == 0)
        r = tree_put(t, "process", clean_scalar(process, strlen(process)));
    if (r == 0)
        return t;
    tree_free(t);
    return NULL;
}

int found_add(struct found *found, const char *process, sqlite3_stmt *st)
{
    if (found->n >= found->max) {
        found->truncated = true;
        return 0;
    }
    void *p = found->row;
    if (grow_array(&p, &found->cap, found->n + 1, sizeof(*found->row)) < 0)
        return -ENOMEM;
    found->row = p;
    struct tree *t = row_tree(process, st);
    if (!t)
        return -ENOMEM;
    found->row[found->n++] = (struct found_row){
        t, tree_gets(t, "process", ""), (uint64_t)sqlite3_column_int64(st, COL_WALL),
        sqlite3_column_int64(st, COL_N), rank_of(tree_gets(t, "event", ""))};
    return 0;
}

static int compare(const void *a, const void *b)
{
    const struct found_row *x = a, *y = b;
    if (x->wall_ms != y->wall_ms)
        return x->wall_ms < y->wall_ms ? -1 : 1;
    if (x->rank != y->rank)
        return x->rank < y->rank ? -1 : 1;
    int r = strcmp(x->process, y->process);
    if (r)
        return r;
    return (x->number > y->number) - (x->number < y->number);
}

static void drop_twins(struct found *found)
{
    size_t kept = 0;
    for (size_t i = 0; i < found->n; i++) {
        if (kept && compare(&found->row[kept - 1], &found->row[i]) == 0)
            tree_free(found->row[i].tree);
        else
            found->row[kept++] = found->row[i];
    }
    found->n = kept;
}

static struct tree *truncated_row(const struct found *found)
{
    struct tree *t = tree_map();
    if (t && tree_puts(t, "event", JOURNAL_TRUNCATED) == 0 &&
        tree_put(
            t, "text",
            found->stopped
                ? tree_scalar("there may be more: the journals were not read to the end", false)
                : tree_scalarf(false, "there is more: only %zu rows are shown", found->max)) == 0)
        return t;
    tree_free(t);
    return NULL;
}

struct tree *found_take(struct found *found, size_t keep)
{
    struct tree *list = tree_list();
    int r = list ? 0 : -ENOMEM;
    if (found->n)
        qsort(found->row, found->n, sizeof(*found->row), compare);
    drop_twins(found);
    size_t skip = found->n > keep ? found->n - keep : 0;
    for (size_t i = skip; r == 0 && i < found->n; i++)
        r = tree_append(list, TAKE_PTR(found->row[i].tree));
    for (size_t i = 0; r == 0 && found->unreadable && i < found->unreadable->n; i++)
        r = tree_append(list, tree_copy(found->unreadable->child[i]));
    if (r == 0 && (found->truncated || found->stopped))
        r = tree_append(list, truncated_row(found));
    if (r == 0)
        return list;
    tree_free(list);
    return NULL;
}

void found_done(struct found *found)
{
    for (size_t i = 0; i < found->n; i++)
        tree_free(found->row[i].tree);
    free(found->row);
    tree_free(found->unreadable);
    *found = (struct found){.n = 0};
}

int found_unreadable(struct found *found, const char *file, const struct err *why)
{
    char name[300] = "";
    size_t len = strlen(file);
    if (len > 3 && strcmp(file + len - 3, ".db") == 0)
        len -= 3;
    escape_text(name, sizeof(name), file, len);
    if (!found->unreadable)
        found->unreadable = tree_list();
    if (!found->unreadable)
        return -ENOMEM;
    for (size_t i = 0; i < found->unreadable->n; i++) /* once, however often it was tried */
        if (strcmp(tree_gets(found->unreadable->child[i], "process", ""), name) == 0)
            return 0;
    struct tree *t = tree_map();
    int r = t ? tree_puts(t, "event", JOURNAL_UNREADABLE) : -ENOMEM;
    if (r == 0)
        r = tree_puts(t, "process", name);
    if (r == 0)
        r = tree_puts(t, "code", why->code);
    if (r == 0)
        r = tree_put(t, "text", clean_scalar(why->text, strlen(why->text)));
    if (r == 0)
        return tree_append(found->unreadable, t);
    tree_free(t);
    return r;
}

int journal_file_open(const char *path, struct journal_file *ret, struct err *e)
{
    sqlite3_stmt *st = NULL;
    int r = db_open(path, DB_READONLY, &journal_form, &ret->db, e);
    if (r == 0)
        r = db_prepare(ret->db, "SELECT process FROM head", &st, e);
    if (r == 0)
        r = db_step(ret->db, st, e);
    if (r >= 0) {
        const char *process = r > 0 ? (const char *)sqlite3_column_text(st, 0) : NULL;
        ret->process = strdup(process ? process : "?");
        r = ret->process ? 0 : err_set(e, -ENOMEM, "memory", "no memory to read a journal");
    }
    db_finalize(&st);
    return r;
}

void journal_file_close(struct journal_file *f)
{
    db_close(f->db);
    free(f->process);
    *f = (struct journal_file){NULL, NULL};
}

static int past_deadline(void *arg)
{
    const struct found *found = arg;
    return mono_ms() > found->deadline_ms;
}

static int read_one(struct found *found, const char *path, journal_file_fn *fn, void *arg,
                    struct err *e)
{
    struct journal_file f = {NULL, NULL};
    int r = journal_file_open(path, &f, e);
    if (r == 0 && found->deadline_ms)
        sqlite3_progress_handler(f.db, 20000, past_deadline, found);
    if (r == 0)
        r = fn(arg, &f, e);
    journal_file_close(&f);
    if (r < 0 && found->deadline_ms && past_deadline(found)) { /* told to stop, not failed */
        found->stopped = true;
        return 0;
    }
    return r;
}

static int is_journal(const struct dirent *d)
{
    size_t len = strlen(d->d_name);
    return len > 3 && d->d_name[0] != '.' && strcmp(d->d_name + len - 3, ".db") == 0;
}

int found_files(const char *dir, struct dirent ***ret, struct err *e)
{
    int n = scandir(dir, ret, is_journal, alphasort), r = n < 0 ? -errno : n;
    return r < 0 ? err_set(e, r, "journal-directory", "cannot read %s: %s", dir, strerror(-r)) : r;
}

int found_each_file(struct found *found, const char *dir, journal_file_fn *fn, void *arg,
                    struct err *e)
{
    struct dirent **list = NULL;
    int n = found_files(dir, &list, e), r = 0;
    if (n < 0)
        return n;
    for (int i = 0; i < n; i++) {
        struct err why = {"", ""};
        if (found->deadline_ms && past_deadline(found))
            found->stopped = true;
        char *path = r < 0 || found->stopped ? NULL : path_join(dir, list[i]->d_name);
        if (path && read_one(found, path, fn, arg, &why) < 0 &&
            found_unreadable(found, list[i]->d_name, &why) < 0)
            r = -ENOMEM;
        if (!path && r == 0 && !found->stopped)
            r = -ENOMEM;
        free(path);
        free(list[i]);
    }
    free(list);
    return r < 0 ? err_set(e, r, "memory", "no memory to read the journals") : 0;
}

size_t found_newer(const struct found *found, uint64_t wall_ms)
{
    size_t n = 0;
    for (size_t i = 0; i < found->n; i++)
        n += found->row[i].wall_ms > wall_ms;
    return n;
}
