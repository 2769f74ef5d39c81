/* SPDX-License-Identifier: Apache-2.0 */
/* header: attribute values as HTTP header values and back (CloudEvents HTTP protocol binding 1.0,
 * section 3.1.3.2). */
#include "events.h"
#include <stdint.h>
#include <string.h>

static int hex(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

/* RFC 3629: no overlong forms, no surrogates, nothing beyond U+10FFFF. */
static bool utf8(const char *text)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    for (const unsigned char *p = (const unsigned char *)text; *p != 0;) {
        size_t n = *p < 0x80   ? 1
                   : *p < 0xc0 ? 0
                   : *p < 0xe0 ? 2
                   : *p < 0xf0 ? 3
                   : *p < 0xf8 ? 4
                               : 0;
        uint32_t c = n == 1 ? *p : *p & (0xffu >> (n + 1));
        if (n == 0)
            return false;
        for (size_t i = 1; i < n; i++) {
            if ((p[i] & 0xc0) != 0x80)
                return false;
            c = c << 6 | (p[i] & 0x3f);
        }
        if (c < least[n] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
            return false;
        p += n;
    }
    return true;
}

static int fail(const char **ret_error, const char *text)
{
    *ret_error = text;
    return -1;
}

int header_decode(const char *value, char *out, size_t cap, const char **ret_error)
{
    size_t len = 0;
    bool quoted = *value == '"';
    const char *p = value + (quoted ? 1 : 0);
    for (; *p != 0 && !(quoted && *p == '"'); p++) {
        char c = *p;
        if (quoted && c == '\\') { /* the quoted string is undone first, then what stands in it */
            c = *++p;
            if (c == 0)
                return fail(ret_error, "a quoted value ends with a backslash");
        }
        if (c == '%') {
            int high = hex(p[1]), low = high >= 0 ? hex(p[2]) : -1;
            if (low < 0)
                return fail(ret_error, "a percent sign is not followed by two hexadecimal digits");
            c = (char)(high * 16 + low);
            p += 2;
            if (c == 0)
                return fail(ret_error, "the value holds U+0000");
        }
        if (len + 1 >= cap)
            return fail(ret_error, "the value is too long");
        out[len++] = c;
    }
    if (quoted && (p[0] != '"' || p[1] != 0))
        return fail(ret_error, "a quoted value does not end with its quote");
    out[len] = 0;
    return utf8(out) ? 0
                     : fail(ret_error, "the value is not UTF-8 when its percent signs are undone");
}

int header_encode(const char *text, char *out, size_t cap)
{
    static const char digits[] = "0123456789ABCDEF";
    size_t len = 0;
    for (const unsigned char *p = (const unsigned char *)text; *p != 0; p++) {
        bool plain = *p >= 0x21 && *p <= 0x7e && *p != '"' && *p != '%';
        if (len + 4 > cap)
            return -1;
        if (plain) {
            out[len++] = (char)*p;
        } else {
            out[len++] = '%';
            out[len++] = digits[*p >> 4];
            out[len++] = digits[*p & 15];
        }
    }
    out[len] = 0;
    return 0;
}
