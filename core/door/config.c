/* SPDX-License-Identifier: Apache-2.0 */
/* config - see config.h. The compiler has checked all this; it is checked again because this
 * process faces the world. */
#include "config.h"
#include "base/door_wire.h"
#include "base/util.h"
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#define DEFAULT_MAX_BODY    (200u << 20)
#define DEFAULT_DEADLINE_MS 120000u
#define DEFAULT_CONNECTIONS 1000u
#define CONSOLE_PATH        "/-/console"
#define CONSOLE_BODY_MAX    DOOR_INLINE_MAX /* its forms */

int address_parse(const char *text, struct sockaddr_storage *ret, socklen_t *ret_len)
{
    char host[64];
    int64_t port;
    const char *colon = strrchr(text, ':');
    if (!colon || (size_t)(colon - text) >= sizeof host || parse_i64(colon + 1, &port) < 0 ||
        port < 0 || port > 65535)
        return -EINVAL;
    size_t n = (size_t)(colon - text);
    bool six = n >= 2 && text[0] == '[' && text[n - 1] == ']';
    memcpy(host, text + six, n - (six ? 2 : 0));
    host[n - (six ? 2 : 0)] = '\0';
    memset(ret, 0, sizeof *ret);
    if (six || n == 0) {
        struct sockaddr_in6 a = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port)};
        if (n > 0 && inet_pton(AF_INET6, host, &a.sin6_addr) != 1)
            return -EINVAL;
        memcpy(ret, &a, sizeof a);
        *ret_len = sizeof a;
    } else {
        struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
        if (inet_pton(AF_INET, strcmp(host, "localhost") == 0 ? "127.0.0.1" : host, &a.sin_addr) !=
            1)
            return -EINVAL;
        memcpy(ret, &a, sizeof a);
        *ret_len = sizeof a;
    }
    return 0;
}

bool address_is_loopback(const struct sockaddr_storage *a)
{
    if (a->ss_family == AF_INET) {
        struct sockaddr_in in;
        memcpy(&in, a, sizeof in);
        return (ntohl(in.sin_addr.s_addr) >> 24) == 127;
    }
    struct sockaddr_in6 in6;
    memcpy(&in6, a, sizeof in6);
    return a->ss_family == AF_INET6 && IN6_IS_ADDR_LOOPBACK(&in6.sin6_addr);
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static int read_digest(const char *hex, uint8_t out[SHA256_LEN])
{
    if (!hex || strlen(hex) != 2 * (size_t)SHA256_LEN)
        return -EINVAL;
    for (size_t i = 0; i < SHA256_LEN; i++) {
        int a = hex_digit(hex[2 * i]), b = hex_digit(hex[2 * i + 1]);
        if (a < 0 || b < 0)
            return -EINVAL;
        out[i] = (uint8_t)(a << 4 | b);
    }
    return 0;
}

static int read_tokens(const struct tree *list, struct door_tokens *ret, const char *of,
                       struct err *e)
{
    size_t n = tree_is_list(list) ? list->n : 0;
    ret->digest = n ? xcalloc(n, sizeof *ret->digest) : NULL;
    if (n && !ret->digest)
        return err_set(e, -ENOMEM, "memory", "out of memory");
    for (size_t i = 0; i < n; i++)
        if (read_digest(tree_text(list->child[i]), ret->digest[i]) < 0)
            return err_set(e, -EINVAL, "door-path", "path %s: a token digest is none", of);
    ret->n = n;
    return 0;
}

static int read_path(const struct tree *t, const struct door_config *c, struct door_path *p,
                     struct err *e)
{
    const struct tree *tokens = tree_get(t, "bearer_sha256");
    p->path = tree_gets(t, "path", "");
    p->connector = tree_gets(t, "connector", "");
    p->socket = tree_gets(t, "socket", "");
    p->max_body = tree_getu(t, "max_body", tree_getu(c->part, "max_body", DEFAULT_MAX_BODY));
    size_t len = strlen(p->path);
    if (len < 2 || p->path[0] != '/' || p->path[len - 1] == '/' || strncmp(p->path, "/-", 2) == 0 ||
        len > 1024)
        return err_set(e, -EINVAL, "door-path", "path \"%s\" cannot be served", p->path);
    if (p->socket[0] != '/')
        return err_set(e, -EINVAL, "door-path", "path %s: no socket", p->path);
    if (!tokens || tokens->n == 0)
        return address_is_loopback(&c->address)
                   ? 0
                   : err_set(e, -EINVAL, "door-open",
                             "path %s is open to all and the door is not on loopback", p->path);
    return read_tokens(tokens, &p->bearer, p->path, e);
}

static int read_console(const struct tree *t, struct door_path *p, struct err *e)
{
    *p = (struct door_path){.path = CONSOLE_PATH,
                            .connector = "console",
                            .socket = tree_gets(t, "socket", ""),
                            .max_body = CONSOLE_BODY_MAX,
                            .console = true};
    return p->socket[0] == '/' ? 0
                               : err_set(e, -EINVAL, "door-path", "path %s: no socket", p->path);
}

static int read_address(struct door_config *c, struct err *e)
{
    c->listen = tree_gets(c->part, "listen", "127.0.0.1:8480");
    c->certificate = tree_gets(c->part, "tls/certificate", NULL);
    c->key = tree_gets(c->part, "tls/key", c->certificate);
    if (address_parse(c->listen, &c->address, &c->address_len) < 0)
        return err_set(e, -EINVAL, "door-listen", "listen: \"%s\" is not ADDRESS:PORT", c->listen);
    if (!c->certificate && !address_is_loopback(&c->address))
        return err_set(e, -EINVAL, "door-plain",
                       "plain HTTP is served on loopback only, not on %s: set tls", c->listen);
    return 0;
}

static int read_all(struct door_config *c, struct err *e)
{
    const struct tree *paths = tree_get(c->part, "paths"), *console = tree_get(c->part, "console");
    const char *data = tree_gets(c->part, "data", NULL);
    size_t n = tree_is_list(paths) ? paths->n : 0;
    c->hub = tree_gets(c->part, "hub", "hub");
    c->behind_proxy = tree_getb(c->part, "behind_proxy", false);
    c->keep_free = tree_getu(c->part, "keep_free", 0);
    c->deadline_ms = tree_getu(c->part, "deadline_ms", DEFAULT_DEADLINE_MS);
    uint64_t most = tree_getu(c->part, "max_connections", DEFAULT_CONNECTIONS);
    c->max_connections = most > 0 && most <= 60000 ? (unsigned)most : DEFAULT_CONNECTIONS;
    if (!data)
        return err_set(e, -EINVAL, "door-part", "the part of the plan has no data directory");
    c->stage_path = path_join(data, "stage");
    c->path = xcalloc(n + 1, sizeof *c->path);
    if (!c->stage_path || !c->path)
        return err_set(e, -ENOMEM, "memory", "out of memory");
    c->stage = c->stage_path;
    int r = read_address(c, e);
    c->local = !c->behind_proxy && address_is_loopback(&c->address);
    if (r == 0)
        r = read_tokens(tree_at(c->part, "metrics/bearer_sha256"), &c->metrics, "/-/metrics", e);
    for (size_t i = 0; r == 0 && i < n; i++) {
        c->paths = i + 1;
        r = read_path(paths->child[i], c, &c->path[i], e);
    }
    if (r == 0 && console)
        r = read_console(console, &c->path[c->paths++], e);
    return r;
}

int door_config_read(const struct tree *part, struct door_config **ret, struct err *e)
{
    struct door_config *c = xcalloc(1, sizeof *c);
    if (!c)
        return err_set(e, -ENOMEM, "memory", "out of memory");
    c->part = part;
    int r = read_all(c, e);
    if (r < 0) {
        door_config_free(c);
        return r;
    }
    *ret = c;
    return 0;
}

void door_config_free(struct door_config *c)
{
    if (!c)
        return;
    for (size_t i = 0; i < c->paths; i++)
        free(c->path[i].bearer.digest);
    free(c->path);
    free(c->metrics.digest);
    free(c->stage_path);
    free(c);
}
