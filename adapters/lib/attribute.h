/* SPDX-License-Identifier: Apache-2.0 */
/* attribute - values of documents as CloudEvents attributes: what the type system forbids
 * (CloudEvents 1.0 section 3.1: control characters, noncharacters, empty text) never reaches
 * reeve_msg_set(). */
#ifndef ADAPTERS_LIB_ATTRIBUTE_H
#define ADAPTERS_LIB_ATTRIBUTE_H
#include <reeve/plugin.h>
#include <stdbool.h>
#include <stddef.h>

#define ATTRIBUTE_VALUE_MAX 1024
bool attribute_allowed(const char *s);
/* Sets it when it is there, allowed and of reasonable length; else leaves it absent. */
void attribute_set(reeve_msg *m, const char *name, const char *value);
/* As above, but forbidden characters are written as %XX of their UTF-8 bytes, and '%' as %25 then:
 * for identifiers that must not get lost. */
void attribute_set_escaped(reeve_msg *m, const char *name, const char *value);
/* An amount, a valid JSON number (NULL: not said, or none): amount (whole units, for routing) and
 * exactamount (decimal text, for sums; absent when it needs over HUB_DECIMAL_MAX characters); and
 * its currency, NULL: not said.
 */
void attribute_set_money(reeve_msg *m, const char *number, const char *currency);

#endif
