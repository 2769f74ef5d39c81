/* SPDX-License-Identifier: Apache-2.0 */
/* plan_print - the people's form of the report: what is worst comes first. Bounded: the machine
 * form has all. Texts from outside are escaped. */
#include "plan.h"
#include "base/util.h"
#include <string.h>

#define GROUPS_SHOWN  12
#define LINES_SHOWN   5
#define PARTIES_SHOWN 40
#define ENTRIES_SHOWN 12

struct paint {
    FILE *out;
    bool colours;
};

static const char *escaped(char out[300], const char *text)
{
    out[0] = '\0';
    return escape_text(out, 300, text, strlen(text));
}

/* 1234567 -> "1,234,567" */
static const char *number(char out[32], uint64_t n)
{
    char digits[24];
    size_t len = (size_t)snprintf(digits, sizeof(digits), "%llu", (unsigned long long)n), at = 0;
    for (size_t i = 0; i < len; i++) {
        if (i > 0 && (len - i) % 3 == 0)
            out[at++] = ',';
        out[at++] = digits[i];
    }
    out[at] = '\0';
    return out;
}

static void heading(const struct paint *p, const char *colour, const char *text, uint64_t n,
                    const char *more)
{
    char count[32];
    fprintf(p->out, "\n%s%s%s", p->colours ? colour : "", text, p->colours ? "\033[0m" : "");
    if (n)
        fprintf(p->out, ": %s message%s", number(count, n), n == 1 ? "" : "s");
    fprintf(p->out, "%s\n", more);
}

#define RED    "\033[1;31m"
#define YELLOW "\033[1;33m"
#define BOLD   "\033[1m"

/* ---- messages that change ---- */

static void print_place(FILE *out, const struct tree *place)
{
    const char *how = tree_gets(place, "how", "");
    const struct tree *to = tree_get(place, "destinations");
    if (strcmp(how, "not_received") == 0)
        fputs("not received", out);
    else if (strcmp(how, "dropped") == 0)
        fputs("nowhere (matches nothing, dropped)", out);
    for (size_t i = 0; to && i < to->n; i++)
        fprintf(out, "%s%s", i ? ", " : "", tree_text(to->child[i]));
    if (strcmp(how, "unrouted") == 0)
        fputs(" (matches nothing)", out);
}

static void print_counted(FILE *out, const struct tree *list, const char *what,
                          void (*fn)(FILE *out, const struct tree *t))
{
    char n[32];
    uint64_t rest = 0;
    for (size_t i = 0; list && i < list->n; i++) {
        const struct tree *t = list->child[i];
        uint64_t messages = tree_getu(t, "messages", 0);
        if (i >= LINES_SHOWN || tree_getb(t, "others", false)) {
            rest += messages;
            continue;
        }
        fprintf(out, "      %-8s %10s  ", i ? "" : what, number(n, messages));
        fn(out, t);
        fputc('\n', out);
    }
    if (rest)
        fprintf(out, "      %-8s %10s  others\n", "", number(n, rest));
}

static void print_type(FILE *out, const struct tree *t)
{
    char text[300];
    fputs(escaped(text, tree_gets(t, "type", "")), out);
}

static void print_route(FILE *out, const struct tree *t)
{
    const char *before = tree_gets(t, "old", ""), *after = tree_gets(t, "new", "");
    if (strcmp(before, after) == 0)
        fprintf(out, "%s", before);
    else
        fprintf(out, "%s -> %s", before, after);
}

static void print_examples(FILE *out, const struct tree *ids)
{
    char text[300];
    for (size_t i = 0; ids && i < ids->n; i++)
        fprintf(out, "%s%s", i ? "\n                           " : "      such as             ",
                escaped(text, tree_text(ids->child[i])));
    if (ids && ids->n)
        fputc('\n', out);
}

static void print_group(FILE *out, const struct tree *g)
{
    char n[32];
    fprintf(out, "  %s  ", number(n, tree_getu(g, "messages", 0)));
    if (tree_get(g, "from")) {
        print_place(out, tree_get(g, "from"));
        fputs(" -> ", out);
        print_place(out, tree_get(g, "to"));
    } else {
        fprintf(out, "%s", tree_gets(g, "destination", ""));
        if (tree_get(g, "party"))
            fprintf(out, " (party %s)", tree_gets(g, "party", ""));
    }
    fputc('\n', out);
    print_counted(out, tree_get(g, "routes"), "by route", print_route);
    print_counted(out, tree_get(g, "types"), "by type", print_type);
    print_examples(out, tree_get(g, "examples"));
}

/* change NULL: all of the list. */
static void print_groups(FILE *out, const struct tree *list, const char *change)
{
    char n[32];
    uint64_t more = 0, shown = 0, messages = 0;
    for (size_t i = 0; list && i < list->n; i++) {
        const struct tree *g = list->child[i];
        if (change && strcmp(tree_gets(g, "change", ""), change) != 0)
            continue;
        if (shown++ < GROUPS_SHOWN) {
            print_group(out, g);
        } else {
            more++;
            messages += tree_getu(g, "messages", 0);
        }
    }
    if (more)
        fprintf(out, "  %s  in %llu other ways; --json has them\n", number(n, messages),
                (unsigned long long)more);
}

static void print_changes(const struct paint *p, const struct tree *t)
{
    static const struct {
        const char *name, *colour, *words, *more;
    } changes[] = {
        {"unroutable", RED, "would become unroutable", ""},
        {"not_received", YELLOW, "would no longer be received",
         " (their connector is not there, or not enabled)"},
        {"elsewhere", BOLD, "would go elsewhere", ""},
        {"now_routed", BOLD, "matched nothing and would be routed", ""},
        {"newly_received", BOLD, "would be received, and were not", ""},
    };
    for (size_t i = 0; i < ARRAY_SIZE(changes); i++) {
        uint64_t n = tree_getu(tree_get(t, "changes"), changes[i].name, 0);
        if (n == 0)
            continue;
        heading(p, changes[i].colour, changes[i].words, n, changes[i].more);
        print_groups(p->out, tree_get(t, "moved"), changes[i].name);
    }
    uint64_t others = tree_getu(t, "moved_in_other_ways", 0);
    if (others)
        fprintf(p->out,
                "\n%llu messages change in ways beyond the first 2,000 and stand in no "
                "list\n",
                (unsigned long long)others);
}

static void print_held(const struct paint *p, const struct tree *t)
{
    const struct tree *refused = tree_get(t, "refused"), *waiting = tree_get(t, "waiting");
    if (refused && refused->n) {
        heading(p, YELLOW,
                "would be refused: they are about people, and the party has no agreement", 0, "");
        print_groups(p->out, refused, NULL);
    }
    if (waiting && waiting->n) {
        heading(p, YELLOW, "would wait: the destination is not enabled", 0, "");
        print_groups(p->out, waiting, NULL);
    }
}

static void print_destinations(const struct paint *p, const struct tree *list)
{
    char a[32], b[32];
    if (!list || list->n == 0)
        return;
    heading(p, BOLD, "messages by destination, where the number differs", 0, "");
    for (size_t i = 0; i < list->n && i < PARTIES_SHOWN; i++)
        fprintf(p->out, "  %-30s %12s -> %s\n", tree_gets(list->child[i], "name", ""),
                number(a, tree_getu(list->child[i], "old", 0)),
                number(b, tree_getu(list->child[i], "new", 0)));
    if (list->n > PARTIES_SHOWN)
        fprintf(p->out, "  and %zu more; --json has them\n", list->n - PARTIES_SHOWN);
}

/* ---- who may get what ---- */

static void print_attributes(FILE *out, const struct tree *e)
{
    const struct tree *list = tree_get(e, "attributes");
    bool whole = tree_getb(e, "whole", true);
    for (size_t i = 0; list && i < list->n; i++) {
        const char *name = tree_text(list->child[i]);
        if (strcmp(name, "*") != 0)
            fprintf(out, "%s%s", i ? ", " : " with ", name);
        else if (!whole)
            fputs(" with any attribute", out);
    }
}

static bool same_text(const struct tree *a, const struct tree *b, const char *key)
{
    return strcmp(tree_gets(a, key, ""), tree_gets(b, key, "")) == 0;
}

/* Nothing but the type tells them apart, and no replayed message of either: said in one line. */
static bool alike(const struct tree *a, const struct tree *b)
{
    static const char *const keys[] = {"from", "route", "unrouted", "personal", "whole"};
    const struct tree *x = tree_get(a, "attributes"), *y = tree_get(b, "attributes");
    bool same = tree_get(a, "type") && tree_get(b, "type") && !tree_getu(a, "messages", 0) &&
                !tree_getu(b, "messages", 0) && (x ? x->n : 0) == (y ? y->n : 0);
    for (size_t i = 0; same && i < ARRAY_SIZE(keys); i++)
        same = same_text(a, b, keys[i]);
    for (size_t i = 0; same && x && i < x->n; i++)
        same = strcmp(tree_text(x->child[i]), tree_text(y->child[i])) == 0;
    return same;
}

static void print_types(FILE *out, const struct tree *what, size_t at)
{
    char text[300];
    for (size_t i = at, n = 0; i < what->n; i++)
        if (i == at || alike(what->child[at], what->child[i]))
            fprintf(out, "%s%s", n++ ? ", " : "",
                    escaped(text, tree_gets(what->child[i], "type", "")));
}

static void print_entry(FILE *out, const struct tree *what, size_t at)
{
    char text[300], n[32];
    const struct tree *e = what->child[at];
    uint64_t messages = tree_getu(e, "messages", 0);
    fputs("    ", out);
    if (tree_get(e, "data_class")) {
        fprintf(out, "data of class %s", escaped(text, tree_gets(e, "data_class", "")));
    } else {
        fputs(tree_getb(e, "whole", true) ? "" : "attributes of ", out);
        print_types(out, what, at);
        fprintf(out, " from %s", escaped(text, tree_gets(e, "from", "")));
        fputs(tree_getb(e, "personal", false) ? ", about people" : "", out);
        if (tree_get(e, "route"))
            fprintf(out, ", by route %s", tree_gets(e, "route", ""));
        else if (tree_getb(e, "unrouted", false))
            fputs(", when it matches nothing", out);
        print_attributes(out, e);
    }
    if (messages)
        fprintf(out, " (%s of the replayed)", number(n, messages));
    fputc('\n', out);
}

static bool said_before(const struct tree *what, size_t at)
{
    for (size_t i = 0; i < at; i++)
        if (alike(what->child[i], what->child[at]))
            return true;
    return false;
}

static void print_party(FILE *out, const struct tree *t, bool gained)
{
    char name[300];
    const struct tree *what = tree_get(t, "what");
    size_t shown = 0, more = 0;
    fprintf(out, "  %s", tree_gets(t, "party", ""));
    if (tree_get(t, "name"))
        fprintf(out, " (%s, %s)", escaped(name, tree_gets(t, "name", "")),
                tree_gets(t, "role", ""));
    if (tree_getb(t, "everything", false))
        fputs(gained ? ": got nothing before" : ": gets nothing any more", out);
    else if (tree_getb(t, "all_personal", false))
        fputs(gained ? ": got nothing about people before" : ": nothing about people any more",
              out);
    fputc('\n', out);
    for (size_t i = 0; what && i < what->n; i++) {
        if (shown == ENTRIES_SHOWN)
            more++;
        else if (!said_before(what, i) && ++shown)
            print_entry(out, what, i);
    }
    if (more)
        fprintf(out, "    and up to %zu more; --json has them\n", more);
}

static void print_reach(const struct paint *p, const struct tree *list, bool gained)
{
    if (!list || list->n == 0)
        return;
    heading(p, gained ? YELLOW : BOLD, gained ? "newly possible, for" : "no longer possible, for",
            0, "");
    for (size_t i = 0; i < list->n && i < PARTIES_SHOWN; i++)
        print_party(p->out, list->child[i], gained);
    if (list->n > PARTIES_SHOWN)
        fprintf(p->out, "  and %zu more parties; --json has them\n", list->n - PARTIES_SHOWN);
}

/* ---- the rest ---- */

static void print_differences(const struct paint *p, const struct tree *list)
{
    if (!list || list->n == 0)
        return;
    heading(p, BOLD, "also different, and not seen by replaying routes", 0, "");
    for (size_t i = 0; i < list->n && i < PARTIES_SHOWN; i++) {
        const struct tree *what = tree_get(list->child[i], "what");
        fprintf(p->out, "  %s: ", tree_gets(list->child[i], "name", ""));
        for (size_t k = 0; what && k < what->n; k++)
            fprintf(p->out, "%s%s", k ? ", " : "", tree_text(what->child[k]));
        fputc('\n', p->out);
    }
    if (list->n > PARTIES_SHOWN)
        fprintf(p->out, "  and %zu more; --json has them\n", list->n - PARTIES_SHOWN);
}

static void print_not_replayed(const struct paint *p, const struct tree *t)
{
    static const struct {
        const char *name, *words;
    } rows[] = {
        {"without_attributes", "were dropped by an earlier version that did not keep attributes"},
        {"unreadable", "have attributes that cannot be read"},
        {"of_unknown_connectors", "came by a connector that neither has: replayed as they were"},
    };
    const struct tree *r = tree_get(t, "replayed"), *files = tree_get(t, "unreadable");
    char n[32], text[300];
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
        if (tree_getu(r, rows[i].name, 0))
            fprintf(p->out, "  %s %s\n", number(n, tree_getu(r, rows[i].name, 0)), rows[i].words);
    for (size_t i = 0; files && i < files->n; i++)
        fprintf(p->out, "  the journal of %s could not be read to its end: %s\n",
                tree_gets(files->child[i], "process", ""),
                escaped(text, tree_gets(files->child[i], "text", "")));
}

void plan_print(const struct tree *t, FILE *out, bool colours)
{
    const struct paint p = {out, colours};
    const struct tree *r = tree_get(t, "replayed");
    uint64_t all = tree_getu(r, "messages", 0), same = tree_getu(r, "unchanged", 0);
    char n[32], m[32];
    fprintf(out, "%s -> %s\n", tree_gets(t, "old", ""), tree_gets(t, "new", ""));
    fprintf(out, "replayed %s message%s", number(n, all), all == 1 ? "" : "s");
    if (all)
        fprintf(out, ", %.10s to %.10s", tree_gets(r, "first", ""), tree_gets(r, "last", ""));
    fprintf(out, "; %s would go where they went\n", same == all ? "all" : number(m, same));
    print_not_replayed(&p, t);
    print_changes(&p, t);
    print_held(&p, t);
    print_destinations(&p, tree_get(r, "destinations"));
    print_reach(&p, tree_get(t, "newly_possible"), true);
    print_reach(&p, tree_get(t, "no_longer_possible"), false);
    print_differences(&p, tree_get(t, "differences"));
}
