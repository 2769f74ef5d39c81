/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_convert - `reeve convert FROM TO FILE|-`: a document of one standard becomes one of another,
 * through the hub record, also where both are the same: that is what is to be seen. TO `hub` prints
 * the records themselves, one a line.
 *
 * With --report the document is not written, but what became of each field. The report asks no
 * adapter what it did: the record that went in is compared with the record that the other adapter
 * reads back from what it made. Exit: 0 all converted, 1 some refused (the others are written), 2
 * not readable as that standard, or nothing could be written. */
#include "cli.h"
#include "convert_report.h"
#include "document.h"
#include "encoding.h"
#include "base/util.h"
#include "config/config.h"
#include "message/message.h"
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>

struct conversion {
    struct adapter_choice from, to;
    const char *file;
    bool report, json, records; /* records: TO is `hub` */
    struct dry dry;
    struct tree *part; /* of FROM; dry borrows it */
    struct encoding out;
    struct convert_report told;
    /* of the message being converted */
    const struct message *m;
    struct steps_result result;
    struct tree *read_back, *own; /* the record, and the body, that came back */
};

/* ---- a record on its way */

static struct tree *body_tree(const struct message *m)
{
    struct tree *t = NULL;
    struct err e;
    size_t len = 0;
    const char *p = message_body(m, &len);
    return p && tree_from_json(p, len, &t, &e) == 0 ? t : NULL;
}

/* Takes m: the first body is what is compared. */
static int keep_body(struct tree **first, struct message *m)
{
    if (!*first)
        *first = body_tree(m);
    message_free(m);
    return 0;
}

static int on_read_back(void *arg, struct message *m)
{
    return keep_body(&((struct conversion *)arg)->read_back, m);
}

static int on_own(void *arg, struct message *m)
{
    return keep_body(&((struct conversion *)arg)->own, m);
}

static int on_made(void *arg, struct message *m)
{
    struct conversion *c = arg;
    if (translate_inherit(c->m, m) < 0) {
        message_free(m);
        return -ENOMEM;
    }
    if (!c->report)
        return encoding_take(&c->out, m);
    int rc = translate_leg(c->out.t.adapter, LEG_TO_HUB, m, on_read_back, c, &c->result);
    message_free(m);
    return rc;
}

static int print_record(const struct message *m)
{
    size_t len = 0;
    const char *p = message_body(m, &len);
    return p && fwrite(p, 1, len, stdout) == len && putchar('\n') != EOF ? 0 : -EIO;
}

static void tell(struct conversion *c, struct message *record)
{
    struct instance *from = c->dry.intake.adapter;
    struct steps_result quiet = {.rc = REEVE_OK};
    struct tree *was = body_tree(record), *source = NULL;
    if (from->plugin->api.from_hub &&
        translate_leg(from, LEG_FROM_HUB, record, on_own, c, &quiet) == 0 && c->own)
        source = body_tree(c->m);
    if (was)
        convert_report_record(&c->told, c->m, was, c->read_back, source, source ? c->own : NULL);
    else
        convert_report_refused(&c->told, c->m, "the hub record cannot be read");
    tree_free(was);
    tree_free(source);
}

static int on_record(void *arg, struct message *record)
{
    struct conversion *c = arg;
    int rc = c->records
                 ? print_record(record)
                 : translate_leg(c->out.t.adapter, LEG_FROM_HUB, record, on_made, c, &c->result);
    if (rc == 0 && c->report)
        tell(c, record);
    message_free(record);
    tree_free(c->read_back);
    tree_free(c->own);
    c->read_back = c->own = NULL;
    return rc;
}

/* What was made of a message that was refused in the end is not written. */
static void convert(struct conversion *c, const struct message *m, struct message *copy)
{
    size_t before = c->out.n;
    c->m = m;
    c->result = (struct steps_result){.rc = REEVE_OK};
    int rc = translate_leg(c->dry.intake.adapter, LEG_TO_HUB, copy, on_record, c, &c->result);
    if (rc == 0)
        return;
    while (c->out.n > before)
        reeve_msg_free(c->out.msgs[--c->out.n]);
    const char *subject = message_get(m, "subject");
    if (c->report) /* it gives the reason, too */
        convert_report_refused(&c->told, m, c->result.reason);
    else
        encoding_left_out(&c->out, subject ? subject : "-", "translation", c->result.reason);
}

/* ---- the document */

static int convert_all(struct conversion *c, struct err *e)
{
    struct dry_message d;
    int rc;
    while ((rc = dry_next(&c->dry, &d, e)) > 0) {
        struct message *m = NULL;
        if (message_parse(d.json, d.len, 0, &m, NULL, e) < 0)
            return -EINVAL;
        struct message *copy = message_copy(m);
        if (copy)
            convert(c, m, copy);
        message_free(copy);
        message_free(m);
        if (!copy)
            return err_set(e, -ENOMEM, "out-of-memory", "out of memory");
    }
    if (rc == 0 && c->report && (rc = convert_report_end(&c->told)) < 0)
        return err_set(e, rc, "report", "the report is not complete: %s", strerror(-rc));
    return rc;
}

static int convert_document(struct conversion *c, const struct document_file *f)
{
    struct err e;
    document_read(&c->dry, f, NULL);
    if (dry_outcome(&c->dry) == DRY_FAILED) {
        cli_complain("convert", &c->dry.result.why);
        return CLI_FAILED;
    }
    if (c->dry.issues->unreadable) {
        document_looks_like(f, c->dry.intake.adapter->name);
        return CLI_UNREADABLE;
    }
    if (c->dry.issues->package)
        return CLI_FAILED;
    if (convert_all(c, &e) < 0) {
        cli_complain("convert", &e);
        return CLI_FAILED;
    }
    bool refused = c->dry.result.refused > 0 || c->out.refused > 0 || c->told.refused > 0;
    if (c->records || c->report)
        return refused ? CLI_FAILED : CLI_OK;
    if (c->out.n == 0 || encoding_write(&c->out) < 0)
        return CLI_UNREADABLE;
    return refused ? CLI_FAILED : CLI_OK;
}

static int lacks(struct err *e, const struct instance *i, const char *role, const char *why)
{
    return err_set(e, -EINVAL, "plugin-role", "%s has no %s: %s", i->label, role, why);
}

/* As where it is delivered, an adapter that puts messages together remembers the earlier ones: not
 * where each message is compared with what comes back of it, and not within one standard. */
static bool remembers(const struct conversion *c)
{
    return !c->report &&
           (c->records || strcmp(c->dry.intake.adapter->name, c->out.t.adapter->name) != 0);
}

static int open_both(struct conversion *c, struct err *e)
{
    if (document_dry(&c->from, &c->dry, &c->part, e) < 0)
        return -1;
    c->dry.issues->tap = print_issue;
    c->dry.issues->tap_arg = (void *)(uintptr_t)c->file;
    c->out.file = c->file;
    if (!c->dry.intake.adapter->plugin->api.to_hub)
        return lacks(e, c->dry.intake.adapter, "to_hub",
                     "its messages become nothing but documents of the same standard");
    if (!c->records && encoding_open(&c->out, &c->to, c->file, e) < 0)
        return -1;
    if (remembers(c) && dry_remember(&c->dry, e) < 0)
        return -1;
    if (c->records)
        return 0;
    if (!c->out.t.adapter->plugin->api.from_hub)
        return lacks(e, c->out.t.adapter, "from_hub", "no other standard can become this one");
    if (c->report && !c->out.t.adapter->plugin->api.to_hub)
        return lacks(e, c->out.t.adapter, "to_hub",
                     "what it makes cannot be read back and compared");
    return c->report && convert_report_open(&c->told, c->json) < 0
               ? err_set(e, -ENOMEM, "out-of-memory", "out of memory")
               : 0;
}

static bool take_arguments(struct conversion *c, int argc, char **argv)
{
    static const struct option options[] = {
        {"report", no_argument, NULL, 'r'}, {"json", no_argument, NULL, 'j'}, {NULL, 0, NULL, 0}};
    int o;
    while ((o = getopt_long(argc, argv, "o:O:", options, NULL)) != -1) {
        c->report = c->report || o == 'r';
        c->json = c->json || o == 'j';
        if (o == 'o' || o == 'O') {
            if (!adapter_choice_add(o == 'o' ? &c->from : &c->to, optarg))
                return false;
        } else if (o != 'r' && o != 'j') {
            return false;
        }
    }
    if (optind != argc - 3 || (c->json && !c->report))
        return false;
    c->from.name = argv[optind];
    c->to.name = argv[optind + 1];
    c->file = argv[optind + 2];
    c->records = strcmp(c->to.name, CONFIG_HUB_RECORD) == 0;
    return !(c->records && c->report);
}

int cmd_convert(int argc, char **argv)
{
    static struct conversion c;
    struct document_file f;
    struct err e;
    int rc = CLI_UNREADABLE;
    if (!take_arguments(&c, argc, argv))
        return cli_usage("convert");
    if (open_both(&c, &e) < 0 || document_open(c.file, &f, &e) < 0) {
        cli_complain("convert", &e);
    } else {
        rc = convert_document(&c, &f);
        document_close(&f);
    }
    convert_report_close(&c.told);
    encoding_close(&c.out);
    dry_close(&c.dry);
    tree_free(c.part);
    return rc;
}
