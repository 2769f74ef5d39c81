/* SPDX-License-Identifier: Apache-2.0 */
/* json_cut - cuts a JSON document into its records without parsing them: a boundary scan over a
 * stream.
 *
 * The document's root is an object with one wanted array among its members ({"grants": [ … ]}), or
 * is itself the array. Each record comes out as one contiguous slice of bytes; memory is bounded by
 * the largest record that is wanted. Only what separates records is checked here (brackets, commas,
 * keys, strings' ends); the inside of a record is whatever a JSON parser will say of it. A UTF-8
 * byte order mark is passed over. For adapters; not thread-safe. */
#ifndef ADAPTERS_LIB_JSON_CUT_H
#define ADAPTERS_LIB_JSON_CUT_H
#include <reeve/plugin.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum json_cut_event {
    JSON_CUT_MEMBER,  /* a member of the root object other than the wanted array: key and value */
    JSON_CUT_ARRAY,   /* the wanted array begins: key */
    JSON_CUT_RECORD,  /* a record: index and value */
    JSON_CUT_TOO_BIG, /* a record (or member: index is SIZE_MAX) over the limit was passed over;
                         value is empty */
    JSON_CUT_END,     /* the document ended well */
    JSON_CUT_BROKEN,  /* not JSON: see error, line, column */
    JSON_CUT_FAILED,  /* reading failed, or out of memory */
};

struct json_cut {
    /* results; slices are valid until the next call */
    const char *key, *value; /* key: with its escapes undone, and a zero byte behind it */
    size_t key_len, value_len;
    size_t index;          /* of a record */
    uint64_t line, column; /* 1-based, where the value begins (BROKEN: where it went wrong) */
    const char *error;
    bool bom, root_is_array, array_seen;
    char first; /* the first byte of the document that is not white space, 0 when there is none */

    /* may be set after json_cut_init(): another name that the wanted array can have. The first of
     * the two that stands there is cut, the other is a member like any. NULL: there is none */
    const char *also_wanted;

    /* private */
    char kept_key[128]; /* longer keys are cut: nobody looks for them */
    reeve_reader *reader;
    const char *wanted; /* key of the wanted array; NULL: the root is the array */
    char *buf;
    size_t cap, start, end,
        scan; /* buf[start, end) is unread; scan: how far the current value was searched */
    size_t limit;
    uint64_t lines_before, column_base; /* line feeds before buf[start]; bytes since the last one */
    int state;
    bool eof, failed;
};

/* wanted == NULL: the root must be an array. limit: largest record in bytes. */
void json_cut_init(struct json_cut *c, reeve_reader *reader, const char *wanted, size_t limit);
void json_cut_done(struct json_cut *c);
enum json_cut_event json_cut_next(struct json_cut *c);
/* Line and column of a place inside the current value. */
void json_cut_place(const struct json_cut *c, size_t offset, uint64_t *line, uint64_t *column);

#endif
