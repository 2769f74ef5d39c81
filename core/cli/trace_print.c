/* SPDX-License-Identifier: Apache-2.0 */
/* trace_print - see trace_print.h. One block a submission, one a message; in each the rows by time,
 * then how it stands: for every destination delivered, dead, or still on its way, and why. */
#include "trace_print.h"
#include "base/util.h"
#include "journal/journal.h"
#include <inttypes.h>
#include <string.h>

#define TEXT         700
#define DESTINATIONS 64

struct printer {
    FILE *out;
    uint64_t now_ms;
};

/* What became of a message at one destination. */
struct fate {
    const char *destination;
    const struct tree *last; /* the row that says how it stands; NULL: nothing happened yet */
};

static const char *get(const struct tree *row, const char *key, char out[TEXT])
{
    const char *s = tree_gets(row, key, "");
    out[0] = '\0';
    return escape_text(out, TEXT, s, strlen(s));
}

static bool is(const struct tree *row, const char *event)
{
    return strcmp(tree_gets(row, "event", ""), event) == 0;
}

static const char *clock_of(const struct tree *row)
{
    return tree_gets(row, "time", "?");
}

static void when(const struct printer *p, uint64_t wall_ms)
{
    char d[32], t[RFC3339_MAX];
    if (!wall_ms)
        return;
    rfc3339_ms(wall_ms, t);
    if (wall_ms > p->now_ms) {
        format_duration(wall_ms - p->now_ms, d);
        fprintf(p->out, "; next try at %s, in %s", t, d);
    } else {
        fprintf(p->out, "; the next try was due at %s", t);
    }
}

static void reason(const struct printer *p, const struct tree *row)
{
    char a[TEXT], b[TEXT];
    if (tree_gets(row, "text", NULL))
        fprintf(p->out, ": %s", get(row, "text", a));
    if (tree_gets(row, "code", NULL))
        fprintf(p->out, " [%s]", get(row, "code", b));
}

/* ---- one row a line */

static void submitted(const struct printer *p, const struct tree *row)
{
    char a[TEXT], b[TEXT];
    const struct tree *d = tree_get(row, "detail");
    fprintf(p->out, "%s  was accepted from %s (%s): %s records, %s new, %s changed, %s unchanged",
            clock_of(row), get(row, "party", a), get(row, "connector", b),
            tree_gets(d, "accepted", "?"), tree_gets(d, "new", "?"), tree_gets(d, "changed", "?"),
            tree_gets(d, "unchanged", "?"));
    if (tree_getu(d, "refused", 0))
        fprintf(p->out, ", %s refused", tree_gets(d, "refused", ""));
    if (tree_getu(d, "unrouted", 0))
        fprintf(p->out, ", %s matched no route", tree_gets(d, "unrouted", ""));
}

static void refused(const struct printer *p, const struct tree *row)
{
    char a[TEXT];
    fprintf(p->out, "%s  ", clock_of(row));
    if (tree_gets(row, "subject", NULL))
        fprintf(p->out, "record %s was refused", get(row, "subject", a));
    else
        fprintf(p->out, "was refused from %s", get(row, "party", a));
    reason(p, row);
}

static void accepted(const struct printer *p, const struct tree *row)
{
    char a[TEXT], b[TEXT];
    const struct tree *to = tree_at(row, "detail/destinations");
    fprintf(p->out, "%s  accepted from %s (%s)", clock_of(row), get(row, "party", a),
            get(row, "connector", b));
    for (size_t i = 0; tree_is_list(to) && i < to->n; i++) {
        fprintf(p->out, "%s %s", i ? "," : "; for", get(to->child[i], "destination", a));
        if (tree_gets(to->child[i], "route", NULL))
            fprintf(p->out, " by route %s", get(to->child[i], "route", b));
    }
}

static void unrouted(const struct printer *p, const struct tree *row)
{
    char a[TEXT];
    if (tree_gets(row, "destination", NULL)) {
        fprintf(p->out, "%s  matched no route: for %s, where unrouted messages go", clock_of(row),
                get(row, "destination", a));
    } else {
        fprintf(p->out, "%s  matched no route and was dropped", clock_of(row));
        reason(p, row);
    }
}

static void happened(const struct printer *p, const struct tree *row)
{
    static const struct {
        const char *event, *words;
    } known[] = {
        {JOURNAL_DELIVERED, "was delivered"},
        {JOURNAL_ATTEMPT, "did not take it"},
        {JOURNAL_DOWN, "was not reachable"},
        {JOURNAL_DEAD, "it became a dead letter"},
        {JOURNAL_REPLAYED, "it was sent again by hand"},
        {JOURNAL_DISCARDED, "it was thrown away by hand"},
    };
    char a[TEXT];
    const char *words = tree_gets(row, "event", "?");
    for (size_t i = 0; i < ARRAY_SIZE(known); i++)
        if (is(row, known[i].event))
            words = known[i].words;
    fprintf(p->out, "%s  %s: %s", clock_of(row), get(row, "destination", a), words);
    if (tree_getu(row, "attempt", 0))
        fprintf(p->out,
                is(row, JOURNAL_DELIVERED) ? " at attempt %" PRIu64 : " (attempt %" PRIu64 ")",
                tree_getu(row, "attempt", 0));
    reason(p, row);
    when(p, tree_getu(row, "next_ms", 0));
}

static void print_row(const struct printer *p, const struct tree *row)
{
    fputs("  ", p->out);
    if (is(row, JOURNAL_SUBMITTED))
        submitted(p, row);
    else if (is(row, JOURNAL_REFUSED))
        refused(p, row);
    else if (is(row, JOURNAL_ACCEPTED))
        accepted(p, row);
    else if (is(row, JOURNAL_UNCHANGED))
        fprintf(p->out, "%s  came again, unchanged: nothing was sent", clock_of(row));
    else if (is(row, JOURNAL_UNROUTED))
        unrouted(p, row);
    else
        happened(p, row);
    fputc('\n', p->out);
}

/* ---- how it stands */

static struct fate *fate_of(struct fate *f, size_t *n, const char *destination)
{
    for (size_t i = 0; i < *n; i++)
        if (strcmp(f[i].destination, destination) == 0)
            return &f[i];
    if (*n == DESTINATIONS)
        return NULL;
    f[*n] = (struct fate){.destination = destination};
    return &f[(*n)++];
}

static bool final(const struct tree *row)
{
    return is(row, JOURNAL_DELIVERED) || is(row, JOURNAL_DEAD) || is(row, JOURNAL_DISCARDED);
}

static void print_fate(const struct printer *p, const struct fate *f)
{
    char a[TEXT] = "", b[TEXT];
    escape_text(a, sizeof a, f->destination, strlen(f->destination));
    fprintf(p->out, "  => %s: ", a);
    if (!f->last) {
        fputs("waits in the queue", p->out);
    } else if (is(f->last, JOURNAL_DELIVERED)) {
        fputs("delivered", p->out);
    } else if (is(f->last, JOURNAL_DEAD)) {
        fprintf(p->out, "NOT delivered, kept as a dead letter");
        reason(p, f->last);
        fprintf(p->out, "; `reeve dead list --id %s` shows it", get(f->last, "id", b));
    } else if (is(f->last, JOURNAL_DISCARDED)) {
        fputs("NOT delivered, thrown away by hand", p->out);
        reason(p, f->last);
    } else if (is(f->last, JOURNAL_REPLAYED)) {
        fputs("waits in the queue again", p->out);
    } else {
        fputs("not delivered yet", p->out);
        reason(p, f->last);
        when(p, tree_getu(f->last, "next_ms", 0));
    }
    fputc('\n', p->out);
}

/* A late row of an earlier try must not hide a final one; sending again begins anew. */
static void follow(struct fate *f, const struct tree *row)
{
    if (f && (!f->last || !final(f->last) || final(row) || is(row, JOURNAL_REPLAYED)))
        f->last = row;
}

static void message_block(const struct printer *p, const struct tree *rows, const char *id)
{
    struct fate fates[DESTINATIONS];
    size_t n = 0;
    bool headed = false;
    char a[TEXT], b[TEXT], c[TEXT];
    for (size_t i = 0; i < rows->n; i++) {
        const struct tree *row = rows->child[i], *to = tree_at(row, "detail/destinations");
        const char *destination = tree_gets(row, "destination", NULL);
        if (strcmp(tree_gets(row, "id", ""), id) != 0)
            continue;
        if (!headed)
            fprintf(p->out, "message %s\n  %s %s from %s\n", get(row, "id", a), get(row, "type", b),
                    get(row, "subject", c), tree_gets(row, "source", "?"));
        headed = true;
        print_row(p, row);
        for (size_t k = 0; is(row, JOURNAL_ACCEPTED) && tree_is_list(to) && k < to->n; k++)
            (void)fate_of(fates, &n, tree_gets(to->child[k], "destination", "?"));
        if (destination && is(row, JOURNAL_UNROUTED))
            (void)fate_of(fates, &n, destination);
        else if (destination)
            follow(fate_of(fates, &n, destination), row);
    }
    for (size_t i = 0; i < n; i++)
        print_fate(p, &fates[i]);
}

static bool seen_before(const struct tree *rows, size_t upto, const char *key, const char *value)
{
    for (size_t i = 0; i < upto; i++)
        if (strcmp(tree_gets(rows->child[i], key, ""), value) == 0)
            return true;
    return false;
}

/* Rows without a message id belong to the submission. */
static void submission_block(const struct printer *p, const struct tree *rows, const char *receipt)
{
    char a[TEXT] = "";
    escape_text(a, sizeof a, receipt, strlen(receipt));
    fprintf(p->out, "submission %s\n", a);
    for (size_t i = 0; i < rows->n; i++)
        if (!tree_gets(rows->child[i], "id", NULL) &&
            strcmp(tree_gets(rows->child[i], "receipt", ""), receipt) == 0)
            print_row(p, rows->child[i]);
}

static bool is_of_submission(const struct tree *row)
{
    return !tree_gets(row, "id", NULL) && tree_gets(row, "receipt", NULL);
}

void trace_print(const struct tree *rows, uint64_t now_ms, FILE *out)
{
    struct printer p = {.out = out, .now_ms = now_ms};
    for (size_t i = 0; i < rows->n; i++) {
        const struct tree *row = rows->child[i];
        const char *receipt = tree_gets(row, "receipt", "");
        bool first = is_of_submission(row);
        for (size_t k = 0; first && k < i; k++)
            first = !is_of_submission(rows->child[k]) ||
                    strcmp(tree_gets(rows->child[k], "receipt", ""), receipt) != 0;
        if (first)
            submission_block(&p, rows, receipt);
    }
    for (size_t i = 0; i < rows->n; i++) {
        const char *id = tree_gets(rows->child[i], "id", NULL);
        if (id && !seen_before(rows, i, "id", id))
            message_block(&p, rows, id);
    }
}
