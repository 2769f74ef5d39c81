/* SPDX-License-Identifier: Apache-2.0 */
/* fidelity - what became of each field of a record that went into another standard and was read
 * back from there. Pure.
 *
 * Nobody is asked: what went in is compared with what comes out, so an adapter cannot be wrong
 * about itself. What it cannot see is a fault that both directions of an adapter share. */
#ifndef REEVE_WORKER_FIDELITY_H
#define REEVE_WORKER_FIDELITY_H
#include "base/tree.h"

enum fidelity {
    FIDELITY_KEPT,    /* the same; a decimal may be written with other zeros at its end */
    FIDELITY_WIDENED, /* says less, nothing else: a day became its month, a text was cut */
    FIDELITY_CHANGED, /* says something else */
    FIDELITY_LOST,
    FIDELITY_ADDED, /* was not there before */
    FIDELITIES
};
extern const char *const fidelity_names[FIDELITIES];

struct fidelity_field {
    enum fidelity what;
    const char *path;            /* JSON pointer; of an added one in what came out */
    const char *field;           /* the same with * for every index */
    const struct tree *was, *is; /* NULL: absent */
};
/* Calls fn for every scalar, and every empty list or map, of either; `skip` (may be NULL) names
 * members of the top level that are not looked at, ended by NULL. Items of lists are paired by
 * equality, then by id, identifier or code, then by order. 0, or -ENOMEM. */
int fidelity_compare(const struct tree *was, const struct tree *is, const char *const *skip,
                     void (*fn)(void *arg, const struct fidelity_field *f), void *arg);

#endif
