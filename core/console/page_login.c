/* SPDX-License-Identifier: Apache-2.0 */
/* page_login - where a token is shown. */
#include "console.h"
#include "base/log.h"
#include <stdio.h>

void page_login(struct ask *a, const char *complaint)
{
    struct html *h = &a->to->h;
    a->to->status = 401;
    a->to->bearer = true;
    frame_begin(a, "Log in");
    html(h, "<div class=\"login\"><h1>Log in</h1>"
            "<p>This console shows what passes through the hub. It opens with a token of its "
            "configuration.</p>");
    if (complaint)
        html(h, "<p class=\"note bad\" role=\"alert\" id=\"complaint\">%s</p>", complaint);
    html(
        h,
        "<form method=\"post\" action=\"" CONSOLE_ROOT "/login\"><p class=\"field\">"
        "<label for=\"secret\">Token</label><input id=\"secret\" name=\"secret\" type=\"password\" "
        "autocomplete=\"current-password\" required></p>"
        "<p><button>Log in</button></p></form></div>");
    frame_end(a);
}

void page_login_act(struct ask *a)
{
    struct visitor v;
    if (!guard_login(&a->c->guard, form_get(&a->body, "secret"), a->now_ms / 1000, &v)) {
        log_warning("console-login", NULL, "a token that opens nothing was shown to the console");
        page_login(a, "This token does not open the console.");
        return;
    }
    log_info("console-login", NULL, "%s", v.who);
    a->to->status = 303;
    (void)snprintf(a->to->location, sizeof a->to->location, CONSOLE_ROOT);
    (void)snprintf(a->to->cookie, sizeof a->to->cookie, "%s", v.cookie);
}
