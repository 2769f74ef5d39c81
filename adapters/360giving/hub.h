/* SPDX-License-Identifier: Apache-2.0 */
/* hub - how a grant's members and those of the hub record answer to each other: one table for both
 * directions. */
#ifndef ADAPTERS_360GIVING_HUB_H
#define ADAPTERS_360GIVING_HUB_H
#include "giving.h"
#include "lib/hub_record.h"
#include "lib/hub_table.h"

extern const struct answers hub_grant;

reeve_rc giving_to_hub(reeve_ctx *ctx, void *inst, const reeve_msg *in, reeve_out *out);
reeve_rc giving_from_hub(reeve_ctx *ctx, void *inst, const reeve_msg *in, reeve_out *out);

#endif
