/* SPDX-License-Identifier: Apache-2.0 */
/* numbers - durations, sizes and integers as people write them. ASCII digits only, no sign where
 * none makes sense, no white space, the whole string, and nothing that overflows. */
#include "util.h"
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* The digits at s; *ret_rest is behind them. At least one. */
static int parse_digits(const char *s, uint64_t *ret, const char **ret_rest)
{
    uint64_t v = 0;
    const char *p = s;
    for (; *p >= '0' && *p <= '9'; p++) {
        if (__builtin_mul_overflow(v, (uint64_t)10, &v) ||
            __builtin_add_overflow(v, (uint64_t)(*p - '0'), &v))
            return -EINVAL;
    }
    if (p == s)
        return -EINVAL;
    *ret = v;
    *ret_rest = p;
    return 0;
}

struct unit {
    const char *name;
    uint64_t factor;
};

static int parse_with_unit(const char *s, const struct unit *units, size_t n, uint64_t *ret)
{
    uint64_t v;
    const char *rest;
    if (!s || parse_digits(s, &v, &rest) < 0)
        return -EINVAL;
    for (size_t i = 0; i < n; i++) {
        if (strcmp(rest, units[i].name) != 0)
            continue;
        if (__builtin_mul_overflow(v, units[i].factor, &v))
            return -EINVAL;
        *ret = v;
        return 0;
    }
    return -EINVAL;
}

int parse_duration_ms(const char *s, uint64_t *ret_ms)
{
    static const struct unit units[] = {
        {"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {"d", 86400000}};
    return parse_with_unit(s, units, ARRAY_SIZE(units), ret_ms);
}

int parse_bytes(const char *s, uint64_t *ret_bytes)
{
    static const struct unit units[] = {
        {"", 1},           {"k", 1ull << 10}, {"K", 1ull << 10},
        {"M", 1ull << 20}, {"G", 1ull << 30}, {"T", 1ull << 40},
    };
    return parse_with_unit(s, units, ARRAY_SIZE(units), ret_bytes);
}

int parse_i64(const char *s, int64_t *ret)
{
    uint64_t v;
    const char *rest;
    if (!s)
        return -EINVAL;
    bool minus = *s == '-';
    if (parse_digits(s + minus, &v, &rest) < 0 || *rest != '\0' || v > (uint64_t)INT64_MAX + minus)
        return -EINVAL;
    if (!minus)
        *ret = (int64_t)v;
    else
        *ret = v == 0 ? 0 : -(int64_t)(v - 1) - 1;
    return 0;
}

static void two_units(char out[32], uint64_t big, char big_unit, uint64_t small, char small_unit)
{
    if (small == 0)
        (void)snprintf(out, 32, "%" PRIu64 "%c", big, big_unit);
    else
        (void)snprintf(out, 32, "%" PRIu64 "%c %u%c", big, big_unit, (unsigned)small, small_unit);
}

void format_duration(uint64_t ms, char out[32])
{
    uint64_t s = ms / 1000;
    if (ms < 1000)
        (void)snprintf(out, 32, "%ums", (unsigned)ms);
    else if (s < 60 && ms % 1000 >= 100)
        (void)snprintf(out, 32, "%u.%us", (unsigned)s, (unsigned)(ms % 1000 / 100));
    else if (s < 60)
        (void)snprintf(out, 32, "%us", (unsigned)s);
    else if (s < 3600)
        two_units(out, s / 60, 'm', s % 60, 's');
    else if (s < 86400)
        two_units(out, s / 3600, 'h', s / 60 % 60, 'm');
    else
        two_units(out, s / 86400, 'd', s / 3600 % 24, 'h');
}
