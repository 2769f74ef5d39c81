/* SPDX-License-Identifier: Apache-2.0 */
/* reconcile - a step that knows amounts: payments never exceed their award, sub-grants never their
 * parent, a currency never changes, and what steps make of a message sums to what came in. It reads
 * attributes alone (exactamount, currency, correlationid), so it is the same for every standard. */
#include "ledger.h"
#include "split.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum mode { MODE_LEDGER, MODE_BEFORE, MODE_AFTER };

struct reconcile {
    enum mode mode;
    bool wait; /* for awards that have not come */
};

static reeve_rc reconcile_open(reeve_ctx *ctx, void **inst)
{
    struct reconcile *r = calloc(1, sizeof *r);
    if (r == NULL)
        return reeve_fail(ctx, REEVE_FATAL, "out of memory");
    const char *split = reeve_conf(ctx, "split", 0);
    r->mode = strcmp(split, "before") == 0  ? MODE_BEFORE
              : strcmp(split, "after") == 0 ? MODE_AFTER
                                            : MODE_LEDGER;
    r->wait = strcmp(reeve_conf(ctx, "unknown", 0), "wait") == 0;
    *inst = r;
    return REEVE_OK;
}

static void reconcile_close(reeve_ctx *ctx, void *inst)
{
    (void)ctx;
    free(inst);
}

/* ---- what a message says ---- */
static const char *text(const reeve_msg *m, const char *name)
{
    const char *v = reeve_msg_get(m, name);
    return v != NULL ? v : "";
}

/* OK; REJECT: there is an amount that cannot be summed. */
static reeve_rc amount_of(reeve_ctx *ctx, const reeve_msg *m, struct amount *ret)
{
    const char *exact = reeve_msg_get(m, "exactamount");
    *ret = (struct amount){.some = exact != NULL, .currency = text(m, "currency")};
    if (exact != NULL && !money_parse(exact, MONEY_DIGITS_MAX, &ret->value))
        return reeve_fail(
            ctx, REEVE_REJECT,
            "exactamount %.60s is not a decimal number that can be summed (%d digits, "
            "9 after the point)",
            exact, MONEY_DIGITS_MAX);
    if (strlen(ret->currency) >= CURRENCY_MAX)
        return reeve_fail(ctx, REEVE_REJECT, "currency %.60s is no currency", ret->currency);
    return REEVE_OK;
}

/* RFC 3339 (CloudEvents 1.0 section 3.1.2) to microseconds since 1970; 0: not said. */
static int64_t time_of(const reeve_msg *m)
{
    struct tm t = {0};
    int zone_h = 0, zone_m = 0;
    const char *s = text(m, "time"), *p = strptime(s, "%Y-%m-%dT%H:%M:%S", &t);
    int64_t us = 0, unit = 100000;
    if (p == NULL)
        return 0;
    if (*p == '.')
        for (p++; *p >= '0' && *p <= '9'; p++, unit /= 10)
            us += unit * (*p - '0');
    if (*p == '+' || *p == '-') {
        int sign = *p == '-' ? -1 : 1;
        if (sscanf(p + 1, "%2d:%2d", &zone_h, &zone_m) == 2)
            us -= (int64_t)sign * (zone_h * 60 + zone_m) * 60 * 1000000;
    }
    return (int64_t)timegm(&t) * 1000000 + us;
}

static enum part part_of(const reeve_msg *m)
{
    const char *type = text(m, "type");
    if (*text(m, "correlationid") == '\0')
        return PART_NONE;
    return strcmp(type, "funding.payment") == 0 ? PART_PAYMENT
           : strcmp(type, "funding.award") == 0 ? PART_GRANT
                                                : PART_NONE;
}

static bool is_whole(const reeve_msg *m)
{
    const char *type = text(m, "type");
    return *text(m, "subject") != '\0' &&
           (strcmp(type, "funding.award") == 0 || strcmp(type, "information.contract") == 0);
}

static struct entry entry_of(const reeve_msg *m, const struct amount *a)
{
    struct entry e = {.source = text(m, "source"), .subject = text(m, "subject")};
    e.whole = is_whole(m);
    e.part = part_of(m);
    e.of = text(m, "correlationid");
    e.line = reeve_msg_get(m, "line");
    e.amount = a->value;
    (void)snprintf(e.currency, sizeof e.currency, "%s", a->currency);
    e.time_us = time_of(m);
    e.id = reeve_msg_id(m);
    if (*e.subject == '\0')
        e.subject = e.id;
    return e;
}

/* ---- the ledger ---- */
static const char *get(void *arg, const char *key, size_t *len)
{
    return reeve_state_get(arg, key, len);
}

static int put(void *arg, const char *key, const char *val, size_t len)
{
    return reeve_state_put(arg, key, val, len);
}

static reeve_rc check(const struct reconcile *r, reeve_ctx *ctx, const reeve_msg *m,
                      const struct amount *a)
{
    const struct entry e = entry_of(m, a);
    if (!a->some || (!e.whole && e.part == PART_NONE))
        return REEVE_OK; /* no money that belongs to anything */
    const struct store store = {ctx, get, put};
    struct finding *f = calloc(1, sizeof *f);
    enum verdict v = f != NULL ? ledger_take(&store, &e, f) : LEDGER_FAILED;
    reeve_rc rc = REEVE_OK;
    if (v == LEDGER_VIOLATED) {
        reeve_log(ctx, 4, "%s: %s", e.id, f->text); /* a reason may be cut, this is not */
        rc = reeve_fail(ctx, REEVE_REJECT, "%s", f->text);
    } else if (v == LEDGER_FAILED) {
        rc = reeve_fail(ctx, REEVE_RETRY, "%s", f != NULL ? f->text : "out of memory");
    } else if (r->wait && !f->known) {
        rc = reeve_fail(ctx, REEVE_RETRY, "%s, which this belongs to, has not come yet", e.of);
    }
    free(f);
    return rc;
}

static reeve_rc reconcile_step(reeve_ctx *ctx, void *inst, const reeve_msg *m, reeve_out *out)
{
    const struct reconcile *r = inst;
    struct amount a;
    reeve_rc rc = amount_of(ctx, m, &a);
    if (rc != REEVE_OK)
        return rc;
    if (r->mode == MODE_BEFORE)
        return split_before(ctx, m, &a, out);
    if (r->mode == MODE_AFTER)
        return split_after(ctx, m, &a, out);
    rc = check(r, ctx, m, &a);
    if (rc != REEVE_OK)
        return rc;
    return reeve_emit(out, reeve_msg_copy(m)) == 0 ? REEVE_OK : REEVE_RETRY;
}

static const struct reeve_option options[] = {
    {.key = "split",
     .type = REEVE_T_CHOICE,
     .allowed = "no|before|after",
     .def = "no",
     .help = "Instead of the ledger: before and after around other steps, what these make of a "
             "message has to sum to what came in."},
    {.key = "unknown",
     .type = REEVE_T_CHOICE,
     .allowed = "pass|wait",
     .def = "pass",
     .help = "A payment or sub-grant of an award that has not come yet passes, or waits for it."},
    {.key = NULL}};

REEVE_PLUGIN(.name = "reconcile", .version = "1.0",
             .summary = "a step that conserves money: sums of payments, sub-grants and splits",
             .options = options, .open = reconcile_open, .close = reconcile_close,
             .step = reconcile_step);
