/* SPDX-License-Identifier: Apache-2.0 */
/* json_check - a JSON value beside the tables of its standard: every place where the official
 * schema would refuse it is reported, with its JSON pointer. For adapters; thread-safe, all but
 * what is given a context. */
#ifndef ADAPTERS_LIB_JSON_CHECK_H
#define ADAPTERS_LIB_JSON_CHECK_H
#include "lib/json_node.h"
#include "lib/print.h"
#include <reeve/plugin.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

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
    const char *subject; /* the record's id, NULL when it has none */
    bool personal;       /* about a person: nothing found is shown */
    /* not NULL: writes where in the source a place of the record is; else it is a JSON pointer */
    void (*where)(const struct check *c, const struct place *at, char out[POINTER_MAX]);
    const void *source; /* of what where() needs */
    char *first;        /* not NULL: nothing is reported, the first error is written here */
    unsigned errors, warnings;
};
/* value NULL: nothing was found. Errors of a record count in check->errors. */
void check_report(struct check *c, uint32_t severity, const char *code, const struct place *at,
                  const struct json_node *value, const char *wanted, const char *text);

/* ---- the schema, as tables ---- */
enum kind {
    KIND_STRING,
    KIND_NUMBER,
    KIND_INTEGER, /* digits alone, as JSON Schema draft 4 has it */
    KIND_BOOLEAN,
    KIND_ID,         /* a string or an integer */
    KIND_DATE,       /* date-time or YYYY-MM-DD */
    KIND_EVENT_DATE, /* also YYYY-MM and YYYY */
    KIND_DATE_TIME,
    KIND_URI,
    KIND_CURRENCY, /* or one of codes */
    KIND_COUNTRY,
    KIND_YES_NO,
    KIND_VERSION, /* package: major.minor */
    KIND_STRINGS, /* array of strings */
    KIND_URIS,    /* array of URIs */
    KIND_OBJECT,  /* of */
    KIND_OBJECTS  /* array of objects of */
};
#define FIELD_NULL         1u /* null is allowed */
#define FIELD_REQUIRED     2u
#define FIELD_SOME         4u /* arrays: at least one item */
#define FIELD_NOT_NEGATIVE 8u
#define FIELD_UNIQUE       16u /* arrays: no two equal items */
#define FIELD_TEXT         32u /* strings: not empty */
#define FIELD_PERSONAL     64u /* names a person: nothing found inside is shown */

/* words: the codes with one blank between them. closed: the schema refuses another code; else that
 * is a warning. wanted: what is said then; NULL: the words. */
struct codelist {
    const char *words, *wanted;
    bool closed;
};
bool codelist_has(const struct codelist *l, const char *code);
bool currency_known(const char *code); /* ISO 4217 with historic codes */
bool country_known(const char *code);  /* ISO 3166-1 alpha-2 */

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
    /* Members that may stand there in other languages as well, blanks between them: title_cy is a
     * string or null. NULL: none. */
    const char *translated;
};
#define OBJECT_FIELDS_MAX 64
#define OBJECT(table)                                        \
    {                                                        \
        .fields = table, .n = sizeof table / sizeof table[0] \
    }

#define OBJECT_TRANSLATED(table, names)                                           \
    {                                                                             \
        .fields = table, .n = sizeof table / sizeof table[0], .translated = names \
    }

void schema_check(struct check *c, const struct object *o, const struct place *at,
                  const struct json_node *value);

/* Equal JSON values have equal prints (member order and the writing of numbers do not matter). */
struct print json_print(const struct json_node *v);

#endif
