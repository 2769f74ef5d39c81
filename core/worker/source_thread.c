/* SPDX-License-Identifier: Apache-2.0 */
/* source_thread - the plugin thread of a source: opens everything, then goes round: take what came,
 * publish, finish, look at requests, tell what was settled, poll. */
#include "side.h"
#include "source.h"
#include "former.h"
#include "heard.h"
#include "tenure.h"
#include "base/log.h"
#include "base/util.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define SUBMISSIONS_MAX  512u               /* under way at once; what comes beyond them waits */
#define POLLED_BYTES_MAX ((size_t)32 << 20) /* of memory for what is under way: so do documents */
#define REQUESTS_A_TURN  64
#define IDLE_MS          1000

/* ---- the round ---- */
static void take_items(struct source *s)
{
    struct queue_node *n = thread_queue_take(&s->inbox);
    while (n) {
        struct queue_node *next = n->next;
        struct item *i = (struct item *)n;
        if (i->kind == ITEM_CONFIRMED) {
            publish_confirmed(s, (struct publish *)i);
        } else if (i->kind == ITEM_FAILED) {
            publish_failed(s, (struct publish *)i);
        } else if (i->kind == ITEM_COMMITTED) {
            finish_committed(s);
        } else {
            n->next = NULL;
            *s->requests_end = n;
            s->requests_end = &n->next;
        }
        n = next;
    }
}

bool source_pump(struct source *s, uint64_t ms, int fd)
{
    uint64_t tidying = s->committer.busy ? UINT64_MAX : tidy_wait(&s->tidy);
    int ready = thread_queue_wait(&s->inbox, fd, s->begun ? 0 : tidying < ms ? tidying : ms);
    s->begun = false;
    if (ready & QUEUE_HAS_ITEMS)
        take_items(s);
    tenure_turn(s);
    publish_advance(s);
    if (!s->committer.busy) /* between two commits: it writes the same files */
        tidy_turn(&s->tidy, s->journal, s->state, s->submissions_n > 0 || s->requests);
    finish_due(s);
    return ready & QUEUE_FD_READY;
}

bool source_disk_low(struct source *s)
{
    char words[ERR_TEXT_MAX];
    bool before = s->disk.low;
    if (disk_low(&s->disk) == before)
        return before;
    atomic_store(&s->flags.disk_low, s->disk.low);
    if (s->disk.low)
        log_warning("disk-nearly-full", NULL, "nothing is taken in: %s",
                    disk_words(&s->disk, words, sizeof(words)));
    else
        log_info("disk-again", NULL, "there is space again: documents are taken in");
    return s->disk.low;
}

static struct request *next_request(struct source *s)
{
    struct queue_node *n = s->requests;
    if (!n)
        return NULL;
    s->requests = n->next;
    if (!s->requests)
        s->requests_end = &s->requests;
    return (struct request *)n;
}

/* Several at a time, so that they share the commits; what was confirmed meanwhile is not kept
 * waiting. */
static void handle_requests(struct source *s)
{
    for (int i = 0; i < REQUESTS_A_TURN && s->submissions_n < SUBMISSIONS_MAX; i++) {
        struct request *r = next_request(s);
        if (!r)
            return;
        request_handle(s, r);
    }
}

static void tell_settled(struct source *s)
{
    struct instance *p = s->plugin;
    while (s->settle_first) {
        struct submission *sub = s->settle_first;
        s->settle_first = sub->next;
        if (!s->settle_first)
            s->settle_last = &s->settle_first;
        struct reeve_report report = {.accepted = sub->status < 300 ? sub->accepted : 0,
                                      .refused = sub->refused,
                                      .fresh = sub->fresh,
                                      .changed = sub->changed,
                                      .unchanged = sub->unchanged,
                                      .warnings = sub->issues->warnings,
                                      .errors = sub->issues->errors,
                                      .receipt = sub->hex,
                                      .text = buf_str(&sub->text),
                                      .json = buf_str(&sub->json)};
        struct call *before = s->call;
        uint64_t epoch = s->epoch;
        bool polling = s->polling;
        s->call = NULL;
        s->epoch = sub->epoch == EPOCH_ANY ? EPOCH_ANY : tenure_epoch(s);
        s->polling = false; /* what was settled is told, whoever polls next */
        struct guard_mark m = instance_enter(p, "settled");
        p->plugin->api.settled(p->ctx, p->inst, sub->token, sub->rc, &report);
        instance_leave(p, m);
        call_end(s, s->call);
        s->call = before;
        s->epoch = epoch;
        s->polling = polling;
        submission_free(sub);
    }
}

/* ---- services ---- */
static bool stop_asked(void *arg)
{
    struct source *s = arg;
    return atomic_load(&s->flags.stopping) || atomic_load(&s->flags.paused) ||
           (s->polling && !tenure_stands(s, s->epoch));
}

static reeve_rc submit(void *arg, uint64_t token, const char *content_type, const char *name,
                       int fd, const void *p, size_t len)
{
    struct source *s = arg;
    struct err e;
    _cleanup_close_ int own = fd;
    /* Back-pressure: many documents wait here rather than in memory. settled() is not called from
     * inside submit(). */
    while ((s->submissions_n >= SUBMISSIONS_MAX || s->staged_bytes >= POLLED_BYTES_MAX) &&
           !stop_asked(s))
        (void)source_pump(s, 100, -1);
    if (stop_asked(s) || !atomic_load(&s->flags.usable) || source_disk_low(s))
        return REEVE_RETRY;
    struct offer o = {.has_token = true,
                      .token = token,
                      .content_type = content_type,
                      .name = name,
                      .fd = fd,
                      .p = p ? p : "",
                      .len = fd >= 0 ? 0 : len,
                      .lenient = true};
    if (submission_start(s, &o, &e) < 0) {
        log_error(e.code, NULL, "%s: %s", name ? name : "a document", e.text);
        return REEVE_RETRY;
    }
    return REEVE_OK;
}

static int wait_for(void *arg, int fd, uint64_t ms)
{
    struct source *s = arg;
    struct guard *g = &s->room.guard;
    uint64_t until = ms > UINT64_MAX - mono_ms() ? UINT64_MAX : mono_ms() + ms;
    const char *what = atomic_load(&g->what);
    int rc = 0;
    atomic_store(&g->since, 0); /* waiting is not being stuck */
    for (;;) {
        if (stop_asked(s)) {
            rc = -1;
            break;
        }
        tell_settled(s);
        if (s->requests && s->plugin->plugin->api.request)
            break; /* they are looked at between polls */
        uint64_t now = mono_ms(), left = until > now ? until - now : 0;
        if (source_pump(s, s->settle_first ? 0 : left < IDLE_MS ? left : IDLE_MS, fd)) {
            rc = 1;
            break;
        }
        if (left == 0)
            break;
    }
    atomic_store(&g->what, what);
    atomic_store(&g->since, mono_ms());
    return rc;
}

static int get_state(void *arg, const char *key, const void **ret, size_t *ret_len)
{
    return call_state_get(arg, key, ret, ret_len);
}

static int put_state(void *arg, const char *key, const void *p, size_t len)
{
    return call_state_put(arg, key, p, len);
}

/* ---- polling ---- */
static void poll_once(struct source *s)
{
    struct instance *p = s->plugin;
    uint64_t began = mono_ms(), epoch = tenure_epoch(s);
    if (!epoch) /* lost this moment */
        return;
    s->epoch = epoch;
    s->polling = true;
    struct guard_mark m = instance_enter(p, "poll");
    reeve_rc rc = p->plugin->api.poll(p->ctx, p->inst);
    instance_leave(p, m);
    rc = call_verdict(s, p, rc);
    s->polling = false;
    s->epoch = EPOCH_ANY;
    uint64_t now = mono_ms();
    if (rc == REEVE_OK) {
        s->poll_failures = 0;
        s->poll_again =
            now - began < 2 ? now + 10 : now; /* one that neither waits nor works must not spin */
        return;
    }
    if (rc == REEVE_FATAL) {
        atomic_store(&s->flags.fatal, true);
        (void)err_set(&s->fault, -EIO, "plugin-fatal", "%s: %s", p->label, instance_reason(p, rc));
        return;
    }
    uint64_t asked = host_ctx_retry_after(p->ctx), pause = 1000;
    for (uint32_t i = 0; i < s->poll_failures && pause < 60000; i++)
        pause *= 2;
    pause = pause > 60000 ? 60000 : pause;
    s->poll_failures++;
    s->poll_again = now + (asked > pause ? asked : pause);
    if (!stop_asked(s))
        log_warning("poll", NULL, "%s: %s: %s; again in %llu s", p->label, verdict_name(rc),
                    instance_reason(p, rc), (unsigned long long)((s->poll_again - now) / 1000));
}

static uint64_t idle_ms(const struct source *s, bool polls)
{
    if (s->settle_first || (s->requests && s->submissions_n < SUBMISSIONS_MAX))
        return 0;
    if (!polls || atomic_load(&s->flags.stopping) || atomic_load(&s->flags.paused) ||
        !tenure_epoch(s))
        return IDLE_MS;
    uint64_t now = mono_ms();
    return s->poll_again > now ? (s->poll_again - now < IDLE_MS ? s->poll_again - now : IDLE_MS)
                               : 0;
}

static bool may_poll(struct source *s)
{
    return !atomic_load(&s->flags.stopping) && !atomic_load(&s->flags.paused) &&
           atomic_load(&s->flags.usable) && mono_ms() >= s->poll_again && !source_disk_low(s) &&
           tenure_epoch(s);
}

static void go_round(struct source *s)
{
    bool polls = s->plugin->plugin->api.poll;
    while (!atomic_load(&s->flags.fatal)) {
        (void)source_pump(s, idle_ms(s, polls), -1);
        handle_requests(s);
        tell_settled(s);
        heard_turn(s);
        if (atomic_load(&s->flags.stopping) && s->submissions_n == 0 && !s->requests &&
            !s->settle_first && !s->committer.busy)
            return;
        if (polls && may_poll(s))
            poll_once(s);
    }
    s->fault_exit = EXIT_RETRY;
}

/* ---- opening ---- */
static int open_routes(struct source *s, struct err *e)
{
    const struct tree *names = tree_get(s->part, "destinations"),
                      *to = tree_at(s->part, "unrouted/to");
    size_t n = tree_is_list(names) ? names->n : 0, u = tree_is_list(to) ? to->n
                                                       : tree_text(to)  ? 1
                                                                        : 0;
    const char **list = xcalloc(n + u + 1, sizeof(*list));
    if (!list)
        return err_set(e, -ENOMEM, "out-of-memory", "out of memory");
    for (size_t i = 0; i < n; i++)
        list[i] = tree_text(names->child[i]);
    for (size_t i = 0; i < u; i++)
        list[n + i] = tree_is_list(to) ? tree_text(to->child[i]) : tree_text(to);
    s->destinations = list;
    s->destinations_n = n;
    s->unrouted_to = list + n;
    s->unrouted_n = u;
    s->unrouted_drop = tree_gets(s->part, "unrouted/drop", NULL);
    int rc = route_table_build(tree_get(s->part, "routes"), list, n, &s->routes, e);
    if (rc < 0)
        return rc;
    s->route_work = route_work_new(s->routes);
    return s->route_work ? 0 : err_set(e, -ENOMEM, "out-of-memory", "out of memory");
}

static int open_files(struct source *s, struct err *e)
{
    const char *data = tree_gets(s->part, "data", NULL), *run = tree_gets(s->part, "run", NULL);
    char path[4096];
    s->disk = (struct disk){.path = data, .keep_free = tree_getu(s->part, "keep_free", 0)};
    if (!data || !run)
        return err_set(e, -EINVAL, "plan", "the plan names no data directory");
    static const char *const dirs[] = {"state", "journal", "stage"};
    for (size_t i = 0; i < ARRAY_SIZE(dirs); i++) {
        (void)snprintf(path, sizeof(path), "%s/%s", data, dirs[i]);
        int rc = make_dirs(path);
        if (rc < 0)
            return err_set(e, rc, "data-directory", "%s: %s", path, strerror(-rc));
    }
    s->stage_dir = strdup(path);
    const char *former;
    int rc = s->stage_dir ? former_state_open(s->part, &s->state, &former, e)
                          : err_set(e, -ENOMEM, "out-of-memory", "out of memory");
    (void)snprintf(path, sizeof(path), "%s/journal/%s.db", data, s->name);
    rc = rc < 0 ? rc : heard_open(s, e);
    rc = rc < 0 ? rc : journal_open(path, s->name, &s->journal, e);
    (void)snprintf(path, sizeof(path), "%s/%s.slate", run, s->name);
    return rc < 0 ? rc : slate_open(path, &s->slate, e);
}

static int open_all(struct source *s, struct err *e)
{
    buf_init(&s->scratch, 512u << 20);
    s->last = &s->first;
    s->settle_last = &s->settle_first;
    s->calls_end = &s->calls;
    s->requests_end = &s->requests;
    s->message_max = tree_getu(s->part, "message_max", MESSAGE_BYTES_MAX);
    tidy_open(&s->tidy, s->part);
    s->partial = tree_getb(s->part, "partial", false);
    s->shared = tree_get(s->part, "state");
    s->room.arg = s;
    s->room.submit = submit;
    s->room.wait = wait_for;
    s->room.stop_asked = stop_asked;
    s->room.state_get = get_state;
    s->room.state_put = put_state;
    s->epoch = EPOCH_ANY;
    s->digest = digest_new();
    s->pending = map_new(NULL);
    s->committed.kind = ITEM_COMMITTED;
    int rc = s->digest && s->pending ? open_files(s, e)
                                     : err_set(e, -ENOMEM, "out-of-memory", "out of memory");
    if (rc == 0) {
        rc = committer_start(&s->committer, s->journal, s->state, &s->inbox, &s->committed.node);
        if (rc < 0)
            (void)err_set(e, rc, "thread", "no thread for commits: %s", strerror(-rc));
    }
    rc = rc < 0 ? rc : open_routes(s, e);
    rc = rc < 0 ? rc : intake_open(s->part, &s->room, &s->intake, e);
    rc = rc < 0 ? rc
                : instance_load("plugin", tree_get(s->part, "plugin"), s->message_max, &s->room,
                                &s->plugin, e);
    if (rc == 0)
        host_ctx_keep_done(s->plugin->ctx, tree_getu(s->part, "retention/done_ms", 0));
    rc = rc < 0 ? rc : instance_open(s->plugin, e);
    if (rc == 0 && !s->plugin->plugin->api.poll && !s->plugin->plugin->api.request)
        rc = err_set(e, -EINVAL, "plugin-role", "%s cannot receive", s->plugin->label);
    if (rc == 0 && s->call && *s->call->blind.code) /* what it was told holds for its whole life */
        rc = err_set(e, -EAGAIN, s->call->blind.code, "what was remembered cannot be read: %s",
                     s->call->blind.text);
    call_end(s, s->call); /* state put by open() */
    return rc < 0 ? rc : tenure_open(s, e);
}

static void close_all(struct source *s)
{
    committer_stop(&s->committer);
    if (s->committer.busy)
        finish_committed(s); /* who is answered still hears it */
    instance_free(s->plugin);
    s->plugin = NULL;
    if (s->intake.adapter)
        intake_close(&s->intake);
    while (s->first) {
        struct submission *sub = s->first;
        s->first = sub->next;
        submission_free(sub);
    }
    for (struct request *r; s->requests_end && (r = next_request(s));)
        request_free(r);
    while (s->calls) {
        s->calls->ended = s->calls->failed = true;
        s->calls->open_submissions = 0;
        (void)calls_apply(s);
    }
    route_work_free(s->route_work);
    route_table_free(s->routes);
    free(s->destinations);
    state_close(s->state);
    journal_close(s->journal);
    slate_close(s->slate);
    map_free(s->pending);
    digest_free(s->digest);
    buf_done(&s->scratch);
    free(s->stage_dir);
}

void *source_thread(void *arg)
{
    struct source *s = arg;
    int rc = open_all(s, &s->fault);
    if (rc == 0) {
        atomic_store(&s->flags.opened, true);
        thread_queue_wake(&s->outbox);
        go_round(s);
    } else {
        s->fault_exit = side_open_failed(rc);
    }
    close_all(s);
    atomic_store(&s->flags.ended, true);
    thread_queue_wake(&s->outbox);
    return NULL;
}
