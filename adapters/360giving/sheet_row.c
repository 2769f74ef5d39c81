/* SPDX-License-Identifier: Apache-2.0 */
/* sheet_row: a row as a grant in JSON, and rows of one grant put together. */
#include "sheet.h"
#include "lib/node_index.h"
#include <stdlib.h>
#include <string.h>

#define NUMBER_MAX 64

static bool filled(const struct sheet_node *n, const struct csv_record *row)
{
    if (n->shape == SHEET_CELL)
        return csv_cell(row, n->column).len > 0;
    for (const struct sheet_node *c = n->first; c != NULL; c = c->next)
        if (filled(c, row))
            return true;
    return false;
}

/* Figures as JSON writes a number (RFC 8259 section 6); 0: it is none. */
static size_t as_number(const struct csv_field *f, char out[NUMBER_MAX])
{
    static const char digits[] = "0123456789";
    char text[NUMBER_MAX];
    size_t n = 0;
    if (f->len >= NUMBER_MAX - 2)
        return 0;
    memcpy(text, f->p, f->len);
    text[f->len] = 0;
    const char *s = text + (*text == '+');
    if (*s == '-')
        out[n++] = *s++;
    size_t whole = strspn(s, digits), zeros = strspn(s, "0");
    const char *point = s + whole, *end = point;
    if (*point == '.')
        end += 1 + strspn(point + 1, digits);
    size_t part = end > point ? (size_t)(end - point) - 1 : 0;
    if (whole + part == 0)
        return 0;
    const char *e = end;
    if (*e == 'e' || *e == 'E') {
        end = e + 1 + (e[1] == '+' || e[1] == '-');
        if (strspn(end, digits) == 0)
            return 0;
        end += strspn(end, digits);
    }
    if (*end != 0)
        return 0;
    zeros = zeros == whole && zeros > 0 ? zeros - 1 : zeros; /* leading ones but for the last */
    if (whole == 0)
        out[n++] = '0';
    memcpy(out + n, s + zeros, whole - zeros);
    n += whole - zeros;
    if (part > 0) {
        memcpy(out + n, point, part + 1);
        n += part + 1;
    }
    memcpy(out + n, e, (size_t)(end - e));
    return n + (size_t)(end - e);
}

/* "a; b": the texts between the semicolons. */
static void write_list(struct json_write *w, const struct csv_field *f)
{
    json_write_array(w);
    for (size_t at = 0; at < f->len;) {
        const char *semicolon = memchr(f->p + at, ';', f->len - at);
        size_t end = semicolon != NULL ? (size_t)(semicolon - f->p) : f->len;
        size_t from = at, to = end;
        while (from < to && f->p[from] == ' ')
            from++;
        while (to > from && f->p[to - 1] == ' ')
            to--;
        if (to > from)
            json_write_text(w, f->p + from, to - from);
        at = end + 1;
    }
    json_write_end(w);
}

static void write_cell(struct json_write *w, const struct sheet_node *n,
                       const struct csv_record *row)
{
    struct csv_field f = csv_cell(row, n->column);
    char number[NUMBER_MAX];
    size_t len = n->kind == KIND_NUMBER ? as_number(&f, number) : 0;
    if (len > 0)
        json_write_bare(w, number, len);
    else if (n->kind == KIND_STRINGS)
        write_list(w, &f);
    else
        json_write_text(w, f.p, f.len);
}

static void write_node(struct json_write *w, const struct sheet_node *n,
                       const struct csv_record *row)
{
    if (n->shape == SHEET_CELL) {
        write_cell(w, n, row);
        return;
    }
    n->shape == SHEET_OBJECT ? json_write_object(w) : json_write_array(w);
    for (const struct sheet_node *c = n->first; c != NULL; c = c->next) {
        if (!filled(c, row))
            continue;
        if (c->name != NULL)
            json_write_name(w, c->name);
        write_node(w, c, row);
    }
    json_write_end(w);
}

void sheet_write(struct json_write *w, const struct sheet_columns *s, const struct csv_record *row)
{
    write_node(w, s->root, row);
}

/* ---- putting together ---- */
static bool equal(const struct json_node *a, const struct json_node *b)
{
    struct print one = json_print(a), two = json_print(b);
    return one.a == two.a && one.b == two.b;
}

static bool same_item(const struct json_node *a, const struct json_node *b)
{
    const char *one = member_text(a, "id"), *two = member_text(b, "id");
    return one != NULL && two != NULL ? strcmp(one, two) == 0 : equal(a, b);
}

/* Items that are the same have the same key. */
static struct print item_key(const struct json_node *item)
{
    const char *id = member_text(item, "id");
    return id != NULL ? text_print(id, strlen(id)) : json_print(item);
}

/* The first item of the list that is the same; NULL: there is none. */
static const struct node_entry *item_like(const struct node_index *list,
                                          const struct json_node *item)
{
    size_t n = 0;
    const struct node_entry *e = node_index_find(list, item_key(item), &n);
    for (; n > 0; n--, e++)
        if (same_item(e->item, item))
            return e;
    return NULL;
}

/* met: of the items of b, in its order; those that a has as well */
static void write_merged(struct sheet_merge *m, const struct place *at, const struct json_node *a,
                         const struct json_node *b, const struct node_index *in_b, bool *met)
{
    struct place here = {.up = at};
    json_write_array(m->w);
    for (const struct json_node *i = a->first; i != NULL; i = i->next, here.index++) {
        const struct node_entry *other = item_like(in_b, i);
        if (other != NULL) {
            met[other->at] = true;
            sheet_merge(m, &here, i, other->item);
        } else {
            json_write_node(m->w, i);
        }
    }
    for (const struct json_node *i = b->first; i != NULL; i = i->next)
        if (!met[item_like(in_b, i)->at])
            json_write_node(m->w, i);
    json_write_end(m->w);
}

static void merge_lists(struct sheet_merge *m, const struct place *at, const struct json_node *a,
                        const struct json_node *b)
{
    struct node_index *in_b = node_index_new(b->first, item_key);
    bool *met = calloc((size_t)b->n + 1, sizeof *met);
    if (in_b != NULL && met != NULL)
        write_merged(m, at, a, b, in_b, met);
    else
        m->no_memory = m->w->failed = true;
    free(met);
    node_index_free(in_b);
}

static void merge_objects(struct sheet_merge *m, const struct place *at, const struct json_node *a,
                          const struct json_node *b)
{
    json_write_object(m->w);
    for (const struct json_node *i = a->first; i != NULL; i = i->next) {
        struct place here = {.up = at, .name = i->name};
        const struct json_node *other = node_member(b, i->name);
        json_write_name(m->w, i->name);
        if (other != NULL)
            sheet_merge(m, &here, i, other);
        else
            json_write_node(m->w, i);
    }
    for (const struct json_node *i = b->first; i != NULL; i = i->next) {
        if (node_member(a, i->name) != NULL)
            continue;
        json_write_name(m->w, i->name);
        json_write_node(m->w, i);
    }
    json_write_end(m->w);
}

void sheet_merge(struct sheet_merge *m, const struct place *at, const struct json_node *a,
                 const struct json_node *b)
{
    if (node_is(a, JSON_OBJECT) && node_is(b, JSON_OBJECT)) {
        merge_objects(m, at, a, b);
    } else if (node_is(a, JSON_ARRAY) && node_is(b, JSON_ARRAY)) {
        merge_lists(m, at, a, b);
    } else {
        if (!equal(a, b))
            m->contradiction(m->arg, at);
        json_write_node(m->w, a);
    }
}
