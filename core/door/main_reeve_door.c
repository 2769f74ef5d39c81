/* SPDX-License-Identifier: Apache-2.0 */
/* reeve-door - HTTP(S) in front of the source workers: authentication on the head, limits,
 * deadlines; bodies go to the worker unread, and its answer goes back. One thread, one loop.
 * `reeve-door PART.json` runs it by hand. */
#include "door.h"
#include "base/log.h"
#include "base/util.h"
#include <errno.h>
#include <poll.h>
#include <string.h>

static void on_drain(void *arg, uint32_t seconds)
{
    struct door *d = arg;
    d->draining = true;
    d->drain_end_ms = mono_ms() + (uint64_t)seconds * 1000;
}

static void on_stats(void *arg, struct tree *t)
{
    static const char *const classes[6] = {NULL,          NULL,          "answers_2xx",
                                           "answers_3xx", "answers_4xx", "answers_5xx"};
    struct door *d = arg;
    (void)tree_putu(t, "connections", d->open_conns);
    (void)tree_putu(t, "connections_total", d->figures.connections);
    (void)tree_putu(t, "requests_total", d->figures.requests);
    (void)tree_putu(t, "waiting", map_count(d->waiting));
    (void)tree_putu(t, "bytes_in", d->figures.bytes_in);
    (void)tree_putu(t, "deadlines", d->figures.deadlines);
    (void)tree_putu(t, "stale", d->figures.stale);
    for (size_t i = 2; i < ARRAY_SIZE(classes); i++)
        (void)tree_putu(t, classes[i], d->figures.answers[i]);
    struct tree *paths = tree_list();
    for (size_t i = 0; paths && i < d->config->paths; i++) {
        struct tree *path = tree_map();
        if (path) {
            (void)tree_puts(path, "connector", d->config->path[i].connector);
            (void)histogram_put(&d->accept[i], path, "accept");
        }
        (void)tree_append(paths, path);
    }
    (void)tree_put(t, "paths", paths);
}

static int open_door(struct door *d, const struct tree *part, struct err *e)
{
    struct upstream_events events = door_upstream_events;
    int r = door_config_read(part, &d->config, e);
    if (r < 0)
        return r;
    events.arg = d;
    d->waiting = map_new(NULL);
    d->disk = (struct disk){.path = d->config->stage, .keep_free = d->config->keep_free};
    d->upstream = xcalloc(d->config->paths + 1, sizeof(struct upstream *));
    d->under_way = xcalloc(d->config->paths + 1, sizeof *d->under_way);
    d->accept = xcalloc(d->config->paths + 1, sizeof *d->accept);
    views_init(d);
    if (!d->waiting || !d->upstream || !d->under_way || !d->accept)
        return err_set(e, -ENOMEM, "memory", "out of memory");
    for (size_t i = 0; i < d->config->paths; i++) {
        d->upstream[i] = upstream_new(d->config->path[i].socket, &events);
        if (!d->upstream[i])
            return err_set(e, -ENOMEM, "memory", "out of memory");
        (void)upstream_try(d->upstream[i]);
    }
    return http_start(d, e);
}

static void close_door(struct door *d)
{
    if (d->mhd)
        http_stop(d);
    for (size_t i = 0; d->upstream && i < d->config->paths; i++)
        upstream_free(d->upstream[i]);
    free(d->upstream);
    free(d->under_way);
    free(d->accept);
    views_done(d);
    map_free(d->waiting);
    door_config_free(d->config);
}

static int wait_ms(struct door *d)
{
    MHD_UNSIGNED_LONG_LONG mhd;
    int most = d->conns || d->draining ? (int)SCAN_MS : (int)CONTROL_BEAT_MS / 2;
    if (d->wake)
        return 0;
    if (MHD_get_timeout(d->mhd, &mhd) == MHD_YES && mhd < (MHD_UNSIGNED_LONG_LONG)most)
        return (int)mhd;
    return most;
}

static void turn(struct door *d, struct pollfd *fds)
{
    size_t n = d->config->paths;
    fds[0] = (struct pollfd){.fd = d->mhd_fd, .events = POLLIN};
    fds[1] = (struct pollfd){.fd = child_fd(d->child), .events = child_poll_events(d->child)};
    for (size_t i = 0; i < n; i++) {
        short events = 0;
        fds[2 + i].fd = upstream_fd(d->upstream[i], &events);
        fds[2 + i].events = events;
        fds[2 + i].revents = 0;
    }
    if (poll(fds, (nfds_t)(n + 2), wait_ms(d)) < 0 && errno != EINTR)
        log_error("internal", NULL, "poll: %s", strerror(errno));
    d->wake = false;
    uint64_t now = mono_ms();
    for (size_t i = 0; i < n; i++) {
        if (fds[2 + i].fd >= 0 && fds[2 + i].revents)
            upstream_run(d->upstream[i]);
        upstream_tick(d->upstream[i], now);
    }
    (void)MHD_run(d->mhd);
    conns_scan(d);
}

static int serve(struct door *d)
{
    struct pollfd *fds = xcalloc(d->config->paths + 2, sizeof *fds);
    bool drain_begun = false;
    int code = 0;
    while (fds) {
        turn(d, fds);
        if (child_run(d->child) < 0) {
            code = EXIT_BUG;
            break;
        }
        if (!d->draining)
            continue;
        if (!drain_begun) {
            drain_begun = true;
            http_drain(d);
            log_info("draining", NULL, "%u connections, %zu requests under way", d->open_conns,
                     map_count(d->waiting));
        }
        conns_close_idle(d);
        if (d->open_conns == 0 || mono_ms() >= d->drain_end_ms)
            break;
    }
    free(fds);
    return code;
}

int main(int argc, char **argv)
{
    struct door d = {.mhd_fd = -1, .listen_fd = -1};
    struct child_events events = {
        .arg = &d, .drain = on_drain, .stats = on_stats, .told = views_told};
    struct tree *part = NULL;
    struct err e;
    log_open("door", LOG_LEVEL_INFO);
    int r = child_start(argc > 1 ? argv[1] : NULL, &events, &d.child, &part, &e);
    if (r < 0) {
        log_error(e.code, NULL, "%s", e.text);
        return EXIT_CONFIG;
    }
    r = open_door(&d, part, &e);
    int code = 0;
    if (r < 0) {
        log_error(e.code, NULL, "%s", e.text);
        child_fault(d.child, &e);
        /* An address that is in use may be free soon; everything else is wrong until somebody
         * changes it. */
        code = r == -EADDRINUSE || r == -ENOMEM ? EXIT_RETRY : EXIT_CONFIG;
    } else {
        log_info("listening", NULL, "%s%s", d.config->listen,
                 d.config->certificate ? " (TLS)" : "");
        (void)child_ready(d.child);
        code = serve(&d);
    }
    close_door(&d);
    tree_free(part);
    child_free(d.child);
    return code;
}
