/* SPDX-License-Identifier: Apache-2.0 */
/* reeve-spool - the process that owns the embedded queue.
 *
 *   reeve-spool               started by `reeve run`: control channel on descriptor 3, part of the
 * plan on descriptor 4 reeve-spool --part FILE   by hand or by a test: the part from FILE, no
 * supervisor
 *
 * READY is sent when the socket accepts clients. DRAIN (or a supervisor that is gone) ends it when
 * the last client has left or the time is up; SIGTERM ends it after the turn under way. Killing it
 * at any moment loses nothing that was confirmed. Exit codes: 0, 75 (locked by another, disk or
 * system trouble), 78 (the plan's part is wrong). */
#include "server.h"
#include "base/control.h"
#include "base/log.h"
#include "base/util.h"
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

struct app {
    struct server *server;
    struct child *child;
    bool draining;
    uint64_t drain_until;
    bool alarmed, disk_low;
    char unseen[ERR_TEXT_MAX]; /* as it was told last */
};

static volatile sig_atomic_t stop;

static void on_signal(int sig)
{
    (void)sig;
    stop = 1;
}

static void on_drain(void *arg, uint32_t seconds)
{
    struct app *a = arg;
    a->draining = true;
    a->drain_until = mono_ms() + (uint64_t)seconds * 1000;
}

static void on_stats(void *arg, struct tree *figures)
{
    const struct app *a = arg;
    struct tree *t = a->server ? server_status(a->server) : NULL;
    for (size_t i = 0; t && i < t->n; i++)
        (void)tree_put(figures, tree_text(t->key[i]), tree_copy(t->child[i]));
    tree_free(t);
}

static int usage(FILE *to, int code)
{
    (void)fputs("usage: reeve-spool [--part FILE]\n"
                "The process that owns the hub's embedded queue; `reeve run` starts it.\n"
                "  --part FILE  run without a supervisor, with this part of the plan (JSON)\n",
                to);
    return code;
}

static void catch_signals(void)
{
    struct sigaction sa;
    memset(&sa, 0, sizeof sa);
    sa.sa_handler = on_signal;
    (void)sigaction(SIGTERM, &sa, NULL);
    (void)sigaction(SIGINT, &sa, NULL);
    sa.sa_handler = SIG_IGN;
    (void)sigaction(SIGPIPE, &sa, NULL);
    (void)sigaction(SIGXFSZ, &sa,
                    NULL); /* a file size limit is an error of write(), like a full disk */
}

static void tell_trouble(struct app *a)
{
    const char *why = server_trouble(a->server);
    if (!!why == a->alarmed)
        return;
    a->alarmed = !!why;
    child_alarm(a->child, "disk-full", "%s", why ? why : "");
}

static void tell_disk(struct app *a)
{
    char words[ERR_TEXT_MAX];
    const char *low = server_disk(a->server, words, sizeof words);
    if (!!low == a->disk_low)
        return;
    a->disk_low = !!low;
    child_alarm(a->child, "disk-nearly-full", "%s%s", low ? low : "",
                low ? ": nothing is taken in until there is more; deliveries go on" : "");
}

static void tell_unseen(struct app *a)
{
    const char *what = server_unseen(a->server);
    if (strcmp(what, a->unseen) == 0)
        return;
    (void)snprintf(a->unseen, sizeof a->unseen, "%s", what);
    child_alarm(a->child, "dead-unseen", "%s", what);
}

static int run(struct app *a)
{
    while (!stop) {
        bool also = false;
        int r = server_turn(a->server, child_fd(a->child), child_poll_events(a->child),
                            CONTROL_BEAT_MS / 2, &also);
        if (r < 0) {
            log_error("spool", NULL, "the event loop broke: %s", strerror(-r));
            return EXIT_RETRY;
        }
        if (child_run(a->child) < 0)
            return EXIT_BUG;
        tell_trouble(a);
        tell_disk(a);
        tell_unseen(a);
        if (a->draining && (server_clients(a->server) == 0 || mono_ms() >= a->drain_until))
            break;
    }
    return 0;
}

static int fail(struct app *a, const struct err *e)
{
    log_error(e->code, NULL, "%s", e->text);
    child_fault(a->child, e);
    child_free(a->child);
    return strcmp(e->code, "spool-part") == 0 || strcmp(e->code, "db-format") == 0 ? EXIT_CONFIG
                                                                                   : EXIT_RETRY;
}

int main(int argc, char **argv)
{
    const char *part_file = NULL;
    struct app app = {.server = NULL};
    struct tree *part = NULL;
    struct err e;
    log_open("spool", LOG_LEVEL_INFO);
    if (argc == 2 && strcmp(argv[1], "--help") == 0)
        return usage(stdout, 0);
    if (argc == 3 && strcmp(argv[1], "--part") == 0)
        part_file = argv[2];
    else if (argc != 1)
        return usage(stderr, 64);
    catch_signals();
    struct child_events events = {.arg = &app, .drain = on_drain, .stats = on_stats};
    if (child_start(part_file, &events, &app.child, &part, &e) < 0)
        return fail(&app, &e);
    int r = server_open(part, &app.server, &e);
    tree_free(part);
    if (r < 0)
        return fail(&app, &e);
    if (child_ready(app.child) < 0)
        log_warning("control", NULL, "cannot tell the supervisor that the spool is ready");
    int code = run(&app);
    server_close(app.server);
    child_free(app.child);
    return code;
}
