/* SPDX-License-Identifier: Apache-2.0 */
/* describe - a loaded plugin as a document (core/README.md "Descriptions"). Texts that come from
 * the plugin are taken only as valid UTF-8 of a bounded length. */
#include "base/util.h"
#include "loader.h"
#include "option.h"
#include <errno.h>
#include <string.h>

#define TEXT_MAX 4096u

/* tree_puts for a text of the plugin: NULL is left out, what is not text is shown as "?". */
static int put_text(struct tree *map, const char *key, const char *text)
{
    if (!text)
        return 0;
    size_t len = strnlen(text, TEXT_MAX + 1);
    return tree_puts(map, key, len <= TEXT_MAX && utf8_valid(text, len) ? text : "?");
}

static const char *side(uint32_t flags)
{
    uint32_t sides = flags & (REEVE_OPT_RECEIVE | REEVE_OPT_DELIVER);
    if (flags & REEVE_OPT_ADAPTER)
        return "adapter";
    if (sides == REEVE_OPT_RECEIVE)
        return "receive";
    return sides == REEVE_OPT_DELIVER ? "deliver" : "both";
}

static struct tree *describe_option(const struct reeve_option *o)
{
    struct tree *t = tree_map();
    if (!t || put_text(t, "key", o->key) < 0 ||
        tree_puts(t, "type", option_type_name(o->type)) < 0 || put_text(t, "default", o->def) < 0 ||
        put_text(t, "allowed", o->allowed) < 0 || put_text(t, "help", o->help ? o->help : "") < 0 ||
        tree_putb(t, "required", o->flags & REEVE_OPT_REQUIRED) < 0 ||
        tree_putb(t, "list", o->flags & REEVE_OPT_LIST) < 0 ||
        tree_putb(t, "deprecated", o->flags & REEVE_OPT_DEPRECATED) < 0 ||
        ((o->flags & REEVE_OPT_EXECUTABLE) && tree_putb(t, "executable", true) < 0) ||
        tree_puts(t, "side", side(o->flags)) < 0) {
        tree_free(t);
        return NULL;
    }
    return t;
}

/* "a b  c" as a list of texts. */
static struct tree *words(const char *s)
{
    struct tree *list = tree_list();
    for (s = s ? s : ""; list && *s;) {
        size_t n = strcspn(s, " ");
        if (n > 0 && n <= TEXT_MAX &&
            tree_append(list, tree_scalarf(false, "%.*s", (int)n, s)) < 0) {
            tree_free(list);
            return NULL;
        }
        s += n + (s[n] != '\0');
    }
    return list;
}

static struct tree *describe_emits(const struct reeve_emits *m)
{
    struct tree *t = tree_map();
    if (!t || put_text(t, "type", m->type) < 0 || put_text(t, "schema", m->schema) < 0 ||
        tree_put(t, "attributes", words(m->attributes)) < 0 ||
        (m->gives && tree_put(t, "gives", words(m->gives)) < 0) ||
        (m->needs && tree_put(t, "needs", words(m->needs)) < 0) ||
        tree_putb(t, "personal", m->flags & REEVE_EMITS_PERSONAL) < 0) {
        tree_free(t);
        return NULL;
    }
    return t;
}

static struct tree *describe_roles(const struct reeve_plugin *a)
{
    const struct {
        const char *name;
        bool has;
    } roles[] = {
        {"poll", a->poll},         {"request", a->request}, {"deliver", a->deliver},
        {"decode", a->decode},     {"encode", a->encode},   {"to_hub", a->to_hub},
        {"from_hub", a->from_hub}, {"step", a->step},       {"check", a->check},
    };
    struct tree *list = tree_list();
    for (size_t i = 0; list && i < ARRAY_SIZE(roles); i++) {
        if (roles[i].has && tree_appends(list, roles[i].name) < 0) {
            tree_free(list);
            return NULL;
        }
    }
    return list;
}

static int describe_tables(const struct plugin *p, struct tree *t)
{
    struct tree *options = tree_list(), *emits = tree_list();
    struct reeve_option o;
    struct reeve_emits m;
    int r = options && emits ? 0 : -ENOMEM;
    for (size_t i = 0; r == 0 && plugin_option(p, i, &o); i++)
        r = tree_append(options, describe_option(&o));
    for (size_t i = 0; r == 0 && plugin_emits(p, i, &m); i++)
        r = tree_append(emits, describe_emits(&m));
    if (r < 0) {
        tree_free(options);
        tree_free(emits);
        return r;
    }
    r = tree_put(t, "options", options);
    int r2 = tree_put(t, "emits", emits); /* takes it, also when the other failed */
    return r < 0 ? r : r2;
}

int plugin_describe(const struct plugin *p, struct tree **ret, struct err *e)
{
    const struct reeve_plugin *a = &p->api;
    struct tree *t = tree_map();
    if (!t || put_text(t, "name", a->name) < 0 || put_text(t, "version", a->version) < 0 ||
        put_text(t, "summary", a->summary ? a->summary : "") < 0 ||
        put_text(t, "file", p->file) < 0 || tree_putu(t, "abi", a->abi) < 0 ||
        tree_put(t, "roles", describe_roles(a)) < 0 ||
        tree_putu(t, "max_batch", a->max_batch ? a->max_batch : 1) < 0 ||
        (a->poll && tree_putb(t, "competes", a->source_flags & REEVE_SOURCE_COMPETES) < 0) ||
        (plugin_is_named(p) && tree_putb(t, "named", true) < 0) || describe_tables(p, t) < 0) {
        tree_free(t);
        return err_set(e, -ENOMEM, "out-of-memory", "out of memory");
    }
    *ret = t;
    return 0;
}
