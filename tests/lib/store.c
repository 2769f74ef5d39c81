/* SPDX-License-Identifier: Apache-2.0 */
/* store - see store.h. */
#include "lib/store.h"
#include "lib/remove_tree.h"
#include <libpq-fe.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

static char dir[128], schema[64], conninfo[1024];

bool store_is_shared(void)
{
    const char *which = getenv("REEVE_STATE");
    return which && strcmp(which, "postgresql") == 0;
}

const char *store_directory(void)
{
    return dir;
}

const char *store_conninfo(void)
{
    return conninfo;
}

static int tell_server(const char *sql)
{
    const char *server = getenv("REEVE_POSTGRESQL");
    PGconn *c = PQconnectdb(server ? server : "");
    PGresult *r = PQstatus(c) == CONNECTION_OK ? PQexec(c, sql) : NULL;
    int rc = PQresultStatus(r) == PGRES_COMMAND_OK ? 0 : -1;
    if (rc < 0)
        print_message("%s: %s", sql, PQerrorMessage(c));
    PQclear(r);
    PQfinish(c);
    return rc;
}

static int make_schema(void)
{
    static unsigned n;
    char sql[128];
    const char *server = getenv("REEVE_POSTGRESQL");
    if (!server) {
        print_message("REEVE_POSTGRESQL names no server\n");
        return -1;
    }
    (void)snprintf(schema, sizeof(schema), "test_%d_%u", (int)getpid(), n++);
    (void)snprintf(conninfo, sizeof(conninfo), "%s options='-c search_path=%s'", server, schema);
    (void)snprintf(sql, sizeof(sql), "CREATE SCHEMA %s", schema);
    return tell_server(sql);
}

int store_init(void **state)
{
    (void)state;
    const char *tmp = getenv("TMPDIR");
    (void)snprintf(dir, sizeof(dir), "%s/reeve-state-XXXXXX", tmp ? tmp : "/tmp");
    if (!mkdtemp(dir))
        return -1;
    return store_is_shared() ? make_schema() : 0;
}

int store_done(void **state)
{
    char sql[128];
    (void)state;
    (void)snprintf(sql, sizeof(sql), "SET client_min_messages = warning; DROP SCHEMA %s CASCADE",
                   schema);
    int rc = store_is_shared() ? tell_server(sql) : 0;
    return remove_tree(dir) < 0 ? -1 : rc;
}

struct tree *store_part(const char *process)
{
    struct tree *t = tree_map();
    if (store_is_shared()) {
        assert_int_equal(tree_puts(t, "engine", "postgresql"), 0);
        assert_int_equal(tree_puts(t, "conninfo", conninfo), 0);
        assert_int_equal(tree_puts(t, "process", process), 0);
    } else {
        assert_int_equal(tree_put(t, "path", tree_scalarf(false, "%s/%s.db", dir, process)), 0);
    }
    return t;
}

void store_needs_server(void)
{
    if (!store_is_shared()) {
        print_message("SKIP: a file is not shared (REEVE_STATE=postgresql)\n");
        skip();
    }
}

void store_needs_file(void)
{
    if (store_is_shared()) {
        print_message("SKIP: it is about a file and its disk (REEVE_STATE=sqlite)\n");
        skip();
    }
}

void store_server(const char *what)
{
    char command[512];
    const char *where = getenv("REEVE_POSTGRESQL_DIR");
    assert_non_null(where);
    (void)snprintf(command, sizeof(command), "contrib/servers/postgresql %s '%s' >/dev/null", what,
                   where);
    assert_int_equal(system(command), 0);
}

long store_sql(const char *sql)
{
    PGconn *c = PQconnectdb(conninfo);
    PGresult *r = PQexec(c, sql);
    if (PQresultStatus(r) != PGRES_COMMAND_OK && PQresultStatus(r) != PGRES_TUPLES_OK)
        fail_msg("%s: %s", sql, PQerrorMessage(c));
    long n = PQntuples(r) > 0 ? strtol(PQgetvalue(r, 0, 0), NULL, 10) : 0;
    PQclear(r);
    PQfinish(c);
    return n;
}

struct state *store_open(void)
{
    return store_open_as("s");
}

struct state *store_open_as(const char *process)
{
    struct state *s = NULL;
    struct err e;
    struct tree *part = store_part(process);
    int r = state_open(part, &s, &e);
    tree_free(part);
    if (r < 0)
        fail_msg("%s: %s", e.code, e.text);
    return s;
}
