/* SPDX-License-Identifier: Apache-2.0 */
/* recent - the latest rows of all journals for figures of flow: a bounded number a file, handed out
 * as they are, without making trees of them. */
#include "inner.h"
#include "base/util.h"
#include <errno.h>

struct recent {
    uint64_t from_ms, since_ms;
    size_t most;
    void (*fn)(void *arg, const struct journal_row *row);
    void *arg;
};

static const char *text(sqlite3_stmt *st, int column)
{
    return (const char *)sqlite3_column_text(st, column);
}

static void give(const struct recent *x, sqlite3_stmt *st)
{
    const struct journal_row row = {.wall_ms = (uint64_t)sqlite3_column_int64(st, 0),
                                    .event = text(st, 1),
                                    .party = text(st, 2),
                                    .connector = text(st, 3),
                                    .destination = text(st, 4),
                                    .detail = text(st, 5)};
    x->fn(x->arg, &row);
}

static int recent_of(void *arg, const struct journal_file *f, struct err *e)
{
    struct recent *x = arg;
    sqlite3_stmt *st = NULL;
    uint64_t at = 0;
    size_t n = 0;
    int r = db_prepare(f->db,
                       "SELECT wall_ms, event, party, connector, destination, detail FROM row"
                       " ORDER BY n DESC",
                       &st, e);
    if (r < 0)
        return r;
    for (; n < x->most && (r = db_step(f->db, st, e)) > 0; n++) {
        at = (uint64_t)sqlite3_column_int64(st, 0);
        if (at < x->from_ms)
            break;
        give(x, st);
    }
    if (n == x->most && at > x->since_ms) /* there is more that was not looked at */
        x->since_ms = at;
    db_finalize(&st);
    return r < 0 ? r : 0;
}

int journal_recent(const char *dir, uint64_t from_ms, size_t most, unsigned budget_ms,
                   void (*fn)(void *arg, const struct journal_row *row), void *arg,
                   uint64_t *ret_since_ms, struct err *e)
{
    struct recent x = {from_ms, from_ms, most, fn, arg};
    struct found found = {.max = 0, .deadline_ms = mono_ms() + budget_ms};
    int r = found_each_file(&found, dir, recent_of, &x, e);
    found_done(&found);
    if (r == 0)
        *ret_since_ms = x.since_ms;
    return r;
}
