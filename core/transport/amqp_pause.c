/* SPDX-License-Identifier: Apache-2.0 */
/* amqp_pause - an order to all consumers of a destination, wherever they are: see amqp_link.h and
 * transport_pause_all(). */
#include "amqp_ask.h"
#include <errno.h>
#include <string.h>

#define WAIT_MS 3000u /* a broker whose disk is slow, or a machine that does not run */

struct order {
    const char *destination;
    bool paused;
    uint32_t consumers; /* as the broker counts them: those that are paused are not among them */
    const struct tree *machines; /* all there are, or NULL */
};

/* A version that knows no orders takes one for the question, and answers for all it consumes. */
static bool concerns(const struct order *o, const struct tree *answer)
{
    return strcmp(tree_gets(answer, "destination", ""), o->destination) == 0;
}

static bool heard_from(const struct order *o, const struct tree *answers, const char *machine)
{
    for (size_t i = 0; i < answers->n; i++)
        if (concerns(o, answers->child[i]) &&
            strcmp(tree_gets(answers->child[i], "machine", ""), machine) == 0)
            return true;
    return false;
}

/* Of those that shall resume only the machines are known. */
static bool enough(void *arg, const struct tree *answers)
{
    const struct order *o = arg;
    uint32_t n = 0;
    if (!o->paused) {
        for (size_t i = 0; o->machines && i < o->machines->n; i++)
            if (!heard_from(o, answers, tree_text(o->machines->child[i])))
                return false;
        return o->machines != NULL;
    }
    for (size_t i = 0; i < answers->n; i++)
        n += concerns(o, answers->child[i]);
    return n >= o->consumers;
}

static int choose(const struct order *o, const struct tree *answers, struct tree **ret,
                  struct err *e)
{
    struct tree *list = tree_list();
    int r = list ? 0 : -ENOMEM;
    for (size_t i = 0; i < answers->n && r == 0; i++)
        if (concerns(o, answers->child[i]))
            r = tree_append(list, tree_copy(answers->child[i]));
    if (r == 0)
        *ret = list;
    else
        tree_free(list);
    return r < 0 ? err_set(e, r, "memory", "out of memory") : 0;
}

int amqp_pause_all(struct amqp_place *place, const char *destination, bool paused,
                   struct tree **ret, struct err *e)
{
    struct order o = {.destination = destination, .paused = paused, .machines = place->machines};
    struct amqp_gathered g = {.order = paused ? "pause" : "resume",
                              .destination = destination,
                              .wait_ms = WAIT_MS,
                              .enough = enough,
                              .arg = &o};
    amqp_connection_state_t c = NULL;
    uint64_t ready;
    int r = amqp_link_open(place, &c, e);
    r = r < 0 ? r : amqp_ask_count(c, destination, &ready, &o.consumers, e);
    r = r < 0 ? r : amqp_gather(c, &g, e);
    r = r < 0 ? r : choose(&o, g.answers, ret, e);
    amqp_link_close(c);
    tree_free(g.answers);
    return r;
}
