/* SPDX-License-Identifier: Apache-2.0 */
/* committer - the thread of a source that waits for the disk.
 *
 * It stores a frozen batch of the journal and then the frozen batch of the state, so that the
 * plugin thread decodes and publishes meanwhile, and what comes in during one commit shares the
 * next. One batch at a time; state only after its journal rows are durable. */
#ifndef REEVE_WORKER_COMMITTER_H
#define REEVE_WORKER_COMMITTER_H
#include "journal/journal.h"
#include "state/state.h"
#include "thread_queue.h"

struct committer {
    struct journal *journal;
    struct state *state;
    struct thread_queue *told;   /* where the batch comes back to … */
    struct queue_node *node;     /* … as this node */
    bool started, busy;          /* the owner's: busy until committer_end() */
    bool journal_too, state_too; /* what the batch holds */
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool wanted, stop; /* under lock */
    int rc;            /* of the last batch; why says more */
    struct err why;
};

/* 0 or negative errno. The node is pushed to the queue when a batch is through. */
int committer_start(struct committer *c, struct journal *journal, struct state *state,
                    struct thread_queue *told, struct queue_node *node);
/* Freezes both and hands them over. 1 = under way; 0 = there was nothing to store; negative errno.
 * Not while it is busy. */
int committer_begin(struct committer *c, struct err *e);
/* The batch is through and was taken out of the queue (or the thread has ended): ends the state's
 * part of it, and says how it went. 0, or negative errno: nothing staged in the state remains. */
int committer_end(struct committer *c, struct err *e);
/* Waits for the batch at hand and ends the thread. */
void committer_stop(struct committer *c);

#endif
