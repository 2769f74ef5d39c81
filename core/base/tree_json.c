/* SPDX-License-Identifier: Apache-2.0 */
/* tree_json - documents in and out of JSON.
 *
 * Numbers, true, false and null keep their text and are marked plain; on the way out a plain scalar
 * which is not one of these in JSON (an unquoted YAML word) becomes a string. Limits: TREE_JSON_MAX
 * bytes, JSON_DEPTH_MAX levels; a name with a zero byte is refused, because keys are read as C
 * strings. */
#include "json.h"
#include "tree.h"
#include "util.h"
#include <errno.h>
#include <string.h>

#define TREE_JSON_MAX ((size_t)64 << 20)

struct reader {
    struct json_scan scan;
    struct err *e;
    const char *seen, *bol; /* lines are counted up to seen, where the last one begins at bol */
    unsigned line;
    struct buf text; /* an unescaped string, one at a time */
};

static void set_place(struct reader *r, struct tree *t, const char *at)
{
    while (r->seen < at) {
        const char *lf = memchr(r->seen, '\n', (size_t)(at - r->seen));
        if (!lf) {
            r->seen = at;
            break;
        }
        r->line++;
        r->seen = r->bol = lf + 1;
    }
    t->line = r->line;
    t->col = (unsigned)(at - r->bol) + 1;
}

static int bad_json(struct reader *r)
{
    return err_set(r->e, -EINVAL, r->scan.err.code, "%s", r->scan.err.text);
}

static int no_memory(struct reader *r)
{
    return err_set(r->e, -ENOMEM, "out-of-memory", "out of memory while reading JSON");
}

static int read_node(struct reader *r, struct tree **ret);

static int unescape(struct reader *r, struct json_slice raw)
{
    buf_reset(&r->text);
    return json_unescape(raw, &r->text) < 0 ? no_memory(r) : 0;
}

static int read_scalar(struct reader *r, struct tree **ret)
{
    struct json_slice v;
    if (json_value(&r->scan, &v) < 0)
        return bad_json(r);
    bool plain = v.p[0] != '"';
    int rc = unescape(r, plain ? v : (struct json_slice){v.p + 1, v.len - 2});
    if (rc < 0)
        return rc;
    struct tree *t = tree_scalar("", plain);
    if (!t)
        return no_memory(r);
    free(t->text);
    t->text = buf_take(&r->text, &t->text_len);
    if (!t->text) {
        tree_free(t);
        return no_memory(r);
    }
    set_place(r, t, v.p);
    *ret = t;
    return 0;
}

static int read_member(struct reader *r, struct tree *map, struct json_slice key)
{
    struct tree *value = NULL;
    int rc = read_node(r, &value);
    if (rc < 0)
        return rc;
    rc = unescape(r, key);
    if (rc == 0 && strlen(r->text.p) != r->text.len)
        rc =
            err_set(r->e, -EINVAL, "json-key", "line %u: a name contains a zero byte", value->line);
    if (rc < 0) {
        tree_free(value);
        return rc;
    }
    rc = tree_put(map, r->text.p, value);
    if (rc == -EEXIST)
        return err_set(r->e, -EEXIST, "json-duplicate",
                       "the name \"%s\" stands twice in one object", r->text.p);
    if (rc < 0)
        return no_memory(r);
    struct tree *name = map->key[map->n - 1], *placed = map->child[map->n - 1];
    name->line = placed->line; /* names and values of one member share the line, all but always */
    name->col = placed->col;
    return 0;
}

static int read_container(struct reader *r, char bracket, struct tree **ret)
{
    struct tree *t = bracket == '{' ? tree_map() : tree_list();
    if (!t)
        return no_memory(r);
    set_place(r, t, r->scan.p);
    int rc = json_enter(&r->scan, bracket) < 0 ? bad_json(r) : 0;
    bool first = true;
    while (rc == 0) {
        struct json_slice key = {NULL, 0};
        int more =
            bracket == '{' ? json_member(&r->scan, &first, &key) : json_element(&r->scan, &first);
        if (more < 0)
            rc = bad_json(r);
        if (more <= 0)
            break;
        struct tree *child = NULL;
        if (bracket == '{') {
            rc = read_member(r, t, key);
            continue;
        }
        rc = read_node(r, &child);
        if (rc == 0 && tree_append(t, child) < 0)
            rc = no_memory(r);
    }
    if (rc < 0)
        tree_free(t);
    else
        *ret = t;
    return rc;
}

/* Recursion is bounded by the scanner's depth limit. */
static int read_node(struct reader *r, struct tree **ret)
{
    char c = json_peek(&r->scan);
    return c == '{' || c == '[' ? read_container(r, c, ret) : read_scalar(r, ret);
}

int tree_from_json(const char *p, size_t len, struct tree **ret, struct err *e)
{
    if (len > TREE_JSON_MAX)
        return err_set(e, -EFBIG, "json-size", "the JSON text has %zu bytes; at most %zu are read",
                       len, TREE_JSON_MAX);
    struct reader r = {.e = e, .seen = p, .bol = p, .line = 1, .text = BUF_INIT(TREE_JSON_MAX)};
    json_start(&r.scan, p, len, JSON_DEPTH_MAX);
    struct tree *t = NULL;
    int rc = read_node(&r, &t);
    if (rc == 0 && json_end(&r.scan) < 0)
        rc = bad_json(&r);
    buf_done(&r.text);
    if (rc < 0) {
        tree_free(t);
        return rc;
    }
    *ret = t;
    return 0;
}

static bool is_bare(const struct tree *t)
{
    struct json_scan s;
    struct json_slice v;
    if (!t->plain || t->text_len == 0 || strchr("\"{[ \t\r\n", t->text[0]))
        return false;
    json_start(&s, t->text, t->text_len, 0);
    return json_value(&s, &v) == 0 && v.len == t->text_len;
}

static int write_text(const struct tree *t, struct buf *out)
{
    if (!utf8_valid(t->text, t->text_len))
        return -EILSEQ;
    return json_add_string(out, t->text, t->text_len);
}

static int new_line(struct buf *out, bool indent, unsigned depth)
{
    int r = indent ? buf_addc(out, '\n') : 0;
    for (; indent && r == 0 && depth > 0; depth--)
        r = buf_add(out, "  ", 2);
    return r;
}

static int write_node(const struct tree *t, struct buf *out, bool indent, unsigned depth)
{
    if (t->kind == TREE_SCALAR)
        return is_bare(t) ? buf_add(out, t->text, t->text_len) : write_text(t, out);
    if (depth >= JSON_DEPTH_MAX) /* what is written can be read again */
        return -E2BIG;
    bool map = t->kind == TREE_MAP;
    int r = buf_addc(out, map ? '{' : '[');
    for (size_t i = 0; r == 0 && i < t->n; i++) {
        if (i > 0)
            r = buf_addc(out, ',');
        if (r == 0)
            r = new_line(out, indent, depth + 1);
        if (r == 0 && map)
            r = write_text(t->key[i], out);
        if (r == 0 && map)
            r = buf_adds(out, indent ? ": " : ":");
        if (r == 0)
            r = write_node(t->child[i], out, indent, depth + 1);
    }
    if (r == 0 && t->n > 0)
        r = new_line(out, indent, depth);
    return r == 0 ? buf_addc(out, map ? '}' : ']') : r;
}

int tree_to_json(const struct tree *t, struct buf *out, bool indent)
{
    size_t before = out->len;
    int r = write_node(t, out, indent, 0);
    if (r < 0 && out->p) {
        out->len = before;
        out->p[before] = '\0';
    }
    return r;
}

static void wipe(struct buf *b)
{
    if (b->p)
        explicit_bzero(b->p, b->len);
    buf_done(b);
}

bool tree_same(const struct tree *a, const struct tree *b)
{
    struct buf x = BUF_INIT(TREE_JSON_MAX), y = BUF_INIT(TREE_JSON_MAX);
    bool same = a == b;
    if (!same && a && b && tree_to_json(a, &x, false) == 0 && tree_to_json(b, &y, false) == 0)
        same = x.len == y.len && memcmp(buf_str(&x), buf_str(&y), x.len) == 0;
    wipe(&x);
    wipe(&y);
    return same;
}
