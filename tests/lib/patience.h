/* SPDX-License-Identifier: Apache-2.0 */
/* patience - how long a test waits for what comes sooner or later. */
#ifndef TESTS_LIB_PATIENCE_H
#define TESTS_LIB_PATIENCE_H
#include "base/util.h"
#include <stdlib.h>

/* How many times slower than a quick machine this one may be (REEVE_PATIENCE, default 3). */
static inline double patience(void)
{
    const char *given = getenv("REEVE_PATIENCE");
    double times = given ? strtod(given, NULL) : 0;
    return times > 0 ? times : 3;
}

/* Milliseconds to wait for what a quick machine has in `ms`. */
static inline unsigned patience_ms(unsigned ms)
{
    return (unsigned)(ms * patience());
}

/* The moment, by mono_ms(), at which such a wait is given up. */
static inline uint64_t patience_ends(unsigned ms)
{
    return mono_ms() + patience_ms(ms);
}

#endif
