/* SPDX-License-Identifier: Apache-2.0 */
/* peek - a look at the queues while no hub runs: the process that keeps them is run alone, under
 * the hub's lock, just long enough to say its figures. Nobody else reads the spool's file. `look`
 * in its part: nothing is to be changed, for a broker may serve other machines of this hub. */
#include "sup.h"
#include "base/util.h"
#include <errno.h>
#include <poll.h>
#include <string.h>

#define PEEK_LIMIT_MS 20000u
#define PEEK_DRAIN_MS 10000u

static void turn(struct unit *u, struct unit_env *env)
{
    struct pollfd fds[2] = {{.fd = u->channel ? channel_fd(u->channel) : -1, .events = POLLIN},
                            {.fd = u->pidfd, .events = POLLIN}};
    (void)poll(fds, 2, 100);
    if (fds[0].revents)
        unit_talk(u, env);
    if (fds[1].revents)
        unit_reap(u, env);
    if (u->restart.timer_ms <= mono_ms() && u->restart.state != RESTART_WAITING)
        unit_event(u, env, RESTART_TIMER, 0);
}

static int ask(struct unit *u, struct unit_env *env, struct err *e)
{
    uint64_t end = mono_ms() + PEEK_LIMIT_MS;
    bool asked = false;
    unit_event(u, env, RESTART_START, 0);
    while (!u->stats && mono_ms() < end) {
        enum restart_state s = u->restart.state;
        if (s == RESTART_WAITING || s == RESTART_HELD)
            return err_set(e, -EIO, "peek", "%s: %s", u->name, u->last_exit);
        if (s == RESTART_UP && !asked) {
            unit_send(u, CONTROL_ASK_STATS);
            asked = true;
        }
        turn(u, env);
    }
    return u->stats ? 0 : err_set(e, -ETIMEDOUT, "peek", "%s does not answer", u->name);
}

static void end(struct unit *u, struct unit_env *env)
{
    unit_event(u, env, RESTART_DRAIN, PEEK_DRAIN_MS);
    while (u->restart.state != RESTART_DONE)
        turn(u, env);
}

int supervisor_lock(const struct tree *plan, int *ret_fd, struct err *e)
{
    struct plan *p = NULL;
    struct tree *copy = tree_copy(plan);
    int r = copy ? plan_read(copy, &p, e) : err_set(e, -ENOMEM, "memory", "out of memory");
    r = r < 0 ? r : data_dir_open(p, false, ret_fd, e);
    plan_free(p);
    return r;
}

int supervisor_peek(const struct tree *plan, struct tree **ret, struct err *e)
{
    struct unit_env env = {
        .limits = {.start_ms = PEEK_LIMIT_MS, .watchdog_ms = PEEK_LIMIT_MS, .abort_ms = 2000}};
    struct plan *p = NULL;
    int lock_fd = -1;
    struct tree *copy = tree_copy(plan);
    int r = copy ? plan_read(copy, &p, e) : err_set(e, -ENOMEM, "memory", "out of memory");
    if (r < 0)
        return r;
    const struct plan_process *keeper = plan_queues(p);
    struct unit *u = keeper ? unit_new(keeper) : NULL;
    r = u ? tree_putb(u->part, "look", true) : -ENOENT;
    r = r == 0 ? data_dir_open(p, true, &lock_fd, e)
               : err_set(e, r, "peek", "the plan has no process that keeps the queues");
    if (r == 0) {
        r = ask(u, &env, e);
        end(u, &env);
    }
    if (r == 0)
        *ret = TAKE_PTR(u->stats);
    unit_free(u);
    plan_free(p);
    if (lock_fd >= 0)
        (void)close(lock_fd);
    return r;
}
