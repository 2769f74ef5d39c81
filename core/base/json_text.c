/* SPDX-License-Identifier: Apache-2.0 */
/* json_text - strings in and out of JSON, and values without their white space. Input that was not
 * validated gives nonsense or an error, never an access outside it. What fails leaves the buffer as
 * it was. */
#include "json.h"
#include "swar.h"
#include <errno.h>
#include <string.h>

static const char hex_digits[] = "0123456789abcdef";

static int roll_back(struct buf *b, size_t len, int r)
{
    if (b->p) {
        b->len = len;
        b->p[len] = '\0';
    }
    return r;
}

bool json_needs_unescape(struct json_slice raw)
{
    return raw.len > 0 && memchr(raw.p, '\\', raw.len) != NULL;
}

static int hex_value(const char *p, const char *end)
{
    int v = 0;
    if (end - p < 4)
        return -1;
    for (int i = 0; i < 4; i++) {
        const char *d =
            p[i] ? strchr(hex_digits, p[i] >= 'A' && p[i] <= 'F' ? p[i] + 32 : p[i]) : NULL;
        if (!d)
            return -1;
        v = v * 16 + (int)(d - hex_digits);
    }
    return v;
}

static size_t utf8_encode(unsigned c, char out[4])
{
    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    size_t n = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    for (size_t i = n - 1; i > 0; i--, c >>= 6)
        out[i] = (char)(0x80 | (c & 0x3f));
    out[0] = (char)((0xf00u >> n & 0xf0) | c);
    return n;
}

/* Behind "\u" at *p: the character, with the second half of a pair; moves *p. Negative: none. */
static int unicode_escape(const char **p, const char *end)
{
    int c = hex_value(*p, end);
    if (c < 0)
        return -EINVAL;
    *p += 4;
    if (c < 0xd800 || c > 0xdfff)
        return c;
    int low = c < 0xdc00 && end - *p >= 6 && (*p)[0] == '\\' && (*p)[1] == 'u'
                  ? hex_value(*p + 2, end)
                  : -1;
    if (low < 0xdc00 || low > 0xdfff)
        return -EINVAL;
    *p += 6;
    return 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
}

/* Writes the character of the escape behind a backslash at *p; moves *p. Returns its length or
 * negative. */
static int unescape_one(const char **p, const char *end, char out[4])
{
    static const char names[] = "\"\\/bfnrt", bytes[] = "\"\\/\b\f\n\r\t";
    if (*p == end || **p == '\0')
        return -EINVAL;
    char name = *(*p)++;
    if (name == 'u') {
        int c = unicode_escape(p, end);
        return c < 0 ? c : (int)utf8_encode((unsigned)c, out);
    }
    const char *at = strchr(names, name);
    if (!at)
        return -EINVAL;
    out[0] = bytes[at - names];
    return 1;
}

int json_unescape(struct json_slice raw, struct buf *out)
{
    size_t before = out->len;
    const char *p = raw.p, *end = raw.len ? raw.p + raw.len : raw.p;
    int r = buf_reserve(out, 0); /* also the empty text is a text: .p is never NULL after success */
    if (r < 0)
        return r;
    while (p < end) {
        const char *slash = memchr(p, '\\', (size_t)(end - p));
        r = buf_add(out, p, (size_t)((slash ? slash : end) - p));
        if (r < 0)
            return roll_back(out, before, r);
        if (!slash)
            break;
        char c[4];
        p = slash + 1;
        r = unescape_one(&p, end, c);
        if (r > 0)
            r = buf_add(out, c, (size_t)r);
        if (r < 0)
            return roll_back(out, before, r);
    }
    return 0;
}

static int add_escape(struct buf *out, uint8_t c)
{
    static const char names[32] = {
        ['\b'] = 'b', ['\f'] = 'f', ['\n'] = 'n', ['\r'] = 'r', ['\t'] = 't'};
    if (c >= 0x20) {
        char pair[2] = {'\\', (char)c};
        return buf_add(out, pair, 2);
    }
    if (names[c]) {
        char pair[2] = {'\\', names[c]};
        return buf_add(out, pair, 2);
    }
    char six[6] = {'\\', 'u', '0', '0', hex_digits[c >> 4], hex_digits[c & 15]};
    return buf_add(out, six, 6);
}

int json_add_string(struct buf *out, const char *text, size_t len)
{
    size_t before = out->len;
    const char *p = text, *end = len ? text + len : text;
    if (len > SIZE_MAX - 2)
        return -EFBIG;
    int r = buf_reserve(out, len + 2);
    if (r == 0)
        r = buf_addc(out, '"');
    while (r == 0 && p < end) {
        const char *run = p;
        for (; end - p >= 8; p += 8) {
            uint64_t x = swar_load(p);
            uint64_t marks = swar_equal(x, '"') | swar_equal(x, '\\') | swar_below(x, 0x20);
            if (marks) {
                p += swar_first(marks);
                break;
            }
        }
        while (p < end && *p != '"' && *p != '\\' && (uint8_t)*p >= 0x20)
            p++;
        r = buf_add(out, run, (size_t)(p - run));
        if (r == 0 && p < end)
            r = add_escape(out, (uint8_t)*p++);
    }
    if (r == 0)
        r = buf_addc(out, '"');
    return r < 0 ? roll_back(out, before, r) : 0;
}

/* p is behind the opening quote; returns the byte behind the closing one, or end. */
static const char *skip_string(const char *p, const char *end)
{
    for (;;) {
        for (; end - p >= 8; p += 8) {
            uint64_t x = swar_load(p);
            uint64_t marks = swar_equal(x, '"') | swar_equal(x, '\\');
            if (marks) {
                p += swar_first(marks);
                break;
            }
        }
        while (p < end && *p != '"' && *p != '\\')
            p++;
        if (p == end)
            return end;
        if (*p == '"')
            return p + 1;
        if (end - p < 2)
            return end;
        p += 2; /* the byte behind a backslash is never the closing quote */
    }
}

enum { IS_SPACE = 1, IS_QUOTE = 2 };

/* Copies to dst (NULL: only counts); returns the length. */
static size_t compact(char *dst, const char *p, const char *end)
{
    static const uint8_t kinds[256] = {[' '] = IS_SPACE,
                                       ['\t'] = IS_SPACE,
                                       ['\n'] = IS_SPACE,
                                       ['\r'] = IS_SPACE,
                                       ['"'] = IS_QUOTE};
    size_t n = 0;
    while (p < end) {
        const char *run = p;
        while (p < end && kinds[(uint8_t)*p] != IS_SPACE)
            p = *p == '"' ? skip_string(p + 1, end) : p + 1;
        if (dst && p > run)
            memcpy(dst + n, run, (size_t)(p - run));
        n += (size_t)(p - run);
        while (p < end && kinds[(uint8_t)*p] == IS_SPACE)
            p++;
    }
    return n;
}

int json_add_compact(struct buf *out, const char *p, size_t len)
{
    const char *end = len ? p + len : p;
    int r = buf_reserve(out, len);
    if (r == -EFBIG) /* it may fit once the white space is gone */
        r = buf_reserve(out, compact(NULL, p, end));
    if (r < 0)
        return r;
    out->len += compact(out->p + out->len, p, end);
    out->p[out->len] = '\0';
    return 0;
}
