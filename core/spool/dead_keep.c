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

#define LOOK_ROWS   500u
#define PASS_MS     60000u
#define WARN_MS_MAX (7u * 86400000u)

static uint64_t since(uint64_t now, uint64_t then)
{
    return now > then ? now - then : 0;
}

void dead_rule_set(struct dead_rule *r, uint64_t keep_ms, uint64_t unseen_ms)
{
    r->keep_ms = keep_ms;
    r->unseen_ms = unseen_ms > keep_ms ? unseen_ms : keep_ms;
    r->warn_ms = keep_ms / 2 < WARN_MS_MAX ? keep_ms / 2 : WARN_MS_MAX;
}

enum dead_fate dead_fate(const struct dead_rule *r, uint64_t now, uint64_t dead_ms,
                         uint64_t seen_ms, uint64_t warned_ms)
{
    uint64_t age = since(now, dead_ms);
    if (seen_ms) /* who has just found an old letter has time to do something about it */
        return age >= r->keep_ms && since(now, seen_ms) >= r->warn_ms ? DEAD_TAKE : DEAD_KEEP;
    if (age < r->keep_ms - r->warn_ms)
        return DEAD_KEEP;
    if (!warned_ms)
        return DEAD_WARN;
    return age >= r->unseen_ms && since(now, warned_ms) >= r->warn_ms ? DEAD_TAKE : DEAD_WARNED;
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
    char oldest[RFC3339_MAX], warned[32], kept[32];
    k->again = now + (k->rule.keep_ms / 8 < PASS_MS ? k->rule.keep_ms / 8 : PASS_MS);
    k->after = 0;
    k->alarm[0] = '\0';
    if (k->counted) {
        rfc3339_ms(k->oldest_ms, oldest);
        format_duration(k->rule.keep_ms - k->rule.warn_ms, warned);
        format_duration(k->rule.unseen_ms, kept);
        (void)snprintf(k->alarm, sizeof k->alarm,
                       "nobody has looked at %llu dead letters that are older than %s, the oldest "
                       "of %s (`reeve dead list`); they are removed when they are %s old",
                       (unsigned long long)k->counted, warned, oldest, kept);
    }
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
