/* SPDX-License-Identifier: Apache-2.0 */
/* rules - what rules.c and its parts share: what an activity has said so far. */
#ifndef IATI_RULES_H
#define IATI_RULES_H
#include "iati.h"
#include "rules_list.h"

/* What is counted of one vocabulary. */
struct group {
    char vocabulary[64];
    size_t n, with; /* with: a percentage */
    fixed sum;
    struct mark first;
};
#define GROUPS_MAX 16 /* vocabularies of an activity; of further ones nothing is said */
struct groups {
    struct group at[GROUPS_MAX];
    size_t n;
};

struct rules {
    struct groups sectors, regions;
    struct group countries, items;
    struct mark own_sector, no_language, no_currency, transaction_no_sector, transaction_sector,
        transaction_no_country, transaction_country, other_aid, other_transaction_aid;
    size_t own_sectors, own_sector_narratives, sectors_n;
    size_t transactions, with_sector, with_country, regions_n;
    bool prefix, started, language, currency, dac_aid, dac_transaction_aid;
    int64_t date[5]; /* latest of types 1 and 2, earliest of 3 and 4 */
    char aid[GROUPS_MAX][64], transaction_aid[GROUPS_MAX][64];
    size_t aid_n, transaction_aid_n;
    /* of the element that is open */
    bool org_ref, marker_own, sector_own, narrated, t_sector, t_country, result_reference;
    int measure; /* of the indicator: 1 to 5, else 0 */
    int64_t period[2];
    int64_t year_later; /* than the period's start */
};

/* ---- rules.c: which rule looks at which element ---- */
/* The element at the mark breaks the rule, or the one that is open. attribute, found: NULL when it
 * is none of them. */
void rule_broken(struct walk *w, enum rule rule, const struct mark *at, const char *attribute,
                 const char *found);
void rule_broken_here(struct walk *w, enum rule rule, const char *attribute, const char *found);
/* Keeps the place of the open element, unless one is kept already. */
void rules_mark_first(struct walk *w, struct mark *m);

/* ---- rules_sums.c: what is counted, by vocabulary, until the activity ends ---- */
/* Is the vocabulary of the open element this one? None or "1" is the default. */
bool rules_vocabulary(const struct walk *w, const char *number);
bool rules_default_vocabulary(const struct walk *w);
void rules_vocabulary_name(const struct walk *w, char name[64]);
struct group *rules_group(struct groups *all, const char *name); /* NULL: too many */
/* Counts the open element and its percentage, which breaks `range` when it is none. */
void rules_count(struct walk *w, struct group *g, enum rule range);
/* Breaks `rule` when the open element's vocabulary was seen before. */
void rules_count_aid(struct walk *w, char seen[GROUPS_MAX][64], size_t *n, enum rule rule);
/* Each has a percentage, they sum to 100, a single one may have none. */
void rules_judge(struct walk *w, const struct group *g, enum rule each, enum rule sum,
                 enum rule single);
void rules_judge_places(struct walk *w, struct rules *r);
void rules_judge_sectors(struct walk *w, struct rules *r, const struct mark *here);
void rules_judge_countries(struct walk *w, struct rules *r, const struct mark *here);

/* ---- rules_dates.c ---- */
/* By the document's own date. */
void rules_not_future(struct walk *w, const char *attribute, enum rule rule);
void rules_activity_date(struct walk *w, struct rules *r);
void rules_period_starts(struct walk *w, struct rules *r, int which); /* 0 its start, 1 its end */
void rules_period_ends(struct walk *w, struct rules *r, enum rule order, bool budget);

#endif
