/* SPDX-License-Identifier: Apache-2.0 */
/* page_message - the story of a message, a subject or a submission, as `reeve trace` tells it. */
#include "console.h"
#include "base/util.h"
#include "journal/story.h"
#include <errno.h>
#include <string.h>

struct telling {
    struct ask *a;
    bool in_block, in_lines, in_fates;
};

static const char *const tones[] = {"plain", "good", "waiting", "bad"};

static void end_lines(struct telling *t)
{
    if (t->in_lines)
        html(&t->a->to->h, "</ol>");
    t->in_lines = false;
}

static void end_block(struct telling *t)
{
    end_lines(t);
    if (t->in_fates)
        html(&t->a->to->h, "</ul>");
    if (t->in_block)
        html(&t->a->to->h, "</section>");
    t->in_fates = t->in_block = false;
}

static void begin_block(struct telling *t)
{
    end_block(t);
    t->in_block = true;
    html(&t->a->to->h, "<section class=\"story\">");
}

static void submission(void *arg, const char *receipt)
{
    struct telling *t = arg;
    begin_block(t);
    html(&t->a->to->h, "<h2>Submission <span class=\"value\">%s</span></h2>", receipt);
}

static void message(void *arg, const struct tree *row)
{
    static const struct {
        const char *key, *label;
    } facts[] = {{"type", "Type"}, {"subject", "Subject"}, {"source", "Source"}};
    struct telling *t = arg;
    struct html *h = &t->a->to->h;
    begin_block(t);
    html(h, "<h2>Message <span class=\"value\">%s</span></h2><dl>", tree_gets(row, "id", "?"));
    for (size_t i = 0; i < ARRAY_SIZE(facts); i++)
        if (tree_gets(row, facts[i].key, NULL))
            html(h, "<div><dt>%s</dt><dd class=\"value\">%s</dd></div>", facts[i].label,
                 tree_gets(row, facts[i].key, ""));
    html(h, "</dl>");
}

static void line(void *arg, enum story_tone tone, const char *time, const char *text)
{
    struct telling *t = arg;
    struct html *h = &t->a->to->h;
    if (!t->in_lines)
        html(h, "<ol class=\"lines\">");
    t->in_lines = true;
    html(h, "<li class=\"%s\"><time datetime=\"%s\">%s</time> <span class=\"value\">%s</span></li>",
         tones[tone], time, time, text);
}

static void fate(void *arg, enum story_tone tone, const char *destination, const struct tree *last,
                 const char *text)
{
    struct telling *t = arg;
    struct html *h = &t->a->to->h;
    end_lines(t);
    if (!t->in_fates)
        html(h, "<h3>How it stands</h3><ul class=\"fates\">");
    t->in_fates = true;
    html(h, "<li><span class=\"mark %s\">%s</span> <span class=\"value\">%s</span>", tones[tone],
         destination, text);
    if (strcmp(tree_gets(last, "event", ""), JOURNAL_DEAD) == 0) {
        int first = 1;
        html(h, " <a href=\"" CONSOLE_ROOT "/dead");
        html_query(h, "id", tree_gets(last, "id", ""), &first);
        html(h, "\">Its dead letter</a>");
    }
    html(h, "</li>");
}

static void many(void *arg, size_t messages, size_t told)
{
    struct telling *t = arg;
    begin_block(t);
    html(&t->a->to->h, "<h2>All %zu messages</h2><p>The first %zu are told above.</p>", messages,
         told);
}

/* Rows that are about reading, not about a message. */
static void remarks(struct ask *a, const struct tree *rows)
{
    for (size_t i = 0; i < rows->n; i++) {
        const struct tree *row = rows->child[i];
        const char *event = tree_gets(row, "event", "");
        if (strcmp(event, JOURNAL_UNREADABLE) == 0)
            html(&a->to->h, "<p class=\"note bad\">The journal of %s could not be read: %s</p>",
                 tree_gets(row, "process", "?"), tree_gets(row, "text", ""));
        else if (strcmp(event, JOURNAL_TRUNCATED) == 0)
            frame_note(a, "waiting", tree_gets(row, "text", ""));
    }
}

static void tell(struct ask *a, const char *what)
{
    struct telling t = {.a = a};
    const struct story_teller to = {.arg = &t,
                                    .submission = submission,
                                    .message = message,
                                    .line = line,
                                    .fate = fate,
                                    .many = many};
    struct tree *rows = NULL;
    struct err e;
    int r = journal_trace_within(a->c->journal, what, SEARCH_MS, &rows, &e);
    if (r < 0) {
        a->to->status = r == -ENOENT ? 404 : 200;
        frame_note(a, r == -ENOENT ? "waiting" : "bad", e.text);
        return;
    }
    remarks(a, rows);
    story_tell(rows, a->now_ms, &to);
    end_block(&t);
    tree_free(rows);
}

void page_message(struct ask *a)
{
    const char *what = form_get(&a->query, "what"),
               *machine = tree_gets(a->c->part, "machine", NULL);
    frame_begin(a, "Message");
    html(&a->to->h, "<h1>What became of a message</h1><form method=\"get\" class=\"filter one\" "
                    "role=\"search\" aria-label=\"Message\">");
    frame_input(a, "what", "Id, receipt or subject",
                "The first 8 characters of an id or a receipt will do", what);
    html(&a->to->h, "<p class=\"do\"><button>Tell</button></p></form>");
    html(&a->to->h, "<div data-live=\"story\">");
    if (what)
        tell(a, what);
    if (what && machine)
        html(
            &a->to->h,
            "<p class=\"key\">Only the journal of %s was looked at: what other machines did stands "
            "in theirs.</p>",
            machine);
    html(&a->to->h, "</div>");
    frame_end(a);
}
