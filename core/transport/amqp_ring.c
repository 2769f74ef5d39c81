/* SPDX-License-Identifier: Apache-2.0 */
/* amqp_ring - see amqp_ring.h. Slots lie at tag modulo capacity; the ring doubles when the oldest
 * that is under way would be overwritten. */
#include "amqp_ring.h"
#include "base/util.h"
#include <errno.h>
#include <string.h>

#define FIRST_CAP 128u

void amqp_ring_done(struct amqp_ring *r)
{
    free(r->slot);
    *r = (struct amqp_ring){.slot = NULL};
}

void amqp_ring_reset(struct amqp_ring *r)
{
    r->low = r->above = 0;
    r->open = 0;
}

static struct amqp_slot *place(const struct amqp_ring *r, uint64_t tag)
{
    return &r->slot[tag & (r->cap - 1)];
}

static int grow(struct amqp_ring *r)
{
    size_t cap = r->cap ? r->cap * 2 : FIRST_CAP;
    struct amqp_slot *slot = xcalloc(cap, sizeof *slot);
    if (!slot)
        return -ENOMEM;
    for (uint64_t t = r->low + 1; t <= r->above; t++)
        slot[t & (cap - 1)] = *place(r, t);
    free(r->slot);
    r->slot = slot;
    r->cap = cap;
    return 0;
}

int amqp_ring_push(struct amqp_ring *r, void *owner, uint32_t part, uint64_t at, uint64_t *ret_tag)
{
    if (r->above - r->low >= r->cap && grow(r) < 0)
        return -ENOMEM;
    uint64_t tag = ++r->above;
    *place(r, tag) =
        (struct amqp_slot){.owner = owner, .part = part, .state = AMQP_SLOT_OPEN, .at = at};
    r->open++;
    if (ret_tag)
        *ret_tag = tag;
    return 0;
}

struct amqp_slot *amqp_ring_at(const struct amqp_ring *r, uint64_t tag)
{
    if (tag <= r->low || tag > r->above)
        return NULL;
    struct amqp_slot *s = place(r, tag);
    return s->state == AMQP_SLOT_ENDED ? NULL : s;
}

void amqp_ring_end(struct amqp_ring *r, uint64_t tag)
{
    struct amqp_slot *s = amqp_ring_at(r, tag);
    if (!s)
        return;
    s->state = AMQP_SLOT_ENDED;
    r->open--;
    while (r->low < r->above && place(r, r->low + 1)->state == AMQP_SLOT_ENDED)
        r->low++;
}

uint64_t amqp_ring_ack_prefix(struct amqp_ring *r)
{
    uint64_t last = 0;
    while (r->low < r->above) {
        struct amqp_slot *s = place(r, r->low + 1);
        if (s->state == AMQP_SLOT_OPEN)
            break;
        r->low++;
        if (s->state == AMQP_SLOT_DUE) {
            s->state = AMQP_SLOT_ENDED;
            r->open--;
            last = r->low;
        }
    }
    return last;
}
