/* SPDX-License-Identifier: Apache-2.0 */
/* sheet_columns: headings as a tree of members, by the tables of the schema. */
#include "sheet.h"
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PARTS_MAX 12 /* of a heading; deeper ones are columns of the publisher's own */
#define PLAIN_MAX 48

/* Titles of the schema (360-giving-schema.json) that are not the field's name with blanks, all in
 * their plain form. */
static const struct {
    const char *title, *name;
} titles[] = {
    {"identifier", "id"},
    {"recipientorg", "recipientOrganization"},
    {"fundingorg", "fundingOrganization"},
    {"recipientind", "recipientIndividual"},
    {"fromanopencall", "fromOpenCall"},
    {"forregranttype", "regrantType"},
    {"lastmodified", "dateModified"},
    {"city", "addressLocality"},
    {"county", "addressRegion"},
    {"country", "addressCountry"},
    {"phonenumber", "telephone"},
    {"webaddress", "url"},
    {"durationmonths", "duration"},
    {"geographiccode", "geoCode"},
    {"geographiccodetype", "geoCodeType"},
};

/* The field that a part of a heading names: by its name or title, letters and digits alone. */
static const struct field *field_of(const struct object *o, const char *part)
{
    char plain[PLAIN_MAX], name[PLAIN_MAX];
    const char *titled = NULL;
    if (o == NULL || strlen(part) >= PLAIN_MAX)
        return NULL;
    csv_plain(part, plain, sizeof plain);
    for (size_t i = 0; i < sizeof titles / sizeof titles[0]; i++)
        if (strcmp(titles[i].title, plain) == 0)
            titled = titles[i].name;
    for (size_t i = 0; i < o->n; i++) {
        csv_plain(o->fields[i].name, name, sizeof name);
        if (strcmp(name, plain) == 0 || (titled != NULL && strcmp(o->fields[i].name, titled) == 0))
            return &o->fields[i];
    }
    return NULL;
}

/* ---- parts of a heading ---- */
struct parts {
    char text[256];
    const char *part[PARTS_MAX];
    size_t n;
};

static char *trimmed(char *s)
{
    size_t len;
    s += strspn(s, " \t\r\n");
    for (len = strlen(s); len > 0 && strchr(" \t\r\n", s[len - 1]) != NULL; len--)
        ;
    s[len] = 0;
    return s;
}

/* false: empty or too many parts */
static bool cut(struct parts *p, const char *heading, char separator)
{
    size_t len = strlen(heading);
    p->n = 0;
    if (len == 0 || len >= sizeof p->text)
        return false;
    memcpy(p->text, heading, len + 1);
    for (char *s = p->text; s != NULL;) {
        char *end = separator != 0 ? strchr(s, separator) : NULL;
        if (end != NULL)
            *end++ = 0;
        if (p->n == PARTS_MAX)
            return false;
        p->part[p->n] = trimmed(s);
        if (p->part[p->n++][0] == 0)
            return false;
        s = end;
    }
    return true;
}

/* `Recipient Org:0:Name`, or a JSON pointer of field names. A heading that only looks like one is
 * its publisher's own. */
static bool cut_heading(struct parts *p, const char *heading)
{
    if (strchr(heading, ':') != NULL && cut(p, heading, ':'))
        return true;
    const char *pointer = heading + (heading[0] == '/');
    if (strchr(pointer, '/') != NULL && cut(p, pointer, '/') &&
        field_of(&giving_grant, p->part[0]) != NULL)
        return true;
    return cut(
        p, pointer != heading && field_of(&giving_grant, pointer) != NULL ? pointer : heading, 0);
}

static bool is_number(const char *s)
{
    size_t digits = strspn(s, "0123456789");
    return digits > 0 && digits <= 6 && s[digits] == 0;
}

static unsigned score_of(const char *heading)
{
    struct parts p;
    return cut_heading(&p, heading) && field_of(&giving_grant, p.part[0]) != NULL;
}

unsigned sheet_score(const struct csv_record *row)
{
    unsigned score = 0;
    bool id = false;
    for (size_t i = 0; i < row->n && i < SHEET_COLUMNS_MAX; i++) {
        char plain[PLAIN_MAX];
        csv_plain(row->field[i].p, plain, sizeof plain);
        id = id || strcmp(plain, "identifier") == 0 || strcmp(plain, "id") == 0;
        score += score_of(row->field[i].p);
    }
    return id || score > 1 ? score : 0;
}

/* ---- the tree ---- */
static struct sheet_node *node_new(enum sheet_shape shape, const char *name, size_t number)
{
    struct sheet_node *n = calloc(1, sizeof *n);
    if (n == NULL)
        return NULL;
    n->shape = shape;
    n->number = number;
    n->kind = KIND_STRING;
    if (name != NULL && (n->name = strdup(name)) == NULL) {
        free(n);
        return NULL;
    }
    return n;
}

static void node_free(struct sheet_node *n)
{
    while (n != NULL) {
        struct sheet_node *next = n->next;
        node_free(n->first);
        free(n->name);
        free(n);
        n = next;
    }
}

enum put { PUT, TAKEN, NO_MEMORY };

/* The child of that name or number; made when there is none, items in their order. *ret NULL: the
 * verdict. */
static enum put child(struct sheet_node *up, const char *name, size_t number,
                      enum sheet_shape shape, struct sheet_node **ret)
{
    struct sheet_node **at = &up->first;
    for (; *at != NULL; at = &(*at)->next) {
        if (name != NULL ? strcmp((*at)->name, name) == 0 : (*at)->number == number) {
            *ret = shape != SHEET_CELL && (*at)->shape == shape ? *at : NULL;
            return *ret != NULL ? PUT : TAKEN;
        }
        if (name == NULL && (*at)->number > number)
            break;
    }
    struct sheet_node *n = node_new(shape, name, number);
    *ret = n;
    if (n == NULL)
        return NO_MEMORY;
    n->next = *at;
    *at = n;
    return PUT;
}

/* How the next part is to be read. */
struct step {
    struct sheet_node *at;
    const struct object *of; /* NULL: nothing is known of it */
    size_t part;
};

static enum put put_cell(struct sheet_node *up, const char *name, size_t number, enum kind kind,
                         size_t column)
{
    struct sheet_node *n = NULL;
    enum put r = child(up, name, number, SHEET_CELL, &n);
    if (r == PUT) {
        n->kind = kind;
        n->column = column;
    }
    return r;
}

/* From the list that the part before named to one of its items; a number may say which. *done: the
 * heading ended here. */
static enum put step_into_list(struct step *s, const struct parts *p, size_t column, bool *done)
{
    bool numbered = s->part < p->n && is_number(p->part[s->part]);
    size_t number = numbered ? strtoul(p->part[s->part], NULL, 10) : 0;
    s->part += numbered;
    *done = s->part == p->n;
    return *done ? put_cell(s->at, NULL, number, KIND_STRING, column)
                 : child(s->at, NULL, number, SHEET_OBJECT, &s->at);
}

static enum put step_on(struct step *s, const struct parts *p, size_t column, bool *done)
{
    const char *part = p->part[s->part++];
    const struct field *f = field_of(s->of, part);
    const char *name = f != NULL ? f->name : part;
    bool last = s->part == p->n;
    bool list = f != NULL ? f->kind == KIND_OBJECTS || f->kind == KIND_STRINGS
                          : !last && is_number(p->part[s->part]);
    s->of = f != NULL ? f->of : NULL;
    *done = last;
    if (last)
        return put_cell(s->at, name, 0,
                        f != NULL && f->kind != KIND_OBJECTS ? f->kind : KIND_STRING, column);
    if (f != NULL && !list && f->kind != KIND_OBJECT)
        return TAKEN; /* a text has no members */
    enum put r = child(s->at, name, 0, list ? SHEET_ARRAY : SHEET_OBJECT, &s->at);
    return r == PUT && list ? step_into_list(s, p, column, done) : r;
}

static enum put put_column(struct sheet_columns *s, const struct parts *p, size_t column)
{
    struct step step = {.at = s->root, .of = &giving_grant};
    enum put r = PUT;
    for (bool done = false; r == PUT && !done;)
        r = step_on(&step, p, column, &done);
    return r;
}

/* A column that cannot stand where its heading says: a member of its own, under its heading. */
static enum put put_own(struct sheet_columns *s, size_t column)
{
    enum put r = put_cell(s->root, s->heading[column], 0, KIND_STRING, column);
    for (unsigned k = 0; r == TAKEN; k++) {
        char name[320];
        (void)snprintf(name, sizeof name,
                       k == 0 ? "%.256s (column %zu)" : "%.256s (column %zu, %u)",
                       s->heading[column], column + 1, k);
        r = put_cell(s->root, name, 0, KIND_STRING, column);
    }
    return r;
}

static char *copy_of(const struct csv_field *f, size_t column)
{
    char *s = malloc(f->len + 32);
    if (s == NULL)
        return NULL;
    memcpy(s, f->p, f->len);
    s[f->len] = 0;
    if (f->len == 0)
        (void)snprintf(s, 32, "column %zu", column + 1);
    return s;
}

int sheet_set(struct sheet_columns *s, const struct csv_record *row,
              void (*twice)(void *arg, const char *heading), void *arg)
{
    s->root = node_new(SHEET_OBJECT, NULL, 0);
    s->heading = calloc(row->n, sizeof *s->heading);
    s->id = SIZE_MAX;
    for (size_t i = 0; i < row->n && s->root != NULL && s->heading != NULL; i++) {
        struct csv_field cell = csv_cell(row, i);
        struct parts p;
        if ((s->heading[i] = copy_of(&cell, i)) == NULL)
            return -1;
        s->n = i + 1;
        bool known = cut_heading(&p, s->heading[i]);
        enum put r = known ? put_column(s, &p, i) : TAKEN;
        if (r == PUT && p.n == 1 && s->id == SIZE_MAX) {
            const struct field *f = field_of(&giving_grant, p.part[0]);
            s->id = f != NULL && strcmp(f->name, "id") == 0 ? i : SIZE_MAX;
        }
        if (r == TAKEN && known)
            twice(arg, s->heading[i]);
        if (r == TAKEN)
            r = put_own(s, i);
        if (r == NO_MEMORY)
            return -1;
    }
    return s->root != NULL && s->heading != NULL ? 0 : -1;
}

void sheet_done(struct sheet_columns *s)
{
    node_free(s->root);
    for (size_t i = 0; i < s->n; i++)
        free(s->heading[i]);
    free(s->heading);
    *s = (struct sheet_columns){.n = 0};
}

/* ---- looking ---- */
static const struct sheet_node *below(const struct sheet_node *n, const struct place *at)
{
    const struct sheet_node *c = n->first;
    if (at->name != NULL) {
        while (c != NULL && (c->name == NULL || strcmp(c->name, at->name) != 0))
            c = c->next;
        return c;
    }
    for (size_t i = 0; i < at->index && c != NULL && c->next != NULL; i++)
        c = c->next; /* of rows that were put together the last one may have come from any */
    return c;
}

static const struct sheet_node *node_at(const struct sheet_columns *s, const struct place *at)
{
    const struct sheet_node *up = at != NULL ? node_at(s, at->up) : s->root;
    return at == NULL || up == NULL ? up : up->shape == SHEET_CELL ? up : below(up, at);
}

const char *sheet_heading_of(const struct sheet_columns *s, const struct place *at)
{
    const struct sheet_node *n = at != NULL ? node_at(s, at) : NULL;
    return n != NULL && n->shape == SHEET_CELL ? s->heading[n->column] : NULL;
}
