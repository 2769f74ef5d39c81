/* SPDX-License-Identifier: Apache-2.0 */
/* The journal: durable by batches, all or nothing, readable while it is written; trace and tail
 * over several files. */
#include "journal/journal.h"
#include "base/util.h"
#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>
#include <cmocka.h>

static char dir[64];
static struct err e;

static int fresh(void **state)
{
    (void)state;
    (void)snprintf(dir, sizeof(dir), P_tmpdir "/reeve-journal-XXXXXX");
    return mkdtemp(dir) ? 0 : -1;
}

static const char *in_dir(const char *name)
{
    static char path[400];
    (void)snprintf(path, sizeof(path), "%s/%s", dir, name);
    return path;
}

static int cleaned(void **state)
{
    (void)state;
    DIR *d = opendir(dir);
    for (struct dirent *f; d && (f = readdir(d));)
        (void)unlink(in_dir(f->d_name));
    if (d)
        (void)closedir(d);
    return rmdir(dir);
}

static struct journal *open_journal(const char *name)
{
    char file[64];
    struct journal *j = NULL;
    (void)snprintf(file, sizeof(file), "%s.db", name);
    if (journal_open(in_dir(file), name, &j, &e) < 0)
        fail_msg("%s", e.text);
    return j;
}

static void add(struct journal *j, struct journal_row row)
{
    if (journal_add(j, &row, &e) < 0)
        fail_msg("%s", e.text);
}

static void commit(struct journal *j)
{
    if (journal_commit(j, &e) < 0)
        fail_msg("%s", e.text);
}

static struct tree *trace(const char *what)
{
    struct tree *t = NULL;
    int r = journal_trace(dir, what, &t, &e);
    if (r < 0) {
        assert_int_equal(r, -ENOENT);
        assert_string_equal(e.code, "trace-unknown");
        assert_null(t);
    }
    return t;
}

/* The rows' events, joined by blanks. */
static void events_are(struct tree *t, const char *want)
{
    struct buf b = BUF_INIT(10000);
    for (size_t i = 0; t && i < t->n; i++) {
        assert_int_equal(buf_adds(&b, i ? " " : ""), 0);
        assert_int_equal(buf_adds(&b, tree_gets(t->child[i], "event", "?")), 0);
    }
    assert_string_equal(buf_str(&b), want);
    buf_done(&b);
    tree_free(t);
}

#define ID "00112233445566778899aabbccddeeff00112233"

static void rows_are_there_after_a_commit_only(void **state)
{
    (void)state;
    struct journal *j = open_journal("a.receive");
    add(j, (struct journal_row){.event = JOURNAL_ACCEPTED, .id = ID});
    assert_null(trace(ID));
    commit(j);
    events_are(trace(ID), "accepted");
    add(j, (struct journal_row){.event = JOURNAL_DELIVERED, .id = ID});
    journal_close(j);
    j = open_journal("a.receive");
    events_are(trace(ID), "accepted");
    add(j, (struct journal_row){.event = JOURNAL_DEAD, .id = ID});
    commit(j);
    commit(j);
    journal_close(j);
    events_are(trace(ID), "accepted dead");
    journal_close(NULL);
}

static void the_process_before_may_still_be_writing(void **state)
{
    (void)state;
    struct journal *before = open_journal("a.receive"), *j = open_journal("a.receive");
    add(before, (struct journal_row){.event = JOURNAL_ACCEPTED, .id = ID});
    commit(before);
    add(j, (struct journal_row){.event = JOURNAL_DELIVERED, .id = ID});
    commit(j);
    add(before, (struct journal_row){.event = JOURNAL_DEAD, .id = ID});
    commit(before);
    events_are(trace(ID), "accepted delivered dead");
    journal_close(before);
    journal_close(j);
}

static void a_row_comes_back_as_it_was_given(void **state)
{
    (void)state;
    struct journal *j = open_journal("a.receive");
    add(j, (struct journal_row){.wall_ms = 1768469400123,
                                .event = JOURNAL_ATTEMPT,
                                .id = ID,
                                .source = "//hub/p/s",
                                .subject = "S \"1\"\n\x1b[0m",
                                .type = "funding.award",
                                .receipt = "r",
                                .party = "p",
                                .connector = "c",
                                .destination = "d",
                                .attempt = 3,
                                .next_ms = 1768469400999,
                                .code = "http-503",
                                .text = "bad \xff byte",
                                .attributes = "{\"amount\":5}",
                                .detail = "not json"});
    commit(j);
    struct tree *t = trace(ID);
    assert_int_equal(t->n, 1);
    const struct tree *row = t->child[0];
    assert_int_equal(tree_getu(row, "wall_ms", 0), 1768469400123);
    assert_string_equal(tree_gets(row, "time", ""), "2026-01-15T09:30:00.123Z");
    assert_string_equal(tree_gets(row, "source", ""), "//hub/p/s");
    assert_string_equal(tree_gets(row, "subject", ""), "S \"1\"\n\x1b[0m");
    assert_string_equal(tree_gets(row, "type", ""), "funding.award");
    assert_string_equal(tree_gets(row, "receipt", ""), "r");
    assert_string_equal(tree_gets(row, "party", ""), "p");
    assert_string_equal(tree_gets(row, "connector", ""), "c");
    assert_string_equal(tree_gets(row, "destination", ""), "d");
    assert_int_equal(tree_getu(row, "attempt", 0), 3);
    assert_int_equal(tree_getu(row, "next_ms", 0), 1768469400999);
    assert_string_equal(tree_gets(row, "code", ""), "http-503");
    assert_string_equal(tree_gets(row, "text", ""), "bad \\xff byte");
    assert_int_equal(tree_getu(row, "attributes/amount", 0), 5);
    assert_string_equal(tree_gets(row, "detail", ""), "not json");
    assert_string_equal(tree_gets(row, "process", ""), "a.receive");
    struct buf b = BUF_INIT(10000);
    assert_int_equal(tree_to_json(t, &b, false), 0);
    assert_null(strchr(b.p, '\x1b'));
    buf_done(&b);
    tree_free(t);
    journal_close(j);
}

static void a_trace_follows_a_message_through_all_processes(void **state)
{
    (void)state;
    struct journal *in = open_journal("a.receive"), *out = open_journal("b.deliver");
    static const char other[] = "ffeeddccbbaa99887766554433221100ffeeddcc";
    add(in, (struct journal_row){.wall_ms = 10, .event = JOURNAL_SUBMITTED, .receipt = "R1"});
    add(in,
        (struct journal_row){
            .wall_ms = 10, .event = JOURNAL_ACCEPTED, .id = ID, .receipt = "R1", .subject = "S"});
    add(in, (struct journal_row){
                .wall_ms = 10, .event = JOURNAL_REFUSED, .receipt = "R1", .subject = "bad"});
    add(out, (struct journal_row){.wall_ms = 12, .event = JOURNAL_ATTEMPT, .id = ID});
    add(out, (struct journal_row){.wall_ms = 10, .event = JOURNAL_DOWN, .destination = "b"});
    add(in,
        (struct journal_row){
            .wall_ms = 20, .event = JOURNAL_UNCHANGED, .id = ID, .receipt = "R2", .subject = "S"});
    add(in, (struct journal_row){.wall_ms = 20, .event = JOURNAL_SUBMITTED, .receipt = "R2"});
    add(out, (struct journal_row){.wall_ms = 30, .event = JOURNAL_DELIVERED, .id = ID});
    add(in, (struct journal_row){
                .wall_ms = 40, .event = JOURNAL_ACCEPTED, .id = other, .subject = "T"});
    commit(in);
    commit(out);
    events_are(trace(ID), "accepted attempt unchanged delivered");
    events_are(trace("S"), "accepted attempt unchanged delivered");
    events_are(trace("R1"), "submitted accepted refused attempt unchanged delivered");
    events_are(trace("R2"), "submitted unchanged");
    events_are(trace("00112233"), "accepted attempt unchanged delivered");
    events_are(trace("bad"), "refused");
    assert_null(trace("0011223"));
    assert_null(trace("00112234"));
    assert_null(trace(""));
    journal_close(in);
    journal_close(out);
}

static void an_ambiguous_prefix_names_the_ids(void **state)
{
    (void)state;
    struct journal *j = open_journal("a"), *k = open_journal("b");
    struct tree *t = NULL;
    add(j, (struct journal_row){.event = JOURNAL_ACCEPTED, .id = "12345678aa"});
    add(k, (struct journal_row){.event = JOURNAL_ACCEPTED, .id = "12345678ab"});
    commit(j);
    commit(k);
    assert_int_equal(journal_trace(dir, "12345678", &t, &e), -ENOTUNIQ);
    assert_string_equal(e.code, "trace-ambiguous");
    assert_non_null(strstr(e.text, "12345678aa"));
    assert_non_null(strstr(e.text, "12345678ab"));
    assert_null(t);
    assert_int_equal(journal_trace(dir, "12345678a", &t, &e), -ENOTUNIQ);
    events_are(trace("12345678ab"), "accepted");
    journal_close(j);
    journal_close(k);
}

static void put_file(const char *name, const char *text)
{
    FILE *f = fopen(in_dir(name), "w");
    assert_non_null(f);
    (void)fputs(text, f);
    (void)fclose(f);
}

static void a_broken_file_does_not_hide_the_others(void **state)
{
    (void)state;
    struct journal *j = open_journal("m");
    add(j, (struct journal_row){.event = JOURNAL_ACCEPTED, .id = ID});
    commit(j);
    put_file("a-broken.db",
             "no data base, but long enough to be looked at as if it were one, which it is "
             "not, and never was, and never will be one at all");
    put_file("b-empty.db", "");
    put_file("c-other.txt", "ignored");
    assert_int_equal(symlink("nowhere", in_dir("z-gone.db")), 0);
    struct tree *t = trace(ID);
    assert_non_null(t);
    assert_int_equal(t->n, 4);
    assert_string_equal(tree_gets(t->child[0], "process", ""), "m");
    assert_string_equal(tree_gets(t->child[1], "process", ""), "a-broken");
    assert_string_equal(tree_gets(t->child[2], "process", ""), "b-empty");
    assert_string_equal(tree_gets(t->child[3], "process", ""), "z-gone");
    assert_non_null(tree_gets(t->child[1], "code", NULL));
    events_are(t, "accepted unreadable unreadable unreadable");
    assert_null(trace("unheardof"));
    assert_non_null(strstr(e.text, "a-broken"));
    journal_close(j);
}

static void a_missing_directory_is_said(void **state)
{
    (void)state;
    struct tree *t = NULL;
    assert_int_equal(journal_trace(in_dir("nothere"), ID, &t, &e), -ENOENT);
    assert_string_equal(e.code, "journal-directory");
    assert_int_equal(journal_tail(in_dir("nothere"), NULL, 0, 5, &t, &e), -ENOENT);
    assert_null(t);
}

static void the_tail_gives_the_latest_of_all_files(void **state)
{
    (void)state;
    struct journal *j = open_journal("a"), *k = open_journal("b");
    static const char *const some[] = {JOURNAL_DEAD, JOURNAL_REFUSED, NULL};
    struct tree *t = NULL;
    for (uint64_t i = 1; i <= 10; i++) {
        add(i & 1 ? j : k,
            (struct journal_row){.wall_ms = i, .event = JOURNAL_DELIVERED, .id = ID});
        if (i == 3)
            add(k, (struct journal_row){.wall_ms = i, .event = JOURNAL_DEAD, .id = ID});
        if (i == 5)
            add(j, (struct journal_row){.wall_ms = i, .event = JOURNAL_REFUSED, .receipt = "r"});
    }
    commit(j);
    commit(k);
    assert_int_equal(journal_tail(dir, NULL, 0, 3, &t, &e), 0);
    assert_int_equal(t->n, 3);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(tree_getu(t->child[i], "wall_ms", 0), 8 + i);
    tree_free(t);
    assert_int_equal(journal_tail(dir, some, 0, 100, &t, &e), 0);
    events_are(t, "dead refused");
    assert_int_equal(journal_tail(dir, some, 4, 100, &t, &e), 0);
    events_are(t, "refused");
    assert_int_equal(journal_tail(dir, NULL, 11, 100, &t, &e), 0);
    events_are(t, "");
    journal_close(j);
    journal_close(k);
}

static void limit_files(rlim_t bytes)
{
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    struct rlimit l = {bytes, RLIM_INFINITY};
    assert_int_equal(sigaction(SIGXFSZ, &ignore, NULL), 0);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &l), 0);
}

static void a_commit_without_room_stores_nothing_and_can_be_tried_again(void **state)
{
    (void)state;
    struct journal *j = open_journal("a");
    struct tree *t = NULL;
    add(j, (struct journal_row){.event = JOURNAL_SUBMITTED, .receipt = "before"});
    commit(j);
    for (int i = 0; i < 5000; i++)
        add(j, (struct journal_row){
                   .event = JOURNAL_ACCEPTED, .id = ID, .text = "some words to fill the pages"});
    limit_files(300 << 10);
    int r = journal_commit(j, &e);
    limit_files(RLIM_INFINITY);
    assert_true(r < 0);
    assert_true(strncmp(e.code, "db-", 3) == 0);
    assert_null(trace(ID));
    events_are(trace("before"), "submitted");
    add(j, (struct journal_row){.event = JOURNAL_DELIVERED, .id = ID});
    commit(j);
    assert_int_equal(journal_tail(dir, NULL, 0, 10000, &t, &e), 0);
    assert_int_equal(t->n, 5002);
    tree_free(t);
    journal_close(j);
}

static void what_could_not_be_stored_is_frozen_again_with_what_came_since(void **state)
{
    (void)state;
    struct journal *j = open_journal("a");
    struct tree *t = NULL;
    for (int i = 0; i < 5000; i++)
        add(j, (struct journal_row){
                   .event = JOURNAL_ACCEPTED, .id = ID, .text = "some words to fill the pages"});
    assert_int_equal(journal_freeze(j, &e), 1);
    add(j, (struct journal_row){.event = JOURNAL_DELIVERED, .id = ID});
    limit_files(300 << 10);
    int r = journal_store(j, &e);
    limit_files(RLIM_INFINITY);
    assert_true(r < 0);
    assert_int_equal(journal_freeze(j, &e), 1);
    assert_int_equal(journal_store(j, &e), 0); /* both, in one transaction */
    assert_int_equal(journal_freeze(j, &e), 0);
    assert_int_equal(journal_tail(dir, NULL, 0, 10000, &t, &e), 0);
    assert_int_equal(t->n, 5001);
    tree_free(t);
    journal_close(j);
}

static void gathering_has_a_ceiling(void **state)
{
    (void)state;
    struct journal *j = open_journal("a");
    char *big = malloc((1 << 20) + 1);
    assert_non_null(big);
    memset(big, 'x', 1 << 20);
    big[1 << 20] = '\0';
    struct journal_row row = {.event = JOURNAL_REFUSED, .text = big, .receipt = "r"};
    int r = 0, n = 0;
    while (r == 0 && n < 1000)
        r = journal_add(j, &row, &e) < 0 ? -1 : (n++, 0);
    assert_string_equal(e.code, "journal-full");
    assert_int_equal(n, 63);
    commit(j);
    add(j, row);
    journal_close(j);
    free(big);
}

static void a_trace_has_a_ceiling(void **state)
{
    (void)state;
    struct journal *j = open_journal("a");
    for (int i = 0; i < JOURNAL_ROWS_MAX + 10; i++)
        add(j, (struct journal_row){.event = JOURNAL_REFUSED, .receipt = "r"});
    commit(j);
    struct tree *t = trace("r");
    assert_int_equal(t->n, JOURNAL_ROWS_MAX + 1);
    assert_string_equal(tree_gets(t->child[JOURNAL_ROWS_MAX], "event", ""), JOURNAL_TRUNCATED);
    tree_free(t);
    journal_close(j);
}

static void rows_in_all_parts_of_the_index_are_found(void **state)
{
    (void)state;
    struct journal *j = open_journal("a");
    char id[32];
    for (int i = 0; i < 50000; i++) { /* three parts and a bit */
        (void)snprintf(id, sizeof(id), "message-%05d", i);
        add(j, (struct journal_row){.event = JOURNAL_ACCEPTED, .id = i % 10000 ? id : ID});
        if (i % 17000 == 0)
            commit(j);
        if (i == 20000) {
            commit(j);
            journal_close(j);
            j = open_journal("a");
        }
    }
    commit(j);
    events_are(trace(ID), "accepted accepted accepted accepted accepted");
    events_are(trace("message-49999"), "accepted");
    events_are(trace("message-16384"), "accepted");
    events_are(trace("00112233"), "accepted accepted accepted accepted accepted");
    journal_close(j);
}

static atomic_bool stop;

static void *read_all_the_time(void *arg)
{
    size_t *reads = arg, before = 0;
    while (!atomic_load(&stop)) {
        struct tree *t = NULL;
        struct err why;
        int r = journal_trace(dir, "R", &t, &why);
        if (r < 0 && r != -ENOENT)
            return NULL;
        size_t n = t ? t->n : 0;
        bool whole = n % 10 == 0 && n >= before; /* batches are seen whole */
        before = n;
        tree_free(t);
        if (!whole)
            return NULL;
        (*reads)++;
    }
    return reads;
}

static void readers_see_whole_batches_and_never_stop_the_writer(void **state)
{
    (void)state;
    struct journal *j = open_journal("a");
    pthread_t reader;
    size_t reads = 0;
    void *result;
    atomic_store(&stop, false);
    assert_int_equal(pthread_create(&reader, NULL, read_all_the_time, &reads), 0);
    for (int i = 0; i < 200 || (reads < 5 && i < 900); i++) {
        for (int k = 0; k < 10; k++)
            add(j, (struct journal_row){.event = JOURNAL_REFUSED, .receipt = "R"});
        commit(j);
    }
    atomic_store(&stop, true);
    assert_int_equal(pthread_join(reader, &result), 0);
    assert_non_null(result);
    assert_true(reads > 0);
    journal_close(j);
}

/* ---- retention ---- */

static void add_at(struct journal *j, unsigned n, uint64_t wall_ms_)
{
    for (unsigned i = 0; i < n; i++) {
        struct journal_row row = {.event = JOURNAL_DELIVERED, .wall_ms = wall_ms_ + i, .id = "x"};
        assert_int_equal(journal_add(j, &row, &e), 0);
    }
    assert_int_equal(journal_commit(j, &e), 0);
}

static size_t rows_left(void)
{
    struct tree *t = NULL;
    assert_int_equal(journal_tail(dir, NULL, 0, 100000, &t, &e), 0);
    size_t n = t->n;
    tree_free(t);
    return n;
}

static void old_rows_go_in_batches_and_what_is_gathered_stays(void **state)
{
    (void)state;
    struct journal *j = NULL;
    assert_int_equal(journal_open(in_dir("a.db"), "a", &j, &e), 0);
    assert_int_equal(journal_expire(j, UINT64_MAX, 10, &e), 0);
    add_at(j, 25, 1000);
    add_at(j, 5, 5000);
    struct journal_row row = {.event = JOURNAL_DELIVERED, .wall_ms = 1, .id = "gathered"};
    assert_int_equal(journal_add(j, &row, &e), 0);
    assert_int_equal(journal_expire(j, 1000, 10, &e), 0);
    assert_int_equal(journal_expire(j, 5000, 10, &e), 10);
    assert_int_equal(journal_expire(j, 5000, 10, &e), 10);
    assert_int_equal(journal_expire(j, 5000, 10, &e), 5);
    assert_int_equal(journal_expire(j, 5000, 10, &e), 0);
    assert_int_equal(rows_left(), 5);
    assert_int_equal(journal_commit(j, &e), 0);
    assert_int_equal(rows_left(), 6);
    assert_int_equal(journal_expire(j, UINT64_MAX, 100, &e), 6);
    add_at(j, 3, 9000); /* numbers go on, also after all rows went and in a new process */
    journal_close(j);
    assert_int_equal(journal_open(in_dir("a.db"), "a", &j, &e), 0);
    add_at(j, 3, 9500);
    assert_int_equal(rows_left(), 6);
    journal_close(j);
}

static void a_row_of_a_wrong_clock_keeps_no_others(void **state)
{
    (void)state;
    struct journal *j = NULL;
    assert_int_equal(journal_open(in_dir("a.db"), "a", &j, &e), 0);
    add_at(j, 1, 4102444800000); /* 2100 */
    add_at(j, 20, 1000);
    assert_int_equal(journal_expire(j, 5000, 100, &e), 21);
    journal_close(j);
}

static void a_removal_without_room_changes_nothing(void **state)
{
    (void)state;
    struct journal *j = NULL;
    struct rlimit before, none;
    assert_int_equal(journal_open(in_dir("a.db"), "a", &j, &e), 0);
    add_at(j, 20, 1000);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    none = before;
    none.rlim_cur = 0;
    (void)signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &none), 0);
    assert_true(journal_expire(j, 5000, 10, &e) < 0);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_int_equal(rows_left(), 20);
    assert_int_equal(journal_expire(j, 5000, 100, &e), 20);
    journal_close(j);
}

struct taken {
    char text[400]; /* what was given, joined by blanks */
    unsigned n, stop_at;
};

static int note_taken(void *arg, const struct journal_taken *m)
{
    struct taken *t = arg;
    size_t at = strlen(t->text);
    if (t->n++ < 10)
        (void)snprintf(t->text + at, sizeof(t->text) - at, "%s%s%s%s", at ? " " : "", m->id,
                       m->dropped ? " dropped " : " ", m->attributes ? m->attributes : "-");
    assert_int_equal(m->attributes_len, m->attributes ? strlen(m->attributes) : 0);
    return t->n == t->stop_at ? -EINTR : 0;
}

static void each_message_that_was_taken_in_comes_with_its_attributes(void **state)
{
    (void)state;
    struct journal *a = open_journal("a.receive"), *b = open_journal("b.receive");
    struct taken t = {.n = 0};
    struct tree *unreadable = NULL;
    const uint64_t day = 86400000;
    add(a, (struct journal_row){
               .wall_ms = day, .event = JOURNAL_ACCEPTED, .id = "a1", .attributes = "{}"});
    add(a, (struct journal_row){.wall_ms = day, .event = JOURNAL_DELIVERED, .id = "a1"});
    add(a, (struct journal_row){.wall_ms = 2 * day, .event = JOURNAL_ACCEPTED, .id = "a2"});
    add(a, (struct journal_row){
               .wall_ms = 2 * day, .event = JOURNAL_UNROUTED, .id = "a2", .destination = "d"});
    add(a, (struct journal_row){
               .wall_ms = 2 * day, .event = JOURNAL_UNROUTED, .id = "a3", .attributes = "{}"});
    add(b, (struct journal_row){.wall_ms = 3 * day, .event = JOURNAL_ACCEPTED, .id = "b1"});
    commit(a);
    commit(b);
    assert_int_equal(journal_taken(dir, 0, note_taken, &t, &unreadable, &e), 0);
    assert_null(unreadable);
    assert_string_equal(t.text, "a2 - a1 {} a3 dropped {} b1 -");
    t = (struct taken){.n = 0};
    assert_int_equal(journal_taken(dir, 2 * day, note_taken, &t, &unreadable, &e), 0);
    assert_string_equal(t.text, "a2 - a3 dropped {} b1 -");
    t = (struct taken){.stop_at = 2};
    assert_int_equal(journal_taken(dir, 0, note_taken, &t, &unreadable, &e), -EINTR);
    assert_int_equal(t.n, 2);
    for (int i = 0; i < 10000; i++) /* more than a page */
        add(b, (struct journal_row){.wall_ms = 4 * day, .event = JOURNAL_ACCEPTED, .id = "x"});
    commit(b);
    t = (struct taken){.n = 0};
    assert_int_equal(journal_taken(dir, 4 * day, note_taken, &t, &unreadable, &e), 0);
    assert_int_equal(t.n, 10000);
    t = (struct taken){.n = 0};
    assert_int_equal(journal_taken(dir, 3 * day, note_taken, &t, &unreadable, &e), 0);
    assert_int_equal(t.n, 10001);
    journal_close(a);
    journal_close(b);
    FILE *f = fopen(in_dir("c.db"), "w");
    assert_non_null(f);
    assert_int_equal(fputs("no data base", f) < 0, 0);
    assert_int_equal(fclose(f), 0);
    t = (struct taken){.n = 0};
    assert_int_equal(journal_taken(dir, 3 * day, note_taken, &t, &unreadable, &e), 0);
    assert_int_equal(t.n, 10001);
    assert_int_equal(unreadable->n, 1);
    assert_string_equal(tree_gets(unreadable->child[0], "process", ""), "c");
    tree_free(unreadable);
}

#define TRACE_A "0af7651916cd43dd8448eb211c80319c"
#define TRACE_B "4bf92f3577b34da6a3ce929d0e0e4736"

static size_t count(const char *what, const char *event)
{
    struct tree *t = trace(what);
    size_t n = 0;
    for (size_t i = 0; t && i < t->n; i++)
        n += strcmp(tree_gets(t->child[i], "event", ""), event) == 0;
    tree_free(t);
    return n;
}

/* A document in one trace, with a message that brought another; delivered by another process. */
static void a_trace_id_leads_to_its_messages_and_to_no_others(void **state)
{
    (void)state;
    struct journal *j = open_journal("in"), *out = open_journal("out"), *old = open_journal("old");
    add(j, (struct journal_row){.event = JOURNAL_SUBMITTED, .receipt = "r1", .trace = TRACE_A});
    for (int i = 0; i < 3; i++) {
        char id[20];
        (void)snprintf(id, sizeof(id), "message-%d", i);
        add(j, (struct journal_row){
                   .event = JOURNAL_ACCEPTED,
                   .id = id,
                   .receipt = "r1",
                   .trace = i ? TRACE_A : TRACE_B,
                   .attributes = i ? "{\"traceparent\":\"00-" TRACE_A "-b7ad6b7169203331-01\"}"
                                   : "{\"traceparent\":\"00-" TRACE_B "-b7ad6b7169203331-01\"}"});
        add(out, (struct journal_row){.event = JOURNAL_DELIVERED, .id = id, .destination = "d"});
    }
    add(j, (struct journal_row){.event = JOURNAL_ACCEPTED, .id = "message-9", .receipt = "r2"});
    add(j, (struct journal_row){.event = JOURNAL_ACCEPTED, .id = "message-8", .trace = TRACE_A});
    commit(j);
    commit(out);
    sqlite3 *db = NULL; /* as files were before traces were noted */
    assert_int_equal(sqlite3_open(in_dir("old.db"), &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "DROP TABLE trace", NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    assert_int_equal(count(TRACE_A, JOURNAL_ACCEPTED), 2);
    assert_int_equal(count(TRACE_A, JOURNAL_DELIVERED), 2);
    assert_int_equal(count(TRACE_A, JOURNAL_SUBMITTED), 1);
    assert_int_equal(count(TRACE_A, JOURNAL_UNREADABLE), 0);
    assert_int_equal(count(TRACE_B, JOURNAL_ACCEPTED), 1);
    assert_int_equal(count(TRACE_B, JOURNAL_DELIVERED), 1);
    assert_null(trace("00000000000000000000000000000001"));
    journal_close(old);
    old = open_journal("old"); /* written to again: it gets the table */
    add(old, (struct journal_row){.event = JOURNAL_SUBMITTED, .receipt = "r3", .trace = TRACE_B});
    commit(old);
    assert_int_equal(count(TRACE_B, JOURNAL_SUBMITTED), 2); /* r1 is of it, too */
    journal_close(j);
    journal_close(out);
    journal_close(old);
}

static int64_t number_of(const char *file, const char *sql)
{
    sqlite3 *db = NULL;
    sqlite3_stmt *st = NULL;
    assert_int_equal(sqlite3_open(in_dir(file), &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &st, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(st), SQLITE_ROW);
    int64_t n = sqlite3_column_int64(st, 0);
    (void)sqlite3_finalize(st);
    (void)sqlite3_close(db);
    return n;
}

/* 40,000 messages of one document are one entry in each stretch of the index, and old ones go. */
static void traces_are_few_and_go_with_their_rows(void **state)
{
    (void)state;
    struct journal *j = open_journal("p");
    char id[20];
    for (int i = 0; i < 40000; i++) {
        (void)snprintf(id, sizeof(id), "message-%d", i);
        add(j, (struct journal_row){.wall_ms = 1000 + (uint64_t)i,
                                    .event = JOURNAL_ACCEPTED,
                                    .id = id,
                                    .receipt = "r1",
                                    .trace = TRACE_A});
    }
    commit(j);
    assert_int_equal(number_of("p.db", "SELECT count(*) FROM trace"), 3);
    assert_int_equal(journal_expire(j, 39000, 100000, &e), 38000);
    assert_int_equal(number_of("p.db", "SELECT count(*) FROM trace"), 1);
    journal_close(j);
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, fresh, cleaned)
    const struct CMUnitTest tests[] = {
        CASE(rows_are_there_after_a_commit_only),
        CASE(the_process_before_may_still_be_writing),
        CASE(a_row_comes_back_as_it_was_given),
        CASE(a_trace_follows_a_message_through_all_processes),
        CASE(an_ambiguous_prefix_names_the_ids),
        CASE(a_broken_file_does_not_hide_the_others),
        CASE(a_missing_directory_is_said),
        CASE(the_tail_gives_the_latest_of_all_files),
        CASE(a_commit_without_room_stores_nothing_and_can_be_tried_again),
        CASE(what_could_not_be_stored_is_frozen_again_with_what_came_since),
        CASE(gathering_has_a_ceiling),
        CASE(a_trace_has_a_ceiling),
        CASE(rows_in_all_parts_of_the_index_are_found),
        CASE(each_message_that_was_taken_in_comes_with_its_attributes),
        CASE(readers_see_whole_batches_and_never_stop_the_writer),
        CASE(old_rows_go_in_batches_and_what_is_gathered_stays),
        CASE(a_row_of_a_wrong_clock_keeps_no_others),
        CASE(a_removal_without_room_changes_nothing),
        CASE(a_trace_id_leads_to_its_messages_and_to_no_others),
        CASE(traces_are_few_and_go_with_their_rows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
