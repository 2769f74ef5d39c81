/* SPDX-License-Identifier: Apache-2.0 */
/* hub - see hub.h. Nothing is compiled for a hub that runs: a look at it must also work while its
 * configuration is being edited. */
#include "hub.h"
#include "cli.h"
#include "base/util.h"
#include "config/config.h"
#include "supervisor/supervisor.h"
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define CONNECT_MS 3000u
#define BROKER_MS  10000u /* over a network, and perhaps not the first of them */
#define ASK_MS     5000u

bool hub_options_read(int argc, char **argv, const char *flag, bool *set, struct hub_options *ret)
{
    const struct option options[] = {{"config", required_argument, NULL, 'c'},
                                     {"data", required_argument, NULL, 'd'},
                                     {flag, no_argument, NULL, 'f'},
                                     {NULL, 0, NULL, 0}};
    int c;
    *ret = (struct hub_options){0};
    *set = false;
    while ((c = getopt_long(argc, argv, "c:", options, NULL)) != -1) {
        if (c == 'c')
            ret->config = optarg;
        else if (c == 'd')
            ret->data = optarg;
        else if (c == 'f')
            *set = true;
        else
            return false;
    }
    return true;
}

int hub_open(const struct hub_options *o, struct hub *h, struct err *e)
{
    char data[PATH_MAX];
    int r = 0;
    memset(h, 0, sizeof *h);
    h->config = o->config;
    h->found = !o->data;
    if (!o->data)
        r = cli_data_dir(cli_config_path(o->config), data, sizeof data, e);
    if (r < 0)
        return r;
    if (!realpath(o->data ? o->data : data, h->data))
        return err_set(e, -errno, "data-directory", "%s: %s", o->data ? o->data : data,
                       strerror(errno));
    (void)snprintf(data, sizeof data, "%.*s/run", PATH_MAX - 8, h->data);
    if (!realpath(data, h->run)) /* never started; whoever needs it will say so */
        memcpy(h->run, data, strlen(data) + 1);
    (void)snprintf(h->journal, sizeof h->journal, "%.*s/journal", PATH_MAX - 16, h->data);
    return 0;
}

static int admin_token(const struct hub *h, char out[SHA256_HEX], struct err *e)
{
    _cleanup_free_ char *path = path_join(h->data, "key"), *key = NULL;
    size_t len = 0;
    int r = path ? read_file(path, SHA256_LEN, &key, &len) : -ENOMEM;
    if (r == 0 && len != SHA256_LEN)
        r = -EINVAL;
    if (r < 0)
        return err_set(e, r, "data-key", "%s/key: %s", h->data, strerror(-r));
    uint8_t bytes[SHA256_LEN];
    memcpy(bytes, key, sizeof bytes);
    config_token(bytes, "admin", out);
    explicit_bzero(bytes, sizeof bytes);
    explicit_bzero(key, len);
    return 0;
}

static struct tree *admin_part(const char *socket, const char *token)
{
    struct tree *t = tree_map();
    int r = t ? tree_puts(t, "engine", "spool") : -ENOMEM;
    if (r == 0)
        r = tree_puts(t, "socket", socket);
    if (r == 0)
        r = tree_puts(t, "name", "admin");
    if (r == 0)
        r = tree_puts(t, "token", token);
    if (r < 0) {
        tree_free(t);
        return NULL;
    }
    return t;
}

static int no_hub(const struct hub *h, const char *more, struct err *e)
{
    return err_set(e, -ECONNREFUSED, "not-running", "no hub is running in %s%s", h->data, more);
}

/* What is at work there; *ret NULL: nobody, or the spool. */
static int ask_running(const struct hub *h, struct tree **ret, bool *ret_running, struct err *e)
{
    struct tree *request = tree_map(), *said = NULL;
    int r = request ? tree_puts(request, "command", "transport") : -ENOMEM;
    r = r < 0 ? err_set(e, r, "memory", "out of memory")
              : control_call(h->data, request, ASK_MS, &said, e);
    tree_free(request);
    *ret_running = r == 0;
    if (r < 0) /* whoever answers for the queues may still be there */
        return r == -ENOMEM ? r : 0;
    if (r == 0 && strcmp(tree_gets(said, "kind", "spool"), "spool") != 0) {
        *ret = tree_copy(tree_get(said, "transport"));
        r = *ret
                ? 0
                : err_set(e, -EIO, "no-answer", "the supervisor does not say where the queues are");
    }
    tree_free(said);
    return r;
}

/* The same of the configuration, if it is that of this data directory. */
static struct tree *ask_configured(const struct hub *h)
{
    struct diagnostics d = {0};
    struct tree *plan = NULL, *part = NULL;
    char data[PATH_MAX];
    if (cli_compile(cli_config_path(h->config), 0, &d, &plan, NULL) == 0 &&
        realpath(tree_gets(plan, "data", ""), data) && strcmp(data, h->data) == 0)
        part = tree_copy(tree_get(cli_part_of(plan, "amqp"), "transport"));
    diagnostics_done(&d);
    tree_free(plan);
    return part;
}

static int spool_part(const struct hub *h, struct tree **ret, struct err *e)
{
    char token[SHA256_HEX];
    struct stat st;
    _cleanup_free_ char *socket = path_join(h->run, "spool.sock");
    if (!socket)
        return err_set(e, -ENOMEM, "memory", "out of memory");
    if (stat(socket, &st) < 0)
        return no_hub(h, "", e);
    int r = admin_token(h, token, e);
    if (r == 0 && !(*ret = admin_part(socket, token)))
        r = err_set(e, -ENOMEM, "memory", "out of memory");
    return r;
}

int hub_transport(const struct hub *h, struct transport **ret, struct err *e)
{
    static const struct transport_events none;
    struct transport *t = NULL;
    struct tree *part = NULL;
    bool running = false;
    int r = ask_running(h, &part, &running, e);
    if (r == 0 && !part && !running)
        part = ask_configured(h);
    bool broker = part != NULL;
    if (r == 0 && !part)
        r = spool_part(h, &part, e);
    if (r == 0)
        r = transport_open(part, &none, &t, e);
    tree_free(part);
    if (r < 0)
        return r;
    struct err why;
    if (transport_wait_usable(t, broker ? BROKER_MS : CONNECT_MS, &why) < 0) {
        transport_close(t);
        return err_set(e, -ECONNREFUSED, "not-running", "the queue of %s does not answer: %s",
                       h->data, why.text);
    }
    *ret = t;
    return 0;
}

/* The running hub's own words; NULL: none runs. */
static struct tree *ping(const struct hub *h)
{
    struct tree *request = tree_map(), *said = NULL;
    struct err e;
    if (tree_puts(request, "command", "ping") < 0 ||
        control_call(h->data, request, ASK_MS, &said, &e) < 0)
        said = NULL;
    tree_free(request);
    return said;
}

static struct tree *configured_machines(const struct hub *h)
{
    struct tree *all = NULL;
    struct err e;
    return cli_place(h->config, NULL, &all, &e) == 0 ? all : NULL;
}

int hub_machines(const struct hub *h, char **ret_machine, struct tree **ret_all, struct err *e)
{
    struct tree *said = ping(h);
    const char *name = tree_gets(said, "machine", getenv("REEVE_MACHINE"));
    struct tree *all = said       ? tree_copy(tree_get(said, "machines"))
                       : h->found ? configured_machines(h)
                                  : NULL;
    char *machine = name && all && all->n > 0 ? strdup(name) : NULL;
    bool lost = name && all && all->n > 0 && !machine;
    tree_free(said);
    if (ret_machine && machine)
        *ret_machine = TAKE_PTR(machine);
    if (ret_all && all && all->n > 0)
        *ret_all = TAKE_PTR(all);
    free(machine);
    tree_free(all);
    return lost ? err_set(e, -ENOMEM, "memory", "out of memory") : 0;
}

int hub_journal(const struct hub *h, struct journal **ret, struct err *e)
{
    _cleanup_free_ char *path = path_join(h->journal, "operator.db");
    return path ? journal_open(path, "operator", ret, e)
                : err_set(e, -ENOMEM, "memory", "out of memory");
}
