/* SPDX-License-Identifier: Apache-2.0 */
/* inner - what the files of this room share. */
#ifndef REEVE_STATE_INNER_H
#define REEVE_STATE_INNER_H
#include "base/buf.h"
#include "base/db.h"
#include "base/map.h"
#include "state.h"

#define IDEMPOTENCY_MS (24ull * 3600 * 1000)

/* A subject. A run is a submission from its first stored subject until it is completed: a row whose
 * run is open and has the same receipt was stored by this very submission, by this attempt at it or
 * by one that was cut short. */
struct row {
    uint8_t key[SHA256_LEN], content[SHA256_LEN];
    uint8_t
        base[SHA256_LEN]; /* the content before this submission; has_base false: there was none */
    bool has_base;
    uint64_t generation, base_generation;
    uint64_t run;
};

struct run { /* a submission that is not completed */
    uint64_t number;
    uint8_t receipt[SHA256_LEN];
    bool stored; /* it is in the file */
};

struct answer { /* a completed submission, staged */
    uint8_t receipt[SHA256_LEN];
    char *key, *json;
    size_t len;
    uint64_t ms;
};

enum { /* prepared statements */
       ST_BEGIN,
       ST_COMMIT,
       ST_GET,
       ST_PUT,
       ST_REMOVE,
       ST_SUBJECT,
       ST_SUBJECT_PUT,
       ST_RUN_PUT,
       ST_RUN_DONE,
       ST_ANSWER,
       ST_ANSWER_PUT,
       ST_KEY,
       ST_KEY_PUT,
       ST_KEY_EXPIRE,
       ST_HEAD_PUT,
       ST_ANSWER_EXPIRE,
       ST_N
};

struct state {
    sqlite3 *db;
    sqlite3_stmt *st[ST_N];
    struct buf value;   /* what state_get lends out */
    struct map *kv;     /* staged: key -> struct value */
    struct map *by_key; /* staged subjects: key -> number in rows, + 1 */
    struct row *rows;
    size_t rows_n, rows_cap;
    struct run *runs; /* by number */
    size_t runs_n, runs_cap;
    uint64_t next_run;
    struct answer *answers;
    size_t answers_n, answers_cap;
    uint8_t last[SHA256_LEN];
    bool has_last;
};

int state_no_memory(struct err *e);
/* Opens a transaction unless one is open. Many look-ups share one: to take and give back the locks
 * of the file costs more than the look-up itself. Nobody else writes this file, so that writing in
 * it later cannot fail for that. */
int state_begin(struct state *s, struct err *e);
void state_end(struct state *s); /* without storing; fine when none is open or the library has ended
                                    it by itself */
/* Runs a statement that gives no rows, with its bindings, and clears them. */
int state_do(struct state *s, int st, struct err *e);
/* Clears a statement that gave a row. */
void state_clear(struct state *s, int st);
/* A column of SHA256_LEN bytes. 0 or -EUCLEAN. */
int state_digest_column(sqlite3_stmt *st, int column, uint8_t out[SHA256_LEN], struct err *e);

int subjects_store(struct state *s, struct err *e);                  /* inside the transaction */
void subjects_forget(struct state *s);                               /* the staged ones */
int subjects_load(struct state *s, struct err *e);                   /* runs */
void runs_close(struct state *s, const uint8_t receipt[SHA256_LEN]); /* completed, and committed */

int answers_store(struct state *s, struct err *e);
void answers_forget(struct state *s);

#endif
