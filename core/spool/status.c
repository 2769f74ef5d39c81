/* SPDX-License-Identifier: Apache-2.0 */
/* status - the figures of transport_status(). Totals are exact; they come from memory, the age of
 * the oldest message from the file. */
#include "spool.h"
#include "spool_types.h"
#include "base/util.h"
#include <errno.h>

static int put_error(struct tree *t, const struct dest *d)
{
    struct tree *last = tree_map();
    int r = last ? 0 : -ENOMEM;
    r = r < 0 ? r : tree_puts(last, "code", d->last_error.code);
    r = r < 0 ? r : tree_puts(last, "text", d->last_error.text);
    r = r < 0 ? r : tree_putu(last, "time", d->last_error.at_ms);
    if (r < 0) {
        tree_free(last);
        return r;
    }
    return tree_put(t, "last_error", last);
}

static uint64_t less(uint64_t a, uint64_t b)
{
    return a > b ? a - b : 0;
}

static uint64_t delayed_of(const struct spool *s, const struct dest *d)
{
    const struct copy *head = queue_head(&d->q);
    if (d->strict)
        return head && head->due_at > s->now;
    return d->delayed;
}

static int dest_status(struct spool *s, struct dest *d, struct tree *t, struct err *e)
{
    uint64_t consumers = 0, paused = 0, oldest = 0;
    for (const struct consumer *c = d->consumers; c; c = c->next == d->consumers ? NULL : c->next) {
        consumers++;
        paused += c->paused;
    }
    int r = d->messages ? store_dest_oldest(s->store, d->no, &oldest, e) : 0;
    if (r < 0)
        return r;
    uint64_t inflight = less(d->held, d->settling), delayed = delayed_of(s, d);
    r = tree_puts(t, "name", d->name);
    r = r < 0 ? r : tree_putu(t, "ready", less(d->messages, inflight + delayed));
    r = r < 0 ? r : tree_putu(t, "delayed", delayed);
    r = r < 0 ? r : tree_putu(t, "inflight", inflight);
    r = r < 0 ? r : tree_putu(t, "dead", d->dead);
    r = r < 0 ? r : tree_putu(t, "bytes", d->bytes);
    r = r < 0 ? r : tree_putu(t, "oldest_ms", oldest ? less(wall_ms(), oldest) : 0);
    r = r < 0 ? r : tree_putu(t, "consumers", consumers);
    r = r < 0 ? r : tree_putb(t, "paused", consumers && paused == consumers);
    r = r < 0 ? r : tree_putb(t, "configured", d->configured);
    r = r < 0 ? r : tree_puts(t, "order", d->strict ? "strict" : "free");
    r = r < 0 ? r : tree_putu(t, "limit_messages", d->limit_messages);
    r = r < 0 ? r : tree_putu(t, "limit_bytes", d->limit_bytes);
    if (r == 0 && d->last_error.at_ms)
        r = put_error(t, d);
    return r < 0 ? err_set(e, r, "memory", "out of memory") : 0;
}

static int add_dests(struct spool *s, struct tree *list, struct err *e)
{
    for (struct dest *d = s->dests; d; d = d->next) {
        if (!d->configured && !d->messages && !d->dead)
            continue;
        struct tree *t = tree_map();
        int r = t ? dest_status(s, d, t, e) : err_set(e, -ENOMEM, "memory", "out of memory");
        if (r < 0) {
            tree_free(t);
            return r;
        }
        if (tree_append(list, t) < 0)
            return err_set(e, -ENOMEM, "memory", "out of memory");
    }
    return 0;
}

int spool_status(struct spool *s, struct tree **ret, struct err *e)
{
    struct tree *all = tree_map(), *list = tree_list();
    (void)spool_clock(s);
    int r = list ? add_dests(s, list, e) : err_set(e, -ENOMEM, "memory", "out of memory");
    if (r < 0) {
        tree_free(list);
        tree_free(all);
        return r;
    }
    r = all ? tree_put(all, "destinations", list) : -ENOMEM;
    if (!all)
        tree_free(list);
    r = r < 0 ? r : tree_putu(all, "stored_bytes", store_file_bytes(s->store));
    if (r == 0 && spool_trouble(s))
        r = tree_puts(all, "trouble", spool_trouble(s));
    if (r < 0) {
        tree_free(all);
        return err_set(e, r, "memory", "out of memory");
    }
    *ret = all;
    return 0;
}
