/* SPDX-License-Identifier: Apache-2.0 */
/* store - what a store of state gives to state.c, and what it is given. Private to this room.
 *
 * A store's own struct begins with `struct store`. It is used by one thread, but for write(), which
 * another one may run beside everything else except freeze(), written() and idle(). Functions give
 * 0 or negative errno where nothing else is said, and 1 or 0 where it is asked for something that
 * may be absent. */
#ifndef REEVE_STATE_STORE_H
#define REEVE_STATE_STORE_H
#include "base/buf.h"
#include "base/map.h"
#include "state.h"

#define IDEMPOTENCY_MS (24ull * 3600 * 1000)
/* Submissions that were cut short are remembered until they are completed; the oldest are forgotten
 * beyond this many: their subjects then count as those of any earlier submission. */
#define RUNS_MAX 4096

/* A staged subject. Rows of one submission from its first stored subject until it is completed are
 * a run: a row whose run is open and has the same receipt was stored by this very submission, by
 * this attempt at it or by one that was cut short. */
struct row {
    uint8_t key[SHA256_LEN];
    struct subject_seen is; /* .open, with the receipt; base: the content before this submission */
    bool had;               /* what the store held when it was looked at: must be there still */
    uint8_t was[SHA256_LEN];
    uint64_t was_generation;
    uint64_t run; /* the store's own */
};

struct answer { /* a completed submission, staged */
    uint8_t receipt[SHA256_LEN];
    char *key, *json; /* either may be NULL */
    size_t len;
    uint64_t ms;
};

struct kept { /* a staged key: bytes follow */
    size_t len;
    bool removed;
    unsigned char p[];
};

/* What becomes durable together. One is being filled, one may be frozen: it is being stored, maybe
 * by another thread, and nobody changes it (but the store its rows' runs, in freeze()). Look-ups
 * see both, the newer first. */
struct batch {
    struct map *kv;     /* key -> struct kept */
    struct map *by_key; /* subjects: key -> number in rows, + 1 */
    struct row *rows;
    size_t rows_n, rows_cap;
    struct answer *answers;
    size_t answers_n, answers_cap;
};

struct store;
struct store_ops {
    void (*close)(struct store *t);
    int (*get)(struct store *t, const char *key, struct buf *ret, struct err *e);
    int (*subject)(struct store *t, const uint8_t key[SHA256_LEN],
                   const uint8_t receipt[SHA256_LEN], struct subject_seen *ret, struct err *e);
    int (*answer)(struct store *t, const uint8_t receipt[SHA256_LEN], struct buf *ret_json,
                  uint64_t *ret_ms, struct err *e);
    int (*named)(struct store *t, const char *key, uint8_t ret_receipt[SHA256_LEN],
                 uint64_t *ret_ms, struct err *e);
    int (*last)(struct store *t, uint8_t ret_receipt[SHA256_LEN], struct err *e);
    int (*freeze)(struct store *t, struct batch *b, struct err *e); /* a new batch */
    int (*write)(struct store *t, const struct batch *b, struct err *e);
    void (*written)(struct store *t, const struct batch *b);
    void (*idle)(struct store *t, bool forget); /* nothing is staged; forget: it was rolled back */
    int (*expire)(struct store *t, uint64_t before_ms, unsigned most, struct err *e);
    /* These three: NULL for a store of one's own. */
    int (*prefetch)(struct store *t, const uint8_t receipt[SHA256_LEN], const uint8_t *keys,
                    size_t n, struct err *e);
    bool (*at_hand)(const struct store *t, const uint8_t key[SHA256_LEN],
                    const uint8_t receipt[SHA256_LEN]);
    int (*guard)(struct store *t, const char *name, uint64_t epoch, struct err *e);
};

struct store {
    const struct store_ops *ops;
};

int store_sqlite_open(const struct tree *part, struct store **ret, struct err *e);
int store_sqlite_take_over(const struct tree *old, const struct tree *part, struct err *e);
int store_postgresql_open(const struct tree *part, struct store **ret, struct err *e);
int store_postgresql_take_over(const struct tree *old, const struct tree *part, struct err *e);

struct state {
    struct store *store;
    struct buf value; /* what state_get lends out */
    struct batch now, frozen;
    bool is_frozen;
};

int state_no_memory(struct err *e);
/* Is this submission completed by an answer of the batch? */
bool batch_answers(const struct batch *b, const uint8_t receipt[SHA256_LEN]);
const struct row *batch_row(const struct batch *b, const uint8_t key[SHA256_LEN]);
/* The rows of a batch in the order of their keys, which keeps the pages that one commit touches
 * few. free() it; NULL: out of memory. */
const struct row **batch_in_order(const struct batch *b);

#endif
