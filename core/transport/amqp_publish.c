/* SPDX-License-Identifier: Apache-2.0 */
/* amqp_publish - the window of unconfirmed messages, in the client's thread.
 *
 * One basic.publish for each destination of a message, each with its own account: a delivery tag
 * leads to the message and the destination, whatever the order of the confirms. A return carries no
 * tag; it is matched by message_id and key, and the confirm that follows it ends the part as
 * refused. A message whose destinations may refuse (limits, unknown to the plan, refused lately)
 * goes to those first, one after the other, and to the rest when they have it, so that "all or
 * none" holds as far as AMQP allows. A later message never overtakes an earlier one on the way to
 * the same destination.
 *
 * Guarantees: bytes are kept until the end; after a loss everything unconfirmed is published again
 * in the first order, and what a destination has confirmed is not repeated to it. */
#include "amqp_client.h"
#include "base/util.h"
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#define RENEW_MS 5000u

static struct ac_dest *dest_of(struct amqp_client *c, const char *name)
{
    struct ac_engine *n = &c->n;
    size_t len = strlen(name);
    struct ac_dest *d = map_get(n->dests, name, len);
    if (d)
        return d;
    d = xcalloc(1, sizeof *d + len + 1);
    if (!d)
        return NULL;
    memcpy(d->name, name, len);
    d->plan = amqp_place_find(&n->place, name);
    if (d->plan)
        d->limit = (struct amqp_limit){.max_messages = d->plan->limit_messages,
                                       .max_bytes = d->plan->limit_bytes};
    if (map_put(n->dests, name, len, d) < 0) {
        free(d);
        return NULL;
    }
    return d;
}

static bool limited(const struct ac_dest *d)
{
    return d->limit.max_messages || d->limit.max_bytes;
}

static bool may_refuse(const struct ac_dest *d)
{
    return limited(d) || !d->plan || d->refused;
}

static void refuse(struct ac_entry *e, struct ac_part *p, const struct err *why)
{
    p->state = AC_REFUSED;
    p->dest->refused = true;
    if (e->why)
        return;
    e->why = malloc(sizeof *e->why);
    if (e->why)
        *e->why = *why;
    for (uint32_t i = 0; i < e->n; i++) /* the others shall not have it alone */
        if (e->part[i].state == AC_UNSENT) {
            e->part[i].state = AC_REFUSED;
            e->unsent--;
        }
}

static bool has_refusal(const struct ac_entry *e)
{
    for (uint32_t i = 0; i < e->n; i++)
        if (e->part[i].state == AC_REFUSED)
            return true;
    return false;
}

/* Nothing is under way and nothing left to send: the caller hears of it. */
static void end_if_over(struct amqp_client *c, struct ac_entry *e, struct ac_entries *list)
{
    if (e->sent || e->unsent)
        return;
    TAILQ_REMOVE(list, e, link);
    e->item.kind = has_refusal(e) ? AC_FAILED : AC_CONFIRMED;
    STAILQ_INSERT_TAIL(&c->n.tell, &e->item, link);
}

/* ---- sending ---- */

void ac_publish_new(struct amqp_client *c, struct ac_entry *e)
{
    struct ac_engine *n = &c->n;
    e->serial = ++n->serial;
    e->first_ms = wall_ms();
    TAILQ_INSERT_TAIL(&n->pending, e, link);
    n->pump = true;
    for (uint32_t i = 0; i < e->n; i++) {
        e->part[i].dest = dest_of(c, e->part[i].name);
        if (!e->part[i].dest) { /* out of memory: nothing of it goes out */
            e->n = i;
            e->unsent = 0;
            e->part[0].state = AC_REFUSED;
            e->n = 1;
            end_if_over(c, e, &n->pending);
            return;
        }
    }
}

static void send_part(struct amqp_client *c, struct ac_entry *e, uint32_t i)
{
    struct ac_engine *n = &c->n;
    struct ac_dest *d = e->part[i].dest;
    amqp_basic_properties_t props;
    amqp_table_entry_t table[AMQP_HEADERS_MAX];
    amqp_marks_put(&(struct amqp_marks){.id = e->id, .first_ms = e->first_ms}, &props, table);
    if (amqp_ring_push(&n->ring, e, i, n->now, NULL) < 0) {
        ac_broken(c, "out of memory");
        return;
    }
    e->part[i].state = AC_SENT;
    e->unsent--;
    e->sent++;
    amqp_limit_sent(&d->limit, e->len);
    (void)ac_put(c, AC_PUBLISHING, AMQP_X_HUB, d->name, true, &props, e->bytes, e->len);
}

static void refuse_full(struct ac_entry *e, uint32_t i)
{
    struct err why;
    const struct ac_dest *d = e->part[i].dest;
    e->unsent--;
    refuse(e, &e->part[i],
           (err_set(&why, -ENOSPC, "destination-full",
                    "destination \"%s\" is full: %" PRIu64 " messages wait (limit %" PRIu64
                    "), %" PRIu64 " bytes of this publisher (limit %" PRIu64
                    "); this one has %zu bytes",
                    d->name, d->limit.count, d->limit.max_messages, d->limit.bytes,
                    d->limit.max_bytes, e->len),
            &why));
}

/* Tries one part. false: it must wait. */
static bool try_part(struct amqp_client *c, struct ac_entry *e, uint32_t i)
{
    struct ac_dest *d = e->part[i].dest;
    if (d->stamp == c->n.stamp)
        return false; /* an earlier message waits for it */
    switch (amqp_limit_decide(&d->limit, e->len)) {
    case AMQP_ADMIT:
        send_part(c, e, i);
        return true;
    case AMQP_REFUSE:
        refuse_full(e, i);
        return true;
    case AMQP_ASK:
        ac_ask(c, d, NULL);
        return false;
    case AMQP_HOLD:
        break;
    }
    return false;
}

/* Those that may refuse, one after the other. true: the rest may go. */
static bool careful_parts(struct amqp_client *c, struct ac_entry *e)
{
    for (uint32_t i = 0; i < e->n; i++) {
        struct ac_part *p = &e->part[i];
        if (!may_refuse(p->dest) || p->state == AC_STORED || p->state == AC_REFUSED)
            continue;
        if (p->state == AC_UNSENT && !try_part(c, e, i))
            return false;
        if (p->state == AC_SENT && e->n > 1)
            return false;
    }
    return true;
}

static void advance(struct amqp_client *c, struct ac_entry *e)
{
    if (careful_parts(c, e))
        for (uint32_t i = 0; i < e->n; i++)
            if (e->part[i].state == AC_UNSENT && e->part[i].dest->stamp != c->n.stamp)
                send_part(c, e, i);
    if (e->unsent == 0) {
        TAILQ_REMOVE(&c->n.pending, e, link);
        TAILQ_INSERT_TAIL(&c->n.sent, e, link);
        end_if_over(c, e, &c->n.sent);
        return;
    }
    for (uint32_t i = 0; i < e->n; i++)
        if (e->part[i].state == AC_UNSENT)
            e->part[i].dest->stamp = c->n.stamp;
}

static void unsend(struct amqp_client *c);

/* A quorum queue (3.10) tells a channel that it is over its limit, and that it is not any more only
 * as long as it has a limit: when an operator takes the policy away, the channel refuses for ever.
 * So after a refusal, when all that is under way has ended, another channel asks anew. */
static void renew(struct amqp_client *c)
{
    struct ac_engine *n = &c->n;
    if (n->renew_at == 0)
        return;
    if (n->now < n->renew_at) {
        ac_wake_at(c, n->renew_at);
        return;
    }
    if (n->publishing) {
        n->publishing = false;
        n->renewing = true;
    }
    if (!n->renewing || n->ring.open > 0)
        return;
    amqp_channel_close_t m = {.reply_code = AMQP_REPLY_SUCCESS, .reply_text = amqp_empty_bytes};
    n->renewing = false;
    n->closing = true;
    n->renew_at = 0;
    unsend(c); /* the tags of the new one begin at 1 */
    ac_send(c, AC_PUBLISHING, AMQP_CHANNEL_CLOSE_METHOD, &m);
}

static void forget_renewal(struct ac_engine *n)
{
    n->renewing = false;
    n->renew_at = 0;
}

void ac_publish_pump(struct amqp_client *c)
{
    struct ac_engine *n = &c->n;
    if (ac_ready(c))
        renew(c);
    if (!n->pump || !n->publishing || !ac_ready(c))
        return;
    n->pump = false;
    n->stamp++;
    struct ac_entry *e = TAILQ_FIRST(&n->pending);
    while (e && !n->broken) {
        struct ac_entry *next = TAILQ_NEXT(e, link);
        advance(c, e);
        e = next;
    }
}

void ac_publish_counted(struct amqp_client *c, struct ac_dest *d, uint64_t count)
{
    amqp_limit_counted(&d->limit, count);
    d->limit.fresh = true;
    c->n.pump = true;
    ac_publish_pump(c);
    d->limit.fresh = false;
}

/* ---- confirms ---- */

static void part_ended(struct amqp_client *c, struct ac_entry *e, uint32_t i, const struct err *why)
{
    struct ac_part *p = &e->part[i];
    bool waits = e->unsent > 0;
    e->sent--;
    amqp_limit_ended(&p->dest->limit, e->len, !why);
    if (why) {
        refuse(e, p, why);
    } else {
        p->state = AC_STORED;
        p->dest->refused = false;
        c->n.backoff_ms = AC_BACKOFF_MS; /* it works for us */
    }
    if (waits && e->unsent == 0) {
        TAILQ_REMOVE(&c->n.pending, e, link);
        TAILQ_INSERT_TAIL(&c->n.sent, e, link);
    }
    if (waits || limited(p->dest))
        c->n.pump = true;
    end_if_over(c, e, e->unsent ? &c->n.pending : &c->n.sent);
}

static void slot_ended(struct amqp_client *c, uint64_t tag, bool nack)
{
    struct amqp_slot *s = amqp_ring_at(&c->n.ring, tag);
    if (!s)
        return;
    struct amqp_slot ended = *s;
    amqp_ring_end(&c->n.ring, tag);
    if (nack && c->n.renew_at == 0)
        c->n.renew_at = c->n.now + RENEW_MS;
    if (ended.part == AC_COPY) {
        ac_copy_ended(c, ended.owner,
                      ended.mark ? "no queue takes it"
                      : nack     ? "the queue refuses it"
                                 : NULL);
        return;
    }
    struct ac_entry *e = ended.owner;
    const struct ac_dest *d = e->part[ended.part].dest;
    struct err why;
    if (ended.mark)
        (void)err_set(&why, -ENOENT, "destination-unknown",
                      "there is no destination \"%s\" in RabbitMQ", d->name);
    else if (nack)
        (void)err_set(&why, -ENOSPC, limited(d) ? "destination-full" : "transport",
                      "the queue of \"%s\" refuses the message%s", d->name,
                      limited(d) ? ": the broker's limit is reached" : "");
    part_ended(c, e, ended.part, ended.mark || nack ? &why : NULL);
}

static void confirm(struct amqp_client *c, uint64_t tag, bool multiple, bool nack)
{
    if (!multiple) {
        slot_ended(c, tag, nack);
        return;
    }
    uint64_t last = tag ? ac_earlier(tag, c->n.ring.above) : c->n.ring.above;
    for (uint64_t t = c->n.ring.low + 1; t <= last; t++)
        slot_ended(c, t, nack);
}

/* Which one came back: the oldest with this id and key that has not. */
static void mark_returned(struct amqp_client *c, const char *id, const char *key)
{
    struct amqp_ring *r = &c->n.ring;
    for (uint64_t t = r->low + 1; t <= r->above; t++) {
        struct amqp_slot *s = amqp_ring_at(r, t);
        if (!s || s->mark)
            continue;
        const struct ac_entry *e = s->owner;
        bool copy = s->part == AC_COPY;
        const char *its = copy ? ((const struct ac_job *)s->owner)->job.id : e->id;
        if (strcmp(its, id) != 0 || (!copy && strcmp(e->part[s->part].name, key) != 0))
            continue;
        s->mark = true;
        return;
    }
}

static void returned_header(struct amqp_client *c, const amqp_frame_t *f)
{
    struct amqp_marks_text hold;
    struct amqp_marks m;
    amqp_marks_get(f->payload.properties.decoded, &hold, &m);
    mark_returned(c, m.id, c->n.returned.key);
}

/* ---- the channel ---- */

/* All that is under way is unsent again; its place in the order stays. */
static void unsend(struct amqp_client *c)
{
    struct ac_engine *n = &c->n;
    struct ac_entry *e;
    TAILQ_CONCAT(&n->sent, &n->pending, link); /* sorted below */
    struct ac_entries all = TAILQ_HEAD_INITIALIZER(all);
    TAILQ_CONCAT(&all, &n->sent, link);
    while ((e = TAILQ_FIRST(&all))) {
        TAILQ_REMOVE(&all, e, link);
        for (uint32_t i = 0; i < e->n; i++)
            if (e->part[i].state == AC_SENT) {
                e->part[i].state = AC_UNSENT;
                e->sent--;
                e->unsent++;
            }
        if (e->why)
            for (uint32_t i = 0; i < e->n; i++)
                if (e->part[i].state == AC_UNSENT) {
                    e->part[i].state = AC_REFUSED;
                    e->unsent--;
                }
        struct ac_entry *before = TAILQ_LAST(&n->pending, ac_entries);
        while (before && before->serial > e->serial)
            before = TAILQ_PREV(before, ac_entries, link);
        if (before)
            TAILQ_INSERT_AFTER(&n->pending, before, e, link);
        else
            TAILQ_INSERT_HEAD(&n->pending, e, link);
        end_if_over(c, e, &n->pending);
    }
    amqp_ring_reset(&n->ring);
    n->returned.what = AC_NOTHING;
    n->pump = true;
}

static int forget_count(void *arg, const char *key, size_t len, void *value)
{
    struct ac_dest *d = value;
    (void)arg;
    (void)key;
    (void)len;
    amqp_limit_lost(&d->limit);
    d->asked = false;
    return 0;
}

void ac_publish_lost(struct amqp_client *c)
{
    c->n.publishing = c->n.closing = false;
    forget_renewal(&c->n);
    unsend(c);
    (void)map_each(c->n.dests, forget_count, NULL);
}

void ac_publish_ready(struct amqp_client *c)
{
    c->n.publishing = true;
    c->n.pump = true;
    ac_state(c, NULL);
}

/* Those it concerns end as refused; the others are published again on a new channel. */
static void refuse_sent(struct amqp_client *c, const struct err *why, bool largest_only)
{
    struct amqp_ring *r = &c->n.ring;
    uint64_t from = r->low + 1, to = r->above;
    size_t largest = 0;
    for (uint64_t t = from; largest_only && t <= to; t++) {
        struct amqp_slot *s = amqp_ring_at(r, t);
        if (s && s->part != AC_COPY && ((struct ac_entry *)s->owner)->len > largest)
            largest = ((struct ac_entry *)s->owner)->len;
    }
    for (uint64_t t = from; t <= to; t++) {
        struct amqp_slot *s = amqp_ring_at(r, t);
        if (!s || s->part == AC_COPY || ((struct ac_entry *)s->owner)->len < largest)
            continue;
        struct amqp_slot ended = *s;
        amqp_ring_end(r, t);
        part_ended(c, ended.owner, ended.part, why);
    }
}

static bool contains(amqp_bytes_t text, const char *what)
{
    return text.bytes && memmem(text.bytes, text.len, what, strlen(what));
}

static void channel_closed(struct amqp_client *c, const amqp_channel_close_t *m)
{
    struct err e;
    amqp_channel_close_ok_t ok = {.dummy = 0};
    int r = amqp_close_reason(m->reply_code, m->reply_text, "publishing", &e);
    c->n.publishing = false;
    forget_renewal(&c->n);
    ac_send(c, AC_PUBLISHING, AMQP_CHANNEL_CLOSE_OK_METHOD, &ok);
    if (r == -EPERM && contains(m->reply_text, "exchange '" AMQP_X_HUB "'")) {
        refuse_sent(c, &e, false);
    } else if (r == -EINVAL && contains(m->reply_text, "message size")) {
        (void)err_set(&e, -EFBIG, "too-large", "the broker refuses the message: %.*s",
                      (int)ac_earlier(m->reply_text.len, 300), (const char *)m->reply_text.bytes);
        refuse_sent(c, &e, true);
    } else {
        ac_broken_for(c, &e);
        return;
    }
    ac_copies_again(c);
    unsend(c);
    if (!c->n.closing) /* else with the answer to our own closing */
        ac_open_channel(c, AC_PUBLISHING);
}

static void publish_method(struct amqp_client *c, const amqp_method_t *m)
{
    amqp_confirm_select_t confirm_select = {.nowait = 0};
    if (m->id == AMQP_BASIC_ACK_METHOD) {
        const amqp_basic_ack_t *a = m->decoded;
        confirm(c, a->delivery_tag, a->multiple, false);
    } else if (m->id == AMQP_BASIC_NACK_METHOD) {
        const amqp_basic_nack_t *a = m->decoded;
        confirm(c, a->delivery_tag, a->multiple, true);
    } else if (m->id == AMQP_BASIC_RETURN_METHOD) {
        const amqp_basic_return_t *b = m->decoded;
        size_t len = ac_earlier(b->routing_key.len, AMQP_NAME_SIZE - 1);
        c->n.returned.what = AC_RETURNED; /* its body is of no interest: whole frames pass */
        memcpy(c->n.returned.key, b->routing_key.bytes, len);
        c->n.returned.key[len] = '\0';
    } else if (m->id == AMQP_CHANNEL_CLOSE_METHOD) {
        channel_closed(c, m->decoded);
    } else if (m->id == AMQP_CHANNEL_CLOSE_OK_METHOD) {
        c->n.closing = false;
        ac_open_channel(c, AC_PUBLISHING);
    } else if (m->id == AMQP_CHANNEL_OPEN_OK_METHOD) {
        ac_send(c, AC_PUBLISHING, AMQP_CONFIRM_SELECT_METHOD, &confirm_select);
    } else if (m->id == AMQP_CONFIRM_SELECT_OK_METHOD) {
        ac_publish_ready(c);
    }
}

void ac_publish_frame(struct amqp_client *c, const amqp_frame_t *f)
{
    if (f->frame_type == AMQP_FRAME_METHOD) {
        publish_method(c, &f->payload.method);
    } else if (f->frame_type == AMQP_FRAME_HEADER && c->n.returned.what == AC_RETURNED) {
        returned_header(c, f);
        c->n.returned.what = AC_NOTHING;
    }
}

void ac_publish_done(struct amqp_client *c)
{
    struct ac_engine *n = &c->n;
    struct ac_entry *e;
    TAILQ_CONCAT(&n->pending, &n->sent, link);
    while ((e = TAILQ_FIRST(&n->pending))) {
        TAILQ_REMOVE(&n->pending, e, link);
        free(e->why);
        free(e);
    }
    amqp_ring_done(&n->ring);
}
