/* SPDX-License-Identifier: Apache-2.0 */
/* cesql_value - casts (cesql section 5 of the sheet; specification 3.5), comparison, arithmetic,
 * and lists of constants.
 *
 * An error that an operation raises itself comes with the zero value of its result. Overflow of
 * int32 is a math error with 0, which the specification leaves open. */
#include "cesql_private.h"
#include "base/util.h"
#include <string.h>

const char *cesql_error_name(unsigned one_bit)
{
    switch (one_bit) {
    case CESQL_PARSE:
        return "parse";
    case CESQL_MATH:
        return "math";
    case CESQL_CAST:
        return "cast";
    case CESQL_MISSING_ATTRIBUTE:
        return "missingAttribute";
    case CESQL_MISSING_FUNCTION:
        return "missingFunction";
    case CESQL_FUNCTION:
        return "functionEvaluation";
    default:
        return "generic";
    }
}

struct value value_zero(enum value_type type)
{
    switch (type) {
    case VALUE_STRING:
        return value_string("", 0);
    case VALUE_INTEGER:
        return value_integer(0);
    default: /* an attribute that is not there counts as false */
        return value_boolean(false);
    }
}

static unsigned text_to_integer(const char *p, size_t len, int32_t *ret)
{
    bool minus = len > 0 && *p == '-';
    size_t i = len > 0 && (*p == '-' || *p == '+');
    int64_t v = 0;
    *ret = 0;
    if (i == len)
        return CESQL_CAST;
    for (; i < len; i++) {
        if (p[i] < '0' || p[i] > '9')
            return CESQL_CAST;
        v = v * 10 + (p[i] - '0');
        if (v > (int64_t)INT32_MAX + 1)
            return CESQL_CAST;
    }
    if (minus)
        v = -v;
    if (v > INT32_MAX)
        return CESQL_CAST;
    *ret = (int32_t)v;
    return 0;
}

unsigned cast_integer(const struct value *v, int32_t *ret)
{
    if (v->type == VALUE_STRING)
        return text_to_integer(v->p, v->len, ret);
    *ret = v->integer;
    return 0;
}

unsigned cast_boolean(const struct value *v, bool *ret)
{
    *ret = false;
    if (v->type != VALUE_STRING) {
        *ret = v->integer != 0;
        return 0;
    }
    if (word_is(v->p, v->len, "TRUE")) {
        *ret = true;
        return 0;
    }
    return word_is(v->p, v->len, "FALSE") ? 0 : CESQL_CAST;
}

struct value cast_string(const struct value *v, char buf[INTEGER_TEXT])
{
    if (v->type == VALUE_STRING)
        return *v;
    if (v->type == VALUE_BOOLEAN)
        return v->integer ? value_string("true", 4) : value_string("false", 5);
    uint32_t u = v->integer < 0 ? 0u - (uint32_t)v->integer : (uint32_t)v->integer;
    char *p = buf + INTEGER_TEXT;
    do {
        *--p = (char)('0' + u % 10);
        u /= 10;
    } while (u > 0);
    if (v->integer < 0)
        *--p = '-';
    return value_string(p, (size_t)(buf + INTEGER_TEXT - p));
}

bool integer_compare(enum operator op, int32_t l, int32_t r)
{
    switch (op) {
    case OP_EQ:
        return l == r;
    case OP_NE:
        return l != r;
    case OP_LT:
        return l < r;
    case OP_LE:
        return l <= r;
    case OP_GT:
        return l > r;
    default:
        return l >= r;
    }
}

/* l = r with l cast to the type of r. */
static unsigned equal(const struct value *l, const struct value *r, bool *ret)
{
    unsigned errors;
    if (r->type == VALUE_STRING) {
        char buf[INTEGER_TEXT];
        struct value t = cast_string(l, buf);
        *ret = t.len == r->len && (t.len == 0 || memcmp(t.p, r->p, t.len) == 0);
        return 0;
    }
    if (r->type == VALUE_BOOLEAN) {
        bool b;
        errors = cast_boolean(l, &b);
        *ret = b == (r->integer != 0);
        return errors;
    }
    int32_t i;
    errors = cast_integer(l, &i);
    *ret = i == r->integer;
    return errors;
}

unsigned value_compare(enum operator op, const struct value *l, const struct value *r, bool *ret)
{
    unsigned errors;
    if (op == OP_EQ || op == OP_NE) {
        errors = equal(l, r, ret);
        *ret = !errors && *ret == (op == OP_EQ);
        return errors;
    }
    int32_t a, b;
    errors = cast_integer(l, &a) | cast_integer(r, &b);
    *ret = !errors && integer_compare(op, a, b);
    return errors;
}

unsigned value_arithmetic(enum operator op, const struct value *l, const struct value *r,
                          int32_t *ret)
{
    int32_t a, b;
    int64_t v;
    *ret = 0;
    if (cast_integer(l, &a) | cast_integer(r, &b))
        return CESQL_CAST;
    if ((op == OP_DIV || op == OP_MOD) && b == 0)
        return CESQL_MATH;
    switch (op) { /* in 64 bits nothing overflows, INT32_MIN / -1 included */
    case OP_ADD:
        v = (int64_t)a + b;
        break;
    case OP_SUB:
        v = (int64_t)a - b;
        break;
    case OP_MUL:
        v = (int64_t)a * b;
        break;
    case OP_DIV:
        v = (int64_t)a / b;
        break;
    default:
        v = (int64_t)a % b;
        break;
    }
    if (v < INT32_MIN || v > INT32_MAX)
        return CESQL_MATH;
    *ret = (int32_t)v;
    return 0;
}

bool value_like(const struct value *v, const struct value *pattern)
{
    char buf[INTEGER_TEXT];
    struct value t = cast_string(v, buf);
    return like_match(t.p, t.len, pattern->p, pattern->len);
}
