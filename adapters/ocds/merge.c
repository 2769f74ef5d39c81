/* SPDX-License-Identifier: Apache-2.0 */
/* merge: see merge.h. The rules:
 *
 * A member that is absent stays what it was, null removes it, a value takes the place of the one
 * before. Objects are merged member by member. So are the objects of an array that have the same
 * id; those with a new one come behind the others. An array that holds anything else, or an object
 * without id, or that the schema marks with wholeListMerge, takes the place of the one before as it
 * is. id, date and tag are those of the compiled release.
 *
 * All values that stand at one place, oldest first, are looked at together: nothing is built but
 * what is written. Cost: n log n in the number of values. */
#include "merge.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A value and under what it is found: a member's name, or the id of an array's item. */
struct entry {
    const char *key;
    size_t len, rank; /* rank: place in the order of appearance */
    const struct json_node *value;
};
struct group { /* the entries of one key */
    size_t first, n;
};
struct gathered {
    struct entry *entry;
    struct group *group;
    const struct json_node **value; /* of the entries, group by group, the oldest first */
    size_t n, groups;
};

static int by_key(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;
    size_t len = x->len < y->len ? x->len : y->len;
    int order = len > 0 ? memcmp(x->key, y->key, len) : 0;
    if (order != 0)
        return order;
    if (x->len != y->len)
        return x->len > y->len ? 1 : -1;
    return (x->rank > y->rank) - (x->rank < y->rank);
}

static bool same_key(const struct entry *x, const struct entry *y)
{
    return x->len == y->len && memcmp(x->key, y->key, x->len) == 0;
}

/* The group that appeared first comes first; its first entry is its oldest. */
static int by_appearance(const void *a, const void *b)
{
    const struct entry *x = *(const struct entry *const *)a, *y = *(const struct entry *const *)b;
    return (x->rank > y->rank) - (x->rank < y->rank);
}

static void gathered_free(struct gathered *g)
{
    free(g->entry);
    free(g->group);
    free(g->value);
}

static bool id_of(const struct json_node *item, const char **key, size_t *len)
{
    const struct json_node *id = node_member(item, "id");
    if (!node_is(id, JSON_STRING) && !node_is(id, JSON_NUMBER))
        return false;
    *key = id->text;
    *len = id->len;
    return true;
}

static void gather_one(struct gathered *g, const struct json_node *many)
{
    for (const struct json_node *v = many->first; v != NULL; v = v->next) {
        struct entry *e = &g->entry[g->n];
        *e = (struct entry){.key = v->name, .len = v->name_len, .rank = g->n, .value = v};
        g->n++;
        if (many->kind == JSON_ARRAY)
            (void)id_of(v, &e->key, &e->len); /* it has one: see merges_by_id() */
    }
}

/* Sorted entries into groups, in the order in which they appeared. */
static bool make_groups(struct gathered *g)
{
    const struct entry **first = malloc(g->n * sizeof *first);
    if (first == NULL)
        return false;
    for (size_t i = 0; i < g->n; i++) {
        g->value[i] = g->entry[i].value;
        if (i == 0 || !same_key(&g->entry[i - 1], &g->entry[i]))
            first[g->groups++] = &g->entry[i];
    }
    qsort(first, g->groups, sizeof *first, by_appearance);
    for (size_t i = 0; i < g->groups; i++) {
        const struct entry *e = first[i], *end = g->entry + g->n;
        size_t n = 1;
        while (e + n < end && same_key(e, e + n))
            n++;
        g->group[i] = (struct group){(size_t)(e - g->entry), n};
    }
    free(first);
    return true;
}

/* What stands inside n objects, or n arrays. */
static bool gather(struct gathered *g, const struct json_node *const *many, size_t n)
{
    size_t all = 0;
    *g = (struct gathered){.n = 0};
    for (size_t i = 0; i < n; i++)
        all += many[i]->n;
    if (all == 0)
        return true;
    g->entry = calloc(all, sizeof *g->entry);
    g->group = calloc(all, sizeof *g->group);
    g->value = calloc(all, sizeof *g->value);
    if (g->entry == NULL || g->group == NULL || g->value == NULL)
        return false;
    for (size_t i = 0; i < n; i++)
        gather_one(g, many[i]);
    qsort(g->entry, g->n, sizeof *g->entry, by_key);
    return make_groups(g);
}

/* ---- writing ---- */

/* wholeListMerge of the release schema 1.1.5 */
static bool is_whole_list(const struct json_node *v)
{
    static const char *const names[] = {"additionalIdentifiers", "additionalClassifications"};
    for (size_t i = 0; v->name != NULL && i < sizeof names / sizeof names[0]; i++)
        if (v->name_len == strlen(names[i]) && memcmp(v->name, names[i], v->name_len) == 0)
            return true;
    return false;
}

static bool merges_by_id(const struct json_node *v)
{
    const char *key;
    size_t len;
    if (!node_is(v, JSON_ARRAY) || is_whole_list(v))
        return false;
    for (const struct json_node *i = v->first; i != NULL; i = i->next)
        if (!id_of(i, &key, &len))
            return false;
    return true;
}

/* v is of this kind, and one whose inside is put together. */
static bool goes_on(const struct json_node *v, enum json_kind kind)
{
    return v->kind == kind && (kind == JSON_OBJECT || merges_by_id(v));
}

static bool write_inside(struct json_write *w, const struct json_node *const *many, size_t n);

/* What n values at one place, the oldest first, come to; the last one is not null. */
static bool write_value(struct json_write *w, const struct json_node *const *v, size_t n)
{
    const struct json_node *last = v[n - 1];
    if (!goes_on(last, last->kind)) {
        json_write_node(w, last);
        return true;
    }
    size_t from = n - 1;
    while (from > 0 && goes_on(v[from - 1], last->kind))
        from--;
    last->kind == JSON_OBJECT ? json_write_object(w) : json_write_array(w);
    bool ok = write_inside(w, v + from, n - from);
    json_write_end(w);
    return ok;
}

static bool write_group(struct json_write *w, const struct json_node *const *v, size_t n)
{
    const struct json_node *last = v[n - 1];
    if (last->kind == JSON_NULL)
        return true;
    if (last->name != NULL)
        json_write_name_len(w, last->name, last->name_len);
    return write_value(w, v, n);
}

static bool write_inside(struct json_write *w, const struct json_node *const *many, size_t n)
{
    struct gathered g;
    bool ok = gather(&g, many, n);
    for (size_t i = 0; ok && !w->failed && i < g.groups; i++)
        ok = write_group(w, g.value + g.group[i].first, g.group[i].n);
    gathered_free(&g);
    return ok;
}

/* ---- a release ---- */

bool is_compiled(const struct json_node *release)
{
    for (const struct json_node *t = first_item(release, "tag"); t != NULL; t = t->next)
        if (node_is(t, JSON_STRING) && strcmp(t->text, "compiled") == 0)
            return true;
    return false;
}

static bool is_named(const struct json_node *member, const char *name)
{
    return member->name_len == strlen(name) && memcmp(member->name, name, member->name_len) == 0;
}

static void write_head(struct json_write *w, const char *ocid, const char *date)
{
    char id[OCID_MAX + RELEASE_DATE_MAX + 2];
    (void)snprintf(id, sizeof id, "%s-%s", ocid, date);
    json_write_member(w, "ocid", ocid);
    json_write_member(w, "id", id);
    json_write_member(w, "date", date);
    json_write_name(w, "tag");
    json_write_array(w);
    json_write_text(w, "compiled", strlen("compiled"));
    json_write_end(w);
}

bool merge_write(struct json_write *w, const struct json_node *const *releases, size_t n)
{
    struct gathered g;
    bool ok = gather(&g, releases, n);
    json_write_object(w);
    write_head(w, member_text(releases[n - 1], "ocid"), member_text(releases[n - 1], "date"));
    for (size_t i = 0; ok && !w->failed && i < g.groups; i++) {
        const struct json_node *const *v = g.value + g.group[i].first;
        if (!is_named(v[0], "ocid") && !is_named(v[0], "id") && !is_named(v[0], "date") &&
            !is_named(v[0], "tag"))
            ok = write_group(w, v, g.group[i].n);
    }
    json_write_end(w);
    gathered_free(&g);
    return ok;
}
