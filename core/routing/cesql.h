/* SPDX-License-Identifier: Apache-2.0 */
/* cesql - CloudEvents SQL 1.0 (cloudevents/spec cesql/spec.md), compiled once, evaluated without
 * allocation. Pure.
 *
 * Where the specification is silent: int32 overflow of + - * and unary minus is a math error with
 * value 0; AND, OR and XOR share one precedence level and go left to right (section 3.2 of the
 * text); IN looks at its elements in order and stops at the first that is equal; an evaluation ends
 * at its first error, so at most one kind is reported; a backslash in a string takes the next
 * character with it (as the reference lexer does), and only backslash + own quote stands for that
 * quote; LOWER and UPPER know ASCII, Latin-1, Latin Extended-A and Additional, Greek and Cyrillic
 * (simple mappings) and leave other letters as they are. Limits: 8 KiB of text, nesting 64. */
#ifndef REEVE_ROUTING_CESQL_H
#define REEVE_ROUTING_CESQL_H
#include "base/buf.h"
#include "base/err.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CESQL_TEXT_MAX  8192
#define CESQL_DEPTH_MAX 64

enum value_type { VALUE_ABSENT, VALUE_STRING, VALUE_INTEGER, VALUE_BOOLEAN };
struct value {
    enum value_type type;
    int32_t integer; /* VALUE_INTEGER; VALUE_BOOLEAN: 0 or 1 */
    const char *p; /* VALUE_STRING: not zero-terminated; borrowed from the event, the program or the
                      scratch */
    size_t len;
};

/* Attribute names seen by a set of programs, each with a slot number. Shared by all programs of one
 * route table. */
struct symbols;
struct symbols *symbols_new(void);
void symbols_free(struct symbols *s);
int symbols_slot(struct symbols *s, const char *name,
                 size_t len); /* adds; lower-cased; the slot, or -ENOMEM */
int symbols_find(const struct symbols *s, const char *name, size_t len); /* the slot or -1 */
size_t symbols_count(const struct symbols *s);
const char *symbols_name(const struct symbols *s, size_t slot);

enum cesql_error { /* a set of bits; names by cesql_error_name() */
                   CESQL_PARSE = 1,
                   CESQL_MATH = 2,
                   CESQL_CAST = 4,
                   CESQL_MISSING_ATTRIBUTE = 8,
                   CESQL_MISSING_FUNCTION = 16,
                   CESQL_FUNCTION = 32,
                   CESQL_GENERIC = 64
};
/* "parse" "math" "cast" "missingAttribute" "missingFunction" "functionEvaluation" "generic" */
const char *cesql_error_name(unsigned one_bit);

struct cesql; /* a compiled expression: immutable, shared by threads */
/* On a parse error: -EINVAL, *e has code "cesql-parse" and what was expected, *ret_offset the byte
 * offset into text. */
int cesql_compile(const char *text, size_t len, struct symbols *syms, struct cesql **ret,
                  size_t *ret_offset, struct err *e);
void cesql_free(struct cesql *c);

/* Memory for the strings an evaluation makes; one per thread, kept between evaluations (grows at
 * first, bounded at 1 MiB: an expression that needs more gets a functionEvaluation error). */
struct cesql_scratch;
struct cesql_scratch *cesql_scratch_new(void);
void cesql_scratch_free(struct cesql_scratch *s);

/* slots[i] is the value of symbols_name(i). The result's string lives until the next evaluation
 * with this scratch. */
unsigned cesql_eval(const struct cesql *c, const struct value *slots, struct cesql_scratch *s,
                    struct value *ret);
/* As a filter: Boolean true and no error (cesql section 2: "matches"). */
bool cesql_matches(const struct cesql *c, const struct value *slots, struct cesql_scratch *s);

#endif
