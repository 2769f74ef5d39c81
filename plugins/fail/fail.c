/* SPDX-License-Identifier: Apache-2.0 */
/* fail - a receiver that misbehaves by rule: for trying out what a hub does when a peer refuses, is
 * away, crashes or hangs, and for the tests of reeve itself.
 *
 * A message fails when every rule that is set agrees: it has the attribute, enough others have
 * passed, it is the turn of this one, its attempt is one of the first, and not too many have failed
 * already. All others are taken (OK). Counts are of this process: a restart begins anew; the
 * attempt number travels with the message. */
#include <reeve/plugin.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct fail {
    uint64_t seen;   /* messages that the attribute rule concerned */
    uint64_t failed; /* of them */
};

static reeve_rc verdict(reeve_ctx *ctx)
{
    static const struct {
        const char *name;
        reeve_rc rc;
    } verdicts[] = {{"ok", REEVE_OK},
                    {"retry", REEVE_RETRY},
                    {"reject", REEVE_REJECT},
                    {"down", REEVE_DOWN},
                    {"fatal", REEVE_FATAL}};
    const char *name = reeve_conf(ctx, "verdict", 0);
    for (size_t i = 0; name && i < sizeof(verdicts) / sizeof(verdicts[0]); i++) {
        if (strcmp(name, verdicts[i].name) == 0)
            return verdicts[i].rc;
    }
    return REEVE_RETRY;
}

static int concerned(reeve_ctx *ctx, const reeve_msg *msg)
{
    const char *attribute = reeve_conf(ctx, "when_attribute", 0);
    const char *value = reeve_conf(ctx, "when_value", 0);
    const char *has = attribute ? reeve_msg_get(msg, attribute) : NULL;
    if (!attribute)
        return 1;
    return has && (!value || strcmp(has, value) == 0);
}

static int fails(reeve_ctx *ctx, struct fail *f, const reeve_job *job)
{
    int64_t after = reeve_conf_int(ctx, "after"), every = reeve_conf_int(ctx, "every");
    int64_t first = reeve_conf_int(ctx, "first"), times = reeve_conf_int(ctx, "times");
    if (!concerned(ctx, reeve_job_msg(job)))
        return 0;
    f->seen++;
    if (after > 0 && f->seen <= (uint64_t)after)
        return 0;
    if (every > 1 && (f->seen - (uint64_t)after) % (uint64_t)every != 0)
        return 0;
    if (first > 0 && reeve_job_attempt(job) > (uint64_t)first)
        return 0;
    if (times > 0 && f->failed >= (uint64_t)times)
        return 0;
    f->failed++;
    return 1;
}

static void leak(int64_t bytes)
{
    char *volatile lost = bytes > 0 ? malloc((size_t)bytes) : NULL;
    if (lost)
        memset(lost, 1, (size_t)bytes); /* untouched memory costs nothing */
}

/* ---- harm: what a plugin with a bug does to its process ---- */

static void touch_nothing(void)
{
    volatile char *volatile nowhere = NULL;
    *nowhere = 1;
}

static void leave(void)
{
    exit(0); /* as a library does that thinks it is the program */
}

static void spin(void)
{
    for (volatile unsigned i = 0;; i++)
        ;
}

static void stay_behind(void)
{
    for (;;)
        (void)pause();
}

static void leave_a_child(void)
{
    if (fork() == 0) /* not exec: it keeps every descriptor of the worker */
        stay_behind();
}

static void leave_a_daemon(void)
{
    if (fork() != 0)
        return;
    (void)setsid(); /* out of reach of whoever ends the worker's process group */
    (void)alarm(300);
    stay_behind();
}

static void close_everything(void)
{
    for (int fd = 0; fd < 1024; fd++)
        (void)close(fd);
}

/* Writes far beyond its own block: over the bookkeeping of the allocator and whatever lies there.
 */
static void scribble(void)
{
    char *mine = malloc(64);
    volatile char *p = mine;
    for (size_t i = 0; mine && i < 65536; i++)
        p[i] = (char)0xa5;
    free(mine);
}

static void harm(const char *how)
{
    static const struct {
        const char *name;
        void (*does)(void);
    } harms[] = {{"segfault", touch_nothing},
                 {"exit", leave},
                 {"spin", spin},
                 {"fork", leave_a_child},
                 {"daemon", leave_a_daemon},
                 {"close", close_everything},
                 {"scribble", scribble}};
    for (size_t i = 0; how && i < sizeof(harms) / sizeof(harms[0]); i++) {
        if (strcmp(how, harms[i].name) == 0)
            harms[i].does();
    }
}

/* What happens besides the verdict. Does not return from crash and hang. */
static reeve_rc misbehave(reeve_ctx *ctx)
{
    int64_t delay = reeve_conf_int(ctx, "delay");
    leak(reeve_conf_int(ctx, "leak"));
    harm(reeve_conf(ctx, "harm", 0));
    if (reeve_conf_int(ctx, "crash"))
        abort();
    while (reeve_conf_int(ctx, "hang"))
        (void)pause(); /* deaf to the host, on purpose */
    if (delay > 0 && reeve_wait(ctx, -1, (uint64_t)delay) < 0)
        return reeve_fail(ctx, REEVE_RETRY, "asked to stop");
    return verdict(ctx);
}

static const char *reason(reeve_ctx *ctx)
{
    const char *text = reeve_conf(ctx, "reason", 0);
    return text ? text : "failed by rule";
}

static reeve_rc fail_open(reeve_ctx *ctx, void **inst)
{
    const char *at = reeve_conf(ctx, "at", 0);
    if (at && strcmp(at, "open") == 0) {
        reeve_rc rc = misbehave(ctx);
        if (rc != REEVE_OK)
            return reeve_fail(ctx, rc, "%s", reason(ctx));
    }
    struct fail *f = calloc(1, sizeof(*f));
    if (!f)
        return reeve_fail(ctx, REEVE_FATAL, "out of memory");
    *inst = f;
    return REEVE_OK;
}

static void fail_close(reeve_ctx *ctx, void *inst)
{
    (void)ctx;
    free(inst);
}

static reeve_rc fail_deliver(reeve_ctx *ctx, void *inst, reeve_job *const *jobs, size_t n)
{
    struct fail *f = inst;
    const char *at = reeve_conf(ctx, "at", 0);
    int here = !at || strcmp(at, "deliver") == 0;
    uint64_t after = (uint64_t)reeve_conf_int(ctx, "retry_after");
    for (size_t i = 0; i < n; i++) {
        if (!here || !fails(ctx, f, jobs[i])) {
            reeve_settle(jobs[i], REEVE_OK, 0, "%s", "");
            continue;
        }
        reeve_rc rc = misbehave(ctx);
        reeve_settle(jobs[i], rc, after, "%s", rc == REEVE_OK ? "" : reason(ctx));
    }
    return REEVE_OK;
}

#define DELIVER .flags = REEVE_OPT_DELIVER
static const struct reeve_option options[] = {
    {.key = "verdict",
     .type = REEVE_T_CHOICE,
     .allowed = "ok|retry|reject|down|fatal",
     .def = "retry",
     .help = "The verdict of a message that fails.",
     DELIVER},
    {.key = "reason", .type = REEVE_T_STR, .help = "The reason that goes with it.", DELIVER},
    {.key = "retry_after",
     .type = REEVE_T_SECONDS,
     .help = "With retry and down: not before this time.",
     DELIVER},
    {.key = "when_attribute",
     .type = REEVE_T_STR,
     .help = "Only messages that have this attribute fail.",
     DELIVER},
    {.key = "when_value",
     .type = REEVE_T_STR,
     .help = "With when_attribute: only when it has this value.",
     DELIVER},
    {.key = "after",
     .type = REEVE_T_INT,
     .allowed = "0..",
     .help = "The first n messages are taken.",
     DELIVER},
    {.key = "every",
     .type = REEVE_T_INT,
     .allowed = "1..",
     .help = "Only each n-th message fails.",
     DELIVER},
    {.key = "first",
     .type = REEVE_T_INT,
     .allowed = "0..",
     .help = "Only the first n attempts of a message fail; 0: all.",
     DELIVER},
    {.key = "times",
     .type = REEVE_T_INT,
     .allowed = "0..",
     .help = "At most n failures in the life of the process; 0: no end.",
     DELIVER},
    {.key = "delay",
     .type = REEVE_T_SECONDS,
     .help = "How long a message that fails is made to take.",
     DELIVER},
    {.key = "crash", .type = REEVE_T_BOOL, .def = "false", .help = "Abort instead.", DELIVER},
    {.key = "hang",
     .type = REEVE_T_BOOL,
     .def = "false",
     .help = "Never return, deaf to the host.",
     DELIVER},
    {.key = "leak",
     .type = REEVE_T_BYTES,
     .help = "Lose so much memory with each message that fails.",
     DELIVER},
    {.key = "harm",
     .type = REEVE_T_CHOICE,
     .allowed = "segfault|exit|spin|fork|daemon|close|scribble",
     .help = "What a message that fails does to the process of the plugin.",
     DELIVER},
    {.key = "at",
     .type = REEVE_T_CHOICE,
     .allowed = "deliver|open",
     .def = "deliver",
     .help = "Fail at each delivery, or when the plugin is opened.",
     DELIVER},
    {.key = NULL}};

REEVE_PLUGIN(.name = "fail", .version = "1.0", .summary = "a receiver that misbehaves by rule",
             .options = options, .open = fail_open, .close = fail_close, .deliver = fail_deliver,
             .max_batch = 64);
