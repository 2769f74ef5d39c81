/* SPDX-License-Identifier: Apache-2.0 */
/* ocds - inside of the adapter for the Open Contracting Data Standard 1.1 (JSON). */
#ifndef ADAPTERS_OCDS_OCDS_H
#define ADAPTERS_OCDS_OCDS_H
#include "lib/json_check.h"
#include "lib/json_document.h"
#include "lib/print.h"
#include <reeve/plugin.h>
#include <stdbool.h>
#include <stddef.h>

#define OCDS_SCHEMA "https://standard.open-contracting.org/schema/1__1__5/release-schema.json"

extern const struct object ocds_release, ocds_package, ocds_link;
/* parts that rules look for */
extern const struct object ocds_value, ocds_period, ocds_reference, ocds_party;

struct decoding {
    struct json_document doc;
    struct json_unique unique;  /* releases; their ids are ocid and id */
    struct print_set *payments; /* that were emitted, by all that they say */
};

/* What the schema lets pass and the standard does not: warnings. */
void rules_check(struct check *c, const struct place *at, const struct json_node *release);

/* A release that was cut, parsed or found in a record: checked, and what it becomes is emitted or
 * it is refused. body NULL: the release is written again from its values. */
reeve_rc release_decode(struct decoding *d, const struct place *at, const struct json_node *release,
                        const char *body, size_t len);
/* The release is valid. Takes m, whose body is the release. */
reeve_rc release_emit(struct decoding *d, const struct json_node *release, reeve_msg *m);
/* A payment for each transaction of its contracts, as long as the document did not say the same of
 * it before. */
reeve_rc payments_emit(struct decoding *d, const struct json_node *release);

/* Text of an identifier, which may be a number; NULL: neither, or with a zero character inside. */
const char *node_id(const struct json_node *v);
const char *id_text(const struct json_node *o, const char *name);

reeve_rc ocds_decode(reeve_ctx *ctx, void *inst, reeve_reader *r, const char *content_type,
                     reeve_out *out);
reeve_rc ocds_encode(reeve_ctx *ctx, void *inst, const reeve_msg *const *msgs, size_t n,
                     reeve_buf *out);
reeve_rc ocds_to_hub(reeve_ctx *ctx, void *inst, const reeve_msg *in, reeve_out *out);
reeve_rc ocds_from_hub(reeve_ctx *ctx, void *inst, const reeve_msg *in, reeve_out *out);

#endif
