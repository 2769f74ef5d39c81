/* SPDX-License-Identifier: Apache-2.0 */
/* `machines`: what is refused, which one this is, and what its processes are told. */
#include "place.h"

#define SHARED                                                                               \
    "transport: {amqp: {brokers: localhost, vhost: h, user: u, password: \"${file:pw}\"}}\n" \
    "state: {postgresql: {hosts: localhost, database: d, user: u, password: \"${file:pw}\"}}\n"
#define CONNECTORS                                                                                 \
    "connectors:\n"                                                                                \
    "  s: {party: us, receive: {plugin: http, path: /s, speaks: cloudevents, auth: {bearer: "      \
    "\"${file:token}\"}}}\n"                                                                       \
    "  w: {party: us, on: b, receive: {plugin: file, directory: in, speaks: cloudevents, expect: " \
    "{every: 1 day}}}\n"                                                                           \
    "  d: {party: us, deliver: {plugin: file, directory: x, on: [a, b]}}\n"                        \
    "  e: {party: us, on: b, deliver: {plugin: file, directory: y, on: a, alarm: {oldest: 1h}}}\n" \
    "routes:\n  all: {to: [d, e]}\n"
#define DOORS                                                          \
    "door: {max_body: 1M, tls: {certificate: ca.pem, key: key.pem}}\n" \
    "machines:\n"                                                      \
    "  a: {door: {listen: \"10.0.0.1:8443\"}, data: /srv/a}\n"         \
    "  b: {door: {listen: \"10.0.0.2:8443\", tls: {certificate: b.pem, key: b.key}}}\n"

static void write_hub(const char *yaml)
{
    place_pems();
    place_write("c/token", "tttttttttttttttttttt\n", 0600);
    place_write("c/base.yaml", place_base, 0644);
    place_write("c/t.yaml", yaml, 0644);
}

static struct config_env env_of(const char *machine, const char *host)
{
    struct config_env env = fake_env;
    env.machine = machine;
    env.host = host;
    return env;
}

#define D    "connectors:\n  d: {party: us, deliver: {plugin: file, directory: x}}\n" /* line 1, 2 */
#define TO_D "routes:\n  all: {to: d}\n"

static const struct {
    const char *name, *machine, *host;
    unsigned flags;
    const char *yaml, *findings, *says;
} rows[] = {
    {"alone", "a", NULL, 0, D TO_D "machines: {a: {}, b: {}}\n",
     "5:1 error machines-alone\n5:1 error machines-alone\n", "queues that all of them reach"},
    {"none", NULL, NULL, 0, SHARED D TO_D "machines: {}\n", "7:11 error bad-value\n", NULL},
    {"asked for", "b", "a", 0, SHARED D TO_D "machines: {a: {}, b: {}}\n", "", NULL},
    {"the host's name", NULL, "b", 0, SHARED D TO_D "machines: {a: {}, b: {}}\n", "", NULL},
    {"asked for in vain", "hub-c", "hub-a", 0, SHARED D TO_D "machines: {hub-a: {}, hub-b: {}}\n",
     "7:1 error machine-unknown\n", "there are hub-a, hub-b"},
    {"nobody says", NULL, "laptop", 0, SHARED D TO_D "machines: {a: {}, b: {}}\n",
     "7:1 error machine-unknown\n", "`laptop` is none of a, b"},
    {"not even a host", "", NULL, 0, SHARED D TO_D "machines: {a: {}, b: {}}\n",
     "7:1 error machine-unknown\n", "REEVE_MACHINE"},
    {"looked at from elsewhere", NULL, "laptop", CONFIG_EVERY_MACHINE,
     SHARED D TO_D "machines: {a: {}, b: {}}\n", "7:1 warning machine-unknown\n", "--machine"},
    {"looked at in CI", NULL, "laptop", CONFIG_EVERY_MACHINE | CONFIG_WITHOUT_SECRETS,
     SHARED D TO_D "machines: {a: {}, b: {}}\n", "", NULL},
    {"a bad name", "a", NULL, 0, SHARED D TO_D "machines: {a: {}, B: {}}\n",
     "7:19 error bad-name\n", NULL},
    {"a key that is the same everywhere", "a", NULL, 0,
     SHARED D TO_D "machines: {a: {log: {level: debug}}}\n", "7:16 error unknown-key\n", NULL},
    {"no listen there", "a", NULL, 0,
     SHARED D TO_D
     "door: {max_body: 1M}\nmachines: {a: {door: {listen: \"127.0.0.1:1\"}}, b: {}}\n",
     "7:7 error missing-key\n", "door has no `listen`"},
    {"plain to the network, on the other one", "a", NULL, 0,
     SHARED D TO_D "machines: {a: {door: {listen: \"127.0.0.1:1\"}}, b: {door: {listen: "
                   "\"10.0.0.1:1\"}}}\n",
     "7:67 error door-plain\n", NULL},
    {"files of the other one", "a", NULL, 0,
     SHARED D TO_D
     "door: {listen: \"127.0.0.1:1\"}\nmachines: {a: {door: {tls: {certificate: gone.pem, key: "
     "key.pem}}}, b: {door: {tls: {certificate: away.pem, key: away.key}}}}\n",
     "8:42 error tls-file\n", "gone.pem"},
    {"on a machine that is none", "a", NULL, 0,
     SHARED "connectors:\n  d: {party: us, on: hub-c, deliver: {plugin: file, directory: x, on: "
            "[hub-a, hub-d]}}\n" TO_D "machines: {hub-a: {}, hub-b: {}, a: {}}\n",
     "4:22 error unknown-machine\n4:79 error unknown-machine\n", "did you mean `hub-"},
    {"on a machine of none", NULL, NULL, 0,
     "connectors:\n  d: {party: us, on: a, deliver: {plugin: file, directory: x}}\n" TO_D,
     "2:22 error unknown-machine\n", "there are no `machines`"},
    {"pushed to where no door is", "a", NULL, 0,
     SHARED "connectors:\n  s: {party: us, on: b, receive: {plugin: http, path: /s, speaks: "
            "cloudevents, auth: {bearer: \"${file:token}\"}}}\n"
            "machines: {a: {door: {listen: \"127.0.0.1:1\"}}, b: {}}\n",
     "4:49 error door-missing\n", NULL},
    {"an open door on one of them", "a", NULL, 0,
     SHARED
     "connectors:\n  s: {party: us, receive: {plugin: http, path: /s, speaks: cloudevents}}\n"
     "door: {behind_proxy: false}\nmachines: {a: {door: {listen: \"127.0.0.1:1\"}}, b: "
     "{door: {listen: \"127.0.0.1:1\", behind_proxy: true}}}\n",
     "4:27 error auth-missing\n", NULL},
};

static void what_is_wrong_is_said_at_its_place(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        const struct config_env env = env_of(rows[i].machine, rows[i].host);
        write_hub(rows[i].yaml);
        place_expect(rows[i].name, &env, rows[i].flags, rows[i].findings, rows[i].says);
    }
}

static void a_machine_that_no_file_knows_is_warned_of(void **state)
{
    (void)state;
    struct diagnostics d = {0};
    struct tree *plan = NULL;
    const struct config_env env = env_of("a", NULL);
    write_hub(D TO_D);
    assert_int_equal(config_compile("c", &env, 0, &d, &plan, NULL), 0);
    assert_int_equal(d.n, 1);
    assert_string_equal(d.d[0].code, "machine-unused");
    assert_null(tree_get(plan, "machine"));
    diagnostics_done(&d);
    tree_free(plan);
}

static bool runs(const struct tree *plan, const char *process)
{
    return place_part(plan, process) != NULL;
}

static void a_process_runs_where_it_is_said_to(void **state)
{
    (void)state;
    static const struct {
        const char *machine;
        bool w, e;
    } all[] = {{"a", false, true}, {"b", true, false}};
    write_hub(SHARED CONNECTORS DOORS);
    place_write("c/b.pem", "-----BEGIN CERTIFICATE-----\n", 0644);
    place_write("c/b.key", "-----BEGIN PRIVATE KEY-----\n", 0600);
    for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
        const struct config_env env = env_of(all[i].machine, NULL);
        struct tree *plan = place_compile(&env, 0, NULL);
        assert_string_equal(tree_gets(plan, "machine", ""), all[i].machine);
        assert_string_equal(tree_gets(place_part(plan, "s.receive"), "machine", ""),
                            all[i].machine);
        assert_true(runs(plan, "s.receive") && runs(plan, "d.deliver"));
        assert_int_equal(runs(plan, "w.receive"), all[i].w);
        assert_int_equal(runs(plan, "e.deliver"), all[i].e);
        /* The queues are everybody's. */
        place_piece(tree_get(plan, "destinations"), "[\"d\",\"e\"]");
        assert_int_equal(tree_get(place_part(plan, "amqp"), "destinations")->n, 2);
        assert_int_equal(tree_get(place_part(plan, "amqp"), "rights")->n, 5);
        assert_int_equal(tree_at(plan, "alarms/sources")->n, all[i].w);
        assert_int_equal(tree_at(plan, "alarms/queues")->n, 1);
        tree_free(plan);
    }
}

static void what_differs_is_of_that_machine(void **state)
{
    (void)state;
    write_hub(SHARED CONNECTORS DOORS);
    const struct config_env a = env_of("a", NULL), b = env_of("b", NULL);
    struct tree *plan = place_compile(&a, 0, NULL);
    place_piece(tree_get(plan, "data"), "\"/srv/a\"");
    place_piece(tree_get(place_part(plan, "door"), "listen"), "\"10.0.0.1:8443\"");
    place_piece(tree_get(place_part(plan, "door"), "max_body"), "1048576");
    place_piece(tree_get(place_part(plan, "door"), "tls"),
                "{\"certificate\":\"@/c/ca.pem\",\"key\":\"@/c/key.pem\"}");
    tree_free(plan);
    plan = place_compile(&b, 0, NULL);
    place_piece(tree_get(plan, "data"), "\"@/c/var\"");
    place_piece(tree_get(place_part(plan, "door"), "listen"), "\"10.0.0.2:8443\"");
    place_piece(tree_get(place_part(plan, "door"), "tls"),
                "{\"certificate\":\"@/c/b.pem\",\"key\":\"@/c/b.key\"}");
    tree_free(plan);
}

static void without_a_door_nobody_pushes(void **state)
{
    (void)state;
    write_hub(SHARED CONNECTORS "machines: {a: {door: {listen: \"127.0.0.1:1\"}}, b: {}}\n");
    const struct config_env b = env_of("b", NULL);
    struct tree *plan = place_compile(&b, 0, NULL);
    assert_false(runs(plan, "door"));
    assert_false(runs(plan, "s.receive"));
    assert_true(runs(plan, "w.receive"));
    tree_free(plan);
}

static void from_elsewhere_all_processes_are_seen(void **state)
{
    (void)state;
    struct buf print = BUF_INIT(1u << 20);
    write_hub(SHARED CONNECTORS DOORS);
    struct tree *plan =
        place_compile(&fake_env, CONFIG_EVERY_MACHINE | CONFIG_WITHOUT_SECRETS, &print);
    assert_null(tree_get(plan, "machine"));
    assert_true(runs(plan, "s.receive") && runs(plan, "w.receive") && runs(plan, "e.deliver"));
    tree_free(plan);
    /* What is printed is the same configuration. */
    write_hub(SHARED CONNECTORS DOORS);
    assert_int_equal(unlink("c/base.yaml"), 0);
    place_write("c/t.yaml", buf_str(&print), 0644);
    const struct config_env b = env_of("b", NULL);
    plan = place_compile(&b, 0, NULL);
    assert_true(runs(plan, "w.receive") && !runs(plan, "e.deliver"));
    place_piece(tree_get(place_part(plan, "door"), "listen"), "\"10.0.0.2:8443\"");
    tree_free(plan);
    buf_done(&print);
}

static void the_place_is_known_without_plugins(void **state)
{
    (void)state;
    struct config_env env = env_of("a", NULL);
    char *data = NULL;
    struct tree *names = NULL;
    struct err e;
    env.find = NULL;
    write_hub("connectors: {d: {deliver: {plugin: gone}}}\n" DOORS);
    assert_int_equal(config_place("c", &env, &data, &names, &e), 0);
    assert_string_equal(data, "/srv/a");
    place_piece(names, "[\"a\",\"b\"]");
    free(data);
    tree_free(names);
    env.machine = NULL;
    env.host = "laptop";
    assert_int_equal(config_place("c", &env, &data, NULL, &e), -EINVAL);
    assert_string_equal(e.code, "machine-unknown");
    assert_int_equal(config_place("c", &env, NULL, &names, &e), 0);
    place_piece(names, "[\"a\",\"b\"]");
    tree_free(names);
    write_hub("connectors: {\n");
    assert_int_equal(config_place("c", &env, NULL, &names, &e), -EINVAL);
    assert_string_equal(e.code, "yaml-syntax");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_wrong_is_said_at_its_place),
        cmocka_unit_test(a_machine_that_no_file_knows_is_warned_of),
        cmocka_unit_test(a_process_runs_where_it_is_said_to),
        cmocka_unit_test(what_differs_is_of_that_machine),
        cmocka_unit_test(without_a_door_nobody_pushes),
        cmocka_unit_test(from_elsewhere_all_processes_are_seen),
        cmocka_unit_test(the_place_is_known_without_plugins),
    };
    return cmocka_run_group_tests(tests, place_setup, place_teardown);
}
