/* SPDX-License-Identifier: Apache-2.0 */
/* receipt - the name of a document: the SHA-256 of its bytes, which the sender can compute too.
 *
 * A CloudEvent in binary mode lies in its headers as much as in its body: two events with equal
 * bodies are two documents, and the second must not pass for the first sent again. Their receipt is
 * over a text: a line "NAME: VALUE" (the value as it was sent, ended by a line feed) for
 * content-type and for each header that begins with ce-, in the order of their names, an empty
 * line, and the body. */
#include "source.h"
#include "base/util.h"
#include <errno.h>
#include <string.h>
#include <unistd.h>

#define NONE SIZE_MAX

static bool of_event(const struct offer *o, size_t i)
{
    return strncmp(o->headers[i].name, "ce-", 3) == 0;
}

static bool before(const struct offer *o, size_t i, size_t j)
{
    int order = strcmp(o->headers[i].name, o->headers[j].name);
    if (order == 0)
        order = strcmp(o->headers[i].value, o->headers[j].value);
    return order < 0 || (order == 0 && i < j);
}

/* The header that comes behind `last` in order (NONE: the first of all). There are few. */
static size_t next_header(const struct offer *o, size_t last)
{
    size_t next = NONE;
    for (size_t i = 0; i < o->headers_n; i++)
        if ((of_event(o, i) || strcmp(o->headers[i].name, "content-type") == 0) &&
            (last == NONE || before(o, last, i)) && (next == NONE || before(o, i, next)))
            next = i;
    return next;
}

static void add_headers(struct digest *d, const struct offer *o)
{
    bool binary = false;
    for (size_t i = 0; i < o->headers_n; i++)
        binary = binary || of_event(o, i);
    if (!binary)
        return;
    for (size_t i = next_header(o, NONE); i != NONE; i = next_header(o, i)) {
        digest_add(d, o->headers[i].name, strlen(o->headers[i].name));
        digest_add(d, ": ", 2);
        digest_add(d, o->headers[i].value, strlen(o->headers[i].value));
        digest_add(d, "\n", 1);
    }
    digest_add(d, "\n", 1);
}

static int add_file(struct digest *d, int fd, struct err *e)
{
    static char piece[256 << 10]; /* the plugin thread is the only user */
    off_t at = 0;
    for (;;) {
        ssize_t n = pread(fd, piece, sizeof(piece), at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return err_set(e, -errno, "document-read", "the document cannot be read: %s",
                           strerror(errno));
        if (n == 0)
            return 0;
        digest_add(d, piece, (size_t)n);
        at += n;
    }
}

int receipt_of(struct digest *d, const struct offer *o, uint8_t out[SHA256_LEN], struct err *e)
{
    digest_start(d);
    int rc = 0;
    add_headers(d, o);
    if (o->fd >= 0)
        rc = add_file(d, o->fd, e);
    else
        digest_add(d, o->p, o->len);
    digest_end(d, out);
    return rc;
}
