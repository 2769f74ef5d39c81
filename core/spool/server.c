/* SPDX-License-Identifier: Apache-2.0 */
/* server - who is connected, who has something to say, and one turn of the spool after the other.
 *
 * A turn takes what all clients have sent so far, and while it is being written to disk the next
 * batch collects in their sockets: that is the group commit, without a timer that would make a
 * lonely message wait. */
#include "server.h"
#include "session.h"
#include "spool.h"
#include "base/log.h"
#include "base/util.h"
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#define CLIENTS_MAX 1024u
#define LISTEN_MAX  128

struct server {
    struct spool *spool;
    struct rights_list *rights;
    int listener;
    char *path;
    struct session **clients;
    size_t n, cap;
    struct pollfd *polls; /* listener, also, then one for each client */
    size_t polls_cap;
};

static int listen_on(const char *path, struct err *e)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    size_t len = strlen(path);
    if (path[0] != '/' || len >= sizeof a.sun_path)
        return err_set(e, -ENAMETOOLONG, "spool-part",
                       "the spool's socket needs an absolute path of at most %zu bytes",
                       sizeof a.sun_path - 1);
    memcpy(a.sun_path, path, len);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return err_set(e, -errno, "spool-socket", "cannot make a socket: %s", strerror(errno));
    (void)unlink(path);
    mode_t old = umask(0177); /* private from its first moment */
    int r = bind(fd, (const struct sockaddr *)&a, sizeof a) < 0 ? -errno : 0;
    (void)umask(old);
    if (r == 0 && listen(fd, LISTEN_MAX) < 0)
        r = -errno;
    if (r == 0)
        return fd;
    (void)close(fd);
    return err_set(e, r, "spool-socket", "cannot listen on %s: %s", path, strerror(-r));
}

int server_open(const struct tree *part, struct server **ret, struct err *e)
{
    const char *path = tree_gets(part, "socket", NULL);
    if (!path)
        return err_set(e, -EINVAL, "spool-part", "the spool's part of the plan names no socket");
    struct server *s = xcalloc(1, sizeof *s);
    if (!s)
        return err_set(e, -ENOMEM, "memory", "out of memory");
    s->listener = -1;
    int r = rights_read(part, &s->rights, e);
    if (r == 0)
        r = spool_open(part, &s->spool, e);
    if (r == 0) {
        r = s->listener = listen_on(path, e);
        r = r < 0 ? r : 0;
    }
    if (r == 0 && !(s->path = strdup(path)))
        r = err_set(e, -ENOMEM, "memory", "out of memory");
    if (r < 0) {
        server_close(s);
        return r;
    }
    *ret = s;
    return 0;
}

void server_close(struct server *s)
{
    if (!s)
        return;
    for (size_t i = 0; i < s->n; i++)
        session_free(s->clients[i]);
    if (s->listener >= 0) {
        (void)close(s->listener);
        if (s->path)
            (void)unlink(s->path);
    }
    spool_close(s->spool);
    rights_free(s->rights);
    free(s->clients);
    free(s->polls);
    free(s->path);
    free(s);
}

int server_add(struct server *s, int fd)
{
    void *p = s->clients;
    int r = grow_array(&p, &s->cap, s->n + 1, sizeof(struct session *));
    s->clients = p;
    if (r < 0 || s->n >= CLIENTS_MAX) {
        (void)close(fd);
        return r < 0 ? r : -EMFILE;
    }
    struct session *x = session_new(s->spool, s->rights, fd);
    if (!x)
        return -ENOMEM;
    s->clients[s->n++] = x;
    return 0;
}

static void accept_all(struct server *s)
{
    for (int i = 0; i < LISTEN_MAX; i++) {
        int fd = accept4(s->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0) {
            if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED)
                log_warning("spool-socket", NULL, "cannot accept a client: %s", strerror(errno));
            return;
        }
        int room = 1 << 20;
        (void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &room, sizeof room);
        if (server_add(s, fd) < 0)
            log_warning("spool-socket", NULL, "too many clients, or out of memory");
    }
}

static uint64_t earliest(struct server *s, uint64_t timeout_ms)
{
    uint64_t own = spool_timeout(s->spool), now = mono_ms();
    timeout_ms = own < timeout_ms ? own : timeout_ms;
    for (size_t i = 0; i < s->n; i++) {
        uint64_t at = session_deadline(s->clients[i]);
        if (session_has_more(s->clients[i]))
            return 0;
        if (at != UINT64_MAX && at < now + timeout_ms)
            timeout_ms = at > now ? at - now : 0;
    }
    return timeout_ms;
}

/* Returns the number of clients that were asked for, or negative errno. */
static int wait_for(struct server *s, int also, short also_events, uint64_t timeout_ms)
{
    void *p = s->polls;
    int r = grow_array(&p, &s->polls_cap, s->n + 2, sizeof *s->polls);
    s->polls = p;
    if (r < 0)
        return r;
    s->polls[0] = (struct pollfd){.fd = s->n < CLIENTS_MAX ? s->listener : -1, .events = POLLIN};
    s->polls[1] = (struct pollfd){.fd = also, .events = also_events};
    for (size_t i = 0; i < s->n; i++) {
        const struct session *x = s->clients[i];
        s->polls[i + 2] = (struct pollfd){.fd = session_fd(x)};
        if (session_wants_read(x))
            s->polls[i + 2].events |= POLLIN;
        if (session_wants_write(x))
            s->polls[i + 2].events |= POLLOUT;
    }
    uint64_t ms = earliest(s, timeout_ms);
    r = poll(s->polls, s->n + 2, ms > 60000 ? 60000 : (int)ms);
    return r < 0 && errno != EINTR ? -errno : r < 0 ? 0 : r;
}

static void remove_ended(struct server *s)
{
    uint64_t now = mono_ms();
    size_t kept = 0;
    for (size_t i = 0; i < s->n; i++) {
        struct session *x = s->clients[i];
        if (session_ended(x) || session_deadline(x) <= now)
            session_free(x);
        else
            s->clients[kept++] = x;
    }
    s->n = kept;
}

int server_turn(struct server *s, int also, short also_events, uint64_t timeout_ms, bool *ret_also)
{
    int r = wait_for(s, also, also_events, timeout_ms);
    if (r < 0)
        return r;
    size_t n = s->n;
    *ret_also = r > 0 && s->polls[1].revents;
    for (size_t i = 0; i < n; i++) {
        struct session *x = s->clients[i];
        bool readable = r > 0 && (s->polls[i + 2].revents & (POLLIN | POLLHUP | POLLERR));
        if (readable || session_has_more(x))
            session_read(x, readable && session_wants_read(x));
    }
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0, came = session_came(s->clients[i]); came && j < n; j++)
            session_give_way(s->clients[j], s->clients[i]);
    }
    if (r > 0 && s->polls[0].revents)
        accept_all(s);
    spool_turn(s->spool);
    for (size_t i = 0; i < s->n; i++)
        session_write(s->clients[i]);
    remove_ended(s);
    return 0;
}

struct tree *server_status(struct server *s)
{
    struct err e;
    struct tree *t = NULL;
    return spool_status(s->spool, &t, &e) < 0 ? NULL : t;
}

const char *server_trouble(const struct server *s)
{
    return spool_trouble(s->spool);
}

const char *server_disk(const struct server *s, char *out, size_t cap)
{
    return spool_disk(s->spool, out, cap);
}

const char *server_unseen(const struct server *s)
{
    return spool_unseen(s->spool);
}

size_t server_clients(const struct server *s)
{
    return s->n;
}
