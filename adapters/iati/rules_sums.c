/* SPDX-License-Identifier: Apache-2.0 */
/* rules_sums: percentages are shares of one whole, and each thing stands once for each vocabulary.
 * See rules.c. */
#include "rules.h"
#include <stdio.h>
#include <string.h>

/* ---- vocabularies ---- */

bool rules_vocabulary(const struct walk *w, const char *number)
{
    char value[8];
    return walk_get(w, "vocabulary", value, sizeof value) && strcmp(value, number) == 0;
}

/* Of the default vocabulary: 1, or not said. */
bool rules_default_vocabulary(const struct walk *w)
{
    char value[8];
    return !walk_get(w, "vocabulary", value, sizeof value) || value[0] == 0 ||
           strcmp(value, "1") == 0;
}

/* Its number or code; 1 when it is the default one. */
void rules_vocabulary_name(const struct walk *w, char name[64])
{
    if (rules_default_vocabulary(w))
        (void)snprintf(name, 64, "1");
    else
        (void)walk_get(w, "vocabulary", name, 64);
}

/* ---- percentages ---- */

void rules_count(struct walk *w, struct group *g, enum rule range)
{
    char value[64];
    fixed percentage;
    rules_mark_first(w, &g->first);
    g->n++;
    if (!walk_get(w, "percentage", value, sizeof value) || !value_fixed(value, &percentage))
        return;
    g->with++;
    if (__builtin_add_overflow(g->sum, percentage, &g->sum))
        g->sum = 0;
    if (percentage < 0 || percentage > 100 * FIXED_ONE)
        rule_broken_here(w, range, "percentage", value);
}

struct group *rules_group(struct groups *all, const char *name)
{
    for (size_t i = 0; i < all->n; i++)
        if (strcmp(all->at[i].vocabulary, name) == 0)
            return &all->at[i];
    if (all->n == GROUPS_MAX)
        return NULL;
    struct group *g = &all->at[all->n++];
    *g = (struct group){0};
    (void)snprintf(g->vocabulary, sizeof g->vocabulary, "%s", name);
    return g;
}

void rules_judge(struct walk *w, const struct group *g, enum rule each, enum rule sum,
                 enum rule single)
{
    if (g->n > 1 && g->with < g->n)
        rule_broken(w, each, &g->first, NULL, NULL);
    if (g->n > 1 && g->with > 0 && g->sum != 100 * FIXED_ONE)
        rule_broken(w, sum, &g->first, "percentage", NULL);
    if (g->n == 1 && g->with == 1 && g->sum != 100 * FIXED_ONE)
        rule_broken(w, single, &g->first, "percentage", NULL);
}

/* Countries and the regions of each vocabulary are shares of one whole. */
void rules_judge_places(struct walk *w, struct rules *r)
{
    const struct group *c = &r->countries;
    if (r->regions_n == 0)
        rules_judge(w, c, RULE_COUNTRY_EACH, RULE_COUNTRY_SUM, RULE_COUNTRY_ONE);
    for (size_t i = 0; i < r->regions.n; i++) {
        const struct group *g = &r->regions.at[i];
        if (c->n == 0) {
            rules_judge(w, g, RULE_REGION_EACH, RULE_REGION_SUM, RULE_REGION_ONE);
            continue;
        }
        if (g->n > 1 && g->with < g->n)
            rule_broken(w, RULE_REGION_EACH, &g->first, NULL, NULL);
        if (g->sum + c->sum != 100 * FIXED_ONE)
            rule_broken(w, RULE_REGION_SUM, &g->first, "percentage", NULL);
    }
}

/* ---- an aid type once for each vocabulary ---- */

void rules_count_aid(struct walk *w, char seen[GROUPS_MAX][64], size_t *n, enum rule rule)
{
    char name[64];
    rules_vocabulary_name(w, name);
    for (size_t i = 0; i < *n; i++)
        if (strcmp(seen[i], name) == 0) {
            rule_broken_here(w, rule, "vocabulary", name);
            return;
        }
    if (*n < GROUPS_MAX)
        memcpy(seen[(*n)++], name, sizeof name);
}

/* ---- at the activity's end ---- */

void rules_judge_sectors(struct walk *w, struct rules *r, const struct mark *here)
{
    bool dac = false;
    for (size_t i = 0; i < r->sectors.n; i++) {
        rules_judge(w, &r->sectors.at[i], RULE_SECTOR_EACH, RULE_SECTOR_SUM, RULE_SECTOR_ONE);
        dac = dac || strcmp(r->sectors.at[i].vocabulary, "1") == 0;
    }
    if (r->sectors_n > 0 && !dac)
        rule_broken(w, RULE_SECTOR_DAC, &r->sectors.at[0].first, "vocabulary", NULL);
    if (r->own_sectors > r->own_sector_narratives)
        rule_broken(w, RULE_SECTOR_NARRATIVE, &r->own_sector, NULL, NULL);
    if (r->sectors_n > 0 && r->with_sector > 0)
        rule_broken(w, RULE_SECTOR_BOTH, &r->transaction_sector, NULL, NULL);
    if (r->sectors_n == 0 && r->with_sector == 0)
        rule_broken(w, RULE_SECTOR_SOME, here, NULL, NULL);
    else if (r->sectors_n == 0 && r->with_sector < r->transactions)
        rule_broken(w, RULE_SECTOR_ALL, &r->transaction_no_sector, NULL, NULL);
}

void rules_judge_countries(struct walk *w, struct rules *r, const struct mark *here)
{
    bool own = r->countries.n > 0 || r->regions_n > 0;
    rules_judge_places(w, r);
    if (own && r->with_country > 0)
        rule_broken(w, RULE_COUNTRY_BOTH, &r->transaction_country, NULL, NULL);
    if (!own && r->with_country == 0)
        rule_broken(w, RULE_COUNTRY_NONE, here, NULL, NULL);
    else if (!own && r->with_country < r->transactions)
        rule_broken(w, RULE_COUNTRY_ALL, &r->transaction_no_country, NULL, NULL);
}
