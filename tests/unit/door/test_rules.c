/* SPDX-License-Identifier: Apache-2.0 */
/* The door's rules as tables: heads, paths, who may do what, addresses, problems. */
#include "door/rules.h"
#include "door/problem.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

static struct header field(const char *name, const char *value)
{
    return (struct header){
        .name = name, .name_len = strlen(name), .value = value, .value_len = strlen(value)};
}

struct head_case {
    const char *version;
    const char *fields[8]; /* name, value, name, value … */
    unsigned status;       /* 0: taken */
    const char *code;
};

static const struct head_case head_cases[] = {
    {"HTTP/1.1", {"Host", "x", "Content-Length", "5"}, 0, NULL},
    {"HTTP/1.1", {"hOST", "x:80", "content-length", "000"}, 0, NULL},
    {"HTTP/1.1", {"Host", "[::1]:80", "Transfer-Encoding", "Chunked"}, 0, NULL},
    {"HTTP/1.0", {"X", "y"}, 0, NULL},
    {"HTTP/1.1", {"Host", "x", "X", "caf\xc3\xa9\t "}, 0, NULL},
    {"HTTP/1.1", {"Host", "x", "Expect", "100-Continue"}, 0, NULL},
    {"HTTP/1.1", {"Host", "x", "Content-Encoding", "identity"}, 0, NULL},
    {"HTTP/1.1", {"X", "y"}, 400, "host"},
    {"HTTP/1.1", {"Host", ""}, 400, "host"},
    {"HTTP/1.1", {"Host", "a/b"}, 400, "host"},
    {"HTTP/1.1", {"Host", "a,b"}, 400, "host"},
    {"HTTP/1.1", {"Host", "x", "host", "x"}, 400, "header-twice"},
    {"HTTP/1.1", {"Host", "x", "Content-Length", ""}, 400, "content-length"},
    {"HTTP/1.1", {"Host", "x", "Content-Length", " 5"}, 400, "content-length"},
    {"HTTP/1.1", {"Host", "x", "Content-Length", "5,5"}, 400, "content-length"},
    {"HTTP/1.1", {"Host", "x", "Content-Length", "+5"}, 400, "content-length"},
    {"HTTP/1.1", {"Host", "x", "Content-Length", "1000000000000000000"}, 400, "content-length"},
    {"HTTP/1.1", {"Host", "x", "Content-Length", "5", "Content-length", "5"}, 400, "header-twice"},
    {"HTTP/1.1",
     {"Host", "x", "Content-Length", "5", "Transfer-Encoding", "chunked"},
     400,
     "length-twice"},
    {"HTTP/1.1", {"Host", "x", "Transfer-Encoding", "chunked, chunked"}, 400, "transfer-encoding"},
    {"HTTP/1.1",
     {"Host", "x", "Transfer-Encoding",
      "\x0b"
      "chunked"},
     400,
     "header-value"},
    {"HTTP/1.1", {"Host", "x", "Transfer-Encoding", ""}, 400, "transfer-encoding"},
    {"HTTP/1.0", {"Transfer-Encoding", "chunked"}, 400, "transfer-encoding"},
    {"HTTP/1.1", {"Host", "x", "Authorization", "a", "authorization", "a"}, 400, "header-twice"},
    {"HTTP/1.1", {"Host", "x", "", "v"}, 400, "header-name"},
    {"HTTP/1.1", {"Host", "x", "a b", "v"}, 400, "header-name"},
    {"HTTP/1.1", {"Host", "x", "a:", "v"}, 400, "header-name"},
    {"HTTP/1.1", {"Host", "x", "a", "v\rw"}, 400, "header-value"},
    {"HTTP/1.1", {"Host", "x", "a", "\x7f"}, 400, "header-value"},
    {"HTTP/1.1", {"Host", "x", "Expect", "cake"}, 417, "expect"},
    {"HTTP/1.1", {"Host", "x", "Content-Encoding", "gzip"}, 415, "content-encoding"},
    {"HTTP/1.2", {"Host", "x"}, 505, "version"},
    {"HTTP/2.0", {"Host", "x"}, 505, "version"},
};

static void heads_are_taken_or_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof head_cases / sizeof head_cases[0]; i++) {
        const struct head_case *c = &head_cases[i];
        struct header h[4];
        struct head head;
        struct refusal no = {0};
        size_t n = 0;
        for (; n < 4 && c->fields[2 * n]; n++)
            h[n] = field(c->fields[2 * n], c->fields[2 * n + 1]);
        bool ok = header_check(h, n, c->version, &head, &no);
        if (ok != (c->status == 0) || no.status != c->status ||
            (no.code && strcmp(no.code, c->code) != 0))
            fail_msg("case %zu: got %u %s", i, no.status, no.code ? no.code : "-");
    }
}

static void a_value_with_a_zero_byte_is_refused(void **state)
{
    (void)state;
    struct header h[] = {field("Host", "x"),
                         {.name = "A", .name_len = 1, .value = "a\0b", .value_len = 3}};
    struct head head;
    struct refusal no;
    assert_false(header_check(h, 2, "HTTP/1.1", &head, &no));
    assert_string_equal(no.code, "header-value");
}

static void lengths_are_read(void **state)
{
    (void)state;
    struct header h[] = {field("Host", "x"), field("Content-Length", "123456789012345678")};
    struct head head;
    struct refusal no;
    assert_true(header_check(h, 2, "HTTP/1.1", &head, &no));
    assert_true(head.has_length && head.length == 123456789012345678u && !head.chunked);
}

static void only_the_console_sees_credentials(void **state)
{
    static const struct {
        const char *name;
        bool worker, console;
    } cases[] = {{"X", true, true},
                 {"Origin", true, true},
                 {"Authorization", false, true},
                 {"cookie", false, true},
                 {"HOST", false, true},
                 {"Connection", false, false},
                 {"Proxy-Authorization", false, false},
                 {"Content-Length", false, false}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct header h = field(cases[i].name, "v");
        assert_int_equal(header_passes(&h, false), cases[i].worker);
        assert_int_equal(header_passes(&h, true), cases[i].console);
    }
}

static void an_answer_has_the_fields_of_a_page_only(void **state)
{
    static const struct {
        const char *name, *value;
        bool ok;
    } cases[] = {{"location", "/-/console?a=1", true},
                 {"set-cookie", "a=b; HttpOnly", true},
                 {"set-cookie", "", true},
                 {"content-security-policy", "default-src 'none'", true},
                 {"location", "/a\r\nX: y", false},
                 {"location", "/a\nb", false},
                 {"location", "/caf\xc3\xa9", false},
                 {"location", "/a\tb", false},
                 {"Location", "/a", false},
                 {"content-length", "5", false},
                 {"transfer-encoding", "chunked", false},
                 {"connection", "close", false},
                 {"cache-control", "public", false},
                 {"access-control-allow-origin", "*", false},
                 {"", "x", false}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_int_equal(answer_field_ok(cases[i].name, cases[i].value), cases[i].ok);
}

static void bodies(void **state)
{
    (void)state;
    static const struct {
        const char *method;
        struct head head;
        unsigned status;
    } cases[] = {
        {"POST", {.has_length = true, .length = 10}, 0},
        {"POST", {.has_length = true, .length = 11}, 413},
        {"POST", {.chunked = true}, 0},
        {"POST", {.chunked = false}, 411},
        {"GET", {.chunked = false}, 0},
        {"GET", {.has_length = true, .length = 0}, 0},
        {"GET", {.has_length = true, .length = 1}, 400},
        {"HEAD", {.chunked = true}, 400},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct refusal no = {0};
        assert_int_equal(body_check(&cases[i].head, cases[i].method, 10, &no),
                         cases[i].status == 0);
        assert_int_equal(no.status, cases[i].status);
    }
}

static const struct {
    const char *raw, *path, *query; /* path NULL: refused */
} path_cases[] = {
    {"/", "/", ""},
    {"/a", "/a", ""},
    {"/a?", "/a", ""},
    {"/a?b=%41&c", "/a", "b=%41&c"},
    {"/a%20b/%C3%A9", "/a b/\xc3\xa9", ""},
    {"/%2541", "/%41", ""}, /* decoded once, not twice */
    {"/a/...", "/a/...", ""},
    {"/a/.b", "/a/.b", ""},
    {"", NULL, NULL},
    {"a", NULL, NULL},
    {"*", NULL, NULL},
    {"http://x/a", NULL, NULL},
    {"/a%00", NULL, NULL},
    {"/a%0", NULL, NULL},
    {"/a%", NULL, NULL},
    {"/a%g1", NULL, NULL},
    {"/a%2fb", NULL, NULL},
    {"/a%2Fb", NULL, NULL},
    {"/a%5c", NULL, NULL},
    {"/a\\b", NULL, NULL},
    {"/a%0d%0ab", NULL, NULL},
    {"/a%7f", NULL, NULL},
    {"/a b", NULL, NULL},
    {"/\xc3\xa9", NULL, NULL},
    {"/%c3", NULL, NULL},
    {"/.", NULL, NULL},
    {"/..", NULL, NULL},
    {"/a/../b", NULL, NULL},
    {"/a/%2e%2E", NULL, NULL},
    {"/a/./b", NULL, NULL},
    {"//", NULL, NULL},
    {"/a//b", NULL, NULL},
    {"/a/", NULL, NULL},
    {"/a#b", NULL, NULL},
    {"/a?b#c", NULL, NULL},
    {"/a?b=%00", NULL, NULL},
    {"/a?b=%zz", NULL, NULL},
    {"/a?b c", NULL, NULL},
    {"/a?\x80", NULL, NULL},
};

static void paths_are_decoded_once_or_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof path_cases / sizeof path_cases[0]; i++) {
        char path[PATH_LEN_MAX + 1];
        const char *query = NULL;
        struct refusal no = {0};
        bool ok = path_check(path_cases[i].raw, path, &query, &no);
        if (ok != (path_cases[i].path != NULL))
            fail_msg("%s: %s", path_cases[i].raw, ok ? "taken" : no.detail);
        if (ok) {
            assert_string_equal(path, path_cases[i].path);
            assert_string_equal(query, path_cases[i].query);
        } else {
            assert_int_equal(no.status, 400);
        }
    }
}

static void long_targets_are_414(void **state)
{
    (void)state;
    char raw[6000], path[PATH_LEN_MAX + 1];
    const char *query;
    struct refusal no = {0};
    memset(raw, 'a', sizeof raw);
    raw[0] = '/';
    raw[PATH_LEN_MAX] = '\0';
    assert_true(path_check(raw, path, &query, &no));
    raw[PATH_LEN_MAX] = 'a';
    raw[PATH_LEN_MAX + 1] = '\0';
    assert_false(path_check(raw, path, &query, &no));
    assert_int_equal(no.status, 414);
    raw[PATH_LEN_MAX + 1] = 'a';
    raw[1] = '?';
    raw[sizeof raw - 1] = '\0';
    assert_false(path_check(raw, path, &query, &no));
    assert_int_equal(no.status, 414);
}

/* ---- who may do what */

static const char part[] = "{\"data\":\"/d\",\"listen\":\"127.0.0.1:0\",\"paths\":["
                           "{\"path\":\"/a\",\"socket\":\"/s\",\"bearer_sha256\":[\"%s\"]},"
                           "{\"path\":\"/b\",\"socket\":\"/s\",\"bearer_sha256\":[\"%s\",\"%s\"]},"
                           "{\"path\":\"/open\",\"socket\":\"/s\"}],"
                           "\"console\":{\"socket\":\"/c\"}}";

static struct tree *make_part(struct door_config **ret)
{
    char a[SHA256_HEX], b[SHA256_HEX], text[1000];
    struct tree *t = NULL;
    struct err e;
    sha256_hex("token-a", 7, a);
    sha256_hex("token-b", 7, b);
    (void)snprintf(text, sizeof text, part, a, b, a);
    assert_int_equal(tree_from_json(text, strlen(text), &t, &e), 0);
    if (door_config_read(t, ret, &e) < 0)
        fail_msg("%s", e.text);
    return t;
}

static void who_may_do_what(void **state)
{
    (void)state;
    static const struct {
        const char *method, *path, *authorization;
        unsigned status; /* 0: let in */
        enum what what;
    } cases[] = {
        {"POST", "/a", "Bearer token-a", 0, WHAT_SUBMIT},
        {"POST", "/a", "bEARER   token-a", 0, WHAT_SUBMIT},
        {"POST", "/b", "Bearer token-a", 0, WHAT_SUBMIT}, /* a token may open several */
        {"POST", "/b", "Bearer token-b", 0, WHAT_SUBMIT},
        {"GET", "/a/receipts/x", "Bearer token-a", 0, WHAT_RECEIPT},
        {"HEAD", "/a/receipts/x", "Bearer token-a", 0, WHAT_RECEIPT},
        {"POST", "/open", NULL, 0, WHAT_SUBMIT},
        {"POST", "/open", "Bearer wrong", 0, WHAT_SUBMIT},
        {"GET", "/open/receipts/r", NULL, 0, WHAT_RECEIPT},
        {"GET", "/-/health", NULL, 0, WHAT_HEALTH},
        {"GET", "/-/console", NULL, 0, WHAT_CONSOLE}, /* it asks by itself */
        {"POST", "/-/console/login", NULL, 0, WHAT_CONSOLE},
        {"HEAD", "/-/console/a/b", "Bearer token-a", 0, WHAT_CONSOLE},
        {"PUT", "/-/console", NULL, 405, 0},
        {"GET", "/-/consoles", NULL, 401, 0},
        {"GET", "/-/consoles", "Bearer token-a", 404, 0},
        {"GET", "/-/health/live", NULL, 0, WHAT_LIVE},
        {"GET", "/-/metrics", NULL, 0, WHAT_METRICS}, /* on loopback, without tokens of its own */
        {"GET", "/-/metrics", "Bearer wrong", 0, WHAT_METRICS},
        {"POST", "/-/metrics", NULL, 405, 0},
        {"POST", "/a", NULL, 401, 0},
        {"POST", "/a", "Bearer token-c", 401, 0},
        {"POST", "/a", "Bearer ", 401, 0},
        {"POST", "/a", "Bearer", 401, 0},
        {"POST", "/a", "Basic token-a", 401, 0},
        {"POST", "/a", "Bearer token-a,", 401, 0},
        {"GET", "/nothing", NULL, 401, 0},
        {"GET", "/-/other", NULL, 401, 0},
        {"POST", "/a", "Bearer token-b", 404, 0},
        {"GET", "/a", "Bearer token-b", 404, 0}, /* not 405: it is not theirs */
        {"POST", "/nothing", "Bearer token-a", 404, 0},
        {"GET", "/-/other", "Bearer token-a", 404, 0},
        {"GET", "/a/receipts", "Bearer token-a", 404, 0},
        {"GET", "/a/receipts/x/y", "Bearer token-a", 404, 0},
        {"POST", "/ab", "Bearer token-a", 404, 0},
        {"GET", "/a", "Bearer token-a", 405, 0},
        {"POST", "/a/receipts/x", "Bearer token-a", 405, 0},
        {"DELETE", "/-/health", NULL, 405, 0},
    };
    struct door_config *c = NULL;
    struct tree *t = make_part(&c);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct header h =
            cases[i].authorization ? field("Authorization", cases[i].authorization) : field("", "");
        struct access a;
        struct refusal no = {0};
        bool ok = access_check(c, cases[i].method, cases[i].path,
                               cases[i].authorization ? &h : NULL, &a, &no);
        if (ok != (cases[i].status == 0) || no.status != cases[i].status)
            fail_msg("%s %s %s: %u", cases[i].method, cases[i].path, cases[i].authorization,
                     no.status);
        if (ok)
            assert_int_equal(a.what, cases[i].what);
        if (no.status == 405)
            assert_non_null(a.allow);
    }
    door_config_free(c);
    tree_free(t);
}

static void addresses(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int loopback; /* -1: not an address */
    } cases[] = {
        {"127.0.0.1:80", 1}, {"127.9.9.9:0", 1}, {"localhost:80", 1},   {"[::1]:80", 1},
        {"0.0.0.0:80", 0},   {":80", 0},         {"[::]:80", 0},        {"10.0.0.1:65535", 0},
        {"1.2.3.4", -1},     {"1.2.3.4:", -1},   {"1.2.3.4:65536", -1}, {"1.2.3.4:-1", -1},
        {"x:80", -1},        {"::1:80", -1},     {"[::1:80", -1},       {"[]:80", -1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct sockaddr_storage a;
        socklen_t len;
        int r = address_parse(cases[i].text, &a, &len);
        if ((r < 0) != (cases[i].loopback < 0) ||
            (r == 0 && address_is_loopback(&a) != (cases[i].loopback == 1)))
            fail_msg("%s", cases[i].text);
    }
}

/* Metrics of a door that others reach are shown to their own token only. */
static void who_may_read_metrics(void **state)
{
    (void)state;
    static const struct {
        const char *part, *authorization;
        unsigned status; /* 0: let in */
    } cases[] = {
        {"\"listen\":\"127.0.0.1:1\"", NULL, 0},
        {"\"listen\":\"[::1]:1\"", NULL, 0},
        {"\"listen\":\"127.0.0.1:1\",\"behind_proxy\":true", NULL, 404},
        {"\"listen\":\"127.0.0.1:1\",\"behind_proxy\":true", "Bearer token-a", 404},
        {"\"listen\":\"0.0.0.0:1\",\"tls\":{\"certificate\":\"c\",\"key\":\"k\"}", NULL, 404},
        {"\"listen\":\"127.0.0.1:1\",\"metrics\":{\"bearer_sha256\":[\"%s\"]}", NULL, 401},
        {"\"listen\":\"127.0.0.1:1\",\"metrics\":{\"bearer_sha256\":[\"%s\"]}", "Bearer x", 401},
        {"\"listen\":\"127.0.0.1:1\",\"metrics\":{\"bearer_sha256\":[\"%s\"]}", "Bearer token-a",
         0},
        {"\"listen\":\"0.0.0.0:1\",\"tls\":{\"certificate\":\"c\",\"key\":\"k\"},"
         "\"metrics\":{\"bearer_sha256\":[\"%s\"]}",
         "Bearer token-a", 0},
    };
    char a[SHA256_HEX];
    sha256_hex("token-a", 7, a);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[1000] = "{\"data\":\"/d\",\"paths\":[],";
        const char *at = strstr(cases[i].part, "%s");
        size_t head = at ? (size_t)(at - cases[i].part) : strlen(cases[i].part);
        (void)strncat(text, cases[i].part, head);
        (void)strcat(text, at ? a : "");
        (void)strcat(text, at ? at + 2 : "");
        (void)strcat(text, "}");
        struct tree *t = NULL;
        struct door_config *c = NULL;
        struct err e;
        struct access got;
        struct refusal no = {0};
        struct header h =
            cases[i].authorization ? field("Authorization", cases[i].authorization) : field("", "");
        assert_int_equal(tree_from_json(text, strlen(text), &t, &e), 0);
        if (door_config_read(t, &c, &e) < 0)
            fail_msg("%s", e.text);
        (void)access_check(c, "GET", "/-/metrics", cases[i].authorization ? &h : NULL, &got, &no);
        if (no.status != cases[i].status)
            fail_msg("%s %s: %u", text, cases[i].authorization, no.status);
        door_config_free(c);
        tree_free(t);
    }
}

static void accept_is_negotiated(void **state)
{
    (void)state;
    static const struct {
        const char *accept;
        bool plain;
    } cases[] = {
        {NULL, false},
        {"", false},
        {"*/*", false},
        {"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", false},
        {"text/plain", true},
        {"TEXT/PLAIN;version=0.0.4", true},
        {"text/*", true},
        {"text/plain;version=0.0.4;q=0.5,*/*;q=0.1", true},
        {"application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;"
         "q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
         false},
        {"application/openmetrics-text;q=0.3, text/plain;q=0.31", true},
        {"application/openmetrics-text;q=0, text/plain;q=0.001", true},
        {"text/plain;q=0,*/*", false},
        {"application/openmetrics-text;q=0.75,text/plain;q=0.75", false},
        {";;q=,,q=0.", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct header h[] = {field("Host", "x"),
                             field("Accept", cases[i].accept ? cases[i].accept : "")};
        if (accept_plain_text(h, cases[i].accept ? 2 : 1) != cases[i].plain)
            fail_msg("%s", cases[i].accept);
    }
    struct header two[] = {field("accept", "application/openmetrics-text;q=0.1"),
                           field("ACCEPT", "text/plain;q=0.2")};
    assert_true(accept_plain_text(two, 2));
}

static void problems_are_json(void **state)
{
    (void)state;
    struct buf b = BUF_INIT(1000);
    assert_int_equal(problem_write(&b, 404, "not-found", "a \"quoted\" reason"), 0);
    assert_string_equal(buf_str(&b),
                        "{\"type\":\"about:blank\",\"title\":\"Not Found\",\"status\":404,"
                        "\"detail\":\"a \\\"quoted\\\" reason\",\"code\":\"not-found\"}\n");
    buf_done(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(heads_are_taken_or_refused),
        cmocka_unit_test(a_value_with_a_zero_byte_is_refused),
        cmocka_unit_test(lengths_are_read),
        cmocka_unit_test(only_the_console_sees_credentials),
        cmocka_unit_test(an_answer_has_the_fields_of_a_page_only),
        cmocka_unit_test(bodies),
        cmocka_unit_test(paths_are_decoded_once_or_refused),
        cmocka_unit_test(long_targets_are_414),
        cmocka_unit_test(who_may_do_what),
        cmocka_unit_test(addresses),
        cmocka_unit_test(who_may_read_metrics),
        cmocka_unit_test(accept_is_negotiated),
        cmocka_unit_test(problems_are_json),
    };
    return cmocka_run_group_tests_name("rules", tests, NULL, NULL);
}
