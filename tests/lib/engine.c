/* SPDX-License-Identifier: Apache-2.0 */
/* engine - see engine.h: what is the same for every engine. */
#include "lib/engine.h"
#include "lib/engine_kind.h"
#include "lib/patience.h"
#include "base/util.h"
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

static const struct engine_kind *kind(void)
{
    return strcmp(engine_name(), "amqp") == 0 ? &engine_amqp : &engine_spool;
}

const char *engine_name(void)
{
    const char *s = getenv("REEVE_ENGINE");
    if (s && strcmp(s, "spool") != 0 && strcmp(s, "amqp") != 0) {
        (void)fprintf(stderr, "REEVE_ENGINE is spool or amqp, not %s\n", s);
        exit(2);
    }
    return s ? s : "spool";
}

struct tree *engine_dest_list(const struct engine *g)
{
    struct tree *dests = tree_list();
    for (size_t i = 0; i < g->n && dests; i++) {
        const struct engine_dest *d = &g->dests[i];
        struct tree *one = tree_map();
        (void)tree_puts(one, "name", d->name);
        (void)tree_puts(one, "order", d->strict ? "strict" : "free");
        (void)tree_putu(one, "limit_messages", d->limit_messages);
        (void)tree_putu(one, "limit_bytes", d->limit_bytes);
        (void)tree_append(dests, one);
    }
    return dests;
}

int engine_init(struct engine *g, const struct engine_dest *dests)
{
    const char *tmp = getenv("TMPDIR");
    *g = (struct engine){.pid = -1};
    (void)snprintf(g->dir, sizeof g->dir, "%s/reeve-engine-XXXXXX", tmp ? tmp : "/tmp");
    if (!mkdtemp(g->dir)) {
        perror(g->dir);
        return -1;
    }
    for (; dests[g->n].name && g->n < ENGINE_DESTS; g->n++)
        g->dests[g->n] = dests[g->n];
    return kind()->init(g);
}

int engine_start(struct engine *g)
{
    return kind()->start(g);
}

void engine_kill(struct engine *g)
{
    (void)kind()->end(g, SIGKILL);
}

int engine_stop(struct engine *g)
{
    return kind()->end(g, SIGTERM);
}

void engine_done(struct engine *g)
{
    kind()->clean(g);
    (void)rmdir(g->dir);
}

unsigned engine_wait_ms(void)
{
    return patience_ms(kind()->wait_ms);
}

long engine_rss_limit_kb(void)
{
    return kind()->rss_limit_kb;
}

bool engine_tells(const char *figure)
{
    const char *const *untold = kind()->untold;
    for (size_t i = 0; untold && untold[i]; i++)
        if (strcmp(untold[i], figure) == 0)
            return false;
    return true;
}

long engine_rss_kb(const struct engine *g)
{
    char path[64], *text = NULL;
    size_t len = 0;
    long kb = -1;
    (void)snprintf(path, sizeof path, "/proc/%d/status", (int)g->pid);
    if (read_file(path, 65536, &text, &len) == 0) {
        const char *p = strstr(text, "VmRSS:");
        if (p)
            kb = strtol(p + 6, NULL, 10);
    }
    free(text);
    return kb;
}

struct transport *engine_open(struct engine *g, const char *name,
                              const struct transport_events *events)
{
    struct tree *t = tree_map();
    struct transport *ret = NULL;
    struct err e = {.text = "out of memory"};
    if (!t || kind()->part(g, name, t) < 0 || transport_open(t, events, &ret, &e) < 0) {
        (void)fprintf(stderr, "transport_open: %s\n", e.text);
        ret = NULL;
    }
    tree_free(t);
    return ret;
}

void engine_run(struct transport *t, const unsigned *flag, unsigned want, unsigned ms)
{
    uint64_t until = mono_ms() + ms;
    while ((!flag || *flag < want) && mono_ms() < until) {
        struct pollfd p = {.events = 0};
        uint64_t wait = transport_timeout(t), left = until - mono_ms();
        p.fd = transport_fd(t, &p.events);
        wait = wait < left ? wait : left;
        (void)poll(&p, 1, wait > 50 ? 50 : (int)wait);
        if (transport_run(t) < 0)
            return;
    }
}
