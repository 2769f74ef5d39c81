/* SPDX-License-Identifier: Apache-2.0 */
/* keeper - see keeper.h. */
#include "keeper.h"
#include "base/log.h"
#include "base/util.h"
#include "state/lease.h"
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define TURN_MS    1000u
#define TROUBLE_MS 10000u /* of no connection, before an operator hears of it */
#define HOLDER_LEN 201

struct keeper {
    pthread_t thread;
    int wake; /* eventfd */
    char *conninfo, *name, *holder;
    struct thread_queue *told;
    struct lease *lease; /* the thread's own; NULL: given back */
    char waiting_for[HOLDER_LEN];

    pthread_mutex_t lock; /* of what follows */
    bool stop, want;
    uint64_t until, epoch, unwanted_since, away_since;
    char seen[HOLDER_LEN], trouble[ERR_TEXT_MAX], said[ERR_TEXT_MAX];
};

static void on_taken(void *arg, uint64_t epoch)
{
    (void)arg;
    log_info("lease-taken", NULL, "this process polls from now on (epoch %llu)",
             (unsigned long long)epoch);
}

static void on_lost(void *arg, const char *why)
{
    (void)arg;
    log_warning("lease-lost", NULL, "this process does not poll any more: %s", why);
}

static int open_lease(struct keeper *k, struct err *e)
{
    const struct lease_events events = {.arg = k, .taken = on_taken, .lost = on_lost};
    return lease_open(k->conninfo, k->name, k->holder, &events, &k->lease, e);
}

/* Says once who it is that we wait for. */
static void say_waiting(struct keeper *k, const char *holder)
{
    if (strcmp(k->waiting_for, holder) == 0)
        return;
    (void)snprintf(k->waiting_for, sizeof(k->waiting_for), "%s", holder);
    if (*holder && !lease_held(k->lease))
        log_info("lease-waiting", NULL, "%s polls; this process waits", holder);
}

/* What the others may know. */
static void publish(struct keeper *k)
{
    const struct lease *l = k->lease;
    (void)pthread_mutex_lock(&k->lock);
    bool held = k->until != 0;
    k->until = l ? lease_until(l) : 0;
    k->epoch = l ? lease_epoch(l) : 0;
    (void)snprintf(k->seen, sizeof(k->seen), "%s", l ? lease_holder(l) : "");
    (void)snprintf(k->trouble, sizeof(k->trouble), "%s", l ? lease_trouble(l) : "");
    if (!*k->trouble)
        k->away_since = 0;
    else if (!k->away_since)
        k->away_since = mono_ms();
    bool changed = held != (k->until != 0);
    (void)pthread_mutex_unlock(&k->lock);
    if (changed)
        thread_queue_wake(k->told);
    if (l)
        say_waiting(k, lease_holder(l));
}

static void let_go(struct keeper *k)
{
    if (lease_held(k->lease))
        log_warning("lease-given-back", NULL,
                    "what is polled could not be passed on from here; another may poll");
    (void)pthread_mutex_lock(&k->lock);
    k->until = 0; /* before another can have it */
    (void)pthread_mutex_unlock(&k->lock);
    lease_close(k->lease);
    k->lease = NULL;
    publish(k);
    thread_queue_wake(k->told);
}

static void take_part(struct keeper *k)
{
    struct err e;
    if (open_lease(k, &e) < 0)
        log_error(e.code, NULL, "the lease: %s", e.text);
}

/* False: asked to stop. */
static bool turn(struct keeper *k)
{
    (void)pthread_mutex_lock(&k->lock);
    bool stop = k->stop, want = k->want;
    uint64_t since = k->unwanted_since;
    (void)pthread_mutex_unlock(&k->lock);
    if (stop)
        return false;
    if (k->lease && !want && mono_ms() - since > KEEPER_IDLE_MS)
        let_go(k);
    else if (!k->lease && want)
        take_part(k);
    struct pollfd f[2] = {{.fd = k->wake, .events = POLLIN}, {.fd = -1}};
    uint64_t wait = TURN_MS, count;
    if (k->lease) {
        f[1].fd = lease_fd(k->lease, &f[1].events);
        wait = lease_timeout(k->lease);
    }
    (void)poll(f, 2, (int)(wait < TURN_MS ? wait : TURN_MS));
    if (f[0].revents)
        (void)!read(k->wake, &count, sizeof(count));
    if (k->lease) {
        lease_run(k->lease);
        publish(k);
    }
    return true;
}

static void *run(void *arg)
{
    struct keeper *k = arg;
    while (turn(k))
        ;
    return NULL;
}

static void wake(struct keeper *k)
{
    const uint64_t one = 1;
    (void)!write(k->wake, &one, sizeof(one));
}

static void keeper_free(struct keeper *k)
{
    lease_close(k->lease);
    if (k->wake >= 0)
        (void)close(k->wake);
    (void)pthread_mutex_destroy(&k->lock);
    free(k->conninfo);
    free(k->name);
    free(k->holder);
    free(k);
}

int keeper_start(const char *conninfo, const char *name, const char *holder,
                 struct thread_queue *told, struct keeper **ret, struct err *e)
{
    struct keeper *k = xcalloc(1, sizeof(*k));
    if (!k)
        return err_set(e, -ENOMEM, "memory", "no memory for a lease");
    (void)pthread_mutex_init(&k->lock, NULL);
    k->told = told;
    k->want = true;
    k->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    k->conninfo = strdup(conninfo);
    k->name = strdup(name);
    k->holder = strdup(holder);
    int rc = k->wake < 0 || !k->conninfo || !k->name || !k->holder
                 ? err_set(e, -ENOMEM, "memory", "no memory for a lease")
                 : open_lease(k, e);
    if (rc == 0 && pthread_create(&k->thread, NULL, run, k) != 0)
        rc = err_set(e, -EAGAIN, "thread", "no thread for the lease");
    if (rc < 0) {
        keeper_free(k);
        return rc;
    }
    *ret = k;
    return 0;
}

void keeper_stop(struct keeper *k)
{
    if (!k)
        return;
    (void)pthread_mutex_lock(&k->lock);
    k->stop = true;
    (void)pthread_mutex_unlock(&k->lock);
    wake(k);
    (void)pthread_join(k->thread, NULL);
    keeper_free(k);
}

uint64_t keeper_holds(struct keeper *k)
{
    (void)pthread_mutex_lock(&k->lock);
    uint64_t epoch = boot_ms() < k->until ? k->epoch : 0;
    (void)pthread_mutex_unlock(&k->lock);
    return epoch;
}

void keeper_want(struct keeper *k, bool want)
{
    (void)pthread_mutex_lock(&k->lock);
    bool changed = k->want != want;
    k->want = want;
    if (changed && !want)
        k->unwanted_since = mono_ms();
    (void)pthread_mutex_unlock(&k->lock);
    if (changed && want)
        wake(k);
}

int keeper_put(struct keeper *k, struct tree *figures)
{
    struct tree *t = tree_map();
    (void)pthread_mutex_lock(&k->lock);
    int r = tree_putb(t, "held", boot_ms() < k->until);
    if (r == 0)
        r = tree_puts(t, "holder", k->seen);
    if (r == 0)
        r = tree_puts(t, "trouble", k->trouble);
    (void)pthread_mutex_unlock(&k->lock);
    if (r == 0)
        return tree_put(figures, "lease", t);
    tree_free(t);
    return r;
}

bool keeper_trouble(struct keeper *k, char text[ERR_TEXT_MAX])
{
    (void)pthread_mutex_lock(&k->lock);
    bool long_ = k->away_since && mono_ms() - k->away_since > TROUBLE_MS;
    (void)snprintf(text, ERR_TEXT_MAX, "%s", long_ ? k->trouble : "");
    bool changed = !*text != !*k->said;
    if (changed)
        (void)snprintf(k->said, sizeof(k->said), "%s", text);
    (void)pthread_mutex_unlock(&k->lock);
    return changed;
}
