/* SPDX-License-Identifier: Apache-2.0 */
/* dead_rule - see dead_rule.h. */
#include "dead_rule.h"
#include "base/util.h"
#include <stdio.h>

#define WARN_MS_MAX (7u * 86400000u)

static uint64_t since(uint64_t now, uint64_t then)
{
    return now > then ? now - then : 0;
}

void dead_rule_set(struct dead_rule *r, uint64_t keep_ms, uint64_t unseen_ms)
{
    r->keep_ms = keep_ms;
    r->unseen_ms = unseen_ms > keep_ms ? unseen_ms : keep_ms;
    r->warn_ms = keep_ms / 2 < WARN_MS_MAX ? keep_ms / 2 : WARN_MS_MAX;
}

enum dead_fate dead_fate(const struct dead_rule *r, uint64_t now, uint64_t dead_ms,
                         uint64_t seen_ms, uint64_t warned_ms)
{
    uint64_t age = since(now, dead_ms);
    if (seen_ms) /* who has just found an old letter has time to do something about it */
        return age >= r->keep_ms && since(now, seen_ms) >= r->warn_ms ? DEAD_TAKE : DEAD_KEEP;
    if (age < r->keep_ms - r->warn_ms)
        return DEAD_KEEP;
    if (!warned_ms)
        return DEAD_WARN;
    return age >= r->unseen_ms && since(now, warned_ms) >= r->warn_ms ? DEAD_TAKE : DEAD_WARNED;
}

void dead_unseen_words(const struct dead_rule *r, uint64_t counted, uint64_t oldest_ms, char *out,
                       size_t cap)
{
    char oldest[RFC3339_MAX], warned[32], kept[32];
    out[0] = '\0';
    if (!counted)
        return;
    rfc3339_ms(oldest_ms, oldest);
    format_duration(r->keep_ms - r->warn_ms, warned);
    format_duration(r->unseen_ms, kept);
    (void)snprintf(out, cap,
                   "nobody has looked at %llu dead letters that are older than %s, the oldest of "
                   "%s (`reeve dead list`); they are removed when they are %s old",
                   (unsigned long long)counted, warned, oldest, kept);
}
