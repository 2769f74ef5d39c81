/* SPDX-License-Identifier: Apache-2.0 */
/* amqp_gather - asks all clients what AMQP does not tell: see amqp_ask.h. Scatter, gather. */
#include "amqp_ask.h"
#include "base/util.h"
#include <amqp_framing.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define CHANNEL     2
#define QUIET_MS    100u /* so long after the last answer: a paused one is not counted upon */
#define ANSWER_MAX  (1u << 20)
#define ANSWERS_MAX 10000u

static int subscribe(amqp_connection_state_t c, char name[AMQP_NAME_SIZE], struct err *e)
{
    int r = amqp_link_channel(c, CHANNEL, e);
    if (r < 0)
        return r;
    amqp_queue_declare_ok_t *q =
        amqp_queue_declare(c, CHANNEL, amqp_empty_bytes, 0, 0, 1, 1, amqp_empty_table);
    if (q)
        (void)snprintf(name, AMQP_NAME_SIZE, "%.*s", (int)q->queue.len, (char *)q->queue.bytes);
    r = amqp_ask_reply(c, CHANNEL, "a queue for the answers", e);
    if (r < 0)
        return r;
    (void)amqp_queue_bind(c, CHANNEL, amqp_text(name), amqp_text(AMQP_X_ANSWER), amqp_text(name),
                          amqp_empty_table);
    r = amqp_ask_reply(c, CHANNEL, "a queue for the answers", e);
    if (r < 0)
        return r;
    (void)amqp_basic_consume(c, CHANNEL, amqp_text(name), amqp_empty_bytes, 0, 1, 1,
                             amqp_empty_table);
    return amqp_ask_reply(c, CHANNEL, "a queue for the answers", e);
}

static int ask(amqp_connection_state_t c, const struct amqp_gathered *g, const char *reply_to,
               struct err *e)
{
    amqp_basic_properties_t props = {._flags =
                                         AMQP_BASIC_REPLY_TO_FLAG | AMQP_BASIC_CORRELATION_ID_FLAG,
                                     .reply_to = amqp_text(reply_to),
                                     .correlation_id = amqp_text(reply_to)};
    if (g->order) {
        props._flags |= AMQP_BASIC_TYPE_FLAG | AMQP_BASIC_MESSAGE_ID_FLAG;
        props.type = amqp_text(g->order);
        props.message_id = amqp_text(g->destination);
    }
    int r = amqp_ask_confirm_mode(c, 1, e);
    r = r < 0 ? r : amqp_ask_publish(c, 1, AMQP_X_CONTROL, "", &props, amqp_empty_bytes, e);
    return r == -ENOENT ? 0 : r; /* nobody consumes anything */
}

/* Whatever is no answer is nobody's: it is skipped. */
static int take_answer(struct amqp_gathered *g, const amqp_bytes_t *body, struct err *e)
{
    struct tree *t = NULL;
    struct err ignored;
    if (body->len > ANSWER_MAX || tree_from_json(body->bytes, body->len, &t, &ignored) < 0)
        return 0;
    int r = 0;
    for (size_t i = 0; tree_is_list(t) && i < t->n && r == 0; i++)
        if (tree_gets(t->child[i], "destination", NULL) && g->answers->n < ANSWERS_MAX)
            r = tree_append(g->answers, tree_copy(t->child[i]));
    if (tree_gets(t, "destination", NULL) && g->answers->n < ANSWERS_MAX)
        r = tree_append(g->answers, tree_copy(t));
    tree_free(t);
    return r < 0 ? err_set(e, r, "memory", "out of memory") : 0;
}

uint32_t amqp_answers_counted(const struct tree *answers, const char *destination)
{
    uint32_t n = 0;
    for (size_t i = 0; i < answers->n; i++)
        n += strcmp(tree_gets(answers->child[i], "destination", ""), destination) == 0 &&
             (!tree_getb(answers->child[i], "paused", false) ||
              tree_getu(answers->child[i], "inflight", 0) > 0);
    return n;
}

int amqp_gather(amqp_connection_state_t c, struct amqp_gathered *g, struct err *e)
{
    char name[AMQP_NAME_SIZE];
    g->answers = tree_list();
    int r = g->answers ? subscribe(c, name, e) : err_set(e, -ENOMEM, "memory", "out of memory");
    r = r < 0 ? r : ask(c, g, name, e);
    uint64_t start = mono_ms(), quiet = start;
    while (r == 0) {
        uint64_t now = mono_ms();
        bool all = g->enough(g->arg, g->answers);
        uint64_t until =
            all && quiet + QUIET_MS < start + g->wait_ms ? quiet + QUIET_MS : start + g->wait_ms;
        amqp_envelope_t d;
        if (now >= until)
            break;
        r = amqp_ask_delivery(c, (unsigned)(until - now), &d, e);
        if (r != 1)
            continue; /* once more around: it may have been the silence */
        r = take_answer(g, &d.message.body, e);
        quiet = mono_ms();
        amqp_destroy_envelope(&d);
    }
    return r < 0 ? r : amqp_ask_close(c, CHANNEL, e);
}
