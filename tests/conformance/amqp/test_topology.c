/* SPDX-License-Identifier: Apache-2.0 */
/* test_topology - what is declared in RabbitMQ, what is said when something else is there, what is
 * remembered, and that a user who may not configure needs no more than the printed rights. */
#include "conformance/amqp/ready.h"
#include "lib/engine_amqp.h"
#include "lib/forked.h"
#include "base/util.h"
#include "transport/amqp_ask.h"
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <amqp_framing.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

static struct engine g;
static struct err e;
static struct amqp_place guest, place;
static amqp_connection_state_t c;

static int setup(void **state)
{
    static const struct engine_dest dests[] = {
        {.name = "register"},
        {.name = "ledger", .strict = true},
        {.name = "small", .limit_messages = 3, .limit_bytes = 1000},
        {.name = NULL}};
    (void)state;
    c = NULL;
    memset(&place, 0, sizeof place);
    return engine_init(&g, dests) < 0 || engine_start(&g) < 0 ||
           engine_amqp_place(&g, "guest", &guest) < 0;
}

static int teardown(void **state)
{
    (void)state;
    amqp_link_close(c);
    amqp_place_done(&place);
    amqp_place_done(&guest);
    engine_done(&g);
    return 0;
}

static void as(const char *name)
{
    amqp_link_close(c);
    amqp_place_done(&place);
    assert_int_equal(engine_amqp_place(&g, name, &place), 0);
    if (amqp_link_open(&place, &c, &e) < 0)
        fail_msg("%s", e.text);
}

static int put(const char *exchange, const char *key)
{
    struct amqp_marks m = {.id = "x"};
    amqp_basic_properties_t props;
    amqp_table_entry_t table[AMQP_HEADERS_MAX];
    amqp_marks_put(&m, &props, table);
    assert_int_equal(amqp_ask_confirm_mode(c, 1, &e), 0);
    return amqp_ask_publish(c, 1, exchange, key, &props, amqp_text("{}"), &e);
}

static void declaring_again_changes_nothing_and_everything_is_there(void **state)
{
    static const char *const names[] = {"register", "ledger", "small"};
    (void)state;
    as("guest");
    assert_int_equal(put("reeve", "register"), 0);
    assert_int_equal(put("reeve.back", "ledger.head"), 0);
    assert_int_equal(put("reeve.back", "ledger.dead"), 0);
    assert_int_equal(put("reeve", "nowhere"), -ENOENT);
    if (amqp_topology_declare(&guest, &e) < 0)
        fail_msg("%s", e.text);
    assert_int_equal(amqp_topology_check(c, &guest, names, 3, &e), 0);
    wait_ready(c, "register", 1);
    wait_ready(c, "ledger.head", 1);
    wait_ready(c, "ledger.dead", 1);
    assert_int_equal(ready(c, "register.head"), UINT64_MAX); /* free order needs none */
}

static void a_missing_queue_is_named(void **state)
{
    static const char *const names[] = {"register", "elsewhere"};
    (void)state;
    as("register.deliver");
    assert_int_equal(amqp_topology_check(c, &place, names, 1, &e), 0);
    assert_int_equal(amqp_topology_check(c, &place, names, 2, &e), -ENOENT);
    assert_non_null(strstr(e.text, "elsewhere"));
    assert_string_equal(e.code, "destination-unknown");
}

static void other_arguments_are_an_error_that_names_both_and_nothing_is_deleted(void **state)
{
    (void)state;
    as("guest");
    assert_int_equal(put("reeve", "register"), 0);
    guest.classic = !guest.classic;
    assert_int_equal(amqp_topology_declare(&guest, &e), -EINVAL);
    assert_string_equal(e.code, "topology");
    assert_non_null(strstr(e.text, "register"));
    assert_non_null(strstr(e.text, "classic"));
    assert_non_null(strstr(e.text, "quorum"));
    wait_ready(c, "register", 1);
}

static struct tree *names_now(void)
{
    struct tree *list = tree_list();
    if (amqp_topology_names(c, &guest, list, &e) < 0)
        fail_msg("%s", e.text);
    return list;
}

static bool lists(const char *name)
{
    struct tree *list = names_now();
    bool found = false;
    for (size_t i = 0; i < list->n; i++)
        found |= strcmp(list->child[i]->text, name) == 0;
    tree_free(list);
    return found;
}

static void what_left_the_plan_is_unbound_kept_and_found(void **state)
{
    struct amqp_destination *d = &guest.dest[0];
    (void)state;
    as("guest");
    assert_int_equal(put("reeve", "register"), 0);
    free(d->name);
    d->name = strdup("archive");
    assert_int_equal(amqp_topology_declare(&guest, &e), 0);
    assert_int_equal(put("reeve", "register"), -ENOENT);
    wait_ready(c, "register", 1);
    assert_true(lists("register") && lists("archive") && lists("ledger"));
    free(d->name);
    d->name = strdup("register");
    assert_int_equal(amqp_topology_declare(&guest, &e), 0);
    assert_int_equal(put("reeve", "register"), 0);
    assert_false(lists("archive")); /* empty */
    (void)amqp_queue_delete(c, 1, amqp_text("archive"), 0, 0);
    assert_int_equal(amqp_ask_reply(c, 1, "deleting", &e), 0);
    assert_int_equal(amqp_topology_declare(&guest, &e), 0); /* the operator may tidy up */
    assert_false(lists("archive"));
}

/* This machine's declaration, with `first` as its first destination. */
static void declare_as(const char *machine, const char *machines, const char *first)
{
    struct tree *all = NULL;
    assert_int_equal(tree_from_json(machines, strlen(machines), &all, &e), 0);
    tree_free(guest.machines);
    free(guest.machine);
    free(guest.dest[0].name);
    guest.machines = all;
    guest.machine = strdup(machine);
    guest.dest[0].name = strdup(first);
    if (amqp_topology_declare(&guest, &e) < 0)
        fail_msg("%s", e.text);
}

/* A configuration comes to one machine after the other. */
static void a_destination_goes_with_the_last_machine_that_has_it(void **state)
{
    static const char both[] = "[\"a\",\"b\"]";
    (void)state;
    as("guest");
    declare_as("a", both, "old");
    declare_as("b", both, "old");
    declare_as("a", both, "new");
    assert_int_equal(put("reeve", "old"), 0); /* b sends there still */
    declare_as("b", both, "old");             /* once more, as it does every few seconds */
    assert_int_equal(put("reeve", "new"), 0);
    assert_true(lists("old") && lists("new"));
    declare_as("b", both, "new");
    assert_int_equal(put("reeve", "old"), -ENOENT);
    assert_int_equal(put("reeve", "new"), 0);
    assert_true(lists("old")); /* there is something in it */
    /* A machine that is none any more has no say. */
    declare_as("b", both, "third");
    declare_as("a", "[\"a\"]", "new");
    assert_int_equal(put("reeve", "third"), -ENOENT);
}

static void hubs_that_begin_at_once_forget_no_name(void **state)
{
    enum { HUBS = 6 };
    pid_t pid[HUBS];
    (void)state;
    for (unsigned i = 0; i < HUBS; i++) {
        pid[i] = forked();
        if (pid[i] > 0)
            continue;
        struct amqp_place mine;
        char name[32];
        (void)snprintf(name, sizeof name, "of-hub-%u", i);
        g.dests[0].name = name;
        int r = engine_amqp_place(&g, "guest", &mine);
        r = r < 0 ? r : amqp_topology_declare(&mine, &e);
        if (r < 0)
            (void)fprintf(stderr, "hub %u: %s\n", i, e.text);
        _exit(r < 0);
    }
    for (unsigned i = 0; i < HUBS; i++) {
        int status = -1;
        assert_int_equal(waitpid(pid[i], &status, 0), pid[i]);
        assert_int_equal(status, 0);
    }
    as("guest");
    for (unsigned i = 0; i < HUBS; i++) {
        char key[32];
        (void)snprintf(key, sizeof key, "of-hub-%u", i);
        assert_int_equal(put("reeve.back", key), 0); /* so that it is not empty */
        assert_true(lists(key));
    }
}

static void a_list_of_names_that_is_none_is_refused(void **state)
{
    (void)state;
    as("guest");
    assert_int_equal(put("reeve.back", "reeve.names"), 0); /* "{}" is no list */
    assert_int_equal(amqp_topology_declare(&guest, &e), -EINVAL);
    assert_non_null(strstr(e.text, "reeve.names"));
}

/* What every user may and may not do, as the broker sees it. */
static void each_user_has_the_least_rights(void **state)
{
    static const struct {
        const char *user, *exchange, *key;
        int r;
    } publish[] = {{"source", "reeve", "register", 0},
                   {"source", "reeve.back", "register", -EPERM},
                   {"source", "reeve.retry.1000", "register", -EPERM},
                   {"source", "", "register", -EPERM},
                   {"source", "reeve.control", "", -EPERM},
                   {"register.deliver", "reeve", "register", -EPERM},
                   {"register.deliver", "reeve.back", "register", 0},
                   {"register.deliver", "reeve.back", "register.dead", 0},
                   {"register.deliver", "reeve.back", "ledger", -EPERM},
                   {"register.deliver", "reeve.back", "ledger.dead", -EPERM},
                   {"register.deliver", "reeve.back", "reeve.names", -EPERM},
                   {"register.deliver", "reeve.retry.5000", "register", 0},
                   {"register.deliver", "reeve.retry.5000", "ledger", -EPERM},
                   {"register.deliver", "reeve.retry.5000", "reeve.names", -EPERM},
                   {"register.deliver", "reeve.control", "", -EPERM},
                   {"register.deliver", "", "ledger", -EPERM},
                   {"register.deliver", "amq.topic", "ledger", -EPERM},
                   {"all", "reeve", "ledger", 0},
                   {"all", "", "ledger", -EPERM}};
    static const struct {
        const char *user, *queue;
        int r;
    } take[] = {{"source", "register", -EPERM},
                {"register.deliver", "register", 1},
                {"register.deliver", "register.dead", -EPERM},
                {"register.deliver", "ledger", -EPERM},
                {"register.deliver", "reeve.names", -EPERM},
                {"register.deliver", "reeve.retry.5000", -EPERM},
                {"ledger.deliver", "ledger.head", 0},
                {"all", "register.dead", 1}};
    struct amqp_got got;
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(publish); i++) {
        as(publish[i].user);
        int r = put(publish[i].exchange, publish[i].key);
        if (r != publish[i].r)
            fail_msg("%s to %s with %s: %d %s", publish[i].user, publish[i].exchange,
                     publish[i].key, r, r < 0 ? e.text : "");
    }
    for (size_t i = 0; i < ARRAY_SIZE(take); i++) {
        as(take[i].user);
        int r = amqp_ask_get(c, 1, take[i].queue, &got, &e);
        if (r == 1)
            amqp_got_done(&got);
        if (r != take[i].r)
            fail_msg("%s from %s: %d %s", take[i].user, take[i].queue, r, r < 0 ? e.text : "");
    }
    as("register.deliver");
    (void)amqp_queue_declare(c, 1, amqp_text("mine"), 0, 0, 1, 1, amqp_empty_table);
    assert_int_equal(amqp_ask_reply(c, 1, "declaring", &e), -EPERM);
    amqp_queue_declare_ok_t *q =
        amqp_queue_declare(c, 1, amqp_empty_bytes, 0, 0, 1, 1, amqp_empty_table);
    assert_non_null(q); /* the control queue */
    amqp_bytes_t name = amqp_bytes_malloc_dup(q->queue);
    (void)amqp_queue_bind(c, 1, name, amqp_text(AMQP_X_CONTROL), amqp_empty_bytes,
                          amqp_empty_table);
    assert_int_equal(amqp_ask_reply(c, 1, "binding", &e), 0);
    (void)amqp_queue_bind(c, 1, name, amqp_text(AMQP_X_HUB), amqp_text("ledger"), amqp_empty_table);
    assert_int_equal(amqp_ask_reply(c, 1, "binding", &e), -EPERM); /* no listening in */
    amqp_bytes_free(name);
}

/* What the broker's owner imports is what declare would have made. */
static void the_printed_definitions_can_be_imported_instead(void **state)
{
    static const char *const names[] = {"register", "ledger", "small"};
    struct tree *top = NULL;
    struct buf b = BUF_INIT(1u << 20), a = BUF_INIT(1u << 20);
    char path[128];
    (void)state;
    (void)snprintf(path, sizeof path, "vhosts/%s", g.vhost);
    assert_int_equal(engine_amqp_api("DELETE", path, NULL, NULL), 204);
    assert_int_equal(engine_amqp_api("PUT", path, "{}", NULL), 201);
    (void)snprintf(path, sizeof path, "permissions/%s/guest", g.vhost);
    assert_int_equal(engine_amqp_api("PUT", path,
                                     "{\"configure\":\".*\",\"write\":\".*\",\"read\":\".*\"}",
                                     NULL),
                     204);
    assert_int_equal(amqp_topology_json(&guest, NULL, &top, &e), 0);
    assert_int_equal(tree_to_json(top, &b, true), 0);
    assert_int_equal(engine_amqp_api("POST", "definitions", b.p, NULL), 204);
    as("guest");
    if (amqp_topology_check(c, &guest, names, 3, &e) < 0)
        fail_msg("%s", e.text);
    if (amqp_topology_declare(&guest, &e) < 0) /* a 406 would say what differs */
        fail_msg("%s", e.text);
    int r = 0; /* and the policy holds the limit, a few late: quorum queues tell their channels */
    for (unsigned i = 0; i < 50 && r == 0; i++)
        r = put("reeve", "small");
    assert_int_equal(r, -ENOSPC);
    assert_string_equal(e.code, "destination-full");
    (void)snprintf(path, sizeof path, "queues/%s", g.vhost);
    assert_int_equal(engine_amqp_api("GET", path, NULL, &a), 200);
    tree_free(top);
    assert_int_equal(tree_from_json(a.p, a.len, &top, &e), 0);
    /* 3 x (queue and dead), ledger.head, 7 rungs, the names, the note of a move */
    assert_int_equal(top->n, 3 * 2 + 1 + transport_ladder_n + 2);
    tree_free(top);
    buf_done(&a);
    buf_done(&b);
}

static void a_rung_gives_the_message_back_under_its_own_key(void **state)
{
    (void)state;
    as("register.deliver");
    uint64_t start = mono_ms();
    assert_int_equal(put("reeve.retry.1000", "register"), 0);
    wait_ready(c, "register", 1);
    assert_true(mono_ms() - start >= 900); /* and not before its time */
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
int main(void)
{
    (void)setenv("REEVE_ENGINE", "amqp", 1);
    static const struct CMUnitTest tests[] = {
        T(declaring_again_changes_nothing_and_everything_is_there),
        T(a_missing_queue_is_named),
        T(other_arguments_are_an_error_that_names_both_and_nothing_is_deleted),
        T(what_left_the_plan_is_unbound_kept_and_found),
        T(a_destination_goes_with_the_last_machine_that_has_it),
        T(hubs_that_begin_at_once_forget_no_name),
        T(a_list_of_names_that_is_none_is_refused),
        T(each_user_has_the_least_rights),
        T(the_printed_definitions_can_be_imported_instead),
        T(a_rung_gives_the_message_back_under_its_own_key),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
