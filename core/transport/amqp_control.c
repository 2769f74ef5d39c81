/* SPDX-License-Identifier: Apache-2.0 */
/* amqp_control - questions of one's own and of others, in the client's thread: passive
 * declarations (how many wait, how many consume) on one channel, and the answers to the control
 * question (amqp_link.h) on another.
 *
 * Known limit: a client whose user may not have a control queue answers nothing; it works all the
 * same, and a status shows less of it. */
#include "amqp_client.h"
#include "base/log.h"
#include "base/util.h"
#include <string.h>

/* ---- asking ---- */

static void send_ask(struct amqp_client *c, const struct ac_ask *a)
{
    amqp_queue_declare_t m = {.queue = amqp_text(a->dest ? a->dest->name : a->sub->destination),
                              .passive = 1,
                              .arguments = amqp_empty_table};
    ac_send(c, AC_ASKING, AMQP_QUEUE_DECLARE_METHOD, &m);
}

void ac_ask(struct amqp_client *c, struct ac_dest *dest, struct ac_sub *sub)
{
    struct ac_ask *a;
    if (dest && dest->asked)
        return;
    STAILQ_FOREACH(a, &c->n.asks, link)
    if (sub && a->sub == sub && a->consumer == sub->consumer)
        return;
    a = xcalloc(1, sizeof *a);
    if (!a)
        return; /* asked again with the next turn */
    a->dest = dest;
    a->sub = sub;
    a->consumer = sub ? sub->consumer : 0;
    if (dest)
        dest->asked = true;
    STAILQ_INSERT_TAIL(&c->n.asks, a, link);
    if (c->n.asking)
        send_ask(c, a);
}

static void answered(struct amqp_client *c, uint64_t messages, uint64_t consumers)
{
    struct ac_ask *a = STAILQ_FIRST(&c->n.asks);
    if (!a)
        return;
    STAILQ_REMOVE_HEAD(&c->n.asks, link);
    struct ac_ask was = *a;
    free(a);
    if (was.dest) {
        was.dest->asked = false;
        ac_publish_counted(c, was.dest, messages);
    } else {
        ac_strict_alone(c, was.sub, was.consumer, consumers);
    }
}

void ac_asking_lost(struct amqp_client *c)
{
    struct ac_ask *a;
    while ((a = STAILQ_FIRST(&c->n.asks))) {
        STAILQ_REMOVE_HEAD(&c->n.asks, link);
        free(a);
    }
}

void ac_asking_frame(struct amqp_client *c, const amqp_frame_t *f)
{
    struct ac_ask *a;
    if (f->frame_type != AMQP_FRAME_METHOD)
        return;
    if (f->payload.method.id == AMQP_QUEUE_DECLARE_OK_METHOD) {
        const amqp_queue_declare_ok_t *m = f->payload.method.decoded;
        answered(c, m->message_count, m->consumer_count);
    } else if (f->payload.method.id == AMQP_CHANNEL_OPEN_OK_METHOD) {
        c->n.asking = true;
        STAILQ_FOREACH(a, &c->n.asks, link)
        send_ask(c, a);
    } else if (f->payload.method.id == AMQP_CHANNEL_CLOSE_METHOD) {
        amqp_channel_close_ok_t ok = {.dummy = 0};
        ac_send(c, AC_ASKING, AMQP_CHANNEL_CLOSE_OK_METHOD, &ok);
        c->n.asking = false;
        answered(c, 0, 0); /* no such queue: publishing finds out, too, and says it properly */
        ac_open_channel(c, AC_ASKING);
    }
}

/* ---- answering ---- */

void ac_control_start(struct amqp_client *c)
{
    amqp_queue_declare_t m = {
        .queue = amqp_empty_bytes, .exclusive = 1, .auto_delete = 1, .arguments = amqp_empty_table};
    ac_send(c, AC_CONTROL, AMQP_QUEUE_DECLARE_METHOD, &m);
}

static void declared(struct amqp_client *c, const amqp_queue_declare_ok_t *m)
{
    amqp_queue_bind_t bind = {
        .queue = m->queue, .exchange = amqp_text(AMQP_X_CONTROL), .arguments = amqp_empty_table};
    amqp_basic_consume_t consume = {
        .queue = m->queue, .no_ack = 1, .exclusive = 1, .arguments = amqp_empty_table};
    ac_send(c, AC_CONTROL, AMQP_QUEUE_BIND_METHOD, &bind);
    ac_send(c, AC_CONTROL, AMQP_BASIC_CONSUME_METHOD, &consume);
}

static struct tree *describe(const struct amqp_client *c, const struct ac_sub *s)
{
    struct tree *t = tree_map();
    int r = tree_puts(t, "client", c->n.place.name ? c->n.place.name : "");
    r = r < 0 ? r : tree_puts(t, "machine", c->n.place.machine);
    r = r < 0 ? r : tree_puts(t, "destination", s->destination);
    r = r < 0 ? r : tree_putu(t, "inflight", s->ring.open);
    r = r < 0 ? r : tree_putb(t, "paused", s->paused);
    if (r == 0 && *c->n.question.order)
        r = tree_puts(t, "told", c->n.question.order);
    if (r == 0 && s->last.at) {
        struct tree *e = tree_map();
        r = tree_puts(e, "code", s->last.code);
        r = r < 0 ? r : tree_puts(e, "text", s->last.text ? s->last.text : "");
        r = r < 0 ? r : tree_putu(e, "time", s->last.at);
        if (r < 0)
            tree_free(e);
        else
            r = tree_put(t, "last_error", e);
    }
    if (r == 0)
        return t;
    tree_free(t);
    return NULL;
}

/* The caller decides what else a pause means, and gives the command. false: no memory. */
static bool pass_on(struct amqp_client *c, struct ac_sub *s)
{
    struct ac_told *told = xcalloc(1, sizeof *told);
    if (!told)
        return false;
    told->item.kind = AC_TOLD;
    told->sub = s;
    told->paused = strcmp(c->n.question.order, "pause") == 0;
    STAILQ_INSERT_TAIL(&c->n.tell, &told->item, link);
    return true;
}

static void answer(struct amqp_client *c)
{
    const struct ac_content *q = &c->n.question;
    if (!*q->key || !ac_ready(c))
        return;
    for (size_t i = 0; i < c->n.subs_n; i++) {
        if (*q->order &&
            (strcmp(c->n.sub[i]->destination, q->about) != 0 || !pass_on(c, c->n.sub[i])))
            continue;
        struct tree *t = describe(c, c->n.sub[i]);
        struct buf b = BUF_INIT(64u << 10);
        amqp_basic_properties_t props = {._flags = AMQP_BASIC_CORRELATION_ID_FLAG,
                                         .correlation_id = amqp_text(q->id)};
        if (t && tree_to_json(t, &b, false) == 0)
            (void)ac_put(c, AC_CONTROL, AMQP_X_ANSWER, q->key, false, &props, buf_str(&b), b.len);
        buf_done(&b);
        tree_free(t);
    }
}

static void take_text(amqp_bytes_t from, bool there, char *out, size_t cap)
{
    size_t len = there && from.bytes && from.len < cap ? from.len : 0;
    if (len)
        memcpy(out, from.bytes, len);
    out[len] = '\0';
}

static void question(struct amqp_client *c, const amqp_frame_t *f)
{
    struct ac_content *q = &c->n.question;
    const amqp_basic_properties_t *p = f->payload.properties.decoded;
    if (q->what != AC_QUESTION)
        return;
    q->what = AC_NOTHING;
    take_text(p->reply_to, p->_flags & AMQP_BASIC_REPLY_TO_FLAG, q->key, sizeof q->key);
    take_text(p->correlation_id, p->_flags & AMQP_BASIC_CORRELATION_ID_FLAG, q->id, sizeof q->id);
    take_text(p->type, p->_flags & AMQP_BASIC_TYPE_FLAG, q->order, sizeof q->order);
    take_text(p->message_id, p->_flags & AMQP_BASIC_MESSAGE_ID_FLAG, q->about, sizeof q->about);
    bool known = strcmp(q->order, "pause") == 0 || strcmp(q->order, "resume") == 0;
    if (known || !*q->order) /* an order of a later version is for nobody here */
        answer(c);
}

static void control_closed(struct amqp_client *c, const amqp_channel_close_t *m)
{
    struct err e;
    amqp_channel_close_ok_t ok = {.dummy = 0};
    (void)amqp_close_reason(m->reply_code, m->reply_text, "the control queue", &e);
    ac_send(c, AC_CONTROL, AMQP_CHANNEL_CLOSE_OK_METHOD, &ok);
    log_warning("control-queue", NULL, "status will not show what is in flight here: %s", e.text);
}

void ac_control_frame(struct amqp_client *c, const amqp_frame_t *f)
{
    const amqp_method_t *m = &f->payload.method;
    if (f->frame_type == AMQP_FRAME_HEADER)
        question(c, f);
    if (f->frame_type != AMQP_FRAME_METHOD)
        return;
    if (m->id == AMQP_CHANNEL_OPEN_OK_METHOD)
        ac_control_start(c);
    else if (m->id == AMQP_QUEUE_DECLARE_OK_METHOD)
        declared(c, m->decoded);
    else if (m->id == AMQP_BASIC_DELIVER_METHOD)
        c->n.question.what = AC_QUESTION;
    else if (m->id == AMQP_CHANNEL_CLOSE_METHOD)
        control_closed(c, m->decoded);
}
