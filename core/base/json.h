/* SPDX-License-Identifier: Apache-2.0 */
/* json - a strict RFC 8259 scanner over bytes in memory, and the writer of JSON strings.
 *
 * It makes no tree and copies nothing: it walks, validates (UTF-8, escapes, numbers, depth, no
 * trailing comma, no duplicate look-up cost) and says where things begin and end. Envelope reading,
 * plan reading and control frames stand on it; adapters, which do look inside
 * bodies, have adapters/lib/json_node.h.
 * Lone surrogate escapes (\ud800) are refused: they have no UTF-8 form (RFC 8259 section 8.2 leaves
 * it open). */
#ifndef REEVE_BASE_JSON_H
#define REEVE_BASE_JSON_H
#include "buf.h"
#include "err.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define JSON_DEPTH_MAX \
    64 /* default nesting limit; max_depth above 1024 counts as 1024, 0: no bracket at all */

struct json_slice { /* borrowed */
    const char *p;
    size_t len;
};

struct json_scan {
    const char *start, *p, *end;
    unsigned depth, max_depth;
    struct err err; /* why it stopped: code "json-syntax" | "json-depth" | "json-utf8"; the text has
                       line and column */
};

/* Every function that fails gives -EINVAL and fills s->err; all later calls on s fail too. */
void json_start(struct json_scan *s, const char *p, size_t len, unsigned max_depth);

/* The first byte of the next value after white space: one of { [ " t f n - 0..9, or 0 at the end or
 * on an error. */
char json_peek(struct json_scan *s);
/* Validates and passes over one whole value; ret (may be NULL) is its text without surrounding
 * white space. */
int json_value(struct json_scan *s, struct json_slice *ret);
/* Enters { or [ . */
int json_enter(struct json_scan *s, char bracket);
/* Inside an object: 1 = *ret_key is the next member's key (raw, between its quotes, still escaped)
 * and the scan stands before its value; 0 = the object ended and was left; < 0 error. *first must
 * be true before the first call. The value must be consumed before the next call. json_element is
 * the same for arrays. */
int json_member(struct json_scan *s, bool *first, struct json_slice *ret_key);
int json_element(struct json_scan *s, bool *first);
/* After the top value: only white space may follow. */
int json_end(struct json_scan *s);

/* Undoes the escapes of a validated raw string (text between the quotes) into out (\u0000
 * gives a zero byte). 0, a buf error, or -EINVAL when it was not valid; nothing is added then. */
int json_unescape(struct json_slice raw, struct buf *out);
bool json_needs_unescape(struct json_slice raw);
/* Appends "…" with quotes. p must be valid UTF-8. Escapes only what RFC 8259 section 7 demands. */
int json_add_string(struct buf *out, const char *p, size_t len);
/* Appends a validated value without the white space outside strings; everything else is kept token
 * for token. */
int json_add_compact(struct buf *out, const char *p, size_t len);

#endif
