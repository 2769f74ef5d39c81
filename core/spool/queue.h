/* SPDX-License-Identifier: Apache-2.0 */
/* queue - the part of one destination's queue that is in memory. Pure: no file, no clock, no
 * socket.
 *
 * `ready` is a double-ended queue of copies in the order they will be given out, `delayed` a heap
 * by due time. Both hold a bounded part of what is stored; who fills and bounds them is deliver.c.
 * A copy is owned by the container it is in. */
#ifndef REEVE_SPOOL_QUEUE_H
#define REEVE_SPOOL_QUEUE_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct body {      /* an event in memory, shared by the copies that have not been given out yet */
    size_t *total; /* counts the bytes of all bodies alive */
    size_t len, id_len;
    uint32_t refs;
    char data[]; /* id, then event */
};

struct body *body_new(size_t *total, const char *id, size_t id_len, const char *p, size_t len);
struct body *body_ref(struct body *b);
void body_unref(struct body *b); /* NULL is fine */
const char *body_event(const struct body *b);

struct copy {
    uint64_t key, first_ms;
    uint64_t due;    /* as stored: the row of `later`; 0 = none */
    uint64_t due_at; /* when it may go by the spool's clock; 0 = now */
    uint64_t body_no;
    size_t size;
    uint32_t attempts;
    bool read;         /* first_ms, attempts, body_no, size are known */
    struct body *body; /* NULL: read from the file when it is given out */
};

void copy_free(struct copy *c); /* NULL is fine */

struct queue {
    struct copy **ready; /* ring */
    size_t ready_cap, ready_at, ready_n;
    struct copy **delayed; /* heap */
    size_t delayed_cap, delayed_n;
};

void queue_done(struct queue *q);
/* 0 or -ENOMEM; the copy is not taken then. */
int queue_push_back(struct queue *q, struct copy *c);
int queue_push_front(struct queue *q, struct copy *c);
struct copy *queue_head(const struct queue *q); /* NULL: empty */
struct copy *queue_pop(struct queue *q);
int queue_delay(struct queue *q, struct copy *c);
struct copy *queue_delayed_head(const struct queue *q);
struct copy *queue_delayed_pop(struct queue *q);
/* Keeps the `keep` copies that are due first and frees the others. Gives the last one that is kept.
 */
const struct copy *queue_delayed_trim(struct queue *q, size_t keep);

#endif
