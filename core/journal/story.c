/* SPDX-License-Identifier: Apache-2.0 */
/* story - see story.h. */
#include "story.h"
#include "base/buf.h"
#include "base/map.h"
#include "base/util.h"
#include "journal.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define TEXT         700
#define DESTINATIONS 64
#define BLOCKS       20 /* messages told one by one */
#define SENTENCE_MAX (256u << 10)

struct telling {
    const struct story_teller *to;
    uint64_t now_ms;
    struct buf text; /* the sentence being made; what does not fit any more is left out */
};

static void say(struct telling *p, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void say(struct telling *p, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    (void)buf_vaddf(&p->text, fmt, ap);
    va_end(ap);
}

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

static void when(struct telling *p, uint64_t wall_ms)
{
    char d[32], t[RFC3339_MAX];
    if (!wall_ms)
        return;
    rfc3339_ms(wall_ms, t);
    if (wall_ms > p->now_ms) {
        format_duration(wall_ms - p->now_ms, d);
        say(p, "; next try at %s, in %s", t, d);
    } else {
        say(p, "; the next try was due at %s", t);
    }
}

static void reason(struct telling *p, const struct tree *row)
{
    char a[TEXT], b[TEXT];
    if (tree_gets(row, "text", NULL))
        say(p, ": %s", get(row, "text", a));
    if (tree_gets(row, "code", NULL))
        say(p, " [%s]", get(row, "code", b));
}

/* ---- one row a line */

static void submitted(struct telling *p, const struct tree *row)
{
    char a[TEXT], b[TEXT];
    const struct tree *d = tree_get(row, "detail");
    say(p, "was accepted from %s (%s): %s records, %s new, %s changed, %s unchanged",
        get(row, "party", a), get(row, "connector", b), tree_gets(d, "accepted", "?"),
        tree_gets(d, "new", "?"), tree_gets(d, "changed", "?"), tree_gets(d, "unchanged", "?"));
    if (tree_getu(d, "refused", 0))
        say(p, ", %s refused", tree_gets(d, "refused", ""));
    if (tree_getu(d, "unrouted", 0))
        say(p, ", %s matched no route", tree_gets(d, "unrouted", ""));
}

static void refused(struct telling *p, const struct tree *row)
{
    char a[TEXT];
    if (tree_gets(row, "subject", NULL))
        say(p, "record %s was refused", get(row, "subject", a));
    else
        say(p, "was refused from %s", get(row, "party", a));
    reason(p, row);
}

/* 00-TRACEID-PARENTID-FLAGS */
static void trace_id(struct telling *p, const struct tree *row)
{
    const char *parent = tree_gets(row, "attributes/traceparent", "");
    if (strlen(parent) >= 35 && strspn(parent + 3, "0123456789abcdef") == 32)
        say(p, "; trace %.32s", parent + 3);
}

static void accepted(struct telling *p, const struct tree *row)
{
    char a[TEXT], b[TEXT];
    const struct tree *to = tree_at(row, "detail/destinations");
    say(p, "accepted from %s (%s)", get(row, "party", a), get(row, "connector", b));
    for (size_t i = 0; tree_is_list(to) && i < to->n; i++) {
        say(p, "%s %s", i ? "," : "; for", get(to->child[i], "destination", a));
        const struct tree *route = tree_get(to->child[i], "route");
        if (tree_text(route) && !route->plain) /* null: where unrouted messages go */
            say(p, " by route %s", get(to->child[i], "route", b));
    }
    trace_id(p, row);
}

static void unrouted(struct telling *p, const struct tree *row)
{
    char a[TEXT], b[TEXT];
    if (tree_gets(row, "destination", NULL)) {
        say(p, "matched no route: for %s, where unrouted messages go", get(row, "destination", a));
    } else {
        /* there is no row "accepted" that says from whom */
        if (tree_gets(row, "party", NULL))
            say(p, "came from %s (%s), ", get(row, "party", a), get(row, "connector", b));
        say(p, "matched no route and was dropped");
        reason(p, row);
    }
}

static bool by_hand(const struct tree *row)
{
    return is(row, JOURNAL_MOVED) || is(row, JOURNAL_REPLAYED) || is(row, JOURNAL_DISCARDED) ||
           is(row, "shown");
}

/* again: how many rows before it said the same. */
static void happened(struct telling *p, const struct tree *row, size_t again)
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
        {JOURNAL_MOVED, "moved to ", ""},
        {"shown", "the dead letter of ", " was shown with its body"},
    };
    char a[TEXT], b[TEXT];
    const char *before = tree_gets(row, "event", "?"), *after = "";
    for (size_t i = 0; i < ARRAY_SIZE(known); i++)
        if (is(row, known[i].event)) {
            before = known[i].before;
            after = known[i].after;
        }
    say(p, "%s%s%s", before, get(row, "destination", a), after);
    if (is(row, JOURNAL_MOVED))
        say(p, " from %s", get(tree_get(row, "detail"), "from", b));
    if (tree_getu(row, "attempt", 0))
        say(p, ", attempt %" PRIu64, tree_getu(row, "attempt", 0));
    if (again)
        say(p, ", %zu times", again + 1);
    if (tree_gets(row, "detail/by", NULL))
        say(p, ", by %s", get(tree_get(row, "detail"), "by", b));
    if (by_hand(row) && tree_gets(row, "text", NULL))
        say(p, ": %s", get(row, "text", b));
    else if (!by_hand(row))
        reason(p, row);
    when(p, tree_getu(row, "next_ms", 0));
}

static void sentence(struct telling *p, const struct tree *row, size_t again)
{
    if (is(row, JOURNAL_SUBMITTED))
        submitted(p, row);
    else if (is(row, JOURNAL_REFUSED))
        refused(p, row);
    else if (is(row, JOURNAL_ACCEPTED))
        accepted(p, row);
    else if (is(row, JOURNAL_UNCHANGED))
        say(p, "came again, unchanged: nothing was sent");
    else if (is(row, JOURNAL_UNROUTED))
        unrouted(p, row);
    else
        happened(p, row, again);
}

static enum story_tone tone_of(const struct tree *row)
{
    static const struct {
        const char *event;
        enum story_tone tone;
    } known[] = {{JOURNAL_REFUSED, STORY_BAD},     {JOURNAL_UNROUTED, STORY_WAITING},
                 {JOURNAL_ATTEMPT, STORY_WAITING}, {JOURNAL_DOWN, STORY_WAITING},
                 {JOURNAL_DELIVERED, STORY_GOOD},  {JOURNAL_DEAD, STORY_BAD},
                 {JOURNAL_DISCARDED, STORY_BAD}};
    for (size_t i = 0; i < ARRAY_SIZE(known); i++)
        if (is(row, known[i].event))
            return known[i].tone;
    return STORY_PLAIN;
}

static void print_row(struct telling *p, const struct tree *row, size_t again)
{
    buf_reset(&p->text);
    sentence(p, row, again);
    p->to->line(p->to->arg, tone_of(row), tree_gets(row, "time", "?"), buf_str(&p->text));
}

enum story_tone story_of_row(const struct tree *row, uint64_t now_ms, struct buf *text)
{
    struct telling p = {.now_ms = now_ms, .text = BUF_INIT(SENTENCE_MAX)};
    sentence(&p, row, 0);
    (void)buf_adds(text, buf_str(&p.text));
    buf_done(&p.text);
    return tone_of(row);
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

/* The row says that the message left this destination for another, or that the destination has
 * another name now. */
static bool moved_away(const struct fate *f)
{
    return f->last && strcmp(tree_gets(f->last, "destination", ""), f->destination) != 0;
}

static bool final(const struct tree *row)
{
    return is(row, JOURNAL_DELIVERED) || is(row, JOURNAL_DEAD) || is(row, JOURNAL_DISCARDED);
}

static void print_fate(struct telling *p, const struct fate *f)
{
    enum story_tone tone = STORY_WAITING;
    char a[TEXT] = "", b[TEXT];
    escape_text(a, sizeof a, f->destination, strlen(f->destination));
    buf_reset(&p->text);
    if (!f->last) {
        say(p, "waits in the queue");
    } else if (moved_away(f)) {
        tone = STORY_PLAIN;
        say(p, is(f->last, JOURNAL_MOVED) ? "moved to %s" : "is now %s",
            get(f->last, "destination", b));
    } else if (is(f->last, JOURNAL_DELIVERED)) {
        tone = STORY_GOOD;
        say(p, "delivered");
    } else if (is(f->last, JOURNAL_DEAD)) {
        tone = STORY_BAD;
        say(p, "NOT delivered, kept as a dead letter");
        reason(p, f->last);
    } else if (is(f->last, JOURNAL_DISCARDED)) {
        tone = STORY_BAD;
        say(p, "NOT delivered, thrown away by hand");
        reason(p, f->last);
    } else if (is(f->last, JOURNAL_MOVED)) {
        say(p, "waits in the queue, moved there from %s",
            get(tree_get(f->last, "detail"), "from", b));
    } else if (is(f->last, JOURNAL_REPLAYED)) {
        say(p, "waits in the queue again");
    } else {
        say(p, "not delivered yet");
        reason(p, f->last);
        when(p, tree_getu(f->last, "next_ms", 0));
    }
    p->to->fate(p->to->arg, tone, a, moved_away(f) ? NULL : f->last, buf_str(&p->text));
}

/* A late row of an earlier try must not hide a final one; sending again and moving begin anew. */
static void follow(struct fate *f, const struct tree *row)
{
    if (f && (!f->last || !(final(f->last) || moved_away(f)) || final(row) ||
              is(row, JOURNAL_REPLAYED) || is(row, JOURNAL_MOVED)))
        f->last = row;
}

/* Of the names that the destination of this row had before, one may be what the message was
 * accepted for. */
static void follow_former(struct fate *f, const struct tree *row)
{
    if (f && !(f->last && final(f->last)))
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

static void note_former(struct fate *fates, size_t n, const struct tree *row)
{
    const struct tree *was = tree_at(row, "detail/was");
    for (size_t i = 0; tree_is_list(was) && i < was->n; i++)
        for (size_t k = 0; k < n; k++)
            if (tree_text(was->child[i]) &&
                strcmp(fates[k].destination, tree_text(was->child[i])) == 0)
                follow_former(&fates[k], row);
}

static void note_fates(struct fate *fates, size_t *n, const struct tree *row)
{
    const struct tree *to = tree_at(row, "detail/destinations");
    const char *destination = tree_gets(row, "destination", NULL);
    for (size_t k = 0; is(row, JOURNAL_ACCEPTED) && tree_is_list(to) && k < to->n; k++)
        (void)fate_of(fates, n, tree_gets(to->child[k], "destination", "?"));
    if (is(row, JOURNAL_MOVED) && tree_gets(row, "detail/from", NULL))
        follow(fate_of(fates, n, tree_gets(row, "detail/from", "")), row);
    note_former(fates, *n, row);
    if (destination && is(row, JOURNAL_UNROUTED))
        (void)fate_of(fates, n, destination);
    else if (destination && !is(row, "shown"))
        follow(fate_of(fates, n, destination), row);
}

static void message_block(struct telling *p, const struct tree *rows, const char *id)
{
    struct fate fates[DESTINATIONS];
    size_t n = 0, again = 0;
    bool headed = false;
    for (size_t i = 0; i < rows->n; i++) {
        const struct tree *row = rows->child[i];
        if (strcmp(tree_gets(row, "id", ""), id) != 0)
            continue;
        if (!headed)
            p->to->message(p->to->arg, row);
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

static void print_counts(struct telling *p, const struct counts *c)
{
    char a[TEXT] = "";
    escape_text(a, sizeof a, c->destination, strlen(c->destination));
    buf_reset(&p->text);
    say(p, "%zu delivered, %zu dead letters, %zu thrown away, %zu waiting", c->delivered, c->dead,
        c->discarded, c->waiting);
    p->to->fate(p->to->arg,
                c->dead || c->discarded ? STORY_BAD
                : c->waiting            ? STORY_WAITING
                                        : STORY_GOOD,
                a, NULL, buf_str(&p->text));
}

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
        if (!moved_away(f)) {
            c[i].delivered += f->last && is(f->last, JOURNAL_DELIVERED);
            c[i].dead += f->last && is(f->last, JOURNAL_DEAD);
            c[i].discarded += f->last && is(f->last, JOURNAL_DISCARDED);
            c[i].waiting += !f->last || !final(f->last);
        }
        break;
    }
    return 0;
}

static void key_of(char out[2 * TEXT], const struct tree *row, const char *destination)
{
    (void)snprintf(out, 2 * TEXT, "%.600s\n%.600s", tree_gets(row, "id", ""), destination);
}

static int follow_in_map(struct map *m, const struct tree *row, const char *destination,
                         bool happening)
{
    char key[2 * TEXT];
    key_of(key, row, destination);
    struct fate *f = map_get(m, key, strlen(key));
    if (!f) {
        f = xcalloc(1, sizeof *f);
        if (!f || map_put(m, key, strlen(key), f) < 0) {
            free(f);
            return -1;
        }
        f->destination = destination;
    }
    if (happening)
        follow(f, row);
    return 0;
}

static void former_in_map(struct map *m, const struct tree *row)
{
    const struct tree *was = tree_at(row, "detail/was");
    char key[2 * TEXT];
    for (size_t i = 0; tree_is_list(was) && i < was->n; i++) {
        key_of(key, row, tree_text(was->child[i]) ? tree_text(was->child[i]) : "");
        follow_former(map_get(m, key, strlen(key)), row);
    }
}

static void summary(struct telling *p, const struct tree *rows, size_t messages)
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
        if (r == 0 && is(row, JOURNAL_MOVED) && tree_gets(row, "detail/from", NULL))
            r = follow_in_map(m, row, tree_gets(row, "detail/from", ""), true);
        if (r == 0)
            former_in_map(m, row);
        if (r == 0 && destination && !is(row, "shown"))
            r = follow_in_map(m, row, destination, !is(row, JOURNAL_UNROUTED));
    }
    if (r == 0)
        (void)map_each(m, count_one, counts);
    p->to->many(p->to->arg, messages, BLOCKS);
    for (size_t i = 0; i < DESTINATIONS && counts[i].destination; i++)
        print_counts(p, &counts[i]);
    map_free(m);
}

/* Rows without a message id belong to the submission. */
static void submission_block(struct telling *p, const struct tree *rows, const char *receipt)
{
    char a[TEXT] = "";
    escape_text(a, sizeof a, receipt, strlen(receipt));
    p->to->submission(p->to->arg, a);
    for (size_t i = 0; i < rows->n; i++)
        if (!tree_gets(rows->child[i], "id", NULL) &&
            strcmp(tree_gets(rows->child[i], "receipt", ""), receipt) == 0)
            print_row(p, rows->child[i], 0);
}

static bool is_of_submission(const struct tree *row)
{
    return !tree_gets(row, "id", NULL) && tree_gets(row, "receipt", NULL);
}

void story_tell(const struct tree *rows, uint64_t now_ms, const struct story_teller *to)
{
    struct telling p = {.to = to, .now_ms = now_ms, .text = BUF_INIT(SENTENCE_MAX)};
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
    buf_done(&p.text);
}
