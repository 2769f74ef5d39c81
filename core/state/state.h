/* SPDX-License-Identifier: Apache-2.0 */
/* state - what one side of a connector remembers: plugin keys, subjects (for change detection),
 * submissions (receipts).
 *
 * Two stores: a SQLite file of the process's own (DATA/state/NAME.db), or PostgreSQL, when several
 * hubs run the same configuration and share what they remember. Writes are staged in memory and
 * become durable together with state_commit(), which the worker calls only after the transport
 * confirmed. One thread.
 *
 * A submission that is cut short (a crash, or its caller gave up) leaves what was committed of it.
 * When the same submission comes again, in this process or another one, each of its subjects gets
 * the verdict and generation it got the first time, counted from what was known before that
 * submission, and says whether it was published already (`resent`): the ids are the same. That ends
 * when it is completed (state_receipt_put() and commit): the same bytes offered again later are
 * unchanged or, when something else came in between, changed. Submissions may interleave. A
 * document that names one subject several times: the caller holds what it said of it before, counts
 * generations on from there, and puts only the last, staged together with state_receipt_put().
 *
 * Shared by several processes (PostgreSQL). Rows belong to the process name
 * ("dcms-grants.receive"), the same on every hub, and look-ups see what any of them has committed.
 * Commits of one name run one after the other (they lock its row in reeve_process), and each
 * subject is checked then: it must still be what state_subject() saw, or be already what is to be
 * stored. Otherwise somebody else decided about it meanwhile, and what was said of it may be wrong:
 * the commit stores nothing and fails with "state-conflict" (-ESTALE). So does one that completes a
 * submission which another process has just completed. Roll back and answer 503: the sender's next
 * try looks again, and gets the verdict that follows what is there now, or the other's answer. Keys
 * of plugins are not checked, the last commit wins; what only one process may do is guarded by a
 * lease (lease.h, state_guard()).
 *
 * A connection that is lost is made again, with back-off (100 ms to 5 s); meanwhile, and after half
 * a minute without an answer, every call that needs it fails with "state-away" (-ENOTCONN); a
 * commit tries for 10 s. A commit whose connection is lost midway is found out: every batch has a
 * number, and is stored exactly once however often it is tried. Only when the caller gives up
 * (state_rollback()) may it be stored or not, which is a submission that was cut short. */
#ifndef REEVE_STATE_STATE_H
#define REEVE_STATE_STATE_H
#include "base/digest.h"
#include "base/err.h"
#include "base/tree.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct state;
/* part: {"engine": "sqlite", "path"} (also without "engine"), or {"engine": "postgresql",
 * "conninfo", "process"}. conninfo is libpq's (also a URI): several hosts, sslmode, sslrootcert and
 * sslcert as it has them; tables go to the first schema of its search path, which must be there. In
 * it not given: connect_timeout 5 s, a writable server, keep-alives of some seconds. Tables are
 * made when they are not there, older ones brought up to date, newer ones refused ("db-format").
 *
 * Codes here and below: those of base/db.h, "memory", "plan" (the part lacks something),
 * "state-away", "state-refused" (PostgreSQL does not let us: rights, no such schema; a wrong user,
 * password or certificate is "state-away" with the reason, because libpq does not tell them apart),
 * "state-conflict", "lease-lost". */
int state_open(const struct tree *part, struct state **ret, struct err *e);
/* What stands under the name of `old` becomes that of `part` (the same engine), when there is
 * nothing yet: a connector that has another name now remembers what it knew. Nobody may have either
 * open. 1: done, 0: nothing to do.
 */
int state_take_over(const struct tree *old, const struct tree *part, struct err *e);
void state_close(struct state *s); /* what was not committed is forgotten */

/* ---- keys of plugins and steps ---- */
/* The staged value if there is one, else the stored one; borrowed until the next call. -ENOENT:
 * absent. */
int state_get(struct state *s, const char *key, const void **ret, size_t *ret_len, struct err *e);
/* p NULL: removes. Code "too-large": a value over 16 MiB. */
int state_put(struct state *s, const char *key, const void *p, size_t len, struct err *e);

/* ---- subjects: the generation rule ---- */
enum change { CHANGE_NEW, CHANGE_CHANGED, CHANGE_UNCHANGED };
struct subject_seen { /* a subject as a look-up found it; to be handed on, and to nobody else */
    bool there, has_base, open;
    uint64_t generation, base_generation;
    uint8_t content[SHA256_LEN], base[SHA256_LEN], receipt[SHA256_LEN];
};
struct subject_verdict {
    enum change change;
    uint64_t generation; /* 0 for a new one */
    bool resent; /* this very submission (receipt) had stored it before it was cut short: `change`
                    is what it was then, but it is published already and need not be again */
    struct subject_seen seen;
};
/* key: digest of (source, type, subject). Looks only; staged subjects count. */
int state_subject(struct state *s, const uint8_t key[SHA256_LEN], const uint8_t content[SHA256_LEN],
                  const uint8_t receipt[SHA256_LEN], struct subject_verdict *ret, struct err *e);
/* Stages the new content (only for NEW and CHANGED; UNCHANGED is -EINVAL). v: the verdict of
 * state_subject() that was acted on, its generation counted on if the document names the subject
 * several times. Not needed for a resent one, and harmless. */
int state_subject_put(struct state *s, const uint8_t key[SHA256_LEN],
                      const uint8_t content[SHA256_LEN], const struct subject_verdict *v,
                      const uint8_t receipt[SHA256_LEN], struct err *e);
/* Subjects about to be looked up under this receipt are fetched at once: one round trip to a server
 * instead of n. What was fetched before is forgotten; what is fetched now serves for a second or
 * two. keys: n times SHA256_LEN bytes. A hint: nothing depends on it. At most STATE_PREFETCH_MAX
 * are taken. */
#define STATE_PREFETCH_MAX 256
int state_prefetch(struct state *s, const uint8_t receipt[SHA256_LEN], const uint8_t *keys,
                   size_t n, struct err *e);
/* A look-up of this subject asks nobody else now. Always so with a file. */
bool state_at_hand(const struct state *s, const uint8_t key[SHA256_LEN],
                   const uint8_t receipt[SHA256_LEN]);

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
/* Is this receipt the last accepted one? 1, 0, or negative errno. */
int state_is_last(struct state *s, const uint8_t receipt[SHA256_LEN], struct err *e);
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
/* From now on a commit stores nothing unless the lease of this name is held under this epoch, by
 * the clock of the server and in the same transaction ("lease-lost", -EOWNERDEAD): whoever was
 * paused while another took over does no harm (lease.h). Not while a commit is under way. name
 * NULL: no guard. -ENOTSUP: a file has no leases. */
int state_guard(struct state *s, const char *name, uint64_t epoch, struct err *e);

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
