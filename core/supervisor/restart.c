/* SPDX-License-Identifier: Apache-2.0 */
/* restart - see restart.h. The table says what every event means in every state, also where it
 * means nothing; what only the history can decide (start at once or wait) is the one rule outside
 * it. */
#include "restart.h"
#include <stddef.h>

/* next == RESTART_STATES: decided by after_death(). */
struct cell {
    enum restart_state next;
    enum restart_action action;
};

#define STAY(s)                         \
    {                                   \
        RESTART_##s, RESTART_DO_NOTHING \
    }
#define NEVER(s)                         \
    {                                    \
        RESTART_##s, RESTART_DO_COMPLAIN \
    }
#define GO(s, a)                    \
    {                               \
        RESTART_##s, RESTART_DO_##a \
    }
#define DECIDE                             \
    {                                      \
        RESTART_STATES, RESTART_DO_NOTHING \
    }

static const struct cell table[RESTART_STATES][RESTART_EVENTS] = {
    [RESTART_OFF] = {[RESTART_START] = GO(STARTING, SPAWN),
                     [RESTART_READY] = NEVER(OFF),
                     [RESTART_BEAT] = NEVER(OFF),
                     [RESTART_DIED] = NEVER(OFF),
                     [RESTART_DIED_RETRY] = NEVER(OFF),
                     [RESTART_DIED_CONFIG] = NEVER(OFF),
                     [RESTART_TIMER] = NEVER(OFF),
                     [RESTART_DRAIN] = GO(DONE, FORGET)},
    [RESTART_STARTING] = {[RESTART_START] = STAY(STARTING),
                          [RESTART_READY] = STAY(UP),
                          [RESTART_BEAT] = STAY(STARTING),
                          [RESTART_DIED] = DECIDE,
                          [RESTART_DIED_RETRY] = DECIDE,
                          [RESTART_DIED_CONFIG] = STAY(HELD),
                          [RESTART_TIMER] = GO(STUCK, ABORT),
                          [RESTART_DRAIN] = GO(DRAINING, DRAIN)},
    [RESTART_UP] = {[RESTART_START] = STAY(UP),
                    [RESTART_READY] = NEVER(UP),
                    [RESTART_BEAT] = STAY(UP),
                    [RESTART_DIED] = DECIDE,
                    [RESTART_DIED_RETRY] = DECIDE,
                    [RESTART_DIED_CONFIG] = STAY(HELD),
                    [RESTART_TIMER] = GO(STUCK, ABORT),
                    [RESTART_DRAIN] = GO(DRAINING, DRAIN)},
    [RESTART_WAITING] = {[RESTART_START] = GO(STARTING, SPAWN),
                         [RESTART_READY] = NEVER(WAITING),
                         [RESTART_BEAT] = NEVER(WAITING),
                         [RESTART_DIED] = NEVER(WAITING),
                         [RESTART_DIED_RETRY] = NEVER(WAITING),
                         [RESTART_DIED_CONFIG] = NEVER(WAITING),
                         [RESTART_TIMER] = GO(STARTING, SPAWN),
                         [RESTART_DRAIN] = GO(DONE, FORGET)},
    [RESTART_HELD] = {[RESTART_START] = GO(STARTING, SPAWN),
                      [RESTART_READY] = NEVER(HELD),
                      [RESTART_BEAT] = NEVER(HELD),
                      [RESTART_DIED] = NEVER(HELD),
                      [RESTART_DIED_RETRY] = NEVER(HELD),
                      [RESTART_DIED_CONFIG] = NEVER(HELD),
                      [RESTART_TIMER] = NEVER(HELD),
                      [RESTART_DRAIN] = GO(DONE, FORGET)},
    /* READY and BEAT of a stuck process come too late: ABRT is on its way. */
    [RESTART_STUCK] = {[RESTART_START] = STAY(STUCK),
                       [RESTART_READY] = STAY(STUCK),
                       [RESTART_BEAT] = STAY(STUCK),
                       [RESTART_DIED] = DECIDE,
                       [RESTART_DIED_RETRY] = DECIDE,
                       [RESTART_DIED_CONFIG] = STAY(HELD),
                       [RESTART_TIMER] = GO(STUCK, KILL),
                       [RESTART_DRAIN] = GO(DRAINING, KILL)},
    [RESTART_DRAINING] = {[RESTART_START] = NEVER(DRAINING),
                          [RESTART_READY] = STAY(DRAINING),
                          [RESTART_BEAT] = STAY(DRAINING),
                          [RESTART_DIED] = GO(DONE, FORGET),
                          [RESTART_DIED_RETRY] = GO(DONE, FORGET),
                          [RESTART_DIED_CONFIG] = GO(DONE, FORGET),
                          [RESTART_TIMER] = GO(DRAINING, KILL),
                          [RESTART_DRAIN] = STAY(DRAINING)},
    [RESTART_DONE] = {[RESTART_START] = NEVER(DONE),
                      [RESTART_READY] = NEVER(DONE),
                      [RESTART_BEAT] = NEVER(DONE),
                      [RESTART_DIED] = NEVER(DONE),
                      [RESTART_DIED_RETRY] = NEVER(DONE),
                      [RESTART_DIED_CONFIG] = NEVER(DONE),
                      [RESTART_TIMER] = NEVER(DONE),
                      [RESTART_DRAIN] = STAY(DONE)},
};

void restart_init(struct restart *r)
{
    *r = (struct restart){.state = RESTART_OFF, .timer_ms = RESTART_NEVER};
}

uint64_t restart_delay(unsigned failures, uint32_t random)
{
    unsigned doublings = failures > 0 ? failures - 1 : 0;
    uint64_t base = doublings > 6 ? RESTART_LAST_MS : (uint64_t)RESTART_FIRST_MS << doublings;
    uint64_t delay = base + base / 4 * (random % 1024) / 1023;
    return delay < RESTART_LAST_MS ? delay : RESTART_LAST_MS;
}

static enum restart_action after_death(struct restart *r, enum restart_event event, uint64_t now,
                                       uint32_t random)
{
    if (r->ready_ms && now - r->ready_ms > RESTART_SERVED_MS) {
        r->failures = 0;
        if (event == RESTART_DIED) {
            r->state = RESTART_STARTING;
            return RESTART_DO_SPAWN;
        }
    }
    r->failures++;
    r->state = RESTART_WAITING;
    r->timer_ms = now + restart_delay(r->failures, random);
    return RESTART_DO_NOTHING;
}

static void set_timer(struct restart *r, enum restart_state before, enum restart_event event,
                      enum restart_action action, const struct restart_limits *l, uint64_t now,
                      uint64_t drain_ms)
{
    switch (r->state) {
    case RESTART_STARTING:
        if (before != RESTART_STARTING || action == RESTART_DO_SPAWN)
            r->timer_ms = now + l->start_ms;
        break;
    case RESTART_UP:
        if (event == RESTART_READY || event == RESTART_BEAT)
            r->timer_ms = now + l->watchdog_ms;
        break;
    case RESTART_STUCK:
        if (event == RESTART_TIMER)
            r->timer_ms = action == RESTART_DO_ABORT ? now + l->abort_ms : RESTART_NEVER;
        break;
    case RESTART_DRAINING:
        if (before != RESTART_DRAINING && action == RESTART_DO_DRAIN)
            r->timer_ms = now + drain_ms;
        else if (action == RESTART_DO_KILL)
            r->timer_ms = RESTART_NEVER;
        break;
    case RESTART_WAITING: /* after_death() set it */
        break;
    default:
        r->timer_ms = RESTART_NEVER;
    }
}

enum restart_action restart_step(struct restart *r, enum restart_event event,
                                 const struct restart_limits *limits, uint64_t now_ms,
                                 uint64_t drain_ms, uint32_t random)
{
    enum restart_state before = r->state;
    struct cell cell = table[before][event];
    enum restart_action action = cell.action;
    if (action == RESTART_DO_COMPLAIN)
        return action;
    if (cell.next == RESTART_STATES)
        action = after_death(r, event, now_ms, random);
    else
        r->state = cell.next;
    if (event == RESTART_READY && r->state == RESTART_UP)
        r->ready_ms = now_ms ? now_ms : 1;
    if (action == RESTART_DO_SPAWN)
        r->ready_ms = 0;
    set_timer(r, before, event, action, limits, now_ms, drain_ms);
    return action;
}

const char *restart_state_name(enum restart_state s)
{
    static const char *const names[RESTART_STATES] = {"off",  "starting", "ready",    "waiting",
                                                      "held", "stuck",    "draining", "done"};
    return s < RESTART_STATES ? names[s] : "?";
}
