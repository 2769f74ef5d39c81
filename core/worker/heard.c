/* SPDX-License-Identifier: Apache-2.0 */
/* heard - see heard.h. The keys have no slash, which those of plugins and steps have. */
#include "heard.h"
#include "base/log.h"
#include "base/util.h"
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#define HEARD   "heard-ms"
#define WATCHED "watched-ms"
#define LOOK_MS 30000u

/* 0: not there, or damaged, which comes to the same. */
static int read_time(struct source *s, const char *key, uint64_t *ret, struct err *e)
{
    char text[24];
    const void *p;
    size_t len;
    int64_t v = 0;
    struct err why; /* that it is not there is no fault, and must not be told as one */
    int rc = state_get(s->state, key, &p, &len, &why);
    *ret = 0;
    if (rc == -ENOENT)
        return 0;
    if (rc < 0) {
        *e = why;
        return rc;
    }
    (void)snprintf(text, sizeof(text), "%.*s", len < sizeof(text) ? (int)len : 0, (const char *)p);
    if (parse_i64(text, &v) == 0 && v > 0)
        *ret = (uint64_t)v;
    return 0;
}

static int put_time(struct source *s, const char *key, uint64_t ms, struct err *e)
{
    char text[24];
    int n = snprintf(text, sizeof(text), "%" PRIu64, ms);
    return state_put(s->state, key, text, (size_t)n, e);
}

int heard_open(struct source *s, struct err *e)
{
    uint64_t heard, watched;
    int rc = read_time(s, HEARD, &heard, e);
    if (rc == 0)
        rc = read_time(s, WATCHED, &watched, e);
    if (rc == 0 && !watched) {
        watched = wall_ms();
        rc = put_time(s, WATCHED, watched, e);
        if (rc == 0)
            rc = state_commit(s->state, e);
    }
    if (rc < 0)
        return rc;
    atomic_store(&s->flags.heard_ms, heard);
    atomic_store(&s->flags.watched_ms, watched);
    return 0;
}

void heard_now(struct source *s)
{
    struct err e;
    uint64_t now = wall_ms();
    if (put_time(s, HEARD, now, &e) < 0)
        log_error(e.code, NULL, "the time of the last document is not stored: %s", e.text);
    atomic_store(&s->flags.heard_ms, now);
}

void heard_look(struct source *s)
{
    struct err e;
    uint64_t heard;
    s->heard_again = mono_ms() + LOOK_MS;
    if (read_time(s, HEARD, &heard, &e) == 0 && heard > atomic_load(&s->flags.heard_ms))
        atomic_store(&s->flags.heard_ms, heard); /* else: next time */
}

void heard_turn(struct source *s)
{
    if (s->shared && mono_ms() >= s->heard_again)
        heard_look(s);
}
