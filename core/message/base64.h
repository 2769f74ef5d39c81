/* SPDX-License-Identifier: Apache-2.0 */
/* base64 - RFC 4648 section 4: standard alphabet, padded, nothing else between. Pure; private to
 * this room. */
#ifndef REEVE_MESSAGE_BASE64_H
#define REEVE_MESSAGE_BASE64_H
#include "base/buf.h"
#include <stdint.h>

#define BASE64_LEN(n) (((n) + 2) / 3 * 4)
/* Appends the text. 0 or a buf error. */
int base64_add(struct buf *out, const void *p, size_t len);
/* Appends the bytes. -EINVAL: not base64 (also bits that are not zero behind the last byte: RFC
 * 4648 section 3.5, so that one value has one text), or a buf error. */
int base64_decode(struct buf *out, const char *p, size_t len);

#endif
