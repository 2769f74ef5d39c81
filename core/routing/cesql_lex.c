/* SPDX-License-Identifier: Apache-2.0 */
/* cesql_lex - the tokens of an expression, one at a time (cesql section 3.3).
 *
 * A backslash in a string takes the next character with it, so that 'a\\' is closed by its last
 * quote, as in the reference lexer; only backslash + the string's own quote stands for that quote,
 * every other pair stays as written. Signs are never part of a number here: the parser joins them,
 * because only it knows whether an operand is expected. What people bring along from other
 * languages (==, &&, ||, !) is recognised and answered with the cure. */
#include "cesql_private.h"
#include <string.h>

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_word(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

bool word_is(const char *p, size_t len, const char *word)
{
    for (size_t i = 0; i < len; i++) {
        char c = p[i];
        if (c >= 'a' && c <= 'z')
            c = (char)(c - 32);
        if (word[i] == '\0' || c != word[i])
            return false;
    }
    return word[len] == '\0';
}

enum keyword word_find(const char *p, size_t len)
{
    static const struct {
        const char *word;
        enum keyword what;
    } words[] = {{"AND", WORD_AND}, {"OR", WORD_OR},     {"XOR", WORD_XOR},
                 {"NOT", WORD_NOT}, {"LIKE", WORD_LIKE}, {"EXISTS", WORD_EXISTS},
                 {"IN", WORD_IN},   {"TRUE", WORD_TRUE}, {"FALSE", WORD_FALSE}};
    if (len < 2 || len > 6)
        return WORD_NONE;
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (word_is(p, len, words[i].word))
            return words[i].what;
    }
    return WORD_NONE;
}

static struct token bad(struct token t, uint32_t end, const char *why)
{
    t.kind = TOKEN_BAD;
    t.end = end;
    t.why = why;
    return t;
}

static struct token lex_string(struct lexer *l, struct token t)
{
    char quote = l->text[l->at];
    for (uint32_t i = l->at + 1; i < l->len; i++) {
        if (l->text[i] == '\\') {
            i++;
        } else if (l->text[i] == quote) {
            t.kind = TOKEN_STRING;
            t.end = i + 1;
            return t;
        }
    }
    return bad(t, l->len, "this string has no closing quote");
}

static struct token lex_word(struct lexer *l, struct token t)
{
    bool digits = true;
    uint32_t i = l->at;
    for (; i < l->len && is_word(l->text[i]); i++)
        digits = digits && is_digit(l->text[i]);
    t.end = i;
    t.kind = digits ? TOKEN_INTEGER : TOKEN_NAME;
    if (!digits) {
        t.what = (int)word_find(l->text + t.at, t.end - t.at);
        if (t.what != WORD_NONE)
            t.kind = TOKEN_KEYWORD;
    }
    return t;
}

static struct token sign(struct token t, enum operator op, uint32_t len)
{
    t.kind = TOKEN_SIGN;
    t.what = (int)op;
    t.end = t.at + len;
    return t;
}

static struct token lex_sign(struct lexer *l, struct token t)
{
    char c = l->text[l->at], d = l->at + 1 < l->len ? l->text[l->at + 1] : '\0';
    switch (c) {
    case '(':
        return sign(t, OP_OPEN, 1);
    case ')':
        return sign(t, OP_CLOSE, 1);
    case ',':
        return sign(t, OP_COMMA, 1);
    case '+':
        return sign(t, OP_ADD, 1);
    case '-':
        return sign(t, OP_SUB, 1);
    case '*':
        return sign(t, OP_MUL, 1);
    case '/':
        return sign(t, OP_DIV, 1);
    case '%':
        return sign(t, OP_MOD, 1);
    case '=':
        return d == '=' ? bad(t, t.at + 2, "'==' is not CESQL: write a single '='")
                        : sign(t, OP_EQ, 1);
    case '<':
        return d == '=' ? sign(t, OP_LE, 2) : d == '>' ? sign(t, OP_NE, 2) : sign(t, OP_LT, 1);
    case '>':
        return d == '=' ? sign(t, OP_GE, 2) : sign(t, OP_GT, 1);
    case '!':
        return d == '=' ? sign(t, OP_NE, 2) : bad(t, t.at + 1, "'!' is not CESQL: write NOT (…)");
    case '&':
        return bad(t, t.at + (d == '&' ? 2 : 1), "'&' is not CESQL: write AND");
    case '|':
        return bad(t, t.at + (d == '|' ? 2 : 1), "'|' is not CESQL: write OR");
    default:
        return bad(t, t.at + 1, "this character has no meaning in CESQL");
    }
}

struct token lexer_next(struct lexer *l)
{
    while (l->at < l->len && memchr(" \t\r\n", l->text[l->at], 4))
        l->at++;
    struct token t = {.kind = TOKEN_END, .at = l->at, .end = l->at};
    if (l->at == l->len)
        return t;
    char c = l->text[l->at];
    if (c == '\'' || c == '"')
        t = lex_string(l, t);
    else if (is_word(c))
        t = lex_word(l, t);
    else
        t = lex_sign(l, t);
    l->at = t.end;
    return t;
}
