/* SPDX-License-Identifier: Apache-2.0 */
/* respond - from a request to a page: who asks, which page, may it change something. */
#include "console.h"
#include "base/log.h"
#include "base/util.h"
#include <stdio.h>
#include <string.h>

static const struct {
    const char *name;
    void (*get)(struct ask *a);
    void (*post)(struct ask *a);
} pages[] = {
    {"", page_map, NULL},
    {"journal", page_journal, NULL},
    {"message", page_message, NULL},
    {"dead", page_dead, page_dead_act},
};

void respond_error(struct ask *a, unsigned status, const char *title, const char *text)
{
    a->to->status = status;
    frame_begin(a, title);
    html(&a->to->h, "<h1>%s</h1><p>%s</p>", title, text);
    frame_end(a);
}

static void respond_asset(struct ask *a, const struct asset *x)
{
    a->to->type = x->type;
    if (a->to->h.error == 0)
        a->to->h.error = buf_add(&a->to->h.out, x->text, x->len);
}

/* A form of ours, from a page of ours, not too old. */
static bool may_change(struct ask *a)
{
    const char *type = door_request_header(a->r, "content-type");
    static const char form[] = "application/x-www-form-urlencoded";
    if (!type || strncmp(type, form, sizeof form - 1) != 0) {
        respond_error(a, 415, "Not a form", "Only the forms of these pages are taken here.");
        return false;
    }
    if (!guard_same_origin(a->r)) {
        log_warning("console-origin", NULL,
                    "a form that does not come from the console was refused");
        respond_error(a, 403, "Refused", "This form does not come from a page of this console.");
        return false;
    }
    return true;
}

static bool form_is_ours(struct ask *a)
{
    if (guard_form_ok(&a->c->guard, &a->visitor, a->now_ms / 1000, form_get(&a->body, "token")))
        return true;
    respond_error(a, 403, "Too old",
                  "The page with this form was too old, or of another session. Nothing was "
                  "changed: load the page again and repeat it.");
    return false;
}

static void log_in_or_out(struct ask *a, bool post)
{
    if (strcmp(a->page, "logout") == 0 && post) {
        if (!may_change(a))
            return;
        guard_logout(&a->c->guard, a->to->cookie);
        a->to->status = 303;
        (void)snprintf(a->to->location, sizeof a->to->location, CONSOLE_ROOT);
    } else if (post && may_change(a)) {
        page_login_act(a);
    } else if (!post) {
        page_login(a, NULL);
    }
}

static void respond_page(struct ask *a, bool post)
{
    for (size_t i = 0; i < ARRAY_SIZE(pages); i++) {
        if (strcmp(a->page, pages[i].name) != 0)
            continue;
        if (!post)
            pages[i].get(a);
        else if (!pages[i].post)
            respond_error(a, 405, "Nothing to change", "This page is for reading.");
        else if (may_change(a) && form_is_ours(a))
            pages[i].post(a);
        return;
    }
    respond_error(a, 404, "No such page", "There is no page here.");
}

static void respond_visitor(struct ask *a, bool post)
{
    switch (guard_check(&a->c->guard, a->r, a->now_ms / 1000, &a->visitor)) {
    case GUARD_HOST:
        respond_error(a, 403, "Refused",
                      "Without a token this console answers to the names of this machine only: "
                      "localhost, 127.0.0.1, [::1].");
        return;
    case GUARD_LOGIN:
        page_login(a, NULL);
        return;
    case GUARD_OPEN:
        memcpy(a->to->cookie, a->visitor.cookie, sizeof a->to->cookie);
        respond_page(a, post);
        return;
    }
}

static const char *page_of(const char *path)
{
    size_t n = strlen(CONSOLE_ROOT);
    return strncmp(path, CONSOLE_ROOT, n) == 0 ? path + n + (path[n] == '/') : "?";
}

void respond(struct console *c, const struct door_request *r, struct reply *to)
{
    struct ask a = {.c = c, .r = r, .page = page_of(r->path), .now_ms = wall_ms(), .to = to};
    bool post = strcmp(r->method, "POST") == 0;
    const struct asset *asset = post ? NULL : asset_find(a.page);
    to->type = "text/html; charset=utf-8";
    if (asset) { /* nothing in them is of this hub */
        respond_asset(&a, asset);
        return;
    }
    if (form_read(r->query, strlen(r->query), &a.query) < 0 ||
        (post && (!r->body || form_read(r->body, r->body_len, &a.body) < 0)))
        respond_error(&a, 400, "Not understood", "What was sent is not a form of these pages.");
    else if (c->guard.tokens && (strcmp(a.page, "login") == 0 || strcmp(a.page, "logout") == 0))
        log_in_or_out(&a, post);
    else
        respond_visitor(&a, post);
    form_done(&a.query);
    form_done(&a.body);
}
