/* SPDX-License-Identifier: Apache-2.0 */
/* Random submissions, cut short at random places and sent again, against the same submissions
 * without any fault: every record ends with the same verdict and generation (so with the same id),
 * and none is left unpublished. */
#include "lib/store.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#define RECORDS 12
#define ROUNDS  60
#define LIVES   12

static struct err e;
static uint32_t seed;

static uint32_t rnd(uint32_t n)
{
    seed = seed * 1664525u + 1013904223u;
    return (seed >> 8) % n;
}

struct record {
    uint8_t subject, content;
};

struct outcome {
    enum change change;
    uint64_t generation;
    bool staged;    /* published, but not committed */
    bool published; /* durable: the state was committed behind it */
};

static struct state *open_state(void)
{
    return store_open();
}

static void afresh(void)
{
    assert_int_equal(store_done(NULL), 0);
    assert_int_equal(store_init(NULL), 0);
}

static void digest_of(uint32_t what, uint8_t out[SHA256_LEN])
{
    sha256(&what, sizeof(what), out);
}

static struct subject_verdict look(struct state *s, uint32_t receipt, struct record rec)
{
    uint8_t r[SHA256_LEN], k[SHA256_LEN], c[SHA256_LEN];
    struct subject_verdict v;
    digest_of(receipt, r);
    digest_of(1000u + rec.subject, k);
    digest_of(2000u + rec.content, c);
    assert_int_equal(state_subject(s, k, c, r, &v, &e), 0);
    return v;
}

static struct subject_verdict offer(struct state *s, uint32_t receipt, struct record rec)
{
    uint8_t r[SHA256_LEN], k[SHA256_LEN], c[SHA256_LEN];
    struct subject_verdict v;
    digest_of(receipt, r);
    digest_of(1000u + rec.subject, k);
    digest_of(2000u + rec.content, c);
    assert_int_equal(state_subject(s, k, c, r, &v, &e), 0);
    if (v.change != CHANGE_UNCHANGED && !v.resent)
        assert_int_equal(state_subject_put(s, k, c, &v, r, &e), 0);
    return v;
}

static void complete(struct state *s, uint32_t receipt)
{
    uint8_t r[SHA256_LEN];
    digest_of(receipt, r);
    assert_int_equal(state_receipt_put(s, r, NULL, "{}", 2, 1000, &e), 0);
    assert_int_equal(state_commit(s, &e), 0);
}

/* The documents of one life; a document comes again now and then, under its own receipt. */
static void documents(struct record doc[ROUNDS][RECORDS], uint32_t receipt[ROUNDS])
{
    for (uint32_t i = 0; i < ROUNDS; i++) {
        receipt[i] = i;
        if (i > 0 && rnd(4) == 0) {
            uint32_t before = rnd(i);
            receipt[i] = receipt[before];
            memcpy(doc[i], doc[before], sizeof(doc[i]));
            continue;
        }
        for (size_t k = 0; k < RECORDS; k++)
            doc[i][k] = (struct record){(uint8_t)k, (uint8_t)rnd(3)};
    }
}

static void without_faults(struct record doc[ROUNDS][RECORDS], const uint32_t receipt[ROUNDS],
                           struct outcome out[ROUNDS][RECORDS])
{
    struct state *s = open_state();
    for (size_t i = 0; i < ROUNDS; i++) {
        for (size_t k = 0; k < RECORDS; k++) {
            struct subject_verdict v = offer(s, receipt[i], doc[i][k]);
            assert_false(v.resent);
            out[i][k] = (struct outcome){v.change, v.generation, false, false};
        }
        complete(s, receipt[i]);
    }
    state_close(s);
    afresh();
}

static void commit(struct state *s, struct outcome *want)
{
    assert_int_equal(state_commit(s, &e), 0);
    for (size_t k = 0; k < RECORDS; k++) {
        want[k].published |= want[k].staged;
        want[k].staged = false;
    }
}

static void forgotten(struct outcome *want)
{
    for (size_t k = 0; k < RECORDS; k++)
        want[k].staged = false;
}

/* One attempt, cut short before record `cut`. */
static void attempt(struct state *s, const struct record *doc, uint32_t receipt, size_t cut,
                    struct outcome *want)
{
    for (size_t k = 0; k < cut; k++) {
        if (rnd(8) == 0) /* another look is none the wiser */
            (void)look(s, receipt, doc[k]);
        struct subject_verdict v = offer(s, receipt, doc[k]);
        assert_int_equal(v.change, want[k].change);
        assert_int_equal(v.generation, want[k].generation);
        assert_int_equal(v.resent, want[k].published || want[k].staged);
        want[k].staged = v.change != CHANGE_UNCHANGED && !v.resent ? true : want[k].staged;
        if (rnd(3) == 0)
            commit(s, want);
    }
}

static void repeated_attempts_end_as_one_without_faults(void **state)
{
    (void)state;
    static struct record doc[ROUNDS][RECORDS];
    static struct outcome want[ROUNDS][RECORDS];
    static uint32_t receipt[ROUNDS];
    for (uint32_t life = 0; life < LIVES; life++) {
        seed = life;
        documents(doc, receipt);
        without_faults(doc, receipt, want);
        struct state *s = open_state();
        for (size_t i = 0; i < ROUNDS; i++) {
            while (rnd(2)) {
                attempt(s, doc[i], receipt[i], rnd(RECORDS + 1), want[i]);
                if (rnd(3) == 0) {
                    state_rollback(s);
                    forgotten(want[i]);
                } else if (rnd(2)) {
                    state_close(s);
                    s = open_state();
                    forgotten(want[i]);
                }
            }
            attempt(s, doc[i], receipt[i], RECORDS, want[i]);
            complete(s, receipt[i]);
        }
        state_close(s);
        afresh();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(repeated_attempts_end_as_one_without_faults, store_init,
                                        store_done),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
