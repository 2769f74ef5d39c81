/* SPDX-License-Identifier: Apache-2.0 */
/* postgresql - what the files of this store share. */
#ifndef REEVE_STATE_POSTGRESQL_H
#define REEVE_STATE_POSTGRESQL_H
#include "pg.h"
#include "store.h"

#define WRITER_LEN 16

struct postgresql {
    struct store base;
    struct pg look, store; /* two connections, as many threads */
    uint32_t process;      /* number of the name, in reeve_process */
    uint8_t writer[WRITER_LEN];
    uint64_t batch; /* number of the frozen one, or of the last */
    /* how many batches with answers there were, by whomever, when it was last looked; and when the
     * batch was frozen */
    uint64_t completed, completed_before;
    char *lease; /* guard; NULL: none */
    uint64_t epoch;
    struct map *fetched; /* key -> struct subject_seen; of one submission */
    uint8_t fetched_receipt[SHA256_LEN];
    uint64_t fetched_ms; /* mono_ms() */
};

/* ---- postgresql_send.c ---- */
/* A transaction that is being sent, in a pipeline: its answers come in the order of `expected`. */
/* what the answer is good for */
enum { ANY, LOCK, WRITTEN, HELD, CHANGED };
struct sending {
    struct postgresql *t;
    struct err *e;
    int rc;
    char expected[24];
    size_t n;
};
/* Once it has failed (rc) nothing more is sent. a NULL: no parameters. */
void postgresql_send(struct sending *x, char expected, const char *statement,
                     const struct pg_args *a);
/* BEGIN, the lock, what is to be known first, and the mark that the batch leaves. */
void postgresql_send_begin(struct sending *x);
void postgresql_send_batch(struct sending *x, const struct batch *b);

/* ---- postgresql_write.c: the storing connection ---- */
extern const struct pg_statement pg_writing[];
extern const size_t pg_writing_n;
/* The frozen batch, exactly once. Whatever thread. */
int postgresql_write(struct store *base, const struct batch *b, struct err *e);
/* At most `most` answers before that time; not beside postgresql_write(). How many. */
int postgresql_expire(struct store *base, uint64_t before_ms, unsigned most, struct err *e);

#endif
