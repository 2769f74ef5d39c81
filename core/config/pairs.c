/* SPDX-License-Identifier: Apache-2.0 */
/* pairs - what can be seen before any message came: may this source's messages of this type come to
 * that destination, may its party have them, and can its standard be written there?
 *
 * Seen is what a route says of `type` and `party`: in `match`, and in a `when` whose outermost form
 * is AND of simple terms. Where a route names the type, a fault is an error; where it only might
 * carry it, a warning; at run time the worker refuses whatever has no agreement in any case. Known
 * limit: anything else in `when` is not looked at. */
#include "compile.h"
#include "base/util.h"
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

enum may { MAY_NOT, MAY, MAY_SURELY };

/* ---- what an expression says of an attribute ---- */
static const char *skip(const char *p, const char *end)
{
    while (p < end && isspace((unsigned char)*p))
        p++;
    return p;
}

static bool word_at(const char *p, const char *end, const char *word)
{
    size_t n = strlen(word);
    return (size_t)(end - p) >= n && strncasecmp(p, word, n) == 0 &&
           ((size_t)(end - p) == n || !(isalnum((unsigned char)p[n]) || p[n] == '_'));
}

static const char *behind_text(const char *p, const char *end) /* p at a quote */
{
    char q = *p++;
    while (p < end && *p != q)
        p += *p == '\\' && p + 1 < end ? 2 : 1;
    return p < end ? p + 1 : end;
}

/* The first AND at the outermost level from p on, or end; NULL when the level has an operator that
 * is not AND. */
static const char *next_and(const char *p, const char *end)
{
    static const char *const others[] = {"OR", "XOR", "NOT"};
    int depth = 0;
    for (bool start = true; p < end; p++) {
        if (*p == '\'' || *p == '"') {
            p = behind_text(p, end) - 1;
            start = true;
            continue;
        }
        depth += (*p == '(') - (*p == ')');
        for (size_t i = 0; start && depth == 0 && i < ARRAY_SIZE(others); i++) {
            if (word_at(p, end, others[i]))
                return NULL;
        }
        if (start && depth == 0 && word_at(p, end, "AND"))
            return p;
        start = !(isalnum((unsigned char)*p) || *p == '_');
    }
    return end;
}

/* Whether the quoted texts from p on include value; false also for anything that is not quoted
 * texts, commas, parentheses. */
static int texts_include(const char *p, const char *end, const char *value)
{
    size_t n = strlen(value);
    bool found = false;
    for (p = skip(p, end); p < end; p = skip(p, end)) {
        if (*p == '(' || *p == ')' || *p == ',') {
            p++;
        } else if (*p == '\'' || *p == '"') {
            const char *behind = behind_text(p, end);
            found = found || ((size_t)(behind - p) == n + 2 && memcmp(p + 1, value, n) == 0);
            p = behind;
        } else {
            return -1; /* not a simple term */
        }
    }
    return found;
}

/* One term: does it say of `attribute` that it is (one of) …? */
static enum may term_says(const char *p, const char *end, const char *attribute, const char *value)
{
    p = skip(p, end);
    if (!word_at(p, end, attribute))
        return MAY;
    p = skip(p + strlen(attribute), end);
    if (p < end && *p == '=')
        p++;
    else if (word_at(p, end, "IN"))
        p += 2;
    else
        return MAY;
    int r = texts_include(p, end, value);
    return r < 0 ? MAY : r ? MAY_SURELY : MAY_NOT;
}

static enum may and (enum may a, enum may b) {
    if (a == MAY_NOT || b == MAY_NOT) return MAY_NOT;
    return a == MAY_SURELY || b == MAY_SURELY ? MAY_SURELY : MAY;
}

static enum may when_says(const char *text, const char *attribute, const char *value)
{
    enum may all = MAY;
    const char *end = text + strlen(text);
    for (const char *p = text, *at = text; at < end; p = at + 3) {
        at = next_and(p, end);
        if (!at)
            return MAY;
        all = and(all, term_says(p, at, attribute, value));
    }
    return all;
}

static enum may match_says(const struct tree *list, const char *value)
{
    if (!list)
        return MAY;
    for (size_t i = 0; i < list->n; i++) {
        if (strcmp(list->child[i]->text, value) == 0)
            return MAY_SURELY;
    }
    return MAY_NOT;
}

static enum may node_says(const struct tree *node, const char *attribute, const char *value)
{
    const char *when = tree_gets(node, "when", NULL);
    enum may m = match_says(tree_get(tree_get(node, "match"), attribute), value);
    return when ? and(m, when_says(when, attribute, value)) : m;
}

/* Of a route and (or NULL) its alternative: the source's messages of any type. */
static enum may lets_in(const struct connector *x, const struct tree *route,
                        const struct tree *alternative)
{
    return and(node_says(route, "party", x->party_name),
               alternative ? node_says(alternative, "party", x->party_name) : MAY);
}

/* The source's messages of this type. */
static enum may carries(const struct connector *x, const struct tree *route,
                        const struct tree *alternative, const char *type)
{
    enum may who = lets_in(x, route, alternative);
    enum may m = and(node_says(route, "type", type),
                     alternative ? node_says(alternative, "type", type) : MAY);
    return who == MAY_NOT ? MAY_NOT : m;
}

/* ---- agreements ---- */
bool party_is_hub(const struct connector *x)
{
    return strcmp(tree_gets(x->party, "role", ""), "hub") == 0;
}

enum agreed { AGREED, AGREED_ENDED, AGREED_NOT };

static enum agreed agreed(const struct compile *c, const struct connector *x)
{
    const struct tree *all = tree_get(x->party, "agreements");
    enum agreed best = party_is_hub(x) ? AGREED : AGREED_NOT;
    char today[RFC3339_MAX];
    rfc3339_ms(c->env->now_ms ? c->env->now_ms : wall_ms(), today);
    for (size_t i = 0; best != AGREED && i < tree_items(all); i++) {
        const struct tree *a = tree_item(all, i);
        const char *until = tree_gets(a, "until", NULL);
        if (tree_has(tree_get(a, "data"), "personal"))
            best = until && strncmp(today, until, 10) > 0 ? AGREED_ENDED : AGREED;
    }
    return best;
}

static void check_agreement(struct compile *c, const struct connector *x, const struct tree *at,
                            const char *type, enum may m)
{
    enum agreed a = x->party ? agreed(c, x) : AGREED;
    if (a == AGREED_NOT)
        say(c, m == MAY_SURELY ? SEVERITY_ERROR : SEVERITY_WARNING, at, "agreement-missing",
            "%s is about people, and party `%s` has no agreement for personal data: it would be "
            "refused; add agreements: "
            "[{purpose: …, data: [personal], until: …}] to the party",
            type, x->party_name);
    else if (a == AGREED_ENDED)
        warning_at(
            c, at, "agreement-ended",
            "%s is about people, and the agreement of party `%s` for personal data has ended: it "
            "will be refused",
            type, x->party_name);
}

/* ---- standards ---- */
static bool any_standard(const struct side *s)
{
    return strcmp(s->standard, "cloudevents") == 0;
}

static bool same_standard(const struct side *a, const struct side *b)
{
    return strcmp(a->standard, b->standard) == 0;
}

static bool writable(const struct module *from, const struct module *to)
{
    return module_has(from, "to_hub") && module_has(to, "from_hub");
}

/* The row of a type in the table of what an adapter emits; NULL: it has none. *ret_told: some row
 * says `key`, so that a row without it means something. */
static const struct tree *row_of(const struct module *m, const char *type, const char *key,
                                 bool *ret_told)
{
    const struct tree *emits = tree_get(m->about, "emits"), *row = NULL;
    *ret_told = false;
    for (size_t i = 0; tree_is_list(emits) && i < emits->n; i++) {
        *ret_told = *ret_told || tree_get(emits->child[i], key);
        if (strcmp(tree_gets(emits->child[i], "type", ""), type) == 0)
            row = emits->child[i];
    }
    return row;
}

/* need: "a|b", either of which will do. */
static bool given(const struct tree *gives, const char *need)
{
    for (const char *p = need; *p;) {
        size_t n = strcspn(p, "|");
        for (size_t i = 0; i < gives->n; i++) {
            const char *text = tree_text(gives->child[i]);
            if (text && strlen(text) == n && memcmp(text, p, n) == 0)
                return true;
        }
        p += n + (p[n] == '|');
    }
    return false;
}

/* What one standard needs of the type's hub record and the other never gives, into out; the result
 * is how many. */
static size_t lacking(const struct tree *gives, const struct tree *needs, char *out, size_t cap)
{
    size_t n = 0, at = 0;
    out[0] = '\0';
    for (size_t i = 0; tree_is_list(needs) && i < needs->n; i++) {
        const char *need = tree_text(needs->child[i]);
        if (!need || given(gives, need))
            continue;
        int wrote = snprintf(out + at, cap - at, "%s%s", n++ ? ", " : "", need);
        at = wrote > 0 && (size_t)wrote < cap - at ? at + (size_t)wrote : cap - 1;
    }
    return n;
}

/* What both tables say of the type. true: there is nothing to say. */
static bool type_writable(const struct side *a, const struct side *b, const char *type, char *why,
                          size_t cap)
{
    char fields[200];
    bool a_told, b_told;
    const struct tree *gives = tree_get(row_of(a->adapter, type, "gives", &a_told), "gives"),
                      *needs = tree_get(row_of(b->adapter, type, "needs", &b_told), "needs");
    if (a_told && !tree_is_list(gives))
        (void)snprintf(why, cap, "%s makes no hub record of %s", a->standard, type);
    else if (b_told && !tree_is_list(needs))
        (void)snprintf(why, cap, "%s has no place for %s", b->standard, type);
    else if (tree_is_list(gives) && lacking(gives, needs, fields, sizeof(fields)) > 0)
        (void)snprintf(why, cap, "of %s %s needs what %s never says: %s", type, b->standard,
                       a->standard, fields);
    else
        return true;
    return false;
}

static void check_standard(struct compile *c, const struct connector *from,
                           const struct connector *to, const struct tree *at, const char *type,
                           enum may m)
{
    const struct side *a = &from->receive, *b = &to->deliver;
    char why[400] = "";
    if (!a->adapter || !b->adapter || same_standard(a, b) || any_standard(a) || any_standard(b))
        return;
    if (!writable(a->adapter, b->adapter)) {
        const struct side *lacks = module_has(a->adapter, "to_hub") ? b : a;
        (void)snprintf(why, sizeof(why), "%s has no %s", lacks->standard,
                       lacks == a ? "to_hub" : "from_hub");
    } else if (type_writable(a, b, type, why, sizeof(why))) {
        return;
    }
    say(c, m == MAY_SURELY ? SEVERITY_ERROR : SEVERITY_WARNING, at, "no-translation",
        "messages of `%s` follow %s, and `%s` speaks %s: there is no way from one to the other "
        "(%s)",
        from->name, a->standard, to->name, b->standard, why);
}

/* ---- every (source, type, destination) ---- */
struct pair {
    struct compile *c;
    const struct tree *route, *alternative;
    const struct tree *at; /* the destination's name, where it stands */
    const struct connector *to;
    const struct side *needs; /* asked by sink_needs(): does this side's standard come here? */
    bool needed;
};

static void check_type(struct pair *p, const struct connector *from, const char *type,
                       bool personal, enum may m)
{
    if (m == MAY_NOT)
        return;
    if (p->needs) {
        p->needed = p->needed || (from->receive.adapter && same_standard(&from->receive, p->needs));
        return;
    }
    if (personal || strncmp(type, "client.", 7) == 0)
        check_agreement(p->c, p->to, p->at, type, m);
    check_standard(p->c, from, p->to, p->at, type, m);
}

/* A source that may emit anything: the types are those of the closed list, as far as the route
 * names them. */
static void check_open(struct pair *p, const struct connector *from)
{
    static const char *const types[] = {"client.referral", "client.referral.update", "client.case",
                                        "client.case.update", "client.outcome"};
    if (p->needs)
        check_type(p, from, "*", false, p->route ? lets_in(from, p->route, p->alternative) : MAY);
    for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
        enum may m = carries(from, p->route, p->alternative, types[i]);
        if (m == MAY_SURELY || (!p->route && i == 0)) /* unrouted: anything that nobody takes */
            check_type(p, from, types[i], true, m);
    }
}

static void check_source(struct pair *p, const struct connector *from)
{
    const struct tree *emits =
        from->receive.adapter ? tree_get(from->receive.adapter->about, "emits") : NULL;
    if (!from->party_name)
        return;
    for (size_t i = 0; emits && i < emits->n; i++) {
        const char *type = tree_gets(emits->child[i], "type", "*");
        if (strcmp(type, "*") == 0)
            check_open(p, from);
        else
            check_type(p, from, type, tree_getb(emits->child[i], "personal", false),
                       p->route ? carries(from, p->route, p->alternative, type) : MAY);
    }
}

static void each_destination(struct pair *p, const struct tree *to)
{
    const struct connector *wanted = p->to;
    for (size_t i = 0; i < tree_items(to); i++) {
        p->at = tree_item(to, i);
        p->to = tree_text(p->at) ? connector_find(p->c, p->at->text) : NULL;
        if (!p->to || !p->to->deliver.present || (wanted && wanted != p->to))
            continue;
        for (size_t k = 0; k < p->c->connectors_n; k++) {
            if (p->c->connectors[k].receive.present)
                check_source(p, &p->c->connectors[k]);
        }
    }
    p->to = wanted;
}

static void each_route(struct pair *p)
{
    struct compile *c = p->c;
    for (size_t i = 0; c->routes && i < c->routes->n; i++) {
        p->route = c->routes->child[i];
        p->alternative = NULL;
        each_destination(p, tree_get(p->route, "to"));
        const struct tree *first = tree_get(p->route, "first");
        for (size_t k = 0; first && k < first->n; k++) {
            p->alternative = first->child[k];
            each_destination(p, tree_get(p->alternative, "to"));
        }
    }
    p->route = p->alternative = NULL;
    each_destination(p, tree_at(c->raw, "unrouted/to"));
}

void pairs_check(struct compile *c)
{
    struct pair p = {.c = c};
    each_route(&p);
}

bool sink_needs(struct compile *c, const struct connector *sink, const struct side *s)
{
    const struct side *to = &sink->deliver;
    if (same_standard(s, to) || any_standard(to) || !writable(s->adapter, to->adapter))
        return false;
    for (size_t i = 0; i < c->connectors_n;
         i++) { /* a CloudEvent may carry a body of any standard */
        const struct side *from = &c->connectors[i].receive;
        if (from->adapter && any_standard(from))
            return true;
    }
    struct pair p = {.c = c, .to = sink, .needs = s};
    each_route(&p);
    return p.needed;
}
