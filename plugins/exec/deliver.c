/* SPDX-License-Identifier: Apache-2.0 */
/* deliver - messages go to the program as they come, and verdicts come back in any order.
 *
 * When it ends with one message in hand, that one is to be tried again. When it had several, nobody
 * knows which of them did it: they are given to a new one, one at a time, so that only the culprit
 * is charged. */
#include "exec.h"
#include "lib/mono.h"
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define UNSENT_MAX (1u << 20) /* what is already written for the program to read */
#define GRACE_MS   5000u      /* for what it has in hand when the hub stops */

enum place { WAITS, IN_HAND, DONE };
struct batch {
    struct exec *x;
    reeve_ctx *ctx;
    reeve_job *const *jobs;
    size_t n, in_hand, done;
    uint64_t first; /* seq of jobs[0] */
    enum place place[DELIVER_BATCH];
    bool alone;       /* one at a time */
    uint64_t last;    /* when something was last heard, or the first one given */
    uint64_t stop_at; /* the hub stops: until then; 0: it does not */
};

static bool is_event(const char *type)
{
    return type != NULL && strncasecmp(type, "application/cloudevents+json", 28) == 0;
}

/* What the connector speaks is an event: that one; any other document is an event's data. */
static int give(struct batch *b, size_t i)
{
    reeve_job *job = b->jobs[i];
    struct program *p = &b->x->program;
    const char *type = reeve_job_get(job, "content-type");
    size_t len = 0;
    const void *body = reeve_job_body(job, &len);
    if (is_event(type))
        return program_send_json(p, b->first + i, reeve_job_attempt(job), body, len);
    reeve_msg *m = reeve_msg_copy(reeve_job_msg(job));
    int rc = m != NULL ? reeve_msg_set_body(m, type, len > 0 ? body : NULL, len) : -1;
    rc = rc == 0 ? program_send(p, b->first + i, reeve_job_attempt(job), NULL, m) : rc;
    reeve_msg_free(m);
    return rc;
}

/* 1: there was one to give, 0: not now, -1: it cannot be written. */
static int give_next(struct batch *b)
{
    size_t i = 0;
    while (i < b->n && b->place[i] != WAITS)
        i++;
    if (i == b->n || b->stop_at || (b->alone && b->in_hand > 0) ||
        program_unsent(&b->x->program) > UNSENT_MAX)
        return 0;
    if (b->in_hand++ == 0)
        b->last = monotonic_ms();
    b->place[i] = IN_HAND;
    if (give(b, i) != 0) {
        program_because(&b->x->program, "a message cannot be written for it");
        return -1;
    }
    return 1;
}

static void settle(struct batch *b, size_t i, reeve_rc rc, uint64_t after_ms, const char *reason)
{
    b->place[i] = DONE;
    b->in_hand--;
    b->done++;
    reeve_settle(b->jobs[i], rc, after_ms, "%s", reason);
}

/* -1: it makes no sense; the program's why[] says so. */
static int take(struct batch *b, const struct said *s)
{
    static const reeve_rc verdicts[] = {[SAID_OK] = REEVE_OK,
                                        [SAID_RETRY] = REEVE_RETRY,
                                        [SAID_REJECT] = REEVE_REJECT,
                                        [SAID_DOWN] = REEVE_DOWN};
    struct program *p = &b->x->program;
    char reason[400];
    if (s->verdict == SAID_NONE || !s->has_seq) {
        program_because(p, "it wrote a line without %s", s->has_seq ? "verdict" : "seq");
        return -1;
    }
    if (s->seq < b->first || s->seq - b->first >= b->n || b->place[s->seq - b->first] != IN_HAND) {
        program_because(p, "it gave a verdict on seq %llu, which it does not have",
                        (unsigned long long)s->seq);
        return -1;
    }
    said_reason(s, reason, sizeof reason);
    settle(b, s->seq - b->first, verdicts[s->verdict], s->after_ms,
           s->verdict == SAID_OK ? s->text : reason);
    b->last = monotonic_ms();
    program_good(p);
    return 0;
}

/* The program is gone or has to go. */
static void lost(struct batch *b)
{
    struct program *p = &b->x->program;
    char reason[WHY_MAX + 64];
    (void)snprintf(reason, sizeof reason, "the program failed with this message in hand: %s",
                   p->why);
    program_fail(p, b->ctx, true);
    bool culprit = b->in_hand == 1;
    b->alone = b->alone || b->in_hand > 1;
    for (size_t i = 0; i < b->n; i++) {
        if (b->place[i] == IN_HAND && culprit)
            settle(b, i, REEVE_RETRY, 0, reason);
        else if (b->place[i] == IN_HAND)
            b->place[i] = WAITS;
    }
    b->in_hand = 0;
}

/* How long the wait may be; 0: the time of what is in hand is over. */
static uint64_t left(const struct batch *b)
{
    uint64_t now = monotonic_ms(), until = b->last + (uint64_t)reeve_conf_int(b->ctx, "timeout");
    if (b->stop_at && b->stop_at < until)
        until = b->stop_at;
    return until > now ? until - now : 0;
}

/* One round with a program that runs. false: it is to be given up. */
static bool round_trip(struct batch *b)
{
    struct program *p = &b->x->program;
    struct said s;
    int rc;
    while ((rc = give_next(b)) == 1)
        ;
    if (rc < 0)
        return false;
    uint64_t ms = left(b);
    if (program_turn(p, b->ctx, ms, true, b->stop_at ? WAIT_PLAIN : WAIT_HOST) < 0 && !b->stop_at)
        b->stop_at = monotonic_ms() + GRACE_MS;
    while ((rc = program_said(p, &s)) == 1) {
        if (take(b, &s) < 0)
            return false;
    }
    if (rc == PROGRAM_OVER)
        program_over(p, b->ctx);
    if (rc == 0 && ms == 0 && b->in_hand > 0) {
        if (b->stop_at)
            program_because(p, "it gave no verdict before the hub stopped");
        else
            program_because(p, "it gave no verdict within %llu ms",
                            (unsigned long long)reeve_conf_int(b->ctx, "timeout"));
        rc = -1;
    }
    return rc == 0;
}

reeve_rc exec_deliver(reeve_ctx *ctx, void *inst, reeve_job *const *jobs, size_t n)
{
    struct exec *x = inst;
    struct batch b = {.x = x,
                      .ctx = ctx,
                      .jobs = jobs,
                      .n = n < DELIVER_BATCH ? n : DELIVER_BATCH,
                      .first = x->seq + 1};
    x->seq += b.n;
    while (b.done < b.n) {
        if (b.in_hand == 0) {
            if (b.stop_at)
                return reeve_fail(ctx, REEVE_RETRY, "asked to stop");
            reeve_rc rc = program_ready(&x->program, ctx, "deliver", NULL, WAIT_HOST);
            if (rc != REEVE_OK)
                return rc;
        }
        if (!round_trip(&b))
            lost(&b);
    }
    return REEVE_OK;
}
