/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_trace - `reeve trace ID|SUBJECT|RECEIPT|TRACE`: what the journals of a hub say, as sentences
 * or as JSON. Needs no running hub. */
#include "cli.h"
#include "base/util.h"
#include "hub.h"
#include "trace_print.h"
#include <errno.h>
#include <getopt.h>
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

int cmd_trace(int argc, char **argv)
{
    static const struct option options[] = {{"config", required_argument, NULL, 'c'},
                                            {"data", required_argument, NULL, 'd'},
                                            {"json", no_argument, NULL, 'j'},
                                            {NULL, 0, NULL, 0}};
    struct hub_options o = {0};
    struct hub h;
    struct tree *rows = NULL;
    struct err e;
    bool json = false;
    int c;
    while ((c = getopt_long(argc, argv, "c:", options, NULL)) != -1) {
        if (c == 'c')
            o.config = optarg;
        else if (c == 'd')
            o.data = optarg;
        else if (c == 'j')
            json = true;
        else
            return cli_usage("trace");
    }
    if (optind != argc - 1)
        return cli_usage("trace");
    int r = hub_open(&o, &h, &e);
    if (r == 0)
        r = journal_trace(h.journal, argv[optind], &rows, &e);
    if (r < 0) {
        cli_complain("trace", &e);
        return CLI_FAILED;
    }
    r = CLI_OK;
    if (json)
        r = print_rows(rows);
    else
        trace_print(rows, wall_ms(), stdout);
    tree_free(rows);
    return r;
}
