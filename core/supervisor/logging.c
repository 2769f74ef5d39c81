/* SPDX-License-Identifier: Apache-2.0 */
/* logging - which log settings are in force: those of the configuration, over which the environment
 * and then the command line win. Processes get them in their environment when they are started, and
 * over the control channel when a reload changes them: nothing is started again for that. */
#include "sup.h"
#include "base/log.h"
#include "base/util.h"
#include <stdlib.h>
#include <string.h>

static void apply(const char *settings)
{
    if (settings && *settings)
        (void)log_set(settings); /* each was checked where it came from */
}

static void tell(struct sup *s, const char *settings)
{
    struct buf b = BUF_INIT(256);
    int r = pack_str(&b, settings);
    for (size_t i = 0; r == 0 && i < s->n; i++) {
        struct unit *u = s->unit[i];
        if (!u->channel)
            continue;
        (void)channel_send(u->channel, CONTROL_LOG, u->generation, b.p, b.len, -1);
        (void)channel_flush(u->channel);
    }
    buf_done(&b);
}

void sup_log_follow(struct sup *s)
{
    char before[LOG_SETTINGS_MAX], now[LOG_SETTINGS_MAX];
    log_get(before);
    apply("text,info");
    if (s->plan) {
        apply(tree_gets(s->plan->tree, "log/format", NULL));
        apply(tree_gets(s->plan->tree, "log/level", NULL));
    }
    apply(s->log_env);
    apply(s->o.log);
    if (s->o.verbose)
        apply("debug");
    log_get(now);
    (void)setenv(LOG_ENV, now, 1); /* for those who are started from here on */
    if (strcmp(before, now) != 0)
        tell(s, now);
}
