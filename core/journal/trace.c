/* SPDX-License-Identifier: Apache-2.0 */
/* trace - what the journals of all processes know of a message, a subject or a receipt; and the
 * latest rows.
 *
 * Two passes over the files. The first finds rows that name what was asked for, and from them the
 * ids of messages; the second finds all rows of these ids, because a process that delivers knows
 * the id but not the receipt. */
#include "journal.h"
#include "inner.h"
#include "base/map.h"
#include "base/util.h"
#include <errno.h>
#include <string.h>

#define PREFIX_MIN 8
#define IDS_MAX    2000 /* messages followed for one receipt or subject */
#define CANDIDATES 5    /* ids named when a prefix is ambiguous */

struct ids {
    char **id;
    size_t n, cap;
    struct map *known;
    size_t max;
    bool truncated;
};

struct tracing {
    const char *what;
    struct found found;
    struct ids ids;      /* of messages that what was asked for names */
    struct ids prefixed; /* that begin like it */
    struct ids receipts; /* of documents that came in the trace that was asked for */
    bool has_traces;
};

static int ids_init(struct ids *ids, size_t max)
{
    ids->known = map_new(NULL);
    ids->max = max;
    return ids->known ? 0 : -ENOMEM;
}

static void ids_done(struct ids *ids)
{
    for (size_t i = 0; i < ids->n; i++)
        free(ids->id[i]);
    free(ids->id);
    map_free(ids->known);
}

static int ids_add(struct ids *ids, const char *id)
{
    static char mark;
    size_t len = strlen(id);
    if (map_has(ids->known, id, len))
        return 0;
    if (ids->n >= ids->max) {
        ids->truncated = true;
        return 0;
    }
    void *p = ids->id;
    if (grow_array(&p, &ids->cap, ids->n + 1, sizeof(*ids->id)) < 0)
        return -ENOMEM;
    ids->id = p;
    char *copy = strdup(id);
    if (!copy)
        return -ENOMEM;
    if (map_put(ids->known, id, len, &mark) < 0) {
        free(copy);
        return -ENOMEM;
    }
    ids->id[ids->n++] = copy;
    return 0;
}

static int no_memory(struct err *e)
{
    return err_set(e, -ENOMEM, "memory", "no memory to read the journals");
}

/* A message that was only found unchanged has its history under another receipt: not followed from
 * here. */
static int take_naming_row(struct tracing *t, const struct journal_file *f, sqlite3_stmt *st)
{
    const char *id = (const char *)sqlite3_column_text(st, 3);
    const char *event = (const char *)sqlite3_column_text(st, 2);
    if (id && event && strcmp(event, JOURNAL_UNCHANGED) != 0 && ids_add(&t->ids, id) < 0)
        return -ENOMEM;
    return found_add(&t->found, f->process, st);
}

static int rows_of(struct tracing *t, const struct journal_file *f, const char *sql,
                   const char *value,
                   int (*take)(struct tracing *, const struct journal_file *, sqlite3_stmt *),
                   struct err *e)
{
    sqlite3_stmt *st = NULL;
    int r = db_prepare(f->db, sql, &st, e);
    if (r < 0)
        return r;
    sqlite3_bind_text(st, 1, value, -1, SQLITE_STATIC);
    while ((r = db_step(f->db, st, e)) > 0) {
        if (take(t, f, st) < 0) {
            r = no_memory(e);
            break;
        }
        if (t->found.truncated)
            break;
    }
    db_finalize(&st);
    return r < 0 ? r : 0;
}

static int take_prefixed(struct tracing *t, const struct journal_file *f, sqlite3_stmt *st)
{
    (void)f;
    return ids_add(&t->prefixed, (const char *)sqlite3_column_text(st, 0));
}

/* A row of a receipt that the trace id led to: followed when the message is of this trace itself,
 * shown when it speaks of the document. */
static int take_traced_row(struct tracing *t, const struct journal_file *f, sqlite3_stmt *st)
{
    const char *id = (const char *)sqlite3_column_text(st, 3);
    const char *attributes = (const char *)sqlite3_column_text(st, 15);
    if (!id)
        return found_add(&t->found, f->process, st);
    if (!attributes || !strstr(attributes, t->what))
        return 0;
    return ids_add(&t->ids, id) < 0 ? -ENOMEM : found_add(&t->found, f->process, st);
}

static int take_receipt(struct tracing *t, const struct journal_file *f, sqlite3_stmt *st)
{
    (void)f;
    return ids_add(&t->receipts, (const char *)sqlite3_column_text(st, 0));
}

static bool looks_like_trace_id(const char *p)
{
    return strlen(p) == 32 && strspn(p, "0123456789abcdef") == 32;
}

static int take_any(struct tracing *t, const struct journal_file *f, sqlite3_stmt *st)
{
    (void)f;
    (void)st;
    t->has_traces = true;
    return 0;
}

static int take_row(struct tracing *t, const struct journal_file *f, sqlite3_stmt *st)
{
    return found_add(&t->found, f->process, st);
}

#define ROWS_BY(COLUMN)                     \
    JOURNAL_PARTS "SELECT " JOURNAL_COLUMNS \
                  " FROM parts CROSS JOIN row WHERE part = p AND " COLUMN " = ?"
#define RECEIPTS_OF_TRACE \
    JOURNAL_PARTS         \
    "SELECT DISTINCT receipt FROM parts CROSS JOIN trace WHERE part = p AND trace = ?"
#define IDS_LIKE                                                                \
    JOURNAL_PARTS "SELECT DISTINCT id FROM parts CROSS JOIN row WHERE part = p" \
                  " AND id > ?1 AND id < ?1 || char(1114111) LIMIT 6"

/* Files that were not written to since traces are noted have no such table. */
static int by_trace_id(struct tracing *t, const struct journal_file *f, struct err *e)
{
    t->has_traces = false;
    int r = rows_of(t, f, "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?", "trace",
                    take_any, e);
    if (r < 0 || !t->has_traces)
        return r;
    size_t before = t->receipts.n;
    r = rows_of(t, f, RECEIPTS_OF_TRACE, t->what, take_receipt, e);
    for (size_t i = before; r == 0 && i < t->receipts.n && !t->found.truncated; i++)
        r = rows_of(t, f, ROWS_BY("receipt"), t->receipts.id[i], take_traced_row, e);
    return r;
}

static int first_pass(void *arg, const struct journal_file *f, struct err *e)
{
    struct tracing *t = arg;
    int r = rows_of(t, f, ROWS_BY("id"), t->what, take_naming_row, e);
    if (r == 0)
        r = rows_of(t, f, ROWS_BY("receipt"), t->what, take_naming_row, e);
    if (r == 0)
        r = rows_of(t, f, ROWS_BY("subject"), t->what, take_naming_row, e);
    if (r == 0 && looks_like_trace_id(t->what))
        r = by_trace_id(t, f, e);
    /* U+10FFFF sorts behind whatever an id goes on with */
    if (r == 0 && t->found.n == 0 && strlen(t->what) >= PREFIX_MIN)
        r = rows_of(t, f, IDS_LIKE, t->what, take_prefixed, e);
    return r;
}

static int second_pass(void *arg, const struct journal_file *f, struct err *e)
{
    struct tracing *t = arg;
    for (size_t i = 0; i < t->ids.n && !t->found.truncated; i++) {
        int r = rows_of(t, f, ROWS_BY("id"), t->ids.id[i], take_row, e);
        if (r < 0)
            return r;
    }
    return 0;
}

static int ambiguous(const struct tracing *t, struct err *e)
{
    char list[ERR_TEXT_MAX] = "";
    for (size_t i = 0; i < t->prefixed.n && i < CANDIDATES; i++) {
        if (i)
            escape_text(list, sizeof(list), ", ", 2);
        escape_text(list, sizeof(list), t->prefixed.id[i], strlen(t->prefixed.id[i]));
    }
    return err_set(e, -ENOTUNIQ, "trace-ambiguous", "several messages begin like this: %s%s", list,
                   t->prefixed.n > CANDIDATES ? ", and more" : "");
}

static int unknown(const struct tracing *t, struct err *e)
{
    const struct tree *u = t->found.unreadable;
    if (t->found.stopped)
        return err_set(e, -ETIMEDOUT, "trace-stopped",
                       "%s was not found in the time there was; the journals are large", t->what);
    if (!u)
        return err_set(e, -ENOENT, "trace-unknown", "no journal knows %s", t->what);
    return err_set(e, -ENOENT, "trace-unknown",
                   "no journal knows %s; %zu could not be read (%s: %s)", t->what, u->n,
                   tree_gets(u->child[0], "process", ""), tree_gets(u->child[0], "text", ""));
}

static int trace(struct tracing *t, const char *dir, struct tree **ret, struct err *e)
{
    if (ids_init(&t->ids, IDS_MAX) < 0 || ids_init(&t->prefixed, CANDIDATES + 1) < 0 ||
        ids_init(&t->receipts, IDS_MAX) < 0)
        return no_memory(e);
    int r = found_each_file(&t->found, dir, first_pass, t, e);
    if (r == 0 && t->found.n == 0 && t->prefixed.n > 1)
        return ambiguous(t, e);
    if (r == 0 && t->found.n == 0 && t->prefixed.n == 1)
        r = ids_add(&t->ids, t->prefixed.id[0]) < 0 ? no_memory(e) : 0;
    if (r == 0 && t->ids.n)
        r = found_each_file(&t->found, dir, second_pass, t, e);
    if (r < 0)
        return r;
    if (t->found.n == 0)
        return unknown(t, e);
    t->found.truncated |= t->ids.truncated || t->receipts.truncated;
    struct tree *list = found_take(&t->found, SIZE_MAX);
    if (!list)
        return no_memory(e);
    *ret = list;
    return 0;
}

int journal_trace_within(const char *dir, const char *what, unsigned budget_ms, struct tree **ret,
                         struct err *e)
{
    struct tracing t = {.what = what, .found = {.max = JOURNAL_ROWS_MAX}};
    t.found.deadline_ms = budget_ms ? mono_ms() + budget_ms : 0;
    int r = trace(&t, dir, ret, e);
    found_done(&t.found);
    ids_done(&t.ids);
    ids_done(&t.prefixed);
    ids_done(&t.receipts);
    return r;
}

int journal_trace(const char *dir, const char *what, struct tree **ret, struct err *e)
{
    return journal_trace_within(dir, what, 0, ret, e);
}

struct tailing {
    struct found found;
    const char *const *events;
    uint64_t from_ms;
    size_t n;
};

static int tail_of(struct tailing *t, const struct journal_file *f, const char *event,
                   struct err *e)
{
    sqlite3_stmt *st = NULL;
    int r = db_prepare(f->db,
                       event ? "SELECT " JOURNAL_COLUMNS " FROM row WHERE event = ? ORDER BY n DESC"
                             : "SELECT " JOURNAL_COLUMNS " FROM row ORDER BY n DESC",
                       &st, e);
    if (r < 0)
        return r;
    if (event)
        sqlite3_bind_text(st, 1, event, -1, SQLITE_STATIC);
    for (size_t taken = 0; taken < t->n;) {
        r = db_step(f->db, st, e);
        if (r <= 0)
            break;
        uint64_t at = (uint64_t)sqlite3_column_int64(st, 1);
        if (at + JOURNAL_CLOCK_SLACK_MS < t->from_ms)
            break;
        if (at < t->from_ms)
            continue;
        if (found_add(&t->found, f->process, st) < 0) {
            r = no_memory(e);
            break;
        }
        taken++;
    }
    db_finalize(&st);
    return r < 0 ? r : 0;
}

static int tail_file(void *arg, const struct journal_file *f, struct err *e)
{
    struct tailing *t = arg;
    int r = t->events ? 0 : tail_of(t, f, NULL, e);
    for (size_t i = 0; r == 0 && t->events && t->events[i]; i++)
        r = tail_of(t, f, t->events[i], e);
    return r;
}

int journal_tail(const char *dir, const char *const *events, uint64_t from_ms, size_t n,
                 struct tree **ret, struct err *e)
{
    struct tailing t = {.found = {.max = SIZE_MAX}, .events = events, .from_ms = from_ms, .n = n};
    int r = found_each_file(&t.found, dir, tail_file, &t, e);
    struct tree *list = r < 0 ? NULL : found_take(&t.found, n);
    found_done(&t.found);
    if (r < 0)
        return r;
    if (!list)
        return no_memory(e);
    *ret = list;
    return 0;
}
