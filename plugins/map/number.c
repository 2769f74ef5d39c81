/* SPDX-License-Identifier: Apache-2.0 */
/* number - which numbers of a JSON text jq cannot carry. jq 1.6 holds a number as an IEEE 754
 * double, which keeps every decimal of up to 15 significant digits (DBL_DIG) within its range, and
 * not every one with more. Zeros at either end are no digits; length and exponent are bounded well
 * inside the range, so that nothing becomes 0 or infinite. */
#include "map.h"
#include <float.h>
#include <stdlib.h>
#include <string.h>

#define LENGTH_MAX   150 /* with an exponent of as much: far from 1e308 and 1e-308 */
#define EXPONENT_MAX 150

static int digit(char c)
{
    return c >= '0' && c <= '9';
}

/* The end of the number at p. */
static const char *past(const char *p, const char *end)
{
    while (p < end && (digit(*p) || strchr("+-.eE", *p)) && *p != '\0')
        p++;
    return p;
}

static int keeps(const char *p, const char *end)
{
    size_t digits = 0, zeros = 0; /* zeros that count only when another digit follows */
    if (end - p > LENGTH_MAX)
        return 0;
    for (; p < end && *p != 'e' && *p != 'E'; p++) {
        if (!digit(*p) || (*p == '0' && digits == 0))
            continue;
        if (*p == '0') {
            zeros++;
            continue;
        }
        digits += zeros + 1;
        zeros = 0;
    }
    long exponent = p < end ? strtol(p + 1, NULL, 10) : 0; /* the text goes on behind the number */
    return digits <= DBL_DIG && exponent <= EXPONENT_MAX && exponent >= -EXPONENT_MAX;
}

/* The end of the string that begins at p. */
static const char *past_string(const char *p, const char *end)
{
    for (p++; p < end && *p != '"'; p++) {
        if (*p == '\\')
            p++;
    }
    return p < end ? p + 1 : end;
}

const char *unsafe_number(const char *json, size_t json_len, size_t *len)
{
    const char *end = json + json_len;
    for (const char *p = json; p < end;) {
        if (*p == '"') {
            p = past_string(p, end);
        } else if (*p == '-' || digit(*p)) {
            const char *number = p;
            p = past(p, end);
            if (!keeps(number, p)) {
                *len = (size_t)(p - number);
                return number;
            }
        } else {
            p++;
        }
    }
    return NULL;
}
