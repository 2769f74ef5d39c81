/* SPDX-License-Identifier: Apache-2.0 */
/* hub - a hub's data directory as commands need it: where its files are, and a connection to its
 * queue as "admin". */
#ifndef REEVE_CLI_HUB_H
#define REEVE_CLI_HUB_H
#include "base/err.h"
#include "base/tree.h"
#include "journal/journal.h"
#include "transport/transport.h"
#include <limits.h>
#include <stdbool.h>

struct hub {
    char data[PATH_MAX];    /* absolute */
    char run[PATH_MAX];     /* DATA/run, or where it points to */
    char journal[PATH_MAX]; /* DATA/journal */
    const char *config;     /* as given; NULL: the usual place */
    bool found;             /* by the configuration, not given: it is that of this directory */
};

/* The common options of commands that look into a hub. */
struct hub_options {
    const char *config, *data;
};
/* Reads them, --config and --data, and one more option without argument: its name (no dashes) and
 * what becomes true. optind stands at the first argument afterwards. False: another option. */
bool hub_options_read(int argc, char **argv, const char *flag, bool *set, struct hub_options *ret);
/* Finds the data directory; the configuration need not be valid. Codes: "config", "data-directory".
 */
int hub_open(const struct hub_options *o, struct hub *ret, struct err *e);
/* Connects to the queues with the right "admin". The spool's: of the running hub, by DATA/key.
 * RabbitMQ's: with what the running hub says, or when none runs the configuration, which must be
 * in order then. -ECONNREFUSED, code "not-running": nobody answers. */
int hub_transport(const struct hub *h, struct transport **ret, struct err *e);
/* Where `machines` run one configuration: which of them this is, and all of them (a list), of the
 * running hub, or when none runs of the configuration. Each may be NULL. Left alone when there are
 * none, or nobody knows. 0 or -ENOMEM. */
int hub_machines(const struct hub *h, char **ret_machine, struct tree **ret_all, struct err *e);
/* A journal of its own for what people do (JOURNAL_REPLAYED, JOURNAL_DISCARDED …). */
int hub_journal(const struct hub *h, struct journal **ret, struct err *e);

#endif
