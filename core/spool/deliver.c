/* SPDX-License-Identifier: Apache-2.0 */
/* deliver - who gets what: consumers, credit, delays, and the pages of a queue that are in memory.
 *
 * Guarantees: a copy is with one consumer at most; consumers of a destination take turns; `order:
 * strict` has one copy out at a time and the head keeps its place while it waits. Memory: a copy
 * that was just published is kept with its event while somebody consumes and there is room;
 * otherwise the queue is read from the file in pages when the memory part has run out. Events are
 * dropped when they are given out and read again for a second attempt. */
#include "spool.h"
#include "spool_types.h"
#include "base/log.h"
#include "base/util.h"
#include <errno.h>
#include <string.h>

#define PAGE_ROWS 512u
#define PAGE_LOOK 4096u /* rows looked at for one page: delayed ones are passed over */
#define DELAY_CAP_MS \
    ((uint64_t)2 * 3600 * 1000) /* no delay is longer, whatever the clock did meanwhile */

static _Noreturn void out_of_memory(void)
{
    log_error("memory", NULL, "out of memory; nothing is lost, starting again");
    _exit(75);
}

static uint64_t due_at(const struct spool *s, uint64_t due)
{
    return due > s->now + DELAY_CAP_MS ? s->now + DELAY_CAP_MS : due;
}

static struct copy *copy_make(uint64_t key)
{
    struct copy *c = xcalloc(1, sizeof *c);
    if (!c)
        out_of_memory();
    c->key = key;
    return c;
}

static void push_back(struct dest *d, struct copy *c)
{
    if (queue_push_back(&d->q, c) < 0)
        out_of_memory();
}

static void push_front(struct dest *d, struct copy *c)
{
    if (queue_push_front(&d->q, c) < 0)
        out_of_memory();
}

void deliver_added(struct spool *s, struct dest *d, uint64_t key, uint64_t first_ms,
                   uint64_t body_no, struct body *body)
{
    if (d->more || !body || !d->consumers || d->q.ready_n >= READY_MAX || s->cached > CACHE_BYTES) {
        d->more = true;
        return;
    }
    struct copy *c = copy_make(key);
    c->first_ms = first_ms;
    c->body_no = body_no;
    c->size = body->len;
    c->read = true;
    c->body = body_ref(body);
    push_back(d, c);
    d->loaded = key;
}

void deliver_forget(struct spool *s, struct dest *d)
{
    struct err e;
    queue_done(&d->q);
    d->q = (struct queue){0};
    d->loaded = (uint64_t)d->no << KEY_SHIFT;
    d->mark_due = d->mark_key = 0;
    d->more = true;
    if (store_dest_delayed(s->store, d->no, &d->delayed, &e) < 0)
        log_error(e.code, NULL, "counting the delayed messages of %s: %s", d->name, e.text);
    d->more_delayed = true;
}

/* ---- delays ---- */

static void delay(struct spool *s, struct dest *d, struct copy *c)
{
    d->delayed++;
    if (d->more_delayed &&
        (c->due > d->mark_due || (c->due == d->mark_due && c->key > d->mark_key))) {
        copy_free(c); /* comes with its page */
        return;
    }
    c->due_at = due_at(s, c->due);
    if (queue_delay(&d->q, c) < 0)
        out_of_memory();
    if (d->q.delayed_n <= DELAYED_MAX)
        return;
    const struct copy *last = queue_delayed_trim(&d->q, DELAYED_MAX / 2);
    d->more_delayed = true;
    d->mark_due = last->due;
    d->mark_key = last->key;
}

struct delayed_page {
    struct spool *s;
    struct dest *d;
    size_t n;
};

static int add_delayed(void *arg, uint64_t due, uint64_t key)
{
    struct delayed_page *p = arg;
    struct copy *c = copy_make(key);
    c->due = due;
    c->due_at = due_at(p->s, due);
    if (queue_delay(&p->d->q, c) < 0)
        out_of_memory();
    p->d->mark_due = due;
    p->d->mark_key = key;
    p->n++;
    return 0;
}

static int load_delayed(struct spool *s, struct dest *d, struct err *e)
{
    struct delayed_page p = {.s = s, .d = d};
    int r = store_later_page(s->store, d->no, d->mark_due, d->mark_key, DELAYED_MAX / 2,
                             add_delayed, &p, e);
    if (r == 0 && p.n < DELAYED_MAX / 2)
        d->more_delayed = false;
    return r;
}

static int wake_delayed(struct spool *s, struct dest *d, struct err *e)
{
    while (d->q.ready_n < READY_MAX) {
        if (!d->q.delayed_n && d->more_delayed) {
            int r = load_delayed(s, d, e);
            if (r < 0)
                return r;
        }
        const struct copy *c = queue_delayed_head(&d->q);
        if (!c || c->due_at > s->now)
            return 0;
        push_back(d, queue_delayed_pop(&d->q));
        d->delayed--;
    }
    return 0;
}

/* ---- pages ---- */

struct ready_page {
    struct spool *s;
    struct dest *d;
    size_t looked, bytes;
    bool stopped;
};

static int add_ready(void *arg, const struct copy_row *row)
{
    struct ready_page *p = arg;
    struct dest *d = p->d;
    p->looked++;
    d->loaded = row->key;
    if (d->strict || row->due == 0) {
        struct copy *c = copy_make(row->key);
        c->first_ms = row->first_ms;
        c->attempts = row->attempts;
        c->due = row->due;
        c->due_at = due_at(p->s, row->due);
        c->body_no = row->body;
        c->size = row->size;
        c->read = true;
        if (row->bytes && p->s->cached <= CACHE_BYTES) {
            c->body = body_new(&p->s->cached, row->id, row->id_len, row->bytes, row->size);
            if (!c->body)
                out_of_memory();
            p->bytes += row->size;
        }
        push_back(d, c);
    }
    p->stopped = p->looked >= PAGE_LOOK || p->bytes >= READY_BYTES || d->q.ready_n >= PAGE_ROWS;
    return p->stopped;
}

static int load_ready(struct spool *s, struct dest *d, struct err *e)
{
    struct ready_page p = {.s = s, .d = d};
    int r = store_copy_page(s->store, d->no, d->loaded, PAGE_LOOK, add_ready, &p, e);
    if (r == 0 && !p.stopped)
        d->more = false;
    return r;
}

/* ---- consumers ---- */

static struct consumer *consumer_new(uint32_t prefetch)
{
    struct consumer *c = xcalloc(1, sizeof *c);
    if (!c)
        return NULL;
    c->slots = xcalloc(prefetch, sizeof *c->slots);
    c->free = xcalloc(prefetch, sizeof *c->free);
    if (!c->slots || !c->free) {
        free(c->slots);
        free(c->free);
        free(c);
        return NULL;
    }
    for (uint32_t i = 0; i < prefetch; i++)
        c->free[i] = prefetch - 1 - i;
    c->prefetch = prefetch;
    return c;
}

int spool_consume(struct spool *s, struct peer *p, const struct spool_consume *in,
                  struct consumer **ret)
{
    struct dest *d = spool_dest(s, in->destination.p, in->destination.len);
    if (!d)
        return -ENOENT;
    struct consumer *c = consumer_new(in->prefetch);
    if (!c)
        return -ENOMEM;
    c->peer = p;
    c->dest = d;
    c->sub = in->sub;
    c->prev = c->next = c;
    if (d->consumers) {
        c->next = d->consumers;
        c->prev = d->consumers->prev;
        c->prev->next = c->next->prev = c;
    } else {
        d->consumers = c;
    }
    s->again = true;
    *ret = c;
    return 0;
}

void spool_pause(struct consumer *c, bool paused)
{
    c->paused = paused;
}

static int newest_first(const void *a, const void *b)
{
    const struct copy *x = *(struct copy *const *)a, *y = *(struct copy *const *)b;
    return x->key > y->key ? -1 : x->key < y->key;
}

/* What the consumer holds goes back to the front, in the old order, uncharged. */
static void give_back(struct consumer *c)
{
    struct dest *d = c->dest;
    struct copy **back = xcalloc(c->prefetch, sizeof(struct copy *));
    size_t n = 0;
    if (!back)
        out_of_memory();
    for (uint32_t i = 0; i < c->prefetch; i++) {
        if (c->slots[i].copy && !c->slots[i].settling) {
            back[n++] = c->slots[i].copy;
            d->held--;
        }
    }
    qsort(back, n, sizeof(struct copy *), newest_first);
    for (size_t i = 0; i < n; i++)
        push_front(d, back[i]);
    free(back);
}

void consumer_free(struct consumer *c)
{
    struct dest *d = c->dest;
    if (c->held)
        give_back(c);
    if (d->consumers == c)
        d->consumers = c->next == c ? NULL : c->next;
    c->prev->next = c->next;
    c->next->prev = c->prev;
    free(c->slots);
    free(c->free);
    free(c);
}

static void free_slot(struct op *op)
{
    struct consumer *c = op->set.consumer;
    if (!c)
        return;
    c->slots[op->set.slot].copy = NULL;
    c->slots[op->set.slot].settling = false;
    c->held--;
    c->held_bytes -= op->set.copy->size;
    c->free[c->prefetch - 1 - c->held] = op->set.slot;
}

void deliver_settled(struct spool *s, struct op *op)
{
    struct dest *d = op->set.dest;
    struct copy *c = op->set.copy;
    free_slot(op);
    d->held--;
    d->settling--;
    if (op->how == SETTLE_DONE || op->how == SETTLE_DEAD) {
        copy_free(c);
        return;
    }
    c->attempts = op->set.attempts;
    c->due_at = op->set.due_at;
    if (op->how == SETTLE_RETRY || op->set.due) /* else the file was not touched */
        c->due = op->set.due;
    if (d->strict || (op->how == SETTLE_RELEASE && !op->set.due))
        push_front(d, c);
    else if (op->set.due)
        delay(s, d, c);
    else
        push_back(d, c);
}

static struct consumer *next_with_credit(struct dest *d)
{
    struct consumer *c = d->consumers;
    if (!c)
        return NULL;
    do {
        if (!c->paused && c->held < c->prefetch && (!c->held || c->held_bytes < HELD_BYTES) &&
            c->peer->ops->can_take(c->peer)) {
            d->consumers = c->next; /* the next one's turn after this */
            return c;
        }
        c = c->next;
    } while (c != d->consumers);
    return NULL;
}

static void hand_over(struct consumer *c, struct copy *copy, struct spool_text id,
                      struct spool_text event)
{
    uint32_t slot = c->free[c->prefetch - 1 - c->held];
    struct slot *sl = &c->slots[slot];
    sl->copy = copy;
    sl->serial++;
    sl->settling = false;
    c->held++;
    c->held_bytes += copy->size;
    c->dest->held++;
    struct spool_job job = {.handle = (uint64_t)c->sub << 48 | (uint64_t)sl->serial << 16 | slot,
                            .first_ms = copy->first_ms,
                            .sub = c->sub,
                            .attempts = copy->attempts,
                            .id = id,
                            .event = event};
    c->peer->ops->job(c->peer, &job);
    body_unref(copy->body);
    copy->body = NULL;
}

static int give_from_file(struct spool *s, struct consumer *c, struct copy *copy, struct err *e)
{
    struct copy_row row;
    int r = store_copy_get(s->store, copy->key, &row, e);
    const char *bytes = row.bytes;
    size_t size = row.size;
    if (r == 0 && row.body)
        r = store_body_get(s->store, row.body, &bytes, &size, e);
    if (r == 0) {
        copy->first_ms = row.first_ms;
        copy->attempts = row.attempts;
        copy->body_no = row.body;
        copy->size = size;
        copy->read = true;
        hand_over(c, copy, (struct spool_text){row.id, row.id_len},
                  (struct spool_text){bytes, size});
    }
    store_read_done(s->store);
    return r;
}

static int give(struct spool *s, struct consumer *c, struct copy *copy, struct err *e)
{
    const struct body *b = copy->body;
    if (!b)
        return give_from_file(s, c, copy, e);
    hand_over(c, copy, (struct spool_text){b->data, b->id_len},
              (struct spool_text){body_event(b), b->len});
    return 0;
}

/* 1 = one was given, 0 = nothing to do now, negative errno. */
static int deliver_one(struct spool *s, struct dest *d, struct err *e)
{
    if (d->strict && d->held)
        return 0;
    struct copy *head = queue_head(&d->q);
    if (!head && d->more) {
        int r = load_ready(s, d, e);
        if (r < 0)
            return r;
        head = queue_head(&d->q);
        s->again |= !head && d->more;
    }
    if (!head || (d->strict && head->due_at > s->now))
        return 0;
    struct consumer *c = next_with_credit(d);
    if (!c)
        return 0;
    (void)queue_pop(&d->q);
    int r = give(s, c, head, e);
    if (r < 0)
        push_front(d, head);
    return r < 0 ? r : 1;
}

void deliver_all(struct spool *s)
{
    struct err e;
    s->again = false;
    for (struct dest *d = s->dests; d; d = d->next) {
        if (!d->consumers || d->moving)
            continue;
        int r = d->strict ? 0 : wake_delayed(s, d, &e);
        while (r >= 0 && (r = deliver_one(s, d, &e)) > 0)
            ;
        if (r < 0)
            log_error(e.code, NULL, "reading the queue of %s: %s", d->name, e.text);
    }
}

uint64_t deliver_due(const struct spool *s, const struct dest *d)
{
    const struct copy *c = d->strict ? queue_head(&d->q) : queue_delayed_head(&d->q);
    if (!d->consumers || !c || c->due_at <= s->now)
        return UINT64_MAX; /* if it is due it waits for a consumer, not for time */
    return c->due_at;
}

uint32_t spool_handle_sub(uint64_t handle)
{
    return (uint32_t)(handle >> 48);
}
