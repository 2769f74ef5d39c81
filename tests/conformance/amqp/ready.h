/* SPDX-License-Identifier: Apache-2.0 */
/* ready - how many messages are ready in a queue, for the tests of this folder. */
#ifndef TESTS_CONFORMANCE_AMQP_READY_H
#define TESTS_CONFORMANCE_AMQP_READY_H
#include "lib/patience.h"
#include "base/util.h"
#include "transport/amqp_ask.h"
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <unistd.h>

/* UINT64_MAX: there is no such queue, or it cannot be told. */
static inline uint64_t ready(amqp_connection_state_t c, const char *queue)
{
    struct err e;
    uint64_t n = 0;
    return amqp_ask_count(c, queue, &n, NULL, &e) < 0 ? UINT64_MAX : n;
}

/* Until so many are: messages go back when the channel is gone, which the broker notices in its own
 * time; and it tells none of a queue whose leader does not answer it within a quarter of a second.
 */
static inline void wait_ready(amqp_connection_state_t c, const char *queue, uint64_t n)
{
    uint64_t until = patience_ends(10000);
    while (ready(c, queue) != n && mono_ms() < until)
        (void)usleep(5000);
    assert_int_equal(ready(c, queue), n);
}

#endif
