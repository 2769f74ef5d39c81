/* SPDX-License-Identifier: Apache-2.0 */
/* csv_document: see csv_document.h. */
#include "lib/csv_document.h"
#include "lib/csv_bytes.h"
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char separators[] = ",;\t";

struct reading {
    struct csv_document *d;
    const struct csv_reading *fn;
    void *arg;
    struct csv csv;
    char *head; /* the beginning of the file, until the heading is found */
    size_t head_n;
    bool begun;
    char separator;
    size_t row, heading, columns; /* of rows that are not blank; how many columns the heading has */
    bool told_cp1252;
    reeve_rc rc;
};

void csv_place(char out[CSV_PLACE_MAX], uint64_t line, const char *column)
{
    size_t len = column != NULL ? strlen(column) : 0;
    if (len > CSV_PLACE_MAX - 48)
        for (len = CSV_PLACE_MAX - 48; len > 0 && ((unsigned char)column[len] & 0xc0) == 0x80;)
            len--; /* whole characters alone */
    (void)snprintf(out, CSV_PLACE_MAX, "line %llu%s%.*s", (unsigned long long)line,
                   column != NULL ? ", column " : "", (int)len, column != NULL ? column : "");
}

void csv_issue(reeve_ctx *ctx, uint32_t severity, const char *code, uint64_t line,
               const char *column, const char *found, const char *wanted, const char *text)
{
    char where[CSV_PLACE_MAX] = "";
    if (line > 0)
        csv_place(where, line, column);
    struct reeve_issue issue = {.size = sizeof issue,
                                .severity = severity,
                                .code = code,
                                .where = where,
                                .found = found,
                                .wanted = wanted,
                                .text = text};
    reeve_issue(ctx, &issue);
}

void csv_set_line(reeve_msg *m, uint64_t line)
{
    (void)reeve_msg_set_int(m, "line", line < INT32_MAX ? (int32_t)line : INT32_MAX);
}

/* How long the white space at s is; 0: it is none. A no-break space is C2 A0. */
static size_t blank(const char *s)
{
    if (*s == ' ' || *s == '\t' || *s == '\r' || *s == '\n')
        return 1;
    return s[0] == '\xc2' && s[1] == '\xa0' ? 2 : 0;
}

struct csv_field csv_cell(const struct csv_record *row, size_t n)
{
    struct csv_field f = n < row->n ? row->field[n] : (struct csv_field){"", 0};
    for (size_t k; f.len > 0 && (k = blank(f.p)) > 0; f.p += k, f.len -= k)
        ;
    for (;;) {
        if (f.len >= 1 && blank(f.p + f.len - 1) == 1)
            f.len -= 1;
        else if (f.len >= 2 && blank(f.p + f.len - 2) == 2)
            f.len -= 2;
        else
            return f;
    }
}

void csv_plain(const char *s, char *out, size_t cap)
{
    size_t n = 0;
    for (; *s != 0 && n + 1 < cap; s++)
        if (isalnum((unsigned char)*s) && (unsigned char)*s < 0x80)
            out[n++] = (char)tolower((unsigned char)*s);
    out[n] = 0;
}

static bool row_is_blank(const struct csv_record *row, size_t from)
{
    for (size_t i = from; i < row->n; i++)
        if (csv_cell(row, i).len > 0)
            return false;
    return true;
}

static void issue(struct reading *r, uint32_t severity, const char *code, uint64_t line,
                  const char *wanted, const char *text)
{
    csv_issue(r->d->ctx, severity, code, line, NULL, NULL, wanted, text);
}

static reeve_rc unreadable(struct reading *r, const char *code, uint64_t line, const char *wanted,
                           const char *text)
{
    issue(r, REEVE_ISSUE_UNREADABLE, code, line, wanted, text);
    return REEVE_REJECT;
}

/* ---- rows ---- */
static void refuse_row(struct reading *r, const struct csv_record *row, const char *code,
                       const char *wanted, const char *text)
{
    issue(r, REEVE_ISSUE_ERROR, code, row->line, wanted, text);
    reeve_refuse(r->d->out, NULL);
}

static reeve_rc take_row(struct reading *r, const struct csv_record *row)
{
    r->d->rows++;
    if ((row->faults & CSV_TOO_LARGE) != 0) {
        refuse_row(r, row, "too-large", "a row of at most 1 MiB and 16384 cells",
                   "the row is larger than the hub reads; a quote that is never closed does this");
        return REEVE_OK;
    }
    if ((row->faults & CSV_NO_CHARACTER) != 0) {
        refuse_row(r, row, "no-character", "text in UTF-8",
                   "a byte is neither UTF-8 nor Windows-1252");
        return REEVE_OK;
    }
    if ((row->faults & CSV_CP1252) != 0 && !r->told_cp1252) {
        r->told_cp1252 = true;
        issue(r, REEVE_ISSUE_WARNING, "not-utf8", row->line, "text in UTF-8",
              "the text is not UTF-8, so it is read as Windows-1252; said once for the file");
    }
    if ((row->faults & CSV_STRAY_QUOTE) != 0)
        issue(r, REEVE_ISSUE_WARNING, "stray-quote", row->line,
              "a quote inside a cell is written twice, and the cell stands in quotes",
              "text follows a closing quote; it is taken as part of the cell");
    if (row->n > r->columns && !row_is_blank(row, r->columns)) {
        refuse_row(r, row, "row-length", "as many cells as the heading has columns",
                   "the row has more cells than the heading, so they cannot be told apart; a "
                   "separator inside a cell needs quotes around the cell");
        return REEVE_OK;
    }
    return r->fn->row(r->arg, row);
}

static int on_row(void *arg, const struct csv_record *row)
{
    struct reading *r = arg;
    if (row->faults == 0 && row_is_blank(row, 0))
        return 0;
    size_t at = r->row++;
    if (at == r->heading) {
        r->columns = row->n;
        r->rc = r->fn->heading(r->arg, row);
    } else if (at > r->heading) {
        r->rc = take_row(r, row);
    }
    return r->rc != REEVE_OK;
}

/* ---- the heading ---- */
struct search {
    struct reading *r;
    size_t row;
    unsigned best;
    char separator;
};

static int on_candidate(void *arg, const struct csv_record *row)
{
    struct search *s = arg;
    if (row->faults == 0 && row_is_blank(row, 0))
        return 0;
    size_t at = s->row++;
    unsigned score = row->n > 0 ? s->r->fn->score(s->r->arg, row) : 0;
    if (score > s->best) {
        s->best = score;
        s->r->heading = at;
        s->r->separator = s->separator;
    }
    return s->row == CSV_HEAD_ROWS;
}

/* The end of the file is known to be in head: whole. false: nothing looks like a heading. */
static bool find_heading(struct reading *r, bool whole)
{
    struct search s = {.r = r};
    for (const char *sep = separators; *sep != 0; sep++) {
        struct csv c;
        s.separator = *sep;
        s.row = 0;
        csv_begin(&c, *sep, on_candidate, &s);
        if (csv_feed(&c, r->head, r->head_n) == CSV_OK && whole)
            (void)csv_end(&c);
        csv_done(&c);
    }
    return s.best > 0;
}

static bool begins(const struct reading *r, const char *s)
{
    size_t n = strlen(s);
    return r->head_n >= n && memcmp(r->head, s, n) == 0;
}

/* The file is no table of ours: what it looks like instead. */
static reeve_rc no_table(struct reading *r)
{
    static const struct {
        const char *begins, *code, *text;
    } kinds[] = {
        {"PK\x03\x04", "spreadsheet",
         "this is a spreadsheet (XLSX, ODS) or another ZIP file; save it as CSV (UTF-8) or JSON"},
        {"\xd0\xcf\x11\xe0", "spreadsheet",
         "this is a spreadsheet (XLS); save it as CSV (UTF-8) or JSON"},
        {"%PDF", "heading-missing", "this is a PDF file, not a table"},
        {"<", "heading-missing", "no row looks like a heading (it looks like XML or HTML)"},
    };
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if (begins(r, kinds[i].begins))
            return unreadable(r, kinds[i].code, 1, r->d->wanted, kinds[i].text);
    const char *nul = r->head_n > 0 ? memchr(r->head, 0, r->head_n) : NULL;
    return unreadable(r, nul != NULL ? "zero-byte" : "heading-missing", 1, r->d->wanted,
                      nul != NULL ? "the file is not text, or UTF-16 without byte order mark"
                      : r->head_n == 0
                          ? "the file is empty"
                          : "no row at the beginning of the file looks like a heading");
}

static reeve_rc verdict(struct reading *r, enum csv_verdict v)
{
    switch (v) {
    case CSV_OK:
        return REEVE_OK;
    case CSV_STOPPED:
        return r->rc;
    case CSV_NUL:
        return unreadable(r, "zero-byte", r->csv.line, "text in UTF-8",
                          "a zero byte stands in the file; it is not text, or was damaged");
    case CSV_UNCLOSED:
        return unreadable(r, "quote-open", r->csv.quote_line, "a closing quote",
                          "the quote that is opened here is never closed");
    case CSV_NO_MEMORY:
        break;
    }
    return reeve_fail(r->d->ctx, REEVE_RETRY, "out of memory");
}

/* Enough was read to look for the heading: the rows begin. */
static reeve_rc begin(struct reading *r, bool whole)
{
    r->begun = true;
    if (begins(r, "PK\x03\x04") || !find_heading(r, whole))
        return no_table(r);
    csv_begin(&r->csv, r->separator, on_row, r);
    if (r->heading > 0)
        issue(r, REEVE_ISSUE_WARNING, "title-row", 1, "the heading in the first row",
              "what stands above the heading is no data and was passed over");
    reeve_rc rc = verdict(r, csv_feed(&r->csv, r->head, r->head_n));
    free(r->head);
    r->head = NULL;
    return rc;
}

static int take_text(void *arg, const char *p, size_t len)
{
    struct reading *r = arg;
    while (len > 0 && !r->begun && r->rc == REEVE_OK) {
        size_t n = CSV_HEAD_BYTES - r->head_n < len ? CSV_HEAD_BYTES - r->head_n : len;
        memcpy(r->head + r->head_n, p, n);
        r->head_n += n;
        p += n;
        len -= n;
        if (r->head_n == CSV_HEAD_BYTES)
            r->rc = begin(r, false);
    }
    if (len > 0 && r->rc == REEVE_OK)
        r->rc = verdict(r, csv_feed(&r->csv, p, len));
    return r->rc != REEVE_OK;
}

static reeve_rc finish(struct reading *r, const struct csv_bytes *bytes)
{
    if (bytes->broken)
        return unreadable(r, "no-character", 0, "text in UTF-8",
                          "the file is UTF-16 by its byte order mark and has half a character");
    reeve_rc rc = r->begun ? REEVE_OK : begin(r, true);
    if (rc == REEVE_OK)
        rc = verdict(r, csv_end(&r->csv));
    if (rc == REEVE_OK && r->d->rows == 0)
        issue(r, REEVE_ISSUE_PACKAGE, "rows-missing", 0, "at least one row below the heading",
              "the table has no rows");
    return rc;
}

reeve_rc csv_document_read(struct csv_document *d, reeve_reader *reader,
                           const struct csv_reading *fn, void *arg)
{
    struct reading r = {.d = d, .fn = fn, .arg = arg, .head = malloc(CSV_HEAD_BYTES)};
    struct csv_bytes bytes = {.broken = false};
    char *piece = malloc(CSV_HEAD_BYTES);
    ptrdiff_t n = 0;
    if (r.head == NULL || piece == NULL)
        r.rc = reeve_fail(d->ctx, REEVE_RETRY, "out of memory");
    while (r.rc == REEVE_OK && !bytes.broken && (n = reeve_read(reader, piece, CSV_HEAD_BYTES)) > 0)
        (void)csv_bytes_feed(&bytes, piece, (size_t)n, take_text, &r);
    if (r.rc == REEVE_OK && n < 0)
        r.rc = reeve_fail(d->ctx, REEVE_RETRY, "the document could not be read to its end");
    if (r.rc == REEVE_OK && csv_bytes_end(&bytes, take_text, &r) == 0)
        r.rc = finish(&r, &bytes);
    csv_done(&r.csv);
    free(piece);
    free(r.head);
    return r.rc;
}
