/* SPDX-License-Identifier: Apache-2.0 */
/* submission - a document is offered: known already? readable? all valid? Then it is under way.
 * Nothing is published here. */
#include "source.h"
#include "base/log.h"
#include "base/util.h"
#include "sniff.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

void submission_free(struct submission *sub)
{
    if (!sub)
        return;
    request_free(sub->request);
    free(sub->idempotency_key);
    stage_free(sub->stage);
    issues_free(sub->issues);
    twins_done(&sub->twins);
    map_free(sub->deferred);
    buf_done(&sub->ids);
    buf_done(&sub->json);
    buf_done(&sub->text);
    free(sub);
}

static struct submission *submission_new(struct source *s, const struct offer *o)
{
    struct submission *sub = xcalloc(1, sizeof(*sub));
    if (!sub)
        return NULL;
    buf_init(&sub->ids, 1u << 20);
    buf_init(&sub->json, 2u << 20);
    buf_init(&sub->text, 2u << 20);
    sub->stage = stage_new(s->stage_dir);
    sub->issues = issues_new();
    sub->idempotency_key =
        o->idempotency_key && *o->idempotency_key ? strdup(o->idempotency_key) : NULL;
    sub->has_token = o->has_token;
    sub->token = o->token;
    sub->check_only = o->check_only;
    sub->lenient = o->lenient && s->partial;
    if (!sub->stage || !sub->issues ||
        (o->idempotency_key && *o->idempotency_key && !sub->idempotency_key)) {
        submission_free(sub);
        return NULL;
    }
    return sub;
}

/* Sections 3.2.2 and 3.3.1: one traceparent; fields tracestate are joined in their order, and mean
 * nothing without a valid traceparent. */
static void trace_of(const struct offer *o, struct trace_context *ret)
{
    struct buf state = BUF_INIT(16u << 10);
    const char *parent = NULL;
    unsigned parents = 0;
    bool whole = true;
    for (size_t i = 0; i < o->headers_n; i++) {
        if (strcasecmp(o->headers[i].name, "traceparent") == 0) {
            parent = o->headers[i].value;
            parents++;
        } else if (strcasecmp(o->headers[i].name, "tracestate") == 0) {
            whole = whole && (!state.len || buf_addc(&state, ',') == 0) &&
                    buf_adds(&state, o->headers[i].value) == 0;
        }
    }
    if (parents != 1 || !traceparent_read(parent, strlen(parent), ret->parent))
        trace_new(ret);
    else if (!whole || !tracestate_read(buf_str(&state), state.len, ret->state))
        ret->state[0] = '\0';
    buf_done(&state);
}

static void refuse_whole(struct submission *sub, unsigned status, const char *code,
                         const char *text)
{
    sub->status = status;
    (void)err_set(&sub->why, -EINVAL, code, "%s", text);
}

/* What was remembered cannot be asked: neither yes nor no may be said. */
static void cannot_look(struct submission *sub, const struct err *why)
{
    sub->status = 503;
    sub->why = *why;
}

/* The answer that was stored, again. True when there is one, or it cannot be known. */
static bool stored_answer(struct source *s, struct submission *sub)
{
    char *json = NULL;
    size_t len;
    uint64_t ms;
    struct err e;
    int rc = state_receipt(s->state, sub->receipt, &json, &len, &ms, &e);
    if (rc == -ENOENT)
        return false;
    if (rc < 0) {
        cannot_look(sub, &e);
        return true;
    }
    bool ok = buf_add(&sub->json, json, len) == 0;
    free(json);
    if (ok) {
        sub->status = 202;
        (void)buf_addf(&sub->text, "accepted before; nothing was sent again\nreceipt %s\n",
                       sub->hex);
    }
    return ok;
}

/* Settles submissions that need no look inside. */
static void known_already(struct source *s, struct submission *sub)
{
    static const char reused[] =
        "this Idempotency-Key was used for another document within the last 24 hours";
    uint8_t before[SHA256_LEN];
    struct err e;
    int rc;
    for (const struct submission *x = s->first; x && sub->idempotency_key; x = x->next)
        if (x->idempotency_key && strcmp(x->idempotency_key, sub->idempotency_key) == 0 &&
            memcmp(x->receipt, sub->receipt, SHA256_LEN) != 0 && !x->failed) {
            refuse_whole(sub, 422, "idempotency-key-reused", reused);
            return;
        }
    rc = sub->idempotency_key
             ? state_idempotency(s->state, sub->idempotency_key, wall_ms(), before, &e)
             : -ENOENT;
    if (rc < 0 && rc != -ENOENT)
        cannot_look(sub, &e);
    if (rc == 0) {
        if (memcmp(before, sub->receipt, SHA256_LEN) != 0)
            refuse_whole(sub, 422, "idempotency-key-reused", reused);
        else if (stored_answer(s, sub))
            return;
    }
    rc = sub->status == 0 ? state_is_last(s->state, sub->receipt, &e) : 0;
    if (rc < 0)
        cannot_look(sub, &e);
    if (rc > 0 && stored_answer(s, sub)) {
        if (sub->status == 202 && sub->idempotency_key &&
            state_receipt_put(s->state, sub->receipt, sub->idempotency_key, NULL, 0, wall_ms(),
                              &e) < 0) /* the answer stands, the key only cannot be held to it */
            log_warning(e.code, sub->hex, "an Idempotency-Key is not kept: %s", e.text);
        return;
    }
    if (sub->status == 0 && slate_crashes(s->slate, sub->hex) >= SLATE_CRASHES_MAX)
        refuse_whole(sub, 422, "crashed",
                     "reading this document ended the process three times; it is not tried again. "
                     "Tell the operator its receipt");
}

/* ---- decoding ---- */
struct taking {
    struct source *s;
    struct submission *sub;
};

static int id_reused(struct submission *sub, const struct record *r, const char *where)
{
    issues_say(sub->issues, REEVE_ISSUE_ERROR, "id-reused", NULL, message_get(r->m, "id"), NULL,
               "this source and id %s another message with other content; an id names one message "
               "for ever",
               where);
    return 1;
}

/* A message that brought its own id: was this id used for something else? */
static int own_id_free(struct taking *t, const struct record *r, bool other, struct err *e)
{
    struct subject_verdict v;
    if (other)
        return id_reused(t->sub, r, "stand also on");
    const struct publish *p = map_get(t->s->pending, (const char *)r->key, SHA256_LEN);
    if (p && memcmp(p->content, r->content, SHA256_LEN) != 0)
        return id_reused(t->sub, r, "are being used for");
    int rc = state_subject(t->s->state, r->key, r->content, t->sub->receipt, &v, e);
    if (rc < 0)
        return rc;
    return v.change == CHANGE_CHANGED && !v.resent ? id_reused(t->sub, r, "were used for") : 0;
}

static int take_record(void *arg, struct record *r, struct err *e)
{
    struct taking *t = arg;
    bool other = false;
    int rc = twins_add(&t->sub->twins, r->key, r->content, &other);
    if (rc < 0)
        return err_set(e, rc, "out-of-memory", "out of memory");
    if (r->own_id) {
        rc = own_id_free(t, r, other, e);
        if (rc != 0)
            return rc;
    }
    rc = record_stage(t->sub->stage, r, &t->s->scratch, t->s->message_max, e);
    if (rc == -EFBIG) {
        issues_say(t->sub->issues, REEVE_ISSUE_ERROR, "too-large", NULL,
                   message_get(r->m, "subject"), NULL, "%s", e->text);
        return 1;
    }
    return rc;
}

static void sniff_document(const struct offer *o, struct submission *sub)
{
    char head[SNIFF_BYTES];
    size_t len = o->len;
    const char *p = sniff_beginning(o->fd, o->p, &len, head);
    sub->looks_like = sniff(p, len);
}

static void decode(struct source *s, const struct offer *o, struct submission *sub)
{
    struct reeve_reader r;
    if (o->fd >= 0)
        host_reader_fd(&r, o->fd);
    else
        host_reader_memory(&r, o->p, o->len);
    r.name = o->name;
    r.headers = o->headers;
    r.headers_n = o->headers_n;
    struct taking t = {.s = s, .sub = sub};
    struct intake_sink sink = {.record = take_record, .arg = &t};
    struct intake_result result;
    struct issues *before = s->room.issues;
    s->room.issues = sub->issues;
    s->intake.trace = &sub->trace;
    int place = slate_put(s->slate, sub->hex);
    intake_document(&s->intake, &r, o->content_type, &sink, &result);
    slate_wipe(s->slate, place);
    s->room.issues = before;
    s->intake.trace = NULL;
    host_reader_done(&r);
    sub->refused = result.refused;
    sub->dropped = result.dropped;
    sub->accepted = result.taken; /* until it is under way: the records that are right */
    sub->retry_after_ms = result.after_ms;
    if (result.rc == REEVE_FATAL)
        atomic_store(&s->flags.fatal, true);
    if (result.rc != REEVE_OK) {
        sub->status = 503;
        sub->why = result.why;
    } else if (sub->issues->unreadable) {
        sub->status = 400;
        sniff_document(o, sub);
    } else if (sub->issues->package || (sub->refused && !sub->lenient)) {
        sub->status = 422;
    }
}

/* What a check would have accepted: looks, and changes nothing. */
static void look_only(struct source *s, struct submission *sub)
{
    struct staged r;
    struct subject_verdict v;
    struct err e;
    int rc;
    sub->accepted = 0;
    sub->status = 200;
    while ((rc = publish_next(s, sub, &r, &e)) > 0) {
        rc = state_subject(s->state, r.key, r.content, sub->receipt, &v, &e);
        if (rc < 0)
            break;
        sub->current = NULL;
        sub->accepted++;
        sub->fresh += v.change == CHANGE_NEW;
        sub->changed += v.change == CHANGE_CHANGED;
        sub->unchanged += v.change == CHANGE_UNCHANGED;
    }
    if (rc < 0)
        cannot_look(sub, &e);
}

int submission_start(struct source *s, const struct offer *o, struct err *e)
{
    struct submission *sub = submission_new(s, o);
    if (!sub)
        return err_set(e, -ENOMEM, "out-of-memory", "out of memory");
    trace_of(o, &sub->trace);
    int rc = receipt_of(s->digest, o, sub->receipt, e);
    hex_lower(sub->receipt, SHA256_LEN, sub->hex);
    struct call *call = rc < 0 ? NULL : call_of(s);
    if (rc < 0 || !call) {
        submission_free(sub);
        return rc < 0 ? rc : err_set(e, -ENOMEM, "out-of-memory", "out of memory");
    }
    if (!sub->check_only)
        known_already(s, sub);
    if (sub->status == 0) {
        decode(s, o, sub);
        if (*call->blind.code) /* whatever came of it */
            cannot_look(sub, &call->blind);
    }
    if (sub->status == 0 && sub->check_only)
        look_only(s, sub);
    if (sub->status == 0)
        sub->accepted = 0; /* counted as they are published */
    sub->request = o->request;
    if (o->request)
        o->request->taken = true;
    sub->call = call;
    sub->epoch = call->epoch;
    call->open_submissions++;
    *s->last = sub;
    s->last = &sub->next;
    s->submissions_n++;
    s->staged_bytes += stage_memory(sub->stage);
    s->begun = true;
    atomic_store(&s->flags.in_flight, s->submissions_n);
    return 0;
}
