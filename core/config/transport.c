/* SPDX-License-Identifier: Apache-2.0 */
/* transport - `transport`: the embedded queue, or where RabbitMQ is and who we are there. */
#include "peers.h"
#include "base/util.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define AMQP            "transport/amqp/"
#define SHORT_TEXT_MAX  255u         /* AMQP 0-9-1 section 4.2.5.3, short strings */
#define MESSAGE_CEILING (128u << 20) /* what RabbitMQ takes if nobody says otherwise; 4: 16 MiB */

static const struct peers brokers = {
    .section = "transport",
    .engine = "amqp",
    .alone = "spool",
    .alone_is = "the embedded queue",
    .sample = "transport: {amqp: {brokers: a.example:5671, vhost: hub, …}}",
    .key = "brokers",
    .one = "a broker",
    .noun = "broker",
    .example = "a.example:5671 or [::1]:5672",
    .carries = "all messages",
    .plain_code = "broker-plain",
    .port = 5672,
    .port_tls = 5671,
};

bool amqp_wanted(const struct compile *c)
{
    return tree_is_map(tree_at(c->raw, "transport/amqp"));
}

static const struct tree *of(const struct compile *c, const char *key)
{
    return peers_of(c, &brokers, key);
}

static void check_short(struct compile *c, const struct tree *map, const char *key)
{
    const struct tree *t = tree_get(map, key);
    struct buf b = BUF_INIT(64u << 10);
    if (t && t->kind == TREE_SCALAR && value_resolve(c, t, &b) == RESOLVED &&
        b.len > SHORT_TEXT_MAX)
        error_at(c, t, "bad-value", "`%s` is longer than %u bytes", key, SHORT_TEXT_MAX);
    buf_done(&b);
}

static void check_login(struct compile *c, const struct tree *map, const struct tree *at,
                        const char *who)
{
    peers_check_login(c, &brokers, map, at, who);
    check_short(c, map, "user");
}

void transport_check(struct compile *c)
{
    const struct tree *amqp = peers_choose(c, &brokers, grammar_transport);
    if (!amqp)
        return;
    peers_check(c, &brokers);
    check_short(c, amqp, "vhost");
    check_login(c, amqp, tree_key(tree_get(c->raw, "transport"), "amqp"), "amqp");
    if (get_bytes(c, c->raw, "limits/message", 0) > MESSAGE_CEILING)
        warning_at(c, tree_at(c->raw, "limits/message"), "broker-limit",
                   "RabbitMQ takes messages of 128 MiB (version 4: 16 MiB) unless its "
                   "max_message_size says more");
}

/* ---- users: one broker user a process ---- */

static void add_name(struct compile *c, struct tree *names, const struct side *s)
{
    char name[NAME_LEN_MAX + 16];
    (void)snprintf(name, sizeof(name), "%.63s.%s", s->connector->name,
                   s->deliver ? "deliver" : "receive");
    if (s->present && tree_puts(names, name, "") == -ENOMEM)
        c->no_memory = true;
}

void transport_users_check(struct compile *c)
{
    const struct tree *users = of(c, "users");
    struct tree *names = tree_is_map(users) ? tree_map() : NULL;
    char q[QUOTE_MAX], s[QUOTE_MAX];
    if (!names)
        return;
    for (size_t i = 0; i < c->connectors_n; i++) {
        add_name(c, names, &c->connectors[i].receive);
        add_name(c, names, &c->connectors[i].deliver);
    }
    if (console_anywhere(c) && tree_puts(names, "console", "") < 0)
        c->no_memory = true;
    for (size_t i = 0; i < users->n; i++) {
        const char *name = users->key[i]->text;
        char who[2 * QUOTE_MAX];
        (void)snprintf(who, sizeof(who), "user %s", quote(q, name));
        if (!tree_get(names, name))
            error_at(c, users->key[i], "unknown-process",
                     "there is no process %s for a user: CONNECTOR.receive or CONNECTOR.deliver%s",
                     quote(q, name), suggest_key(s, name, names));
        if (tree_is_map(users->child[i]))
            check_login(c, users->child[i], users->key[i], who);
    }
    tree_free(names);
}

/* ---- for the plan ---- */

struct tree *queue_list(struct compile *c)
{
    struct tree *list = tree_list();
    int r = list ? 0 : -ENOMEM;
    for (size_t i = 0; r == 0 && i < c->connectors_n; i++) {
        const struct connector *x = &c->connectors[i];
        const struct tree *given = x->deliver.effective;
        if (!x->deliver.present)
            continue;
        struct tree *t = tree_map();
        r = t ? tree_puts(t, "name", x->name) : -ENOMEM;
        r = r < 0 ? r : tree_puts(t, "order", tree_gets(given, "order", "free"));
        r = r < 0 ? r
                  : tree_putu(t, "limit_messages", get_int(c, given, "limit/messages", 1000000));
        r = r < 0 ? r
                  : tree_putu(t, "limit_bytes",
                              get_bytes(c, given, "limit/bytes", (uint64_t)10 << 30));
        if (r < 0)
            tree_free(t);
        else
            r = tree_append(list, t);
    }
    if (r == 0)
        return list;
    tree_free(list);
    return NULL;
}

/* The value of a process's own login, or of the one for all. */
static char *login(struct compile *c, const char *process, const char *key, bool path)
{
    char where[NAME_LEN_MAX + 64];
    const struct tree *own = tree_get(of(c, "users"), process);
    if (own)
        (void)snprintf(where, sizeof(where), AMQP "users/%s/%s", process, key);
    else
        (void)snprintf(where, sizeof(where), AMQP "%s", key);
    return path ? get_path(c, c->raw, where) : get_text(c, c->raw, where);
}

char *amqp_user(struct compile *c, const char *process)
{
    return login(c, process, "user", false);
}

static struct tree *brokers_tree(struct compile *c)
{
    struct tree *list = tree_list();
    int r = list ? 0 : -ENOMEM;
    for (size_t i = 0; r == 0 && i < peers_count(c, &brokers); i++) {
        struct peer b;
        if (!peers_read(c, &brokers, i, &b))
            continue; /* a reference that may be open now: such a plan is not run */
        struct tree *t = tree_map();
        r = t ? tree_puts(t, "host", b.host) : -ENOMEM;
        r = r < 0 ? r : tree_putu(t, "port", (uint64_t)b.port);
        if (r < 0)
            tree_free(t);
        else
            r = tree_append(list, t);
    }
    if (r == 0)
        return list;
    tree_free(list);
    return NULL;
}

/* What is shown in TLS: the process's own certificate, else the one for all. */
static struct tree *tls_tree(struct compile *c, const char *process, bool *ret_certificate)
{
    _cleanup_free_ char *ca = get_path(c, c->raw, AMQP "ca");
    _cleanup_free_ char *certificate = login(c, process, "certificate", true),
                        *key = login(c, process, "key", true);
    if (!certificate) {
        certificate = get_path(c, c->raw, AMQP "certificate");
        key = get_path(c, c->raw, AMQP "key");
    }
    struct tree *t = tree_map();
    int r = t ? tree_puts(t, "ca", ca) : -ENOMEM;
    r = r < 0 ? r : tree_puts(t, "certificate", certificate);
    r = r < 0 ? r : tree_puts(t, "key", key);
    *ret_certificate = certificate != NULL;
    if (r == 0)
        return t;
    tree_free(t);
    return NULL;
}

int amqp_place_tree(struct compile *c, const char *process, uint64_t message_max, struct tree *t)
{
    _cleanup_free_ char *vhost = get_text(c, c->raw, AMQP "vhost"),
                        *queues = get_text(c, c->raw, AMQP "queues"), *user = amqp_user(c, process),
                        *password = login(c, process, "password", false);
    bool certificate = false;
    int r = tree_puts(t, "engine", "amqp");
    r = r < 0 ? r : tree_put(t, "brokers", brokers_tree(c));
    r = r < 0 ? r : tree_puts(t, "vhost", vhost ? vhost : "/");
    r = r < 0 ? r : tree_puts(t, "user", user ? user : "");
    r = r < 0 ? r : tree_puts(t, "password", password);
    if (r == 0 && peers_tls(c, &brokers))
        r = tree_put(t, "tls", tls_tree(c, process, &certificate));
    r = r < 0 ? r : tree_putb(t, "external", certificate && !password);
    r = r < 0 ? r : tree_puts(t, "name", process);
    r = r < 0 ? r : tree_puts(t, "machine", c->machine);
    if (r == 0 && machines_count(c) > 0)
        r = tree_put(t, "machines", machines_names(c));
    r = r < 0 ? r : tree_puts(t, "queue", queues ? queues : "quorum");
    r = r < 0 ? r : tree_putu(t, "message_max", message_max);
    r = r < 0 ? r : tree_put(t, "destinations", queue_list(c));
    if (r == 0 && (strcmp(process, "amqp") == 0 || strcmp(process, "console") == 0)) {
        _cleanup_free_ char *marks = path_join(c->data, "state/dead-letters.marks");
        r = marks ? tree_puts(t, "marks", marks) : -ENOMEM;
    }
    if (password)
        explicit_bzero(password, strlen(password));
    return r;
}
