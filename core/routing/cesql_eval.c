/* SPDX-License-Identifier: Apache-2.0 */
/* cesql_eval - runs a program on the attributes of one event.
 *
 * The error rule (cesql section 6 of the sheet): an operator whose operand gave an error does no
 * work and gives the zero of its own type with that error. So an error that was not short-circuited
 * always reaches the top, and the evaluation ends at the first one: the value is the zero of the
 * whole expression's type, or, when the last instruction itself raised it, the value its rule
 * states. At most one error kind is therefore reported. Total: no recursion, no loop but the
 * program's, which only jumps forward. Stack size is known from the compilation. */
#include "cesql_private.h"
#include "base/util.h"
#include <string.h>

#define SCRATCH_MAX ((size_t)1 << 20)

struct cesql_scratch {
    struct arena arena;
    struct value *stack;
    size_t cap;
    struct value first[32];
};

struct cesql_scratch *cesql_scratch_new(void)
{
    struct cesql_scratch *s = xcalloc(1, sizeof(*s));
    if (!s)
        return NULL;
    s->arena.max = SCRATCH_MAX;
    s->stack = s->first;
    s->cap = ARRAY_SIZE(s->first);
    return s;
}

void cesql_scratch_free(struct cesql_scratch *s)
{
    if (!s)
        return;
    arena_done(&s->arena);
    if (s->stack != s->first)
        free(s->stack);
    free(s);
}

struct arena *scratch_arena(struct cesql_scratch *s)
{
    return &s->arena;
}

static bool grow_stack(struct cesql_scratch *s, size_t want)
{
    struct value *stack = xcalloc(want, sizeof(*stack));
    if (!stack)
        return false;
    if (s->stack != s->first)
        free(s->stack);
    s->stack = stack;
    s->cap = want;
    return true;
}

static __attribute__((noinline)) bool equal_cast(const struct value *v, const struct value *text)
{
    char buf[INTEGER_TEXT];
    struct value t = cast_string(v, buf);
    return t.len == text->len && (t.len == 0 || memcmp(t.p, text->p, t.len) == 0);
}

static inline bool equal_text(const struct value *v, const struct value *text)
{
    if (v->type != VALUE_STRING)
        return equal_cast(v, text);
    return v->len == text->len && (v->len == 0 || memcmp(v->p, text->p, v->len) == 0);
}

/* The instructions that test one attribute against constants. */
static inline unsigned test_slot(const struct cesql *c, const struct code *i, const struct value *v,
                                 bool *ret)
{
    unsigned errors = 0;
    int32_t number;
    *ret = false;
    if (v->type == VALUE_ABSENT)
        return CESQL_MISSING_ATTRIBUTE;
    switch (i->op) {
    case I_EQUAL_TEXT:
        *ret = equal_text(v, &c->constant[i->b]) != (bool)i->sub;
        return 0;
    case I_COMPARE_INT:
        number = v->integer;
        if (v->type == VALUE_STRING)
            errors = cast_integer(v, &number);
        *ret = !errors && integer_compare((enum operator)i->sub, number, i->k);
        return errors;
    default:
        errors = value_set_has(c->set[i->a], v, ret);
        *ret = !errors && *ret != (bool)i->sub;
        return errors;
    }
}

/* Instructions that replace the top of the stack, or the two on top, by their result: *v. */
static unsigned operate(const struct cesql *c, const struct code *i, struct value *v,
                        struct arena *mem)
{
    unsigned errors = 0;
    bool b = false;
    int32_t n = 0;
    switch (i->op) {
    case I_NOT:
        errors = cast_boolean(v, &b);
        *v = value_boolean(!errors && !b);
        break;
    case I_BOOLEAN:
        errors = cast_boolean(v, &b);
        *v = value_boolean(b);
        break;
    case I_NEGATE:
        errors = cast_integer(v, &n);
        if (n == INT32_MIN)
            errors = CESQL_MATH;
        *v = value_integer(errors ? 0 : -n);
        break;
    case I_ARITHMETIC:
        errors = value_arithmetic((enum operator)i->sub, v, v + 1, &n);
        *v = value_integer(n);
        break;
    case I_COMPARE:
        errors = value_compare((enum operator)i->sub, v, v + 1, &b);
        *v = value_boolean(b);
        break;
    case I_XOR: {
        bool other;
        errors = cast_boolean(v, &b) | cast_boolean(v + 1, &other);
        *v = value_boolean(!errors && b != other);
        break;
    }
    case I_LIKE:
        *v = value_boolean(value_like(v, &c->constant[i->a]) != (bool)i->sub);
        break;
    case I_IN_SET:
        errors = value_set_has(c->set[i->a], v, &b);
        *v = value_boolean(!errors && b != (bool)i->sub);
        break;
    case I_NO_FUNCTION:
        errors = CESQL_MISSING_FUNCTION;
        *v = value_boolean(false);
        break;
    default: /* I_CALL: v is the first argument */
        errors = function_call((enum function)i->sub, v, i->a, mem, v);
        break;
    }
    return errors;
}

/* How many values an instruction takes from the stack. */
static inline uint32_t takes(const struct code *i)
{
    switch (i->op) {
    case I_ARITHMETIC:
    case I_COMPARE:
    case I_XOR:
        return 2;
    case I_CALL:
        return i->a;
    case I_NO_FUNCTION:
        return 0;
    default:
        return 1;
    }
}

/* The result of a test; where AND or OR comes next it is used at once and need not go over the
 * stack. Returns the next pc. */
static inline uint32_t push_test(const struct cesql *c, uint32_t pc, uint32_t to, bool b,
                                 struct value **top)
{
    if (pc < to) {
        const struct code *next = &c->code[pc];
        if (next->op == I_AND || next->op == I_OR) {
            if (b != (next->op == I_OR))
                return pc + 1;
            pc = next->a;
        }
    }
    *(*top)++ = value_boolean(b);
    return pc;
}

unsigned cesql_run(const struct cesql *c, uint32_t from, uint32_t to, const struct value *slots,
                   struct cesql_scratch *s, struct value *ret)
{
    if (c->stack_max > s->cap && !grow_stack(s, c->stack_max)) {
        *ret = value_zero(c->type);
        return CESQL_GENERIC;
    }
    struct value *top = s->stack; /* behind the last value */
    unsigned errors = 0;
    bool b;
    uint32_t pc = from;
    while (pc < to) {
        const struct code *i = &c->code[pc++];
        switch (i->op) {
        case I_CONST:
            *top++ = c->constant[i->a];
            continue;
        case I_SLOT:
            *top = slots[i->a];
            if (top->type != VALUE_ABSENT) {
                top++;
                continue;
            }
            *top++ = value_boolean(false);
            errors = CESQL_MISSING_ATTRIBUTE;
            break;
        case I_EXISTS:
            b = slots[i->a].type != VALUE_ABSENT;
            pc = push_test(c, pc, to, b, &top);
            continue;
        case I_EQUAL_TEXT:
        case I_COMPARE_INT:
        case I_IN_SET_SLOT:
            errors = test_slot(c, i, &slots[i->op == I_IN_SET_SLOT ? i->b : i->a], &b);
            if (!errors) {
                pc = push_test(c, pc, to, b, &top);
                continue;
            }
            *top++ = value_boolean(false);
            break;
        case I_AND:
        case I_OR:
            errors = cast_boolean(top - 1, &b);
            if (errors)
                break;
            top--;
            if (b == (i->op == I_OR)) {
                *top++ = value_boolean(b);
                pc = i->a;
            }
            continue;
        case I_IN_TEST: /* the element is cast to the type of the left side */
            errors = value_compare(OP_EQ, top - 1, top - 2, &b);
            if (errors)
                break;
            top--;
            if (b) /* the jump goes behind I_IN_END, which knows of NOT */
                top[-1] = value_boolean(!c->code[i->a - 1].sub);
            if (b)
                pc = i->a;
            continue;
        case I_IN_END:
            top[-1] = value_boolean(i->sub);
            continue;
        default:
            top -= takes(i);
            errors = operate(c, i, top, &s->arena);
            top++;
            break;
        }
        if (errors) {
            *ret = pc == to ? top[-1] : value_zero(c->type);
            return errors;
        }
    }
    *ret = top[-1];
    return 0;
}

unsigned cesql_eval(const struct cesql *c, const struct value *slots, struct cesql_scratch *s,
                    struct value *ret)
{
    if (s->arena.chunk)
        arena_reset(&s->arena);
    return cesql_run(c, 0, (uint32_t)c->n_code, slots, s, ret);
}

bool cesql_matches(const struct cesql *c, const struct value *slots, struct cesql_scratch *s)
{
    struct value v;
    return cesql_eval(c, slots, s, &v) == 0 && v.type == VALUE_BOOLEAN && v.integer != 0;
}
