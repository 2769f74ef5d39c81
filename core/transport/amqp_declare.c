/* SPDX-License-Identifier: Apache-2.0 */
/* amqp_declare - makes the broker have what amqp_topology_json() says, checks it, and keeps the
 * list of all names. See amqp_link.h.
 *
 * Declaring is idempotent and deletes nothing. The list of names is one message of a queue; reading
 * or writing it is done under a lock, so that two hubs that begin at once lose none. It is written
 * before anything is declared: a crash leaves a name without a queue, never a queue without a name.
 */
#include "amqp_ask.h"
#include "base/buf.h"
#include "base/util.h"
#include <amqp_framing.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define CHANNEL       1
#define ARGUMENTS_MAX 8u
#define NAMES_MAX     (16u << 20) /* bytes of the list */

static int declare_exchange(amqp_connection_state_t c, const struct tree *t, struct err *e)
{
    const char *name = tree_gets(t, "name", "");
    (void)amqp_exchange_declare(c, CHANNEL, amqp_text(name), amqp_text(tree_gets(t, "type", "")), 0,
                                1, 0, 0, amqp_empty_table);
    char what[AMQP_NAME_SIZE + 32];
    (void)snprintf(what, sizeof what, "declaring exchange %s", name);
    return amqp_ask_reply(c, CHANNEL, what, e);
}

/* A definition's argument as the field of a table. */
static amqp_field_value_t argument(const struct tree *t)
{
    if (!t->plain)
        return (amqp_field_value_t){.kind = AMQP_FIELD_KIND_UTF8,
                                    .value = {.bytes = amqp_text(t->text)}};
    if (strcmp(t->text, "true") == 0 || strcmp(t->text, "false") == 0)
        return (amqp_field_value_t){.kind = AMQP_FIELD_KIND_BOOLEAN,
                                    .value = {.boolean = t->text[0] == 't'}};
    int64_t n = 0;
    (void)parse_i64(t->text, &n); /* amqp_topology.c wrote it */
    return (amqp_field_value_t){.kind = AMQP_FIELD_KIND_I64, .value = {.i64 = n}};
}

static int declare_queue(amqp_connection_state_t c, const struct tree *t, struct err *e)
{
    const char *name = tree_gets(t, "name", "");
    const struct tree *arguments = tree_get(t, "arguments");
    amqp_table_entry_t entry[ARGUMENTS_MAX];
    amqp_table_t table = {.num_entries = 0, .entries = entry};
    for (size_t i = 0; i < arguments->n && i < ARGUMENTS_MAX; i++)
        entry[table.num_entries++] = (amqp_table_entry_t){.key = amqp_text(arguments->key[i]->text),
                                                          .value = argument(arguments->child[i])};
    (void)amqp_queue_declare(c, CHANNEL, amqp_text(name), 0, 1, 0, 0, table);
    char what[AMQP_NAME_SIZE + 32];
    (void)snprintf(what, sizeof what, "declaring queue %s", name);
    return amqp_ask_reply(c, CHANNEL, what, e);
}

static int bind_queue(amqp_connection_state_t c, const struct tree *t, struct err *e)
{
    const char *queue = tree_gets(t, "destination", "");
    (void)amqp_queue_bind(c, CHANNEL, amqp_text(queue), amqp_text(tree_gets(t, "source", "")),
                          amqp_text(tree_gets(t, "routing_key", "")), amqp_empty_table);
    char what[AMQP_NAME_SIZE + 32];
    (void)snprintf(what, sizeof what, "binding queue %s", queue);
    return amqp_ask_reply(c, CHANNEL, what, e);
}

static int declare_all(amqp_connection_state_t c, const struct tree *top, struct err *e)
{
    static const struct {
        const char *list;
        int (*declare)(amqp_connection_state_t c, const struct tree *t, struct err *e);
    } steps[] = {
        {"exchanges", declare_exchange}, {"queues", declare_queue}, {"bindings", bind_queue}};
    int r = 0;
    for (size_t s = 0; s < ARRAY_SIZE(steps); s++) {
        const struct tree *list = tree_get(top, steps[s].list);
        for (size_t i = 0; i < list->n && r == 0; i++)
            r = steps[s].declare(c, list->child[i], e);
    }
    return r;
}

/* ---- the list of names ---- */

static int read_names(const struct amqp_got *got, struct tree **ret, struct err *e)
{
    struct tree *t = NULL;
    bool good = got->m.body.len <= NAMES_MAX &&
                tree_from_json(got->m.body.bytes, got->m.body.len, &t, e) == 0 && tree_is_list(t);
    for (size_t i = 0; good && i < t->n; i++)
        good = tree_gets(t->child[i], "name", NULL) &&
               strlen(tree_gets(t->child[i], "name", "")) < AMQP_NAME_SIZE - 8;
    if (good) {
        *ret = t;
        return 0;
    }
    tree_free(t);
    return err_set(e, -EINVAL, "topology",
                   "the message in queue " AMQP_Q_NAMES " is no list of names; purge that queue to "
                   "begin a new one");
}

/* Takes the list under the lock; `got` (when 1 is returned) is to be acknowledged or given back.
 * 0: there is none, and *ret is empty. */
static int take_names(amqp_connection_state_t c, struct tree **ret, struct amqp_got *got,
                      struct err *e)
{
    int r = amqp_ask_lock(c, "names", e);
    r = r < 0 ? r : amqp_ask_get(c, CHANNEL, AMQP_Q_NAMES, got, e);
    if (r < 0)
        return r;
    if (r == 0) {
        *ret = tree_list();
        return *ret ? 0 : err_set(e, -ENOMEM, "memory", "out of memory");
    }
    r = read_names(got, ret, e);
    if (r < 0)
        amqp_got_done(got);
    return r < 0 ? r : 1;
}

/* Ends the confirm mode, too. */
static int end_names(amqp_connection_state_t c, struct err *e)
{
    int r = amqp_ask_give_back(c, CHANNEL, e);
    return r < 0 ? r : amqp_ask_unlock(c, "names", e);
}

static int put_names(amqp_connection_state_t c, const struct tree *names, struct err *e)
{
    struct buf b = BUF_INIT(NAMES_MAX);
    amqp_basic_properties_t props = {._flags = AMQP_BASIC_DELIVERY_MODE_FLAG |
                                               AMQP_BASIC_CONTENT_TYPE_FLAG,
                                     .delivery_mode = AMQP_DELIVERY_PERSISTENT,
                                     .content_type = amqp_text("application/json")};
    int r = tree_to_json(names, &b, false);
    if (r < 0)
        r = err_set(e, r, "memory", "the list of names cannot be written: %s", strerror(-r));
    r = r < 0 ? r : amqp_ask_confirm_mode(c, CHANNEL, e);
    r = r < 0 ? r
              : amqp_ask_publish(c, CHANNEL, AMQP_X_BACK, AMQP_Q_NAMES, &props,
                                 (amqp_bytes_t){.len = b.len, .bytes = b.p}, e);
    buf_done(&b);
    return r;
}

/* In whose configuration it is: as others said, if they are still machines of the hub, and here. */
static struct tree *claims(const struct amqp_place *place, const struct tree *old, bool here)
{
    const struct tree *others = tree_get(old, "machines");
    struct tree *list = tree_list();
    int r = list ? 0 : -ENOMEM;
    for (size_t i = 0; tree_is_list(others) && i < others->n && r == 0; i++) {
        const char *name = tree_text(others->child[i]);
        if (name && strcmp(name, place->machine) != 0 && tree_has(place->machines, name))
            r = tree_appends(list, name);
    }
    if (r == 0 && here)
        r = tree_appends(list, place->machine);
    if (r == 0)
        return list;
    tree_free(list);
    return NULL;
}

static int put_shape(struct tree *t, const struct amqp_destination *d)
{
    int r = tree_puts(t, "order", d->strict ? "strict" : "free");
    r = r < 0 ? r : tree_putu(t, "limit_messages", d->limit_messages);
    return r < 0 ? r : tree_putu(t, "limit_bytes", d->limit_bytes);
}

static int keep_shape(struct tree *t, const struct tree *old)
{
    int r = tree_puts(t, "order", tree_gets(old, "order", "free"));
    r = r < 0 ? r : tree_putu(t, "limit_messages", tree_getu(old, "limit_messages", 0));
    return r < 0 ? r : tree_putu(t, "limit_bytes", tree_getu(old, "limit_bytes", 0));
}

/* old: what the list said of it, NULL: nothing. d: NULL: it is not in our configuration. */
static int add_one(struct tree *list, const struct amqp_place *place, const char *name,
                   const struct tree *old, const struct amqp_destination *d)
{
    struct tree *t = tree_map(), *by = place->machine ? claims(place, old, d != NULL) : NULL;
    bool configured = d || (by && by->n > 0);
    int r = place->machine && !by ? -ENOMEM : tree_puts(t, "name", name);
    r = r < 0 ? r : tree_putb(t, "configured", configured);
    if (r == 0 && configured)
        r = d ? put_shape(t, d) : keep_shape(t, old);
    if (r == 0 && by)
        r = tree_put(t, "machines", TAKE_PTR(by));
    tree_free(by);
    if (r < 0) {
        tree_free(t);
        return r;
    }
    return tree_append(list, t);
}

/* The place's destinations, and of the old list those that are not among them. */
static int merge(const struct amqp_place *place, const struct tree *old, struct tree **ret,
                 struct err *e)
{
    struct tree *list = tree_list();
    int r = list ? 0 : -ENOMEM;
    for (size_t i = 0; i < place->dest_n && r == 0; i++)
        r = add_one(list, place, place->dest[i].name, tree_named(old, place->dest[i].name),
                    &place->dest[i]);
    for (size_t i = 0; old && i < old->n && r == 0; i++) {
        const char *name = tree_gets(old->child[i], "name", "");
        if (!amqp_place_find(place, name))
            r = add_one(list, place, name, old->child[i], NULL);
    }
    if (r < 0) {
        tree_free(list);
        return err_set(e, -ENOMEM, "memory", "out of memory");
    }
    *ret = list;
    return 0;
}

/* Makes the list that of this place; *ret is the whole. */
static int add_names(amqp_connection_state_t c, const struct amqp_place *place, struct tree **ret,
                     struct err *e)
{
    struct amqp_got got;
    struct tree *old = NULL, *names = NULL;
    int r = take_names(c, &old, &got, e);
    bool held = r == 1;
    r = r < 0 ? r : merge(place, old, &names, e);
    r = r < 0 ? r : put_names(c, names, e); /* beyond one the older goes (x-max-length) */
    r = r < 0 || !held ? r : amqp_ask_ack(c, CHANNEL, got.tag, e);
    if (held)
        amqp_got_done(&got);
    tree_free(old);
    if (r < 0) {
        tree_free(names);
        return r;
    }
    *ret = names;
    return end_names(c, e);
}

static int unbind_gone(amqp_connection_state_t c, const struct tree *names, struct err *e)
{
    for (size_t i = 0; i < names->n; i++) {
        const char *name = tree_gets(names->child[i], "name", "");
        if (tree_getb(names->child[i], "configured", false))
            continue;
        (void)amqp_queue_unbind(c, CHANNEL, amqp_text(name), amqp_text(AMQP_X_HUB), amqp_text(name),
                                amqp_empty_table);
        int r = amqp_ask_reply(c, CHANNEL, "unbinding what left the plan", e);
        if (r < 0 && r != -ENOENT) /* the operator may have deleted it */
            return r;
    }
    return 0;
}

static int declare_on(amqp_connection_state_t c, const struct amqp_place *place, struct err *e)
{
    struct tree *top = NULL, *first = NULL, *names = NULL;
    struct amqp_place none = *place; /* what all places have: the list's queue is among it */
    none.dest_n = 0;
    int r = amqp_topology_json(&none, NULL, &first, e);
    r = r < 0 ? r : amqp_topology_json(place, NULL, &top, e);
    r = r < 0 ? r : declare_all(c, first, e);
    r = r < 0 ? r : add_names(c, place, &names, e);
    r = r < 0 ? r : declare_all(c, top, e);
    r = r < 0 ? r : unbind_gone(c, names, e);
    r = r < 0 ? r : amqp_move_mend(c, e);
    tree_free(first);
    tree_free(top);
    tree_free(names);
    return r;
}

int amqp_topology_declare(const struct amqp_place *place, struct err *e)
{
    struct amqp_place at = *place; /* borrows all but `next` */
    amqp_connection_state_t c = NULL;
    int r = amqp_link_open(&at, &c, e);
    if (r == 0)
        r = declare_on(c, place, e);
    amqp_link_close(c);
    return r;
}

int amqp_topology_check(amqp_connection_state_t c, const struct amqp_place *place,
                        const char *const *names, size_t n, struct err *e)
{
    static const char *const exchanges[] = {AMQP_X_HUB, AMQP_X_BACK, AMQP_X_CONTROL, AMQP_X_ANSWER};
    static const char *const ends[] = {"", AMQP_DEAD_END, AMQP_HEAD_END};
    char what[AMQP_NAME_SIZE];
    uint64_t ready;
    int r = 0;
    for (size_t i = 0; i < ARRAY_SIZE(exchanges) && r == 0; i++) {
        (void)amqp_exchange_declare(c, CHANNEL, amqp_text(exchanges[i]), amqp_text(""), 1, 0, 0, 0,
                                    amqp_empty_table);
        r = amqp_ask_reply(c, CHANNEL, "looking for an exchange", e);
    }
    for (size_t i = 0; i < transport_ladder_n && r == 0; i++) {
        amqp_retry_name(transport_ladder[i], what);
        r = amqp_ask_count(c, what, &ready, NULL, e);
    }
    for (size_t i = 0; i < n; i++) {
        const struct amqp_destination *d = amqp_place_find(place, names[i]);
        for (size_t k = 0; k < (d && d->strict ? 3u : 2u) && r == 0; k++) {
            amqp_name_of(names[i], ends[k], what);
            r = amqp_ask_count(c, what, &ready, NULL, e);
        }
    }
    return r < 0 ? err_prefix(e, r, "the broker lacks what the hub needs (`reeve topology`)") : 0;
}

typedef int ask_fn(amqp_connection_state_t c, const char *queue, uint64_t *ret_ready,
                   uint32_t *ret_consumers, struct err *e);

/* 1: something waits under this name, be it dead. */
static int holds_any(amqp_connection_state_t c, const char *name, ask_fn *ask, struct err *e)
{
    static const char *const ends[] = {"", AMQP_DEAD_END, AMQP_HEAD_END};
    for (size_t i = 0; i < ARRAY_SIZE(ends); i++) {
        char queue[AMQP_NAME_SIZE];
        uint64_t ready = 0;
        uint32_t consumers = 0;
        amqp_name_of(name, ends[i], queue);
        int r = ask(c, queue, &ready, &consumers, e);
        if (r < 0 && r != -ENOENT)
            return r;
        if (ready || consumers)
            return 1;
    }
    return 0;
}

static int registry(amqp_connection_state_t c, const struct amqp_place *place, ask_fn *ask,
                    struct tree **ret, struct err *e)
{
    struct amqp_got got;
    struct tree *names = NULL, *list = tree_list();
    int r = list ? take_names(c, &names, &got, e) : err_set(e, -ENOMEM, "memory", "out of memory");
    if (r == 1)
        amqp_got_done(&got);
    r = r < 0 ? r : end_names(c, e);
    if (r == 0 && names->n == 0) { /* imported, never declared */
        tree_free(names);
        names = NULL;
        r = merge(place, NULL, &names, e);
    }
    for (size_t i = 0; r >= 0 && i < names->n; i++) {
        const struct tree *t = names->child[i];
        r = tree_getb(t, "configured", false) ? 1 : holds_any(c, tree_gets(t, "name", ""), ask, e);
        if (r == 1 && tree_append(list, tree_copy(t)) < 0)
            r = err_set(e, -ENOMEM, "memory", "out of memory");
    }
    tree_free(names);
    if (r < 0) {
        tree_free(list);
        return r;
    }
    *ret = list;
    return 0;
}

int amqp_topology_registry(amqp_connection_state_t c, const struct amqp_place *place,
                           struct tree **ret, struct err *e)
{
    return registry(c, place, amqp_ask_count, ret, e);
}

int amqp_topology_names(amqp_connection_state_t c, const struct amqp_place *place,
                        struct tree *list, struct err *e)
{
    struct tree *known = NULL;
    int r = registry(c, place, amqp_ask_sure, &known, e);
    for (size_t i = 0; r == 0 && i < known->n; i++)
        if (tree_appends(list, tree_gets(known->child[i], "name", "")) < 0)
            r = err_set(e, -ENOMEM, "memory", "out of memory");
    tree_free(known);
    return r;
}
