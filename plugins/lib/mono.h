/* SPDX-License-Identifier: Apache-2.0 */
/* mono - the clock that waits are measured with: it never jumps. Any thread. */
#ifndef REEVE_PLUGINS_MONO_H
#define REEVE_PLUGINS_MONO_H
#include <stdint.h>
#include <time.h>

static inline uint64_t monotonic_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000u + (uint64_t)now.tv_nsec / 1000000u;
}

#endif
