/* SPDX-License-Identifier: Apache-2.0 */
/* amqp_place - reads the "transport" map of a process's part: where the broker is and what the hub
 * has there. Part of amqp_link.h. The compiler of the configuration wrote the map, but it is
 * checked again: what a queue is called must not depend on somebody else's care. */
#include "amqp_link.h"
#include "base/util.h"
#include <errno.h>
#include <string.h>

#define MESSAGE_MAX     (16u << 20)  /* as of the other engine */
#define MESSAGE_CEILING (128u << 20) /* RabbitMQ's max_message_size when nothing is configured */

static int bad_part(struct err *e, const char *what)
{
    return err_set(e, -EINVAL, "transport-part", "the plan's transport part: %s", what);
}

/* Copies the text at `path`; an absent one stays NULL. */
static int take_text(const struct tree *part, const char *path, char **out, struct err *e)
{
    const char *s = tree_gets(part, path, NULL);
    if (s && !(*out = strdup(s)))
        return err_set(e, -ENOMEM, "memory", "out of memory");
    return 0;
}

static int read_brokers(const struct tree *list, struct amqp_place *p, struct err *e)
{
    if (!tree_is_list(list) || list->n == 0 || list->n > AMQP_BROKERS_MAX)
        return bad_part(e, "`brokers` must be a list of 1 to 16");
    for (size_t i = 0; i < list->n; i++) {
        uint64_t port = tree_getu(list->child[i], "port", 0);
        int r = take_text(list->child[i], "host", &p->broker[i].host, e);
        if (r < 0)
            return r;
        p->brokers_n = i + 1;
        if (!p->broker[i].host || !*p->broker[i].host || port == 0 || port > 65535)
            return bad_part(e, "a broker needs a host and a port from 1 to 65535");
        p->broker[i].port = (int)port;
    }
    return 0;
}

static bool ends_with(const char *s, const char *end)
{
    size_t n = strlen(s), m = strlen(end);
    return n >= m && strcmp(s + n - m, end) == 0;
}

/* A name from which the names of its other queues can be made, and which is none of ours. */
static bool name_fits(const char *s)
{
    size_t n = strlen(s);
    return n > 0 && n + sizeof AMQP_HEAD_END <= AMQP_NAME_SIZE && utf8_valid(s, n) &&
           !strpbrk(s, "*#") && /* these mean something in a key of a topic exchange */
           strncmp(s, "amq.", 4) != 0 && strncmp(s, "reeve.", 6) != 0 &&
           !ends_with(s, AMQP_HEAD_END) && !ends_with(s, AMQP_DEAD_END);
}

static int read_destinations(const struct tree *list, struct amqp_place *p, struct err *e)
{
    if (!tree_is_list(list))
        return bad_part(e, "`destinations` must be a list");
    p->dest = xcalloc(list->n + 1, sizeof *p->dest);
    if (!p->dest)
        return err_set(e, -ENOMEM, "memory", "out of memory");
    for (size_t i = 0; i < list->n; i++) {
        const struct tree *t = list->child[i];
        struct amqp_destination *d = &p->dest[i];
        int r = take_text(t, "name", &d->name, e);
        if (r < 0)
            return r;
        p->dest_n = i + 1;
        if (!d->name || !name_fits(d->name))
            return err_set(e, -EINVAL, "transport-part",
                           "\"%s\" cannot be the name of a destination in RabbitMQ (154 bytes at "
                           "most; no `*` or `#`; not amq.…, reeve.…, ….head or ….dead)",
                           d->name ? d->name : "");
        d->strict = strcmp(tree_gets(t, "order", "free"), "strict") == 0;
        d->limit_messages = tree_getu(t, "limit_messages", 0);
        d->limit_bytes = tree_getu(t, "limit_bytes", 0);
    }
    return 0;
}

static int read_security(const struct tree *part, struct amqp_place *p, struct err *e)
{
    p->tls = tree_is_map(tree_get(part, "tls"));
    p->external = tree_getb(part, "external", false);
    int r = take_text(part, "user", &p->user, e);
    r = r < 0 ? r : take_text(part, "password", &p->password, e);
    r = r < 0 ? r : take_text(part, "tls/ca", &p->ca, e);
    r = r < 0 ? r : take_text(part, "tls/certificate", &p->certificate, e);
    r = r < 0 ? r : take_text(part, "tls/key", &p->key, e);
    if (r < 0)
        return r;
    if (p->tls && !p->ca)
        return bad_part(e, "`tls` needs `ca`: the broker's certificate is always verified");
    if (!p->certificate != !p->key)
        return bad_part(e, "`certificate` and `key` belong together");
    if (p->external && !p->certificate)
        return bad_part(e, "`external` needs a client certificate");
    if (!p->external && (!p->user || !p->password))
        return bad_part(e, "`user` and `password`, or `external` with a certificate");
    return 0;
}

static int read_part(const struct tree *part, struct amqp_place *p, struct err *e)
{
    uint64_t max = tree_getu(part, "message_max", MESSAGE_MAX);
    p->message_max = max > MESSAGE_CEILING ? MESSAGE_CEILING : (size_t)max;
    p->classic = strcmp(tree_gets(part, "queue", "quorum"), "classic") == 0;
    int r = read_brokers(tree_get(part, "brokers"), p, e);
    r = r < 0 ? r : take_text(part, "vhost", &p->vhost, e);
    r = r < 0 ? r : take_text(part, "name", &p->name, e);
    r = r < 0 ? r : take_text(part, "machine", &p->machine, e);
    r = r < 0 ? r : read_security(part, p, e);
    r = r < 0 ? r : read_destinations(tree_get(part, "destinations"), p, e);
    if (r < 0)
        return r;
    if (p->machine && tree_is_list(tree_get(part, "machines")) &&
        !(p->machines = tree_copy(tree_get(part, "machines"))))
        return err_set(e, -ENOMEM, "memory", "out of memory");
    return p->vhost && p->name ? 0 : bad_part(e, "`vhost` and `name` are needed");
}

int amqp_place_read(const struct tree *part, struct amqp_place *ret, struct err *e)
{
    struct amqp_place p = {.next = 0};
    int r = read_part(part, &p, e);
    if (r < 0)
        amqp_place_done(&p);
    else
        *ret = p;
    return r;
}

void amqp_place_done(struct amqp_place *p)
{
    if (p->password)
        explicit_bzero(p->password, strlen(p->password));
    for (size_t i = 0; i < p->brokers_n; i++)
        free(p->broker[i].host);
    for (size_t i = 0; i < p->dest_n; i++)
        free(p->dest[i].name);
    char *const texts[] = {p->vhost,   p->user, p->password,    p->name,
                           p->machine, p->ca,   p->certificate, p->key};
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
        free(texts[i]);
    free(p->dest);
    tree_free(p->machines);
    *p = (struct amqp_place){.next = 0};
}

const struct amqp_destination *amqp_place_find(const struct amqp_place *p, const char *name)
{
    for (size_t i = 0; i < p->dest_n; i++)
        if (strcmp(p->dest[i].name, name) == 0)
            return &p->dest[i];
    return NULL;
}
