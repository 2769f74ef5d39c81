/* SPDX-License-Identifier: Apache-2.0 */
/* sheet: a table of grants, streaming. Each row becomes a grant in JSON; rows of one Identifier are
 * put together while it is among the last WINDOW grants, then the grant is checked and emitted like
 * one of a package. Memory: those grants (WINDOW_BYTES, or one that is larger), and 28 bytes for
 * each identifier. */
#include "sheet.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WINDOW       64u
#define WINDOW_BYTES ((size_t)4 << 20)
#define ROWS_MAX     1000u /* of one grant */

struct waiting { /* a grant that rows may still be added to */
    char *json;
    size_t len;
    uint64_t line; /* of its first row */
    unsigned rows;
    bool named, refused; /* it has an identifier; its rows contradict each other */
    struct print id;
};

struct sheet {
    struct csv_document doc;
    struct sheet_columns columns;
    struct json_parser *parser, *other;
    struct print_set *ids; /* of the grants that came, waiting ones included */
    struct waiting queue[WINDOW];
    size_t first, n, bytes;
    uint64_t line; /* of the heading, then of the row that is looked at */
};

static void say(struct sheet *s, uint32_t severity, const char *code, uint64_t line,
                const char *column, const char *wanted, const char *text)
{
    csv_issue(s->doc.ctx, severity, code, line, column, NULL, wanted, text);
}

/* ---- a grant that is whole ---- */
struct source { /* of a check */
    const struct sheet *sheet;
    uint64_t line;
};

/* "line 12, column Award Date"; where no column has it: "line 12, /fundingOrganization". */
static void where_in_sheet(const struct check *c, const struct place *at, char out[POINTER_MAX])
{
    const struct source *source = c->source;
    const char *column = sheet_heading_of(&source->sheet->columns, at);
    char pointer[POINTER_MAX];
    csv_place(out, source->line, column);
    if (column != NULL || at == NULL)
        return;
    size_t n = strlen(out);
    place_pointer(at, pointer);
    (void)snprintf(out + n, POINTER_MAX - n, ", %s", pointer);
}

static reeve_rc over_limit(struct sheet *s, uint64_t line)
{
    say(s, REEVE_ISSUE_ERROR, "too-large", line, NULL, "a grant within the message limit",
        "the grant is larger than a message may be");
    reeve_refuse(s->doc.out, NULL);
    return REEVE_OK;
}

/* What was written here does not parse: it is too deep or has too many values, or memory ran out.
 */
static bool no_memory(const struct json_parser *p)
{
    const char *sentence;
    size_t at;
    return json_parser_fault(p, &sentence, &at) == JSON_NO_MEMORY;
}

static reeve_rc finish_grant(struct sheet *s, const struct waiting *g)
{
    const struct source source = {s, g->line};
    struct check c = {.ctx = s->doc.ctx, .where = where_in_sheet, .source = &source};
    const struct json_node *grant = json_parse(s->parser, g->json, g->len);
    if (grant == NULL)
        return no_memory(s->parser) ? REEVE_RETRY : over_limit(s, g->line);
    reeve_msg *m = reeve_msg_new(s->doc.ctx);
    if (m == NULL)
        return REEVE_RETRY;
    if (reeve_msg_set_body(m, "application/json", g->json, g->len) != 0) {
        reeve_msg_free(m);
        return over_limit(s, g->line);
    }
    grant_judge(&c, NULL, grant);
    c.errors += g->refused;
    csv_set_line(m, g->line);
    return grant_settle(s->doc.out, &c, grant, m);
}

/* The grant that waits longest. */
static reeve_rc finish_first(struct sheet *s)
{
    struct waiting *g = &s->queue[s->first];
    reeve_rc rc = finish_grant(s, g);
    s->bytes -= g->len;
    free(g->json);
    *g = (struct waiting){.json = NULL};
    s->first = (s->first + 1) % WINDOW;
    s->n--;
    return rc;
}

/* ---- rows ---- */
static struct waiting *waiting_for(struct sheet *s, struct print id)
{
    for (size_t i = 0; i < s->n; i++) {
        struct waiting *g = &s->queue[(s->first + i) % WINDOW];
        if (g->named && g->id.a == id.a && g->id.b == id.b)
            return g;
    }
    return NULL;
}

static reeve_rc wait_for_more(struct sheet *s, struct json_write *w, const struct waiting *like)
{
    reeve_rc rc = REEVE_OK;
    while (rc == REEVE_OK && s->n > 0 && (s->n == WINDOW || s->bytes + w->len > WINDOW_BYTES))
        rc = finish_first(s);
    if (rc != REEVE_OK)
        return rc;
    struct waiting *g = &s->queue[(s->first + s->n) % WINDOW];
    *g = *like;
    g->json = malloc(w->len > 0 ? w->len : 1);
    if (g->json == NULL)
        return reeve_fail(s->doc.ctx, REEVE_RETRY, "out of memory");
    memcpy(g->json, w->p, w->len);
    g->len = w->len;
    s->bytes += w->len;
    s->n++;
    return REEVE_OK;
}

struct contradicting {
    struct sheet *sheet;
    struct waiting *grant;
};

static void contradiction(void *arg, const struct place *at)
{
    struct contradicting *a = arg;
    struct sheet *s = a->sheet;
    char text[128], pointer[POINTER_MAX];
    const char *column = sheet_heading_of(&s->columns, at);
    a->grant->refused = true;
    place_pointer(at, pointer);
    (void)snprintf(text, sizeof text,
                   "the row says something else than line %llu, which is about the same grant",
                   (unsigned long long)a->grant->line);
    say(s, REEVE_ISSUE_ERROR, "rows-contradict", s->line, column != NULL ? column : pointer,
        "the same in every row of a grant, or nothing", text);
}

static reeve_rc add_row(struct sheet *s, struct waiting *g, const struct json_write *row)
{
    struct json_write w;
    struct contradicting c = {s, g};
    struct sheet_merge m = {.w = &w, .contradiction = contradiction, .arg = &c};
    if (g->rows++ == ROWS_MAX) {
        g->refused = true;
        say(s, REEVE_ISSUE_ERROR, "rows-many", s->line, NULL, "at most 1000 rows of one grant",
            "the grant has more rows than the hub puts together");
    }
    if (g->rows > ROWS_MAX)
        return REEVE_OK;
    const struct json_node *a = json_parse(s->parser, g->json, g->len),
                           *b = json_parse(s->other, row->p, row->len);
    if ((a == NULL && no_memory(s->parser)) || (b == NULL && no_memory(s->other)))
        return REEVE_RETRY;
    json_write_init(&w, CSV_RECORD_MAX * 4);
    if (a != NULL && b != NULL)
        sheet_merge(&m, NULL, a, b);
    if (m.no_memory) {
        json_write_done(&w);
        return REEVE_RETRY;
    }
    if (a == NULL || b == NULL || w.failed) {
        g->refused = true;
        say(s, REEVE_ISSUE_ERROR, "too-large", s->line, NULL, "a grant of at most 4 MiB",
            "the grant is larger than the hub puts together");
    } else {
        s->bytes += w.len - g->len;
        free(g->json);
        g->json = w.p;
        g->len = w.len;
        w.p = NULL;
    }
    json_write_done(&w);
    return REEVE_OK;
}

static reeve_rc take_row(struct sheet *s, const struct csv_record *row, struct json_write *w)
{
    struct csv_field id =
        s->columns.id != SIZE_MAX ? csv_cell(row, s->columns.id) : (struct csv_field){"", 0};
    struct waiting like = {.line = row->line, .rows = 1, .named = id.len > 0};
    s->line = row->line;
    if (!like.named)
        return wait_for_more(s, w, &like);
    like.id = text_print(id.p, id.len);
    struct waiting *g = waiting_for(s, like.id);
    if (g != NULL)
        return add_row(s, g, w);
    int fresh = print_set_add(s->ids, like.id);
    if (fresh < 0)
        return reeve_fail(s->doc.ctx, REEVE_RETRY, "out of memory");
    if (fresh > 0)
        return wait_for_more(s, w, &like);
    say(s, REEVE_ISSUE_ERROR, "rows-apart", row->line, s->columns.heading[s->columns.id],
        "the rows of a grant below each other",
        "a grant of this identifier stands so far above that the rows cannot be put together");
    reeve_refuse(s->doc.out, NULL);
    return REEVE_OK;
}

/* ---- the table ---- */
static unsigned on_score(void *arg, const struct csv_record *row)
{
    (void)arg;
    return sheet_score(row);
}

static void on_twice(void *arg, const char *heading)
{
    struct sheet *s = arg;
    say(s, REEVE_ISSUE_WARNING, "heading-twice", s->line, heading, "each column once",
        "a column before says the same, or one that does not go together with it; this one is kept "
        "under its heading");
}

static reeve_rc on_heading(void *arg, const struct csv_record *row)
{
    struct sheet *s = arg;
    s->line = row->line;
    if (row->n > SHEET_COLUMNS_MAX) {
        say(s, REEVE_ISSUE_UNREADABLE, "too-large", row->line, NULL, "at most 2048 columns",
            "the table has more columns than the hub reads");
        return REEVE_REJECT;
    }
    return sheet_set(&s->columns, row, on_twice, s) == 0
               ? REEVE_OK
               : reeve_fail(s->doc.ctx, REEVE_RETRY, "out of memory");
}

static reeve_rc on_row(void *arg, const struct csv_record *row)
{
    struct sheet *s = arg;
    struct json_write w;
    json_write_init(&w, (size_t)reeve_limit(s->doc.ctx, "message"));
    sheet_write(&w, &s->columns, row);
    reeve_rc rc = w.failed ? over_limit(s, row->line) : take_row(s, row, &w);
    json_write_done(&w);
    return rc;
}

reeve_rc sheet_decode(reeve_ctx *ctx, reeve_reader *r, reeve_out *out)
{
    static const struct csv_reading reading = {on_score, on_heading, on_row};
    struct sheet s = {.doc = {.ctx = ctx,
                              .out = out,
                              .wanted = "a 360Giving package: {\"grants\": [ … ]}, or a table "
                                        "with a heading such as Identifier,Title,Description"},
                      .columns = {.id = SIZE_MAX},
                      .parser = json_parser_new(BODY_DEPTH_MAX),
                      .other = json_parser_new(BODY_DEPTH_MAX),
                      .ids = print_set_new()};
    reeve_rc rc = s.parser != NULL && s.other != NULL && s.ids != NULL
                      ? csv_document_read(&s.doc, r, &reading, &s)
                      : reeve_fail(ctx, REEVE_RETRY, "out of memory");
    while (s.n > 0 && rc == REEVE_OK)
        rc = finish_first(&s);
    for (size_t i = 0; i < WINDOW; i++)
        free(s.queue[i].json);
    sheet_done(&s.columns);
    print_set_free(s.ids);
    json_parser_free(s.other);
    json_parser_free(s.parser);
    return rc;
}
