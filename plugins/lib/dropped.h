/* SPDX-License-Identifier: Apache-2.0 */
/* dropped - a step tells that nothing goes on in a message's place, and why. */
#ifndef REEVE_PLUGINS_DROPPED_H
#define REEVE_PLUGINS_DROPPED_H
#include <reeve/plugin.h>

static inline void message_dropped(reeve_ctx *ctx, const reeve_msg *msg, const char *code,
                                   const char *text)
{
    reeve_issue(ctx, &(struct reeve_issue){.size = sizeof(struct reeve_issue),
                                           .severity = REEVE_ISSUE_WARNING,
                                           .code = code,
                                           .subject = reeve_msg_get(msg, "subject"),
                                           .text = text});
}

#endif
