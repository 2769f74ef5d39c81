/* SPDX-License-Identifier: Apache-2.0 */
/* conns - the list of connections with deadlines of our own: the library's time-out knows
 * inactivity only, and a sender that trickles is never inactive. Ending one is shutdown(2); the
 * library then sees the end and cleans up.
 *
 * The watchdog: with an event loop of its own the library can spin on input that it never takes (a
 * chunk extension larger than its pool). A connection with unread input that made no progress in
 * three scans is ended. */
#include "door.h"
#include "base/util.h"
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

struct conn *conn_open(struct door *d, int fd)
{
    struct conn *c = xcalloc(1, sizeof *c);
    int one = 1;
    if (!c)
        return NULL;
    c->door = d;
    c->fd = fd;
    c->next = d->conns;
    if (d->conns)
        d->conns->prev = c;
    d->conns = c;
    d->open_conns++;
    d->figures.connections++;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    conn_deadline(c, HEADER_LIMIT_MS);
    return c;
}

void conn_close(struct conn *c)
{
    if (!c)
        return;
    if (c->prev)
        c->prev->next = c->next;
    else
        c->door->conns = c->next;
    if (c->next)
        c->next->prev = c->prev;
    c->door->open_conns--;
    free(c);
}

void conn_deadline(struct conn *c, uint64_t ms)
{
    c->deadline_ms = mono_ms() + ms;
}

static void end(const struct conn *c)
{
    (void)shutdown(c->fd, SHUT_RDWR);
}

static bool stale(struct conn *c)
{
    int waiting = 0;
    if (c->suspended || c->answering || c->calls != c->calls_seen ||
        ioctl(c->fd, FIONREAD, &waiting) < 0 || waiting <= 0) {
        c->calls_seen = c->calls;
        c->stale = 0;
        return false;
    }
    return ++c->stale >= STALE_SCANS;
}

static void scan_one(struct conn *c, uint64_t now)
{
    if (now >= c->deadline_ms) {
        c->door->figures.deadlines++;
        if (c->request && c->request->phase == PHASE_WAITING)
            request_deadline(c->request);
        else
            end(c);
    } else if (stale(c)) {
        c->door->figures.stale++;
        end(c);
    }
}

void conns_scan(struct door *d)
{
    uint64_t now = mono_ms();
    if (now < d->next_scan_ms)
        return;
    d->next_scan_ms = now + SCAN_MS;
    for (struct conn *c = d->conns, *next; c; c = next) {
        next =
            c->next; /* nothing above closes a connection at once, but nothing promises it either */
        scan_one(c, now);
    }
}

void conns_close_idle(struct door *d)
{
    for (struct conn *c = d->conns; c; c = c->next)
        if (!c->request)
            end(c);
}
