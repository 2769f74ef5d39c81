/* SPDX-License-Identifier: Apache-2.0 */
/* account - one award with the sums of its parts: as text in the store, and the rules. Pure. */
#ifndef REEVE_RECONCILE_ACCOUNT_H
#define REEVE_RECONCILE_ACCOUNT_H
#include "ledger.h"

#define CURRENCIES_MAX 8u  /* that the parts of one account may have, of both kinds together */
#define RECORDS_MAX    16u /* the latest parts, kept to name them */
#define NAME_MAX       1100u

struct version {
    int64_t time_us;
    char id[129];
};

struct total { /* of the parts of one kind in one currency */
    enum part part;
    char currency[CURRENCY_MAX];
    uint64_t n;
    money sum;
};

struct record { /* a part */
    enum part part;
    money amount;
    char currency[CURRENCY_MAX], line[24];
    char subject[NAME_MAX];
};

struct account {
    bool known; /* the award itself was seen, with its amount: */
    struct version version;
    money amount;
    char currency[CURRENCY_MAX];
    struct total totals[CURRENCIES_MAX];
    size_t totals_n, records_n;
    struct record records[RECORDS_MAX];
};

/* later > 0, the same 0, earlier < 0 */
int version_order(const struct version *a, const struct version *b);

/* From its text; len 0 gives an empty one. false: not such a text. */
bool account_read(struct account *, const char *text, size_t len);
/* NULL: out of memory. To be freed. */
char *account_write(const struct account *, size_t *ret_len);

/* false, nothing changed: its parts are in CURRENCIES_MAX other currencies already. */
bool account_add(struct account *, const struct record *);
void account_remove(struct account *, const struct record *);

/* Are its sums as they must be? false: text[] says why, for the account of this name. */
bool account_fine(const struct account *, const char *name, char text[FINDING_MAX]);

#endif
