/* SPDX-License-Identifier: Apache-2.0 */
/* stage - what the conformance tests share: a fresh engine for each test, and its clients. */
#ifndef TESTS_CONFORMANCE_STAGE_H
#define TESTS_CONFORMANCE_STAGE_H
#include "lib/probe.h"
#include "base/util.h"
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

static struct engine g;
static struct probe pub, con, con2;

static int setup(void **state)
{
    static const struct engine_dest dests[] = {{.name = "register"},
                                               {.name = "foodbank"},
                                               {.name = "ledger", .strict = true},
                                               {.name = "small", .limit_messages = 3},
                                               {.name = "narrow", .limit_bytes = 1000},
                                               {.name = NULL}};
    (void)state;
    memset(&pub, 0, sizeof pub);
    memset(&con, 0, sizeof con);
    memset(&con2, 0, sizeof con2);
    return engine_init(&g, dests) < 0 || engine_start(&g) < 0;
}

static int teardown(void **state)
{
    (void)state;
    probe_close(&pub);
    probe_close(&con);
    probe_close(&con2);
    engine_done(&g);
    return 0;
}

static inline void publish_n(const char *destination, unsigned from, unsigned n)
{
    unsigned want = pub.confirmed + n;
    for (unsigned i = 0; i < n; i++)
        probe_send(&pub, from + i, destination);
    probe_wait(&pub, &pub.confirmed, want);
}

/* The figure of status, or none where the engine cannot know it. */
static inline void figure_is(const char *destination, const char *figure, uint64_t want)
{
    assert_int_equal(probe_figure(&pub, destination, figure),
                     engine_tells(figure) ? want : UINT64_MAX);
}

/* Until the figure of status is `want`, while p runs: soon after its start, and when a queue's
 * leader does not answer it within a quarter of a second, RabbitMQ tells less than there is
 * (amqp_ask.h), and what is under way needs its time. */
static inline void figure_gets(struct probe *p, const char *destination, const char *figure,
                               uint64_t want)
{
    uint64_t until = mono_ms() + engine_wait_ms();
    while (probe_figure(&pub, destination, figure) != want && mono_ms() < until)
        probe_idle(p, 20);
    assert_int_equal(probe_figure(&pub, destination, figure), want);
}

/* Until the consumer has settled all that waits for the destination. */
static inline void consumed(struct probe *p, const char *destination)
{
    figure_gets(p, destination, "ready", 0);
    figure_gets(p, destination, "inflight", 0);
}

/* Until the consumer was given each of m0 to m<n - 1>, whatever the figures say meanwhile. */
static inline void all_came(struct probe *p, unsigned n)
{
    static bool seen[PROBE_TAGS];
    uint64_t until = mono_ms() + engine_wait_ms();
    unsigned looked = 0, count = 0;
    memset(seen, 0, sizeof seen);
    for (;; probe_idle(p, 20)) {
        for (; looked < p->jobs; looked++) {
            unsigned long v = strtoul(p->got[looked].id + 1, NULL, 10);
            assert_true(v < n);
            count += !seen[v];
            seen[v] = true;
        }
        if (count == n)
            return;
        if (mono_ms() >= until)
            fail_msg("waited in vain for %u messages, got %u", n, count);
    }
}

/* The two consumers take turns. */
static inline void both_idle(unsigned ms)
{
    probe_idle(&con, ms);
    probe_idle(&con2, ms);
}

/* Until what a and b (NULL: nothing) count makes `want`; fails the test when that is not in time.
 */
static inline void both_wait(const unsigned *a, const unsigned *b, unsigned want)
{
    uint64_t until = mono_ms() + engine_wait_ms();
    while (*a + (b ? *b : 0) < want) {
        if (mono_ms() >= until)
            fail_msg("waited in vain for %u, got %u", want, *a + (b ? *b : 0));
        both_idle(5);
    }
}

static inline void consume(struct probe *p, const char *destination, uint32_t prefetch)
{
    assert_int_equal(transport_consume(p->t, destination, prefetch), 0);
}

#endif
