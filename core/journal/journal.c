/* SPDX-License-Identifier: Apache-2.0 */
/* journal - the writing side. Rows are gathered in memory in a packed form and stored by one
 * transaction, so that a commit that failed (no room on the disk) can be tried again and readers
 * never meet a half of it. See journal.h. */
#include "journal.h"
#include "inner.h"
#include "base/frame.h"
#include "base/util.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

/* Ids are random, and an index in their order alone would have every row write a page of its own
 * once it is large (measured: 29,000 rows a second instead of 77,000 at 300,000 rows). So each
 * JOURNAL_PART rows have their own stretch of each index: writing stays within it, and a reader
 * asks every part in turn, which for a million rows is some 60 small look-ups. Partial indices: a
 * row of a destination that is down has no id and costs nothing in them. */
static const char schema[] =
    "CREATE TABLE head(one INTEGER PRIMARY KEY CHECK(one = 1), process TEXT NOT NULL);"
    "CREATE TABLE row(n INTEGER PRIMARY KEY, part INTEGER NOT NULL, wall_ms INTEGER NOT NULL,"
    " event TEXT NOT NULL, id TEXT, source TEXT, subject TEXT, type TEXT, receipt TEXT, party TEXT,"
    " connector TEXT, destination TEXT, attempt INTEGER, next_ms INTEGER, code TEXT, text TEXT,"
    " attributes TEXT, detail TEXT);"
    "CREATE INDEX row_event ON row(event);"
    "CREATE INDEX row_id ON row(part, id) WHERE id IS NOT NULL;"
    "CREATE INDEX row_subject ON row(part, subject) WHERE subject IS NOT NULL;"
    "CREATE INDEX row_receipt ON row(part, receipt) WHERE receipt IS NOT NULL;";

/* By trace ids: an index beside the rows, in stretches like theirs, one entry for a trace and a
 * receipt. Files that were made before it get it when they are next written to; who only reads does
 * without, and so does a version that does not know it. So it is no new format. */
static const char traces[] =
    "CREATE TABLE IF NOT EXISTS trace(part INTEGER, trace TEXT, receipt TEXT,"
    " PRIMARY KEY(part, trace, receipt)) WITHOUT ROWID;";

const struct db_form journal_form = {.schema = schema, .format = JOURNAL_FORMAT};

#define TEXTS     13  /* columns that are text */
#define RECEIPT   5   /* which of them */
#define TRACE_KEY 160 /* part, trace and receipt, to be compared */

struct piece { /* a text of a packed row */
    const char *p;
    size_t len;
};

struct journal {
    sqlite3 *db;
    sqlite3_stmt *top, *begin, *commit, *insert, *trace, *old, *remove, *remove_traces;
    bool removed;                /* since the log was emptied */
    int64_t last;                /* number of the last row stored */
    struct buf gathered, frozen; /* frozen: being stored, maybe by another thread */
    size_t frozen_max;           /* bytes in frozen, or fewer by now */
};

static int no_memory(struct err *e)
{
    return err_set(e, -ENOMEM, "memory", "no memory for the journal");
}

static int name_process(struct journal *j, const char *process, struct err *e)
{
    sqlite3_stmt *st = NULL;
    int r = db_prepare(j->db,
                       "INSERT INTO head VALUES(1, ?1) ON CONFLICT(one) DO UPDATE SET process = ?1"
                       " WHERE process <> ?1",
                       &st, e);
    if (r < 0)
        return r;
    sqlite3_bind_text(st, 1, process, -1, SQLITE_STATIC);
    r = db_step(j->db, st, e);
    db_finalize(&st);
    return r;
}

int journal_open(const char *path, const char *process, struct journal **ret, struct err *e)
{
    struct journal *j = xcalloc(1, sizeof(*j));
    if (!j)
        return no_memory(e);
    buf_init(&j->gathered, JOURNAL_GATHERED_MAX);
    buf_init(&j->frozen, JOURNAL_GATHERED_MAX);
    int r = db_open(path, 0, &journal_form, &j->db, e);
    if (r == 0)
        r = db_exec(j->db, "PRAGMA cache_size=-6144", e); /* the indices are written at random */
    if (r == 0)
        r = db_exec(j->db, traces, e);
    if (r == 0)
        r = name_process(j, process, e);
    if (r == 0)
        r = db_prepare(j->db, "SELECT max(n) FROM row", &j->top, e);
    if (r == 0)
        r = db_prepare(j->db, "BEGIN IMMEDIATE", &j->begin, e);
    if (r == 0)
        r = db_prepare(j->db, "COMMIT", &j->commit, e);
    if (r == 0)
        r = db_prepare(j->db, "INSERT INTO row VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
                       &j->insert, e);
    if (r == 0)
        r = db_prepare(j->db, "INSERT OR IGNORE INTO trace VALUES(?,?,?)", &j->trace, e);
    if (r == 0)
        r = db_prepare(j->db,
                       "DELETE FROM trace WHERE part < (SELECT part FROM row ORDER BY n LIMIT 1)",
                       &j->remove_traces, e);
    if (r ==
        0) /* the rows stand in the order of time; one from a clock that was wrong goes along */
        r = db_prepare(j->db,
                       "SELECT max(n) FROM (SELECT n, wall_ms FROM row ORDER BY n LIMIT ?2)"
                       " WHERE wall_ms < ?1",
                       &j->old, e);
    if (r == 0)
        r = db_prepare(j->db, "DELETE FROM row WHERE n <= ?1", &j->remove, e);
    if (r < 0) {
        journal_close(j);
        return r;
    }
    *ret = j;
    return 0;
}

void journal_close(struct journal *j)
{
    if (!j)
        return;
    db_finalize(&j->top);
    db_finalize(&j->begin);
    db_finalize(&j->commit);
    db_finalize(&j->insert);
    db_finalize(&j->trace);
    db_finalize(&j->remove_traces);
    db_finalize(&j->old);
    db_finalize(&j->remove);
    db_close(j->db);
    buf_done(&j->gathered);
    buf_done(&j->frozen);
    free(j);
}

int journal_add(struct journal *j, const struct journal_row *row, struct err *e)
{
    const char *texts[TEXTS] = {row->event,       row->id,      row->source, row->subject,
                                row->type,        row->receipt, row->party,  row->connector,
                                row->destination, row->code,    row->text,   row->attributes,
                                row->detail};
    struct buf *b = &j->gathered;
    size_t before = b->len;
    if (!row->event)
        return err_set(e, -EINVAL, "journal", "a row of the journal says what happened");
    int r = pack_u64(b, row->wall_ms ? row->wall_ms : wall_ms());
    if (r == 0)
        r = pack_u32(b, row->attempt);
    if (r == 0)
        r = pack_u64(b, row->next_ms);
    for (size_t i = 0; r == 0 && i < TEXTS; i++)
        r = pack_str(b, texts[i]);
    if (r == 0)
        r = pack_str(b, row->receipt ? row->trace : NULL);
    if (r == 0 && j->frozen_max > JOURNAL_GATHERED_MAX - b->len)
        r = -EFBIG;
    if (r == 0)
        return 0;
    b->len = before;
    if (r == -EFBIG)
        return err_set(e, r, "journal-full", "over %u bytes of journal rows are not stored yet",
                       JOURNAL_GATHERED_MAX);
    return no_memory(e);
}

static struct piece next_text(struct unpack *u)
{
    struct piece t;
    union {
        const uint8_t *u;
        const char *c;
    } p = {.u = unpack_bytes(u, &t.len)};
    t.p = p.c ? p.c : "";
    t.len = p.c ? t.len : 0;
    return t;
}

/* The columns of INSERT, counted from 1: n, part, wall_ms, the first nine texts, attempt, next_ms,
 * the other texts. */
static void bind_text(sqlite3_stmt *st, size_t i, struct piece t)
{
    int column = (int)(i < 9 ? i + 4 : i + 6);
    if (t.len)
        sqlite3_bind_text(st, column, t.p, (int)t.len, SQLITE_STATIC);
    else
        sqlite3_bind_null(st, column);
}

/* Of one document nearly all rows say the same: only the
 * first is stored. */
static int store_trace(struct journal *j, int64_t n, struct piece trace, struct piece receipt,
                       char last[TRACE_KEY], struct err *e)
{
    char key[TRACE_KEY] = "";
    if (!trace.len || trace.len + receipt.len + 32 > sizeof key)
        return 0;
    (void)snprintf(key, sizeof key, "%lld %.*s %.*s", (long long)(n / JOURNAL_PART), (int)trace.len,
                   trace.p, (int)receipt.len, receipt.p);
    if (strcmp(key, last) == 0)
        return 0;
    memcpy(last, key, sizeof key);
    sqlite3_bind_int64(j->trace, 1, n / JOURNAL_PART);
    sqlite3_bind_text(j->trace, 2, trace.p, (int)trace.len, SQLITE_STATIC);
    sqlite3_bind_text(j->trace, 3, receipt.p, (int)receipt.len, SQLITE_STATIC);
    return db_step(j->db, j->trace, e);
}

static void bind_number(sqlite3_stmt *st, int column, uint64_t v)
{
    if (v)
        sqlite3_bind_int64(st, column, (sqlite3_int64)v);
    else
        sqlite3_bind_null(st, column);
}

/* The number of the last row. Asked in each transaction: after a kill of everything the process
 * before this one may still be writing what it had begun. */
static int last_row(struct journal *j, int64_t *ret, struct err *e)
{
    int r = db_step(j->db, j->top, e);
    int64_t top = r > 0 ? sqlite3_column_int64(j->top, 0) : 0; /* NULL is 0 */
    *ret = top > j->last ? top : j->last;                      /* old rows may be gone */
    (void)sqlite3_reset(j->top);
    return r < 0 ? r : 0;
}

static int store_rows(struct journal *j, int64_t *ret_last, struct err *e)
{
    struct unpack u;
    int64_t n = 0;
    char last[TRACE_KEY] = "";
    int found = last_row(j, &n, e);
    if (found < 0)
        return found;
    unpack_start(&u, j->frozen.p, j->frozen.len);
    while (u.p < u.end && !u.bad) {
        n++;
        sqlite3_bind_int64(j->insert, 1, n);
        sqlite3_bind_int64(j->insert, 2, n / JOURNAL_PART);
        sqlite3_bind_int64(j->insert, 3, (sqlite3_int64)unpack_u64(&u));
        bind_number(j->insert, 13, unpack_u32(&u));
        bind_number(j->insert, 14, unpack_u64(&u));
        struct piece receipt = {.p = ""};
        for (size_t i = 0; i < TEXTS; i++) {
            struct piece t = next_text(&u);
            receipt = i == RECEIPT ? t : receipt;
            bind_text(j->insert, i, t);
        }
        int r = db_step(j->db, j->insert, e);
        if (r == 0)
            r = store_trace(j, n, next_text(&u), receipt, last, e);
        if (r < 0)
            return r;
    }
    *ret_last = n;
    return 0;
}

int journal_freeze(struct journal *j, struct err *e)
{
    if (j->frozen.len == 0) {
        struct buf empty = j->frozen;
        j->frozen = j->gathered;
        j->gathered = empty;
    } else if (buf_add(&j->frozen, j->gathered.p, j->gathered.len) < 0) {
        return no_memory(e);
    } else {
        buf_reset(&j->gathered);
    }
    j->frozen_max = j->frozen.len;
    return j->frozen.len > 0;
}

int journal_store(struct journal *j, struct err *e)
{
    int64_t last = 0;
    int r = db_step(j->db, j->begin, e);
    if (r == 0)
        r = store_rows(j, &last, e);
    if (r == 0)
        r = db_step(j->db, j->commit, e);
    (void)sqlite3_clear_bindings(j->insert);
    if (r < 0) { /* the library may have rolled back by itself already */
        if (!sqlite3_get_autocommit(j->db))
            (void)sqlite3_exec(j->db, "ROLLBACK", NULL, NULL, NULL);
        return err_prefix(e, r, "writing the journal");
    }
    j->last = last;
    if (j->frozen.cap > (4u << 20)) /* one large batch must not hold its memory for ever */
        buf_done(&j->frozen);
    else
        buf_reset(&j->frozen);
    return 0;
}

int journal_commit(struct journal *j, struct err *e)
{
    int r = journal_freeze(j, e);
    if (r > 0)
        r = journal_store(j, e);
    if (r == 0)
        j->frozen_max = 0;
    return r;
}

int journal_expire(struct journal *j, uint64_t before_ms, unsigned most, struct err *e)
{
    int64_t last = 0;
    sqlite3_bind_int64(j->old, 1, before_ms > INT64_MAX ? INT64_MAX : (sqlite3_int64)before_ms);
    sqlite3_bind_int64(j->old, 2, most);
    int r = db_step(j->db, j->old, e);
    if (r > 0) {
        last = sqlite3_column_int64(j->old, 0); /* NULL is 0 */
        (void)sqlite3_reset(j->old);
    }
    int n = 0;
    if (r > 0 && last > 0) {
        sqlite3_bind_int64(j->remove, 1, last);
        r = db_step(j->db, j->remove, e);
        n = sqlite3_changes(j->db);
        if (r == 0)
            r = db_step(j->db, j->remove_traces, e);
    }
    if (r < 0)
        return err_prefix(e, r, "removing old rows of the journal");
    j->removed |= n > 0;
    if ((unsigned)n < most && j->removed) {
        db_empty_log(j->db);
        j->removed = false;
    }
    return n;
}
