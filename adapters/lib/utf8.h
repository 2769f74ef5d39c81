/* SPDX-License-Identifier: Apache-2.0 */
/* utf8 - characters of UTF-8 (RFC 3629: no surrogates, shortest form). Pure. */
#ifndef ADAPTERS_LIB_UTF8_H
#define ADAPTERS_LIB_UTF8_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One character; *p < end is moved behind it. -1: it is none, and *p is not to be used any more. */
int32_t utf8_read(const char **p, const char *end);
/* A character (no surrogate, up to U+10FFFF) as bytes; returns how many. */
size_t utf8_write(int32_t c, char out[4]);
bool utf8_whole(const char *s, size_t len); /* nothing else stands there */

#endif
