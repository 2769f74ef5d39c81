/* SPDX-License-Identifier: Apache-2.0 */
/* money: see money.h. */
#include "money.h"
#include <string.h>

bool money_parse(const char *text, size_t digits_max, money *ret)
{
    bool minus = *text == '-';
    const char *p = text + (*text == '-' || *text == '+');
    size_t whole = strspn(p, "0123456789"), zeros = strspn(p, "0");
    money v = 0, unit = MONEY_ONE;
    if (whole == 0 || whole - zeros > digits_max)
        return false;
    for (; whole > 0; whole--)
        v = v * 10 + (*p++ - '0') * MONEY_ONE;
    if (*p == '.') {
        size_t digits = strspn(++p, "0123456789");
        if (digits == 0)
            return false;
        for (; digits > 0; digits--, p++) {
            unit /= 10; /* 0 behind the ninth */
            if (unit == 0 && *p != '0')
                return false;
            v += unit * (*p - '0');
        }
    }
    *ret = minus ? -v : v;
    return *p == '\0';
}

void money_text(money v, char out[MONEY_TEXT_MAX])
{
    char turned[MONEY_TEXT_MAX], *p = turned;
    money rest = v < 0 ? -v : v;
    int decimals = 9;
    for (; decimals > 2 && rest % 10 == 0; decimals--)
        rest /= 10;
    for (int i = 0; i <= decimals || rest > 0; i++) {
        if (i == decimals)
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
