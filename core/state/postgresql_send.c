/* SPDX-License-Identifier: Apache-2.0 */
/* postgresql_send - what a batch is sent as: a statement for each table, with an array for each of
 * its columns. */
#include "postgresql.h"
#include "base/util.h"
#include <string.h>

/* ---- what is sent: arrays, one for each column ---- */
#define COLUMNS 8

struct columns {
    struct buf b[COLUMNS];
    size_t n;
    int rc;
};

static void columns_begin(struct columns *c, const char *types, size_t n)
{
    *c = (struct columns){.n = strlen(types)};
    for (size_t i = 0; i < c->n; i++) {
        buf_init(&c->b[i], 1u << 30);
        c->rc |= pg_array(&c->b[i], types[i] == 'i' ? PG_INT8 : PG_BYTEA, n);
    }
}

static void add_bytes(struct columns *c, size_t column, const void *p, size_t len)
{
    c->rc |= pg_element(&c->b[column], p, len);
}

static void add_digest(struct columns *c, size_t column, const uint8_t *p, bool is)
{
    add_bytes(c, column, is ? p : NULL, SHA256_LEN);
}

static void add_number(struct columns *c, size_t column, uint64_t v, bool is)
{
    c->rc |= is ? pg_element_int8(&c->b[column], v) : pg_element(&c->b[column], NULL, 0);
}

static void columns_done(struct columns *c)
{
    for (size_t i = 0; i < c->n; i++)
        buf_done(&c->b[i]);
}

void postgresql_send(struct sending *x, char expected, const char *statement,
                     const struct pg_args *a)
{
    if (x->rc == 0)
        x->rc = pg_send(&x->t->store, statement, a, x->e);
    x->expected[x->n++] = expected;
}

static void send_columns(struct sending *x, char expected, const char *statement,
                         const struct columns *c)
{
    struct pg_args a = {.n = 0};
    pg_arg_int4(&a, x->t->process);
    for (size_t i = 0; i < c->n; i++)
        pg_arg(&a, c->b[i].p, c->b[i].len);
    if (c->rc != 0 && x->rc == 0)
        x->rc = state_no_memory(x->e);
    postgresql_send(x, expected, statement, &a);
}

void postgresql_send_begin(struct sending *x)
{
    struct postgresql *t = x->t;
    struct pg_args lock = {.n = 0}, mark = {.n = 0}, held = {.n = 0};
    pg_arg_int4(&lock, t->process);
    pg_arg_int4(&mark, t->process);
    pg_arg(&mark, t->writer, sizeof(t->writer));
    pg_arg_int8(&mark, t->batch);
    postgresql_send(x, ANY, "begin", NULL);
    postgresql_send(x, LOCK, "lock", &lock);
    postgresql_send(x, WRITTEN, "written", &mark);
    if (t->lease) {
        pg_arg(&held, t->lease, strlen(t->lease));
        pg_arg_int8(&held, t->epoch);
        postgresql_send(x, HELD, "held", &held);
    }
    postgresql_send(x, ANY, "mark", &mark);
}

/* ---- keys of plugins ---- */
static int add_value(void *arg, const char *key, size_t len, void *value)
{
    struct columns *c = arg;
    const struct kept *v = value;
    uint8_t hash[SHA256_LEN];
    sha256(key, len, hash);
    add_digest(c, 0, hash, true);
    add_bytes(c, 1, key, len);
    add_bytes(c, 2, v->removed ? NULL : v->p, v->len);
    return 0;
}

static void send_values(struct sending *x, const struct batch *b)
{
    struct columns c;
    if (map_count(b->kv) == 0)
        return;
    columns_begin(&c, "bbb", map_count(b->kv));
    (void)map_each(b->kv, add_value, &c);
    send_columns(x, ANY, "kv", &c);
    send_columns(x, ANY, "kv_remove", &c);
    columns_done(&c);
}

/* ---- subjects ---- */
static void send_check(struct sending *x, const struct row **order, size_t n)
{
    struct columns c;
    columns_begin(&c, "bbibi", n);
    for (size_t i = 0; i < n; i++) {
        const struct row *row = order[i];
        add_digest(&c, 0, row->key, true);
        add_digest(&c, 1, row->was, row->had);
        add_number(&c, 2, row->was_generation, row->had);
        add_digest(&c, 3, row->is.content, true);
        add_number(&c, 4, row->is.generation, true);
    }
    send_columns(x, CHANGED, "changed", &c);
    columns_done(&c);
}

static void send_rows(struct sending *x, const struct row **order, size_t n)
{
    struct columns c;
    columns_begin(&c, "bbibbi", n);
    for (size_t i = 0; i < n; i++) {
        const struct row *row = order[i];
        add_digest(&c, 0, row->key, true);
        add_digest(&c, 1, row->is.content, true);
        add_number(&c, 2, row->is.generation, true);
        add_digest(&c, 3, row->is.receipt, true);
        add_digest(&c, 4, row->is.base, row->is.has_base);
        add_number(&c, 5, row->is.base_generation, row->is.has_base);
    }
    send_columns(x, ANY, "subjects", &c);
    columns_done(&c);
}

static bool seen_before(const struct batch *b, size_t i)
{
    for (size_t k = i; k > 0 && i - k < 8; k--) /* rows of one submission mostly stand together */
        if (memcmp(b->rows[k - 1].is.receipt, b->rows[i].is.receipt, SHA256_LEN) == 0)
            return true;
    return false;
}

/* Runs that begin or go on: those of submissions that this batch does not complete. */
static void send_runs(struct sending *x, const struct batch *b)
{
    struct columns c;
    size_t n = 0;
    bool *open = xcalloc(b->rows_n + 1, sizeof(*open));
    for (size_t i = 0; open && i < b->rows_n; i++) {
        open[i] = !seen_before(b, i) && !batch_answers(b, b->rows[i].is.receipt);
        n += open[i];
    }
    if (!open && x->rc == 0)
        x->rc = state_no_memory(x->e);
    columns_begin(&c, "b", n);
    for (size_t i = 0; open && i < b->rows_n; i++)
        if (open[i])
            add_digest(&c, 0, b->rows[i].is.receipt, true);
    send_columns(x, ANY, "runs", &c);
    columns_done(&c);
    free(open);
}

static void send_subjects(struct sending *x, const struct batch *b)
{
    if (b->rows_n == 0)
        return;
    const struct row **order = batch_in_order(b);
    if (!order) {
        x->rc = state_no_memory(x->e);
        return;
    }
    send_check(x, order, b->rows_n);
    send_runs(x, b);
    send_rows(x, order, b->rows_n);
    free(order);
}

/* ---- submissions ---- */
/* A row may be written once in a statement: of several with the same name the last one counts. */
static bool named_again(const struct batch *b, size_t i, bool by_key)
{
    const struct answer *a = &b->answers[i];
    for (size_t k = i + 1; k < b->answers_n; k++) {
        const struct answer *other = &b->answers[k];
        if (by_key ? other->key && strcmp(other->key, a->key) == 0
                   : other->json && memcmp(other->receipt, a->receipt, SHA256_LEN) == 0)
            return true;
    }
    return false;
}

static void send_answers(struct sending *x, const struct batch *b)
{
    struct columns c;
    size_t n = 0;
    for (size_t i = 0; i < b->answers_n; i++)
        n += b->answers[i].json && !named_again(b, i, false);
    columns_begin(&c, "bib", n);
    for (size_t i = 0; i < b->answers_n; i++) {
        const struct answer *a = &b->answers[i];
        if (!a->json || named_again(b, i, false))
            continue;
        add_digest(&c, 0, a->receipt, true);
        add_number(&c, 1, a->ms, true);
        add_bytes(&c, 2, a->json, a->len);
    }
    send_columns(x, ANY, "answers", &c);
    c.n = 1; /* their receipts */
    send_columns(x, ANY, "runs_over", &c);
    c.n = 3;
    columns_done(&c);
}

static void send_keys(struct sending *x, const struct batch *b)
{
    struct columns c;
    size_t n = 0;
    for (size_t i = 0; i < b->answers_n; i++)
        n += b->answers[i].key && !named_again(b, i, true);
    columns_begin(&c, "bbi", n);
    for (size_t i = 0; i < b->answers_n; i++) {
        const struct answer *a = &b->answers[i];
        uint8_t hash[SHA256_LEN];
        if (!a->key || named_again(b, i, true))
            continue;
        sha256(a->key, strlen(a->key), hash);
        add_digest(&c, 0, hash, true);
        add_digest(&c, 1, a->receipt, true);
        add_number(&c, 2, a->ms, true);
    }
    if (n)
        send_columns(x, ANY, "keys", &c);
    columns_done(&c);
}

static void send_submissions(struct sending *x, const struct batch *b)
{
    struct postgresql *t = x->t;
    struct pg_args expire = {.n = 0}, head = {.n = 0};
    if (b->answers_n == 0)
        return;
    const struct answer *last = &b->answers[b->answers_n - 1];
    pg_arg_int4(&expire, t->process);
    pg_arg_int8(&expire, last->ms > IDEMPOTENCY_MS ? last->ms - IDEMPOTENCY_MS : 0);
    pg_arg_int4(&head, t->process);
    pg_arg(&head, last->receipt, SHA256_LEN);
    pg_arg(&head, t->writer, sizeof(t->writer));
    postgresql_send(x, ANY, "keys_expire", &expire);
    send_answers(x, b);
    send_keys(x, b);
    postgresql_send(x, ANY, "head", &head);
}

void postgresql_send_batch(struct sending *x, const struct batch *b)
{
    send_values(x, b);
    send_subjects(x, b);
    send_submissions(x, b);
}
