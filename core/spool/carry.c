/* SPDX-License-Identifier: Apache-2.0 */
/* carry - see carry.h. Works on the store alone, without the queues in memory that reeve-spool has.
 * Totals of the destinations are kept here and written in the transaction that changes them. */
#include "carry.h"
#include "store.h"
#include "base/util.h"
#include <errno.h>
#include <string.h>

struct queue_row {
    char *name;
    struct dest_row totals; /* its name is not used */
    uint64_t next_key;
    bool configured, dirty;
};

struct taken {                       /* of the page that is being given */
    uint64_t key, body, due, number; /* number != 0: a dead letter */
    size_t size, queue;
};

struct carry {
    int lock_fd;
    struct store *store;
    struct queue_row *queue;
    size_t n, cap;
    bool open; /* a transaction */
    struct taken page[CARRIED_PAGE];
    size_t page_n, page_bytes;
};

/* ---- opening ---- */

static int add_queue(void *arg, const struct dest_row *row)
{
    struct carry *c = arg;
    void *p = c->queue;
    int r = grow_array(&p, &c->cap, c->n + 1, sizeof *c->queue);
    c->queue = p;
    if (r < 0)
        return r;
    struct queue_row *q = &c->queue[c->n];
    *q = (struct queue_row){.name = strdup(row->name), .totals = *row};
    q->totals.name = NULL;
    if (!q->name)
        return -ENOMEM;
    c->n++;
    return 0;
}

static struct queue_row *find(const struct carry *c, const char *name)
{
    for (size_t i = 0; i < c->n; i++)
        if (strcmp(c->queue[i].name, name) == 0)
            return &c->queue[i];
    return NULL;
}

static int take_former(struct carry *c, const struct tree *list, const struct tree *t,
                       struct err *e)
{
    const struct tree *was = tree_get(t, "was");
    for (size_t i = 0; tree_is_list(was) && i < was->n; i++) {
        const char *old = tree_text(was->child[i]);
        int r = old && !tree_named(list, old)
                    ? store_dest_rename(c->store, old, tree_gets(t, "name", ""), e)
                    : 0;
        if (r < 0)
            return r;
    }
    return 0;
}

static int configure(struct carry *c, const struct tree *t, struct err *e)
{
    const char *name = tree_gets(t, "name", "");
    struct dest_row fresh = {.name = name};
    if (!find(c, name)) {
        int r = store_dest_add(c->store, name, &fresh.no, e);
        if (r < 0)
            return r;
        if (add_queue(c, &fresh) < 0)
            return err_set(e, -ENOMEM, "memory", "out of memory");
    }
    struct queue_row *q = find(c, name);
    uint64_t last = 0;
    int r = store_dest_last(c->store, q->totals.no, &last, e);
    q->next_key = (last ? last : (uint64_t)q->totals.no << KEY_SHIFT) + 1;
    q->configured = true;
    return r;
}

static int open_files(struct carry *c, const char *data, const struct tree *list, struct err *e)
{
    _cleanup_free_ char *dir = path_join(data, "spool"), *path = path_join(data, "spool/spool.db");
    int r = dir && path ? make_dirs(dir) : -ENOMEM;
    if (r < 0)
        return err_set(e, r, "db-open", "cannot create the spool in %s: %s", data, strerror(-r));
    r = store_lock(dir, &c->lock_fd, e);
    r = r < 0 ? r : store_open(path, &c->store, e);
    for (size_t i = 0; r == 0 && tree_is_list(list) && i < list->n; i++)
        r = take_former(c, list, list->child[i], e);
    r = r < 0 ? r : store_dest_each(c->store, add_queue, c, e);
    for (size_t i = 0; r == 0 && tree_is_list(list) && i < list->n; i++)
        r = configure(c, list->child[i], e);
    return r;
}

int carry_open(const char *data, const struct tree *destinations, struct carry **ret, struct err *e)
{
    struct carry *c = xcalloc(1, sizeof *c);
    if (!c)
        return err_set(e, -ENOMEM, "memory", "out of memory");
    c->lock_fd = -1;
    int r = open_files(c, data, destinations, e);
    if (r < 0) {
        carry_close(c);
        return r;
    }
    *ret = c;
    return 0;
}

void carry_close(struct carry *c)
{
    if (!c)
        return;
    if (c->open)
        store_rollback(c->store);
    store_close(c->store);
    for (size_t i = 0; i < c->n; i++)
        free(c->queue[i].name);
    free(c->queue);
    if (c->lock_fd >= 0)
        (void)close(c->lock_fd);
    free(c);
}

static int begin(struct carry *c, struct err *e)
{
    int r = c->open ? 0 : store_begin(c->store, e);
    c->open = c->open || r == 0;
    return r;
}

int carry_commit(struct carry *c, struct err *e)
{
    int r = begin(c, e);
    for (size_t i = 0; r == 0 && i < c->n; i++) {
        if (c->queue[i].dirty)
            r = store_dest_totals(c->store, &c->queue[i].totals, e);
        c->queue[i].dirty = false;
    }
    r = r < 0 ? r : store_commit(c->store, e);
    if (r < 0)
        store_rollback(c->store);
    c->open = false;
    return r;
}

/* ---- out ---- */

struct giving {
    struct carry *c;
    size_t queue;
    carried_take *take;
    void *arg;
    struct err *e;
    int r; /* of take: it has filled in *e */
};

static bool page_full(const struct carry *c)
{
    return c->page_n == CARRIED_PAGE || (c->page_n > 0 && c->page_bytes >= CARRIED_BYTES);
}

/* The id terminated, and the event from wherever it lies. */
static int give(struct giving *g, struct carried *m, const struct taken *t, const char *id,
                size_t id_len)
{
    struct carry *c = g->c;
    _cleanup_free_ char *copy = strndup(id, id_len);
    if (!copy)
        return -ENOMEM;
    m->id = copy;
    m->destination = c->queue[t->queue].name;
    m->len = t->size;
    if (t->body)
        g->r = store_body_get(c->store, t->body, &m->bytes, &m->len, g->e);
    g->r = g->r < 0 ? g->r : g->take(g->arg, m, g->e);
    store_read_done(c->store);
    if (g->r < 0)
        return 1;
    c->page[c->page_n++] = *t;
    c->page_bytes += m->len;
    return page_full(c);
}

static int give_copy(void *arg, const struct copy_row *row)
{
    struct giving *g = arg;
    struct carried m = {.bytes = row->bytes,
                        .first_ms = row->first_ms,
                        .due_ms = row->due,
                        .attempts = row->attempts};
    struct taken t = {
        .key = row->key, .body = row->body, .due = row->due, .size = row->size, .queue = g->queue};
    return give(g, &m, &t, row->id, row->id_len);
}

static int give_dead(void *arg, const struct dead_row *row)
{
    struct giving *g = arg;
    struct carried m = {.bytes = row->bytes,
                        .first_ms = row->first_ms,
                        .attempts = row->attempts,
                        .dead = true,
                        .dead_ms = row->dead_ms,
                        .code = row->code,
                        .text = row->text};
    struct taken t = {.number = row->number, .body = row->body, .size = row->size};
    while (t.queue < g->c->n && g->c->queue[t.queue].totals.no != row->dest)
        t.queue++;
    if (t.queue == g->c->n) /* cannot be: its destination is in the file */
        return -EUCLEAN;
    return give(g, &m, &t, row->id, row->id_len);
}

/* The first of what is left. */
static int give_page(struct giving *g)
{
    struct carry *c = g->c;
    int r = 0;
    c->page_n = c->page_bytes = 0;
    for (size_t i = 0; r == 0 && g->r == 0 && i < c->n && !page_full(c); i++) {
        g->queue = i;
        if (c->queue[i].totals.messages)
            r = store_copy_page(c->store, c->queue[i].totals.no, 0, CARRIED_PAGE - c->page_n,
                                give_copy, g, g->e);
    }
    if (r == 0 && g->r == 0 && !page_full(c))
        r = store_dead_page(c->store, 0, CARRIED_PAGE - c->page_n, true, give_dead, g, g->e);
    return r < 0 ? r : g->r;
}

static int remove_page(struct carry *c, struct carried_totals *count, struct err *e)
{
    int r = begin(c, e);
    for (size_t i = 0; r == 0 && i < c->page_n; i++) {
        const struct taken *t = &c->page[i];
        struct queue_row *q = &c->queue[t->queue];
        q->dirty = true;
        if (t->number) {
            r = store_dead_discard(c->store, t->number, t->body, e);
            q->totals.dead -= q->totals.dead > 0;
            count->dead++;
        } else {
            r = store_copy_remove(c->store, t->key, t->body, t->due, e);
            q->totals.messages -= q->totals.messages > 0;
            q->totals.bytes -= q->totals.bytes < t->size ? q->totals.bytes : t->size;
            count->waiting++;
        }
    }
    return r < 0 ? r : carry_commit(c, e);
}

static int all_known(const struct carry *c, struct err *e)
{
    for (size_t i = 0; i < c->n; i++) {
        const struct queue_row *q = &c->queue[i];
        if (!q->configured && q->totals.messages + q->totals.dead > 0)
            return err_set(e, -ENOENT, "destination-unknown",
                           "%llu messages wait for %s (and %llu dead letters), which no connector "
                           "delivers: say which connector it is now (`was: %s`), or run the hub "
                           "with the spool once more and empty it (`reeve queue move`, `reeve "
                           "dead`)",
                           (unsigned long long)q->totals.messages, q->name,
                           (unsigned long long)q->totals.dead, q->name);
    }
    return 0;
}

int carry_out(struct carry *c, carried_take *take, carried_keep *keep, void *arg,
              struct carried_totals *ret, struct err *e)
{
    struct giving g = {.c = c, .take = take, .arg = arg, .e = e};
    *ret = (struct carried_totals){0};
    int r = all_known(c, e);
    while (r == 0) {
        r = give_page(&g);
        if (r < 0 || c->page_n == 0)
            break;
        r = keep(arg, e);
        r = r < 0 ? r : remove_page(c, ret, e);
    }
    return r;
}

/* ---- in ---- */

int carry_add(struct carry *c, const struct carried *m, struct err *e)
{
    struct queue_row *q = find(c, m->destination);
    if (!q || !q->configured)
        return err_set(e, -ENOENT, "destination-unknown", "no connector delivers %s",
                       m->destination);
    struct copy_row row = {.key = q->next_key,
                           .first_ms = m->first_ms,
                           .attempts = m->attempts,
                           .size = m->len,
                           .id = m->id,
                           .id_len = strlen(m->id),
                           .bytes = m->bytes};
    int r = begin(c, e);
    if (r == 0 && m->len > INLINE_MAX)
        r = store_body_add(c->store, m->bytes, m->len, 1, &row.body, e);
    r = r < 0 ? r : store_copy_add(c->store, &row, e);
    if (r == 0 && m->dead)
        r = store_dead_add(c->store, &row, m->dead_ms, m->code, m->text, e);
    else if (r == 0 && (m->due_ms || m->attempts))
        r = store_copy_delay(c->store, row.key, 0, m->due_ms, m->attempts, m->code, m->text, e);
    if (r < 0)
        return r;
    q->next_key++;
    q->dirty = true;
    q->totals.dead += m->dead;
    q->totals.messages += !m->dead;
    q->totals.bytes += m->dead ? 0 : m->len;
    return 0;
}
