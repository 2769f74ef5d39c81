/* SPDX-License-Identifier: Apache-2.0 */
/* events - inside of the adapter for CloudEvents 1.0: structured, batch and binary mode. */
#ifndef ADAPTERS_CLOUDEVENTS_EVENTS_H
#define ADAPTERS_CLOUDEVENTS_EVENTS_H
#include <reeve/plugin.h>
#include <stdbool.h>
#include <stddef.h>

reeve_rc events_decode(reeve_ctx *ctx, void *inst, reeve_reader *r, const char *content_type,
                       reeve_out *out);
reeve_rc events_encode(reeve_ctx *ctx, void *inst, const reeve_msg *const *msgs, size_t n,
                       reeve_buf *out);

/* HTTP header values (HTTP protocol binding 1.0, section 3.1.3.2). decode: 0, or -1 with *ret_error
 * set (static text); out is zero-terminated. encode: 0, or -1 when it does not fit. */
int header_decode(const char *value, char *out, size_t cap, const char **ret_error);
int header_encode(const char *text, char *out, size_t cap);

#endif
