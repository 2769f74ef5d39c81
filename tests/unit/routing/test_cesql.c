/* SPDX-License-Identifier: Apache-2.0 */
/* CESQL: every operator, function, cast and error rule as a table.
 * Cases with constants only go through the folding, the others through the evaluation. */
#include "base/util.h"
#include "routing/cesql.h"
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

struct test {
    const char *text;
    const char *want; /* i:5 s:abc b:true */
    unsigned errors;
};

/* The event of all cases. `missing` is never there. */
static const struct {
    const char *name;
    struct value v;
} event[] = {
    {"id", {.type = VALUE_STRING, .p = "1", .len = 1}},
    {"type", {.type = VALUE_STRING, .p = "client.referral", .len = 15}},
    {"amount", {.type = VALUE_INTEGER, .integer = 250}},
    {"big", {.type = VALUE_INTEGER, .integer = INT32_MAX}},
    {"small", {.type = VALUE_INTEGER, .integer = INT32_MIN}},
    {"zero", {.type = VALUE_INTEGER, .integer = 0}},
    {"minus", {.type = VALUE_INTEGER, .integer = -1}},
    {"yes", {.type = VALUE_BOOLEAN, .integer = 1}},
    {"no", {.type = VALUE_BOOLEAN, .integer = 0}},
    {"seven", {.type = VALUE_STRING, .p = "7", .len = 1}},
    {"name",
     {.type = VALUE_STRING,
      .p = "\xc5\x81\xc3\xb3"
           "d\xc5\xba",
      .len = 7}}, /* Łódź */
    {"empty", {.type = VALUE_STRING, .p = "", .len = 0}},
    {"time", {.type = VALUE_STRING, .p = "2026-01-15T09:30:00Z", .len = 20}},
};

static void show(char out[512], const struct value *v)
{
    if (v->type == VALUE_STRING)
        (void)snprintf(out, 512, "s:%.*s", (int)v->len, v->p);
    else if (v->type == VALUE_INTEGER)
        (void)snprintf(out, 512, "i:%d", (int)v->integer);
    else
        (void)snprintf(out, 512, "b:%s", v->integer ? "true" : "false");
}

static void run(const struct test *t)
{
    struct symbols *symbols = symbols_new();
    struct cesql_scratch *scratch = cesql_scratch_new();
    struct cesql *c = NULL;
    struct err e;
    size_t offset = 0;
    struct value slots[64] = {{.type = VALUE_ABSENT}}, v;
    char got[512];
    assert_true(symbols && scratch);
    if (cesql_compile(t->text, strlen(t->text), symbols, &c, &offset, &e) < 0)
        fail_msg("%s: %s at %zu", t->text, e.text, offset);
    for (size_t i = 0; i < ARRAY_SIZE(event); i++) {
        int slot = symbols_find(symbols, event[i].name, strlen(event[i].name));
        if (slot >= 0)
            slots[slot] = event[i].v;
    }
    for (int twice = 0; twice < 2; twice++) {
        unsigned errors = cesql_eval(c, slots, scratch, &v);
        show(got, &v);
        if (errors != t->errors || strcmp(got, t->want) != 0)
            fail_msg("%s: got %s, errors %u; wanted %s, errors %u", t->text, got, errors, t->want,
                     t->errors);
    }
    assert_int_equal(cesql_matches(c, slots, scratch),
                     t->errors == 0 && strcmp(t->want, "b:true") == 0);
    cesql_free(c);
    cesql_scratch_free(scratch);
    symbols_free(symbols);
}

#define RUN(table)                                    \
    for (size_t i_ = 0; i_ < ARRAY_SIZE(table); i_++) \
    run(&(table)[i_])
#define MISSING CESQL_MISSING_ATTRIBUTE

static void literals_and_names(void **unused)
{
    (void)unused;
    static const struct test t[] = {
        {"TRUE", "b:true", 0},
        {"fAlSe", "b:false", 0},
        {"0", "i:0", 0},
        {"007", "i:7", 0},
        {"+5", "i:5", 0},
        {"-2147483648", "i:-2147483648", 0},
        {"2147483647", "i:2147483647", 0},
        {"--10", "i:10", 0},
        {"- 10", "i:-10", 0},
        {"'ab\\c'", "s:ab\\c", 0},
        {"'it\\'s'", "s:it's", 0},
        {"\"a'b\\\"c\"", "s:a'b\"c", 0},
        {"'a\\\"b'", "s:a\\\"b", 0},
        {"'a\\\\'", "s:a\\\\", 0},
        {"''", "s:", 0},
        {" \t\r\n TRUE\n", "b:true", 0},
        {"TYPE", "s:client.referral", 0},
        {"missing", "b:false", MISSING},
        {"EXISTS Amount", "b:true", 0},
        {"EXISTS missing", "b:false", 0},
        {"NOT EXISTS missing", "b:true", 0},
        {"((amount))", "i:250", 0},
    };
    RUN(t);
}

static void arithmetic(void **unused)
{
    (void)unused;
    static const struct test t[] = {
        {"1 + 2 * 3", "i:7", 0},
        {"(1 + 2) * 3", "i:9", 0},
        {"10 - 3 - 2", "i:5", 0},
        {"4 -1", "i:3", 0},
        {"4-1", "i:3", 0},
        {"5--1", "i:6", 0},
        {"7 / 2", "i:3", 0},
        {"-7 / 2", "i:-3", 0},
        {"-7 % 3", "i:-1", 0},
        {"7 % -3", "i:1", 0},
        {"amount * 2 + 1", "i:501", 0},
        {"'5' + TRUE", "i:6", 0},
        {"seven + seven", "i:14", 0},
        {"5 / 0", "i:0", CESQL_MATH},
        {"5 % 0", "i:0", CESQL_MATH},
        {"amount / zero", "i:0", CESQL_MATH},
        {"missing / 0", "i:0", MISSING},
        {"1 / missing", "i:0", MISSING},
        {"missing * 5", "i:0", MISSING},
        {"'a' + 1", "i:0", CESQL_CAST},
        {"1 + 'a'", "i:0", CESQL_CAST},
        {"'a' + missing", "i:0", MISSING},
        {"2147483647 + 1", "i:0", CESQL_MATH},
        {"big + 1", "i:0", CESQL_MATH},
        {"small - 1", "i:0", CESQL_MATH},
        {"big * 2", "i:0", CESQL_MATH},
        {"small / minus", "i:0", CESQL_MATH},
        {"small % minus", "i:0", 0},
        {"-small", "i:0", CESQL_MATH},
        {"-(-2147483648)", "i:0", CESQL_MATH},
        {"-yes", "i:-1", 0},
        {"-missing", "i:0", MISSING},
        {"-'x'", "i:0", CESQL_CAST},
        {"--seven", "i:7", 0},
    };
    RUN(t);
}

static void comparison(void **unused)
{
    (void)unused;
    static const struct test t[] = {
        {"1 = 1", "b:true", 0},
        {"'TRUE' = true", "b:true", 0},
        {"true = 'TRUE'", "b:false", 0},
        {"yes = 'true'", "b:true", 0},
        {"'x' = TRUE", "b:false", CESQL_CAST},
        {"'x' != TRUE", "b:false", CESQL_CAST},
        {"'x' <> 1", "b:false", CESQL_CAST},
        {"'abc' = 'ABC'", "b:false", 0},
        {"seven = 7", "b:true", 0},
        {"seven = '07'", "b:false", 0},
        {"'07' = 7", "b:true", 0},
        {"'+7' = 7", "b:true", 0},
        {"' 7' = 7", "b:false", CESQL_CAST},
        {"'7.0' = 7", "b:false", CESQL_CAST},
        {"'' = 0", "b:false", CESQL_CAST},
        {"'-' = 0", "b:false", CESQL_CAST},
        {"'2147483648' = 0", "b:false", CESQL_CAST},
        {"'-2147483648' = -2147483648", "b:true", 0},
        {"amount = '250'", "b:true", 0},
        {"'250' = amount", "b:true", 0},
        {"amount = TRUE", "b:true", 0},
        {"zero = FALSE", "b:true", 0},
        {"type = 'client.referral'", "b:true", 0},
        {"type != 'x'", "b:true", 0},
        {"type <> 'client.referral'", "b:false", 0},
        {"empty = ''", "b:true", 0},
        {"missing = 2", "b:false", MISSING},
        {"missing != 2", "b:false", MISSING},
        {"missing = 'x'", "b:false", MISSING},
        {"2 != missing", "b:false", MISSING},
        {"missing < 1", "b:false", MISSING},
        {"amount > 249", "b:true", 0},
        {"amount >= '250'", "b:true", 0},
        {"amount < 250", "b:false", 0},
        {"amount <= 250", "b:true", 0},
        {"'10' > '9'", "b:true", 0},
        {"TRUE > FALSE", "b:true", 0},
        {"time > '2026-01-01T00:00:00Z'", "b:false", CESQL_CAST},
        {"time > 5", "b:false", CESQL_CAST},
        {"1 = 1 = TRUE", "b:true", 0},
        {"1 < 2 < 3", "b:true", 0},
    };
    RUN(t);
}

static void logic(void **unused)
{
    (void)unused;
    static const struct test t[] = {
        {"TRUE AND FALSE", "b:false", 0},
        {"true or false and false", "b:false", 0}, /* one precedence, left to right */
        {"true or (false and false)", "b:true", 0},
        {"TRUE XOR TRUE", "b:false", 0},
        {"FALSE XOR 'true'", "b:true", 0},
        {"NOT 10", "b:false", 0},
        {"NOT 'FALSE'", "b:true", 0},
        {"NOT missing", "b:false", MISSING},
        {"NOT type", "b:false", CESQL_CAST},
        {"NOT NOT yes", "b:true", 0},
        {"NOT yes = no", "b:true", 0}, /* (NOT yes) = no */
        {"NOT amount = 250", "b:false", 0},
        {"true AND (1 != 1/0)", "b:false", CESQL_MATH},
        {"false OR (1 != 1/0)", "b:false", CESQL_MATH},
        {"false AND (1 != 1/0)", "b:false", 0},
        {"true OR (1 != 1/0)", "b:true", 0},
        {"(1 != 1/0) AND false", "b:false", CESQL_MATH},
        {"(1 != 1/0) OR true", "b:false", CESQL_MATH},
        {"no AND missing", "b:false", 0},
        {"yes OR missing", "b:true", 0},
        {"missing OR yes", "b:false", MISSING},
        {"missing AND no", "b:false", MISSING},
        {"missing XOR yes", "b:false", MISSING},
        {"yes AND type", "b:false", CESQL_CAST},
        {"type AND yes", "b:false", CESQL_CAST},
        {"TRUE AND type", "b:false", CESQL_CAST},
        {"TRUE AND LEFT('true', -1)", "b:false", CESQL_FUNCTION},
        {"EXISTS missing AND missing = 'x'", "b:false", 0},
        {"NOT EXISTS missing OR missing != 'x'", "b:true", 0},
        {"5 AND 'TRUE'", "b:true", 0},
        {"TRUE AND amount > 100", "b:true", 0},
        {"FALSE OR amount", "b:true", 0},
        {"yes AND no OR yes", "b:true", 0},
        {"no AND yes XOR yes", "b:true", 0},
    };
    RUN(t);
}

static void like_and_in(void **unused)
{
    (void)unused;
    static const struct test t[] = {
        {"type LIKE 'client.%'", "b:true", 0},
        {"type NOT LIKE 'client.%'", "b:false", 0},
        {"type LIKE 'client'", "b:false", 0},
        {"'' LIKE ''", "b:true", 0},
        {"'' LIKE '%'", "b:true", 0},
        {"'' LIKE '_'", "b:false", 0},
        {"name LIKE '____'", "b:true", 0},
        {"name LIKE '_____'", "b:false", 0},
        {"name LIKE '%_d_'", "b:true", 0},
        {"'€' LIKE '%__'", "b:false", 0},
        {"'aXbXc' LIKE 'a%X%c'", "b:true", 0},
        {"'a%b' LIKE 'a\\%b'", "b:true", 0},
        {"'axb' LIKE 'a\\%b'", "b:false", 0},
        {"'a_b' LIKE 'a\\_b'", "b:true", 0},
        {"'a\\b' LIKE 'a\\b'", "b:true", 0},
        {"'a\nb' LIKE 'a_b'", "b:true", 0},
        {"'mississippi' LIKE '%iss%ip%'", "b:true", 0},
        {"'mississippi' LIKE '%iss%ipx'", "b:false", 0},
        {"234 LIKE '23_'", "b:true", 0},
        {"yes LIKE 'tr%'", "b:true", 0},
        {"missing LIKE 'missing'", "b:false", MISSING},
        {"missing NOT LIKE 'missing'", "b:false", MISSING},
        {"NOT type LIKE 'x%'", "b:false", CESQL_CAST}, /* (NOT type) LIKE */
        {"type IN ('a', 'client.referral')", "b:true", 0},
        {"type NOT IN ('a', 'client.referral')", "b:false", 0},
        {"type IN ('a')", "b:false", 0},
        {"type IN ('1','2','3','4','5','6','client.referral')", "b:true", 0},
        {"type IN ('1','2','3','4','5','6','7')", "b:false", 0},
        {"'TRUE' IN (TRUE)", "b:false", 0},
        {"'true' IN (TRUE)", "b:true", 0},
        {"yes IN ('TRUE')", "b:true", 0},
        {"yes IN (0, 2)", "b:true", 0},
        {"yes IN (0, 'x')", "b:false", CESQL_CAST},
        {"yes IN (1, 'x')", "b:true", 0},
        {"amount IN (1, '250')", "b:true", 0},
        {"amount IN ('0250')", "b:true", 0},
        {"amount IN (250, 'x')", "b:true", 0},
        {"amount IN ('x', 250)", "b:false", CESQL_CAST},
        {"amount NOT IN (1, 2)", "b:true", 0},
        {"amount NOT IN (1, 'x')", "b:false", CESQL_CAST},
        {"seven IN (7)", "b:true", 0},
        {"seven IN ('07')", "b:false", 0},
        {"type IN (id, type)", "b:true", 0},
        {"type NOT IN (id, type)", "b:false", 0},
        {"type NOT IN (id, seven)", "b:true", 0},
        {"type IN (id, missing, type)", "b:false", MISSING},
        {"type IN (type, missing)", "b:true", 0},
        {"missing IN ('a')", "b:false", MISSING},
        {"missing NOT IN ('a')", "b:false", MISSING},
        {"missing IN (id)", "b:false", MISSING},
        {"1 IN (2, 3, 1)", "b:true", 0},
        {"3 NOT IN (id, amount)", "b:true", 0},
        {"(1 IN (1)) = TRUE", "b:true", 0},
    };
    RUN(t);
}

static void functions(void **unused)
{
    (void)unused;
    static const struct test t[] = {
        {"INT('-5')", "i:-5", 0},
        {"INT(yes)", "i:1", 0},
        {"INT('x')", "i:0", CESQL_CAST},
        {"INT(missing)", "i:0", MISSING},
        {"BOOL('TRUE')", "b:true", 0},
        {"BOOL(-3)", "b:true", 0},
        {"BOOL('1')", "b:false", CESQL_CAST},
        {"STRING(small)", "s:-2147483648", 0},
        {"string(no)", "s:false", 0},
        {"LENGTH(name)", "i:4", 0},
        {"LENGTH(TRUE)", "i:4", 0},
        {"LENGTH(missing)", "i:0", MISSING},
        {"LENGTH('é€😀')", "i:3", 0},
        {"CONCAT()", "s:", 0},
        {"CONCAT(type, ':', amount, yes)", "s:client.referral:250true", 0},
        {"CONCAT(missing)", "s:", MISSING},
        {"CONCAT_WS(',')", "s:", 0},
        {"CONCAT_WS(1, 'a', seven, 'b')", "s:a171b", 0},
        {"CONCAT_WS()", "b:false", CESQL_MISSING_FUNCTION},
        {"LOWER('AbÉŁЖΣ')", "s:abéłжσ", 0},
        {"UPPER(name)", "s:ŁÓDŹ", 0},
        {"UPPER('straße ς ÿ')", "s:STRAßE Σ Ÿ", 0},
        {"LOWER(amount)", "s:250", 0},
        {"TRIM(' \u00a0\u3000a b\t\u2003')", "s:a b", 0},
        {"TRIM('\x01 a')", "s:\x01 a", 0},
        {"TRIM('   ')", "s:", 0},
        {"LEFT('abc', 2)", "s:ab", 0},
        {"LEFT(name, 2)", "s:Łó", 0},
        {"LEFT('abc', 10)", "s:abc", 0},
        {"LEFT('abc', -2)", "s:abc", CESQL_FUNCTION},
        {"LEFT(missing, 2)", "s:", MISSING},
        {"LEFT('abc', 'x')", "s:", CESQL_CAST},
        {"RIGHT(name, 2)", "s:dź", 0},
        {"RIGHT('abc', 0)", "s:", 0},
        {"RIGHT('abc', -2)", "s:abc", CESQL_FUNCTION},
        {"LENGTH(LEFT('abc', -2))", "i:0", CESQL_FUNCTION},
        {"SUBSTRING('abcdef', 2)", "s:bcdef", 0},
        {"SUBSTRING(name, 2, 2)", "s:ód", 0},
        {"SUBSTRING('Sakila', -3)", "s:ila", 0},
        {"SUBSTRING('Sakila', -5, 3)", "s:aki", 0},
        {"SUBSTRING('abc', 0)", "s:", 0},
        {"SUBSTRING('abc', 0, 1)", "s:", 0},
        {"SUBSTRING('abc', 4)", "s:", CESQL_FUNCTION},
        {"SUBSTRING('abc', -4)", "s:", CESQL_FUNCTION},
        {"SUBSTRING('abc', 3, 100)", "s:c", 0},
        {"SUBSTRING('abc', 1, -1)", "s:", CESQL_FUNCTION},
        {"SUBSTRING('abc', small)", "s:", CESQL_FUNCTION},
        {"ABS(-10)", "i:10", 0},
        {"ABS(small)", "i:2147483647", CESQL_MATH},
        {"ABS(small) = 2147483647", "b:false", CESQL_MATH},
        {"NOTHING(1)", "b:false", CESQL_MISSING_FUNCTION},
        {"NOTHING(missing)", "b:false", CESQL_MISSING_FUNCTION},
        {"NOTHING(1) + 1", "i:0", CESQL_MISSING_FUNCTION},
        {"ABS(1, 2)", "b:false", CESQL_MISSING_FUNCTION},
        {"true OR NOTHING(1)", "b:true", 0},
        {"LOWER (type) = 'client.referral'", "b:true", 0},
    };
    RUN(t);
}

static void what_does_not_parse_says_where(void **unused)
{
    (void)unused;
    static const struct {
        const char *text;
        size_t offset;
        const char *says;
    } t[] = {
        {"", 0, "the expression ends"},
        {"ABC(", 4, "the expression ends"},
        {"type = ", 7, "the expression ends"},
        {"type = 'x", 7, "no closing quote"},
        {"type == 'x'", 5, "single '='"},
        {"a = 1 && b = 2", 6, "write AND"},
        {"a = 1 || b = 2", 6, "write OR"},
        {"!a", 0, "NOT"},
        {"a = 1 b", 6, "expected an operator or the end"},
        {"x IN ()", 6, "expected a value"},
        {"x IN 1", 5, "'(' behind IN"},
        {"x LIKE y", 7, "string literal"},
        {"x LIKE CONCAT('a')", 7, "string literal"},
        {"x NOT 1", 6, "LIKE or IN"},
        {"EXISTS 'a'", 7, "name of an attribute"},
        {"EXISTS and", 7, "name of an attribute"},
        {"2147483648", 0, "32 bit"},
        {"-2147483649", 0, "32 bit"},
        {"a_b = 1", 0, "letters and digits"},
        {"f1(2)", 0, "letters"},
        {"+ 5", 0, "only for numbers"},
        {"+type", 0, "only for numbers"},
        {"(1", 2, "the expression ends"},
        {"CONCAT(1,)", 9, "expected a value"},
        {"a.b = 1", 1, "no meaning"},
        {"é", 0, "no meaning"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(t); i++) {
        struct symbols *s = symbols_new();
        struct cesql *c = NULL;
        struct err e = {.code = ""};
        size_t offset = 999;
        int r = cesql_compile(t[i].text, strlen(t[i].text), s, &c, &offset, &e);
        if (r != -EINVAL || offset != t[i].offset || !strstr(e.text, t[i].says) || c)
            fail_msg("%s: %d, offset %zu, '%s'", t[i].text, r, offset, e.text);
        assert_string_equal(e.code, "cesql-parse");
        symbols_free(s);
    }
}

static int compile_only(const char *text, size_t len)
{
    struct symbols *s = symbols_new();
    struct cesql *c = NULL;
    struct err e;
    int r = cesql_compile(text, len, s, &c, NULL, &e);
    cesql_free(c);
    symbols_free(s);
    return r;
}

static void limits_are_errors_and_long_chains_are_not_deep(void **unused)
{
    (void)unused;
    static char text[CESQL_TEXT_MAX + 2];
    for (unsigned depth = 63; depth <= 66; depth++) {
        memset(text, '(', depth);
        text[depth] = '1';
        memset(text + depth + 1, ')', depth);
        assert_int_equal(compile_only(text, 2 * depth + 1), depth <= CESQL_DEPTH_MAX ? 0 : -EINVAL);
    }
    for (size_t i = 0; i < CESQL_TEXT_MAX; i++)
        text[i] = i % 2 ? '+' : 'a';
    assert_int_equal(compile_only(text, CESQL_TEXT_MAX - 1), 0);
    assert_int_equal(compile_only(text, CESQL_TEXT_MAX + 1), -EINVAL);
    memset(text, '-', CESQL_TEXT_MAX);
    assert_int_equal(compile_only(text, CESQL_TEXT_MAX), -EINVAL);
    assert_int_equal(compile_only("'\xff'", 3), -EINVAL);
}

static void an_evaluation_that_needs_too_much_memory_is_an_error(void **unused)
{
    (void)unused;
    static char big[600 * 1024];
    memset(big, 'x', sizeof(big));
    struct symbols *s = symbols_new();
    struct cesql_scratch *scratch = cesql_scratch_new();
    struct cesql *c = NULL;
    struct err e;
    struct value v, slot = {.type = VALUE_STRING, .p = big, .len = sizeof(big)};
    assert_int_equal(cesql_compile("CONCAT(a, a)", 12, s, &c, NULL, &e), 0);
    assert_int_equal(cesql_eval(c, &slot, scratch, &v), CESQL_FUNCTION);
    assert_int_equal(v.len, 0);
    slot.len = 400 * 1024;
    assert_int_equal(cesql_eval(c, &slot, scratch, &v), 0);
    assert_int_equal(v.len, 800 * 1024);
    cesql_free(c);
    cesql_scratch_free(scratch);
    symbols_free(s);
}

static void names_share_slots_whatever_their_case(void **unused)
{
    (void)unused;
    struct symbols *s = symbols_new();
    for (int i = 0; i < 200; i++) {
        char name[16];
        int len = snprintf(name, sizeof(name), "Name%d", i);
        assert_int_equal(symbols_slot(s, name, (size_t)len), i);
    }
    assert_int_equal(symbols_slot(s, "NAME17", 6), 17);
    assert_int_equal(symbols_find(s, "name199", 7), 199);
    assert_int_equal(symbols_find(s, "name200", 7), -1);
    assert_int_equal(symbols_count(s), 200);
    assert_string_equal(symbols_name(s, 5), "name5");
    assert_null(symbols_name(s, 200));
    symbols_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(literals_and_names),
        cmocka_unit_test(arithmetic),
        cmocka_unit_test(comparison),
        cmocka_unit_test(logic),
        cmocka_unit_test(like_and_in),
        cmocka_unit_test(functions),
        cmocka_unit_test(what_does_not_parse_says_where),
        cmocka_unit_test(limits_are_errors_and_long_chains_are_not_deep),
        cmocka_unit_test(an_evaluation_that_needs_too_much_memory_is_an_error),
        cmocka_unit_test(names_share_slots_whatever_their_case),
    };
    return cmocka_run_group_tests_name("cesql", tests, NULL, NULL);
}
