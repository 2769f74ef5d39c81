/* SPDX-License-Identifier: Apache-2.0 */
/* period - see period.h. */
#include "period.h"
#include "util.h"
#include <errno.h>
#include <string.h>
#include <time.h>

#define DAY_MS 86400000u
#define YEARS_MS                                                                     \
    253402300799999ull /* the end of year 9999: gmtime_r and timegm are sure to work \
                        */

int parse_period(const char *s, struct period *ret)
{
    static const struct {
        const char *word;
        uint32_t months;
        uint64_t ms;
    } units[] = {{"second", 0, 1000}, {"minute", 0, 60000},    {"hour", 0, 3600000},
                 {"day", 0, DAY_MS},  {"week", 0, 7 * DAY_MS}, {"month", 1, 0},
                 {"year", 12, 0}};
    char digits[16];
    int64_t n;
    size_t d = s ? strspn(s, "0123456789") : 0, gap = s ? strspn(s + d, " ") : 0;
    *ret = (struct period){0};
    if (d == 0 || d >= sizeof digits)
        return -EINVAL;
    if (parse_duration_ms(s, &ret->ms) == 0)
        return ret->ms > 0 ? 0 : -EINVAL;
    memcpy(digits, s, d);
    digits[d] = '\0';
    if (parse_i64(digits, &n) < 0 || n < 1 || n > 1000000)
        return -EINVAL;
    for (size_t i = 0; i < ARRAY_SIZE(units); i++) {
        size_t len = strlen(units[i].word);
        const char *rest = s + d + gap;
        if (strncmp(rest, units[i].word, len) != 0 || (rest[len] && strcmp(rest + len, "s") != 0))
            continue;
        if (units[i].months && (uint64_t)n * units[i].months > PERIOD_MONTHS_MAX)
            return -EINVAL;
        *ret = (struct period){.months = (uint32_t)n * units[i].months,
                               .ms = (uint64_t)n * units[i].ms};
        return 0;
    }
    return -EINVAL;
}

static int days_of_month(int year, int month) /* 0..11 */
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return days[month] + (month == 1 && leap);
}

uint64_t period_after(uint64_t ms, struct period p)
{
    if (!p.months)
        return ms > UINT64_MAX - p.ms ? UINT64_MAX : ms + p.ms;
    time_t t = (time_t)((ms < YEARS_MS ? ms : YEARS_MS) / 1000);
    struct tm tm;
    if (!gmtime_r(&t, &tm))
        return UINT64_MAX;
    int months = tm.tm_mon + (int)p.months;
    tm.tm_year += months / 12;
    tm.tm_mon = months % 12;
    int last = days_of_month(tm.tm_year + 1900, tm.tm_mon);
    tm.tm_mday = tm.tm_mday < last ? tm.tm_mday : last;
    return (uint64_t)timegm(&tm) * 1000 + ms % 1000;
}

uint64_t period_length_ms(struct period p)
{
    return p.ms + (uint64_t)p.months * 30 * DAY_MS;
}
