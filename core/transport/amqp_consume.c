/* SPDX-License-Identifier: Apache-2.0 */
/* amqp_consume - subscriptions and the messages that come by them, in the client's thread; what
 * `order: strict` adds is at the end (decided in amqp_strict.c).
 *
 * A subscription has a channel of its own, so that a missing queue or a refusal closes only that.
 * It is tried again with back-off and told meanwhile. What came on a channel that is gone is void:
 * the epoch moves on, and the broker delivers it again. */
#include "amqp_client.h"
#include "base/log.h"
#include "base/util.h"
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define BACKOFF_FIRST_MS 100u
#define BACKOFF_LAST_MS  5000u
#define ALONE_MS         500u /* how often a strict one asks whether it is alone */
#define DONE_MAX         4096u
#define BODY_MAX         (512ull << 20) /* RabbitMQ has no larger ones */

static void consumer_tag(const struct ac_sub *s, char out[32])
{
    (void)snprintf(out, 32, "reeve.%u", s->consumer);
}

static void send_consume(struct amqp_client *c, struct ac_sub *s)
{
    char tag[32];
    if (s->paused || s->consuming || s->state != AC_SUB_OPEN)
        return;
    s->consumer++;
    consumer_tag(s, tag);
    amqp_basic_consume_t m = {.queue = amqp_text(s->destination), .consumer_tag = amqp_text(tag)};
    s->consuming = true;
    s->ask_at = UINT64_MAX; /* the broker does not count this one yet */
    s->order = (struct amqp_strict){
        .out = s->order.out,
        .out_head = s->order.out_head,
        .sure_at = c->n.now + (s->held_head ? AMQP_STRICT_HELD_MS : AMQP_STRICT_SURE_MS)};
    s->held_head = false;
    ac_send(c, s->channel, AMQP_BASIC_CONSUME_METHOD, &m);
}

void ac_sub_start(struct amqp_client *c, struct ac_sub *s)
{
    if (!s->done) {
        s->done_n = ac_earlier(4ull * s->prefetch, DONE_MAX);
        s->done = xcalloc(s->done_n, sizeof *s->done);
        s->done_n = s->done ? s->done_n : 0; /* then duplicates are possible, that is all */
    }
    s->state = AC_SUB_OPENING;
    s->retry_at = UINT64_MAX;
    ac_open_channel(c, s->channel);
}

static void opened(struct amqp_client *c, struct ac_sub *s)
{
    amqp_basic_qos_t m = {.prefetch_count = (uint16_t)(s->strict ? 1 : s->prefetch)};
    s->state = AC_SUB_OPEN;
    ac_send(c, s->channel, AMQP_BASIC_QOS_METHOD, &m);
    send_consume(c, s);
}

static void try_later(struct amqp_client *c, struct ac_sub *s, const struct err *e)
{
    char why[ERR_TEXT_MAX];
    (void)snprintf(why, sizeof why, "%s: %.400s", e->code, e->text);
    s->bad = true;
    s->backoff_ms =
        s->backoff_ms ? ac_earlier(s->backoff_ms * 2, BACKOFF_LAST_MS) : BACKOFF_FIRST_MS;
    s->retry_at = c->n.now + s->backoff_ms;
    ac_state(c, why);
}

static void drop_held(struct ac_job **j)
{
    ac_job_free(*j);
    *j = NULL;
}

/* Everything that came on this channel is void. */
void ac_sub_lost(struct amqp_client *c, struct ac_sub *s)
{
    atomic_fetch_add(&s->epoch, 1);
    s->state = AC_SUB_OFF;
    s->consuming = false;
    s->due_n = 0;
    amqp_ring_reset(&s->ring);
    ac_job_free(s->content.job);
    s->content = (struct ac_content){.what = AC_NOTHING};
    s->held_head =
        s->held_head || s->head || s->order.getting || (s->order.out && s->order.out_head);
    drop_held(&s->head);
    drop_held(&s->name);
    s->order = (struct amqp_strict){.active = false};
    struct ac_item *item;
    while ((item = STAILQ_FIRST(&s->settling))) {
        STAILQ_REMOVE_HEAD(&s->settling, link);
        ac_job_free(ac_job_of(item));
    }
    (void)c;
}

static void cancel(struct amqp_client *c, struct ac_sub *s)
{
    char tag[32];
    consumer_tag(s, tag);
    amqp_basic_cancel_t m = {.consumer_tag = amqp_text(tag)};
    ac_send(c, s->channel, AMQP_BASIC_CANCEL_METHOD, &m);
    s->consuming = false;
}

void ac_sub_pause(struct amqp_client *c, struct ac_sub *s, bool paused)
{
    s->paused = paused;
    if (s->state != AC_SUB_OPEN) {
        s->bad = s->bad && !paused;
        if (s->state == AC_SUB_OFF && c->n.conn && !paused)
            s->retry_at = c->n.now;
        ac_state(c, NULL);
        return;
    }
    if (!paused) {
        send_consume(c, s);
        return;
    }
    s->bad = false;
    if (s->strict)
        ac_strict_step(c, s);
    else if (s->consuming)
        cancel(c, s);
    ac_state(c, NULL);
}

void ac_requeue(struct amqp_client *c, struct ac_sub *s, uint64_t tag)
{
    amqp_basic_nack_t m = {.delivery_tag = tag, .requeue = 1};
    amqp_ring_end(&s->ring, tag);
    ac_send(c, s->channel, AMQP_BASIC_NACK_METHOD, &m);
}

/* ---- a message comes in ---- */

static void begin_content(struct ac_sub *s, bool got, uint64_t tag, bool redelivered)
{
    ac_job_free(s->content.job); /* never whole: cannot be */
    s->content = (struct ac_content){
        .what = got ? AC_GOT : AC_DELIVERED, .tag = tag, .redelivered = redelivered};
}

static void give(struct amqp_client *c, struct ac_sub *s, struct ac_job *j)
{
    (void)s;
    j->item.kind = AC_JOB;
    STAILQ_INSERT_TAIL(&c->n.tell, &j->item, link);
}

static void arrived(struct amqp_client *c, struct ac_sub *s)
{
    struct ac_job *j = TAKE_PTR(s->content.job);
    bool got = s->content.what == AC_GOT;
    uint64_t given = 0;
    s->content.what = AC_NOTHING;
    if (amqp_ring_push(&s->ring, j, 0, c->n.now, &given) < 0 || given != j->tag) {
        ac_broken(c, given ? "RabbitMQ broke the protocol (delivery tags)" : "out of memory");
        ac_job_free(j);
        return;
    }
    if (s->content.redelivered && ac_was_done(s, j)) {
        ac_ack_due(c, s, j->tag); /* it was delivered; only the broker did not hear of it */
        ac_job_free(j);
        j = NULL;
    }
    if (!s->strict) {
        if (j)
            give(c, s, j);
        return;
    }
    if (!got)
        amqp_strict_active(&s->order, c->n.now);
    if (got) { /* there are no more that somebody else held */
        s->order.getting = false;
        s->order.sure_at = 0;
    }
    if (j && (got ? s->head : s->name)) { /* two of a kind: cannot be */
        ac_requeue(c, s, j->tag);
        ac_job_free(j);
    } else if (j && got) {
        s->head = j;
        s->order.has_head = true;
    } else if (j) {
        s->name = j;
        s->order.has_name = true;
        s->order.name_at = 0;
    }
    ac_strict_step(c, s);
}

static void header(struct amqp_client *c, struct ac_sub *s, const amqp_frame_t *f)
{
    struct ac_content *in = &s->content;
    struct amqp_marks_text hold;
    struct amqp_marks m;
    if (in->what != AC_DELIVERED && in->what != AC_GOT)
        return;
    amqp_marks_get(f->payload.properties.decoded, &hold, &m);
    in->size = f->payload.properties.body_size;
    in->got = 0;
    size_t id = strlen(m.id);
    struct ac_job *j = in->size > BODY_MAX ? NULL : malloc(sizeof *j + id + in->size + 2);
    if (!j) { /* the connection is given up; the broker delivers again, uncharged */
        ac_broken(c, "no memory for a message of %" PRIu64 " bytes", in->size);
        return;
    }
    memset(j, 0, sizeof *j); /* the padding at its end is the beginning of data */
    memcpy(j->data, m.id, id + 1);
    j->data[id + 1 + in->size] = '\0';
    j->job = (struct transport_job){.destination = s->destination,
                                    .id = j->data,
                                    .bytes = j->data + id + 1,
                                    .len = in->size,
                                    .attempts = m.attempts,
                                    .first_ms = m.first_ms ? m.first_ms : wall_ms(),
                                    .handle = ++c->n.handles,
                                    .epoch = atomic_load(&s->epoch)};
    j->sub = s;
    j->tag = in->tag;
    j->from_head = in->what == AC_GOT;
    j->at = c->n.now;
    if (j->from_head) {
        uint64_t now = wall_ms(), last = transport_ladder[transport_ladder_n - 1];
        uint64_t wait = m.due_ms > now ? ac_earlier(m.due_ms - now, last) : 0;
        s->order.head_at = c->n.now + wait;
    }
    in->job = j;
    if (in->size == 0)
        arrived(c, s);
}

static void body(struct amqp_client *c, struct ac_sub *s, const amqp_bytes_t *part)
{
    struct ac_content *in = &s->content;
    if (!in->job)
        return;
    if (part->len > in->size - in->got) {
        ac_broken(c, "RabbitMQ broke the protocol (a body is too long)");
        return;
    }
    char *to = in->job->data + (in->job->job.bytes - in->job->data) + in->got;
    memcpy(to, part->bytes, part->len);
    in->got += part->len;
    if (in->got == in->size)
        arrived(c, s);
}

/* ---- what the broker says ---- */

static void close_ok(struct amqp_client *c, const struct ac_sub *s)
{
    amqp_channel_close_ok_t ok = {.dummy = 0};
    ac_send(c, s->channel, AMQP_CHANNEL_CLOSE_OK_METHOD, &ok);
}

static void closed(struct amqp_client *c, struct ac_sub *s, const amqp_channel_close_t *m)
{
    struct err e;
    char what[AMQP_NAME_SIZE + 16];
    (void)snprintf(what, sizeof what, "queue \"%s\"", s->destination);
    (void)amqp_close_reason(m->reply_code, m->reply_text, what, &e);
    close_ok(c, s);
    ac_sub_lost(c, s);
    if (!s->bad) /* the first of a row; the reason is told each time */
        log_warning("subscription-lost", NULL, "%s", e.text);
    try_later(c, s, &e);
}

static void cancelled(struct amqp_client *c, struct ac_sub *s, const amqp_basic_cancel_t *m)
{
    struct err e;
    char tag[32];
    consumer_tag(s, tag);
    if (m->consumer_tag.len != strlen(tag) || memcmp(m->consumer_tag.bytes, tag, strlen(tag)) != 0)
        return; /* one that we gave up ourselves */
    s->consuming = false;
    drop_held(&s->head);
    drop_held(&s->name);
    s->order = (struct amqp_strict){.out = s->order.out, .out_head = s->order.out_head};
    (void)err_set(&e, -ENOENT, "destination-unknown",
                  "the queue \"%s\" was deleted or is not available", s->destination);
    try_later(c, s, &e);
}

static void consuming(struct amqp_client *c, struct ac_sub *s)
{
    s->bad = false;
    s->backoff_ms = 0;
    s->ask_at = s->strict ? c->n.now + ALONE_MS : UINT64_MAX;
    ac_state(c, NULL);
}

static void method(struct amqp_client *c, struct ac_sub *s, const amqp_method_t *m)
{
    if (m->id == AMQP_BASIC_DELIVER_METHOD) {
        const amqp_basic_deliver_t *d = m->decoded;
        begin_content(s, false, d->delivery_tag, d->redelivered);
    } else if (m->id == AMQP_BASIC_GET_OK_METHOD) {
        const amqp_basic_get_ok_t *d = m->decoded;
        begin_content(s, true, d->delivery_tag, d->redelivered);
    } else if (m->id == AMQP_BASIC_GET_EMPTY_METHOD) {
        amqp_strict_empty(&s->order, c->n.now);
        ac_strict_step(c, s);
    } else if (m->id == AMQP_CHANNEL_OPEN_OK_METHOD) {
        opened(c, s);
    } else if (m->id == AMQP_BASIC_CONSUME_OK_METHOD) {
        consuming(c, s);
    } else if (m->id == AMQP_BASIC_CANCEL_METHOD) {
        cancelled(c, s, m->decoded);
    } else if (m->id == AMQP_CHANNEL_CLOSE_METHOD) {
        closed(c, s, m->decoded);
    }
}

/* The channel is being closed by us (leave()): all else that comes on it is void (AMQP 0-9-1,
 * channel.close). */
static void left(struct amqp_client *c, struct ac_sub *s, const amqp_frame_t *f)
{
    if (f->frame_type != AMQP_FRAME_METHOD)
        return;
    if (f->payload.method.id == AMQP_CHANNEL_CLOSE_METHOD) {
        close_ok(c, s); /* both at once */
    } else if (f->payload.method.id == AMQP_CHANNEL_CLOSE_OK_METHOD) {
        s->state = AC_SUB_OFF;
        if (!s->paused)
            ac_sub_start(c, s);
    }
}

void ac_sub_frame(struct amqp_client *c, struct ac_sub *s, const amqp_frame_t *f)
{
    if (s->state == AC_SUB_CLOSING)
        left(c, s, f);
    else if (f->frame_type == AMQP_FRAME_METHOD)
        method(c, s, &f->payload.method);
    else if (f->frame_type == AMQP_FRAME_HEADER)
        header(c, s, f);
    else if (f->frame_type == AMQP_FRAME_BODY)
        body(c, s, &f->payload.body_fragment);
}

/* ---- time ---- */

void ac_sub_tick(struct amqp_client *c, struct ac_sub *s)
{
    struct ac_engine *n = &c->n;
    if (s->retry_at <= n->now && !s->consuming && !s->paused) {
        s->retry_at = UINT64_MAX;
        if (s->state == AC_SUB_OFF)
            ac_sub_start(c, s);
        else
            send_consume(c, s);
    }
    if (s->retry_at != UINT64_MAX)
        ac_wake_at(c, s->retry_at);
    if (!s->strict || !s->consuming)
        return;
    if (!s->order.active && !s->name && s->ask_at <= n->now) {
        s->ask_at = n->now + ALONE_MS;
        ac_ask(c, NULL, s);
    }
    ac_strict_step(c, s);
}

/* The broker closes a channel whose oldest delivery is out for 30 minutes (its consumer_timeout).
 * What is held here is given back and fetched again before that. */
void ac_sub_watch(struct amqp_client *c, struct ac_sub *s)
{
    for (uint64_t t = s->ring.low + 1; t <= s->ring.above; t++) {
        struct amqp_slot *slot = amqp_ring_at(&s->ring, t);
        if (!slot || slot->state != AMQP_SLOT_OPEN || slot->mark)
            continue;
        if (c->n.now - slot->at < AMQP_UNACKED_MS)
            break;
        struct ac_job *j = slot->owner;
        if (j == s->head || j == s->name) {
            bool head = j == s->head;
            ac_requeue(c, s, t);
            drop_held(head ? &s->head : &s->name);
            *(head ? &s->order.has_head : &s->order.has_name) = false;
            s->order.head_empty = false;
            s->order.get_at = 0;
            continue;
        }
        slot->mark = true;
        log_warning("unsettled-long", j->job.id,
                    "a message of \"%s\" is out for %" PRIu64
                    " minutes; after 30 RabbitMQ takes it back",
                    s->destination, (c->n.now - slot->at) / 60000);
    }
}

void ac_sub_free(struct ac_sub *s)
{
    amqp_ring_done(&s->ring);
    ac_job_free(s->content.job);
    drop_held(&s->head);
    drop_held(&s->name);
    free(s->last.text);
    free(s->due);
    free(s->done);
    free(s->destination);
    free(s);
}

/* ---- order: strict ---- */

static void get_head(struct amqp_client *c, struct ac_sub *s)
{
    char name[AMQP_NAME_SIZE];
    (void)snprintf(name, sizeof name, "%s" AMQP_HEAD_END, s->destination);
    amqp_basic_get_t m = {.queue = amqp_text(name)};
    s->order.getting = true;
    ac_send(c, s->channel, AMQP_BASIC_GET_METHOD, &m);
}

/* Paused: the place of the one active consumer is given up when nothing is out, or the next one
 * would overtake it. By closing the channel: RabbitMQ takes back what a channel held and then looks
 * for the next consumer, but after a basic.cancel it gives that one the message that follows. */
static void leave(struct amqp_client *c, struct ac_sub *s)
{
    if (s->order.out)
        return;
    ac_ack_flush(c, s);
    amqp_channel_close_t m = {.reply_code = AMQP_REPLY_SUCCESS, .reply_text = amqp_empty_bytes};
    ac_send(c, s->channel, AMQP_CHANNEL_CLOSE_METHOD, &m);
    ac_sub_lost(c, s);
    s->held_head = false; /* the broker is there, and has it back at once */
    s->state = AC_SUB_CLOSING;
}

void ac_strict_step(struct amqp_client *c, struct ac_sub *s)
{
    uint64_t at = 0;
    if (!s->consuming)
        return;
    if (s->paused) {
        leave(c, s);
        return;
    }
    switch (amqp_strict_next(&s->order, c->n.now, &at)) {
    case AMQP_STRICT_GET:
        get_head(c, s);
        break;
    case AMQP_STRICT_GIVE_HEAD:
        s->order.has_head = false;
        s->order.head_empty = false; /* there may be another */
        s->order.get_at = 0;
        s->order.out = s->order.out_head = true;
        give(c, s, TAKE_PTR(s->head));
        break;
    case AMQP_STRICT_GIVE_NAME:
        s->order.has_name = false;
        s->order.out = true;
        s->order.out_head = false;
        give(c, s, TAKE_PTR(s->name));
        break;
    case AMQP_STRICT_WAIT:
        ac_wake_at(c, at);
        break;
    case AMQP_STRICT_NOTHING:
        break;
    }
}

void ac_strict_alone(struct amqp_client *c, struct ac_sub *s, unsigned consumer, uint64_t consumers)
{
    if (s->consuming && s->consumer == consumer && consumers == 1)
        amqp_strict_active(&s->order, c->n.now);
    ac_strict_step(c, s);
}
