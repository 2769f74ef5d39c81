/* SPDX-License-Identifier: Apache-2.0 */
/* cesql_fold - what is known before any event: constant sub-expressions become their value.
 *
 * A sub-expression whose evaluation gives an error is left as it is, so that the error comes at the
 * time and with the value the rules say. FALSE AND x is FALSE and TRUE OR x is TRUE, because the
 * right side is never evaluated; the other way round nothing may be dropped. Two loops over the
 * nodes: values from left to right, then marking what needs no code. */
#include "cesql_private.h"
#include <string.h>

#define FOLD_ARGUMENTS 16 /* calls with more arguments are left to the evaluation */

static bool is_const(const struct ast *a, uint32_t i)
{
    return a->node[i].flags & NODE_CONST;
}

static void becomes(struct node *n, struct value v)
{
    n->value = v;
    n->type = (uint8_t)v.type;
    n->flags |= NODE_CONST;
}

static void fold_not(struct ast *a, struct node *n)
{
    bool b;
    int32_t i;
    const struct value *v = &a->node[n->left].value;
    if (n->kind == NODE_NOT && cast_boolean(v, &b) == 0)
        becomes(n, value_boolean(!b));
    else if (n->kind == NODE_NEGATE && cast_integer(v, &i) == 0 && i != INT32_MIN)
        becomes(n, value_integer(-i));
}

static void fold_pair(struct ast *a, struct node *n)
{
    const struct value *l = &a->node[n->left].value, *r = &a->node[n->right].value;
    bool b;
    int32_t i;
    if (n->kind == NODE_COMPARE && value_compare((enum operator)n->op, l, r, &b) == 0)
        becomes(n, value_boolean(b));
    else if (n->kind == NODE_ARITHMETIC && value_arithmetic((enum operator)n->op, l, r, &i) == 0)
        becomes(n, value_integer(i));
}

static void fold_logic(struct ast *a, struct node *n)
{
    bool l, r;
    if (!is_const(a, n->left) || cast_boolean(&a->node[n->left].value, &l))
        return;
    if ((n->op == WORD_AND && !l) || (n->op == WORD_OR && l)) {
        becomes(n, value_boolean(l));
        return;
    }
    if (is_const(a, n->right)) {
        if (cast_boolean(&a->node[n->right].value, &r) == 0)
            becomes(n, value_boolean(n->op == WORD_XOR ? l != r : r));
    } else if (n->op != WORD_XOR && a->node[n->right].type == VALUE_BOOLEAN) {
        n->flags |= NODE_PASS;
    }
}

/* Whether the left value is in the list, as the evaluation does it: element by element, ends at the
 * first match. */
static void fold_in(struct ast *a, struct node *n)
{
    uint32_t mark[FOLD_ARGUMENTS];
    uint32_t count = 0;
    for (uint32_t m = n->right; m != NONE; m = a->node[m].right) {
        if (!is_const(a, a->node[m].left))
            return;
        if (count < FOLD_ARGUMENTS)
            mark[count] = m;
        count++;
    }
    n->flags |= NODE_SET;
    if (!is_const(a, n->left) || count > FOLD_ARGUMENTS)
        return;
    bool found = false;
    while (count > 0 && !found) {
        struct value element = a->node[a->node[mark[--count]].left].value;
        if (value_compare(OP_EQ, &element, &a->node[n->left].value, &found) != 0)
            return;
    }
    becomes(n, value_boolean(found != ((n->flags & NODE_INVERT) != 0)));
}

static void fold_call(struct ast *a, struct node *n)
{
    struct value arg[FOLD_ARGUMENTS], v;
    if (n->op == FN_NONE || n->n > FOLD_ARGUMENTS)
        return;
    uint32_t at = (uint32_t)(n - a->node) - 1;
    for (uint32_t i = n->n; i > 0; i--, at = arg_before(a->node, at)) {
        if (!is_const(a, at))
            return;
        arg[i - 1] = a->node[at].value;
    }
    if (function_call((enum function)n->op, arg, n->n, &a->arena, &v) == 0)
        becomes(n, v);
}

static void fold_node(struct ast *a, struct node *n)
{
    switch (n->kind) {
    case NODE_NOT:
    case NODE_NEGATE:
        if (is_const(a, n->left))
            fold_not(a, n);
        break;
    case NODE_COMPARE:
    case NODE_ARITHMETIC:
        if (is_const(a, n->left) && is_const(a, n->right))
            fold_pair(a, n);
        break;
    case NODE_LOGIC:
        fold_logic(a, n);
        break;
    case NODE_LIKE:
        /* value holds the pattern, which a folded node no longer needs */
        if (is_const(a, n->left))
            becomes(n, value_boolean(value_like(&a->node[n->left].value, &n->value) !=
                                     ((n->flags & NODE_INVERT) != 0)));
        break;
    case NODE_IN:
        fold_in(a, n);
        break;
    case NODE_CALL:
        fold_call(a, n);
        break;
    default:
        break;
    }
}

static void kill_range(struct ast *a, uint32_t from, uint32_t to)
{
    for (uint32_t i = from; i < to; i++)
        a->node[i].flags |= NODE_DEAD;
}

void ast_fold(struct ast *a)
{
    for (size_t i = 0; i < a->n; i++)
        fold_node(a, &a->node[i]);
    for (uint32_t i = (uint32_t)a->n; i-- > 0;) {
        struct node *n = &a->node[i];
        if (n->flags & NODE_CONST || (n->kind == NODE_CALL && n->op == FN_NONE)) {
            kill_range(a, n->first, i);
            i = n->first; /* nothing inside is looked at */
        } else if (n->kind == NODE_LOGIC && n->flags & NODE_PASS) {
            kill_range(a, n->first, n->n + 1);
        } else if (n->kind == NODE_IN && n->flags & NODE_SET) {
            kill_range(a, n->left + 1, i);
            i = n->left + 1;
        }
    }
}
