/* SPDX-License-Identifier: Apache-2.0 */
/* plan_queues - the part of the process that keeps the queues (reeve-spool, or with RabbitMQ the
 * process "amqp"), and the "transport" map by which every other one reaches them. */
#include "planning.h"
#include "base/util.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

struct tree *transport_tree(struct planning *p, const char *process)
{
    char token[SHA256_HEX];
    struct tree *t = tree_map();
    if (amqp_wanted(p->c)) {
        keep(p, amqp_place_tree(p->c, process, p->message_max, t));
        return t;
    }
    config_token(p->key, process, token);
    put_text(p, t, "engine", "spool");
    put_socket(p, t, "spool");
    put_text(p, t, "name", process);
    put_text(p, t, "token", token);
    return t;
}

/* What a process may do, of which the spool makes its guards and `reeve topology` the broker's. */
static void add_right(struct planning *p, struct tree *rights, const char *name, bool publish,
                      const char *consume, bool admin)
{
    char token[SHA256_HEX], hash[SHA256_HEX];
    struct tree *t = tree_map(), *list = tree_list();
    put_text(p, t, "name", name);
    if (amqp_wanted(p->c)) {
        _cleanup_free_ char *user = amqp_user(p->c, name);
        put_text(p, t, "user", user);
    } else {
        config_token(p->key, name, token);
        sha256_hex(token, strlen(token), hash);
        put_text(p, t, "token_sha256", hash);
    }
    keep(p, tree_putb(t, "publish", publish));
    if (consume)
        keep(p, tree_appends(list, consume));
    put(p, t, "consume", list);
    keep(p, tree_putb(t, "admin", admin));
    keep(p, tree_append(rights, t));
}

static struct tree *rights_tree(struct planning *p, const char *admin)
{
    struct tree *rights = tree_list();
    char name[NAME_LEN_MAX + 16];
    for (size_t i = 0; i < p->c->connectors_n; i++) {
        const struct connector *x = &p->c->connectors[i];
        if (x->receive.present && x->receive.enabled) {
            (void)snprintf(name, sizeof(name), "%.63s.receive", x->name);
            add_right(p, rights, name, true, NULL, false);
        }
        if (x->deliver.present && x->deliver.enabled) {
            (void)snprintf(name, sizeof(name), "%.63s.deliver", x->name);
            add_right(p, rights, name, false, x->name, false);
        }
    }
    add_right(p, rights, admin, true, NULL, true);
    if (console_anywhere(p->c))
        add_right(p, rights, "console", false, NULL, true);
    return rights;
}

static struct tree *queues_tree(struct planning *p)
{
    struct tree *queues = queue_list(p->c);
    size_t n = 0;
    keep(p, queues ? 0 : -ENOMEM);
    for (size_t i = 0; queues && i < p->c->connectors_n; i++) {
        if (p->c->connectors[i].deliver.present)
            put_was(p, queues->child[n++], &p->c->connectors[i], "");
    }
    return queues;
}

void add_queues(struct planning *p)
{
    bool amqp = amqp_wanted(p->c);
    const char *name = amqp ? "amqp" : "spool";
    struct tree *part = part_new(p, name, name);
    if (amqp) {
        put(p, part, "transport", transport_tree(p, name));
    } else {
        char hex[SHA256_HEX];
        hex_lower(p->key, sizeof(p->key), hex);
        put_socket(p, part, name);
        put_text(p, part, "key", hex);
    }
    put(p, part, "destinations", queues_tree(p));
    put(p, part, "rights", rights_tree(p, amqp ? name : "admin"));
    if (!amqp) {
        put_number(p, part, "message_max", p->message_max);
        put_number(p, part, "keep_free", p->keep_free);
    }
    put(p, part, "retention", retention_tree(p, name));
}
