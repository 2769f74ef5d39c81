/* SPDX-License-Identifier: Apache-2.0 */
/* taken - every message that the hub took in, as its journal rows have it: for a replay through
 * another configuration.
 *
 * Read in pages, so that no look at a file lasts long: while one lasts, its writer cannot cut back
 * the file's log. */
#include "journal.h"
#include "inner.h"
#include "base/util.h"
#include <errno.h>
#include <string.h>

#define PAGE 4096

struct taking {
    uint64_t from_ms;
    int (*fn)(void *arg, const struct journal_taken *m);
    void *arg;
    int stopped; /* what fn returned */
};

/* A message that no route matched and that had a reader nevertheless has a row of JOURNAL_ACCEPTED
 * as well; one without a destination was dropped. */
static const char page_sql[] =
    "SELECT n, wall_ms, id, source, subject, type, party, connector, attributes FROM row"
    " WHERE event = ?1 AND n < ?2 AND (?3 OR destination IS NULL) ORDER BY n DESC LIMIT ?4";

static const char *text(sqlite3_stmt *st, int column)
{
    return (const char *)sqlite3_column_text(st, column);
}

static struct journal_taken row(sqlite3_stmt *st, bool dropped)
{
    struct journal_taken m = {.wall_ms = (uint64_t)sqlite3_column_int64(st, 1),
                              .id = text(st, 2),
                              .source = text(st, 3),
                              .subject = text(st, 4),
                              .type = text(st, 5),
                              .party = text(st, 6),
                              .connector = text(st, 7),
                              .attributes = text(st, 8),
                              .dropped = dropped};
    m.attributes_len = m.attributes ? (size_t)sqlite3_column_bytes(st, 8) : 0;
    return m;
}

/* 1 = there may be more, 0 = no more, or negative errno. *below: the row to go on before. */
static int page(struct taking *t, sqlite3 *db, sqlite3_stmt *st, bool dropped, int64_t *below,
                struct err *e)
{
    int r = 1, n = 0;
    bool old = false;
    sqlite3_bind_text(st, 1, dropped ? JOURNAL_UNROUTED : JOURNAL_ACCEPTED, -1, SQLITE_STATIC);
    sqlite3_bind_int64(st, 2, *below);
    sqlite3_bind_int(st, 3, !dropped);
    sqlite3_bind_int(st, 4, PAGE);
    while (!t->stopped && !old && (r = db_step(db, st, e)) > 0) {
        struct journal_taken m = row(st, dropped);
        n++;
        *below = sqlite3_column_int64(st, 0);
        old = m.wall_ms + JOURNAL_CLOCK_SLACK_MS < t->from_ms;
        if (m.wall_ms >= t->from_ms)
            t->stopped = t->fn(t->arg, &m);
    }
    (void)sqlite3_reset(st);
    return r < 0 ? r : n == PAGE && !old && !t->stopped;
}

static int one_file(void *arg, const struct journal_file *f, struct err *e)
{
    struct taking *t = arg;
    sqlite3_stmt *st = NULL;
    int r = db_prepare(f->db, page_sql, &st, e);
    for (int dropped = 0; r >= 0 && dropped <= 1; dropped++) {
        int64_t below = INT64_MAX;
        do
            r = page(t, f->db, st, dropped, &below, e);
        while (r > 0);
    }
    db_finalize(&st);
    return r;
}

int journal_taken(const char *dir, uint64_t from_ms,
                  int (*fn)(void *arg, const struct journal_taken *m), void *arg,
                  struct tree **ret_unreadable, struct err *e)
{
    struct taking t = {.from_ms = from_ms, .fn = fn, .arg = arg};
    struct found found = {.max = 0};
    int r = found_each_file(&found, dir, one_file, &t, e);
    if (r == 0 && t.stopped)
        r = err_set(e, t.stopped, "stopped", "reading the journal was stopped");
    *ret_unreadable = TAKE_PTR(found.unreadable);
    found_done(&found);
    return r;
}
