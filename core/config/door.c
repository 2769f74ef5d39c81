/* SPDX-License-Identifier: Apache-2.0 */
/* door - what stands behind the door and who may knock: the address, the paths, the tokens.
 *
 * Nothing that others can reach is open to all: without TLS the door stays on this machine, and a
 * path without `auth` is accepted there only, with a warning. */
#include "compile.h"
#include "base/util.h"
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/* ADDRESS:PORT, as the door itself reads it: IPv4, IPv6 in brackets, or localhost; no other names.
 */
bool address_parse(const char *text, bool *ret_loopback)
{
    char host[64];
    uint8_t raw[16];
    const char *colon = strrchr(text, ':');
    int64_t port = 0;
    size_t n = colon ? (size_t)(colon - text) : 0;
    if (n == 0 || n >= sizeof(host) || parse_i64(colon + 1, &port) < 0 || port < 1 || port > 65535)
        return false;
    bool six = n > 2 && text[0] == '[' && text[n - 1] == ']';
    n -= six ? 2 : 0;
    memcpy(host, text + six, n);
    host[n] = '\0';
    if (strcmp(host, "localhost") == 0)
        memcpy(host, "127.0.0.1", sizeof("127.0.0.1"));
    if (inet_pton(six ? AF_INET6 : AF_INET, host, raw) != 1)
        return false;
    static const uint8_t one[16] = {[15] = 1};
    *ret_loopback = six ? memcmp(raw, one, sizeof(one)) == 0 : raw[0] == 127;
    return true;
}

static void check_listen(struct compile *c, const struct tree *door)
{
    const struct tree *t = tree_get(door, "listen");
    _cleanup_free_ char *text = t ? get_text(c, door, "listen") : NULL;
    bool loopback = false;
    char q[QUOTE_MAX];
    if (!t)
        error_at(c, door, "missing-key", "door has no `listen`");
    if (!text)
        return;
    if (!address_parse(text, &loopback)) {
        error_at(c, t, "bad-value",
                 "`listen` is %s; wanted: ADDRESS:PORT such as 127.0.0.1:8480 or [::1]:8480",
                 quote(q, value_has_reference(t) ? t->text : text));
        return;
    }
    c->door_known = true;
    c->door_open |= !loopback || get_bool(c, door, "behind_proxy", false);
    if (!loopback && !tree_get(door, "tls"))
        error_at(c, t, "door-plain",
                 "the door would speak plain HTTP to the network: give it `tls: {certificate, "
                 "key}`, or let "
                 "it listen on 127.0.0.1 behind a proxy that does TLS");
}

void pem_check(struct compile *c, const struct tree *t, const char *file, const char *key,
               const char *begin)
{
    _cleanup_free_ char *text = NULL;
    struct stat st;
    size_t len = 0;
    char q[QUOTE_MAX];
    int r = stat(file, &st) < 0    ? -errno
            : !S_ISREG(st.st_mode) ? -EINVAL
                                   : read_file(file, 1u << 20, &text, &len);
    if (r < 0)
        error_at(c, t, "tls-file", "`%s`: %s: %s", key, quote(q, t->text), strerror(-r));
    else if (!strstr(text, begin))
        error_at(c, t, "tls-file", "`%s`: %s holds no PEM block with %s", key, quote(q, t->text),
                 begin);
    else if (strcmp(key, "key") == 0 && (st.st_mode & 077))
        warning_at(c, t, "secret-readable", "%s can be read by others than its owner: chmod 600",
                   quote(q, t->text));
    if (text)
        explicit_bzero(text, len);
}

static void check_tls(struct compile *c, const struct tree *tls)
{
    static const struct {
        const char *key, *begin;
    } files[] = {{"certificate", "CERTIFICATE-----"}, {"key", "PRIVATE KEY-----"}};
    for (size_t i = 0; tree_is_map(tls) && i < ARRAY_SIZE(files); i++) {
        const struct tree *t = tree_get(tls, files[i].key);
        _cleanup_free_ char *file = t ? get_path(c, tls, files[i].key) : NULL;
        if (file && !(c->flags & CONFIG_WITHOUT_SECRETS))
            pem_check(c, t, file, files[i].key, files[i].begin);
    }
}

static const char *path_fault(const char *p)
{
    size_t n = strlen(p);
    if (p[0] != '/' || n < 2 || n > 200)
        return "a path such as /grants";
    if (p[n - 1] == '/')
        return "a path without `/` at its end";
    if (strspn(p, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._~-") != n)
        return "letters, digits and / . _ ~ -";
    if (strstr(p, "//") || strstr(p, "/./") || strstr(p, "/../") ||
        (n > 2 && strcmp(p + n - 2, "/.") == 0) || (n > 3 && strcmp(p + n - 3, "/..") == 0))
        return "a path without empty, . and .. parts";
    if (strncmp(p, "/-", 2) == 0)
        return "another one: /-/ is the hub's own";
    return strstr(p, "/receipts/") || (n > 9 && strcmp(p + n - 9, "/receipts") == 0)
               ? "another one: PATH/receipts is the hub's own"
               : NULL;
}

static void check_path(struct compile *c, const struct side *s, size_t index)
{
    const struct tree *t = tree_get(s->effective, "path");
    if (!t) {
        if (!module_has(s->plugin, "poll"))
            error_at(c, s->own, "missing-key",
                     "receive of connector `%s` has no `path`: where at the door?",
                     s->connector->name);
        return;
    }
    if (t->kind != TREE_SCALAR)
        return;
    const char *why = path_fault(t->text);
    char q[QUOTE_MAX];
    if (why)
        error_at(c, t, "bad-value", "`path` is %s; wanted: %s", quote(q, t->text), why);
    for (size_t i = 0; i < index; i++) {
        const struct side *o = &c->connectors[i].receive;
        const struct tree *other = o->present ? tree_get(o->effective, "path") : NULL;
        if (tree_text(other) && strcmp(other->text, t->text) == 0)
            error_at(c, t, "path-twice",
                     "the path %s belongs to connector `%s` already, at %s:%u:%u",
                     quote(q, t->text), o->connector->name, other->file, other->line, other->col);
    }
}

static void check_token(struct compile *c, const struct tree *t)
{
    struct buf b = BUF_INIT(64u << 10);
    if (t->kind == TREE_SCALAR && value_has_reference(t) && value_resolve(c, t, &b) == RESOLVED) {
        const char *p = buf_str(&b);
        if (strspn(p, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~+/=") !=
            b.len)
            error_at(c, t, "bad-value",
                     "a bearer token is letters, digits and - . _ ~ + / = (RFC 6750 section 2.1)");
        else if (b.len < 16)
            warning_at(c, t, "secret-weak",
                       "this bearer token has fewer than 16 characters and can be guessed");
    }
    if (b.p)
        explicit_bzero(b.p, b.len);
    buf_done(&b);
}

/* Two parties with one token: each could speak as the other. */
static void check_shared(struct compile *c, const struct tree *t, const struct connector *x,
                         struct tree *seen)
{
    struct buf b = BUF_INIT(64u << 10);
    char hash[SHA256_HEX];
    if (t->kind == TREE_SCALAR && value_has_reference(t) && value_resolve(c, t, &b) == RESOLVED &&
        x->party_name) {
        sha256_hex(buf_str(&b), b.len, hash);
        const char *other = tree_gets(seen, hash, NULL);
        if (other && strcmp(other, x->party_name) != 0)
            warning_at(c, t, "token-shared",
                       "party `%s` shows the same token: each could speak as the other", other);
        else if (!other && tree_puts(seen, hash, x->party_name) < 0)
            c->no_memory = true;
    }
    if (b.p)
        explicit_bzero(b.p, b.len);
    buf_done(&b);
}

static void check_tokens_differ(struct compile *c)
{
    struct tree *seen = tree_map();
    for (size_t i = 0; seen && i < c->connectors_n; i++) {
        const struct side *s = &c->connectors[i].receive;
        const struct tree *t = s->present ? tree_at(s->effective, "auth/bearer") : NULL;
        for (size_t k = 0; k < tree_items(t); k++)
            check_shared(c, tree_item(t, k), &c->connectors[i], seen);
    }
    if (!seen)
        c->no_memory = true;
    tree_free(seen);
}

void tokens_check(struct compile *c, const struct tree *t)
{
    for (size_t i = 0; i < tree_items(t); i++)
        check_token(c, tree_item(t, i));
}

static void check_auth(struct compile *c, const struct side *s)
{
    const struct tree *t = tree_at(s->effective, "auth/bearer");
    if (!tree_get(s->effective, "auth")) {
        if (c->door_open)
            error_at(c, s->own, "auth-missing",
                     "receive of connector `%s` is open to all: add auth: {bearer: "
                     "\"${file:secrets/%s.token}\"}",
                     s->connector->name, s->connector->name);
        else if (c->door_known)
            warning_at(c, s->own, "auth-missing",
                       "receive of connector `%s` is open to every program on this machine: add "
                       "auth: {bearer: \"${file:secrets/%s.token}\"}",
                       s->connector->name, s->connector->name);
    }
    tokens_check(c, t);
}

/* Keys of the door on a side whose plugin is never pushed to. */
static void check_not_pushed(struct compile *c, const struct side *s)
{
    static const char *const keys[] = {"path", "auth"};
    for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
        const struct tree *key = tree_key(s->effective, keys[i]);
        if (key)
            error_at(c, key, "not-pushed",
                     "`%s` is for plugins that are pushed to; %s fetches by itself", keys[i],
                     s->plugin->name);
    }
}

/* The files of another machine lie there. */
static void check_door(struct compile *c, const struct tree *door, bool elsewhere)
{
    unsigned flags = c->flags;
    if (elsewhere)
        c->flags |= CONFIG_WITHOUT_SECRETS;
    check_listen(c, door);
    check_tls(c, tree_get(door, "tls"));
    tokens_check(c, tree_at(door, "metrics/bearer"));
    console_check(c, door);
    c->flags = flags;
}

/* Each machine's; that of this one stays in c->door. */
static void check_doors(struct compile *c, struct tree **doors)
{
    size_t n = machines_count(c);
    for (size_t i = 0; i < n; i++) {
        const char *name = machine_name(c, i);
        doors[i] = machine_door(c, name);
        if (doors[i])
            check_door(c, doors[i], name != c->machine);
    }
    c->door = machine_door(c, c->machine);
    if (n == 0 && c->door)
        check_door(c, c->door, false);
}

/* Whether what is pushed to this side comes in anywhere. */
static bool has_door(const struct compile *c, const struct side *s, struct tree *const *doors)
{
    for (size_t i = 0; i < machines_count(c); i++) {
        if (doors[i] && side_on(s, machine_name(c, i)))
            return true;
    }
    return machines_count(c) == 0 && c->door;
}

void door_check(struct compile *c)
{
    struct tree **doors = xcalloc(machines_count(c) + 1, sizeof(struct tree *));
    bool missing = false;
    if (!doors) {
        c->no_memory = true;
        return;
    }
    check_doors(c, doors);
    for (size_t i = 0; i < c->connectors_n; i++) {
        const struct side *s = &c->connectors[i].receive;
        if (!s->present || !s->plugin)
            continue;
        if (!module_has(s->plugin, "request")) {
            check_not_pushed(c, s);
            continue;
        }
        check_path(c, s, i);
        if (!tree_get(s->effective, "path"))
            continue;
        check_auth(c, s);
        if (!missing && !has_door(c, s, doors)) {
            error_at(c, tree_key(s->effective, "path"), "door-missing",
                     "there is no door for this path: add door: {listen: \"127.0.0.1:8480\"}");
            missing = true; /* once is enough */
        }
    }
    check_tokens_differ(c);
    for (size_t i = 0; i < machines_count(c); i++)
        tree_free(doors[i]);
    free(doors);
}
