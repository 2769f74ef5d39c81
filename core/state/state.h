/* SPDX-License-Identifier: Apache-2.0 */
/* state - what one side of a connector remembers: plugin keys, subjects (for change detection),
 * submissions (receipts).
 *
 * One SQLite file per process (DATA/state/NAME.db); PostgreSQL to the same interface in a later
 * issue. Writes are staged in memory and become durable together with state_commit(), which the
 * worker calls only after the transport confirmed. One thread.
 *
 * A submission that is cut short (a crash, or its caller gave up) leaves what was committed of it.
 * When the same submission comes again, in this process or a later one, each of its subjects gets
 * the verdict and generation it got the first time, counted from what was known before that
 * submission, and says whether it was published already (`resent`): the ids are the same. That ends
 * when it is completed (state_receipt_put() and commit): the same bytes offered again later are
 * unchanged or, when something else came in between, changed. Submissions may interleave. A
 * document that names one subject several times: the caller holds what it said of it before, counts
 * generations on from there, and puts only the last, staged together with state_receipt_put(). */
#ifndef REEVE_STATE_STATE_H
#define REEVE_STATE_STATE_H
#include "base/digest.h"
#include "base/err.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct state;
/* Codes here and below: those of base/db.h, "memory". */
int state_open(const char *path, struct state **ret, struct err *e);
/* The file at `old` becomes the one at `path`, when that is not there yet: a connector that has
 * another name now remembers what it knew. Nobody may have either open. 1: done, 0: nothing to do.
 */
int state_take_over(const char *old, const char *path, struct err *e);
void state_close(struct state *s); /* what was not committed is forgotten */

/* ---- keys of plugins and steps ---- */
/* The staged value if there is one, else the stored one; borrowed until the next call. -ENOENT:
 * absent. */
int state_get(struct state *s, const char *key, const void **ret, size_t *ret_len, struct err *e);
/* p NULL: removes. Code "too-large": a value over 16 MiB. */
int state_put(struct state *s, const char *key, const void *p, size_t len, struct err *e);

/* ---- subjects: the generation rule ---- */
enum change { CHANGE_NEW, CHANGE_CHANGED, CHANGE_UNCHANGED };
struct subject_verdict {
    enum change change;
    uint64_t generation; /* 0 for a new one */
    bool resent; /* this very submission (receipt) had stored it before it was cut short: `change`
                    is what it was then, but it is published already and need not be again */
};
/* key: digest of (source, type, subject). Looks only; staged subjects count. */
int state_subject(struct state *s, const uint8_t key[SHA256_LEN], const uint8_t content[SHA256_LEN],
                  const uint8_t receipt[SHA256_LEN], struct subject_verdict *ret, struct err *e);
/* Stages the new content (only for NEW and CHANGED; `change` UNCHANGED is -EINVAL). Not needed for
 * a resent one, and harmless. */
int state_subject_put(struct state *s, const uint8_t key[SHA256_LEN],
                      const uint8_t content[SHA256_LEN], uint64_t generation, enum change change,
                      const uint8_t receipt[SHA256_LEN], struct err *e);

/* ---- submissions ---- */
/* The answer given to the submission with this receipt (JSON text), if it was completed. -ENOENT:
 * not known. free() it. */
int state_receipt(struct state *s, const uint8_t receipt[SHA256_LEN], char **ret_json,
                  size_t *ret_len, uint64_t *ret_ms, struct err *e);
/* Stages: answer of a completed submission; it becomes the last accepted one. idempotency_key may
 * be NULL. json NULL: the answer is there already and stays, a key is added to it. */
int state_receipt_put(struct state *s, const uint8_t receipt[SHA256_LEN],
                      const char *idempotency_key, const char *json, size_t len, uint64_t now_ms,
                      struct err *e);
/* Is this receipt the last accepted one? */
bool state_is_last(struct state *s, const uint8_t receipt[SHA256_LEN]);
/* Which receipt had this Idempotency-Key within the last 24 h? -ENOENT. */
int state_idempotency(struct state *s, const char *key, uint64_t now_ms,
                      uint8_t ret_receipt[SHA256_LEN], struct err *e);

/* Removes answers of submissions that were completed before before_ms, the oldest first, at most
 * `most` of them, in a transaction of its own; the last accepted one stays. So do subjects: without
 * them everything would be new again. Returns how many (fewer than `most`: there are no more),
 * negative errno; -EBUSY: a frozen batch is being stored, come again after it. */
int state_expire(struct state *s, uint64_t before_ms, unsigned most, struct err *e);

/* All that is staged, in one durable transaction. On an error nothing of it is stored and all stays
 * staged: commit again (the disk has room again) or roll back. */
int state_commit(struct state *s, struct err *e);
void state_rollback(struct state *s); /* forgets what is staged, a frozen batch too */

/* ---- the same in three parts, so that another thread can wait for the disk ---- */
/* What is staged becomes the frozen batch, which look-ups still see; what is staged from now on
 * belongs to the next one. 1 = there is a batch to be stored (a frozen one that was not stored
 * stays and is it); 0 = nothing to do; negative errno. */
int state_freeze(struct state *s, struct err *e);
/* Stores the frozen batch in one durable transaction. The only function that another thread may
 * call, while this one goes on; neither state_stored() nor state_rollback() before it has come
 * back. */
int state_store(struct state *s, struct err *e);
void state_stored(struct state *s); /* after state_store() gave 0 */

#endif
