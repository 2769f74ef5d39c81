/* SPDX-License-Identifier: Apache-2.0 */
/* engine - see engine.h. The spool: REEVE_BUILD/reeve-spool (default build/debug) on a directory
 * under TMPDIR. */
#include "lib/engine.h"
#include "base/buf.h"
#include "base/digest.h"
#include "base/util.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

extern char **environ;

static const char *token_of(const char *name, char out[SHA256_HEX])
{
    sha256_hex(name, strlen(name), out); /* any secret will do here */
    return out;
}

static int add_right(struct tree *list, const char *name, bool publish, bool admin,
                     const char *const *consume, size_t n)
{
    struct tree *t = tree_map(), *c = tree_list();
    char token[SHA256_HEX], digest[SHA256_HEX];
    token_of(name, token);
    sha256_hex(token, strlen(token), digest);
    int r = tree_puts(t, "name", name);
    r = r < 0 ? r : tree_puts(t, "token_sha256", digest);
    r = r < 0 ? r : tree_putb(t, "publish", publish);
    r = r < 0 ? r : tree_putb(t, "admin", admin);
    for (size_t i = 0; i < n && r == 0; i++)
        r = tree_appends(c, consume[i]);
    r = r < 0 ? r : tree_put(t, "consume", c);
    return r < 0 ? r : tree_append(list, t);
}

static struct tree *make_part(const struct engine *g)
{
    struct tree *t = tree_map(), *dests = tree_list(), *rights = tree_list();
    const char *names[ENGINE_DESTS];
    (void)tree_puts(t, "kind", "spool");
    (void)tree_puts(t, "name", "spool");
    (void)tree_puts(t, "data", g->dir);
    (void)tree_puts(t, "socket", g->socket);
    if (g->message_max)
        (void)tree_putu(t, "message_max", g->message_max);
    for (size_t i = 0; i < g->n; i++) {
        const struct engine_dest *d = &g->dests[i];
        struct tree *one = tree_map();
        char name[128];
        names[i] = d->name;
        (void)tree_puts(one, "name", d->name);
        (void)tree_puts(one, "order", d->strict ? "strict" : "free");
        (void)tree_putu(one, "limit_messages", d->limit_messages);
        (void)tree_putu(one, "limit_bytes", d->limit_bytes);
        (void)tree_append(dests, one);
        (void)snprintf(name, sizeof name, "%s.deliver", d->name);
        (void)add_right(rights, name, false, false, &d->name, 1);
    }
    (void)add_right(rights, "all", true, true, names, g->n);
    (void)add_right(rights, "source", true, false, NULL, 0);
    (void)tree_put(t, "destinations", dests);
    (void)tree_put(t, "rights", rights);
    return t;
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
    (void)snprintf(g->socket, sizeof g->socket, "%s/spool.sock", g->dir);
    (void)snprintf(g->part, sizeof g->part, "%s/part.json", g->dir);
    for (; dests[g->n].name && g->n < ENGINE_DESTS; g->n++)
        g->dests[g->n] = dests[g->n];
    return 0;
}

static int write_part(const struct engine *g)
{
    struct buf b = BUF_INIT(1u << 20);
    struct tree *t = make_part(g);
    int fd = open(g->part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    int r = tree_to_json(t, &b, true);
    r = r < 0 ? r : fd < 0 ? -errno : write_all(fd, b.p, b.len);
    if (fd >= 0)
        (void)close(fd);
    buf_done(&b);
    tree_free(t);
    return r;
}

static int wait_ready(struct engine *g)
{
    struct transport_events none = {.arg = NULL};
    struct err e = {.text = ""};
    struct transport *t = engine_open(g, "all", &none);
    int r = t ? transport_wait_usable(t, 10000, &e) : -1;
    transport_close(t);
    if (r < 0)
        (void)fprintf(stderr, "the engine does not come up: %s\n", e.text);
    return r;
}

int engine_start(struct engine *g)
{
    const char *build = getenv("REEVE_BUILD");
    char path[512];
    if (write_part(g) < 0)
        return -1;
    (void)snprintf(path, sizeof path, "%s/reeve-spool", build ? build : "build/debug");
    char *arg[4] = {path, strdup("--part"), g->part, NULL};
    int r = posix_spawn(&g->pid, path, NULL, NULL, arg, environ);
    free(arg[1]);
    if (r != 0) {
        (void)fprintf(stderr, "%s: %s\n", path, strerror(r));
        g->pid = -1;
        return -1;
    }
    return wait_ready(g);
}

static int end(struct engine *g, int sig)
{
    int status = -1;
    if (g->pid > 0) {
        (void)kill(g->pid, sig);
        (void)waitpid(g->pid, &status, 0);
    }
    g->pid = -1;
    return status;
}

void engine_kill(struct engine *g)
{
    (void)end(g, SIGKILL);
}

int engine_stop(struct engine *g)
{
    return end(g, SIGTERM);
}

void engine_done(struct engine *g)
{
    static const char *const files[] = {"spool/spool.db",      "spool/spool.db-wal",
                                        "spool/spool.db-shm",  "spool/spool.lock",
                                        "spool/spool.reserve", "spool",
                                        "spool.sock",          "part.json"};
    if (g->pid > 0 && end(g, SIGTERM) != 0)
        (void)fprintf(stderr, "the engine did not end well\n");
    for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
        char *p = path_join(g->dir, files[i]);
        if (p)
            (void)remove(p);
        free(p);
    }
    (void)rmdir(g->dir);
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
    char token[SHA256_HEX];
    struct tree *t = tree_map();
    struct transport *ret = NULL;
    struct err e;
    (void)tree_puts(t, "engine", "spool");
    (void)tree_puts(t, "socket", g->socket);
    (void)tree_puts(t, "name", name);
    (void)tree_puts(t, "token", token_of(name, token));
    if (transport_open(t, events, &ret, &e) < 0) {
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
