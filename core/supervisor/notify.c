/* SPDX-License-Identifier: Apache-2.0 */
/* notify - see notify.h. No library: the protocol is one datagram. */
#include "notify.h"
#include "base/util.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>

#define STATUS_MAX 200

struct notify {
    int fd;
    struct sockaddr_un to;
    socklen_t to_len;
    enum notify_told told;
    char status[STATUS_MAX]; /* the last one sent */
    uint64_t watchdog_ms;    /* between two signs of life; 0: none wanted */
    uint64_t next_ms;
};

enum notify_told notify_next(enum notify_told told, const struct notify_view *v)
{
    if (v->ending || told == NOTIFY_STOPPING)
        return NOTIFY_STOPPING;
    if (told == NOTIFY_NOTHING) /* a reload before that is part of the start */
        return v->settled && !v->reloading ? NOTIFY_READY : NOTIFY_NOTHING;
    return v->reloading ? NOTIFY_RELOADING : NOTIFY_READY;
}

/* The socket's address, or false: none, or not one that the protocol allows. */
static bool address(const char *name, struct notify *n)
{
    size_t len = name ? strlen(name) : 0;
    if ((len < 2 || (name[0] != '/' && name[0] != '@')) || len >= sizeof(n->to.sun_path))
        return false;
    n->to.sun_family = AF_UNIX;
    memcpy(n->to.sun_path, name, len + 1);
    if (name[0] == '@')
        n->to.sun_path[0] = '\0';
    n->to_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len + (name[0] == '/'));
    return true;
}

static uint64_t watchdog_interval(void)
{
    const char *usec = getenv("WATCHDOG_USEC"), *pid = getenv("WATCHDOG_PID");
    int64_t us = 0, who = 0;
    if (!usec || parse_i64(usec, &us) < 0 || us < 2000)
        return 0;
    if (pid && (parse_i64(pid, &who) < 0 || who != (int64_t)getpid()))
        return 0;
    return (uint64_t)us / 2000; /* twice in the time */
}

struct notify *notify_open(void)
{
    struct notify *n = xcalloc(1, sizeof(*n));
    bool good = n && address(getenv("NOTIFY_SOCKET"), n);
    if (good) {
        n->watchdog_ms = watchdog_interval();
        n->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        good = n->fd >= 0;
    }
    (void)unsetenv("NOTIFY_SOCKET");
    (void)unsetenv("WATCHDOG_USEC");
    (void)unsetenv("WATCHDOG_PID");
    if (good)
        return n;
    free(n);
    return NULL;
}

void notify_free(struct notify *n)
{
    if (!n)
        return;
    (void)close(n->fd);
    free(n);
}

static bool say(const struct notify *n, const char *text)
{
    return sendto(n->fd, text, strlen(text), MSG_NOSIGNAL, (const struct sockaddr *)&n->to,
                  n->to_len) >= 0;
}

/* The clock that the manager compares with its own: CLOCK_MONOTONIC in microseconds. */
static unsigned long long monotonic_us(void)
{
    struct timespec t = {0};
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (unsigned long long)t.tv_sec * 1000000u + (unsigned long long)t.tv_nsec / 1000u;
}

static void status_text(const struct notify_view *v, enum notify_told told, char out[STATUS_MAX])
{
    const char *hub = *v->hub ? v->hub : "hub";
    if (told == NOTIFY_STOPPING)
        (void)snprintf(out, STATUS_MAX, "%.63s: draining", hub);
    else if (v->n == 0)
        (void)snprintf(out, STATUS_MAX, "reading the configuration");
    else
        (void)snprintf(out, STATUS_MAX, "%.63s: %zu of %zu processes ready%s%s", hub, v->ready,
                       v->n, told == NOTIFY_RELOADING ? ", reloading" : "",
                       told == NOTIFY_READY && v->reload_bad ? "; the last reload failed" : "");
}

void notify_follow(struct notify *n, const struct notify_view *v)
{
    static const char *const words[] = {"", "READY=1\n", "RELOADING=1\n", "STOPPING=1\n"};
    char status[STATUS_MAX], text[STATUS_MAX + 100], at[64] = "";
    if (!n)
        return;
    uint64_t now = mono_ms();
    enum notify_told told = notify_next(n->told, v);
    status_text(v, told, status);
    if (told == NOTIFY_RELOADING && n->told != told)
        (void)snprintf(at, sizeof(at), "MONOTONIC_USEC=%llu\n", monotonic_us());
    if (told != n->told || strcmp(status, n->status) != 0) {
        (void)snprintf(text, sizeof(text), "%s%sSTATUS=%s\n", told != n->told ? words[told] : "",
                       at, status);
        if (say(n, text)) { /* else with the next event */
            n->told = told;
            memcpy(n->status, status, sizeof(status));
        }
    }
    if (n->watchdog_ms && now >= n->next_ms && say(n, "WATCHDOG=1\n"))
        n->next_ms = now + n->watchdog_ms;
}

uint64_t notify_deadline(const struct notify *n)
{
    return n && n->watchdog_ms ? n->next_ms : UINT64_MAX;
}
