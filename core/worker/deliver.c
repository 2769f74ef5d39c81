/* SPDX-License-Identifier: Apache-2.0 */
/* deliver - the call, the verdicts, and what each verdict means for its job. The decision itself is
 * verdict.c. */
#include "sink.h"
#include "base/log.h"
#include "base/util.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

/* A job of several documents is as good as the worst of them: what can be tried again first. */
static int rank(reeve_rc rc)
{
    switch (rc) {
    case REEVE_OK:
        return 0;
    case REEVE_REJECT:
        return 1;
    case REEVE_DOWN:
        return 3;
    case REEVE_FATAL:
        return 4;
    default:
        return 2;
    }
}

static void verdict_of(struct hand *h, const struct reeve_job *j)
{
    if (rank(j->rc) < rank(h->rc))
        return;
    h->rc = j->rc;
    h->after_ms = j->after_ms;
    (void)snprintf(h->reason, sizeof(h->reason), "%s", j->reason);
}

static void call_deliver(struct sink *s, reeve_job **jobs, size_t n)
{
    struct instance *p = s->plugin;
    remember_again(s);
    struct guard_mark g = instance_enter(p, "deliver");
    reeve_rc rc = p->plugin->api.deliver(p->ctx, p->inst, jobs, n), again;
    instance_leave(p, g);
    char why[ERR_TEXT_MAX];
    bool blind = remember_failed(s, &again, why);
    for (size_t i = 0; i < n; i++) {
        if (blind &&
            (!jobs[i]->settled || jobs[i]->rc == REEVE_OK || jobs[i]->rc == REEVE_REJECT)) {
            jobs[i]->settled = true; /* which of them it asked for, nobody knows */
            jobs[i]->rc = again;
            jobs[i]->after_ms = 0;
            (void)snprintf(jobs[i]->reason, sizeof(jobs[i]->reason), "%s", why);
        }
        if (!jobs[i]->settled) {
            jobs[i]->rc = rc;
            jobs[i]->after_ms = host_ctx_retry_after(p->ctx);
            (void)snprintf(jobs[i]->reason, sizeof(jobs[i]->reason), "%s",
                           rc == REEVE_OK ? "" : instance_reason(p, rc));
        }
        struct hand *h = jobs[i]->host;
        h->cut_short |= !jobs[i]->settled && atomic_load(&s->flags.stopping);
        verdict_of(h, jobs[i]);
    }
}

void deliver_batch(struct sink *s, struct hand *const *hands, size_t n)
{
    reeve_job *jobs[256];
    size_t at = 0, max = s->batch < ARRAY_SIZE(jobs) ? s->batch : ARRAY_SIZE(jobs);
    for (size_t i = 0; i < n; i++) {
        if (hands[i]->decided)
            continue;
        hands[i]->rc = REEVE_OK;
        for (struct delivery *d = hands[i]->deliveries; d; d = d->next) {
            jobs[at++] = &d->job;
            if (at == max) {
                call_deliver(s, jobs, at);
                at = 0;
            }
        }
    }
    if (at)
        call_deliver(s, jobs, at);
}

static void remember_error(struct sink *s, const struct hand *h, const char *code)
{
    (void)pthread_mutex_lock(&s->last_lock);
    (void)snprintf(s->last_error, sizeof(s->last_error), "%s: %.*s", code, ERR_TEXT_MAX - 40,
                   h->reason);
    s->last_error_ms = wall_ms();
    (void)pthread_mutex_unlock(&s->last_lock);
}

static void row(struct sink *s, struct hand *h, const char *event, const char *code,
                uint64_t next_ms)
{
    struct err e;
    bool ok = strcmp(event, JOURNAL_DELIVERED) == 0;
    struct journal_row r = {.event = event,
                            .id = h->job->id,
                            .source = *h->source ? h->source : NULL,
                            .subject = *h->subject ? h->subject : NULL,
                            .type = *h->type ? h->type : NULL,
                            .party = tree_gets(s->party, "name", NULL),
                            .connector = s->connector,
                            .destination = s->destination,
                            .attempt = h->job->attempts + 1,
                            .next_ms = next_ms,
                            .detail = s->was,
                            .code = ok ? NULL : code,
                            .text = *h->reason ? h->reason : NULL};
    s->uncommitted = true;
    if (journal_add(s->journal, &r, &e) < 0) { /* no verdict without its row: once more, later */
        log_error(e.code, h->job->id, "journal: %s", e.text);
        h->how = SETTLE_RELEASE;
        h->delay_ms = 1000;
    }
}

static void finished(struct sink *s, struct hand *h)
{
    hand_free_deliveries(h);
    h->next = NULL;
    *s->done_end = h;
    s->done_end = &h->next;
    s->done_n++;
}

void hand_release(struct sink *s, struct hand *h)
{
    h->how = SETTLE_RELEASE;
    h->delay_ms = 0;
    h->code = NULL;
    atomic_fetch_add(&s->flags.released, 1);
    finished(s, h);
}

static void went_down(struct sink *s, struct hand *h, uint64_t asked)
{
    if (s->down_until == 0 ||
        mono_ms() >= s->down_until) { /* the first of its batch; the others say the same */
        s->down_n++;
        uint64_t ms = verdict_pause_ms(s->down_n, asked);
        s->down_until = mono_ms() + ms;
        atomic_store(&s->flags.down, true);
        sink_notice(s, SINK_DOWN, ms, h->reason);
        log_warning("down", h->job->id, "%s is down, next try in %llu s: %s", s->destination,
                    (unsigned long long)(ms / 1000), h->reason);
        atomic_fetch_add(&s->flags.downs, 1);
    }
    row(s, h, JOURNAL_DOWN, "down",
        wall_ms() + (s->down_until > mono_ms() ? s->down_until - mono_ms() : 0));
}

static void came_up(struct sink *s)
{
    if (!s->down_n)
        return;
    s->down_n = 0;
    s->down_until = 0;
    atomic_store(&s->flags.down, false);
    sink_notice(s, SINK_UP, 0, "");
    log_info("up", NULL, "%s takes messages again", s->destination);
}

static void settled_dead(struct sink *s, struct hand *h)
{
    atomic_fetch_add(&s->flags.dead, 1);
    row(s, h, JOURNAL_DEAD, h->code, 0);
    log_warning(h->code, h->job->id, "dead letter of %s: %s", s->destination, h->reason);
    if (h->rc != REEVE_REJECT || strcmp(h->code, "rejected") != 0)
        return;
    came_up(s); /* it answered */
    if (reject_run_add(&s->rejects, h->reason)) {
        atomic_store(&s->flags.rejecting, true);
        sink_notice(s, SINK_REJECTS, 0, h->reason);
        log_error("rejecting", NULL,
                  "%s refused %d messages in a row for the same reason and is paused: %s",
                  s->destination, VERDICT_SAME_REJECTS_MAX, h->reason);
    }
}

/* Wall clocks on both sides: what the transport accepted may have waited while no process lived. A
 * clock that was set back makes 0 of it. */
static void count(struct sink *s, const struct hand *h, const struct verdict_action *a)
{
    bool known = h->rc >= REEVE_OK && h->rc <= REEVE_FATAL;
    atomic_fetch_add(&s->flags.verdicts[known ? h->rc : REEVE_RETRY], 1);
    uint64_t now = wall_ms();
    if (a->how == SETTLE_DONE || a->how == SETTLE_DEAD)
        histogram_add(&s->flags.delivery,
                      now > h->job->first_ms ? (now - h->job->first_ms) * 1000 : 0);
}

void hand_settle(struct sink *s, struct hand *h)
{
    struct verdict_case c = {.rc = h->rc,
                             .attempts = h->job->attempts,
                             .after_ms = h->after_ms,
                             .first_ms = h->job->first_ms,
                             .now_ms = wall_ms(),
                             .for_ms = s->retry_for_ms,
                             .cut_short = h->cut_short};
    struct verdict_action a = verdict_decide(&c);
    if (a.how == SETTLE_RELEASE && !a.pause && !a.fatal) {
        hand_release(s, h);
        return;
    }
    count(s, h, &a);
    h->how = a.how;
    h->delay_ms = a.delay_ms;
    if (!h->code || a.how != SETTLE_DEAD || strcmp(a.code, "rejected") != 0)
        h->code = a.code; /* a rule's own code stands in for "rejected" only */
    if (a.how != SETTLE_DONE)
        remember_error(s, h, h->code);
    if (a.how != SETTLE_DEAD)
        reject_run_break(&s->rejects);
    switch (a.how) {
    case SETTLE_DONE:
        came_up(s);
        atomic_fetch_add(&s->flags.delivered, 1);
        row(s, h, JOURNAL_DELIVERED, NULL, 0);
        break;
    case SETTLE_RETRY:
        came_up(s);
        atomic_fetch_add(&s->flags.retried, 1);
        row(s, h, JOURNAL_ATTEMPT, h->code, wall_ms() + a.delay_ms);
        log_warning("retry", h->job->id, "%s, attempt %u, next in %llu s: %s", s->destination,
                    h->job->attempts + 1, (unsigned long long)(a.delay_ms / 1000), h->reason);
        break;
    case SETTLE_DEAD:
        settled_dead(s, h);
        break;
    case SETTLE_RELEASE:
        if (a.pause)
            went_down(s, h, h->after_ms);
        if (a.fatal) {
            s->fatal = true;
            (void)err_set(&s->fault, -EIO, "plugin-fatal", "%s: %s", s->plugin->label, h->reason);
        }
        break;
    }
    finished(s, h);
}
