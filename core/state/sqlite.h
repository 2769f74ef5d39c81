/* SPDX-License-Identifier: Apache-2.0 */
/* sqlite - what the files of this store share: its handles, and the runs it knows. */
#ifndef REEVE_STATE_SQLITE_H
#define REEVE_STATE_SQLITE_H
#include "base/db.h"
#include "store.h"

enum { /* prepared statements */
       ST_BEGIN,
       ST_GET,
       ST_SUBJECT,
       ST_ANSWER,
       ST_KEY,
       ST_STORE, /* from here on: of the storing connection */
       ST_STORE_BEGIN = ST_STORE,
       ST_STORE_COMMIT,
       ST_PUT,
       ST_REMOVE,
       ST_SUBJECT_PUT,
       ST_RUN_PUT,
       ST_RUN_DONE,
       ST_ANSWER_PUT,
       ST_KEY_PUT,
       ST_KEY_EXPIRE,
       ST_HEAD_PUT,
       ST_ANSWER_EXPIRE,
       ST_N
};

struct run { /* a submission that is not completed */
    uint64_t number;
    uint8_t receipt[SHA256_LEN];
    bool stored; /* it is in the file */
};

struct sqlite {
    struct store base;
    sqlite3 *look, *store; /* two connections: a look-up never waits for what is being stored */
    sqlite3_stmt *st[ST_N];
    int log_pages;    /* of the file's write-ahead log, after the last commit */
    struct run *runs; /* by number */
    size_t runs_n, runs_cap;
    uint64_t next_run;
    uint8_t last[SHA256_LEN]; /* accepted */
    bool has_last;
    struct {                 /* with the frozen batch */
        struct run *runs;    /* to be stored: not completed by an answer of this batch */
        uint64_t *runs_over; /* numbers of those that were stored and are completed */
        size_t runs_n, runs_over_n;
        uint64_t next_run;
        uint8_t last[SHA256_LEN];
        bool has_last;
    } frozen;
};

/* Runs a statement that gives no rows, with its bindings, and clears them. */
int sqlite_do(struct sqlite *t, int st, struct err *e);
/* A column of SHA256_LEN bytes. 0 or -EUCLEAN. */
int sqlite_digest(sqlite3_stmt *st, int column, uint8_t out[SHA256_LEN], struct err *e);
/* Inside the storing transaction; whatever thread. */
int sqlite_store_batch(struct sqlite *t, const struct batch *b, struct err *e);

/* ---- sqlite_runs.c ---- */
int runs_load(struct sqlite *t, struct err *e);
const struct run *runs_find(const struct sqlite *t, uint64_t number); /* NULL: completed */
/* Gives each row of the batch its run, and notes what it changes of runs. */
int runs_freeze(struct sqlite *t, struct batch *b, struct err *e);
void runs_stored(struct sqlite *t, const struct batch *b);
void runs_thaw(struct sqlite *t);   /* the frozen batch is gone */
void runs_forget(struct sqlite *t); /* those that were never stored */

#endif
