/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as JSON: the scanner, the walk, the document and the compact form must agree about what
 * is valid, and what was accepted must survive being written and read again. The bytes lie in
 * memory of exactly their size. */
#include "base/json.h"
#include "base/tree.h"
#include "base/util.h"
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool ok)
{
    if (!ok)
        abort();
}

static bool skip_whole(const char *p, size_t len)
{
    struct json_scan s;
    json_start(&s, p, len, JSON_DEPTH_MAX);
    bool good = json_value(&s, NULL) == 0 && json_end(&s) == 0;
    check(good == (s.err.code[0] == '\0'));
    return good;
}

/* The same value, by entering every bracket; recursion ends at the depth limit. */
static bool walk(struct json_scan *s)
{
    struct json_slice key;
    bool first = true;
    char c = json_peek(s);
    if (c != '{' && c != '[')
        return json_value(s, NULL) == 0;
    if (json_enter(s, c) < 0)
        return false;
    for (;;) {
        int r = c == '{' ? json_member(s, &first, &key) : json_element(s, &first);
        if (r <= 0)
            return r == 0;
        if (!walk(s))
            return false;
    }
}

static void check_string(struct json_slice raw, size_t size)
{
    struct buf text = BUF_INIT(size), json = BUF_INIT(6 * size + 2), again = BUF_INIT(size);
    check(json_unescape(raw, &text) == 0);
    check(utf8_valid(text.p, text.len));
    check(json_add_string(&json, text.p, text.len) == 0);
    check(skip_whole(json.p, json.len));
    check(json_unescape((struct json_slice){json.p + 1, json.len - 2}, &again) == 0);
    check(again.len == text.len && memcmp(again.p, text.p, text.len) == 0);
    buf_done(&text);
    buf_done(&json);
    buf_done(&again);
}

static void check_compact(const char *p, size_t len)
{
    struct buf once = BUF_INIT(len), twice = BUF_INIT(len);
    check(json_add_compact(&once, p, len) == 0);
    check(skip_whole(once.p, once.len));
    check(json_add_compact(&twice, once.p, once.len) == 0);
    check(once.len == twice.len && memcmp(once.p, twice.p, once.len) == 0);
    buf_done(&once);
    buf_done(&twice);
}

static void check_tree(const char *p, size_t len, bool valid)
{
    struct tree *t = NULL, *again = NULL;
    struct err e;
    int r = tree_from_json(p, len, &t, &e);
    if (r < 0) { /* valid JSON is refused only for its keys */
        check(!valid || strcmp(e.code, "json-duplicate") == 0 || strcmp(e.code, "json-key") == 0);
        return;
    }
    check(valid);
    struct buf one = BUF_INIT(1u << 26), two = BUF_INIT(1u << 26);
    check(tree_to_json(t, &one, (len & 1) != 0) == 0);
    check(tree_from_json(one.p, one.len, &again, &e) == 0);
    check(tree_to_json(again, &two, (len & 1) != 0) == 0);
    check(one.len == two.len && memcmp(one.p, two.p, one.len) == 0);
    tree_free(t);
    tree_free(again);
    buf_done(&one);
    buf_done(&two);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct json_scan s;
    struct json_slice v;
    char *p = malloc(size ? size : 1);
    if (!p)
        return 0;
    if (size > 0)
        memcpy(p, data, size);
    bool valid = skip_whole(p, size);
    json_start(&s, p, size, JSON_DEPTH_MAX);
    check((walk(&s) && json_end(&s) == 0) == valid);
    check_tree(p, size, valid);
    if (valid) {
        check(utf8_valid(p, size));
        check_compact(p, size);
        json_start(&s, p, size, JSON_DEPTH_MAX);
        if (json_value(&s, &v) == 0 && v.p[0] == '"')
            check_string((struct json_slice){v.p + 1, v.len - 2}, size);
    } else {
        struct buf b =
            BUF_INIT(4 * size + 4); /* not validated: nonsense is fine, an access outside is not */
        (void)json_add_compact(&b, p, size);
        (void)json_unescape((struct json_slice){p, size}, &b);
        buf_done(&b);
    }
    free(p);
    return 0;
}
