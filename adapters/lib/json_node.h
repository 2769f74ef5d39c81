/* SPDX-License-Identifier: Apache-2.0 */
/* json_node - one JSON text (RFC 8259, strictly: UTF-8 without half surrogate pairs, no comments,
 * no NaN) as a tree to be looked at. For adapters that check every record of a large document:
 * parsing costs no allocation per value, numbers stay as they were written, and all of a tree is
 * given back at once. One thread per parser. */
#ifndef ADAPTERS_LIB_JSON_NODE_H
#define ADAPTERS_LIB_JSON_NODE_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BODY_DEPTH_MAX  63         /* as deep as the host lets a body be */
#define JSON_VALUES_MAX (1u << 20) /* in one text: 72 MiB of memory */

enum json_kind {
    JSON_NULL,
    JSON_FALSE,
    JSON_TRUE,
    JSON_NUMBER,
    JSON_STRING,
    JSON_ARRAY,
    JSON_OBJECT
};

/* Valid until the parser is used again or freed. Texts have a zero behind them. */
struct json_node {
    enum json_kind kind;
    uint32_t n;                    /* arrays, objects: how many are inside */
    bool repeated;                 /* a member: its object names it again later */
    const struct json_node *first; /* what is inside, in the order of the text; NULL: nothing */
    struct json_node *next;        /* the next beside this one; NULL: this is the last */
    const char *name;              /* a member's, escapes undone; NULL: it is none */
    size_t name_len;
    const char *text; /* string: escapes undone (a zero may stand inside); number: as written */
    size_t len;
};

enum json_fault {
    JSON_OK,
    JSON_BROKEN,   /* not JSON */
    JSON_TOO_DEEP, /* more than so many [ and { inside each other */
    JSON_TOO_MANY, /* JSON_VALUES_MAX */
    JSON_NO_MEMORY
};

struct json_parser;
struct json_parser *json_parser_new(unsigned depth_max); /* NULL: out of memory */
void json_parser_free(struct json_parser *p);            /* NULL is fine */
/* The value in text, which may have white space around it; NULL: json_parser_fault(). The text need
 * not stay. */
const struct json_node *json_parse(struct json_parser *p, const char *text, size_t len);
/* What the last json_parse() found wrong: a sentence for people, and where (offset in the text). */
enum json_fault json_parser_fault(const struct json_parser *p, const char **ret_sentence,
                                  size_t *ret_at);
/* In the last text an object names one member twice. */
bool json_parser_repeats(const struct json_parser *p);

/* ---- looking: v may be NULL and of any kind ---- */
/* A member of an object; the last one when it is named twice. NULL: there is none. */
const struct json_node *node_member(const struct json_node *v, const char *name);
bool node_is(const struct json_node *v, enum json_kind kind);
/* The text of a string; NULL when it is none, or has a zero character inside: half of it would pass
 * for another value. */
const char *node_text(const struct json_node *v);
/* The same of a member. */
const char *member_text(const struct json_node *o, const char *name);
/* The first of a member that is an array; NULL: it is none, or empty. */
const struct json_node *first_item(const struct json_node *o, const char *array);
int node_sign(const struct json_node *number); /* -1, 0 or 1; of anything but a number: 0 */

#endif
