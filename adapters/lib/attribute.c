/* SPDX-License-Identifier: Apache-2.0 */
/* attribute: see attribute.h. */
#include "lib/attribute.h"
#include "lib/formats.h"
#include "lib/hub_record.h"
#include <stdint.h>
#include <string.h>

/* Length of the UTF-8 character at s (valid UTF-8 is given) and whether CloudEvents forbids it. */
static size_t character(const unsigned char *s, bool *forbidden)
{
    uint32_t c = s[0];
    size_t n = c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
    if (n > 1) {
        c &= 0xffu >> (n + 1);
        for (size_t i = 1; i < n; i++) {
            if ((s[i] & 0xc0) != 0x80) { /* not UTF-8 after all */
                *forbidden = true;
                return i;
            }
            c = c << 6 | (s[i] & 0x3f);
        }
    }
    *forbidden = c < 0x20 || (c >= 0x7f && c <= 0x9f) || (c >= 0xfdd0 && c <= 0xfdef) ||
                 (c & 0xfffe) == 0xfffe;
    return n;
}

bool attribute_allowed(const char *s)
{
    bool forbidden = false;
    if (s == NULL || *s == 0)
        return false;
    for (const unsigned char *p = (const unsigned char *)s; *p != 0 && !forbidden;)
        p += character(p, &forbidden);
    return !forbidden;
}

void attribute_set(reeve_msg *m, const char *name, const char *value)
{
    if (attribute_allowed(value) && strlen(value) <= ATTRIBUTE_VALUE_MAX)
        (void)reeve_msg_set(m, name, value);
}

void attribute_set_escaped(reeve_msg *m, const char *name, const char *value)
{
    static const char hex[] = "0123456789ABCDEF";
    char out[ATTRIBUTE_VALUE_MAX + 1];
    size_t len = 0;
    if (value == NULL || *value == 0)
        return;
    if (attribute_allowed(value) && strlen(value) <= ATTRIBUTE_VALUE_MAX) {
        (void)reeve_msg_set(m, name, value);
        return;
    }
    for (const unsigned char *p = (const unsigned char *)value; *p != 0;) {
        bool forbidden = false;
        size_t n = character(p, &forbidden);
        forbidden = forbidden || *p == '%';
        if (len + (forbidden ? 3 * n : n) > ATTRIBUTE_VALUE_MAX)
            return; /* no identifier is that long: the message goes by its content */
        for (size_t i = 0; i < n; i++) {
            if (forbidden) {
                out[len++] = '%';
                out[len++] = hex[p[i] >> 4];
                out[len++] = hex[p[i] & 15];
            } else {
                out[len++] = (char)p[i];
            }
        }
        p += n;
    }
    out[len] = 0;
    (void)reeve_msg_set(m, name, out);
}

void attribute_set_money(reeve_msg *m, const char *number, const char *currency)
{
    char exact[HUB_DECIMAL_MAX + 1];
    if (number != NULL)
        (void)reeve_msg_set_int(m, "amount", number_whole_saturated(number));
    if (number != NULL && hub_decimal(number, exact))
        (void)reeve_msg_set(m, "exactamount", exact);
    attribute_set(m, "currency", currency);
}
