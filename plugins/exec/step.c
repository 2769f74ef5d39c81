/* SPDX-License-Identifier: Apache-2.0 */
/* step - one message to the program, its verdict and what it makes of it back.
 *
 * All or nothing: what it made goes on after all of it is known to be right. What the hub decides
 * (id, source, time, party) is not the program's to change. */
#include "exec.h"
#include "lib/dropped.h"
#include "lib/mono.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OUTPUTS_MAX 10000u

/* ---- what it made ---- */

static const char *changed(const reeve_msg *in, const reeve_msg *made)
{
    static const char *const own[] = {"id", "source", "time", "party"};
    for (size_t i = 0; i < sizeof own / sizeof own[0]; i++) {
        const char *a = reeve_msg_get(in, own[i]), *b = reeve_msg_get(made, own[i]);
        if ((a == NULL) != (b == NULL) || (a != NULL && strcmp(a, b) != 0))
            return own[i];
    }
    return NULL;
}

/* One item of emit as a message. NULL: refused, with the reason. */
static reeve_msg *message(reeve_ctx *ctx, const reeve_msg *in, struct slice item, size_t i)
{
    char where[40];
    size_t len = 0;
    (void)snprintf(where, sizeof where, "/emit/%zu", i);
    reeve_msg *json = reeve_msg_new(ctx), *made = NULL;
    const void *p = NULL;
    if (json != NULL && reeve_msg_set_body(json, "application/json", item.p, item.len) == 0)
        p = reeve_msg_body(json, &len);
    if (p == NULL)
        (void)reeve_fail(ctx, REEVE_REJECT, "the program made %s, which is no JSON or too large",
                         where);
    else if ((made = reeve_msg_from_json(ctx, where, p, len)) == NULL)
        (void)reeve_fail(ctx, REEVE_REJECT, "the program made %s, which is no event", where);
    reeve_msg_free(json);
    const char *what = made ? changed(in, made) : NULL;
    if (what != NULL) {
        (void)reeve_fail(ctx, REEVE_REJECT,
                         "the program made %s with another %s, which is the hub's", where, what);
        reeve_msg_free(made);
        made = NULL;
    }
    return made;
}

struct outputs {
    reeve_msg **msg;
    size_t n;
};

static int collect(reeve_ctx *ctx, const reeve_msg *in, struct slice emit, struct outputs *o)
{
    struct slice item;
    int rc;
    while ((rc = said_item(&emit, &item)) == 1) {
        reeve_msg **more = o->n % 64 ? o->msg : realloc(o->msg, (o->n + 64) * sizeof *more);
        if (more == NULL || o->n == OUTPUTS_MAX) {
            (void)reeve_fail(ctx, REEVE_REJECT, "the program makes more than %u messages of one",
                             OUTPUTS_MAX);
            return -1;
        }
        o->msg = more;
        o->msg[o->n] = message(ctx, in, item, o->n);
        if (o->msg[o->n] == NULL)
            return -1;
        o->n++;
    }
    if (rc < 0)
        (void)reeve_fail(ctx, REEVE_REJECT, "what the program made is no array of events");
    return rc;
}

static void told_dropped(reeve_ctx *ctx, const reeve_msg *in, const struct said *s)
{
    char reason[400];
    said_reason(s, reason, sizeof reason);
    message_dropped(ctx, in, "exec-dropped", reason);
}

static reeve_rc emit_all(reeve_ctx *ctx, const reeve_msg *in, const struct said *s, reeve_out *out)
{
    struct outputs o = {.msg = NULL};
    reeve_rc rc = collect(ctx, in, s->emit, &o) == 0 ? REEVE_OK : REEVE_REJECT;
    if (rc == REEVE_OK && o.n == 0)
        told_dropped(ctx, in, s);
    for (size_t i = 0; i < o.n; i++) {
        if (rc != REEVE_OK)
            reeve_msg_free(o.msg[i]);
        else if (reeve_emit(out, o.msg[i]) != 0)
            rc = REEVE_RETRY;
    }
    free(o.msg);
    return rc;
}

/* ---- one message ---- */

/* Its answer: 0; -1: the program's why[]. */
static int ask(struct exec *x, reeve_ctx *ctx, const reeve_msg *in, struct said *s)
{
    struct program *p = &x->program;
    uint64_t timeout = (uint64_t)reeve_conf_int(ctx, "timeout"), now = monotonic_ms();
    if (program_send(p, ++x->seq, 0, in) != 0) {
        program_because(p, "the message cannot be written for it");
        return -1;
    }
    for (uint64_t until = now + timeout; now < until; now = monotonic_ms()) {
        (void)program_turn(p, ctx, until - now, true, WAIT_PLAIN);
        int rc = program_said(p, s);
        if (rc == PROGRAM_OVER)
            program_over(p, ctx);
        if (rc == 1 && (s->verdict == SAID_NONE || !s->has_seq || s->seq != x->seq)) {
            program_because(p, "it wrote a line that is no verdict on the message it has");
            rc = -1;
        }
        if (rc == 1 && s->verdict == SAID_OK && s->emit.p == NULL) {
            program_because(p, "it gave the verdict ok without emit");
            rc = -1;
        }
        if (rc != 0)
            return rc == 1 ? 0 : -1;
    }
    program_because(p, "it gave no verdict within %llu ms", (unsigned long long)timeout);
    return -1;
}

reeve_rc exec_step(reeve_ctx *ctx, void *inst, const reeve_msg *in, reeve_out *out)
{
    struct exec *x = inst;
    struct said s;
    char reason[400];
    reeve_rc rc = program_ready(&x->program, ctx, "step", NULL, WAIT_PLAIN);
    if (rc != REEVE_OK)
        return rc;
    if (ask(x, ctx, in, &s) < 0) {
        program_fail(&x->program, ctx, true);
        return reeve_fail(ctx, REEVE_RETRY, "the program failed with this message in hand: %s",
                          x->program.why);
    }
    program_good(&x->program);
    if (s.verdict == SAID_OK)
        return emit_all(ctx, in, &s, out);
    said_reason(&s, reason, sizeof reason);
    if (s.after_ms > 0)
        reeve_retry_after(ctx, s.after_ms);
    return reeve_fail(ctx,
                      s.verdict == SAID_REJECT ? REEVE_REJECT
                      : s.verdict == SAID_DOWN ? REEVE_DOWN
                                               : REEVE_RETRY,
                      "%s", reason);
}
