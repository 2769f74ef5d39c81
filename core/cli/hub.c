/* SPDX-License-Identifier: Apache-2.0 */
/* hub - see hub.h. Nothing is compiled for it: a look at a hub must also work while its
 * configuration is being edited. */
#include "hub.h"
#include "cli.h"
#include "base/util.h"
#include "config/config.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define CONNECT_MS 3000u

int hub_open(const struct hub_options *o, struct hub *h, struct err *e)
{
    char data[PATH_MAX];
    int r = 0;
    memset(h, 0, sizeof *h);
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

int hub_transport(const struct hub *h, struct transport **ret, struct err *e)
{
    static const struct transport_events none;
    char token[SHA256_HEX];
    struct stat st;
    _cleanup_free_ char *socket = path_join(h->run, "spool.sock");
    if (!socket)
        return err_set(e, -ENOMEM, "memory", "out of memory");
    if (stat(socket, &st) < 0)
        return err_set(e, -ECONNREFUSED, "not-running", "no hub is running in %s", h->data);
    int r = admin_token(h, token, e);
    if (r < 0)
        return r;
    struct tree *part = admin_part(socket, token);
    struct transport *t = NULL;
    r = part ? transport_open(part, &none, &t, e) : err_set(e, -ENOMEM, "memory", "out of memory");
    tree_free(part);
    if (r < 0)
        return r;
    struct err why;
    if (transport_wait_usable(t, CONNECT_MS, &why) < 0) {
        transport_close(t);
        return err_set(e, -ECONNREFUSED, "not-running", "the queue of %s does not answer: %s",
                       h->data, why.text);
    }
    *ret = t;
    return 0;
}

int hub_journal(const struct hub *h, struct journal **ret, struct err *e)
{
    _cleanup_free_ char *path = path_join(h->journal, "operator.db");
    return path ? journal_open(path, "operator", ret, e)
                : err_set(e, -ENOMEM, "memory", "out of memory");
}
