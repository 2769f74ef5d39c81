/* SPDX-License-Identifier: Apache-2.0 */
/* amqp_settle - what becomes of a job, in the client's thread.
 *
 * DONE is an acknowledgement, sent once a turn and for several at once where they are contiguous.
 * RETRY, RELEASE with a delay and DEAD are a copy that is published, confirmed, and only then the
 * acknowledgement of the original; RELEASE at once gives the message back, and with
 * `order: strict` it stays here. A copy that is refused is published again until it is taken: the
 * original stays unacknowledged meanwhile, so nothing is lost.
 *
 * AMQP has no answer to an acknowledgement, so a broker that dies may not have read the last ones.
 * They are remembered; what comes again after a loss and was one of those is acknowledged again and
 * not handed out. */
#include "amqp_client.h"
#include "base/log.h"
#include "base/util.h"
#include <stdio.h>
#include <string.h>

#define COPY_AGAIN_MS 1000u

static void settled(struct ac_list *list, struct ac_job *j)
{
    j->item.kind = AC_SETTLED;
    STAILQ_INSERT_TAIL(list, &j->item, link);
}

static void remember(struct ac_sub *s, const struct ac_job *j)
{
    if (!s->done_n)
        return;
    s->done[s->done_next] = (struct ac_done){.hash = hash_bytes(j->job.id, strlen(j->job.id)),
                                             .attempts = j->job.attempts,
                                             .used = true};
    s->done_next = (s->done_next + 1) % s->done_n;
}

bool ac_was_done(struct ac_sub *s, const struct ac_job *j)
{
    uint64_t hash = hash_bytes(j->job.id, strlen(j->job.id));
    for (size_t i = 0; i < s->done_n; i++) {
        struct ac_done *d = &s->done[i];
        if (d->used && d->hash == hash && d->attempts == j->job.attempts) {
            d->used = false;
            return *j->job.id != '\0';
        }
    }
    return false;
}

/* ---- acknowledgements ---- */

void ac_ack_due(struct amqp_client *c, struct ac_sub *s, uint64_t tag)
{
    struct amqp_slot *slot = amqp_ring_at(&s->ring, tag);
    void *mem = s->due;
    if (!slot)
        return;
    if (grow_array(&mem, &s->due_cap, s->due_n + 1, sizeof *s->due) < 0) {
        ac_broken(c, "out of memory");
        return;
    }
    s->due = mem;
    s->due[s->due_n++] = tag;
    slot->state = AMQP_SLOT_DUE;
}

static void send_ack(struct amqp_client *c, struct ac_sub *s, uint64_t tag, bool multiple)
{
    amqp_basic_ack_t m = {.delivery_tag = tag, .multiple = multiple};
    ac_send(c, s->channel, AMQP_BASIC_ACK_METHOD, &m);
}

void ac_ack_flush(struct amqp_client *c, struct ac_sub *s)
{
    if (s->due_n) {
        uint64_t last = amqp_ring_ack_prefix(&s->ring);
        if (last)
            send_ack(c, s, last, true);
        for (size_t i = 0; i < s->due_n; i++)
            if (s->due[i] > last) {
                amqp_ring_end(&s->ring, s->due[i]);
                send_ack(c, s, s->due[i], false);
            }
        s->due_n = 0;
    }
    if (!c->n.broken)
        STAILQ_CONCAT(&c->n.tell, &s->settling);
}

static void finish(struct amqp_client *c, struct ac_job *j)
{
    struct ac_sub *s = j->sub;
    ac_ack_due(c, s, j->tag);
    s->order.out = false;
    settled(&s->settling, j);
}

/* ---- copies ---- */

static void target(const struct ac_job *j, char exchange[AMQP_NAME_SIZE], char key[AMQP_NAME_SIZE])
{
    const char *end = j->how == SETTLE_DEAD                      ? AMQP_DEAD_END
                      : j->sub->strict && j->how == SETTLE_RETRY ? AMQP_HEAD_END
                                                                 : "";
    (void)snprintf(exchange, AMQP_NAME_SIZE, "%s", AMQP_X_BACK);
    if (!*end && j->delay_ms)
        amqp_retry_name(j->delay_ms, exchange);
    (void)snprintf(key, AMQP_NAME_SIZE, "%s%s", j->job.destination, end);
}

static struct amqp_marks marks_of(struct amqp_client *c, const struct ac_job *j)
{
    uint64_t now = wall_ms();
    struct amqp_marks m = {.id = j->job.id,
                           .first_ms = j->job.first_ms,
                           .attempts = j->job.attempts + (j->how == SETTLE_RETRY),
                           .code = j->code,
                           .text = j->text};
    if (j->how == SETTLE_DEAD) {
        m.dead_ms = now;
        m.number = now << 12 | (c->n.number++ & 0xfff);
    } else if (j->sub->strict && j->delay_ms) {
        m.due_ms = now + transport_rung(j->delay_ms);
    }
    return m;
}

static void send_copy(struct amqp_client *c, struct ac_job *j)
{
    char exchange[AMQP_NAME_SIZE], key[AMQP_NAME_SIZE];
    amqp_basic_properties_t props;
    amqp_table_entry_t table[AMQP_HEADERS_MAX];
    struct amqp_marks m = marks_of(c, j);
    target(j, exchange, key);
    amqp_marks_put(&m, &props, table);
    if (amqp_ring_push(&c->n.ring, j, AC_COPY, c->n.now, NULL) < 0) {
        ac_broken(c, "out of memory");
        return;
    }
    j->sent = true;
    (void)ac_put(c, AC_PUBLISHING, exchange, key, true, &props, j->job.bytes, j->job.len);
}

static bool is_void(const struct ac_job *j)
{
    return j->job.epoch != atomic_load(&j->sub->epoch);
}

static void drop_copy(struct amqp_client *c, struct ac_job *j)
{
    TAILQ_REMOVE(&c->n.copies, j, link);
    ac_job_free(j);
}

void ac_copies_pump(struct amqp_client *c)
{
    struct ac_engine *n = &c->n;
    struct ac_job *next;
    if (!n->publishing || !ac_ready(c))
        return;
    for (struct ac_job *j = TAILQ_FIRST(&n->copies); j && !n->broken; j = next) {
        next = TAILQ_NEXT(j, link);
        if (j->sent)
            continue;
        if (is_void(j))
            drop_copy(c, j);
        else if (j->at <= n->now)
            send_copy(c, j);
        else
            ac_wake_at(c, j->at);
    }
}

void ac_copies_again(struct amqp_client *c)
{
    struct ac_job *j;
    TAILQ_FOREACH(j, &c->n.copies, link)
    {
        j->sent = false;
        j->at = 0;
    }
}

void ac_copies_drop(struct amqp_client *c)
{
    struct ac_job *j;
    while ((j = TAILQ_FIRST(&c->n.copies)))
        drop_copy(c, j);
}

void ac_copy_ended(struct amqp_client *c, struct ac_job *j, const char *refused)
{
    if (is_void(j)) {
        drop_copy(c, j);
        return;
    }
    if (refused) {
        char exchange[AMQP_NAME_SIZE], key[AMQP_NAME_SIZE];
        target(j, exchange, key);
        log_error("settle-refused", j->job.id,
                  "cannot put the message into \"%s\" by the exchange \"%s\": %s; tried again", key,
                  exchange, refused);
        j->sent = false;
        j->at = c->n.now + COPY_AGAIN_MS;
        ac_wake_at(c, j->at);
        return;
    }
    TAILQ_REMOVE(&c->n.copies, j, link);
    if (j->how == SETTLE_RETRY) {
        j->sub->order.head_empty = false;
        j->sub->order.get_at = 0;
    }
    finish(c, j);
}

/* ---- what the caller decides ---- */

/* The caller hears of it, but the message stays here. */
static void hold(struct amqp_client *c, struct ac_job *j)
{
    struct ac_sub *s = j->sub;
    struct ac_job *told = xcalloc(1, sizeof *told + 1);
    if (told) {
        told->job.handle = j->job.handle;
        settled(&c->n.tell, told);
    }
    uint64_t at = c->n.now + transport_rung(j->delay_ms);
    j->job.handle = ++c->n.handles;
    s->order.out = false;
    if (!s->consuming) { /* the broker cancelled the consumer: nobody's */
        ac_requeue(c, s, j->tag);
        ac_job_free(j);
    } else if (j->from_head) {
        s->head = j;
        s->order.has_head = true;
        s->order.head_at = at;
    } else {
        s->name = j;
        s->order.has_name = true;
        s->order.name_at = at;
    }
}

static void note_error(struct ac_sub *s, const struct ac_job *j)
{
    (void)snprintf(s->last.code, sizeof s->last.code, "%s", j->code);
    free(s->last.text);
    s->last.text = j->text ? strdup(j->text) : NULL;
    s->last.at = wall_ms();
}

void ac_settle(struct amqp_client *c, struct ac_job *j)
{
    struct ac_sub *s = j->sub;
    if (is_void(j) || c->n.broken) {
        ac_job_free(j);
        return;
    }
    if (j->how == SETTLE_DONE) {
        remember(s, j);
        finish(c, j);
        return;
    }
    if (j->how == SETTLE_RELEASE && s->strict) {
        hold(c, j);
        return;
    }
    if (j->how == SETTLE_RELEASE && j->delay_ms == 0) {
        ac_requeue(c, s, j->tag);
        settled(&c->n.tell, j);
        return;
    }
    if (j->how != SETTLE_RELEASE)
        note_error(s, j);
    j->sent = false;
    j->at = 0;
    TAILQ_INSERT_TAIL(&c->n.copies, j, link);
}
