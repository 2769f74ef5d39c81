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

reeve_msg *made_event(reeve_ctx *ctx, reeve_msg *probe, const char *where, const char *p, size_t n,
                      bool *ret_json)
{
    size_t len = 0;
    *ret_json = reeve_msg_set_body(probe, "application/json", p, n) == 0;
    if (!*ret_json)
        return NULL;
    p = reeve_msg_body(probe, &len);
    return reeve_msg_from_json(ctx, where, p, len);
}

/* One item of emit as a message. NULL: refused, with the reason. */
static reeve_msg *message(reeve_ctx *ctx, const reeve_msg *in, reeve_msg *probe, struct slice item,
                          size_t i)
{
    char where[40];
    bool json;
    (void)snprintf(where, sizeof where, "/emit/%zu", i);
    reeve_msg *made = made_event(ctx, probe, where, item.p, item.len, &json);
    if (made == NULL)
        (void)reeve_fail(ctx, REEVE_REJECT, "the program made %s, which is no %s", where,
                         json ? "event" : "JSON or too large");
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
    reeve_msg *probe;
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
        o->msg[o->n] = message(ctx, in, o->probe, item, o->n);
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
    struct outputs o = {.probe = reeve_msg_new(ctx)};
    *ret_n = 0;
    if (o.probe == NULL)
        return reeve_fail(ctx, REEVE_RETRY, "out of memory");
    reeve_rc rc = collect(ctx, in, emit, &o) == 0 ? REEVE_OK : REEVE_REJECT;
    *ret_n = o.n;
    for (size_t i = 0; i < o.n; i++) {
        if (rc != REEVE_OK)
            reeve_msg_free(o.msg[i]);
        else if (reeve_emit(out, o.msg[i]) != 0)
            rc = REEVE_RETRY;
    }
    free(o.msg);
    reeve_msg_free(o.probe);
    return rc;
}
