/* SPDX-License-Identifier: Apache-2.0 */
/* rules: what the standard asks of an activity beyond its schema (IATI Rulesets 2.03,
 * rulesets/standard.json), by the numbers it has there. Checked as the activity goes by; memory is
 * bounded, whatever its size.
 *
 * Not here: that an organisation's identifier begins with a registered agency code (1.14.8), for
 * which the register would be needed; forbidden characters are warned of in every identifier, not
 * only in those that are not in the register. "Not in the future" is judged by the file's own
 * generated-datetime: an adapter has no clock, so that a file gives the same result every day. */
#include "rules.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct rules *rules_new(void)
{
    return calloc(1, sizeof(struct rules));
}

void rules_free(struct rules *r)
{
    free(r);
}

/* ---- saying so ---- */

void rule_broken(struct walk *w, enum rule rule, const struct mark *at, const char *attribute,
                 const char *found)
{
    bool refuse = w->rules_refuse && rule_texts[rule].error;
    walk_issue(w, refuse ? REEVE_ISSUE_ERROR : REEVE_ISSUE_WARNING, rule_texts[rule].code, at,
               attribute, found, NULL, rule_texts[rule].text);
}

void rule_broken_here(struct walk *w, enum rule rule, const char *attribute, const char *found)
{
    struct mark at = walk_mark(w, w->depth);
    rule_broken(w, rule, &at, attribute, found);
}

void rules_mark_first(struct walk *w, struct mark *m)
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
        rule_broken_here(w, rule, attribute, value);
}

static void check_ref(struct walk *w, enum rule with_spaces, enum rule symbols)
{
    char value[TEXT_MAX];
    check_spaces(w, "ref", with_spaces);
    if (walk_get(w, "ref", value, sizeof value) && strpbrk(value, "/&|?") != NULL)
        rule_broken_here(w, symbols, "ref", value);
}

/* ---- indicators ---- */

static void check_figure(struct walk *w, const struct rules *r, enum rule missing)
{
    char value[TEXT_MAX];
    bool there = walk_get(w, "value", value, sizeof value);
    if (r->measure == 5 && there)
        rule_broken_here(w, (enum rule)(missing + 2), "value", value);
    if (r->measure < 1 || r->measure > 4)
        return;
    if (!there)
        rule_broken_here(w, missing, "value", NULL);
    else if (!value_valid(TYPE_DECIMAL, value))
        rule_broken_here(w, (enum rule)(missing + 1), "value", value);
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
    rules_not_future(w, "last-updated-datetime", RULE_UPDATED_FUTURE);
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
        rule_broken_here(w, RULE_ID_IS_ORG, "ref", ref);
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
    rules_vocabulary_name(w, name);
    struct group *g = rules_group(&r->sectors, name);
    if (g != NULL)
        rules_count(w, g, RULE_SECTOR_RANGE);
    r->sectors_n++;
    r->sector_own = rules_vocabulary(w, "98") || rules_vocabulary(w, "99");
    if (r->sector_own)
        rules_mark_first(w, &r->own_sector);
}

static void start_region(struct walk *w, struct rules *r)
{
    char name[64];
    struct group scratch = {0};
    struct group *g =
        walk_get(w, "vocabulary", name, sizeof name) ? rules_group(&r->regions, name) : NULL;
    rules_count(w, g != NULL ? g : &scratch, RULE_COUNTRY_RANGE);
    r->regions_n++;
}

static void start_aid_type(struct walk *w, struct rules *r, bool of_transaction)
{
    bool dac = rules_default_vocabulary(w);
    if (of_transaction) {
        rules_count_aid(w, r->transaction_aid, &r->transaction_aid_n, RULE_TRANSACTION_AID_ONCE);
        r->dac_transaction_aid = r->dac_transaction_aid || dac;
        rules_mark_first(w, &r->other_transaction_aid);
    } else {
        rules_count_aid(w, r->aid, &r->aid_n, RULE_AID_ONCE);
        r->dac_aid = r->dac_aid || dac;
        rules_mark_first(w, &r->other_aid);
    }
}

static void start_value(struct walk *w, struct rules *r)
{
    if (!r->currency && !walk_has(w, "currency"))
        rules_mark_first(w, &r->no_currency);
    if (walk_is(w, 1) == IS_TRANSACTION)
        rules_not_future(w, "value-date", RULE_VALUE_FUTURE);
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
        rules_mark_first(w, &r->transaction_sector);
        r->t_sector = true;
    } else {
        rules_mark_first(w, &r->transaction_country);
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
    r->marker_own = rules_vocabulary(w, "99");
    if (rules_default_vocabulary(w) && !walk_has(w, "significance"))
        rule_broken_here(w, RULE_MARKER_SIGNIFICANCE, "significance", NULL);
}

static void check_spend(struct walk *w)
{
    struct group scratch = {0};
    rules_count(w, &scratch, RULE_SPEND_RANGE);
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
            rules_mark_first(w, &r->no_language);
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
        rules_activity_date(w, r);
        break;
    case IS_COUNTRY:
        rules_count(w, &r->countries, RULE_COUNTRY_RANGE);
        break;
    case IS_REGION:
        start_region(w, r);
        break;
    case IS_SECTOR:
        start_sector(w, r);
        break;
    case IS_BUDGET_ITEM:
        rules_count(w, &r->items, RULE_SPEND_RANGE);
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
        rules_period_starts(w, r, 0);
        break;
    case IS_PERIOD_END:
        rules_period_starts(w, r, 1);
        break;
    case IS_VALUE:
    case IS_FORECAST:
        start_value(w, r);
        break;
    case IS_TRANSACTION:
        start_transaction(r);
        break;
    case IS_TRANSACTION_DATE:
        rules_not_future(w, "iso-date", RULE_TRANSACTION_FUTURE);
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
            rule_broken_here(w, RULE_REFERENCE, NULL, NULL);
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
        rules_mark_first(w, &r->transaction_no_sector);
    if (!r->t_country)
        rules_mark_first(w, &r->transaction_no_country);
}

static void end_org(struct walk *w, const struct rules *r, enum is is)
{
    if (r->org_ref || walk_up(w, 0)->counts[0] > 0)
        return;
    rule_broken_here(w,
                     is == IS_PROVIDER    ? RULE_PROVIDER
                     : is == IS_RECEIVER  ? RULE_RECEIVER
                     : is == IS_OWNER_ORG ? RULE_OWNER
                                          : RULE_PARTICIPATING,
                     NULL, NULL);
}

static void end_identifier(struct walk *w)
{
    if (w->text[0] != 0 && spaces(w->text))
        rule_broken_here(w, RULE_ID_SPACES, NULL, w->text);
    if (strpbrk(w->text, "/&|?") != NULL)
        rule_broken_here(w, RULE_ID_SYMBOLS, NULL, w->text);
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
            rule_broken_here(w, RULE_TITLE, NULL, NULL);
        break;
    case IS_DESCRIPTION:
    case IS_OTHER_DESCRIPTION:
        if (!r->narrated)
            rule_broken_here(w, RULE_DESCRIPTION, NULL, NULL);
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
            rule_broken_here(w, RULE_MARKER_NARRATIVE, NULL, NULL);
        break;
    case IS_BUDGET:
        rules_period_ends(w, r, RULE_PERIOD_ORDER, true);
        break;
    case IS_PLANNED:
        rules_period_ends(w, r, RULE_PERIOD_ORDER, false);
        break;
    case IS_PERIOD:
        rules_period_ends(w, r, RULE_INDICATOR_PERIOD, false);
        break;
    case IS_TRANSACTION:
        end_transaction(w, r);
        break;
    default:
        break;
    }
}

/* ---- at the activity's end ---- */

void rules_activity_end(struct walk *w)
{
    struct rules *r = w->rules;
    struct mark here = walk_mark(w, w->depth);
    const char *id = activity_text(&w->activity, w->activity.identifier);
    if (id != NULL && !r->prefix)
        rule_broken(w, RULE_ID_PREFIX, &here, NULL, id);
    if (!r->started)
        rule_broken(w, RULE_START, &here, NULL, NULL);
    if (r->no_language.n > 0)
        rule_broken(w, RULE_LANGUAGE, &r->no_language, NULL, NULL);
    if (r->no_currency.n > 0)
        rule_broken(w, RULE_CURRENCY, &r->no_currency, "currency", NULL);
    if (r->date[1] != NO_DAY && r->date[3] != NO_DAY && r->date[1] > r->date[3])
        rule_broken(w, RULE_PLANNED_ORDER, &here, NULL, NULL);
    if (r->date[2] != NO_DAY && r->date[4] != NO_DAY && r->date[2] > r->date[4])
        rule_broken(w, RULE_ACTUAL_ORDER, &here, NULL, NULL);
    rules_judge_sectors(w, r, &here);
    rules_judge_countries(w, r, &here);
    if (r->items.n > 1 && r->items.with == 0)
        rule_broken(w, RULE_ITEM_EACH, &r->items.first, NULL, NULL);
    else if (r->items.n > 0)
        rules_judge(w, &r->items, RULE_ITEM_EACH, RULE_ITEM_SUM, RULE_ITEM_ONE);
    if (r->other_aid.n > 0 && !r->dac_aid)
        rule_broken(w, RULE_AID_DAC, &r->other_aid, NULL, NULL);
    if (r->other_transaction_aid.n > 0 && !r->dac_transaction_aid)
        rule_broken(w, RULE_TRANSACTION_AID_DAC, &r->other_transaction_aid, NULL, NULL);
}
