/* SPDX-License-Identifier: Apache-2.0 */
/* cesql_parse - from tokens to nodes in postfix order (cesql section 3, grammar of section 3.1).
 *
 * Recursive descent; every nesting (parentheses, arguments, lists, NOT, minus) counts against
 * CESQL_DEPTH_MAX, chains of operators are loops. NOT and minus bind tighter than everything else;
 * AND, OR and XOR share one level, left to right. Diagnostics: code "cesql-parse"; the text says
 * what was expected and what stands there. */
#include "cesql_private.h"
#include "base/util.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct parser {
    struct lexer lexer;
    struct token token; /* the next one */
    struct ast *ast;
    struct symbols *syms;
    unsigned depth;
    size_t bad_at;
    struct err *err;
};

static int parse_expression(struct parser *p, uint32_t *ret);

static void advance(struct parser *p)
{
    p->token = lexer_next(&p->lexer);
}

static bool at_sign(const struct parser *p, enum operator op)
{
    return p->token.kind == TOKEN_SIGN && p->token.what == (int)op;
}

static bool at_word(const struct parser *p, enum keyword word)
{
    return p->token.kind == TOKEN_KEYWORD && p->token.what == (int)word;
}

static int fail(struct parser *p, size_t at, const char *what)
{
    p->bad_at = at;
    return err_set(p->err, -EINVAL, "cesql-parse", "%s (at character %zu)", what,
                   text_length(p->lexer.text, at) + 1);
}

static int expected(struct parser *p, const char *what)
{
    const struct token *t = &p->token;
    if (t->kind == TOKEN_BAD)
        return fail(p, t->at, t->why);
    if (t->kind == TOKEN_END) {
        p->bad_at = t->at;
        return err_set(p->err, -EINVAL, "cesql-parse", "expected %s, but the expression ends",
                       what);
    }
    char found[64] = "";
    size_t len = t->end - t->at;
    escape_text(found, sizeof(found), p->lexer.text + t->at, len < 40 ? len : 40);
    p->bad_at = t->at;
    return err_set(p->err, -EINVAL, "cesql-parse", "expected %s, found %s (at character %zu)", what,
                   found, text_length(p->lexer.text, t->at) + 1);
}

static int expect(struct parser *p, enum operator op, const char *what)
{
    if (!at_sign(p, op))
        return expected(p, what);
    advance(p);
    return 0;
}

static int deeper(struct parser *p)
{
    if (++p->depth > CESQL_DEPTH_MAX)
        return fail(p, p->token.at, "the expression is nested too deep (limit 64)");
    return 0;
}

static int add(struct parser *p, const struct node *n, uint32_t *ret)
{
    struct ast *a = p->ast;
    if (grow_array((void **)&a->node, &a->cap, a->n + 1, sizeof(*a->node)) < 0)
        return err_set(p->err, -ENOMEM, "memory", "out of memory");
    a->node[a->n] = *n;
    if (n->first == NONE)
        a->node[a->n].first = (uint32_t)a->n;
    *ret = (uint32_t)a->n++;
    return 0;
}

static int add_literal(struct parser *p, uint32_t at, uint32_t end, struct value v, uint32_t *ret)
{
    return add(p,
               &(struct node){.kind = NODE_LITERAL,
                              .type = (uint8_t)v.type,
                              .flags = NODE_CONST,
                              .first = NONE,
                              .at = at,
                              .end = end,
                              .value = v},
               ret);
}

/* The text between the quotes with the escaped quotes undone, in the arena. */
static int unquote(struct parser *p, const struct token *t, struct value *ret)
{
    const char *s = p->lexer.text + t->at + 1, *end = p->lexer.text + t->end - 1;
    char quote = s[-1];
    char *out = arena_take(&p->ast->arena, (size_t)(end - s) + 1);
    if (!out)
        return err_set(p->err, -ENOMEM, "memory", "out of memory");
    char *o = out;
    while (s < end) {
        if (*s == '\\' && end - s > 1) {
            if (s[1] != quote)
                *o++ = *s;
            s++;
        }
        *o++ = *s++;
    }
    *ret = value_string(out, (size_t)(o - out));
    return 0;
}

/* The integer token, with its sign if it has one; at: where the sign stands. */
static int parse_integer(struct parser *p, uint32_t at, bool minus, uint32_t *ret)
{
    int64_t v = 0;
    for (uint32_t i = p->token.at; i < p->token.end && v <= INT32_MAX; i++)
        v = v * 10 + (p->lexer.text[i] - '0');
    if (v > (int64_t)INT32_MAX + minus)
        return fail(p, at, "this number is outside the 32 bit range -2147483648 … 2147483647");
    uint32_t end = p->token.end;
    advance(p);
    return add_literal(p, at, end, value_integer((int32_t)(minus ? -v : v)), ret);
}

static int parse_slot(struct parser *p, enum node_kind kind, uint32_t at, uint32_t *ret)
{
    const struct token t = p->token;
    if (t.kind != TOKEN_NAME)
        return expected(p, "the name of an attribute");
    const char *name = p->lexer.text + t.at;
    if (memchr(name, '_', t.end - t.at))
        return fail(p, t.at, "attribute names have letters and digits only");
    int slot = symbols_slot(p->syms, name, t.end - t.at);
    if (slot < 0)
        return err_set(p->err, slot, "memory", "out of memory");
    advance(p);
    return add(p,
               &(struct node){.kind = (uint8_t)kind,
                              .type = kind == NODE_EXISTS ? VALUE_BOOLEAN : VALUE_ABSENT,
                              .first = NONE,
                              .at = at,
                              .end = t.end,
                              .n = (uint32_t)slot},
               ret);
}

static int parse_arguments(struct parser *p, struct node *call)
{
    call->first = NONE;
    if (at_sign(p, OP_CLOSE))
        return 0;
    for (;;) {
        uint32_t arg;
        int r = parse_expression(p, &arg);
        if (r < 0)
            return r;
        if (call->n++ == 0)
            call->first = p->ast->node[arg].first;
        if (!at_sign(p, OP_COMMA))
            return 0;
        advance(p);
    }
}

static int parse_call(struct parser *p, const struct token *name, uint32_t *ret)
{
    const char *s = p->lexer.text + name->at;
    size_t len = name->end - name->at;
    for (size_t i = 0; i < len; i++) {
        if (s[i] >= '0' && s[i] <= '9')
            return fail(p, name->at, "function names have letters and '_' only");
    }
    struct node n = {.kind = NODE_CALL, .at = name->at};
    int r = deeper(p);
    if (r < 0)
        return r;
    advance(p); /* the parenthesis */
    r = parse_arguments(p, &n);
    if (r < 0)
        return r;
    n.end = p->token.end;
    r = expect(p, OP_CLOSE, "',' or ')' in the arguments");
    if (r < 0)
        return r;
    p->depth--;
    enum function f = function_find(s, len, n.n);
    n.op = (uint8_t)f;
    n.type = (uint8_t)function_type(f);
    return add(p, &n, ret);
}

static int parse_name(struct parser *p, uint32_t *ret)
{
    struct token name = p->token;
    struct lexer after = p->lexer;
    struct token next = lexer_next(&after);
    if (next.kind == TOKEN_SIGN && next.what == OP_OPEN) {
        advance(p);
        return parse_call(p, &name, ret);
    }
    return parse_slot(p, NODE_SLOT, name.at, ret);
}

static int parse_group(struct parser *p, uint32_t *ret)
{
    uint32_t at = p->token.at, inner;
    int r = deeper(p);
    if (r < 0)
        return r;
    advance(p);
    r = parse_expression(p, &inner);
    if (r < 0)
        return r;
    uint32_t end = p->token.end;
    r = expect(p, OP_CLOSE, "an operator or ')'");
    if (r < 0)
        return r;
    p->depth--;
    struct node *n = &p->ast->node[inner];
    n->flags |= NODE_PAREN;
    n->at = at;
    n->end = end;
    *ret = inner;
    return 0;
}

static int parse_primary(struct parser *p, uint32_t *ret)
{
    const struct token t = p->token;
    struct value v;
    if (t.kind == TOKEN_INTEGER)
        return parse_integer(p, t.at, false, ret);
    if (t.kind == TOKEN_STRING) {
        int r = unquote(p, &t, &v);
        if (r < 0)
            return r;
        advance(p);
        return add_literal(p, t.at, t.end, v, ret);
    }
    if (t.kind == TOKEN_NAME)
        return parse_name(p, ret);
    if (at_sign(p, OP_OPEN))
        return parse_group(p, ret);
    if (at_word(p, WORD_TRUE) || at_word(p, WORD_FALSE)) {
        advance(p);
        return add_literal(p, t.at, t.end, value_boolean(t.what == WORD_TRUE), ret);
    }
    if (at_word(p, WORD_EXISTS)) {
        advance(p);
        return parse_slot(p, NODE_EXISTS, t.at, ret);
    }
    return expected(p, "a value, an attribute or '('");
}

static int parse_unary(struct parser *p, uint32_t *ret)
{
    const struct token t = p->token;
    bool minus = at_sign(p, OP_SUB), not = at_word(p, WORD_NOT);
    if (minus || at_sign(p, OP_ADD)) {
        advance(p);
        if (p->token.kind == TOKEN_INTEGER && p->token.at == t.end)
            return parse_integer(p, t.at, minus, ret);
        if (!minus)
            return fail(p, t.at, "'+' in front of a value is only for numbers: +5");
    } else if (not ) {
        advance(p);
    } else {
        return parse_primary(p, ret);
    }
    uint32_t operand;
    int r = deeper(p);
    if (r < 0 || (r = parse_unary(p, &operand)) < 0)
        return r;
    p->depth--;
    const struct node *o = &p->ast->node[operand];
    return add(p,
               &(struct node){.kind = not ? NODE_NOT : NODE_NEGATE,
                              .type = not ? VALUE_BOOLEAN : VALUE_INTEGER,
                              .at = t.at,
                              .end = o->end,
                              .first = o->first,
                              .left = operand},
               ret);
}

static int parse_like(struct parser *p, struct node *n, uint32_t *ret)
{
    const struct token t = p->token;
    if (t.kind != TOKEN_STRING)
        return expected(p, "a string literal behind LIKE");
    struct value pattern;
    int r = unquote(p, &t, &pattern);
    if (r < 0)
        return r;
    char *out = arena_take(&p->ast->arena, pattern.len + 1);
    if (!out)
        return err_set(p->err, -ENOMEM, "memory", "out of memory");
    n->value = value_string(out, like_compile(pattern.p, pattern.len, out));
    n->kind = NODE_LIKE;
    n->end = t.end;
    advance(p);
    return add(p, n, ret);
}

static int parse_in(struct parser *p, struct node *n, uint32_t *ret)
{
    int r = deeper(p);
    if (r < 0 || (r = expect(p, OP_OPEN, "'(' behind IN")) < 0)
        return r;
    n->kind = NODE_IN;
    n->right = NONE;
    for (;;) {
        struct node mark = {.kind = NODE_IN_MARK, .first = NONE, .right = n->right};
        r = parse_expression(p, &mark.left);
        if (r < 0 || (r = add(p, &mark, &n->right)) < 0)
            return r;
        n->n++;
        n->end = p->token.end;
        if (!at_sign(p, OP_COMMA))
            break;
        advance(p);
    }
    r = expect(p, OP_CLOSE, "',' or ')' in the list");
    if (r < 0)
        return r;
    p->depth--;
    return add(p, n, ret);
}

/* Operand { [NOT] LIKE 'pattern' | [NOT] IN (…) } */
static int parse_postfix(struct parser *p, uint32_t *ret)
{
    int r = parse_unary(p, ret);
    while (r == 0) {
        bool not = at_word(p, WORD_NOT);
        if (not )
            advance(p);
        bool like = at_word(p, WORD_LIKE);
        if (!like && !at_word(p, WORD_IN))
            return not ? expected(p, "LIKE or IN behind NOT") : 0;
        advance(p);
        const struct node *l = &p->ast->node[*ret];
        struct node n = {.type = VALUE_BOOLEAN,
                         .flags = not ? NODE_INVERT : 0,
                         .at = l->at,
                         .first = l->first,
                         .left = *ret};
        r = like ? parse_like(p, &n, ret) : parse_in(p, &n, ret);
    }
    return r;
}

/* One level of left-associative operators from..to, above the level `below`. */
static int parse_level(struct parser *p, enum operator from, enum operator to,
                       int (*below)(struct parser *, uint32_t *), uint32_t *ret)
{
    int r = below(p, ret);
    while (r == 0 && p->token.kind == TOKEN_SIGN && p->token.what >= (int)from &&
           p->token.what <= (int)to) {
        struct node n = {.kind = from == OP_EQ ? NODE_COMPARE : NODE_ARITHMETIC,
                         .type = from == OP_EQ ? VALUE_BOOLEAN : VALUE_INTEGER,
                         .op = (uint8_t)p->token.what,
                         .left = *ret};
        advance(p);
        r = below(p, &n.right);
        if (r < 0)
            return r;
        n.at = p->ast->node[n.left].at;
        n.end = p->ast->node[n.right].end;
        n.first = p->ast->node[n.left].first;
        r = add(p, &n, ret);
    }
    return r;
}

static int parse_product(struct parser *p, uint32_t *ret)
{
    return parse_level(p, OP_MUL, OP_MOD, parse_postfix, ret);
}

static int parse_sum(struct parser *p, uint32_t *ret)
{
    return parse_level(p, OP_ADD, OP_SUB, parse_product, ret);
}

static int parse_comparison(struct parser *p, uint32_t *ret)
{
    return parse_level(p, OP_EQ, OP_GE, parse_sum, ret);
}

static int parse_expression(struct parser *p, uint32_t *ret)
{
    int r = parse_comparison(p, ret);
    while (r == 0 && (at_word(p, WORD_AND) || at_word(p, WORD_OR) || at_word(p, WORD_XOR))) {
        struct node n = {
            .kind = NODE_LOGIC, .type = VALUE_BOOLEAN, .op = (uint8_t)p->token.what, .left = *ret};
        struct node mark = {.kind = NODE_LOGIC_MARK, .op = n.op, .first = NONE, .left = *ret};
        advance(p);
        r = add(p, &mark, &n.n);
        if (r < 0 || (r = parse_comparison(p, &n.right)) < 0)
            return r;
        n.at = p->ast->node[n.left].at;
        n.end = p->ast->node[n.right].end;
        n.first = p->ast->node[n.left].first;
        r = add(p, &n, ret);
    }
    return r;
}

int ast_parse(struct ast *a, const char *text, size_t len, struct symbols *syms, size_t *ret_offset,
              struct err *e)
{
    struct parser p = {.ast = a, .syms = syms, .err = e, .lexer = {.text = text}};
    uint32_t root;
    int r;
    if (len > CESQL_TEXT_MAX) {
        p.bad_at = CESQL_TEXT_MAX;
        r = err_set(e, -EINVAL, "cesql-parse", "the expression is longer than %d bytes",
                    CESQL_TEXT_MAX);
    } else if (!utf8_valid(text, len)) {
        r = err_set(e, -EINVAL, "cesql-parse", "the expression is not UTF-8");
    } else {
        p.lexer.len = (uint32_t)len;
        advance(&p);
        r = parse_expression(&p, &root);
        if (r == 0 && p.token.kind != TOKEN_END)
            r = expected(&p, "an operator or the end");
    }
    if (r == -EINVAL && ret_offset)
        *ret_offset = p.bad_at;
    return r;
}

void ast_done(struct ast *a)
{
    arena_done(&a->arena);
    free(a->node);
    *a = (struct ast){.node = NULL};
}
