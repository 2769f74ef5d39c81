/* SPDX-License-Identifier: Apache-2.0 */
/* subjects - change detection: has this (source, type, subject) this content already, and how often
 * did it change?
 *
 * Rows are staged in an array and stored in the order of their keys, which keeps the pages of the
 * table that one commit touches few. Submissions that were cut short are remembered until they are
 * completed; the oldest are forgotten beyond RUNS_MAX: their subjects then count as those of any
 * earlier submission. */
#include "inner.h"
#include "base/util.h"
#include <errno.h>
#include <string.h>

#define RUNS_MAX 4096

static const struct run *find_run(const struct state *s, uint64_t number)
{
    size_t low = 0, high = s->runs_n;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (s->runs[mid].number < number)
            low = mid + 1;
        else
            high = mid;
    }
    return low < s->runs_n && s->runs[low].number == number ? &s->runs[low] : NULL;
}

static bool is_receipt(const struct run *run, const uint8_t receipt[SHA256_LEN])
{
    return run && memcmp(run->receipt, receipt, SHA256_LEN) == 0;
}

static int add_run(struct state *s, struct run run, struct err *e)
{
    void *p = s->runs;
    if (grow_array(&p, &s->runs_cap, s->runs_n + 1, sizeof(*s->runs)) < 0)
        return state_no_memory(e);
    s->runs = p;
    s->runs[s->runs_n++] = run;
    return 0;
}

static const struct run *run_of(const struct state *s, const uint8_t receipt[SHA256_LEN])
{
    for (size_t i = s->runs_n; i > 0; i--) /* the one under way is among the last */
        if (is_receipt(&s->runs[i - 1], receipt))
            return &s->runs[i - 1];
    return NULL;
}

/* The number of the receipt's run, which begins here if there is none. */
static int enter_run(struct state *s, const uint8_t receipt[SHA256_LEN], uint64_t *ret,
                     struct err *e)
{
    const struct run *there = run_of(s, receipt);
    if (!there) {
        struct run run = {.number = s->next_run};
        memcpy(run.receipt, receipt, SHA256_LEN);
        int r = add_run(s, run, e);
        if (r < 0)
            return r;
        s->next_run++;
        there = &s->runs[s->runs_n - 1];
    }
    *ret = there->number;
    return 0;
}

static bool answered(const struct batch *b, const struct run *run)
{
    for (size_t i = 0; i < b->answers_n; i++)
        if (b->answers[i].json && is_receipt(run, b->answers[i].receipt))
            return true;
    return false;
}

int runs_freeze(struct state *s, struct batch *b, struct err *e)
{
    b->runs = xcalloc(s->runs_n + 1, sizeof(*b->runs));
    b->runs_over = xcalloc(s->runs_n + 1, sizeof(*b->runs_over));
    if (!b->runs || !b->runs_over) {
        free(b->runs);
        free(b->runs_over);
        b->runs = NULL;
        b->runs_over = NULL;
        return state_no_memory(e);
    }
    for (size_t i = 0; i < s->runs_n; i++) {
        const struct run *run = &s->runs[i];
        if (run->stored && answered(b, run))
            b->runs_over[b->runs_over_n++] = run->number;
        else if (!run->stored && !answered(b, run)) /* those that end here need not be stored */
            b->runs[b->runs_n++] = *run;
    }
    return 0;
}

void runs_stored(struct state *s, const struct batch *b)
{
    size_t kept = 0, at = 0;
    for (size_t i = 0; i < s->runs_n; i++) {
        struct run run = s->runs[i];
        while (at < b->runs_n && b->runs[at].number < run.number)
            at++;
        run.stored |= at < b->runs_n && b->runs[at].number == run.number;
        if (!answered(b, &run))
            s->runs[kept++] = run;
    }
    s->runs_n = kept;
}

void runs_forget(struct state *s)
{
    while (s->runs_n && !s->runs[s->runs_n - 1].stored)
        s->runs_n--;
}

int subjects_load(struct state *s, struct err *e)
{
    sqlite3_stmt *st = NULL;
    int r = db_prepare(s->look,
                       "SELECT run, receipt FROM (SELECT run, receipt FROM run"
                       " ORDER BY run DESC LIMIT ?) ORDER BY run",
                       &st, e);
    if (r < 0)
        return r;
    sqlite3_bind_int(st, 1, RUNS_MAX);
    while ((r = db_step(s->look, st, e)) > 0) {
        struct run run = {.number = (uint64_t)sqlite3_column_int64(st, 0), .stored = true};
        r = state_digest_column(st, 1, run.receipt, e);
        if (r == 0)
            r = add_run(s, run, e);
        if (r < 0)
            break;
    }
    db_finalize(&st);
    if (r == 0 && s->runs_n == RUNS_MAX) {
        char sql[80];
        (void)sqlite3_snprintf((int)sizeof(sql), sql, "DELETE FROM run WHERE run < %lld",
                               (long long)s->runs[0].number);
        r = db_exec(s->store, sql, e);
    }
    return r;
}

static int read_row(sqlite3_stmt *st, const uint8_t key[SHA256_LEN], struct row *ret, struct err *e)
{
    memcpy(ret->key, key, SHA256_LEN);
    ret->generation = (uint64_t)sqlite3_column_int64(st, 1);
    ret->run = (uint64_t)sqlite3_column_int64(st, 2);
    ret->has_base = sqlite3_column_type(st, 3) != SQLITE_NULL;
    ret->base_generation = (uint64_t)sqlite3_column_int64(st, 4);
    int r = state_digest_column(st, 0, ret->content, e);
    if (r == 0 && ret->has_base)
        r = state_digest_column(st, 3, ret->base, e);
    return r;
}

static const struct row *staged(const struct batch *b, const uint8_t key[SHA256_LEN])
{
    uintptr_t number = (uintptr_t)map_get(b->by_key, (const char *)key, SHA256_LEN);
    return number ? &b->rows[number - 1] : NULL;
}

/* 1 = *ret is the staged or the stored row; 0 = there is none; negative errno. */
static int look_up(struct state *s, const uint8_t key[SHA256_LEN], struct row *ret, struct err *e)
{
    const struct row *there = staged(&s->now, key);
    if (!there)
        there = staged(&s->frozen, key);
    if (there) {
        *ret = *there;
        return 1;
    }
    sqlite3_stmt *st = s->st[ST_SUBJECT];
    int r = state_begin(s, e);
    if (r < 0)
        return r;
    sqlite3_bind_blob(st, 1, key, SHA256_LEN, SQLITE_STATIC);
    r = db_step(s->look, st, e);
    if (r > 0) {
        r = read_row(st, key, ret, e);
        r = r < 0 ? r : 1;
    }
    state_clear(s, ST_SUBJECT);
    return r;
}

static int stage(struct batch *b, const struct row *row, struct err *e)
{
    uintptr_t number = (uintptr_t)map_get(b->by_key, (const char *)row->key, SHA256_LEN);
    if (number) {
        b->rows[number - 1] = *row;
    } else {
        void *p = b->rows;
        if (grow_array(&p, &b->rows_cap, b->rows_n + 1, sizeof(*b->rows)) < 0)
            return state_no_memory(e);
        b->rows = p;
        number = b->rows_n + 1;
        /* the value is a number that only looks like a pointer */
        if (map_put(b->by_key, (const char *)row->key, SHA256_LEN, (void *)number) < 0)
            return state_no_memory(e);
        b->rows[b->rows_n++] = *row;
    }
    return 0;
}

int state_subject(struct state *s, const uint8_t key[SHA256_LEN], const uint8_t content[SHA256_LEN],
                  const uint8_t receipt[SHA256_LEN], struct subject_verdict *ret, struct err *e)
{
    struct row row = {.run = 0};
    int r = look_up(s, key, &row, e);
    if (r < 0)
        return r;
    struct subject_verdict v = {CHANGE_NEW, 0, false};
    bool ours = r > 0 && is_receipt(find_run(s, row.run), receipt);
    const uint8_t *before = r == 0 ? NULL : !ours ? row.content : row.has_base ? row.base : NULL;
    uint64_t generation = ours ? row.base_generation : row.generation;
    if (before && memcmp(before, content, SHA256_LEN) == 0) {
        v.change = CHANGE_UNCHANGED;
        v.generation = generation;
    } else if (before) {
        v.change = CHANGE_CHANGED;
        v.generation = generation + 1;
    }
    v.resent = ours && v.change != CHANGE_UNCHANGED && v.generation <= row.generation;
    *ret = v;
    return 0;
}

int state_subject_put(struct state *s, const uint8_t key[SHA256_LEN],
                      const uint8_t content[SHA256_LEN], uint64_t generation, enum change change,
                      const uint8_t receipt[SHA256_LEN], struct err *e)
{
    struct row row = {.run = 0};
    uint64_t run = 0;
    if (change == CHANGE_UNCHANGED || generation > INT64_MAX)
        return err_set(e, -EINVAL, "state", "an unchanged subject has nothing to store");
    int r = enter_run(s, receipt, &run, e);
    if (r == 0)
        r = look_up(s, key, &row, e);
    if (r < 0)
        return r;
    if (r == 0 || row.run != run) { /* the first time in this submission */
        row.has_base = r > 0;
        memcpy(row.base, row.content, SHA256_LEN);
        row.base_generation = row.generation;
        row.generation = 0;
    }
    memcpy(row.key, key, SHA256_LEN);
    memcpy(row.content, content, SHA256_LEN);
    row.generation = row.generation > generation ? row.generation : generation;
    row.run = run;
    return stage(&s->now, &row, e);
}

static int by_key(const void *a, const void *b)
{
    const struct row *const *x = a, *const *y = b;
    return memcmp((*x)->key, (*y)->key, SHA256_LEN);
}

static int store_row(struct state *s, const struct row *row, struct err *e)
{
    sqlite3_stmt *st = s->st[ST_SUBJECT_PUT];
    sqlite3_bind_blob(st, 1, row->key, SHA256_LEN, SQLITE_STATIC);
    sqlite3_bind_blob(st, 2, row->content, SHA256_LEN, SQLITE_STATIC);
    sqlite3_bind_int64(st, 3, (sqlite3_int64)row->generation);
    sqlite3_bind_int64(st, 4, (sqlite3_int64)row->run);
    if (row->has_base) {
        sqlite3_bind_blob(st, 5, row->base, SHA256_LEN, SQLITE_STATIC);
        sqlite3_bind_int64(st, 6, (sqlite3_int64)row->base_generation);
    }
    return state_do(s, ST_SUBJECT_PUT, e);
}

static int store_runs(struct state *s, const struct batch *b, struct err *e)
{
    int r = 0;
    for (size_t i = 0; r == 0 && i < b->runs_n; i++) {
        sqlite3_bind_int64(s->st[ST_RUN_PUT], 1, (sqlite3_int64)b->runs[i].number);
        sqlite3_bind_blob(s->st[ST_RUN_PUT], 2, b->runs[i].receipt, SHA256_LEN, SQLITE_STATIC);
        r = state_do(s, ST_RUN_PUT, e);
    }
    for (size_t i = 0; r == 0 && i < b->runs_over_n; i++) {
        sqlite3_bind_int64(s->st[ST_RUN_DONE], 1, (sqlite3_int64)b->runs_over[i]);
        r = state_do(s, ST_RUN_DONE, e);
    }
    return r;
}

int subjects_store(struct state *s, const struct batch *b, struct err *e)
{
    const struct row **order = xcalloc(b->rows_n + 1, sizeof(*order));
    if (!order)
        return state_no_memory(e);
    for (size_t i = 0; i < b->rows_n; i++)
        order[i] = &b->rows[i];
    qsort(order, b->rows_n, sizeof(*order), by_key);
    int r = store_runs(s, b, e);
    for (size_t i = 0; r == 0 && i < b->rows_n; i++)
        r = store_row(s, order[i], e);
    free(order);
    return r;
}
