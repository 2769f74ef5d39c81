/* SPDX-License-Identifier: Apache-2.0 */
/* complaints - see exec.h. */
#include "exec.h"
#include "lib/mono.h"

#define A_SECOND 50u /* lines */

static void say_left_out(struct complaints *c, reeve_ctx *ctx)
{
    if (c->left_out)
        reeve_log(ctx, 4, "%llu more lines of its standard error are left out",
                  (unsigned long long)c->left_out);
    c->lines = c->left_out = 0;
}

static void say_line(struct complaints *c, reeve_ctx *ctx, const char *cut)
{
    uint64_t second = monotonic_ms() / 1000;
    if (second != c->second)
        say_left_out(c, ctx);
    c->second = second;
    if (c->len > 0 && ++c->lines <= A_SECOND)
        reeve_log(ctx, 6, "%.*s%s", (int)c->len, c->line, cut);
    else
        c->left_out += c->len > 0;
    c->len = 0;
}

void complaints_take(struct complaints *c, reeve_ctx *ctx, const char *p, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (p[i] == '\n') {
            if (!c->skip)
                say_line(c, ctx, "");
            c->skip = false;
        } else if (!c->skip && c->len < sizeof c->line) {
            c->line[c->len++] = p[i];
        } else if (!c->skip) {
            say_line(c, ctx, "…");
            c->skip = true;
        }
    }
}

void complaints_end(struct complaints *c, reeve_ctx *ctx)
{
    say_line(c, ctx, "");
    say_left_out(c, ctx);
    c->skip = false;
}
