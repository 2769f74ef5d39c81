/* SPDX-License-Identifier: Apache-2.0 */
/* encode: activities, and what was taken out of activities, become an activity file again.
 *
 * An award is an activity as it stands. A payment or a report whose award is in the same document
 * is part of it already and not written again; those of one activity whose award is not there are
 * put together, when what stands before them is the same. Every body is checked against the grammar
 * first: what leaves is valid. */
#include "iati.h"
#include <stdlib.h>
#include <string.h>

#define FILE_OPENING \
    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<iati-activities version=\"2.03\">\n"
#define FILE_CLOSING "</iati-activities>\n"

enum kind { AWARD, PAYMENT, REPORT };
struct item {
    enum kind kind;
    size_t position;
    const char *body; /* the activity's bytes, borrowed */
    size_t body_len;
    struct print identifier;
    struct pieces pieces; /* transactions or results, offsets in body */
    size_t head;          /* what stands before the first; 0: the body is not made of pieces */
    struct print head_print;
    bool written, alone; /* alone: the body is one activity and nothing else */
};
struct encoding {
    reeve_ctx *ctx;
    reeve_buf *out;
    struct item *items;
    size_t n;
    struct print_set *in_awards;
    bool full;
};

static struct print piece_print(const struct item *it, const struct piece *p)
{
    struct print r = text_print(it->body + p->from, (size_t)(p->to - p->from));
    print_join(&r, it->identifier);
    return r;
}

/* ---- reading a body ---- */

static bool white(const char *p, uint64_t from, uint64_t to)
{
    return from >= to || value_all_space(p + from, (size_t)(to - from));
}

/* Is the body a head, the pieces, and nothing else? */
static void find_head(struct item *it)
{
    static const char closing[] = ACTIVITY_CLOSING;
    const struct pieces *p = &it->pieces;
    uint64_t end = it->body_len - (sizeof closing - 1);
    if (p->n == 0 || it->body_len < sizeof closing ||
        memcmp(it->body + end, closing, sizeof closing - 1) != 0 ||
        !white(it->body, p->at[p->n - 1].to, end))
        return;
    for (size_t i = 1; i < p->n; i++)
        if (!white(it->body, p->at[i - 1].to, p->at[i].from))
            return;
    it->head = (size_t)p->at[0].from;
    it->head_print = text_print(it->body, it->head);
}

static reeve_rc add_pieces(struct item *it, const struct piece *at, size_t n, size_t stride)
{
    struct pieces *p = &it->pieces;
    struct piece *bigger = reallocarray(p->at, p->n + n + 1, sizeof *bigger);
    if (bigger == NULL)
        return REEVE_RETRY;
    p->at = bigger;
    for (size_t i = 0; i < n; i++, at = (const struct piece *)((const char *)at + stride)) {
        uint64_t shift = sizeof ROOT_OPENING - 1;
        p->at[p->n++] = (struct piece){at->from - shift, at->to - shift};
    }
    return REEVE_OK;
}

static reeve_rc activity_done(void *arg, struct walk *w)
{
    struct item *it = arg;
    const struct activity *a = &w->activity;
    const char *id = activity_text(a, a->identifier);
    reeve_rc rc = REEVE_OK;
    if (a->no_memory)
        return REEVE_RETRY;
    it->alone = a->start == sizeof ROOT_OPENING - 1 && a->end - a->start == it->body_len;
    it->identifier = text_print(id != NULL ? id : "", id != NULL ? strlen(id) : 0);
    if (it->kind != REPORT && a->payments_n > 0)
        rc = add_pieces(it, &a->payments->piece, a->payments_n, sizeof *a->payments);
    if (rc == REEVE_OK && it->kind != PAYMENT)
        rc = add_pieces(it, a->results.at, a->results.n, sizeof *a->results.at);
    return rc;
}

/* The body, read as the only activity of a file. */
static reeve_rc read_body(struct encoding *e, struct item *it, const char *id)
{
    struct walk w = {.ctx = e->ctx,
                     .quiet = true,
                     .activity_done = activity_done,
                     .arg = it,
                     .limit = SIZE_MAX / 2};
    reeve_rc rc = walk_body(&w, it->body, it->body_len);
    if (rc == REEVE_RETRY)
        rc = reeve_fail(e->ctx, rc, "out of memory");
    else if (rc != REEVE_OK || w.why[0] != 0 || !it->alone || w.activities != 1)
        rc = reeve_fail(e->ctx, REEVE_REJECT, "the body of %s is not a valid activity: %s", id,
                        w.why[0] != 0 ? w.why : "it is not one activity alone");
    walk_done(&w);
    return rc;
}

/* A body of another maker may begin with a declaration and white space. */
static void trim(struct item *it)
{
    const char *end = it->body + it->body_len, *p = it->body;
    if (it->body_len > 5 && memcmp(p, "<?xml", 5) == 0) {
        const char *close = memmem(p, it->body_len, "?>", 2);
        p = close != NULL ? close + 2 : p;
    }
    while (p < end && value_is_space(*p))
        p++;
    while (end > p && value_is_space(end[-1]))
        end--;
    it->body = p;
    it->body_len = (size_t)(end - p);
}

static reeve_rc read_message(struct encoding *e, const reeve_msg *m, size_t position)
{
    struct item *it = &e->items[position];
    const char *type = reeve_msg_get(m, "type"), *id = reeve_msg_id(m);
    it->position = position;
    it->body = reeve_msg_body(m, &it->body_len);
    if (type != NULL && strcmp(type, "funding.award") == 0)
        it->kind = AWARD;
    else if (type != NULL && strcmp(type, "funding.payment") == 0)
        it->kind = PAYMENT;
    else if (type != NULL && strcmp(type, "funding.report") == 0)
        it->kind = REPORT;
    else
        return reeve_fail(e->ctx, REEVE_REJECT,
                          "an IATI file holds funding.award, funding.payment and funding.report, "
                          "this is %s",
                          type != NULL ? type : "untyped");
    if (it->body == NULL || it->body_len == 0)
        return reeve_fail(e->ctx, REEVE_REJECT, "the message %s has no activity as its body", id);
    trim(it);
    reeve_rc rc = read_body(e, it, id);
    if (rc != REEVE_OK)
        return rc;
    if (it->kind != AWARD && it->pieces.n == 0)
        return reeve_fail(e->ctx, REEVE_REJECT, "the body of %s has no %s", id,
                          it->kind == PAYMENT ? "disbursement or expenditure" : "result");
    if (it->kind != AWARD)
        find_head(it);
    for (size_t i = 0; it->kind == AWARD && i < it->pieces.n; i++)
        if (print_set_add(e->in_awards, piece_print(it, &it->pieces.at[i])) < 0)
            return reeve_fail(e->ctx, REEVE_RETRY, "out of memory");
    return REEVE_OK;
}

/* ---- writing ---- */

static void put(struct encoding *e, const char *p, size_t len)
{
    e->full = e->full || reeve_buf_add(e->out, p, len) != 0;
}

static void puts_(struct encoding *e, const char *s)
{
    put(e, s, strlen(s));
}

static bool in_an_award(const struct encoding *e, const struct item *it)
{
    for (size_t i = 0; i < it->pieces.n; i++)
        if (!print_set_has(e->in_awards, piece_print(it, &it->pieces.at[i])))
            return false;
    return true;
}

static int compare(const struct item *x, const struct item *y)
{
    const uint64_t a[] = {x->identifier.a, x->identifier.b, x->head, x->head_print.a,
                          x->head_print.b};
    const uint64_t b[] = {y->identifier.a, y->identifier.b, y->head, y->head_print.a,
                          y->head_print.b};
    for (size_t i = 0; i < sizeof a / sizeof a[0]; i++)
        if (a[i] != b[i])
            return a[i] < b[i] ? -1 : 1;
    return 0;
}

static int by_head(const void *p, const void *q)
{
    const struct item *x = *(struct item *const *)p, *y = *(struct item *const *)q;
    int order = compare(x, y);
    return order != 0 ? order : x->position < y->position ? -1 : x->position > y->position ? 1 : 0;
}

/* Transactions stand before results. */
static void put_run(struct encoding *e, struct item *const *run, size_t n)
{
    put(e, run[0]->body, run[0]->head);
    for (int kind = PAYMENT; kind <= REPORT; kind++)
        for (size_t i = 0; i < n; i++)
            for (size_t k = 0; (int)run[i]->kind == kind && k < run[i]->pieces.n; k++) {
                const struct piece *p = &run[i]->pieces.at[k];
                put(e, run[i]->body + p->from, (size_t)(p->to - p->from));
            }
    puts_(e, ACTIVITY_CLOSING "\n");
    for (size_t i = 0; i < n; i++)
        run[i]->written = true;
}

static void put_whole(struct encoding *e, struct item *it)
{
    put(e, it->body, it->body_len);
    puts_(e, "\n");
    it->written = true;
}

/* What an award holds already is not written again. */
static size_t left_over(struct encoding *e, struct item **ret)
{
    size_t n = 0;
    for (size_t i = 0; i < e->n; i++) {
        struct item *it = &e->items[i];
        if (it->kind == AWARD)
            continue;
        if (it->head > 0 && in_an_award(e, it))
            it->written = true;
        else if (it->head > 0)
            ret[n++] = it;
    }
    qsort(ret, n, sizeof(struct item *), by_head);
    return n;
}

/* In the order in which they came; those that go together, where the first of them stands. */
static reeve_rc write_all(struct encoding *e)
{
    struct item **left = calloc(e->n + 1, sizeof(struct item *));
    if (left == NULL)
        return reeve_fail(e->ctx, REEVE_RETRY, "out of memory");
    size_t n = left_over(e, left);
    puts_(e, FILE_OPENING);
    for (size_t i = 0; i < e->n; i++) {
        struct item *it = &e->items[i];
        if (it->written)
            continue;
        struct item **first =
            it->head > 0 ? bsearch(&it, left, n, sizeof(struct item *), by_head) : NULL;
        size_t run = 0;
        while (first != NULL && first + run < left + n && compare(first[run], it) == 0)
            run++;
        if (run > 0)
            put_run(e, first, run);
        else
            put_whole(e, it);
    }
    puts_(e, FILE_CLOSING);
    free(left);
    return e->full ? reeve_fail(e->ctx, REEVE_REJECT, "the file would be over the message limit")
                   : REEVE_OK;
}

reeve_rc iati_encode(reeve_ctx *ctx, void *inst, const reeve_msg *const *msgs, size_t n,
                     reeve_buf *out)
{
    (void)inst;
    struct encoding e = {.ctx = ctx,
                         .out = out,
                         .items = calloc(n + 1, sizeof *e.items),
                         .n = n,
                         .in_awards = print_set_new()};
    reeve_rc rc = REEVE_OK;
    if (e.items == NULL || e.in_awards == NULL)
        rc = reeve_fail(ctx, REEVE_RETRY, "out of memory");
    for (size_t i = 0; i < n && rc == REEVE_OK; i++)
        rc = read_message(&e, msgs[i], i);
    if (rc == REEVE_OK && reeve_buf_set(out, "content-type", "application/xml") != 0)
        rc = reeve_fail(ctx, REEVE_RETRY, "out of memory");
    if (rc == REEVE_OK)
        rc = write_all(&e);
    for (size_t i = 0; e.items != NULL && i < n; i++)
        free(e.items[i].pieces.at);
    free(e.items);
    print_set_free(e.in_awards);
    return rc;
}
