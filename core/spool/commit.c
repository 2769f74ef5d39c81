/* SPDX-License-Identifier: Apache-2.0 */
/* commit - one transaction for everything that was asked since the last turn; answers go out only
 * when it is durable.
 *
 * When the file cannot be written, nothing of the turn remains in it. Then publishes, replays and
 * discards fail to their senders and the settlements are tried alone; when the disk is too full
 * even for those (a removal must be written to the log first) the reserve file is given up, and if
 * that does not help they wait: their jobs stay held, so nobody gets them a second time, and a
 * crash costs a second delivery, no loss. */
#include "spool.h"
#include "spool_types.h"
#include "base/log.h"
#include "base/util.h"
#include <errno.h>
#include <string.h>

static struct target *targets_of(struct op *op)
{
    return op->pub.n > 1 ? op->pub.many : &op->pub.one;
}

static int write_publish(struct spool *s, struct op *op, struct err *e)
{
    const struct body *b = op->pub.body;
    struct target *t = targets_of(op);
    op->pub.body_no = 0;
    if (op->pub.n > 1 || b->len > INLINE_MAX) {
        int r = store_body_add(s->store, body_event(b), b->len, op->pub.n, &op->pub.body_no, e);
        if (r < 0)
            return r;
    }
    for (uint32_t i = 0; i < op->pub.n; i++) {
        struct copy_row row = {.key = t[i].key,
                               .first_ms = op->pub.first_ms,
                               .body = op->pub.body_no,
                               .size = b->len,
                               .id = b->data,
                               .id_len = b->id_len,
                               .bytes = body_event(b)};
        int r = store_copy_add(s->store, &row, e);
        if (r < 0)
            return r;
    }
    return 0;
}

static int write_settle(struct spool *s, const struct op *op, struct err *e)
{
    const struct copy *c = op->set.copy;
    struct copy_row row = {.key = c->key, .due = c->due, .attempts = op->set.attempts};
    switch (op->how) {
    case SETTLE_DONE:
        return store_copy_remove(s->store, c->key, c->body_no, c->due, e);
    case SETTLE_DEAD:
        return store_dead_add(s->store, &row, wall_ms(), op->set.code, op->set.text, e);
    case SETTLE_RELEASE:
        if (op->set.due == 0) /* at once: memory is enough */
            return 0;
        break;
    case SETTLE_RETRY:
        break;
    }
    return store_copy_delay(s->store, c->key, c->due, op->set.due, op->set.attempts, op->set.code,
                            op->set.text, e);
}

static int write_op(struct spool *s, struct op *op, struct err *e)
{
    switch (op->kind) {
    case OP_PUBLISH:
        return write_publish(s, op, e);
    case OP_SETTLE:
        return write_settle(s, op, e);
    case OP_REPLAY:
        return store_dead_replay(s->store, op->no, op->dead.key, wall_ms(), e);
    case OP_DISCARD:
        return store_dead_discard(s->store, op->no, op->dead.body, e);
    case OP_MOVE:
        return move_write(s, op, e);
    }
    return 0;
}

static int compare_keys(const void *a, const void *b)
{
    uint64_t x, y;
    memcpy(&x, a, sizeof x);
    memcpy(&y, b, sizeof y);
    return x < y ? -1 : x > y;
}

/* Plain removals, most of all settlements: consecutive keys go in one statement. */
static int write_runs(struct spool *s, size_t n, struct err *e)
{
    bool sorted = true;
    for (size_t i = 1; i < n && sorted; i++)
        sorted = s->runs[i - 1] < s->runs[i];
    if (!sorted)
        qsort(s->runs, n, sizeof *s->runs, compare_keys);
    for (size_t i = 0, j; i < n; i = j) {
        for (j = i + 1; j < n && s->runs[j] == s->runs[j - 1] + 1;)
            j++;
        int r = store_copy_remove_run(s->store, s->runs[i], s->runs[j - 1], e);
        if (r < 0)
            return r;
    }
    return 0;
}

static bool is_plain(const struct op *op)
{
    return op->kind == OP_SETTLE && op->how == SETTLE_DONE && op->set.copy->due == 0 &&
           op->set.copy->body_no == 0;
}

static int write_all_ops(struct spool *s, struct err *e)
{
    size_t n = 0;
    void *p = s->runs;
    int r = grow_array(&p, &s->runs_cap, s->ops_n, sizeof *s->runs);
    s->runs = p;
    if (r < 0)
        return err_set(e, r, "memory", "out of memory");
    for (size_t i = 0; i < s->ops_n && r == 0; i++) {
        if (is_plain(&s->ops[i]))
            s->runs[n++] = s->ops[i].set.copy->key;
        else
            r = write_op(s, &s->ops[i], e);
    }
    r = r < 0 ? r : write_runs(s, n, e);
    for (const struct dest *d = s->dests; d && r == 0; d = d->next) {
        struct dest_row row = {
            .no = d->no, .messages = d->messages, .bytes = d->bytes, .dead = d->dead};
        if (d->dirty)
            r = store_dest_totals(s->store, &row, e);
    }
    return r;
}

static int try_write(struct spool *s, struct err *e)
{
    int r = store_begin(s->store, e);
    r = r < 0 ? r : write_all_ops(s, e);
    r = r < 0 ? r : store_commit(s->store, e);
    if (r < 0)
        store_rollback(s->store);
    return r;
}

static void answer(struct op *op, const char *code, const char *text)
{
    if (!op->peer)
        return;
    if (op->kind == OP_PUBLISH)
        op->peer->ops->failed(op->peer, op->no, code, text);
    else
        op->peer->ops->answer(op->peer, code, text);
}

/* Takes back what intake counted. */
static void undo(struct op *op)
{
    if (op->kind == OP_PUBLISH) {
        struct target *t = targets_of(op);
        for (uint32_t i = 0; i < op->pub.n; i++) {
            t[i].dest->messages--;
            t[i].dest->bytes -= op->pub.body->len;
        }
        return;
    }
    if (op->kind == OP_MOVE) {
        move_undo(op);
        return;
    }
    struct dest *d = op->dead.dest;
    d->dead++;
    if (op->kind == OP_REPLAY) {
        d->messages--;
        d->bytes -= op->dead.size;
    }
}

static void fail_all_but_settlements(struct spool *s)
{
    const char *code = s->disk_full ? "disk-full" : "transport";
    size_t kept = 0;
    for (size_t i = 0; i < s->ops_n; i++) {
        struct op *op = &s->ops[i];
        if (op->kind == OP_SETTLE) {
            s->ops[kept++] = *op;
            continue;
        }
        undo(op);
        answer(op, code, s->trouble.text);
        op_done(op);
    }
    s->ops_n = kept;
}

static void apply_publish(struct spool *s, struct op *op)
{
    struct target *t = targets_of(op);
    for (uint32_t i = 0; i < op->pub.n; i++)
        deliver_added(s, t[i].dest, t[i].key, op->pub.first_ms, op->pub.body_no, op->pub.body);
    if (op->peer)
        op->peer->ops->confirmed(op->peer, op->no);
}

static void apply(struct spool *s)
{
    for (struct dest *d = s->dests; d; d = d->next)
        d->dirty = false;
    for (size_t i = 0; i < s->ops_n; i++) {
        struct op *op = &s->ops[i];
        switch (op->kind) {
        case OP_PUBLISH:
            apply_publish(s, op);
            break;
        case OP_SETTLE:
            deliver_settled(s, op);
            if (op->peer)
                op->peer->ops->settled(op->peer, op->no);
            break;
        case OP_REPLAY:
            deliver_added(s, op->dead.dest, op->dead.key, 0, 0, NULL);
            answer(op, "", "");
            break;
        case OP_DISCARD:
            answer(op, "", "");
            break;
        case OP_MOVE:
            move_apply(s, op);
            break;
        }
        op_done(op);
    }
    s->ops_n = 0;
}

static void trouble(struct spool *s, const struct err *e)
{
    s->disk_full = strcmp(e->code, "db-disk-full") == 0;
    if (!s->in_trouble)
        log_error(s->disk_full ? "disk-full" : e->code, NULL, "%s", e->text);
    s->in_trouble = true;
    s->trouble = *e;
    s->refuse_until = spool_clock(s) + RETRY_WRITE_MS;
}

static void no_trouble(struct spool *s)
{
    s->in_trouble = false;
    s->refuse_until = s->write_again = 0;
    log_info("disk-again", NULL, "the spool can be written again");
}

void spool_mend(struct spool *s)
{
    if (!s->reserve_there && s->now >= s->reserve_again)
        reserve_make(s);
    /* room for the reserve is room for messages; without this an idle spool would stay in trouble
     */
    if (s->in_trouble && s->reserve_there && !s->ops_n && s->now >= s->refuse_until)
        no_trouble(s);
}

void spool_commit(struct spool *s)
{
    struct err e;
    if (!s->ops_n || s->write_again > s->now)
        return;
    bool publishing = false;
    for (size_t i = 0; i < s->ops_n && !publishing; i++)
        publishing = s->ops[i].kind == OP_PUBLISH;
    if (try_write(s, &e) == 0) {
        apply(s);
        s->write_again = 0;
        if (s->in_trouble && publishing)
            no_trouble(s);
        return;
    }
    trouble(s, &e);
    fail_all_but_settlements(s);
    if (!s->ops_n)
        return;
    if (try_write(s, &e) == 0 || (reserve_release(s) && try_write(s, &e) == 0))
        apply(s);
    else
        s->write_again = s->now + RETRY_WRITE_MS;
}
