/* SPDX-License-Identifier: Apache-2.0 */
/* page_dead - dead letters: what they are and why; sending them again, throwing them away with a
 * reason. What is done is in the journal first, with the token that it was done with. */
#include "console.h"
#include "base/log.h"
#include "base/util.h"
#include "transport/transport.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define CONNECT_MS 3000u
#define REASON_MAX 500u

static int connect_queue(const struct console *c, struct transport **ret, struct err *e)
{
    static const struct transport_events none;
    struct transport *t = NULL;
    struct err why;
    int r = transport_open(tree_get(c->part, "transport"), &none, &t, e);
    if (r == 0 && transport_wait_usable(t, CONNECT_MS, &why) < 0)
        r = err_set(e, -ECONNREFUSED, "not-running", "the queue does not answer: %s", why.text);
    if (r < 0) {
        transport_close(t);
        return r;
    }
    *ret = t;
    return 0;
}

/* ---- the list */

static void filter_form(struct ask *a)
{
    struct html *h = &a->to->h;
    size_t n;
    const char **names = frame_names(a->c, "deliver", &n);
    html(h, "<form method=\"get\" class=\"filter\" role=\"search\" aria-label=\"Dead letters\">");
    if (names)
        frame_select(a, "destination", "For", "any destination", names, n,
                     form_get(&a->query, "destination"));
    frame_input(a, "code", "Code of the reason", "", form_get(&a->query, "code"));
    frame_input(a, "id", "Message id", "", form_get(&a->query, "id"));
    frame_input(a, "from", "Since", "2h, 2026-01-31 or 2026-01-31T09:30 (UTC)",
                form_get(&a->query, "from"));
    frame_input(a, "to", "Until", "", form_get(&a->query, "to"));
    html(h, "<p class=\"do\"><button>Search</button> <a href=\"" CONSOLE_ROOT
            "/dead\">Show all</a></p></form>");
    free(names);
}

struct listing {
    struct ask *a;
    uint64_t last;
    size_t n;
};

static void list_head(struct html *h)
{
    html(h, "<div class=\"scroll\" role=\"region\" aria-label=\"Dead letters\" tabindex=\"0\">"
            "<table class=\"rows\"><caption>The oldest first. Times are UTC.</caption><thead><tr>"
            "<th scope=\"col\">Choose</th><th scope=\"col\">Dead since</th>"
            "<th scope=\"col\">For</th><th scope=\"col\">Message</th><th scope=\"col\">Why</th>"
            "<th scope=\"col\" class=\"number\">Attempts</th>"
            "<th scope=\"col\" class=\"number\">Bytes</th></tr></thead><tbody>");
}

static int one_letter(void *arg, const struct dead_letter *l)
{
    struct listing *x = arg;
    struct html *h = &x->a->to->h;
    int first = 1;
    if (x->n++ == 0)
        list_head(h);
    x->last = l->number;
    html(h,
         "<tr><td class=\"choose\"><input type=\"checkbox\" name=\"number\" value=\"%llu\" "
         "aria-label=\"Dead letter %llu\"></td><td class=\"when\">",
         (unsigned long long)l->number, (unsigned long long)l->number);
    frame_time(h, l->dead_ms);
    html(h, "</td><td>%s</td><td class=\"thing\"><a href=\"" CONSOLE_ROOT "/message",
         l->destination);
    html_query(h, "what", l->id, &first);
    html(h, "\">");
    html_short(h, l->id, 16);
    html(h,
         "</a></td><td class=\"value\">%s <code>%s</code></td><td class=\"number\">%u</td>"
         "<td class=\"number\">%zu</td></tr>\n",
         l->text, l->code, l->attempts, l->len);
    return 0;
}

static void actions(struct ask *a)
{
    html(&a->to->h,
         "<div class=\"acts\"><fieldset><legend>Send the chosen ones again</legend>"
         "<p>Each goes back into its queue; the journal keeps it.</p>"
         "<p><button name=\"act\" value=\"replay\">Send again</button></p></fieldset>"
         "<fieldset class=\"danger\"><legend>Throw the chosen ones away</legend>"
         "<p class=\"field\"><label for=\"reason\">Why, for the journal</label>"
         "<input id=\"reason\" name=\"reason\" maxlength=\"%u\" autocomplete=\"off\"></p>"
         "<p class=\"check\"><input type=\"checkbox\" id=\"sure\" name=\"sure\" value=\"yes\"> "
         "<label for=\"sure\">I know that they cannot be brought back</label></p>"
         "<p><button name=\"act\" value=\"discard\" class=\"danger\">Throw away</button></p>"
         "</fieldset></div>",
         REASON_MAX);
}

static void next_link(struct ask *a, uint64_t after)
{
    static const char *const kept[] = {"destination", "code", "id", "from", "to"};
    struct html *h = &a->to->h;
    char number[32];
    int first = 1;
    html(h, "<p class=\"pages\"><a class=\"next\" rel=\"next\" href=\"" CONSOLE_ROOT "/dead");
    for (size_t i = 0; i < ARRAY_SIZE(kept); i++)
        html_query(h, kept[i], form_get(&a->query, kept[i]), &first);
    (void)snprintf(number, sizeof number, "%llu", (unsigned long long)after);
    html_query(h, "after", number, &first);
    html(h, "\">More</a></p>");
}

static void list(struct ask *a, const struct dead_filter *f)
{
    struct listing x = {.a = a};
    struct transport *t = NULL;
    struct err e;
    int64_t after = 0;
    const char *text = form_get(&a->query, "after");
    if (text && (parse_i64(text, &after) < 0 || after < 0))
        after = 0;
    int r = connect_queue(a->c, &t, &e);
    html(&a->to->h, "<form method=\"post\" action=\"" CONSOLE_ROOT "/dead\">");
    frame_form_token(a);
    if (r == 0)
        r = transport_dead_list(t, f, (uint64_t)after, PAGE_ROWS, false, one_letter, &x, &e);
    transport_close(t);
    if (x.n) {
        html(&a->to->h, "</tbody></table></div>");
        actions(a);
    }
    html(&a->to->h, "</form>");
    if (r < 0)
        frame_note(a, "bad", e.text);
    else if (x.n == 0)
        html(&a->to->h, "<p class=\"empty\">No dead letter fits. That is how it should be.</p>");
    if (x.n == PAGE_ROWS)
        next_link(a, x.last);
}

/* What the form that was sent a moment ago has done. */
static void done_note(struct ask *a)
{
    const char *done = form_get(&a->query, "done"), *n = form_get(&a->query, "n");
    int64_t count = 0;
    if (!done || !n || parse_i64(n, &count) < 0 || count < 0 || count > 1000000)
        return;
    html(&a->to->h, "<p class=\"note good\" role=\"status\">%llu %s.</p>",
         (unsigned long long)count, strcmp(done, "replay") == 0 ? "sent again" : "thrown away");
}

static void dead_page(struct ask *a, const char *complaint)
{
    struct dead_filter f = {.destination = form_get(&a->query, "destination"),
                            .code = form_get(&a->query, "code"),
                            .id = form_get(&a->query, "id")};
    frame_begin(a, "Dead letters");
    html(&a->to->h, "<h1>Dead letters</h1>");
    if (complaint)
        html(&a->to->h, "<p class=\"note bad\" role=\"alert\">%s</p>", complaint);
    done_note(a);
    filter_form(a);
    if (frame_when(a, "from", &f.from_ms) && frame_when(a, "to", &f.to_ms))
        list(a, &f);
    frame_end(a);
}

void page_dead(struct ask *a)
{
    dead_page(a, NULL);
}

/* ---- sending again, throwing away */

struct act {
    struct ask *a;
    bool replay;
    const char *reason;
    struct transport *transport;
    uint64_t number;
    bool there;
    size_t done;
    struct err e;
};

static int open_journal(struct console *c, struct err *e)
{
    if (c->acts)
        return 0;
    _cleanup_free_ char *path = path_join(c->journal, "console.db");
    return path ? journal_open(path, "console", &c->acts, e)
                : err_set(e, -ENOMEM, "memory", "out of memory");
}

/* Written down before it is done: what nobody knows about is worse than what was not done. */
static int note(void *arg, const struct dead_letter *l)
{
    struct act *x = arg;
    char detail[128];
    if (l->number != x->number)
        return 0;
    const struct journal_row row = {.event = x->replay ? JOURNAL_REPLAYED : JOURNAL_DISCARDED,
                                    .id = l->id,
                                    .destination = l->destination,
                                    .code = l->code,
                                    .text = x->reason,
                                    .detail = detail};
    (void)snprintf(detail, sizeof detail, "{\"by\":\"%s\",\"number\":%llu}", x->a->visitor.who,
                   (unsigned long long)l->number);
    x->there = true;
    int r = journal_add(x->a->c->acts, &row, &x->e);
    return r < 0 ? r : journal_commit(x->a->c->acts, &x->e);
}

static int act_on(struct act *x, const char *number)
{
    static const struct dead_filter any;
    int64_t n;
    if (parse_i64(number, &n) < 0 || n < 1)
        return err_set(&x->e, -EINVAL, "dead-number", "that is not the number of a dead letter");
    x->number = (uint64_t)n;
    x->there = false;
    int r = transport_dead_list(x->transport, &any, x->number - 1, 1, false, note, x, &x->e);
    if (r < 0 || !x->there) /* somebody else was quicker */
        return r;
    r = x->replay ? transport_dead_replay(x->transport, x->number, &x->e)
                  : transport_dead_discard(x->transport, x->number, &x->e);
    if (r == 0)
        x->done++;
    return r == -ENOENT ? 0 : r;
}

static int act(struct act *x)
{
    const struct form *f = &x->a->body;
    int r = open_journal(x->a->c, &x->e);
    if (r == 0)
        r = connect_queue(x->a->c, &x->transport, &x->e);
    for (size_t i = 0; r == 0 && i < f->n; i++)
        if (strcmp(f->field[i].name, "number") == 0)
            r = act_on(x, f->field[i].value);
    transport_close(x->transport);
    return r;
}

static const char *what_is_missing(const struct act *x)
{
    const struct form *f = &x->a->body;
    if (!form_get(f, "number"))
        return "Nothing was done: choose at least one dead letter.";
    if (!x->replay && (!x->reason || strlen(x->reason) > REASON_MAX))
        return "Nothing was thrown away: say why, in at most 500 characters. The journal keeps it.";
    if (!x->replay && !form_get(f, "sure"))
        return "Nothing was thrown away: confirm that you know they cannot be brought back.";
    return NULL;
}

void page_dead_act(struct ask *a)
{
    const char *what = form_get(&a->body, "act");
    struct act x = {.a = a, .reason = form_get(&a->body, "reason")};
    if (!what || (strcmp(what, "replay") != 0 && strcmp(what, "discard") != 0)) {
        respond_error(a, 400, "Not understood", "Send again, or throw away?");
        return;
    }
    x.replay = *what == 'r';
    if (x.replay)
        x.reason = NULL;
    const char *missing = what_is_missing(&x);
    if (missing) {
        a->to->status = 422;
        dead_page(a, missing);
        return;
    }
    int r = act(&x);
    log_info(x.replay ? "dead-replayed" : "dead-discarded", NULL, "%zu by %s", x.done,
             a->visitor.who);
    if (r < 0) {
        char text[ERR_TEXT_MAX + 64];
        (void)snprintf(text, sizeof text, "%zu done, then: %s", x.done, x.e.text);
        a->to->status = 503;
        dead_page(a, text);
        return;
    }
    a->to->status = 303;
    (void)snprintf(a->to->location, sizeof a->to->location, CONSOLE_ROOT "/dead?done=%s&n=%zu",
                   what, x.done);
}
