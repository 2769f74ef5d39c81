/* SPDX-License-Identifier: Apache-2.0 */
/* Searching the journals page by page against a plain model of the same rows: every row that fits
 * comes once, newest first, however the pages are cut and whenever the search is stopped. */
#include "journal/journal.h"
#include "journal/story.h"
#include "base/buf.h"
#include "base/util.h"
#include <dirent.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#define FILES   3u
#define ROWS    60000u
#define START   1700000000000u
#define OF_FILE (ROWS / FILES) /* more than one stretch of the indices */

static char dir[64];
static struct err e;
static const char *const events[] = {JOURNAL_ACCEPTED, JOURNAL_DELIVERED, JOURNAL_DEAD};

struct model_row {
    uint64_t wall_ms;
    unsigned number, event, connector;
};
static struct model_row model[ROWS];

static void path_of(char out[400], const char *name)
{
    (void)snprintf(out, 400, "%s/%s", dir, name);
}

/* Times rise with the numbers, with many rows in one millisecond. */
static void write_file(unsigned file)
{
    char path[400], name[32], id[32], subject[32], connector[16];
    struct journal *j = NULL;
    uint64_t at = START + file;
    (void)snprintf(name, sizeof name, "p%u.db", file);
    path_of(path, name);
    assert_int_equal(journal_open(path, name, &j, &e), 0);
    for (unsigned i = 0; i < OF_FILE; i++) {
        unsigned number = file * OF_FILE + i, random = (unsigned)hash_bytes(&number, sizeof number);
        at += random % 5 == 0 ? random / 7 % 40 : 0;
        model[number] =
            (struct model_row){at, number, random / 3 % ARRAY_SIZE(events), random / 11 % 4};
        (void)snprintf(id, sizeof id, "message-%08u", number);
        (void)snprintf(subject, sizeof subject, "subject-%u", number / 7);
        (void)snprintf(connector, sizeof connector, "c%u", model[number].connector);
        const struct journal_row row = {.wall_ms = at,
                                        .event = events[model[number].event],
                                        .id = id,
                                        .subject = subject,
                                        .connector = connector};
        assert_int_equal(journal_add(j, &row, &e), 0);
        if (i % 5000 == 0)
            assert_int_equal(journal_commit(j, &e), 0);
    }
    assert_int_equal(journal_commit(j, &e), 0);
    journal_close(j);
}

static int make_files(void **state)
{
    (void)state;
    (void)snprintf(dir, sizeof dir, P_tmpdir "/reeve-search-XXXXXX");
    if (!mkdtemp(dir))
        return -1;
    for (unsigned i = 0; i < FILES; i++)
        write_file(i);
    return 0;
}

static int remove_files(void **state)
{
    char path[400];
    (void)state;
    DIR *d = opendir(dir);
    for (struct dirent *f; d && (f = readdir(d));) {
        path_of(path, f->d_name);
        (void)unlink(path);
    }
    if (d)
        (void)closedir(d);
    return rmdir(dir);
}

static bool fits(const struct model_row *m, const struct journal_search *s)
{
    char connector[16];
    (void)snprintf(connector, sizeof connector, "c%u", m->connector);
    return (!s->event || strcmp(s->event, events[m->event]) == 0) &&
           (!s->connector || strcmp(s->connector, connector) == 0) && m->wall_ms >= s->from_ms &&
           (!s->to_ms || m->wall_ms <= s->to_ms);
}

/* Marks a row of a page as seen; it must fit and be new. */
static void see(const struct tree *row, const struct journal_search *s, bool seen[ROWS])
{
    int64_t number = -1;
    assert_int_equal(parse_i64(tree_gets(row, "id", "message-x") + strlen("message-") + 0, &number),
                     0);
    assert_true(number >= 0 && number < (int64_t)ROWS);
    assert_true(fits(&model[number], s));
    assert_false(seen[number]);
    seen[number] = true;
}

/* Goes through all pages; returns how many rows there were. */
static size_t go_through(struct journal_search s)
{
    static bool seen[ROWS];
    size_t n = 0, want = 0;
    uint64_t last = UINT64_MAX;
    memset(seen, 0, sizeof seen);
    for (unsigned pages = 0;; pages++) {
        struct journal_page page;
        if (journal_search(dir, &s, &page, &e) < 0)
            fail_msg("%s", e.text);
        assert_true(page.rows->n <= s.limit && pages < 100000);
        for (size_t i = 0; i < page.rows->n; i++) {
            uint64_t at = tree_getu(page.rows->child[i], "wall_ms", 0);
            assert_true(at <= last);
            last = at;
            see(page.rows->child[i], &s, seen);
            n++;
        }
        s.before_ms = page.next_ms;
        s.skip = page.next_skip;
        bool more = page.more;
        journal_page_done(&page);
        if (!more)
            break;
    }
    for (size_t i = 0; i < ROWS; i++)
        want += fits(&model[i], &s);
    assert_int_equal(n, want);
    return n;
}

static void pages_give_every_row_once(void **state)
{
    (void)state;
    struct journal_search s = {.limit = 1000, .budget_ms = 60000};
    assert_int_equal(go_through(s), ROWS);
    s.event = JOURNAL_DEAD;
    s.connector = "c2";
    s.limit = 700;
    assert_true(go_through(s) > 1000);
    s.connector = "nobody";
    assert_int_equal(go_through(s), 0);
}

static void times_bound_it(void **state)
{
    (void)state;
    struct journal_search s = {.limit = 999, .budget_ms = 60000};
    s.from_ms = model[OF_FILE / 3].wall_ms;
    s.to_ms = model[OF_FILE / 2].wall_ms;
    assert_true(go_through(s) > 1000);
    s.to_ms = s.from_ms; /* one millisecond */
    assert_true(go_through(s) >= 1);
    s.from_ms = s.to_ms = START - 1;
    assert_int_equal(go_through(s), 0);
}

/* Whatever time there is: what was not read comes with a later page. */
static void stopped_searches_go_on(void **state)
{
    (void)state;
    struct journal_search s = {.limit = 50, .event = JOURNAL_DEAD, .connector = "c1"};
    s.from_ms = model[OF_FILE / 2].wall_ms;
    for (s.budget_ms = 0; s.budget_ms <= 15; s.budget_ms += 5)
        assert_true(go_through(s) > 100);
}

static size_t count(const char *what)
{
    struct journal_search s = {.what = what, .limit = 100, .budget_ms = 60000};
    struct journal_page page;
    if (journal_search(dir, &s, &page, &e) < 0)
        fail_msg("%s", e.text);
    size_t n = page.rows->n;
    journal_page_done(&page);
    return n;
}

static void names_are_found_in_every_stretch(void **state)
{
    (void)state;
    assert_int_equal(count("message-00000000"), 1);
    assert_int_equal(count("message-00019999"), 1);
    assert_int_equal(count("message-00059999"), 1);
    assert_int_equal(count("message-0001234"), 10); /* the beginning is enough */
    assert_int_equal(count("subject-1"), 7);        /* a subject is meant whole */
    assert_int_equal(count("message"), 0);          /* seven characters are not */
    assert_int_equal(count("nobody-knows"), 0);
    assert_int_equal(count("' OR 1=1 --"), 0);
}

static void odd_questions_are_refused(void **state)
{
    char longer[300];
    struct journal_page page;
    (void)state;
    memset(longer, 'x', sizeof longer - 1);
    longer[sizeof longer - 1] = '\0';
    const struct journal_search bad[] = {{.limit = 0, .budget_ms = 1},
                                         {.limit = 1001, .budget_ms = 1},
                                         {.limit = 1, .what = longer, .budget_ms = 1},
                                         {.limit = 1, .before_ms = 1, .skip = 20000}};
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
        assert_int_equal(journal_search(dir, &bad[i], &page, &e), -EINVAL);
    const struct journal_search good = {.limit = 1, .budget_ms = 1000};
    assert_int_equal(journal_search("/nonexistent", &good, &page, &e), -ENOENT);
}

static void unreadable_files_are_named(void **state)
{
    char path[400];
    struct journal_search s = {.limit = 5, .budget_ms = 60000};
    struct journal_page page;
    (void)state;
    path_of(path, "torn.db");
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    for (int i = 0; i < 200; i++)
        fputs("this is no database at all ", f);
    (void)fclose(f);
    assert_int_equal(journal_search(dir, &s, &page, &e), 0);
    assert_int_equal(page.rows->n, 5);
    assert_int_equal(page.unreadable->n, 1);
    assert_string_equal(tree_gets(page.unreadable->child[0], "process", ""), "torn");
    journal_page_done(&page);
    (void)unlink(path);
}

static void count_row(void *arg, const struct journal_row *row)
{
    size_t *n = arg;
    assert_non_null(row->event);
    ++*n;
}

static void recent_rows_say_since_when_they_are_complete(void **state)
{
    size_t n = 0;
    uint64_t since = 0;
    (void)state;
    assert_int_equal(journal_recent(dir, START, 100, 60000, count_row, &n, &since, &e), 0);
    assert_int_equal(n, FILES * 100);
    assert_true(since > START);
    n = 0;
    assert_int_equal(journal_recent(dir, START, ROWS, 60000, count_row, &n, &since, &e), 0);
    assert_int_equal(n, ROWS);
    assert_int_equal(since, START);
}

static void a_trace_can_be_bounded(void **state)
{
    struct tree *rows = NULL;
    (void)state;
    assert_int_equal(journal_trace_within(dir, "message-00000007", 60000, &rows, &e), 0);
    assert_int_equal(rows->n, 1);
    struct buf text = BUF_INIT(1000);
    assert_int_equal(story_of_row(rows->child[0], wall_ms(), &text) <= STORY_BAD, 1);
    assert_true(text.len > 0);
    buf_done(&text);
    tree_free(rows);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pages_give_every_row_once),
        cmocka_unit_test(times_bound_it),
        cmocka_unit_test(stopped_searches_go_on),
        cmocka_unit_test(names_are_found_in_every_stretch),
        cmocka_unit_test(odd_questions_are_refused),
        cmocka_unit_test(unreadable_files_are_named),
        cmocka_unit_test(recent_rows_say_since_when_they_are_complete),
        cmocka_unit_test(a_trace_can_be_bounded),
    };
    return cmocka_run_group_tests(tests, make_files, remove_files);
}
