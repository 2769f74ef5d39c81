/* SPDX-License-Identifier: Apache-2.0 */
/* session - one client of the spool: its frames in, its answers out. No polling; server.c does
 * that. */
#ifndef REEVE_SPOOL_SESSION_H
#define REEVE_SPOOL_SESSION_H
#include "rights.h"
#include "spool.h"
#include <stdbool.h>
#include <stdint.h>

struct session;

/* Takes fd. NULL: out of memory (fd is closed). */
struct session *session_new(struct spool *s, const struct rights_list *rights, int fd);
void session_free(struct session *x); /* its jobs go back uncharged */
int session_fd(const struct session *x);
bool session_wants_write(const struct session *x);
bool session_wants_read(const struct session *x);   /* false while its output is not taken */
bool session_has_more(const struct session *x);     /* frames were left for the next turn */
uint64_t session_deadline(const struct session *x); /* monotonic; UINT64_MAX once it has greeted */
/* Reads (when readable) and handles at most a turn's share of frames. */
void session_read(struct session *x, bool readable);
/* Writes what the turn brought. */
void session_write(struct session *x);
/* True when it must be freed: closed, broken, or refused with the refusal written. */
bool session_ended(const struct session *x);

/* True once, when it has begun to consume. */
bool session_came(struct session *x);
/* Ends x when its process is dead and `to`, of the same name, has come to consume in its place.
 * Somebody that the dead one left behind still holds the connection open, and what it had in flight
 * would stay with it. */
void session_give_way(struct session *x, const struct session *to);

#endif
