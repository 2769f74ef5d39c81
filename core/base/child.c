/* SPDX-License-Identifier: Apache-2.0 */
/* child - the child's end of the control channel (control.h).
 *
 * Guarantees: the part of the plan is read once and its descriptor closed; a BEAT leaves only from
 * child_run(), so a stuck main loop is silent; when the supervisor goes away the child is told to
 * drain exactly once. A supervisor that does not read costs no memory: beats are skipped while
 * output waits, and the rest is bounded. Side effect: SIGPIPE is ignored in the whole process; a
 * peer that goes away must never be a crash. */
#include "control.h"
#include "frame.h"
#include "log.h"
#include "util.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#define PART_MAX       (64u << 20) /* a part with 10,000 routes is about 5 MB */
#define ORPHAN_DRAIN_S 30          /* what a child may use when nobody is there to tell it */
#define QUEUE_MAX      (1u << 20)  /* output that waits for the supervisor */
#define FAULT_FLUSH_MS 1000

struct child {
    struct channel *channel; /* NULL: by hand, or the supervisor is gone */
    struct child_events events;
    uint32_t generation;
    uint64_t beat_ms;    /* when the last BEAT left */
    uint64_t started_ms; /* wall clock */
    bool drained;        /* the drain event was given */
    char status[256];    /* what the supervisor knows */
};

static int read_part(const char *part_file, struct tree **ret, struct err *e)
{
    char *text = NULL;
    size_t len = 0;
    int r;
    if (part_file) {
        r = read_file(part_file, PART_MAX, &text, &len);
    } else {
        /* The supervisor wrote the file through the same open description: its offset stands at the
         * end. */
        r = lseek(CONTROL_PART_FD, 0, SEEK_SET) < 0
                ? -errno
                : read_fd(CONTROL_PART_FD, PART_MAX, &text, &len);
        (void)close(CONTROL_PART_FD);
    }
    if (r < 0)
        return err_set(e, r, "part", "cannot read the part of the plan: %s", strerror(-r));
    r = tree_from_json(text, len, ret, e);
    if (text) /* it holds secrets */
        explicit_bzero(text, len);
    free(text);
    return r < 0 ? err_prefix(e, r, "part of the plan") : 0;
}

static int take_channel(struct child *c, struct err *e)
{
    struct stat st;
    if (fstat(CONTROL_FD, &st) < 0 || !S_ISSOCK(st.st_mode))
        return err_set(
            e, -ENOTCONN, "no-supervisor",
            "descriptor %d is no control channel: this program is started by `reeve run`",
            CONTROL_FD);
    const char *text = getenv("REEVE_GENERATION");
    int64_t generation = 0;
    if (text && (parse_i64(text, &generation) < 0 || generation < 0 || generation > UINT32_MAX))
        return err_set(e, -EINVAL, "generation", "REEVE_GENERATION is not a number");
    c->generation = (uint32_t)generation;
    c->channel = channel_new(CONTROL_FD, FRAME_MAX_DEFAULT);
    return c->channel ? 0 : err_set(e, -ENOMEM, "memory", "out of memory");
}

static void ignore_sigpipe(void)
{
    struct sigaction sa;
    memset(&sa, 0, sizeof sa);
    sa.sa_handler = SIG_IGN;
    (void)sigaction(SIGPIPE, &sa, NULL);
}

int child_start(const char *part_file, const struct child_events *events, struct child **ret,
                struct tree **ret_part, struct err *e)
{
    struct child *c = xcalloc(1, sizeof *c);
    struct tree *part = NULL;
    int r = 0;
    if (!c)
        return err_set(e, -ENOMEM, "memory", "out of memory");
    c->started_ms = wall_ms();
    if (events)
        c->events = *events;
    ignore_sigpipe();
    if (!part_file)
        r = take_channel(c, e);
    if (r == 0)
        r = read_part(part_file, &part, e);
    if (r < 0) {
        if (c->channel)
            child_fault(c, e); /* so that the supervisor can say why in `status` */
        child_free(c);
        return r;
    }
    *ret = c;
    *ret_part = part;
    return 0;
}

void child_free(struct child *c)
{
    if (!c)
        return;
    channel_free(c->channel);
    free(c);
}

int child_fd(const struct child *c)
{
    return c && c->channel ? channel_fd(c->channel) : -1;
}

short child_poll_events(const struct child *c)
{
    if (!c || !c->channel)
        return 0;
    return channel_wants_write(c->channel) ? POLLIN | POLLOUT : POLLIN;
}

static void drain(struct child *c, uint32_t seconds)
{
    if (c->drained)
        return;
    c->drained = true;
    if (c->events.drain)
        c->events.drain(c->events.arg, seconds);
}

static void supervisor_gone(struct child *c)
{
    channel_free(c->channel);
    c->channel = NULL;
    drain(c, ORPHAN_DRAIN_S);
}

static int send_frame(struct child *c, uint16_t type, const void *p, size_t len)
{
    if (!c || !c->channel)
        return 0;
    if (channel_queued(c->channel) + len > QUEUE_MAX)
        return -ENOBUFS;
    return channel_send(c->channel, type, c->generation, p, len, -1);
}

static void flush(struct child *c)
{
    if (c && c->channel && channel_flush(c->channel) < 0)
        supervisor_gone(c);
}

static int answer_stats(struct child *c)
{
    struct tree *figures = tree_map();
    struct buf text = BUF_INIT(FRAME_MAX_DEFAULT - 16), payload = BUF_INIT(FRAME_MAX_DEFAULT);
    int r = figures ? tree_putu(figures, "started_ms", c->started_ms) : -ENOMEM;
    if (r == 0 && c->events.stats)
        c->events.stats(c->events.arg, figures);
    if (r == 0)
        r = tree_to_json(figures, &text, false);
    if (r == 0)
        r = pack_bytes(&payload, buf_str(&text), text.len);
    if (r == 0)
        r = send_frame(c, CONTROL_STATS, payload.p, payload.len);
    tree_free(figures);
    buf_done(&text);
    buf_done(&payload);
    return r == -ENOBUFS ? 0 : r; /* nobody reads: the figures are of no use then */
}

static int send_paused(struct child *c, bool paused)
{
    struct buf b = BUF_INIT(16);
    int r = pack_u8(&b, paused);
    r = r < 0 ? r : send_frame(c, CONTROL_PAUSED, b.p, b.len);
    buf_done(&b);
    return r == -ENOBUFS ? 0 : r; /* nobody reads */
}

static int take_told(struct child *c, const struct frame *f)
{
    struct unpack u;
    char view[CONTROL_VIEW_MAX];
    struct child_told t = {.view = view};
    unpack_start(&u, f->p, f->len);
    unpack_str(&u, view, sizeof view);
    t.status = unpack_u32(&u);
    t.last = unpack_u8(&u) != 0;
    union {
        const uint8_t *u;
        const char *c;
    } piece = {.u = unpack_bytes(&u, &t.len)};
    t.p = piece.c;
    if (unpack_end(&u) < 0 || !c->events.told)
        return -EPROTO;
    c->events.told(c->events.arg, &t);
    return 0;
}

static int take_log(struct unpack *u)
{
    char settings[LOG_SETTINGS_MAX];
    unpack_str(u, settings, sizeof settings);
    return unpack_end(u) < 0 || log_set(settings) < 0 ? -EPROTO : 0;
}

/* One frame from the supervisor. */
static int handle(struct child *c, const struct frame *f)
{
    struct unpack u;
    uint32_t seconds = 0;
    if (f->fd >= 0) { /* none of our frames carries one */
        (void)close(f->fd);
        return -EPROTO;
    }
    if (f->generation != c->generation)
        return -EPROTO;
    if (f->type == CONTROL_TOLD)
        return take_told(c, f);
    unpack_start(&u, f->p, f->len);
    if (f->type == CONTROL_LOG)
        return take_log(&u);
    if (f->type == CONTROL_DRAIN)
        seconds = unpack_u32(&u);
    if (unpack_end(&u) < 0)
        return -EPROTO;
    switch (f->type) {
    case CONTROL_DRAIN:
        drain(c, seconds);
        return 0;
    case CONTROL_PAUSE:
    case CONTROL_RESUME:
        if (c->events.pause)
            c->events.pause(c->events.arg, f->type == CONTROL_PAUSE);
        return send_paused(c, f->type == CONTROL_PAUSE);
    case CONTROL_ASK_STATS:
        return !c->events.stats_now || c->events.stats_now(c->events.arg) ? answer_stats(c) : 0;
    default:
        return -EPROTO;
    }
}

int child_run(struct child *c)
{
    struct frame f;
    if (!c || !c->channel)
        return 0;
    int filled = channel_fill(c->channel), r;
    /* What came before the end is handled before the end is. (What an event says to a supervisor
     * who is gone ends the channel.) */
    while ((r = channel_next(c->channel, &f)) == 1) {
        r = handle(c, &f);
        if (r < 0 || !c->channel)
            return r;
    }
    if (r < 0)
        return r;
    if (filled < 0) {
        supervisor_gone(c);
        return 0;
    }
    flush(c); /* an answer is no reason to skip a beat: else who is asked often enough is taken for
                 dead */
    if (!c->channel)
        return 0;
    uint64_t now = mono_ms();
    if (now - c->beat_ms >= CONTROL_BEAT_MS)
        log_tick();
    if (now - c->beat_ms >= CONTROL_BEAT_MS && !channel_wants_write(c->channel)) {
        r = send_frame(c, CONTROL_BEAT, NULL, 0);
        if (r < 0)
            return r;
        c->beat_ms = now;
    }
    flush(c);
    return 0;
}

int child_ready(struct child *c)
{
    struct buf b = BUF_INIT(16);
    int r = pack_u32(&b, CONTROL_VERSION);
    if (r == 0)
        r = send_frame(c, CONTROL_READY, b.p, b.len);
    buf_done(&b);
    flush(c);
    return r;
}

int child_stats(struct child *c)
{
    int r = c && c->channel ? answer_stats(c) : 0;
    flush(c);
    return r;
}

static void send_two(struct child *c, uint16_t type, const char *one, const char *two)
{
    struct buf b = BUF_INIT(4096);
    int r = one ? pack_str(&b, one) : 0;
    if (r == 0)
        r = pack_str(&b, two);
    if (r == 0)
        (void)send_frame(c, type, b.p,
                         b.len); /* words for people: losing them is better than failing */
    buf_done(&b);
    flush(c);
}

void child_status(struct child *c, const char *fmt, ...)
{
    char text[sizeof c->status];
    va_list ap;
    if (!c)
        return;
    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    if (strcmp(text, c->status) == 0)
        return;
    memcpy(c->status, text, sizeof text);
    send_two(c, CONTROL_STATUS, NULL, text);
}

void child_alarm(struct child *c, const char *code, const char *fmt, ...)
{
    char text[ERR_TEXT_MAX];
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    send_two(c, CONTROL_ALARM, code, text);
}

void child_paused(struct child *c, bool paused)
{
    (void)send_paused(c, paused);
    flush(c);
}

int child_ask(struct child *c, const char *view)
{
    struct buf b = BUF_INIT(64);
    if (!c || !c->channel)
        return -ENOTCONN;
    int r = pack_str(&b, view);
    if (r == 0)
        r = send_frame(c, CONTROL_ASK, b.p, b.len);
    buf_done(&b);
    flush(c);
    return r;
}

void child_fault(struct child *c, const struct err *e)
{
    if (!c || !c->channel)
        return;
    send_two(c, CONTROL_FAULT, e->code, e->text);
    uint64_t end = mono_ms() + FAULT_FLUSH_MS;
    while (c->channel && channel_wants_write(c->channel) && mono_ms() < end) {
        struct pollfd pfd = {.fd = channel_fd(c->channel), .events = POLLOUT};
        (void)poll(&pfd, 1, 100);
        /* Not flush(): a lost supervisor must not start a drain now, the process is on its way out.
         */
        if (channel_flush(c->channel) < 0)
            return;
    }
}
