/* SPDX-License-Identifier: Apache-2.0 */
/* giving - inside of the adapter for the 360Giving Data Standard 1.4.3 (JSON packages). */
#ifndef ADAPTERS_360GIVING_GIVING_H
#define ADAPTERS_360GIVING_GIVING_H
#include "lib/json_node.h"
#include "lib/print.h"
#include <reeve/plugin.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GIVING_SCHEMA                                                           \
    "https://raw.githubusercontent.com/ThreeSixtyGiving/standard/1.4.3/schema/" \
    "360-giving-schema.json"

/* ---- where we are in a document: a chain on the stack, made into a JSON pointer only when there
 * is something to say ---- */
struct place {
    const struct place *up;
    const char *name; /* a member, or NULL: the index */
    size_t index;
};
#define POINTER_MAX 512
#define FAULT_MAX   700
void place_pointer(const struct place *at, char out[POINTER_MAX]); /* RFC 6901 */

/* ---- one record being checked ---- */
struct check {
    reeve_ctx *ctx;
    const char *subject; /* the grant's id, NULL when it has none */
    bool personal;       /* a grant to an individual: nothing found is shown */
    char *first;         /* not NULL: nothing is reported, the first error is written here */
    unsigned errors, warnings;
};
/* value NULL: nothing was found. Errors of a record count in check->errors. */
void check_report(struct check *c, uint32_t severity, const char *code, const struct place *at,
                  const struct json_node *value, const char *wanted, const char *text);

/* ---- the schema, as tables ---- */
enum kind {
    KIND_STRING,
    KIND_NUMBER,
    KIND_DATE,       /* date-time or YYYY-MM-DD */
    KIND_EVENT_DATE, /* also YYYY-MM and YYYY */
    KIND_DATE_TIME,
    KIND_URI,
    KIND_CURRENCY,
    KIND_COUNTRY,
    KIND_YES_NO,
    KIND_VERSION, /* package: major.minor */
    KIND_STRINGS, /* array of strings */
    KIND_OBJECT,  /* of */
    KIND_OBJECTS  /* array of objects of */
};
#define FIELD_NULL         1u /* null is allowed */
#define FIELD_REQUIRED     2u
#define FIELD_SOME         4u /* arrays: at least one item */
#define FIELD_NOT_NEGATIVE 8u
#define FIELD_UNIQUE       16u /* arrays: no two equal items */

struct codelist; /* closed by the standard, left open by its schema */
struct field {
    const char *name;
    enum kind kind;
    unsigned flags;
    const struct object *of;
    const struct codelist *codes;
};
struct object {
    const struct field *fields;
    size_t n; /* OBJECT_FIELDS_MAX at most */
};
#define OBJECT_FIELDS_MAX 64
extern const struct object giving_grant, giving_package;
void schema_check(struct check *c, const struct object *o, const struct place *at,
                  const struct json_node *value);
/* schema_check() by giving_grant, and exactly one kind of recipient */
void grant_check(struct check *c, const struct place *at, const struct json_node *grant);

/* ---- code lists ---- */
extern const struct codelist codes_regrant, codes_scope, codes_reason, codes_purpose;
bool codelist_has(const struct codelist *l, const char *code);
const char *codelist_wanted(const struct codelist *l);
bool currency_known(const char *code);
bool country_known(const char *code);

/* ---- the rest ---- */
void rules_check(struct check *c, const struct place *at,
                 const struct json_node *grant); /* what the schema does not say: warnings */
void grant_attributes(reeve_msg *m, const struct json_node *grant);
/* text of a member, NULL when absent, not a string, or with a zero character inside: half of it
 * would pass for another value */
const char *member_text(const struct json_node *o, const char *name);
const struct json_node *first_item(const struct json_node *o, const char *array);

/* Equal JSON values have equal prints (member order and the writing of numbers do not matter). */
struct print json_print(const struct json_node *v);

reeve_rc giving_decode(reeve_ctx *ctx, void *inst, reeve_reader *r, const char *content_type,
                       reeve_out *out);
reeve_rc giving_encode(reeve_ctx *ctx, void *inst, const reeve_msg *const *msgs, size_t n,
                       reeve_buf *out);

#endif
