/* SPDX-License-Identifier: Apache-2.0 */
/* queue - see queue.h. */
#include "queue.h"
#include "base/util.h"
#include <errno.h>
#include <string.h>

struct body *body_new(size_t *total, const char *id, size_t id_len, const char *p, size_t len)
{
    struct body *b = malloc(sizeof *b + id_len + len);
    if (!b)
        return NULL;
    *b = (struct body){.total = total, .len = len, .id_len = id_len, .refs = 1};
    memcpy(b->data, id, id_len);
    memcpy(b->data + id_len, p, len);
    *total += len;
    return b;
}

struct body *body_ref(struct body *b)
{
    b->refs++;
    return b;
}

void body_unref(struct body *b)
{
    if (!b || --b->refs > 0)
        return;
    *b->total -= b->len;
    free(b);
}

const char *body_event(const struct body *b)
{
    return b->data + b->id_len;
}

void copy_free(struct copy *c)
{
    if (!c)
        return;
    body_unref(c->body);
    free(c);
}

void queue_done(struct queue *q)
{
    while (q->ready_n)
        copy_free(queue_pop(q));
    for (size_t i = 0; i < q->delayed_n; i++)
        copy_free(q->delayed[i]);
    free(q->ready);
    free(q->delayed);
    *q = (struct queue){.ready = NULL};
}

static int ring_grow(struct queue *q)
{
    if (q->ready_n < q->ready_cap)
        return 0;
    size_t cap = q->ready_cap ? q->ready_cap * 2 : 16;
    struct copy **p = xcalloc(cap, sizeof *p);
    if (!p)
        return -ENOMEM;
    for (size_t i = 0; i < q->ready_n; i++)
        p[i] = q->ready[(q->ready_at + i) % q->ready_cap];
    free(q->ready);
    q->ready = p;
    q->ready_cap = cap;
    q->ready_at = 0;
    return 0;
}

int queue_push_back(struct queue *q, struct copy *c)
{
    int r = ring_grow(q);
    if (r == 0)
        q->ready[(q->ready_at + q->ready_n++) % q->ready_cap] = c;
    return r;
}

int queue_push_front(struct queue *q, struct copy *c)
{
    int r = ring_grow(q);
    if (r < 0)
        return r;
    q->ready_at = (q->ready_at + q->ready_cap - 1) % q->ready_cap;
    q->ready[q->ready_at] = c;
    q->ready_n++;
    return 0;
}

struct copy *queue_head(const struct queue *q)
{
    return q->ready_n ? q->ready[q->ready_at] : NULL;
}

struct copy *queue_pop(struct queue *q)
{
    if (!q->ready_n)
        return NULL;
    struct copy *c = q->ready[q->ready_at];
    q->ready_at = (q->ready_at + 1) % q->ready_cap;
    q->ready_n--;
    return c;
}

static bool before(const struct copy *a, const struct copy *b)
{
    if (a->due != b->due)
        return a->due < b->due;
    return a->key < b->key;
}

int queue_delay(struct queue *q, struct copy *c)
{
    void *p = q->delayed;
    int r = grow_array(&p, &q->delayed_cap, q->delayed_n + 1, sizeof(struct copy *));
    q->delayed = p;
    if (r < 0)
        return r;
    size_t i = q->delayed_n++;
    while (i > 0 && before(c, q->delayed[(i - 1) / 2])) {
        q->delayed[i] = q->delayed[(i - 1) / 2];
        i = (i - 1) / 2;
    }
    q->delayed[i] = c;
    return 0;
}

struct copy *queue_delayed_head(const struct queue *q)
{
    return q->delayed_n ? q->delayed[0] : NULL;
}

struct copy *queue_delayed_pop(struct queue *q)
{
    if (!q->delayed_n)
        return NULL;
    struct copy *top = q->delayed[0], *last = q->delayed[--q->delayed_n];
    size_t i = 0;
    for (;;) {
        size_t child = 2 * i + 1;
        if (child >= q->delayed_n)
            break;
        if (child + 1 < q->delayed_n && before(q->delayed[child + 1], q->delayed[child]))
            child++;
        if (!before(q->delayed[child], last))
            break;
        q->delayed[i] = q->delayed[child];
        i = child;
    }
    if (q->delayed_n)
        q->delayed[i] = last;
    return top;
}

static int compare(const void *a, const void *b)
{
    const struct copy *x = *(struct copy *const *)a, *y = *(struct copy *const *)b;
    return before(x, y) ? -1 : before(y, x) ? 1 : 0;
}

const struct copy *queue_delayed_trim(struct queue *q, size_t keep)
{
    if (!q->delayed_n || !keep)
        return NULL;
    qsort(q->delayed, q->delayed_n, sizeof(struct copy *), compare); /* sorted is a heap, too */
    while (q->delayed_n > keep)
        copy_free(q->delayed[--q->delayed_n]);
    return q->delayed[q->delayed_n - 1];
}
