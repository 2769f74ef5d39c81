/* SPDX-License-Identifier: Apache-2.0 */
/* amqp_query_move - moves what waits for one destination to another: see amqp_link.h.
 *
 * One message at a time: publish, confirm, acknowledge; so a crash leaves at most one of them in
 * both queues. (Two quorum queues have no common transaction: tx is none over several queues.) A
 * note in queue reeve.moving and a header on what is moved let amqp_mend.c take that one out again:
 * before the next move, and when the topology is declared. Only if it was consumed from the target
 * meanwhile is it delivered twice, with the same id.
 * Order: NAME.head, NAME, then what is delayed.
 * Known limit: AMQP does not tell how many bytes wait; limit_bytes of the target counts what this
 * call moves. */
#include "amqp_ask.h"
#include "amqp_mend.h"
#include "base/util.h"
#include <errno.h>
#include <string.h>

struct move {
    amqp_connection_state_t from, to; /* two connections: a confirm is waited for on one of them */
    const struct amqp_destination *target;
    const char *source;
    void (*fn)(void *arg, const char *id);
    void *arg;
    uint64_t limit;       /* how many may be moved still */
    uint64_t room, bytes; /* of the target */
    uint64_t left;        /* seen and not moved */
    char token[AMQP_MOVE_TOKEN];
};

/* ---- may it be moved? ---- */

static int known(const struct amqp_place *place, struct move *m, const char *to, struct err *e)
{
    struct tree *names = tree_list();
    int r = names ? amqp_topology_names(m->from, place, names, e)
                  : err_set(e, -ENOMEM, "memory", "out of memory");
    bool found = false;
    for (size_t i = 0; r == 0 && i < names->n; i++)
        found |= strcmp(names->child[i]->text, m->source) == 0;
    tree_free(names);
    if (r < 0)
        return r;
    m->target = amqp_place_find(place, to);
    if (!found || !m->target || strcmp(m->source, to) == 0)
        return err_set(e, -EPERM, "destination-unknown",
                       "messages cannot be moved from \"%s\" to \"%s\": %s", m->source, to,
                       !found      ? "there is no such queue"
                       : m->target ? "it is the same"
                                   : "the target is not in the plan");
    return 0;
}

struct counted {
    const char *source;
    uint32_t consumers; /* by the broker */
};

/* Who does not answer in time counts as consuming. */
static bool enough(void *arg, const struct tree *answers)
{
    const struct counted *n = arg;
    return amqp_answers_counted(answers, n->source) >= n->consumers;
}

static int idle(const struct move *m, struct err *e)
{
    uint64_t ready, under_way = 0;
    uint32_t active = 0, holding = 0;
    struct counted n = {.source = m->source};
    struct amqp_gathered g = {.wait_ms = AMQP_ANSWERS_MS, .enough = enough, .arg = &n};
    int r = amqp_ask_count(m->from, m->source, &ready, &n.consumers, e);
    r = r < 0 ? r : amqp_gather(m->to, &g, e);
    for (size_t i = 0; r == 0 && i < g.answers->n; i++) {
        const struct tree *a = g.answers->child[i];
        if (strcmp(tree_gets(a, "destination", ""), m->source) != 0)
            continue;
        uint64_t held = tree_getu(a, "inflight", 0);
        active += !tree_getb(a, "paused", false);
        holding += tree_getb(a, "paused", false) && held > 0;
        under_way += held;
    }
    tree_free(g.answers);
    if (r == 0 && (active || n.consumers > holding))
        return err_set(e, -EPERM, "queue-busy",
                       "\"%s\" is being delivered (%u consumers): `reeve pause %s` first",
                       m->source, n.consumers, m->source);
    if (r == 0 && under_way)
        return err_set(e, -EPERM, "queue-busy", "\"%s\" has %llu under way: wait for their end",
                       m->source, (unsigned long long)under_way);
    return r;
}

static int make_room(struct move *m, struct err *e)
{
    uint64_t ready = 0, max = m->target->limit_messages;
    int r = amqp_ask_sure(m->from, m->target->name, &ready, NULL, e);
    m->room = !max ? UINT64_MAX : ready < max ? max - ready : 0;
    return r;
}

/* ---- moving ---- */

static int full(const struct move *m, struct err *e)
{
    return err_set(e, -EPERM, "destination-full",
                   "\"%s\" is full (limits: %llu messages, %llu bytes)", m->target->name,
                   (unsigned long long)m->target->limit_messages,
                   (unsigned long long)m->target->limit_bytes);
}

static int move_one(struct move *m, struct amqp_scan *s, const struct amqp_got *g, struct err *e)
{
    struct amqp_marks marks = {.id = g->marks.id, .first_ms = g->marks.first_ms};
    amqp_basic_properties_t props;
    amqp_table_entry_t table[AMQP_HEADERS_MAX];
    uint64_t max = m->target->limit_bytes;
    if (m->room == 0 || (max && m->bytes + g->m.body.len > max))
        return full(m, e);
    amqp_marks_put(&marks, &props, table);
    amqp_move_mark(&props, table, m->token);
    int r = amqp_ask_publish(m->to, 1, AMQP_X_HUB, m->target->name, &props, g->m.body, e);
    if (r == -ENOSPC)
        return full(m, e);
    r = r < 0 ? r : amqp_scan_remove(s, g->tag, e);
    if (r < 0)
        return r == -ENOENT ? -EPERM : r;
    m->room--;
    m->bytes += g->m.body.len;
    m->limit--;
    m->fn(m->arg, g->marks.id);
    return 0;
}

/* A prefetch of one, and one more is taken than may be moved: it says that the broker has seen the
 * last acknowledgement. Were one still under way at the end, what is given back would not come back
 * in order; and basic.get is refused where there is a single active consumer (both: quorum queues
 * of 3.10). */
static int move_ready(struct move *m, const char *queue, struct err *e)
{
    struct amqp_scan s;
    struct amqp_got g;
    struct err end;
    uint64_t before = m->limit;
    int r = amqp_scan_begin(&s, m->from, queue, m->limit + 1, 1, e);
    if (r == -ENOENT)
        return 0;
    uint64_t ready = s.back;
    for (bool more = true; r == 0 && more && (r = amqp_scan_next(&s, &g, e)) == 1;) {
        more = m->limit > 0;
        r = more ? move_one(m, &s, &g, e) : 0;
        amqp_got_done(&g);
    }
    int ended = amqp_scan_end(&s, r < 0 ? &end : e);
    uint64_t moved = before - m->limit;
    m->left += ready > moved ? ready - moved : 0;
    return r < 0 ? r : ended;
}

/* Those of a rung with the source's key; the others are only looked at. */
static int move_delayed(struct move *m, const char *queue, struct err *e)
{
    struct amqp_scan s;
    struct amqp_got g;
    struct err end;
    int r = amqp_scan_begin(&s, m->from, queue, UINT64_MAX, 0, e);
    while (r == 0 && (r = amqp_scan_next(&s, &g, e)) == 1) {
        r = 0;
        if (strcmp(g.key, m->source) == 0 && m->limit > 0) {
            r = move_one(m, &s, &g, e);
        } else {
            m->left += strcmp(g.key, m->source) == 0;
        }
        amqp_got_done(&g);
    }
    int ended = amqp_scan_end(&s, r < 0 ? &end : e);
    return r < 0 ? r : ended;
}

static int move_all(struct move *m, struct err *e)
{
    char queue[AMQP_NAME_SIZE];
    amqp_name_of(m->source, AMQP_HEAD_END, queue);
    int r = move_ready(m, queue, e);
    r = r < 0 ? r : move_ready(m, m->source, e);
    r = r < 0 ? r : amqp_ask_lock(m->from, AMQP_LOCK_RETRY, e);
    for (size_t i = 0; i < transport_ladder_n && r == 0; i++) {
        amqp_retry_name(transport_ladder[i], queue);
        r = move_delayed(m, queue, e);
    }
    return r;
}

int amqp_queue_move(struct amqp_place *place, const char *from, const char *to, size_t limit,
                    void (*fn)(void *arg, const char *id), void *arg, uint64_t *ret_left,
                    struct err *e)
{
    struct move m = {.source = from, .fn = fn, .arg = arg, .limit = limit};
    int r = amqp_link_open(place, &m.from, e);
    r = r < 0 ? r : amqp_ask_lock(m.from, AMQP_LOCK_MOVE, e);
    if (r == -EBUSY)
        r = err_set(e, -EPERM, "queue-busy", "somebody else is moving messages");
    r = r < 0 ? r : known(place, &m, to, e);
    r = r < 0 ? r : amqp_link_open(place, &m.to, e);
    r = r < 0 ? r : idle(&m, e); /* leaves m.to's channel 1 in confirm mode */
    r = r < 0 ? r : make_room(&m, e);
    r = r < 0 ? r : amqp_move_mend_locked(m.from, e);
    r = r < 0 ? r : amqp_move_note(m.to, from, to, m.token, e);
    if (r == 0) {
        struct err end;
        r = move_all(&m, e);
        int forgotten = amqp_move_forget(m.from, r < 0 ? &end : e);
        r = r < 0 ? r : forgotten;
    }
    amqp_link_close(m.to);
    amqp_link_close(m.from);
    if (r == 0)
        *ret_left = m.left;
    return r;
}
