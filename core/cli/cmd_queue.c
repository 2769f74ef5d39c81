/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_queue - `reeve queue move FROM TO`: waiting messages to another destination, page by page
 * (spool/move.c). The order stands in the journal before anything is moved, and a row for each
 * message behind the page it was moved with. Stopped in the middle, the same command goes on. */
#include "cli.h"
#include "base/json.h"
#include "base/util.h"
#include "hub.h"
#include <errno.h>
#include <getopt.h>
#include <string.h>

#define PAGE 200u

struct move {
    struct hub_options where;
    const char *from, *to, *reason;
    bool dry_run;
    struct hub hub;
    struct transport *transport;
    struct journal *journal;
    char detail[400]; /* of the rows */
    size_t moved;
    int row_failed; /* negative errno */
    struct err e;
};

static int make_detail(struct move *m)
{
    char who[64];
    struct buf b = BUF_INIT(sizeof m->detail - 1);
    const char *name = cli_user_name(who);
    int r = buf_adds(&b, "{\"by\":");
    r = r ? r : json_add_string(&b, name, strlen(name));
    r = r ? r : buf_adds(&b, ",\"from\":");
    r = r ? r : json_add_string(&b, m->from, strlen(m->from));
    r = r ? r : buf_addc(&b, '}');
    (void)snprintf(m->detail, sizeof m->detail, "%s", buf_str(&b));
    buf_done(&b);
    return r ? err_set(&m->e, -EINVAL, "usage", "\"%.40s\" is no name of a queue", m->from) : 0;
}

static int note(struct move *m, const char *event, const char *id)
{
    struct journal_row row = {
        .event = event, .id = id, .destination = m->to, .text = m->reason, .detail = m->detail};
    return journal_add(m->journal, &row, &m->e);
}

static void on_moved(void *arg, const char *id)
{
    struct move *m = arg;
    m->moved++;
    if (m->row_failed == 0)
        m->row_failed = note(m, JOURNAL_MOVED, id);
}

static int carry_out(struct move *m)
{
    uint64_t left = 1;
    int r = note(m, "move-ordered", NULL);
    r = r < 0 ? r : journal_commit(m->journal, &m->e);
    while (r == 0 && left > 0) {
        r = transport_queue_move(m->transport, m->from, m->to, PAGE, on_moved, m, &left, &m->e);
        if (r == 0)
            r = m->row_failed;
        if (r == 0)
            r = journal_commit(m->journal, &m->e);
    }
    return r;
}

static int count(struct move *m)
{
    struct tree *status = NULL;
    int r = transport_status(m->transport, &status, &m->e);
    const struct tree *queues = tree_get(status, "destinations");
    bool found = false;
    for (size_t i = 0; r == 0 && tree_is_list(queues) && i < queues->n; i++) {
        const struct tree *q = queues->child[i];
        if (strcmp(tree_gets(q, "name", ""), m->from) != 0)
            continue;
        found = true;
        m->moved = (size_t)(tree_getu(q, "ready", 0) + tree_getu(q, "delayed", 0) +
                            tree_getu(q, "inflight", 0));
    }
    tree_free(status);
    if (r == 0 && !found)
        r = err_set(&m->e, -ENOENT, "destination-unknown", "there is no queue \"%.80s\"", m->from);
    return r;
}

static int work(struct move *m)
{
    int r = make_detail(m);
    r = r < 0 ? r : hub_open(&m->where, &m->hub, &m->e);
    r = r < 0 ? r : hub_transport(&m->hub, &m->transport, &m->e);
    if (r == 0 && m->dry_run)
        r = count(m);
    else if (r == 0) {
        r = hub_journal(&m->hub, &m->journal, &m->e);
        r = r < 0 ? r : carry_out(m);
    }
    transport_close(m->transport);
    journal_close(m->journal);
    if (r == 0 || m->moved > 0)
        printf("%zu message%s %smoved from %s to %s\n", m->moved, m->moved == 1 ? "" : "s",
               m->dry_run ? "would be " : "", m->from, m->to);
    if (r < 0)
        cli_complain("queue", &m->e);
    return r == 0 ? CLI_OK : r == -ECONNREFUSED ? CLI_NOT_RUNNING : CLI_FAILED;
}

int cmd_queue(int argc, char **argv)
{
    static const struct option options[] = {{"config", required_argument, NULL, 'c'},
                                            {"data", required_argument, NULL, 'd'},
                                            {"dry-run", no_argument, NULL, 'n'},
                                            {"reason", required_argument, NULL, 'r'},
                                            {NULL, 0, NULL, 0}};
    struct move m = {0};
    int c;
    while ((c = getopt_long(argc, argv, "c:n", options, NULL)) != -1) {
        if (c == 'c')
            m.where.config = optarg;
        else if (c == 'd')
            m.where.data = optarg;
        else if (c == 'n')
            m.dry_run = true;
        else if (c == 'r')
            m.reason = optarg;
        else
            return cli_usage("queue");
    }
    if (optind != argc - 3 || strcmp(argv[optind], "move") != 0)
        return cli_usage("queue");
    m.from = argv[optind + 1];
    m.to = argv[optind + 2];
    return work(&m);
}
