/* SPDX-License-Identifier: Apache-2.0 */
/* giving - inside of the adapter for the 360Giving Data Standard 1.4.3. */
#ifndef ADAPTERS_360GIVING_GIVING_H
#define ADAPTERS_360GIVING_GIVING_H
#include "lib/json_check.h"
#include "lib/json_node.h"
#include "lib/print.h"
#include <reeve/plugin.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GIVING_SCHEMA                                                           \
    "https://raw.githubusercontent.com/ThreeSixtyGiving/standard/1.4.3/schema/" \
    "360-giving-schema.json"

extern const struct object giving_grant, giving_package;
/* schema_check() by giving_grant, and exactly one kind of recipient */
void grant_check(struct check *c, const struct place *at, const struct json_node *grant);
/* All that is said of one grant by itself; sets c->subject and c->personal. */
void grant_judge(struct check *c, const struct place *at, const struct json_node *grant);
/* Emits m, whose body is the grant, or refuses it when errors were found. Takes m. */
reeve_rc grant_settle(reeve_out *out, const struct check *c, const struct json_node *grant,
                      reeve_msg *m);

/* ---- code lists ---- */
extern const struct codelist codes_regrant, codes_scope, codes_reason, codes_purpose;

/* ---- the rest ---- */
void rules_check(struct check *c, const struct place *at,
                 const struct json_node *grant); /* what the schema does not say: warnings */
void grant_attributes(reeve_msg *m, const struct json_node *grant);
reeve_rc giving_decode(reeve_ctx *ctx, void *inst, reeve_reader *r, const char *content_type,
                       reeve_out *out);
reeve_rc giving_encode(reeve_ctx *ctx, void *inst, const reeve_msg *const *msgs, size_t n,
                       reeve_buf *out);

#endif
