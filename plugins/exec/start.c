/* SPDX-License-Identifier: Apache-2.0 */
/* start - a program is started by the options, and the two greet each other. */
#include "exec.h"
#include "lib/mono.h"
#include <json-c/json.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int add_json_text(reeve_buf *b, const char *text)
{
    struct json_object *o = json_object_new_string(text);
    size_t len = 0;
    const char *json = o ? json_object_to_json_string_length(
                               o, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE, &len)
                         : NULL;
    int rc = json ? reeve_buf_add(b, json, len) : -1;
    json_object_put(o);
    return rc;
}

static int add(reeve_buf *b, const char *text)
{
    return reeve_buf_add(b, text, strlen(text));
}

/* What the operator has for the program: settings: {name: text}. */
static int add_settings(reeve_ctx *ctx, reeve_buf *b)
{
    const char *key;
    int rc = add(b, ",\"settings\":{");
    for (size_t i = 0; rc == 0 && (key = reeve_conf_key(ctx, "settings", i)) != NULL; i++)
        rc = add(b, i > 0 ? "," : "") | add_json_text(b, key) | add(b, ":") |
             add_json_text(b, reeve_conf(ctx, "settings", i));
    return rc | add(b, "}");
}

static int add_hello(reeve_ctx *ctx, reeve_buf *b, const char *kind, const char *position)
{
    char head[120];
    (void)snprintf(head, sizeof head, "{\"reeve\":%u,\"kind\":\"%s\",\"limit\":%llu",
                   PROTOCOL_VERSION, kind, (unsigned long long)reeve_limit(ctx, "message"));
    int rc = add(b, head) | add_settings(ctx, b);
    if (strcmp(kind, "adapter") == 0)
        rc |= add(b, ",\"standard\":") | add_json_text(b, reeve_conf(ctx, "standard", 0));
    if (position != NULL)
        rc |= add(b, ",\"position\":") | add(b, position);
    return rc | add(b, "}\n");
}

/* ---- arguments and environment ---- */

static void free_texts(char **texts)
{
    for (size_t i = 0; texts != NULL && texts[i] != NULL; i++)
        free(texts[i]);
    free(texts);
}

static char **arguments(reeve_ctx *ctx)
{
    size_t n = 0;
    while (reeve_conf(ctx, "arguments", n) != NULL)
        n++;
    char **argv = calloc(n + 2, sizeof *argv);
    if (argv == NULL)
        return NULL;
    for (size_t i = 0; i <= n; i++) {
        argv[i] =
            strdup(i == 0 ? reeve_conf(ctx, "program", 0) : reeve_conf(ctx, "arguments", i - 1));
        if (argv[i] == NULL) {
            free_texts(argv);
            return NULL;
        }
    }
    return argv;
}

/* A path and a character set, for interpreters; then what the operator says, and nothing of the
 * hub's own. */
static char **environment(reeve_ctx *ctx)
{
    static const char *const own[][2] = {{"PATH", "/usr/local/bin:/usr/bin:/bin"},
                                         {"LANG", "C.UTF-8"}};
    size_t given = 0, n = 0;
    bool had[2] = {false};
    const char *key;
    while (reeve_conf_key(ctx, "environment", given) != NULL)
        given++;
    char **env = calloc(given + 3, sizeof *env);
    bool ok = env != NULL;
    for (size_t i = 0; ok && i < given; i++) {
        key = reeve_conf_key(ctx, "environment", i);
        for (size_t k = 0; k < 2; k++)
            had[k] |= strcmp(key, own[k][0]) == 0;
        ok = asprintf(&env[n], "%s=%s", key, reeve_conf(ctx, "environment", i)) >= 0;
        n += ok;
    }
    for (size_t k = 0; ok && k < 2; k++) {
        if (had[k])
            continue;
        ok = asprintf(&env[n], "%s=%s", own[k][0], own[k][1]) >= 0;
        n += ok;
    }
    if (ok)
        return env;
    if (env != NULL)
        env[n] = NULL; /* asprintf() leaves anything there */
    free_texts(env);
    return NULL;
}

/* ---- the start ---- */

static int start(struct program *p, reeve_ctx *ctx)
{
    char **argv = arguments(ctx), **env = environment(ctx);
    int rc = -1;
    program_because(p, "out of memory");
    if (argv != NULL && env != NULL) {
        struct spawn s = {.program = argv[0],
                          .directory = reeve_conf(ctx, "directory", 0),
                          .argv = argv,
                          .env = env};
        rc = spawn(&s, &p->process, p->why, sizeof p->why);
    }
    free_texts(argv);
    free_texts(env);
    if (rc == 0)
        rc = program_watch(p);
    return rc;
}

static int greeted(struct program *p, const char *kind, const struct said *s)
{
    p->offers = 0;
    if (s->version == PROTOCOL_VERSION && strcmp(kind, "adapter") == 0)
        p->offers = said_offers(s->offers, p->why, sizeof p->why);
    if (s->version == PROTOCOL_VERSION)
        return p->offers != 0 || strcmp(kind, "adapter") != 0 ? 0 : -1;
    if (s->version == 0)
        program_because(p, "its first line is no hello: {\"reeve\":%u,\"name\":…}",
                        PROTOCOL_VERSION);
    else
        program_because(p, "it speaks version %llu of the protocol; this hub speaks version %u",
                        (unsigned long long)s->version, PROTOCOL_VERSION);
    return -1;
}

static void tell_started(const struct program *p, reeve_ctx *ctx, const struct said *s)
{
    char offers[64];
    offers_words(p->offers, offers, sizeof offers);
    reeve_log(ctx, 6, "the program %s is started, process %d%s%s",
              *s->name ? s->name : "without a name", (int)p->process.pid,
              p->offers ? "; it offers: " : "", offers);
}

/* 0; -1: p->why; 1: the host asks to stop. */
static int greet(struct program *p, reeve_ctx *ctx, const char *kind, enum waiting w)
{
    uint64_t timeout = (uint64_t)reeve_conf_int(ctx, "timeout"), now = monotonic_ms();
    struct said s;
    for (uint64_t until = now + timeout; now < until; now = monotonic_ms()) {
        int stop = program_turn(p, ctx, until - now, true, w);
        int rc = program_said(p, &s);
        if (rc == PROGRAM_OVER)
            program_over(p, ctx);
        if (rc == 1 && greeted(p, kind, &s) == 0) {
            tell_started(p, ctx, &s);
            return 0;
        }
        if (rc != 0)
            return -1;
        if (stop < 0)
            return 1;
    }
    program_because(p, "it did not say hello within %llu s", (unsigned long long)timeout / 1000);
    return -1;
}

/* Has it gone while there was nothing to do, or said what it was not asked? */
static bool still_there(struct program *p, reeve_ctx *ctx)
{
    if (p->process.pid <= 0)
        return false;
    (void)program_turn(p, ctx, 0, true, WAIT_PLAIN);
    if (program_runs(p) && lines_rest(&p->lines) == 0)
        return true;
    if (program_runs(p))
        program_because(p, "it wrote a line while it had no message");
    else
        program_over(p, ctx);
    program_fail(p, ctx, false);
    return false;
}

static uint64_t rest_of(const struct program *p)
{
    uint64_t now = monotonic_ms();
    return p->not_before > now ? p->not_before - now : 0;
}

reeve_rc program_ready(struct program *p, reeve_ctx *ctx, const char *kind, const char *position,
                       enum waiting w)
{
    if (still_there(p, ctx))
        return REEVE_OK;
    uint64_t rest = rest_of(p);
    if (rest > PROGRAM_REST_MS) {
        reeve_retry_after(ctx, rest);
        return reeve_fail(ctx, REEVE_DOWN, "the program rests: %s", p->why);
    }
    for (; rest > 0; rest = rest_of(p)) {
        if (w == WAIT_PLAIN)
            (void)poll(NULL, 0, (int)rest);
        else if (reeve_wait(ctx, -1, rest) < 0)
            return reeve_fail(ctx, REEVE_RETRY, "asked to stop");
    }
    int rc = start(p, ctx);
    if (rc == 0 && add_hello(ctx, p->to, kind, position) != 0) {
        program_because(p, "its options are too long to be told");
        rc = -1;
    }
    rc = rc == 0 ? greet(p, ctx, kind, w) : rc;
    if (rc == 0)
        return REEVE_OK;
    if (rc > 0) {
        program_because(p, "the hub stops");
        program_quiet(p, ctx);
        return reeve_fail(ctx, REEVE_RETRY, "asked to stop");
    }
    program_fail(p, ctx, false);
    return reeve_fail(ctx, REEVE_DOWN, "the program cannot be used: %s", p->why);
}
