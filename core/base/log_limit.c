/* SPDX-License-Identifier: Apache-2.0 */
/* log_limit - see log_limit.h. */
#include "log_limit.h"
#include "util.h"
#include <string.h>

#define TRIES 8u

static bool is_over(const struct log_limit *c, uint64_t now_ms)
{
    return now_ms - c->since_ms >= LOG_LIMIT_MS;
}

static struct log_limit *find(struct log_limits *l, const char *code, uint64_t now_ms)
{
    size_t at = hash_bytes(code, strlen(code)) % LOG_LIMIT_CODES;
    struct log_limit *unused = NULL;
    for (size_t i = 0; i < TRIES; i++) {
        struct log_limit *c = &l->code[(at + i) % LOG_LIMIT_CODES];
        if (strcmp(c->code, code) == 0)
            return c;
        if (!unused && (c->code[0] == '\0' || (is_over(c, now_ms) && c->suppressed == 0)))
            unused = c;
    }
    if (!unused)
        return &l->code[LOG_LIMIT_CODES];
    *unused = (struct log_limit){.since_ms = now_ms};
    memcpy(unused->code, code, strlen(code) + 1);
    return unused;
}

bool log_limit_pass(struct log_limits *l, const char *code, uint64_t now_ms,
                    uint32_t *ret_suppressed)
{
    char cut[LOG_LIMIT_CODE];
    size_t len = strnlen(code, sizeof(cut) - 1);
    memcpy(cut, code, len);
    cut[len] = '\0';
    struct log_limit *c = find(l, cut, now_ms);
    *ret_suppressed = 0;
    if (is_over(c, now_ms)) {
        *ret_suppressed = c->suppressed;
        c->since_ms = now_ms;
        c->n = c->suppressed = 0;
    }
    if (c->n < LOG_LIMIT) {
        c->n++;
        return true;
    }
    c->suppressed++;
    return false;
}

bool log_limit_over(struct log_limits *l, uint64_t now_ms, bool all, char code[LOG_LIMIT_CODE],
                    uint32_t *ret_suppressed)
{
    for (size_t i = 0; i <= LOG_LIMIT_CODES; i++) {
        struct log_limit *c = &l->code[i];
        if (!c->suppressed || (!all && !is_over(c, now_ms)))
            continue;
        memcpy(code, c->code[0] ? c->code : "several", c->code[0] ? sizeof(c->code) : 8);
        *ret_suppressed = c->suppressed;
        c->since_ms = now_ms;
        c->n = c->suppressed = 0;
        return true;
    }
    return false;
}
