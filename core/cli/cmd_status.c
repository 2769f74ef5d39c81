/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_status - `reeve status` when no hub runs: what is stored. The queues are read by the process
 * that keeps them, run alone; when the configuration does not compile just now there is still the
 * journal's account of the last troubles. */
#include "cli.h"
#include "base/log.h"
#include "base/util.h"
#include "config/config.h"
#include "hub.h"
#include "supervisor/supervisor.h"
#include <errno.h>
#include <string.h>

#define TROUBLES 10
#define OUT_MAX  (64u << 20)

static int stored_queues(const char *config, struct tree *status, struct err *e)
{
    struct diagnostics d = {0};
    struct tree *plan = NULL, *figures = NULL;
    int r = cli_compile(cli_config_path(config), CONFIG_WITHOUT_SECRETS, &d, &plan, NULL);
    diagnostics_done(&d);
    if (r < 0)
        return err_set(
            e, r, "config",
            "the configuration has errors, so the queues cannot be read; see reeve check");
    r = tree_puts(status, "hub", tree_gets(plan, "hub", "?"));
    if (r == 0)
        r = tree_puts(status, "machine", tree_gets(plan, "machine", NULL));
    if (r == 0)
        r = supervisor_peek(plan, &figures, e);
    tree_free(plan);
    static const char *const keys[] = {"destinations", "stored_bytes", "trouble"};
    for (size_t i = 0; r == 0 && i < ARRAY_SIZE(keys); i++) {
        const struct tree *t = tree_get(figures, keys[i]);
        if (t && tree_put(status, keys[i], tree_copy(t)) < 0)
            r = err_set(e, -ENOMEM, "memory", "out of memory");
    }
    tree_free(figures);
    return r;
}

/* It was started here, or a backup of one lies here. */
static bool ever_ran(const struct hub *h)
{
    static const char *const signs[] = {"lock", "spool/spool.db"};
    char path[PATH_MAX + 32];
    for (size_t i = 0; i < ARRAY_SIZE(signs); i++) {
        (void)snprintf(path, sizeof path, "%s/%s", h->data, signs[i]);
        if (access(path, F_OK) == 0)
            return true;
    }
    return false;
}

static void print_troubles(const struct tree *rows)
{
    char text[700], id[128];
    if (!rows || !rows->n)
        return;
    puts("\nLAST TROUBLES");
    for (size_t i = 0; i < rows->n; i++) {
        const struct tree *t = rows->child[i];
        const char *why = tree_gets(t, "text", ""), *m = tree_gets(t, "id", "");
        text[0] = id[0] = '\0';
        escape_text(text, sizeof text, why, strlen(why));
        escape_text(id, sizeof id, m, strlen(m));
        printf("%s  %s  %s  %s: %s [%s]\n", tree_gets(t, "time", "?"),
               tree_gets(t, "destination", "-"), id, tree_gets(t, "event", "?"), text,
               tree_gets(t, "code", "-"));
    }
}

static int print_json(const struct tree *t)
{
    struct buf out = BUF_INIT(OUT_MAX);
    int r = tree_to_json(t, &out, true);
    if (r == 0)
        puts(buf_str(&out));
    buf_done(&out);
    return r;
}

static int show(const struct hub_options *o, const struct hub *h, bool json)
{
    static const char *const bad[] = {JOURNAL_DEAD, JOURNAL_ATTEMPT, JOURNAL_DOWN, JOURNAL_REFUSED,
                                      NULL};
    struct tree *status = tree_map(), *rows = NULL;
    struct err e;
    int r = status ? tree_putb(status, "ok", true) : -ENOMEM;
    if (r == 0)
        r = tree_putu(status, "format", SUPERVISOR_STATUS_FORMAT);
    if (r == 0)
        r = tree_puts(status, "state", "not running");
    if (r == 0)
        r = tree_puts(status, "data", h->data);
    if (r == 0 && ever_ran(h) && stored_queues(o->config, status, &e) < 0) {
        cli_complain("status", &e);
        (void)tree_puts(status, "queues_unknown", e.text);
    }
    if (journal_tail(h->journal, bad, 0, TROUBLES, &rows, &e) < 0)
        rows = NULL;
    if (r == 0 && json) {
        if (rows)
            r = tree_put(status, "troubles", TAKE_PTR(rows));
        if (r == 0)
            r = print_json(status);
    } else if (r == 0) {
        (void)status_print(status, stdout, cli_colours(stdout));
        print_troubles(rows);
    }
    tree_free(status);
    tree_free(rows);
    return r == 0 ? CLI_NOT_RUNNING : CLI_FAILED;
}

int cmd_status(int argc, char **argv)
{
    struct hub_options o;
    struct hub h;
    struct err e;
    bool json;
    if (!hub_options_read(argc, argv, "json", &json, &o) || optind != argc)
        return cli_usage("status");
    log_open("status",
             LOG_LEVEL_ERROR); /* starting and ending the queue's process is no news here */
    if (hub_open(&o, &h, &e) < 0) {
        cli_complain("status", &e);
        return CLI_NOT_RUNNING;
    }
    return show(&o, &h, json);
}
