/* SPDX-License-Identifier: Apache-2.0 */
/* verdict - see verdict.h. */
#include "verdict.h"
#include "base/util.h"
#include <string.h>

static struct verdict_action retry(const struct verdict_case *c)
{
    if (c->cut_short)
        return (struct verdict_action){.how = SETTLE_RELEASE, .code = "stopped"};
    uint64_t age = c->now_ms > c->first_ms ? c->now_ms - c->first_ms : 0;
    if (c->for_ms && age >= c->for_ms)
        return (struct verdict_action){.how = SETTLE_DEAD, .code = "tries-exhausted"};
    uint64_t ladder = transport_backoff(c->attempts == UINT32_MAX ? c->attempts : c->attempts + 1);
    uint64_t asked = c->after_ms ? transport_rung(c->after_ms) : 0;
    return (struct verdict_action){
        .how = SETTLE_RETRY, .delay_ms = ladder > asked ? ladder : asked, .code = "retry"};
}

struct verdict_action verdict_decide(const struct verdict_case *c)
{
    switch (c->rc) {
    case REEVE_OK:
        return (struct verdict_action){.how = SETTLE_DONE, .code = ""};
    case REEVE_REJECT:
        return (struct verdict_action){.how = SETTLE_DEAD, .code = "rejected"};
    case REEVE_DOWN:
        return (struct verdict_action){.how = SETTLE_RELEASE, .code = "down", .pause = true};
    case REEVE_FATAL:
        return (struct verdict_action){.how = SETTLE_RELEASE, .code = "fatal", .fatal = true};
    default: /* RETRY, and whatever a plugin of the future or of nobody's understanding returns */
        return retry(c);
    }
}

uint64_t verdict_pause_ms(uint32_t n, uint64_t asked_ms)
{
    uint64_t ms = 1000;
    for (uint32_t i = 1; i < n && ms < 60000; i++)
        ms *= 2;
    if (ms > 60000)
        ms = 60000;
    if (asked_ms > 3600000)
        asked_ms = 3600000; /* a peer that says "next year" is asked again in an hour */
    return asked_ms > ms ? asked_ms : ms;
}

bool reject_run_add(struct reject_run *r, const char *reason)
{
    uint64_t h = hash_bytes(reason, strlen(reason));
    r->n = r->n && r->reason == h ? r->n + 1 : 1;
    r->reason = h;
    if (r->n < VERDICT_SAME_REJECTS_MAX)
        return false;
    r->n = 0;
    return true;
}

void reject_run_break(struct reject_run *r)
{
    r->n = 0;
}
