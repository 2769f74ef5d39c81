/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_test - `reeve test [-c PATH] [CASES]`: the operator's cases against the plan: would this file
 * from this connector go where the case says?
 *
 * The same code as `explain`. Prints a line for each case that fails, with what was expected and
 * what was found, and at the end "N passed, N failed". Exit: 0 all passed, 1 otherwise. */
#include "cli.h"
#include "explain.h"
#include "base/util.h"
#include "config/config.h"
#include <errno.h>
#include <string.h>

struct mismatch {
    struct buf text;
};

static void differ(struct mismatch *m, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void differ(struct mismatch *m, const char *fmt, ...)
{
    va_list ap;
    (void)buf_adds(&m->text, m->text.len ? "; " : "");
    va_start(ap, fmt);
    (void)buf_vaddf(&m->text, fmt, ap);
    va_end(ap);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* "a, b", sorted: so that two sets are compared, and shown, as text. */
static void names_of(const char **names, size_t n, struct buf *out)
{
    qsort(names, n, sizeof(*names), by_name);
    for (size_t i = 0; i < n; i++)
        (void)buf_addf(out, "%s%s", i ? ", " : "", names[i]);
    if (n == 0)
        (void)buf_adds(out, "none");
}

static void compare_destinations(const struct tree *expect, const struct explained *x,
                                 bool accepted, struct mismatch *m)
{
    const struct tree *want = tree_get(expect, "destinations");
    if (!tree_is_list(want))
        return;
    size_t n = accepted ? x->destinations->n : 0;
    const char **a = xcalloc(want->n + 1, sizeof(*a)), **b = xcalloc(n + 1, sizeof(*b));
    struct buf ta = BUF_INIT(1u << 20), tb = BUF_INIT(1u << 20);
    for (size_t i = 0; a && i < want->n; i++)
        a[i] = tree_text(want->child[i]);
    for (size_t i = 0; b && i < n; i++)
        b[i] = tree_text(x->destinations->key[i]);
    if (!a || !b) {
        differ(m, "out of memory");
    } else {
        names_of(a, want->n, &ta);
        names_of(b, n, &tb);
        if (strcmp(buf_str(&ta), buf_str(&tb)) != 0)
            differ(m, "expected destinations %s, found %s", buf_str(&ta), buf_str(&tb));
    }
    free(a);
    free(b);
    buf_done(&ta);
    buf_done(&tb);
}

static void compare_count(const struct tree *expect, const char *name, uint64_t found,
                          struct mismatch *m)
{
    if (tree_get(expect, name) && tree_getu(expect, name, UINT64_MAX) != found)
        differ(m, "expected %s %s, found %llu", name, tree_gets(expect, name, "?"),
               (unsigned long long)found);
}

static void compare(const struct tree *expect, const struct explained *x, struct mismatch *m)
{
    bool accepted = x->outcome == DRY_GOOD;
    compare_destinations(expect, x, accepted, m);
    compare_count(expect, "accepted", accepted ? x->accepted : 0, m);
    compare_count(expect, "refused", x->refused, m);
    compare_count(expect, "unrouted", accepted ? x->unrouted : 0, m);
    const struct tree *counts = tree_get(expect, "counts");
    for (size_t i = 0; tree_is_map(counts) && i < counts->n; i++) {
        const char *name = tree_text(counts->key[i]);
        uint64_t found = accepted ? tree_getu(x->destinations, name, 0) : 0;
        if (tree_getu(counts, name, UINT64_MAX) != found)
            differ(m, "expected %s messages for %s, found %llu", tree_gets(counts, name, "?"), name,
                   (unsigned long long)found);
    }
}

static const struct issue *first_error(const struct dry *d)
{
    for (size_t i = 0; i < d->issues->kept_n; i++)
        if (d->issues->kept[i].severity != REEVE_ISSUE_WARNING)
            return &d->issues->kept[i];
    return NULL;
}

/* True when the case holds. */
static bool run_case(const struct tree *plan, const struct tree *c)
{
    static struct dry d;
    struct document_file f;
    struct explained x = {0};
    struct mismatch m = {.text = BUF_INIT(1u << 20)};
    struct err e;
    const struct tree *part = source_part(plan, tree_gets(c, "from", ""), &e);
    int rc = part ? dry_open(part, &d, &e) : -ENOENT;
    if (rc == 0) {
        rc = document_open(tree_gets(c, "file", ""), &f, &e);
        if (rc == 0) {
            rc = explain_document(part, &d, &f, tree_gets(c, "content_type", NULL), NULL, NULL, &x,
                                  &e);
            document_close(&f);
        }
        if (rc == 0) {
            compare(tree_get(c, "expect"), &x, &m);
            const struct issue *i = m.text.len ? first_error(&d) : NULL;
            if (i)
                differ(&m, "the first error: %s: %s [%s]", i->where, i->text, i->code);
        }
        dry_close(&d);
    }
    if (rc < 0)
        differ(&m, "%s", e.text);
    if (m.text.len)
        printf("%s: failed: %s: %s\n", tree_gets(c, "place", "?"), tree_gets(c, "name", "?"),
               buf_str(&m.text));
    bool good = m.text.len == 0;
    explained_done(&x);
    buf_done(&m.text);
    return good;
}

static int run_cases(const char *config, const char *path, const struct tree *plan,
                     struct diagnostics *d)
{
    struct tree *cases = NULL;
    int rc = config_cases(config, path, plan, d, &cases);
    if (rc == -ENOENT) {
        fprintf(stderr, "reeve test: there are no cases%s%s [no-cases]\n", path ? " in " : "",
                path ? path : "");
        return CLI_FAILED;
    }
    if (rc < 0)
        return CLI_FAILED;
    size_t passed = 0;
    for (size_t i = 0; i < cases->n; i++)
        passed += run_case(plan, cases->child[i]);
    printf("%zu passed, %zu failed\n", passed, cases->n - passed);
    rc = passed == cases->n ? CLI_OK : CLI_FAILED;
    tree_free(cases);
    return rc;
}

int cmd_test(int argc, char **argv)
{
    const char *given = NULL, *cases = NULL;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "-c") == 0 && i + 1 < argc)
            given = argv[++i];
        else if (argv[i][0] == '-' || cases)
            return cli_usage("test");
        else
            cases = argv[i];
    }
    struct diagnostics d = {0};
    struct tree *plan = NULL;
    struct buf text = BUF_INIT(64u << 20);
    const char *config = cli_config_path(given);
    int rc = cli_compile(config, CONFIG_WITHOUT_SECRETS | CONFIG_EVERY_MACHINE, &d, &plan, NULL);
    if (rc == 0) {
        diagnostics_done(&d); /* warnings are for `check` */
        d = (struct diagnostics){0};
        rc = run_cases(config, cases, plan, &d);
    }
    if (diagnostics_write(&d, &text) == 0)
        fputs(buf_str(&text), stderr);
    tree_free(plan);
    buf_done(&text);
    diagnostics_done(&d);
    return rc < 0 ? CLI_FAILED : rc;
}
