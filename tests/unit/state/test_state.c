/* SPDX-License-Identifier: Apache-2.0 */
/* What a side of a connector remembers: keys, change detection over cut short and repeated
 * submissions, receipts, and that a commit is all or nothing. */
#include "lib/forked.h"
#include "lib/store.h"
#include "base/util.h"
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#define DAY_MS (24ull * 3600 * 1000)

static struct err e;

static struct state *open_state(void)
{
    return store_open();
}

static struct state *reopened(struct state *s)
{
    state_close(s);
    return open_state();
}

static void key_is(struct state *s, const char *key, const char *want)
{
    const void *p;
    size_t len;
    int r = state_get(s, key, &p, &len, &e);
    if (!want) {
        assert_int_equal(r, -ENOENT);
        return;
    }
    assert_int_equal(r, 0);
    assert_int_equal(len, strlen(want));
    assert_memory_equal(p, want, len);
}

static void keys_are_staged_then_durable(void **state)
{
    (void)state;
    struct state *s = open_state();
    key_is(s, "cursor", NULL);
    assert_int_equal(state_put(s, "cursor", "one", 3, &e), 0);
    key_is(s, "cursor", "one");
    s = reopened(s);
    key_is(s, "cursor", NULL);
    assert_int_equal(state_put(s, "cursor", "two", 3, &e), 0);
    assert_int_equal(state_put(s, "empty", "", 0, &e), 0);
    assert_int_equal(state_commit(s, &e), 0);
    assert_int_equal(state_put(s, "cursor", "three", 5, &e), 0);
    state_rollback(s);
    key_is(s, "cursor", "two");
    s = reopened(s);
    key_is(s, "cursor", "two");
    key_is(s, "empty", "");
    assert_int_equal(state_put(s, "cursor", NULL, 0, &e), 0);
    key_is(s, "cursor", NULL);
    assert_int_equal(state_commit(s, &e), 0);
    s = reopened(s);
    key_is(s, "cursor", NULL);
    assert_int_equal(state_commit(s, &e), 0);
    state_close(s);
    state_close(NULL);
}

/* One record of a submission as the worker handles it: looks, and stores what is to be published.
 */
static void digest(char c, uint8_t out[SHA256_LEN])
{
    memset(out, c, SHA256_LEN);
}

static struct subject_verdict offer(struct state *s, char receipt, char subject, char content)
{
    uint8_t r[SHA256_LEN], k[SHA256_LEN], c[SHA256_LEN];
    struct subject_verdict v;
    digest(receipt, r);
    digest(subject, k);
    digest(content, c);
    assert_int_equal(state_subject(s, k, c, r, &v, &e), 0);
    if (v.change != CHANGE_UNCHANGED && !v.resent)
        assert_int_equal(state_subject_put(s, k, c, &v, r, &e), 0);
    return v;
}

static void verdict_is(struct subject_verdict v, enum change change, uint64_t generation,
                       bool resent)
{
    if (v.change != change || v.generation != generation || v.resent != resent)
        fail_msg("got change %d generation %llu resent %d, wanted %d %llu %d", (int)v.change,
                 (unsigned long long)v.generation, v.resent, (int)change,
                 (unsigned long long)generation, resent);
}

static void complete(struct state *s, char receipt)
{
    uint8_t r[SHA256_LEN];
    digest(receipt, r);
    assert_int_equal(state_receipt_put(s, r, NULL, "{}", 2, 1000, &e), 0);
    assert_int_equal(state_commit(s, &e), 0);
}

static void commit(struct state *s)
{
    assert_int_equal(state_commit(s, &e), 0);
}

static void put_and_die(const struct tree *part)
{
    struct state *s = NULL;
    if (state_open(part, &s, &e) < 0 || state_put(s, "k", "v", 1, &e) < 0 ||
        state_commit(s, &e) < 0)
        _exit(1);
    (void)raise(SIGKILL);
}

/* The process that had it was killed: in a file, what it committed stands in its log only. */
static void what_a_former_name_remembered_is_taken_over(void **state)
{
    (void)state;
    struct tree *old = store_part("old"), *part = store_part("s"), *other = store_part("other");
    assert_int_equal(state_take_over(old, part, &e), 0); /* there is none */
    pid_t child = forked();
    if (child == 0)
        put_and_die(old);
    forked_was_killed(child);
    assert_int_equal(state_take_over(old, part, &e), 1);
    assert_int_equal(state_take_over(old, other, &e), 0); /* nothing stayed */
    struct state *s = open_state();
    key_is(s, "k", "v");
    state_close(s);
    assert_int_equal(state_open(other, &s, &e), 0);
    key_is(s, "k", NULL);
    state_close(s);
    assert_int_equal(state_take_over(other, part, &e), 0); /* what is there stays */
    s = open_state();
    key_is(s, "k", "v");
    state_close(s);
    tree_free(old);
    tree_free(part);
    tree_free(other);
}

static void nothing_of_a_file_is_left_behind(void **state)
{
    (void)state;
    char name[192];
    store_needs_file();
    struct tree *old = store_part("old"), *part = store_part("s");
    pid_t child = forked();
    if (child == 0)
        put_and_die(old);
    forked_was_killed(child);
    assert_int_equal(state_take_over(old, part, &e), 1);
    static const char *const names[] = {"old.db", "old.db-wal"};
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        (void)snprintf(name, sizeof(name), "%s/%s", store_directory(), names[i]);
        assert_int_not_equal(access(name, F_OK), 0);
    }
    tree_free(old);
    tree_free(part);
}

static void a_correction_and_its_withdrawal_are_new_generations(void **state)
{
    (void)state;
    struct state *s = open_state();
    verdict_is(offer(s, '1', 'S', 'a'), CHANGE_NEW, 0, false);
    complete(s, '1');
    verdict_is(offer(s, '2', 'S', 'a'), CHANGE_UNCHANGED, 0, false);
    complete(s, '2');
    s = reopened(s);
    verdict_is(offer(s, '3', 'S', 'b'), CHANGE_CHANGED, 1, false);
    complete(s, '3');
    verdict_is(offer(s, '1', 'S', 'a'), CHANGE_CHANGED, 2, false); /* the first bytes again */
    complete(s, '1');
    s = reopened(s);
    verdict_is(offer(s, '1', 'S', 'a'), CHANGE_UNCHANGED, 2, false);
    state_close(s);
}

static void staged_subjects_count_and_are_forgotten_by_rollback(void **state)
{
    (void)state;
    struct state *s = open_state();
    verdict_is(offer(s, '1', 'S', 'a'), CHANGE_NEW, 0, false);
    verdict_is(offer(s, '1', 'S', 'a'), CHANGE_NEW, 0, true);
    verdict_is(offer(s, '2', 'S', 'a'), CHANGE_UNCHANGED, 0, false);
    verdict_is(offer(s, '2', 'S', 'b'), CHANGE_CHANGED, 1, false);
    state_rollback(s);
    verdict_is(offer(s, '1', 'S', 'a'), CHANGE_NEW, 0, false);
    s = reopened(s);
    verdict_is(offer(s, '1', 'S', 'a'), CHANGE_NEW, 0, false);
    state_close(s);
}

static void looking_changes_nothing(void **state)
{
    (void)state;
    struct state *s = open_state();
    uint8_t r[SHA256_LEN], k[SHA256_LEN], c[SHA256_LEN];
    struct subject_verdict v;
    digest('1', r);
    digest('S', k);
    digest('a', c);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(state_subject(s, k, c, r, &v, &e), 0);
        verdict_is(v, CHANGE_NEW, 0, false);
    }
    assert_int_equal(state_subject_put(s, k, c, &v, r, &e), 0);
    commit(s);
    for (int i = 0; i < 3; i++) { /* the same attempt, or the next after it failed */
        assert_int_equal(state_subject(s, k, c, r, &v, &e), 0);
        verdict_is(v, CHANGE_NEW, 0, true);
    }
    v.change = CHANGE_UNCHANGED;
    assert_true(state_subject_put(s, k, c, &v, r, &e) < 0);
    state_close(s);
}

static void a_cut_short_submission_comes_again_with_the_same_verdicts(void **state)
{
    (void)state;
    struct state *s = open_state();
    verdict_is(offer(s, '0', 'C', 'x'), CHANGE_NEW, 0, false);
    verdict_is(offer(s, '0', 'U', 'u'), CHANGE_NEW, 0, false);
    complete(s, '0');
    verdict_is(offer(s, '1', 'N', 'a'), CHANGE_NEW, 0, false);
    verdict_is(offer(s, '1', 'C', 'y'), CHANGE_CHANGED, 1, false);
    verdict_is(offer(s, '1', 'U', 'u'), CHANGE_UNCHANGED, 0, false);
    commit(s);
    verdict_is(offer(s, '1', 'M', 'm'), CHANGE_NEW, 0, false); /* not confirmed any more */
    s = reopened(s);
    verdict_is(offer(s, '1', 'N', 'a'), CHANGE_NEW, 0, true);
    verdict_is(offer(s, '1', 'C', 'y'), CHANGE_CHANGED, 1, true);
    verdict_is(offer(s, '1', 'U', 'u'), CHANGE_UNCHANGED, 0, false);
    verdict_is(offer(s, '1', 'M', 'm'), CHANGE_NEW, 0, false);
    commit(s);
    s = reopened(s); /* cut short again */
    verdict_is(offer(s, '1', 'N', 'a'), CHANGE_NEW, 0, true);
    verdict_is(offer(s, '1', 'M', 'm'), CHANGE_NEW, 0, true);
    complete(s, '1');
    verdict_is(offer(s, '1', 'N', 'a'), CHANGE_UNCHANGED, 0, false);
    s = reopened(s);
    verdict_is(offer(s, '1', 'N', 'a'), CHANGE_UNCHANGED, 0, false);
    verdict_is(offer(s, '1', 'C', 'y'), CHANGE_UNCHANGED, 1, false);
    state_close(s);
}

static void submissions_may_interleave(void **state)
{
    (void)state;
    struct state *s = open_state();
    verdict_is(offer(s, '1', 'N', 'a'), CHANGE_NEW, 0, false);
    verdict_is(offer(s, '2', 'M', 'm'), CHANGE_NEW, 0, false);
    commit(s);
    verdict_is(offer(s, '1', 'O', 'a'), CHANGE_NEW, 0, false);
    verdict_is(offer(s, '2', 'N', 'a'), CHANGE_UNCHANGED, 0, false);
    verdict_is(offer(s, '2', 'P', 'm'), CHANGE_NEW, 0, false);
    complete(s, '2');
    s = reopened(s);
    verdict_is(offer(s, '1', 'N', 'a'), CHANGE_NEW, 0, true);
    verdict_is(offer(s, '1', 'O', 'a'), CHANGE_NEW, 0, true);
    verdict_is(offer(s, '2', 'M', 'm'), CHANGE_UNCHANGED, 0, false);
    verdict_is(offer(s, '1', 'M', 'm'), CHANGE_UNCHANGED, 0, false);
    verdict_is(offer(s, '3', 'N', 'b'), CHANGE_CHANGED, 1, false);
    complete(s, '3');
    verdict_is(offer(s, '1', 'N', 'a'), CHANGE_CHANGED, 2, false);
    complete(s, '1');
    state_close(s);
}

static void a_completed_submission_may_be_cut_short_when_it_comes_again(void **state)
{
    (void)state;
    struct state *s = open_state();
    verdict_is(offer(s, '1', 'S', 'a'), CHANGE_NEW, 0, false);
    complete(s, '1');
    verdict_is(offer(s, '2', 'S', 'b'), CHANGE_CHANGED, 1, false);
    complete(s, '2');
    verdict_is(offer(s, '1', 'S', 'a'), CHANGE_CHANGED, 2, false);
    commit(s);
    s = reopened(s);
    verdict_is(offer(s, '1', 'S', 'a'), CHANGE_CHANGED, 2, true);
    complete(s, '1');
    verdict_is(offer(s, '1', 'S', 'a'), CHANGE_UNCHANGED, 2, false);
    state_close(s);
}

static void answers_are_kept_under_their_receipts(void **state)
{
    (void)state;
    struct state *s = open_state();
    uint8_t one[SHA256_LEN], two[SHA256_LEN];
    char *json;
    size_t len;
    uint64_t ms;
    digest('1', one);
    digest('2', two);
    assert_int_equal(state_receipt(s, one, &json, &len, &ms, &e), -ENOENT);
    assert_int_equal(state_is_last(s, one, &e), 0);
    assert_int_equal(state_receipt_put(s, one, "key", "{\"a\":1}", 7, 5, &e), 0);
    assert_int_equal(state_receipt(s, one, &json, &len, &ms, &e), 0);
    free(json);
    state_rollback(s);
    assert_int_equal(state_receipt(s, one, &json, &len, &ms, &e), -ENOENT);
    assert_int_equal(state_receipt_put(s, one, NULL, "{\"a\":1}", 7, 5, &e), 0);
    assert_int_equal(state_receipt_put(s, two, NULL, "{\"b\":2}", 7, 6, &e), 0);
    commit(s);
    s = reopened(s);
    assert_int_equal(state_is_last(s, two, &e), 1);
    assert_int_equal(state_is_last(s, one, &e), 0);
    assert_int_equal(state_receipt(s, one, &json, &len, &ms, &e), 0);
    assert_string_equal(json, "{\"a\":1}");
    assert_int_equal(len, 7);
    assert_int_equal(ms, 5);
    free(json);
    state_close(s);
}

static void an_idempotency_key_holds_for_a_day(void **state)
{
    (void)state;
    struct state *s = open_state();
    uint8_t one[SHA256_LEN], two[SHA256_LEN], got[SHA256_LEN];
    uint64_t t = 1000 * DAY_MS;
    digest('1', one);
    digest('2', two);
    assert_int_equal(state_idempotency(s, "k", t, got, &e), -ENOENT);
    assert_int_equal(state_receipt_put(s, one, "k", "{}", 2, t, &e), 0);
    assert_int_equal(state_idempotency(s, "k", t, got, &e), 0);
    commit(s);
    s = reopened(s);
    assert_int_equal(state_idempotency(s, "k", t + DAY_MS - 1, got, &e), 0);
    assert_memory_equal(got, one, SHA256_LEN);
    assert_int_equal(state_idempotency(s, "k", t - 5000, got, &e), 0); /* the clock was set back */
    assert_int_equal(state_idempotency(s, "k", t + DAY_MS, got, &e), -ENOENT);
    assert_int_equal(state_idempotency(s, "K", t, got, &e), -ENOENT);
    assert_int_equal(state_receipt_put(s, two, "k", "{}", 2, t + DAY_MS, &e), 0);
    commit(s);
    assert_int_equal(state_idempotency(s, "k", t + DAY_MS, got, &e), 0);
    assert_memory_equal(got, two, SHA256_LEN);
    state_close(s);
}

static void ignore_file_limit_signal(void)
{
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    assert_int_equal(sigaction(SIGXFSZ, &ignore, NULL), 0);
}

static void limit_files(rlim_t bytes)
{
    struct rlimit l = {bytes, RLIM_INFINITY};
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &l), 0);
}

static void a_commit_without_room_stores_nothing_and_can_be_tried_again(void **state)
{
    (void)state;
    store_needs_file();
    struct state *s = open_state();
    char *big = xcalloc(1, 1 << 20);
    assert_int_equal(state_put(s, "before", "x", 1, &e), 0);
    commit(s);
    assert_int_equal(state_put(s, "after", "y", 1, &e), 0);
    assert_int_equal(state_put(s, "big", big, 1 << 20, &e), 0);
    verdict_is(offer(s, '1', 'S', 'a'), CHANGE_NEW, 0, false);
    ignore_file_limit_signal();
    limit_files(200 << 10);
    int r = state_commit(s, &e);
    limit_files(RLIM_INFINITY);
    assert_true(r < 0);
    assert_true(strncmp(e.code, "db-", 3) == 0);
    struct state *other = open_state(); /* as a process that starts after a crash here */
    key_is(other, "before", "x");
    key_is(other, "after", NULL);
    state_close(other);
    key_is(s, "after", "y");
    commit(s);
    s = reopened(s);
    key_is(s, "after", "y");
    verdict_is(offer(s, '1', 'S', 'a'), CHANGE_NEW, 0, true);
    state_close(s);
    free(big);
}

static void *store(void *arg)
{
    static struct err why; /* e belongs to the other thread */
    return state_store(arg, &why) == 0 ? arg : NULL;
}

static void what_is_frozen_is_seen_and_stored_by_another_thread(void **state)
{
    (void)state;
    struct state *s = open_state();
    pthread_t thread;
    void *good = NULL;
    assert_int_equal(state_freeze(s, &e), 0);
    assert_int_equal(state_put(s, "cursor", "one", 3, &e), 0);
    verdict_is(offer(s, '1', 'S', 'a'), CHANGE_NEW, 0, false);
    assert_int_equal(state_freeze(s, &e), 1);
    assert_int_equal(state_freeze(s, &e), 1); /* the same batch */
    assert_int_equal(pthread_create(&thread, NULL, store, s), 0);
    key_is(s, "cursor", "one");
    assert_int_equal(state_put(s, "cursor", "two", 3, &e), 0);
    key_is(s, "cursor", "two");
    verdict_is(offer(s, '2', 'S', 'a'), CHANGE_UNCHANGED, 0, false);
    verdict_is(offer(s, '2', 'S', 'b'), CHANGE_CHANGED, 1, false);
    verdict_is(offer(s, '2', 'T', 'b'), CHANGE_NEW, 0, false);
    assert_int_equal(pthread_join(thread, &good), 0);
    assert_ptr_equal(good, s);
    state_stored(s);
    struct state *other = open_state(); /* the second batch is not in the file */
    key_is(other, "cursor", "one");
    verdict_is(offer(other, '3', 'T', 'b'), CHANGE_NEW, 0, false);
    state_close(other);
    key_is(s, "cursor", "two");
    verdict_is(offer(s, '3', 'S', 'b'), CHANGE_UNCHANGED, 1, false);
    commit(s);
    s = reopened(s);
    key_is(s, "cursor", "two");
    verdict_is(offer(s, '3', 'S', 'b'), CHANGE_UNCHANGED, 1, false);
    verdict_is(offer(s, '2', 'T', 'b'), CHANGE_NEW, 0, true);
    state_close(s);
}

static void rollback_forgets_what_is_frozen_too(void **state)
{
    (void)state;
    struct state *s = open_state();
    verdict_is(offer(s, '1', 'S', 'a'), CHANGE_NEW, 0, false);
    assert_int_equal(state_freeze(s, &e), 1);
    verdict_is(offer(s, '2', 'T', 'a'), CHANGE_NEW, 0, false);
    state_rollback(s);
    verdict_is(offer(s, '2', 'S', 'b'), CHANGE_NEW, 0, false);
    verdict_is(offer(s, '1', 'T', 'a'), CHANGE_NEW, 0, false);
    complete(s, '2');
    state_close(s);
}

/* Look-ups hold on to the log; a log that is never begun anew grows for ever. */
static void the_log_stays_small_while_look_ups_go_on(void **state)
{
    (void)state;
    store_needs_file();
    struct state *s = open_state();
    char *big = xcalloc(1, 100000), wal[192];
    struct stat st;
    for (int i = 0; i < 1000; i++) { /* 100 MB */
        assert_int_equal(state_put(s, "big", big, 100000, &e), 0);
        verdict_is(offer(s, '1', (char)(i % 64), 'a'), CHANGE_NEW, 0, i >= 64);
        assert_int_equal(state_freeze(s, &e), 1);
        assert_int_equal(state_store(s, &e), 0);
        verdict_is(offer(s, '2', 'X', 'y'), CHANGE_NEW, 0, i > 0);
        state_stored(s);
        verdict_is(offer(s, '2', 'X', 'y'), CHANGE_NEW, 0, true);
    }
    (void)snprintf(wal, sizeof(wal), "%s/s.db-wal", store_directory());
    assert_int_equal(stat(wal, &st), 0);
    assert_true(st.st_size < 16 << 20);
    state_close(s);
    free(big);
}

static void a_file_of_something_else_is_refused(void **state)
{
    (void)state;
    struct state *s = NULL;
    char path[192];
    store_needs_file();
    (void)snprintf(path, sizeof(path), "%s/s.db", store_directory());
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    struct tree *part = store_part("s");
    for (int i = 0; i < 1000; i++)
        (void)fputs("this is no data base. ", f);
    (void)fclose(f);
    assert_true(state_open(part, &s, &e) < 0);
    assert_null(s);
    tree_free(part);
}

static void answer_at(struct state *s, uint8_t n, uint64_t ms)
{
    uint8_t receipt[SHA256_LEN] = {n};
    assert_int_equal(state_receipt_put(s, receipt, NULL, "{}", 2, ms, &e), 0);
    assert_int_equal(state_commit(s, &e), 0);
}

static bool answered(struct state *s, uint8_t n)
{
    uint8_t receipt[SHA256_LEN] = {n};
    char *json = NULL;
    size_t len;
    uint64_t ms;
    bool is = state_receipt(s, receipt, &json, &len, &ms, &e) == 0;
    free(json);
    return is;
}

static void old_receipts_go_but_the_last_one_stays(void **state)
{
    (void)state;
    struct state *s = open_state();
    for (uint8_t n = 1; n <= 6; n++)
        answer_at(s, n, n * 1000);
    assert_int_equal(state_expire(s, 4000, 2, &e), 2); /* the oldest first */
    assert_false(answered(s, 1) || answered(s, 2));
    assert_true(answered(s, 3));
    assert_int_equal(state_expire(s, 4000, 2, &e), 1);
    assert_int_equal(state_expire(s, 4000, 2, &e), 0);
    assert_true(answered(s, 4) && answered(s, 5));
    assert_int_equal(state_expire(s, UINT64_MAX, 100, &e), 2);
    assert_true(answered(s, 6)); /* the same bytes again must still be known */
    s = reopened(s);
    assert_int_equal(state_expire(s, UINT64_MAX, 100, &e), 0);
    assert_true(answered(s, 6));
    state_close(s);
}

static void receipts_do_not_go_while_a_batch_is_stored(void **state)
{
    (void)state;
    struct state *s = open_state();
    static const uint8_t key[SHA256_LEN] = {1}, receipt[SHA256_LEN] = {9};
    struct subject_verdict v;
    answer_at(s, 1, 1000);
    answer_at(s, 2, 2000);
    assert_int_equal(state_put(s, "cursor", "one", 3, &e), 0);
    assert_int_equal(state_freeze(s, &e), 1);
    assert_int_equal(state_expire(s, UINT64_MAX, 10, &e), -EBUSY);
    assert_int_equal(state_store(s, &e), 0);
    state_stored(s);
    assert_int_equal(state_subject(s, key, key, receipt, &v, &e), 0); /* look-ups do not matter */
    assert_int_equal(state_expire(s, UINT64_MAX, 10, &e), 1);
    assert_false(answered(s, 1));
    state_close(s);
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, store_init, store_done)
    const struct CMUnitTest tests[] = {
        CASE(keys_are_staged_then_durable),
        CASE(what_a_former_name_remembered_is_taken_over),
        CASE(nothing_of_a_file_is_left_behind),
        CASE(a_correction_and_its_withdrawal_are_new_generations),
        CASE(staged_subjects_count_and_are_forgotten_by_rollback),
        CASE(a_cut_short_submission_comes_again_with_the_same_verdicts),
        CASE(looking_changes_nothing),
        CASE(submissions_may_interleave),
        CASE(a_completed_submission_may_be_cut_short_when_it_comes_again),
        CASE(answers_are_kept_under_their_receipts),
        CASE(an_idempotency_key_holds_for_a_day),
        CASE(a_commit_without_room_stores_nothing_and_can_be_tried_again),
        CASE(what_is_frozen_is_seen_and_stored_by_another_thread),
        CASE(rollback_forgets_what_is_frozen_too),
        CASE(the_log_stays_small_while_look_ups_go_on),
        CASE(a_file_of_something_else_is_refused),
        CASE(old_receipts_go_but_the_last_one_stays),
        CASE(receipts_do_not_go_while_a_batch_is_stored),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
