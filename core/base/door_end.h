/* SPDX-License-Identifier: Apache-2.0 */
/* door_end - the inner end of the door's conversation (door_wire.h): a process behind the door
 * listens on its socket, reads requests and writes answers, in any order.
 *
 * Nothing blocks: the caller polls. One thread for the end itself; a request is memory of its own
 * and may be handled by another. A door that breaks the rules is cut off; what it asked is answered
 * into nothing. */
#ifndef REEVE_BASE_DOOR_END_H
#define REEVE_BASE_DOOR_END_H
#include "door_wire.h"
#include "err.h"
#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct door_header {
    const char *name, *value; /* name in lower case */
};

struct door_request {      /* door_request_free() it */
    uint64_t peer, number; /* where the answer goes */
    const char *method, *path, *query;
    struct door_header *headers;
    size_t headers_n;
    const char *body; /* zero-terminated; NULL: fd */
    size_t body_len;
    int fd;               /* of a large body, owned; -1 */
    uint64_t deadline_ms; /* monotonic: nobody waits any longer */
    char strings[];       /* the frame, cut into texts */
};
struct frame;
/* Reads a DOOR_REQUEST and takes its descriptor, also on failure. 0, -EPROTO or -ENOMEM. */
int door_request_read(const struct frame *f, struct door_request **ret);
void door_request_free(struct door_request *r); /* NULL is fine */
/* The first value of a header, or NULL. name: in lower case. */
const char *door_request_header(const struct door_request *r, const char *name);

struct door_answer {              /* all borrowed */
    unsigned status, retry_after; /* retry_after: seconds, 0 = none */
    const char *content_type;
    const struct door_header *headers; /* at most DOOR_HEADERS_MAX, as door_wire.h allows */
    size_t headers_n;
    const char *body;
    size_t len;
};

struct door_end;
/* take: called from door_end_run(); the request is its own then, also when it returns false: it
 * cannot be handled, and the connection is ended so that the door tells its sender. Code "socket".
 */
int door_end_open(const char *path, bool (*take)(void *arg, struct door_request *r), void *arg,
                  struct door_end **ret, struct err *e);
void door_end_close(struct door_end *d); /* removes the socket. NULL is fine */
size_t door_end_poll(struct door_end *d, struct pollfd *p, size_t cap);
/* After poll(), with what door_end_poll() filled in: accepts and reads. */
void door_end_run(struct door_end *d, const struct pollfd *p, size_t n);
void door_end_flush(struct door_end *d); /* writes answers as far as the sockets take them */
/* r stays the caller's. An answer that does not fit the wire costs the connection. */
void door_end_answer(struct door_end *d, const struct door_request *r, const struct door_answer *a);

#endif
