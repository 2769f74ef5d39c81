/* SPDX-License-Identifier: Apache-2.0 */
/* amqp_limit - see amqp_limit.h. */
#include "amqp_limit.h"

enum amqp_admission amqp_limit_decide(const struct amqp_limit *l, size_t len)
{
    if (!l->max_messages && !l->max_bytes)
        return AMQP_ADMIT;
    bool over = (l->max_messages && l->count >= l->max_messages) ||
                (l->max_bytes && (len > l->max_bytes || l->bytes > l->max_bytes - len));
    if (l->counted && !over)
        return AMQP_ADMIT;
    if (l->under_way)
        return AMQP_HOLD; /* also to refuse: one of those may fail and leave room */
    return l->counted && l->fresh ? AMQP_REFUSE : AMQP_ASK;
}

void amqp_limit_sent(struct amqp_limit *l, size_t len)
{
    l->count++;
    l->under_way++;
    l->own++;
    l->bytes += len;
}

void amqp_limit_ended(struct amqp_limit *l, size_t len, bool stored)
{
    if (l->under_way)
        l->under_way--;
    if (stored)
        return;
    l->count -= l->count > 0;
    l->own -= l->own > 0;
    l->bytes = l->bytes > len ? l->bytes - len : 0;
}

void amqp_limit_counted(struct amqp_limit *l, uint64_t count)
{
    if (count < l->own) {
        l->bytes = (uint64_t)((double)l->bytes * (double)count / (double)l->own);
        l->own = count;
    }
    l->count = count;
    l->counted = true;
}

void amqp_limit_lost(struct amqp_limit *l)
{
    l->counted = l->fresh = false;
    l->under_way = 0;
}
