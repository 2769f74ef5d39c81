/* SPDX-License-Identifier: Apache-2.0 */
/* thread_queue - see thread_queue.h. The descriptor is written only when the queue was empty: a
 * burst costs one system call. */
#include "thread_queue.h"
#include "base/util.h"
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <sys/eventfd.h>

int thread_queue_open(struct thread_queue *q)
{
    *q = (struct thread_queue){.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
    if (q->fd < 0)
        return -errno;
    int rc = pthread_mutex_init(&q->lock, NULL);
    if (rc != 0) {
        (void)close(q->fd);
        q->fd = -1;
    }
    return -rc;
}

void thread_queue_close(struct thread_queue *q)
{
    if (q->fd < 0)
        return;
    (void)close(q->fd);
    q->fd = -1;
    (void)pthread_mutex_destroy(&q->lock);
}

void thread_queue_wake(struct thread_queue *q)
{
    uint64_t one = 1;
    ssize_t n = write(q->fd, &one, sizeof(one));
    (void)n; /* the counter cannot overflow by ones; a full one is readable all the same */
}

void thread_queue_push(struct thread_queue *q, struct queue_node *n)
{
    n->next = NULL;
    (void)pthread_mutex_lock(&q->lock);
    bool was_empty = !q->first;
    if (was_empty)
        q->first = n;
    else
        q->last->next = n;
    q->last = n;
    q->n++;
    (void)pthread_mutex_unlock(&q->lock);
    if (was_empty)
        thread_queue_wake(q);
}

struct queue_node *thread_queue_take(struct thread_queue *q)
{
    uint64_t n;
    ssize_t got =
        read(q->fd, &n, sizeof(n)); /* before the items are taken: a later push writes again */
    (void)got;
    (void)pthread_mutex_lock(&q->lock);
    struct queue_node *all = q->first;
    q->first = q->last = NULL;
    q->n = 0;
    (void)pthread_mutex_unlock(&q->lock);
    return all;
}

int thread_queue_wait(struct thread_queue *q, int fd, uint64_t ms)
{
    struct pollfd p[2] = {{.fd = q->fd, .events = POLLIN}, {.fd = fd, .events = POLLIN}};
    int timeout = ms > INT_MAX ? INT_MAX : (int)ms;
    if (poll(p, fd >= 0 ? 2 : 1, timeout) <= 0)
        return 0;
    return (p[0].revents ? QUEUE_HAS_ITEMS : 0) | (fd >= 0 && p[1].revents ? QUEUE_FD_READY : 0);
}
