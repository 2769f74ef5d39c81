/* SPDX-License-Identifier: Apache-2.0 */
/* json_node: see json_node.h.
 *
 * Values live in blocks that are used again for the next text. All texts go one behind the other
 * into one buffer of the text's own size and a byte: a string loses its quotes and gains a zero,
 * and a number is followed by at least one byte that is not copied. */
#include "lib/json_node.h"
#include "lib/json_key.h"
#include <stdlib.h>
#include <string.h>

#define BLOCK      512u /* values */
#define FEW        32u  /* so many members are compared with each other one by one */
#define TEXTS_KEPT (1u << 20)

struct block {
    struct block *next;
    struct json_node value[BLOCK];
};

struct json_parser {
    unsigned depth_max;
    struct block *first, *block; /* block: the one being filled */
    size_t used, count;          /* values: of the block; in all */
    char *texts, *write;
    size_t texts_cap;
    const char *begin, *at, *end; /* the text */
    enum json_fault fault;
    const char *sentence;
    bool repeats;
};

struct json_parser *json_parser_new(unsigned depth_max)
{
    struct json_parser *p = calloc(1, sizeof *p);
    if (p == NULL)
        return NULL;
    p->depth_max = depth_max;
    p->first = calloc(1, sizeof *p->first);
    if (p->first == NULL) {
        free(p);
        return NULL;
    }
    return p;
}

static void free_blocks(struct block *b)
{
    while (b != NULL) {
        struct block *next = b->next;
        free(b);
        b = next;
    }
}

void json_parser_free(struct json_parser *p)
{
    if (p == NULL)
        return;
    free_blocks(p->first);
    free(p->texts);
    free(p);
}

static bool fail(struct json_parser *p, enum json_fault fault, const char *sentence)
{
    if (p->fault == JSON_OK) {
        p->fault = fault;
        p->sentence = sentence;
    }
    return false;
}

static bool broken(struct json_parser *p, const char *sentence)
{
    return fail(p, JSON_BROKEN, sentence);
}

/* What a large text needed is not kept for ever. */
static bool start(struct json_parser *p, const char *text, size_t len)
{
    free_blocks(p->first->next);
    p->first->next = NULL;
    p->block = p->first;
    p->used = p->count = 0;
    p->fault = JSON_OK;
    p->repeats = false;
    p->begin = p->at = text;
    p->end = text + len;
    if (p->texts_cap < len + 1 || p->texts_cap > TEXTS_KEPT) {
        size_t cap = len + 1 < 4096 ? 4096 : len + 1;
        free(p->texts);
        p->texts = malloc(cap);
        p->texts_cap = p->texts != NULL ? cap : 0;
        if (p->texts == NULL)
            return fail(p, JSON_NO_MEMORY, "out of memory");
    }
    p->write = p->texts;
    return true;
}

static struct json_node *new_node(struct json_parser *p)
{
    if (p->count == JSON_VALUES_MAX) {
        (void)fail(p, JSON_TOO_MANY, "there are too many values");
        return NULL;
    }
    if (p->used == BLOCK) {
        struct block *b = malloc(sizeof *b);
        if (b == NULL) {
            (void)fail(p, JSON_NO_MEMORY, "out of memory");
            return NULL;
        }
        b->next = NULL;
        p->block->next = b;
        p->block = b;
        p->used = 0;
    }
    struct json_node *v = &p->block->value[p->used++];
    p->count++;
    memset(v, 0, sizeof *v);
    return v;
}

static void skip_space(struct json_parser *p)
{
    while (p->at < p->end && (*p->at == ' ' || *p->at == '\n' || *p->at == '\r' || *p->at == '\t'))
        p->at++;
}

/* ---- strings ---- */
#define EVERY(byte) (UINT64_C(0x0101010101010101) * (byte))

/* High bits where a byte of w is zero; above the lowest of them there may be false ones. */
static uint64_t zeros(uint64_t w)
{
    return (w - EVERY(1)) & ~w & EVERY(0x80);
}

/* Behind the bytes that a string may hold as they are and that are ASCII; eight at a time. */
static const char *pass_plain(const char *s, const char *end)
{
    while (end - s >= 8) {
        uint64_t w;
        memcpy(&w, s, 8);
        uint64_t other = w & EVERY(0x80);
        other |= (w - EVERY(0x20)) & ~w & EVERY(0x80);
        other |= zeros(w ^ EVERY('"')) | zeros(w ^ EVERY('\\'));
        if (other != 0)
            break;
        s += 8;
    }
    while (s < end && (unsigned char)*s >= 0x20 && (unsigned char)*s < 0x80 && *s != '"' &&
           *s != '\\')
        s++;
    return s;
}

/* A string whose quote p->at stands behind. */
static bool take_string(struct json_parser *p, const char **ret, size_t *ret_len)
{
    const char *from = p->at, *s = pass_plain(from, p->end);
    bool plain = s < p->end && *s == '"';
    while (s < p->end && *s != '"')
        s += *s == '\\' ? 2 : 1;
    if (s >= p->end)
        return broken(p, "a string has no end");
    size_t len = (size_t)(s - from);
    *ret = p->write;
    if (plain) {
        memcpy(p->write, from, len);
        p->write[len] = 0;
    } else if (!json_key(from, len, p->write, len + 1, &len)) {
        return broken(p, "this string holds a control character, a wrong escape, half a surrogate "
                         "pair, or is not UTF-8");
    }
    *ret_len = len;
    p->write += len + 1;
    p->at = s + 1;
    return true;
}

/* ---- numbers and words ---- */
static const char *pass_digits(const char *s, const char *end)
{
    while (s < end && *s >= '0' && *s <= '9')
        s++;
    return s;
}

static bool take_number(struct json_parser *p, struct json_node *v)
{
    const char *s = p->at, *digits = s + (*s == '-');
    s = pass_digits(digits, p->end);
    if (s == digits || (*digits == '0' && s - digits > 1))
        return broken(p, s == digits ? "a value is missing here"
                                     : "a number does not begin with a zero");
    if (s < p->end && *s == '.') {
        const char *behind = pass_digits(s + 1, p->end);
        if (behind == s + 1)
            return broken(p, "digits are missing behind the point of a number");
        s = behind;
    }
    if (s < p->end && (*s == 'e' || *s == 'E')) {
        const char *power = s + 1 + (s + 1 < p->end && (s[1] == '+' || s[1] == '-'));
        s = pass_digits(power, p->end);
        if (s == power)
            return broken(p, "the exponent of a number is missing");
    }
    v->kind = JSON_NUMBER;
    v->text = p->write;
    v->len = (size_t)(s - p->at);
    memcpy(p->write, p->at, v->len);
    p->write[v->len] = 0;
    p->write += v->len + 1;
    p->at = s;
    return true;
}

static bool take_word(struct json_parser *p, struct json_node *v, const char *word,
                      enum json_kind kind)
{
    size_t len = strlen(word);
    if ((size_t)(p->end - p->at) < len || memcmp(p->at, word, len) != 0)
        return broken(p, "a value is missing here");
    p->at += len;
    v->kind = kind;
    return true;
}

/* ---- arrays and objects ---- */
static bool take_value(struct json_parser *p, struct json_node *v, unsigned depth);

static bool same_name(const struct json_node *a, const struct json_node *b)
{
    return a->name_len == b->name_len && memcmp(a->name, b->name, a->name_len) == 0;
}

/* Members of one name in the order of the text: names lie behind each other in one buffer. */
static int by_name(const void *a, const void *b)
{
    const struct json_node *const *x = a, *const *y = b;
    size_t len = (*x)->name_len < (*y)->name_len ? (*x)->name_len : (*y)->name_len;
    int order = memcmp((*x)->name, (*y)->name, len);
    if (order == 0)
        order = ((*x)->name_len > (*y)->name_len) - ((*x)->name_len < (*y)->name_len);
    return order != 0 ? order : ((*x)->name > (*y)->name) - ((*x)->name < (*y)->name);
}

static void repeat(struct json_parser *p, struct json_node *member)
{
    member->repeated = true;
    p->repeats = true;
}

static bool mark_among_many(struct json_parser *p, struct json_node *first, size_t n)
{
    struct json_node **all = malloc(n * sizeof *all);
    if (all == NULL)
        return fail(p, JSON_NO_MEMORY, "out of memory");
    for (size_t i = 0; i < n; i++, first = first->next)
        all[i] = first;
    qsort(all, n, sizeof *all, by_name);
    for (size_t i = 1; i < n; i++)
        if (same_name(all[i - 1], all[i]))
            repeat(p, all[i - 1]);
    free(all);
    return true;
}

/* Marks the members that are named again later, so that nobody has to look for them. */
static bool mark_repeated(struct json_parser *p, struct json_node *first, size_t n)
{
    if (n > FEW)
        return mark_among_many(p, first, n);
    for (struct json_node *a = first; a != NULL; a = a->next)
        for (const struct json_node *b = a->next; b != NULL && !a->repeated; b = b->next)
            if (same_name(a, b))
                repeat(p, a);
    return true;
}

static bool take_name(struct json_parser *p, struct json_node *member)
{
    if (p->at == p->end || *p->at != '"')
        return broken(p, "the name of a member is missing here");
    p->at++;
    if (!take_string(p, &member->name, &member->name_len))
        return false;
    skip_space(p);
    if (p->at == p->end || *p->at != ':')
        return broken(p, "a colon is missing here");
    p->at++;
    skip_space(p);
    return true;
}

/* p->at stands on its bracket. */
static bool take_many(struct json_parser *p, struct json_node *v, unsigned depth)
{
    bool object = *p->at == '{';
    char close = object ? '}' : ']';
    struct json_node *first = NULL, *last = NULL;
    if (depth == p->depth_max)
        return fail(p, JSON_TOO_DEEP, "values are nested too deep");
    v->kind = object ? JSON_OBJECT : JSON_ARRAY;
    p->at++;
    skip_space(p);
    while (last != NULL || p->at == p->end || *p->at != close) {
        struct json_node *item = new_node(p);
        if (item == NULL || (object && !take_name(p, item)) || !take_value(p, item, depth + 1))
            return false;
        if (last != NULL)
            last->next = item;
        else
            v->first = first = item;
        last = item;
        v->n++;
        skip_space(p);
        if (p->at < p->end && *p->at == close)
            break;
        if (p->at == p->end || *p->at != ',')
            return broken(p,
                          object ? "a comma or } is missing here" : "a comma or ] is missing here");
        p->at++;
        skip_space(p);
    }
    p->at++;
    return !object || mark_repeated(p, first, v->n);
}

static bool take_value(struct json_parser *p, struct json_node *v, unsigned depth)
{
    if (p->at == p->end)
        return broken(p, "a value is missing here");
    switch (*p->at) {
    case '{':
    case '[':
        return take_many(p, v, depth);
    case '"':
        p->at++;
        v->kind = JSON_STRING;
        return take_string(p, &v->text, &v->len);
    case 't':
        return take_word(p, v, "true", JSON_TRUE);
    case 'f':
        return take_word(p, v, "false", JSON_FALSE);
    case 'n':
        return take_word(p, v, "null", JSON_NULL);
    default:
        return take_number(p, v);
    }
}

const struct json_node *json_parse(struct json_parser *p, const char *text, size_t len)
{
    if (!start(p, text, len))
        return NULL;
    struct json_node *v = new_node(p);
    skip_space(p);
    if (v == NULL || !take_value(p, v, 0))
        return NULL;
    skip_space(p);
    if (p->at < p->end) {
        (void)broken(p, "something follows the value");
        return NULL;
    }
    return v;
}

enum json_fault json_parser_fault(const struct json_parser *p, const char **ret_sentence,
                                  size_t *ret_at)
{
    *ret_sentence = p->sentence;
    *ret_at = (size_t)(p->at - p->begin);
    return p->fault;
}

bool json_parser_repeats(const struct json_parser *p)
{
    return p->repeats;
}

/* ---- looking ---- */
bool node_is(const struct json_node *v, enum json_kind kind)
{
    return v != NULL && v->kind == kind;
}

const struct json_node *node_member(const struct json_node *v, const char *name)
{
    const struct json_node *found = NULL;
    size_t len = strlen(name);
    if (!node_is(v, JSON_OBJECT))
        return NULL;
    for (const struct json_node *m = v->first; m != NULL; m = m->next)
        if (m->name_len == len && memcmp(m->name, name, len) == 0)
            found = m;
    return found;
}

const char *node_text(const struct json_node *v)
{
    return node_is(v, JSON_STRING) && strlen(v->text) == v->len ? v->text : NULL;
}

const char *member_text(const struct json_node *o, const char *name)
{
    return node_text(node_member(o, name));
}

const struct json_node *first_item(const struct json_node *o, const char *array)
{
    const struct json_node *v = node_member(o, array);
    return node_is(v, JSON_ARRAY) ? v->first : NULL;
}

int node_sign(const struct json_node *number)
{
    if (!node_is(number, JSON_NUMBER))
        return 0;
    const char *s = number->text;
    bool negative = *s == '-', zero = true;
    for (s += negative; *s != 0 && *s != 'e' && *s != 'E'; s++)
        zero &= *s == '0' || *s == '.';
    return zero ? 0 : negative ? -1 : 1;
}
