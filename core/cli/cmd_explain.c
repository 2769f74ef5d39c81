/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_explain - `reeve explain [-c PATH] --from CONNECTOR FILE [--json]`: where would these bytes
 * go, and why.
 *
 * The configuration is compiled as for a run, the document goes through the same intake, each
 * message through the same route table. No hub has to run; nothing is sent. Exit: 0, 1 when the
 * document would be refused or the configuration has errors, 2 when it is not readable as the
 * connector's standard. */
#include "cli.h"
#include "explain.h"
#include "base/util.h"
#include "config/config.h"
#include <errno.h>
#include <string.h>

struct order {
    const char *config, *from, *file, *content_type;
    bool json;
};

static bool arguments(int argc, char **argv, struct order *o)
{
    const char *given = NULL;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--json") == 0)
            o->json = true;
        else if (strcmp(argv[i], "-c") == 0 && i + 1 < argc)
            given = argv[++i];
        else if (strcmp(argv[i], "--from") == 0 && i + 1 < argc)
            o->from = argv[++i];
        else if (strcmp(argv[i], "--content-type") == 0 && i + 1 < argc)
            o->content_type = argv[++i];
        else if ((argv[i][0] == '-' && argv[i][1]) || o->file)
            return false;
        else
            o->file = argv[i];
    }
    o->config = cli_config_path(given);
    return o->from && o->file;
}

struct telling {
    const struct tree *part;
    uint64_t n;
    struct tree *messages; /* --json: a list */
};

static const char *yes(const struct tree *route)
{
    return tree_getb(route, "matched", false) ? "yes" : "no ";
}

static void print_list(const struct tree *list)
{
    for (size_t i = 0; i < list->n; i++)
        printf("%s%s", i ? ", " : "", tree_text(list->child[i]));
}

static void print_route(const struct tree *r)
{
    const struct tree *d = tree_get(r, "decided"), *errors = tree_at(r, "decided/errors");
    printf("    %s  route %s", yes(r), tree_gets(r, "route", "?"));
    const char *alternative = tree_gets(r, "alternative", NULL);
    if (alternative)
        printf(", alternative %llu of first",
               (unsigned long long)tree_getu(r, "alternative", 0) + 1);
    const char *predicate = tree_gets(d, "predicate", NULL), *value = tree_gets(d, "value", NULL);
    if (predicate)
        printf(": %s is %s", predicate, tree_gets(d, "result", "?"));
    if (value && *value)
        printf(" (%s)", value);
    if (tree_is_list(errors) && errors->n) {
        printf(" [");
        print_list(errors);
        printf("]");
    }
    printf("\n");
}

static void print_message(const struct telling *t, const struct dry_message *m,
                          const struct tree *routes, const struct tree *destinations, bool unrouted)
{
    char subject[300] = "";
    escape_text(subject, sizeof(subject), m->subject ? m->subject : "(no subject)",
                m->subject ? strlen(m->subject) : 12);
    printf("message %llu: %s %s  id %.12s…\n", (unsigned long long)t->n, m->type, subject, m->id);
    for (size_t i = 0; i < routes->n; i++)
        print_route(routes->child[i]);
    const char *drop = tree_gets(t->part, "unrouted/drop", NULL);
    if (unrouted && destinations->n == 0) {
        printf("    -> nowhere: no route matched, and the configuration drops such messages%s%s\n",
               drop ? ": " : "", drop ? drop : "");
        return;
    }
    printf("    -> ");
    print_list(destinations);
    printf("%s\n", unrouted ? "  (unrouted: no route matched)" : "");
}

static int add_json(struct telling *t, const struct dry_message *m, struct tree *routes,
                    struct tree *destinations, bool unrouted)
{
    struct tree *x = tree_map(), *attributes = NULL;
    int rc = x ? 0 : -ENOMEM;
    rc = rc | tree_puts(x, "id", m->id) | tree_puts(x, "source", m->source) |
         tree_puts(x, "type", m->type) | tree_puts(x, "subject", m->subject) |
         tree_put(x, "routes", routes) | tree_put(x, "destinations", destinations) |
         tree_putb(x, "unrouted", unrouted);
    attributes = tree_map();
    for (size_t i = 0; rc == 0 && i < m->attributes_n; i++) {
        const struct route_attribute *a = &m->attributes[i];
        rc = a->value.type == VALUE_INTEGER
                 ? tree_put(attributes, a->name, tree_scalarf(true, "%d", (int)a->value.integer))
                 : tree_puts(attributes, a->name,
                             a->value.type == VALUE_BOOLEAN ? (a->value.integer ? "true" : "false")
                                                            : a->value.p);
    }
    rc |= tree_put(x, "attributes", attributes);
    if (rc != 0) {
        tree_free(x);
        return -ENOMEM;
    }
    return tree_append(t->messages, x);
}

static int tell(void *arg, const struct dry_message *m, struct tree *routes,
                struct tree *destinations, bool unrouted)
{
    struct telling *t = arg;
    t->n++;
    if (t->messages)
        return add_json(t, m, routes, destinations, unrouted);
    print_message(t, m, routes, destinations, unrouted);
    tree_free(routes);
    tree_free(destinations);
    return 0;
}

static struct tree *issues_tree(const struct issues *s)
{
    struct buf b = BUF_INIT(16u << 20);
    struct tree *t = NULL;
    struct err e;
    if (issues_list(s, ISSUES_KEPT, &b) != 0 || tree_from_json(b.p, b.len, &t, &e) < 0)
        t = NULL;
    buf_done(&b);
    return t;
}

static const char *const outcomes[] = {"accepted", "refused", "unreadable", "failed"};

static int print_json(const struct order *o, struct dry *d, struct telling *t, struct explained *x)
{
    struct tree *all = tree_map();
    struct buf out = BUF_INIT(1u << 30);
    int rc = tree_puts(all, "from", o->from) | tree_puts(all, "file", o->file) |
             tree_puts(all, "outcome", outcomes[x->outcome]) |
             tree_putu(all, "accepted", x->outcome == DRY_GOOD ? x->accepted : 0) |
             tree_putu(all, "refused", x->refused) | tree_putu(all, "unrouted", x->unrouted) |
             tree_put(all, "issues", issues_tree(d->issues)) |
             tree_put(all, "destinations", TAKE_PTR(x->destinations)) |
             tree_put(all, "messages", TAKE_PTR(t->messages));
    if (d->asked_state)
        rc |= tree_putb(all, "depends_on_state", true);
    if (rc == 0 && tree_to_json(all, &out, true) == 0)
        printf("%s\n", buf_str(&out));
    else
        fputs("reeve explain: out of memory\n", stderr);
    tree_free(all);
    buf_done(&out);
    return rc;
}

static void print_summary(const struct order *o, const struct dry *d, const struct explained *x)
{
    switch (x->outcome) {
    case DRY_GOOD:
        printf("%s: %llu messages would be accepted", o->file, (unsigned long long)x->accepted);
        break;
    case DRY_REFUSED:
        printf("%s: would be refused: %llu records are right, %llu are not, and nothing would be "
               "accepted",
               o->file, (unsigned long long)x->accepted, (unsigned long long)x->refused);
        break;
    case DRY_UNREADABLE:
        printf("%s: would be refused: it cannot be read as %s", o->file, d->intake.adapter->name);
        break;
    case DRY_FAILED:
        printf("%s: cannot be read now: %s", o->file, d->result.why.text);
        break;
    }
    if (x->unrouted)
        printf(", %llu without a route", (unsigned long long)x->unrouted);
    printf("\n");
    for (size_t i = 0; i < x->destinations->n; i++)
        printf("  %s: %s\n", tree_text(x->destinations->key[i]),
               tree_text(x->destinations->child[i]));
    if (d->asked_state)
        printf("A step keeps state: what a running hub does depends on it.\n");
}

static int explain(const struct order *o, const struct tree *plan, struct err *e)
{
    static struct dry d;
    struct document_file f;
    struct explained x = {0};
    const struct tree *part = source_part(plan, o->from, e);
    int rc = part ? dry_open(part, &d, e) : -ENOENT;
    if (rc < 0)
        return rc;
    struct telling t = {.part = part, .messages = o->json ? tree_list() : NULL};
    rc = document_open(o->file, &f, e);
    if (rc == 0) {
        if (!o->json) {
            d.issues->tap = print_issue;
            d.issues->tap_arg = (void *)(uintptr_t)o->file;
        }
        rc = explain_document(part, &d, &f, o->content_type, tell, &t, &x, e);
        document_close(&f);
    }
    if (rc == 0 && o->json)
        (void)print_json(o, &d, &t, &x);
    else if (rc == 0)
        print_summary(o, &d, &x);
    if (rc == 0)
        rc = x.outcome == DRY_GOOD         ? CLI_OK
             : x.outcome == DRY_UNREADABLE ? CLI_UNREADABLE
                                           : CLI_FAILED;
    explained_done(&x);
    tree_free(t.messages);
    dry_close(&d);
    return rc;
}

int cmd_explain(int argc, char **argv)
{
    struct order o = {0};
    struct diagnostics d = {0};
    struct tree *plan = NULL;
    struct buf text = BUF_INIT(64u << 20);
    struct err e;
    if (!arguments(argc, argv, &o))
        return cli_usage("explain");
    int rc = cli_compile(o.config, CONFIG_WITHOUT_SECRETS | CONFIG_EVERY_MACHINE, &d, &plan, NULL);
    if (rc < 0 && diagnostics_write(&d, &text) == 0)
        fputs(buf_str(&text), stderr);
    if (rc == 0) {
        rc = explain(&o, plan, &e);
        if (rc < 0)
            cli_complain("explain", &e);
    }
    tree_free(plan);
    buf_done(&text);
    diagnostics_done(&d);
    return rc < 0 ? CLI_FAILED : rc;
}
