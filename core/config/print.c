/* SPDX-License-Identifier: Apache-2.0 */
/* print - the effective configuration as YAML: profiles and defaults applied, secrets as their
 * references only. It can be read back: what is printed is a configuration with the same meaning
 * (but for relative paths, which stay as written). */
#include "compile.h"
#include "base/util.h"
#include <stdio.h>
#include <string.h>

static bool bare(const char *p) /* needs no quotes: a word that YAML reads as nothing else */
{
    static const char *const words[] = {"true", "false", "null", "yes", "no",
                                        "on",   "off",   "y",    "n"};
    size_t n = strspn(p, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./-");
    if (n == 0 || p[n] || p[0] == '-' || p[0] == '.')
        return false;
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (strcasecmp(words[i], p) == 0)
            return i < 2;
    }
    return true;
}

static int text(struct buf *out, const struct tree *t)
{
    if (bare(t->text))
        return buf_adds(out, t->text);
    struct buf json = BUF_INIT(out->max);
    struct tree copy = *t;
    copy.plain = false;
    int r = tree_to_json(&copy, &json, false); /* a JSON string is a YAML double-quoted one */
    if (r == 0)
        r = buf_add(out, json.p, json.len);
    buf_done(&json);
    return r;
}

static int indent(struct buf *out, unsigned depth)
{
    int r = 0;
    for (unsigned i = 0; r == 0 && i < 2 * depth; i++)
        r = buf_addc(out, ' ');
    return r;
}

static int value(struct buf *out, const struct tree *t, unsigned depth);

static bool flat(const struct tree *t)
{
    for (size_t i = 0; i < t->n; i++) {
        if (t->child[i]->kind != TREE_SCALAR)
            return false;
    }
    return true;
}

static int flow_list(struct buf *out, const struct tree *t)
{
    int r = buf_addc(out, '[');
    for (size_t i = 0; r == 0 && i < t->n; i++) {
        if (i > 0)
            r = buf_adds(out, ", ");
        if (r == 0)
            r = text(out, t->child[i]);
    }
    return r < 0 ? r : buf_adds(out, "]\n");
}

static int map(struct buf *out, const struct tree *t, unsigned depth, bool first_indented)
{
    int r = 0;
    for (size_t i = 0; r == 0 && i < t->n; i++) {
        if (i > 0 || !first_indented)
            r = indent(out, depth);
        if (r == 0)
            r = text(out, t->key[i]);
        if (r == 0)
            r = buf_addc(out, ':');
        if (r == 0)
            r = value(out, t->child[i], depth + 1);
    }
    return r;
}

static int list(struct buf *out, const struct tree *t, unsigned depth)
{
    int r = buf_addc(out, '\n');
    for (size_t i = 0; r == 0 && i < t->n; i++) {
        r = indent(out, depth);
        if (r == 0)
            r = buf_addc(out, '-');
        if (r == 0 && tree_is_map(t->child[i]) && t->child[i]->n > 0) {
            r = buf_addc(out, ' ');
            if (r == 0)
                r = map(out, t->child[i], depth + 1, true);
        } else if (r == 0) {
            r = value(out, t->child[i], depth + 1);
        }
    }
    return r;
}

static int value(struct buf *out, const struct tree *t, unsigned depth)
{
    int r = 0;
    if (t->kind == TREE_SCALAR) {
        r = buf_addc(out, ' ');
        if (r == 0)
            r = text(out, t);
        return r < 0 ? r : buf_addc(out, '\n');
    }
    if (t->n == 0)
        return buf_adds(out, tree_is_map(t) ? " {}\n" : " []\n");
    if (tree_is_list(t) && flat(t)) {
        r = buf_addc(out, ' ');
        return r < 0 ? r : flow_list(out, t);
    }
    if (tree_is_list(t))
        return list(out, t, depth);
    r = buf_addc(out, '\n');
    return r < 0 ? r : map(out, t, depth, false);
}

/* Host keys as they apply, the adapter with its options, then the plugin's options with its
 * defaults. */
static struct tree *side_tree(struct compile *c, const struct side *s)
{
    const struct field *grammar = s->deliver ? grammar_deliver : grammar_receive;
    struct tree *t = tree_map();
    int r = t ? 0 : -1;
    for (const struct field *f = grammar; r == 0 && f->key; f++) {
        const struct tree *v = tree_get(s->effective, f->key);
        if (strcmp(f->key, "use") == 0)
            continue;
        if (strcmp(f->key, "speaks") == 0 && s->adapter_print && s->adapter_print->n > 0) {
            struct tree *named = tree_map();
            r = named ? tree_put(named, s->adapter->name, tree_copy(s->adapter_print)) : -1;
            r = r == 0 ? tree_put(t, f->key, named) : -1;
        } else if (strcmp(f->key, "speaks") == 0 && s->adapter) {
            r = tree_puts(t, f->key, s->adapter->name);
        } else if (v) {
            r = tree_put(t, f->key, tree_copy(v));
        }
    }
    for (size_t i = 0; r == 0 && s->plugin_print && i < s->plugin_print->n; i++)
        r = tree_put(t, s->plugin_print->key[i]->text, tree_copy(s->plugin_print->child[i]));
    if (r < 0)
        c->no_memory = true;
    return t;
}

static struct tree *connectors_tree(struct compile *c)
{
    static const char *const keys[] = {"enabled", "was", "on"};
    struct tree *all = tree_map();
    for (size_t i = 0; all && i < c->connectors_n; i++) {
        const struct connector *x = &c->connectors[i];
        struct tree *t = tree_map();
        int r = t ? tree_puts(t, "party", x->party_name) : -1;
        for (size_t k = 0; r == 0 && k < ARRAY_SIZE(keys); k++) {
            if (tree_get(x->node, keys[k]))
                r = tree_put(t, keys[k], tree_copy(tree_get(x->node, keys[k])));
        }
        if (r == 0 && x->receive.present)
            r = tree_put(t, "receive", side_tree(c, &x->receive));
        if (r == 0 && x->deliver.present)
            r = tree_put(t, "deliver", side_tree(c, &x->deliver));
        if (tree_put(all, x->name, t) < 0 || r < 0)
            c->no_memory = true;
    }
    return all;
}

int print_write(struct compile *c, struct buf *out)
{
    struct tree *t = tree_map();
    int r = t ? 0 : -1;
    for (const struct field *f = grammar_top; r == 0 && f->key; f++) {
        const struct tree *v = tree_get(c->raw, f->key);
        if (strcmp(f->key, "connectors") == 0)
            r = tree_put(t, f->key, connectors_tree(c));
        else if (strcmp(f->key, "defaults") != 0 && v)
            r = tree_put(t, f->key, tree_copy(v));
        else if (strcmp(f->key, "data") == 0)
            r = tree_puts(t, f->key, "var");
        else if (strcmp(f->key, "transport") == 0)
            r = tree_puts(t, f->key, "spool");
        else if (strcmp(f->key, "state") == 0)
            r = tree_puts(t, f->key, "sqlite");
    }
    if (r < 0)
        c->no_memory = true;
    else
        r = map(out, t, 0, false);
    tree_free(t);
    return r;
}
