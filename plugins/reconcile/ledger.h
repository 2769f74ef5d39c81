/* SPDX-License-Identifier: Apache-2.0 */
/* ledger - what was awarded and what is said to have been paid out of it, and whether that can be.
 *
 * An account is kept for each award (or contract) that a message is, or is a part of. Its parts are
 * payments and sub-grants. What counts are the latest versions of all records that were ever seen,
 * in whatever order: a verdict depends on the set of them alone. A record that violates is counted
 * like any other; a later version of it, or of the award, may put things right.
 *
 * Belongs to one step and its one thread. Keeps nothing itself: everything is in the store. */
#ifndef REEVE_RECONCILE_LEDGER_H
#define REEVE_RECONCILE_LEDGER_H
#include "money.h"
#include <stdint.h>

#define CURRENCY_MAX 16u /* with the closing zero */
#define FINDING_MAX  4096u

struct store { /* as reeve_state_get(), reeve_state_put() */
    void *arg;
    const char *(*get)(void *arg, const char *key, size_t *len); /* NULL: absent; borrowed */
    int (*put)(void *arg, const char *key, const char *val, size_t len);
};

enum part { PART_NONE, PART_PAYMENT, PART_GRANT };

/* What a message says. No text may hold control characters (CloudEvents attributes cannot). */
struct entry {
    const char *source, *subject; /* who says it, of what */
    const char *line;             /* where in the sender's file; NULL: not known */
    bool whole;                   /* an account of its own: an award, a contract */
    enum part part;
    const char *of; /* with a part: the subject of the account */
    money amount;
    char currency[CURRENCY_MAX]; /* "": not said */
    int64_t time_us;             /* of two versions the later one counts; */
    const char *id;              /* at the same time the one whose id is greater */
};

enum verdict { LEDGER_FINE, LEDGER_VIOLATED, LEDGER_FAILED };
struct finding {
    char text[FINDING_MAX]; /* why: amounts, and the records as far as they are kept */
    bool known;             /* the award of the part has been seen */
};

/* Takes the entry down and judges the accounts that it belongs to. LEDGER_FAILED: the store could
 * not take it. */
enum verdict ledger_take(const struct store *, const struct entry *, struct finding *);

#endif
