/* SPDX-License-Identifier: Apache-2.0 */
/* record: a row as the record that becomes the body, and its message. */
#include "spend.h"
#include "lib/attribute.h"
#include <stdio.h>
#include <string.h>

#define PART_MAX ((size_t)300) /* of the subject: longer ones stand there by their print */

static struct csv_field cell_of(const struct heading *h, const struct payment *p, enum target t)
{
    return h->column[t] != SPEND_NONE ? csv_cell(p->row, h->column[t]) : (struct csv_field){"", 0};
}

static void write_text(struct json_write *w, const char *name, const struct csv_field *f)
{
    if (f->len == 0)
        return;
    json_write_name(w, name);
    json_write_text(w, f->p, f->len);
}

static void write_amount(struct json_write *w, const struct heading *h, const struct payment *p)
{
    json_write_member(w, "amount", p->amount);
    json_write_member(w, "currency", p->currency);
    if (h->amount != AMOUNT)
        json_write_member(w, "basis", spend_meaning[h->amount].member);
}

static void write_member(struct json_write *w, const struct heading *h, const struct payment *p,
                         enum target t)
{
    struct csv_field f = cell_of(h, p, t);
    switch (t) {
    case DATE:
        if (p->date[0] != 0)
            json_write_member(w, "date", p->date);
        break;
    case NET:
    case AMOUNT:
    case GROSS:
        if (t == h->amount)
            write_amount(w, h, p);
        break;
    case CURRENCY:
        break;
    case VAT:
        if (p->vat[0] != 0)
            json_write_member(w, "vat", p->vat);
        break;
    case CARD:
        if (p->card >= 0) {
            json_write_name(w, "card");
            json_write_bare(w, p->card > 0 ? "true" : "false", p->card > 0 ? 4 : 5);
        }
        break;
    default:
        write_text(w, spend_meaning[t].member, &f);
    }
}

/* A cell that has no member of its own, or says something else than its column should. */
static bool is_extra(const struct heading *h, const struct payment *p, size_t i)
{
    switch (h->means[i]) {
    case TARGETS:
        return true;
    case DATE:
        return p->date[0] == 0;
    case VAT:
        return p->vat[0] == 0;
    case CARD:
        return p->card < 0;
    default:
        return false;
    }
}

static void write_extras(struct json_write *w, const struct heading *h, const struct payment *p)
{
    bool begun = false;
    for (size_t i = 0; i < h->n && i < p->row->n; i++) {
        struct csv_field f = csv_cell(p->row, i);
        if (f.len == 0 || !is_extra(h, p, i))
            continue;
        if (!begun) {
            json_write_name(w, "extras");
            json_write_object(w);
        }
        begun = true;
        write_text(w, h->name[i], &f);
    }
    if (begun)
        json_write_end(w);
}

void record_write(struct json_write *w, const struct heading *h, const struct payment *p)
{
    json_write_object(w);
    for (enum target t = 0; t < TARGETS; t++)
        write_member(w, h, p, t);
    if (p->redacted) {
        json_write_name(w, "redacted");
        json_write_bare(w, "true", 4);
    }
    write_extras(w, h, p);
    json_write_end(w);
}

/* ---- the subject ---- */
static size_t put_part(char *out, size_t n, size_t cap, const struct csv_field *f)
{
    if (f->len == 0)
        return n;
    struct print print = text_print(f->p, f->len);
    int len = f->len <= PART_MAX
                  ? snprintf(out + n, cap - n, "%s%.*s", n > 0 ? "/" : "", (int)f->len, f->p)
                  : snprintf(out + n, cap - n, "%s%016llx", n > 0 ? "/" : "",
                             (unsigned long long)print.a);
    return n + (size_t)len;
}

static struct print numbered(struct print row, uint64_t n)
{
    print_add(&row, n);
    return row;
}

/* The how-manieth row like this: the first number that was not given yet. They are given in order,
 * so it is found by halving. 0: out of memory. SPEND_SEEN_MAX rows are remembered; a row beyond is
 * not (*remembered). */
static uint64_t occurrence(struct spend *s, struct print row, bool *remembered)
{
    uint64_t given = 0, fresh = 1;
    while (print_set_has(s->seen, numbered(row, fresh))) {
        given = fresh;
        fresh *= 2;
    }
    while (fresh - given > 1) {
        uint64_t middle = given + (fresh - given) / 2;
        *(print_set_has(s->seen, numbered(row, middle)) ? &given : &fresh) = middle;
    }
    *remembered = s->seen_n < SPEND_SEEN_MAX;
    if (!*remembered)
        return fresh;
    s->seen_n++;
    return print_set_add(s->seen, numbered(row, fresh)) < 0 ? 0 : fresh;
}

/* Payer, number, print of the row, how many like it came before: the same file gives the same ones,
 * and of two equal rows each has its own. false: out of memory. */
static bool make_subject(struct spend *s, const struct payment *p, const struct json_write *w,
                         char out[ATTRIBUTE_VALUE_MAX + 1])
{
    const struct heading *h = &s->heading;
    struct csv_field code = cell_of(h, p, BODY_CODE), body = cell_of(h, p, BODY),
                     number = cell_of(h, p, NUMBER);
    struct print row = text_print(w->p, w->len);
    bool remembered = false;
    uint64_t n = occurrence(s, row, &remembered);
    size_t len = put_part(out, 0, ATTRIBUTE_VALUE_MAX, code.len > 0 ? &code : &body);
    len = put_part(out, len, ATTRIBUTE_VALUE_MAX, &number);
    (void)snprintf(out + len, ATTRIBUTE_VALUE_MAX + 1 - len, "%s%016llx/%s%llu", len > 0 ? "/" : "",
                   (unsigned long long)row.a, remembered ? "" : "line-",
                   (unsigned long long)(remembered ? n : p->row->line));
    return n > 0;
}

/* ---- the message ---- */
/* A cell's text goes on behind its end when white space follows there. */
static void set_cell(reeve_msg *m, const char *name, struct csv_field f)
{
    char text[ATTRIBUTE_VALUE_MAX + 1];
    if (f.len > ATTRIBUTE_VALUE_MAX)
        return;
    memcpy(text, f.p, f.len);
    text[f.len] = 0;
    attribute_set(m, name, text);
}

static void set_attributes(struct spend *s, const struct payment *p, reeve_msg *m)
{
    const struct heading *h = &s->heading;
    (void)reeve_msg_set(m, "type", "funding.payment");
    (void)reeve_msg_set(m, "dataschema", SPEND_SCHEMA);
    set_cell(m, "funder", cell_of(h, p, BODY_CODE));
    set_cell(m, "category", cell_of(h, p, CODE));
    if (p->personal)
        (void)reeve_msg_set(m, "datacategory", "personal");
    else if (!p->redacted)
        set_cell(m, "recipient", cell_of(h, p, SUPPLIER_ID));
    attribute_set_money(m, p->amount, p->currency);
    csv_set_line(m, p->row->line);
    attribute_set_escaped(m, "columns", h->columns);
}

static reeve_rc too_large(struct spend *s, const struct payment *p)
{
    csv_issue(s->doc.ctx, REEVE_ISSUE_ERROR, "too-large", p->row->line, NULL, NULL,
              "a row within the message limit", "the row is larger than a message may be");
    reeve_refuse(s->doc.out, NULL);
    return REEVE_OK;
}

static reeve_rc emit(struct spend *s, const struct payment *p, const struct json_write *w)
{
    char subject[ATTRIBUTE_VALUE_MAX + 1];
    reeve_msg *m = reeve_msg_new(s->doc.ctx);
    if (m == NULL)
        return REEVE_RETRY;
    if (reeve_msg_set_body(m, "application/json", w->p, w->len) != 0) {
        reeve_msg_free(m);
        return too_large(s, p);
    }
    if (!make_subject(s, p, w, subject)) {
        reeve_msg_free(m);
        return REEVE_RETRY;
    }
    attribute_set_escaped(m, "subject", subject);
    set_attributes(s, p, m);
    return reeve_emit(s->doc.out, m) == 0 ? REEVE_OK : REEVE_RETRY;
}

reeve_rc record_emit(struct spend *s, const struct payment *p)
{
    struct json_write w;
    json_write_init(&w, (size_t)reeve_limit(s->doc.ctx, "message"));
    record_write(&w, &s->heading, p);
    reeve_rc rc = w.failed ? too_large(s, p) : emit(s, p, &w);
    json_write_done(&w);
    return rc;
}
