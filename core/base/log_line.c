/* SPDX-License-Identifier: Apache-2.0 */
/* log_line - see log_line.h. */
#include "log_line.h"
#include "utf8.h"
#include "util.h"
#include <stdio.h>
#include <string.h>

#define CUT_ROOM 20 /* nearer the end than one escaped character: something was left out */

static const char ellipsis[] = "\xe2\x80\xa6";

/* ---- text */

/* A field of the line's head: without blanks, since the blank ends the field. */
static void add_field(char *line, size_t cap, const char *s)
{
    for (;;) {
        size_t n = strcspn(s, " ");
        escape_text(line, cap, s, n);
        if (s[n] == '\0')
            return;
        escape_text(line, cap, "\\x20", 4);
        s += n + 1;
    }
}

static void end_line(char *line)
{
    size_t len = strlen(line);
    if (len + CUT_ROOM >= LOG_LINE_MAX) {
        len = LOG_LINE_MAX - CUT_ROOM;
        while (len > 0 && utf8_tail((uint8_t)line[len]))
            len--;
        memcpy(line + len, ellipsis, sizeof(ellipsis) - 1);
        len += sizeof(ellipsis) - 1;
    }
    line[len] = '\n';
    line[len + 1] = '\0';
}

void log_line_text(char line[LOG_LINE_MAX + 1], const struct log_record *r)
{
    char when[RFC3339_MAX];
    rfc3339_ms(r->wall_ms, when);
    (void)snprintf(line, LOG_LINE_MAX, "%s %s ", when, r->level);
    add_field(line, LOG_LINE_MAX / 4, r->process);
    escape_text(line, LOG_LINE_MAX, " ", 1);
    if (r->id) {
        escape_text(line, LOG_LINE_MAX, "id=", 3);
        add_field(line, LOG_LINE_MAX / 2, r->id); /* a long id leaves room for code and text */
        escape_text(line, LOG_LINE_MAX, " ", 1);
    }
    add_field(line, LOG_LINE_MAX, r->code);
    escape_text(line, LOG_LINE_MAX, ": ", 2);
    escape_text(line, LOG_LINE_MAX, r->text, strlen(r->text));
    end_line(line);
}

/* ---- JSON */

/* What stands for the character at p (n bytes; 0: not UTF-8) in a JSON string. */
static size_t escaped(const uint8_t *p, size_t n, char out[8])
{
    if (n == 0) {
        memcpy(out, "\xef\xbf\xbd", 3);
        return 3;
    }
    if (n == 1 && (*p == '"' || *p == '\\')) {
        out[0] = '\\';
        out[1] = (char)*p;
        return 2;
    }
    if (n == 1 && (*p < 0x20 || *p == 0x7f))
        return (size_t)snprintf(out, 8, "\\u%04x", *p);
    memcpy(out, p, n);
    return n;
}

/* Appends "NAME":"VALUE" so that line stays shorter than cap. */
static void add_member(char *line, size_t cap, const char *name, const char *value)
{
    size_t at = strlen(line), len = strlen(value);
    const uint8_t *p = (const uint8_t *)value, *end = p + len;
    char piece[8];
    if (at + strlen(name) + CUT_ROOM >= cap)
        return;
    at += (size_t)snprintf(line + at, cap - at, "%s\"%s\":\"", line[1] ? "," : "", name);
    while (p < end) {
        size_t n = utf8_step(p, end), k = escaped(p, n, piece);
        if (at + k + sizeof(ellipsis) + 1 >= cap) {
            memcpy(line + at, ellipsis, sizeof(ellipsis) - 1);
            at += sizeof(ellipsis) - 1;
            break;
        }
        memcpy(line + at, piece, k);
        at += k;
        p += n ? n : 1;
    }
    line[at++] = '"';
    line[at] = '\0';
}

void log_line_json(char line[LOG_LINE_MAX + 1], const struct log_record *r)
{
    char when[RFC3339_MAX];
    rfc3339_ms(r->wall_ms, when);
    memcpy(line, "{", 2);
    add_member(line, LOG_LINE_MAX, "time", when);
    add_member(line, LOG_LINE_MAX, "level", r->level);
    add_member(line, LOG_LINE_MAX / 4, "process", r->process);
    add_member(line, LOG_LINE_MAX / 4 + 200, "code", r->code);
    if (r->id)
        add_member(line, LOG_LINE_MAX / 2, "id", r->id);
    add_member(line, LOG_LINE_MAX - 2, "text", r->text);
    size_t len = strlen(line);
    memcpy(line + len, "}\n", 3);
}
