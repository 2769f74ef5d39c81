/* SPDX-License-Identifier: Apache-2.0 */
/* step - one message to the program, its verdict and what it makes of it back. */
#include "exec.h"
#include "lib/dropped.h"

static void told_dropped(reeve_ctx *ctx, const reeve_msg *in, const struct said *s)
{
    char reason[400];
    said_reason(s, reason, sizeof reason);
    message_dropped(ctx, in, "exec-dropped", reason);
}

reeve_rc exec_step(reeve_ctx *ctx, void *inst, const reeve_msg *in, reeve_out *out)
{
    struct exec *x = inst;
    struct said s;
    size_t made = 0;
    reeve_rc rc = program_ready(&x->program, ctx, "step", NULL, WAIT_PLAIN);
    if (rc != REEVE_OK)
        return rc;
    rc = talk_message(x, ctx, NULL, in, &s);
    if (rc != REEVE_OK)
        return rc;
    rc = made_emit(ctx, in, s.emit, out, &made);
    if (rc == REEVE_OK && made == 0)
        told_dropped(ctx, in, &s);
    return rc;
}
