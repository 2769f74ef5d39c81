/* SPDX-License-Identifier: Apache-2.0 */
/* Everything of a spool's file out of it and into another: nothing is lost when either end fails in
 * the middle, and the file that was filled is one that the spool opens. */
#include "spool/carry.h"
#include "spool/spool.h"
#include "base/util.h"
#include "lib/remove_tree.h"
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

static char a_dir[200], b_dir[200];

static int setup(void **state)
{
    (void)state;
    const char *tmp = getenv("TMPDIR");
    tmp = tmp && *tmp ? tmp : P_tmpdir;
    (void)snprintf(a_dir, sizeof a_dir, "%s/reeve-carry-XXXXXX", tmp);
    (void)snprintf(b_dir, sizeof b_dir, "%s/reeve-carry-XXXXXX", tmp);
    return mkdtemp(a_dir) && mkdtemp(b_dir) ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    return remove_tree(a_dir) == 0 ? remove_tree(b_dir) : -1;
}

static struct tree *json(const char *text)
{
    struct tree *t = NULL;
    struct err e;
    assert_int_equal(tree_from_json(text, strlen(text), &t, &e), 0);
    return t;
}

static struct carry *open_at(const char *dir, const char *destinations)
{
    struct tree *t = json(destinations);
    struct carry *c = NULL;
    struct err e;
    if (carry_open(dir, t, &c, &e) < 0)
        fail_msg("%s", e.text);
    tree_free(t);
    return c;
}

#define TWO "[{\"name\":\"one\"},{\"name\":\"two\"}]"
#define N   250u

static char big[40000];

/* i-th message: every kind there is, in an order that says which it was. */
static struct carried message(unsigned i, char id[16], char body[32])
{
    (void)snprintf(id, 16, "id%u", i);
    (void)snprintf(body, 32, "{\"n\":%u}", i);
    struct carried m = {.destination = i % 2 ? "two" : "one",
                        .id = id,
                        .bytes = body,
                        .len = strlen(body),
                        .first_ms = 1000 + i};
    if (i % 5 == 1) {
        m.attempts = i;
        m.due_ms = 1u << 20;
    }
    if (i % 5 == 2)
        m.attempts = 3;
    if (i % 5 == 3) {
        m.dead = true;
        m.dead_ms = 5000 + i;
        m.code = "rejected";
        m.text = body;
        m.attempts = 7;
    }
    if (i % 50 == 4) {
        m.bytes = big;
        m.len = sizeof big;
    }
    return m;
}

static void fill(struct carry *c)
{
    struct err e;
    memset(big, 'x', sizeof big);
    for (unsigned i = 0; i < N; i++) {
        char id[16], body[32];
        struct carried m = message(i, id, body);
        assert_int_equal(carry_add(c, &m, &e), 0);
    }
    assert_int_equal(carry_commit(c, &e), 0);
}

/* ---- a taker that checks, and may fail ---- */
struct taker {
    struct carry *to;                        /* NULL: only looks */
    unsigned seen[N], n, last[4], last_dead; /* by destination and: waiting */
    unsigned fail_take, fail_keep;           /* at this call; 0: never */
    unsigned takes, keeps;
};

static int take(void *arg, const struct carried *m, struct err *e)
{
    struct taker *t = arg;
    char id[16], body[32];
    unsigned i = (unsigned)strtoul(m->id + 2, NULL, 10), k = i % 2;
    if (++t->takes == t->fail_take)
        return err_set(e, -EIO, "test", "the taker fails");
    assert_true(i < N);
    struct carried want = message(i, id, body);
    assert_string_equal(m->id, want.id);
    assert_string_equal(m->destination, want.destination);
    assert_int_equal(m->len, want.len);
    assert_memory_equal(m->bytes, want.bytes, m->len);
    assert_int_equal(m->first_ms, want.first_ms);
    assert_int_equal(m->due_ms, want.due_ms);
    assert_int_equal(m->attempts, want.attempts);
    assert_int_equal(m->dead, want.dead);
    assert_int_equal(m->dead_ms, want.dead_ms);
    if (want.dead) {
        assert_string_equal(m->code, want.code);
        assert_string_equal(m->text, want.text);
    }
    if (t->seen[i]++ == 0) { /* in order */
        unsigned *last = m->dead ? &t->last_dead : &t->last[k];
        assert_true(i + 1 > *last);
        *last = i + 1;
        t->n++;
    }
    return t->to ? carry_add(t->to, m, e) : 0;
}

static int keep(void *arg, struct err *e)
{
    struct taker *t = arg;
    if (++t->keeps == t->fail_keep)
        return err_set(e, -EIO, "test", "the taker fails at the end of a page");
    return t->to ? carry_commit(t->to, e) : 0;
}

static void everything_comes_out_in_order_and_the_file_is_empty(void **state)
{
    (void)state;
    struct carried_totals n;
    struct err e;
    struct carry *c = open_at(a_dir, TWO), *other = NULL;
    fill(c);
    struct tree *t = json(TWO);
    assert_int_equal(carry_open(a_dir, t, &other, &e), -EBUSY);
    assert_string_equal(e.code, "spool-locked");
    tree_free(t);
    struct taker x = {.to = open_at(b_dir, TWO)};
    assert_int_equal(carry_out(c, take, keep, &x, &n, &e), 0);
    assert_int_equal(x.n, N);
    assert_int_equal(n.waiting, N - N / 5);
    assert_int_equal(n.dead, N / 5);
    struct taker again = {.n = 0};
    assert_int_equal(carry_out(c, take, keep, &again, &n, &e), 0);
    assert_int_equal(again.takes + n.waiting + n.dead, 0);
    struct taker back = {.n = 0};
    assert_int_equal(carry_out(x.to, take, keep, &back, &n, &e), 0);
    assert_int_equal(back.n, N);
    carry_close(x.to);
    carry_close(c);
}

static void a_failure_in_the_middle_repeats_a_page_and_loses_nothing(void **state)
{
    (void)state;
    struct carried_totals n;
    struct err e;
    struct carry *c = open_at(a_dir, TWO);
    fill(c);
    struct taker x = {.fail_take = 130};
    assert_int_equal(carry_out(c, take, keep, &x, &n, &e), -EIO);
    assert_string_equal(e.code, "test");
    assert_int_equal(n.waiting, 100);
    carry_close(c);
    c = open_at(a_dir, TWO); /* as after a crash */
    x.fail_keep = x.keeps + 1;
    assert_int_equal(carry_out(c, take, keep, &x, &n, &e), -EIO);
    assert_int_equal(carry_out(c, take, keep, &x, &n, &e), 0);
    assert_int_equal(n.waiting, N - N / 5 - 100);
    assert_int_equal(x.n, N);
    for (unsigned i = 0; i < N; i++)
        assert_in_range(x.seen[i], 1, 3);
    carry_close(c);
}

static void what_was_not_committed_is_gone(void **state)
{
    (void)state;
    struct carried_totals n;
    struct err e;
    char id[16], body[32];
    struct carry *c = open_at(a_dir, TWO);
    struct carried m = message(0, id, body);
    assert_int_equal(carry_add(c, &m, &e), 0);
    carry_close(c);
    c = open_at(a_dir, TWO);
    struct taker x = {.n = 0};
    assert_int_equal(carry_out(c, take, keep, &x, &n, &e), 0);
    assert_int_equal(x.takes, 0);
    m.destination = "three";
    assert_int_equal(carry_add(c, &m, &e), -ENOENT);
    assert_string_equal(e.code, "destination-unknown");
    carry_close(c);
}

static void a_queue_of_nobody_is_refused_before_anything_is_given(void **state)
{
    (void)state;
    struct carried_totals n;
    struct err e;
    struct carry *c = open_at(a_dir, TWO);
    fill(c);
    carry_close(c);
    c = open_at(a_dir, "[{\"name\":\"one\"}]");
    struct taker x = {.n = 0};
    assert_int_equal(carry_out(c, take, keep, &x, &n, &e), -ENOENT);
    assert_int_equal(x.takes, 0);
    assert_non_null(strstr(e.text, "was: two"));
    carry_close(c);
    c = open_at(a_dir, "[{\"name\":\"one\"},{\"name\":\"zwei\",\"was\":[\"two\"]}]");
    assert_int_equal(carry_commit(c, &e), 0);
    carry_close(c);
    c = open_at(a_dir, "[{\"name\":\"one\"},{\"name\":\"zwei\"}]"); /* it is its own now */
    carry_close(c);
}

static void the_spool_opens_what_was_filled(void **state)
{
    (void)state;
    struct err e;
    char text[400];
    struct carry *c = open_at(a_dir, TWO);
    fill(c);
    carry_close(c);
    (void)snprintf(text, sizeof text, "{\"data\":\"%s\",\"destinations\":%s}", a_dir, TWO);
    struct tree *part = json(text), *status = NULL;
    struct spool *s = NULL;
    assert_int_equal(spool_open(part, &s, &e), 0);
    spool_turn(s);
    assert_int_equal(spool_status(s, &status, &e), 0);
    uint64_t waiting = 0, dead = 0;
    const struct tree *list = tree_get(status, "destinations");
    for (size_t i = 0; i < list->n; i++) {
        waiting += tree_getu(list->child[i], "ready", 0) + tree_getu(list->child[i], "delayed", 0);
        dead += tree_getu(list->child[i], "dead", 0);
    }
    assert_int_equal(waiting, N - N / 5);
    assert_int_equal(dead, N / 5);
    tree_free(status);
    tree_free(part);
    spool_close(s);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(everything_comes_out_in_order_and_the_file_is_empty),
        T(a_failure_in_the_middle_repeats_a_page_and_loses_nothing),
        T(what_was_not_committed_is_gone),
        T(a_queue_of_nobody_is_refused_before_anything_is_given),
        T(the_spool_opens_what_was_filled),
    };
    return cmocka_run_group_tests_name("carry", tests, NULL, NULL);
}
