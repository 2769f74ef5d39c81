/* SPDX-License-Identifier: Apache-2.0 */
/* server - the spool's listening socket and event loop. */
#ifndef REEVE_SPOOL_SERVER_H
#define REEVE_SPOOL_SERVER_H
#include "base/err.h"
#include "base/tree.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct server;

/* Opens the store, then listens on part's "socket" (mode 0600; what lay there is replaced, which
 * the lock of the store makes safe). */
int server_open(const struct tree *part, struct server **ret, struct err *e);
void server_close(struct server *s); /* NULL is fine */
/* Adds a connected client; takes fd. For the loop itself and for tests. */
int server_add(struct server *s, int fd);
/* One turn: waits at most timeout_ms for clients or for `also` (a descriptor of the caller, -1 =
 * none; *ret_also tells that it has something), reads, writes one transaction, answers, delivers. 0
 * or negative errno. */
int server_turn(struct server *s, int also, short also_events, uint64_t timeout_ms, bool *ret_also);
size_t server_clients(const struct server *s);
struct tree *server_status(struct server *s); /* NULL: not now */
const char *server_trouble(const struct server *s);
const char *server_disk(const struct server *s, char *out, size_t cap); /* spool_disk() */
const char *server_unseen(const struct server *s);                      /* spool_unseen() */

#endif
