/* SPDX-License-Identifier: Apache-2.0 */
/* State that several hubs share: the same document at two doors, two documents about one subject at
 * once, what one hub has begun and another goes on with. Each handle stands for a hub. */
#include "lib/forked.h"
#include "lib/store.h"
#include "state/pg_schema.h"
#include "base/util.h"
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

static struct err e;
static struct state *a, *b;

static int two_hubs(void **state)
{
    a = b = NULL;
    if (store_init(state) < 0)
        return -1;
    if (!store_is_shared())
        return 0;
    a = store_open();
    b = store_open();
    return 0;
}

static int closed(void **state)
{
    state_close(a);
    state_close(b);
    return store_done(state);
}

static void digest(char c, uint8_t out[SHA256_LEN])
{
    memset(out, c, SHA256_LEN);
}

static struct subject_verdict look(struct state *s, char receipt, char subject, char content)
{
    uint8_t r[SHA256_LEN], k[SHA256_LEN], c[SHA256_LEN];
    struct subject_verdict v;
    digest(receipt, r);
    digest(subject, k);
    digest(content, c);
    if (state_subject(s, k, c, r, &v, &e) < 0)
        fail_msg("%s", e.text);
    return v;
}

static void put(struct state *s, char receipt, char subject, char content,
                const struct subject_verdict *v)
{
    uint8_t r[SHA256_LEN], k[SHA256_LEN], c[SHA256_LEN];
    digest(receipt, r);
    digest(subject, k);
    digest(content, c);
    assert_int_equal(state_subject_put(s, k, c, v, r, &e), 0);
}

static struct subject_verdict offer(struct state *s, char receipt, char subject, char content)
{
    struct subject_verdict v = look(s, receipt, subject, content);
    if (v.change != CHANGE_UNCHANGED && !v.resent)
        put(s, receipt, subject, content, &v);
    return v;
}

static void answer(struct state *s, char receipt, const char *json)
{
    uint8_t r[SHA256_LEN];
    digest(receipt, r);
    assert_int_equal(state_receipt_put(s, r, NULL, json, strlen(json), 1000, &e), 0);
}

static void commit(struct state *s)
{
    if (state_commit(s, &e) < 0)
        fail_msg("%s: %s", e.code, e.text);
}

static void refused(struct state *s, const char *code)
{
    assert_true(state_commit(s, &e) < 0);
    assert_string_equal(e.code, code);
    state_rollback(s);
}

static bool is_last(struct state *s, char receipt)
{
    uint8_t r[SHA256_LEN];
    digest(receipt, r);
    int rc = state_is_last(s, r, &e);
    if (rc < 0)
        fail_msg("%s", e.text);
    return rc;
}

#define VERDICT(v, c, g, again)              \
    do {                                     \
        struct subject_verdict got = (v);    \
        assert_int_equal(got.change, c);     \
        assert_int_equal(got.generation, g); \
        assert_int_equal(got.resent, again); \
    } while (0)

static void what_one_hub_stored_the_other_knows(void **state)
{
    (void)state;
    store_needs_server();
    VERDICT(offer(a, '1', 'S', 'x'), CHANGE_NEW, 0, false);
    answer(a, '1', "{}");
    commit(a);
    VERDICT(offer(b, '2', 'S', 'x'), CHANGE_UNCHANGED, 0, false);
    VERDICT(offer(b, '2', 'S', 'y'), CHANGE_CHANGED, 1, false);
    answer(b, '2', "{}");
    commit(b);
    VERDICT(offer(a, '1', 'S', 'x'), CHANGE_CHANGED, 2, false); /* taken back at the first door */
    state_rollback(a);
    assert_false(is_last(a, '1'));
    assert_true(is_last(a, '2'));
}

static void a_submission_cut_short_at_one_hub_is_completed_at_the_other(void **state)
{
    (void)state;
    store_needs_server();
    VERDICT(offer(a, '0', 'C', 'x'), CHANGE_NEW, 0, false);
    answer(a, '0', "{}");
    commit(a);
    VERDICT(offer(a, '1', 'N', 'a'), CHANGE_NEW, 0, false);
    VERDICT(offer(a, '1', 'C', 'y'), CHANGE_CHANGED, 1, false);
    commit(a);
    state_close(a);
    a = NULL;
    VERDICT(offer(b, '1', 'N', 'a'), CHANGE_NEW, 0, true);
    VERDICT(offer(b, '1', 'C', 'y'), CHANGE_CHANGED, 1, true);
    VERDICT(offer(b, '1', 'M', 'm'), CHANGE_NEW, 0, false);
    answer(b, '1', "{}");
    commit(b);
    VERDICT(offer(b, '1', 'N', 'a'), CHANGE_UNCHANGED, 0, false);
    assert_int_equal(store_sql("SELECT count(*) FROM reeve_run"), 0);
}

static void two_contents_of_one_subject_at_once_do_not_both_pass(void **state)
{
    (void)state;
    store_needs_server();
    VERDICT(offer(a, '1', 'S', 'x'), CHANGE_NEW, 0, false);
    VERDICT(offer(b, '2', 'S', 'y'), CHANGE_NEW, 0, false);
    VERDICT(offer(b, '2', 'T', 'y'), CHANGE_NEW, 0, false);
    commit(a);
    refused(b, "state-conflict");
    VERDICT(look(a, '3', 'T', 'y'), CHANGE_NEW, 0, false);      /* nothing of it is there */
    VERDICT(offer(b, '2', 'S', 'y'), CHANGE_CHANGED, 1, false); /* the sender's next try */
    commit(b);
    VERDICT(look(a, '3', 'S', 'y'), CHANGE_UNCHANGED, 1, false);
}

/* The other's content came between the look and the put, with a look-up since. */
static void what_was_seen_when_the_verdict_was_given_counts(void **state)
{
    (void)state;
    store_needs_server();
    struct subject_verdict v = look(a, '1', 'S', 'x');
    VERDICT(offer(b, '2', 'S', 'y'), CHANGE_NEW, 0, false);
    commit(b);
    VERDICT(look(a, '9', 'S', 'x'), CHANGE_CHANGED, 1, false);
    put(a, '1', 'S', 'x', &v);
    refused(a, "state-conflict");
}

static void a_change_seen_at_both_hubs_is_counted_once(void **state)
{
    (void)state;
    store_needs_server();
    (void)offer(a, '0', 'S', 'o');
    answer(a, '0', "{}");
    commit(a);
    VERDICT(offer(a, '1', 'S', 'x'), CHANGE_CHANGED, 1, false);
    VERDICT(offer(b, '2', 'S', 'x'), CHANGE_CHANGED, 1, false); /* the same id: no conflict */
    commit(a);
    commit(b);
    assert_int_equal(store_sql("SELECT generation FROM reeve_subject"), 1);
    VERDICT(offer(a, '3', 'S', 'z'), CHANGE_CHANGED, 2, false);
    commit(a);
    assert_int_equal(store_sql("SELECT generation FROM reeve_subject"), 2);
}

/* The sender waited too long for the first door and went to the second. */
static void the_same_document_at_two_doors_gets_one_answer(void **state)
{
    char *json;
    size_t len;
    uint64_t ms;
    uint8_t r[SHA256_LEN];
    (void)state;
    store_needs_server();
    digest('1', r);
    assert_false(is_last(a, '1') || is_last(b, '1'));
    VERDICT(offer(a, '1', 'S', 'x'), CHANGE_NEW, 0, false);
    VERDICT(offer(b, '1', 'S', 'x'), CHANGE_NEW, 0, false);
    VERDICT(offer(b, '1', 'T', 'x'), CHANGE_NEW, 0, false);
    commit(a);
    commit(b);
    VERDICT(offer(a, '1', 'T', 'x'), CHANGE_NEW, 0, true);
    answer(a, '1', "{\"by\":\"a\"}");
    commit(a);
    answer(b, '1', "{\"by\":\"b\"}");
    refused(b, "state-conflict");
    assert_true(is_last(b, '1')); /* the next try */
    assert_int_equal(state_receipt(b, r, &json, &len, &ms, &e), 0);
    assert_string_equal(json, "{\"by\":\"a\"}");
    free(json);
    VERDICT(offer(b, '1', 'S', 'x'), CHANGE_UNCHANGED, 0, false);
}

static void names_do_not_see_each_other(void **state)
{
    (void)state;
    store_needs_server();
    struct state *other = store_open_as("other.receive");
    VERDICT(offer(a, '1', 'S', 'x'), CHANGE_NEW, 0, false);
    commit(a);
    VERDICT(offer(other, '1', 'S', 'x'), CHANGE_NEW, 0, false);
    commit(other);
    state_close(other);
}

static void what_is_fetched_ahead_is_what_is_there(void **state)
{
    uint8_t keys[3][SHA256_LEN], r[SHA256_LEN], q[SHA256_LEN];
    (void)state;
    store_needs_server();
    (void)offer(a, '0', 'S', 'x');
    (void)offer(a, '0', 'T', 't');
    answer(a, '0', "{}");
    commit(a);
    digest('S', keys[0]);
    digest('T', keys[1]);
    digest('U', keys[2]);
    digest('1', r);
    digest('2', q);
    assert_false(state_at_hand(a, keys[0], r));
    assert_int_equal(state_prefetch(a, r, keys[0], 3, &e), 0);
    for (size_t i = 0; i < 3; i++)
        assert_true(state_at_hand(a, keys[i], r));
    assert_false(state_at_hand(a, keys[0], q)); /* another submission looks for itself */
    VERDICT(offer(a, '1', 'S', 'y'), CHANGE_CHANGED, 1, false);
    VERDICT(offer(a, '1', 'T', 't'), CHANGE_UNCHANGED, 0, false);
    VERDICT(offer(a, '1', 'U', 'u'), CHANGE_NEW, 0, false);
    assert_true(state_at_hand(a, keys[0], q)); /* staged */
    commit(a);
    assert_false(state_at_hand(a, keys[1], r)); /* older than the commit */
    VERDICT(offer(a, '1', 'S', 'y'), CHANGE_CHANGED, 1, true);
    /* what is fetched may be old by the time it is used: the commit notices */
    assert_int_equal(state_prefetch(a, r, keys[0], 3, &e), 0);
    (void)offer(b, '3', 'T', 'v');
    commit(b);
    VERDICT(offer(a, '1', 'T', 'w'), CHANGE_CHANGED, 1, false);
    refused(a, "state-conflict");
    VERDICT(offer(a, '1', 'T', 'w'), CHANGE_CHANGED, 2, false);
}

static void long_keys_are_found(void **state)
{
    (void)state;
    store_needs_server();
    char *key = malloc(100001);
    uint8_t r[SHA256_LEN], got[SHA256_LEN];
    const void *p;
    size_t len;
    assert_non_null(key);
    memset(key, 'k', 100000);
    key[100000] = '\0';
    digest('1', r);
    assert_int_equal(state_put(a, key, "v", 1, &e), 0);
    assert_int_equal(state_receipt_put(a, r, key, "{}", 2, 1000, &e), 0);
    assert_int_equal(state_receipt_put(a, r, key, "{}", 2, 1000, &e), 0); /* twice in a batch */
    commit(a);
    assert_int_equal(state_get(b, key, &p, &len, &e), 0);
    assert_int_equal(len, 1);
    assert_int_equal(state_idempotency(b, key, 1000, got, &e), 0);
    key[99999] = 'l';
    assert_int_equal(state_get(b, key, &p, &len, &e), -ENOENT);
    free(key);
}

static void a_commit_without_its_lease_stores_nothing(void **state)
{
    (void)state;
    store_needs_server();
    assert_int_equal(state_guard(a, "feed", 3, &e), 0);
    assert_int_equal(state_put(a, "cursor", "1", 1, &e), 0);
    refused(a, "lease-lost"); /* there is none */
    (void)store_sql(
        "INSERT INTO reeve_lease VALUES('feed', 3, 'a', '\\x00', now() + interval '1 h')");
    assert_int_equal(state_put(a, "cursor", "1", 1, &e), 0);
    commit(a);
    (void)store_sql("UPDATE reeve_lease SET epoch = 4");
    assert_int_equal(state_put(a, "cursor", "2", 1, &e), 0);
    refused(a, "lease-lost");
    (void)store_sql("UPDATE reeve_lease SET epoch = 3, expires = now() - interval '1 ms'");
    assert_int_equal(state_put(a, "cursor", "2", 1, &e), 0);
    refused(a, "lease-lost");
    assert_int_equal(state_guard(a, NULL, 0, &e), 0);
    assert_int_equal(state_put(a, "cursor", "2", 1, &e), 0);
    commit(a);
}

/* ---- the tables ---- */
static void newer_tables_are_refused_in_a_sentence(void **state)
{
    struct state *s = NULL;
    (void)state;
    store_needs_server();
    (void)store_sql("UPDATE reeve_format SET format = 99");
    struct tree *part = store_part("s");
    assert_true(state_open(part, &s, &e) < 0);
    assert_string_equal(e.code, "db-format");
    assert_non_null(strstr(e.text, "99"));
    tree_free(part);
}

static void older_tables_are_brought_up_in_order_and_all_or_nothing(void **state)
{
    static const char *const steps[] = {"CREATE TABLE t(n int)", "INSERT INTO t VALUES(2)",
                                        "ALTER TABLE t ADD m int DEFAULT 3",
                                        "INSERT INTO nowhere VALUES(1)"};
    struct pg p;
    (void)state;
    store_needs_server();
    (void)store_sql("DROP TABLE reeve_format"); /* as before the first */
    assert_int_equal(pg_init(&p, store_conninfo(), "test", NULL, 0, &e), 0);
    const char *keys[PG_PARAMETERS], *values[PG_PARAMETERS];
    pg_parameters(p.conninfo, p.application, keys, values);
    p.c = PQconnectdbParams(keys, values, 1);
    assert_int_equal(PQstatus(p.c), CONNECTION_OK);
    for (int format = 1; format <= 3; format++) {
        struct pg_form form = {steps, format};
        assert_int_equal(pg_bring_up(&p, &form, &e), 0);
        assert_int_equal(store_sql("SELECT format FROM reeve_format"), format);
    }
    assert_int_equal(store_sql("SELECT n + m FROM t"), 5);
    struct pg_form broken = {steps, 4};
    assert_true(pg_bring_up(&p, &broken, &e) < 0);
    assert_int_equal(store_sql("SELECT format FROM reeve_format"), 3);
    pg_done(&p);
}

static void many_first_ones_make_the_tables_once(void **state)
{
    pid_t child[6];
    (void)state;
    store_needs_server();
    state_close(a);
    state_close(b);
    a = b = NULL;
    (void)store_done(NULL);
    assert_int_equal(store_init(NULL), 0);
    for (size_t i = 0; i < ARRAY_SIZE(child); i++)
        if ((child[i] = forked()) == 0) {
            struct state *s = NULL;
            struct tree *part = store_part("s");
            _exit(state_open(part, &s, &e) < 0);
        }
    for (size_t i = 0; i < ARRAY_SIZE(child); i++) {
        int status = -1;
        assert_int_equal(waitpid(child[i], &status, 0), child[i]);
        assert_int_equal(status, 0);
    }
}

/* ---- the connection ---- */
static int open_with(const char *more)
{
    struct state *s = NULL;
    struct tree *t = tree_map();
    (void)tree_puts(t, "engine", "postgresql");
    (void)tree_puts(t, "process", "s");
    (void)tree_put(t, "conninfo", tree_scalarf(false, "%s %s", store_conninfo(), more));
    int r = state_open(t, &s, &e);
    tree_free(t);
    state_close(s);
    return r;
}

static void tls_is_as_the_conninfo_says(void **state)
{
    char more[512];
    (void)state;
    store_needs_server();
    const char *dir = getenv("REEVE_POSTGRESQL_DIR");
    assert_non_null(dir);
    (void)snprintf(more, sizeof(more),
                   "host=localhost sslmode=verify-full sslrootcert=%s/tls/ca.pem", dir);
    if (open_with(more) < 0)
        fail_msg("%s", e.text);
    (void)snprintf(more, sizeof(more),
                   "host=localhost sslmode=verify-full sslrootcert=%s/tls/server.pem", dir);
    assert_true(open_with(more) < 0); /* that is no authority */
    assert_string_equal(e.code, "state-away");
    assert_non_null(strstr(e.text, "certificate"));
}

static void what_is_wrong_with_the_server_is_said(void **state)
{
    (void)state;
    store_needs_server();
    assert_true(open_with("password=wrong") < 0);
    assert_non_null(strstr(e.text, "password"));
    assert_true(open_with("port=1") < 0);
    assert_string_equal(e.code, "state-away");
    assert_true(open_with("options='-c search_path=nowhere'") < 0);
    assert_non_null(strstr(e.text, "schema"));
}

/* As many hubs as there are handles, at random subjects: what passes is one history. */
static void random_hubs_never_disagree(void **state)
{
    unsigned seed = getenv("REEVE_SEED") ? (unsigned)strtoul(getenv("REEVE_SEED"), NULL, 10)
                                         : (unsigned)wall_ms();
    struct state *hub[3] = {a, b, NULL};
    long stored[4] = {-1, -1, -1, -1}; /* generations, by the history of what was committed */
    char content[4] = {0};
    unsigned conflicts = 0;
    (void)state;
    store_needs_server();
    print_message("seed %u (REEVE_SEED)\n", seed);
    hub[2] = store_open();
    struct {
        char subject, content, change;
        long generation;
    } staged[3] = {{0}};
    for (unsigned i = 0; i < 600; i++) {
        unsigned h = (unsigned)rand_r(&seed) % 3;
        if (staged[h].content && rand_r(&seed) % 2) { /* decide */
            size_t k = (size_t)(staged[h].subject - 'A');
            if (state_commit(hub[h], &e) == 0) {
                bool again = content[k] == staged[h].content && stored[k] == staged[h].generation;
                assert_true(again || stored[k] == staged[h].generation - 1);
                stored[k] = staged[h].generation;
                content[k] = staged[h].content;
            } else {
                assert_string_equal(e.code, "state-conflict");
                state_rollback(hub[h]);
                conflicts++;
            }
            staged[h].content = 0;
        } else if (!staged[h].content) {
            char subject = (char)('A' + rand_r(&seed) % 4), c = (char)('a' + rand_r(&seed) % 3);
            struct subject_verdict v = offer(hub[h], (char)(1 + i % 100), subject, c);
            if (v.change == CHANGE_UNCHANGED || v.resent)
                continue;
            staged[h].subject = subject;
            staged[h].content = c;
            staged[h].generation = (long)v.generation;
        }
    }
    print_message("%u conflicts\n", conflicts);
    assert_true(conflicts > 0);
    state_close(hub[2]);
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, two_hubs, closed)
    const struct CMUnitTest tests[] = {
        CASE(what_one_hub_stored_the_other_knows),
        CASE(a_submission_cut_short_at_one_hub_is_completed_at_the_other),
        CASE(two_contents_of_one_subject_at_once_do_not_both_pass),
        CASE(what_was_seen_when_the_verdict_was_given_counts),
        CASE(a_change_seen_at_both_hubs_is_counted_once),
        CASE(the_same_document_at_two_doors_gets_one_answer),
        CASE(names_do_not_see_each_other),
        CASE(what_is_fetched_ahead_is_what_is_there),
        CASE(long_keys_are_found),
        CASE(a_commit_without_its_lease_stores_nothing),
        CASE(newer_tables_are_refused_in_a_sentence),
        CASE(older_tables_are_brought_up_in_order_and_all_or_nothing),
        CASE(many_first_ones_make_the_tables_once),
        CASE(tls_is_as_the_conninfo_says),
        CASE(what_is_wrong_with_the_server_is_said),
        CASE(random_hubs_never_disagree),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
