/* SPDX-License-Identifier: Apache-2.0 */
/* side - one side of one connector: its own keys, its profile's and the defaults' put together (own
 * win over profile, profile over defaults, whole values), and then checked: plugin, adapter, steps
 * and the host's keys. */
#include "compile.h"
#include "base/util.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char *side_name(const struct side *s)
{
    return s->deliver ? "deliver" : "receive";
}

static const struct field *side_grammar(const struct side *s)
{
    return s->deliver ? grammar_deliver : grammar_receive;
}

/* Adds what is not there yet. */
static void underlay(struct compile *c, struct tree *to, const struct tree *from)
{
    for (size_t i = 0; tree_is_map(from) && i < from->n; i++) {
        if (!tree_get(to, from->key[i]->text) && put_copy(to, from->key[i], from->child[i]) < 0)
            c->no_memory = true;
    }
}

static const struct source *profile_read(struct compile *c, const struct tree *use)
{
    static const char *const ends[] = {".yaml", ".yml"};
    for (size_t i = 0; i < ARRAY_SIZE(ends); i++) {
        char name[NAME_LEN_MAX + 24];
        (void)snprintf(name, sizeof(name), "profiles/%s%s", use->text, ends[i]);
        _cleanup_free_ char *shown = path_join(c->root_name, name),
                            *path = path_join(c->root_dir, name);
        if (!shown || !path) {
            c->no_memory = true;
            return NULL;
        }
        for (size_t k = 0; k < c->sources_n; k++) {
            if (strcmp(c->sources[k]->name, shown) == 0)
                return c->sources[k];
        }
        if (access(path, F_OK) == 0)
            return source_read(c, shown, path, use);
    }
    error_at(c, use, "unknown-profile", "there is no profiles/%s.yaml beside this configuration",
             use->text);
    return NULL;
}

static void apply_profile(struct compile *c, struct side *s)
{
    const struct tree *use = tree_get(s->effective, "use");
    if (!use || use->kind != TREE_SCALAR || !name_ok(use->text))
        return; /* the grammar reports the rest */
    const struct source *p = profile_read(c, use);
    if (!p || !p->root)
        return;
    if (!tree_is_map(p->root)) {
        error_at(c, p->root, "wrong-kind", "a profile is a map of options");
        return;
    }
    const struct tree *nested = tree_key(p->root, "use");
    if (nested)
        error_at(c, nested, "profile-nested", "a profile cannot use another one");
    underlay(c, s->effective, p->root);
}

static void apply_defaults(struct compile *c, struct side *s)
{
    const char *plugin = tree_gets(s->effective, "plugin", NULL);
    const struct tree *d = tree_get(tree_get(c->raw, "defaults"), side_name(s));
    const struct tree *mine = plugin && tree_is_map(d) ? tree_get(d, plugin) : NULL;
    static const char *const own[] = {"plugin", "use", "path", "auth"};
    for (size_t i = 0; i < ARRAY_SIZE(own); i++) {
        const struct tree *key = tree_key(mine, own[i]);
        if (key)
            error_at(c, key, "defaults-key", "`%s` belongs to each connector, not into defaults",
                     own[i]);
    }
    underlay(c, s->effective, mine);
}

static void check_plugin(struct compile *c, struct side *s, const char *what)
{
    const struct tree *name = tree_get(s->effective, "plugin");
    if (!name || name->kind != TREE_SCALAR) {
        if (!name)
            error_at(c, s->own, "missing-key", "%s has no `plugin`", what);
        return;
    }
    struct module *m = module_get(c, CONFIG_PLUGIN, name);
    if (!m)
        return;
    bool fits =
        s->deliver ? module_has(m, "deliver") : module_has(m, "poll") || module_has(m, "request");
    if (!fits) {
        error_at(c, name, "plugin-role", "%s cannot %s", m->name, side_name(s));
        return;
    }
    s->plugin = m;
    options_check(c, m, s->deliver, s->effective, side_grammar(s), s->own, &s->plugin_options,
                  &s->plugin_print);
}

/* `speaks: NAME` or `speaks: {NAME: {option: value}}`. */
static void check_adapter(struct compile *c, struct side *s, const char *what)
{
    const struct tree *t = tree_get(s->effective, "speaks"), *given = NULL;
    struct tree cloudevents = {
        .kind = TREE_SCALAR, .text = (char[]){"cloudevents"}, .text_len = 11};
    if (!t && !s->deliver) {
        error_at(c, s->own, "missing-key",
                 "%s has no `speaks`: which standard do its documents follow?", what);
        return;
    }
    if (!t) { /* the hub's own form */
        cloudevents.file = s->own->file;
        cloudevents.line = s->own->line;
        cloudevents.col = s->own->col;
        t = &cloudevents;
    } else if (tree_is_map(t) && t->n == 1) {
        given = t->child[0];
        t = t->key[0];
        if (!tree_is_map(given) && !(given->kind == TREE_SCALAR && given->text_len == 0))
            error_at(c, given, "wrong-kind", "the options of %s must be a map", t->text);
    }
    if (t->kind != TREE_SCALAR || t->text_len == 0) {
        error_at(c, t, "wrong-kind",
                 "`speaks` names one standard, alone or with its options: speaks: {NAME: {option: "
                 "value}}");
        return;
    }
    struct module *m = module_get(c, CONFIG_ADAPTER, t);
    if (m && !module_has(m, s->deliver ? "encode" : "decode")) {
        error_at(c, t, "adapter-role", "%s cannot be %s", m->name,
                 s->deliver ? "written (it has no encode)" : "read (it has no decode)");
        return;
    }
    s->adapter = m;
    if (!m)
        return;
    options_check(c, m, s->deliver, given, NULL, t, &s->adapter_options, &s->adapter_print);
    standard_check(c, s, given);
}

static void check_step(struct compile *c, struct side *s, const struct tree *t)
{
    static const struct field grammar_step[] = {{"step", SHAPE_TEXT, FIELD_REQUIRED, NULL, NULL},
                                                {0}};
    const struct tree *name = tree_is_map(t) ? tree_get(t, "step") : t;
    struct tree *print = NULL;
    if (!name || name->kind != TREE_SCALAR || name->text_len == 0) {
        error_at(c, t, "step-form", "a step is a name, or a map with `step: NAME` and its options");
        return;
    }
    struct module *m = module_get(c, CONFIG_PLUGIN, name);
    if (!m)
        return;
    if (!module_has(m, "step")) {
        error_at(c, name, "plugin-role", "%s is not a step", m->name);
        return;
    }
    struct step *step = &s->steps[s->steps_n++];
    step->module = m;
    options_check(c, m, s->deliver, tree_is_map(t) ? t : NULL, grammar_step, t, &step->options,
                  &print);
    tree_free(print);
}

static void check_steps(struct compile *c, struct side *s)
{
    const struct tree *t = tree_get(s->effective, "steps");
    if (!t)
        return;
    if (!tree_is_list(t)) {
        error_at(c, t, "wrong-kind", "`steps` is a list");
        return;
    }
    s->steps = xcalloc(t->n + 1, sizeof(*s->steps));
    if (!s->steps)
        c->no_memory = true;
    for (size_t i = 0; s->steps && i < t->n; i++)
        check_step(c, s, t->child[i]);
}

static void check_batch(struct compile *c, const struct side *s)
{
    const struct tree *t = tree_get(s->effective, "batch");
    uint64_t most = s->plugin ? tree_getu(s->plugin->about, "max_batch", 1) : 0;
    if (t && s->plugin && get_int(c, s->effective, "batch", 1) > (most ? most : 1))
        error_at(c, t, "bad-value", "%s takes at most %u message%s at once", s->plugin->name,
                 (unsigned)(most ? most : 1), most > 1 ? "s" : "");
}

/* A message that is given up before its queue is called too old raises no alarm. */
static void check_alarm(struct compile *c, const struct side *s)
{
    const struct tree *t = tree_at(s->effective, "alarm/oldest");
    uint64_t tried = get_duration(c, s->effective, "retry/for", (uint64_t)7 * 86400000);
    if (t && get_duration(c, s->effective, "alarm/oldest", 0) >= tried)
        warning_at(c, t, "alarm-late",
                   "messages become dead letters before they are that old: `retry: {for:}` is not "
                   "longer");
}

void side_check(struct compile *c, struct side *s)
{
    char what[NAME_LEN_MAX + 64], q[QUOTE_MAX];
    (void)snprintf(what, sizeof(what), "%s of connector %.*s", side_name(s), (int)NAME_LEN_MAX + 2,
                   quote(q, s->connector->name));
    if (!tree_is_map(s->own)) {
        error_at(c, s->own, "wrong-kind", "`%s` must be a map: {plugin: …}", side_name(s));
        return;
    }
    s->effective = tree_copy(s->own);
    if (!s->effective) {
        c->no_memory = true;
        return;
    }
    s->present = true;
    apply_profile(c, s);
    apply_defaults(c, s);
    grammar_check(c, side_grammar(s), s->effective, what, true);
    s->enabled = s->connector->enabled && get_bool(c, s->effective, "enabled", true);
    check_plugin(c, s, what);
    check_adapter(c, s, what);
    check_steps(c, s);
    if (s->deliver) {
        check_batch(c, s);
        check_alarm(c, s);
    }
}

void side_free(struct side *s)
{
    for (size_t i = 0; i < s->steps_n; i++)
        tree_free(s->steps[i].options);
    free(s->steps);
    tree_free(s->effective);
    tree_free(s->plugin_options);
    tree_free(s->plugin_print);
    tree_free(s->adapter_options);
    tree_free(s->adapter_print);
}
