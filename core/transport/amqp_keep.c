/* SPDX-License-Identifier: Apache-2.0 */
/* amqp_keep - see amqp_keep.h. */
#include "amqp_keep.h"
#include "amqp_link.h"
#include "dead_marks.h"
#include "dead_rule.h"
#include "base/log.h"
#include "base/util.h"
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#define TAKE_MAX 10000u /* of one pass; the next, which comes soon, takes what is left over */

struct amqp_keep {
    struct dead_rule rule;
    char *marks_path;
    char unseen[ERR_TEXT_MAX];
    bool more;        /* the last pass left some over */
    off_t marks_size; /* after it */
};

struct numbers {
    uint64_t *p;
    size_t n, cap;
};

struct pass {
    const struct amqp_keep *k;
    struct dead_marks *marks;
    uint64_t now;
    struct numbers warn, take;
    uint64_t counted, oldest_ms;
    bool more;
};

int amqp_keep_new(const struct tree *part, struct amqp_keep **ret, struct err *e)
{
    struct amqp_keep *k = xcalloc(1, sizeof *k);
    const char *marks = tree_gets(part, "transport/marks", NULL);
    if (!k)
        return err_set(e, -ENOMEM, "memory", "out of memory");
    dead_rule_set(&k->rule, tree_getu(part, "retention/dead_ms", 0),
                  tree_getu(part, "retention/unseen_ms", 0));
    k->marks_path = marks ? strdup(marks) : NULL;
    if (!k->marks_path) {
        amqp_keep_free(k);
        return marks ? err_set(e, -ENOMEM, "memory", "out of memory")
                     : err_set(e, -EINVAL, "part", "the part of the plan does not name `marks`");
    }
    *ret = k;
    return 0;
}

void amqp_keep_free(struct amqp_keep *k)
{
    if (!k)
        return;
    free(k->marks_path);
    free(k);
}

const char *amqp_keep_unseen(const struct amqp_keep *k)
{
    return k->unseen;
}

uint64_t amqp_keep_again(const struct amqp_keep *k)
{
    uint64_t ms =
        k->rule.keep_ms / 8 < AMQP_KEEP_EVERY_MS ? k->rule.keep_ms / 8 : AMQP_KEEP_EVERY_MS;
    return k->more ? AMQP_KEEP_FIRST_MS : ms;
}

static off_t marks_size(const struct amqp_keep *k)
{
    struct stat st;
    return stat(k->marks_path, &st) == 0 ? st.st_size : 0;
}

bool amqp_keep_seen(const struct amqp_keep *k)
{
    return k->unseen[0] && marks_size(k) != k->marks_size;
}

static int add(struct numbers *list, uint64_t number)
{
    void *p = list->p;
    int r = grow_array(&p, &list->cap, list->n + 1, sizeof *list->p);
    list->p = p;
    if (r == 0)
        list->p[list->n++] = number;
    return r;
}

static int look(void *arg, const struct dead_letter *d)
{
    struct pass *x = arg;
    uint64_t seen, warned;
    dead_marks_find(x->marks, d->number, &seen, &warned);
    enum dead_fate fate = dead_fate(&x->k->rule, x->now, d->dead_ms, seen, warned);
    if (fate == DEAD_WARN || fate == DEAD_WARNED) {
        x->counted++;
        if (!x->oldest_ms || d->dead_ms < x->oldest_ms)
            x->oldest_ms = d->dead_ms;
    }
    if (fate == DEAD_WARN)
        return add(&x->warn, d->number);
    if (fate != DEAD_TAKE)
        return 0;
    x->more = x->more || x->take.n >= TAKE_MAX;
    if (x->take.n >= TAKE_MAX)
        return 0;
    if (!seen)
        log_warning("dead-expired-unseen", d->id,
                    "dead letter %llu for %s [%s] was kept as long as the plan says, and nobody "
                    "has looked at it: it is removed",
                    (unsigned long long)d->number, d->destination, d->code ? d->code : "");
    return add(&x->take, d->number);
}

static int take(const struct pass *x, struct amqp_place *place, struct err *e)
{
    size_t taken = 0;
    int r = amqp_dead_discard_all(place, x->take.p, x->take.n, &taken, e);
    if (taken)
        log_info("dead-expired", NULL, "%zu dead letters were older than the plan keeps them",
                 taken);
    return r;
}

static int carry_out(struct amqp_keep *k, struct pass *x, struct amqp_place *place, struct err *e)
{
    static const struct dead_filter all = {.search = true};
    int r = amqp_dead_list(place, &all, 0, SIZE_MAX, false, look, x, e);
    if (r < 0)
        return r;
    dead_unseen_words(&k->rule, x->counted, x->oldest_ms, k->unseen, sizeof k->unseen);
    r = dead_marks_add(k->marks_path, false, x->warn.p, x->warn.n, x->now);
    if (r < 0)
        return err_set(e, r, "dead-marks", "%s: %s", k->marks_path, strerror(-r));
    r = take(x, place, e);
    k->more = r == 0 && x->more;
    return r < 0 ? r : dead_marks_tidy(x->marks, k->marks_path, e);
}

int amqp_keep_pass(struct amqp_keep *k, struct amqp_place *place, struct err *e)
{
    struct pass x = {.k = k, .now = wall_ms()};
    if (k->rule.keep_ms == 0)
        return 0;
    int r = dead_marks_read(k->marks_path, &x.marks, e);
    r = r < 0 ? r : carry_out(k, &x, place, e);
    k->marks_size = marks_size(k);
    dead_marks_free(x.marks);
    free(x.warn.p);
    free(x.take.p);
    return r;
}
