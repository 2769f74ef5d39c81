/* SPDX-License-Identifier: Apache-2.0 */
/* bench_exec - a step as a program beside the same step in C: each message gets the attribute
 * category by its amount.
 *
 * In C: the callback does it itself. As a program, by plugin exec: the example in Python, and this
 * program again (bench_exec echo), which does the least that can be done: it finds the numbers it
 * needs by their place in the line and sends the event back with the attribute put in. */
#include "message/message.h"
#include "plugin/host.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define MESSAGES   4000
#define ROUNDS     3
#define BODY_BYTES 1024

const struct reeve_plugin *reeve_plugin_entry(void);

static double now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static _Noreturn void die(const char *what)
{
    fprintf(stderr, "bench_exec: %s\n", what);
    exit(1);
}

/* ---- the program ---- */

static int echo(void)
{
    char *line = NULL;
    size_t cap = 0;
    ssize_t n = getline(&line, &cap, stdin);
    puts("{\"reeve\":1,\"name\":\"echo\"}");
    (void)fflush(stdout);
    while (n > 0 && (n = getline(&line, &cap, stdin)) > 0) {
        const char *event = strstr(line, "\"event\":"), *amount = strstr(line, "\"amount\":\"");
        if (event == NULL || amount == NULL)
            return 1;
        event += strlen("\"event\":") + 1;
        printf("%.*s,\"verdict\":\"ok\",\"emit\":[{\"category\":\"%s\",%.*s]}\n",
               (int)strcspn(line, ","), line,
               strtod(amount + 10, NULL) >= 100000 ? "large" : "small",
               (int)(n - (event - line) - 2), event);
        (void)fflush(stdout);
    }
    free(line);
    return 0;
}

/* ---- the host ---- */

struct counted {
    unsigned long n, right;
};

static int count(void *arg, struct message *m)
{
    struct counted *c = arg;
    const char *category = message_get(m, "category");
    c->n++;
    c->right += category != NULL && strcmp(category, "small") == 0;
    message_free(m);
    return 0;
}

static reeve_rc step_in_c(reeve_ctx *ctx, void *inst, const reeve_msg *in, reeve_out *out)
{
    (void)ctx, (void)inst;
    const char *amount = reeve_msg_get(in, "amount");
    reeve_msg *m = reeve_msg_copy(in);
    if (m == NULL || amount == NULL ||
        reeve_msg_set(m, "category", strtod(amount, NULL) >= 100000 ? "large" : "small") != 0)
        die("the step in C failed");
    return reeve_emit(out, m) == 0 ? REEVE_OK : REEVE_RETRY;
}

static struct message *an_event(void)
{
    char json[2 * BODY_BYTES], fill[BODY_BYTES];
    struct message *m = NULL;
    struct err e;
    memset(fill, 'x', sizeof fill);
    int n = snprintf(json, sizeof json,
                     "{\"specversion\":\"1.0\",\"id\":\"e1\",\"source\":\"//hub/party/360giving\","
                     "\"type\":\"funding.award\",\"subject\":\"360G-1\",\"amount\":\"1250.00\","
                     "\"data\":{\"title\":\"%.*s\"}}",
                     BODY_BYTES - 16, fill);
    if (message_parse(json, (size_t)n, 0, &m, NULL, &e) < 0)
        die(e.text);
    return m;
}

typedef reeve_rc (*step_fn)(reeve_ctx *, void *, const reeve_msg *, reeve_out *);

/* Microseconds a message. */
static double run(step_fn step, reeve_ctx *ctx, void *inst, const reeve_msg *in, int messages)
{
    struct counted c = {0};
    struct reeve_out out = {.emit = count, .arg = &c};
    double from = now_us();
    for (int i = 0; i < messages; i++) {
        if (step(ctx, inst, in, &out) != REEVE_OK)
            die(ctx ? host_ctx_reason(ctx) : "the step failed");
    }
    double took = now_us() - from;
    if (c.n != (unsigned long)messages || c.right != c.n)
        die("what came out is not what went in");
    return took / messages;
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *v)
{
    qsort(v, ROUNDS, sizeof *v, by_size);
    return v[ROUNDS / 2];
}

static void beside(const char *name, const char *const *options, size_t n)
{
    struct plugin plugin = {0};
    struct tree *normal = NULL;
    struct err e;
    void *inst = NULL;
    double ours[ROUNDS], bare[ROUNDS];
    memcpy(&plugin.api, reeve_plugin_entry(), sizeof plugin.api);
    if (host_options(&plugin, options, n, &normal, &e) < 0)
        die(e.text);
    reeve_ctx *ctx = host_ctx_new(&plugin, normal, NULL, NULL, MESSAGE_BYTES_MAX);
    if (ctx == NULL || plugin.api.open(ctx, &inst) != REEVE_OK)
        die(ctx ? host_ctx_reason(ctx) : "out of memory");
    struct reeve_msg in = {.m = an_event()};
    (void)run(plugin.api.step, ctx, inst, &in, 100); /* it is started with the first */
    for (int i = 0; i < ROUNDS; i++) {
        ours[i] = run(plugin.api.step, ctx, inst, &in, MESSAGES);
        bare[i] = run(step_in_c, NULL, NULL, &in, MESSAGES * 10);
    }
    printf(
        "{\"name\": \"exec: a step %s, 1 KiB\", \"unit\": \"us\", \"ours\": %.2f, \"bare\": %.2f, "
        "\"better\": \"less\"}\n",
        name, median(ours), median(bare));
    (void)fflush(stdout);
    plugin.api.close(ctx, inst);
    message_free(in.m);
    host_ctx_free(ctx);
    tree_free(normal);
}

int main(int argc, char **argv)
{
    static const char *const python[] = {"program=" EXAMPLES "/band.py"};
    char self[4096], program[sizeof self + 16];
    if (argc > 1)
        return strcmp(argv[1], "echo") == 0 ? echo() : 1;
    ssize_t n = readlink("/proc/self/exe", self, sizeof self);
    if (n <= 0 || (size_t)n == sizeof self)
        die("who am I?");
    (void)snprintf(program, sizeof program, "program=%.*s", (int)n, self);
    const char *const minimal[] = {program, "arguments=echo"};
    beside("as a program in Python", python, 1);
    beside("as the least program in C", minimal, 2);
    return 0;
}
