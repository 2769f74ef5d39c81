/* SPDX-License-Identifier: Apache-2.0 */
/* json_write - JSON text (RFC 8259) written value by value into one growing buffer, commas and
 * escapes included. A failure (memory, the ceiling, too many levels) is kept and everything
 * behind it is passed over: ask once, at the end. For adapters; one thread per writer. */
#ifndef ADAPTERS_LIB_JSON_WRITE_H
#define ADAPTERS_LIB_JSON_WRITE_H
#include "lib/json_node.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define JSON_WRITE_DEPTH 64u

struct json_write {
    char *p; /* what is written; not zero-terminated */
    size_t len;
    bool failed;
    /* private */
    size_t cap, max;
    unsigned depth;
    uint64_t items, objects; /* a bit a level: has something in it; is an object */
    bool named;
};

void json_write_init(struct json_write *w, size_t max); /* max: ceiling in bytes */
void json_write_done(struct json_write *w);
void json_write_object(struct json_write *w);
void json_write_array(struct json_write *w);
void json_write_end(struct json_write *w); /* of the innermost of them */
/* The name of a member, before its value. */
void json_write_name(struct json_write *w, const char *name);
void json_write_name_len(struct json_write *w, const char *name, size_t len);
void json_write_text(struct json_write *w, const char *s, size_t len);         /* valid UTF-8 */
void json_write_member(struct json_write *w, const char *name, const char *s); /* both at once */
void json_write_bare(struct json_write *w, const char *s,
                     size_t len); /* a number, true, false, null, or a whole JSON text */
void json_write_node(struct json_write *w, const struct json_node *v); /* as it was read */

#endif
