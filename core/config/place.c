/* SPDX-License-Identifier: Apache-2.0 */
/* place - from a byte of a scalar's value back to line and column of its file.
 *
 * YAML folds lines, doubles quotes and undoes escapes, so the value is not the text. Value and text
 * are walked side by side: white space in the value stands for any run of white space in the text,
 * `''` for a quote, `\x` for its character. Known limit: behind a \u escape in a double-quoted
 * value the column may be a few characters off; the line is right. */
#include "compile.h"
#include <string.h>

static size_t step(const char *p) /* bytes of the character at p */
{
    unsigned char c = (unsigned char)*p;
    return c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
}

/* Byte offset of a place; the text's length when it is not there. */
static size_t offset_of(const struct source *s, unsigned line, unsigned col)
{
    if (line == 0 || line > s->lines_n)
        return s->len;
    size_t at = s->lines[line - 1];
    if (line == 1 && s->len >= 3 && memcmp(s->text, "\xef\xbb\xbf", 3) == 0)
        at += 3;
    for (unsigned i = 1; i < col && at < s->len; i++)
        at += step(s->text + at);
    return at < s->len ? at : s->len;
}

static bool space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static bool spaces(const char *p, size_t n)
{
    while (n > 0 && space(*p))
        p++, n--;
    return n == 0;
}

/* Where the value's first character may stand: behind the quote, or on the line behind `>-`. */
static size_t body_of(const struct source *s, size_t at, char *ret_style)
{
    char c = at < s->len ? s->text[at] : '\0';
    *ret_style = c == '\'' || c == '"' || c == '>' || c == '|' ? c : 'p';
    if (*ret_style == 'p')
        return at;
    if (c == '\'' || c == '"')
        return at + 1;
    while (at < s->len && s->text[at] != '\n')
        at++;
    return at < s->len ? at + 1 : at;
}

/* The offset in the text of byte `offset` of the value; with offset = its length, the end of the
 * scalar. */
static size_t align(const struct source *s, const struct tree *t, size_t offset, char *ret_style)
{
    size_t at = body_of(s, offset_of(s, t->line, t->col), ret_style);
    for (size_t i = 0; at < s->len && i < t->text_len; i++) {
        if (!space(t->text[i])) {
            while (at < s->len && space(s->text[at]))
                at++;
        }
        if (i >= offset)
            return at;
        if (space(t->text[i]))
            at += at < s->len && space(s->text[at]);
        else if (*ret_style == '\'' && t->text[i] == '\'')
            at += 2;
        else if (*ret_style == '"' && s->text[at] == '\\')
            at += 2;
        else
            at++;
    }
    return at < s->len ? at : s->len;
}

void place_in_scalar(const struct compile *c, const struct tree *t, size_t offset, unsigned *line,
                     unsigned *col)
{
    const struct source *s = source_of(c, t);
    *line = t->line;
    *col = t->col;
    if (!s || s->lines_n == 0)
        return;
    char style;
    size_t at = align(s, t, offset, &style);
    size_t low = t->line ? t->line - 1 : 0;
    while (low + 1 < s->lines_n && s->lines[low + 1] <= at)
        low++;
    unsigned n = 1;
    for (size_t p = s->lines[low]; p < at; p += step(s->text + p))
        n++;
    *line = (unsigned)low + 1;
    *col = n;
}

char cut_behind(const struct compile *c, const struct tree *t)
{
    const struct source *s = source_of(c, t);
    if (!s || !t->plain || s->lines_n == 0)
        return '\0';
    char style;
    size_t at = align(s, t, t->text_len, &style), from = at;
    while (at < s->len && (s->text[at] == ' ' || s->text[at] == '\t'))
        at++;
    if (at >= s->len)
        return '\0';
    if (s->text[at] == '#' && at > from)
        return '#';
    return s->text[at] == ',' && !spaces(t->text, t->text_len) ? ',' : '\0';
}
