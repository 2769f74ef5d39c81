/* SPDX-License-Identifier: Apache-2.0 */
/* state - `state`: what connectors remember lies in files of this machine, or in PostgreSQL that
 * several hubs share. The plan has it as a conninfo (libpq 34.1.1.1, keyword/value). */
#include "peers.h"
#include "base/util.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define CONNINFO_MAX  (256u << 10)
#define NAME_DATA_LEN 63u /* of an identifier (PostgreSQL 4.1.1) */

static const struct peers servers = {
    .section = "state",
    .engine = "postgresql",
    .alone = "sqlite",
    .alone_is = "files in the data directory",
    .sample = "state: {postgresql: {hosts: a.example, database: reeve, …}}",
    .key = "hosts",
    .one = "a host",
    .noun = "server",
    .example = "a.example:5432, [::1]:5432 or the directory of a socket, /run/postgresql",
    .carries = "all that connectors remember",
    .plain_code = "state-plain",
    .port = 5432,
    .port_tls = 5432,
    .sockets = true,
};

bool state_shared(const struct compile *c)
{
    return tree_is_map(tree_at(c->raw, "state/postgresql"));
}

static char *text_of(struct compile *c, const char *key)
{
    char where[PEERS_WHERE_MAX];
    peers_where(&servers, key, where);
    return get_text(c, c->raw, where);
}

/* ---- checking ---- */

/* It stands in a search path, unquoted: lower case, as it comes out of the server. */
static void check_schema(struct compile *c)
{
    const struct tree *t = peers_of(c, &servers, "schema");
    _cleanup_free_ char *text = t ? text_of(c, "schema") : NULL;
    char q[QUOTE_MAX];
    if (text && (strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789_") != strlen(text) ||
                 (text[0] >= '0' && text[0] <= '9') || strlen(text) > NAME_DATA_LEN))
        error_at(c, t, "bad-value",
                 "`schema` is %s; wanted: lower-case letters, digits and _, at most %u",
                 quote(q, t->text), NAME_DATA_LEN);
}

void state_check(struct compile *c)
{
    const struct tree *map = peers_choose(c, &servers, grammar_state);
    if (!map)
        return;
    peers_check(c, &servers);
    if (tree_get(map, "user"))
        peers_check_login(c, &servers, map, tree_key(tree_get(c->raw, "state"), "postgresql"),
                          "postgresql");
    check_schema(c);
}

/* ---- for the plan ---- */

int conninfo_put(struct buf *out, const char *key, const char *value)
{
    int r = buf_addf(out, "%s%s='", out->len ? " " : "", key);
    for (const char *p = value; r == 0 && *p; p++) {
        if (*p == '\'' || *p == '\\')
            r = buf_addc(out, '\\');
        if (r == 0)
            r = buf_addc(out, *p);
    }
    return r < 0 ? r : buf_addc(out, '\'');
}

static int put_hosts(struct compile *c, struct buf *out)
{
    struct buf hosts = BUF_INIT(CONNINFO_MAX), ports = BUF_INIT(CONNINFO_MAX);
    int r = 0;
    for (size_t i = 0; r == 0 && i < peers_count(c, &servers); i++) {
        struct peer one;
        if (!peers_read(c, &servers, i, &one))
            continue; /* a reference that may be open now: such a plan is not run */
        r = buf_addf(&hosts, "%s%s", hosts.len ? "," : "", one.host);
        r = r < 0 ? r : buf_addf(&ports, "%s%d", ports.len ? "," : "", one.port);
    }
    if (r == 0 && hosts.len)
        r = conninfo_put(out, "host", buf_str(&hosts));
    if (r == 0 && hosts.len)
        r = conninfo_put(out, "port", buf_str(&ports));
    buf_done(&hosts);
    buf_done(&ports);
    return r;
}

static int put_key(struct compile *c, struct buf *out, const char *name, const char *key, bool path)
{
    char where[PEERS_WHERE_MAX];
    peers_where(&servers, key, where);
    char *text = path ? get_path(c, c->raw, where) : get_text(c, c->raw, where);
    int r = text ? conninfo_put(out, name, text) : 0;
    if (text)
        explicit_bzero(text, strlen(text));
    free(text);
    return r;
}

static int put_options(struct compile *c, struct buf *out)
{
    _cleanup_free_ char *schema = text_of(c, "schema"), *option = NULL;
    if (!schema)
        return 0;
    return asprintf(&option, "-csearch_path=%s", schema) < 0 ? -ENOMEM
                                                             : conninfo_put(out, "options", option);
}

static int compose(struct compile *c, struct buf *out)
{
    int r = put_hosts(c, out);
    r = r < 0 ? r : put_key(c, out, "dbname", "database", false);
    r = r < 0 ? r : put_key(c, out, "user", "user", false);
    r = r < 0 ? r : put_key(c, out, "password", "password", false);
    if (r == 0 && peers_tls(c, &servers))
        r = conninfo_put(out, "sslmode", "verify-full");
    else if (r == 0 && !peers_bool(c, &servers, "tls", true))
        r = conninfo_put(out, "sslmode", "disable");
    r = r < 0 ? r : put_key(c, out, "sslrootcert", "ca", true);
    r = r < 0 ? r : put_key(c, out, "sslcert", "certificate", true);
    r = r < 0 ? r : put_key(c, out, "sslkey", "key", true);
    return r < 0 ? r : put_options(c, out);
}

struct tree *state_tree(struct compile *c)
{
    struct buf conninfo = BUF_INIT(CONNINFO_MAX);
    struct tree *t = tree_map();
    int r = t ? compose(c, &conninfo) : -ENOMEM;
    r = r < 0 ? r : tree_puts(t, "engine", "postgresql");
    r = r < 0 ? r : tree_puts(t, "conninfo", buf_str(&conninfo));
    if (conninfo.p)
        explicit_bzero(conninfo.p, conninfo.len);
    buf_done(&conninfo);
    if (r == 0)
        return t;
    tree_free(t);
    return NULL;
}
