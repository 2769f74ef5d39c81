/* SPDX-License-Identifier: Apache-2.0 */
/* lint_names - types and attributes that no source emits, and the nearest one that some source
 * does. */
#include "base/util.h"
#include "lint_private.h"
#include <stdio.h>
#include <string.h>
#include <strings.h>

bool names_have(const char *const *names, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++) {
        if (strcmp(names[i], name) == 0)
            return true;
    }
    return false;
}

const char *names_other_case(const char *const *names, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++) {
        if (strcasecmp(names[i], name) == 0)
            return names[i];
    }
    return NULL;
}

/* Foreign text is escaped, then put into a sentence. */
static void sentence(char out[LINT_TEXT_MAX], const char *what, const char *name, const char *near)
{
    char shown[128] = "";
    escape_text(shown, sizeof(shown), name, strlen(name));
    if (near)
        (void)snprintf(out, LINT_TEXT_MAX,
                       "no source of this hub emits the %s '%s': did you mean '%s'?", what, shown,
                       near);
    else
        (void)snprintf(out, LINT_TEXT_MAX, "no source of this hub emits the %s '%s'", what, shown);
}

const char *lint_type_value(const struct lint_known *known, const char *value,
                            char out[LINT_TEXT_MAX])
{
    if (!known || known->types_n == 0 || names_have(known->types, known->types_n, value))
        return NULL;
    const char *near = names_other_case(known->types, known->types_n, value);
    if (near) {
        (void)snprintf(out, LINT_TEXT_MAX, "types are compared with their case: write '%s'", near);
        return "wrong-case";
    }
    sentence(out, "type", value, did_you_mean(value, known->types, known->types_n));
    return "unknown-type";
}

const char *lint_attribute_name(const struct lint_known *known, const char *name,
                                char out[LINT_TEXT_MAX])
{
    static const char *const context[] = {"id",   "source",     "specversion",     "type",
                                          "time", "dataschema", "datacontenttype", "subject"};
    if (!known || known->attributes_n == 0 ||
        names_have(known->attributes, known->attributes_n, name) ||
        names_have(known->always, known->always_n, name) ||
        names_have(context, ARRAY_SIZE(context), name))
        return NULL;
    const char *near = did_you_mean(name, known->attributes, known->attributes_n);
    if (!near)
        near = did_you_mean(name, context, ARRAY_SIZE(context));
    sentence(out, "attribute", name, near);
    return "unknown-attribute";
}

void lint_parts(const struct node *node, uint32_t root, enum keyword op, uint8_t *part)
{
    uint32_t first = node[root].first;
    memset(part + first, 0, root + 1 - first);
    part[root] = 1;
    for (uint32_t i = root; i > first; i--) {
        if (part[i] && node[i].kind == NODE_LOGIC && node[i].op == op)
            part[node[i].left] = part[node[i].right] = 1;
    }
}
