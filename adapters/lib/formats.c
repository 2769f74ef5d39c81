/* SPDX-License-Identifier: Apache-2.0 */
/* formats: see formats.h. */
#include "lib/formats.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

static bool digit(char c)
{
    return c >= '0' && c <= '9';
}

static int two(const char *s)
{
    return digit(s[0]) && digit(s[1]) ? (s[0] - '0') * 10 + (s[1] - '0') : -1;
}

static bool four_digits(const char *s)
{
    return digit(s[0]) && digit(s[1]) && digit(s[2]) && digit(s[3]);
}

bool format_date_shape(const char *s, size_t len)
{
    if (len != 10 || !four_digits(s) || s[4] != '-' || s[7] != '-')
        return false;
    int month = two(s + 5), day = two(s + 8);
    return month >= 1 && month <= 12 && day >= 1 && day <= 31;
}

bool format_month_shape(const char *s, size_t len)
{
    if (len == 4)
        return four_digits(s);
    if (len != 7 || !four_digits(s) || s[4] != '-')
        return false;
    int month = two(s + 5);
    return month >= 1 && month <= 12;
}

bool date_exists(const char *s, size_t len)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    if (len < 10 || !format_date_shape(s, 10))
        return false;
    int year = two(s) * 100 + two(s + 2), month = two(s + 5), day = two(s + 8);
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return day <= days[month - 1] + (month == 2 && leap ? 1 : 0);
}

bool format_date_time(const char *s, size_t len)
{
    if (len < 20 || !date_exists(s, len) || (s[10] != 'T' && s[10] != 't'))
        return false;
    int hour = two(s + 11), minute = two(s + 14), second = two(s + 17);
    if (hour < 0 || hour > 23 || s[13] != ':' || minute < 0 || minute > 59 || s[16] != ':' ||
        second < 0 || second > 60)
        return false;
    size_t at = 19;
    if (s[at] == '.') {
        size_t first = ++at;
        while (at < len && digit(s[at]))
            at++;
        if (at == first)
            return false;
    }
    if (at + 1 == len && (s[at] == 'Z' || s[at] == 'z'))
        return second < 60 ||
               (hour == 23 && minute == 59); /* a leap second is the last of a UTC day */
    if (at + 6 != len || (s[at] != '+' && s[at] != '-') || s[at + 3] != ':')
        return false;
    int oh = two(s + at + 1), om = two(s + at + 4);
    if (oh < 0 || oh > 23 || om < 0 || om > 59)
        return false;
    if (second < 60)
        return true;
    int utc = hour * 60 + minute - (s[at] == '+' ? 1 : -1) * (oh * 60 + om);
    return (utc % 1440 + 1440) % 1440 == 1439;
}

/* Days from 1970-01-01 on, of the proleptic Gregorian calendar, years 0 to 9999. */
static int64_t days_of(int year, int month, int day)
{
    static const int before[] = {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334};
    int64_t y = month > 2 ? year : year - 1; /* a leap day counts from March on */
    return 365 * (int64_t)year + (y + 400) / 4 - (y + 400) / 100 + (y + 400) / 400 +
           before[month - 1] + day - 719625; /* which is what 1970-01-01 comes to */
}

int64_t instant_us(const char *s, size_t len)
{
    int64_t us = 0, unit = 100000;
    size_t at = 19;
    int64_t seconds = days_of(two(s) * 100 + two(s + 2), two(s + 5), two(s + 8)) * 86400 +
                      two(s + 11) * 3600 + two(s + 14) * 60 + two(s + 17);
    if (s[at] == '.')
        for (at++; at < len && digit(s[at]); at++, unit /= 10)
            us += unit * (s[at] - '0');
    if (at + 6 == len)
        seconds -= (s[at] == '-' ? -60 : 60) * (two(s + at + 1) * 60 + two(s + at + 4));
    return seconds * 1000000 + us;
}

/* ---- RFC 3986 ---- */
static bool alpha(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool hexdigit(char c)
{
    return digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

/* Every byte is unreserved, a sub-delimiter, one of `more`, or part of a percent triple. */
static bool all_of(const char *s, size_t len, const char *more)
{
    for (size_t i = 0; i < len; i++) {
        if (s[i] == '%') {
            if (len - i < 3 || !hexdigit(s[i + 1]) || !hexdigit(s[i + 2]))
                return false;
            i += 2;
        } else if (!alpha(s[i]) && !digit(s[i]) &&
                   (s[i] == 0 || strchr("-._~!$&'()*+,;=", s[i]) == NULL) &&
                   (s[i] == 0 || strchr(more, s[i]) == NULL)) {
            return false;
        }
    }
    return true;
}

static bool ipv4(const char *s, size_t len)
{
    int parts = 0;
    size_t at = 0;
    while (parts < 4) {
        int n = 0;
        size_t digits = 0;
        while (at < len && digit(s[at]) && digits < 3) {
            n = n * 10 + (s[at++] - '0');
            digits++;
        }
        if (digits == 0 || n > 255 || (digits > 1 && s[at - digits] == '0'))
            return false;
        if (++parts < 4 && (at >= len || s[at++] != '.'))
            return false;
    }
    return at == len;
}

/* IPv6address: up to eight groups, one "::", an IPv4 address as the last two groups. */
static bool ipv6(const char *s, size_t len)
{
    int groups = 0;
    bool gap = false;
    size_t at = 0;
    if (len >= 2 && s[0] == ':' && s[1] == ':') {
        gap = true;
        at = 2;
    }
    while (at < len) {
        size_t from = at;
        while (at < len && hexdigit(s[at]) && at - from < 4)
            at++;
        if (at < len && s[at] == '.') {
            groups += 2;
            return ipv4(s + from, len - from) && (gap ? groups <= 7 : groups == 8);
        }
        if (at == from)
            return false;
        groups++;
        if (at == len)
            break;
        if (s[at] != ':')
            return false;
        at++;
        if (at < len && s[at] == ':') {
            if (gap)
                return false;
            gap = true;
            at++;
        } else if (at == len) {
            return false;
        }
    }
    return gap ? groups <= 7 : groups == 8;
}

static bool ip_future(const char *s, size_t len)
{
    size_t at = 1;
    while (at < len && hexdigit(s[at]))
        at++;
    return at > 1 && at + 1 < len && s[at] == '.' && memchr(s, '%', len) == NULL &&
           all_of(s + at + 1, len - at - 1, ":");
}

static bool authority(const char *s, size_t len)
{
    const char *at = memchr(s, '@', len);
    if (at != NULL) {
        if (!all_of(s, (size_t)(at - s), ":"))
            return false;
        len -= (size_t)(at + 1 - s);
        s = at + 1;
    }
    const char *port = NULL;
    if (len > 0 && s[0] == '[') {
        const char *close = memchr(s, ']', len);
        if (close == NULL)
            return false;
        size_t in = (size_t)(close - s) - 1;
        if (in == 0 || !((s[1] == 'v' || s[1] == 'V') ? ip_future(s + 1, in) : ipv6(s + 1, in)))
            return false;
        port = close + 1;
        if (port < s + len && *port != ':')
            return false;
    } else {
        port = memchr(s, ':', len);
        if (!all_of(s, port != NULL ? (size_t)(port - s) : len, ""))
            return false;
    }
    for (const char *p = port; p != NULL && p < s + len; p++)
        if (p != port && !digit(*p))
            return false;
    return true;
}

bool format_uri(const char *s, size_t len)
{
    size_t at = 0;
    if (len == 0 || !alpha(s[0]))
        return false;
    while (at < len &&
           (alpha(s[at]) || digit(s[at]) || s[at] == '+' || s[at] == '-' || s[at] == '.'))
        at++;
    if (at == len || s[at] != ':')
        return false;
    const char *p = s + at + 1, *end = s + len;
    const char *fragment = memchr(p, '#', (size_t)(end - p));
    if (fragment != NULL && !all_of(fragment + 1, (size_t)(end - fragment - 1), ":@/?"))
        return false;
    const char *stop = fragment != NULL ? fragment : end;
    const char *query = memchr(p, '?', (size_t)(stop - p));
    if (query != NULL && !all_of(query + 1, (size_t)(stop - query - 1), ":@/?"))
        return false;
    const char *path_end = query != NULL ? query : stop;
    if (path_end - p >= 2 && p[0] == '/' && p[1] == '/') {
        const char *path = memchr(p + 2, '/', (size_t)(path_end - p - 2));
        if (path == NULL)
            path = path_end;
        return authority(p + 2, (size_t)(path - p - 2)) &&
               all_of(path, (size_t)(path_end - path), ":@/");
    }
    return all_of(p, (size_t)(path_end - p), ":@/");
}

/* ---- numbers ---- */
int32_t number_whole_saturated(const char *s)
{
    bool negative = *s == '-';
    int64_t n = 0;
    if (strpbrk(s, "eE") != NULL) { /* rare; exact far beyond int32 */
        double d = trunc(strtod(s, NULL));
        return d >= 2147483647.0 ? INT32_MAX : d <= -2147483648.0 ? INT32_MIN : (int32_t)d;
    }
    for (const char *p = s + (negative ? 1 : 0); digit(*p) && n <= INT32_MAX; p++)
        n = n * 10 + (*p - '0');
    if (negative)
        n = -n;
    return n > INT32_MAX ? INT32_MAX : n < INT32_MIN ? INT32_MIN : (int32_t)n;
}

size_t number_decimals(const char *s)
{
    const char *point = strchr(s, '.');
    if (point == NULL || strpbrk(s, "eE") != NULL)
        return 0;
    size_t n = strlen(point + 1);
    while (n > 0 && point[n] == '0')
        n--;
    return n;
}
