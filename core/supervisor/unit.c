/* SPDX-License-Identifier: Apache-2.0 */
/* unit - see unit.h. A child that breaks the protocol loses its channel and its life; nothing it
 * says can do more than that. All texts from children are bounded here and escaped by the log. */
#include "unit.h"
#include "view.h"
#include "base/log.h"
#include "base/util.h"
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>

#define RATE_MS 2000u

static uint32_t jitter(void)
{
    /* Not for secrets: it only keeps processes from starting in step. */
    uint64_t t = mono_ms();
    return (uint32_t)hash_bytes(&t, sizeof t);
}

struct unit *unit_new(const struct plan_process *p)
{
    struct unit *u = xcalloc(1, sizeof *u);
    if (!u)
        return NULL;
    u->pidfd = -1;
    u->name = strdup(p->name);
    u->digest = strdup(p->digest);
    u->part = tree_copy(p->part);
    u->kind = p->kind;
    u->since_ms = wall_ms();
    restart_init(&u->restart);
    if (!u->name || !u->digest || !u->part) {
        unit_free(u);
        return NULL;
    }
    return u;
}

static void forget_process(struct unit *u)
{
    channel_free(u->channel);
    u->channel = NULL;
    if (u->pidfd >= 0)
        (void)close(u->pidfd);
    u->pidfd = -1;
    u->pid = 0;
    u->stats_asked = false;
    u->counted_ms = u->per_minute = 0;
    u->views_asked = 0;
    u->alarms = 0; /* they were the dead one's; its successor will raise them again */
    u->status[0] = '\0';
}

void unit_free(struct unit *u)
{
    if (!u)
        return;
    forget_process(u);
    tree_free(u->part);
    tree_free(u->next_part);
    tree_free(u->stats);
    free(u->name);
    free(u->digest);
    free(u->next_digest);
    free(u);
}

void unit_replace(struct unit *u, struct unit *fresh)
{
    tree_free(u->next_part);
    free(u->next_digest);
    u->next_part = TAKE_PTR(fresh->part);
    u->next_digest = TAKE_PTR(fresh->digest);
    u->next_kind = fresh->kind;
    u->leaving = true;
    unit_free(fresh);
}

void unit_become(struct unit *u)
{
    tree_free(u->part);
    free(u->digest);
    u->part = TAKE_PTR(u->next_part);
    u->digest = TAKE_PTR(u->next_digest);
    u->kind = u->next_kind;
    u->leaving = false;
    u->last_exit[0] = '\0'; /* of another configuration */
    u->since_ms = wall_ms();
    restart_init(&u->restart);
}

void unit_send(struct unit *u, uint16_t type)
{
    if (!u->channel)
        return;
    (void)channel_send(u->channel, type, u->generation, NULL, 0, -1);
    (void)channel_flush(u->channel);
}

void unit_pause(struct unit *u, bool paused)
{
    u->paused = paused;
    u->pause_asked += u->channel != NULL;
    unit_send(u, paused ? CONTROL_PAUSE : CONTROL_RESUME);
}

static void send_drain(struct unit *u, uint64_t ms)
{
    struct buf b = BUF_INIT(16);
    if (u->channel && pack_u32(&b, (uint32_t)((ms + 999) / 1000)) == 0) {
        (void)channel_send(u->channel, CONTROL_DRAIN, u->generation, b.p, b.len, -1);
        (void)channel_flush(u->channel);
    }
    buf_done(&b);
}

static void do_spawn(struct unit *u, struct unit_env *env)
{
    struct err e;
    memset(&u->fault, 0, sizeof u->fault);
    int r = unit_spawn(u, ++env->generation, &e);
    if (r < 0) {
        log_error("spawn-failed", NULL, "%s: %s", u->name, e.text);
        (void)snprintf(u->last_exit, sizeof u->last_exit, "could not be started: %s", e.text);
        unit_event(u, env, RESTART_DIED_RETRY,
                   0); /* never an immediate spawn again: no recursion */
        return;
    }
    u->restarts = u->spawned++;
    log_info("process-started", NULL, "%s pid=%d", u->name, (int)u->pid);
    u->pause_asked = 0;
    if (u->paused)
        unit_pause(u, true);
}

static void send_signal(const struct unit *u, int sig)
{
    if (u->pidfd >= 0)
        (void)pidfd_send_signal(u->pidfd, sig, NULL, 0);
    if (sig == SIGKILL && u->pid > 1)
        (void)kill(-u->pid, sig); /* its session's group: whatever it started */
}

void unit_kill(struct unit *u)
{
    send_signal(u, SIGKILL);
}

static void say_next(const struct unit *u)
{
    if (u->restart.state == RESTART_WAITING) {
        char d[32];
        uint64_t now = mono_ms();
        format_duration(u->restart.timer_ms > now ? u->restart.timer_ms - now : 0, d);
        log_warning("process-waits", NULL, "%s starts again in %s", u->name, d);
    } else if (u->restart.state == RESTART_HELD) {
        log_error("process-held", NULL, "%s waits for a change of its configuration: %s", u->name,
                  u->last_exit);
    }
}

void unit_event(struct unit *u, struct unit_env *env, enum restart_event event, uint64_t drain_ms)
{
    enum restart_state before = u->restart.state;
    enum restart_action action =
        restart_step(&u->restart, event, &env->limits, mono_ms(), drain_ms, jitter());
    if (u->restart.state != before)
        u->since_ms = wall_ms();
    switch (action) {
    case RESTART_DO_SPAWN:
        do_spawn(u, env);
        break;
    case RESTART_DO_ABORT:
        log_error("process-stuck", NULL, "%s pid=%d is silent: it is ended", u->name, (int)u->pid);
        send_signal(u, SIGABRT);
        break;
    case RESTART_DO_KILL:
        log_error("process-killed", NULL, "%s pid=%d did not end in time", u->name, (int)u->pid);
        send_signal(u, SIGKILL);
        break;
    case RESTART_DO_DRAIN:
        /* A little less than until KILL, so that an orderly end wins. */
        send_drain(u, u->at_once ? 0 : drain_ms > 2000 ? drain_ms - 1000 : drain_ms);
        break;
    case RESTART_DO_COMPLAIN:
        log_error("internal", NULL, "%s: event %d in state %s", u->name, (int)event,
                  restart_state_name(before));
        break;
    case RESTART_DO_NOTHING:
    case RESTART_DO_FORGET:
        if (u->restart.state != before)
            say_next(u);
        break;
    }
}

bool unit_settled(const struct unit *u, bool strict)
{
    enum restart_state s = u->restart.state;
    return s == RESTART_UP ||
           (!strict && (s == RESTART_WAITING || s == RESTART_HELD || u->restart.failures > 0));
}

/* ---- what it says */

static void set_alarm(struct unit *u, const char *code, const char *text)
{
    size_t i = 0;
    while (i < u->alarms && strcmp(u->alarm[i].code, code) != 0)
        i++;
    if (!*text) {
        if (i == u->alarms)
            return;
        u->alarm[i] = u->alarm[--u->alarms];
        log_info("alarm-over", NULL, "%s: %s", u->name, code);
        return;
    }
    if (i == UNIT_ALARMS)
        return;
    if (i == u->alarms) {
        u->alarms++;
        (void)snprintf(u->alarm[i].code, sizeof u->alarm[i].code, "%s", code);
        u->alarm[i].since_ms = wall_ms();
        log_warning("alarm", NULL, "%s: %s: %s", u->name, code, text);
    }
    (void)snprintf(u->alarm[i].text, sizeof u->alarm[i].text, "%s", text);
}

/* Between two answers that are long enough apart. */
static void take_rate(struct unit *u)
{
    uint64_t now = mono_ms(), total = tree_getu(u->stats, "delivered", UINT64_MAX);
    if (total == UINT64_MAX)
        total = tree_getu(u->stats, "accepted", UINT64_MAX);
    if (total == UINT64_MAX || (u->counted_ms && now - u->counted_ms < RATE_MS))
        return;
    if (u->counted_ms && total >= u->counted)
        u->per_minute = (total - u->counted) * 60000 / (now - u->counted_ms);
    u->counted = total;
    u->counted_ms = now;
}

static int take_stats(struct unit *u, struct unpack *in)
{
    struct tree *t = NULL;
    struct err e;
    size_t len;
    const uint8_t *p = unpack_bytes(in, &len);
    if (unpack_end(in) < 0)
        return -EPROTO;
    union {
        const uint8_t *u;
        const char *c;
    } text = {.u = p};
    if (tree_from_json(text.c, len, &t, &e) < 0 || !tree_is_map(t)) {
        tree_free(t);
        return -EPROTO;
    }
    tree_free(u->stats);
    u->stats = t;
    u->stats_asked = false;
    take_rate(u);
    return 0;
}

static int take_ready(struct unit *u, struct unit_env *env, struct unpack *in)
{
    uint32_t version = unpack_u32(in);
    if (unpack_end(in) < 0 || version != CONTROL_VERSION)
        return -EPROTO;
    if (u->restart.state == RESTART_UP)
        return -EPROTO;
    bool was = u->restart.state == RESTART_STARTING;
    unit_event(u, env, RESTART_READY, 0);
    if (was)
        log_info("process-ready", NULL, "%s pid=%d", u->name, (int)u->pid);
    return 0;
}

/* An answer says what is known, perhaps of an order that another has followed. */
static int take_paused(struct unit *u, struct unpack *in)
{
    bool paused = unpack_u8(in);
    if (unpack_end(in) < 0)
        return -EPROTO;
    if (u->pause_asked > 0)
        u->pause_asked--;
    else
        u->paused = paused;
    return 0;
}

static int take_ask(struct unit *u, struct unpack *in)
{
    char name[CONTROL_VIEW_MAX];
    unpack_str(in, name, sizeof name);
    int view = unpack_end(in) < 0 ? -1 : view_find(name);
    if (view < 0 || u->kind != PROCESS_DOOR)
        return -EPROTO;
    u->views_asked |= 1u << view;
    return 0;
}

static int take_frame(struct unit *u, struct unit_env *env, const struct frame *f)
{
    struct unpack in;
    char code[ERR_CODE_MAX], text[ERR_TEXT_MAX];
    unpack_start(&in, f->p, f->len);
    switch (f->type) {
    case CONTROL_READY:
        return take_ready(u, env, &in);
    case CONTROL_BEAT:
        if (unpack_end(&in) < 0)
            return -EPROTO;
        unit_event(u, env, RESTART_BEAT, 0);
        return 0;
    case CONTROL_STATUS:
        unpack_str(&in, u->status, sizeof u->status);
        return unpack_end(&in);
    case CONTROL_STATS:
        return take_stats(u, &in);
    case CONTROL_FAULT:
        unpack_str(&in, u->fault.code, sizeof u->fault.code);
        unpack_str(&in, u->fault.text, sizeof u->fault.text);
        return unpack_end(&in);
    case CONTROL_ALARM:
        unpack_str(&in, code, sizeof code);
        unpack_str(&in, text, sizeof text);
        if (unpack_end(&in) < 0)
            return -EPROTO;
        set_alarm(u, code, text);
        return 0;
    case CONTROL_PAUSED:
        return take_paused(u, &in);
    case CONTROL_ASK:
        return take_ask(u, &in);
    default: /* a newer child may say more than we know */
        log_warning("control-unknown", NULL, "%s sent a frame of type %u", u->name, f->type);
        return 0;
    }
}

static void take_frames(struct unit *u, struct unit_env *env)
{
    struct frame f;
    int r;
    while ((r = channel_next(u->channel, &f)) == 1) {
        if (f.fd >= 0)
            (void)close(f.fd);
        if (f.generation != u->generation)
            continue; /* gossip of a predecessor */
        r = take_frame(u, env, &f);
        if (r < 0)
            break;
    }
    if (r < 0) {
        log_error("control-broken", NULL, "%s pid=%d broke the control protocol: it is ended",
                  u->name, (int)u->pid);
        channel_free(u->channel);
        u->channel = NULL;
        send_signal(u, SIGKILL);
    }
}

void unit_talk(struct unit *u, struct unit_env *env)
{
    if (!u->channel)
        return;
    int r = channel_fill(u->channel);
    take_frames(u, env);
    if (u->channel && (r < 0 || channel_flush(u->channel) < 0)) {
        /* It closed its end: it is dying, the pidfd will say so. If it is not, the watchdog will.
         */
        channel_free(u->channel);
        u->channel = NULL;
    }
}

/* ---- its death */

static void describe_exit(struct unit *u, const siginfo_t *si)
{
    char how[128];
    if (si->si_code == CLD_EXITED)
        (void)snprintf(how, sizeof how, "exit %d", si->si_status);
    else
        (void)snprintf(how, sizeof how, "killed by signal %d (%s)%s", si->si_status,
                       strsignal(si->si_status), si->si_code == CLD_DUMPED ? ", core dumped" : "");
    if (u->fault.code[0])
        (void)snprintf(u->last_exit, sizeof u->last_exit, "%s: %s (%s)", how, u->fault.text,
                       u->fault.code);
    else
        (void)snprintf(u->last_exit, sizeof u->last_exit, "%s", how);
}

static enum restart_event death_event(const siginfo_t *si)
{
    if (si->si_code == CLD_EXITED && si->si_status == EXIT_CONFIG)
        return RESTART_DIED_CONFIG;
    if (si->si_code == CLD_EXITED && si->si_status == EXIT_RETRY)
        return RESTART_DIED_RETRY;
    return RESTART_DIED;
}

void unit_reap(struct unit *u, struct unit_env *env)
{
    siginfo_t si;
    memset(&si, 0, sizeof si);
    if (u->pidfd < 0 || waitid(P_PIDFD, (id_t)u->pidfd, &si, WEXITED | WNOHANG | WNOWAIT) < 0 ||
        si.si_pid == 0)
        return;
    unit_talk(u, env); /* its last words */
    /* Whatever it started in its session goes with it, while its zombie still keeps the number from
     * others. */
    if (u->pid > 1)
        (void)kill(-u->pid, SIGKILL);
    (void)waitid(P_PIDFD, (id_t)u->pidfd, &si, WEXITED);
    describe_exit(u, &si);
    bool wanted = u->restart.state == RESTART_DRAINING;
    if (wanted && si.si_code == CLD_EXITED && si.si_status == 0)
        log_info("process-ended", NULL, "%s pid=%d", u->name, (int)u->pid);
    else
        log_error("process-died", NULL, "%s pid=%d: %s", u->name, (int)u->pid, u->last_exit);
    forget_process(u);
    unit_event(u, env, death_event(&si), 0);
}
