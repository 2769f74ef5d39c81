/* SPDX-License-Identifier: Apache-2.0 */
/* dead_keep - how long dead letters stay.
 *
 * The letters are walked through in the order of their numbers, LOOK_ROWS a turn while nothing else
 * waits, once every PASS_MS (or an eighth of `keep`); removals go the way of any other discard,
 * with the group commit. Times are the spool's clock (wall time at the start, then monotonic), so
 * that a wall clock that jumps while it runs throws nothing away. */
#include "dead_keep.h"
#include "spool.h"
#include "spool_types.h"
#include "base/log.h"
#include "base/util.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define LOOK_ROWS 500u
#define PASS_MS   60000u

static uint64_t since(uint64_t now, uint64_t then)
{
    return now > then ? now - then : 0;
}

struct pass {
    struct spool *s;
    uint64_t warn[LOOK_ROWS], upto;
    size_t warn_n, looked, taken;
    bool young; /* they died in the order of their numbers: nothing behind it is due */
};

static int take(struct pass *x, const struct dead_row *row)
{
    struct dest *d = spool_dest_by_no(x->s, row->dest);
    if (d && !dead_op(x->s, NULL, OP_DISCARD, row, d))
        return -ENOMEM;
    x->taken += d != NULL;
    if (!row->seen_ms)
        log_warning("dead-expired-unseen", row->id,
                    "dead letter %llu for %s [%s] was kept as long as the plan says, and nobody "
                    "has looked at it: it is removed",
                    (unsigned long long)row->number, d ? d->name : "?", row->code);
    return 0;
}

static int look(void *arg, const struct dead_row *row)
{
    struct pass *x = arg;
    struct dead_keeping *k = &x->s->keeping;
    if (since(x->s->now, row->dead_ms) < k->rule.keep_ms - k->rule.warn_ms) {
        x->young = true;
        return 1;
    }
    enum dead_fate fate =
        dead_fate(&k->rule, x->s->now, row->dead_ms, row->seen_ms, row->warned_ms);
    int r = fate == DEAD_TAKE ? take(x, row) : 0;
    if (r < 0)
        return r;
    if (fate == DEAD_WARN)
        x->warn[x->warn_n++] = row->number;
    if (fate == DEAD_WARN || fate == DEAD_WARNED) {
        k->counted++;
        k->oldest_ms = k->oldest_ms ? k->oldest_ms : row->dead_ms;
    }
    x->upto = row->number;
    x->looked++;
    return 0;
}

static void pass_over(struct dead_keeping *k, uint64_t now)
{
    k->again = now + (k->rule.keep_ms / 8 < PASS_MS ? k->rule.keep_ms / 8 : PASS_MS);
    k->after = 0;
    dead_unseen_words(&k->rule, k->counted, k->oldest_ms, k->alarm, sizeof k->alarm);
    k->counted = k->oldest_ms = 0;
}

void dead_expire(struct spool *s)
{
    struct err e;
    struct dead_keeping *k = &s->keeping;
    struct pass x = {.s = s, .upto = k->after};
    if (s->ops_n) /* somebody may be mending the same letters: when it is quiet */
        return;
    int r = store_dead_page(s->store, k->after, LOOK_ROWS, false, look, &x, &e);
    if (r == 0 && x.warn_n)
        r = store_dead_note(s->store, false, x.warn, x.warn_n, s->now, &e);
    if (x.taken)
        log_info("dead-expired", NULL, "%zu dead letters were older than the plan keeps them",
                 x.taken);
    if (r < 0)
        log_error(e.code, NULL, "looking for old dead letters: %s", e.text);
    k->after = x.upto;
    if (r < 0 || x.young || x.looked < LOOK_ROWS)
        pass_over(k, s->now);
}

const char *spool_unseen(const struct spool *s)
{
    return s->keeping.alarm;
}
