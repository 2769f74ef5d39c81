/* SPDX-License-Identifier: Apache-2.0 */
/* cesql_lint - what the standard makes surprising in one expression, each with its cure.
 *
 * First the tokens, so that == and && are answered although the expression does not compile; then
 * the folded nodes. Known limit: a chain of more than 64 tests is not searched for contradictions.
 */
#include "base/util.h"
#include "lint_private.h"
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define CHAIN_MAX 64

struct lint {
    const char *text;
    size_t len;
    const struct lint_known *known;
    void (*report)(void *arg, size_t offset, const char *code, const char *text);
    void *arg;
    struct ast ast;
    struct symbols *symbols;
    uint32_t *parent; /* per node; NONE: the whole */
    uint8_t *part;    /* per node, for lint_parts */
};

__attribute__((format(printf, 4, 5))) static void say(const struct lint *l, size_t at,
                                                      const char *code, const char *fmt, ...)
{
    char text[LINT_TEXT_MAX];
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    l->report(l->arg, at, code, text);
}

static const char *slot_name(const struct lint *l, const struct node *n)
{
    return symbols_name(l->symbols, n->n);
}

/* ---------------------------------------------------------------- tokens */
static void lint_integer(const struct lint *l, const struct token *t)
{
    uint64_t v = 0;
    for (uint32_t i = t->at; i < t->end && v <= (uint64_t)INT32_MAX + 1; i++)
        v = v * 10 + (uint64_t)(l->text[i] - '0');
    bool minus = t->at > 0 && l->text[t->at - 1] == '-';
    if (v > (uint64_t)INT32_MAX + minus)
        say(l, t->at, "int32-bound",
            "CESQL has 32 bit integers, and attributes such as amount stop at 2147483647: compare "
            "with a smaller number");
}

static void lint_tokens(const struct lint *l)
{
    struct lexer lexer = {.text = l->text, .len = (uint32_t)l->len};
    struct token t;
    while ((t = lexer_next(&lexer)).kind != TOKEN_END) {
        const char *p = l->text + t.at;
        size_t len = t.end - t.at;
        if (t.kind == TOKEN_BAD && p[0] == '=')
            say(l, t.at, "double-equals", "%s", t.why);
        else if (t.kind == TOKEN_BAD && (p[0] == '&' || p[0] == '|'))
            say(l, t.at, "double-ampersand", "%s", t.why);
        else if (t.kind == TOKEN_INTEGER)
            lint_integer(l, &t);
        if (t.kind != TOKEN_KEYWORD)
            continue;
        size_t upper = 0;
        for (size_t i = 0; i < len; i++)
            upper += p[i] >= 'A' && p[i] <= 'Z';
        if (upper > 0 && upper < len)
            say(l, t.at, "wrong-case", "write '%.*s' in capitals, so that it is seen as a keyword",
                (int)len, p);
    }
}

/* ---------------------------------------------------------------- shape */
static void lint_logic(const struct lint *l, const struct node *n)
{
    const struct node *left = &l->ast.node[n->left];
    if (left->kind == NODE_LOGIC && left->op != n->op && !(left->flags & NODE_PAREN))
        say(l, n->at, "and-or-mix",
            "AND, OR and XOR have the same precedence and go from left to right: use parentheses "
            "to "
            "say what is meant");
}

static void lint_not_left(const struct lint *l, const struct node *n)
{
    const struct node *left = &l->ast.node[n->left];
    if (left->kind != NODE_NOT || left->flags & NODE_PAREN)
        return;
    const char *cure = n->kind == NODE_LIKE ? "x NOT LIKE '…'"
                       : n->kind == NODE_IN ? "x NOT IN (…)"
                                            : "NOT (a = b), or a != b";
    say(l, left->at, "not-precedence",
        "NOT binds to the operand next to it only, here before the comparison: write %s", cure);
}

/* ---------------------------------------------------------------- constants and bounds */
static bool is_boolean_kind(const struct node *n)
{
    return n->kind == NODE_COMPARE || n->kind == NODE_LOGIC || n->kind == NODE_NOT ||
           n->kind == NODE_LIKE || n->kind == NODE_IN;
}

static const char *const times[] = {"time", "expirytime"};
static const char *const texts[] = {
    "source",   "type",  "specversion", "dataschema", "currency",        "funder",     "recipient",
    "provider", "party", "place",       "status",     "datacontenttype", "traceparent"};

static bool is_text(const struct lint *l, const struct node *n)
{
    const char *name = n->kind == NODE_SLOT ? slot_name(l, n) : "";
    return names_have(times, ARRAY_SIZE(times), name) || names_have(texts, ARRAY_SIZE(texts), name);
}

static void lint_constant(const struct lint *l, uint32_t i)
{
    const struct node *n = &l->ast.node[i];
    const struct node *up = l->parent[i] == NONE ? NULL : &l->ast.node[l->parent[i]];
    if (!(n->flags & NODE_CONST)) {
        if (!up && (n->type == VALUE_INTEGER || n->type == VALUE_STRING || is_text(l, n)))
            say(l, n->at, "constant", "this gives no true or false, so no message ever passes");
        return;
    }
    bool operand = !up || up->kind == NODE_LOGIC || up->kind == NODE_NOT;
    if ((up && up->flags & NODE_CONST) || !(operand || is_boolean_kind(n)))
        return;
    if (!up && n->value.type != VALUE_BOOLEAN)
        say(l, n->at, "constant", "this gives no true or false, so no message ever passes");
    else
        say(l, n->at, "constant", "this is always %s: it does not depend on the message",
            n->value.integer && n->value.type == VALUE_BOOLEAN ? "true"
            : n->value.type == VALUE_BOOLEAN                   ? "false"
                                                               : "the same");
}

static void lint_arithmetic(const struct lint *l, const struct node *n)
{
    const struct node *a = &l->ast.node[n->left], *b = &l->ast.node[n->right];
    int32_t v;
    if (a->flags & NODE_CONST && b->flags & NODE_CONST && !(n->flags & NODE_CONST)) {
        unsigned errors = value_arithmetic((enum operator)n->op, &a->value, &b->value, &v);
        if (errors & CESQL_MATH && n->op != OP_DIV && n->op != OP_MOD)
            say(l, n->at, "int32-bound", "this leaves the 32 bit range: always an error");
        else
            say(l, n->at, "constant", "this is always an error");
        return;
    }
    const struct node *slot = a->kind == NODE_SLOT ? a : b, *k = slot == a ? b : a;
    if (n->op == OP_MUL && slot->kind == NODE_SLOT && k->flags & NODE_CONST &&
        cast_integer(&k->value, &v) == 0 && (v > 1 || v < -1))
        say(l, n->at, "int32-bound",
            "this is an error when %s is above %d: divide the other side instead",
            slot_name(l, slot), (int)(INT32_MAX / (v < 0 ? -(int64_t)v : v)));
}

static enum operator mirrored(enum operator op)
{
    switch (op) {
    case OP_LT:
        return OP_GT;
    case OP_LE:
        return OP_GE;
    case OP_GT:
        return OP_LT;
    case OP_GE:
        return OP_LE;
    default:
        return op;
    }
}

static void lint_bound(const struct lint *l, const struct node *n)
{
    const struct node *a = &l->ast.node[n->left], *b = &l->ast.node[n->right];
    enum operator op =(enum operator) n->op;
    if (a->flags & NODE_CONST) {
        const struct node *t = a;
        a = b;
        b = t;
        op = mirrored(op);
    }
    int32_t k;
    if (a->flags & NODE_CONST || !(b->flags & NODE_CONST) || cast_integer(&b->value, &k) != 0)
        return;
    bool never = (k == INT32_MAX && op == OP_GT) || (k == INT32_MIN && op == OP_LT);
    bool always = (k == INT32_MAX && op == OP_LE) || (k == INT32_MIN && op == OP_GE);
    if (never || always)
        say(l, n->at, "int32-bound", "this is %s true: %d is the end of the 32 bit range",
            never ? "never" : "always", (int)k);
}

static void lint_order(const struct lint *l, const struct node *n)
{
    const uint32_t side[2] = {n->left, n->right};
    for (size_t i = 0; i < 2; i++) {
        const struct node *o = &l->ast.node[side[i]];
        const char *name = o->kind == NODE_SLOT ? slot_name(l, o) : "";
        int32_t k;
        if (names_have(times, ARRAY_SIZE(times), name))
            say(l, n->at, "string-order",
                "%s is text, and < and > compare integers only: never true. CESQL cannot order "
                "times",
                name);
        else if (names_have(texts, ARRAY_SIZE(texts), name))
            say(l, n->at, "string-order",
                "%s is text, and < and > compare integers only: never true. Use =, IN or LIKE",
                name);
        else if (o->flags & NODE_CONST && cast_integer(&o->value, &k) != 0)
            say(l, n->at, "string-order",
                "< and > compare integers only, and this text is none: never true");
        else
            continue;
        return;
    }
}

/* Two tests of one AND that no value can pass together. */
static void lint_contradiction(const struct lint *l, uint32_t i)
{
    const struct node *node = l->ast.node, *seen[CHAIN_MAX];
    const struct node *up = l->parent[i] == NONE ? NULL : &node[l->parent[i]];
    size_t n = 0;
    if (node[i].op != WORD_AND || (up && up->kind == NODE_LOGIC && up->op == WORD_AND))
        return;
    lint_parts(node, i, WORD_AND, l->part);
    for (uint32_t k = node[i].first; k <= i && n < CHAIN_MAX; k++) {
        const struct node *t = &node[k];
        if (!l->part[k] || t->kind != NODE_COMPARE || t->op != OP_EQ ||
            node[t->left].kind != NODE_SLOT || node[t->right].value.type != VALUE_STRING ||
            !(node[t->right].flags & NODE_CONST))
            continue;
        for (size_t s = 0; s < n; s++) {
            const struct value *a = &node[seen[s]->right].value, *b = &node[t->right].value;
            if (node[seen[s]->left].n != node[t->left].n ||
                (a->len == b->len && memcmp(a->p, b->p, a->len) == 0))
                continue;
            say(l, t->at, "constant", "%s cannot have two values at once: never true. Use OR or IN",
                slot_name(l, &node[t->left]));
            return;
        }
        seen[n++] = t;
    }
}

/* ---------------------------------------------------------------- attributes that may be absent */
static bool is_negation(const struct node *n)
{
    return n->kind == NODE_NOT || (n->kind == NODE_COMPARE && n->op == OP_NE) ||
           ((n->kind == NODE_LIKE || n->kind == NODE_IN) && n->flags & NODE_INVERT);
}

/* Left of AND: something that is only true when the attribute is there. Left of OR: NOT EXISTS of
 * it. */
static bool guards(const struct lint *l, const struct node *logic, uint32_t slot)
{
    const struct node *node = l->ast.node;
    if (logic->op == WORD_XOR)
        return false;
    lint_parts(node, logic->left, (enum keyword)logic->op, l->part);
    for (uint32_t i = node[logic->left].first; i <= logic->left; i++) {
        const struct node *n = &node[i];
        if (!l->part[i])
            continue;
        if (logic->op == WORD_OR) {
            if (n->kind == NODE_NOT && node[n->left].kind == NODE_EXISTS && node[n->left].n == slot)
                return true;
            continue;
        }
        if ((n->kind == NODE_EXISTS && n->n == slot) ||
            ((n->kind == NODE_COMPARE || n->kind == NODE_LIKE || n->kind == NODE_IN) &&
             node[n->left].kind == NODE_SLOT && node[n->left].n == slot))
            return true;
    }
    return false;
}

static void lint_absent(const struct lint *l, uint32_t i)
{
    const struct node *node = l->ast.node;
    const char *name = slot_name(l, &node[i]);
    uint32_t negation = NONE, from = i;
    if (!l->known || l->known->always_n == 0 ||
        names_have(l->known->always, l->known->always_n, name) ||
        names_have(l->known->given, l->known->given_n, name))
        return;
    for (uint32_t up = l->parent[i]; up != NONE; from = up, up = l->parent[up]) {
        if (is_negation(&node[up]) && negation == NONE)
            negation = up;
        if (node[up].kind == NODE_LOGIC && node[up].right == from &&
            guards(l, &node[up], node[i].n))
            return;
    }
    if (negation != NONE)
        say(l, node[negation].at, "maybe-absent",
            "%s may be absent, and then this is false, not true: write NOT EXISTS %s OR …, or "
            "EXISTS %s AND … to say that absent ones are meant to fail",
            name, name, name);
}

/* ---------------------------------------------------------------- names and values */
static void lint_slot(const struct lint *l, uint32_t i)
{
    const struct node *n = &l->ast.node[i];
    char text[LINT_TEXT_MAX];
    const char *name = slot_name(l, n), *code = lint_attribute_name(l->known, name, text);
    size_t len = strlen(name), end = n->end;
    while (end > n->at && memchr(") \t\r\n", l->text[end - 1], 5))
        end--;
    if (code)
        say(l, end - len, code, "%s", text);
    if (memcmp(l->text + end - len, name, len) != 0)
        say(l, end - len, "wrong-case", "attribute names are lower case: write %s", name);
    if (n->kind == NODE_SLOT)
        lint_absent(l, i);
}

static void lint_type_literal(const struct lint *l, size_t at, const struct value *v)
{
    char value[256], text[LINT_TEXT_MAX];
    if (v->type != VALUE_STRING || v->len >= sizeof(value) || memchr(v->p, '\0', v->len))
        return;
    memcpy(value, v->p, v->len);
    value[v->len] = '\0';
    const char *code = lint_type_value(l->known, value, text);
    if (code)
        say(l, at, code, "%s", text);
}

static void lint_type_pattern(const struct lint *l, const struct node *n)
{
    if (!l->known || l->known->types_n == 0 || n->flags & NODE_CONST)
        return;
    for (size_t i = 0; i < l->known->types_n; i++) {
        if (like_match(l->known->types[i], strlen(l->known->types[i]), n->value.p, n->value.len))
            return;
    }
    say(l, n->at, "unknown-type", "no source of this hub emits a type like this");
}

/* Values that an attribute is compared with. */
static void lint_values(const struct lint *l, const struct node *n)
{
    const struct node *node = l->ast.node, *a = &node[n->left];
    bool type = a->kind == NODE_SLOT && strcmp(slot_name(l, a), "type") == 0;
    if (n->kind == NODE_LIKE) {
        if (type)
            lint_type_pattern(l, n);
        return;
    }
    if (n->kind == NODE_IN) {
        for (uint32_t m = n->right; type && m != NONE; m = node[m].right) {
            if (node[node[m].left].flags & NODE_CONST)
                lint_type_literal(l, node[node[m].left].at, &node[node[m].left].value);
        }
        return;
    }
    const struct node *b = &node[n->right];
    if (b->kind == NODE_SLOT && strcmp(slot_name(l, b), "type") == 0 && a->flags & NODE_CONST)
        lint_type_literal(l, a->at, &a->value);
    if (!(b->flags & NODE_CONST) || b->value.type != VALUE_STRING)
        return;
    if (type)
        lint_type_literal(l, b->at, &b->value);
    bool boolean;
    if (cast_boolean(&b->value, &boolean) == 0 && b->value.p[0] != (boolean ? 't' : 'f'))
        say(l, b->at, "wrong-case",
            "the text of a Boolean is 'true' or 'false', and case counts: write %s without quotes",
            boolean ? "TRUE" : "FALSE");
}

static void lint_call(const struct lint *l, const struct node *n)
{
    static const char *const names[] = {"INT",       "BOOL",      "STRING", "LENGTH", "CONCAT",
                                        "CONCAT_WS", "LOWER",     "UPPER",  "TRIM",   "LEFT",
                                        "RIGHT",     "SUBSTRING", "ABS"};
    if (n->op != FN_NONE)
        return;
    size_t at = n->at, len = 0;
    while (memchr("( \t\r\n", l->text[at], 5))
        at++;
    char name[64];
    for (; len < sizeof(name) - 1 && l->text[at + len] != '('; len++) {
        char c = l->text[at + len];
        name[len] = (char)(c >= 'a' && c <= 'z' ? c - 32 : c);
        if (c == ' ' || c == '\t' || c == '\r' || c == '\n')
            break;
    }
    name[len] = '\0';
    bool known = names_have(names, ARRAY_SIZE(names), name);
    const char *near = known ? NULL : did_you_mean(name, names, ARRAY_SIZE(names));
    say(l, at, "constant",
        "there is no function %s with %u arguments, so this is always an error%s%s%s", name,
        (unsigned)n->n, near ? ": did you mean " : "", near ? near : "", near ? "?" : "");
}

static void lint_amount(const struct lint *l)
{
    const struct node *amount = NULL;
    if (l->known && names_have(l->known->given, l->known->given_n, "currency"))
        return;
    for (size_t i = 0; i < l->ast.n; i++) {
        const struct node *n = &l->ast.node[i];
        if (n->kind != NODE_SLOT && n->kind != NODE_EXISTS)
            continue;
        if (strcmp(slot_name(l, n), "currency") == 0)
            return;
        if (!amount && n->kind == NODE_SLOT && strcmp(slot_name(l, n), "amount") == 0)
            amount = n;
    }
    if (amount)
        say(l, amount->at, "amount-without-currency",
            "amount counts whole units of any currency: add AND currency = 'GBP'");
}

/* ---------------------------------------------------------------- all of it */
static void lint_node(const struct lint *l, uint32_t i)
{
    const struct node *n = &l->ast.node[i];
    switch (n->kind) {
    case NODE_SLOT:
    case NODE_EXISTS:
        lint_slot(l, i);
        break;
    case NODE_LOGIC:
        lint_logic(l, n);
        lint_contradiction(l, i);
        break;
    case NODE_COMPARE:
        lint_not_left(l, n);
        lint_values(l, n);
        lint_bound(l, n);
        if (n->op != OP_EQ && n->op != OP_NE)
            lint_order(l, n);
        break;
    case NODE_LIKE:
    case NODE_IN:
        lint_not_left(l, n);
        lint_values(l, n);
        break;
    case NODE_ARITHMETIC:
        lint_not_left(l, n);
        lint_arithmetic(l, n);
        break;
    case NODE_CALL:
        lint_call(l, n);
        break;
    default:
        break;
    }
    if (n->kind != NODE_LOGIC_MARK && n->kind != NODE_IN_MARK)
        lint_constant(l, i);
}

static void find_parents(struct lint *l)
{
    const struct node *node = l->ast.node;
    for (uint32_t i = 0; i < l->ast.n; i++) {
        const struct node *n = &node[i];
        l->parent[i] = NONE;
        bool two = n->kind == NODE_COMPARE || n->kind == NODE_ARITHMETIC || n->kind == NODE_LOGIC;
        if (two || n->kind == NODE_NOT || n->kind == NODE_NEGATE || n->kind == NODE_LIKE ||
            n->kind == NODE_IN)
            l->parent[n->left] = i;
        if (two)
            l->parent[n->right] = i;
        for (uint32_t m = n->kind == NODE_IN ? n->right : NONE; m != NONE; m = node[m].right)
            l->parent[node[m].left] = i;
        uint32_t arg = i - 1;
        for (uint32_t k = n->kind == NODE_CALL ? n->n : 0; k > 0; k--, arg = arg_before(node, arg))
            l->parent[arg] = i;
    }
}

int cesql_lint(const char *text, size_t len, const struct lint_known *known,
               void (*report)(void *arg, size_t offset, const char *code, const char *text),
               void *arg)
{
    struct lint l = {.text = text, .len = len, .known = known, .report = report, .arg = arg};
    struct err e;
    int r = 0;
    if (len > CESQL_TEXT_MAX || !utf8_valid(text, len))
        return 0;
    lint_tokens(&l);
    l.ast.arena.max = (size_t)CESQL_TEXT_MAX * 16;
    l.symbols = symbols_new();
    if (!l.symbols)
        return -ENOMEM;
    r = ast_parse(&l.ast, text, len, l.symbols, NULL, &e);
    if (r == 0) {
        l.parent = xcalloc(l.ast.n, sizeof(*l.parent));
        l.part = xcalloc(l.ast.n, 1);
        if (l.parent && l.part) {
            ast_fold(&l.ast);
            find_parents(&l);
            for (uint32_t i = 0; i < l.ast.n; i++)
                lint_node(&l, i);
            lint_amount(&l);
        } else {
            r = -ENOMEM;
        }
    }
    free(l.parent);
    free(l.part);
    ast_done(&l.ast);
    symbols_free(l.symbols);
    return r == -ENOMEM ? r : 0;
}
