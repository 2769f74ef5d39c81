/* SPDX-License-Identifier: Apache-2.0 */
/* Reading structured JSON: what is taken, what is refused, with which code and pointer. */
#include "message/message.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#define REST "\"id\":\"1\",\"source\":\"/s\",\"specversion\":\"1.0\",\"type\":\"t\""

struct refusal {
    const char *text, *code, *where;
};

static void refusals_name_code_and_member(void **state)
{
    static const struct refusal table[] = {
        {"", "json-syntax", ""},
        {"{" REST ",}", "json-syntax", ""},
        {"{" REST "} x", "json-syntax", ""},
        {"{" REST ",\"subject\":\"\\ud800\"}", "json-utf8", ""},
        {"{" REST ",\"subject\":\"\xc3\x28\"}", "json-utf8", ""},
        {"[]", "event-not-object", ""},
        {"\"x\"", "event-not-object", ""},
        {"[1,", "json-syntax", ""},
        {"{}", "event-required", "/id"},
        {"{\"id\":\"1\",\"source\":\"/s\",\"specversion\":\"1.0\"}", "event-required", "/type"},
        {"{\"id\":null,\"source\":\"/s\",\"specversion\":\"1.0\",\"type\":\"t\"}", "event-required",
         "/id"},
        {"{\"id\":\"1\",\"source\":\"/s\",\"specversion\":\"0.3\",\"type\":\"t\"}",
         "event-specversion", "/specversion"},
        {"{\"id\":\"1\",\"source\":\"/s\",\"specversion\":1.0,\"type\":\"t\"}", "event-specversion",
         "/specversion"},
        {"{\"id\":\"\",\"source\":\"/s\",\"specversion\":\"1.0\",\"type\":\"t\"}",
         "event-attribute-value", "/id"},
        {"{\"id\":7,\"source\":\"/s\",\"specversion\":\"1.0\",\"type\":\"t\"}",
         "event-attribute-type", "/id"},
        {"{\"id\":\"1\",\"source\":\"a b\",\"specversion\":\"1.0\",\"type\":\"t\"}",
         "event-attribute-value", "/source"},
        {"{" REST ",\"subject\":\"\"}", "event-attribute-value", "/subject"},
        {"{" REST ",\"subject\":true}", "event-attribute-type", "/subject"},
        {"{" REST ",\"ext\":\"\"}", "event-attribute-value", "/ext"},
        {"{" REST ",\"Ext\":\"x\"}", "event-attribute-name", "/Ext"},
        {"{" REST ",\"a/b~\":\"x\"}", "event-attribute-name", "/a~1b~0"},
        {"{" REST ",\"\":\"x\"}", "event-attribute-name", "/"},
        {"{" REST ",\"a_b\":\"x\"}", "event-attribute-name", "/a_b"},
        {"{" REST ",\"\\u0007\":\"x\"}", "event-attribute-name", "/\\x07"},
        {"{" REST ",\"n\":1.0}", "event-attribute-type", "/n"},
        {"{" REST ",\"n\":1e2}", "event-attribute-type", "/n"},
        {"{" REST ",\"n\":2147483648}", "event-attribute-value", "/n"},
        {"{" REST ",\"n\":-2147483649}", "event-attribute-value", "/n"},
        {"{" REST ",\"n\":99999999999999999999999999}", "event-attribute-value", "/n"},
        {"{" REST ",\"n\":{\"a\":1}}", "event-attribute-type", "/n"},
        {"{" REST ",\"n\":[1]}", "event-attribute-type", "/n"},
        {"{" REST ",\"time\":\"yesterday\"}", "event-attribute-value", "/time"},
        {"{" REST ",\"time\":\"2026-02-30T00:00:00Z\"}", "event-attribute-value", "/time"},
        {"{" REST ",\"time\":\"2026-02-03T00:00:00\"}", "event-attribute-value", "/time"},
        {"{" REST ",\"dataschema\":\"/relative\"}", "event-attribute-value", "/dataschema"},
        {"{" REST ",\"datacontenttype\":\"json\"}", "event-attribute-value", "/datacontenttype"},
        {"{" REST ",\"ext\":\"a\\u0000b\"}", "event-attribute-value", "/ext"},
        {"{" REST ",\"ext\":\"a\\u001fb\"}", "event-attribute-value", "/ext"},
        {"{" REST ",\"ext\":\"a\\u007fb\"}", "event-attribute-value", "/ext"},
        {"{" REST ",\"ext\":\"a\\u0085b\"}", "event-attribute-value", "/ext"},
        {"{" REST ",\"ext\":\"a\xc2\x9f\"}", "event-attribute-value", "/ext"},
        {"{" REST ",\"ext\":\"\\ufdd0\"}", "event-attribute-value", "/ext"},
        {"{" REST ",\"ext\":\"\\uffff\"}", "event-attribute-value", "/ext"},
        {"{" REST ",\"ext\":\"\\ud83f\\udffe\"}", "event-attribute-value", "/ext"},
        {"{" REST ",\"data\":1,\"data_base64\":\"\"}", "event-data-twice", "/data_base64"},
        {"{" REST ",\"data\":null,\"data_base64\":\"\"}", "event-data-twice", "/data_base64"},
        {"{" REST ",\"data_base64\":5}", "event-base64", "/data_base64"},
        {"{" REST ",\"data_base64\":\"QQ\"}", "event-base64", "/data_base64"},
        {"{" REST ",\"data_base64\":\"QR==\"}", "event-base64", "/data_base64"},
        {"{" REST ",\"data_base64\":\"QUJ=\"}", "event-base64", "/data_base64"},
        {"{" REST ",\"data_base64\":\"Q===\"}", "event-base64", "/data_base64"},
        {"{" REST ",\"data_base64\":\"QQ==QQ==\"}", "event-base64", "/data_base64"},
        {"{" REST ",\"data_base64\":\"Q Q=\"}", "event-base64", "/data_base64"},
        {"{" REST ",\"data_base64\":\"-_-_\"}", "event-base64", "/data_base64"},
        {"{" REST ",\"id\":\"2\"}", "event-duplicate", "/id"},
        {"{" REST ",\"i\\u0064\":\"2\"}", "event-duplicate", "/id"},
        {"{" REST ",\"subject\":null,\"subject\":\"x\"}", "event-duplicate", "/subject"},
        {"{" REST ",\"data\":1,\"d\\u0061ta\":2}", "event-duplicate", "/data"},
        {"{" REST ",\"datacontenttype\":\"text/plain\",\"data\":{}}", "event-attribute-type",
         "/data"},
        {"{" REST ",\"datacontenttype\":\"text/plain\",\"data\":null}", "event-attribute-type",
         "/data"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        struct message *m = NULL;
        char where[64];
        struct err e = {"", ""};
        int r = message_parse(table[i].text, strlen(table[i].text), 0, &m, where, &e);
        if (r >= 0 || strcmp(e.code, table[i].code) != 0 || strcmp(where, table[i].where) != 0)
            fail_msg("%s: got %d [%s] at \"%s\": %s", table[i].text, r, e.code, where, e.text);
        assert_null(m);
    }
}

static struct message *parse(const char *text)
{
    struct message *m = NULL;
    struct err e = {"", ""};
    if (message_parse(text, strlen(text), 0, &m, NULL, &e) < 0)
        fail_msg("%s: [%s] %s", text, e.code, e.text);
    return m;
}

static void written_is(const struct message *m, const char *want)
{
    struct buf b = BUF_INIT(1 << 20);
    assert_int_equal(message_write(m, &b), 0);
    assert_string_equal(buf_str(&b), want);
    buf_done(&b);
}

struct pair {
    const char *text, *want; /* NULL: the same */
};

static void what_is_read_is_written_in_canonical_form(void **state)
{
    static const struct pair table[] = {
        {"{" REST "}", NULL},
        {"{" REST ",\"data\":null}", NULL},
        {"{" REST ",\"data\":\"just text\"}", NULL},
        {" { \"data\" : { \"b\" : 1.10 , \"a\" : [ 1e3, \"\\u00e9 x\" ] } ,\n" REST " } ",
         "{" REST ",\"data\":{\"b\":1.10,\"a\":[1e3,\"\\u00e9 x\"]}}"},
        {"{" REST ",\"subject\":null,\"data_base64\":null,\"x\":true,\"y\":-0,\"z\":-2147483648}",
         "{" REST ",\"x\":true,\"y\":0,\"z\":-2147483648}"},
        {"{" REST ",\"x\":\"\\u00e9\\/\\ud83d\\ude00\"}",
         "{" REST ",\"x\":\"\xc3\xa9/\xf0\x9f\x98\x80\"}"},
        {"{" REST ",\"data\":\"<a>\\u00e9\\u0000\\n</a>\",\"datacontenttype\":\"application/xml\"}",
         "{" REST
         ",\"datacontenttype\":\"application/xml\",\"data\":\"<a>\xc3\xa9\\u0000\\n</a>\"}"},
        {"{" REST ",\"data_base64\":\"\\/+8=\"}", "{" REST ",\"data_base64\":\"/+8=\"}"},
        {"{" REST ",\"data_base64\":\"\"}", NULL},
        {"{" REST ",\"datacontenttype\":\"application/json\",\"data_base64\":\"eyA=\"}", NULL},
        {"{" REST
         ",\"datacontenttype\":\"Application/CloudEvents+JSON; x=\\\"a;b\\\"\",\"data\":[]}",
         NULL},
        {"{" REST ",\"dataschema\":\"https://example.org/s.json#/a\"}", NULL},
        {"{\"\\u0069d\":\"\\u0031\",\"source\":\"/"
         "s\",\"specversion\":\"1\\u002e0\",\"type\":\"t\"}",
         "{" REST "}"},
        {"{" REST ",\"time\":\"2026-02-03T10:15:00.5+01:00\"}", NULL},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        struct message *m = parse(table[i].text);
        written_is(m, table[i].want ? table[i].want : table[i].text);
        struct message *c = message_copy(m);
        message_free(m);
        written_is(c, table[i].want ? table[i].want : table[i].text);
        message_free(c);
    }
}

static void the_body_kind_follows_the_content_type(void **state)
{
    (void)state;
    size_t len;
    struct message *m = parse("{" REST ",\"data\":\"a\\nb\"}");
    assert_int_equal(message_body_kind(m), BODY_JSON);
    assert_string_equal(message_body(m, &len), "\"a\\nb\"");
    assert_int_equal(len, 6);
    message_free(m);
    m = parse("{" REST ",\"data\":\"a\\nb\",\"datacontenttype\":\"text/csv\"}");
    assert_int_equal(message_body_kind(m), BODY_TEXT);
    assert_string_equal(message_body(m, &len), "a\nb");
    message_free(m);
    m = parse("{" REST ",\"data_base64\":\"AAEC\"}");
    assert_int_equal(message_body_kind(m), BODY_BINARY);
    assert_memory_equal(message_body(m, &len), "\0\1\2", 3);
    assert_int_equal(len, 3);
    message_free(m);
    m = parse("{" REST "}");
    assert_int_equal(message_body_kind(m), BODY_NONE);
    assert_null(message_body(m, &len));
    assert_int_equal(len, 0);
    message_free(m);
}

static struct buf many(size_t n)
{
    struct buf b = BUF_INIT(1 << 20);
    assert_int_equal(buf_adds(&b, "{" REST), 0);
    for (size_t i = 4; i < n; i++)
        assert_int_equal(buf_addf(&b, ",\"a%zu\":1", i), 0);
    assert_int_equal(buf_adds(&b, ",\"data\":1}"), 0);
    return b;
}

static struct buf repeated(const char *before, const char *what, size_t n, const char *after)
{
    struct buf b = BUF_INIT(1 << 20);
    assert_int_equal(buf_adds(&b, before), 0);
    for (size_t i = 0; i < n; i++)
        assert_int_equal(buf_adds(&b, what), 0);
    assert_int_equal(buf_adds(&b, after), 0);
    return b;
}

static void refused(struct buf b, size_t max, const char *code)
{
    struct message *m = NULL;
    struct err e;
    char where[64];
    assert_true(message_parse(b.p, b.len, max, &m, where, &e) < 0);
    assert_string_equal(e.code, code);
    assert_true(strlen(where) < sizeof(where));
    assert_true(message_parse(b.p, b.len, max, &m, NULL, &e) < 0);
    assert_null(m);
    buf_done(&b);
}

static void limits_are_kept(void **state)
{
    (void)state;
    struct message *m = NULL;
    struct err e;
    struct buf b = many(MESSAGE_ATTRIBUTES_MAX);
    assert_int_equal(message_parse(b.p, b.len, b.len, &m, NULL, &e), 0);
    assert_int_equal(message_count(m), MESSAGE_ATTRIBUTES_MAX);
    message_free(m);
    refused(b, b.len - 1, "event-too-large");
    refused(many(MESSAGE_ATTRIBUTES_MAX + 1), 0, "event-too-large");
    refused(many(5000), 0, "event-too-large");
    refused(repeated("{" REST ",\"x\":\"", "x", MESSAGE_ATTRIBUTE_BYTES_MAX, "\"}"), 0,
            "event-too-large");
    refused(repeated("{" REST ",\"data\":", "[", 70, ""), 0, "json-depth");
    refused(repeated("{" REST ",\"", "/", 300, "\":1}"), 0, "event-attribute-name");
}

struct seen {
    size_t n, stop_at;
    char last[64];
};

static int see(void *arg, size_t index, const char *p, size_t len)
{
    struct seen *s = arg;
    assert_int_equal(index, s->n);
    s->n++;
    (void)snprintf(s->last, sizeof(s->last), "%.*s", (int)len, p);
    return s->n == s->stop_at ? 77 : 0;
}

static int batch(const char *text, struct seen *s, struct err *e)
{
    return message_each_in_batch(text, strlen(text), see, s, e);
}

static void a_batch_gives_each_element(void **state)
{
    (void)state;
    struct err e = {"", ""};
    struct seen s = {0, 0, ""};
    assert_int_equal(batch(" [ ] ", &s, &e), 0);
    assert_int_equal(s.n, 0);
    assert_int_equal(batch("[ {\"a\": 1} , 2,{} ]", &s, &e), 0);
    assert_int_equal(s.n, 3);
    assert_string_equal(s.last, "{}");
    s = (struct seen){0, 2, ""};
    assert_int_equal(batch("[1,2,3]", &s, &e), 77);
    assert_int_equal(s.n, 2);
    s = (struct seen){0, 0, ""};
    assert_true(batch("{}", &s, &e) < 0);
    assert_string_equal(e.code, "event-not-array");
    assert_true(batch("[1,]", &s, &e) < 0);
    assert_string_equal(e.code, "json-syntax");
    s.n = 0;
    assert_true(batch("[1] 2", &s, &e) < 0);
    assert_string_equal(e.code, "json-syntax");
    assert_true(batch("", &s, &e) < 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refusals_name_code_and_member),
        cmocka_unit_test(what_is_read_is_written_in_canonical_form),
        cmocka_unit_test(the_body_kind_follows_the_content_type),
        cmocka_unit_test(limits_are_kept),
        cmocka_unit_test(a_batch_gives_each_element),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
