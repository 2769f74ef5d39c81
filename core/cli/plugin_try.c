/* SPDX-License-Identifier: Apache-2.0 */
/* plugin_try - see plugin_try.h. For plugin authors and operators: does it load, does the peer
 * answer, what verdict does a message get, what would be submitted. Nothing of the hub is touched;
 * what the plugin does outside is real. The plugin runs in this process: when it crashes, this
 * command does. */
#include "plugin_try.h"
#include "cli.h"
#include "document.h"
#include "try_host.h"
#include "base/util.h"
#include "message/message.h"
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define BATCH_MAX 256u
#define FILE_MAX  (256u << 20)

struct order { /* what the command line says */
    const char *deliver, *request, *content_type;
    bool check, receive, json;
    uint64_t for_ms, attempt;
    reeve_rc settle_with;
    struct adapter_choice plugin, speaks; /* of a plugin it says the same */
};

static int bad(const char *text, const char *what)
{
    fprintf(stderr, "reeve plugin try: %s%s\n", text, what);
    return CLI_USAGE;
}

static int set_settle(struct order *o, const char *v)
{
    static const reeve_rc known[] = {REEVE_OK, REEVE_RETRY, REEVE_REJECT};
    for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
        if (strcasecmp(v, host_verdict_name(known[i])) == 0) {
            o->settle_with = known[i];
            return 0;
        }
    }
    return bad("--settle is ok, retry or reject, not ", v);
}

static int set_number(struct order *o, const char *name, const char *v)
{
    int64_t n = 0;
    if (strcmp(name, "--for") == 0)
        return parse_duration_ms(v, &o->for_ms) == 0 ? 0
                                                     : bad("--for takes a time such as 5s: ", v);
    if (parse_i64(v, &n) < 0 || n < 1 || n > UINT32_MAX)
        return bad("--attempt takes a number from 1: ", v);
    o->attempt = (uint64_t)n;
    return 0;
}

static int set_value(struct order *o, const char *name, const char *v)
{
    const struct {
        const char *name;
        const char **to;
    } texts[] = {{"--deliver", &o->deliver},
                 {"--request", &o->request},
                 {"--speaks", &o->speaks.name},
                 {"--content-type", &o->content_type}};
    if (strcmp(name, "--settle") == 0)
        return set_settle(o, v);
    if (strcmp(name, "--for") == 0 || strcmp(name, "--attempt") == 0)
        return set_number(o, name, v);
    if (strcmp(name, "-o") == 0 || strcmp(name, "-O") == 0)
        return adapter_choice_add(name[1] == 'o' ? &o->plugin : &o->speaks, v)
                   ? 0
                   : bad("too many options", "");
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        if (strcmp(name, texts[i].name) == 0) {
            *texts[i].to = v;
            return 0;
        }
    }
    return bad("unknown argument ", name);
}

static int parse(int argc, char **argv, struct order *o)
{
    for (int i = 1; i < argc; i++) {
        int r = 0;
        if (strcmp(argv[i], "--check") == 0)
            o->check = true;
        else if (strcmp(argv[i], "--receive") == 0)
            o->receive = true;
        else if (strcmp(argv[i], "--json") == 0)
            o->json = true;
        else if (argv[i][0] != '-' && !o->plugin.name)
            o->plugin.name = argv[i];
        else if (i + 1 < argc)
            r = set_value(o, argv[i], argv[i + 1]), i++;
        else
            r = bad("unknown argument or value missing: ", argv[i]);
        if (r != 0)
            return r;
    }
    if (!o->plugin.name)
        return bad("which plugin? ", "reeve plugin try ./x.so …");
    if (o->check + o->receive + !!o->deliver + !!o->request != 1)
        return bad("one of --check, --deliver FILE, --receive, --request FILE is needed", "");
    if (o->speaks.name && !o->deliver)
        return bad("--speaks NAME is for --deliver", "");
    if (o->speaks.n && !o->speaks.name)
        return bad("-O is for the adapter of --speaks NAME: ", o->speaks.options[0]);
    return 0;
}

static int read_input(const char *path, char **ret, size_t *ret_len, struct err *e)
{
    int r = strcmp(path, "-") == 0 ? read_fd(0, FILE_MAX, ret, ret_len)
                                   : read_file(path, FILE_MAX, ret, ret_len);
    return r < 0 ? err_set(e, r, "file", "%s: %s", path, strerror(-r)) : 0;
}

/* ---- deliver ---- */

struct jobs {
    struct reeve_job job[BATCH_MAX];
    reeve_job *list[BATCH_MAX];
    size_t n;
    bool all_ok;
};

static void jobs_reset(struct jobs *j)
{
    for (size_t i = 0; i < j->n; i++) {
        message_free(j->job[i].msg.m);
        buf_done(&j->job[i].body);
        tree_free(j->job[i].settings);
    }
    j->n = 0;
}

/* By the adapter, or the whole event as it stands. */
static int encode(struct try_host *adapter, struct reeve_job *job, struct err *e)
{
    struct reeve_buf b = {.out = &job->body, .settings = job->settings};
    const reeve_msg *const msgs[] = {&job->msg};
    if (!adapter) {
        int r = message_write(job->msg.m, &job->body);
        if (r == 0)
            r = reeve_buf_set(&b, "content-type", "application/cloudevents+json");
        return r == 0 ? 0 : err_set(e, -ENOMEM, "too-large", "the message is too large");
    }
    host_ctx_clear(adapter->ctx);
    reeve_rc rc = adapter->plugin->api.encode(adapter->ctx, adapter->inst, msgs, 1, &b);
    return rc == REEVE_OK ? 0
                          : err_set(e, -EINVAL, "encode", "the adapter says %s: %s",
                                    host_verdict_name(rc), host_ctx_reason(adapter->ctx));
}

static int add_job(struct jobs *j, struct try_host *adapter, const struct order *o, const char *p,
                   size_t len, struct err *e)
{
    struct reeve_job *job = &j->job[j->n];
    memset(job, 0, sizeof(*job));
    int r = message_parse(p, len, 0, &job->msg.m, NULL, e);
    if (r < 0)
        return r;
    job->attempt = (uint32_t)o->attempt;
    job->destination = "try";
    job->settings = tree_map();
    buf_init(&job->body, MESSAGE_BYTES_MAX);
    j->list[j->n++] = job; /* jobs_reset frees it from here on */
    return encode(adapter, job, e);
}

static void print_verdict(const struct order *o, const struct reeve_job *job)
{
    const char *id = message_get(job->msg.m, "id");
    struct tree *t = tree_map();
    struct buf out = BUF_INIT(1u << 20);
    char shown[256] = "";
    if (o->json) {
        if (tree_puts(t, "id", id ? id : "") == 0 &&
            tree_puts(t, "verdict", host_verdict_name(job->rc)) == 0 &&
            tree_puts(t, "reason", job->reason) == 0 &&
            tree_putu(t, "after_ms", job->after_ms) == 0 && tree_to_json(t, &out, false) == 0)
            puts(buf_str(&out));
    } else {
        printf("%s %s", escape_text(shown, sizeof(shown), id ? id : "-", strlen(id ? id : "-")),
               host_verdict_name(job->rc));
        if (job->after_ms)
            printf(" (not before %" PRIu64 " ms)", job->after_ms);
        printf("%s%s\n", job->reason[0] ? " " : "", job->reason);
    }
    (void)fflush(stdout);
    tree_free(t);
    buf_done(&out);
}

static void run_batch(struct try_host *h, struct jobs *j, const struct order *o)
{
    if (j->n == 0)
        return;
    host_ctx_clear(h->ctx);
    reeve_rc rc = host_verdict(h->plugin->api.deliver(h->ctx, h->inst, j->list, j->n));
    for (size_t i = 0; i < j->n; i++) {
        struct reeve_job *job = &j->job[i];
        if (!job->settled) {
            job->rc = rc;
            job->after_ms = host_ctx_retry_after(h->ctx);
            (void)snprintf(job->reason, sizeof(job->reason), "%s", host_ctx_reason(h->ctx));
        }
        j->all_ok = j->all_ok && job->rc == REEVE_OK;
        print_verdict(o, job);
    }
    jobs_reset(j);
}

/* One structured event a line. */
static int deliver_lines(struct try_host *h, struct try_host *adapter, struct jobs *j,
                         const struct order *o, char *text, size_t len, struct err *e)
{
    size_t batch = h->plugin->api.max_batch ? h->plugin->api.max_batch : 1, line = 0;
    if (batch > BATCH_MAX)
        batch = BATCH_MAX;
    for (const char *p = text, *end = text + len; p < end;) {
        const char *nl = memchr(p, '\n', (size_t)(end - p));
        size_t n = nl ? (size_t)(nl - p) : (size_t)(end - p);
        line++;
        if (strspn(p, " \t\r") < n) {
            int r = add_job(j, adapter, o, p, n, e);
            if (r < 0)
                return err_prefix(e, r, "%s:%zu", o->deliver, line);
        }
        if (j->n == batch)
            run_batch(h, j, o);
        p += n + (nl != NULL);
    }
    run_batch(h, j, o);
    return 0;
}

static int deliver(struct try_host *h, struct try_host *adapter, const struct order *o,
                   struct err *e)
{
    _cleanup_free_ char *text = NULL;
    size_t len = 0;
    if (!h->plugin->api.deliver)
        return err_set(e, -ENOTSUP, "plugin-role", "it does not deliver");
    if (adapter && !adapter->plugin->api.encode)
        return err_set(e, -ENOTSUP, "plugin-role", "the adapter does not encode");
    int r = read_input(o->deliver, &text, &len, e);
    if (r < 0)
        return r;
    struct jobs *j = xcalloc(1, sizeof(*j));
    if (!j)
        return err_set(e, -ENOMEM, "out-of-memory", "out of memory");
    j->all_ok = true;
    r = deliver_lines(h, adapter, j, o, text, len, e);
    jobs_reset(j);
    bool all_ok = j->all_ok;
    free(j);
    return r < 0 ? r : !all_ok;
}

/* ---- receive ---- */

static int receive(struct try_host *h, struct err *e)
{
    if (!h->plugin->api.poll)
        return err_set(e, -ENOTSUP, "plugin-role", "it does not poll%s",
                       h->plugin->api.request ? ": it is pushed to, try --request FILE" : "");
    while (mono_ms() < h->until) {
        host_ctx_clear(h->ctx);
        reeve_rc rc = host_verdict(h->plugin->api.poll(h->ctx, h->inst));
        if (rc != REEVE_OK)
            return err_set(e, -EIO, "plugin-poll", "poll says %s: %s", host_verdict_name(rc),
                           host_ctx_reason(h->ctx));
        try_host_settle(h);
    }
    return 0;
}

static int request(struct try_host *h, const struct order *o, struct err *e)
{
    _cleanup_free_ char *text = NULL;
    size_t len = 0;
    struct door_header type = {"content-type", o->content_type};
    if (!h->plugin->api.request)
        return err_set(e, -ENOTSUP, "plugin-role", "it takes no requests");
    int r = read_input(o->request, &text, &len, e);
    if (r < 0)
        return r;
    struct reeve_req req = {.method = "POST",
                            .path = "/try",
                            .query = "",
                            .headers = &type,
                            .headers_n = o->content_type ? 1 : 0,
                            .body = text,
                            .body_len = len,
                            .body_fd = -1};
    reeve_rc rc = host_verdict(h->plugin->api.request(h->ctx, h->inst, &req));
    if (rc != REEVE_OK)
        return err_set(e, -EIO, "plugin-request", "request says %s: %s", host_verdict_name(rc),
                       host_ctx_reason(h->ctx));
    return 0;
}

static int check(struct try_host *h, struct err *e)
{
    if (!h->plugin->api.check) {
        puts("OK (opened; it has no check of its own)");
        return 0;
    }
    reeve_rc rc = host_verdict(h->plugin->api.check(h->ctx, h->inst));
    if (rc != REEVE_OK)
        return err_set(e, -EIO, "plugin-check", "check says %s: %s", host_verdict_name(rc),
                       host_ctx_reason(h->ctx));
    puts("OK");
    return 0;
}

/* ---- all of it ---- */

static int load(enum plugin_kind kind, const char *name, struct plugin **ret, struct err *e)
{
    _cleanup_free_ char *file = plugin_find(kind, name, e);
    return file ? plugin_load(file, ret, e) : -ENOENT;
}

static int run_side(struct try_host *h, const struct order *o, struct err *e)
{
    struct try_host adapter = {.until = UINT64_MAX};
    struct plugin *speaks = NULL;
    int r = 0;
    if (o->speaks.name) {
        r = load(PLUGIN_KIND_ADAPTER, o->speaks.name, &speaks, e);
        if (r == 0)
            r = try_host_open(&adapter, speaks, 0, o->speaks.options, o->speaks.n, e);
    }
    if (r == 0 && o->deliver)
        r = deliver(h, speaks ? &adapter : NULL, o, e);
    else if (r == 0 && o->receive)
        r = receive(h, e);
    else if (r == 0 && o->request)
        r = request(h, o, e);
    else if (r == 0)
        r = check(h, e);
    if (speaks)
        try_host_close(&adapter);
    plugin_unload(speaks);
    return r;
}

int plugin_try(int argc, char **argv)
{
    struct order o = {.for_ms = 5000, .attempt = 1, .settle_with = REEVE_RETRY};
    struct plugin *p = NULL;
    struct err e;
    int r = parse(argc, argv, &o);
    if (r != 0)
        return r;
    uint32_t side = o.deliver ? REEVE_OPT_DELIVER : o.check ? 0 : REEVE_OPT_RECEIVE;
    struct try_host h = {.settle_with = o.settle_with,
                         .json = o.json,
                         .until = o.receive ? mono_ms() + o.for_ms : UINT64_MAX};
    r = load(PLUGIN_KIND_PLUGIN, o.plugin.name, &p, &e);
    if (r == 0)
        r = try_host_open(&h, p, side, o.plugin.options, o.plugin.n, &e);
    if (r == 0)
        r = run_side(&h, &o, &e);
    if (r < 0)
        cli_complain("plugin try", &e);
    try_host_close(&h);
    plugin_unload(p);
    return r == 0 ? CLI_OK : CLI_FAILED;
}
