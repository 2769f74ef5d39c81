/* SPDX-License-Identifier: Apache-2.0 */
/* sink_thread - the plugin thread of a sink: jobs are gathered into batches, delivered, and their
 * verdicts committed to the journal before the transport hears of them.
 *
 * Several batches share a commit while jobs keep coming. Whoever was in hand at a crash goes alone
 * (slate.h). */
#include "side.h"
#include "sink.h"
#include "former.h"
#include "base/json.h"
#include "base/log.h"
#include "base/util.h"
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define DONE_MAX        256u /* settled together at most */
#define COMMIT_MS       20u  /* and kept waiting at most so long */
#define IDLE_MS         1000u
#define BATCH_MAX       256u
#define COMMIT_AGAIN_MS 1000u
#define TELL_MS         1000u /* wait at most so long for what is settled */
#define TOLD_MS         5u    /* look so soon whether it has */

void sink_notice(struct sink *s, enum sink_item_kind kind, uint64_t ms, const char *text)
{
    struct notice *n = xcalloc(1, sizeof(*n));
    if (!n)
        return; /* an alarm less; what it is about goes on as decided */
    n->item.kind = kind;
    n->ms = ms;
    (void)snprintf(n->text, sizeof(n->text), "%s", text);
    thread_queue_push(&s->outbox, &n->item.node);
}

/* Journal first, then state. false: not durable yet; what was gathered stays gathered. */
static bool commit(struct sink *s)
{
    struct err e;
    int rc = s->uncommitted ? journal_commit(s->journal, &e) : 0;
    if (rc == 0) {
        s->uncommitted = false;
        rc = s->state_put ? state_commit(s->state, &e) : 0;
    }
    if (rc == 0) {
        s->state_put = false;
        if (s->commit_again)
            sink_notice(s, SINK_JOURNAL, 0, "");
        s->commit_again = 0;
        return true;
    }
    if (!s->commit_again) {
        log_error(e.code, NULL, "verdicts wait until they can be written down: %s", e.text);
        sink_notice(s, SINK_JOURNAL, 0, e.text);
    }
    s->commit_again = mono_ms() + COMMIT_AGAIN_MS;
    return false;
}

/* What the transport has been told of is off the slate; `all`: what it is about to be, too. */
static void wipe_told(struct sink *s, bool all)
{
    uint64_t told = atomic_load(&s->flags.told);
    while (s->untold_n > 0 && (all || s->untold[s->untold_first].no <= told)) {
        slate_wipe(s->slate, s->untold[s->untold_first].place);
        s->untold_first = (s->untold_first + 1) % SLATE_ENTRIES;
        s->untold_n--;
    }
}

static void remember_untold(struct sink *s, const struct hand *h)
{
    if (h->place < 0)
        return;
    if (s->untold_n == SLATE_ENTRIES)
        wipe_told(s, true);
    s->untold[(s->untold_first + s->untold_n++) % SLATE_ENTRIES] =
        (struct untold){.no = s->handed_back, .place = h->place};
}

/* No verdict is final before it is durable: while it cannot be written down (a full disk) nothing
 * is settled and nothing more delivered. Should the process end meanwhile, the messages come again
 * with the same ids. */
static void commit_done(struct sink *s)
{
    if ((s->commit_again && mono_ms() < s->commit_again) || !commit(s))
        return;
    while (s->done) {
        struct hand *h = s->done;
        s->done = h->next;
        s->handed_back++;
        remember_untold(s, h);
        thread_queue_push(&s->outbox, &h->item.node);
    }
    s->done_end = &s->done;
    s->done_n = 0;
}

static void take_items(struct sink *s)
{
    struct queue_node *n = thread_queue_take(&s->inbox);
    while (n) {
        struct queue_node *next = n->next;
        struct hand *h = (struct hand *)n;
        h->next = NULL;
        h->deliveries_end = &h->deliveries;
        *s->ready_end = h;
        s->ready_end = &h->next;
        n = next;
    }
}

static struct hand *take_ready(struct sink *s)
{
    struct hand *h = s->ready;
    s->ready = h->next;
    if (!s->ready)
        s->ready_end = &s->ready;
    h->next = NULL;
    return h;
}

static void release_ready(struct sink *s)
{
    while (s->ready)
        hand_release(s, take_ready(s));
}

/* What has been decided so far is written down and settled (with RabbitMQ a thread of this process
 * is at that, which would end with it) before the next call, which may well end the process: else
 * its neighbours would be delivered again after each crash, and a message that was given up would
 * have to do all its harm once more. false: not yet. */
static bool settle_before(struct sink *s)
{
    const struct timespec moment = {.tv_nsec = 1000000};
    uint64_t until = mono_ms() + TELL_MS;
    commit_done(s);
    if (s->done)
        return false;
    while (atomic_load(&s->flags.settled) < s->handed_back && mono_ms() < until)
        (void)nanosleep(&moment, NULL);
    wipe_told(s, false);
    return true;
}

/* A message that has ended three processes by itself is given up. Its crashes are remembered until
 * that is settled. */
static bool given_up(struct sink *s, struct hand *h)
{
    if (slate_crashes(s->slate, h->job->id) < SLATE_CRASHES_MAX)
        return false;
    h->place = slate_put(s->slate, h->job->id);
    hand_decide(h, REEVE_REJECT, "crashed",
                "the process that delivered it died %d times with nothing else in hand",
                SLATE_CRASHES_MAX);
    hand_settle(s, h);
    (void)settle_before(s);
    return true;
}

static void one_batch(struct sink *s)
{
    struct hand *batch[BATCH_MAX];
    size_t n = 0, documents = 0,
           most = s->down_n ? 1 : s->batch; /* a peer that was down is asked with one */
    while (s->ready && n < most && documents < most) {
        bool alone = slate_suspect(s->slate, s->ready->job->id);
        if (alone && (n > 0 || !settle_before(s)))
            break;
        struct hand *h = take_ready(s);
        if (alone && given_up(s, h))
            continue;
        h->place = slate_put(s->slate, h->job->id);
        if (h->place < 0) {
            hand_release(s, h);
            continue;
        }
        hand_prepare(s, h);
        batch[n++] = h;
        documents += h->deliveries_n;
        if (alone)
            break;
    }
    if (n)
        deliver_batch(s, batch, n);
    for (size_t i = 0; i < n; i++)
        hand_settle(s, batch[i]);
}

static bool held_back(const struct sink *s)
{
    return s->commit_again || atomic_load(&s->flags.stopping) || atomic_load(&s->flags.paused) ||
           atomic_load(&s->flags.rejecting) || s->fatal ||
           (s->down_until && mono_ms() < s->down_until);
}

static void go_round(struct sink *s)
{
    uint64_t since = 0; /* when the oldest verdict that waits for the commit was given */
    for (;;) {
        bool held = held_back(s);
        uint64_t tidying = tidy_wait(&s->tidy);
        (void)thread_queue_wait(&s->inbox, -1,
                                s->commit_again       ? COMMIT_AGAIN_MS / 4
                                : s->ready || s->done ? 0
                                : s->untold_n         ? TOLD_MS
                                : tidying < IDLE_MS   ? tidying
                                                      : IDLE_MS);
        take_items(s);
        wipe_told(s, false);
        if (held)
            release_ready(s);
        else if (s->ready)
            one_batch(s);
        if (s->done && !since)
            since = mono_ms();
        if (s->done && (!s->ready || s->done_n >= DONE_MAX || mono_ms() - since >= COMMIT_MS)) {
            commit_done(s);
            since = 0;
        }
        if (!s->commit_again)
            tidy_turn(&s->tidy, s->journal, NULL, s->ready || s->done);
        if (s->fatal)
            release_ready(s);
        if (s->fatal || (atomic_load(&s->flags.stopping) && !s->ready)) {
            s->commit_again = 0;
            commit_done(s); /* what cannot be written down now is not settled: it comes again */
            for (const struct hand *h = s->done; h; h = h->next)
                slate_wipe(s->slate, h->place);
            wipe_told(s, true);
            s->fault_exit = s->fatal ? EXIT_RETRY : 0;
            return;
        }
    }
}

/* ---- opening ---- */
static bool stop_asked(void *arg)
{
    const struct sink *s = arg;
    return atomic_load(&s->flags.stopping);
}

static int wait_for(void *arg, int fd, uint64_t ms)
{
    struct sink *s = arg;
    uint64_t until = mono_ms() + (ms > 86400000 ? 86400000 : ms);
    for (;;) {
        if (stop_asked(s))
            return -1;
        uint64_t now = mono_ms(), left = until > now ? until - now : 0;
        struct pollfd p = {.fd = fd, .events = POLLIN};
        if (poll(&p, fd >= 0 ? 1 : 0, (int)(left < 200 ? left : 200)) > 0)
            return 1;
        if (left == 0)
            return 0;
    }
}

static int open_files(struct sink *s, struct err *e)
{
    static const char *const dirs[] = {"state", "journal"};
    const char *data = tree_gets(s->part, "data", NULL), *run = tree_gets(s->part, "run", NULL);
    char path[4096];
    if (!data || !run)
        return err_set(e, -EINVAL, "plan", "the plan names no data directory");
    int rc = 0;
    for (size_t i = 0; i < ARRAY_SIZE(dirs); i++) {
        (void)snprintf(path, sizeof(path), "%s/%s", data, dirs[i]);
        rc = make_dirs(path);
        if (rc < 0)
            return err_set(e, rc, "data-directory", "%s: %s", path, strerror(-rc));
    }
    const char *former;
    rc = former_state_open(s->part, &s->state, &former, e);
    (void)snprintf(path, sizeof(path), "%s/journal/%s.db", data, s->name);
    rc = rc < 0 ? rc : journal_open(path, s->name, &s->journal, e);
    (void)snprintf(path, sizeof(path), "%s/%s.slate", run, s->name);
    return rc < 0 ? rc : slate_open(path, &s->slate, e);
}

/* So that a trace knows whose rows these are: the messages were accepted for a former name. */
static int make_was(struct sink *s, struct err *e)
{
    const struct tree *was = tree_get(s->part, "was");
    struct buf b = BUF_INIT(64u << 10);
    size_t cut = strlen(".deliver");
    int rc = buf_adds(&b, "{\"was\":[");
    for (size_t i = 0; rc == 0 && tree_is_list(was) && i < was->n; i++) {
        const char *name = tree_text(was->child[i]);
        size_t n = name ? strlen(name) : 0;
        rc = buf_adds(&b, i ? "," : "");
        rc = rc < 0 ? rc : json_add_string(&b, name ? name : "", n > cut ? n - cut : 0);
    }
    rc = rc < 0 ? rc : buf_adds(&b, "]}");
    if (rc == 0 && tree_is_list(was))
        s->was = buf_take(&b, NULL);
    buf_done(&b);
    return rc < 0 ? err_set(e, rc, "out-of-memory", "out of memory") : 0;
}

static int open_adapters(struct sink *s, struct err *e)
{
    const struct tree *list = tree_get(s->part, "adapters"), *mine = tree_get(s->part, "adapter");
    size_t n = tree_is_list(list) ? list->n : 0;
    s->translator.hub = tree_gets(s->part, "hub", "");
    int rc =
        mine ? instance_load("adapter", mine, s->message_max, &s->room, &s->translator.adapter, e)
             : 0;
    rc = rc < 0 || !s->translator.adapter ? rc : instance_open(s->translator.adapter, e);
    if (rc == 0 && s->translator.adapter && !s->translator.adapter->plugin->api.encode)
        return err_set(e, -EINVAL, "plugin-role", "%s cannot encode", s->translator.adapter->label);
    s->translator.others = n ? xcalloc(n, sizeof(struct instance *)) : NULL;
    if (n && !s->translator.others)
        return err_set(e, -ENOMEM, "out-of-memory", "out of memory");
    for (size_t i = 0; rc == 0 && i < n; i++) {
        rc = instance_load("adapter", list->child[i], s->message_max, &s->room,
                           &s->translator.others[i], e);
        if (rc == 0) {
            s->translator.others_n++;
            rc = instance_open(s->translator.others[i], e);
        }
    }
    return rc;
}

static size_t batch_size(const struct sink *s)
{
    size_t can = s->plugin->plugin->api.max_batch ? s->plugin->plugin->api.max_batch : 1;
    size_t want = (size_t)tree_getu(s->part, "batch", 0);
    if (want && want < can)
        can = want;
    if (strcmp(tree_gets(s->part, "order", "free"), "strict") == 0)
        can = 1;
    return can < BATCH_MAX ? can : BATCH_MAX;
}

static int open_all(struct sink *s, struct err *e)
{
    s->ready_end = &s->ready;
    s->done_end = &s->done;
    s->message_max = tree_getu(s->part, "message_max", MESSAGE_BYTES_MAX);
    s->retry_for_ms = tree_getu(s->part, "retry/for_ms", 0);
    tidy_open(&s->tidy, s->part);
    s->room.arg = s;
    s->room.stop_asked = stop_asked;
    s->room.wait = wait_for;
    remember_open(s);
    int rc = open_files(s, e);
    rc = rc < 0 ? rc : make_was(s, e);
    rc = rc < 0 ? rc : open_adapters(s, e);
    rc = rc < 0 ? rc
                : steps_load(tree_get(s->part, "steps"), s->message_max, &s->room, &s->steps, e);
    rc = rc < 0 ? rc
                : instance_load("plugin", tree_get(s->part, "plugin"), s->message_max, &s->room,
                                &s->plugin, e);
    if (rc == 0 && !s->plugin->plugin->api.deliver)
        rc = err_set(e, -EINVAL, "plugin-role", "%s cannot deliver", s->plugin->label);
    rc = rc < 0 ? rc : instance_open(s->plugin, e);
    if (rc == 0 && *s->blind.code) /* what it was told holds for its whole life */
        rc = err_set(e, -EAGAIN, s->blind.code, "what was remembered cannot be read: %s",
                     s->blind.text);
    if (rc == 0)
        s->batch = batch_size(s);
    return rc;
}

static void close_all(struct sink *s)
{
    instance_free(s->plugin);
    s->plugin = NULL;
    steps_free(&s->steps);
    instance_free(s->translator.adapter);
    for (size_t i = 0; i < s->translator.others_n; i++)
        instance_free(s->translator.others[i]);
    free(s->translator.others);
    free(s->was);
    journal_close(s->journal);
    state_close(s->state);
    slate_close(s->slate);
}

void *sink_thread(void *arg)
{
    struct sink *s = arg;
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
