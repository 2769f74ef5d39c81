/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_plan - `reeve plan OLD NEW`: what would another configuration do with the messages that the
 * hub has taken in?
 *
 * Both are compiled as for a run, but that secrets may be absent. Only the journal is read; nothing
 * is written, and a running hub is not disturbed. Exit: 0, 1 when a message would become unroutable
 * (or a configuration has errors), 2 when not everything of the journal could be read and nothing
 * of what could be became unroutable. */
#include "cli.h"
#include "plan.h"
#include "base/places.h"
#include "base/util.h"
#include "config/config.h"
#include "plugin/loader.h"
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

#define REPORT_MAX  (512u << 20)
#define PROGRESS_MS 200

struct order {
    const char *path[2], *data;
    uint64_t since;
    bool json;
};

struct planning {
    struct order o;
    struct plan_config c[2];
    struct reach *reach;
    struct replay *replay;
    struct tree *report;
    struct tree *unreadable;
    char journal[PATH_MAX];
    char worker[PATH_MAX];
    struct map *described; /* file -> struct tree */
    bool progress;
    uint64_t next_ms; /* of the progress line */
    struct err e;
};

static bool arguments(int argc, char **argv, struct order *o)
{
    static const struct option options[] = {{"since", required_argument, NULL, 's'},
                                            {"data", required_argument, NULL, 'd'},
                                            {"json", no_argument, NULL, 'j'},
                                            {NULL, 0, NULL, 0}};
    int c;
    while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (c == 's' && parse_when(optarg, wall_ms(), &o->since) < 0) {
            fputs("reeve plan: --since wants a time, such as 2026-01-31T00:00:00Z, or how long "
                  "ago, such as 30d\n",
                  stderr);
            return false;
        }
        if (c == 'd')
            o->data = optarg;
        else if (c == 'j')
            o->json = true;
        else if (c != 's')
            return false;
    }
    if (argc - optind != 2)
        return false;
    o->path[0] = argv[optind];
    o->path[1] = argv[optind + 1];
    return true;
}

/* Warnings are for `check`. */
static int compile(struct planning *p, int side)
{
    struct diagnostics d = {0};
    struct tree *plan = NULL;
    struct buf text = BUF_INIT(64u << 20);
    int r = cli_compile(p->o.path[side], CONFIG_WITHOUT_SECRETS | CONFIG_EVERY_MACHINE, &d, &plan,
                        NULL);
    if (r < 0 && diagnostics_write(&d, &text) == 0)
        fputs(buf_str(&text), stderr);
    buf_done(&text);
    diagnostics_done(&d);
    if (r < 0)
        return err_set(&p->e, r, "configuration", "%s has errors, see above", p->o.path[side]);
    return plan_config_open(p->o.path[side], plan, &p->c[side], &p->e);
}

/* --data, else of the old one, else of the new: a changed copy often lies where there is no data.
 */
static int find_journal(struct planning *p)
{
    struct stat st;
    const char *given[] = {p->o.data, tree_gets(p->c[0].plan, "data", ""),
                           tree_gets(p->c[1].plan, "data", "")};
    for (size_t i = p->o.data ? 0 : 1; i < (p->o.data ? 1 : ARRAY_SIZE(given)); i++) {
        int n = snprintf(p->journal, sizeof(p->journal), "%s/journal", given[i]);
        if (n > 0 && (size_t)n < sizeof(p->journal) && stat(p->journal, &st) == 0)
            return 0;
    }
    return err_set(&p->e, -ENOENT, "journal-directory",
                   "there is no journal in %s: give the hub's data directory with --data DIR",
                   p->o.data ? p->o.data : given[1]);
}

static int describe(void *arg, const char *file, struct tree **ret, struct err *e)
{
    struct planning *p = arg;
    struct tree *known = map_get(p->described, file, strlen(file));
    if (!known) {
        int r = plugin_describe_file(p->worker, file, &known, e);
        if (r < 0)
            return r;
        if (map_put(p->described, file, strlen(file), known) < 0) {
            tree_free(known);
            return err_set(e, -ENOMEM, "out-of-memory", "out of memory");
        }
    }
    *ret = tree_copy(known);
    return *ret ? 0 : err_set(e, -ENOMEM, "out-of-memory", "out of memory");
}

static void show_progress(struct planning *p, const struct journal_taken *m)
{
    char at[RFC3339_MAX];
    uint64_t now = mono_ms();
    if (!p->progress || now < p->next_ms)
        return;
    p->next_ms = now + PROGRESS_MS;
    rfc3339_ms(m->wall_ms, at);
    fprintf(stderr, "\r%llu messages, at %.10s ", (unsigned long long)replay_count(p->replay), at);
    (void)fflush(stderr);
}

static int take(void *arg, const struct journal_taken *m)
{
    struct planning *p = arg;
    show_progress(p, m);
    return replay_message(p->replay, m);
}

static int replay(struct planning *p)
{
    int r = find_journal(p);
    if (r < 0)
        return r;
    p->progress = isatty(STDERR_FILENO);
    p->next_ms = mono_ms() + PROGRESS_MS;
    r = journal_taken(p->journal, p->o.since, take, p, &p->unreadable, &p->e);
    if (p->progress)
        fputs("\r\033[K", stderr);
    if (r == -ENOMEM)
        (void)err_set(&p->e, r, "out-of-memory", "out of memory");
    return r;
}

static int report(struct planning *p)
{
    char since[RFC3339_MAX];
    struct tree *t = p->report = tree_map();
    rfc3339_ms(p->o.since, since);
    int r = tree_puts(t, "old", p->o.path[0]) | tree_puts(t, "new", p->o.path[1]) |
            tree_puts(t, "journal", p->journal) | tree_puts(t, "since", p->o.since ? since : NULL) |
            tree_putu(t, "unroutable", replay_unroutable(p->replay));
    r |= replay_report(p->replay, t) | reach_report(p->reach, p->c, t) | differs_report(p->c, t);
    r |= tree_put(t, "unreadable", p->unreadable ? tree_copy(p->unreadable) : tree_list());
    return r ? err_set(&p->e, -ENOMEM, "out-of-memory", "out of memory") : 0;
}

static int print(struct planning *p)
{
    if (!p->o.json) {
        plan_print(p->report, stdout, cli_colours(stdout));
    } else {
        struct buf out = BUF_INIT(REPORT_MAX);
        int r = tree_to_json(p->report, &out, true);
        if (r == 0)
            puts(buf_str(&out));
        buf_done(&out);
        if (r < 0)
            return err_set(&p->e, r, "output", "the report cannot be written: %s", strerror(-r));
    }
    return fflush(stdout) == 0 ? 0 : err_set(&p->e, -EIO, "output", "standard output is closed");
}

static int work(struct planning *p)
{
    int r = places_program("reeve-worker", p->worker, sizeof(p->worker));
    if (r < 0)
        return err_set(&p->e, r, "installation", "the program reeve-worker is not installed");
    for (int side = 0; r == 0 && side < 2; side++)
        r = compile(p, side);
    if (r < 0)
        return r;
    p->described = map_new((void (*)(void *))tree_free);
    p->reach = reach_new();
    p->replay = replay_new(p->c, p->reach);
    if (!p->described || !p->reach || !p->replay)
        return err_set(&p->e, -ENOMEM, "out-of-memory", "out of memory");
    r = reach_possible(p->reach, p->c, describe, p, &p->e);
    if (r == 0)
        r = replay(p);
    if (r == 0)
        r = report(p);
    return r < 0 ? r : print(p);
}

int cmd_plan(int argc, char **argv)
{
    static struct planning p; /* large */
    if (!arguments(argc, argv, &p.o))
        return cli_usage("plan");
    int r = work(&p);
    if (r < 0)
        cli_complain("plan", &p.e);
    bool unroutable = p.replay && replay_unroutable(p.replay) > 0;
    bool partly = p.unreadable && p.unreadable->n > 0;
    replay_free(p.replay);
    reach_free(p.reach);
    map_free(p.described);
    tree_free(p.report);
    tree_free(p.unreadable);
    plan_config_done(&p.c[0]);
    plan_config_done(&p.c[1]);
    return r < 0 || unroutable ? CLI_FAILED : partly ? CLI_UNREADABLE : CLI_OK;
}
