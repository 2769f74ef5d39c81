/* SPDX-License-Identifier: Apache-2.0 */
/* amqp_strict - see amqp_strict.h. */
#include "amqp_strict.h"

static enum amqp_strict_step when(uint64_t at, uint64_t now, enum amqp_strict_step then,
                                  uint64_t *ret_at)
{
    *ret_at = at;
    return now >= at ? then : AMQP_STRICT_WAIT;
}

void amqp_strict_active(struct amqp_strict *s, uint64_t now)
{
    if (!s->active && s->sure_at < now + AMQP_STRICT_SURE_MS)
        s->sure_at = now + AMQP_STRICT_SURE_MS;
    s->active = true;
}

void amqp_strict_empty(struct amqp_strict *s, uint64_t now)
{
    s->getting = false;
    s->head_empty = now >= s->sure_at;
    s->get_at = now + (s->head_empty ? AMQP_STRICT_IDLE_MS : AMQP_STRICT_AGAIN_MS);
}

enum amqp_strict_step amqp_strict_next(const struct amqp_strict *s, uint64_t now, uint64_t *ret_at)
{
    if (s->out || s->getting)
        return AMQP_STRICT_NOTHING;
    if (s->has_head)
        return when(s->head_at, now, AMQP_STRICT_GIVE_HEAD, ret_at);
    if (s->head_empty && s->has_name)
        return when(s->name_at, now, AMQP_STRICT_GIVE_NAME, ret_at);
    return s->active || s->has_name ? when(s->get_at, now, AMQP_STRICT_GET, ret_at)
                                    : AMQP_STRICT_NOTHING;
}
