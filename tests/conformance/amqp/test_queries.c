/* SPDX-License-Identifier: Apache-2.0 */
/* test_queries - looking at queues in RabbitMQ and mending them: what is looked at stays as it was,
 * also when whoever looks is killed. */
#include "conformance/amqp/ready.h"
#include "lib/engine_amqp.h"
#include "lib/forked.h"
#include "lib/patience.h"
#include "base/util.h"
#include "transport/amqp_ask.h"
#include "transport/amqp_mend.h"
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <amqp_framing.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

static struct engine g;
static struct err e;
static struct amqp_place all;
static amqp_connection_state_t c;

static int setup(void **state)
{
    static const struct engine_dest dests[] = {{.name = "register"},
                                               {.name = "foodbank"},
                                               {.name = "ledger", .strict = true},
                                               {.name = "small", .limit_messages = 3},
                                               {.name = NULL}};
    struct amqp_place guest;
    (void)state;
    c = NULL;
    if (engine_init(&g, dests) < 0 || engine_start(&g) < 0 ||
        engine_amqp_place(&g, "all", &all) < 0 || engine_amqp_place(&g, "guest", &guest) < 0)
        return -1;
    int r = amqp_link_open(&guest, &c, &e);
    amqp_place_done(&guest);
    return r < 0 ? r : amqp_ask_confirm_mode(c, 1, &e);
}

static int teardown(void **state)
{
    (void)state;
    amqp_link_close(c);
    amqp_place_done(&all);
    engine_done(&g);
    return 0;
}

static void put(const char *exchange, const char *key, const struct amqp_marks *m, const char *body,
                size_t len)
{
    amqp_basic_properties_t props;
    amqp_table_entry_t table[AMQP_HEADERS_MAX];
    char *copy = malloc(len + 1);
    assert_non_null(copy);
    memcpy(copy, body, len);
    amqp_marks_put(m, &props, table);
    if (amqp_ask_publish(c, 1, exchange, key, &props, (amqp_bytes_t){.len = len, .bytes = copy},
                         &e) < 0)
        fail_msg("%s", e.text);
    free(copy);
}

static void put_n(const char *exchange, const char *key, unsigned from, unsigned n)
{
    for (unsigned i = from; i < from + n; i++) {
        char id[16];
        (void)snprintf(id, sizeof id, "m%u", i);
        put(exchange, key, &(struct amqp_marks){.id = id, .first_ms = 1700000000000, .attempts = 2},
            "{}", 2);
    }
}

static void put_dead(const char *destination, uint64_t number, const char *code, size_t len)
{
    static char body[4 << 20];
    char key[64], id[32];
    memset(body, 'b', sizeof body);
    (void)snprintf(key, sizeof key, "%s.dead", destination);
    (void)snprintf(id, sizeof id, "d%llu", (unsigned long long)number);
    put("reeve.back", key,
        &(struct amqp_marks){.id = id,
                             .first_ms = 1000,
                             .attempts = 4,
                             .code = code,
                             .text = "because",
                             .dead_ms = 5000 + number,
                             .number = number},
        body, len);
}

/* The queue holds m<from> to m<from + n - 1> in order, and after this look, too. */
static void check_order(const char *queue, unsigned from, unsigned n, uint32_t first)
{
    struct amqp_scan s;
    struct amqp_got m;
    unsigned k = 0;
    assert_int_equal(amqp_scan_begin(&s, c, queue, UINT64_MAX, first, &e), 0);
    for (int r; (r = amqp_scan_next(&s, &m, &e)) != 0; k++) {
        char id[16];
        if (r < 0)
            fail_msg("%s", e.text);
        (void)snprintf(id, sizeof id, "m%u", from + k);
        assert_string_equal(m.marks.id, id);
        amqp_got_done(&m);
    }
    assert_int_equal(k, n);
    assert_int_equal(amqp_scan_end(&s, &e), 0);
    wait_ready(c, queue, n);
}

static void a_look_leaves_the_queue_as_it_was(void **state)
{
    static const uint32_t first[] = {0, 10, 256, 0, 999, 1000, 1001};
    (void)state;
    put_n("reeve", "register", 0, 1000);
    for (size_t i = 0; i < ARRAY_SIZE(first); i++)
        check_order("register", 0, 1000, first[i]);
}

static void a_look_that_ends_early_leaves_it_too(void **state)
{
    (void)state;
    put_n("reeve", "register", 0, 500);
    for (unsigned stop = 1; stop < 500; stop += 166) {
        struct amqp_scan s;
        struct amqp_got m;
        assert_int_equal(amqp_scan_begin(&s, c, "register", UINT64_MAX, 100, &e), 0);
        for (unsigned k = 0; k < stop; k++) {
            assert_int_equal(amqp_scan_next(&s, &m, &e), 1);
            amqp_got_done(&m);
        }
        assert_int_equal(amqp_scan_end(&s, &e), 0);
        wait_ready(c, "register", 500);
    }
    check_order("register", 0, 500, 0);
}

static void who_looks_may_be_killed_in_the_middle(void **state)
{
    static const char *const queues[] = {"register", "reeve.retry.3600000", "ledger.head"};
    (void)state;
    put_n("reeve", "register", 0, 600);
    put_n("reeve.retry.3600000", "register", 0, 600);
    put_n("reeve.back", "ledger.head", 0, 600);
    for (size_t i = 0; i < ARRAY_SIZE(queues); i++) {
        pid_t pid = forked();
        if (pid == 0) {
            struct amqp_scan s;
            struct amqp_got m;
            amqp_connection_state_t mine;
            if (amqp_link_open(&all, &mine, &e) == 0 &&
                amqp_scan_begin(&s, mine, queues[i], UINT64_MAX, 0, &e) == 0)
                for (unsigned k = 0; k < 300; k++)
                    if (amqp_scan_next(&s, &m, &e) != 1)
                        _exit(1);
            (void)raise(SIGKILL);
        }
        forked_was_killed(pid);
        wait_ready(c, queues[i], 600);
        check_order(queues[i], 0, 600, 0);
    }
}

/* ---- dead letters ---- */

struct listed {
    uint64_t number[64];
    unsigned n;
    size_t bytes;
    char last[32];
};

static int on_dead(void *arg, const struct dead_letter *d)
{
    struct listed *l = arg;
    assert_true(l->n < ARRAY_SIZE(l->number));
    l->number[l->n++] = d->number;
    l->bytes += d->bytes ? d->len : 0;
    assert_string_equal(d->text, "because");
    assert_int_equal(d->attempts, 4);
    assert_int_equal(d->dead_ms, 5000 + d->number);
    (void)snprintf(l->last, sizeof l->last, "%s %s", d->destination, d->id);
    return 0;
}

static struct listed list(const struct dead_filter *f, uint64_t after, size_t limit, bool bytes)
{
    struct listed l = {.n = 0};
    if (amqp_dead_list(&all, f, after, limit, bytes, on_dead, &l, &e) < 0)
        fail_msg("%s", e.text);
    return l;
}

static void pages_are_in_the_order_of_numbers_wherever_they_lie(void **state)
{
    static const uint64_t at_register[] = {40, 10, 30, 70, 20}, at_foodbank[] = {55, 15, 35};
    static const uint64_t want[] = {10, 15, 20, 30, 35, 40, 55, 70};
    struct listed l;
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(at_register); i++)
        put_dead("register", at_register[i], i % 2 ? "gone" : "bad", 10);
    for (size_t i = 0; i < ARRAY_SIZE(at_foodbank); i++)
        put_dead("foodbank", at_foodbank[i], "bad", 10);
    for (size_t limit = 1; limit < 10; limit++) {
        uint64_t after = 0;
        for (size_t k = 0; k < ARRAY_SIZE(want);) {
            l = list(NULL, after, limit, limit % 2);
            assert_true(l.n > 0);
            assert_int_equal(l.bytes, limit % 2 ? 10 * l.n : 0);
            for (unsigned i = 0; i < l.n; i++)
                assert_int_equal(l.number[i], want[k++]);
            after = l.number[l.n - 1];
        }
        assert_int_equal(list(NULL, after, limit, false).n, 0);
    }
    assert_int_equal(list(&(struct dead_filter){.destination = "foodbank"}, 0, 50, false).n, 3);
    assert_int_equal(list(&(struct dead_filter){.code = "gone"}, 0, 50, false).n, 2);
    assert_int_equal(list(&(struct dead_filter){.id = "d35"}, 0, 50, false).n, 1);
    assert_int_equal(list(&(struct dead_filter){.from_ms = 5030, .to_ms = 5040}, 0, 50, false).n,
                     3);
    assert_int_equal(list(&(struct dead_filter){.destination = "nowhere"}, 0, 50, false).n, 0);
    wait_ready(c, "register.dead", 5);
}

static void large_letters_are_listed_in_rounds(void **state)
{
    (void)state;
    for (uint64_t i = 7; i > 0; i--)
        put_dead("register", i, "bad", 3u << 20);
    struct listed l = list(NULL, 0, 50, true);
    assert_int_equal(l.n, 7);
    assert_int_equal(l.bytes, 7 * (3u << 20));
    for (unsigned i = 0; i < 7; i++)
        assert_int_equal(l.number[i], i + 1);
}

static void one_is_replayed_or_discarded_and_the_others_stay(void **state)
{
    struct amqp_got m;
    (void)state;
    for (uint64_t i = 1; i <= 600; i++)
        put_dead(i % 2 ? "register" : "foodbank", i, "bad", 10);
    if (amqp_dead_replay(&all, 301, &e) < 0)
        fail_msg("%s", e.text);
    wait_ready(c, "register", 1);
    assert_int_equal(amqp_ask_get(c, 1, "register", &m, &e), 1);
    assert_string_equal(m.marks.id, "d301");
    assert_int_equal(m.marks.attempts + m.marks.number + m.marks.dead_ms, 0);
    assert_string_equal(m.marks.code, "");
    assert_int_equal(m.marks.first_ms, 1000);
    assert_int_equal(m.m.body.len, 10);
    amqp_got_done(&m);
    assert_int_equal(amqp_dead_replay(&all, 301, &e), -ENOENT);
    assert_string_equal(e.code, "dead-unknown");
    assert_int_equal(amqp_dead_discard(&all, 600, &e), 0);
    assert_int_equal(amqp_dead_discard(&all, 600, &e), -ENOENT);
    wait_ready(c, "register.dead", 299);
    wait_ready(c, "foodbank.dead", 299);
    struct listed l = list(NULL, 298, 3, false);
    assert_int_equal(l.number[0], 299);
    assert_int_equal(l.number[1], 300);
    assert_int_equal(l.number[2], 302);
}

static void several_are_discarded_in_one_look_and_the_others_stay(void **state)
{
    uint64_t these[401];
    size_t gone = 0;
    (void)state;
    for (uint64_t i = 1; i <= 600; i++)
        put_dead(i % 2 ? "register" : "foodbank", i, "bad", 10);
    for (size_t i = 0; i < 400; i++) /* every third stays */
        these[i] = 1 + i / 2 * 3 + i % 2;
    these[400] = 9000; /* there is none */
    assert_int_equal(amqp_dead_discard_all(&all, these, ARRAY_SIZE(these), &gone, &e), 0);
    assert_int_equal(gone, 400);
    wait_ready(c, "register.dead", 100);
    wait_ready(c, "foodbank.dead", 100);
    struct listed l = list(NULL, 0, 50, false);
    for (unsigned i = 0; i < 50; i++)
        assert_int_equal(l.number[i], 3 * (i + 1));
    assert_int_equal(amqp_dead_discard_all(&all, these, ARRAY_SIZE(these), &gone, &e), 0);
    assert_int_equal(gone, 0);
    assert_int_equal(amqp_dead_discard_all(&all, NULL, 0, &gone, &e), 0);
}

static void a_letter_whose_destination_left_the_plan_stays(void **state)
{
    (void)state;
    put_dead("register", 1, "bad", 10);
    (void)amqp_queue_unbind(c, 1, amqp_text("register"), amqp_text("reeve"), amqp_text("register"),
                            amqp_empty_table);
    assert_int_equal(amqp_ask_reply(c, 1, "unbinding", &e), 0);
    assert_int_equal(amqp_dead_replay(&all, 1, &e), -EPERM);
    assert_string_equal(e.code, "destination-unknown");
    wait_ready(c, "register.dead", 1);
    assert_int_equal(amqp_dead_discard(&all, 1, &e), 0);
    wait_ready(c, "register.dead", 0);
}

static void two_do_not_look_at_once_and_only_an_admin_may(void **state)
{
    struct amqp_place source;
    (void)state;
    put_dead("register", 1, "bad", 10);
    assert_int_equal(amqp_ask_lock(c, "dead", &e), 0);
    assert_int_equal(amqp_dead_discard(&all, 1, &e), -EBUSY);
    assert_string_equal(e.code, "dead-busy");
    assert_int_equal(amqp_ask_unlock(c, "dead", &e), 0);
    assert_int_equal(engine_amqp_place(&g, "register.deliver", &source), 0);
    assert_int_equal(amqp_dead_discard(&source, 1, &e), -EPERM);
    assert_string_equal(e.code, "not-allowed");
    amqp_place_done(&source);
    assert_int_equal(amqp_dead_discard(&all, 1, &e), 0);
}

/* ---- a client as others see it: it consumes, and answers ---- */

static pid_t client_begins(const char *answer)
{
    int told[2];
    char byte;
    assert_int_equal(pipe(told), 0);
    pid_t pid = forked();
    if (pid > 0) {
        assert_int_equal(read(told[0], &byte, 1), 1);
        (void)close(told[0]);
        (void)close(told[1]);
        return pid;
    }
    amqp_connection_state_t mine;
    amqp_envelope_t d;
    struct amqp_place p;
    if (engine_amqp_place(&g, "register.deliver", &p) < 0 || amqp_link_open(&p, &mine, &e) < 0)
        _exit(1);
    amqp_queue_declare_ok_t *q =
        amqp_queue_declare(mine, 1, amqp_empty_bytes, 0, 0, 1, 1, amqp_empty_table);
    amqp_bytes_t name = amqp_bytes_malloc_dup(q->queue);
    (void)amqp_queue_bind(mine, 1, name, amqp_text("reeve.control"), amqp_empty_bytes,
                          amqp_empty_table);
    (void)amqp_basic_consume(mine, 1, name, amqp_text("control"), 0, 1, 1, amqp_empty_table);
    if (amqp_ask_reply(mine, 1, "consuming", &e) < 0)
        _exit(1);
    (void)!write(told[1], "x", 1);
    while (amqp_ask_delivery(mine, 60000, &d, &e) == 1) {
        amqp_basic_properties_t props = {._flags = AMQP_BASIC_CORRELATION_ID_FLAG,
                                         .correlation_id = d.message.properties.correlation_id};
        (void)amqp_basic_publish(mine, 1, amqp_text("reeve.answer"), d.message.properties.reply_to,
                                 0, 0, &props, amqp_text(answer));
        amqp_destroy_envelope(&d);
    }
    _exit(1);
}

static void client_ends(pid_t pid)
{
    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static uint64_t figure(const struct tree *t, const char *destination, const char *name)
{
    const struct tree *dests = tree_get(t, "destinations");
    for (size_t i = 0; i < dests->n; i++)
        if (strcmp(tree_gets(dests->child[i], "name", ""), destination) == 0)
            return tree_getb(dests->child[i], name, false)
                       ? 1
                       : tree_getu(dests->child[i], name, UINT64_MAX);
    return UINT64_MAX;
}

static struct tree *status(void)
{
    struct tree *t = NULL;
    if (amqp_status(&all, &t, &e) < 0)
        fail_msg("%s", e.text);
    return t;
}

/* Until the status has this figure: who answers later than the others is not waited for. */
static struct tree *status_with(const char *destination, const char *name, uint64_t want)
{
    uint64_t until = patience_ends(10000);
    struct tree *t = status();
    while (figure(t, destination, name) != want && mono_ms() < until) {
        tree_free(t);
        (void)usleep(5000);
        t = status();
    }
    assert_int_equal(figure(t, destination, name), want);
    return t;
}

static void status_tells_what_can_be_told(void **state)
{
    (void)state;
    put_n("reeve", "register", 0, 7);
    put_n("reeve", "ledger", 0, 2);
    put_n("reeve.back", "ledger.head", 0, 1);
    put_n("reeve.retry.60000", "register", 0, 3);
    put_n("reeve.retry.3600000", "register", 0, 2);
    put_n("reeve.retry.3600000", "foodbank", 0, 1);
    put_dead("register", 1, "bad", 10);
    tree_free(status_with("register", "delayed", 5));
    tree_free(status_with("foodbank", "delayed", 1));
    tree_free(status_with("register", "dead", 1));
    tree_free(status_with("ledger", "ready", 3));
    struct tree *t = status_with("register", "ready", 7);
    assert_int_equal(figure(t, "register", "inflight"), 0);
    assert_int_equal(figure(t, "register", "consumers"), 0);
    assert_true(figure(t, "register", "oldest_ms") > 1000000000);
    assert_int_equal(figure(t, "ledger", "oldest_ms"), UINT64_MAX); /* strict: nobody looks */
    assert_int_equal(figure(t, "small", "limit_messages"), 3);
    assert_int_equal(figure(t, "small", "configured"), 1);
    assert_int_equal(figure(t, "register", "bytes"), UINT64_MAX);
    tree_free(t);
    wait_ready(c, "reeve.retry.3600000", 3);
    check_order("register", 0, 7, 0);
}

static void clients_tell_what_the_broker_does_not_know(void **state)
{
    (void)state;
    pid_t one = client_begins("[{\"client\":\"a\",\"destination\":\"register\",\"inflight\":4,"
                              "\"paused\":true,\"last_error\":{\"code\":\"old\",\"time\":1}}]");
    pid_t two = client_begins("{\"client\":\"b\",\"destination\":\"register\",\"inflight\":1,"
                              "\"paused\":true,\"last_error\":{\"code\":\"new\",\"time\":2}}");
    pid_t odd = client_begins("[[{\"destination\": no");
    struct tree *t = status_with("register", "inflight", 5);
    assert_int_equal(figure(t, "register", "consumers"), 2);
    assert_int_equal(figure(t, "register", "paused"), 1);
    assert_int_equal(figure(t, "foodbank", "paused"), UINT64_MAX); /* "false" is no number */
    const struct tree *list = tree_get(t, "destinations");
    for (size_t i = 0; i < list->n; i++)
        if (strcmp(tree_gets(list->child[i], "name", ""), "register") == 0)
            assert_string_equal(tree_gets(list->child[i], "last_error/code", ""), "new");
    tree_free(t);
    client_ends(one);
    client_ends(two);
    client_ends(odd);
    (void)amqp_basic_consume(c, 1, amqp_text("register"), amqp_text("silent"), 0, 0, 0,
                             amqp_empty_table); /* who consumes and does not answer */
    assert_int_equal(amqp_ask_reply(c, 1, "consuming", &e), 0);
    t = status_with("register", "consumers", 1); /* is not held up for ever by it */
    assert_int_equal(figure(t, "register", "inflight"), UINT64_MAX);
    tree_free(t);
}

static void status_says_which_machines_take_from_a_queue(void **state)
{
    (void)state;
    pid_t one = client_begins("{\"client\":\"a\",\"machine\":\"hub-a\",\"destination\":"
                              "\"register\",\"inflight\":4,\"paused\":true}");
    pid_t two = client_begins("{\"client\":\"b\",\"machine\":\"hub-b\",\"destination\":"
                              "\"register\",\"inflight\":1,\"paused\":false}");
    struct tree *t = status_with("register", "inflight", 5);
    struct buf b = BUF_INIT(1u << 16);
    const struct tree *list = tree_get(t, "destinations"), *machines = NULL;
    for (size_t i = 0; i < list->n; i++)
        if (strcmp(tree_gets(list->child[i], "name", ""), "register") == 0)
            machines = tree_get(list->child[i], "machines");
        else
            assert_null(tree_get(list->child[i], "machines"));
    assert_non_null(machines);
    assert_int_equal(machines->n, 2);
    bool first = strcmp(tree_gets(machines->child[0], "name", ""), "hub-a") == 0;
    assert_int_equal(tree_to_json(machines->child[!first], &b, false), 0);
    assert_string_equal(buf_str(&b), "{\"name\":\"hub-a\",\"inflight\":4,\"paused\":true}");
    buf_done(&b);
    tree_free(t);
    client_ends(one);
    client_ends(two);
}

/* As it was before there were orders: what came was a question about everything it consumes. */
static void a_version_that_knows_no_orders_is_recognised(void **state)
{
    (void)state;
    struct tree *answers = NULL;
    pid_t old = client_begins("[{\"client\":\"a\",\"destination\":\"register\",\"inflight\":4,"
                              "\"paused\":false},{\"client\":\"a\",\"destination\":\"foodbank\","
                              "\"inflight\":0,\"paused\":false}]");
    uint64_t until = patience_ends(10000);
    do { /* an answer that comes late is not waited for */
        tree_free(answers);
        if (amqp_pause_all(&all, "register", true, &answers, &e) < 0)
            fail_msg("%s", e.text);
    } while (answers->n == 0 && mono_ms() < until);
    assert_int_equal(answers->n, 1);
    assert_null(tree_get(answers->child[0], "told"));
    tree_free(answers);
    client_ends(old);
    assert_true(amqp_pause_all(&all, "nowhere", true, &answers, &e) < 0);
    assert_string_equal(e.code, "destination-unknown");
}

/* ---- moving ---- */

static unsigned moved;
static char last_moved[64];
static void on_moved(void *arg, const char *id)
{
    (void)arg;
    moved++;
    (void)snprintf(last_moved, sizeof last_moved, "%s", id);
}

static int move(const char *from, const char *to, size_t limit, uint64_t *left)
{
    moved = 0;
    int r = amqp_queue_move(&all, from, to, limit, on_moved, NULL, left, &e);
    if (r < 0)
        print_message("%s: %s\n", e.code, e.text);
    return r;
}

static void what_waits_is_moved_in_order_and_begins_anew(void **state)
{
    uint64_t left = 99;
    struct amqp_got m;
    (void)state;
    put_n("reeve.back", "ledger.head", 0, 1);
    put_n("reeve", "ledger", 1, 299);
    put_n("reeve.retry.3600000", "foodbank", 900, 2);
    assert_int_equal(move("ledger", "register", 100, &left), 0);
    assert_int_equal(moved, 100);
    assert_int_equal(left, 200);
    assert_string_equal(last_moved, "m99");
    assert_int_equal(move("ledger", "register", 1000, &left), 0);
    assert_int_equal(moved, 200);
    assert_int_equal(left, 0);
    check_order("register", 0, 300, 0);
    assert_int_equal(ready(c, "ledger") + ready(c, "ledger.head"), 0);
    put_n("reeve.retry.3600000", "register", 300, 3);
    put_n("reeve.retry.900000", "ledger", 500, 1); /* of others: stay */
    assert_int_equal(move("register", "foodbank", 301, &left), 0);
    assert_int_equal(left, 2);
    assert_int_equal(move("register", "foodbank", 301, &left), 0);
    assert_int_equal(left, 0);
    check_order("foodbank", 0, 303, 0);
    assert_int_equal(amqp_ask_get(c, 1, "foodbank", &m, &e), 1);
    assert_int_equal(m.marks.attempts, 0);
    assert_int_equal(m.marks.first_ms, 1700000000000);
    amqp_got_done(&m);
    wait_ready(c, "reeve.retry.3600000", 2);
}

static void what_cannot_be_moved_stays(void **state)
{
    uint64_t left;
    (void)state;
    put_n("reeve", "register", 0, 5);
    assert_int_equal(move("register", "small", 100, &left), -EPERM);
    assert_string_equal(e.code, "destination-full");
    assert_int_equal(moved, 3);
    wait_ready(c, "register", 2);
    wait_ready(c, "small", 3);
    assert_int_equal(move("nowhere", "register", 100, &left), -EPERM);
    assert_string_equal(e.code, "destination-unknown");
    assert_int_equal(move("register", "nowhere", 100, &left), -EPERM);
    assert_string_equal(e.code, "destination-unknown");
    pid_t client = client_begins("[{\"destination\":\"register\",\"inflight\":1,\"paused\":true}]");
    assert_int_equal(move("register", "foodbank", 100, &left), -EPERM);
    assert_string_equal(e.code, "queue-busy");
    assert_non_null(strstr(e.text, "1 under way"));
    client_ends(client);
    (void)amqp_basic_consume(c, 1, amqp_text("foodbank"), amqp_text("x"), 0, 0, 0,
                             amqp_empty_table);
    assert_int_equal(amqp_ask_reply(c, 1, "consuming", &e), 0);
    assert_int_equal(move("foodbank", "register", 100, &left), -EPERM);
    assert_string_equal(e.code, "queue-busy");
    check_order("register", 3, 2, 0);
}

/* What a crash between confirm and acknowledgement leaves: the last that was moved in both. */
static void cut_off(const char *from, const char *to, unsigned at_target, unsigned n)
{
    char token[AMQP_MOVE_TOKEN];
    assert_int_equal(amqp_move_note(c, from, to, token, &e), 0);
    for (unsigned i = 0; i < n; i++) {
        char id[16];
        amqp_basic_properties_t props;
        amqp_table_entry_t table[AMQP_HEADERS_MAX];
        (void)snprintf(id, sizeof id, "m%u", at_target + i);
        amqp_marks_put(&(struct amqp_marks){.id = id}, &props, table);
        amqp_move_mark(&props, table, token);
        assert_int_equal(amqp_ask_publish(c, 1, "reeve", to, &props, amqp_text("{}"), &e), 0);
    }
}

static void a_move_that_was_cut_off_is_mended(void **state)
{
    struct amqp_place guest;
    uint64_t left;
    (void)state;
    assert_int_equal(engine_amqp_place(&g, "guest", &guest), 0);
    put_n("reeve", "register", 3, 5); /* m3 is in both */
    cut_off("register", "foodbank", 0, 4);
    assert_int_equal(amqp_topology_declare(&guest, &e), 0);
    wait_ready(c, "register", 4);
    wait_ready(c, "foodbank", 4);
    assert_int_equal(ready(c, "reeve.moving"), 0);
    cut_off("register", "foodbank", 3, 1); /* only the note was left: m3 is gone already */
    assert_int_equal(amqp_topology_declare(&guest, &e), 0);
    wait_ready(c, "register", 4);
    put_n("reeve", "ledger", 13, 5); /* strict: the order stays */
    cut_off("ledger", "foodbank", 10, 4);
    assert_int_equal(amqp_topology_declare(&guest, &e), 0);
    wait_ready(c, "ledger", 4);
    cut_off("ledger", "foodbank", 13, 1);
    assert_int_equal(amqp_topology_declare(&guest, &e), 0);
    check_order("ledger", 14, 4, 0);
    put_n("reeve.retry.3600000", "register", 20, 3); /* m21 of the delayed is in both */
    put_n("reeve.retry.3600000", "ledger", 21, 1);   /* another one's */
    cut_off("register", "foodbank", 20, 2);
    assert_int_equal(move("register", "small", 0, &left), 0); /* the next move mends first */
    wait_ready(c, "reeve.retry.3600000", 3);
    wait_ready(c, "register", 4);
    put("reeve.back", "reeve.moving", &(struct amqp_marks){.id = "odd"}, "no note", 7);
    assert_int_equal(amqp_topology_declare(&guest, &e), 0);
    assert_int_equal(ready(c, "reeve.moving"), 0);
    amqp_place_done(&guest);
}

/* As soon as it takes connections: its queues have no leader yet, or one that reads its log. */
static void what_waits_is_counted_as_soon_as_the_broker_is_back(void **state)
{
    static const char *const names[] = {"register", "foodbank", "ledger"};
    enum { N = 2000 };
    struct amqp_place guest;
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(names); i++)
        put_n("reeve", names[i], 0, N);
    for (unsigned round = 0; round < 3; round++) {
        amqp_link_close(c);
        c = NULL;
        engine_kill(&g);
        assert_int_equal(engine_start(&g), 0);
        assert_int_equal(engine_amqp_place(&g, "guest", &guest), 0);
        assert_int_equal(amqp_link_open(&guest, &c, &e), 0);
        amqp_place_done(&guest);
        for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
            uint64_t n = 0;
            uint32_t consumers = 0;
            assert_int_equal(amqp_ask_sure(c, names[i], &n, &consumers, &e), 0);
            assert_int_equal(n, N);
            assert_int_equal(amqp_ask_sure(c, names[i], &n, &consumers, &e), 0);
            assert_int_equal(consumers, 0);
        }
    }
    for (size_t i = 0; i < ARRAY_SIZE(names); i++)
        check_order(names[i], 0, N, 0);
}

static void the_leader_of_foodbank(const char *what)
{
    char line[256];
    (void)snprintf(
        line, sizeof line,
        "eval 'ok = ra:%s_server(quorum_queues, {list_to_atom(\"%s_foodbank\"), node()}).'", what,
        g.vhost);
    assert_int_equal(engine_amqp_ctl(line), 0);
}

static void a_queue_without_a_leader_is_not_taken_for_an_empty_one(void **state)
{
    uint64_t n = 0;
    (void)state;
    put_n("reeve", "foodbank", 0, 3);
    the_leader_of_foodbank("stop");
    assert_int_equal(amqp_ask_sure(c, "foodbank", &n, NULL, &e), -EIO);
    assert_non_null(strstr(e.text, "queue foodbank"));
    the_leader_of_foodbank("restart");
    amqp_link_close(c);
    c = NULL;
    assert_int_equal(amqp_link_open(&all, &c, &e), 0);
    assert_int_equal(amqp_ask_sure(c, "foodbank", &n, NULL, &e), 0);
    assert_int_equal(n, 3);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
int main(void)
{
    (void)setenv("REEVE_ENGINE", "amqp", 1);
    static const struct CMUnitTest tests[] = {
        T(a_look_leaves_the_queue_as_it_was),
        T(what_waits_is_counted_as_soon_as_the_broker_is_back),
        T(a_queue_without_a_leader_is_not_taken_for_an_empty_one),
        T(a_look_that_ends_early_leaves_it_too),
        T(who_looks_may_be_killed_in_the_middle),
        T(pages_are_in_the_order_of_numbers_wherever_they_lie),
        T(large_letters_are_listed_in_rounds),
        T(one_is_replayed_or_discarded_and_the_others_stay),
        T(several_are_discarded_in_one_look_and_the_others_stay),
        T(a_letter_whose_destination_left_the_plan_stays),
        T(two_do_not_look_at_once_and_only_an_admin_may),
        T(status_tells_what_can_be_told),
        T(clients_tell_what_the_broker_does_not_know),
        T(status_says_which_machines_take_from_a_queue),
        T(a_version_that_knows_no_orders_is_recognised),
        T(what_waits_is_moved_in_order_and_begins_anew),
        T(what_cannot_be_moved_stays),
        T(a_move_that_was_cut_off_is_mended),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
