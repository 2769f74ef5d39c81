/* SPDX-License-Identifier: Apache-2.0 */
/* committer - see committer.h. */
#include "committer.h"

static void store(struct committer *c)
{
    c->rc = c->journal_too ? journal_store(c->journal, &c->why) : 0;
    if (c->rc == 0 && c->state_too)
        c->rc = state_store(c->state, &c->why);
}

static void *run(void *arg)
{
    struct committer *c = arg;
    (void)pthread_mutex_lock(&c->lock);
    for (;;) {
        while (!c->wanted && !c->stop)
            (void)pthread_cond_wait(&c->changed, &c->lock);
        if (!c->wanted)
            break;
        c->wanted = false;
        (void)pthread_mutex_unlock(&c->lock);
        store(c);
        thread_queue_push(c->told, c->node);
        (void)pthread_mutex_lock(&c->lock);
    }
    (void)pthread_mutex_unlock(&c->lock);
    return NULL;
}

int committer_start(struct committer *c, struct journal *journal, struct state *state,
                    struct thread_queue *told, struct queue_node *node)
{
    *c = (struct committer){.journal = journal, .state = state, .told = told, .node = node};
    (void)pthread_mutex_init(&c->lock, NULL);
    (void)pthread_cond_init(&c->changed, NULL);
    int rc = -pthread_create(&c->thread, NULL, run, c);
    c->started = rc == 0;
    return rc;
}

int committer_begin(struct committer *c, struct err *e)
{
    int rc = journal_freeze(c->journal, e);
    if (rc < 0)
        return rc;
    c->journal_too = rc > 0;
    rc = state_freeze(c->state, e);
    if (rc < 0)
        return rc;
    c->state_too = rc > 0;
    if (!c->journal_too && !c->state_too)
        return 0;
    c->busy = true;
    (void)pthread_mutex_lock(&c->lock);
    c->wanted = true;
    (void)pthread_cond_signal(&c->changed);
    (void)pthread_mutex_unlock(&c->lock);
    return 1;
}

int committer_end(struct committer *c, struct err *e)
{
    c->busy = false;
    if (c->rc < 0) {
        state_rollback(c->state);
        *e = c->why;
    } else if (c->state_too) {
        state_stored(c->state);
    }
    return c->rc;
}

void committer_stop(struct committer *c)
{
    if (!c->started)
        return;
    (void)pthread_mutex_lock(&c->lock);
    c->stop = true;
    (void)pthread_cond_signal(&c->changed);
    (void)pthread_mutex_unlock(&c->lock);
    (void)pthread_join(c->thread, NULL);
    (void)pthread_mutex_destroy(&c->lock);
    (void)pthread_cond_destroy(&c->changed);
    c->started = false;
}
