/* SPDX-License-Identifier: Apache-2.0 */
/* utf8: see utf8.h. */
#include "lib/utf8.h"

int32_t utf8_read(const char **p, const char *end)
{
    static const int32_t least[] = {0, 0x80, 0x800, 0x10000};
    const unsigned char *s = (const unsigned char *)*p;
    int more = s[0] < 0x80   ? 0
               : s[0] < 0xc2 ? -1
               : s[0] < 0xe0 ? 1
               : s[0] < 0xf0 ? 2
               : s[0] < 0xf5 ? 3
                             : -1;
    if (more < 0 || end - *p <= more)
        return -1;
    int32_t c = more == 0 ? s[0] : s[0] & (0x3f >> more);
    for (int i = 1; i <= more; i++) {
        if ((s[i] & 0xc0) != 0x80)
            return -1;
        c = c << 6 | (s[i] & 0x3f);
    }
    *p += more + 1;
    return c < least[more] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff) ? -1 : c;
}

size_t utf8_write(int32_t c, char out[4])
{
    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    size_t n = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    for (size_t i = n - 1; i > 0; i--, c >>= 6)
        out[i] = (char)(0x80 | (c & 0x3f));
    out[0] = (char)(c | (0xf00 >> n & 0xf0));
    return n;
}

bool utf8_whole(const char *s, size_t len)
{
    const char *end = s + len;
    while (s < end)
        if (utf8_read(&s, end) < 0)
            return false;
    return true;
}
