/* SPDX-License-Identifier: Apache-2.0 */
/* What the console reads before anybody has shown a token: forms, cookies, hosts; and what it
 * writes of any text. A value never leaves its place: no markup and no quote of it reaches a page.
 */
#include "console/form.h"
#include "console/guard.h"
#include "console/html.h"
#include "base/util.h"
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool ok)
{
    if (!ok)
        abort();
}

static void check_page(const char *value)
{
    struct html h;
    int first = 1;
    html_init(&h, 1u << 20);
    html(&h, "%s", value);
    html_query(&h, "q", value, &first);
    check(h.error == 0);
    check(!strpbrk(buf_str(&h.out), "<>\"'\n\r\t"));
    check(utf8_valid(buf_str(&h.out), h.out.len));
    html_done(&h);
}

static struct guard *guard_with_token(void)
{
    static const char text[] =
        "{\"secret\":\"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\","
        "\"bearer_sha256\":[\"0000000000000000000000000000000000000000000000000000000000000000\"]}";
    static struct guard g;
    struct tree *t = NULL;
    struct err e;
    if (!g.token) {
        check(tree_from_json(text, sizeof text - 1, &t, &e) == 0 && guard_read(t, &g, &e) == 0);
        tree_free(t);
    }
    return &g;
}

/* Nobody has the token, and nobody can sign. */
static void check_guard(const char *value)
{
    static const char *const names[] = {"cookie", "authorization", "host", "origin"};
    struct visitor v;
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        struct door_header h = {names[i], value};
        const struct door_request r = {.headers = &h, .headers_n = 1};
        check(guard_check(guard_with_token(), &r, 1700000000, &v) == GUARD_LOGIN);
        (void)guard_same_origin(&r);
    }
    check(!guard_login(guard_with_token(), value, 1700000000, &v));
    check(!guard_form_ok(guard_with_token(), &v, 1700000000, value));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct form f;
    char *text = malloc(size + 1);
    if (!text)
        return 0;
    memcpy(text, data, size);
    text[size] = '\0';
    if (form_read(text, size, &f) == 0) {
        for (size_t i = 0; i < f.n; i++) {
            check(utf8_valid(f.field[i].name, strlen(f.field[i].name)));
            check_page(f.field[i].value);
            check_guard(f.field[i].value);
        }
        form_done(&f);
    }
    check_page(text);
    check_guard(text);
    free(text);
    return 0;
}
