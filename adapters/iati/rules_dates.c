/* SPDX-License-Identifier: Apache-2.0 */
/* rules_dates: the rules of dates and periods. See rules.c. */
#include "rules.h"
#include <stdio.h>
#include <string.h>

static int64_t day_of(const struct walk *w, const char *attribute, char text[64])
{
    return walk_get(w, attribute, text, 64) ? value_day(text) : NO_DAY;
}

void rules_not_future(struct walk *w, const char *attribute, enum rule rule)
{
    char text[64];
    int64_t day = day_of(w, attribute, text);
    if (w->today != NO_DAY && day != NO_DAY && day > w->today)
        rule_broken_here(w, rule, attribute, text);
}

void rules_activity_date(struct walk *w, struct rules *r)
{
    char type[4], text[64];
    int64_t day = day_of(w, "iso-date", text);
    (void)walk_get(w, "type", type, sizeof type);
    if (type[0] < '1' || type[0] > '4' || type[1] != 0)
        return;
    int t = type[0] - '0';
    r->started = r->started || t <= 2;
    if (t == 2)
        rules_not_future(w, "iso-date", RULE_STARTED_FUTURE);
    else if (t == 4)
        rules_not_future(w, "iso-date", RULE_ENDED_FUTURE);
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

void rules_period_starts(struct walk *w, struct rules *r, int which)
{
    char text[64];
    r->period[which] = day_of(w, "iso-date", text);
    if (which == 0)
        r->year_later = r->period[0] != NO_DAY ? a_year_later(text) : NO_DAY;
}

void rules_period_ends(struct walk *w, struct rules *r, enum rule order, bool budget)
{
    if (r->period[0] != NO_DAY && r->period[1] != NO_DAY) {
        if (r->period[0] > r->period[1])
            rule_broken_here(w, order, NULL, NULL);
        else if (budget && r->year_later != NO_DAY && r->period[1] > r->year_later)
            rule_broken_here(w, RULE_BUDGET_YEAR, NULL, NULL);
    }
    r->period[0] = r->period[1] = NO_DAY;
}
