/* SPDX-License-Identifier: Apache-2.0 */
/* csv: see csv.h. */
#include "lib/csv.h"
#include "lib/utf8.h"
#include <stdlib.h>
#include <string.h>

enum state {
    START,  /* of a field */
    PLAIN,  /* in one without quotes, or behind its closing quote */
    QUOTED, /* between quotes */
    QUOTE   /* behind a quote in there: the closing one, or the first of two */
};

void csv_begin(struct csv *c, char separator, int (*record)(void *arg, const struct csv_record *r),
               void *arg)
{
    *c = (struct csv){
        .separator = separator, .record = record, .arg = arg, .line = 1, .record_line = 1};
}

void csv_done(struct csv *c)
{
    free(c->text);
    free(c->converted);
    free(c->start);
    free(c->field);
    *c = (struct csv){.line = 0};
}

/* ---- the record under way ---- */
static void give_up(struct csv *c)
{
    c->faults |= CSV_TOO_LARGE;
    c->len = 0;
}

/* false: out of memory */
static bool add(struct csv *c, const char *p, size_t len)
{
    if ((c->faults & CSV_TOO_LARGE) != 0)
        return true;
    if (len > CSV_RECORD_MAX - c->len) {
        give_up(c);
        return true;
    }
    if (len > c->cap - c->len) {
        size_t cap = c->cap < 512 ? 1024 : c->cap;
        while (cap - c->len < len)
            cap *= 2; /* at most CSV_RECORD_MAX, which is a power of two */
        char *text = realloc(c->text, cap);
        if (text == NULL)
            return false;
        c->text = text;
        c->cap = cap;
    }
    if (len > 0)
        memcpy(c->text + c->len, p, len);
    c->len += len;
    return true;
}

static bool begin_field(struct csv *c)
{
    if (c->n == CSV_FIELDS_MAX)
        give_up(c);
    if ((c->faults & CSV_TOO_LARGE) != 0)
        return true;
    if (c->n == c->n_cap) {
        size_t cap = c->n_cap < 16 ? 32 : c->n_cap * 2;
        size_t *start = realloc(c->start, cap * sizeof *start);
        if (start == NULL)
            return false;
        c->start = start;
        struct csv_field *field = realloc(c->field, cap * sizeof *field);
        if (field == NULL)
            return false;
        c->field = field;
        c->n_cap = cap;
    }
    c->start[c->n++] = c->len;
    return true;
}

/* ---- its texts ---- */
/* Windows-1252 from 0x80 on, as Unicode's own table has it (CP1252.TXT); 0: no character. */
static const uint16_t cp1252[32] = {0x20ac, 0,      0x201a, 0x0192, 0x201e, 0x2026, 0x2020, 0x2021,
                                    0x02c6, 0x2030, 0x0160, 0x2039, 0x0152, 0,      0x017d, 0,
                                    0,      0x2018, 0x2019, 0x201c, 0x201d, 0x2022, 0x2013, 0x2014,
                                    0x02dc, 0x2122, 0x0161, 0x203a, 0x0153, 0,      0x017e, 0x0178};

/* A field becomes three times as long at most. Returns the bytes written, SIZE_MAX: a byte is no
 * character. */
static size_t from_cp1252(const struct csv_field *f, char *out)
{
    size_t n = 0;
    for (size_t i = 0; i < f->len; i++) {
        unsigned char b = (unsigned char)f->p[i];
        int32_t ch = b >= 0x80 && b < 0xa0 ? cp1252[b - 0x80] : b;
        if (ch == 0)
            return SIZE_MAX;
        n += utf8_write(ch, out + n);
    }
    out[n] = 0;
    return n;
}

static bool ascii(const char *p, size_t len)
{
    uint64_t word, high = 0;
    for (; len >= sizeof word; p += sizeof word, len -= sizeof word) {
        memcpy(&word, p, sizeof word);
        high |= word;
    }
    for (; len > 0; p++, len--)
        high |= (uint64_t)(unsigned char)*p;
    return (high & 0x8080808080808080u) == 0;
}

static bool convert(struct csv *c)
{
    size_t used = 0;
    for (size_t i = 0; i < c->n; i++) {
        struct csv_field *f = &c->field[i];
        if (utf8_whole(f->p, f->len))
            continue;
        if (c->converted_cap < 3 * c->len) { /* only before the first of them is written */
            free(c->converted);
            c->converted = malloc(3 * c->cap);
            c->converted_cap = c->converted != NULL ? 3 * c->cap : 0;
            if (c->converted == NULL)
                return false;
        }
        size_t len = from_cp1252(f, c->converted + used);
        if (len == SIZE_MAX) {
            c->faults |= CSV_NO_CHARACTER;
            return true;
        }
        c->faults |= CSV_CP1252;
        *f = (struct csv_field){c->converted + used, len};
        used += len + 1;
    }
    return true;
}

static enum csv_verdict end_record(struct csv *c)
{
    bool whole = (c->faults & CSV_TOO_LARGE) == 0;
    for (size_t i = 0; i < c->n && whole; i++) {
        size_t end = i + 1 < c->n ? c->start[i + 1] : c->len;
        c->field[i] = (struct csv_field){c->text + c->start[i], end - c->start[i] - 1};
    }
    if (whole && !ascii(c->text, c->len) && !convert(c))
        return CSV_NO_MEMORY;
    whole = (c->faults & (CSV_TOO_LARGE | CSV_NO_CHARACTER)) == 0;
    const struct csv_record r = {
        .field = c->field, .n = whole ? c->n : 0, .line = c->record_line, .faults = c->faults};
    int stop = c->record(c->arg, &r);
    c->n = c->len = 0;
    c->faults = 0;
    return stop != 0 ? CSV_STOPPED : CSV_OK;
}

/* ---- the bytes ---- */
static bool is_end_of_line(char b)
{
    return b == '\r' || b == '\n';
}

static void count_line(struct csv *c, char b)
{
    c->line++;
    c->after_cr = b == '\r';
}

/* The bytes up to the next that means something here. */
static size_t run_plain(const struct csv *c, const char *p, const char *end)
{
    const char *s = p;
    while (s < end && *s != c->separator && *s != '\n' && *s != '\r' && *s != 0)
        s++;
    return (size_t)(s - p);
}

static size_t run_quoted(const char *p, const char *end)
{
    const char *s = p;
    while (s < end && *s != '"' && *s != '\n' && *s != '\r' && *s != 0)
        s++;
    return (size_t)(s - p);
}

/* A byte that ends a field, and perhaps its record. */
static enum csv_verdict end_field(struct csv *c, char b)
{
    c->state = START;
    if (!add(c, "", 1))
        return CSV_NO_MEMORY;
    if (!is_end_of_line(b))
        return begin_field(c) ? CSV_OK : CSV_NO_MEMORY;
    count_line(c, b);
    enum csv_verdict v = end_record(c);
    c->record_line = c->line;
    return v;
}

/* The first byte of a field; *taken: it is used up. */
static enum csv_verdict start(struct csv *c, char b, bool *taken)
{
    bool first = c->n == 0 && (c->faults & CSV_TOO_LARGE) == 0;
    if (first && is_end_of_line(b)) { /* a blank line */
        count_line(c, b);
        c->record_line = c->line;
        *taken = true;
        return CSV_OK;
    }
    if (first && !begin_field(c))
        return CSV_NO_MEMORY;
    c->state = PLAIN;
    if (b == '"') {
        c->state = QUOTED;
        c->quote_line = c->line;
        *taken = true;
    }
    return CSV_OK;
}

/* Behind a quote in a quoted field. */
static enum csv_verdict after_quote(struct csv *c, char b, bool *taken)
{
    c->state = PLAIN;
    if (b == '"') {
        c->state = QUOTED;
        *taken = true;
        return add(c, &b, 1) ? CSV_OK : CSV_NO_MEMORY;
    }
    if (b != c->separator && !is_end_of_line(b) && b != ' ')
        c->faults |= CSV_STRAY_QUOTE;
    return CSV_OK;
}

static enum csv_verdict quoted(struct csv *c, char b)
{
    if (b == '"') {
        c->state = QUOTE;
        return CSV_OK;
    }
    count_line(c, b);
    return add(c, &b, 1) ? CSV_OK : CSV_NO_MEMORY;
}

/* The LF of a CR LF, whose line was counted. */
static bool second_half(struct csv *c, char b)
{
    bool half = c->after_cr && b == '\n';
    c->after_cr = false;
    return half;
}

enum csv_verdict csv_feed(struct csv *c, const char *p, size_t len)
{
    enum csv_verdict v = CSV_OK;
    for (const char *end = p + len; p < end && v == CSV_OK;) {
        bool taken = false;
        if (second_half(c, *p)) {
            if (c->state == QUOTED && !add(c, p, 1))
                return CSV_NO_MEMORY;
            p++;
            continue;
        }
        if (c->state == START || c->state == QUOTE) {
            v = *p == 0             ? CSV_NUL
                : c->state == START ? start(c, *p, &taken)
                                    : after_quote(c, *p, &taken);
            p += taken;
            continue;
        }
        size_t run = c->state == PLAIN ? run_plain(c, p, end) : run_quoted(p, end);
        if (!add(c, p, run))
            return CSV_NO_MEMORY;
        p += run;
        if (p < end) {
            v = *p == 0 ? CSV_NUL : c->state == PLAIN ? end_field(c, *p) : quoted(c, *p);
            p++;
        }
    }
    return v;
}

enum csv_verdict csv_end(struct csv *c)
{
    if (c->state == QUOTED)
        return CSV_UNCLOSED;
    if (c->state == START && c->n == 0 && (c->faults & CSV_TOO_LARGE) == 0)
        return CSV_OK;
    return end_field(c, '\n');
}
