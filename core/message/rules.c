/* SPDX-License-Identifier: Apache-2.0 */
/* rules - see rules.h. CloudEvents 1.0 sections 3.1 (names, types) and 3.2, 3.3 (attributes). */
#include "rules.h"
#include "base/util.h"
#include <errno.h>
#include <string.h>
#include <strings.h>

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_alpha(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

const char *rule_name(const char *name, size_t len)
{
    if (len == 0)
        return "is empty";
    if (len > MESSAGE_NAME_MAX)
        return "is too long for a name";
    for (size_t i = 0; i < len; i++) {
        char c = name[i];
        if (c >= 'A' && c <= 'Z')
            return "has a capital letter (names are of a-z and 0-9)";
        if (!is_digit(c) && !(c >= 'a' && c <= 'z'))
            return "has a character that is not of a-z or 0-9";
    }
    if (len == 4 && memcmp(name, "data", 4) == 0)
        return "is the name of the body";
    return NULL;
}

static bool is(const char *name, size_t len, const char *what)
{
    return strlen(what) == len && memcmp(name, what, len) == 0;
}

bool rule_is_core(const char *name, size_t len)
{
    static const char *const core[] = {"id",      "source",          "specversion", "type",
                                       "subject", "datacontenttype", "dataschema",  "time"};
    for (size_t i = 0; i < ARRAY_SIZE(core); i++)
        if (is(name, len, core[i]))
            return true;
    return false;
}

/* The character at p, of n bytes (valid UTF-8 of 2 to 4 bytes). */
static uint32_t code_point(const uint8_t *p, size_t n)
{
    uint32_t c = n == 2 ? p[0] & 0x1fu : n == 3 ? p[0] & 0x0fu : p[0] & 0x07u;
    for (size_t i = 1; i < n; i++)
        c = c << 6 | (p[i] & 0x3fu);
    return c;
}

const char *rule_string(const char *text, size_t len)
{
    const uint8_t *p = (const uint8_t *)text, *end = p + len;
    bool ascii = true;
    for (const uint8_t *q = p; q < end; q++) {
        if (*q < 0x20 || *q == 0x7f)
            return "has a control character";
        ascii &= *q < 0x80;
    }
    if (ascii)
        return NULL;
    if (!utf8_valid(text, len))
        return "is not UTF-8";
    while (p < end) {
        size_t n = *p < 0x80 ? 1 : *p < 0xe0 ? 2 : *p < 0xf0 ? 3 : 4;
        uint32_t c = n == 1 ? *p : code_point(p, n);
        if (c >= 0x80 && c <= 0x9f)
            return "has a control character";
        if ((c >= 0xfdd0 && c <= 0xfdef) || (c & 0xfffe) == 0xfffe)
            return "has a code point that is no character";
        p += n;
    }
    return NULL;
}

static bool is_hex(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

/* Length of a scheme with its colon at p, or 0 (RFC 3986 section 3.1). */
static size_t scheme_length(const char *p, size_t len)
{
    if (len == 0 || !is_alpha(p[0]))
        return 0;
    for (size_t i = 1; i < len; i++) {
        if (p[i] == ':')
            return i + 1;
        if (!is_alpha(p[i]) && !is_digit(p[i]) && p[i] != '+' && p[i] != '-' && p[i] != '.')
            return 0;
    }
    return 0;
}

enum { ALSO_COLON = 1, ALSO_AT_SLASH = 2, ALSO_QUESTION = 4 }; /* beside those allowed everywhere */
#define IN_PATH  (ALSO_COLON | ALSO_AT_SLASH)
#define IN_QUERY (IN_PATH | ALSO_QUESTION)

/* Marks of a URI: unreserved, sub-delims and a few more (RFC 3986 appendix A). */
static bool is_uri_mark(char c, unsigned also)
{
    switch (c) {
    case '-':
    case '.':
    case '_':
    case '~':
    case '!':
    case '$':
    case '&':
    case '\'':
    case '(':
    case ')':
    case '*':
    case '+':
    case ',':
    case ';':
    case '=':
        return true;
    case ':':
        return also & ALSO_COLON;
    case '@':
    case '/':
        return also & ALSO_AT_SLASH;
    case '?':
        return also & ALSO_QUESTION;
    default:
        return false;
    }
}

static bool uri_characters(const char *p, size_t len, unsigned also)
{
    for (size_t i = 0; i < len; i++) {
        char c = p[i];
        if (is_alpha(c) || is_digit(c) || is_uri_mark(c, also))
            continue;
        if (c != '%' || len - i < 3 || !is_hex(p[i + 1]) || !is_hex(p[i + 2]))
            return false;
        i += 2;
    }
    return true;
}

static bool port_ok(const char *p, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (!is_digit(p[i]))
            return false;
    return true;
}

/* [userinfo@]host[:port]; host may be an address literal in brackets, of which only the characters
 * are checked. */
static bool authority_ok(const char *p, size_t len)
{
    const char *at = len ? memchr(p, '@', len) : NULL;
    if (at) {
        size_t n = (size_t)(at - p);
        if (!uri_characters(p, n, ALSO_COLON))
            return false;
        p = at + 1;
        len -= n + 1;
    }
    if (len && p[0] == '[') {
        const char *close = memchr(p, ']', len);
        if (!close || close == p + 1 || !uri_characters(p + 1, (size_t)(close - p - 1), ALSO_COLON))
            return false;
        len -= (size_t)(close + 1 - p);
        p = close + 1;
        return len == 0 || (p[0] == ':' && port_ok(p + 1, len - 1));
    }
    const char *colon = len ? memchr(p, ':', len) : NULL;
    size_t host = colon ? (size_t)(colon - p) : len;
    return uri_characters(p, host, 0) && (!colon || port_ok(colon + 1, len - host - 1));
}

/* Bytes before the first '#', '?' and, if wanted, '/'. */
static size_t part_length(const char *p, size_t len, bool slash, bool question)
{
    size_t i = 0;
    while (i < len && p[i] != '#' && !(slash && p[i] == '/') && !(question && p[i] == '?'))
        i++;
    return i;
}

bool rule_uri(const char *p, size_t len, bool absolute)
{
    size_t scheme = scheme_length(p, len);
    if (len == 0 || (absolute && scheme == 0))
        return false;
    p += scheme;
    len -= scheme;
    if (len >= 2 && p[0] == '/' && p[1] == '/') {
        size_t n = part_length(p + 2, len - 2, true, true);
        if (!authority_ok(p + 2, n))
            return false;
        p += n + 2;
        len -= n + 2;
    } else if (scheme == 0) { /* section 4.2: no colon in the first segment of a relative path */
        size_t first = part_length(p, len, true, true);
        if (first && memchr(p, ':', first))
            return false;
    }
    size_t n = part_length(p, len, false, true);
    if (!uri_characters(p, n, IN_PATH))
        return false;
    p += n;
    len -= n;
    if (len && p[0] == '?') {
        n = part_length(p, len, false, false);
        if (!uri_characters(p + 1, n - 1, IN_QUERY))
            return false;
        p += n;
        len -= n;
    }
    return len == 0 || uri_characters(p + 1, len - 1, IN_QUERY);
}

/* RFC 9110 section 5.6.2 */
static bool is_token_mark(char c)
{
    switch (c) {
    case '!':
    case '#':
    case '$':
    case '%':
    case '&':
    case '\'':
    case '*':
    case '+':
    case '-':
    case '.':
    case '^':
    case '_':
    case '`':
    case '|':
    case '~':
        return true;
    default:
        return false;
    }
}

static size_t token_length(const char *p, size_t len)
{
    size_t i = 0;
    while (i < len && (is_alpha(p[i]) || is_digit(p[i]) || is_token_mark(p[i])))
        i++;
    return i;
}

static size_t blank_length(const char *p, size_t len)
{
    size_t i = 0;
    while (i < len && (p[i] == ' ' || p[i] == '\t'))
        i++;
    return i;
}

/* Length of a quoted string at p, or 0. */
static size_t quoted_length(const char *p, size_t len)
{
    if (len < 2 || p[0] != '"')
        return 0;
    for (size_t i = 1; i < len; i++) {
        if (p[i] == '"')
            return i + 1;
        if (p[i] == '\\')
            i++;
    }
    return 0;
}

bool rule_media_type(const char *p, size_t len)
{
    size_t i = token_length(p, len);
    if (i == 0 || i == len || p[i] != '/')
        return false;
    size_t n = token_length(p + i + 1, len - i - 1);
    if (n == 0)
        return false;
    i += 1 + n;
    for (;;) {
        i += blank_length(p + i, len - i);
        if (i == len)
            return true;
        if (p[i++] != ';')
            return false;
        i += blank_length(p + i, len - i);
        n = token_length(p + i, len - i);
        if (n == 0)
            continue; /* an empty parameter is allowed */
        i += n;
        if (i == len || p[i++] != '=')
            return false;
        n = token_length(p + i, len - i);
        if (n == 0)
            n = quoted_length(p + i, len - i);
        if (n == 0)
            return false;
        i += n;
    }
}

bool content_type_is_json(const char *content_type, size_t len)
{
    const char *end = content_type + len;
    const char *sub = memchr(content_type, '/', len);
    if (!sub)
        return false;
    size_t n = 0;
    for (sub++; sub + n < end && !strchr("; \t", sub[n]); n++)
        ;
    if (n == 4)
        return strncasecmp(sub, "json", 4) == 0;
    return n > 5 && strncasecmp(sub + n - 5, "+json", 5) == 0;
}

const char *rule_value(const char *name, size_t name_len, const char *p, size_t len)
{
    if (len == 0)
        return "is empty";
    const char *fault = rule_string(p, len);
    if (fault || !rule_is_core(name, name_len))
        return fault;
    if (is(name, name_len, "specversion") && !is(p, len, "1.0"))
        return "is not 1.0";
    if (is(name, name_len, "time") && rfc3339_parse(p, len, NULL) != 0)
        return "is not an RFC 3339 date and time such as 2026-01-15T09:30:00Z";
    if (is(name, name_len, "source") && !rule_uri(p, len, false))
        return "is not a URI-reference (RFC 3986)";
    if (is(name, name_len, "dataschema") && !rule_uri(p, len, true))
        return "is not an absolute URI (RFC 3986)";
    if (is(name, name_len, "datacontenttype") && !rule_media_type(p, len))
        return "is not a media type such as application/json";
    return NULL;
}

int rule_integer(const char *p, size_t len, int32_t *ret)
{
    size_t i = len && p[0] == '-';
    if (i == len || !is_digit(p[i]) || (p[i] == '0' && len > i + 1))
        return -EINVAL;
    bool negative = i == 1;
    int64_t v = 0;
    bool over = false;
    for (; i < len; i++) {
        if (!is_digit(p[i]))
            return -EINVAL;
        if (v <= INT32_MAX)
            v = v * 10 + (p[i] - '0');
        else
            over = true;
    }
    if (negative)
        v = -v;
    if (over || v > INT32_MAX || v < INT32_MIN)
        return -ERANGE;
    *ret = (int32_t)v;
    return 0;
}
