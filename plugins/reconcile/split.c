/* SPDX-License-Identifier: Apache-2.0 */
/* split: see split.h. */
#include "split.h"
#include <stdio.h>
#include <string.h>

#define OUTPUTS_TOLD 300u /* bytes of their list */
#define COUNTED_MAX  1000000000u

struct split {
    const struct amount *in;
    money sum;
    size_t outputs; /* that are worth something */
    bool other;     /* one of them in another currency */
    char told[OUTPUTS_TOLD];
    size_t told_n, told_len;
};

/* The split that is open: there is one thread of steps in a process, and splits do not nest. */
static struct split *open_split;

static void tell(struct split *s, const reeve_msg *m, const struct amount *a)
{
    char amount[MONEY_TEXT_MAX];
    const char *subject = reeve_msg_get(m, "subject");
    money_text(a->value, amount);
    int n = snprintf(s->told + s->told_len, sizeof s->told - s->told_len, "%s%s %s %s",
                     s->told_n ? ", " : "", subject ? subject : "one", amount, a->currency);
    if (n < 0 || (size_t)n >= sizeof s->told - s->told_len) {
        s->told[s->told_len] = '\0'; /* not half of one */
        return;
    }
    s->told_len += (size_t)n;
    s->told_n++;
}

reeve_rc split_after(reeve_ctx *ctx, const reeve_msg *m, const struct amount *a, reeve_out *out)
{
    struct split *s = open_split;
    if (s == NULL)
        return reeve_fail(ctx, REEVE_FATAL,
                          "split: after needs a step reconcile with split: before ahead of it");
    if (a->some) {
        if (s->outputs == COUNTED_MAX)
            return reeve_fail(ctx, REEVE_REJECT, "more outputs than can be summed");
        s->sum += a->value;
        s->outputs++;
        s->other |= s->in->some && strcmp(a->currency, s->in->currency) != 0;
        tell(s, m, a);
    }
    return reeve_emit(out, reeve_msg_copy(m)) == 0 ? REEVE_OK : REEVE_RETRY;
}

static reeve_rc judge(reeve_ctx *ctx, const struct split *s)
{
    char in[MONEY_TEXT_MAX], sum[MONEY_TEXT_MAX], differs[MONEY_TEXT_MAX];
    money came = s->in->some ? s->in->value : 0;
    const char *more = s->told_n < s->outputs ? " and more" : "";
    if (s->sum == came && !s->other)
        return REEVE_OK;
    money_text(came, in);
    money_text(s->sum, sum);
    money_text(s->sum > came ? s->sum - came : came - s->sum, differs);
    if (s->sum == came)
        return reeve_fail(ctx, REEVE_REJECT,
                          "the steps changed the currency: %s %s came in, out of it: %s%s", in,
                          s->in->currency, s->told, more);
    return reeve_fail(
        ctx, REEVE_REJECT,
        "what the steps made of it sums to %s, which is %s %s than the %s %s that came in%s%s%s",
        sum, differs, s->sum > came ? "more" : "less", in, s->in->currency, s->told_n ? ": " : "",
        s->told, more);
}

reeve_rc split_before(reeve_ctx *ctx, const reeve_msg *m, const struct amount *a, reeve_out *out)
{
    struct split s = {.in = a};
    if (open_split != NULL)
        return reeve_fail(ctx, REEVE_FATAL, "one split inside of another cannot be reconciled");
    reeve_msg *copy = reeve_msg_copy(m);
    if (copy == NULL)
        return reeve_fail(ctx, REEVE_RETRY, "out of memory");
    open_split = &s;
    int rc = reeve_emit(out, copy);
    open_split = NULL;
    if (rc != 0)
        return REEVE_RETRY; /* a step behind has said why */
    return judge(ctx, &s);
}
