/* SPDX-License-Identifier: Apache-2.0 */
/* json - the scanner: validating and passing over values. It does not recurse (the kind of every
 * open bracket is one bit), looks at each byte once and at eight at a time inside strings. An error
 * stays: every later call fails too. Known limit: nesting is refused beyond JSON_DEPTH_HARD
 * whatever the caller asks for. */
#include "json.h"
#include "swar.h"
#include "utf8.h"
#include <errno.h>
#include <string.h>

#define JSON_DEPTH_HARD 1024

enum { C_SPACE = 1, C_DIGIT = 2 };

static const uint8_t kinds[256] = {
    [' '] = C_SPACE, ['\t'] = C_SPACE, ['\n'] = C_SPACE, ['\r'] = C_SPACE, ['0'] = C_DIGIT,
    ['1'] = C_DIGIT, ['2'] = C_DIGIT,  ['3'] = C_DIGIT,  ['4'] = C_DIGIT,  ['5'] = C_DIGIT,
    ['6'] = C_DIGIT, ['7'] = C_DIGIT,  ['8'] = C_DIGIT,  ['9'] = C_DIGIT,
};

void json_start(struct json_scan *s, const char *p, size_t len, unsigned max_depth)
{
    s->start = s->p = p;
    s->end = len ? p + len : p;
    s->depth = 0;
    s->max_depth = max_depth < JSON_DEPTH_HARD ? max_depth : JSON_DEPTH_HARD;
    s->err.code[0] = s->err.text[0] = '\0';
}

static bool failed(const struct json_scan *s)
{
    return s->err.code[0] != '\0';
}

/* Always -EINVAL, and the first error is kept. */
static __attribute__((cold, noinline)) int fail(struct json_scan *s, const char *at,
                                                const char *code, const char *what)
{
    if (failed(s))
        return -EINVAL;
    unsigned long line = 1;
    const char *bol = s->start;
    while (bol < at) {
        const char *lf = memchr(bol, '\n', (size_t)(at - bol));
        if (!lf)
            break;
        line++;
        bol = lf + 1;
    }
    s->p = at;
    return err_set(&s->err, -EINVAL, code, "line %lu, column %lu: %s", line,
                   (unsigned long)(at - bol) + 1, what);
}

static int fail_syntax(struct json_scan *s, const char *at, const char *expected)
{
    if (at == s->end)
        return fail(s, at, "json-syntax", "the text ends in the middle of a value");
    return fail(s, at, "json-syntax", expected);
}

static inline const char *skip_space(const char *p, const char *end)
{
    while (p < end && kinds[(uint8_t)*p] == C_SPACE)
        p++;
    return p;
}

/* Four hexadecimal digits at p, or -1. */
static int hex4(const char *p, const char *end)
{
    unsigned v = 0;
    if (end - p < 4)
        return -1;
    for (int i = 0; i < 4; i++) {
        unsigned c = (uint8_t)p[i], d = c - '0';
        if (d > 9) {
            d = (c | 0x20) - 'a';
            if (d > 5)
                return -1;
            d += 10;
        }
        v = v << 4 | d;
    }
    return (int)v;
}

/* The escape at p (on the backslash): returns the byte behind it, or NULL. */
static const char *scan_escape(struct json_scan *s, const char *p)
{
    static const char lone[] = "half a surrogate pair is no character";
    const char *at = p++;
    if (p == s->end || *p == '\0' || !strchr("\"\\/bfnrtu", *p)) {
        (void)fail_syntax(s, p, "this escape does not exist");
        return NULL;
    }
    if (*p++ != 'u')
        return p;
    int c = hex4(p, s->end);
    if (c < 0) {
        (void)fail(s, at, "json-syntax", "\\u needs four hexadecimal digits");
        return NULL;
    }
    p += 4;
    if (c < 0xd800 || c > 0xdfff)
        return p;
    int low =
        c < 0xdc00 && s->end - p >= 6 && p[0] == '\\' && p[1] == 'u' ? hex4(p + 2, s->end) : -1;
    if (low < 0xdc00 || low > 0xdfff) {
        (void)fail(s, at, "json-utf8", lone);
        return NULL;
    }
    return p + 6;
}

/* The first byte at or after p which is not plain ASCII of a string, or end. */
static inline const char *skip_plain(const char *p, const char *end)
{
    for (; end - p >= 8; p += 8) {
        uint64_t x = swar_load(p);
        uint64_t marks =
            swar_equal(x, '"') | swar_equal(x, '\\') | swar_below(x, 0x20) | (x & SWAR_TOPS);
        if (marks)
            return p + swar_first(marks);
    }
    while (p < end && *p != '"' && *p != '\\' && (uint8_t)*p >= 0x20 && (uint8_t)*p < 0x80)
        p++;
    return p;
}

/* p is behind the opening quote; returns the byte behind the closing one, or NULL. */
static const char *scan_string(struct json_scan *s, const char *p)
{
    const char *end = s->end;
    for (;;) {
        p = skip_plain(p, end);
        if (p == end) {
            (void)fail(s, p, "json-syntax", "the text ends inside a string");
            return NULL;
        }
        if (*p == '"')
            return p + 1;
        if (*p == '\\') {
            p = scan_escape(s, p);
            if (!p)
                return NULL;
            continue;
        }
        if ((uint8_t)*p < 0x20) {
            (void)fail(s, p, "json-syntax", "a control character inside a string must be escaped");
            return NULL;
        }
        while (p < end && (uint8_t)*p >= 0x80) {
            size_t n = utf8_step((const uint8_t *)p, (const uint8_t *)end);
            if (n == 0) {
                (void)fail(s, p, "json-utf8", "this is not UTF-8");
                return NULL;
            }
            p += n;
        }
    }
}

static const char *skip_digits(const char *p, const char *end)
{
    while (p < end && kinds[(uint8_t)*p] == C_DIGIT)
        p++;
    return p;
}

static const char *scan_number(struct json_scan *s, const char *p)
{
    const char *end = s->end, *digits;
    if (*p == '-')
        p++;
    digits = p;
    p = skip_digits(p, end);
    if (p == digits)
        goto bad;
    if (*digits == '0' && p - digits > 1) {
        (void)fail(s, digits, "json-syntax", "a number must not begin with a zero");
        return NULL;
    }
    if (p < end && *p == '.') {
        digits = ++p;
        p = skip_digits(p, end);
        if (p == digits)
            goto bad;
    }
    if (p < end && (*p == 'e' || *p == 'E')) {
        p++;
        if (p < end && (*p == '+' || *p == '-'))
            p++;
        digits = p;
        p = skip_digits(p, end);
        if (p == digits)
            goto bad;
    }
    return p;
bad:
    (void)fail_syntax(s, p, "a digit was expected");
    return NULL;
}

static const char *scan_word(struct json_scan *s, const char *p, const char *word, size_t len)
{
    if ((size_t)(s->end - p) >= len && memcmp(p, word, len) == 0)
        return p + len;
    (void)fail(s, p, "json-syntax",
               "a value was expected (true, false and null are the only words)");
    return NULL;
}

/* A string, number or word at p < end. */
static const char *scan_scalar(struct json_scan *s, const char *p)
{
    switch (*p) {
    case '"':
        return scan_string(s, p + 1);
    case 't':
        return scan_word(s, p, "true", 4);
    case 'f':
        return scan_word(s, p, "false", 5);
    case 'n':
        return scan_word(s, p, "null", 4);
    default:
        if (*p == '-' || kinds[(uint8_t)*p] == C_DIGIT)
            return scan_number(s, p);
        (void)fail(s, p, "json-syntax", "a value was expected");
        return NULL;
    }
}

/* A member's key and colon; p is where the key must be. Returns where the value may begin. */
static inline const char *scan_key(struct json_scan *s, const char *p, struct json_slice *ret)
{
    p = skip_space(p, s->end);
    if (p == s->end || *p != '"') {
        (void)fail_syntax(s, p, "a member's name in quotes was expected");
        return NULL;
    }
    const char *key = p + 1;
    p = scan_string(s, key);
    if (!p)
        return NULL;
    if (ret)
        *ret = (struct json_slice){key, (size_t)(p - 1 - key)};
    p = skip_space(p, s->end);
    if (p == s->end || *p != ':') {
        (void)fail_syntax(s, p, "a colon was expected after the member's name");
        return NULL;
    }
    return p + 1;
}

static int fail_depth(struct json_scan *s, const char *at)
{
    return fail(s, at, "json-depth", "brackets are nested too deeply");
}

struct open_brackets {
    uint64_t objects[JSON_DEPTH_HARD /
                     64]; /* bit n: level n is an object; only levels < n are ever read */
    unsigned n;
};

static inline void push(struct open_brackets *o, bool object)
{
    uint64_t bit = 1ull << (o->n & 63);
    uint64_t *word = &o->objects[o->n >> 6];
    if ((o->n & 63) == 0)
        *word = 0;
    *word = object ? *word | bit : *word & ~bit;
    o->n++;
}

static inline bool top_is_object(const struct open_brackets *o)
{
    return (o->objects[(o->n - 1) >> 6] >> ((o->n - 1) & 63)) & 1;
}

/* Passes over the container at p. */
static const char *scan_container(struct json_scan *s, const char *p)
{
    const char *end = s->end;
    struct open_brackets open;
    open.n = 0;
    for (;;) { /* p: a value begins here */
        p = skip_space(p, end);
        if (p < end && (*p == '{' || *p == '[')) {
            if (s->depth + open.n >= s->max_depth) {
                (void)fail_depth(s, p);
                return NULL;
            }
            bool object = *p == '{';
            push(&open, object);
            p = skip_space(p + 1, end);
            if (p == end || *p != (object ? '}' : ']')) { /* not empty: the first value inside */
                if (object && !(p = scan_key(s, p, NULL)))
                    return NULL;
                continue;
            }
            p++;
            open.n--;
        } else {
            if (p == end) {
                (void)fail_syntax(s, p, "");
                return NULL;
            }
            p = scan_scalar(s, p);
            if (!p)
                return NULL;
        }
        for (;;) { /* p: behind a value */
            if (open.n == 0)
                return p;
            bool object = top_is_object(&open);
            p = skip_space(p, end);
            if (p < end && *p == ',')
                break;
            if (p == end || *p != (object ? '}' : ']')) {
                (void)fail_syntax(
                    s, p, object ? "a comma or } was expected" : "a comma or ] was expected");
                return NULL;
            }
            p++;
            open.n--;
        }
        p++;
        if (top_is_object(&open) && !(p = scan_key(s, p, NULL)))
            return NULL;
    }
}

char json_peek(struct json_scan *s)
{
    if (failed(s))
        return 0;
    s->p = skip_space(s->p, s->end);
    if (s->p == s->end)
        return 0;
    char c = *s->p;
    if (kinds[(uint8_t)c] == C_DIGIT || (c != '\0' && strchr("{[\"tfn-", c)))
        return c;
    (void)fail(s, s->p, "json-syntax", "a value was expected");
    return 0;
}

int json_value(struct json_scan *s, struct json_slice *ret)
{
    if (failed(s))
        return -EINVAL;
    const char *p = skip_space(s->p, s->end), *behind;
    if (p == s->end)
        return fail(s, p, "json-syntax", "a value was expected, but the text ends here");
    behind = *p == '{' || *p == '[' ? scan_container(s, p) : scan_scalar(s, p);
    if (!behind)
        return -EINVAL;
    s->p = behind;
    if (ret)
        *ret = (struct json_slice){p, (size_t)(behind - p)};
    return 0;
}

int json_enter(struct json_scan *s, char bracket)
{
    if (failed(s))
        return -EINVAL;
    s->p = skip_space(s->p, s->end);
    if (s->p == s->end || *s->p != bracket)
        return fail_syntax(s, s->p,
                           bracket == '{' ? "an object was expected" : "an array was expected");
    if (s->depth >= s->max_depth)
        return fail_depth(s, s->p);
    s->p++;
    s->depth++;
    return 0;
}

/* What both walks do between two items: 1 = an item comes at s->p, 0 = the bracket was closed. */
static int next_item(struct json_scan *s, bool *first, char closing, const char *expected)
{
    if (failed(s))
        return -EINVAL;
    s->p = skip_space(s->p, s->end);
    if (s->p < s->end && *s->p == closing && s->depth > 0) {
        s->p++;
        s->depth--;
        return 0;
    }
    if (*first) {
        *first = false;
        return 1;
    }
    if (s->p == s->end || *s->p != ',')
        return fail_syntax(s, s->p, expected);
    s->p = skip_space(s->p + 1, s->end);
    return 1;
}

int json_member(struct json_scan *s, bool *first, struct json_slice *ret_key)
{
    int r = next_item(s, first, '}', "a comma or } was expected");
    if (r <= 0)
        return r;
    const char *p = scan_key(s, s->p, ret_key);
    if (!p)
        return -EINVAL;
    s->p = p;
    return 1;
}

int json_element(struct json_scan *s, bool *first)
{
    int r = next_item(s, first, ']', "a comma or ] was expected");
    if (r <= 0)
        return r;
    if (s->p == s->end)
        return fail_syntax(s, s->p, "");
    if (*s->p == ']' || *s->p == ',' || *s->p == '}')
        return fail(s, s->p, "json-syntax", "a value was expected");
    return 1;
}

int json_end(struct json_scan *s)
{
    if (failed(s))
        return -EINVAL;
    s->p = skip_space(s->p, s->end);
    if (s->p != s->end)
        return fail(s, s->p, "json-syntax", "nothing but white space may follow the value");
    return 0;
}
