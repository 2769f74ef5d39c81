/* SPDX-License-Identifier: Apache-2.0 */
/* thread_queue - items handed from one thread to another, first in first out, with a descriptor to
 * poll.
 *
 * Intrusive: an item begins with a struct queue_node, so passing it costs no allocation. Bounds are
 * kept by those who push (windows, prefetch), because a push that blocks could make two threads
 * wait for each other. */
#ifndef REEVE_WORKER_THREAD_QUEUE_H
#define REEVE_WORKER_THREAD_QUEUE_H
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct queue_node {
    struct queue_node *next;
};

struct thread_queue {
    pthread_mutex_t lock;
    struct queue_node *first, *last;
    size_t n;
    int fd; /* eventfd: readable while something may be here */
};

int thread_queue_open(struct thread_queue *q);   /* 0 or negative errno */
void thread_queue_close(struct thread_queue *q); /* the items are the caller's */
/* Any thread. Takes the node until it is taken out. */
void thread_queue_push(struct thread_queue *q, struct queue_node *n);
/* Everything that is there, as a list in order, or NULL. Clears the descriptor. One reader. */
struct queue_node *thread_queue_take(struct thread_queue *q);
/* Wakes the reader without an item. */
void thread_queue_wake(struct thread_queue *q);
/* Waits until something may be here or `fd` (-1: none) is readable. Returns a set of bits. */
#define QUEUE_HAS_ITEMS 1
#define QUEUE_FD_READY  2
int thread_queue_wait(struct thread_queue *q, int fd, uint64_t ms);

#endif
