/* SPDX-License-Identifier: Apache-2.0 */
/* plan_door - the parts of the door and of the console behind it. Tokens are in them as digests
 * only. */
#include "planning.h"
#include "base/util.h"
#include <stdio.h>
#include <string.h>

static void add_bearer(struct planning *p, struct tree *list, const struct tree *t)
{
    struct buf b = BUF_INIT(64u << 10);
    char hash[SHA256_HEX];
    if (t->kind == TREE_SCALAR && value_resolve(p->c, t, &b) == RESOLVED) {
        sha256_hex(buf_str(&b), b.len, hash);
        keep(p, tree_appends(list, hash));
    }
    if (b.p)
        explicit_bzero(b.p, b.len);
    buf_done(&b);
}

bool pushed(const struct side *s)
{
    return s->present && s->enabled && s->plugin && module_has(s->plugin, "request") &&
           tree_get(s->effective, "path");
}

static struct tree *bearers(struct planning *p, const struct tree *b)
{
    struct tree *list = tree_list();
    for (size_t i = 0; i < tree_items(b); i++)
        add_bearer(p, list, tree_item(b, i));
    return list;
}

static void add_path(struct planning *p, struct tree *paths, const struct connector *x,
                     uint64_t max_body)
{
    struct tree *t = tree_map();
    char name[NAME_LEN_MAX + 16];
    const struct tree *b = tree_at(x->receive.effective, "auth/bearer");
    (void)snprintf(name, sizeof(name), "%.63s.receive", x->name);
    put_text(p, t, "path", tree_gets(x->receive.effective, "path", NULL));
    put_text(p, t, "connector", x->name);
    put_socket(p, t, name);
    put(p, t, "bearer_sha256", bearers(p, b));
    put_number(p, t, "max_body", max_body);
    keep(p, tree_append(paths, t));
}

void add_door(struct planning *p)
{
    struct compile *c = p->c;
    const struct tree *door = c->door;
    if (!door)
        return;
    struct tree *part = part_new(p, "door", "door"), *paths = tree_list();
    uint64_t max_body = get_bytes(c, door, "max_body", 200u << 20);
    _cleanup_free_ char *listen = get_text(c, door, "listen");
    put_text(p, part, "listen", listen ? listen : "");
    if (tree_at(door, "tls")) {
        _cleanup_free_ char *certificate = get_path(c, door, "tls/certificate");
        _cleanup_free_ char *key = get_path(c, door, "tls/key");
        struct tree *tls = tree_map();
        put_text(p, tls, "certificate", certificate);
        put_text(p, tls, "key", key);
        put(p, part, "tls", tls);
    }
    keep(p, tree_putb(part, "behind_proxy", get_bool(c, door, "behind_proxy", false)));
    put_number(p, part, "max_body", max_body);
    put_number(p, part, "deadline_ms", get_duration(c, door, "deadline", 300000));
    put_number(p, part, "keep_free", p->keep_free);
    put_number(p, part, "max_connections", get_int(c, door, "max_connections", 1000));
    if (tree_at(door, "metrics/bearer")) {
        struct tree *metrics = tree_map();
        put(p, metrics, "bearer_sha256", bearers(p, tree_at(door, "metrics/bearer")));
        put(p, part, "metrics", metrics);
    }
    for (size_t i = 0; i < c->connectors_n; i++) {
        if (side_here(c, &c->connectors[i].receive) && pushed(&c->connectors[i].receive))
            add_path(p, paths, &c->connectors[i], max_body);
    }
    put(p, part, "paths", paths);
    if (console_wanted(door)) {
        struct tree *t = tree_map();
        put_socket(p, t, "console");
        put(p, part, "console", t);
    }
}

/* A process of its own: what the door lets to it has not shown a token yet. */
void add_console(struct planning *p)
{
    struct compile *c = p->c;
    const struct tree *door = c->door;
    if (!console_wanted(door))
        return;
    struct tree *part = part_new(p, "console", "console");
    char secret[SHA256_HEX];
    put_socket(p, part, "console");
    put(p, part, "bearer_sha256", bearers(p, tree_at(door, "console/auth/bearer")));
    config_token(p->key, "console-session", secret);
    put_text(p, part, "secret", secret);
    keep(p,
         tree_putb(part, "tls", tree_at(door, "tls") || get_bool(c, door, "behind_proxy", false)));
    put(p, part, "transport", transport_tree(p, "console"));
    keep(p, console_shape(c, part));
}
