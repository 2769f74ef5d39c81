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

/* What becomes durable together. One is being filled, one may be frozen: it is being stored, maybe
 * by another thread, and nobody changes it. Look-ups see both, the newer first. */
struct batch {
    struct map *kv;     /* key -> struct value */
    struct map *by_key; /* subjects: key -> number in rows, + 1 */
    struct row *rows;
    size_t rows_n, rows_cap;
    struct answer *answers;
    size_t answers_n, answers_cap;
    /* made when it is frozen */
    struct run *runs;    /* to be stored: not completed by an answer of this batch */
    uint64_t *runs_over; /* numbers of those that were stored and are completed */
    size_t runs_n, runs_over_n;
    uint64_t next_run;
    uint8_t last[SHA256_LEN];
    bool has_last;
};

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

struct state {
    sqlite3 *look, *store; /* two connections: a look-up never waits for what is being stored */
    sqlite3_stmt *st[ST_N];
    struct buf value; /* what state_get lends out */
    struct batch now, frozen;
    bool is_frozen;
    int log_pages;    /* of the file's write-ahead log, after the last commit */
    struct run *runs; /* by number */
    size_t runs_n, runs_cap;
    uint64_t next_run;
    uint8_t last[SHA256_LEN];
    bool has_last;
};

int state_no_memory(struct err *e);
/* Opens the look-ups' transaction unless it is open. Many share one: to take and give back the
 * locks of the file costs more than the look-up itself. */
int state_begin(struct state *s, struct err *e);
void state_end(struct state *s); /* fine when none is open */
/* Writes the log back when it is long. Only while no look-up holds a place in it: then it can be
 * written back to its end, and begins anew. What cannot be done now will be the next time. */
void state_write_back(struct state *s);
/* Runs a statement that gives no rows, with its bindings, and clears them. */
int state_do(struct state *s, int st, struct err *e);
/* Clears a statement that gave a row. */
void state_clear(struct state *s, int st);
/* A column of SHA256_LEN bytes. 0 or -EUCLEAN. */
int state_digest_column(sqlite3_stmt *st, int column, uint8_t out[SHA256_LEN], struct err *e);

int subjects_load(struct state *s, struct err *e); /* runs */
/* Fills in what the batch says of runs. */
int runs_freeze(struct state *s, struct batch *b, struct err *e);
void runs_stored(struct state *s, const struct batch *b);
void runs_forget(struct state *s); /* those that were never stored */
/* Inside the storing transaction; whatever thread. */
int subjects_store(struct state *s, const struct batch *b, struct err *e);
int answers_store(struct state *s, const struct batch *b, struct err *e);

void batch_clear(struct batch *b);

#endif
