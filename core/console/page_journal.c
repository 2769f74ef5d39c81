/* SPDX-License-Identifier: Apache-2.0 */
/* page_journal - the journal, newest first: by id, subject or receipt, connector, destination, what
 * happened and when; a page at a time, and never longer than SEARCH_MS. */
#include "console.h"
#include "base/util.h"
#include "journal/story.h"
#include <stdio.h>
#include <string.h>

static const char *const events[] = {JOURNAL_SUBMITTED, JOURNAL_REFUSED,   JOURNAL_ACCEPTED,
                                     JOURNAL_UNCHANGED, JOURNAL_UNROUTED,  JOURNAL_ATTEMPT,
                                     JOURNAL_DOWN,      JOURNAL_DELIVERED, JOURNAL_DEAD,
                                     JOURNAL_REPLAYED,  JOURNAL_DISCARDED};

static void search_form(struct ask *a)
{
    struct html *h = &a->to->h;
    size_t sources, sinks;
    const char **from = frame_names(a->c, "receive", &sources),
               **to = frame_names(a->c, "deliver", &sinks);
    html(h, "<form method=\"get\" class=\"filter\" role=\"search\" aria-label=\"Journal\">");
    frame_input(a, "what", "Id, receipt or subject", "The first 8 characters of an id will do",
                form_get(&a->query, "what"));
    frame_select(a, "event", "What happened", "anything", events, ARRAY_SIZE(events),
                 form_get(&a->query, "event"));
    if (from)
        frame_select(a, "connector", "Received by", "any connector", from, sources,
                     form_get(&a->query, "connector"));
    if (to)
        frame_select(a, "destination", "For", "any destination", to, sinks,
                     form_get(&a->query, "destination"));
    frame_input(a, "from", "Since", "2h, 2026-01-31 or 2026-01-31T09:30 (UTC)",
                form_get(&a->query, "from"));
    frame_input(a, "to", "Until", "", form_get(&a->query, "to"));
    if (form_get(&a->query, "party"))
        html(h, "<input type=\"hidden\" name=\"party\" value=\"%s\">",
             form_get(&a->query, "party"));
    html(h, "<p class=\"do\"><button>Search</button> <a href=\"" CONSOLE_ROOT
            "/journal\">Show everything</a></p></form>");
    free(from);
    free(to);
}

static const char *tone_name(enum story_tone t)
{
    static const char *const names[] = {"plain", "good", "waiting", "bad"};
    return names[t];
}

static void result_row(struct ask *a, const struct tree *row)
{
    struct html *h = &a->to->h;
    struct buf text = BUF_INIT(64u << 10);
    enum story_tone tone = story_of_row(row, a->now_ms, &text);
    const char *id = tree_gets(row, "id", NULL), *receipt = tree_gets(row, "receipt", NULL),
               *subject = tree_gets(row, "subject", NULL);
    int first = 1;
    html(h, "<tr><td class=\"when\">");
    frame_time(h, tree_getu(row, "wall_ms", 0));
    html(h, "</td><td><span class=\"mark %s\">%s</span></td><td class=\"thing\">", tone_name(tone),
         tree_gets(row, "event", "?"));
    if (id || receipt) {
        html(h, "<a href=\"" CONSOLE_ROOT "/message");
        html_query(h, "what", id ? id : receipt, &first);
        html(h, id ? "\">" : "\">receipt ");
        html_short(h, id ? id : receipt, 16);
        html(h, "</a>");
    }
    if (subject)
        html(h, " <span class=\"value\">%s</span>", subject);
    if (tree_gets(row, "type", NULL))
        html(h, " <small class=\"value\">%s</small>", tree_gets(row, "type", ""));
    html(h, "</td><td class=\"value\">%s</td></tr>\n", buf_str(&text));
    buf_done(&text);
}

/* The same question, from another place on. */
static void more_link(struct ask *a, const struct journal_page *page, const char *label)
{
    static const char *const kept[] = {"what",  "event", "connector", "destination",
                                       "party", "from",  "to"};
    struct html *h = &a->to->h;
    char number[32];
    int first = 1;
    html(h, "<a class=\"next\" rel=\"next\" href=\"" CONSOLE_ROOT "/journal");
    for (size_t i = 0; i < ARRAY_SIZE(kept); i++)
        html_query(h, kept[i], form_get(&a->query, kept[i]), &first);
    (void)snprintf(number, sizeof number, "%llu", (unsigned long long)page->next_ms);
    html_query(h, "before", number, &first);
    (void)snprintf(number, sizeof number, "%zu", page->next_skip);
    html_query(h, "skip", number, &first);
    html(h, "\">%s</a>", label);
}

static void results(struct ask *a, const struct journal_page *page)
{
    struct html *h = &a->to->h;
    for (size_t i = 0; i < page->unreadable->n; i++) {
        const struct tree *t = page->unreadable->child[i];
        html(h, "<p class=\"note bad\">The journal of %s could not be read: %s</p>",
             tree_gets(t, "process", "?"), tree_gets(t, "text", ""));
    }
    if (page->rows->n) {
        html(h,
             "<div class=\"scroll\" role=\"region\" aria-label=\"Rows of the journal\" "
             "tabindex=\"0\"><table class=\"rows\"><caption>%zu rows, the newest first. Times are "
             "UTC.</caption><thead><tr><th scope=\"col\">Time</th><th scope=\"col\">What</th>"
             "<th scope=\"col\">Message</th><th scope=\"col\">In words</th></tr></thead><tbody>",
             page->rows->n);
        for (size_t i = 0; i < page->rows->n; i++)
            result_row(a, page->rows->child[i]);
        html(h, "</tbody></table></div>");
    } else if (!page->stopped) {
        html(h, "<p class=\"empty\">No row of the journal fits.</p>");
    }
    if (page->stopped) {
        html(h,
             "<p class=\"note waiting\" role=\"status\">The search was stopped after %u seconds. "
             "It has looked through everything after ",
             SEARCH_MS / 1000);
        frame_time(h, page->next_ms);
        html(h, ".</p>");
    }
    html(h, "<p class=\"pages\">");
    if (form_get(&a->query, "before")) {
        html(h, "<a href=\"" CONSOLE_ROOT "/journal");
        int first = 1;
        html_query(h, "what", form_get(&a->query, "what"), &first);
        html_query(h, "event", form_get(&a->query, "event"), &first);
        html_query(h, "connector", form_get(&a->query, "connector"), &first);
        html_query(h, "destination", form_get(&a->query, "destination"), &first);
        html(h, "\">Newest</a> ");
    }
    if (page->more)
        more_link(a, page, page->stopped ? "Look further back" : "Older");
    html(h, "</p>");
}

static size_t number_of(const char *text)
{
    int64_t n = 0;
    return text && parse_i64(text, &n) == 0 && n > 0 ? (size_t)n : 0;
}

void page_journal(struct ask *a)
{
    const struct form *q = &a->query;
    struct journal_search s = {.what = form_get(q, "what"),
                               .event = form_get(q, "event"),
                               .connector = form_get(q, "connector"),
                               .destination = form_get(q, "destination"),
                               .party = form_get(q, "party"),
                               .before_ms = number_of(form_get(q, "before")),
                               .skip = number_of(form_get(q, "skip")),
                               .limit = PAGE_ROWS,
                               .budget_ms = SEARCH_MS};
    struct journal_page page;
    struct err e;
    frame_begin(a, "Journal");
    html(&a->to->h, "<h1>Journal</h1>");
    search_form(a);
    if (frame_when(a, "from", &s.from_ms) && frame_when(a, "to", &s.to_ms)) {
        if (journal_search(a->c->journal, &s, &page, &e) < 0) {
            frame_note(a, "bad", e.text);
        } else {
            results(a, &page);
            journal_page_done(&page);
        }
    }
    frame_end(a);
}
