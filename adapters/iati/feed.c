/* SPDX-License-Identifier: Apache-2.0 */
/* feed: see feed.h. Which encoding: XML 1.0 appendix F (byte order mark, first bytes, declaration);
 * converted by iconv(3), as libxml2 does. UTF-8 is checked strictly (RFC 3629): libxml2 lets some
 * overlong forms pass, and what it lets pass becomes the body of a message. */
#include "feed.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define NO_ICONV ((iconv_t)-1)

void feed_init_reader(struct feed *f, reeve_reader *r)
{
    memset(f, 0, sizeof *f);
    f->reader = r;
    f->line = 1;
    f->iconv = NO_ICONV;
}

void feed_init_memory(struct feed *f, const char *p, size_t len)
{
    feed_init_reader(f, NULL);
    f->memory = p;
    f->memory_len = len;
}

void feed_done(struct feed *f)
{
    if (f->iconv != NO_ICONV)
        (void)iconv_close(f->iconv);
    f->iconv = NO_ICONV;
    free(f->bytes);
    f->bytes = NULL;
    f->len = f->cap = 0;
}

static ptrdiff_t read_some(struct feed *f, char *p, size_t len)
{
    if (f->reader != NULL)
        return reeve_read(f->reader, p, len);
    size_t n = len < f->memory_len ? len : f->memory_len;
    memcpy(p, f->memory, n);
    f->memory += n;
    f->memory_len -= n;
    return (ptrdiff_t)n;
}

static int grow(struct feed *f, size_t more)
{
    if (f->cap - f->len >= more)
        return 0;
    size_t cap = f->cap + f->cap / 2 > f->len + more ? f->cap + f->cap / 2 : f->len + more;
    char *bigger = realloc(f->bytes, cap);
    if (bigger == NULL)
        return -1;
    f->bytes = bigger;
    f->cap = cap;
    return 0;
}

/* ---- which encoding ---- */

/* The name in the XML declaration that `s` begins with, "" when there is none. */
static void declared(const char *s, size_t len, char out[64])
{
    char head[512];
    size_t n = len < sizeof head - 1 ? len : sizeof head - 1;
    memcpy(head, s, n);
    head[n] = 0;
    out[0] = 0;
    char *end = strncmp(head, "<?xml", 5) == 0 ? strstr(head, "?>") : NULL;
    if (end == NULL)
        return;
    *end = 0;
    const char *at = strstr(head, "encoding");
    if (at == NULL)
        return;
    at += strlen("encoding");
    at += strspn(at, " \t\r\n");
    at += *at == '=' ? 1 : 0;
    at += strspn(at, " \t\r\n");
    size_t name = *at == '"' || *at == '\'' ? strcspn(at + 1, "\"'") : 0;
    if (name > 0 && name < 64)
        (void)snprintf(out, 64, "%.*s", (int)name, at + 1);
}

struct sign {
    const char *bytes, *encoding;
    size_t len, skip; /* skip: a byte order mark */
};
static const struct sign signs[] = {
    {"\x00\x00\xfe\xff", "UTF-32BE", 4, 4}, {"\xff\xfe\x00\x00", "UTF-32LE", 4, 4},
    {"\xfe\xff", "UTF-16BE", 2, 2},         {"\xff\xfe", "UTF-16LE", 2, 2},
    {"\xef\xbb\xbf", "UTF-8", 3, 0},        {"\x00\x00\x00<", "UTF-32BE", 4, 0},
    {"<\x00\x00\x00", "UTF-32LE", 4, 0},    {"\x00<\x00?", "UTF-16BE", 4, 0},
    {"<\x00?\x00", "UTF-16LE", 4, 0},
};

static int open_iconv(struct feed *f, const char *encoding)
{
    f->iconv = iconv_open("UTF-8", encoding);
    f->converts = true;
    if (f->iconv != NO_ICONV)
        return 0;
    (void)snprintf(f->fault, sizeof f->fault, "the encoding %s is not known", encoding);
    return -1;
}

/* EBCDIC: the declaration is readable in IBM037, and says which EBCDIC it is. */
static int start_ebcdic(struct feed *f)
{
    char text[512], *in = f->raw, *out = text;
    size_t in_len = f->raw_len < sizeof text ? f->raw_len : sizeof text, out_len = sizeof text;
    iconv_t c = iconv_open("UTF-8", "IBM037");
    if (c != NO_ICONV) {
        (void)iconv(c, &in, &in_len, &out, &out_len);
        (void)iconv_close(c);
    }
    declared(text, sizeof text - out_len, f->encoding);
    if (f->encoding[0] == 0)
        (void)snprintf(f->encoding, sizeof f->encoding, "IBM037");
    return open_iconv(f, f->encoding);
}

static int start(struct feed *f)
{
    for (size_t i = 0; i < sizeof signs / sizeof signs[0]; i++) {
        const struct sign *s = &signs[i];
        if (f->raw_len < s->len || memcmp(f->raw, s->bytes, s->len) != 0)
            continue;
        (void)snprintf(f->encoding, sizeof f->encoding, "%s", s->encoding);
        f->raw_len -= s->skip;
        f->raw_at += s->skip;
        memmove(f->raw, f->raw + s->skip, f->raw_len);
        return strcmp(s->encoding, "UTF-8") == 0 ? 0 : open_iconv(f, s->encoding);
    }
    if (f->raw_len >= 4 && memcmp(f->raw, "\x4c\x6f\xa7\x94", 4) == 0)
        return start_ebcdic(f);
    declared(f->raw, f->raw_len, f->encoding);
    if (f->encoding[0] == 0 || strcasecmp(f->encoding, "UTF-8") == 0 ||
        strcasecmp(f->encoding, "UTF8") == 0) {
        (void)snprintf(f->encoding, sizeof f->encoding, "UTF-8");
        return 0;
    }
    if (strncasecmp(f->encoding, "UTF-16", 6) == 0 || strncasecmp(f->encoding, "UTF-32", 6) == 0 ||
        strncasecmp(f->encoding, "UCS-", 4) == 0 ||
        strncasecmp(f->encoding, "ISO-10646-UCS", 13) == 0) {
        (void)snprintf(f->fault, sizeof f->fault, "the file says that it is in %s, and is not",
                       f->encoding);
        return -1;
    }
    return open_iconv(f, f->encoding);
}

/* ---- strict UTF-8 ---- */

/* Length of the character at s, 0: not valid, -1: the rest of it is still to come. */
static int character(const unsigned char *s, size_t len)
{
    static const unsigned char first_min[] = {0x80, 0xa0, 0x80, 0x80, 0x90, 0x80, 0x80};
    unsigned char c = s[0];
    if (c < 0x80)
        return 1;
    int n = c >= 0xc2 && c <= 0xdf   ? 2
            : c >= 0xe0 && c <= 0xef ? 3
            : c >= 0xf0 && c <= 0xf4 ? 4
                                     : 0;
    if (n == 0)
        return 0;
    unsigned char low = c == 0xe0 ? first_min[1] : c == 0xf0 ? first_min[4] : 0x80;
    unsigned char high = c == 0xed ? 0x9f : c == 0xf4 ? 0x8f : 0xbf;
    for (int i = 1; i < n; i++) {
        if ((size_t)i >= len)
            return -1;
        if (s[i] < low || s[i] > high)
            return 0;
        low = 0x80;
        high = 0xbf;
    }
    return n;
}

static enum feed_rc check_utf8(struct feed *f)
{
    const unsigned char *p = (const unsigned char *)f->bytes;
    size_t at = (size_t)(f->valid - f->base);
    while (at < f->len) {
        uint64_t word;
        if (f->len - at >= sizeof word) {
            memcpy(&word, p + at, sizeof word);
            if ((word & 0x8080808080808080u) == 0) {
                at += sizeof word;
                continue;
            }
        }
        int n = character(p + at, f->len - at);
        if (n < 0 && !f->ended)
            break;
        if (n <= 0) {
            f->valid = f->base + at;
            (void)snprintf(f->fault, sizeof f->fault, "the byte %02x is not UTF-8%s", p[at],
                           f->converts ? ""
                                       : "; the file has no other encoding in its declaration");
            return FEED_WRONG;
        }
        at += (size_t)n;
    }
    f->valid = f->base + at;
    return f->ended ? FEED_END : FEED_MORE;
}

/* ---- reading on ---- */

static enum feed_rc convert(struct feed *f)
{
    char *in = f->raw;
    size_t in_len = f->raw_len;
    while (in_len > 0 || f->ended) {
        if (grow(f, in_len * 2 + 64) < 0)
            return FEED_FAILED;
        char *out = f->bytes + f->len;
        size_t out_len = f->cap - f->len;
        bool last = in_len == 0; /* what a stateful encoding still owes */
        size_t r = iconv(f->iconv, last ? NULL : &in, last ? NULL : &in_len, &out, &out_len);
        f->len = (size_t)(out - f->bytes);
        if (r != (size_t)-1 && last)
            break;
        if (r != (size_t)-1 || errno == E2BIG)
            continue;
        if (errno == EINVAL && !f->ended)
            break;
        (void)snprintf(f->fault, sizeof f->fault, "the byte %02x (at byte %llu) is not %s",
                       (unsigned char)in[0],
                       (unsigned long long)(f->raw_at + (uint64_t)(in - f->raw)), f->encoding);
        f->valid = f->base + f->len;
        return FEED_WRONG;
    }
    f->raw_at += (uint64_t)(in - f->raw);
    f->raw_len = in_len;
    memmove(f->raw, in, in_len);
    return check_utf8(f);
}

static enum feed_rc take(struct feed *f)
{
    if (f->converts)
        return convert(f);
    if (grow(f, f->raw_len) < 0)
        return FEED_FAILED;
    memcpy(f->bytes + f->len, f->raw, f->raw_len);
    f->len += f->raw_len;
    f->raw_at += f->raw_len;
    f->raw_len = 0;
    return check_utf8(f);
}

static void drop(struct feed *f)
{
    uint64_t keep = f->keep < f->valid ? f->keep : f->valid;
    if (keep <= f->base)
        return;
    (void)feed_line(f, keep);
    size_t gone = (size_t)(keep - f->base);
    f->len -= gone;
    memmove(f->bytes, f->bytes + gone, f->len);
    f->base = keep;
}

enum feed_rc feed_more(struct feed *f)
{
    if (grow(f, 1) < 0) /* so that there always is a place to point at */
        return FEED_FAILED;
    drop(f);
    do {
        ptrdiff_t n = f->ended ? 0 : read_some(f, f->raw + f->raw_len, sizeof f->raw - f->raw_len);
        if (n < 0)
            return FEED_FAILED;
        f->ended = n == 0;
        f->raw_len += (size_t)n;
    } while (!f->started && !f->ended && f->raw_len < 1024); /* enough to see the declaration */
    if (!f->started && start(f) < 0)
        return FEED_WRONG;
    f->started = true;
    return take(f);
}

void feed_keep(struct feed *f, uint64_t from)
{
    f->keep = from;
}

const char *feed_at(const struct feed *f, uint64_t offset)
{
    return offset < f->base || offset > f->base + f->len ? NULL : f->bytes + (offset - f->base);
}

uint64_t feed_tag_before(const struct feed *f, uint64_t offset)
{
    if (offset <= f->base || offset > f->base + f->len)
        return UINT64_MAX;
    const char *p = memrchr(f->bytes, '<', (size_t)(offset - f->base));
    return p == NULL ? UINT64_MAX : f->base + (uint64_t)(p - f->bytes);
}

/* A CR ends a line; a LF does unless a CR stands before it. */
static uint64_t line_ends(const char *p, size_t len, char before)
{
    uint64_t n = 0;
    for (size_t i = 0; i < len; i++) {
        n += p[i] == '\r' || (p[i] == '\n' && before != '\r') ? 1 : 0;
        before = p[i];
    }
    return n;
}

uint64_t feed_line(struct feed *f, uint64_t offset)
{
    if (offset > f->base + f->len)
        offset = f->base + f->len;
    if (offset < f->line_at) { /* back: without moving there */
        if (offset < f->base)
            return f->line;
        const char *p = f->bytes + (offset - f->base);
        return f->line - line_ends(p, (size_t)(f->line_at - offset), offset > f->base ? p[-1] : 0);
    }
    if (offset == f->line_at)
        return f->line;
    const char *p = f->bytes + (f->line_at - f->base);
    size_t len = (size_t)(offset - f->line_at);
    f->line += line_ends(p, len, f->line_before);
    f->line_before = p[len - 1];
    f->line_at = offset;
    return f->line;
}
