/* SPDX-License-Identifier: Apache-2.0 */
/* search - rows of all journals by what they say, newest first, a page at a time, within a time.
 *
 * The files are read backwards side by side: the one whose next stretch (JOURNAL_PART rows) is the
 * newest goes on. So whenever it is stopped, everything newer than the newest unread stretch has
 * been seen, and the next page begins there. It is not stopped before that place lies behind where
 * this page begins: every page gets on, however little time it has. Rows lie in the order of
 * writing; where the clock was set meanwhile, times are out of order by as much: CLOCK_SLACK_MS is
 * looked beyond the bounds, what is further off may be missing from a page (a trace by id finds it
 * always). */
#include "inner.h"
#include "base/util.h"
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define FILES_MAX      4096u
#define CLOCK_SLACK_MS (120u * 1000u)
#define PREFIX_MIN     8u
#define PAST_LAST      "\xf4\x8f\xbf\xbf" /* U+10FFFF: sorts behind whatever an id goes on with */

struct reading {
    struct journal_file file;
    sqlite3_stmt *rows, *before;
    int64_t next;     /* the newest row not looked at; 0: exhausted */
    uint64_t next_ms; /* its time */
};

struct searching {
    const struct journal_search *s;
    struct found found;
    struct reading *reading;
    size_t n;
    uint64_t upper_ms, deadline_ms;
    char what_end[256];
    bool stopped;     /* there was no time for the rest */
    bool interrupted; /* in the middle of a stretch */
};

static int no_memory(struct err *e)
{
    return err_set(e, -ENOMEM, "memory", "no memory to read the journals");
}

/* ---- the time there is ---- */

static struct reading *newest(const struct searching *x)
{
    struct reading *best = NULL;
    for (size_t i = 0; i < x->n; i++)
        if (x->reading[i].next && (!best || x->reading[i].next_ms > best->next_ms))
            best = &x->reading[i];
    return best;
}

/* Out of time, and the next page would begin behind this one. */
static bool may_stop(const struct searching *x)
{
    const struct reading *unread = newest(x);
    return unread && unread->next_ms < x->upper_ms && mono_ms() > x->deadline_ms;
}

static int asked_by_library(void *arg)
{
    struct searching *x = arg;
    x->interrupted = may_stop(x);
    return x->interrupted;
}

/* ---- one file ---- */

/* The newest row with a number up to n. Stays where it is when that cannot be read. */
static int move_to(struct reading *r, int64_t n, struct err *e)
{
    sqlite3_bind_int64(r->before, 1, n);
    int rc = db_step(r->file.db, r->before, e);
    if (rc < 0)
        return rc;
    r->next = rc > 0 ? sqlite3_column_int64(r->before, 0) : 0;
    r->next_ms = rc > 0 ? (uint64_t)sqlite3_column_int64(r->before, 1) : 0;
    (void)sqlite3_reset(r->before);
    return 0;
}

/* To the newest row that is not younger than upper_ms: times go with the numbers. */
static int start_at(struct reading *r, uint64_t upper_ms, struct err *e)
{
    int rc = move_to(r, INT64_MAX, e);
    int64_t low = 0, high = r->next;
    if (rc < 0 || r->next_ms <= upper_ms)
        return rc;
    while (high - low > 1) { /* low: old enough, or before the first; high: too young */
        int64_t middle = low + (high - low) / 2;
        rc = move_to(r, middle, e);
        if (rc < 0)
            return rc;
        if (r->next && r->next_ms > upper_ms)
            high = middle;
        else
            low = middle;
    }
    return move_to(r, low, e);
}

static int open_reading(struct searching *x, const char *path, struct reading *r, struct err *e)
{
    static const char rows[] =
        "SELECT " JOURNAL_COLUMNS
        " FROM row WHERE n BETWEEN ?1 AND ?2 AND wall_ms BETWEEN ?3 AND ?4"
        " AND (?5 IS NULL OR event = ?5) AND (?6 IS NULL OR connector = ?6)"
        " AND (?7 IS NULL OR destination = ?7) AND (?8 IS NULL OR party = ?8)"
        " ORDER BY n DESC LIMIT ?9";
    static const char named[] =
        "SELECT " JOURNAL_COLUMNS
        " FROM row WHERE n BETWEEN ?1 AND ?2 AND wall_ms BETWEEN ?3 AND ?4"
        " AND (?5 IS NULL OR event = ?5) AND (?6 IS NULL OR connector = ?6)"
        " AND (?7 IS NULL OR destination = ?7) AND (?8 IS NULL OR party = ?8)"
        " AND n IN (SELECT n FROM row WHERE part = ?10 AND id BETWEEN ?11 AND ?12"
        " UNION SELECT n FROM row WHERE part = ?10 AND receipt BETWEEN ?11 AND ?12"
        " UNION SELECT n FROM row WHERE part = ?10 AND subject = ?11)"
        " ORDER BY n DESC LIMIT ?9";
    int rc = journal_file_open(path, &r->file, e);
    if (rc == 0)
        rc = db_prepare(r->file.db, x->s->what ? named : rows, &r->rows, e);
    if (rc == 0)
        rc = db_prepare(r->file.db,
                        "SELECT n, wall_ms FROM row WHERE n <= ?1 ORDER BY n DESC LIMIT 1",
                        &r->before, e);
    uint64_t upper = x->upper_ms < INT64_MAX - CLOCK_SLACK_MS ? x->upper_ms + CLOCK_SLACK_MS
                                                              : (uint64_t)INT64_MAX;
    if (rc == 0)
        rc = start_at(r, upper, e);
    if (rc == 0)
        sqlite3_progress_handler(r->file.db, 20000, asked_by_library, x);
    return rc;
}

static void close_reading(struct reading *r)
{
    db_finalize(&r->rows);
    db_finalize(&r->before);
    journal_file_close(&r->file);
}

static void bind_text(sqlite3_stmt *st, int column, const char *text)
{
    sqlite3_bind_text(st, column, text, -1, SQLITE_STATIC); /* NULL: SQL's NULL */
}

static void bind_stretch(const struct searching *x, struct reading *r, int64_t first, size_t most)
{
    const struct journal_search *s = x->s;
    sqlite3_bind_int64(r->rows, 1, first);
    sqlite3_bind_int64(r->rows, 2, r->next);
    sqlite3_bind_int64(r->rows, 3, (sqlite3_int64)s->from_ms);
    sqlite3_bind_int64(r->rows, 4, (sqlite3_int64)x->upper_ms);
    bind_text(r->rows, 5, s->event);
    bind_text(r->rows, 6, s->connector);
    bind_text(r->rows, 7, s->destination);
    bind_text(r->rows, 8, s->party);
    sqlite3_bind_int64(r->rows, 9, (sqlite3_int64)most);
    if (!s->what)
        return;
    sqlite3_bind_int64(r->rows, 10, r->next / JOURNAL_PART);
    bind_text(r->rows, 11, s->what);
    bind_text(r->rows, 12, x->what_end);
}

/* Takes what fits of the next stretch; most: rows that can be of use. */
static int read_stretch(struct searching *x, struct reading *r, size_t most, struct err *e)
{
    int64_t first = r->next / JOURNAL_PART * JOURNAL_PART, last = first;
    size_t taken = 0;
    int rc;
    bind_stretch(x, r, first, most);
    while ((rc = db_step(r->file.db, r->rows, e)) > 0) {
        if (found_add(&x->found, r->file.process, r->rows) < 0) {
            (void)sqlite3_reset(r->rows);
            return no_memory(e);
        }
        last = sqlite3_column_int64(r->rows, 0);
        taken++;
    }
    if (rc < 0)
        return rc;
    rc = move_to(r, (taken == most ? last : first) - 1, e);
    if (rc == 0 && r->next && r->next_ms + CLOCK_SLACK_MS < x->s->from_ms)
        r->next = 0;
    return rc;
}

/* ---- all files ---- */

static int read_all(struct searching *x, size_t want, struct err *e)
{
    struct reading *r;
    while ((r = newest(x)) != NULL) {
        if (found_newer(&x->found, r->next_ms) >= want)
            return 0;
        struct err why = {"", ""};
        int rc = read_stretch(x, r, want, &why);
        if (rc < 0 && x->interrupted) {
            x->stopped = true;
            return 0;
        }
        if (rc == -ENOMEM)
            return no_memory(e);
        if (rc < 0) {
            r->next = 0;
            if (found_unreadable(&x->found, r->file.process, &why) < 0)
                return no_memory(e);
        }
        x->stopped = may_stop(x);
        if (x->stopped)
            return 0;
    }
    return 0;
}

static int open_all(struct searching *x, const char *dir, struct err *e)
{
    struct dirent **list = NULL;
    int n = found_files(dir, &list, e), r = n < 0 ? n : 0;
    x->reading = n < 0 ? NULL : xcalloc((size_t)n + 1, sizeof(*x->reading));
    if (r == 0 && !x->reading)
        r = no_memory(e);
    for (int i = 0; i < n; i++) {
        struct err why = {"", ""};
        struct reading *to = r == 0 ? &x->reading[x->n] : NULL;
        char *path = r == 0 && x->n < FILES_MAX ? path_join(dir, list[i]->d_name) : NULL;
        int rc = path ? open_reading(x, path, to, &why) : 0;
        if (path && rc == 0) {
            x->n++;
        } else if (path) {
            r = found_unreadable(&x->found, list[i]->d_name, &why) < 0 ? no_memory(e) : 0;
            close_reading(to);
        }
        free(path);
        free(list[i]);
    }
    free(list);
    return r;
}

/* ---- the page ---- */

static uint64_t time_of(const struct tree *row)
{
    return tree_getu(row, "wall_ms", 0);
}

/* The newest `limit` rows behind the place of the last page, out of all that were found (oldest
 * first). */
static int cut_page(const struct searching *x, const struct tree *all, uint64_t unread_ms,
                    struct journal_page *page)
{
    const struct journal_search *s = x->s;
    size_t skip = s->before_ms ? s->skip : 0;
    int r = 0;
    for (size_t i = all->n; r == 0 && i > 0; i--) {
        const struct tree *row = all->child[i - 1];
        uint64_t at = time_of(row);
        if (!tree_get(row, "wall_ms")) { /* an unreadable file */
            r = tree_append(page->unreadable, tree_copy(row));
            continue;
        }
        if (unread_ms && at <= unread_ms)
            break; /* others of this time were not read yet */
        if (s->before_ms && at == s->before_ms && skip > 0) {
            skip--;
            continue;
        }
        if (page->rows->n == s->limit) {
            page->more = true;
            break;
        }
        page->next_skip = at == page->next_ms ? page->next_skip + 1 : 1;
        if (s->before_ms && at == s->before_ms && page->rows->n == 0)
            page->next_skip += s->skip;
        page->next_ms = at;
        r = tree_append(page->rows, tree_copy(row));
    }
    if (x->stopped && !page->more && unread_ms) {
        page->more = page->stopped = true;
        page->next_ms = unread_ms;
        page->next_skip = 0;
    }
    return r;
}

static int take_page(struct searching *x, struct journal_page *ret, struct err *e)
{
    const struct reading *unread = newest(x);
    struct journal_page page = {.rows = tree_list(), .unreadable = tree_list()};
    struct tree *all = found_take(&x->found, SIZE_MAX);
    int r = page.rows && page.unreadable && all
                ? cut_page(x, all, unread ? unread->next_ms : 0, &page)
                : -ENOMEM;
    tree_free(all);
    if (r < 0) {
        journal_page_done(&page);
        return no_memory(e);
    }
    *ret = page;
    return 0;
}

void journal_page_done(struct journal_page *page)
{
    tree_free(page->rows);
    tree_free(page->unreadable);
    *page = (struct journal_page){.rows = NULL};
}

int journal_search(const char *dir, const struct journal_search *s, struct journal_page *ret,
                   struct err *e)
{
    struct searching x = {.s = s, .found = {.max = SIZE_MAX}};
    x.upper_ms = s->to_ms ? s->to_ms : (uint64_t)INT64_MAX;
    if (s->before_ms && s->before_ms < x.upper_ms)
        x.upper_ms = s->before_ms;
    x.deadline_ms = mono_ms() + s->budget_ms;
    if (s->what)
        (void)snprintf(x.what_end, sizeof x.what_end, "%.240s%s", s->what,
                       strlen(s->what) >= PREFIX_MIN ? PAST_LAST : "");
    int r = s->limit < 1 || s->limit > 1000 || s->skip > 10000 || (s->what && strlen(s->what) > 240)
                ? err_set(e, -EINVAL, "journal-search",
                          "a page has 1 to 1,000 rows, and what is "
                          "looked for at most 240 bytes")
                : open_all(&x, dir, e);
    if (r == 0)
        r = read_all(&x, s->limit + 1 + (s->before_ms ? s->skip : 0), e);
    if (r == 0)
        r = take_page(&x, ret, e);
    for (size_t i = 0; i < x.n; i++)
        close_reading(&x.reading[i]);
    free(x.reading);
    found_done(&x.found);
    return r;
}
