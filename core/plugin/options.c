/* SPDX-License-Identifier: Apache-2.0 */
/* options - "key=value" pairs of a command line against a plugin's table: the normalised form, with
 * defaults. A MAP is given as key=name=value, a list by repeating its key. */
#include "base/util.h"
#include "host.h"
#include "option.h"
#include <errno.h>
#include <string.h>

#define KEYS_MAX 256u

static int unknown(const struct plugin *p, const char *key, struct err *e)
{
    const char *names[KEYS_MAX];
    struct reeve_option o;
    size_t n = 0;
    for (; n < KEYS_MAX && plugin_option(p, n, &o); n++)
        names[n] = o.key;
    const char *near = did_you_mean(key, names, n);
    if (near)
        return err_set(e, -EINVAL, "option-unknown",
                       "%s has no option \"%s\": did you mean \"%s\"?", p->api.name, key, near);
    return err_set(e, -EINVAL, "option-unknown", "%s has no option \"%s\"", p->api.name, key);
}

static int find_option(const struct plugin *p, const char *key, size_t len,
                       struct reeve_option *ret, struct err *e)
{
    for (size_t i = 0; plugin_option(p, i, ret); i++) {
        if (strlen(ret->key) == len && memcmp(ret->key, key, len) == 0)
            return 0;
    }
    _cleanup_free_ char *name = strndup(key, len);
    return unknown(p, name ? name : "", e);
}

/* Private children of a map of our own making. */
static struct tree *child_of(struct tree *map, const char *key)
{
    for (size_t i = 0; i < map->n; i++) {
        if (strcmp(map->key[i]->text, key) == 0)
            return map->child[i];
    }
    return NULL;
}

/* The list or map that the option's values go into, made when it is not there yet. */
static struct tree *values_of(struct tree *all, const struct reeve_option *o)
{
    struct tree *values = child_of(all, o->key);
    if (values)
        return values;
    values = o->type == REEVE_T_MAP ? tree_map() : tree_list();
    return tree_put(all, o->key, values) < 0 ? NULL : values;
}

static int add_map(struct tree *values, const struct reeve_option *o, const char *value,
                   struct err *e)
{
    const char *eq = strchr(value, '=');
    if (!eq || eq == value)
        return err_set(e, -EINVAL, "option-value", "option %s: write %s=NAME=VALUE", o->key,
                       o->key);
    _cleanup_free_ char *name = strndup(value, (size_t)(eq - value));
    int r = name ? tree_puts(values, name, eq + 1) : -ENOMEM;
    if (r == -EEXIST)
        return err_set(e, r, "option-value", "option %s: \"%s\" is given twice", o->key, name);
    return r < 0 ? err_set(e, r, "out-of-memory", "out of memory") : 0;
}

static int add_value(struct tree *all, const struct reeve_option *o, const char *value,
                     struct err *e)
{
    _cleanup_free_ char *text = NULL;
    struct tree *values = values_of(all, o);
    if (!values)
        return err_set(e, -ENOMEM, "out-of-memory", "out of memory");
    int r = option_canonical(o, value, &text, e);
    if (r < 0)
        return err_prefix(e, r, "option %s", o->key);
    if (o->type == REEVE_T_MAP)
        return add_map(values, o, value, e);
    if (values->n > 0 && !(o->flags & REEVE_OPT_LIST))
        return err_set(e, -EINVAL, "option-value", "option %s is given twice", o->key);
    r = tree_appends(values, text);
    return r < 0 ? err_set(e, r, "out-of-memory", "out of memory") : 0;
}

static int add_given(const struct plugin *p, struct tree *all, const char *given, struct err *e)
{
    struct reeve_option o;
    const char *eq = strchr(given, '=');
    if (!eq || eq == given)
        return err_set(e, -EINVAL, "option-value", "\"%s\" is not KEY=VALUE", given);
    int r = find_option(p, given, (size_t)(eq - given), &o, e);
    return r < 0 ? r : add_value(all, &o, eq + 1, e);
}

/* An option that belongs to one side, or to adapters, is required there only; what runs is not
 * known here, so it is left to the plugin then. */
static int add_default(struct tree *all, const struct reeve_option *o, struct err *e)
{
    uint32_t side = o->flags & (REEVE_OPT_RECEIVE | REEVE_OPT_DELIVER | REEVE_OPT_ADAPTER);
    if (child_of(all, o->key))
        return 0;
    if (o->def)
        return add_value(all, o, o->def, e);
    if ((o->flags & REEVE_OPT_REQUIRED) && !side)
        return err_set(e, -EINVAL, "option-required", "option %s is required: %s", o->key,
                       o->help ? o->help : "");
    return 0;
}

int host_options(const struct plugin *p, const char *const *key_values, size_t n, struct tree **ret,
                 struct err *e)
{
    struct reeve_option o;
    struct tree *all = tree_map();
    int r = all ? 0 : err_set(e, -ENOMEM, "out-of-memory", "out of memory");
    for (size_t i = 0; r == 0 && i < n; i++)
        r = add_given(p, all, key_values[i], e);
    for (size_t i = 0; r == 0 && plugin_option(p, i, &o); i++)
        r = add_default(all, &o, e);
    if (r < 0) {
        tree_free(all);
        return r;
    }
    *ret = all;
    return 0;
}
