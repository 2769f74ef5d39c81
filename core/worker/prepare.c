/* SPDX-License-Identifier: Apache-2.0 */
/* prepare - from a job to what the plugin delivers: the event is read, an agreement is looked for,
 * the steps are run, the adapter encodes. Any of these may decide what becomes of the job. */
#include "sink.h"
#include "agreement.h"
#include "base/log.h"
#include "base/util.h"
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void hand_decide(struct hand *h, reeve_rc rc, const char *code, const char *fmt, ...)
{
    va_list ap;
    h->decided = true;
    h->rc = rc;
    h->code = code;
    va_start(ap, fmt);
    (void)vsnprintf(h->reason, sizeof(h->reason), fmt, ap);
    va_end(ap);
}

void hand_free_deliveries(struct hand *h)
{
    while (h->deliveries) {
        struct delivery *d = h->deliveries;
        h->deliveries = d->next;
        buf_done(&d->job.body);
        tree_free(d->job.settings);
        message_free(d->job.msg.m);
        free(d);
    }
    h->deliveries_end = &h->deliveries;
    h->deliveries_n = 0;
}

struct preparing {
    struct sink *s;
    struct hand *h;
};

static reeve_rc as_it_is(struct delivery *d)
{
    size_t len;
    const char *p = message_body(d->job.msg.m, &len),
               *type = message_get(d->job.msg.m, "datacontenttype");
    if (len && buf_add(&d->job.body, p, len) < 0)
        return REEVE_RETRY;
    return tree_puts(d->job.settings, "content-type", type ? type : "application/json") == 0
               ? REEVE_OK
               : REEVE_RETRY;
}

static reeve_rc encode(struct sink *s, struct delivery *d)
{
    struct instance *a = s->translator.adapter;
    const reeve_msg *one = &d->job.msg;
    struct reeve_buf out = {.out = &d->job.body, .settings = d->job.settings};
    struct guard_mark g = instance_enter(a, "encode");
    reeve_rc rc = a->plugin->api.encode(a->ctx, a->inst, &one, 1, &out);
    instance_leave(a, g);
    return rc;
}

/* A delivery is the next hop of the trace. What the adapter set by itself stands. */
static int add_trace(const struct hand *h, struct delivery *d)
{
    char parent[TRACEPARENT_LEN];
    trace_next(&h->trace, parent);
    int rc = tree_puts(d->job.settings, "h:traceparent", parent);
    if (rc == 0 && h->trace.state[0])
        rc = tree_puts(d->job.settings, "h:tracestate", h->trace.state);
    return rc == -EEXIST ? 0 : rc;
}

/* Takes m. */
static int add_delivery(void *arg, struct message *m)
{
    struct preparing *p = arg;
    struct hand *h = p->h;
    struct delivery *d = xcalloc(1, sizeof(*d));
    if (!d) {
        message_free(m);
        return -ENOMEM;
    }
    buf_init(&d->job.body, p->s->message_max * 2 + (1u << 20));
    d->job.msg.m = m;
    d->job.attempt = h->job->attempts + 1;
    d->job.destination = p->s->destination;
    d->job.settings = tree_map();
    d->job.host = h;
    *h->deliveries_end = d;
    h->deliveries_end = &d->next;
    h->deliveries_n++;
    reeve_rc rc = !d->job.settings           ? REEVE_RETRY
                  : p->s->translator.adapter ? encode(p->s, d)
                                             : as_it_is(d);
    if (rc == REEVE_OK && add_trace(h, d) == 0)
        return 0;
    if (rc != REEVE_OK && p->s->translator.adapter) {
        h->after_ms = host_ctx_retry_after(p->s->translator.adapter->ctx);
        hand_decide(h, rc, NULL, "%s: %s", p->s->translator.adapter->label,
                    instance_reason(p->s->translator.adapter, rc));
    } else {
        hand_decide(h, REEVE_RETRY, NULL, "out of memory");
    }
    return -ECANCELED;
}

static void by_result(struct hand *h, const struct steps_result *r)
{
    if (h->decided || r->rc == REEVE_OK)
        return;
    h->after_ms = r->after_ms;
    hand_decide(h, r->rc, r->code, "%s",
                *r->reason ? r->reason : "the message could not be prepared");
}

/* Behind the steps. Takes m. */
static int after_steps(void *arg, struct message *m)
{
    struct preparing *p = arg;
    struct steps_result r;
    struct err e;
    const char *own = message_get(m, "id");
    if (!own || (p->h->deliveries_n > 0 && strcmp(own, p->h->job->id) == 0)) {
        /* a step made one more: receivers need a key of its own that is the same on every attempt
         */
        char id[300];
        (void)snprintf(id, sizeof(id), "%s-%zu", p->h->job->id, p->h->deliveries_n + 1);
        if (message_sets(m, "id", id, &e) < 0) {
            message_free(m);
            return -ENOMEM;
        }
    }
    translate(&p->s->translator, m, add_delivery, p, &r);
    by_result(p->h, &r);
    return p->h->decided ? -ECANCELED : 0;
}

static void cut(char *out, size_t cap, const char *s)
{
    (void)snprintf(out, cap, "%s", s ? s : "");
}

void hand_prepare(struct sink *s, struct hand *h)
{
    struct message *m = NULL;
    struct err e;
    char today[RFC3339_MAX];
    hand_free_deliveries(h);
    remember_again(s);
    h->decided = false;
    h->code = NULL;
    h->after_ms = 0;
    h->reason[0] = '\0';
    if (message_parse(h->job->bytes, h->job->len, 0, &m, NULL, &e) < 0) {
        hand_decide(h, REEVE_REJECT, "unreadable", "the stored event cannot be read: %s", e.text);
        return;
    }
    if (!trace_of_message(m, &h->trace))
        trace_new(&h->trace);
    cut(h->source, sizeof(h->source), message_get(m, "source"));
    cut(h->subject, sizeof(h->subject), message_get(m, "subject"));
    cut(h->type, sizeof(h->type), message_get(m, "type"));
    rfc3339_ms(wall_ms(), today);
    today[10] = '\0';
    if (!agreement_allows(s->party, m, today, &e)) {
        message_free(m);
        hand_decide(h, REEVE_REJECT, "no-agreement", "%s", e.text);
        return;
    }
    struct preparing p = {.s = s, .h = h};
    struct steps_result r;
    steps_run(&s->steps, m, after_steps, &p, &r);
    by_result(h, &r);
    if (!h->decided && h->deliveries_n == 0)
        hand_decide(h, REEVE_OK, NULL, "dropped by a step");
    reeve_rc again;
    char why[ERR_TEXT_MAX];
    if (remember_failed(s, &again, why))
        hand_decide(h, again, NULL, "%s", why);
}
