/* SPDX-License-Identifier: Apache-2.0 */
/* The verdict on an award depends on the records that were seen, never on their order, and a penny
 * anywhere is found. */
#include "account.h"
#include "base/map.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

/* ---- a store in memory ---- */
struct value {
    size_t len;
    char bytes[];
};

static const char *get(void *arg, const char *key, size_t *len)
{
    const struct value *v = map_get(arg, key, strlen(key));
    *len = v != NULL ? v->len : 0;
    return v != NULL ? v->bytes : NULL;
}

static int put(void *arg, const char *key, const char *val, size_t len)
{
    struct value *v = malloc(sizeof *v + len + 1);
    assert_non_null(v);
    v->len = len;
    memcpy(v->bytes, val, len);
    return map_put(arg, key, strlen(key), v);
}

static struct store new_store(void)
{
    struct store s = {map_new(free), get, put};
    assert_non_null(s.arg);
    return s;
}

static void end_store(struct store *s)
{
    map_free(s->arg);
}

/* ---- records ---- */
static struct entry record(const char *subject, const char *of, const char *amount,
                           const char *currency, int64_t time, const char *id)
{
    struct entry e = {.source = "//h/p/s", .subject = subject, .of = of, .time_us = time, .id = id};
    assert_true(money_parse(amount, MONEY_DIGITS_MAX, &e.amount));
    (void)snprintf(e.currency, sizeof e.currency, "%s", currency);
    return e;
}

static struct entry award(const char *subject, const char *amount)
{
    struct entry e = record(subject, "", amount, "GBP", 1, "a");
    e.whole = true;
    return e;
}

static struct entry payment(const char *subject, const char *of, const char *amount)
{
    struct entry e = record(subject, of, amount, "GBP", 1, "p");
    e.part = PART_PAYMENT;
    return e;
}

static struct entry grant(const char *subject, const char *of, const char *amount)
{
    struct entry e = award(subject, amount);
    e.part = PART_GRANT;
    e.of = of;
    return e;
}

static void expect(const struct store *s, struct entry e, enum verdict wanted, const char *words)
{
    struct finding f;
    enum verdict v = ledger_take(s, &e, &f);
    if (v != wanted || (words != NULL && strstr(f.text, words) == NULL))
        fail_msg("%s: verdict %d, \"%s\", wanted %d, \"%s\"", e.subject, v, f.text, wanted,
                 words != NULL ? words : "");
}

/* ---- cases ---- */
static void payments_may_use_an_award_up_and_not_a_penny_more(void **state)
{
    struct store s = new_store();
    (void)state;
    expect(&s, award("A", "100"), LEDGER_FINE, NULL);
    expect(&s, payment("p1", "A", "60.00"), LEDGER_FINE, NULL);
    expect(&s, payment("p2", "A", "40"), LEDGER_FINE, NULL);
    struct entry p3 = payment("p3", "A", "0.01");
    p3.line = "17";
    expect(&s, p3, LEDGER_VIOLATED,
           "A: payments sum to 100.01 GBP, which is 0.01 more than the 100.00 awarded; the "
           "records, latest first: p3 line 17 0.01 GBP, p2 40.00 GBP, p1 60.00 GBP");
    expect(&s, p3, LEDGER_VIOLATED, "0.01 more");               /* again: counted once */
    expect(&s, payment("p4", "A", "-0.01"), LEDGER_FINE, NULL); /* paid back */
    expect(&s, p3, LEDGER_FINE, NULL);                          /* replayed */
    end_store(&s);
}

static void an_award_that_comes_last_is_judged_with_what_was_paid(void **state)
{
    struct store s = new_store();
    struct finding f;
    (void)state;
    struct entry p = payment("p1", "A", "100.01");
    assert_int_equal(ledger_take(&s, &p, &f), LEDGER_FINE);
    assert_false(f.known);
    expect(&s, award("A", "100"), LEDGER_VIOLATED, "100.01 GBP, which is 0.01 more");
    struct entry raised = award("A", "100.01");
    raised.time_us = 2;
    expect(&s, raised, LEDGER_FINE, NULL);
    expect(&s, award("A", "100"), LEDGER_FINE, NULL); /* the old one again changes nothing */
    assert_int_equal(ledger_take(&s, &p, &f), LEDGER_FINE);
    assert_true(f.known);
    end_store(&s);
}

static void a_correction_takes_the_place_of_what_it_corrects(void **state)
{
    struct store s = new_store();
    (void)state;
    struct entry was = payment("p1", "A", "200"), is = payment("p1", "A", "20");
    is.time_us = 2;
    expect(&s, award("A", "100"), LEDGER_FINE, NULL);
    expect(&s, award("B", "10"), LEDGER_FINE, NULL);
    expect(&s, was, LEDGER_VIOLATED, "100.00 more");
    expect(&s, is, LEDGER_FINE, NULL);
    expect(&s, was, LEDGER_FINE, NULL);
    struct entry moved = payment("p1", "B", "20");
    moved.time_us = 3;
    expect(&s, moved, LEDGER_VIOLATED, "B: payments sum to 20.00 GBP, which is 10.00 more");
    expect(&s, payment("p2", "A", "100"), LEDGER_FINE, NULL); /* it is not in A any more */
    end_store(&s);
}

static void a_sub_grant_never_exceeds_its_parent(void **state)
{
    struct store s = new_store();
    (void)state;
    expect(&s, award("A", "100"), LEDGER_FINE, NULL);
    expect(&s, grant("S1", "A", "70"), LEDGER_FINE, NULL);
    expect(&s, payment("p1", "A", "100"), LEDGER_FINE, NULL); /* another sum */
    expect(&s, grant("S2", "A", "30.01"), LEDGER_VIOLATED, "A: sub-grants sum to 100.01 GBP");
    expect(&s, payment("p2", "S1", "70.01"), LEDGER_VIOLATED, "S1: payments sum to 70.01 GBP");
    expect(&s, grant("Z", "Z", "100"), LEDGER_FINE, NULL); /* not a part of itself */
    end_store(&s);
}

static void a_currency_never_changes(void **state)
{
    struct store s = new_store();
    (void)state;
    struct entry euro = payment("p1", "A", "1");
    (void)snprintf(euro.currency, sizeof euro.currency, "EUR");
    expect(&s, payment("p0", "A", "1"), LEDGER_FINE, NULL);
    expect(&s, euro, LEDGER_VIOLATED, "A is paid in GBP, and has payments in EUR");
    expect(&s, award("A", "100"), LEDGER_VIOLATED, "A is awarded in GBP, and has payments in EUR");
    struct entry put_right = payment("p1", "A", "1");
    put_right.time_us = 2;
    expect(&s, put_right, LEDGER_FINE, NULL);
    for (unsigned i = 0; i < CURRENCIES_MAX + 2; i++) {
        char subject[8];
        (void)snprintf(subject, sizeof subject, "c%u", i);
        struct entry e = payment(subject, "B", "1");
        (void)snprintf(e.currency, sizeof e.currency, "C%u", i);
        expect(&s, e, i == 0 ? LEDGER_FINE : LEDGER_VIOLATED,
               i >= CURRENCIES_MAX ? "in 8 currencies already" : NULL);
    }
    end_store(&s);
}

static void a_store_that_fails_or_holds_something_else_is_told(void **state)
{
    struct store s = new_store();
    (void)state;
    static const char *const texts[] = {
        "2\n",
        "1",
        "1\nX\t1\n",
        "1\nA\t1\ta\t5\n\n",
        "1\nA\tx\ta\t5\tGBP\n",
        "1\nA\t1\ta\tfive\tGBP\n",
        "1\nT\t9\t1\t5\tGBP\n",
        "1\nR\t1\t5\tGBP\t\ts\tmore\n",
        "1\nA\t1\ta\t5\tGBPGBPGBPGBPGBPGBP\n",
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        assert_int_equal(put(s.arg, "a/A", texts[i], strlen(texts[i])), 0);
        expect(&s, payment("p", "A", "1"), LEDGER_FAILED, "cannot be read");
    }
    end_store(&s);
}

/* ---- any order, any repetition ---- */
#define AWARDS_PER_PAYMENT 10
struct model { /* of one award */
    long pence, paid;
    bool some, euro; /* some: there are payments */
};

static uint64_t seed;
static uint64_t below(uint64_t n)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed % n;
}

struct job { /* a record by its number */
    long pence;
    bool euro, corrected; /* corrected: an earlier version says another amount */
    size_t of;
};

/* The k-th version of record i: awards first, then payments. */
static void take(const struct store *s, const struct job *jobs, size_t awards, size_t i, int k,
                 struct finding *f, enum verdict *ret)
{
    char subject[24], of[24], amount[32], id[24];
    long pence = jobs[i].pence + (k == 0 && jobs[i].corrected ? 7 : 0);
    (void)snprintf(subject, sizeof subject, "%c%zu", i < awards ? 'A' : 'p', i);
    (void)snprintf(of, sizeof of, "A%zu", jobs[i].of);
    (void)snprintf(amount, sizeof amount, "%s%ld.%02ld", pence < 0 ? "-" : "", labs(pence) / 100,
                   labs(pence) % 100);
    (void)snprintf(id, sizeof id, "%zu-%d", i, k);
    struct entry e = record(subject, of, amount, jobs[i].euro ? "EUR" : "GBP", k + 1, id);
    e.whole = i < awards;
    e.part = i < awards ? PART_NONE : PART_PAYMENT;
    *ret = ledger_take(s, &e, f);
}

static void deal(struct job *jobs, struct model *models, size_t awards, size_t n)
{
    for (size_t i = 0; i < awards; i++) {
        jobs[i] = (struct job){.corrected = below(20) == 0};
        models[i] = (struct model){0};
    }
    for (size_t i = awards; i < n; i++) {
        jobs[i] = (struct job){.of = below(awards),
                               .pence = (long)below(1000000) - 1000,
                               .euro = below(20000) == 0,
                               .corrected = below(20) == 0};
        models[jobs[i].of].some = true;
        models[jobs[i].of].paid += jobs[i].pence;
        models[jobs[i].of].euro |= jobs[i].euro;
    }
    for (size_t i = 0; i < awards; i++) /* exactly, a penny too little, or much more than enough */
        jobs[i].pence = models[i].pence = models[i].paid + (below(3) == 0   ? -1
                                                            : below(2) == 0 ? 0
                                                                            : 500);
}

/* All records in some order, some of them twice, old versions before and behind new ones. */
static void run_shuffled(const struct store *s, const struct job *jobs, size_t awards, size_t n)
{
    size_t *order = malloc(2 * n * sizeof *order), m = 0;
    struct finding f;
    enum verdict v;
    assert_non_null(order);
    for (size_t i = 0; i < n; i++) {
        order[m++] = 2 * i + 1;
        if (jobs[i].corrected)
            order[m++] = 2 * i;
        else if (below(10) == 0)
            order[m++] = 2 * i + 1;
    }
    for (size_t i = m; i-- > 1;) {
        size_t j = below(i + 1), t = order[i];
        order[i] = order[j];
        order[j] = t;
    }
    for (size_t i = 0; i < m; i++) {
        take(s, jobs, awards, order[i] / 2, (int)(order[i] % 2), &f, &v);
        assert_int_not_equal(v, LEDGER_FAILED);
    }
    free(order);
}

static size_t check_awards(const struct store *s, const struct job *jobs,
                           const struct model *models, size_t awards)
{
    size_t violated = 0;
    for (size_t i = 0; i < awards; i++) {
        struct finding f;
        enum verdict v;
        char penny[64];
        const struct model *m = &models[i];
        long over = m->some ? m->paid - m->pence : 0;
        take(s, jobs, awards, i, 1, &f, &v); /* seen before: what is its verdict? */
        (void)snprintf(penny, sizeof penny, "which is %ld.%02ld more", over / 100, over % 100);
        enum verdict wanted = over > 0 || m->euro ? LEDGER_VIOLATED : LEDGER_FINE;
        if (v != wanted || (m->euro ? v == LEDGER_VIOLATED && strstr(f.text, "EUR") == NULL
                                    : over > 0 && strstr(f.text, penny) == NULL))
            fail_msg("award %zu of %ld, paid %ld: verdict %d, %s", i, m->pence, m->paid, v, f.text);
        violated += v == LEDGER_VIOLATED;
    }
    return violated;
}

static void any_order_with_repetitions_gives_the_same_verdicts(void **state)
{
    const char *size = getenv("REEVE_PAYMENTS"), *given = getenv("REEVE_SEED");
    size_t payments = size != NULL ? strtoul(size, NULL, 10) : 20000,
           awards = payments / AWARDS_PER_PAYMENT, n = awards + payments, violated = 0;
    struct job *jobs = calloc(n, sizeof *jobs);
    struct model *models = calloc(awards, sizeof *models);
    (void)state;
    assert_non_null(jobs);
    assert_non_null(models);
    seed = given != NULL ? strtoull(given, NULL, 10) : 20261126;
    print_message("REEVE_SEED=%llu\n", (unsigned long long)seed);
    deal(jobs, models, awards, n);
    for (int round = 0; round < 3; round++) {
        struct store s = new_store();
        run_shuffled(&s, jobs, awards, n);
        violated = check_awards(&s, jobs, models, awards);
        end_store(&s);
    }
    print_message("%zu payments of %zu awards, %zu awards violated, in 3 orders\n", payments,
                  awards, violated);
    assert_true(violated > awards / 5 && violated < awards);
    free(models);
    free(jobs);
}

/* A batch that sums, altered by a penny at each of its records in turn. */
static void a_penny_more_anywhere_is_found_and_named(void **state)
{
    (void)state;
    for (size_t altered = 0; altered < 12; altered++) {
        struct store s = new_store();
        size_t found = 0;
        for (size_t i = 0; i < 12; i++) {
            char subject[8], of[8], amount[16], line[8], name[32];
            (void)snprintf(subject, sizeof subject, i < 3 ? "A%zu" : "p%zu", i);
            (void)snprintf(of, sizeof of, "A%zu", i % 3);
            (void)snprintf(line, sizeof line, "%zu", i + 2);
            /* three payments of 33.33 for each award of 99.99 */
            (void)snprintf(amount, sizeof amount, "%s",
                           i < 3 ? (i == altered ? "99.98" : "99.99")
                                 : (i == altered ? "33.34" : "33.33"));
            struct entry e = i < 3 ? award(subject, amount) : payment(subject, of, amount);
            struct finding f;
            e.line = line;
            if (ledger_take(&s, &e, &f) != LEDGER_VIOLATED)
                continue;
            found++;
            assert_int_equal(i % 3, altered % 3); /* its award and no other */
            assert_non_null(strstr(f.text, "0.01 more"));
            (void)snprintf(name, sizeof name, "p%zu line %zu 33.34", altered, altered + 2);
            if (altered >= 3)
                assert_non_null(strstr(f.text, name));
            else
                assert_non_null(strstr(f.text, "the 99.98 awarded"));
        }
        assert_int_equal(found, 1); /* the one that completes the sum */
        end_store(&s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(payments_may_use_an_award_up_and_not_a_penny_more),
        cmocka_unit_test(an_award_that_comes_last_is_judged_with_what_was_paid),
        cmocka_unit_test(a_correction_takes_the_place_of_what_it_corrects),
        cmocka_unit_test(a_sub_grant_never_exceeds_its_parent),
        cmocka_unit_test(a_currency_never_changes),
        cmocka_unit_test(a_store_that_fails_or_holds_something_else_is_told),
        cmocka_unit_test(any_order_with_repetitions_gives_the_same_verdicts),
        cmocka_unit_test(a_penny_more_anywhere_is_found_and_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
