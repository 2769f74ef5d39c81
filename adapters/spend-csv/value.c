/* SPDX-License-Identifier: Apache-2.0 */
/* value: dates and amounts as councils and their spreadsheets write them. Pure. */
#include "spend.h"
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

/* ---- dates ---- */
static unsigned month_days(unsigned y, unsigned m)
{
    static const unsigned char days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (y % 4 == 0 && y % 100 != 0) || y % 400 == 0;
    return m == 2 && leap ? 29 : days[m - 1];
}

/* The length of s before a time of day at its end ("00:00:00", " 12:00 AM", "T00:00:00Z"). */
static size_t without_time(const char *s)
{
    const char *colon = strchr(s, ':'), *from = colon;
    size_t len = strlen(s);
    if (colon == NULL)
        return len;
    while (from > s && isdigit((unsigned char)from[-1]))
        from--;
    size_t before = (size_t)(from - s);
    if (colon - from < 1 || colon - from > 2 ||
        strspn(from, "0123456789:.,+- ZzAaPpMm") != len - before)
        return len;
    if (before > 0 && s[before - 1] != ' ' && s[before - 1] != 'T')
        return len;
    while (before > 0 && strchr(" T,", s[before - 1]) != NULL)
        before--;
    return before;
}

static bool put_day(unsigned y, unsigned m, unsigned d, char out[11])
{
    if (y < 1900 || y > 2199 || m < 1 || m > 12 || d < 1 || d > month_days(y, m))
        return false;
    (void)snprintf(out, 11, "%04u-%02u-%02u", y % 10000, m % 100, d % 100);
    return true;
}

/* Days since 30 December 1899, as spreadsheets count from March 1900 on. */
static bool from_serial(unsigned days, char out[11])
{
    unsigned y = 1899, m = 12;
    for (days += 30; days > month_days(y, m); m = m % 12 + 1) {
        days -= month_days(y, m);
        y += m / 12;
    }
    return put_day(y, m, days, out);
}

struct part { /* of a date: a number with so many digits, or a month's name */
    unsigned number, digits, month;
};

static unsigned month_of(const char *s, size_t len)
{
    static const char *const names[] = {"january",   "february", "march",    "april",
                                        "may",       "june",     "july",     "august",
                                        "september", "october",  "november", "december"};
    if (len == 4 && strncasecmp(s, "sept", 4) == 0)
        return 9;
    for (unsigned i = 0; i < 12 && len >= 3; i++)
        if ((len == 3 || len == strlen(names[i])) && strncasecmp(s, names[i], len) == 0)
            return i + 1;
    return 0;
}

static bool is_weekday(const char *s, size_t len)
{
    static const char *const names[] = {"monday", "tuesday",  "wednesday", "thursday",
                                        "friday", "saturday", "sunday"};
    for (size_t i = 0; i < 7 && len >= 3; i++)
        if (len <= strlen(names[i]) && strncasecmp(s, names[i], len) == 0)
            return true;
    return false;
}

static bool take_part(const char *s, size_t len, struct part *p)
{
    size_t digits = strspn(s, "0123456789");
    *p = (struct part){.digits = (unsigned)digits};
    if (digits == 0) {
        p->month = month_of(s, len);
        return p->month > 0;
    }
    static const char *const ordinals[] = {"st", "nd", "rd", "th"};
    bool ends = digits == len;
    for (size_t i = 0; i < 4 && digits <= 2 && len == digits + 2; i++)
        ends = ends || strncasecmp(s + digits, ordinals[i], 2) == 0;
    if (digits > 4 || !ends)
        return false;
    for (size_t i = 0; i < digits; i++)
        p->number = p->number * 10 + (unsigned)(s[i] - '0');
    return true;
}

/* How many parts, 3 at most; 0: something else stands there. */
static size_t split(const char *s, size_t len, struct part part[3])
{
    size_t n = 0;
    for (size_t at = 0; at < len;) {
        size_t word = strcspn(s + at, "/-., ");
        word = word < len - at ? word : len - at;
        if (word > 0 && !(n == 0 && is_weekday(s + at, word))) {
            if (n == 3 || !take_part(s + at, word, &part[n++]))
                return 0;
        }
        at += word + 1;
    }
    return n;
}

static unsigned year_of(const struct part *p)
{
    return p->digits == 4 ? p->number : p->digits == 2 ? 2000 + p->number : 0;
}

static enum date_verdict month_only(const struct part part[2], char out[11])
{
    bool year_first = part[0].digits == 4;
    const struct part *y = &part[year_first ? 0 : 1], *m = &part[year_first ? 1 : 0];
    unsigned month = m->month > 0 ? m->month : m->number, year = year_of(y);
    if ((m->month == 0 && (m->digits > 2 || y->digits != 4)) || y->month > 0 || month < 1 ||
        month > 12 || year < 1900 || year > 2199)
        return DATE_WRONG;
    (void)snprintf(out, 11, "%04u-%02u", year % 10000, month % 100);
    return DATE_MONTH;
}

static enum date_verdict whole_day(const struct part part[3], char out[11])
{
    const struct part *d = &part[0], *m = &part[1], *y = &part[2];
    if (part[0].digits == 4) { /* 2017-04-01, 2017 Apr 1 */
        y = &part[0];
        d = &part[2];
    } else if (part[0].month > 0) { /* April 1, 2017 */
        m = &part[0];
        d = &part[1];
    }
    if (d->month > 0 || y->month > 0 || d->digits > 2 || (m->month == 0 && m->digits > 2))
        return DATE_WRONG;
    return put_day(year_of(y), m->month > 0 ? m->month : m->number, d->number, out) ? DATE_DAY
                                                                                    : DATE_WRONG;
}

static enum date_verdict digits_only(const char *s, size_t len, char out[11])
{
    unsigned n = 0;
    for (size_t i = 0; i < len; i++)
        n = n * 10 + (unsigned)(s[i] - '0');
    bool good = len == 8   ? put_day(n / 10000, n / 100 % 100, n % 100, out)
                : len == 5 ? n >= 20000 && n < 80000 && from_serial(n, out)
                           : false;
    return good ? DATE_DAY : DATE_WRONG;
}

enum date_verdict spend_date(const char *s, char out[11])
{
    struct part part[3];
    size_t len = without_time(s), digits = strspn(s, "0123456789");
    out[0] = 0;
    if (len == 0)
        return DATE_TIME_ONLY;
    bool fraction = digits == 5 && len > 6 && s[5] == '.' && strspn(s + 6, "0123456789") == len - 6;
    if (digits == 5 && (digits == len || fraction))
        return digits_only(s, 5, out);
    if (digits == 8 && digits == len)
        return digits_only(s, 8, out);
    switch (split(s, len, part)) {
    case 3:
        return whole_day(part, out);
    case 2:
        return month_only(part, out);
    default:
        return DATE_WRONG;
    }
}

/* ---- amounts ---- */
struct amount {
    unsigned minus, open, closed, credit, debit;
    char currency[4];
};

/* A sign or word beside the figures; its length, 0: it is none. */
static size_t mark(const char *s, struct amount *a)
{
    static const struct {
        const char *text, *currency;
    } money[] = {{"\xc2\xa3", "GBP"}, {"GBP", "GBP"}, {"\xe2\x82\xac", "EUR"}, {"EUR", "EUR"}};
    for (size_t i = 0; i < sizeof money / sizeof money[0]; i++) {
        size_t len = strlen(money[i].text);
        if (strncasecmp(s, money[i].text, len) != 0)
            continue;
        if (a->currency[0] != 0)
            return 0;
        memcpy(a->currency, money[i].currency, 4);
        return len;
    }
    if (*s == '-') {
        a->minus++;
        return 1;
    }
    if (strncmp(s, "\xe2\x88\x92", 3) == 0 || strncmp(s, "\xe2\x80\x93", 3) == 0) {
        a->minus++; /* the minus sign itself, and the dash that it is mistaken for */
        return 3;
    }
    return *s == ' ' ? 1 : strncmp(s, "\xc2\xa0", 2) == 0 ? 2 : 0;
}

static size_t thousands(const char *s)
{
    size_t len = *s == ',' || *s == ' ' ? 1 : strncmp(s, "\xc2\xa0", 2) == 0 ? 2 : 0;
    return len > 0 && isdigit((unsigned char)s[len]) ? len : 0;
}

/* Figures with or without thousands separators; *s is moved behind them. false: groups that are not
 * of three, or too many digits. */
static bool figures(const char **s, char *out)
{
    size_t n = 0, group = 0, groups = 0;
    const char *p = *s, *separator = NULL;
    for (size_t len = 0;; p += len) {
        if (isdigit((unsigned char)*p)) {
            if (n == SPEND_AMOUNT_MAX - 4)
                return false;
            out[n++] = *p;
            group++;
            len = 1;
            continue;
        }
        len = group > 0 ? thousands(p) : 0;
        if (len == 0)
            break;
        if (separator != NULL ? group != 3 || strncmp(separator, p, len) != 0 : group > 3)
            return false;
        separator = p;
        group = 0;
        groups++;
    }
    out[n] = 0;
    *s = p;
    return groups == 0 || group == 3;
}

/* whole and part as decimal text; false: too long */
static bool put_amount(bool negative, const char *whole, const char *part, size_t part_n, char *out)
{
    bool zero = strspn(whole, "0") == strlen(whole) && strspn(part, "0") >= part_n;
    whole += strspn(whole, "0");
    int n = snprintf(out, SPEND_AMOUNT_MAX + 1, "%s%s%s%.*s", negative && !zero ? "-" : "",
                     *whole != 0 ? whole : "0", part_n > 0 ? "." : "", (int)part_n, part);
    return n > 0 && (size_t)n <= SPEND_AMOUNT_MAX;
}

/* CR, DR or a closing bracket behind the figures. */
static size_t end_mark(const char *s, struct amount *a)
{
    if (*s == ')') {
        a->closed++;
        return 1;
    }
    if (strncasecmp(s, "CR", 2) == 0 || strncasecmp(s, "DR", 2) == 0) {
        *(tolower((unsigned char)*s) == 'c' ? &a->credit : &a->debit) += 1;
        return 2;
    }
    return mark(s, a);
}

bool spend_amount(const char *s, char out[SPEND_AMOUNT_MAX + 1], char currency[4])
{
    struct amount a = {.minus = 0};
    char whole[SPEND_AMOUNT_MAX + 1];
    size_t part = 0, len;
    out[0] = currency[0] = 0;
    while ((len = *s == '(' ? 1 : mark(s, &a)) > 0) {
        a.open += *s == '(';
        s += len;
    }
    if (!figures(&s, whole))
        return false;
    const char *behind = s;
    if (*s == '.') {
        behind = ++s;
        part = strspn(s, "0123456789");
        s += part;
    }
    bool any = whole[0] != 0 || part > 0, dash = s[0] == 0 && a.minus == 1 && a.open == 0;
    if (!any && !dash)
        return false; /* a dash alone is how accounts write nothing */
    while (*s != 0) {
        if ((len = end_mark(s, &a)) == 0)
            return false;
        s += len;
    }
    if (a.open != a.closed || a.minus + a.open + a.credit + a.debit > 1)
        return false;
    memcpy(currency, a.currency, 4);
    return put_amount(any && a.debit == 0 && a.minus + a.open + a.credit > 0, whole, behind, part,
                      out);
}

int spend_flag(const char *s)
{
    static const char *const words[] = {"n", "no", "false", "0", "y", "yes", "true", "1"};
    for (int i = 0; i < 8; i++)
        if (strcasecmp(s, words[i]) == 0)
            return i >= 4;
    return -1;
}
