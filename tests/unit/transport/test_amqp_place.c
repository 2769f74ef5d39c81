/* SPDX-License-Identifier: Apache-2.0 */
#include "transport/amqp_link.h"
#include "base/util.h"
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

static struct amqp_place place;
static struct err e;

static int read_json(const char *json)
{
    struct tree *t = NULL;
    assert_int_equal(tree_from_json(json, strlen(json), &t, &e), 0);
    int r = amqp_place_read(t, &place, &e);
    tree_free(t);
    return r;
}

#define BROKER "\"brokers\":[{\"host\":\"a\",\"port\":5672}]"
#define LOGIN  "\"vhost\":\"hub\",\"user\":\"u\",\"password\":\"secret\",\"name\":\"n\""

static void a_whole_part_is_read(void **state)
{
    (void)state;
    assert_int_equal(
        read_json(
            "{\"brokers\":[{\"host\":\"a\",\"port\":5671},{\"host\":\"::1\",\"port\":1}]," LOGIN
            ",\"tls\":{\"ca\":\"ca.pem\",\"certificate\":\"c.pem\",\"key\":\"k.pem\"},"
            "\"external\":true,\"queue\":\"classic\",\"message_max\":1000,\"destinations\":["
            "{\"name\":\"x\",\"order\":\"strict\",\"limit_messages\":3,\"limit_bytes\":9},"
            "{\"name\":\"y\",\"order\":\"free\"}]}"),
        0);
    assert_int_equal(place.brokers_n, 2);
    assert_string_equal(place.broker[1].host, "::1");
    assert_int_equal(place.broker[0].port, 5671);
    assert_true(place.external && place.tls && place.classic);
    assert_string_equal(place.key, "k.pem");
    assert_int_equal(place.message_max, 1000);
    assert_int_equal(place.dest_n, 2);
    assert_true(amqp_place_find(&place, "x")->strict);
    assert_int_equal(amqp_place_find(&place, "x")->limit_bytes, 9);
    assert_false(amqp_place_find(&place, "y")->strict);
    assert_null(amqp_place_find(&place, "z"));
    amqp_place_done(&place);
    assert_int_equal(place.dest_n, 0);
    assert_int_equal(read_json("{" BROKER "," LOGIN ",\"destinations\":[]}"), 0);
    assert_int_equal(place.message_max, 16 << 20);
    assert_false(place.tls || place.external || place.classic);
    amqp_place_done(&place);
}

static void what_is_missing_or_wrong_is_named(void **state)
{
    static const struct {
        const char *json, *part_of_text;
    } rows[] = {
        {"{" LOGIN ",\"destinations\":[]}", "`brokers`"},
        {"{\"brokers\":[]," LOGIN ",\"destinations\":[]}", "`brokers`"},
        {"{\"brokers\":[{\"host\":\"a\"}]," LOGIN ",\"destinations\":[]}", "port"},
        {"{\"brokers\":[{\"host\":\"a\",\"port\":65536}]," LOGIN ",\"destinations\":[]}", "port"},
        {"{\"brokers\":[{\"port\":1}]," LOGIN ",\"destinations\":[]}", "host"},
        {"{" BROKER ",\"vhost\":\"h\",\"name\":\"n\",\"destinations\":[]}", "`user`"},
        {"{" BROKER ",\"vhost\":\"h\",\"name\":\"n\",\"external\":true,\"destinations\":[]}",
         "certificate"},
        {"{" BROKER "," LOGIN ",\"tls\":{},\"destinations\":[]}", "`ca`"},
        {"{" BROKER "," LOGIN ",\"tls\":{\"ca\":\"x\",\"key\":\"k\"},\"destinations\":[]}",
         "`key`"},
        {"{" BROKER ",\"user\":\"u\",\"password\":\"p\",\"destinations\":[]}", "`vhost`"},
        {"{" BROKER "," LOGIN "}", "`destinations`"},
        {"{" BROKER "," LOGIN ",\"destinations\":[{}]}", "\"\""},
        {"{" BROKER "," LOGIN ",\"destinations\":[{\"name\":\"a.dead\"}]}", "a.dead"},
        {"{" BROKER "," LOGIN ",\"destinations\":[{\"name\":\"a.head\"}]}", "a.head"},
        {"{" BROKER "," LOGIN ",\"destinations\":[{\"name\":\"reeve.names\"}]}", "reeve.names"},
        {"{" BROKER "," LOGIN ",\"destinations\":[{\"name\":\"amq.x\"}]}", "amq.x"},
        {"{" BROKER "," LOGIN ",\"destinations\":[{\"name\":\"a.#\"}]}", "a.#"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        assert_int_equal(read_json(rows[i].json), -EINVAL);
        assert_string_equal(e.code, "transport-part");
        if (!strstr(e.text, rows[i].part_of_text))
            fail_msg("%s: %s", rows[i].json, e.text);
        assert_null(strstr(e.text, "secret"));
    }
}

static void a_name_leaves_room_for_the_names_made_from_it(void **state)
{
    char json[512], name[200];
    (void)state;
    for (size_t len = 153; len <= 156; len++) {
        memset(name, 'n', len);
        name[len] = '\0';
        (void)snprintf(json, sizeof json,
                       "{" BROKER "," LOGIN ",\"destinations\":[{\"name\":\"%s\"}]}", name);
        int r = read_json(json);
        assert_int_equal(r, len <= 154 ? 0 : -EINVAL);
        if (r == 0)
            amqp_place_done(&place);
    }
}

static void the_broker_s_refusals_are_told_apart(void **state)
{
    static const struct {
        uint16_t code;
        int r;
        const char *word;
    } rows[] = {{404, -ENOENT, "destination-unknown"},
                {403, -EPERM, "not-allowed"},
                {530, -EPERM, "not-allowed"},
                {405, -EBUSY, "queue-busy"},
                {406, -EINVAL, "topology"},
                {320, -EIO, "transport"},
                {504, -EIO, "transport"}};
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        char raw[] = "why\n\x1b[0m%s";
        amqp_bytes_t text = {.len = 9, .bytes = raw};
        assert_int_equal(amqp_close_reason(rows[i].code, text, "asking", &e), rows[i].r);
        assert_string_equal(e.code, rows[i].word);
        assert_non_null(strstr(e.text, "asking: the broker refuses: why\\x0a\\x1b[0m%"));
    }
    assert_int_equal(amqp_close_reason(404, amqp_empty_bytes, "asking", &e), -ENOENT);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_whole_part_is_read),
        cmocka_unit_test(what_is_missing_or_wrong_is_named),
        cmocka_unit_test(a_name_leaves_room_for_the_names_made_from_it),
        cmocka_unit_test(the_broker_s_refusals_are_told_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
