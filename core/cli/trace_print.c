/* SPDX-License-Identifier: Apache-2.0 */
/* trace_print - see trace_print.h. One block a submission, one a message; in each the rows by time,
 * then how it stands: for every destination delivered, dead, or still on its way, and why. */
#include "trace_print.h"
#include "base/map.h"
#include "base/util.h"
#include "journal/journal.h"
#include <inttypes.h>
#include <string.h>

#define TEXT         700
#define DESTINATIONS 64
#define BLOCKS       20 /* messages told one by one */

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
        const struct tree *route = tree_get(to->child[i], "route");
        if (tree_text(route) && !route->plain) /* null: where unrouted messages go */
            fprintf(p->out, " by route %s", get(to->child[i], "route", b));
    }
}

static void unrouted(const struct printer *p, const struct tree *row)
{
    char a[TEXT], b[TEXT];
    if (tree_gets(row, "destination", NULL)) {
        fprintf(p->out, "%s  matched no route: for %s, where unrouted messages go", clock_of(row),
                get(row, "destination", a));
    } else {
        fprintf(p->out, "%s  ", clock_of(row)); /* there is no row "accepted" that says from whom */
        if (tree_gets(row, "party", NULL))
            fprintf(p->out, "came from %s (%s), ", get(row, "party", a), get(row, "connector", b));
        fprintf(p->out, "matched no route and was dropped");
        reason(p, row);
    }
}

static bool by_hand(const struct tree *row)
{
    return is(row, JOURNAL_REPLAYED) || is(row, JOURNAL_DISCARDED) || is(row, "shown");
}

/* again: how many rows before it said the same. */
static void happened(const struct printer *p, const struct tree *row, size_t again)
{
    static const struct {
        const char *event, *before, *after;
    } known[] = {
        {JOURNAL_DELIVERED, "delivered to ", ""},
        {JOURNAL_ATTEMPT, "", " did not take it"},
        {JOURNAL_DOWN, "", " was not reachable"},
        {JOURNAL_DEAD, "became a dead letter of ", ""},
        {JOURNAL_REPLAYED, "sent again to ", ""},
        {JOURNAL_DISCARDED, "thrown away for ", ""},
        {"shown", "the dead letter of ", " was shown with its body"},
    };
    char a[TEXT], b[TEXT];
    const char *before = tree_gets(row, "event", "?"), *after = "";
    for (size_t i = 0; i < ARRAY_SIZE(known); i++)
        if (is(row, known[i].event)) {
            before = known[i].before;
            after = known[i].after;
        }
    fprintf(p->out, "%s  %s%s%s", clock_of(row), before, get(row, "destination", a), after);
    if (tree_getu(row, "attempt", 0))
        fprintf(p->out, ", attempt %" PRIu64, tree_getu(row, "attempt", 0));
    if (again)
        fprintf(p->out, ", %zu times", again + 1);
    if (tree_gets(row, "detail/by", NULL))
        fprintf(p->out, ", by %s", get(tree_get(row, "detail"), "by", b));
    if (by_hand(row) && tree_gets(row, "text", NULL))
        fprintf(p->out, ": %s", get(row, "text", b));
    else if (!by_hand(row))
        reason(p, row);
    when(p, tree_getu(row, "next_ms", 0));
}

static void print_row(const struct printer *p, const struct tree *row, size_t again)
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
        happened(p, row, again);
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

static bool same(const struct tree *a, const struct tree *b, const char *key)
{
    return strcmp(tree_gets(a, key, ""), tree_gets(b, key, "")) == 0;
}

/* The next row of this message says the same: a receiver that is down for days is one line. */
static bool said_again(const struct tree *rows, size_t i)
{
    const struct tree *row = rows->child[i];
    if (!is(row, JOURNAL_DOWN) && !is(row, JOURNAL_ATTEMPT))
        return false;
    for (size_t k = i + 1; k < rows->n; k++)
        if (same(row, rows->child[k], "id"))
            return same(row, rows->child[k], "event") && same(row, rows->child[k], "destination") &&
                   same(row, rows->child[k], "code") && same(row, rows->child[k], "text");
    return false;
}

static void message_head(const struct printer *p, const struct tree *row)
{
    char a[TEXT], b[TEXT], c[TEXT], d[TEXT];
    fprintf(p->out, "message %s\n  %s %s from %s\n", get(row, "id", a), get(row, "type", b),
            get(row, "subject", c), get(row, "source", d));
}

static void note_fates(struct fate *fates, size_t *n, const struct tree *row)
{
    const struct tree *to = tree_at(row, "detail/destinations");
    const char *destination = tree_gets(row, "destination", NULL);
    for (size_t k = 0; is(row, JOURNAL_ACCEPTED) && tree_is_list(to) && k < to->n; k++)
        (void)fate_of(fates, n, tree_gets(to->child[k], "destination", "?"));
    if (destination && is(row, JOURNAL_UNROUTED))
        (void)fate_of(fates, n, destination);
    else if (destination && !is(row, "shown"))
        follow(fate_of(fates, n, destination), row);
}

static void message_block(const struct printer *p, const struct tree *rows, const char *id)
{
    struct fate fates[DESTINATIONS];
    size_t n = 0, again = 0;
    bool headed = false;
    for (size_t i = 0; i < rows->n; i++) {
        const struct tree *row = rows->child[i];
        if (strcmp(tree_gets(row, "id", ""), id) != 0)
            continue;
        if (!headed)
            message_head(p, row);
        headed = true;
        note_fates(fates, &n, row);
        if (said_again(rows, i)) {
            again++;
            continue;
        }
        print_row(p, row, again);
        again = 0;
    }
    for (size_t i = 0; i < n; i++)
        print_fate(p, &fates[i]);
}

/* ---- many messages: figures for each destination */

struct counts {
    const char *destination;
    size_t delivered, dead, discarded, waiting;
};

static int count_one(void *arg, const char *key, size_t len, void *value)
{
    struct counts *c = arg;
    const struct fate *f = value;
    (void)key;
    (void)len;
    for (size_t i = 0; i < DESTINATIONS; i++) {
        if (c[i].destination && strcmp(c[i].destination, f->destination) != 0)
            continue;
        c[i].destination = f->destination;
        c[i].delivered += f->last && is(f->last, JOURNAL_DELIVERED);
        c[i].dead += f->last && is(f->last, JOURNAL_DEAD);
        c[i].discarded += f->last && is(f->last, JOURNAL_DISCARDED);
        c[i].waiting += !f->last || !final(f->last);
        break;
    }
    return 0;
}

static int follow_in_map(struct map *m, const struct tree *row, const char *destination,
                         bool happening)
{
    char key[2 * TEXT];
    int len = snprintf(key, sizeof key, "%.600s\n%.600s", tree_gets(row, "id", ""), destination);
    struct fate *f = map_get(m, key, (size_t)len);
    if (!f) {
        f = xcalloc(1, sizeof *f);
        if (!f || map_put(m, key, (size_t)len, f) < 0) {
            free(f);
            return -1;
        }
        f->destination = destination;
    }
    if (happening)
        follow(f, row);
    return 0;
}

static void summary(const struct printer *p, const struct tree *rows, size_t messages)
{
    struct counts counts[DESTINATIONS] = {{0}};
    struct map *m = map_new(free);
    int r = m ? 0 : -1;
    for (size_t i = 0; r == 0 && i < rows->n; i++) {
        const struct tree *row = rows->child[i], *to = tree_at(row, "detail/destinations");
        const char *destination = tree_gets(row, "destination", NULL);
        if (!tree_gets(row, "id", NULL))
            continue;
        for (size_t k = 0; r == 0 && is(row, JOURNAL_ACCEPTED) && tree_is_list(to) && k < to->n;
             k++)
            r = follow_in_map(m, row, tree_gets(to->child[k], "destination", "?"), false);
        if (r == 0 && destination && !is(row, "shown"))
            r = follow_in_map(m, row, destination, !is(row, JOURNAL_UNROUTED));
    }
    if (r == 0)
        (void)map_each(m, count_one, counts);
    fprintf(p->out, "%zu messages in all; the first %d are above, --json has every row\n", messages,
            BLOCKS);
    for (size_t i = 0; i < DESTINATIONS && counts[i].destination; i++)
        fprintf(p->out, "  => %s: %zu delivered, %zu dead letters, %zu thrown away, %zu waiting\n",
                counts[i].destination, counts[i].delivered, counts[i].dead, counts[i].discarded,
                counts[i].waiting);
    map_free(m);
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
            print_row(p, rows->child[i], 0);
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
    struct map *seen = map_new(NULL);
    size_t messages = 0;
    for (size_t i = 0; seen && i < rows->n; i++) {
        const char *id = tree_gets(rows->child[i], "id", NULL);
        if (!id || map_has(seen, id, strlen(id)) || map_put(seen, id, strlen(id), &p) < 0)
            continue;
        if (messages++ < BLOCKS)
            message_block(&p, rows, id);
    }
    if (messages > BLOCKS)
        summary(&p, rows, messages);
    map_free(seen);
}
