/* SPDX-License-Identifier: Apache-2.0 */
/* What pages are made with: escaping that nothing gets around, forms that are read strictly, and
 * who may look and change, as tables. */
#include "console/form.h"
#include "console/guard.h"
#include "console/html.h"
#include "base/util.h"
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

/* ---- html */

static void values_are_escaped(void **state)
{
    static const struct {
        const char *value, *text;
    } cases[] = {
        {"plain", "plain"},
        {"<script>alert(1)</script>", "&lt;script&gt;alert(1)&lt;/script&gt;"},
        {"\" onload='x' &amp;", "&quot; onload=&#39;x&#39; &amp;amp;"},
        {"caf\xc3\xa9 \xf0\x9f\x90\x99", "caf\xc3\xa9 \xf0\x9f\x90\x99"},
        {"a\nb\t\x01\x7f", "a\\x0ab\\x09\\x01\\x7f"},
        {"\xff<\xc3", "\\xff&lt;\\xc3"},
        {"\xc2\x85", "\\xc2\\x85"},                              /* a C1 control */
        {"abc\xe2\x80\xaegpj.exe", "abc\\xe2\\x80\\xaegpj.exe"}, /* right to left */
        {"\xe2\x81\xa6x\xd8\x9c", "\\xe2\\x81\\xa6x\\xd8\\x9c"}, /* isolates, letter mark */
        {"\xe2\x80\x93", "\xe2\x80\x93"},                        /* a dash is a dash */
        {"", ""},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct html h;
        html_init(&h, 10000);
        html(&h, "<p title=\"%s\">", cases[i].value);
        html_text(&h, cases[i].value);
        char want[500];
        (void)snprintf(want, sizeof want, "<p title=\"%s\">%s", cases[i].text, cases[i].text);
        assert_string_equal(buf_str(&h.out), want);
        assert_int_equal(h.error, 0);
        html_done(&h);
    }
}

static void numbers_and_short_texts(void **state)
{
    struct html h;
    int first = 1;
    const char *volatile absent = NULL;
    (void)state;
    html_init(&h, 10000);
    html(&h, "%d %u %zu %llu %.0f %.1f 100%% %s|", -1, 2u, (size_t)3, 4ull, 5.4, 6.25, absent);
    html_short(&h, "\xc3\xa9\xc3\xa9\xc3\xa9", 2);
    html_short(&h, "<<", 2);
    html_query(&h, "q", "a b&\"<\xc3\xa9", &first);
    html_query(&h, "none", NULL, &first);
    html_query(&h, "r", "-._~", &first);
    assert_string_equal(buf_str(&h.out), "-1 2 3 4 5 6.2 100% |\xc3\xa9\xc3\xa9\xe2\x80\xa6&lt;&lt;"
                                         "?q=a%20b%26%22%3C%C3%A9&amp;r=-._~");
    html_done(&h);
}

static void a_page_that_does_not_fit_is_marked(void **state)
{
    struct html h;
    (void)state;
    html_init(&h, 10);
    html(&h, "<p>%s</p>", "far too long for this page");
    assert_int_equal(h.error, -EFBIG);
    html_done(&h);
}

/* ---- forms */

static void forms_are_read_strictly(void **state)
{
    static const struct {
        const char *text;
        int r;
        const char *a, *b;
    } cases[] = {
        {"", 0, NULL, NULL},
        {"a=1&b=2", 0, "1", "2"},
        {"a=x+y%20z&b=%26%3D", 0, "x y z", "&="},
        {"a=&b", 0, NULL, NULL},
        {"&&a=1&", 0, "1", NULL},
        {"a=1&a=2", 0, "1", NULL},
        {"a=1=2", 0, "1=2", NULL},
        {"a=caf%C3%A9", 0, "caf\xc3\xa9", NULL},
        {"a=line%0D%0Aline", 0, "line\r\nline", NULL},
        {"a=%", -EINVAL, NULL, NULL},
        {"a=%2", -EINVAL, NULL, NULL},
        {"a=%zz", -EINVAL, NULL, NULL},
        {"a=%00", -EINVAL, NULL, NULL},
        {"a=%01", -EINVAL, NULL, NULL},
        {"a=%FF", -EINVAL, NULL, NULL},
        {"%C3=1", -EINVAL, NULL, NULL},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct form f;
        int r = form_read(cases[i].text, strlen(cases[i].text), &f);
        if (r != cases[i].r)
            fail_msg("%s: %d", cases[i].text, r);
        if (r < 0)
            continue;
        const char *a = form_get(&f, "a"), *b = form_get(&f, "b");
        assert_true(cases[i].a ? a && strcmp(a, cases[i].a) == 0 : !a);
        assert_true(cases[i].b ? b && strcmp(b, cases[i].b) == 0 : !b);
        form_done(&f);
    }
}

static void forms_have_bounds(void **state)
{
    struct form f;
    char *text = calloc(1, FORM_BYTES_MAX + 2);
    (void)state;
    assert_non_null(text);
    memset(text, '&', FORM_BYTES_MAX + 1);
    assert_int_equal(form_read(text, FORM_BYTES_MAX + 1, &f), -EFBIG);
    for (size_t i = 0; i < FORM_BYTES_MAX; i += 2)
        text[i] = 'a';
    assert_int_equal(form_read(text, 2 * FORM_FIELDS_MAX, &f), 0);
    assert_int_equal(f.n, FORM_FIELDS_MAX);
    form_done(&f);
    assert_int_equal(form_read(text, 2 * FORM_FIELDS_MAX + 1, &f), -EFBIG);
    assert_int_equal(form_read("a=\0b", 4, &f), -EINVAL);
    free(text);
}

/* ---- who may look */

#define NOW 1700000000u

static struct guard make_guard(const char *const *tokens, size_t n, bool tls)
{
    char text[1000], hex[SHA256_HEX];
    struct buf b = BUF_INIT(2000);
    struct tree *t = NULL;
    struct guard g;
    struct err e;
    for (size_t i = 0; i < n; i++) {
        sha256_hex(tokens[i], strlen(tokens[i]), hex);
        assert_int_equal(buf_addf(&b, "%s\"%s\"", i ? "," : "", hex), 0);
    }
    sha256_hex("secret", 6, hex);
    (void)snprintf(text, sizeof text, "{\"secret\":\"%s\",\"tls\":%s,\"bearer_sha256\":[%s]}", hex,
                   tls ? "true" : "false", buf_str(&b));
    assert_int_equal(tree_from_json(text, strlen(text), &t, &e), 0);
    if (guard_read(t, &g, &e) < 0)
        fail_msg("%s", e.text);
    tree_free(t);
    buf_done(&b);
    return g;
}

static enum guard_answer ask(const struct guard *g, const char *name, const char *value,
                             uint64_t now, struct visitor *v)
{
    struct door_header h[] = {{name, value}};
    const struct door_request r = {.headers = h, .headers_n = name ? 1 : 0};
    return guard_check(g, &r, now, v);
}

static void without_tokens_only_names_of_this_machine_open(void **state)
{
    static const struct {
        const char *host;
        enum guard_answer answer;
    } cases[] = {{"localhost", GUARD_OPEN},
                 {"LOCALHOST:8480", GUARD_OPEN},
                 {"127.0.0.1:8480", GUARD_OPEN},
                 {"127.9.9.9", GUARD_OPEN},
                 {"[::1]:8480", GUARD_OPEN},
                 {"[::1]", GUARD_OPEN},
                 {"evil.example", GUARD_HOST},
                 {"evil.example:8480", GUARD_HOST},
                 {"localhost.evil.example", GUARD_HOST},
                 {"127.0.0.1.evil.example", GUARD_HOST},
                 {"[::1].evil", GUARD_HOST},
                 {"", GUARD_HOST}};
    struct guard g = make_guard(NULL, 0, false);
    struct visitor v;
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
        if (ask(&g, "host", cases[i].host, NOW, &v) != cases[i].answer)
            fail_msg("%s", cases[i].host);
    assert_int_equal(ask(&g, NULL, NULL, NOW, &v), GUARD_HOST);
    guard_done(&g);
}

static void a_bearer_token_opens(void **state)
{
    static const char *const tokens[] = {"first-token", "second-token"};
    struct guard g = make_guard(tokens, 2, false);
    struct visitor a, b;
    (void)state;
    assert_int_equal(ask(&g, "authorization", "Bearer first-token", NOW, &a), GUARD_OPEN);
    assert_int_equal(ask(&g, "authorization", "bearer  second-token", NOW, &b), GUARD_OPEN);
    assert_string_not_equal(a.who, b.who);
    assert_memory_equal(a.who, "console ", 8);
    assert_int_equal(ask(&g, "authorization", "Bearer third-token", NOW, &a), GUARD_LOGIN);
    assert_int_equal(ask(&g, "authorization", "Bearer ", NOW, &a), GUARD_LOGIN);
    assert_int_equal(ask(&g, "authorization", "Basic first-token", NOW, &a), GUARD_LOGIN);
    assert_int_equal(ask(&g, NULL, NULL, NOW, &a), GUARD_LOGIN);
    guard_done(&g);
}

/* "name=value" of a Set-Cookie, as a browser sends it back. */
static void cookie_of(const struct visitor *v, char out[COOKIE_MAX])
{
    (void)snprintf(out, COOKIE_MAX, "%.*s", (int)strcspn(v->cookie, ";"), v->cookie);
}

static void a_session_ends_and_is_renewed_until_it_must_end(void **state)
{
    static const char *const tokens[] = {"a-token"};
    struct guard g = make_guard(tokens, 1, true);
    struct visitor v, w;
    char cookie[COOKIE_MAX], two[COOKIE_MAX * 2];
    (void)state;
    assert_false(guard_login(&g, "b-token", NOW, &v));
    assert_false(guard_login(&g, NULL, NOW, &v));
    assert_true(guard_login(&g, "a-token", NOW, &v));
    assert_non_null(strstr(v.cookie, "; HttpOnly; SameSite=Strict; Secure"));
    cookie_of(&v, cookie);
    assert_int_equal(ask(&g, "cookie", cookie, NOW + 10, &w), GUARD_OPEN);
    assert_string_equal(w.cookie, "");
    assert_string_equal(w.who, v.who);
    (void)snprintf(two, sizeof two, "x=y; %s; reeve-console-2=z", cookie);
    assert_int_equal(ask(&g, "cookie", two, NOW + 10, &w), GUARD_OPEN);
    assert_int_equal(ask(&g, "cookie", cookie, NOW + SESSION_S - 10, &w), GUARD_OPEN);
    assert_string_not_equal(w.cookie, ""); /* renewed */
    assert_int_equal(ask(&g, "cookie", cookie, NOW + SESSION_S, &w), GUARD_LOGIN);
    uint64_t t = NOW; /* used all day: it ends all the same */
    while (t < NOW + SESSION_MOST_S) {
        cookie_of(&v, cookie);
        t += SESSION_S * 3 / 4;
        if (ask(&g, "cookie", cookie, t, &w) != GUARD_OPEN)
            break;
        if (w.cookie[0])
            v = w;
    }
    assert_true(t >= NOW + SESSION_MOST_S - SESSION_S && t <= NOW + SESSION_MOST_S);
    guard_done(&g);
}

static void a_session_cannot_be_made_up(void **state)
{
    static const char *const tokens[] = {"a-token"}, *const others[] = {"b-token"};
    struct guard g = make_guard(tokens, 1, false), o = make_guard(others, 1, false);
    struct visitor v, w;
    char cookie[COOKIE_MAX], changed[COOKIE_MAX];
    (void)state;
    assert_true(guard_login(&g, "a-token", NOW, &v));
    assert_null(strstr(v.cookie, "Secure"));
    cookie_of(&v, cookie);
    for (size_t i = sizeof GUARD_COOKIE; cookie[i]; i++) { /* every character matters */
        memcpy(changed, cookie, sizeof changed);
        changed[i] = changed[i] == '1' ? '2' : '1';
        assert_int_equal(ask(&g, "cookie", changed, NOW + 10, &w), GUARD_LOGIN);
    }
    /* the token was taken out of the configuration */
    assert_int_equal(ask(&o, "cookie", cookie, NOW + 10, &w), GUARD_LOGIN);
    static const char *const bad[] = {"reeve-console=",        "reeve-console=-",
                                      "reeve-console",         "",
                                      "reeve-console=1-2-3-4", "reeve-console=%s%n"};
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
        assert_int_equal(ask(&g, "cookie", bad[i], NOW, &w), GUARD_LOGIN);
    char logout[COOKIE_MAX];
    guard_logout(&g, logout);
    assert_non_null(strstr(logout, "Max-Age=0"));
    guard_done(&g);
    guard_done(&o);
}

/* ---- what may change something */

static void forms_must_come_from_our_own_pages(void **state)
{
    static const struct {
        const char *site, *origin, *host;
        bool ok;
    } cases[] = {
        {"same-origin", "http://h:1", "h:1", true},
        {"same-origin", NULL, "h:1", true},
        {NULL, "http://h:1", "h:1", true},
        {NULL, "https://H:1", "h:1", true},
        {NULL, NULL, "h:1", false},
        {"cross-site", NULL, "h:1", false},
        {"same-site", "http://h:1", "h:1", false},
        {"none", NULL, "h:1", false},
        {NULL, "null", "h:1", false},
        {NULL, "http://evil", "h:1", false},
        {NULL, "http://h:2", "h:1", false},
        {"same-origin", "http://evil", "h:1", false},
        {NULL, "http://h:1", NULL, false},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct door_header h[3];
        size_t n = 0;
        if (cases[i].site)
            h[n++] = (struct door_header){"sec-fetch-site", cases[i].site};
        if (cases[i].origin)
            h[n++] = (struct door_header){"origin", cases[i].origin};
        if (cases[i].host)
            h[n++] = (struct door_header){"host", cases[i].host};
        const struct door_request r = {.headers = h, .headers_n = n};
        if (guard_same_origin(&r) != cases[i].ok)
            fail_msg("case %zu", i);
    }
}

static void form_tokens_are_bound_and_end(void **state)
{
    static const char *const tokens[] = {"a-token", "b-token"};
    struct guard g = make_guard(tokens, 2, false);
    struct visitor a, b;
    char token[FORM_TOKEN_MAX], changed[FORM_TOKEN_MAX];
    (void)state;
    assert_true(guard_login(&g, "a-token", NOW, &a) && guard_login(&g, "b-token", NOW, &b));
    guard_form_token(&g, &a, NOW, token);
    assert_true(guard_form_ok(&g, &a, NOW + 5, token));
    assert_false(guard_form_ok(&g, &b, NOW + 5, token));
    assert_false(guard_form_ok(&g, &a, NOW + FORM_S, token));
    assert_false(guard_form_ok(&g, &a, NOW, NULL));
    assert_false(guard_form_ok(&g, &a, NOW, ""));
    assert_false(guard_form_ok(&g, &a, NOW, "1-2"));
    for (size_t i = 0; token[i]; i++) {
        memcpy(changed, token, sizeof changed);
        changed[i] = changed[i] == '1' ? '2' : '1';
        assert_false(guard_form_ok(&g, &a, NOW + 5, changed));
    }
    guard_done(&g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_are_escaped),
        cmocka_unit_test(numbers_and_short_texts),
        cmocka_unit_test(a_page_that_does_not_fit_is_marked),
        cmocka_unit_test(forms_are_read_strictly),
        cmocka_unit_test(forms_have_bounds),
        cmocka_unit_test(without_tokens_only_names_of_this_machine_open),
        cmocka_unit_test(a_bearer_token_opens),
        cmocka_unit_test(a_session_ends_and_is_renewed_until_it_must_end),
        cmocka_unit_test(a_session_cannot_be_made_up),
        cmocka_unit_test(forms_must_come_from_our_own_pages),
        cmocka_unit_test(form_tokens_are_bound_and_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
