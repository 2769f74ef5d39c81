/* SPDX-License-Identifier: Apache-2.0 */
/* dead - dead letters: listing in strides, replay (a checked, confirmed publish and a removal in
 * one transaction) and discarding.
 *
 * A list request looks at LOOK_ROWS letters and gives GIVE_BYTES of events at most and says how far
 * it came, so that a rare filter over a million letters never holds up the queues. */
#include "spool.h"
#include "spool_types.h"
#include "base/log.h"
#include "base/util.h"
#include <errno.h>
#include <string.h>

#define LOOK_ROWS  2000u
#define GIVE_BYTES ((size_t)4 << 20)

struct listing {
    struct spool *s;
    const struct spool_dead_list *in;
    int (*fn)(void *arg, const struct dead_letter *d);
    void *arg;
    size_t looked, given, bytes;
    uint64_t upto;
    bool stopped;
    uint64_t *fresh; /* numbers that were given for the first time */
    size_t fresh_n, fresh_cap;
};

static bool text_is(struct spool_text want, const char *have)
{
    return want.len == 0 || (strlen(have) == want.len && memcmp(want.p, have, want.len) == 0);
}

static bool wanted(const struct spool_dead_list *in, const struct dead_row *row, const char *dest)
{
    return text_is(in->destination, dest) && text_is(in->code, row->code) &&
           text_is(in->id, row->id) && (!in->from_ms || row->dead_ms >= in->from_ms) &&
           (!in->to_ms || row->dead_ms <= in->to_ms);
}

static int give_row(struct listing *l, const struct dead_row *row, const char *dest)
{
    struct dead_letter d = {.number = row->number,
                            .destination = dest,
                            .id = row->id,
                            .code = row->code,
                            .text = row->text,
                            .attempts = row->attempts,
                            .first_ms = row->first_ms,
                            .dead_ms = row->dead_ms,
                            .len = row->size,
                            .bytes = row->bytes};
    if (l->in->with_bytes && row->body) {
        struct err e;
        int r = store_body_get(l->s->store, row->body, &d.bytes, &d.len, &e);
        if (r < 0)
            return r;
    }
    int r = l->fn(l->arg, &d);
    store_read_done(l->s->store);
    void *p = l->fresh;
    if (r >= 0 && !row->seen_ms && !l->in->search &&
        grow_array(&p, &l->fresh_cap, l->fresh_n + 1, sizeof *l->fresh) == 0) {
        l->fresh = p;
        l->fresh[l->fresh_n++] = row->number;
    }
    l->given++;
    l->bytes += l->in->with_bytes ? d.len : 256;
    return r;
}

static int look(void *arg, const struct dead_row *row)
{
    struct listing *l = arg;
    const struct dest *d = spool_dest_by_no(l->s, row->dest);
    const char *name = d ? d->name : "";
    l->looked++;
    int r = wanted(l->in, row, name) ? give_row(l, row, name) : 0;
    if (r < 0)
        return r;
    l->upto = row->number;
    l->stopped =
        r > 0 || l->looked >= LOOK_ROWS || l->given >= l->in->limit || l->bytes >= GIVE_BYTES;
    return l->stopped;
}

/* Retention leaves alone what nobody has been shown. A note that cannot be made now keeps a letter
 * longer, no more. */
static void note_seen(struct spool *s, struct listing *l)
{
    struct err e;
    if (l->fresh_n && store_dead_note(s->store, true, l->fresh, l->fresh_n, s->now, &e) < 0)
        log_warning(e.code, NULL, "that dead letters were looked at cannot be noted: %s", e.text);
    free(l->fresh);
}

int spool_dead_list(struct spool *s, const struct spool_dead_list *in,
                    int (*fn)(void *arg, const struct dead_letter *d), void *arg,
                    uint64_t *ret_upto, bool *ret_more, struct err *e)
{
    struct listing l = {.s = s, .in = in, .fn = fn, .arg = arg, .upto = in->after};
    int r = in->limit ? store_dead_page(s->store, in->after, LOOK_ROWS, in->with_bytes, look, &l, e)
                      : 0;
    note_seen(s, &l);
    if (r < 0)
        return r;
    *ret_upto = l.upto;
    *ret_more = l.stopped;
    return 0;
}

static void refuse(struct peer *p, const struct err *e)
{
    p->ops->answer(p, e->code, e->text);
}

/* The letter, when it is there and nothing else of this turn is about it. */
static int find(struct spool *s, uint64_t number, struct dead_row *row, struct err *e)
{
    for (size_t i = 0; i < s->ops_n; i++) {
        const struct op *op = &s->ops[i];
        if ((op->kind == OP_REPLAY || op->kind == OP_DISCARD) && op->no == number)
            return err_set(e, -ENOENT, "dead-unknown", "dead letter %llu is just being removed",
                           (unsigned long long)number);
    }
    return store_dead_get(s->store, number, row, e);
}

struct op *dead_op(struct spool *s, struct peer *p, enum op_kind kind, const struct dead_row *row,
                   struct dest *d)
{
    struct op *op = op_new(s);
    if (!op)
        return NULL;
    op->kind = kind;
    op->peer = p;
    op->no = row->number;
    op->dead.dest = d;
    op->dead.body = row->body;
    op->dead.size = row->size;
    d->dead--;
    d->dirty = true;
    return op;
}

void spool_dead_replay(struct spool *s, struct peer *p, uint64_t number)
{
    struct err e = {.code = ""};
    struct dead_row row = {.number = 0};
    int r = find(s, number, &row, &e);
    struct dest *d = r < 0 ? NULL : spool_dest_by_no(s, row.dest);
    if (r == 0 && (!d || !d->configured))
        r = err_set(&e, -ENOENT, "destination-unknown",
                    "its destination \"%s\" is no longer configured", d ? d->name : "");
    if (r == 0 && spool_refuses(s, d, row.size, &e))
        r = -ENOSPC;
    struct op *op = r < 0 ? NULL : dead_op(s, p, OP_REPLAY, &row, d);
    if (r == 0 && !op)
        (void)err_set(&e, -ENOMEM, "memory", "out of memory");
    if (!op || !d) {
        refuse(p, &e);
        return;
    }
    op->dead.key = d->next_key++;
    d->messages++;
    d->bytes += row.size;
}

void spool_dead_discard(struct spool *s, struct peer *p, uint64_t number)
{
    struct err e = {.code = ""};
    struct dead_row row = {.number = 0};
    int r = find(s, number, &row, &e);
    struct dest *d = r < 0 ? NULL : spool_dest_by_no(s, row.dest);
    if (r == 0 && (!d || !dead_op(s, p, OP_DISCARD, &row, d)))
        r = err_set(&e, -ENOMEM, "memory", "out of memory");
    if (r < 0)
        refuse(p, &e);
}
