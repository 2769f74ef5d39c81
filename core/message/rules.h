/* SPDX-License-Identifier: Apache-2.0 */
/* rules - what CloudEvents 1.0 allows as attribute names and values. Pure; private to this room. */
#ifndef REEVE_MESSAGE_RULES_H
#define REEVE_MESSAGE_RULES_H
#include "message.h"

/* NULL, or what is wrong in words that follow the attribute's name ("has a capital letter").
 * Section 3.1: [a-z0-9]+, not `data`; `data_base64` is no name because of its underscore. */
const char *rule_name(const char *name, size_t len);
/* Of the attributes that the specification itself defines: they are text and nothing else. */
bool rule_is_core(const char *name, size_t len);
/* NULL, or what is wrong with this text as the value of this attribute. The name is a valid one. */
const char *rule_value(const char *name, size_t name_len, const char *p, size_t len);
/* NULL, or what is wrong with this as a String (section 3.3.1): UTF-8, no controls, no
 * noncharacters. */
const char *rule_string(const char *p, size_t len);
/* RFC 3986; absolute: a scheme is needed. A fragment is allowed in both: the official JSON Schema
 * has it so. */
bool rule_uri(const char *p, size_t len, bool absolute);
bool rule_media_type(const char *p,
                     size_t len); /* RFC 2046 with the syntax of RFC 9110 section 8.3.1 */
/* Canonical Integer: -?(0|[1-9][0-9]*) in the range of int32. 0, -EINVAL (another number), -ERANGE.
 */
int rule_integer(const char *p, size_t len, int32_t *ret);

#endif
