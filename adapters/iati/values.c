/* SPDX-License-Identifier: Apache-2.0 */
/* values: the types of XML Schema 1.0 part 2 that the standard's schema uses, white space collapsed
 * (section 4.3.6) before the value is looked at. Where the standard's own validator, which is
 * libxml2, reads XML Schema more narrowly, it is followed: that is the verdict publishers get.
 * Pure. */
#include "iati.h"
#include <libxml/uri.h>
#include <libxml/xmlstring.h>
#include <stdlib.h>
#include <string.h>

static bool digit(char c)
{
    return c >= '0' && c <= '9';
}

bool value_is_space(char c)
{
    return c == ' ' || c == '\n' || c == '\t' || c == '\r';
}

bool value_all_space(const char *p, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (!value_is_space(p[i]))
            return false;
    return true;
}

const char *value_trimmed(const char *s, size_t *ret_len)
{
    while (value_is_space(*s))
        s++;
    size_t len = strlen(s);
    while (len > 0 && value_is_space(s[len - 1]))
        len--;
    *ret_len = len;
    return s;
}

/* n digits as a number; false: they are none */
static bool number(const char *s, const char *end, int n, int *ret)
{
    if (end - s < n)
        return false;
    *ret = 0;
    for (int i = 0; i < n; i++) {
        if (!digit(s[i]))
            return false;
        *ret = *ret * 10 + (s[i] - '0');
    }
    return true;
}

struct day {
    int64_t year;
    int month, day;
};

/* Year (four digits or more), month and day; NULL: not there, or no such day. Years beyond nine
 * digits are not told apart. */
static const char *read_day(const char *s, const char *end, struct day *ret)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool before = s < end && *s == '-';
    const char *year = s += before ? 1 : 0;
    for (ret->year = 0; s < end && digit(*s); s++)
        ret->year = s - year < 9 ? ret->year * 10 + (*s - '0') : 999999999;
    if (s - year < 4 || (s - year > 4 && *year == '0') || ret->year == 0)
        return NULL;
    if (end - s < 6 || s[0] != '-' || s[3] != '-' || !number(s + 1, end, 2, &ret->month) ||
        !number(s + 4, end, 2, &ret->day) || ret->month < 1 || ret->month > 12)
        return NULL;
    ret->year = before ? -ret->year : ret->year;
    bool leap = (ret->year % 4 == 0 && ret->year % 100 != 0) || ret->year % 400 == 0;
    int most = days[ret->month - 1] + (leap && ret->month == 2 ? 1 : 0);
    return ret->day >= 1 && ret->day <= most ? s + 6 : NULL;
}

static bool zone(const char *s, const char *end)
{
    int hour, minute;
    if (s == end || (end - s == 1 && *s == 'Z'))
        return true;
    return end - s == 6 && (*s == '+' || *s == '-') && s[3] == ':' &&
           number(s + 1, end, 2, &hour) && number(s + 4, end, 2, &minute) && minute < 60 &&
           hour * 60 + minute <= 14 * 60;
}

static bool date(const char *s, size_t len)
{
    struct day d;
    const char *rest = read_day(s, s + len, &d);
    return rest != NULL && zone(rest, s + len);
}

static bool date_time(const char *s, size_t len)
{
    const char *end = s + len;
    struct day d;
    int hour, minute, second;
    const char *p = read_day(s, end, &d);
    if (p == NULL || end - p < 9 || p[0] != 'T' || p[3] != ':' || p[6] != ':' ||
        !number(p + 1, end, 2, &hour) || !number(p + 4, end, 2, &minute) ||
        !number(p + 7, end, 2, &second) || minute > 59 || second > 59)
        return false;
    bool fraction = false, some = false;
    for (p += 9; p < end && (digit(*p) || (*p == '.' && !fraction)); p++) {
        if (*p == '.') {
            fraction = true;
        } else if (!fraction) {
            return false;
        } else {
            some = true;
            second += *p != '0' ? 1 : 0; /* midnight is 24:00:00 exactly */
        }
    }
    if (fraction && !some)
        return false;
    if (hour > 23 && (hour > 24 || minute > 0 || second > 0))
        return false;
    return zone(p, end);
}

/* More digits than this the standard's own validator (libxml2) does not take as a number. */
#define DIGITS_MAX 24

static bool decimal(const char *s, size_t len)
{
    size_t digits = 0, counted = 0, points = 0; /* counted: without zeros in front */
    for (size_t i = len > 0 && (*s == '+' || *s == '-') ? 1 : 0; i < len; i++) {
        if (s[i] == '.' && counted < DIGITS_MAX) {
            points++;
        } else if (digit(s[i])) {
            digits++;
            counted += s[i] != '0' || counted > 0 || points > 0 ? 1 : 0;
        } else {
            return false;
        }
    }
    return digits > 0 && points <= 1 && counted <= DIGITS_MAX;
}

/* An integer between two bounds; text, because xs:nonNegativeInteger has no largest. */
static bool integer(const char *s, size_t len, enum type t)
{
    bool minus = len > 0 && *s == '-', sign = minus || (len > 0 && *s == '+');
    const char *p = s + (sign ? 1 : 0), *end = s + len;
    if (p == end)
        return false;
    while (p < end && *p == '0')
        p++;
    size_t digits = (size_t)(end - p);
    for (const char *q = p; q < end; q++)
        if (!digit(*q))
            return false;
    if (t == TYPE_NOT_NEGATIVE)
        return (!minus || digits == 0) && digits <= DIGITS_MAX;
    if (t == TYPE_POSITIVE)
        return !minus && digits > 0 && digits <= DIGITS_MAX;
    return digits < 10 || (digits == 10 && memcmp(p, minus ? "2147483648" : "2147483647", 10) <= 0);
}

static bool boolean(const char *s, size_t len)
{
    return (len == 1 && (*s == '0' || *s == '1')) || (len == 4 && memcmp(s, "true", 4) == 0) ||
           (len == 5 && memcmp(s, "false", 5) == 0);
}

/* xs:language: letters, then letters and digits, in groups of one to eight. */
static bool language(const char *s, size_t len)
{
    size_t group = 0;
    bool first = true;
    for (size_t i = 0; i < len; i++) {
        bool letter = (s[i] >= 'a' && s[i] <= 'z') || (s[i] >= 'A' && s[i] <= 'Z');
        if (s[i] == '-' && group > 0) {
            group = 0;
            first = false;
        } else if ((!letter && (first || !digit(s[i]))) || ++group > 8) {
            return false;
        }
    }
    return group > 0;
}

/* xs:anyURI: what RFC 2396 does not allow is escaped first (XLink 1.0 section 5.4), so nearly
 * anything passes; what is left for libxml2 to say no to is what its own validator refuses too. */
static bool uri(const char *s, size_t len)
{
    xmlChar *copy = xmlStrndup((const xmlChar *)s, (int)(len < INT32_MAX ? len : INT32_MAX));
    if (copy == NULL)
        return false;
    for (xmlChar *c = copy; *c != 0; c++)
        if (*c <= 0x20 || *c >= 0x7f || strchr("<>\"{}|\\^`'", *c) != NULL)
            *c = '_';
    xmlURIPtr u = *copy != 0 ? xmlParseURI((const char *)copy) : NULL;
    bool ok = *copy == 0 || u != NULL;
    xmlFreeURI(u);
    xmlFree(copy);
    return ok;
}

bool value_valid(enum type t, const char *s)
{
    size_t len;
    const char *whole = s;
    s = value_trimmed(s, &len);
    switch (t) {
    case TYPE_DATE:
        return date(s, len);
    case TYPE_DATE_TIME:
        return date_time(s, len);
    case TYPE_DECIMAL:
        return decimal(s, len);
    case TYPE_BOOLEAN:
        return boolean(s, len);
    case TYPE_INT: /* libxml2 wants it without white space */
        return integer(whole, strlen(whole), t);
    case TYPE_NOT_NEGATIVE:
    case TYPE_POSITIVE:
        return integer(s, len, t);
    case TYPE_NMTOKEN:
        return xmlValidateNMToken((const xmlChar *)whole, 1) == 0;
    case TYPE_URI:
        return uri(s, len);
    case TYPE_LANGUAGE:
        return *whole == 0 || language(s, len);
    case TYPE_SPACE:
        return (len == 7 && memcmp(s, "default", 7) == 0) ||
               (len == 8 && memcmp(s, "preserve", 8) == 0);
    default:
        return true;
    }
}

static const struct {
    const char *code, *wanted;
} words[] = {
    [TYPE_DATE] = {"date-format", "YYYY-MM-DD"},
    [TYPE_DATE_TIME] = {"date-time-format", "YYYY-MM-DDThh:mm:ss, with Z or +hh:mm where wanted"},
    [TYPE_DECIMAL] = {"not-a-number",
                      "a decimal number such as 1250.50: no separators, no exponent"},
    [TYPE_BOOLEAN] = {"not-a-boolean", "true, false, 1 or 0"},
    [TYPE_INT] = {"not-a-number", "a whole number"},
    [TYPE_NOT_NEGATIVE] = {"not-a-number", "a whole number, 0 or more"},
    [TYPE_POSITIVE] = {"not-a-number", "a whole number, 1 or more"},
    [TYPE_NMTOKEN] = {"not-a-name", "one word of letters, digits, '.', '-', '_' and ':'"},
    [TYPE_URI] = {"uri-format", "a web address"},
    [TYPE_LANGUAGE] = {"language-format", "a language code such as en"},
    [TYPE_SPACE] = {"space-format", "default or preserve"},
};

const char *value_code(enum type t)
{
    return (size_t)t < sizeof words / sizeof words[0] && words[t].code != NULL ? words[t].code
                                                                               : "value";
}

const char *value_wanted(enum type t)
{
    return (size_t)t < sizeof words / sizeof words[0] ? words[t].wanted : NULL;
}

int64_t value_day(const char *s)
{
    size_t len;
    struct day d;
    s = value_trimmed(s, &len);
    if ((!date(s, len) && !date_time(s, len)) || read_day(s, s + len, &d) == NULL)
        return NO_DAY;
    /* proleptic Gregorian: years from March, so that the leap day ends one */
    int64_t y = d.year - (d.month <= 2 ? 1 : 0);
    int64_t era = (y >= 0 ? y : y - 399) / 400, of_era = y - era * 400;
    int64_t of_year = (153 * (d.month + (d.month > 2 ? -3 : 9)) + 2) / 5 + d.day - 1;
    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

bool value_fixed(const char *s, fixed *ret)
{
    size_t len, whole = 0;
    fixed v = 0, unit = FIXED_ONE;
    bool minus, behind = false;
    s = value_trimmed(s, &len);
    if (!decimal(s, len))
        return false;
    minus = *s == '-';
    for (size_t i = *s == '+' || minus ? 1 : 0; i < len; i++) {
        if (s[i] == '.') {
            behind = true;
        } else if (behind) {
            unit /= 10;
            v += unit * (s[i] - '0');
        } else if (s[i] != '0' || whole > 0) {
            if (++whole > 19)
                return false;
            v = v * 10 + FIXED_ONE * (s[i] - '0');
        }
    }
    *ret = minus ? -v : v;
    return true;
}

int32_t fixed_whole(fixed v)
{
    fixed whole = v / FIXED_ONE;
    return whole > INT32_MAX ? INT32_MAX : whole < INT32_MIN ? INT32_MIN : (int32_t)whole;
}

void fixed_text(fixed v, char out[FIXED_TEXT_MAX])
{
    char turned[FIXED_TEXT_MAX], *p = turned;
    fixed rest = v < 0 ? -v : v;
    int decimals = 18;
    for (; decimals > 0 && rest % 10 == 0; decimals--)
        rest /= 10;
    for (int i = 0; i <= decimals || rest > 0; i++) {
        if (i > 0 && i == decimals)
            *p++ = '.';
        *p++ = (char)('0' + (int)(rest % 10));
        rest /= 10;
    }
    if (v < 0)
        *p++ = '-';
    while (p > turned)
        *out++ = *--p;
    *out = '\0';
}
