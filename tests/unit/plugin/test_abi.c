/* SPDX-License-Identifier: Apache-2.0 */
/* The promise of reeve/plugin.h: one plugin with every role (tests/abi/probe.c), built against each
 * frozen header, against the present one, against one of the future (every public struct has grown)
 * and against a shorter one, is loaded by the present host and each of its roles is run. */
#include "plugin/host.h"
#include "unit/plugin/compile.h"
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static const char *const structs[] = {"reeve_option", "reeve_emits", "reeve_plugin", "reeve_issue",
                                      "reeve_http"};

struct seen {
    unsigned issues, emitted, submitted;
    char body[64], type[64], issue[64];
    uint64_t token;
};

static void on_issue(void *host, const struct reeve_issue *issue)
{
    struct seen *s = host;
    s->issues++;
    (void)snprintf(s->issue, sizeof(s->issue), "%s", issue->code);
}

static reeve_rc on_submit(void *host, uint64_t token, const char *type, const char *name, int fd,
                          const void *p, size_t len)
{
    struct seen *s = host;
    assert_string_equal(type, "text/plain");
    assert_string_equal(name, "probe.txt");
    assert_int_equal(fd, -1);
    assert_memory_equal(p, "polled", len);
    s->submitted++;
    s->token = token;
    return REEVE_OK;
}

static reeve_rc on_submit_request(void *host, reeve_req *req, uint64_t token)
{
    struct seen *s = host;
    (void)req;
    s->submitted++;
    s->token = token;
    return REEVE_OK;
}

static int on_emit(void *arg, struct message *m)
{
    struct seen *s = arg;
    size_t len;
    const char *p = message_body(m, &len);
    s->emitted++;
    (void)snprintf(s->body, sizeof(s->body), "%.*s", p ? (int)len : 0, p ? p : "");
    (void)snprintf(s->type, sizeof(s->type), "%s", message_get(m, "type"));
    message_free(m);
    return 0;
}

static const struct host_ops ops = {
    .issue = on_issue, .submit = on_submit, .submit_request = on_submit_request};

static void run_source(const struct reeve_plugin *api, reeve_ctx *ctx, void *inst, struct seen *s)
{
    struct reeve_report report = {.accepted = 1};
    struct reeve_req get = {.method = "GET"}, post = {.method = "POST"};
    assert_int_equal(api->check(ctx, inst), REEVE_DOWN);
    assert_string_equal(host_ctx_reason(ctx), "nothing was settled");
    assert_int_equal(api->poll(ctx, inst), REEVE_OK);
    assert_int_equal(s->token, 7);
    api->settled(ctx, inst, s->token, REEVE_OK, &report);
    assert_int_equal(api->check(ctx, inst), REEVE_OK);
    assert_int_equal(api->request(ctx, inst, &get), REEVE_REJECT);
    assert_int_equal(api->request(ctx, inst, &post), REEVE_OK);
    assert_int_equal(s->token, 8);
}

static void run_adapter(const struct reeve_plugin *api, reeve_ctx *ctx, void *inst, struct seen *s)
{
    struct reeve_out out = {.emit = on_emit, .arg = s};
    struct reeve_reader r;
    struct buf bytes = BUF_INIT(1000);
    struct reeve_buf b = {.out = &bytes, .settings = tree_map()};
    host_reader_memory(&r, "some text", 9);
    assert_int_equal(api->decode(ctx, inst, &r, "text/plain", &out), REEVE_OK);
    host_reader_done(&r);
    assert_int_equal(s->emitted, 1);
    assert_string_equal(s->body, "some text");
    assert_string_equal(s->type, "probe.decoded");
    assert_string_equal(s->issue, "probe-issue");
    reeve_msg *m = reeve_msg_new(ctx);
    assert_int_equal(reeve_msg_set(m, "type", "probe.made"), 0);
    const reeve_msg *const msgs[] = {m};
    assert_int_equal(api->encode(ctx, inst, msgs, 1, &b), REEVE_OK);
    assert_non_null(strstr(bytes.p, "\"probe.made\""));
    assert_string_equal(tree_gets(b.settings, "content-type", ""), "application/x-probe");
    assert_int_equal(api->to_hub(ctx, inst, m, &out), REEVE_OK);
    assert_int_equal(api->from_hub(ctx, inst, m, &out), REEVE_OK);
    if (api->step)
        assert_int_equal(api->step(ctx, inst, m, &out), REEVE_OK);
    assert_int_equal(s->emitted, api->step ? 4 : 3);
    assert_string_equal(s->type, "probe.made");
    reeve_msg_free(m);
    tree_free(b.settings);
    buf_done(&bytes);
}

static void run_sink(const struct reeve_plugin *api, reeve_ctx *ctx, void *inst)
{
    struct reeve_job first = {.attempt = 1}, second = {.attempt = 1};
    reeve_job *const jobs[] = {&first, &second};
    buf_init(&first.body, 100);
    buf_init(&second.body, 100);
    assert_int_equal(buf_adds(&first.body, "taken"), 0);
    assert_int_equal(api->deliver(ctx, inst, jobs, 2), REEVE_RETRY);
    assert_true(first.settled);
    assert_int_equal(first.rc, REEVE_OK);
    assert_string_equal(first.reason, "taken");
    assert_false(second.settled);
    assert_string_equal(host_ctx_reason(ctx), "the rest has no body");
    buf_done(&first.body);
    buf_done(&second.body);
}

static void run_all(const char *so, bool with_step)
{
    struct plugin *p = NULL;
    struct tree *options = NULL;
    struct reeve_option o;
    struct reeve_emits m;
    struct err e;
    struct seen seen = {0};
    void *inst = NULL;
    if (plugin_load(so, &p, &e) < 0)
        fail_msg("%s", e.text);
    assert_true(plugin_option(p, 2, &o));
    assert_string_equal(o.key, "third");
    assert_int_equal(o.flags, REEVE_OPT_LIST | REEVE_OPT_DELIVER);
    assert_false(plugin_option(p, 3, &o));
    assert_true(plugin_emits(p, 1, &m));
    assert_int_equal(m.flags, REEVE_EMITS_PERSONAL);
    assert_false(plugin_emits(p, 2, &m));
    assert_int_equal(p->api.step != NULL, with_step);
    assert_int_equal(p->api.max_batch, 3);
    assert_int_equal(host_options(p, NULL, 0, &options, &e), 0);
    reeve_ctx *ctx = host_ctx_new(p, options, &ops, &seen, 1000);
    assert_int_equal(p->api.open(ctx, &inst), REEVE_OK);
    run_source(&p->api, ctx, inst, &seen);
    run_adapter(&p->api, ctx, inst, &seen);
    run_sink(&p->api, ctx, inst);
    p->api.close(ctx, inst);
    host_ctx_free(ctx);
    tree_free(options);
    plugin_unload(p);
}

/* A header of an other time: every struct gets fields at its end (grown), or the table its last
 * callback less. */
static char *make_header(const char *name, bool grown)
{
    char *from = format("%s/core/include/reeve/plugin.h", source_root());
    char *text = NULL, *dir = format("%s/%s/reeve", scratch, name);
    struct buf out = BUF_INIT(1u << 20);
    assert_int_equal(read_file(from, 1u << 20, &text, NULL), 0);
    const char *p = text;
    for (size_t i = 0; grown && i < ARRAY_SIZE(structs); i++) {
        char *head = format("\nstruct %s {", structs[i]);
        const char *end = strstr(strstr(text, head), "\n};");
        assert_non_null(end);
        assert_true(end > p); /* in the order of the header */
        assert_int_equal(buf_add(&out, p, (size_t)(end - p)), 0);
        assert_int_equal(buf_adds(&out, "\n    void (*later)(void);\n    uint64_t more[3];"), 0);
        p = end;
        free(head);
    }
    if (!grown) {
        const char *line = strstr(text, "    reeve_rc (*step)(");
        assert_non_null(line);
        assert_int_equal(buf_add(&out, p, (size_t)(line - p)), 0);
        p = strchr(line, '\n') + 1;
    }
    assert_int_equal(buf_adds(&out, p), 0);
    assert_int_equal(make_dirs(dir), 0);
    char *file = format("%s/reeve/plugin.h", name);
    free(write_text(file, out.p));
    char *include = format("%s/%s", scratch, name);
    buf_done(&out);
    free(file);
    free(dir);
    free(text);
    free(from);
    return include;
}

static void probe_against(const char *include, const char *name, bool with_step)
{
    char *source = format("%s/tests/abi/probe.c", source_root());
    char *so = compile_so(source, include, with_step ? "PROBE_STEP" : NULL, name);
    assert_non_null(so);
    run_all(so, with_step);
    free(so);
    free(source);
}

static void a_plugin_of_today_works(void **state)
{
    (void)state;
    char *include = format("%s/core/include", source_root());
    probe_against(include, "today", true);
    free(include);
}

static void plugins_built_against_released_headers_work(void **state)
{
    (void)state;
    char *include = format("%s/tests/abi/1", source_root());
    probe_against(include, "abi1", true);
    free(include);
}

static void a_plugin_of_the_future_works(void **state)
{
    (void)state;
    char *include = make_header("future", true);
    probe_against(include, "future", true);
    free(include);
}

static void a_plugin_of_a_shorter_past_works(void **state)
{
    (void)state;
    char *include = make_header("past", false);
    probe_against(include, "past", false);
    free(include);
}

static void the_header_compiles_as_cxx(void **state)
{
    (void)state;
    char cxx[] = "c++", only[] = "-fsyntax-only", all[] = "-Wall", extra[] = "-Wextra",
         err[] = "-Werror", pedantic[] = "-Wpedantic";
    char *inc = format("-I%s/core/include", source_root());
    char *source = write_text("plus.cc", "#include <reeve/plugin.h>\n"
                                         "int main() { return int(REEVE_OK); }\n");
    char *argv[] = {cxx, only, all, extra, err, pedantic, inc, source, NULL};
    int r = spawn_wait(argv);
    if (r == 127 || r == -1) {
        print_message("SKIP: no C++ compiler\n");
        skip();
    }
    assert_int_equal(r, 0);
    free(source);
    free(inc);
}

int main(void)
{
    if (scratch_make() < 0)
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_plugin_of_today_works),
        cmocka_unit_test(plugins_built_against_released_headers_work),
        cmocka_unit_test(a_plugin_of_the_future_works),
        cmocka_unit_test(a_plugin_of_a_shorter_past_works),
        cmocka_unit_test(the_header_compiles_as_cxx),
    };
    int r = cmocka_run_group_tests(tests, NULL, NULL);
    scratch_remove();
    return r;
}
