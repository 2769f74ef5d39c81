/* SPDX-License-Identifier: Apache-2.0 */
/* move - waiting messages from one queue to another, a page at a time: published there and removed
 * here in one transaction, so that a crash leaves each of them in exactly one of the two.
 *
 * A queue that is moved must be at rest: nobody is given its messages (paused, disabled, or an
 * orphan) and none is under way. Order and ids stay; attempts and the clock of `retry: {for:}`
 * begin anew, as for a dead letter that is replayed. Dead letters stay where they are. */
#include "spool.h"
#include "spool_types.h"
#include "base/util.h"
#include <errno.h>
#include <inttypes.h>
#include <string.h>

struct moved_row {
    uint64_t key, new_key, due;
    size_t size;
};

struct move {
    struct dest *from, *to;
    struct moved_row *row;
    size_t n, cap, limit, due_n;
    uint64_t bytes;
    struct buf ids; /* str each, for the answer */
    struct spool *s;
    struct err full; /* why the page ends before its limit */
};

static int at_rest(const struct dest *d, struct err *e)
{
    bool given = false;
    for (const struct consumer *c = d->consumers; c; c = c->next == d->consumers ? NULL : c->next)
        given |= !c->paused;
    if (d->moving)
        return err_set(e, -EBUSY, "queue-busy", "%s is just being moved", d->name);
    if (d->held || given)
        return err_set(e, -EBUSY, "queue-busy",
                       "%s is being delivered (%" PRIu64 " under way): `reeve pause %s` first",
                       d->name, d->held, d->name);
    return 0;
}

static struct dest *find(struct spool *s, struct spool_text name, struct err *e)
{
    char shown[128] = "", copy[SPOOL_NAME_MAX];
    struct dest *d = spool_dest(s, name.p, name.len);
    if (d)
        return d;
    memcpy(copy, name.p, name.len);
    copy[name.len] = '\0';
    (void)err_set(e, -ENOENT, "destination-unknown", "there is no queue \"%s\"",
                  escape_text(shown, sizeof shown, copy, name.len));
    return NULL;
}

static int take_row(void *arg, const struct copy_row *row)
{
    struct move *m = arg;
    void *p = m->row;
    if (m->n == m->limit || spool_refuses(m->s, m->to, row->size, &m->full))
        return 1;
    int r = grow_array(&p, &m->cap, m->n + 1, sizeof *m->row);
    m->row = p;
    if (r < 0 || pack_bytes(&m->ids, row->id, row->id_len) < 0)
        return -ENOMEM;
    m->row[m->n++] = (struct moved_row){
        .key = row->key, .new_key = m->to->next_key++, .due = row->due, .size = row->size};
    m->due_n += row->due != 0;
    m->bytes += row->size;
    m->from->messages--;
    m->from->bytes -= row->size;
    m->to->messages++;
    m->to->bytes += row->size;
    return 0;
}

static void move_free(struct move *m)
{
    if (!m)
        return;
    buf_done(&m->ids);
    free(m->row);
    free(m);
}

void move_undo(struct op *op)
{
    struct move *m = op->move;
    m->from->moving = false;
    m->from->messages += m->n;
    m->from->bytes += m->bytes;
    m->to->messages -= m->n;
    m->to->bytes -= m->bytes;
}

void move_done(struct op *op)
{
    move_free(op->move);
    op->move = NULL;
}

static struct move *move_new(struct spool *s, struct dest *from, struct dest *to, uint32_t limit)
{
    struct move *m = xcalloc(1, sizeof *m);
    if (!m)
        return NULL;
    *m = (struct move){
        .s = s, .from = from, .to = to, .limit = limit < MOVE_ROWS ? limit : MOVE_ROWS};
    buf_init(&m->ids, SPOOL_FRAME_SLACK);
    return m;
}

/* 0: an operation is noted; 1: there is nothing to move; negative: *e says why not. */
static int prepare(struct spool *s, struct peer *p, struct move *m, struct err *e)
{
    int r = store_copy_page(s->store, m->from->no, 0, m->limit, take_row, m, e);
    struct op *op = r == 0 && m->n ? op_new(s) : NULL;
    if (op) {
        *op = (struct op){.kind = OP_MOVE, .peer = p, .move = m};
        m->from->moving = m->from->dirty = m->to->dirty = true;
        return 0;
    }
    struct op undone = {.move = m};
    move_undo(&undone);
    if (r == 0 && m->n)
        r = err_set(e, -ENOMEM, "memory", "out of memory");
    if (r == 0 && m->full.code[0]) {
        *e = m->full;
        r = -ENOSPC;
    }
    return r < 0 ? r : 1;
}

void spool_move(struct spool *s, struct peer *p, const struct spool_move *in)
{
    static const struct buf nothing;
    struct err e = {.code = ""};
    struct dest *from = find(s, in->from, &e), *to = from ? find(s, in->to, &e) : NULL;
    int r = to ? at_rest(from, &e) : -ENOENT;
    if (r == 0 && (from == to || !to->configured))
        r = err_set(&e, -EINVAL, "destination-unknown",
                    from == to ? "%s is the queue itself" : "no connector delivers %s", to->name);
    struct move *m = r == 0 ? move_new(s, from, to, in->limit) : NULL;
    if (r == 0 && !m)
        r = err_set(&e, -ENOMEM, "memory", "out of memory");
    if (r == 0)
        r = prepare(s, p, m, &e);
    if (r != 0)
        move_free(m);
    if (r > 0)
        p->ops->moved(p, &nothing, from->messages);
    else if (r < 0)
        p->ops->answer(p, e.code, e.text);
}

int move_write(struct spool *s, struct op *op, struct err *e)
{
    const struct move *m = op->move;
    uint64_t now = wall_ms();
    int r = 0;
    for (size_t i = 0; r == 0 && i < m->n; i++)
        r = store_copy_move(s->store, m->row[i].key, m->row[i].new_key, m->row[i].due, now, e);
    return r;
}

void move_apply(struct spool *s, struct op *op)
{
    struct move *m = op->move;
    m->from->moving = false;
    deliver_forget(s, m->from);
    deliver_added(s, m->to, m->row[m->n - 1].new_key, 0, 0, NULL);
    if (op->peer)
        op->peer->ops->moved(op->peer, &m->ids, m->from->messages);
}
