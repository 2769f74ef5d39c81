/* SPDX-License-Identifier: Apache-2.0 */
/* peers - the servers that the hub is a client of (RabbitMQ, PostgreSQL): where they are, who signs
 * their certificate, and who we are there.
 *
 * Passwords and messages do not cross a network in the clear unless the operator says so: without
 * `ca` every one of them must be this machine, or `tls: false` stands there. */
#include "peers.h"
#include "base/util.h"
#include <stdio.h>
#include <string.h>

const struct tree *peers_of(const struct compile *c, const struct peers *p, const char *key)
{
    return tree_get(tree_get(tree_get(c->raw, p->section), p->engine), key);
}

void peers_where(const struct peers *p, const char *key, char out[PEERS_WHERE_MAX])
{
    (void)snprintf(out, PEERS_WHERE_MAX, "%s/%s/%s", p->section, p->engine, key);
}

bool peers_tls(const struct compile *c, const struct peers *p)
{
    return peers_of(c, p, "ca") != NULL;
}

bool peers_bool(struct compile *c, const struct peers *p, const char *key, bool def)
{
    char where[PEERS_WHERE_MAX];
    peers_where(p, key, where);
    return get_bool(c, c->raw, where, def);
}

size_t peers_count(const struct compile *c, const struct peers *p)
{
    return tree_items(peers_of(c, p, p->key));
}

static const struct tree *nth(const struct compile *c, const struct peers *p, size_t i)
{
    return tree_item(peers_of(c, p, p->key), i);
}

/* HOST, HOST:PORT, [IPv6] or [IPv6]:PORT. */
static bool address(const char *text, int port, struct peer *b)
{
    char at_port[300];
    int64_t given = port;
    const char *end = text[0] == '[' ? strchr(text, ']') : strchr(text, ':');
    bool six = text[0] == '[';
    size_t n = !end ? strlen(text) : (size_t)(end - text) + six;
    const char *rest = text + n;
    if (n == 0 || n >= sizeof(b->host) || (six && !end))
        return false;
    if (*rest && (*rest != ':' || parse_i64(rest + 1, &given) < 0 || given < 1 || given > 65535))
        return false;
    memcpy(b->host, text, n);
    b->host[n] = '\0';
    b->port = (int)given;
    b->here = false;
    (void)snprintf(at_port, sizeof(at_port), "%s:%d", b->host, b->port);
    bool number = address_parse(at_port, &b->here);
    if (six) { /* as getaddrinfo() wants it */
        memmove(b->host, b->host + 1, n - 2);
        b->host[n - 2] = '\0';
        return number;
    }
    static const char letters[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_";
    return number || (strspn(b->host, letters) == n && b->host[0] != '-');
}

/* The directory of a Unix socket. */
static bool local(const char *text, int port, struct peer *b)
{
    size_t n = strlen(text);
    if (text[0] != '/' || strchr(text, ',') || n >= sizeof(b->host))
        return false;
    memcpy(b->host, text, n + 1);
    b->port = port;
    b->here = b->socket = true;
    return true;
}

bool peers_read(struct compile *c, const struct peers *p, size_t i, struct peer *ret)
{
    const struct tree *t = nth(c, p, i);
    struct buf text = BUF_INIT(64u << 10);
    char q[QUOTE_MAX];
    int port = peers_tls(c, p) ? p->port_tls : p->port;
    bool known = t->kind == TREE_SCALAR && value_resolve(c, t, &text) == RESOLVED;
    *ret = (struct peer){0};
    bool ok = known && (address(buf_str(&text), port, ret) ||
                        (p->sockets && local(buf_str(&text), port, ret)));
    if (known && !ok)
        error_at(c, t, "bad-value", "%s is %s; wanted: HOST or HOST:PORT, such as %s", p->one,
                 quote(q, t->text), p->example);
    buf_done(&text);
    return ok;
}

bool peers_all_sockets(struct compile *c, const struct peers *p)
{
    for (size_t i = 0; i < peers_count(c, p); i++) {
        struct peer one;
        if (!peers_read(c, p, i, &one) || !one.socket)
            return false;
    }
    return true;
}

/* ---- checking ---- */

const struct tree *peers_choose(struct compile *c, const struct peers *p,
                                const struct field *fields)
{
    const struct tree *t = tree_get(c->raw, p->section), *map = tree_get(t, p->engine);
    const char *text = tree_text(t), *const names[] = {p->alone, p->engine};
    char q[QUOTE_MAX], s[QUOTE_MAX];
    if (!t || (text && strcmp(text, p->alone) == 0))
        return NULL;
    if (text && strcmp(text, p->engine) == 0)
        error_at(c, t, "bad-value", "`%s` wants to know where: %s", p->engine, p->sample);
    else if (!tree_is_map(t))
        error_at(c, t, "bad-value", "`%s` is %s; wanted: %s, %s, or a map with `%s`%s", p->section,
                 text ? quote(q, text) : "a list", p->alone, p->alone_is, p->engine,
                 text ? suggest(s, text, names, ARRAY_SIZE(names)) : "");
    else
        grammar_check(c, fields, t, p->section, false);
    return tree_is_map(map) ? map : NULL;
}

static void check_addresses(struct compile *c, const struct peers *p)
{
    const struct tree *all = peers_of(c, p, p->key);
    bool plain = peers_of(c, p, "tls") && !peers_bool(c, p, "tls", true);
    if (peers_count(c, p) > PEERS_MAX)
        error_at(c, all, "bad-value", "`%s` are %zu; at most %u", p->key, peers_count(c, p),
                 PEERS_MAX);
    for (size_t i = 0; i < peers_count(c, p); i++) {
        struct peer one;
        char q[QUOTE_MAX];
        if (peers_read(c, p, i, &one) && !peers_tls(c, p) && !plain && !one.here)
            error_at(c, nth(c, p, i), p->plain_code,
                     "%s is another machine, and without TLS everybody between could read the "
                     "password and %s: say which authority signs the %s's certificate (`ca: "
                     "ca.pem`), or `tls: false` where nobody is between",
                     quote(q, nth(c, p, i)->text), p->carries, p->noun);
    }
}

static void check_tls(struct compile *c, const struct peers *p)
{
    static const struct {
        const char *key, *begin;
    } files[] = {{"ca", "CERTIFICATE-----"},
                 {"certificate", "CERTIFICATE-----"},
                 {"key", "PRIVATE KEY-----"}};
    const struct tree *tls = peers_of(c, p, "tls");
    if (tls && peers_bool(c, p, "tls", false) && !peers_tls(c, p))
        error_at(c, tls, "missing-key",
                 "`tls: true` wants to know who signs the %s's certificate: `ca: ca.pem`; for the "
                 "authorities of this system /etc/ssl/certs/ca-certificates.crt",
                 p->noun);
    if (tls && tree_text(tls) && strcmp(tls->text, "false") == 0 && peers_tls(c, p))
        error_at(c, tls, "bad-value", "`tls: false` and `ca` contradict each other: take one away");
    for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
        char where[PEERS_WHERE_MAX];
        peers_where(p, files[i].key, where);
        const struct tree *t = peers_of(c, p, files[i].key);
        _cleanup_free_ char *file = t ? get_path(c, c->raw, where) : NULL;
        if (file && !(c->flags & CONFIG_WITHOUT_SECRETS))
            pem_check(c, t, file, files[i].key, files[i].begin);
    }
}

void peers_check(struct compile *c, const struct peers *p)
{
    check_addresses(c, p);
    check_tls(c, p);
}

void peers_check_login(struct compile *c, const struct peers *p, const struct tree *map,
                       const struct tree *at, const char *who)
{
    const struct tree *user = tree_get(map, "user"), *password = tree_get(map, "password"),
                      *certificate = tree_get(map, "certificate"), *key = tree_get(map, "key");
    if (certificate && !key)
        error_at(c, tree_key(map, "certificate"), "missing-key",
                 "%s has a certificate and no `key`", who);
    if (key && !certificate)
        error_at(c, tree_key(map, "key"), "missing-key", "%s has a key and no `certificate`", who);
    if ((certificate || key) && !peers_tls(c, p))
        error_at(c, tree_key(map, certificate ? "certificate" : "key"), "missing-key",
                 "a certificate is shown in TLS only: add `ca: ca.pem`, who signs the %s's own",
                 p->noun);
    if (password && !user)
        error_at(c, tree_key(map, "password"), "missing-key", "%s has a password and no `user`",
                 who);
    if (user && !password && !certificate && !(p->sockets && peers_all_sockets(c, p)))
        error_at(c, tree_key(map, "user"), "missing-key",
                 "%s has a user and no `password: \"${file:secrets/NAME}\"`", who);
    if (!user && !password && !certificate)
        error_at(c, at, "auth-missing",
                 "%s does not say who we are: `user` and `password: \"${file:secrets/NAME}\"`, or "
                 "`certificate` and `key`",
                 who);
}
