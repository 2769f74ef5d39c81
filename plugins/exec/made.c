/* SPDX-License-Identifier: Apache-2.0 */
/* made - the events that the program made of one message (`emit`).
 *
 * All or nothing: they go on after all of them are known to be right. What the hub decides (id,
 * source, time, party) is not the program's to change. */
#include "exec.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OUTPUTS_MAX 10000u

static const char *changed(const reeve_msg *in, const reeve_msg *made)
{
    static const char *const own[] = {"id", "source", "time", "party"};
    for (size_t i = 0; i < sizeof own / sizeof own[0]; i++) {
        const char *a = reeve_msg_get(in, own[i]), *b = reeve_msg_get(made, own[i]);
        if ((a == NULL) != (b == NULL) || (a != NULL && strcmp(a, b) != 0))
            return own[i];
    }
    return NULL;
}

/* One item of emit as a message. NULL: refused, with the reason. */
static reeve_msg *message(reeve_ctx *ctx, const reeve_msg *in, struct slice item, size_t i)
{
    char where[40];
    size_t len = 0;
    (void)snprintf(where, sizeof where, "/emit/%zu", i);
    reeve_msg *json = reeve_msg_new(ctx), *made = NULL;
    const void *p = NULL;
    if (json != NULL && reeve_msg_set_body(json, "application/json", item.p, item.len) == 0)
        p = reeve_msg_body(json, &len);
    if (p == NULL)
        (void)reeve_fail(ctx, REEVE_REJECT, "the program made %s, which is no JSON or too large",
                         where);
    else if ((made = reeve_msg_from_json(ctx, where, p, len)) == NULL)
        (void)reeve_fail(ctx, REEVE_REJECT, "the program made %s, which is no event", where);
    reeve_msg_free(json);
    const char *what = made ? changed(in, made) : NULL;
    if (what != NULL) {
        (void)reeve_fail(ctx, REEVE_REJECT,
                         "the program made %s with another %s, which is the hub's", where, what);
        reeve_msg_free(made);
        made = NULL;
    }
    return made;
}

struct outputs {
    reeve_msg **msg;
    size_t n;
};

static int collect(reeve_ctx *ctx, const reeve_msg *in, struct slice emit, struct outputs *o)
{
    struct slice item;
    int rc;
    while ((rc = said_item(&emit, &item)) == 1) {
        reeve_msg **more = o->n % 64 ? o->msg : realloc(o->msg, (o->n + 64) * sizeof *more);
        if (more == NULL || o->n == OUTPUTS_MAX) {
            (void)reeve_fail(ctx, REEVE_REJECT, "the program makes more than %u messages of one",
                             OUTPUTS_MAX);
            return -1;
        }
        o->msg = more;
        o->msg[o->n] = message(ctx, in, item, o->n);
        if (o->msg[o->n] == NULL)
            return -1;
        o->n++;
    }
    if (rc < 0)
        (void)reeve_fail(ctx, REEVE_REJECT, "what the program made is no array of events");
    return rc;
}

reeve_rc made_emit(reeve_ctx *ctx, const reeve_msg *in, struct slice emit, reeve_out *out,
                   size_t *ret_n)
{
    struct outputs o = {.msg = NULL};
    reeve_rc rc = collect(ctx, in, emit, &o) == 0 ? REEVE_OK : REEVE_REJECT;
    *ret_n = o.n;
    for (size_t i = 0; i < o.n; i++) {
        if (rc != REEVE_OK)
            reeve_msg_free(o.msg[i]);
        else if (reeve_emit(out, o.msg[i]) != 0)
            rc = REEVE_RETRY;
    }
    free(o.msg);
    return rc;
}
