/* SPDX-License-Identifier: Apache-2.0 */
/* keys - the tables of grammar.c as data, for those who explain them. */
#include "compile.h"
#include "base/util.h"

static const char *shape_name(enum shape s)
{
    static const char *const names[] = {
        [SHAPE_TEXT] = "text",   [SHAPE_NAME] = "name",         [SHAPE_INT] = "int",
        [SHAPE_BOOL] = "bool",   [SHAPE_DURATION] = "duration", [SHAPE_PERIOD] = "period",
        [SHAPE_BYTES] = "bytes", [SHAPE_PATH] = "path",         [SHAPE_CHOICE] = "choice",
        [SHAPE_DATE] = "date",   [SHAPE_SECRET] = "secret",     [SHAPE_URL] = "url",
        [SHAPE_MAP] = "map",     [SHAPE_NAMED] = "named",       [SHAPE_ANY] = "any"};
    return s < ARRAY_SIZE(names) && names[s] ? names[s] : "?";
}

static struct tree *fields_tree(const struct field *fields);

static struct tree *field_tree(const struct field *f)
{
    struct tree *t = tree_map();
    int r = t ? tree_puts(t, "key", f->key) : -1;
    r = r < 0 ? r : tree_puts(t, "shape", shape_name(f->shape));
    r = r < 0 ? r : tree_putb(t, "required", f->flags & FIELD_REQUIRED);
    r = r < 0 ? r : tree_putb(t, "list", f->flags & FIELD_LIST);
    r = r < 0 ? r : tree_putb(t, "reference", f->flags & FIELD_REF);
    r = r < 0 ? r : tree_putb(t, "reserved", f->flags & FIELD_LATER);
    r = r < 0 ? r : tree_puts(t, "allowed", f->allowed);
    if (r == 0 && f->sub)
        r = tree_put(t, "fields", fields_tree(f->sub));
    if (r < 0) {
        tree_free(t);
        return NULL;
    }
    return t;
}

static struct tree *fields_tree(const struct field *fields)
{
    struct tree *list = tree_list();
    for (; list && fields->key; fields++)
        if (tree_append(list, field_tree(fields)) < 0) {
            tree_free(list);
            return NULL;
        }
    return list;
}

struct tree *config_grammar(void)
{
    static const struct {
        const char *name;
        const struct field *fields;
    } tables[] = {{"configuration", grammar_top},       {"receive", grammar_receive},
                  {"deliver", grammar_deliver},         {"route", grammar_route},
                  {"alternative", grammar_alternative}, {"case", grammar_case}};
    struct tree *all = tree_map();
    for (size_t i = 0; all && i < ARRAY_SIZE(tables); i++)
        if (tree_put(all, tables[i].name, fields_tree(tables[i].fields)) < 0) {
            tree_free(all);
            return NULL;
        }
    return all;
}
