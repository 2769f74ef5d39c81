/* SPDX-License-Identifier: Apache-2.0 */
/* The plan: what the processes get, in the form that core/README.md describes. */
#include "place.h"

static const char hub[] =
    "hub: h\n"
    "door: {listen: \"127.0.0.1:8480\", max_body: 1M}\n"
    "limits: {message: 2M}\n"
    "unrouted: {to: [t, off]}\n"
    "retention: {dead: 2d, journal: 3d, done: 4h}\n"
    "defaults: {deliver: {http: {timeout: 20s, retries: 3, retry: {for: 2d}}}}\n"
    "parties:\n"
    "  us: {name: Us, role: hub}\n"
    "  them: {name: Them, role: provider, identifier: GB-1, agreements: [{purpose: p, data: "
    "[personal], until: 2030-01-31}]}\n"
    "connectors:\n"
    "  s:\n"
    "    party: them\n"
    "    receive: {plugin: http, path: /s, speaks: {360giving: {prefix: yes}}, partial: true, "
    "deadline: 90s,\n"
    "              auth: {bearer: [\"${file:secrets/a}\", \"${env:REEVE_TEST_TOKEN}\"]}}\n"
    "  f: {party: us, receive: {plugin: file, directory: in, speaks: fhir-referral, types: open,\n"
    "                           steps: [{step: redact, fields: [a, b]}], expect: {every: 1 "
    "month}}}\n"
    "  d:\n"
    "    party: them\n"
    "    deliver: {use: common, url: \"http://x/${env:REEVE_TEST_TOKEN}\", retries: 5, ca: [a.pem, "
    "/b.pem], batch: 10,\n"
    "              token: \"${file:secrets/a}\", headers: {X-One: 1, X-Two: \"$${a}\"}, limit: "
    "{messages: 7, bytes: 1M}}\n"
    "  t: {party: us, deliver: {plugin: file, directory: ./out//t/, order: strict, alarm: {oldest: "
    "30m}}}\n"
    "  off: {party: us, enabled: false, deliver: {plugin: file, directory: off}}\n"
    "routes:\n"
    "  one:\n"
    "    match: {type: funding.award, place: [\"@list.txt\", E3]}\n"
    "    when: amount > 3 AND currency = 'GBP'\n"
    "    to: [t, off, t]\n"
    "  two: {first: [{match: {type: client.referral}, to: d}, {to: off}]}\n";

static void write_hub(void)
{
    place_write("c/hub.yaml", hub, 0644);
    place_write("c/profiles/common.yaml",
                "plugin: http\nspeaks: openreferral\nretries: 4\ntimeout: 10s\nca: nowhere.pem\n",
                0644);
    place_write("c/list.txt", "# a list\nE1\n  E2  \n\n", 0644);
    place_write("c/secrets/a", "aaaaaaaaaaaaaaaaaaaa\n", 0600);
    assert_int_equal(setenv("REEVE_TEST_TOKEN", "bbbbbbbbbbbbbbbbbbbb", 1), 0);
}

static struct tree *compile(const char *path, unsigned flags, struct buf *print)
{
    struct diagnostics d = {0};
    struct tree *plan = NULL;
    struct buf b = BUF_INIT(1u << 20);
    int r = config_compile(path, &fake_env, flags, &d, &plan, print);
    (void)diagnostics_write(&d, &b);
    if (d.n > 0)
        print_error("%s", buf_str(&b));
    assert_int_equal(d.n, 0);
    assert_int_equal(r, 0);
    assert_non_null(plan);
    buf_done(&b);
    diagnostics_done(&d);
    return plan;
}

static void every_process_has_its_part_and_its_digest(void **state)
{
    (void)state;
    write_hub();
    struct tree *plan = compile("c", 0, NULL);
    const struct tree *all = tree_get(plan, "processes");
    static const char *const names[] = {"d.deliver", "door",  "f.receive",
                                        "s.receive", "spool", "t.deliver"};
    assert_int_equal(all->n, ARRAY_SIZE(names));
    for (size_t i = 0; i < all->n; i++) {
        struct buf b = BUF_INIT(1u << 20);
        char hex[SHA256_HEX];
        assert_string_equal(tree_gets(all->child[i], "name", ""), names[i]);
        assert_string_equal(tree_gets(all->child[i], "part/name", ""), names[i]);
        assert_string_equal(tree_gets(all->child[i], "part/kind", ""),
                            tree_gets(all->child[i], "kind", "-"));
        assert_int_equal(tree_to_json(tree_get(all->child[i], "part"), &b, false), 0);
        sha256_hex(b.p, b.len, hex);
        assert_string_equal(tree_gets(all->child[i], "digest", ""), hex);
        buf_done(&b);
    }
    place_piece(tree_get(plan, "destinations"), "[\"d\",\"t\",\"off\"]");
    place_piece(tree_get(plan, "config"), "\"@/c\"");
    place_piece(tree_get(plan, "data"), "\"@/c/var\"");
    place_piece(tree_get(plan, "run"), "\"@/c/var/run\"");
    place_piece(tree_get(plan, "format"), "1");
    place_piece(tree_get(plan, "alarms"),
                "{\"queues\":[{\"destination\":\"t\",\"oldest_ms\":1800000}],\"sources\":[{"
                "\"process\":\"f.receive\",\"connector\":\"f\",\"every\":\"1 month\","
                "\"every_months\":1,\"every_ms\":0,\"grace_ms\":259200000}]}");
    tree_free(plan);
}

static void a_source_gets_its_options_routes_and_destinations(void **state)
{
    (void)state;
    write_hub();
    struct tree *plan = compile("c", 0, NULL);
    const struct tree *s = tree_get(place_process(plan, "s.receive"), "part"),
                      *f = tree_get(place_process(plan, "f.receive"), "part");
    place_piece(
        tree_get(s, "party"),
        "{\"name\":\"them\",\"title\":\"Them\",\"role\":\"provider\",\"identifier\":\"GB-1\"}");
    place_piece(tree_get(s, "plugin"),
                "{\"name\":\"http\",\"file\":\"/modules/"
                "http.so\",\"version\":\"1\",\"options\":{\"buffer\":[\"65536\"]}}");
    place_piece(
        tree_get(s, "adapter"),
        "{\"name\":\"360giving\",\"file\":\"/modules/360giving.so\",\"version\":\"1\",\"options\":{"
        "\"prefix\":[\"yes\"]}}");
    place_piece(tree_get(s, "partial"), "true");
    place_piece(tree_get(s, "deadline_ms"), "90000");
    place_piece(tree_get(s, "message_max"), "2097152");
    place_piece(tree_get(s, "path"), "\"/s\"");
    place_piece(tree_get(s, "socket"), "\"@/c/var/run/s.receive.sock\"");
    place_piece(tree_get(s, "types"), "\"closed\"");
    place_piece(tree_get(s, "retention"),
                "{\"journal_ms\":259200000,\"receipts_ms\":7776000000,\"done_ms\":14400000}");
    place_piece(tree_get(s, "routes"),
                "[{\"name\":\"one\",\"match\":{\"type\":[\"funding.award\"],"
                "\"place\":[\"E1\",\"E2\",\"E3\"]},\"when\":\"amount > 3 AND currency = 'GBP'\","
                "\"to\":[\"t\",\"off\"]},{\"name\":\"two\",\"first\":[{\"match\":{"
                "\"type\":[\"client.referral\"]},\"to\":[\"d\"]},{"
                "\"to\":[\"off\"]}]}]");
    place_piece(tree_get(s, "destinations"), "[\"d\",\"t\",\"off\"]");
    place_piece(tree_get(s, "unrouted"), "{\"to\":[\"t\",\"off\"]}");
    place_piece(tree_get(f, "steps"), "[{\"name\":\"redact\",\"file\":\"/modules/"
                                      "redact.so\",\"version\":\"1\",\"options\":{\"fields\":["
                                      "\"a\",\"b\"]}}]");
    place_piece(tree_get(f, "types"), "\"open\"");
    place_piece(tree_at(f, "plugin/options"), "{\"directory\":[\"@/c/in\"]}");
    assert_null(tree_get(f, "path"));
    assert_null(tree_get(f, "socket"));
    tree_free(plan);
}

static void a_sink_gets_own_options_over_profile_over_defaults(void **state)
{
    (void)state;
    write_hub();
    struct tree *plan = compile("c", 0, NULL);
    const struct tree *d = tree_get(place_process(plan, "d.deliver"), "part"),
                      *t = tree_get(place_process(plan, "t.deliver"), "part");
    place_piece(
        tree_at(d, "plugin/options"),
        "{\"url\":[\"http://x/bbbbbbbbbbbbbbbbbbbb\"],\"retries\":[\"5\"],\"ca\":[\"@/c/"
        "a.pem\",\"/b.pem\"],"
        "\"token\":[\"aaaaaaaaaaaaaaaaaaaa\"],\"headers\":{\"X-One\":\"1\",\"X-Two\":\"${a}\"},"
        "\"timeout\":[\"10000\"],"
        "\"method\":[\"POST\"],\"buffer\":[\"65536\"]}");
    place_piece(tree_get(d, "retry"), "{\"for_ms\":172800000}");
    place_piece(tree_get(d, "batch"), "10");
    place_piece(tree_get(d, "destination"), "\"d\"");
    place_piece(tree_at(d, "party/agreements"),
                "[{\"purpose\":\"p\",\"data\":[\"personal\"],\"until\":\"2030-01-31\"}]");
    place_piece(
        tree_get(d, "adapters"),
        "[{\"name\":\"fhir-referral\",\"file\":\"/modules/fhir-referral.so\",\"version\":\"1\","
        "\"options\":{}}]");
    place_piece(tree_at(t, "adapter/name"), "\"cloudevents\"");
    place_piece(tree_get(t, "adapters"), "[]");
    place_piece(tree_at(t, "plugin/options/directory"), "[\"@/c/out/t\"]");
    place_piece(tree_get(t, "order"), "\"strict\"");
    place_piece(tree_get(t, "batch"), "100");
    place_piece(tree_at(t, "party/agreements"),
                "[{\"purpose\":\"the hub's own work\",\"data\":[\"personal\"]}]");
    tree_free(plan);
}

static void the_door_gets_digests_of_tokens_and_no_token(void **state)
{
    (void)state;
    write_hub();
    struct tree *plan = compile("c", 0, NULL);
    const struct tree *door = tree_get(place_process(plan, "door"), "part");
    char a[SHA256_HEX], b[SHA256_HEX], want[800];
    sha256_hex("aaaaaaaaaaaaaaaaaaaa", 20, a);
    sha256_hex("bbbbbbbbbbbbbbbbbbbb", 20, b);
    (void)snprintf(want, sizeof(want),
                   "[{\"path\":\"/s\",\"connector\":\"s\",\"socket\":\"@/c/var/run/"
                   "s.receive.sock\",\"bearer_sha256\":[\"%s\","
                   "\"%s\"],\"max_body\":1048576}]",
                   a, b);
    place_piece(tree_get(door, "paths"), want);
    place_piece(tree_get(door, "listen"), "\"127.0.0.1:8480\"");
    place_piece(tree_get(door, "behind_proxy"), "false");
    tree_free(plan);
}

static void the_spool_knows_each_process_by_its_token_and_lets_it_do_its_own_only(void **state)
{
    (void)state;
    write_hub();
    struct tree *plan = compile("c", 0, NULL);
    const struct tree *spool = tree_get(place_process(plan, "spool"), "part"),
                      *rights = tree_get(spool, "rights");
    place_piece(tree_get(spool, "destinations"),
                "[{\"name\":\"d\",\"order\":\"free\",\"limit_messages\":7,\"limit_bytes\":1048576},"
                "{\"name\":\"t\",\"order\":\"strict\",\"limit_messages\":1000000,\"limit_bytes\":"
                "10737418240},"
                "{\"name\":\"off\",\"order\":\"free\",\"limit_messages\":1000000,\"limit_bytes\":"
                "10737418240}]");
    static const char *const names[] = {"s.receive", "f.receive", "d.deliver", "t.deliver",
                                        "admin"};
    static const char *const consume[] = {"[]", "[]", "[\"d\"]", "[\"t\"]", "[]"};
    assert_int_equal(rights->n, ARRAY_SIZE(names));
    for (size_t i = 0; i < rights->n; i++) {
        uint8_t key[SHA256_LEN] = {0};
        char token[SHA256_HEX], hash[SHA256_HEX];
        config_token(key, names[i], token);
        sha256_hex(token, strlen(token), hash);
        assert_string_equal(tree_gets(rights->child[i], "name", ""), names[i]);
        assert_string_equal(tree_gets(rights->child[i], "token_sha256", ""), hash);
        place_piece(tree_get(rights->child[i], "consume"), consume[i]);
        assert_int_equal(tree_getb(rights->child[i], "publish", false), i < 2 || i == 4);
        assert_int_equal(tree_getb(rights->child[i], "admin", false), i == 4);
        const struct tree *p = place_process(plan, names[i]);
        if (p)
            assert_string_equal(tree_gets(p, "part/transport/token", ""), token);
    }
    tree_free(plan);
}

static char *json(const struct tree *t)
{
    struct buf b = BUF_INIT(1u << 20);
    assert_int_equal(tree_to_json(t, &b, false), 0);
    return buf_take(&b, NULL);
}

static void the_same_files_and_key_give_the_same_plan(void **state)
{
    (void)state;
    struct stat st;
    write_hub();
    struct tree *plan = compile("c", 0, NULL);
    assert_int_equal(stat("c/var", &st), -1); /* checking makes nothing */
    char *before = json(plan);
    tree_free(plan);
    plan = compile("c", CONFIG_CREATE, NULL);
    char *first = json(plan);
    tree_free(plan);
    assert_int_equal(stat("c/var/key", &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    assert_int_equal(st.st_size, SHA256_LEN);
    plan = compile("c", 0, NULL);
    char *second = json(plan);
    tree_free(plan);
    assert_string_equal(first, second);
    assert_string_not_equal(before, first);
    free(before);
    free(first);
    free(second);
    place_write("c/var/key", "short", 0600);
    struct diagnostics d = {0};
    plan = NULL;
    assert_int_equal(config_compile("c", &fake_env, 0, &d, &plan, NULL), -EINVAL);
    assert_string_equal(d.d[0].code, "data-key");
    diagnostics_done(&d);
    assert_int_equal(unlink("c/var/key"), 0);
    assert_int_equal(rmdir("c/var"), 0);
}

static void sockets_that_would_be_too_long_lie_elsewhere(void **state)
{
    (void)state;
    char yaml[600], deep[200];
    memset(deep, 'd', sizeof(deep) - 1);
    deep[sizeof(deep) - 1] = '\0';
    (void)snprintf(yaml, sizeof(yaml),
                   "hub: h\ndata: %s\nunrouted: {drop: x}\nparties: {}\nconnectors: {}\n", deep);
    place_write("deep.yaml", yaml, 0644);
    struct tree *plan = compile("deep.yaml", 0, NULL);
    char want[64];
    (void)snprintf(want, sizeof(want), "/tmp/reeve-%u-", (unsigned)getuid());
    const char *run = tree_gets(plan, "run", "");
    assert_int_equal(strncmp(run, want, strlen(want)), 0);
    assert_int_equal(strlen(run), strlen(want) + 16);
    tree_free(plan);
}

static void what_is_printed_means_the_same_and_shows_no_secret(void **state)
{
    (void)state;
    struct buf print = BUF_INIT(1u << 20);
    write_hub();
    struct tree *plan = compile("c", 0, &print);
    char *one = json(plan);
    tree_free(plan);
    assert_null(strstr(buf_str(&print), "aaaaaaaaaaaaaaaaaaaa"));
    assert_null(strstr(buf_str(&print), "bbbbbbbbbbbbbbbbbbbb"));
    assert_non_null(strstr(buf_str(&print), "${file:secrets/a}"));
    assert_non_null(strstr(buf_str(&print), "      timeout: 10s\n"));
    assert_null(strstr(buf_str(&print), "use:"));
    assert_null(strstr(buf_str(&print), "defaults:"));
    place_write("c/hub.yaml", buf_str(&print), 0644);
    plan = compile("c", 0, NULL);
    char *two = json(plan);
    tree_free(plan);
    /* the order of options may differ: compare what reload compares, but for the one connector with
     * a profile */
    assert_int_equal(strlen(one), strlen(two));
    free(one);
    free(two);
    buf_done(&print);
}

static void a_folded_expression_is_found_at_its_line(void **state)
{
    (void)state;
    static const struct {
        const char *route;
        unsigned line, col;
    } rows[] = {
        {"  r: {when: \"type = ^\", to: d}\n", 8, 21},
        {"  r:\n    when: type = ^\n    to: d\n", 9, 18},
        {"  r:\n    when: >-\n      type = 'a'\n      AND\n        ^\n    to: d\n", 12, 9},
        {"  r:\n    when: |-\n      type = 'ä'\n      AND ^\n    to: d\n", 11, 11},
        {"  r:\n    when: 'a = ''b'' AND ^'\n    to: d\n", 9, 26},
        {"  r:\n    when: type =\n      ^\n    to: d\n", 10, 7},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct diagnostics d = {0};
        struct tree *plan = NULL;
        char yaml[1000];
        (void)snprintf(
            yaml, sizeof(yaml),
            "hub: h\nunrouted: {drop: x}\nparties:\n  us: {name: U, role: hub}\nconnectors:\n"
            "  d: {party: us, deliver: {plugin: file, directory: x}}\nroutes:\n%s",
            rows[i].route);
        place_write("fold.yaml", yaml, 0644);
        assert_int_equal(config_compile("fold.yaml", &fake_env, 0, &d, &plan, NULL), -EINVAL);
        assert_int_equal(d.n, 1);
        assert_string_equal(d.d[0].code, "cesql-parse");
        assert_int_equal(d.d[0].line, rows[i].line);
        assert_int_equal(d.d[0].col, rows[i].col);
        diagnostics_done(&d);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_process_has_its_part_and_its_digest),
        cmocka_unit_test(a_source_gets_its_options_routes_and_destinations),
        cmocka_unit_test(a_sink_gets_own_options_over_profile_over_defaults),
        cmocka_unit_test(the_door_gets_digests_of_tokens_and_no_token),
        cmocka_unit_test(the_spool_knows_each_process_by_its_token_and_lets_it_do_its_own_only),
        cmocka_unit_test(the_same_files_and_key_give_the_same_plan),
        cmocka_unit_test(sockets_that_would_be_too_long_lie_elsewhere),
        cmocka_unit_test(what_is_printed_means_the_same_and_shows_no_secret),
        cmocka_unit_test(a_folded_expression_is_found_at_its_line),
    };
    return cmocka_run_group_tests(tests, place_setup, place_teardown);
}
