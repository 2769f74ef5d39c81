/* SPDX-License-Identifier: Apache-2.0 */
/* amqp_carry - see amqp_carry.h. Channel 1 asks and publishes, channel 2 takes: a refusal that
 * closes the one gives nothing back on the other. */
#include "amqp_carry.h"
#include "amqp_ask.h"
#include "base/util.h"
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define ASKING 1
#define TAKING 2

struct amqp_carry {
    struct amqp_place place;
    amqp_connection_state_t c;
    uint64_t number; /* of the last dead letter that was put in */
};

static int open_link(struct amqp_place *place, amqp_connection_state_t *ret, struct err *e)
{
    int r = amqp_link_open(place, ret, e);
    r = r < 0 ? r : amqp_ask_confirm_mode(*ret, ASKING, e);
    return r < 0 ? r : amqp_link_channel(*ret, TAKING, e);
}

int amqp_carry_open(const struct tree *part, struct amqp_carry **ret, struct err *e)
{
    struct amqp_carry *c = xcalloc(1, sizeof *c);
    if (!c)
        return err_set(e, -ENOMEM, "memory", "out of memory");
    int r = amqp_place_read(part, &c->place, e);
    r = r < 0 ? r : amqp_topology_declare(&c->place, e);
    r = r < 0 ? r : open_link(&c->place, &c->c, e);
    if (r < 0) {
        amqp_carry_close(c);
        return r;
    }
    *ret = c;
    return 0;
}

void amqp_carry_close(struct amqp_carry *c)
{
    if (!c)
        return;
    amqp_link_close(c->c);
    amqp_place_done(&c->place);
    free(c);
}

/* ---- in ---- */

/* Numbers tell when a letter died, and their order is that in which they come. */
static uint64_t next_number(struct amqp_carry *c, uint64_t dead_ms)
{
    uint64_t n = dead_ms << 12;
    c->number = n > c->number ? n : c->number + 1;
    return c->number;
}

int amqp_carry_add(struct amqp_carry *c, const struct carried *m, struct err *e)
{
    const struct amqp_destination *d = amqp_place_find(&c->place, m->destination);
    struct amqp_marks marks = {.id = m->id,
                               .first_ms = m->first_ms,
                               .attempts = m->attempts,
                               .code = m->code,
                               .text = m->text};
    char exchange[AMQP_NAME_SIZE] = AMQP_X_HUB, key[AMQP_NAME_SIZE];
    uint64_t now = wall_ms();
    if (!d)
        return err_set(e, -ENOENT, "destination-unknown", "no connector delivers %s",
                       m->destination);
    amqp_name_of(d->name, m->dead ? AMQP_DEAD_END : "", key);
    if (m->dead) {
        marks.dead_ms = m->dead_ms;
        marks.number = next_number(c, m->dead_ms);
        (void)snprintf(exchange, sizeof exchange, "%s", AMQP_X_BACK);
    } else if (m->due_ms > now && d->strict) {
        marks.due_ms = m->due_ms;
        amqp_name_of(d->name, AMQP_HEAD_END, key);
        (void)snprintf(exchange, sizeof exchange, "%s", AMQP_X_BACK);
    } else if (m->due_ms > now) {
        amqp_retry_name(m->due_ms - now, exchange);
    }
    amqp_basic_properties_t props;
    amqp_table_entry_t table[AMQP_HEADERS_MAX];
    amqp_marks_put(&marks, &props, table);
    amqp_bytes_t body = {.len = m->len, .bytes = (void *)(uintptr_t)m->bytes};
    int r = amqp_ask_publish(c->c, ASKING, exchange, key, &props, body, e);
    return r < 0 ? err_prefix(e, r, "message %s for %s", m->id, m->destination) : 0;
}

/* ---- taking ---- */

/* What is taken is acknowledged by fn, or comes back. */
typedef int take_fn(void *arg, const amqp_envelope_t *got, struct err *e);

/* So many as there are now. (basic.get is refused by quorum queues with a single active consumer.)
 */
static int take_ready(amqp_connection_state_t c, const char *queue, uint64_t ready, take_fn *fn,
                      void *arg, struct err *e)
{
    (void)amqp_basic_qos(c, TAKING, 0, CARRIED_PAGE, 0);
    int r = amqp_ask_reply(c, TAKING, "taking messages", e);
    if (r == 0) {
        (void)amqp_basic_consume(c, TAKING, amqp_text(queue), amqp_empty_bytes, 0, 0, 0,
                                 amqp_empty_table);
        r = amqp_ask_reply(c, TAKING, "taking messages", e);
    }
    for (; r == 0 && ready > 0; ready--) {
        amqp_envelope_t got;
        r = amqp_ask_delivery(c, AMQP_WAIT_MS, &got, e);
        if (r <= 0)
            break;
        r = fn(arg, &got, e);
        amqp_destroy_envelope(&got);
    }
    return r < 0 ? r : 0;
}

/* Until the queue is empty. `over` (may be NULL) is called before what is not acknowledged goes
 * back. */
static int take_all(amqp_connection_state_t c, const char *queue, take_fn *fn,
                    int (*over)(void *arg, struct err *e), void *arg, struct err *e)
{
    for (;;) {
        uint64_t ready = 0;
        uint32_t consumers = 0;
        int r = amqp_ask_sure(c, queue, &ready, &consumers, e);
        if (r < 0 || ready == 0 || consumers)
            return r == -ENOENT ? 0 : r;
        r = take_ready(c, queue, ready, fn, arg, e);
        r = r < 0 || !over ? r : over(arg, e);
        r = r < 0 ? r : amqp_ask_give_back(c, TAKING, e);
        if (r < 0)
            return r;
    }
}

/* ---- out ---- */

struct giving {
    struct amqp_carry *c;
    carried_take *take;
    carried_keep *keep;
    void *arg;
    struct carried_totals *total;
    struct carried_totals page;
    size_t n, bytes;
    uint64_t tag; /* the last that was taken */
    /* of the queue */
    const char *name; /* NULL: the message's key says for whom it is */
    uint64_t rung;    /* of a queue of delayed ones */
    bool dead;
};

static int end_page(void *arg, struct err *e)
{
    struct giving *g = arg;
    if (g->n == 0)
        return 0;
    int r = g->keep(g->arg, e);
    if (r == 0 && amqp_basic_ack(g->c->c, TAKING, g->tag, 1) != AMQP_STATUS_OK)
        r = err_set(e, -EIO, "transport", "the connection to the broker was lost");
    if (r < 0)
        return r;
    g->total->waiting += g->page.waiting;
    g->total->dead += g->page.dead;
    g->page = (struct carried_totals){0};
    g->n = g->bytes = 0;
    return 0;
}

static int give(void *arg, const amqp_envelope_t *got, struct err *e)
{
    struct giving *g = arg;
    struct amqp_marks marks;
    struct amqp_marks_text hold;
    char key[AMQP_NAME_SIZE];
    (void)snprintf(key, sizeof key, "%.*s", (int)got->routing_key.len,
                   (const char *)got->routing_key.bytes);
    amqp_marks_get(&got->message.properties, &hold, &marks);
    struct carried m = {.destination = g->name ? g->name : key,
                        .id = marks.id,
                        .bytes = got->message.body.bytes ? got->message.body.bytes : "",
                        .len = got->message.body.len,
                        .first_ms = marks.first_ms,
                        .due_ms = g->rung ? wall_ms() + g->rung : marks.due_ms,
                        .attempts = marks.attempts,
                        .dead = g->dead,
                        .dead_ms = marks.dead_ms,
                        .code = marks.code,
                        .text = marks.text};
    int r = g->take(g->arg, &m, e);
    if (r < 0)
        return r;
    g->tag = got->delivery_tag;
    g->n++;
    g->bytes += m.len;
    if (g->dead)
        g->page.dead++;
    else
        g->page.waiting++;
    return g->n == CARRIED_PAGE || g->bytes >= CARRIED_BYTES ? end_page(g, e) : 0;
}

static int give_queue(struct giving *g, const char *name, const char *end, bool dead, struct err *e)
{
    char queue[AMQP_NAME_SIZE];
    amqp_name_of(name, end, queue);
    g->name = name;
    g->rung = 0;
    g->dead = dead;
    return take_all(g->c->c, queue, give, end_page, g, e);
}

static int give_delayed(struct giving *g, uint64_t rung, struct err *e)
{
    char queue[AMQP_NAME_SIZE];
    amqp_retry_name(rung, queue);
    g->name = NULL;
    g->rung = rung;
    g->dead = false;
    return take_all(g->c->c, queue, give, end_page, g, e);
}

static int all_at_rest(struct amqp_carry *c, const struct tree *names, struct err *e)
{
    int r = 0;
    for (size_t i = 0; r == 0 && i < names->n; i++) {
        const char *name = tree_text(names->child[i]);
        uint64_t ready = 0;
        uint32_t consumers = 0;
        r = amqp_ask_count(c->c, name, &ready, &consumers, e);
        r = r == -ENOENT ? 0 : r;
        if (r == 0 && consumers)
            r = err_set(e, -EBUSY, "queue-busy",
                        "%s is being delivered: a hub is running, on another machine perhaps",
                        name);
        if (r == 0 && !amqp_place_find(&c->place, name))
            r = err_set(e, -ENOENT, "destination-unknown",
                        "messages or dead letters wait for %s, which no connector delivers: say "
                        "which connector it is now (`was: %s`), or run the hub once more and empty "
                        "it (`reeve queue move`, `reeve dead`)",
                        name, name);
    }
    return r;
}

static int give_all(struct giving *g, struct err *e)
{
    const struct amqp_place *p = &g->c->place;
    int r = 0;
    for (size_t i = 0; r == 0 && i < p->dest_n; i++) {
        r = give_queue(g, p->dest[i].name, AMQP_HEAD_END, false, e);
        r = r < 0 ? r : give_queue(g, p->dest[i].name, "", false, e);
    }
    for (size_t i = 0; r == 0 && i < transport_ladder_n; i++)
        r = give_delayed(g, transport_ladder[i], e);
    for (size_t i = 0; r == 0 && i < p->dest_n; i++) /* what came out of the delays meanwhile */
        r = give_queue(g, p->dest[i].name, "", false, e);
    for (size_t i = 0; r == 0 && i < p->dest_n; i++)
        r = give_queue(g, p->dest[i].name, AMQP_DEAD_END, true, e);
    return r;
}

int amqp_carry_out(struct amqp_carry *c, carried_take *take, carried_keep *keep, void *arg,
                   struct carried_totals *ret, struct err *e)
{
    struct giving g = {.c = c, .take = take, .keep = keep, .arg = arg, .total = ret};
    struct tree *names = tree_list();
    *ret = (struct carried_totals){0};
    int r = names ? amqp_topology_names(c->c, &c->place, names, e)
                  : err_set(e, -ENOMEM, "memory", "out of memory");
    r = r < 0 ? r : all_at_rest(c, names, e);
    tree_free(names);
    return r < 0 ? r : give_all(&g, e);
}

/* ---- another name ---- */

struct renaming {
    amqp_connection_state_t from, to; /* two: the one that publishes waits for confirms only */
    char key[AMQP_NAME_SIZE];
    uint64_t n;
};

static int rename_one(void *arg, const amqp_envelope_t *got, struct err *e)
{
    struct renaming *x = arg;
    int r = amqp_ask_publish(x->to, ASKING, AMQP_X_BACK, x->key, &got->message.properties,
                             got->message.body, e);
    r = r < 0 ? r : amqp_ask_ack(x->from, TAKING, got->delivery_tag, e);
    x->n += r == 0;
    return r;
}

int amqp_carry_rename(struct amqp_place *place, const char *old, const char *name, uint64_t *ret,
                      struct err *e)
{
    static const char *const ends[] = {AMQP_HEAD_END, "", AMQP_DEAD_END};
    const struct amqp_destination *d = amqp_place_find(place, name);
    struct renaming x = {.n = 0};
    int r = d ? open_link(place, &x.from, e)
              : err_set(e, -ENOENT, "destination-unknown", "no connector delivers %s", name);
    r = r < 0 ? r : open_link(place, &x.to, e);
    for (size_t i = 0; r == 0 && i < ARRAY_SIZE(ends); i++) {
        char from[AMQP_NAME_SIZE];
        amqp_name_of(old, ends[i], from);
        amqp_name_of(name, i == 0 && !d->strict ? "" : ends[i], x.key);
        r = take_all(x.from, from, rename_one, NULL, &x, e);
    }
    amqp_link_close(x.from);
    amqp_link_close(x.to);
    *ret = x.n;
    return r;
}
