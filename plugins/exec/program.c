/* SPDX-License-Identifier: Apache-2.0 */
/* program - see exec.h. Nothing here waits without an end: every wait has a time, and the streams
 * never block. */
#include "exec.h"
#include "lib/mono.h"
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/wait.h>
#include <unistd.h>

#define READ_A_TURN   (1u << 20) /* then the clock is looked at again */
#define END_MS        2000u      /* for a program that is asked to end */
#define LAST_WORDS_MS 500u       /* between closing its output and ending */
#define PAUSE_MAX_MS  30000u

void program_because(struct program *p, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(p->why, sizeof p->why, fmt, ap);
    va_end(ap);
}

/* ---- watching ---- */

static int watch(struct program *p, int fd, uint32_t events)
{
    struct epoll_event e = {.events = events, .data.fd = fd};
    return epoll_ctl(p->epoll, EPOLL_CTL_ADD, fd, &e);
}

static void unwatch(struct program *p, int fd)
{
    (void)epoll_ctl(p->epoll, EPOLL_CTL_DEL, fd, NULL);
}

static void toggle(struct program *p, int fd, bool *watched, bool wanted, uint32_t events)
{
    if (fd < 0 || *watched == wanted)
        return;
    if (!wanted)
        unwatch(p, fd);
    else if (watch(p, fd, events) < 0)
        return; /* the turn's own end wakes us */
    *watched = wanted;
}

static void close_stream(struct program *p, int *fd)
{
    if (*fd < 0)
        return;
    unwatch(p, *fd);
    (void)close(*fd);
    *fd = -1;
}

/* ---- what it writes, and what is written for it ---- */

static void read_err(struct program *p, reeve_ctx *ctx)
{
    char piece[16384];
    size_t all = 0;
    while (p->process.err >= 0 && all < READ_A_TURN) {
        ssize_t n = read(p->process.err, piece, sizeof piece);
        if (n > 0) {
            complaints_take(&p->complaints, ctx, piece, (size_t)n);
            all += (size_t)n;
        } else if (n == 0 || errno != EINTR) {
            if (n == 0 || errno != EAGAIN)
                close_stream(p, &p->process.err);
            return;
        }
    }
}

/* true: there is nothing more at the moment. */
static bool read_out(struct program *p)
{
    size_t all = 0, room = 0;
    while (p->process.out >= 0 && all < READ_A_TURN) {
        char *to = lines_room(&p->lines, &room);
        if (to == NULL)
            return false; /* too long a line: program_said() says so */
        ssize_t n = read(p->process.out, to, room);
        if (n > 0) {
            lines_filled(&p->lines, (size_t)n);
            all += (size_t)n;
            if ((size_t)n < room && !p->exited)
                return false; /* most likely there is no more: the next turn will know */
        } else if (n == 0 || errno != EINTR) {
            if (n == 0 || errno != EAGAIN) {
                close_stream(p, &p->process.out);
                p->out_watched = false;
            }
            return true;
        }
    }
    return p->process.out < 0;
}

/* Not every host of plugins ignores SIGPIPE, and a plugin changes no handlers. */
static ssize_t write_quietly(int fd, const void *bytes, size_t len)
{
    sigset_t pipe, before, pending;
    const struct timespec now = {0};
    (void)sigemptyset(&pipe);
    (void)sigaddset(&pipe, SIGPIPE);
    (void)sigpending(&pending);
    (void)pthread_sigmask(SIG_BLOCK, &pipe, &before);
    ssize_t n = write(fd, bytes, len);
    int error = errno;
    if (n < 0 && error == EPIPE && !sigismember(&pending, SIGPIPE)) {
        while (sigtimedwait(&pipe, NULL, &now) < 0 && errno == EINTR)
            ;
    }
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    errno = error;
    return n;
}

size_t program_unsent(const struct program *p)
{
    size_t len = 0;
    (void)reeve_buf_data(p->to, &len);
    return len - p->to_at;
}

void program_write(struct program *p)
{
    size_t len = 0;
    const char *bytes = reeve_buf_data(p->to, &len);
    while (p->process.in >= 0 && p->to_at < len) {
        ssize_t n = write_quietly(p->process.in, bytes + p->to_at, len - p->to_at);
        if (n > 0) {
            p->to_at += (size_t)n;
        } else if (n < 0 && errno == EAGAIN) {
            break;
        } else if (n == 0 || errno != EINTR) {
            close_stream(p, &p->process.in); /* it reads no more */
            p->in_watched = false;
        }
    }
    if (p->to_at == len || p->process.in < 0) {
        reeve_buf_clear(p->to);
        p->to_at = 0;
    }
    toggle(p, p->process.in, &p->in_watched, program_unsent(p) > 0 || p->more, EPOLLOUT);
}

/* ---- a turn ---- */

int program_watch(struct program *p)
{
    p->ended = p->out_watched = p->in_watched = false;
    if (watch(p, p->process.pidfd, EPOLLIN) == 0 && watch(p, p->process.err, EPOLLIN) == 0)
        return 0;
    program_because(p, "it cannot be watched: %s", strerror(errno));
    return -1;
}

/* It is only looked at: until it is waited for in program_quiet(), its number is nobody else's. */
static void look_for_end(struct program *p)
{
    siginfo_t how = {.si_pid = 0};
    if (p->exited || waitid(P_PID, (id_t)p->process.pid, &how, WEXITED | WNOHANG | WNOWAIT) < 0 ||
        how.si_pid != p->process.pid)
        return;
    p->exited = true;
    p->code = how.si_code == CLD_EXITED ? how.si_status : 0;
    p->signal = how.si_code == CLD_EXITED ? 0 : how.si_status;
    unwatch(p, p->process.pidfd);
}

enum { READY_OUT = 1, READY_ERR = 2, READY_END = 4 };

static unsigned what_is_ready(const struct program *p, int ms)
{
    struct epoll_event e[4];
    unsigned ready = 0;
    for (int i = 0, n = epoll_wait(p->epoll, e, 4, ms); i < n; i++)
        ready |= e[i].data.fd == p->process.out     ? READY_OUT
                 : e[i].data.fd == p->process.err   ? READY_ERR
                 : e[i].data.fd == p->process.pidfd ? READY_END
                                                    : 0;
    return ready;
}

int program_turn(struct program *p, reeve_ctx *ctx, uint64_t ms, bool read, enum waiting w)
{
    int rc = 0;
    program_write(p);
    toggle(p, p->process.out, &p->out_watched, read, EPOLLIN);
    if (w == WAIT_HOST) {
        rc = reeve_wait(ctx, p->epoll, ms) < 0 ? -1 : 0;
        ms = 0;
    }
    unsigned ready = what_is_ready(p, ms > 60000 ? 60000 : (int)ms);
    if (ready & READY_END)
        look_for_end(p);
    if (p->in_watched)
        program_write(p);
    /* of one that has ended, all that it said; a process that it left behind may go on: it is none
     * of ours */
    if (read && ((ready & READY_OUT) || p->exited) && read_out(p))
        p->ended = p->exited || p->process.out < 0;
    if (ready & READY_ERR)
        read_err(p, ctx);
    return rc;
}

bool program_runs(const struct program *p)
{
    return p->process.pid > 0 && !p->ended;
}

/* ---- why it ended ---- */

/* Who closes its output is about to end: how, is the better reason. */
static void last_words(struct program *p, reeve_ctx *ctx)
{
    uint64_t until = monotonic_ms() + LAST_WORDS_MS, now;
    while (!p->exited && (now = monotonic_ms()) < until)
        (void)program_turn(p, ctx, until - now, true, WAIT_PLAIN);
}

void program_over(struct program *p, reeve_ctx *ctx)
{
    last_words(p, ctx);
    const char *cut = lines_rest(&p->lines) > 0 ? ", in the middle of a line" : "";
    const char *name = sigabbrev_np(p->signal);
    if (!p->exited)
        program_because(p, "it closed its standard output%s", cut);
    else if (p->signal)
        program_because(p, "it was ended by signal %d%s%s%s", p->signal, name ? ", SIG" : "",
                        name ? name : "", cut);
    else
        program_because(p, "it ended with exit code %d%s", p->code, cut);
}

bool program_ended_well(const struct program *p)
{
    return p->exited && p->signal == 0 && p->code == 0 && lines_rest(&p->lines) == 0;
}

int program_said(struct program *p, struct said *ret)
{
    const char *line = NULL;
    size_t len = 0;
    if (lines_next(&p->lines, &line, &len))
        return said_read(line, len, ret, p->why, sizeof p->why) < 0 ? -1 : 1;
    if (lines_too_long(&p->lines)) {
        program_because(p, "it wrote a line of more than %zu bytes", p->lines.max);
        return -1;
    }
    return program_runs(p) ? 0 : PROGRAM_OVER;
}

/* ---- the end ---- */

void program_quiet(struct program *p, reeve_ctx *ctx)
{
    if (p->process.pid <= 0)
        return;
    (void)kill(-p->process.pid, SIGKILL); /* with all that it has started */
    while (waitpid(p->process.pid, NULL, 0) < 0 && errno == EINTR)
        ;
    if (!p->exited)
        unwatch(p, p->process.pidfd);
    read_err(p, ctx);
    complaints_end(&p->complaints, ctx);
    close_stream(p, &p->process.in);
    close_stream(p, &p->process.out);
    close_stream(p, &p->process.err);
    (void)close(p->process.pidfd);
    p->process = (struct process){.pid = 0, .pidfd = -1, .in = -1, .out = -1, .err = -1};
    lines_free(&p->lines);
    reeve_buf_clear(p->to);
    p->to_at = 0;
    p->out_watched = p->in_watched = p->exited = false;
    p->ended = true;
}

void program_good(struct program *p)
{
    p->failures = 0;
    p->not_before = 0;
}

/* The first new start is at once. One that fails with a message is not asked much sooner than the
 * message comes again; one that fails without is asked less and less. */
void program_fail(struct program *p, reeve_ctx *ctx, bool had_message)
{
    uint64_t pause = PROGRAM_REST_MS;
    for (unsigned i = 1; !had_message && i < p->failures && pause < PAUSE_MAX_MS; i++)
        pause *= 2;
    pause = pause < PAUSE_MAX_MS ? pause : PAUSE_MAX_MS;
    program_quiet(p, ctx);
    p->not_before = p->failures > 0 ? monotonic_ms() + pause : 0;
    p->failures = had_message ? 1 : p->failures + 1;
    reeve_log(ctx, 4, "the program is given up: %s", p->why);
}

int program_init(struct program *p, reeve_ctx *ctx)
{
    uint64_t limit = reeve_limit(ctx, "message");
    *p = (struct program){.ended = true};
    p->process = (struct process){.pid = 0, .pidfd = -1, .in = -1, .out = -1, .err = -1};
    /* a character may be written as an escape of six, and a message may become several */
    p->lines.max = (size_t)(limit > 0 && limit < (1u << 28) ? limit : 16u << 20) * 4 + 65536;
    p->epoll = epoll_create1(EPOLL_CLOEXEC);
    p->to = reeve_buf_new(ctx);
    return p->to != NULL && p->epoll >= 0 ? 0 : -1;
}

void program_stop(struct program *p, reeve_ctx *ctx)
{
    uint64_t until = monotonic_ms() + END_MS, now;
    if (p->process.pid > 0) {
        while (program_unsent(p) > 0 && !p->exited && monotonic_ms() < until)
            (void)program_turn(p, ctx, 50, false, WAIT_PLAIN);
        close_stream(p, &p->process.in); /* this asks it */
        p->in_watched = false;
        while (!p->exited && (now = monotonic_ms()) < until) {
            lines_free(&p->lines); /* nobody is there to hear it */
            (void)program_turn(p, ctx, until - now, p->process.out >= 0, WAIT_PLAIN);
        }
    }
    program_quiet(p, ctx);
}

void program_done(struct program *p, reeve_ctx *ctx)
{
    program_stop(p, ctx);
    reeve_buf_free(p->to);
    if (p->epoll >= 0)
        (void)close(p->epoll);
}

/* ---- what is sent ---- */

static int send_head(struct program *p, uint64_t seq, uint32_t attempt, const char *call)
{
    char head[128];
    int n = snprintf(head, sizeof head, "{\"seq\":%llu", (unsigned long long)seq);
    if (attempt > 0)
        n += snprintf(head + n, sizeof head - (size_t)n, ",\"attempt\":%u", attempt);
    if (call != NULL)
        n += snprintf(head + n, sizeof head - (size_t)n, ",\"call\":\"%.16s\"", call);
    return reeve_buf_add(p->to, head, (size_t)n) | reeve_buf_add(p->to, ",\"event\":", 9);
}

int program_send(struct program *p, uint64_t seq, uint32_t attempt, const char *call,
                 const reeve_msg *msg)
{
    return send_head(p, seq, attempt, call) | reeve_msg_to_json(msg, p->to) |
           reeve_buf_add(p->to, "}\n", 2);
}

int program_send_json(struct program *p, uint64_t seq, uint32_t attempt, const char *json,
                      size_t len)
{
    int rc = send_head(p, seq, attempt, NULL);
    for (size_t n; rc == 0 && len > 0; json += n, len -= n) { /* a line has no line feeds in it */
        const char *lf = memchr(json, '\n', len);
        n = lf ? (size_t)(lf - json) : len;
        rc = reeve_buf_add(p->to, json, n);
        if (lf != NULL)
            n++;
    }
    return rc | reeve_buf_add(p->to, "}\n", 2);
}
