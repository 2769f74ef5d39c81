/* SPDX-License-Identifier: Apache-2.0 */
/* spool_client_consume - subscriptions, jobs and their settlement.
 *
 * A job belongs to the connection it came on (its epoch). When that is lost the spool gives the
 * message to somebody else, so a settlement of the old job must not travel on the new connection:
 * it answers -ESTALE. The job's memory stays until the caller settles it or closes the transport.
 * Plain DONE settlements collect into one frame for each run. */
#include "spool_client.h"
#include "base/util.h"
#include <errno.h>
#include <string.h>

static struct sc_sub *find_sub(struct spool_client *c, const char *destination, size_t *ret_i)
{
    for (size_t i = 0; i < c->subs_n; i++) {
        if (strcmp(c->subs[i]->destination, destination) == 0) {
            *ret_i = i;
            return c->subs[i];
        }
    }
    return NULL;
}

static int send_consume(struct spool_client *c, size_t i)
{
    const struct sc_sub *s = c->subs[i];
    buf_reset(&c->scratch);
    int r = pack_u32(&c->scratch, (uint32_t)i);
    r = r < 0 ? r : pack_u32(&c->scratch, s->prefetch);
    r = r < 0 ? r : pack_str(&c->scratch, s->destination);
    return r < 0 ? r : channel_send(c->channel, SPOOL_CONSUME, 0, c->scratch.p, c->scratch.len, -1);
}

static int send_pause(struct spool_client *c, size_t i)
{
    buf_reset(&c->scratch);
    int r = pack_u32(&c->scratch, (uint32_t)i);
    r = r < 0 ? r : pack_u8(&c->scratch, c->subs[i]->paused);
    return r < 0 ? r : channel_send(c->channel, SPOOL_PAUSE, 0, c->scratch.p, c->scratch.len, -1);
}

int sc_consume(struct transport *t, const char *destination, uint32_t prefetch)
{
    struct spool_client *c = (struct spool_client *)t;
    size_t i = 0, len = strlen(destination);
    if (prefetch == 0 || prefetch > SPOOL_PREFETCH_MAX || len == 0 || len >= SPOOL_NAME_MAX)
        return -EINVAL;
    if (find_sub(c, destination, &i))
        return -EEXIST;
    void *p = c->subs;
    int r = grow_array(&p, &c->subs_cap, c->subs_n + 1, sizeof(struct sc_sub *));
    c->subs = p;
    struct sc_sub *s = r < 0 ? NULL : xcalloc(1, sizeof *s);
    if (!s)
        return -ENOMEM;
    s->prefetch = prefetch;
    s->destination = strdup(destination);
    if (!s->destination) {
        free(s);
        return -ENOMEM;
    }
    c->subs[c->subs_n++] = s;
    return c->state == SC_UP ? send_consume(c, c->subs_n - 1) : 0;
}

int sc_pause(struct transport *t, const char *destination, bool paused)
{
    struct spool_client *c = (struct spool_client *)t;
    size_t i = 0;
    struct sc_sub *s = find_sub(c, destination, &i);
    if (!s)
        return -ENOENT;
    if (s->paused == paused)
        return 0;
    s->paused = paused;
    return c->state == SC_UP ? send_pause(c, i) : 0;
}

int sc_consume_again(struct spool_client *c)
{
    int r = 0;
    for (size_t i = 0; i < c->subs_n && r == 0; i++) {
        r = send_consume(c, i);
        if (r == 0 && c->subs[i]->paused)
            r = send_pause(c, i);
    }
    return r;
}

int sc_job(struct spool_client *c, const struct frame *f)
{
    struct spool_job in;
    if (spool_get_job(f, &in) < 0 || in.sub >= c->subs_n)
        return -EPROTO;
    struct sc_job *j = malloc(sizeof *j + in.id.len + in.event.len + 2);
    if (!j)
        return -ENOMEM; /* the connection is given up; the spool delivers again, uncharged */
    char *event = j->data + in.id.len + 1;
    memcpy(j->data, in.id.p, in.id.len);
    j->data[in.id.len] = '\0';
    memcpy(event, in.event.p, in.event.len);
    event[in.event.len] = '\0';
    j->job = (struct transport_job){.destination = c->subs[in.sub]->destination,
                                    .id = j->data,
                                    .bytes = event,
                                    .len = in.event.len,
                                    .attempts = in.attempts,
                                    .first_ms = in.first_ms,
                                    .handle = in.handle,
                                    .epoch = c->epoch};
    j->prev = NULL;
    j->next = c->jobs;
    if (c->jobs)
        c->jobs->prev = j;
    c->jobs = j;
    c->base.events.job(c->base.events.arg, &j->job);
    return 0;
}

static void forget(struct spool_client *c, struct sc_job *j)
{
    if (j->prev)
        j->prev->next = j->next;
    else
        c->jobs = j->next;
    if (j->next)
        j->next->prev = j->prev;
    free(j);
}

static int send_settle(struct spool_client *c, uint64_t handle, enum settle how, uint64_t delay_ms,
                       const char *code, const char *text)
{
    buf_reset(&c->scratch);
    int r = pack_u64(&c->scratch, handle);
    r = r < 0 ? r : pack_u8(&c->scratch, (uint8_t)how);
    r = r < 0 ? r : pack_u64(&c->scratch, delay_ms);
    r = r < 0 ? r : spool_put_words(&c->scratch, code, text);
    return r < 0 ? r : channel_send(c->channel, SPOOL_SETTLE, 0, c->scratch.p, c->scratch.len, -1);
}

int sc_settle(struct transport *t, struct transport_job *job, enum settle how, uint64_t delay_ms,
              const char *code, const char *text)
{
    struct spool_client *c = (struct spool_client *)t;
    struct sc_job *j = (struct sc_job *)job;
    uint64_t handle = job->handle;
    bool stale = job->epoch != c->epoch || c->state != SC_UP;
    forget(c, j);
    if (stale)
        return -ESTALE;
    int r = how == SETTLE_DONE ? pack_u64(&c->done, handle)
                               : send_settle(c, handle, how, delay_ms, code, text);
    if (r <
        0) { /* unsaid settlements must not hold the message for ever: a new connection frees it */
        sc_lost(c, "out of memory");
        return -ESTALE;
    }
    return 0;
}

int sc_send_done(struct spool_client *c)
{
    if (c->done.len == 0 || c->state != SC_UP)
        return 0;
    int r = channel_send(c->channel, SPOOL_DONE, 0, c->done.p, c->done.len, -1);
    buf_reset(&c->done);
    return r;
}

int sc_settled(struct spool_client *c, const struct frame *f)
{
    size_t n = 0;
    int r = sc_take_list(c, f, &n);
    for (size_t i = 0; i < n && r == 0 && c->base.events.settled; i++)
        c->base.events.settled(c->base.events.arg, c->list[i]);
    return r;
}

void sc_consume_done(struct spool_client *c)
{
    while (c->jobs)
        forget(c, c->jobs);
    for (size_t i = 0; i < c->subs_n; i++) {
        free(c->subs[i]->destination);
        free(c->subs[i]);
    }
    free(c->subs);
}
