/* SPDX-License-Identifier: Apache-2.0 */
/* hub_record - reading and writing the hub record (adapters/hub/README.md): its head, and the
 * rules of its simple values. For adapters; thread-safe, all but what is given a context. */
#ifndef ADAPTERS_LIB_HUB_RECORD_H
#define ADAPTERS_LIB_HUB_RECORD_H
#include "lib/json_node.h"
#include "lib/json_write.h"
#include <reeve/plugin.h>
#include <stdbool.h>
#include <stddef.h>

#define HUB_RECORD 1 /* the version of the shapes that this file knows */

/* ---- a record as a whole ---- */
/* The members that begin every record, inside an object that the caller has begun; the caller adds
 * `id`. */
void hub_head(struct json_write *w, const char *type);
/* For to_hub: a message that is `in` but for its body, which becomes what was written. Frees
 * nothing of w. OK, or the verdict with its reason recorded. */
reeve_rc hub_emit(reeve_ctx *ctx, reeve_out *out, const reeve_msg *in, const char *type,
                  const struct json_write *w);
/* For from_hub: the record in a message's body, valid as long as p is not used again. NULL: *ret is
 * the verdict, its reason is recorded (no record, a newer one, another type, no id). */
const struct json_node *hub_read(reeve_ctx *ctx, struct json_parser *p, const reeve_msg *in,
                                 const char *type, reeve_rc *ret);

/* ---- simple values ---- */
#define HUB_DECIMAL_MAX 64u                     /* characters */
bool hub_is_decimal(const struct json_node *v); /* a text of that form */
/* A JSON number as decimal text, exact: 1.5e3 is 1500. false: it needs over HUB_DECIMAL_MAX
 * characters. */
bool hub_decimal(const char *number, char out[HUB_DECIMAL_MAX + 1]);
/* YYYY, YYYY-MM, YYYY-MM-DD, or RFC 3339 with zone */
bool hub_is_date(const struct json_node *v);
bool hub_is_currency(const struct json_node *v); /* the form: three capital letters */
bool hub_is_country(const struct json_node *v);  /* the form: two capital letters */
bool hub_is_url(const struct json_node *v);      /* has a scheme */
/* A GSS code: a letter and eight digits (ONS, "Register of Geographic Codes"). NULL: no. */
bool hub_is_gss(const char *s);

/* ---- identifiers ---- */
/* {"scheme", "id"} of an identifier as one text: an org-id.guide list code (XX-LIST) or 360G in
 * front becomes the scheme, anything else is `local`. The text is never empty and never repaired:
 * hub_identifier_text() gives it back. */
void hub_identifier(struct json_write *w, const char *text, size_t len);
/* The other way: 0 and the text, or -1: it is no identifier, or too long. */
int hub_identifier_text(const struct json_node *identifier, char *out, size_t cap);
/* The first of a list with this scheme; scheme NULL: the first. NULL: there is none. */
const struct json_node *hub_identifier_of(const struct json_node *list, const char *scheme);

#endif
