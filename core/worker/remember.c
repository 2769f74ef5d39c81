/* SPDX-License-Identifier: Apache-2.0 */
/* remember - what plugin, adapters and steps of a sink keep in its state.
 *
 * Their interface knows a value and its absence. A state that cannot be read (a server that is
 * away) is told as absent, because there is no third answer, and is remembered here: nothing that
 * follows from it may stand. Nor is anything put from then on: it would take the place of what was
 * not seen. */
#include "sink.h"
#include <errno.h>
#include <stdio.h>

static int get_state(void *arg, const char *key, const void **ret, size_t *ret_len)
{
    struct sink *s = arg;
    struct err e;
    int rc = state_get(s->state, key, ret, ret_len, &e);
    if (rc < 0 && rc != -ENOENT) {
        s->blind = e;
        s->away = rc == -ENOTCONN;
    }
    return rc;
}

static int put_state(void *arg, const char *key, const void *p, size_t len)
{
    struct sink *s = arg;
    struct err e;
    if (*s->blind.code)
        return -EAGAIN;
    s->state_put = true;
    return state_put(s->state, key, p, len, &e);
}

void remember_open(struct sink *s)
{
    s->room.state_get = get_state;
    s->room.state_put = put_state;
}

void remember_again(struct sink *s)
{
    s->blind.code[0] = '\0';
    s->away = false;
}

bool remember_failed(const struct sink *s, reeve_rc *ret_rc, char reason[ERR_TEXT_MAX])
{
    if (!*s->blind.code)
        return false;
    *ret_rc = s->away ? REEVE_DOWN : REEVE_RETRY;
    (void)snprintf(reason, ERR_TEXT_MAX, "what it remembers cannot be read: %.*s",
                   ERR_TEXT_MAX - 40, s->blind.text);
    return true;
}
