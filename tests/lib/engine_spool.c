/* SPDX-License-Identifier: Apache-2.0 */
/* engine_spool - the embedded engine for tests: REEVE_BUILD/reeve-spool (default build/debug) on a
 * directory under TMPDIR. See engine.h. */
#include "base/buf.h"
#include "base/util.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include "lib/engine_kind.h"

extern char **environ;

static int add_right(struct tree *list, const char *name, bool publish, bool admin,
                     const char *const *consume, size_t n)
{
    struct tree *t = tree_map(), *c = tree_list();
    char token[SHA256_HEX], digest[SHA256_HEX];
    (void)engine_token(name, token);
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
    struct tree *t = tree_map(), *rights = tree_list();
    const char *names[ENGINE_DESTS];
    (void)tree_puts(t, "kind", "spool");
    (void)tree_puts(t, "name", "spool");
    (void)tree_puts(t, "data", g->dir);
    (void)tree_puts(t, "socket", g->socket);
    if (g->message_max)
        (void)tree_putu(t, "message_max", g->message_max);
    for (size_t i = 0; i < g->n; i++) {
        const struct engine_dest *d = &g->dests[i];
        char name[128];
        names[i] = d->name;
        (void)snprintf(name, sizeof name, "%s.deliver", d->name);
        (void)add_right(rights, name, false, false, &d->name, 1);
    }
    (void)add_right(rights, "all", true, true, names, g->n);
    (void)add_right(rights, "source", true, false, NULL, 0);
    (void)tree_put(t, "destinations", engine_dest_list(g));
    (void)tree_put(t, "rights", rights);
    return t;
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

static int start(struct engine *g)
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

static int init(struct engine *g)
{
    (void)snprintf(g->socket, sizeof g->socket, "%s/spool.sock", g->dir);
    (void)snprintf(g->part, sizeof g->part, "%s/part.json", g->dir);
    return 0;
}

static void clean(struct engine *g)
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
}

static int part(struct engine *g, const char *name, struct tree *t)
{
    char token[SHA256_HEX];
    int r = tree_puts(t, "engine", "spool");
    r = r < 0 ? r : tree_puts(t, "socket", g->socket);
    r = r < 0 ? r : tree_puts(t, "name", name);
    return r < 0 ? r : tree_puts(t, "token", engine_token(name, token));
}

const struct engine_kind engine_spool = {.init = init,
                                         .start = start,
                                         .end = end,
                                         .clean = clean,
                                         .part = part,
                                         .wait_ms = 5000,
                                         .rss_limit_kb = 64000};
