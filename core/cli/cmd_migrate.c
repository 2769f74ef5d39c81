/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_migrate - `reeve migrate spool amqp` and back: everything that waits, with its attempts and
 * delays, and the dead letters with their reasons, from one transport to the other while the hub is
 * stopped. The hub's lock is held meanwhile. A page is durable there before it is gone here:
 * stopped in the middle, the same command goes on, and what comes twice has the same id. */
#include "cli.h"
#include "base/log.h"
#include "base/util.h"
#include "config/config.h"
#include "hub.h"
#include "spool/carry.h"
#include "supervisor/supervisor.h"
#include "transport/amqp_carry.h"
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <string.h>

struct migration {
    const char *config;
    bool back; /* from RabbitMQ to the spool */
    struct tree *plan;
    const struct tree *part; /* of the process "amqp" */
    struct carry *spool;
    struct amqp_carry *amqp;
    struct carried_totals total;
    struct err e;
};

static volatile sig_atomic_t stop;

static void on_signal(int sig)
{
    (void)sig;
    stop = 1;
}

static int goes_on(struct err *e)
{
    return stop ? err_set(e, -EINTR, "interrupted", "stopped; the same command goes on") : 0;
}

static int to_amqp(void *arg, const struct carried *m, struct err *e)
{
    int r = goes_on(e);
    return r < 0 ? r : amqp_carry_add(((struct migration *)arg)->amqp, m, e);
}

static int amqp_has_it(void *arg, struct err *e) /* each was confirmed */
{
    (void)arg;
    (void)e;
    return 0;
}

static int to_spool(void *arg, const struct carried *m, struct err *e)
{
    int r = goes_on(e);
    return r < 0 ? r : carry_add(((struct migration *)arg)->spool, m, e);
}

static int commit_spool(void *arg, struct err *e)
{
    return carry_commit(((struct migration *)arg)->spool, e);
}

static int find_part(struct migration *m)
{
    struct diagnostics d = {0};
    int r = cli_compile(cli_config_path(m->config), CONFIG_CREATE, &d, &m->plan, NULL);
    diagnostics_done(&d);
    if (r < 0)
        return err_set(&m->e, r, "config", "the configuration has errors; see reeve check");
    m->part = cli_part_of(m->plan, "amqp");
    return m->part ? 0
                   : err_set(&m->e, -EINVAL, "config",
                             "the configuration says `transport: spool`: for both directions it "
                             "must say where RabbitMQ is (`transport: {amqp: …}`)");
}

static int note(struct migration *m, const char *event)
{
    struct hub h;
    struct journal *j = NULL;
    char who[64], detail[300];
    (void)snprintf(detail, sizeof detail,
                   "{\"by\":\"%s\",\"from\":\"%s\",\"waiting\":%llu,\"dead\":%llu}",
                   cli_user_name(who), m->back ? "amqp" : "spool",
                   (unsigned long long)m->total.waiting, (unsigned long long)m->total.dead);
    const struct journal_row row = {.event = event, .detail = detail};
    const struct hub_options o = {.data = tree_gets(m->plan, "data", "")};
    int r = hub_open(&o, &h, &m->e);
    r = r < 0 ? r : hub_journal(&h, &j, &m->e);
    r = r < 0 ? r : journal_add(j, &row, &m->e);
    r = r < 0 ? r : journal_commit(j, &m->e);
    journal_close(j);
    return r;
}

static int carry(struct migration *m)
{
    const char *data = tree_gets(m->plan, "data", "");
    int r = carry_open(data, tree_get(m->part, "destinations"), &m->spool, &m->e);
    r = r < 0 ? r : amqp_carry_open(tree_get(m->part, "transport"), &m->amqp, &m->e);
    r = r < 0 ? r : note(m, "migrate-begins");
    if (r == 0 && m->back)
        r = amqp_carry_out(m->amqp, to_spool, commit_spool, m, &m->total, &m->e);
    else if (r == 0)
        r = carry_out(m->spool, to_amqp, amqp_has_it, m, &m->total, &m->e);
    amqp_carry_close(m->amqp);
    carry_close(m->spool);
    struct err first = m->e;
    int n = m->total.waiting + m->total.dead > 0 || r == 0 ? note(m, "migrate-ends") : 0;
    if (r < 0)
        m->e = first;
    return r < 0 ? r : n;
}

static int work(struct migration *m)
{
    int lock_fd = -1;
    int r = find_part(m);
    r = r < 0 ? r : supervisor_lock(m->plan, &lock_fd, &m->e);
    r = r < 0 ? r : carry(m);
    if (lock_fd >= 0)
        (void)close(lock_fd);
    tree_free(m->plan);
    if (r == 0 || m->total.waiting + m->total.dead > 0)
        printf("%llu waiting messages and %llu dead letters moved from %s to %s\n",
               (unsigned long long)m->total.waiting, (unsigned long long)m->total.dead,
               m->back ? "amqp" : "spool", m->back ? "spool" : "amqp");
    if (r == 0 && m->back)
        puts("The queues of the broker are empty now. Write `transport: spool`, then start the "
             "hub.");
    if (r < 0)
        cli_complain("migrate", &m->e);
    return r == 0 ? CLI_OK : CLI_FAILED;
}

int cmd_migrate(int argc, char **argv)
{
    static const struct option options[] = {{"config", required_argument, NULL, 'c'},
                                            {NULL, 0, NULL, 0}};
    struct migration m = {.config = NULL};
    struct sigaction sa = {.sa_handler = on_signal};
    int c;
    while ((c = getopt_long(argc, argv, "c:", options, NULL)) != -1) {
        if (c != 'c')
            return cli_usage("migrate");
        m.config = optarg;
    }
    if (optind != argc - 2)
        return cli_usage("migrate");
    m.back = strcmp(argv[optind], "amqp") == 0 && strcmp(argv[optind + 1], "spool") == 0;
    if (!m.back && (strcmp(argv[optind], "spool") != 0 || strcmp(argv[optind + 1], "amqp") != 0))
        return cli_usage("migrate");
    log_open("migrate", LOG_LEVEL_WARNING);
    (void)sigaction(SIGINT, &sa, NULL);
    (void)sigaction(SIGTERM, &sa, NULL);
    return work(&m);
}
