/* SPDX-License-Identifier: Apache-2.0 */
/* amqp_query - what waits where, as far as RabbitMQ tells: see amqp_link.h and
 * transport_status().
 *
 * Counts come from passive declarations, what is in flight, paused and failed from the clients
 * themselves, what is delayed from a look at the ladder's queues. A figure that cannot be had is
 * left out: bytes always; delayed when the ladder holds a lot or somebody else looks; in flight
 * when a consumer gave no answer; the age of the oldest when somebody consumes or the order is
 * strict, since looking at it would let others pass. */
#include "amqp_ask.h"
#include "base/util.h"
#include <errno.h>
#include <string.h>

#define DELAYED_MAX   10000u /* messages that are looked at for a status */
#define DELAYED_BYTES ((size_t)16 << 20)

struct figures { /* of one destination */
    const char *name;
    const struct tree *known; /* of the registry */
    bool strict;
    uint64_t ready, head, dead, delayed, inflight, oldest_ms;
    uint32_t consumers, active, paused; /* counted by the broker; that answered */
    uint32_t holding; /* of the paused: with messages; a quorum queue counts those, too */
    bool has_oldest;
    const struct tree *last_error;
    struct tree *machines; /* of those that answered and have one; NULL: none */
};

struct status {
    amqp_connection_state_t c;
    struct tree *known;
    struct amqp_gathered gathered;
    struct figures *f;
    size_t n;
    bool has_delayed;
};

static struct figures *find(const struct status *s, const char *name)
{
    for (size_t i = 0; i < s->n; i++)
        if (strcmp(s->f[i].name, name) == 0)
            return &s->f[i];
    return NULL;
}

/* ---- counting ---- */

static int count(struct status *s, const char *name, const char *end, uint64_t *n,
                 uint32_t *consumers, struct err *e)
{
    char queue[AMQP_NAME_SIZE];
    amqp_name_of(name, end, queue);
    int r = amqp_ask_count(s->c, queue, n, consumers, e);
    return r == -ENOENT ? 0 : r; /* nothing waits where nothing is */
}

static int count_all(struct status *s, struct err *e)
{
    s->f = xcalloc(s->known->n + 1, sizeof *s->f);
    if (!s->f)
        return err_set(e, -ENOMEM, "memory", "out of memory");
    s->n = s->known->n;
    int r = 0;
    for (size_t i = 0; i < s->n && r == 0; i++) {
        struct figures *f = &s->f[i];
        f->known = s->known->child[i];
        f->name = tree_gets(f->known, "name", "");
        f->strict = strcmp(tree_gets(f->known, "order", "free"), "strict") == 0;
        r = count(s, f->name, "", &f->ready, &f->consumers, e);
        r = r < 0 ? r : count(s, f->name, AMQP_DEAD_END, &f->dead, NULL, e);
        if (r == 0 && (f->strict || !tree_getb(f->known, "configured", false)))
            r = count(s, f->name, AMQP_HEAD_END, &f->head, NULL, e);
    }
    return r;
}

/* ---- asking the clients ---- */

static bool enough(void *arg, const struct tree *answers)
{
    const struct status *s = arg;
    for (size_t i = 0; i < s->n; i++)
        if (amqp_answers_counted(answers, s->f[i].name) < s->f[i].consumers)
            return false;
    return true;
}

static int add_machine(struct figures *f, const struct tree *a)
{
    const char *name = tree_gets(a, "machine", NULL);
    if (!name)
        return 0;
    if (!f->machines)
        f->machines = tree_list();
    struct tree *t = f->machines ? tree_map() : NULL;
    int r = t ? tree_puts(t, "name", name) : -ENOMEM;
    r = r < 0 ? r : tree_putu(t, "inflight", tree_getu(a, "inflight", 0));
    r = r < 0 ? r : tree_putb(t, "paused", tree_getb(a, "paused", false));
    if (r == 0)
        return tree_append(f->machines, t);
    tree_free(t);
    return r;
}

static int add_answer(struct figures *f, const struct tree *a)
{
    const struct tree *last = tree_get(a, "last_error");
    bool paused = tree_getb(a, "paused", false);
    uint64_t inflight = tree_getu(a, "inflight", 0);
    f->inflight += inflight;
    f->paused += paused;
    f->holding += paused && inflight > 0;
    f->active += !paused;
    if (last &&
        (!f->last_error || tree_getu(last, "time", 0) > tree_getu(f->last_error, "time", 0)))
        f->last_error = last;
    return add_machine(f, a);
}

static int ask_clients(struct status *s, struct err *e)
{
    s->gathered = (struct amqp_gathered){.wait_ms = AMQP_ANSWERS_MS, .enough = enough, .arg = s};
    int r = amqp_gather(s->c, &s->gathered, e);
    for (size_t i = 0; r == 0 && i < s->gathered.answers->n; i++) {
        const struct tree *a = s->gathered.answers->child[i];
        struct figures *f = find(s, tree_gets(a, "destination", ""));
        if (f && add_answer(f, a) < 0)
            r = err_set(e, -ENOMEM, "memory", "out of memory");
    }
    for (size_t i = 0; r == 0 && i < s->n; i++) {
        struct figures *f = &s->f[i];
        f->consumers = f->consumers > f->holding ? f->consumers - f->holding : 0;
        f->consumers = f->consumers > f->active ? f->consumers : f->active;
    }
    return r;
}

/* ---- looking ---- */

static int look_at_rung(struct status *s, const char *queue, size_t *bytes, struct err *e)
{
    struct amqp_scan scan;
    struct amqp_got g;
    struct err end;
    int r = amqp_scan_begin(&scan, s->c, queue, DELAYED_MAX, 0, e);
    while (r == 0 && s->has_delayed && (r = amqp_scan_next(&scan, &g, e)) == 1) {
        struct figures *f = find(s, g.key);
        if (f)
            f->delayed++;
        *bytes += g.m.body.len;
        s->has_delayed = *bytes <= DELAYED_BYTES;
        amqp_got_done(&g);
        r = 0;
    }
    int ended = amqp_scan_end(&scan, r < 0 ? &end : e);
    return r < 0 ? r : ended;
}

static int look_at_delayed(struct status *s, struct err *e)
{
    char queue[AMQP_NAME_SIZE];
    uint64_t n[16] = {0}, all = 0;
    size_t bytes = 0;
    int r = 0;
    for (size_t i = 0; i < transport_ladder_n && i < ARRAY_SIZE(n) && r == 0; i++) {
        amqp_retry_name(transport_ladder[i], queue);
        r = amqp_ask_count(s->c, queue, &n[i], NULL, e);
        all += n[i];
    }
    s->has_delayed = r == 0 && all <= DELAYED_MAX;
    if (r < 0 || !s->has_delayed || all == 0)
        return r;
    r = amqp_ask_lock(s->c, AMQP_LOCK_RETRY, e);
    if (r < 0) {
        s->has_delayed = false;
        return r == -EBUSY ? 0 : r;
    }
    for (size_t i = 0; i < transport_ladder_n && i < ARRAY_SIZE(n) && r == 0; i++) {
        amqp_retry_name(transport_ladder[i], queue);
        r = n[i] ? look_at_rung(s, queue, &bytes, e) : 0;
    }
    return r < 0 ? r : amqp_ask_unlock(s->c, AMQP_LOCK_RETRY, e);
}

/* The first is taken and given back: one message keeps its place. */
static int look_at_oldest(struct status *s, struct figures *f, struct err *e)
{
    struct amqp_got g;
    if (!f->ready || f->consumers || f->strict || !tree_getb(f->known, "configured", false))
        return 0;
    int r = amqp_ask_get(s->c, 1, f->name, &g, e);
    if (r != 1)
        return r;
    uint64_t now = wall_ms();
    f->has_oldest = g.marks.first_ms > 0;
    f->oldest_ms = now > g.marks.first_ms ? now - g.marks.first_ms : 0;
    amqp_got_done(&g);
    r = amqp_ask_give_back(s->c, 1, e);
    return r < 0 ? r : amqp_ask_wait_back(s->c, f->name, g.left + 1, e);
}

/* ---- saying it ---- */

static int put(const struct status *s, struct figures *f, struct tree *list)
{
    struct tree *t = tree_map();
    int r = tree_puts(t, "name", f->name);
    r = r < 0 ? r : tree_putu(t, "ready", f->ready + f->head);
    if (r == 0 && s->has_delayed)
        r = tree_putu(t, "delayed", f->delayed);
    if (r == 0 && f->active >= f->consumers)
        r = tree_putu(t, "inflight", f->inflight);
    r = r < 0 ? r : tree_putu(t, "dead", f->dead);
    if (r == 0 && f->has_oldest)
        r = tree_putu(t, "oldest_ms", f->oldest_ms);
    r = r < 0 ? r : tree_putu(t, "consumers", (uint64_t)f->consumers + f->paused);
    r = r < 0 ? r : tree_putb(t, "paused", f->paused > 0 && f->consumers == 0);
    r = r < 0 ? r : tree_putb(t, "configured", tree_getb(f->known, "configured", false));
    r = r < 0 ? r : tree_putu(t, "limit_messages", tree_getu(f->known, "limit_messages", 0));
    r = r < 0 ? r : tree_putu(t, "limit_bytes", tree_getu(f->known, "limit_bytes", 0));
    r = r < 0 ? r : tree_puts(t, "order", f->strict ? "strict" : "free");
    if (r == 0 && f->last_error)
        r = tree_put(t, "last_error", tree_copy(f->last_error));
    if (r == 0 && f->machines)
        r = tree_put(t, "machines", TAKE_PTR(f->machines));
    if (r < 0) {
        tree_free(t);
        return r;
    }
    return tree_append(list, t);
}

static int say(const struct status *s, struct tree **ret, struct err *e)
{
    struct tree *top = tree_map(), *list = tree_list();
    int r = top && list ? 0 : -ENOMEM;
    for (size_t i = 0; i < s->n && r == 0; i++)
        r = put(s, &s->f[i], list);
    r = r < 0 ? r : tree_put(top, "destinations", TAKE_PTR(list));
    tree_free(list);
    if (r < 0) {
        tree_free(top);
        return err_set(e, r, "memory", "out of memory");
    }
    *ret = top;
    return 0;
}

int amqp_status(struct amqp_place *place, struct tree **ret, struct err *e)
{
    struct status s = {.n = 0};
    int r = amqp_link_open(place, &s.c, e);
    r = r < 0 ? r : amqp_topology_registry(s.c, place, &s.known, e);
    r = r < 0 ? r : count_all(&s, e);
    r = r < 0 ? r : ask_clients(&s, e);
    r = r < 0 ? r : look_at_delayed(&s, e);
    for (size_t i = 0; i < s.n && r == 0; i++)
        r = look_at_oldest(&s, &s.f[i], e);
    r = r < 0 ? r : say(&s, ret, e);
    tree_free(s.gathered.answers);
    tree_free(s.known);
    for (size_t i = 0; i < s.n; i++)
        tree_free(s.f[i].machines);
    free(s.f);
    amqp_link_close(s.c);
    return r;
}
