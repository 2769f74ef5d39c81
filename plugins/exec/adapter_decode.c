/* SPDX-License-Identifier: Apache-2.0 */
/* adapter_decode - a document to the program, part by part, and its events and issues back, one by
 * one: neither is ever here as a whole. The host keeps what is emitted until the verdict, and
 * forgets it when there is none. */
#include "exec.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct decoding {
    reeve_reader *reader;
    reeve_out *out;
    reeve_buf *json; /* of the event that is looked at */
    reeve_msg *probe;
    unsigned long long events;
    unsigned char piece[BASE64_PIECE];
};

/* ---- the document ---- */

static int next_part(struct talk *t)
{
    struct decoding *d = t->arg;
    reeve_buf *to = t->x->program.to;
    char head[64];
    size_t len = 0;
    ptrdiff_t n = 1;
    while (len < sizeof d->piece && n > 0) {
        n = reeve_read(d->reader, d->piece + len, sizeof d->piece - len);
        len += n > 0 ? (size_t)n : 0;
    }
    if (n < 0) {
        t->stop = true;
        (void)reeve_fail(t->ctx, REEVE_RETRY, "the document cannot be read to its end");
        return -1;
    }
    program_because(&t->x->program, "a part of the document cannot be written for it");
    if (len == 0)
        return adapter_end(t);
    int at =
        snprintf(head, sizeof head, "{\"seq\":%llu,\"part\":\"", (unsigned long long)t->x->seq);
    int rc = reeve_buf_add(to, head, (size_t)at) | add_base64(to, d->piece, len) |
             reeve_buf_add(to, "\"}\n", 3);
    return rc == 0 ? 1 : -1;
}

static int add_named(reeve_buf *b, const char *name, const char *text)
{
    return reeve_buf_add(b, name, strlen(name)) | add_json_text(b, text);
}

static int begin(struct exec *x, const reeve_reader *reader, const char *content_type)
{
    const char *name = reeve_reader_get(reader, "name");
    reeve_buf *b = x->program.to;
    int rc = adapter_begin(x, "decode") | add_named(b, ",\"content_type\":", content_type);
    if (name != NULL)
        rc |= add_named(b, ",\"name\":", name);
    return rc | reeve_buf_add(b, "}\n", 2);
}

/* ---- an event ---- */

/* What the hub itself sets is not the program's to say. */
static bool hubs_own(struct slice key)
{
    static const char *const own[] = {"specversion", "id", "source", "time", "party"};
    for (size_t i = 0; i < sizeof own / sizeof own[0]; i++) {
        if (key.len == strlen(own[i]) && memcmp(key.p, own[i], key.len) == 0)
            return true;
    }
    return false;
}

/* The event with what makes it whole, into d->json. -1: too large, or no object. */
static int whole(struct decoding *d, struct slice event)
{
    static const char head[] = "{\"specversion\":\"1.0\",\"id\":\"-\",\"source\":\"-\"";
    struct slice key, value;
    int rc, bad = 0;
    reeve_buf_clear(d->json);
    bad |= reeve_buf_add(d->json, head, sizeof head - 1);
    while ((rc = said_member(&event, &key, &value)) == 1) {
        if (!hubs_own(key))
            bad |= reeve_buf_add(d->json, ",\"", 2) | reeve_buf_add(d->json, key.p, key.len) |
                   reeve_buf_add(d->json, "\":", 2) | reeve_buf_add(d->json, value.p, value.len);
    }
    return bad | rc | reeve_buf_add(d->json, "}", 1);
}

static void refuse_event(reeve_ctx *ctx, struct decoding *d, const char *where)
{
    struct reeve_issue issue = {
        .size = sizeof issue,
        .severity = REEVE_ISSUE_ERROR,
        .code = "event-json",
        .where = where,
        .text = "the program made an event that is no JSON, too large, or nested too deep"};
    reeve_issue(ctx, &issue);
    reeve_refuse(d->out, NULL);
}

static enum heard take_event(struct talk *t, struct decoding *d, struct slice event)
{
    char where[40];
    size_t len = 0;
    bool json;
    (void)snprintf(where, sizeof where, "event %llu", ++d->events);
    if (event.len > reeve_limit(t->ctx, "message") || whole(d, event) != 0) {
        refuse_event(t->ctx, d, where);
        return HEARD;
    }
    const char *p = reeve_buf_data(d->json, &len);
    reeve_msg *m = made_event(t->ctx, d->probe, where, p, len, &json);
    if (m == NULL && !json) {
        refuse_event(t->ctx, d, where);
        return HEARD;
    }
    if (m == NULL) { /* its issue says why */
        reeve_refuse(d->out, NULL);
        return HEARD;
    }
    (void)reeve_msg_set(m, "id", NULL);
    (void)reeve_msg_set(m, "source", NULL);
    return reeve_emit(d->out, m) == 0 ? HEARD : HEARD_STOP;
}

/* ---- what else it says ---- */

static enum heard take_refusal(struct talk *t, struct decoding *d, struct slice v)
{
    char subject[256];
    bool none = said_null(v);
    if (!none && !said_cut_text(v, subject, sizeof subject)) {
        program_because(&t->x->program, "it wrote a line whose member refuse is no text and not "
                                        "null");
        return HEARD_FAULT;
    }
    reeve_refuse(d->out, none ? NULL : subject);
    return HEARD;
}

static enum heard take_issue(struct talk *t, struct slice v)
{
    struct said_issue i;
    struct program *p = &t->x->program;
    if (said_issue_read(v, &i, p->why, sizeof p->why) < 0)
        return HEARD_FAULT;
    reeve_issue(t->ctx, &i.issue);
    return HEARD;
}

static enum heard take_line(struct talk *t, const struct said *s)
{
    struct decoding *d = t->arg;
    enum heard h = HEARD;
    if (s->event.p == NULL && s->issue.p == NULL && s->refuse.p == NULL &&
        s->verdict == SAID_NONE) {
        program_because(&t->x->program, "it wrote a line without event, issue, refuse and verdict");
        return HEARD_FAULT;
    }
    if (s->issue.p != NULL)
        h = take_issue(t, s->issue);
    if (h == HEARD && s->refuse.p != NULL)
        h = take_refusal(t, d, s->refuse);
    if (h == HEARD && s->event.p != NULL)
        h = take_event(t, d, s->event);
    return h;
}

/* ---- the call ---- */

static reeve_rc decode(struct talk *t, const char *content_type)
{
    struct decoding *d = t->arg;
    struct program *p = &t->x->program;
    struct said s;
    program_because(p, "its call cannot be written");
    enum heard h = begin(t->x, d->reader, content_type) == 0 ? talk(t, &s) : HEARD_FAULT;
    if (h == HEARD_FAULT)
        return talk_failed(t, "document");
    if (h == HEARD_STOP) { /* in the middle of its answer */
        program_quiet(p, t->ctx);
        return REEVE_RETRY;
    }
    program_good(p);
    return s.verdict == SAID_OK ? REEVE_OK : verdict_other(t->ctx, &s);
}

reeve_rc exec_decode(reeve_ctx *ctx, void *inst, reeve_reader *reader, const char *content_type,
                     reeve_out *out)
{
    struct exec *x = inst;
    reeve_rc rc = adapter_ready(x, ctx, OFFER_DECODE);
    if (rc != REEVE_OK)
        return rc;
    struct decoding *d = malloc(sizeof *d);
    if (d == NULL)
        return reeve_fail(ctx, REEVE_RETRY, "out of memory");
    *d = (struct decoding){
        .reader = reader, .out = out, .json = reeve_buf_new(ctx), .probe = reeve_msg_new(ctx)};
    struct talk t = {.x = x, .ctx = ctx, .more = next_part, .take = take_line, .arg = d};
    rc = d->json != NULL && d->probe != NULL ? decode(&t, content_type)
                                             : reeve_fail(ctx, REEVE_RETRY, "out of memory");
    reeve_buf_free(d->json);
    reeve_msg_free(d->probe);
    free(d);
    return rc;
}
