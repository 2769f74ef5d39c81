/* SPDX-License-Identifier: Apache-2.0 */
/* load - what the benches of the transport share: a client that counts what it hears of and settles
 * every job as done, and numbers from the environment. */
#ifndef BENCH_LOAD_H
#define BENCH_LOAD_H
#include "base/util.h"
#include "transport/transport.h"
#include <stdio.h>

struct load {
    struct transport *t; /* whose jobs are settled */
    unsigned confirmed, failed, settled;
};

static void load_confirmed(void *arg, uint64_t tag)
{
    struct load *l = arg;
    (void)tag;
    l->confirmed++;
}

static void load_failed(void *arg, uint64_t tag, const struct err *why)
{
    struct load *l = arg;
    (void)tag;
    if (l->failed++ == 0)
        (void)fprintf(stderr, "failed: %s\n", why->text);
}

static void load_job(void *arg, struct transport_job *job)
{
    struct load *l = arg;
    (void)transport_settle(l->t, job, SETTLE_DONE, 0, NULL, NULL);
}

static void load_settled(void *arg, uint64_t handle)
{
    struct load *l = arg;
    (void)handle;
    l->settled++;
}

static struct transport_events load_events(struct load *l)
{
    return (struct transport_events){.arg = l,
                                     .confirmed = load_confirmed,
                                     .failed = load_failed,
                                     .job = load_job,
                                     .settled = load_settled};
}

/* 1 to max; anything else is `otherwise`. */
static unsigned setting(const char *name, unsigned otherwise, unsigned max)
{
    int64_t v = 0;
    const char *text = getenv(name);
    return text && parse_i64(text, &v) == 0 && v > 0 && v <= (int64_t)max ? (unsigned)v : otherwise;
}

#endif
