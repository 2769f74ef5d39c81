/* SPDX-License-Identifier: Apache-2.0 */
/* grammar - the tables that say which keys there are and what their values look like, and the walk
 * that checks them.
 *
 * The tables are the truth: config/README.md is checked against them. Keys marked FIELD_LATER are
 * reserved for what is designed and not built; they are refused, because a key that is accepted and
 * ignored is worse than one that is refused. */
#include "compile.h"
#include "base/util.h"
#include <stdio.h>
#include <string.h>

static const struct field tls[] = {
    {"certificate", SHAPE_PATH, FIELD_REQUIRED | FIELD_REF, NULL, NULL},
    {"key", SHAPE_PATH, FIELD_REQUIRED | FIELD_REF, NULL, NULL},
    {0},
};
static const struct field auth[] = {
    {"bearer", SHAPE_SECRET, FIELD_REQUIRED | FIELD_LIST | FIELD_REF, NULL, NULL},
    {0},
};
const struct field grammar_console[] = {
    {"auth", SHAPE_MAP, 0, NULL, auth},
    {0},
};
static const struct field door[] = {
    {"listen", SHAPE_TEXT, FIELD_REF, NULL, NULL}, /* required: door.c, for each machine */
    {"tls", SHAPE_MAP, 0, NULL, tls},
    {"max_body", SHAPE_BYTES, FIELD_REF, "1k..64G", NULL},
    {"behind_proxy", SHAPE_BOOL, FIELD_REF, NULL, NULL},
    {"deadline", SHAPE_DURATION, FIELD_REF, "1s..1d", NULL},
    {"max_connections", SHAPE_INT, FIELD_REF, "1..60000", NULL},
    {"metrics", SHAPE_MAP, 0, NULL, auth},
    {"console", SHAPE_ANY, 0, NULL, grammar_console}, /* true, or a map: checked in console.c */
    {0},
};
#define CREDENTIALS                                         \
    {"password", SHAPE_SECRET, FIELD_REF, NULL, NULL},      \
        {"certificate", SHAPE_PATH, FIELD_REF, NULL, NULL}, \
    {                                                       \
        "key", SHAPE_PATH, FIELD_REF, NULL, NULL            \
    }
#define LOGIN {"user", SHAPE_TEXT, FIELD_REF, NULL, NULL}, CREDENTIALS
static const struct field amqp_login[] = {LOGIN, {0}};
static const struct field amqp[] = {
    {"brokers", SHAPE_TEXT, FIELD_REQUIRED | FIELD_LIST | FIELD_REF, NULL, NULL},
    {"vhost", SHAPE_TEXT, FIELD_REQUIRED | FIELD_REF, NULL, NULL},
    LOGIN,
    {"ca", SHAPE_PATH, FIELD_REF, NULL, NULL},
    {"tls", SHAPE_BOOL, FIELD_REF, NULL, NULL},
    {"queues", SHAPE_CHOICE, FIELD_REF, "quorum|classic", NULL},
    {"users", SHAPE_NAMED, FIELD_FREE, NULL, amqp_login},
    {0},
};
const struct field grammar_transport[] = {
    {"amqp", SHAPE_MAP, FIELD_REQUIRED, NULL, amqp},
    {0},
};
static const struct field postgresql[] = {
    {"hosts", SHAPE_TEXT, FIELD_REQUIRED | FIELD_LIST | FIELD_REF, NULL, NULL},
    {"database", SHAPE_TEXT, FIELD_REQUIRED | FIELD_REF, NULL, NULL},
    {"user", SHAPE_TEXT, FIELD_REQUIRED | FIELD_REF, NULL, NULL},
    CREDENTIALS,
    {"schema", SHAPE_TEXT, FIELD_REF, NULL, NULL},
    {"ca", SHAPE_PATH, FIELD_REF, NULL, NULL},
    {"tls", SHAPE_BOOL, FIELD_REF, NULL, NULL},
    {0},
};
const struct field grammar_state[] = {
    {"postgresql", SHAPE_MAP, FIELD_REQUIRED, NULL, postgresql},
    {0},
};
static const struct field machine[] = {
    {"door", SHAPE_MAP, 0, NULL, door},
    {"data", SHAPE_PATH, FIELD_REF, NULL, NULL},
    {0},
};
static const struct field retention[] = {
    {"dead", SHAPE_DURATION, FIELD_REF, "1h..", NULL},
    {"unseen", SHAPE_DURATION, FIELD_REF, "1h..", NULL},
    {"journal", SHAPE_DURATION, FIELD_REF, "1d..", NULL},
    {"receipts", SHAPE_DURATION, FIELD_REF, "1d..", NULL},
    {"done", SHAPE_DURATION, FIELD_REF, "1h..", NULL},
    {0},
};
static const struct field log_keys[] = {
    {"format", SHAPE_CHOICE, 0, "text|json", NULL},
    {"level", SHAPE_CHOICE, 0, "error|warning|info|debug", NULL},
    {0},
};
static const struct field unrouted[] = {
    {"to", SHAPE_NAME, FIELD_LIST, NULL, NULL},
    {"drop", SHAPE_TEXT, 0, NULL, NULL},
    {0},
};
static const struct field limits[] = {
    {"message", SHAPE_BYTES, FIELD_REF, "1k..256M", NULL},
    {"keep_free", SHAPE_BYTES, FIELD_REF, "0..", NULL},
    {0},
};
static const struct field agreement[] = {
    {"purpose", SHAPE_TEXT, FIELD_REQUIRED, NULL, NULL},
    {"data", SHAPE_NAME, FIELD_REQUIRED | FIELD_LIST, NULL, NULL},
    {"until", SHAPE_DATE, 0, NULL, NULL},
    {0},
};
static const struct field party[] = {
    {"name", SHAPE_TEXT, FIELD_REQUIRED, NULL, NULL},
    {"role", SHAPE_CHOICE, FIELD_REQUIRED, "government|funder|provider|citizen|politician|hub",
     NULL},
    {"identifier", SHAPE_TEXT, 0, NULL, NULL},
    {"agreements", SHAPE_MAP, FIELD_LIST, NULL, agreement},
    {0},
};
static const struct field retry[] = {
    {"for", SHAPE_DURATION, FIELD_REQUIRED | FIELD_REF, "1s..", NULL},
    {0},
};
static const struct field limit[] = {
    {"messages", SHAPE_INT, FIELD_REF, "1..", NULL},
    {"bytes", SHAPE_BYTES, FIELD_REF, "1M..", NULL},
    {0},
};
static const struct field too_old[] = {
    {"oldest", SHAPE_DURATION, FIELD_REQUIRED | FIELD_REF, "1s..", NULL},
    {0},
};
static const struct field rhythm[] = {
    {"every", SHAPE_PERIOD, FIELD_REQUIRED, NULL, NULL},
    {"grace", SHAPE_DURATION, FIELD_REF, NULL, NULL},
    {0},
};
const struct field grammar_receive[] = {
    {"plugin", SHAPE_TEXT, 0, NULL, NULL},
    {"use", SHAPE_NAME, 0, NULL, NULL},
    {"path", SHAPE_TEXT, 0, NULL, NULL},
    {"speaks", SHAPE_ANY, 0, NULL, NULL},
    {"auth", SHAPE_MAP, 0, NULL, auth},
    {"partial", SHAPE_BOOL, FIELD_REF, NULL, NULL},
    {"steps", SHAPE_ANY, 0, NULL, NULL},
    {"deadline", SHAPE_DURATION, FIELD_REF, "1s..1d", NULL},
    {"types", SHAPE_CHOICE, 0, "closed|open", NULL},
    {"expect", SHAPE_MAP, 0, NULL, rhythm},
    {"enabled", SHAPE_BOOL, FIELD_REF, NULL, NULL},
    {"on", SHAPE_NAME, FIELD_LIST, NULL, NULL},
    {"once", SHAPE_ANY, FIELD_LATER, NULL, NULL},
    {0},
};
const struct field grammar_deliver[] = {
    {"plugin", SHAPE_TEXT, 0, NULL, NULL},
    {"use", SHAPE_NAME, 0, NULL, NULL},
    {"speaks", SHAPE_ANY, 0, NULL, NULL},
    {"retry", SHAPE_MAP, 0, NULL, retry},
    {"order", SHAPE_CHOICE, 0, "free|strict", NULL},
    {"limit", SHAPE_MAP, 0, NULL, limit},
    {"alarm", SHAPE_MAP, 0, NULL, too_old},
    {"batch", SHAPE_INT, FIELD_REF, "1..10000", NULL},
    {"steps", SHAPE_ANY, 0, NULL, NULL},
    {"deadline", SHAPE_DURATION, FIELD_REF, "1s..1d", NULL},
    {"enabled", SHAPE_BOOL, FIELD_REF, NULL, NULL},
    {"on", SHAPE_NAME, FIELD_LIST, NULL, NULL},
    {"once", SHAPE_ANY, FIELD_LATER, NULL, NULL},
    {0},
};
static const struct field connector[] = {
    {"party", SHAPE_NAME, FIELD_REQUIRED, NULL, NULL},
    {"receive", SHAPE_ANY, 0, NULL,
     NULL}, /* checked with their profile and defaults, in connectors.c */
    {"deliver", SHAPE_ANY, 0, NULL, NULL},
    {"enabled", SHAPE_BOOL, FIELD_REF, NULL, NULL},
    {"was", SHAPE_NAME, FIELD_LIST, NULL, NULL},
    {"on", SHAPE_NAME, FIELD_LIST, NULL, NULL},
    {0},
};
const struct field grammar_route[] = {
    {"match", SHAPE_ANY, 0, NULL, NULL},
    {"when", SHAPE_ANY, 0, NULL, NULL},
    {"first", SHAPE_ANY, 0, NULL, NULL},
    {"to", SHAPE_NAME, FIELD_LIST, NULL, NULL},
    {0},
};
const struct field grammar_alternative[] = {
    {"match", SHAPE_ANY, 0, NULL, NULL},
    {"when", SHAPE_ANY, 0, NULL, NULL},
    {"to", SHAPE_NAME, FIELD_LIST | FIELD_REQUIRED, NULL, NULL},
    {0},
};
const struct field grammar_top[] = {
    {"hub", SHAPE_NAME, FIELD_REQUIRED, NULL, NULL},
    {"data", SHAPE_PATH, FIELD_REF, NULL, NULL},
    {"transport", SHAPE_ANY, 0, NULL,
     grammar_transport},                          /* spool, or a map: checked in transport.c */
    {"state", SHAPE_ANY, 0, NULL, grammar_state}, /* sqlite, or a map: checked in state.c */
    {"machines", SHAPE_NAMED, 0, NULL, machine},
    {"door", SHAPE_MAP, 0, NULL, door},
    {"retention", SHAPE_MAP, 0, NULL, retention},
    {"limits", SHAPE_MAP, 0, NULL, limits},
    {"log", SHAPE_MAP, 0, NULL, log_keys},
    {"unrouted", SHAPE_MAP, 0, NULL, unrouted},
    {"defaults", SHAPE_ANY, 0, NULL, NULL},
    {"parties", SHAPE_NAMED, FIELD_REQUIRED, NULL, party},
    {"connectors", SHAPE_NAMED, FIELD_REQUIRED, NULL, connector},
    {"routes", SHAPE_NAMED, 0, NULL, grammar_route},
    {0},
};
static const struct field expect[] = {
    {"destinations", SHAPE_ANY, 0, NULL, NULL},
    {"accepted", SHAPE_INT, 0, "0..", NULL},
    {"refused", SHAPE_INT, 0, "0..", NULL},
    {"unrouted", SHAPE_INT, 0, "0..", NULL},
    {0},
};
const struct field grammar_case[] = {
    {"name", SHAPE_TEXT, 0, NULL, NULL},
    {"file", SHAPE_PATH, FIELD_REQUIRED, NULL, NULL},
    {"from", SHAPE_NAME, FIELD_REQUIRED, NULL, NULL},
    {"content_type", SHAPE_TEXT, 0, NULL, NULL},
    {"expect", SHAPE_MAP, FIELD_REQUIRED, NULL, expect},
    {0},
};

const struct field *field_find(const struct field *fields, const char *key)
{
    for (; fields->key; fields++) {
        if (strcmp(fields->key, key) == 0)
            return fields;
    }
    return NULL;
}

const char *wanted_words(char *out, size_t cap, const char *allowed, const char *why)
{
    if (why != allowed) {
        (void)snprintf(out, cap, "%s", why);
        return out;
    }
    const char *dots = strstr(allowed, "..");
    if (!dots) { /* a|b|c */
        struct buf b = BUF_INIT(400);
        for (const char *p = allowed; *p; p++)
            (void)(*p == '|' ? buf_adds(&b, ", ") : buf_addc(&b, *p));
        (void)snprintf(out, cap, "one of %s", buf_str(&b));
        buf_done(&b);
    } else if (dots == allowed) {
        (void)snprintf(out, cap, "at most %s", dots + 2);
    } else if (!dots[2]) {
        (void)snprintf(out, cap, "at least %.*s", (int)(dots - allowed), allowed);
    } else {
        (void)snprintf(out, cap, "between %.*s and %s", (int)(dots - allowed), allowed, dots + 2);
    }
    return out;
}

static const char *kind_words(const struct tree *t)
{
    return tree_is_map(t) ? "a map" : tree_is_list(t) ? "a list" : "a single value";
}

static void check_text(struct compile *c, const struct field *f, const struct tree *t)
{
    struct buf b = BUF_INIT(256u << 10), out = BUF_INIT(256u << 10);
    bool reference = value_has_reference(t);
    char words[500], q[QUOTE_MAX];
    if (f->shape == SHAPE_SECRET && !reference)
        error_at(
            c, t, "secret-plain",
            "`%s` must be a reference, ${file:secrets/NAME} or ${env:NAME}: secrets have no place "
            "in these files",
            f->key);
    else if (reference && !(f->flags & FIELD_REF))
        error_at(c, t, "reference-here", "`%s` cannot hold a reference (${…})", f->key);
    else if (t->text_len == 0)
        error_at(c, t, "bad-value", "`%s` has no value", f->key);
    else if (value_resolve(c, t, &b) == RESOLVED) {
        const char *why = value_canonical(f->shape, f->allowed, "/", buf_str(&b), &out);
        if (why && reference)
            error_at(c, t, "bad-value", "what %s gives for `%s` is not what is wanted: %s",
                     quote(q, t->text), f->key,
                     wanted_words(words, sizeof(words), f->allowed, why));
        else if (why)
            error_at(c, t, "bad-value", "`%s` is %s; wanted: %s", f->key, quote(q, t->text),
                     wanted_words(words, sizeof(words), f->allowed, why));
    }
    buf_done(&b);
    buf_done(&out);
}

static const char *one_of(const char *key)
{
    return strcmp(key, "parties") == 0    ? "party"
           : strcmp(key, "routes") == 0   ? "route"
           : strcmp(key, "users") == 0    ? "user"
           : strcmp(key, "machines") == 0 ? "machine"
                                          : "connector";
}

static void check_named(struct compile *c, const struct field *f, const struct tree *map)
{
    for (size_t i = 0; i < map->n; i++) {
        char what[2 * QUOTE_MAX], q[QUOTE_MAX];
        const char *key = map->key[i]->text;
        (void)snprintf(what, sizeof(what), "%s %s", one_of(f->key), quote(q, key));
        if (!(f->flags & FIELD_FREE) && !name_ok(key))
            error_at(c, map->key[i], "bad-name",
                     "%s is no name: lower-case letters, digits and hyphens, at most 63",
                     quote(q, key));
        if (tree_is_map(map->child[i]))
            grammar_check(c, f->sub, map->child[i], what, false);
        else
            error_at(c, map->child[i], "wrong-kind", "%s must be a map, not %s", what,
                     kind_words(map->child[i]));
    }
}

static void check_one(struct compile *c, const struct field *f, const struct tree *t)
{
    if (f->shape == SHAPE_ANY)
        return;
    bool want_map = f->shape == SHAPE_MAP || f->shape == SHAPE_NAMED;
    if (want_map && !tree_is_map(t))
        error_at(c, t, "wrong-kind", "`%s` must be a map, not %s", f->key, kind_words(t));
    else if (!want_map && t->kind != TREE_SCALAR)
        error_at(c, t, "wrong-kind", "`%s` must be a single value, not %s", f->key, kind_words(t));
    else if (f->shape == SHAPE_NAMED)
        check_named(c, f, t);
    else if (f->shape == SHAPE_MAP)
        grammar_check(c, f->sub, t, f->key, false);
    else
        check_text(c, f, t);
}

static void check_field(struct compile *c, const struct field *f, const struct tree *key,
                        const struct tree *t)
{
    if (f->flags & FIELD_LATER) {
        error_at(c, key, "not-yet", "`%s` is reserved: this version does not have it", f->key);
        return;
    }
    if (!(f->flags & FIELD_LIST) || !tree_is_list(t)) {
        check_one(c, f, t);
        return;
    }
    if (t->n == 0)
        error_at(c, t, "bad-value", "`%s` has no value", f->key);
    for (size_t i = 0; i < t->n; i++)
        check_one(c, f, t->child[i]);
}

static void unknown_key(struct compile *c, const struct field *fields, const struct tree *key,
                        const char *what)
{
    const char *names[64];
    size_t n = 0;
    for (const struct field *f = fields; f->key && n < 64; f++)
        names[n++] = f->key;
    char q[QUOTE_MAX], s[QUOTE_MAX];
    error_at(c, key, "unknown-key", "unknown key %s in %s%s", quote(q, key->text), what,
             suggest(s, key->text, names, n));
}

void grammar_check(struct compile *c, const struct field *fields, const struct tree *map,
                   const char *what, bool open)
{
    for (size_t i = 0; i < map->n; i++) {
        const struct field *f = field_find(fields, map->key[i]->text);
        if (f)
            check_field(c, f, map->key[i], map->child[i]);
        else if (!open)
            unknown_key(c, fields, map->key[i], what);
    }
    for (const struct field *f = fields; f->key && !(c->partial && fields == grammar_top); f++) {
        if ((f->flags & FIELD_REQUIRED) && !tree_get(map, f->key))
            error_at(c, map, "missing-key", "%s has no `%s`", what, f->key);
    }
}

/* ---- values of checked fields ---- */
static const struct field *descend(const char *path, const struct field *fields)
{
    for (;;) {
        size_t n = strcspn(path, "/");
        char key[32];
        if (n >= sizeof(key) || !fields)
            return NULL;
        memcpy(key, path, n);
        key[n] = '\0';
        const struct field *f = field_find(fields, key);
        if (!f || !path[n])
            return f;
        fields = f->sub;
        path += n + 1;
    }
}

static bool get(struct compile *c, const struct tree *map, const char *path, enum shape shape,
                struct buf *out)
{
    const struct tree *t = tree_at(map, path);
    if (!t || t->kind != TREE_SCALAR)
        return false;
    const struct field *f = map == c->raw ? descend(path, grammar_top) : NULL;
    const struct source *s = source_of(c, t);
    struct buf b = BUF_INIT(256u << 10);
    bool ok =
        value_resolve(c, t, &b) == RESOLVED &&
        !value_canonical(shape, f ? f->allowed : NULL, s ? s->dir : c->root_dir, buf_str(&b), out);
    buf_done(&b);
    return ok;
}

static uint64_t get_number(struct compile *c, const struct tree *map, const char *path,
                           enum shape shape, uint64_t def)
{
    struct buf out = BUF_INIT(64);
    int64_t v = -1;
    if (get(c, map, path, shape, &out))
        (void)parse_i64(buf_str(&out), &v);
    buf_done(&out);
    return v < 0 ? def : (uint64_t)v;
}

uint64_t get_duration(struct compile *c, const struct tree *map, const char *path, uint64_t def)
{
    return get_number(c, map, path, SHAPE_DURATION, def);
}

uint64_t get_bytes(struct compile *c, const struct tree *map, const char *path, uint64_t def)
{
    return get_number(c, map, path, SHAPE_BYTES, def);
}

uint64_t get_int(struct compile *c, const struct tree *map, const char *path, uint64_t def)
{
    return get_number(c, map, path, SHAPE_INT, def);
}

bool get_bool(struct compile *c, const struct tree *map, const char *path, bool def)
{
    struct buf out = BUF_INIT(64);
    if (get(c, map, path, SHAPE_BOOL, &out))
        def = strcmp(buf_str(&out), "true") == 0;
    buf_done(&out);
    return def;
}

static char *get_string(struct compile *c, const struct tree *map, const char *path,
                        enum shape shape)
{
    struct buf out = BUF_INIT(256u << 10);
    if (get(c, map, path, shape, &out))
        return buf_take(&out, NULL);
    buf_done(&out);
    return NULL;
}

char *get_text(struct compile *c, const struct tree *map, const char *path)
{
    return get_string(c, map, path, SHAPE_TEXT);
}

char *get_path(struct compile *c, const struct tree *map, const char *path)
{
    return get_string(c, map, path, SHAPE_PATH);
}
