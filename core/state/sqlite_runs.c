/* SPDX-License-Identifier: Apache-2.0 */
/* sqlite_runs - submissions that are not completed, by number: a row holds the number of its run,
 * and completing a submission is one row less instead of many rows changed. */
#include "sqlite.h"
#include "base/util.h"
#include <errno.h>
#include <string.h>

const struct run *runs_find(const struct sqlite *t, uint64_t number)
{
    size_t low = 0, high = t->runs_n;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (t->runs[mid].number < number)
            low = mid + 1;
        else
            high = mid;
    }
    return low < t->runs_n && t->runs[low].number == number ? &t->runs[low] : NULL;
}

static int add_run(struct sqlite *t, struct run run, struct err *e)
{
    void *p = t->runs;
    if (grow_array(&p, &t->runs_cap, t->runs_n + 1, sizeof(*t->runs)) < 0)
        return state_no_memory(e);
    t->runs = p;
    t->runs[t->runs_n++] = run;
    return 0;
}

static const struct run *run_of(const struct sqlite *t, const uint8_t receipt[SHA256_LEN])
{
    for (size_t i = t->runs_n; i > 0; i--) /* the one under way is among the last */
        if (memcmp(t->runs[i - 1].receipt, receipt, SHA256_LEN) == 0)
            return &t->runs[i - 1];
    return NULL;
}

/* The number of the receipt's run, which begins here if there is none. */
static int enter_run(struct sqlite *t, const uint8_t receipt[SHA256_LEN], uint64_t *ret,
                     struct err *e)
{
    const struct run *there = run_of(t, receipt);
    if (!there) {
        struct run run = {.number = t->next_run};
        memcpy(run.receipt, receipt, SHA256_LEN);
        int r = add_run(t, run, e);
        if (r < 0)
            return r;
        t->next_run++;
        there = &t->runs[t->runs_n - 1];
    }
    *ret = there->number;
    return 0;
}

static int enter_all(struct sqlite *t, struct batch *b, struct err *e)
{
    const struct row *before = NULL; /* mostly of the same submission */
    for (size_t i = 0; i < b->rows_n; i++) {
        struct row *row = &b->rows[i];
        int r = 0;
        if (before && memcmp(before->is.receipt, row->is.receipt, SHA256_LEN) == 0)
            row->run = before->run;
        else
            r = enter_run(t, row->is.receipt, &row->run, e);
        if (r < 0)
            return r;
        before = row;
    }
    return 0;
}

int runs_freeze(struct sqlite *t, struct batch *b, struct err *e)
{
    int r = enter_all(t, b, e);
    if (r < 0)
        return r;
    t->frozen.runs = xcalloc(t->runs_n + 1, sizeof(*t->frozen.runs));
    t->frozen.runs_over = xcalloc(t->runs_n + 1, sizeof(*t->frozen.runs_over));
    if (!t->frozen.runs || !t->frozen.runs_over) {
        runs_thaw(t);
        return state_no_memory(e);
    }
    for (size_t i = 0; i < t->runs_n; i++) {
        const struct run *run = &t->runs[i];
        bool over = batch_answers(b, run->receipt);
        if (run->stored && over)
            t->frozen.runs_over[t->frozen.runs_over_n++] = run->number;
        else if (!run->stored && !over) /* those that end here need not be stored */
            t->frozen.runs[t->frozen.runs_n++] = *run;
    }
    return 0;
}

void runs_thaw(struct sqlite *t)
{
    free(t->frozen.runs);
    free(t->frozen.runs_over);
    t->frozen.runs = NULL;
    t->frozen.runs_over = NULL;
    t->frozen.runs_n = t->frozen.runs_over_n = 0;
}

void runs_stored(struct sqlite *t, const struct batch *b)
{
    size_t kept = 0, at = 0;
    for (size_t i = 0; i < t->runs_n; i++) {
        struct run run = t->runs[i];
        while (at < t->frozen.runs_n && t->frozen.runs[at].number < run.number)
            at++;
        run.stored |= at < t->frozen.runs_n && t->frozen.runs[at].number == run.number;
        if (!batch_answers(b, run.receipt))
            t->runs[kept++] = run;
    }
    t->runs_n = kept;
    runs_thaw(t);
}

void runs_forget(struct sqlite *t)
{
    while (t->runs_n && !t->runs[t->runs_n - 1].stored)
        t->runs_n--;
}

int runs_load(struct sqlite *t, struct err *e)
{
    sqlite3_stmt *st = NULL;
    int r = db_prepare(t->look,
                       "SELECT run, receipt FROM (SELECT run, receipt FROM run"
                       " ORDER BY run DESC LIMIT ?) ORDER BY run",
                       &st, e);
    if (r < 0)
        return r;
    sqlite3_bind_int(st, 1, RUNS_MAX);
    while ((r = db_step(t->look, st, e)) > 0) {
        struct run run = {.number = (uint64_t)sqlite3_column_int64(st, 0), .stored = true};
        r = sqlite_digest(st, 1, run.receipt, e);
        if (r == 0)
            r = add_run(t, run, e);
        if (r < 0)
            break;
    }
    db_finalize(&st);
    if (r == 0 && t->runs_n == RUNS_MAX) {
        char sql[80];
        (void)sqlite3_snprintf((int)sizeof(sql), sql, "DELETE FROM run WHERE run < %lld",
                               (long long)t->runs[0].number);
        r = db_exec(t->store, sql, e);
    }
    return r;
}
