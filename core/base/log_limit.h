/* SPDX-License-Identifier: Apache-2.0 */
/* log_limit - how often one code may be logged: LOG_LIMIT records in LOG_LIMIT_MS, the rest is
 * counted and told afterwards. Pure: no clock, no lock; shared inside this room. */
#ifndef REEVE_BASE_LOG_LIMIT_H
#define REEVE_BASE_LOG_LIMIT_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LOG_LIMIT       200u
#define LOG_LIMIT_MS    10000u
#define LOG_LIMIT_CODES 64u
#define LOG_LIMIT_CODE  32

struct log_limit { /* of one code; zeroed: free */
    char code[LOG_LIMIT_CODE];
    uint64_t since_ms; /* when its time began */
    uint32_t n, suppressed;
};
struct log_limits { /* zeroed is empty */
    /* The last one is shared by all codes that find no place of their own. */
    struct log_limit code[LOG_LIMIT_CODES + 1];
};

/* May a record of this code (cut to LOG_LIMIT_CODE - 1 bytes) be written? When the code's last time
 * is over and something was suppressed in it, *ret_suppressed is how many (else 0): to be told
 * first. now_ms: monotonic. */
bool log_limit_pass(struct log_limits *l, const char *code, uint64_t now_ms,
                    uint32_t *ret_suppressed);
/* The next code that has something to tell and whose time is over (all: whether or not), copied
 * out; it begins anew. False: there is none. */
bool log_limit_over(struct log_limits *l, uint64_t now_ms, bool all, char code[LOG_LIMIT_CODE],
                    uint32_t *ret_suppressed);

#endif
