/* SPDX-License-Identifier: Apache-2.0 */
/* json_cut: see json_cut.h.
 *
 * The scan of one value keeps two numbers (depth, in-string) and looks at quotes, backslashes and
 * brackets only. Inside strings memchr finds the closing quote; outside, a table tells the few
 * bytes that matter from the many that do not. Kinds of brackets are not matched against each other
 * here: the record's parser does that. */
#include "lib/json_cut.h"
#include "lib/json_key.h"
#include <stdlib.h>
#include <string.h>

#define CHUNK (256u << 10)

enum {
    AT_START,
    AT_FIRST_MEMBER,
    AT_MEMBER,
    AFTER_MEMBER,
    AT_FIRST_RECORD,
    AFTER_RECORD,
    AT_TAIL,
    AT_END
};

void json_cut_init(struct json_cut *c, reeve_reader *reader, const char *wanted, size_t limit)
{
    *c = (struct json_cut){
        .reader = reader, .wanted = wanted, .limit = limit, .line = 1, .column = 1};
}

void json_cut_done(struct json_cut *c)
{
    free(c->buf);
    c->buf = NULL;
}

/* Counts the line feeds of [p, p + n) so that places can be told; the last line's length is kept.
 */
static void count_lines(const char *p, size_t n, uint64_t *lines, uint64_t *column)
{
    const char *end = p + n, *q;
    while ((q = memchr(p, '\n', (size_t)(end - p))) != NULL) {
        (*lines)++;
        *column = 0;
        p = q + 1;
    }
    *column += (uint64_t)(end - p);
}

static void drop(struct json_cut *c, size_t n)
{
    count_lines(c->buf + c->start, n, &c->lines_before, &c->column_base);
    c->start += n;
}

/* Reads more behind what is there. false: the end, or failed. */
static bool more(struct json_cut *c)
{
    if (c->eof)
        return false;
    if (c->start > 0 && c->cap - c->end < CHUNK / 2) {
        memmove(c->buf, c->buf + c->start, c->end - c->start);
        c->end -= c->start;
        c->start = 0;
    }
    if (c->cap - c->end < CHUNK / 2) {
        size_t cap = c->cap > 0 ? c->cap * 2 : CHUNK;
        char *p = cap > c->cap ? realloc(c->buf, cap) : NULL;
        if (p == NULL) {
            c->failed = c->eof = true;
            return false;
        }
        c->buf = p;
        c->cap = cap;
    }
    ptrdiff_t n = reeve_read(c->reader, c->buf + c->end, c->cap - c->end);
    if (n <= 0) {
        c->eof = true;
        c->failed = n < 0;
        return false;
    }
    c->end += (size_t)n;
    return true;
}

/* The next byte that is not white space, without taking it; 0 at the end. */
static char peek(struct json_cut *c)
{
    for (;;) {
        size_t at = c->start;
        while (at < c->end && (c->buf[at] == ' ' || c->buf[at] == '\n' || c->buf[at] == '\r' ||
                               c->buf[at] == '\t'))
            at++;
        drop(c, at - c->start);
        if (c->start < c->end)
            return c->buf[c->start];
        if (!more(c))
            return 0;
    }
}

static enum json_cut_event broken(struct json_cut *c, const char *error)
{
    if (c->failed)
        return JSON_CUT_FAILED;
    c->state = AT_END;
    c->error = error;
    c->line = c->lines_before + 1;
    c->column = c->column_base + 1;
    return JSON_CUT_BROKEN;
}

/* How far the scan of one value has come; it survives a refill. */
struct scan {
    size_t at; /* offset from start */
    size_t depth;
    bool in_string, scalar;
};

/* Bytes that matter outside strings: 1 opens, 2 closes, 3 quote, 4 separates. */
static const unsigned char outside[256] = {
    ['{'] = 1, ['['] = 1, ['}'] = 2,  [']'] = 2,  ['"'] = 3,  [','] = 4,
    [':'] = 4, [' '] = 4, ['\n'] = 4, ['\r'] = 4, ['\t'] = 4,
};

/* 1 = the value ends before s->at; 0 = more bytes are needed. */
static int scan_value(const char *p, size_t len, struct scan *s)
{
    size_t at = s->at;
    while (at < len) {
        if (s->in_string) {
            const char *q = memchr(p + at, '"', len - at);
            size_t quote = q != NULL ? (size_t)(q - p) : len, slashes = 0;
            /* an odd number of backslashes before it makes the quote part of the string */
            while (slashes < quote - at && p[quote - slashes - 1] == '\\')
                slashes++;
            if (q == NULL) {
                s->at = quote - slashes % 2; /* one that escapes waits for what it escapes */
                return 0;
            }
            at = quote + 1;
            if (slashes % 2 == 0) {
                s->in_string = false;
                if (s->depth == 0) {
                    s->at = at;
                    return 1;
                }
            }
            continue;
        }
        unsigned char kind = outside[(unsigned char)p[at]];
        if (s->scalar && kind != 0) {
            s->at = at;
            return 1;
        }
        at++;
        if (kind == 1) {
            s->depth++;
        } else if (kind == 2 && --s->depth == 0) {
            s->at = at;
            return 1;
        } else if (kind == 3) {
            s->in_string = true;
        }
    }
    s->at = at;
    return 0;
}

/* Takes the value that begins at start. 1 = c->value is set; 0 = over the limit, passed over; -1 =
 * ended inside. */
static int take_value(struct json_cut *c, size_t *ret_len)
{
    struct scan s = {0};
    bool too_big = false;
    char first = c->buf[c->start];
    s.scalar = first != '{' && first != '[' && first != '"';
    for (;;) {
        int done = scan_value(c->buf + c->start, c->end - c->start, &s);
        if (s.at > c->limit)
            too_big = true;
        if (too_big) { /* keep nothing but what the scan may look back at */
            drop(c, s.at);
            s.at = 0;
        }
        if (done)
            break;
        if (!more(c)) {
            if (s.scalar && !c->failed)
                break; /* a scalar may end with the document */
            return -1;
        }
    }
    *ret_len = s.at;
    return too_big ? 0 : 1;
}

static enum json_cut_event value_event(struct json_cut *c, enum json_cut_event good, int next_state)
{
    size_t len = 0;
    c->line = c->lines_before + 1;
    c->column = c->column_base + 1;
    int r = take_value(c, &len);
    if (r < 0)
        return broken(c, "the document ends inside a value");
    c->state = next_state;
    c->value = c->buf + c->start;
    c->value_len = r > 0 ? len : 0;
    if (r == 0)
        return JSON_CUT_TOO_BIG;
    if (len == 0)
        return broken(c, "a value is missing here");
    c->scan = len; /* dropped by the next call: the slice must stay */
    return good;
}

/* Takes the next member's key and passes over its colon: the scan then stands before the value.
 * NULL, or what is wrong. */
static const char *take_key(struct json_cut *c)
{
    static const char missing[] = "a member name with its colon is missing here";
    struct scan s = {0};
    if (peek(c) != '"')
        return missing;
    while (!scan_value(c->buf + c->start, c->end - c->start, &s)) {
        if (s.at > 64 * 1024 || !more(c))
            return missing;
    }
    if (!json_key(c->buf + c->start + 1, s.at - 2, c->kept_key, sizeof c->kept_key, &c->key_len))
        return "this member name is no JSON string: a bad escape, a control character, or not "
               "UTF-8";
    c->key = c->kept_key;
    drop(c, s.at);
    if (peek(c) != ':')
        return missing;
    drop(c, 1);
    return peek(c) != 0 ? NULL : missing;
}

static enum json_cut_event start_document(struct json_cut *c)
{
    while (c->end - c->start < 3 && more(c))
        ;
    if (c->end - c->start >= 3 && memcmp(c->buf + c->start, "\xef\xbb\xbf", 3) == 0) {
        c->bom = true;
        c->start += 3;
    }
    c->first = peek(c);
    c->root_is_array = c->first == '[';
    if (c->first == 0)
        return broken(c, "the document is empty");
    if (c->first != '{' && c->first != '[')
        return broken(c, "the document does not begin with { or [");
    if ((c->first == '[') != (c->wanted == NULL))
        return broken(c, c->wanted != NULL ? "the document is an array, an object is wanted"
                                           : "the document is an object, an array is wanted");
    drop(c, 1);
    c->state = c->wanted != NULL ? AT_FIRST_MEMBER : AT_FIRST_RECORD;
    return json_cut_next(c);
}

static bool key_is(const struct json_cut *c, const char *name)
{
    return name != NULL && c->key_len == strlen(name) && memcmp(c->key, name, c->key_len) == 0;
}

static enum json_cut_event next_member(struct json_cut *c)
{
    char ch = peek(c);
    if (c->state == AFTER_MEMBER || c->state == AT_FIRST_MEMBER) {
        if (ch == '}') {
            drop(c, 1);
            c->state = AT_TAIL;
            return json_cut_next(c);
        }
        if (c->state == AFTER_MEMBER) {
            if (ch != ',')
                return broken(c, "a comma or } is missing here");
            drop(c, 1);
        }
    }
    const char *wrong = take_key(c);
    if (wrong != NULL)
        return broken(c, wrong);
    if ((key_is(c, c->wanted) || key_is(c, c->also_wanted)) && !c->array_seen &&
        c->buf[c->start] == '[') {
        c->line = c->lines_before + 1;
        c->column = c->column_base + 1;
        drop(c, 1);
        c->array_seen = true;
        c->index = 0;
        c->state = AT_FIRST_RECORD;
        return JSON_CUT_ARRAY;
    }
    c->index = SIZE_MAX;
    return value_event(c, JSON_CUT_MEMBER, AFTER_MEMBER);
}

static enum json_cut_event next_record(struct json_cut *c)
{
    char ch = peek(c);
    if (ch == ']') {
        drop(c, 1);
        c->state = c->wanted != NULL ? AFTER_MEMBER : AT_TAIL;
        return json_cut_next(c);
    }
    if (c->state == AFTER_RECORD) {
        if (ch != ',')
            return broken(c, ch == 0 ? "the document ends inside the array"
                                     : "a comma or ] is missing here");
        drop(c, 1);
        c->index++;
        ch = peek(c);
    }
    if (ch == 0)
        return broken(c, "the document ends inside the array");
    return value_event(c, JSON_CUT_RECORD, AFTER_RECORD);
}

enum json_cut_event json_cut_next(struct json_cut *c)
{
    if (c->scan > 0) { /* the value handed out last */
        drop(c, c->scan);
        c->scan = 0;
    }
    switch (c->state) {
    case AT_START:
        return start_document(c);
    case AT_FIRST_MEMBER:
    case AT_MEMBER:
    case AFTER_MEMBER:
        return next_member(c);
    case AT_FIRST_RECORD:
    case AFTER_RECORD:
        return next_record(c);
    case AT_TAIL:
        if (peek(c) != 0)
            return broken(c, "something follows the end of the document");
        c->state = AT_END;
        return c->failed ? JSON_CUT_FAILED : JSON_CUT_END;
    default:
        return c->failed ? JSON_CUT_FAILED : JSON_CUT_END;
    }
}

void json_cut_place(const struct json_cut *c, size_t offset, uint64_t *line, uint64_t *column)
{
    uint64_t lines = c->line - 1, col = c->column - 1;
    count_lines(c->value, offset < c->value_len ? offset : c->value_len, &lines, &col);
    *line = lines + 1;
    *column = col + 1;
}
