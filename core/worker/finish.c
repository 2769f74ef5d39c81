/* SPDX-License-Identifier: Apache-2.0 */
/* finish - submissions that are through: their answer is stored, journal and state are committed
 * once for all of them, and only then is anybody told. The committing is done beside (committer.h):
 * meanwhile others are published, and those that are through by then share the next commit. */
#include "source.h"
#include "answers.h"
#include "heard.h"
#include "base/json.h"
#include "base/log.h"
#include "base/util.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define REFUSED_ROWS_MAX 100 /* records of one refused submission that get a row of their own */

int journal_row_add(struct source *s, const struct journal_row *row)
{
    struct err e;
    int rc = journal_add(s->journal, row, &e);
    if (rc < 0)
        log_error(e.code, row->id, "journal: %s", e.text);
    s->uncommitted++;
    return rc;
}

static bool due(const struct submission *sub)
{
    return sub->in_flight == 0 && (sub->status || sub->failed || sub->all_published);
}

static struct answer answer_of(const struct source *s, const struct submission *sub)
{
    return (struct answer){.status = sub->status,
                           .receipt = sub->hex,
                           .accepted = sub->accepted,
                           .fresh = sub->fresh,
                           .changed = sub->changed,
                           .unchanged = sub->unchanged,
                           .refused = sub->refused,
                           .dropped = sub->dropped,
                           .issues = sub->issues,
                           .ids = buf_str(&sub->ids),
                           .standard = s->intake.adapter->name,
                           .looks_like = sub->looks_like,
                           .code = sub->why.code,
                           .text = sub->why.text,
                           .check_only = sub->check_only};
}

static void write_answer(struct source *s, struct submission *sub)
{
    struct answer a = answer_of(s, sub);
    if (!sub->json.len && answer_json(&a, &sub->json) < 0)
        buf_reset(&sub->json);
    if (!sub->text.len && answer_text(&a, &sub->text) < 0)
        buf_reset(&sub->text);
}

/* trace: TRACE_ID_LEN bytes; the row is found by it. */
static const char *trace_text(const struct submission *sub, char *trace)
{
    trace_id_of(sub->trace.parent, trace);
    return trace;
}

static void row_refused(struct source *s, const struct submission *sub)
{
    const struct issues *is = sub->issues;
    struct journal_row row = {.event = JOURNAL_REFUSED,
                              .receipt = sub->hex,
                              .party = s->party,
                              .connector = s->connector};
    char text[200], trace[TRACE_ID_LEN];
    row.trace = trace_text(sub, trace);
    (void)snprintf(text, sizeof(text), "%llu records right, %llu refused",
                   (unsigned long long)sub->accepted, (unsigned long long)sub->refused);
    row.code = *sub->why.code ? sub->why.code : sub->status == 400 ? "unreadable" : "refused";
    row.text = *sub->why.text ? sub->why.text : sub->looks_like ? sub->looks_like : text;
    if (sub->status >= 400)
        (void)journal_row_add(s, &row);
    for (size_t i = 0, n = 0; i < is->kept_n && n < REFUSED_ROWS_MAX; i++) {
        if (is->kept[i].severity == REEVE_ISSUE_WARNING)
            continue;
        row.code = is->kept[i].code;
        row.text = is->kept[i].text;
        row.subject = *is->kept[i].subject ? is->kept[i].subject : NULL;
        (void)journal_row_add(s, &row);
        n++;
    }
}

static void row_submitted(struct source *s, const struct submission *sub)
{
    char detail[320], trace[TRACE_ID_LEN];
    (void)snprintf(detail, sizeof(detail),
                   "{\"accepted\":%llu,\"new\":%llu,\"changed\":%llu,\"unchanged\":%llu,"
                   "\"refused\":%llu,\"dropped\":%llu,"
                   "\"unrouted\":%llu,\"warnings\":%llu}",
                   (unsigned long long)sub->accepted, (unsigned long long)sub->fresh,
                   (unsigned long long)sub->changed, (unsigned long long)sub->unchanged,
                   (unsigned long long)sub->refused, (unsigned long long)sub->dropped,
                   (unsigned long long)sub->unrouted, (unsigned long long)sub->issues->warnings);
    struct journal_row row = {.event = JOURNAL_SUBMITTED,
                              .receipt = sub->hex,
                              .party = s->party,
                              .connector = s->connector,
                              .trace = trace_text(sub, trace),
                              .detail = detail};
    (void)journal_row_add(s, &row);
}

struct putting {
    struct source *s;
    struct submission *sub;
    struct err *e;
};

static int put_deferred(void *arg, const char *key, size_t len, void *value)
{
    const struct putting *p = arg;
    const struct deferred *d = value;
    (void)len;
    return state_subject_put(p->s->state, (const uint8_t *)key, d->content, &d->verdict,
                             p->sub->receipt, p->e);
}

/* Everything of it is durable at its destinations: the last rows, and the answer for whoever asks
 * again. */
static int complete(struct source *s, struct submission *sub, struct err *e)
{
    struct putting p = {.s = s, .sub = sub, .e = e};
    int rc = sub->deferred ? map_each(sub->deferred, put_deferred, &p) : 0;
    sub->status = 202;
    write_answer(s, sub);
    if (rc == 0)
        rc = state_receipt_put(s->state, sub->receipt, sub->idempotency_key, buf_str(&sub->json),
                               sub->json.len, wall_ms(), e);
    row_submitted(s, sub);
    if (sub->refused)
        row_refused(s, sub);
    return rc;
}

static void cannot_now(struct submission *sub)
{
    sub->status = 503;
    buf_reset(&sub->json);
    buf_reset(&sub->text);
}

static void decide(struct source *s, struct submission *sub)
{
    struct err e;
    if (sub->failed) {
        cannot_now(sub);
    } else if (sub->status == 0 && complete(s, sub, &e) < 0) {
        sub->why = e;
        cannot_now(sub);
    } else if (sub->status == 422 || sub->status == 400) {
        if (!sub->check_only)
            row_refused(s, sub);
    }
    if (sub->status == 202 && !sub->check_only)
        heard_now(s);
    write_answer(s, sub);
    sub->rc = sub->status < 300 ? REEVE_OK : sub->status == 503 ? REEVE_RETRY : REEVE_REJECT;
    sub->call->open_submissions--;
    sub->call->failed |= sub->rc == REEVE_RETRY;
    sub->call = NULL;
}

static unsigned retry_seconds(const struct submission *sub)
{
    if (sub->retry_after_ms)
        return (unsigned)((sub->retry_after_ms + 999) / 1000);
    static const char *const slow[] = {"destination-full", "disk-nearly-full", "disk-full",
                                       "db-disk-full"};
    for (size_t i = 0; i < ARRAY_SIZE(slow); i++)
        if (strcmp(sub->why.code, slow[i]) == 0)
            return 60;
    return 5;
}

static void tell(struct source *s, struct submission *sub)
{
    int level = sub->status == 503 ? LOG_LEVEL_WARNING : LOG_LEVEL_INFO;
    log_write(level,
              sub->status < 300    ? "submission"
              : sub->status == 503 ? "submission-failed"
                                   : "submission-refused",
              sub->hex,
              "%u: %llu accepted, %llu new, %llu changed, %llu unchanged, %llu refused%s%s",
              sub->status, (unsigned long long)(sub->status < 300 ? sub->accepted : 0),
              (unsigned long long)sub->fresh, (unsigned long long)sub->changed,
              (unsigned long long)sub->unchanged, (unsigned long long)sub->refused,
              *sub->why.text ? ": " : "", sub->why.text);
    atomic_fetch_add(&s->flags.submissions, 1);
    if (sub->status == 202) {
        atomic_fetch_add(&s->flags.submissions_accepted, 1);
        atomic_fetch_add(&s->flags.accepted, sub->accepted);
        atomic_fetch_add(&s->flags.fresh, sub->fresh);
        atomic_fetch_add(&s->flags.changed, sub->changed);
        atomic_fetch_add(&s->flags.unchanged, sub->unchanged);
    } else if (sub->status == 503) {
        atomic_fetch_add(&s->flags.failed, 1);
    } else if (sub->status >= 400) { /* 200: it was only checked */
        atomic_fetch_add(&s->flags.documents_refused, 1);
    }
    atomic_fetch_add(&s->flags.refused, sub->refused);
    if (sub->request) {
        struct request *r = TAKE_PTR(sub->request);
        (void)buf_add(&r->body, sub->json.p, sub->json.len);
        request_answer(s, r, sub->status,
                       sub->status < 300 ? "application/json" : "application/problem+json",
                       sub->status == 503 ? retry_seconds(sub) : 0);
    }
}

/* Takes the submission off the list: what is left of it is settled(). */
static void through(struct source *s, struct submission *sub)
{
    s->submissions_n--;
    s->staged_bytes -= stage_memory(sub->stage);
    if (sub->has_token && s->plugin->plugin->api.settled) {
        sub->next = NULL;
        *s->settle_last = sub;
        s->settle_last = &sub->next;
    } else {
        submission_free(sub);
    }
}

/* Those that are through leave the list for the one that is being committed. */
static void decide_due(struct source *s)
{
    struct submission **at = &s->first, **end = &s->committing;
    while (*at) {
        struct submission *sub = *at;
        if (!due(sub)) {
            at = &sub->next;
            continue;
        }
        *at = sub->next;
        sub->next = NULL;
        *end = sub;
        end = &sub->next;
        decide(s, sub);
    }
    s->last = at;
}

void submissions_forgotten(struct source *s, const struct err *why)
{
    for (struct submission *sub = s->first; sub; sub = sub->next)
        if (sub->status == 202 || (sub->status == 0 && sub->accepted > 0))
            submission_failed(sub, why);
}

static void committed(struct source *s, int rc, const struct err *why)
{
    if (rc < 0) {
        log_error(why->code, NULL, "commit: %s", why->text);
        submissions_forgotten(s, why);
    }
    while (s->committing) {
        struct submission *sub = s->committing;
        s->committing = sub->next;
        if (rc < 0 && sub->status < 300) {
            sub->why = *why;
            cannot_now(sub);
            sub->rc = REEVE_RETRY;
            write_answer(s, sub);
        }
        tell(s, sub);
        through(s, sub);
    }
    atomic_store(&s->flags.in_flight, s->submissions_n);
}

void finish_due(struct source *s)
{
    struct err e;
    if (s->committer.busy)
        return;
    decide_due(s);
    bool any = calls_apply(s);
    if (!any && !s->committing && s->uncommitted < ROWS_MAX)
        return;
    s->uncommitted = 0;
    int rc = committer_begin(&s->committer, &e);
    if (rc < 0)
        state_rollback(s->state);
    if (rc <= 0)
        committed(s, rc, &e);
}

void finish_committed(struct source *s)
{
    struct err e;
    int rc = committer_end(&s->committer, &e);
    committed(s, rc, &e);
}
