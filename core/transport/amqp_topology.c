/* SPDX-License-Identifier: Apache-2.0 */
/* amqp_topology - what the hub has in the broker and who may do what there, in RabbitMQ's own
 * words: its definitions. Pure; see amqp_link.h. amqp_declare.c declares from the same document,
 * so that what is printed, imported and declared cannot differ.
 *
 * Rights are regular expressions over names (configure, write, read), and over routing keys for
 * topic exchanges. Nobody gets the default exchange: it reaches every queue. */
#include "amqp_ask.h"
#include "base/buf.h"
#include "base/util.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define PATTERN_MAX (1u << 20)

struct writer {
    const struct amqp_place *place;
    struct tree *exchanges, *queues, *bindings, *policies, *permissions, *topics;
    int r; /* the first that failed */
};

static void note(struct writer *w, int r)
{
    w->r = w->r < 0 ? w->r : r;
}

static struct tree *entry(struct writer *w, struct tree *list)
{
    struct tree *t = tree_map();
    note(w, t ? tree_puts(t, "vhost", w->place->vhost) : -ENOMEM);
    note(w, tree_append(list, t)); /* the list owns it now; NULL is out of memory */
    return w->r < 0 ? NULL : t;
}

static void exchange(struct writer *w, const char *name, const char *type)
{
    struct tree *t = entry(w, w->exchanges);
    if (!t)
        return;
    note(w, tree_puts(t, "name", name));
    note(w, tree_puts(t, "type", type));
    note(w, tree_putb(t, "durable", true));
    note(w, tree_putb(t, "auto_delete", false));
    note(w, tree_putb(t, "internal", false));
    note(w, tree_put(t, "arguments", tree_map()));
}

/* Returns the map of its arguments, to add to; NULL when out of memory. */
static struct tree *queue(struct writer *w, const char *name, bool classic)
{
    struct tree *t = entry(w, w->queues);
    if (!t)
        return NULL;
    struct tree *arguments = tree_map();
    note(w, tree_puts(t, "name", name));
    note(w, tree_putb(t, "durable", true));
    note(w, tree_putb(t, "auto_delete", false));
    note(w, arguments ? tree_puts(arguments, "x-queue-type", classic ? "classic" : "quorum")
                      : -ENOMEM);
    note(w, tree_put(t, "arguments", arguments));
    return w->r < 0 ? NULL : arguments;
}

static void binding(struct writer *w, const char *source, const char *key, const char *to)
{
    struct tree *t = entry(w, w->bindings);
    if (!t)
        return;
    note(w, tree_puts(t, "source", source));
    note(w, tree_puts(t, "destination", to));
    note(w, tree_puts(t, "destination_type", "queue"));
    note(w, tree_puts(t, "routing_key", key));
    note(w, tree_put(t, "arguments", tree_map()));
}

static void common(struct writer *w)
{
    exchange(w, AMQP_X_HUB, "direct");
    exchange(w, AMQP_X_BACK, "topic");
    exchange(w, AMQP_X_CONTROL, "fanout");
    exchange(w, AMQP_X_ANSWER, "direct");
    struct tree *names = queue(w, AMQP_Q_NAMES, true);
    if (names)
        note(w, tree_putu(names, "x-max-length", 1));
    binding(w, AMQP_X_BACK, AMQP_Q_NAMES, AMQP_Q_NAMES);
    (void)queue(w, AMQP_Q_MOVING, false);
    binding(w, AMQP_X_BACK, AMQP_Q_MOVING, AMQP_Q_MOVING);
    for (size_t i = 0; i < transport_ladder_n; i++) {
        char name[AMQP_NAME_SIZE];
        amqp_retry_name(transport_ladder[i], name);
        exchange(w, name, "topic");
        struct tree *a = queue(w, name, false);
        if (a) {
            note(w, tree_putu(a, "x-message-ttl", transport_ladder[i]));
            note(w, tree_puts(a, "x-dead-letter-exchange", ""));
            note(w, tree_puts(a, "x-dead-letter-strategy", "at-least-once"));
            note(w, tree_puts(a, "x-overflow", "reject-publish"));
        }
        binding(w, name, "#", name);
    }
}

void amqp_name_of(const char *destination, const char *end, char out[AMQP_NAME_SIZE])
{
    (void)snprintf(out, AMQP_NAME_SIZE, "%s%s", destination, end);
}

static void one_destination(struct writer *w, const struct amqp_destination *d)
{
    char name[AMQP_NAME_SIZE];
    struct tree *a = queue(w, d->name, w->place->classic);
    if (a) {
        note(w, tree_puts(a, "x-overflow", "reject-publish"));
        if (d->strict)
            note(w, tree_putb(a, "x-single-active-consumer", true));
    }
    binding(w, AMQP_X_HUB, d->name, d->name);
    binding(w, AMQP_X_BACK, d->name, d->name);
    if (d->strict) {
        amqp_name_of(d->name, AMQP_HEAD_END, name);
        (void)queue(w, name, w->place->classic);
        binding(w, AMQP_X_BACK, name, name);
    }
    amqp_name_of(d->name, AMQP_DEAD_END, name);
    (void)queue(w, name, w->place->classic);
    binding(w, AMQP_X_BACK, name, name);
}

/* Text as a regular expression that matches just it. */
static int add_quoted(struct buf *b, const char *s)
{
    int r = 0;
    for (; *s && r == 0; s++) {
        if (strchr("\\^$.[]|()?*+{}", *s))
            r = buf_addc(b, '\\');
        r = r < 0 ? r : buf_addc(b, *s);
    }
    return r;
}

static int alternative(struct buf *b, const char *pattern)
{
    int r = buf_adds(b, b->len ? "|" : "^(");
    return r < 0 ? r : buf_adds(b, pattern);
}

static int alternative_name(struct buf *b, const char *name, const char *end_pattern)
{
    int r = buf_adds(b, b->len ? "|" : "^(");
    r = r < 0 ? r : add_quoted(b, name);
    return r < 0 ? r : buf_adds(b, end_pattern);
}

static void put_pattern(struct writer *w, struct tree *t, const char *key, struct buf *b)
{
    if (b->len)
        note(w, buf_adds(b, ")$"));
    note(w, tree_puts(t, key, b->len ? b->p : "^$"));
    buf_reset(b);
}

static void policy(struct writer *w, const struct amqp_destination *d)
{
    struct buf pattern = BUF_INIT(PATTERN_MAX);
    struct tree *t = d->limit_messages || d->limit_bytes ? entry(w, w->policies) : NULL;
    if (!t)
        return;
    struct tree *limits = tree_map();
    note(w, limits ? 0 : -ENOMEM);
    note(w, tree_puts(t, "name", d->name));
    note(w, alternative_name(&pattern, d->name, ""));
    put_pattern(w, t, "pattern", &pattern);
    note(w, tree_puts(t, "apply-to", "queues"));
    note(w, tree_putu(t, "priority", 1));
    if (limits && d->limit_messages)
        note(w, tree_putu(limits, "max-length", d->limit_messages));
    if (limits && d->limit_bytes)
        note(w, tree_putu(limits, "max-length-bytes", d->limit_bytes));
    if (limits)
        note(w, tree_puts(limits, "overflow", "reject-publish"));
    note(w, tree_put(t, "definition", limits));
    buf_done(&pattern);
}

static void permission(struct writer *w, const struct tree *user)
{
    const struct tree *consume = tree_get(user, "consume");
    bool admin = tree_getb(user, "admin", false), takes = consume && consume->n > 0;
    struct buf b = BUF_INIT(PATTERN_MAX);
    struct tree *t = entry(w, w->permissions);
    if (!t)
        return;
    note(w, tree_puts(t, "user", tree_gets(user, "name", NULL)));
    if (admin || takes)
        note(w, alternative(&b, "amq\\.gen-.*"));
    if (admin)
        note(w, alternative(&b, "reeve\\.lock\\..*"));
    put_pattern(w, t, "configure", &b);
    if (admin || tree_getb(user, "publish", false))
        note(w, alternative(&b, "reeve"));
    if (admin || takes)
        note(w, alternative(&b, "amq\\.gen-.*|reeve\\.back|reeve\\.answer|reeve\\.retry\\..*"));
    if (admin)
        note(w, alternative(&b, "reeve\\.control"));
    put_pattern(w, t, "write", &b);
    if (admin)
        note(w, alternative(&b, ".*"));
    else if (takes)
        note(w, alternative(&b, "amq\\.gen-.*|reeve\\.control"));
    for (size_t i = 0; takes && !admin && i < consume->n; i++)
        note(w, alternative_name(&b, consume->child[i]->text, "(\\.head)?"));
    put_pattern(w, t, "read", &b);
    buf_done(&b);
}

static void topic(struct writer *w, const char *user, const char *name, const struct tree *consume,
                  const char *end_pattern)
{
    struct buf b = BUF_INIT(PATTERN_MAX);
    struct tree *t = entry(w, w->topics);
    if (!t)
        return;
    note(w, tree_puts(t, "user", user));
    note(w, tree_puts(t, "exchange", name));
    for (size_t i = 0; i < consume->n; i++)
        note(w, alternative_name(&b, consume->child[i]->text, end_pattern));
    put_pattern(w, t, "write", &b);
    note(w, tree_puts(t, "read", "^$"));
    buf_done(&b);
}

/* Which keys a deliver side may give back with. */
static void topics_of(struct writer *w, const struct tree *user)
{
    const struct tree *consume = tree_get(user, "consume");
    const char *name = tree_gets(user, "name", NULL);
    if (tree_getb(user, "admin", false) || !consume || consume->n == 0)
        return;
    topic(w, name, AMQP_X_BACK, consume, "(\\.head|\\.dead)?");
    for (size_t i = 0; i < transport_ladder_n; i++) {
        char retry[AMQP_NAME_SIZE];
        amqp_retry_name(transport_ladder[i], retry);
        topic(w, name, retry, consume, "");
    }
}

static int users_ok(const struct tree *users, struct err *e)
{
    for (size_t i = 0; users && i < users->n; i++) {
        const struct tree *consume = tree_get(users->child[i], "consume");
        bool bad = !tree_gets(users->child[i], "name", NULL);
        for (size_t k = 0; consume && k < consume->n; k++)
            bad |= !tree_text(consume->child[k]);
        if (bad)
            return err_set(e, -EINVAL, "transport-part",
                           "a user needs a name, and names to consume");
    }
    return 0;
}

static struct tree *put_list(struct writer *w, struct tree *top, const char *key)
{
    struct tree *list = tree_list();
    note(w, tree_put(top, key, list));
    return w->r < 0 ? NULL : list;
}

int amqp_topology_json(const struct amqp_place *place, const struct tree *users, struct tree **ret,
                       struct err *e)
{
    struct writer w = {.place = place};
    struct tree *top = tree_map(), *vhosts = NULL;
    int r = users_ok(users, e);
    if (r == 0 && top) {
        vhosts = put_list(&w, top, "vhosts");
        w.permissions = put_list(&w, top, "permissions");
        w.topics = put_list(&w, top, "topic_permissions");
        w.policies = put_list(&w, top, "policies");
        w.queues = put_list(&w, top, "queues");
        w.exchanges = put_list(&w, top, "exchanges");
        w.bindings = put_list(&w, top, "bindings");
    }
    if (r == 0 && top && w.r == 0) {
        struct tree *v = tree_map();
        note(&w, v ? tree_puts(v, "name", place->vhost) : -ENOMEM);
        note(&w, tree_append(vhosts, v));
        common(&w);
        for (size_t i = 0; i < place->dest_n; i++) {
            one_destination(&w, &place->dest[i]);
            policy(&w, &place->dest[i]);
        }
        for (size_t i = 0; users && i < users->n; i++) {
            permission(&w, users->child[i]);
            topics_of(&w, users->child[i]);
        }
    }
    if (r == 0 && (!top || w.r < 0))
        r = err_set(e, top ? w.r : -ENOMEM, "memory", "out of memory");
    if (r < 0)
        tree_free(top);
    else
        *ret = top;
    return r;
}
