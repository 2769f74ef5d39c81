/* SPDX-License-Identifier: Apache-2.0 */
/* convert_report - see convert_report.h. Values of messages about people are never shown. */
#include "convert_report.h"
#include "base/util.h"
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define REPORT_MAX (64u << 20) /* of one message */
#define SHOWN      60u         /* bytes of a value */

/* The head says who: each record says so of itself. */
static const char *const unseen[] = {"record", "type", NULL};

struct counts {
    uint64_t n[FIDELITIES];
};

struct one { /* message */
    struct convert_report *r;
    struct counts counts;
    bool hidden, before; /* before: comparing what stands in front of the record */
    struct buf lines;
    struct tree *fields, *lost_before;
};

int convert_report_open(struct convert_report *r, bool json)
{
    *r = (struct convert_report){.json = json, .fields = map_new(free)};
    return r->fields ? 0 : -ENOMEM;
}

void convert_report_close(struct convert_report *r)
{
    map_free(r->fields);
}

static void keep_error(struct convert_report *r, int rc)
{
    if (r->rc == 0 && rc < 0)
        r->rc = rc;
}

static void count(struct one *o, const struct fidelity_field *f)
{
    size_t len = strlen(f->field);
    struct counts *c = map_get(o->r->fields, f->field, len);
    o->counts.n[f->what]++;
    if (!c) {
        c = xcalloc(1, sizeof(*c));
        if (!c || map_put(o->r->fields, f->field, len, c) < 0) {
            free(c);
            keep_error(o->r, -ENOMEM);
            return;
        }
    }
    c->n[f->what]++;
}

static const char *shown(char out[4 * SHOWN + 16], const struct tree *t)
{
    if (!t)
        return "";
    if (t->kind != TREE_SCALAR)
        return t->kind == TREE_LIST ? "[]" : "{}";
    size_t len = t->text_len < SHOWN ? t->text_len : SHOWN;
    while (len < t->text_len && len > 0 && ((unsigned char)t->text[len] & 0xc0) == 0x80)
        len--; /* not in the middle of a character */
    (void)escape_text(out, 4 * SHOWN, t->text, len);
    if (len < t->text_len)
        (void)snprintf(out + strlen(out), 8, "…");
    return out;
}

static void add_line(struct one *o, const struct fidelity_field *f)
{
    char was[4 * SHOWN + 16], is[4 * SHOWN + 16], path[512];
    (void)escape_text(path, sizeof(path), f->path, strlen(f->path));
    int rc = buf_addf(&o->lines, "  %-8s %s%s", fidelity_names[f->what],
                      o->before ? "before the record: " : "", path);
    if (rc == 0 && !o->hidden)
        rc = buf_addf(&o->lines, ": %s%s%s", shown(was, f->was), f->was && f->is ? " -> " : "",
                      shown(is, f->is));
    keep_error(o->r, rc == 0 ? buf_addc(&o->lines, '\n') : rc);
}

static void add_json(struct one *o, const struct fidelity_field *f)
{
    struct tree *t = tree_map();
    int rc = t ? tree_puts(t, "path", f->path) : -ENOMEM;
    if (rc == 0)
        rc = tree_puts(t, "what", fidelity_names[f->what]);
    if (rc == 0 && !o->hidden && f->what != FIDELITY_KEPT && f->was)
        rc = tree_put(t, "was", tree_copy(f->was));
    if (rc == 0 && !o->hidden && f->what != FIDELITY_KEPT && f->is)
        rc = tree_put(t, "is", tree_copy(f->is));
    int took = tree_append(o->before ? o->lost_before : o->fields, t);
    keep_error(o->r, rc < 0 ? rc : took);
}

static void on_field(void *arg, const struct fidelity_field *f)
{
    struct one *o = arg;
    if (o->before && f->what == FIDELITY_KEPT)
        return;
    if (!o->before)
        count(o, f);
    if (o->r->json)
        add_json(o, f);
    else if (f->what != FIDELITY_KEPT)
        add_line(o, f);
}

static void print_tree(struct convert_report *r, const struct tree *t)
{
    struct buf out = BUF_INIT(REPORT_MAX);
    int rc = tree_to_json(t, &out, false);
    if (rc == 0)
        puts(buf_str(&out));
    keep_error(r, rc);
    buf_done(&out);
}

static struct tree *head(const struct message *m)
{
    struct tree *t = tree_map();
    if (t && (tree_puts(t, "subject", message_get(m, "subject")) < 0 ||
              tree_puts(t, "type", message_get(m, "type")) < 0)) {
        tree_free(t);
        return NULL;
    }
    return t;
}

static void print_head(const struct message *m)
{
    char text[512];
    const char *subject = message_get(m, "subject"), *type = message_get(m, "type");
    subject = subject ? subject : "-";
    printf("%s %s: ", escape_text(text, sizeof(text), subject, strlen(subject)), type ? type : "-");
}

static void print_one(struct one *o, const struct message *m)
{
    if (o->r->json) {
        struct tree *t = head(m);
        int rc = t ? tree_put(t, "fields", TAKE_PTR(o->fields)) : -ENOMEM;
        if (rc == 0 && o->lost_before->n > 0)
            rc = tree_put(t, "before", TAKE_PTR(o->lost_before));
        if (rc == 0)
            print_tree(o->r, t);
        keep_error(o->r, rc);
        tree_free(t);
        return;
    }
    print_head(m);
    const char *between = "";
    for (size_t i = 0; i < FIDELITIES; i++) {
        if (o->counts.n[i] == 0)
            continue;
        printf("%s%" PRIu64 " %s", between, o->counts.n[i], fidelity_names[i]);
        between = ", ";
    }
    printf("\n%s", buf_str(&o->lines));
}

static bool about_people(const struct message *m)
{
    const char *category = message_get(m, "datacategory"), *type = message_get(m, "type");
    return (category && strcmp(category, "personal") == 0) ||
           (type && strncmp(type, "client.", 7) == 0);
}

void convert_report_record(struct convert_report *r, const struct message *m,
                           const struct tree *was, const struct tree *is,
                           const struct tree *source_was, const struct tree *source_is)
{
    struct one o = {.r = r,
                    .hidden = about_people(m),
                    .lines = BUF_INIT(REPORT_MAX),
                    .fields = tree_list(),
                    .lost_before = tree_list()};
    struct tree *nothing = tree_map();
    r->messages++;
    if (!o.fields || !o.lost_before || !nothing) {
        keep_error(r, -ENOMEM);
    } else {
        keep_error(r, fidelity_compare(was, is ? is : nothing, unseen, on_field, &o));
        o.before = true;
        if (source_was && source_is)
            keep_error(r, fidelity_compare(source_was, source_is, NULL, on_field, &o));
        print_one(&o, m);
    }
    tree_free(nothing);
    tree_free(o.fields);
    tree_free(o.lost_before);
    buf_done(&o.lines);
}

void convert_report_refused(struct convert_report *r, const struct message *m, const char *reason)
{
    r->messages++;
    r->refused++;
    if (!r->json) {
        print_head(m);
        printf("refused: %s\n", reason);
        return;
    }
    struct tree *t = head(m);
    if (t && tree_puts(t, "refused", reason) == 0)
        print_tree(r, t);
    else
        keep_error(r, -ENOMEM);
    tree_free(t);
}

/* ---- totals */

struct row {
    const char *field;
    const struct counts *counts;
};

struct rows {
    struct row *row;
    size_t n;
};

static int add_row(void *arg, const char *key, size_t len, void *value)
{
    struct rows *rows = arg;
    (void)len;
    rows->row[rows->n++] = (struct row){key, value};
    return 0;
}

static int by_field(const void *a, const void *b)
{
    return strcmp(((const struct row *)a)->field, ((const struct row *)b)->field);
}

static int put_row(struct tree *fields, const struct row *row)
{
    struct tree *t = tree_map();
    int rc = t ? 0 : -ENOMEM;
    for (size_t i = 0; rc == 0 && i < FIDELITIES; i++)
        if (row->counts->n[i] > 0)
            rc = tree_putu(t, fidelity_names[i], row->counts->n[i]);
    int took = tree_put(fields, row->field, t);
    return rc < 0 ? rc : took;
}

static void print_totals_json(struct convert_report *r, const struct rows *rows)
{
    struct tree *all = tree_map(), *totals = tree_map(), *fields = tree_map();
    int rc = all && totals && fields ? 0 : -ENOMEM;
    for (size_t i = 0; rc == 0 && i < rows->n; i++)
        rc = put_row(fields, &rows->row[i]);
    if (rc == 0)
        rc = tree_putu(totals, "messages", r->messages);
    if (rc == 0)
        rc = tree_putu(totals, "refused", r->refused);
    if (rc == 0)
        rc = tree_put(totals, "fields", TAKE_PTR(fields));
    if (rc == 0)
        rc = tree_put(all, "totals", TAKE_PTR(totals));
    if (rc == 0)
        print_tree(r, all);
    keep_error(r, rc);
    tree_free(fields);
    tree_free(totals);
    tree_free(all);
}

static void print_totals(const struct convert_report *r, const struct rows *rows)
{
    printf("\n%-50s", "field");
    for (size_t k = 0; k < FIDELITIES; k++)
        printf(" %8s", fidelity_names[k]);
    for (size_t i = 0; i < rows->n; i++) {
        char field[512];
        const char *name = rows->row[i].field;
        printf("\n%-50s", escape_text(field, sizeof(field), name, strlen(name)));
        for (size_t k = 0; k < FIDELITIES; k++) {
            if (rows->row[i].counts->n[k] > 0)
                printf(" %8" PRIu64, rows->row[i].counts->n[k]);
            else
                printf(" %8s", "-");
        }
    }
    printf("\n%" PRIu64 " records, %" PRIu64 " of them refused\n", r->messages, r->refused);
}

int convert_report_end(struct convert_report *r)
{
    struct rows rows = {.row = xcalloc(map_count(r->fields) + 1, sizeof(*rows.row))};
    if (!rows.row) {
        keep_error(r, -ENOMEM);
        return r->rc;
    }
    (void)map_each(r->fields, add_row, &rows);
    qsort(rows.row, rows.n, sizeof(*rows.row), by_field);
    if (r->json)
        print_totals_json(r, &rows);
    else
        print_totals(r, &rows);
    free(rows.row);
    return r->rc;
}
