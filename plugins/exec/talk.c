/* SPDX-License-Identifier: Apache-2.0 */
/* talk - one thing is asked of the program, and a verdict ends it.
 *
 * What there is to say goes out piece by piece, and only when the piece before it has gone: while
 * the program does not read, nothing is gathered here, and what it says meanwhile is heard, so that
 * neither waits for the other's pipe. The host is not waited with: in a step and in an adapter it
 * cannot do anything else meanwhile. */
#include "exec.h"
#include "lib/mono.h"

#define LAST_WORDS_MS 200u /* of one that reads no more */

/* One piece at most: a program that reads as fast as it is told is heard between two of them.
 * false: p->why, or t->stop, says why not. */
static bool say_more(struct talk *t, uint64_t *last)
{
    struct program *p = &t->x->program;
    program_write(p);
    if (t->more == NULL || t->all || program_unsent(p) > 0 || p->process.in < 0)
        return true;
    int rc = t->more(t);
    if (rc < 0)
        return false;
    t->all = rc == 0;
    p->more = !t->all;
    *last = monotonic_ms(); /* it has read the piece before */
    program_write(p);
    return true;
}

/* It reads no more: what it said before is still heard, and perhaps how it ended. */
static bool closed(const struct talk *t)
{
    return t->more != NULL && t->x->program.process.in < 0;
}

static enum heard judge(struct talk *t, const struct said *s)
{
    struct program *p = &t->x->program;
    if (!s->has_seq || s->seq != t->x->seq || (s->verdict == SAID_NONE && t->take == NULL)) {
        program_because(p, "it wrote a line that is no verdict on the message it has");
        return HEARD_FAULT;
    }
    enum heard h = t->take != NULL ? t->take(t, s) : HEARD;
    if (h == HEARD && s->verdict == SAID_OK && t->more != NULL &&
        (!t->all || program_unsent(p) > 0 || closed(t))) {
        program_because(p, "it gave the verdict ok before the end of what it is to read");
        return HEARD_FAULT;
    }
    return h;
}

static enum heard hear(struct talk *t, struct said *s)
{
    struct program *p = &t->x->program;
    uint64_t timeout = (uint64_t)reeve_conf_int(t->ctx, "timeout"), now = monotonic_ms();
    for (uint64_t last = now; now < last + timeout; now = monotonic_ms()) {
        if (!say_more(t, &last))
            return t->stop ? HEARD_STOP : HEARD_FAULT;
        size_t unsent = program_unsent(p);
        uint64_t ms = closed(t) ? LAST_WORDS_MS : last + timeout - now;
        bool heard = false;
        (void)program_turn(p, t->ctx, ms, true, WAIT_PLAIN);
        int rc;
        if (program_unsent(p) < unsent)
            last = monotonic_ms();
        while ((rc = program_said(p, s)) == 1) {
            enum heard h = judge(t, s);
            if (h != HEARD || s->verdict != SAID_NONE)
                return h;
            last = monotonic_ms();
            heard = true;
        }
        if (rc == PROGRAM_OVER)
            program_over(p, t->ctx);
        if (rc == 0 && closed(t) && ms == LAST_WORDS_MS && !heard) {
            program_because(p, "it closed its standard input with a call in hand");
            rc = -1;
        }
        if (rc != 0)
            return HEARD_FAULT;
    }
    program_because(p, "it gave no verdict within %llu ms", (unsigned long long)timeout);
    return HEARD_FAULT;
}

enum heard talk(struct talk *t, struct said *s)
{
    t->x->program.more = t->more != NULL;
    enum heard h = hear(t, s);
    t->x->program.more = false;
    return h;
}

reeve_rc talk_failed(struct talk *t, const char *what)
{
    program_fail(&t->x->program, t->ctx, true);
    return reeve_fail(t->ctx, REEVE_RETRY, "the program failed with this %s in hand: %s", what,
                      t->x->program.why);
}

reeve_rc verdict_other(reeve_ctx *ctx, const struct said *s)
{
    char reason[400];
    said_reason(s, reason, sizeof reason);
    if (s->after_ms > 0)
        reeve_retry_after(ctx, s->after_ms);
    return reeve_fail(ctx,
                      s->verdict == SAID_REJECT ? REEVE_REJECT
                      : s->verdict == SAID_DOWN ? REEVE_DOWN
                                                : REEVE_RETRY,
                      "%s", reason);
}

reeve_rc talk_message(struct exec *x, reeve_ctx *ctx, const char *call, const reeve_msg *in,
                      struct said *s)
{
    struct talk t = {.x = x, .ctx = ctx};
    struct program *p = &x->program;
    enum heard h = HEARD_FAULT;
    if (program_send(p, ++x->seq, 0, call, in) != 0)
        program_because(p, "the message cannot be written for it");
    else
        h = talk(&t, s);
    if (h == HEARD && s->verdict == SAID_OK && s->emit.p == NULL) {
        program_because(p, "it gave the verdict ok without emit");
        h = HEARD_FAULT;
    }
    if (h != HEARD)
        return talk_failed(&t, "message");
    program_good(p);
    return s->verdict == SAID_OK ? REEVE_OK : verdict_other(ctx, s);
}
