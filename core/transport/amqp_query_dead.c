/* SPDX-License-Identifier: Apache-2.0 */
/* amqp_query_dead - dead letters in RabbitMQ: list, replay, discard. See amqp_link.h.
 *
 * A queue cannot be searched: each of these looks at the letters from the first on, under a lock
 * (one at a time; another waits a little, then "dead-busy"), and gives back what it does not
 * remove. A page is chosen while looking: the smallest numbers behind the last page, whatever order
 * they lie in, kept up to KEEP_BYTES; what does not fit is looked at again in the next round. The
 * caller is given them after the lock is gone, so that a slow reader stops nobody.
 * Known limit: a message that somebody else put into NAME.dead, without a number, is counted but
 * not listed. */
#include "amqp_ask.h"
#include "base/util.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define KEEP_BYTES ((size_t)8 << 20)
#define KEEP_MAX   1000u
#define FIRST_LOOK 256u
#define LOCK       "dead"

/* ---- what all three do ---- */

static int begin(struct amqp_place *place, const char *destination, amqp_connection_state_t *c,
                 struct tree **names, struct err *e)
{
    int r = amqp_link_open(place, c, e);
    r = r < 0 ? r : amqp_ask_lock(*c, LOCK, e);
    if (r == -EBUSY)
        return err_set(e, -EBUSY, "dead-busy", "somebody else is looking at the dead letters");
    if (r < 0)
        return r;
    *names = tree_list();
    if (!*names)
        return err_set(e, -ENOMEM, "memory", "out of memory");
    if (!destination)
        return amqp_topology_names(*c, place, *names, e);
    return tree_appends(*names, destination) < 0 ? err_set(e, -ENOMEM, "memory", "out of memory")
                                                 : 0;
}

/* Calls fn for each letter of a destination until it returns other than 0. No queue, no letters. */
static int each(amqp_connection_state_t c, const char *destination, uint32_t first,
                int (*fn)(void *arg, struct amqp_scan *s, struct amqp_got *g, const char *dest,
                          struct err *e),
                void *arg, struct err *e)
{
    char queue[AMQP_NAME_SIZE];
    struct amqp_scan s;
    struct amqp_got g;
    struct err end;
    amqp_name_of(destination, AMQP_DEAD_END, queue);
    int r = amqp_scan_begin(&s, c, queue, UINT64_MAX, first, e), ret = 0;
    if (r == -ENOENT)
        return 0;
    while (r == 0 && ret == 0) {
        r = amqp_scan_next(&s, &g, e);
        if (r != 1)
            break;
        ret = fn(arg, &s, &g, destination, e);
        amqp_got_done(&g);
        r = 0;
    }
    ret = r < 0 ? r : ret;
    r = amqp_scan_end(&s, &end);
    if (r < 0 && ret >= 0)
        *e = end;
    return r < 0 && ret >= 0 ? r : ret;
}

/* ---- list ---- */

struct letter {
    struct dead_letter d; /* its texts lie in `data` */
    size_t size;
    char data[];
};

struct page {
    const struct dead_filter *f;
    uint64_t after;
    size_t limit; /* of this round */
    bool with_bytes;
    struct letter *kept[KEEP_MAX]; /* by number */
    size_t n, bytes;
    uint64_t below; /* numbers from here on are for the next round; 0: there is none */
};

static bool fits(const struct page *p, const struct amqp_marks *m)
{
    const struct dead_filter *f = p->f;
    if (m->number <= p->after || (p->below && m->number >= p->below))
        return false;
    if (!f)
        return true;
    return (!f->code || strcmp(f->code, m->code) == 0) && (!f->id || strcmp(f->id, m->id) == 0) &&
           (!f->from_ms || m->dead_ms >= f->from_ms) && (!f->to_ms || m->dead_ms <= f->to_ms);
}

static const char *put(char **at, const char *s)
{
    size_t n = strlen(s) + 1;
    char *start = memcpy(*at, s, n);
    *at += n;
    return start;
}

static struct letter *copy(const struct page *p, const struct amqp_got *g, const char *dest)
{
    const struct amqp_marks *m = &g->marks;
    size_t len = p->with_bytes ? g->m.body.len : 0;
    size_t size = sizeof(struct letter) + len + strlen(m->id) + strlen(m->code) + strlen(m->text) +
                  strlen(dest) + 4;
    struct letter *l = malloc(size);
    if (!l)
        return NULL;
    char *at = l->data;
    *l = (struct letter){.size = size};
    l->d = (struct dead_letter){.number = m->number,
                                .attempts = m->attempts,
                                .first_ms = m->first_ms,
                                .dead_ms = m->dead_ms,
                                .len = g->m.body.len};
    l->d.destination = put(&at, dest);
    l->d.id = put(&at, m->id);
    l->d.code = put(&at, m->code);
    l->d.text = put(&at, m->text);
    if (len) {
        memcpy(at, g->m.body.bytes, len);
        l->d.bytes = at;
    }
    return l;
}

/* The largest numbers go until what is kept is within its bounds; one always stays. */
static void shrink(struct page *p)
{
    while (p->n > p->limit || (p->n > 1 && p->bytes > KEEP_BYTES)) {
        struct letter *last = p->kept[--p->n];
        p->below = last->d.number;
        p->bytes -= last->size;
        free(last);
    }
}

static int look(void *arg, struct amqp_scan *s, struct amqp_got *g, const char *dest, struct err *e)
{
    struct page *p = arg;
    (void)s;
    if (!fits(p, &g->marks))
        return 0;
    struct letter *l = copy(p, g, dest);
    if (!l)
        return err_set(e, -ENOMEM, "memory", "out of memory");
    size_t i = p->n++;
    for (; i > 0 && p->kept[i - 1]->d.number > l->d.number; i--)
        p->kept[i] = p->kept[i - 1];
    p->kept[i] = l;
    p->bytes += l->size;
    shrink(p);
    return 0;
}

/* One look at everything. */
static int one_round(struct amqp_place *place, struct page *p, struct err *e)
{
    amqp_connection_state_t c = NULL;
    struct tree *names = NULL;
    int r = begin(place, p->f ? p->f->destination : NULL, &c, &names, e);
    for (size_t i = 0; r == 0 && i < names->n; i++)
        r = each(c, names->child[i]->text, 0, look, p, e);
    tree_free(names);
    amqp_link_close(c);
    return r;
}

int amqp_dead_list(struct amqp_place *place, const struct dead_filter *f, uint64_t after,
                   size_t limit, bool with_bytes, int (*fn)(void *arg, const struct dead_letter *d),
                   void *arg, struct err *e)
{
    struct page *p = xcalloc(1, sizeof *p);
    if (!p)
        return err_set(e, -ENOMEM, "memory", "out of memory");
    p->f = f;
    p->with_bytes = with_bytes;
    int r = 0, stopped = 0;
    for (bool more = true; r == 0 && more && limit > 0 && stopped == 0;) {
        p->after = after;
        p->below = 0;
        p->n = p->bytes = 0;
        p->limit = limit < KEEP_MAX - 1 ? limit : KEEP_MAX - 1; /* one more while looking */
        r = one_round(place, p, e);
        more = p->below != 0;
        limit -= p->n;
        for (size_t i = 0; i < p->n; i++) {
            after = p->kept[i]->d.number;
            if (r == 0 && stopped == 0)
                stopped = fn(arg, &p->kept[i]->d);
            free(p->kept[i]);
        }
    }
    free(p);
    return r == 0 && stopped ? err_set(e, stopped, "stopped", "the listing was stopped") : r;
}

/* ---- replay and discard ---- */

struct chosen {
    const uint64_t *number; /* ascending */
    size_t n, found;
    amqp_connection_state_t to; /* where a replayed one is published; NULL: discard */
};

static int publish_again(struct chosen *o, const struct amqp_got *g, const char *dest,
                         struct err *e)
{
    struct amqp_marks m = {.id = g->marks.id, .first_ms = g->marks.first_ms};
    amqp_basic_properties_t props;
    amqp_table_entry_t table[AMQP_HEADERS_MAX];
    amqp_marks_put(&m, &props, table);
    int r = amqp_ask_publish(o->to, 1, AMQP_X_HUB, dest, &props, g->m.body, e);
    return r == -ENOENT ? -EPERM : r; /* the letter is there, its destination is not */
}

static int compare(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

/* 1: it was the last of them. */
static int if_it_is(void *arg, struct amqp_scan *s, struct amqp_got *g, const char *dest,
                    struct err *e)
{
    struct chosen *o = arg;
    if (!bsearch(&g->marks.number, o->number, o->n, sizeof *o->number, compare))
        return 0;
    int r = o->to ? publish_again(o, g, dest, e) : 0;
    r = r < 0 ? r : amqp_scan_remove(s, g->tag, e);
    return r < 0 ? r : ++o->found == o->n;
}

/* One look for all of them. */
static int find(struct amqp_place *place, struct chosen *o, struct err *e)
{
    amqp_connection_state_t c = NULL;
    struct tree *names = NULL;
    int r = begin(place, NULL, &c, &names, e);
    for (size_t i = 0; r == 0 && i < names->n; i++)
        r = each(c, names->child[i]->text, FIRST_LOOK, if_it_is, o, e);
    tree_free(names);
    amqp_link_close(c);
    return r < 0 ? r : 0;
}

static int find_one(struct amqp_place *place, struct chosen *o, struct err *e)
{
    int r = find(place, o, e);
    return r < 0 || o->found ? r
                             : err_set(e, -ENOENT, "dead-unknown", "there is no dead letter %llu",
                                       (unsigned long long)*o->number);
}

int amqp_dead_replay(struct amqp_place *place, uint64_t number, struct err *e)
{
    struct chosen o = {.number = &number, .n = 1};
    int r = amqp_link_open(place, &o.to, e);
    r = r < 0 ? r : amqp_ask_confirm_mode(o.to, 1, e);
    r = r < 0 ? r : find_one(place, &o, e);
    amqp_link_close(o.to);
    return r;
}

int amqp_dead_discard(struct amqp_place *place, uint64_t number, struct err *e)
{
    struct chosen o = {.number = &number, .n = 1};
    return find_one(place, &o, e);
}

int amqp_dead_discard_all(struct amqp_place *place, const uint64_t *numbers, size_t n, size_t *ret,
                          struct err *e)
{
    struct chosen o = {.number = numbers, .n = n};
    int r = n ? find(place, &o, e) : 0;
    *ret = o.found;
    return r;
}
