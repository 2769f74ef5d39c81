/* SPDX-License-Identifier: Apache-2.0 */
/* period - how often something is expected: a length of time, or calendar months. Pure. */
#ifndef REEVE_BASE_PERIOD_H
#define REEVE_BASE_PERIOD_H
#include <stdint.h>

#define PERIOD_MONTHS_MAX 1200u

struct period { /* one of the two is 0 */
    uint32_t months;
    uint64_t ms;
};

/* "1 month" "3 months" "1 year" "2 weeks" "1 day" "12 hours" "5 minutes" "2 seconds", and durations
 * as parse_duration_ms() (util.h) takes them ("36h"). 0 or -EINVAL; never an empty period. */
int parse_period(const char *s, struct period *ret);
/* The moment one period after wall clock ms, UTC. Months keep day and time; a day that the month
 * does not have is its last (31 January + 1 month = 28 or 29 February). Saturates at UINT64_MAX. */
uint64_t period_after(uint64_t ms, struct period p);
/* Its usual length, a month counting as 30 days. */
uint64_t period_length_ms(struct period p);

#endif
