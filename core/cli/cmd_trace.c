/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_trace - `reeve trace ID|SUBJECT|RECEIPT|TRACE`: what the journals of a hub say, as sentences
 * or as JSON. Needs no running hub. */
#include "cli.h"
#include "base/util.h"
#include "hub.h"
#include "trace_print.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define OUT_MAX (256u << 20)

static int print_rows(const struct tree *rows)
{
    struct buf out = BUF_INIT(OUT_MAX);
    int r = tree_to_json(rows, &out, true);
    if (r == 0)
        puts(buf_str(&out));
    buf_done(&out);
    return r == 0 ? CLI_OK : CLI_FAILED;
}

/* Each machine keeps a journal of what it did itself. */
static void tell_others(const struct hub *h, FILE *out)
{
    char *here = NULL;
    struct tree *all = NULL;
    struct err e;
    size_t n = 0;
    if (hub_machines(h, &here, &all, &e) < 0)
        cli_complain("trace", &e);
    for (size_t i = 0; all && i < all->n; i++) {
        const char *name = tree_text(all->child[i]);
        if (!name || (here && strcmp(name, here) == 0))
            continue;
        if (n++ == 0)
            fprintf(out, "only the journal of %s was looked at; what others did stands in that of ",
                    here ? here : "this machine");
        fprintf(out, "%s%s", n > 1 ? ", " : "", name);
    }
    if (n)
        fputs(": `reeve trace` there\n", out);
    free(here);
    tree_free(all);
}

int cmd_trace(int argc, char **argv)
{
    struct hub_options o;
    struct hub h;
    struct tree *rows = NULL;
    struct err e;
    bool json;
    if (!hub_options_read(argc, argv, "json", &json, &o) || optind != argc - 1)
        return cli_usage("trace");
    int r = hub_open(&o, &h, &e);
    if (r == 0)
        r = journal_trace(h.journal, argv[optind], &rows, &e);
    int found = r;
    if (r < 0)
        cli_complain("trace", &e);
    else if (json)
        r = print_rows(rows);
    else
        trace_print(rows, wall_ms(), stdout);
    tree_free(rows);
    if (found == 0 || found == -ENOENT)
        tell_others(&h, json || found < 0 ? stderr : stdout);
    return r < 0 ? CLI_FAILED : r;
}
