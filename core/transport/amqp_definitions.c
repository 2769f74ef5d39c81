/* SPDX-License-Identifier: Apache-2.0 */
/* amqp_definitions - see amqp_definitions.h. */
#include "amqp_definitions.h"
#include "amqp_link.h"
#include <errno.h>
#include <string.h>

static bool of(const struct tree *right, const char *user)
{
    return strcmp(tree_gets(right, "user", ""), user) == 0;
}

static bool first(const struct tree *rights, size_t i)
{
    const char *user = tree_gets(rights->child[i], "user", "");
    for (size_t k = 0; k < i; k++)
        if (of(rights->child[k], user))
            return false;
    return *user != '\0';
}

/* What all processes of one user may do together. */
static int add_user(struct tree *users, const struct tree *rights, const char *user)
{
    struct tree *t = tree_map(), *consume = tree_list();
    bool publish = false, admin = false;
    int r = t && consume ? tree_puts(t, "name", user) : -ENOMEM;
    for (size_t i = 0; r == 0 && i < rights->n; i++) {
        const struct tree *x = rights->child[i], *names = tree_get(x, "consume");
        if (!of(x, user))
            continue;
        publish = publish || tree_getb(x, "publish", false);
        admin = admin || tree_getb(x, "admin", false);
        for (size_t k = 0; r == 0 && tree_is_list(names) && k < names->n; k++)
            r = tree_appends(consume, tree_text(names->child[k]));
    }
    r = r < 0 ? r : tree_putb(t, "publish", publish);
    r = r < 0 ? r : tree_putb(t, "admin", admin);
    if (r < 0) {
        tree_free(consume);
        tree_free(t);
        return r;
    }
    r = tree_put(t, "consume", consume);
    return r < 0 ? r : tree_append(users, t);
}

static struct tree *users_of(const struct tree *rights)
{
    struct tree *users = tree_list();
    int r = users ? 0 : -ENOMEM;
    for (size_t i = 0; r == 0 && tree_is_list(rights) && i < rights->n; i++)
        if (first(rights, i))
            r = add_user(users, rights, tree_gets(rights->child[i], "user", ""));
    if (r == 0)
        return users;
    tree_free(users);
    return NULL;
}

int amqp_definitions(const struct tree *part, struct tree **ret, struct err *e)
{
    struct amqp_place place;
    struct tree *transport = tree_copy(tree_get(part, "transport")),
                *users = users_of(tree_get(part, "rights"));
    int r = transport && users ? 0 : -ENOMEM;
    if (r == 0 && !tree_get(transport, "password")) /* nobody connects */
        r = tree_puts(transport, "password", "");
    r = r < 0 ? err_set(e, r, "memory", "out of memory") : amqp_place_read(transport, &place, e);
    if (r == 0) {
        r = amqp_topology_json(&place, users, ret, e);
        amqp_place_done(&place);
    }
    tree_free(transport);
    tree_free(users);
    return r;
}
