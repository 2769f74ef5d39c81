/* SPDX-License-Identifier: Apache-2.0 */
/* cesql_functions - the built-in functions (cesql section 7 of the sheet; specification 3.4 and
 * chapter 4).
 *
 * Dispatch is by name and number of arguments; a name that is known with other numbers is a missing
 * function too. An argument that cannot be cast gives a cast error and the zero of the result.
 * Results are parts of their arguments where that is possible; only CONCAT, CONCAT_WS, LOWER, UPPER
 * and texts of numbers take memory (too much: functionEvaluation). */
#include "cesql_private.h"
#include <string.h>

static const struct {
    const char *name;
    uint8_t function, min, type;
    bool variadic;
} table[] = {
    {"INT", FN_INT, 1, VALUE_INTEGER, false},
    {"BOOL", FN_BOOL, 1, VALUE_BOOLEAN, false},
    {"STRING", FN_STRING, 1, VALUE_STRING, false},
    {"LENGTH", FN_LENGTH, 1, VALUE_INTEGER, false},
    {"CONCAT", FN_CONCAT, 0, VALUE_STRING, true},
    {"CONCAT_WS", FN_CONCAT_WS, 1, VALUE_STRING, true},
    {"LOWER", FN_LOWER, 1, VALUE_STRING, false},
    {"UPPER", FN_UPPER, 1, VALUE_STRING, false},
    {"TRIM", FN_TRIM, 1, VALUE_STRING, false},
    {"LEFT", FN_LEFT, 2, VALUE_STRING, false},
    {"RIGHT", FN_RIGHT, 2, VALUE_STRING, false},
    {"SUBSTRING", FN_SUBSTRING, 2, VALUE_STRING, false},
    {"SUBSTRING", FN_SUBSTRING, 3, VALUE_STRING, false},
    {"ABS", FN_ABS, 1, VALUE_INTEGER, false},
};

enum function function_find(const char *name, size_t len, size_t args)
{
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        if (word_is(name, len, table[i].name) &&
            (args == table[i].min || (table[i].variadic && args > table[i].min)))
            return (enum function)table[i].function;
    }
    return FN_NONE;
}

enum value_type function_type(enum function f)
{
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        if (table[i].function == f)
            return (enum value_type)table[i].type;
    }
    return VALUE_BOOLEAN; /* of a missing one */
}

static unsigned text_of(const struct value *v, struct arena *mem, struct value *ret)
{
    if (v->type != VALUE_INTEGER) {
        *ret = cast_string(v, NULL);
        return 0;
    }
    char *buf = arena_take(mem, INTEGER_TEXT);
    if (!buf)
        return CESQL_FUNCTION;
    *ret = cast_string(v, buf);
    return 0;
}

/* Joins the texts of arg[0..n) with `between`. Two passes: the sum of the lengths, then the bytes.
 */
static unsigned join(const struct value *between, const struct value *arg, size_t n,
                     struct arena *mem, struct value *ret)
{
    char buf[INTEGER_TEXT];
    size_t len = 0;
    for (size_t i = 0; i < n; i++)
        len += cast_string(&arg[i], buf).len + (i > 0 ? between->len : 0);
    char *out = arena_take(mem, len + 1);
    if (!out)
        return CESQL_FUNCTION;
    char *o = out;
    for (size_t i = 0; i < n; i++) {
        struct value t = cast_string(&arg[i], buf);
        if (i > 0 && between->len > 0) {
            memcpy(o, between->p, between->len);
            o += between->len;
        }
        if (t.len > 0)
            memcpy(o, t.p, t.len);
        o += t.len;
    }
    *ret = value_string(out, len);
    return 0;
}

static unsigned concat(enum function f, const struct value *arg, size_t n, struct arena *mem,
                       struct value *ret)
{
    struct value between = value_string("", 0);
    if (f == FN_CONCAT)
        return join(&between, arg, n, mem, ret);
    unsigned errors = text_of(&arg[0], mem, &between);
    return errors ? errors : join(&between, arg + 1, n - 1, mem, ret);
}

static unsigned change_case(enum function f, const struct value *s, struct arena *mem,
                            struct value *ret)
{
    char *out = arena_take(mem, s->len + 1);
    if (!out)
        return CESQL_FUNCTION;
    *ret = value_string(out, f == FN_LOWER ? text_lower(s->p, s->len, out)
                                           : text_upper(s->p, s->len, out));
    return 0;
}

static unsigned left_right(enum function f, const struct value *s, const struct value *count,
                           struct value *ret)
{
    int32_t n;
    if (cast_integer(count, &n))
        return CESQL_CAST;
    *ret = *s;
    if (n < 0)
        return CESQL_FUNCTION;
    if (f == FN_LEFT) {
        ret->len = (size_t)(text_skip(s->p, s->len, (size_t)n) - s->p);
        return 0;
    }
    size_t chars = text_length(s->p, s->len);
    if ((size_t)n < chars) {
        ret->p = text_skip(s->p, s->len, chars - (size_t)n);
        ret->len = (size_t)(s->p + s->len - ret->p);
    }
    return 0;
}

static unsigned substring(const struct value *s, const struct value *arg, size_t n,
                          struct value *ret)
{
    int32_t at, len = INT32_MAX;
    unsigned errors = cast_integer(&arg[1], &at);
    if (n == 3)
        errors |= cast_integer(&arg[2], &len);
    if (errors)
        return errors;
    int64_t chars = (int64_t)text_length(s->p, s->len);
    if (at > chars || at < -chars || len < 0)
        return CESQL_FUNCTION;
    if (at == 0)
        return 0;
    const char *end = s->p + s->len;
    const char *from = text_skip(s->p, s->len, (size_t)(at > 0 ? at - 1 : chars + at));
    *ret = value_string(from, (size_t)(text_skip(from, (size_t)(end - from), (size_t)len) - from));
    return 0;
}

static unsigned of_integer(const struct value *arg, struct value *ret)
{
    int32_t i;
    unsigned errors = cast_integer(arg, &i);
    if (!errors && i == INT32_MIN) {
        *ret = value_integer(INT32_MAX);
        return CESQL_MATH;
    }
    *ret = value_integer(i < 0 ? -i : i);
    return errors;
}

static unsigned of_text(enum function f, const struct value *arg, size_t n, struct arena *mem,
                        struct value *ret)
{
    struct value s;
    unsigned errors = text_of(&arg[0], mem, &s);
    if (errors)
        return errors;
    switch (f) {
    case FN_STRING:
        *ret = s;
        return 0;
    case FN_LENGTH:
        *ret = value_integer((int32_t)text_length(s.p, s.len));
        return 0;
    case FN_TRIM:
        text_trim(&s.p, &s.len);
        *ret = s;
        return 0;
    case FN_LEFT:
    case FN_RIGHT:
        return left_right(f, &s, &arg[1], ret);
    case FN_SUBSTRING:
        return substring(&s, arg, n, ret);
    default:
        return change_case(f, &s, mem, ret);
    }
}

unsigned function_call(enum function f, const struct value *arg, size_t n, struct arena *mem,
                       struct value *ret)
{
    struct value v = value_zero(function_type(f)); /* arg and ret may be the same memory */
    unsigned errors;
    bool b;
    switch (f) {
    case FN_NONE:
        errors = CESQL_MISSING_FUNCTION;
        break;
    case FN_INT:
        errors = cast_integer(&arg[0], &v.integer);
        break;
    case FN_BOOL:
        errors = cast_boolean(&arg[0], &b);
        v.integer = b;
        break;
    case FN_ABS:
        errors = of_integer(&arg[0], &v);
        break;
    case FN_CONCAT:
    case FN_CONCAT_WS:
        errors = concat(f, arg, n, mem, &v);
        break;
    default:
        errors = of_text(f, arg, n, mem, &v);
        break;
    }
    *ret = v;
    return errors;
}
