/* SPDX-License-Identifier: Apache-2.0 */
/* supervisor - see supervisor.h: set-up, the event loop and signals. One thread; poll over a
 * signalfd, the compiler, the command socket and two descriptors a process; timers are looked
 * through, there are few. */
#include "supervisor.h"
#include "base/log.h"
#include "base/util.h"
#include "sup.h"
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>

#define DRAIN_MS    30000u
#define WATCHDOG_MS 30000u
#define START_MS    60000u
#define ABORT_MS    10000u

struct unit *sup_find(const struct sup *s, const char *name)
{
    for (size_t i = 0; i < s->n; i++)
        if (strcmp(s->unit[i]->name, name) == 0)
            return s->unit[i];
    return NULL;
}

struct unit *sup_queues(const struct sup *s)
{
    for (size_t i = 0; i < s->n; i++)
        if (process_keeps_queues(s->unit[i]->kind))
            return s->unit[i];
    return NULL;
}

int sup_reload(struct sup *s, struct err *e)
{
    if (s->reloading || s->state != SUP_RUNNING)
        return err_set(e, -EBUSY, "reload-busy", "another reload is under way");
    int r = compile_start(s->o.config, true, &s->compile, e);
    if (r == 0) {
        s->reloading = true;
        log_info("reload-starts", NULL, "reading %s", s->o.config);
    }
    return r;
}

/* ---- signals */

static void begin_end(struct sup *s)
{
    log_info("hub-ends", NULL, "draining");
    s->state = SUP_ENDING;
    s->drain_end_ms = mono_ms() + s->o.drain_ms;
    compile_free(TAKE_PTR(s->compile));
    if (s->reloading) {
        s->reloading = s->reload_changed_over = false;
        plan_free(TAKE_PTR(s->next));
        (void)err_set(&s->reload_error, -ECANCELED, "ending", "the hub is ending");
        tree_free(TAKE_PTR(s->reload_report));
        control_reload_done(s, "");
    }
    for (size_t i = 0; i < s->n; i++)
        s->unit[i]->leaving = true;
}

static void end_now(struct sup *s)
{
    log_warning("hub-ends", NULL, "asked again: ending at once");
    for (size_t i = 0; i < s->n; i++) {
        if (s->unit[i]->restart.state != RESTART_DRAINING)
            unit_event(s->unit[i], &s->env, RESTART_DRAIN, 1000);
        unit_kill(s->unit[i]);
    }
}

static void take_signals(struct sup *s)
{
    struct signalfd_siginfo si;
    struct err e;
    while (read(s->signal_fd, &si, sizeof si) == (ssize_t)sizeof si) {
        if (si.ssi_signo == SIGHUP) {
            if (sup_reload(s, &e) < 0)
                log_warning(e.code, NULL, "%s", e.text);
        } else if (s->state == SUP_ENDING) {
            end_now(s);
        } else {
            begin_end(s);
        }
    }
}

/* ---- the loop */

struct loop {
    struct pollfd *fds;
    size_t cap, n, control_at, compile_at;
};

static int fill_poll(const struct sup *s, struct loop *l)
{
    size_t most = 1 + COMPILE_POLLFDS + control_pollfds(s->control) + 2 * s->n;
    if (grow_array((void **)&l->fds, &l->cap, most, sizeof *l->fds) < 0)
        return -ENOMEM;
    l->fds[0] = (struct pollfd){.fd = s->signal_fd, .events = POLLIN};
    l->n = l->compile_at = 1;
    if (s->compile)
        l->n += compile_poll(s->compile, l->fds + l->n);
    l->control_at = l->n;
    l->n += control_poll(s->control, l->fds + l->n);
    for (size_t i = 0; i < s->n; i++) {
        struct unit *u = s->unit[i];
        short events = u->channel && channel_wants_write(u->channel) ? POLLIN | POLLOUT : POLLIN;
        u->poll_at = l->n;
        l->fds[l->n++] =
            (struct pollfd){.fd = u->channel ? channel_fd(u->channel) : -1, .events = events};
        l->fds[l->n++] = (struct pollfd){.fd = u->pidfd, .events = POLLIN};
    }
    return 0;
}

static int poll_timeout(const struct sup *s)
{
    uint64_t first = control_deadline(s->control), now = mono_ms();
    if (view_deadline(s) < first)
        first = view_deadline(s);
    if (s->compile && compile_deadline(s->compile) < first)
        first = compile_deadline(s->compile);
    if (s->next && s->next_end_ms < first)
        first = s->next_end_ms;
    if (s->reload_changed_over && s->reload_end_ms < first)
        first = s->reload_end_ms;
    if (notify_deadline(s->notify) < first)
        first = notify_deadline(s->notify);
    if (s->state == SUP_RUNNING && s->watch_ms < first)
        first = s->watch_ms;
    for (size_t i = 0; i < s->n; i++)
        if (s->unit[i]->restart.timer_ms < first)
            first = s->unit[i]->restart.timer_ms;
    if (first == UINT64_MAX)
        return -1;
    if (first <= now)
        return 0;
    return first - now > 60000 ? 60000 : (int)(first - now);
}

static void run_units(struct sup *s, const struct loop *l)
{
    uint64_t now = mono_ms();
    for (size_t i = 0; i < s->n; i++) {
        struct unit *u = s->unit[i];
        bool said = l->fds[u->poll_at].revents != 0, died = l->fds[u->poll_at + 1].revents != 0;
        if (said)
            unit_talk(u, &s->env);
        if (died)
            unit_reap(u, &s->env);
        if (u->restart.timer_ms <= now)
            unit_event(u, &s->env, RESTART_TIMER, 0);
    }
}

static bool all_gone(const struct sup *s)
{
    for (size_t i = 0; i < s->n; i++)
        if (s->unit[i]->restart.state != RESTART_DONE)
            return false;
    return true;
}

static void say_when_ready(const struct sup *s, bool *said)
{
    if (*said || s->state != SUP_RUNNING || s->n == 0)
        return;
    for (size_t i = 0; i < s->n; i++)
        if (s->unit[i]->restart.state != RESTART_UP)
            return;
    *said = true;
    log_info("hub-ready", NULL, "%s: all %zu processes are ready", s->plan->hub, s->n);
}

/* Tried, or it waits for queues that were tried and are not there: the hub does what it can. */
static bool tried(const struct unit *u, const struct unit *queues)
{
    bool held_up = queues && queues != u && queues->restart.state != RESTART_UP;
    return unit_settled(u, false) ||
           (held_up && u->restart.state == RESTART_OFF && unit_settled(queues, false));
}

static void tell_manager(const struct sup *s)
{
    struct notify_view v = {.ending = s->state == SUP_ENDING,
                            .reloading = s->reloading,
                            .settled = s->state == SUP_RUNNING,
                            .hub = s->plan ? s->plan->hub : "",
                            .n = s->n,
                            .reload_bad = s->reload_error.code[0] != '\0'};
    for (size_t i = 0; i < s->n; i++) {
        v.ready += s->unit[i]->restart.state == RESTART_UP;
        v.settled = v.settled && tried(s->unit[i], sup_queues(s));
    }
    notify_follow(s->notify, &v);
}

static int loop(struct sup *s)
{
    struct loop l = {0};
    bool said_ready = false;
    int r = 0;
    while (s->state != SUP_ENDING || !all_gone(s)) {
        r = fill_poll(s, &l);
        if (r < 0)
            break;
        if (poll(l.fds, (nfds_t)l.n, poll_timeout(s)) < 0) {
            if (errno == EINTR)
                continue;
            r = -errno;
            break;
        }
        log_tick();
        run_units(s, &l); /* first: what follows may change the array of units */
        if (l.fds[0].revents)
            take_signals(s);
        if (s->compile && compile_run(s->compile))
            reload_compiled(s);
        control_run(s);
        sup_advance(s);
        reload_watch(s);
        watch_run(s);
        control_run(s); /* answers that became possible */
        view_run(s);
        say_when_ready(s, &said_ready);
        tell_manager(s);
    }
    free(l.fds);
    return r;
}

/* ---- set-up */

static int open_signals(int *ret)
{
    sigset_t set;
    struct sigaction sa;
    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGTERM);
    (void)sigaddset(&set, SIGINT);
    (void)sigaddset(&set, SIGHUP);
    if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
        return -errno;
    memset(&sa, 0, sizeof sa);
    sa.sa_handler = SIG_DFL; /* a shell that starts us in the background ignores SIGINT, and what is
                                ignored is never read */
    (void)sigaction(SIGINT, &sa, NULL);
    (void)sigaction(SIGTERM, &sa, NULL);
    (void)sigaction(SIGHUP, &sa, NULL);
    sa.sa_handler = SIG_IGN;
    (void)sigaction(SIGPIPE, &sa, NULL);
    int fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (fd < 0)
        return -errno;
    *ret = fd;
    return 0;
}

/* What every child inherits. Failures are not fatal: these are belts, not trousers. */
static void set_limits(bool cores)
{
    struct rlimit r;
    (void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    if (getrlimit(RLIMIT_NOFILE, &r) == 0) { /* the door needs one a connection */
        r.rlim_cur = r.rlim_max < 65536 ? r.rlim_max : 65536;
        (void)setrlimit(RLIMIT_NOFILE, &r);
    }
    if (!cores && getrlimit(RLIMIT_CORE, &r) == 0) {
        r.rlim_cur = 0;
        (void)setrlimit(RLIMIT_CORE, &r);
    }
}

static void clean_up(struct sup *s)
{
    compile_free(s->compile);
    control_free(s);
    for (size_t i = 0; i < s->n; i++)
        unit_free(s->unit[i]);
    free(s->unit);
    plan_free(s->plan);
    notify_free(s->notify);
    plan_free(s->next);
    tree_free(s->reload_report);
    tree_free(s->alarms);
    if (s->signal_fd >= 0)
        (void)close(s->signal_fd);
    if (s->lock_fd >= 0)
        (void)close(s->lock_fd); /* the file stays: removing it would let two in */
}

int supervisor_run(const struct supervisor_options *o)
{
    struct sup s = {
        .o = *o, .signal_fd = -1, .lock_fd = -1, .start_wall_ms = wall_ms(), .start_ms = mono_ms()};
    struct err e;
    log_open("supervisor", LOG_LEVEL_INFO);
    const char *log_env = getenv(LOG_ENV);
    if (log_env && log_set(log_env) == 0)
        (void)snprintf(s.log_env, sizeof s.log_env, "%s", log_env);
    sup_log_follow(&s);
    s.o.drain_ms = o->drain_ms ? o->drain_ms : DRAIN_MS;
    s.env.limits.watchdog_ms = o->watchdog_ms ? o->watchdog_ms : WATCHDOG_MS;
    s.env.limits.start_ms = o->start_ms ? o->start_ms : START_MS;
    s.env.limits.abort_ms = ABORT_MS;
    set_limits(o->cores);
    s.notify = notify_open();
    int r = open_signals(&s.signal_fd);
    if (r < 0)
        (void)err_set(&e, r, "signals", "signalfd: %s", strerror(-r));
    else
        r = compile_start(o->config, false, &s.compile, &e);
    if (r < 0) {
        log_error(e.code, NULL, "%s", e.text);
        clean_up(&s);
        return 1;
    }
    r = loop(&s);
    if (r < 0) {
        log_error("internal", NULL, "event loop: %s", strerror(-r));
        s.exit_code = EXIT_BUG;
    }
    clean_up(&s);
    if (s.exit_code == 0)
        log_info("hub-ended", NULL, "all processes have ended");
    return s.exit_code;
}
