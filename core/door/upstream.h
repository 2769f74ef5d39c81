/* SPDX-License-Identifier: Apache-2.0 */
/* upstream - the door's connection to one process behind it (door_wire.h): one at a time, many
 * requests on it, made again whenever it ends. Never blocks. */
#ifndef REEVE_DOOR_UPSTREAM_H
#define REEVE_DOOR_UPSTREAM_H
#include "base/buf.h"
#include "base/door_end.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct upstream;
struct upstream_answer { /* borrowed */
    uint64_t number;
    uint32_t status, retry_after; /* retry_after: seconds, 0 = none */
    const char *content_type, *body;
    size_t len;
    const struct door_header *field; /* checked: answer_field_ok() */
    size_t fields;
};
struct upstream_space { /* what an answer borrows besides its frame */
    char type[256];
    char name[DOOR_HEADERS_MAX][DOOR_HEADER_NAME_MAX + 1];
    char value[DOOR_HEADERS_MAX][DOOR_HEADER_VALUE_MAX + 1];
    struct door_header field[DOOR_HEADERS_MAX];
};
struct frame;
/* Reads a DOOR_ANSWER. 0 or -EPROTO: the other end is not to be trusted. */
int upstream_read_answer(const struct frame *f, struct upstream_space *space,
                         struct upstream_answer *ret);
struct upstream_events {
    void *arg;
    void (*answer)(void *arg, const struct upstream_answer *a);
    void (*lost)(void *arg, struct upstream *u); /* what was under way on it will not be answered */
};

/* path: of the socket; borrowed. NULL: out of memory. Nothing is connected yet. */
struct upstream *upstream_new(const char *path, const struct upstream_events *events);
void upstream_free(struct upstream *u);
const char *upstream_path(const struct upstream *u);
bool upstream_up(const struct upstream *u);
/* Up, or connected now: asked before a body is let in. */
bool upstream_try(struct upstream *u);
bool upstream_blocked(const struct upstream *u); /* it does not read what was sent */
/* A frame; fd as in channel_send(). 0, or negative errno: not sent (-ENOTCONN: it is gone). */
int upstream_send(struct upstream *u, uint16_t type, const struct buf *payload, int fd);
int upstream_fd(const struct upstream *u, short *ret_events); /* -1: not connected */
void upstream_run(struct upstream *u);                        /* reads, writes, calls back */
void upstream_tick(struct upstream *u, uint64_t now_ms);      /* connects again when it is time */

#endif
