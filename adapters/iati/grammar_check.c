/* SPDX-License-Identifier: Apache-2.0 */
/* grammar_check: is the element that starts where the grammar (grammar.c) has it, with the
 * attributes and values it may have? Agrees with the official schema as libxml2 reads it. */
#include "walk.h"
#include <stdio.h>
#include <string.h>
#include <strings.h>

/* ---- attributes ---- */

#define XSI "http://www.w3.org/2001/XMLSchema-instance"

static bool is_name(const xmlChar *a, const char *b)
{
    return strcmp((const char *)a, b) == 0;
}

/* A value of libxml2's event, which is not terminated; cut to cap - 1. */
static bool copy_value(const xmlChar **a, char *out, size_t cap)
{
    size_t len = (size_t)(a[4] - a[3]);
    bool whole = len < cap;
    len = whole ? len : cap - 1;
    memcpy(out, a[3], len);
    out[len] = 0;
    return whole;
}

static const xmlChar **find_attribute(const struct walk *w, const char *name)
{
    for (int i = 0; i < w->attributes_n; i++)
        if (w->attributes[5 * i + 1] == NULL && is_name(w->attributes[5 * i], name))
            return &w->attributes[5 * i];
    return NULL;
}

bool walk_has(const struct walk *w, const char *name)
{
    return find_attribute(w, name) != NULL;
}

bool walk_get(const struct walk *w, const char *name, char *out, size_t cap)
{
    const xmlChar **a = find_attribute(w, name);
    out[0] = 0;
    if (a != NULL)
        (void)copy_value(a, out, cap);
    return a != NULL;
}

static void check_value(struct walk *w, const xmlChar **a, enum type t)
{
    char value[2048], name[128];
    if (t == TYPE_STRING)
        return;
    bool whole = copy_value(a, value, sizeof value);
    /* an address of any length passes, if what was read of it does */
    if (value_valid(t, value) && (whole || t == TYPE_URI))
        return;
    (void)snprintf(name, sizeof name, "%s%s%.100s", a[1] != NULL ? (const char *)a[1] : "",
                   a[1] != NULL ? ":" : "", (const char *)a[0]);
    walk_fault(w, w->depth, value_code(t), name, value, value_wanted(t),
               "the value is not of its type");
}

/* Attributes of other namespaces; those of xml: are declared, so their values are checked. */
static void check_foreign_attribute(struct walk *w, const xmlChar **a)
{
    if (strcmp((const char *)a[2], (const char *)XML_XML_NAMESPACE) == 0) {
        if (is_name(a[0], "lang"))
            check_value(w, a, TYPE_LANGUAGE);
        else if (is_name(a[0], "space"))
            check_value(w, a, TYPE_SPACE);
        else if (is_name(a[0], "base"))
            check_value(w, a, TYPE_URI);
    } else if (strcmp((const char *)a[2], XSI) == 0 &&
               (is_name(a[0], "type") || is_name(a[0], "nil"))) {
        walk_fault(w, w->depth, "attribute-unknown", (const char *)a[0], NULL, NULL,
                   "the schema leaves no choice of type or nil here");
    }
}

static bool always_allowed(const xmlChar **a)
{
    return strcmp((const char *)a[2], XSI) == 0 &&
           (is_name(a[0], "schemaLocation") || is_name(a[0], "noNamespaceSchemaLocation"));
}

void grammar_attributes(struct walk *w, const struct element *e)
{
    uint32_t seen = 0;
    for (int i = 0; i < w->attributes_n; i++) {
        const xmlChar **a = &w->attributes[5 * i];
        size_t k = 0;
        if (a[2] != NULL) {
            if (e->closed && !always_allowed(a))
                walk_fault(w, w->depth, "attribute-unknown", (const char *)a[0], NULL, NULL,
                           "the element has no such attribute");
            else
                check_foreign_attribute(w, a);
            continue;
        }
        if (a[1] != NULL) {
            walk_fault(w, w->depth, "prefix-unknown", (const char *)a[0], (const char *)a[1], NULL,
                       "the prefix is bound to no namespace");
            continue;
        }
        while (e->attributes != NULL && e->attributes[k].name != NULL &&
               !is_name(a[0], e->attributes[k].name))
            k++;
        if (e->attributes == NULL || e->attributes[k].name == NULL) {
            walk_fault(w, w->depth, "attribute-unknown", (const char *)a[0], NULL, NULL,
                       "the element has no such attribute");
            continue;
        }
        seen |= 1u << k;
        check_value(w, a, e->attributes[k].type);
    }
    for (size_t k = 0; e->attributes != NULL && e->attributes[k].name != NULL; k++)
        if (e->attributes[k].required && (seen & 1u << k) == 0)
            walk_fault(w, w->depth, "attribute-missing", e->attributes[k].name, NULL,
                       e->attributes[k].name, "a required attribute is missing");
}

/* On an element of another namespace any attribute may stand; those that the schema declares by
 * name are checked (xs:anyType is lax). */
void grammar_lax_attributes(struct walk *w)
{
    for (int i = 0; i < w->attributes_n; i++) {
        const xmlChar **a = &w->attributes[5 * i];
        if (a[2] != NULL && strcmp((const char *)a[2], XSI) != 0)
            check_foreign_attribute(w, a);
        else if (a[1] == NULL && is_name(a[0], "value-date"))
            check_value(w, a, TYPE_DATE);
    }
}

/* ---- elements ---- */

static const char *const text_only = "the element holds text and no other elements";

static size_t part_of(const struct element *e, const char *name)
{
    size_t i = 0;
    while (e->parts != NULL && e->parts[i].element != NULL &&
           strcmp(e->parts[i].element->name, name) != 0)
        i++;
    return e->parts != NULL && e->parts[i].element != NULL ? i : SIZE_MAX;
}

void grammar_missing(struct walk *w, size_t depth, size_t from, size_t to)
{
    const struct frame *f = &w->frame[depth - 1];
    const struct part *parts = f->element->parts;
    for (size_t i = from; parts != NULL && i < to && parts[i].element != NULL; i++)
        if (parts[i].min > 0 && f->counts[i] == 0)
            walk_fault(w, depth, "element-missing", NULL, NULL, parts[i].element->name,
                       "a required element is missing");
}

/* A child without namespace of an element of the grammar. */
static void place_known(struct walk *w, struct frame *up, struct frame *f, const char *name)
{
    const struct element *e = up->element;
    struct step *step = &w->step[w->depth - 1];
    size_t i = part_of(e, name);
    if (i == SIZE_MAX) {
        step->index = ++up->others;
        f->skipped = true;
        walk_fault(w, w->depth, "element-unexpected", NULL, NULL, NULL,
                   e->text != TYPE_NONE ? text_only : "the element has no place here");
        return;
    }
    step->index = ++up->counts[i];
    step->many = e->parts[i].max == MANY || step->index > 1;
    f->element = e->parts[i].element;
    /* Elements of other namespaces stand at the end; but where the last part may be absent and may
     * be many, the standard's validator (which is libxml2) lets it mix with them. */
    bool late = up->foreign &&
                (e->parts[i + 1].element != NULL || e->parts[i].min > 0 || e->parts[i].max != MANY);
    if (i < up->part || late)
        walk_fault(w, w->depth, "element-order", NULL, NULL, NULL,
                   late ? "elements of other namespaces stand behind those of the standard"
                        : "the order of elements is fixed, and this one comes too late");
    else if (step->index > e->parts[i].max && e->parts[i].max != MANY)
        walk_fault(w, w->depth, "element-repeated", NULL, NULL, NULL,
                   "the element may stand here once");
    if (i > up->part) {
        grammar_missing(w, w->depth - 1, up->part, i);
        up->part = (unsigned)i;
    }
}

static void place_root(struct walk *w, struct frame *f, const xmlChar *name, const xmlChar *uri)
{
    char text[300];
    if (uri == NULL && is_name(name, grammar_root.name)) {
        f->element = &grammar_root;
        return;
    }
    f->skipped = true;
    if (is_name(name, "iati-organisations"))
        (void)snprintf(text, sizeof text,
                       "this is an IATI organisation file, not an activity file");
    else if (is_name(name, grammar_root.name))
        (void)snprintf(text, sizeof text, "the root is in the namespace %.120s; IATI has none",
                       (const char *)uri);
    else
        (void)snprintf(text, sizeof text, "the root of the document is %.100s%s",
                       (const char *)name,
                       strcasecmp((const char *)name, "html") == 0 ? ": this is a web page" : "");
    walk_unreadable(w, f->line, "not-iati",
                    "an IATI activity file: <iati-activities version=\"2.03\">", text);
}

void grammar_place(struct walk *w, struct frame *f, const xmlChar *name, const xmlChar *prefix,
                   const xmlChar *uri)
{
    struct frame *up = w->depth > 1 ? &w->frame[w->depth - 2] : NULL;
    if (up == NULL) {
        place_root(w, f, name, uri);
    } else if (up->skipped) {
        f->skipped = true;
    } else if (up->element == NULL) { /* inside of another namespace */
        f->element = uri == NULL && prefix == NULL ? grammar_global((const char *)name) : NULL;
    } else if (prefix != NULL && uri == NULL) {
        f->skipped = true;
        walk_fault(w, w->depth, "prefix-unknown", NULL, (const char *)prefix, NULL,
                   "the prefix is bound to no namespace");
    } else if (uri != NULL) {
        if (up->element->text != TYPE_NONE)
            walk_fault(w, w->depth, "element-unexpected", NULL, NULL, NULL, text_only);
        up->foreign = true;
    } else {
        place_known(w, up, f, (const char *)name);
    }
}

/* Which namespaces the activity takes from the root: its bytes alone must declare them too. */
static void note_prefix(struct walk *w, const xmlChar *prefix, const xmlChar *uri)
{
    for (size_t i = 0; prefix != NULL && uri != NULL && i < w->ns_n; i++)
        if (w->ns[i].prefix == prefix && w->ns[i].uri == uri) /* one dictionary: one pointer */
            w->activity.prefixes |= (uint64_t)1 << i;
}

void walk_namespaces(struct walk *w, const xmlChar *prefix, const xmlChar *uri, int ns_n,
                     const xmlChar **ns)
{
    for (int i = 0; i < ns_n && w->depth == 1; i++) {
        if (w->ns_n == sizeof w->ns / sizeof w->ns[0]) {
            walk_unreadable(w, w->frame[0].line, "too-large", "at most 64 namespaces",
                            "the root declares more namespaces than the hub reads");
            return;
        }
        w->ns[w->ns_n].prefix = ns[2 * i];
        w->ns[w->ns_n++].uri = ns[2 * i + 1];
    }
    for (int i = 0; i < ns_n && w->depth == 2; i++)
        for (size_t k = 0; k < w->ns_n; k++)
            if (w->ns[k].prefix == ns[2 * i])
                w->activity.own_prefixes |= (uint64_t)1 << k;
    note_prefix(w, prefix, uri);
    for (int i = 0; i < w->attributes_n; i++)
        note_prefix(w, w->attributes[5 * i + 1], w->attributes[5 * i + 2]);
}
