/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_decode - `reeve decode ADAPTER FILE|- [-o KEY=VALUE]`: a document becomes messages, one
 * CloudEvent JSON a line on standard output; issues on standard error as they are found.
 *
 * It is the intake of a running source (worker/intake.h) without a hub: source is
 * //local/-/STANDARD, the id is that of a first sending, there is no party and no time, so the same
 * document gives the same output every time. A fault of the document itself refuses all: then
 * nothing is printed on standard output. */
#include "cli.h"
#include "document.h"
#include "base/util.h"
#include <getopt.h>
#include <stdio.h>
#include <string.h>

static int print_messages(struct dry *d)
{
    struct dry_message m;
    struct err e;
    int rc;
    while ((rc = dry_next(d, &m, &e)) > 0)
        if (fwrite(m.json, 1, m.len, stdout) != m.len || putchar('\n') == EOF)
            return CLI_FAILED;
    if (rc < 0)
        cli_complain("decode", &e);
    return rc < 0 ? CLI_FAILED : CLI_OK;
}

static int result(struct dry *d, const struct document_file *f)
{
    if (d->result.rc != REEVE_OK) {
        cli_complain("decode", &d->result.why);
        return CLI_FAILED;
    }
    if (d->issues->unreadable) {
        document_looks_like(f, d->intake.adapter->name);
        return CLI_UNREADABLE;
    }
    if (d->issues->package)
        return CLI_FAILED;
    int rc = print_messages(d);
    return d->result.refused ? CLI_FAILED : rc;
}

int cmd_decode(int argc, char **argv)
{
    static struct dry d;
    struct document_file f;
    struct tree *part = NULL;
    struct adapter_choice a = {.n = 0};
    struct err e;
    if (!adapter_choice_options(&a, argc, argv) || argc - optind != 2)
        return cli_usage("decode");
    const char *file = argv[optind + 1];
    a.name = argv[optind];
    if (document_dry(&a, &d, &part, &e) < 0) {
        cli_complain("decode", &e);
        return CLI_UNREADABLE;
    }
    int rc = CLI_UNREADABLE;
    if (document_open(file, &f, &e) < 0) {
        cli_complain("decode", &e);
    } else {
        d.issues->tap = print_issue;
        d.issues->tap_arg = (void *)(uintptr_t)file;
        document_read(&d, &f, NULL);
        rc = result(&d, &f);
        document_close(&f);
    }
    dry_close(&d);
    tree_free(part);
    return rc;
}
