/* SPDX-License-Identifier: Apache-2.0 */
/* call - what a plugin puts into its state during a call stays here until the submissions of that
 * call are through.
 *
 * Calls are applied in the order in which they were made, so that an earlier call that takes longer
 * never overwrites a later cursor. A call of which a submission failed for now is forgotten: the
 * plugin will look at the same things again. */
#include "source.h"
#include "tenure.h"
#include "base/log.h"
#include "base/util.h"
#include <errno.h>
#include <string.h>

struct call *call_of(struct source *s)
{
    if (s->call)
        return s->call;
    struct call *c = xcalloc(1, sizeof(*c));
    if (!c)
        return NULL;
    c->puts_end = &c->puts;
    c->epoch = s->epoch;
    *s->calls_end = c;
    s->calls_end = &c->next;
    s->call = c;
    return c;
}

void call_end(struct source *s, struct call *c)
{
    if (c)
        c->ended = true;
    if (s->call == c)
        s->call = NULL;
}

reeve_rc call_verdict(struct source *s, struct instance *p, reeve_rc rc)
{
    struct call *c = s->call;
    if (c && *c->blind.code && (rc == REEVE_OK || rc == REEVE_REJECT))
        rc = reeve_fail(p->ctx, REEVE_RETRY, "what it remembers cannot be read: %s", c->blind.text);
    call_end(s, c);
    return rc;
}

static void free_puts(struct call *c)
{
    while (c->puts) {
        struct put *p = c->puts;
        c->puts = p->next;
        free(p->key);
        free(p->value);
        free(p);
    }
}

bool calls_apply(struct source *s)
{
    struct err e;
    bool any = false;
    while (s->calls && s->calls->ended && s->calls->open_submissions == 0) {
        struct call *c = s->calls;
        c->failed |= !tenure_same(s, c->epoch);
        for (const struct put *p = c->puts; p && !c->failed; p = p->next) {
            s->uncommitted++;
            any = true;
            if (state_put(s->state, p->key, p->value, p->len, &e) < 0)
                log_error(e.code, NULL, "the plugin's state: %s", e.text);
        }
        s->calls = c->next;
        if (!s->calls)
            s->calls_end = &s->calls;
        free_puts(c);
        free(c);
    }
    return any;
}

/* The plugin, adapter or step is told that there is nothing, as its interface has no other word:
 * nothing of what it makes of that may stand, neither what it submits in this call nor where it
 * thinks it is. */
static void forget_call(struct source *s, const struct err *why)
{
    struct call *c = call_of(s);
    log_warning(why->code, NULL, "what the plugin remembers cannot be read: %s", why->text);
    if (!c)
        return;
    c->failed = true;
    c->blind = *why;
}

int call_state_get(struct source *s, const char *key, const void **ret, size_t *ret_len)
{
    const struct put *found = NULL;
    for (const struct call *c = s->calls; c; c = c->next)
        for (const struct put *p = c->puts; p && !c->failed; p = p->next)
            if (strcmp(p->key, key) == 0)
                found = p; /* the newest */
    if (!found) {
        struct err e;
        int rc = state_get(s->state, key, ret, ret_len, &e);
        if (rc < 0 && rc != -ENOENT)
            forget_call(s, &e);
        return rc;
    }
    if (!found->value)
        return -ENOENT;
    *ret = found->value;
    *ret_len = found->len;
    return 0;
}

int call_state_put(struct source *s, const char *key, const void *p, size_t len)
{
    struct call *c = call_of(s);
    struct put *x = c ? xcalloc(1, sizeof(*x)) : NULL;
    if (!x)
        return -ENOMEM;
    x->key = strdup(key);
    x->value = p ? malloc(len + 1) : NULL;
    if (!x->key || (p && !x->value)) {
        free(x->key);
        free(x->value);
        free(x);
        return -ENOMEM;
    }
    if (p && len)
        memcpy(x->value, p, len);
    x->len = p ? len : 0;
    *c->puts_end = x;
    c->puts_end = &x->next;
    return 0;
}
