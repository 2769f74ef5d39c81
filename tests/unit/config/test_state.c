/* SPDX-License-Identifier: Apache-2.0 */
/* `state: {postgresql: …}`: what is refused with which words, and the conninfo that processes get.
 */
#include "config/compile.h"
#include "place.h"

#define CONNECTORS                                                                    \
    "connectors:\n"                                                                   \
    "  s: {party: us, receive: {plugin: file, directory: in, speaks: cloudevents}}\n" \
    "  d: {party: us, deliver: {plugin: file, directory: x}}\n"                       \
    "routes:\n  all: {to: d}\n"
#define LOGIN "database: hub, user: reeve, password: \"${file:pw}\""

static void write_hub(const char *state)
{
    char yaml[4000];
    (void)snprintf(yaml, sizeof(yaml), CONNECTORS "state: %s\n", state);
    place_write("c/t.yaml", yaml, 0644);
    place_write("c/base.yaml", place_base, 0644);
}

static const struct {
    const char *name, *state; /* the value of `state`, on line 6 of t.yaml from column 8 */
    const char *findings, *says;
} rows[] = {
    {"files", "sqlite", "", NULL},
    {"this machine, plain", "{postgresql: {hosts: localhost, " LOGIN "}}", "", NULL},
    {"a socket needs no password",
     "{postgresql: {hosts: /run/postgresql, database: hub, user: reeve}}", "", NULL},
    {"a host does", "{postgresql: {hosts: localhost, database: hub, user: reeve}}",
     "6:55 error missing-key\n", "`password: "},
    {"a socket and a host do",
     "{postgresql: {hosts: [/run/postgresql, localhost], database: hub, user: reeve}}",
     "6:74 error missing-key\n", NULL},
    {"another machine, plain", "{postgresql: {hosts: [localhost, a.example], " LOGIN "}}",
     "6:41 error state-plain\n", "`tls: false`"},
    {"plain, and said so", "{postgresql: {hosts: 10.0.0.1, tls: false, " LOGIN "}}", "", NULL},
    {"with TLS", "{postgresql: {hosts: \"a.example:6432\", ca: ca.pem, " LOGIN "}}", "", NULL},
    {"TLS and its contrary", "{postgresql: {hosts: a.example, ca: ca.pem, tls: false, " LOGIN "}}",
     "6:57 error bad-value\n", "contradict"},
    {"a certificate instead of a password",
     "{postgresql: {hosts: a.example, ca: ca.pem, certificate: ca.pem, key: key.pem, database: h, "
     "user: u}}",
     "", NULL},
    {"a certificate without TLS",
     "{postgresql: {hosts: localhost, certificate: ca.pem, key: key.pem, database: h, user: u}}",
     "6:40 error missing-key\n", "the server's own"},
    {"a file that is none", "{postgresql: {hosts: a.example, ca: nothing.pem, " LOGIN "}}",
     "6:44 error tls-file\n", NULL},
    {"a port that is none", "{postgresql: {hosts: \"a.example:x\", tls: false, " LOGIN "}}",
     "6:29 error bad-value\n", "[::1]:5432"},
    {"a socket with a comma", "{postgresql: {hosts: \"/run/a,b\", " LOGIN "}}",
     "6:29 error bad-value\n", NULL},
    {"nowhere", "postgresql", "6:8 error bad-value\n", "wants to know where"},
    {"something else", "postgres", "6:8 error bad-value\n", "did you mean `postgresql`?"},
    {"a list", "[sqlite]", "6:8 error bad-value\n", "a list"},
    {"unknown key", "{postgresql: {hosts: localhost, dbname: x, " LOGIN "}}",
     "6:40 error unknown-key\n", NULL},
    {"what is needed", "{postgresql: {hosts: localhost}}",
     "6:21 error missing-key\n6:21 error missing-key\n", "`database`"},
    {"a password in the clear",
     "{postgresql: {hosts: localhost, database: h, user: u, password: x}}",
     "6:72 error secret-plain\n", NULL},
    {"a schema", "{postgresql: {hosts: localhost, schema: hub_1, " LOGIN "}}", "", NULL},
    {"a schema that would have to be quoted",
     "{postgresql: {hosts: localhost, schema: Hub, " LOGIN "}}", "6:48 error bad-value\n",
     "lower-case"},
    {"a schema and more", "{postgresql: {hosts: localhost, schema: \"a,b\", " LOGIN "}}",
     "6:48 error bad-value\n", NULL},
};

static void what_is_wrong_is_said_at_its_place(void **state)
{
    (void)state;
    place_pems();
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        write_hub(rows[i].state);
        place_expect(rows[i].name, &fake_env, 0, rows[i].findings, rows[i].says);
    }
}

/* libpq 34.1.1.1: in quotes a backslash stands before each quote and backslash. */
static void values_are_quoted_as_libpq_reads_them(void **state)
{
    (void)state;
    static const struct {
        const char *value, *want;
    } values[] = {
        {"plain", "k='plain'"},
        {"", "k=''"},
        {"two words ", "k='two words '"},
        {"it's", "k='it\\'s'"},
        {"a\\b", "k='a\\\\b'"},
        {"\\'", "k='\\\\\\''"},
        {"' host=evil '", "k='\\' host=evil \\''"},
        {"\n\t=", "k='\n\t='"},
        {"\xc3\xa4", "k='\xc3\xa4'"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
        struct buf b = BUF_INIT(1u << 16);
        assert_int_equal(conninfo_put(&b, "k", values[i].value), 0);
        assert_string_equal(buf_str(&b), values[i].want);
        assert_int_equal(conninfo_put(&b, "l", "x"), 0);
        assert_string_equal(buf_str(&b) + strlen(values[i].want), " l='x'");
        buf_done(&b);
    }
}

static void each_side_is_told_where_it_remembers(void **state)
{
    (void)state;
    static const struct {
        const char *state, *conninfo;
    } all[] = {
        {"{postgresql: {hosts: localhost, " LOGIN "}}",
         "host='localhost' port='5432' dbname='hub' user='reeve' password='hunter2'"},
        {"{postgresql: {hosts: [/run/postgresql, \"[::1]:7\", \"10.1.2.3\"], tls: false, " LOGIN
         "}}",
         "host='/run/postgresql,::1,10.1.2.3' port='5432,7,5432' dbname='hub' user='reeve' "
         "password='hunter2' sslmode='disable'"},
        {"{postgresql: {hosts: a.example, ca: ca.pem, certificate: ca.pem, key: key.pem, "
         "database: \"a b\", user: \"o'neil\", schema: hub}}",
         "host='a.example' port='5432' dbname='a b' user='o\\\\'neil' sslmode='verify-full' "
         "sslrootcert='@/c/ca.pem' sslcert='@/c/ca.pem' sslkey='@/c/key.pem' "
         "options='-csearch_path=hub'"},
    };
    place_pems();
    for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
        char want[1000];
        write_hub(all[i].state);
        struct tree *plan = place_compile(&fake_env, 0, NULL);
        (void)snprintf(want, sizeof(want), "{\"engine\":\"postgresql\",\"conninfo\":\"%s\"}",
                       all[i].conninfo);
        place_piece(tree_get(place_part(plan, "s.receive"), "state"), want);
        place_piece(tree_get(place_part(plan, "d.deliver"), "state"), want);
        assert_null(tree_get(place_part(plan, "spool"), "state"));
        tree_free(plan);
    }
    write_hub("sqlite");
    struct tree *plan = place_compile(&fake_env, 0, NULL);
    assert_null(tree_get(place_part(plan, "s.receive"), "state"));
    tree_free(plan);
}

static void passwords_are_printed_as_references_and_may_be_elsewhere(void **state)
{
    (void)state;
    struct buf print = BUF_INIT(1u << 20);
    place_pems();
    write_hub("{postgresql: {hosts: \"${env:REEVE_TEST_UNSET}\", database: h, user: u, password: "
              "\"${file:gone}\", schema: s}}");
    struct tree *plan = place_compile(&fake_env, CONFIG_WITHOUT_SECRETS, &print);
    assert_non_null(strstr(buf_str(&print), "${file:gone}"));
    assert_non_null(strstr(buf_str(&print), "schema: s"));
    place_piece(tree_at(place_part(plan, "s.receive"), "state/conninfo"),
                "\"dbname='h' user='u' options='-csearch_path=s'\"");
    tree_free(plan);
    buf_done(&print);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_wrong_is_said_at_its_place),
        cmocka_unit_test(values_are_quoted_as_libpq_reads_them),
        cmocka_unit_test(each_side_is_told_where_it_remembers),
        cmocka_unit_test(passwords_are_printed_as_references_and_may_be_elsewhere),
    };
    return cmocka_run_group_tests(tests, place_setup, place_teardown);
}
