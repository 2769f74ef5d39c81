/* SPDX-License-Identifier: Apache-2.0 */
/* amqp_process - see amqp_process.h. The main thread talks with the supervisor and never waits for
 * the broker; one helper thread asks the broker's questions, one at a time, over connections of
 * their own. Only the helper touches the place. A question that never ends costs the process its
 * life (ANSWER_LIMIT_MS). */
#include "amqp_process.h"
#include "amqp_link.h"
#include "amqp_carry.h"
#include "amqp_keep.h"
#include "base/control.h"
#include "base/log.h"
#include "base/util.h"
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>

#define TRY_FIRST_MS    500u
#define TRY_LAST_MS     5000u
#define START_LIMIT_MS  40000u  /* less than the supervisor waits for READY */
#define DECLARE_MS      5000u   /* how long a queue that was deleted can be missing */
#define ANSWER_LIMIT_MS 600000u /* a scan of many dead letters takes minutes */

enum question { ASK_NOTHING, ASK_DECLARE, ASK_STATUS, ASK_KEEP };

struct process {
    struct child *child;
    struct tree *part;
    bool look, ready, draining;
    uint64_t start_ms;
    /* the helper; under the lock, but for the place and the keeper, which are its own */
    pthread_t thread;
    bool running;
    pthread_mutex_t lock;
    pthread_cond_t asked;
    int answered; /* eventfd */
    enum question question;
    bool over, end; /* the answer is there; the helper is to end */
    int result;
    struct err why;
    struct tree *status;
    struct amqp_place place;
    struct amqp_keep *keeper;
    /* the main thread's */
    enum question under_way;
    uint64_t asked_ms;
    bool figures_wanted; /* the supervisor waits for them */
    struct tree *figures;
    uint64_t declare_ms, keep_ms;
    char trouble[ERR_TEXT_MAX]; /* "" = the broker answers */
    bool topology_alarm;
    char unseen[ERR_TEXT_MAX];
};

/* ---- the helper ---- */

/* A user who may not configure: then all must be there already. */
static int check(struct amqp_place *place, struct err *e)
{
    const char **names = xcalloc(place->dest_n + 1, sizeof *names);
    amqp_connection_state_t c = NULL;
    int r = names ? amqp_link_open(place, &c, e) : err_set(e, -ENOMEM, "memory", "out of memory");
    for (size_t i = 0; names && i < place->dest_n; i++)
        names[i] = place->dest[i].name;
    r = r < 0 ? r : amqp_topology_check(c, place, names, place->dest_n, e);
    amqp_link_close(c);
    free(names);
    return r;
}

/* What waits under a former name of a destination is its own, also what comes out of the delays
 * later. */
static int take_former(struct process *p, struct err *e)
{
    const struct tree *list = tree_get(p->part, "destinations");
    int r = 0;
    for (size_t i = 0; tree_is_list(list) && i < list->n; i++) {
        const struct tree *was = tree_get(list->child[i], "was");
        const char *name = tree_gets(list->child[i], "name", "");
        for (size_t k = 0; r == 0 && tree_is_list(was) && k < was->n; k++) {
            const char *old = tree_text(was->child[k]);
            uint64_t moved = 0;
            if (!old || amqp_place_find(&p->place, old))
                continue;
            r = amqp_carry_rename(&p->place, old, name, &moved, e);
            if (moved)
                log_info("queue-renamed", NULL, "%llu messages of the queue %s are now in %s",
                         (unsigned long long)moved, old, name);
        }
    }
    return r;
}

static int declare(struct process *p, struct err *e)
{
    int r = amqp_topology_declare(&p->place, e);
    if (r == -EPERM)
        r = check(&p->place, e);
    return r < 0 ? r : take_former(p, e);
}

static int carry_out(struct process *p, enum question q, struct tree **ret, struct err *e)
{
    if (q == ASK_DECLARE)
        return declare(p, e);
    if (q == ASK_STATUS)
        return amqp_status(&p->place, ret, e);
    return amqp_keep_pass(p->keeper, &p->place, e);
}

static void *help(void *arg)
{
    struct process *p = arg;
    (void)pthread_mutex_lock(&p->lock);
    while (!p->end) {
        if (p->question == ASK_NOTHING || p->over) {
            (void)pthread_cond_wait(&p->asked, &p->lock);
            continue;
        }
        enum question q = p->question;
        struct tree *status = NULL;
        struct err why = {.code = ""};
        (void)pthread_mutex_unlock(&p->lock);
        int r = carry_out(p, q, &status, &why);
        (void)pthread_mutex_lock(&p->lock);
        p->result = r;
        p->why = why;
        p->status = status;
        p->over = true;
        (void)eventfd_write(p->answered, 1);
    }
    (void)pthread_mutex_unlock(&p->lock);
    return NULL;
}

static int start_helper(struct process *p, struct err *e)
{
    sigset_t all, before;
    p->answered = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (p->answered < 0)
        return err_set(e, -errno, "resources", "eventfd: %s", strerror(errno));
    (void)sigfillset(&all); /* signals are the main thread's */
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    int r = pthread_create(&p->thread, NULL, help, p);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (r != 0)
        return err_set(e, -r, "resources", "a thread: %s", strerror(r));
    p->running = true;
    return 0;
}

static void ask(struct process *p, enum question q)
{
    p->under_way = q;
    p->asked_ms = mono_ms();
    (void)pthread_mutex_lock(&p->lock);
    p->question = q;
    p->over = false;
    (void)pthread_cond_signal(&p->asked);
    (void)pthread_mutex_unlock(&p->lock);
}

/* ---- what the supervisor is told ---- */

static void on_drain(void *arg, uint32_t seconds)
{
    struct process *p = arg;
    (void)seconds; /* nothing is under way that could not be left */
    p->draining = true;
}

static void on_figures(void *arg, struct tree *figures)
{
    const struct process *p = arg;
    for (size_t i = 0; p->figures && i < p->figures->n; i++)
        (void)tree_put(figures, tree_text(p->figures->key[i]), tree_copy(p->figures->child[i]));
    if (p->trouble[0])
        (void)tree_puts(figures, "trouble", p->trouble);
}

/* Never with older figures: a command that has just changed something looks at what it did. */
static bool on_asked(void *arg)
{
    ((struct process *)arg)->figures_wanted = true;
    return false;
}

static void answer(struct process *p)
{
    if (!p->figures_wanted)
        return;
    p->figures_wanted = false;
    if (child_stats(p->child) < 0)
        log_warning("control", NULL, "the figures cannot be told to the supervisor");
}

static void set_trouble(struct process *p, const struct err *e)
{
    const char *text = e ? e->text : "";
    if (strcmp(text, p->trouble) == 0)
        return;
    if (e)
        log_warning(e->code, NULL, "%s", text);
    else
        log_info("transport-usable", NULL, "RabbitMQ answers");
    (void)snprintf(p->trouble, sizeof p->trouble, "%s", text);
    child_alarm(p->child, "transport", "%s", text);
}

static void set_topology(struct process *p, const struct err *e)
{
    if (!e && !p->topology_alarm)
        return;
    p->topology_alarm = e != NULL;
    child_alarm(p->child, "topology", "%s", e ? e->text : "");
}

static void tell_unseen(struct process *p)
{
    const char *text = amqp_keep_unseen(p->keeper);
    if (strcmp(text, p->unseen) == 0)
        return;
    (void)snprintf(p->unseen, sizeof p->unseen, "%s", text);
    child_alarm(p->child, "dead-unseen", "%s", text);
}

/* ---- answers of the broker ---- */

static int become_ready(struct process *p)
{
    p->ready = true;
    p->keep_ms = mono_ms() + AMQP_KEEP_FIRST_MS;
    return child_ready(p->child);
}

/* Before READY. Returns an exit code, or -1 to go on. */
static int failed_start(struct process *p, const struct err *e, uint64_t now)
{
    uint64_t spent = now - p->start_ms;
    bool bad = strcmp(e->code, "topology") == 0;
    if (bad || p->look || spent >= START_LIMIT_MS) {
        log_error(e->code, NULL, "%s", e->text);
        child_fault(p->child, e);
        return bad ? EXIT_CONFIG : EXIT_RETRY;
    }
    set_trouble(p, e);
    child_status(p->child, "%s", e->text);
    uint64_t wait = spent + TRY_FIRST_MS; /* as long as it has been tried already */
    p->declare_ms = now + (wait < TRY_LAST_MS ? wait : TRY_LAST_MS);
    return -1;
}

static void keep_earlier(struct process *p, uint64_t now)
{
    if (p->keep_ms > now + AMQP_KEEP_FIRST_MS && amqp_keep_seen(p->keeper))
        p->keep_ms = now + AMQP_KEEP_FIRST_MS;
}

static int declared(struct process *p, int r, const struct err *e, uint64_t now)
{
    if (r < 0 && !p->ready)
        return failed_start(p, e, now);
    p->declare_ms = now + DECLARE_MS;
    keep_earlier(p, now);
    if (r < 0 && strcmp(e->code, "topology") == 0) {
        set_topology(p, e);
        return -1;
    }
    set_trouble(p, r < 0 ? e : NULL);
    if (r == 0) {
        set_topology(p, NULL);
        child_status(p->child, "%s", "");
    }
    return r == 0 && !p->ready && become_ready(p) < 0 ? EXIT_BUG : -1;
}

static int looked(struct process *p, int r, struct tree *status, const struct err *e, uint64_t now)
{
    tree_free(p->figures);
    p->figures = status; /* NULL: what is not known is not said */
    if (r < 0 && !p->ready)
        return failed_start(p, e, now);
    set_trouble(p, r < 0 ? e : NULL);
    if (r == 0 && !p->ready && become_ready(p) < 0)
        return EXIT_BUG;
    answer(p);
    return -1;
}

static int take_answer(struct process *p)
{
    eventfd_t n;
    (void)eventfd_read(p->answered, &n);
    (void)pthread_mutex_lock(&p->lock);
    bool over = p->question != ASK_NOTHING && p->over;
    int r = p->result;
    struct err e = p->why;
    struct tree *status = over ? TAKE_PTR(p->status) : NULL;
    if (over)
        p->question = ASK_NOTHING;
    (void)pthread_mutex_unlock(&p->lock);
    if (!over)
        return -1;
    enum question q = p->under_way;
    uint64_t now = mono_ms();
    p->under_way = ASK_NOTHING;
    if (q == ASK_STATUS)
        return looked(p, r, status, &e, now);
    if (q == ASK_DECLARE)
        return declared(p, r, &e, now);
    p->keep_ms = now + (r < 0 ? DECLARE_MS * 12 : amqp_keep_again(p->keeper));
    if (r < 0)
        log_warning(e.code, NULL, "looking for old dead letters: %s", e.text);
    tell_unseen(p);
    return -1;
}

/* The next question, by what is most urgent. */
static void next_question(struct process *p)
{
    uint64_t now = mono_ms();
    if (p->under_way != ASK_NOTHING)
        return;
    if (!p->ready && now >= p->declare_ms)
        ask(p, p->look ? ASK_STATUS : ASK_DECLARE);
    else if (p->ready && p->figures_wanted)
        ask(p, ASK_STATUS);
    else if (p->ready && !p->look && now >= p->declare_ms)
        ask(p, ASK_DECLARE);
    else if (p->ready && !p->look && now >= p->keep_ms)
        ask(p, ASK_KEEP);
}

static int wait_ms(const struct process *p)
{
    uint64_t now = mono_ms(), until = now + CONTROL_BEAT_MS / 2;
    if (p->under_way == ASK_NOTHING && p->declare_ms < until)
        until = p->declare_ms;
    return until > now ? (int)(until - now) : 0;
}

static int turn(struct process *p)
{
    struct pollfd fds[2] = {{.fd = child_fd(p->child), .events = child_poll_events(p->child)},
                            {.fd = p->answered, .events = POLLIN}};
    next_question(p);
    if (poll(fds, 2, wait_ms(p)) < 0 && errno != EINTR)
        return EXIT_RETRY;
    if (child_run(p->child) < 0)
        return EXIT_BUG;
    int code = fds[1].revents ? take_answer(p) : -1;
    if (code < 0 && p->under_way != ASK_NOTHING && mono_ms() - p->asked_ms > ANSWER_LIMIT_MS) {
        log_error("transport", NULL, "RabbitMQ has not answered for %u s", ANSWER_LIMIT_MS / 1000);
        return EXIT_RETRY;
    }
    return code;
}

/* ---- start and end ---- */

static int start(struct process *p, struct err *e)
{
    int r = amqp_place_read(tree_get(p->part, "transport"), &p->place, e);
    if (r < 0)
        return r;
    p->look = tree_getb(p->part, "look", false);
    p->start_ms = mono_ms();
    r = amqp_keep_new(p->part, &p->keeper, e);
    return r < 0 ? r : start_helper(p, e);
}

/* A question that is under way may take its time, and nobody waits for its answer. */
static bool helper_ended(struct process *p)
{
    if (!p->running)
        return true;
    (void)pthread_mutex_lock(&p->lock);
    p->end = true;
    bool idle = p->question == ASK_NOTHING || p->over;
    (void)pthread_cond_signal(&p->asked);
    (void)pthread_mutex_unlock(&p->lock);
    if (idle)
        (void)pthread_join(p->thread, NULL);
    return idle;
}

static void clean_up(struct process *p)
{
    child_free(p->child);
    if (!helper_ended(p))
        return; /* the end of the process ends it, and takes what it uses */
    amqp_place_done(&p->place);
    amqp_keep_free(p->keeper);
    tree_free(p->figures);
    tree_free(p->status);
    tree_free(p->part);
    if (p->answered >= 0)
        (void)close(p->answered);
}

int amqp_process_run(const char *part_file)
{
    static struct process p = {.lock = PTHREAD_MUTEX_INITIALIZER,
                               .asked = PTHREAD_COND_INITIALIZER,
                               .answered = -1}; /* one a process */
    struct child_events events = {
        .arg = &p, .drain = on_drain, .stats = on_figures, .stats_now = on_asked};
    struct err e = {.code = ""};
    log_open("amqp", LOG_LEVEL_INFO);
    int r = child_start(part_file, &events, &p.child, &p.part, &e), code = -1;
    if (r == 0)
        r = start(&p, &e);
    if (r < 0) {
        log_error(e.code, NULL, "%s", e.text);
        child_fault(p.child, &e);
        clean_up(&p);
        return r == -EINVAL ? EXIT_CONFIG : EXIT_RETRY;
    }
    while (code < 0 && !p.draining)
        code = turn(&p);
    clean_up(&p);
    return code < 0 ? 0 : code;
}
