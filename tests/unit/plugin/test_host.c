/* SPDX-License-Identifier: Apache-2.0 */
/* The host services without a worker: options, verdicts, texts, documents, what encode writes. */
#include "plugin/host.h"
#include "base/util.h"
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

static const struct reeve_option table[] = {
    {.key = "url", .type = REEVE_T_URL, .flags = REEVE_OPT_REQUIRED, .help = "Where to."},
    {.key = "timeout", .type = REEVE_T_SECONDS, .def = "20s", .allowed = "1s..10m"},
    {.key = "size", .type = REEVE_T_BYTES, .def = "64k"},
    {.key = "count", .type = REEVE_T_INT, .allowed = "0.."},
    {.key = "mode", .type = REEVE_T_CHOICE, .allowed = "files|lines", .def = "files"},
    {.key = "quiet", .type = REEVE_T_BOOL, .def = "false"},
    {.key = "headers", .type = REEVE_T_MAP},
    {.key = "names", .type = REEVE_T_STR, .flags = REEVE_OPT_LIST},
    {.key = "token", .type = REEVE_T_SECRET},
    {.key = "directory", .type = REEVE_T_PATH},
    {.key = NULL}};

static struct plugin plugin = {.api = {.struct_size = sizeof(struct reeve_plugin),
                                       .option_size = sizeof(struct reeve_option),
                                       .name = "sample",
                                       .options = table}};

static int options(const char *const *kv, size_t n, struct tree **ret, struct err *e)
{
    return host_options(&plugin, kv, n, ret, e);
}

static void options_are_brought_into_one_form(void **state)
{
    (void)state;
    const char *const kv[] = {"url=https://a.example/x",
                              "timeout=2m",
                              "count=7",
                              "headers=X-Key=v=1",
                              "headers=Y=2",
                              "names=a",
                              "names=b",
                              "directory=in/x",
                              "quiet=true"};
    struct tree *t = NULL;
    struct err e;
    assert_int_equal(options(kv, ARRAY_SIZE(kv), &t, &e), 0);
    reeve_ctx *ctx = host_ctx_new(&plugin, t, NULL, NULL, 1000);
    assert_string_equal(reeve_conf(ctx, "url", 0), "https://a.example/x");
    assert_null(reeve_conf(ctx, "url", 1));
    assert_int_equal(reeve_conf_int(ctx, "timeout"), 120000);
    assert_int_equal(reeve_conf_int(ctx, "size"), 65536);
    assert_int_equal(reeve_conf_int(ctx, "count"), 7);
    assert_int_equal(reeve_conf_int(ctx, "quiet"), 1);
    assert_string_equal(reeve_conf(ctx, "mode", 0), "files");
    assert_string_equal(reeve_conf_key(ctx, "headers", 0), "X-Key");
    assert_string_equal(reeve_conf(ctx, "headers", 0), "v=1");
    assert_string_equal(reeve_conf_key(ctx, "headers", 1), "Y");
    assert_null(reeve_conf_key(ctx, "headers", 2));
    assert_string_equal(reeve_conf(ctx, "names", 1), "b");
    assert_int_equal(reeve_conf(ctx, "directory", 0)[0], '/');
    assert_null(reeve_conf(ctx, "token", 0));
    assert_int_equal(reeve_conf_int(ctx, "token"), 0);
    assert_int_equal(reeve_limit(ctx, "message"), 1000);
    assert_int_equal(reeve_limit(ctx, "other"), 0);
    host_ctx_free(ctx);
    tree_free(t);
}

static void wrong_options_are_refused_with_the_cure(void **state)
{
    (void)state;
    static const struct {
        const char *given, *code, *words;
    } cases[] = {
        {"urk=x", "option-unknown", "did you mean \"url\""},
        {"zzzzzzzz=x", "option-unknown", "no option \"zzzzzzzz\""},
        {"url", "option-value", "not KEY=VALUE"},
        {"=x", "option-value", "not KEY=VALUE"},
        {"url=not a url", "option-value", "is not a URL"},
        {"url=http://", "option-value", "is not a URL"},
        {"url=https://a.example/\x01", "option-value", "\\x01"},
        {"timeout=soon", "option-value", "a duration such as"},
        {"timeout=1h", "option-value", "not within 1s..10m"},
        {"timeout=10ms", "option-value", "not within 1s..10m"},
        {"count=-1", "option-value", "not within 0.."},
        {"count=1x", "option-value", "a whole number"},
        {"count=99999999999999999999", "option-value", "a whole number"},
        {"size=big", "option-value", "a size such as"},
        {"mode=file", "option-value", "one of files|lines"},
        {"mode=", "option-value", "one of files|lines"},
        {"quiet=yes", "option-value", "true or false"},
        {"headers=X", "option-value", "NAME=VALUE"},
        {"names=\xff", "option-value", "UTF-8"},
        {"mode=lines", "option-required", "option url is required: Where to."},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct tree *t = NULL;
        struct err e = {.text = ""};
        assert_true(options(&cases[i].given, 1, &t, &e) < 0);
        assert_null(t);
        assert_string_equal(e.code, cases[i].code);
        if (!strstr(e.text, cases[i].words))
            fail_msg("%s: \"%s\" does not say \"%s\"", cases[i].given, e.text, cases[i].words);
    }
    const char *const twice[] = {"url=https://a.example/", "url=https://b.example/"};
    struct tree *t = NULL;
    struct err e;
    assert_true(options(twice, 2, &t, &e) < 0);
    assert_non_null(strstr(e.text, "given twice"));
}

static void an_unknown_verdict_is_retry(void **state)
{
    (void)state;
    assert_int_equal(host_verdict(REEVE_OK), REEVE_OK);
    assert_int_equal(host_verdict(REEVE_FATAL), REEVE_FATAL);
    assert_int_equal(host_verdict(5), REEVE_RETRY);
    assert_int_equal(host_verdict(-1), REEVE_RETRY);
    assert_string_equal(host_verdict_name(1000), "RETRY");
    struct reeve_job job = {.attempt = 1};
    reeve_settle(&job, 77, 5, "%s", "strange");
    assert_int_equal(job.rc, REEVE_RETRY);
    reeve_settle(&job, REEVE_OK, 0, "%s", "too late");
    assert_int_equal(job.rc, REEVE_RETRY);
    assert_string_equal(job.reason, "strange");
}

static void reasons_are_cut_at_a_character_and_escaped(void **state)
{
    (void)state;
    char longer[1000];
    reeve_ctx *ctx = host_ctx_new(&plugin, NULL, NULL, NULL, 0);
    assert_int_equal(reeve_fail(ctx, REEVE_REJECT, "a\nb %s", "\x1b[31m"), REEVE_REJECT);
    assert_null(strchr(host_ctx_reason(ctx), '\n'));
    assert_null(strchr(host_ctx_reason(ctx), '\x1b'));
    for (size_t i = 0; i + 2 < sizeof(longer); i += 2)
        memcpy(longer + i, "\xc3\xa9", 3);
    (void)reeve_fail(ctx, REEVE_REJECT, "%s", longer);
    assert_true(strlen(host_ctx_reason(ctx)) < ERR_TEXT_MAX);
    assert_true(utf8_valid(host_ctx_reason(ctx), strlen(host_ctx_reason(ctx))));
    assert_null(strchr(host_ctx_reason(ctx), '\\'));
    reeve_retry_after(ctx, 9);
    assert_int_equal(host_ctx_retry_after(ctx), 9);
    host_ctx_clear(ctx);
    assert_string_equal(host_ctx_reason(ctx), "");
    assert_int_equal(host_ctx_retry_after(ctx), 0);
    host_ctx_free(ctx);
}

static void services_that_the_host_lacks_fail_softly(void **state)
{
    (void)state;
    size_t len = 9;
    reeve_ctx *ctx = host_ctx_new(&plugin, NULL, NULL, NULL, 0);
    struct reeve_issue issue = {.size = sizeof(issue), .code = "x"};
    reeve_issue(ctx, &issue);
    assert_null(reeve_state_get(ctx, "k", &len));
    assert_int_equal(len, 0);
    assert_int_equal(reeve_state_put(ctx, "k", "v", 1), -1);
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    assert_int_equal(reeve_submit(ctx, 1, NULL, NULL, fd, NULL, 0), REEVE_FATAL);
    assert_int_equal(fcntl(fd, F_GETFD), -1); /* taken all the same */
    assert_int_equal(reeve_wait(ctx, -1, 1), 0);
    reeve_count(ctx, "m", 1);
    reeve_gauge(ctx, "m", 1.0);
    assert_true(reeve_now_ms(ctx) > 1600000000000u);
    assert_true(reeve_host_version() > 0);
    host_ctx_free(ctx);
}

static void documents_are_read_from_memory_and_files(void **state)
{
    (void)state;
    char piece[4];
    size_t len = 0;
    struct reeve_reader r;
    static const struct door_header headers[] = {{"content-type", "text/csv"}, {"ce-id", "7"}};
    host_reader_memory(&r, "abcdef", 6);
    r.headers = headers;
    r.headers_n = 2;
    r.name = "x.csv";
    assert_int_equal(reeve_read(&r, piece, 4), 4);
    assert_memory_equal(piece, "abcd", 4);
    assert_string_equal(reeve_read_all(&r, 2, &len), "ef");
    assert_int_equal(len, 2);
    assert_int_equal(reeve_read(&r, piece, 4), 0);
    assert_string_equal(reeve_reader_get(&r, "h:CE-id"), "7");
    assert_string_equal(reeve_reader_get(&r, "name"), "x.csv");
    assert_null(reeve_reader_get(&r, "h:x"));
    assert_null(reeve_reader_header(&r, 2, NULL));
    host_reader_done(&r);

    FILE *f = tmpfile();
    for (int i = 0; i < 30000; i++)
        (void)fputs("0123456789", f);
    (void)fflush(f);
    host_reader_fd(&r, fileno(f));
    assert_null(reeve_read_all(&r, 299999, &len));
    host_reader_done(&r);
    host_reader_fd(&r, fileno(f));
    const char *all = reeve_read_all(&r, 300000, &len);
    assert_non_null(all);
    assert_int_equal(len, 300000);
    assert_int_equal(all[len], '\0');
    host_reader_done(&r);
    (void)fclose(f);
    host_reader_fd(&r, -1);
    assert_true(reeve_read(&r, piece, 4) < 0);
    assert_null(reeve_read_all(&r, 10, &len));
    host_reader_done(&r);
    host_reader_memory(&r, "", 0);
    assert_string_equal(reeve_read_all(&r, 0, &len), "");
    host_reader_done(&r);
}

static void a_buffer_of_the_plugins_own_takes_an_event_and_is_emptied(void **state)
{
    (void)state;
    reeve_ctx *ctx = host_ctx_new(&plugin, NULL, NULL, NULL, 1000);
    reeve_buf *b = reeve_buf_new(ctx);
    reeve_msg *m = reeve_msg_new(ctx);
    static char much[2000 + (1u << 20)];
    size_t len = 9;
    assert_string_equal(reeve_buf_data(b, &len), "");
    assert_int_equal(len, 0);
    assert_int_equal(reeve_msg_set(m, "type", "funding.award"), 0);
    assert_int_equal(reeve_buf_add(b, "[", 1), 0);
    assert_int_equal(reeve_msg_to_json(m, b), 0);
    assert_string_equal(reeve_buf_data(b, &len),
                        "[{\"specversion\":\"1.0\",\"type\":\"funding.award\"}");
    assert_int_equal(len, strlen(reeve_buf_data(b, NULL)));
    assert_int_equal(reeve_buf_set(b, "name", "x"), -1);
    reeve_buf_clear(b);
    assert_int_equal(reeve_buf_add(b, much, sizeof much), 0); /* twice the limit and 1 MiB */
    assert_int_equal(reeve_buf_add(b, "x", 1), -1);
    reeve_buf_free(b);
    reeve_buf_free(NULL);
    reeve_msg_free(m);
    host_ctx_free(ctx);
}

static void settings_of_encode_replace_each_other_and_stay_one_line(void **state)
{
    (void)state;
    struct buf bytes = BUF_INIT(4);
    struct reeve_buf b = {.out = &bytes, .settings = tree_map()};
    const char *value = NULL;
    assert_int_equal(reeve_buf_add(&b, "1234", 4), 0);
    assert_int_equal(reeve_buf_add(&b, "5", 1), -1);
    assert_int_equal(reeve_buf_set(&b, "content-type", "text/plain"), 0);
    assert_int_equal(reeve_buf_set(&b, "content-type", "text/csv"), 0);
    assert_int_equal(reeve_buf_set(&b, "h:ce-id", "1"), 0);
    assert_int_equal(reeve_buf_set(&b, "h:ce-type", "t"), 0);
    assert_int_equal(reeve_buf_set(&b, "h:x", "a\r\nEvil: 1"), -1);
    assert_int_equal(reeve_buf_set(&b, "h:x y", "a"), -1);
    assert_int_equal(reeve_buf_set(&b, "h:", "a"), -1);
    struct reeve_job job = {.settings = b.settings, .destination = "d"};
    assert_string_equal(reeve_job_get(&job, "content-type"), "text/csv");
    assert_string_equal(reeve_job_get(&job, "destination"), "d");
    assert_null(reeve_job_get(&job, "name"));
    assert_string_equal(reeve_job_header(&job, 1, &value), "ce-type");
    assert_string_equal(value, "t");
    assert_null(reeve_job_header(&job, 2, &value));
    tree_free(b.settings);
    buf_done(&bytes);
}

static void the_type_of_an_attribute_is_told(void **state)
{
    (void)state;
    reeve_msg *m = reeve_msg_new(NULL);
    assert_int_equal(reeve_msg_set(m, "type", "funding.award"), 0);
    assert_int_equal(reeve_msg_set(m, "status", "true"), 0);
    assert_int_equal(reeve_msg_set_bool(m, "urgent", 1), 0);
    assert_int_equal(reeve_msg_set_int(m, "amount", -1), 0);
    assert_int_equal(reeve_msg_kind(m, "type"), 's');
    assert_int_equal(reeve_msg_kind(m, "status"), 's');
    assert_int_equal(reeve_msg_kind(m, "urgent"), 'b');
    assert_int_equal(reeve_msg_kind(m, "amount"), 'i');
    assert_int_equal(reeve_msg_kind(m, "nothing"), 0);
    reeve_msg_free(m);
}

static void messages_travel_through_the_public_functions(void **state)
{
    (void)state;
    size_t len;
    reeve_ctx *ctx = host_ctx_new(&plugin, NULL, NULL, NULL, 10000);
    reeve_msg *m = reeve_msg_new(ctx);
    assert_string_equal(reeve_msg_id(m), "");
    assert_int_equal(reeve_msg_set(m, "type", "x.y"), 0);
    assert_int_equal(reeve_msg_set(m, "Bad-Name", "x"), -1);
    assert_int_equal(reeve_msg_set_bool(m, "flag", 3), 0);
    assert_string_equal(reeve_msg_get(m, "flag"), "true");
    assert_int_equal(reeve_msg_set(m, "flag", NULL), 0);
    assert_null(reeve_msg_get(m, "flag"));
    assert_int_equal(reeve_msg_set_body(m, "application/json", "{\"a\": 1 }", 9), 0);
    assert_int_equal(reeve_msg_set_body(m, "application/json", "{\"a\"", 4), -1);
    assert_memory_equal(reeve_msg_body(m, &len), "{\"a\":1}", 7);
    reeve_msg *copy = reeve_msg_copy(m);
    assert_string_equal(reeve_msg_get(copy, "type"), "x.y");
    reeve_msg_free(copy);
    reeve_msg_free(m);
    reeve_msg_free(NULL);
    assert_null(reeve_msg_from_json(ctx, "/0", "{\"specversion\":\"0.3\"}", 21));
    assert_true(reeve_emit(&(struct reeve_out){0}, NULL) != 0);
    host_ctx_free(ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(options_are_brought_into_one_form),
        cmocka_unit_test(wrong_options_are_refused_with_the_cure),
        cmocka_unit_test(an_unknown_verdict_is_retry),
        cmocka_unit_test(reasons_are_cut_at_a_character_and_escaped),
        cmocka_unit_test(services_that_the_host_lacks_fail_softly),
        cmocka_unit_test(documents_are_read_from_memory_and_files),
        cmocka_unit_test(a_buffer_of_the_plugins_own_takes_an_event_and_is_emptied),
        cmocka_unit_test(settings_of_encode_replace_each_other_and_stay_one_line),
        cmocka_unit_test(the_type_of_an_attribute_is_told),
        cmocka_unit_test(messages_travel_through_the_public_functions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
