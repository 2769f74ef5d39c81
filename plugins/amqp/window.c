/* SPDX-License-Identifier: Apache-2.0 */
/* window - see rabbit.h. Confirms come out of order and mix single and multiple ones (measured with
 * RabbitMQ 3.10: with several queues nearly all of them), so that each tag has an account of its
 * own. */
#include "rabbit.h"
#include <string.h>

void window_clear(struct window *w, uint64_t first_tag)
{
    memset(w, 0, sizeof(*w));
    w->first = w->next = first_tag;
}

bool window_has_room(const struct window *w, size_t bytes)
{
    if (w->next - w->first >= WINDOW_MESSAGES)
        return false;
    return w->open == 0 || (w->bytes < WINDOW_BYTES && bytes <= WINDOW_BYTES - w->bytes);
}

void window_add(struct window *w, const char *id, const char *key, size_t bytes)
{
    w->sent[w->next++ - w->first] =
        (struct sent){.fate = FATE_SENT, .bytes = bytes, .id = id, .key = key};
    w->open++;
    w->bytes += bytes;
}

static bool is_open(const struct sent *s)
{
    return s->bytes != SIZE_MAX;
}

/* Answered: what was returned stays returned, an ack follows a return, too. */
static void answer(struct window *w, uint64_t tag, bool taken)
{
    struct sent *s = &w->sent[tag - w->first];
    if (!is_open(s))
        return;
    w->open--;
    w->bytes -= s->bytes;
    s->bytes = SIZE_MAX;
    if (!taken)
        s->fate = FATE_REFUSED;
    else if (s->fate == FATE_SENT)
        s->fate = FATE_TAKEN;
}

void window_answer(struct window *w, uint64_t tag, bool multiple, bool taken)
{
    if (multiple) {
        uint64_t end = tag == 0 || tag >= w->next ? w->next : tag + 1;
        for (uint64_t t = w->first; t < end; t++)
            answer(w, t, taken);
    } else if (tag >= w->first && tag < w->next) {
        answer(w, tag, taken);
    }
}

void window_returned(struct window *w, amqp_bytes_t id, amqp_bytes_t key)
{
    for (uint64_t t = w->first; t < w->next; t++) {
        struct sent *s = &w->sent[t - w->first];
        if (is_open(s) && s->fate == FATE_SENT && bytes_equal(id, s->id) &&
            bytes_equal(key, s->key)) {
            s->fate = FATE_RETURNED;
            return;
        }
    }
}

size_t acks_plan(const struct settlement *s, size_t n, struct ack *out)
{
    size_t made = 0, head = 0, taken = 0;
    uint64_t last = 0;
    for (; head < n && s[head].outcome != OUTCOME_OPEN; head++) {
        if (s[head].outcome == OUTCOME_NACK) {
            out[made++] = (struct ack){.tag = s[head].tag, .nack = true};
        } else {
            last = s[head].tag;
            taken++;
        }
    }
    if (taken > 0)
        out[made++] = (struct ack){.tag = last, .multiple = taken > 1};
    for (; head < n; head++) {
        if (s[head].outcome != OUTCOME_OPEN)
            out[made++] = (struct ack){.tag = s[head].tag, .nack = s[head].outcome == OUTCOME_NACK};
    }
    return made;
}
