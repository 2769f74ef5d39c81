/* SPDX-License-Identifier: Apache-2.0 */
/* encode: spend records as a table with the headings of the Local Government Association's
 * guidance. It is read again as the same records: every column that means something stands there,
 * so none of the extras is taken for one. */
#include "spend.h"
#include "lib/json_node.h"
#include <stdlib.h>
#include <string.h>

struct table {
    reeve_ctx *ctx;
    reeve_buf *out;
    struct json_parser *parser;
    char **extra;   /* headings of columns that mean nothing, each once, as they came */
    size_t *sorted; /* their places, in the order of the headings */
    size_t extras, cap;
    const struct json_node **cell; /* of the record under way: what stands in them */
    enum target amount;            /* the column of all amounts */
    bool mixed; /* some are net or gross and others are not: a column of its own says it */
    bool written, failed;
    size_t cells; /* of the line under way */
};
#define BASIS "Basis"

static reeve_rc refuse(struct table *t, const reeve_msg *m, const char *why)
{
    return reeve_fail(t->ctx, REEVE_REJECT, "the payment %s %s", reeve_msg_id(m), why);
}

static bool is_text(const struct json_node *v)
{
    return node_is(v, JSON_STRING) && strlen(v->text) == v->len;
}

/* What the record has for a column; NULL: nothing. */
static const char *text_of(const struct json_node *record, enum target t, enum target amount)
{
    bool money = t == NET || t == AMOUNT || t == GROSS;
    const char *name = money ? "amount" : spend_meaning[t].member;
    const struct json_node *v = node_member(record, name);
    if (money && t != amount)
        return NULL;
    if (t == CARD && (node_is(v, JSON_TRUE) || node_is(v, JSON_FALSE)))
        return node_is(v, JSON_TRUE) ? "Yes" : "No";
    return member_text(record, name);
}

/* ---- what a table can hold ---- */
static enum target basis_of(const struct json_node *record)
{
    const char *basis = member_text(record, "basis");
    return basis == NULL                 ? AMOUNT
           : strcmp(basis, "net") == 0   ? NET
           : strcmp(basis, "gross") == 0 ? GROSS
                                         : AMOUNT;
}

/* Who reads the table would take the row for a total. */
static bool looks_like_total(const struct json_node *record)
{
    const struct json_node *extras = node_member(record, "extras");
    bool label = false;
    if (member_text(record, "date") != NULL || member_text(record, "number") != NULL)
        return false;
    for (enum target t = 0; t < TARGETS; t++) {
        const char *s = text_of(record, t, TARGETS);
        label = label || (s != NULL && is_total_label(s, false));
    }
    for (const struct json_node *m = node_is(extras, JSON_OBJECT) ? extras->first : NULL; m != NULL;
         m = m->next)
        label = label || (node_is(m, JSON_STRING) && is_total_label(m->text, false));
    return label;
}

static const char *fault_of(const struct json_node *record)
{
    char amount[SPEND_AMOUNT_MAX + 1], currency[4];
    const char *s = member_text(record, "amount");
    const struct json_node *extras = node_member(record, "extras");
    if (s == NULL || !spend_amount(s, amount, currency) || member_text(record, "currency") == NULL)
        return "has no record of a spend file as its body: there is no amount with its currency";
    if (extras != NULL && !node_is(extras, JSON_OBJECT))
        return "has extras that are no columns";
    for (const struct json_node *m = extras != NULL ? extras->first : NULL; m != NULL; m = m->next)
        if (!is_text(m) || m->name_len == 0 || strlen(m->name) != m->name_len)
            return "has extras that a cell of a table cannot hold";
    if (looks_like_total(record))
        return "has neither date nor number and would be read as a total";
    return NULL;
}

/* NULL: *ret is the verdict. */
static const struct json_node *read_record(struct table *t, const reeve_msg *m, reeve_rc *ret)
{
    size_t len = 0;
    const char *type = reeve_msg_get(m, "type"), *body = reeve_msg_body(m, &len);
    const struct json_node *record = body != NULL ? json_parse(t->parser, body, len) : NULL;
    const char *fault = type == NULL || strcmp(type, "funding.payment") != 0
                            ? "is none: a spend file holds funding.payment only"
                        : record == NULL ? "has no record of a spend file as its body"
                                         : fault_of(record);
    *ret = fault != NULL ? refuse(t, m, fault) : REEVE_OK;
    return fault != NULL ? NULL : record;
}

/* ---- the columns ---- */
/* The column of a meaning that is written under this heading; TARGETS: there is none. */
static enum target meaning_of(const struct table *t, const char *heading)
{
    for (enum target m = 0; m < TARGETS; m++)
        if (strcmp(spend_meaning[m].heading, heading) == 0 &&
            ((m != NET && m != AMOUNT && m != GROSS) || m == t->amount))
            return m;
    return TARGETS;
}

/* Where the heading stands among the sorted ones, or would. */
static size_t search(const struct table *t, const char *heading, bool *ret_found)
{
    size_t low = 0, high = t->extras;
    *ret_found = false;
    while (low < high && !*ret_found) {
        size_t mid = low + (high - low) / 2;
        int order = strcmp(heading, t->extra[t->sorted[mid]]);
        *ret_found = order == 0;
        low = order > 0 ? mid + 1 : order == 0 ? mid : low;
        high = order < 0 ? mid : high;
    }
    return low;
}

static bool has_room(struct table *t)
{
    if (t->extras < t->cap)
        return true;
    size_t cap = t->cap < 16 ? 32 : t->cap * 2;
    char **extra = realloc(t->extra, cap * sizeof *extra);
    t->extra = extra != NULL ? extra : t->extra;
    size_t *sorted = realloc(t->sorted, cap * sizeof *sorted);
    t->sorted = sorted != NULL ? sorted : t->sorted;
    if (extra == NULL || sorted == NULL)
        return false;
    t->cap = cap;
    return true;
}

/* When there are more than a table may have, which is refused, no more are needed. */
static int add_column(struct table *t, const char *heading)
{
    bool found;
    size_t at = search(t, heading, &found);
    if (found || t->extras == CSV_FIELDS_MAX)
        return 0;
    char *copy = has_room(t) ? strdup(heading) : NULL;
    if (copy == NULL)
        return -1;
    memmove(t->sorted + at + 1, t->sorted + at, (t->extras - at) * sizeof *t->sorted);
    t->sorted[at] = t->extras;
    t->extra[t->extras++] = copy;
    return 0;
}

/* An extra stands under its own heading, or in the empty column of that heading. */
static bool in_column_of(const struct table *t, const struct json_node *record, const char *heading)
{
    enum target m = meaning_of(t, heading);
    return m != TARGETS && text_of(record, m, t->amount) == NULL;
}

static int add_columns(struct table *t, const struct json_node *record)
{
    const struct json_node *extras = node_member(record, "extras");
    for (const struct json_node *m = extras != NULL ? extras->first : NULL; m != NULL; m = m->next)
        if (!m->repeated && m->len > 0 && !in_column_of(t, record, m->name) &&
            add_column(t, m->name) != 0)
            return -1;
    return t->mixed && member_text(record, "basis") != NULL ? add_column(t, BASIS) : 0;
}

/* ---- cells ---- */
static void put(struct table *t, const char *s, size_t len)
{
    if (!t->failed && len > 0)
        t->failed = reeve_buf_add(t->out, s, len) != 0;
}

/* RFC 4180: in quotes when it has to be, and what is in them twice. */
static void put_cell(struct table *t, const char *s)
{
    put(t, ",", t->cells++ > 0);
    if (s == NULL)
        return;
    if (strpbrk(s, ",\"\r\n\t;") == NULL && s[0] != ' ') {
        put(t, s, strlen(s));
        return;
    }
    put(t, "\"", 1);
    for (size_t n; *s != 0; s += n) {
        n = strcspn(s, "\"");
        put(t, s, n + (s[n] == '"'));
        put(t, "\"", s[n] == '"');
        n += s[n] == '"';
    }
    put(t, "\"", 1);
}

static void end_line(struct table *t)
{
    put(t, "\r\n", 2);
    t->cells = 0;
}

static void put_heading(struct table *t)
{
    for (enum target m = 0; m < TARGETS; m++)
        if ((m != NET && m != AMOUNT && m != GROSS) || m == t->amount)
            put_cell(t, spend_meaning[m].heading);
    for (size_t i = 0; i < t->extras; i++)
        put_cell(t, t->extra[i]);
    end_line(t);
}

/* The extras of a record, each in its column. */
static void find_cells(struct table *t, const struct json_node *extras)
{
    for (size_t i = 0; i < t->extras; i++)
        t->cell[i] = NULL;
    for (const struct json_node *m = extras != NULL ? extras->first : NULL; m != NULL;
         m = m->next) {
        bool found;
        size_t at = search(t, m->name, &found);
        if (found) /* of a name that stands there twice the last one counts */
            t->cell[t->sorted[at]] = m;
    }
}

static void put_record(struct table *t, const struct json_node *record)
{
    const struct json_node *extras = node_member(record, "extras");
    for (enum target m = 0; m < TARGETS; m++) {
        const char *s = text_of(record, m, t->amount);
        if ((m == NET || m == AMOUNT || m == GROSS) && m != t->amount)
            continue;
        put_cell(t, s != NULL ? s : member_text(extras, spend_meaning[m].heading));
    }
    find_cells(t, extras);
    for (size_t i = 0; i < t->extras; i++) {
        const char *s =
            t->cell[i] == NULL || in_column_of(t, record, t->extra[i]) ? NULL : t->cell[i]->text;
        bool basis = t->mixed && s == NULL && strcmp(t->extra[i], BASIS) == 0;
        put_cell(t, basis ? member_text(record, "basis") : s);
    }
    end_line(t);
}

/* ---- the table ---- */
/* fn is given every record, read for it. */
static reeve_rc each(struct table *t, const reeve_msg *const *msgs, size_t n,
                     int (*fn)(struct table *t, const struct json_node *record))
{
    reeve_rc rc = REEVE_OK;
    for (size_t i = 0; i < n && rc == REEVE_OK; i++) {
        const struct json_node *record = read_record(t, msgs[i], &rc);
        if (record != NULL && fn(t, record) != 0)
            rc = reeve_fail(t->ctx, REEVE_RETRY, "out of memory");
    }
    return rc;
}

static int see_basis(struct table *t, const struct json_node *record)
{
    enum target basis = basis_of(record);
    t->mixed = t->mixed || (t->written && basis != t->amount);
    t->amount = t->mixed ? AMOUNT : basis;
    t->written = true;
    return 0;
}

static int write_row(struct table *t, const struct json_node *record)
{
    put_record(t, record);
    return 0;
}

reeve_rc spend_encode(reeve_ctx *ctx, void *inst, const reeve_msg *const *msgs, size_t n,
                      reeve_buf *out)
{
    (void)inst;
    struct table t = {.ctx = ctx, .out = out, .parser = json_parser_new(BODY_DEPTH_MAX)};
    reeve_rc rc = t.parser != NULL ? each(&t, msgs, n, see_basis)
                                   : reeve_fail(ctx, REEVE_RETRY, "out of memory");
    if (rc == REEVE_OK)
        rc = each(&t, msgs, n, add_columns);
    if (rc == REEVE_OK && t.extras + TARGETS > CSV_FIELDS_MAX)
        rc = reeve_fail(ctx, REEVE_REJECT, "the payments have more columns than a table may");
    if (rc == REEVE_OK && (t.cell = calloc(t.extras + 1, sizeof *t.cell)) == NULL)
        rc = reeve_fail(ctx, REEVE_RETRY, "out of memory");
    if (rc == REEVE_OK) {
        t.failed = reeve_buf_set(out, "content-type", "text/csv; charset=utf-8") != 0;
        put_heading(&t);
        rc = each(&t, msgs, n, write_row);
    }
    if (rc == REEVE_OK && t.failed)
        rc = reeve_fail(ctx, REEVE_REJECT, "the table would be over the message limit");
    for (size_t i = 0; i < t.extras; i++)
        free(t.extra[i]);
    free(t.cell);
    free(t.sorted);
    free(t.extra);
    json_parser_free(t.parser);
    return rc;
}
