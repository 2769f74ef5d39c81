/* SPDX-License-Identifier: Apache-2.0 */
/* clock - the two clocks, and date-times as RFC 3339 writes them.
 *
 * A leap second (…:60) gets the number of the second after it, as POSIX time does; which leap
 * seconds really took place is not checked, only that it stands where one may: 23:59:60 UTC on the
 * last of June or December (section 5.7). */
#include "util.h"
#include <errno.h>
#include <stdio.h>
#include <time.h>

static uint64_t clock_ms(clockid_t id)
{
    struct timespec t = {0};
    (void)clock_gettime(id, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

uint64_t mono_us(void)
{
    struct timespec t = {0};
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

uint64_t mono_ms(void)
{
    return clock_ms(CLOCK_MONOTONIC);
}

uint64_t boot_ms(void)
{
    return clock_ms(CLOCK_BOOTTIME);
}

uint64_t wall_ms(void)
{
    return clock_ms(CLOCK_REALTIME);
}

/* Days between 1970-01-01 and a date of the proleptic Gregorian calendar. The year is taken to
 * begin in March, so that the leap day is its last. */
static int64_t days_of(int64_t year, unsigned month, unsigned day)
{
    int64_t y = year + 400 - (month <= 2); /* + 400: never negative; taken off again below */
    int64_t era = y / 400;
    int64_t in_era = y % 400;
    int64_t day_of_year = (153 * (int64_t)(month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
    return (era - 1) * 146097 + in_era * 365 + in_era / 4 - in_era / 100 + day_of_year - 719468;
}

static void date_of(int64_t days, unsigned *year, unsigned *month, unsigned *day)
{
    int64_t z = days + 719468; /* days >= 0 here */
    int64_t era = z / 146097;
    int64_t doe = z % 146097;
    int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    int64_t m = (5 * doy + 2) / 153;
    *day = (unsigned)(doy - (153 * m + 2) / 5 + 1);
    *month = (unsigned)(m < 10 ? m + 3 : m - 9);
    *year = (unsigned)(yoe + era * 400 + (m >= 10));
}

static char *put_digits(char *p, unsigned v, unsigned n, char after)
{
    for (unsigned i = n; i > 0; i--, v /= 10)
        p[i - 1] = (char)('0' + v % 10);
    p[n] = after;
    return p + n + 1;
}

void rfc3339_ms(uint64_t wall, char out[RFC3339_MAX])
{
    const uint64_t last =
        253402300799999ull; /* 9999-12-31T23:59:59.999Z: the format has four digits for the year */
    if (wall > last)
        wall = last;
    unsigned year, month, day, ms = (unsigned)(wall % 1000), s = (unsigned)(wall / 1000 % 86400);
    date_of((int64_t)(wall / 86400000), &year, &month, &day);
    char *p = put_digits(out, year, 4, '-');
    p = put_digits(p, month, 2, '-');
    p = put_digits(p, day, 2, 'T');
    p = put_digits(p, s / 3600, 2, ':');
    p = put_digits(p, s / 60 % 60, 2, ':');
    p = put_digits(p, s % 60, 2, '.');
    p = put_digits(p, ms, 3, 'Z');
    *p = '\0';
}

struct cursor {
    const char *p, *end;
    bool bad;
};

static unsigned digits(struct cursor *c, unsigned n)
{
    unsigned v = 0;
    if (c->bad || c->end - c->p < (ptrdiff_t)n) {
        c->bad = true;
        return 0;
    }
    for (; n > 0; n--, c->p++) {
        unsigned d = (unsigned)(unsigned char)*c->p - '0';
        if (d > 9) {
            c->bad = true;
            return 0;
        }
        v = v * 10 + d;
    }
    return v;
}

/* One character out of two (a letter in both cases). */
static void one_of(struct cursor *c, char a, char b)
{
    if (!c->bad && c->p < c->end && (*c->p == a || *c->p == b))
        c->p++;
    else
        c->bad = true;
}

static unsigned fraction_ms(struct cursor *c)
{
    unsigned v = 0, n = 0;
    if (c->bad || c->p == c->end || *c->p != '.')
        return 0;
    c->p++;
    for (; c->p < c->end && *c->p >= '0' && *c->p <= '9'; c->p++, n++) {
        if (n < 3)
            v = v * 10 + (unsigned)(*c->p - '0');
    }
    if (n == 0)
        c->bad = true;
    for (; n < 3; n++)
        v *= 10;
    return v;
}

/* Minutes east of UTC; "-00:00" (offset unknown, section 4.3) is taken as UTC. */
static int offset_minutes(struct cursor *c)
{
    if (c->bad || c->p == c->end || (*c->p != '+' && *c->p != '-')) {
        one_of(c, 'Z', 'z');
        return 0;
    }
    int sign = *c->p++ == '-' ? -1 : 1;
    unsigned h = digits(c, 2);
    one_of(c, ':', ':');
    unsigned m = digits(c, 2);
    if (h > 23 || m > 59)
        c->bad = true;
    return sign * (int)(h * 60 + m);
}

static unsigned month_days(unsigned year, unsigned month)
{
    static const uint8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return days[month - 1] + (month == 2 && leap);
}

static bool leap_second_place(int64_t utc_seconds)
{
    if (utc_seconds < 0) /* UTC has leap seconds since 1972 */
        return false;
    unsigned year, month, day;
    date_of(utc_seconds / 86400, &year, &month, &day);
    return utc_seconds % 86400 == 86399 &&
           ((month == 6 && day == 30) || (month == 12 && day == 31));
}

int rfc3339_parse(const char *s, size_t len, int64_t *ret_wall)
{
    struct cursor c = {s, s + len, false};
    unsigned year = digits(&c, 4);
    one_of(&c, '-', '-');
    unsigned month = digits(&c, 2);
    one_of(&c, '-', '-');
    unsigned day = digits(&c, 2);
    one_of(&c, 'T', 't');
    unsigned hour = digits(&c, 2);
    one_of(&c, ':', ':');
    unsigned minute = digits(&c, 2);
    one_of(&c, ':', ':');
    unsigned second = digits(&c, 2);
    unsigned ms = fraction_ms(&c);
    int offset = offset_minutes(&c);
    if (c.bad || c.p != c.end || month < 1 || month > 12 || day < 1 ||
        day > month_days(year, month) || hour > 23 || minute > 59 || second > 60)
        return -EINVAL;
    int64_t at = days_of(year, month, day) * 86400 + (int64_t)(hour * 3600 + minute * 60) -
                 (int64_t)offset * 60;
    if (second == 60 && !leap_second_place(at + 59))
        return -EINVAL;
    if (ret_wall)
        *ret_wall = (at + (int64_t)second) * 1000 + ms;
    return 0;
}

int parse_when(const char *s, uint64_t now_ms, uint64_t *ret_ms)
{
    static const char *const ends[] = {"", "Z", ":00Z", "T00:00:00Z"};
    char text[48];
    int64_t t;
    uint64_t ago;
    for (size_t i = 0; i < ARRAY_SIZE(ends); i++) {
        int n = snprintf(text, sizeof text, "%s%s", s, ends[i]);
        if (n > 0 && (size_t)n < sizeof text && rfc3339_parse(text, (size_t)n, &t) == 0 && t >= 0) {
            *ret_ms = (uint64_t)t;
            return 0;
        }
    }
    if (parse_duration_ms(s, &ago) < 0 || ago > now_ms)
        return -EINVAL;
    *ret_ms = now_ms - ago;
    return 0;
}
