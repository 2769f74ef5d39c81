/* SPDX-License-Identifier: Apache-2.0 */
/* json_document - a document of a JSON standard being decoded: an object whose one array holds the
 * records. json_cut cuts it, each record is parsed on its own; what is no JSON or over a limit is
 * reported here. For adapters; not thread-safe. */
#ifndef ADAPTERS_LIB_JSON_DOCUMENT_H
#define ADAPTERS_LIB_JSON_DOCUMENT_H
#include "lib/json_check.h"
#include "lib/json_cut.h"
#include "lib/json_node.h"
#include <reeve/plugin.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct json_document {
    reeve_ctx *ctx;
    reeve_out *out;
    struct json_cut cut;
    struct json_parser *parser;
    const char *array;  /* the name of the array of records */
    const char *wanted; /* what the document should be, for people */
    size_t taken;       /* records that were emitted or refused */
};

/* array and wanted stay the caller's. false: out of memory. json_document_done() in both cases. */
bool json_document_init(struct json_document *d, reeve_ctx *ctx, reeve_reader *r, reeve_out *out,
                        const char *array, const char *wanted);
void json_document_done(struct json_document *d);
void json_document_issue(struct json_document *d, uint32_t severity, const char *code,
                         const char *where, const char *wanted, const char *text);
/* The value is over a limit, but where it ends is known: what follows is looked at all the same. A
 * record is refused. */
void json_document_over_limit(struct json_document *d, const char *code, const char *wanted,
                              const char *text);
/* Parses the cut value. REEVE_REJECT: it was not JSON, which was reported. REEVE_OK and *ret NULL:
 * it is over a limit, which was reported. */
reeve_rc json_document_parse(struct json_document *d, const struct json_node **ret);
/* The cut value as the body of a new message (freed or emitted by the caller). The host has the
 * last word on what is JSON. */
reeve_rc json_document_body(struct json_document *d, reeve_msg **ret);
/* Reads to the end: what the cut gives is handed on, by what it is; what it cannot read is reported
 * here. The first verdict other than OK ends it. */
struct json_reading {
    reeve_rc (*member)(void *arg); /* beside the array */
    void (*array)(void *arg);      /* the array begins */
    reeve_rc (*record)(void *arg);
    reeve_rc (*end)(void *arg);
};
reeve_rc json_document_read(struct json_document *d, const struct json_reading *fn, void *arg);

/* ---- what every package is asked ---- */
/* The cut member, as a package of it alone: an error in it is one of the whole package. */
void json_document_member(struct json_document *d, const struct object *package,
                          const struct json_node *value);
/* A byte order mark: a warning. */
void json_document_bom(struct json_document *d);
/* The record that was parsed last names a member twice: a warning. */
void json_document_repeats(struct json_document *d, struct check *c, const struct place *at);

/* Records of a document are unique as a whole (an error), and their identifiers are (a warning; the
 * schemas let it pass). */
struct json_unique {
    struct print_set *records, *ids;
    const char *code, *wanted, *text; /* the very same record stood there before */
    const char *id_wanted, *id_text;  /* another one with its identifier did */
};
/* id: the print of its identifier; NULL: it has none. false: out of memory. */
bool json_document_unique(const struct json_unique *u, struct check *c, const struct place *at,
                          const struct json_node *record, const struct print *id);

#endif
