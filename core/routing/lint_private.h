/* SPDX-License-Identifier: Apache-2.0 */
/* lint_private - what the two lints share; nobody else includes it. */
#ifndef REEVE_ROUTING_LINT_PRIVATE_H
#define REEVE_ROUTING_LINT_PRIVATE_H
#include "cesql_private.h"
#include "route.h"

#define LINT_TEXT_MAX 400

bool names_have(const char *const *names, size_t n, const char *name);
/* The name that differs from `name` in case only, or NULL. */
const char *names_other_case(const char *const *names, size_t n, const char *name);
/* Says what is wrong with a value that `type` is compared with: its code, and words in out; NULL:
 * nothing. */
const char *lint_type_value(const struct lint_known *known, const char *value,
                            char out[LINT_TEXT_MAX]);
/* The same for the name of an attribute (lower case). */
const char *lint_attribute_name(const struct lint_known *known, const char *name,
                                char out[LINT_TEXT_MAX]);
/* Marks in `part` (one byte a node) every node that must be true when node `root` is: the operands
 * of its ANDs, itself included. With op WORD_OR: every node that must be false when it is false. */
void lint_parts(const struct node *node, uint32_t root, enum keyword op, uint8_t *part);

#endif
