/* SPDX-License-Identifier: Apache-2.0 */
/* rules: what the standard asks of an activity beyond its schema (IATI Rulesets 2.03,
 * rulesets/standard.json), by the numbers it has there. Checked as the activity goes by; memory is
 * bounded, whatever its size.
 *
 * Not here: that an organisation's identifier begins with a registered agency code (1.14.8), for
 * which the register would be needed; forbidden characters are warned of in every identifier, not
 * only in those that are not in the register. "Not in the future" is judged by the file's own
 * generated-datetime: an adapter has no clock, so that a file gives the same result every day. */
#include "iati.h"
#include "rules_list.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

struct rules *rules_new(void)
{
    return calloc(1, sizeof(struct rules));
}

void rules_free(struct rules *r)
{
    free(r);
}

/* ---- saying so ---- */

static void breaks(struct walk *w, enum rule rule, const struct mark *at, const char *attribute,
                   const char *found)
{
    bool refuse = w->rules_refuse && rule_texts[rule].error;
    walk_issue(w, refuse ? REEVE_ISSUE_ERROR : REEVE_ISSUE_WARNING, rule_texts[rule].code, at,
               attribute, found, NULL, rule_texts[rule].text);
}

static void breaks_here(struct walk *w, enum rule rule, const char *attribute, const char *found)
{
    struct mark at = walk_mark(w, w->depth);
    breaks(w, rule, &at, attribute, found);
}

static void once(struct walk *w, struct mark *m)
{
    if (m->n == 0)
        *m = walk_mark(w, w->depth);
}

/* ---- texts ---- */

static bool spaces(const char *s)
{
    size_t len = strlen(s);
    return len > 0 && (value_is_space(s[0]) || value_is_space(s[len - 1]));
}

static void check_spaces(struct walk *w, const char *attribute, enum rule rule)
{
    char value[TEXT_MAX];
    if (walk_get(w, attribute, value, sizeof value) && spaces(value))
        breaks_here(w, rule, attribute, value);
}

static void check_ref(struct walk *w, enum rule with_spaces, enum rule symbols)
{
    char value[TEXT_MAX];
    check_spaces(w, "ref", with_spaces);
    if (walk_get(w, "ref", value, sizeof value) && strpbrk(value, "/&|?") != NULL)
        breaks_here(w, symbols, "ref", value);
}

static bool vocabulary(const struct walk *w, const char *number)
{
    char value[8];
    return walk_get(w, "vocabulary", value, sizeof value) && strcmp(value, number) == 0;
}

/* Of the default vocabulary: 1, or not said. */
static bool default_vocabulary(const struct walk *w)
{
    char value[8];
    return !walk_get(w, "vocabulary", value, sizeof value) || value[0] == 0 ||
           strcmp(value, "1") == 0;
}

/* Its number or code; 1 when it is the default one. */
static void vocabulary_name(const struct walk *w, char name[64])
{
    if (default_vocabulary(w))
        (void)snprintf(name, 64, "1");
    else
        (void)walk_get(w, "vocabulary", name, 64);
}

/* ---- percentages ---- */

static void count_in(struct walk *w, struct group *g, enum rule range)
{
    char value[64];
    fixed percentage;
    once(w, &g->first);
    g->n++;
    if (!walk_get(w, "percentage", value, sizeof value) || !value_fixed(value, &percentage))
        return;
    g->with++;
    if (__builtin_add_overflow(g->sum, percentage, &g->sum))
        g->sum = 0;
    if (percentage < 0 || percentage > 100 * FIXED_ONE)
        breaks_here(w, range, "percentage", value);
}

static struct group *group_of(struct groups *all, const char *name)
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

static void judge(struct walk *w, const struct group *g, enum rule each, enum rule sum,
                  enum rule single)
{
    if (g->n > 1 && g->with < g->n)
        breaks(w, each, &g->first, NULL, NULL);
    if (g->n > 1 && g->with > 0 && g->sum != 100 * FIXED_ONE)
        breaks(w, sum, &g->first, "percentage", NULL);
    if (g->n == 1 && g->with == 1 && g->sum != 100 * FIXED_ONE)
        breaks(w, single, &g->first, "percentage", NULL);
}

/* Countries and the regions of each vocabulary are shares of one whole. */
static void judge_places(struct walk *w, struct rules *r)
{
    const struct group *c = &r->countries;
    if (r->regions_n == 0)
        judge(w, c, RULE_COUNTRY_EACH, RULE_COUNTRY_SUM, RULE_COUNTRY_ONE);
    for (size_t i = 0; i < r->regions.n; i++) {
        const struct group *g = &r->regions.at[i];
        if (c->n == 0) {
            judge(w, g, RULE_REGION_EACH, RULE_REGION_SUM, RULE_REGION_ONE);
            continue;
        }
        if (g->n > 1 && g->with < g->n)
            breaks(w, RULE_REGION_EACH, &g->first, NULL, NULL);
        if (g->sum + c->sum != 100 * FIXED_ONE)
            breaks(w, RULE_REGION_SUM, &g->first, "percentage", NULL);
    }
}

/* ---- an aid type once for each vocabulary ---- */

static void count_aid(struct walk *w, char seen[GROUPS_MAX][64], size_t *n, enum rule rule)
{
    char name[64];
    vocabulary_name(w, name);
    for (size_t i = 0; i < *n; i++)
        if (strcmp(seen[i], name) == 0) {
            breaks_here(w, rule, "vocabulary", name);
            return;
        }
    if (*n < GROUPS_MAX)
        memcpy(seen[(*n)++], name, sizeof name);
}

/* ---- dates ---- */

static int64_t day_of(const struct walk *w, const char *attribute, char text[64])
{
    return walk_get(w, attribute, text, 64) ? value_day(text) : NO_DAY;
}

static void check_future(struct walk *w, const char *attribute, enum rule rule)
{
    char text[64];
    int64_t day = day_of(w, attribute, text);
    if (w->today != NO_DAY && day != NO_DAY && day > w->today)
        breaks_here(w, rule, attribute, text);
}

static void start_activity_date(struct walk *w, struct rules *r)
{
    char type[4], text[64];
    int64_t day = day_of(w, "iso-date", text);
    (void)walk_get(w, "type", type, sizeof type);
    if (type[0] < '1' || type[0] > '4' || type[1] != 0)
        return;
    int t = type[0] - '0';
    r->started = r->started || t <= 2;
    if (t == 2)
        check_future(w, "iso-date", RULE_STARTED_FUTURE);
    else if (t == 4)
        check_future(w, "iso-date", RULE_ENDED_FUTURE);
    if (day != NO_DAY && (r->date[t] == NO_DAY || (t <= 2 ? day > r->date[t] : day < r->date[t])))
        r->date[t] = day;
}

/* The day a year after that of YYYY-MM-DD…, which may be a day that does not exist: its eve then.
 */
static int64_t a_year_later(const char *text)
{
    char later[64];
    text += strspn(text, " \t\r\n");
    if (strlen(text) < 10 || strlen(text) > 40 || strspn(text, "0123456789") != 4)
        return NO_DAY;
    int year = 0;
    for (int i = 0; i < 4; i++)
        year = year * 10 + (text[i] - '0');
    (void)snprintf(later, sizeof later, "%04d%.6s", year + 1, text + 4);
    if (strcmp(later + 4, "-02-29") == 0)
        later[9] = '8';
    return value_day(later);
}

static void start_period(struct walk *w, struct rules *r, int which)
{
    char text[64];
    r->period[which] = day_of(w, "iso-date", text);
    if (which == 0)
        r->year_later = r->period[0] != NO_DAY ? a_year_later(text) : NO_DAY;
}

static void end_period(struct walk *w, struct rules *r, enum rule order, bool budget)
{
    if (r->period[0] != NO_DAY && r->period[1] != NO_DAY) {
        if (r->period[0] > r->period[1])
            breaks_here(w, order, NULL, NULL);
        else if (budget && r->year_later != NO_DAY && r->period[1] > r->year_later)
            breaks_here(w, RULE_BUDGET_YEAR, NULL, NULL);
    }
    r->period[0] = r->period[1] = NO_DAY;
}

/* ---- indicators ---- */

static void check_figure(struct walk *w, const struct rules *r, enum rule missing)
{
    char value[TEXT_MAX];
    bool there = walk_get(w, "value", value, sizeof value);
    if (r->measure == 5 && there)
        breaks_here(w, (enum rule)(missing + 2), "value", value);
    if (r->measure < 1 || r->measure > 4)
        return;
    if (!there)
        breaks_here(w, missing, "value", NULL);
    else if (!value_valid(TYPE_DECIMAL, value))
        breaks_here(w, (enum rule)(missing + 1), "value", value);
}

/* ---- elements ---- */

void rules_activity_start(struct walk *w)
{
    struct rules *r = w->rules;
    memset(r, 0, sizeof *r);
    for (int i = 0; i < 5; i++)
        r->date[i] = NO_DAY;
    r->period[0] = r->period[1] = NO_DAY;
    r->currency = walk_has(w, "default-currency");
    for (int i = 0; i < w->attributes_n; i++) /* xml:lang */
        if (w->attributes[5 * i + 1] != NULL && w->attributes[5 * i + 2] != NULL &&
            strcmp((const char *)w->attributes[5 * i], "lang") == 0 &&
            strcmp((const char *)w->attributes[5 * i + 2], (const char *)XML_XML_NAMESPACE) == 0)
            r->language = true;
    check_future(w, "last-updated-datetime", RULE_UPDATED_FUTURE);
}

static void check_prefix(struct walk *w, struct rules *r)
{
    char ref[TEXT_MAX];
    const char *id = activity_text(&w->activity, w->activity.identifier);
    if (id == NULL || !walk_get(w, "ref", ref, sizeof ref))
        return;
    size_t len = strlen(ref);
    if (strncmp(id, ref, len) == 0 && id[len] == '-')
        r->prefix = true;
}

static void start_reporting_org(struct walk *w, struct rules *r)
{
    char ref[TEXT_MAX];
    const char *id = activity_text(&w->activity, w->activity.identifier);
    check_ref(w, RULE_REPORTING_SPACES, RULE_REPORTING_SYMBOLS);
    check_prefix(w, r);
    if (id != NULL && walk_get(w, "ref", ref, sizeof ref) && strcmp(ref, id) == 0)
        breaks_here(w, RULE_ID_IS_ORG, "ref", ref);
}

static void start_other_identifier(struct walk *w, struct rules *r)
{
    char type[8];
    (void)walk_get(w, "type", type, sizeof type);
    if (strcmp(type, "B1") == 0) {
        check_spaces(w, "ref", RULE_FORMER_ORG_SPACES);
        check_prefix(w, r);
    } else if (strcmp(type, "A3") == 0) {
        check_spaces(w, "ref", RULE_FORMER_ID_SPACES);
    }
}

static void start_sector(struct walk *w, struct rules *r)
{
    char name[64];
    vocabulary_name(w, name);
    struct group *g = group_of(&r->sectors, name);
    if (g != NULL)
        count_in(w, g, RULE_SECTOR_RANGE);
    r->sectors_n++;
    r->sector_own = vocabulary(w, "98") || vocabulary(w, "99");
    if (r->sector_own)
        once(w, &r->own_sector);
}

static void start_region(struct walk *w, struct rules *r)
{
    char name[64];
    struct group scratch = {0};
    struct group *g =
        walk_get(w, "vocabulary", name, sizeof name) ? group_of(&r->regions, name) : NULL;
    count_in(w, g != NULL ? g : &scratch, RULE_COUNTRY_RANGE);
    r->regions_n++;
}

static void start_aid_type(struct walk *w, struct rules *r, bool of_transaction)
{
    bool dac = default_vocabulary(w);
    if (of_transaction) {
        count_aid(w, r->transaction_aid, &r->transaction_aid_n, RULE_TRANSACTION_AID_ONCE);
        r->dac_transaction_aid = r->dac_transaction_aid || dac;
        once(w, &r->other_transaction_aid);
    } else {
        count_aid(w, r->aid, &r->aid_n, RULE_AID_ONCE);
        r->dac_aid = r->dac_aid || dac;
        once(w, &r->other_aid);
    }
}

static void start_value(struct walk *w, struct rules *r)
{
    if (!r->currency && !walk_has(w, "currency"))
        once(w, &r->no_currency);
    if (walk_is(w, 1) == IS_TRANSACTION)
        check_future(w, "value-date", RULE_VALUE_FUTURE);
}

static void start_transaction(struct rules *r)
{
    r->transactions++;
    r->t_sector = r->t_country = false;
    r->transaction_aid_n = 0;
}

static void start_transaction_part(struct walk *w, struct rules *r, enum is is)
{
    if (is == IS_TRANSACTION_SECTOR) {
        once(w, &r->transaction_sector);
        r->t_sector = true;
    } else {
        once(w, &r->transaction_country);
        r->t_country = true;
    }
}

static void start_indicator(struct walk *w, struct rules *r)
{
    char measure[4];
    (void)walk_get(w, "measure", measure, sizeof measure);
    r->measure = measure[0] >= '1' && measure[0] <= '5' && measure[1] == 0 ? measure[0] - '0' : 0;
}

static void start_marker(struct walk *w, struct rules *r)
{
    r->marker_own = vocabulary(w, "99");
    if (default_vocabulary(w) && !walk_has(w, "significance"))
        breaks_here(w, RULE_MARKER_SIGNIFICANCE, "significance", NULL);
}

static void check_spend(struct walk *w)
{
    struct group scratch = {0};
    count_in(w, &scratch, RULE_SPEND_RANGE);
}

static void start_org(struct walk *w, struct rules *r, enum is is)
{
    r->org_ref = walk_has(w, "ref");
    if (is == IS_PROVIDER) {
        check_ref(w, RULE_PROVIDER_SPACES, RULE_PROVIDER_SYMBOLS);
        check_spaces(w, "provider-activity-id", RULE_PROVIDER_ID_SPACES);
    } else if (is == IS_RECEIVER) {
        check_ref(w, RULE_RECEIVER_SPACES, RULE_RECEIVER_SYMBOLS);
        check_spaces(w, "receiver-activity-id", RULE_RECEIVER_ID_SPACES);
    } else if (is == IS_OWNER_ORG) {
        check_ref(w, RULE_OWNER_SPACES, RULE_OWNER_SYMBOLS);
    } else {
        check_ref(w, RULE_PARTICIPATING_SPACES, RULE_PARTICIPATING_SYMBOLS);
        check_spaces(w, "activity-id", RULE_PARTICIPATING_ID_SPACES);
    }
}

static bool says_language(const struct walk *w)
{
    for (int i = 0; i < w->attributes_n; i++)
        if (w->attributes[5 * i + 1] != NULL &&
            strcmp((const char *)w->attributes[5 * i], "lang") == 0)
            return true;
    return false;
}

void rules_start(struct walk *w)
{
    struct rules *r = w->rules;
    enum is is = walk_is(w, 0);
    switch (is) {
    case IS_NARRATIVE:
        if (!r->language && !says_language(w))
            once(w, &r->no_language);
        break;
    case IS_TITLE:
    case IS_DESCRIPTION:
    case IS_OTHER_DESCRIPTION:
        r->narrated = false;
        break;
    case IS_REPORTING_ORG:
        start_reporting_org(w, r);
        break;
    case IS_OTHER_IDENTIFIER:
        start_other_identifier(w, r);
        break;
    case IS_PARTICIPATING_ORG:
    case IS_OWNER_ORG:
    case IS_PROVIDER:
    case IS_RECEIVER:
        start_org(w, r, is);
        break;
    case IS_ACTIVITY_DATE:
        start_activity_date(w, r);
        break;
    case IS_COUNTRY:
        count_in(w, &r->countries, RULE_COUNTRY_RANGE);
        break;
    case IS_REGION:
        start_region(w, r);
        break;
    case IS_SECTOR:
        start_sector(w, r);
        break;
    case IS_BUDGET_ITEM:
        count_in(w, &r->items, RULE_SPEND_RANGE);
        break;
    case IS_CAPITAL_SPEND:
        check_spend(w);
        break;
    case IS_POLICY_MARKER:
        start_marker(w, r);
        break;
    case IS_DEFAULT_AID_TYPE:
        start_aid_type(w, r, false);
        break;
    case IS_AID_TYPE:
        start_aid_type(w, r, true);
        break;
    case IS_PERIOD_START:
        start_period(w, r, 0);
        break;
    case IS_PERIOD_END:
        start_period(w, r, 1);
        break;
    case IS_VALUE:
    case IS_FORECAST:
        start_value(w, r);
        break;
    case IS_TRANSACTION:
        start_transaction(r);
        break;
    case IS_TRANSACTION_DATE:
        check_future(w, "iso-date", RULE_TRANSACTION_FUTURE);
        break;
    case IS_TRANSACTION_SECTOR:
    case IS_TRANSACTION_COUNTRY:
    case IS_TRANSACTION_REGION:
        start_transaction_part(w, r, is);
        break;
    case IS_RELATED:
        check_spaces(w, "ref", RULE_RELATED_SPACES);
        break;
    case IS_RESULT:
        r->result_reference = false;
        break;
    case IS_REFERENCE:
        r->result_reference = true;
        break;
    case IS_INDICATOR:
        start_indicator(w, r);
        break;
    case IS_INDICATOR_REFERENCE:
        if (r->result_reference)
            breaks_here(w, RULE_REFERENCE, NULL, NULL);
        break;
    case IS_BASELINE:
        check_figure(w, r, RULE_BASELINE_MISSING);
        break;
    case IS_TARGET:
        check_figure(w, r, RULE_TARGET_MISSING);
        break;
    case IS_ACTUAL:
        check_figure(w, r, RULE_ACTUAL_MISSING);
        break;
    default:
        break;
    }
}

static void end_transaction(struct walk *w, struct rules *r)
{
    r->with_sector += r->t_sector ? 1 : 0;
    r->with_country += r->t_country ? 1 : 0;
    if (!r->t_sector)
        once(w, &r->transaction_no_sector);
    if (!r->t_country)
        once(w, &r->transaction_no_country);
}

static void end_org(struct walk *w, const struct rules *r, enum is is)
{
    if (r->org_ref || walk_up(w, 0)->counts[0] > 0)
        return;
    breaks_here(w,
                is == IS_PROVIDER    ? RULE_PROVIDER
                : is == IS_RECEIVER  ? RULE_RECEIVER
                : is == IS_OWNER_ORG ? RULE_OWNER
                                     : RULE_PARTICIPATING,
                NULL, NULL);
}

static void end_identifier(struct walk *w)
{
    if (w->text[0] != 0 && spaces(w->text))
        breaks_here(w, RULE_ID_SPACES, NULL, w->text);
    if (strpbrk(w->text, "/&|?") != NULL)
        breaks_here(w, RULE_ID_SYMBOLS, NULL, w->text);
}

void rules_end(struct walk *w)
{
    struct rules *r = w->rules;
    enum is is = walk_is(w, 0);
    switch (is) {
    case IS_IDENTIFIER:
        end_identifier(w);
        break;
    case IS_NARRATIVE:
        r->narrated = r->narrated || walk_up(w, 0)->text;
        break;
    case IS_TITLE:
        if (!r->narrated)
            breaks_here(w, RULE_TITLE, NULL, NULL);
        break;
    case IS_DESCRIPTION:
    case IS_OTHER_DESCRIPTION:
        if (!r->narrated)
            breaks_here(w, RULE_DESCRIPTION, NULL, NULL);
        break;
    case IS_PARTICIPATING_ORG:
    case IS_OWNER_ORG:
    case IS_PROVIDER:
    case IS_RECEIVER:
        end_org(w, r, is);
        break;
    case IS_SECTOR:
        r->own_sectors += r->sector_own ? 1 : 0;
        r->own_sector_narratives += r->sector_own ? walk_up(w, 0)->counts[0] : 0;
        break;
    case IS_POLICY_MARKER:
        if (r->marker_own && walk_up(w, 0)->counts[0] == 0)
            breaks_here(w, RULE_MARKER_NARRATIVE, NULL, NULL);
        break;
    case IS_BUDGET:
        end_period(w, r, RULE_PERIOD_ORDER, true);
        break;
    case IS_PLANNED:
        end_period(w, r, RULE_PERIOD_ORDER, false);
        break;
    case IS_PERIOD:
        end_period(w, r, RULE_INDICATOR_PERIOD, false);
        break;
    case IS_TRANSACTION:
        end_transaction(w, r);
        break;
    default:
        break;
    }
}

/* ---- at the activity's end ---- */

static void judge_sectors(struct walk *w, struct rules *r, const struct mark *here)
{
    bool dac = false;
    for (size_t i = 0; i < r->sectors.n; i++) {
        judge(w, &r->sectors.at[i], RULE_SECTOR_EACH, RULE_SECTOR_SUM, RULE_SECTOR_ONE);
        dac = dac || strcmp(r->sectors.at[i].vocabulary, "1") == 0;
    }
    if (r->sectors_n > 0 && !dac)
        breaks(w, RULE_SECTOR_DAC, &r->sectors.at[0].first, "vocabulary", NULL);
    if (r->own_sectors > r->own_sector_narratives)
        breaks(w, RULE_SECTOR_NARRATIVE, &r->own_sector, NULL, NULL);
    if (r->sectors_n > 0 && r->with_sector > 0)
        breaks(w, RULE_SECTOR_BOTH, &r->transaction_sector, NULL, NULL);
    if (r->sectors_n == 0 && r->with_sector == 0)
        breaks(w, RULE_SECTOR_SOME, here, NULL, NULL);
    else if (r->sectors_n == 0 && r->with_sector < r->transactions)
        breaks(w, RULE_SECTOR_ALL, &r->transaction_no_sector, NULL, NULL);
}

static void judge_countries(struct walk *w, struct rules *r, const struct mark *here)
{
    bool own = r->countries.n > 0 || r->regions_n > 0;
    judge_places(w, r);
    if (own && r->with_country > 0)
        breaks(w, RULE_COUNTRY_BOTH, &r->transaction_country, NULL, NULL);
    if (!own && r->with_country == 0)
        breaks(w, RULE_COUNTRY_NONE, here, NULL, NULL);
    else if (!own && r->with_country < r->transactions)
        breaks(w, RULE_COUNTRY_ALL, &r->transaction_no_country, NULL, NULL);
}

void rules_activity_end(struct walk *w)
{
    struct rules *r = w->rules;
    struct mark here = walk_mark(w, w->depth);
    const char *id = activity_text(&w->activity, w->activity.identifier);
    if (id != NULL && !r->prefix)
        breaks(w, RULE_ID_PREFIX, &here, NULL, id);
    if (!r->started)
        breaks(w, RULE_START, &here, NULL, NULL);
    if (r->no_language.n > 0)
        breaks(w, RULE_LANGUAGE, &r->no_language, NULL, NULL);
    if (r->no_currency.n > 0)
        breaks(w, RULE_CURRENCY, &r->no_currency, "currency", NULL);
    if (r->date[1] != NO_DAY && r->date[3] != NO_DAY && r->date[1] > r->date[3])
        breaks(w, RULE_PLANNED_ORDER, &here, NULL, NULL);
    if (r->date[2] != NO_DAY && r->date[4] != NO_DAY && r->date[2] > r->date[4])
        breaks(w, RULE_ACTUAL_ORDER, &here, NULL, NULL);
    judge_sectors(w, r, &here);
    judge_countries(w, r, &here);
    if (r->items.n > 1 && r->items.with == 0)
        breaks(w, RULE_ITEM_EACH, &r->items.first, NULL, NULL);
    else if (r->items.n > 0)
        judge(w, &r->items, RULE_ITEM_EACH, RULE_ITEM_SUM, RULE_ITEM_ONE);
    if (r->other_aid.n > 0 && !r->dac_aid)
        breaks(w, RULE_AID_DAC, &r->other_aid, NULL, NULL);
    if (r->other_transaction_aid.n > 0 && !r->dac_transaction_aid)
        breaks(w, RULE_TRANSACTION_AID_DAC, &r->other_transaction_aid, NULL, NULL);
}
