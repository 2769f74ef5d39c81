/* SPDX-License-Identifier: Apache-2.0 */
/* `transport: {amqp: …}`: what is refused with which words, and what the processes get. */
#include "place.h"

#define CONNECTORS                                                                       \
    "connectors:\n"                                                                      \
    "  s: {party: us, receive: {plugin: file, directory: in, speaks: cloudevents}}\n"    \
    "  d: {party: us, was: old, deliver: {plugin: file, directory: x, order: strict}}\n" \
    "  off: {party: us, enabled: false, deliver: {plugin: file, directory: y, limit: "   \
    "{messages: 7, bytes: 1M}}}\n"                                                       \
    "routes:\n  all: {to: [d, off]}\n"
#define LOGIN "user: reeve, password: \"${file:pw}\""

struct row {
    const char *name, *amqp; /* the value of `transport`, on line 7 of t.yaml from column 12 */
    const char *findings, *says;
};

static const struct row rows[] = {
    {"this machine, plain", "{amqp: {brokers: localhost, vhost: hub, " LOGIN "}}", "", NULL},
    {"this machine by numbers",
     "{amqp: {brokers: [\"127.0.0.5:1\", \"[::1]:2\", \"[::1]\"], vhost: hub, " LOGIN "}}", "",
     NULL},
    {"another machine, plain", "{amqp: {brokers: [localhost, a.example], vhost: h, " LOGIN "}}",
     "7:41 error broker-plain\n", "`tls: false`"},
    {"plain, and said so", "{amqp: {brokers: 10.0.0.1, tls: false, vhost: h, " LOGIN "}}", "",
     NULL},
    {"with TLS", "{amqp: {brokers: a.example, ca: ca.pem, vhost: h, " LOGIN "}}", "", NULL},
    {"TLS and its contrary",
     "{amqp: {brokers: a.example, ca: ca.pem, tls: false, vhost: h, " LOGIN "}}",
     "7:57 error bad-value\n", "contradict"},
    {"TLS that trusts nobody", "{amqp: {brokers: a.example, tls: true, vhost: h, " LOGIN "}}",
     "7:29 error broker-plain\n7:45 error missing-key\n", "ca-certificates.crt"},
    {"a certificate instead of a password",
     "{amqp: {brokers: a.example, ca: ca.pem, certificate: ca.pem, key: key.pem, vhost: h}}", "",
     NULL},
    {"a certificate without a key",
     "{amqp: {brokers: a.example, ca: ca.pem, certificate: ca.pem, vhost: h}}",
     "7:52 error missing-key\n", "`key`"},
    {"a certificate without TLS",
     "{amqp: {brokers: localhost, certificate: ca.pem, key: key.pem, vhost: h}}",
     "7:40 error missing-key\n", "shown in TLS only"},
    {"a file that is none", "{amqp: {brokers: a.example, ca: nothing.pem, vhost: h, " LOGIN "}}",
     "7:44 error tls-file\n", "nothing.pem"},
    {"a file of something else", "{amqp: {brokers: a.example, ca: pw, vhost: h, " LOGIN "}}",
     "7:44 error tls-file\n", "PEM"},
    {"nobody", "{amqp: {brokers: localhost, vhost: h}}", "7:13 error auth-missing\n", "who we are"},
    {"a user without a password", "{amqp: {brokers: localhost, vhost: h, user: reeve}}",
     "7:50 error missing-key\n", "password"},
    {"a password in the file",
     "{amqp: {brokers: localhost, vhost: h, user: reeve, password: hunter2}}",
     "7:73 error secret-plain\n", "${file:"},
    {"a password that is not there",
     "{amqp: {brokers: localhost, vhost: h, user: reeve, password: \"${file:no}\"}}",
     "7:73 error secret-file\n", NULL},
    {"no place", "{amqp: {}}",
     "7:13 error auth-missing\n7:19 error missing-key\n7:19 error missing-key\n", "`vhost`"},
    {"the word alone", "amqp", "7:12 error bad-value\n", "brokers"},
    {"a list", "[amqp]", "7:12 error bad-value\n", "a list"},
    {"a slip of the pen", "{ampq: {}}", "7:12 error missing-key\n7:13 error unknown-key\n",
     "did you mean `amqp`?"},
    {"a slip inside", "{amqp: {broker: x, brokers: localhost, vhost: h, " LOGIN "}}",
     "7:20 error unknown-key\n", "did you mean `brokers`?"},
    {"no address",
     "{amqp: {brokers: [\"a:b\", \"[::1\", \"a:0\", \"-a\", \"a b\"], vhost: h, " LOGIN "}}",
     "7:30 error bad-value\n7:37 error bad-value\n7:45 error bad-value\n7:52 error "
     "bad-value\n7:58 error bad-value\n",
     "HOST:PORT"},
    {"another kind of queue", "{amqp: {brokers: localhost, vhost: h, queues: lazy, " LOGIN "}}",
     "7:58 error bad-value\n", "one of quorum, classic"},
    {"users",
     "{amqp: {brokers: localhost, vhost: h, " LOGIN ", users: {s.receive: {" LOGIN
     "}, off.deliver: {" LOGIN "}}}}",
     "", NULL},
    {"a user of nobody",
     "{amqp: {brokers: localhost, vhost: h, " LOGIN ", users: {s.recieve: {" LOGIN "}}}}",
     "7:95 error unknown-process\n", "did you mean `s.receive`?"},
    {"a user of a side that is not there",
     "{amqp: {brokers: localhost, vhost: h, " LOGIN ", users: {console: {" LOGIN "}}}}",
     "7:95 error unknown-process\n", NULL},
    {"a user without a name",
     "{amqp: {brokers: localhost, vhost: h, " LOGIN
     ", users: {s.receive: {password: \"${file:pw}\"}}}}",
     "7:107 error missing-key\n", "user `s.receive`"},
};

static void write_hub(const char *transport)
{
    char yaml[4000];
    (void)snprintf(yaml, sizeof(yaml), CONNECTORS "transport: %s\n", transport);
    place_write("c/t.yaml", yaml, 0644);
    place_write("c/base.yaml", place_base, 0644);
}

static void what_is_wrong_is_said_at_its_place(void **state)
{
    (void)state;
    place_pems();
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        write_hub(rows[i].amqp);
        place_expect(rows[i].name, &fake_env, 0, rows[i].findings, rows[i].says);
    }
}

#define QUEUES                                                                                  \
    "[{\"name\":\"d\",\"order\":\"strict\",\"limit_messages\":1000000,\"limit_bytes\":"         \
    "10737418240%s},{\"name\":\"off\",\"order\":\"free\",\"limit_messages\":7,\"limit_bytes\":" \
    "1048576}]"

static void every_process_is_told_the_place_and_its_own_user(void **state)
{
    (void)state;
    char want[2000], queues[600];
    place_pems();
    write_hub("{amqp: {brokers: [\"a.example\", \"[::1]:7\"], vhost: hub, ca: ca.pem, queues: "
              "classic, " LOGIN ", users: {d.deliver: {certificate: ca.pem, key: key.pem}}}}");
    struct tree *plan = place_compile(&fake_env, 0, NULL);
    (void)snprintf(queues, sizeof(queues), QUEUES, "");
    (void)snprintf(want, sizeof(want),
                   "{\"engine\":\"amqp\",\"brokers\":[{\"host\":\"a.example\",\"port\":5671},{"
                   "\"host\":\"::1\",\"port\":7}],\"vhost\":\"hub\",\"user\":\"reeve\","
                   "\"password\":\"hunter2\",\"tls\":{\"ca\":\"@/c/ca.pem\"},\"external\":false,"
                   "\"name\":\"s.receive\",\"queue\":\"classic\",\"message_max\":16777216,"
                   "\"destinations\":%s}",
                   queues);
    place_piece(tree_get(place_part(plan, "s.receive"), "transport"), want);
    const struct tree *d = tree_get(place_part(plan, "d.deliver"), "transport");
    assert_null(tree_get(d, "password"));
    place_piece(tree_get(d, "user"), "\"\"");
    place_piece(tree_get(d, "external"), "true");
    place_piece(tree_get(d, "tls"), "{\"ca\":\"@/c/ca.pem\",\"certificate\":\"@/c/ca.pem\",\"key\":"
                                    "\"@/c/key.pem\"}");
    tree_free(plan);
}

static void one_process_keeps_the_queues_and_there_is_no_spool(void **state)
{
    (void)state;
    char queues[600];
    place_pems();
    write_hub("{amqp: {brokers: localhost, vhost: hub, " LOGIN
              ", users: {s.receive: {user: in, password: \"${file:pw}\"}}}}");
    struct tree *plan = place_compile(&fake_env, 0, NULL);
    const struct tree *p = place_part(plan, "amqp");
    assert_null(place_part(plan, "spool"));
    assert_string_equal(tree_gets(p, "kind", ""), "amqp");
    place_piece(
        tree_get(p, "rights"),
        "[{\"name\":\"s.receive\",\"user\":\"in\",\"publish\":true,\"consume\":[],\"admin\":"
        "false},{\"name\":\"d.deliver\",\"user\":\"reeve\",\"publish\":false,\"consume\":[\"d\"],"
        "\"admin\":false},{\"name\":\"amqp\",\"user\":\"reeve\",\"publish\":true,\"consume\":[],"
        "\"admin\":true}]");
    (void)snprintf(queues, sizeof(queues), QUEUES, ",\"was\":[\"old\"]");
    place_piece(tree_get(p, "destinations"), queues);
    place_piece(tree_get(p, "retention"), "{\"dead_ms\":7776000000,\"unseen_ms\":31536000000}");
    place_piece(tree_at(p, "transport/brokers"), "[{\"host\":\"localhost\",\"port\":5672}]");
    place_piece(tree_at(p, "transport/external"), "false");
    assert_null(tree_at(p, "transport/tls"));
    tree_free(plan);
}

static void secrets_are_printed_as_references_and_may_be_elsewhere(void **state)
{
    (void)state;
    struct buf print = BUF_INIT(1u << 20);
    place_pems();
    write_hub("{amqp: {brokers: \"${env:REEVE_TEST_UNSET}\", ca: gone.pem, vhost: hub, user: "
              "reeve, password: \"${file:gone}\"}}");
    struct tree *plan = place_compile(&fake_env, CONFIG_WITHOUT_SECRETS, &print);
    assert_non_null(strstr(buf_str(&print), "${file:gone}"));
    assert_non_null(strstr(buf_str(&print), "vhost: hub"));
    place_piece(tree_at(place_part(plan, "amqp"), "transport/brokers"), "[]");
    tree_free(plan);
    buf_done(&print);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_wrong_is_said_at_its_place),
        cmocka_unit_test(every_process_is_told_the_place_and_its_own_user),
        cmocka_unit_test(one_process_keeps_the_queues_and_there_is_no_spool),
        cmocka_unit_test(secrets_are_printed_as_references_and_may_be_elsewhere),
    };
    return cmocka_run_group_tests(tests, place_setup, place_teardown);
}
