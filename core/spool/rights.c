/* SPDX-License-Identifier: Apache-2.0 */
/* rights - see rights.h. The plan keeps digests only, so that reading it does not give anybody's
 * token. */
#include "rights.h"
#include "base/digest.h"
#include "base/util.h"
#include <errno.h>
#include <string.h>

struct rights {
    char *name;
    char token[SHA256_HEX];
    bool publish, admin;
    char **consume;
    size_t n;
};

struct rights_list {
    struct rights *r;
    size_t n;
};

static int read_consume(const struct tree *list, struct rights *r)
{
    if (!tree_is_list(list) || list->n == 0)
        return 0;
    r->consume = xcalloc(list->n, sizeof *r->consume);
    if (!r->consume)
        return -ENOMEM;
    for (size_t i = 0; i < list->n; i++) {
        const char *name = tree_text(list->child[i]);
        r->consume[r->n] = name ? strdup(name) : NULL;
        if (!r->consume[r->n])
            return name ? -ENOMEM : -EINVAL;
        r->n++;
    }
    return 0;
}

static int read_one(const struct tree *t, struct rights *r, struct err *e)
{
    const char *name = tree_gets(t, "name", NULL), *token = tree_gets(t, "token_sha256", NULL);
    if (!name || !token || strlen(token) != SHA256_HEX - 1 ||
        strspn(token, "0123456789abcdef") != SHA256_HEX - 1)
        return err_set(e, -EINVAL, "spool-part",
                       "each of the spool's rights needs a name and token_sha256 (64 hex digits)");
    memcpy(r->token, token, SHA256_HEX);
    r->publish = tree_getb(t, "publish", false);
    r->admin = tree_getb(t, "admin", false);
    r->name = strdup(name);
    int n = r->name ? read_consume(tree_get(t, "consume"), r) : -ENOMEM;
    return n < 0 ? err_set(e, n, "spool-part", "rights of %s: %s", name, strerror(-n)) : 0;
}

int rights_read(const struct tree *part, struct rights_list **ret, struct err *e)
{
    const struct tree *list = tree_get(part, "rights");
    struct rights_list *l = xcalloc(1, sizeof *l);
    size_t n = tree_is_list(list) ? list->n : 0;
    if (l && n)
        l->r = xcalloc(n, sizeof *l->r);
    if (!l || (n && !l->r)) {
        rights_free(l);
        return err_set(e, -ENOMEM, "memory", "out of memory");
    }
    for (size_t i = 0; i < n; i++) {
        l->n = i + 1;
        int r = read_one(list->child[i], &l->r[i], e);
        if (r < 0) {
            rights_free(l);
            return r;
        }
    }
    *ret = l;
    return 0;
}

void rights_free(struct rights_list *l)
{
    if (!l)
        return;
    for (size_t i = 0; i < l->n; i++) {
        for (size_t j = 0; j < l->r[i].n; j++)
            free(l->r[i].consume[j]);
        free(l->r[i].consume);
        free(l->r[i].name);
    }
    free(l->r);
    free(l);
}

static bool same(struct spool_text a, const char *b)
{
    return strlen(b) == a.len && memcmp(a.p, b, a.len) == 0;
}

const struct rights *rights_find(const struct rights_list *l, struct spool_text name,
                                 struct spool_text token)
{
    char hex[SHA256_HEX];
    sha256_hex(token.p, token.len, hex);
    for (size_t i = 0; i < l->n; i++)
        if (same(name, l->r[i].name) && equal_constant_time(hex, l->r[i].token, SHA256_HEX))
            return &l->r[i];
    return NULL;
}

const char *rights_name(const struct rights *r)
{
    return r->name;
}

bool rights_publish(const struct rights *r)
{
    return r->publish;
}

bool rights_admin(const struct rights *r)
{
    return r->admin;
}

size_t rights_destinations(const struct rights *r)
{
    return r->n;
}

bool rights_consume(const struct rights *r, struct spool_text destination)
{
    for (size_t i = 0; i < r->n; i++)
        if (same(destination, r->consume[i]))
            return true;
    return false;
}
