/* SPDX-License-Identifier: Apache-2.0 */
/* frame - what all pages have in common: head, navigation, fields of forms, times. */
#include "console.h"
#include "base/util.h"
#include <stdio.h>
#include <string.h>

static const struct {
    const char *page, *href, *label;
} nav[] = {
    {"", CONSOLE_ROOT, "Map"},
    {"journal", CONSOLE_ROOT "/journal", "Journal"},
    {"message", CONSOLE_ROOT "/message", "Message"},
    {"dead", CONSOLE_ROOT "/dead", "Dead letters"},
};

static void navigation(struct ask *a)
{
    struct html *h = &a->to->h;
    html(h, "<nav aria-label=\"Pages\"><ul>");
    for (size_t i = 0; i < ARRAY_SIZE(nav); i++) {
        html(h, "<li><a href=\"%s\"", nav[i].href);
        if (strcmp(a->page, nav[i].page) == 0)
            html(h, " aria-current=\"page\"");
        html(h, ">%s</a></li>", nav[i].label);
    }
    html(h, "</ul></nav>");
    if (a->c->guard.tokens)
        html(h, "<form method=\"post\" action=\"" CONSOLE_ROOT "/logout\" class=\"out\">"
                "<button class=\"quiet\">Log out</button></form>");
}

void frame_begin(struct ask *a, const char *title)
{
    const char *machine = tree_gets(a->c->part, "machine", NULL);
    struct html *h = &a->to->h;
    html(h,
         "<!doctype html>\n<html lang=\"en-GB\"><head><meta charset=\"utf-8\">"
         "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">"
         "<meta name=\"color-scheme\" content=\"light dark\">"
         "<title>%s – %s – reeve</title>"
         "<link rel=\"stylesheet\" href=\"" CONSOLE_ROOT "/style.css\">"
         "<link rel=\"icon\" href=\"" CONSOLE_ROOT "/icon.svg\">"
         "<script src=\"" CONSOLE_ROOT "/app.js\" defer></script></head>\n<body>"
         "<a class=\"skip\" href=\"#main\">Skip to the content</a>"
         "<header class=\"top\"><div class=\"bar\"><p class=\"brand\">"
         "<img src=\"" CONSOLE_ROOT "/icon.svg\" alt=\"\" width=\"26\" height=\"26\">"
         "<span><b>%s</b> <small>reeve console%s%s</small></span></p>",
         title, a->c->hub, a->c->hub, machine ? " on " : "", machine ? machine : "");
    if (a->visitor.binding[0])
        navigation(a);
    html(h, "</div></header>\n<main id=\"main\" tabindex=\"-1\">");
}

void frame_end(struct ask *a)
{
    char now[RFC3339_MAX];
    rfc3339_ms(a->now_ms, now);
    html(&a->to->h,
         "</main>\n<footer class=\"bottom\"><p>Written at <time datetime=\"%s\">%s</time>. No "
         "bodies "
         "are shown here; <code>reeve dead show --body --reason</code> does, and the journal keeps "
         "it.</p></footer></body></html>\n",
         now, now);
}

void frame_note(struct ask *a, const char *kind, const char *text)
{
    html(&a->to->h, "<p class=\"note %s\" role=\"status\">%s</p>", kind, text);
}

void frame_time(struct html *h, uint64_t wall_ms)
{
    char t[RFC3339_MAX];
    rfc3339_ms(wall_ms, t);
    html(h, "<time datetime=\"%s\">", t);
    t[10] = ' ';
    t[19] = '\0';
    html(h, "%s</time>", t);
}

void frame_ago(struct html *h, uint64_t now_ms, uint64_t then_ms)
{
    char d[32], t[RFC3339_MAX];
    rfc3339_ms(then_ms, t);
    format_duration(now_ms > then_ms ? now_ms - then_ms : 0, d);
    html(h, "<time datetime=\"%s\">%s ago</time>", t, d);
}

void frame_input(struct ask *a, const char *id, const char *label, const char *hint,
                 const char *value)
{
    struct html *h = &a->to->h;
    html(h, "<p class=\"field\"><label for=\"%s\">%s</label>", id, label);
    html(h, "<input id=\"%s\" name=\"%s\" value=\"%s\" autocomplete=\"off\" spellcheck=\"false\"",
         id, id, value);
    if (*hint)
        html(h, " aria-describedby=\"%s-hint\"><small id=\"%s-hint\">%s</small></p>", id, id, hint);
    else
        html(h, "></p>");
}

void frame_select(struct ask *a, const char *id, const char *label, const char *any,
                  const char *const *values, size_t n, const char *chosen)
{
    struct html *h = &a->to->h;
    bool known = !chosen;
    html(h, "<p class=\"field\"><label for=\"%s\">%s</label><select id=\"%s\" name=\"%s\">", id,
         label, id, id);
    html(h, "<option value=\"\">%s</option>", any);
    for (size_t i = 0; i < n; i++) {
        bool this_one = chosen && strcmp(values[i], chosen) == 0;
        known = known || this_one;
        html(h, this_one ? "<option selected>%s</option>" : "<option>%s</option>", values[i]);
    }
    if (!known) /* an orphan queue, or a name that was */
        html(h, "<option selected>%s</option>", chosen);
    html(h, "</select></p>");
}

void frame_form_token(struct ask *a)
{
    char token[FORM_TOKEN_MAX];
    guard_form_token(&a->c->guard, &a->visitor, a->now_ms / 1000, token);
    html(&a->to->h, "<input type=\"hidden\" name=\"token\" value=\"%s\">", token);
}

const char **frame_names(const struct console *c, const char *side, size_t *ret_n)
{
    const struct tree *list = tree_get(c->part, "connectors");
    const char **names = xcalloc((list ? list->n : 0) + 1, sizeof *names);
    *ret_n = 0;
    for (size_t i = 0; names && tree_is_list(list) && i < list->n; i++)
        if (tree_get(list->child[i], side))
            names[(*ret_n)++] = tree_gets(list->child[i], "name", "?");
    return names;
}

bool frame_when(struct ask *a, const char *field, uint64_t *ret_ms)
{
    const char *text = form_get(&a->query, field);
    if (!text || parse_when(text, a->now_ms, ret_ms) == 0)
        return true;
    html(&a->to->h,
         "<p class=\"note bad\" role=\"status\">\"%s\" is no time that is understood here: "
         "2026-01-31, 2026-01-31T09:30 (UTC), or how long ago, such as 2h.</p>",
         text);
    return false;
}
