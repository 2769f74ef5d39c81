/* SPDX-License-Identifier: Apache-2.0 */
/* amqp_client - the caller's side of the amqp engine: what transport.h promises, without ever
 * blocking. See amqp_client.h for the two threads.
 *
 * Guarantees: callbacks run from run() only; commands of one run travel together, one wake-up for
 * all; close() ends within seconds whatever the thread hangs in (then the thread frees the rest
 * when it comes back). Known limit: AC_SUBS_MAX subscriptions for each client (-ENOSPC). */
#include "amqp_client.h"
#include "base/util.h"
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>

#define FLUSH_AT       32u   /* commands that are handed over without waiting for run() */
#define WATCH_MS       1000u /* while something is unconfirmed: is the thread stuck? */
#define CLOSE_WAIT_MS  4000u /* an orderly end: acknowledgements, the broker's goodbye */
#define CLOSE_FORCE_MS 1000u /* then the socket is shut down */
#define NAME_MAX_LEN   (AMQP_NAME_SIZE - 16)

static void wake(int fd)
{
    uint64_t one = 1;
    (void)!write(fd, &one, sizeof one); /* full: it is awake for certain */
}

static void flush(struct amqp_client *c)
{
    if (STAILQ_EMPTY(&c->out))
        return;
    (void)pthread_mutex_lock(&c->lock);
    STAILQ_CONCAT(&c->to_thread, &c->out);
    if (c->thread_sleeps)
        wake(c->thread_fd);
    c->thread_sleeps = false;
    (void)pthread_mutex_unlock(&c->lock);
    c->out_n = 0;
}

static void post(struct amqp_client *c, struct ac_item *item, enum ac_kind kind)
{
    item->kind = kind;
    STAILQ_INSERT_TAIL(&c->out, item, link);
    if (++c->out_n >= FLUSH_AT)
        flush(c);
}

/* ---- publishing ---- */

static bool named_before(const char *const *names, size_t i)
{
    for (size_t k = 0; k < i; k++)
        if (strcmp(names[k], names[i]) == 0)
            return true;
    return false;
}

static char *put_text(char **at, const char *text, size_t len)
{
    char *p = *at;
    memcpy(p, text, len);
    p[len] = '\0';
    *at += len + 1;
    return p;
}

/* One block for all of a message; each destination once. bytes NULL: refused, nothing is kept. */
static struct ac_entry *entry_new(const char *id, const char *bytes, size_t len,
                                  const char *const *names, size_t n)
{
    size_t size = sizeof(struct ac_entry) + n * sizeof(struct ac_part) + strlen(id) + len + 2;
    for (size_t i = 0; i < n; i++)
        size += strlen(names[i]) + 1;
    struct ac_entry *e = malloc(size);
    if (!e)
        return NULL;
    char *at = (char *)&e->part[n];
    *e = (struct ac_entry){.len = len};
    e->id = put_text(&at, id, strlen(id));
    e->bytes = put_text(&at, bytes, len);
    for (size_t i = 0; i < n; i++)
        if (!named_before(names, i))
            e->part[e->n++] = (struct ac_part){.name = put_text(&at, names[i], strlen(names[i]))};
    e->unsent = e->n;
    return e;
}

static int window_add(struct amqp_client *c, struct ac_entry *e, uint64_t tag)
{
    if (!e)
        return -ENOMEM;
    e->tag = tag;
    c->window_n++;
    c->window_bytes += e->len;
    return 0;
}

static int refuse_large(struct amqp_client *c, uint64_t tag, const char *id, size_t len)
{
    struct ac_entry *e = entry_new(id, "", 0, NULL, 0);
    int r = window_add(c, e, tag);
    if (r < 0)
        return r;
    e->why = malloc(sizeof *e->why);
    if (e->why)
        (void)err_set(e->why, -EFBIG, "too-large",
                      "the message has %zu bytes, more than the %zu that are allowed", len,
                      c->place.message_max);
    STAILQ_INSERT_TAIL(&c->refused, &e->item, link);
    return 0;
}

static int ac_publish(struct transport *t, uint64_t tag, const char *id, const char *bytes,
                      size_t len, const char *const *destinations, size_t n)
{
    struct amqp_client *c = (struct amqp_client *)t;
    if (c->window_n >= AC_WINDOW_MESSAGES)
        return -EAGAIN;
    if (len > c->place.message_max)
        return refuse_large(c, tag, id, len);
    if (c->window_n > 0 && c->window_bytes + len > AC_WINDOW_BYTES)
        return -EAGAIN;
    if (n == 0 || n > UINT16_MAX)
        return -EINVAL;
    for (size_t i = 0; i < n; i++)
        if (strlen(destinations[i]) > NAME_MAX_LEN)
            return -EINVAL;
    struct ac_entry *e = entry_new(id, bytes, len, destinations, n);
    int r = window_add(c, e, tag);
    if (r == 0)
        post(c, &e->item, AC_PUBLISH);
    return r;
}

static void entry_ended(struct amqp_client *c, struct ac_entry *e, bool confirmed)
{
    static const struct err unknown = {.code = "transport", .text = "out of memory"};
    uint64_t tag = e->tag;
    struct err why = e->why ? *e->why : unknown;
    c->window_n--;
    c->window_bytes -= e->len;
    free(e->why);
    free(e); /* first, so that the callback can publish into its place */
    if (confirmed)
        c->base.events.confirmed(c->base.events.arg, tag);
    else
        c->base.events.failed(c->base.events.arg, tag, &why);
}

/* ---- consuming ---- */

static struct ac_sub *find_sub(struct amqp_client *c, const char *destination)
{
    for (size_t i = 0; i < c->subs_n; i++)
        if (strcmp(c->sub[i]->destination, destination) == 0)
            return c->sub[i];
    return NULL;
}

static int ac_consume(struct transport *t, const char *destination, uint32_t prefetch)
{
    struct amqp_client *c = (struct amqp_client *)t;
    size_t len = strlen(destination);
    if (prefetch == 0 || prefetch > 10000 || len == 0 || len > NAME_MAX_LEN)
        return -EINVAL;
    if (find_sub(c, destination))
        return -EEXIST;
    if (c->subs_n == AC_SUBS_MAX)
        return -ENOSPC;
    struct ac_sub *s = xcalloc(1, sizeof *s);
    struct ac_consume *cmd = xcalloc(1, sizeof *cmd);
    if (!s || !cmd || !(s->destination = strdup(destination))) {
        free(s);
        free(cmd);
        return -ENOMEM;
    }
    const struct amqp_destination *d = amqp_place_find(&c->place, destination);
    s->prefetch = prefetch;
    s->strict = d && d->strict;
    s->channel = (amqp_channel_t)(AC_FIRST_SUB + c->subs_n);
    atomic_store(&s->epoch, 1);
    STAILQ_INIT(&s->settling);
    c->sub[c->subs_n++] = s;
    cmd->sub = s;
    post(c, &cmd->item, AC_CONSUME);
    return 0;
}

static int ac_pause(struct transport *t, const char *destination, bool paused)
{
    struct amqp_client *c = (struct amqp_client *)t;
    struct ac_sub *s = find_sub(c, destination);
    if (!s)
        return -ENOENT;
    if (s->paused_wish == paused)
        return 0;
    struct ac_pause *cmd = xcalloc(1, sizeof *cmd);
    if (!cmd)
        return -ENOMEM;
    s->paused_wish = paused;
    cmd->sub = s;
    cmd->paused = paused;
    post(c, &cmd->item, AC_PAUSE);
    return 0;
}

void ac_job_free(struct ac_job *j)
{
    if (j)
        free(j->text);
    free(j);
}

static bool is_void(const struct ac_job *j)
{
    return j->job.epoch != atomic_load(&j->sub->epoch);
}

static int ac_settle_out(struct transport *t, struct transport_job *job, enum settle how,
                         uint64_t delay_ms, const char *code, const char *text)
{
    struct amqp_client *c = (struct amqp_client *)t;
    struct ac_job *j = (struct ac_job *)job;
    TAILQ_REMOVE(&c->jobs, j, link);
    if (is_void(j)) {
        ac_job_free(j);
        return -ESTALE;
    }
    j->how = how;
    j->delay_ms = delay_ms;
    if (how == SETTLE_RETRY || how == SETTLE_DEAD) {
        (void)snprintf(j->code, sizeof j->code, "%s", code ? code : "");
        j->text = strdup(text ? text : ""); /* without memory: without the text */
    }
    post(c, &j->item, AC_SETTLE);
    return 0;
}

/* ---- running ---- */

static void on_usable(struct amqp_client *c, const struct ac_usable *u)
{
    c->usable = u->usable;
    (void)snprintf(c->why, sizeof c->why, "%s", u->why);
    if (c->told && c->told_usable == u->usable)
        return;
    c->told = true;
    c->told_usable = u->usable;
    if (c->base.events.usable)
        c->base.events.usable(c->base.events.arg, u->usable, c->why);
}

static void on_job(struct amqp_client *c, struct ac_job *j)
{
    if (is_void(j)) { /* it comes again */
        ac_job_free(j);
        return;
    }
    TAILQ_INSERT_TAIL(&c->jobs, j, link);
    c->base.events.job(c->base.events.arg, &j->job);
}

static void on_settled(struct amqp_client *c, struct ac_job *j)
{
    uint64_t handle = j->job.handle;
    ac_job_free(j);
    if (c->base.events.settled)
        c->base.events.settled(c->base.events.arg, handle);
}

static void on_told(const struct amqp_client *c, const struct ac_told *t)
{
    if (c->base.events.told)
        c->base.events.told(c->base.events.arg, t->sub->destination, t->paused);
}

static void dispatch(struct amqp_client *c, struct ac_item *item)
{
    switch (item->kind) {
    case AC_CONFIRMED:
    case AC_FAILED:
        entry_ended(c, (struct ac_entry *)(void *)item, item->kind == AC_CONFIRMED);
        break;
    case AC_JOB:
        on_job(c, ac_job_of(item));
        break;
    case AC_SETTLED:
        on_settled(c, ac_job_of(item));
        break;
    case AC_TOLD:
        on_told(c, (struct ac_told *)(void *)item);
        free(item);
        break;
    case AC_USABLE:
        on_usable(c, (struct ac_usable *)(void *)item);
        free(item);
        break;
    default: /* commands never come this way */
        break;
    }
}

static struct ac_list take_events(struct amqp_client *c)
{
    struct ac_list in = STAILQ_HEAD_INITIALIZER(in);
    uint64_t n;
    (void)pthread_mutex_lock(&c->lock);
    if (c->caller_woken)
        (void)!read(c->caller_fd, &n, sizeof n);
    c->caller_woken = false;
    struct ac_item *first = STAILQ_FIRST(&c->to_caller), **last = c->to_caller.stqh_last;
    STAILQ_INIT(&c->to_caller);
    uint64_t since = atomic_load(&c->busy_since), now = mono_ms();
    if (since && now > since && now - since > AC_STUCK_MS && c->socket >= 0)
        (void)shutdown(c->socket, SHUT_RDWR); /* whatever call it hangs in comes back */
    (void)pthread_mutex_unlock(&c->lock);
    in.stqh_first = first; /* the tail is not used again: read from the front only */
    in.stqh_last = last;
    return in;
}

static int ac_run(struct transport *t)
{
    struct amqp_client *c = (struct amqp_client *)t;
    flush(c);
    struct ac_list in = take_events(c);
    struct ac_item *item = in.stqh_first;
    while (item) {
        struct ac_item *next = STAILQ_NEXT(item, link);
        dispatch(c, item);
        item = next;
    }
    while (!STAILQ_EMPTY(&c->refused)) {
        item = STAILQ_FIRST(&c->refused);
        STAILQ_REMOVE_HEAD(&c->refused, link);
        entry_ended(c, (struct ac_entry *)(void *)item, false);
    }
    flush(c);
    return 0;
}

static int ac_fd(const struct transport *t, short *ret_events)
{
    *ret_events = POLLIN;
    return ((const struct amqp_client *)t)->caller_fd;
}

static uint64_t ac_timeout(const struct transport *t)
{
    const struct amqp_client *c = (const struct amqp_client *)t;
    if (!STAILQ_EMPTY(&c->out) || !STAILQ_EMPTY(&c->refused))
        return 0;
    return c->window_n || !TAILQ_EMPTY(&c->jobs) ? WATCH_MS : UINT64_MAX;
}

static bool ac_usable(const struct transport *t, const char **ret_why)
{
    const struct amqp_client *c = (const struct amqp_client *)t;
    *ret_why = c->why;
    return c->usable;
}

/* ---- the beginning and the end ---- */

static void items_free(struct ac_list *list)
{
    struct ac_item *item = STAILQ_FIRST(list);
    while (item) {
        struct ac_item *next = STAILQ_NEXT(item, link);
        if (item->kind == AC_JOB || item->kind == AC_SETTLE || item->kind == AC_SETTLED) {
            ac_job_free(ac_job_of(item));
        } else {
            if (item->kind == AC_PUBLISH || item->kind == AC_CONFIRMED || item->kind == AC_FAILED)
                free(((struct ac_entry *)(void *)item)->why);
            free(item);
        }
        item = next;
    }
    STAILQ_INIT(list);
}

void ac_free(struct amqp_client *c)
{
    for (struct ac_item *item = STAILQ_FIRST(&c->refused); item; item = STAILQ_NEXT(item, link))
        item->kind = AC_FAILED;
    items_free(&c->refused);
    items_free(&c->out);
    items_free(&c->to_thread);
    items_free(&c->to_caller);
    struct ac_job *j;
    while ((j = TAILQ_FIRST(&c->jobs))) {
        TAILQ_REMOVE(&c->jobs, j, link);
        ac_job_free(j);
    }
    for (size_t i = 0; i < c->subs_n; i++)
        ac_sub_free(c->sub[i]);
    amqp_place_done(&c->place);
    amqp_place_done(&c->n.place);
    map_free(c->n.dests);
    if (c->thread_fd >= 0)
        (void)close(c->thread_fd);
    if (c->caller_fd >= 0)
        (void)close(c->caller_fd);
    (void)pthread_cond_destroy(&c->ended);
    (void)pthread_mutex_destroy(&c->lock);
    free(c);
}

static bool wait_ended(struct amqp_client *c, uint64_t ms)
{
    struct timespec until;
    (void)clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += (time_t)(ms / 1000);
    while (!c->thread_ended && pthread_cond_timedwait(&c->ended, &c->lock, &until) == 0)
        continue;
    return c->thread_ended;
}

static void ac_close(struct transport *t)
{
    struct amqp_client *c = (struct amqp_client *)t;
    flush(c); /* what was settled should not be delivered again for want of one write */
    (void)pthread_mutex_lock(&c->lock);
    c->stop = true;
    wake(c->thread_fd);
    bool ended = wait_ended(c, CLOSE_WAIT_MS);
    if (!ended) {
        if (c->socket >= 0)
            (void)shutdown(c->socket, SHUT_RDWR);
        ended = wait_ended(c, CLOSE_FORCE_MS);
    }
    c->abandoned = !ended; /* the thread is looking up a host's name, say, and frees all itself */
    (void)pthread_mutex_unlock(&c->lock);
    if (ended)
        ac_free(c);
}

static int ac_dead_list(struct transport *t, const struct dead_filter *f, uint64_t after,
                        size_t limit, bool with_bytes,
                        int (*fn)(void *arg, const struct dead_letter *d), void *arg, struct err *e)
{
    return amqp_dead_list(&((struct amqp_client *)t)->place, f, after, limit, with_bytes, fn, arg,
                          e);
}

static int ac_dead_replay(struct transport *t, uint64_t number, struct err *e)
{
    return amqp_dead_replay(&((struct amqp_client *)t)->place, number, e);
}

static int ac_dead_discard(struct transport *t, uint64_t number, struct err *e)
{
    return amqp_dead_discard(&((struct amqp_client *)t)->place, number, e);
}

static int ac_queue_move(struct transport *t, const char *from, const char *to, size_t limit,
                         void (*fn)(void *arg, const char *id), void *arg, uint64_t *ret_left,
                         struct err *e)
{
    flush((struct amqp_client *)t); /* a pause that was asked for before goes before */
    return amqp_queue_move(&((struct amqp_client *)t)->place, from, to, limit, fn, arg, ret_left,
                           e);
}

static int ac_status(struct transport *t, struct tree **ret, struct err *e)
{
    return amqp_status(&((struct amqp_client *)t)->place, ret, e);
}

static int ac_pause_all(struct transport *t, const char *destination, bool paused,
                        struct tree **ret, struct err *e)
{
    return amqp_pause_all(&((struct amqp_client *)t)->place, destination, paused, ret, e);
}

static const struct transport_ops ops = {
    .close = ac_close,
    .usable = ac_usable,
    .fd = ac_fd,
    .timeout = ac_timeout,
    .run = ac_run,
    .publish = ac_publish,
    .consume = ac_consume,
    .pause = ac_pause,
    .settle = ac_settle_out,
    .dead_list = ac_dead_list,
    .dead_replay = ac_dead_replay,
    .dead_discard = ac_dead_discard,
    .queue_move = ac_queue_move,
    .status = ac_status,
    .pause_all = ac_pause_all,
};

/* The thread takes no signals: they are the program's. */
static int start_thread(struct amqp_client *c)
{
    sigset_t all, before;
    pthread_t thread;
    pthread_attr_t detached;
    (void)sigfillset(&all);
    int r = pthread_attr_init(&detached);
    if (r != 0)
        return -r;
    (void)pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    r = pthread_create(&thread, &detached, ac_thread, c);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    (void)pthread_attr_destroy(&detached);
    return -r;
}

static void init_lock(struct amqp_client *c)
{
    pthread_condattr_t monotonic;
    (void)pthread_condattr_init(&monotonic); /* none of these fails in glibc */
    (void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    (void)pthread_mutex_init(&c->lock, NULL);
    (void)pthread_cond_init(&c->ended, &monotonic);
    (void)pthread_condattr_destroy(&monotonic);
}

int amqp_client_open(const struct tree *part, const struct transport_events *events,
                     struct transport **ret, struct err *e)
{
    struct amqp_client *c = xcalloc(1, sizeof *c);
    if (!c)
        return err_set(e, -ENOMEM, "memory", "out of memory");
    c->base.ops = &ops;
    c->base.events = *events;
    c->socket = -1;
    STAILQ_INIT(&c->out);
    STAILQ_INIT(&c->refused);
    STAILQ_INIT(&c->to_thread);
    STAILQ_INIT(&c->to_caller);
    TAILQ_INIT(&c->jobs);
    init_lock(c);
    (void)snprintf(c->why, sizeof c->why, "not connected yet");
    c->thread_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    c->caller_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    c->n.dests = map_new(free);
    int r = c->thread_fd < 0 || c->caller_fd < 0 || !c->n.dests
                ? err_set(e, -ENOMEM, "memory", "out of memory or descriptors")
                : 0;
    r = r < 0 ? r : amqp_place_read(part, &c->place, e);
    r = r < 0 ? r : amqp_place_read(part, &c->n.place, e);
    if (r == 0 && (r = start_thread(c)) < 0)
        (void)err_set(e, r, "memory", "cannot start a thread: %s", strerror(-r));
    if (r < 0)
        ac_free(c);
    else
        *ret = &c->base;
    return r;
}
