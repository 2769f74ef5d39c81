/* SPDX-License-Identifier: Apache-2.0 */
/* receive - the program says events, each is submitted, and it hears what became of each.
 *
 * A position goes with an event, and says where to go on behind it. One is kept when everything up
 * to it is through, never before: whatever ends this process or the program, nothing is left out.
 * What is said again after that is known to the hub by its id. */
#include "exec.h"
#include "lib/mono.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WINDOW       256u       /* events that are under way */
#define UNSENT_MAX   (1u << 20) /* answers that it has not read */
#define TURN_MS      1000u
#define KEY_POSITION "position"

enum fate { UNDER_WAY, THROUGH, NOT_TAKEN };
struct entry {
    enum fate fate;
    bool has_seq;
    uint64_t seq;   /* the program's own */
    char *position; /* JSON; NULL: it gave none */
};
struct inbox {
    struct entry entry[WINDOW]; /* of tokens first … next - 1, by token % WINDOW */
    uint64_t first, next;
    bool again;        /* the hub could not take one: from the position that is kept, once more */
    char why[WHY_MAX]; /* of that */
    uint64_t due;      /* when to start again one that ended well; mono ms */
    uint64_t unread;   /* since when it has not read its answers; 0: it does */
    bool broken;       /* half an answer is written: it cannot be spoken to any more */
    bool full;         /* there may be lines that had no room */
    bool stopping;     /* the host wants nothing now: the program ends with what is under way */
    bool has_waiting;
    struct said waits; /* what the host did not take yet; the program's lines hold it */
};

static struct entry *entry_of(struct inbox *in, uint64_t token)
{
    return &in->entry[token % WINDOW];
}

static void forget_all(struct inbox *in)
{
    for (; in->first < in->next; in->first++)
        free(entry_of(in, in->first)->position);
    in->has_waiting = in->again = in->broken = in->full = false;
    in->unread = 0;
}

void inbox_free(struct inbox *in)
{
    if (in == NULL)
        return;
    forget_all(in);
    free(in);
}

/* ---- what it says ---- */

/* The position as it is kept: one valid JSON text, without line feeds. 0; -1: the program's why. */
static int take_position(struct program *p, reeve_ctx *ctx, struct slice s, char **ret)
{
    reeve_msg *m = s.p ? reeve_msg_new(ctx) : NULL;
    size_t len = 0;
    *ret = NULL;
    if (s.p == NULL)
        return 0;
    if (m != NULL && reeve_msg_set_body(m, "application/json", s.p, s.len) == 0) {
        const char *json = reeve_msg_body(m, &len);
        *ret = json ? strndup(json, len) : NULL;
    }
    reeve_msg_free(m);
    if (*ret == NULL)
        program_because(p, "it wrote a line whose member position is no JSON");
    return *ret != NULL ? 0 : -1;
}

/* OK; RETRY: the host takes nothing now; anything else: the program's why. */
static reeve_rc submit(struct exec *x, reeve_ctx *ctx, const struct said *s)
{
    struct inbox *in = x->inbox;
    struct entry *e = entry_of(in, in->next);
    char *position = NULL;
    if (s->event.p == NULL) {
        program_because(&x->program, "it wrote a line without event");
        return REEVE_REJECT;
    }
    if (take_position(&x->program, ctx, s->position, &position) < 0)
        return REEVE_REJECT;
    reeve_rc rc = reeve_submit(ctx, in->next, "application/cloudevents+json", NULL, -1, s->event.p,
                               s->event.len);
    if (rc != REEVE_OK) {
        free(position);
        return REEVE_RETRY;
    }
    *e = (struct entry){.has_seq = s->has_seq, .seq = s->seq, .position = position};
    in->next++;
    program_good(&x->program);
    return REEVE_OK;
}

/* Submits what it has said, as far as there is room. OK; RETRY: later; REJECT: see submit();
 * DOWN: it has ended. */
static reeve_rc take_said(struct exec *x, reeve_ctx *ctx)
{
    struct inbox *in = x->inbox;
    while (!(in->full = in->next - in->first >= WINDOW)) {
        int said = in->has_waiting ? 1 : program_said(&x->program, &in->waits);
        if (said == 0)
            return REEVE_OK;
        if (said < 0)
            return said == PROGRAM_OVER ? REEVE_DOWN : REEVE_REJECT;
        in->has_waiting = true;
        reeve_rc rc = submit(x, ctx, &in->waits);
        if (rc == REEVE_RETRY)
            return rc;
        in->has_waiting = false;
        if (rc != REEVE_OK)
            return rc;
    }
    return REEVE_OK;
}

/* ---- what it hears ---- */

static void answer(struct exec *x, const struct entry *e, reeve_rc rc, const char *text)
{
    static const char *const words[] = {
        [REEVE_OK] = "ok", [REEVE_RETRY] = "retry", [REEVE_REJECT] = "reject"};
    char head[80], cut[300];
    size_t word = rc == REEVE_OK || rc == REEVE_REJECT ? (size_t)rc : REEVE_RETRY;
    if (!e->has_seq || !program_runs(&x->program))
        return;
    int n = snprintf(head, sizeof head, "{\"seq\":%llu,\"verdict\":\"%s\"",
                     (unsigned long long)e->seq, words[word]);
    int bad = reeve_buf_add(x->program.to, head, (size_t)n);
    if (rc != REEVE_OK && text != NULL) {
        cut_text(cut, sizeof cut, text, strlen(text));
        bad |= reeve_buf_add(x->program.to, ",\"text\":", 8) | add_json_text(x->program.to, cut);
    }
    x->inbox->broken |= (bad | reeve_buf_add(x->program.to, "}\n", 2)) != 0;
    program_write(&x->program); /* the poll may be waiting for something to read */
}

void exec_settled(reeve_ctx *ctx, void *inst, uint64_t token, reeve_rc rc,
                  const reeve_report *report)
{
    struct exec *x = inst;
    struct inbox *in = x->inbox;
    const char *text = reeve_report_get(report, "text"), *keep = NULL;
    if (rc == REEVE_REJECT)
        reeve_log(ctx, 3, "an event was not taken: %s", text);
    if (in == NULL || token < in->first || token >= in->next)
        return; /* of a program that is gone: the next one says it again */
    struct entry *e = entry_of(in, token);
    e->fate = rc == REEVE_OK || rc == REEVE_REJECT ? THROUGH : NOT_TAKEN;
    answer(x, e, rc, text);
    if (e->fate == NOT_TAKEN && !in->again) {
        in->again = true;
        (void)snprintf(in->why, sizeof in->why, "%s", text ? text : "");
    }
    char *last = NULL;
    for (; in->first < in->next && entry_of(in, in->first)->fate == THROUGH; in->first++) {
        e = entry_of(in, in->first);
        if (e->position == NULL)
            continue;
        free(last);
        keep = last = e->position;
    }
    if (keep != NULL && reeve_state_put(ctx, KEY_POSITION, keep, strlen(keep)) != 0)
        reeve_log(ctx, 4, "the position cannot be kept"); /* the one before stands */
    free(last);
    if (in->stopping && in->first == in->next)
        program_stop(&x->program, ctx);
}

/* ---- the round ---- */

/* From the position that is kept. What is still under way of the one before is waited for: it need
 * not be said again then. */
static reeve_rc begin(struct exec *x, reeve_ctx *ctx)
{
    struct inbox *in = x->inbox;
    uint64_t now = monotonic_ms(), until = now < in->due ? in->due : 0;
    char position[POSITION_MAX + 1];
    size_t len = 0;
    if (until > 0 || in->first < in->next) {
        uint64_t ms = in->first < in->next ? 5 : until - now < TURN_MS ? until - now : TURN_MS;
        (void)reeve_wait(ctx, -1, ms);
        if (!in->again)
            return REEVE_OK;
    }
    forget_all(in);
    const void *kept = reeve_state_get(ctx, KEY_POSITION, &len);
    if (kept != NULL && len <= POSITION_MAX)
        memcpy(position, kept, len);
    position[kept != NULL && len <= POSITION_MAX ? len : 0] = '\0';
    in->full = true; /* there may be more behind its hello */
    return program_ready(&x->program, ctx, "receive", *position ? position : NULL, WAIT_HOST);
}

/* It ended, and all that it said is under way. */
static reeve_rc ended(struct exec *x, reeve_ctx *ctx)
{
    struct program *p = &x->program;
    program_over(p, ctx);
    if (program_ended_well(p)) {
        x->inbox->due = monotonic_ms() + (uint64_t)reeve_conf_int(ctx, "every");
        program_quiet(p, ctx);
        return REEVE_OK;
    }
    program_fail(p, ctx, false);
    return reeve_fail(ctx, REEVE_RETRY, "the program failed: %s", p->why);
}

static reeve_rc give_up(struct exec *x, reeve_ctx *ctx)
{
    program_fail(&x->program, ctx, false);
    return reeve_fail(ctx, REEVE_RETRY, "the program failed: %s", x->program.why);
}

/* Does it read its answers? What it does not read is not gathered for ever. */
static bool listens(struct exec *x, reeve_ctx *ctx)
{
    struct inbox *in = x->inbox;
    uint64_t timeout = (uint64_t)reeve_conf_int(ctx, "timeout"), now = monotonic_ms();
    if (in->broken) {
        program_because(&x->program, "an answer could not be written for it");
        return false;
    }
    if (program_unsent(&x->program) <= UNSENT_MAX) {
        in->unread = 0;
        return true;
    }
    if (in->unread == 0)
        in->unread = now;
    if (now - in->unread < timeout)
        return true;
    program_because(&x->program, "it did not read its answers within %llu ms",
                    (unsigned long long)timeout);
    return false;
}

static reeve_rc not_taken(struct exec *x, reeve_ctx *ctx)
{
    struct inbox *in = x->inbox;
    char why[WHY_MAX];
    (void)snprintf(why, sizeof why, "%s", in->why);
    (void)program_turn(&x->program, ctx, 0, false, WAIT_PLAIN); /* the answer goes out */
    program_quiet(&x->program, ctx);
    forget_all(in);
    return reeve_fail(ctx, REEVE_RETRY,
                      "the hub could not take an event; from the position that is "
                      "kept, once more: %s",
                      why);
}

reeve_rc exec_poll(reeve_ctx *ctx, void *inst)
{
    struct exec *x = inst;
    if (x->inbox == NULL && (x->inbox = calloc(1, sizeof *x->inbox)) == NULL)
        return reeve_fail(ctx, REEVE_RETRY, "out of memory");
    struct inbox *in = x->inbox;
    in->stopping = false;
    if (x->program.process.pid <= 0)
        return begin(x, ctx);
    bool room = in->next - in->first < WINDOW && program_unsent(&x->program) <= UNSENT_MAX;
    uint64_t ms = in->has_waiting || !room ? 5 : in->full ? 0 : TURN_MS;
    if (program_turn(&x->program, ctx, ms, room && !in->has_waiting, WAIT_HOST) < 0) {
        in->stopping = true; /* what is under way is settled all the same, and it hears of it */
        if (in->first == in->next)
            program_stop(&x->program, ctx);
        return REEVE_OK;
    }
    if (in->again)
        return not_taken(x, ctx);
    reeve_rc rc = take_said(x, ctx);
    if (rc == REEVE_DOWN)
        return ended(x, ctx);
    if (rc == REEVE_REJECT || !listens(x, ctx))
        return give_up(x, ctx);
    return rc == REEVE_OK ? rc : reeve_fail(ctx, REEVE_RETRY, "the hub takes nothing now");
}
