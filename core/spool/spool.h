/* SPDX-License-Identifier: Apache-2.0 */
/* spool - the embedded queue without its sockets: destinations, intake, commit, delivery, dead
 * letters.
 *
 * Calls between two spool_turn()s only collect what was asked; spool_turn() writes all of it in one
 * transaction (group commit over all peers), and answers and delivers after that. What cannot be
 * written is answered so: publishes fail, settlements wait until there is space. Single-threaded.
 * Peers (connections) hear through struct peer_ops, also from inside these calls; they must not
 * call back into the spool from there. */
#ifndef REEVE_SPOOL_SPOOL_H
#define REEVE_SPOOL_SPOOL_H
#include "base/err.h"
#include "base/tree.h"
#include "transport/spool_wire.h"
#include <stdbool.h>
#include <stdint.h>

struct spool;
struct consumer;
struct peer;

struct peer_ops {
    void (*confirmed)(struct peer *p, uint64_t no);
    void (*failed)(struct peer *p, uint64_t no, const char *code, const char *text);
    void (*settled)(struct peer *p, uint64_t handle);
    void (*job)(struct peer *p, const struct spool_job *job);
    bool (*can_take)(struct peer *p); /* false: its output is full, no job now */
    void (*answer)(struct peer *p, const char *code, const char *text); /* to replay and discard,
                                                                           and a move refused */
    void (*moved)(struct peer *p, const struct buf *ids, uint64_t left);
};
struct peer { /* begin the connection's struct with it */
    const struct peer_ops *ops;
};

/* part: {"data","destinations",…} (core/README.md); opens or creates DATA/spool/spool.db and locks
 * it. Codes: "spool-locked", "spool-part", "db-…". */
int spool_open(const struct tree *part, struct spool **ret, struct err *e);
void spool_close(struct spool *s); /* all peers must be gone; NULL is fine */
size_t spool_message_max(const struct spool *s);

/* The frame's event and id are copied. Fails by peer_ops.failed, now or after the turn. */
void spool_publish(struct spool *s, struct peer *p, struct spool_publish *in);
/* -ENOENT: no such destination; -ENOMEM. sub < 65536 is put into the handles. The consumer lives
 * until spool_gone(). */
int spool_consume(struct spool *s, struct peer *p, const struct spool_consume *in,
                  struct consumer **ret);
void spool_pause(struct consumer *c, bool paused);
uint32_t spool_handle_sub(uint64_t handle);
/* -EPROTO: the consumer holds no such job. */
int spool_settle(struct spool *s, struct consumer *c, const struct spool_settle *in);
/* Frees the consumers (jobs go back uncharged) and forgets the peer; what it published is still
 * written. */
void spool_gone(struct spool *s, struct peer *p, struct consumer *const *consumers, size_t n);

/* Dead letters. Listing reads what is committed and notes that somebody has seen what it gives; fn
 * gives 0 or stops with 1. */
int spool_dead_list(struct spool *s, const struct spool_dead_list *in,
                    int (*fn)(void *arg, const struct dead_letter *d), void *arg,
                    uint64_t *ret_upto, bool *ret_more, struct err *e);
void spool_dead_replay(struct spool *s, struct peer *p, uint64_t number);
void spool_dead_discard(struct spool *s, struct peer *p, uint64_t number);
/* One page of a queue's waiting messages to another queue (move.c); ends by peer_ops.moved or, when
 * refused, answer: "queue-busy", "destination-unknown", "destination-full", "disk-full". */
void spool_move(struct spool *s, struct peer *p, const struct spool_move *in);
int spool_status(struct spool *s, struct tree **ret, struct err *e);

void spool_turn(struct spool *s);
uint64_t
spool_timeout(struct spool *s); /* milliseconds until a turn is due by itself; UINT64_MAX */
/* What to warn of before dead letters go that nobody has looked at; "" = nothing. */
const char *spool_unseen(const struct spool *s);
/* NULL, or how little space is left for what is to come in (written to out). */
const char *spool_disk(const struct spool *s, char *out, size_t cap);
/* NULL, or why the file cannot be written just now. */
const char *spool_trouble(const struct spool *s);

#endif
