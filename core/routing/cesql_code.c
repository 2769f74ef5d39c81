/* SPDX-License-Identifier: Apache-2.0 */
/* cesql_code - from folded nodes to a program: one loop, because the nodes lie in the order of
 * execution.
 *
 * The commonest tests (attribute = 'text', attribute OP number, attribute IN (constants)) become
 * one instruction. The program keeps its text and nodes, so that explain can show and run a part of
 * it; all but the IN lists is one block. */
#include "cesql_private.h"
#include "base/util.h"
#include <errno.h>
#include <string.h>

struct coder {
    struct ast *ast;
    struct code *code;
    struct value *constant;
    struct value_set **set;
    size_t n_code, cap_code, n_constant, cap_constant, n_set, cap_set;
    uint32_t depth, depth_max;
    bool failed;
};

static void push(struct coder *c, int by)
{
    c->depth = (uint32_t)((int)c->depth + by);
    if (c->depth > c->depth_max)
        c->depth_max = c->depth;
}

static uint32_t emit(struct coder *c, enum instruction op, unsigned sub, uint32_t a, uint32_t b)
{
    if (c->failed ||
        grow_array((void **)&c->code, &c->cap_code, c->n_code + 1, sizeof(*c->code)) < 0) {
        c->failed = true;
        return 0;
    }
    c->code[c->n_code] = (struct code){.op = (uint8_t)op, .sub = (uint8_t)sub, .a = a, .b = b};
    return (uint32_t)c->n_code++;
}

static uint32_t constant(struct coder *c, struct value v)
{
    if (c->failed || grow_array((void **)&c->constant, &c->cap_constant, c->n_constant + 1,
                                sizeof(*c->constant)) < 0) {
        c->failed = true;
        return 0;
    }
    c->constant[c->n_constant] = v;
    return (uint32_t)c->n_constant++;
}

/* attribute OP constant as one instruction, in place of the two that were made for the operands. */
static bool emit_fused(struct coder *c, const struct node *n)
{
    const struct node *l = &c->ast->node[n->left], *r = &c->ast->node[n->right];
    bool equality = n->op == OP_EQ || n->op == OP_NE;
    int32_t k;
    if (c->failed || l->kind != NODE_SLOT || !(r->flags & NODE_CONST))
        return false;
    if (equality && r->value.type == VALUE_STRING) {
        uint32_t text = c->code[c->n_code - 1].a;
        c->n_code -= 2;
        (void)emit(c, I_EQUAL_TEXT, n->op == OP_NE, l->n, text);
        return true;
    }
    if ((equality && r->value.type != VALUE_INTEGER) || cast_integer(&r->value, &k) != 0)
        return false;
    c->n_code -= 2;
    c->n_constant--; /* the number stands in the instruction */
    (void)emit(c, I_COMPARE_INT, n->op, l->n, (uint32_t)k);
    return true;
}

static void emit_in(struct coder *c, struct node *n)
{
    struct node *node = c->ast->node;
    bool invert = n->flags & NODE_INVERT;
    if (!(n->flags & NODE_SET)) {
        for (uint32_t m = n->right; m != NONE && !c->failed; m = node[m].right)
            c->code[node[m].n].a = (uint32_t)c->n_code + 1;
        (void)emit(c, I_IN_END, invert, 0, 0);
        return;
    }
    struct value *v = xcalloc(n->n, sizeof(*v));
    uint32_t at = n->n;
    for (uint32_t m = n->right; v && m != NONE; m = node[m].right)
        v[--at] = node[node[m].left].value;
    struct value_set *set = v ? value_set_new(v, n->n) : NULL;
    free(v);
    if (!set || grow_array((void **)&c->set, &c->cap_set, c->n_set + 1, sizeof(*c->set)) < 0) {
        value_set_free(set);
        c->failed = true;
        return;
    }
    c->set[c->n_set] = set;
    const struct node *l = &node[n->left];
    if (!c->failed && l->kind == NODE_SLOT) {
        c->n_code--;
        (void)emit(c, I_IN_SET_SLOT, invert, (uint32_t)c->n_set, l->n);
    } else {
        (void)emit(c, I_IN_SET, invert, (uint32_t)c->n_set, 0);
    }
    c->n_set++;
}

static void emit_logic(struct coder *c, struct node *n)
{
    if (n->flags & NODE_PASS)
        return;
    if (n->op == WORD_XOR) {
        (void)emit(c, I_XOR, 0, 0, 0);
        push(c, -1);
        return;
    }
    if (c->ast->node[n->right].type != VALUE_BOOLEAN)
        (void)emit(c, I_BOOLEAN, 0, 0, 0);
    if (!c->failed)
        c->code[c->ast->node[n->n].n].a = (uint32_t)c->n_code;
}

static void emit_operator(struct coder *c, struct node *n)
{
    switch (n->kind) {
    case NODE_NOT:
        (void)emit(c, I_NOT, 0, 0, 0);
        break;
    case NODE_NEGATE:
        (void)emit(c, I_NEGATE, 0, 0, 0);
        break;
    case NODE_ARITHMETIC:
        (void)emit(c, I_ARITHMETIC, n->op, 0, 0);
        push(c, -1);
        break;
    case NODE_COMPARE:
        if (!emit_fused(c, n))
            (void)emit(c, I_COMPARE, n->op, 0, 0);
        push(c, -1);
        break;
    case NODE_LOGIC:
        emit_logic(c, n);
        break;
    case NODE_LIKE:
        (void)emit(c, I_LIKE, (n->flags & NODE_INVERT) != 0, constant(c, n->value), 0);
        break;
    case NODE_IN:
        emit_in(c, n);
        break;
    case NODE_CALL:
        (void)emit(c, n->op == FN_NONE ? I_NO_FUNCTION : I_CALL, n->op, n->n, 0);
        push(c, n->op == FN_NONE ? 1 : 1 - (int)n->n);
        break;
    case NODE_LOGIC_MARK: /* n: the jump, whose aim the operator fills in */
        if (n->op != WORD_XOR) {
            n->n = emit(c, n->op == WORD_AND ? I_AND : I_OR, 0, 0, 0);
            push(c, -1);
        }
        break;
    case NODE_IN_MARK:
        n->n = emit(c, I_IN_TEST, 0, 0, 0);
        push(c, -1);
        break;
    default:
        break;
    }
}

static void emit_node(struct coder *c, struct node *n)
{
    if (n->flags & NODE_CONST) {
        (void)emit(c, I_CONST, 0, constant(c, n->value), 0);
        push(c, 1);
    } else if (n->kind == NODE_SLOT || n->kind == NODE_EXISTS) {
        (void)emit(c, n->kind == NODE_SLOT ? I_SLOT : I_EXISTS, 0, n->n, 0);
        push(c, 1);
    } else {
        emit_operator(c, n);
    }
}

/* A jump to a jump that will be taken as well goes on to where that one goes (a AND b AND c). */
static void shorten_jumps(struct coder *c)
{
    for (size_t i = c->n_code; i-- > 0 && !c->failed;) {
        struct code *j = &c->code[i];
        if ((j->op == I_AND || j->op == I_OR) && j->a < c->n_code && c->code[j->a].op == j->op)
            j->a = c->code[j->a].a;
    }
}

static void emit_all(struct coder *c)
{
    for (size_t i = 0; i < c->ast->n; i++) {
        struct node *n = &c->ast->node[i];
        /* taken before anything of it was made: what stands in `first` has had its own already */
        n->code = n->first == i ? (uint32_t)c->n_code : c->ast->node[n->first].code;
        if (!(n->flags & NODE_DEAD))
            emit_node(c, n);
        n->code_end = (uint32_t)c->n_code;
    }
    shorten_jumps(c);
}

/* ---------------------------------------------------------------- one block */
static size_t string_bytes(const struct ast *a, const struct coder *c)
{
    size_t n = 0;
    for (size_t i = 0; i < c->n_constant; i++)
        n += c->constant[i].type == VALUE_STRING ? c->constant[i].len : 0;
    for (size_t i = 0; i < a->n; i++)
        n += a->node[i].value.type == VALUE_STRING ? a->node[i].value.len : 0;
    return n;
}

static void keep_string(struct value *v, char **out)
{
    if (v->type != VALUE_STRING)
        return;
    if (v->len > 0)
        memcpy(*out, v->p, v->len);
    v->p = *out;
    *out += v->len;
}

static struct cesql *pack(struct coder *c, const char *text, size_t len)
{
    const struct ast *a = c->ast;
    size_t code_size = (c->n_code * sizeof(*c->code) + 15) & ~(size_t)15;
    size_t constant_size = c->n_constant * sizeof(*c->constant),
           node_size = a->n * sizeof(*a->node);
    size_t text_size = (string_bytes(a, c) + len + 15) & ~(size_t)15;
    char *block =
        calloc(1, sizeof(struct cesql) + code_size + constant_size + text_size + node_size);
    if (!block)
        return NULL;
    struct cesql *p = (void *)block;
    char *at = block + sizeof(*p);
    *p = (struct cesql){.n_code = c->n_code,
                        .set = c->set,
                        .n_set = c->n_set,
                        .n_node = a->n,
                        .stack_max = c->depth_max,
                        .text_len = len,
                        .type = (enum value_type)a->node[a->n - 1].type};
    p->code = (void *)at;
    memcpy(p->code, c->code, c->n_code * sizeof(*c->code));
    at += code_size;
    p->constant = (void *)at;
    if (constant_size > 0)
        memcpy(p->constant, c->constant, constant_size);
    at += constant_size;
    struct node *node = (void *)(at + text_size); /* last: only explain reads them */
    memcpy(node, a->node, node_size);
    p->node = node;
    for (size_t i = 0; i < c->n_constant; i++)
        keep_string(&p->constant[i], &at);
    for (size_t i = 0; i < a->n; i++)
        keep_string(&node[i].value, &at);
    memcpy(at, text, len);
    p->text = at;
    c->set = NULL;
    c->n_set = 0;
    return p;
}

int cesql_compile(const char *text, size_t len, struct symbols *syms, struct cesql **ret,
                  size_t *ret_offset, struct err *e)
{
    struct ast a = {.arena = {.max = (size_t)CESQL_TEXT_MAX * 16}};
    struct coder c = {.ast = &a};
    struct cesql *p = NULL;
    int r = ast_parse(&a, text, len, syms, ret_offset, e);
    if (r == 0) {
        ast_fold(&a);
        emit_all(&c);
        if (!c.failed)
            p = pack(&c, text, len);
        if (!p)
            r = err_set(e, -ENOMEM, "memory", "out of memory");
        else
            *ret = p;
    }
    for (size_t i = 0; i < c.n_set; i++)
        value_set_free(c.set[i]);
    if (!p)
        free(c.set);
    free(c.code);
    free(c.constant);
    ast_done(&a);
    return r;
}

void cesql_free(struct cesql *c)
{
    if (!c)
        return;
    for (size_t i = 0; i < c->n_set; i++)
        value_set_free(c->set[i]);
    free(c->set);
    free(c);
}
