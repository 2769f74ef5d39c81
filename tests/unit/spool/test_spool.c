/* SPDX-License-Identifier: Apache-2.0 */
/* test_spool - the embedded queue without sockets, with peers that only remember. */
#include "spool/spool.h"
#include "lib/patience.h"
#include "base/db.h"
#include "base/util.h"
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>

#define JOBS 20000

struct fake {
    struct peer peer; /* first */
    unsigned confirmed, failed, settled, jobs, answers;
    char code[64];
    uint64_t handle[JOBS];
    char id[JOBS][24];
    uint32_t attempts[JOBS];
    bool full;
};

static char dir[64];
static struct spool *sp;
static struct fake one, two;

static void on_confirmed(struct peer *p, uint64_t no)
{
    (void)no;
    ((struct fake *)p)->confirmed++;
}

static void on_failed(struct peer *p, uint64_t no, const char *code, const char *text)
{
    struct fake *f = (struct fake *)p;
    (void)no;
    assert_true(text[0] != '\0');
    f->failed++;
    (void)snprintf(f->code, sizeof f->code, "%s", code);
}

static void on_settled(struct peer *p, uint64_t handle)
{
    (void)handle;
    ((struct fake *)p)->settled++;
}

static void on_job(struct peer *p, const struct spool_job *j)
{
    struct fake *f = (struct fake *)p;
    assert_true(f->jobs < JOBS);
    f->handle[f->jobs] = j->handle;
    f->attempts[f->jobs] = j->attempts;
    (void)snprintf(f->id[f->jobs], sizeof f->id[0], "%.*s", (int)j->id.len, j->id.p);
    f->jobs++;
}

static bool can_take(struct peer *p)
{
    return !((struct fake *)p)->full;
}

static void on_answer(struct peer *p, const char *code, const char *text)
{
    struct fake *f = (struct fake *)p;
    (void)text;
    f->answers++;
    (void)snprintf(f->code, sizeof f->code, "%s", code);
}

static void on_moved(struct peer *p, const struct buf *ids, uint64_t left)
{
    struct fake *f = (struct fake *)p;
    (void)ids;
    (void)left;
    f->answers++;
}

static const struct peer_ops ops = {on_confirmed, on_failed, on_settled, on_job,
                                    can_take,     on_answer, on_moved};

static const char *retention = "";

static int open_spool(const char *where, const char *dests, struct spool **ret, struct err *e)
{
    char json[512];
    struct tree *part = NULL;
    (void)snprintf(json, sizeof json, "{\"data\":\"%s\",\"destinations\":[%s],\"retention\":{%s}}",
                   where, dests, retention);
    assert_int_equal(tree_from_json(json, strlen(json), &part, e), 0);
    int r = spool_open(part, ret, e);
    tree_free(part);
    return r;
}

#define TWO "{\"name\":\"a\"},{\"name\":\"s\",\"order\":\"strict\"}"

static void open_or_fail(const char *where)
{
    struct err e;
    if (open_spool(where, TWO, &sp, &e) < 0)
        fail_msg("%s", e.text);
}

static void reset_fakes(void)
{
    memset(&one, 0, sizeof one);
    memset(&two, 0, sizeof two);
    one.peer.ops = two.peer.ops = &ops;
}

static int setup(void **state)
{
    const char *tmp = getenv("TMPDIR");
    (void)state;
    (void)snprintf(dir, sizeof dir, "%s/reeve-spool-XXXXXX", tmp ? tmp : "/tmp");
    if (!mkdtemp(dir))
        return -1;
    reset_fakes();
    open_or_fail(dir);
    return 0;
}

static void remove_files(void)
{
    static const char *const files[] = {"spool/spool.db",
                                        "spool/spool.db-wal",
                                        "spool/spool.db.format-1",
                                        "spool/spool.db-shm",
                                        "spool/spool.lock",
                                        "spool/spool.reserve",
                                        "spool"};
    for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
        char *p = path_join(dir, files[i]);
        (void)remove(p);
        free(p);
    }
    (void)rmdir(dir);
}

static int teardown(void **state)
{
    (void)state;
    spool_close(sp);
    sp = NULL;
    remove_files();
    return 0;
}

static void publish_to(struct fake *f, const char *id, const char *event, size_t len,
                       const char *const *dests, size_t n)
{
    struct buf b = BUF_INIT(64u << 20);
    struct spool_publish p;
    assert_int_equal(spool_put_publish(&b, 1, id, event, len, dests, n), 0);
    struct frame fr = {.p = (const uint8_t *)b.p, .len = b.len, .fd = -1};
    assert_int_equal(spool_get_publish(&fr, &p), 0);
    spool_publish(sp, &f->peer, &p);
    buf_done(&b);
}

static void publish(struct fake *f, const char *id, const char *event, size_t len, const char *dest)
{
    publish_to(f, id, event, len, &dest, 1);
}

static void publish_n(struct fake *f, unsigned from, unsigned n, const char *dest)
{
    for (unsigned i = 0; i < n; i++) {
        char id[24];
        (void)snprintf(id, sizeof id, "m%u", from + i);
        publish(f, id, "event", 5, dest);
        if (i % 500 == 499)
            spool_turn(sp);
    }
    spool_turn(sp);
}

static struct consumer *consume(struct fake *f, const char *dest, uint32_t prefetch)
{
    struct consumer *c = NULL;
    struct spool_consume in = {.prefetch = prefetch, .destination = {dest, strlen(dest)}};
    assert_int_equal(spool_consume(sp, &f->peer, &in, &c), 0);
    spool_turn(sp);
    return c;
}

static int settle(struct fake *f, struct consumer *c, unsigned i, enum settle how, uint64_t delay)
{
    struct spool_settle in = {.handle = f->handle[i],
                              .how = how,
                              .delay_ms = delay,
                              .code = {"busy", 4},
                              .text = {"why", 3}};
    return spool_settle(sp, c, &in);
}

static uint64_t figure(size_t i, const char *name)
{
    struct err e;
    struct tree *t = NULL;
    assert_int_equal(spool_status(sp, &t, &e), 0);
    const struct tree *list = tree_get(t, "destinations");
    uint64_t n = UINT64_MAX;
    for (size_t k = 0; k < list->n; k++)
        if (strcmp(tree_gets(list->child[k], "name", ""), i ? "s" : "a") == 0)
            n = tree_getu(list->child[k], name, UINT64_MAX);
    tree_free(t);
    return n;
}

static void one_process_works_on_a_spool(void **state)
{
    struct spool *second = NULL;
    struct err e;
    (void)state;
    assert_int_equal(open_spool(dir, TWO, &second, &e), -EBUSY);
    assert_string_equal(e.code, "spool-locked");
    assert_non_null(strstr(e.text, dir));
}

static void a_wrong_part_is_refused_in_a_sentence(void **state)
{
    struct spool *second = NULL;
    struct err e;
    (void)state;
    spool_close(sp);
    sp = NULL;
    assert_int_equal(open_spool("relative", TWO, &second, &e), -EINVAL);
    assert_int_equal(open_spool(dir, "{\"name\":\"a\",\"order\":\"odd\"}", &second, &e), -EINVAL);
    assert_non_null(strstr(e.text, "order"));
    assert_int_equal(open_spool(dir, "{\"name\":\"\"}", &second, &e), -EINVAL);
    open_or_fail(dir);
}

static void nothing_is_confirmed_or_given_before_the_turn(void **state)
{
    (void)state;
    struct consumer *c = consume(&two, "a", 10);
    publish(&one, "x", "event", 5, "a");
    assert_int_equal(one.confirmed, 0);
    assert_int_equal(two.jobs, 0);
    assert_int_equal(spool_timeout(sp), 0);
    spool_turn(sp);
    assert_int_equal(one.confirmed, 1);
    assert_int_equal(two.jobs, 1);
    assert_int_equal(settle(&two, c, 0, SETTLE_DONE, 0), 0);
    assert_int_equal(settle(&two, c, 0, SETTLE_DONE, 0), -EPROTO); /* twice */
    assert_int_equal(two.settled, 0);
    spool_turn(sp);
    assert_int_equal(two.settled, 1);
    assert_int_equal(settle(&two, c, 0, SETTLE_DONE, 0), -EPROTO); /* no longer held */
    two.handle[0] ^= 9999;
    assert_int_equal(settle(&two, c, 0, SETTLE_DONE, 0), -EPROTO);
    assert_int_equal(figure(0, "ready"), 0);
    spool_gone(sp, &two.peer, &c, 1);
}

static void a_peer_that_goes_before_the_turn_still_published_and_settled(void **state)
{
    (void)state;
    publish_n(&one, 0, 2, "a");
    struct consumer *c = consume(&two, "a", 10);
    assert_int_equal(settle(&two, c, 0, SETTLE_DONE, 0), 0);
    publish(&two, "x", "event", 5, "a");
    spool_gone(sp, &two.peer, &c, 1);
    spool_turn(sp);
    assert_int_equal(two.confirmed + two.settled, 0);
    assert_int_equal(figure(0, "ready"), 2);
    reset_fakes();
    c = consume(&two, "a", 10);
    assert_string_equal(two.id[0], "m1"); /* first what was given back */
    assert_string_equal(two.id[1], "x");
    spool_gone(sp, &two.peer, &c, 1);
}

static void a_client_that_does_not_read_gets_no_jobs(void **state)
{
    (void)state;
    publish_n(&one, 0, 5, "a");
    two.full = true;
    struct consumer *c = consume(&two, "a", 10);
    assert_int_equal(two.jobs, 0);
    two.full = false;
    spool_turn(sp);
    assert_int_equal(two.jobs, 5);
    spool_gone(sp, &two.peer, &c, 1);
}

static void a_queue_longer_than_memory_comes_in_order_once(void **state)
{
    enum { N = 5000 };
    (void)state;
    struct consumer *c = consume(&two, "a", 100);
    publish_n(&one, 0, N, "a"); /* some in memory, the rest on disk only */
    for (unsigned i = 0; i < N; i++) {
        char id[24];
        (void)snprintf(id, sizeof id, "m%u", i);
        while (two.jobs <= i)
            spool_turn(sp);
        assert_string_equal(two.id[i], id);
        assert_int_equal(settle(&two, c, i, SETTLE_DONE, 0), 0);
        if (i % 50 == 0)
            spool_turn(sp);
    }
    spool_turn(sp);
    assert_int_equal(two.settled, N);
    assert_int_equal(figure(0, "bytes"), 0);
    spool_gone(sp, &two.peer, &c, 1);
}

/* Many delayed ones: only a part is in memory, none is lost or given twice. */
static void more_delayed_than_memory_holds_all_come_back(void **state)
{
    enum { N = 9000 };
    static unsigned char seen[N];
    (void)state;
    memset(seen, 0, sizeof seen);
    struct consumer *c = consume(&two, "a", 1000);
    publish_n(&one, 0, N, "a");
    for (unsigned i = 0; i < N; i++) {
        while (two.jobs <= i)
            spool_turn(sp);
        assert_int_equal(settle(&two, c, i, SETTLE_RETRY, 1), 0);
        if (i % 100 == 99)
            spool_turn(sp);
        if (two.jobs > i + 1 && two.attempts[i + 1]) /* the first ones are due again already */
            break;
    }
    spool_gone(sp, &two.peer, &c, 1);
    spool_turn(sp);
    spool_close(sp);
    open_or_fail(dir);
    reset_fakes();
    uint64_t until = patience_ends(5000);
    c = consume(&two, "a", 1000);
    for (unsigned i = 0; i < N; i++) {
        while (two.jobs <= i && mono_ms() < until)
            spool_turn(sp);
        assert_true(two.jobs > i);
        seen[strtoul(two.id[i] + 1, NULL, 10)]++;
        assert_int_equal(settle(&two, c, i, SETTLE_DONE, 0), 0);
        if (i % 100 == 99)
            spool_turn(sp);
    }
    spool_turn(sp);
    for (unsigned i = 0; i < N; i++)
        assert_int_equal(seen[i], 1);
    assert_int_equal(figure(0, "delayed"), 0);
    assert_int_equal(figure(0, "ready"), 0);
    spool_gone(sp, &two.peer, &c, 1);
}

static void replaying_a_letter_twice_in_one_turn_gives_one_message(void **state)
{
    (void)state;
    publish_n(&one, 0, 1, "a");
    struct consumer *c = consume(&two, "a", 10);
    assert_int_equal(settle(&two, c, 0, SETTLE_DEAD, 0), 0);
    spool_turn(sp);
    assert_int_equal(figure(0, "dead"), 1);
    spool_dead_replay(sp, &one.peer, 1);
    spool_dead_replay(sp, &one.peer, 1);
    spool_dead_discard(sp, &one.peer, 1);
    spool_turn(sp);
    assert_int_equal(one.answers, 3);
    assert_int_equal(two.jobs, 2);
    assert_int_equal(figure(0, "dead"), 0);
    assert_int_equal(figure(0, "inflight"), 1);
    spool_gone(sp, &two.peer, &c, 1);
}

static uint64_t rows_in(const char *table)
{
    sqlite3 *db = NULL;
    sqlite3_stmt *st = NULL;
    struct err e;
    char *path = path_join(dir, "spool/spool.db"), sql[64];
    (void)snprintf(sql, sizeof sql, "SELECT count(*) FROM %s", table);
    const struct db_form form = {.format = 2};
    assert_int_equal(db_open(path, DB_READONLY, &form, &db, &e), 0);
    assert_int_equal(db_prepare(db, sql, &st, &e), 0);
    assert_int_equal(db_step(db, st, &e), 1);
    uint64_t n = (uint64_t)sqlite3_column_int64(st, 0);
    db_finalize(&st);
    db_close(db);
    free(path);
    return n;
}

/* Small and big, one copy and two, delayed and dead: all rows of a message go with it. */
static void a_finished_message_leaves_nothing_in_the_file(void **state)
{
    static const char *const both[] = {"a", "s"};
    static const char *const tables[] = {"copy", "body", "share", "later", "dead"};
    static char big[100000];
    (void)state;
    publish(&one, "small", "x", 1, "a");
    publish(&one, "big", big, sizeof big, "a");
    publish_to(&one, "shared", "x", 1, both, 2);
    publish_to(&one, "shared-big", big, sizeof big, both, 2);
    spool_turn(sp);
    assert_int_equal(one.confirmed, 4);
    assert_int_equal(rows_in("body"), 3); /* once, however many copies */
    assert_int_equal(rows_in("share"), 2);
    struct consumer *c = consume(&two, "a", 10);
    assert_int_equal(two.jobs, 4);
    for (unsigned i = 0; i < 4; i++)
        assert_int_equal(settle(&two, c, i, SETTLE_RELEASE, 1), 0);
    spool_turn(sp);
    assert_int_equal(rows_in("later"), 4);
    uint64_t until = patience_ends(5000);
    while (two.jobs < 8 && mono_ms() < until)
        spool_turn(sp);
    for (unsigned i = 4; i < 8; i++)
        assert_int_equal(settle(&two, c, i, i % 2 ? SETTLE_DEAD : SETTLE_DONE, 0), 0);
    spool_turn(sp);
    assert_int_equal(rows_in("dead"), 2);
    struct consumer *strict = consume(&one, "s", 10);
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(one.jobs, i + 1);
        assert_int_equal(settle(&one, strict, i, SETTLE_DONE, 0), 0);
        spool_turn(sp);
    }
    spool_dead_discard(sp, &one.peer, 1);
    spool_dead_discard(sp, &one.peer, 2);
    spool_turn(sp);
    for (size_t i = 0; i < ARRAY_SIZE(tables); i++)
        assert_int_equal(rows_in(tables[i]), 0);
    spool_gone(sp, &two.peer, &c, 1);
    spool_gone(sp, &one.peer, &strict, 1);
}

/* ---- a disk that is really full: a small file system of our own ---- */

static void fill_disk(const char *where)
{
    static char block[65536];
    char *path = path_join(where, "filler");
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    (void)setvbuf(f, NULL, _IONBF, 0);
    while (fwrite(block, 1, sizeof block, f) == sizeof block)
        ;
    for (size_t n = 4096; fwrite(block, 1, n, f) == n;)
        ;
    (void)fclose(f);
    free(path);
}

static void free_disk(const char *where)
{
    char *path = path_join(where, "filler");
    (void)unlink(path);
    free(path);
}

static void full_disk_story(const char *where)
{
    static char big[100000];
    open_or_fail(where);
    for (unsigned i = 0; i < 20; i++)
        publish(&one, "before", big, sizeof big, "a");
    publish_n(&one, 0, 200, "a");
    unsigned good = one.confirmed;
    assert_int_equal(good, 220);
    fill_disk(where);
    for (unsigned i = 0; i < 100 && !one.failed; i++) {
        publish(&one, "during", big, sizeof big, "a");
        spool_turn(sp);
    }
    assert_int_equal(one.failed, 1);
    assert_string_equal(one.code, "disk-full");
    assert_non_null(spool_trouble(sp));
    good = one.confirmed;
    publish(&one, "refused", "x", 1, "a"); /* at once, without asking the disk again */
    assert_int_equal(one.failed, 2);
    struct consumer *c = consume(&two, "a", 10000);
    assert_int_equal(two.jobs, good);
    for (unsigned i = 0; i < 100; i++)
        assert_int_equal(settle(&two, c, 20 + i, SETTLE_DONE, 0), 0);
    spool_turn(sp);
    assert_int_equal(two.settled, 100); /* removals go on */
    free_disk(where);
    (void)usleep(1100 * 1000);
    publish(&one, "after", "x", 1, "a");
    spool_turn(sp);
    assert_int_equal(one.confirmed, good + 1);
    assert_null(spool_trouble(sp));
    spool_gone(sp, &two.peer, &c, 1);
    spool_close(sp);
    open_or_fail(where);
    assert_int_equal(figure(0, "ready"), good + 1 - 100);
}

static void a_full_disk_refuses_publishes_and_lets_settlements_through(void **state)
{
    char where[80];
    (void)state;
    (void)snprintf(where, sizeof where, "%s/small", dir);
    assert_int_equal(make_dirs(where), 0);
    if (unshare(CLONE_NEWNS) < 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
        mount("small", where, "tmpfs", 0, "size=16m") < 0) {
        (void)rmdir(where);
        print_message("SKIP: mounting a small file system needs privileges\n");
        skip();
    }
    spool_close(sp);
    sp = NULL;
    full_disk_story(where);
    spool_close(sp);
    sp = NULL;
    (void)umount2(where, MNT_DETACH);
    (void)rmdir(where);
    open_or_fail(dir);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
static void reopen_with(const char *keep)
{
    retention = keep;
    spool_close(sp);
    sp = NULL;
    open_or_fail(dir);
}

static void a_disk_that_is_nearly_full_takes_nothing_and_delivers(void **state)
{
    (void)state;
    char words[400];
    publish_n(&one, 0, 2, "a");
    assert_null(spool_disk(sp, words, sizeof words));
    reopen_with("},\"keep_free\":1000000000000000,\"x\":{");
    reset_fakes();
    struct consumer *c = consume(&two, "a", 10);
    assert_non_null(spool_disk(sp, words, sizeof words));
    publish(&one, "x", "event", 5, "a");
    spool_turn(sp);
    assert_int_equal(one.failed, 1);
    assert_string_equal(one.code, "disk-nearly-full");
    assert_int_equal(two.jobs, 2);
    assert_int_equal(settle(&two, c, 0, SETTLE_DONE, 0), 0);
    assert_int_equal(settle(&two, c, 1, SETTLE_DEAD, 0), 0);
    spool_turn(sp);
    assert_int_equal(two.settled, 2);
    spool_gone(sp, &two.peer, &c, 1);
    retention = "";
}

/* ---- how long dead letters stay ---- */

static void make_dead(unsigned from, unsigned n)
{
    reset_fakes();
    struct consumer *c = consume(&two, "a", 100);
    publish_n(&one, from, n, "a");
    for (unsigned i = 0; i < n; i++)
        assert_int_equal(settle(&two, c, i, SETTLE_DEAD, 0), 0);
    spool_turn(sp);
    spool_gone(sp, &two.peer, &c, 1);
}

static int count_letter(void *arg, const struct dead_letter *d)
{
    (void)d;
    ++*(unsigned *)arg;
    return 0;
}

static unsigned list_dead(uint32_t limit)
{
    struct spool_dead_list in = {.limit = limit};
    struct err e;
    uint64_t upto = 0;
    bool more = false;
    unsigned n = 0;
    assert_int_equal(spool_dead_list(sp, &in, count_letter, &n, &upto, &more, &e), 0);
    return n;
}

/* Turns until there are `dead` letters (and for at least `least` ms); false: not in time. */
static bool turn_until(uint64_t dead, uint64_t least, uint64_t most)
{
    uint64_t start = mono_ms();
    while (mono_ms() - start < most) {
        spool_turn(sp);
        if (mono_ms() - start >= least && figure(0, "dead") == dead)
            return true;
        (void)sched_yield();
    }
    return false;
}

static void retention_leaves_what_nobody_looked_at_until_it_has_warned(void **state)
{
    (void)state;
    reopen_with("\"dead_ms\":300,\"unseen_ms\":3600000");
    make_dead(0, 3);
    assert_int_equal(list_dead(2), 2); /* two are seen, the third is not */
    assert_true(turn_until(1, 0, patience_ms(5000)));
    uint64_t until = patience_ends(5000);
    while (!*spool_unseen(sp) && mono_ms() < until)
        spool_turn(sp);
    assert_non_null(strstr(spool_unseen(sp), "nobody has looked at 1 dead letters"));
    assert_false(turn_until(0, 0, 700)); /* much older than it would be kept, and still there */
    assert_int_equal(list_dead(10), 1);  /* now it is seen: it goes, after some time to act */
    assert_true(turn_until(0, 0, patience_ms(5000)));
    until = patience_ends(5000);
    while (*spool_unseen(sp) && mono_ms() < until)
        spool_turn(sp);
    assert_string_equal(spool_unseen(sp), "");
    retention = "";
}

static void the_limit_for_unseen_letters_counts_from_the_warning(void **state)
{
    (void)state;
    make_dead(0, 2);
    uint64_t until = mono_ms() + 3100;
    while (mono_ms() < until) /* long over all limits below, but the hub knew nothing of them */
        (void)sched_yield();
    reopen_with("\"dead_ms\":3000,\"unseen_ms\":3000");
    assert_true(turn_until(2, 150, patience_ms(5000))); /* 1.5 s of warning are due to them */
    assert_true(turn_until(0, 0, patience_ms(5000)));
    retention = "";
}

static void many_letters_are_walked_through_in_steps(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 12; i++)
        make_dead(i * 100, 100);
    unsigned seen = 0;
    while (seen < 1200) { /* pages, as the command asks for them */
        struct spool_dead_list in = {.after = seen, .limit = 200};
        struct err e;
        uint64_t upto = 0;
        bool more = false;
        unsigned n = 0;
        assert_int_equal(spool_dead_list(sp, &in, count_letter, &n, &upto, &more, &e), 0);
        assert_int_equal(n, 200);
        seen = (unsigned)upto;
    }
    reopen_with("\"dead_ms\":3600000,\"unseen_ms\":3600000");
    assert_true(turn_until(1200, 50, 1000));
    reopen_with("\"dead_ms\":200,\"unseen_ms\":200");
    assert_true(turn_until(0, 0, 10000));
    spool_turn(sp);
    assert_int_equal(rows_in("dead"), 0);
    retention = "";
}

/* The first version had neither column. */
static void dead_letters_of_the_first_format_are_kept_as_unseen(void **state)
{
    (void)state;
    make_dead(0, 2);
    spool_close(sp);
    sp = NULL;
    char *path = path_join(dir, "spool/spool.db");
    sqlite3 *db = NULL;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db,
                                  "ALTER TABLE dead DROP COLUMN seen_ms;"
                                  "ALTER TABLE dead DROP COLUMN warned_ms; PRAGMA user_version=1",
                                  NULL, NULL, NULL),
                     SQLITE_OK);
    (void)sqlite3_close(db);
    free(path);
    open_or_fail(dir);
    path = path_join(dir, "spool/spool.db.format-1");
    assert_int_equal(access(path, R_OK), 0);
    free(path);
    assert_int_equal(list_dead(10), 2);
    assert_int_equal(figure(0, "dead"), 2);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        T(one_process_works_on_a_spool),
        T(a_wrong_part_is_refused_in_a_sentence),
        T(nothing_is_confirmed_or_given_before_the_turn),
        T(a_peer_that_goes_before_the_turn_still_published_and_settled),
        T(a_client_that_does_not_read_gets_no_jobs),
        T(a_queue_longer_than_memory_comes_in_order_once),
        T(more_delayed_than_memory_holds_all_come_back),
        T(replaying_a_letter_twice_in_one_turn_gives_one_message),
        T(a_finished_message_leaves_nothing_in_the_file),
        T(a_disk_that_is_nearly_full_takes_nothing_and_delivers),
        T(retention_leaves_what_nobody_looked_at_until_it_has_warned),
        T(the_limit_for_unseen_letters_counts_from_the_warning),
        T(many_letters_are_walked_through_in_steps),
        T(dead_letters_of_the_first_format_are_kept_as_unseen),
        T(a_full_disk_refuses_publishes_and_lets_settlements_through),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
