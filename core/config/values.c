/* SPDX-License-Identifier: Apache-2.0 */
/* values - single values: references put in, texts brought into canonical form, value lists read
 * from files.
 *
 * A secret exists only as text inside the plan: messages never quote a value that came from a
 * reference. A secret file that others can read is a warning; one that is not there is an error,
 * except with CONFIG_WITHOUT_SECRETS. */
#include "compile.h"
#include "base/period.h"
#include "base/util.h"
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#define SECRET_MAX    (64u << 10)
#define VALUE_MAX     (256u << 10)
#define LIST_FILE_MAX (4u << 20)

char *absolute(const char *dir, const char *name)
{
    while (name[0] == '.' && name[1] == '/')
        name += 1 + strspn(name + 1, "/");
    if (strcmp(name, ".") == 0)
        name = "";
    char *p = *name ? path_join(dir, name) : strdup(dir);
    if (!p)
        return NULL;
    size_t w = 0;
    for (size_t i = 0; p[i];
         i++) { /* a//b and a/./b are a/b; `..` stays, since it may stand behind a symbolic link */
        if (p[i] == '/' && p[i + 1] == '/')
            continue;
        if (p[i] == '/' && p[i + 1] == '.' && (p[i + 2] == '/' || p[i + 2] == '\0')) {
            i++;
            continue;
        }
        p[w++] = p[i];
    }
    while (w > 1 && p[w - 1] == '/')
        w--;
    p[w] = '\0';
    return p;
}

bool value_has_reference(const struct tree *t)
{
    const char *p = tree_text(t);
    while (p && (p = strstr(p, "${"))) {
        if (p == t->text || p[-1] != '$')
            return true;
        p += 2;
    }
    return false;
}

static enum resolved missing(struct compile *c, const struct tree *t, const char *code,
                             const char *what, const char *name, const char *why)
{
    if (c->flags & CONFIG_WITHOUT_SECRETS)
        return RESOLVED_NOT;
    char q[QUOTE_MAX];
    error_at(c, t, code, "%s %s: %s", what, quote(q, name), why);
    return RESOLVED_BAD;
}

static enum resolved from_file(struct compile *c, const struct tree *t, const char *name,
                               struct buf *out)
{
    const struct source *s = source_of(c, t);
    _cleanup_free_ char *path = absolute(s ? s->dir : c->root_dir, name), *text = NULL;
    size_t len = 0;
    struct stat st;
    if (!path) {
        c->no_memory = true;
        return RESOLVED_BAD;
    }
    if (stat(path, &st) == 0 && !S_ISREG(st.st_mode))
        return missing(c, t, "secret-file", "the file", name, "is not a plain file");
    int r = read_file(path, SECRET_MAX, &text, &len);
    if (r < 0)
        return missing(c, t, "secret-file", "the file", name,
                       r == -EFBIG ? "is larger than 64 KiB" : strerror(-r));
    if (stat(path, &st) == 0 && (st.st_mode & 077))
        warning_at(c, t, "secret-readable", "%s can be read by others than its owner: chmod 600",
                   name);
    if (len > 0 && text[len - 1] == '\n')
        len -= len > 1 && text[len - 2] == '\r' ? 2 : 1;
    if (len == 0 || memchr(text, '\0', len) || !utf8_valid(text, len)) {
        explicit_bzero(text, len);
        return missing(c, t, "secret-file", "the file", name,
                       len == 0 ? "is empty" : "is not text");
    }
    bool ok = buf_add(out, text, len) == 0;
    explicit_bzero(text, len);
    if (!ok)
        error_at(c, t, "value-size", "this value is too long");
    return ok ? RESOLVED : RESOLVED_BAD;
}

static enum resolved from_env(struct compile *c, const struct tree *t, const char *name,
                              struct buf *out)
{
    const char *v = getenv(name);
    if (!v || !*v)
        return missing(c, t, "env-unset", "the environment variable", name,
                       v ? "is empty" : "is not set");
    if (!utf8_valid(v, strlen(v)))
        return missing(c, t, "env-unset", "the environment variable", name, "is not UTF-8");
    if (buf_adds(out, v) < 0) {
        error_at(c, t, "value-size", "this value is too long");
        return RESOLVED_BAD;
    }
    return RESOLVED;
}

/* p stands behind "${"; *ret_end behind "}". */
static enum resolved reference(struct compile *c, const struct tree *t, const char *p,
                               const char **ret_end, struct buf *out)
{
    const char *end = strchr(p, '}');
    bool file = strncmp(p, "file:", 5) == 0, env = strncmp(p, "env:", 4) == 0;
    if (!end || (!file && !env)) {
        error_at(c, t, "reference-form",
                 "a reference is ${file:PATH} or ${env:NAME}; for the two characters write $${");
        return RESOLVED_BAD;
    }
    *ret_end = end + 1;
    p += file ? 5 : 4;
    if (p == end) {
        error_at(c, t, "reference-form", "this reference names nothing");
        return RESOLVED_BAD;
    }
    _cleanup_free_ char *name = strndup(p, (size_t)(end - p));
    if (!name) {
        c->no_memory = true;
        return RESOLVED_BAD;
    }
    return file ? from_file(c, t, name, out) : from_env(c, t, name, out);
}

enum resolved value_resolve(struct compile *c, const struct tree *t, struct buf *out)
{
    enum resolved all = RESOLVED;
    int r = 0;
    for (const char *p = t->text; *p && r == 0;) {
        if (strncmp(p, "$${", 3) == 0) {
            r = buf_adds(out, "${");
            p += 3;
        } else if (strncmp(p, "${", 2) == 0) {
            enum resolved one = reference(c, t, p + 2, &p, out);
            if (one == RESOLVED_BAD)
                return one;
            if (one == RESOLVED_NOT)
                all = one;
        } else {
            r = buf_addc(out, *p++);
        }
    }
    if (r < 0) {
        error_at(c, t, "value-size", "this value is too long");
        return RESOLVED_BAD;
    }
    return all;
}

/* ---- canonical forms ---- */
static bool in_range(const char *allowed, enum shape shape, int64_t v)
{
    if (!allowed || !*allowed)
        return true;
    char low[32] = "", high[32] = "";
    const char *dots = strstr(allowed, "..");
    if (!dots || dots - allowed >= 32 || strlen(dots + 2) >= 32)
        return true;
    memcpy(low, allowed, (size_t)(dots - allowed));
    memcpy(high, dots + 2, strlen(dots + 2));
    int64_t bound[2] = {INT64_MIN, INT64_MAX};
    const char *texts[2] = {low, high};
    for (int i = 0; i < 2; i++) {
        uint64_t u = 0;
        if (!*texts[i])
            continue;
        if (shape == SHAPE_INT)
            (void)parse_i64(texts[i], &bound[i]);
        else if ((shape == SHAPE_DURATION ? parse_duration_ms(texts[i], &u)
                                          : parse_bytes(texts[i], &u)) == 0)
            bound[i] = u > INT64_MAX ? INT64_MAX : (int64_t)u;
    }
    return v >= bound[0] && v <= bound[1];
}

static const char *number(enum shape shape, const char *allowed, const char *text, struct buf *out)
{
    uint64_t u = 0;
    int64_t v = 0;
    if (shape == SHAPE_INT && parse_i64(text, &v) < 0)
        return "a whole number";
    if (shape == SHAPE_DURATION && parse_duration_ms(text, &u) < 0)
        return "a duration: a number with ms, s, m, h or d, such as 20s";
    if (shape == SHAPE_BYTES && parse_bytes(text, &u) < 0)
        return "a size: a number, alone or with k, M or G, such as 10M";
    if (u > INT64_MAX)
        return "a smaller number";
    if (shape != SHAPE_INT)
        v = (int64_t)u;
    if (!in_range(allowed, shape, v))
        return allowed; /* "min..max": the caller words it */
    return buf_addf(out, "%" PRId64, v) < 0 ? "shorter" : NULL;
}

static bool choice(const char *allowed, const char *text)
{
    size_t n = strlen(text);
    for (const char *p = allowed; p && *p; p += *p == '|') {
        size_t w = strcspn(p, "|");
        if (w == n && memcmp(p, text, n) == 0)
            return true;
        p += w;
    }
    return false;
}

static bool date_ok(const char *text)
{
    char full[40];
    if (strlen(text) != 10)
        return false;
    (void)snprintf(full, sizeof(full), "%sT00:00:00Z", text);
    return rfc3339_parse(full, strlen(full), NULL) == 0;
}

static bool url_ok(const char *text)
{
    size_t n = strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+.-");
    if (n == 0 || strncmp(text + n, "://", 3) != 0 || !text[n + 3] || text[n + 3] == '/')
        return false;
    for (const char *p = text; *p; p++) {
        if ((unsigned char)*p <= ' ' || *p == 0x7f || strchr("\"<>\\^`{|}", *p))
            return false;
    }
    return true;
}

const char *value_canonical(enum shape shape, const char *allowed, const char *base,
                            const char *text, struct buf *out)
{
    _cleanup_free_ char *path = NULL;
    switch (shape) {
    case SHAPE_INT:
    case SHAPE_DURATION:
    case SHAPE_BYTES:
        return number(shape, allowed, text, out);
    case SHAPE_BOOL:
        if (strcmp(text, "true") != 0 && strcmp(text, "false") != 0)
            return "true or false";
        break;
    case SHAPE_CHOICE:
        if (!choice(allowed, text))
            return allowed;
        break;
    case SHAPE_PERIOD:
        if (parse_period(text, &(struct period){0}) < 0)
            return "how often: 1 month, 2 weeks, 1 day, or a duration such as 36h";
        break;
    case SHAPE_DATE:
        if (!date_ok(text))
            return "a date such as 2027-03-31";
        break;
    case SHAPE_NAME:
        if (!name_ok(text))
            return "a name: lower-case letters, digits and hyphens, at most 63";
        break;
    case SHAPE_PATH:
        if (!*text)
            return "a path";
        path = absolute(base, text);
        return !path || buf_adds(out, path) < 0 ? "shorter" : NULL;
    case SHAPE_URL:
        if (!url_ok(text))
            return "a URL such as https://example.org/in, without spaces";
        break;
    case SHAPE_TEXT:
    case SHAPE_SECRET:
    case SHAPE_MAP:
    case SHAPE_NAMED:
    case SHAPE_ANY:
        break;
    }
    return buf_adds(out, text) < 0 ? "shorter" : NULL;
}

/* ---- `@file` ---- */
static void list_line(struct compile *c, const struct tree *t, struct tree *list, const char *p,
                      size_t n)
{
    while (n > 0 && (p[0] == ' ' || p[0] == '\t'))
        p++, n--;
    while (n > 0 && (p[n - 1] == ' ' || p[n - 1] == '\t' || p[n - 1] == '\r'))
        n--;
    if (n == 0 || p[0] == '#')
        return;
    char *text = strndup(p, n);
    struct tree *v = text ? tree_scalar(text, false) : NULL;
    free(text);
    if (v) {
        v->file = t->file;
        v->line = t->line;
        v->col = t->col;
    }
    if (tree_append(list, v) < 0)
        c->no_memory = true;
}

void value_list_file(struct compile *c, const struct tree *t, struct tree *list)
{
    const struct source *s = source_of(c, t);
    _cleanup_free_ char *path = absolute(s ? s->dir : c->root_dir, t->text + 1), *text = NULL;
    size_t len = 0, before = list->n;
    if (!path) {
        c->no_memory = true;
        return;
    }
    char q[QUOTE_MAX];
    struct stat st;
    bool plain = stat(path, &st) < 0 || S_ISREG(st.st_mode); /* a pipe would never end */
    int r = t->text[1] == '\0' ? -ENOENT
            : !plain           ? -EINVAL
                               : read_file(path, LIST_FILE_MAX, &text, &len);
    if (r < 0) {
        error_at(c, t, "list-file", "the value list %s: %s", quote(q, t->text + 1),
                 r == -EFBIG ? "larger than 4 MiB" : strerror(-r));
        return;
    }
    if (memchr(text, '\0', len) || !utf8_valid(text, len)) {
        error_at(c, t, "list-file", "the value list %s is not UTF-8 text", quote(q, t->text + 1));
        return;
    }
    for (const char *p = text; *p; p += *p == '\n') {
        size_t n = strcspn(p, "\n");
        if (++c->nodes > NODES_MAX) {
            error_at(c, t, "list-file", "more than 200,000 values in all");
            return;
        }
        list_line(c, t, list, p, n);
        p += n;
    }
    if (list->n == before)
        warning_at(c, t, "list-empty", "the value list %s has no value: this never matches",
                   quote(q, t->text + 1));
}
