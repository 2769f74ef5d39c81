/* SPDX-License-Identifier: Apache-2.0 */
/* tidy - see tidy.h. */
#include "tidy.h"
#include "base/log.h"
#include "base/util.h"
#include <errno.h>

#define BATCH    500u
#define LOOK_MS  60000u
#define BUSY_MS  100u
#define PAUSE_MS 5u /* between batches when there is nothing else to do */

void tidy_open(struct tidy *t, const struct tree *part)
{
    *t = (struct tidy){.journal_ms = tree_getu(part, "retention/journal_ms", 0),
                       .receipts_ms = tree_getu(part, "retention/receipts_ms", 0)};
}

static uint64_t before(uint64_t keep_ms)
{
    uint64_t now = wall_ms();
    return now > keep_ms ? now - keep_ms : 0;
}

void tidy_turn(struct tidy *t, struct journal *journal, struct state *state, bool busy)
{
    struct err e;
    uint64_t now = mono_ms();
    if (now < t->again || (busy && now - t->last < BUSY_MS))
        return;
    int rows = t->journal_ms ? journal_expire(journal, before(t->journal_ms), BATCH, &e) : 0;
    int answers = rows >= 0 && state && t->receipts_ms
                      ? state_expire(state, before(t->receipts_ms), BATCH, &e)
                      : 0;
    bool later = answers == -EBUSY;
    if ((rows < 0 || answers < 0) && !later && !t->failed)
        log_warning(e.code, NULL, "%s", e.text);
    t->failed = (rows < 0 || answers < 0) && !later;
    t->more = later || rows >= (int)BATCH || answers >= (int)BATCH;
    t->last = now;
    t->again = mono_ms() + (t->more && !t->failed ? PAUSE_MS : LOOK_MS);
}

uint64_t tidy_wait(const struct tidy *t)
{
    uint64_t now = mono_ms();
    if (!t->more)
        return UINT64_MAX;
    return t->again > now ? t->again - now : 0;
}
