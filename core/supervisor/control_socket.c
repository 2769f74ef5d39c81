/* SPDX-License-Identifier: Apache-2.0 */
/* control_socket - DATA/run/control.sock: commands of the same user (or root), one JSON object a
 * line, answers likewise.
 *
 * A client that is slow, silent or talkative costs a bounded buffer and nobody's time. `status`
 * waits up to half a second for fresh figures, `pause` and `resume` until the process has done it
 * (3 s at most), `reload` until the new configuration is settled; everything else is answered at
 * once. */
#include "sup.h"
#include "base/log.h"
#include "base/util.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#define CLIENTS_MAX   32
#define REQUEST_MAX   4096u
#define STATS_WAIT_MS 500u
#define PAUSE_WAIT_MS 3000u

enum waiting { WAIT_NOTHING, WAIT_STATS, WAIT_PAUSE, WAIT_RELOAD };

struct client {
    int fd; /* -1: free */
    struct buf in, out;
    size_t out_at;
    enum waiting waiting;
    uint64_t deadline;          /* WAIT_STATS, WAIT_PAUSE */
    const struct unit *pausing; /* WAIT_PAUSE; it may be gone */
    bool ended;                 /* the peer sends no more */
};

struct control {
    int fd;
    char path[sizeof(((struct sockaddr_un *)0)->sun_path)];
    struct client client[CLIENTS_MAX];
};

/* ---- answers */

static void answer(struct client *c, const struct tree *t)
{
    struct buf text = BUF_INIT(SUPERVISOR_LINE_MAX);
    /* All or nothing: half a line would be taken for an answer. */
    if (!t || tree_to_json(t, &text, false) < 0 || buf_addc(&text, '\n') < 0 ||
        buf_add(&c->out, text.p, text.len) < 0)
        c->ended = true;
    buf_done(&text);
    c->waiting = WAIT_NOTHING;
}

static void answer_error(struct client *c, const struct err *e, const char *diagnostics)
{
    struct tree *t = tree_map();
    if (t) {
        (void)tree_putb(t, "ok", false);
        (void)tree_puts(t, "code", e->code);
        (void)tree_puts(t, "text", e->text);
        if (diagnostics && *diagnostics && utf8_valid(diagnostics, strlen(diagnostics)))
            (void)tree_puts(t, "diagnostics", diagnostics);
    }
    answer(c, t);
    tree_free(t);
}

static void refuse(struct client *c, const char *code, const char *text)
{
    struct err e;
    (void)err_set(&e, -EINVAL, code, "%s", text);
    answer_error(c, &e, NULL);
}

static void answer_ok(const struct sup *s, struct client *c)
{
    struct tree *t = tree_map();
    if (t) {
        (void)tree_putb(t, "ok", true);
        (void)tree_putu(t, "pid", (uint64_t)getpid());
        (void)tree_puts(t, "version", REEVE_VERSION);
        if (s->plan)
            (void)plan_put_machines(s->plan, t);
    }
    answer(c, t);
    tree_free(t);
}

static void answer_status(struct sup *s, struct client *c)
{
    watch_judge(s);
    struct tree *t = status_make(s);
    answer(c, t);
    tree_free(t);
}

/* ---- commands */

void sup_ask_stats(struct sup *s)
{
    for (size_t i = 0; i < s->n; i++) {
        struct unit *u = s->unit[i];
        /* The console asks for the status itself: to wait for its figures would be to wait for each
         * other. It has none. */
        if (u->channel && u->restart.state == RESTART_UP && !u->stats_asked &&
            u->kind != PROCESS_CONSOLE) {
            u->stats_asked = true;
            unit_send(u, CONTROL_ASK_STATS);
        }
    }
}

static void command_reload(struct sup *s, struct client *c)
{
    struct err e;
    if (sup_reload(s, &e) < 0)
        answer_error(c, &e, NULL);
    else
        c->waiting = WAIT_RELOAD;
}

/* Where several machines deliver to it, the others are to be told, by whoever reaches them. */
static void answer_paused(const struct sup *s, struct client *c, bool late)
{
    struct tree *t = tree_map();
    int r = t ? tree_putb(t, "ok", true) : -ENOMEM;
    r = r < 0 || !late ? r : tree_putb(t, "late", true);
    r = r < 0 ? r : tree_puts(t, "machine", tree_gets(s->plan->tree, "machine", NULL));
    answer(c, r == 0 ? t : NULL);
    tree_free(t);
}

/* Its process has said that it does so, or there is none. */
static bool pause_done(const struct sup *s, const struct unit *u)
{
    for (size_t i = 0; i < s->n; i++)
        if (s->unit[i] == u)
            return !u->channel || u->pause_asked == 0;
    return true;
}

static bool elsewhere(const struct sup *s, const char *destination)
{
    return tree_get(s->plan->tree, "machine") &&
           tree_has(tree_get(s->plan->tree, "destinations"), destination);
}

static void command_pause(struct sup *s, struct client *c, const struct tree *request, bool paused)
{
    const char *name = tree_gets(request, "name", "");
    struct err e;
    for (size_t i = 0; i < s->n; i++) {
        struct unit *u = s->unit[i];
        if (u->kind != PROCESS_SINK || strcmp(tree_gets(u->part, "destination", ""), name) != 0)
            continue;
        log_info(paused ? "paused" : "resumed", NULL, "%s", name);
        unit_pause(u, paused);
        c->waiting = WAIT_PAUSE;
        c->deadline = mono_ms() + PAUSE_WAIT_MS;
        c->pausing = u;
        return;
    }
    if (elsewhere(s, name)) {
        answer_paused(s, c, false);
        return;
    }
    (void)err_set(&e, -ENOENT, "destination-unknown", "there is no destination \"%s\" in this hub",
                  name);
    answer_error(c, &e, NULL);
}

/* How to reach the queues. It may hold a password: whoever may ask could read our memory, too. */
static void command_transport(const struct sup *s, struct client *c)
{
    const struct unit *u = sup_queues(s);
    struct tree *t = u ? tree_map() : NULL;
    const struct tree *place = u ? tree_get(u->part, "transport") : NULL;
    int r = t ? tree_putb(t, "ok", true) : -ENOMEM;
    r = r < 0 ? r : tree_puts(t, "kind", process_kind_name(u->kind));
    if (r == 0 && place)
        r = tree_put(t, "transport", tree_copy(place));
    answer(c, r == 0 ? t : NULL);
    tree_free(t);
}

static void command(struct sup *s, struct client *c, const char *line, size_t len)
{
    struct tree *t = NULL;
    struct err e;
    if (tree_from_json(line, len, &t, &e) < 0) {
        answer_error(c, &e, NULL);
        return;
    }
    const char *what = tree_gets(t, "command", "");
    if (strcmp(what, "ping") == 0) {
        answer_ok(s, c);
    } else if (strcmp(what, "status") == 0) {
        sup_ask_stats(s);
        c->waiting = WAIT_STATS;
        c->deadline = mono_ms() + STATS_WAIT_MS;
    } else if (strcmp(what, "transport") == 0) {
        command_transport(s, c);
    } else if (s->state == SUP_ENDING) {
        refuse(c, "ending", "the hub is ending");
    } else if (strcmp(what, "reload") == 0) {
        command_reload(s, c);
    } else if (strcmp(what, "pause") == 0 || strcmp(what, "resume") == 0) {
        command_pause(s, c, t, what[0] == 'p');
    } else {
        refuse(c, "command-unknown",
               "commands are ping, status, transport, reload, pause and resume");
    }
    tree_free(t);
}

void control_reload_done(struct sup *s, const char *diagnostics)
{
    for (size_t i = 0; s->control && i < CLIENTS_MAX; i++) {
        struct client *c = &s->control->client[i];
        if (c->fd < 0 || c->waiting != WAIT_RELOAD)
            continue;
        if (s->reload_error.code[0] && !s->reload_report) {
            answer_error(c, &s->reload_error, diagnostics);
            continue;
        }
        struct tree *t = tree_copy(s->reload_report);
        if (t) {
            (void)tree_putb(t, "ok", s->reload_error.code[0] == '\0');
            if (s->reload_error.code[0]) {
                (void)tree_puts(t, "code", s->reload_error.code);
                (void)tree_puts(t, "text", s->reload_error.text);
            }
        }
        answer(c, t);
        tree_free(t);
    }
}

/* ---- the socket */

static int bind_private(int fd, const char *path)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof a.sun_path)
        return -ENAMETOOLONG;
    memcpy(a.sun_path, path, strlen(path) + 1);
    /* The lock is ours: whoever left this socket is gone. */
    if (unlink(path) < 0 && errno != ENOENT)
        return -errno;
    mode_t before = umask(0177);
    int r = bind(fd, (const struct sockaddr *)&a, sizeof a) < 0 ? -errno : 0;
    (void)umask(before);
    if (r == 0 && listen(fd, 64) < 0)
        r = -errno;
    return r;
}

int control_open(struct sup *s, struct err *e)
{
    _cleanup_free_ char *path = path_join(s->plan->run, "control.sock");
    struct control *k = xcalloc(1, sizeof *k);
    if (!path || !k) {
        free(k);
        return err_set(e, -ENOMEM, "memory", "out of memory");
    }
    for (size_t i = 0; i < CLIENTS_MAX; i++)
        k->client[i].fd = -1;
    k->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int r = k->fd < 0 ? -errno : bind_private(k->fd, path);
    if (r < 0) {
        if (k->fd >= 0)
            (void)close(k->fd);
        free(k);
        return err_set(e, r, "control-socket", "%s: %s", path, strerror(-r));
    }
    memcpy(k->path, path, strlen(path) + 1);
    s->control = k;
    return 0;
}

static void drop(struct client *c)
{
    (void)close(c->fd);
    c->fd = -1;
    buf_done(&c->in);
    buf_done(&c->out);
}

void control_free(struct sup *s)
{
    struct control *k = s->control;
    if (!k)
        return;
    for (size_t i = 0; i < CLIENTS_MAX; i++)
        if (k->client[i].fd >= 0)
            drop(&k->client[i]);
    (void)close(k->fd);
    (void)unlink(k->path);
    free(k);
    s->control = NULL;
}

static void take_clients(struct control *k)
{
    struct client *c;
    int fd;
    while ((fd = accept4(k->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK)) >= 0) {
        struct ucred who;
        socklen_t len = sizeof who;
        size_t i = 0;
        while (i < CLIENTS_MAX && k->client[i].fd >= 0)
            i++;
        /* The mode of the socket says the same; this also holds where modes of sockets are not
         * asked. */
        bool ours = getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &len) == 0 &&
                    (who.uid == geteuid() || who.uid == 0);
        if (i == CLIENTS_MAX || !ours) {
            (void)close(fd);
            continue;
        }
        c = &k->client[i];
        memset(c, 0, sizeof *c);
        c->fd = fd;
        buf_init(&c->in, REQUEST_MAX);
        buf_init(&c->out, SUPERVISOR_LINE_MAX);
    }
}

/* Executes the lines that are there; one at a time, the next when the answer to the last is known.
 */
static void take_lines(struct sup *s, struct client *c)
{
    char *end;
    while (c->waiting == WAIT_NOTHING && c->in.len > 0 &&
           (end = memchr(c->in.p, '\n', c->in.len)) != NULL) {
        size_t len = (size_t)(end - c->in.p);
        command(s, c, c->in.p, len);
        c->in.len -= len + 1;
        memmove(c->in.p, end + 1, c->in.len);
    }
}

static void read_client(struct client *c)
{
    char chunk[REQUEST_MAX];
    ssize_t n = recv(c->fd, chunk, sizeof chunk, 0);
    if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
        c->ended = true;
    else if (n > 0 && buf_add(&c->in, chunk, (size_t)n) < 0)
        c->ended = true; /* no request is that long */
}

static void write_client(struct client *c)
{
    while (c->out_at < c->out.len) {
        ssize_t n = send(c->fd, c->out.p + c->out_at, c->out.len - c->out_at, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            if (errno != EAGAIN) {
                c->ended = true;
                c->out_at = c->out.len;
            }
            return;
        }
        c->out_at += (size_t)n;
    }
    buf_reset(&c->out);
    c->out_at = 0;
}

void control_run(struct sup *s)
{
    if (!s->control)
        return;
    take_clients(s->control);
    for (size_t i = 0; i < CLIENTS_MAX; i++) {
        struct client *c = &s->control->client[i];
        if (c->fd < 0)
            continue;
        if (!c->ended)
            read_client(c);
        take_lines(s, c);
        bool late = mono_ms() >= c->deadline;
        if (c->waiting == WAIT_STATS && (sup_stats_here(s) || late)) {
            answer_status(s, c);
            take_lines(s, c);
        } else if (c->waiting == WAIT_PAUSE && (pause_done(s, c->pausing) || late)) {
            answer_paused(s, c, !pause_done(s, c->pausing));
            take_lines(s, c);
        }
        write_client(c);
        if (c->ended && c->waiting == WAIT_NOTHING && c->out_at == c->out.len)
            drop(c);
    }
}

size_t control_pollfds(const struct control *k)
{
    return k ? CLIENTS_MAX + 1 : 0;
}

size_t control_poll(const struct control *k, struct pollfd *out)
{
    size_t n = 0;
    if (!k)
        return 0;
    out[n++] = (struct pollfd){.fd = k->fd, .events = POLLIN};
    for (size_t i = 0; i < CLIENTS_MAX; i++) {
        const struct client *c = &k->client[i];
        short events = (short)((c->ended || c->in.len == REQUEST_MAX ? 0 : POLLIN) |
                               (c->out.len > c->out_at ? POLLOUT : 0));
        if (c->fd >= 0 && events)
            out[n++] = (struct pollfd){.fd = c->fd, .events = events};
    }
    return n;
}

uint64_t control_deadline(const struct control *k)
{
    uint64_t first = UINT64_MAX;
    for (size_t i = 0; k && i < CLIENTS_MAX; i++)
        if (k->client[i].fd >= 0 &&
            (k->client[i].waiting == WAIT_STATS || k->client[i].waiting == WAIT_PAUSE) &&
            k->client[i].deadline < first)
            first = k->client[i].deadline;
    return first;
}
