/* SPDX-License-Identifier: Apache-2.0 */
/* engine_amqp - RabbitMQ for tests: see engine.h. The node is started by contrib/servers/rabbitmq
 * (seen from the current directory, or REEVE_SOURCE); a child of ours that outlives the program
 * removes it. */
#include "lib/engine_amqp.h"
#include "lib/engine_kind.h"
#include "base/buf.h"
#include "base/util.h"
#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

extern char **environ;
static struct {
    char dir[128];
    pid_t pid;
    unsigned amqp, tls, management;
} node;

static int script(const char *what)
{
    static char path[512], verb[16];
    const char *source = getenv("REEVE_SOURCE");
    char *arg[] = {path, verb, node.dir, NULL};
    posix_spawn_file_actions_t quiet;
    pid_t pid;
    int status = -1;
    (void)snprintf(path, sizeof path, "%s/contrib/servers/rabbitmq", source ? source : ".");
    (void)snprintf(verb, sizeof verb, "%s", what);
    (void)posix_spawn_file_actions_init(&quiet);
    (void)posix_spawn_file_actions_addopen(&quiet, 1, "/dev/null", O_WRONLY, 0);
    int r = posix_spawn(&pid, path, &quiet, NULL, arg, environ);
    (void)posix_spawn_file_actions_destroy(&quiet);
    if (r != 0) {
        (void)fprintf(stderr, "%s: %s\n", path, strerror(r));
        return -1;
    }
    (void)waitpid(pid, &status, 0);
    return status == 0 ? 0 : -1;
}

/* Waits for the end of this program, then removes the node. */
static int leave_a_sweeper(void)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0)
        return -1;
    pid_t pid = fork();
    if (pid == 0) {
        char c;
        (void)setsid();
        (void)close(ends[1]);
        while (read(ends[0], &c, 1) < 0 && errno == EINTR)
            continue;
        _exit(script("remove") < 0);
    }
    (void)close(ends[0]);
    return pid < 0 ? -1 : 0; /* ends[1] stays open as long as we live */
}

static int read_node(void)
{
    char *path = path_join(node.dir, "node.json"), *text = NULL;
    struct tree *t = NULL;
    struct err e;
    size_t len = 0;
    int r =
        path && read_file(path, 65536, &text, &len) == 0 ? tree_from_json(text, len, &t, &e) : -1;
    node.pid = (pid_t)tree_getu(t, "pid", 0);
    node.amqp = (unsigned)tree_getu(t, "amqp", 0);
    node.tls = (unsigned)tree_getu(t, "tls", 0);
    node.management = (unsigned)tree_getu(t, "management", 0);
    tree_free(t);
    free(text);
    free(path);
    return r;
}

static int node_up(void)
{
    const char *given = getenv("REEVE_RABBITMQ"), *tmp = getenv("TMPDIR");
    if (!*node.dir && given) {
        (void)snprintf(node.dir, sizeof node.dir, "%s", given);
    } else if (!*node.dir) {
        (void)snprintf(node.dir, sizeof node.dir, "%s/reeve-rabbit-XXXXXX", tmp ? tmp : "/tmp");
        if (!mkdtemp(node.dir) || leave_a_sweeper() < 0) {
            perror(node.dir);
            return -1;
        }
    }
    return script("start") < 0 ? -1 : read_node();
}

static size_t take(char *p, size_t size, size_t n, void *arg)
{
    return buf_add(arg, p, size * n) == 0 ? size * n : 0;
}

long engine_amqp_api(const char *method, const char *path, const char *body, struct buf *answer)
{
    char url[512];
    long status = -1;
    struct buf none = BUF_INIT(1u << 20);
    CURL *c = curl_easy_init();
    struct curl_slist *type = curl_slist_append(NULL, "Content-Type: application/json");
    if (!c || !type)
        return -1;
    (void)snprintf(url, sizeof url, "http://127.0.0.1:%u/api/%s", node.management, path);
    (void)curl_easy_setopt(c, CURLOPT_URL, url);
    (void)curl_easy_setopt(c, CURLOPT_USERPWD, "guest:guest");
    (void)curl_easy_setopt(c, CURLOPT_CUSTOMREQUEST, method);
    (void)curl_easy_setopt(c, CURLOPT_HTTPHEADER, type);
    (void)curl_easy_setopt(c, CURLOPT_TIMEOUT, 30L);
    (void)curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
    (void)curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, take);
    (void)curl_easy_setopt(c, CURLOPT_WRITEDATA, answer ? answer : &none);
    if (body)
        (void)curl_easy_setopt(c, CURLOPT_POSTFIELDS, body);
    CURLcode r = curl_easy_perform(c);
    (void)curl_easy_getinfo(c, CURLINFO_RESPONSE_CODE, &status);
    if (r != CURLE_OK || (status >= 400 && status != 404))
        (void)fprintf(stderr, "%s %s: %s, %ld %s\n", method, path, curl_easy_strerror(r), status,
                      buf_str(answer ? answer : &none));
    curl_slist_free_all(type);
    curl_easy_cleanup(c);
    buf_done(&none);
    return r == CURLE_OK ? status : -1;
}

int engine_amqp_ctl(const char *arguments)
{
    char line[1024];
    const char *source = getenv("REEVE_SOURCE");
    int n = snprintf(line, sizeof line, "%s/contrib/servers/rabbitmq ctl %s %s >/dev/null",
                     source ? source : ".", node.dir, arguments);
    return n < (int)sizeof line && system(line) == 0 ? 0 : -1;
}

/* ---- users and rights ---- */

/* RabbitMQ's hash of a password: base64(salt + sha256(salt + password)). */
static void password_hash(const char *password, char out[64])
{
    unsigned char bytes[4 + 32], salted[4 + SHA256_HEX] = {1, 2, 3, 4};
    size_t len = strlen(password);
    memcpy(bytes, salted, 4);
    memcpy(salted + 4, password, len);
    unsigned n = 0;
    (void)EVP_Digest(salted, 4 + len, bytes + 4, &n, EVP_sha256(), NULL);
    (void)EVP_EncodeBlock((unsigned char *)out, bytes, sizeof bytes);
}

static int add_user(struct tree *users, struct tree *rights, const char *name, bool publish,
                    bool admin, const char *const *consume, size_t n)
{
    struct tree *u = tree_map(), *p = tree_map(), *c = tree_list();
    char token[SHA256_HEX], hash[64];
    password_hash(engine_token(name, token), hash);
    int r = tree_puts(u, "name", name);
    r = r < 0 ? r : tree_puts(u, "password_hash", hash);
    r = r < 0 ? r : tree_puts(u, "hashing_algorithm", "rabbit_password_hashing_sha256");
    r = r < 0 ? r : tree_put(u, "tags", tree_list());
    r = r < 0 ? r : tree_append(users, u);
    r = r < 0 ? r : tree_puts(p, "name", name);
    r = r < 0 ? r : tree_putb(p, "publish", publish);
    r = r < 0 ? r : tree_putb(p, "admin", admin);
    for (size_t i = 0; i < n && r == 0; i++)
        r = tree_appends(c, consume[i]);
    r = r < 0 ? r : tree_put(p, "consume", c);
    return r < 0 ? r : tree_append(rights, p);
}

static int make_users(const struct engine *g, struct tree *users, struct tree *rights)
{
    const char *names[ENGINE_DESTS];
    int r = 0;
    for (size_t i = 0; i < g->n && r == 0; i++) {
        char name[128];
        names[i] = g->dests[i].name;
        (void)snprintf(name, sizeof name, "%s.deliver", names[i]);
        r = add_user(users, rights, name, false, false, &names[i], 1);
    }
    r = r < 0 ? r : add_user(users, rights, "all", true, true, names, g->n);
    return r < 0 ? r : add_user(users, rights, "source", true, false, NULL, 0);
}

static int allow_guest(const struct engine *g, struct tree *permissions)
{
    struct tree *t = tree_map();
    int r = tree_puts(t, "user", "guest");
    r = r < 0 ? r : tree_puts(t, "vhost", g->vhost);
    r = r < 0 ? r : tree_puts(t, "configure", ".*");
    r = r < 0 ? r : tree_puts(t, "write", ".*");
    r = r < 0 ? r : tree_puts(t, "read", ".*");
    return r < 0 ? r : tree_append(permissions, t);
}

/* The virtual host, the users and the rights that the topology's document gives them. */
static int import_users(const struct engine *g, const struct amqp_place *place)
{
    static const char *const taken[] = {"vhosts", "permissions", "topic_permissions"};
    struct tree *users = tree_list(), *rights = tree_list(), *top = NULL, *out = tree_map();
    struct buf b = BUF_INIT(1u << 20);
    struct err e = {.text = "out of memory"};
    int r = make_users(g, users, rights);
    r = r < 0 ? r : amqp_topology_json(place, rights, &top, &e);
    for (size_t i = 0; i < ARRAY_SIZE(taken) && r == 0; i++)
        r = tree_put(out, taken[i], tree_copy(tree_get(top, taken[i])));
    struct tree *permissions = NULL;
    for (size_t i = 0; r == 0 && i < out->n; i++)
        if (strcmp(out->key[i]->text, "permissions") == 0)
            permissions = out->child[i];
    r = r < 0 ? r : allow_guest(g, permissions);
    r = r < 0 ? r : tree_put(out, "users", tree_copy(users));
    r = r < 0 ? r : tree_to_json(out, &b, false);
    if (r < 0)
        (void)fprintf(stderr, "users for the broker: %s\n", e.text);
    else
        r = engine_amqp_api("POST", "definitions", b.p, NULL) == 204 ? 0 : -1;
    buf_done(&b);
    tree_free(users);
    tree_free(rights);
    tree_free(top);
    tree_free(out);
    return r;
}

/* ---- the fixture ---- */

/* Since init(). The workers that dead-letter in RabbitMQ 3.10 are busy for a while after a restart;
 * a few whose queue is deleted then take their supervisor along, and no queue with
 * at-least-once dead-lettering can be declared until the next restart (541). */
static bool restarted;

static int add_broker(struct tree *part, const char *host, unsigned port)
{
    struct tree *list = tree_list(), *t = tree_map();
    int r = tree_puts(t, "host", host);
    r = r < 0 ? r : tree_putu(t, "port", port);
    r = r < 0 ? r : tree_append(list, t);
    return r < 0 ? r : tree_put(part, "brokers", list);
}

static int part_of(struct engine *g, const char *user, const char *password, struct tree *t)
{
    const char *queue = getenv("REEVE_AMQP_QUEUE");
    int r = tree_puts(t, "engine", "amqp");
    r = r < 0 ? r : add_broker(t, "127.0.0.1", node.amqp);
    r = r < 0 ? r : tree_puts(t, "vhost", g->vhost);
    r = r < 0 ? r : tree_puts(t, "user", user);
    r = r < 0 ? r : tree_puts(t, "password", password);
    r = r < 0 ? r : tree_puts(t, "name", user);
    r = r < 0 ? r : tree_puts(t, "queue", queue ? queue : "quorum");
    if (r == 0 && g->message_max)
        r = tree_putu(t, "message_max", g->message_max);
    return r < 0 ? r : tree_put(t, "destinations", engine_dest_list(g));
}

static int part(struct engine *g, const char *name, struct tree *t)
{
    char token[SHA256_HEX];
    return part_of(g, name, engine_token(name, token), t);
}

int engine_amqp_place(struct engine *g, const char *name, struct amqp_place *ret)
{
    struct tree *t = tree_map();
    struct err e = {.text = "out of memory"};
    int r = strcmp(name, "guest") == 0 ? part_of(g, "guest", "guest", t) : part(g, name, t);
    r = r < 0 ? r : amqp_place_read(t, ret, &e);
    tree_free(t);
    if (r < 0)
        (void)fprintf(stderr, "place of %s: %s\n", name, e.text);
    return r;
}

unsigned engine_amqp_port(bool tls)
{
    return tls ? node.tls : node.amqp;
}

const char *engine_amqp_dir(void)
{
    return node.dir;
}

static int init(struct engine *g)
{
    static unsigned number;
    (void)snprintf(g->vhost, sizeof g->vhost, "test-%d-%u", (int)getpid(), ++number);
    restarted = false;
    return 0;
}

static int start(struct engine *g)
{
    struct amqp_place place;
    struct err e;
    if (node_up() < 0 || engine_amqp_place(g, "guest", &place) < 0)
        return -1;
    g->pid = node.pid;
    int r = import_users(g, &place);
    if (r == 0 && (r = amqp_topology_declare(&place, &e)) < 0)
        (void)fprintf(stderr, "declaring: %s\n", e.text);
    amqp_place_done(&place);
    return r;
}

static int end(struct engine *g, int sig)
{
    g->pid = -1;
    restarted = true;
    return script(sig == SIGKILL ? "kill" : "stop");
}

static void clean(struct engine *g)
{
    char path[128];
    (void)snprintf(path, sizeof path, "vhosts/%s", g->vhost);
    if (g->pid > 0 && !restarted) /* else it goes with the node */
        (void)engine_amqp_api("DELETE", path, NULL, NULL);
}

static const char *const untold[] = {"bytes", "stored_bytes", "oldest_ms", NULL};
const struct engine_kind engine_amqp = {.init = init,
                                        .start = start,
                                        .end = end,
                                        .clean = clean,
                                        .part = part,
                                        .wait_ms = 20000,
                                        /* RabbitMQ's own business: what the node may have */
                                        .rss_limit_kb = 1000000,
                                        .untold = untold};
