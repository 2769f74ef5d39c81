/* SPDX-License-Identifier: Apache-2.0 */
/* store - a fresh place for the state of a test. Which store it is is the fixture's business:
 * REEVE_STATE=sqlite (default) or postgresql; then REEVE_POSTGRESQL is the conninfo of a server of
 * the tests' own (contrib/servers/postgresql), in which each test gets a schema. */
#ifndef TESTS_LIB_STORE_H
#define TESTS_LIB_STORE_H
#include "state/state.h"

int store_init(void **state); /* for cmocka's setup and teardown */
int store_done(void **state);
bool store_is_shared(void);
/* What state_open() takes, for a process of this name; tree_free() it. "s" is what store_open()
 * opens. */
struct tree *store_part(const char *process);
struct state *store_open(void); /* fails the test when it cannot */
const char *store_directory(void);
/* Skips the test, with the reason, unless several processes can share the store. */
void store_needs_server(void);
void store_needs_file(void); /* likewise, unless it is SQLite */
/* Another part of the same store (store_part()); fails the test when it cannot. */
struct state *store_open_as(const char *process);
/* contrib/servers/postgresql WHAT on the server of the tests; fails the test when it does. */
void store_server(const char *what);
/* One statement of SQL in the test's schema; its first field as a number (0: none). */
long store_sql(const char *sql);
/* libpq's, with the schema of this test as search path. PostgreSQL only. */
const char *store_conninfo(void);

#endif
