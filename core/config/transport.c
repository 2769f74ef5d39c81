/* SPDX-License-Identifier: Apache-2.0 */
/* transport - `transport`: the embedded queue, or where RabbitMQ is and who we are there.
 *
 * Passwords and messages do not cross a network in the clear unless the operator says so: without
 * `ca` every broker must be this machine, or `tls: false` stands there. */
#include "compile.h"
#include "base/util.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define AMQP            "transport/amqp/"
#define BROKERS_MAX     16u
#define SHORT_TEXT_MAX  255u /* AMQP 0-9-1 section 4.2.5.3, short strings */
#define AMQP_PORT       5672
#define AMQPS_PORT      5671
#define MESSAGE_CEILING (128u << 20) /* what RabbitMQ takes if nobody says otherwise; 4: 16 MiB */

struct broker {
    char host[256];
    int port;
    bool loopback;
};

bool amqp_wanted(const struct compile *c)
{
    return tree_is_map(tree_at(c->raw, "transport/amqp"));
}

static const struct tree *of(const struct compile *c, const char *key)
{
    return tree_get(tree_at(c->raw, "transport/amqp"), key);
}

static size_t count(const struct tree *t)
{
    return !t ? 0 : tree_is_list(t) ? t->n : 1;
}

static const struct tree *nth(const struct tree *t, size_t i)
{
    return tree_is_list(t) ? t->child[i] : t;
}

/* HOST, HOST:PORT, [IPv6] or [IPv6]:PORT. */
static bool broker_parse(const char *text, int port, struct broker *b)
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
    b->loopback = false;
    (void)snprintf(at_port, sizeof(at_port), "%s:%d", b->host, b->port);
    bool number = address_parse(at_port, &b->loopback);
    if (six) { /* as getaddrinfo() wants it */
        memmove(b->host, b->host + 1, n - 2);
        b->host[n - 2] = '\0';
        return number;
    }
    static const char letters[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_";
    return number || (strspn(b->host, letters) == n && b->host[0] != '-');
}

/* ---- checking ---- */

/* Whether the text could be read and was fit; problems of the reference itself are reported. */
static bool broker_read(struct compile *c, const struct tree *t, bool tls, struct broker *b)
{
    struct buf text = BUF_INIT(64u << 10);
    char q[QUOTE_MAX];
    bool known = t->kind == TREE_SCALAR && value_resolve(c, t, &text) == RESOLVED,
         ok = known && broker_parse(buf_str(&text), tls ? AMQPS_PORT : AMQP_PORT, b);
    if (known && !ok)
        error_at(c, t, "bad-value",
                 "a broker is %s; wanted: HOST or HOST:PORT, such as a.example:5671 or [::1]:5672",
                 quote(q, t->text));
    buf_done(&text);
    return ok;
}

static bool tls_wanted(struct compile *c)
{
    return of(c, "ca") != NULL;
}

static void check_brokers(struct compile *c)
{
    const struct tree *brokers = of(c, "brokers");
    bool tls = tls_wanted(c), plain = of(c, "tls") && !get_bool(c, c->raw, AMQP "tls", true);
    if (count(brokers) > BROKERS_MAX)
        error_at(c, brokers, "bad-value", "`brokers` are %zu; at most %u", count(brokers),
                 BROKERS_MAX);
    for (size_t i = 0; i < count(brokers); i++) {
        const struct tree *t = nth(brokers, i);
        struct broker b;
        char q[QUOTE_MAX];
        if (broker_read(c, t, tls, &b) && !tls && !plain && !b.loopback)
            error_at(c, t, "broker-plain",
                     "%s is another machine, and without TLS everybody between could read the "
                     "password and all messages: say which authority signs the broker's "
                     "certificate (`ca: ca.pem`), or `tls: false` where nobody is between",
                     quote(q, t->text));
    }
}

static void check_tls(struct compile *c)
{
    static const struct {
        const char *key, *begin;
    } files[] = {{"ca", "CERTIFICATE-----"},
                 {"certificate", "CERTIFICATE-----"},
                 {"key", "PRIVATE KEY-----"}};
    const struct tree *tls = of(c, "tls");
    bool said = get_bool(c, c->raw, AMQP "tls", false);
    if (tls && said && !tls_wanted(c))
        error_at(c, tls, "missing-key",
                 "`tls: true` wants to know who signs the broker's certificate: `ca: ca.pem`; for "
                 "the authorities of this system /etc/ssl/certs/ca-certificates.crt");
    if (tls && tree_text(tls) && strcmp(tls->text, "false") == 0 && tls_wanted(c))
        error_at(c, tls, "bad-value", "`tls: false` and `ca` contradict each other: take one away");
    for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
        char path[64];
        (void)snprintf(path, sizeof(path), AMQP "%s", files[i].key);
        const struct tree *t = of(c, files[i].key);
        _cleanup_free_ char *file = t ? get_path(c, c->raw, path) : NULL;
        if (file && !(c->flags & CONFIG_WITHOUT_SECRETS))
            pem_check(c, t, file, files[i].key, files[i].begin);
    }
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

/* A password with its user, or a certificate with its key, or both. */
static void check_login(struct compile *c, const struct tree *map, const struct tree *at,
                        const char *who)
{
    const struct tree *user = tree_get(map, "user"), *password = tree_get(map, "password"),
                      *certificate = tree_get(map, "certificate"), *key = tree_get(map, "key");
    if (certificate && !key)
        error_at(c, tree_key(map, "certificate"), "missing-key",
                 "%s has a certificate and no `key`", who);
    if (key && !certificate)
        error_at(c, tree_key(map, "key"), "missing-key", "%s has a key and no `certificate`", who);
    if ((certificate || key) && !tls_wanted(c))
        error_at(
            c, tree_key(map, certificate ? "certificate" : "key"), "missing-key",
            "a certificate is shown in TLS only: add `ca: ca.pem`, who signs the broker's own");
    if (password && !user)
        error_at(c, tree_key(map, "password"), "missing-key", "%s has a password and no `user`",
                 who);
    if (user && !password && !certificate)
        error_at(c, tree_key(map, "user"), "missing-key",
                 "%s has a user and no `password: \"${file:secrets/NAME}\"`", who);
    if (!user && !password && !certificate)
        error_at(c, at, "auth-missing",
                 "%s does not say who we are: `user` and `password: \"${file:secrets/NAME}\"`, or "
                 "`certificate` and `key`",
                 who);
    check_short(c, map, "user");
}

void transport_check(struct compile *c)
{
    const struct tree *t = tree_get(c->raw, "transport"), *amqp = tree_get(t, "amqp");
    const char *text = tree_text(t);
    static const char *const names[] = {"spool", "amqp"};
    char q[QUOTE_MAX], s[QUOTE_MAX];
    if (!t || (text && strcmp(text, "spool") == 0))
        return;
    if (text && strcmp(text, "amqp") == 0)
        error_at(c, t, "bad-value",
                 "`amqp` wants to know where: transport: {amqp: {brokers: a.example:5671, vhost: "
                 "hub, …}}");
    else if (text)
        error_at(c, t, "bad-value",
                 "`transport` is %s; wanted: spool, the embedded queue, or a map with `amqp`%s",
                 quote(q, text), suggest(s, text, names, ARRAY_SIZE(names)));
    else if (!tree_is_map(t))
        error_at(c, t, "bad-value",
                 "`transport` is a list; wanted: spool, the embedded queue, or a map with `amqp`");
    else
        grammar_check(c, grammar_transport, t, "transport", false);
    if (!tree_is_map(amqp))
        return;
    check_brokers(c);
    check_tls(c);
    check_short(c, amqp, "vhost");
    check_login(c, amqp, tree_key(t, "amqp"), "amqp");
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
    if (console_wanted(c) && tree_puts(names, "console", "") < 0)
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
    const struct tree *brokers = of(c, "brokers");
    struct tree *list = tree_list();
    int r = list ? 0 : -ENOMEM;
    for (size_t i = 0; r == 0 && i < count(brokers); i++) {
        struct broker b;
        if (!broker_read(c, nth(brokers, i), tls_wanted(c), &b))
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
    if (r == 0 && tls_wanted(c))
        r = tree_put(t, "tls", tls_tree(c, process, &certificate));
    r = r < 0 ? r : tree_putb(t, "external", certificate && !password);
    r = r < 0 ? r : tree_puts(t, "name", process);
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
