/* SPDX-License-Identifier: Apache-2.0 */
/* cesql_private - what the files of the compiler and the evaluator share; nobody else includes it.
 *
 * Way of an expression: text -> tokens (cesql_lex) -> nodes in postfix order (cesql_parse) ->
 * constants folded (cesql_fold)
 * -> instructions (cesql_code) -> a stack machine (cesql_eval). Because the nodes lie in postfix
 * order, a sub-expression is one unbroken range of nodes and of instructions: every pass after the
 * parser is a loop, none recurses, and explain runs a sub-expression by running its range. */
#ifndef REEVE_ROUTING_CESQL_PRIVATE_H
#define REEVE_ROUTING_CESQL_PRIVATE_H
#include "cesql.h"

#define NONE UINT32_MAX

/* ---- memory for strings: chunks that never move ---- */
struct arena {
    struct arena_chunk *chunk; /* the one being filled; older ones hang behind it */
    size_t total, max;
};
void *arena_take(struct arena *a,
                 size_t len);      /* NULL: over the ceiling or out of memory; aligned to 8 */
void arena_reset(struct arena *a); /* keeps the newest (largest) chunk */
void arena_done(struct arena *a);

/* symbols_find() for a name that is lower case already, as attribute names of events are. */
int symbols_find_lower(const struct symbols *s, const char *name, size_t len);

/* ---- tokens ---- */
enum token_kind {
    TOKEN_END,
    TOKEN_INTEGER,
    TOKEN_STRING,
    TOKEN_NAME,
    TOKEN_KEYWORD,
    TOKEN_SIGN,
    TOKEN_BAD
};
enum keyword {
    WORD_NONE,
    WORD_AND,
    WORD_OR,
    WORD_XOR,
    WORD_NOT,
    WORD_LIKE,
    WORD_EXISTS,
    WORD_IN,
    WORD_TRUE,
    WORD_FALSE
};
enum operator{
    OP_EQ = 1,
    OP_NE,
    OP_LT,
    OP_LE,
    OP_GT,
    OP_GE,
    OP_ADD,
    OP_SUB,
    OP_MUL,
    OP_DIV,
    OP_MOD,
    OP_OPEN,
    OP_CLOSE,
    OP_COMMA
};
struct token {
    enum token_kind kind;
    int what; /* TOKEN_KEYWORD: enum keyword; TOKEN_SIGN: enum operator */
    uint32_t at, end;
    const char *why; /* TOKEN_BAD: what is wrong and the cure */
};
struct lexer {
    const char *text;
    uint32_t len, at;
};
struct token lexer_next(struct lexer *l);
bool word_is(const char *p, size_t len, const char *word); /* ASCII, any case; word is upper case */
enum keyword word_find(const char *p, size_t len);

/* ---- nodes ---- */
enum node_kind {
    NODE_LITERAL,
    NODE_SLOT,
    NODE_EXISTS,
    NODE_NOT,
    NODE_NEGATE,
    NODE_ARITHMETIC,
    NODE_COMPARE,
    NODE_LOGIC,
    NODE_LIKE, /* value: the compiled pattern */
    NODE_IN,
    NODE_CALL,
    NODE_LOGIC_MARK, /* stands before the right operand of AND, OR, XOR */
    NODE_IN_MARK     /* stands behind an element of an IN list; left: the element, right: the mark
                        before or NONE */
};
enum node_flag {
    NODE_PAREN = 1,  /* at and end include the parentheses */
    NODE_CONST = 2,  /* value is known */
    NODE_DEAD = 4,   /* no code: a part of a folded node */
    NODE_INVERT = 8, /* NOT LIKE, NOT IN */
    NODE_PASS = 16,  /* TRUE AND x, FALSE OR x with a Boolean x: the code of x */
    NODE_SET = 32    /* IN with constant elements only */
};
struct node {
    uint8_t kind, op, type, flags; /* op: operator, keyword or function; type: enum value_type,
                                      VALUE_ABSENT = not known before */
    uint32_t at, end;              /* bytes of the text */
    uint32_t first;       /* the first node of this sub-expression; its nodes are first..itself */
    uint32_t left, right; /* operands; IN: right is the last mark */
    uint32_t n;           /* SLOT, EXISTS: the slot; CALL: arguments; IN: elements */
    uint32_t code, code_end; /* its instructions */
    struct value value;
};
struct ast {
    struct node *node;
    size_t n, cap;
    struct arena arena; /* strings of literals */
};
int ast_parse(struct ast *a, const char *text, size_t len, struct symbols *syms, size_t *ret_offset,
              struct err *e);
void ast_fold(struct ast *a);
void ast_done(struct ast *a);
/* The argument before `arg` of a call (arguments stand in order, the last just before the call). */
static inline uint32_t arg_before(const struct node *node, uint32_t arg)
{
    return node[arg].first - 1;
}

/* ---- functions ---- */
enum function {
    FN_NONE,
    FN_INT,
    FN_BOOL,
    FN_STRING,
    FN_LENGTH,
    FN_CONCAT,
    FN_CONCAT_WS,
    FN_LOWER,
    FN_UPPER,
    FN_TRIM,
    FN_LEFT,
    FN_RIGHT,
    FN_SUBSTRING,
    FN_ABS
};
enum function function_find(const char *name, size_t len,
                            size_t args); /* FN_NONE: missingFunction */
enum value_type function_type(enum function f);
unsigned function_call(enum function f, const struct value *arg, size_t n, struct arena *mem,
                       struct value *ret);

/* ---- values: every operation gives the error bits and always a value ---- */
#define INTEGER_TEXT 12
struct value value_zero(enum value_type type);
static inline struct value value_string(const char *p, size_t len)
{
    return (struct value){.type = VALUE_STRING, .p = p, .len = len};
}
static inline struct value value_integer(int32_t i)
{
    return (struct value){.type = VALUE_INTEGER, .integer = i};
}
static inline struct value value_boolean(bool b)
{
    return (struct value){.type = VALUE_BOOLEAN, .integer = b};
}
unsigned cast_integer(const struct value *v, int32_t *ret);
unsigned cast_boolean(const struct value *v, bool *ret);
/* The text of any value; integers are written to buf. */
struct value cast_string(const struct value *v, char buf[INTEGER_TEXT]);
unsigned value_compare(enum operator op, const struct value *l, const struct value *r, bool *ret);
unsigned value_arithmetic(enum operator op, const struct value *l, const struct value *r,
                          int32_t *ret);
bool integer_compare(enum operator op, int32_t l, int32_t r);
bool value_like(const struct value *v, const struct value *pattern);

/* ---- text: code points of UTF-8; a byte that is no part of one counts as a character ---- */
size_t text_step(const char *p, const char *end); /* bytes of the character at p < end */
size_t text_length(const char *p, size_t len);
const char *text_skip(const char *p, size_t len, size_t chars); /* at most to the end */
void text_trim(const char **p, size_t *len);
size_t text_lower(const char *p, size_t len,
                  char *out); /* out: len bytes; never grows; bytes written */
size_t text_upper(const char *p, size_t len, char *out);
/* A LIKE pattern as bytes in which 0xff is any run and 0xfe any character (neither occurs in
 * UTF-8). out: len bytes. */
#define LIKE_RUN 0xffu
#define LIKE_ONE 0xfeu
size_t like_compile(const char *p, size_t len, char *out);
bool like_match(const char *p, size_t len, const char *pattern, size_t pattern_len);

/* ---- a list of constants, looked up at once ---- */
struct value_set;
struct value_set *value_set_new(const struct value *v,
                                size_t n); /* copies; in order, which decides about cast errors */
void value_set_free(struct value_set *s);
unsigned value_set_has(const struct value_set *s, const struct value *v,
                       bool *ret); /* v IN (set) */
bool value_set_has_text(const struct value_set *s, const char *p, size_t len);
size_t value_set_count(const struct value_set *s);                /* as given, with repetitions */
struct value value_set_text(const struct value_set *s, size_t i); /* the text of element i */

/* ---- instructions ---- */
enum instruction {
    I_CONST,  /* push const[a] */
    I_SLOT,   /* push slot[a] */
    I_EXISTS, /* push whether slot[a] is there */
    I_NOT,    /* sub: nothing */
    I_NEGATE,
    I_ARITHMETIC,  /* sub: operator */
    I_COMPARE,     /* sub: operator */
    I_EQUAL_TEXT,  /* push slot[a] = const[b], a string; sub: inverted */
    I_COMPARE_INT, /* push slot[a] OP k; sub: operator */
    I_LIKE,        /* a: const; sub: inverted */
    I_IN_SET,      /* a: set; sub: inverted */
    I_IN_SET_SLOT, /* push slot[b] IN set[a]; sub: inverted */
    I_IN_TEST,     /* left, element: equal: left becomes TRUE, go to a; sub: inverted */
    I_IN_END,      /* left becomes FALSE; sub: inverted */
    I_AND,         /* top as Boolean: false: it is the result, go to a; else drop it */
    I_OR,
    I_XOR,
    I_BOOLEAN, /* top as Boolean */
    I_CALL,    /* sub: function; a: arguments */
    I_NO_FUNCTION
};
struct code {
    uint8_t op, sub;
    uint16_t reserved;
    uint32_t a;
    union {
        uint32_t b;
        int32_t k;
    };
};

struct cesql {
    struct code *code;
    size_t n_code;
    struct value *constant;
    struct value_set **set;
    size_t n_set;
    uint32_t stack_max;
    enum value_type type;    /* of the whole; its zero is the value after an error inside */
    const struct node *node; /* the last one is the whole expression */
    size_t n_node;
    const char *text;
    size_t text_len;
};
/* Runs a range of instructions (one node's). */
unsigned cesql_run(const struct cesql *c, uint32_t from, uint32_t to, const struct value *slots,
                   struct cesql_scratch *s, struct value *ret);
struct arena *scratch_arena(struct cesql_scratch *s);

#endif
