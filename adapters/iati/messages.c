/* SPDX-License-Identifier: Apache-2.0 */
/* messages: what an activity becomes: one award, a payment for each disbursement and expenditure,
 * a report when it has results. Bodies are made of the activity's own bytes. */
#include "iati.h"
#include "lib/attribute.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- bytes ---- */

void bytes_add(struct bytes *b, const char *p, size_t len)
{
    if (b->failed || p == NULL || len == 0) {
        b->failed = b->failed || (p == NULL && len > 0);
        return;
    }
    if (b->cap - b->len < len) {
        size_t cap = b->cap * 2 > b->len + len ? b->cap * 2 : b->len + len;
        char *bigger = realloc(b->p, cap);
        if (bigger == NULL) {
            b->failed = true;
            return;
        }
        b->p = bigger;
        b->cap = cap;
    }
    memcpy(b->p + b->len, p, len);
    b->len += len;
}

void bytes_adds(struct bytes *b, const char *s)
{
    bytes_add(b, s, strlen(s));
}

static void add_range(const struct walk *w, uint64_t from, uint64_t to, struct bytes *out)
{
    const char *p = feed_at(w->feed, from);
    bytes_add(out, p, p != NULL ? (size_t)(to - from) : 1);
}

void activity_piece(const struct walk *w, const struct piece *p, struct bytes *out)
{
    add_range(w, p->from, p->to, out);
}

static void add_escaped(struct bytes *out, const char *s)
{
    for (; *s != 0; s++)
        switch (*s) {
        case '&':
            bytes_adds(out, "&amp;");
            break;
        case '<':
            bytes_adds(out, "&lt;");
            break;
        case '"':
            bytes_adds(out, "&quot;");
            break;
        case '\n':
            bytes_adds(out, "&#10;");
            break;
        default:
            bytes_add(out, s, 1);
        }
}

/* Namespaces that the activity uses and its root declares: ' xmlns:p="…"' for each. */
static void add_namespaces(const struct walk *w, struct bytes *out)
{
    uint64_t wanted = w->activity.prefixes & ~w->activity.own_prefixes;
    for (size_t i = 0; i < w->ns_n; i++) {
        if ((wanted & (uint64_t)1 << i) == 0)
            continue;
        bytes_adds(out, " xmlns:");
        bytes_adds(out, (const char *)w->ns[i].prefix);
        bytes_adds(out, "=\"");
        add_escaped(out, (const char *)w->ns[i].uri);
        bytes_adds(out, "\"");
    }
}

void activity_whole(const struct walk *w, struct bytes *out)
{
    const struct activity *a = &w->activity;
    add_range(w, a->start, a->start + strlen(ACTIVITY_OPENING), out);
    add_namespaces(w, out);
    add_range(w, a->start + strlen(ACTIVITY_OPENING), a->end, out);
}

/* The attributes of a start tag as they stand, but for the one of this name: what has not changed
 * in a payment must not change with the day its activity was updated. */
static void add_attributes_but(const char *p, const char *end, const char *name, struct bytes *out)
{
    size_t len = strlen(name);
    while (p < end) {
        const char *from = p;
        p += strspn(p, " \t\r\n");
        const char *found = p;
        p += strcspn(p, "=");
        const char *named = p;
        p += strcspn(p, "\"'");
        const char *close = p < end ? memchr(p + 1, *p, (size_t)(end - p - 1)) : NULL;
        p = close != NULL ? close + 1 : end;
        if ((size_t)(named - found) < len || memcmp(found, name, len) != 0 ||
            (found[len] != '=' && strchr(" \t\r\n", found[len]) == NULL))
            bytes_add(out, from, (size_t)(p - from));
    }
}

void activity_head(const struct walk *w, struct bytes *out)
{
    const struct activity *a = &w->activity;
    const char *tag = feed_at(w->feed, a->start), *end = feed_at(w->feed, a->tag_end);
    add_range(w, a->start, a->start + strlen(ACTIVITY_OPENING), out);
    add_namespaces(w, out);
    if (tag != NULL && end != NULL)
        add_attributes_but(tag + strlen(ACTIVITY_OPENING), end, "last-updated-datetime", out);
    bytes_adds(out, ">");
    for (size_t i = 0; i < a->head.n; i++)
        activity_piece(w, &a->head.at[i], out);
}

/* ---- who is which payment ---- */

static const char *ref_of(const struct activity *a, const struct payment *p)
{
    const char *ref = activity_text(a, p->ref);
    return ref != NULL ? ref : "";
}

static int by_ref(const void *x, const void *y, void *arg)
{
    const struct activity *a = arg;
    const struct payment *p = *(struct payment *const *)x, *q = *(struct payment *const *)y;
    int order = strcmp(ref_of(a, p), ref_of(a, q));
    return order != 0 ? order : p < q ? -1 : 1;
}

static int by_content(const void *x, const void *y)
{
    const struct payment *p = *(struct payment *const *)x, *q = *(struct payment *const *)y;
    return p->content < q->content ? -1 : p->content > q->content ? 1 : p < q ? -1 : 1;
}

void payments_name(struct activity *a)
{
    struct payment **sorted = calloc(a->payments_n + 1, sizeof *sorted);
    if (sorted == NULL) {
        a->no_memory = true;
        return;
    }
    for (size_t i = 0; i < a->payments_n; i++)
        sorted[i] = &a->payments[i];
    qsort_r(sorted, a->payments_n, sizeof *sorted, by_ref, a);
    for (size_t i = 1; i < a->payments_n; i++)
        if (strcmp(ref_of(a, sorted[i - 1]), ref_of(a, sorted[i])) == 0)
            sorted[i - 1]->ref_shared = sorted[i]->ref_shared = true;
    qsort(sorted, a->payments_n, sizeof *sorted, by_content);
    for (size_t i = 1; i < a->payments_n; i++)
        if (sorted[i - 1]->content == sorted[i]->content)
            sorted[i]->order = sorted[i - 1]->order + 1;
    free(sorted);
}

/* What nobody can name has no subject: the hub takes its content for one. */
static void set_part_subject(reeve_msg *m, const struct activity *a, const char *part)
{
    char subject[2 * ATTRIBUTE_VALUE_MAX + 64];
    const char *id = activity_text(a, a->identifier);
    if (id == NULL)
        return;
    (void)snprintf(subject, sizeof subject, "%s/%s", id, part);
    attribute_set_escaped(m, "subject", subject);
    attribute_set_escaped(m, "correlationid", id);
}

static void set_payment_subject(reeve_msg *m, const struct activity *a, const struct payment *p)
{
    char name[64], order[24] = "";
    const char *ref = activity_text(a, p->ref);
    if (p->order > 0)
        (void)snprintf(order, sizeof order, "-%zu", p->order + 1);
    (void)snprintf(name, sizeof name, "%016llx%s", (unsigned long long)p->content, order);
    set_part_subject(m, a, ref != NULL && !p->ref_shared ? ref : name);
}

/* ---- messages ---- */

static void set_amount(reeve_msg *m, const struct activity *a, fixed amount, bool exactly,
                       size_t currency)
{
    const char *code = activity_text(a, currency);
    if (code == NULL)
        return; /* an amount of what? */
    char exact[FIXED_TEXT_MAX];
    fixed_text(amount, exact);
    attribute_set(m, "currency", code);
    (void)reeve_msg_set_int(m, "amount", fixed_whole(amount));
    if (exactly)
        (void)reeve_msg_set(m, "exactamount", exact);
}

static void set_award(reeve_msg *m, const struct activity *a)
{
    attribute_set(m, "funder", activity_text(a, a->funder));
    attribute_set(m, "recipient", activity_text(a, a->recipient));
    attribute_set(m, "category", activity_text(a, a->category));
    attribute_set(m, "place", activity_text(a, a->place));
    attribute_set(m, "status", activity_text(a, a->status));
    if (a->committed_some && !a->committed_mixed)
        set_amount(m, a, a->committed, !a->committed_inexact, a->committed_currency);
}

/* An award out of another one is correlated with that one. */
static void set_parent(reeve_msg *m, const struct activity *a)
{
    if (!a->parents)
        attribute_set_escaped(m, "correlationid", activity_text(a, a->parent));
}

static void set_payment(reeve_msg *m, const struct activity *a, const struct payment *p)
{
    /* money goes out from whoever reports it, unless the transaction says otherwise */
    attribute_set(m, "funder", activity_text(a, p->funder != 0 ? p->funder : a->reporting_ref));
    attribute_set(m, "recipient", activity_text(a, p->recipient));
    attribute_set(m, "category", activity_text(a, p->category != 0 ? p->category : a->category));
    attribute_set(m, "place", activity_text(a, a->place));
    attribute_set(m, "status", activity_text(a, a->status));
    set_amount(m, a, p->amount, !p->inexact, p->currency != 0 ? p->currency : a->currency);
}

bool activity_attributes(reeve_msg *m, const struct activity *a, const char *type)
{
    if (strcmp(type, "funding.payment") != 0) {
        set_award(m, a);
        if (strcmp(type, "funding.award") == 0)
            set_parent(m, a);
        return strcmp(type, "funding.report") != 0 || a->results.n > 0;
    }
    if (a->payments_n != 1)
        return false;
    set_payment(m, a, &a->payments[0]);
    return true;
}

/* Takes the body's bytes as a new message of the type. */
static reeve_msg *message(struct walk *w, const char *type, const char *p, size_t len)
{
    reeve_msg *m = p != NULL ? reeve_msg_new(w->ctx) : NULL;
    if (m == NULL)
        return NULL;
    if (reeve_msg_set(m, "type", type) == 0 && reeve_msg_set(m, "dataschema", IATI_SCHEMA) == 0 &&
        reeve_msg_set_body(m, "application/xml", p, len) == 0)
        return m;
    reeve_msg_free(m);
    return NULL;
}

static reeve_rc emit_award(struct walk *w, reeve_out *out)
{
    struct activity *a = &w->activity;
    struct bytes whole = {0};
    const char *p = feed_at(w->feed, a->start);
    size_t len = (size_t)(a->end - a->start);
    if ((a->prefixes & ~a->own_prefixes) != 0) {
        activity_whole(w, &whole);
        p = whole.failed ? NULL : whole.p;
        len = whole.len;
    }
    reeve_msg *m = message(w, "funding.award", p, len);
    free(whole.p);
    if (m == NULL)
        return REEVE_RETRY;
    attribute_set_escaped(m, "subject", activity_text(a, a->identifier));
    set_award(m, a);
    set_parent(m, a);
    return reeve_emit(out, m) == 0 ? REEVE_OK : REEVE_RETRY;
}

/* The head stands before each payment, so it is made once. */
static reeve_rc emit_parts(struct walk *w, reeve_out *out)
{
    struct activity *a = &w->activity;
    struct bytes body = {0};
    reeve_rc rc = REEVE_OK;
    activity_head(w, &body);
    size_t head = body.len;
    for (size_t i = 0; i < a->payments_n && rc == REEVE_OK; i++) {
        body.len = head;
        activity_piece(w, &a->payments[i].piece, &body);
        bytes_adds(&body, ACTIVITY_CLOSING);
        reeve_msg *m = body.failed ? NULL : message(w, "funding.payment", body.p, body.len);
        if (m != NULL) {
            set_payment_subject(m, a, &a->payments[i]);
            set_payment(m, a, &a->payments[i]);
        }
        rc = m != NULL && reeve_emit(out, m) == 0 ? REEVE_OK : REEVE_RETRY;
    }
    body.len = head;
    for (size_t i = 0; i < a->results.n; i++)
        activity_piece(w, &a->results.at[i], &body);
    bytes_adds(&body, ACTIVITY_CLOSING);
    if (rc == REEVE_OK && a->results.n > 0) {
        reeve_msg *m = body.failed ? NULL : message(w, "funding.report", body.p, body.len);
        if (m != NULL) {
            set_part_subject(m, a, "report");
            set_award(m, a);
        }
        rc = m != NULL && reeve_emit(out, m) == 0 ? REEVE_OK : REEVE_RETRY;
    }
    free(body.p);
    return rc;
}

reeve_rc activity_emit(struct walk *w, reeve_out *out)
{
    struct activity *a = &w->activity;
    reeve_rc rc = emit_award(w, out);
    if (rc == REEVE_OK && (a->payments_n > 0 || a->results.n > 0)) {
        payments_name(a);
        rc = a->no_memory ? REEVE_RETRY : emit_parts(w, out);
    }
    return rc == REEVE_OK ? REEVE_OK : reeve_fail(w->ctx, rc, "a message could not be made");
}
