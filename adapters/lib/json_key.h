/* SPDX-License-Identifier: Apache-2.0 */
/* json_key - the name of a JSON member as it is meant: "gr\u0061nts" is grants (RFC 8259, sections
 * 7 and 8.3). For adapters; thread-safe. */
#ifndef ADAPTERS_LIB_JSON_KEY_H
#define ADAPTERS_LIB_JSON_KEY_H
#include <stdbool.h>
#include <stddef.h>

/* raw: the text between the quotes. out gets it with the escapes undone and a zero byte behind it
 * (\u0000 gives one more inside); what is longer than cap - 1 bytes is cut, but checked to its end.
 * false: it is no JSON string (control character, bad escape, half a surrogate pair, not UTF-8). */
bool json_key(const char *raw, size_t len, char *out, size_t cap, size_t *ret_len);

#endif
