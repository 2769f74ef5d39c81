/* SPDX-License-Identifier: Apache-2.0 */
/* front - the commands that concern the supervisor itself: run, status, reload, pause, resume. */
#include "cli.h"
#include "base/log.h"
#include "base/util.h"
#include "supervisor/supervisor.h"
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <string.h>

#define ANSWER_MS 10000u
#define RELOAD_MS 300000u /* compiling, draining, and getting ready again */

/* ---- run */

enum { OPT_DRAIN = 256, OPT_WATCHDOG, OPT_CORES, OPT_DATA, OPT_JSON, OPT_LOG };

static bool take_duration(const char *option, const char *text, uint64_t *ret)
{
    if (parse_duration_ms(text, ret) == 0 && *ret >= 100 && *ret <= 86400000)
        return true;
    fprintf(stderr, "reeve run: --%s wants a duration between 100ms and 1d, such as 30s\n", option);
    return false;
}

static bool take_log(const char *text)
{
    if (log_set(text) == 0)
        return true;
    fputs("reeve run: --log wants text or json and a level, such as json,debug\n", stderr);
    return false;
}

int front_run(int argc, char **argv)
{
    static const struct option options[] = {
        {"config", required_argument, NULL, 'c'},
        {"drain", required_argument, NULL, OPT_DRAIN},
        {"verbose", no_argument, NULL, 'v'},
        {"watchdog", required_argument, NULL, OPT_WATCHDOG},
        {"cores", no_argument, NULL, OPT_CORES},
        {"log", required_argument, NULL, OPT_LOG},
        {NULL, 0, NULL, 0},
    };
    struct supervisor_options o = {0};
    int c;
    while ((c = getopt_long(argc, argv, "c:v", options, NULL)) != -1) {
        if (c == 'c')
            o.config = optarg;
        else if (c == 'v')
            o.verbose = true;
        else if (c == OPT_CORES)
            o.cores = true;
        else if (c == OPT_LOG && !take_log(optarg))
            return CLI_USAGE;
        else if (c == OPT_LOG)
            o.log = optarg;
        else if (c != OPT_DRAIN && c != OPT_WATCHDOG)
            return cli_usage("run");
        else if (!take_duration(c == OPT_DRAIN ? "drain" : "watchdog", optarg,
                                c == OPT_DRAIN ? &o.drain_ms : &o.watchdog_ms))
            return CLI_USAGE;
    }
    if (optind != argc)
        return cli_usage("run");
    o.config = cli_config_path(o.config);
    return supervisor_run(&o);
}

/* ---- asking a running hub */

struct where {
    const char *config, *data;
    bool json;
    char path[PATH_MAX]; /* of the data directory */
};

/* Options of all asking commands; argv is left with the other arguments at optind. */
static int take_where(int argc, char **argv, bool json, struct where *w)
{
    static const struct option options[] = {{"config", required_argument, NULL, 'c'},
                                            {"data", required_argument, NULL, OPT_DATA},
                                            {"json", no_argument, NULL, OPT_JSON},
                                            {NULL, 0, NULL, 0}};
    struct err e;
    int c;
    memset(w, 0, sizeof *w);
    while ((c = getopt_long(argc, argv, "c:", options, NULL)) != -1) {
        if (c == 'c')
            w->config = optarg;
        else if (c == OPT_DATA)
            w->data = optarg;
        else if (c == OPT_JSON && json)
            w->json = true;
        else
            return cli_usage(argv[0]);
    }
    if (w->data) {
        if (strlen(w->data) >= sizeof w->path)
            return cli_usage(argv[0]);
        memcpy(w->path, w->data, strlen(w->data) + 1);
        return 0;
    }
    if (cli_data_dir(cli_config_path(w->config), w->path, sizeof w->path, &e) < 0) {
        cli_complain(argv[0], &e);
        return CLI_FAILED;
    }
    return 0;
}

/* 0 and the answer, or an exit code. quiet: do not complain that none is running. */
static int ask(const char *command, const char *name, const struct where *w, unsigned ms,
               bool quiet, struct tree **ret)
{
    struct tree *request = tree_map();
    struct err e;
    int r = request ? tree_puts(request, "command", command) : -ENOMEM;
    if (r == 0)
        r = tree_puts(request, "name", name);
    r = r == 0 ? control_call(w->path, request, ms, ret, &e)
               : err_set(&e, r, "memory", "out of memory");
    tree_free(request);
    if (r == 0)
        return 0;
    if (r != -ECONNREFUSED || !quiet)
        cli_complain(command, &e);
    return r == -ECONNREFUSED ? CLI_NOT_RUNNING : CLI_FAILED;
}

static int print_json(const struct tree *t)
{
    struct buf out = BUF_INIT(SUPERVISOR_LINE_MAX * 2);
    int r = tree_to_json(t, &out, true);
    if (r == 0)
        puts(buf_str(&out));
    buf_done(&out);
    return r == 0 ? CLI_OK : CLI_FAILED;
}

int front_status(int argc, char **argv)
{
    struct where w;
    struct tree *t = NULL;
    int r = take_where(argc, argv, true, &w);
    if (r != 0)
        return r;
    if (optind != argc)
        return cli_usage("status");
    r = ask("status", NULL, &w, ANSWER_MS, true, &t);
    if (r != 0)
        return r == CLI_NOT_RUNNING ? CLI_GO_ON : r;
    if (w.json) {
        const struct tree *alarms = tree_get(t, "alarms");
        r = print_json(t);
        if (r == CLI_OK && alarms && alarms->n > 0)
            r = CLI_FAILED;
    } else {
        r = status_print(t, stdout, cli_colours(stdout));
    }
    tree_free(t);
    return r;
}

static void print_names(const char *what, const struct tree *list)
{
    if (!list || !list->n)
        return;
    printf("%s:", what);
    for (size_t i = 0; i < list->n; i++)
        printf(" %s", tree_text(list->child[i]) ? tree_text(list->child[i]) : "?");
    putchar('\n');
}

static void complain_of(const char *command, const struct tree *t)
{
    struct err e;
    (void)err_set(&e, -1, tree_gets(t, "code", "?"), "%s",
                  tree_gets(t, "text", "no reason was given"));
    cli_complain(command, &e);
}

int front_reload(int argc, char **argv)
{
    struct where w;
    struct tree *t = NULL;
    int r = take_where(argc, argv, false, &w);
    if (r != 0)
        return r;
    if (optind != argc)
        return cli_usage("reload");
    r = ask("reload", NULL, &w, RELOAD_MS, false, &t);
    if (r != 0)
        return r;
    const struct tree *bad = tree_get(t, "not_ready");
    fputs(tree_gets(t, "diagnostics", ""), stderr);
    print_names("changed", tree_get(t, "changed"));
    print_names("new", tree_get(t, "new"));
    print_names("removed", tree_get(t, "removed"));
    if (tree_get(t, "unchanged"))
        printf("unchanged: %s\n", tree_gets(t, "unchanged", "0"));
    for (size_t i = 0; bad && i < bad->n; i++)
        fprintf(stderr, "reeve reload: %s is %s: %s\n", tree_gets(bad->child[i], "name", "?"),
                tree_gets(bad->child[i], "state", "?"), tree_gets(bad->child[i], "text", ""));
    r = tree_getb(t, "ok", false) ? CLI_OK : CLI_FAILED;
    if (r != CLI_OK)
        complain_of("reload", t);
    tree_free(t);
    return r;
}

int front_pause(int argc, char **argv)
{
    struct where w;
    struct tree *t = NULL;
    int r = take_where(argc, argv, false, &w);
    if (r != 0)
        return r;
    if (optind != argc - 1)
        return cli_usage(argv[0]);
    r = ask(argv[0], argv[optind], &w, ANSWER_MS, false, &t);
    if (r != 0)
        return r;
    r = !tree_getb(t, "ok", false) ? CLI_FAILED : tree_get(t, "machine") ? CLI_GO_ON : CLI_OK;
    if (r == CLI_FAILED)
        complain_of(argv[0], t);
    if (tree_getb(t, "late", false))
        fprintf(stderr, "reeve %s: %s: its process does not answer; it does so when it goes on\n",
                argv[0], argv[optind]);
    tree_free(t);
    return r;
}
