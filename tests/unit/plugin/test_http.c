/* SPDX-License-Identifier: Apache-2.0 */
/* The HTTP service against a small server in this process: one thread a connection, the path says
 * how it answers. */
#include "plugin/host.h"
#include "plugin/http_client.h"
#include "base/util.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <cmocka.h>

static struct {
    int fd;
    unsigned port;
    atomic_uint connections, open_now, busy, most_busy, requests;
    char last[8192]; /* head and body of the last request */
    pthread_mutex_t lock;
} server;

static reeve_ctx *ctx;
static bool stopping;
static atomic_uint stop_after; /* requests that the server has seen by then; 0: `stopping` says */

static void say(int fd, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void say(int fd, const char *fmt, ...)
{
    char text[2048];
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    (void)send(fd, text, (size_t)n, MSG_NOSIGNAL);
}

static void say_big(int fd, size_t len)
{
    static char zeros[65536];
    say(fd, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n", len);
    while (len > 0) {
        size_t n = len < sizeof(zeros) ? len : sizeof(zeros);
        if (send(fd, zeros, n, MSG_NOSIGNAL) <= 0)
            return;
        len -= n;
    }
}

/* false: the connection ends. */
static bool answer(int fd, const char *request)
{
    char path[64] = "";
    unsigned status = 200, ms = 0;
    (void)sscanf(request, "%*s %63s", path);
    if (sscanf(path, "/status/%u", &status) == 1) {
        say(fd, "HTTP/1.1 %u X\r\nRetry-After: 7\r\nContent-Length: 3\r\n\r\nabc", status);
    } else if (sscanf(path, "/slow/%u", &ms) == 1) {
        unsigned now = atomic_fetch_add(&server.busy, 1) + 1;
        unsigned most = atomic_load(&server.most_busy);
        while (now > most && !atomic_compare_exchange_weak(&server.most_busy, &most, now))
            ;
        usleep(ms * 1000);
        atomic_fetch_sub(&server.busy, 1);
        say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    } else if (strcmp(path, "/interim") == 0) {
        say(fd,
            "HTTP/1.1 103 Early\r\nX-A: interim\r\n\r\nHTTP/1.1 204 No\r\nX-A:  final \r\n\r\n");
    } else if (strcmp(path, "/part") == 0) {
        say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc");
        return false;
    } else if (strncmp(path, "/head/", 6) == 0) { /* so many bytes of one */
        say(fd, "%.*s", atoi(path + 6), "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
        return false;
    } else if (strcmp(path, "/drop") == 0) {
        return false;
    } else if (sscanf(path, "/big/%u", &ms) == 1) {
        say_big(fd, ms);
    } else if (strcmp(path, "/moved") == 0) {
        say(fd, "HTTP/1.1 302 Found\r\nLocation: /status/200\r\nContent-Length: 0\r\n\r\n");
    } else {
        say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    }
    return true;
}

/* Reads one request (small ones only); 0 at the end. */
static size_t read_request(int fd, char *buf, size_t cap)
{
    size_t len = 0, want = 0;
    while (len < cap - 1) {
        ssize_t n = recv(fd, buf + len, cap - 1 - len, 0);
        if (n <= 0)
            return 0;
        len += (size_t)n;
        buf[len] = '\0';
        const char *end = strstr(buf, "\r\n\r\n");
        const char *cl = strcasestr(buf, "\r\nContent-Length:");
        if (!end)
            continue;
        want = (size_t)(end - buf) + 4 + (cl && cl < end ? strtoul(cl + 17, NULL, 10) : 0);
        if (len >= want)
            return len;
    }
    return len;
}

static void *serve(void *arg)
{
    int fd = (int)(intptr_t)arg;
    static _Thread_local char request[8192];
    atomic_fetch_add(&server.open_now, 1);
    while (read_request(fd, request, sizeof(request)) > 0) {
        atomic_fetch_add(&server.requests, 1);
        pthread_mutex_lock(&server.lock);
        memcpy(server.last, request, sizeof(request));
        pthread_mutex_unlock(&server.lock);
        if (!answer(fd, request))
            break;
    }
    atomic_fetch_sub(&server.open_now, 1);
    (void)close(fd);
    return NULL;
}

static void *accept_all(void *arg)
{
    (void)arg;
    for (;;) {
        int fd = accept4(server.fd, NULL, NULL, SOCK_CLOEXEC);
        pthread_t t;
        if (fd < 0)
            return NULL;
        atomic_fetch_add(&server.connections, 1);
        if (pthread_create(&t, NULL, serve, (void *)(intptr_t)fd) == 0)
            pthread_detach(t);
    }
}

static bool stop_asked(void *host)
{
    (void)host;
    unsigned n = atomic_load(&stop_after);
    return stopping || (n && atomic_load(&server.requests) >= n);
}

static int start(void **state)
{
    static const struct host_ops ops = {.stop_asked = stop_asked};
    static struct plugin plugin = {.api = {.name = "sample"}};
    struct sockaddr_in a = {.sin_family = AF_INET};
    socklen_t len = sizeof(a);
    pthread_t t;
    (void)state;
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    server.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (bind(server.fd, (struct sockaddr *)&a, sizeof(a)) < 0 || listen(server.fd, 64) < 0 ||
        getsockname(server.fd, (struct sockaddr *)&a, &len) < 0)
        return -1;
    server.port = ntohs(a.sin_port);
    pthread_mutex_init(&server.lock, NULL);
    ctx = host_ctx_new(&plugin, NULL, &ops, NULL, 0);
    return ctx && pthread_create(&t, NULL, accept_all, NULL) == 0 && pthread_detach(t) == 0 ? 0
                                                                                            : -1;
}

static int stop(void **state)
{
    (void)state;
    host_ctx_free(ctx);
    (void)shutdown(server.fd, SHUT_RDWR);
    (void)close(server.fd);
    for (int i = 0; i < 100 && atomic_load(&server.open_now) > 0; i++)
        usleep(10000);
    return 0;
}

static char *url_of(const char *path)
{
    char *url = NULL;
    return asprintf(&url, "http://127.0.0.1:%u%s", server.port, path) < 0 ? NULL : url;
}

/* One request; the answer is the caller's. */
static reeve_resp *ask(struct reeve_http q, const char *path)
{
    reeve_resp *resp = NULL;
    char *url = url_of(path);
    q.size = sizeof(q);
    q.url = q.url ? q.url : url;
    const struct reeve_http *const reqs[] = {&q};
    assert_int_equal(reeve_http(ctx, reqs, &resp, 1), REEVE_OK);
    assert_non_null(resp);
    free(url);
    return resp;
}

static void a_request_arrives_as_it_was_given(void **state)
{
    (void)state;
    const char *const headers[] = {"Content-Type: application/json", "X-Empty:", "X-A: b", NULL};
    reeve_resp *r = ask(
        (struct reeve_http){
            .method = "POST", .headers = headers, .body = "{\"a\":1}", .body_len = 7},
        "/x?y=1");
    assert_int_equal(reeve_resp_status(r), 200);
    assert_string_equal(reeve_resp_error(r), "");
    assert_int_equal(strncmp(server.last, "POST /x?y=1 HTTP/1.1\r\n", 22), 0);
    assert_non_null(strstr(server.last, "\r\nContent-Type: application/json\r\n"));
    assert_non_null(strstr(server.last, "\r\nX-Empty:\r\n"));
    assert_non_null(strstr(server.last, "\r\nContent-Length: 7\r\n"));
    assert_non_null(strstr(server.last, "\r\n\r\n{\"a\":1}"));
    assert_null(strstr(server.last, "Expect"));
    assert_null(strstr(server.last, "form-urlencoded"));
    reeve_resp_free(r);
    r = ask((struct reeve_http){.method = "POST"}, "/empty");
    assert_non_null(strstr(server.last, "\r\nContent-Length: 0\r\n"));
    assert_null(strstr(server.last, "form-urlencoded"));
    reeve_resp_free(r);
    r = ask((struct reeve_http){.method = "DELETE"}, "/gone");
    assert_int_equal(strncmp(server.last, "DELETE /gone ", 13), 0);
    reeve_resp_free(r);
}

static void answers_become_verdicts(void **state)
{
    (void)state;
    static const struct {
        int status;
        reeve_rc rc;
    } map[] = {
        {200, REEVE_OK},     {201, REEVE_OK},     {204, REEVE_OK},     {301, REEVE_DOWN},
        {304, REEVE_DOWN},   {400, REEVE_REJECT}, {401, REEVE_DOWN},   {403, REEVE_DOWN},
        {404, REEVE_DOWN},   {405, REEVE_DOWN},   {408, REEVE_RETRY},  {409, REEVE_REJECT},
        {410, REEVE_REJECT}, {413, REEVE_REJECT}, {415, REEVE_REJECT}, {418, REEVE_RETRY},
        {422, REEVE_REJECT}, {425, REEVE_RETRY},  {429, REEVE_DOWN},   {500, REEVE_RETRY},
        {502, REEVE_RETRY},  {503, REEVE_DOWN},   {504, REEVE_RETRY},  {599, REEVE_RETRY},
    };
    for (size_t i = 0; i < ARRAY_SIZE(map); i++) {
        char path[32];
        uint64_t after = 0;
        (void)snprintf(path, sizeof(path), "/status/%d", map[i].status);
        reeve_resp *r = ask((struct reeve_http){.method = "GET"}, path);
        assert_int_equal(reeve_resp_status(r), map[i].status);
        if (reeve_resp_verdict(r, &after) != map[i].rc)
            fail_msg("%d is verdict %d", map[i].status, reeve_resp_verdict(r, NULL));
        assert_int_equal(after, 7000);
        reeve_resp_free(r);
    }
}

static void no_answer_says_why(void **state)
{
    (void)state;
    static const struct {
        const char *url, *path;
        reeve_rc rc;
    } cases[] = {
        {"http://127.0.0.1:1/", NULL, REEVE_DOWN},
        {"ftp://127.0.0.1/", NULL, REEVE_DOWN},
        {"file:///etc/passwd", NULL, REEVE_DOWN},
        {"nonsense", NULL, REEVE_DOWN},
        {"http://no.such.invalid/", NULL, REEVE_DOWN},
        {NULL, "/part", REEVE_RETRY},
        {NULL, "/slow/900", REEVE_RETRY},
        {NULL, "/drop", REEVE_RETRY},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        reeve_resp *r =
            ask((struct reeve_http){.url = cases[i].url, .timeout_ms = 300}, cases[i].path);
        assert_int_equal(reeve_resp_status(r), 0);
        assert_true(reeve_resp_error(r)[0] != '\0');
        if (reeve_resp_verdict(r, NULL) != cases[i].rc)
            fail_msg("%s%s: verdict %d (%s)", cases[i].url ? cases[i].url : "",
                     cases[i].path ? cases[i].path : "", reeve_resp_verdict(r, NULL),
                     reeve_resp_error(r));
        reeve_resp_free(r);
    }
}

static void header_injection_and_odd_methods_are_refused(void **state)
{
    (void)state;
    const char *const evil[] = {"X: a\r\nEvil: 1", NULL}, *const odd[] = {"no colon", NULL};
    unsigned before = atomic_load(&server.requests);
    reeve_resp *r = ask((struct reeve_http){.headers = evil}, "/x");
    assert_int_equal(reeve_resp_status(r), 0);
    reeve_resp_free(r);
    r = ask((struct reeve_http){.headers = odd}, "/x");
    assert_int_equal(reeve_resp_status(r), 0);
    reeve_resp_free(r);
    r = ask((struct reeve_http){.method = "GET / HTTP/1.1\r\nX"}, "/x");
    assert_int_equal(reeve_resp_status(r), 0);
    reeve_resp_free(r);
    assert_int_equal(atomic_load(&server.requests), before);
}

/* Once "200 OK" and a closed connection counted as delivered: a message that nobody had taken was
 * lost. */
static void an_answer_whose_head_was_cut_off_is_none(void **state)
{
    (void)state;
    const int whole = (int)strlen("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    for (int n = 1; n <= whole; n++) {
        char path[32];
        (void)snprintf(path, sizeof(path), "/head/%d", n);
        reeve_resp *r = ask((struct reeve_http){.method = "POST"}, path);
        assert_int_equal(reeve_resp_status(r), n < whole ? 0 : 200);
        assert_int_equal(reeve_resp_verdict(r, NULL), n < whole ? REEVE_RETRY : REEVE_OK);
        reeve_resp_free(r);
    }
}

static void redirects_are_not_followed(void **state)
{
    (void)state;
    reeve_resp *r = ask((struct reeve_http){.method = "GET"}, "/moved");
    assert_int_equal(reeve_resp_status(r), 302);
    assert_string_equal(reeve_resp_header(r, "LOCATION"), "/status/200");
    assert_null(reeve_resp_header(r, "Locatio"));
    reeve_resp_free(r);
}

static void interim_answers_do_not_leave_headers(void **state)
{
    (void)state;
    reeve_resp *r = ask((struct reeve_http){.method = "GET"}, "/interim");
    assert_int_equal(reeve_resp_status(r), 204);
    assert_string_equal(reeve_resp_header(r, "x-a"), "final");
    reeve_resp_free(r);
}

static void a_big_body_is_cut_at_a_mebibyte(void **state)
{
    (void)state;
    size_t len = 0;
    reeve_resp *r = ask((struct reeve_http){.method = "GET"}, "/big/3000000");
    assert_int_equal(reeve_resp_status(r), 200);
    (void)reeve_resp_body(r, &len);
    assert_int_equal(len, HTTP_BODY_KEPT);
    reeve_resp_free(r);
    r = ask((struct reeve_http){.method = "GET"}, "/big/4000000000"); /* reading ends long before */
    assert_int_equal(reeve_resp_status(r), 200);
    (void)reeve_resp_body(r, &len);
    assert_int_equal(len, HTTP_BODY_KEPT);
    reeve_resp_free(r);
}

enum { MANY = 40 };

static void ask_many(uint32_t per_host, const char *path)
{
    struct reeve_http q[MANY];
    const struct reeve_http *reqs[MANY];
    reeve_resp *resps[MANY];
    char *url = url_of(path);
    for (size_t i = 0; i < MANY; i++) {
        q[i] = (struct reeve_http){.size = sizeof(q[i]), .url = url, .per_host = per_host};
        reqs[i] = &q[i];
    }
    assert_int_equal(reeve_http(ctx, reqs, resps, MANY), REEVE_OK);
    for (size_t i = 0; i < MANY; i++) {
        assert_int_equal(reeve_resp_status(resps[i]), 200);
        reeve_resp_free(resps[i]);
    }
    free(url);
}

static void many_go_at_once_within_the_limit_of_the_host(void **state)
{
    (void)state;
    /* 200 ms each: so many are under way together also on a busy machine */
    while (atomic_load(&server.busy) > 0)
        usleep(10000); /* a request of an earlier test that was given up */
    atomic_store(&server.most_busy, 0);
    ask_many(0, "/slow/200");
    assert_int_equal(atomic_load(&server.most_busy), HTTP_PER_HOST);
    ask_many(20, "/slow/200");
    assert_int_equal(atomic_load(&server.most_busy), 20);
}

static void a_peer_that_hangs_is_not_asked_forty_times(void **state)
{
    (void)state;
    struct reeve_http q[MANY];
    const struct reeve_http *reqs[MANY];
    reeve_resp *resps[MANY];
    char *url = url_of("/slow/700");
    size_t charged = 0, spared = 0;
    for (size_t i = 0; i < MANY; i++) {
        q[i] = (struct reeve_http){.size = sizeof(q[i]), .url = url, .timeout_ms = 250};
        reqs[i] = &q[i];
    }
    assert_int_equal(reeve_http(ctx, reqs, resps, MANY), REEVE_OK);
    for (size_t i = 0; i < MANY; i++) {
        reeve_rc rc = reeve_resp_verdict(resps[i], NULL);
        charged += rc == REEVE_RETRY;
        spared += rc == REEVE_DOWN && strncmp(reeve_resp_error(resps[i]), "not sent: ", 10) == 0;
        reeve_resp_free(resps[i]);
    }
    assert_int_equal(charged, HTTP_PER_HOST);
    assert_int_equal(spared, MANY - HTTP_PER_HOST);
    free(url);
}

static void connections_are_kept_between_calls(void **state)
{
    (void)state;
    (void)ask_many(4, "/x");
    unsigned before = atomic_load(&server.connections);
    for (int i = 0; i < 10; i++)
        (void)ask_many(4, "/x");
    assert_int_equal(atomic_load(&server.connections), before);
}

static void asked_to_stop_gives_up(void **state)
{
    (void)state;
    reeve_resp *resp = NULL;
    char *url = url_of("/slow/500");
    struct reeve_http q = {.size = sizeof(q), .url = url};
    const struct reeve_http *const reqs[] = {&q};
    stopping = true;
    assert_int_equal(reeve_http(ctx, reqs, &resp, 1), REEVE_RETRY);
    stopping = false;
    assert_int_equal(reeve_resp_status(resp), 0);
    assert_int_equal(reeve_resp_verdict(resp, NULL), REEVE_RETRY);
    reeve_resp_free(resp);
    free(url);
}

/* Once a stop cut off what was under way, and its messages went to the peer twice. */
static void what_runs_at_a_stop_is_answered_and_what_waits_is_not_sent(void **state)
{
    (void)state;
    reeve_resp *resp[3] = {NULL};
    char *url = url_of("/slow/400");
    struct reeve_http q = {.size = sizeof(q), .url = url, .per_host = 2};
    const struct reeve_http *const reqs[] = {&q, &q, &q};
    atomic_store(&stop_after, atomic_load(&server.requests) + 2);
    assert_int_equal(reeve_http(ctx, reqs, resp, 3), REEVE_RETRY);
    atomic_store(&stop_after, 0);
    assert_int_equal(reeve_resp_status(resp[0]), 200);
    assert_int_equal(reeve_resp_status(resp[1]), 200);
    assert_int_equal(reeve_resp_status(resp[2]), 0);
    for (int i = 0; i < 3; i++)
        reeve_resp_free(resp[i]);
    free(url);
}

static void a_shorter_request_struct_of_an_older_header_works(void **state)
{
    (void)state;
    reeve_resp *resp = NULL;
    char *url = url_of("/x");
    struct reeve_http q;
    memset(&q, 0xff, sizeof(q)); /* what lies behind the older struct is not ours to read */
    q.size = offsetof(struct reeve_http, headers);
    q.method = "GET";
    q.url = url;
    const struct reeve_http *const reqs[] = {&q};
    assert_int_equal(reeve_http(ctx, reqs, &resp, 1), REEVE_OK);
    assert_int_equal(reeve_resp_status(resp), 200);
    reeve_resp_free(resp);
    free(url);
}

static void retry_after_is_seconds_or_a_date(void **state)
{
    (void)state;
    const uint64_t now = 1767225600000; /* 2026-01-01T00:00:00Z */
    assert_int_equal(http_retry_after("120", now), 120000);
    assert_int_equal(http_retry_after("0", now), 0);
    assert_int_equal(http_retry_after("Thu, 01 Jan 2026 00:01:00 GMT", now), 60000);
    assert_int_equal(http_retry_after("Wed, 31 Dec 2025 00:01:00 GMT", now), 0);
    assert_int_equal(http_retry_after("Thu, 01 Jan 2099 00:01:00 GMT", now), HTTP_RETRY_AFTER_MS);
    assert_int_equal(http_retry_after("99999999999999999999999", now), HTTP_RETRY_AFTER_MS);
    assert_int_equal(http_retry_after("-5", now), 0);
    assert_int_equal(http_retry_after("soon", now), 0);
    assert_int_equal(http_retry_after("", now), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_arrives_as_it_was_given),
        cmocka_unit_test(answers_become_verdicts),
        cmocka_unit_test(no_answer_says_why),
        cmocka_unit_test(header_injection_and_odd_methods_are_refused),
        cmocka_unit_test(an_answer_whose_head_was_cut_off_is_none),
        cmocka_unit_test(redirects_are_not_followed),
        cmocka_unit_test(interim_answers_do_not_leave_headers),
        cmocka_unit_test(many_go_at_once_within_the_limit_of_the_host),
        cmocka_unit_test(a_peer_that_hangs_is_not_asked_forty_times),
        cmocka_unit_test(connections_are_kept_between_calls),
        cmocka_unit_test(a_big_body_is_cut_at_a_mebibyte),
        cmocka_unit_test(asked_to_stop_gives_up),
        cmocka_unit_test(what_runs_at_a_stop_is_answered_and_what_waits_is_not_sent),
        cmocka_unit_test(a_shorter_request_struct_of_an_older_header_works),
        cmocka_unit_test(retry_after_is_seconds_or_a_date),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
